"""What may be personal or secret is shown by its form alone."""

import json
from typing import Any

import pytest
from crossdock.masking import LONGEST, sample_of, type_of
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("value", "field", "shown"),
    [
        (True, "/gift", "true"),
        (None, "/tip", "null"),
        ("EXPRESS", "/speed", '"EXPRESS"'),
        ("next_day", "/lines/*/speed", '"next_day"'),
        ("12.30", "/tip", '"12.30"'),
        (-4.5, "/tip", "-4.5"),
        ("2026-01-31T12:00:00+01:00", "/due", '"2026-01-31T12:00:00+01:00"'),
        ("Ada Lovelace, 12", "/who", '"Xxx Xxxxxxxx, 99"'),
        ("ada@example.org", "/who", '"xxx@xxxxxxx.xxx"'),
        ("Zoë Ōta", "/who", '"Xxx xxx"'),
        ("ada", "/nickname", '"xxx"'),
        ("ada", "/payer/first", '"xxx"'),
        ("ADA", "/customer/handle/x", '"XXX"'),
        (4915112345678, "/line", '"9999999999999"'),
        (1815, "/birthday", '"9999"'),
        ("shpat_a1b2", "/hook", '"xxxxx_x9x9"'),
        (
            {"kind": "PICKUP", "name": "ada", "at": {"zip": 8010, "open": True}},
            "/stop",
            '{"kind":"PICKUP","name":"xxx","at":{"zip":"9999","open":true}}',
        ),
        ({"ada@b.co": True, "4711000": 1}, "/by_id", '{"xxx@x.xx":true,"9999999":1}'),
        ([{"email": "a@b.co"}, 7], "/more", '[{"email":"x@x.xx"},7]'),
    ],
)
def test_a_value_is_shown_when_it_can_be_nobodys(value: Any, field: str, shown: str) -> None:
    assert sample_of(value, field) == shown


@given(st.text(min_size=2), st.sampled_from(["/name", "/customer/x", "/api_key"]))
def test_nothing_called_like_personal_data_is_shown(value: str, field: str) -> None:
    letters = {one for one in value if one.isalnum()} - set("xX9")
    assert not letters & set(json.loads(sample_of(value, field)))


def test_a_long_value_is_cut_and_each_has_its_kind() -> None:
    assert len(sample_of("EUR " * 1000, "/a")) == LONGEST
    assert len(sample_of([{"a": "b" * 30}] * 100, "/a")) == LONGEST
    kinds = [type_of(one) for one in ("a", True, 1, 1.5, {}, [], None)]
    assert kinds == ["text", "boolean", "number", "number", "object", "list", "null"]

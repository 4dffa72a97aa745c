"""A page divided into its records: the same as parsing it, with and without msgspec."""

import json
import subprocess
import sys
from typing import Any

import pytest
from crossdock import jsonpieces, jsontext
from crossdock.errors import ContractError
from crossdock.http import Response
from hypothesis import given
from hypothesis import strategies as st

# what no database can store is refused by both, with words; it is tested with them
names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=3)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('[]{}",:\\ a\u00e9', max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner),
    max_leaves=12,
)


def answer(content: bytes) -> Response:
    return Response(200, {}, content, "GET orders")


@given(st.lists(values, max_size=4), values, st.sampled_from([None, 1]))
def test_records_are_what_parsing_gives(records: list[Any], other: Any, indent: int | None) -> None:
    page = json.dumps({"data": {"items": records, "x": other}, "next": other}, indent=indent)
    divided, parsed = answer(page.encode()), answer(page.encode())
    parsed.json()
    for one in (divided, parsed):
        assert [json.loads(record) for record in one.records("/data/items")] == records
        assert one.at("/next") == other
        assert one.at("/data/x") == other
        assert one.at("/data/nowhere/x") is None


def test_a_list_alone_is_a_page_and_null_has_no_records() -> None:
    assert answer(b'[{"a": 1}, 2]').records() == [b'{"a": 1}', b"2"]
    assert answer(b'{"items": null}').records("/items") == []
    assert answer(b'{"items": [[1], [2]]}').at("/items/1/0") == 2


def test_a_record_keeps_what_the_vendor_wrote() -> None:
    number = b"123456789012345678901234567890.10"
    assert answer(b'{"items": [' + number + b"]}").records("/items") == [number]


def test_a_broken_record_ends_itself_and_not_its_page() -> None:
    good, bad = answer(b'{"items": [1, "\xff"], "next": 2}').records("/items")
    assert good == b"1"
    with pytest.raises(ContractError, match="UTF-8"):
        jsontext.parse(bad)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"items": [1', "not JSON"),
        (b'{"items": {"a": 1}}', "/items is no list: {'a': 1}"),
        (b'{"items": ' + b"[" * 100_000, "deeper"),
        (b'{"items": [1]} 2', "not JSON"),
        (b"", "not JSON"),
    ],
)
def test_what_is_no_page_is_refused_as_ever(content: bytes, says: str) -> None:
    with pytest.raises(ContractError, match="GET orders") as caught:
        answer(content).records("/items")
    assert says in str(caught.value)


def test_msgspec_divides_where_it_is_installed() -> None:
    """Else the other tests would compare parsing with itself."""
    assert jsonpieces.members(b'{"a": [1, 2]}') == {"a": b"[1, 2]"}
    assert jsonpieces.elements(b"[1, [2]]") == [b"1", b"[2]"]
    assert jsonpieces.elements(b'{"a": 1}') is None


def test_without_the_extra_all_is_parsed() -> None:
    """In an interpreter that finds neither msgspec nor orjson."""
    code = """
import sys
sys.modules["msgspec"] = sys.modules["orjson"] = None
from crossdock import jsonpieces, jsontext
from crossdock.http import Response
page = Response(200, {}, b'{"items": [{"id": 12345678901234567890123}], "next": "b"}', "GET x")
assert jsonpieces.members(page.content) is None
assert page.records("/items") == [b'{"id":12345678901234567890123}'], page.records("/items")
assert page.at("/next") == "b"
assert jsontext.dump_quickly({"a": 1.5}) == b'{"a":1.5}'
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_answer_without_a_body_has_no_records() -> None:
    assert Response(204, {}, b"", "GET orders").records() == []
    with pytest.raises(ContractError):
        answer(b"").records()

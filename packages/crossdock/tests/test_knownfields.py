"""A field that is not known is found, wherever it is; what is known costs next to nothing."""

import json
from typing import Any

import pytest
from crossdock import knownfields
from crossdock.knownfields import KnownFields
from hypothesis import given
from hypothesis import strategies as st

ORDER = {
    "id": 1,
    "note": None,
    "tags": ["a", "b"],
    "customer": {"id": 7, "address": {"city": "Graz"}},
    "lines": [{"sku": "A", "taxes": []}, {"sku": "B", "taxes": [], "gift": True}],
    "grid": [[1, 2], [{"x": 1}]],
}


def known(*bodies: object) -> KnownFields:
    """Knows every field of these."""
    fields = KnownFields()
    for body in bodies:
        fields.learn(one.field for one in fields.unknown(json.dumps(body).encode()))
    return fields


def news(fields: KnownFields, body: object) -> dict[str, Any]:
    """What is told of it."""
    return {one.field: one.value for one in fields.unknown(json.dumps(body).encode()) if one.told}


@pytest.fixture(params=["msgspec", "walking"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the extra `fast`, and without."""
    if request.param == "walking":
        monkeypatch.setattr(knownfields, "msgspec", None)
    return str(request.param)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"tip": "2.00"}, {"/tip": "2.00"}),
        ({"customer": {"vip": False}}, {"/customer/vip": False}),
        ({"lines": [{}, {"sku": "C", "colour": "red"}]}, {"/lines/*/colour": "red"}),
        (
            {"payer": {"name": "Ada", "at": {"zip": 1}}},
            {"/payer": {"name": "Ada", "at": {"zip": 1}}},
        ),
        ({"grid": [[{"x": 2, "y": 3}]]}, {"/grid/*/*/y": 3}),
        ({"a/b c": 1}, {"/a~1b c": 1}),
        ({"customer": {"8f1c0a22-77": {"x": 1}, "ada@b.co": {"x": 2}}}, {"/customer/*": {"x": 1}}),
    ],
)
def test_a_field_that_is_not_known_is_told_with_its_value(
    change: dict[str, Any], told: dict[str, Any]
) -> None:
    fields = known(ORDER)
    body = {**ORDER, **change}
    data = json.dumps(body).encode()
    assert news(fields, body) == told
    fields.learn(one.field for one in fields.unknown(data))
    assert fields.unknown(data) == []


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"note": "ring twice", "id": 2**70, "customer": None},
        {"lines": [], "tags": [], "grid": []},
        {"note": {"by": "ada"}},
        {"lines": [{"taxes": [{"rate": 0.2}]}]},
        {"note": {}, "tags": [{}, []]},
        {"id": {"of": [{"some": "kind"}]}},
    ],
)
def test_what_is_empty_missing_or_filled_for_the_first_time_is_no_news(
    change: dict[str, Any],
) -> None:
    fields = known(ORDER)
    assert news(fields, {**ORDER, **change}) == {}
    rest = {key: value for key, value in ORDER.items() if key not in change}
    assert news(fields, rest) == {}


@pytest.mark.usefixtures("way")
def test_what_has_no_fields_is_let_through() -> None:
    fields = known(ORDER)
    for data in (b"", b"ISA*00*", b"<xml/>", b"\xff\xfe", b'"text"', b'{"id": ', b"{" * 100_000):
        assert fields.unknown(data) == []


@pytest.mark.usefixtures("way")
def test_keys_that_are_data_are_known_by_their_pattern() -> None:
    fields = KnownFields(["/prices/*/net", "/raw/**"])
    assert news(fields, {"prices": {"USD": {"net": 2}}, "raw": {"any": [{"thing": 1}]}}) == {}
    assert news(fields, {"prices": {"USD": {"gross": 2}}}) == {"/prices/*/gross": 2}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("ab/~*", min_size=1, max_size=2), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(body=st.lists(JSON, max_size=3) | st.dictionaries(st.text("abc", max_size=2), JSON))
def test_a_payload_that_was_learnt_is_known_whatever_it_is(body: object) -> None:
    fields = known(body)
    assert fields.unknown(json.dumps(body).encode()) == []


@given(first=JSON, second=JSON)
def test_the_quick_way_finds_what_walking_finds(first: object, second: object) -> None:
    fields, data = known({"at": first}), json.dumps({"at": second}).encode()
    quick = fields.unknown(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(knownfields, "msgspec", None)
        assert fields.unknown(data) == quick


def test_a_topic_with_too_many_fields_is_left_alone() -> None:
    fields = known({str(number): number for number in range(knownfields.MOST_FIELDS + 1)})
    assert fields.unknown(b'{"new": 1}') == []

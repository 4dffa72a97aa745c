"""The quick reader comes to what the model's own validator comes to, and never takes more."""

import json
from datetime import UTC
from typing import Any

import pytest
from crossdock.canonical import ENTITIES, Order
from crossdock.canonical.entity import Entity
from crossdock.canonical.quick import REMEMBERED, reader
from crossdock.canonical.values import EntityRef
from crossdock.testing import strategies
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

KINDS = st.sampled_from(sorted(ENTITIES.values(), key=lambda model: model.kind))


def own(model: type[Entity], data: bytes) -> Entity:
    return model.__pydantic_validator__.validate_json(data, extra="ignore")


def assert_same(found: Any, wanted: Any) -> None:
    """Equal, of the same types, with the same fields named as given, in the same order."""
    assert type(found) is type(wanted)
    if isinstance(wanted, BaseModel):
        assert found.model_fields_set == wanted.model_fields_set
        assert found.__pydantic_extra__ == wanted.__pydantic_extra__
        assert list(found.__dict__) == list(wanted.__dict__)
        for name, value in wanted.__dict__.items():
            assert_same(found.__dict__[name], value)
    elif isinstance(wanted, tuple):
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)
    else:
        assert found == wanted


@given(KINDS.flatmap(lambda m: st.tuples(st.just(m), strategies.documents(m, unknown_words=True))))
def test_what_is_valid_is_read_the_same(case: tuple[type[Entity], Any]) -> None:
    model, document = case
    data = json.dumps({**document, "from_a_newer_minor": [{"a": None}]}).encode()
    found, wanted = model.parse(data), own(model, data)
    assert_same(found, wanted)
    assert found == wanted
    assert found.dump() == wanted.dump()


@given(KINDS.flatmap(lambda m: st.tuples(st.just(m), strategies.nearly_valid(m))))
def test_what_the_model_refuses_is_refused(case: tuple[type[Entity], Any]) -> None:
    model, wrong = case
    data = json.dumps(wrong.document).encode()
    try:
        wanted = own(model, data)
    except ValidationError:
        with pytest.raises(ValidationError):
            reader(model)(data)
    else:  # wrong for producers only
        assert_same(model.parse(data), wanted)


LINE = {"line_id": "1", "ordered": "2", "unit_price": {"amount": "1", "currency": "EUR"}}
ORDER = {
    "number": "1",
    "placed_at": "2026-01-31T12:00:00Z",
    "currency": "EUR",
    "totals": {"total": {"amount": "1", "currency": "EUR"}},
}


@pytest.mark.parametrize(
    "line",
    [
        {"product": {"native_id": ""}},
        {"product": {"native_id": "x" * 256}},
        {"product": {"native_id": 7}},
        {"product": {"native_id": ["7"]}},
        {"product": []},
        {"ordered": None},
        {"shipped": "3"},
        {"shipped": "1", "cancelled": "2"},
        {"delivered": "1"},
        {"extensions": {"no-dot": 1}},
        {"taxes": [{"title": "x", "amount": {"amount": "1", "currency": "EUX"}}]},
        {"taxes": [{"title": "x", "amount": {"amount": "1.0000001", "currency": "EUR"}}]},
    ],
    ids=json.dumps,
)
def test_a_bad_line_is_refused(line: dict[str, Any]) -> None:
    data = json.dumps({**ORDER, "lines": [{**LINE, **line}]}).encode()
    for read in (reader(Order), lambda data: own(Order, data)):
        with pytest.raises(ValidationError):
            read(data)


@pytest.mark.parametrize(
    "product",
    [
        {},
        {"id": None},
        {"native_id": "7"},
        {"id": None, "native_id": "7"},
        {"id": "p", "x": 1},
        None,
    ],
    ids=json.dumps,
)
def test_a_reference_remembers_what_was_given(product: Any) -> None:
    data = json.dumps({**ORDER, "lines": [{**LINE, "product": product}] * 2}).encode()
    for _ in range(2):
        assert_same(reader(Order)(data), own(Order, data))


@pytest.mark.parametrize(
    ("text", "quick"),
    [
        ("2026-01-31T12:00:00Z", True),
        ("2026-01-31T12:00:00.123456789Z", True),
        ("2026-01-31T12:00:00+00:00", False),
        ("2026-01-31T12:00:00-05:00", False),
        ("2026-02-30T12:00:00Z", False),
        ("2026-01-31T12:00:00Z\n", False),
    ],
)
def test_times_in_utc_are_read_at_once(text: str, quick: bool) -> None:
    data = json.dumps({**ORDER, "placed_at": text, "lines": []}).encode()
    try:
        wanted = own(Order, data)
    except ValidationError:
        wanted = None
    if quick:
        assert_same(reader(Order)(data), wanted)
        assert wanted is not None
        assert wanted.placed_at.tzinfo is UTC
    else:
        with pytest.raises(ValidationError):
            reader(Order)(data)


def test_memory_is_bounded() -> None:
    lines = [{**LINE, "product": {"native_id": f"n{n}"}} for n in range(REMEMBERED + 10)]
    data = json.dumps({**ORDER, "lines": lines}).encode()
    found = reader(Order)(data)
    assert found.lines[-1].product == EntityRef(native_id=f"n{REMEMBERED + 9}")
    first, again = found.lines[-1].product, reader(Order)(data).lines[-1].product
    assert first == again

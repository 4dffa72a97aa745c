"""An entity is written as its own serializer writes it, byte for byte."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import pytest
from crossdock.canonical import ENTITIES, Money, Order
from crossdock.canonical.entity import Entity
from crossdock.canonical.values import EntityRef
from crossdock.canonical.writing import writer
from crossdock.testing import strategies
from hypothesis import given
from hypothesis import strategies as st
from pydantic import PlainSerializer, field_serializer, model_serializer

KINDS = st.sampled_from(sorted(ENTITIES.values(), key=lambda model: model.kind))


SUM = {"amount": "1", "currency": "EUR"}
RATES = ("0.000000000001", "0.0000001", "0.000001", "-0.19", "100000", "0.0")


def own(entity: Entity) -> bytes:
    return entity.__pydantic_serializer__.to_json(entity, exclude_defaults=True)


def written(entity: Entity) -> bytes:
    write = writer(type(entity))
    assert write is not None
    return write(entity)


def test_every_entity_has_a_writer() -> None:
    assert [kind for kind, model in ENTITIES.items() if writer(model) is None] == []


@given(KINDS.flatmap(strategies.entities))
def test_the_bytes_are_the_serializers(entity: Entity) -> None:
    assert written(entity) == own(entity)
    read = type(entity).parse(own(entity))
    assert written(read) == own(read) == own(entity)


def order(**given: Any) -> Order:
    line = {"line_id": "1", "ordered": "2", "unit_price": SUM}
    stated = {
        "number": "1",
        "placed_at": "2026-01-31T12:00:00Z",
        "currency": "EUR",
        "lines": [{**line, **given.pop("line", {})}],
        "totals": {"total": SUM},
        **given,
    }
    return Order.model_validate(stated)


@pytest.mark.parametrize(
    "given",
    [
        {"line": {"cancelled": "0.00", "unit": "EA", "taxes": [], "requires_shipping": True}},
        {"line": {"cancelled": "0.50", "unit": "KGM", "requires_shipping": False}},
        {"payment": {}, "extensions": {}, "tags": [], "test": False},
        {"payment": {"methods": ["visa"]}, "tags": ["a"], "test": True},
        {"payment": {"captured": {"amount": "-0.000001", "currency": "JPY"}}},
        {"extensions": {"com.acme": {"large": 1e16, "small": 1e-7, "many": 2**70, "no": None}}},
        {"extensions": {"com.acme": [1.0, -0.0, True, '\x00\x1f\x7f\u2028 "\\/\b\f\n\r\t']}},
        {"note": '\x01\x1f\x7f\u2028\u00e4\U0001f600 "\\/\b\f\n\r\t</script>'},
        {"placed_at": "2026-01-31T12:00:00.000001Z"},
        {"placed_at": "2026-01-31T12:00:00.5+05:30", "source_status": {"b": "1", "a": "2"}},
        {"taxes": [{"title": "x", "rate": rate, "amount": SUM} for rate in RATES]},
    ],
    ids=str,
)
def test_at_the_edges(given: dict[str, Any]) -> None:
    entity = order(**given)
    assert written(entity) == entity.dump() == own(entity)


class Word(StrEnum):
    MUG = "mug"


class Text(str):
    __slots__ = ()


VALUES = [
    *(None, True, 1, 1.5, float("nan"), 10**30, Decimal("1.00"), Decimal("1E+3"), object()),
    *("mug", "\ud800", 'a"b', Word.MUG, Text('m"g'), {1, 2}, ["mug"], [], (), {"mug": 1}),
    *(Money(amount=1, currency="EUR"), datetime(2026, 1, 31), datetime(2026, 1, 31, tzinfo=UTC)),
    datetime(2026, 1, 31, tzinfo=timezone(timedelta(hours=-5))),
]


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
@pytest.mark.parametrize("name", sorted(Order.model_fields.keys() - {"extensions"}))
def test_a_value_that_was_never_checked_is_the_serializers_to_judge(name: str, value: Any) -> None:
    """As `model_copy(update=…)` leaves it."""
    entity = order().model_copy(update={name: value})

    def told(write: Any) -> bytes | type[Exception]:
        try:
            data: bytes = write(entity)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must be the same
            return type(error)
        return data

    assert told(Order.dump) == told(own)


class Mug(Entity):
    kind = "mug"
    name: str

    @field_serializer("name")
    def _loud(self, name: str) -> str:
        return name.upper()


class Cup(Entity):
    kind = "cup"
    name: str

    @model_serializer
    def _said(self) -> dict[str, Any]:
        return {"cup": self.name}


class Jug(Entity):
    kind = "jug"
    name: Annotated[str, PlainSerializer(lambda name: name[::-1])]


class Pot(Entity):
    kind = "pot"
    name: str
    size: float = 1.0


class Box(Entity):
    kind = "box"
    name: str
    boxes: tuple["Box", ...] = ()


class Lid(Entity):
    kind = "lid"
    name: str
    size: int = 7
    bolts: tuple[EntityRef, ...] = ()


@pytest.mark.parametrize("model", [Mug, Cup, Jug, Pot, Box], ids=lambda model: model.kind)
def test_an_entity_with_what_is_not_known_is_written_by_itself(model: type[Entity]) -> None:
    assert writer(model) is None
    entity = model.model_validate({"name": "Blue"})
    assert entity.dump() == own(entity)


@pytest.mark.parametrize(
    "given", [{}, {"size": 7}, {"size": 8}, {"bolts": [{}, {"id": "1"}]}], ids=str
)
def test_an_entity_of_somebody_else(given: dict[str, Any]) -> None:
    lid = Lid.model_validate({"name": "a", **given})
    assert written(lid) == own(lid)


def test_without_the_extra_the_model_writes() -> None:
    """In an interpreter that finds no msgspec."""
    code = """
import sys
sys.modules["msgspec"] = None
from crossdock.canonical import Customer
from crossdock.canonical.writing import writer
assert writer(Customer) is None
assert Customer(name="Zoë").dump() == '{"name":"Zoë"}'.encode()
"""
    subprocess.run([sys.executable, "-c", code], check=True)

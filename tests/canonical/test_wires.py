"""A wire comes to what the model's own validator comes to, and never takes more."""

import copy
import json
import pickle
import random
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest
from crossdock import ContractError
from crossdock.canonical import ENTITIES, Order
from crossdock.canonical.checking import checker
from crossdock.canonical.entity import Entity
from crossdock.canonical.values import EntityRef, Model
from crossdock.canonical.wires import REFUSED, REMEMBERED, Wire, wire
from crossdock.testing import strategies
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

KINDS = st.sampled_from(sorted(ENTITIES.values(), key=lambda model: model.kind))


def wired(model: type[BaseModel]) -> Wire:
    found = wire(model)
    assert found is not None
    return found


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
        with pytest.raises(REFUSED):
            wired(model).read(data)
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
    for read in (wired(Order).read, lambda data: own(Order, data)):
        with pytest.raises(REFUSED):
            read(data)


@pytest.mark.parametrize(
    "product",
    [
        {},
        {"native_id": "7"},
        {"id": "p"},
        {"id": "p", "native_id": "7"},
    ],
    ids=json.dumps,
)
def test_a_reference_is_remembered(product: Any) -> None:
    data = json.dumps({**ORDER, "lines": [{**LINE, "product": product}] * 2}).encode()
    for _ in range(2):
        assert_same(wired(Order).read(data), own(Order, data))
    found = wired(Order).read(data).lines
    assert found[0].product is found[1].product


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("2026-01-31T12:00:00Z", True),
        ("2026-01-31T12:00:00.123456789Z", True),
        ("2026-01-31T12:00:00+00:00", True),
        ("2026-01-31T12:00:00-05:00", True),
        ("2026-01-31T12:00:00", False),
        ("2026-02-30T12:00:00Z", False),
        ("2026-01-31T12:00:00Z\n", False),
    ],
)
def test_times_are_read_as_the_model_reads_them(text: str, good: bool) -> None:
    data = json.dumps({**ORDER, "placed_at": text, "lines": []}).encode()
    if good:
        found = wired(Order).read(data)
        assert_same(found, own(Order, data))
        assert found.placed_at.tzinfo is UTC
        return
    for read in (wired(Order).read, lambda data: own(Order, data)):
        with pytest.raises(REFUSED):
            read(data)


def test_memory_is_bounded() -> None:
    lines = [{**LINE, "product": {"native_id": f"n{n}"}} for n in range(REMEMBERED + 10)]
    data = json.dumps({**ORDER, "lines": lines}).encode()
    found = wired(Order).read(data)
    assert found.lines[-1].product == EntityRef(native_id=f"n{REMEMBERED + 9}")
    first, again = found.lines[-1].product, wired(Order).read(data).lines[-1].product
    assert first == again


@given(KINDS.flatmap(strategies.entities))
def test_what_we_write_needs_no_other_reader(entity: Entity) -> None:
    data = entity.dump()
    model = type(entity)
    assert_same(wired(model).read(data), own(model, data))
    wired(model).check(json.loads(data))


@given(KINDS.flatmap(strategies.entities))
def test_what_is_read_behaves_as_what_was_built(entity: Entity) -> None:
    model, data = type(entity), entity.dump()

    def read() -> Entity:
        """None of what pydantic keeps beside the fields has been asked for yet."""
        return wired(model).read(data)  # type: ignore[no-any-return]

    wanted = own(model, data)
    assert read() == wanted
    assert wanted == read()
    assert read() == read()
    assert repr(read()) == repr(wanted)
    assert list(read()) == list(wanted)
    assert hashed(read()) == hashed(wanted)
    assert read().model_fields_set == wanted.model_fields_set
    assert read().model_extra == wanted.model_extra
    for option in ("exclude_unset", "exclude_defaults", "exclude_none", "round_trip"):
        chosen: dict[str, Any] = {option: True}
        assert read().model_dump(**chosen) == wanted.model_dump(**chosen)
        assert read().model_dump_json(**chosen) == wanted.model_dump_json(**chosen)
    assert read().model_dump(mode="json") == wanted.model_dump(mode="json")
    assert read().dump() == data
    assert_same(copy.copy(read()), copy.copy(wanted))
    assert_same(copy.deepcopy(read()), copy.deepcopy(wanted))
    assert_same(pickle.loads(pickle.dumps(read())), wanted)
    update = {"id": "another"}
    assert_same(read().model_copy(update=update), wanted.model_copy(update=update))
    assert_same(read().model_copy(deep=True), wanted.model_copy(deep=True))
    assert model.model_validate(read()) == wanted


def hashed(value: object) -> int | None:
    try:
        return hash(value)
    except TypeError:  # extensions that are given are a dict
        return None


PIECES = [
    *(b"", b"\xff", b"\xed\xa0\x80", b"\\", b'"', b",", b"0", b"null", b"{}", b"[]", b"\n"),
    *(b"\\ud800", b"\\u00e4", b"e", b"true", b"-1", b"1e999", b"NaN"),
]


@given(KINDS.flatmap(strategies.entities), st.integers(0, 2**32))
def test_broken_bytes_are_never_taken_for_whole_ones(entity: Entity, seed: int) -> None:
    chance = random.Random(seed)
    data = bytearray(entity.dump())
    for _ in range(chance.randint(1, 3)):
        at = chance.randrange(len(data))
        piece = chance.choice([*PIECES, bytes([data[at]]) * 2])
        data[at : at + chance.randint(0, 2)] = piece
        data = data or bytearray(b"x")
    model = type(entity)
    try:
        found = wired(model).read(bytes(data))
    except REFUSED:
        return
    assert_same(found, own(model, bytes(data)))


@given(KINDS.flatmap(lambda m: st.tuples(st.just(m), strategies.nearly_valid(m))))
def test_no_check_takes_what_the_checker_refuses(case: tuple[type[Entity], Any]) -> None:
    model, wrong = case
    judge = checker(model)
    try:
        wired(model).check(wrong.document)
    except REFUSED:
        return
    if judge is None:
        own(model, json.dumps(wrong.document).encode())
    else:
        judge(wrong.document)


class Word(StrEnum):
    MUG = "mug"


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        Decimal("1.00"),
        1,
        1.5,
        True,
        None,
        b"1",
        datetime(2026, 1, 31, tzinfo=UTC),
        Word.MUG,
        Text("mug"),
        float("nan"),
        ["mug"],
        ("mug",),
        {"mug": 1},
        {1: "mug"},
        {1, 2},
        EntityRef(id="x"),
        "\ud800",
        "",
        "x" * 10_001,
        10**30,
    ],
    ids=repr,
)
@pytest.mark.parametrize(
    "at",
    [
        *("number", "placed_at", "currency", "test", "tags", "customer", "source_status"),
        *("lines", "extensions", "totals", "inner"),
    ],
)
def test_python_values_are_written_only_if_the_checker_takes_them(value: Any, at: str) -> None:
    document: dict[str, Any] = {**ORDER, "lines": [LINE], at: value}
    if at == "inner":
        document["extensions"] = {"com.acme": document.pop(at)}
    judge = checker(Order)
    assert judge is not None
    try:
        Order.write(document)
    except ContractError:
        return
    judge(document)


def test_every_entity_has_a_wire() -> None:
    assert [kind for kind, model in ENTITIES.items() if wire(model) is None] == []


class Mug(Entity):
    kind = "mug"
    model_config = ConfigDict(str_to_lower=True)

    name: str


class Cup(Entity):
    kind = "cup"
    name: str

    @model_validator(mode="before")
    @classmethod
    def _named(cls, given: Any) -> Any:
        return {**given, "name": "cup"}


class Jug(Entity):
    kind = "jug"
    _hidden: int = 7
    name: str


class Pot(Entity):
    kind = "pot"
    name: str
    size: float | None = 1.0

    @model_validator(mode="after")
    def _small(self) -> "Pot":
        if self.name == "large":
            raise ValueError("too large")
        return self


class Box(Entity):
    kind = "box"
    name: str
    boxes: tuple["Box", ...] = ()


@pytest.mark.parametrize("model", [Mug, Cup, Jug, Pot, Box], ids=lambda model: model.kind)
def test_an_entity_with_what_no_wire_knows_is_read_by_itself(model: type[Entity]) -> None:
    assert wire(model) is None
    data = b'{"name":"Blue"}'
    assert_same(model.parse(data), own(model, data))


class Lid(Entity):
    kind = "lid"
    name: str
    size: int = 7
    left: bool = True
    bolts: tuple[EntityRef, ...] = ()
    inner: Model | None = None

    @model_validator(mode="after")
    def _small(self) -> "Lid":
        if self.name == "large":
            raise ValueError("too large")
        return self


@pytest.mark.parametrize(
    ("told", "taken"),
    [
        ({"name": "a"}, True),
        ({"name": "large"}, False),
        ({"name": "a", "size": 8}, True),
        ({"name": "a", "size": 7}, True),
        ({"name": "a", "left": False}, True),
        ({"name": "a", "left": True}, True),
        ({"name": "a", "bolts": [{"id": "1"}]}, True),
        ({"name": "a", "bolts": [], "extensions": {}}, True),
        ({"name": "a", "left": True, "size": 8, "bolts": [{}]}, True),
        ({"name": "a", "id": None}, False),
        ({"name": "a", "new": 1}, False),
    ],
    ids=repr,
)
def test_checks_of_its_own_are_asked_and_stated_defaults_told(told: Any, taken: bool) -> None:
    data = json.dumps(told).encode()
    if taken:
        assert_same(wired(Lid).read(data), own(Lid, data))
        return
    with pytest.raises(REFUSED):
        wired(Lid).read(data)
    if told["name"] == "large":
        with pytest.raises(REFUSED):
            wired(Lid).check(told)
        with pytest.raises(ContractError, match="too large"):
            Lid.parse(data)
    else:
        assert_same(Lid.parse(data), own(Lid, data))


def test_without_the_extra_the_model_reads_and_the_checker_checks() -> None:
    """In an interpreter that finds no msgspec."""
    code = """
import sys
sys.modules["msgspec"] = None
from crossdock import ContractError
from crossdock.canonical import Customer
from crossdock.canonical.wires import wire
assert wire(Customer) is None
assert Customer.write({"name": "Zoë"}) == '{"name":"Zoë"}'.encode()
assert Customer.parse('{"name":"Zoë"}'.encode()).name == "Zoë"
for wrong in (lambda: Customer.write({"name": 7}), lambda: Customer.parse(b'{"name":7}')):
    try:
        wrong()
    except ContractError as error:
        assert error.pointer == "/name", error.pointer
    else:
        raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True)

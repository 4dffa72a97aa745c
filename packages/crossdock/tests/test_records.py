"""Records: read quickly, the same as pydantic reads them, and refused in the same words."""

import json
import random
import subprocess
import sys
from typing import Annotated, Any

import pytest
from crossdock import ContractError, Raw
from crossdock.reading import (
    Amount,
    Count,
    Flag,
    Moment,
    NumericId,
    Ratio,
    Record,
    Required,
    Shape,
    Text,
    TypedDict,
    pattern,
)
from crossdock.records import quick_reader, record_of

Code = Annotated[str, pattern("^[A-Z]{3}$", "three letters")]


class Tax(Record):
    title: Text | None = None
    rate: Ratio | None = None


class Line(Record):
    id: NumericId | None = None
    sku: Text | None = None
    price: Amount
    quantity: Count
    gift: Flag | None = None
    taxes: list[Tax] | None = None
    tip: Any = None


class Order(Record):
    id: NumericId
    at: Moment | None = None
    code: Code
    lines: list[Line]
    first: Line | None = None
    names: list[Text | None] | None = None


class TaxDict(TypedDict, total=False):
    title: Text | None
    rate: Ratio | None


class LineDict(TypedDict, total=False):
    id: NumericId | None
    sku: Text | None
    price: Required[Amount]
    quantity: Required[Count]
    gift: Flag | None
    taxes: list[TaxDict] | None
    tip: Any


class OrderDict(TypedDict, total=False):
    id: Required[NumericId]
    at: Moment | None
    code: Required[Code]
    lines: Required[list[LineDict]]
    first: LineDict | None
    names: list[Text | None] | None


RECORD, DICT = Shape(Order), Shape(OrderDict)
FIELDS = {cls.__name__: list(cls.__annotations__) for cls in (Tax, Line, Order)}


def plain(value: Any) -> Any:
    """A record, of whichever kind, as a dict of all its fields."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if type(value).__name__ in FIELDS:
        return {name: plain(getattr(value, name)) for name in FIELDS[type(value).__name__]}
    return value


def good() -> dict[str, Any]:
    line = {
        "id": 9_000_000_000_001,
        "price": "1.50",
        "quantity": 2,
        "taxes": [{"title": "VAT", "rate": 0.19}, {"rate": "0.07", "title": None}],
        "tip": {"any": ["thing"]},
        "name": "Zoë",
    }
    return {
        "id": 12,
        "at": "2026-01-31T12:00:00-05:00",
        "code": "ABC",
        "lines": [line, line | {"id": "77", "gift": True, "sku": "M", "taxes": None}],
        "first": line,
        "names": ["a", None],
        "unknown": {"deep": [[[1.5e3, "x\n"]]]},
    }


def raw(data: bytes) -> Raw:
    return Raw("orders/create", data=data)


def test_what_is_missing_or_null_is_none() -> None:
    read = RECORD.read(raw(json.dumps(good()).encode()))
    assert (read.id, read.at, read.code) == ("12", "2026-01-31T12:00:00-05:00", "ABC")
    first, second = read.lines
    assert (first.id, first.sku, first.gift, first.tip) == (
        "9000000000001",
        None,
        None,
        {"any": ["thing"]},
    )
    assert (second.id, second.gift, second.taxes) == ("77", True, None)
    assert first.taxes is not None
    assert [(tax.title, tax.rate) for tax in first.taxes] == [("VAT", 0.19), (None, "0.07")]
    assert read.first is not None
    assert read.first.quantity == 2
    assert read.names == ["a", None]


def test_a_record_can_be_made_by_hand() -> None:
    line = Line(price="1", quantity=2)
    assert (line.price, line.quantity, line.sku) == ("1", 2, None)


def test_quick_and_careful_come_to_the_same() -> None:
    data = json.dumps(good()).encode()
    quick = quick_reader(Order)
    assert quick is not None
    careful = record_of(Order)(DICT.read(raw(data)))  # type: ignore[arg-type]
    assert plain(quick(data)) == plain(careful) == plain(RECORD.of(good(), "orders/create"))


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": "x1"},
        {"id": "1\n"},
        {"id": 1.5},
        {"id": True},
        {"id": -1},
        {"id": 2**63},
        {"id": 10**20},
        {"id": "1" * 21},
        {"code": "abc"},
        {"code": "ABC\n"},
        {"code": None},
        {"at": "yesterday"},
        {"at": None},
        {"lines": None},
        {"lines": {}},
        {"lines": [1]},
        {"lines": [None]},
        {"lines": []},
        {"first": None},
        {"first": []},
        {"names": [1]},
        {"names": ["x" * 10_001]},
        *(
            {"lines": [{"price": "1", "quantity": 1} | line]}
            for line in (
                {"price": 1.5},
                {"price": "1E+3"},
                {"price": "01"},
                {"price": " 1"},
                {"price": "1.0000001"},
                {"price": None},
                {"quantity": -1},
                {"quantity": "1"},
                {"quantity": 1.0},
                {"quantity": 10**9 + 1},
                {"gift": "false"},
                {"gift": 0},
                {"sku": "x" * 10_001},
                {"sku": ""},
                {"taxes": [{"rate": "0.19%"}]},
                {"taxes": [{"rate": 10**6}]},
                {"taxes": [{"rate": 0}]},
                {"taxes": [{"rate": False}]},
                {"taxes": [{"title": 7}]},
                {"taxes": {}},
                {"tip": None},
            )
        ),
    ],
    ids=repr,
)
def test_both_kinds_of_shape_take_and_refuse_the_same_in_the_same_words(changes: Any) -> None:
    data = json.dumps(good() | changes).encode()
    assert outcome(RECORD, data) == outcome(DICT, data)
    assert outcome(Again(RECORD), data) == outcome(DICT, data)


class Again:
    """A shape that is given values instead of bytes."""

    def __init__(self, shape: Shape[Any]) -> None:
        self.shape = shape

    def read(self, raw: Raw) -> Any:
        return self.shape.of(raw.body, raw.topic)


PIECES = [
    *(b"", b"\xff", b"\xed\xa0\x80", b"\\", b'"', b",", b"0", b"null", b"{}", b"[]", b"\n", b"-"),
    *(b"\\ud800", b"\\u00e4", b"e", b"true", b"1e999", b"NaN", b"\\u0000", b"[" * 300),
]


def test_broken_bytes_are_never_taken_for_whole_ones() -> None:
    chance, taken = random.Random(7), 0
    whole = json.dumps(good(), ensure_ascii=False).encode()
    for _ in range(3_000):
        data = bytearray(whole)
        at = chance.randrange(len(data))
        data[at : at + chance.randint(0, 2)] = chance.choice([*PIECES, bytes([data[at]]) * 2])
        found, wanted = (outcome(shape, bytes(data)) for shape in (RECORD, DICT))
        assert found == wanted
        taken += isinstance(found, dict)
    assert taken > 300


def outcome(shape: Any, data: bytes) -> Any:
    """The record as a dict of all its fields, or the words of the refusal."""
    try:
        read = shape.read(raw(data))
    except ContractError as error:
        return str(error), error.pointer
    return plain(record_of(Order)(read) if isinstance(read, dict) else read)


def test_without_the_extra_pydantic_reads() -> None:
    """In an interpreter that finds no msgspec."""
    code = """
import sys
sys.modules["msgspec"] = None
from crossdock import ContractError, Raw
from crossdock.reading import Count, NumericId, Record, Shape, Text
from crossdock.records import quick_reader
class Line(Record):
    id: NumericId
    sku: Text | None = None
class Order(Record):
    lines: list[Line]
    first: Line | None = None
assert quick_reader(Order) is None
read = Shape(Order).read(Raw("x", data=b'{"lines": [{"id": 7}], "other": 1}'))
assert (read.lines[0].id, read.lines[0].sku, read.first) == ("7", None, None)
try:
    Shape(Order).read(Raw("x", data=b'{"lines": [{"id": true}]}'))
except ContractError as error:
    assert error.message == "x/lines/0/id: expected a numeric id, found True", error.message
else:
    raise AssertionError
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_record_has_fields_and_nothing_else() -> None:
    with pytest.raises(TypeError, match=r"Big\.exact: a Record has fields and nothing else"):

        class Big(Record):
            value: Text

            @property
            def exact(self) -> str:
                return self.value

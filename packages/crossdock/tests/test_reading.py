"""Shapes: what a vendor wrote is checked whole, and a fault is told where the vendor wrote it."""

import json
from decimal import Decimal
from typing import Annotated, Any

import pytest
from crossdock import ContractError, Raw
from crossdock.reading import (
    Amount,
    Count,
    Flag,
    Moment,
    Number,
    NumericId,
    Ratio,
    Required,
    Shape,
    Text,
    TypedDict,
    Whole,
    pattern,
    since_1970,
)
from hypothesis import given
from hypothesis import strategies as st


class Line(TypedDict, total=False):
    sku: Text | None
    price: Required[Amount]
    quantity: Required[Count]
    rate: Ratio | None
    gift: Flag | None


class Order(TypedDict, total=False):
    id: Required[NumericId]
    at: Moment | None
    code: Annotated[str, pattern("^[A-Z]{3}$", "three letters")]
    lines: Required[list[Line]]


ORDER = Shape(Order)


def good() -> dict[str, Any]:
    return {
        "id": 12,
        "at": "2026-01-31T12:00:00-05:00",
        "code": "ABC",
        "lines": [{"price": "1.50", "quantity": 2, "rate": 0.19, "sku": None, "gift": True}],
        "unknown": {"deep": [[[]]]},
    }


def raw(body: Any) -> Raw:
    return Raw("orders/create", data=json.dumps(body).encode())


def test_the_named_fields_are_read_and_the_others_are_not() -> None:
    read = ORDER.read(raw(good()))
    assert read == {
        "id": "12",
        "at": "2026-01-31T12:00:00-05:00",
        "code": "ABC",
        "lines": [{"price": "1.50", "quantity": 2, "rate": 0.19, "sku": None, "gift": True}],
    }
    assert ORDER.of(good(), "orders/create") == read


def test_a_number_beyond_what_a_float_holds_stays_exact() -> None:
    assert ORDER.read(raw(good() | {"id": 2**63 + 1}))["id"] == "9223372036854775809"


class Minor(TypedDict):
    amount: Whole


def test_a_whole_number_has_its_sign_and_size() -> None:
    shape = Shape(Minor)
    for amount in (1 - 10**18, 0, 10**18 - 1):
        assert shape.read(raw({"amount": amount})) == {"amount": amount}
    for wrong in (10**18, -(10**18), 1.0, "1", True):
        with pytest.raises(ContractError, match="/amount: expected a whole number of at most 18"):
            shape.read(raw({"amount": wrong}))


def test_counts_since_1970_are_moments() -> None:
    assert since_1970(1_795_183_402).isoformat() == "2026-11-20T14:03:22+00:00"
    assert since_1970("1795183402123", 1000).isoformat() == "2026-11-20T14:03:22.123000+00:00"
    assert since_1970(-1).year == 1969
    for wrong in (10**18, "", "x", "9" * 5_000):
        with pytest.raises(ContractError, match="a time since 1970, found "):
            since_1970(wrong)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"id": None}, "orders/create/id: expected a numeric id, found None"),
        ({"id": "x1"}, "orders/create/id: expected a numeric id, found 'x1'"),
        ({"id": 1.5}, "orders/create/id: expected a numeric id, found 1.5"),
        ({"id": True}, "orders/create/id: expected a numeric id, found True"),
        ({"code": "abc"}, "orders/create/code: expected three letters, found 'abc'"),
        ({"code": "ABC\n"}, "orders/create/code: expected three letters, found 'ABC\\n'"),
        (
            {"at": "yesterday"},
            "orders/create/at: expected a time such as 2026-01-31T12:00:00-05:00",
        ),
        ({"lines": None}, "orders/create/lines: expected a list, found None"),
        ({"lines": {}}, "orders/create/lines: expected a list, found {}"),
        ({"lines": [1]}, "orders/create/lines/0: expected an object, found 1"),
        (
            {"lines": [{"price": 1.5, "quantity": 1}]},
            'orders/create/lines/0/price: expected an amount such as "12.30", of at most six '
            "places, found 1.5",
        ),
        (
            {"lines": [{"quantity": 1}]},
            "orders/create/lines/0/price: expected a value, found nothing",
        ),
        (
            {"lines": [{"price": "1", "quantity": -1}]},
            "orders/create/lines/0/quantity: expected a whole number from 0 to 1,000,000,000",
        ),
        (
            {"lines": [{"price": "1", "quantity": "1"}]},
            "orders/create/lines/0/quantity: expected a whole number from 0 to 1,000,000,000",
        ),
        (
            {"lines": [{"price": "1", "quantity": 1, "gift": "false"}]},
            "orders/create/lines/0/gift: expected true or false, found 'false'",
        ),
        (
            {"lines": [{"price": "1", "quantity": 1, "sku": "x" * 10_001}]},
            "orders/create/lines/0/sku: expected text of at most 10,000 characters",
        ),
        (
            {"lines": [{"price": "1", "quantity": 1, "rate": "0.19%"}]},
            "orders/create/lines/0/rate: expected a ratio such as 0.19, found '0.19%'",
        ),
    ],
)
def test_a_fault_says_where_what_and_what_instead(changes: Any, message: str) -> None:
    with pytest.raises(ContractError) as caught:
        ORDER.read(raw(good() | changes))
    assert caught.value.message.startswith(message)
    assert len(caught.value.message) < 300
    with pytest.raises(ContractError) as again:
        ORDER.of(good() | changes, "orders/create")
    assert again.value.message == caught.value.message


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"[]", b"null", b"NaN", b"\xff", b'{"id": "\\ud800"}', b"[" * 100_000],
)
def test_what_is_no_such_json_is_a_contract_error(data: bytes) -> None:
    with pytest.raises(ContractError):
        ORDER.read(Raw("orders/create", data=data))


def test_text_that_no_database_can_store_is_told_with_its_pointer() -> None:
    with pytest.raises(ContractError, match=r"U\+0000 at /lines/0/sku") as caught:
        ORDER.read(raw(good() | {"lines": [{"price": "1", "quantity": 1, "sku": "a\x00"}]}))
    assert caught.value.pointer == "/lines/0/sku"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["id", "lines", "price", "at"]), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_any_json_is_read_or_refused(value: Any) -> None:
    try:
        read = ORDER.of(value, "orders/create")
    except ContractError:
        return
    assert isinstance(read["id"], str)


class Priced(TypedDict):
    price: Number


PRICED = Shape(Priced)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("12", "12"),
        ("-3", "-3"),
        ("12.5", "12.5"),
        ("0.1", "0.1"),
        ("1234567.89", "1234567.89"),
        ("48500000", "48500000"),
        ("999999999999999999", "999999999999999999"),
        ('"12.30"', "12.30"),
        ("1e-7", "0.0000001"),
        ("3.3333333333333335", "3.3333333333333335"),
        ('"19.99123456789012345678"', "19.99123456789012345678"),
    ],
)
def test_a_number_is_an_exact_decimal(sent: str, read: str) -> None:
    raw = Raw("t", data=b'{"price":' + sent.encode() + b"}")
    assert PRICED.read(raw)["price"] == Decimal(read)
    assert PRICED.of(raw.body, "t")["price"] == Decimal(read)


@pytest.mark.parametrize(
    "sent",
    [
        "true",
        "null",
        "[]",
        '"1_0"',
        '"NaN"',
        '"1e5"',
        "1e30",
        "99999999999999.99",
        '""',
        f'"1.{"3" * 41}"',
    ],
)
def test_what_is_no_number_is_told(sent: str) -> None:
    with pytest.raises(ContractError, match="t/price: expected a number such as"):
        PRICED.read(Raw("t", data=b'{"price":' + sent.encode() + b"}"))

"""What a polled record says, and that nothing else than our errors can come of a bad one."""

import copy
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import crossdock
import pytest
from crossdock.canonical import Fulfillment, InventoryLevel, Money, TaxLine
from crossdock_odoo import externalids, translate
from crossdock_odoo.mapping import LEVEL, PICKING
from crossdock_odoo.saleorder import line_tax, unit_price
from hypothesis import given, settings
from hypothesis import strategies as st

ORDER = "ord_g2m2jkga66vqkdex5j2gpmdx8a"
SHIPMENT: dict[str, Any] = {
    "picking": {
        "id": 27,
        "name": "WH/OUT/00021",
        "state": "done",
        "date_done": "2026-11-23 03:16:04",
        "write_date": "2026-11-23 03:16:05",
        "warehouse": "WH",
        "tracking": "1ZX9b0001",
        "tracking_url": False,
        "carrier": False,
    },
    "order": {"id": 36, "external": ORDER},
    "lines": [
        {
            "sale_line_id": 69,
            "external": f"{ORDER}_gid_3a_2f_2f1",
            "move_id": 68,
            "sku": "TOTE",
            "quantity": 1.0,
        },
        {"sale_line_id": 70, "external": False, "move_id": 69, "sku": False, "quantity": 2.5},
    ],
}
STOCK: dict[str, Any] = {
    "product_id": 173,
    "sku": "TOTE",
    "warehouse": "WH",
    "on_hand": 10.000000000000002,
    "reserved": 12.0,
    "write_date": "2026-11-23 03:16:13",
}


def _translate(topic: str, body: Any) -> list[crossdock.Event[Any]]:
    return list(translate(crossdock.Raw(topic, body)))


def test_shipment() -> None:
    (event,) = _translate(PICKING, SHIPMENT)
    assert isinstance(event.data, Fulfillment)
    assert (event.type, event.native_id) == ("fulfillment.shipped", "27")
    assert event.revision == "2026-11-23T03:16:05.000000Z"
    assert event.data.order.id == ORDER
    assert event.data.order.native_id == "36"
    assert [(line.line_id, line.sku, line.quantity) for line in event.data.lines] == [
        ("gid://1", "TOTE", Decimal(1)),
        ("odoo:70", None, Decimal("2.5")),
    ]
    assert event.data.tracking[0].number == "1ZX9b0001"
    assert event.data.shipped_at == datetime(2026, 11, 23, 3, 16, 4, tzinfo=UTC)
    assert (event.data.location, event.data.number) == ("WH", "WH/OUT/00021")


def test_a_shipment_of_an_order_that_is_not_ours() -> None:
    body = copy.deepcopy(SHIPMENT)
    body["order"]["external"] = False
    (event,) = _translate(PICKING, body)
    assert event.data.order.id is None
    assert event.data.order.native_id == "36"


def test_stock() -> None:
    (event,) = _translate(LEVEL, STOCK)
    assert isinstance(event.data, InventoryLevel)
    assert event.native_id == "TOTE@WH"
    data = event.data
    assert [data.on_hand, data.reserved, data.available] == [10, 12, 0]
    assert event.data.as_of == datetime(2026, 11, 23, 3, 16, 13, tzinfo=UTC)


def test_what_says_nothing_is_ignored_with_a_reason() -> None:
    with pytest.raises(crossdock.Ignore, match="no internal reference"):
        _translate(LEVEL, {**STOCK, "sku": False})
    with pytest.raises(crossdock.Ignore, match="moved nothing"):
        _translate(PICKING, {**SHIPMENT, "lines": []})
    with pytest.raises(crossdock.Ignore, match=r"mail\.message. is none of"):
        _translate("mail.message", {})


def test_a_fault_names_its_place() -> None:
    body = copy.deepcopy(SHIPMENT)
    body["lines"][1]["quantity"] = "two"
    with pytest.raises(crossdock.ContractError) as caught:
        _translate(PICKING, body)
    assert caught.value.pointer == "/lines/1/quantity"


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    items = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    return [path, *(place for key, item in items for place in _places(item, (*path, key)))]


HOSTILE = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=True),
    st.text(max_size=300),
    st.just({}),
    st.just([]),
    st.just([1, "name"]),
    st.just("2026-02-30 25:61:61"),
    st.just(10**400),
    st.just(1e300),
    st.just("x" * 20_000),
)


@given(st.sampled_from([(PICKING, SHIPMENT), (LEVEL, STOCK)]), st.data(), HOSTILE)
@settings(max_examples=400, deadline=None)
def test_hostile_records_end_in_our_errors(
    known: tuple[str, dict[str, Any]], data: st.DataObject, value: Any
) -> None:
    topic, body = known
    whole = {"": copy.deepcopy(body)}
    path = ("", *data.draw(st.sampled_from(_places(body))))
    target: Any = whole
    for step in path[:-1]:
        target = target[step]
    if data.draw(st.booleans()):
        target[path[-1]] = value
    else:
        del target[path[-1]]
    raw = crossdock.Raw(topic, data=b"x")
    raw.__dict__["body"] = whole.get("")
    try:
        for event in translate(raw):
            assert event.data.dump()
    except (crossdock.ContractError, crossdock.Ignore):
        return


@given(st.text(min_size=1))
def test_line_ids_survive_the_external_id(line_id: str) -> None:
    try:
        line_id.encode()
    except UnicodeEncodeError:
        return
    name = externalids.line_name(ORDER, line_id)
    assert externalids.line_id_of(ORDER, name) == line_id
    assert "." not in name
    assert "," not in name


def test_our_own_lines_are_no_lines_of_the_channel() -> None:
    for name in (externalids.own_name(ORDER, "ship", 0), f"{ORDER}__disc_12", "other_1", ORDER):
        assert externalids.line_id_of(ORDER, name) is None


@given(
    st.decimals(min_value="0.01", max_value="9999", places=2),
    st.integers(min_value=1, max_value=50),
    st.sampled_from([2, 4, 10]),
    st.sampled_from(["0.0825", "0.19", "0.2"]),
    st.booleans(),
)
@settings(deadline=None)
def test_price_and_rest_make_the_net_amount(
    net: Decimal, quantity: int, digits: int, rate: str, included: bool
) -> None:
    cent = Decimal("0.01")
    zero = Money(amount=Decimal(0), currency="USD")
    taxes = (TaxLine(title="T", rate=Decimal(rate), amount=zero, included=included),)
    price, rest = unit_price(net, Decimal(quantity), digits, cent, taxes=taxes)
    assert (price * quantity).quantize(cent, ROUND_HALF_UP) + rest == net
    assert digits < 10 or rest == 0
    tax = line_tax(net - rest, taxes, cent) + line_tax(rest, taxes, cent)
    assert abs(tax - line_tax(net, taxes, cent)) <= cent


def test_a_rest_is_chosen_so_that_its_tax_adds_up() -> None:
    zero = Money(amount=Decimal(0), currency="USD")
    taxes = (TaxLine(title="T", rate=Decimal("0.0825"), amount=zero),)
    cent = Decimal("0.01")
    found = unit_price(Decimal("161.99"), Decimal(2), 2, cent, taxes=taxes, first=Decimal("89.99"))
    assert found == (Decimal("80.99"), cent)

"""What Shopify's own samples mean, to the letter."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from crossdock import ContractError, Event, Ignore, Raw, RejectedError
from crossdock.canonical import Address, Customer, Fulfillment, Money, Order, Product, statuses
from crossdock.canonical.entity import Entity
from crossdock_shopify.mapping import translate

RECORDINGS = Path(__file__).parent / "recordings"
TOPICS = sorted(json.loads(path.read_text("utf-8"))["name"] for path in RECORDINGS.glob("*.json"))
TRANSLATED = {
    *(f"orders/{fact}" for fact in ("create", "updated", "paid", "cancelled")),
    "fulfillments/create",
    "refunds/create",
    "order_transactions/create",
    "disputes/create",
    *(f"{kind}/{fact}" for kind in ("customers", "products") for fact in ("create", "update")),
    "products/delete",
    *(f"inventory_items/{fact}" for fact in ("create", "update")),
}
FOR_A_PERSON = {"customers/data_request", "customers/redact", "shop/redact"}
NEW_YEAR = datetime(2022, 1, 1, tzinfo=UTC)


def usd(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


def one(raw: Raw) -> Event[Entity]:
    (event,) = translate(raw)
    return event


def order_of(body: dict[str, Any], topic: str = "orders/create") -> Order:
    data = one(Raw(topic, data=json.dumps(body).encode())).data
    assert isinstance(data, Order)
    return data


@pytest.fixture
def body(recording: Callable[[str], Raw]) -> dict[str, Any]:
    """The sample order as it would be placed: neither cancelled nor voided."""
    found: dict[str, Any] = json.loads(recording("orders/create").data)
    found |= {"cancelled_at": None, "cancel_reason": None, "financial_status": "paid"}
    found["total_outstanding"] = "0.00"
    found["current_total_price"] = "404.95"
    return found


def test_the_sample_order_is_read_exactly(recording: Callable[[str], Raw]) -> None:
    event = one(recording("orders/create"))
    order = event.data
    assert isinstance(order, Order)
    assert (event.type, event.native_id) == ("order.placed", "820982911946154508")
    assert event.revision == "2022-01-01T00:00:00.000000Z"
    assert event.occurred_at == NEW_YEAR
    assert (order.number, order.currency, order.placed_at) == ("#9999", "USD", NEW_YEAR)
    assert [line.line_id for line in order.lines] == [
        "487817672276298554",
        "789012345678901234",
        "890123456789012345",
        "976318377106520349",
        "315789986012684393",
    ]
    assert [line.sku for line in order.lines] == [
        "SKU2006-001",
        "LENS-PROTECT-2YR",
        "CASE-LEATHER-PREM",
        "SKU2006-020",
        "SKU2006-035",
    ]
    assert [str(line.unit_price.amount) for line in order.lines] == [
        "89.99",
        "19.99",
        "24.99",
        "159.99",
        "119.99",
    ]
    assert all(line.ordered == line.cancelled == 1 and line.shipped == 0 for line in order.lines)
    assert order.totals.subtotal == usd("404.95")
    assert order.totals.discount == usd("20.00")
    assert order.totals.shipping == usd("10.00")
    assert order.totals.tax == usd("0.00")
    assert order.totals.total == usd("404.95")
    assert order.presentment is None
    (shipping,) = order.shipping
    assert (shipping.title, shipping.price) == ("Generic Shipping", usd("10.00"))
    assert (
        order.shipping_address
        == order.billing_address
        == Address(
            full_name="Steve Shipper",
            company="Shipping Company",
            lines=("123 Shipping Street",),
            postal_code="40003",
            locality="Shippington",
            region="KY",
            country="US",
            phone="555-555-SHIP",
        )
    )
    assert order.customer is not None
    assert order.customer.native_id == "115310627314723954"
    assert (order.customer_name, order.email) == ("John Smith", "jon@example.com")
    assert (order.tags, order.test, order.sales_channel) == (("tag1", "tag2"), True, "web")
    assert (order.cancelled_at, order.cancel_reason) == (NEW_YEAR, "customer")
    assert order.source_status == {"payment": "voided"}
    assert order.payment.methods == ("visa", "bogus")
    assert order.payment.captured == usd("0.00")
    assert order.extensions == {
        "com.shopify": {"current_total_price": "414.95", "customer_locale": "en"}
    }
    found = statuses(order)
    assert (found.order, found.payment, found.fulfillment) == (
        "cancelled",
        "pending",
        "not_required",
    )


@pytest.mark.parametrize("topic", TOPICS)
def test_every_sample_is_an_event_that_survives_the_bus_or_is_ignored_in_words(
    topic: str, recording: Callable[[str], Raw]
) -> None:
    raw = recording(topic)
    if topic in TRANSLATED:
        data = one(raw).data
        assert type(data).parse(data.dump()) == data
    elif topic in FOR_A_PERSON:
        with pytest.raises(RejectedError, match=f"^{re.escape(topic)}: .{{10,}}"):
            list(translate(raw))
    else:
        with pytest.raises(Ignore, match=r".{10,}"):
            list(translate(raw))


@pytest.mark.parametrize(
    ("topic", "type_"),
    [
        ("orders/create", "order.placed"),
        ("orders/updated", "order.updated"),
        ("orders/paid", "order.paid"),
        ("orders/cancelled", "order.cancelled"),
        ("orders/fulfilled", "order.updated"),
        ("orders/partially_fulfilled", "order.updated"),
    ],
)
def test_each_order_topic_is_its_event(topic: str, type_: str, body: dict[str, Any]) -> None:
    assert one(Raw(topic, data=json.dumps(body).encode())).type == type_


def test_unknown_topics_are_ignored_by_name() -> None:
    with pytest.raises(Ignore, match=r"'pigeons/hatched' is a topic this connector does not know"):
        list(translate(Raw("pigeons/hatched", {})))


def test_shipped_counts_live_fulfilments_only(body: dict[str, Any]) -> None:
    line = {"id": 1, "admin_graphql_api_id": "gid://shopify/LineItem/487817672276298554"}
    body["line_items"][0] |= {"quantity": 5, "current_quantity": 5}
    body["fulfillments"] = [
        {"status": "success", "line_items": [{**line, "quantity": 2}]},
        {"status": "cancelled", "line_items": [{**line, "quantity": 2}]},
        {"status": "success", "line_items": [{**line, "quantity": 1}]},
    ]
    first = order_of(body).lines[0]
    assert [int(n) for n in (first.shipped, first.cancelled, first.open)] == [3, 0, 2]
    body["cancelled_at"] = "2022-01-01T00:00:00Z"
    first = order_of(body, "orders/cancelled").lines[0]
    assert [int(n) for n in (first.shipped, first.cancelled, first.open)] == [3, 2, 0]


@pytest.mark.parametrize(
    ("shipped", "current", "kind", "cancelled", "returned"),
    [
        (0, 2, "cancel", 1, 0),
        (3, 2, "return", 0, 1),
        (3, 2, "no_restock", 0, 0),
        (1, 1, "no_restock", 2, 0),
        (0, 2, "return", 1, 0),
    ],
)
def test_what_is_gone_was_cancelled_or_came_back(
    body: dict[str, Any], shipped: int, current: int, kind: str, cancelled: int, returned: int
) -> None:
    gid = "gid://shopify/LineItem/487817672276298554"
    body["line_items"][0] |= {"quantity": 3, "current_quantity": current}
    line = {"id": 1, "admin_graphql_api_id": gid}
    body["fulfillments"] = [{"status": "success", "line_items": [{**line, "quantity": shipped}]}]
    money = {"amount": "89.99", "currency_code": "USD"}
    body["refunds"] = [
        {
            "refund_line_items": [
                {
                    "quantity": 3 - current,
                    "restock_type": kind,
                    "line_item": line,
                    "subtotal_set": {"shop_money": money},
                }
            ],
            "transactions": [
                {"kind": "refund", "status": "success", "amount": "89.99", "currency": "USD"},
                {"kind": "refund", "status": "failure", "amount": "1.00", "currency": "USD"},
            ],
        }
    ]
    body["current_total_price"] = "314.96"
    body["financial_status"] = "partially_refunded"
    order = order_of(body)
    first = order.lines[0]
    assert [int(first.cancelled), int(first.return_received)] == [cancelled, returned]
    assert first.refunded == usd("89.99")
    assert (order.payment.refunded, order.payment.captured) == (usd("89.99"), usd("404.95"))
    assert statuses(order).payment == "partially_refunded"


@pytest.mark.parametrize(
    ("status", "outstanding", "expected"),
    [
        ("paid", "0.00", "paid"),
        ("pending", "404.95", "pending"),
        ("authorized", "404.95", "authorised"),
        ("partially_paid", "300.00", "partially_paid"),
        ("voided", "404.95", "pending"),
    ],
)
def test_payment_follows_from_amounts(
    body: dict[str, Any], status: str, outstanding: str, expected: str
) -> None:
    body |= {"financial_status": status, "total_outstanding": outstanding}
    assert statuses(order_of(body)).payment == expected


def test_discounts_are_named_by_their_application(body: dict[str, Any]) -> None:
    body["discount_applications"] = [
        {"type": "discount_code", "code": "TENOFF"},
        {"type": "manual", "title": "Sorry", "description": "late"},
    ]
    body["line_items"][0]["discount_allocations"] = [
        {"amount": "5.00", "discount_application_index": 1},
        {"amount": "2.50", "discount_application_index": 0},
        {"amount": "1.00", "discount_application_index": 7},
    ]
    found = order_of(body).lines[0].discounts
    assert [(d.amount, d.code, d.title) for d in found] == [
        (usd("5.00"), None, "Sorry"),
        (usd("2.50"), "TENOFF", None),
        (usd("1.00"), None, None),
    ]


def test_taxes_say_whether_prices_hold_them_and_who_remits(body: dict[str, Any]) -> None:
    body["taxes_included"] = True
    body["line_items"][0]["tax_lines"] = [
        {"title": "VAT", "rate": 0.19, "price": "14.37", "channel_liable": False},
        {"title": "Eco", "rate": 1e-05, "price": "0.01", "channel_liable": True},
    ]
    order = order_of(body)
    first, second = order.lines[0].taxes
    assert order.prices_include_tax
    assert (first.rate, first.amount, first.included) == (Decimal("0.19"), usd("14.37"), True)
    assert (first.remitted_by, second.remitted_by) == ("merchant", "marketplace")
    assert second.rate == Decimal("0.00001")


def test_what_the_customer_saw_is_kept_when_it_differs(body: dict[str, Any]) -> None:
    body["presentment_currency"] = "EUR"
    body["total_price_set"]["presentment_money"] = {"amount": "372.00", "currency_code": "EUR"}
    for key in ("subtotal_price", "total_tax", "total_discounts", "total_shipping_price"):
        body[f"{key}_set"]["presentment_money"]["currency_code"] = "EUR"
    shown = order_of(body).presentment
    assert shown is not None
    assert shown.total == Money(amount=Decimal("372.00"), currency="EUR")


def test_gift_cards_tips_and_services_are_told_apart(body: dict[str, Any]) -> None:
    body["line_items"][0] |= {"gift_card": True, "requires_shipping": False}
    body["line_items"][1] |= {"tip_payment_gateway": "bogus", "requires_shipping": False}
    body["line_items"][2] |= {"requires_shipping": False}
    body["line_items"][3] |= {"fulfillment_service": "acme-3pl"}
    order = order_of(body)
    assert [line.nature for line in order.lines] == [
        "gift_card",
        "tip",
        "digital",
        "goods",
        "goods",
    ]
    assert [line.fulfilled_by for line in order.lines][3:] == ["3pl", "merchant"]


@pytest.mark.parametrize(
    ("path", "value", "pointer"),
    [
        (["line_items", 0, "price"], 89.99, "/line_items/0/price"),
        (["line_items", 2, "quantity"], "1", "/line_items/2/quantity"),
        (
            ["line_items", 1, "admin_graphql_api_id"],
            "gid://x",
            "/line_items/1/admin_graphql_api_id",
        ),
        (["currency"], "usd", "/currency"),
        (["currency"], None, "/currency"),
        (["updated_at"], "yesterday", "/updated_at"),
        (["updated_at"], "2021-12-31T19:00:00", "/updated_at"),
        (["updated_at"], "0001-01-01T00:00:00+05:00", "/updated_at"),
        (["total_price"], "1e3", "/total_price"),
        (["shipping_address", "country_code"], "USA", "/shipping_address/country_code"),
        (["line_items"], None, "/line_items"),
        (["customer"], [], "/customer"),
        (["note"], "x" * 10_001, "/note"),
    ],
)
def test_a_fault_is_named_with_topic_pointer_and_value(
    body: dict[str, Any], path: list[Any], value: Any, pointer: str
) -> None:
    at: Any = body
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    with pytest.raises(ContractError) as caught:
        order_of(body)
    assert caught.value.pointer == pointer
    assert caught.value.message.startswith(f"orders/create{pointer}: expected ")
    assert "found " in caught.value.message


def test_the_sample_fulfilment_is_read_exactly(recording: Callable[[str], Raw]) -> None:
    event = one(recording("fulfillments/create"))
    data = event.data
    assert isinstance(data, Fulfillment)
    assert (event.type, event.native_id) == ("fulfillment.shipped", "123456")
    assert data.order.native_id == "820982911946154500"  # rounded in the sample itself
    assert [(line.line_id, line.sku, int(line.quantity)) for line in data.lines][:2] == [
        ("487817672276298554", "SKU2006-001", 1),
        ("789012345678901234", "LENS-PROTECT-2YR", 1),
    ]
    (parcel,) = data.tracking
    assert (parcel.number, parcel.carrier) == ("1z827wk74630", "UPS")
    assert (data.number, data.source_status, data.shipped_at) == ("#9999.1", "pending", NEW_YEAR)


@pytest.mark.parametrize(
    ("topic", "status", "type_"),
    [
        ("fulfillments/create", "success", "fulfillment.shipped"),
        ("fulfillments/update", "success", "fulfillment.updated"),
        ("fulfillments/update", "cancelled", "fulfillment.cancelled"),
        ("fulfillments/create", "error", "fulfillment.cancelled"),
    ],
)
def test_a_fulfilment_that_holds_no_goods_is_cancelled(
    topic: str, status: str, type_: str, recording: Callable[[str], Raw]
) -> None:
    body = json.loads(recording("fulfillments/create").data) | {"status": status}
    assert one(Raw(topic, body)).type == type_


def test_the_sample_customer(recording: Callable[[str], Raw]) -> None:
    event = one(recording("customers/create"))
    data = event.data
    assert isinstance(data, Customer)
    assert (event.type, event.native_id) == ("customer.changed", "706405506930370084")
    assert (data.name, data.email) == ("Bob Biller", "bob@biller.com")
    (address,) = data.addresses
    assert (address.locality, address.region, address.country) == ("Ottawa", "ON", "CA")


def test_the_sample_product(recording: Callable[[str], Raw]) -> None:
    event = one(recording("products/update"))
    data = event.data
    assert isinstance(data, Product)
    assert (event.type, event.native_id) == ("product.changed", "788032119674292922")
    assert (data.name, data.brand, data.category) == ("Example T-Shirt", "Acme", "Shirts")
    assert [v.variant_id for v in data.variants] == ["642667041472713922", "757650484644203962"]
    assert data.variants[0].options == {"option1": "Small"}
    assert data.variants[0].list_price is None, "the payload tells no currency"
    assert data.variants[0].extensions["com.shopify"]["price"] == "19.99"

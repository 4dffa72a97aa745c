"""What we read ourselves says the same as the webhook of the same state, to the byte."""

from decimal import Decimal
from typing import Any

import pytest
from crossdock import Ignore, Raw
from crossdock.canonical import FulfillmentOrder, InventoryLevel, Money, Product, Return
from crossdock.jsontext import dump
from crossdock_shopify.graphql_shapes import rest_amount
from crossdock_shopify.mapping import translate
from crossdock_shopify.sandbox_hooks import echo_body
from crossdock_shopify.sandbox_money import refund_create
from crossdock_shopify.sandbox_orders import make_order, order_body
from crossdock_shopify.sandbox_shop import LOCATION, SECOND, gid

Bench = Any


async def read(bench: Bench, kind: str, *gids: str) -> list[Raw]:
    return [raw async for raw in bench.shop.details.read(kind, list(gids))]


def said(raw: Raw) -> dict[str, Any]:
    """Event type to what decides an event's id: native id, revision and bytes."""
    return {
        event.type: (event.native_id, event.revision, event.data.dump()) for event in translate(raw)
    }


def webhook(bench: Bench, topic: str, **facts: Any) -> Raw:
    """As it would arrive, with what `receive` notes beside it."""
    from crossdock_shopify.webhooks import beside

    body = echo_body(bench.box.shop, topic, facts)
    return Raw(topic, data=dump(body), headers=beside(topic, body, bench.shop.details))


@pytest.mark.parametrize("seed", range(6))
async def test_an_order_reads_the_same_by_both_roads(bench: Bench, seed: int) -> None:
    """Six orders of three currencies, with and without taxes in prices, codes and carriage."""
    import random

    order = make_order(bench.box.shop, random.Random(seed), 4 * seed)
    (raw,) = await read(bench, "Order", gid("Order", order.id))
    assert said(raw) == said(webhook(bench, "orders/updated", order=order))
    assert raw.key == f"order:{order.id}"


async def test_an_order_with_a_history_reads_the_same(bench: Bench) -> None:
    """Two parcels from two places, one cancelled, a part refunded, then another part cancelled."""
    shop = bench.box.shop
    shop.set_stock(shop.variants["MUG-BLUE"]["item"], SECOND, 50)
    order = bench.place({"TEE-S": 3, "MUG-BLUE": 2, "TOTE": 1}, {1: SECOND})
    await bench.shop.apply(bench.ship(str(order.id), (3, 2, 0), "T1"))
    row = order.fulfillments[1]
    await bench.shop.graphql.run(
        "mutation CrossdockT($id: ID!) { fulfillmentCancel(id: $id) { userErrors { message } } }",
        {"id": gid("Fulfillment", row["id"])},
    )
    lines = [{"lineItemId": gid("LineItem", order.lines[2].id), "quantity": 1}]
    money = {"orderId": gid("Order", order.id), "kind": "REFUND", "gateway": "bogus"}
    given = {
        "orderId": gid("Order", order.id),
        "refundLineItems": lines,
        "transactions": [
            money | {"amount": "9.90", "parentId": gid("OrderTransaction", order.id + 400)}
        ],
    }
    assert refund_create(shop, given)["userErrors"] == []
    bench.shop.details.echoes._until.clear()  # another process would not know our doing
    (raw,) = await read(bench, "Order", gid("Order", order.id))
    told = said(raw)
    assert told["order.updated"] == said(webhook(bench, "orders/updated", order=order)).get(
        "order.updated"
    )
    refund = webhook(bench, "refunds/create", order=order, row=order.refunds[0])
    assert told["refund.succeeded"] == said(refund)["refund.succeeded"]
    live = webhook(bench, "fulfillments/create", order=order, row=order.fulfillments[0])
    assert told["fulfillment.shipped"] == said(live)["fulfillment.shipped"]
    gone = webhook(bench, "fulfillments/update", order=order, row=row)
    assert told["fulfillment.cancelled"] == said(gone)["fulfillment.cancelled"]


async def test_a_long_order_is_read_to_its_last_line(bench: Bench) -> None:
    shop = bench.box.shop
    skus = [f"LONG-{i}" for i in range(90)]
    for i, sku in enumerate(skus):
        shop.add_variant(sku, sku, Decimal("1.50"), 9_100_000_000_000 + i * 10)
    order = bench.place(dict.fromkeys(skus, 2))
    await bench.shop.apply(bench.ship(str(order.id), (1,) * 90, "T1"))
    (raw,) = await read(bench, "Order", gid("Order", order.id))
    events = {event.kind: event.data for event in translate(Raw("Order", data=raw.data))}
    assert len(events["order"].lines) == 90
    assert {line.shipped for line in events["order"].lines} == {Decimal(1)}
    assert len(events["fulfillment"].lines) == 90


async def test_what_is_gone_is_left_out(bench: Bench) -> None:
    for kind in ("Order", "Return", "Product", "Fulfillment", "InventoryLevel"):
        assert await read(bench, kind, f"gid://shopify/{kind}/404") == []


async def test_stock_tells_sku_and_our_own_name_of_the_place(bench: Bench) -> None:
    bench.place({"TOTE": 4})
    item = bench.box.shop.variants["TOTE"]["item"]
    level = f"{gid('InventoryLevel', LOCATION)}?inventory_item_id={item}"
    (raw,) = await read(bench, "InventoryLevel", level)
    (event,) = translate(raw)
    data = event.data
    assert isinstance(data, InventoryLevel)
    assert (event.type, event.native_id) == ("inventory.level_changed", f"{item}:{LOCATION}")
    assert (data.sku, data.location) == ("TOTE", "WH")
    assert [int(n or 0) for n in (data.on_hand, data.reserved, data.available)] == [1000, 4, 996]
    assert raw.key == f"inventory:{item}:{LOCATION}"


async def test_stock_at_a_place_without_a_name_is_told_apart(bench: Bench) -> None:
    item = bench.box.shop.variants["TOTE"]["item"]
    bench.box.shop.set_stock(item, SECOND, 3)
    level = f"{gid('InventoryLevel', SECOND)}?inventory_item_id={item}"
    (raw,) = await read(bench, "InventoryLevel", level)
    with pytest.raises(Ignore, match=f"{SECOND} is not named under `locations`"):
        list(translate(raw))


async def test_a_product_has_prices_in_the_shops_currency_by_both_roads(bench: Bench) -> None:
    number = bench.box.shop.variants["TOTE"]["product"]
    (raw,) = await read(bench, "Product", gid("Product", number))
    product = bench.box.shop.products[number]
    assert said(raw) == said(webhook(bench, "products/update", product=product))
    (event,) = translate(raw)
    assert isinstance(event.data, Product)
    price = event.data.variants[0].list_price
    assert price == Money(amount=Decimal("9.90"), currency="USD")


async def test_a_fulfilment_order_tells_place_goods_and_holds(bench: Bench) -> None:
    order = bench.place({"TEE-S": 3, "TOTE": 1})
    one = order.fulfillment_orders[0]
    one.holds.append({"id": 1, "reason": "AWAITING_PAYMENT", "handle": "x", "notes": "later"})
    (raw,) = await read(bench, "FulfillmentOrder", gid("FulfillmentOrder", one.id))
    (event,) = translate(raw)
    data = event.data
    assert isinstance(data, FulfillmentOrder)
    assert (event.type, data.location, data.method) == (
        "fulfillment_order.requested",
        "WH",
        "shipping",
    )
    assert [(line.sku, int(line.requested)) for line in data.lines] == [("TEE-S", 3), ("TOTE", 1)]
    assert data.extensions["com.shopify"]["holds"] == [
        {"reason": "AWAITING_PAYMENT", "notes": "later"}
    ]
    assert data.ship_to is not None
    assert data.ship_to.country == "US"


async def test_a_return_is_told_with_what_was_taken_in(bench: Bench) -> None:
    from crossdock_shopify.sandbox_money import dispose, return_create
    from crossdock_shopify.sandbox_order_nodes import fulfillment_line_gid

    order = bench.place({"TEE-S": 3})
    await bench.shop.apply(bench.ship(str(order.id), (3,), "T1"))
    line = fulfillment_line_gid(order.fulfillments[0]["id"], order.lines[0].id)
    item = {"fulfillmentLineItemId": line, "quantity": 2, "returnReason": "SIZE_TOO_SMALL"}
    given = {"orderId": gid("Order", order.id), "returnLineItems": [item]}
    return_create(bench.box.shop, given)
    back = order.returns[0]
    (raw,) = await read(bench, "Return", gid("Return", back.id))
    (event,) = translate(raw)
    assert (event.type, event.native_id) == ("return.authorised", str(back.id))
    reverse = gid("ReverseFulfillmentOrderLineItem", back.lines[0].reverse_id)
    disposal = {
        "reverseFulfillmentOrderLineItemId": reverse,
        "quantity": 1,
        "dispositionType": "RESTOCKED",
        "locationId": gid("Location", LOCATION),
    }
    assert dispose(bench.box.shop, [disposal])["userErrors"] == []
    (raw,) = await read(
        bench, "ReverseFulfillmentOrder", gid("ReverseFulfillmentOrder", back.id + 1)
    )
    first, receipt = translate(raw)
    assert first.type == "return.received"
    assert isinstance(first.data, Return)
    (told,) = first.data.lines
    assert [int(n) for n in (told.requested, told.authorised, told.received)] == [2, 2, 1]
    assert told.reason == "size"
    assert receipt.type == "return_receipt.recorded"
    assert (receipt.data.location, int(receipt.data.lines[0].restocked)) == ("WH", 1)


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        ("10.0", "USD", "10.00"),
        ("10", "USD", "10.00"),
        ("1000.0", "JPY", "1000"),
        ("0.0", "KWD", "0.000"),
        ("1.2345", "USD", "1.2345"),
        ("-3.5", "EUR", "-3.50"),
        ("7", "", "7.00"),
    ],
)
def test_amounts_are_written_as_webhooks_write_them(
    amount: str, currency: str, written: str
) -> None:
    assert rest_amount(Decimal(amount), currency) == written


def test_the_sandbox_tells_one_truth(bench: Bench) -> None:
    """The order's body adds up whatever happened to it."""
    order = bench.place({"TEE-S": 3})
    body = order_body(bench.box.shop, order)
    assert (body["total_price"], body["total_outstanding"]) == ("55.50", "0.00")

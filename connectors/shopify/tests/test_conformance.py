"""The conformance kit examines this connector; see docs/guides/conformance.md."""

import json
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from crossdock import AuthError, Command, RateLimitedError, RejectedError, Request
from crossdock.canonical import (
    Entity,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    InventoryLevel,
    Money,
    Order,
    OrderLine,
    Price,
    Product,
    Refund,
    RefundLine,
    Return,
    ReturnLine,
    ReturnReceipt,
    ReturnReceiptLine,
    Totals,
    Tracking,
    Variant,
)
from crossdock.identity import fingerprint
from crossdock.testing.catalog import CATALOG
from crossdock.testing.conformance import Answer, Features, Refusal, Sample, Subject, conformance
from crossdock.testing.coverage import Coverage
from crossdock_shopify import sandbox_effects, sandbox_money
from crossdock_shopify.mapping import translate
from crossdock_shopify.sandbox_order_nodes import fulfillment_line_gid
from crossdock_shopify.sandbox_orders import plain_order
from crossdock_shopify.sandbox_shop import LOCATION, ShopOrder, gid
from crossdock_shopify.webhooks import sign

HERE = Path(__file__).parent
SAYS: dict[str, tuple[str, ...]] = {
    "orders/create": ("order.placed",),
    "orders/paid": ("order.paid",),
    "orders/updated": ("order.updated",),
    "orders/cancelled": ("order.cancelled",),
    "fulfillments/create": ("fulfillment.shipped",),
    "refunds/create": ("refund.succeeded",),
    "order_transactions/create": ("payment_transaction.recorded",),
    "disputes/create": ("dispute.opened",),
    "customers/create": ("customer.changed",),
    "customers/update": ("customer.changed",),
    "products/create": ("product.changed",),
    "products/update": ("product.changed",),
    "products/delete": ("product.removed",),
    "inventory_items/create": ("stock_item.changed",),
    "inventory_items/update": ("stock_item.changed",),
    "inventory_levels/update": (),
    "fulfillment_orders/placed_on_hold": (),
    "fulfillment_events/create": (),
    "returns/approve": (),
    "reverse_deliveries/attach_deliverable": (),
    "reverse_fulfillment_orders/dispose": (),
}
"""Topics of webhooks, and what Shopify's own sample of each says; thin ones say nothing."""
RECORDS: dict[str, tuple[str, ...]] = {
    "Order": ("order.updated", "fulfillment.shipped", "package.tracked", "refund.succeeded"),
    "Fulfillment": ("fulfillment.shipped", "package.tracked"),
    "FulfillmentOrder": ("fulfillment_order.requested",),
    "Return": ("return.received", "return_receipt.recorded"),
    "InventoryLevel": ("inventory.level_changed",),
    "Product": ("product.changed",),
    "Customer": ("customer.changed",),
}
"""Types of what we read ourselves."""
ORDER_FACTS = ("paid", "updated", "cancelled", "fulfilled", "partially_fulfilled")
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def sample(topic: str) -> Sample:
    """One of Shopify's own samples."""
    path = HERE / "recordings" / f"{topic.replace('/', '.')}.json"
    told = json.loads(path.read_text("utf-8"))
    return Sample(
        topic=topic,
        data=json.dumps(told["response"]).encode(),
        says=SAYS[topic],
        headers={"x-shopify-triggered-at": "2026-05-01T12:00:00.000Z"},
    )


def record(kind: str) -> Sample:
    """A record as the poller lands it."""
    told = json.loads((HERE / "recordings" / "graphql" / f"{kind}.json").read_text("utf-8"))
    data = json.dumps(told["body"]).encode()
    return Sample(topic=kind, data=data, says=RECORDS[kind], headers=told["headers"])


def later() -> Sample:
    """The same order a day on, with a note."""
    one = sample("orders/updated")
    body = json.loads(one.data) | {"updated_at": "2022-01-02T00:00:00Z", "note": "ring twice"}
    return Sample(topic=one.topic, data=json.dumps(body).encode(), says=one.says)


def rich() -> Sample:
    """Shopify's order with the parts that its sample leaves empty, neither cancelled nor voided."""
    body = json.loads(sample("orders/create").data)
    line = body["line_items"][0]
    line |= {"quantity": 3, "current_quantity": 2}
    one = {"amount": "1.00", "currency_code": "USD"}
    both = {"shop_money": one, "presentment_money": one}
    tax = {"title": "VAT", "rate": 0.19, "price": "1.00", "price_set": both}
    taken = {"amount": "1.00", "amount_set": both, "discount_application_index": 0}
    line["discount_allocations"] = [taken]
    line["tax_lines"] = [tax | {"channel_liable": False}]
    line["properties"] = [{"name": "engraving", "value": "x"}]
    shipped = json.loads(sample("fulfillments/create").data)
    shipped["line_items"] = [{**shipped["line_items"][0], "quantity": 2}]
    shipped["line_items"][0]["admin_graphql_api_id"] = line["admin_graphql_api_id"]
    money = json.loads(sample("refunds/create").data)
    item = money["refund_line_items"][0] | {"quantity": 1, "restock_type": "return"}
    money["refund_line_items"] = [item]
    for one in money["transactions"]:
        one["currency"] = "USD"
    carriage = body["shipping_lines"][0]
    carriage["tax_lines"] = [tax | {"channel_liable": False}]
    carriage["discount_allocations"] = [taken]
    rule = {"type": "discount_code", "value": "10.0", "value_type": "percentage"}
    rule |= {"allocation_method": "across", "target_selection": "all", "target_type": "line_item"}
    body |= {
        "cancelled_at": None,
        "cancel_reason": None,
        "financial_status": "paid",
        "total_outstanding": "0.00",
        "current_total_price": "300.00",
        "discount_applications": [{**rule, "code": "A", "title": "B", "description": "C"}],
        "discount_codes": [{"code": "A", "amount": "1.00", "type": "percentage"}],
        "note_attributes": [{"name": "gift", "value": "yes"}],
        "tax_lines": [tax | {"channel_liable": False}],
        "fulfillments": [shipped],
        "refunds": [money],
    }
    return Sample(topic="orders/create", data=json.dumps(body).encode())


def coverages() -> list[Coverage]:
    """What becomes of every field of every record; the words are in coverage.json."""
    words = json.loads((HERE / "coverage.json").read_text("utf-8"))
    samples = {
        "orders/create": [rich(), sample("orders/create")],
        **{topic: [sample(topic)] for topic in SAYS if topic != "orders/create"},
        **{kind: [record(kind)] for kind in RECORDS},
    }
    same = {
        "orders/create": tuple(f"orders/{fact}" for fact in ORDER_FACTS),
        "fulfillments/create": ("fulfillments/update",),
        "disputes/create": ("disputes/update",),
        "customers/create": ("customers/update", "customers/enable", "customers/disable"),
        "products/update": ("products/create",),
        "inventory_items/create": ("inventory_items/update",),
    }
    twins = {topic for topics in same.values() for topic in topics}
    return [
        Coverage(
            name=name,
            samples=given,
            translate=translate,
            told=words.get(name, {}).get("told", {}),
            ignored=words.get(name, {}).get("ignored", {}),
            also=same.get(name, ()),
        )
        for name, given in samples.items()
        if name not in twins
    ]


def signed(box: Any, one: Sample) -> Request:
    """As Shopify would send it."""
    headers = {
        "x-shopify-topic": one.topic,
        "x-shopify-hmac-sha256": sign(box.webhook_secret, one.data),
        "x-shopify-webhook-id": fingerprint(one.data),
    }
    return Request(headers=headers, body=one.data)


def kept(box: Any, what: str, number: int, make: Callable[[], Any]) -> Any:
    """What the sandbox was prepared with for the `number`-th wish; made once."""
    known = box.__dict__.setdefault("prepared", {})
    if (what, number) not in known:
        known[what, number] = make()
    return known[what, number]


def wish(type_: str, number: int, data: Entity, **ids: object) -> Command[Any]:
    """One command about one entity."""
    return Command(
        id=f"cmd_{type_.replace('.', '').replace('_', '')}{number}",
        type=type_,
        data=data,
        entity_id=data.id or f"ent_{number}",
        native_ids={name: str(value) for name, value in ids.items()},
    )


def an_order(box: Any, what: str, number: int) -> ShopOrder:
    """An order of three TEE-S."""
    order: ShopOrder = kept(box, what, number, lambda: plain_order(box.shop, {"TEE-S": 3}))
    return order


def shipped(box: Any, what: str, number: int) -> tuple[ShopOrder, dict[str, Any]]:
    """An order of three TEE-S that has left, and its fulfilment."""

    def ship() -> dict[str, Any]:
        one = order.fulfillment_orders[0]
        given = {
            "lineItemsByFulfillmentOrder": [
                {"fulfillmentOrderId": gid("FulfillmentOrder", one.id)}
            ],
            "trackingInfo": {"numbers": [f"1Z{number}"], "company": "UPS"},
        }
        sandbox_effects.fulfillment_create(box.shop, given)
        return order.fulfillments[0]

    order = an_order(box, what, number)
    return order, kept(box, f"{what} shipped", number, ship)


def shipment(order: ShopOrder, number: int, tracking: str) -> Fulfillment:
    return Fulfillment(
        id=f"ful_{number}",
        order=EntityRef(id=f"ord_{number}"),
        location="WH",
        lines=(FulfillmentLine(line_id=str(order.lines[0].id), quantity=Decimal(3)),),
        tracking=(Tracking(number=tracking, carrier="UPS"),),
    )


def ship(box: Any, number: int) -> Command[Any]:
    order = an_order(box, "ship", number)
    data = shipment(order, number, f"1Z{number}")
    return wish("fulfillment.create", number, data, **{f"ord_{number}": order.id})


def retrack(box: Any, number: int) -> Command[Any]:
    order, row = shipped(box, "retrack", number)
    ids = {f"ord_{number}": order.id, f"ful_{number}": row["id"]}
    return wish("fulfillment.update", number, shipment(order, number, f"2Z{number}"), **ids)


def unship(box: Any, number: int) -> Command[Any]:
    order, row = shipped(box, "unship", number)
    ids = {f"ord_{number}": order.id, f"ful_{number}": row["id"]}
    return wish("fulfillment.cancel", number, shipment(order, number, f"1Z{number}"), **ids)


def stock(_: Any, number: int) -> Command[Any]:
    sku = CATALOG[number % len(CATALOG)].sku
    data = InventoryLevel(
        id=f"inv_{number}", sku=sku, location="WH", available=Decimal(100 + number)
    )
    return wish("inventory.publish", number, data)


def give_back(box: Any, number: int) -> Command[Any]:
    order = an_order(box, "refund", number)
    money = Money(amount=Decimal("18.50"), currency="USD")
    data = Refund(
        id=f"rfd_{number}",
        order=EntityRef(id=f"ord_{number}"),
        state="succeeded",
        amount=money,
        lines=(RefundLine(line_id=str(order.lines[0].id), quantity=Decimal(1), amount=money),),
        requested_at=NOW,
    )
    return wish("refund.create", number, data, **{f"ord_{number}": order.id})


def a_return(order: ShopOrder, number: int) -> Return:
    line = ReturnLine(
        line_id=str(order.lines[0].id), requested=Decimal(2), authorised=Decimal(2), reason="size"
    )
    return Return(
        id=f"ret_{number}",
        order=EntityRef(id=f"ord_{number}"),
        number=f"RMA-{number}",
        lines=(line,),
        requested_at=NOW,
        authorised_at=NOW,
    )


def take_back(box: Any, number: int) -> Command[Any]:
    order, _ = shipped(box, "return", number)
    return wish("return.create", number, a_return(order, number), **{f"ord_{number}": order.id})


def agreed(box: Any, what: str, number: int) -> tuple[ShopOrder, int]:
    """An order with a return of two; the return's number."""
    order, row = shipped(box, what, number)

    def agree() -> int:
        line = fulfillment_line_gid(row["id"], order.lines[0].id)
        items = [{"fulfillmentLineItemId": line, "quantity": 2, "returnReason": "OTHER"}]
        given = {"orderId": gid("Order", order.id), "returnLineItems": items}
        sandbox_money.return_create(box.shop, given)
        return order.returns[0].id

    return order, kept(box, f"{what} agreed", number, agree)


def call_off(box: Any, number: int) -> Command[Any]:
    order, back = agreed(box, "call off", number)
    ids = {f"ord_{number}": order.id, f"ret_{number}": back}
    return wish("return.cancel", number, a_return(order, number), **ids)


def receive(box: Any, number: int) -> Command[Any]:
    order, back = agreed(box, "receive", number)
    line = ReturnReceiptLine(
        line_id=str(order.lines[0].id),
        quantity=Decimal(2),
        condition="new",
        disposition="restock",
        restocked=Decimal(2),
    )
    data = ReturnReceipt(
        id=f"rrc_{number}",
        return_ref=EntityRef(id=f"ret_{number}"),
        order=EntityRef(id=f"ord_{number}"),
        location="WH",
        received_at=NOW,
        lines=(line,),
    )
    ids = {f"ord_{number}": order.id, f"ret_{number}": back}
    return wish("return_receipt.create", number, data, **ids)


def order_wish(box: Any, number: int, verb: str, **fields: Any) -> Command[Any]:
    order = an_order(box, verb, number)
    price = Money(amount=Decimal("18.50"), currency="USD")
    line = OrderLine(line_id=str(order.lines[0].id), ordered=Decimal(3), unit_price=price)
    data = Order(
        id=f"ord_{number}",
        number=order.name,
        placed_at=NOW,
        currency="USD",
        lines=(line,),
        totals=Totals(total=Money(amount=Decimal("55.50"), currency="USD")),
        **fields,
    )
    return wish(f"order.{verb}", number, data, **{f"ord_{number}": order.id})


def release(box: Any, number: int) -> Command[Any]:
    command = order_wish(box, number, "release")
    order = an_order(box, "release", number)
    kept(box, "held", number, lambda: order.hold(handle=f"crossdock-{order.id}"))
    return command


def publish(_: Any, number: int) -> Command[Any]:
    variant = Variant(
        variant_id="1",
        sku=f"NEW-{number}",
        options={"Size": "M"},
        list_price=Money(amount=Decimal("12.00"), currency="USD"),
    )
    data = Product(id=f"prd_{number}", name=f"New thing {number}", variants=(variant,))
    return wish("product.publish", number, data)


def price(_: Any, number: int) -> Command[Any]:
    money = Money(amount=Decimal(number + 1), currency="USD")
    data = Price(id=f"prc_{number}", sku=CATALOG[number % len(CATALOG)].sku, amount=money)
    return wish("price.publish", number, data)


def effects(box: Any) -> object:
    """Orders with all that happened to them, stock, and goods."""
    orders = [
        (
            [
                (row["status"], sorted(row["lines"].values()), row["tracking"])
                for row in one.fulfillments
            ],
            [(row["amount"], sorted(row["quantities"].values())) for row in one.refunds],
            [
                (r.status, [(x.quantity, [d["quantity"] for d in x.dispositions]) for x in r.lines])
                for r in one.returns
            ],
            one.cancelled_at is not None,
            sorted(one.reach.items()),
            [hold["reason"] for part in one.fulfillment_orders for hold in part.holds],
        )
        for one in box.shop.orders.values()
    ]
    goods = [
        (one["title"], [(row["sku"], row["price"]) for row in one["variants"]])
        for one in box.shop.products.values()
    ]
    return orders, sorted(box.shop.stock.values()), goods


def change(box: Any, number: int) -> str:
    """Somebody notes something on the `number`-th order."""
    order = an_order(box, "change", number)
    order.reach["note"] = f"note {len(order.reach.get('note', '')) + 1}{'!' * number}"
    order.reach["note"] += "." * len(order.reach["note"])
    order.touch()
    return f"order:{order.id}"


def holds(box: Any, kind: str) -> Collection[str]:
    """Keys of what is there."""
    shop = box.shop
    match kind:
        case "order":
            return [f"order:{one.id}" for one in shop.orders.values()]
        case "fulfillment_order":
            return {f"order:{one.id}" for one in shop.orders.values() if one.fulfillment_orders}
        case "inventory":
            return [f"inventory:{item}:{place}" for item, place in shop.stock if place == LOCATION]
        case "product":
            return [f"product:{number}" for number in shop.products]
        case _:
            return [f"customer:{number}" for number in shop.customers]


def said(code: str, message: str) -> Answer:
    """A refusal as GraphQL words it, with status 200."""
    return Answer(body={"errors": [{"message": message, "extensions": {"code": code}}]})


SUBJECT = Subject(
    connector="shopify",
    features=Features(
        webhooks=True,
        polls=True,
        applies=True,
        snapshots=("order", "fulfillment_order", "inventory", "product", "customer"),
        probes=True,
    ),
    home=HERE.parent,
    config={"sweep_every_s": 0, "watch_subscriptions": False},
    samples=[*(sample(topic) for topic in SAYS), *(record(kind) for kind in RECORDS)],
    newer=[sample("orders/updated"), later()],
    sign=signed,
    change=change,
    commands={
        "fulfillment.create": ship,
        "fulfillment.update": retrack,
        "fulfillment.cancel": unship,
        "inventory.publish": stock,
        "refund.create": give_back,
        "return.create": take_back,
        "return.cancel": call_off,
        "return_receipt.create": receive,
        "order.cancel": lambda box, n: order_wish(box, n, "cancel", cancel_reason="customer"),
        "order.update": lambda box, n: order_wish(box, n, "update", note=f"ring {n} times"),
        "order.hold": lambda box, n: order_wish(box, n, "hold", holds=("fraud",)),
        "order.release": release,
        "product.publish": publish,
        "price.publish": price,
    },
    effects=effects,
    holds=holds,
    refusals=[
        Refusal(name="throttled", answer=said("THROTTLED", "Throttled"), means=RateLimitedError),
        Refusal(
            name="a right is missing",
            answer=said("ACCESS_DENIED", "Access denied for orders field."),
            means=AuthError,
        ),
        Refusal(
            name="a broken document",
            answer=Answer(body={"errors": [{"message": "Field 'x' doesn't exist"}]}),
            means=RejectedError,
        ),
    ],
    coverage=coverages(),
)
test_conformance = conformance(SUBJECT)

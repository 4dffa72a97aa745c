"""The conformance kit examines this connector; see docs/guides/conformance.md."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from crossdock import Command, RateLimitedError, RejectedError, Request
from crossdock.canonical import EntityRef, Fulfillment, FulfillmentLine, InventoryLevel, Tracking
from crossdock.identity import fingerprint
from crossdock.testing.catalog import CATALOG
from crossdock.testing.conformance import Answer, Features, Refusal, Sample, Subject, conformance
from crossdock_shopify.sandbox_shop import Line, ShopOrder
from crossdock_shopify.webhooks import sign

HERE = Path(__file__).parent
SAYS = {
    "orders/create": ("order.placed",),
    "orders/paid": ("order.paid",),
    "orders/updated": ("order.updated",),
    "orders/cancelled": ("order.cancelled",),
    "fulfillments/create": ("fulfillment.shipped",),
    "customers/create": ("customer.changed",),
    "products/update": ("product.changed",),
    "products/delete": (),
}


def sample(topic: str) -> Sample:
    """One of Shopify's own samples."""
    told = json.loads((HERE / "recordings" / f"{topic.replace('/', '.')}.json").read_text())
    return Sample(topic=topic, data=json.dumps(told["response"]).encode(), says=SAYS[topic])


def signed(box: Any, one: Sample) -> Request:
    """As Shopify would send it."""
    headers = {
        "x-shopify-topic": one.topic,
        "x-shopify-hmac-sha256": sign(box.webhook_secret, one.data),
        "x-shopify-webhook-id": fingerprint(one.data),
    }
    return Request(headers=headers, body=one.data)


def shipment(box: Any, number: int) -> Command[Fulfillment]:
    """An order of three TEE-S, to be shipped whole."""
    order = number * 1000
    line = Line(order + 100, order + 200, "TEE-S", "TEE-S", 3, Decimal("9.90"), 3)
    box.shop.orders[order] = ShopOrder(order, f"#{order}", "USD", "29.70", [line], {})
    data = Fulfillment(
        order=EntityRef(id=f"ord_{number}"),
        location="WH",
        lines=(FulfillmentLine(line_id=str(order + 100), quantity=3),),
        tracking=(Tracking(number=f"1Z{number}", carrier="UPS"),),
    )
    return Command(
        id=f"cmd_ship_{number}",
        type="fulfillment.create",
        data=data,
        entity_id=f"ful_{number}",
        native_ids={f"ord_{number}": str(order)},
    )


def level(_: Any, number: int) -> Command[InventoryLevel]:
    """So much of the number-th thing."""
    sku = CATALOG[number % len(CATALOG)].sku
    data = InventoryLevel(sku=sku, location="WH", available=100 + number)
    return Command(
        id=f"cmd_stock_{number}", type="inventory.publish", data=data, entity_id=f"inv_{number}"
    )


def effects(box: Any) -> object:
    """Every shipment, and the stock."""
    shipments = [
        (order.name, sorted(row["lines"].items()), row["tracking"])
        for order in box.shop.orders.values()
        for row in order.fulfillments
    ]
    return shipments, sorted(box.shop.stock.items())


SUBJECT = Subject(
    connector="shopify",
    features=Features(webhooks=True, applies=True, probes=True),
    home=HERE.parent,
    samples=[sample(topic) for topic in SAYS],
    sign=signed,
    commands={"fulfillment.create": shipment, "inventory.publish": level},
    effects=effects,
    refusals=[
        Refusal(
            name="throttled",
            answer=Answer(
                body={"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}
            ),
            means=RateLimitedError,
        ),
        Refusal(
            name="a broken document",
            answer=Answer(body={"errors": [{"message": "Field 'x' doesn't exist"}]}),
            means=RejectedError,
        ),
    ],
    gaps={
        "mapping.every-field-is-explained": "no coverage yet",
        "platinum.news-comes-by-two-roads": "no poll yet",
        "platinum.can-be-reconciled": "no snapshot yet",
    },
)
test_conformance = conformance(SUBJECT)

"""The conformance kit examines this connector; see docs/guides/conformance.md."""

import json
from collections.abc import Collection
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from crossdock import AuthError, Command, ConflictError, RateLimitedError, RejectedError, Request
from crossdock.canonical import Entity, EntityRef, InventoryLevel, Money, Product, Refund, Variant
from crossdock.fieldpaths import schema_fields
from crossdock.testing.catalog import CATALOG, WAREHOUSE
from crossdock.testing.conformance import Answer, Features, Refusal, Sample, Subject, conformance
from crossdock.testing.coverage import Coverage
from crossdock_square.mapping import translate
from crossdock_square.sandbox_account import LOCATION
from crossdock_square.sandbox_contract import document
from crossdock_square.webhooks import sign

HERE = Path(__file__).parent
HOOKS = "https://crossdock.example/hooks/till"
NOW = datetime(2026, 5, 1, tzinfo=UTC)
RECORDINGS = HERE / "recordings"
_FILES = {
    "payment.updated": "PaymentUpdatedEvent",
    "order.created": "OrderCreatedEvent",
    "order.fulfillment.updated": "OrderFulfillmentUpdatedEvent",
    "refund.created": "RefundCreatedEvent",
    "refund.updated": "RefundUpdatedEvent",
    "catalog.version.updated": "CatalogVersionUpdatedEvent",
    "dispute.created": "DisputeCreatedEvent",
    "dispute.state.updated": "DisputeStateUpdatedEvent",
    "dispute.evidence.added": "DisputeEvidenceAddedEvent",
    "dispute.evidence.removed": "DisputeEvidenceRemovedEvent",
}
EVENTS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_FILES, ()),
    "payment.updated": ("payment.captured",),
    "dispute.created": ("dispute.opened",),
    "dispute.state.updated": ("dispute.closed",),
    "dispute.evidence.added": ("dispute.changed",),
    "dispute.evidence.removed": ("dispute.changed",),
}
"""Webhooks, and what Square's own example of each says; thin ones say nothing."""
RECORDS: dict[str, tuple[str, ...]] = {
    "Order": ("order.updated",),
    "Return": ("return.received",),
    "Refund": ("refund.pending",),
    "InventoryCount": ("inventory.level_changed",),
    "InventoryChange": ("inventory_movement.recorded",),
    "CatalogObject": ("product.changed",),
}
"""What the poller lands."""
PLACE = "STORE"
MEANS: dict[str, tuple[str, ...]] = {
    "payment.updated": ("1.00 USD",),
    "dispute.created": ("88.01 USD",),
    "Order": ("5.00 USD", "7.50 USD", "20.00 USD"),
    "Return": ("20.35 USD",),
    "Refund": ("10.00 USD",),
    "CatalogObject": ("1.50 USD", "2.25 USD"),
}
"""Square counts in the smallest unit of the currency: 8801 of USD is 88.01."""


def read(name: str) -> Any:
    """One of the vendor's files."""
    return json.loads((RECORDINGS / f"{name}.example.json").read_text("utf-8"))


def event(topic: str) -> Sample:
    """Square's example of a webhook."""
    data = json.dumps(read(_FILES[topic])).encode()
    return Sample(topic=topic, data=data, says=EVENTS[topic], means=MEANS.get(topic, ()))


def record(kind: str, which: str = "") -> Sample:
    """Square's example of a thing, with what the poller puts beside it."""
    says, body = RECORDS[kind], {}
    if kind == "Order":
        body = {"order": read("PayOrderResponse")["order"], "skus": {}, "place": PLACE}
    elif kind == "Refund":
        refund = read("RefundPaymentResponse")["refund"]
        body = {"refund": refund, "payment": {"order_id": "haOyDuHiqtAXMk0d8pDKXpL7Jg4F"}}
    elif kind == "CatalogObject":
        item = read("SearchCatalogObjectsResponse")["objects"][0]
        item["item_data"]["variations"][0]["item_variation_data"] |= {"sku": "T1", "upc": "1"}
        body = {"object": item}
    elif kind == "InventoryCount":
        count = read("BatchRetrieveInventoryCountsResponse")["counts"][0]
        newer = {**count, "state": "SUPPORTED_BY_NEWER_VERSION", "quantity": "2"}
        own = f"{count['catalog_object_id']}:{count['location_id']}"
        body = {"id": own, "sku": "T1", "place": PLACE, "counts": [count, newer]}
    elif which == "counted":
        change = {"type": "PHYSICAL_COUNT"}
        change["physical_count"] = read("RetrieveInventoryPhysicalCountResponse")["count"]
        body = {"change": change, "sku": "T1", "place": PLACE}
        says = ("stock_count.completed",)
    elif kind == "InventoryChange":
        change = read("RetrieveInventoryChangesResponse")["changes"][0]
        body = {"change": change, "sku": "T1", "place": PLACE}
    else:
        body = read("Return")
    data = json.dumps(body).encode()
    return Sample(topic=kind, data=data, says=says, means=MEANS.get(kind, ()))


def rich_order() -> Sample:
    """Square's order with the parts that its example leaves out, as its OpenAPI has them."""
    body = json.loads(record("Order").data)
    order = body["order"]
    usd = {"amount": 100, "currency": "USD"}
    line = order["line_items"][0]
    line |= {
        "catalog_object_id": "VAR1",
        "variation_name": "Large",
        "note": "gift",
        "item_type": "CUSTOM_AMOUNT",
        "quantity_unit": {"measurement_unit": {"weight_unit": "METRIC_KILOGRAM"}, "precision": 3},
        "modifiers": [{"name": "Milk", "quantity": "1", "base_price_money": usd}],
        "applied_taxes": [{"uid": "a", "tax_uid": "t", "applied_money": usd}],
        "applied_discounts": [{"uid": "b", "discount_uid": "d", "applied_money": usd}],
    }
    recipient = {
        "customer_id": "CUST",
        "display_name": "Jo",
        "email_address": "jo@example.com",
        "phone_number": "+15025550100",
        "address": {
            "address_line_1": "1 Main",
            "address_line_2": "2",
            "address_line_3": "3",
            "locality": "Louisville",
            "administrative_district_level_1": "KY",
            "postal_code": "40202",
            "country": "US",
        },
    }
    details = {"recipient": recipient, "note": "ring", "shipping_note": "ring twice"}
    order |= {
        "reference_id": "R1",
        "ticket_name": "table 4",
        "net_amount_due_money": {"amount": 0, "currency": "USD"},
        "total_tip_money": usd,
        "taxes": [
            {
                "uid": "t",
                "name": "VAT",
                "type": "INCLUSIVE",
                "percentage": "7",
                "applied_money": usd,
            }
        ],
        "discounts": [{"uid": "d", "name": "Friends"}],
        "service_charges": [
            {
                "uid": "s",
                "name": "Service",
                "applied_money": usd,
                "applied_taxes": [{"uid": "c", "tax_uid": "t", "applied_money": usd}],
            }
        ],
        "fulfillments": [
            {
                "uid": "f",
                "type": "SHIPMENT",
                "state": "COMPLETED",
                "entries": [{"line_item_uid": line["uid"], "quantity": "1"}],
                "shipment_details": details,
            },
        ],
    }
    body["skus"] = {"VAR1": "T1"}
    return Sample(topic="Order", data=json.dumps(body).encode(), says=("order.updated",))


def later() -> Sample:
    """The same order a day on."""
    body = json.loads(record("Order").data)
    body["order"]["updated_at"] = "2030-01-02T00:00:00.000Z"
    return Sample(topic="Order", data=json.dumps(body).encode(), says=("order.updated",))


def signed(box: Any, one: Sample) -> Request | None:
    """As Square would send it; what the poller lands never comes by webhook."""
    if one.topic not in EVENTS:
        return None
    headers = {"x-square-hmacsha256-signature": sign(box.webhook_key, HOOKS, one.data)}
    return Request(url=HOOKS, headers=headers, body=one.data)


def kept(box: Any, what: str, number: int, make: Any) -> Any:
    """What the sandbox was prepared with for the `number`-th time; made once."""
    known = box.__dict__.setdefault("prepared", {})
    if (what, number) not in known:
        known[what, number] = make()
    return known[what, number]


def wish(type_: str, number: int, data: Entity, **ids: object) -> Command[Any]:
    """One command about one entity."""
    return Command(
        id=f"cmd_{type_.replace('.', '')}{number}",
        type=type_,
        data=data,
        entity_id=data.id or f"ent_{number}",
        native_ids={name: str(value) for name, value in ids.items()},
    )


def stock(_: Any, number: int) -> Command[Any]:
    sku = CATALOG[number % len(CATALOG)].sku
    level = InventoryLevel(
        id=f"inv_{number}", sku=sku, location=WAREHOUSE, available=Decimal(100 + number)
    )
    return wish("inventory.publish", number, level)


def publish(_: Any, number: int) -> Command[Any]:
    variant = Variant(
        variant_id="1",
        sku=f"NEW-{number}",
        title="M",
        list_price=Money(amount=Decimal("12.00"), currency="USD"),
    )
    data = Product(id=f"prd_{number}", name=f"New thing {number}", variants=(variant,))
    return wish("product.publish", number, data)


def give_back(box: Any, number: int) -> Command[Any]:
    order = kept(box, "refund", number, lambda: box.account.sell({"TEE-S": 2}))
    data = Refund(
        id=f"rfd_{number}",
        order=EntityRef(id=f"ord_{number}"),
        state="succeeded",
        amount=Money(amount=Decimal("18.50"), currency="USD"),
        requested_at=NOW,
    )
    return wish("refund.create", number, data, **{f"ord_{number}": order["id"]})


def effects(box: Any) -> object:
    """Counts in the ledger, goods, and money given back by payment."""
    account = box.account
    names = {one["id"]: one["item_variation_data"].get("sku") for one in account.variations()}
    counts = sorted(
        (names[one["catalog_object_id"]], one["quantity"])
        for change in account.ledger
        if (one := change.get("physical_count"))
    )
    goods = sorted(
        (
            item["item_data"]["name"],
            [
                (v["item_variation_data"]["sku"], v["item_variation_data"]["price_money"]["amount"])
                for v in item["item_data"]["variations"]
            ],
        )
        for item in account.items.values()
    )
    payments = list(account.payments)
    refunds = sorted(
        (payments.index(one["payment_id"]), one["amount_money"]["amount"])
        for one in account.refunds.values()
    )
    return counts, goods, refunds


def change(box: Any, number: int) -> str:
    """A till changes the `number`-th sale."""
    order = kept(box, "change", number, lambda: box.account.sell({"TEE-S": 1}))
    box.account.touch(order, ticket_name=f"{order.get('ticket_name', '')}{number}")
    return f"order:{order['id']}"


def holds(box: Any, kind: str) -> Collection[str]:
    """Keys of what is there."""
    account = box.account
    match kind:
        case "order":
            return {f"order:{own}" for own in account.orders}
        case "refund":
            paid = account.payments
            rows = account.refunds.values()
            return {f"order:{paid[one['payment_id']]['order_id']}" for one in rows}
        case "inventory":
            return {f"stock:{a}:{place}" for a, place in account.stock if place == LOCATION}
        case _:
            return {f"product:{own}" for own in account.items}


def said(status: int, category: str, code: str) -> Answer:
    """A refusal as Square words it."""
    body = {"errors": [{"category": category, "code": code, "detail": "as it says"}]}
    return Answer(status=status, body=body)


def fields_of(schema: str, under: str) -> dict[str, str]:
    """Every field that Square's OpenAPI has for this schema, where it stands in our record."""
    found = schema_fields(document(), f"#/components/schemas/{schema}")
    return {f"{under}{place}": kind for place, kind in found.items()}


def coverages() -> list[Coverage]:
    """What becomes of every field of Square's own schemas; the words are in coverage.json."""
    words = json.loads((HERE / "coverage.json").read_text("utf-8"))
    named = {
        "Order": ("Order", "/order", [rich_order(), record("Order")]),
        "PaymentRefund": ("PaymentRefund", "/refund", [record("Refund")]),
        "OrderReturn": ("OrderReturn", "/returned", [record("Return")]),
        "CatalogItem": ("CatalogItem", "/object/item_data", [record("CatalogObject")]),
        "InventoryChange": ("InventoryChange", "/change", [record("InventoryChange"), COUNTED]),
        "Payment": ("Payment", "/data/object/payment", [event("payment.updated")]),
        "Dispute": ("Dispute", "/data/object/dispute", [event("dispute.created")]),
    }
    return [
        Coverage(
            name=name,
            samples=samples,
            translate=translate,
            schema=fields_of(schema, under),
            told=words.get(name, {}).get("told", {}),
            ignored=words.get(name, {}).get("ignored", {}),
        )
        for name, (schema, under, samples) in named.items()
    ]


COUNTED = record("InventoryChange", "counted")
SUBJECT = Subject(
    connector="square",
    home=HERE.parent,
    features=Features(
        webhooks=True,
        polls=True,
        applies=True,
        snapshots=("order", "refund", "product", "inventory"),
        probes=True,
    ),
    config={"sweep_every_s": 0, "page_size": 5, "hooks_url": HOOKS},
    samples=[*(event(topic) for topic in EVENTS), *(record(kind) for kind in RECORDS), COUNTED],
    newer=[record("Order"), later()],
    sign=signed,
    change=change,
    commands={
        "inventory.publish": stock,
        "product.publish": publish,
        "refund.create": give_back,
    },
    effects=effects,
    holds=holds,
    refusals=[
        Refusal(
            name="limited",
            answer=said(429, "RATE_LIMIT_ERROR", "RATE_LIMITED"),
            means=RateLimitedError,
        ),
        Refusal(
            name="a right is missing",
            answer=said(403, "AUTHENTICATION_ERROR", "INSUFFICIENT_SCOPES"),
            means=AuthError,
        ),
        Refusal(
            name="changed meanwhile, told as a bad request",
            answer=said(400, "INVALID_REQUEST_ERROR", "VERSION_MISMATCH"),
            means=ConflictError,
        ),
        Refusal(
            name="a wrong value",
            answer=said(400, "INVALID_REQUEST_ERROR", "INVALID_VALUE"),
            means=RejectedError,
        ),
    ],
    coverage=coverages(),
)
test_conformance = conformance(SUBJECT)

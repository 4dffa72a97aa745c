"""The conformance kit examines this connector.

pytest                                           # one test for each check
python -m crossdock.testing.conformance .        # everything at once, and the tier
"""

import json
import time
from collections.abc import Collection
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from crossdock import Command, Request
from crossdock.canonical import (
    Entity,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    InventoryLevel,
    Money,
    Refund,
    Tracking,
)
from crossdock.errors import AuthError, UnavailableError
from crossdock.identity import fingerprint
from crossdock.testing.conformance import Features, Refusal, Sample, Subject, conformance
from crossdock.testing.conformance.wire import Answer
from crossdock.testing.coverage import Coverage
from crossdock_vendure.client import sign
from crossdock_vendure.mapping import translate
from crossdock_vendure.sandbox import VendureSandbox

HERE = Path(__file__).parent
DATA = (HERE / "samples" / "order.json").read_bytes()
BODY = json.loads(DATA)
NOW = datetime(2026, 11, 28, tzinfo=UTC)


def order(*, means: tuple[str, ...] = (), **changes: Any) -> Sample:
    body = {**BODY, **changes}
    says = ("order.updated", "refund.succeeded")
    return Sample(topic="order", data=json.dumps(body).encode(), says=says, means=means)


# three at 19.99 and their tax, carriage, all, and what went back: Vendure counts in cents
CENTS = ("19.99 USD", "59.97 USD", "4.95 USD", "5.00 USD", "69.92 USD", "10.00 USD")
EXAMPLE = order(means=CENTS)
NOT_REFUNDED = order(payments=[{**BODY["payments"][0], "refunds": []}])
NEWER = order(payments=[], updatedAt="2026-11-29T00:00:00.000Z")
THIN = Sample(topic="event", data=(HERE / "samples" / "event.json").read_bytes())


def rich() -> Sample:
    """The recorded order with what it does not have: a discount, a second address line."""
    line = {**BODY["lines"][0], "proratedLinePrice": 5000, "orderPlacedQuantity": 4}
    carriage = {**BODY["shippingLines"][0], "discountedPrice": 400, "discountedPriceWithTax": 433}
    where = {name: f"some {name}" for name in BODY["shippingAddress"]} | {"countryCode": "US"}
    buyer = {**BODY["customer"], "phoneNumber": "+15125550100"}
    return order(
        lines=[line],
        shippingLines=[carriage],
        shippingAddress=where,
        billingAddress=where,
        customer=buyer,
        couponCodes=["SUMMER"],
    )


def signed(box: VendureSandbox, sample: Sample) -> Request:
    """As the plug-in sends it; orders themselves are polled, not posted."""
    minute = int(time.time()) // 60 * 60
    message_id = f"msg_{fingerprint(sample.data)[:32]}"
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(minute),
        "webhook-signature": sign(box.webhook_secret, message_id, minute, sample.data),
    }
    return Request(headers=headers, body=sample.data)


def change(box: VendureSandbox, number: int) -> str:
    """Somebody writes into the number-th order."""
    if str(number) in box.orders:
        box.touch(box.orders[str(number)])
    else:
        box.place(number)
    return f"order:{number}"


def wish(type_: str, number: int, data: Entity) -> Command[Any]:
    return Command(
        id=f"cmd_{number}",
        type=type_,
        data=data,
        entity_id=f"{type_.partition('.')[0]}_{number}",
        native_ids={f"ord_{number}": str(number)},
    )


def placed(box: VendureSandbox, number: int) -> EntityRef:
    if str(number) not in box.orders:
        box.place(number)
    return EntityRef(id=f"ord_{number}")


def ship(box: VendureSandbox, number: int) -> Command[Any]:
    data = Fulfillment(
        order=placed(box, number),
        number=f"WH/OUT/{number}",
        lines=(FulfillmentLine(line_id=str(number), quantity=Decimal(2)),),
        tracking=(Tracking(number="1Z999", carrier="UPS"),),
    )
    return wish("fulfillment.create", number, data)


def give_back(box: VendureSandbox, number: int) -> Command[Any]:
    amount = Money(amount=Decimal("10.00"), currency="USD")
    data = Refund(order=placed(box, number), state="succeeded", amount=amount, requested_at=NOW)
    return wish("refund.create", number, data)


def stock(_: VendureSandbox, number: int) -> Command[Any]:
    data = InventoryLevel(sku=f"TEE-{number}", location="WH", available=Decimal(10 + number))
    return wish("inventory.publish", number, data)


def effects(box: VendureSandbox) -> object:
    """Shipments, refunds and stock, without ids and times."""
    orders = [
        (
            number,
            [(one["state"], one["method"], one["lines"]) for one in found["fulfillments"]],
            [(one["total"], one["state"]) for paid in found["payments"] for one in paid["refunds"]],
        )
        for number, found in box.orders.items()
    ]
    return orders, sorted(box.stock.items())


def holds(box: VendureSandbox, kind: str) -> Collection[str]:
    return [f"order:{number}" for number in box.orders]


def said(code: str) -> Answer:
    return Answer(body={"errors": [{"message": "no", "extensions": {"code": code}}], "data": None})


SUBJECT = Subject(
    connector="vendure",
    home=HERE.parent,
    features=Features(
        webhooks=True,
        polls=True,
        applies=True,
        probes=True,
        snapshots=("order",),
    ),
    config={"page_size": 3},
    samples=[EXAMPLE, THIN],
    newer=[NOT_REFUNDED, NEWER],
    sign=signed,
    change=change,
    commands={
        "fulfillment.create": ship,
        "refund.create": give_back,
        "inventory.publish": stock,
    },
    effects=effects,
    holds=holds,
    refusals=[
        Refusal(name="not allowed", answer=said("FORBIDDEN"), means=AuthError),
        Refusal(name="its own fault", answer=said("INTERNAL_SERVER_ERROR"), means=UnavailableError),
    ],
    coverage=[
        Coverage(
            name="order",
            samples=[rich(), EXAMPLE],
            translate=translate,
            ignored={
                "/payments/*/transactionId": "the payment service's, kept at Vendure",
                "/fulfillments/**": "a shipment is the warehouse's word, not the shop's",
            },
        )
    ],
)
test_conformance = conformance(SUBJECT)

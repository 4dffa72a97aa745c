"""The conformance kit examines this connector.

    pytest                                           # one test for each check
    python -m crossdock.testing.conformance .        # everything at once, and the tier
"""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

from crossdock import Command, Request
from crossdock.canonical import InventoryLevel
from crossdock.testing.conformance import Features, Sample, Subject, conformance
from crossdock.testing.coverage import Coverage
from crossdock_vendure.client import sign
from crossdock_vendure.mapping import translate
from crossdock_vendure.sandbox import VendureSandbox

HERE = Path(__file__).parent
DATA = (HERE / "samples" / "order.json").read_bytes()
EXAMPLE = Sample(topic="order", data=DATA, says=("order.updated",))
NEWER = Sample(
    topic="order",
    data=json.dumps({**json.loads(DATA), "version": 8}).encode(),
    says=("order.updated",),
)


def signed(box: VendureSandbox, sample: Sample) -> Request:
    """The webhook by which the vendor would send this."""
    headers = {
        "x-vendure-topic": sample.topic,
        "x-vendure-signature": sign(box.webhook_secret, sample.data),
    }
    return Request(headers=headers, body=sample.data)


def change(box: VendureSandbox, number: int) -> str:
    """Somebody changes the number-th order; the key by which a poll tells it."""
    box.put({**json.loads(DATA), "id": f"order-{number}"})
    return f"order:order-{number}"


def wish(_: VendureSandbox, number: int) -> Command[Any]:
    """The number-th `inventory.publish`, about an entity of its own."""
    data = InventoryLevel(sku=f"TEE-{number}", location="WH", available=Decimal(10 + number))
    native: dict[str, str] = {}
    return Command(
        id=f"cmd_{number}",
        type="inventory.publish",
        data=data,
        entity_id=f"entity_{number}",
        native_ids=native,
    )


def effects(box: VendureSandbox) -> object:
    """What commands have left there, without the ids that the vendor invents."""
    return sorted(json.dumps(one, sort_keys=True) for one in box.stock.values())


SUBJECT = Subject(
    connector="vendure",
    home=HERE.parent,
    features=Features(
        webhooks=True,
        polls=True,
        applies=True,
        probes=True,
    ),
    config={"page_size": 3},
    samples=[EXAMPLE],
    newer=[EXAMPLE, NEWER],
    sign=signed,
    change=change,
    commands={"inventory.publish": wish},
    effects=effects,
    coverage=[Coverage(name="order", samples=[EXAMPLE], translate=translate)],
    # what is known to fail, each with its reason; a line here costs the tier
    gaps={
        "docs.nothing-is-left-to-fill-in": "just made from the template",
        "platinum.can-be-reconciled": "no snapshot yet",
    },
)
test_conformance = conformance(SUBJECT)

"""The conformance kit examines this connector.

    pytest                                           # one test for each check
    python -m crossdock.testing.conformance .        # everything at once, and the tier
"""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from crossdock import Command
from crossdock.canonical import EntityRef, FulfillmentOrder, FulfillmentOrderLine
from crossdock.testing.conformance import Features, Sample, Subject, conformance
from crossdock.testing.coverage import Coverage
from crossdock_x12_wms.mapping import translate
from crossdock_x12_wms.sandbox import X12WmsSandbox

HERE = Path(__file__).parent
DATA = (HERE / "samples" / "level.json").read_bytes()
EXAMPLE = Sample(topic="level", data=DATA, says=("inventory.level_changed",))
NEWER = Sample(
    topic="level",
    data=json.dumps({**json.loads(DATA), "version": 8}).encode(),
    says=("inventory.level_changed",),
)


def change(box: X12WmsSandbox, number: int) -> str:
    """Somebody changes the number-th level; the key by which a poll tells it."""
    box.put({**json.loads(DATA), "id": f"level-{number}"})
    return f"level:level-{number}"


def wish(_: X12WmsSandbox, number: int) -> Command[Any]:
    """The number-th `fulfillment_order.create`, about an entity of its own."""
    line = FulfillmentOrderLine(line_id="1", sku="TEE-S", requested=Decimal(number))
    data = FulfillmentOrder(
        order=EntityRef(id=f"ord_{number}"),
        location="WH",
        lines=(line,),
        requested_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    native = {f"ord_{number}": f"order-{number}"}
    return Command(
        id=f"cmd_{number}",
        type="fulfillment_order.create",
        data=data,
        entity_id=f"entity_{number}",
        native_ids=native,
    )


def effects(box: X12WmsSandbox) -> object:
    """What commands have left there, without the ids that the vendor invents."""
    return sorted(json.dumps(one, sort_keys=True) for one in box.jobs.values())


SUBJECT = Subject(
    connector="x12-wms",
    home=HERE.parent,
    features=Features(
        polls=True,
        applies=True,
        probes=True,
    ),
    config={"page_size": 3},
    samples=[EXAMPLE],
    newer=[EXAMPLE, NEWER],
    change=change,
    commands={"fulfillment_order.create": wish},
    effects=effects,
    coverage=[Coverage(name="level", samples=[EXAMPLE], translate=translate)],
    # what is known to fail, each with its reason; a line here costs the tier
    gaps={
        "docs.nothing-is-left-to-fill-in": "just made from the template",
        "platinum.can-be-reconciled": "no snapshot yet",
    },
)
test_conformance = conformance(SUBJECT)

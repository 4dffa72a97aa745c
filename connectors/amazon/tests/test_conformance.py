"""The conformance kit examines this connector; see docs/guides/conformance.md."""

import json
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from crossdock import AuthError, Command
from crossdock.canonical import (
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    InventoryLevel,
    Tracking,
)
from crossdock.fieldpaths import schema_fields
from crossdock.testing.catalog import CATALOG
from crossdock.testing.conformance import Answer, Features, Refusal, Subject, conformance
from crossdock.testing.coverage import Coverage
from crossdock_amazon import sandbox_models
from crossdock_amazon.mapping import translate
from crossdock_amazon.sandbox import AmazonSandbox

sys.path.insert(0, str(Path(__file__).parent))

import amazon_samples as samples

HERE = Path(__file__).parent
WORDS = json.loads((HERE / "coverage.json").read_text("utf-8"))
BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)


def sandbox() -> AmazonSandbox:
    """With the rates of a large seller, a search that finds at once, and the worst of queues: it
    gives again what was deleted, so that every check may poll from the beginning."""
    box = AmazonSandbox(behind_s=0, plan=1e5)
    box.queue.forgets = False
    return box


def change(box: AmazonSandbox, number: int) -> str:
    """Somebody buys, or the order changes; three changes share each second."""
    moves = box.__dict__.setdefault("moves", [])
    moves.append(number)
    at = BEGIN + timedelta(seconds=len(moves) // 3)
    order_id = f"902-{number:07d}-1234567"
    if order_id in box.account.orders:
        box.account.orders[order_id]["recipient"]["deliveryAddress"]["addressLine2"] = str(moves)
        box.account.touch(order_id, at=at)
    else:
        box.account.sell({"TEE-S": 1 + number % 3}, at=at, order_id=order_id)
    return f"order:{order_id}"


def stock(_: AmazonSandbox, number: int) -> Command[Any]:
    """The number-th `inventory.publish`, about a listing of its own."""
    sku = CATALOG[number % len(CATALOG)].sku
    data = InventoryLevel(sku=sku, location="WH", available=Decimal(10 + number))
    return Command(
        id=f"cmd_stock{number}", type="inventory.publish", data=data, entity_id=f"stock_{number}"
    )


def shipment(box: AmazonSandbox, number: int) -> Command[Any]:
    """One of two pieces of an order has left."""
    order_id = f"903-{number:07d}-7654321"
    order = box.account.orders.get(order_id)
    if order is None:
        at = BEGIN - timedelta(minutes=5)
        order = box.account.sell({"TEE-S": 2, "TOTE": 1}, order_id=order_id, at=at)
    line = FulfillmentLine(line_id=order["orderItems"][0]["orderItemId"], quantity=Decimal(1))
    data = Fulfillment(
        id=f"ful_{number}",
        order=EntityRef(id=f"ord_{number}"),
        lines=(line,),
        tracking=(Tracking(number=f"1Z{number:06d}", carrier="UPS"),),
        shipped_at=BEGIN,
    )
    return Command(
        id=f"cmd_ship{number}",
        type="fulfillment.create",
        data=data,
        entity_id=f"ful_{number}",
        native_ids={f"ord_{number}": order_id},
    )


def effects(box: AmazonSandbox) -> object:
    """Packages and stock as commands have left them."""
    packages = [
        (order_id, json.dumps(package, sort_keys=True))
        for order_id, order in box.account.orders.items()
        for package in order.get("packages", [])
    ]
    return sorted([*packages, *((sku, json.dumps(m)) for sku, m in box.account.listings.items())])


def holds(box: AmazonSandbox, kind: str) -> list[str]:
    """Every order; every SKU at Amazon and every listing of ours."""
    if kind == "order":
        return [f"order:{order_id}" for order_id in box.account.orders]
    return [f"inventory:{sku}" for sku in box.account.fba] + [
        f"inventory:{sku}@WH" for sku in box.account.listings
    ]


def fields(model: str, definition: str, at: str = "") -> dict[str, str]:
    """The leaves of one of Amazon's definitions."""
    document = json.loads(sandbox_models._MODELS.joinpath(f"{model}.json").read_text("utf-8"))
    found = schema_fields(document, f"#/definitions/{definition}")
    return {f"{at}{place}": kind for place, kind in found.items()}


def coverages() -> list[Coverage]:
    """What becomes of every field of Amazon's schemas; the words are in coverage.json."""
    group = "financesV0"
    schemas = {
        "orders 2026-01-01 Order": (
            [samples.RICH, samples.SEATTLE, samples.TOKYO],
            fields("orders_2026-01-01", "Order"),
        ),
        "orders v0": (
            [samples.OLD],
            {
                **fields("ordersV0", "Order", "/order"),
                **fields("ordersV0", "OrderItem", "/items/*"),
                **fields("ordersV0", "OrderAddress", "/address"),
                **fields("ordersV0", "OrderBuyerInfo", "/buyer"),
            },
        ),
        "fbaInventory InventorySummary": (
            [samples.AT_AMAZON],
            fields("fbaInventory", "InventorySummary", "/summary"),
        ),
        "finances Transaction": (
            [samples.TRANSACTION, samples.FEE],
            fields("finances_2024-06-19", "Transaction"),
        ),
        "finances FinancialEventGroup": (
            [samples.STATEMENT],
            fields(group, "FinancialEventGroup", "/group"),
        ),
        "listings Item": (
            [samples.LISTED],
            fields("listingsItems_2021-08-01", "Item", "/item"),
        ),
        **{
            f"notification {kind}": ([one], None)
            for kind, one in samples.NOTIFICATIONS.items()
            if kind in {"ORDER_CHANGE", "LISTINGS_ITEM_MFN_QUANTITY_CHANGE", "TRANSACTION_UPDATE"}
        },
    }
    return [
        Coverage(
            name=name,
            samples=given,
            schema=schema,
            translate=translate,
            told=WORDS.get(name, {}).get("told", {}),
            ignored=WORDS.get(name, {}).get("ignored", {}),
        )
        for name, (given, schema) in schemas.items()
    ]


SUBJECT = Subject(
    connector="amazon",
    home=HERE.parent,
    sandbox=sandbox,
    features=Features(polls=True, applies=True, probes=True, snapshots=("order", "inventory")),
    config={
        "page_size": 5,
        "sweep_every_s": 0,
        "fba_inventory_every_s": 86_400,
        "finances_every_s": -1,  # test_polling reads money; here it costs two calls each poll
        "overlap_s": 86_400,
        "visibility_s": 0,
    },
    samples=samples.SAMPLES,
    newer=[
        samples.SEATTLE,
        samples.sample(
            "order",
            json.loads(samples.SEATTLE.data) | {"lastUpdatedTime": "2025-03-11T00:00:00Z"},
            "order.placed",
        ),
    ],
    change=change,
    commands={"fulfillment.create": shipment, "inventory.publish": stock},
    effects=effects,
    holds=holds,
    refusals=[
        Refusal(
            name="unauthorized",
            answer=Answer(
                status=403,
                body={"errors": [{"code": "Unauthorized", "message": "Access is denied."}]},
            ),
            means=AuthError,
        ),
    ],
    coverage=coverages(),
)
test_conformance = conformance(SUBJECT)

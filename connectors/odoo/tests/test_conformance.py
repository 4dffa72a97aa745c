"""The conformance kit examines this connector; see docs/guides/conformance.md."""

import json
from collections.abc import Collection
from decimal import Decimal
from pathlib import Path
from typing import Any

import crossdock
from crossdock.canonical import (
    Address,
    EntityRef,
    InventoryLevel,
    Money,
    Order,
    OrderLine,
    TaxLine,
    Totals,
)
from crossdock.identity import entity_id
from crossdock.testing.catalog import CATALOG
from crossdock.testing.conformance import Features, Sample, Subject, conformance
from crossdock_odoo.sandbox import OdooSandbox
from crossdock_odoo.sandbox_control import count, report, ship

HERE = Path(__file__).parent
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
    ],
}
STOCK: dict[str, Any] = {
    "product_id": 173,
    "sku": "TOTE",
    "warehouse": "WH",
    "on_hand": 10.25,
    "reserved": 12.0,
    "write_date": "2026-11-23 03:16:13",
}


def sample(topic: str, body: Any, *says: str) -> Sample:
    """A record as the poller composes it."""
    return Sample(topic=topic, data=json.dumps(body).encode(), says=says)


def an_order(number: int) -> Order:
    """Two mugs, one line."""
    price = Money(amount=Decimal("12.50"), currency="USD")
    tax = TaxLine(
        title="VAT", rate=Decimal("0.19"), amount=Money(amount=Decimal("4.75"), currency="USD")
    )
    home = Address(full_name="Ada Byron", lines=("1 Main St",), locality="Palo Alto", country="US")
    line = OrderLine(
        line_id=f"{number}1",
        sku="MUG-BLUE",
        title="Mug",
        ordered=Decimal(2),
        unit_price=price,
        taxes=(tax,),
    )
    return Order(
        id=entity_id("web", "order", str(number)),
        number=f"#{number}",
        placed_at="2026-11-20T14:03:22Z",
        currency="USD",
        lines=(line,),
        totals=Totals(total=Money(amount=Decimal("29.75"), currency="USD")),
        customer=EntityRef(id=entity_id("web", "customer", str(number))),
        customer_name="Ada Byron",
        billing_address=home,
        shipping_address=home,
    )


def wish(type_: str, data: Any, **more: Any) -> crossdock.Command[Any]:
    """One command about one entity."""
    return crossdock.Command(
        id=f"cmd_{type_}_{data.id}", type=type_, data=data, entity_id=data.id or "", **more
    )


def create(_: OdooSandbox, number: int) -> crossdock.Command[Any]:
    """A new order."""
    return wish("order.create", an_order(number))


def level(_: OdooSandbox, number: int) -> crossdock.Command[Any]:
    """So much of the number-th thing."""
    data = InventoryLevel(
        id=entity_id("web", "inventory", str(number)),
        sku=CATALOG[number % len(CATALOG)].sku,
        location="WH",
        on_hand=Decimal(100 + number),
        available=Decimal(100 + number),
    )
    return wish("inventory.publish", data)


def change(box: OdooSandbox, number: int) -> str:
    """Somebody ships what is due, counts the number-th thing anew, and two seconds pass."""
    ship(box, two_parcels=0, seed=1)
    sku = CATALOG[number % len(CATALOG)].sku
    count(box, sku, 1_000.0 + box.calls.total() + number + box.offset_s)
    box.offset_s += 2
    return f"stock:{sku}@WH"


def effects(box: OdooSandbox) -> object:
    """Orders with their lines, shipments, stock."""
    told = report(box)
    orders = [
        (
            one["external_id"],
            one["state"],
            one["amount_total"],
            [(line["sku"], line["quantity"], line["delivered"]) for line in one["lines"]],
        )
        for one in told["orders"]
    ]
    shipped = [(p["order_external_id"], p["state"], p["tracking"]) for p in told["pickings"]]
    return orders, shipped, told["stock"]


def holds(box: OdooSandbox, kind: str) -> Collection[str]:
    """Keys of what is there."""
    told = report(box)
    if kind == "inventory":
        return [f"stock:{item.sku}@WH" for item in CATALOG]
    if kind == "order":
        return [f"order:{one['external_id'].partition('.')[2]}" for one in told["orders"]]
    done = [one["order_external_id"] for one in told["pickings"] if one["state"] == "done"]
    return [f"order:{external.partition('.')[2]}" for external in done]


SUBJECT = Subject(
    connector="odoo",
    features=Features(
        polls=True,
        applies=True,
        batches=True,
        probes=True,
        snapshots=("inventory", "order", "fulfillment"),
    ),
    home=HERE.parent,
    config={"page_size": 3},
    samples=[
        sample("stock.picking", SHIPMENT, "fulfillment.shipped"),
        sample("stock.level", STOCK, "inventory.level_changed"),
    ],
    change=change,
    commands={"order.create": create, "inventory.publish": level},
    effects=effects,
    holds=holds,
    gaps={
        "plugin.every-command-is-examined": "only order.create and inventory.publish are made here",
        "mapping.every-field-is-explained": "no coverage yet",
    },
)
test_conformance = conformance(SUBJECT)

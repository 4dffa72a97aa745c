"""Inventory counts of the pretended Odoo, as recorded in flow 11."""

from collections.abc import Mapping, Sequence
from typing import Any

from crossdock_odoo.sandbox_errors import validation_error
from crossdock_odoo.sandbox_store import Store

DAY = "%Y-%m-%d"


def count(store: Store, values: Mapping[str, Any]) -> int:
    """`create` in inventory mode: the quant of that place, with a counted quantity."""
    product = store.row("product.product", values["product_id"])
    if product["type"] == "service" or not product.get("is_storable", True):
        raise validation_error("Quants cannot be created for consumables or services.")
    lot = values.get("lot_id", False)
    rows = store.by("stock.quant", "product_id", product["id"])
    here = [
        row for row in rows if row["location_id"] == values["location_id"] and row["lot_id"] == lot
    ]
    place = {"product_id": product["id"], "location_id": values["location_id"], "lot_id": lot}
    made = {**place, "in_date": store.now, "inventory_date": store.now.strftime(DAY)}
    quant = here[0] if here else store.insert("stock.quant", made)
    at_once = "inventory_quantity_auto_apply" in values
    counted = values["inventory_quantity_auto_apply" if at_once else "inventory_quantity"]
    store.update(
        "stock.quant", quant["id"], inventory_quantity=float(counted), inventory_quantity_set=True
    )
    if at_once:
        apply(store, [quant["id"]])
    return int(quant["id"])


def apply(store: Store, ids: Sequence[int]) -> None:
    """`action_apply_inventory`, which answers nothing (recordings 11/03)."""
    for record in ids:
        quant = store.row("stock.quant", record)
        counted = quant["inventory_quantity"]
        _move(store, quant, counted - quant["quantity"])
        store.update(
            "stock.quant",
            record,
            quantity=counted,
            inventory_quantity=0.0,
            inventory_quantity_set=False,
        )


def _move(store: Store, quant: Mapping[str, Any], difference: float) -> None:
    """What appeared came from nowhere, what was missed went there; also when nothing differs."""
    lost = next(
        (row["id"] for row in store.tables["stock.location"].rows.values() if _nowhere(row)),
        None,
    )
    if lost is None:
        place = {"name": "Inventory adjustment", "usage": "inventory"}
        shown = {
            "complete_name": place["name"]
            if store.version >= 19
            else f"Virtual Locations/{place['name']}"
        }
        lost = store.insert("stock.location", {**place, **shown})["id"]
    here = quant["location_id"]
    ends = (lost, here) if difference > 0 else (here, lost)
    word = "Updated" if difference else "Confirmed"
    user = store.row("res.users", store.uid)["name"]
    shared = {
        "product_id": quant["product_id"],
        "quantity": abs(difference),
        "picked": True,
        "state": "done",
        "location_id": ends[0],
        "location_dest_id": ends[1],
        "date": store.now,
    }
    move = store.insert(
        "stock.move",
        {
            **shared,
            "product_uom_qty": abs(difference),
            "product_uom": 1,
            "reference": f"Product Quantity {word} ({user})",
            "is_inventory": True,
        },
    )
    if difference:
        store.insert(
            "stock.move.line", {**shared, "move_id": move["id"], "lot_id": quant["lot_id"]}
        )


def _nowhere(location: Mapping[str, Any]) -> bool:
    return bool(location["usage"] == "inventory")

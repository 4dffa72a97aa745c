"""Inventory counts of the pretended Odoo, as recorded in flow 11."""

from collections.abc import Mapping, Sequence
from typing import Any

from crossdock_odoo.sandbox_errors import validation_error
from crossdock_odoo.sandbox_store import Store


def count(store: Store, values: Mapping[str, Any]) -> int:
    """`create` in inventory mode: the quant of that place, with a counted quantity."""
    product = store.row("product.product", values["product_id"])
    if product["type"] == "service" or not product.get("is_storable", True):
        raise validation_error("Quants cannot be created for consumables or services.")
    rows = store.by("stock.quant", "product_id", product["id"])
    here = [row for row in rows if row["location_id"] == values["location_id"]]
    place = {"product_id": product["id"], "location_id": values["location_id"]}
    quant = here[0] if here else store.insert("stock.quant", place)
    counted = {"inventory_quantity": values["inventory_quantity"]}
    store.update("stock.quant", quant["id"], inventory_quantity_set=True, **counted)
    return int(quant["id"])


def apply(store: Store, ids: Sequence[int]) -> None:
    """`action_apply_inventory`, which answers nothing (recordings 11/03)."""
    for record in ids:
        counted = store.row("stock.quant", record)["inventory_quantity"]
        store.update(
            "stock.quant",
            record,
            quantity=counted,
            inventory_quantity=0.0,
            inventory_quantity_set=False,
        )

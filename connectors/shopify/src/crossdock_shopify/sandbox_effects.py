"""What may be changed in the pretended shop: shipments and stock, with Shopify's objections."""

from collections.abc import Mapping
from typing import Any

from crossdock_shopify.sandbox_shop import LOCATION, Shop, ShopOrder, gid, now_text, number_in

_MAX_QUANTITY = 1_000_000_000
_REASONS = frozenset(
    {
        "correction",
        "cycle_count_available",
        "damaged",
        "movement_created",
        "movement_updated",
        "movement_received",
        "movement_canceled",
        "other",
        "promotion",
        "quality_control",
        "received",
        "reservation_created",
        "reservation_deleted",
        "reservation_updated",
        "restock",
        "safety_stock",
        "shrinkage",
    }
)


def fulfillment_create(shop: Shop, given: Mapping[str, Any]) -> dict[str, Any]:
    """One fulfilment, or Shopify's objection and nothing changed."""
    taken: dict[int, int] = {}
    order: ShopOrder | None = None
    for index, part in enumerate(given["lineItemsByFulfillmentOrder"]):
        where = ["fulfillment", "lineItemsByFulfillmentOrder", str(index)]
        found = shop.orders.get(number_in(part["fulfillmentOrderId"], "FulfillmentOrder") - 1)
        if found is None or (order is not None and found is not order):
            return _refused("Fulfillment order does not exist.", where)
        order = found
        if order.held or order.cancelled_at or not any(x.remaining for x in order.lines):
            state = "on_hold" if order.held else "closed"
            return _refused(
                f"Fulfillment order {order.fo_id} has an unfulfillable status= {state}.", where
            )
        by_id = {line.fo_line_id: line for line in order.lines}
        wanted = part.get("fulfillmentOrderLineItems") or [
            {"id": gid("FulfillmentOrderLineItem", x.fo_line_id), "quantity": x.remaining}
            for x in order.lines
            if x.remaining
        ]
        for item in wanted:
            line = by_id.get(number_in(item["id"], "FulfillmentOrderLineItem"))
            if line is None:
                return _refused("Fulfillment order line item does not exist.", where)
            taken[line.id] = taken.get(line.id, 0) + item["quantity"]
            if item["quantity"] <= 0 or taken[line.id] > line.remaining:
                return _refused("Invalid fulfillment order line item quantity requested.", where)
    if order is None:
        return _refused("Line items by fulfillment order can't be blank.", ["fulfillment"])
    return {"fulfillment": _ship(shop, order, taken, given), "userErrors": []}


def _ship(
    shop: Shop, order: ShopOrder, taken: dict[int, int], given: Mapping[str, Any]
) -> dict[str, Any]:
    for line in order.lines:
        line.remaining -= taken.get(line.id, 0)
    tracking = given.get("trackingInfo") or {}
    numbers = list(tracking.get("numbers") or [])
    if not numbers and tracking.get("number"):
        numbers = [tracking["number"]]
    row = {
        "id": next(shop.ids),
        "name": f"{order.name}.{len(order.fulfillments) + 1}",
        "status": "SUCCESS",
        "created_at": now_text(),
        "tracking": numbers,
        "company": tracking.get("company"),
        "urls": list(tracking.get("urls") or []),
        "notified": given.get("notifyCustomer", False),
        "lines": taken,
    }
    order.fulfillments.append(row)
    shop.shipments[row["id"]] = (order, row)
    shop.fulfillment_count += 1
    shop.echo("fulfillments/create", f"order:{order.id}", {"order": order, "row": row})
    return shop.fulfillment_node(order, row)


def inventory_set(shop: Shop, given: Mapping[str, Any]) -> dict[str, Any]:
    """Set all the quantities given, or none of them."""
    if given["name"] not in {"available", "on_hand"}:
        return _stock_refused("INVALID_NAME", "The quantity name must be 'available'.", ["name"])
    if given["reason"] not in _REASONS:
        return _stock_refused("INVALID_REASON", "The specified reason is invalid.", ["reason"])
    if "://" not in str(given.get("referenceDocumentUri") or "x://"):
        message = "The specified reference document is invalid."
        return _stock_refused("INVALID_REFERENCE_DOCUMENT", message, ["referenceDocumentUri"])
    changes: list[tuple[int, int]] = []
    for index, row in enumerate(given["quantities"]):
        where = ["input", "quantities", str(index)]
        item = number_in(row["inventoryItemId"], "InventoryItem")
        fault = _stock_fault(shop, item, row)
        if fault is not None:
            return _stock_refused(*fault, where)
        changes.append((item, row["quantity"]))
    if len({item for item, _ in changes}) != len(changes):
        message = "The combination of inventoryItemId and locationId must be unique."
        return _stock_refused("NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", message, ["input"])
    for item, quantity in changes:
        shop.stock[item] = quantity
        shop.stock_updates += 1
        facts = {"item": item, "available": quantity}
        shop.echo("inventory_levels/update", f"inventory:{item}", facts)
    group = {"id": gid("InventoryAdjustmentGroup", next(shop.ids)), "reason": given["reason"]}
    return {"inventoryAdjustmentGroup": group, "userErrors": []}


def _stock_fault(shop: Shop, item: int, row: Mapping[str, Any]) -> tuple[str, str] | None:
    if item not in shop.stock:
        return "INVALID_INVENTORY_ITEM", "The specified inventory item could not be found."
    if row["locationId"] != gid("Location", LOCATION):
        return "INVALID_LOCATION", "The specified location could not be found."
    if row["quantity"] < 0:
        return "INVALID_QUANTITY_NEGATIVE", "The quantity can't be negative."
    if row["quantity"] > _MAX_QUANTITY:
        return "INVALID_QUANTITY_TOO_HIGH", "The total quantity is too high."
    expected = row["changeFromQuantity"]
    if expected is not None and expected != shop.stock[item]:
        return (
            "CHANGE_FROM_QUANTITY_STALE",
            "The changeFromQuantity value does not match persisted value.",
        )
    return None


def _refused(message: str, where: list[str]) -> dict[str, Any]:
    return {"fulfillment": None, "userErrors": [{"field": where, "message": message}]}


def _stock_refused(code: str, message: str, where: list[str]) -> dict[str, Any]:
    error = {"code": code, "field": where, "message": message}
    return {"inventoryAdjustmentGroup": None, "userErrors": [error]}

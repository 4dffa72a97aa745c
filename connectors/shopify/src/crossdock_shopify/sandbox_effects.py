"""What may be shipped and stocked in the pretended shop, with Shopify's objections."""

from collections.abc import Mapping
from typing import Any

from crossdock_shopify.sandbox_order_nodes import fulfillment_node
from crossdock_shopify.sandbox_shop import (
    FulfillmentOrder,
    Shop,
    ShopOrder,
    gid,
    now,
    now_text,
    number_in,
)

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
_MOST_TRACKING = 250


def fulfillment_create(shop: Shop, given: Mapping[str, Any]) -> dict[str, Any]:
    """One fulfilment, or Shopify's objection and nothing changed."""
    taken: list[tuple[FulfillmentOrder, Any, int]] = []
    order: ShopOrder | None = None
    for index, part in enumerate(given["lineItemsByFulfillmentOrder"]):
        where = ["fulfillment", "lineItemsByFulfillmentOrder", str(index)]
        number = number_in(part["fulfillmentOrderId"], "FulfillmentOrder")
        found = shop.find_order(number, "FulfillmentOrder")
        if found is None or (order is not None and found is not order):
            return _refused("Fulfillment order does not exist.", where)
        order = found
        one = next(one for one in order.fulfillment_orders if one.id == number)
        if one.status != "OPEN" or order.cancelled_at:
            state = one.status.lower()
            return _refused(
                f"Fulfillment order {number} has an unfulfillable status= {state}.", where
            )
        if taken and one.location != taken[0][0].location:
            return _refused("All fulfillment orders must be assigned to the same location.", where)
        by_id = {line.id: line for line in one.lines}
        wanted = part.get("fulfillmentOrderLineItems") or [
            {"id": gid("FulfillmentOrderLineItem", line.id), "quantity": line.remaining}
            for line in one.lines
            if line.remaining
        ]
        for item in wanted:
            line = by_id.get(number_in(item["id"], "FulfillmentOrderLineItem"))
            if line is None:
                return _refused("Fulfillment order line item does not exist.", where)
            before = sum(count for _, other, count in taken if other is line)
            if item["quantity"] <= 0 or before + item["quantity"] > line.remaining:
                return _refused("Invalid fulfillment order line item quantity requested.", where)
            taken.append((one, line, item["quantity"]))
    if order is None:
        return _refused("Line items by fulfillment order can't be blank.", ["fulfillment"])
    return {"fulfillment": _ship(shop, order, taken, given), "userErrors": []}


def _ship(
    shop: Shop,
    order: ShopOrder,
    taken: list[tuple[FulfillmentOrder, Any, int]],
    given: Mapping[str, Any],
) -> dict[str, Any]:
    lines: dict[int, int] = {}
    for one, line, quantity in taken:
        line.remaining -= quantity
        one.updated = now()
        lines[line.line.id] = lines.get(line.line.id, 0) + quantity
    row = {
        "id": shop.own(order, "Fulfillment", next(shop.ids)),
        "name": f"{order.name}.{len(order.fulfillments) + 1}",
        "status": "SUCCESS",
        "created_at": now_text(),
        "updated_at": now_text(),
        "location": taken[0][0].location,
        "notified": given.get("notifyCustomer", False),
        "lines": lines,
        "taken": taken,
        **_tracking(given.get("trackingInfo") or {}),
    }
    order.fulfillments.append(row)
    order.touch()
    shop.fulfillment_count += 1
    shop.echo("fulfillments/create", f"order:{order.id}", {"order": order, "row": row})
    return fulfillment_node(shop, order, row)


def _tracking(given: Mapping[str, Any]) -> dict[str, Any]:
    numbers = list(given.get("numbers") or [])
    if not numbers and given.get("number"):
        numbers = [given["number"]]
    urls = list(given.get("urls") or [])
    if not urls and given.get("url"):
        urls = [given["url"]]
    return {"tracking": numbers[:_MOST_TRACKING], "company": given.get("company"), "urls": urls}


def tracking_update(shop: Shop, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Other tracking for a fulfilment that is not cancelled."""
    order, row = _fulfillment(shop, arguments["fulfillmentId"])
    if order is None or row is None:
        return _refused("Fulfillment does not exist.", ["fulfillmentId"])
    if row["status"] == "CANCELLED":
        return _refused("Fulfillment is cancelled and cannot be updated.", ["fulfillmentId"])
    row |= _tracking(arguments["trackingInfoInput"])
    row["updated_at"] = now_text()
    order.touch()
    shop.echo("fulfillments/update", f"order:{order.id}", {"order": order, "row": row})
    return {"fulfillment": fulfillment_node(shop, order, row), "userErrors": []}


def fulfillment_cancel(shop: Shop, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The goods did not leave: their fulfilment orders are open again."""
    order, row = _fulfillment(shop, arguments["id"])
    if order is None or row is None:
        return _refused("Fulfillment does not exist.", ["id"])
    if row["status"] == "CANCELLED":
        return _refused("Fulfillment is already cancelled.", ["id"])
    for one, line, quantity in row["taken"]:
        line.remaining += quantity
        one.updated = now()
    row["status"], row["updated_at"] = "CANCELLED", now_text()
    order.touch()
    shop.echo("fulfillments/update", f"order:{order.id}", {"order": order, "row": row})
    return {"fulfillment": fulfillment_node(shop, order, row), "userErrors": []}


def _fulfillment(shop: Shop, wanted: str) -> tuple[ShopOrder | None, dict[str, Any] | None]:
    number = number_in(wanted, "Fulfillment")
    order = shop.find_order(number, "Fulfillment")
    if order is None:
        return None, None
    return order, next(row for row in order.fulfillments if row["id"] == number)


def inventory_set(shop: Shop, given: Mapping[str, Any]) -> dict[str, Any]:
    """Set all the quantities given, or none of them."""
    if given["name"] not in {"available", "on_hand"}:
        return _stock_refused("INVALID_NAME", "The quantity name must be 'available'.", ["name"])
    if given["reason"] not in _REASONS:
        return _stock_refused("INVALID_REASON", "The specified reason is invalid.", ["reason"])
    if "://" not in str(given.get("referenceDocumentUri") or "x://"):
        message = "The specified reference document is invalid."
        return _stock_refused("INVALID_REFERENCE_DOCUMENT", message, ["referenceDocumentUri"])
    changes: list[tuple[int, int, int]] = []
    for index, row in enumerate(given["quantities"]):
        where = ["input", "quantities", str(index)]
        item = number_in(row["inventoryItemId"], "InventoryItem")
        location = number_in(row["locationId"], "Location")
        fault = _stock_fault(shop, item, location, row, given)
        if fault is not None:
            return _stock_refused(*fault, where)
        changes.append((item, location, row["quantity"]))
    if len({change[:2] for change in changes}) != len(changes):
        message = "The combination of inventoryItemId and locationId must be unique."
        return _stock_refused("NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", message, ["input"])
    for item, location, quantity in changes:
        shop.set_stock(item, location, quantity)
        shop.stock_updates += 1
        facts = {"item": item, "location": location, "available": quantity}
        shop.echo("inventory_levels/update", f"inventory:{item}:{location}", facts)
    group = {"id": gid("InventoryAdjustmentGroup", next(shop.ids)), "reason": given["reason"]}
    return {"inventoryAdjustmentGroup": group, "userErrors": []}


def _stock_fault(
    shop: Shop, item: int, location: int, row: Mapping[str, Any], given: Mapping[str, Any]
) -> tuple[str, str] | None:
    if shop.variant_of(item) is None:
        return "INVALID_INVENTORY_ITEM", "The specified inventory item could not be found."
    if (item, location) not in shop.stock:
        return "INVALID_LOCATION", "The specified location could not be found."
    if row["quantity"] < 0:
        return "INVALID_QUANTITY_NEGATIVE", "The quantity can't be negative."
    if row["quantity"] > _MAX_QUANTITY:
        return "INVALID_QUANTITY_TOO_HIGH", "The total quantity is too high."
    there = shop.stock[item, location]
    if row.get("changeFromQuantity") not in {None, there}:
        message = "The changeFromQuantity value does not match persisted value."
        return "CHANGE_FROM_QUANTITY_STALE", message
    if "changeFromQuantity" in row or given.get("ignoreCompareQuantity"):
        return None
    if row.get("compareQuantity") is None:
        return "COMPARE_QUANTITY_REQUIRED", "The compareQuantity argument must be given or ignored."
    if row["compareQuantity"] != there:
        return "COMPARE_QUANTITY_STALE", "The compareQuantity value does not match persisted value."
    return None


def _refused(message: str, where: list[str]) -> dict[str, Any]:
    return {"fulfillment": None, "userErrors": [{"field": where, "message": message}]}


def _stock_refused(code: str, message: str, where: list[str]) -> dict[str, Any]:
    error = {"code": code, "field": where, "message": message}
    return {"inventoryAdjustmentGroup": None, "userErrors": [error]}

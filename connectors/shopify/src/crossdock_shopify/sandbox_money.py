"""Orders called off or changed, money given back and goods returned in the pretended shop."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from crossdock_shopify.sandbox_order_nodes import (
    fulfillment_line_gid,
    order_node,
    refund_node,
    return_node,
)
from crossdock_shopify.sandbox_shop import (
    LOCATION,
    ReturnLine,
    Shop,
    ShopOrder,
    ShopReturn,
    gid,
    now,
    now_text,
    number_in,
)

Payload = dict[str, Any]
_TAKEN = ("SALE", "CAPTURE")
_REACH = {
    "note": "note",
    "email": "email",
    "phone": "phone",
    "poNumber": "po_number",
}


def refund_create(shop: Shop, given: Mapping[str, Any]) -> Payload:
    """Give money back of what was taken, and no more."""
    order = shop.orders.get(number_in(given["orderId"], "Order"))
    if order is None:
        return _plain("refund", "Order does not exist.", ["orderId"])
    lines = {line.id: line for line in order.lines}
    quantities: dict[str, int] = {}
    restock = "NO_RESTOCK"
    for item in given.get("refundLineItems") or []:
        line = lines.get(number_in(item["lineItemId"], "LineItem"))
        if line is None:
            return _plain("refund", "Line item does not exist.", ["refundLineItems"])
        if item["quantity"] > line.quantity - line.removed:
            message = "Quantity cannot refund more items than were purchased."
            return _plain("refund", message, ["refundLineItems"])
        quantities[str(line.id)] = item["quantity"]
        restock = item.get("restockType") or restock
    transactions = []
    for item in given.get("transactions") or []:
        parent = number_in(item.get("parentId") or "", "OrderTransaction")
        amount = Decimal(str(item["amount"]))
        if amount > _refundable(order, parent):
            message = "Transactions amount is more than what can be refunded."
            return _plain("refund", message, ["transactions"])
        transactions.append(
            {
                "id": next(shop.ids),
                "kind": "REFUND",
                "status": "SUCCESS",
                "gateway": item["gateway"],
                "amount": f"{amount:.2f}",
                "parent": parent,
                "created": now(),
            }
        )
    row = _refund(shop, order, given.get("note"), quantities, restock, transactions)
    return {"refund": refund_node(order, row), "order": None, "userErrors": []}


def _refund(
    shop: Shop,
    order: ShopOrder,
    note: str | None,
    quantities: dict[str, int],
    restock: str,
    transactions: list[dict[str, Any]],
) -> dict[str, Any]:
    amount = sum((Decimal(item["amount"]) for item in transactions), Decimal(0))
    row = {
        "id": shop.own(order, "Refund", next(shop.ids) * 100),
        "note": note,
        "created": now(),
        "quantities": quantities,
        "restock": restock,
        "transactions": transactions,
        "amount": f"{amount:.2f}",
    }
    order.transactions += transactions
    order.refunds.append(row)
    _remove(shop, order, {int(line): quantity for line, quantity in quantities.items()}, restock)
    order.touch()
    shop.echo("refunds/create", f"order:{order.id}", {"order": order, "row": row})
    return row


def _remove(shop: Shop, order: ShopOrder, gone: Mapping[int, int], restock: str) -> None:
    """No longer wanted: what was not shipped need not be."""
    for line in order.lines:
        left = gone.get(line.id, 0)
        line.removed += left
        for one in order.fulfillment_orders:
            for part in one.lines:
                if part.line is line and left:
                    take = min(left, part.remaining)
                    part.remaining -= take
                    left -= take
                    one.updated = now()
                    if restock == "CANCEL":
                        _restock(shop, line.sku, one.location, take)


def _restock(shop: Shop, sku: str, location: int, quantity: int) -> None:
    item = shop.variants[sku]["item"]
    shop.set_stock(item, location, shop.stock.get((item, location), 0) + quantity)


def _refundable(order: ShopOrder, parent: int) -> Decimal:
    taken = given = Decimal(0)
    for item in order.transactions:
        if item["id"] == parent and item["kind"] in _TAKEN:
            taken += Decimal(item["amount"])
        elif item["kind"] == "REFUND" and item["parent"] == parent:
            given += Decimal(item["amount"])
    return taken - given


# Orders


def order_cancel(shop: Shop, arguments: Mapping[str, Any]) -> Payload:
    """Call the order off, unless something of it has left."""
    order = shop.orders.get(number_in(arguments["orderId"], "Order"))
    if order is None:
        return _not_cancelled("NOT_FOUND", "Order does not exist.")
    if order.cancelled_at is not None:
        return _not_cancelled("INVALID", "Order has already been cancelled.")
    if order.live():
        return _not_cancelled("INVALID", "Cannot cancel an order that has been fulfilled.")
    if not arguments["restock"]:
        order.facts["not_restocked"] = True
    left = {line.id: line.quantity - line.removed for line in order.lines}
    method = arguments.get("refundMethod") or {}
    if method.get("originalPaymentMethodsRefund"):
        parent = next(item for item in order.transactions if item["kind"] in _TAKEN)
        transaction = {
            "id": next(shop.ids),
            "kind": "REFUND",
            "status": "SUCCESS",
            "gateway": parent["gateway"],
            "amount": f"{_refundable(order, parent['id']):.2f}",
            "parent": parent["id"],
            "created": now(),
        }
        _refund(shop, order, None, {str(k): v for k, v in left.items()}, "CANCEL", [transaction])
    else:
        _remove(shop, order, left, "CANCEL" if arguments["restock"] else "NO_RESTOCK")
    order.cancelled_at = now_text()
    order.cancel_reason = arguments["reason"].lower()
    order.staff_note = arguments.get("staffNote")
    for one in order.fulfillment_orders:
        one.cancelled = True
    order.touch()
    shop.echo("orders/cancelled", f"order:{order.id}", {"order": order})
    job = {"id": gid("Job", next(shop.ids)), "done": False}
    return {"job": job, "orderCancelUserErrors": [], "userErrors": []}


def _not_cancelled(code: str, message: str) -> Payload:
    error = {"code": code, "field": ["orderId"], "message": message}
    return {"job": None, "orderCancelUserErrors": [error], "userErrors": []}


def order_update(shop: Shop, given: Mapping[str, Any]) -> Payload:
    """Change how the order is reached."""
    order = shop.orders.get(number_in(given["id"], "Order"))
    if order is None:
        return _plain("order", "Order does not exist.", ["id"])
    for key, name in _REACH.items():
        if key in given:
            order.reach[name] = given[key]
    if "tags" in given:
        order.reach["tags"] = ", ".join(given["tags"])
    if address := given.get("shippingAddress"):
        names = [address.get("firstName"), address.get("lastName")]
        order.reach["shipping_address"] = {
            "first_name": names[0],
            "last_name": names[1],
            "name": " ".join(name for name in names if name),
            "company": address.get("company"),
            "address1": address.get("address1"),
            "address2": address.get("address2"),
            "zip": address.get("zip"),
            "city": address.get("city"),
            "province": address.get("provinceCode"),
            "province_code": address.get("provinceCode"),
            "country": address.get("countryCode"),
            "country_code": address.get("countryCode"),
            "phone": address.get("phone"),
        }
    order.touch()
    shop.echo("orders/updated", f"order:{order.id}", {"order": order})
    return {"order": order_node(shop, order), "userErrors": []}


def hold(shop: Shop, arguments: Mapping[str, Any]) -> Payload:
    """Hold one fulfilment order."""
    number = number_in(arguments["id"], "FulfillmentOrder")
    order = shop.find_order(number, "FulfillmentOrder")
    given = arguments["fulfillmentHold"]
    if order is None:
        return _coded("fulfillmentHold", "FULFILLMENT_ORDER_NOT_FOUND", "Not found.", ["id"])
    one = next(one for one in order.fulfillment_orders if one.id == number)
    if any(hold["handle"] == given["handle"] for hold in one.holds):
        message = "The handle must be unique for this fulfillment order."
        return _coded("fulfillmentHold", "DUPLICATE_FULFILLMENT_HOLD_HANDLE", message, ["handle"])
    made = {
        "id": next(shop.ids),
        "reason": given["reason"],
        "notes": given.get("reasonNotes"),
        "handle": given["handle"],
    }
    one.holds.append(made)
    one.updated = now()
    shop.echo("fulfillment_orders/placed_on_hold", f"order:{order.id}", {"fulfillment_order": one})
    node = {"id": gid("FulfillmentHold", made["id"]), "handle": made["handle"]}
    return {"fulfillmentHold": node, "userErrors": []}


def release_hold(shop: Shop, arguments: Mapping[str, Any]) -> Payload:
    """Release some holds of one fulfilment order, or all."""
    number = number_in(arguments["id"], "FulfillmentOrder")
    order = shop.find_order(number, "FulfillmentOrder")
    if order is None:
        return _coded("fulfillmentOrder", "FULFILLMENT_ORDER_NOT_FOUND", "Not found.", ["id"])
    one = next(one for one in order.fulfillment_orders if one.id == number)
    wanted = arguments.get("holdIds")
    gone = {number_in(each, "FulfillmentHold") for each in wanted} if wanted else None
    one.holds = [hold for hold in one.holds if gone is not None and hold["id"] not in gone]
    one.updated = now()
    shop.echo("fulfillment_orders/hold_released", f"order:{order.id}", {"fulfillment_order": one})
    node = {"id": gid("FulfillmentOrder", one.id), "status": one.status}
    return {"fulfillmentOrder": node, "userErrors": []}


# Returns


def return_create(shop: Shop, given: Mapping[str, Any]) -> Payload:
    """Agree to take goods back that were shipped and not returned yet."""
    order = shop.orders.get(number_in(given["orderId"], "Order"))
    if order is None:
        return _coded("return", "NOT_FOUND", "Order does not exist.", ["orderId"])
    number = next(shop.ids) * 100
    lines: list[ReturnLine] = []
    for index, item in enumerate(given["returnLineItems"]):
        found = _shipped(order, item["fulfillmentLineItemId"])
        where = ["returnInput", "returnLineItems", str(index)]
        if found is None:
            return _coded("return", "NOT_FOUND", "Fulfillment line item does not exist.", where)
        line, quantity = found
        if item["quantity"] > quantity:
            message = "Return line item has an invalid quantity."
            return _coded("return", "INVALID", message, where)
        lines.append(
            ReturnLine(
                id=number + 10 + index,
                line=line,
                fulfillment_line=item["fulfillmentLineItemId"],
                quantity=item["quantity"],
                reason=item.get("returnReason") or "OTHER",
                note=item.get("returnReasonNote") or "",
                reverse_id=number + 40 + index,
            )
        )
    back = open_return(shop, order, lines, number=number)
    shop.echo("returns/approve", f"return:{back.id}", {"return": back, "order": order})
    return {"return": return_node(shop, order, back), "userErrors": []}


def open_return(
    shop: Shop, order: ShopOrder, lines: list[ReturnLine], *, number: int, status: str = "OPEN"
) -> ShopReturn:
    """A return as it begins; `status` REQUESTED for one that a customer asks for."""
    shop.own(order, "Return", number)
    shop.own(order, "ReverseFulfillmentOrder", number + 1)
    back = ShopReturn(number, f"{order.name}-R{len(order.returns) + 1}", status, lines, now())
    order.returns.append(back)
    order.touch()
    return back


def _shipped(order: ShopOrder, wanted: str) -> tuple[Any, int] | None:
    """The line, and how much of a fulfilment line can still be returned."""
    lines = {line.id: line for line in order.lines}
    for row in order.live():
        for line_id, quantity in row["lines"].items():
            if fulfillment_line_gid(row["id"], line_id) == wanted:
                back = sum(
                    line.quantity
                    for one in order.returns
                    if one.status not in {"CANCELED", "DECLINED"}
                    for line in one.lines
                    if line.fulfillment_line == wanted
                )
                return lines[line_id], quantity - back
    return None


def _return(shop: Shop, wanted: str) -> tuple[ShopOrder, ShopReturn] | None:
    number = number_in(wanted, "Return")
    order = shop.find_order(number, "Return")
    if order is None:
        return None
    return order, next(one for one in order.returns if one.id == number)


def return_cancel(shop: Shop, arguments: Mapping[str, Any]) -> Payload:
    """The customer keeps the goods."""
    found = _return(shop, arguments["id"])
    if found is None:
        return _coded("return", "NOT_FOUND", "Return does not exist.", ["id"])
    order, back = found
    if back.status != "OPEN" or any(line.dispositions for line in back.lines):
        return _coded("return", "INVALID_STATE", "Return is not cancelable.", ["id"])
    return _ended(shop, order, back, "CANCELED", "returns/cancel")


def return_decline(shop: Shop, given: Mapping[str, Any]) -> Payload:
    """Refuse what a customer asked for."""
    found = _return(shop, given["id"])
    if found is None:
        return _coded("return", "NOT_FOUND", "Return does not exist.", ["id"])
    order, back = found
    if back.status != "REQUESTED":
        return _coded("return", "INVALID_STATE", "Return is not declinable.", ["id"])
    back.decline = {"reason": given["declineReason"], "note": given.get("declineNote")}
    return _ended(shop, order, back, "DECLINED", "returns/decline")


def _ended(shop: Shop, order: ShopOrder, back: ShopReturn, status: str, topic: str) -> Payload:
    back.status = status
    order.touch()
    shop.echo(topic, f"return:{back.id}", {"return": back, "order": order})
    return {"return": return_node(shop, order, back), "userErrors": []}


def dispose(shop: Shop, inputs: list[Mapping[str, Any]]) -> Payload:
    """Say what becomes of goods that came back."""
    found: list[tuple[ShopOrder, ShopReturn, ReturnLine, Mapping[str, Any]]] = []
    for given in inputs:
        number = number_in(
            given["reverseFulfillmentOrderLineItemId"], "ReverseFulfillmentOrderLineItem"
        )
        order = shop.find_order(number // 100 * 100, "Return")
        back = (
            next((r for r in order.returns if r.id == number // 100 * 100), None) if order else None
        )
        line = next((x for x in back.lines if x.reverse_id == number), None) if back else None
        if order is None or back is None or line is None:
            return _disposed("NOT_FOUND", "Reverse fulfillment order line item does not exist.")
        gone = sum(item["quantity"] for item in line.dispositions)
        if given["quantity"] <= 0 or gone + given["quantity"] > line.quantity:
            return _disposed("INVALID", "Quantity exceeds the remaining quantity.")
        if given["dispositionType"] == "RESTOCKED" and not given.get("locationId"):
            return _disposed("BLANK", "Location is required to restock.")
        found.append((order, back, line, given))
    for order, back, line, given in found:
        location = number_in(given.get("locationId") or gid("Location", LOCATION), "Location")
        line.dispositions.append(
            {
                "id": next(shop.ids),
                "type": given["dispositionType"],
                "quantity": given["quantity"],
                "created": now(),
                "location": location,
            }
        )
        if given["dispositionType"] == "RESTOCKED":
            _restock(shop, line.line.sku, location, given["quantity"])
        order.touch()
        facts = {"return": back, "order": order}
        shop.echo("reverse_fulfillment_orders/dispose", f"return:{back.id}", facts)
    nodes = [
        {"id": gid("ReverseFulfillmentOrderLineItem", line.reverse_id)} for _, _, line, _ in found
    ]
    return {"reverseFulfillmentOrderLineItems": nodes, "userErrors": []}


def _disposed(code: str, message: str) -> Payload:
    error = {"code": code, "field": ["dispositionInputs"], "message": message}
    return {"reverseFulfillmentOrderLineItems": None, "userErrors": [error]}


def _plain(key: str, message: str, where: list[str]) -> Payload:
    return {key: None, "userErrors": [{"field": where, "message": message}]}


def _coded(key: str, code: str, message: str, where: list[str]) -> Payload:
    return {key: None, "userErrors": [{"code": code, "field": where, "message": message}]}

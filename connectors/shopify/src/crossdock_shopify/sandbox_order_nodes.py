"""How GraphQL sees an order of the pretended shop, its shipments, refunds and returns.

An order is derived from its own webhook body, so that both roads tell one truth: only the spelling
differs, as at the real shop.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cache
from typing import Any

from crossdock_shopify.sandbox_goods_nodes import location_node
from crossdock_shopify.sandbox_orders import order_body, refund_body
from crossdock_shopify.sandbox_part_nodes import (
    application_node,
    attributes,
    buyer_node,
    ordered_line_node,
    shipping_node,
    tags,
    tax_node,
    transaction_node,
)
from crossdock_shopify.sandbox_shop import (
    FulfillmentOrder,
    FulfillmentOrderLine,
    Line,
    Shop,
    ShopOrder,
    ShopReturn,
    gid,
    number_in,
    time_text,
)
from crossdock_shopify.sandbox_spelling import (
    Node,
    address_node,
    bag,
    bag_of,
    camel,
    connection,
    upper,
    utc,
)

Resolver = Callable[..., Any]
_WORDS = {None: "UNFULFILLED", "partial": "PARTIALLY_FULFILLED", "fulfilled": "FULFILLED"}


# Orders


def order_node(shop: Shop, order: ShopOrder) -> Node:
    """One order, spelt in GraphQL from its own webhook body."""
    body = cache(lambda: order_body(shop, order))  # made only if something of it is asked for
    currency = order.currency

    def told(key: str, spell: Callable[[Any], Any] = lambda value: value) -> Resolver:
        return lambda info: spell(body()[key])

    return {
        "__typename": "Order",
        "id": gid("Order", order.id),
        "legacyResourceId": str(order.id),
        "name": order.name,
        "updatedAt": time_text(order.updated),
        "cancelledAt": order.cancelled_at,
        "cancellation": {"staffNote": order.staff_note} if order.cancelled_at else None,
        "currencyCode": currency,
        "returnStatus": "IN_PROGRESS" if order.returns else "NO_RETURN",
        **{camel(key): told(key) for key in _SAME},
        **{f"{camel(key)}Set": told(f"{key}_set", bag) for key in _SETS},
        **{
            f"{camel(key)}Set": told(key, lambda text: bag_of(text, currency))
            for key in ("total_outstanding", "total_tip_received")
        },
        **{camel(key): told(key, utc) for key in ("created_at", "processed_at", "closed_at")},
        "cancelReason": told("cancel_reason", upper),
        "presentmentCurrencyCode": told("presentment_currency"),
        "tags": told("tags", tags),
        "discountCodes": told("discount_codes", lambda items: [item["code"] for item in items]),
        "customAttributes": told("note_attributes", attributes),
        "displayFinancialStatus": told("financial_status", upper),
        "displayFulfillmentStatus": told("fulfillment_status", lambda word: _WORDS[word]),
        "taxLines": told("tax_lines", lambda items: [tax_node(item, currency) for item in items]),
        "billingAddress": told("billing_address", address_node),
        "shippingAddress": told("shipping_address", address_node),
        "customer": told("customer", buyer_node),
        "lineItems": lambda info, **a: connection(
            [ordered_line_node(item, currency) for item in body()["line_items"]], a
        ),
        "shippingLines": lambda info, **a: connection(
            [shipping_node(item, currency) for item in body()["shipping_lines"]], a
        ),
        "discountApplications": lambda info, **a: connection(
            [
                application_node(index, item)
                for index, item in enumerate(body()["discount_applications"])
            ],
            a,
        ),
        "fulfillments": lambda info, **a: [
            fulfillment_node(shop, order, row) for row in order.fulfillments[: a.get("first")]
        ],
        "refunds": lambda info, **a: [
            refund_node(order, row) for row in order.refunds[: a.get("first")]
        ],
        "returns": lambda info, **a: connection(
            [return_node(shop, order, one) for one in order.returns], a
        ),
        "fulfillmentOrders": lambda info, **a: connection(
            [fulfillment_order_node(shop, order, one) for one in order.fulfillment_orders], a
        ),
        "transactions": lambda info, **a: [
            transaction_node(item, currency) for item in order.transactions[: a.get("first")]
        ],
    }


_SETS = (
    "subtotal_price",
    "total_discounts",
    "total_shipping_price",
    "total_tax",
    "total_price",
    "current_total_price",
)
_SAME = (
    "test",
    "note",
    "email",
    "phone",
    "tax_exempt",
    "taxes_included",
    "source_name",
    "source_identifier",
    "customer_locale",
    "confirmation_number",
    "po_number",
    "payment_gateway_names",
)


def order_times(order: ShopOrder) -> tuple[datetime, datetime]:
    """When it was placed, and when it changed last."""
    return order.facts.get("placed", order.updated), order.updated


# Shipping


def fulfillment_node(shop: Shop, order: ShopOrder, row: Mapping[str, Any]) -> Node:
    """One fulfilment as GraphQL sees it."""
    lines = {line.id: line for line in order.lines}
    urls = row["urls"]
    return {
        "__typename": "Fulfillment",
        "id": gid("Fulfillment", row["id"]),
        "legacyResourceId": str(row["id"]),
        "name": row["name"],
        "status": row["status"],
        "displayStatus": row.get("display"),
        "createdAt": utc(row["created_at"]),
        "updatedAt": utc(row["updated_at"]),
        "deliveredAt": row.get("delivered_at"),
        "totalQuantity": sum(row["lines"].values()),
        "order": {"id": gid("Order", order.id)},
        "location": location_node(shop, row["location"]),
        "service": None,
        "trackingInfo": lambda info, **a: [
            {
                "number": number,
                "company": row["company"],
                "url": urls[index] if index < len(urls) else None,
            }
            for index, number in enumerate(row["tracking"][: a.get("first")])
        ],
        "fulfillmentLineItems": lambda info, **a: connection(
            [
                _fulfillment_line(row, lines[line_id], quantity)
                for line_id, quantity in row["lines"].items()
            ],
            a,
        ),
        "events": lambda info, **a: connection(row.get("events", []), a),
    }


def _fulfillment_line(row: Mapping[str, Any], line: Line, quantity: int) -> Node:
    return {
        "id": fulfillment_line_gid(row["id"], line.id),
        "quantity": quantity,
        "lineItem": _line_item(line),
    }


def fulfillment_line_gid(fulfillment: int, line: int) -> str:
    """The id of so much of a line in one fulfilment."""
    return gid("FulfillmentLineItem", fulfillment * 10_000 + line % 10_000)


def fulfillment_order_node(shop: Shop, order: ShopOrder, one: FulfillmentOrder) -> Node:
    """The instruction to one place."""
    return {
        "__typename": "FulfillmentOrder",
        "id": gid("FulfillmentOrder", one.id),
        "status": one.status,
        "requestStatus": one.request_status,
        "createdAt": time_text(order.facts.get("placed", one.updated)),
        "updatedAt": time_text(one.updated),
        "fulfillAt": None,
        "fulfillBy": None,
        "orderId": gid("Order", order.id),
        "orderName": order.name,
        "assignedLocation": {
            "name": shop.locations[one.location]["name"],
            "countryCode": "US",
            "location": location_node(shop, one.location),
        },
        "deliveryMethod": {
            "methodType": "SHIPPING",
            "serviceCode": "STANDARD",
            "presentedName": "Standard",
        },
        "destination": lambda info: _destination(shop, order),
        "fulfillmentHolds": [
            {
                "id": gid("FulfillmentHold", hold["id"]),
                "reason": hold["reason"],
                "reasonNotes": hold.get("notes"),
                "displayReason": hold["reason"],
                "handle": hold["handle"],
            }
            for hold in one.holds
        ],
        "lineItems": lambda info, **a: connection(
            [_fulfillment_order_line(one, line) for line in one.lines], a
        ),
    }


def _destination(shop: Shop, order: ShopOrder) -> Node:
    address = address_node(order_body(shop, order)["shipping_address"]) or {}
    return address | {
        "id": gid("FulfillmentOrderDestination", order.id),
        "countryCode": address.get("countryCodeV2"),
    }


def _fulfillment_order_line(one: FulfillmentOrder, line: FulfillmentOrderLine) -> Node:
    return {
        "id": gid("FulfillmentOrderLineItem", line.id),
        "remainingQuantity": line.remaining if not one.cancelled else 0,
        "totalQuantity": line.total,
        "sku": line.line.sku,
        "productTitle": line.line.title,
        "requiresShipping": True,
        "lineItem": _line_item(line.line),
    }


def _line_item(line: Line) -> Node:
    return {
        "id": gid("LineItem", line.id),
        "sku": line.sku,
        "name": line.title,
        "title": line.title,
        "quantity": line.quantity,
    }


# Money and goods back


def refund_node(order: ShopOrder, row: Mapping[str, Any]) -> Node:
    """A refund, spelt in GraphQL from its own webhook body."""
    body = refund_body(order, dict(row))
    back = row.get("return")
    return {
        "__typename": "Refund",
        "id": gid("Refund", row["id"]),
        "note": row["note"],
        "createdAt": time_text(row["created"]),
        "updatedAt": time_text(row["created"]),
        "order": {"id": gid("Order", order.id)},
        "return": {"id": gid("Return", back)} if back else None,
        "totalRefundedSet": bag_of(row["amount"], order.currency),
        "refundLineItems": lambda info, **a: connection(
            [
                {
                    "quantity": item["quantity"],
                    "restockType": item["restock_type"].upper(),
                    "lineItem": {
                        "id": item["line_item"]["admin_graphql_api_id"],
                        "sku": item["line_item"]["sku"],
                    },
                    "location": None,
                    "subtotalSet": bag(item["subtotal_set"]),
                    "totalTaxSet": bag(item["total_tax_set"]),
                }
                for item in body["refund_line_items"]
            ],
            a,
        ),
        "refundShippingLines": lambda info, **a: connection([], a),
        "transactions": lambda info, **a: connection(
            [transaction_node(item, order.currency) for item in row["transactions"]], a
        ),
    }


def return_node(shop: Shop, order: ShopOrder, back: ShopReturn) -> Node:
    """A return with its reverse fulfilment order."""
    return {
        "__typename": "Return",
        "id": gid("Return", back.id),
        "name": back.name,
        "status": back.status,
        "createdAt": time_text(back.created),
        "closedAt": time_text(back.closed) if back.closed else None,
        "requestApprovedAt": None if back.status == "REQUESTED" else time_text(back.created),
        "totalQuantity": sum(line.quantity for line in back.lines),
        "decline": back.decline,
        "order": {"id": gid("Order", order.id), "updatedAt": time_text(order.updated)},
        "returnLineItems": lambda info, **a: connection(
            [
                {
                    "__typename": "ReturnLineItem",
                    "id": gid("ReturnLineItem", line.id),
                    "quantity": line.quantity,
                    "returnReason": line.reason,
                    "returnReasonNote": line.note,
                    "customerNote": None,
                    "fulfillmentLineItem": {
                        "id": line.fulfillment_line,
                        "lineItem": _line_item(line.line),
                    },
                }
                for line in back.lines
            ],
            a,
        ),
        "reverseFulfillmentOrders": lambda info, **a: connection(
            [reverse_node(shop, order, back)], a
        ),
    }


def reverse_node(shop: Shop, order: ShopOrder, back: ShopReturn) -> Node:
    """What one place awaits of a return."""
    deliveries = [
        {
            "id": gid("ReverseDelivery", back.id + 2),
            "deliverable": {
                "__typename": "ReverseDeliveryShippingDeliverable",
                "tracking": back.tracking,
            },
        }
    ] * bool(back.tracking)
    return {
        "__typename": "ReverseFulfillmentOrder",
        "id": gid("ReverseFulfillmentOrder", back.id + 1),
        "status": "OPEN" if back.status == "OPEN" else "CLOSED",
        "order": {"id": gid("Order", order.id)},
        "lineItems": lambda info, **a: connection(
            [
                {
                    "id": gid("ReverseFulfillmentOrderLineItem", line.reverse_id),
                    "totalQuantity": line.quantity,
                    "fulfillmentLineItem": {
                        "id": line.fulfillment_line,
                        "lineItem": _line_item(line.line),
                    },
                    "dispositions": [
                        {
                            "id": gid("ReverseFulfillmentOrderDisposition", item["id"]),
                            "type": item["type"],
                            "quantity": item["quantity"],
                            "createdAt": time_text(item["created"]),
                            "location": location_node(shop, item["location"]),
                        }
                        for item in line.dispositions
                    ],
                }
                for line in back.lines
            ],
            a,
        ),
        "reverseDeliveries": lambda info, **a: connection(deliveries, a),
    }


def returnable(shop: Shop, arguments: Mapping[str, Any]) -> Node:
    """What of an order was shipped and may still come back."""
    order = shop.orders.get(number_in(arguments["orderId"], "Order"))
    nodes = []
    for row in order.live() if order else []:
        lines = {line.id: line for line in order.lines} if order else {}
        items = []
        for line_id, quantity in row["lines"].items():
            own = fulfillment_line_gid(row["id"], line_id)
            back = sum(
                line.quantity
                for one in (order.returns if order else [])
                if one.status not in {"CANCELED", "DECLINED"}
                for line in one.lines
                if line.fulfillment_line == own
            )
            if quantity > back:
                items.append(
                    {
                        "quantity": quantity - back,
                        "fulfillmentLineItem": _fulfillment_line(row, lines[line_id], quantity),
                    }
                )
        if items:
            nodes.append(_returnable_node(row, items))
    return connection(nodes, arguments)


def _returnable_node(row: Mapping[str, Any], items: list[Node]) -> Node:
    return {
        "id": gid("ReturnableFulfillment", row["id"]),
        "returnableFulfillmentLineItems": lambda info, **a: connection(items, a),
    }

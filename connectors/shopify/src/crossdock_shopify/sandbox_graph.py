"""How GraphQL sees the pretended shop.

Resolvers return dicts; a dict's callables take the arguments of the field, as graphql-core's
default resolver has it. An order is derived from its own webhook body, so that both roads tell one
truth: only the spelling differs, as at the real shop.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from crossdock_shopify.probing import SCOPES
from crossdock_shopify.sandbox_orders import order_body, refund_body
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

Resolver = Callable[..., Any]
Node = dict[str, Any]
IN_BULK: ContextVar[bool] = ContextVar("in_bulk", default=False)
"""In a bulk operation connections have no page size: they are whole."""
_PAGE = 250
_TERM = re.compile(r"(created_at|updated_at|id):(>=|<=|>|<)?'?([0-9TZ:+.\-]+)'?")
_WORDS = {None: "UNFULFILLED", "partial": "PARTIALLY_FULFILLED", "fulfilled": "FULFILLED"}


def root(shop: Shop) -> dict[str, Resolver]:
    """The fields of QueryRoot that the sandbox answers, but for bulk operations."""

    def node(info: Any, **a: Any) -> Node | None:
        return by_gid(shop, a["id"])

    return {
        "shop": lambda info: shop_node(shop),
        "currentAppInstallation": lambda info: {
            "id": gid("AppInstallation", 1),
            "accessScopes": [{"handle": scope, "description": scope} for scope in SCOPES],
        },
        "nodes": lambda info, **a: [by_gid(shop, each) for each in a["ids"]],
        "node": node,
        "order": node,
        "fulfillment": node,
        "fulfillmentOrder": node,
        "refund": node,
        "return": node,
        "reverseFulfillmentOrder": node,
        "inventoryItem": node,
        "product": node,
        "customer": node,
        "location": node,
        "orders": lambda info, **a: _listed(
            a, list(shop.orders.values()), lambda one: order_node(shop, one), _order_times
        ),
        "fulfillmentOrders": lambda info, **a: _listed(
            a,
            [
                (order, one)
                for order in shop.orders.values()
                for one in order.fulfillment_orders
                if one.open or a.get("includeClosed")
            ],
            lambda pair: fulfillment_order_node(shop, *pair),
            lambda pair: (pair[1].updated, pair[1].updated),
        ),
        "products": lambda info, **a: _listed(
            a,
            list(shop.products.values()),
            lambda one: product_node(shop, one),
            lambda one: (one["updated"], one["updated"]),
        ),
        "customers": lambda info, **a: _listed(
            a,
            list(shop.customers.values()),
            customer_node,
            lambda one: (one["updated"], one["updated"]),
        ),
        "productVariants": lambda info, **a: _variants(shop, a),
        "productByIdentifier": lambda info, **a: _by_handle(shop, a["identifier"]),
        "returnableFulfillments": lambda info, **a: _returnable(shop, a),
        "webhookSubscriptions": lambda info, **a: connection(
            [subscription_node(number, row) for number, row in shop.subscriptions.items()], a
        ),
    }


def by_gid(shop: Shop, wanted: str) -> Node | None:
    """Any thing that the shop has, by its id."""
    kind = wanted.removeprefix("gid://shopify/").partition("/")[0]
    number = number_in(wanted.partition("?")[0], kind)
    match kind:
        case "Order":
            order = shop.orders.get(number)
            return None if order is None else order_node(shop, order)
        case "Location":
            return location_node(shop, number)
        case "Product":
            product = shop.products.get(number)
            return None if product is None else product_node(shop, product)
        case "Customer":
            person = shop.customers.get(number)
            return None if person is None else customer_node(person)
        case "InventoryItem":
            return item_node(shop, number)
        case "InventoryLevel":
            item = wanted.rpartition("=")[2]
            return level_node(shop, int(item), number) if item.isdecimal() else None
        case "FulfillmentOrder" | "Fulfillment" | "Refund" | "Return" | "ReverseFulfillmentOrder":
            found = shop.find_order(number, kind)
            return None if found is None else _of_order(shop, found, kind, number)
    return None


def _of_order(shop: Shop, order: ShopOrder, kind: str, number: int) -> Node:
    match kind:
        case "FulfillmentOrder":
            one = next(one for one in order.fulfillment_orders if one.id == number)
            return fulfillment_order_node(shop, order, one)
        case "Fulfillment":
            row = next(row for row in order.fulfillments if row["id"] == number)
            return fulfillment_node(shop, order, row)
        case "Refund":
            row = next(row for row in order.refunds if row["id"] == number)
            return refund_node(order, row)
        case "Return":
            return return_node(shop, order, next(r for r in order.returns if r.id == number))
    back = next(one for one in order.returns if one.id + 1 == number)
    return reverse_node(shop, order, back)


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
        **{_camel(key): told(key) for key in _SAME},
        **{f"{_camel(key)}Set": told(f"{key}_set", _bag) for key in _SETS},
        **{
            f"{_camel(key)}Set": told(key, lambda text: _bag_of(text, currency))
            for key in ("total_outstanding", "total_tip_received")
        },
        **{_camel(key): told(key, _utc) for key in ("created_at", "processed_at", "closed_at")},
        "cancelReason": told("cancel_reason", _upper),
        "presentmentCurrencyCode": told("presentment_currency"),
        "tags": told("tags", _tags),
        "discountCodes": told("discount_codes", lambda items: [item["code"] for item in items]),
        "customAttributes": told("note_attributes", _attributes),
        "displayFinancialStatus": told("financial_status", _upper),
        "displayFulfillmentStatus": told("fulfillment_status", lambda word: _WORDS[word]),
        "taxLines": told("tax_lines", lambda items: [_tax(item, currency) for item in items]),
        "billingAddress": told("billing_address", _address),
        "shippingAddress": told("shipping_address", _address),
        "customer": told("customer", _buyer),
        "lineItems": lambda info, **a: connection(
            [_line(item, currency) for item in body()["line_items"]], a
        ),
        "shippingLines": lambda info, **a: connection(
            [_shipping(item, currency) for item in body()["shipping_lines"]], a
        ),
        "discountApplications": lambda info, **a: connection(
            [
                _application(index, item)
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
            _transaction(item, currency) for item in order.transactions[: a.get("first")]
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


def _line(item: Mapping[str, Any], currency: str) -> Node:
    return {
        "__typename": "LineItem",
        "id": item["admin_graphql_api_id"],
        **{
            _camel(key): item[key]
            for key in ("sku", "name", "title", "quantity", "current_quantity", "vendor")
        },
        "requiresShipping": item["requires_shipping"],
        "isGiftCard": item["gift_card"],
        "variantTitle": item["variant_title"],
        "fulfillmentService": {"handle": item["fulfillment_service"]},
        "product": _ref("Product", item["product_id"]),
        "variant": _ref("ProductVariant", item["variant_id"]),
        "customAttributes": _attributes(item["properties"]),
        "originalUnitPriceSet": _bag(item["price_set"]),
        "discountAllocations": [_allocation(one) for one in item["discount_allocations"]],
        "taxLines": lambda info, **a: [_tax(one, currency) for one in item["tax_lines"]],
    }


def _shipping(item: Mapping[str, Any], currency: str) -> Node:
    return {
        "__typename": "ShippingLine",
        "id": gid("ShippingLine", item["id"]),
        "title": item["title"],
        "code": item["code"],
        "isRemoved": item["is_removed"],
        "originalPriceSet": _bag(item["price_set"]),
        "discountAllocations": [_allocation(one) for one in item["discount_allocations"]],
        "taxLines": [_tax(one, currency) for one in item["tax_lines"]],
    }


def _allocation(item: Mapping[str, Any]) -> Node:
    return {
        "allocatedAmountSet": _bag(item["amount_set"]),
        "discountApplication": {
            "__typename": "DiscountCodeApplication",
            "index": item["discount_application_index"],
        },
    }


def _application(index: int, item: Mapping[str, Any]) -> Node:
    kinds = {
        "discount_code": "DiscountCode",
        "manual": "ManualDiscount",
        "script": "ScriptDiscount",
    }
    return {
        "__typename": f"{kinds.get(item.get('type', ''), 'AutomaticDiscount')}Application",
        "index": index,
        "code": item.get("code"),
        "title": item.get("title"),
        "description": item.get("description"),
    }


def _tags(text: str) -> list[str]:
    return [tag.strip() for tag in text.split(",") if tag.strip()]


def _attributes(items: Sequence[Mapping[str, Any]]) -> list[Node]:
    return [{"key": item["name"], "value": item["value"]} for item in items]


def _tax(item: Mapping[str, Any], currency: str) -> Node:
    return {
        "title": item["title"],
        "rate": item["rate"],
        "channelLiable": item["channel_liable"],
        "priceSet": _bag_of(item["price"], currency),
    }


def _address(given: Mapping[str, Any] | None) -> Node | None:
    if given is None:
        return None
    told = {_camel(key): value for key, value in given.items()}
    return told | {"id": gid("MailingAddress", 1), "countryCodeV2": given.get("country_code")}


def _buyer(given: Mapping[str, Any] | None) -> Node | None:
    if given is None:
        return None
    phone = given.get("phone")
    return {
        "id": given["admin_graphql_api_id"],
        "firstName": given["first_name"],
        "lastName": given["last_name"],
        "defaultPhoneNumber": {"phoneNumber": phone} if phone else None,
    }


def _transaction(item: Mapping[str, Any], currency: str) -> Node:
    parent = item.get("parent")
    return {
        "id": gid("OrderTransaction", item["id"]),
        "kind": item["kind"],
        "status": item["status"],
        "gateway": item["gateway"],
        "createdAt": time_text(item["created"]),
        "errorCode": None,
        "amountSet": _bag_of(item["amount"], currency),
        "parentTransaction": {"id": gid("OrderTransaction", parent)} if parent else None,
    }


def _order_times(order: ShopOrder) -> tuple[datetime, datetime]:
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
        "createdAt": _utc(row["created_at"]),
        "updatedAt": _utc(row["updated_at"]),
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
    address = _address(order_body(shop, order)["shipping_address"]) or {}
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
        "totalRefundedSet": _bag_of(row["amount"], order.currency),
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
                    "subtotalSet": _bag(item["subtotal_set"]),
                    "totalTaxSet": _bag(item["total_tax_set"]),
                }
                for item in body["refund_line_items"]
            ],
            a,
        ),
        "refundShippingLines": lambda info, **a: connection([], a),
        "transactions": lambda info, **a: connection(
            [_transaction(item, order.currency) for item in row["transactions"]], a
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


def _returnable(shop: Shop, arguments: Mapping[str, Any]) -> Node:
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


# Goods, stock, places, people


def shop_node(shop: Shop) -> Node:
    """The shop itself."""
    return {
        "id": gid("Shop", 548380009),
        "name": "Crossdock Demo",
        "myshopifyDomain": shop.domain,
        "currencyCode": shop.currency,
        "email": "owner@example.com",
    }


def location_node(shop: Shop, number: int | None) -> Node | None:
    """A place, with its stock."""
    row = shop.locations.get(number or -1)
    if row is None or number is None:
        return None
    return {
        "__typename": "Location",
        "id": gid("Location", number),
        "name": row["name"],
        "isActive": row["active"],
        "inventoryLevels": lambda info, **a: _listed(
            a,
            [(item, place) for item, place in shop.stock if place == number],
            lambda pair: level_node(shop, *pair),
            lambda pair: (shop.stock_times[pair], shop.stock_times[pair]),
        ),
    }


def item_node(shop: Shop, number: int) -> Node | None:
    """An inventory item."""
    row = shop.variant_of(number)
    if row is None:
        return None
    weight = row["weight"]
    return {
        "__typename": "InventoryItem",
        "id": gid("InventoryItem", number),
        "sku": row["sku"],
        "tracked": row["tracked"],
        "requiresShipping": row["requires_shipping"],
        "measurement": {"weight": weight},
        "inventoryLevel": lambda info, **a: level_node(
            shop, number, number_in(a["locationId"], "Location")
        ),
    }


def level_node(shop: Shop, item: int, location: int) -> Node | None:
    """What lies of one item at one place."""
    if (item, location) not in shop.stock:
        return None
    available = shop.stock[item, location]

    def quantities(info: Any, **a: Any) -> list[Node]:
        told = {"available": available}
        if {"committed", "on_hand"} & set(a["names"]):
            told["committed"] = shop.committed(item, location)
            told["on_hand"] = available + told["committed"]
        return [
            {
                "id": f"gid://shopify/InventoryQuantity/{item}",
                "name": name,
                "quantity": told.get(name, 0),
            }
            for name in a["names"]
        ]

    return {
        "__typename": "InventoryLevel",
        "id": f"{gid('InventoryLevel', location)}?inventory_item_id={item}",
        "updatedAt": time_text(shop.stock_times[item, location]),
        "location": lambda info: location_node(shop, location),
        "item": lambda info: item_node(shop, item),
        "quantities": quantities,
    }


def product_node(shop: Shop, product: Mapping[str, Any]) -> Node:
    """A product with its variants."""
    return {
        "__typename": "Product",
        "id": gid("Product", product["id"]),
        "title": product["title"],
        "handle": product["handle"],
        "descriptionHtml": product["body_html"],
        "vendor": product["vendor"],
        "productType": product["product_type"],
        "status": product["status"],
        "tags": product["tags"],
        "createdAt": time_text(product["updated"]),
        "updatedAt": time_text(product["updated"]),
        "options": lambda info, **a: [
            {"id": gid("ProductOption", product["id"] + i), "name": name, "position": i}
            for i, name in enumerate(product["options"], 1)
        ],
        "variants": lambda info, **a: connection(
            [variant_node(shop, row) for row in product["variants"]], a
        ),
    }


def variant_node(shop: Shop, row: Mapping[str, Any]) -> Node:
    """One variant."""
    product = shop.products[row["product"]]
    return {
        "__typename": "ProductVariant",
        "id": gid("ProductVariant", row["variant"]),
        "sku": row["sku"],
        "barcode": row["barcode"],
        "title": " / ".join(row["options"].values()),
        "price": row["price"],
        "compareAtPrice": row["compare_at"],
        "position": 1,
        "selectedOptions": [{"name": k, "value": v} for k, v in row["options"].items()],
        "inventoryItem": lambda info: item_node(shop, row["item"]),
        "product": {"id": gid("Product", row["product"]), "status": product["status"]},
    }


def customer_node(person: Mapping[str, Any]) -> Node:
    """One customer; `person` is spelt as a webhook's body."""
    addresses = [
        (_address(item) or {}) | {"id": gid("MailingAddress", item["id"])}
        for item in person["addresses"]
    ]
    phone = person.get("phone")
    return {
        "__typename": "Customer",
        "id": gid("Customer", person["id"]),
        "firstName": person["first_name"],
        "lastName": person["last_name"],
        "note": person["note"],
        "tags": person["tags"],
        "taxExempt": person["tax_exempt"],
        "createdAt": time_text(person["updated"]),
        "updatedAt": time_text(person["updated"]),
        "defaultEmailAddress": {"emailAddress": person["email"], "marketingState": "SUBSCRIBED"},
        "defaultPhoneNumber": {"phoneNumber": phone} if phone else None,
        "defaultAddress": addresses[0] if addresses else None,
        "addressesV2": lambda info, **a: connection(addresses, a),
    }


def subscription_node(number: int, row: Mapping[str, Any]) -> Node:
    """A webhook subscription."""
    return {
        "id": gid("WebhookSubscription", number),
        "topic": row["topic"],
        "uri": row["uri"],
        "format": "JSON",
    }


def _variants(shop: Shop, arguments: Mapping[str, Any]) -> Node:
    query = str(arguments.get("query") or "")
    wanted = query.removeprefix("sku:").strip('"').replace('\\"', '"').replace("\\\\", "\\")
    rows = list(shop.variants.values())
    if query.startswith("sku:"):  # found by word, so look-alikes come too, as at the real one
        rows = [row for row in rows if (row["sku"] or "").lower().startswith(wanted.lower())]
    return connection([variant_node(shop, row) for row in rows], arguments)


def _by_handle(shop: Shop, identifier: Mapping[str, Any]) -> Node | None:
    for product in shop.products.values():
        if product["handle"] == identifier.get("handle"):
            return product_node(shop, product)
    return None


# Lists, pages, spelling


def _listed(
    arguments: Mapping[str, Any],
    things: Sequence[Any],
    show: Callable[[Any], Any],
    times: Callable[[Any], tuple[datetime, datetime]],
) -> Node:
    """What the search finds, oldest change first when sorted so."""
    terms = _TERM.findall(str(arguments.get("query") or ""))
    kept = [thing for thing in things if _fits(times(thing), terms)]
    if arguments.get("sortKey") == "UPDATED_AT":
        kept.sort(key=lambda thing: times(thing)[1])
    elif arguments.get("sortKey") == "CREATED_AT":
        kept.sort(key=lambda thing: times(thing)[0])
    return connection(kept, arguments, show)


def _fits(times: tuple[datetime, datetime], terms: Sequence[tuple[str, str, str]]) -> bool:
    for key, sign, value in terms:
        if key == "id":
            continue
        have = times[0] if key == "created_at" else times[1]
        bound = datetime.fromisoformat(value)
        good = {">=": have >= bound, ">": have > bound, "<": have < bound, "<=": have <= bound}
        if not good.get(sign, have == bound):
            return False
    return True


def connection(
    things: Sequence[Any],
    arguments: Mapping[str, Any],
    show: Callable[[Any], Any] = lambda thing: thing,
) -> Node:
    """A page, with opaque cursors that count; only what is on it is shown."""
    after = arguments.get("after")
    first = arguments.get("first") or (len(things) or 1 if IN_BULK.get() else _PAGE)
    start = int(after) if isinstance(after, str) and after.isdecimal() else 0
    page = [show(thing) for thing in things[start : start + first]]
    end = start + len(page)
    return {
        "nodes": page,
        "edges": [{"node": node, "cursor": str(start + i + 1)} for i, node in enumerate(page)],
        "pageInfo": {
            "hasNextPage": end < len(things),
            "hasPreviousPage": start > 0,
            "startCursor": str(start + 1) if page else None,
            "endCursor": str(end) if page else None,
        },
    }


def _camel(key: str) -> str:
    head, *tail = key.split("_")
    return head + "".join(part.capitalize() for part in tail)


def _upper(word: str | None) -> str | None:
    return None if word is None else word.upper()


def _utc(text: str | None) -> str | None:
    if text is None:
        return None
    return time_text(datetime.fromisoformat(text).astimezone(UTC))


def _amount(text: str) -> str:
    """GraphQL writes 10.00 as 10.0."""
    plain = format(Decimal(text).normalize(), "f")
    return plain if "." in plain else f"{plain}.0"


def _bag(pair: Mapping[str, Any]) -> Node:
    return {
        side: {
            "amount": _amount(pair[key]["amount"]),
            "currencyCode": pair[key]["currency_code"],
        }
        for side, key in (("shopMoney", "shop_money"), ("presentmentMoney", "presentment_money"))
    }


def _bag_of(amount: str, currency: str) -> Node:
    money = {"amount": _amount(amount), "currencyCode": currency}
    return {"shopMoney": money, "presentmentMoney": money}


def _ref(kind: str, number: int | None) -> Node | None:
    return {"id": gid(kind, number)} if number else None

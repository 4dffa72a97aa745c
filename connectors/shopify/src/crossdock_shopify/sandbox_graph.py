"""What the pretended shop answers when GraphQL asks: the roots of queries, and things by id.

Resolvers return dicts; a dict's callables take the arguments of the field, as graphql-core's
default resolver has it.
"""

from collections.abc import Callable
from typing import Any

from crossdock_shopify.probing import SCOPES
from crossdock_shopify.sandbox_goods_nodes import (
    by_handle,
    customer_node,
    item_node,
    level_node,
    location_node,
    product_node,
    shop_node,
    subscription_node,
    variants_found,
)
from crossdock_shopify.sandbox_order_nodes import (
    fulfillment_node,
    fulfillment_order_node,
    order_node,
    order_times,
    refund_node,
    return_node,
    returnable,
    reverse_node,
)
from crossdock_shopify.sandbox_shop import Shop, ShopOrder, gid, number_in
from crossdock_shopify.sandbox_spelling import Node, connection, listed

Resolver = Callable[..., Any]


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
        "orders": lambda info, **a: listed(
            a, list(shop.orders.values()), lambda one: order_node(shop, one), order_times
        ),
        "fulfillmentOrders": lambda info, **a: listed(
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
        "products": lambda info, **a: listed(
            a,
            list(shop.products.values()),
            lambda one: product_node(shop, one),
            lambda one: (one["updated"], one["updated"]),
        ),
        "customers": lambda info, **a: listed(
            a,
            list(shop.customers.values()),
            customer_node,
            lambda one: (one["updated"], one["updated"]),
        ),
        "productVariants": lambda info, **a: variants_found(shop, a),
        "productByIdentifier": lambda info, **a: by_handle(shop, a["identifier"]),
        "returnableFulfillments": lambda info, **a: returnable(shop, a),
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

"""The smaller parts of an order as GraphQL spells them: lines, taxes, discounts, people. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from crossdock_shopify.sandbox_shop import gid, time_text
from crossdock_shopify.sandbox_spelling import (
    Node,
    bag,
    bag_of,
    camel,
    ref,
)


def ordered_line_node(item: Mapping[str, Any], currency: str) -> Node:
    return {
        "__typename": "LineItem",
        "id": item["admin_graphql_api_id"],
        **{
            camel(key): item[key]
            for key in ("sku", "name", "title", "quantity", "current_quantity", "vendor")
        },
        "requiresShipping": item["requires_shipping"],
        "isGiftCard": item["gift_card"],
        "variantTitle": item["variant_title"],
        "fulfillmentService": {"handle": item["fulfillment_service"]},
        "product": ref("Product", item["product_id"]),
        "variant": ref("ProductVariant", item["variant_id"]),
        "customAttributes": attributes(item["properties"]),
        "originalUnitPriceSet": bag(item["price_set"]),
        "discountAllocations": [allocation_node(one) for one in item["discount_allocations"]],
        "taxLines": lambda info, **a: [tax_node(one, currency) for one in item["tax_lines"]],
    }


def shipping_node(item: Mapping[str, Any], currency: str) -> Node:
    return {
        "__typename": "ShippingLine",
        "id": gid("ShippingLine", item["id"]),
        "title": item["title"],
        "code": item["code"],
        "isRemoved": item["is_removed"],
        "originalPriceSet": bag(item["price_set"]),
        "discountAllocations": [allocation_node(one) for one in item["discount_allocations"]],
        "taxLines": [tax_node(one, currency) for one in item["tax_lines"]],
    }


def allocation_node(item: Mapping[str, Any]) -> Node:
    return {
        "allocatedAmountSet": bag(item["amount_set"]),
        "discountApplication": {
            "__typename": "DiscountCodeApplication",
            "index": item["discount_application_index"],
        },
    }


def application_node(index: int, item: Mapping[str, Any]) -> Node:
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


def tags(text: str) -> list[str]:
    return [tag.strip() for tag in text.split(",") if tag.strip()]


def attributes(items: Sequence[Mapping[str, Any]]) -> list[Node]:
    return [{"key": item["name"], "value": item["value"]} for item in items]


def tax_node(item: Mapping[str, Any], currency: str) -> Node:
    return {
        "title": item["title"],
        "rate": item["rate"],
        "channelLiable": item["channel_liable"],
        "priceSet": bag_of(item["price"], currency),
    }


def buyer_node(given: Mapping[str, Any] | None) -> Node | None:
    if given is None:
        return None
    phone = given.get("phone")
    return {
        "id": given["admin_graphql_api_id"],
        "firstName": given["first_name"],
        "lastName": given["last_name"],
        "defaultPhoneNumber": {"phoneNumber": phone} if phone else None,
    }


def transaction_node(item: Mapping[str, Any], currency: str) -> Node:
    parent = item.get("parent")
    return {
        "id": gid("OrderTransaction", item["id"]),
        "kind": item["kind"],
        "status": item["status"],
        "gateway": item["gateway"],
        "createdAt": time_text(item["created"]),
        "errorCode": None,
        "amountSet": bag_of(item["amount"], currency),
        "parentTransaction": {"id": gid("OrderTransaction", parent)} if parent else None,
    }

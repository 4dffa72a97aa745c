"""How GraphQL sees the goods, the stock, the places and the people of the pretended shop."""

from collections.abc import Mapping
from typing import Any

from crossdock_shopify.sandbox_shop import Shop, gid, number_in, time_text
from crossdock_shopify.sandbox_spelling import Node, address_node, connection, listed


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
        "inventoryLevels": lambda info, **a: listed(
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
        (address_node(item) or {}) | {"id": gid("MailingAddress", item["id"])}
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


def variants_found(shop: Shop, arguments: Mapping[str, Any]) -> Node:
    """What the search finds; look-alikes come too."""
    query = str(arguments.get("query") or "")
    wanted = query.removeprefix("sku:").strip('"').replace('\\"', '"').replace("\\\\", "\\")
    rows = list(shop.variants.values())
    if query.startswith("sku:"):  # found by word, so look-alikes come too, as at the real one
        rows = [row for row in rows if (row["sku"] or "").lower().startswith(wanted.lower())]
    return connection([variant_node(shop, row) for row in rows], arguments)


def by_handle(shop: Shop, identifier: Mapping[str, Any]) -> Node | None:
    """The product of this handle."""
    for product in shop.products.values():
        if product["handle"] == identifier.get("handle"):
            return product_node(shop, product)
    return None

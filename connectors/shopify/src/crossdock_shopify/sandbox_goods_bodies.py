"""What the pretended shop says of goods and stock in its webhooks. Pure."""

from typing import Any

from crossdock_shopify.sandbox_orders import shop_time
from crossdock_shopify.sandbox_shop import gid


def product_body(product: dict[str, Any]) -> dict[str, Any]:
    """The body of products/update."""
    return {
        "id": product["id"],
        "admin_graphql_api_id": gid("Product", product["id"]),
        "title": product["title"],
        "handle": product["handle"],
        "body_html": product["body_html"],
        "vendor": product["vendor"],
        "product_type": product["product_type"],
        "status": product["status"].lower(),
        "tags": ", ".join(product["tags"]),
        "updated_at": shop_time(product["updated"]),
        "options": [{"name": name} for name in product["options"]],
        "variants": [
            {
                "id": row["variant"],
                "admin_graphql_api_id": gid("ProductVariant", row["variant"]),
                "sku": row["sku"],
                "barcode": row["barcode"],
                "title": " / ".join(row["options"].values()),
                "price": row["price"],
                "compare_at_price": row["compare_at"],
                "inventory_item_id": row["item"],
                **{f"option{i}": value for i, value in enumerate(row["options"].values(), 1)},
            }
            for row in product["variants"]
        ],
    }


def level_body(item: int, location: int, available: int, updated_at: str) -> dict[str, Any]:
    """The body of inventory_levels/update."""
    return {
        "inventory_item_id": item,
        "location_id": location,
        "available": available,
        "updated_at": updated_at,
        "admin_graphql_api_id": f"{gid('InventoryLevel', location)}?inventory_item_id={item}",
    }

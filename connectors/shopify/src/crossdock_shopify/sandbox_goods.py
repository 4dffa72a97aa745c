"""Products and webhook subscriptions in the pretended shop: what may be made and changed."""

from collections.abc import Mapping
from typing import Any

from crossdock_shopify.sandbox_goods_nodes import product_node, subscription_node, variant_node
from crossdock_shopify.sandbox_shop import LOCATION, Shop, gid, now, number_in

Payload = dict[str, Any]
_FIELDS = {
    "title": "title",
    "handle": "handle",
    "descriptionHtml": "body_html",
    "vendor": "vendor",
    "productType": "product_type",
    "status": "status",
    "tags": "tags",
}
_MOST_AT_ONCE = 250


def product_set(shop: Shop, arguments: Mapping[str, Any]) -> Payload:
    """Make the product of this handle, or make it so: variants that are not named are deleted."""
    given = arguments["input"]
    handle = (arguments.get("identifier") or {}).get("handle")
    product = next((one for one in shop.products.values() if one["handle"] == handle), None)
    options = [item["name"] for item in given.get("productOptions") or []]
    if given.get("variants") and not options:
        return _coded("product", "PRODUCT_OPTIONS_INPUT_MISSING", "Options are missing.", ["input"])
    if product is None:
        number = next(shop.ids) * 10
        product = {
            "id": number,
            "title": "",
            "handle": handle or f"product-{number}",
            "body_html": "",
            "vendor": "",
            "product_type": "",
            "status": "ACTIVE",
            "tags": [],
            "options": [],
            "variants": [],
        }
        shop.products[number] = product
    for old in product["variants"]:
        shop.variants.pop(old["sku"] or "", None)
    product |= {"options": options or product["options"], "variants": []}
    _change(product, given)
    for item in given.get("variants") or []:
        _add(shop, product, item)
    _told(shop, product)
    return {"product": product_node(shop, product), "userErrors": []}


def product_update(shop: Shop, given: Mapping[str, Any]) -> Payload:
    """Change a product, its variants apart."""
    product = shop.products.get(number_in(given["id"], "Product"))
    if product is None:
        return {
            "product": None,
            "userErrors": [{"field": ["id"], "message": "Product does not exist"}],
        }
    _change(product, given)
    _told(shop, product)
    return {"product": product_node(shop, product), "userErrors": []}


def variants_update(shop: Shop, arguments: Mapping[str, Any]) -> Payload:
    """Change some variants, or none of them."""
    product = shop.products.get(number_in(arguments["productId"], "Product"))
    if product is None:
        return _coded("product", "PRODUCT_DOES_NOT_EXIST", "Product does not exist", ["productId"])
    rows = {row["variant"]: row for row in product["variants"]}
    pairs = []
    for index, given in enumerate(arguments["variants"]):
        row = rows.get(number_in(given.get("id") or "", "ProductVariant"))
        where = ["variants", str(index), "id"]
        if row is None:
            message = "Product variant does not exist"
            return _coded("product", "PRODUCT_VARIANT_DOES_NOT_EXIST", message, where)
        pairs.append((row, given))
    for row, given in pairs:
        _change_variant(shop, row, given)
    _told(shop, product)
    nodes = [variant_node(shop, row) for row, _ in pairs]
    return {"product": product_node(shop, product), "productVariants": nodes, "userErrors": []}


def variants_create(shop: Shop, arguments: Mapping[str, Any]) -> Payload:
    """Add some variants, or none of them."""
    product = shop.products.get(number_in(arguments["productId"], "Product"))
    if product is None:
        return _coded("product", "PRODUCT_DOES_NOT_EXIST", "Product does not exist", ["productId"])
    there = [tuple(row["options"].values()) for row in product["variants"]]
    for index, given in enumerate(arguments["variants"]):
        values = tuple(value["name"] for value in given.get("optionValues") or [])
        if values in there:
            where = ["variants", str(index)]
            message = f"The variant '{' / '.join(values)}' already exists."
            return _coded("product", "VARIANT_ALREADY_EXISTS", message, where)
        there.append(values)
    rows = [_add(shop, product, given) for given in arguments["variants"]]
    _told(shop, product)
    nodes = [variant_node(shop, row) for row in rows]
    return {"product": product_node(shop, product), "productVariants": nodes, "userErrors": []}


def _change(product: dict[str, Any], given: Mapping[str, Any]) -> None:
    product |= {name: given[key] for key, name in _FIELDS.items() if key in given}
    product["updated"] = now()


def _add(shop: Shop, product: dict[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    number = next(shop.ids) * 10
    row = {
        "product": product["id"],
        "variant": number + 1,
        "item": number + 2,
        "sku": None,
        "name": product["title"],
        "price": "0.00",
        "compare_at": None,
        "barcode": None,
        "options": {item["optionName"]: item["name"] for item in given.get("optionValues") or []},
        "tracked": False,
        "requires_shipping": True,
        "weight": None,
    }
    shop.items[row["item"]] = row
    product["variants"].append(row)
    _change_variant(shop, row, given)
    shop.set_stock(row["item"], LOCATION, 0)
    return row


def _change_variant(shop: Shop, row: dict[str, Any], given: Mapping[str, Any]) -> None:
    item = given.get("inventoryItem") or {}
    sku = item.get("sku", given.get("sku", row["sku"]))
    shop.variants.pop(row["sku"] or "", None)
    row["sku"] = sku
    if sku:
        shop.variants[sku] = row
    for key, name in (("price", "price"), ("compareAtPrice", "compare_at"), ("barcode", "barcode")):
        if key in given:
            row[name] = given[key]
    for key, name in (("tracked", "tracked"), ("requiresShipping", "requires_shipping")):
        if item.get(key) is not None:
            row[name] = item[key]
    if weight := (item.get("measurement") or {}).get("weight"):
        row["weight"] = dict(weight)


def _told(shop: Shop, product: dict[str, Any]) -> None:
    product["updated"] = now()
    shop.echo("products/update", f"product:{product['id']}", {"product": product})


def subscribe(shop: Shop, arguments: Mapping[str, Any]) -> Payload:
    """One subscription for each topic and address."""
    topic, uri = arguments["topic"], arguments["webhookSubscription"]["uri"]
    if any(row["topic"] == topic and row["uri"] == uri for row in shop.subscriptions.values()):
        error = {
            "field": ["webhookSubscription", "callbackUrl"],
            "message": "Address for this topic has already been taken",
        }
        return {"webhookSubscription": None, "userErrors": [error]}
    number = next(shop.ids)
    shop.subscriptions[number] = {"topic": topic, "uri": uri}
    node = subscription_node(number, shop.subscriptions[number])
    return {
        "webhookSubscription": node | {"id": gid("WebhookSubscription", number)},
        "userErrors": [],
    }


def _coded(key: str, code: str, message: str, where: list[str]) -> Payload:
    return {key: None, "userErrors": [{"code": code, "field": where, "message": message}]}

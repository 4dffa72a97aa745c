"""GraphQL nodes turned into the shape of Shopify's webhooks, so that one mapping reads both. Pure.

Shopify tells the same order in two dialects: webhooks are REST-shaped (snake_case, numeric ids,
amounts with the currency's places), the Admin API answers in GraphQL's (camelCase, gids, `10.0`).
Only the spelling differs; so the dialect is undone here, and `mapping_*` say once what a field
means. The same state by either road then has the same bytes, and with them the same event id.
"""

from decimal import Decimal
from typing import Any

from crossdock.canonical.codes import CURRENCY_EXPONENTS

from crossdock_shopify.reading import Obj

Body = dict[str, Any]
_FULFILLMENT_WORDS = {
    "FULFILLED": "fulfilled",
    "PARTIALLY_FULFILLED": "partial",
    "RESTOCKED": "restocked",
}
"""The words of `displayFulfillmentStatus` that webhooks have too; for the others they say null."""


def order(node: Obj) -> Body:
    """The body of `orders/updated` for a node of type Order."""
    currency = node.currency("currencyCode") or node.fail("currencyCode", "a currency", None)
    customer = node.object("customer")
    return {
        **_ids(node),
        "name": node.text("name"),
        "created_at": _time(node, "createdAt"),
        "updated_at": _time(node, "updatedAt"),
        "processed_at": _time(node, "processedAt"),
        "cancelled_at": _time(node, "cancelledAt"),
        "cancel_reason": _lower(node, "cancelReason"),
        "closed_at": _time(node, "closedAt"),
        "currency": currency,
        "presentment_currency": node.currency("presentmentCurrencyCode"),
        "taxes_included": node.flag("taxesIncluded"),
        "tax_exempt": node.flag("taxExempt"),
        "test": node.flag("test"),
        "note": node.text("note"),
        "email": node.text("email"),
        "phone": node.text("phone"),
        "tags": ", ".join(node.texts("tags")),
        "source_name": node.text("sourceName"),
        "source_identifier": node.text("sourceIdentifier"),
        "customer_locale": node.text("customerLocale"),
        "confirmation_number": node.text("confirmationNumber"),
        "po_number": node.text("poNumber"),
        "payment_gateway_names": list(node.texts("paymentGatewayNames")),
        "discount_codes": [{"code": code} for code in node.texts("discountCodes")],
        "financial_status": _lower(node, "displayFinancialStatus"),
        "fulfillment_status": _FULFILLMENT_WORDS.get(node.text("displayFulfillmentStatus") or ""),
        "note_attributes": _attributes(node),
        **_moneys(
            node,
            currency,
            {
                "subtotal_price": "subtotalPriceSet",
                "total_discounts": "totalDiscountsSet",
                "total_shipping_price": "totalShippingPriceSet",
                "total_tax": "totalTaxSet",
                "total_price": "totalPriceSet",
                "current_total_price": "currentTotalPriceSet",
                "total_outstanding": "totalOutstandingSet",
                "total_tip_received": "totalTipReceivedSet",
            },
        ),
        "tax_lines": _taxes(node),
        "billing_address": address(node.object("billingAddress")),
        "shipping_address": address(node.object("shippingAddress")),
        "customer": _buyer(customer) if customer else None,
        "discount_applications": _applications(node),
        "line_items": [_line(line) for line in _nodes(node, "lineItems", required=True)],
        "shipping_lines": [_shipping(line) for line in _nodes(node, "shippingLines")],
        "fulfillments": [fulfillment(item) for item in node.objects("fulfillments")],
        "refunds": [refund(item) for item in node.objects("refunds")],
    }


def fulfillment(node: Obj) -> Body:
    """The body of `fulfillments/update` for a node of type Fulfillment."""
    tracking = list(node.objects("trackingInfo"))
    order_ref, location = node.object("order"), node.object("location")
    return {
        **_ids(node),
        "order_id": gid_number(order_ref, "id") if order_ref else None,
        "location_id": gid_number(location, "id") if location else None,
        "name": node.text("name"),
        "status": _lower(node, "status"),
        "shipment_status": _lower(node, "displayStatus"),
        "created_at": _time(node, "createdAt"),
        "updated_at": _time(node, "updatedAt"),
        "delivered_at": _time(node, "deliveredAt"),
        "tracking_company": next((name for t in tracking if (name := t.text("company"))), None),
        "tracking_numbers": [number for t in tracking if (number := t.text("number"))],
        "tracking_urls": [url for t in tracking if (url := t.text("url"))],
        "line_items": [
            {
                **_ids(item.need_object("lineItem")),
                "sku": item.need_object("lineItem").text("sku"),
                "quantity": item.count("quantity", 0),
            }
            for item in _nodes(node, "fulfillmentLineItems", required=True)
        ],
        "events": [
            {
                "status": _lower(event, "status"),
                "happened_at": _time(event, "happenedAt"),
                "message": event.text("message"),
                "city": event.text("city"),
                "province": event.text("province"),
                "country": event.text("country"),
            }
            for event in _nodes(node, "events")
        ],
    }


def refund(node: Obj) -> Body:
    """The body of `refunds/create` for a node of type Refund."""
    order_ref, return_ref = node.object("order"), node.object("return")
    return {
        **_ids(node),
        "order_id": gid_number(order_ref, "id") if order_ref else None,
        "created_at": _time(node, "createdAt"),
        "note": node.text("note"),
        "return": _ids(return_ref) if return_ref else None,
        "refund_line_items": [
            {
                "quantity": item.count("quantity"),
                "restock_type": _lower(item, "restockType"),
                "line_item_id": gid_number(item.need_object("lineItem"), "id"),
                "line_item": {
                    **_ids(item.need_object("lineItem")),
                    "sku": item.need_object("lineItem").text("sku"),
                },
                "subtotal_set": money_set(item.object("subtotalSet")),
                "total_tax_set": money_set(item.object("totalTaxSet")),
            }
            for item in _nodes(node, "refundLineItems")
        ],
        "refund_shipping_lines": [
            {
                "subtotal_amount_set": money_set(item.object("subtotalAmountSet")),
                "tax_amount_set": money_set(item.object("taxAmountSet")),
            }
            for item in _nodes(node, "refundShippingLines")
        ],
        "transactions": [_transaction(item) for item in _nodes(node, "transactions")],
    }


def product(node: Obj) -> Body:
    """The body of `products/update` for a node of type Product."""
    return {
        **_ids(node),
        "title": node.text("title"),
        "handle": node.text("handle"),
        "body_html": node.data.get("descriptionHtml") or None,
        "vendor": node.text("vendor"),
        "product_type": node.text("productType"),
        "status": _lower(node, "status"),
        "tags": ", ".join(node.texts("tags")),
        "updated_at": _time(node, "updatedAt"),
        "options": [{"name": item.text("name")} for item in node.objects("options")],
        "variants": [_variant(item) for item in _nodes(node, "variants", required=True)],
    }


def customer(node: Obj) -> Body:
    """The body of `customers/update` for a node of type Customer."""
    email, phone = node.object("defaultEmailAddress"), node.object("defaultPhoneNumber")
    first = node.object("defaultAddress")
    default = first.text("id") if first else None
    addresses = [
        (address(item) or {}) | {"id": item.text("id")} for item in _nodes(node, "addressesV2")
    ]
    return {
        **_ids(node),
        "first_name": node.text("firstName"),
        "last_name": node.text("lastName"),
        "email": email.text("emailAddress") if email else None,
        "phone": phone.text("phoneNumber") if phone else None,
        "note": node.text("note"),
        "tags": ", ".join(node.texts("tags")),
        "tax_exempt": node.flag("taxExempt"),
        "updated_at": _time(node, "updatedAt"),
        "default_address": next((item for item in addresses if item["id"] == default), None),
        "addresses": addresses,
    }


def address(node: Obj | None) -> Body | None:
    """A MailingAddress, or a fulfilment order's destination."""
    if node is None:
        return None
    code = "countryCodeV2" if "countryCodeV2" in node.data else "countryCode"
    return {
        "name": node.text("name"),
        "first_name": node.text("firstName"),
        "last_name": node.text("lastName"),
        "company": node.text("company"),
        "address1": node.text("address1"),
        "address2": node.text("address2"),
        "zip": node.text("zip"),
        "city": node.text("city"),
        "province": node.text("province"),
        "province_code": node.text("provinceCode"),
        "country_code": node.text(code),
        "phone": node.text("phone"),
    }


def gid_number(node: Obj, key: str) -> str | None:
    """The number in a gid; None where there is none."""
    value = node.text(key)
    if value is None:
        return None
    tail = value.rpartition("/")[2].partition("?")[0]
    if not value.startswith("gid://shopify/") or not tail.isascii() or not tail.isdecimal():
        node.fail(key, "an id such as gid://shopify/Order/123", value)
    return tail


def money_set(bag: Obj | None) -> Body | None:
    """A MoneyBag as `…_set`."""
    if bag is None:
        return None
    shown = bag.object("presentmentMoney")
    found = {"shop_money": _money(bag.need_object("shopMoney"))}
    return found if shown is None else found | {"presentment_money": _money(shown)}


def rest_amount(amount: Decimal, currency: str) -> str:
    """As webhooks write it: with the currency's own places at least, so `10.0` USD is `10.00`."""
    places = CURRENCY_EXPONENTS.get(currency)
    text = format(amount, "f")
    whole, _, fraction = text.partition(".")
    fraction = fraction.rstrip("0").ljust(2 if places is None else places, "0")
    return f"{whole}.{fraction}" if fraction else whole


def _money(node: Obj) -> Body:
    currency = node.currency("currencyCode") or node.fail("currencyCode", "a currency", None)
    amount = node.amount("amount")
    if amount is None:
        node.fail("amount", 'an amount such as "12.30"', None)
    return {"amount": rest_amount(amount, currency), "currency_code": currency}


def _moneys(node: Obj, currency: str, names: dict[str, str]) -> Body:
    """Each amount in the shop's currency, and its set."""
    found: Body = {}
    for rest, camel in names.items():
        bag = money_set(node.object(camel))
        if bag is None:
            continue
        if bag["shop_money"]["currency_code"] != currency:
            node.fail(camel, f"an amount in {currency}, the order's own", bag["shop_money"])
        found[rest] = bag["shop_money"]["amount"]
        found[f"{rest}_set"] = bag
    return found


def _ids(node: Obj) -> Body:
    return {"admin_graphql_api_id": node.need_text("id")}


def _time(node: Obj, key: str) -> str | None:
    """The text as it is; the mapping reads and checks it."""
    return node.text(key)


def _lower(node: Obj, key: str) -> str | None:
    word = node.text(key)
    return None if word is None else word.lower()


def _nodes(node: Obj, key: str, *, required: bool = False) -> list[Obj]:
    page = node.need_object(key) if required else node.object(key)
    return [] if page is None else list(page.objects("nodes"))


def _attributes(node: Obj) -> list[Body]:
    return [
        {"name": item.text("key") or "", "value": item.text("value") or ""}
        for item in node.objects("customAttributes")
    ]


def _taxes(node: Obj) -> list[Body]:
    found = []
    for item in node.objects("taxLines"):
        bag = money_set(item.object("priceSet"))
        price = bag["shop_money"]["amount"] if bag else None
        found.append(
            {
                "title": item.text("title"),
                "rate": item.data.get("rate"),
                "price": price,
                "channel_liable": item.data.get("channelLiable"),
            }
        )
    return found


def _allocations(node: Obj) -> list[Body]:
    found = []
    for item in node.objects("discountAllocations"):
        bag = money_set(item.object("allocatedAmountSet"))
        found.append(
            {
                "amount": bag["shop_money"]["amount"] if bag else None,
                "discount_application_index": item.need_object("discountApplication").count(
                    "index"
                ),
            }
        )
    return found


def _applications(node: Obj) -> list[Body]:
    """In the order of their index, which allocations count by."""
    items = sorted(_nodes(node, "discountApplications"), key=lambda item: item.count("index"))
    found: list[Body] = []
    for item in items:
        index = item.count("index")
        if index > 10_000:
            item.fail("index", "at most 10,000 discounts", index)
        found.extend({} for _ in range(index - len(found)))
        found.append({key: item.text(key) for key in ("code", "title", "description")})
    return found


def _line(line: Obj) -> Body:
    price = money_set(line.object("originalUnitPriceSet"))
    service = line.object("fulfillmentService")
    return {
        **_ids(line),
        "sku": line.text("sku"),
        "name": line.text("name"),
        "title": line.text("title"),
        "vendor": line.text("vendor"),
        "variant_title": line.text("variantTitle"),
        "quantity": line.count("quantity"),
        "current_quantity": line.count("currentQuantity"),
        "requires_shipping": line.flag("requiresShipping"),
        "gift_card": line.flag("isGiftCard"),
        "fulfillment_service": service.text("handle") if service else "manual",
        "product_id": _ref(line, "product"),
        "variant_id": _ref(line, "variant"),
        "properties": _attributes(line),
        "price": price["shop_money"]["amount"] if price else None,
        "discount_allocations": _allocations(line),
        "tax_lines": _taxes(line),
    }


def _ref(node: Obj, key: str) -> str | None:
    target = node.object(key)
    return gid_number(target, "id") if target else None


def _shipping(line: Obj) -> Body:
    price = money_set(line.object("originalPriceSet"))
    return {
        "id": gid_number(line, "id"),
        "title": line.text("title"),
        "code": line.text("code"),
        "is_removed": line.flag("isRemoved"),
        "price": price["shop_money"]["amount"] if price else None,
        "discount_allocations": _allocations(line),
        "tax_lines": _taxes(line),
    }


def _buyer(node: Obj) -> Body:
    phone = node.object("defaultPhoneNumber")
    return {
        **_ids(node),
        "first_name": node.text("firstName"),
        "last_name": node.text("lastName"),
        "phone": phone.text("phoneNumber") if phone else None,
    }


def _transaction(node: Obj) -> Body:
    bag = money_set(node.object("amountSet"))
    money = bag["shop_money"] if bag else {"amount": None, "currency_code": None}
    return {
        **_ids(node),
        "kind": _lower(node, "kind"),
        "status": _lower(node, "status"),
        "gateway": node.text("gateway"),
        "created_at": _time(node, "createdAt"),
        "error_code": _lower(node, "errorCode"),
        "amount": money["amount"],
        "currency": money["currency_code"],
    }


def _variant(item: Obj) -> Body:
    stocked = item.object("inventoryItem")
    options = {
        f"option{i}": option.text("value")
        for i, option in enumerate(item.objects("selectedOptions"), 1)
        if i <= 3
    }
    return {
        **_ids(item),
        "sku": item.text("sku"),
        "barcode": item.text("barcode"),
        "title": item.text("title"),
        "price": _plain(item, "price"),
        "compare_at_price": _plain(item, "compareAtPrice"),
        "inventory_item_id": gid_number(stocked, "id") if stocked else None,
        **options,
    }


def _plain(item: Obj, key: str) -> str | None:
    """The scalar `Money`: a decimal without its currency, with two places in webhooks."""
    amount = item.amount(key)
    return None if amount is None else rest_amount(amount, "")

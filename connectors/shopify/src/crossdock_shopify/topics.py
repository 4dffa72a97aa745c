"""Shopify's topics: whose sequence each belongs to, what a thin one names, why one says nothing.

A thin webhook carries ids only. It is kept and told as ignored; what it names is read from Shopify
by the next poll (`details`), which lands as a record of its own with all that `translate` needs.
"""

import re
from collections.abc import Iterator
from typing import Any, Final

from crossdock import ContractError

from crossdock_shopify.reading import Obj

PRIVACY: Final[dict[str, tuple[str, str]]] = {
    "customers/data_request": (
        "privacy_data_request",
        "customer {customer} asks for their data: give the shop's owner what all systems hold of "
        "them within 30 days",
    ),
    "customers/redact": (
        "privacy_redact_customer",
        "customer {customer}'s data must be erased from all systems within 30 days, unless the law "
        "makes you keep it",
    ),
    "shop/redact": (
        "privacy_redact_shop",
        "the shop {shop} has uninstalled the app: its data must be erased from all systems within "
        "30 days",
    ),
}
"""Topics that a person must answer: the code on the exception desk, and what is to be done.
https://shopify.dev/docs/apps/build/compliance/privacy-law-compliance."""

START: Final = "crossdock/sweep_begins"
BACKFILL_DONE: Final = "crossdock/backfill_done"
SUBSCRIPTIONS: Final = "crossdock/subscriptions"
"""Records of our own, by which the poller keeps its place and the watchdog tells its findings."""

THIN: Final[dict[str, str]] = {
    "inventory_levels": "InventoryLevel",
    "fulfillment_orders": "FulfillmentOrder",
    "fulfillment_holds": "FulfillmentOrder",
    "fulfillment_events": "Fulfillment",
    "returns": "Return",
    "reverse_deliveries": "Return",
    "reverse_fulfillment_orders": "ReverseFulfillmentOrder",
}
"""Families whose webhooks carry ids only, with the type of node that has the detail."""

_IGNORED: Final[dict[str, str]] = {
    "orders/edited": "names only the lines that changed; orders/updated brings the whole order",
    "orders/delete": "tells only the id; a deleted order was cancelled or archived before",
    "orders/risk_assessment_changed": "a fraud score has no canonical place; checks are ours",
    "customers/delete": "tells only the id; customers/redact asks for what must be erased",
    "customers/purchasing_summary": "sums over orders that we know singly",
    "inventory_items/delete": "tells only the id; its product tells that it is gone",
    "variants/in_stock": "products/update and inventory_levels/update bring it whole",
    "variants/out_of_stock": "products/update and inventory_levels/update bring it whole",
    "customers_whats_app_marketing_consent/update": "no sample of it is published to map it by",
}
_IGNORED_FAMILIES: Final[dict[str, str]] = {
    "inventory_transfers": "tells ids only, and transfers are the warehouse's own business",
    "inventory_shipments": "tells ids only, and transfers are the warehouse's own business",
    "tender_transactions": "order_transactions tell the same money with more",
    "customers": "customers/update brings the customer when it changed",
    "customer": "tags and segments come with customers/update",
    "orders": "orders/updated brings the order when it changed",
    "products": "products/update brings the product when it changed",
    "draft_orders": "no confirmed purchase",
    "checkouts": "no confirmed purchase",
    "carts": "no confirmed purchase",
    "locations": "places are named in the deployment",
    "app": "about the app, not about goods",
    "shop": "about the shop, not about goods",
    "bulk_operations": "about a job of the app, not about goods",
    **dict.fromkeys(
        ("app_purchases_one_time", "app_subscriptions", "audit_events", "finance_app_staff_member"),
        "about the app and its staff, not about goods",
    ),
    **dict.fromkeys(
        ("channels", "domains", "locales", "markets", "markets_backup_region", "themes"),
        "how the shop is set up, not what is sold",
    ),
    **dict.fromkeys(
        ("customer_account_settings", "delivery_promise_settings", "finance_kyc_information"),
        "how the shop is set up, not what is sold",
    ),
    **dict.fromkeys(
        ("metafield_definitions", "metaobjects", "tax_services", "profiles"),
        "how the shop is set up, not what is sold",
    ),
    **dict.fromkeys(
        ("collections", "collection_listings", "collection_publications"),
        "shelves are arranged by whoever owns the catalogue; no sample is published",
    ),
    **dict.fromkeys(
        ("product_feeds", "product_listings", "product_publications", "scheduled_product_listings"),
        "where a product is shown; products/update brings its own state",
    ),
    **dict.fromkeys(
        ("companies", "company_contacts", "company_contact_roles", "company_locations"),
        "business customers have no sample published to map them by",
    ),
    **dict.fromkeys(
        ("customer_groups", "segments"), "a saved search over customers whom we know singly"
    ),
    "customer_payment_methods": "cards kept for later; nothing was paid",
    "discounts": "tells ids only; what was taken off stands in each order",
    **dict.fromkeys(("payment_schedules", "payment_terms"), "when it is due is agreed elsewhere"),
    **dict.fromkeys(
        (
            "selling_plan_groups",
            "subscription_billing_attempts",
            "subscription_billing_cycle_edits",
            "subscription_billing_cycles",
            "subscription_contracts",
        ),
        "a subscription's orders come as orders",
    ),
    "shipping_addresses": "retired by Shopify; the order brings its address",
    "crossdock": "the poller's own mark: until here everything was read",
}
_GID = re.compile(r"gid://shopify/([A-Za-z]{1,60})/[0-9]{1,20}(\?inventory_item_id=[0-9]{1,20})?")
_MAX_NAMED = 100
_DEEPEST = 6


def family_of(topic: str) -> str:
    """`orders` of `orders/create`, `customer` of `customer.tags_added`."""
    return topic.replace(".", "/").partition("/")[0]


def why_ignored(topic: str) -> str:
    """The reason in words why this topic has no events."""
    family = family_of(topic)
    if family in THIN:
        return f"{topic}: names ids only; the next poll reads the {THIN[family]} from Shopify"
    reason = _IGNORED.get(topic) or _IGNORED_FAMILIES.get(family)
    if reason is None:
        return f"{topic[:100]!r} is a topic this connector does not know"
    return f"{topic}: {reason}"


def named(topic: str, body: object) -> list[tuple[str, str]]:
    """The nodes, as (type, gid), that a thin webhook tells of; empty for all other topics."""
    family = family_of(topic)
    wanted = THIN.get(family)
    if wanted is None or not isinstance(body, dict):
        return []
    if family == "fulfillment_events":
        number = body.get("fulfillment_id")
        fits = isinstance(number, int) and not isinstance(number, bool) and 0 < number < 10**20
        return [(wanted, f"gid://shopify/Fulfillment/{number}")] if fits else []
    found = {text: None for kind, text in _gids(body, 0) if kind == wanted}
    return [(wanted, text) for text in list(found)[:_MAX_NAMED]]


def _gids(value: Any, depth: int) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        match = _GID.fullmatch(value)
        if match is not None:
            yield match[1], value
    elif depth < _DEEPEST and isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value[:_MAX_NAMED]:
            yield from _gids(item, depth + 1)


_KINDS: Final[dict[str, str]] = {
    "orders": "order",
    "fulfillments": "order",
    "fulfillment_events": "order",
    "refunds": "order",
    "order_transactions": "order",
    "disputes": "order",
    "products": "product",
    "customers": "customer",
    "customers_email_marketing_consent": "customer",
    "customers_marketing_consent": "customer",
    "inventory_levels": "inventory",
    "inventory_items": "stock_item",
    "returns": "return",
}


def entity_key(topic: str, body: object) -> str:
    """Whose sequence a webhook belongs to: `order:123`. A fulfilment or refund joins its order's.

    A body whose ids are none gets its family alone as key: it is kept, and `translate` says what
    is wrong with it. ContractError: the body is no object at all.
    """
    read = Obj(topic, body)
    family = family_of(topic)
    kind = _KINDS.get(family, family)
    try:
        native_id = _native_key(topic, family, kind, read)
    except ContractError:
        native_id = None
    return f"{kind}:{native_id}" if native_id else kind


def _native_key(topic: str, family: str, kind: str, body: Obj) -> str | None:
    if topic == "orders/edited":
        return body.need_object("order_edit").number("order_id")
    if family == "inventory_levels":
        item, location = level_ids(body)
        return f"{item}:{location}" if item and location else None
    if family.endswith("_consent"):
        return body.number("customer_id")
    if topic in {"customers/redact", "customers/data_request"}:
        person = body.object("customer")
        return person.number("id") if person else None
    if topic == "customers/merge":
        gone = body.text("admin_graphql_api_customer_deleted_id")
        return gone.rpartition("/")[2] if gone else None
    if family != "orders" and kind == "order":
        return body.number("order_id")
    return body.id()


def level_ids(body: Obj) -> tuple[str | None, str | None]:
    """Inventory item and location: exact from the gid where there is one, else the numbers."""
    gid = body.text("admin_graphql_api_id") or ""
    match = re.fullmatch(r"gid://shopify/InventoryLevel/([0-9]+)\?inventory_item_id=([0-9]+)", gid)
    if match is not None:
        return match[2], match[1]
    return body.number("inventory_item_id"), body.number("location_id")

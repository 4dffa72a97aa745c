"""Is the shop there, is the credential good, and what is missing? Writes nothing."""

from datetime import datetime

from crossdock import Health

from crossdock_shopify import queries, queries_read, versions
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.fulfilling import tail
from crossdock_shopify.graphql import Answer, GraphQL
from crossdock_shopify.subscriptions import Watchdog

SCOPES = {
    "read_orders": "orders, refunds and fulfilments",
    "write_orders": "order.cancel, order.update, refund.create",
    "read_returns": "returns",
    "write_returns": "return.create, return.cancel, return_receipt.create",
    "read_products": "products",
    "write_products": "product.publish, price.publish",
    "read_inventory": "stock",
    "write_inventory": "inventory.publish",
    "read_locations": "locations",
    "read_customers": "customers",
    "read_merchant_managed_fulfillment_orders": "fulfilment orders",
    "write_merchant_managed_fulfillment_orders": "fulfillment.create, order.hold",
}
"""Access scopes that the app needs, and for what."""


async def probe(
    config: ShopifyConfig, graphql: GraphQL, watchdog: Watchdog, now: datetime
) -> Health:
    """Two questions: the shop with the configured locations, and the app's access scopes."""
    locations = sorted(set(config.locations.values()))
    answer = await graphql.run(queries.SHOP, {"locations": locations})
    scopes = await graphql.run(queries_read.ACCESS_SCOPES, {})
    shop = answer.data.need_object("shop")
    named = f"{shop.text('name') or 'unnamed shop'} ({shop.text('myshopifyDomain')})"
    return Health(
        version=answer.version,
        rate_budget=scopes.rate_budget,
        notes=(
            named,
            *_version_notes(config.api_version, answer.version, now),
            *_location_notes(config, answer),
            *_scope_notes(scopes),
            *_subscription_notes(watchdog),
        ),
    )


def _version_notes(asked: str, served: str, now: datetime) -> list[str]:
    if served not in {"", asked}:
        return [
            f"asked for API version {asked}, answered by {served}: "
            f"{asked} is no longer (or not yet) supported; change `api_version`"
        ]
    ends = versions.sunset(asked)
    if f"{now:%Y-%m}" >= ends:
        return [f"API version {asked} may end any day since {ends}; change `api_version`"]
    return []


def _location_notes(config: ShopifyConfig, answer: Answer) -> list[str]:
    active = {
        node.need_text("id"): node.flag("isActive")
        for node in answer.data.objects_or_null("nodes")
        if node is not None
    }
    notes = []
    for code, gid in sorted(config.locations.items()):
        if gid not in active:
            notes.append(f"location {code}: the shop has no location {tail(gid)}")
        elif not active[gid]:
            notes.append(f"location {code}: {tail(gid)} is deactivated in Shopify")
    return notes


def _scope_notes(answer: Answer) -> list[str]:
    """A right to write holds the right to read."""
    installation = answer.data.need_object("currentAppInstallation")
    given = {scope.text("handle") or "" for scope in installation.objects("accessScopes")}
    given |= {
        f"read_{scope.removeprefix('write_')}" for scope in given if scope.startswith("write_")
    }
    return [
        f"the app lacks the access scope {scope}, needed for {what}"
        for scope, what in SCOPES.items()
        if scope not in given
    ]


def _subscription_notes(watchdog: Watchdog) -> list[str]:
    if not watchdog.missing:
        return []
    return [f"webhook subscriptions are missing: {', '.join(watchdog.missing)}"]

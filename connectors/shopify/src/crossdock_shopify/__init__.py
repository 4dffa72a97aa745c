"""Crossdock speaks Shopify: orders come in by webhook, shipments and stock go out by GraphQL.

API: https://shopify.dev/docs/api/admin-graphql, versions 2026-01 to 2026-10.
"""

import crossdock

from crossdock_shopify.client import open_shopify
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.mapping import translate


@crossdock.hookimpl
def register_connectors(register: crossdock.Register) -> None:
    """One connector, `shopify`."""
    register(
        "shopify",
        title="Shopify",
        config=ShopifyConfig,
        open=open_shopify,
        translate=translate,
        handles=("fulfillment.create", "inventory.publish"),
        sandbox="crossdock_shopify.sandbox:ShopifySandbox",
    )

"""Crossdock speaks Shopify: webhooks and a sweep bring news, GraphQL carries out what is asked.

API: https://shopify.dev/docs/api/admin-graphql, versions 2025-10 to 2026-10.
"""

import crossdock

from crossdock_shopify.client import HANDLES, open_shopify
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
        handles=HANDLES,
        tells=(
            "customer",
            "dispute",
            "fulfillment",
            "fulfillment_order",
            "inventory",
            "order",
            "package",
            "payment_transaction",
            "product",
            "refund",
            "return",
            "return_receipt",
            "stock_item",
        ),
        sandbox="crossdock_shopify.sandbox:ShopifySandbox",
        fields="crossdock_shopify:fields.json",
    )

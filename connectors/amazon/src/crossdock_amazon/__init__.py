"""Amazon, by its Selling Partner API: orders, shipments, stock, money; news from an SQS queue.

Held to amzn/selling-partner-api-models at 34dc93fe45f3: orders 2026-01-01 (v0 for old orders and
for confirming shipments), listings 2021-08-01, FBA inventory v1, finances 2024-06-19 and v0,
tokens 2021-03-01, notifications v1.
"""

import crossdock

from crossdock_amazon.client import open_amazon
from crossdock_amazon.config import AmazonConfig
from crossdock_amazon.mapping import translate


@crossdock.hookimpl
def register_connectors(register: crossdock.Register) -> None:
    """One connector, `amazon`."""
    register(
        "amazon",
        title="Amazon",
        config=AmazonConfig,
        open=open_amazon,
        translate=translate,
        handles=("fulfillment.create", "inventory.publish"),
        tells=(
            "cancellation",
            "fulfillment",
            "inventory",
            "order",
            "promise",
            "settlement",
            "settlement_line",
        ),
        fields="crossdock_amazon:fields.json",
        sandbox="crossdock_amazon.sandbox:AmazonSandbox",
    )

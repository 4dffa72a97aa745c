"""Crossdock speaks Vendure: orders and refunds read, shipments, refunds and stock told.

API: https://docs.vendure.io/reference/graphql-api/admin, held to @vendure/core 3.7.3.
"""

import crossdock

from crossdock_vendure.client import open_vendure
from crossdock_vendure.config import VendureConfig
from crossdock_vendure.mapping import translate


@crossdock.hookimpl
def register_connectors(register: crossdock.Register) -> None:
    """One connector, `vendure`."""
    register(
        "vendure",
        title="Vendure",
        config=VendureConfig,
        open=open_vendure,
        translate=translate,
        handles=("fulfillment.create", "inventory.publish", "refund.create"),
        tells=("order", "refund"),
        sandbox="crossdock_vendure.sandbox:VendureSandbox",
    )

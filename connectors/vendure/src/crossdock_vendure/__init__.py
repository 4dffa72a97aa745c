"""Crossdock speaks Vendure. API: https://docs.vendure.example (FILL IN: page and version)."""

import crossdock

from crossdock_vendure.client import open_crossdock_vendure
from crossdock_vendure.config import VendureConfig
from crossdock_vendure.mapping import translate


@crossdock.hookimpl
def register_connectors(register: crossdock.Register) -> None:
    """One connector, `vendure`."""
    register(
        "vendure",
        title="Vendure",
        config=VendureConfig,
        open=open_crossdock_vendure,
        translate=translate,
        handles=("inventory.publish",),
        sandbox="crossdock_vendure.sandbox:VendureSandbox",
    )

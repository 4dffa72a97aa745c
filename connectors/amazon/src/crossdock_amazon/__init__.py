"""Crossdock speaks Amazon. API: https://docs.amazon.example (FILL IN: page and version)."""

import crossdock

from crossdock_amazon.client import open_crossdock_amazon
from crossdock_amazon.config import AmazonConfig
from crossdock_amazon.mapping import translate


@crossdock.hookimpl
def register_connectors(register: crossdock.Register) -> None:
    """One connector, `amazon`."""
    register(
        "amazon",
        title="Amazon",
        config=AmazonConfig,
        open=open_crossdock_amazon,
        translate=translate,
        handles=("inventory.publish",),
        sandbox="crossdock_amazon.sandbox:AmazonSandbox",
    )

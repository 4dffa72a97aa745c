"""Crossdock speaks Square. API: https://docs.square.example (FILL IN: page and version)."""

import crossdock

from crossdock_square.client import open_crossdock_square
from crossdock_square.config import SquareConfig
from crossdock_square.mapping import translate


@crossdock.hookimpl
def register_connectors(register: crossdock.Register) -> None:
    """One connector, `square`."""
    register(
        "square",
        title="Square",
        config=SquareConfig,
        open=open_crossdock_square,
        translate=translate,
        handles=("inventory.publish",),
        sandbox="crossdock_square.sandbox:SquareSandbox",
    )

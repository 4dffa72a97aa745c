"""Crossdock speaks Square: webhooks and a sweep bring sales, returns, money, stock and goods;
counts, goods and refunds go out.

API: https://developer.squareup.com/reference/square, Square-Version 2025-08-20.
"""

import crossdock

from crossdock_square.client import HANDLES, open_square
from crossdock_square.config import SquareConfig
from crossdock_square.mapping import translate


@crossdock.hookimpl
def register_connectors(register: crossdock.Register) -> None:
    """One connector, `square`."""
    register(
        "square",
        title="Square",
        config=SquareConfig,
        open=open_square,
        translate=translate,
        handles=HANDLES,
        tells=(
            "dispute",
            "inventory",
            "inventory_movement",
            "order",
            "payment",
            "product",
            "refund",
            "return",
            "stock_count",
        ),
        fields="crossdock_square:fields.json",
        sandbox="crossdock_square.sandbox:SquareSandbox",
    )

"""Odoo: we create its sales orders and read its shipments and stock.

Odoo 19 is spoken to through the External JSON-2 API, 18 and 17 through `/jsonrpc`.
API: https://www.odoo.com/documentation/19.0/developer/reference/external_api.html
"""

import crossdock

from crossdock_odoo.client import HANDLES, Odoo, open_odoo
from crossdock_odoo.config import OdooConfig
from crossdock_odoo.mapping import translate

__all__ = ["Odoo", "OdooConfig", "open_odoo", "register_connectors", "translate"]


@crossdock.hookimpl
def register_connectors(register: crossdock.Register) -> None:
    """Tell Crossdock about `odoo`."""
    register(
        "odoo",
        title="Odoo",
        config=OdooConfig,
        open=open_odoo,
        translate=translate,
        handles=HANDLES,
        tells=(
            "credit_note",
            "fulfillment",
            "inventory",
            "invoice",
            "order",
            "payment",
            "return_receipt",
        ),
        sandbox="crossdock_odoo.sandbox:OdooSandbox",
    )

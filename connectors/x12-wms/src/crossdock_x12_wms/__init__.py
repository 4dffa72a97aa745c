"""Crossdock speaks X12 Wms. API: https://docs.x12-wms.example (FILL IN: page and version)."""

import crossdock

from crossdock_x12_wms.client import open_crossdock_x12_wms
from crossdock_x12_wms.config import X12WmsConfig
from crossdock_x12_wms.mapping import translate


@crossdock.hookimpl
def register_connectors(register: crossdock.Register) -> None:
    """One connector, `x12-wms`."""
    register(
        "x12-wms",
        title="X12 Wms",
        config=X12WmsConfig,
        open=open_crossdock_x12_wms,
        translate=translate,
        handles=("fulfillment_order.create",),
        sandbox="crossdock_x12_wms.sandbox:X12WmsSandbox",
    )

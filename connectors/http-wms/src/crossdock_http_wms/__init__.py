"""Crossdock speaks Http Wms. API: https://docs.http-wms.example (FILL IN: page and version)."""

import crossdock

from crossdock_http_wms.client import open_crossdock_http_wms
from crossdock_http_wms.config import HttpWmsConfig
from crossdock_http_wms.mapping import translate


@crossdock.hookimpl
def register_connectors(register: crossdock.Register) -> None:
    """One connector, `http-wms`."""
    register(
        "http-wms",
        title="Http Wms",
        config=HttpWmsConfig,
        open=open_crossdock_http_wms,
        translate=translate,
        handles=("fulfillment_order.create",),
        sandbox="crossdock_http_wms.sandbox:HttpWmsSandbox",
    )

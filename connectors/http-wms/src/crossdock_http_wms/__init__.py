"""Crossdock's own warehouse protocol: canonical JSON over REST, Standard Webhooks both ways.

The protocol is `openapi.json` beside this file; docs/guides/warehouses.md tells it in examples.
"""

import crossdock

from crossdock_http_wms.client import open_http_wms
from crossdock_http_wms.config import HttpWmsConfig
from crossdock_http_wms.mapping import translate
from crossdock_http_wms.messages import ASKS, MESSAGES


@crossdock.hookimpl
def register_connectors(register: crossdock.Register) -> None:
    """One connector, `http-wms`."""
    register(
        "http-wms",
        title="Warehouse over HTTP",
        config=HttpWmsConfig,
        open=open_http_wms,
        translate=translate,
        handles=tuple(ASKS),
        tells=tuple(sorted({name.partition(".")[0] for name in MESSAGES})),
        poll_every_s=15.0,
        sandbox="crossdock_http_wms.sandbox:HttpWmsSandbox",
    )

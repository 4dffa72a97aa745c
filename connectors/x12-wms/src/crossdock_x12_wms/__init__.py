"""Crossdock speaks EDI with warehouses: X12 and EDIFACT, over a folder or SFTP.

Out: 940, 943, 997 (ORDERS, DESADV, CONTRL). In: 945, 856, 944, 846, 947, 997 (DESADV, RECADV,
INVRPT, CONTRL). Standards: ASC X12 004010 to 005010; UN/EDIFACT D.96A and later, ISO 9735 syntax 3.
"""

import crossdock

from crossdock_x12_wms.client import HANDLES, open_x12_wms
from crossdock_x12_wms.config import X12WmsConfig
from crossdock_x12_wms.mapping import translate


@crossdock.hookimpl
def register_connectors(register: crossdock.Register) -> None:
    """One connector, `x12-wms`."""
    register(
        "x12-wms",
        title="X12 and EDIFACT warehouse",
        config=X12WmsConfig,
        open=open_x12_wms,
        translate=translate,
        handles=HANDLES,
        tells=("fulfillment", "goods_receipt", "inventory", "inventory_movement", "package"),
        poll_every_s=5.0,
        sandbox="crossdock_x12_wms.sandbox:X12WmsSandbox",
    )

"""Validating a picking: what both shipments and returns end in."""

from typing import Any

import crossdock

from crossdock_odoo.rpc import Rpc

PICKING = "stock.picking"


async def is_done(rpc: Rpc, picking: int) -> bool:
    """Whether Odoo has booked it."""
    rows = await rpc.read(PICKING, [picking], ["state"])
    return bool(rows) and rows[0]["state"] == "done"


async def validate(rpc: Rpc, picking: int, what: str) -> None:
    """Book what was entered, the rest as a backorder. RejectedError: Odoo asks for a wizard."""
    answer: Any = None
    try:
        answer = await rpc.call(
            PICKING,
            "button_validate",
            ids=[picking],
            context={"skip_backorder": True, "skip_sms": True},
        )
    except crossdock.RejectedError:  # 17 says so of what is done already, too
        if not await is_done(rpc, picking):
            raise
    if not await is_done(rpc, picking):
        wizard = answer.get("res_model") if isinstance(answer, dict) else answer
        raise crossdock.RejectedError(
            f"{PICKING} {picking} is not done after it was validated; Odoo asks for "
            f"{wizard}. Validate {what} in Odoo by hand",
            reason="not_validated",
            parts={"native_id": picking},
        )

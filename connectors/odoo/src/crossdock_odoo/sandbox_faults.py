"""How the pretended Odoo misbehaves, and how long it takes: both only when asked for."""

from dataclasses import dataclass
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

FAULTS = (
    "down",
    "slow",
    "lost_answer",
    "worker_restart",
    "serialization_failure",
    "lock_timeout",
    "access_denied",
    "wizard",
    "filtered",
)
"""`worker_restart` cuts the connection before anything is done, `lost_answer` after it;
`wizard` answers a window to be filled in and does nothing; `filtered` hides all records of a
search, as a record rule does."""

WIZARDS = {
    "button_validate": "stock.backorder.confirmation",
    "action_cancel": "sale.order.cancel",
    "action_apply_inventory": "stock.inventory.conflict",
}
SEARCHES = {"search": [], "search_read": [], "search_count": 0}


@dataclass
class Misbehaviour:
    """The next `count` calls whose `model/method` contains `match` misbehave."""

    kind: str
    count: int
    seconds: float = 0.0
    match: str = ""
    after: int = 0
    """So many matching calls go well first."""

    def instead(self, method: str) -> Any:
        """What a call answers without doing anything; None when it does what it should."""
        if self.kind == "wizard" and method in WIZARDS:
            return {
                "type": "ir.actions.act_window",
                "res_model": WIZARDS[method],
                "view_mode": "form",
                "target": "new",
                "context": {},
            }
        if self.kind == "filtered" and method in SEARCHES:
            return SEARCHES[method]
        return None


@dataclass
class Cut(Response):
    """An answer that never comes: the connection is cut."""

    def __post_init__(self) -> None:
        super().__init__()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Promise more than is sent; the server then closes the connection."""
        headers = [(b"content-length", b"2")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


def measured_s(model: str, method: str, count: int) -> float:
    """Seconds that a real 19 took (README of the recordings, "Measured rates"), by records.

    `count` is how many records the call is about; one call at a time on two shared cores.
    """
    first, each = COSTS.get((model, method)) or COSTS.get(("", method)) or (0.028, 0.0)
    return first + each * max(count - 1, 0)


COSTS: dict[tuple[str, str], tuple[float, float]] = {
    ("sale.order", "load"): (0.12, 0.024),
    ("sale.order", "create"): (0.12, 0.029),
    ("sale.order", "action_confirm"): (0.2, 0.068),
    ("res.partner", "load"): (0.06, 0.006),
    ("product.product", "create"): (0.06, 0.005),
    ("stock.quant", "create"): (0.05, 0.005),
    ("stock.quant", "action_apply_inventory"): (0.06, 0.006),
    ("stock.picking", "button_validate"): (0.25, 0.08),
    ("", "search_read"): (0.026, 0.0001),
    ("", "read"): (0.026, 0.0001),
}
"""Seconds for the first record and for each further one."""


def records_of(answer: Any, ids: list[int] | None) -> int:
    """How many records a call was about."""
    if isinstance(answer, dict) and isinstance(answer.get("ids"), list):
        return len(answer["ids"])
    if isinstance(answer, list):
        return len(answer)
    return len(ids or [0])

"""The life of an order as data: which status may follow which, on each of its four axes.

A status is derived from counters and amounts (`crossdock.canonical.order.statuses`), so the
tables judge facts, not words. Whatever is not in a table is a contradiction.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Table = Mapping[str, frozenset[str]]


def _table(text: str) -> Table:
    rows = (row.partition(":") for row in text.strip().splitlines())
    return {state.strip(): frozenset(after.split()) for state, _, after in rows}


TRANSITIONS: Final[Mapping[str, Table]] = {
    "order": _table(
        """
        open: partially_cancelled cancelled closed
        partially_cancelled: cancelled closed open
        closed: open partially_cancelled cancelled
        cancelled:
        """
    ),
    "payment": _table(
        """
        free: pending authorised partially_paid paid
        pending: free authorised partially_paid paid
        authorised: free pending partially_paid paid
        partially_paid: paid partially_refunded refunded
        paid: partially_paid partially_refunded refunded
        partially_refunded: refunded paid partially_paid
        refunded: partially_refunded paid partially_paid
        """
    ),
    "fulfillment": _table(
        """
        not_required: unfulfilled partially_shipped shipped delivered
        unfulfilled: not_required partially_shipped shipped delivered
        partially_shipped: unfulfilled not_required shipped delivered
        shipped: partially_shipped unfulfilled delivered
        delivered: partially_shipped
        """
    ),
    "returns": _table(
        """
        none: requested partially_received received
        requested: none partially_received received
        partially_received: received
        received: partially_received
        """
    ),
}
"""Axis to status to what may follow. Staying is always allowed.

A cancelled shipment takes `shipped` back to `unfulfilled`, a line added by an edit takes
`delivered` back to `partially_shipped`; money refunded may come back when a refund fails. Nothing
leads out of `cancelled`, and what was paid is never unpaid again.
"""


@dataclass(frozen=True)
class Move:
    """One axis that changed."""

    axis: str
    before: str
    after: str

    @property
    def allowed(self) -> bool:
        """Whether the table has it. A status that the table does not know may come and go."""
        following = TRANSITIONS[self.axis].get(self.before)
        return following is None or self.after in following


def moves(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Move, ...]:
    """What changed between two moments, axis by axis; nothing known before is no change."""
    if before == after:
        return ()
    return tuple(
        Move(axis, before[axis], now)
        for axis in TRANSITIONS
        if (now := after[axis]) != before.get(axis, now)
    )

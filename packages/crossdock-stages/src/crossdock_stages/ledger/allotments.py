"""Allotments, as the ledger keeps them."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from crossdock_stages.allocation import AWAITED, DEMAND_S, Allotment
from crossdock_stages.ledger.statements import Statement
from crossdock_stages.ledger.tables import allotments, offers, outbox
from crossdock_stages.stock import Spot

Key = tuple[str, str, str]
"""(channel, SKU, location)."""

MEASURED_S = 60.0
"""After so long a channel's rate is known."""
_FIELDS = ("number", "most", "least", "bound", "demand", "demand_at", "since", "due")


def of(tx: Connection, skus: Iterable[str]) -> dict[Key, Allotment]:
    """All channels' allotments of these SKUs."""
    return {
        (row.channel, row.sku, row.location): Allotment(
            number=row.number,
            most=Decimal(row.most),
            least=Decimal(row.least),
            bound=Decimal(row.bound) if row.bound else None,
            demand=row.demand,
            demand_at=row.demand_at,
            since=row.since,
            due=row.due,
        )
        for row in tx.execute(sa.select(allotments).where(allotments.c.sku.in_(sorted(skus))))
    }


def put(tx: Connection, rows: Mapping[Key, Allotment]) -> None:
    """Keep them."""
    _PUT.many(
        tx,
        [
            {
                "channel": channel,
                "sku": sku,
                "location": location,
                "number": row.number,
                "most": str(row.most),
                "least": str(row.least),
                "bound": "" if row.bound is None else str(row.bound),
                "demand": row.demand,
                "demand_at": row.demand_at,
                "since": row.since,
                "due": row.due,
            }
            for (channel, sku, location), row in sorted(rows.items())
        ],
    )


def _put(insert: Any) -> Any:
    new = insert(allotments)
    return new.on_conflict_do_update(
        index_elements=["channel", "sku", "location"],
        set_={name: new.excluded[name] for name in _FIELDS},
    )


_PUT = Statement(_put)


def due(tx: Connection, now: float, limit: int) -> list[Spot]:
    """Spots to look at again: overdue, or a channel has answered."""
    late = (
        sa.select(allotments.c.sku, allotments.c.location)
        .where(allotments.c.due <= now)
        .order_by(allotments.c.due)
        .limit(limit)
    )
    same = (
        (offers.c.channel == allotments.c.channel)
        & (offers.c.sku == allotments.c.sku)
        & (offers.c.location == allotments.c.location)
    )
    answered = (
        sa.select(allotments.c.sku, allotments.c.location)
        .select_from(allotments.join(offers, same).join(outbox, outbox.c.id == offers.c.command_id))
        .where(allotments.c.due == AWAITED, outbox.c.state != "open")
        .limit(limit)
    )
    rows = [*tx.execute(late), *tx.execute(answered)]
    return list(dict.fromkeys((row.sku, row.location) for row in rows))


def rates(tx: Connection, now: float) -> dict[str, float] | None:
    """Pieces a second that each channel sells of everything.

    None when nothing was ever sold, or too lately to tell.
    """
    query = sa.select(
        allotments.c.channel, allotments.c.demand, allotments.c.demand_at, allotments.c.since
    ).where(allotments.c.demand_at >= now - DEMAND_S)
    rows = tx.execute(query).all()
    if not rows:
        ever = sa.select(sa.func.max(allotments.c.demand_at))
        return {} if tx.execute(ever).scalar() else None
    over_s = min(now - min(row.since for row in rows), DEMAND_S)
    if over_s < MEASURED_S:
        return None
    out: dict[str, float] = {}
    for row in rows:
        recent = Allotment(demand=row.demand, demand_at=row.demand_at).demand_now(now)
        out[row.channel] = out.get(row.channel, 0.0) + recent / over_s
    return out


def shows(tx: Connection, channel: str, spot: Spot, amount: Decimal, now: float) -> None:
    """A comparison found that the channel shows so much: it may sell that much at least."""
    key = (channel, *spot)
    row = of(tx, [spot[0]]).get(key)
    if row is not None:
        more = max(amount - row.most, Decimal(0))
        put(tx, {key: replace(row.returned(more), due=now)})

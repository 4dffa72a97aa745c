"""Positions, reservations and offers, as the ledger keeps them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from crossdock_stages.ledger.store import upsert
from crossdock_stages.ledger.tables import landing, offers, outbox, reservations, stock
from crossdock_stages.stock import Position, Reservation, Spot


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What one channel shall be told of one spot, and what it was told last.

    `told` is None before the first time. `open` means: it is still being told; `done_at` is when
    the channel confirmed it.
    """

    channel: str
    sku: str
    location: str
    wanted: Decimal
    told: Decimal | None
    buffer: Decimal
    number: int
    command_id: str
    wanted_at: float
    open: bool = False
    done_at: float | None = None


@dataclass(frozen=True, kw_only=True)
class Spotted:
    """A position with what the ledger needs to tell it on."""

    sku: str
    location: str
    entity_id: str
    owner: str
    unit: str
    position: Position


def positions(tx: Connection, skus: Iterable[str], *, lock: bool) -> dict[Spot, Spotted]:
    """What is known of these SKUs, wherever they lie; with `lock` they are this transaction's."""
    query = sa.select(stock).where(stock.c.sku.in_(sorted(skus)))
    if lock:
        query = query.order_by(stock.c.sku, stock.c.location).with_for_update()
    return {
        (row.sku, row.location): Spotted(
            sku=row.sku,
            location=row.location,
            entity_id=row.entity_id,
            owner=row.owner,
            unit=row.unit,
            position=Position(
                sellable=Decimal(row.sellable),
                counts_orders=bool(row.counts_orders),
                received_at=row.received_at,
                incoming=Decimal(row.incoming),
            ),
        )
        for row in tx.execute(query)
    }


def put_positions(tx: Connection, rows: Sequence[Spotted]) -> None:
    """The owner's newest figures."""
    if rows:
        insert = upsert(tx, stock)
        names = ("sellable", "incoming", "unit", "counts_orders", "received_at", "owner")
        tx.execute(
            insert.on_conflict_do_update(
                index_elements=["sku", "location"],
                set_={name: insert.excluded[name] for name in names},
            ),
            [
                {
                    "sku": row.sku,
                    "location": row.location,
                    "entity_id": row.entity_id,
                    "owner": row.owner,
                    "unit": row.unit,
                    "sellable": str(row.position.sellable),
                    "incoming": str(row.position.incoming),
                    "counts_orders": row.position.counts_orders,
                    "received_at": row.position.received_at,
                }
                for row in rows
            ],
        )


def _reservation(row: Any) -> Reservation:
    return Reservation(
        order_id=row.order_id,
        line_id=row.line_id,
        sku=row.sku,
        location=row.location,
        quantity=Decimal(row.quantity),
        created_at=row.created_at,
        expires_at=row.expires_at,
        taken_at=row.taken_at,
    )


def reserved(tx: Connection, skus: Iterable[str], orders: Iterable[str] = ()) -> list[Reservation]:
    """What is set aside of these SKUs, and by these orders."""
    query = sa.select(reservations).where(
        sa.or_(reservations.c.sku.in_(sorted(skus)), reservations.c.order_id.in_(sorted(orders)))
    )
    return [_reservation(row) for row in tx.execute(query)]


def ending(tx: Connection, now: float, settle_s: float) -> list[Reservation]:
    """Reservations that lapse, or that the owner has had for so long that its figure tells."""
    query = sa.select(reservations).where(
        sa.or_(
            reservations.c.expires_at <= now,
            sa.and_(reservations.c.taken_at > 0, reservations.c.taken_at <= now - settle_s),
        )
    )
    return [_reservation(row) for row in tx.execute(query)]


def _key(row: Reservation) -> dict[str, Any]:
    return {
        "b_order": row.order_id,
        "b_line": row.line_id,
        "b_sku": row.sku,
        "b_location": row.location,
    }


def change_reservations(
    tx: Connection, put: Sequence[Reservation], gone: Sequence[Reservation]
) -> None:
    """Write these and forget those."""
    if gone:
        tx.execute(
            reservations.delete().where(
                reservations.c.order_id == sa.bindparam("b_order"),
                reservations.c.line_id == sa.bindparam("b_line"),
                reservations.c.sku == sa.bindparam("b_sku"),
                reservations.c.location == sa.bindparam("b_location"),
            ),
            [_key(row) for row in gone],
        )
    if put:
        insert = upsert(tx, reservations)
        names = ("quantity", "expires_at", "taken_at")
        tx.execute(
            insert.on_conflict_do_update(
                index_elements=["order_id", "line_id", "sku", "location"],
                set_={name: insert.excluded[name] for name in names},
            ),
            [{**vars(row), "quantity": str(row.quantity)} for row in put],
        )


def _offer(row: Any) -> Offer:
    return Offer(
        channel=row.channel,
        sku=row.sku,
        location=row.location,
        wanted=Decimal(row.wanted),
        told=Decimal(row.told) if row.told else None,
        buffer=Decimal(row.buffer),
        number=row.number,
        command_id=row.command_id,
        wanted_at=row.wanted_at,
        open=row.state == "open",
        done_at=row.closed_at if row.state == "done" else None,
    )


def _offers() -> Any:
    return sa.select(offers, outbox.c.state, outbox.c.closed_at).select_from(
        offers.outerjoin(outbox, outbox.c.id == offers.c.command_id)
    )


def offers_of(tx: Connection, skus: Iterable[str]) -> dict[tuple[str, str, str], Offer]:
    """What channels shall be told of these SKUs, by (channel, SKU, location)."""
    rows = tx.execute(_offers().where(offers.c.sku.in_(sorted(skus))))
    return {(row.channel, row.sku, row.location): _offer(row) for row in rows}


def to_tell(tx: Connection, limit: int) -> list[Offer]:
    """Offers that are out of date and not being told: nearly sold out first, then the oldest."""
    rows = tx.execute(
        _offers()
        .where(offers.c.dirty.is_(True), sa.func.coalesce(outbox.c.state, "") != "open")
        .order_by(sa.cast(offers.c.wanted, sa.Float), offers.c.wanted_at)
        .limit(limit)
    )
    return [_offer(row) for row in rows]


def put_offers(tx: Connection, rows: Sequence[Offer]) -> None:
    """Keep them."""
    if rows:
        insert = upsert(tx, offers)
        names = ("wanted", "told", "buffer", "number", "command_id", "wanted_at", "dirty")
        tx.execute(
            insert.on_conflict_do_update(
                index_elements=["channel", "sku", "location"],
                set_={name: insert.excluded[name] for name in names},
            ),
            [
                {
                    "channel": row.channel,
                    "sku": row.sku,
                    "location": row.location,
                    "wanted": str(row.wanted),
                    "told": "" if row.told is None else str(row.told),
                    "buffer": str(row.buffer),
                    "number": row.number,
                    "command_id": row.command_id,
                    "wanted_at": row.wanted_at,
                    "dirty": row.wanted != row.told,
                }
                for row in rows
            ],
        )


def landed_at(tx: Connection, landing_ids: Iterable[str]) -> dict[str, float]:
    """When these payloads were received, by our clock."""
    query = sa.select(landing.c.id, landing.c.received_at).where(
        landing.c.id.in_(sorted(landing_ids))
    )
    return {row.id: row.received_at for row in tx.execute(query)}


def forget_told(tx: Connection, channel: str, spots: Iterable[Spot]) -> int:
    """The channel has something else than it was told: tell it again. How many."""
    count = 0
    for sku, location in spots:
        found = tx.execute(
            offers.update()
            .where(offers.c.channel == channel, offers.c.sku == sku, offers.c.location == location)
            .values(told="", dirty=True)
        )
        count += found.rowcount
    return count


def taken(rows: Iterable[Reservation], at: float) -> list[Reservation]:
    """The same, taken over by the owner of the stock."""
    return [row if row.taken_at else replace(row, taken_at=at) for row in rows]

"""Positions, reservations and offers, as the ledger keeps them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from crossdock_stages.book import ZERO
from crossdock_stages.ledger.statements import Statement, among
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


def first_offer(channel: str, spot: Spot) -> Offer:
    """Before a channel was told of a spot."""
    return Offer(
        channel=channel,
        sku=spot[0],
        location=spot[1],
        wanted=ZERO,
        told=None,
        buffer=ZERO,
        number=0,
        command_id="",
        wanted_at=0.0,
    )


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
    query = _LOCKED if lock else _POSITIONS
    return {
        (sku, location): Spotted(
            sku=sku,
            location=location,
            entity_id=entity_id,
            owner=owner,
            unit=unit,
            position=Position(
                sellable=Decimal(sellable),
                counts_orders=bool(counts_orders),
                received_at=received_at,
                incoming=Decimal(incoming),
            ),
        )
        for (
            sku,
            location,
            entity_id,
            owner,
            sellable,
            incoming,
            unit,
            counts_orders,
            received_at,
        ) in query.rows(tx, skus=sorted(skus))
    }


def _positions(_: Any) -> Any:
    return sa.select(stock).where(stock.c.sku.in_(among("skus")))


_POSITIONS = Statement(_positions)
_LOCKED = Statement(
    lambda _: _positions(_).order_by(stock.c.sku, stock.c.location).with_for_update()
)


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


def reserved(tx: Connection, orders: Iterable[str]) -> list[Reservation]:
    """What is set aside for these orders."""
    if not (ids := sorted(orders)):
        return []
    names = [column.name for column in reservations.c]
    rows = _RESERVED.rows(tx, orders=ids)
    return [_reservation(SimpleNamespace(**dict(zip(names, row, strict=True)))) for row in rows]


_RESERVED = Statement(
    lambda _: sa.select(reservations).where(reservations.c.order_id.in_(among("orders")))
)


def aside(tx: Connection, skus: Iterable[str], now: float) -> dict[Spot, dict[float, Decimal]]:
    """How much of these SKUs is set aside in all, by place and by when the owner took it over.

    Thousands of orders may be outstanding: the database counts them, we do not read them.
    """
    out: dict[Spot, dict[float, Decimal]] = {}
    for sku, location, taken_at, quantity, count in _ASIDE.rows(tx, skus=sorted(skus), now=now):
        sums = out.setdefault((sku, location), {})
        sums[taken_at] = sums.get(taken_at, ZERO) + Decimal(quantity) * count
    return out


_ROW = reservations.c
_ASIDE = Statement(
    lambda _: (
        sa.select(_ROW.sku, _ROW.location, _ROW.taken_at, _ROW.quantity, sa.func.count())
        .where(_ROW.sku.in_(among("skus")), _ROW.expires_at > sa.bindparam("now"))
        .group_by(_ROW.sku, _ROW.location, _ROW.taken_at, _ROW.quantity)
    )
)


def forget_counted(tx: Connection, figures: Mapping[Spot, float]) -> None:
    """The owner's figures of these moments leave out what it had taken over before."""
    for (sku, location), at in figures.items():
        _FORGET.run(tx, sku=sku, location=location, at=at)


_FORGET = Statement(
    lambda _: reservations.delete().where(
        _ROW.sku == sa.bindparam("sku"),
        _ROW.location == sa.bindparam("location"),
        _ROW.taken_at > 0,
        _ROW.taken_at < sa.bindparam("at"),
    )
)


def ending(tx: Connection, now: float, settle_s: float) -> list[Reservation]:
    """Reservations that lapse, or that the owner has had for so long that its figure tells."""
    query = sa.select(reservations).where(
        sa.or_(
            reservations.c.expires_at <= now,
            sa.and_(reservations.c.taken_at > 0, reservations.c.taken_at <= now - settle_s),
        )
    )
    return [_reservation(row) for row in tx.execute(query)]


def change_reservations(
    tx: Connection, put: Sequence[Reservation], gone: Sequence[Reservation]
) -> None:
    """Write these and forget those."""
    _GONE.many(
        tx,
        [
            {
                "order": row.order_id,
                "line": row.line_id,
                "sku": row.sku,
                "location": row.location,
            }
            for row in gone
        ],
    )
    _PUT.many(tx, [{**vars(row), "quantity": str(row.quantity)} for row in put])


_GONE = Statement(
    lambda _: reservations.delete().where(
        _ROW.order_id == sa.bindparam("order"),
        _ROW.line_id == sa.bindparam("line"),
        _ROW.sku == sa.bindparam("sku"),
        _ROW.location == sa.bindparam("location"),
    )
)


def _put(insert: Any) -> Any:
    new = insert(reservations)
    return new.on_conflict_do_update(
        index_elements=["order_id", "line_id", "sku", "location"],
        set_={name: new.excluded[name] for name in ("quantity", "expires_at", "taken_at")},
    )


_PUT = Statement(_put)


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
    rows = (
        _offer(SimpleNamespace(**dict(zip(_OFFER, row, strict=True))))
        for row in _OF.rows(tx, skus=sorted(skus))
    )
    return {(row.channel, row.sku, row.location): row for row in rows}


_OFFER = (*(column.name for column in offers.c), "state", "closed_at")
_OF = Statement(lambda _: _offers().where(offers.c.sku.in_(among("skus"))))


def to_tell(tx: Connection, limit: int, but: Iterable[str] = ()) -> list[Offer]:
    """Offers that are out of date and not being told: nearly sold out first, then the oldest.

    None of the channels `but`."""
    rows = tx.execute(
        _offers()
        .where(offers.c.channel.not_in(sorted(but)))
        .where(offers.c.dirty.is_(True), sa.func.coalesce(outbox.c.state, "") != "open")
        .order_by(sa.cast(offers.c.wanted, sa.Float), offers.c.wanted_at)
        .limit(limit)
    )
    return [_offer(row) for row in rows]


def being_told(tx: Connection) -> dict[str, int]:
    """How many figures are on their way to each channel."""
    query = (
        sa.select(outbox.c.connection, sa.func.count())
        .where(outbox.c.state == "open", outbox.c.type == "inventory.publish")
        .group_by(outbox.c.connection)
    )
    return {row[0]: row[1] for row in tx.execute(query)}


def put_offers(tx: Connection, rows: Sequence[Offer]) -> None:
    """Keep them."""
    _PUT_OFFERS.many(
        tx,
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


def _put_offers(insert: Any) -> Any:
    new = insert(offers)
    names = ("wanted", "told", "buffer", "number", "command_id", "wanted_at", "dirty")
    return new.on_conflict_do_update(
        index_elements=["channel", "sku", "location"],
        set_={name: new.excluded[name] for name in names},
    )


_PUT_OFFERS = Statement(_put_offers)


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

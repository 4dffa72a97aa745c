"""What others show as stock: channels, and systems that keep a copy of the owner's figures."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from crossdock.canonical import InventoryLevel
from sqlalchemy.engine import Connection

from crossdock_stages.ledger.tables import allotments, effects, offers, outbox
from crossdock_stages.reconcile.basis import PAGE, Difference, Repair
from crossdock_stages.reconcile.facts import last_commands
from crossdock_stages.stock import Spot
from crossdock_stages.translate import Meant

Figures = tuple[str, Decimal, Decimal | None]
"""The owner's entity id, what may be sold, and what lies there, where that is told."""


def shown(tx: Connection, channel: str, said: Sequence[Meant]) -> list[Difference]:
    """What a channel shows, beside what it was told."""
    levels = [(one.subject, one.data) for one in said if isinstance(one.data, InventoryLevel)]
    spots = {(data.sku, data.location) for _, data in levels}
    rows = tx.execute(_offers(channel).where(offers.c.sku.in_(sorted({sku for sku, _ in spots}))))
    told = {(row.sku, row.location): row for row in rows}
    out = []
    for subject, data in levels:
        if data.sellable is None:
            continue
        row = told.get((data.sku, data.location))
        if row is None or not row.told:
            continue
        here, good = _as_told(row, data.sellable)
        if good:
            continue
        cause, repair = _why(row.state, dirty=row.dirty)
        out.append(
            _difference("shown", channel, subject, data, str(data.sellable), here).because(
                cause, repair
            )
        )
    return out


def _as_told(row: Any, shown: Decimal) -> tuple[str, bool]:
    """What it should show, and whether it does. Of pieces of its own it sells without being told
    again: then that is somewhere between two figures."""
    if row.most is None or row.allotted != row.number:
        return row.told, shown == Decimal(row.told)
    least, most = Decimal(row.least), Decimal(row.most)
    return str(most) if least == most else f"{least} to {most}", least <= shown <= most


def unlisted(tx: Connection, channel: str, seen: Collection[Spot]) -> list[Difference]:
    """What a channel was told of, and does not show at all.

    Where it answered that there was nothing to change, it may never have had the thing.
    """
    out: list[Difference] = []
    after: Spot = ("", "")
    while True:
        rows = tx.execute(
            _offers(channel)
            .where(sa.tuple_(offers.c.sku, offers.c.location) > sa.tuple_(*after))
            .order_by(offers.c.sku, offers.c.location)
            .limit(PAGE * 10)
        ).all()
        for row in rows:
            spot = (row.sku, row.location)
            if spot in seen or not row.told or row.changed is False:
                continue
            cause, repair = _why(row.state, dirty=row.dirty)
            if repair == "tell":
                cause, repair = "the channel has taken it off its list", "person"
            level = InventoryLevel(sku=row.sku, location=row.location)
            subject = row.entity_id or f"{channel}:{row.sku}:{row.location}"
            out.append(
                _difference("unlisted", channel, subject, level, "nothing", row.told).because(
                    cause, repair
                )
            )
        if len(rows) < PAGE * 10:
            return out
        after = (rows[-1].sku, rows[-1].location)


def _offers(channel: str) -> "sa.Select[tuple[object, ...]]":
    return (
        sa.select(
            offers,
            outbox.c.state,
            outbox.c.entity_id,
            effects.c.changed,
            allotments.c.number.label("allotted"),
            allotments.c.least,
            allotments.c.most,
        )
        .select_from(
            offers.outerjoin(outbox, outbox.c.id == offers.c.command_id)
            .outerjoin(effects, effects.c.command_id == offers.c.command_id)
            .outerjoin(
                allotments,
                sa.and_(
                    allotments.c.channel == offers.c.channel,
                    allotments.c.sku == offers.c.sku,
                    allotments.c.location == offers.c.location,
                ),
            )
        )
        .where(offers.c.channel == channel)
    )


def _why(state: str | None, *, dirty: bool) -> tuple[str, Repair]:
    if state == "exception":
        return "the channel refused the figure; it waits at the exception desk", "none"
    if state == "dead":
        return "its command is a dead letter", "none"
    if state == "open" or dirty:
        return "the newest figure is on its way", "none"
    return "somebody changed it there, or a sale of its own has not arrived", "tell"


def copied(
    tx: Connection, target: str, said: Sequence[Meant], owners: Mapping[Spot, Figures]
) -> list[Difference]:
    """What a system that is told of stock has booked, beside what the owner holds now.

    What lies there is compared, where both tell it: what each has reserved is its own matter.
    """
    differing = []
    for one in said:
        data = one.data
        owner = owners.get((data.sku, data.location)) if isinstance(data, InventoryLevel) else None
        if owner is None or not isinstance(data, InventoryLevel):
            continue
        subject, sellable, on_hand = owner
        here, there = (
            (on_hand, data.on_hand)
            if on_hand is not None and data.on_hand is not None
            else (sellable, data.sellable)
        )
        if there is not None and here != there:
            differing.append((subject, data, here, there, (sellable, on_hand)))
    states = last_commands(tx, target, {one[0] for one in differing}, ("inventory.publish",))
    return [
        replace(
            _difference("copy", target, subject, data, str(there), str(here)), figures=figures
        ).because(*_not_copied(states.get(subject, "")))
        for subject, data, here, there, figures in differing
    ]


def _not_copied(state: str) -> tuple[str, Repair]:
    if state == "open":
        return "the owner's newest figure is on its way", "none"
    if state == "exception":
        return "it refused the figure; it waits at the exception desk", "none"
    if state == "dead":
        return "its command is a dead letter", "none"
    if state == "done":
        return "stock was moved or counted there after it was told", "tell"
    return "it was never told of this", "person"


def _difference(
    kind: str, connection: str, subject: str, data: InventoryLevel, there: str, here: str
) -> Difference:
    return Difference(
        domain="inventory",
        kind=kind,
        connection=connection,
        subject=subject,
        label=f"{data.sku} at {data.location}",
        there=there,
        here=here,
        cause="",
        repair="none",
    )

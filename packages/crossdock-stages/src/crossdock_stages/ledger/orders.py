"""What decide keeps of orders beside their knowledge: verdicts of checks, twins, held news."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from crossdock import jsontext
from crossdock.checks import Verdict
from sqlalchemy.engine import Connection

from crossdock_stages.judgement.checks import Twin
from crossdock_stages.ledger import desk
from crossdock_stages.ledger.desk import Stuck
from crossdock_stages.ledger.statements import Statement, among
from crossdock_stages.ledger.tables import exceptions, inbox, twins, verdicts, waiting

STAGE = "decide"
HELD = "held"
"""Outcome in the inbox of news that waits for a person; nothing of it was applied."""


@dataclass(frozen=True)
class Judged:
    """The verdicts on one order, at one event."""

    event_id: str
    entity_id: str
    verdicts: tuple[Verdict, ...]


def add_verdicts(tx: Connection, rows: Sequence[Judged], now: float) -> None:
    """Keep them; of an event that is judged again the newest word stays."""
    _ADD_VERDICTS.many(
        tx,
        [
            {
                "event_id": row.event_id,
                "entity_id": row.entity_id,
                "verdicts": jsontext.dump_quickly([vars(one) for one in row.verdicts]).decode(),
                "at": now,
            }
            for row in rows
        ],
    )


def _add_verdicts(insert: Any) -> Any:
    new = insert(verdicts)
    return new.on_conflict_do_update(
        index_elements=["event_id"],
        set_={"verdicts": new.excluded.verdicts, "at": new.excluded.at},
    )


_ADD_VERDICTS = Statement(_add_verdicts)


def verdicts_of(
    tx: Connection, entity_ids: Iterable[str]
) -> list[tuple[float, str, list[Verdict]]]:
    """(time, event id, verdicts) of these orders, oldest first."""
    found = tx.execute(
        sa.select(verdicts.c.at, verdicts.c.event_id, verdicts.c.verdicts)
        .where(verdicts.c.entity_id.in_(list(entity_ids)))
        .order_by(verdicts.c.at)
    )
    return [(at, event, [Verdict(**one) for one in json.loads(text)]) for at, event, text in found]


@dataclass(frozen=True, kw_only=True)
class Purchase:
    """What makes two orders look like one."""

    entity_id: str
    connection: str
    number: str
    key: str
    placed_at: datetime


def add_purchases(tx: Connection, rows: Sequence[Purchase]) -> None:
    """Remember them for the duplicates that may come."""
    _ADD_PURCHASES.many(tx, [{**vars(row), "placed_at": row.placed_at.timestamp()} for row in rows])


def _add_purchases(insert: Any) -> Any:
    new = insert(twins)
    return new.on_conflict_do_update(index_elements=["entity_id"], set_={"key": new.excluded.key})


_ADD_PURCHASES = Statement(_add_purchases)


def twins_of(tx: Connection, rows: Sequence[Purchase]) -> Mapping[str, tuple[Twin, ...]]:
    """Other orders with the number or the goods and buyer of these, told before; by entity id.

    Of two in `rows` the first is no twin of the second.
    """
    if not rows:
        return {}
    keys = [row.key for row in rows if row.key]
    numbers = [row.number for row in rows]
    found = _TWINS.rows(tx, keys=keys, numbers=numbers)
    alike: dict[str, dict[str, Twin]] = {}
    named: dict[tuple[str, str], dict[str, Twin]] = {}

    def remember(one: Twin, key: str) -> None:
        if key:
            alike.setdefault(key, {})[one.id] = one
        named.setdefault((one.connection, one.label), {})[one.id] = one

    for own, connection, number, key, placed_at in found:
        moment = datetime.fromtimestamp(placed_at, UTC)
        remember(Twin(own, number, connection, moment, False), key)
    out: dict[str, tuple[Twin, ...]] = {}
    for row in rows:
        same_name = named.get((row.connection, row.number), {})
        others = {**alike.get(row.key, {}), **same_name}
        out[row.entity_id] = tuple(
            replace(one, same_number=one.id in same_name)
            for one in others.values()
            if one.id != row.entity_id
        )
        remember(Twin(row.entity_id, row.number, row.connection, row.placed_at, False), row.key)
    return out


_TWINS = Statement(
    lambda _: sa.select(
        twins.c.entity_id, twins.c.connection, twins.c.number, twins.c.key, twins.c.placed_at
    ).where(sa.or_(twins.c.key.in_(among("keys")), twins.c.number.in_(among("numbers"))))
)


def forget_held(tx: Connection, event_ids: Sequence[str]) -> None:
    """These are judged again: they were seen, but nothing of them was applied.

    Only while they wait to be: a call that comes again after it was answered changes nothing.
    """
    if event_ids:
        waits = sa.select(waiting.c.message_id).where(waiting.c.stage == STAGE)
        tx.execute(
            inbox.delete().where(
                inbox.c.event_id.in_(event_ids),
                inbox.c.outcome == HELD,
                inbox.c.event_id.in_(waits.where(waiting.c.message_id.in_(event_ids))),
            )
        )


def settle_cases(tx: Connection, entity_ids: Sequence[str], now: float) -> None:
    """The order went on: nobody needs to look at why it waited."""
    if entity_ids:
        desk.close(tx, *_held_news(entity_ids), resolution="the order went on", now=now)


def _held_news(entity_ids: Sequence[str]) -> tuple[Any, ...]:
    """Cases of news of these that was held."""
    return (
        exceptions.c.stage == STAGE,
        exceptions.c.entity_id.in_(entity_ids),
        exceptions.c.message_id.in_(sa.select(inbox.c.event_id).where(inbox.c.outcome == HELD)),
    )


def look_again(tx: Connection, entity_ids: Sequence[str]) -> None:
    """News of these was held, and their order is known better now: judge it again, soon."""
    if not entity_ids:
        return
    now = time.time()
    which = _held_news(entity_ids)
    rows = tx.execute(sa.select(exceptions).where(*which, exceptions.c.state == "open")).all()
    park = [
        Stuck(
            stage=STAGE,
            message_id=row.message_id,
            connection=row.connection,
            entity_key=row.entity_id,
            address=row.address,
            headers=json.loads(row.headers),
            body=bytes(row.body),
            code="retry",
            reason="looked at again after news of its order",
            next_at=now,
            place=int(now * 1e6),
        )
        for row in rows
    ]
    desk.park(tx, park, now)
    words = "looked at again after news of its order"
    desk.close(tx, *which, resolution=words, now=now)


def held_for(tx: Connection, codes: Sequence[str], words: Iterable[str]) -> list[str]:
    """Entities whose news is held for one of these reasons, with one of these words in it."""
    rows = tx.execute(
        sa.select(exceptions.c.entity_id, exceptions.c.message).where(
            exceptions.c.stage == STAGE, exceptions.c.state == "open", exceptions.c.code.in_(codes)
        )
    ).all()
    named = tuple(words)
    return [row.entity_id for row in rows if any(word in row.message for word in named)]

"""The law of conservation, checked by id: what was accepted is somewhere, and says why.

    accepted = decided + ignored with a reason + exception desk + dead letter + on its way

Counting rows by state cannot prove it, for a row's state may lie. This looks for each row's other
half: the inbox row of an event, the receipt of a command, the case of an exception.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from crossdock_stages.ledger.tables import (
    dead_letters,
    effects,
    exceptions,
    inbox,
    landing,
    outbox,
    waiting,
)

PAGE = 1000


@dataclass(frozen=True)
class Gap:
    """A row without its other half: something was dropped in silence, or is told wrongly."""

    id: str
    what: str


def audit(tx: Connection) -> list[Gap]:
    """Every gap in the ledger; an empty list is the promise kept."""
    return [*_landings(tx), *_commands(tx), *_reasons(tx), *_waiting(tx)]


def _landings(tx: Connection) -> Iterator[Gap]:
    """A settled payload said nothing for a reason, is a dead letter, or was decided on."""
    query = sa.select(landing.c.id, landing.c.state, landing.c.events, landing.c.reason).where(
        landing.c.settled.is_(True)
    )
    for rows in _pages(tx, query, landing.c.id):
        events = {row.id: json.loads(row.events) for row in rows if row.state == "translated"}
        ended = _present(
            tx,
            (inbox.c.event_id, dead_letters.c.message_id, exceptions.c.message_id),
            [event for told in events.values() for event in told],
        )
        dead = _present(  # or on the desk: a connector may say that a person must read it
            tx,
            (dead_letters.c.message_id, exceptions.c.message_id),
            [row.id for row in rows if row.state == "dead"],
        )
        for row in rows:
            if row.state == "landed":
                yield Gap(row.id, "settled, yet never translated")
            elif row.state == "ignored" and not row.reason:
                yield Gap(row.id, "ignored without a reason")
            elif row.state == "dead" and row.id not in dead:
                yield Gap(row.id, "dead, yet not among the dead letters")
            elif row.state == "translated":
                missing = [event for event in events[row.id] if event not in ended]
                if missing:
                    yield Gap(row.id, f"settled, yet nobody decided on {', '.join(missing)}")


def _commands(tx: Connection) -> Iterator[Gap]:
    """A closed command has a receipt, a case or a dead letter, as its state says."""
    query = sa.select(outbox.c.id, outbox.c.state).where(
        outbox.c.connection != "", outbox.c.state != "open"
    )
    other_half: dict[str, Any] = {
        "done": (effects.c.command_id, "done, yet without a receipt"),
        "exception": (exceptions.c.message_id, "an exception, yet not on the desk"),
        "dead": (dead_letters.c.message_id, "dead, yet not among the dead letters"),
    }
    for rows in _pages(tx, query, outbox.c.id):
        for state, (column, what) in other_half.items():
            ids = [row.id for row in rows if row.state == state]
            found = _present(tx, (column,), ids)
            yield from (Gap(one, what) for one in ids if one not in found)
    unreceipted = sa.select(effects.c.command_id).join(outbox, outbox.c.id == effects.c.command_id)
    for command_id in tx.execute(
        unreceipted.where(outbox.c.state == "done", effects.c.receipt_at.is_(None))
    ).scalars():
        yield Gap(command_id, "done, yet its effect has no receipt")


def _reasons(tx: Connection) -> Iterator[Gap]:
    """What was decided against says why."""
    for event_id in tx.execute(
        sa.select(inbox.c.event_id).where(inbox.c.outcome == "ignored", inbox.c.reason == "")
    ).scalars():
        yield Gap(event_id, "ignored without a reason")


def _waiting(tx: Connection) -> Iterator[Gap]:
    """What waits is not also done: one thing, one place."""
    done = sa.select(waiting.c.message_id).join(outbox, outbox.c.id == waiting.c.message_id)
    for message_id in tx.execute(done.where(outbox.c.state != "open")).scalars():
        yield Gap(message_id, "waits, yet it is closed")


def _pages(tx: Connection, query: Any, column: Any) -> Iterator[list[Any]]:
    last = ""
    while True:
        rows = tx.execute(query.where(column > last).order_by(column).limit(PAGE)).all()
        if not rows:
            return
        yield list(rows)
        last = rows[-1].id


def _present(tx: Connection, columns: Iterable[Any], ids: list[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        for column in columns:
            found.update(tx.execute(sa.select(column).where(column.in_(part))).scalars())
    return found

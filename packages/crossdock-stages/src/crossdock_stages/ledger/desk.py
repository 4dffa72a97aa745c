"""What could not go on: messages that wait, exceptions for people, dead letters."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from crossdock.identity import digest
from sqlalchemy.engine import Connection

from crossdock_stages.ledger.statements import Statement, among
from crossdock_stages.ledger.store import upsert
from crossdock_stages.ledger.tables import dead_letters, desk_log, exceptions, waiting

OURSELVES = "crossdock"
"""Who did what no person did, in the history of a case."""


@dataclass(frozen=True, kw_only=True)
class Stuck:
    """A message and the trouble it is in."""

    stage: str
    message_id: str
    connection: str
    entity_key: str
    entity_id: str = ""
    topic: str = ""
    address: str
    headers: Mapping[str, str]
    body: bytes
    code: str
    reason: str
    pointer: str = ""
    attempts: int = 0
    next_at: float = 0.0
    place: int = 0
    """Order within the entity's queue: the sequence of the outbox, or the time it was parked."""


def park(tx: Connection, rows: Sequence[Stuck], now: float) -> None:
    """Keep these until `next_at`; one that waits already gets its new attempt and reason."""
    if not rows:
        return
    insert = upsert(tx, waiting)
    tx.execute(
        insert.on_conflict_do_update(
            index_elements=["stage", "message_id"],
            set_={
                "attempts": insert.excluded.attempts,
                "next_at": insert.excluded.next_at,
                "code": insert.excluded.code,
                "reason": insert.excluded.reason,
            },
        ),
        [
            {
                "stage": row.stage,
                "message_id": row.message_id,
                "connection": row.connection,
                "entity_key": row.entity_key,
                "place": row.place,
                "address": row.address,
                "headers": json.dumps(dict(row.headers)),
                "body": row.body,
                "attempts": row.attempts,
                "first_at": now,
                "next_at": row.next_at,
                "code": row.code,
                "reason": row.reason[:2000],
            }
            for row in rows
        ],
    )


@dataclass(frozen=True)
class Waiter:
    """The head of an entity's queue: when it was parked and how often it was tried."""

    message_id: str
    attempts: int
    first_at: float


def queues(tx: Connection, stage: str, keys: Sequence[str]) -> dict[str, list[Waiter]]:
    """For each of these entities that waits at this stage: who waits, in order."""
    out: dict[str, list[Waiter]] = {}
    for key, message_id, attempts, first_at in _QUEUES.rows(tx, stage=stage, keys=keys):
        out.setdefault(key, []).append(Waiter(message_id, attempts, first_at))
    return out


_QUEUES = Statement(
    lambda _: (
        sa.select(
            waiting.c.entity_key, waiting.c.message_id, waiting.c.attempts, waiting.c.first_at
        )
        .where(waiting.c.stage == sa.bindparam("stage"), waiting.c.entity_key.in_(among("keys")))
        .order_by(waiting.c.place, waiting.c.seq)
    )
)


def release(tx: Connection, stage: str, message_ids: Sequence[str]) -> None:
    """These wait no longer. Their followers become due by being first now."""
    if message_ids:
        _RELEASE.run(tx, stage=stage, ids=message_ids)


_RELEASE = Statement(
    lambda _: waiting.delete().where(
        waiting.c.stage == sa.bindparam("stage"), waiting.c.message_id.in_(among("ids"))
    )
)


def hurry(tx: Connection, stage: str, now: float) -> None:
    """The target is back: what waited for it at this stage is due now."""
    tx.execute(
        waiting.update()
        .where(
            waiting.c.stage == stage,
            waiting.c.next_at > now,
            waiting.c.code.in_(["unavailable", "auth"]),
        )
        .values(next_at=now)
    )


@dataclass(frozen=True, kw_only=True)
class Due:
    """A waiting message whose time has come."""

    seq: int
    stage: str
    message_id: str
    address: str
    headers: Mapping[str, str]
    body: bytes
    attempts: int


def _heads(now: float) -> "sa.Select[tuple[object, ...]]":
    """The first of each entity's queue whose time has come.

    Asked four times a second: it must cost what is due, not what waits.
    """
    other = waiting.alias("other")
    earlier = sa.exists().where(
        other.c.stage == waiting.c.stage,
        other.c.entity_key == waiting.c.entity_key,
        other.c.place < waiting.c.place,
    )
    return sa.select(waiting).where(waiting.c.next_at <= now, ~earlier)


def any_due(tx: Connection, now: float) -> bool:
    """Whether `due` would find something."""
    return tx.execute(_heads(now).limit(1)).first() is not None


def due(tx: Connection, now: float, again_after_s: float, limit: int = 200) -> list[Due]:
    """The first of each entity's queue, if its time has come; its next time is put off at once.

    So that a message which is lost on its way is sent again after `again_after_s`.
    """
    rows = tx.execute(_heads(now).order_by(waiting.c.next_at).limit(limit)).all()
    if rows:
        tx.execute(
            waiting.update()
            .where(waiting.c.seq.in_([row.seq for row in rows]))
            .values(next_at=now + again_after_s)
        )
    return [
        Due(
            seq=row.seq,
            stage=row.stage,
            message_id=row.message_id,
            address=row.address,
            headers=json.loads(row.headers),
            body=bytes(row.body),
            attempts=row.attempts,
        )
        for row in rows
    ]


def open_exceptions(tx: Connection, rows: Sequence[tuple[Stuck, str, str]], now: float) -> None:
    """Put these on the exception desk: (what, severity, suggestion).

    One that was resolved and comes back is open again, with its newest words.
    """
    if not rows:
        return
    ids = ["exc_" + digest(stuck.stage, stuck.message_id) for stuck, _, _ in rows]
    for start in range(0, len(ids), 500):
        part = exceptions.c.id.in_(ids[start : start + 500])
        _log(tx, part, exceptions.c.state != "open", what="open again", at=now)
    insert = upsert(tx, exceptions)
    tx.execute(
        insert.on_conflict_do_update(
            index_elements=["stage", "message_id"],
            set_={
                "state": "open",
                "code": insert.excluded.code,
                "message": insert.excluded.message,
                "resolved_at": None,
                "resolution": "",
            },
        ),
        [
            {
                "id": "exc_" + digest(stuck.stage, stuck.message_id),
                "code": stuck.code,
                "severity": severity,
                "stage": stuck.stage,
                "connection": stuck.connection,
                "entity_id": stuck.entity_id,
                "entity_key": stuck.entity_key,
                "message_id": stuck.message_id,
                "address": stuck.address,
                "message": stuck.reason[:4000],
                "suggestion": suggestion,
                "headers": json.dumps(dict(stuck.headers)),
                "body": stuck.body,
                "state": "open",
                "opened_at": now,
            }
            for stuck, severity, suggestion in rows
        ],
    )


def settle(
    tx: Connection, stage: str, message_ids: Sequence[str], resolution: str, now: float
) -> None:
    """Nobody needs to look at these cases any more; that stands in their history."""
    if message_ids:
        close(
            tx,
            exceptions.c.stage == stage,
            exceptions.c.message_id.in_(message_ids),
            resolution=resolution,
            now=now,
        )


def close(tx: Connection, *which: "sa.ColumnElement[bool]", resolution: str, now: float) -> None:
    """Settle the open cases of which this holds, without a person."""
    which = (*which, exceptions.c.state == "open")
    if _log(tx, *which, what="resolve", note=resolution, at=now):
        tx.execute(
            exceptions.update()
            .where(*which)
            .values(state="resolved", resolved_at=now, resolution=f"{OURSELVES}: {resolution}")
        )


def _log(
    tx: Connection, *which: "sa.ColumnElement[bool]", what: str, note: str = "", at: float
) -> int:
    """Write this into the history of these cases; how many they are."""
    ids = tx.execute(sa.select(exceptions.c.id).where(*which)).scalars().all()
    if ids:
        tx.execute(
            desk_log.insert(),
            [
                {"case_id": one, "at": at, "who": OURSELVES, "what": what, "note": note}
                for one in ids
            ],
        )
    return len(ids)


def bury(tx: Connection, rows: Sequence[Stuck], now: float) -> None:
    """Keep these whole as dead letters, with the reason; one that comes back is open again."""
    if not rows:
        return
    insert = upsert(tx, dead_letters)
    tx.execute(
        insert.on_conflict_do_update(
            index_elements=["stage", "message_id"],
            set_={
                "state": "open",
                "reason": insert.excluded.reason,
                "pointer": insert.excluded.pointer,
                "resolved_at": None,
            },
        ),
        [
            {
                "id": "dead_" + digest(row.stage, row.message_id),
                "stage": row.stage,
                "connection": row.connection,
                "topic": row.topic,
                "entity_key": row.entity_key,
                "message_id": row.message_id,
                "address": row.address,
                "reason": row.reason[:4000],
                "pointer": row.pointer[:1000],
                "headers": json.dumps(dict(row.headers)),
                "body": row.body,
                "state": "open",
                "at": now,
            }
            for row in rows
        ],
    )

"""The landing zone: every raw payload we said yes to, kept whole."""

import json
import secrets
import time
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Literal

import sqlalchemy as sa
from crossdock.identity import fingerprint
from crossdock.jsontext import dump_quickly
from sqlalchemy.engine import Connection

from crossdock_stages.ledger.statements import Statement, among, found_otherwise
from crossdock_stages.ledger.store import upsert
from crossdock_stages.ledger.tables import (
    cursors,
    dead_letters,
    exceptions,
    inbox,
    landing,
    waiting,
)

Verdict = Literal["new", "duplicate", "conflict"]


@dataclass(frozen=True, kw_only=True)
class Landed:
    """One row of the landing zone, or what is about to become one."""

    id: str
    connection: str
    topic: str
    entity_key: str
    delivery_id: str
    road: str
    headers: Mapping[str, str]
    body: bytes
    received_at: float
    fingerprint: str = field(default="")
    mode: str = ""
    """Empty for what is live, else as in `topology`: `replay`, `backfill`."""


def new_id(now: float) -> str:
    """Ids that sort by time: 48 bits of milliseconds, then 64 of chance."""
    return f"lnd_{int(now * 1000):012x}{secrets.token_hex(8)}"


def land(tx: Connection, rows: Sequence[Landed]) -> list[tuple[str, Verdict]]:
    """Keep what is new; for each row the id under which its news is kept, and the verdict.

    `duplicate`: the same delivery came before with the same body. `conflict`: it came before with
    another body, which a sender must never do.
    """
    prints = [row.fingerprint or fingerprint(row.body) for row in rows]
    known = _known(tx, rows)
    verdicts: list[tuple[str, Verdict]] = []
    fresh = []
    for row, mark in zip(rows, prints, strict=True):
        before = known.get((row.connection, row.delivery_id))
        if before is None:
            known[row.connection, row.delivery_id] = (row.id, mark)
            verdicts.append((row.id, "new"))
            fresh.append(
                {
                    "id": row.id,
                    "connection": row.connection,
                    "topic": row.topic,
                    "entity_key": row.entity_key,
                    "delivery_id": row.delivery_id,
                    "road": row.road,
                    "headers": dump_quickly(dict(row.headers)).decode(),
                    "body": row.body,
                    "fingerprint": mark,
                    "received_at": row.received_at,
                    "published_at": row.received_at,
                    "state": "landed",
                    "settled": False,
                    "mode": row.mode,
                }
            )
        else:
            verdicts.append((before[0], "duplicate" if before[1] == mark else "conflict"))
    _LAND.many(tx, fresh)
    return verdicts


_LAND = Statement(lambda insert: insert(landing))


def _known(tx: Connection, rows: Sequence[Landed]) -> dict[tuple[str, str], tuple[str, str]]:
    by_connection: dict[str, list[str]] = {}
    for row in rows:
        by_connection.setdefault(row.connection, []).append(row.delivery_id)
    known: dict[tuple[str, str], tuple[str, str]] = {}
    for connection, ids in by_connection.items():
        for delivery_id, row_id, mark in _KNOWN.rows(tx, connection=connection, ids=ids):
            known[connection, delivery_id] = (row_id, mark)
    return known


_KNOWN = Statement(
    lambda _: sa.select(landing.c.delivery_id, landing.c.id, landing.c.fingerprint).where(
        landing.c.connection == sa.bindparam("connection"),
        landing.c.delivery_id.in_(among("ids")),
    )
)


@dataclass(frozen=True, kw_only=True)
class Translated:
    """What became of one landing row. `events` are the ids of what it said."""

    landing_id: str
    state: Literal["translated", "ignored", "dead"]
    events: tuple[str, ...] = ()
    reason: str = ""


def mark_translated(tx: Connection, results: Iterable[Translated]) -> None:
    """Record translate's verdicts. Rows without events have nothing left to lose: settled."""
    _MARK.many(
        tx,
        [
            {
                "row_id": result.landing_id,
                "became": result.state,
                "said": json.dumps(result.events),
                "because": result.reason[:2000],
                "ended": not result.events,
            }
            for result in results
        ],
    )


_MARK = Statement(
    lambda _: (
        landing.update()
        # a repetition that comes late must not open what was settled meanwhile
        .where(
            landing.c.id == sa.bindparam("row_id"),
            found_otherwise(landing.c.settled).is_(False),
        )
        .values(
            state=sa.bindparam("became"),
            events=sa.bindparam("said"),
            reason=sa.bindparam("because"),
            settled=sa.bindparam("ended"),
        )
    )
)


def settle(tx: Connection, landing_ids: Iterable[str]) -> None:
    """Everything these rows said has been decided on."""
    if ids := [row_id for row_id in landing_ids if row_id]:
        _SETTLE.run(tx, ids=ids)


def settle_said(tx: Connection, landing_ids: Iterable[str]) -> None:
    """Something that these rows said has been decided on: settled are those with nothing left.

    Two runners that decide on the last two events of a row at once cannot see each other's; the
    sweeper settles that row.
    """
    ids = [row_id for row_id in landing_ids if row_id]
    if not ids:
        return
    _SETTLE_SINGLE.run(tx, ids=ids)
    told = {row_id: json.loads(events) for row_id, events in _SAID_MORE.rows(tx, ids=ids)}
    ended = _came_to_an_end(tx, [event for events in told.values() for event in events])
    settle(tx, [row_id for row_id, events in told.items() if ended.issuperset(events)])


def _came_to_an_end(tx: Connection, events: Sequence[str]) -> set[str]:
    """Those of these events that were decided on, or stand at a desk or among the dead."""
    ended: set[str] = set()
    for start in range(0, len(events), 500):
        part = events[start : start + 500]
        for column in (inbox.c.event_id, dead_letters.c.message_id, exceptions.c.message_id):
            ended.update(tx.execute(sa.select(column).where(column.in_(part))).scalars())
    return ended


def _settling() -> Any:
    mine = sa.and_(landing.c.id.in_(among("ids")), landing.c.state == "translated")
    return landing.update().where(mine).values(settled=True)


_SETTLE = Statement(lambda _: _settling())
_SETTLE_SINGLE = Statement(lambda _: _settling().where(landing.c.events.not_like("%,%")))
_SAID_MORE = Statement(
    lambda _: sa.select(landing.c.id, landing.c.events).where(
        landing.c.id.in_(among("ids")),
        found_otherwise(landing.c.settled).is_(False),
        landing.c.events.like("%,%"),
    )
)


@dataclass(frozen=True)
class Unsettled:
    """A landing row whose news has not been decided on; `translated` when it was at least read."""

    row: Landed
    translated: bool
    published_at: float
    publishes: int


def unsettled(tx: Connection, *, before: float, limit: int = 500) -> list[Unsettled]:
    """Rows published before this moment whose news is neither decided on nor known to wait.

    Rows whose events all came to an end by another road are settled on the way.
    """
    found = tx.execute(
        sa.select(landing)
        .where(
            landing.c.settled.is_(False),
            landing.c.published_at < before,
            ~sa.exists().where(waiting.c.message_id == landing.c.id),
        )
        .order_by(landing.c.published_at)
        .limit(limit)
    ).all()
    wanted: dict[str, list[str]] = {row.id: json.loads(row.events) for row in found}
    every = [event for events in wanted.values() for event in events]
    ended = _came_to_an_end(tx, every)
    parked: set[str] = set()
    for start in range(0, len(every), 500):
        part = every[start : start + 500]
        parked.update(
            tx.execute(
                sa.select(waiting.c.message_id).where(waiting.c.message_id.in_(part))
            ).scalars()
        )
    done = {row_id for row_id, events in wanted.items() if events and ended.issuperset(events)}
    settle(tx, done)
    return [
        Unsettled(row_to_landed(row), row.state == "translated", row.published_at, row.publishes)
        for row in found
        if row.id not in done and not parked.intersection(wanted[row.id])
    ]


@dataclass(frozen=True)
class Ahead:
    """Where one row stands in its entity's sequence."""

    place: int
    """When it was received, in microseconds: its place in line."""
    rows: tuple[str, ...]
    """Earlier rows of the same entity whose news is still on its way, oldest first."""


def ahead(tx: Connection, at_hand: Mapping[str, Set[str]], stage: str) -> dict[str, Ahead]:
    """What must be decided on before the events of these rows, which `stage` now has at hand.

    The bus may lose one message and bring the next; the sequence in which news was received is
    here. What waits at `stage` for a reason of its own is not ahead of anything: it may be waiting
    for this very news. Nor is a row that says the same: by two roads the same news is one event,
    which travels once, and may carry the later row's name. Replays travel by themselves.
    """
    mine = _MINE.rows(tx, ids=set(at_hand))
    newest: dict[tuple[str, str], float] = {}
    for _, connection, key, received_at, mode, _ in mine:
        if key and not mode:
            newest[connection, key] = max(received_at, newest.get((connection, key), 0.0))
    keys: dict[str, list[str]] = {}
    for connection, key in newest:
        keys.setdefault(connection, []).append(key)
    on_the_way = [
        (row_id, (connection, key), received_at, frozenset(json.loads(events)))
        for connection, wanted in keys.items()
        for row_id, key, received_at, events in _ON_THE_WAY.rows(
            tx, connection=connection, keys=wanted
        )
        if received_at < newest[connection, key]
    ]
    ended = _ended(tx, [one for row_id, _, _, told in on_the_way for one in (row_id, *told)], stage)
    earlier: dict[tuple[str, str], list[tuple[str, float, frozenset[str]]]] = {}
    for row_id, entity, received_at, told in on_the_way:
        left = told - ended
        if row_id not in ended and (left or not told):
            earlier.setdefault(entity, []).append((row_id, received_at, left))
    out = {}
    for row_id, connection, key, received_at, mode, events in mine:
        own = at_hand[row_id] | set(json.loads(events)) if earlier else at_hand[row_id]
        before = () if mode else earlier.get((connection, key), ())
        rows = tuple(
            other
            for other, since, left in before
            if since < received_at and not (left and left <= own)
        )
        out[row_id] = Ahead(int(received_at * 1e6), rows)
    return out


_MINE = Statement(
    lambda _: sa.select(
        landing.c.id,
        landing.c.connection,
        landing.c.entity_key,
        landing.c.received_at,
        landing.c.mode,
        landing.c.events,
    ).where(landing.c.id.in_(among("ids")))
)
_ON_THE_WAY = Statement(
    lambda _: (
        sa.select(landing.c.id, landing.c.entity_key, landing.c.received_at, landing.c.events)
        .where(
            landing.c.connection == sa.bindparam("connection"),
            landing.c.entity_key.in_(among("keys")),
            found_otherwise(landing.c.settled).is_(False),
            landing.c.mode == "",
        )
        .order_by(landing.c.received_at)
    )
)


def _ended(tx: Connection, ids: Sequence[str], stage: str) -> set[str]:
    """Those of these rows and events that are on their way no more."""
    ended = _came_to_an_end(tx, ids)
    for start in range(0, len(ids), 500):
        ended.update(_waiting_for_themselves(tx, ids[start : start + 500], stage))
    return ended


def _waiting_for_themselves(tx: Connection, ids: Sequence[str], stage: str) -> list[str]:
    """Those of these messages whose queue at `stage` waits for a reason of its own."""
    queue_of = {
        row.message_id: row.entity_key
        for row in tx.execute(
            sa.select(waiting.c.message_id, waiting.c.entity_key).where(
                waiting.c.stage == stage, waiting.c.message_id.in_(ids)
            )
        )
    }
    if not queue_of:
        return []
    heads: dict[str, str] = {}
    for row in tx.execute(
        sa.select(waiting.c.entity_key, waiting.c.code)
        .where(waiting.c.stage == stage, waiting.c.entity_key.in_(set(queue_of.values())))
        .order_by(waiting.c.place, waiting.c.seq)
    ):
        heads.setdefault(row.entity_key, row.code)
    return [one for one, queue in queue_of.items() if heads[queue] != "behind"]


def republished(tx: Connection, landing_ids: Sequence[str], now: float) -> None:
    """Note that the sweeper sent these again."""
    if landing_ids:
        tx.execute(
            landing.update()
            .where(landing.c.id.in_(landing_ids))
            .values(published_at=now, publishes=landing.c.publishes + 1)
        )


def get(tx: Connection, landing_id: str) -> Landed | None:
    """One row, or None."""
    row = tx.execute(sa.select(landing).where(landing.c.id == landing_id)).first()
    return None if row is None else row_to_landed(row)


def row_to_landed(row: "sa.Row[Any]") -> Landed:
    """One row of the table as a value."""
    fields = row._mapping
    return Landed(
        id=fields["id"],
        connection=fields["connection"],
        topic=fields["topic"],
        entity_key=fields["entity_key"],
        delivery_id=fields["delivery_id"],
        road=fields["road"],
        headers=json.loads(fields["headers"]),
        body=bytes(fields["body"]),
        received_at=fields["received_at"],
        fingerprint=fields["fingerprint"],
        mode=fields["mode"],
    )


def read_cursor(tx: Connection, connection: str, name: str = "poll") -> str | None:
    """Where polling of this connection resumes."""
    found: str | None = tx.execute(
        sa.select(cursors.c.cursor).where(
            cursors.c.connection == connection, cursors.c.name == name
        )
    ).scalar()
    return found


def write_cursor(tx: Connection, connection: str, cursor: str, name: str = "poll") -> None:
    """Move the cursor; never to nothing. Call it in the transaction that lands the records."""
    if not cursor:
        return
    insert = upsert(tx, cursors).values(
        connection=connection, name=name, cursor=cursor, updated_at=time.time()
    )
    tx.execute(
        insert.on_conflict_do_update(
            index_elements=["connection", "name"],
            set_={"cursor": insert.excluded.cursor, "updated_at": insert.excluded.updated_at},
        )
    )

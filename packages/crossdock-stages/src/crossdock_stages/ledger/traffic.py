"""What has been seen (inbox), what must still be said (outbox), and what was done (effects)."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from crossdock import jsontext
from crossdock.bus import Outgoing
from crossdock.events import Receipt
from crossdock.frozen import made_at_once
from sqlalchemy.engine import Connection

from crossdock_stages.ledger.statements import Statement, among, found_otherwise
from crossdock_stages.ledger.tables import effects, inbox, outbox, waiting

CLAIM = "ce-dataref"


@made_at_once
@dataclass(frozen=True, kw_only=True)
class Seen:
    """One event in the inbox, with what became of it."""

    event_id: str
    type: str
    entity_id: str
    entity_key: str
    connection: str
    revision: str
    landing_id: str
    outcome: Literal["applied", "ignored", "held"]
    reason: str = ""
    at: float


def already_seen(tx: Connection, event_ids: Sequence[str]) -> set[str]:
    """Those of these events that were decided on before."""
    return {event_id for (event_id,) in _SEEN.rows(tx, ids=event_ids)}


_SEEN = Statement(lambda _: sa.select(inbox.c.event_id).where(inbox.c.event_id.in_(among("ids"))))


def add_seen(tx: Connection, rows: Sequence[Seen]) -> None:
    """Write them to the inbox; one that another runner wrote meanwhile stays as it is."""
    _ADD_SEEN.many(tx, [vars(row) for row in rows])


_ADD_SEEN = Statement(lambda insert: insert(inbox).on_conflict_do_nothing())


@made_at_once
@dataclass(frozen=True, kw_only=True)
class ToSend:
    """One message of the outbox; `connection` is the target, empty for an event.

    `body` is what the outbox keeps of a message that is too large to travel with it.
    """

    message: Outgoing
    body: bytes = b""
    connection: str
    type: str
    entity_id: str
    entity_key: str
    cause: str


def add_outgoing(tx: Connection, rows: Sequence[ToSend], now: float) -> None:
    """Promise to say these. A message whose id is there already was promised before."""
    _ADD_OUTGOING.many(
        tx,
        [
            {
                "id": row.message.id,
                "connection": row.connection,
                "type": row.type,
                "entity_id": row.entity_id,
                "entity_key": row.entity_key,
                "address": row.message.address,
                "headers": jsontext.dump_quickly(dict(row.message.headers)).decode(),
                "body": row.message.body or row.body,
                "cause": row.cause,
                "created_at": now,
                "published_at": now,
                "state": "open",
            }
            for row in rows
        ],
    )


_ADD_OUTGOING = Statement(
    lambda insert: insert(outbox).on_conflict_do_nothing(index_elements=["id"])
)


def close_outgoing(
    tx: Connection, ids: Iterable[str], state: Literal["done", "exception", "dead"], now: float
) -> None:
    """These are said and dealt with."""
    if wanted := list(ids):
        _CLOSE.run(tx, ids=wanted, to=state, now=now)


_CLOSE = Statement(
    lambda _: (
        outbox.update()
        .where(outbox.c.id.in_(among("ids")), found_otherwise(outbox.c.state) == "open")
        .values(state=sa.bindparam("to"), closed_at=sa.bindparam("now"))
    )
)


@dataclass(frozen=True)
class Unanswered:
    """An open message of the outbox, and when it was last sent."""

    send: ToSend
    published_at: float
    publishes: int


def unanswered(tx: Connection, *, before: float, limit: int = 500) -> list[Unanswered]:
    """Open messages last sent before this moment that do not wait, in the order promised."""
    found = tx.execute(
        sa.select(outbox)
        .where(
            outbox.c.state == "open",
            outbox.c.published_at < before,
            ~sa.exists().where(waiting.c.message_id == outbox.c.id),
        )
        .order_by(outbox.c.seq)
        .limit(limit)
    )
    return [
        Unanswered(
            ToSend(
                message=_message(row),
                connection=row.connection,
                type=row.type,
                entity_id=row.entity_id,
                entity_key=row.entity_key,
                cause=row.cause,
            ),
            row.published_at,
            row.publishes,
        )
        for row in found
    ]


def _message(row: Any) -> Outgoing:
    headers = json.loads(row.headers)
    body = b"" if CLAIM in headers else bytes(row.body)
    return Outgoing(address=row.address, body=body, headers=headers, id=row.id)


def resent(tx: Connection, ids: Sequence[str], now: float) -> None:
    """Note that the sweeper sent these again."""
    if ids:
        tx.execute(
            outbox.update()
            .where(outbox.c.id.in_(ids))
            .values(published_at=now, publishes=outbox.c.publishes + 1)
        )


@dataclass(frozen=True, kw_only=True)
class Standing:
    """Where one command stands: its place in the sequence, and what earlier tries did."""

    seq: int
    state: str
    attempts: int
    blocked_by: str | None
    """An earlier command of the same entity at the same target that is still open."""


def standings(tx: Connection, connection: str, ids: Sequence[str]) -> dict[str, Standing]:
    """For the commands of a batch, by id; a command the outbox does not know is missing."""
    rows = _STANDINGS.rows(tx, ids=ids)
    keys = {key for _, _, state, key, _ in rows if state == "open"}
    ahead: dict[str, list[tuple[int, str]]] = {}
    if keys:
        for key, seq, command_id in _AHEAD.rows(tx, connection=connection, keys=keys):
            ahead.setdefault(key, []).append((seq, command_id))
    out: dict[str, Standing] = {}
    for command_id, seq, state, key, attempts in rows:
        earlier = [item for item in ahead.get(key, ()) if item[0] < seq]
        out[command_id] = Standing(
            seq=seq,
            state=state,
            attempts=attempts,
            blocked_by=max(earlier)[1] if earlier else None,
        )
    return out


_STANDINGS = Statement(
    lambda _: (
        sa.select(
            outbox.c.id,
            outbox.c.seq,
            outbox.c.state,
            outbox.c.entity_key,
            sa.func.coalesce(effects.c.attempts, 0),
        )
        .select_from(outbox.outerjoin(effects, effects.c.command_id == outbox.c.id))
        .where(outbox.c.id.in_(among("ids")))
    )
)
_AHEAD = Statement(
    lambda _: sa.select(outbox.c.entity_key, outbox.c.seq, outbox.c.id).where(
        outbox.c.connection == sa.bindparam("connection"),
        outbox.c.entity_key.in_(among("keys")),
        found_otherwise(outbox.c.state) == "open",
    )
)


@dataclass(frozen=True, kw_only=True)
class Intent:
    """We are about to ask a vendor for this."""

    command_id: str
    connection: str
    type: str
    entity_id: str


def intend(tx: Connection, intents: Sequence[Intent], now: float) -> None:
    """Record the intents, one more attempt each. Must be on disk before the vendor is called."""
    _INTEND.many(
        tx,
        [{**vars(intent), "attempts": 1, "intent_at": now, "note": ""} for intent in intents],
    )


def _intend(insert: Any) -> Any:
    new = insert(effects)
    return new.on_conflict_do_update(
        index_elements=["command_id"],
        set_={
            "attempts": effects.c.attempts + new.excluded.attempts,
            "intent_at": new.excluded.intent_at,
        },
    )


_INTEND = Statement(_intend)


def receive(tx: Connection, receipts: Mapping[str, Receipt], now: float) -> None:
    """Record what the vendor answered."""
    _RECEIVE.many(
        tx,
        [
            {
                "id": command_id,
                "native": receipt.native_id,
                "did": receipt.changed,
                "says": receipt.note[:2000],
                "now": now,
            }
            for command_id, receipt in receipts.items()
        ],
    )


_RECEIVE = Statement(
    lambda _: (
        effects.update()
        .where(effects.c.command_id == sa.bindparam("id"))
        .values(
            receipt_at=sa.bindparam("now"),
            native_id=sa.bindparam("native"),
            changed=sa.bindparam("did"),
            note=sa.bindparam("says"),
        )
    )
)

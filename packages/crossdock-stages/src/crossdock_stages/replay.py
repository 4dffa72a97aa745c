"""REPLAY: what was landed long ago, told again through today's mapping and rules.

First a preview, which changes nothing: what would be said differently, and what would follow from
it. Then, if a person says so, the rows are put into the waiting room of translate, marked `replay`:
they travel in a lane of their own, hold up nothing live, and no customer is written to.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Literal

import sqlalchemy as sa
from crossdock import jsontext
from crossdock.connector import Connector, Ignore
from crossdock.errors import ContractError, CrossdockError
from crossdock.events import EVENT_TYPES, Envelope, Raw
from crossdock.jsontext import shorten
from sqlalchemy.engine import Connection

from crossdock_stages import judgement
from crossdock_stages.ledger import desk, things, traffic
from crossdock_stages.ledger.desk import Stuck
from crossdock_stages.ledger.finding import find, landed_about, landed_as
from crossdock_stages.ledger.landing import Landed, row_to_landed
from crossdock_stages.ledger.tables import effects, landing, outbox
from crossdock_stages.rules import Rules
from crossdock_stages.topology import REPLAY, Topology
from crossdock_stages.translate import Said, say

PART = 500
"""So many payloads are looked at, or told again, in one transaction: others must get their turn."""
MOST_CHANGES = 10
"""So many fields of one event are told apart in a preview."""
A_SECOND = 200.0
"""So many of those to be told again are due in a second: what is live waits behind none of them."""


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which landed payloads: by any reference, by connection and topic, by time of arrival."""

    reference: str | None = None
    connection: str | None = None
    topic: str | None = None
    since: float | None = None
    until: float | None = None


@dataclass(frozen=True)
class Kept:
    """One landed payload, and what was made of it then."""

    row: Landed
    state: str
    events: tuple[str, ...]
    reason: str


def select(tx: Connection, wanted: Selection) -> list[str]:
    """The landing ids, oldest first."""
    query = sa.select(landing.c.id).order_by(landing.c.received_at, landing.c.id)
    if wanted.reference is not None:
        ids = find(tx, wanted.reference)
        rows = {*landed_as(tx, wanted.reference), *landed_about(tx, ids)}
        query = query.where(landing.c.id.in_(rows))
    if wanted.connection is not None:
        query = query.where(landing.c.connection == wanted.connection)
    if wanted.topic is not None:
        query = query.where(landing.c.topic == wanted.topic)
    if wanted.since is not None:
        query = query.where(landing.c.received_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(landing.c.received_at < wanted.until)
    return list(tx.execute(query).scalars())


def load(tx: Connection, ids: Sequence[str]) -> list[Kept]:
    """These payloads, in this order; at most PART of them."""
    found = {
        row.id: Kept(row_to_landed(row), row.state, tuple(json.loads(row.events)), row.reason)
        for row in tx.execute(sa.select(landing).where(landing.c.id.in_(ids)))
    }
    return [found[one] for one in ids if one in found]


@dataclass(frozen=True)
class Outcome:
    """What replaying one payload would change. `follows` names the commands that would be sent."""

    kept: Kept
    kind: Literal["same", "different", "fails", "ignored"]
    said: tuple[str, ...] = ()
    follows: tuple[str, ...] = ()
    reason: str = ""


def preview(
    tx: Connection, chosen: Sequence[Kept], connectors: Mapping[str, Connector], rules: Rules
) -> list[Outcome]:
    """Translate and judge each payload as of now; nothing is written."""
    return [_preview(tx, kept, connectors, rules) for kept in chosen]


def _preview(
    tx: Connection, kept: Kept, connectors: Mapping[str, Connector], rules: Rules
) -> Outcome:
    row = kept.row
    connector = connectors.get(row.connection)
    if connector is None:
        return Outcome(kept, "fails", reason=f"no connection {row.connection!r} any more")
    raw = Raw(row.topic, data=row.body, key=row.entity_key, headers=row.headers)
    try:
        said = say(row.connection, connector, raw, source="", landing_id=row.id, mode=REPLAY)
    except Ignore as reason:
        kind: Literal["same", "ignored"] = "same" if kept.state == "ignored" else "ignored"
        return Outcome(kept, kind, reason=str(reason))
    except ContractError as error:
        same = kept.state == "dead" and kept.reason == str(error)
        return Outcome(kept, "same" if same else "fails", reason=str(error))
    known = traffic.already_seen(tx, [one.envelope.id for one in said])
    new = [one for one in said if one.envelope.id not in known]
    if not new:
        return Outcome(kept, "same", reason="every event was decided on before")
    told: list[str] = []
    follows: list[str] = []
    for one in new:
        words = _difference(_told_before(tx, one.envelope, kept.events), one.body)
        told.append(f"{one.envelope.name} {one.envelope.subject}: {words}")
        follows += _follows(tx, one, rules)
    return Outcome(kept, "different", tuple(told), tuple(follows))


def _told_before(tx: Connection, envelope: Envelope, events: Sequence[str]) -> bytes:
    """What systems were told because of this payload then, else the last they were told of it."""
    asked = (
        sa.select(outbox.c.cause, outbox.c.body)
        .join(effects, effects.c.command_id == outbox.c.id)
        .where(
            effects.c.entity_id == envelope.subject,
            outbox.c.type.startswith(f"{envelope.kind}.", autoescape=True),
        )
        .order_by(outbox.c.seq.desc())
    )
    told = {row.cause: bytes(row.body) for row in reversed(tx.execute(asked).all())}
    then = [told[event] for event in events if event in told]
    return then[-1] if then else next(reversed(told.values()), b"")


def _difference(before: bytes, body: bytes) -> str:
    """Field by field what differs from what was told; where nothing was, what is said, in short."""
    if not before:
        return shorten(body, 200)
    changes = list(_changes(jsontext.parse(before), jsontext.parse(body)))
    if not changes:
        return "what was told before"
    more = f"; and {len(changes) - MOST_CHANGES} more" if len(changes) > MOST_CHANGES else ""
    return "; ".join(changes[:MOST_CHANGES]) + more


def _changes(before: Any, after: Any, place: str = "") -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {**before, **after}:
            yield from _changes(before.get(key), after.get(key), place + jsontext.pointer(key))
    elif isinstance(before, list) and isinstance(after, list):
        for number, (one, other) in enumerate(zip_longest(before, after)):
            yield from _changes(one, other, f"{place}/{number}")
    elif before != after:
        was, is_ = ("nothing" if value is None else shorten(value, 60) for value in (before, after))
        yield f"{place} was {was}, is {is_}"


def _follows(tx: Connection, one: Said, rules: Rules) -> list[str]:
    try:
        data = EVENT_TYPES[one.envelope.name].parse(one.body)
        known = things.known(tx, judgement.subjects(one.envelope, data))
        decision = judgement.judge(one.envelope, data, known, rules)
    except CrossdockError as error:
        return [f"nothing yet: {error}"]
    if decision.exception is not None:
        return [f"exception {decision.exception.reason}: {decision.exception}"]
    if not decision.wishes:
        return [f"nothing: {decision.reason}"]
    return [f"{wish.type} at {wish.target}" for wish in decision.wishes]


def apply(
    tx: Connection, chosen: Sequence[Kept], topology: Topology, *, began: float, before: int = 0
) -> int:
    """Put the payloads, at most PART, into the waiting room; how many.

    `began` is when the first part was put there, `before` how many are there by now. A running
    line takes them from there; it needs no bus here.
    """
    now = time.time()
    ids = [kept.row.id for kept in chosen]
    tx.execute(
        landing.update()
        .where(landing.c.id.in_(ids))
        .values(state="landed", settled=False, mode=REPLAY, published_at=now)
    )
    rows = []
    for order, kept in enumerate(chosen, before):
        message = topology.raw(_as_replay(kept.row))
        rows.append(
            Stuck(
                stage="translate",
                message_id=kept.row.id,
                connection=kept.row.connection,
                entity_key=message.headers["ce-partitionkey"],
                address=message.address,
                headers=message.headers,
                body=message.body,
                code="replay",
                reason="to be told again",
                next_at=began + order / A_SECOND,
                place=int(began * 1e6) + order,
            )
        )
    desk.park(tx, rows, now)
    return len(rows)


def _as_replay(row: Landed) -> Landed:
    return Landed(**{**vars(row), "mode": REPLAY})

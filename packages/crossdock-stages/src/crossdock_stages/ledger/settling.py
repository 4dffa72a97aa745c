"""What a person does at the desk: look, take, try again, resolve.

Trying again puts the message into the waiting room, due at once; a running line picks it up. It
works from any process that can reach the ledger.
"""

import getpass
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from crossdock.canonical import EntityRef, Hold
from crossdock.canonical.texts import rfc3339
from crossdock.errors import ConfigError
from crossdock.events import Envelope
from crossdock.identity import entity_id, event_id
from sqlalchemy.engine import Connection

from crossdock_stages.book import Book
from crossdock_stages.ledger import desk
from crossdock_stages.ledger.desk import Stuck
from crossdock_stages.ledger.tables import (
    dead_letters,
    desk_log,
    entities,
    exceptions,
    inbox,
    landing,
    outbox,
)

Kind = Literal["exceptions", "dead"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One exception or dead letter as a person sees it."""

    id: str
    kind: Kind
    stage: str
    code: str
    severity: str
    connection: str
    label: str
    """What people call the thing: an order's number."""
    entity_key: str
    message_id: str
    message: str
    suggestion: str
    owner: str
    state: str
    since: float
    resolution: str
    address: str
    body: bytes
    headers: dict[str, str]
    entity_id: str = ""
    held: bool = False
    """News that was held: nothing of it is applied, and its order waits."""


def cases(
    tx: Connection,
    kind: Kind,
    *,
    state: str = "open",
    case_id: str | None = None,
    connection: str | None = None,
    code: str | None = None,
    limit: int = 100_000,
) -> list[Case]:
    """Oldest first."""
    table = exceptions if kind == "exceptions" else dead_letters
    query = sa.select(table)
    if case_id is not None:
        query = query.where(table.c.id == case_id)
    elif state != "all":
        query = query.where(table.c.state == state)
    if connection is not None:
        query = query.where(table.c.connection == connection)
    if code is not None and kind == "exceptions":
        query = query.where(exceptions.c.code == code)
    since = exceptions.c.opened_at if kind == "exceptions" else dead_letters.c.at
    rows = tx.execute(query.order_by(since).limit(limit)).all()
    keys = {row.entity_key for row in rows}
    labels = {
        row.id: row.label
        for row in tx.execute(
            sa.select(entities.c.id, entities.c.label).where(entities.c.id.in_(keys))
        )
    }
    held = _held(tx, [row.message_id for row in rows]) if kind == "exceptions" else set()
    return [
        _case(row._mapping, kind, labels.get(row.entity_key, ""), row.message_id in held)
        for row in rows
    ]


def _held(tx: Connection, message_ids: Sequence[str]) -> set[str]:
    found: set[str] = set()
    for start in range(0, len(message_ids), 500):
        part = message_ids[start : start + 500]
        query = sa.select(inbox.c.event_id).where(
            inbox.c.event_id.in_(part), inbox.c.outcome == "held"
        )
        found.update(tx.execute(query).scalars())
    return found


def _case(row: Any, kind: Kind, label: str, held: bool) -> Case:
    is_exception = kind == "exceptions"
    return Case(
        id=row["id"],
        kind=kind,
        stage=row["stage"],
        code=row["code"] if is_exception else "dead_letter",
        severity=row["severity"] if is_exception else "error",
        connection=row["connection"],
        label=label,
        entity_key=row["entity_key"],
        message_id=row["message_id"],
        message=row["message"] if is_exception else row["reason"],
        suggestion=(
            row["suggestion"]
            if is_exception
            else "Correct the mapping or the sender, then retry; the payload is kept."
        ),
        owner=row["owner"] if is_exception else "",
        state=row["state"],
        since=row["opened_at"] if is_exception else row["at"],
        resolution=row["resolution"],
        address=row["address"],
        body=bytes(row["body"]),
        headers=json.loads(row["headers"]),
        entity_id=row["entity_id"] if is_exception else "",
        held=held,
    )


@dataclass(frozen=True)
class Act:
    """One thing a person did with a case."""

    at: float
    who: str
    what: str
    note: str


def history(tx: Connection, case_id: str) -> list[Act]:
    """Everything people did with this case, oldest first."""
    query = sa.select(desk_log).where(desk_log.c.case_id == case_id).order_by(desk_log.c.seq)
    return [Act(row.at, row.who, row.what, row.note) for row in tx.execute(query)]


def _log(tx: Connection, chosen: Sequence[Case], what: str, note: str, now: float) -> None:
    who = getpass.getuser()
    rows = [
        {"case_id": case.id, "at": now, "who": who, "what": what, "note": note} for case in chosen
    ]
    if rows:
        tx.execute(desk_log.insert(), rows)


def assign(tx: Connection, chosen: Sequence[Case], owner: str, now: float) -> None:
    """Say whose cases these are."""
    ids = [case.id for case in chosen]
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        tx.execute(exceptions.update().where(exceptions.c.id.in_(part)).values(owner=owner))
    _log(tx, chosen, "assign", owner, now)


def resolve(tx: Connection, chosen: Sequence[Case], reason: str, now: float) -> None:
    """Close these with a reason; who did it stands with it.

    An order that waits because of held news goes on: what the news said is not applied.
    """
    _close(tx, chosen, reason, now)
    _log(tx, chosen, "resolve", reason, now)
    for case in chosen:
        if case.held:
            releases = _releases(tx, case, reason, now)
            desk.park(tx, releases, now)


def _releases(tx: Connection, case: Case, reason: str, now: float) -> list[Stuck]:
    """`hold.released` for every reason to wait that this news brought up."""
    facts = tx.execute(sa.select(entities.c.facts).where(entities.c.id == case.entity_key)).scalar()
    book = Book.load(facts or "")
    lane = case.address.rpartition(".")[2]
    moment = datetime.fromtimestamp(now, UTC)
    out = []
    for code in [code for code, hold in book.holds.items() if hold.about == case.entity_id]:
        own = entity_id("crossdock", "hold", f"{case.entity_key}:{code}:{case.message_id}")
        data = Hold(
            id=own,
            order=EntityRef(id=case.entity_key),
            reason=code,
            placed_at=datetime.fromtimestamp(case.since, UTC),
            released_at=moment,
            released_by=getpass.getuser(),
            note=reason,
        )
        envelope = Envelope(
            id=event_id(own, "hold.released", "", str(now)),
            source="crossdock://desk",
            type=f"crossdock.hold.released.v{Hold.major}",
            subject=own,
            key=case.entity_key,
            time=rfc3339(moment),
            connection="crossdock",
            cause=case.message_id,
        )
        out.append(
            Stuck(
                stage="decide",
                message_id=envelope.id,
                connection="crossdock",
                entity_key=own,
                address=f"xd.events.hold.released.{lane}",
                headers=envelope.headers(),
                body=data.dump(),
                code="release",
                reason=f"let go on by {getpass.getuser()}",
                next_at=now,
                place=int(now * 1e6),
            )
        )
    return out


def _close(tx: Connection, chosen: Sequence[Case], reason: str, now: float) -> None:
    note = f"{getpass.getuser()}: {reason}"
    for kind, table in (("exceptions", exceptions), ("dead", dead_letters)):
        ids = [case.id for case in chosen if case.kind == kind]
        if ids:
            tx.execute(
                table.update()
                .where(table.c.id.in_(ids))
                .values(state="resolved", resolved_at=now, resolution=note)
            )


def can_retry(case: Case) -> bool:
    """Not what never was a message, nor what was applied already and waits for a person's word."""
    return bool(case.address) and not (
        case.stage == "decide"
        and case.kind == "exceptions"
        and case.code not in {"unavailable", "rate_limited", "unmatched"}
        and not case.held
    )


def retry(tx: Connection, chosen: Sequence[Case], now: float) -> None:
    """Try these again. They are closed as `retried`, and open again if they fail again.

    ConfigError names a case that cannot be tried again: it never was a message, or it was
    applied already and only waits for a person's word.
    """
    for case in chosen:
        if case.state != "open":
            raise ConfigError(f"{case.id} is {case.state}; only open cases can be tried again")
        if not can_retry(case):
            raise ConfigError(
                f"{case.id} ({case.code}) cannot be tried again: resolve it with a reason"
            )
    for case in chosen:
        seq = tx.execute(sa.select(outbox.c.seq).where(outbox.c.id == case.message_id)).scalar()
        if seq is not None:
            tx.execute(
                outbox.update()
                .where(outbox.c.id == case.message_id)
                .values(state="open", published_at=now, closed_at=None)
            )
        if case.stage == "translate":
            tx.execute(
                landing.update()
                .where(landing.c.id == case.message_id)
                .values(state="landed", settled=False, published_at=now)
            )
        stuck = Stuck(
            stage=case.stage,
            message_id=case.message_id,
            connection=case.connection,
            # decide's queues are those of the news' own entity
            entity_key=case.entity_id if case.held else case.entity_key,
            address=case.address,
            headers=case.headers,
            body=case.body,
            code="retry",
            reason=f"tried again by {getpass.getuser()}",
            next_at=now,
            place=seq or int(now * 1e6),
        )
        desk.park(tx, [stuck], now)
    _close(tx, chosen, "tried again", now)
    _log(tx, chosen, "retry", "", now)

"""The whole journey of one thing, by any of its ids, and the account of everything accepted."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from crossdock_stages.ledger import orders
from crossdock_stages.ledger.finding import all_of, find, landed_about, landed_as, values_of
from crossdock_stages.ledger.tables import (
    cross_references,
    dead_letters,
    effects,
    entities,
    exceptions,
    inbox,
    landing,
    outbox,
    waiting,
)


@dataclass(frozen=True, order=True)
class Step:
    """One thing that happened, or that is still to happen."""

    at: float
    stage: str = field(compare=False)
    what: str = field(compare=False)
    detail: str = field(compare=False)
    id: str = field(compare=False)


@dataclass(frozen=True, kw_only=True)
class Journey:
    """All we know of one reference. `problem` is set when something waits for a person."""

    reference: str
    entity_ids: tuple[str, ...]
    label: str
    names: tuple[tuple[str, str, str], ...]
    """(connection, kind, native id)."""
    steps: tuple[Step, ...]
    open: int
    """Commands not yet answered."""
    waiting: int
    exceptions: int
    dead: int


def journey(tx: Connection, reference: str) -> Journey | None:
    """Everything about what `reference` stands for; None when the ledger knows nothing of it.

    What belongs to an order (its shipments, its commands) is told with it.
    """
    ids = set(find(tx, reference))
    rows = _landing_rows(tx, [*landed_as(tx, reference), *landed_about(tx, ids)])
    if not ids and not rows:
        return None
    ids |= set(all_of(tx, sa.select(inbox.c.entity_id).where(inbox.c.entity_key.in_(ids))))
    keys = ids | set(all_of(tx, sa.select(inbox.c.entity_key).where(inbox.c.entity_id.in_(ids))))
    targets = values_of(tx, outbox.c.connection)
    of_these = sa.and_(outbox.c.connection.in_(targets), outbox.c.entity_key.in_(keys))
    asked = sa.select(outbox.c.entity_id).where(of_these, outbox.c.entity_key.in_(ids))
    ids |= set(all_of(tx, asked))
    found = tx.execute(sa.select(entities).where(entities.c.id.in_(ids))).all()
    commands = tx.execute(
        sa.select(outbox, effects)
        .select_from(outbox.outerjoin(effects, effects.c.command_id == outbox.c.id))
        .where(of_these, outbox.c.entity_id.in_(ids))
    ).all()
    message_ids = {row[1] for row in commands} | {row.id for row in rows}
    message_ids |= set(all_of(tx, sa.select(inbox.c.event_id).where(inbox.c.entity_id.in_(ids))))
    message_ids |= {event for row in rows for event in json.loads(row.events)}

    def of_messages(table: sa.Table) -> Any:
        """As their index has it: which stage, which message."""
        stages = values_of(tx, table.c.stage)
        return sa.and_(table.c.stage.in_(stages), table.c.message_id.in_(message_ids))

    stuck = tx.execute(sa.select(waiting).where(of_messages(waiting))).all()
    desk = tx.execute(
        sa.select(exceptions).where(
            sa.or_(of_messages(exceptions), exceptions.c.entity_id.in_(ids))
        )
    ).all()
    dead = tx.execute(sa.select(dead_letters).where(of_messages(dead_letters))).all()
    steps = [_landed(row) for row in rows]
    for row in tx.execute(sa.select(inbox).where(inbox.c.entity_id.in_(ids))):
        what = f"{row.type} from {row.connection}: {row.outcome}"
        steps.append(Step(row.at, "decide", what, row.reason, row.event_id))
    for at, event_id, found_verdicts in orders.verdicts_of(tx, ids):
        steps += [
            Step(at, "check", f"{one.check}: {one.outcome}", one.reason, event_id)
            for one in found_verdicts
        ]
    for row in commands:
        steps += _command(row._mapping)
    steps += [
        Step(row.next_at, row.stage, _waits(row.attempts), row.reason, row.message_id)
        for row in stuck
    ]
    steps += [
        Step(row.opened_at, row.stage, f"exception {row.code}, {row.state}", row.message, row.id)
        for row in desk
    ]
    steps += [Step(row.at, row.stage, "dead letter", row.reason, row.id) for row in dead]
    names = tx.execute(
        sa.select(
            cross_references.c.connection, cross_references.c.kind, cross_references.c.native_id
        ).where(cross_references.c.canonical_id.in_(ids))
    ).all()
    return Journey(
        reference=reference,
        entity_ids=tuple(sorted(ids)),
        label=next((row.label for row in found if row.kind == "order"), ""),
        names=tuple(sorted((row[0], row[1], row[2]) for row in names)),
        steps=tuple(sorted(steps)),
        open=sum(row._mapping[outbox.c.state] == "open" for row in commands),
        waiting=len(stuck),
        exceptions=sum(row.state == "open" for row in desk),
        dead=len(dead),
    )


def _landing_rows(tx: Connection, ids: Iterable[str]) -> Sequence[Any]:
    columns = (
        landing.c.id,
        landing.c.connection,
        landing.c.topic,
        landing.c.road,
        landing.c.received_at,
        landing.c.state,
        landing.c.reason,
        landing.c.events,
        landing.c.publishes,
    )
    return tx.execute(sa.select(*columns).where(landing.c.id.in_(set(ids)))).all()


def _waits(attempts: int) -> str:
    return f"waits, tried {attempts} times" if attempts else "waits for its turn"


def _landed(row: Any) -> Step:
    again = f", sent {row.publishes} times" if row.publishes > 1 else ""
    return Step(
        row.received_at,
        "intake",
        f"{row.topic} from {row.connection} by {row.road}: {row.state}{again}",
        row.reason,
        row.id,
    )


def _command(row: Any) -> list[Step]:
    target, verb = row[outbox.c.connection], row[outbox.c.type]
    steps = [
        Step(row[outbox.c.created_at], "decide", f"{verb} asked of {target}", "", row[outbox.c.id])
    ]
    if row[effects.c.receipt_at] is not None:
        did = "done" if row[effects.c.changed] else "nothing to do"
        native = f" as {row[effects.c.native_id]}" if row[effects.c.native_id] else ""
        tries = row[effects.c.attempts]
        often = f", {tries} tries" if tries > 1 else ""
        what = f"{verb} at {target}: {did}{native}{often}"
        steps.append(
            Step(row[effects.c.receipt_at], "deliver", what, row[effects.c.note], row[outbox.c.id])
        )
    elif row[effects.c.intent_at] is not None:
        what = f"{verb} at {target}: asked {row[effects.c.attempts]} times, no receipt yet"
        steps.append(Step(row[effects.c.intent_at], "deliver", what, "", row[outbox.c.id]))
    return steps


@dataclass(frozen=True, kw_only=True)
class Account:
    """How much of what was accepted is where. Whether it is all there, `audit` tells, by id."""

    accepted: int
    decided: int
    ignored: int
    dead: int
    in_flight: int
    commands: int
    commands_done: int
    commands_open: int
    commands_exception: int
    commands_dead: int
    events_open: int
    """Events of our own, such as order.submitted, that decide has not seen."""
    waiting: int
    exceptions: int
    dead_letters: int

    @property
    def quiet(self) -> bool:
        """Nothing is on its way and nothing waits."""
        return self.in_flight == self.commands_open == self.events_open == self.waiting == 0


def account(tx: Connection) -> Account:
    """Count by state. `in_flight` rows are looked for by the sweeper until they are settled."""
    rows = tx.execute(
        sa.select(landing.c.state, landing.c.settled, sa.func.count()).group_by(
            landing.c.state, landing.c.settled
        )
    ).all()
    counts = {(state, bool(settled)): number for state, settled, number in rows}
    found = tx.execute(
        sa.select(outbox.c.state, sa.func.count())
        .where(outbox.c.connection != "")
        .group_by(outbox.c.state)
    ).all()
    sends: dict[str, int] = {row[0]: row[1] for row in found}

    def total(table: sa.Table, *where: Any) -> int:
        found = tx.execute(sa.select(sa.func.count()).select_from(table).where(*where)).scalar()
        return int(found or 0)

    return Account(
        accepted=sum(counts.values()),
        decided=counts.get(("translated", True), 0),
        ignored=counts.get(("ignored", True), 0),
        dead=counts.get(("dead", True), 0),
        in_flight=sum(number for (_, settled), number in counts.items() if not settled),
        commands=sum(sends.values()),
        commands_done=sends.get("done", 0),
        commands_open=sends.get("open", 0),
        commands_exception=sends.get("exception", 0),
        commands_dead=sends.get("dead", 0),
        events_open=total(outbox, outbox.c.connection == "", outbox.c.state == "open"),
        waiting=total(waiting),
        exceptions=total(exceptions, exceptions.c.state == "open"),
        dead_letters=total(dead_letters, dead_letters.c.state == "open"),
    )

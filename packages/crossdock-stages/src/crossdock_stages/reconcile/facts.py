"""What owners and channels hold, beside what was decided on from it."""

import json
from collections.abc import Collection, Mapping, Sequence

import sqlalchemy as sa
from crossdock.canonical import Entity, Order, Return
from crossdock.canonical.order import statuses
from crossdock.canonical.returns import return_status
from sqlalchemy.engine import Connection

from crossdock_stages import judgement
from crossdock_stages.book import ZERO, Book
from crossdock_stages.judgement import REQUESTED, SUBMITTED
from crossdock_stages.ledger import things
from crossdock_stages.ledger.tables import exceptions, inbox, outbox, waiting
from crossdock_stages.ledger.tables import landing as landing_table
from crossdock_stages.ledger.things import Known
from crossdock_stages.reconcile.basis import Difference, Repair, Told, label_of
from crossdock_stages.rules import Rules
from crossdock_stages.translate import Meant


def doubtful(tx: Connection, said: Sequence[Meant]) -> tuple[list[Meant], dict[str, Known]]:
    """Those of these records that the ledger does not know as they are, at first sight, and what
    it knows of all of them."""
    known = things.known(tx, [one.subject for one in said])
    unsure = [one for one in said if not _agrees(known.get(one.subject), one.revision, one.data)]
    return unsure, known


def facts(tx: Connection, domain: str, said: Sequence[Told]) -> list[Difference]:
    """What differs of these records, each with what holds its newest news up."""
    known = things.known(tx, [one.envelope.subject for _, one, _ in said])
    differing = [
        (raw, one, data)
        for raw, one, data in said
        if not _agrees(known.get(one.envelope.subject), one.envelope.revision, data)
    ]
    if not differing:
        return []
    causes = _causes(
        tx,
        [one.envelope.subject for _, one, _ in differing],
        [(one.envelope.connection, one.envelope.native) for _, one, _ in differing],
        [one.envelope.id for _, one, _ in differing],
    )
    out = []
    for raw, one, data in differing:
        envelope = one.envelope
        before = known.get(envelope.subject)
        kind = "missing" if before is None else "outdated"
        cause, repair = causes.get(envelope.subject) or _lost(before is None)
        out.append(
            Difference(
                domain=domain,
                kind=kind,
                connection=envelope.connection,
                subject=envelope.subject,
                label=label_of(data, envelope.native),
                there=f"revision {envelope.revision or 'none'}",
                here=f"revision {before.revision or 'none'}" if before else "nothing",
                cause=cause,
                repair=repair,
                raw=raw,
            )
        )
    return out


def _agrees(before: Known | None, revision: str, data: Entity) -> bool:
    return before is not None and (revision < before.revision or _same(before, data))


def _same(before: Known, data: Entity) -> bool:
    """Whether the ledger knows all of it that matters: also how far an order has come."""
    if before.digest != judgement.digest_of(data):
        return False
    if isinstance(data, Return):
        told = json.loads(before.facts).get("status") if before.facts else None
        return told in (None, "kept", return_status(data))
    if not isinstance(data, Order):
        return True
    axes, now = Book.load(before.facts).axes, statuses(data)
    # what was shipped is told by houses; that the channel knows it is no news
    return all(axes.get(axis) in (None, getattr(now, axis)) for axis in ("order", "payment"))


def _lost(never: bool) -> tuple[str, Repair]:
    what = "its news never came" if never else "news of a change never came"
    return f"{what}: a webhook that was not sent, or a poll that left it out", "land"


def _causes(
    tx: Connection,
    subjects: Sequence[str],
    natives: Sequence[tuple[str, str]],
    events: Sequence[str],
) -> dict[str, tuple[str, Repair]]:
    """Subject to what holds its newest news up, where it did come."""
    out: dict[str, tuple[str, Repair]] = {}
    for subject, code in tx.execute(
        sa.select(exceptions.c.entity_id, exceptions.c.code).where(
            exceptions.c.message_id.in_(events), exceptions.c.state == "open"
        )
    ):
        out[subject] = (f"it waits at the exception desk ({code})", "none")
    for key in tx.execute(
        sa.select(waiting.c.entity_key).where(waiting.c.entity_key.in_(subjects))
    ).scalars():
        out[key] = ("it is on its way: it waits", "none")
    ignored = tx.execute(
        sa.select(inbox.c.entity_id, inbox.c.reason).where(
            inbox.c.event_id.in_(events), inbox.c.outcome == "ignored"
        )
    ).all()
    for subject, reason in ignored:
        out[subject] = (f"it was decided against: {reason}", "none")
    keys = {native for _, native in natives}
    rows = tx.execute(
        sa.select(landing_table.c.connection, landing_table.c.entity_key, landing_table.c.state)
        .where(landing_table.c.connection.in_({connection for connection, _ in natives}))
        .where(landing_table.c.entity_key.in_(keys))
        .where(sa.or_(landing_table.c.state == "dead", landing_table.c.settled.is_(False)))
    ).all()
    by_native = dict(zip(natives, subjects, strict=True))
    for connection, key, state in rows:
        subject = by_native.get((connection, key), "")
        if not subject or subject in out:
            continue
        if state == "dead":
            out[subject] = ("its news came and could not be read: a dead letter", "none")
        else:
            out[subject] = ("it is on its way: landed and not yet decided on", "none")
    return out


# how much of an order has left, by its channel and by the houses


def shipped(
    tx: Connection, rules: Rules, said: Sequence[Meant], known: Mapping[str, Known]
) -> list[Difference]:
    """Orders of which the channel shows something else as shipped than the houses told.

    Only where the channel is told of shipments, and only what its own hands do not ship.
    """
    domain = rules.domains.get("fulfillment")
    if domain is None:
        return []
    told = [
        (one, one.data)
        for one in said
        if isinstance(one.data, Order)
        and one.connection in domain.publish_to
        and one.connection not in domain.sources
    ]
    differing = []
    for one, order in told:
        before = known.get(one.subject)
        if before is None or before.state not in _GIVEN:
            continue
        book = Book.load(before.facts)
        lines = [line for line in order.lines if line.line_id in book.lines]
        lines = [line for line in lines if line.line_id not in book.foreign]
        there = sum((line.shipped for line in lines), ZERO)
        here = sum((book.shipped_of(line.line_id) for line in lines), ZERO)
        if any(line.shipped != book.shipped_of(line.line_id) for line in lines):
            differing.append((one, order, there, here))
    if not differing:
        return []
    channel = differing[0][0].connection
    keys = {one.subject for one, *_ in differing}
    states = last_commands(tx, channel, keys, _SHIPMENTS)
    out = []
    for one, order, there, here in differing:
        state = states.get(one.subject, "")
        cause, repair = _not_shown(state, less=there < here)
        out.append(
            Difference(
                domain="orders",
                kind="shipped",
                connection=one.connection,
                subject=one.subject,
                label=label_of(order, one.native),
                there=f"{there} shipped",
                here=f"{here} shipped",
                cause=cause,
                repair=repair,
            )
        )
    return out


_GIVEN = frozenset({REQUESTED, SUBMITTED})
_SHIPMENTS = ("fulfillment.create", "fulfillment.update", "fulfillment.cancel")


def _not_shown(state: str, *, less: bool) -> tuple[str, Repair]:
    if state == "open":
        return "the channel is being told", "none"
    if state == "exception":
        return "the channel refused the shipment; it waits at the exception desk", "none"
    if state == "dead":
        return "its command is a dead letter", "none"
    if less:
        return "the channel took the shipment back, or does not show what it was told", "person"
    return "the channel shows it as shipped, and no house has told of it", "person"


def last_commands(
    tx: Connection, target: str, keys: Collection[str], types: Sequence[str]
) -> dict[str, str]:
    """Entity to the state of the newest command of these types in its queue at the target."""
    rows = tx.execute(
        sa.select(outbox.c.entity_key, outbox.c.state)
        .where(outbox.c.connection == target, outbox.c.entity_key.in_(keys))
        .where(outbox.c.type.in_(types))
        .order_by(outbox.c.seq)
    )
    return {row.entity_key: row.state for row in rows}

"""RECONCILE: what systems hold, beside what the ledger knows; every difference with its cause.

    facts      what an owner holds now, beside what was decided on from it
    offers     what a channel shows as stock, beside what it was told
    executed   orders that the executing system should hold, beside what it does

A repair is one of three: `land` (the owner's record goes through the line as if it had come by
itself; deterministic ids make a repetition harmless), `tell` (the channel is told again), `person`
(a case on the exception desk). Nothing is repaired here: `plan` shows, `apply` does.
"""

import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

import sqlalchemy as sa
from crossdock.canonical import Entity, InventoryLevel, Order
from crossdock.canonical.order import statuses
from crossdock.connector import Connector, Ignore, Snapshots, Window
from crossdock.errors import ContractError
from crossdock.events import EVENT_TYPES, Raw
from crossdock.identity import digest, fingerprint
from sqlalchemy.engine import Connection

from crossdock_stages import judgement, recovery
from crossdock_stages.book import Book
from crossdock_stages.judgement import NOT_TAKEN
from crossdock_stages.judgement.basis import CANCELLED
from crossdock_stages.ledger import Ledger, desk, landing, stockbook, things
from crossdock_stages.ledger.desk import Stuck
from crossdock_stages.ledger.landing import Landed
from crossdock_stages.ledger.tables import (
    cross_references,
    entities,
    exceptions,
    inbox,
    offers,
    outbox,
    waiting,
)
from crossdock_stages.ledger.tables import landing as landing_table
from crossdock_stages.ledger.things import Known
from crossdock_stages.rules import Domain, Rules
from crossdock_stages.translate import Said, say

PAGE = 500
ROAD = "reconcile"
KINDS: Mapping[str, str] = {
    "orders": "order",
    "inventory": "inventory",
    "fulfillment": "fulfillment",
}
"""The domains that can be compared, and the kind of entity that is asked for."""

Repair = Literal["land", "tell", "person", "none"]


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One thing on which a system and the ledger disagree.

    `kind` is the class of difference, `cause` why it probably came about; `raw` is what would be
    landed.
    """

    domain: str
    kind: str
    connection: str
    subject: str
    label: str
    there: str
    here: str
    cause: str
    repair: Repair
    raw: Raw | None = field(default=None, repr=False)


@dataclass
class Report:
    """What one comparison found."""

    domain: str
    compared: int = 0
    equal: int = 0
    differences: list[Difference] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """Who could not be asked, and why."""

    def classes(self) -> dict[str, int]:
        """How many of each class."""
        return dict(Counter(one.kind for one in self.differences))


async def compare(
    domain: str,
    rules: Rules,
    ports: Mapping[str, object],
    connectors: Mapping[str, Connector],
    ledger: Ledger,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Report:
    """Compare one domain; writes nothing. A window limits orders and shipments, never stock."""
    table = rules.domains[domain]
    report = Report(domain)
    kind = KINDS[domain]
    window = Window(kind=kind, since=since, until=until)
    for name in table.sources:
        port = ports.get(name)
        if not isinstance(port, Snapshots):
            report.skipped.append(f"{name} cannot say what it holds (port Snapshots)")
            continue
        async for page in _pages(port.snapshot(window)):
            said = _read(name, connectors[name], page, report)
            found = await ledger.read(lambda tx, s=said: _facts(tx, domain, s))  # type: ignore[misc]
            _count(report, len(said), found)
    if domain == "inventory" and rules.keeps_stock:
        for name in table.publish_to:
            port = ports.get(name)
            if name in rules.channels and isinstance(port, Snapshots):
                async for page in _pages(port.snapshot(window)):
                    said = _read(name, connectors[name], page, report)
                    found = await ledger.read(lambda tx, s=said, n=name: _told(tx, n, s))  # type: ignore[misc]
                    _count(report, len(said), found)
    if domain == "orders":
        await _executed(report, table, ports, ledger, window)
    return report


def _count(report: Report, compared: int, found: Sequence[Difference]) -> None:
    report.compared += compared
    report.equal += compared - len(found)
    report.differences += found


async def _pages(records: AsyncIterator[Raw]) -> AsyncIterator[list[Raw]]:
    page: list[Raw] = []
    async for raw in records:
        page.append(raw)
        if len(page) >= PAGE:
            yield page
            page = []
    if page:
        yield page


Read = tuple[Raw, Said, Entity]


def _read(name: str, connector: Connector, page: Sequence[Raw], report: Report) -> list[Read]:
    out: list[Read] = []
    for raw in page:
        try:
            said = say(name, connector, raw, source="", mode="")
        except Ignore:
            continue
        except ContractError as error:
            report.compared += 1
            report.differences.append(
                Difference(
                    domain=report.domain,
                    kind="unreadable",
                    connection=name,
                    subject=raw.key,
                    label=raw.key,
                    there=str(error)[:500],
                    here="",
                    cause="its record cannot be mapped",
                    repair="person",
                )
            )
            continue
        for one in said:
            model = EVENT_TYPES[one.envelope.name]
            if one.envelope.kind == KINDS[report.domain]:
                out.append((raw, one, model.parse(one.body)))
    return out


# what owners hold, beside what was decided


def _facts(tx: Connection, domain: str, said: Sequence[Read]) -> list[Difference]:
    subjects = [one.envelope.subject for _, one, _ in said]
    known = things.known(tx, subjects)
    natives = [(one.envelope.connection, one.envelope.native) for _, one, _ in said]
    causes = _causes(tx, subjects, natives, [one.envelope.id for _, one, _ in said])
    out = []
    for raw, one, data in said:
        envelope = one.envelope
        before = known.get(envelope.subject)
        if before is not None and (envelope.revision < before.revision or _same(before, data)):
            continue
        kind = "missing" if before is None else "outdated"
        cause, repair = causes.get(envelope.subject) or _lost(before is None)
        out.append(
            Difference(
                domain=domain,
                kind=kind,
                connection=envelope.connection,
                subject=envelope.subject,
                label=_label(data, envelope.native),
                there=f"revision {envelope.revision or 'none'}",
                here=f"revision {before.revision or 'none'}" if before else "nothing",
                cause=cause,
                repair=repair,
                raw=raw,
            )
        )
    return out


def _same(before: Known, data: Entity) -> bool:
    """Whether the ledger knows all of it that matters: also how far an order has come."""
    if before.digest != judgement.digest_of(data):
        return False
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


# what channels show, beside what they were told


def _told(tx: Connection, channel: str, said: Sequence[Read]) -> list[Difference]:
    spots = {(data.sku, data.location) for _, _, data in said if isinstance(data, InventoryLevel)}
    rows = tx.execute(
        sa.select(offers, outbox.c.state)
        .select_from(offers.outerjoin(outbox, outbox.c.id == offers.c.command_id))
        .where(offers.c.channel == channel, offers.c.sku.in_(sorted({sku for sku, _ in spots})))
    )
    told = {(row.sku, row.location): row for row in rows}
    out = []
    for _, one, data in said:
        if not isinstance(data, InventoryLevel) or data.sellable is None:
            continue
        row = told.get((data.sku, data.location))
        if row is None or not row.told or str(data.sellable.normalize()) == _plain(row.told):
            continue
        under_way = row.state == "open" or row.dirty
        out.append(
            Difference(
                domain="inventory",
                kind="shown",
                connection=channel,
                subject=one.envelope.subject,
                label=f"{data.sku} at {data.location}",
                there=f"{data.sellable}",
                here=f"{row.told}",
                cause="the newest figure is on its way"
                if under_way
                else "somebody changed it there, or a sale of its own has not arrived",
                repair="none" if under_way else "tell",
            )
        )
    return out


def _plain(text: str) -> str:
    return str(Decimal(text).normalize())


# what the executing system holds, beside what it was given


async def _executed(
    report: Report, table: Domain, ports: Mapping[str, object], ledger: Ledger, window: Window
) -> None:
    targets = {table.execute, *(one.execute for one in table.overrides)} - {None}
    for target in sorted(str(name) for name in targets):
        port = ports.get(target)
        if not isinstance(port, Snapshots):
            report.skipped.append(f"{target} cannot say what it holds (port Snapshots)")
            continue
        held: set[str] = set()
        async for raw in port.snapshot(window):
            held |= {raw.key, raw.delivery_id, _native(raw)}
        found, compared = await ledger.read(
            lambda tx, t=target, h=held: _missing_there(tx, t, h, window)  # type: ignore[misc]
        )
        _count(report, compared, found)


def _native(raw: Raw) -> str:
    """What the system calls the record itself, where its body is an object with an id."""
    body = raw.body
    return str(body.get("id", "")) if isinstance(body, dict) else ""


def _missing_there(
    tx: Connection, target: str, held: set[str], window: Window
) -> tuple[list[Difference], int]:
    since = window.since.timestamp() if window.since else 0.0
    until = window.until.timestamp() if window.until else time.time() + 60
    rows = tx.execute(
        sa.select(
            outbox.c.entity_id,
            outbox.c.state,
            entities.c.label,
            entities.c.state.label("stands"),
            cross_references.c.native_id,
        )
        .select_from(outbox)
        .join(entities, entities.c.id == outbox.c.entity_id)
        .outerjoin(
            cross_references,
            sa.and_(
                cross_references.c.canonical_id == outbox.c.entity_id,
                cross_references.c.connection == target,
                cross_references.c.kind == "order",
            ),
        )
        .where(outbox.c.type == "order.create", outbox.c.connection == target)
        .where(outbox.c.created_at >= since, outbox.c.created_at < until)
    ).all()
    out = []
    for row in rows:
        if row.stands in {CANCELLED, NOT_TAKEN}:
            continue
        if row.native_id in held or row.entity_id in held:
            continue
        cause, repair = _why_not_there(row.state, row.native_id, target)
        out.append(
            Difference(
                domain="orders",
                kind="not_executed" if row.native_id is None else "vanished",
                connection=target,
                subject=row.entity_id,
                label=row.label,
                there="nothing",
                here=f"given as {row.native_id}" if row.native_id else f"asked, {row.state}",
                cause=cause,
                repair=repair,
            )
        )
    return out, len(rows)


def _why_not_there(state: str, native: str | None, target: str) -> tuple[str, Repair]:
    if state == "open":
        return "it is on its way", "none"
    if state == "exception":
        return f"{target} refused it; it waits at the exception desk", "none"
    if state == "dead":
        return "its command is a dead letter", "none"
    if native is None:
        return f"{target} answered without a name for it", "person"
    return (
        f"{target} had it as {native}; it was deleted there, or lies outside the window",
        "person",
    )


def _label(data: Entity, native: str) -> str:
    if isinstance(data, InventoryLevel):
        return f"{data.sku} at {data.location}"
    return str(getattr(data, "number", None) or native)


# repairs


def apply(tx: Connection, report: Report, now: float) -> dict[str, int]:
    """Do what the plan says; how many of each repair. Doing it twice does no harm."""
    rows = [
        Landed(
            id=landing.new_id(now),
            connection=one.connection,
            topic=one.raw.topic,
            entity_key=one.raw.key,
            delivery_id=f"{ROAD}:{fingerprint(one.raw.data)}",
            road=ROAD,
            headers=one.raw.headers,
            body=one.raw.data,
            received_at=now,
        )
        for one in report.differences
        if one.repair == "land" and one.raw is not None
    ]
    landed = sum(verdict == "new" for _, verdict in landing.land(tx, rows)) if rows else 0
    told = 0
    for channel in {one.connection for one in report.differences if one.repair == "tell"}:
        spots = [
            (sku, place)
            for one in report.differences
            if one.repair == "tell" and one.connection == channel
            for sku, _, place in [one.label.rpartition(" at ")]
        ]
        told += stockbook.forget_told(tx, channel, spots)
    cases = [_case(one) for one in report.differences if one.repair == "person"]
    desk.open_exceptions(tx, cases, now)
    return {"land": landed, "tell": told, "person": len(cases)}


def _case(one: Difference) -> tuple[Stuck, str, str]:
    stuck = Stuck(
        stage=ROAD,
        message_id=digest(one.domain, one.kind, one.connection, one.subject),
        connection=one.connection,
        entity_key=one.subject,
        entity_id=one.subject,
        address="",
        headers={},
        body=b"",
        code=f"reconcile_{one.kind}",
        reason=f"{one.label} at {one.connection}: there {one.there}, here {one.here}; {one.cause}",
    )
    suggestion = recovery.SUGGESTIONS.get(
        f"reconcile_{one.kind}", recovery.SUGGESTIONS["unsupported"]
    )
    return stuck, "warning", suggestion

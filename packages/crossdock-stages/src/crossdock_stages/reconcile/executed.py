"""Orders at the executing system, beside what it was asked: missing, doubled, of other content."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from crossdock.canonical import Order
from crossdock.canonical.order import statuses
from crossdock.connector import Connector, Ignore, Snapshots, Window
from crossdock.errors import ContractError
from crossdock.events import Raw
from sqlalchemy.engine import Connection

from crossdock_stages.book import ZERO, Book
from crossdock_stages.judgement import CANCELLED, NOT_TAKEN
from crossdock_stages.judgement.checks import rounding
from crossdock_stages.ledger import Ledger, things
from crossdock_stages.ledger.tables import cross_references, entities, outbox
from crossdock_stages.ledger.things import Known
from crossdock_stages.reconcile.basis import PAGE, Difference, Repair, Report, count, pages
from crossdock_stages.rules import Domain
from crossdock_stages.translate import meant


@dataclass
class _Held:
    """What one system holds, by every name it is known by."""

    names: set[str] = field(default_factory=set)
    differences: list[Difference] = field(default_factory=list)


async def executed(
    report: Report,
    table: Domain,
    ports: Mapping[str, object],
    connectors: Mapping[str, Connector],
    ledger: Ledger,
    window: Window,
) -> None:
    """Compare each system that executes orders."""
    targets = {table.execute, *(one.execute for one in table.overrides)} - {None}
    for target in sorted(str(name) for name in targets):
        port = ports.get(target)
        if not isinstance(port, Snapshots):
            report.skipped.append(f"{target} cannot say what it holds (port Snapshots)")
            continue
        held = _Held()
        async for page in pages(port.snapshot(window)):
            orders = [_order(target, connectors[target], raw, held) for raw in page]
            there = [one for one in orders if one is not None]
            held.differences += await ledger.read(
                lambda tx, o=there, t=target: _contents(tx, t, o)  # type: ignore[misc]
            )
        found, compared = await ledger.read(
            lambda tx, t=target, h=held.names: missing(tx, t, h, window)  # type: ignore[misc]
        )
        count(report, compared, [*held.differences, *found])


def _order(target: str, connector: Connector, raw: Raw, held: _Held) -> tuple[str, Order] | None:
    """The record as an order with its native id. What is no order of ours may be unreadable."""
    body = raw.body
    native = str(body.get("id", "")) if isinstance(body, dict) else ""
    held.names |= {raw.key, raw.delivery_id, native}
    try:
        facts = meant(target, connector, raw)
    except (Ignore, ContractError):
        return None
    for one in facts:
        if isinstance(one.data, Order):
            held.names.add(one.native)
            return one.native, one.data
    return None


# of other content, or there twice


def _contents(tx: Connection, target: str, orders: Sequence[tuple[str, Order]]) -> list[Difference]:
    names = {(target, "order", native) for native, _ in orders}
    ours = {native: own for (_, _, native), own in things.aliases(tx, names).items()}
    known = things.known(tx, ours.values())
    strangers = [(n, o) for n, o in orders if n not in ours and o.cancelled_at is None]
    out = _doubled(tx, target, strangers)
    differing: list[tuple[Known, str, str]] = []
    for native, order in orders:
        before = known.get(ours.get(native, ""))
        differs = _differs(before, order) if before is not None else None
        if before is not None and differs is not None:
            differing.append((before, *differs))
    if not differing:
        return out
    states = _asked(tx, target, [one.id for one, _, _ in differing])
    for before, there, here in differing:
        cause, repair = _why_different(before, states.get(before.id, {}), target, there)
        out.append(_difference("differs", target, before, there, here, cause, repair))
    return out


def _differs(before: Known, order: Order) -> tuple[str, str] | None:
    """(there, here), where what matters of a given order is not the same."""
    if before.state == NOT_TAKEN:
        return None
    cancelled = statuses(order).order == "cancelled"
    if before.state == CANCELLED:
        return None if cancelled else ("open", "cancelled")
    if cancelled:
        return "cancelled", "open"
    book = Book.load(before.facts)
    if order.currency != book.currency:
        return f"in {order.currency}", f"in {book.currency}"
    here: dict[str, Decimal] = {}
    parts = {sku for line in book.lines.values() for sku in line.skus[1:]}
    for line in book.lines.values():
        sku = line.skus[0] if line.skus else ""
        if sku and len(line.skus) == 1 and sku not in parts:
            here[sku] = here.get(sku, ZERO) + line.ordered - line.cancelled
    there = dict.fromkeys(here, ZERO)
    for one in order.lines:
        if one.sku in there:
            there[one.sku] += one.ordered - one.cancelled
    if here == there:
        return _total_differs(book, order)
    skus = [sku for sku in here if here[sku] != there[sku]]
    return (
        ", ".join(f"{there[sku]} of {sku}" for sku in skus),
        ", ".join(f"{here[sku]} of {sku}" for sku in skus),
    )


def _total_differs(book: Book, order: Order) -> tuple[str, str] | None:
    """The money, where the goods are the same; rounding as the check of taxes allows it."""
    total = order.totals.total.amount
    if book.total is None or abs(total - book.total) <= rounding(order):
        return None
    return f"a total of {total} {order.currency}", f"a total of {book.total} {book.currency}"


def _asked(tx: Connection, target: str, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Order to the state of the newest command of each type."""
    out: dict[str, dict[str, str]] = {}
    for own, verb, state in tx.execute(
        sa.select(outbox.c.entity_id, outbox.c.type, outbox.c.state)
        .where(outbox.c.connection == target, outbox.c.entity_key.in_(ids))  # has an index
        .where(outbox.c.entity_id.in_(ids))
        .order_by(outbox.c.seq)
    ):
        out.setdefault(own, {})[verb] = state
    return out


def _why_different(
    before: Known, states: Mapping[str, str], target: str, there: str
) -> tuple[str, Repair]:
    if Book.load(before.facts).holds:
        return "the order is held here: what changed is kept until it goes on", "none"
    verb = "order.cancel" if before.state == CANCELLED else "order.update"
    state = states.get(verb, "")
    if state == "open":
        return f"it is on its way: {target} is being told", "none"
    if state == "exception":
        return f"{target} refused the change; it waits at the exception desk", "none"
    if state == "dead":
        return "its command is a dead letter", "none"
    if before.state == CANCELLED and not state:
        return f"{target} could not be asked to cancel it", "person"
    if there == "cancelled":
        return f"it was cancelled by hand at {target}", "person"
    return f"it was changed by hand at {target}", "person"


def _doubled(
    tx: Connection, target: str, strangers: Sequence[tuple[str, Order]]
) -> list[Difference]:
    """Records nobody here knows that carry the number of an order that is there already."""
    by_number = {order.number: native for native, order in strangers}
    if not by_number:
        return []
    rows = tx.execute(
        sa.select(entities, cross_references.c.native_id.label("given"))
        .select_from(entities)
        .join(
            cross_references,
            sa.and_(
                cross_references.c.canonical_id == entities.c.id,
                cross_references.c.connection == target,
                cross_references.c.kind == "order",
            ),
        )
        .where(entities.c.kind == "order", entities.c.label.in_(by_number))
        .where(entities.c.connection != target)
    )
    return [
        _difference(
            "doubled",
            target,
            row,
            f"{row.given} and {by_number[row.label]}",
            f"given as {row.given}",
            f"somebody entered it at {target} a second time",
            "person",
        )
        for row in rows
    ]


# not there


def missing(
    tx: Connection,
    target: str,
    held: set[str],
    window: Window,
    *,
    domain: str = "orders",
    of: str = "order",
) -> tuple[list[Difference], int]:
    """What the target was asked to create and does not hold by any of these names; and of how
    many."""
    out: list[Difference] = []
    compared, after = 0, ("", 0)
    place = sa.tuple_(outbox.c.entity_key, outbox.c.seq)  # as the index has them
    while True:
        page = _given(target, window, of).where(place > sa.tuple_(*after)).limit(PAGE * 10)
        rows = tx.execute(page).all()
        compared += len(rows)
        for row in rows:
            after = (row.entity_key, row.seq)
            if row.stands in {CANCELLED, NOT_TAKEN}:
                continue
            if row.native_id in held or row.id in held:
                continue
            cause, repair = _why_not_there(row.state, row.native_id, target)
            kind = "vanished"
            if row.native_id is None:
                kind = "not_executed" if of == "order" else "not_booked"
            here = f"given as {row.native_id}" if row.native_id else f"asked, {row.state}"
            told = _difference(kind, target, row, "nothing", here, cause, repair)
            out.append(replace(told, domain=domain))
        if len(rows) < PAGE * 10:
            return out, compared


def _given(target: str, window: Window, of: str) -> "sa.Select[tuple[Any, ...]]":
    since = window.since.timestamp() if window.since else 0.0
    until = window.until.timestamp() if window.until else time.time() + 60
    return (
        sa.select(
            outbox.c.seq,
            outbox.c.entity_key,
            outbox.c.entity_id.label("id"),
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
                cross_references.c.kind == of,
            ),
        )
        .where(outbox.c.type == f"{of}.create", outbox.c.connection == target)
        .where(outbox.c.created_at >= since, outbox.c.created_at < until)
        .order_by(outbox.c.entity_key, outbox.c.seq)
    )


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


def _difference(
    kind: str, target: str, order: Any, there: str, here: str, cause: str, repair: Repair
) -> Difference:
    return Difference(
        domain="orders",
        kind=kind,
        connection=target,
        subject=order.id,
        label=order.label,
        there=there,
        here=here,
        cause=cause,
        repair=repair,
    )

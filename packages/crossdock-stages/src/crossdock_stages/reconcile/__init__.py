"""RECONCILE: what systems hold, beside what the ledger knows; every difference with its cause.

    facts      what an owner holds now, beside what was decided on from it; how much of an order has
               left, by its channel and by the houses
    shown      what a channel shows as stock, beside what it was told; what another system has
               booked, beside what the owner holds
    executed   orders that the executing system should hold, beside what it does
    booked     the same of returns, refunds, payments and statements, at who books or pays them

A repair is one of three: `land` (the owner's record goes through the line as if it had come by
itself; deterministic ids make a repetition harmless), `tell` (the owner's word is told again),
`person` (a case on the exception desk). Nothing is repaired here: `compare` shows, `apply` does.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime

from crossdock.canonical import InventoryLevel
from crossdock.connector import Connector, Snapshots, Window
from crossdock.errors import RejectedError
from crossdock.events import Raw

from crossdock_stages.ledger import Ledger
from crossdock_stages.reconcile.basis import (
    KINDS,
    ROAD,
    Difference,
    Report,
    count,
    pages,
    read,
    tell,
)
from crossdock_stages.reconcile.booked import asked_in, booked
from crossdock_stages.reconcile.executed import executed
from crossdock_stages.reconcile.facts import doubtful, facts, shipped
from crossdock_stages.reconcile.repairs import apply
from crossdock_stages.reconcile.shown import Figures, copied, shown, unlisted
from crossdock_stages.rules import Domain, Rules
from crossdock_stages.stock import Spot
from crossdock_stages.translate import Meant

__all__ = ["KINDS", "ROAD", "Difference", "Report", "apply", "compare"]


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
    windows = [Window(kind=kind, since=since, until=until) for kind in KINDS[domain]]
    window = windows[0]
    copies = _copies(table, rules, ports) if domain == "inventory" else []
    owners: dict[Spot, Figures] = {}
    for name in table.sources:
        port = ports.get(name)
        if not isinstance(port, Snapshots):
            report.skipped.append(f"{name} cannot say what it holds (port Snapshots)")
            continue
        asked = [one for one in windows if _counts(name, one.kind, domain, rules)]
        async for page in _told(report, name, port, *asked):
            said = read(name, connectors[name], page, report)
            unsure, known = await ledger.read(lambda tx, s=said: doubtful(tx, s))  # type: ignore[misc]
            told = tell(connectors[name], unsure, report)
            found = await ledger.read(lambda tx, t=told: facts(tx, domain, t)) if told else []  # type: ignore[misc]
            if domain == "orders":
                there = {one.subject for one in found}
                rest = [one for one in said if one.subject not in there]
                found += await ledger.read(lambda tx, s=rest, k=known: shipped(tx, rules, s, k))  # type: ignore[misc]
            if copies:  # where the owner's own news has not come, its copies cannot be right
                gone = {one.subject for one in found}
                owners |= _figures([one for one in said if one.subject not in gone])
            count(report, len(said), found)
    if domain == "inventory" and rules.keeps_stock:
        for name in table.publish_to:
            port = ports.get(name)
            if name in rules.channels and isinstance(port, Snapshots):
                await _channel(report, name, port, connectors[name], ledger, window)
    for name, port in copies:
        async for page in _told(report, name, port, window):
            said = read(name, connectors[name], page, report)
            found = await ledger.read(
                lambda tx, s=said, n=name: copied(tx, n, s, owners)  # type: ignore[misc]
            )
            count(report, len(said), found)
    if domain == "orders":
        await executed(report, table, ports, connectors, ledger, window)
    if domain in {"returns", "payments", "settlement"}:
        asked_for = asked_in(domain, rules)
        await booked(report, asked_for, ports, connectors, ledger, since=since, until=until)
    return report


def _counts(name: str, kind: str, domain: str, rules: Rules) -> bool:
    """Whether its word on this kind is compared here: a channel's on refunds only where payment
    services leave it a word, and theirs is compared with the payments."""
    if domain != "returns" or kind != "refund" or not rules.payers:
        return True
    return name in rules.refund_for


async def _told(
    report: Report, name: str, port: Snapshots, *windows: Window
) -> AsyncIterator[list[Raw]]:
    """What it holds, page by page; a word in the report where it refuses to say that at all."""
    for window in windows:
        begun = False
        try:
            async for page in pages(port.snapshot(window)):
                begun = True
                yield page
        except RejectedError as error:
            if begun:  # half of it is worse than nothing
                raise
            report.skipped.append(f"{name} cannot say what it holds: {error.message}")


def _copies(
    table: Domain, rules: Rules, ports: Mapping[str, object]
) -> list[tuple[str, Snapshots]]:
    """Systems that are told of stock and sell nothing: the ERP, where a warehouse owns it."""
    there = [(name, ports.get(name)) for name in table.publish_to if name not in rules.channels]
    return [(name, port) for name, port in there if isinstance(port, Snapshots)]


def _figures(said: Sequence[Meant]) -> dict[Spot, Figures]:
    return {
        (data.sku, data.location): (one.subject, data.sellable, data.on_hand)
        for one in said
        if isinstance(data := one.data, InventoryLevel) and data.sellable is not None
    }


async def _channel(
    report: Report,
    name: str,
    port: Snapshots,
    connector: Connector,
    ledger: Ledger,
    window: Window,
) -> None:
    """What one channel shows, and what it does not show at all."""
    seen: set[Spot] = set()
    async for page in pages(port.snapshot(window)):
        said = read(name, connector, page, report)
        levels = [one.data for one in said if isinstance(one.data, InventoryLevel)]
        seen |= {(level.sku, level.location) for level in levels}
        found = await ledger.read(lambda tx, s=said: shown(tx, name, s))  # type: ignore[misc]
        count(report, len(said), found)
    gone = await ledger.read(lambda tx: unlisted(tx, name, seen))
    count(report, len(gone), gone)

"""Returns, refunds and statements at the system that books them, beside what it was asked."""

from collections.abc import Mapping
from datetime import datetime

from crossdock.connector import Connector, Ignore, Snapshots, Window
from crossdock.errors import ContractError, RejectedError
from crossdock.events import Raw

from crossdock_stages.ledger import Ledger
from crossdock_stages.reconcile.basis import KINDS, Report, count, pages
from crossdock_stages.reconcile.executed import missing
from crossdock_stages.rules import Domain
from crossdock_stages.translate import meant


async def booked(
    report: Report,
    table: Domain,
    ports: Mapping[str, object],
    connectors: Mapping[str, Connector],
    ledger: Ledger,
    *,
    since: datetime | None,
    until: datetime | None,
) -> None:
    """Compare each system that books them; only whether it has what it was asked to book."""
    targets = {table.execute, *(one.execute for one in table.overrides)} - {None}
    for target in sorted(str(name) for name in targets):
        port = ports.get(target)
        if not isinstance(port, Snapshots):
            report.skipped.append(f"{target} cannot say what it holds (port Snapshots)")
            continue
        for kind in KINDS[report.domain]:
            window = Window(kind=kind, since=since, until=until)
            held: set[str] = set()
            try:
                async for page in pages(port.snapshot(window)):
                    for raw in page:
                        held |= _names(target, connectors[target], raw)
            except RejectedError as error:
                report.skipped.append(f"{target} cannot say what it holds: {error.message}")
                continue
            found, compared = await ledger.read(
                lambda tx, t=target, h=held, k=kind, w=window: missing(  # type: ignore[misc]
                    tx, t, h, w, domain=report.domain, of=k
                )
            )
            count(report, compared, found)


def _names(target: str, connector: Connector, raw: Raw) -> set[str]:
    """Every name by which one of its records may be known."""
    body = raw.body
    native = str(body.get("id", "")) if isinstance(body, dict) else ""
    try:
        told = {one.native for one in meant(target, connector, raw)}
    except (Ignore, ContractError):  # what is no record of ours need not be readable
        told = set()
    return {raw.key, raw.delivery_id, native, *told} - {""}

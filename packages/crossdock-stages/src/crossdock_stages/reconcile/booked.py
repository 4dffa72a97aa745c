"""Returns, refunds, payments and statements at who books or pays them, beside what was asked."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from crossdock.connector import Connector, Ignore, Snapshots, Window
from crossdock.errors import ContractError, RejectedError
from crossdock.events import Raw

from crossdock_stages.ledger import Ledger
from crossdock_stages.reconcile.basis import KINDS, Report, count, pages
from crossdock_stages.reconcile.executed import missing
from crossdock_stages.rules import Domain, Rules
from crossdock_stages.translate import meant

Asked = Sequence[tuple[str, tuple[str, ...]]]
"""Who was asked to create things of which kinds."""


def asked_in(domain: str, rules: Rules) -> Asked:
    """Who books what in this domain; of payments also who is asked to pay refunds."""
    if domain != "payments":
        return [(target, KINDS[domain]) for target in _booking(rules.domains[domain])]
    books = _booking(rules.domains["orders"]) if "orders" in rules.domains else ()
    return [
        *((one, ("refund",)) for one in rules.able(rules.payers, "refund.create")),
        *((one, ("payment",)) for one in rules.able(books, "payment.create")),
    ]


def _booking(table: Domain) -> Iterator[str]:
    targets = {table.execute, *(one.execute for one in table.overrides)} - {None}
    yield from sorted(str(name) for name in targets)


async def booked(
    report: Report,
    asked: Asked,
    ports: Mapping[str, object],
    connectors: Mapping[str, Connector],
    ledger: Ledger,
    *,
    since: datetime | None,
    until: datetime | None,
) -> None:
    """Compare each of them; only whether it has what it was asked to create."""
    for target, kinds in asked:
        port = ports.get(target)
        if not isinstance(port, Snapshots):
            report.skipped.append(f"{target} cannot say what it holds (port Snapshots)")
            continue
        for kind in kinds:
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

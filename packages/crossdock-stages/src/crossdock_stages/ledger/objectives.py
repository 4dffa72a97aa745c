"""How soon others knew: the latency objectives of the domains, measured from the ledger."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from crossdock import jsontext
from sqlalchemy.engine import Connection

from crossdock_stages.book import Book
from crossdock_stages.ledger.tables import effects, entities, inbox, landing, outbox
from crossdock_stages.rules import DOMAINS, Domain, Rules

NEWEST = 10_000
"""So many commands are looked at, the newest."""
_PAGE = 500


@dataclass(frozen=True, kw_only=True)
class Measured:
    """How one domain did. Seconds from the landing of the news to the target's receipt."""

    domain: str
    objective_s: float | None
    """Of the domain; its parts may have others."""
    count: int
    p50_s: float
    p95_s: float
    within: float | None
    """Share of commands within the objective of their part, 0 to 1; None without an objective."""


def measure(tx: Connection, rules: Rules, *, since: float) -> list[Measured]:
    """Each domain that told somebody something after `since` (epoch seconds)."""
    parted = {name for name, one in rules.domains.items() if _parted(one)}
    took: dict[str, list[tuple[float, float | None]]] = {}
    rows = tx.execute(
        sa.select(
            outbox.c.type,
            outbox.c.connection,
            outbox.c.entity_key,
            outbox.c.body if parted else sa.literal(b"").label("body"),
            inbox.c.connection.label("speaker"),
            (effects.c.receipt_at - landing.c.received_at).label("seconds"),
        )
        .select_from(outbox)
        .join(effects, effects.c.command_id == outbox.c.id)
        .join(inbox, inbox.c.event_id == outbox.c.cause)
        .join(landing, landing.c.id == inbox.c.landing_id)
        .where(outbox.c.connection != "", outbox.c.created_at >= since)
        .where(effects.c.receipt_at.is_not(None), landing.c.mode == "")
        .order_by(outbox.c.seq.desc())
        .limit(NEWEST)
    ).all()
    domains = [_domain_of(row, rules) for row in rows]
    some = [row for row, name in zip(rows, domains, strict=True) if name in parted]
    orders = _orders(tx, {row.entity_key for row in some})
    for row, name in zip(rows, domains, strict=True):
        domain = rules.domains.get(name)
        if domain is None:
            continue
        part = _part(rules, domain, row, orders) if name in parted else domain
        took.setdefault(name, []).append((max(0.0, float(row.seconds)), part.latency_s))
    return [
        _measured(name, rules, sorted(took[name], key=lambda one: one[0]))
        for name in rules.domains
        if name in took
    ]


def _domain_of(row: Any, rules: Rules) -> str:
    if row.type == "refund.create" and row.connection in rules.payers:
        return "payments"  # there it is paid; where it is only booked, it is one of the returns
    return DOMAINS.get(row.type.partition(".")[0], "")


def _parted(domain: Domain) -> bool:
    return any(one.latency_s is not None for one in domain.overrides)


def _part(rules: Rules, domain: Domain, row: Any, orders: Mapping[str, tuple[str, str]]) -> Domain:
    """The part of the domain that a command is of: as decide finds it, of its order or its place;
    stock is of the channel that is told."""
    document = jsontext.parse(bytes(row.body))
    place = document.get("location") if isinstance(document, dict) else None
    sold, region = orders.get(row.entity_key, ("", ""))
    channel = sold or next(
        (one for one in (row.connection, row.speaker) if one in rules.channels), None
    )
    return domain.part(location=place, channel=channel, region=region or rules.region_at(place))


def _orders(tx: Connection, keys: Iterable[str]) -> Mapping[str, tuple[str, str]]:
    """Order to the channel that sold it and the region it goes to."""
    ordered = sorted(keys)
    out: dict[str, tuple[str, str]] = {}
    for start in range(0, len(ordered), _PAGE):
        query = sa.select(entities.c.id, entities.c.connection, entities.c.facts).where(
            entities.c.id.in_(ordered[start : start + _PAGE]), entities.c.kind == "order"
        )
        for row in tx.execute(query):
            out[row.id] = (row.connection, Book.load(row.facts).region)
    return out


def _measured(name: str, rules: Rules, took: list[tuple[float, float | None]]) -> Measured:
    bound = [seconds <= objective for seconds, objective in took if objective is not None]
    return Measured(
        domain=name,
        objective_s=rules.domains[name].latency_s,
        count=len(took),
        p50_s=took[len(took) // 2][0],
        p95_s=took[min(len(took) - 1, int(len(took) * 0.95))][0],
        within=sum(bound) / len(bound) if bound else None,
    )


def by_name(found: list[Measured]) -> Mapping[str, Measured]:
    """The same, by domain."""
    return {one.domain: one for one in found}

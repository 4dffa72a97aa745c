"""How soon others knew: the latency objectives of the domains, measured from the ledger."""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from crossdock_stages.ledger.tables import effects, inbox, landing, outbox
from crossdock_stages.rules import DOMAINS, Rules

NEWEST = 10_000
"""So many commands are looked at, the newest."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """How one domain did. Seconds from the landing of the news to the target's receipt."""

    domain: str
    objective_s: float | None
    count: int
    p50_s: float
    p95_s: float
    within: float | None
    """Share of commands within the objective, 0 to 1; None without an objective."""


def measure(tx: Connection, rules: Rules, *, since: float) -> list[Measured]:
    """Each domain that told somebody something after `since` (epoch seconds)."""
    took: dict[str, list[float]] = {}
    rows = tx.execute(
        sa.select(outbox.c.type, effects.c.receipt_at - landing.c.received_at)
        .select_from(outbox)
        .join(effects, effects.c.command_id == outbox.c.id)
        .join(inbox, inbox.c.event_id == outbox.c.cause)
        .join(landing, landing.c.id == inbox.c.landing_id)
        .where(outbox.c.connection != "", outbox.c.created_at >= since)
        .where(effects.c.receipt_at.is_not(None), landing.c.mode == "")
        .order_by(outbox.c.seq.desc())
        .limit(NEWEST)
    )
    for type_, seconds in rows:
        domain = DOMAINS.get(type_.partition(".")[0])
        if domain is not None:
            took.setdefault(domain, []).append(max(0.0, float(seconds)))
    return [_measured(name, rules, sorted(took[name])) for name in rules.domains if name in took]


def _measured(name: str, rules: Rules, took: list[float]) -> Measured:
    objective = rules.domains[name].latency_s
    return Measured(
        domain=name,
        objective_s=objective,
        count=len(took),
        p50_s=took[len(took) // 2],
        p95_s=took[min(len(took) - 1, int(len(took) * 0.95))],
        within=None if objective is None else sum(one <= objective for one in took) / len(took),
    )


def by_name(found: list[Measured]) -> Mapping[str, Measured]:
    """The same, by domain."""
    return {one.domain: one for one in found}

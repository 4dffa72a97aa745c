"""`crossdock domains`: the table of a deployment as it is governed, and how its objectives do."""

import asyncio
import time
from pathlib import Path
from typing import Any

from crossdock.errors import ConfigError
from crossdock_stages.ledger import open_ledger
from crossdock_stages.ledger.objectives import Measured, by_name, measure
from crossdock_stages.rules import Domain

from crossdock_runner import deployment as deployments
from crossdock_runner.deployment import Deployment
from crossdock_runner.output import print_json, say

DAY_S = 86_400.0


def show_domains(file: Path, *, as_json: bool) -> int:
    """Exit code 0. Objectives are measured over the last day, where something ran already."""
    deployment = deployments.load(file)
    measured = by_name(asyncio.run(_measured(deployment)))
    table = deployment.rules.domains
    if as_json:
        print_json({"domains": [_plain(name, table[name], measured.get(name)) for name in table]})
        return 0
    for name, domain in table.items():
        say(name)
        for label, value in _lines(domain):
            say(f"  {label:<11} {value}")
        found = measured.get(name)
        if found is not None:
            say(f"  {'measured':<11} {_words(found)}")
    return 0


async def _measured(deployment: Deployment) -> list[Measured]:
    since = time.time() - DAY_S
    try:
        async with open_ledger(deployment.ledger_url, create=False) as ledger:
            return await ledger.read(lambda tx: measure(tx, deployment.rules, since=since))
    except ConfigError:  # nothing ran here yet
        return []


def _lines(domain: Domain) -> list[tuple[str, str]]:
    rows = [
        ("owner", domain.owner or ""),
        ("captured by", ", ".join(domain.capture)),
        ("booked in", domain.execute or ""),
        ("refunds for", ", ".join(domain.refund_for)),
        ("told to", ", ".join(domain.publish_to)),
        ("within", f"{domain.latency_s:g} s" if domain.latency_s else ""),
        ("checks", ", ".join(domain.checks)),
        ("reviewed by", ", ".join(domain.reviewers)),
        *_stock(domain),
        ("sold in", domain.currency or ""),
        ("taxes", (domain.tax or "").replace("_", " ")),
        ("compared", domain.reconcile or ""),
    ]
    for one in domain.overrides:
        given = {key: value for key, value in vars(one).items() if value not in (None, ())}
        given |= {key: () for key in ("checks", "publish_to") if getattr(one, key) == ()}
        rows.append(("except", ", ".join(f"{key} {_word(value)}" for key, value in given.items())))
    return [(label, value) for label, value in rows if value]


def _stock(domain: Domain) -> list[tuple[str, str]]:
    """How stock is kept, how orders are parted and exchanged, as far as it is not the usual way."""
    usual = Domain()
    rule, parcels = domain.ship.split, domain.ship.parcels
    parts = (
        "" if domain.ship == usual.ship else f"{rule}{f', {parcels} parcels' if parcels else ''}"
    )
    own = domain.allocation != usual.allocation
    return [
        ("set aside", f"for {domain.reserve_s:g} s" if domain.reserve_s else ""),
        ("kept back", f"{domain.safety_stock}" if domain.safety_stock else ""),
        ("lag buffer", "as measured" if domain.lag_buffer else ""),
        ("share", f"{domain.share:.0%}" if domain.share != usual.share else ""),
        ("at most", f"{domain.cap}" if domain.cap is not None else ""),
        (
            "pieces",
            f"{domain.allocation}, orders up to {domain.order_lag_s:g} s late" if own else "",
        ),
        ("parted by", parts),
        ("exchanges", domain.exchanges if domain.exchanges != usual.exchanges else ""),
    ]


def _word(value: object) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value)) or "none"
    return str(value)


def _words(found: Measured) -> str:
    within = "" if found.within is None else f", {found.within:.1%} within the objective"
    return (
        f"half in {found.p50_s:.2f} s, 95 % in {found.p95_s:.2f} s{within} "
        f"({found.count} in the last day)"
    )


def _plain(name: str, domain: Domain, found: Measured | None) -> dict[str, Any]:
    plain = {
        **vars(domain),
        "ship": vars(domain.ship),
        "overrides": [vars(one) for one in domain.overrides],
    }
    return {"domain": name, **plain, "measured": vars(found) if found else None}

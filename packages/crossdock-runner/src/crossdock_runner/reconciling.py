"""`crossdock reconcile`, and the same by schedule while a deployment runs."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cronsim import CronSim
from crossdock.connector import Context
from crossdock.errors import CrossdockError
from crossdock_stages.ledger import Ledger, open_ledger
from crossdock_stages.reconcile import KINDS, Report, apply, compare
from crossdock_stages.topology import Topology

from crossdock_runner import deployment as deployments
from crossdock_runner import garbage
from crossdock_runner.deployment import Deployment
from crossdock_runner.domains import seconds
from crossdock_runner.output import complain, print_json, say

log = logging.getLogger("crossdock.reconcile")

BACK_S = 7 * 86_400.0
"""How far back orders and shipments are compared by schedule."""
SHOWN = 20
"""So many differences of one class are written out."""


def reconcile(wanted: list[str], file: Path, *, since: str, do: bool, as_json: bool) -> int:
    """Exit code 0 when all agrees or was put right, 1 when something is left, 2 used wrongly."""
    deployment = deployments.load(file)
    there = [name for name in deployment.rules.domains if name in KINDS]
    unknown = [name for name in wanted if name not in there]
    if unknown:
        complain(
            f"{', '.join(unknown)} cannot be compared here; "
            f"these domains can: {', '.join(there) or 'none'}"
        )
        return 2
    try:
        back_s = seconds(since)
    except ValueError as error:
        complain(f"--since {since}: {error}")
        return 2
    reports, done = asyncio.run(_run(deployment, wanted or there, back_s, do=do))
    if as_json:
        print_json({"reports": [_plain(report) for report in reports], "applied": done})
    else:
        for report in reports:
            _tell(report)
        _tell_end(reports, done)
    left = any(one.repair in {"land", "tell"} and not do for r in reports for one in r.differences)
    people = any(one.repair == "person" for r in reports for one in r.differences)
    skipped = any(report.skipped and not report.compared for report in reports)
    return 1 if left or people or skipped else 0


async def _run(
    deployment: Deployment, domains: list[str], back_s: float, *, do: bool
) -> tuple[list[Report], dict[str, int]]:
    async with AsyncExitStack() as stack:
        ledger = await stack.enter_async_context(open_ledger(deployment.ledger_url, create=False))
        ports = {}
        for name, setup in deployment.connections.items():
            context = Context(connection=name, environment=deployment.environment)
            opening = setup.connector.open(setup.config, context)
            ports[name] = await stack.enter_async_context(opening)
        garbage.tune()
        return await _compare(deployment, ledger, ports, domains, back_s, do=do)


async def _compare(
    deployment: Deployment,
    ledger: Ledger,
    ports: Mapping[str, object],
    domains: list[str],
    back_s: float,
    *,
    do: bool,
) -> tuple[list[Report], dict[str, int]]:
    connectors = {name: setup.connector for name, setup in deployment.connections.items()}
    since = datetime.now(UTC) - timedelta(seconds=back_s)
    reports = [
        await compare(domain, deployment.rules, ports, connectors, ledger, since=since)
        for domain in domains
    ]
    done: dict[str, int] = {}
    topology = Topology(environment=deployment.environment, lanes=deployment.bus.lanes)
    for report in reports if do else []:
        counts = await ledger.write(
            lambda tx, r=report: apply(tx, r, time.time(), topology)  # type: ignore[misc]
        )
        done = {key: done.get(key, 0) + count for key, count in counts.items()}
    return reports, done


def schedules(
    deployment: Deployment, ledger: Ledger, ports: Mapping[str, object]
) -> dict[str, Callable[[], Awaitable[None]]]:
    """A loop for each domain that has a schedule; what can be repaired is repaired."""
    return {
        f"reconcile {name}": _loop(deployment, ledger, ports, name, domain.reconcile)
        for name, domain in deployment.rules.domains.items()
        if domain.reconcile is not None
    }


def _loop(
    deployment: Deployment, ledger: Ledger, ports: Mapping[str, object], name: str, cron: str
) -> Callable[[], Awaitable[None]]:
    async def run() -> None:
        while True:
            moment = next(CronSim(cron, datetime.now(UTC)))
            await asyncio.sleep(max(0.0, (moment - datetime.now(UTC)).total_seconds()))
            try:
                reports, done = await _compare(deployment, ledger, ports, [name], BACK_S, do=True)
            except CrossdockError as error:
                log.warning("reconciling %s: %s; again at the next time", name, error)
                continue
            for report in reports:
                log.info(
                    "reconciled %s: %d compared, %d equal, %s; repaired %s",
                    name,
                    report.compared,
                    report.equal,
                    report.classes() or "no difference",
                    done,
                )

    return run


def _plain(report: Report) -> dict[str, Any]:
    return {
        "domain": report.domain,
        "compared": report.compared,
        "equal": report.equal,
        "skipped": report.skipped,
        "classes": report.classes(),
        "differences": [
            {key: value for key, value in vars(one).items() if key != "raw"}
            for one in report.differences
        ],
    }


_PLANS = {
    "land": "its record goes through the line",
    "tell": "the channel is told again",
    "person": "a person must look",
    "none": "nothing to do",
}


def _tell(report: Report) -> None:
    say(f"{report.domain}: {report.compared} compared, {report.equal} equal")
    for skipped in report.skipped:
        say(f"  not asked: {skipped}")
    for kind, count in report.classes().items():
        say(f"  {count} {kind}")
        some = [one for one in report.differences if one.kind == kind]
        for one in some[:SHOWN]:
            say(f"    {one.label} at {one.connection}: there {one.there}, here {one.here}")
            say(f"      cause   {one.cause}")
            say(f"      repair  {_PLANS[one.repair]}")
        if count > SHOWN:
            say(f"    … and {count - SHOWN} more (--json tells all)")


def _tell_end(reports: list[Report], done: dict[str, int]) -> None:
    if done:
        say(
            f"{done.get('land', 0)} records go through the line, {done.get('tell', 0)} figures are "
            f"told again, {done.get('person', 0)} cases are on the desk"
        )
        return
    plan = [one for report in reports for one in report.differences if one.repair != "none"]
    if plan:
        say(f"nothing was changed; with --apply {len(plan)} repairs are made as told above")

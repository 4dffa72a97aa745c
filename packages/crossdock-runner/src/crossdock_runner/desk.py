"""`crossdock exceptions` and `crossdock dead`: the desk, from the command line."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossdock.errors import ConfigError
from crossdock_stages.ledger import fields, open_ledger
from crossdock_stages.ledger.impact import SEVERITIES, Impact, impacts, rank
from crossdock_stages.ledger.settling import (
    Act,
    Case,
    Kind,
    assign,
    can_retry,
    cases,
    history,
    resolve,
    retry,
)
from sqlalchemy.engine import Connection

from crossdock_runner import deployment as deployments
from crossdock_runner.output import complain, print_json, say


@dataclass(frozen=True)
class Seen:
    """A case as a person sees it, with what hangs on it and what was done."""

    case: Case
    impact: Impact
    history: list[Act]


STATES = ("open", "resolved", "all")
ACTIONS = ("list", "show", "retry", "resolve", "assign")


def work_desk(
    kind: Kind,
    action: str,
    ids: list[str],
    file: Path,
    *,
    everything: bool,
    connection: str | None,
    code: str | None,
    reason: str,
    owner: str,
    severity: str,
    state: str,
    as_json: bool,
) -> int:
    """Exit code 0 when done, 1 when a case is not there or cannot be, 2 when asked wrongly."""
    if action not in ACTIONS or (action == "assign" and kind == "dead"):
        complain(f"{action!r} is no action; allowed: {', '.join(ACTIONS)}")
        return 2
    if action != "list" and not ids and not everything:
        complain(f"{action}: name the cases, or say --all")
        return 2
    if severity and severity not in SEVERITIES:
        complain(f"{severity!r} is no severity; allowed: {', '.join(SEVERITIES)}")
        return 2
    if state not in STATES or (state != "open" and action not in {"list", "show"}):
        complain(f"--state {state}: list and show can be of {', '.join(STATES)}, others of open")
        return 2
    if action == "resolve" and not reason:
        complain("resolve: say why, with --reason")
        return 2
    if action == "assign" and not owner:
        complain("assign: say to whom, with --owner")
        return 2

    def work(tx: Connection) -> list[Seen]:
        if ids:
            found = [case for one in ids for case in cases(tx, kind, case_id=one)]
            unknown = set(ids) - {case.id for case in found}
            if unknown:
                raise ConfigError(f"no such case: {', '.join(sorted(unknown))}")
        else:
            found = cases(tx, kind, state=state, connection=connection, code=code)
            if owner and action != "assign":
                found = [case for case in found if case.owner == owner]
            if severity:
                found = [case for case in found if case.severity == severity]
        now = time.time()
        if action == "retry":
            if not ids:  # of all, those that can be: one that cannot must not keep the others back
                left = sum(not can_retry(case) for case in found)
                if left:
                    complain(f"{left} cannot be tried again: resolve them with a reason")
                found = [case for case in found if can_retry(case)]
            retry(tx, found, now)
        elif action == "resolve":
            resolve(tx, found, reason, now)
        elif action == "assign":
            assign(tx, found, owner, now)
        hangs = impacts(tx, found)
        found.sort(key=lambda case: rank(case, hangs[case.id]))
        told = {case.id: history(tx, case.id) for case in found} if action == "show" else {}
        return [Seen(case, hangs[case.id], told.get(case.id, [])) for case in found]

    chosen, fresh = asyncio.run(_in_ledger(file, work))
    if as_json:
        print_json({"action": action, "cases": [_plain(seen) for seen in chosen]})
    elif action == "show":
        for seen in chosen:
            _show(seen)
    else:
        for seen in chosen:
            case = seen.case
            age = _age(time.time() - case.since)
            whose = f" [{case.owner}]" if case.owner else ""
            name = case.label or case.entity_key
            say(f"{case.id}  {case.severity}  {case.code}  {name}  {age}{whose}{_hangs(seen)}")
            say(f"    {case.message}")
            if case.state != "open":
                say(f"    {case.state}: {case.resolution}")
        listed = state if state != "all" else "in all"
        say(
            {"list": listed, "retry": "to be tried again"}.get(action, f"{action}d").join(
                (f"{len(chosen)} ", "")
            )
        )
        if fresh:
            say(f"no case, but news: {fresh} fields never seen before this week: crossdock drift")
    return 0


async def _in_ledger(
    file: Path, work: Callable[[Connection], list[Seen]]
) -> tuple[list[Seen], int]:
    """What the work came to, and how many fields were news in the last seven days."""
    deployment = deployments.load(file)
    since = time.time() - 7 * 86_400
    async with open_ledger(deployment.ledger_url, create=False) as ledger:
        chosen = await ledger.write(work)
        fresh = await ledger.read(lambda tx: fields.how_many(tx, since))
        return chosen, sum(fresh.values())


def _hangs(seen: Seen) -> str:
    """What hangs on it, in a few words."""
    parts = [seen.impact.value]
    if seen.impact.promised:
        parts.append(f"promised until {seen.impact.promised[:10]}")
    if seen.impact.people > 1:
        parts.append(f"{seen.impact.people} wait")
    return "".join(f"  {part}" for part in parts if part)


def _show(seen: Seen) -> None:
    case = seen.case
    say(f"{case.id}  {case.severity}  {case.code}  {case.state}")
    say(f"  stage       {case.stage}")
    say(f"  connection  {case.connection}")
    say(f"  about       {case.label} {case.entity_key}")
    say(f"  owner       {case.owner or 'nobody yet'}")
    say(f"  message     {case.message}")
    say(f"  what to do  {case.suggestion}")
    say(f"  open for    {_age(time.time() - case.since)}")
    if _hangs(seen):
        say(f"  at stake    {_hangs(seen).strip()}")
    for act in seen.history:
        note = f": {act.note}" if act.note else ""
        say(f"  {_age(time.time() - act.at)} ago  {act.who} {act.what}{note}")
    if case.resolution:
        say(f"  resolution  {case.resolution}")
    say(f"  payload     {case.body[:2000].decode('utf-8', 'replace')}")


def _plain(seen: Seen) -> dict[str, Any]:
    body = seen.case.body.decode("utf-8", "replace")
    return {
        **vars(seen.case),
        "body": body,
        "impact": vars(seen.impact),
        "history": [vars(act) for act in seen.history],
    }


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"

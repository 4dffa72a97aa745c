"""`crossdock exceptions` and `crossdock dead`: the desk, from the command line."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crossdock.errors import ConfigError
from crossdock_stages.ledger import open_ledger
from crossdock_stages.ledger.settling import (
    Case,
    Kind,
    assign,
    can_retry,
    cases,
    resolve,
    retry,
)
from sqlalchemy.engine import Connection

from crossdock_runner import deployment as deployments
from crossdock_runner.output import complain, print_json, say

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
    as_json: bool,
) -> int:
    """Exit code 0 when done, 1 when a case is not there or cannot be, 2 when asked wrongly."""
    if action not in ACTIONS or (action == "assign" and kind == "dead"):
        complain(f"{action!r} is no action; allowed: {', '.join(ACTIONS)}")
        return 2
    if action != "list" and not ids and not everything:
        complain(f"{action}: name the cases, or say --all")
        return 2
    if action == "resolve" and not reason:
        complain("resolve: say why, with --reason")
        return 2
    if action == "assign" and not owner:
        complain("assign: say to whom, with --owner")
        return 2

    def work(tx: Connection) -> list[Case]:
        if ids:
            found = [case for one in ids for case in cases(tx, kind, case_id=one)]
            unknown = set(ids) - {case.id for case in found}
            if unknown:
                raise ConfigError(f"no such case: {', '.join(sorted(unknown))}")
        else:
            found = cases(tx, kind, connection=connection, code=code)
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
            for case in found:
                assign(tx, case.id, owner)
        return found

    chosen = asyncio.run(_in_ledger(file, work))
    if as_json:
        print_json({"action": action, "cases": [_plain(case) for case in chosen]})
    elif action == "show":
        for case in chosen:
            _show(case)
    else:
        for case in chosen:
            age = _age(time.time() - case.since)
            whose = f" [{case.owner}]" if case.owner else ""
            name = case.label or case.entity_key
            say(f"{case.id}  {case.severity}  {case.code}  {name}  {age}{whose}")
            say(f"    {case.message}")
        say(
            {"list": "open", "retry": "to be tried again"}.get(action, f"{action}d").join(
                (f"{len(chosen)} ", "")
            )
        )
    return 0


async def _in_ledger(file: Path, work: Callable[[Connection], list[Case]]) -> list[Case]:
    deployment = deployments.load(file)
    async with open_ledger(deployment.ledger_url, create=False) as ledger:
        return await ledger.write(work)


def _show(case: Case) -> None:
    say(f"{case.id}  {case.severity}  {case.code}  {case.state}")
    say(f"  stage       {case.stage}")
    say(f"  connection  {case.connection}")
    say(f"  about       {case.label} {case.entity_key}")
    say(f"  message     {case.message}")
    say(f"  what to do  {case.suggestion}")
    if case.resolution:
        say(f"  resolution  {case.resolution}")
    say(f"  payload     {case.body[:2000].decode('utf-8', 'replace')}")


def _plain(case: Case) -> dict[str, Any]:
    return {**vars(case), "body": case.body.decode("utf-8", "replace")}


def _age(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"

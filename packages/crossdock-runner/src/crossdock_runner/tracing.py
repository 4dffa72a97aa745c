"""`crossdock trace`: where has this been, and why does it wait?"""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from crossdock_stages.ledger import open_ledger
from crossdock_stages.ledger.journey import Journey, journey

from crossdock_runner import deployment as deployments
from crossdock_runner.output import complain, print_json, say


def trace_reference(reference: str, file: Path, *, as_json: bool) -> int:
    """Exit code 0 when the ledger knows the reference, else 1."""
    found = asyncio.run(_find(reference, file))
    if found is None:
        complain(f"the ledger of {file} knows nothing of {reference!r}")
        if as_json:
            print_json({"reference": reference, "found": False})
        return 1
    if as_json:
        print_json(
            {
                "reference": reference,
                "found": True,
                "entity_ids": found.entity_ids,
                "label": found.label,
                "names": [{"connection": c, "kind": k, "native_id": n} for c, k, n in found.names],
                "open": found.open,
                "waiting": found.waiting,
                "exceptions": found.exceptions,
                "dead": found.dead,
                "steps": [{**vars(step), "at": _time(step.at)} for step in found.steps],
            }
        )
        return 0
    _tell(found)
    return 0


async def _find(reference: str, file: Path) -> Journey | None:
    deployment = deployments.load(file)
    async with open_ledger(deployment.ledger_url, create=False) as ledger:
        return await ledger.read(lambda tx: journey(tx, reference))


def _tell(found: Journey) -> None:
    say(f"{found.label or found.reference}  {' '.join(found.entity_ids)}")
    for connection, kind, native in found.names:
        if not kind.endswith(".part"):
            say(f"  {connection} calls the {kind} {native}")
    for step in found.steps:
        detail = f" ({step.detail})" if step.detail else ""
        say(f"  {_time(step.at)}  {step.stage:<10} {step.what}{detail}")
    if found.waiting or found.open:
        say(f"  still under way: {found.open} commands open, {found.waiting} messages wait")
    elif found.exceptions or found.dead:
        say(f"  a person must act: {found.exceptions} exceptions, {found.dead} dead letters")
    else:
        say("  all done")


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"

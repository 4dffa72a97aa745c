"""`crossdock replay`: see what telling it again would change; with `--apply`, do it."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from crossdock_stages import replay
from crossdock_stages.ledger import open_ledger
from crossdock_stages.replay import Kept, Outcome, Selection
from crossdock_stages.topology import Topology
from sqlalchemy.engine import Connection

from crossdock_runner import deployment as deployments
from crossdock_runner.output import complain, print_json, say


def replay_selection(
    reference: str | None,
    file: Path,
    *,
    connection: str | None,
    topic: str | None,
    since: str | None,
    until: str | None,
    apply: bool,
    as_json: bool,
) -> int:
    """Exit code 0 when something was chosen, 1 when nothing was, 2 when asked wrongly."""
    if not any((reference, connection, since)):
        complain("say what to replay: a reference, --connection, or --since")
        return 2
    try:
        chosen_by = Selection(
            reference=reference,
            connection=connection,
            topic=topic,
            since=_moment(since),
            until=_moment(until),
        )
    except ValueError as error:
        complain(f"a time must read 2026-01-31T12:00:00Z: {error}")
        return 2
    outcomes, applied = asyncio.run(_work(chosen_by, file, apply=apply))
    counts = Counter(outcome.kind for outcome in outcomes)
    if as_json:
        print_json(
            {
                "chosen": len(outcomes),
                "counts": dict(counts),
                "applied": applied,
                "outcomes": [_plain(outcome) for outcome in outcomes if outcome.kind != "same"],
            }
        )
        return 0 if outcomes else 1
    for outcome in outcomes:
        if outcome.kind != "same":
            _show(outcome)
    say(
        f"{len(outcomes)} payloads: {counts['same']} would say the same, "
        f"{counts['different']} something new, {counts['ignored']} nothing any more, "
        f"{counts['fails']} cannot be read"
    )
    if applied:
        say(f"{applied} are told again now; no customer is written to")
    elif outcomes:
        say("nothing was sent; say --apply to tell them again")
    return 0 if outcomes else 1


async def _work(wanted: Selection, file: Path, *, apply: bool) -> tuple[list[Outcome], int]:
    deployment = deployments.load(file)
    connectors = {name: setup.connector for name, setup in deployment.connections.items()}
    topology = Topology(
        environment=deployment.environment,
        lanes=deployment.bus.lanes,
        replicas=deployment.bus.replicas,
    )

    def look(tx: Connection) -> tuple[list[Kept], list[Outcome]]:
        chosen = replay.select(tx, wanted)
        return chosen, replay.preview(tx, chosen, connectors, deployment.rules)

    async with open_ledger(deployment.ledger_url, create=False) as ledger:
        chosen, outcomes = await ledger.read(look)
        if not apply or not chosen:
            return outcomes, 0
        return outcomes, await ledger.write(lambda tx: replay.apply(tx, chosen, topology))


def _moment(text: str | None) -> float | None:
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _show(outcome: Outcome) -> None:
    row = outcome.kept.row
    say(f"{row.id}  {row.topic} from {row.connection}, then {outcome.kept.state}")
    if outcome.reason:
        say(f"    now {outcome.kind}: {outcome.reason}")
    for told in outcome.said:
        say(f"    now says {told}")
    for follows in outcome.follows:
        say(f"    so       {follows}")


def _plain(outcome: Outcome) -> dict[str, Any]:
    row = outcome.kept.row
    return {
        "landing": row.id,
        "connection": row.connection,
        "topic": row.topic,
        "then": outcome.kept.state,
        "now": outcome.kind,
        "reason": outcome.reason,
        "says": outcome.said,
        "follows": outcome.follows,
    }

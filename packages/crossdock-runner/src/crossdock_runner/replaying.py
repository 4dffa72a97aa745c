"""`crossdock replay`: see what telling it again would change; with `--apply`, do it."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
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
    if not any((reference, connection, topic, since, until)):
        complain("say what to replay: a reference, --connection, --topic, --since or --until")
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
    counts: Counter[str] = Counter()
    plain: list[dict[str, Any]] = []

    def tell(outcome: Outcome) -> None:
        counts[outcome.kind] += 1
        if outcome.kind != "same":
            if as_json:
                plain.append(_plain(outcome))
            else:
                _show(outcome)

    applied = asyncio.run(_work(chosen_by, file, tell, apply=apply))
    chosen = counts.total()
    if as_json:
        print_json(
            {"chosen": chosen, "counts": dict(counts), "applied": applied, "outcomes": plain}
        )
        return 0 if chosen else 1
    say(
        f"{chosen} payloads: {counts['same']} would say the same, "
        f"{counts['different']} something new, {counts['ignored']} nothing any more, "
        f"{counts['fails']} cannot be read"
    )
    if applied:
        needs_s = applied / replay.A_SECOND
        during = f", {needs_s:.0f} s long" if needs_s > 1 else ""
        say(f"{applied} are told again now{during}; no customer is written to")
    elif chosen:
        say("nothing was sent; say --apply to tell them again")
    return 0 if chosen else 1


async def _work(
    wanted: Selection, file: Path, tell: Callable[[Outcome], None], *, apply: bool
) -> int:
    """How many are told again. In parts, so that a running line keeps its ledger."""
    deployment = deployments.load(file)
    connectors = {name: setup.connector for name, setup in deployment.connections.items()}
    topology = Topology(
        environment=deployment.environment,
        lanes=deployment.bus.lanes,
        replicas=deployment.bus.replicas,
    )

    def look(tx: Connection, ids: Sequence[str]) -> tuple[list[Kept], list[Outcome]]:
        chosen = replay.load(tx, ids)
        return chosen, replay.preview(tx, chosen, connectors, deployment.rules)

    async with open_ledger(deployment.ledger_url, create=False) as ledger:
        every = await ledger.read(lambda tx: replay.select(tx, wanted))
        applied, began = 0, time.time()
        for start in range(0, len(every), replay.PART):
            part = every[start : start + replay.PART]
            chosen, outcomes = await ledger.read(partial(look, ids=part))
            for outcome in outcomes:
                tell(outcome)
            if apply:
                put = partial(
                    replay.apply, chosen=chosen, topology=topology, began=began, before=applied
                )
                applied += await ledger.write(put)
        return applied


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

"""Does a snapshot tell everything that the vendor holds, once, and say so when it cannot?"""

from datetime import UTC, datetime, timedelta
from typing import Any

from crossdock.errors import CrossdockError, PermanentError
from crossdock.events import Event, Raw
from crossdock.testing.conformance.applies_checks import FEW
from crossdock.testing.conformance.bench import Bench, Case, caught, snapshot, spread
from crossdock.testing.conformance.kit import Failed, check
from crossdock.testing.conformance.subject import Features
from crossdock.testing.conformance.wire import CUT


def _snapshots(features: Features) -> bool:
    return bool(features.snapshots)


def _wire(features: Features) -> bool:
    return bool(features.snapshots) and features.http


async def _filled(case: Case, bench: Bench) -> None:
    """Something of everything: what commands leave there, and changes at the vendor."""
    types = sorted(case.subject.commands)
    for type_ in types:
        for number in range(1, 4 if len(types) < FEW else 2):
            await bench.port.apply(bench.command(type_, number))
    if case.subject.change is not None:
        for number in range(1, 8):
            await bench.change(number)


@check("snapshot.is-complete", "silver", wants=_snapshots)
async def complete(case: Case) -> None:
    """Reconciliation compares against it: what is left out looks like lost."""
    holds = case.need("holds", "snapshots")
    async with case.bench() as bench:
        await _filled(case, bench)
        for kind in case.features.snapshots:
            told = [raw.key for raw in await snapshot(bench.port, kind)]
            there = set(holds(bench.box, kind))
            if not there:
                raise Failed(
                    f"the sandbox holds no {kind}",
                    "every kind in Features(snapshots=…) must be there: let changes or commands "
                    "make some, or put one into the sandbox as it starts (no other check minds)",
                )
            lost, more = there - set(told), set(told) - there
            if lost or more:
                raise Failed(
                    f"{kind}: {len(lost)} of {len(there)} missing {sorted(lost)[:2]}, "
                    f"{len(more)} unexpected {sorted(more)[:2]}",
                    "page to the end; Raw.key must be what Subject.holds returns",
                )
            if len(set(told)) < len(told):
                raise Failed(f"{kind}: some are told twice", "page by a key that does not move")


@check("snapshot.can-be-translated", "silver", wants=_snapshots)
async def translated(case: Case) -> None:
    """A snapshot's records are those that translate understands."""
    async with case.bench() as bench:
        await _filled(case, bench)
        for kind in case.features.snapshots:
            said = 0
            for raw in await snapshot(bench.port, kind):
                told = case.outcome(Raw(raw.topic, data=raw.data, headers=raw.headers))
                if isinstance(told, str) and told.startswith("refused"):
                    raise Failed(f"{kind}: {raw!r} is {told:.160}", "translate what you yield")
                said += isinstance(told, list) and any(event.kind == kind for event in told)
            if not said:
                raise Failed(
                    f"{kind}: no record says anything about a {kind}",
                    "translate its topic, or let Subject.change put records that mean one",
                )


@check("snapshot.changes-nothing", "silver", wants=lambda f: f.snapshots and f.applies)
async def changes_nothing(case: Case) -> None:
    """Looking is not touching."""
    async with case.bench() as bench:
        await _filled(case, bench)
        before = bench.effects()
        for kind in case.features.snapshots:
            await snapshot(bench.port, kind)
        if bench.effects() != before:
            raise Failed("a snapshot changed the vendor", "only read in snapshot")


@check("snapshot.failure-is-not-the-end", "silver", wants=_wire)
async def failing(case: Case) -> None:
    """Half a snapshot taken for a whole one makes reconciliation delete the other half."""
    async with case.bench() as bench:
        await _filled(case, bench)
        for kind in case.features.snapshots:
            bench.wire.plan(None)
            await snapshot(bench.port, kind)
            requests = bench.wire.count
            for number in spread(requests, 8):
                async with bench.reopened() as port:
                    bench.wire.only(number, CUT)
                    error = await caught(lambda: snapshot(port, kind))  # noqa: B023
                    again = bench.wire.count > number
                    bench.wire.plan(None)
                if error is None and not again:
                    raise Failed(
                        f"{kind}: request {number} of {requests} failed, and it ended quietly",
                        "catch nothing in snapshot",
                    )


@check("snapshot.keeps-to-its-window", "gold", wants=_snapshots)
async def window(case: Case) -> None:
    """A window in the past or in the future has nothing of today; levels have no window."""
    async with case.bench() as bench:
        await _filled(case, bench)
        for kind in case.features.snapshots:
            whole = {raw.key for raw in await snapshot(bench.port, kind)}
            now = datetime.now(UTC)
            around = await snapshot(
                bench.port, kind, since=now - timedelta(days=36_500), until=now + timedelta(days=2)
            )
            if {raw.key for raw in around} != whole:
                raise Failed(
                    f"{kind}: a window around everything tells {len(around)} of {len(whole)}",
                    "since is inclusive, until exclusive, both aware",
                )
            if kind in {"inventory", "product"}:
                continue
            later = await snapshot(bench.port, kind, since=now + timedelta(days=365))
            if later:
                raise Failed(
                    f"{kind}: a window in the future tells {len(later)}",
                    "ask the vendor for what changed in [since, until)",
                )


@check("snapshot.unknown-kinds-are-refused", "silver", wants=_snapshots)
async def unknown(case: Case) -> None:
    """An empty snapshot of a kind it does not know would look like an empty vendor."""
    async with case.bench() as bench:
        error = await caught(lambda: snapshot(bench.port, "kit_unheard_of"))
        if not isinstance(error, PermanentError):
            raise Failed(
                f"asked for kit_unheard_of: {error!r:.150}",
                "raise RejectedError naming the kinds there are",
            )


@check("snapshot.says-the-same-as-news", "gold", wants=_snapshots)
async def same(case: Case) -> None:
    """The same state of an entity is the same by poll and by snapshot: equal ids and revisions."""
    if not case.features.polls:
        return
    async with case.bench() as bench:
        await _filled(case, bench)
        polled = {}
        for raw in await bench.poll(None):
            for event in _events(case, raw):
                polled[event.kind, event.native_id] = event
        for kind in case.features.snapshots:
            for raw in await snapshot(bench.port, kind):
                for event in _events(case, raw):
                    before = polled.get((event.kind, event.native_id))
                    if before is not None and before.data.dump() != event.data.dump():
                        raise Failed(
                            f"{event.kind} {event.native_id}, in the snapshot of {kind}: it says "
                            f"{event.data!r:.150}, the poll said {before.data!r:.150}",
                            "read both by the same code; where two things that Subject.change made "
                            "share this id, give each its own",
                        )


def _events(case: Case, raw: Raw) -> list[Event[Any]]:
    try:
        told = case.outcome(Raw(raw.topic, data=raw.data, headers=raw.headers))
    except CrossdockError:
        return []
    return told if isinstance(told, list) else []

"""A whole day in small: many items, and the vendor in four kinds of weather, counted at the end.

A little line stands in for the framework: what is transient is looked for and tried again, what is
permanent is put aside for a person. Then every item must be in exactly one place.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from crossdock.errors import PermanentError, TransientError
from crossdock.testing.conformance.applies_checks import _bag, _types
from crossdock.testing.conformance.bench import Bench, Case
from crossdock.testing.conformance.kit import Failed, check
from crossdock.testing.conformance.subject import Features
from crossdock.testing.conformance.wire import CUT, LOST, Answer, Fault, Plan, Seen, refuse

ITEMS = 12
"""Changes to be polled, and commands of each type where the types are few."""
MOST = 36
"""Commands in all, two of each type at least."""
TRIES = 60
CLEARS_AFTER = 60
"""Requests of one command (or of the whole reading): then its storm is over, or a command of twenty
requests would never come through."""

_TRANSIENT: tuple[Fault, ...] = (
    CUT,
    LOST,
    refuse(429, b"", retry_after="0"),
    refuse(503, b"away"),
    Fault(kind="instead", answer=Answer(status=500, body=b"oops")),
    Fault(kind="instead", answer=Answer(status=502, body=b"<html>bad gateway</html>")),
)
_PERMANENT = refuse(422, {"error": "kit says no"})


@dataclass
class Count:
    """Where the items ended."""

    done: set[str] = field(default_factory=set)
    desk: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)


def _any(features: Features) -> bool:
    return features.polls or features.applies


def _wire(features: Features) -> bool:
    return features.http and _any(features)


@check("weather.calm", "bronze", wants=_any)
async def calm(case: Case) -> None:
    """Every change is read and every command done, each once."""
    await _day(case, lambda _: None, "in calm weather")


@check("weather.transient", "silver", wants=_wire)
async def transient(case: Case) -> None:
    """Answers fail, are refused or lost in gusts; everything happens once all the same."""
    await _day(case, _storm(0.3), "in transient weather")


@check("weather.permanent", "silver", wants=_wire)
async def permanent(case: Case) -> None:
    """Whole commands are refused; they end at the desk, and the others are done."""
    await _day(case, lambda _: None, "in permanent weather", refused=3)


@check("weather.mixed", "gold", wants=_wire)
async def mixed(case: Case) -> None:
    """Both at once: nothing is lost, nothing is done twice, nothing is at two places."""
    await _day(case, _storm(0.3), "in mixed weather", refused=4)


def _storm(share: float) -> Plan:
    """The same storm every time: chance with a seed. Gusts last for several requests, or the
    client would mend each by asking again at once."""
    chance = random.Random(7)  # noqa: S311 - weather, no secret
    left = 0

    def plan(seen: Seen) -> Fault | None:
        nonlocal left
        if seen.number > CLEARS_AFTER:
            return None
        if left == 0 and chance.random() < share:
            left = chance.randint(1, 5)
        if left == 0:
            return None
        left -= 1
        return chance.choice(_TRANSIENT)

    return plan


async def _day(case: Case, plan: Plan, what: str, refused: int = 0) -> None:
    if case.features.applies:
        wanted = await _expected(case, refused)
    async with case.bench() as bench:
        count = Count()
        if case.features.applies:
            await _apply_all(case, bench, plan, refused, count)
            _account(case, bench, what, refused, count, wanted)
        if case.features.polls:
            await _read_all(bench, plan, what, count)


def _account(
    case: Case, bench: Bench, what: str, refused: int, count: Count, wanted: object
) -> None:
    """Every command in one place, and at the vendor what the places say."""
    items = {f"{type_} {n}" for type_, n, _ in _items(case, refused)}
    bad = {f"{type_} {n}" for type_, n, is_bad in _items(case, refused) if is_bad}
    lost = items - count.done - count.desk
    both = count.done & count.desk
    if lost or both:
        raise Failed(
            f"{what}: of {len(items)} commands {len(count.done)} are done, "
            f"{len(count.desk)} at the desk, {len(lost)} nowhere {sorted(lost)[:2]}, "
            f"{len(both)} at both",
            "raise for every command that is not done",
        )
    if count.desk != bad:
        wrong = sorted(count.desk ^ bad)
        raise Failed(
            f"{what}: {len(bad)} commands were refused, {len(count.desk)} are at the desk; "
            f"they differ in {wrong[:2]}",
            "raise RejectedError for what the vendor refuses, and for nothing else",
        )
    if _bag(bench.effects()) != wanted:
        raise Failed(
            f"{what}: {len(count.done)} commands say they are done, but the vendor does not "
            "hold each once",
            "see apply.lost-answer-changes-once and apply.interrupted-changes-once",
        )


def _items(case: Case, refused: int) -> list[tuple[str, int, bool]]:
    """Type, number within the type, and whether it is refused: every `refused`-th is."""
    types = _types(case)
    each = max(2, min(ITEMS, MOST // len(types)))
    pairs = [(type_, number) for type_ in types for number in range(1, each + 1)]
    return [(*pair, bool(refused) and place % refused == 0) for place, pair in enumerate(pairs, 1)]


async def _expected(case: Case, refused: int) -> object:
    """What the vendor holds when those that are not refused are done once."""
    async with case.bench() as bench:
        for type_, number, is_bad in _items(case, refused):
            command = bench.command(type_, number)
            if not is_bad:
                await bench.port.apply(command)
        return _bag(bench.effects())


async def _apply_all(case: Case, bench: Bench, plan: Plan, refused: int, count: Count) -> None:
    for type_, number, is_bad in _items(case, refused):
        name = f"{type_} {number}"
        command = bench.command(type_, number)
        bench.wire.plan((lambda _: _PERMANENT) if is_bad else plan)
        call: Callable[[], object] = lambda: bench.port.apply(command)  # noqa: B023, E731
        for _ in range(TRIES):
            try:
                await call()  # type: ignore[misc]
            except TransientError:
                call = lambda: bench.again(command)  # noqa: B023, E731
            except PermanentError:
                count.desk.add(name)
                break
            else:
                count.done.add(name)
                break
        bench.wire.plan(None)


async def _read_all(bench: Bench, plan: Plan, what: str, count: Count) -> None:
    """Changes are made one by one, each followed by a poll; at the end until nothing is new."""
    keys: list[str] = []
    bench.wire.plan(plan)
    cursor: str | None = None
    seen: set[str] = set()
    quiet = 0
    for _ in range(TRIES * 4):
        if len(keys) < ITEMS:
            keys.append(await bench.change(len(keys) + 1))
        fresh = 0
        try:
            async for raw in bench.port.poll(cursor):
                fresh += raw.delivery_id not in seen
                seen.add(raw.delivery_id)
                count.read.add(raw.key)
                cursor = raw.cursor if raw.cursor is not None else cursor
        except TransientError:
            continue
        quiet = 0 if fresh or len(keys) < ITEMS else quiet + 1
        if quiet == 2:
            break
    bench.wire.plan(None)
    lost = [key for key in keys if key not in count.read]
    if lost:
        raise Failed(
            f"{what}: {len(lost)} of {len(keys)} changes were never read, such as {lost[0]!r}",
            "see poll.interrupted-anywhere-loses-nothing",
        )

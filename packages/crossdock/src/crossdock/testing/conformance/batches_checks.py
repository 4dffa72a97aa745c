"""Are many commands at once the same as each of them alone?"""

from dataclasses import replace
from typing import Any

from crossdock.errors import CrossdockError, PermanentError, TransientError
from crossdock.events import Command, Receipt
from crossdock.testing.conformance.applies_checks import FEW, _bag, _types
from crossdock.testing.conformance.bench import Bench, Case, caught, spread
from crossdock.testing.conformance.kit import Failed, check
from crossdock.testing.conformance.subject import Features
from crossdock.testing.conformance.wire import LOST

SIZE = 5


def _batches(features: Features) -> bool:
    return features.batches


def _wire(features: Features) -> bool:
    return features.batches and features.http


def _wishes(case: Case, bench: Bench) -> list[Command[Any]]:
    """Some of every type, none about the same entity."""
    types = _types(case)
    size = SIZE if len(types) < FEW else 2
    return [
        replace(bench.command(type_, 10 * place + number), id=f"cmd_kit_{place}_{number}")
        for place, type_ in enumerate(types)
        for number in range(1, size + 1)
    ]


async def _alone(case: Case) -> tuple[list[Receipt], object]:
    async with case.bench() as bench:
        receipts = [await bench.port.apply(one) for one in _wishes(case, bench)]
        return receipts, _bag(bench.effects())


async def _many(port: Any, commands: list[Command[Any]]) -> list[Receipt | CrossdockError]:
    answers = list(await port.apply_many(commands))
    if len(answers) != len(commands):
        raise Failed(
            f"{len(commands)} commands, {len(answers)} answers", "answer each command, in order"
        )
    return answers


@check("batch.declared-is-there", "bronze")
async def declared(case: Case) -> None:
    """Deliver batches only what has `apply_many`."""
    async with case.bench() as bench:
        there = callable(getattr(bench.port, "apply_many", None))
        if there != case.features.batches:
            raise Failed(
                f"features say batches={case.features.batches}, apply_many is "
                f"{'there' if there else 'not there'}",
                "declare batches in Features, or write apply_many",
            )


@check("batch.is-as-one-by-one", "silver", wants=_batches)
async def as_alone(case: Case) -> None:
    """A batch leaves at the vendor what its commands would have left one by one."""
    _, wanted = await _alone(case)
    async with case.bench() as bench:
        answers = await _many(bench.port, _wishes(case, bench))
        bad = [one for one in answers if not isinstance(one, Receipt)]
        if bad:
            raise Failed(f"{len(bad)} of {len(answers)} fail: {bad[0]!r:.150}", "see apply")
        if _bag(bench.effects()) != wanted:
            raise Failed("the vendor holds something else than after one by one", "see apply")


@check("batch.answers-in-order", "silver", wants=_batches)
async def in_order(case: Case) -> None:
    """The n-th answer belongs to the n-th command: cross-references hang on it."""
    receipts, _ = await _alone(case)
    async with case.bench() as bench:
        commands = _wishes(case, bench)
        answers = await _many(bench.port, commands)
        for number, (one, other) in enumerate(zip(answers, receipts, strict=True)):
            if isinstance(one, Receipt) and set(one.extra_ids) != set(other.extra_ids):
                raise Failed(
                    f"answer {number} is of another command: {one!r:.120}",
                    "sort the answers by the commands",
                )
        found = [await bench.port.find(replace(one, attempt=2)) for one in commands]
        for number, (one, there) in enumerate(zip(answers, found, strict=True)):
            if isinstance(one, Receipt) and there is not None and one.native_id != there.native_id:
                raise Failed(
                    f"answer {number} says {one.native_id!r}, find says {there.native_id!r}",
                    "sort the answers by the commands",
                )


@check("batch.one-bad-harms-no-other", "silver", wants=_batches)
async def one_bad(case: Case) -> None:
    """One command that cannot be done is answered alone; the others are done."""
    async with case.bench() as bench:
        commands = _wishes(case, bench)
        place = len(commands) // 2
        spoiled = [
            replace(one, type="kit.unheard_of") if i == place else one
            for i, one in enumerate(commands)
        ]
        answers = await _many(bench.port, spoiled)
        for number, answer in enumerate(answers):
            if number == place and not isinstance(answer, PermanentError):
                raise Failed(
                    f"the bad one is answered {answer!r:.120}", "answer RejectedError in its place"
                )
            if number != place and not isinstance(answer, Receipt):
                raise Failed(
                    f"command {number} fails because of another: {answer!r:.120}",
                    "find the bad one and do the others without it",
                )


@check("batch.twice-changes-once", "silver", wants=_batches)
async def twice(case: Case) -> None:
    """A batch may be delivered again as a whole."""
    _, wanted = await _alone(case)
    async with case.bench() as bench:
        commands = _wishes(case, bench)
        await _many(bench.port, commands)
        async with bench.reopened() as port:
            await _many(port, [replace(one, attempt=2) for one in commands])
        if _bag(bench.effects()) != wanted:
            raise Failed("a batch applied twice changed the vendor twice", "see apply")


@check("batch.lost-answer-changes-once", "silver", wants=_wire)
async def lost(case: Case) -> None:
    """The answer of each request of a batch is lost in turn; of long ones, 20 or 8 of them."""
    _, wanted = await _alone(case)
    async with case.bench() as bench:
        commands = _wishes(case, bench)
        bench.wire.plan(None)
        await _many(bench.port, commands)
        requests = bench.wire.count
    for number in spread(requests, 20 if len(case.subject.commands) < FEW else 8):
        async with case.bench() as bench:
            commands = _wishes(case, bench)
            bench.wire.only(number, LOST)
            answers: list[Receipt | CrossdockError] = []
            try:
                answers = await _many(bench.port, commands)
            except TransientError:
                answers = [TransientError("unknown")] * len(commands)
            bench.wire.plan(None)
            for command, answer in zip(commands, answers, strict=True):
                if isinstance(answer, Receipt):
                    continue
                if not isinstance(answer, TransientError):
                    raise Failed(
                        f"answer {number} of {requests} lost: {answer!r:.150}",
                        "answer UnavailableError for commands whose end is unknown",
                    )
                await bench.again(command)
            if _bag(bench.effects()) != wanted:
                raise Failed(
                    f"answer {number} of {requests} lost, each then looked for and tried again: "
                    "the vendor holds something else",
                    "see apply.lost-answer-changes-once",
                )


@check("batch.may-be-empty-or-single", "silver", wants=_batches)
async def small(case: Case) -> None:
    """None is answered by none, one by one."""
    async with case.bench() as bench:
        if await _many(bench.port, []):
            raise Failed("no command is answered by something", "answer []")
        command = _wishes(case, bench)[0]
        error = await caught(lambda: _many(bench.port, [command]))
        if error is not None:
            raise Failed(f"one command alone: {error!r:.150}", "see apply")

"""Does every command change the vendor once, whatever happens on the way?

`effects` of the subject is the witness. What is right is what the same command leaves when it is
applied once, calmly, at a twin of the sandbox.
"""

import asyncio
from dataclasses import replace
from typing import Any

from crossdock.errors import CrossdockError, PermanentError, TransientError
from crossdock.events import COMMAND_TYPES, Command, Receipt
from crossdock.testing.conformance import hostile
from crossdock.testing.conformance.bench import Bench, Case, caught, spread
from crossdock.testing.conformance.kit import Failed, NotForThis, check
from crossdock.testing.conformance.subject import Features
from crossdock.testing.conformance.wire import CUT, LOST, SILENT, Answer, Fault, Seen, refuse

MOST_INTERRUPTIONS = 48
"""In one check over all commands; each command is interrupted at three places at least."""
FEW = 6
"""Types of commands: with fewer, each of them is tried at more places and numbers."""
_LOOK_FIRST = (
    "apply itself must bear a second try, nobody asks `find` before: send command.id as the "
    "vendor's idempotency key, or begin with `if made := await self.find(command): return made`, "
    "where find recognises what an earlier try left by a mark of ours"
)


def _applies(features: Features) -> bool:
    return features.applies


def _wire(features: Features) -> bool:
    return features.applies and features.http


def _types(case: Case) -> list[str]:
    if not case.subject.commands:
        raise Failed("there is no command to try", "give Subject(commands=…)")
    return sorted(case.subject.commands)


async def _calm(case: Case, type_: str) -> tuple[object, object, int]:
    """What the twin holds before and after one calm application, and how many requests it took.

    Measured once for all checks; apply.changes-the-vendor holds that every twin ends the same.
    """
    if type_ not in case.subject.calm:
        case.subject.calm[type_] = await _measured(case, type_)
    return case.subject.calm[type_]


async def _measured(case: Case, type_: str) -> tuple[object, object, int]:
    async with case.bench() as bench:
        command = bench.command(type_)
        before = bench.effects()
        bench.wire.plan(None)
        await bench.port.apply(command)
        return before, bench.effects(), bench.wire.count


def _same(type_: str, what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise Failed(f"{type_}, {what}: the vendor holds {_difference(found, wanted)}", _LOOK_FIRST)


def _difference(found: object, wanted: object) -> str:
    text, other = f"{found!r}", f"{wanted!r}"
    start = next((i for i, (a, b) in enumerate(zip(text, other, strict=False)) if a != b), 0)
    start = max(0, start - 60)
    return f"…{text[start : start + 200]}… instead of …{other[start : start + 200]}…"


@check("apply.changes-the-vendor", "bronze", wants=_applies)
async def changes(case: Case) -> None:
    """Each command has an effect, and the same one at the same vendor."""
    for type_ in _types(case):
        before, after, _ = await _calm(case, type_)
        if before == after:
            raise Failed(
                f"{type_} changed nothing that `effects` shows",
                "carry it out, or show in Subject.effects what it changes",
            )
        _same(type_, "at a twin", (await _measured(case, type_))[1], after)


@check("apply.gives-a-receipt", "bronze", wants=_applies)
async def receipts(case: Case) -> None:
    """The vendor's own id becomes a cross-reference: `crossdock trace` finds both."""
    async with case.bench() as bench:
        for number, type_ in enumerate(_types(case), 1):
            receipt = await bench.port.apply(bench.command(type_, number))
            if not isinstance(receipt, Receipt):
                raise Failed(
                    f"{type_} returns {receipt!r}", "return crossdock.Receipt(native_id=…)"
                )
            texts: list[Any] = [*receipt.extra_ids, *receipt.extra_ids.values(), receipt.note]
            texts += [] if receipt.native_id is None else [receipt.native_id]
            wrong = [one for one in texts if not isinstance(one, str)] or receipt.native_id == ""
            if wrong or len(receipt.note) > 1_000:
                raise Failed(f"{type_} returns {receipt!r:.200}", "ids are text, notes are short")


@check("apply.twice-changes-once", "bronze", wants=_applies)
async def twice(case: Case) -> None:
    """A command may be delivered again after its receipt was lost."""
    await _repeated(case, 2)


@check("apply.thrice-changes-once", "bronze", wants=_applies)
async def thrice(case: Case) -> None:
    """The third time is no different, nor is another process."""
    await _repeated(case, 3)


async def _repeated(case: Case, times: int) -> None:
    for type_ in _types(case):
        _, wanted, _ = await _calm(case, type_)
        async with case.bench() as bench:
            command = bench.command(type_)
            for attempt in range(1, times + 1):
                async with bench.reopened() as port:
                    await _tried(port, replace(command, attempt=attempt))
            _same(type_, f"applied {times} times", bench.effects(), wanted)


async def _tried(port: Any, command: Command[Any]) -> None:
    """A refusal of what was done already is the vendor's word; the connector must not let it be."""
    try:
        await port.apply(command)
    except CrossdockError as error:
        if command.attempt == 1:
            raise
        raise Failed(
            f"{command.type}, done already and delivered again: {type(error).__name__}: "
            f"{error!s:.200}",
            _LOOK_FIRST,
        ) from error


@check("apply.find-sees-nothing-before", "bronze", wants=_applies)
async def find_nothing(case: Case) -> None:
    """What was never done must not be found, or it is never done."""
    async with case.bench() as bench:
        for number, type_ in enumerate(_types(case), 1):
            command = replace(bench.command(type_, number), attempt=2)
            before = bench.effects()
            found = await bench.port.find(command)
            if found is not None:
                raise Failed(
                    f"{type_}: find says {found!r:.150} before anything was done",
                    "return None unless this very command left it",
                )
            if bench.effects() != before:
                raise Failed(f"{type_}: find changed the vendor", "only read in find")


@check("apply.find-agrees-with-the-receipt", "bronze", wants=_applies)
async def find_receipt(case: Case) -> None:
    """What find tells of an earlier try is what apply would have told."""
    async with case.bench() as bench:
        for number, type_ in enumerate(_types(case), 1):
            command = bench.command(type_, number)
            receipt = await bench.port.apply(command)
            after = bench.effects()
            async with bench.reopened() as port:
                found = await port.find(replace(command, attempt=2))
            if bench.effects() != after:
                raise Failed(f"{type_}: find changed the vendor", "only read in find")
            if found is not None and found.native_id != receipt.native_id:
                raise Failed(
                    f"{type_}: find says {found.native_id!r}, apply said {receipt.native_id!r}",
                    "give the same native id for the same thing",
                )


@check("apply.lost-answer-changes-once", "bronze", wants=_wire)
async def lost(case: Case) -> None:
    """The vendor did it and the answer never came, at each request in turn."""
    await _interrupted(case, LOST, "its answer lost")


@check("apply.interrupted-changes-once", "bronze", wants=_wire)
async def interrupted(case: Case) -> None:
    """Cut before the vendor saw it, at each request in turn; the rest is done the second time."""
    await _interrupted(case, CUT, "cut")


@check("apply.500-after-the-effect-changes-once", "silver", wants=_wire)
async def failed_after(case: Case) -> None:
    """A vendor may fail after it did the work: 500 says nothing about it."""
    fault = Fault(kind="instead", answer=Answer(status=500, body=b"oops"))
    await _interrupted(case, fault, "answered 500 though it was done")


@check("apply.bad-gateway-changes-once", "silver", wants=_wire)
async def bad_gateway(case: Case) -> None:
    """A gateway that gives up (502, 504) knows nothing of what happened behind it."""
    fault = Fault(kind="instead", answer=Answer(status=504, body=b"gateway time-out"))
    await _interrupted(case, fault, "answered 504 though it was done")


@check("apply.refused-once-goes-on", "silver", wants=_wire)
async def limited(case: Case) -> None:
    """A limited request was not done: the command goes on when the vendor allows it."""
    await _interrupted(case, refuse(429, b"", retry_after="0"), "answered 429")


async def _interrupted(case: Case, fault: Fault, what: str) -> None:
    for type_ in _types(case):
        _, wanted, requests = await _calm(case, type_)
        for number in spread(requests, max(3, MOST_INTERRUPTIONS // len(case.subject.commands))):
            async with case.bench() as bench:
                command = bench.command(type_)
                bench.wire.dies(number, fault)
                error = await caught(lambda: bench.port.apply(command))  # noqa: B023
                bench.wire.plan(None)
                where = f"request {number} of {requests} {what}"
                if error is not None and not isinstance(error, TransientError):
                    raise Failed(
                        f"{type_}, {where}: {type(error).__name__}: {error!s:.150}; "
                        "must be transient",
                        "let UnavailableError and RateLimitedError rise",
                    )
                if error is not None:
                    await _again(bench, command, type_, where)
                _same(type_, f"{where}, then tried again", bench.effects(), wanted)


async def _again(bench: Bench, command: Command[Any], type_: str, where: str) -> None:
    async with bench.reopened() as port:  # as after a crash: nothing is remembered
        error = await caught(lambda: bench.again(command, port))
    if error is not None:
        raise Failed(
            f"{type_}, {where}: the second try fails: {type(error).__name__}: {error!s:.150}",
            "go on from whatever half-way state the first try left",
        )


@check("apply.cancelled-changes-once", "silver", wants=_wire)
async def cancelled(case: Case) -> None:
    """A runner that stops cancels what it is doing, before the vendor saw it or just after."""
    for type_ in _types(case):
        _, wanted, requests = await _calm(case, type_)
        middle = {(requests + 1) // 2} if len(case.subject.commands) < FEW else set()
        for number in sorted({1, requests} | middle):
            for unseen in (False, True):
                async with case.bench() as bench:
                    command = bench.command(type_)
                    await _cancel(bench, command, number, unseen=unseen)
                    what = "before" if unseen else "after"
                    where = f"cancelled {what} the vendor saw request {number} of {requests}"
                    await _again(bench, command, type_, where)
                    _same(type_, f"{where}, then tried again", bench.effects(), wanted)


async def _cancel(bench: Bench, command: Command[Any], number: int, *, unseen: bool) -> None:
    """Apply, and cancel at this request."""
    reached = asyncio.Event()

    def stop(seen: Seen) -> Fault | None:
        if seen.number < number:
            return None
        reached.set()
        return SILENT if unseen or seen.number > number else None

    bench.wire.plan(stop)
    task = asyncio.ensure_future(bench.port.apply(command))
    waiter = asyncio.ensure_future(reached.wait())
    await asyncio.wait({task, waiter}, return_when=asyncio.FIRST_COMPLETED)
    waiter.cancel()
    if not unseen:
        await asyncio.sleep(0.01)  # the vendor does it; perhaps the answer comes, too
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    bench.wire.plan(None)


@check("apply.different-entities-go-together", "silver", wants=_applies)
async def together(case: Case) -> None:
    """Different entities are handled concurrently; none may take the other's state."""
    many = 6 if len(case.subject.commands) < FEW else 3
    for type_ in _types(case):
        async with case.bench() as bench:
            for number in range(1, many + 1):
                await bench.port.apply(bench.command(type_, number))
            wanted = bench.effects()
        async with case.bench() as bench:
            commands = [bench.command(type_, number) for number in range(1, many + 1)]
            await asyncio.gather(*(bench.port.apply(command) for command in commands))
            what = f"{many} at a time instead of one by one"
            _same(type_, what, _bag(bench.effects()), _bag(wanted))


def _bag(value: object) -> object:
    """Lists without their order: who came first does not matter here."""
    if isinstance(value, list | tuple | set | frozenset):
        return sorted((repr(_bag(one)) for one in value), key=str)
    if isinstance(value, dict):
        return {key: _bag(one) for key, one in sorted(value.items(), key=lambda kv: repr(kv[0]))}
    return value


@check("apply.unknown-commands-are-refused", "bronze", wants=_applies)
async def unknown(case: Case) -> None:
    """A command it does not handle is refused in words, never carried out as something else."""
    others = sorted(set(COMMAND_TYPES) - case.connector.handles)
    if not others:
        raise NotForThis("it handles every command there is")
    async with case.bench() as bench:
        mine = bench.command(_types(case)[0])
        before = bench.effects()
        other = replace(mine, type=others[0])
        error = await caught(lambda: bench.port.apply(other))
        if not isinstance(error, PermanentError) or bench.effects() != before:
            raise Failed(
                f"{others[0]}: {error!r:.150}",
                "raise RejectedError that names the command and what is handled",
            )


@check("apply.hostile-texts-do-no-harm", "silver", wants=_applies)
async def texts(case: Case) -> None:
    """Names, notes and titles come from strangers; they end in a receipt or in our errors."""
    hard = [t for t in hostile.TEXTS if t.strip() and len(t) < 200]
    for type_ in _types(case):
        async with case.bench() as bench:
            for number, text in enumerate(hard, 1):
                command = bench.command(type_, number)
                spoiled = replace(command, data=_spoiled(command.data, text))
                if spoiled.data == command.data:
                    break  # it has no place for a person's words
                error = await caught(lambda: bench.port.apply(spoiled))  # noqa: B023
                if error is not None and not isinstance(error, CrossdockError):
                    raise Failed(
                        f"{type_} with {text[:30]!r} in its texts: {type(error).__name__}: {error}",
                        "send text as it is, encoded by context.http; quote what goes into queries",
                    )


_FREE = frozenset(
    {"title", "note", "full_name", "company", "locality", "customer_name", "name", "description"}
)


def _spoiled(entity: Any, text: str) -> Any:
    """The entity with this text wherever a person's words may stand."""
    from crossdock.jsontext import parse

    body = parse(entity.dump())
    for path, found in list(hostile.leaves(body)):
        name = next((str(step) for step in reversed(path) if isinstance(step, str)), "")
        if isinstance(found, str) and name in _FREE:
            hostile.at(body, path[:-1])[path[-1]] = text
    return type(entity).model_validate(body)


@check("apply.refusal-changes-nothing", "silver", wants=_wire)
async def refusal(case: Case) -> None:
    """What the vendor refuses at its first word leaves nothing behind, and says why."""
    for type_ in _types(case):
        async with case.bench() as bench:
            command = bench.command(type_)
            before = bench.effects()
            bench.wire.always(refuse(422, {"error": "kit says no"}))
            error = await caught(lambda: bench.port.apply(command))  # noqa: B023
            bench.wire.plan(None)
            if not isinstance(error, PermanentError) or bench.effects() != before:
                raise Failed(f"{type_} refused with 422: {error!r:.150}", "let RejectedError rise")

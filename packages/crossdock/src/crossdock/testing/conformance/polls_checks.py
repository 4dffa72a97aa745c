"""Is every change told, however a poll is interrupted, and is it the same news each time?"""

from collections.abc import Sequence

from crossdock.errors import CrossdockError
from crossdock.events import Raw
from crossdock.testing.conformance.bench import Bench, Case, caught, spread
from crossdock.testing.conformance.kit import Failed, check
from crossdock.testing.conformance.subject import Features
from crossdock.testing.conformance.wire import CUT, Seen, refuse

MANY = 12
"""Changes made at once: more than a small page, at one moment of most clocks."""
LONGEST_CURSOR = 4_000
MOST_REQUESTS = 12
"""Requests of one poll that are interrupted, evenly spread, one after the other."""


def _polls(features: Features) -> bool:
    return features.polls


def _wire(features: Features) -> bool:
    return features.polls and features.http


async def _many(bench: Bench, first: int = 1, count: int = MANY) -> list[str]:
    return [await bench.change(number) for number in range(first, first + count)]


def _ids(raws: Sequence[Raw]) -> set[str]:
    return {raw.delivery_id for raw in raws}


def _last(raws: Sequence[Raw], before: str | None = None) -> str | None:
    """The cursor that the framework would keep: that of the last record it stored."""
    return next((raw.cursor for raw in reversed(raws) if raw.cursor is not None), before)


async def _settled(bench: Bench) -> tuple[list[Raw], str | None]:
    """Everything there is to tell, and the cursor after it."""
    raws: list[Raw] = []
    cursor: str | None = None
    for _ in range(50):
        more = await bench.poll(cursor)
        fresh = [raw for raw in more if raw.delivery_id not in _ids(raws)]
        cursor = _last(more, cursor)
        raws += fresh
        if not fresh:
            return raws, cursor
    raise Failed(
        "after 50 polls without any change there is still fresh news",
        "give a record the same delivery_id each time it is told",
    )


@check("poll.tells-every-change", "bronze", wants=_polls)
async def every_change(case: Case) -> None:
    """What changed is told under its key; what is not told never happens."""
    async with case.bench() as bench:
        keys = await _many(bench)
        told = {raw.key for raw in (await _settled(bench))[0]}
        lost = [key for key in keys if key not in told]
        if lost:
            raise Failed(
                f"{len(lost)} of {len(keys)} changes are not told, the first {lost[0]!r}; "
                f"told were {sorted(told)[:5]}",
                "follow the vendor's paging to its end; Raw.key must be what `change` returns",
            )


@check("poll.records-are-complete", "bronze", wants=_polls)
async def complete(case: Case) -> None:
    """Key, delivery id and cursor are what the framework works with."""
    async with case.bench() as bench:
        await _many(bench, count=3)
        for raw in await bench.poll(None):
            absent = [
                name for name in ("topic", "key", "delivery_id", "cursor") if not getattr(raw, name)
            ]
            if absent:
                raise Failed(
                    f"{raw!r} has no {', '.join(absent)}", "set them in the Raw that poll yields"
                )
            if len(raw.cursor or "") > LONGEST_CURSOR:
                raise Failed(
                    f"a cursor of {len(raw.cursor or '')} characters",
                    "keep a place in the cursor, not what was seen",
                )


@check("poll.records-can-be-translated", "bronze", wants=_polls)
async def translated(case: Case) -> None:
    """Poll and translate must speak of the same records."""
    async with case.bench() as bench:
        await _many(bench, count=3)
        raws = await bench.poll(None)
        said = 0
        for raw in raws:
            told = case.outcome(Raw(raw.topic, data=raw.data, key=raw.key, headers=raw.headers))
            said += isinstance(told, list)
            if isinstance(told, str) and told.startswith("refused"):
                raise Failed(f"{raw!r} is {told:.200}", "let translate read what poll yields")
        if not said:
            raise Failed("no polled record says anything", "translate the topics you poll")


@check("poll.says-the-same-again", "bronze", wants=_polls)
async def same_again(case: Case) -> None:
    """The same cursor twice: the same news under the same ids, or everything happens twice."""
    async with case.bench() as bench:
        await _many(bench, count=5)
        first = await bench.poll(None)
        async with bench.reopened() as port:
            second = await bench.poll(None, port)
        lost = _ids(first) - _ids(second)
        fresh = _ids(second) - _ids(first)
        if lost or fresh:
            raise Failed(
                f"polled again from the beginning: {len(lost)} missing, {len(fresh)} under other "
                f"ids, such as {sorted(lost | fresh)[:2]}",
                "make delivery_id of the vendor's id and version of the change: no clock, no count",
            )


@check("poll.same-news-has-the-same-bytes", "silver", wants=_polls)
async def same_bytes(case: Case) -> None:
    """One delivery id with two contents goes to the exception desk."""
    async with case.bench() as bench:
        await _many(bench, count=5)
        first = {raw.delivery_id: raw.data for raw in await bench.poll(None)}
        async with bench.reopened() as port:
            for raw in await bench.poll(None, port):
                if first.get(raw.delivery_id, raw.data) != raw.data:
                    raise Failed(
                        f"{raw.delivery_id!r} has other bytes the second time",
                        "leave out of the record what changes by itself (fetched_at, a counter)",
                    )


@check("poll.is-quiet-when-nothing-changed", "bronze", wants=_polls)
async def quiet(case: Case) -> None:
    """Without a change a poll may repeat itself, but must not invent."""
    async with case.bench() as bench:
        await _many(bench, count=4)
        raws, cursor = await _settled(bench)
        fresh = [raw for raw in await bench.poll(cursor) if raw.delivery_id not in _ids(raws)]
        if fresh:
            raise Failed(
                f"nothing changed, yet {fresh[0]!r} is new", "see poll.says-the-same-again"
            )


@check("poll.resumes-from-every-cursor", "bronze", wants=_polls)
async def every_cursor(case: Case) -> None:
    """A crash may happen after any record; from its cursor on, the rest is told."""
    async with case.bench() as bench:
        await _many(bench)
        raws = await bench.poll(None)
        step = max(1, len(raws) // 15)
        for index in range(0, len(raws), step):
            async with bench.reopened() as port:
                rest = _ids(await bench.poll(raws[index].cursor, port))
            lost = _ids(raws[index + 1 :]) - rest - _ids(raws[: index + 1])
            if lost:
                raise Failed(
                    f"resumed after record {index + 1} of {len(raws)}: {len(lost)} are lost, "
                    f"such as {min(lost)!r}",
                    "a cursor must stand for what was yielded up to this record and no further; "
                    "overlap rather than skip where several records share one moment",
                )


@check("poll.tells-a-later-change", "bronze", wants=_polls)
async def later(case: Case) -> None:
    """A change after the cursor is told by the next poll, in a new process as well."""
    async with case.bench() as bench:
        await _many(bench, count=3)
        seen, cursor = await _settled(bench)
        key = await bench.change(1)
        async with bench.reopened() as port:
            told = await bench.poll(cursor, port)
        if key not in {raw.key for raw in told if raw.delivery_id not in _ids(seen)}:
            raise Failed(
                f"a second change of {key!r} is not told as new after the cursor",
                "ask for what changed since the cursor (inclusive where clocks are coarse), and "
                "put the version of the change into delivery_id",
            )


@check("poll.newer-news-has-a-larger-revision", "silver", wants=_polls)
async def revisions(case: Case) -> None:
    """Of two changes to one entity the later must win."""
    async with case.bench() as bench:
        key = await bench.change(1)
        first, cursor = await _settled(bench)
        await bench.change(1)
        second = await bench.poll(cursor)
        before = [e for raw in first if raw.key == key for e in case.translate(raw)]
        after = [e for raw in second if raw.key == key for e in case.translate(raw)]
        if not before or not after:
            raise Failed(f"{key!r} was not told both times", "see poll.tells-a-later-change")
        one, two = before[-1], after[-1]
        if one.revision is not None and two.revision is not None and two.revision < one.revision:  # type: ignore[operator]
            raise Failed(
                f"{key!r}: revision {two.revision!r} comes after {one.revision!r}",
                "use the vendor's counter or time of change as the revision",
            )


@check("poll.misses-nothing-while-it-reads", "silver", wants=_wire)
async def while_reading(case: Case) -> None:
    """Somebody always changes something while pages are read."""
    async with case.bench() as bench:
        keys = await _many(bench)
        raws: list[Raw] = []
        extra = 0
        async for raw in bench.port.poll(None):
            raws.append(raw)
            if len(raws) % 4 == 0 and extra < 5:
                extra += 1
                keys.append(await bench.change(100 + extra))
                keys.append(await bench.change(extra))  # moves one that was told already
        raws += await bench.poll(_last(raws))
        raws += await bench.poll(_last(raws))
        lost = [key for key in keys if key not in {raw.key for raw in raws}]
        if lost:
            raise Failed(
                f"{len(lost)} changes made while reading are never told, such as {lost[0]!r}",
                "page by a key that does not move (id, or time and id), not by page number; "
                "let the cursor stay behind what may still change",
            )


@check("poll.interrupted-anywhere-loses-nothing", "silver", wants=_wire)
async def interrupted(case: Case) -> None:
    """Each request of a poll is cut in turn; what was stored plus the next poll is everything."""
    async with case.bench() as bench:
        await _many(bench)
        bench.wire.plan(None)
        whole = _ids(await bench.poll(None))
        requests = bench.wire.count
        for number in spread(requests, MOST_REQUESTS):
            async with bench.reopened() as port:
                bench.wire.dies(number, CUT)
                stored: list[Raw] = []
                try:
                    async for raw in port.poll(None):
                        stored.append(raw)  # noqa: PERF401 - what came before the cut counts
                except CrossdockError:
                    pass
                bench.wire.plan(None)
                stored += await bench.poll(_last(stored), port)
                stored += await bench.poll(_last(stored), port)
            lost = whole - _ids(stored)
            if lost:
                raise Failed(
                    f"cut at request {number} of {requests}: {len(lost)} are lost, such as "
                    f"{min(lost)!r}",
                    "let errors rise out of poll, and move the cursor only with what was yielded",
                )


@check("poll.failure-is-not-the-end", "silver", wants=_wire)
async def failing(case: Case) -> None:
    """A poll that fails must raise: ending quietly looks like 'nothing more'."""
    async with case.bench() as bench:
        await _many(bench)
        bench.wire.plan(None)
        await bench.poll(None)
        requests = bench.wire.count
        for number in spread(requests, MOST_REQUESTS):
            async with bench.reopened() as port:
                bench.wire.only(number, refuse(500, b"oops"))
                error = await caught(lambda port=port: bench.poll(None, port))  # type: ignore[misc]
                hit, again = bool(bench.wire.hit), bench.wire.count > number
                bench.wire.plan(None)
                if hit and error is None and not again:
                    raise Failed(
                        f"request {number} of {requests} failed and poll ended without an error",
                        "catch nothing in poll",
                    )


@check("poll.damaged-cursor-is-ours", "silver", wants=_polls)
async def damaged(case: Case) -> None:
    """A cursor of an older version or a damaged one is told in words, or begins anew."""
    async with case.bench() as bench:
        await bench.change(1)
        for cursor in ("", "kit", "{", "null", "[]", "9" * 40, "\u202e", "2026-99-99"):
            error = await caught(lambda cursor=cursor: bench.poll(cursor))  # type: ignore[misc]
            if error is not None and not isinstance(error, CrossdockError):
                raise Failed(
                    f"cursor {cursor!r:.20}: {type(error).__name__}: {error!s:.150}",
                    "raise ContractError naming the cursor, or begin anew",
                )


@check("poll.can-be-left-early", "silver", wants=_polls)
async def left_early(case: Case) -> None:
    """A runner that stops leaves a poll in the middle; nothing may hang or be lost."""
    async with case.bench() as bench:
        await _many(bench)
        whole = _ids(await bench.poll(None))
        stored: list[Raw] = []
        async with bench.reopened() as port:
            records = port.poll(None)
            async for raw in records:
                stored.append(raw)
                if len(stored) == 2:
                    break
            await records.aclose()
            stored += await bench.poll(_last(stored), port)
        lost = whole - _ids(stored)
        if lost:
            raise Failed(
                f"left after two records, {len(lost)} are never told, such as {min(lost)!r}",
                "derive the next place from the cursor given, not from memory",
            )


@check("poll.writes-nothing", "silver", wants=lambda f: f.polls and f.applies)
async def writes_nothing(case: Case) -> None:
    """Reading must not mark, acknowledge or create: a poll may be repeated at any time."""
    async with case.bench() as bench:
        await _many(bench, count=3)
        before = bench.effects()
        await bench.poll(None)
        if bench.effects() != before:
            raise Failed("a poll changed the vendor", "only read in poll")


@check("poll.reads-pages", "silver", wants=_wire)
async def pages(case: Case) -> None:
    """Paging is only tested where there are several pages."""
    async with case.bench() as bench:
        paths: list[Seen] = []
        await _many(bench)
        bench.wire.plan(paths.append)
        await bench.poll(None)
        if len({(seen.path, seen.query, seen.body) for seen in paths}) < 3:
            raise Failed(
                f"{MANY} changes were read in {len(paths)} requests: no second page was needed",
                "make pages small: Subject(config={'page_size': 3}), or in the sandbox",
            )

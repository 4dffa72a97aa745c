"""Is news told apart where the vendor's clock is too coarse to do it?"""

import asyncio
import re
from datetime import UTC, datetime, timedelta

from crossdock.testing.conformance.bench import Case
from crossdock.testing.conformance.kit import Failed, check
from crossdock.testing.conformance.polls_checks import _ids, _last, _polls, _settled

WAIT_S = 0.5
MOST_WAITS = 20
_SECONDS = re.compile(
    r"20[0-9]{2}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.0+)?(?![.0-9])"
    r"|(?<![0-9])1[4-9][0-9]{8}(000)?(?![0-9])"
)
"""A time in whole seconds, as text or since 1970."""
_STAY_BEHIND = (
    "tell nothing of the vendor's present second (`page.date`, see 'Coarse clocks' in "
    "docs/guides/polling.md), or take `fingerprint` of the record into the delivery id"
)


@check("poll.tells-both-changes-of-one-second", "silver", wants=_polls)
async def one_second(case: Case) -> None:
    """A vendor's time of change is coarse: what changes twice within a second has one version."""
    if case.subject.change_at is None:
        if await _only_by_seconds(case):
            raise Failed(
                "two changes of one thing are told apart by a time of whole seconds alone, and the "
                "subject gives no `change_at`",
                "give Subject(change_at=…), so that two changes in one second can be played, and "
                f"{_STAY_BEHIND}",
            )
        return
    async with case.bench() as bench:
        moment = datetime.now(UTC).replace(microsecond=0)
        bench.wire.present = moment
        key = await bench.change_at(1, moment)
        first = await bench.poll(None)
        await bench.change_at(1, moment)
        bench.wire.present = moment + timedelta(hours=1)
        early = any(raw.key == key for raw in first)
        for _ in range(1 if early else MOST_WAITS):
            second = await bench.poll(_last(first))
            if any(raw.key == key and raw.delivery_id not in _ids(first) for raw in second):
                return
            if not early:  # it goes by this machine's clock, which nobody can turn
                await asyncio.sleep(WAIT_S)
        told = next((raw.delivery_id for raw in second if raw.key == key), None)
        raise Failed(
            f"{key!r} changed twice in the second {moment:%H:%M:%S}; the second change is "
            + (f"told under the known id {told!r}" if told else "not told when it is over"),
            _STAY_BEHIND
            + ("" if early else "; a delay by our own clock: make it short in Subject(config=…)"),
        )


async def _only_by_seconds(case: Case) -> bool:
    """Whether the ids of two changes of one thing differ in nothing but a time without fraction."""
    async with case.bench() as bench:
        key = await bench.change(1)
        first, cursor = await _settled(bench)
        for _ in range(3):  # into the next second of a sandbox whose changes share each
            await bench.change(1)
        second = await bench.poll(cursor)
        before = {_SECONDS.sub("", raw.delivery_id) for raw in first if raw.key == key}
        new = [raw.delivery_id for raw in second if raw.key == key]
        fresh = [id_ for id_ in new if id_ not in _ids(first) and _SECONDS.search(id_)]
        return any(_SECONDS.sub("", id_) in before for id_ in fresh)

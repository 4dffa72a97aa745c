"""The row of the ledger: one transaction for a batch beside one for each message."""

import asyncio
import contextlib
import dataclasses
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crossdock_runner import garbage
from crossdock_runner.bench.measure import Clock, Goal, Measure, Row, Sample, in_child

BATCH = 100

LEDGER = Row(
    name="ledger",
    meaning="Look up and write inbox rows, on disk when it returns (SQLite, synchronous=FULL)",
    unit="rows/s",
    cases={
        "ours": "one transaction for a batch of 100",
        "each": "one transaction each, one after the other",
        "together": "100 at once, one each, committed as a group",
        "fsync": "append 100 bytes and fdatasync, one after the other",
    },
    goals=(
        Goal(
            text="× one transaction each", case="ours", figure="per_s", versus="each", at_least=30
        ),
        Goal(
            text="× one transaction each (group commit)",
            case="together",
            figure="per_s",
            versus="each",
            at_least=5,
        ),
    ),
)


class OnDisk:
    """Each case on a fresh file."""

    row = LEDGER

    @contextlib.contextmanager
    def open(self, *, quick: bool) -> Iterator[Measure]:
        """See `Bench.open`."""
        budget_s = 0.3 if quick else 1.5

        def measure(case: str) -> Sample:
            with tempfile.TemporaryDirectory(prefix="crossdock-bench-") as folder:
                return in_child("ledger", case, folder=folder, budget_s=budget_s)

        yield measure


def case(name: str, arguments: dict[str, Any]) -> Sample:
    """Runs in the child."""
    folder, budget_s = Path(arguments["folder"]), float(arguments["budget_s"])
    if name == "fsync":
        return _fsync(folder, budget_s)
    return asyncio.run(_rows(name, folder, budget_s))


async def _rows(name: str, folder: Path, budget_s: float) -> Sample:
    from crossdock_stages.ledger import open_ledger, traffic
    from crossdock_stages.ledger.traffic import Seen
    from sqlalchemy.engine import Connection

    blank = Seen(
        event_id="",
        type="order.placed",
        entity_id="ord_0123456789abcdefghjkmnpqrs",
        entity_key="ord_0123456789abcdefghjkmnpqrs",
        connection="web",
        revision="2026-11-21T14:03:23.000000Z",
        landing_id="lnd_0123456789abcdef",
        outcome="applied",
        at=time.time(),
    )

    def rows(first: int, count: int) -> list[Seen]:
        return [
            dataclasses.replace(blank, event_id=f"evt_{number:026d}")
            for number in range(first, first + count)
        ]

    def work(tx: Connection, seen: list[Seen]) -> None:
        known = traffic.already_seen(tx, [one.event_id for one in seen])
        traffic.add_seen(tx, [one for one in seen if one.event_id not in known])

    clock, done, times = Clock(), 0, []
    async with open_ledger(f"sqlite:///{folder}/ledger.db") as ledger:

        async def write(first: int, count: int) -> None:
            seen = rows(first, count)
            started = time.perf_counter()
            await ledger.write(lambda tx: work(tx, seen))
            times.append(time.perf_counter() - started)

        for _ in range(5):
            await write(done, 1)
            done += 1
        times.clear()
        garbage.tune()
        first = done
        clock.begin()
        deadline = time.perf_counter() + budget_s
        while time.perf_counter() < deadline:
            if name == "together":
                await asyncio.gather(*(write(done + offset, 1) for offset in range(BATCH)))
                done += BATCH
            else:
                count = BATCH if name == "ours" else 1
                await write(done, count)
                done += count
        times.sort()
        return clock.end(
            done - first,
            commit_p50_ms=times[len(times) // 2] * 1e3,
            commit_p99_ms=times[int(len(times) * 0.99)] * 1e3,
        )


def _fsync(folder: Path, budget_s: float) -> Sample:
    clock, done = Clock(), 0
    file = os.open(folder / "file", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    clock.begin()
    deadline = time.perf_counter() + budget_s
    while time.perf_counter() < deadline:
        os.write(file, b"x" * 100)
        os.fdatasync(file)
        done += 1
    sample = clock.end(done)
    os.close(file)
    return sample


BENCHES = (OnDisk(),)

"""Rows of starting: how long `crossdock --help` takes beside an interpreter that does nothing."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

from crossdock_runner.bench.measure import Goal, Measure, Row, Sample

START = Row(
    name="start",
    meaning="`crossdock --help` from nothing to the end of the process",
    unit="starts/s",
    shown="ms",
    cases={"ours": "crossdock --help", "python": "python -c pass"},
    goals=(
        Goal(text="milliseconds", case="ours", figure="ms", at_most=150.0),
        Goal(text="× bare interpreter", case="ours", figure="ms", versus="python", at_most=8.0),
    ),
)
STARTS = 5


class Starting:
    """Fresh processes, one after the other."""

    row = START

    @contextlib.contextmanager
    def open(self, *, quick: bool) -> Iterator[Measure]:
        """See `Bench.open`."""
        commands = {
            "ours": [sys.executable, "-m", "crossdock_runner.cli", "--help"],
            "python": [sys.executable, "-c", "pass"],
        }
        times = 2 if quick else STARTS

        def measure(case: str) -> Sample:
            walls, before = [], os.times()
            for _ in range(times):
                started = time.perf_counter()
                subprocess.run(commands[case], check=True, stdout=subprocess.DEVNULL)  # noqa: S603
                walls.append(time.perf_counter() - started)
            after = os.times()
            cpu = after.children_user + after.children_system
            cpu -= before.children_user + before.children_system
            best = sorted(walls)[len(walls) // 2]
            return Sample(
                count=1, seconds=best, cpu_s=cpu / times, rss_mb=0.0, more={"ms": best * 1e3}
            )

        yield measure


BENCHES = (Starting(),)

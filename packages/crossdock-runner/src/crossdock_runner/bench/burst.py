"""The row of the burst: ten times the usual orders for a minute, half of it without the ERP.

The same line as in the row `line`. Between it and the Odoo sandbox stands a gate that is shut in
the middle of the burst: connections are cut, and new ones are hung up on. Whether anything was lost
is read in the ERP's own table.
"""

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from crossdock_runner.bench.line import (
    accepted_by_erp,
    bench_orders,
    signed_requests,
    until_quiet,
    warm_up,
)
from crossdock_runner.bench.load import Load, drive
from crossdock_runner.bench.measure import Goal, Measure, Row, Sample, cpu_s, percentile, rss_mb

CONNECTIONS = 32
USUAL_PER_S = 10.0
TIMES = 10
FIRST_OF_BURST = 1_000_000
LONG_FORM = "CROSSDOCK_BENCH_LONG"
"""Set to anything: the ERP is away for five minutes, and the burst lasts six."""

BURST = Row(
    name="burst",
    meaning=f"{TIMES} × {USUAL_PER_S:g} orders/s for a minute, Odoo away for half of it",
    unit="orders/s",
    shown="drain_s",
    rounds=1,
    cases={"ours": "crossdock run, SQLite, embedded bus, both sandboxes on this machine"},
    goals=(
        Goal(text="orders lost or doubled", case="ours", figure="wrong", at_most=0.0),
        Goal(text="webhooks refused", case="ours", figure="refused", at_most=0.0),
        Goal(text="ms to accept at p99", case="ours", figure="accept_p99_ms", at_most=250.0),
        Goal(text="× the burst's time to drain", case="ours", figure="drain_times", at_most=2.0),
        Goal(text="MB in the runner, at most", case="ours", figure="rss_mb", at_most=512.0),
    ),
)


class Burst:
    """A fresh deployment for every measurement."""

    row = BURST

    @contextlib.contextmanager
    def open(self, *, quick: bool) -> Iterator[Measure]:
        """See `Bench.open`."""
        seconds, away_s = (360.0, 300.0) if os.environ.get(LONG_FORM) else (60.0, 30.0)
        if quick:
            seconds, away_s = 4.0, 2.0

        def measure(case: str) -> Sample:
            with tempfile.TemporaryDirectory(prefix="crossdock-bench-") as folder:
                return asyncio.run(_run(Path(folder), seconds, away_s))

        yield measure


class Gate:
    """A plain relay to one address, which can be shut."""

    def __init__(self) -> None:
        self._address = ("", 0)
        self.url = ""
        self._open: set[asyncio.StreamWriter] = set()
        self.shut = False
        self.hung_up = 0

    def stand_before(self, deployment: dict[str, Any]) -> None:
        """Put it between Crossdock and the ERP."""
        erp = deployment["connections"]["erp"]
        parts = urlsplit(str(erp["url"]))
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        erp["url"] = self.url

    def close(self) -> None:
        """From now on nobody gets through, and whoever was through is cut off."""
        self.shut = True
        for writer in list(self._open):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        if self.shut:
            self.hung_up += 1
            writer.transport.abort()
            return
        there_in, there_out = await asyncio.open_connection(*self._address)
        both = {writer, there_out}
        self._open |= both
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.gather(_pour(reader, there_out), _pour(there_in, writer))
        self._open -= both


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.CancelledError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _run(folder: Path, seconds: float, away_s: float) -> Sample:
    from crossdock_runner.site import Site

    gate = Gate()
    server = await asyncio.start_server(gate.serve, "127.0.0.1", 0)
    gate.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    site = Site(folder, adjust=gate.stand_before)
    try:
        site.start_sandboxes()
        await warm_up(site)
        orders = await bench_orders(site)
        site.start_runner()
        await site.ready()
        return await _measure(site, gate, orders, seconds, away_s)
    finally:
        site.stop()
        server.close()


async def _measure(
    site: Any, gate: Gate, orders: list[tuple[bytes, str]], seconds: float, away_s: float
) -> Sample:
    runner, boxes = site.runner.pid, site._sandboxes.pid
    request = signed_requests(site, orders)
    usual, load = Load(request), Load(lambda number: request(FIRST_OF_BURST + number))
    await drive(usual, site.gateway, connections=4, seconds=2.0, rate=USUAL_PER_S)
    highest, cpu_before, boxes_before = 0.0, cpu_s(runner), cpu_s(boxes)
    started = time.perf_counter()

    async def away() -> None:
        await asyncio.sleep((seconds - away_s) / 2)
        gate.close()
        await asyncio.sleep(away_s)
        gate.shut = False

    outage = asyncio.create_task(away())
    sending = asyncio.create_task(
        drive(
            load,
            site.gateway,
            connections=CONNECTIONS,
            seconds=seconds,
            rate=TIMES * USUAL_PER_S,
        )
    )
    while not sending.done():
        await asyncio.sleep(0.5)
        highest = max(highest, rss_mb(runner))
    await sending
    await outage
    ended = time.perf_counter()
    behind, _ = await until_quiet(site)
    drained = time.perf_counter()
    highest = max(highest, rss_mb(runner))
    refused = usual.refused + load.refused
    accepted = usual.done + load.done - refused
    names = await accepted_by_erp(site)
    return Sample(
        count=len(names),
        seconds=drained - started,
        cpu_s=cpu_s(runner) - cpu_before,
        server_cpu_s=cpu_s(boxes) - boxes_before,
        rss_mb=highest,
        more={
            "accepted": accepted,
            "refused": refused,
            "wrong": abs(accepted - len(set(names))) + len(names) - len(set(names)),
            "behind_when_sending_ended": behind,
            "calls_hung_up_on": gate.hung_up,
            "accept_p50_ms": percentile(load.latencies, 0.5) * 1e3,
            "accept_p99_ms": percentile(load.latencies, 0.99) * 1e3,
            "drain_s": drained - ended,
            "drain_times": (drained - ended) / seconds,
        },
    )


BENCHES = (Burst(),)

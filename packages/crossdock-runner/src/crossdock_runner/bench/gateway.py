"""Rows of the gateway: webhook, HMAC, landed on disk, 202, and told to the bus afterwards.

The yardstick is the same server, uvicorn, with a route of Starlette's that only reads the body.
"""

import asyncio
import contextlib
import dataclasses
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crossdock_runner import garbage
from crossdock_runner.bench.load import SECRET, SHOP
from crossdock_runner.bench.measure import (
    Goal,
    Measure,
    Row,
    Sample,
    cpu_s,
    in_child,
    rss_mb,
    serving,
)

CONNECTIONS = 64
PACE_PER_S = 200

SATURATED = Row(
    name="gateway",
    meaning=f"A 7 KB webhook answered with 202, {CONNECTIONS} connections flat out",
    unit="requests/s",
    rounds=3,
    cases={
        "ours": "verify, land (synchronous=FULL), 202, relay to the bus",
        "read": "uvicorn and Starlette only reading the body",
        "limit": "the least that keeps the promise: HMAC, bare sqlite3, publish (bench/least.py)",
    },
    goals=(
        Goal(
            text="of the server only reading",
            case="ours",
            figure="per_s",
            versus="read",
            at_least=0.33,
        ),
        Goal(
            text="× its own p50 at p99",
            case="ours",
            figure="p99_ms",
            versus="ours",
            versus_figure="p50_ms",
            at_most=6.0,
        ),
        Goal(text="requests refused", case="ours", figure="refused", at_most=0.0),
    ),
)
PACED = Row(
    name="paced",
    meaning=f"A 7 KB webhook answered with 202, {PACE_PER_S} a second",
    unit="requests/s",
    shown="p99_ms",
    rounds=3,
    cases={
        "ours": "verify, land (synchronous=FULL), 202, relay to the bus",
        "read": "uvicorn and Starlette only reading the body",
    },
    goals=(
        Goal(text="ms at p99, from when it was due", case="ours", figure="p99_ms", at_most=50.0),
        Goal(text="requests refused", case="ours", figure="refused", at_most=0.0),
    ),
)


@dataclasses.dataclass(frozen=True)
class AtTheDoor:
    """A server of its own for every measurement, so that no ledger is fuller than another's."""

    row: Row

    @contextlib.contextmanager
    def open(self, *, quick: bool) -> Iterator[Measure]:
        """See `Bench.open`."""
        seconds = 1.0 if quick else 4.0 if self.row is SATURATED else 10.0
        load = "closed" if self.row is SATURATED else "paced"

        def measure(case: str) -> Sample:
            with (
                tempfile.TemporaryDirectory(prefix="crossdock-bench-") as folder,
                serving("gateway", case, folder=folder) as (pid, ready),
            ):
                before, bus_before = cpu_s(pid), cpu_s(ready["bus_pid"])
                sample = in_child(
                    "load",
                    load,
                    url=ready["url"],
                    connections=CONNECTIONS,
                    seconds=seconds,
                    rate=PACE_PER_S,
                )
                return dataclasses.replace(
                    sample,
                    cpu_s=cpu_s(pid) - before,
                    server_cpu_s=cpu_s(ready["bus_pid"]) - bus_before,
                    rss_mb=rss_mb(pid),
                )

        yield measure


def case(name: str, arguments: dict[str, Any]) -> Sample:
    """Runs in the child: serve until standard input is closed."""
    folder = Path(arguments["folder"])
    ours = {"ours": _serve_ours, "limit": _serve_least}.get(name)
    work = ours(folder) if ours else _serve_reader()
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)
    return Sample(count=1, seconds=1, cpu_s=0)


async def _serve_reader() -> None:
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def hook(request: Request) -> Response:
        await request.body()
        return Response(status_code=202)

    await _serve(Starlette(routes=[Route("/hooks/{connection}", hook, methods=["POST"])]), 0)


async def _serve_ours(folder: Path) -> None:
    from crossdock import plugins
    from crossdock.bus import Bus, embedded_server
    from crossdock.connector import Context
    from crossdock_stages.harness import House
    from crossdock_stages.intake import Intake
    from crossdock_stages.ledger import open_ledger
    from crossdock_stages.topology import Topology

    from crossdock_runner.deployment import GatewayConfig
    from crossdock_runner.gateway import make_app

    connector = plugins.load(["shopify"])["shopify"]
    settings = {"shop": SHOP, "access_token": "bench", "webhook_secret": SECRET}
    config = connector.config.model_validate(settings)
    topology = Topology()
    with embedded_server(folder / "bus") as server:
        async with (
            open_ledger(f"sqlite:///{folder}/ledger.db") as ledger,
            Bus(server.url) as bus,
            connector.open(config, Context(connection="web", environment="bench")) as port,
        ):
            await bus.declare(topology.streams(), topology.translate_lanes())
            house = House(bus=bus, ledger=ledger)
            intake = Intake(house, topology)
            relay = asyncio.create_task(intake.relay())
            await _serve(make_app(house, intake, {"web": port}, GatewayConfig()), server.pid)
            relay.cancel()


async def _serve_least(folder: Path) -> None:
    from crossdock.bus import Bus, embedded_server
    from crossdock_stages.ledger import open_ledger
    from crossdock_stages.topology import Topology

    from crossdock_runner.bench import least

    topology, file = Topology(), folder / "ledger.db"
    async with open_ledger(f"sqlite:///{file}"):
        pass  # its tables
    with embedded_server(folder / "bus") as server:
        async with Bus(server.url) as bus:
            await bus.declare(topology.streams(), topology.translate_lanes())
            await _serve(least.make_app(file, bus), server.pid)


async def _serve(app: Any, bus_pid: int) -> None:
    """As `crossdock run` serves, where there is a bus; else as uvicorn does by itself."""
    import uvicorn
    from crossdock.sockets import listen

    from crossdock_runner.door import protocol

    sock = listen(0, "127.0.0.1")
    http = protocol() if bus_pid else "auto"
    config = uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off", http=http)
    server = uvicorn.Server(config)
    serving_task = asyncio.create_task(server._serve([sock]))
    while not server.started:  # noqa: ASYNC110 - uvicorn offers no event
        await asyncio.sleep(0.005)
    garbage.tune()
    url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    sys.stdout.write(json.dumps({"url": url, "bus_pid": bus_pid}) + "\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.should_exit = True
    await serving_task
    sock.close()


BENCHES = (AtTheDoor(SATURATED), AtTheDoor(PACED))

"""The row of the neighbours: one of four connections is sick, and the other three must not notice.

Real bus, ledger, harness and deliver stage in one process; four vendors behind HTTP in another. The
sick one takes calls and never answers, answers 500, or drips one byte a second.
"""

import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

from crossdock_runner import garbage
from crossdock_runner.bench.measure import (
    Clock,
    Goal,
    Measure,
    Row,
    Sample,
    in_child,
    percentile,
    serving,
)

WELL = ("north", "east", "south")
SICK = "west"
PER_S = 30
TICK_S = 0.1
CALL_LIMIT_S = 5.0
"""The connections' own time limit for a call."""
WARM_S = 1.0
NEVER_S = 1_000.0
PATIENCE_S = 15.0
"""How long after the last command the others may take, and the breaker to open."""

NEIGHBOURS = Row(
    name="neighbours",
    meaning=(
        f"One of four connections is sick ({PER_S} commands/s each, "
        f"calls limited to {CALL_LIMIT_S:g} s): what the other three notice"
    ),
    unit="commands/s",
    shown="p99_ms",
    rounds=3,
    cases={
        "ours": "all four are well",
        "hanging": "one never answers",
        "failing": "one answers 500",
        "dripping": "one drips one byte a second",
    },
    goals=tuple(
        goal
        for sick in ("hanging", "failing", "dripping")
        for goal in (
            Goal(
                text="× the p99 when all are well",
                case=sick,
                figure="p99_ms",
                versus="ours",
                at_most=1.2,
            ),
            Goal(text="s until its breaker opens", case=sick, figure="opened_s", at_most=10.0),
            Goal(text="of the others' commands not done", case=sick, figure="undone", at_most=0.0),
        )
    ),
)


class Neighbours:
    """A server, a ledger and vendors of its own for every measurement."""

    row = NEIGHBOURS

    @contextlib.contextmanager
    def open(self, *, quick: bool) -> Iterator[Measure]:
        """See `Bench.open`."""
        seconds = 7.0 if quick else 10.0

        def measure(case: str) -> Sample:
            with (
                tempfile.TemporaryDirectory(prefix="crossdock-bench-") as folder,
                serving("neighbours", "vendors", sick=case) as (_, vendors),
            ):
                return in_child(
                    "neighbours", "line", folder=folder, url=vendors["url"], seconds=seconds
                )

        yield measure


def case(name: str, arguments: dict[str, Any]) -> Sample:
    """Runs in the child: the vendors, or the line that delivers to them."""
    if name == "vendors":
        asyncio.run(_vendors(arguments["sick"]))
        return Sample(count=1, seconds=1, cpu_s=0)
    work = _deliver(Path(arguments["folder"]), arguments["url"], float(arguments["seconds"]))
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


async def _vendors(sick: str) -> None:
    import uvicorn
    from crossdock.sockets import listen
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response, StreamingResponse
    from starlette.routing import Route

    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(1.0)

    async def apply(request: Request) -> Response:
        await request.body()
        if request.path_params["name"] == SICK and sick != "ours":
            if sick == "hanging":
                await asyncio.sleep(3600)
            if sick == "dripping":
                return StreamingResponse(drip())
            return JSONResponse({}, 500)
        await asyncio.sleep(0.005)
        return JSONResponse({"id": "1"})

    app = Starlette(routes=[Route("/{name}", apply, methods=["POST"])])
    sock = listen(0, "127.0.0.1")
    config = uvicorn.Config(app, log_level="critical", access_log=False, lifespan="off")
    server = uvicorn.Server(config)
    task = asyncio.create_task(server._serve([sock]))
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{sock.getsockname()[1]}"}) + "\n")
    sys.stdout.flush()
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.should_exit = server.force_exit = True
    await task


async def _deliver(folder: Path, url: str, seconds: float) -> Sample:
    from crossdock.bus import Bus, Outgoing, embedded_server
    from crossdock.canonical import InventoryLevel
    from crossdock.events import Command, Envelope, Receipt, now_text
    from crossdock.http import Http
    from crossdock.identity import command_id, entity_id
    from crossdock_stages.calls import Target
    from crossdock_stages.deliver import Deliver
    from crossdock_stages.harness import House, Worker
    from crossdock_stages.ledger import open_ledger, traffic
    from crossdock_stages.ledger.traffic import ToSend
    from crossdock_stages.topology import Topology

    sent: dict[str, float] = {}
    took: dict[str, list[float]] = {name: [] for name in (*WELL, SICK)}

    class Vendor:
        """The smallest connector: one call for one command."""

        def __init__(self, name: str, http: Http) -> None:
            self.name, self.http = name, http

        async def find(self, command: Command[Any]) -> Receipt | None:
            """Nothing can be looked up there."""
            return None

        async def apply(self, command: Command[Any]) -> Receipt:
            """See `Applies.apply`."""
            await self.http.post(f"/{self.name}", json={"sku": command.data.sku})
            took[self.name].append(time.perf_counter() - sent[command.id])
            return Receipt(native_id=command.data.sku)

    topology, clock = Topology(), Clock()
    async with contextlib.AsyncExitStack() as stack:
        server = stack.enter_context(embedded_server(folder / "bus"))
        ledger = await stack.enter_async_context(open_ledger(f"sqlite:///{folder}/ledger.db"))
        bus = await stack.enter_async_context(Bus(server.url))
        house = House(bus=bus, ledger=ledger)
        targets, workers = {}, []
        lanes = {name: topology.deliver_lanes(name) for name in took}
        await bus.declare(topology.streams(), [lane for each in lanes.values() for lane in each])
        for name in took:
            http = await stack.enter_async_context(
                Http(name=name, base_url=url, timeout_s=CALL_LIMIT_S)
            )
            targets[name] = Target(name=name, port=Vendor(name, http))
            stage = Deliver(house, topology, targets[name])
            workers += [Worker(stage, bus.lane(lane), house) for lane in lanes[name]]

        def wish(name: str, number: int) -> ToSend:
            sku = f"{name}-{number}"
            subject = entity_id("erp", "inventory", sku)
            level = InventoryLevel(sku=sku, location="MAIN", on_hand="5", available="5")
            envelope = Envelope(
                id=command_id(name, "inventory.publish", subject),
                source=topology.source("crossdock"),
                type="crossdock.inventory.publish.v1",
                subject=subject,
                key=subject,
                time=now_text(),
                connection=name,
            )
            return ToSend(
                message=topology.command(envelope, level.dump(), name),
                connection=name,
                type="inventory.publish",
                entity_id=subject,
                entity_key=subject,
                cause="bench",
            )

        async def send(number: int) -> None:
            """One tick's commands, promised in the ledger and told to the bus, as decide does."""
            each = max(1, round(PER_S * TICK_S))
            wishes = [wish(name, number * each + at) for name in took for at in range(each)]
            now = time.perf_counter()
            sent.update({one.message.id: now for one in wishes})
            await ledger.write(lambda tx: traffic.add_outgoing(tx, wishes, time.time()))
            messages: list[Outgoing] = [one.message for one in wishes]
            await bus.publish(messages)

        garbage.tune()
        running = [asyncio.create_task(worker.run()) for worker in workers]
        opened_s, started, number = 0.0, time.perf_counter(), 0
        tasks: set[asyncio.Task[None]] = set()
        breaker = targets[SICK].breaker
        clock.begin()
        while (now := time.perf_counter() - started) < WARM_S + seconds:
            task = asyncio.create_task(send(number))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
            number += 1
            if breaker.opened and not opened_s:
                opened_s = now
            await asyncio.sleep(max(0.0, started + number * TICK_S - time.perf_counter()))
        wanted = number * max(1, round(PER_S * TICK_S))
        give_up_at = time.perf_counter() + PATIENCE_S
        while time.perf_counter() < give_up_at:
            if breaker.opened and not opened_s:
                opened_s = time.perf_counter() - started
            done = [name for name in took if len(took[name]) >= wanted]
            if len(done) == len(took) or (opened_s and set(done) >= set(WELL)):
                break
            await asyncio.sleep(0.02)
        latencies = [one for name in WELL for one in took[name][int(WARM_S * PER_S) :]]
        sample = clock.end(
            sum(map(len, took.values())),
            p50_ms=percentile(latencies, 0.5) * 1e3,
            p99_ms=percentile(latencies, 0.99) * 1e3,
            undone=sum(wanted - len(took[name]) for name in WELL),
            opened_s=opened_s or (0.0 if len(took[SICK]) == wanted else NEVER_S),
        )
        for one in (*running, *tasks):
            one.cancel()
        await asyncio.gather(*running, *tasks, return_exceptions=True)
    return sample


BENCHES = (Neighbours(),)

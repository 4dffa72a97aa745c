"""The composition root: the one place that picks implementations and wires them together."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import uvicorn
from crossdock.bus import Bus, Embedded, Stream, embedded_server
from crossdock.connector import Applies, Context, Polls, Webhooks, secrets_in
from crossdock.errors import ConfigError, UnavailableError
from crossdock.sockets import listen
from crossdock_stages.calls import Target
from crossdock_stages.decide import Decide
from crossdock_stages.deliver import Deliver
from crossdock_stages.harness import House, Stage, Worker
from crossdock_stages.intake import Intake
from crossdock_stages.ledger import open_ledger
from crossdock_stages.sharing import Sharing
from crossdock_stages.stockkeeper import Stockkeeper
from crossdock_stages.sweeper import Sweeper
from crossdock_stages.topology import RAW, Topology
from crossdock_stages.translate import Translate
from starlette.types import ASGIApp

from crossdock_runner import garbage
from crossdock_runner.deployment import Deployment, GatewayConfig
from crossdock_runner.door import protocol
from crossdock_runner.gateway import make_app
from crossdock_runner.options import Role
from crossdock_runner.reconciling import schedules

log = logging.getLogger("crossdock.runner")

DRAIN_S = 20.0
RESTART_DELAY_S = 1.0
LOOK_AT_BUS_S = 0.5
START_PATIENCE_S = 60.0
"""How long a bus that is there, but does not answer, is asked at start-up."""


@dataclass
class Line:
    """A wired deployment, not yet running."""

    gateway: GatewayConfig
    house: House
    intake: Intake
    app: ASGIApp
    workers: list[Worker]
    loops: dict[str, Callable[[], Awaitable[None]]]
    leave: Callable[[], Awaitable[None]]
    """Tells the other runners that this one ends."""
    connectors: Mapping[str, Any] = field(default_factory=dict)
    url: str = ""

    async def run(self, stop: asyncio.Event, ready: Callable[[str], None] | None = None) -> None:
        """Work until `stop`, then finish what is at hand, for at most DRAIN_S."""
        gateway = self.gateway
        try:
            sock = listen(gateway.port, gateway.host)
        except OSError as error:
            raise ConfigError(
                f"gateway: cannot listen on {gateway.host}, port {gateway.port}: {error.strerror}"
            ) from error
        self.url = f"http://{gateway.host}:{sock.getsockname()[1]}"
        server = uvicorn.Server(
            uvicorn.Config(
                self.app, log_level="warning", access_log=False, lifespan="off", http=protocol()
            )
        )
        tasks = {
            name: asyncio.create_task(_kept_alive(name, loop), name=name)
            for name, loop in self.loops.items()
        }
        works = [
            asyncio.create_task(_kept_alive(worker.lane.durable, worker.run))
            for worker in self.workers
        ]
        serving = asyncio.create_task(_serve(server, sock), name="gateway")
        garbage.tune()
        if ready is not None:
            ready(self.url)
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({stopping, serving}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        log.info("stopping: no new work, finishing what is at hand")
        server.should_exit = True
        for worker in self.workers:
            worker.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self.leave()
                await serving
                await self.intake.drained()
                await asyncio.gather(*works)
        for task in (*tasks.values(), *works):
            task.cancel()
        await asyncio.gather(*tasks.values(), *works, return_exceptions=True)
        sock.close()


async def _serve(server: uvicorn.Server, sock: Any) -> None:
    # `serve` would take over the process's signals, which are ours
    await server._serve([sock])


async def _kept_alive(name: str, loop: Callable[[], Awaitable[None]]) -> None:
    """Start a loop again when a fault of ours ends it; one bad moment never ends the process."""
    while True:
        try:
            await loop()
        except Exception:
            log.exception("%s stopped by a fault of ours; starting it again", name)
            await asyncio.sleep(RESTART_DELAY_S)
        else:
            return


async def _kept_running(server: Embedded) -> None:
    """A nats-server of ours that ends by itself is started again; the ledger refills it."""
    while True:
        await asyncio.sleep(LOOK_AT_BUS_S)
        ended = server.revive()
        if ended is not None:
            log.error("nats-server ended with %s; it was started again", ended)
            await asyncio.sleep(RESTART_DELAY_S)


@asynccontextmanager
async def assemble(
    deployment: Deployment, only: Role | None = None, port: int | None = None
) -> AsyncIterator[Line]:
    """Open everything a deployment names, or one role's part, in the order in which it is needed.

    A gateway by itself starts while the bus is away: what it accepts is in the ledger. `port`
    stands in for the one of the file. ConfigError for roles apart on an embedded bus.
    """
    if only is not None and deployment.bus.url == "embedded":
        raise ConfigError(
            f"--only {only} with bus.url embedded: its nats-server belongs to one process; run "
            "a nats-server that all reach and name it in the file, bus: {url: nats://host:4222}"
        )
    gateway_config = deployment.gateway
    if port is not None:
        gateway_config = gateway_config.model_copy(update={"port": port})
    topology = Topology(
        environment=deployment.environment,
        lanes=deployment.bus.lanes,
        replicas=deployment.bus.replicas,
    )
    async with AsyncExitStack() as stack:
        ledger = await stack.enter_async_context(open_ledger(deployment.ledger_url))
        loops: dict[str, Callable[[], Awaitable[None]]] = {}
        url = deployment.bus.url
        if url == "embedded":
            server = stack.enter_context(embedded_server(deployment.bus_store))
            url = server.url
            loops["nats-server"] = partial(_kept_running, server)
            log.info("nats-server runs at %s", server.address)
        bus = await stack.enter_async_context(
            Bus(
                url,
                name=f"crossdock {only}" if only else "crossdock",
                credentials=deployment.bus.credentials,
                patient=only is Role.GATEWAY,
            )
        )
        house = House(bus=bus, ledger=ledger)
        sharing = Sharing(ledger, well=lambda: bus.connected)
        opened = {}
        for name, setup in deployment.connections.items():
            context = Context(
                connection=name,
                environment=deployment.environment,
                pacer=sharing.pacer(name),
                secrets=secrets_in(setup.config),
            )
            opened[name] = await stack.enter_async_context(
                setup.connector.open(setup.config, context)
            )
        intake = Intake(house, topology)
        stages: list[tuple[Any, Stage]] = []
        hooks: dict[str, Webhooks] = {}
        if only is not Role.STAGES:
            loops["relay"] = intake.relay
            hooks = {name: one for name, one in opened.items() if isinstance(one, Webhooks)}
        if only is not Role.GATEWAY:
            stages = _stages(deployment, house, topology, opened, sharing)
            loops["sweeper"] = Sweeper(house, topology).run
            for name, loop in schedules(deployment, ledger, opened).items():
                loops[name] = partial(sharing.alone, name, loop)
            if deployment.rules.keeps_stock:
                loops["stock"] = Stockkeeper(house, topology, deployment.rules).run
            loops["sharing"] = sharing.run
            for name, one in opened.items():
                if isinstance(one, Polls):
                    poll = _poll(intake, deployment, name, one)
                    loops[f"poll {name}"] = partial(sharing.alone, f"poll {name}", poll)
        await _declare(bus, _streams(topology, only), [lane for lane, _ in stages])
        workers = [Worker(stage, bus.lane(lane), house) for lane, stage in stages]
        sharing.spread(workers)
        yield Line(
            gateway=gateway_config,
            house=house,
            intake=intake,
            app=make_app(house, intake, hooks, gateway_config),
            workers=workers,
            loops=loops,
            leave=sharing.leave,
            connectors=opened,
        )


async def _declare(bus: Bus, streams: Sequence[Stream], lanes: Sequence[Any]) -> None:
    """A cluster that elects leaders, or that several runners ask at once, may need a while."""
    give_up_at = time.monotonic() + START_PATIENCE_S
    while True:
        try:
            await bus.declare(streams, lanes)
        except UnavailableError as error:
            if time.monotonic() > give_up_at:
                raise
            log.warning("%s; asking again", error)
            await asyncio.sleep(1.0)
        else:
            return


def _streams(topology: Topology, only: Role | None) -> tuple[Stream, ...]:
    """A gateway makes the one stream it fills: one kept by interest must not be without readers."""
    every = topology.streams()
    return every if only is not Role.GATEWAY else tuple(s for s in every if s.name == RAW)


def _poll(
    intake: Intake, deployment: Deployment, name: str, port: Polls
) -> Callable[[], Awaitable[None]]:
    every_s = deployment.connections[name].poll_every_s
    return lambda: intake.poll(name, port, every_s=every_s)


def _stages(
    deployment: Deployment,
    house: House,
    topology: Topology,
    opened: Mapping[str, Any],
    sharing: Sharing,
) -> list[tuple[Any, Stage]]:
    """Every lane with the stage that works on it."""
    connectors = {name: setup.connector for name, setup in deployment.connections.items()}
    translate = Translate(house, topology, connectors)
    decide = Decide(house, topology, deployment.rules)
    pairs: list[tuple[Any, Stage]] = [(lane, translate) for lane in topology.translate_lanes()]
    pairs += [(lane, decide) for lane in topology.decide_lanes()]
    for name, port in opened.items():
        if isinstance(port, Applies):
            target = Target(name=name, port=port, breaker=sharing.breaker(name))
            deliver = Deliver(house, topology, target)
            pairs += [(lane, deliver) for lane in topology.deliver_lanes(name)]
    return pairs

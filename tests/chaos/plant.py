"""The line in this process, in which every place where it touches the outside can be its last.

A process changes nothing outside itself but at its edges: a commit, a publish, an acknowledgement,
a call. To die between any two lines is to die just after the last edge before them. So the edges,
before, in the middle and after, are all the crash points there are; `Points` numbers them as they
are reached and, when told to, ends the plant at one. Nothing of this is in the product: the plant
hands the stages a ledger, a bus and vendors that count.
"""

import asyncio
import contextlib
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextvars import ContextVar, copy_context
from pathlib import Path
from typing import Any

import nats
from crossdock.bus import Bus, Delivery, Lane, Outgoing
from crossdock.bus.jetstream import Consumer
from crossdock.errors import CrossdockError, UnavailableError
from crossdock.events import Command, Raw, Receipt
from crossdock_stages import decide, deliver, harness, intake, sweeper, translate
from crossdock_stages.calls import Target
from crossdock_stages.harness import House
from crossdock_stages.ledger.store import SqliteLedger
from crossdock_stages.rules import Domain, Rules
from crossdock_stages.topology import REPLAY, Topology
from mini import Hooks, Vendor, World, connector
from servers import NatsServer

WHO: ContextVar[str] = ContextVar("WHO", default="intake")
RULES = Rules(
    domains={
        "orders": Domain(capture=("web",), execute="erp"),
        "inventory": Domain(owner="erp", publish_to=("web",)),
        "fulfillment": Domain(owner="erp", publish_to=("web",)),
    },
    handles={
        "erp": frozenset({"order.create", "order.update"}),
        "web": frozenset({"fulfillment.create", "inventory.publish"}),
    },
)
IDLE_S = 15.0
"""A line on which nothing has moved for so long will not move any more."""
MOST_S = 600.0
"""Nor will one that has moved so long come to an end."""
TOPOLOGY = Topology(environment="chaos", lanes=2)
SWIFT: dict[str, float] = {
    "crossdock.bus.jetstream.ACK_WAIT_S": 0.8,
    "crossdock.bus.jetstream.PIN_TTL_S": 1.0,
    "crossdock.bus.lane.PULL_EXPIRES_S": 0.5,
    "crossdock.bus.lane.HOLD_S": 0.25,
    "crossdock.bus.publisher.ACK_DEADLINE_S": 0.5,
    "crossdock_stages.harness.HEARTBEAT_S": 0.25,
    "crossdock_stages.sweeper.GRACE_S": 0.3,
    "crossdock_stages.sweeper.LOST_EVERY_S": 0.3,
    "crossdock_stages.sweeper.WAITING_EVERY_S": 0.1,
    "crossdock_stages.sweeper.CLOCK_SKEW_S": 1.0,
    "crossdock_stages.sweeper.AGAIN_AFTER_S": 1.5,
    "crossdock_stages.recovery.FIRST_DELAY_S": 0.05,
    "crossdock_stages.recovery.BEHIND_S": 0.1,
    "crossdock_stages.breaker.FIRST_PAUSE_S": 0.1,
}
"""The line's own patience, shortened for its tests: the code is the same, the clock runs faster."""


class CrashError(BaseException):
    """The process is dead; what still runs finds every edge closed."""


class Points:
    """Counts every crash point as it is reached; at `stop_at` the plant dies."""

    def __init__(self, stop_at: str | None = None) -> None:
        self.stop_at = stop_at
        self.reached: list[str] = []
        self.dead = False
        self.crashed = asyncio.Event()
        self.flush: Callable[[], Awaitable[None]] | None = None
        self._counts: Counter[str] = Counter()

    async def reach(self, edge: str) -> None:
        """Every edge calls this, and goes no further in a dead process."""
        if self.dead:
            raise CrashError
        name = f"{WHO.get()}: {edge}"
        self._counts[name] += 1
        label = f"{name} #{self._counts[name]}"
        self.reached.append(label)
        if label == self.stop_at:
            if self.flush is not None:  # what was said at this edge is said
                await self.flush()
            self.dead = True
            self.crashed.set()
            raise CrashError


class EdgedLedger:
    """A ledger whose commits are crash points."""

    def __init__(self, inner: SqliteLedger, points: Points) -> None:
        self.inner, self.url, self._points = inner, inner.url, points
        self.before_write: Callable[[], Awaitable[None]] | None = None

    async def write(self, work: Any) -> Any:
        await self._points.reach("before a commit")
        if self.before_write is not None:
            await self.before_write()
        done = await self.inner.write(work)
        await self._points.reach("after a commit")
        return done

    async def read(self, work: Any) -> Any:
        if self._points.dead:
            raise CrashError
        return await self.inner.read(work)


class EdgedBus(Bus):
    """A bus whose publishes and acknowledgements are crash points."""

    points: Points
    loses: Callable[[Outgoing], Any] | None = None
    """Answers for a message that then dies on its way."""

    async def publish(self, messages: Iterable[Outgoing]) -> list[Any]:
        every = list(messages)
        if self.loses is not None:
            answers = [self.loses(message) for message in every]
            sent = [m for m, answer in zip(every, answers, strict=True) if answer is None]
            kept = iter(await super().publish(sent))
            return [next(kept) if answer is None else answer for answer in answers]
        await self.points.reach("before a publish")
        answers = await super().publish(every[:1])
        if len(every) > 1:
            await self.points.reach("amid a publish")
            answers += await super().publish(every[1:])
        await self.points.reach("after a publish")
        return answers

    def lane(self, consumer: Consumer) -> Lane:
        lane = EdgedLane(self._in, consumer.stream, consumer.name, self._missing)
        lane.points = self.points
        return lane


class EdgedLane(Lane):
    """See EdgedBus."""

    points: Points

    async def ack(self, deliveries: list[Delivery]) -> None:
        await self.points.reach("before an ack")
        await super().ack(deliveries[:1])
        if len(deliveries) > 1:
            await self.points.reach("amid an ack")
            await super().ack(deliveries[1:])
        await self.points.reach("after an ack")

    async def nak(self, deliveries: list[Delivery], delay_s: float) -> None:
        await self.points.reach("before a nak")
        await super().nak(deliveries, delay_s)
        await self.points.reach("after a nak")


class EdgedPort:
    """A vendor as the line calls it, each call a crash point."""

    def __init__(self, vendor: Vendor, points: Points) -> None:
        self._vendor, self._points = vendor, points

    async def apply(self, command: Command[Any]) -> Receipt:
        await self._points.reach("before a call")
        receipt = await self._vendor.apply(command)
        await self._points.reach("after a call")
        return receipt

    async def find(self, command: Command[Any]) -> Receipt | None:
        await self._points.reach("before a look-up")
        found = await self._vendor.find(command)
        await self._points.reach("after a look-up")
        return found

    async def poll(self, cursor: str | None) -> AsyncIterator[Raw]:
        async for raw in self._vendor.poll(cursor):
            yield raw


class EdgedBatchPort(EdgedPort):
    """The same for a vendor that takes batches."""

    async def apply_many(self, commands: Sequence[Command[Any]]) -> Sequence[Receipt | Exception]:
        await self._points.reach("before a call")
        answers = await self._vendor.apply_many(commands)
        await self._points.reach("after a call")
        return answers


class Yard:
    """What outlives a plant: the bus, the ledger's file, and the world; and a tap on the bus."""

    def __init__(self, folder: Path, world: World, template: Path) -> None:
        self.folder = folder
        self.world = world
        self.nats = NatsServer(folder / "nats")
        self.ledger = folder / "ledger.db"
        self.ledger.write_bytes(template.read_bytes())
        self.heard: list[Outgoing] = []
        self._tap: Any = None
        self._reader: sqlite3.Connection | None = None

    async def __aenter__(self) -> "Yard":
        self.nats.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._tap is not None:
            await self._tap.close()
        if self._reader is not None:
            self._reader.close()
        self.nats.kill()

    async def listen(self) -> None:
        """Write down every message that any plant publishes from now on."""
        self._tap = await nats.connect(self.nats.url)

        async def hear(msg: Any) -> None:
            headers = {k: v for k, v in (msg.headers or {}).items() if k != "Nats-Msg-Id"}
            self.heard.append(Outgoing(address=msg.subject, body=msg.data, headers=headers, id=""))

        await self._tap.subscribe("xd.>", cb=hear)
        await self._tap.flush()

    async def repeat(self, messages: Sequence[Outgoing]) -> None:
        """Publish these again, as a bus that forgot it had done so before."""
        stream = self._tap.jetstream()
        for number, one in enumerate(messages):
            marked = {**one.headers, "Nats-Msg-Id": f"again-{len(self.heard)}-{number}"}
            await stream.publish(one.address, one.body, headers=marked)

    async def publish(self, address: str, body: bytes) -> None:
        """What a stranger might."""
        await self._tap.jetstream().publish(address, body, headers={"x": "y"})

    def faults(self) -> dict[str, int]:
        """The judgement on what the world holds now."""
        kept = [bytes(row[0]) for row in self._ask("select body from dead_letters")]
        kept += [bytes(row[0]) for row in self._ask("select body from exceptions")]
        told = [str(row[0]) for row in self._ask("select entity_id from exceptions")]
        return self.world.judge(kept, told)

    def busy(self) -> bool:
        """Whether the ledger still owes something to somebody."""
        questions = (
            "select 1 from landing where settled = 0 limit 1",
            "select 1 from outbox where state = 'open' limit 1",
            "select 1 from waiting limit 1",
        )
        return any(self._ask(question) for question in questions)

    def _ask(self, question: str) -> list[tuple[Any, ...]]:
        """By a connection of the test's own."""
        if self._reader is None:
            self._reader = sqlite3.connect(self.ledger, timeout=30)
        return self._reader.execute(question).fetchall()


class Plant:
    """One process's worth of the line."""

    def __init__(
        self,
        yard: Yard,
        stop_at: str | None = None,
        *,
        stages: bool = True,
        polls: bool = True,
        finds_lost: bool = True,
    ) -> None:
        self.yard = yard
        self.points = Points(stop_at)
        self._stages = stages
        self._polls = polls
        self._finds_lost = finds_lost
        self._inner = SqliteLedger(f"sqlite:///{yard.ledger}")
        self.ledger = EdgedLedger(self._inner, self.points)
        self.bus = EdgedBus(yard.nats.url)
        self.bus.points = self.points
        self.house = House(bus=self.bus, ledger=self.ledger)
        self.intake = intake.Intake(self.house, TOPOLOGY)
        self.sweeper = sweeper.Sweeper(self.house, TOPOLOGY)
        self._tasks: list[asyncio.Task[Any]] = []

    async def start(self) -> None:
        """Open, declare, and set everything to work."""
        await self._inner.start()
        await self.bus.__aenter__()
        self.points.flush = self._flush
        dialect = {"web": connector(), "erp": connector()}
        world = self.yard.world
        targets = {
            "erp": Target(name="erp", port=EdgedBatchPort(world.erp, self.points)),
            "web": Target(name="web", port=EdgedPort(world.shop, self.points)),
        }
        reader = translate.Translate(self.house, TOPOLOGY, dialect)
        judge = decide.Decide(self.house, TOPOLOGY, RULES)
        pairs: list[tuple[str, Any, Consumer]] = [
            *(("translate", reader, lane) for lane in TOPOLOGY.translate_lanes()),
            *(("decide", judge, lane) for lane in TOPOLOGY.decide_lanes()),
        ]
        for name, target in targets.items():
            stage = deliver.Deliver(self.house, TOPOLOGY, target)
            pairs += [(f"deliver {name}", stage, lane) for lane in TOPOLOGY.deliver_lanes(name)]
        # nothing is replayed here, so the lanes for replays would only cost time
        pairs = [pair for pair in pairs if not pair[2].name.endswith(REPLAY)]
        await self.bus.declare(TOPOLOGY.streams(), [lane for _, _, lane in pairs])
        self._run("relay", self.intake.relay)
        if not self._stages:
            return
        for name, stage, lane in pairs:
            self._run(name, harness.Worker(stage, self.bus.lane(lane), self.house).run)
        self._run("sweeper", self._sweep)
        if self._polls:
            self._run("poll", self._poll)

    def _run(self, who: str, work: Callable[[], Awaitable[Any]]) -> None:
        context = copy_context()
        context.run(WHO.set, who)
        loop = asyncio.get_running_loop()
        self._tasks.append(loop.create_task(work(), context=context))  # type: ignore[arg-type]

    async def _sweep(self) -> None:
        if self._finds_lost:
            await self.sweeper.run()
        else:
            await self.sweeper._every(sweeper.WAITING_EVERY_S, self.sweeper.call_waiting)

    async def _poll(self) -> None:
        await self.intake.poll("erp", EdgedPort(self.yard.world.erp, self.points), every_s=0.1)

    async def _flush(self) -> None:
        for link in (self.bus._out, self.bus._in):
            with contextlib.suppress(CrossdockError, TimeoutError, nats.errors.Error):
                await link.client.flush(1)

    async def hear(self) -> None:
        """The sender sends what was not yet accepted, and tries again while it is refused."""
        world = self.yard.world
        for place, note in enumerate(world.to_say):
            while place not in world.accepted and not self.points.dead:
                try:
                    await self.intake.webhook("web", Hooks(), note.request)
                except UnavailableError:
                    await asyncio.sleep(0.1)
                except CrashError:
                    return
                else:
                    world.accepted.add(place)

    async def acknowledged(self, who: str, count: int) -> None:
        """Until this stage has acknowledged so many batches, at most."""
        async with asyncio.timeout(20):
            while sum(p.startswith(f"{who}: after an ack") for p in self.points.reached) < count:
                await asyncio.sleep(0.02)

    async def settle(self, within_s: float | None = None) -> dict[str, int]:
        """What is wrong when all has arrived, when it died, or when nothing moves any more."""
        began = moved = asyncio.get_running_loop().time()
        last = -1
        while True:
            now = asyncio.get_running_loop().time()
            work = [p for p in self.points.reached if not p.startswith("sweeper")]
            if len(work) != last:
                moved, last = now, len(work)
            still = self.yard.busy()
            if self.points.dead or not still:
                faults = self.yard.faults()
                if self.points.dead or not faults:
                    return faults
            if now - moved > (IDLE_S if within_s is None else within_s) or now - began > MOST_S:
                return self.yard.faults() | ({"never settled": 1} if still else {})
            await asyncio.sleep(0.05 if len(self.points.reached) < 500 else 0.5)

    async def limit_ledger(self, *, full: bool) -> None:
        """Let SQLite's file grow no further, as on a full disk; or again."""

        def work(tx: Any) -> None:
            pages = tx.exec_driver_sql("PRAGMA page_count").scalar() if full else 10**9
            tx.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

        await self._inner.write(work)

    async def die(self) -> None:
        """As by SIGKILL: nothing more leaves this plant, and what it had in mind is gone."""
        self.points.dead = True
        for link in (self.bus._out, self.bus._in):
            link._closing = True
            if link._supervisor is not None:
                link._supervisor.cancel()
            client = link._client
            if client is not None and client._transport is not None:
                client.options["allow_reconnect"] = False
                client._transport._io_writer.transport.abort()
        await self._end()

    async def stop(self) -> None:
        """The end of a test."""
        self.points.dead = True
        await self._end()

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        with contextlib.suppress(Exception):  # its server may be dead: that is what was tried
            await self.bus.__aexit__(None, None, None)
        await self._inner.close()


def short(body: bytes) -> Any:
    """A body for messages."""
    with contextlib.suppress(ValueError):
        return json.loads(body)
    return body

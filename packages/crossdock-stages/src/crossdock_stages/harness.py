"""The one worker that every stage runs in.

    fetch a batch → handle → one ledger transaction → publish, acks awaited → acknowledge

A stage implements `process`: it handles the items, commits what must be remembered, and returns
what must be published. Whatever crashes in between is healed by redelivery (nothing was committed)
or by the sweeper (it was committed and not published); the stage's own ids make both harmless.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import sqlalchemy as sa
from crossdock.bus import Bus, Delivery, Lane, Outgoing
from crossdock.errors import ContractError, CrossdockError, UnavailableError
from crossdock.events import Envelope
from crossdock.frozen import made_at_once
from crossdock.identity import digest
from sqlalchemy.engine import Connection

from crossdock_stages.breath import Breath
from crossdock_stages.ledger import Ledger, desk
from crossdock_stages.ledger.desk import Stuck, Waiter
from crossdock_stages.ledger.tables import claims, landing, outbox
from crossdock_stages.meters import Meters
from crossdock_stages.pace import Pace
from crossdock_stages.recovery import Trouble

log = logging.getLogger("crossdock.stages")

HEARTBEAT_S = 2.0
FINISH_S = 10.0
"""How long a worker that leaves its lane works off what it was given, at most."""
SILENCE_S = 0.1
"""A lane that asks for no more and got nothing for so long has nothing on its way."""
READY_S = 1.0
"""How long a lane waits for its target before it looks whether it is still wanted."""
PATIENCE_WITH_OURSELVES = 2
"""A batch that a fault of ours ends is tried so often again before it is taken apart."""
MSG_ID = "Nats-Msg-Id"
LOST = "~lost"
"""Parts the id of a message that was lost from how often it was sent before."""


@made_at_once
@dataclass(frozen=True)
class Item:
    """One message as a stage sees it."""

    envelope: Envelope
    body: bytes
    address: str
    retry: bool = False

    @property
    def id(self) -> str:
        """The message's own id, the same for every delivery and try."""
        return self.envelope.id

    @property
    def message(self) -> Outgoing:
        """The message as it travels, for the waiting room."""
        body = b"" if self.envelope.claim else self.body
        return Outgoing(
            address=self.address, body=body, headers=self.envelope.headers(), id=self.id
        )

    def trouble(
        self,
        *,
        error: BaseException | None = None,
        behind: str = "",
        place: int = 0,
        queue: str | None = None,
    ) -> Trouble:
        """This message with what went wrong, for `recovery.settle`; it waits in `queue`."""
        return Trouble(
            message=self.message,
            connection=self.envelope.connection,
            entity_key=self.envelope.key if queue is None else queue,
            entity_id="" if self.envelope.name == "raw.landed" else self.envelope.subject,
            topic=self.envelope.topic or self.envelope.name,
            error=error,
            behind=behind,
            place=place,
        )


@dataclass(frozen=True, kw_only=True)
class House:
    """What every stage shares."""

    bus: Bus
    ledger: Ledger
    meters: Meters = field(default_factory=Meters)
    breath: Breath = field(default_factory=Breath)
    pace: Pace = field(default_factory=Pace)
    clock: Callable[[], float] = time.time
    """Epoch seconds; a simulation has its own."""


class Stage(Protocol):
    """One step of the line."""

    name: str

    @property
    def batch(self) -> int:
        """How many messages to take at once, at most."""
        ...

    async def process(self, items: Sequence[Item]) -> Iterable[Outgoing]:
        """Handle and commit; return what to publish.

        UnavailableError: nothing was committed, the batch is given back. Any single item's fault
        must be settled inside (`recovery.settle`), never raised.
        """
        ...

    async def ready(self) -> None:
        """Return when the stage may take work; waits while its target is paused."""
        ...

    async def give_up(self, item: Item, error: Exception) -> None:
        """End this message as a dead letter: `process` fails on it by a fault of ours."""
        ...


class Worker:
    """One stage on one lane, until it is told to stop."""

    def __init__(self, stage: Stage, lane: Lane, house: House) -> None:
        self.stage = stage
        self.lane = lane
        self.house = house
        self._stopping = asyncio.Event()
        self._mine = asyncio.Event()
        self._mine.set()
        self._trouble = 0

    def stop(self) -> None:
        """Finish the batch at hand, then end."""
        self._stopping.set()
        self._mine.set()

    def take_part(self, mine: bool) -> None:
        """Work on the lane; or leave it to another runner, after the batch at hand."""
        if mine or self._stopping.is_set():
            self._mine.set()
        else:
            self._mine.clear()

    async def run(self) -> None:
        """Work until `stop`."""
        while not self._stopping.is_set():
            await self._mine.wait()
            await self.lane.start()
            while self._mine.is_set() and not self._stopping.is_set():
                await self._turn()
            await self._finish()
            await self.lane.stop()

    async def _finish(self) -> None:
        """Work off what the bus has already given: given back, it would lose its order."""
        self.lane.pause()
        give_up_at = time.monotonic() + FINISH_S
        while await self._turn(SILENCE_S) and time.monotonic() < give_up_at:
            pass

    async def _turn(self, wait_s: float = 1.0) -> bool:
        """At most one batch, waited for at most a second; whether there was one."""
        try:
            async with asyncio.timeout(READY_S):
                await self.stage.ready()
        except TimeoutError:
            return False
        deliveries = await self.lane.batch(count=self.stage.batch, wait_s=wait_s)
        if not deliveries:
            return False
        try:
            await self._work(deliveries)
            self._trouble = 0
        except UnavailableError as error:
            await self._give_back(deliveries, error)
        except Exception as error:
            log.exception("%s: a fault of ours in a batch", self.stage.name)
            if self._trouble < PATIENCE_WITH_OURSELVES:
                await self._give_back(deliveries, error)
            else:
                await self._one_by_one(deliveries)
        return True

    async def _one_by_one(self, deliveries: list[Delivery]) -> None:
        """A fault of ours hits a batch again and again: find whose it is, and let it end alone."""
        for delivery in deliveries:
            try:
                await self._work([delivery])
            except UnavailableError as error:
                await self._give_back([delivery], error)
            except Exception as error:
                log.exception("%s: this message ends as a dead letter", self.stage.name)
                for item in await self._open([delivery]):
                    await self.stage.give_up(item, error)
                await self.lane.ack([delivery])
                self.house.meters.add(f"{self.stage.name}.given_up")
        self._trouble = 0

    async def _give_back(self, deliveries: list[Delivery], error: Exception) -> None:
        self._trouble += 1
        self.house.meters.add(f"{self.stage.name}.given_back", len(deliveries))
        delay_s = min(0.25 * 2.0 ** min(self._trouble, 7), 15.0)
        log.warning(
            "%s: %s; %d messages come again in %.1f s",
            self.stage.name,
            error,
            len(deliveries),
            delay_s,
        )
        await self.lane.nak(deliveries, delay_s)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), delay_s)

    async def _work(self, deliveries: list[Delivery]) -> None:
        started = time.perf_counter()
        async with self._heartbeat(deliveries):
            items = await self._open(deliveries)
            outgoing = _anew(deliveries, await self.stage.process(items))
            if outgoing:
                for answer in await self.house.bus.publish(outgoing):
                    if isinstance(answer, CrossdockError):
                        self.house.meters.add(f"{self.stage.name}.unpublished")
                        log.warning("%s: %s; the sweeper will send it", self.stage.name, answer)
        await self.lane.ack(deliveries)
        meters = self.house.meters
        meters.add(f"{self.stage.name}.messages", len(deliveries))
        meters.add(f"{self.stage.name}.batches")
        meters.add(f"{self.stage.name}.busy_us", int((time.perf_counter() - started) * 1e6))

    @contextlib.asynccontextmanager
    async def _heartbeat(self, deliveries: list[Delivery]) -> AsyncIterator[None]:
        """Keep the server from redelivering what is still being worked on."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(HEARTBEAT_S)
                await self.lane.in_progress(deliveries)

        task = asyncio.create_task(beat())
        try:
            yield
        finally:
            task.cancel()

    async def _open(self, deliveries: list[Delivery]) -> list[Item]:
        items: list[Item] = []
        broken: list[Stuck] = []
        breath = self.house.breath
        for delivery in deliveries:
            if breath.due:
                await breath()
            try:
                envelope = Envelope.read(delivery.headers)
            except ContractError as error:
                broken.append(_unreadable(self.stage.name, delivery, error))
                continue
            items.append(
                Item(envelope, delivery.body, delivery.address, retry=bool(envelope.retry))
            )
        if broken:
            await self.house.ledger.write(lambda tx: desk.bury(tx, broken, time.time()))
        if any(item.envelope.claim for item in items):
            bodies = await self.house.ledger.read(
                lambda tx: _claimed(tx, [i.envelope.claim for i in items if i.envelope.claim])
            )
            items = [
                Item(i.envelope, bodies.get(i.envelope.claim, i.body), i.address, i.retry)
                for i in items
            ]
        return items


def _anew(deliveries: Sequence[Delivery], outgoing: Iterable[Outgoing]) -> list[Outgoing]:
    """What follows from a message that was sent again travels under new bus ids too.

    A stream that was purged remembers the old ids for two minutes and would drop it.
    """
    ids = [delivery.headers.get(MSG_ID, "") for delivery in deliveries]
    mark = max([one.partition(LOST)[2] for one in ids if LOST in one], default="")
    if not mark:
        return list(outgoing)
    return [replace(one, id=f"{one.id}{LOST}{mark}") for one in outgoing]


def _unreadable(stage: str, delivery: Delivery, error: ContractError) -> Stuck:
    return Stuck(
        stage=stage,
        message_id="msg_" + digest(delivery.address, str(delivery.sequence), str(delivery.headers)),
        connection="",
        entity_key="",
        address=delivery.address,
        headers=delivery.headers,
        body=delivery.body,
        code="contract",
        reason=str(error),
    )


def _claimed(tx: Connection, wanted: Sequence[str]) -> dict[str, bytes]:
    """The bodies that were too large to travel: from the landing zone, the outbox, or put aside."""
    out: dict[str, bytes] = {}
    for claim in wanted:
        where, _, key = claim.partition(":")
        table = {"landing": landing, "outbox": outbox}.get(where, claims)
        body = tx.execute(sa.select(table.c.body).where(table.c.id == key)).scalar()
        if body is not None:
            out[claim] = bytes(body)
    return out


def in_line(
    items: Sequence[Item],
    queues: dict[str, list[Waiter]],
    queue_of: Callable[[Item], str] = lambda item: item.envelope.key,
) -> tuple[list[Item], list[tuple[Item, str]]]:
    """Part a batch into what may go on and what stands behind an earlier message of its queue.

    A message that waits already and comes without being called is dropped from both: its row in
    the waiting room is the one that counts.
    """
    go: list[Item] = []
    behind: list[tuple[Item, str]] = []
    for item in items:
        queue = queues.get(queue_of(item), [])
        waits = any(waiter.message_id == item.id for waiter in queue)
        if item.retry:
            if waits:
                go.append(item)
        elif waits:
            continue
        elif queue:
            behind.append((item, f"waits behind {queue[0].message_id} of the same entity"))
        else:
            go.append(item)
    return go, behind

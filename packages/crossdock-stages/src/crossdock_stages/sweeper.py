"""SWEEPER: whatever the bus lost, the ledger still has.

Three kinds of rows must travel: landing rows not yet decided on, outbox rows not yet answered, and
messages whose waiting time is over. A row is taken for lost when nothing as old as it is left to
read in its lane; sending it again is harmless, for every stage knows its own ids.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from crossdock.bus import Bus, Outgoing
from crossdock.errors import CrossdockError
from sqlalchemy.engine import Connection

from crossdock_stages.harness import LOST, House
from crossdock_stages.ledger import desk, landing, traffic
from crossdock_stages.topology import Topology, again, lane_of

log = logging.getLogger("crossdock.sweeper")

WAITING_EVERY_S = 0.25
LOST_EVERY_S = 2.0
RELEASE_EVERY_S = 60.0
GRACE_S = 5.0
"""Younger rows are on their way."""
CLOCK_SKEW_S = 3.0
"""How far the bus's clock and ours may differ."""
AGAIN_AFTER_S = 60.0
"""A called message that does not come back within this time is called again."""


class Sweeper:
    """Run it as a task in every runner; several do no harm."""

    def __init__(self, house: House, topology: Topology) -> None:
        self.house = house
        self.topology = topology

    async def run(self) -> None:
        """Sweep for ever."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._every(WAITING_EVERY_S, self.call_waiting))
            group.create_task(self._every(LOST_EVERY_S, self.find_lost))
            group.create_task(self._every(RELEASE_EVERY_S, self.release))

    async def _every(self, period_s: float, step: Callable[[], Awaitable[int]]) -> None:
        while True:
            try:
                await step()
            except CrossdockError as error:
                log.warning("sweeping: %s", error)
            await asyncio.sleep(period_s)

    async def call_waiting(self) -> int:
        """Send every message whose waiting time is over; how many."""
        now = time.time()
        if not await self.house.ledger.read(lambda tx: desk.any_due(tx, now)):
            return 0
        rows = await self.house.ledger.write(lambda tx: desk.due(tx, now, AGAIN_AFTER_S))
        messages = [
            again(
                Outgoing(
                    address=row.address, body=row.body, headers=row.headers, id=row.message_id
                ),
                row.attempts + 1,
            )
            for row in rows
        ]
        # the same try may be called again after a loss, so the time makes its bus id its own
        messages = [replace(message, id=f"{message.id}~{now:.3f}") for message in messages]
        await self._send(messages)
        self.house.meters.add("sweeper.called", len(messages))
        return len(messages)

    async def find_lost(self) -> int:
        """Send again what the bus no longer has and nobody has dealt with; how many."""
        now = time.time()
        before = now - GRACE_S
        rows = await self.house.ledger.write(lambda tx: landing.unsettled(tx, before=before))
        open_rows = await self.house.ledger.read(lambda tx: traffic.unanswered(tx, before=before))
        if not rows and not open_rows:
            return 0
        oldest = _Oldest(self.house.bus)
        lost = []
        for one in rows:
            message = self.topology.raw(one.row)
            if not await oldest.gone(message.address, one.published_at):
                continue
            # whose lane its events took is not known here, so the whole stream must be past them
            if one.translated and not await oldest.gone("xd.events.>", one.published_at):
                continue
            lost.append((one, message))
        lost_sends = [
            one
            for one in open_rows
            if await oldest.gone(one.send.message.address, one.published_at)
        ]
        messages = [_repeat(message, one.publishes) for one, message in lost] + [
            _repeat(one.send.message, one.publishes) for one in lost_sends
        ]
        if not messages:
            return 0
        log.info("%d messages were lost by the bus and are sent again", len(messages))
        await self._send(messages)
        row_ids = [one.row.id for one, _ in lost]
        send_ids = [one.send.message.id for one in lost_sends]

        def work(tx: Connection) -> None:
            landing.republished(tx, row_ids, time.time())
            traffic.resent(tx, send_ids, time.time())

        await self.house.ledger.write(work)
        self.house.meters.add("sweeper.lost", len(messages))
        return len(messages)

    async def release(self) -> int:
        """Let the bus forget what it holds though it was acknowledged; how many."""
        count = await self.house.bus.release()
        if count:
            log.info("%d messages that were acknowledged were still held by the bus", count)
        self.house.meters.add("sweeper.released", count)
        return count

    async def _send(self, messages: Sequence[Outgoing]) -> None:
        for answer in await self.house.bus.publish(messages):
            if isinstance(answer, CrossdockError):
                log.info("%s; it will be sent again", answer)


class _Oldest:
    """How old the oldest message left in each lane is, asked once a sweep."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus
        self._known: dict[str, float | None] = {}

    async def gone(self, address: str, published_at: float) -> bool:
        """Whether nothing as old as this is left to read where its message would be."""
        stream, lane = lane_of(address)
        if lane not in self._known:
            self._known[lane] = await self._bus.oldest(stream, lane)
        oldest = self._known[lane]
        return oldest is None or oldest > published_at + CLOCK_SKEW_S


def _repeat(message: Outgoing, times: int) -> Outgoing:
    """A new `Nats-Msg-Id`, for a purged stream still remembers the old one for two minutes."""
    return replace(message, id=f"{message.id}{LOST}{times}")

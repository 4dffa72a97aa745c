"""SWEEPER: whatever the bus lost, the ledger still has.

Three kinds of rows must travel: landing rows not yet decided on, outbox rows not yet answered, and
messages whose waiting time is over. A row is taken for lost when nothing as old as it is left on
its stream; sending it again is harmless, for every stage knows its own ids.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from crossdock.bus import Outgoing
from crossdock.errors import CrossdockError
from sqlalchemy.engine import Connection

from crossdock_stages.harness import LOST, House
from crossdock_stages.ledger import desk, landing, traffic
from crossdock_stages.topology import COMMANDS, EVENTS, RAW, Topology, again

log = logging.getLogger("crossdock.sweeper")

WAITING_EVERY_S = 0.25
LOST_EVERY_S = 2.0
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
        oldest_raw = await self.house.bus.oldest(RAW, "xd.raw.>")
        oldest_event = await self.house.bus.oldest(EVENTS, "xd.events.>")
        lost = [
            one
            for one in rows
            if _gone(one.published_at, oldest_raw)
            and (not one.translated or _gone(one.published_at, oldest_event))
        ]
        oldest: dict[str, float | None] = {}
        lost_sends = []
        for one in open_rows:
            target = one.send.connection
            if target and target not in oldest:
                address = f"xd.commands.{target}.>"
                oldest[target] = await self.house.bus.oldest(COMMANDS, address)
            if _gone(one.published_at, oldest[target] if target else oldest_event):
                lost_sends.append(one)
        messages = [_repeat(self.topology.raw(one.row), one.publishes) for one in lost] + [
            _repeat(one.send.message, one.publishes) for one in lost_sends
        ]
        if not messages:
            return 0
        log.info("%d messages were lost by the bus and are sent again", len(messages))
        await self._send(messages)
        row_ids = [one.row.id for one in lost]
        send_ids = [one.send.message.id for one in lost_sends]

        def work(tx: Connection) -> None:
            landing.republished(tx, row_ids, time.time())
            traffic.resent(tx, send_ids, time.time())

        await self.house.ledger.write(work)
        self.house.meters.add("sweeper.lost", len(messages))
        return len(messages)

    async def _send(self, messages: Sequence[Outgoing]) -> None:
        for answer in await self.house.bus.publish(messages):
            if isinstance(answer, CrossdockError):
                log.info("%s; it will be sent again", answer)


def _gone(published_at: float, oldest: float | None) -> bool:
    return oldest is None or oldest > published_at + CLOCK_SKEW_S


def _repeat(message: Outgoing, times: int) -> Outgoing:
    """A new `Nats-Msg-Id`, for a purged stream still remembers the old one for two minutes."""
    return replace(message, id=f"{message.id}{LOST}{times}")

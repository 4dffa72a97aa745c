"""What the runners of a deployment share: rate budgets, breakers, lanes, and who polls.

Kept in the ledger (decision 20). Questions go there only when a grant is used up, news when there
is some; everything is looked at once a second.
"""

import asyncio
import contextlib
import logging
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol

from crossdock import rates
from crossdock.bus import Lane
from crossdock.errors import CrossdockError
from crossdock.pacing import Pacer, clock_text, describe
from crossdock.rates import Ask, Grant

from crossdock_stages.breaker import Breaker
from crossdock_stages.ledger import Ledger, budgets
from crossdock_stages.ledger.budgets import Board, Kind

log = logging.getLogger("crossdock.sharing")

LOOK_EVERY_S = 1.0
CLAIM_S = 5.0
"""A runner that dies while it tries is followed by another after so long."""


LEASE_S = 6.0
"""So long a runner counts as alive, or as the one that polls, after it last said so: less than the
bus's pin lasts (8 s), which decides anyway, and enough for a machine that gasps."""


class Sharing:
    """One runner's part in it."""

    def __init__(
        self, ledger: Ledger, runner: str = "", *, well: Callable[[], bool] = lambda: True
    ) -> None:
        self.ledger = ledger
        self.runner = runner or uuid.uuid4().hex
        self._well = well
        self._workers: Sequence[Lanekeeper] = ()
        self._left = False
        self._pacers: dict[str, Pacer] = {}
        self._breakers: dict[str, Breaker] = {}

    def pacer(self, connection: str) -> Pacer:
        """The connection's rate budgets, the same object each time."""
        if connection not in self._pacers:

            async def exchange(bucket: str, ask: Ask) -> Grant:
                return await self.ledger.write(
                    lambda tx: budgets.exchange(tx, connection, bucket, ask)
                )

            self._pacers[connection] = Pacer(connection, exchange)
        return self._pacers[connection]

    def breaker(self, connection: str) -> Breaker:
        """The connection's breaker, the same object each time."""
        if connection not in self._breakers:
            board = _Noticeboard(self.ledger, connection, self.runner)
            self._breakers[connection] = Breaker(connection, board)
        return self._breakers[connection]

    async def alone(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Do this for ever, but only while no other runner of the deployment does.

        The lease is renewed while the work goes on; a runner that dies is followed by another
        within LEASE_S, one that is stopped at once. While the ledger is away the work is paused,
        for then nobody knows who else does it.
        """
        while True:
            try:
                if await self._lease(name):
                    await self._while_leased(name, work)
            except CrossdockError as error:
                log.warning("%s: no runner can be chosen now: %s", name, error)
            await asyncio.sleep(LEASE_S / 4)

    async def _while_leased(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        task = asyncio.ensure_future(work())
        try:
            while not (await asyncio.wait({task}, timeout=LEASE_S / 4))[0]:
                if not await self._lease(name):
                    log.warning("%s: another runner does it now", name)
                    return
            await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            with contextlib.suppress(CrossdockError):
                await self.ledger.write(lambda tx: budgets.unlease(tx, name, self.runner))

    async def _lease(self, name: str) -> bool:
        return await self.ledger.write(lambda tx: budgets.lease(tx, name, self.runner, LEASE_S))

    def spread(self, workers: Sequence["Lanekeeper"]) -> None:
        """Share these lanes with the other runners, each its part; see `fair_share`."""
        self._workers = workers

    async def leave(self) -> None:
        """Say that this runner ends, so that the others take its lanes now."""
        self._left = True
        if self._workers:
            with contextlib.suppress(CrossdockError):
                await self.ledger.write(
                    lambda tx: budgets.unlease(tx, budgets.ALIVE + self.runner, self.runner)
                )

    async def _say_alive(self) -> None:
        """Unless it is not well, as when it has no bus: then another shall have its lanes."""
        if not self._left and self._well():
            await self._lease(budgets.ALIVE + self.runner)

    async def run(self) -> None:
        """Look at what the others wrote, for ever; a ledger that is away is asked again."""
        with contextlib.suppress(CrossdockError):
            await self.ledger.write(budgets.forget)
        while True:
            try:
                await self.look()
            except CrossdockError as error:
                log.warning("what other runners learnt is not known now: %s", error)
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> Board:
        """Once: hear the others, keep a try of ours alive, give unused permits back."""
        if self._workers:
            await self._say_alive()
        board = await self.ledger.read(budgets.look)
        if board.runners:  # else nobody knows who is there: who asks first has a lane
            mine = fair_share([w.lane.durable for w in self._workers], board.runners, self.runner)
            for worker in self._workers:
                worker.take_part(worker.lane.durable in mine)
        for (connection, bucket), budget in board.budgets.items():
            if connection in self._pacers:
                self._pacers[connection].heard(bucket, budget, board.now)
        for connection, breaker in self._breakers.items():
            found = board.standstills.get(connection)
            breaker.heard(
                opened=found.opened if found else 0,
                pause_s=found.until - board.now if found else 0.0,
                reason=found.reason if found else "",
            )
            if breaker.trying:
                await _Noticeboard(self.ledger, connection, self.runner).claim()
        for pacer in self._pacers.values():
            await pacer.give_back()
        return board


class Lanekeeper(Protocol):
    """A worker, as far as sharing lanes goes (`harness.Worker`)."""

    @property
    def lane(self) -> Lane:
        """Its lane."""
        ...

    def take_part(self, mine: bool) -> None:
        """Work on the lane, or leave it to another."""
        ...


def fair_share(lanes: Iterable[str], runners: Sequence[str], me: str) -> frozenset[str]:
    """The lanes that are mine: each runner has as many as any other, give or take one.

    All runners compute the same from the same list. Which of them really has a lane is the bus's
    word (its pin); this only says who asks. Whoever is not in the list asks for none.
    """
    dealt = enumerate(sorted(lanes))
    return frozenset(lane for at, lane in dealt if runners[at % len(runners)] == me)


def standing(board: Board) -> dict[str, dict[str, Any]]:
    """For each connection of which something is known: whether it works or waits, why, how long."""
    out: dict[str, dict[str, Any]] = {}
    for (connection, bucket), budget in sorted(board.budgets.items()):
        entry = out.setdefault(connection, {"state": "working", "reason": "", "until": None})
        full = rates.refilled(budget, board.now)
        entry.setdefault("budgets", {})[bucket or "default"] = {
            "left": None if full.capacity is None else max(full.left, 0.0),
            "capacity": full.capacity,
            "rate_per_s": full.rate_per_s,
            "told": describe(full),
        }
        until = rates.free_at(full, board.now)
        if until > board.now:
            name = f"budget {bucket!r}" if bucket else "rate budget"
            reason = f"{name} used up until {clock_text(until)} ({describe(full)})"
            entry |= {"state": "waiting", "reason": reason, "until": until}
    for connection, found in sorted(board.standstills.items()):
        entry = out.setdefault(connection, {"state": "working", "reason": "", "until": None})
        if found.until > board.now:
            reason = f"paused until {clock_text(found.until)}: {found.reason}"
            entry |= {"state": "waiting", "reason": reason, "until": found.until}
        elif found.opened:
            reason = f"one call at a time since {clock_text(found.until)}: {found.reason}"
            entry |= {"state": "trying", "reason": reason, "until": None}
    return out


class _Noticeboard:
    """See `breaker.Noticeboard`."""

    def __init__(self, ledger: Ledger, connection: str, runner: str) -> None:
        self.ledger = ledger
        self.connection = connection
        self.runner = runner

    async def pause(self, kind: Kind, pause_s: float, opened: int, reason: str) -> None:
        await self.ledger.write(
            lambda tx: budgets.pause(
                tx, self.connection, kind=kind, pause_s=pause_s, opened=opened, reason=reason
            )
        )

    async def claim(self) -> bool:
        return await self.ledger.write(
            lambda tx: budgets.claim(tx, self.connection, self.runner, CLAIM_S)
        )

    async def release(self) -> None:
        await self.ledger.write(lambda tx: budgets.release(tx, self.connection, self.runner))

    async def close(self) -> None:
        await self.ledger.write(lambda tx: budgets.close(tx, self.connection))

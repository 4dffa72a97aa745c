"""Keeping to a vendor's rate budgets, call by call.

A connection has one pacer. Before a call `take` a permit, after it `learn` from the answer. Permits
come in small grants that are used up in memory, so that most calls ask nobody; who is asked is the
`Exchange`: a process alone keeps its own buckets (`InMemory`), the runners of a deployment share
them through the ledger (`crossdock_stages.sharing`).
"""

import asyncio
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

from crossdock import rates
from crossdock.errors import CrossdockError, RateLimitedError
from crossdock.rates import Ask, Budget, Grant, Limit, Reading

log = logging.getLogger("crossdock.pacing")

GRANT_S = 1.0
"""A grant is meant to last about so long; unused it is given back after twice that."""
PATIENCE_S = 5.0
"""A call waits so long for its permits, at most; beyond, it is a RateLimitedError at once."""


class Exchange(Protocol):
    """Where the buckets are kept."""

    async def __call__(self, bucket: str, ask: Ask) -> Grant:
        """Settle one question (`rates.settle`). CrossdockError: the keeper cannot be reached."""
        ...


class InMemory:
    """Buckets of this process alone."""

    def __init__(self, limits: Mapping[str, Limit] | None = None) -> None:
        now = time.time()
        self.budgets = {name: rates.budget_of(limit, now) for name, limit in (limits or {}).items()}

    async def __call__(self, bucket: str, ask: Ask) -> Grant:
        """See `Exchange`."""
        before = self.budgets.get(bucket, Budget())
        self.budgets[bucket], grant = rates.settle(before, ask, time.time())
        return grant


@dataclass
class _Purse:
    """What this process holds of one bucket. Times are of the monotonic clock."""

    known: bool = False
    """Whether there is a limit; without one, nobody is asked."""
    permits: float = 0.0
    blocked_until: float = 0.0
    granted_at: float = 0.0
    spent: float = 0.0
    """Since the last grant."""
    spent_before: float = -1.0
    """The same, when it was last looked at."""
    speed: float = 0.0
    """Permits a second, lately."""
    reading: Reading | None = None
    """What answers told since the bucket's keeper was last asked."""
    refused: bool = False
    budget: Budget = field(default_factory=Budget)
    ahead_s: float = 0.0
    """How far the keeper's clock is ahead of ours."""
    empty: Grant | None = None
    """The answer that nothing was free, and until when it need not be asked for again."""
    empty_until: float = 0.0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Pacer:
    """The rate budgets of one connection; used from one event loop."""

    def __init__(
        self,
        connection: str,
        exchange: Exchange | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.connection = connection
        self._exchange: Exchange = exchange or InMemory()
        self._clock = clock
        self._purses: dict[str, _Purse] = {}

    def declare(self, limits: Mapping[str, Limit]) -> None:
        """Limits that the vendor documents, for buckets of which no answer was seen yet."""
        for bucket, limit in limits.items():
            purse = self._purse(bucket)
            if not purse.known:
                purse.known = True
                purse.reading = Reading(
                    capacity=limit.capacity,
                    rate_per_s=limit.rate_per_s or None,
                    window_s=limit.window_s or None,
                )

    async def take(self, bucket: str = "", cost: float = 1.0) -> None:
        """Return when a call of this cost may be made.

        RateLimitedError: its permits are not there within PATIENCE_S; nothing was sent.
        """
        purse = self._purse(bucket)
        if purse.permits >= cost:
            purse.permits -= cost
            purse.spent += cost
            return
        if purse.known:
            async with purse.lock:
                wait_s = 0.0
                if purse.permits >= cost:
                    purse.permits -= cost
                    purse.spent += cost
                else:
                    wait_s = await self._more(bucket, purse, cost)
        else:
            wait_s = purse.blocked_until - self._clock()
            if wait_s > PATIENCE_S:
                raise self._used_up(bucket, wait_s, purse)
        if wait_s > 0:
            try:
                await asyncio.sleep(wait_s)
            except asyncio.CancelledError:
                purse.permits += cost if purse.known else 0.0
                raise

    async def _more(self, bucket: str, purse: _Purse, cost: float) -> float:
        """Ask for permits and pay `cost` of them; how long to wait before using them."""
        now = self._clock()
        if now < purse.empty_until and purse.empty is not None:
            raise self._used_up(bucket, purse.empty.until - purse.ahead_s - now, purse)
        since_s = max(now - purse.granted_at, 0.001)
        purse.speed = (purse.speed + purse.spent / since_s) / 2 if purse.granted_at else 0.0
        grant = await self._ask(
            bucket,
            purse,
            Ask(
                least=cost - purse.permits,
                want=max(cost, purse.speed * GRANT_S) - purse.permits,
                unspent=purse.permits,
                patience_s=PATIENCE_S,
            ),
        )
        if not grant.permits:
            purse.empty = grant
            purse.empty_until = now + min(grant.wait_s - PATIENCE_S, GRANT_S)
            raise self._used_up(bucket, grant.wait_s, purse)
        purse.spent, purse.spent_before, purse.granted_at = cost, -1.0, now
        if purse.known:
            purse.permits = max(purse.permits + grant.permits - cost, 0.0)
        return grant.wait_s

    async def _ask(self, bucket: str, purse: _Purse, ask: Ask) -> Grant:
        reading, purse.reading = purse.reading, None
        ask = replace(ask, reading=reading)
        try:
            grant = await self._exchange(bucket, ask)
        except CrossdockError as error:
            # a limit must be kept even while nobody can be asked: by what was last known
            log.warning("%s: rate budget %r is not shared now: %s", self.connection, bucket, error)
            now = self._clock() + purse.ahead_s
            purse.budget, grant = rates.settle(purse.budget, ask, now)
        else:
            purse.budget, purse.ahead_s = grant.budget, grant.now - self._clock()
        purse.known = grant.budget.capacity is not None
        return grant

    async def learn(
        self, reading: Reading | None, bucket: str = "", paid: float | None = None
    ) -> None:
        """Take in what an answer told; `paid` is what was taken for the call.

        Only a refusal is passed on at once: the others must be quiet too.
        """
        purse = self._purse(bucket)
        if reading is None and purse.refused and self._clock() >= purse.blocked_until:
            reading = Reading()  # the answer after a refusal is news, even if it tells no limit
        if reading is None:
            return
        if paid is not None and reading.spent is not None and purse.known:
            purse.permits += max(paid - reading.spent, 0.0)
        if reading.left is not None:
            purse.permits = min(purse.permits, reading.left)
        if reading.refused:
            purse.permits = 0.0
        changed = reading.refused or purse.refused
        purse.reading, purse.refused = reading, reading.refused
        if changed:
            grant = await self._ask(bucket, purse, Ask(unspent=purse.permits))
            purse.blocked_until = self._clock() + grant.wait_s
            purse.empty = None
        else:
            told = reading.left is not None or reading.rate_per_s is not None
            purse.known = purse.known or told or reading.capacity is not None

    async def give_back(self) -> None:
        """Give back what was granted and lies unused; called about once a second."""
        now = self._clock()
        for bucket, purse in list(self._purses.items()):
            idle = purse.spent == purse.spent_before and now - purse.granted_at > 2 * GRANT_S
            purse.spent_before = purse.spent
            if purse.permits > 0 and idle:
                unused, purse.permits = purse.permits, 0.0
                await self._ask(bucket, purse, Ask(returned=unused))

    def heard(self, bucket: str, budget: Budget, now: float) -> None:
        """What is written of a bucket where it is kept, `now` by that clock."""
        purse = self._purse(bucket)
        purse.known = purse.known or budget.capacity is not None
        purse.budget, purse.ahead_s = budget, now - self._clock()
        if budget.blocked_until > now:
            purse.blocked_until = self._clock() + budget.blocked_until - now
            purse.permits = 0.0

    def _purse(self, bucket: str) -> _Purse:
        purse = self._purses.get(bucket)
        if purse is None:
            purse = self._purses[bucket] = _Purse()
        return purse

    def _used_up(self, bucket: str, wait_s: float, purse: _Purse) -> RateLimitedError:
        wait_s = min(max(wait_s, 0.05), rates.LONGEST_WINDOW_S)
        until = time.time() + wait_s
        name = f"budget {bucket!r}" if bucket else "rate budget"
        return RateLimitedError(
            f"{self.connection}: {name} used up until {clock_text(until)} "
            f"({describe(purse.budget)}); nothing was sent",
            retry_after_s=wait_s,
            parts={"bucket": bucket, "until": until, "outcome": "not_sent"},
        )


def clock_text(moment: float) -> str:
    """`12:03:04`, in UTC, as messages say when something goes on."""
    return datetime.fromtimestamp(math.ceil(moment), UTC).strftime("%H:%M:%S UTC")


def describe(budget: Budget) -> str:
    """A budget in a few words: `0 of 40 left, 2/s`."""
    if budget.capacity is None:
        return "the vendor refused" if budget.refusals else "no limit known"
    left = math.floor(max(budget.left, 0.0) * 10) / 10
    told = f"{_figure(left)} of {_figure(budget.capacity)} left"
    if budget.rate_per_s:
        return f"{told}, {_figure(budget.rate_per_s)}/s"
    return f"{told}, full again at {clock_text(budget.resets_at)}" if budget.resets_at else told


def _figure(value: float) -> str:
    """Four digits that matter, and no powers of ten: `0.01667`, `20000`."""
    return f"{value:.0f}" if value >= 1000 else f"{Decimal(f'{value:.4g}'):f}"

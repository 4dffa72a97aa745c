"""A circuit breaker for one connection: when the vendor is away, stop asking for a while.

Messages then wait on their stream, where they cost nothing, instead of failing one by one. Runners
of one deployment share it through a `Noticeboard`: what one learns the others see within about a
second, and one runner alone tries whether the vendor is back.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Protocol

from crossdock.errors import AuthError, CrossdockError, RateLimitedError, UnavailableError
from crossdock.pacing import clock_text

from crossdock_stages.ledger.budgets import Kind

THRESHOLD = 5
"""So many calls failed in a row open it."""
LASTING_S = 5.0
"""So does a second one this long after the first was begun: large batches are few calls, and a
vendor that hangs is known to be silent since it was asked, not since we gave it up."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
AUTH_PAUSE_S = 60.0
NEWS_S = 1.0
"""A pause shorter than this is over before another runner has heard of it."""
VERDICT_S = 60.0
"""Whoever waits for another's try waits so long at most."""


class Noticeboard(Protocol):
    """Where the runners of a deployment tell each other about one connection.

    CrossdockError from any of them: the others cannot be told now.
    """

    async def pause(self, kind: Kind, pause_s: float, opened: int, reason: str) -> None:
        """Everybody stops."""
        ...

    async def claim(self) -> bool:
        """Whether this runner is the one that tries; holds until `release`, `pause`, `close`."""
        ...

    async def release(self) -> None:
        """Give the try back without a verdict."""
        ...

    async def close(self) -> None:
        """Everybody goes on."""
        ...


class Alone:
    """No other runner."""

    async def pause(self, kind: Kind, pause_s: float, opened: int, reason: str) -> None:
        """Nobody to tell."""

    async def claim(self) -> bool:
        """Nobody to ask."""
        return True

    async def release(self) -> None:
        """Nobody waits."""

    async def close(self) -> None:
        """Nobody to tell."""


@dataclass
class Attempt:
    """One call to the vendor; set `fault` where it failed without raising."""

    fault: Exception | None = None


class Breaker:
    """Closed: all may pass. Open: nobody until `until`. Half open: one call, until one succeeds."""

    def __init__(
        self,
        name: str = "",
        board: Noticeboard | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.failures = 0
        self.opened = 0
        self.until = 0.0
        self.reason = ""
        self.recovered = False
        self._board: Noticeboard = board or Alone()
        self._clock = clock
        self._news = asyncio.Event()
        self._failing_since = self._well_at = 0.0
        self.trying = False
        """Whether a call of this process tries just now, while half open."""

    @property
    def probing(self) -> bool:
        """Open once and not yet proved well: let one message try."""
        return self.opened > 0

    def take_recovered(self) -> bool:
        """Whether it closed again since this was last asked: what waits need wait no longer."""
        recovered, self.recovered = self.recovered, False
        return recovered

    async def closed(self) -> None:
        """Return when a message may try."""
        while (pause_s := self.until - self._clock()) > 0:
            await self._something_new(pause_s)

    @asynccontextmanager
    async def call(self) -> AsyncIterator[Attempt]:
        """Around each call to the vendor: it counts as one, whatever number of commands it had.

        UnavailableError (`not_sent`): the connection is paused, and nothing was asked.
        """
        tries = await self._admit()
        attempt, began = Attempt(), self._clock()
        try:
            yield attempt
        except Exception as error:
            await self.failed(error, began)
            raise
        except BaseException:  # cancelled: nothing was learnt
            if tries:
                await self._tell(self._board.release())
            raise
        else:
            if attempt.fault is None:
                await self.succeeded()
            else:
                await self.failed(attempt.fault, began)
        finally:
            if tries:
                self.trying = False
                self._tell_here()

    async def _admit(self) -> bool:
        """Let this call pass, or raise; whether it is the one that tries."""
        give_up_at = self._clock() + VERDICT_S
        while self._clock() >= self.until:
            if not self.opened:
                return False
            if self._clock() > give_up_at:
                break
            if not self.trying:
                self.trying = True
                try:
                    if await self._claimed():
                        return True
                except BaseException:
                    self.trying = False
                    raise
                self.trying = False
            await self._something_new(NEWS_S)
        raise self._paused()

    async def _claimed(self) -> bool:
        try:
            return await self._board.claim()
        except CrossdockError:
            return True  # nobody can be asked: one call of this runner does little harm

    async def succeeded(self) -> None:
        """The vendor answered; whatever it said, it is there."""
        self.failures = 0
        self._well_at = self._clock()
        if self.opened:
            self._close()
            await self._tell(self._board.close())

    async def failed(self, error: BaseException, began: float | None = None) -> None:
        """Count a failure, of a call begun then; only those of the connection itself matter."""
        kind: Kind = "away"
        pause_s, opens = 0.0, True
        if isinstance(error, AuthError):
            kind, pause_s = "auth", AUTH_PAUSE_S
        elif isinstance(error, RateLimitedError):
            if error.parts.get("bucket"):
                return  # the limit of one operation: its own messages wait, no others
            kind, pause_s, opens = "limited", error.retry_after_s, False
        elif isinstance(error, UnavailableError):
            self.failures += 1
            if self.failures == 1:
                self._failing_since = max(began or self._clock(), self._well_at)
            if self.probing or self._lasting():
                pause_s = min(FIRST_PAUSE_S * 2.0**self.opened, LONGEST_PAUSE_S)
        else:
            await self.succeeded()
            return
        now = self._clock()
        pause_s *= random.uniform(0.9, 1.1)  # noqa: S311
        if pause_s <= 0.0 or now + pause_s <= self.until:
            return
        # calls that were under way together fail together: that opens it once
        self.opened += opens and now >= self.until
        self.until = now + pause_s
        self.reason = str(error)
        self._tell_here()
        if pause_s >= NEWS_S or opens:
            await self._tell(self._board.pause(kind, pause_s, self.opened, self.reason))

    def _lasting(self) -> bool:
        failing_s = self._clock() - self._failing_since
        return self.failures >= THRESHOLD or (self.failures > 1 and failing_s >= LASTING_S)

    def heard(self, *, opened: int, pause_s: float, reason: str) -> None:
        """What stands on the board. `opened` 0 with no pause left: somebody closed it."""
        now = self._clock()
        if pause_s > 0 or opened:
            self.opened = max(opened, self.opened)
            if pause_s > 0 and now + pause_s > self.until:
                self.until, self.reason = now + pause_s, reason
            self._tell_here()
        elif self.opened and now >= self.until:
            self._close()

    def _close(self) -> None:
        self.recovered = True
        self.failures = self.opened = 0
        self.until = 0.0
        self.reason = ""
        self._tell_here()

    async def _tell(self, telling: Awaitable[None]) -> None:
        with contextlib.suppress(CrossdockError):  # the others find out themselves
            await telling

    def _tell_here(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def _something_new(self, within_s: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._news.wait()

    def _paused(self) -> UnavailableError:
        left_s = max(self.until - self._clock(), 0.0)
        until = clock_text(time.time() + left_s)
        return UnavailableError(
            f"{self.name or 'the connection'} is paused until {until}: {self.reason}",
            outcome="not_sent",
            parts={"paused": True},
        )

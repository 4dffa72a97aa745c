"""A circuit breaker for one connection: when the vendor is away, stop asking for a while.

Messages then wait on their stream, where they cost nothing, instead of failing one by one.
"""

import asyncio
import random
import time

from crossdock.errors import AuthError, RateLimitedError, UnavailableError

THRESHOLD = 5
"""So many failures in a row open it."""
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 30.0
AUTH_PAUSE_S = 60.0


class Breaker:
    """Closed: all may pass. Open: nobody until `until`. Then one at a time, until one succeeds."""

    def __init__(self) -> None:
        self.failures = 0
        self.opened = 0
        self.until = 0.0
        self.reason = ""
        self.recovered = False

    @property
    def probing(self) -> bool:
        """Open once and not yet proved well: let one message try."""
        return self.opened > 0

    def succeeded(self) -> None:
        """The vendor answered; whatever it said, it is there."""
        self.recovered = self.recovered or self.opened > 0
        self.failures = self.opened = 0
        self.until = 0.0
        self.reason = ""

    def take_recovered(self) -> bool:
        """Whether it closed again since this was last asked: what waits need wait no longer."""
        recovered, self.recovered = self.recovered, False
        return recovered

    def failed(self, error: BaseException) -> None:
        """Count a failure; only those of the connection itself matter."""
        pause_s = 0.0
        if isinstance(error, AuthError):
            pause_s = AUTH_PAUSE_S
        elif isinstance(error, RateLimitedError):
            pause_s = error.retry_after_s
        elif isinstance(error, UnavailableError):
            self.failures += 1
            if self.failures >= THRESHOLD or self.probing:
                pause_s = min(FIRST_PAUSE_S * 2.0**self.opened, LONGEST_PAUSE_S)
        else:
            self.succeeded()
            return
        now = time.monotonic()
        until = now + pause_s * random.uniform(0.9, 1.1)  # noqa: S311
        if pause_s > 0.0 and until > self.until:
            # calls that were under way together fail together: that opens it once
            self.opened += now >= self.until and not isinstance(error, RateLimitedError)
            self.until = until
            self.reason = str(error)

    async def closed(self) -> None:
        """Return when a message may try."""
        pause_s = self.until - time.monotonic()
        if pause_s > 0:
            await asyncio.sleep(pause_s)

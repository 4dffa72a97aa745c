"""When one call may be made again at once. Longer waits are the ledger's (decision 4)."""

import random
from dataclasses import dataclass

from crossdock.errors import CrossdockError, RateLimitedError, UnavailableError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Methods that may be sent again without a second effect (RFC 9110 9.2.2)."""


@dataclass(frozen=True, kw_only=True)
class Retry:
    """At most `attempts` calls and `total_s` of pauses between them.

    The first pause is about `first_s`, each following one twice as long, with jitter of a half. A
    vendor that says when it wants to be asked again is obeyed when that is within the time left.
    """

    attempts: int = 3
    first_s: float = 0.2
    total_s: float = 10.0

    def pause_s(
        self, error: CrossdockError, *, attempt: int, safe: bool, waited_s: float
    ) -> float | None:
        """How long to wait before the next attempt; None: let the error rise.

        `safe`: a second call has no second effect, by its method or by its idempotency key. An
        unsafe call is repeated only when it is certain that the first one did nothing.
        """
        if attempt >= self.attempts or error.parts.get("outcome") == "not_sent":
            return None  # a call that its rate budget held back has waited already
        if isinstance(error, RateLimitedError):
            if not (safe or error.parts.get("status") == 429):
                return None
            pause_s = error.retry_after_s
        elif isinstance(error, UnavailableError):
            if not (safe or error.outcome == "not_sent"):
                return None
            pause_s = self.first_s * 2.0 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311
        else:
            return None
        return pause_s if waited_s + pause_s <= self.total_s else None


ONCE = Retry(attempts=1)
"""Never repeat."""

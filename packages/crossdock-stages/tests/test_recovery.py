"""What happens next when something fails, and the breaker."""

import asyncio
import time

import pytest
from crossdock import errors
from crossdock_stages import recovery
from crossdock_stages.breaker import AUTH_PAUSE_S, LONGEST_PAUSE_S, THRESHOLD, Breaker
from hypothesis import given
from hypothesis import strategies as st

AWAY = errors.UnavailableError("away")


@pytest.mark.parametrize(
    ("error", "attempts", "waited_s", "kind", "code"),
    [
        (errors.ContractError("x"), 1, 0, "dead", "contract"),
        (errors.ConfigError("x"), 1, 0, "dead", "config"),
        (errors.CrossdockError("x"), 1, 0, "dead", "error"),
        (errors.RateLimitedError("x", retry_after_s=7), 1, 0, "wait", "rate_limited"),
        (errors.RateLimitedError("x", retry_after_s=7), 9, 90_000, "desk", "rate_limited"),
        (AWAY, 1, 0, "wait", "unavailable"),
        (AWAY, 10_000, 86_400, "wait", "unavailable"),
        (AWAY, 2, 86_401, "desk", "unavailable"),
        (errors.TransientError("x"), 1, 0, "wait", "transient"),
        (errors.ConflictError("x"), 1, 0, "wait", "conflict"),
        (errors.ConflictError("x"), 2, 0, "wait", "conflict"),
        (errors.ConflictError("x"), 3, 0, "desk", "conflict"),
        (errors.RejectedError("x", reason="no_stock"), 1, 0, "desk", "no_stock"),
        (errors.AuthError("x"), 1, 0, "wait", "auth"),
        (errors.AuthError("x"), 500, 90_000, "wait", "auth"),
        (errors.PermanentError("x"), 1, 0, "desk", "permanent"),
        (ValueError("x"), 1, 0, "dead", "bug"),
        (RecursionError(), 1, 0, "dead", "bug"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_every_error_has_one_verdict(
    error: Exception, attempts: int, waited_s: float, kind: str, code: str
) -> None:
    verdict = recovery.judge(error, attempts=attempts, waited_s=waited_s)
    assert (verdict.kind, verdict.code) == (kind, code)
    assert verdict.reason
    assert (verdict.delay_s > 0) == (kind == "wait")


def test_no_error_class_is_forgotten() -> None:
    def below(kind: type[Exception]) -> set[type[Exception]]:
        return {kind}.union(*(below(child) for child in kind.__subclasses__()))

    ours = {kind for kind in below(errors.CrossdockError) if kind.__module__ == "crossdock.errors"}
    for kind in ours:
        needs = {"retry_after_s": 1.0} if kind is errors.RateLimitedError else {}
        assert recovery.judge(kind("x", **needs), attempts=1, waited_s=0).kind in {
            "wait",
            "desk",
            "dead",
        }


@given(st.integers(1, 10**9))
def test_backoff_grows_and_is_bounded(attempts: int) -> None:
    ideal = min(recovery.FIRST_DELAY_S * 2.0 ** min(attempts - 1, 60), recovery.LONGEST_DELAY_S)
    assert ideal * 0.75 <= recovery.backoff(attempts) <= ideal * 1.25


@given(st.floats(0, 10_000))
def test_the_vendors_own_patience_is_kept(seconds: float) -> None:
    error = errors.RateLimitedError("x", retry_after_s=seconds)
    delay_s = recovery.judge(error, attempts=1, waited_s=0).delay_s
    assert seconds * 0.75 <= delay_s <= max(seconds, 0.05) * 1.25


class TestBreaker:
    def pause_s(self, breaker: Breaker) -> float:
        return breaker.until - time.monotonic()

    async def test_a_few_failures_leave_it_closed(self) -> None:
        breaker = Breaker()
        for _ in range(THRESHOLD - 1):
            await breaker.failed(AWAY)
        assert not breaker.probing
        assert self.pause_s(breaker) <= 0

    async def test_many_in_a_row_open_it_and_one_success_closes_it(self) -> None:
        breaker = Breaker()
        for _ in range(THRESHOLD):
            await breaker.failed(AWAY)
        assert breaker.probing
        assert 0.8 < self.pause_s(breaker) < 1.2
        assert "away" in breaker.reason
        await breaker.succeeded()
        assert not breaker.probing
        assert self.pause_s(breaker) <= 0

    async def test_pauses_grow_and_are_bounded(self) -> None:
        breaker = Breaker()
        pauses = []
        for _ in range(THRESHOLD + 8):
            breaker.until = 0.0
            await breaker.failed(AWAY)
            pauses.append(self.pause_s(breaker))
        assert pauses[-1] <= LONGEST_PAUSE_S * 1.1
        assert pauses[THRESHOLD - 1] < pauses[THRESHOLD + 1] < pauses[THRESHOLD + 3]

    @pytest.mark.parametrize(
        ("error", "low", "high"),
        [
            (errors.AuthError("x"), AUTH_PAUSE_S * 0.89, AUTH_PAUSE_S * 1.11),
            (errors.RateLimitedError("x", retry_after_s=10), 8.9, 11.1),
            (errors.RejectedError("x"), float("-inf"), 0),
            (ValueError("x"), float("-inf"), 0),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
    )
    async def test_one_is_enough_or_never(self, error: Exception, low: float, high: float) -> None:
        breaker = Breaker()
        await breaker.failed(error)
        assert low <= self.pause_s(breaker) <= high

    async def test_an_answer_of_any_kind_proves_that_it_is_there(self) -> None:
        breaker = Breaker()
        for _ in range(THRESHOLD):
            await breaker.failed(AWAY)
        await breaker.failed(errors.RejectedError("no"))
        assert not breaker.probing

    async def test_the_longest_wish_wins(self) -> None:
        breaker = Breaker()
        await breaker.failed(errors.RateLimitedError("x", retry_after_s=1))
        await breaker.failed(errors.RateLimitedError("x", retry_after_s=20))
        assert self.pause_s(breaker) > 17
        await breaker.failed(errors.RateLimitedError("x", retry_after_s=1))
        assert self.pause_s(breaker) > 17

    async def test_closed_returns_when_the_pause_is_over(self) -> None:
        breaker = Breaker()
        breaker.until = time.monotonic() + 0.05
        async with asyncio.timeout(10):
            await breaker.closed()
        assert time.monotonic() >= breaker.until

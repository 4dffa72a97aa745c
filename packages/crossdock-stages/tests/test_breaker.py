"""The breaker: counts calls, opens once, tries one at a time, and never gets stuck."""

import asyncio

import pytest
from crossdock.errors import AuthError, RateLimitedError, RejectedError, UnavailableError
from crossdock_stages import breaker as module
from crossdock_stages.breaker import THRESHOLD, Breaker


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker("erp", clock=clock)


async def fails(breaker: Breaker, error: Exception, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(type(error)):
            async with breaker.call():
                raise error


async def opened(breaker: Breaker, clock: Clock) -> None:
    """Open it, and let the pause pass."""
    await fails(breaker, UnavailableError("gone"), THRESHOLD)
    assert breaker.probing
    clock.now = breaker.until + 0.01


async def test_five_calls_in_a_row_open_it_and_a_success_between_does_not(
    breaker: Breaker,
) -> None:
    for _ in range(3):
        await fails(breaker, UnavailableError("gone"), THRESHOLD - 1)
        async with breaker.call():
            pass
    assert not breaker.probing
    await fails(breaker, UnavailableError("gone"), THRESHOLD)
    with pytest.raises(UnavailableError, match=r"erp is paused until .* UTC: gone") as caught:
        async with breaker.call():
            pytest.fail("an open breaker lets nothing pass")
    assert caught.value.outcome == "not_sent"


async def test_two_long_failures_open_it(breaker: Breaker, clock: Clock) -> None:
    await fails(breaker, UnavailableError("gone"))
    clock.now += module.LASTING_S
    await fails(breaker, UnavailableError("gone"))
    assert breaker.probing


async def test_a_vendor_that_hangs_has_been_silent_since_it_was_asked(
    breaker: Breaker, clock: Clock
) -> None:
    async def hangs() -> None:
        async with breaker.call():
            clock.now += module.LASTING_S
            raise UnavailableError("no answer came")

    with pytest.raises(UnavailableError):
        await hangs()
    assert not breaker.probing, "one call alone proves nothing"
    await fails(breaker, UnavailableError("gone"))
    assert breaker.probing


async def test_a_slow_failure_counts_from_the_last_success(breaker: Breaker, clock: Clock) -> None:
    lost, answered = UnavailableError("no answer came"), asyncio.Event()

    async def slow() -> None:
        async with breaker.call():
            await answered.wait()
            raise lost

    task = asyncio.create_task(slow())
    await asyncio.sleep(0)
    clock.now += module.LASTING_S
    async with breaker.call():
        pass
    answered.set()
    with pytest.raises(UnavailableError):
        await task
    await fails(breaker, lost)
    assert not breaker.probing


async def test_a_no_is_an_answer(breaker: Breaker, clock: Clock) -> None:
    await opened(breaker, clock)
    await fails(breaker, RejectedError("unknown article"))
    assert not breaker.probing
    assert breaker.take_recovered()
    assert not breaker.take_recovered()


async def test_a_batch_that_fails_without_raising_counts(breaker: Breaker) -> None:
    for _ in range(THRESHOLD):
        async with breaker.call() as attempt:
            attempt.fault = UnavailableError("every one of fifty")
    assert breaker.probing


async def test_half_open_one_call_tries_and_the_others_wait_for_its_verdict(
    breaker: Breaker, clock: Clock
) -> None:
    await opened(breaker, clock)
    under_way, most, done = 0, 0, []
    gate = asyncio.Event()

    async def call(number: int) -> None:
        nonlocal under_way, most
        async with breaker.call():
            under_way += 1
            most = max(most, under_way)
            if number == 0:
                await gate.wait()
                under_way -= 1
            done.append(number)

    tasks = [asyncio.create_task(call(number)) for number in range(6)]
    await asyncio.sleep(0.05)
    assert most == 1
    assert not done
    gate.set()
    await asyncio.gather(*tasks)
    assert done[0] == 0
    assert len(done) == 6


async def test_when_the_try_fails_the_others_are_not_sent(breaker: Breaker, clock: Clock) -> None:
    await opened(breaker, clock)
    sent = []

    async def call(number: int) -> None:
        async with breaker.call():
            sent.append(number)
            await asyncio.sleep(0.01)
            raise UnavailableError("still gone")

    answers = await asyncio.gather(*(call(n) for n in range(5)), return_exceptions=True)
    assert len(sent) == 1
    assert all(isinstance(answer, UnavailableError) for answer in answers)
    assert breaker.opened == 2
    pause_s = breaker.until - clock.now
    assert 1.7 < pause_s < 2.3, "twice as long as the first"


async def test_a_cancelled_try_lets_the_next_one(breaker: Breaker, clock: Clock) -> None:
    await opened(breaker, clock)

    async def hang() -> None:
        async with breaker.call():
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with breaker.call():
        pass
    assert not breaker.probing


async def test_credentials_and_limits_pause_at_once(breaker: Breaker, clock: Clock) -> None:
    await fails(breaker, RateLimitedError("slowly", retry_after_s=10))
    assert 8 < breaker.until - clock.now < 12
    assert not breaker.probing, "a limit is no doubt about the vendor"
    clock.now += 12
    await fails(breaker, AuthError("expired"))
    assert breaker.probing
    assert breaker.until - clock.now > 50


async def test_the_limit_of_one_operation_pauses_no_other(breaker: Breaker) -> None:
    error = RateLimitedError("feeds: slowly", retry_after_s=100, parts={"bucket": "feeds"})
    await fails(breaker, error)
    async with breaker.call():
        pass


async def test_pauses_grow_to_half_a_minute(breaker: Breaker, clock: Clock) -> None:
    await opened(breaker, clock)
    for _ in range(9):
        await fails(breaker, UnavailableError("gone"))
        pause_s = breaker.until - clock.now
        assert pause_s < 33.1
        clock.now = breaker.until + 0.01
    assert pause_s > 26

"""Keeping to a budget, call by call: few questions, none too many, and messages that say why."""

import asyncio
import time

import pytest
from crossdock import pacing, rates
from crossdock.errors import RateLimitedError, UnavailableError
from crossdock.pacing import InMemory, Pacer
from crossdock.rates import Ask, Grant, Limit, Reading


class Counted(InMemory):
    """Counts the questions; `away` makes it fail."""

    away = False

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Ask] = []

    async def __call__(self, bucket: str, ask: Ask) -> Grant:
        self.asked.append(ask)
        if self.away:
            raise UnavailableError("the ledger is away", outcome="failed")
        return await super().__call__(bucket, ask)


async def test_without_a_limit_nobody_is_asked() -> None:
    keeper = Counted()
    pacer = Pacer("web", keeper)
    for _ in range(100):
        await pacer.take()
        await pacer.learn(None)
    assert not keeper.asked


async def test_a_grant_serves_many_calls() -> None:
    keeper = Counted()
    pacer = Pacer("web", keeper)
    pacer.declare({"": Limit(capacity=10_000, rate_per_s=1_000)})
    for _ in range(3_000):
        await pacer.take()
    assert len(keeper.asked) < 60
    assert 10_000 - keeper.budgets[""].left >= 3_000


async def test_used_up_says_until_when_and_asks_no_more_for_a_while() -> None:
    keeper = Counted()
    pacer = Pacer("web", keeper)
    pacer.declare({"orders": Limit(capacity=2, rate_per_s=0.01)})
    await pacer.take("orders")
    await pacer.take("orders")
    for _ in range(50):
        with pytest.raises(RateLimitedError) as caught:
            await pacer.take("orders")
    assert len(keeper.asked) <= 4
    assert 90 < caught.value.retry_after_s < 101
    until = pacing.clock_text(time.time() + caught.value.retry_after_s)
    said = str(caught.value)
    assert said.startswith("web: budget 'orders' used up until ")
    assert until[:5] in said
    assert "0 of 2 left, 0.01/s" in said
    assert caught.value.parts["bucket"] == "orders"
    await pacer.take("other"), "another bucket is another budget"


async def test_a_refusal_is_obeyed_by_the_next_call_and_forgotten_after_a_success() -> None:
    keeper = Counted()
    pacer = Pacer("web", keeper)
    await pacer.learn(Reading(refused=True, retry_after_s=60))
    with pytest.raises(RateLimitedError, match="used up until"):
        await pacer.take()
    other = Pacer("web", keeper)
    other.heard("", keeper.budgets[""], time.time())
    with pytest.raises(RateLimitedError):
        await other.take()
    pacer = Pacer("web", keeper := Counted())
    await pacer.learn(Reading(refused=True, retry_after_s=0.01))
    await pacer.take()
    assert keeper.budgets[""].refusals == 1
    await pacer.learn(None)
    assert keeper.budgets[""].refusals == 0


async def test_what_the_vendor_counts_less_counts() -> None:
    pacer = Pacer("web", keeper := Counted())
    pacer.declare({"": Limit(capacity=100, rate_per_s=0.001)})
    await pacer.take()
    await pacer.learn(Reading(capacity=100, left=1, rate_per_s=0.001))
    await pacer.take()
    with pytest.raises(RateLimitedError):
        await pacer.take()
    assert keeper.budgets[""].left < 1


async def test_what_a_call_did_not_cost_comes_back() -> None:
    pacer = Pacer("web", Counted())
    pacer.declare({"": Limit(capacity=100, rate_per_s=0.001)})
    for _ in range(20):
        await pacer.take(cost=50)
        await pacer.learn(Reading(capacity=100, left=100, spent=2), paid=50)
    await pacer.take(cost=50)
    with pytest.raises(RateLimitedError):
        await pacer.take(cost=50)


async def test_unused_permits_are_given_back() -> None:
    clock = [1000.0]
    pacer = Pacer("web", keeper := Counted(), clock=lambda: clock[0])
    pacer.declare({"": Limit(capacity=100, rate_per_s=0.001)})
    await pacer.take()
    await pacer.take()  # the second grant may be larger than asked
    clock[0] += 0.01
    for _ in range(20):
        await pacer.take()
    before = keeper.budgets[""].left
    await pacer.give_back()
    clock[0] += 10
    await pacer.give_back()
    assert keeper.budgets[""].left >= before
    assert keeper.budgets[""].left == pytest.approx(78, abs=0.1)


async def test_a_limit_is_kept_while_its_keeper_is_away() -> None:
    pacer = Pacer("web", keeper := Counted())
    pacer.declare({"": Limit(capacity=10, rate_per_s=0.001)})
    await pacer.take()
    keeper.away = True
    for _ in range(9):
        await pacer.take()
    with pytest.raises(RateLimitedError):
        await pacer.take()


async def test_whoever_stops_waiting_loses_no_permit() -> None:
    pacer = Pacer("web", Counted())
    pacer.declare({"": Limit(capacity=1, rate_per_s=1)})
    await pacer.take()
    waiting = asyncio.create_task(pacer.take())
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await pacer.take()


def test_a_budget_in_a_few_words() -> None:
    budget = rates.budget_of(Limit(capacity=40, rate_per_s=2), 0.0)
    assert pacing.describe(budget) == "40 of 40 left, 2/s"
    large = rates.Budget(capacity=20_000, left=19_999.57, rate_per_s=1_000)
    assert pacing.describe(large) == "20000 of 20000 left, 1000/s"
    slow = rates.Budget(capacity=1, left=0.98, rate_per_s=1 / 60)
    assert pacing.describe(slow) == "0.9 of 1 left, 0.01667/s"
    window = rates.budget_of(Limit(capacity=40, window_s=60), 0.0)
    assert pacing.describe(window) == "40 of 40 left, full again at 00:01:00 UTC"
    slower = rates.Budget(capacity=1, left=0.9, rate_per_s=0.00005)
    assert pacing.describe(slower) == "0.9 of 1 left, 0.00005/s"
    assert pacing.describe(rates.Budget()) == "no limit known"

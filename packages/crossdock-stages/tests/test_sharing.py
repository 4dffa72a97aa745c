"""Budgets and breakers that several runners share: on SQLite and PostgreSQL, in real processes."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from crossdock.connector import Context
from crossdock.errors import AuthError, RateLimitedError, UnavailableError
from crossdock.rates import Ask, Limit, Reading
from crossdock.testing.sandbox import serve
from crossdock_stages import breaker as breaker_module
from crossdock_stages import sharing as sharing_module
from crossdock_stages.breaker import THRESHOLD, Breaker
from crossdock_stages.ledger import Ledger, budgets
from crossdock_stages.sharing import Sharing, fair_share, standing
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

CALLER = """
import asyncio, sys
from crossdock.connector import Context
from crossdock.errors import RateLimitedError
from crossdock.rates import Limit
from crossdock_stages.ledger import open_ledger
from crossdock_stages.sharing import Sharing

async def main(url, ledger_url, shared):
    async with open_ledger(ledger_url) as ledger:
        pacer = Sharing(ledger).pacer("web") if shared == "shared" else None
        context = Context(connection="web", pacer=pacer)
        limits = {"": Limit(capacity=60, rate_per_s=0.05)}
        async with context.http(base_url=url, limits=limits) as http:
            print("ready", flush=True)
            await asyncio.to_thread(sys.stdin.readline)

            async def caller():
                while True:
                    try:
                        await http.post("/orders", json={})
                    except RateLimitedError as error:
                        assert error.parts["outcome"] == "not_sent", error
                        return
            await asyncio.gather(*(caller() for _ in range(4)))
            print("done", flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


class Vendor:
    """Notes when each call arrived: the truth about a budget."""

    def __init__(self) -> None:
        self.arrived: list[float] = []
        self.start = 0.0
        self.app = Starlette(routes=[Route("/orders", self.take, methods=["POST"])])

    async def take(self, _: Request) -> JSONResponse:
        self.arrived.append(time.monotonic())
        return JSONResponse({})

    @property
    def allowed(self) -> float:
        """How many calls the budget allows until the last one that came: 60, and 0.05 a second."""
        return 60 + 0.05 * (self.arrived[-1] - self.start)


async def race(ledger_url: str, shared: str) -> Vendor:
    """Two processes call as quickly as they can, until the budget is used up."""
    vendor = Vendor()
    async with serve(vendor.app) as url:
        callers = [
            subprocess.Popen(
                [sys.executable, "-c", CALLER, url, ledger_url, shared],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(2)
        ]
        for caller in callers:
            assert caller.stdout is not None
            assert await asyncio.to_thread(caller.stdout.readline) == "ready\n"
        vendor.start = time.monotonic()
        for caller in callers:
            assert caller.stdin is not None
            caller.stdin.write("go\n")
            caller.stdin.flush()
        for caller in callers:
            out, _ = await asyncio.to_thread(caller.communicate, timeout=60)
            assert out == "done\n"
    return vendor


async def test_two_processes_keep_to_one_budget(ledger_url: str, ledger: Ledger) -> None:
    vendor = await race(ledger_url, "shared")
    assert 40 <= len(vendor.arrived) <= vendor.allowed  # how many by then is the machine's speed
    board = await ledger.read(budgets.look)
    assert board.budgets["web", ""].capacity == 60


async def test_the_race_shows_when_nothing_is_shared(sqlite_ledger: Ledger) -> None:
    """Sabotage: the same race with a budget for each process must break the budget."""
    vendor = await race(sqlite_ledger.url, "alone")
    assert len(vendor.arrived) >= 120 > vendor.allowed


@pytest.fixture
async def pair(ledger: Ledger) -> tuple[Sharing, Sharing]:
    return Sharing(ledger, "one"), Sharing(ledger, "two")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker_module, "FIRST_PAUSE_S", 0.05)
    monkeypatch.setattr(breaker_module, "NEWS_S", 0.02)


async def opened(breaker: Breaker, error: Exception | None = None) -> None:
    for _ in range(THRESHOLD):
        with pytest.raises(UnavailableError):
            async with breaker.call():
                raise error or UnavailableError("the ERP is gone")


async def test_a_refusal_of_one_runner_quiets_the_others(
    ledger: Ledger, pair: tuple[Sharing, Sharing]
) -> None:
    """Over real HTTP: the vendor says Retry-After to one, and the other sends nothing."""
    asked = []

    async def refuse(request: Request) -> JSONResponse:
        asked.append(request.headers["x-runner"])
        return JSONResponse({}, 429, {"retry-after": "30"})

    app = Starlette(routes=[Route("/orders", refuse)])
    async with serve(app) as url:
        https = [
            Context(connection="web", pacer=one.pacer("web")).http(
                base_url=url, headers={"x-runner": one.runner}
            )
            for one in pair
        ]
        async with https[0], https[1]:
            with pytest.raises(RateLimitedError) as first:
                await https[0].get("/orders")
            await pair[1].look()
            with pytest.raises(RateLimitedError, match="web: rate budget used up until") as second:
                await https[1].get("/orders")
    assert asked == ["one"]
    assert 25 < first.value.retry_after_s <= 30
    assert 25 < second.value.retry_after_s <= 30
    told = standing(await ledger.read(budgets.look))["web"]
    assert told["state"] == "waiting"
    assert told["reason"].startswith("rate budget used up until ")


async def test_what_one_opens_is_open_for_the_other(
    ledger: Ledger, pair: tuple[Sharing, Sharing]
) -> None:
    one, two = (sharing.breaker("erp") for sharing in pair)
    await opened(one)
    await pair[1].look()
    with pytest.raises(UnavailableError, match=r"erp is paused until .*: the ERP is gone"):
        async with two.call():
            pytest.fail("the other runner knows that the ERP is gone")
    told = standing(await ledger.read(budgets.look))["erp"]
    assert told["state"] == "waiting"
    assert "the ERP is gone" in told["reason"]


async def test_without_the_board_the_other_does_not_know(ledger: Ledger) -> None:
    """Sabotage: the test above must fail when nothing is shared."""
    one, two = Breaker("erp"), Breaker("erp")
    await opened(one)
    await Sharing(ledger, "two").look()
    async with two.call():
        pass


@pytest.mark.usefixtures("quick")
async def test_one_runner_alone_tries_and_its_success_frees_the_other(
    ledger: Ledger, pair: tuple[Sharing, Sharing]
) -> None:
    one, two = (sharing.breaker("erp") for sharing in pair)
    await opened(one)
    await pair[1].look()
    await one.closed()
    await two.closed()
    tried: list[str] = []
    gate = asyncio.Event()

    async def call(breaker: Breaker, name: str) -> None:
        async with breaker.call():
            tried.append(name)
            await gate.wait()

    tasks = [
        asyncio.create_task(call(one, "one")),
        asyncio.create_task(call(two, "two")),
    ]
    await asyncio.sleep(0.3)
    assert len(tried) == 1, "one call in the whole deployment, while it is half open"
    assert standing(await ledger.read(budgets.look))["erp"]["state"] == "trying"
    gate.set()
    for sharing in pair:
        await asyncio.sleep(0.05)
        await sharing.look()
    await asyncio.gather(*tasks)
    assert sorted(tried) == ["one", "two"]
    assert not one.probing
    assert not two.probing
    assert "erp" not in standing(await ledger.read(budgets.look))


@pytest.mark.usefixtures("quick")
async def test_a_runner_that_dies_while_it_tries_is_followed_by_another(
    pair: tuple[Sharing, Sharing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing_module, "CLAIM_S", 0.2)
    one, two = (sharing.breaker("erp") for sharing in pair)
    await opened(one)
    await pair[1].look()
    await one.closed()
    await two.closed()
    assert await one._board.claim(), "and now it dies: no verdict, no release, no renewal"
    async with two.call():
        pass
    assert not two.probing


@pytest.mark.usefixtures("quick")
async def test_a_runner_that_is_still_trying_keeps_its_claim(
    pair: tuple[Sharing, Sharing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing_module, "CLAIM_S", 1.5)
    one, two = (sharing.breaker("erp") for sharing in pair)
    await opened(one)
    await one.closed()
    async with one.call():
        for _ in range(8):
            await asyncio.sleep(0.25)
            await pair[0].look()
            assert not await two._board.claim()


async def test_a_paused_credential_is_known_everywhere(
    pair: tuple[Sharing, Sharing],
) -> None:
    one, two = (sharing.breaker("erp") for sharing in pair)
    with pytest.raises(AuthError):
        async with one.call():
            raise AuthError("the key has expired")
    await pair[1].look()
    with pytest.raises(UnavailableError, match="the key has expired"):
        async with two.call():
            pytest.fail("it is paused for all")


async def test_one_runner_alone_works_and_the_next_takes_over(
    pair: tuple[Sharing, Sharing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing_module, "LEASE_S", 0.4)
    at_work: list[str] = []
    most = 0

    def work(name: str) -> Callable[[], Any]:
        async def poll() -> None:
            nonlocal most
            at_work.append(name)
            most = max(most, len(at_work))
            try:
                await asyncio.Event().wait()
            finally:
                at_work.remove(name)

        return poll

    tasks = [
        asyncio.create_task(sharing.alone("poll erp", work(sharing.runner))) for sharing in pair
    ]
    await asyncio.sleep(1.0)
    assert len(at_work) == 1
    first = at_work[0]
    tasks[[one.runner for one in pair].index(first)].cancel()
    deadline = time.monotonic() + 20
    while not at_work or at_work[0] == first:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert most == 1
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_lease_runs_out(ledger: Ledger) -> None:
    assert await ledger.write(lambda tx: budgets.lease(tx, "poll", "one", 0.2))
    assert not await ledger.write(lambda tx: budgets.lease(tx, "poll", "two", 0.2))
    assert await ledger.write(lambda tx: budgets.lease(tx, "poll", "one", 0.2))
    await asyncio.sleep(0.3)
    assert await ledger.write(lambda tx: budgets.lease(tx, "poll", "two", 9))
    assert not await ledger.write(lambda tx: budgets.lease(tx, "poll", "one", 9))
    await ledger.write(lambda tx: budgets.unlease(tx, "poll", "one"))
    assert not await ledger.write(lambda tx: budgets.lease(tx, "poll", "one", 9))
    await ledger.write(lambda tx: budgets.unlease(tx, "poll", "two"))
    assert await ledger.write(lambda tx: budgets.lease(tx, "poll", "one", 9))


class Keeper:
    """Stands for a worker: has a lane's name, and is told whether it is its own."""

    def __init__(self, durable: str) -> None:
        self.lane: Any = SimpleNamespace(durable=durable)
        self.mine = True

    def take_part(self, mine: bool) -> None:
        self.mine = mine


@given(
    st.lists(st.text("abcdef", min_size=1, max_size=4), min_size=1, max_size=60, unique=True),
    st.lists(st.uuids().map(str), min_size=1, max_size=8, unique=True),
)
def test_lanes_are_shared_out_wholly_and_evenly(lanes: list[str], runners: list[str]) -> None:
    shares = [fair_share(lanes, runners, runner) for runner in runners]
    assert sorted(lane for share in shares for lane in share) == sorted(lanes)
    sizes = [len(share) for share in shares]
    assert max(sizes) - min(sizes) <= 1
    assert not fair_share(lanes, runners, "a stranger")


async def test_lanes_move_when_runners_come_go_and_die(
    pair: tuple[Sharing, Sharing], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing_module, "LEASE_S", 0.5)
    one, two = pair
    keepers = {
        sharing.runner: [Keeper(f"{stage}-{n}") for stage in ("decide", "translate") for n in "01"]
        for sharing in pair
    }
    for sharing in pair:
        sharing.spread(keepers[sharing.runner])

    def lanes(sharing: Sharing) -> set[str]:
        return {keeper.lane.durable for keeper in keepers[sharing.runner] if keeper.mine}

    await one.look()
    assert len(lanes(one)) == 4, "alone it has them all"
    await two.look()
    await one.look()
    assert len(lanes(one)) == len(lanes(two)) == 2
    assert not lanes(one) & lanes(two)
    assert {lane[:-2] for lane in lanes(one)} == {"decide", "translate"}, "a part of each stage"
    await one.leave()
    await two.look()
    assert len(lanes(two)) == 4, "one said that it ends"
    three = Sharing(one.ledger, "three")
    keepers["three"] = [Keeper(keeper.lane.durable) for keeper in keepers["one"]]
    three.spread(keepers["three"])
    await three.look()
    await two.look()
    assert len(lanes(two)) == 2
    await asyncio.sleep(0.6)  # three is dead: it says nothing any more
    await two.look()
    assert len(lanes(two)) == 4


async def test_a_runner_without_the_bus_leaves_its_lanes_to_others(ledger: Ledger) -> None:
    sick = Sharing(ledger, "sick", well=lambda: False)
    well = Sharing(ledger, "well")
    for sharing in (sick, well):
        sharing.spread([Keeper("decide-0"), Keeper("decide-1")])
    await sick.look()
    board = await well.look()
    assert board.runners == ("well",)
    assert all(keeper.mine for keeper in well._workers)
    await sick.look()
    assert not any(keeper.mine for keeper in sick._workers)


class Away:
    """A ledger that can be taken away."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.url = ledger.url
        self.gone = False

    async def write(self, work: Callable[[Any], Any]) -> Any:
        self._check()
        return await self.ledger.write(work)

    async def read(self, work: Callable[[Any], Any]) -> Any:
        self._check()
        return await self.ledger.read(work)

    def _check(self) -> None:
        if self.gone:
            raise UnavailableError("the ledger failed", outcome="failed")


@pytest.mark.usefixtures("quick")
async def test_without_the_ledger_each_runner_goes_on_by_itself(sqlite_ledger: Ledger) -> None:
    away = Away(sqlite_ledger)
    sharing = Sharing(away)
    pacer, breaker = sharing.pacer("erp"), sharing.breaker("erp")
    pacer.declare({"": Limit(capacity=3, rate_per_s=0.001)})
    await pacer.take()
    away.gone = True
    await pacer.take()
    await pacer.take()
    with pytest.raises(RateLimitedError):
        await pacer.take()
    await opened(breaker)
    await breaker.closed()
    async with breaker.call():
        pass
    assert not breaker.probing


async def test_of_two_first_questions_at_once_both_are_answered(ledger: Ledger) -> None:
    ask = Ask(least=1, patience_s=5, reading=Reading(capacity=10, rate_per_s=0.001))
    grants = await asyncio.gather(
        *(ledger.write(lambda tx: budgets.exchange(tx, "web", "", ask)) for _ in range(8))
    )
    assert [grant.permits for grant in grants] == [1] * 8
    board = await ledger.read(budgets.look)
    assert board.budgets["web", ""].left == pytest.approx(2, abs=0.1)

    async def pause(pause_s: float) -> None:
        await ledger.write(
            lambda tx: budgets.pause(
                tx, "web", kind="away", pause_s=pause_s, opened=1, reason=str(pause_s)
            )
        )

    await asyncio.gather(*(pause(pause_s) for pause_s in (5.0, 60.0, 20.0)))
    board = await ledger.read(budgets.look)
    assert board.standstills["web"].reason == "60.0", "of several pauses the longest counts"
    assert 55 < board.standstills["web"].until - board.now <= 60

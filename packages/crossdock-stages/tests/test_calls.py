"""Calling a target: single calls side by side, batches one after the other."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from crossdock.canonical import InventoryLevel
from crossdock.errors import RateLimitedError, RejectedError, UnavailableError
from crossdock.events import Command, Receipt
from crossdock_stages.breaker import THRESHOLD, Breaker
from crossdock_stages.calls import MOST_AT_ONCE, Target


def command(number: int, *, attempt: int = 1) -> Command[Any]:
    level = InventoryLevel(sku=f"S{number}", location="WH")
    return Command(
        id=f"cmd_{number}",
        type="inventory.publish",
        data=level,
        entity_id=f"inv_{number}",
        attempt=attempt,
    )


class Many:
    """A vendor that takes batches; it remembers them, and what it was asked to find."""

    def __init__(self, answers: dict[str, Exception] | None = None) -> None:
        self.answers = answers or {}
        self.batches: list[list[str]] = []
        self.found: list[str] = []
        self.under_way = 0

    async def apply(self, command: Command[Any]) -> Receipt:
        raise AssertionError("a vendor with batches is never called one by one")

    async def find(self, command: Command[Any]) -> Receipt | None:
        self.found.append(command.id)
        return Receipt(native_id="before") if command.id in {"cmd_0", "cmd_2"} else None

    async def apply_many(self, commands: Sequence[Command[Any]]) -> Sequence[Receipt | Exception]:
        self.under_way += 1
        assert self.under_way == 1, "two batches at once"
        self.batches.append([one.id for one in commands])
        await asyncio.sleep(0)
        self.under_way -= 1
        return [self.answers.get(one.id, Receipt(native_id=one.id)) for one in commands]


async def test_what_comes_together_goes_together() -> None:
    vendor = Many()
    target = Target(name="erp", port=vendor)
    answers = await asyncio.gather(*(target.carry_out(command(n)) for n in range(120)))
    assert [answer.native_id for answer, _ in answers if isinstance(answer, Receipt)] == [
        f"cmd_{n}" for n in range(120)
    ]
    assert [len(batch) for batch in vendor.batches] == [MOST_AT_ONCE, MOST_AT_ONCE, 20]


async def test_each_gets_its_own_answer() -> None:
    refused = RejectedError("no such article", reason="unknown_sku")
    target = Target(name="erp", port=Many({"cmd_3": refused}))
    answers = await asyncio.gather(*(target.carry_out(command(n)) for n in range(5)))
    assert [answer is refused for answer, _ in answers] == [n == 3 for n in range(5)]
    assert not target.breaker.probing


async def test_doubt_is_looked_up_before_it_joins_a_batch() -> None:
    vendor = Many()
    target = Target(name="erp", port=vendor)
    commands = [command(n, attempt=2) for n in range(4)]
    answers = await asyncio.gather(*(target.carry_out(one) for one in commands))
    assert [found for _, found in answers] == [True, False, True, False]
    assert vendor.batches == [["cmd_1", "cmd_3"]]


@pytest.mark.parametrize("fault", ["raises", "short"])
async def test_a_batch_that_fails_fails_for_each(fault: str) -> None:
    class Broken(Many):
        async def apply_many(
            self, commands: Sequence[Command[Any]]
        ) -> Sequence[Receipt | Exception]:
            if fault == "raises":
                raise UnavailableError("gone", outcome="unknown")
            return [Receipt()]

    target = Target(name="erp", port=Broken(), breaker=Breaker("erp"))
    for call in range(THRESHOLD):
        assert not target.breaker.probing, f"{call} failed calls are too few to open it"
        answers = await asyncio.gather(*(target.carry_out(command(n)) for n in range(6)))
        assert all(isinstance(answer, UnavailableError) for answer, _ in answers)
    assert target.breaker.probing, "a call is one failure, however many commands it has"
    assert target.batch == 1
    ((answer, _),) = [await target.carry_out(command(7))]
    assert isinstance(answer, UnavailableError)
    assert answer.outcome == "not_sent"
    assert "erp is paused until" in str(answer)


async def test_without_batches_calls_run_side_by_side_up_to_the_limit() -> None:
    class Single:
        most = now = 0

        async def apply(self, command: Command[Any]) -> Receipt:
            self.now += 1
            self.most = max(self.most, self.now)
            await asyncio.sleep(0.001)
            self.now -= 1
            return Receipt(native_id=command.id)

        async def find(self, command: Command[Any]) -> Receipt | None:
            return None

    vendor = Single()
    target = Target(name="web", port=vendor, concurrency=3)
    await asyncio.gather(*(target.carry_out(command(n)) for n in range(20)))
    assert vendor.most == 3


async def test_refusals_make_the_next_batches_smaller_and_success_larger() -> None:
    class Limited(Many):
        limited = True

        async def apply_many(
            self, commands: Sequence[Command[Any]]
        ) -> Sequence[Receipt | Exception]:
            if self.limited:
                # of one operation, so that the connection itself goes on
                raise RateLimitedError("slow down", retry_after_s=9, parts={"bucket": "feeds"})
            return await super().apply_many(commands)

    vendor = Limited()
    target = Target(name="erp", port=vendor)
    most = target.batch
    for _ in range(20):
        await target.carry_out(command(1))
    assert target.batch == 1
    vendor.limited = False
    for _ in range(most):
        await target.carry_out(command(1))
    assert target.batch == most

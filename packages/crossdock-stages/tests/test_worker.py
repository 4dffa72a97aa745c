"""A worker's place on its lane: it stops when told, and leaves the lane to another in order."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from typing import Any

import pytest
from crossdock.bus import Bus, Embedded, Outgoing
from crossdock_stages.harness import House, Item, Worker
from crossdock_stages.ledger import Ledger
from crossdock_stages.ledger.landing import Landed
from crossdock_stages.topology import Topology

Eventually = Callable[..., Awaitable[Any]]
TOPOLOGY = Topology(lanes=1)
LANE = TOPOLOGY.translate_lanes()[0]


class Notes:
    """A stage that writes down what it was given, and is ready when it is told so."""

    name = "notes"
    batch = 5

    def __init__(self, seen: list[tuple[str, str]], who: str) -> None:
        self.seen = seen
        self.who = who
        self.open = asyncio.Event()
        self.open.set()

    async def ready(self) -> None:
        await self.open.wait()

    async def process(self, items: Sequence[Item]) -> Iterable[Outgoing]:
        await asyncio.sleep(0.02)
        self.seen += [(self.who, item.id) for item in items]
        return ()

    async def give_up(self, item: Item, error: Exception) -> None:
        raise AssertionError


@pytest.fixture
async def houses(nats_server: Embedded, sqlite_ledger: Ledger) -> AsyncIterator[list[House]]:
    async with AsyncExitStack() as stack:
        buses = [await stack.enter_async_context(Bus(nats_server.url)) for _ in range(2)]
        await buses[0].declare(TOPOLOGY.streams(), TOPOLOGY.translate_lanes())
        yield [House(bus=bus, ledger=sqlite_ledger) for bus in buses]


def message(number: int) -> Outgoing:
    return TOPOLOGY.raw(
        Landed(
            id=f"lnd_{number:03}",
            connection="web",
            topic="orders/create",
            entity_key="1",
            delivery_id=str(number),
            road="webhook",
            headers={},
            body=b"{}",
            received_at=1.0,
        )
    )


async def test_a_lane_goes_from_one_to_the_other_and_back_in_order(
    houses: list[House], eventually: Eventually
) -> None:
    seen: list[tuple[str, str]] = []
    workers = [
        Worker(Notes(seen, who), house.bus.lane(LANE), house)
        for who, house in zip("ab", houses, strict=True)
    ]
    workers[1].take_part(False)
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    sent = 0

    async def send(count: int) -> None:
        nonlocal sent
        for _ in range(count):
            await houses[0].bus.publish([message(sent)])
            sent += 1

    await send(20)
    await eventually(lambda: len(seen) >= 10)
    for turn in (1, 0, 1):  # each time in the midst of its work
        for index, worker in enumerate(workers):
            worker.take_part(index == turn)
        for _ in range(200):
            await send(2)
            await asyncio.sleep(0.12)
            if seen[-1][0] == "ab"[turn]:
                break
    await eventually(lambda: len(seen) >= sent)
    for worker in workers:
        worker.stop()
    await asyncio.wait_for(asyncio.gather(*tasks), 10)
    assert [number for _, number in seen] == [f"lnd_{n:03}" for n in range(sent)]
    assert {who for who, _ in seen} == {"a", "b"}


async def test_it_stops_while_its_target_is_paused(houses: list[House]) -> None:
    stage = Notes([], "a")
    stage.open.clear()
    worker = Worker(stage, houses[0].bus.lane(LANE), houses[0])
    task = asyncio.create_task(worker.run())
    await asyncio.sleep(0.1)
    worker.stop()
    await asyncio.wait_for(task, 10)
    assert not stage.seen


async def test_one_that_never_had_a_part_stops_too(houses: list[House]) -> None:
    worker = Worker(Notes([], "a"), houses[0].bus.lane(LANE), houses[0])
    worker.take_part(False)
    task = asyncio.create_task(worker.run())
    await asyncio.sleep(0.05)
    worker.stop()
    worker.take_part(False)  # a last word from the others must not hold it up
    await asyncio.wait_for(task, 10)

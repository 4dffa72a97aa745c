"""What surrounds the line fails in every way we know; nothing is lost, doubled or turned round."""

import asyncio
import contextlib
import random
import sys
from collections.abc import Callable
from typing import Any

import pytest
from crossdock_stages import breaker, recovery
from forms import long_form, size
from mini import Trouble, World
from plant import Plant, Yard
from scenarios import AWAY, LOST, running

MakeYard = Callable[..., Any]
FOR_EVER = 10**9
pytestmark = pytest.mark.timeout(3600)


async def to_the_end(yard: Yard, *plants: Plant) -> None:
    """The first plant hears everything; then all is well everywhere."""
    await plants[0].hear()
    patience = 60.0 if long_form() else 20.0
    faults = await plants[0].settle(patience)
    assert not faults, faults


async def test_the_erp_does_it_and_times_out(make_yard: MakeYard) -> None:
    """Every single order is created, and every single answer is lost."""
    world, orders = World(), size(30, 1_000, "TIMEOUTS")
    for number in range(orders):
        world.order(number)
    trouble = Trouble(LOST, count=orders, done_first=True)
    world.erp.troubles.append(trouble)
    yard = await make_yard(world)
    async with running(yard) as plant:
        await to_the_end(yard, plant)
    assert trouble.count == 0
    assert len(world.erp.records) == orders


async def test_versions_of_many_orders_shuffled_over_four_runners(
    make_yard: MakeYard, seed: int
) -> None:
    """5 % of the calls fail, half of those after they did what was asked."""
    chance = random.Random(seed)
    entities, versions = size(25, 2_000, "ENTITIES"), size(4, 10, "VERSIONS")
    world = World()
    told = [(number, version) for number in range(entities) for version in range(1, versions + 1)]
    chance.shuffle(told)
    for number, version in told:
        world.order(number, version)
        world.orders[str(number)] = versions
    world.erp.troubles += [
        Trouble(AWAY, count=FOR_EVER, share=0.025, chance=chance),
        Trouble(LOST, count=FOR_EVER, share=0.025, chance=chance, done_first=True),
    ]
    yard = await make_yard(world)
    async with contextlib.AsyncExitStack() as stack:
        plants = [
            await stack.enter_async_context(running(yard, polls=number == 0)) for number in range(4)
        ]
        await to_the_end(yard, *plants)
    assert world.erp.overlaps == 0
    applied = len(world.erp.log)
    sys.stderr.write(f"{entities} x {versions}: {applied} effects, {world.erp.calls} calls\n")


async def test_poison_harms_only_itself(make_yard: MakeYard) -> None:
    world, messages = World(), size(100, 10_000, "POISON_OF")
    for number in range(messages):
        if number % 100 == 50:
            body = b'{"poison": %d' % number
            world.say(body, key=str(number))
            world.poison.append(body)
        else:
            world.order(number)
    yard = await make_yard(world)
    async with running(yard) as plant:
        await to_the_end(yard, plant)


async def test_the_erp_is_away_for_a_while(
    make_yard: MakeYard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the line's own patience, for how often it asks is what matters here."""
    monkeypatch.setattr(recovery, "FIRST_DELAY_S", 0.5)
    monkeypatch.setattr(breaker, "FIRST_PAUSE_S", 1.0)
    world = World()
    for number in range(20):
        world.order(number, 1, 2)
    away = Trouble(AWAY, count=FOR_EVER, finds=True)
    world.erp.troubles.append(away)
    yard = await make_yard(world)
    async with running(yard) as plant:
        await plant.hear()
        outage_s = size(5, 180, "OUTAGE_S")
        await asyncio.sleep(outage_s)
        assert not world.erp.records
        assert yard.faults()["orders lost"] == 20
        # each order once, and then one try now and then to see whether it is back
        assert world.erp.calls < 3 * 20 + 4 * outage_s, "a storm of retries"
        away.count = 0
        assert not await plant.settle(60.0)


@pytest.mark.parametrize("how", ["killed", "frozen"])
async def test_the_bus_is_away_for_a_while(make_yard: MakeYard, how: str) -> None:
    """Webhooks go on being accepted; a frozen server is noticed by its missing answers."""
    world = World()
    world.order("before")
    yard = await make_yard(world)
    async with running(yard) as plant:
        await to_the_end(yard, plant)
        (yard.nats.kill if how == "killed" else yard.nats.freeze)()
        for number in range(20):
            world.order(number, 1, 2)
        async with asyncio.timeout(20):
            await plant.hear()
        assert len(world.accepted) == len(world.to_say)
        await asyncio.sleep(size(5, 180, "BUS_OUTAGE_S"))
        (yard.nats.start if how == "killed" else yard.nats.thaw)()
        assert not await plant.settle(60.0)


async def test_the_ledger_is_full(make_yard: MakeYard) -> None:
    """The sender is refused while nothing can be kept; what was kept before goes on afterwards."""
    world = World()
    for number in range(10):
        world.order(number)
    yard = await make_yard(world)
    async with running(yard) as plant:
        hearing = asyncio.create_task(plant.hear())
        await asyncio.sleep(0.05)
        await plant.limit_ledger(full=True)
        for number in range(10, 40):
            world.say({"fact": "order", "order": str(number), "version": 1, "pad": "x" * 9_000})
            world.orders[str(number)] = 1
        await asyncio.wait({hearing}, timeout=1.0)
        late = asyncio.create_task(plant.hear())
        await asyncio.wait({late}, timeout=2.0)
        refused = len(world.to_say) - len(world.accepted)
        assert refused, "a full ledger accepted everything"
        await plant.limit_ledger(full=False)
        await asyncio.gather(hearing, late)
        assert not await plant.settle(60.0)


async def test_the_disk_of_the_bus_is_full(make_yard: MakeYard) -> None:
    """No file of nats-server may grow; it comes back with room, and the ledger fills it again."""
    world = World()
    world.order("before")
    yard = await make_yard(world)
    async with running(yard) as plant:
        await to_the_end(yard, plant)
        yard.nats.kill()
        yard.nats.limit_files(64 * 1024)
        yard.nats.start()
        for number in range(40):
            fact = {"fact": "order", "order": str(number), "version": 1, "pad": "x" * 9_000}
            world.say(fact, key=str(number))
            world.orders[str(number)] = 1
        async with asyncio.timeout(60):
            await plant.hear()
        await asyncio.sleep(2.0)
        assert yard.faults().get("orders lost"), "the limit did not bite"
        yard.nats.kill()
        yard.nats.limit_files(0)
        yard.nats.start()
        assert not await plant.settle(60.0)

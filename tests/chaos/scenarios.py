"""Small, repeatable stories, each of which goes well with the line as it is.

A story takes the fixture that makes yards and returns what is wrong at its end. Some let one layer
of the line rest, for most faults are caught by two: what the bus brings again the sweeper would
have found too. Then a wrong variant of the other layer has nothing to hide behind.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from crashing import die_at
from crossdock.bus import Ack, Outgoing
from crossdock.errors import UnavailableError
from mini import Trouble, World
from plant import WHO, Plant, Yard

Faults = dict[str, int]
MakeYard = Callable[[World], Awaitable[Yard]]
Story = Callable[[MakeYard], Awaitable[Faults]]
LOST = UnavailableError("no answer came", outcome="unknown")
AWAY = UnavailableError("away", outcome="not_sent")


async def to_the_end(yard: Yard, *, finds_lost: bool = True) -> Faults:
    """One plant, until all is well or nothing moves."""
    async with running(yard, finds_lost=finds_lost) as plant:
        await plant.hear()
        return await plant.settle()


class running:  # noqa: N801 - used like a function
    """A plant that runs while the block does."""

    def __init__(self, yard: Yard, **options: Any) -> None:
        self.plant = Plant(yard, **options)

    async def __aenter__(self) -> Plant:
        await self.plant.start()
        return self.plant

    async def __aexit__(self, *_: object) -> None:
        await self.plant.die()


def dying(point: str, *, finds_lost: bool = True) -> Story:
    """One order and its shipment; the process dies at this point and is started again."""

    async def story(make_yard: MakeYard) -> Faults:
        world = World()
        world.order(1)
        world.shipped("s1", "1")
        yard = await make_yard(world)
        ended = await die_at(yard, [point], finds_lost=finds_lost)
        assert ended.died <= 1
        return ended.faults

    return story


async def plain(make_yard: MakeYard) -> Faults:
    """Two orders and their edits; nothing goes wrong."""
    world = World()
    world.order(1, 1, 2)
    world.order(2)
    return await to_the_end(await make_yard(world))


async def answers_are_lost(make_yard: MakeYard) -> Faults:
    """The ERP does what it is asked, and its answer never comes."""
    world = World()
    world.order(1)
    world.order(2)
    world.erp.troubles.append(Trouble(LOST, count=3, done_first=True))
    return await to_the_end(await make_yard(world))


async def away_for_a_moment(make_yard: MakeYard) -> Faults:
    """The ERP is away twice. What waits must be called; the finder of what was lost rests."""
    world = World()
    world.order(1)
    world.erp.troubles.append(Trouble(AWAY, count=2))
    return await to_the_end(await make_yard(world), finds_lost=False)


async def away_for_good(make_yard: MakeYard) -> Faults:
    """The ERP never comes back: a person must hear of it. (Patience is half a second here.)"""
    world = World(for_people=True)
    world.order(1)
    world.erp.troubles.append(Trouble(AWAY, count=10**6))
    yard = await make_yard(world)
    async with running(yard) as plant:
        await plant.hear()
        for _ in range(160):
            faults = yard.faults()
            if not faults:
                break
            await asyncio.sleep(0.05)
        return faults


async def an_edit_fails_once(make_yard: MakeYard) -> Faults:
    """Three versions of one order; the second cannot be told at once."""
    world = World()
    world.order(1, 1, 2, 3)
    world.erp.troubles.append(Trouble(AWAY, match="order.update"))
    return await to_the_end(await make_yard(world))


async def late_news(make_yard: MakeYard) -> Faults:
    """The sender's second version comes after its third."""
    world = World()
    world.order(1, 1, 3)
    yard = await make_yard(world)
    faults = await to_the_end(yard)
    world.order(1, 2)
    world.orders["1"] = 3
    async with running(yard) as plant:
        await plant.hear()
        await plant.acknowledged("decide", 1)
        return faults | await plant.settle()


async def early_news(make_yard: MakeYard) -> Faults:
    """A shipment is told before anybody heard of its order."""
    world = World()
    world.shipped("s1", "1")
    yard = await make_yard(world)
    async with running(yard) as plant:
        await plant.settle(within_s=0.5)
        world.order(1)
        await plant.hear()
        return await plant.settle()


async def poison(make_yard: MakeYard) -> Faults:
    """A body that nobody can read, among good ones."""
    world = World()
    world.order(1)
    world.say(b'"poison"')
    world.poison.append(b'"poison"')
    world.order(2)
    return await to_the_end(await make_yard(world))


async def a_strangers_message(make_yard: MakeYard) -> Faults:
    """Something unreadable on the bus itself, and a crash before it could be kept."""
    world = World()
    world.poison.append(b"strange")
    yard = await make_yard(world)
    await yard.listen()
    async with running(yard, stop_at="translate: before a commit #1") as plant:
        await yard.publish("xd.raw.web.0", b"strange")
        await asyncio.wait_for(plant.points.crashed.wait(), 20)
    return await to_the_end(yard)


async def one_id_for_two_bodies(make_yard: MakeYard) -> Faults:
    """The sender uses a delivery id twice, for different news."""
    world = World()
    world.order(1)
    world.say({"fact": "order", "order": "1", "version": 9}, delivery="d0", key="1")
    world.conflicts.append(world.to_say[-1].body)
    return await to_the_end(await make_yard(world))


async def the_bus_repeats(make_yard: MakeYard) -> Faults:
    """Stock goes 5, 7; the bus tells the 5 again; then it really is 5. A new process each time."""
    world = World()
    world.level("MUG", 5)
    yard = await make_yard(world)
    await yard.listen()
    faults = await to_the_end(yard)
    first = [one for one in yard.heard if one.address.startswith("xd.events.inventory")]
    world.level("MUG", 7)
    faults |= await to_the_end(yard)
    async with running(yard) as plant:
        await yard.repeat(first)
        await plant.acknowledged("decide", len(first))
    world.level("MUG", 5)
    return faults | await to_the_end(yard)


async def the_bus_repeats_a_payload(make_yard: MakeYard) -> Faults:
    """Stock goes 5, 7; then the payload that said 5 comes to translate again."""
    world = World()
    world.level("MUG", 5)
    yard = await make_yard(world)
    await yard.listen()
    faults = await to_the_end(yard)
    first = [one for one in yard.heard if one.address.startswith("xd.raw.erp")]
    world.level("MUG", 7)
    faults |= await to_the_end(yard)
    async with running(yard) as plant:
        await yard.repeat(first)
        await plant.acknowledged("translate", 1)
        await asyncio.sleep(1.0)  # what follows from it follows now
        return faults | await plant.settle()


async def the_bus_forgets(make_yard: MakeYard) -> Faults:
    """What was accepted is told to the bus, and the bus loses its store before anybody reads."""
    world = World()
    world.order(1)
    world.order(2)
    yard = await make_yard(world)
    async with running(yard, stages=False) as plant:
        await plant.hear()
        await asyncio.wait_for(plant.intake.drained(), 20)
    yard.nats.lose_store()
    yard.nats.start()
    return await to_the_end(yard)


async def the_bus_is_away_and_we_die(make_yard: MakeYard) -> Faults:
    """No bus that could carry it, and a crash before the first commit."""
    world = World()
    world.order(1)
    yard = await make_yard(world)
    async with running(yard, stop_at="intake: before a commit #1", stages=False) as plant:
        yard.nats.kill()
        await plant.hear()
        await asyncio.wait_for(plant.points.crashed.wait(), 20)
    yard.nats.start()
    return await to_the_end(yard)


async def the_bus_loses_one(make_yard: MakeYard) -> Faults:
    """One message dies on its way, the next one of the same article does not."""
    world = World()
    world.level("MUG", 5)
    world.level("MUG", 7)
    yard = await make_yard(world)
    lost: list[Outgoing] = []

    def loses(message: Outgoing) -> Ack | None:
        if lost or not message.address.startswith("xd.raw.erp"):
            return None
        lost.append(message)
        return Ack("XD_RAW", 1, False)

    async with running(yard) as plant:
        plant.bus.loses = loses
        faults = await plant.settle()
    assert lost
    return faults


async def two_runners_and_one_is_slow(make_yard: MakeYard) -> Faults:
    """Eight figures of one article, two runners; whoever decides first is held up for a while.

    Who asks what was received earlier rests: only that one runner has the lane keeps the order.
    """
    world = World()
    for on_hand in range(1, 9):
        world.level("MUG", on_hand)
    yard = await make_yard(world)
    slow = asyncio.Lock()
    held: list[str] = []

    async def hold() -> None:
        if WHO.get() == "decide" and not held:
            held.append("once")
            await asyncio.sleep(1.0)

    async with contextlib.AsyncExitStack() as stack, slow:
        plants = [
            await stack.enter_async_context(running(yard, polls=number == 1)) for number in (0, 1)
        ]
        for plant in plants:
            plant.ledger.before_write = hold
        return await plants[1].settle()


async def a_fault_of_ours(make_yard: MakeYard) -> Faults:
    """One payload ends every batch it is in (`cursed` in wrong_variants.py); the others go on."""
    world = World()
    for fact in (
        {"fact": "order", "order": "1", "version": 1},
        {"fact": "curse"},
        {"fact": "order", "order": "2", "version": 1},
    ):
        world.say(fact, key="all in one lane")
    world.orders |= {"1": 1, "2": 1}
    world.poison.append(world.to_say[1].body)
    yard = await make_yard(world)
    async with running(yard, stages=False) as plant:
        await plant.hear()
        await asyncio.wait_for(plant.intake.drained(), 20)
    return await to_the_end(yard)

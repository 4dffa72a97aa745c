"""Every crash point of every stage: run once to list them, then die at each and start again."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crossdock.errors import UnavailableError
from mini import Trouble, World
from plant import SWIFT, CrashError, Plant, Yard

SIDE_BY_SIDE = 6


def everything() -> World:
    """A bit of all that can befall the line, so that every edge of every stage is reached."""
    world = World()
    world.order(1, 1, 2, 3)
    world.order(2, 2, 1)
    world.order(3)
    world.again(0)
    world.say(b'"poison"')
    world.poison.append(b'"poison"')
    world.say({"fact": "nothing"}, delivery="d0")
    world.conflicts.append(world.to_say[-1].body)
    for on_hand in (5, 7, 5):
        world.level("MUG", on_hand)
    world.shipped("s1", "1")
    away = UnavailableError("away", outcome="not_sent")
    lost = UnavailableError("no answer came", outcome="unknown")
    world.erp.troubles += [
        Trouble(lost, done_first=True, match="order.create"),
        Trouble(away, match="order.update"),
    ]
    world.shop.troubles.append(Trouble(lost, done_first=True, match="fulfillment.create"))
    return world


@dataclass
class Ended:
    """How a case ended: where it died, and what was wrong afterwards."""

    points: tuple[str, ...]
    died: int
    faults: dict[str, int]
    reached: list[str]


class Cases:
    """Runs cases side by side, each in a yard of its own."""

    def __init__(self, folder: Path, template: Path, world: Callable[[], World] = everything):
        self._folder, self._template, self._world = folder, template, world
        self._gate = asyncio.Semaphore(SIDE_BY_SIDE)
        self._count = 0

    async def run(self, *points: str) -> Ended:
        """Die at each of these in turn, then go on to the end."""
        async with self._gate:
            self._count += 1
            world = self._world()
            async with Yard(self._folder / f"case{self._count}", world, self._template) as yard:
                return await die_at(yard, points)

    async def all(
        self, cases: Sequence[Sequence[str]], *, minutes: float = math.inf
    ) -> list[Ended]:
        """Every one of these cases; none is begun any more when the minutes are over."""
        asyncio.get_running_loop().set_exception_handler(_quiet)
        deadline, left = time.monotonic() + 60 * minutes, iter(cases)
        ended: list[Ended] = []

        async def one_by_one() -> None:
            for points in left:
                if time.monotonic() > deadline:
                    return
                ended.append(await self.run(*points))

        await asyncio.gather(*(one_by_one() for _ in range(SIDE_BY_SIDE)))
        return ended


def _quiet(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Tasks of a dead plant end with the crash, and nobody asks them why."""
    if not isinstance(context.get("exception"), CrashError):
        loop.default_exception_handler(context)


async def die_at(yard: Yard, points: Sequence[str], *, finds_lost: bool = True) -> Ended:
    """One plant after the other, each dying at its point; what the world holds in the end."""
    died = 0
    for stop_at in [*points, None]:
        plant = Plant(yard, stop_at, finds_lost=finds_lost)
        await plant.start()
        hearing = asyncio.create_task(plant.hear())
        faults = await plant.settle()
        if plant.points.dead:
            died += 1
        else:
            # what the dead one left unacknowledged comes again, and would do its harm now
            await asyncio.sleep(1.5 * SWIFT["crossdock.bus.jetstream.ACK_WAIT_S"])
            faults |= yard.faults()
        hearing.cancel()
        await plant.die()
        if not plant.points.crashed.is_set():
            return Ended(tuple(points), died, faults, plant.points.reached)
    raise AssertionError("the last plant has no point to die at")


def told(ended: list[Ended]) -> str:
    """For the log and for messages: how many cases, how many deaths, what was wrong where."""
    wrong = {one.points: one.faults for one in ended if one.faults}
    deaths = sum(one.died for one in ended)
    return f"{len(ended)} cases, {deaths} deaths, {len(wrong)} wrong: {wrong}"


async def every_point(cases: Cases) -> list[str]:
    """All of them, as two undisturbed runs reach them."""
    reached: dict[str, None] = {}
    for _ in range(2):
        calm = await cases.run()
        assert not calm.faults
        reached |= dict.fromkeys(calm.reached)
    return [point for point in reached if not point.startswith("sweeper: before a commit")]

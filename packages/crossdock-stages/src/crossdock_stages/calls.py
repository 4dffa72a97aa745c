"""Calling one target: side by side, in batches where the vendor has them, behind a breaker."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from crossdock.connector import Applies
from crossdock.errors import AuthError, RateLimitedError, UnavailableError
from crossdock.events import Command, Receipt

from crossdock_stages.breaker import Breaker

MOST_AT_ONCE = 50
"""Commands in one batch, at most; the connector may cut it further."""

Answer = Receipt | Exception
ApplyMany = Callable[[Sequence[Command[Any]]], Awaitable[Sequence[Answer]]]


@dataclass
class Target:
    """One connection that commands are delivered to, shared by its lanes."""

    name: str
    port: Applies
    concurrency: int = 8
    """Single calls side by side. Batches go one after the other: a vendor that takes batches is
    one whose writers get in each other's way (Odoo, measured)."""
    breaker: Breaker = field(default_factory=Breaker)

    def __post_init__(self) -> None:
        self.slots = asyncio.Semaphore(self.concurrency)
        many: ApplyMany | None = getattr(self.port, "apply_many", None)
        self.batcher = None if many is None else Batcher(many, self.breaker)
        self._most = 2 * MOST_AT_ONCE if self.batcher else 4 * self.concurrency
        self._window = self._most

    @property
    def batch(self) -> int:
        """How many messages a lane should take: enough to fill its calls, one while probing.

        What exceeds the vendor's rate budget is better left on the stream than taken and parked:
        each refusal halves it, each success adds one.
        """
        return 1 if self.breaker.probing else self._window

    async def carry_out(self, command: Command[Any]) -> tuple[Answer, bool]:
        """The answer, and whether an earlier try's work was found instead of doing it again."""
        try:
            if command.attempt > 1:
                async with self.slots, self.breaker.call():
                    found = await self.port.find(command)
                if found is not None:
                    return found, True
            if self.batcher is not None:
                receipt = await self.batcher.submit(command)
            else:
                async with self.slots, self.breaker.call():
                    receipt = await self.port.apply(command)
        except Exception as error:  # noqa: BLE001 - recovery.judge sorts every kind
            if isinstance(error, RateLimitedError):
                self._window = max(self._window // 2, 1)
            return error, False
        self._window = min(self._window + 1, self._most)
        return receipt, False


class Batcher:
    """Gathers what comes while a call is under way, as a ledger gathers its commits.

    One batch at a time for each type of command; a lone command goes at once, alone.
    """

    def __init__(self, many: ApplyMany, breaker: Breaker) -> None:
        self._many = many
        self._breaker = breaker
        self._queues: dict[str, deque[tuple[Command[Any], asyncio.Future[Receipt]]]] = {}
        self._drains: dict[str, asyncio.Task[None]] = {}

    async def submit(self, command: Command[Any]) -> Receipt:
        """The receipt of this command; raises its own error, whatever befell the others."""
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(command.type, deque()).append((command, future))
        if command.type not in self._drains:
            task = asyncio.create_task(self._drain(command.type), name=f"batch {command.type}")
            self._drains[command.type] = task
        return await future

    async def _drain(self, kind: str) -> None:
        queue = self._queues[kind]
        await asyncio.sleep(0)  # whoever is ready now comes along
        while queue:
            batch = [queue.popleft() for _ in range(min(len(queue), MOST_AT_ONCE))]
            answers = await self._answers([command for command, _ in batch])
            for (_, future), answer in zip(batch, answers, strict=True):
                if future.done():
                    continue
                if isinstance(answer, Receipt):
                    future.set_result(answer)
                else:
                    future.set_exception(answer)
        del self._drains[kind]

    async def _answers(self, commands: Sequence[Command[Any]]) -> Sequence[Answer]:
        try:
            async with self._breaker.call() as attempt:
                answers = await self._many(commands)
                if len(answers) != len(commands):
                    raise UnavailableError(
                        f"apply_many answered {len(answers)} times to {len(commands)} commands; "
                        "each is looked up before it is tried again",
                        outcome="unknown",
                    )
                attempt.fault = _fault_of(answers)
        except Exception as error:  # noqa: BLE001 - every command of the batch gets it
            return [error] * len(commands)
        return answers


def _fault_of(answers: Sequence[Answer]) -> Exception | None:
    """What a batch says of the connection itself, as one call; None when it is well."""
    for answer in answers:
        if isinstance(answer, AuthError | RateLimitedError):
            return answer
    first = answers[0] if answers else None
    away = all(isinstance(answer, UnavailableError) for answer in answers)
    return first if away and isinstance(first, UnavailableError) else None

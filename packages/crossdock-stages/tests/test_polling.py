"""What a poll tells is landed bit by bit: by count, by bytes, and before it grows old."""

from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from crossdock.bus import Outgoing
from crossdock.events import Raw
from crossdock_stages import intake
from crossdock_stages.harness import House
from crossdock_stages.intake import Intake
from crossdock_stages.ledger import Ledger
from crossdock_stages.topology import Topology


class Tap:
    """A bus that notes how much came at once."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    async def publish(self, messages: Iterable[Outgoing]) -> list[None]:
        new = list(messages)
        self.batches.append(len(new))
        return [None] * len(new)


class Source:
    """Tells so many records of this size."""

    def __init__(self, count: int, size: int) -> None:
        self.count, self.size = count, size

    async def poll(self, cursor: str | None) -> AsyncIterator[Raw]:
        for number in range(self.count):
            name = f"r{number}"
            yield Raw("t", data=b"x" * self.size, key=name, delivery_id=name, cursor=name)


@pytest.mark.parametrize(
    ("limits", "source", "batches"),
    [
        ({}, Source(450, 10), [200, 200, 50]),
        ({"POLL_BYTES": 1_000}, Source(5, 500), [2, 2, 1]),
        ({"POLL_BYTES": 1_000}, Source(2, 5_000), [1, 1]),
        ({"POLL_AGE_S": 0.0}, Source(3, 10), [1, 1, 1]),
    ],
    ids=["count", "bytes", "one too large", "age"],
)
async def test_its_batches_are_bounded(
    sqlite_ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    limits: dict[str, float],
    source: Any,
    batches: list[int],
) -> None:
    monkeypatch.setattr(intake, "POLL_AGE_S", 3600.0)
    for name, value in limits.items():
        monkeypatch.setattr(intake, name, value)
    tap = Tap()
    house = House(bus=tap, ledger=sqlite_ledger)  # type: ignore[arg-type]
    await Intake(house, Topology(lanes=2))._poll_once("web", source)
    assert tap.batches == batches

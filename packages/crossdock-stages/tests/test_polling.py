"""What a poll tells is landed bit by bit; and a connection that cannot be polled is told of."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from crossdock.bus import Outgoing
from crossdock.errors import AuthError, ContractError, RejectedError, UnavailableError
from crossdock.events import Raw
from crossdock_stages import intake
from crossdock_stages.harness import House
from crossdock_stages.intake import Intake
from crossdock_stages.ledger import Ledger, settling
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


class Failing:
    """Raises these, one a poll, then is quiet; `asked` counts."""

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.asked = 0

    async def poll(self, cursor: str | None) -> AsyncIterator[Raw]:
        self.asked += 1
        if self.faults:
            raise self.faults.pop(0)
        return
        yield


AWAY = UnavailableError("nobody is there", outcome="not_sent")


@pytest.mark.parametrize(
    ("faults", "patience_s", "codes"),
    [
        ([AuthError("the key was revoked")], 900.0, ["auth"]),
        ([RejectedError("no such list", reason="http_404")], 900.0, ["poll_failed"]),
        ([ContractError("no JSON"), ContractError("no JSON")], 900.0, ["poll_failed"]),
        ([AWAY, AWAY, AWAY], 900.0, []),
        ([AWAY, AWAY, AWAY], 0.0, ["poll_failed"]),
        ([AWAY, AuthError("revoked")], 900.0, ["auth"]),
    ],
    ids=["auth", "rejected", "contract", "away for a moment", "away for long", "then auth"],
)
async def test_a_person_is_told_that_a_connection_cannot_be_polled_until_it_can(
    sqlite_ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    faults: list[Exception],
    patience_s: float,
    codes: list[str],
) -> None:
    """A revoked key of a connection that is only polled: its news stopped, and a log knew."""
    monkeypatch.setattr(intake, "POLL_PATIENCE_S", patience_s)
    slept: list[float] = []
    seen: list[list[tuple[str, str]]] = []
    source = Failing(*faults)

    async def cases(state: str = "open") -> list[tuple[str, str]]:
        found = await sqlite_ledger.read(lambda tx: settling.cases(tx, "exceptions", state=state))
        return [(case.code, case.message) for case in found]

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        seen.append(await cases())
        if len(slept) > len(faults) + 1:
            raise asyncio.CancelledError

    monkeypatch.setattr(intake.asyncio, "sleep", sleep)
    house = House(bus=Tap(), ledger=sqlite_ledger)  # type: ignore[arg-type]
    with contextlib.suppress(asyncio.CancelledError):
        await Intake(house, Topology(lanes=2)).poll("web", source, every_s=7.0)
    assert source.asked == len(faults) + 2
    assert [code for code, _ in seen[len(faults) - 1]] == codes
    assert all("web cannot be polled" in words for _, words in seen[len(faults) - 1])
    assert seen[-1] == [], "it closes by itself"
    assert slept[-1] == 7.0
    assert len(await cases("all")) == len(codes)

"""Webhooks that come at once share a transaction, and none of them suffers for another."""

import asyncio
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from crossdock.errors import UnavailableError
from crossdock_stages.intake import LAND_BATCH, Intake
from crossdock_stages.ledger import open_ledger, store
from crossdock_stages.ledger.landing import Landed
from crossdock_stages.ledger.store import Soon
from sqlalchemy.engine import Connection


class Ledger:
    """Counts transactions; `bad` rows spoil theirs, as a constraint of a real one would."""

    def __init__(self, bad: frozenset[str] = frozenset(), *, down: bool = False) -> None:
        self.bad = bad
        self.down = down
        self.sizes: list[int] = []

    async def write(self, work: Any) -> Any:
        await asyncio.sleep(0.001)
        if self.down:
            raise UnavailableError("the ledger is down", outcome="failed")
        return work(self)


class Together(Intake):
    """Its landing is told and not done."""

    def __init__(self, ledger: Ledger) -> None:
        self.house = type("House", (), {"ledger": ledger})()  # type: ignore[assignment]
        self._door = []
        self._lander = None

    def _land(self, tx: Any, rows: Any) -> list[Any]:
        tx.sizes.append(len(rows))
        if any(row.id in tx.bad for row in rows):
            raise ValueError("a row that cannot be")
        return [(row.id, "new") for row in rows]


def row(name: str) -> Landed:
    return Landed(
        id=name,
        connection="web",
        topic="t",
        entity_key="k",
        delivery_id=name,
        road="webhook",
        headers={},
        body=b"{}",
        received_at=0.0,
    )


async def test_those_that_come_at_once_share_a_transaction() -> None:
    ledger = Ledger()
    intake = Together(ledger)
    names = [f"r{n}" for n in range(3 * LAND_BATCH)]
    answers = await asyncio.gather(*(intake._land_soon(row(name)) for name in names))
    assert answers == [(name, "new") for name in names]
    assert ledger.sizes == [LAND_BATCH] * 3
    assert await intake._land_soon(row("later")) == ("later", "new")


async def test_none_is_left_at_the_door_when_those_before_are_done() -> None:
    intake = Together(Ledger())
    for n in range(50):
        names = [f"r{n}-{which}" for which in range(1 + n % 3)]
        async with asyncio.timeout(10):
            answers = await asyncio.gather(*(intake._land_soon(row(name)) for name in names))
        assert answers == [(name, "new") for name in names]


async def test_a_row_that_cannot_land_harms_no_other() -> None:
    intake = Together(Ledger(frozenset({"r3"})))
    answers = await asyncio.gather(
        *(intake._land_soon(row(f"r{n}")) for n in range(6)), return_exceptions=True
    )
    assert isinstance(answers[3], ValueError)
    assert [a for a in answers if not isinstance(a, Exception)] == [
        (f"r{n}", "new") for n in range(6) if n != 3
    ]


async def test_all_hear_that_the_ledger_is_down() -> None:
    ledger = Ledger(down=True)
    intake = Together(ledger)
    answers = await asyncio.gather(
        *(intake._land_soon(row(f"r{n}")) for n in range(4)), return_exceptions=True
    )
    assert all(isinstance(answer, UnavailableError) for answer in answers)
    ledger.down = False
    assert await intake._land_soon(row("after")) == ("after", "new")


async def test_one_that_hangs_up_does_not_take_the_others_with_it() -> None:
    intake = Together(Ledger())
    tasks = [asyncio.create_task(intake._land_soon(row(f"r{n}"))) for n in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    assert await tasks[0] == ("r0", "new")
    assert await tasks[2] == ("r2", "new")
    with pytest.raises(asyncio.CancelledError):
        await tasks[1]


class Gate:
    """Work that holds up the ledger's writer until it is told to go on."""

    def __init__(self) -> None:
        self._begun, self._open = threading.Event(), threading.Event()

    def __call__(self, _: Connection) -> None:
        self._begun.set()
        assert self._open.wait(10)

    async def reached(self) -> None:
        assert await asyncio.to_thread(self._begun.wait, 10)

    def open(self) -> None:
        self._open.set()


async def test_a_webhook_is_kept_before_the_line_goes_on(tmp_path: Path) -> None:
    """On SQLite one thread writes for all: whoever is waited for outside goes first."""
    done: list[str] = []
    gate = Gate()
    async with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        tasks = [asyncio.create_task(ledger.write(gate))]
        await gate.reached()
        for n in range(3):
            work = partial(_note, done, f"judged {n}")
            tasks.append(asyncio.create_task(ledger.write(work)))
        await asyncio.sleep(0)
        tasks.append(asyncio.create_task(ledger.write(Soon(partial(_note, done, "landed")))))
        await asyncio.sleep(0)
        gate.open()
        await asyncio.gather(*tasks)
    assert done == ["landed", "judged 0", "judged 1", "judged 2"]


def _note(done: list[str], what: str, _: Connection) -> None:
    done.append(what)


async def test_a_commit_does_not_wait_for_ever_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes while a commit goes on joins it for a while, then the commit is made."""
    monkeypatch.setattr(store, "GROUP_S", 0.0)
    gate, last = Gate(), Gate()
    async with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        first = asyncio.create_task(ledger.write(gate))
        await gate.reached()
        second = asyncio.create_task(ledger.write(lambda tx: None))
        third = asyncio.create_task(ledger.write(last))
        await asyncio.sleep(0)
        gate.open()
        await last.reached()
        async with asyncio.timeout(10):
            await second
        assert not third.done()
        last.open()
        await asyncio.gather(first, third)

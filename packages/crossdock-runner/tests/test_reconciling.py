"""`crossdock reconcile` as a person runs it."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crossdock_runner import deployment
from crossdock_runner.reconciling import schedules
from crossdock_stages.ledger import open_ledger

Run = Callable[..., Any]


def _ledger(file: Path) -> None:
    async def work() -> None:
        async with open_ledger(deployment.load(file).ledger_url):
            pass

    asyncio.run(work())


def test_who_cannot_be_asked_is_named(run: Run, good: Path) -> None:
    _ledger(good)
    done = run("reconcile", "-d", str(good))
    assert done.returncode == 1, "nothing was compared, so nothing is proved"
    assert "not asked: web cannot say what it holds" in done.stdout
    plain = json.loads(run("reconcile", "orders", "-d", str(good), "--json").stdout)
    assert plain["reports"][0]["compared"] == 0


def test_what_was_asked_wrongly(run: Run, good: Path) -> None:
    _ledger(good)
    wrong = run("reconcile", "weather", "-d", str(good))
    assert (wrong.returncode, "these domains can: orders" in wrong.stderr) == (2, True)
    wrong = run("reconcile", "--since", "soon", "-d", str(good))
    assert (wrong.returncode, "30s, 5m" in wrong.stderr) == (2, True)


def test_nothing_ran_here_yet(run: Run, good: Path) -> None:
    done = run("reconcile", "-d", str(good))
    assert done.returncode == 1
    assert "nothing ran here yet" in done.stderr


def test_without_a_schedule_nothing_is_compared_by_itself(good: Path) -> None:
    loaded = deployment.load(good)
    assert schedules(loaded, None, {}) == {}  # type: ignore[arg-type]

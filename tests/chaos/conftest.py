"""Seeds: every run prints its own; CROSSDOCK_CHAOS_SEED repeats one."""

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from forms import drawn_seed, long_form

collect_ignore = [] if long_form() else ["test_crash_pairs.py", "test_scale.py"]
"""What takes minutes belongs to the long form alone."""


@pytest.fixture
def seed(request: pytest.FixtureRequest) -> int:
    drawn = drawn_seed()
    sys.stderr.write(f"\n{request.node.name}: CROSSDOCK_CHAOS_SEED={drawn}\n")
    return drawn


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file to copy: migrating costs more than a whole scenario."""
    import asyncio

    from crossdock_stages.ledger.store import SqliteLedger

    path = tmp_path_factory.mktemp("ledger") / "empty.db"

    async def migrate() -> None:
        ledger = SqliteLedger(f"sqlite:///{path}")
        await ledger.start()
        await ledger.close()

    asyncio.run(migrate())
    return path


@pytest.fixture
def swift(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line's own patience, shortened."""
    from plant import SWIFT

    for name, value in SWIFT.items():
        monkeypatch.setattr(name, value)


@pytest.fixture
async def make_yard(
    tmp_path: Path, empty_ledger: Path, swift: None
) -> AsyncIterator[Callable[..., Any]]:
    """Yards, each with a bus and a ledger of its own."""
    from plant import Yard

    async with AsyncExitStack() as stack:
        made = 0

        async def make(world: Any) -> Any:
            nonlocal made
            made += 1
            folder = tmp_path / f"yard{made}"
            return await stack.enter_async_context(Yard(folder, world, empty_ledger))

        yield make

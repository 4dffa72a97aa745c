"""Real servers on loopback, and patience without sleeping blindly."""

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from crossdock.bus import Bus, Embedded, embedded_server
from crossdock.bus.embedded import find_server

Eventually = Callable[..., Awaitable[Any]]


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds, looking often; fails after a generous time."""

    async def wait(condition: Callable[[], Any], within_s: float = 40.0) -> Any:
        deadline = time.monotonic() + within_s
        while True:
            found = condition()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return found
            assert time.monotonic() < deadline, f"not within {within_s} s"
            await asyncio.sleep(0.02)

    return wait


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Embedded]:
    """One server for all tests that do it no harm; each uses streams of its own."""
    with embedded_server(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture
async def bus(embedded: Embedded) -> AsyncIterator[Bus]:
    async with Bus(embedded.url) as made:
        yield made


class Box:
    """A nats-server on a port that stays the same when it is killed and started again."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.store = folder / "store"
        self.config = folder / "nats.conf"
        self.config.write_text(
            f'host: "127.0.0.1"\nport: {self.port}\nmax_payload: 1048576\n'
            f'jetstream {{ store_dir: "{self.store}", sync_interval: always }}\n'
        )
        self.url = f"nats://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(
            [str(find_server()), "-c", str(self.config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert time.monotonic() < deadline, "nats-server does not come up"
                time.sleep(0.02)
            else:
                return

    def kill(self) -> None:
        """As a power switch does it."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def freeze(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGSTOP)
        stat = Path(f"/proc/{self.process.pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "T":  # another core may go on
            time.sleep(0.001)

    def thaw(self) -> None:
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGCONT)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path)
    made.start()
    yield made
    made.kill()

"""A cluster of real nats-servers on loopback, and more runners of one deployment."""

import asyncio
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from crossdock.errors import CrossdockError
from crossdock.http import Http
from crossdock.sockets import listen
from crossdock_runner.site import Site

sys.path.insert(0, str(Path(__file__).parents[1] / "chaos"))

from servers import Cluster


@pytest.fixture
def nats_cluster() -> Iterator[Callable[[int], Cluster]]:
    with tempfile.TemporaryDirectory(prefix="crossdock-cluster-") as folder:
        made: list[Cluster] = []

        def make(size: int) -> Cluster:
            cluster = Cluster(Path(folder), size)
            made.append(cluster)
            for index in range(size):
                cluster.start(index)
            cluster.wait()
            return cluster

        yield make
        for cluster in made:
            cluster.stop()


class Runner:
    """`crossdock run` on a site's deployment, with a gateway port of its own."""

    def __init__(self, site: Site, name: str) -> None:
        with listen() as free:
            self.port = free.getsockname()[1]
        self.site = site
        self.name = name
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = site.folder / f"{name}.log"
        self.process = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        """Start it, or start it again."""
        command = [sys.executable, "-m", "crossdock_runner.cli", "run", str(self.site.file), "-v"]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--port", str(self.port)], stdout=log, stderr=log
            )
        return self.process

    async def ready(self) -> None:
        """Wait until its gateway says so."""
        async with Http(name=self.name, base_url=self.url, timeout_s=2) as http:
            for _ in range(600):
                try:
                    await http.get("/health/ready")
                except CrossdockError:
                    assert self.process.poll() is None, f"{self.name} ended: {self.tail()}"
                    await asyncio.sleep(0.05)
                else:
                    return
        pytest.fail(f"{self.name} did not become ready: {self.tail()}")

    async def status(self) -> dict[str, Any]:
        """What its gateway tells."""
        async with Http(name=self.name, base_url=self.url, timeout_s=10) as http:
            return dict((await http.get("/status")).json())

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    async def drain(self) -> int:
        """SIGTERM, and wait until it has finished what was at hand; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, 60)

    def tail(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-2000:]


@pytest.fixture
def runners() -> Iterator[Callable[[Site, str], Runner]]:
    """Makes runners, and ends those that are left."""
    made: list[Runner] = []

    def make(site: Site, name: str) -> Runner:
        made.append(Runner(site, name))
        return made[-1]

    yield make
    for runner in made:
        if runner.process.poll() is None:
            runner.process.terminate()
    for runner in made:
        try:
            runner.process.wait(30)
        except subprocess.TimeoutExpired:
            runner.kill()

"""A cluster of real nats-servers on loopback, and more runners of one deployment."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from crossdock.bus.embedded import find_server
from crossdock.errors import CrossdockError
from crossdock.http import Http
from crossdock.sockets import listen
from crossdock_runner.demo import Site


class Cluster:
    """Three servers; any of them may be killed and started again on its own store."""

    def __init__(self, folder: Path, size: int = 3) -> None:
        self.folder = folder
        with_socket = [socket.socket() for _ in range(3 * size)]
        for sock in with_socket:
            sock.bind(("127.0.0.1", 0))
        ports = [sock.getsockname()[1] for sock in with_socket]
        for sock in with_socket:
            sock.close()
        self.ports = [tuple(ports[3 * i : 3 * i + 3]) for i in range(size)]
        self.servers: list[subprocess.Popen[bytes] | None] = [None] * size

    @property
    def url(self) -> str:
        return ",".join(f"nats://127.0.0.1:{client}" for client, _, _ in self.ports)

    def start(self, index: int) -> None:
        client, route, monitor = self.ports[index]
        routes = ", ".join(f'"nats://127.0.0.1:{other}"' for _, other, _ in self.ports)
        config = self.folder / f"n{index}.conf"
        config.write_text(
            f'server_name: n{index}\nlisten: "127.0.0.1:{client}"\nhttp: "127.0.0.1:{monitor}"\n'
            f'jetstream {{ store_dir: "{self.folder}/n{index}", max_file_store: 10GB }}\n'
            f'cluster {{ name: test, listen: "127.0.0.1:{route}", routes: [{routes}] }}\n'
        )
        log = (self.folder / f"n{index}.log").open("ab")
        self.servers[index] = subprocess.Popen(
            [str(find_server()), "-c", str(config)], stdout=log, stderr=log
        )

    def kill(self, index: int) -> None:
        server = self.servers[index]
        assert server is not None
        server.kill()
        server.wait()
        self.servers[index] = None

    def _healthy(self, index: int) -> bool:
        try:
            url = f"http://127.0.0.1:{self.ports[index][2]}/healthz"
            with urllib.request.urlopen(url, timeout=1) as answer:
                return bool(json.load(answer)["status"] == "ok")
        except OSError:
            return False

    def wait(self) -> None:
        deadline = time.monotonic() + 30
        while not all(self._healthy(i) for i, s in enumerate(self.servers) if s is not None):
            assert time.monotonic() < deadline, "the cluster did not become healthy"
            time.sleep(0.05)

    def leader(self) -> int:
        """Which server leads the cluster's own (meta) group."""
        monitor = next(p[2] for p, s in zip(self.ports, self.servers, strict=True) if s)
        with urllib.request.urlopen(f"http://127.0.0.1:{monitor}/jsz", timeout=2) as answer:
            return int(json.load(answer)["meta_cluster"]["leader"].removeprefix("n"))

    def stop(self) -> None:
        for server in self.servers:
            if server is not None:
                server.terminate()
        for server in self.servers:
            if server is not None:
                server.wait(15)


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

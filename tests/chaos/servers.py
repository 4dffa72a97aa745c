"""Real processes that a test may kill, freeze, and rob of their files."""

import json
import resource
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path

from crossdock.bus.embedded import find_server


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Process:
    """One command that is started, killed and started again on the same state."""

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self.command = list(command)
        self.log = log
        self.limit: Callable[[], None] | None = None
        self.starts = 0
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs now."""
        return self._child is not None and self._child.poll() is None

    @property
    def pid(self) -> int:
        """Of the child of the latest start."""
        assert self._child is not None
        return self._child.pid

    def start(self) -> None:
        """Start it; do not wait until it is ready."""
        assert not self.alive, f"{self.name} runs already"
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=self.limit,  # noqa: PLW1509 - set by tests only, and before any thread
            )
        self.starts += 1

    def kill(self) -> None:
        """SIGKILL: no warning, no clean-up."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()

    def stop(self) -> None:
        """SIGTERM, and SIGKILL when that is not enough."""
        if self._child is not None and self.alive:
            self._child.send_signal(signal.SIGCONT)
            self._child.terminate()
            try:
                self._child.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    def freeze(self) -> None:
        """SIGSTOP: it is there, and does not answer."""
        assert self._child is not None
        self._child.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        assert self._child is not None
        self._child.send_signal(signal.SIGCONT)

    def tail(self) -> str:
        """The end of what it said."""
        return self.log.read_text(errors="replace")[-2000:] if self.log.exists() else ""


class NatsServer(Process):
    """A nats-server of the test's own; its port and its store outlive it."""

    def __init__(self, folder: Path, *, max_file_store: str = "10GB") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.store = folder / "store"
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        config = folder / "nats.conf"
        config.write_text(
            f'listen: "127.0.0.1:{self.port}"\nmax_payload: 1048576\n'
            f'jetstream {{ store_dir: "{self.store}", max_file_store: {max_file_store} }}\n'
        )
        command = [str(find_server()), "-c", str(config)]
        super().__init__("nats-server", command, folder / "nats.log")

    def start(self) -> None:
        """Start it, and wait until it listens."""
        super().start()
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert self.alive, f"nats-server ended: {self.tail()}"
                assert time.monotonic() < deadline, "nats-server does not come up"
                time.sleep(0.02)
            else:
                return

    def lose_store(self) -> None:
        """Kill it and delete everything it kept."""
        self.kill()
        shutil.rmtree(self.store)

    def limit_files(self, size: int) -> None:
        """From the next start no file of it may grow beyond `size` bytes: a disk that is full."""

        def limit() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

        self.limit = limit if size else None


class Cluster:
    """Three servers; any of them may be killed and started again on its own store."""

    def __init__(self, folder: Path, size: int = 3) -> None:
        folder.mkdir(parents=True, exist_ok=True)
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
        """All of them."""
        return ",".join(f"nats://127.0.0.1:{client}" for client, _, _ in self.ports)

    def start_all(self) -> None:
        """Start every one, and wait until all are healthy."""
        for index in range(len(self.servers)):
            self.start(index)
        self.wait()

    def start(self, index: int) -> None:
        """Start one on its own store."""
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
        """SIGKILL."""
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
        """Until all that run are healthy."""
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
        """The end of a test."""
        for server in self.servers:
            if server is not None:
                server.terminate()
        for server in self.servers:
            if server is not None:
                server.wait(15)

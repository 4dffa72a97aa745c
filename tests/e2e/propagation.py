"""How soon three shops show less of what one of them sold, at 200 orders a second.

`nox -s propagation` prints what docs/quality/decide.md says. The whole line runs: signed webhooks
in at the gateway, `crossdock run` with stock kept, each shop and the ERP a sandbox of its own. From
the moment a webhook was landed to the receipt of the first figure told of that SKU, at that shop,
after the order was decided on.
"""

import asyncio
import json
import os
import sqlite3
import time
from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise
from operator import itemgetter
from pathlib import Path
from typing import Any

import pytest
from crossdock.http import Http
from crossdock_runner.bench.line import bench_orders, signed_requests, until_quiet, warm_up
from crossdock_runner.bench.load import Load, drive
from crossdock_runner.bench.measure import cpu_s, percentile
from crossdock_runner.site import Connections, Site

pytestmark = pytest.mark.timeout(900)
RATE = float(os.environ.get("CROSSDOCK_PROPAGATION_RATE", "200"))
SECONDS = float(os.environ.get("CROSSDOCK_PROPAGATION_SECONDS", "20"))
SHOPS = ("web", "web2", "web3")
PLENTY = 1_000_000
PARTS = (
    "landed to decided",
    "decided to told: the figure before is under way",
    "told to asked: the lane",
    "asked to receipt: the shop",
)


def three_shops(connections: Connections) -> dict[str, Any]:
    return {
        "connections": {
            **{name: connections[name] for name in SHOPS},
            "erp": {**connections["erp"], "poll_every_s": 1},
        },
        "domains": {
            "orders": {"capture": list(SHOPS), "execute": "erp", "checks": ["stock"]},
            "inventory": {"owner": "erp", "publish_to": list(SHOPS), "reserve": "1d"},
            "fulfillment": {"owner": "erp", "publish_to": list(SHOPS)},
        },
    }


def test_propagation(tmp_path: Path) -> None:
    vendors = {**dict.fromkeys(SHOPS, "shopify"), "erp": "odoo"}
    site = Site(tmp_path, vendors=vendors, compose=three_shops)
    try:
        site.start_sandboxes()
        load, used = asyncio.run(_play(site))
    finally:
        site.stop()
    orders, late = _latencies(tmp_path / "var" / "ledger.db")
    print(f"\n{load.done} orders landed at {RATE:.0f} a second, {load.refused} refused")  # noqa: T201
    print("  " + "; ".join(used))  # noqa: T201
    for shop in SHOPS:
        took = [sum(parts) for parts in late[shop]]
        print(f"  {shop}: {_spread(took)} ({len(took)} of {orders} orders)")  # noqa: T201
        assert len(took) == orders, "every order that took stock is told to every shop"
    every = [parts for rows in late.values() for parts in rows]
    for name, took in zip(PARTS, zip(*every, strict=True), strict=True):
        print(f"    {name}: {_spread(took)}")  # noqa: T201


def _spread(took: Sequence[float]) -> str:
    shares = ((share, percentile(sorted(took), share)) for share in (0.5, 0.95, 0.99))
    return ", ".join(f"p{share * 100:.0f} {figure:.2f} s" for share, figure in shares)


def _cpu(site: Site) -> dict[str, float]:
    """CPU seconds so far: each thread of the runner, its bus, the sandboxes, the load itself."""
    runner, ticks = site.runner.pid, os.sysconf("SC_CLK_TCK")
    found: dict[str, float] = {"sandboxes": cpu_s(site._sandboxes.pid), "load": time.process_time()}
    for task in Path(f"/proc/{runner}/task").iterdir():
        head, _, rest = (task / "stat").read_text().rpartition(")")
        used = rest.split()[11:13]
        name = "runner: " + ("main" if task.name == str(runner) else head.partition("(")[2])
        found[name] = found.get(name, 0.0) + sum(map(int, used)) / ticks
        for child in (task / "children").read_text().split():
            found["bus"] = found.get("bus", 0.0) + cpu_s(int(child))
    return found


async def _play(site: Site) -> tuple[Load, list[str]]:
    await warm_up(site)
    orders = await bench_orders(site)
    skus = {line["sku"] for body, _ in orders for line in json.loads(body)["line_items"]}
    async with Http(name="odoo", base_url=site.boxes["erp"], timeout_s=60) as erp:
        for sku in sorted(skus):
            await erp.post("/_sandbox/stock", json={"sku": sku, "on_hand": PLENTY})
    site.start_runner()
    await site.ready()
    await until_quiet(site)
    load = Load(signed_requests(site, orders))
    before, started = _cpu(site), time.perf_counter()
    await drive(load, site.gateway, connections=32, seconds=SECONDS, rate=RATE)
    while_sent = time.perf_counter() - started
    await until_quiet(site)
    whole, after = time.perf_counter() - started, _cpu(site)
    used = [f"sent within {while_sent:.0f} s, quiet after {whole:.0f} s; CPU"]
    used += [
        f"{name} {spent:.1f} s ({spent / max(load.done, 1) * 1e6:.0f} us an order)"
        for name in sorted(after)
        if (spent := after[name] - before.get(name, 0.0)) >= 0.1
    ]
    return load, used


def _latencies(file: Path) -> tuple[int, dict[str, list[tuple[float, ...]]]]:
    """How many orders took stock, and the seconds of each part of the way, by shop.

    Of an order with several SKUs the last one counts.
    """
    ledger = sqlite3.connect(file)
    told: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for shop, body, created, intent, receipt in ledger.execute(
        "SELECT o.connection, o.body, o.created_at, e.intent_at, e.receipt_at FROM outbox o "
        "JOIN effects e ON e.command_id = o.id "
        "WHERE o.type = 'inventory.publish' AND e.receipt_at IS NOT NULL ORDER BY o.created_at"
    ):
        told.setdefault((shop, json.loads(body)["sku"]), []).append((created, intent, receipt))
    out: dict[str, list[tuple[float, ...]]] = {shop: [] for shop in SHOPS}
    orders = 0
    for body, decided, landed in ledger.execute(
        "SELECT o.body, i.at, l.received_at FROM outbox o JOIN inbox i ON i.event_id = o.cause "
        "JOIN landing l ON l.id = i.landing_id "
        "WHERE o.type = 'order.create' AND l.delivery_id LIKE '%bench-%'"
    ):
        lines = json.loads(body)["lines"]
        skus = {line.get("sku") for line in lines if line.get("nature", "goods") == "goods"}
        skus &= {sku for _, sku in told}
        orders += bool(skus)
        for shop in SHOPS:
            rows = [told.get((shop, sku), []) for sku in skus]
            at = [bisect_left(row, (decided, 0.0, 0.0)) for row in rows]
            if rows and all(one < len(row) for one, row in zip(at, rows, strict=True)):
                last = max((row[one] for one, row in zip(at, rows, strict=True)), key=itemgetter(2))
                steps = (landed, decided, *last)
                out[shop].append(tuple(b - a for a, b in pairwise(steps)))
    return orders, out

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
from bisect import bisect_left
from pathlib import Path
from typing import Any

import pytest
from crossdock.http import Http
from crossdock_runner.bench.line import bench_orders, signed_requests, until_quiet, warm_up
from crossdock_runner.bench.load import Load, drive
from crossdock_runner.bench.measure import percentile
from crossdock_runner.site import Connections, Site

pytestmark = pytest.mark.timeout(900)
RATE = float(os.environ.get("CROSSDOCK_PROPAGATION_RATE", "200"))
SECONDS = float(os.environ.get("CROSSDOCK_PROPAGATION_SECONDS", "20"))
SHOPS = ("web", "web2", "web3")
PLENTY = 1_000_000


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
        load = asyncio.run(_play(site))
    finally:
        site.stop()
    orders, late = _latencies(tmp_path / "var" / "ledger.db")
    print(  # noqa: T201
        f"\n{load.done} orders landed at {RATE:.0f} a second, {load.refused} refused; "
        "from landed to told (p50, p95, p99):"
    )
    for shop in SHOPS:
        took = sorted(late[shop])
        figures = [percentile(took, share) for share in (0.5, 0.95, 0.99)]
        words = ", ".join(f"{figure:.2f} s" for figure in figures)
        print(f"  {shop}: {words} ({len(took)} of {orders} orders)")  # noqa: T201
        assert len(took) == orders, "every order that took stock is told to every shop"


async def _play(site: Site) -> Load:
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
    await drive(load, site.gateway, connections=32, seconds=SECONDS, rate=RATE)
    await until_quiet(site)
    return load


def _latencies(file: Path) -> tuple[int, dict[str, list[float]]]:
    """How many orders took stock, and seconds from landing to receipt, by shop.

    Of an order with several SKUs the last one counts.
    """
    ledger = sqlite3.connect(file)
    told: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for shop, body, created, receipt in ledger.execute(
        "SELECT o.connection, o.body, o.created_at, e.receipt_at FROM outbox o "
        "JOIN effects e ON e.command_id = o.id "
        "WHERE o.type = 'inventory.publish' AND e.receipt_at IS NOT NULL ORDER BY o.created_at"
    ):
        told.setdefault((shop, json.loads(body)["sku"]), []).append((created, receipt))
    out: dict[str, list[float]] = {shop: [] for shop in SHOPS}
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
            receipts = []
            for sku in skus:
                rows = told.get((shop, sku), [])
                at = bisect_left(rows, (decided, 0.0))
                receipts.append(rows[at][1] if at < len(rows) else None)
            if receipts and all(receipts):
                out[shop].append(max(filter(None, receipts)) - landed)
    return orders, out

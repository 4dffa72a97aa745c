"""A shop's orders through the whole line to a warehouse that speaks EDI, and its shipments back."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from crossdock.http import Http
from crossdock_runner.playing import Driver, Judgement
from crossdock_runner.site import Site
from crossdock_x12_wms.sandbox import Warehouse, connection_of

pytestmark = pytest.mark.timeout(300)
ORDERS = 3


async def exchange(site: Site, house: Warehouse) -> tuple[dict[str, Any], Judgement]:
    """Let the warehouse read and ship until all has arrived; the shop's report, and all reports."""
    driver = Driver(site)
    deadline = time.monotonic() + 120
    while True:
        house.read()
        for number in house.open_orders():
            shipped = sum(job.shipments for job in house.jobs.values())
            last = shipped == ORDERS - 1  # it lacks a piece of one article
            sku, much = max(house.jobs[number].lines.items(), key=lambda line: line[1])
            house.ship(number, parcels=2, short={sku: f"{much - 1:f}"} if last else None)
        report = await shop_of(site)
        if report["fulfillments"] == ORDERS and len(house.answers) == ORDERS:
            seen = await driver.look()
            if seen.quiet and seen.orders_in_erp == ORDERS:
                return report, seen
        assert time.monotonic() < deadline, (await driver.look(), house.jobs)
        await asyncio.sleep(0.5)


async def shop_of(site: Site) -> dict[str, Any]:
    """What the shop says of itself."""
    async with Http(name="shop", base_url=site.boxes["web"]) as shop:
        return dict((await shop.get("/_sandbox/report")).json())


def test_orders_go_out_as_940_and_come_back_as_945(tmp_path: Path) -> None:
    house = Warehouse(tmp_path / "edi")

    def with_warehouse(deployment: dict[str, Any]) -> None:
        told = {**connection_of(house), "location": "WH"}
        deployment["connections"]["dc1"] = told
        deployment["domains"]["fulfillment"] = {"owner": "dc1", "publish_to": ["erp", "web"]}

    site = Site(tmp_path, adjust=with_warehouse)
    try:
        site.start_sandboxes()
        site.start_runner()

        async def run() -> Any:
            await site.ready()
            await Driver(site).sell(ORDERS, seed=5)
            return await exchange(site, house)

        report, seen = asyncio.run(run())
    finally:
        site.stop()
    assert sorted(kind for kind, _, _ in house.documents) == ["940"] * ORDERS
    assert house.duplicates == 0
    assert {job.title for job in house.jobs.values()} == {
        order["name"] for order in report["orders"].values()
    }
    left = [
        (sku, wanted - order["fulfilled"].get(sku, 0))
        for order in report["orders"].values()
        for sku, wanted in order["lines"].items()
        if wanted != order["fulfilled"].get(sku, 0)
    ]
    assert [missing for _, missing in left] == [1]  # the short line stays open
    assert (seen.exceptions, seen.dead_letters, seen.account_difference) == (1, 0, 0)

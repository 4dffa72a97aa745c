"""A warehouse that speaks HTTP ships what the shop sold: the whole line, with real processes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from crossdock.http import Http
from crossdock.testing.sandbox import serve
from crossdock_http_wms.sandbox import HttpWmsSandbox
from crossdock_runner.playing import Driver
from crossdock_runner.site import Site

pytestmark = pytest.mark.timeout(300)


async def until(what: str, ask: Any) -> Any:
    """Ask until there is an answer, two minutes at most."""
    for _ in range(600):
        if answer := await ask():
            return answer
        await asyncio.sleep(0.2)
    raise AssertionError(f"waited two minutes for {what}")


@contextlib.asynccontextmanager
async def line(folder: Path) -> AsyncIterator[tuple[Site, HttpWmsSandbox, Http]]:
    """A shop, an ERP, a warehouse that owns the fulfilment, and the runner between them."""
    box = HttpWmsSandbox()
    async with serve(box.app) as warehouse:

        def with_warehouse(deployment: dict[str, Any]) -> None:
            deployment["connections"]["dc1"] = dict(box.connection(warehouse))
            owned = {"owner": "dc1", "publish_to": ["web", "erp"]}
            deployment["domains"]["fulfillment"] = owned

        site = Site(folder, adjust=with_warehouse)
        try:
            await asyncio.to_thread(site.start_sandboxes)
            site.start_runner()
            await site.ready()
            async with Http(name="warehouse", base_url=warehouse) as staff:
                url = f"{site.gateway}/hooks/dc1"
                await staff.post("/_sandbox/hooks", json={"url": url})
                yield site, box, staff
        finally:
            await asyncio.to_thread(site.stop)


async def test_what_the_shop_sells_is_shipped_in_parts_and_told(tmp_path: Path) -> None:
    async with line(tmp_path) as (site, box, staff):
        await Driver(site).sell(3, seed=4)
        asked = box.house.asked.setdefault("fulfillment-orders", {})

        async def three() -> bool:
            return len(asked) == 3

        await until("three orders to ship", three)
        whole, parts, short = asked
        first = asked[parts].body["lines"][0]["line_id"]
        missing = asked[short].body["lines"][0]
        for doing in (
            {"what": "ship", "own_id": whole, "packages": 2},
            {"what": "ship", "own_id": parts, "lines": {first: 1}},
            {"what": "ship", "own_id": parts},
            {
                "what": "short_ship",
                "own_id": short,
                "missing": {missing["line_id"]: missing["requested"]},
            },
        ):
            answer = await staff.post("/_sandbox/do", json=doing, accept={409})
            assert answer.status in (200, 409), answer.json()  # 409: a part was the whole of it
        shipments = sum(one["type"] == "fulfillment.shipped" for one in box.house.told)

        async with (
            Http(name="shop", base_url=site.boxes["web"]) as shop,
            Http(name="runner", base_url=site.gateway) as runner,
        ):

            async def told() -> Any:
                report = (await shop.get("/_sandbox/report")).json()
                status = (await runner.get("/status", params={"audit": "1"})).json()
                account = status["account"]
                # what will not be shipped is a person's case
                told = report["fulfillments"] >= shipments and account["exceptions"] > 0
                return (report, status) if told and account["quiet"] else None

            report, status = await until(f"{shipments} shipments at the shop", told)
    assert report["fulfillments"] == shipments >= 2
    assert status["account"]["difference"] == 0
    assert status["account"]["dead_letters"] == 0

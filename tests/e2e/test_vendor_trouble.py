"""Vendors that are down, slow, or answer after we gave up: everything waits and arrives once."""

import asyncio
import itertools
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from crossdock.http import Http
from crossdock_runner.playing import Driver, finish
from crossdock_runner.site import Site

pytestmark = pytest.mark.timeout(300)  # a busy machine may need it; 60 s is usual


def impatient(deployment: dict[str, Any]) -> None:
    """The ERP is given one second, so that a slow answer comes after we gave up."""
    deployment["connections"]["erp"]["timeout_s"] = 1


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path, adjust=impatient)
    try:
        site.start_sandboxes()
        site.start_runner()
        await site.ready()
        yield site
    finally:
        site.stop()


async def archive(site: Site, sku: str, *, active: bool = False) -> None:
    """As a colleague would, in the ERP's own interface."""
    erp = yaml.safe_load(site.file.read_text())["connections"]["erp"]
    headers = {"authorization": f"bearer {erp['api_key']}"}
    async with Http(name="erp", base_url=erp["url"], headers=headers) as http:
        where = {
            "domain": [["default_code", "=", sku]],
            "fields": ["id"],
            "context": {"active_test": False},
        }
        found = (await http.post("/json/2/product.product/search_read", json=where)).json()
        change = {"ids": [found[0]["id"]], "vals": {"active": active}}
        await http.post("/json/2/product.product/write", json=change)


TROUBLES = {
    "erp down": ("erp", {"kind": "down", "count": 25}),
    "erp commits, then cuts the line": ("erp", {"kind": "lost_answer", "count": 15}),
    "erp answers after we gave up": (
        "erp",
        {"kind": "slow", "count": 6, "seconds": 2.0, "match": "sale.order/load"},
    ),
    "erp confirms late": (
        "erp",
        {"kind": "slow", "count": 6, "seconds": 2.0, "match": "sale.order/action_confirm"},
    ),
    "erp cannot serialize": ("erp", {"kind": "serialization_failure", "count": 20}),
    "shop ships, then cuts the line": (
        "web",
        {"kind": "lost_answer", "count": 8, "match": "fulfillmentCreate"},
    ),
    "shop down": ("web", {"kind": "down", "count": 12}),
    "shop throttles": ("web", {"kind": "throttle", "count": 10}),
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_everything_waits_and_arrives_once(site: Site, trouble: str) -> None:
    box, fault = TROUBLES[trouble]
    driver = Driver(site)
    await driver.trouble(box, **fault)
    await driver.sell(12, seed=7)
    judgement, _ = await finish(site, 12, seed=7)
    assert judgement.complete, judgement
    assert judgement.orders_in_erp == 12
    assert judgement.exceptions == judgement.dead_letters == 0, judgement


async def test_a_rejected_order_goes_to_the_desk_and_harms_nobody(site: Site) -> None:
    """One article that the ERP does not know: its orders wait for a person, the others go on."""
    driver = Driver(site)
    await archive(site, "TOTE")
    await driver.sell(20, seed=3)
    for _ in itertools.repeat(None, 120):
        await driver.ship(seed=3)
        seen = await driver.look()
        if seen.quiet and seen.exceptions and seen.lost == seen.exceptions:
            break
        await asyncio.sleep(0.25)
    assert 0 < seen.lost == seen.exceptions < 20, seen
    assert seen.duplicates_in_erp == seen.dead_letters == 0
    assert seen.orders_in_erp == 20 - seen.exceptions
    assert seen.account_difference == 0

    listed = desk(site, "list")
    assert len(listed["cases"]) == seen.exceptions
    assert all("TOTE" in case["message"] and case["suggestion"] for case in listed["cases"])
    await archive(site, "TOTE", active=True)
    desk(site, "retry", "--all")
    judgement, _ = await finish(site, 20, seed=3)
    assert judgement.complete, judgement
    assert judgement.exceptions == judgement.dead_letters == 0


def desk(site: Site, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "crossdock_runner.cli", "exceptions", *words]
    done = subprocess.run(
        [*command, "-d", str(site.file), "--json"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))

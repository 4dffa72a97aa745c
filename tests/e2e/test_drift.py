"""A shop suddenly sends a field that it never sent before: told once, and nothing is hurt."""

import asyncio
import json
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from crossdock.http import Http
from crossdock_runner.playing import Driver, finish
from crossdock_runner.site import Site

pytestmark = pytest.mark.timeout(300)
NEW = {"gift_receipt": {"wrap": "PAPER", "giver": "Ada Byron"}, "surcharge": "1.00"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path)
    try:
        site.start_sandboxes()
        site.start_runner()
        await site.ready()
        yield site
    finally:
        site.stop()


async def sell(site: Site, orders: int, seed: int, more: dict[str, Any]) -> None:
    """The shop sells, and its orders have these fields beside the usual ones."""
    async with Http(name="shop", base_url=site.boxes["web"]) as shop:
        hooks = f"{site.gateway}/hooks/web"
        sale = {"orders": orders, "seed": seed, "hooks_url": hooks, "more": more}
        await shop.post("/_sandbox/sell", json=sale)


def command(site: Site, name: str, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "crossdock_runner.cli", name, *words, "-d", str(site.file)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_a_new_field_is_told_once_and_hurts_nobody(site: Site) -> None:
    await Driver(site).sell(4, seed=1)
    judgement, _ = await finish(site, 4, seed=1)
    assert judgement.complete, judgement
    assert json.loads(command(site, "drift", "--json"))["fields"] == []

    await sell(site, 4, 2, NEW)
    judgement, _ = await finish(site, 8, seed=2)
    assert judgement.complete, judgement
    found = {
        (one["topic"], one["field"]): one["sample"]
        for one in json.loads(command(site, "drift", "--json"))["fields"]
    }
    shown = {place: sample for (topic, place), sample in found.items() if topic == "orders/create"}
    assert shown == {
        "/gift_receipt": '{"wrap":"PAPER","giver":"Xxx Xxxxx"}',
        "/surcharge": '"1.00"',
    }
    assert {place for _, place in found} == set(shown)

    site.stop_runner()
    site.start_runner()
    await site.ready()
    await sell(site, 4, 3, NEW)
    judgement, _ = await finish(site, 12, seed=3)
    assert judgement.complete, judgement
    assert judgement.exceptions == judgement.dead_letters == 0
    again = json.loads(command(site, "drift", "--json"))["fields"]
    orders = [one for one in again if one["topic"] == "orders/create"]
    assert len(orders) == 2
    assert f"{len(again)} fields never seen before in the last 7 days" in command(site, "status")
    assert f"news: {len(again)} fields" in command(site, "exceptions", "list")

    async with Http(name="runner", base_url=site.gateway) as runner:
        for _ in range(100):
            status = (await runner.get("/status")).json()
            if status["account"]["quiet"]:
                break
            await asyncio.sleep(0.1)
    assert status["drift"] == {"web": len(again)}
    with sqlite3.connect(site.folder / "var/ledger.db") as ledger:
        query = "SELECT outcome FROM inbox WHERE type = 'drift.found'"
        assert ledger.execute(query).fetchall() == [("applied",)] * len(again)

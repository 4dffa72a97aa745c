"""The demo's line with stock kept: channels are told what is left, and all agrees at the end."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from crossdock_runner.playing import drive
from crossdock_runner.site import Site

pytestmark = pytest.mark.timeout(300)


def keep_stock(deployment: dict[str, Any]) -> None:
    deployment["domains"]["inventory"] |= {"reserve": "1d", "latency": "5s"}
    deployment["domains"]["orders"]["checks"] = ["duplicate", "payment", "stock", "shipping"]


def test_every_order_is_set_aside_once_and_the_figures_agree_at_the_end(tmp_path: Path) -> None:
    site = Site(tmp_path, adjust=keep_stock)
    try:
        site.start_sandboxes()
        site.start_runner()

        async def run() -> Any:
            await site.ready()
            return (await drive(site, 30, seed=3))[0]

        seen = asyncio.run(run())
        command = [sys.executable, "-m", "crossdock_runner.cli", "reconcile", "--json"]
        told = subprocess.run(
            [*command, "-d", str(site.file)], capture_output=True, text=True, timeout=120
        )
    finally:
        site.stop()
    assert seen.complete, seen
    assert seen.stock_differences == 0
    assert seen.exceptions == seen.dead_letters == 0
    assert told.returncode == 0, told.stdout + told.stderr
    reports = {report["domain"]: report for report in json.loads(told.stdout)["reports"]}
    assert set(reports) == {"orders", "inventory", "fulfillment"}
    for report in reports.values():
        assert report["differences"] == []
    assert reports["inventory"]["compared"] > 0

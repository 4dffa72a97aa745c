"""Told again, nothing happens twice and no customer is written to."""

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from crossdock_runner.playing import Driver, drive, finish
from crossdock_runner.site import Site

pytestmark = pytest.mark.timeout(300)  # a busy machine may need it; 60 s is usual


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


def replay(site: Site, *words: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "crossdock_runner.cli", "replay", *words]
    done = subprocess.run(
        [*command, "-d", str(site.file), "--json"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


async def test_everything_told_again_changes_nothing(site: Site) -> None:
    before, _ = await drive(site, 15, seed=11)
    assert before.complete, before
    preview = replay(site, "--connection", "web")
    assert preview["applied"] == 0
    assert preview["counts"] == {"same": preview["chosen"]}
    assert preview["chosen"] >= 15
    one = replay(site, "#1001")
    assert 0 < one["chosen"] < preview["chosen"]

    applied = replay(site, "--since", "2020-01-01T00:00:00Z", "--apply")
    assert applied["applied"] == applied["chosen"] > preview["chosen"], "what was polled, too"
    after, _ = await finish(site, 15, seed=11)
    assert after.complete, after
    assert after.fulfillments_at_shop == before.fulfillments_at_shop
    assert after.orders_in_erp == before.orders_in_erp == 15
    assert after.duplicates_in_erp == 0
    assert (await Driver(site).look()).account_difference == 0


def test_asked_wrongly() -> None:
    command = [sys.executable, "-m", "crossdock_runner.cli", "replay"]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode == 2
    bad = [*command, "--since", "yesterday"]
    done = subprocess.run(bad, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert "2026-01-31T12:00:00Z" in done.stderr

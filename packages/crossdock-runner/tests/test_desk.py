"""The desk from the command line."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crossdock_runner import deployment
from crossdock_stages.ledger import desk, open_ledger
from crossdock_stages.ledger.desk import Stuck


def _bury(file: Path, *stuck: Stuck) -> None:
    async def work() -> None:
        async with open_ledger(deployment.load(file).ledger_url) as ledger:
            await ledger.write(lambda tx: desk.bury(tx, stuck, 1000.0))

    asyncio.run(work())


def _dead(stage: str, address: str) -> Stuck:
    return Stuck(
        stage=stage,
        message_id=f"of {stage}",
        connection="web",
        entity_key="order:1",
        address=address,
        headers={},
        body=b"{}",
        code="contract",
        reason="unreadable",
    )


def test_all_means_all_that_can_be_tried_again(run: Callable[..., Any], good: Path) -> None:
    _bury(good, _dead("intake", ""), _dead("decide", "xd.events.order.placed.0"))
    done = run("dead", "retry", "--all", "-d", str(good), "--json")
    assert done.returncode == 0, done.stderr
    assert [case["stage"] for case in json.loads(done.stdout)["cases"]] == ["decide"]
    assert "1 cannot be tried again" in done.stderr
    left = json.loads(run("dead", "-d", str(good), "--json").stdout)["cases"]
    assert [case["stage"] for case in left] == ["intake"]
    assert run("dead", "retry", left[0]["id"], "-d", str(good)).returncode == 1

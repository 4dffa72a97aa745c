"""The runner is killed without warning, again and again, and started on the same state.

The oracle is outside our code: what the shop's sandbox sold against the ERP sandbox's own tables.
"""

import asyncio
import os
import random
import sys
from pathlib import Path

import pytest
from crossdock_runner.demo import Driver, Judgement, Site, finish

KILLS = int(os.environ.get("CROSSDOCK_KILLS", "20"))
ORDERS = int(os.environ.get("CROSSDOCK_KILL_ORDERS", "400"))


@pytest.mark.timeout(600)
async def test_kill_and_restart_loses_and_doubles_nothing(tmp_path: Path) -> None:
    seed = random.randrange(1_000_000)
    sys.stderr.write(f"seed {seed}, {ORDERS} orders, {KILLS} kills\n")
    chance = random.Random(seed)
    site = Site(tmp_path)
    try:
        site.start_sandboxes()
        site.start_runner()
        await site.ready()
        driver = Driver(site)
        for _ in range(KILLS):
            await driver.sell(ORDERS // KILLS, seed=chance.randrange(1_000_000))
            await asyncio.sleep(chance.uniform(0.05, 2.0))
            await driver.ship(seed=seed)
            await asyncio.sleep(chance.uniform(0.0, 0.5))
            site.kill_runner()
            site.start_runner()
            await site.ready()
        judgement, seconds = await finish(site, ORDERS, seed=seed, stalled_s=90)
        await asyncio.sleep(3)  # late doubles would come now
        judgement = await Driver(site).look()
    finally:
        site.stop()
    sys.stderr.write(f"{seconds:.1f} s, {judgement}\n")
    explain = f"seed {seed}: {judgement}"
    assert site.starts == KILLS + 1
    assert judgement.lost == 0, explain
    assert judgement.duplicates_in_erp == 0, explain
    assert judgement.orders_in_erp == ORDERS, explain
    assert judgement.unfulfilled == judgement.wrongly_fulfilled == 0, explain
    assert judgement.fulfillments_at_shop == judgement.shipped_in_erp, explain
    assert judgement.account_difference == 0, explain
    assert judgement.complete, explain


def test_the_judge_sees_what_is_wrong() -> None:
    """A judgement that cannot fail would prove nothing: spoil each table in turn."""
    from crossdock_runner.demo import judge

    def shop(**over: object) -> dict[str, object]:
        order = {"name": "#1", "lines": {"a": 2}, "fulfilled": {"a": 2}}
        return {
            "selling": False,
            "orders": {"1": {**order, **over}},
            "fulfillments": 1,
            "stock_updates": 1,
            "stock": {"MUG": 8},
            "deliveries": {"accepted": 1, "sent": 1},
        }

    def erp(*refs: str, state: str = "done") -> dict[str, object]:
        return {
            "orders": [{"client_order_ref": ref, "state": "sale"} for ref in refs],
            "pickings": [{"state": state}],
            "stock": {"MUG": {"WH": {"on_hand": 8, "reserved": 0}}},
        }

    calm = {"account": {"quiet": True, "difference": 0}}

    def complete(s: dict[str, object], e: dict[str, object], c: object = calm) -> Judgement:
        return judge(s, e, c)  # type: ignore[arg-type]

    assert complete(shop(), erp("#1")).complete
    assert complete(shop(), erp()).lost == 1
    assert complete(shop(), erp("#1", "#1")).duplicates_in_erp == 1
    assert not complete(shop(), erp("#1", "#1")).complete
    assert complete(shop(fulfilled={"a": 1}), erp("#1")).unfulfilled == 1
    assert complete(shop(fulfilled={"a": 3}), erp("#1")).wrongly_fulfilled == 1
    assert not complete(shop(), erp("#1", state="assigned")).complete
    assert not complete(shop(), erp("#1"), {"account": {"quiet": True, "difference": 1}}).complete
    assert not complete(shop(), erp("#1"), {"account": {"quiet": False}}).complete
    stale = erp("#1")
    stale["stock"] = {"MUG": {"WH": {"on_hand": 8, "reserved": 1}}}
    assert complete(shop(), stale).stock_differences == 1

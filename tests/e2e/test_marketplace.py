"""A marketplace on the real line: what it ships itself reaches the ERP as shipped and sets nothing
of ours aside; what we ship goes the usual way, and back to the marketplace."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from crossdock.errors import CrossdockError
from crossdock.http import Http
from crossdock.sockets import listen
from crossdock.testing.sandbox import serve
from crossdock_amazon.sandbox import AmazonSandbox
from crossdock_odoo.sandbox import OdooSandbox
from crossdock_odoo.sandbox_control import report, ship
from crossdock_odoo.sandbox_seed import warehouse

pytestmark = pytest.mark.timeout(180)


def deployment(amazon: dict[str, Any], erp: dict[str, Any], port: int) -> dict[str, Any]:
    return {
        "crossdock": 1,
        "environment": "test",
        "bus": {"url": "embedded"},
        "ledger": {"url": "sqlite:///var/ledger.db"},
        "gateway": {"port": port},
        "connections": {
            "amazon": {**amazon, "poll_every_s": 1},
            "erp": {**erp, "poll_every_s": 1, "warehouses": ["WH"]},
        },
        "domains": {
            "orders": {"capture": ["amazon"], "execute": "erp"},
            "inventory": {
                "owner": "erp",
                "publish_to": ["amazon"],
                "overrides": [{"location": "FBA", "owner": "amazon", "publish_to": []}],
            },
            "fulfillment": {"owner": "erp", "publish_to": ["amazon"]},
            "settlement": {"sources": ["amazon"], "book": "erp"},
        },
    }


@asynccontextmanager
async def line(folder: Path) -> AsyncIterator[tuple[AmazonSandbox, OdooSandbox, Http]]:
    """Amazon, Odoo, and Crossdock between them."""
    amazon, erp = AmazonSandbox(), OdooSandbox()
    erp.store.begin()
    warehouse(erp.store, erp.methods.stock, "FBA", "Amazon")
    with contextlib.closing(listen()) as free:
        port = free.getsockname()[1]
    file, log = folder / "deployment.yaml", folder / "runner.log"
    async with AsyncExitStack() as stack:
        at_amazon = await stack.enter_async_context(serve(amazon.app))
        at_erp = await stack.enter_async_context(serve(erp.app))
        told = deployment(dict(amazon.connection(at_amazon)), dict(erp.connection(at_erp)), port)
        file.write_text(yaml.safe_dump(told))
        file.chmod(0o600)
        with log.open("wb") as out:
            runner = subprocess.Popen(
                [sys.executable, "-m", "crossdock_runner.cli", "run", str(file), "-v"],
                stdout=out,
                stderr=out,
                env=dict(os.environ),
            )
        try:
            async with Http(name="runner", base_url=f"http://127.0.0.1:{port}") as http:

                async def ready() -> bool:
                    assert runner.poll() is None, "the runner has ended"
                    return (await http.get("/health/ready")).status == 200

                assert await until(ready)
                yield amazon, erp, http
        finally:
            runner.send_signal(signal.SIGTERM)
            await asyncio.to_thread(runner.wait, 60)
            print(log.read_text(errors="replace")[-3000:])  # noqa: T201 - pytest shows it on failure


async def until(what: Any, seconds: float = 90) -> Any:
    """The first true answer."""
    for _ in range(int(seconds / 0.25)):
        with contextlib.suppress(CrossdockError):
            found = await what() if asyncio.iscoroutinefunction(what) else what()
            if found:
                return found
        await asyncio.sleep(0.25)
    return None


async def test_two_hands_ship_and_each_takes_its_own_stock(tmp_path: Path) -> None:
    async with line(tmp_path) as (amazon, erp, runner):
        ours = amazon.account.sell({"TEE-S": 2, "TOTE": 1}, buyer="Ada Byron")
        theirs = amazon.account.sell({"SKU2006-001": 3}, by_amazon=True, buyer="Ben Okafor")
        amazon.account.sell({"MUG-BLUE": 1}, status="PENDING", buyer="Nobody yet")
        before = report(erp)["stock"]["SKU2006-001"]["WH"]
        amazon.account.ship_by_amazon(theirs["orderId"])

        def booked() -> dict[str, Any] | None:
            found = {one["client_order_ref"]: one for one in report(erp)["orders"]}
            done = [one for one in report(erp)["pickings"] if one["state"] == "done"]
            return found if len(found) == 2 and len(done) == 1 else None

        orders = await until(booked)
        assert orders is not None, report(erp)
        assert set(orders) == {ours["orderId"], theirs["orderId"]}
        assert [one["delivered"] for one in orders[theirs["orderId"]]["lines"]] == [3]
        assert report(erp)["stock"]["SKU2006-001"]["WH"] == before
        assert report(erp)["stock"]["TEE-S"]["WH"]["reserved"] == 2

        assert ship(erp, two_parcels=0, seed=1) == 1
        assert await until(lambda: ours["fulfillment"]["fulfillmentStatus"] == "SHIPPED"), ours
        assert ours["packages"][0]["trackingNumber"].startswith("1Z")
        wanted = int(report(erp)["stock"]["TEE-S"]["WH"]["on_hand"])
        assert await until(lambda: amazon.account.listings["TEE-S"]["DEFAULT"] == wanted)

        async def quiet() -> bool:
            account = (await runner.get("/status?audit=1")).json()["account"]
            clean = account["exceptions"] == account["dead_letters"] == account["difference"] == 0
            return bool(account["quiet"]) and clean and not amazon.queue.kept

        told = await until(quiet, 30) or (await runner.get("/status?audit=1")).json()["account"]
        assert told is True, json.dumps(told)
        assert len(report(erp)["orders"]) == 2

        # one who asks to cancel is a case for a person, and a message that is none a dead letter
        order = amazon.account.sell({"TEE-S": 1}, buyer="Chiara Rossi")
        assert await until(lambda: len(report(erp)["orders"]) == 3)
        amazon.account.ask_to_cancel(order["orderId"], "found it cheaper")
        amazon.queue.put("not a notification at all")

        async def asked() -> bool:
            account = (await runner.get("/status?audit=1")).json()["account"]
            return bool(account["exceptions"] == 1 and account["dead_letters"] == 1)

        assert await until(asked), (await runner.get("/status?audit=1")).json()
        assert [one["state"] for one in report(erp)["orders"]] == ["sale"] * 3
        assert order["fulfillment"]["fulfillmentStatus"] == "UNSHIPPED"

"""A real Vendure, the Odoo sandbox, and a real line between them."""

import asyncio
import contextlib
import os
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from crossdock import Context
from crossdock.http import Http
from crossdock.sockets import listen
from crossdock_runner.site import Site
from crossdock_vendure.client import open_vendure
from crossdock_vendure.config import VendureConfig
from shop import Shop

PEER = Path(__file__).parents[2] / "var" / "vendure"
HOOKS_SECRET = "whsec_bGl2ZS12ZW5kdXJlLWhvb2tzLXNlY3JldA=="
START_S = 120


def free_port() -> int:
    with contextlib.closing(listen()) as free:
        return int(free.getsockname()[1])


@dataclass
class Line:
    """What the tests drive and look at."""

    site: Site
    shop: Shop
    erp: Http
    runner: Http

    async def status(self) -> dict[str, Any]:
        return dict((await self.runner.get("/status", params={"audit": "1"})).json())

    async def until(self, what: str, ask: Any, seconds: float = 60) -> Any:
        """Ask until there is an answer."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if answer := await ask():
                return answer
            await asyncio.sleep(0.2)
        raise AssertionError(f"waited {seconds} s for {what}; {await self.status()}")


@contextlib.contextmanager
def vendure(port: int, hooks_url: str, log: Path) -> Iterator[None]:
    """The server, until it answers; ended afterwards."""
    given = {
        "PORT": str(port),
        "HOOKS_URL": hooks_url,
        "HOOKS_SECRET": HOOKS_SECRET,
        "VENDURE_DISABLE_TELEMETRY": "true",
    }
    with log.open("wb") as sink:
        process = subprocess.Popen(
            ["node", "server.js"],
            cwd=PEER,
            env={"PATH": os.environ["PATH"], **given},
            stdout=subprocess.PIPE,
            stderr=sink,
        )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == b"ready":
                break
        else:
            pytest.fail(f"Vendure did not start: {log.read_text()[-2000:]}")
        yield
    finally:
        process.terminate()
        process.wait(30)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    port = free_port()
    given: dict[str, Any] = {
        "url": f"http://127.0.0.1:{port}/admin-api",
        "username": "superadmin",
        "password": "superadmin",
        "webhook_secret": HOOKS_SECRET,
    }

    def with_vendure(deployment: dict[str, Any]) -> None:
        shop = {"connector": "vendure", **given}
        # nobody posts invoices in this ERP, so a refund is booked against what Crossdock invoices
        erp = {**deployment["connections"]["erp"], "invoices": "create"}
        deployment["connections"] = {"shop": shop, "erp": erp}
        deployment["domains"] = {
            "orders": {"capture": ["shop"], "execute": "erp"},
            "inventory": {"owner": "erp", "publish_to": ["shop"]},
            "fulfillment": {"owner": "erp", "publish_to": ["shop"]},
            "returns": {"capture": ["shop"], "execute": "erp"},
        }

    with tempfile.TemporaryDirectory(prefix="crossdock-vendure-") as folder:
        site = Site(Path(folder), adjust=with_vendure)
        try:
            site.start_sandboxes()
            with vendure(port, f"{site.gateway}/hooks/shop", Path(folder) / "vendure.log"):
                config = VendureConfig.model_validate(given)
                async with (
                    open_vendure(config, Context(connection="shop")) as api,
                    Http(name="erp", base_url=site.boxes["erp"]) as erp,
                    Http(name="runner", base_url=site.gateway) as runner,
                ):
                    shop = Shop(api)
                    report = (await erp.get("/_sandbox/report")).json()
                    for sku in report["stock"]:
                        await shop.product(sku, 1850, 0)
                    site.start_runner()
                    await site.ready()
                    yield Line(site, shop, erp, runner)
        finally:
            site.stop()

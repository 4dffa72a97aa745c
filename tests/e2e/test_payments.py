"""docs/guides/payments.md with the payment connector that the template makes: a shop that wishes a
refund, a payment service that pays it once though nobody hears its answer, and an ERP."""

import asyncio
import contextlib
import importlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from crossdock.errors import CrossdockError
from crossdock.http import Http
from crossdock.sockets import listen
from crossdock.testing.sandbox import serve
from crossdock_odoo.sandbox import OdooSandbox
from crossdock_odoo.sandbox_control import report
from crossdock_runner.creating import new_connector
from crossdock_vendure.sandbox import VendureSandbox, order_of

pytestmark = pytest.mark.timeout(180)
NAME = "acmepay"
GUIDE = Path(__file__).parents[2] / "docs/guides/payments.md"


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Path]:
    """The template's connector as it is, where a runner finds it."""
    code = new_connector(
        NAME,
        output=tmp_path,
        kind="payment",
        authentication="bearer",
        news="polling",
        no_input=True,
        as_json=True,
    )
    assert code == 0
    source = tmp_path / f"crossdock-{NAME}" / "src"
    info = source / f"crossdock_{NAME}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: crossdock-{NAME}\nVersion: 0.1.0\n"
    )
    (info / "entry_points.txt").write_text(f"[crossdock]\n{NAME} = crossdock_{NAME}\n")
    sys.path.insert(0, str(source))
    yield source
    sys.path.remove(str(source))
    for name in [name for name in sys.modules if name.startswith(f"crossdock_{NAME}")]:
        del sys.modules[name]


@dataclass
class Line:
    """The vendors, and Crossdock between them."""

    folder: Path
    source: Path
    pay: Any
    shop: VendureSandbox = field(default_factory=VendureSandbox)
    erp: OdooSandbox = field(default_factory=OdooSandbox)
    port: int = 0
    runner: "subprocess.Popen[bytes] | None" = None
    dies_at: str = ""
    """The runner is killed once the service has done this, before it hears of it."""
    asked: list[str] = field(default_factory=list)

    def app(self) -> Callable[[Any, Any, Any], Awaitable[None]]:
        """The payment service, before which the line may die."""

        async def watched(scope: Any, receive: Any, send: Any) -> None:
            what = f"{scope.get('method', '')} {scope.get('path', '')}"
            self.asked.append(what)
            if what != self.dies_at:
                await self.pay.app(scope, receive, send)
                return
            self.dies_at = ""

            async def unheard(message: Any) -> None:
                """The answer is lost."""

            await self.pay.app(scope, receive, unheard)
            assert self.runner is not None
            self.runner.kill()
            self.runner.wait()
            self.runner = None

        return watched

    def write(self, shop: str, erp: str, pay: str) -> None:
        with contextlib.closing(listen()) as free:
            self.port = free.getsockname()[1]
        text = GUIDE.read_text().partition("```yaml\n")[2].partition("```")[0]
        domains = yaml.safe_load(text)["domains"]
        books = {"payment_journals": {"*": "BNK1"}, "invoices": "create"}
        told = {
            "crossdock": 1,
            "environment": "test",
            "bus": {"url": "embedded"},
            "ledger": {"url": "sqlite:///var/ledger.db"},
            "gateway": {"port": self.port},
            "connections": {
                "web": {**self.shop.connection(shop), "poll_every_s": 1},
                "erp": {**self.erp.connection(erp), "poll_every_s": 1, **books},
                "pay": {**self.pay.connection(pay), "poll_every_s": 1},
            },
            "domains": domains,
        }
        (self.folder / "deployment.yaml").write_text(yaml.safe_dump(told))
        (self.folder / "deployment.yaml").chmod(0o600)

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "crossdock_runner.cli", *words]

    @property
    def env(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(self.source)}

    def start(self) -> None:
        file = str(self.folder / "deployment.yaml")
        with (self.folder / "runner.log").open("ab") as out:
            self.runner = subprocess.Popen(
                self.command("run", file, "-v"), stdout=out, stderr=out, env=self.env
            )

    def stop(self) -> None:
        if self.runner is not None:
            self.runner.send_signal(signal.SIGTERM)
            self.runner.wait(60)
        print((self.folder / "runner.log").read_text(errors="replace")[-3000:])  # noqa: T201

    async def account(self) -> dict[str, Any]:
        async with Http(name="runner", base_url=f"http://127.0.0.1:{self.port}") as http:
            return dict((await http.get("/status?audit=1")).json()["account"])

    def given_back(self) -> list[tuple[float, str]]:
        """What the ERP has booked as money that went to customers."""
        rows = self.erp.store.tables["account.payment"].rows.values()
        return [(row["amount"], row["state"]) for row in rows if row["payment_type"] == "outbound"]


@asynccontextmanager
async def line(folder: Path, source: Path) -> AsyncIterator[Line]:
    pay = importlib.import_module(f"crossdock_{NAME}.sandbox").AcmepaySandbox()
    made = Line(folder, source, pay)
    async with AsyncExitStack() as stack:
        at = [
            await stack.enter_async_context(serve(app))
            for app in (made.shop.app, made.erp.app, made.app())
        ]
        made.write(*at)
        made.start()
        try:
            yield made
        finally:
            await asyncio.to_thread(made.stop)


async def until(what: Any, seconds: float = 60) -> Any:
    """The first true answer."""
    for _ in range(int(seconds / 0.1)):
        with contextlib.suppress(CrossdockError):
            found = await what() if asyncio.iscoroutinefunction(what) else what()
            if found:
                return found
        await asyncio.sleep(0.1)
    return None


async def test_a_wished_refund_is_paid_once_and_booked_once(tmp_path: Path, made: Path) -> None:
    async with line(tmp_path, made) as here:
        here.erp.store.begin()
        order = order_of(1, "TEE-S")
        here.shop.orders["1"] = order
        here.shop.touch(order)
        here.pay.put(
            {
                "id": "ch_1",
                "order": order["code"],
                "method": "card",
                "status": "captured",
                "currency": "USD",
                "authorised": "69.92",
                "captured": "69.92",
                "refunds": [],
            }
        )
        assert await until(lambda: len(report(here.erp)["orders"]) == 1), here.asked

        def paid_in() -> bool:
            rows = here.erp.store.tables["account.payment"].rows.values()
            return [row["amount"] for row in rows] == [69.92]

        assert await until(paid_in), await here.account()

        # the shop wishes 20.00 back; the service pays them, and the line dies before it hears so
        here.dies_at = "POST /refunds"
        order["payments"][0]["refunds"].append(
            {
                "id": "77",
                "total": 2000,
                "state": "Pending",
                "reason": "too small",
                "transactionId": None,
                "createdAt": "2026-11-23T04:00:00.000Z",
                "updatedAt": "2026-11-23T04:00:00.000Z",
            }
        )
        here.shop.touch(order)
        assert await until(lambda: here.runner is None), here.asked
        assert [one["amount"] for one in here.pay.refunds.values()] == ["20.00"]
        here.start()

        assert await until(here.given_back), await here.account()

        async def quiet() -> bool:
            account = await here.account()
            return bool(account["quiet"] and account["difference"] == 0)

        assert await until(quiet), await here.account()
        account = await here.account()
        assert account["exceptions"] == account["dead_letters"] == 0, json.dumps(account)
        (told,) = here.pay.refunds.values()
        assert (told["payment"], told["amount"], told["currency"]) == ("ch_1", "20.00", "USD")
        assert here.asked.count("POST /refunds") == 1
        assert "GET /refunds" in here.asked, "what was lost is looked for"
        ((amount, state),) = here.given_back()
        assert (amount, state in {"paid", "posted", "in_process"}) == (20.0, True), state
        assert report(here.erp)["orders"][0]["client_order_ref"] == order["code"]

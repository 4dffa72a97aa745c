"""`crossdock demo`: the whole line on embedded defaults, with vendors played by sandboxes.

Three processes: the sandboxes (they are the vendors, and the truth), the runner (`crossdock run`,
with its nats-server as a child), and this one, which drives and judges. The judgement compares
what the shop sold with what the ERP's own tables hold; nothing of ours is asked for it.
"""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from crossdock.errors import CrossdockError, UnavailableError
from crossdock.http import Http
from crossdock.sockets import listen

from crossdock_runner.output import complain, print_json, say

START_S = 90.0
STALLED_S = 60.0
"""Without any progress this long the demo gives up and says what is missing."""
SHIP_EVERY_S = 0.5


class Site:
    """A demo deployment in a folder: its sandboxes, its runner, and how to reach them."""

    def __init__(
        self, folder: Path, *, adjust: Callable[[dict[str, Any]], None] = lambda _: None
    ) -> None:
        self.folder = folder
        self.adjust = adjust
        self.file = folder / "deployment.yaml"
        self.boxes: dict[str, str] = {}
        self.gateway = ""
        self._sandboxes: subprocess.Popen[bytes] | None = None
        self.runner: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start_sandboxes(self) -> None:
        """Start the vendors and write the deployment that speaks to them."""
        log = (self.folder / "sandboxes.log").open("ab")
        self._sandboxes = subprocess.Popen(
            [sys.executable, "-m", "crossdock.testing.sandbox", "shopify", "odoo", "--with-stdin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        assert self._sandboxes.stdout is not None
        line = self._sandboxes.stdout.readline()
        if not line:
            text = (self.folder / "sandboxes.log").read_text(errors="replace")[-2000:]
            raise UnavailableError(f"the sandboxes did not start: {text}", outcome="failed")
        ready = json.loads(line)
        self.boxes = {name: box["url"] for name, box in ready.items()}
        with contextlib.closing(listen()) as free:
            port = free.getsockname()[1]
        self.gateway = f"http://127.0.0.1:{port}"
        web, erp = ready["shopify"]["connection"], ready["odoo"]["connection"]
        deployment = _deployment(web, erp, port)
        self.adjust(deployment)
        self.file.write_text(yaml.safe_dump(deployment, sort_keys=False))
        self.file.chmod(0o600)

    def start_runner(self) -> None:
        """Start (or start again) `crossdock run` on this site's state."""
        log = (self.folder / "runner.log").open("ab")
        command = [sys.executable, "-m", "crossdock_runner.cli", "run", str(self.file), "-v"]
        self.runner = subprocess.Popen(  # noqa: S603 - ourselves
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        self.starts += 1

    def kill_runner(self) -> None:
        """SIGKILL: no warning, no clean-up."""
        assert self.runner is not None
        self.runner.kill()
        self.runner.wait()

    async def ready(self) -> None:
        """Wait until the runner says it is ready. UnavailableError with the end of its log."""
        deadline = time.monotonic() + START_S
        async with Http(name="runner", base_url=self.gateway, timeout_s=2) as http:
            while time.monotonic() < deadline:
                assert self.runner is not None
                if self.runner.poll() is not None:
                    break
                with contextlib.suppress(CrossdockError):
                    await http.get("/health/ready")
                    return
                await asyncio.sleep(0.05)
        text = (self.folder / "runner.log").read_text(errors="replace")[-2000:]
        raise UnavailableError(f"the runner did not become ready: {text}", outcome="failed")

    def stop(self) -> None:
        """End what was started, the runner gently."""
        if self.runner is not None and self.runner.poll() is None:
            self.runner.send_signal(signal.SIGTERM)
            try:
                self.runner.wait(30)
            except subprocess.TimeoutExpired:
                self.runner.kill()
                self.runner.wait()
        if self._sandboxes is not None:
            for pipe in (self._sandboxes.stdin, self._sandboxes.stdout):
                if pipe is not None:
                    pipe.close()
            try:
                self._sandboxes.wait(5)
            except subprocess.TimeoutExpired:
                self._sandboxes.kill()
                self._sandboxes.wait()


def _deployment(web: Mapping[str, Any], erp: Mapping[str, Any], port: int) -> dict[str, Any]:
    return {
        "crossdock": 1,
        "environment": "demo",
        "bus": {"url": "embedded"},
        "ledger": {"url": "sqlite:///var/ledger.db"},
        "gateway": {"port": port},
        "connections": {"web": dict(web), "erp": {**erp, "poll_every_s": 1}},
        "domains": {
            "orders": {"capture": ["web"], "execute": "erp"},
            "inventory": {"owner": "erp", "publish_to": ["web"]},
            "fulfillment": {"owner": "erp", "publish_to": ["web"]},
        },
    }


@dataclass
class Judgement:
    """What the vendors' own tables say, after or during a run."""

    orders_sent: int = 0
    orders_in_erp: int = 0
    duplicates_in_erp: int = 0
    lost: int = 0
    exceptions: int = 0
    dead_letters: int = 0
    fulfillments_at_shop: int = 0
    stock_updates_at_shop: int = 0
    shipped_in_erp: int = 0
    wrongly_fulfilled: int = 0
    unfulfilled: int = 0
    stock_differences: int = 0
    webhooks_accepted: int = 0
    webhooks_sent: int = 0
    account_difference: int = 0
    quiet: bool = False
    missing: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Everything has arrived everywhere, once, and nothing is under way."""
        return (
            self.quiet
            and self.orders_sent > 0
            and self.webhooks_accepted == self.webhooks_sent
            and self.lost == self.duplicates_in_erp == self.wrongly_fulfilled == 0
            and self.unfulfilled == self.stock_differences == self.account_difference == 0
            and self.fulfillments_at_shop == self.shipped_in_erp
        )


def judge(shop: Mapping[str, Any], erp: Mapping[str, Any], status: Mapping[str, Any]) -> Judgement:
    """Compare what the shop sold with what the ERP holds, and what it shipped with what arrived."""
    account = status.get("account", {})
    out = Judgement(
        orders_sent=len(shop["orders"]),
        fulfillments_at_shop=shop["fulfillments"],
        stock_updates_at_shop=shop["stock_updates"],
        webhooks_accepted=shop["deliveries"]["accepted"],
        webhooks_sent=shop["deliveries"]["sent"],
        exceptions=account.get("exceptions", 0),
        dead_letters=account.get("dead_letters", 0),
        account_difference=account.get("difference", 0),
    )
    in_erp = Counter(
        order["client_order_ref"] for order in erp["orders"] if order["state"] == "sale"
    )
    out.orders_in_erp = len(in_erp)
    out.duplicates_in_erp = sum(in_erp.values()) - len(in_erp)
    for order in shop["orders"].values():
        if order["name"] not in in_erp:
            out.lost += 1
            out.missing.append(order["name"])
        if any(order["fulfilled"].get(k, 0) > q for k, q in order["lines"].items()):
            out.wrongly_fulfilled += 1
        elif any(order["fulfilled"].get(k, 0) < q for k, q in order["lines"].items()):
            out.unfulfilled += 1
    out.shipped_in_erp = sum(picking["state"] == "done" for picking in erp["pickings"])
    for sku, places in erp["stock"].items():
        free = sum(place["on_hand"] - place["reserved"] for place in places.values())
        if sku in shop["stock"] and shop["stock"][sku] != int(free):
            out.stock_differences += 1
    out.quiet = bool(account.get("quiet")) and not shop["selling"]
    return out


class Driver:
    """Plays the shop's customers and the warehouse's staff, and looks at the vendors' tables."""

    def __init__(self, site: Site) -> None:
        self.site = site

    async def sell(self, orders: int, *, seed: int) -> None:
        """Let the shop sell; its webhooks follow by themselves."""
        async with self._http("shopify") as shop:
            await shop.post(
                "/_sandbox/sell",
                json={
                    "orders": orders,
                    "seed": seed,
                    "hooks_url": f"{self.site.gateway}/hooks/web",
                    "duplicates": 0.05,
                    "reordered": 0.05,
                    "echo": True,
                },
            )

    async def ship(self, *, seed: int) -> int:
        """Let the warehouse ship what is ready, a fifth of it in two parcels."""
        async with self._http("odoo") as erp:
            answer = await erp.post("/_sandbox/ship", json={"two_parcels": 0.2, "seed": seed})
        return int(answer.json()["shipped"])

    async def trouble(self, box: str, **fault: object) -> None:
        """Let a vendor misbehave: see the sandbox's `/_sandbox/faults`."""
        async with self._http(box) as http:
            await http.post("/_sandbox/faults", json=fault)

    async def look(self) -> Judgement:
        """The present judgement. While the runner is down its own account is left out."""
        async with self._http("shopify") as shop, self._http("odoo") as erp:
            shop_report = (await shop.get("/_sandbox/report")).json()
            erp_report = (await erp.get("/_sandbox/report")).json()
        status: Mapping[str, Any] = {}
        async with Http(name="runner", base_url=self.site.gateway, timeout_s=5) as runner:
            with contextlib.suppress(UnavailableError):
                status = (await runner.get("/status?audit=1")).json()
        return judge(shop_report, erp_report, status)

    def _http(self, box: str) -> Http:
        return Http(name=f"{box} sandbox", base_url=self.site.boxes[box], timeout_s=60)


async def drive(
    site: Site, orders: int, *, seed: int, on_look: Any = None
) -> tuple[Judgement, float]:
    """Sell, ship until all is done, and judge; the seconds are counted to the last arrival."""
    await Driver(site).sell(orders, seed=seed)
    return await finish(site, orders, seed=seed, on_look=on_look)


async def finish(
    site: Site, orders: int, *, seed: int, on_look: Any = None, stalled_s: float = STALLED_S
) -> tuple[Judgement, float]:
    """Ship until all that was sold has arrived everywhere, or nothing moves any more."""
    driver = Driver(site)
    started = time.monotonic()
    last_progress = started
    last_mark: tuple[int, ...] = ()
    while True:
        await driver.ship(seed=seed)
        judgement = await driver.look()
        now = time.monotonic()
        if on_look is not None:
            on_look(judgement)
        if judgement.complete and judgement.orders_sent >= orders:
            return judgement, now - started
        mark = (
            judgement.webhooks_accepted,
            judgement.orders_in_erp,
            judgement.fulfillments_at_shop,
            judgement.stock_updates_at_shop,
            judgement.exceptions,
            judgement.dead_letters,
        )
        if mark != last_mark:
            last_progress, last_mark = now, mark
        elif now - last_progress > stalled_s:
            return judgement, now - started
        await asyncio.sleep(SHIP_EVERY_S)


def run_demo(orders: int, *, seed: int, state: Path | None, as_json: bool) -> int:
    """Exit code 0 only when every order is accounted for, everywhere."""
    with contextlib.ExitStack() as stack:
        if state is None:
            folder = Path(
                stack.enter_context(tempfile.TemporaryDirectory(prefix="crossdock-demo-"))
            )
        else:
            folder = state.absolute()
            folder.mkdir(parents=True, exist_ok=True)
        site = Site(folder)
        stack.callback(site.stop)
        if not as_json:
            complain("Starting a shop, an ERP and Crossdock between them …")
        site.start_sandboxes()
        site.start_runner()
        with _display(orders, quiet=as_json) as show:
            judgement, seconds = asyncio.run(_demo(site, orders, seed, show))
        _report(judgement, seconds, as_json=as_json, folder=folder if state else None)
        if not judgement.complete:
            _explain(site, folder)
        return 0 if judgement.complete else 1


async def _demo(site: Site, orders: int, seed: int, show: Any) -> tuple[Judgement, float]:
    await site.ready()
    return await drive(site, orders, seed=seed, on_look=show)


@contextlib.contextmanager
def _display(orders: int, *, quiet: bool) -> Iterator[Any]:
    """Bars on a terminal; silence for machines."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        accepted = progress.add_task("webhooks accepted", total=orders)
        created = progress.add_task("orders in the ERP", total=orders)
        shipped = progress.add_task("parcels shipped by the ERP", total=orders)
        told = progress.add_task("parcels with tracking at the shop", total=orders)

        def show(seen: Judgement) -> None:
            sent = max(seen.webhooks_sent, orders)
            parcels = max(seen.shipped_in_erp, orders)
            progress.update(accepted, completed=seen.webhooks_accepted, total=sent)
            progress.update(created, completed=seen.orders_in_erp)
            progress.update(shipped, completed=seen.shipped_in_erp, total=parcels)
            progress.update(told, completed=seen.fulfillments_at_shop, total=parcels)

        yield show


def _report(seen: Judgement, seconds: float, *, as_json: bool, folder: Path | None) -> None:
    rate = seen.orders_in_erp / seconds if seconds else 0.0
    if as_json:
        print_json(
            {
                "orders_sent": seen.orders_sent,
                "orders_in_erp": seen.orders_in_erp,
                "duplicates_in_erp": seen.duplicates_in_erp,
                "lost": seen.lost,
                "exceptions": seen.exceptions,
                "dead_letters": seen.dead_letters,
                "fulfillments_at_shop": seen.fulfillments_at_shop,
                "stock_updates_at_shop": seen.stock_updates_at_shop,
                "seconds": round(seconds, 2),
                "orders_per_second": round(rate, 1),
                "complete": seen.complete,
                "shipped_in_erp": seen.shipped_in_erp,
                "unfulfilled": seen.unfulfilled,
                "wrongly_fulfilled": seen.wrongly_fulfilled,
                "stock_differences": seen.stock_differences,
                "webhooks_sent": seen.webhooks_sent,
                "account_difference": seen.account_difference,
                "processors": os.cpu_count(),
            }
        )
        return
    say()
    say(f"The shop sold {seen.orders_sent} orders and sent {seen.webhooks_sent} webhooks,")
    say("some of them twice, some in the wrong order.")
    say(
        f"The ERP has {seen.orders_in_erp} of these orders; {seen.duplicates_in_erp} are doubled, "
        f"{seen.lost} are lost."
    )
    say(
        f"The warehouse shipped {seen.shipped_in_erp} parcels; the shop knows the tracking of "
        f"{seen.fulfillments_at_shop}."
    )
    say(
        f"The shop's stock was set {seen.stock_updates_at_shop} times and now differs from the "
        f"ERP's for {seen.stock_differences} articles."
    )
    say(f"{seen.exceptions} cases wait for a person, {seen.dead_letters} messages are unreadable.")
    say(f"It took {seconds:.1f} seconds: {rate:.0f} orders a second.")
    say("Every order is accounted for." if seen.complete else "NOT every order is accounted for.")
    if folder is not None:
        say(f"Look closer: crossdock trace '#1001' -d {folder / 'deployment.yaml'}")


def _explain(site: Site, folder: Path) -> None:
    for name in ("runner.log", "sandboxes.log"):
        path = folder / name
        if path.exists():
            complain(f"--- the end of {name} ---\n{path.read_text(errors='replace')[-3000:]}")

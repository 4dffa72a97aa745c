"""`crossdock demo`: five kinds of systems in sandboxes, and the whole line between them.

A shop (Shopify), a marketplace (Amazon) and a till (Square) sell; a warehouse that speaks EDI
ships; Odoo books. Then the vendors' own tables are compared: nothing of ours is asked for the truth
but the account of messages.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

from crossdock.errors import UnavailableError
from crossdock.http import Http

from crossdock_runner.judging import Roles, Verdict, judge
from crossdock_runner.output import complain, print_json, say
from crossdock_runner.players import PLAYERS, Player
from crossdock_runner.site import Connections, Site

STALLED_S = 60.0
"""Without any progress this long the demo gives up and says what is missing."""
WORK_EVERY_S = 0.5
VENDORS = {
    "web": "shopify",
    "amazon": "amazon",
    "till": "square",
    "dc1": "x12-wms",
    "erp": "odoo",
}
SHARES = {"web": 0.5, "amazon": 0.25, "till": 0.25}
"""Who sells how much of the orders."""


def five_kinds(connections: Connections) -> dict[str, Any]:
    """The demo's deployment: the warehouse owns stock and fulfilment, Odoo books."""
    own = {name: dict(one) for name, one in connections.items()}
    for name in ("amazon", "dc1", "erp"):
        own[name]["poll_every_s"] = 1
    own["dc1"]["location"] = "WH"
    own["erp"] |= {"tills": {"pos": "Shop"}, "till_payments": {"visa": "Card"}}
    return {
        "connections": own,
        "domains": {
            "orders": {"capture": ["web", "amazon", "till"], "execute": "erp"},
            "inventory": {"owner": "dc1", "publish_to": ["web", "amazon"], "reserve": "1d"},
            "fulfillment": {"owner": "dc1", "publish_to": ["erp", "web", "amazon"]},
        },
    }


def shares(orders: int, channels: Mapping[str, float]) -> dict[str, int]:
    """How many orders each channel sells; the first takes what does not divide."""
    parts = {name: int(orders * share) for name, share in channels.items()}
    first = next(iter(parts))
    parts[first] += orders - sum(parts.values())
    return parts


@contextlib.asynccontextmanager
async def players(site: Site) -> AsyncIterator[dict[str, Player]]:
    """One for each vendor of the site."""
    async with contextlib.AsyncExitStack() as stack:
        yield {
            name: PLAYERS[connector](
                await stack.enter_async_context(
                    Http(name=f"{name} sandbox", base_url=site.boxes[name], timeout_s=60)
                ),
                f"{site.gateway}/hooks/{name}",
                name.upper(),
            )
            for name, connector in site.vendors.items()
        }


async def play(
    site: Site, roles: Roles, sales: Mapping[str, int], *, seed: int, on_look: Any = None
) -> tuple[Verdict, float]:
    """Sell, let the house work until all is done or nothing moves, and judge.

    The seconds are counted to the last arrival.
    """
    await site.ready()
    async with (
        players(site) as staff,
        Http(name="runner", base_url=site.gateway, timeout_s=20) as runner,
    ):
        started = progress = time.monotonic()
        for one in staff.values():
            await one.begin()
        for number, (name, orders) in enumerate(sales.items()):
            await staff[name].sell(orders, seed + number)
        mark: Any = None
        while True:
            for house in roles.houses:
                await staff[house].work(seed)
            tables = {name: await one.tables() for name, one in staff.items()}
            account: Mapping[str, Any] = {}
            with contextlib.suppress(UnavailableError):  # without its account it is not quiet
                account = (await runner.get("/status?audit=1")).json()["account"]
            verdict = judge(roles, tables, account)
            now = time.monotonic()
            if on_look is not None:
                on_look(verdict)
            if verdict.complete and verdict.total("sold") >= sum(sales.values()):
                return verdict, now - started
            if verdict.mark != mark:
                progress, mark = now, verdict.mark
            elif now - progress > STALLED_S:
                return verdict, now - started
            await asyncio.sleep(WORK_EVERY_S)


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
        site = Site(folder, vendors=VENDORS, compose=five_kinds)
        stack.callback(site.stop)
        if not as_json:
            complain("Starting a shop, a marketplace, a till, a warehouse, an ERP, and Crossdock …")
        site.start_sandboxes()
        site.start_runner()
        roles = Roles.of(five_kinds({name: {} for name in VENDORS})["domains"])
        with _display(orders, quiet=as_json) as show:
            verdict, seconds = asyncio.run(
                play(site, roles, shares(orders, SHARES), seed=seed, on_look=show)
            )
        _report(verdict, seconds, as_json=as_json, folder=folder if state else None)
        if not verdict.complete:
            _explain(folder)
        return 0 if verdict.complete else 1


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
        booked = progress.add_task("orders in the ERP", total=orders)
        shipped = progress.add_task("pieces shipped by the warehouse", total=None)
        told = progress.add_task("pieces the channels know as shipped", total=None)

        def show(seen: Verdict) -> None:
            pieces = seen.total("pieces_to_ship")
            progress.update(booked, completed=seen.total("in_erp"), total=orders)
            progress.update(shipped, completed=seen.pieces_shipped, total=pieces)
            progress.update(told, completed=seen.total("pieces_told"), total=pieces)

        yield show


def _report(seen: Verdict, seconds: float, *, as_json: bool, folder: Path | None) -> None:
    rate = seen.total("in_erp") / seconds if seconds else 0.0
    if as_json:
        print_json(
            {
                "orders_sent": seen.total("sold"),
                "orders_in_erp": seen.total("in_erp"),
                "duplicates_in_erp": seen.total("doubled"),
                "lost": seen.total("lost"),
                "channels": {
                    name: {
                        "sold": one.sold,
                        "in_erp": one.in_erp,
                        "pieces_to_ship": one.pieces_to_ship,
                        "pieces_told": one.pieces_told,
                        "stock_differences": one.stock_differences,
                        "webhooks_sent": one.webhooks_sent,
                        "webhooks_accepted": one.webhooks_accepted,
                    }
                    for name, one in seen.channels.items()
                },
                "parcels": seen.parcels,
                "pieces_shipped": seen.pieces_shipped,
                "pieces_booked": seen.pieces_booked,
                "pieces_told": seen.total("pieces_told"),
                "wrongly_shipped": seen.wrongly_shipped,
                "wrongly_told": seen.total("wrongly_told"),
                "stock_differences": seen.total("stock_differences"),
                "exceptions": seen.exceptions,
                "dead_letters": seen.dead_letters,
                "account_difference": seen.account_difference,
                "seconds": round(seconds, 2),
                "orders_per_second": round(rate, 1),
                "processors": os.cpu_count(),
                "complete": seen.complete,
            }
        )
        return
    by = ", ".join(f"{one.sold} at {name}" for name, one in seen.channels.items())
    say()
    say(f"{seen.total('sold')} orders were sold: {by}. Their {seen.total('webhooks_sent')}")
    say("webhooks came, some of them twice, some in the wrong order; Amazon's news by a queue.")
    say(
        f"The ERP has {seen.total('in_erp')} of these orders; {seen.total('doubled')} are doubled, "
        f"{seen.total('lost')} are lost."
    )
    say(
        f"The warehouse was asked by EDI and shipped {seen.pieces_shipped} pieces "
        f"in {seen.parcels} shipments;"
    )
    say(
        f"{seen.pieces_booked} are booked in the ERP, and the channels know of "
        f"{seen.total('pieces_told')}."
    )
    say(
        f"The channels' stock differs from the warehouse's for {seen.total('stock_differences')} "
        "articles."
    )
    say(f"{seen.exceptions} cases wait for a person, {seen.dead_letters} messages are unreadable.")
    say(f"It took {seconds:.1f} seconds: {rate:.0f} orders a second.")
    say("Every order is accounted for." if seen.complete else "NOT every order is accounted for.")
    if folder is not None:
        say(f"Look closer: crossdock trace '#1001' -d {folder / 'deployment.yaml'}")


def _explain(folder: Path) -> None:
    for name in ("runner.log", "sandboxes.log"):
        path = folder / name
        if path.exists():
            complain(f"--- the end of {name} ---\n{path.read_text(errors='replace')[-3000:]}")

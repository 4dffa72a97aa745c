"""`crossdock demo`: the whole line on embedded defaults, with vendors played by sandboxes."""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crossdock_runner.output import complain, print_json, say
from crossdock_runner.playing import Judgement, drive
from crossdock_runner.site import Site


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

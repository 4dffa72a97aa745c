"""Plays a shop's customers and an ERP's staff, and judges by the vendors' own tables.

The judgement compares what the shop sold with what the ERP's tables hold; nothing of ours is asked
for it but the account of messages.
"""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crossdock.errors import UnavailableError
from crossdock.http import Http

from crossdock_runner.site import Site

STALLED_S = 60.0
"""Without any progress this long `finish` gives up and says what is missing."""
SHIP_EVERY_S = 0.5


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
        async with self._http("web") as shop:
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
        async with self._http("erp") as erp:
            answer = await erp.post("/_sandbox/ship", json={"two_parcels": 0.2, "seed": seed})
        return int(answer.json()["shipped"])

    async def trouble(self, box: str, **fault: object) -> None:
        """Let a vendor misbehave: see the sandbox's `/_sandbox/faults`."""
        async with self._http(box) as http:
            await http.post("/_sandbox/faults", json=fault)

    async def look(self) -> Judgement:
        """The present judgement. While the runner is down its own account is left out."""
        async with self._http("web") as shop, self._http("erp") as erp:
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

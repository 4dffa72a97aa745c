"""The pretended vendors as a demo plays them: customers buy, staff ships, tables are read.

One player a connector. What they tell has one form, so that one judge serves any deployment; the
truth is always the vendors' own tables.
"""

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crossdock.http import Http
from crossdock.testing.catalog import CATALOG

STOCK_EACH = 1000
"""So much of everything lies in the warehouse at first; all sandboxes agree on it."""
COUNT_EVERY_S = 15.0
"""A count is one record of many facts, which the sweeper closes some seconds later; with counts any
closer the line would never be seen quiet."""


@dataclass(frozen=True, kw_only=True)
class Sold:
    """One order as the channel that sold it tells it; amounts are pieces."""

    number: str
    to_ship: int
    """What we have to ship; nothing where the goods left with the sale or a marketplace ships."""
    told: int = 0
    """What of it the channel knows to be on its way."""


@dataclass(kw_only=True)
class Tables:
    """What one vendor's own tables hold."""

    sold: list[Sold] = field(default_factory=list)
    booked: Counter[str] = field(default_factory=Counter)
    """ERP: how often each order is there, by its number at the channel."""
    shipped: Counter[str] = field(default_factory=Counter)
    """Who ships, or books what was shipped: pieces by the order's number."""
    stock: dict[str, int] = field(default_factory=dict)
    sent: int = 0
    accepted: int = 0
    parcels: int = 0
    busy: bool = False


@dataclass(frozen=True)
class Player:
    """One vendor, played through `/_sandbox/…`.

    `hooks` is where its webhooks go, `place` the code of the place where it keeps goods.
    """

    http: Http
    hooks: str = ""
    place: str = ""

    async def begin(self) -> None:
        """Before the first order."""

    async def sell(self, orders: int, seed: int) -> None:
        """Customers buy so many orders."""
        raise NotImplementedError(f"{self.http.name} sells nothing")

    async def work(self, seed: int) -> None:
        """Staff does what is to be done now."""

    async def tables(self) -> Tables:
        """The truth."""
        raise NotImplementedError(f"{self.http.name} tells nothing")

    async def _post(self, path: str, body: object) -> Any:
        return (await self.http.post(f"/_sandbox/{path}", json=body)).json()

    async def _get(self, path: str) -> Any:
        return (await self.http.get(f"/_sandbox/{path}")).json()


class Shop(Player):
    """Shopify: webhooks, a twentieth of them twice, a twentieth out of order."""

    async def sell(self, orders: int, seed: int) -> None:
        sale = {"orders": orders, "seed": seed, "hooks_url": self.hooks, "echo": True}
        await self._post("sell", {**sale, "duplicates": 0.05, "reordered": 0.05})

    async def tables(self) -> Tables:
        told = await self._get("report")
        return Tables(
            sold=[
                Sold(
                    number=order["name"],
                    to_ship=sum(order["lines"].values()),
                    told=sum(order["fulfilled"].values()),
                )
                for order in told["orders"].values()
            ],
            stock=dict(told["stock"]),
            sent=told["deliveries"]["sent"],
            accepted=told["deliveries"]["accepted"],
            parcels=told["fulfillments"],
            busy=told["selling"],
        )


class Marketplace(Player):
    """Amazon: a third of its orders it ships itself, out of goods that lie there."""

    async def sell(self, orders: int, seed: int) -> None:
        await self._post("sell", {"orders": orders, "seed": seed, "by": "mixed"})

    async def tables(self) -> Tables:
        told = await self._get("report")
        ours = [order for order in told["orders"] if order["by"] == "MERCHANT"]
        amazons = [order for order in told["orders"] if order["by"] != "MERCHANT"]
        return Tables(
            sold=[
                Sold(
                    number=order["id"],
                    to_ship=sum(order["items"].values()),
                    told=order["shipped"],
                )
                for order in ours
            ]
            + [Sold(number=order["id"], to_ship=0) for order in amazons],
            stock={sku: by_channel["DEFAULT"] for sku, by_channel in told["stock"].items()},
            parcels=sum(order["packages"] for order in ours),
        )


class Till(Player):
    """Square: paid and handed over; a tenth of the sales were made offline, hours ago."""

    async def sell(self, orders: int, seed: int) -> None:
        sale = {"orders": orders, "seed": seed, "hooks_url": self.hooks, "offline": 0.1}
        await self._post("sell", {**sale, "duplicates": 0.05, "reordered": 0.05})

    async def tables(self) -> Tables:
        told = await self._get("report")
        return Tables(
            sold=[Sold(number=number, to_ship=0) for number in told["orders"]],
            sent=told["deliveries"]["sent"],
            accepted=told["deliveries"]["accepted"],
            busy=told["selling"],
        )


@dataclass(frozen=True)
class Warehouse(Player):
    """A warehouse that speaks EDI: reads its orders, ships, and counts what is left.

    It counts on a schedule, too: what a till sold is set aside until the next count after it.
    """

    counted: list[float] = field(default_factory=list)
    """When, by the monotonic clock."""

    async def begin(self) -> None:
        await self._count()

    async def work(self, seed: int) -> None:
        shipped = await self._post("ship", {})
        if shipped["shipped"] or time.monotonic() - self.counted[-1] > COUNT_EVERY_S:
            await self._count()

    async def _count(self) -> None:
        self.counted.append(time.monotonic())
        stock = (await self.tables()).stock
        await self._post("count", {sku: str(much) for sku, much in stock.items()})

    async def tables(self) -> Tables:
        told = await self._get("state")
        gone = [job for job in told["jobs"].values() if job["shipments"]]
        left = {item.sku: STOCK_EACH for item in CATALOG}
        shipped: Counter[str] = Counter()
        for job in gone:
            for sku, much in job["lines"].items():
                left[sku] -= int(much)
                shipped[job["title"]] += int(much)
        return Tables(shipped=shipped, stock=left, parcels=sum(job["shipments"] for job in gone))


class House(Player):
    """A warehouse that speaks our own protocol: ships whatever it was asked and has not sent."""

    async def begin(self) -> None:
        await self._post("hooks", {"url": self.hooks})
        counted = {item.sku: STOCK_EACH for item in CATALOG}
        await self._post("do", {"what": "count", "location": self.place, "counted": counted})

    async def work(self, seed: int) -> None:
        asked = (await self._get("report"))["asked"].get("fulfillment-orders", {})
        for own_id, one in asked.items():
            if not one["shipped"] and not one["cancelled"]:
                await self._post("do", {"what": "ship", "own_id": own_id})

    async def tables(self) -> Tables:
        told = await self._get("report")
        shipped: Counter[str] = Counter()
        for one in told["asked"].get("fulfillment-orders", {}).values():
            shipped[one["order"]] += sum(int(much) for much in one["shipped"].values())
        return Tables(
            shipped=shipped,
            sent=told["told"],
            accepted=told["delivered"],
            parcels=sum(1 for one in shipped.values() if one),
        )


class Erp(Player):
    """Odoo: sales orders and sales of tills; its staff ships where nobody else does."""

    async def begin(self) -> None:
        # where a marketplace keeps goods of ours
        await self._post("warehouse", {"code": "FBA", "name": "Goods at Amazon"})

    async def work(self, seed: int) -> None:
        await self._post("ship", {"two_parcels": 0.2, "seed": seed})

    async def tables(self) -> Tables:
        told = await self._get("report")
        orders = [order for order in told["orders"] if order["state"] == "sale"]
        booked = Counter(order["client_order_ref"] for order in orders)
        booked.update(told["till_orders"])
        services = {"SHIPPING", "DISCOUNT"}
        shipped: Counter[str] = Counter()
        for order in orders:
            shipped[order["client_order_ref"]] += sum(
                int(line["delivered"]) for line in order["lines"] if line["sku"] not in services
            )
        stock = {
            sku: int(sum(place["on_hand"] - place["reserved"] for place in places.values()))
            for sku, places in told["stock"].items()
        }
        done = sum(picking["state"] == "done" for picking in told["pickings"])
        return Tables(booked=booked, shipped=shipped, stock=stock, parcels=done)


PLAYERS: Mapping[str, Callable[[Http, str, str], Player]] = {
    "shopify": Shop,
    "amazon": Marketplace,
    "square": Till,
    "x12-wms": Warehouse,
    "http-wms": House,
    "odoo": Erp,
}
"""By the connector whose sandbox they play."""

"""The sandbox's tills and their courier: sales, returns, and signed webhooks that tell of them.

As Square's do, they come more than once and out of order, and are tried again until accepted.
"""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from crossdock import CrossdockError, Http
from crossdock.jsontext import dump
from crossdock.testing.catalog import CATALOG

from crossdock_square.sandbox_account import MERCHANT, Account, Row
from crossdock_square.webhooks import sign

_GIVE_UP_S = 600.0
_MAX_RETRY_S = 2.0


@dataclass(frozen=True)
class Sale:
    """So many sales of `POST /_sandbox/sell`; the shares are from 0 to 1."""

    orders: int = 1
    seed: int = 1
    hooks_url: str = ""
    duplicates: float = 0.0
    reordered: float = 0.0
    offline: float = 0.0
    """Made by a till without a connection, 1 to 72 hours ago."""
    returns: float = 0.0
    """Of which one piece is handed back at once."""
    concurrency: int = 16
    retry_s: float = 0.2


@dataclass
class Courier:
    """Sells for one merchant and tells of it. Close it when the loop ends."""

    account: Account
    key: str
    counts: Counter[str] = field(default_factory=Counter)
    selling: int = 0
    sold: list[str] = field(default_factory=list)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _https: dict[str, Http] = field(default_factory=dict)

    def sell(self, sale: Sale) -> None:
        """Begin, and return at once."""
        self.selling += 1
        task: asyncio.Task[None] = asyncio.create_task(self._sell(sale))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def aclose(self) -> None:
        """Stop everything that is under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for http in self._https.values():
            await http.__aexit__(None, None, None)
        self._https.clear()

    def report(self) -> dict[str, Any]:
        """As `deliveries` of the report."""
        names = ("sent", "accepted", "attempts", "duplicates", "reordered", "given_up")
        return {name: self.counts[name] for name in names}

    async def _sell(self, sale: Sale) -> None:
        chance = random.Random(sale.seed)  # noqa: S311 - repeatable, not secret
        gate = asyncio.Semaphore(sale.concurrency)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(sale.orders):
                    await gate.acquire()
                    news = self._one(sale, chance)
                    group.create_task(self._tell(news, sale, gate))
        finally:
            self.selling -= 1

    def _one(self, sale: Sale, chance: random.Random) -> list[bytes]:
        items = chance.sample(CATALOG, chance.randint(1, 3))
        goods = {item.sku: chance.randint(1, 3) for item in items}
        late = chance.uniform(1, 72) if chance.random() < sale.offline else 0.0
        order = self.account.sell(goods, offline=timedelta(hours=late))
        self.sold.append(order["id"])
        news = list(self.news(order, chance))
        if chance.random() < sale.returns:
            back = self.account.take_back(order, {items[0].sku: 1})
            for refund in self.account.refunds.values():
                if refund["order_id"] == back["id"]:
                    self.account.settle(refund)
            news += list(self.news(back, chance))
        if chance.random() < sale.reordered and len(news) > 1:
            news[0], news[-1] = news[-1], news[0]
            self.counts["reordered"] += 1
        if chance.random() < sale.duplicates:
            news.append(chance.choice(news))
            self.counts["duplicates"] += 1
        return news

    def news(self, order: Row, chance: random.Random) -> Iterator[bytes]:
        """What Square tells of an order, its payments and its stock; each to the byte."""
        head = {"order_id": order["id"], "location_id": order["location_id"]}
        head |= {"state": order["state"], "created_at": order["created_at"]}
        head |= {"version": order["version"]} if "version" in order else {}
        yield _event("order.created", order["id"], "order_created", head, chance)
        for payment in self.account.payments.values():
            if payment["order_id"] == order["id"]:
                yield _event("payment.updated", payment["id"], "payment", payment, chance)
        for refund in self.account.refunds.values():
            if refund["order_id"] == order["id"]:
                yield _event("refund.updated", refund["id"], "refund", refund, chance)
        counts = [{"catalog_object_id": one["catalog_object_id"]} for one in _lines(order)]
        own = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        yield _event("inventory.count.updated", own, "inventory_counts", counts, chance)

    async def _tell(self, news: list[bytes], sale: Sale, gate: asyncio.Semaphore) -> None:
        try:
            if sale.hooks_url:
                for body in news:
                    await self._deliver(body, sale)
        finally:
            gate.release()

    async def _deliver(self, body: bytes, sale: Sale) -> None:
        """Until it is accepted, at most ten minutes."""
        parts = urlsplit(sale.hooks_url)
        base = f"{parts.scheme}://{parts.netloc}"
        if base not in self._https:
            self._https[base] = Http(
                name="hooks", base_url=base, timeout_s=5.0, max_connections=sale.concurrency
            )
        headers = {"content-type": "application/json"}
        headers["x-square-hmacsha256-signature"] = sign(self.key, sale.hooks_url, body)
        loop = asyncio.get_running_loop()
        deadline, wait = loop.time() + _GIVE_UP_S, sale.retry_s
        self.counts["sent"] += 1
        while True:
            self.counts["attempts"] += 1
            try:
                await self._https[base].post(parts.path or "/", content=body, headers=headers)
            except CrossdockError:  # whatever it was, Square tries again
                if loop.time() + wait > deadline:
                    self.counts["given_up"] += 1
                    return
                await asyncio.sleep(wait)
                wait = min(wait * 2, _MAX_RETRY_S)
            else:
                self.counts["accepted"] += 1
                return


def _lines(order: Row) -> list[Row]:
    back = [row for one in order.get("returns", ()) for row in one["return_line_items"]]
    return [*order.get("line_items", ()), *back]


def _event(topic: str, own: str, name: str, thing: Any, chance: random.Random) -> bytes:
    """Square's envelope."""
    return dump(
        {
            "merchant_id": MERCHANT,
            "type": topic,
            "event_id": str(uuid.UUID(int=chance.getrandbits(128), version=4)),
            "created_at": "2026-01-01T00:00:00Z",
            "data": {"type": name, "id": own, "object": {name: thing}},
        }
    )

"""The sandbox's courier: signed webhooks, tried again as Shopify does, and counted."""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from crossdock import CrossdockError, Http
from crossdock.jsontext import dump

from crossdock_shopify.sandbox_goods_bodies import level_body, product_body
from crossdock_shopify.sandbox_orders import (
    fulfillment_body,
    make_order,
    order_body,
    refund_body,
)
from crossdock_shopify.sandbox_shop import Shop, ShopOrder, gid, now_text
from crossdock_shopify.webhooks import sign

_GIVE_UP_S = 600.0
_MAX_RETRY_S = 2.0
TIMEOUT_S = 5.0
"""As Shopify: who has not answered by then is asked again."""
_PAID, _UPDATED = 0.6, 0.15


@dataclass(frozen=True)
class Sale:
    """One order of `POST /_sandbox/sell`."""

    orders: int = 1
    seed: int = 1
    hooks_url: str = ""
    duplicates: float = 0.0
    reordered: float = 0.0
    concurrency: int = 16
    echo: bool = False
    retry_s: float = 0.2
    more: dict[str, Any] = field(default_factory=dict)
    """Fields that every order has from now on, as when Shopify's next version brings them."""


@dataclass(frozen=True)
class Delivery:
    """One webhook; every try of it is the same to the byte."""

    topic: str
    body: bytes
    webhook_id: str
    event_id: str
    triggered_at: str


@dataclass
class Courier:
    """Sends webhooks for one shop. Close it when the loop ends."""

    shop: Shop
    secret: str
    api_version: str
    counts: Counter[str] = field(default_factory=Counter)
    selling: int = 0
    sold: int = 0
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _https: dict[str, Http] = field(default_factory=dict)
    _roads: dict[str, asyncio.Semaphore] = field(default_factory=dict)
    """As many posts at once as the receiver has connections: else a receiver that was away is met
    by all that waits, and each gives up in the queue for a connection, for ever."""
    _locks: dict[str, asyncio.Lock] = field(default_factory=dict)
    _echo_to: Sale | None = None
    _chance: random.Random = field(default_factory=random.Random)

    def sell(self, sale: Sale) -> None:
        """Begin, and return at once."""
        self.selling += 1
        self._echo_to = sale if sale.echo else None
        self._start(self._sell(sale))

    def echo(self, topic: str, key: str, facts: dict[str, Any]) -> None:
        """The shop changed by our own hand; it tells of that as of any other change."""
        sale = self._echo_to
        if sale is None or not sale.hooks_url:
            return
        body = echo_body(self.shop, topic, facts)
        delivery = _delivery(topic, body, self._chance)
        self.counts["echoes"] += 1
        self._start(self._in_order(key, [delivery], sale))

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
        names = ("sent", "accepted", "attempts", "duplicates", "reordered", "given_up", "echoes")
        return {name: self.counts[name] for name in names}

    def _start(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _sell(self, sale: Sale) -> None:
        chance = random.Random(sale.seed)  # noqa: S311 - repeatable, not secret
        gate = asyncio.Semaphore(sale.concurrency)
        running: set[asyncio.Task[None]] = set()
        try:
            for _ in range(sale.orders):
                await gate.acquire()
                self.sold += 1
                order = make_order(self.shop, chance, self.sold)
                task = asyncio.create_task(self._tell(order, chance, sale, gate))
                running.add(task)
                task.add_done_callback(running.discard)
            await asyncio.gather(*running)
        finally:
            self.selling -= 1
            for task in running:
                task.cancel()

    async def _tell(
        self, order: ShopOrder, chance: random.Random, sale: Sale, gate: asyncio.Semaphore
    ) -> None:
        try:
            if sale.hooks_url:
                news = self._news(order, chance, sale)
                await self._in_order(f"order:{order.id}", news, sale)
        finally:
            gate.release()

    def _news(self, order: ShopOrder, chance: random.Random, sale: Sale) -> list[Delivery]:
        topics = ["orders/create"]
        if chance.random() < _PAID:
            topics.append("orders/paid")
        if chance.random() < _UPDATED:
            topics.append("orders/updated")
        reordered = chance.random() < sale.reordered
        if reordered and len(topics) == 1:
            topics.append("orders/paid")
        stages = {"orders/create": 0, "orders/paid": 1, "orders/updated": 2}
        news = [
            _delivery(topic, {**order_body(self.shop, order, stages[topic]), **sale.more}, chance)
            for topic in topics
        ]
        if reordered:
            news[0], news[1] = news[1], news[0]
            self.counts["reordered"] += 1
        if chance.random() < sale.duplicates:
            again = chance.randrange(len(news))
            news.insert(chance.randint(again + 1, len(news)), news[again])
            self.counts["duplicates"] += 1
        return news

    async def _in_order(self, key: str, news: Iterable[Delivery], sale: Sale) -> None:
        lock = self._locks.setdefault(key, asyncio.Lock())
        async with lock:
            for delivery in news:
                await self._deliver(delivery, sale)

    async def _deliver(self, delivery: Delivery, sale: Sale) -> None:
        """Until it is accepted, at most ten minutes."""
        base, path = _split(sale.hooks_url)
        http = self._http(base, sale.concurrency)
        loop = asyncio.get_running_loop()
        deadline, wait = loop.time() + _GIVE_UP_S, sale.retry_s
        headers = {
            "content-type": "application/json",
            "X-Shopify-Topic": delivery.topic,
            "X-Shopify-Hmac-Sha256": sign(self.secret, delivery.body),
            "X-Shopify-Shop-Domain": self.shop.domain,
            "X-Shopify-API-Version": self.api_version,
            "X-Shopify-Webhook-Id": delivery.webhook_id,
            "X-Shopify-Event-Id": delivery.event_id,
            "X-Shopify-Triggered-At": delivery.triggered_at,
        }
        self.counts["sent"] += 1
        while True:
            self.counts["attempts"] += 1
            try:
                async with self._roads[base]:
                    await http.post(
                        path, content=delivery.body, headers=headers, timeout_s=TIMEOUT_S
                    )
            except CrossdockError:  # whatever it was, Shopify tries again
                if loop.time() + wait > deadline:
                    self.counts["given_up"] += 1
                    return
                await asyncio.sleep(wait)
                wait = min(wait * 2, _MAX_RETRY_S)
            else:
                self.counts["accepted"] += 1
                return

    def _http(self, base: str, connections: int) -> Http:
        if base not in self._https:
            most = max(connections, 4)
            self._roads[base] = asyncio.Semaphore(most)
            self._https[base] = Http(
                name="hooks", base_url=base, timeout_s=TIMEOUT_S, max_connections=most
            )
        return self._https[base]


def echo_body(shop: Shop, topic: str, facts: dict[str, Any]) -> dict[str, Any]:
    """What a webhook of this topic carries: the whole, or ids only, as Shopify has it."""
    match topic.partition("/")[0]:
        case "fulfillments":
            return fulfillment_body(shop, facts["order"], facts["row"])
        case "orders":
            return order_body(shop, facts["order"])
        case "refunds":
            return refund_body(facts["order"], facts["row"])
        case "products":
            return product_body(facts["product"])
        case "inventory_levels":
            return level_body(facts["item"], facts["location"], facts["available"], now_text())
        case "returns":
            back = facts["return"]
            return {
                "id": back.id,
                "admin_graphql_api_id": gid("Return", back.id),
                "status": back.status.lower(),
                "order": {
                    "id": facts["order"].id,
                    "admin_graphql_api_id": gid("Order", facts["order"].id),
                },
            }
        case "reverse_fulfillment_orders":
            number = facts["return"].id + 1
            return {
                "id": number,
                "admin_graphql_api_id": gid("ReverseFulfillmentOrder", number),
                "dispositions": [],
            }
        case _:
            one = facts["fulfillment_order"]
            return {
                "fulfillment_order": {
                    "id": gid("FulfillmentOrder", one.id),
                    "status": one.status.lower(),
                }
            }


def _delivery(topic: str, body: dict[str, Any], chance: random.Random) -> Delivery:
    return Delivery(
        topic=topic,
        body=dump(body),
        webhook_id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        event_id=str(uuid.UUID(int=chance.getrandbits(128), version=4)),
        triggered_at=now_text(),
    )


def _split(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}", f"{parts.path or '/'}{query}"

# ruff: noqa: N815 - field names are the vendor's
"""One Amazon seller account: the ports."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import crossdock
from crossdock.reading import Shape, Text, TypedDict

from crossdock_amazon import api
from crossdock_amazon.backfill import Backfill
from crossdock_amazon.config import AmazonConfig
from crossdock_amazon.polling import Poller
from crossdock_amazon.rates import LIMITS
from crossdock_amazon.reading import Reading
from crossdock_amazon.shipping import Shipping
from crossdock_amazon.sqs import Queue
from crossdock_amazon.stocking import Stocking
from crossdock_amazon.verifying import Verifier

KINDS = ("order", "inventory")


class _Marketplace(TypedDict, total=False):
    id: Text


class _Participation(TypedDict, total=False):
    isParticipating: bool
    hasSuspendedListings: bool


class _Entry(TypedDict, total=False):
    marketplace: _Marketplace
    participation: _Participation
    storeName: Text | None


class _Sellers(TypedDict, total=False):
    payload: list[_Entry] | None


SELLERS = Shape(_Sellers)


@dataclass(frozen=True)
class Amazon:
    """What an opened connection can do."""

    config: AmazonConfig
    api: api.Api
    queue: Queue | None
    reading: Reading
    poller: Poller
    shipping: Shipping
    stocking: Stocking

    async def probe(self) -> crossdock.Health:
        """Who we are, where we may sell, and how many notifications wait."""
        answer = await self.api.call(
            "sellers.getMarketplaceParticipations", "GET", "sellers/v1/marketplaceParticipations"
        )
        told = SELLERS.of(answer.json(), "marketplace participations").get("payload") or []
        open_ = {one.get("marketplace", {}).get("id"): one.get("participation", {}) for one in told}
        notes = []
        for marketplace in self.config.marketplaces:
            found = open_.get(marketplace)
            if found is None or not found.get("isParticipating"):
                notes.append(f"the account does not sell in marketplace {marketplace}")
            elif found.get("hasSuspendedListings"):
                notes.append(f"listings in marketplace {marketplace} are suspended")
        if self.queue is None:
            notes.append("no queue: news come by the sweep alone")
        else:
            notes.append(f"{await self.queue.waiting()} notifications wait in the queue")
        return crossdock.Health(version="orders 2026-01-01", notes=tuple(notes))

    def poll(self, cursor: str | None) -> AsyncIterator[crossdock.Raw]:
        """See `Polls.poll`."""
        return self.poller.poll(cursor)

    async def snapshot(self, window: crossdock.Window) -> AsyncIterator[crossdock.Raw]:
        """Orders by their time of change; stock at Amazon and what listings offer of ours."""
        if window.kind == "order":
            async for raw in self.reading.orders(window.since, window.until):
                yield raw
        elif window.kind == "inventory":
            async for raw in self.reading.inventory():
                yield raw
            async for raw in self.reading.listings():
                yield raw
        else:
            raise crossdock.RejectedError(
                f"Amazon has no snapshot of {window.kind!r}; it has {', '.join(KINDS)}",
                reason="unknown_kind",
            )

    async def apply(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Carry out one command once."""
        if command.type == "inventory.publish":
            return await self.stocking.publish(command)
        if command.type == "fulfillment.create":
            return await self.shipping.create(command)
        raise crossdock.RejectedError(
            f"Amazon handles inventory.publish and fulfillment.create, not {command.type}",
            reason="not_handled",
        )

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """A package that is there already. Stock is set, so there is nothing to look for."""
        return await self.shipping.find(command) if command.type == "fulfillment.create" else None


@asynccontextmanager
async def open_amazon(config: AmazonConfig, context: crossdock.Context) -> AsyncIterator[Amazon]:
    """Nothing is sent until a port is used."""
    url = f"{str(config.url).rstrip('/')}/"
    many = config.max_connections
    async with AsyncExitStack() as stack:
        login = api.login(config)
        http = await stack.enter_async_context(
            context.http(base_url=url, auth=login, limits=LIMITS, max_connections=many)
        )
        restricted = api.restricted(config, http)
        private = await stack.enter_async_context(
            context.http(
                base_url=url,
                auth=restricted,
                limits=LIMITS,
                max_connections=many,
            )
        )
        queue = None
        if config.queue_url is not None:
            where = urlsplit(str(config.queue_url))
            queue = Queue(
                config,
                await stack.enter_async_context(
                    context.http(base_url=f"{where.scheme}://{where.netloc}", max_connections=2)
                ),
            )
        yield _made(
            config,
            api.Api(config, http, private, (login, restricted)),
            queue,
            context.connection,
            context.now,
        )


def _made(
    config: AmazonConfig,
    calls: api.Api,
    queue: Queue | None,
    connection: str,
    now: Callable[[], datetime],
) -> Amazon:
    reading = Reading(calls, connection, now)
    verifier = Verifier(calls)
    return Amazon(
        config=config,
        api=calls,
        queue=queue,
        reading=reading,
        poller=Poller(calls, queue, reading, verifier, Backfill(calls), now),
        shipping=Shipping(calls, now),
        stocking=Stocking(calls, verifier),
    )

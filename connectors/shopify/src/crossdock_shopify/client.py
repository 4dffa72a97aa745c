"""One Shopify shop: its webhooks, what it is asked and told, and whether it is there.

Shopify's Admin API is GraphQL; the documents are in `queries`, `queries_read` and `queries_write`,
the transport in `graphql`. Each group of commands has a module of its own.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crossdock import Command, Context, Health, Raw, Receipt, RejectedError, Request, Window

from crossdock_shopify import probing, webhooks
from crossdock_shopify.bulk import Backfill
from crossdock_shopify.cataloguing import Cataloguing
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.details import Details
from crossdock_shopify.echoes import Echoes
from crossdock_shopify.fulfilling import Fulfilling
from crossdock_shopify.graphql import GraphQL
from crossdock_shopify.ordering import Ordering
from crossdock_shopify.polling import Poller
from crossdock_shopify.refunding import Refunding
from crossdock_shopify.returning import Returning
from crossdock_shopify.stocking import Stocking
from crossdock_shopify.subscriptions import Watchdog
from crossdock_shopify.sweeping import Sweeping, Told
from crossdock_shopify.tracking import Tracking

SNAPSHOTS = {
    "order": "orders",
    "fulfillment_order": "fulfillment_orders",
    "inventory": "inventory",
    "product": "products",
    "customer": "customers",
}
"""The kinds that can be asked for as a whole, and the family each is read from."""
HANDLES = (
    "fulfillment.create",
    "fulfillment.update",
    "fulfillment.cancel",
    "inventory.publish",
    "refund.create",
    "return.create",
    "return.cancel",
    "return_receipt.create",
    "order.cancel",
    "order.update",
    "order.hold",
    "order.release",
    "product.publish",
    "price.publish",
)


@dataclass(frozen=True)
class Shopify:
    """All six ports."""

    config: ShopifyConfig
    graphql: GraphQL
    details: Details
    poller: Poller
    fulfilling: Fulfilling
    tracking: Tracking
    stocking: Stocking
    refunding: Refunding
    returning: Returning
    ordering: Ordering
    cataloguing: Cataloguing
    now: Callable[[], datetime]

    def receive(self, request: Request) -> Raw:
        """One webhook, verified before it is parsed; what it only names the next poll reads."""
        raw, body = webhooks.receive(self.config, request)
        raw.headers |= webhooks.beside(raw.topic, body, self.details)
        self.poller.hear(raw.topic, raw.key, body)
        return raw

    def poll(self, cursor: str | None) -> AsyncIterator[Raw]:
        """What webhooks only named, the backfill, and the sweep; see `polling`."""
        return self.poller.poll(cursor)

    async def snapshot(self, window: Window) -> AsyncIterator[Raw]:
        """What the shop holds now. Kinds: SNAPSHOTS; stock at the configured locations.

        With `since` and `until`: what changed then. RejectedError: another kind.
        """
        family = SNAPSHOTS.get(window.kind)
        if family is None:
            raise RejectedError(
                f"Shopify has snapshots of {', '.join(SNAPSHOTS)}, not of {window.kind}",
                reason="not_handled",
            )
        sweeping = self.poller.sweeping
        async for raw, _ in sweeping.changed(family, window.since, window.until, all_of_it=True):
            if raw.topic != "Return":
                yield raw

    async def apply(self, command: Command[Any]) -> Receipt:
        """Each of HANDLES, once."""
        match command.type:
            case "product.publish" | "price.publish":
                return await self.cataloguing.apply(command, self.now())
            case _:
                return await self._for(command).apply(command)

    async def find(self, command: Command[Any]) -> Receipt | None:
        """What an earlier try of this command left in the shop."""
        match command.type:
            case "product.publish" | "price.publish":
                return await self.cataloguing.find(command, self.now())
            case _:
                return await self._for(command).find(command)

    def _for(
        self, command: Command[Any]
    ) -> "Fulfilling | Tracking | Stocking | Refunding | Returning | Ordering":
        match command.type:
            case "fulfillment.create":
                return self.fulfilling
            case "fulfillment.update" | "fulfillment.cancel":
                return self.tracking
            case "inventory.publish":
                return self.stocking
            case "refund.create":
                return self.refunding
            case "return.create" | "return.cancel" | "return_receipt.create":
                return self.returning
            case "order.cancel" | "order.update" | "order.hold" | "order.release":
                return self.ordering
        raise RejectedError(
            f"Shopify cannot carry out {command.type}: this connector knows {', '.join(HANDLES)}",
            reason="command_unknown",
        )

    async def probe(self) -> Health:
        """Shop, locations, rights, version and its end, rate budget, subscriptions."""
        return await probing.probe(self.config, self.graphql, self.poller.watchdog, self.now())


@asynccontextmanager
async def open_shopify(config: ShopifyConfig, context: Context) -> AsyncIterator[Shopify]:
    """Nothing is sent until a port is used."""
    headers = {
        "X-Shopify-Access-Token": config.access_token.get_secret_value(),
        "Accept": "application/json",
    }
    async with context.http(
        base_url=config.shop, headers=headers, max_connections=config.max_connections
    ) as http:
        graphql = GraphQL(http, config.api_version)
        echoes = Echoes()
        details = Details(config, graphql, echoes)
        sweeping = Sweeping(config, graphql, details, Told(context.now))
        fulfilling = Fulfilling(config, graphql, echoes)
        mark = context.namespace
        yield Shopify(
            config=config,
            graphql=graphql,
            details=details,
            poller=Poller(
                config,
                details,
                sweeping,
                Backfill(config, graphql, details),
                Watchdog(config, graphql),
                now=context.now,
            ),
            fulfilling=fulfilling,
            tracking=Tracking(config, graphql, details, fulfilling, echoes),
            stocking=Stocking(config, graphql, echoes),
            refunding=Refunding(config, graphql, mark),
            returning=Returning(config, graphql, details, mark),
            ordering=Ordering(config, graphql, echoes, mark),
            cataloguing=Cataloguing(config, graphql, details, echoes),
            now=context.now,
        )

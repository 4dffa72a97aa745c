"""One Shopify shop: its webhooks, what may be told to it, and whether it is there.

Shopify's Admin API is GraphQL; the documents are in `queries`, the transport in `graphql`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from crossdock import Command, Context, Health, Raw, Receipt, RejectedError, Request
from crossdock.canonical import Fulfillment, InventoryLevel

from crossdock_shopify import queries, webhooks
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.fulfilling import Fulfilling, tail
from crossdock_shopify.graphql import Answer, GraphQL
from crossdock_shopify.stocking import Stocking


@dataclass(frozen=True)
class Shopify:
    """The ports Webhooks, Applies and Probes."""

    config: ShopifyConfig
    graphql: GraphQL
    fulfilling: Fulfilling
    stocking: Stocking

    def receive(self, request: Request) -> Raw:
        """One webhook, verified before it is parsed."""
        return webhooks.receive(self.config, request)

    async def apply(self, command: Command[Any]) -> Receipt:
        """`fulfillment.create` and `inventory.publish`, each once."""
        return await self._for(command).apply(command)

    async def find(self, command: Command[Any]) -> Receipt | None:
        """What an earlier try of this command left in the shop."""
        return await self._for(command).find(command)

    def _for(self, command: Command[Any]) -> "Fulfilling | Stocking":
        if command.type == "fulfillment.create" and isinstance(command.data, Fulfillment):
            return self.fulfilling
        if command.type == "inventory.publish" and isinstance(command.data, InventoryLevel):
            return self.stocking
        raise RejectedError(
            f"Shopify cannot carry out {command.type}: "
            "this connector knows fulfillment.create and inventory.publish",
            reason="command_unknown",
        )

    async def probe(self) -> Health:
        """Ask for the shop and for the configured locations; tells version and rate budget."""
        locations = sorted(set(self.config.locations.values()))
        answer = await self.graphql.run(queries.SHOP, {"locations": locations})
        shop = answer.data.need_object("shop")
        named = f"{shop.text('name') or 'unnamed shop'} ({shop.text('myshopifyDomain')})"
        return Health(
            version=answer.version,
            rate_budget=answer.rate_budget,
            notes=(named, *self._version_notes(answer), *self._location_notes(answer)),
        )

    def _version_notes(self, answer: Answer) -> list[str]:
        asked = self.config.api_version
        if answer.version in {"", asked}:
            return []
        return [
            f"asked for API version {asked}, answered by {answer.version}: "
            f"{asked} is no longer (or not yet) supported; change `api_version`"
        ]

    def _location_notes(self, answer: Answer) -> list[str]:
        active = {
            node.need_text("id"): node.flag("isActive")
            for node in answer.data.objects_or_null("nodes")
            if node is not None
        }
        notes = []
        for code, gid in sorted(self.config.locations.items()):
            if gid not in active:
                notes.append(f"location {code}: the shop has no location {tail(gid)}")
            elif not active[gid]:
                notes.append(f"location {code}: {tail(gid)} is deactivated in Shopify")
        return notes


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
        graphql = GraphQL(http, f"/admin/api/{config.api_version}/graphql.json")
        yield Shopify(config, graphql, Fulfilling(config, graphql), Stocking(config, graphql))

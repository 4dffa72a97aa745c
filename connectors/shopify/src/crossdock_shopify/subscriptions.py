"""Watching over our webhook subscriptions: Shopify removes one after 8 failures in a row.

What is missing is made again when `hooks_url` is configured; otherwise a person is told. Either
way the finding is a record, so that it is kept, and the sweep brings what was missed meanwhile.
Privacy topics are no subscriptions: they are set in the app's own configuration.
"""

import logging
from dataclasses import dataclass, field
from typing import Any

from crossdock import AuthError, PermanentError

from crossdock_shopify import queries_read, queries_write
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.graphql import GraphQL, user_errors

log = logging.getLogger("crossdock.shopify")

TOPICS = (
    "ORDERS_CREATE",
    "ORDERS_UPDATED",
    "ORDERS_PAID",
    "ORDERS_CANCELLED",
    "FULFILLMENTS_CREATE",
    "FULFILLMENTS_UPDATE",
    "FULFILLMENT_EVENTS_CREATE",
    "FULFILLMENT_ORDERS_ORDER_ROUTING_COMPLETE",
    "FULFILLMENT_ORDERS_MOVED",
    "FULFILLMENT_ORDERS_SPLIT",
    "FULFILLMENT_ORDERS_MERGED",
    "FULFILLMENT_ORDERS_PLACED_ON_HOLD",
    "FULFILLMENT_ORDERS_HOLD_RELEASED",
    "FULFILLMENT_ORDERS_CANCELLED",
    "FULFILLMENT_ORDERS_RESCHEDULED",
    "FULFILLMENT_ORDERS_FULFILLMENT_REQUEST_SUBMITTED",
    "FULFILLMENT_ORDERS_FULFILLMENT_REQUEST_ACCEPTED",
    "FULFILLMENT_ORDERS_FULFILLMENT_REQUEST_REJECTED",
    "FULFILLMENT_ORDERS_CANCELLATION_REQUEST_ACCEPTED",
    "REFUNDS_CREATE",
    "RETURNS_REQUEST",
    "RETURNS_APPROVE",
    "RETURNS_DECLINE",
    "RETURNS_CANCEL",
    "RETURNS_CLOSE",
    "RETURNS_REOPEN",
    "RETURNS_UPDATE",
    "RETURNS_PROCESS",
    "REVERSE_DELIVERIES_ATTACH_DELIVERABLE",
    "REVERSE_FULFILLMENT_ORDERS_DISPOSE",
    "ORDER_TRANSACTIONS_CREATE",
    "DISPUTES_CREATE",
    "DISPUTES_UPDATE",
    "INVENTORY_LEVELS_UPDATE",
    "INVENTORY_LEVELS_CONNECT",
    "INVENTORY_ITEMS_CREATE",
    "INVENTORY_ITEMS_UPDATE",
    "PRODUCTS_CREATE",
    "PRODUCTS_UPDATE",
    "PRODUCTS_DELETE",
    "CUSTOMERS_CREATE",
    "CUSTOMERS_UPDATE",
    "CUSTOMERS_MERGE",
    "CUSTOMERS_EMAIL_MARKETING_CONSENT_UPDATE",
    "CUSTOMERS_MARKETING_CONSENT_UPDATE",
)
"""What can be subscribed to and is understood; each in Shopify's own spelling, in every version."""


@dataclass
class Watchdog:
    """One shop's subscriptions."""

    config: ShopifyConfig
    graphql: GraphQL
    missing: tuple[str, ...] = ()
    """As last found and not mended; the probe tells them."""
    _known: dict[str, str] = field(default_factory=dict)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The topics that this connection wants."""
        return self.config.topics or TOPICS

    async def look(self) -> list[dict[str, Any]]:
        """Findings worth keeping: what was gone, and what became of it. Empty: all is well.

        Without `hooks_url` only a subscription that we have seen before can be missed: whoever
        subscribes by hand may do with fewer topics.
        """
        if not self.config.watch_subscriptions:
            return []
        there = await self._there()
        if self.config.hooks_url is None:
            gone = sorted(set(self._known) - set(there))
            self._known |= there
            self.missing = tuple(gone)
            return [{"gone": gone, "made_again": [], "why": "hooks_url is not configured"}] * bool(
                gone
            )
        gone = [topic for topic in self.wanted if there.get(topic) != self.config.hooks_url]
        made: list[str] = []
        faults: dict[str, str] = {}
        for topic in gone:
            try:
                fault = await self._make(topic, self.config.hooks_url)
            except AuthError:
                raise
            except PermanentError as error:
                fault = error.message
            if fault:
                faults[topic] = fault
            else:
                made.append(topic)
        self.missing = tuple(faults)
        if not gone:
            return []
        log.warning("webhook subscriptions were missing: %s", ", ".join(gone))
        return [{"gone": gone, "made_again": made, "faults": faults}]

    async def _there(self) -> dict[str, str]:
        """Topic to address; of several addresses of one topic, ours."""
        found: dict[str, str] = {}
        async for page in self.graphql.pages(
            queries_read.SUBSCRIPTIONS, {}, "webhookSubscriptions"
        ):
            for node in page.objects("nodes"):
                topic, uri = node.need_text("topic"), node.text("uri") or ""
                if topic not in found or uri == self.config.hooks_url:
                    found[topic] = uri
        return found

    async def _make(self, topic: str, uri: str) -> str:
        """Shopify's objection; empty when it is made."""
        answer = await self.graphql.run(queries_write.SUBSCRIBE, {"topic": topic, "uri": uri})
        payload = answer.data.need_object("webhookSubscriptionCreate")
        return "; ".join(words for _, words in user_errors(payload))

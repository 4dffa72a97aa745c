"""Orders from before we came, once, by Orders API v0: it reaches further back than its successor.

Windows of a week, oldest first; of each order its items, address and buyer are read, at v0's own
rates (items: one in 2 s). v0 ends in March 2027; then this file goes.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from crossdock import Raw

from crossdock_amazon import mapping_v0
from crossdock_amazon.api import Api, csv, rows
from crossdock_amazon.reading import text

WINDOW = timedelta(days=7)
WITHOUT_ADDRESS = frozenset({"Pending", "PendingAvailability", "Canceled", "Unfulfillable"})


@dataclass(frozen=True)
class Backfill:
    """One account's old orders."""

    api: Api

    async def read(self, since: str, until: str) -> AsyncIterator[tuple[Raw, str | None]]:
        """Each order bought in [since, until), with how far that reaches where a window ends.

        An empty text: that was the last.
        """
        start, end = datetime.fromisoformat(since), datetime.fromisoformat(until)
        held: Raw | None = None
        while start < end:
            stop = min(start + WINDOW, end)
            async for raw in self._window(text(start), text(stop)):
                if held is not None:
                    yield held, None
                held = raw
            start = stop
            if held is not None:
                yield held, (text(stop) if stop < end else "")
                held = None

    async def _window(self, since: str, until: str) -> AsyncIterator[Raw]:
        async for page in self.api.pages(
            "ordersV0.getOrders",
            "orders/v0/orders",
            {
                "CreatedAfter": since,
                "CreatedBefore": until,
                "MarketplaceIds": csv(self.api.config.marketplaces),
                "MaxResultsPerPage": str(self.api.config.page_size),
            },
            token=("payload", "NextToken"),
            param="NextToken",
        ):
            for order in rows(page, "payload", "Orders", what="ordersV0.getOrders"):
                yield await self.order(order)

    async def order(self, order: dict[str, Any]) -> Raw:
        """One order with what belongs to it."""
        at = f"orders/v0/orders/{quote(str(order.get('AmazonOrderId')), safe='')}"
        items: list[Any] = []
        async for page in self.api.pages(
            "ordersV0.getOrderItems",
            f"{at}/orderItems",
            {},
            token=("payload", "NextToken"),
            param="NextToken",
        ):
            items += rows(page, "payload", "OrderItems", what="ordersV0.getOrderItems")
        body: dict[str, Any] = {"order": order, "items": items}
        if order.get("OrderStatus") not in WITHOUT_ADDRESS:
            for name, operation, path in (
                ("address", "ordersV0.getOrderAddress", "address"),
                ("buyer", "ordersV0.getOrderBuyerInfo", "buyerInfo"),
            ):
                answer = await self.api.call(
                    operation, "GET", f"{at}/{path}", http=self.api.private
                )
                told = answer.json()
                body[name] = told.get("payload") if isinstance(told, dict) else None
        return mapping_v0.record(body, self.api.config.fba_location)

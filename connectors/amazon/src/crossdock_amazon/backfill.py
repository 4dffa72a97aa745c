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
AT_ONCE = 20
"""Orders in one poll: with v0's rates that is some 40 seconds, while which nothing else is read."""
DONE = "done"
WITHOUT_ADDRESS = frozenset({"Pending", "PendingAvailability", "Canceled", "Unfulfillable"})


@dataclass(frozen=True)
class Backfill:
    """One account's old orders."""

    api: Api

    async def read(self, place: str, until: str) -> AsyncIterator[tuple[Raw | None, str]]:
        """The next orders bought before `until`, and after the last of them the place to go on at.

        At most AT_ONCE, so that a poll ends soon. `place` is a time and how many orders of the
        window that begins there were given; DONE when all is read. Before the last, it is empty.
        """
        time, _, given = place.partition("|")
        start, skip = datetime.fromisoformat(time), int(given or "0")
        end = datetime.fromisoformat(until)
        held: Raw | None = None
        many = 0
        while start < end:
            stop = min(start + WINDOW, end)
            count = 0
            async for order in self._window(text(start), text(stop)):
                count += 1
                if count <= skip:
                    continue
                if many == AT_ONCE:
                    yield held, f"{text(start)}|{count - 1}"
                    return
                if held is not None:
                    yield held, ""
                held = await self.order(order)
                many += 1
            start, skip = stop, 0
        yield held, DONE

    async def _window(self, since: str, until: str) -> AsyncIterator[dict[str, Any]]:
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
                yield order

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

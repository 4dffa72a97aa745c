"""Asking Amazon what there is: orders that changed, stock, listings, money."""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from crossdock import Raw, RejectedError

from crossdock_amazon import mapping_finance, mapping_inventory, mapping_orders
from crossdock_amazon.api import Api, csv, rows

SEARCH = "orders_2026-01-01.searchOrders"
SUMMARIES = "fbaInventory.getInventorySummaries"
LISTINGS = "listingsItems_2021-08-01.searchListingsItems"
TRANSACTIONS = "finances_2024-06-19.listTransactions"
GROUPS = "financesV0.listFinancialEventGroups"
SKUS_AT_ONCE = 50
LISTINGS_AT_ONCE = 20
BEHIND = timedelta(minutes=2)
"""Amazon's searches do not tell what changed in the last two minutes."""
STATEMENT_SPAN = timedelta(days=60)
"""A statement runs for two weeks, or a month; it is looked for by its beginning."""


@dataclass(frozen=True)
class Reading:
    """One account. `now` is the present in UTC."""

    api: Api
    connection: str
    now: Callable[[], datetime]
    slow: frozenset[str] = frozenset(
        {SEARCH, SUMMARIES, TRANSACTIONS, GROUPS, "ordersV0.getOrders", "ordersV0.getOrderItems"}
    )
    """Operations whose budget may be used up for minutes, without anything being wrong."""

    async def changed(
        self, since: str, page: str | None = None
    ) -> AsyncIterator[tuple[list[Raw], str, str]]:
        """Pages of orders that changed since then: records, until when, and the next page's token.

        A token that Amazon no longer takes begins the search anew.
        """
        params = {"lastUpdatedAfter": since}
        if page is not None:
            params["paginationToken"] = page
        try:
            async for one in self.api.orders(params):
                page = None
                yield self._page(one)
        except RejectedError:
            if page is None:
                raise
            async for one in self.api.orders({"lastUpdatedAfter": since}):
                yield self._page(one)

    def _page(self, page: Any) -> tuple[list[Raw], str, str]:
        until = page.get("lastUpdatedBefore")
        following = page.get("pagination")
        token = following.get("nextToken") if isinstance(following, dict) else None
        records = [self._order(one) for one in rows(page, "orders", what=SEARCH)]
        known = isinstance(until, str) and _parsed(until)
        return (
            records,
            text(known) if known else text(self.now() - BEHIND),
            token if isinstance(token, str) else "",
        )

    def _order(self, order: Any) -> Raw:
        return mapping_orders.record(order, place=self.api.config.fba_location)

    async def orders(self, since: datetime | None, until: datetime | None) -> AsyncIterator[Raw]:
        """Every order changed in [since, until); Amazon keeps two years within reach."""
        begin = since or self.now() - timedelta(days=730)
        if begin > self.now():
            return
        async for records, _, _ in self.changed(text(begin)):
            for raw in records:
                updated = raw.body.get("lastUpdatedTime")
                told = _parsed(updated) if isinstance(updated, str) else None
                if until is None or told is None or told < until:
                    yield raw

    async def inventory(
        self, *, since: str | None = None, skus: Sequence[str] | None = None
    ) -> AsyncIterator[Raw]:
        """Stock at Amazon: all, what changed since then, or that of these SKUs.

        By the first marketplace: stock of a region lies in the same centres.
        """
        marketplace = self.api.config.marketplaces[0]
        params = {
            "details": "true",
            "granularityType": "Marketplace",
            "granularityId": marketplace,
            "marketplaceIds": marketplace,
        }
        if since is not None:
            params["startDateTime"] = since
        groups: list[dict[str, str]] = [{}]
        if skus is not None:
            groups = [
                {"sellerSkus": csv(skus[start : start + SKUS_AT_ONCE])}
                for start in range(0, len(skus), SKUS_AT_ONCE)
            ]
        for group in groups:
            async for page in self.api.pages(
                SUMMARIES,
                "fba/inventory/v1/summaries",
                {**params, **group},
                token=("pagination", "nextToken"),
                param="nextToken",
            ):
                for one in rows(page, "payload", "inventorySummaries", what=SUMMARIES):
                    yield mapping_inventory.record(one, self.api.config.fba_location, marketplace)

    async def listings(self, skus: Sequence[str] | None = None) -> AsyncIterator[Raw]:
        """What our listings offer of our own stock, place by place; all, or these SKUs."""
        config = self.api.config
        params = {
            "marketplaceIds": config.marketplaces[0],
            "includedData": "fulfillmentAvailability",
            "pageSize": str(min(config.page_size, LISTINGS_AT_ONCE)),
        }
        groups: list[dict[str, str]] = [{}]
        if skus is not None:
            groups = [
                {
                    "identifiersType": "SKU",
                    "identifiers": csv(skus[start : start + LISTINGS_AT_ONCE]),
                }
                for start in range(0, len(skus), LISTINGS_AT_ONCE)
            ]
        for group in groups:
            async for page in self.api.pages(
                LISTINGS,
                f"listings/2021-08-01/items/{quote(config.seller_id, safe='')}",
                {**params, **group},
                token=("pagination", "nextToken"),
                param="pageToken",
            ):
                for item in rows(page, "items", what=LISTINGS):
                    for location, channel in config.channels.items():
                        if _offers(item, channel):
                            yield mapping_inventory.listing(item, channel, location)

    async def money(self, since: str, until: str) -> AsyncIterator[Raw]:
        """Transactions posted since then, and statements that were closed since then."""
        async for page in self._transactions({"postedAfter": since}):
            for one in rows(page, "payload", "transactions", what=TRANSACTIONS):
                yield mapping_finance.record(one)
        begin = datetime.fromisoformat(since) - STATEMENT_SPAN
        async for page in self.api.pages(
            GROUPS,
            "finances/v0/financialEventGroups",
            {"FinancialEventGroupStartedAfter": text(begin)},
            token=("payload", "NextToken"),
            param="NextToken",
        ):
            for group in rows(page, "payload", "FinancialEventGroupList", what=GROUPS):
                ended = mapping_finance.ended(group)
                if ended is not None and text(ended) >= since:
                    yield await self._statement(group)

    async def _statement(self, group: dict[str, Any]) -> Raw:
        """A closed statement with the sums of its transactions."""
        sums: dict[str, Decimal] = {}
        count = 0
        named = {
            "relatedIdentifierName": "FINANCIAL_EVENT_GROUP_ID",
            "relatedIdentifierValue": str(group.get("FinancialEventGroupId")),
        }
        async for page in self._transactions(named):
            for one in rows(page, "payload", "transactions", what=TRANSACTIONS):
                for category, amount in mapping_finance.amounts(one):
                    sums[category] = sums.get(category, Decimal(0)) + amount.amount
                    count += 1
        told = [{"category": name, "amount": f"{sums[name]:f}"} for name in sorted(sums)]
        body = {"group": group, "sums": told, "lineCount": count}
        return mapping_finance.statement(body, self.connection)

    def _transactions(self, params: dict[str, str]) -> AsyncIterator[Any]:
        return self.api.pages(
            TRANSACTIONS,
            "finances/2024-06-19/transactions",
            params,
            token=("payload", "nextToken"),
            param="nextToken",
        )


def _offers(item: Any, channel: str) -> bool:
    told = item.get("fulfillmentAvailability")
    return isinstance(told, list) and any(
        isinstance(one, dict) and one.get("fulfillmentChannelCode") == channel for one in told
    )


def _parsed(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def text(moment: datetime) -> str:
    """A time as Amazon's parameters take it: UTC, whole seconds, one width."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

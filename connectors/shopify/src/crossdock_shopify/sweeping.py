"""Asking a shop what changed: lists by `updated_at`, then each thing whole by its id.

Lists are cheap (ids and times); details are read only of what was not told already. Shopify's
search is behind its data by some seconds, and clocks differ: so every window reaches back by
`overlap_s`, and what is told twice has the same delivery id.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from crossdock import Raw

from crossdock_shopify import queries_read
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.details import Details
from crossdock_shopify.graphql import GraphQL
from crossdock_shopify.reading import Obj

FAMILIES = ("orders", "fulfillment_orders", "inventory", "products", "customers")
_LISTS = {
    "orders": ("Order", queries_read.ORDERS_CHANGED),
    "fulfillment_orders": ("FulfillmentOrder", queries_read.FULFILLMENT_ORDERS_CHANGED),
    "products": ("Product", queries_read.PRODUCTS_CHANGED),
}
_ROOTS = {"orders": "orders", "fulfillment_orders": "fulfillmentOrders", "products": "products"}
_NO_RETURN = frozenset({None, "NO_RETURN"})
_MOST_TOLD = 50_000
_SAME_SECOND = timedelta(seconds=2)


@dataclass
class Told:
    """What was told of late, by which time of its own: it need not be read again.

    Shopify's times are whole seconds, and a thing may change twice in one: what was told within
    that second does not count.
    """

    now: Callable[[], datetime]
    _times: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def note(self, kind: str, number: str, updated_at: datetime | None) -> None:
        """This thing, as it was then, is on its way or landed."""
        if updated_at is None or not number:
            return
        self._times.pop((kind, number), None)
        self._times[kind, number] = updated_at
        if len(self._times) > _MOST_TOLD:
            del self._times[next(iter(self._times))]

    def settles(self, updated_at: datetime | None) -> bool:
        """Whether a thing with this time, told now, cannot change in the same second any more."""
        return updated_at is not None and self.now() - updated_at >= _SAME_SECOND

    def has(self, kind: str, number: str, updated_at: datetime | None) -> bool:
        """Whether it was told as it is now, or newer."""
        known = self._times.get((kind, number))
        return known is not None and updated_at is not None and known >= updated_at


@dataclass(frozen=True)
class Sweeping:
    """The lists of one shop."""

    config: ShopifyConfig
    graphql: GraphQL
    details: Details
    told: Told

    async def changed(
        self,
        family: str,
        since: datetime | None,
        until: datetime | None,
        *,
        all_of_it: bool = False,
        by: str = "updated_at",
    ) -> AsyncIterator[tuple[Raw, datetime | None]]:
        """Records of a family changed in [since, until), with how far their list has come.

        A list in no order of time gives no such moment. `all_of_it`: also what was told already.
        """
        if family == "inventory":
            async for raw in self._levels(since, until):
                yield raw, None
        elif family == "customers":
            async for raw in self._customers(since, until):
                yield raw, None
        else:
            async for pair in self._listed(family, _search(by, since, until), all_of_it):
                yield pair

    async def _listed(
        self, family: str, query: str, all_of_it: bool
    ) -> AsyncIterator[tuple[Raw, datetime | None]]:
        kind, document = _LISTS[family]
        async for page in self.graphql.pages(document, {"query": query}, _ROOTS[family]):
            fresh: list[str] = []
            returns: list[str] = []
            latest: datetime | None = None
            for node in page.objects("nodes"):
                gid, updated_at = node.need_text("id"), node.moment("updatedAt")
                latest = updated_at
                if all_of_it or not self.told.has(kind, _number(gid), updated_at):
                    fresh.append(gid)
                if node.text("returnStatus") not in _NO_RETURN:
                    returns.append(gid)
            held: Raw | None = None
            async for raw in self._read(kind, fresh, returns):
                if held is not None:
                    yield held, None
                held = raw
            if held is not None:  # only now everything of this page was given
                yield held, latest

    async def _read(self, kind: str, fresh: list[str], returns: list[str]) -> AsyncIterator[Raw]:
        async for raw in self.details.read(kind, fresh):
            yield raw
        for order in returns:
            async for raw in self.details.read("Return", await self.details.returns_of(order)):
                yield raw

    async def _levels(self, since: datetime | None, until: datetime | None) -> AsyncIterator[Raw]:
        """Stock at the locations that the deployment names; others have no name to tell it by."""
        query = _search("updated_at", since, until) or None
        for location in sorted(set(self.config.locations.values())):
            async for page in self.graphql.pages(
                queries_read.LEVELS_CHANGED,
                {"location": location, "query": query},
                "location",
                "inventoryLevels",
            ):
                for node in page.objects("nodes"):
                    yield await self.details.record("InventoryLevel", node.data)

    async def _customers(
        self, since: datetime | None, until: datetime | None
    ) -> AsyncIterator[Raw]:
        query = _search("updated_at", since, until)
        async for page in self.graphql.pages(
            queries_read.CUSTOMERS_CHANGED, {"query": query}, "customers"
        ):
            for node in page.objects("nodes"):
                yield await self.details.record("Customer", node.data)


def mark_of(raw: Raw) -> tuple[str, str, datetime | None]:
    """By what a record read is known to `Told`: type, number, and its own time."""
    node = Obj(raw.topic, raw.body)
    return raw.topic, _number(node.text("id") or ""), node.moment("updatedAt")


def _number(gid: str) -> str:
    return gid.rpartition("/")[2]


def _search(by: str, since: datetime | None, until: datetime | None) -> str:
    """Shopify's search syntax: https://shopify.dev/docs/api/usage/search-syntax."""
    bounds = ((">=", since), ("<", until))
    return " AND ".join(f"{by}:{sign}'{text(at)}'" for sign, at in bounds if at is not None)


def text(moment: datetime) -> str:
    """A time as Shopify's search takes it: UTC, whole seconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

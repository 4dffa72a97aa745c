"""Square's records as they land: each whole, with what translating it needs beside it.

Square's orders, counts and ledger entries name articles by catalogue id alone, and places by
location id; the SKU and our name of the place are put beside them here.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from crossdock import Http, Raw, RejectedError, jsontext
from crossdock.identity import fingerprint
from crossdock.reading import Moment, Required, Shape, Text, TypedDict

from crossdock_square import calls, topics
from crossdock_square.config import SquareConfig
from crossdock_square.values import Id, Version

_AT_ONCE = 100
_REFUNDS_AT_ONCE = 100


class _Line(TypedDict, total=False):
    catalog_object_id: Id | None


class _Return(TypedDict, total=False):
    uid: Text | None
    source_order_id: Id | None
    return_line_items: list[_Line] | None


class _Order(TypedDict, total=False):
    id: Required[Id]
    location_id: Required[Id]
    updated_at: Required[Moment]
    line_items: list[_Line] | None
    service_charges: list[dict[str, Any]] | None
    returns: list[_Return] | None


class _Orders(TypedDict, total=False):
    orders: list[_Order]


class _Refund(TypedDict, total=False):
    id: Required[Id]
    location_id: Id | None
    payment_id: Id | None
    created_at: Required[Moment]
    updated_at: Moment | None


class _Refunds(TypedDict, total=False):
    refunds: list[_Refund]


class _Data(TypedDict, total=False):
    sku: Text | None


class _Object(TypedDict, total=False):
    id: Required[Id]
    type: Text
    version: Required[Version]
    updated_at: Required[Moment]
    item_variation_data: _Data | None


class _Objects(TypedDict, total=False):
    objects: list[_Object]


class _Variation(TypedDict, total=False):
    id: Required[Id]
    item_variation_data: _Data | None


class _Variations(TypedDict, total=False):
    objects: list[_Variation]


class _Count(TypedDict, total=False):
    catalog_object_id: Required[Id]
    location_id: Required[Id]
    state: Text
    calculated_at: Required[Moment]


class _Counts(TypedDict, total=False):
    counts: list[_Count]


class _Entry(TypedDict, total=False):
    id: Required[Id]
    catalog_object_id: Required[Id]
    location_id: Required[Id]
    created_at: Required[Moment]


class _Change(TypedDict, total=False):
    type: Text
    physical_count: _Entry | None
    adjustment: _Entry | None


class _Changes(TypedDict, total=False):
    changes: list[_Change]


class _Paid(TypedDict, total=False):
    payment: Required[dict[str, Any]]


ORDERS, REFUNDS, OBJECTS = Shape(_Orders), Shape(_Refunds), Shape(_Objects)
VARIATIONS, COUNTS, CHANGES = Shape(_Variations), Shape(_Counts), Shape(_Changes)
_PAID = Shape(_Paid)


@dataclass(frozen=True)
class Found:
    """A record, and when it last changed by Square's clock."""

    raw: Raw
    at: str


def raw_of(topic: str, key: str, body: Any) -> Raw:
    """Equal content is equal news; different content is other news."""
    data = jsontext.dump(body)
    return Raw(topic, data=data, key=key, delivery_id=f"{topic}:{fingerprint(data)[:40]}")


@dataclass
class Reading:
    """What can be read of one merchant."""

    config: SquareConfig
    http: Http
    _orders_of: dict[str, str | None] = field(default_factory=dict)
    """Payment to its order; it never changes."""

    @property
    def _places(self) -> list[str]:
        return list(self.config.places)

    async def orders(self, since: datetime, until: datetime | None = None) -> AsyncIterator[Found]:
        """Sales and returns that changed since then, oldest change first.

        By `updated_at`, never by `created_at`: a till that was offline hands its sales in up to 72
        hours late, with the time of the sale as `created_at`.
        """
        window = {"start_at": since.isoformat()} | ({"end_at": until.isoformat()} if until else {})
        query = {
            "filter": {
                "date_time_filter": {"updated_at": window},
                "state_filter": {"states": ["OPEN", "COMPLETED", "CANCELED"]},
            },
            "sort": {"sort_field": "UPDATED_AT", "sort_order": "ASC"},
        }
        body = {"location_ids": self._places, "limit": self.config.page_size, "query": query}
        async for page in calls.pages(self.http, "/v2/orders/search", body):
            heads = ORDERS.of(page, topics.ORDER).get("orders") or []
            skus = await self.skus(_articles(heads))
            for head, whole in zip(heads, page.get("orders") or [], strict=True):
                for raw in self._of_order(head, whole, skus):
                    yield Found(raw, head["updated_at"])

    def _of_order(
        self, head: _Order, whole: dict[str, Any], skus: Mapping[str, str]
    ) -> Iterable[Raw]:
        place = self.config.places.get(head["location_id"])
        if place is None:
            return
        returns = head.get("returns") or []
        if head.get("line_items") or head.get("service_charges") or not returns:
            mine = {one: skus[one] for one in _lines(head.get("line_items")) if one in skus}
            record = {"order": whole, "skus": mine, "place": place}
            yield raw_of(topics.ORDER, f"order:{head['id']}", record)
        names = ("id", "state", "created_at", "updated_at")
        frame = {name: whole[name] for name in names if name in whole}
        for n, (one, given) in enumerate(zip(returns, whole.get("returns") or [], strict=True)):
            mine = {art: skus[art] for art in _lines(one.get("return_line_items")) if art in skus}
            own = head["id"] if len(returns) == 1 else f"{head['id']}:{one.get('uid') or n}"
            source = one.get("source_order_id") or head["id"]
            yield raw_of(
                topics.RETURN,
                f"order:{source}",
                {"id": own, "order": frame, "returned": given, "skus": mine, "place": place},
            )

    async def refunds(self, since: datetime, until: datetime | None = None) -> AsyncIterator[Found]:
        """Refunds that changed since then, oldest change first, each with its payment's order."""
        params = {
            "updated_at_begin_time": since.isoformat(),
            "sort_field": "UPDATED_AT",
            "sort_order": "ASC",
            "limit": str(min(self.config.page_size, _REFUNDS_AT_ONCE)),
        }
        if until is not None:
            params["updated_at_end_time"] = until.isoformat()
        async for page in calls.listed(self.http, "/v2/refunds", params):
            heads = REFUNDS.of(page, topics.REFUND).get("refunds") or []
            for head, whole in zip(heads, page.get("refunds") or [], strict=True):
                if head.get("location_id") in self.config.places or not head.get("location_id"):
                    order = await self._order_of(head.get("payment_id"))
                    record = {"refund": whole, "payment": {"order_id": order}}
                    key = f"order:{order}" if order else f"refund:{head['id']}"
                    raw = raw_of(topics.REFUND, key, record)
                    yield Found(raw, head.get("updated_at") or head["created_at"])

    async def _order_of(self, payment: str | None) -> str | None:
        if payment is None:
            return None
        if payment not in self._orders_of:
            if len(self._orders_of) >= 10_000:
                self._orders_of.clear()
            try:
                answer = await calls.one(self.http, "payments", payment)
            except RejectedError as error:
                if error.reason != "not_found":
                    raise
                return None  # translate then tells a person
            order = _PAID.of(answer, "payment")["payment"].get("order_id")
            self._orders_of[payment] = order if isinstance(order, str) else None
        return self._orders_of[payment]

    async def catalog(self, since: datetime, until: datetime | None = None) -> AsyncIterator[Found]:
        """Items that changed since then, also those that are gone; in no order of time."""
        body: dict[str, Any] = {"object_types": ["ITEM"], "include_deleted_objects": True}
        body |= {"begin_time": since.isoformat(), "limit": self.config.page_size}
        async for page in calls.pages(self.http, "/v2/catalog/search", body):
            heads = OBJECTS.of(page, topics.ITEM).get("objects") or []
            for head, whole in zip(heads, page.get("objects") or [], strict=True):
                if until is None or datetime.fromisoformat(head["updated_at"]) < until:
                    raw = raw_of(topics.ITEM, f"product:{head['id']}", {"object": whole})
                    yield Found(raw, head["updated_at"])

    async def inventory(self, since: datetime) -> AsyncIterator[Found]:
        """The ledger's new entries, then the counts of all that changed; in no order of time."""
        moved: dict[str, None] = {}
        body: dict[str, Any] = {"location_ids": self._places, "limit": self.config.page_size}
        body |= {"updated_after": since.isoformat()}
        async for page in calls.pages(self.http, "/v2/inventory/changes/batch-retrieve", body):
            heads = CHANGES.of(page, topics.CHANGE).get("changes") or []
            entries = [_entry(one) for one in heads]
            skus = await self.skus(one["catalog_object_id"] for one in entries if one)
            for one, whole in zip(entries, page.get("changes") or [], strict=True):
                if one is not None:
                    record = {"change": whole, "sku": skus.get(one["catalog_object_id"])}
                    record["place"] = self.config.places.get(one["location_id"], "")
                    if record["place"]:
                        key = f"stock:{one['catalog_object_id']}:{one['location_id']}"
                        yield Found(raw_of(topics.CHANGE, key, record), one["created_at"])
        async for page in calls.pages(self.http, "/v2/inventory/counts/batch-retrieve", body):
            for count in COUNTS.of(page, topics.COUNT).get("counts") or []:
                moved[count["catalog_object_id"]] = None
        async for found in self.counts(list(moved)):
            yield found

    async def counts(self, articles: list[str] | None = None) -> AsyncIterator[Found]:
        """All counts of these articles, or of everything, at our places."""
        parts = (
            [articles[n : n + _AT_ONCE] for n in range(0, len(articles), _AT_ONCE)]
            if articles is not None
            else [None]
        )
        for part in parts:
            body: dict[str, Any] = {"location_ids": self._places, "limit": self.config.page_size}
            body |= {"catalog_object_ids": part} if part is not None else {}
            by_spot: dict[tuple[str, str], list[tuple[str, Any]]] = {}
            async for page in calls.pages(self.http, "/v2/inventory/counts/batch-retrieve", body):
                heads = COUNTS.of(page, topics.COUNT).get("counts") or []
                for head, whole in zip(heads, page.get("counts") or [], strict=True):
                    spot = (head["catalog_object_id"], head["location_id"])
                    by_spot.setdefault(spot, []).append((head["calculated_at"], whole))
            skus = await self.skus(article for article, _ in by_spot)
            for (article, location), rows in by_spot.items():
                place = self.config.places.get(location)
                if place is None:
                    continue
                rows.sort(key=lambda row: str(row[1].get("state")))
                own = f"{article}:{location}"
                counts = [whole for _, whole in rows]
                sku = skus.get(article)
                record = {"id": own, "sku": sku, "place": place, "counts": counts}
                latest = max((at for at, _ in rows), key=datetime.fromisoformat)
                yield Found(raw_of(topics.COUNT, f"stock:{own}", record), latest)

    async def skus(self, articles: Iterable[str]) -> dict[str, str]:
        """What the merchant calls these articles; deleted ones too."""
        wanted = list(dict.fromkeys(articles))
        found: dict[str, str] = {}
        for n in range(0, len(wanted), _AT_ONCE):
            body = {"object_ids": wanted[n : n + _AT_ONCE], "include_deleted_objects": True}
            answer = await calls.search(self.http, "/v2/catalog/batch-retrieve", body)
            for one in VARIATIONS.of(answer, topics.ITEM).get("objects") or []:
                sku = (one.get("item_variation_data") or {}).get("sku")
                if sku:
                    found[one["id"]] = sku
        return found


def _entry(change: _Change) -> _Entry | None:
    return change.get("physical_count") or change.get("adjustment")


def _lines(lines: list[_Line] | None) -> Iterable[str]:
    return (one for line in lines or [] if (one := line.get("catalog_object_id")))


def _articles(orders: Iterable[_Order]) -> Iterable[str]:
    for order in orders:
        yield from _lines(order.get("line_items"))
        for one in order.get("returns") or []:
            yield from _lines(one.get("return_line_items"))

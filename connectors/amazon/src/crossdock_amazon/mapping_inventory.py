# ruff: noqa: N815 - field names are the vendor's
"""Stock: what lies at Amazon by bucket, and what a listing of ours offers. Pure.

Of Amazon's buckets, `fulfillable` may be sold; researching units are under examination; the six
sorts of unsellable units are damaged; reserved ones are promised or under way between centres.
Source: models/fba-inventory-api-model/fbaInventory.json.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import crossdock
from crossdock import jsontext
from crossdock.canonical import Entity, EntityRef, InventoryLevel
from crossdock.events import revision_of
from crossdock.identity import fingerprint
from crossdock.reading import Count, Moment, Required, Shape, Text, TypedDict

from crossdock_amazon.moments import moment

TOPIC = "inventory"
LISTING = "listing"
Word = Text | None


class Reserved(TypedDict, total=False):
    totalReservedQuantity: Count | None
    pendingCustomerOrderQuantity: Count | None
    pendingTransshipmentQuantity: Count | None
    fcProcessingQuantity: Count | None


class Entry(TypedDict, total=False):
    name: Word
    quantity: Count | None


class Researching(TypedDict, total=False):
    totalResearchingQuantity: Count | None
    researchingQuantityBreakdown: list[Entry] | None


class Unfulfillable(TypedDict, total=False):
    totalUnfulfillableQuantity: Count | None
    customerDamagedQuantity: Count | None
    warehouseDamagedQuantity: Count | None
    distributorDamagedQuantity: Count | None
    carrierDamagedQuantity: Count | None
    defectiveQuantity: Count | None
    expiredQuantity: Count | None


class Details(TypedDict, total=False):
    fulfillableQuantity: Count | None
    inboundWorkingQuantity: Count | None
    inboundShippedQuantity: Count | None
    inboundReceivingQuantity: Count | None
    reservedQuantity: Reserved | None
    researchingQuantity: Researching | None
    unfulfillableQuantity: Unfulfillable | None


class Summary(TypedDict, total=False):
    """The stock of one SKU in Amazon's centres that serve one marketplace."""

    asin: Word
    fnSku: Word
    sellerSku: Required[Text]
    condition: Word
    inventoryDetails: Details | None
    lastUpdatedTime: Moment | None
    totalQuantity: Count | None
    stores: Any


class Availability(TypedDict, total=False):
    fulfillmentChannelCode: Required[Text]
    quantity: Count | None


class Listed(TypedDict, total=False):
    sku: Required[Text]
    fulfillmentAvailability: list[Availability] | None


class Offer(TypedDict):
    """What a listing offers of our own goods, as we read it."""

    item: Listed
    channel: Text
    location: Text


class AtAmazon(TypedDict, total=False):
    """A summary, and what place of ours it is about."""

    location: Required[Text]
    marketplaceId: Word
    summary: Required[Summary]


AT_AMAZON = Shape(AtAmazon)
OFFER = Shape(Offer)
_UNSELLABLE = (
    "customerDamagedQuantity",
    "warehouseDamagedQuantity",
    "distributorDamagedQuantity",
    "carrierDamagedQuantity",
    "defectiveQuantity",
    "expiredQuantity",
)
_INBOUND = ("inboundWorkingQuantity", "inboundShippedQuantity", "inboundReceivingQuantity")
_RESERVED = ("pendingCustomerOrderQuantity", "pendingTransshipmentQuantity", "fcProcessingQuantity")


def record(body: Any, place: str, marketplace: str) -> crossdock.Raw:
    """One summary as Amazon answered it, with our name of the place."""
    told = {"location": place, "marketplaceId": marketplace, "summary": body}
    raw = crossdock.Raw(TOPIC, data=jsontext.dump(told))
    raw.key = f"inventory:{_name(body, 'sellerSku')}"[:180]
    raw.delivery_id = f"{raw.key}:{fingerprint(raw.data)[:32]}"[:255]
    return raw


def listing(item: Any, channel: str, location: str) -> crossdock.Raw:
    """One listing's own stock at one place of ours."""
    raw = crossdock.Raw(
        LISTING,
        data=jsontext.dump({"item": item, "channel": channel, "location": location}),
    )
    raw.key = f"inventory:{_name(item, 'sku')}@{location}"[:180]
    raw.delivery_id = f"{LISTING}:{raw.key}:{fingerprint(raw.data)[:16]}"[:255]
    return raw


def _name(body: Any, field: str) -> str:
    """What a record is about; one that does not say it lands too, for translate to refuse."""
    name = body.get(field) if isinstance(body, dict) else None
    return name if isinstance(name, str) else "unreadable"


def at_amazon(raw: crossdock.Raw) -> Iterator[crossdock.Event[Entity]]:
    """What lies at Amazon. Ignore: the answer has no details."""
    record_ = AT_AMAZON.read(raw)
    told, place = record_["summary"], record_["location"]
    details = told.get("inventoryDetails")
    if not details:
        raise crossdock.Ignore(f"{told['sellerSku'][:80]}: Amazon told no details of its stock")
    counts: dict[str, int] = {}
    reserved = _sum(
        counts, details.get("reservedQuantity") or {}, _RESERVED, "totalReservedQuantity"
    )
    unsellable = _sum(
        counts,
        details.get("unfulfillableQuantity") or {},
        _UNSELLABLE,
        "totalUnfulfillableQuantity",
    )
    research = details.get("researchingQuantity") or {}
    for entry in research.get("researchingQuantityBreakdown") or ():
        name, many = entry.get("name"), entry.get("quantity")
        if name and many:
            counts[name] = counts.get(name, 0) + many
    entries = [
        entry.get("quantity") or 0 for entry in research.get("researchingQuantityBreakdown") or ()
    ]
    researching = research.get("totalResearchingQuantity")
    researching = sum(entries) if researching is None else researching
    inbound = _sum(counts, details, _INBOUND, "")
    available = details.get("fulfillableQuantity") or 0
    updated = _updated(raw.topic, told.get("lastUpdatedTime"))
    extension = {
        "asin": told.get("asin"),
        "fnSku": told.get("fnSku"),
        "condition": told.get("condition"),
        "stores": told.get("stores"),
        "totalQuantity": told.get("totalQuantity"),
        "marketplaceId": record_.get("marketplaceId"),
    }
    yield crossdock.Event(
        type="inventory.level_changed",
        data=InventoryLevel(
            sku=told["sellerSku"],
            location=place,
            item=EntityRef(native_id=told["sellerSku"]) if told["sellerSku"] else None,
            on_hand=Decimal(available + reserved + researching + unsellable),
            available=Decimal(available),
            reserved=Decimal(reserved),
            quality_control=Decimal(researching),
            damaged=Decimal(unsellable),
            incoming=Decimal(inbound),
            as_of=updated,
            sub_buckets={name: Decimal(many) for name, many in counts.items()},
            extensions={
                "com.amazon": {k: v for k, v in extension.items() if v not in (None, "", [])}
            },
        ),
        native_id=f"{told['sellerSku']}@{place}",
        revision=revision_of(updated) if updated else None,
        occurred_at=updated,
    )


def offered(raw: crossdock.Raw) -> Iterator[crossdock.Event[Entity]]:
    """What a listing offers. Ignore: it offers nothing of ours there."""
    told = OFFER.read(raw)
    item = told["item"]
    for one in item.get("fulfillmentAvailability") or ():
        if one["fulfillmentChannelCode"] == told["channel"]:
            yield crossdock.Event(
                type="inventory.level_changed",
                data=InventoryLevel(
                    sku=item["sku"],
                    location=told["location"],
                    available=Decimal(one.get("quantity") or 0),
                ),
                native_id=f"{item['sku']}@{told['location']}",
            )
            return
    raise crossdock.Ignore(
        f"{item['sku'][:80]} offers nothing by {told['channel'][:40]}: it is shipped by Amazon, or "
        "its stock is not managed"
    )


def _sum(counts: dict[str, int], told: Any, names: tuple[str, ...], total: str) -> int:
    """The stated total, else the sum of the parts; parts that are not 0 are noted by name."""
    parts = {name: told.get(name) or 0 for name in names}
    counts.update({name: many for name, many in parts.items() if many})
    stated = told.get(total) if total else None
    return int(sum(parts.values()) if stated is None else stated)


def _updated(topic: str, text: str | None) -> datetime | None:
    return moment(topic, "/summary/lastUpdatedTime", text) if text else None

"""Goods and stock: catalogue items, counts, and the ledger of counts and adjustments.

Square keeps one count for each state; what is for sale is `IN_STOCK`. A state that we do not know,
also one that is newer than our API version (`SUPPORTED_BY_NEWER_VERSION`), is kept by its name.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

from crossdock import Event, Fact, Ignore, Raw, revision_of
from crossdock.canonical import (
    EntityRef,
    InventoryLevel,
    InventoryMovement,
    Product,
    StockCount,
    StockCountLine,
    Variant,
)
from crossdock.jsontext import shorten
from crossdock.reading import Flag, Moment, Required, Shape, Text, TypedDict

from crossdock_square.values import MARK, Cash, Decimals, Id, Signed, Version, moment, money

FOR_SALE = "IN_STOCK"
OURS = "crossdock:"
"""What the reference of a count that we made ourselves begins with."""


class _VariationData(TypedDict, total=False):
    name: Text | None
    sku: Text | None
    upc: Text | None
    price_money: Cash | None
    track_inventory: Flag | None


class _Variation(TypedDict, total=False):
    id: Required[Id]
    is_deleted: Flag | None
    item_variation_data: _VariationData | None


class _Named(TypedDict):
    id: Id


class _ItemData(TypedDict, total=False):
    name: Text | None
    description: Text | None
    description_html: Text | None
    is_archived: Flag | None
    product_type: Text | None
    categories: list[_Named] | None
    image_ids: list[Id] | None
    variations: list[_Variation] | None


class _Object(TypedDict, total=False):
    type: Text
    id: Required[Id]
    version: Required[Version]
    updated_at: Moment | None
    is_deleted: Flag | None
    item_data: _ItemData | None


class _ItemRecord(TypedDict):
    object: _Object


class _Count(TypedDict, total=False):
    state: Required[Text]
    quantity: Required[Signed]
    calculated_at: Required[Moment]


class _CountRecord(TypedDict, total=False):
    """All counts of one thing at one place. `id` is Square's two ids, joined by a colon."""

    id: Required[Id]
    sku: Text | None
    place: Required[Id]
    counts: Required[list[_Count]]


class _Origin(TypedDict, total=False):
    product: Text | None
    name: Text | None


class _Adjustment(TypedDict, total=False):
    id: Required[Id]
    from_state: Text | None
    to_state: Text | None
    quantity: Required[Decimals]
    occurred_at: Required[Moment]
    created_at: Required[Moment]
    reference_id: Text | None
    transaction_id: Id | None
    refund_id: Id | None
    purchase_order_id: Id | None
    goods_receipt_id: Id | None
    source: _Origin | None
    team_member_id: Text | None


class _Counted(TypedDict, total=False):
    id: Required[Id]
    state: Text | None
    quantity: Required[Decimals]
    occurred_at: Required[Moment]
    created_at: Required[Moment]
    reference_id: Text | None
    source: _Origin | None
    team_member_id: Text | None


class _Change(TypedDict, total=False):
    type: Text | None
    physical_count: _Counted | None
    adjustment: _Adjustment | None


class _ChangeRecord(TypedDict, total=False):
    change: Required[_Change]
    sku: Text | None
    place: Required[Id]


ITEM = Shape(_ItemRecord)
COUNT = Shape(_CountRecord)
CHANGE = Shape(_ChangeRecord)


def item(raw: Raw) -> Iterator[Fact]:
    """An item with its variations, or that it is gone."""
    found = ITEM.read(raw)["object"]
    data = found.get("item_data") or _ItemData()
    gone = bool(found.get("is_deleted"))
    more = {name: value for name in ("product_type",) if (value := data.get(name))}
    yield Event(
        type="product.removed" if gone else "product.changed",
        data=Product(
            name=data.get("name") or found["id"],
            description=data.get("description_html") or data.get("description"),
            status="archived" if data.get("is_archived") or gone else "active",
            categories=tuple(EntityRef(native_id=c["id"]) for c in data.get("categories") or ()),
            media=tuple(EntityRef(native_id=one) for one in data.get("image_ids") or ()),
            variants=tuple(
                _variant(raw.topic, n, one)
                for n, one in enumerate(data.get("variations") or ())
                if not one.get("is_deleted")
            ),
            updated_at=found.get("updated_at"),
            extensions={MARK: more} if more else {},
        ),
        native_id=found["id"],
        revision=found["version"],
    )


def _variant(topic: str, n: int, given: _Variation) -> Variant:
    data = given.get("item_variation_data") or _VariationData()
    price = data.get("price_money")
    at = f"/object/item_data/variations/{n}/item_variation_data/price_money"
    return Variant(
        variant_id=given["id"],
        sku=data.get("sku") or None,
        barcode=data.get("upc") or None,
        title=data.get("name"),
        list_price=money(topic, at, price) if price else None,
        tracked=data.get("track_inventory") is not False,
    )


def level(raw: Raw) -> Iterator[Fact]:
    """What may be sold of one thing at one place; other states beside it by Square's names."""
    record = COUNT.read(raw)
    sku = record.get("sku")
    if not sku:
        raise Ignore("the article has no SKU at Square: nobody else would know it by its id")
    counts = record["counts"]
    if not counts:
        raise Ignore("no count: stock of this article is not followed here")
    times = [
        moment(raw.topic, f"/counts/{n}/calculated_at", one["calculated_at"])
        for n, one in enumerate(counts)
    ]
    others = [one for one in counts if one["state"] != FOR_SALE]
    below = {one["state"]: one["quantity"] for one in others if one["quantity"].startswith("-")}
    yield Event(
        type="inventory.level_changed",
        data=InventoryLevel(
            sku=sku,
            location=record["place"],
            available=_for_sale(counts),
            item=EntityRef(native_id=record["id"].partition(":")[0]),
            as_of=max(times),
            sub_buckets={
                one["state"] or "?": Decimal(one["quantity"])
                for one in others
                if one["state"] not in below
            },
            extensions={MARK: {"below_zero": below}} if below else {},
        ),
        native_id=record["id"],
        revision=revision_of(max(times)),
        occurred_at=max(times),
    )


def _for_sale(counts: Sequence[_Count]) -> Decimal:
    return next((Decimal(one["quantity"]) for one in counts if one["state"] == FOR_SALE), _ZERO)


_ZERO = Decimal(0)
_OUT = {
    "SOLD": "sale",
    "SOLD_ONLINE": "sale",
    "WASTE": "damage",
    "IN_TRANSIT_TO": "transfer",
    "IN_TRANSIT": "transfer",
    "COMPOSED": "production",
    "DECOMPOSED": "production",
}
_IN = {
    "RETURNED_BY_CUSTOMER": "return",
    "UNLINKED_RETURN": "return",
    "SOLD": "return",
    "ORDERED_FROM_VENDOR": "receipt",
    "RECEIVED_FROM_VENDOR": "receipt",
    "IN_TRANSIT_TO": "transfer",
    "IN_TRANSIT": "transfer",
    "NONE": "receipt",
    "COMPOSED": "production",
    "DECOMPOSED": "production",
}


def change(raw: Raw) -> Iterator[Fact]:
    """One entry of the ledger: a count, or an adjustment between two states."""
    record = CHANGE.read(raw)
    sku, given = record.get("sku"), record["change"]
    if not sku:
        raise Ignore("the article has no SKU at Square: nobody else would know it by its id")
    kind = given.get("type") or ""
    counted, adjusted = given.get("physical_count"), given.get("adjustment")
    if kind == "PHYSICAL_COUNT" and counted:
        yield _count(raw, record, sku, counted)
    elif kind == "ADJUSTMENT" and adjusted:
        yield _movement(raw, record, sku, adjusted)
    else:
        raise Ignore(f"an entry of the kind {shorten(kind)}; the counts tell what came of it")


def _count(raw: Raw, record: _ChangeRecord, sku: str, given: _Counted) -> Fact:
    if (given.get("reference_id") or "").startswith(OURS):
        raise Ignore("our own count: nobody went and counted")
    if given.get("state") not in {None, FOR_SALE}:
        raise Ignore(f"a count of {shorten(given.get('state'))}, which is not for sale")
    at = "/change/physical_count"
    moment(raw.topic, f"{at}/occurred_at", given["occurred_at"])
    created = moment(raw.topic, f"{at}/created_at", given["created_at"])
    return Event(
        type="stock_count.completed",
        data=StockCount(
            location=record["place"],
            counted_at=given["occurred_at"],
            lines=(StockCountLine(sku=sku, counted=Decimal(given["quantity"])),),
            by=given.get("team_member_id"),
            extensions=_beside(given, ()),
        ),
        native_id=given["id"],
        revision=revision_of(created),
        occurred_at=moment(raw.topic, f"{at}/occurred_at", given["occurred_at"]),
    )


def _movement(raw: Raw, record: _ChangeRecord, sku: str, given: _Adjustment) -> Fact:
    before, after = given.get("from_state") or "", given.get("to_state") or ""
    if FOR_SALE not in {before, after} or before == after:
        raise Ignore(f"from {shorten(before)} to {shorten(after)}: what is for sale stays the same")
    out = before == FOR_SALE
    reason = (_OUT.get(after) if out else _IN.get(before)) or "other"
    at = "/change/adjustment"
    created = moment(raw.topic, f"{at}/created_at", given["created_at"])
    quantity = Decimal(given["quantity"])
    names = ("from_state", "to_state", "transaction_id", "refund_id")
    return Event(
        type="inventory_movement.recorded",
        data=InventoryMovement(
            sku=sku,
            location=record["place"],
            quantity=-quantity if out else quantity,
            reason=reason,
            occurred_at=given["occurred_at"],
            by=given.get("team_member_id"),
            extensions=_beside(given, (*names, "purchase_order_id", "goods_receipt_id")),
        ),
        native_id=given["id"],
        revision=revision_of(created),
        occurred_at=moment(raw.topic, f"{at}/occurred_at", given["occurred_at"]),
    )


def _beside(given: Any, names: Sequence[str]) -> dict[str, Any]:
    told = {name: given[name] for name in (*names, "reference_id") if given.get(name)}
    source = given.get("source") or {}
    told |= {f"source_{name}": source[name] for name in ("product", "name") if source.get(name)}
    return {MARK: told} if told else {}

"""Telling Square what there is to sell: `product.publish` as an upsert of one catalogue item.

An item is known by the id that Square gave it, else by its SKUs. What Square has beside ours
(other variations, taxes, modifiers, pictures) is left alone: the object is read, changed where it
differs, and written back with the version that was read, which Square compares.
"""

import copy
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from crossdock import Command, ConflictError, Http, Receipt, RejectedError, jsontext
from crossdock.canonical import Product, Variant
from crossdock.canonical.codes import CURRENCIES
from crossdock.identity import fingerprint
from crossdock.jsontext import shorten
from crossdock.reading import Flag, Required, Shape, Text, TypedDict

from crossdock_square import articles, calls
from crossdock_square.values import Id, Version

_ITEM = "ITEM"


class _Data(TypedDict, total=False):
    sku: Text | None


class _Variation(TypedDict, total=False):
    id: Required[Id]
    is_deleted: Flag | None
    item_variation_data: _Data | None


class _ItemData(TypedDict, total=False):
    variations: list[_Variation] | None


class _Object(TypedDict, total=False):
    id: Required[Id]
    type: Required[Text]
    version: Version
    is_deleted: Flag | None
    item_data: _ItemData | None


class _Objects(TypedDict, total=False):
    objects: list[_Object]


class _Made(TypedDict):
    catalog_object: _Object


_OBJECTS, _MADE = Shape(_Objects), Shape(_Made)


class Cataloguing:
    """Publishes goods to one merchant."""

    def __init__(self, http: Http) -> None:
        self.http = http

    async def publish(self, command: Command[Product]) -> Receipt:
        """Make the item, or change what differs of it. ConflictError: it changed meanwhile."""
        wanted = _wanted(command.data)
        item = await self._known(command, wanted)
        if item is None:
            made = await self._write(command, _new(command, wanted))
            return _receipt(command, made, changed=True)
        changed = _merged(item, command.data, wanted)
        if changed == item:
            return _receipt(command, item, changed=False)
        return _receipt(command, await self._write(command, changed), changed=True)

    async def find(self, command: Command[Product]) -> Receipt | None:
        """The item, where it is already as it is wished to be."""
        wanted = _wanted(command.data)
        item = await self._known(command, wanted)
        if item is None or _merged(item, command.data, wanted) != item:
            return None
        return _receipt(command, item, changed=True)

    async def _known(self, command: Command[Product], wanted: list[Variant]) -> Any:
        own = command.native_id(command.entity_id)
        if own is not None:
            found = await self._read(own)
            if found is not None:
                return found
        parents: dict[str, str] = {}
        for variant in wanted:
            for one in await articles.variations(self.http, variant.sku or ""):
                parent = (one.get("item_variation_data") or {}).get("item_id")
                if parent:
                    parents[parent] = variant.sku or ""
        if len(parents) > 1:
            told = ", ".join(f"{sku} in {item}" for item, sku in parents.items())
            raise RejectedError(
                f"the variants of {shorten(command.data.name)} are in several items of Square's "
                f"({told}): bring them together there first",
                reason="ambiguous_sku",
            )
        return await self._read(next(iter(parents))) if parents else None

    async def _read(self, item: str) -> Any:
        body = {"object_ids": [item]}
        answer = await calls.search(self.http, "/v2/catalog/batch-retrieve", body)
        heads = _OBJECTS.of(answer, "catalog").get("objects") or []
        for head, whole in zip(heads, answer.get("objects") or [], strict=True):
            if head["type"] == _ITEM and not head.get("is_deleted"):
                return whole
        return None

    async def _write(self, command: Command[Product], item: Any) -> Any:
        # the version read stands in the body, so the key belongs to this very change
        key = f"{command.id[:80]}:{fingerprint(jsontext.canonical(item))[:24]}"
        body = {"idempotency_key": key, "object": item}
        try:
            answer = await calls.change(self.http, "/v2/catalog/object", body)
        except calls.KeyReusedError as error:
            raise ConflictError(str(error)) from None
        _MADE.of(answer, "catalog")
        return answer["catalog_object"]


def _wanted(product: Product) -> list[Variant]:
    """What can be bought of it; a product without variants has one of its own."""
    given = list(product.variants)
    if not given and product.sku:
        given = [Variant(variant_id=product.sku, sku=product.sku, list_price=product.list_price)]
    if not given or any(not one.sku for one in given):
        raise RejectedError(
            f"{shorten(product.name)}: every variant needs a SKU, by which Square's is found again",
            reason="no_sku",
        )
    return given


def _new(command: Command[Product], wanted: list[Variant]) -> dict[str, Any]:
    product = command.data
    return {
        "type": _ITEM,
        "id": "#item",
        "present_at_all_locations": True,
        "item_data": {
            **dict(_said(product)),
            "variations": [_variation(n, variant) for n, variant in enumerate(wanted)],
        },
    }


def _variation(n: int, variant: Variant) -> dict[str, Any]:
    return {
        "type": "ITEM_VARIATION",
        "id": f"#variation{n}",
        "present_at_all_locations": True,
        "item_variation_data": {
            "item_id": "#item",
            "pricing_type": "FIXED_PRICING" if variant.list_price else "VARIABLE_PRICING",
            **dict(_of_variant(variant)),
        },
    }


def _merged(item: Any, product: Product, wanted: list[Variant]) -> Any:
    """The item as it is there, with our word on what we speak of."""
    made = copy.deepcopy(item)
    data = made.setdefault("item_data", {})
    data |= dict(_said(product))
    there = data.get("variations") or []
    by_sku = {(one.get("item_variation_data") or {}).get("sku"): one for one in there}
    for n, variant in enumerate(wanted):
        known = by_sku.get(variant.sku)
        if known is not None:
            known["item_variation_data"] |= dict(_of_variant(variant))
        else:
            new = _variation(n, variant)
            new["item_variation_data"]["item_id"] = made["id"]
            data.setdefault("variations", []).append(new)
    return made


def _said(product: Product) -> Iterator[tuple[str, Any]]:
    yield "name", product.name[:512]
    if product.description is not None:
        yield "description_html", product.description
    if product.status in {"archived", "discontinued"}:
        yield "is_archived", True


def _of_variant(variant: Variant) -> Iterator[tuple[str, Any]]:
    yield "sku", variant.sku
    if variant.title:
        yield "name", variant.title[:255]
    if variant.gtin or variant.barcode:
        yield "upc", variant.gtin or variant.barcode
    if variant.list_price is not None:
        yield "price_money", minor(variant.list_price)
        yield "pricing_type", "FIXED_PRICING"


def minor(money: Any) -> dict[str, Any]:
    """Square's Money. RejectedError: it is finer than the currency's smallest coin."""
    places = CURRENCIES.get(money.currency)
    amount = money.amount.scaleb(places or 0)
    if places is None or amount != amount.to_integral_value():
        raise RejectedError(
            f"{money.amount} {money.currency} cannot be told to Square, which counts in the "
            "currency's smallest coin: round it first",
            reason="amount_too_fine",
        )
    return {"amount": int(Decimal(amount)), "currency": money.currency}


def _receipt(command: Command[Product], item: Any, *, changed: bool) -> Receipt:
    ids: dict[str, str] = {}
    rows = (item.get("item_data") or {}).get("variations") or []
    by_sku = {(one.get("item_variation_data") or {}).get("sku"): one["id"] for one in rows}
    for variant in command.data.variants:
        if variant.sku in by_sku:
            ids[variant.variant_id] = by_sku[variant.sku]
    note = "" if changed else "Square has it so already"
    return Receipt(native_id=item["id"], changed=changed, extra_ids=ids, note=note)

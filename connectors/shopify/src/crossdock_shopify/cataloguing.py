"""Telling a shop what is sold: `product.publish` and `price.publish`.

A product that the shop has is changed where it differs: variants are known by their SKU, those
that the shop has beside ours are left alone, and nothing is deleted. A product it has not is made
by `productSet` under a handle that follows from its name and our id; asking again for the same
handle changes the same product, so a lost answer makes no second one. All of it is absolute.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crossdock import Command, ConflictError, Receipt, RejectedError
from crossdock.canonical import Money, Price, Product, Variant

from crossdock_shopify import queries_write
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.details import Details
from crossdock_shopify.echoes import Echoes, change_look
from crossdock_shopify.fulfilling import tail
from crossdock_shopify.graphql import GraphQL
from crossdock_shopify.graphql_shapes import rest_amount
from crossdock_shopify.reading import Obj
from crossdock_shopify.tracking import accepted

_PRODUCT_GID = "gid://shopify/Product/"
_STATUSES = {"active": "ACTIVE", "draft": "DRAFT", "archived": "ARCHIVED", "unlisted": "UNLISTED"}
_WEIGHTS = {"KGM": "KILOGRAMS", "GRM": "GRAMS", "LBR": "POUNDS", "ONZ": "OUNCES"}
_ONE_OPTION, _ONE_VALUE = "Title", "Default Title"
"""What Shopify calls the option of a product that has only one variant."""
_MOST_AT_ONCE = 100
"""Variants in one call; Shopify takes 250."""


@dataclass(frozen=True)
class Cataloguing:
    """The commands about products and prices, for one shop."""

    config: ShopifyConfig
    graphql: GraphQL
    details: Details
    echoes: Echoes

    async def apply(self, command: Command[Any], now: datetime) -> Receipt:
        """Carry it out, unless it is so already. `now` tells whether a price holds yet."""
        if command.type == "price.publish":
            return await self._price(command, now)
        return await self._product(command)

    async def find(self, command: Command[Any], now: datetime) -> Receipt | None:
        """Whether the shop has it as wanted."""
        if command.type == "price.publish":
            variant, given = await self._priced(command, now)
            number = tail(variant.need_text("id"))
            return Receipt(native_id=number, note="found so at the shop") if not given else None
        product = await self._known(command)
        if product is None:
            return None
        data = command.data
        left = _product_changes(data, product) or any(
            self._variant_changes(data, product, currency=await self.details.shop_currency())
        )
        return None if left else Receipt(native_id=tail(product.need_text("id")), note="found")

    # Prices

    async def _price(self, command: Command[Price], now: datetime) -> Receipt:
        variant, given = await self._priced(command, now)
        gid = variant.need_text("id")
        sku = command.data.sku
        if not given:
            return Receipt(
                native_id=tail(gid), changed=False, note=f"{sku}: the price is so already"
            )
        product = variant.need_object("product").need_text("id")
        await self._bulk(
            queries_write.VARIANTS_UPDATE,
            "productVariantsBulkUpdate",
            product,
            [{"id": gid, **given}],
            command.id,
        )
        return Receipt(native_id=tail(gid), note=f"{sku}: {given}")

    async def _priced(self, command: Command[Price], now: datetime) -> tuple[Obj, dict[str, Any]]:
        """The variant, and what of its price differs."""
        price = command.data
        refused = _why_not(price, now)
        if refused:
            raise RejectedError(f"price of {price.sku}: {refused[1]}", reason=refused[0])
        found = await self._variants(price.sku)
        if len(found) != 1:
            raise RejectedError(
                f"the shop has {len(found) or 'no'} variants with SKU {price.sku!r}; "
                "one must have it",
                reason="sku_ambiguous" if found else "sku_unknown",
            )
        currency = await self.details.shop_currency()
        wanted = {"price": _amount(price.sku, price.amount, currency)}
        if price.compare_at is not None:
            wanted["compareAtPrice"] = _amount(price.sku, price.compare_at, currency)
        return found[0], {
            key: value for key, value in wanted.items() if _differs(found[0], key, value)
        }

    async def _variants(self, sku: str) -> list[Obj]:
        quoted = sku.replace("\\", "\\\\").replace('"', '\\"')
        found = []
        async for page in self.graphql.pages(
            queries_write.VARIANTS_OF_SKU, {"query": f'sku:"{quoted}"'}, "productVariants"
        ):
            found += [node for node in page.objects("nodes") if node.text("sku") == sku]
        return found

    # Products

    async def _product(self, command: Command[Product]) -> Receipt:
        data = command.data
        currency = await self.details.shop_currency()
        there = await self._known(command)
        if there is None:
            return await self._make(command, currency)
        gid = there.need_text("id")
        done: list[str] = []
        if changes := _product_changes(data, there):
            given = {"id": gid, **changes}
            answer = await self.graphql.run(queries_write.PRODUCT_UPDATE, {"product": given})
            self._note(accepted(answer.data, "productUpdate", f"product {data.name}"), command.id)
            done += sorted(changes)
        old: list[dict[str, Any]] = []
        new: list[dict[str, Any]] = []
        for change in self._variant_changes(data, there, currency=currency):
            (old if "id" in change else new).append(change)
        if old:
            await self._bulk(
                queries_write.VARIANTS_UPDATE, "productVariantsBulkUpdate", gid, old, command.id
            )
        if new:
            await self._bulk(
                queries_write.VARIANTS_CREATE, "productVariantsBulkCreate", gid, new, command.id
            )
        done += [f"{len(old)} variant(s) changed"] * bool(old)
        done += [f"{len(new)} variant(s) added"] * bool(new)
        note = ", ".join(done) or "nothing differs"
        return Receipt(native_id=tail(gid), changed=bool(done), note=f"{data.name}: {note}")

    async def _known(self, command: Command[Product]) -> Obj | None:
        """The shop's product: by the id it told us, by our handle, or by its SKUs."""
        number = command.native_id(command.data.id or command.entity_id)
        if number and number.isascii() and number.isdecimal():
            found = await self._whole(
                queries_write.PRODUCT_STATE, {"id": _PRODUCT_GID + number}, "product"
            )
            if found is not None:
                return found
        found = await self._whole(
            queries_write.PRODUCT_BY_HANDLE, {"handle": handle_of(command)}, "productByIdentifier"
        )
        if found is not None:
            return found
        owners: dict[str, str] = {}
        for sku in [variant.sku for variant in _variants(command.data) if variant.sku]:
            for node in await self._variants(sku):
                owners[node.need_object("product").need_text("id")] = sku
        if len(owners) > 1:
            raise ConflictError(
                f"product {command.data.name}: its SKUs belong to {len(owners)} products of "
                f"the shop ({', '.join(f'{sku} to {tail(gid)}' for gid, sku in owners.items())})"
            )
        for gid in owners:
            return await self._whole(queries_write.PRODUCT_STATE, {"id": gid}, "product")
        return None

    async def _whole(self, document: str, variables: Mapping[str, Any], root: str) -> Obj | None:
        answer = await self.graphql.run(document, variables)
        found = answer.data.object(root)
        if found is None:
            return None
        nodes = await self.graphql.rest_of(
            found.need_object("variants"),
            queries_write.PRODUCT_STATE_ON,
            {"id": found.need_text("id")},
            "product",
            "variants",
        )
        return Obj("product", found.data | {"variants": {"nodes": nodes}})

    async def _make(self, command: Command[Product], currency: str) -> Receipt:
        data = command.data
        handle = handle_of(command)
        variants = _variants(data)
        names = _option_names(variants)
        values: dict[str, dict[str, None]] = {name: {} for name in names}
        for variant in variants:
            for name in names:
                values[name][variant.options.get(name, _ONE_VALUE)] = None
        given: dict[str, Any] = {
            **_product_input(data),
            "handle": handle,
            "productOptions": [
                {"name": name, "position": i, "values": [{"name": value} for value in values[name]]}
                for i, name in enumerate(names, 1)
            ],
            "variants": [
                {
                    **_variant_input(variant, currency, whole=True),
                    "sku": variant.sku,
                    "optionValues": [
                        {"optionName": name, "name": variant.options.get(name, _ONE_VALUE)}
                        for name in names
                    ],
                }
                for variant in variants
            ],
        }
        answer = await self.graphql.run(
            queries_write.PRODUCT_SET, {"input": given, "identifier": {"handle": handle}}
        )
        payload = accepted(answer.data, "productSet", f"product {data.name}")
        self._note(payload, command.id)
        gid = payload.need_object("product").need_text("id")
        return Receipt(
            native_id=tail(gid), note=f"{data.name}: made, with {len(variants)} variant(s)"
        )

    def _variant_changes(
        self, data: Product, there: Obj, *, currency: str
    ) -> Iterator[dict[str, Any]]:
        """What differs, variant by variant: with `id` a change, without a new one."""
        nodes = list(there.need_object("variants").objects("nodes"))
        by_sku = {node.text("sku"): node for node in nodes if node.text("sku")}
        options = [item.text("name") or "" for item in there.objects("options")]
        for variant in _variants(data):
            node = by_sku.get(variant.sku or "")
            if node is None and len(nodes) == len(_variants(data)) == 1:
                node = nodes[0]  # a product of one variant whose SKU is new
            if node is None:
                yield {
                    **_variant_input(variant, currency, whole=True),
                    "optionValues": [
                        {
                            "optionName": name,
                            "name": variant.options.get(name, variant.sku or _ONE_VALUE),
                        }
                        for name in options
                    ],
                }
                continue
            wanted = _variant_input(variant, currency, whole=False)
            if changes := _differing(wanted, node):
                yield {"id": node.need_text("id"), **changes}

    async def _bulk(
        self,
        document: str,
        mutation: str,
        product: str,
        variants: list[dict[str, Any]],
        command_id: str,
    ) -> None:
        for start in range(0, len(variants), _MOST_AT_ONCE):
            part = variants[start : start + _MOST_AT_ONCE]
            answer = await self.graphql.run(document, {"id": product, "variants": part})
            self._note(accepted(answer.data, mutation, f"product {tail(product)}"), command_id)

    def _note(self, payload: Obj, command_id: str) -> None:
        """The product as of now is our doing; Shopify will tell it."""
        product = payload.object("product")
        if product is not None and (updated_at := product.text("updatedAt")):
            number = tail(product.need_text("id"))
            self.echoes.expect(change_look("product", number, updated_at), command_id)


def handle_of(command: Command[Product]) -> str:
    """The end of the product's address: told by the shop, else from its name and our id.

    Our id in it keeps products of one name apart, and makes it the same for every try.
    """
    told = command.data.extensions.get("com.shopify")
    handle = told.get("handle") if isinstance(told, dict) else None
    if isinstance(handle, str) and handle:
        return handle
    plain = unicodedata.normalize("NFKD", command.data.name).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")[:180] or "product"
    mark = re.sub(r"[^a-z0-9]", "", (command.data.id or command.entity_id).lower())[-12:]
    return f"{slug}-{mark}"


def _variants(data: Product) -> tuple[Variant, ...]:
    """Its variants; a product without any is its own."""
    if data.variants:
        return data.variants
    return (Variant(variant_id=data.sku or "1", sku=data.sku, list_price=data.list_price),)


def _option_names(variants: tuple[Variant, ...]) -> list[str]:
    names = list(dict.fromkeys(name for variant in variants for name in variant.options))
    if len(names) > 3:
        raise RejectedError(
            f"Shopify has room for three options, not for {', '.join(names)}",
            reason="too_many_options",
        )
    return names or [_ONE_OPTION]


def _product_input(data: Product) -> dict[str, Any]:
    status = _STATUSES.get(data.status, "ARCHIVED" if data.status == "discontinued" else "DRAFT")
    given = {
        "title": data.name,
        "descriptionHtml": data.description,
        "vendor": data.brand,
        "productType": data.category,
        "status": status,
        "tags": list(data.tags) or None,
    }
    return {key: value for key, value in given.items() if value is not None}


def _product_changes(data: Product, there: Obj) -> dict[str, Any]:
    found = {}
    for key, value in _product_input(data).items():
        if key == "tags":
            same = set(value) == set(there.texts("tags"))
        else:
            same = there.data.get(key) == value
        if not same:
            found[key] = value
    return found


def _variant_input(variant: Variant, currency: str, *, whole: bool) -> dict[str, Any]:
    """`ProductVariantsBulkInput` without id and options; `whole`: for one that is made."""
    sku = variant.sku or variant.variant_id
    item: dict[str, Any] = {
        "tracked": variant.tracked,
        "requiresShipping": variant.requires_shipping,
    }
    if variant.sku:
        item["sku"] = variant.sku
    if variant.weight is not None and (unit := _WEIGHTS.get(variant.weight.unit)):
        item["measurement"] = {"weight": {"value": float(variant.weight.value), "unit": unit}}
    given: dict[str, Any] = {"inventoryItem": item}
    if variant.barcode or variant.gtin:
        given["barcode"] = variant.barcode or variant.gtin
    if variant.list_price is not None:
        given["price"] = _amount(sku, variant.list_price, currency)
    elif whole:
        given["price"] = "0.00"
    if variant.compare_at_price is not None:
        given["compareAtPrice"] = _amount(sku, variant.compare_at_price, currency)
    return given


def _differing(wanted: Mapping[str, Any], node: Obj) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in wanted.items():
        if key in {"price", "compareAtPrice"}:
            if _differs(node, key, value):
                found[key] = value
        elif key == "inventoryItem":
            item = node.need_object("inventoryItem")
            there = {
                "sku": item.text("sku") or node.text("sku"),
                "tracked": item.flag("tracked"),
                "requiresShipping": item.flag("requiresShipping"),
                "measurement": item.data.get("measurement"),
            }
            if any(there[part] != given for part, given in value.items()):
                found[key] = value
        elif node.data.get(key) != value:
            found[key] = value
    return found


def _differs(node: Obj, key: str, wanted: str) -> bool:
    there = node.amount(key)
    return there is None or rest_amount(there, "") != wanted


def _amount(sku: str, money: Money, currency: str) -> str:
    if money.currency != currency:
        raise RejectedError(
            f"price of {sku}: it is in {money.currency}, but the shop's own currency is {currency}",
            reason="currency_differs",
        )
    return rest_amount(money.amount, "")


def _why_not(price: Price, now: datetime) -> tuple[str, str] | None:
    """Prices that a variant has no place for: code and words."""
    if price.price_list is not None:
        return "price_list_not_handled", (
            "it belongs to a price list, and a variant has only its standard price"
        )
    if price.min_quantity > 1:
        return "quantity_break_not_handled", f"it holds from {price.min_quantity} pieces upwards"
    if price.valid_from is not None and price.valid_from > now:
        return "price_not_yet_valid", f"it holds from {price.valid_from.isoformat()}"
    if price.valid_until is not None and price.valid_until <= now:
        return "price_not_valid_any_more", f"it held until {price.valid_until.isoformat()}"
    return None

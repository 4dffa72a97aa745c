"""Products of another system's catalogue, written into Odoo: a variant for each SKU.

Every write is a `load` keyed on external ids, so a second try changes nothing. What Odoo has
already is taken over where it is (`crossdock_odoo.takeover`): it keeps name and template, and
is then written like any other. The others become variants of one template
(`crossdock_odoo.variants`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import crossdock
from crossdock.canonical import Measure, Money, Product, Variant
from crossdock.identity import digest

from crossdock_odoo.externalids import line_name
from crossdock_odoo.loading import load
from crossdock_odoo.masterdata import MasterData
from crossdock_odoo.rpc import Rpc
from crossdock_odoo.takeover import Held, TakeOver, leave_marks
from crossdock_odoo.variants import Variants, options_of, share_a_template

Row = dict[str, str]
KILOGRAMS = {"KGM": "1", "GRM": "0.001", "LBR": "0.45359237", "ONZ": "0.028349523125"}
"""UN/ECE Rec 20. Odoo counts in kilograms, unless its setting says pounds: not looked at."""


@dataclass(frozen=True)
class Products:
    """What `apply` does with `product.publish`."""

    rpc: Rpc
    master: MasterData
    namespace: str

    async def publish(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Create or bring up to date. Prices that a template cannot hold go to pricelists."""
        product = command.data
        if not isinstance(product, Product):
            raise crossdock.ContractError("product.publish needs a Product")
        variants = wanted(product)
        names = {v.variant_id: line_name(command.entity_id, v.variant_id) for v in variants}
        company = await self.master.company_currency()
        prices = {v.variant_id: v.list_price or product.list_price for v in variants}
        for price in prices.values():
            if price is not None and price.currency != company:
                await self.master.pricelist(price.currency)  # raises before anything is written
        held = await TakeOver(self.rpc, self.namespace).held(command.entity_id, variants, names)
        made = Variants(self.rpc, self.namespace)
        grouped = [v for v in variants if self._in_template(v, held)]
        if not share_a_template(grouped):
            grouped = []
        base = min(
            (p.amount for v in grouped if (p := prices[v.variant_id]) and p.currency == company),
            default=None,
        )
        combinations: Mapping[tuple[str, str], int] = {}
        if grouped:
            combinations = await self._template(product, command.entity_id, grouped, held, base)
            await self._adopt_generated(made, grouped, combinations, names, held)
        rows = []
        for variant in variants:
            row = await self._row(product, variant, names[variant.variant_id], held)
            if variant in grouped:
                if variant.variant_id not in held.variants:
                    values = (combinations[item] for item in options_of(variant).items())
                    row["product_tmpl_id/.id"] = str(held.template)
                    row["product_template_attribute_value_ids/.id"] = ",".join(map(str, values))
            else:
                await self._alone(product, variant, row, held, prices[variant.variant_id], company)
            rows.append(row)
        ids = await self._load(rows)
        await self._put_away(made, held, ids, grouped)
        await self._rules(names, dict(zip(names, ids, strict=True)), prices, grouped, base, company)
        await self._links(product, command.entity_id, ids[0], held)
        self.master.forget_products(v.sku for v in variants if v.sku)
        note = f"{len(ids)} products written"
        if held.taken:
            note += f", {len(held.taken)} of them taken over"
        return crossdock.Receipt(
            native_id=str(ids[0]),
            note=note,
            extra_ids={v.variant_id: str(ids[n]) for n, v in enumerate(variants)},
        )

    def _in_template(self, variant: Variant, held: Held) -> bool:
        """New ones, and those that are in our template already."""
        record = held.variants.get(variant.variant_id)
        if record is None:
            return bool(options_of(variant))
        return held.template is not None and record["product_tmpl_id"] == held.template

    async def _template(
        self,
        product: Product,
        product_id: str,
        variants: Sequence[Variant],
        held: Held,
        price: Decimal | None,
    ) -> Mapping[tuple[str, str], int]:
        """Create or bring up to date; its own records of the options' values."""
        made = Variants(self.rpc, self.namespace)
        attributes = await made.attributes(variants)
        lines = await made.lines(product_id, held.template, attributes, product.name)
        row = {
            "id": f"{self.namespace}.{product_id}",
            "name": product.name,
            "sale_ok": _flag(product.status != "draft"),
            "active": _flag(product.status != "archived"),
        }
        if price is not None:
            row["list_price"] = f"{price:f}"
        if held.template is None:
            row |= await self._kind(variants[0], "product.template")
        rows = [{**row, **lines[0]}, *lines[1:]]
        held.template = (await load(self.rpc, "product.template", rows))[0]
        return await made.combinations(held.template, attributes)

    async def _adopt_generated(
        self,
        made: Variants,
        variants: Sequence[Variant],
        combinations: Mapping[tuple[str, str], int],
        names: Mapping[str, str],
        held: Held,
    ) -> None:
        """Variants that Odoo made by itself, or that an earlier try left without external id."""
        fresh = [v for v in variants if v.variant_id not in held.variants]
        if not fresh or held.template is None:
            return
        there = await made.made(held.template)
        found = {
            v.variant_id: record
            for v in fresh
            if (record := there.get(frozenset(combinations[o] for o in options_of(v).items())))
        }
        for variant, record in found.items():
            held.variants[variant] = {**record, "product_tmpl_id": held.template}
        await leave_marks(
            self.rpc,
            self.namespace,
            {names[variant]: record["id"] for variant, record in found.items()},
            noupdate=False,
        )

    async def _row(self, product: Product, variant: Variant, name: str, held: Held) -> Row:
        row = {
            "id": f"{self.namespace}.{name}",
            "default_code": variant.sku or "",
            "barcode": variant.barcode or "",
            "active": _flag(product.status != "archived"),
        }
        if variant.variant_id in held.taken and not variant.barcode:
            del row["barcode"]  # the merchant's own stays
        if variant.weight is not None and variant.weight.unit in KILOGRAMS:
            row["weight"] = f"{kilograms(variant.weight):f}"
        return row

    async def _alone(
        self,
        product: Product,
        variant: Variant,
        row: Row,
        held: Held,
        price: Money | None,
        company: str,
    ) -> None:
        """A product that is its own template, or was there before us."""
        record = held.variants.get(variant.variant_id)
        row["sale_ok"] = _flag(product.status != "draft")
        if record is None:
            row |= await self._kind(variant, "product.product")
        if record is not None and record["product_tmpl_id"] == held.template:
            return  # its options are not clear any more: what all variants share is left alone
        if variant.variant_id not in held.taken:
            row["name"] = title(product, variant)
        shared = record is not None and record["product_variant_count"] > 1
        if price is not None and price.currency == company and not shared:
            row["list_price"] = f"{price.amount:f}"

    async def _kind(self, variant: Variant, model: str) -> Row:
        """Written at creation only: Odoo refuses to change it once goods have moved."""
        name = await self.rpc.fields.name(model, "is_storable")
        kind = "consu" if variant.requires_shipping else "service"
        stored = variant.tracked and variant.requires_shipping
        if name == "detailed_type":
            return {name: "product" if stored else kind}
        return {"type": kind, name: _flag(stored)}

    async def _load(self, rows: Sequence[Row]) -> list[int]:
        """One transaction for rows of the same columns: an empty cell would be written."""
        ids: dict[str, int] = {}
        shapes = dict.fromkeys(tuple(sorted(row)) for row in rows)
        for shape in shapes:
            some = [row for row in rows if tuple(sorted(row)) == shape]
            found = await load(self.rpc, "product.product", some)
            ids |= {row["id"]: record for row, record in zip(some, found, strict=True)}
        return [ids[row["id"]] for row in rows]

    async def _put_away(
        self, made: Variants, held: Held, ids: Sequence[int], grouped: Sequence[Variant]
    ) -> None:
        """Variants that the catalogue has no more, and combinations that nobody sells."""
        active = dict(held.stale)
        if grouped and held.template is not None:  # it wakes its variants when it is active again
            for row in (await made.made(held.template)).values():
                if row["id"] in active or (not row["default_code"] and row["id"] not in ids):
                    active[row["id"]] = row["active"]
        await made.put_away(record for record, awake in active.items() if awake)

    async def _rules(
        self,
        names: Mapping[str, str],
        records: Mapping[str, int],
        prices: Mapping[str, Money | None],
        grouped: Sequence[Variant],
        base: Decimal | None,
        company: str,
    ) -> None:
        """Prices in other currencies, and those of variants that differ from their template's."""
        in_template = {variant.variant_id for variant in grouped}
        rows = []
        for variant, price in prices.items():
            if price is None:
                continue
            differs = variant in in_template and price.amount != base
            if price.currency != company or differs:
                rows.append(await self._rule(price, names[variant], records[variant]))
        if rows:
            await load(self.rpc, "product.pricelist.item", rows)

    async def _rule(self, price: Money, name: str, record: int) -> Row:
        return {
            "id": f"{self.namespace}.{name}__price_{price.currency}",
            "pricelist_id/.id": str(await self.master.pricelist(price.currency)),
            "applied_on": "0_product_variant",
            "product_id/.id": str(record),
            "compute_price": "fixed",
            "fixed_price": f"{price.amount:f}",
        }

    async def _links(self, product: Product, product_id: str, record: int, held: Held) -> None:
        """Pictures by reference: a link among the product's documents. Nothing is fetched."""
        urls = [
            ref.native_id
            for ref in product.media
            if ref.native_id and ref.native_id.startswith(("https://", "http://"))
        ]
        wanted = {f"{product_id}__media_{digest(url)}": url for url in urls}
        stale = [native for name, native in held.links.items() if name not in wanted]
        if stale:
            await self.rpc.call("product.document", "unlink", ids=stale)
        fresh = {name: url for name, url in wanted.items() if name not in held.links}
        if not fresh:
            return
        (row,) = await self.rpc.read("product.product", [record], ["product_tmpl_id"])
        made = await self.rpc.call(
            "product.document",
            "create",
            vals_list=[
                {
                    "name": url.rpartition("/")[2] or url,
                    "type": "url",
                    "url": url,
                    "res_model": "product.template",
                    "res_id": row["product_tmpl_id"],
                }
                for url in fresh.values()
            ],
        )
        await leave_marks(
            self.rpc,
            self.namespace,
            dict(zip(fresh, made, strict=True)),
            noupdate=False,
            model="product.document",
        )


def wanted(product: Product) -> Sequence[Variant]:
    """The variants of a product, or itself. RejectedError: one has no SKU, or another one's."""
    alone = Variant(variant_id="1", sku=product.sku, list_price=product.list_price)
    variants = product.variants or (alone,)
    for variant in variants:
        if not variant.sku:
            raise crossdock.RejectedError(
                f"product {product.name!r}, variant {variant.variant_id}, has no SKU. Give it "
                "one, for it is what Odoo knows it by",
                reason="no_sku",
                parts={"variant": variant.variant_id},
            )
    skus = [variant.sku for variant in variants]
    double = next((sku for sku in skus if skus.count(sku) > 1), None)
    if double is not None:
        raise crossdock.RejectedError(
            f"product {product.name!r}: two variants have the SKU {double!r}. Give each its own, "
            "for it is what Odoo knows them by",
            reason="ambiguous_sku",
            parts={"sku": double},
        )
    return variants


def title(product: Product, variant: Variant) -> str:
    """The name of a product that stands alone, and still is one of several in the catalogue."""
    options = " / ".join(options_of(variant).values())
    told = options or (variant.title if len(product.variants) > 1 else None)
    return f"{product.name} ({told})" if told else product.name


def kilograms(weight: Measure) -> Decimal:
    """To the gram's thousandth; KeyError for a unit that is none of KILOGRAMS."""
    return (weight.value * Decimal(KILOGRAMS[weight.unit])).quantize(Decimal("0.000001"))


def _flag(value: bool) -> str:
    return "1" if value else "0"

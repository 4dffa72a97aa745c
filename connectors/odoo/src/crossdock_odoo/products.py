"""Products of another system's catalogue, written into Odoo: one product for each SKU.

One `load` keyed on external ids, so a second try changes nothing. A product that Odoo has already
under the same SKU is taken over: it gets our external id and is then written like any other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import crossdock
from crossdock.canonical import Money, Product, Variant

from crossdock_odoo.externalids import line_name
from crossdock_odoo.loading import load
from crossdock_odoo.masterdata import MasterData
from crossdock_odoo.rpc import Rpc

Row = dict[str, str]


@dataclass(frozen=True)
class Products:
    """What `apply` does with `product.publish`."""

    rpc: Rpc
    master: MasterData
    namespace: str

    async def publish(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Create or bring up to date. Prices of another currency go to the pricelist in it."""
        product = command.data
        if not isinstance(product, Product):
            raise crossdock.ContractError("product.publish needs a Product")
        variants = self._variants(product)
        names = {v.variant_id: line_name(command.entity_id, v.variant_id) for v in variants}
        await self._take_over(variants, names)
        company = await self.master.company_currency()
        rows = [await self._row(product, v, names[v.variant_id], company) for v in variants]
        await self._keep(rows)
        ids = await self._load(rows)
        await self._prices(product, variants, names, ids, company)
        self.master.forget_products(v.sku for v in variants if v.sku)
        return crossdock.Receipt(
            native_id=str(ids[0]),
            note=f"{len(ids)} products written",
            extra_ids={v.variant_id: str(ids[n]) for n, v in enumerate(variants)},
        )

    async def _load(self, rows: Sequence[Row]) -> list[int]:
        """In one transaction for rows of the same columns: an empty cell would be written."""
        ids: dict[str, int] = {}
        for priced in (True, False):
            some = [row for row in rows if ("list_price" in row) == priced]
            if some:
                found = await load(self.rpc, "product.product", some)
                ids |= {row["id"]: record for row, record in zip(some, found, strict=True)}
        return [ids[row["id"]] for row in rows]

    def _variants(self, product: Product) -> Sequence[Variant]:
        """Those of the product, or itself. RejectedError: one has no SKU."""
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
        return variants

    async def _keep(self, rows: Sequence[Row]) -> None:
        """What was taken over keeps its name, and its price where it shares a template: writing
        them would change the other variants."""
        cut = len(self.namespace) + 1
        marks = await self.rpc.search_read(
            "ir.model.data",
            [
                ["module", "=", self.namespace],
                ["name", "in", [row["id"][cut:] for row in rows]],
                ["noupdate", "=", True],
            ],
            ["name", "res_id"],
        )
        if not marks:
            return
        found = await self.rpc.read(
            "product.product",
            [mark["res_id"] for mark in marks],
            ["name", "list_price", "product_variant_count"],
        )
        there = {row["id"]: row for row in found}
        taken = {mark["name"]: there.get(mark["res_id"]) for mark in marks}
        for row in rows:
            old = taken.get(row["id"][cut:])
            if old is not None:
                row["name"] = old["name"]
                if old["product_variant_count"] > 1 or "list_price" not in row:
                    row["list_price"] = repr(old["list_price"])

    async def _take_over(self, variants: Sequence[Variant], names: dict[str, str]) -> None:
        rows = await self.rpc.search_read(
            "ir.model.data",
            [["module", "=", self.namespace], ["name", "in", sorted(names.values())]],
            ["name"],
        )
        ours = {row["name"] for row in rows}
        skus = {v.sku: names[v.variant_id] for v in variants if names[v.variant_id] not in ours}
        found = await self.master.products(sku for sku in skus if sku)
        marks = [
            {
                "module": self.namespace,
                "name": skus[sku],
                "model": "product.product",
                "res_id": record,
                "noupdate": True,
            }
            for sku, record in found.items()
        ]
        if marks:
            await self.rpc.call("ir.model.data", "create", vals_list=marks)

    async def _row(self, product: Product, variant: Variant, name: str, company: str) -> Row:
        options = " / ".join(variant.options.values())
        title = variant.title if len(product.variants) > 1 else None
        row = {
            "id": f"{self.namespace}.{name}",
            "name": f"{product.name} ({options or title})" if options or title else product.name,
            "default_code": variant.sku or "",
            "barcode": variant.barcode or "",
            "active": "0" if product.status == "archived" else "1",
            "sale_ok": "0" if product.status == "draft" else "1",
        }
        if (await self.rpc.version()).major >= 18:
            row |= {"type": "consu", "is_storable": "1" if variant.tracked else "0"}
        else:
            row["detailed_type"] = "product" if variant.tracked else "consu"
        price = variant.list_price or product.list_price
        if price is not None and price.currency == company:
            row["list_price"] = f"{price.amount:f}"
        return row

    async def _prices(
        self,
        product: Product,
        variants: Sequence[Variant],
        names: dict[str, str],
        ids: Sequence[int],
        company: str,
    ) -> None:
        rows = [
            await self._price(price, names[variant.variant_id], record)
            for variant, record in zip(variants, ids, strict=True)
            if (price := variant.list_price or product.list_price) is not None
            and price.currency != company
        ]
        if rows:
            await load(self.rpc, "product.pricelist.item", rows)

    async def _price(self, price: Money, name: str, record: int) -> Row:
        return {
            "id": f"{self.namespace}.{name}__price_{price.currency}",
            "pricelist_id/.id": str(await self.master.pricelist(price.currency)),
            "applied_on": "0_product_variant",
            "product_id/.id": str(record),
            "compute_price": "fixed",
            "fixed_price": f"{price.amount:f}",
        }

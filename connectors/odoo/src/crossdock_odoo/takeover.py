"""What Odoo has of a product already: ours by external id, and what was there before us.

The rule: a product with the same SKU, active before archived, else one with the same barcode that
has no SKU. It gets an external id of ours with `noupdate`, which later tells that it was taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import crossdock
from crossdock.canonical import Variant

from crossdock_odoo.rpc import Rpc

READ = (
    "name",
    "default_code",
    "barcode",
    "list_price",
    "active",
    "product_tmpl_id",
    "product_variant_count",
)


@dataclass
class Held:
    """What Odoo has of one product already."""

    template: int | None = None
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Records (READ) by variant id."""
    taken: set[str] = field(default_factory=set)
    """The variant ids of those that were there before us."""
    stale: dict[int, bool] = field(default_factory=dict)
    """Ours that the catalogue has no more, and whether they are active."""
    links: dict[str, int] = field(default_factory=dict)
    """Our links to pictures, by the name of their external id."""


@dataclass(frozen=True)
class TakeOver:
    """Looks for what is there, and marks what is taken over. Nothing else is written."""

    rpc: Rpc
    namespace: str

    async def held(
        self, product_id: str, variants: Sequence[Variant], names: Mapping[str, str]
    ) -> Held:
        held = Held()
        marks = await self.rpc.search_read(
            "ir.model.data",
            [["module", "=", self.namespace], ["name", "=like", f"{product_id}%"]],
            ["name", "model", "res_id", "noupdate"],
        )
        ours = {row["name"]: row for row in marks if row["model"] == "product.product"}
        natives = [row["res_id"] for row in ours.values()]
        found = await self.rpc.read("product.product", natives, READ) if natives else []
        there = {row["id"]: row for row in found}
        of_name = {name: variant for variant, name in names.items()}
        for name, mark in ours.items():
            record = there.get(mark["res_id"])
            if record is None:
                continue  # deleted in Odoo: `load` makes it anew under the same external id
            if name in of_name:
                held.variants[of_name[name]] = record
                if mark["noupdate"]:
                    held.taken.add(of_name[name])
            elif not mark["noupdate"]:
                held.stale[record["id"]] = record["active"]
        for mark in marks:
            if mark["model"] == "product.template" and mark["name"] == product_id:
                templates = await self.rpc.read("product.template", [mark["res_id"]], ["name"])
                held.template = templates[0]["id"] if templates else None
            elif "__media_" in mark["name"]:
                held.links[mark["name"]] = mark["res_id"]
        await self._take_over([v for v in variants if v.variant_id not in held.variants], held)
        await leave_marks(
            self.rpc,
            self.namespace,
            {names[v]: held.variants[v]["id"] for v in held.taken if names[v] not in ours},
            noupdate=True,
        )
        return held

    async def _take_over(self, variants: Sequence[Variant], held: Held) -> None:
        """By SKU, else by the barcode of a product that has no SKU. RejectedError: two match."""
        skus = sorted({v.sku for v in variants if v.sku})
        if not skus:
            return
        barcodes = sorted({v.barcode for v in variants if v.barcode})
        rows = await self.rpc.search_read(
            "product.product",
            ["|", ["default_code", "in", skus], ["barcode", "in", barcodes]],
            READ,
            order="id",
            context={"active_test": False},
        )
        for variant in variants:
            same = [row for row in rows if row["default_code"] == variant.sku]
            same = [row for row in same if row["active"]] or same
            if len(same) > 1:
                raise crossdock.RejectedError(
                    f"SKU {variant.sku!r} is the internal reference of products "
                    f"{', '.join(str(row['id']) for row in same)} in Odoo. Change all but one",
                    reason="ambiguous_sku",
                    parts={"sku": variant.sku},
                )
            others = [row for row in rows if variant.barcode and row["barcode"] == variant.barcode]
            if not same and others:
                if others[0]["default_code"]:
                    raise crossdock.RejectedError(
                        f"barcode {variant.barcode!r} of SKU {variant.sku!r} belongs to product "
                        f"{others[0]['id']} in Odoo, whose internal reference is "
                        f"{others[0]['default_code']!r}. Correct one of them",
                        reason="barcode_taken",
                        parts={"sku": variant.sku, "barcode": variant.barcode},
                    )
                same = others
            if same:
                held.variants[variant.variant_id] = same[0]
                held.taken.add(variant.variant_id)


async def leave_marks(
    rpc: Rpc,
    namespace: str,
    names: Mapping[str, int],
    *,
    noupdate: bool,
    model: str = "product.product",
) -> None:
    """External ids of ours for records that are there."""
    marks = [
        {
            "module": namespace,
            "name": name,
            "model": model,
            "res_id": record,
            "noupdate": noupdate,
        }
        for name, record in names.items()
    ]
    if marks:
        await rpc.call("ir.model.data", "create", vals_list=marks)

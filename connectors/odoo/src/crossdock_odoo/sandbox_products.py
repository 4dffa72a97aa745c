"""Products of the pretended Odoo: templates, attributes, the variants that follow from them.

What a template and its variants share is kept in both, and written through (flows 03 and 12).
"""

from decimal import ROUND_HALF_UP, Decimal
from itertools import product as combinations
from typing import Any

from crossdock_odoo.sandbox_errors import validation_error
from crossdock_odoo.sandbox_store import Row, Store

TEMPLATE, VARIANT = "product.template", "product.product"
LINE, VALUE = "product.template.attribute.line", "product.template.attribute.value"
OWN = ("default_code", "barcode", "weight", "standard_price", "taxes_id")
"""Of a variant; a template with one variant passes them on."""
SHARED = (
    "name",
    "list_price",
    "sale_ok",
    "type",
    "is_storable",
    "detailed_type",
    "invoice_policy",
)


class Products:
    """What templates, variants and attribute lines do beyond being records."""

    def __init__(self, store: Store) -> None:
        self.store = store
        shared = store.fields(VARIANT)
        self.shared = tuple(name for name in SHARED if name in shared)
        store.defaults[VARIANT] = self._defaults
        store.defaults[TEMPLATE] = lambda row: row.setdefault("sale_ok", True)
        store.defaults["product.attribute"] = lambda row: row.setdefault("create_variant", "always")
        store.defaults["product.pricelist.item"] = lambda row: row.setdefault(
            "applied_on", "3_global"
        )
        store.after_write[VARIANT] = self._variant_written
        store.after_write[TEMPLATE] = self._template_written
        store.after_write[LINE] = self._line_written
        store.names[VARIANT] = self._name
        store.names[VALUE] = lambda db, row: db.display(
            "product.attribute.value", row["product_attribute_value_id"]
        )
        store.computed[VARIANT, "product_variant_count"] = lambda db, row: self._count(
            row["product_tmpl_id"]
        )
        store.computed[TEMPLATE, "product_variant_count"] = lambda db, row: self._count(row["id"])
        store.computed[TEMPLATE, "default_code"] = self._code
        store.computed[TEMPLATE, "qty_available"] = lambda db, row: sum(
            db.value(VARIANT, variant, "qty_available") for variant in self._variants(row["id"])
        )
        store.computed[VARIANT, "currency_id"] = lambda db, row: 1
        store.computed["product.pricelist.item", "currency_id"] = lambda db, row: db.row(
            "product.pricelist", row["pricelist_id"]
        )["currency_id"]
        store.names[TEMPLATE] = lambda db, row: (
            f"[{code}] {row['name']}" if (code := self._code(db, row)) else str(row["name"])
        )
        store.computed[VARIANT, "lst_price"] = lambda db, row: row["list_price"]
        store.computed[VARIANT, "combination_indices"] = lambda db, row: ",".join(
            map(str, sorted(row["product_template_attribute_value_ids"]))
        )

    def _variants(self, template: int) -> list[Row]:
        return self.store.by(VARIANT, "product_tmpl_id", template)

    def _count(self, template: int) -> int:
        return sum(bool(row["active"]) for row in self._variants(template))

    def _code(self, store: Store, row: Row) -> Any:
        rows = self._variants(row["id"])
        return rows[0]["default_code"] if len(rows) == 1 else False

    def _name(self, store: Store, row: Row) -> str:
        chosen = [store.display(VALUE, v) for v in row["product_template_attribute_value_ids"]]
        name = f"{row['name']} ({', '.join(chosen)})" if chosen else str(row["name"])
        return f"[{row['default_code']}] {name}" if row["default_code"] else name

    def _defaults(self, row: Row) -> None:
        """A product of its own template, or one more variant of a template; sold in pieces."""
        if row.get("product_tmpl_id"):
            template = self.store.row(TEMPLATE, row["product_tmpl_id"])
            row |= {name: template[name] for name in self.shared if name not in row}
            chosen = set(row.get("product_template_attribute_value_ids") or ())
            for other in self._variants(template["id"]):
                same = set(other["product_template_attribute_value_ids"]) == chosen
                if chosen and other["active"] and same:
                    raise validation_error("A variant with these values exists already.")
        else:
            if self.store.version < 18 and row.get("detailed_type"):
                row["type"] = row["detailed_type"]
            row.setdefault("type", "consu")
            row.setdefault("sale_ok", True)
            row.setdefault("list_price", 0.0)
            row["product_tmpl_id"] = self.store.insert(
                TEMPLATE, {name: row[name] for name in self.shared if name in row}
            )["id"]
        row.setdefault("uom_id", 1)
        row.setdefault("tracking", "none")
        row.setdefault("invoice_policy", "order")

    def _variant_written(self, ids: list[int], fields: set[str]) -> None:
        """Names and prices are the template's; it sleeps when all its variants do."""
        changed = [name for name in self.shared if name in fields]
        for record in ids:
            self._rounded(VARIANT, record, fields)
            row = self.store.row(VARIANT, record)
            template = row["product_tmpl_id"]
            if changed and "id" not in fields:
                self.store.update(TEMPLATE, template, **{name: row[name] for name in changed})
                self._spread(template, changed, but=record)
            if "active" in fields:
                self.store.update(TEMPLATE, template, active=bool(self._count(template)))

    def _template_written(self, ids: list[int], fields: set[str]) -> None:
        for record in ids:
            self._rounded(TEMPLATE, record, fields)
            if "detailed_type" in fields:
                kind = self.store.row(TEMPLATE, record)["detailed_type"]
                self.store.update(TEMPLATE, record, type=kind)
            changed = [name for name in (*self.shared, "active") if name in fields]
            if "id" in fields:
                row = self.store.row(TEMPLATE, record)
                self.store.update(TEMPLATE, record, type=row["type"] or "consu")
                self._generate(record)
                own = {name: row[name] for name in OWN if name in fields}
                for variant in self._variants(record) if own else ():
                    self.store.update(VARIANT, variant["id"], **own)
            elif changed:
                self._spread(record, changed)

    def _rounded(self, model: str, record: int, fields: set[str]) -> None:
        """19 keeps every digit; before, the precision "Product Price" (recordings 04/02)."""
        if "list_price" in fields and self.store.version < 19:
            price = Decimal(repr(self.store.row(model, record)["list_price"]))
            cents = price.quantize(Decimal("0.01"), ROUND_HALF_UP)
            self.store.update(model, record, list_price=float(cents))

    def _spread(self, template: int, names: list[str], but: int = 0) -> None:
        row = self.store.row(TEMPLATE, template)
        for variant in self._variants(template):
            if variant["id"] != but:
                self.store.update(VARIANT, variant["id"], **{name: row[name] for name in names})

    def _line_written(self, ids: list[int], fields: set[str]) -> None:
        for template in {self.store.row(LINE, record)["product_tmpl_id"] for record in ids}:
            self._generate(template)

    def _generate(self, template: int) -> None:
        """Values of the lines, and the variants that are made at once (`always`)."""
        store = self.store
        choices: list[list[int]] = []
        dynamic = False
        for line in store.by(LINE, "product_tmpl_id", template):
            attribute = store.row("product.attribute", line["attribute_id"])
            known = {
                row["product_attribute_value_id"]: row["id"]
                for row in store.by(VALUE, "product_tmpl_id", template)
                if row["attribute_line_id"] == line["id"]
            }
            for value in line["value_ids"]:
                if value not in known:
                    row = {
                        "product_tmpl_id": template,
                        "attribute_line_id": line["id"],
                        "attribute_id": attribute["id"],
                        "product_attribute_value_id": value,
                    }
                    known[value] = store.insert(VALUE, row)["id"]
            if attribute["create_variant"] != "no_variant":
                choices.append(list(known.values()))
            dynamic = dynamic or attribute["create_variant"] == "dynamic"
        valid = [set(chosen) for chosen in combinations(*choices)]
        for row in self._variants(template):
            held = set(row["product_template_attribute_value_ids"])
            if held not in valid and not row["default_code"]:
                store.put(VARIANT, row["id"], None)
        there = [
            set(row["product_template_attribute_value_ids"]) for row in self._variants(template)
        ]
        for chosen in () if dynamic else combinations(*choices):
            if set(chosen) not in there:
                values = {
                    "product_tmpl_id": template,
                    "product_template_attribute_value_ids": list(chosen),
                }
                self._defaults(values)
                store.insert(VARIANT, values)

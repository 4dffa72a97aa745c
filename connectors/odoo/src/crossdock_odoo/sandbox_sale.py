"""Sales orders of the pretended Odoo: defaults, totals, confirmation, cancelling.

As recorded in flows 06, 07 and 09. Taxes are computed and rounded per line, half up.
"""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from crossdock_odoo.sandbox_account import cents, exact
from crossdock_odoo.sandbox_errors import user_error
from crossdock_odoo.sandbox_stock import Stock
from crossdock_odoo.sandbox_store import Row, Store

NOTHING = Decimal(0)
PRICING = {"price_unit", "product_uom_qty", "discount", "tax_id", "tax_ids", "product_id", "id"}


class Sale:
    """What sale.order and sale.order.line do beyond being records."""

    def __init__(self, store: Store, stock: Stock) -> None:
        self.store = store
        self.stock = stock
        self.tax_field = "tax_ids" if store.version >= 19 else "tax_id"
        self.uom_field = "product_uom_id" if store.version >= 19 else "product_uom"
        self.next_number = 1
        store.defaults["sale.order"] = self._order_defaults
        store.defaults["sale.order.line"] = self._line_defaults
        store.before_write["sale.order"] = self._before_order_write
        store.after_write["sale.order.line"] = self._line_written
        store.after_write["sale.order"] = self._order_written
        store.names["sale.order.line"] = self._line_name
        store.computed["sale.order", "delivery_status"] = self._delivery_status
        store.computed["sale.order", "duplicated_order_ids"] = self._duplicates
        store.computed["sale.order.line", "state"] = lambda db, row: db.row(
            "sale.order", row["order_id"]
        )["state"]
        store.computed["sale.order.line", "qty_to_invoice"] = _to_invoice

    def _order_defaults(self, row: Row) -> None:
        store = self.store
        row["name"] = f"S{self.next_number:05d}"
        self.next_number += 1
        row.setdefault("state", "draft")
        if not row.get("date_order"):
            row["date_order"] = store.now
        row["validity_date"] = (store.now + timedelta(days=30)).date().isoformat()
        row.setdefault("company_id", 1)
        partner = row.get("partner_id", False)
        for field in ("partner_invoice_id", "partner_shipping_id"):
            if not row.get(field):
                row[field] = partner
        if not row.get("warehouse_id"):
            row["warehouse_id"] = min(store.tables["stock.warehouse"].rows, default=False)
        if not row.get("pricelist_id"):
            row["pricelist_id"] = min(store.tables["product.pricelist"].rows, default=False)
        pricelist = store.tables["product.pricelist"].rows.get(row["pricelist_id"])
        row["currency_id"] = pricelist["currency_id"] if pricelist else 1
        row["currency_rate"] = store.row("res.currency", row["currency_id"])["rate"]
        row["invoice_status"] = "no"

    def _line_defaults(self, row: Row) -> None:
        row.setdefault("sequence", 10)
        row.setdefault("company_id", 1)
        if row.get("display_type"):
            return
        product = self.store.row("product.product", row["product_id"])
        row.setdefault("product_uom_qty", 1.0)
        if not row.get("name"):
            row["name"] = self.store.display("product.product", product["id"])
        row.setdefault(self.uom_field, product["uom_id"])
        if self.tax_field not in row:
            row[self.tax_field] = list(product["taxes_id"])
        if "price_unit" not in row and row.get("order_id"):
            order = self.store.row("sale.order", row["order_id"])
            pricelist = self.store.row("product.pricelist", order["pricelist_id"])
            share = 1 - pricelist["percent_price"] / 100
            row["price_unit"] = product["list_price"] * order["currency_rate"] * share
        row["price_unit"] = self._price(row.get("price_unit", 0.0))
        row.setdefault("discount", 0.0)
        row.update(self._amounts(row))

    def _price(self, price: float) -> float:
        """19 keeps every digit; before, the precision "Product Price" (recordings 13/22)."""
        if self.store.version >= 19:
            return price
        return float(cents(exact(price)))

    def _before_order_write(self, ids: list[int], values: Mapping[str, Any]) -> None:
        """From the 17.0 source; not recorded."""
        rows = [self.store.row("sale.order", record) for record in ids]
        if "pricelist_id" in values and any(row["state"] == "sale" for row in rows):
            raise user_error("You cannot change the pricelist of a confirmed order !")

    def _order_written(self, ids: list[int], fields: set[str]) -> None:
        if "pricelist_id" in fields and "id" not in fields:
            for record in ids:
                pricelist = self.store.row("sale.order", record)["pricelist_id"]
                currency = self.store.row("product.pricelist", pricelist)["currency_id"]
                self.store.update("sale.order", record, currency_id=currency)
        if "id" in fields:
            for record in ids:
                self.total(record)

    def _line_written(self, ids: list[int], fields: set[str]) -> None:
        if not fields & PRICING:
            return
        for record in ids:
            line = self.store.row("sale.order.line", record)
            if "id" not in fields:  # what is new has its amounts by default
                line = line.copy()
                if "price_unit" in fields:
                    line["price_unit"] = self._price(line["price_unit"])
                line.update(self._amounts(line))
                self.store.put("sale.order.line", record, line)
            order = self.store.row("sale.order", line["order_id"])
            if order["state"] == "sale" and fields & {"product_uom_qty", "id"}:
                self.stock.line_changed(order, line)
        for order_id in dict.fromkeys(
            self.store.row("sale.order.line", record)["order_id"] for record in ids
        ):
            self.total(order_id)

    def _amounts(self, line: Row) -> dict[str, float]:
        """Net, tax and gross of one line: each tax rounded by itself, included ones taken out."""
        gross = exact(line["price_unit"]) * exact(line["product_uom_qty"])
        if line["discount"]:
            gross *= 1 - exact(line["discount"]) / 100
        gross = cents(gross)
        within = on_top = NOTHING
        taxes = [self.store.row("account.tax", tax) for tax in line[self.tax_field]]
        if taxes:
            rates = [(exact(tax["amount"]) / 100, tax["price_include"]) for tax in taxes]
            base = gross / (1 + sum((rate for rate, included in rates if included), NOTHING))
            within = sum((cents(base * rate) for rate, included in rates if included), NOTHING)
            on_top = sum((cents(base * rate) for rate, included in rates if not included), NOTHING)
        net, total = float(gross - within), float(gross + on_top)
        return {"price_subtotal": net, "price_total": total, "price_tax": total - net}

    def total(self, order_id: int) -> None:
        """The order's totals; its `write_date` moves only when one changes (recordings 12/10)."""
        lines = self.store.by("sale.order.line", "order_id", order_id)
        untaxed = sum((exact(line["price_subtotal"]) for line in lines), NOTHING)
        total = sum((exact(line["price_total"]) for line in lines), NOTHING)
        amounts = {
            "amount_untaxed": float(untaxed),
            "amount_tax": float(total - untaxed),
            "amount_total": float(total),
        }
        row = self.store.row("sale.order", order_id)
        if any(row[name] != value for name, value in amounts.items()):
            self.store.update("sale.order", order_id, **amounts)

    def confirm(self, ids: list[int]) -> bool:
        """`action_confirm`: not idempotent."""
        orders = [self.store.row("sale.order", record) for record in ids]
        if any(order["state"] not in ("draft", "sent") for order in orders):
            if self.store.version >= 18:
                raise user_error("Some orders are not in a state requiring confirmation.")
            names = ", ".join(o["name"] for o in orders if o["state"] not in ("draft", "sent"))
            raise user_error(
                f"The following orders are not in a state requiring confirmation: {names}"
            )
        for order in orders:
            lines = self.store.by("sale.order.line", "order_id", order["id"])
            row = self.store.update(
                "sale.order",
                order["id"],
                state="sale",
                date_order=self.store.now,
                invoice_status="to invoice" if any(map(self._billable, lines)) else "no",
            )
            self.stock.deliver(row, lines)
        return True

    def _billable(self, line: Row) -> bool:
        product = self.store.tables["product.product"].rows.get(line["product_id"])
        return bool(product and product["invoice_policy"] == "order")

    def cancel(self, ids: list[int], context: Mapping[str, Any]) -> Any:
        """`action_cancel`: up to 18 a wizard for a confirmed order, unless context says not to."""
        orders = [self.store.row("sale.order", record) for record in ids]
        confirmed = [order for order in orders if order["state"] != "draft"]
        if self.store.version < 19 and confirmed and not context.get("disable_cancel_warning"):
            return {
                "name": "Cancel Sales Order",
                "view_mode": "form",
                "res_model": "sale.order.cancel",
                "view_id": 1195,
                "type": "ir.actions.act_window",
                "context": {
                    "default_template_id": 15,
                    "default_order_id": ids[0],
                    "mark_so_as_canceled": True,
                    "default_email_layout_xmlid": "mail.mail_notification_layout",
                    "model_description": "Sales Order",
                },
                "target": "new",
            }
        for order in orders:
            if order["locked"]:
                raise user_error("You cannot cancel a locked order. Please unlock it first.")
            for picking in self.store.by("stock.picking", "sale_id", order["id"]):
                self.stock.cancel_picking(picking)
            self.store.update("sale.order", order["id"], state="cancel", invoice_status="no")
        return True

    def draft(self, ids: list[int]) -> bool:
        """`action_draft`."""
        for record in ids:
            self.store.update("sale.order", record, state="draft")
        return True

    def unlink_orders(self, ids: list[int]) -> bool:
        """Only drafts and cancelled orders go."""
        for record in ids:
            order = self.store.row("sale.order", record)
            if order["state"] not in ("draft", "cancel"):
                raise user_error(
                    "You can not delete a sent quotation or a confirmed sales order. "
                    "You must first cancel it."
                )
            for line in self.store.by("sale.order.line", "order_id", record):
                self.store.put("sale.order.line", line["id"], None)
            self.store.put("sale.order", record, None)
        return True

    def unlink_lines(self, ids: list[int]) -> bool:
        """Lines of a confirmed order stay."""
        for record in ids:
            line = self.store.row("sale.order.line", record)
            if self.store.row("sale.order", line["order_id"])["state"] == "sale":
                raise user_error(
                    "Once a sales order is confirmed, you can't remove one of its lines (we need "
                    "to track if something gets invoiced or delivered).\n"
                    "                Set the quantity to 0 instead."
                )
            self.store.put("sale.order.line", record, None)
            self.total(line["order_id"])
        return True

    def _line_name(self, store: Store, row: Row) -> str:
        order = store.row("sale.order", row["order_id"])
        ref = store.row("res.partner", order["partner_id"])["ref"]
        text = f"{order['name']} - {str(row['name'] or '').splitlines()[0]}"
        return f"{text} ({ref})" if ref else text

    def _delivery_status(self, store: Store, row: Row) -> Any:
        pickings = [
            found
            for found in store.by("stock.picking", "sale_id", row["id"])
            if found["state"] != "cancel"
        ]
        if not pickings:
            return False
        done = [found for found in pickings if found["state"] == "done"]
        return "full" if len(done) == len(pickings) else "partial" if done else "pending"

    def _duplicates(self, store: Store, row: Row) -> list[int]:
        if not row["client_order_ref"]:
            return []
        same = store.by("sale.order", "client_order_ref", row["client_order_ref"])
        return [found["id"] for found in same if found["id"] != row["id"]]


def _to_invoice(store: Store, row: Row) -> float:
    product = store.tables["product.product"].rows.get(row["product_id"])
    if product is None or store.row("sale.order", row["order_id"])["state"] != "sale":
        return 0.0
    asked = row["product_uom_qty"] if product["invoice_policy"] == "order" else row["qty_delivered"]
    return float(asked - row["qty_invoiced"])

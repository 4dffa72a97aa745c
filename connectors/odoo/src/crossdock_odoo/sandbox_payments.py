"""Invoice, reversal and payment wizards of the pretended Odoo, and payments, as in flow 10."""

from collections.abc import Mapping
from typing import Any

from crossdock_odoo.sandbox_account import SHOWN, Account, cents, exact
from crossdock_odoo.sandbox_errors import user_error
from crossdock_odoo.sandbox_store import Row, Store

NOTHING = (
    "Cannot create an invoice. No items are available to invoice.\n\nTo resolve this issue, please "
    "ensure that:\n   \u2022 The products have been delivered before attempting to invoice them."
)


class Payments:
    """What account.payment and the wizards of accounting do."""

    def __init__(self, store: Store, account: Account) -> None:
        self.store = store
        self.account = account
        store.defaults["account.payment"] = self._payment_defaults
        store.after_write["account.payment"] = self._payment_written

    def actions(self) -> dict[tuple[str, str], Any]:
        """Public methods, by model and name."""
        return {
            ("account.move", "js_assign_outstanding_line"): self.assign,
            ("account.payment", "action_post"): self.post_payment,
            ("sale.advance.payment.inv", "create_invoices"): self.invoice,
            ("account.payment.register", "action_create_payments"): self.register,
            ("account.move.reversal", "refund_moves"): self.reverse,
        }

    def invoice(self, ids: list[int], context: Mapping[str, Any]) -> dict[str, Any]:
        """What can be invoiced of orders: an invoice, or a credit note when it is negative."""
        store = self.store
        wizard = store.row("sale.advance.payment.inv", ids[0])
        (order_id,) = wizard["sale_order_ids"]
        order = store.row("sale.order", order_id)
        lines = store.by("sale.order.line", "order_id", order_id)
        lines = store.sorted("sale.order.line", lines, "")
        due = {line["id"]: store.value("sale.order.line", line, "qty_to_invoice") for line in lines}
        if not any(due.values()):
            raise user_error(NOTHING)
        signed = sum(due[line["id"]] * line["price_unit"] for line in lines)
        kind = "out_refund" if signed < 0 else "out_invoice"
        made = self._document(order, kind)
        tax_field = "tax_ids" if store.version >= 19 else "tax_id"
        for line in lines:
            if not due[line["id"]] and not (kind == "out_invoice" and line["display_type"]):
                continue
            quantity = due[line["id"]]
            store.insert(
                "account.move.line",
                {
                    "move_id": made,
                    "display_type": line["display_type"] or "product",
                    "product_id": line["product_id"],
                    "name": line["name"],
                    "quantity": -quantity if kind == "out_refund" else quantity,
                    "price_unit": line["price_unit"],
                    "discount": line["discount"],
                    "tax_ids": list(line[tax_field]),
                    "sale_line_ids": [line["id"]],
                    "account_id": line["product_id"] and self.account.account("income"),
                },
            )
        self.account.compute(made)
        return _action("Invoices", "account.move", made)

    def _document(self, order: Row, kind: str, **more: Any) -> int:
        values = {
            "move_type": kind,
            "partner_id": order["partner_invoice_id"],
            "partner_shipping_id": order["partner_shipping_id"],
            "currency_id": order["currency_id"],
            "invoice_origin": order["name"],
            "ref": order["client_order_ref"],
            "company_id": order["company_id"],
            **more,
        }
        self.account.move_defaults(values)
        return int(self.store.insert("account.move", values)["id"])

    def reverse(self, ids: list[int], context: Mapping[str, Any]) -> dict[str, Any]:
        """A draft credit note of all that an invoice has."""
        store = self.store
        wizard = store.row("account.move.reversal", ids[0])
        (move_id,) = wizard["move_ids"]
        move = store.row("account.move", move_id)
        values = {
            "move_type": "out_refund",
            "partner_id": move["partner_id"],
            "partner_shipping_id": move["partner_shipping_id"],
            "currency_id": move["currency_id"],
            "invoice_origin": move["invoice_origin"],
            "journal_id": wizard["journal_id"],
            "invoice_date": wizard["date"],
            "reversed_entry_id": move_id,
            "ref": f"Reversal of: {move['name']}, {wizard['reason']}",
        }
        self.account.move_defaults(values)
        made = store.insert("account.move", values)["id"]
        keep = ("product_id", "name", "quantity", "price_unit", "discount", "tax_ids")
        for line in self.account.lines(move_id):
            if line["display_type"] in SHOWN:
                copied = {name: line[name] for name in (*keep, "sale_line_ids", "display_type")}
                row = {"move_id": made, "account_id": line["account_id"], **copied}
                store.insert("account.move.line", row)
        self.account.compute(made)
        action = _action("Reverse Moves", "account.move", made)
        return {**action, "context": {"default_move_type": "out_refund"}}

    def proposal(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a new payment wizard."""
        (move_id,) = context["active_ids"]
        move = self.store.row("account.move", move_id)
        bank = self.account.journal("bank")
        return {
            "amount": move["amount_residual"],
            "currency_id": move["currency_id"],
            "journal_id": bank["id"],
            "payment_date": self.account.today(),
            "payment_method_line_id": bank["inbound_method_id"],
            "communication": move["name"],
        }

    def register(self, ids: list[int], context: Mapping[str, Any]) -> dict[str, Any]:
        """A payment, posted and reconciled with the invoice."""
        wizard = self.store.row("account.payment.register", ids[0])
        (move_id,) = context["active_ids"]
        move = self.store.row("account.move", move_id)
        values = {
            "payment_type": "inbound" if move["move_type"] == "out_invoice" else "outbound",
            "partner_type": "customer",
            "partner_id": move["partner_id"],
            "amount": wizard["amount"],
            "currency_id": wizard["currency_id"],
            "journal_id": wizard["journal_id"],
            "date": wizard["payment_date"],
        }
        made = self.store.create("account.payment", values)
        self.post_payment([made], {})
        entry = self.store.row("account.payment", made)["move_id"]
        receivable = self._receivable(entry)
        self.assign([move_id], {}, line_id=receivable["id"])
        return {**_action("Payments", "account.payment", made), "context": {"create": False}}

    def _payment_defaults(self, row: Row) -> None:
        row["state"] = "draft"
        row["outstanding"] = True
        row.setdefault("company_id", 1)
        row.setdefault("currency_id", 1)
        row["date"] = row.get("date") or self.account.today()
        if not row.get("journal_id"):
            row["journal_id"] = self.account.journal("bank")["id"]

    def _payment_written(self, ids: list[int], fields: set[str]) -> None:
        """From 18 on, writing the journal again loses the account of what is under way, and with
        it the journal entry (seen live on 19.0)."""
        for record in ids:
            row = self.store.row("account.payment", record)
            if "id" in fields and self.store.version < 18:
                self.store.put("account.payment", record, {**row, "move_id": self._entry(row)})
            elif "id" not in fields and "journal_id" in fields and self.store.version >= 18:
                self.store.put("account.payment", record, {**row, "outstanding": False})

    def _entry(self, payment: Row) -> int:
        sign = 1 if payment["payment_type"] == "inbound" else -1
        amount = sign * exact(payment["amount"])
        values = {
            "move_type": "entry",
            "journal_id": payment["journal_id"],
            "date": payment["date"],
            "partner_id": payment["partner_id"],
            "currency_id": payment["currency_id"],
            "ref": payment["memo"] if "memo" in payment else payment["ref"],
        }
        self.account.move_defaults(values)
        move = self.store.insert("account.move", values)
        outstanding = self.account.account("asset_cash")
        receivable = self.account.account("asset_receivable")
        self.account.insert(move, "product", amount, account_id=outstanding)
        self.account.insert(
            move, "product", -amount, account_id=receivable, amount_residual=float(-amount)
        )
        return int(move["id"])

    def post_payment(self, ids: list[int], context: Mapping[str, Any]) -> None:
        """`action_post`, which answers nothing and may be repeated."""
        for record in ids:
            payment = self.store.row("account.payment", record)
            if payment["state"] != "draft":
                continue
            entry = payment["move_id"]
            if not entry and payment["outstanding"]:
                entry = self._entry(payment)
            if entry:
                self.account.post_one(self.store.row("account.move", entry))
            state = "in_process" if self.store.version >= 18 else "posted"
            name = self.store.row("account.move", entry)["name"] if entry else f"PAY{record:05d}"
            self.store.update("account.payment", record, state=state, move_id=entry, name=name)

    def _receivable(self, move: int) -> Row:
        kind = self.account.account("asset_receivable")
        return next(line for line in self.account.lines(move) if line["account_id"] == kind)

    def assign(self, ids: list[int], context: Mapping[str, Any], line_id: int = 0) -> None:
        """Reconcile a line of what is owed with that of a document."""
        (move_id,) = ids
        mine, other = self._receivable(move_id), self.store.row("account.move.line", line_id)
        if not mine["amount_residual"] or not other["amount_residual"]:
            raise user_error(
                "You are trying to reconcile some entries that are already reconciled."
            )
        if mine["amount_residual"] * other["amount_residual"] > 0:
            return
        part = min(abs(mine["amount_residual"]), abs(other["amount_residual"]))
        for line in (mine, other):
            side = 1 if line["amount_residual"] > 0 else -1
            left = float(cents(exact(line["amount_residual"]) - side * exact(part)))
            values = {**line, "amount_residual": left, "reconciled": not left}
            self.store.put("account.move.line", line["id"], values)
            move = self.store.row("account.move", line["move_id"])
            if move["move_type"] != "entry":
                whole = "paid" if not left else "partial"
                self.store.update(
                    "account.move", move["id"], amount_residual=abs(left), payment_state=whole
                )


def _action(name: str, model: str, record: int) -> dict[str, Any]:
    return {
        "name": name,
        "type": "ir.actions.act_window",
        "res_model": model,
        "view_mode": "form",
        "res_id": record,
        "context": {},
    }

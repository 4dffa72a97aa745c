"""Invoices, credit notes, payments and entries of the pretended Odoo, as recorded in flow 10.

Taxes are computed and rounded line by line, one tax line for each tax, one line for what is owed.
Amounts of the company are computed line by line from the rate of the day. Not modelled: payment
terms, cash basis, analytic accounts; an entry that is not balanced is refused when it is posted,
where a real server refuses it when it is written.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from crossdock_odoo.sandbox_errors import user_error
from crossdock_odoo.sandbox_store import Row, Store

SIGNS = {"out_invoice": -1, "out_refund": 1}
TEXTS = ("line_section", "line_note")
SHOWN = ("product", *TEXTS)
LOCKS = ("fiscalyear_lock_date", "tax_lock_date", "sale_lock_date", "hard_lock_date")
NOTHING = (
    "Cannot create an invoice. No items are available to invoice.\n\nTo resolve this issue, please "
    "ensure that:\n   \u2022 The products have been delivered before attempting to invoice them."
)


class Account:
    """What account.move, account.payment and their wizards do."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.next_number: dict[str, int] = {}
        store.defaults["account.move"] = self._move_defaults
        store.defaults["account.payment"] = self._payment_defaults
        store.after_write["account.move"] = self._move_written
        store.after_write["account.move.line"] = self._line_written
        store.after_write["account.payment"] = self._payment_written
        store.computed["account.move", "invoice_line_ids"] = lambda db, row: [
            line["id"] for line in self._lines(row["id"]) if line["display_type"] in SHOWN
        ]
        store.computed["account.move.line", "account_type"] = lambda db, row: (
            bool(row["account_id"]) and db.row("account.account", row["account_id"])["account_type"]
        )
        store.computed["account.move.line", "parent_state"] = lambda db, row: db.row(
            "account.move", row["move_id"]
        )["state"]
        store.computed["sale.order", "invoice_ids"] = self._of_order
        store.names["account.move"] = lambda db, row: (
            f"{row['name']} ({row['ref']})" if row["ref"] else str(row["name"])
        )
        store.names["account.account"] = self._account_name

    def actions(self) -> dict[tuple[str, str], Any]:
        """Public methods, by model and name."""
        return {
            ("account.move", "action_post"): self.post,
            ("account.move", "js_assign_outstanding_line"): self.assign,
            ("account.payment", "action_post"): self.post_payment,
            ("sale.advance.payment.inv", "create_invoices"): self.invoice,
            ("account.payment.register", "action_create_payments"): self.register,
            ("account.move.reversal", "refund_moves"): self.reverse,
        }

    def _account_name(self, store: Store, row: Row) -> str:
        return str(row["name"]) if store.version >= 19 else f"{row['code']} {row['name']}"

    def _account(self, kind: str) -> int:
        rows = self.store.tables["account.account"].rows.values()
        return next(int(row["id"]) for row in rows if row["account_type"] == kind)

    def _journal(self, kind: str) -> Row:
        rows = self.store.tables["account.journal"].rows.values()
        return next(row for row in rows if row["type"] == kind)

    def _today(self) -> str:
        return self.store.now.strftime("%Y-%m-%d")

    def _lines(self, move: int) -> list[Row]:
        return self.store.by("account.move.line", "move_id", move)

    # documents

    def _move_defaults(self, row: Row) -> None:
        row.setdefault("move_type", "entry")
        row["state"] = "draft"
        row["name"] = False if self.store.version >= 18 else "/"
        row["payment_state"] = "not_paid"
        row.setdefault("company_id", 1)
        row.setdefault("currency_id", 1)
        row["date"] = row.get("date") or row.get("invoice_date") or self._today()
        if not row.get("journal_id"):
            kind = "general" if row["move_type"] == "entry" else "sale"
            row["journal_id"] = self._journal(kind)["id"]
        if row["move_type"] != "entry":
            row["invoice_date_due"] = row.get("invoice_date") or self._today()
            rate = self.store.row("res.currency", row["currency_id"])["rate"]
            if self.store.version >= 18:
                row["invoice_currency_rate"] = rate

    def _move_written(self, ids: list[int], fields: set[str]) -> None:
        for record in ids if fields & {"invoice_line_ids", "id"} else ():
            if self.store.row("account.move", record)["move_type"] != "entry":
                self.compute(record)

    def _line_written(self, ids: list[int], fields: set[str]) -> None:
        for record in ids:
            line = self.store.row("account.move.line", record)
            move = self.store.row("account.move", line["move_id"])
            if move["state"] == "posted":
                raise user_error(
                    "You cannot modify the following readonly fields on a posted move: "
                    "invoice_line_ids"
                )
            if move["move_type"] == "entry":
                self._entry_line(line, move, fields)
            else:
                kind = line["display_type"] or "product"
                account = line["account_id"] or (kind == "product" and self._account("income"))
                values = {**line, "display_type": kind, "account_id": account}
                if self.store.version < 19:
                    values["price_unit"] = float(_cents(_exact(line["price_unit"])))
                self.store.put("account.move.line", record, values)
                self.compute(line["move_id"])

    def _entry_line(self, line: Row, move: Row, fields: set[str]) -> None:
        currency = line["currency_id"] or move["currency_id"]
        balance = line["debit"] - line["credit"]
        amount = line["amount_currency"] or balance
        if "amount_currency" in fields and not line["debit"] and not line["credit"]:
            balance = self._in_company(amount, currency)
        values = {
            "currency_id": currency,
            "balance": balance,
            "amount_currency": amount,
            "debit": max(balance, 0.0),
            "credit": max(-balance, 0.0),
            "display_type": "product",
        }
        self.store.put("account.move.line", line["id"], {**line, **values})

    def _in_company(self, amount: float, currency: int) -> float:
        rate = self.store.row("res.currency", currency)["rate"]
        return float(_cents(_exact(amount) / _exact(rate)))

    def compute(self, move_id: int) -> None:
        """Tax lines, the line of what is owed, and totals."""
        store = self.store
        move = store.row("account.move", move_id)
        for line in self._lines(move_id):
            if line["display_type"] not in SHOWN:
                store.put("account.move.line", line["id"], None)
        sign = SIGNS[move["move_type"]]
        taxes: dict[int, Decimal] = {}
        untaxed = Decimal(0)
        for line in self._lines(move_id):
            if line["display_type"] != "product":
                continue
            net, parts = self._amounts(line)
            untaxed += net
            for tax, amount in parts.items():
                taxes[tax] = taxes.get(tax, Decimal(0)) + amount
            gross = net + sum(parts.values(), Decimal(0))
            amounts = self._sides(sign * net, move["currency_id"])
            values = {"price_subtotal": float(net), "price_total": float(gross), **amounts}
            store.put("account.move.line", line["id"], {**line, **values})
        for tax, amount in taxes.items():
            self._insert(
                move,
                "tax",
                sign * amount,
                name=store.row("account.tax", tax)["name"],
                tax_line_id=tax,
                account_id=self._account("liability_current"),
            )
        total = untaxed + sum(taxes.values(), Decimal(0))
        self._insert(
            move,
            "payment_term",
            -sign * total,
            account_id=self._account("asset_receivable"),
            date_maturity=move["invoice_date_due"],
            amount_residual=float(-sign * total),
        )
        balance = sum(line["balance"] for line in self._lines(move_id) if line["tax_line_id"])
        balance += sum(
            line["balance"] for line in self._lines(move_id) if line["display_type"] == "product"
        )
        store.update(
            "account.move",
            move_id,
            amount_untaxed=float(untaxed),
            amount_tax=float(total - untaxed),
            amount_total=float(total),
            amount_residual=float(total),
            amount_total_signed=float(_cents(_exact(-balance))),
        )
        self._invoiced(move_id)

    def _insert(self, move: Row, kind: str, amount: Decimal, **values: Any) -> None:
        sides = self._sides(amount, move["currency_id"])
        row = {"move_id": move["id"], "display_type": kind, **sides, **values}
        self.store.insert("account.move.line", row)

    def _sides(self, amount: Decimal, currency: int) -> dict[str, Any]:
        balance = self._in_company(float(amount), currency)
        return {
            "currency_id": currency,
            "amount_currency": float(amount),
            "balance": balance,
            "debit": max(balance, 0.0),
            "credit": max(-balance, 0.0),
        }

    def _amounts(self, line: Row) -> tuple[Decimal, dict[int, Decimal]]:
        """Net, and each tax rounded by itself; included ones taken out."""
        share = 1 - _exact(line["discount"]) / 100
        gross = _cents(_exact(line["price_unit"]) * _exact(line["quantity"]) * share)
        taxes = [self.store.row("account.tax", tax) for tax in line["tax_ids"]]
        rates = [(tax["id"], _exact(tax["amount"]) / 100, tax["price_include"]) for tax in taxes]
        base = gross / (1 + sum((rate for _, rate, inside in rates if inside), Decimal(0)))
        parts = {tax: _cents(base * rate) for tax, rate, _ in rates}
        within = sum((parts[tax] for tax, _, inside in rates if inside), Decimal(0))
        return gross - within, parts

    def _of_order(self, store: Store, row: Row) -> list[int]:
        """Newest first, as their default order has it."""
        ours = {line["id"] for line in store.by("sale.order.line", "order_id", row["id"])}
        moves = {
            line["move_id"]
            for line in store.tables["account.move.line"].rows.values()
            if ours.intersection(line["sale_line_ids"])
        }
        return sorted(moves, reverse=True)

    def _invoiced(self, move_id: int) -> None:
        """Sale lines count what is invoiced, drafts too; the order says whether it is all."""
        lines = self._lines(move_id)
        for sale_line in {found for line in lines for found in line["sale_line_ids"]}:
            quantity = 0.0
            for line in self.store.tables["account.move.line"].rows.values():
                move = self.store.row("account.move", line["move_id"])
                if sale_line in line["sale_line_ids"] and move["state"] != "cancel":
                    quantity -= SIGNS[move["move_type"]] * line["quantity"]
            row = self.store.row("sale.order.line", sale_line)
            self.store.put("sale.order.line", sale_line, {**row, "qty_invoiced": quantity})
            self.status(row["order_id"])

    def status(self, order_id: int) -> None:
        """`invoice_status` of an order."""
        order = self.store.row("sale.order", order_id)
        lines = [
            line
            for line in self.store.by("sale.order.line", "order_id", order_id)
            if line["product_id"]
        ]
        due = [self.store.value("sale.order.line", line, "qty_to_invoice") for line in lines]
        told = "to invoice" if any(due) else "no"
        if not any(due) and any(line["qty_invoiced"] for line in lines):
            told = "invoiced"
        self.store.put("sale.order", order_id, {**order, "invoice_status": told})

    # wizards

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
                    "account_id": line["product_id"] and self._account("income"),
                },
            )
        self.compute(made)
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
        self._move_defaults(values)
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
        self._move_defaults(values)
        made = store.insert("account.move", values)["id"]
        keep = ("product_id", "name", "quantity", "price_unit", "discount", "tax_ids")
        for line in self._lines(move_id):
            if line["display_type"] in SHOWN:
                copied = {name: line[name] for name in (*keep, "sale_line_ids", "display_type")}
                row = {"move_id": made, "account_id": line["account_id"], **copied}
                store.insert("account.move.line", row)
        self.compute(made)
        action = _action("Reverse Moves", "account.move", made)
        return {**action, "context": {"default_move_type": "out_refund"}}

    def proposal(self, context: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a new payment wizard."""
        (move_id,) = context["active_ids"]
        move = self.store.row("account.move", move_id)
        bank = self._journal("bank")
        return {
            "amount": move["amount_residual"],
            "currency_id": move["currency_id"],
            "journal_id": bank["id"],
            "payment_date": self._today(),
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

    # posting

    def post(self, ids: list[int], context: Mapping[str, Any]) -> bool:
        """`action_post`: only drafts."""
        for record in ids:
            move = self.store.row("account.move", record)
            if move["state"] != "draft":
                raise user_error(f"The entry {move['name']} (id {record}) must be in draft.")
            self._post(move)
        return False

    def _post(self, move: Row) -> None:
        store = self.store
        company = store.row("res.company", move["company_id"])
        invoice = move["move_type"] != "entry"
        day = (move["invoice_date"] if invoice else move["date"]) or self._today()
        booked = day
        for until in (str(company[name]) for name in LOCKS if company.get(name)):
            if until >= booked:  # dated into the next open period, without a word
                after = date.fromisoformat(until) + timedelta(days=1)
                booked = after.strftime("%Y-%m-%d")
        lines = self._lines(move["id"])
        if not lines:
            raise user_error("You need to add a line before posting.")
        if round(sum(line["balance"] for line in lines), 2) and not invoice:
            raise user_error("The entry is not balanced.")
        values: dict[str, Any] = {"state": "posted", "date": booked}
        if invoice:
            prefix = "RINV" if move["move_type"] == "out_refund" else "INV"
            values |= {"name": self._number(prefix, day[:4], 5), "invoice_date": day}
            values["invoice_date_due"] = day
            if move["move_type"] == "out_invoice":
                values["payment_reference"] = values["name"]
        else:
            code = store.row("account.journal", move["journal_id"])["code"]
            values["name"] = self._number(f"{code}", f"{day[:4]}/{day[5:7]}", 4)
        store.update("account.move", move["id"], **values)
        for line in self._lines(move["id"]):
            if line["display_type"] == "payment_term":
                told = values["name"] if move["move_type"] == "out_invoice" else False
                if told and store.version >= 18 and move["ref"]:
                    told = f"{move['ref']} - {told}"
                owed = {**line, "name": told, "date_maturity": values["invoice_date_due"]}
                store.put("account.move.line", line["id"], owed)

    def _number(self, prefix: str, period: str, digits: int) -> str:
        number = self.next_number.get(prefix, 1)
        self.next_number[prefix] = number + 1
        return f"{prefix}/{period}/{number:0{digits}d}"

    # payments

    def _payment_defaults(self, row: Row) -> None:
        row["state"] = "draft"
        row["outstanding"] = True
        row.setdefault("company_id", 1)
        row.setdefault("currency_id", 1)
        row["date"] = row.get("date") or self._today()
        if not row.get("journal_id"):
            row["journal_id"] = self._journal("bank")["id"]

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
        amount = sign * _exact(payment["amount"])
        values = {
            "move_type": "entry",
            "journal_id": payment["journal_id"],
            "date": payment["date"],
            "partner_id": payment["partner_id"],
            "currency_id": payment["currency_id"],
            "ref": payment["memo"] if "memo" in payment else payment["ref"],
        }
        self._move_defaults(values)
        move = self.store.insert("account.move", values)
        outstanding = self._account("asset_cash")
        receivable = self._account("asset_receivable")
        self._insert(move, "product", amount, account_id=outstanding)
        self._insert(
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
                self._post(self.store.row("account.move", entry))
            state = "in_process" if self.store.version >= 18 else "posted"
            name = self.store.row("account.move", entry)["name"] if entry else f"PAY{record:05d}"
            self.store.update("account.payment", record, state=state, move_id=entry, name=name)

    def _receivable(self, move: int) -> Row:
        kind = self._account("asset_receivable")
        return next(line for line in self._lines(move) if line["account_id"] == kind)

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
            left = float(_cents(_exact(line["amount_residual"]) - side * _exact(part)))
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


def _exact(value: float) -> Decimal:
    return Decimal(repr(value))


def _cents(value: Decimal) -> Decimal:
    return value.quantize(Decimal("0.01"), ROUND_HALF_UP)

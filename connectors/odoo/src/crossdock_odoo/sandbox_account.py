"""Invoices, credit notes, payments and entries of the pretended Odoo, as recorded in flow 10.

Taxes are computed and rounded line by line, one tax line for each tax, one line for what is owed.
Amounts of the company are computed line by line from the rate of the day. Not modelled: payment
terms, cash basis, analytic accounts; an entry that is not balanced is refused when it is posted,
where a real server refuses it when it is written.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from typing import Any

from crossdock_odoo.sandbox_errors import user_error
from crossdock_odoo.sandbox_store import Row, Store

CENT = Decimal("0.01")
SIGNS = {"out_invoice": -1, "out_refund": 1}
TEXTS = ("line_section", "line_note")
SHOWN = ("product", *TEXTS)
LOCKS = ("fiscalyear_lock_date", "tax_lock_date", "sale_lock_date", "hard_lock_date")


class Account:
    """What account.move, account.payment and their wizards do."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.next_number: dict[str, int] = {}
        store.defaults["account.move"] = self.move_defaults
        store.after_write["account.move"] = self._move_written
        store.after_write["account.move.line"] = self._line_written
        store.computed["account.move", "invoice_line_ids"] = lambda db, row: [
            line["id"] for line in self.lines(row["id"]) if line["display_type"] in SHOWN
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
        return {("account.move", "action_post"): self.post}

    def _account_name(self, store: Store, row: Row) -> str:
        return str(row["name"]) if store.version >= 19 else f"{row['code']} {row['name']}"

    def account(self, kind: str) -> int:
        """An account of this type."""
        rows = self.store.tables["account.account"].rows.values()
        return next(int(row["id"]) for row in rows if row["account_type"] == kind)

    def journal(self, kind: str) -> Row:
        """The first journal of this type."""
        rows = self.store.tables["account.journal"].rows.values()
        return next(row for row in rows if row["type"] == kind)

    def today(self) -> str:
        """The day of this transaction."""
        return self.store.now.strftime("%Y-%m-%d")

    def lines(self, move: int) -> list[Row]:
        """Of a document."""
        return self.store.by("account.move.line", "move_id", move)

    def move_defaults(self, row: Row) -> None:
        """What a new document has."""
        row.setdefault("move_type", "entry")
        row["state"] = "draft"
        row["name"] = False if self.store.version >= 18 else "/"
        row["payment_state"] = "not_paid"
        row.setdefault("company_id", 1)
        row.setdefault("currency_id", 1)
        row["date"] = row.get("date") or row.get("invoice_date") or self.today()
        if not row.get("journal_id"):
            kind = "general" if row["move_type"] == "entry" else "sale"
            row["journal_id"] = self.journal(kind)["id"]
        if row["move_type"] != "entry":
            row["invoice_date_due"] = row.get("invoice_date") or self.today()
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
                account = line["account_id"] or (kind == "product" and self.account("income"))
                values = {**line, "display_type": kind, "account_id": account}
                if self.store.version < 19:
                    values["price_unit"] = float(cents(exact(line["price_unit"])))
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
        return float(cents(exact(amount) / exact(rate)))

    def compute(self, move_id: int) -> None:
        """Tax lines, the line of what is owed, and totals."""
        store = self.store
        move = store.row("account.move", move_id)
        for line in self.lines(move_id):
            if line["display_type"] not in SHOWN:
                store.put("account.move.line", line["id"], None)
        sign = SIGNS[move["move_type"]]
        taxes: dict[int, Decimal] = {}
        untaxed = Decimal(0)
        for line in self.lines(move_id):
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
            self.insert(
                move,
                "tax",
                sign * amount,
                name=store.row("account.tax", tax)["name"],
                tax_line_id=tax,
                account_id=self.account("liability_current"),
            )
        total = untaxed + sum(taxes.values(), Decimal(0))
        self.insert(
            move,
            "payment_term",
            -sign * total,
            account_id=self.account("asset_receivable"),
            date_maturity=move["invoice_date_due"],
            amount_residual=float(-sign * total),
        )
        balance = sum(line["balance"] for line in self.lines(move_id) if line["tax_line_id"])
        balance += sum(
            line["balance"] for line in self.lines(move_id) if line["display_type"] == "product"
        )
        store.update(
            "account.move",
            move_id,
            amount_untaxed=float(untaxed),
            amount_tax=float(total - untaxed),
            amount_total=float(total),
            amount_residual=float(total),
            amount_total_signed=float(cents(exact(-balance))),
        )
        self._invoiced(move_id)

    def insert(self, move: Row, kind: str, amount: Decimal, **values: Any) -> None:
        """A line that the document makes itself."""
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
        share = 1 - exact(line["discount"]) / 100
        gross = cents(exact(line["price_unit"]) * exact(line["quantity"]) * share)
        taxes = [self.store.row("account.tax", tax) for tax in line["tax_ids"]]
        rates = [(tax["id"], exact(tax["amount"]) / 100, tax["price_include"]) for tax in taxes]
        base = gross / (1 + sum((rate for _, rate, inside in rates if inside), Decimal(0)))
        parts = {tax: cents(base * rate) for tax, rate, _ in rates}
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
        lines = self.lines(move_id)
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

    def post(self, ids: list[int], context: Mapping[str, Any]) -> bool:
        """`action_post`: only drafts."""
        for record in ids:
            move = self.store.row("account.move", record)
            if move["state"] != "draft":
                raise user_error(f"The entry {move['name']} (id {record}) must be in draft.")
            self.post_one(move)
        return False

    def post_one(self, move: Row) -> None:
        """A draft gets its number and day; a day in a closed period moves on."""
        store = self.store
        company = store.row("res.company", move["company_id"])
        invoice = move["move_type"] != "entry"
        day = (move["invoice_date"] if invoice else move["date"]) or self.today()
        booked = day
        for until in (str(company[name]) for name in LOCKS if company.get(name)):
            if until >= booked:  # dated into the next open period, without a word
                after = date.fromisoformat(until) + timedelta(days=1)
                booked = after.strftime("%Y-%m-%d")
        lines = self.lines(move["id"])
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
        for line in self.lines(move["id"]):
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


@lru_cache(maxsize=4096)
def exact(value: float) -> Decimal:
    """A float without its noise; the same prices and quantities come again and again."""
    return Decimal(repr(value))


def cents(value: Decimal) -> Decimal:
    """Two places, half up."""
    return value.quantize(CENT, ROUND_HALF_UP)

"""The invoices of an order: what there is, what is owed on them, and making one where we shall.

Odoo makes invoices by a wizard (recordings, flow 10). It counts what is invoiced, drafts too, so
a second run finds nothing left to invoice: that, and not a mark, keeps a lost answer harmless.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import crossdock

from crossdock_odoo.books import Books
from crossdock_odoo.orders import Orders

MOVE = "account.move"
FIELDS = [
    "name",
    "move_type",
    "state",
    "amount_total",
    "amount_residual",
    "partner_id",
    "partner_shipping_id",
    "journal_id",
    "currency_id",
    "invoice_date",
]


@dataclass(frozen=True)
class Invoicing:
    """Documents of orders."""

    orders: Orders
    books: Books

    async def documents(self, order: int) -> list[dict[str, Any]]:
        """Invoices and credit notes that charge lines of this order, oldest first."""
        return await self.orders.rpc.search_read(
            MOVE,
            [["line_ids.sale_line_ids.order_id", "=", order], ["state", "!=", "cancel"]],
            FIELDS,
            order="id",
        )

    async def posted(self, order: int) -> list[dict[str, Any]]:
        """The posted invoices; with `invoices: create` made and posted before, if there are none.

        Empty when nothing can be invoiced yet.
        """
        found = await self.documents(order)
        invoices = posted(found)
        if invoices or self.orders.rpc.config.invoices == "odoo":
            return invoices
        drafts = [row["id"] for row in found if row["move_type"] == "out_invoice"]
        if not drafts:
            await self._make(order)
            found = await self.documents(order)
            drafts = [row["id"] for row in found if row["move_type"] == "out_invoice"]
        for draft in drafts:
            await self.books.post(draft)
        return posted(await self.documents(order))

    async def _make(self, order: int) -> None:
        rpc = self.orders.rpc
        wizard = await rpc.call(
            "sale.advance.payment.inv",
            "create",
            vals_list=[
                {"advance_payment_method": "delivered", "sale_order_ids": [[6, 0, [order]]]}
            ],
        )
        try:
            await rpc.call("sale.advance.payment.inv", "create_invoices", ids=wizard)
        except crossdock.RejectedError:
            (row,) = await rpc.read("sale.order", [order], ["invoice_status"])
            if row["invoice_status"] == "to invoice":
                raise  # there is something, and Odoo will not; else there is nothing yet

    async def waits(self, invoices: Sequence[int], entry: int | bool) -> bool:
        """Whether `settle` would do something."""
        if not entry or not invoices:
            return False
        rows = await self.orders.rpc.read(MOVE, list(invoices), ["amount_residual"])
        owed = any(row["amount_residual"] for row in rows)
        return owed and bool(await self._open(int(entry)))

    async def _open(self, entry: int) -> list[dict[str, Any]]:
        """What of a payment's entry is not reconciled."""
        return await self.orders.rpc.search_read(
            "account.move.line",
            [
                ["move_id", "=", entry],
                ["account_type", "=", "asset_receivable"],
                ["reconciled", "=", False],
            ],
            ["amount_residual"],
        )

    async def settle(self, invoices: Sequence[int], entry: int) -> list[str]:
        """Reconcile what a payment's entry owes with documents, oldest first, as far as it goes.

        The numbers of those it was reconciled with.
        """
        rpc = self.orders.rpc
        names: list[str] = []
        for invoice in invoices:
            lines = await self._open(entry)
            state = await self.books.state(invoice)
            if not lines or not state["amount_residual"]:
                continue
            try:
                await rpc.call(
                    MOVE, "js_assign_outstanding_line", ids=[invoice], line_id=lines[0]["id"]
                )
            except crossdock.RejectedError:
                if (await self.books.state(invoice))["amount_residual"]:
                    raise
            names.append(str(state["name"]))
        return names


def posted(documents: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The invoices among documents that are posted."""
    return [
        row for row in documents if row["state"] == "posted" and row["move_type"] == "out_invoice"
    ]

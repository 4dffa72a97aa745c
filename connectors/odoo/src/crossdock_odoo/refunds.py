"""Refunds that have succeeded, booked as credit notes, and as payments where those are registered.

The credit note is one `load` with external ids for it and its lines, so it is written once, under
either invoicing policy; then its total is compared with the refund's, it is posted, and what was
paid out is registered and reconciled with it. A pending or failed refund is never booked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import crossdock
from crossdock.canonical import Refund

from crossdock_odoo import creditlines, marks, saleorder
from crossdock_odoo.books import SALE_LOCKS, Books, day_of, names_of, of_float, text_of
from crossdock_odoo.delivered import order_of
from crossdock_odoo.externalids import line_id_of, own_name
from crossdock_odoo.invoicing import MOVE, Invoicing
from crossdock_odoo.loading import load
from crossdock_odoo.orders import Orders
from crossdock_odoo.payments import Payments, Tender


@dataclass(frozen=True)
class Refunds:
    """What `apply` and `find` do with `refund.create`."""

    invoicing: Invoicing
    payments: Payments

    @property
    def _orders(self) -> Orders:
        return self.invoicing.orders

    @property
    def _books(self) -> Books:
        return self.invoicing.books

    async def create(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Book it. RejectedError: it is pending, nothing is invoiced, or the totals differ."""
        refund = command.data
        if not isinstance(refund, Refund):
            raise crossdock.ContractError("refund.create needs a Refund")
        if refund.state == "failed":
            why = f": {refund.failure}" if refund.failure else ""
            return crossdock.Receipt(
                changed=False, note=f"the refund failed{why}; nothing is booked"
            )
        if refund.state != "succeeded":
            raise crossdock.RejectedError(
                f"the refund of {_money(refund)} is {refund.state}: it is a promise, and is not "
                "booked before the payment service says that it succeeded. Retry then",
                reason="refund_pending",
                parts={"state": refund.state},
            )
        order_id, order = await order_of(self._orders, command, refund.order, "refund")
        note = await self._note(command.entity_id)
        changed = note is None or note["state"] != "posted"
        if note is None or note["state"] == "draft":
            note = await self._write(command, refund, order_id, order, exists=note is not None)
        elif note["state"] == "cancel":
            raise crossdock.RejectedError(
                f"the credit note of this refund, draft {note['id']}, was cancelled in Odoo. Reset "
                "it there to draft and retry, or resolve this",
                reason="credit_note_is_cancel",
                parts={"native_id": note["id"]},
            )
        if note is None:
            return await self._paid_only(command, refund, order)
        paid = await self._pay(command, refund, order, note)
        return self._receipt(refund, note, paid, changed=changed)

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """The receipt of a refund whose credit note is posted, and paid where payments are."""
        refund = command.data
        note = await self._note(command.entity_id)
        if note is None or note["state"] != "posted":
            return None
        if not self._orders.rpc.config.payment_journals:
            return self._receipt(refund, note, None, changed=True)
        paid = await self.payments.registered(own_name(command.entity_id, "paid"))
        if paid is None or paid["state"] == "draft":
            return None
        if await self.invoicing.waits([note["id"]], paid["move_id"]):
            return None
        return self._receipt(refund, note, paid, changed=True)

    async def _note(self, refund_id: str) -> dict[str, Any] | None:
        record = await marks.marked(self._orders.rpc, self._orders.namespace, refund_id, MOVE)
        return await self._books.state(record) if record else None

    async def _write(
        self,
        command: crossdock.Command[Any],
        refund: Refund,
        order_id: str,
        order: int,
        *,
        exists: bool,
    ) -> dict[str, Any] | None:
        """The posted credit note; None when nothing of the order was ever invoiced."""
        invoices = await self.invoicing.posted(order)
        if not invoices:
            if self._orders.rpc.config.invoices == "create":
                return None
            raise crossdock.RejectedError(
                f"a refund of {_money(refund)} cannot be booked: the order has no posted invoice. "
                "Post its invoice in Odoo and retry, or set `invoices: create`",
                reason="not_invoiced",
                parts={"native_id": order},
            )
        if invoices[0]["currency_id"] != await self._books.currency(refund.amount.currency):
            raise crossdock.RejectedError(
                f"a refund of {_money(refund)} cannot be booked: the order was invoiced in another "
                "currency. Write the credit note in Odoo by hand and resolve this",
                reason="currency_differs",
                parts={"currency": refund.amount.currency},
            )
        day = day_of(refund.settled_at or refund.requested_at)
        await self._books.refuse_if_closed(day, f"a refund of {_money(refund)}", SALE_LOCKS)
        if not exists:
            await self._refuse_if_credited(refund, order)
        charged = await self._charged(order_id, [row["id"] for row in invoices])
        unit = saleorder.unit_of(refund.amount.currency)
        filler = await self._filler()
        lines = creditlines.lines_of(
            refund,
            charged,
            digits=await self._orders.master.price_digits(),
            unit=unit,
            filler=filler,
        )
        head = await self._head(command, refund, invoices, charged)
        trace = (charged[0].sale_line, f"Refund {text_of(refund.reason, head['ref'])}")
        prefix = f"{self._orders.namespace}.{command.entity_id}"
        rpc = self._orders.rpc
        (native,) = await load(rpc, MOVE, creditlines.rows(head, lines, prefix, trace))
        state = await self._books.state(native)
        off = refund.amount.amount - of_float(state["amount_total"])
        if off:
            allowed = rpc.config.max_total_difference or unit * max(len(lines), 1)
            if abs(off) > allowed:
                raise self._differs(refund, state, off, allowed)
            lines = [*lines, creditlines.difference(off, filler, charged[0].account)]
            await load(rpc, MOVE, creditlines.rows(head, lines, prefix, trace))
            state = await self._books.state(native)
            off = refund.amount.amount - of_float(state["amount_total"])
            if off:
                raise self._differs(refund, state, off, Decimal(0))
        return await self._books.post(native)

    def _differs(
        self, refund: Refund, state: Mapping[str, Any], off: Decimal, allowed: Decimal
    ) -> crossdock.RejectedError:
        total = of_float(state["amount_total"])
        return crossdock.RejectedError(
            f"the credit note comes to {total:f} {refund.amount.currency} in Odoo, and "
            f"{_money(refund)} were refunded: {-off:+f}, more than {allowed:f}. It is left as "
            f"draft {state['id']}. Correct it in Odoo, post it there and resolve this",
            reason="total_differs",
            parts={"native_id": state["id"], "total": f"{total:f}"},
        )

    async def _refuse_if_credited(self, refund: Refund, order: int) -> None:
        """Somebody may have written the same credit note by hand, or by Odoo's own wizard."""
        documents = await self.invoicing.documents(order)
        others = [
            row
            for row in documents
            if row["move_type"] == "out_refund"
            and of_float(row["amount_total"]) == refund.amount.amount
        ]
        ours = await marks.names(
            self._orders.rpc, self._orders.namespace, MOVE, [row["id"] for row in others]
        )
        theirs = [row for row in others if row["id"] not in ours]
        if theirs:
            raise crossdock.RejectedError(
                f"Odoo holds already a credit note of {_money(refund)} for this order that is not "
                f"ours: {names_of(theirs)}. If it is for this refund, resolve this; if not, cancel "
                "it in Odoo and retry",
                reason="credited_elsewhere",
                parts={"native_ids": [row["id"] for row in theirs]},
            )

    async def _head(
        self,
        command: crossdock.Command[Any],
        refund: Refund,
        invoices: Sequence[Mapping[str, Any]],
        charged: Sequence[creditlines.Charged],
    ) -> dict[str, str]:
        lines = {line.line_id for line in refund.lines}
        concerned = {line.move for line in charged if line.line in lines}
        first = next((row for row in invoices if row["id"] in concerned), invoices[0])
        told = refund.return_ref.native_id if refund.return_ref else None
        return {
            "id": f"{self._orders.namespace}.{command.entity_id}",
            "move_type": "out_refund",
            "partner_id/.id": str(first["partner_id"]),
            "partner_shipping_id/.id": str(first["partner_shipping_id"] or first["partner_id"]),
            "journal_id/.id": str(first["journal_id"]),
            "currency_id/.id": str(await self._books.currency(refund.amount.currency)),
            "reversed_entry_id/.id": str(first["id"]),
            "invoice_date": day_of(refund.settled_at or refund.requested_at),
            "ref": text_of("Refund of", str(first["name"]), refund.reason, told),
        }

    async def _filler(self) -> int:
        sku = self._orders.rpc.config.discount_product
        products = await self._orders.master.products([sku])
        if sku not in products:
            raise crossdock.RejectedError(
                f"no active product in Odoo has the SKU {sku!r}, which stands for what belongs to "
                "no line of a refund. Create a service product with it, or set `discount_product`",
                reason="unknown_sku",
                parts={"sku": sku},
            )
        return products[sku]

    async def _charged(self, order_id: str, invoices: Sequence[int]) -> list[creditlines.Charged]:
        """The lines of these invoices, with what the order says of each."""
        rpc = self._orders.rpc
        found = await rpc.search_read(
            "account.move.line",
            [["move_id", "in", list(invoices)], ["display_type", "=", "product"]],
            [
                "move_id",
                "product_id",
                "account_id",
                "name",
                "quantity",
                "price_total",
                "tax_ids",
                "sale_line_ids",
            ],
            order="id",
        )
        sale_lines = sorted({line for row in found for line in row["sale_line_ids"]})
        sold = {
            row["id"]: row
            for row in await rpc.read(
                "sale.order.line", sale_lines, ["qty_to_invoice", "is_delivery", "product_id"]
            )
        }
        names = await marks.names(rpc, self._orders.namespace, "sale.order.line", sale_lines)
        products = sorted({row["product_id"] for row in found if row["product_id"]})
        policies = {
            row["id"]: row["invoice_policy"]
            for row in await rpc.read("product.product", products or [0], ["invoice_policy"])
        }
        taxes = await self._taxes({tax for row in found for tax in row["tax_ids"]})
        charged = []
        for row in found:
            sale_line = next(iter(row["sale_line_ids"]), 0)
            name = names.get(sale_line, "")
            line = line_id_of(order_id, name) if name else None
            known = sold.get(sale_line, {})
            charged.append(
                creditlines.Charged(
                    id=row["id"],
                    move=row["move_id"],
                    line=line or (f"odoo:{sale_line}" if not name else ""),
                    sale_line=sale_line,
                    product=row["product_id"],
                    account=row["account_id"],
                    text=str(row["name"] or ""),
                    quantity=of_float(row["quantity"]),
                    total=of_float(row["price_total"]),
                    taxes=tuple((tax, *taxes[tax]) for tax in row["tax_ids"]),
                    delivery=bool(known.get("is_delivery")),
                    policy=str(policies.get(row["product_id"]) or "order"),
                    to_invoice=of_float(known.get("qty_to_invoice") or 0.0),
                )
            )
        return charged

    async def _taxes(self, ids: set[int]) -> dict[int, tuple[Decimal, bool]]:
        if not ids:
            return {}
        rows = await self._orders.rpc.read(
            "account.tax", sorted(ids), ["amount", "amount_type", "price_include"]
        )
        return {
            row["id"]: (
                of_float(row["amount"]) / 100 if row["amount_type"] == "percent" else Decimal(0),
                bool(row["price_include"]),
            )
            for row in rows
        }

    async def _pay(
        self,
        command: crossdock.Command[Any],
        refund: Refund,
        order: int,
        note: Mapping[str, Any] | None,
    ) -> dict[str, Any] | None:
        """What was paid out, reconciled with the credit note; None where that is not ours."""
        rpc = self._orders.rpc
        if not rpc.config.payment_journals:
            return None
        name = own_name(command.entity_id, "paid")
        journal = await self._journal(refund)
        (row,) = await rpc.read(
            "sale.order", [order], ["name", "client_order_ref", "partner_invoice_id"]
        )
        (partner,) = await rpc.read(
            "res.partner", [row["partner_invoice_id"]], ["commercial_partner_id"]
        )
        documents = (int(note["id"]),) if note else ()
        await self.payments.register(
            Tender(
                name=name,
                inbound=False,
                partner=partner["commercial_partner_id"],
                amount=refund.amount,
                journal=journal,
                day=day_of(refund.settled_at or refund.requested_at),
                memo=text_of(row["name"], row["client_order_ref"] or None, "refund", refund.reason),
                documents=documents,
            )
        )
        return await self.payments.registered(name)

    async def _journal(self, refund: Refund) -> int:
        """That of the payment it goes back to, if we registered it; else the one for all."""
        rpc = self._orders.rpc
        if refund.payment is not None and refund.payment.id:
            name = own_name(refund.payment.id, "capture", 0)
            record = await marks.marked(rpc, self._orders.namespace, name, "account.payment")
            if record:
                rows = await rpc.read("account.payment", [record], ["journal_id"])
                if rows:
                    return int(rows[0]["journal_id"])
        return await self.payments.journal()

    async def _paid_only(
        self, command: crossdock.Command[Any], refund: Refund, order: int
    ) -> crossdock.Receipt:
        """Nothing was invoiced, so there is nothing to credit: only money went back."""
        why = "nothing of the order is invoiced, so there is nothing to credit"
        paid = await self._pay(command, refund, order, None)
        if paid is None:
            return crossdock.Receipt(changed=False, note=why)
        return crossdock.Receipt(
            native_id=str(paid["id"]), note=f"{why}; {paid['name']} pays {_money(refund)} back"
        )

    def _receipt(
        self,
        refund: Refund,
        note: Mapping[str, Any],
        paid: Mapping[str, Any] | None,
        *,
        changed: bool,
    ) -> crossdock.Receipt:
        told = f", paid by {paid['name']}" if paid else ""
        return crossdock.Receipt(
            native_id=str(note["id"]),
            changed=changed,
            note=f"{note['name']} of {note['date']}, {_money(refund)}{told}",
        )


def _money(refund: Refund) -> str:
    return f"{refund.amount.amount:f} {refund.amount.currency}"

"""Captured payments, registered in the journal that the configuration names for them.

A payment is one `load` with an external id, then `action_post`. It is never loaded a second time:
19.0 then forgets the account of what is under way and posts no entry (seen live). What a payment
captured more since it was registered is registered as another one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import crossdock
from crossdock.canonical import Money, Payment, payment_status

from crossdock_odoo.books import FISCAL_LOCKS, Books, day_of, names_of, of_float, text_of
from crossdock_odoo.delivered import order_of
from crossdock_odoo.externalids import own_name
from crossdock_odoo.invoicing import Invoicing, posted
from crossdock_odoo.loading import load
from crossdock_odoo.orders import Orders

PAYMENT = "account.payment"
MOST = 20
"""Partial captures of one payment."""


@dataclass(frozen=True, kw_only=True)
class Tender:
    """One movement of money between a customer and us."""

    name: str
    """Of its external id."""
    inbound: bool
    partner: int
    amount: Money
    journal: int
    day: str
    memo: str
    documents: tuple[int, ...] = ()
    """Posted documents that it pays, oldest first."""


@dataclass(frozen=True)
class Payments:
    """What `apply` and `find` do with `payment.create`."""

    invoicing: Invoicing

    @property
    def _orders(self) -> Orders:
        return self.invoicing.orders

    @property
    def _books(self) -> Books:
        return self.invoicing.books

    async def create(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Register what was captured, if the configuration asks for it."""
        payment = command.data
        if not isinstance(payment, Payment):
            raise crossdock.ContractError("payment.create needs a Payment")
        why = self._not_booked(payment)
        if why:
            return crossdock.Receipt(changed=False, note=why)
        journal = await self.journal(payment.provider, payment.method)
        _, order = await order_of(self._orders, command, payment.order, "payment")
        registered = await self._registered(command.entity_id)
        amount = _left(payment, registered)
        documents = await self.invoicing.posted(order)
        numbers = [row["id"] for row in documents]
        settled: list[str] = []
        changed = amount.amount > 0
        for row in registered:  # what an earlier try left half done
            was_open = row["state"] == "draft"
            settled += await self._finish(row["id"], numbers)
            changed = changed or was_open
        if amount.amount > 0:
            state = await self._partner(order)
            tender = Tender(
                name=own_name(command.entity_id, "capture", len(registered)),
                inbound=True,
                partner=state["partner"],
                amount=amount,
                journal=journal,
                day=day_of(payment.authorised_at or datetime.now(UTC)),
                memo=text_of(state["name"], state["ref"], payment.label or payment.method),
                documents=tuple(numbers),
            )
            native, paid = await self.register(tender)
            settled += paid
            registered = [*registered, {"id": native}]
        rows = await self._orders.rpc.read(PAYMENT, [row["id"] for row in registered], ["name"])
        on = f", on {', '.join(dict.fromkeys(settled))}" if settled else ""
        return crossdock.Receipt(
            native_id=str(registered[0]["id"]),
            changed=changed or bool(settled),
            note=f"{names_of(rows)}: {_captured(payment)}{on}",
        )

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """The receipt of a payment that is registered whole and posted."""
        payment = command.data
        if self._not_booked(payment):
            return None
        registered = await self._registered(command.entity_id)
        if not registered or _left(payment, registered).amount > 0:
            return None
        if any(row["state"] == "draft" for row in registered):
            return None
        _, order = await order_of(self._orders, command, payment.order, "payment")
        documents = posted(await self.invoicing.documents(order))
        for row in registered:
            if await self.invoicing.waits([found["id"] for found in documents], row["move_id"]):
                return None
        return crossdock.Receipt(
            native_id=str(registered[0]["id"]),
            note=f"{names_of(registered)}: {_captured(payment)}",
        )

    def _not_booked(self, payment: Payment) -> str:
        if not self._orders.rpc.config.payment_journals:
            return "payments are not registered in Odoo: `payment_journals` is empty"
        if payment.captured is None or payment.captured.amount <= 0:
            return f"nothing is captured ({payment_status(payment)}), so nothing is registered"
        return ""

    async def journal(self, *words: str | None) -> int:
        """The journal of the first of these words that is configured, else of `*`.

        RejectedError: neither is.
        """
        journals = self._orders.rpc.config.payment_journals
        for word in (*words, "*"):
            if word and word in journals:
                return await self._books.journal(journals[word], f"payment_journals: {word}")
        told = " or ".join(repr(word) for word in words if word) or "this payment"
        raise crossdock.RejectedError(
            f"no journal of Odoo's is configured for {told}. Write payment_journals: "
            '{"*": <code of a journal>}, or one for it',
            reason="no_journal",
            parts={"words": [word for word in words if word]},
        )

    async def _partner(self, order: int) -> dict[str, Any]:
        rpc = self._orders.rpc
        (row,) = await rpc.read(
            "sale.order", [order], ["name", "client_order_ref", "partner_invoice_id"]
        )
        (partner,) = await rpc.read(
            "res.partner", [row["partner_invoice_id"]], ["commercial_partner_id"]
        )
        return {
            "partner": partner["commercial_partner_id"],
            "name": row["name"],
            "ref": row["client_order_ref"] or None,
        }

    async def _registered(self, payment_id: str) -> list[dict[str, Any]]:
        """What was registered of this payment, in order."""
        rpc = self._orders.rpc
        wanted = [own_name(payment_id, "capture", number) for number in range(MOST)]
        rows = await rpc.search_read(
            "ir.model.data",
            [
                ["module", "=", self._orders.namespace],
                ["model", "=", PAYMENT],
                ["name", "in", wanted],
            ],
            ["res_id"],
            order="id",
        )
        if not rows:
            return []
        found = await rpc.read(
            PAYMENT, [row["res_id"] for row in rows], ["name", "state", "amount", "move_id"]
        )
        return sorted(found, key=lambda row: int(row["id"]))

    async def registered(self, name: str) -> dict[str, Any] | None:
        """A payment by the name of its external id."""
        rows = await self._orders.rpc.search_read(
            "ir.model.data",
            [["module", "=", self._orders.namespace], ["name", "=", name], ["model", "=", PAYMENT]],
            ["res_id"],
        )
        found = (
            await self._orders.rpc.read(
                PAYMENT, [rows[0]["res_id"]], ["name", "state", "amount", "move_id"]
            )
            if rows
            else []
        )
        return found[0] if found else None

    async def register(self, tender: Tender) -> tuple[int, list[str]]:
        """Write it unless it is there, post it, reconcile it; its id, and the documents paid."""
        rpc = self._orders.rpc
        there = await self.registered(tender.name)
        native = there["id"] if there else None
        if native is None:
            what = f"a payment of {tender.amount.amount:f} {tender.amount.currency}"
            await self._books.refuse_if_closed(tender.day, what, FISCAL_LOCKS)
            memo = await rpc.fields.name(PAYMENT, "memo")
            row = {
                "id": f"{self._orders.namespace}.{tender.name}",
                "payment_type": "inbound" if tender.inbound else "outbound",
                "partner_type": "customer",
                "partner_id/.id": str(tender.partner),
                "amount": f"{tender.amount.amount:f}",
                "currency_id/.id": str(await self._books.currency(tender.amount.currency)),
                "journal_id/.id": str(tender.journal),
                "date": tender.day,
                memo: tender.memo,
            }
            if tender.documents and await rpc.fields.having(PAYMENT, ["invoice_ids"]):
                row["invoice_ids/.id"] = ",".join(map(str, tender.documents))
            (native,) = await load(rpc, PAYMENT, [row])
        return native, await self._finish(native, tender.documents)

    async def _finish(self, native: int, documents: Sequence[int]) -> list[str]:
        rpc = self._orders.rpc
        fields = ["state", "move_id", "date"]
        (row,) = await rpc.read(PAYMENT, [native], fields)
        if row["state"] == "draft":
            try:
                await rpc.call(PAYMENT, "action_post", ids=[native])
            except crossdock.RejectedError as error:
                (row,) = await rpc.read(PAYMENT, [native], fields)
                if row["state"] == "draft":
                    raise await self._books.explained(error, str(row["date"] or "")) from None
            (row,) = await rpc.read(PAYMENT, [native], fields)
        if not row["move_id"]:
            return []  # Enterprise: the bank statement will make the entry
        return await self.invoicing.settle(documents, row["move_id"])


def _captured(payment: Payment) -> str:
    captured = payment.captured
    return f"{captured.amount:f} {captured.currency}" if captured else "nothing"


def _left(payment: Payment, registered: Sequence[dict[str, Any]]) -> Money:
    """What was captured and is not registered yet."""
    there = sum((of_float(row["amount"]) for row in registered), Decimal(0))
    captured = payment.captured.amount if payment.captured else Decimal(0)
    return Money(amount=max(captured - there, Decimal(0)), currency=payment.currency)

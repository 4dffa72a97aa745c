"""Giving money back: `refund.create` as refunds of the payments of a sale.

Each part goes to one payment, the first taken first, at most what is left of it, under a key of its
own; a try that was cut short is known by the keys, and by our mark in the refunds' reason.
"""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

from crossdock import Command, Http, Receipt, RejectedError
from crossdock.canonical import Refund
from crossdock.identity import digest
from crossdock.reading import Required, Shape, Text, TypedDict

from crossdock_square import calls
from crossdock_square.cataloguing import minor
from crossdock_square.values import Cash, Id

_GONE = frozenset({"REJECTED", "FAILED"})
_LONGEST_REASON = 192


class _Tender(TypedDict, total=False):
    payment_id: Id | None


class _Order(TypedDict, total=False):
    tenders: list[_Tender] | None


class _Sold(TypedDict):
    order: _Order


class _Payment(TypedDict, total=False):
    id: Required[Id]
    status: Text | None
    total_money: Required[Cash]
    refunded_money: Cash | None
    refund_ids: list[Id] | None


class _Paid(TypedDict):
    payment: _Payment


class _Back(TypedDict, total=False):
    id: Required[Id]
    status: Text | None
    reason: Text | None
    amount_money: Required[Cash]
    payment_id: Id | None


class _Given(TypedDict):
    refund: _Back


_SOLD, _PAID, _GIVEN = Shape(_Sold), Shape(_Paid), Shape(_Given)


class Refunding:
    """Gives money back at one merchant."""

    def __init__(self, http: Http) -> None:
        self.http = http

    async def create(self, command: Command[Refund]) -> Receipt:
        """Spread what is asked over the sale's payments, less what earlier tries gave back."""
        payments = [one async for one in self._payments(command)]
        mine = await self._mine(command, payments)
        wanted = minor(command.data.amount)
        open_ = wanted["amount"] - sum(one["amount_money"]["amount"] for one in mine)
        parts = list(_spread(payments, open_, wanted["currency"], command.data))
        made = [one["id"] for one in mine]
        for number, (payment, amount) in enumerate(parts, start=len(mine)):
            body = {
                # at most 45 characters
                "idempotency_key": f"{digest(command.id, payment)[:26]}:{number}",
                "payment_id": payment,
                "amount_money": {"amount": amount, "currency": wanted["currency"]},
                "reason": _reason(command),
            }
            try:
                answer = await calls.change(self.http, "/v2/refunds", body)
            except calls.KeyReusedError as error:
                raise RejectedError(
                    f"{error}; look at the refunds of payment {payment} and try again",
                    reason="idempotency_key_reused",
                ) from None
            made.append(_GIVEN.of(answer, "refund")["refund"]["id"])
        return Receipt(
            native_id=made[0] if made else None,
            changed=bool(parts),
            note=f"refunds {', '.join(made)}"[:500],
        )

    async def find(self, command: Command[Refund]) -> Receipt | None:
        """What an earlier try gave back, where it is all of it."""
        payments = [one async for one in self._payments(command)]
        mine = await self._mine(command, payments)
        given = sum(one["amount_money"]["amount"] for one in mine)
        if not mine or given < minor(command.data.amount)["amount"]:
            return None
        names = ", ".join(one["id"] for one in mine)
        return Receipt(native_id=mine[0]["id"], note=f"refunds {names}"[:500])

    async def _payments(self, command: Command[Refund]) -> AsyncIterator[_Payment]:
        order = command.native_id(command.data.order.id)
        if order is None:
            raise RejectedError(
                "the order of this refund is not known at Square: refund it where it was paid",
                reason="unknown_order",
            )
        sold = _SOLD.of(await calls.one(self.http, "orders", order), "order")["order"]
        for tender in sold.get("tenders") or []:
            payment = tender.get("payment_id")
            if payment:
                answer = await calls.one(self.http, "payments", payment)
                yield _PAID.of(answer, "payment")["payment"]

    async def _mine(self, command: Command[Refund], payments: list[_Payment]) -> list[_Back]:
        found = []
        for payment in payments:
            for refund in payment.get("refund_ids") or []:
                answer = await calls.one(self.http, "refunds", refund)
                one = _GIVEN.of(answer, "refund")["refund"]
                ours = (one.get("reason") or "").endswith(_mark(command))
                if ours and one.get("status") not in _GONE:
                    found.append(one)
        return found


def _spread(
    payments: list[_Payment], open_: int, currency: str, data: Refund
) -> list[tuple[str, int]]:
    parts: list[tuple[str, int]] = []
    for payment in payments:
        total = payment["total_money"]
        if open_ <= 0 or total["currency"] != currency or payment.get("status") != "COMPLETED":
            continue
        back = payment.get("refunded_money")
        take = min(open_, total["amount"] - (back["amount"] if back else 0))
        if take > 0:
            parts.append((payment["id"], take))
            open_ -= take
    if open_ > 0:
        short = Decimal(open_)
        raise RejectedError(
            f"{data.amount.amount} {data.amount.currency} cannot be given back: {short} of the "
            "smallest coin are more than is left of this sale's payments at Square",
            reason="refund_above_captured",
        )
    return parts


def _mark(command: Command[Any]) -> str:
    return f"[{digest(command.id)[:20]}]"


def _reason(command: Command[Refund]) -> str:
    """Square shows it to the customer's bank and to the merchant; our mark is at its end."""
    mark = _mark(command)
    words = command.data.reason or "refund"
    return f"{words[: _LONGEST_REASON - len(mark) - 1]} {mark}"

"""Money and goods that go back and forth: payments, refunds, disputes, returns."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from crossdock import Event, Fact, Ignore, Raw, RejectedError, revision_of
from crossdock.canonical import (
    Dispute,
    EntityRef,
    Payment,
    Refund,
    Return,
)
from crossdock.canonical import ReturnLine as Back
from crossdock.jsontext import shorten
from crossdock.reading import Moment, Required, Shape, Text, TypedDict

from crossdock_square import shapes
from crossdock_square.values import MARK, Cash, Id, moment, money, unit


class _Payment(TypedDict, total=False):
    id: Required[Id]
    status: Text | None
    total_money: Required[Cash]
    source_type: Text | None
    card_details: shapes.CardDetails | None
    order_id: Id | None
    created_at: Required[Moment]
    updated_at: Required[Moment]
    delayed_until: Moment | None


class _Paid(TypedDict):
    payment: _Payment


class _Dispute(TypedDict, total=False):
    amount_money: Required[Cash]
    reason: Text | None
    state: Text | None
    due_at: Moment | None
    created_at: Required[Moment]
    updated_at: Required[Moment]
    disputed_payment: Required["_Disputed"]
    evidence_ids: list[Text] | None


class _Disputed(TypedDict):
    payment_id: Id


class _Called(TypedDict):
    dispute: _Dispute


class _PaidData(TypedDict):
    object: _Paid


class _CalledData(TypedDict):
    id: Id
    object: _Called


class _PaymentEvent(TypedDict):
    data: _PaidData


class _DisputeEvent(TypedDict):
    data: _CalledData


PAYMENT = Shape(_PaymentEvent)
DISPUTE = Shape(_DisputeEvent)

_METHODS = {
    "CARD": "card",
    "WALLET": "wallet",
    "CASH": "cash",
    "BANK_ACCOUNT": "bank_transfer",
    "BUY_NOW_PAY_LATER": "instalments",
    "SQUARE_ACCOUNT": "wallet",
    "EXTERNAL": "other",
}


def payment(raw: Raw) -> Iterator[Fact]:
    """One tender. What was given back is told by its refund, so it is not repeated here."""
    given = PAYMENT.read(raw)["data"]["object"]["payment"]
    at = "/data/object/payment"
    changed = moment(raw.topic, f"{at}/updated_at", given["updated_at"])
    total = money(raw.topic, f"{at}/total_money", given["total_money"])
    status = given.get("status") or ""
    told: dict[str, Any] = {"APPROVED": {"authorised": total}, "COMPLETED": {"captured": total}}
    told["CANCELED"] = {"authorised": total, "voided": total}
    told["FAILED"] = {"failed_at": given["updated_at"], "failure": "Square says FAILED"}
    names = {"APPROVED": "authorised", "COMPLETED": "captured", "CANCELED": "voided"}
    names["FAILED"] = "failed"
    if status not in told:
        raise Ignore(f"a payment that is {shorten(status)}: nothing is promised or taken yet")
    card = (given.get("card_details") or {}).get("card") or {}
    label = " •••• ".join(filter(None, (card.get("card_brand"), card.get("last_4"))))
    source = given.get("source_type") or "OTHER"
    order = given.get("order_id")
    yield Event(
        type=f"payment.{names[status]}",
        data=Payment(
            order=EntityRef(native_id=order) if order else None,
            method=_METHODS.get(source, "other"),
            provider="square",
            label=label or None,
            currency=total.currency,
            authorised_at=given["created_at"] if status == "APPROVED" else None,
            expires_at=given.get("delayed_until") if status == "APPROVED" else None,
            source_status=status,
            updated_at=given["updated_at"],
            extensions={} if source in _METHODS else {MARK: {"source_type": source}},
            **told[status],
        ),
        native_id=given["id"],
        revision=revision_of(changed),
        occurred_at=changed,
    )


_STATES = {
    "PENDING": "pending",
    "COMPLETED": "succeeded",
    "APPROVED": "succeeded",
    "REJECTED": "failed",
    "FAILED": "failed",
}


def refund(raw: Raw) -> Iterator[Fact]:
    """Money given back. RejectedError: it belongs to no payment, so a person must book it."""
    record = shapes.REFUND.read(raw)
    given = record["refund"]
    at = "/refund"
    total = money(raw.topic, f"{at}/amount_money", given["amount_money"])
    order = (record.get("payment") or {}).get("order_id")
    if given.get("unlinked") or not order:
        raise RejectedError(
            f"refund {given['id']} of {total.amount} {total.currency} at Square belongs to no "
            "order (a refund without its payment): book it by hand",
            reason="unlinked_refund",
        )
    status = given.get("status") or ""
    if status not in _STATES:
        raise Ignore(f"a refund whose state {shorten(status)} we do not know; read again later")
    state = _STATES[status]
    changed_at = given.get("updated_at") or given["created_at"]
    changed = moment(raw.topic, f"{at}/updated_at", changed_at)
    told = {
        name: value
        for name in ("reason", "destination_type", "status")
        if (value := given.get(name))
    }
    paid = given.get("payment_id")
    yield Event(
        type=f"refund.{state}",
        data=Refund(
            order=EntityRef(native_id=order),
            payment=EntityRef(native_id=paid) if paid else None,
            state=state,
            amount=total,
            requested_at=given["created_at"],
            failure=f"Square says {status}" if state == "failed" else None,
            updated_at=changed_at,
            extensions={MARK: told},
        ),
        native_id=given["id"],
        revision=revision_of(changed),
        occurred_at=changed,
    )


_REASONS = {
    "AMOUNT_DIFFERS": "general",
    "CANCELLED": "credit_not_processed",
    "DUPLICATE": "duplicate",
    "NO_KNOWLEDGE": "fraudulent",
    "NOT_AS_DESCRIBED": "not_as_described",
    "NOT_RECEIVED": "not_received",
    "PAID_BY_OTHER_MEANS": "duplicate",
    "CUSTOMER_REQUESTS_CREDIT": "credit_not_processed",
    "EMV_LIABILITY_SHIFT": "fraudulent",
}
_STANDS = {
    "INQUIRY_EVIDENCE_REQUIRED": "inquiry",
    "INQUIRY_PROCESSING": "inquiry",
    "INQUIRY_CLOSED": "won",
    "EVIDENCE_REQUIRED": "needs_response",
    "PROCESSING": "under_review",
    "WON": "won",
    "LOST": "lost",
    "ACCEPTED": "accepted",
}
_OVER = frozenset({"won", "lost", "accepted"})


def dispute(raw: Raw) -> Iterator[Fact]:
    """A bank calls a payment back."""
    data = DISPUTE.read(raw)["data"]
    given = data["object"]["dispute"]
    at = "/data/object/dispute"
    changed = moment(raw.topic, f"{at}/updated_at", given["updated_at"])
    word, why = given.get("state") or "", given.get("reason") or ""
    state = _STANDS.get(word, "other")
    over = state in _OVER
    opened = raw.topic == "dispute.created"
    yield Event(
        type=f"dispute.{'closed' if over else 'opened' if opened else 'changed'}",
        data=Dispute(
            payment=EntityRef(native_id=given["disputed_payment"]["payment_id"]),
            amount=money(raw.topic, f"{at}/amount_money", given["amount_money"]),
            reason=_REASONS.get(why, "other"),
            state=state,
            opened_at=given["created_at"],
            respond_by=given.get("due_at"),
            closed_at=given["updated_at"] if over else None,
            evidence=tuple(given.get("evidence_ids") or ()),
            updated_at=given["updated_at"],
            extensions={MARK: {"state": word, "reason": why}},
        ),
        native_id=data["id"],
        revision=revision_of(changed),
        occurred_at=changed,
    )


def returned(raw: Raw) -> Iterator[Fact]:
    """Goods handed back at the till: asked, agreed and received in one.

    RejectedError: Square does not say of which sale, so a person must book it.
    """
    record = shapes.RETURN.read(raw)
    given, order = record["returned"], record["order"]
    lines = given.get("return_line_items") or []
    if not lines:
        raise Ignore("money alone goes back; its refund tells of it")
    source = given.get("source_order_id")
    if not source:
        what = ", ".join(f"{one['quantity']} of {_name(record, one)}" for one in lines)
        raise RejectedError(
            f"return {record['id']} at Square was taken without a receipt, so its order is not "
            f"known: book {shorten(what)} at {record['place']} by hand",
            reason="unlinked_return",
        )
    changed = moment(raw.topic, "/order/updated_at", order["updated_at"])
    off = order.get("state") == "CANCELED"
    sums: dict[str, Back] = {}
    notes: dict[str, str] = {}
    for n, one in enumerate(lines):
        line_id = one.get("source_line_item_uid") or one.get("uid") or f"line:{n}"
        before = sums.get(line_id)
        quantity = Decimal(one["quantity"]) + (before.requested if before else 0)
        measure, word = unit((one.get("quantity_unit") or {}).get("measurement_unit"))
        if word:
            notes[line_id] = word
        sums[line_id] = Back(
            line_id=line_id,
            sku=_sku(record, one),
            unit=measure,
            requested=quantity,
            authorised=Decimal(0) if off else quantity,
            received=Decimal(0) if off else quantity,
            note=one.get("note"),
        )
    total = (given.get("return_amounts") or {}).get("total_money")
    yield Event(
        type="return.cancelled" if off else "return.received",
        data=Return(
            order=EntityRef(native_id=source),
            number=record["id"],
            lines=tuple(sums.values()),
            requested_at=order["created_at"],
            authorised_at=None if off else order["created_at"],
            received_at=None if off else order["created_at"],
            cancelled_at=order["updated_at"] if off else None,
            return_to=record["place"],
            expected_refund=money(raw.topic, "/returned/return_amounts/total_money", total)
            if total
            else None,
            source_status=order.get("state"),
            updated_at=order["updated_at"],
            extensions={MARK: {"units": notes}} if notes else {},
        ),
        native_id=record["id"],
        revision=revision_of(changed),
        occurred_at=changed,
    )


def _sku(record: shapes.ReturnRecord, line: shapes.ReturnLine) -> str | None:
    return shapes.sku_of(record.get("skus"), line.get("catalog_object_id"))


def _name(record: shapes.ReturnRecord, line: shapes.ReturnLine) -> str:
    return _sku(record, line) or line.get("catalog_object_id") or "an article without a name"

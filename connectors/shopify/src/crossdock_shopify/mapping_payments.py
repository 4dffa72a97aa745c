"""What Shopify says of payments: transactions and disputes. Pure."""

from collections.abc import Iterator

from crossdock import Event, Ignore, Raw, revision_of
from crossdock.canonical import Dispute, EntityRef, Money, PaymentTransaction
from crossdock.canonical.entity import Entity

from crossdock_shopify.order_parts import EXTENSION
from crossdock_shopify.reading import Obj

_KINDS = {
    "authorization": "authorisation",
    "emv_authorization": "authorisation",
    "capture": "capture",
    "sale": "sale",
    "void": "void",
    "refund": "refund",
    "change": "adjustment",
}
_STATES = {
    "success": "succeeded",
    "pending": "pending",
    "awaiting_response": "pending",
    "failure": "failed",
    "error": "failed",
}
_REASONS = {
    "fraudulent": "fraudulent",
    "unrecognized": "fraudulent",
    "product_not_received": "not_received",
    "product_unacceptable": "not_as_described",
    "duplicate": "duplicate",
    "credit_not_processed": "credit_not_processed",
    "general": "general",
}
_STANDS = {
    "needs_response": "needs_response",
    "under_review": "under_review",
    "charge_refunded": "accepted",
    "accepted": "accepted",
    "won": "won",
    "lost": "lost",
}


def transaction_events(body: Obj, raw: Raw) -> Iterator[Event[Entity]]:
    """`payment_transaction.recorded`. A tender is known by the transaction that began it."""
    kind = body.need_text("kind")
    if kind == "suggested_refund":
        raise Ignore("a suggested refund moves no money")
    native_id = body.need_id()
    at = body.moment("processed_at") or body.need_moment("created_at")
    amount = _money(body)
    order_id, parent = body.number("order_id"), body.number("parent_id")
    gateway = body.text("gateway")
    data = PaymentTransaction(
        payment=EntityRef(native_id=parent or native_id),
        order=EntityRef(native_id=order_id) if order_id else None,
        type=_KINDS.get(kind, "other"),
        state=_STATES.get(body.text("status") or "", "other"),
        amount=amount,
        occurred_at=at,
        provider_id=(body.text("authorization") or "")[:255] or None,
        parent=EntityRef(native_id=parent) if parent else None,
        error_code=body.text("error_code"),
        error=body.text("message"),
        extensions={
            EXTENSION: {
                **({"gateway": gateway} if gateway else {}),
                **({"test": True} if body.flag("test") else {}),
            }
        }
        if gateway or body.flag("test")
        else {},
    )
    yield Event(
        type="payment_transaction.recorded",
        data=data,
        native_id=native_id,
        revision=revision_of(at),
        occurred_at=at,
    )


def dispute_events(body: Obj, raw: Raw) -> Iterator[Event[Entity]]:
    """`dispute.opened`, `dispute.changed` or `dispute.closed`.

    The payload names the order and not the tender; so the order's id stands for both.
    """
    order_id = body.number("order_id")
    if order_id is None:
        raise Ignore("this dispute names no order")
    opened_at, closed_at = body.need_moment("initiated_at"), body.moment("finalized_on")
    status = body.text("status") or ""
    inquiry = body.text("type") == "inquiry"
    state = _STANDS.get(status, "other")
    data = Dispute(
        payment=EntityRef(native_id=order_id),
        order=EntityRef(native_id=order_id),
        amount=_money(body),
        reason=_REASONS.get(body.text("reason") or "", "other"),
        state="inquiry" if inquiry and state in {"needs_response", "other"} else state,
        opened_at=opened_at,
        respond_by=body.moment("evidence_due_by"),
        closed_at=closed_at,
    )
    fact = "closed" if closed_at else "opened" if raw.topic.endswith("create") else "changed"
    at = closed_at or opened_at
    yield Event(
        type=f"dispute.{fact}",
        data=data,
        native_id=body.need_id(),
        revision=revision_of(at),
        occurred_at=at,
    )


def _money(body: Obj) -> Money:
    currency = body.currency("currency") or body.fail("currency", "a currency", None)
    return body.need_money("amount", currency)

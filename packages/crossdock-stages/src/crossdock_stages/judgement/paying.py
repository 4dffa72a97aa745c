"""Money, where payment services tell of it: what was taken, what shall go back, and what went.

A service's word on money counts and a channel's does not; but a channel (or an ERP) may wish a
refund by telling a pending one. It is paid by the service that took the order's money, once, and
booked when that service says that it has succeeded. Without the domain `payments` all of it is
told by the channels (`booking`).
"""

import json
from dataclasses import replace
from typing import Any

from crossdock.canonical import EntityRef, Payment, PaymentTransaction, Payout, Ref, Refund
from crossdock.errors import RejectedError, UnavailableError

from crossdock_stages.book import Back, Book, Paid
from crossdock_stages.judgement import booking, orders
from crossdock_stages.judgement.basis import (
    NOT_TAKEN,
    UNCHANGED,
    Case,
    Decision,
    again,
    content_mark,
    recorded,
    unsupported,
)
from crossdock_stages.judgement.contradictions import Contradiction, in_refund
from crossdock_stages.ledger.things import Known
from crossdock_stages.values import changed

ASKED, PAID, FAILED = "asked", "paid", "failed"
"""States of a wished refund, once somebody was asked to pay it."""


class UnmatchedError(UnavailableError):
    """What a payment service told belongs to no order that is known; it may be captured yet."""

    code = "unmatched"


def payment(case: Case, data: Payment) -> Decision:
    """Money taken: kept with its order, for refunds go back there, and told to who books it."""
    if case.tie is None:
        return booking.payment(case, data)
    order = _tied(case, data.order)
    subject, speaker, before = case.envelope.subject, case.envelope.connection, case.before
    book = Book.load(order.facts)
    if book.currency and book.currency != data.currency:
        why = (
            f"{speaker} took {data.currency} with {case.envelope.native}, and {order.connection} "
            f"says the order is in {book.currency}"
        )
        return orders.contradicted(case, order, book, [Contradiction("two_currencies", why)])
    taken = data.captured.amount if data.captured else None
    facts = json.dumps({"order": order.id, "captured": f"{taken or 0:f}"})
    if before is not None and before.state == booking.BOOKED and before.facts == facts:
        know = case.learnt(case.mark(data), state=before.state, label=before.label)
        decision = recorded("nothing more is taken", know)
    else:
        decision = booking.payment(case, data)
    named = data.order.native_id if data.order else None
    paid = {key: value for key, value in book.payments.items() if key != subject}
    if taken:
        paid[subject] = Paid(speaker, case.envelope.native, named or "", taken)
    book = replace(book.without_holds_of(subject), payments=paid)
    # wishes that nobody could be asked for may be paid through this one
    waits = _unasked(book) if taken else ()
    told = orders.with_order(case, order, replace(order, facts=book.dump()), decision)
    kept = replace(told.know, facts=facts) if told.know else None
    return replace(told, know=kept, look_again=waits)


def transaction(case: Case, data: PaymentTransaction) -> Decision:
    """A payment service's deed as a channel tells it: it says which order a payment is for."""
    order = data.order.id if data.order else None
    know = case.learnt(content_mark(data), label=data.provider_id or "")
    facts = json.dumps({"order": order}) if order and data.provider_id else ""
    return recorded("recorded; nothing is booked for it", replace(know, facts=facts))


def payout(case: Case, data: Payout) -> Decision:
    """Money on its way to our bank; what is booked is the statement that it pays."""
    know = case.learnt(content_mark(data), label=data.number)
    if case.before is not None and case.before.digest == know.digest:
        return recorded(UNCHANGED, know)
    if data.state in {"failed", "cancelled"}:
        money = f"{data.amount.amount} {data.amount.currency}"
        return unsupported(
            f"{data.state}: a person looks",
            know,
            f"payout {data.number} of {money} is {data.state} at {case.envelope.connection}: "
            f"{data.failure or 'no reason told'}",
            "payout_failed",
        )
    return recorded(f"{data.state}; the statement that it pays is what is booked", know)


def refund(case: Case, data: Refund) -> Decision:
    """Money given back, or wished to be."""
    if case.tie is not None:
        return _told(case, data)
    before = case.before
    if before is not None and before.state in {ASKED, PAID, FAILED}:
        return _told_again(case, data, before)
    wished = data.state == "pending" and (before is None or before.state != booking.BOOKED)
    if case.envelope.connection not in case.rules.refund_for:
        return booking.refund(case, data)
    if wished:
        return _wished(case, data)
    order = booking.order_of(case, data)
    if data.state == "failed" and order is not None and _is_held(case, order):
        know = again(case.learnt(case.mark(data), label=case.envelope.native), NOT_TAKEN)
        return _let_go(case, order, recorded("called off before anybody was asked", know))
    decision = booking.refund(case, data)
    return replace(decision, settles=(*decision.settles, case.envelope.subject))


# what a channel wishes


def _wished(case: Case, data: Refund) -> Decision:
    order = booking.order_of(case, data)
    subject, speaker = case.envelope.subject, case.envelope.connection
    know = case.learnt(case.mark(data), label=case.envelope.native)
    what = _name(case, data)
    if order is None:
        words = f"{speaker} wishes {what} and names no order: nobody can be asked to pay it"
        return unsupported("it names no order", know, words, "unknown_order")
    book = Book.load(order.facts)
    found = list(
        in_refund(data, subject, book, speaker=speaker, channel=order.connection, wished=True)
    )
    if found:
        return orders.contradicted(case, order, book, found)
    through = _payer(case, data, book)
    if through is None:
        return _unpaid(case, data, order, book)
    payment_id, paid = through
    wishes = {**book.wishes, subject: Back(paid.by, data.amount.amount, payment_id)}
    book = replace(book.without_holds_of(subject), wishes=wishes)
    asked = data.model_copy(
        update={
            "order": EntityRef(id=order.id, native_id=paid.order or None),
            "payment": EntityRef(id=payment_id, native_id=paid.native),
        }
    )
    back = data.return_ref.id if data.return_ref else None
    wish = case.wish(
        paid.by, "refund.create", asked, queue=order.id, refs=(order.id, payment_id, back)
    )
    decision = Decision(
        applied=True,
        reason=f"wished: {paid.by} is asked to pay it, for it took {paid.native}",
        know=changed(know, state=ASKED, body=data.dump()),
        wishes=(wish,),
    )
    decision = orders.with_order(case, order, replace(order, facts=book.dump()), decision)
    return replace(decision, settles=tuple({*decision.settles, subject}))


def _payer(case: Case, data: Refund, book: Book) -> tuple[str, Paid] | None:
    """The payment it goes back to: of a service that pays refunds, and enough of it left."""
    fit = (
        (key, paid)
        for key, paid in book.payments.items()
        if paid.by in case.rules.payers
        and paid.by != case.domain.execute  # there it would only be booked
        and case.rules.can(paid.by, "refund.create")
        and book.left_of_payment(key) >= data.amount.amount
    )
    return next(fit, None)


def _unpaid(case: Case, data: Refund, order: Known, book: Book) -> Decision:
    """Nobody can be asked: it is tried again when a payment is told, or paid by hand."""
    subject = case.envelope.subject
    told = [
        f"{one.native} of {one.captured}{_less(book, key, one)} at {one.by}"
        for key, one in book.payments.items()
    ]
    there = f"its payments are {' and '.join(told)}" if told else "no payment of it is told"
    words = (
        f"{case.envelope.connection} wishes {_name(case, data)} for order {order.label}, and no "
        f"payment service can be asked to pay it: {there}"
    )
    wishes = {**book.wishes, subject: Back("", data.amount.amount)}
    book = replace(book.without_holds_of(subject), wishes=wishes)
    decision = Decision(
        applied=False,
        reason=f"held: {words}",
        exception=RejectedError(words, reason="no_payment"),
        held=True,
    )
    held = orders.with_order(case, order, replace(order, facts=book.dump()), decision)
    return replace(held, know=held.also[0], also=held.also[1:])


def _less(book: Book, payment: str, paid: Paid) -> str:
    left = book.left_of_payment(payment)
    return "" if left == paid.captured else f", of which {left} is left,"


def _told_again(case: Case, data: Refund, before: Known) -> Decision:
    """More of a wish that somebody was asked to pay: now that one's word counts."""
    wish = Refund.parse(before.body)
    know = changed(case.learnt(case.mark(data), state=before.state), label=before.label)
    know = replace(know, body=before.body)
    off = data.state == "failed" and before.state == ASKED
    if not off and data.amount == wish.amount:
        return recorded(f"{data.state}: the payment service's word on it counts", know)
    words = (
        f"{case.envelope.connection} says {_name(case, data)} is "
        f"{'called off' if off else 'of another amount'}, and it was asked to be paid as "
        f"{wish.amount.amount} {wish.amount.currency}"
    )
    decision = unsupported("changed after it was asked for", know, words, "refund_changed")
    order = booking.order_of(case, data)
    # what is paid all the same counts itself when it is told
    return _let_go(case, order, decision) if off and order is not None else decision


def _is_held(case: Case, order: Known) -> bool:
    """Whether this wish waits: nobody can be asked to pay it, or not so much."""
    subject, book = case.envelope.subject, Book.load(order.facts)
    return subject in book.wishes or any(one.about == subject for one in book.holds.values())


def _let_go(case: Case, order: Known, decision: Decision) -> Decision:
    """The same, and the order without this wish: what it reserved is free for others."""
    subject, book = case.envelope.subject, Book.load(order.facts)
    better = book.without_holds_of(subject).without_wish(subject)
    told = orders.with_order(case, order, replace(order, facts=better.dump()), decision)
    return replace(told, settles=tuple({*told.settles, subject}), look_again=_waiting(better))


def _waiting(book: Book) -> tuple[str, ...]:
    """Wishes that may go on once more of the money is free."""
    above = {
        hold.about
        for code, hold in book.holds.items()
        if code.partition("~")[0] == "refund_above_captured"
    }
    return (*above, *_unasked(book))


def _unasked(book: Book) -> tuple[str, ...]:
    """Wishes that nobody could be asked to pay."""
    return tuple(key for key, one in book.wishes.items() if not one.by)


# what a payment service says


def _told(case: Case, data: Refund) -> Decision:
    order = _tied(case, data.order)
    subject, speaker = case.envelope.subject, case.envelope.connection
    wish = case.known.get(case.tie.wish) if case.tie else None
    if wish is not None and (wish.kind != "refund" or not wish.body):
        wish = None
    whole = Refund.parse(wish.body) if wish is not None and wish.state == ASKED else None
    if whole is not None and wish is not None:
        data = _completed(data, whole, wish, Book.load(order.facts).wishes.get(wish.id))
    decision = booking.refund(case, data, order)
    if wish is None or whole is None or decision.held:
        return replace(decision, named=wish.id if wish is not None else "")
    if data.state == "pending":
        return replace(decision, named=wish.id)
    state = PAID if data.state == "succeeded" else FAILED
    also = tuple(_without(one, order.id, wish.id) for one in decision.also)
    exception = decision.exception
    if exception is None and state == PAID and data.amount != whole.amount:
        exception = RejectedError(
            f"{speaker} paid {_name(case, data)}, and {wish.connection} wished "
            f"{whole.amount.amount} {whole.amount.currency} with {wish.label}",
            reason="refund_changed",
        )
    return replace(
        decision,
        also=(*also, again(wish, state)),
        exception=exception,
        named=wish.id,
        settles=tuple({*decision.settles, subject}),
        look_again=_waiting(Book.load(order.facts)) if state == FAILED else (),
    )


def _without(known: Known, order_id: str, wish: str) -> Known:
    """The order without a wish that is answered."""
    if known.id != order_id:
        return known
    book = Book.load(known.facts)
    return replace(known, facts=book.without_wish(wish).dump())


def _completed(data: Refund, wish: Refund, known: Known, asked: Back | None) -> Refund:
    """The service's word on the money, with what only who wished it knows: for what it is."""
    told: dict[str, Any] = {"refs": (*data.refs, _ref(known))}
    if data.payment is None and asked is not None and asked.payment:
        told["payment"] = EntityRef(id=asked.payment)
    for name in ("return_ref", "reason"):
        if getattr(data, name) is None:
            told[name] = getattr(wish, name)
    if data.amount == wish.amount and not data.lines:
        told |= {"lines": wish.lines, "shipping": wish.shipping, "fee": wish.fee}
    return data.model_copy(update=told)


def _ref(wish: Known) -> Ref:
    return Ref(connection=wish.connection, kind="refund", value=wish.native_id)


def _tied(case: Case, ref: EntityRef | None) -> Known:
    order = case.known.get(ref.id) if ref is not None and ref.id else None
    if order is not None:
        return order
    named = ref.native_id if ref is not None else None
    how = f"names order {named!r}" if named else "names no order"
    raise UnmatchedError(
        f"{case.envelope.kind} {case.envelope.native} of {case.envelope.connection} {how}, and "
        "no one order that a channel captured is called so or names it; it waits for one that does",
        outcome="not_sent",
    )


def _name(case: Case, data: Refund) -> str:
    return f"refund {case.envelope.native} of {data.amount.amount} {data.amount.currency}"

"""What is captured in one system and booked in another: returns, refunds, payments, statements."""

from dataclasses import replace
from typing import Any

from crossdock.canonical import (
    Exchange,
    Payment,
    Promise,
    Refund,
    Return,
    ReturnReceipt,
    Settlement,
)
from crossdock.canonical.returns import return_status
from crossdock.errors import UnavailableError

from crossdock_stages.book import Back, Book, Part
from crossdock_stages.judgement import exchanges, holds, orders
from crossdock_stages.judgement.basis import (
    CANCELLED,
    NOT_TAKEN,
    UNCHANGED,
    Case,
    Decision,
    again,
    content_mark,
    mark_of,
    recorded,
    unsupported,
)
from crossdock_stages.judgement.contradictions import Contradiction, in_refund, in_return
from crossdock_stages.ledger.things import Known

BOOKED = "booked"


def returned(case: Case, data: Return) -> Decision:
    """A return: booked once it is agreed, called off when it is."""
    order = order_of(case, data)
    status = return_status(data)
    subject, speaker = case.envelope.subject, case.envelope.connection
    if order is not None:
        book = Book.load(order.facts)
        found = list(in_return(data, subject, book, speaker=speaker, channel=order.connection))
        if found:
            return orders.contradicted(case, order, book, found)
        lines = {line.line_id: line.requested - line.declined for line in data.lines}
        part = None if status in {"cancelled", "declined"} else Part(speaker, data.number, lines)
        book = book.with_part("returned", subject, part).without_holds_of(subject)
        known = replace(order, facts=book.dump())
        decision = orders.with_order(case, order, known, _returned(case, data, order, status))
        return exchanges.after_return(case, data, status, decision, order)
    return exchanges.after_return(case, data, status, _returned(case, data, None, status), None)


def _returned(case: Case, data: Return, order: Known | None, status: str) -> Decision:
    mark = return_mark(data)
    before = case.before
    know = case.learnt(mark, state=before.state if before else "", label=data.number)
    booked = before is not None and before.state == BOOKED
    if status in {"cancelled", "declined"}:
        if not booked:
            return recorded(f"{status}; nothing was booked", again(know, NOT_TAKEN))
        return _ask(case, data, "return.cancel", again(know, CANCELLED), order)
    if status == "requested":
        return recorded("asked for; it is booked when it is agreed", know)
    if data.keep_goods:
        return recorded("the customer keeps the goods; nothing comes back", again(know, NOT_TAKEN))
    if booked and before is not None:
        if before.digest == mark:
            return recorded(UNCHANGED, know)
        return _changed(case, know, f"return {data.number}")
    return _ask(case, data, "return.create", again(know, BOOKED), order)


def return_mark(data: Return) -> str:
    """Stands for the agreement: what arrives is told by receipts."""
    told = {"line_id", "sku", "requested", "authorised", "declined"}
    return mark_of(
        {
            "lines": [line.model_dump(mode="json", include=told) for line in data.lines],
            "off": return_status(data) in {"cancelled", "declined"},
        }
    )


def receipt(case: Case, data: ReturnReceipt) -> Decision:
    """Returned goods that were taken in."""
    order = order_of(case, data)
    decision = _once(case, data, "return_receipt", order, f"receipt at {data.location}")
    return exchanges.after_receipt(case, data, decision, order)


def exchange(case: Case, data: Exchange) -> Decision:
    """Goods given back for others: the new order waits for the return, by the rule."""
    order = order_of(case, data)
    subject, speaker = case.envelope.subject, case.envelope.connection
    know = case.learnt(content_mark(data), label=case.envelope.native)
    if order is None or (case.before is not None and case.before.digest == know.digest):
        return recorded("nothing changed" if order else "it names no order of ours", know)
    book = Book.load(order.facts)
    money = data.difference
    if money is not None and book.currency and money.currency != book.currency:
        why = (
            f"{speaker} says that {money.amount} {money.currency} are the difference of exchange "
            f"{case.envelope.native}, and {order.connection} says the order is in {book.currency}"
        )
        return orders.contradicted(case, order, book, [Contradiction("two_currencies", why)])
    decision = _exchange(case, data, know, order)
    better = book.without_holds_of(subject)
    if better == book:
        return decision
    more = orders.with_order(case, order, replace(order, facts=better.dump()), decision)
    return replace(more, also=(*decision.also, *more.also))


def _exchange(case: Case, data: Exchange, know: Known, order: Known) -> Decision:
    if data.cancelled_at is not None:
        why = f"{case.envelope.connection} called the exchange {case.envelope.native} off"
        off = exchanges.called_off(case, data, know, why)
        new = case.known.get((data.new_order.id if data.new_order else "") or "")
        if new is None or new.state in {NOT_TAKEN, CANCELLED}:
            return off
        refused = holds.refused(case, new, why, exchanges.NAME, "exchange_cancelled")
        return replace(refused, know=know, also=(*off.also, *refused.also))
    if data.closed_at is not None or case.envelope.name == "exchange.closed":
        return exchanges.closed(case, data, know, order)
    return exchanges.waiting(case, data, know, order)


def refund(case: Case, data: Refund, order: Known | None = None) -> Decision:
    """Money given back: booked when it has succeeded, for a pending one is only a promise."""
    order = order or order_of(case, data)
    subject, speaker = case.envelope.subject, case.envelope.connection
    if order is not None:
        book = Book.load(order.facts)
        found = list(in_refund(data, subject, book, speaker=speaker, channel=order.connection))
        if found:
            return orders.contradicted(case, order, book, found)
        given = {key: value for key, value in book.refunded.items() if key != subject}
        if data.state == "succeeded":
            payment = (data.payment.id if data.payment else "") or ""
            given[subject] = Back(speaker, data.amount.amount, payment)
        book = replace(book.without_holds_of(subject).without_wish(subject), refunded=given)
        known = replace(order, facts=book.dump())
        return orders.with_order(case, order, known, _refund(case, data, order))
    return _refund(case, data, None)


def _refund(case: Case, data: Refund, order: Known | None) -> Decision:
    number = f"refund {case.envelope.native} of {data.amount.amount} {data.amount.currency}"
    know = case.learnt(case.mark(data), label=case.envelope.native)
    before = case.before
    booked = before is not None and before.state == BOOKED
    if data.state == "pending" and not booked:
        return recorded("pending: a promise, not to be booked", know)
    if data.state != "succeeded":
        if not booked:
            return unsupported(
                "it failed; nothing was booked",
                again(know, NOT_TAKEN),
                f"{number} failed at {case.envelope.connection}: {data.failure or 'no reason told'}"
                "; the customer has not got the money",
                "refund_failed",
            )
        return unsupported(
            f"{data.state} after it was booked",
            again(know, BOOKED),
            f"{number} is {data.state} at {case.envelope.connection} after "
            f"{case.domain.execute} booked it",
            "refund_changed",
        )
    return _once(case, data, "refund", order, number)


def payment(case: Case, data: Payment) -> Decision:
    """Money taken: told to the executing system where that books payments."""
    order = order_of(case, data)
    know = case.learnt(case.mark(data), label=data.label or "")
    if data.captured is None or data.captured.amount == 0:
        return recorded("nothing is captured yet", know)
    target = case.domain.execute
    if not case.rules.can(target, "payment.create"):
        return recorded(f"recorded; {target} takes payments with the order", know)
    return _once(case, data, "payment", order, f"payment {case.envelope.native}")


def promise(case: Case, data: Promise) -> Decision:
    """What the customer was told about when goods come: kept with the order."""
    order = order_of(case, data)
    know = case.learnt(content_mark(data))
    until, since = data.deliver_by or data.ship_by, data.deliver_from
    if order is None or (until is None and since is None):
        return recorded("recorded; it names no time", know)
    before = Book.load(order.facts)
    book = replace(
        before,
        promised=until.isoformat() if until else "",
        awaited=since.isoformat() if since else "",
    )
    told = [f"not before {since.isoformat()}"] if since else []
    told += [f"until {until.isoformat()}"] if until else []
    decision = recorded(f"promised {' and '.join(told)}", know)
    # an order that is held for want of stock may be a preorder, which needs no person
    again = (order.id,) if "stock" in book.holds and book.awaited != before.awaited else ()
    return replace(decision, also=(replace(order, facts=book.dump()),), look_again=again)


def settlement(case: Case, data: Settlement) -> Decision:
    """A statement: booked once it is closed."""
    know = case.learnt(content_mark(data), label=data.number)
    if data.closed_at is None and case.envelope.name != "settlement.closed":
        return recorded("still open; it is booked when it is closed", know)
    return _once(case, data, "settlement", None, f"settlement {data.number}")


def _once(case: Case, data: Any, kind: str, order: Known | None, what: str) -> Decision:
    """Book it; a later change of what is booked is a person's work."""
    before = case.before
    know = case.learnt(case.mark(data), state=BOOKED, label=before.label if before else "")
    if before is not None and before.state == BOOKED:
        if before.digest == know.digest:
            return recorded(UNCHANGED, know)
        return _changed(case, know, what)
    return _ask(case, data, f"{kind}.create", know, order)


def _ask(case: Case, data: Any, verb: str, know: Known, order: Known | None) -> Decision:
    speaker, target = case.envelope.connection, case.domain.execute
    origin = order.connection if order else None
    wanted = [target]
    if verb.startswith("return_receipt."):
        wanted.append(origin)  # the channel refunds when the goods are there
    targets = [name for name in wanted if name and name != speaker]
    able = case.rules.able(dict.fromkeys(targets), verb)
    if not able:
        if not targets:
            return recorded("recorded; nobody else books it", know)
        return unsupported(
            f"{' and '.join(targets)} cannot carry out {verb}",
            know,
            f"{case.envelope.kind} {know.label or case.envelope.native} from {speaker} must be "
            f"booked by hand: the connector of {' and '.join(targets)} cannot carry out {verb}",
            "unsupported",
        )
    named = (getattr(data, name, None) for name in ("order", "return_ref", "payment"))
    refs = tuple(ref.id for ref in named if ref is not None)
    return Decision(
        applied=True,
        reason=f"{verb} asked of {', '.join(able)}",
        know=know,
        wishes=tuple(
            case.wish(name, verb, data, queue=order.id if order else "", refs=refs) for name in able
        ),
    )


def _changed(case: Case, know: Known, what: str) -> Decision:
    return unsupported(
        "changed after it was booked",
        know,
        f"{what} was changed at {case.envelope.connection} after {case.domain.execute} had "
        "booked it: carry the change over by hand",
        f"{case.envelope.kind}_changed",
    )


def order_of(case: Case, data: Any) -> Known | None:
    """The order it belongs to. UnavailableError: it is not known yet."""
    ref = data.order
    if ref is None or not ref.id:
        return None
    order = case.known.get(ref.id)
    if order is None:
        raise UnavailableError(
            f"{case.envelope.kind} {case.envelope.native} names order {ref.id} "
            f"({ref.native_id or 'no native id'}), which is not known yet",
            outcome="not_sent",
        )
    return order

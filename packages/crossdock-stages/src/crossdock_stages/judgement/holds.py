"""Reasons to wait, placed and released by people and reviewers."""

from dataclasses import replace

from crossdock.canonical import Cancellation, Hold
from crossdock.errors import RejectedError, UnavailableError
from crossdock.identity import PREFIXES

from crossdock_stages import book as books
from crossdock_stages.judgement import orders, stopping
from crossdock_stages.judgement.basis import (
    CANCELLED,
    HELD,
    NOT_TAKEN,
    REQUESTED,
    SUBMITTED,
    Case,
    Decision,
    Wish,
    evidence,
    mark_of,
    recorded,
    unsupported,
)
from crossdock_stages.ledger.things import Known

_OTHERS_NEWS = tuple(f"{PREFIXES[kind]}_" for kind in ("fulfillment", "return", "refund"))
OURSELVES = "crossdock"
"""Who speaks for the exception desk."""


def placed(case: Case, data: Hold) -> Decision:
    """A reviewer asks that an order waits."""
    order = _order(case, data)
    if order.state not in {HELD, REQUESTED, SUBMITTED}:
        return evidence(f"order {order.label} is {order.state}: it is too late to hold it")
    book = books.Book.load(order.facts)
    why = f"{case.envelope.connection}: {data.note or data.reason}"
    book = book.with_hold(data.reason, books.Hold(case.envelope.subject, why))
    passed = {name: who for name, who in book.passed.items() if name != data.reason}
    book = replace(book, passed=passed)
    if order.state == HELD:
        know = replace(order, facts=book.dump())
        return Decision(applied=True, reason=f"held: {why}", know=know)
    know, wishes, unable = stopping.stopped(case, order, book)
    decision = Decision(applied=True, reason=f"held: {why}", know=know, wishes=wishes)
    return (
        replace(decision, exception=stopping.unstopped(order.label, unable, why))
        if unable
        else decision
    )


def released(case: Case, data: Hold) -> Decision:
    """A reason to wait is gone: the order goes on when no other one is left.

    Who released it has judged the matter, so the check of that name is not asked again. News of
    others that contradicted the order is not applied, and the next such news is held again.
    """
    order = _order(case, data)
    book = books.Book.load(order.facts)
    who = data.released_by or case.envelope.connection
    hold = book.holds.get(data.reason)
    book = book.with_hold(data.reason, None)
    if hold is None or not hold.about.startswith(_OTHERS_NEWS):
        book = replace(book, passed={**book.passed, data.reason: who})
    know = replace(order, facts=book.dump())
    if order.state == NOT_TAKEN:
        return recorded("an order that is not taken", know)
    if book.holds:
        left = "; ".join(hold.why for hold in book.holds.values())
        return recorded(f"{data.reason} is settled by {who}; it still waits: {left}", know)
    decision = orders.resume(case, know)
    reason = f"{data.reason} is settled by {who}; {decision.reason}"[:2000]
    return replace(decision, reason=reason)


def declined(case: Case, data: Cancellation) -> Decision:
    """A reviewer says that the order must not be carried out, however late: it is held, and its
    channel is asked to cancel it, or a person is. The channel's answer calls off the rest."""
    order = _order(case, data)
    if order.state in {NOT_TAKEN, CANCELLED}:
        return recorded(f"order {order.label} is {order.state} already")
    why = f"{case.envelope.connection} declined it: {data.rejected_reason or data.reason}"
    return refused(case, order, why, data.reason, "declined")


def refused(case: Case, order: Known, why: str, name: str, code: str) -> Decision:
    """An order that must not be carried out; `name` is that of the reason to wait until then."""
    book, channel = books.Book.load(order.facts), order.connection
    wishes: tuple[Wish, ...] = ()
    unable: list[str] = []
    know = replace(order, state=NOT_TAKEN, facts=replace(book, holds={}).dump())
    if order.state != HELD:
        hold = books.Hold(case.envelope.subject, why)
        know, wishes, unable = stopping.stopped(case, order, book.with_hold(name, hold))
    able = case.rules.can(channel, "order.cancel") and not book.anything_shipped
    cancel = stopping.hold_order(case, order, channel, "cancel") if able else None
    if cancel is not None:
        return Decision(
            applied=True,
            reason=f"{why}; to be cancelled at {channel}",
            also=(know,),
            wishes=(*wishes, cancel),
            exception=stopping.unstopped(order.label, unable, why) if unable else None,
            went_on=order.id if order.state == HELD else "",
        )
    left = " after a part of it has left" if book.anything_shipped else ""
    return Decision(
        applied=True,
        reason=why,
        also=(know,),
        wishes=wishes,
        exception=RejectedError(
            f"order {order.label}: {why}{left}; cancel it at {channel}", reason=code
        ),
    )


def asked_to_cancel(case: Case, data: Cancellation) -> Decision:
    """A channel's customer asks to cancel: asking is not cancelling, so a person answers."""
    order = _order(case, data)
    # not when: some channels state the wish with each change of the order, and no time of its own
    know = case.learnt(
        mark_of([data.state, data.reason, [line.model_dump(mode="json") for line in data.lines]])
    )
    if case.before is not None and case.before.digest == know.digest:
        return recorded("nothing changed", know)
    if data.state != "requested" or order.state not in {HELD, REQUESTED, SUBMITTED}:
        return recorded(f"{data.state}; the order is {order.state}", know)
    what = "a part of order" if data.lines else "order"
    return unsupported(
        "asked for; a person answers it",
        know,
        f"{data.requested_by} asks {case.envelope.connection} to cancel {what} {order.label} "
        f"({data.reason}), which was {order.state}",
        "cancellation_requested",
    )


def _order(case: Case, data: Hold | Cancellation) -> Known:
    order = case.known.get(data.order.id or "")
    if order is None:
        raise UnavailableError(
            f"{case.envelope.kind} {case.envelope.native} names order {data.order.id}, "
            "which is not known yet",
            outcome="not_sent",
        )
    return order

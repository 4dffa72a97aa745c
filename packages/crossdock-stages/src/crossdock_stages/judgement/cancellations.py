"""Wishes to cancel: asking is not cancelling, so the order waits until somebody has decided."""

from dataclasses import replace

from crossdock.canonical import Cancellation
from crossdock.errors import UnavailableError

from crossdock_stages.book import Book
from crossdock_stages.judgement import orders
from crossdock_stages.judgement.basis import (
    CANCELLED,
    NOT_TAKEN,
    UNCHANGED,
    Case,
    Decision,
    evidence,
    recorded,
)
from crossdock_stages.judgement.contradictions import Contradiction

CODE = "cancellation_requested"


def judge(case: Case, data: Cancellation) -> Decision:
    """A wish to cancel, as the channel tells it.

    What has not left is held, here or where the order is executed, and a person is asked; that
    the channel tells the wish again with each change of the order is no news.
    UnavailableError: its order is not known yet.
    """
    envelope = case.envelope
    order = case.known.get(data.order.id or "")
    if order is None:
        if data.order.id:
            raise UnavailableError(
                f"cancellation {envelope.native} names order {data.order.id}, "
                "which is not known yet",
                outcome="not_sent",
            )
        return evidence("names no order")
    book = Book.load(order.facts)
    if data.state != "requested":
        known = replace(order, facts=book.without_holds_of(envelope.subject).dump())
        settled = recorded(f"the wish to cancel order {order.label} was {data.state}")
        return orders.with_order(case, order, known, settled)
    if order.state in {CANCELLED, NOT_TAKEN}:
        return recorded(f"order {order.label} is cancelled or not taken already")
    if CODE in book.passed:
        return recorded(f"{book.passed[CODE]} has decided that order {order.label} goes on")
    if CODE in book.holds and not envelope.retry:
        return recorded(UNCHANGED)  # looked at again, it is the same question: ask it again
    asked = {line.line_id: line.quantity for line in data.lines} or dict.fromkeys(book.lines)
    left = {line_id: book.open_of(line_id) for line_id in asked if book.open_of(line_id) > 0}
    if not left:
        return recorded(f"too late: all of order {order.label} that is meant has left")
    what = ", ".join(f"{quantity.normalize():f} of line {line}" for line, quantity in left.items())
    why = (
        f"the {data.requested_by} asks at {envelope.connection} to cancel it ({data.reason}); "
        f"still to leave: {what}"
    )
    return orders.contradicted(case, order, book, [Contradiction(CODE, why)])

"""Reasons to wait, placed and released by people and reviewers."""

from dataclasses import replace

from crossdock.canonical import Hold
from crossdock.errors import UnavailableError
from crossdock.identity import PREFIXES

from crossdock_stages import book as books
from crossdock_stages.judgement import orders
from crossdock_stages.judgement.basis import (
    HELD,
    NOT_TAKEN,
    REQUESTED,
    SUBMITTED,
    Case,
    Decision,
    Wish,
    evidence,
    recorded,
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
    execute = _execute(case, order)
    wishes: tuple[Wish, ...] = ()
    if order.state != HELD and execute and case.rules.can(execute, "order.hold"):
        wish = orders.hold_order(case, order, execute, "hold")
        if wish is not None:
            wishes, book = (wish,), replace(book, held_there=True)
    reason = f"held: {why}"
    return Decision(
        applied=True, reason=reason, know=replace(order, facts=book.dump()), wishes=wishes
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


def _execute(case: Case, order: Known) -> str | None:
    return case.domain.part(channel=order.connection).execute


def _order(case: Case, data: Hold) -> Known:
    order = case.known.get(data.order.id or "")
    if order is None:
        raise UnavailableError(
            f"hold {case.envelope.native} names order {data.order.id}, which is not known yet",
            outcome="not_sent",
        )
    return order

"""Exchanges: new goods that wait until what they are exchanged for has come back.

An exchange ties a return to a new order. Two small rows of knowledge keep the tie, one found from
the new order and one from the return, so that either may be told of first.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from crossdock.canonical import Entity, EntityRef, Exchange, Order, Return, ReturnReceipt
from crossdock.checks import Verdict
from crossdock.errors import RejectedError
from crossdock.events import Envelope
from crossdock.identity import digest

from crossdock_stages.book import ZERO, Book, Hold
from crossdock_stages.judgement import stopping
from crossdock_stages.judgement.basis import (
    HELD,
    REQUESTED,
    SUBMITTED,
    Case,
    Decision,
    recorded,
)
from crossdock_stages.ledger.things import Known

NAME = "exchange"
"""Of the reason to wait, and of its verdict beside the checks."""
KIND = "exchange_link"
WAITS, FREE, OFF = "waits", "free", "off"


def of_order(order_id: str) -> str:
    """The id of what is known of the exchange that a new order belongs to."""
    return f"xo:{order_id}"


def of_return(return_id: str) -> str:
    """The id of what is known of the exchange that a return belongs to."""
    return f"xr:{return_id}"


def subjects(envelope: Envelope, data: Entity) -> tuple[str, ...]:
    """Ids of the knowledge that a judgement on this event needs for exchanges."""
    if isinstance(data, Order):
        return (of_order(envelope.subject),)
    if isinstance(data, Return):
        return (of_return(envelope.subject),)
    if isinstance(data, ReturnReceipt):
        ref = data.return_ref
        return (of_return(ref.id),) if ref is not None and ref.id else ()
    if isinstance(data, Exchange) and isinstance(data.new_order, EntityRef) and data.new_order.id:
        return (data.new_order.id,)
    return ()


def verdict(case: Case, passed: Mapping[str, str]) -> tuple[Verdict, ...]:
    """What stands in the way of a new order that belongs to an exchange; empty for all others."""
    link = case.known.get(of_order(case.envelope.subject))
    if link is None:
        return ()
    if NAME in passed:
        return (Verdict(NAME, "pass", f"let pass by {passed[NAME]}"),)
    if link.state == FREE:
        return (Verdict(NAME, "pass", "what it is exchanged for has come back"),)
    why = str(json.loads(link.facts)["why"])
    if link.state == OFF:
        return (Verdict(NAME, "review", why, "exchange_cancelled"),)
    return (Verdict(NAME, "hold", why, "awaiting_return"),)


def waiting(case: Case, data: Exchange, know: Known, order: Known) -> Decision:
    """An exchange that is agreed: its new order waits, where the rule says so."""
    new_id = data.new_order.id if data.new_order else None
    if not new_id:
        return recorded("its new goods are not ordered yet", know)
    rule = case.domain.exchanges
    if data.ship_first or rule == "agreed":
        return recorded("its new goods leave at once", know)
    return_id = data.return_ref.id or ""
    back = case.known.get(return_id)
    number = back.label if back is not None and back.label else data.return_ref.native_id or "?"
    facts = json.loads(back.facts) if back is not None and back.facts else {}
    if _has_come(facts, _expected(order, return_id), rule):
        links = _links(case, new_id, return_id, FREE, "")
        return replace(recorded(f"return {number} is here already", know), also=links)
    why = (
        f"{case.envelope.connection} gives it in exchange for goods of order {order.label}, and "
        f"return {number} is not {rule} yet"
    )
    links = _links(case, new_id, return_id, WAITS, why)
    decision = Decision(applied=True, reason=f"its new goods wait: {why}", know=know, also=links)
    new = case.known.get(new_id)
    if new is None or new.state not in {HELD, REQUESTED, SUBMITTED}:
        return decision
    book = Book.load(new.facts)
    if book.anything_shipped:
        return replace(decision, reason="its new goods have left already")
    if new.state == HELD:  # its own news and the checks look at the link
        held = replace(new, facts=book.with_hold(NAME, Hold(new.id, why)).dump())
        return replace(decision, also=(*links, held))
    book = book.with_hold(NAME, Hold(case.envelope.subject, why))
    stopped, wishes, unable = stopping.stopped(case, new, book)
    error = stopping.unstopped(new.label, unable, why) if unable else None
    return replace(decision, also=(*links, stopped), wishes=wishes, exception=error)


def called_off(case: Case, data: Exchange, know: Known, why: str) -> Decision:
    """Its new goods must not leave: what is known of them from now on (`holds` refuses those)."""
    new_id = data.new_order.id if data.new_order else None
    if not new_id:
        return recorded("called off before anything was ordered", know)
    links = _links(case, new_id, data.return_ref.id or "", OFF, why)
    return Decision(applied=True, reason=why, know=know, also=links)


def closed(case: Case, data: Exchange, know: Known, order: Known) -> Decision:
    """Both sides are done: the difference must have been paid or paid back."""
    new_id = data.new_order.id if data.new_order else None
    links: tuple[Known, ...] = ()
    lets_go: tuple[tuple[str, str, str], ...] = ()
    if new_id:
        links = _links(case, new_id, data.return_ref.id or "", FREE, "")
        before = case.known.get(new_id)
        if before is not None and NAME in Book.load(before.facts).holds:
            lets_go = ((new_id, NAME, f"{case.envelope.connection}: the exchange is closed"),)
    return Decision(
        applied=True,
        reason="closed",
        know=know,
        also=links,
        lets_go=lets_go,
        exception=_difference(case, data, order),
    )


def _difference(case: Case, data: Exchange, order: Known) -> RejectedError | None:
    money = data.difference
    if money is None or money.amount == 0:
        return None
    speaker, what = case.envelope.connection, f"exchange {case.envelope.native}"
    if money.amount < 0:
        given = Book.load(order.facts).refunds()
        if given >= -money.amount:
            return None
        told = f"{-money.amount} {money.currency} were to be paid back, and refunds of {given}"
        words = f"{speaker} closed {what} of order {order.label}: {told} {money.currency} are told"
    else:
        new = case.known.get((data.new_order.id if data.new_order else "") or "")
        taken = Book.load(new.facts).captured if new is not None else None
        if new is None or taken is None or taken >= money.amount:
            return None
        told = f"{money.amount} {money.currency} were to be paid, and {taken} are"
        words = f"{speaker} closed {what} of order {order.label}: {told} with order {new.label}"
    return RejectedError(words, reason="exchange_difference")


def after_return(
    case: Case, data: Return, status: str, decision: Decision, order: Known | None
) -> Decision:
    """The same decision, and the new goods go on where this return was waited for and is here."""
    if decision.know is None or decision.held:
        return decision
    before = case.before
    facts = json.loads(before.facts) if before is not None and before.facts else {}
    facts["status"] = "kept" if data.keep_goods and status != "requested" else status
    decision = replace(decision, know=replace(decision.know, facts=json.dumps(facts)))
    link = case.known.get(of_return(case.envelope.subject))
    if link is None or link.state != WAITS:
        return decision
    if status in {"cancelled", "declined"} and decision.exception is None:
        why = json.loads(link.facts)["why"]
        error = RejectedError(
            f"return {data.number} was {status} at {case.envelope.connection}, and an order waits "
            f"for it: {why}",
            reason="exchange_without_return",
        )
        return replace(decision, exception=error, case_id=digest("exchange", link.id))
    expected = {line.line_id: line.requested - line.declined for line in data.lines}
    return _let_go(case, link, facts, expected, decision, f"return {data.number} is {status}")


def after_receipt(
    case: Case, data: ReturnReceipt, decision: Decision, order: Known | None
) -> Decision:
    """The same, by what a house took in of a return."""
    ref = data.return_ref
    back = case.known.get(ref.id) if ref is not None and ref.id else None
    if back is None or order is None or decision.know is None:
        return decision
    facts = json.loads(back.facts) if back.facts else {}
    got = {line.line_id: str(line.quantity) for line in data.lines}
    facts["got"] = {**facts.get("got", {}), case.envelope.subject: got}
    back = replace(back, facts=json.dumps(facts))
    decision = replace(decision, also=(*decision.also, back))
    link = case.known.get(of_return(back.id))
    if link is None or link.state != WAITS:
        return decision
    why = f"{case.envelope.connection} took it in"
    return _let_go(case, link, facts, _expected(order, back.id), decision, why)


def _let_go(
    case: Case,
    link: Known,
    facts: Mapping[str, Any],
    expected: Mapping[str, Decimal],
    decision: Decision,
    why: str,
) -> Decision:
    if not _has_come(facts, expected, case.domain.exchanges):
        return decision
    tie = json.loads(link.facts)
    links = _links(case, tie["new"], tie["return"], FREE, "")
    lets_go = ((tie["new"], NAME, f"crossdock: {why}"),)
    return replace(decision, also=(*decision.also, *links), lets_go=lets_go)


def _has_come(facts: Mapping[str, Any], expected: Mapping[str, Decimal], rule: str) -> bool:
    """Whether a return is here, as the rule means it. What a house took in it has looked at."""
    status = facts.get("status")
    if status in {"inspected", "closed", "kept"} or (status == "received" and rule == "received"):
        return True
    receipts = facts.get("got", {}).values()
    if not receipts or not expected:
        return False
    return all(
        sum((Decimal(one.get(line, "0")) for one in receipts), ZERO) >= amount
        for line, amount in expected.items()
    )


def _expected(order: Known, return_id: str) -> Mapping[str, Decimal]:
    part = Book.load(order.facts).returned.get(return_id)
    return part.lines if part is not None else {}


def _links(case: Case, new_id: str, return_id: str, state: str, why: str) -> tuple[Known, Known]:
    facts = json.dumps({"new": new_id, "return": return_id, "why": why})
    one, other = (
        Known(
            id=name,
            kind=KIND,
            connection=case.envelope.connection,
            native_id="",
            revision="",
            digest="",
            state=state,
            facts=facts,
        )
        for name in (of_order(new_id), of_return(return_id))
    )
    return one, other

"""What happens next when something fails. The only place that decides it.

ContractError     dead letter            the data will not get better
RateLimitedError  wait as long as asked  the vendor said when
UnavailableError  wait, longer each time for `patience_s`, then the exception desk
ConflictError     three quick tries      then the exception desk
RejectedError     exception desk         a person must settle it
AuthError         wait a minute          the connection pauses, a person is told
anything else     dead letter            a bug of ours or of a connector
"""

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from crossdock.bus import Outgoing
from crossdock.errors import (
    AuthError,
    ConflictError,
    ContractError,
    CrossdockError,
    PermanentError,
    RateLimitedError,
    RejectedError,
    TransientError,
)
from sqlalchemy.engine import Connection

from crossdock_stages.ledger import desk
from crossdock_stages.ledger.desk import Stuck, Waiter

FIRST_DELAY_S = 0.5
LONGEST_DELAY_S = 120.0
PATIENCE_S = 24 * 3600.0
"""How long a passing fault may last before a person is asked."""
AUTH_DELAY_S = 60.0
CONFLICT_TRIES = 3
BEHIND_S = 1.0
"""How often a message that only stands in line is looked at again, at least."""

SUGGESTIONS: Mapping[str, str] = {
    "rejected": "Read the other system's words, correct the data on either side, then retry.",
    "conflict": "The record changed under us three times; look at it there, then retry.",
    "auth": "Renew the credential or the right it lacks; waiting messages go on by themselves.",
    "poll_failed": "Put the connection right as it says; once it answers, this case closes.",
    "unavailable": "The other system has been away too long; see whether it is up, then retry.",
    "rate_limited": "The other system asks for patience without end; see its limits, then retry.",
    "order_cancelled": "The order was cancelled after it reached the target; cancel it there too.",
    "order_edited": "The order changed after it reached the target; carry the change over by hand.",
    "delivery_conflict": "The sender used one delivery id for two contents; ask it which is right.",
    "privacy_data_request": "Gather what all systems hold of this customer, send it, then resolve.",
    "privacy_redact_customer": "Erase this customer in every system you may, then resolve.",
    "privacy_redact_shop": "Erase this shop's data in every system you may, then resolve.",
    "unsupported": "Book it by hand in the system that is named, then resolve.",
    "declined": "Cancel the order at its channel, then resolve.",
    "unmatched": "See at the payment service which order it paid; book it there by hand.",
    "no_payment": "Pay the refund by hand where the money came from, then resolve.",
    "payout_failed": "Correct the bank account at the payment service, then resolve.",
    "refund_failed": "The customer has not got the money: refund it another way, then resolve.",
    "return_changed": "Carry the change over by hand, then resolve.",
    "refund_changed": "Compare the booking with the payment service, correct it, then resolve.",
    "oversold": "Find the goods elsewhere, split or cancel the order, then retry or resolve.",
    "negative_stock": "Count what lies there and correct it at its owner: that settles it.",
    "not_stopped": "Ask the system that is named to wait with this order, by hand.",
    "exchange_cancelled": "Cancel the new order at its channel, or let it go on by resolving.",
    "exchange_without_return": "Cancel the new order at its channel, or release it.",
    "exchange_difference": "Refund or charge the difference at the channel, then resolve.",
    "other_currency": "Correct the price at its owner, or the deployment's `currency`; then retry.",
    "other_taxes": "Correct the price list at its owner, or `tax` in the deployment; then retry.",
    "two_regions": "Make one price list for each region at its owner.",
    "not_instructed": "Tell the house that is named what to ship, by hand, then resolve.",
    "cancellation_requested": "Answer it at the channel; a cancelled order is called off here.",
    "reconcile_vanished": "See why it is gone there; create it again there, or cancel the order.",
    "reconcile_not_executed": "See in the other system whether it is there, and enter it if not.",
    "reconcile_not_booked": "See in the other system whether it is there, and book it if not.",
    "reconcile_differs": "Put the order right in the system that is wrong; nothing is overwritten.",
    "reconcile_doubled": "See which of the two is the right one there, and cancel the other.",
    "reconcile_shipped": "See whether the parcel has left, and put channel or house right.",
    "reconcile_unlisted": "See whether it shall be sold there; list it again, or leave it out.",
    "reconcile_copy": "Count what lies there; the owner's figure is told with its next change.",
    "reconcile_unreadable": "Correct the record there, or the connector's mapping.",
    "duplicate_order": "Cancel one of the two at the channel, or resolve to let both go on.",
    "total_differs": "Correct the order at the channel and retry, or resolve to take it as it is.",
    "tax_differs": "Correct the order at the channel and retry, or resolve to take it as it is.",
    "no_address": "Ask the customer for an address; the order goes on by itself when it is there.",
    "bad_address": "Complete the address at the channel; the order goes on by itself then.",
    "no_shipping_method": "Choose a way of shipping at the channel, or resolve to go on without.",
    "cancelled_after_shipping": "Stop the parcel or await its return, and tell the channel.",
    "cancelled_after_delivery": "Agree on a return with the customer, and tell the channel.",
    "shipped_more_than_ordered": "Ask the house what left; retry after the order was edited.",
    "shipped_while_held": "Ask the house why it shipped; release the order, then retry this.",
    "shipped_after_cancellation": "Stop the parcel or await its return, then resolve.",
    "refund_above_captured": "Ask the payment service which is right, then retry or resolve.",
    "two_currencies": "Correct the order at the channel, then retry.",
    "unknown_line": "Ask the sender which line it means; retry after the order was edited.",
    "unknown_sku": "Correct the SKU on one side, then retry.",
    "short_shipped": "Ask the house for the rest, or cancel it at the channel; then resolve.",
    "document_refused": "Correct what the other side names, there or here, then have it sent anew.",
    "unacknowledged": "Ask the other side whether it has it; if not, have it sent again.",
    "no_sku": "Give the article a SKU at the channel, then retry.",
    "charset": "Agree on a wider charset with the other side, or correct the text, then retry.",
    "too_long": "Shorten the value, or agree with the other side on a longer one, then retry.",
    "unknown_order": "This names an order that was never captured; import it, then retry.",
}


@dataclass(frozen=True)
class Verdict:
    """What to do with a message that failed."""

    kind: Literal["wait", "desk", "dead"]
    code: str
    reason: str
    delay_s: float = 0.0
    severity: str = "error"


def judge(
    error: BaseException, *, attempts: int, waited_s: float, patience_s: float = PATIENCE_S
) -> Verdict:
    """The verdict on a message's `attempts`-th failure, `waited_s` after its first."""
    reason = str(error) or type(error).__name__
    if isinstance(error, ContractError):
        return Verdict("dead", "contract", reason)
    if isinstance(error, RateLimitedError):
        if waited_s > patience_s:
            return Verdict("desk", "rate_limited", reason)
        return Verdict("wait", "rate_limited", reason, _jitter(max(error.retry_after_s, 0.05)))
    if isinstance(error, TransientError):
        if waited_s > patience_s:
            return Verdict("desk", error.code, reason)
        return Verdict("wait", error.code, reason, backoff(attempts))
    if isinstance(error, AuthError):
        return Verdict("wait", "auth", reason, _jitter(AUTH_DELAY_S))
    if isinstance(error, ConflictError) and attempts < CONFLICT_TRIES:
        return Verdict("wait", "conflict", reason, backoff(attempts))
    if isinstance(error, RejectedError):
        return Verdict("desk", error.reason, reason)
    if isinstance(error, PermanentError):
        return Verdict("desk", error.code, reason)
    if isinstance(error, CrossdockError):
        return Verdict("dead", error.code, reason)
    return Verdict("dead", "bug", f"{type(error).__name__}: {reason}")


def backoff(attempts: int) -> float:
    """0.5 s, doubled with each attempt up to two minutes, with jitter of a quarter."""
    return _jitter(min(FIRST_DELAY_S * 2.0 ** min(attempts - 1, 20), LONGEST_DELAY_S))


def _jitter(delay_s: float) -> float:
    return delay_s * random.uniform(0.75, 1.25)  # noqa: S311 - no secret hangs on it


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A message of a stage, and what went wrong with it. `behind` means: only its place in line."""

    message: Outgoing
    connection: str
    entity_key: str
    entity_id: str = ""
    topic: str = ""
    error: BaseException | None = None
    behind: str = ""
    place: int = 0
    """Its order within the entity where that is known; else the order of parking."""


@dataclass(frozen=True)
class Settled:
    """How the troubles of a batch ended, by message id."""

    waiting: frozenset[str]
    desk: frozenset[str]
    dead: frozenset[str]


def settle(
    tx: Connection,
    stage: str,
    troubles: Sequence[Trouble],
    queues: Mapping[str, Sequence[Waiter]],
    *,
    now: float | None = None,
    patience_s: float = PATIENCE_S,
) -> Settled:
    """Write each trouble to exactly one of: waiting, exception desk, dead letters."""
    now = time.time() if now is None else now
    waits: list[Stuck] = []
    exceptions: list[tuple[Stuck, str, str]] = []
    buried: list[Stuck] = []
    for order, trouble in enumerate(troubles):
        before = next(
            (w for w in queues.get(trouble.entity_key, ()) if w.message_id == trouble.message.id),
            None,
        )
        attempts = before.attempts if before else 0
        stuck = Stuck(
            stage=stage,
            message_id=trouble.message.id,
            connection=trouble.connection,
            entity_key=trouble.entity_key,
            entity_id=trouble.entity_id,
            topic=trouble.topic,
            address=trouble.message.address,
            headers={k: v for k, v in trouble.message.headers.items() if k != "ce-retry"},
            body=trouble.message.body,
            code="behind",
            reason=trouble.behind,
            attempts=attempts,
            next_at=now + BEHIND_S if before else now,
            place=trouble.place or int(now * 1e6) + order,
        )
        if trouble.error is None:
            waits.append(stuck)
            continue
        verdict = judge(
            trouble.error,
            attempts=attempts + 1,
            waited_s=now - before.first_at if before else 0.0,
            patience_s=patience_s,
        )
        pointer = trouble.error.pointer if isinstance(trouble.error, ContractError) else ""
        stuck = replace(
            stuck,
            code=verdict.code,
            reason=verdict.reason,
            pointer=pointer,
            attempts=attempts + 1,
            next_at=now + verdict.delay_s,
        )
        if verdict.kind == "wait":
            waits.append(stuck)
        elif verdict.kind == "desk":
            suggestion = SUGGESTIONS.get(verdict.code, SUGGESTIONS["rejected"])
            exceptions.append((stuck, verdict.severity, suggestion))
        else:
            buried.append(stuck)
    desk.park(tx, waits, now)
    desk.open_exceptions(tx, exceptions, now)
    desk.bury(tx, buried, now)
    ended = [stuck.message_id for stuck, _, _ in exceptions] + [s.message_id for s in buried]
    desk.release(tx, stage, ended)
    return Settled(
        frozenset(s.message_id for s in waits),
        frozenset(stuck.message_id for stuck, _, _ in exceptions),
        frozenset(s.message_id for s in buried),
    )

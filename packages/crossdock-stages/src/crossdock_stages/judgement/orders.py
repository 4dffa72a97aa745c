"""Orders: taken, edited, cancelled."""

import json
from dataclasses import replace
from typing import Any

from crossdock import jsontext
from crossdock.canonical import Order
from crossdock.errors import RejectedError
from crossdock.events import Envelope
from crossdock.identity import fingerprint

from crossdock_stages.judgement import shipping
from crossdock_stages.judgement.basis import (
    CANCELLED,
    NOT_TAKEN,
    REQUESTED,
    SUBMITTED,
    UNCHANGED,
    Case,
    Decision,
    Knowledge,
    Wish,
    again,
    evidence,
    recorded,
)


def submitted(envelope: Envelope, known: Knowledge) -> Decision:
    """The executing system has taken it: news of our own."""
    before = known.get(envelope.subject)
    if before is None:
        return evidence("an order we know nothing of")
    if before.state == CANCELLED:
        return recorded(f"accepted by {envelope.connection}, then cancelled")
    return recorded(
        f"accepted by {envelope.connection} as {envelope.native}", again(before, SUBMITTED)
    )


def judge(case: Case, order: Order) -> Decision:
    """An order as its channel states it now."""
    envelope, rules, before = case.envelope, case.rules, case.before
    region = shipping.region_of(order, rules)
    target = case.domain.part(channel=envelope.connection, region=region).execute
    know = case.learnt(
        order_digest(order), state=before.state if before else "", label=order.number
    )
    foreign = [line.line_id for line in order.lines if line.fulfilled_by not in shipping.OURS]
    if foreign:
        know = replace(know, facts=json.dumps({"foreign": foreign}))
    if target is None:
        return recorded("recorded; no system executes orders", know)

    def wish(verb: str, key: str = "") -> Wish:
        customer = order.customer.id if order.customer else None
        return case.wish(target, f"order.{verb}", order, key=key, refs=(order.id, customer))

    if before is None:
        if order.cancelled_at is not None:
            return recorded(f"cancelled before it reached {target}", again(know, NOT_TAKEN))
        if order.test and rules.production:
            return recorded("a test order, and this is production", again(know, NOT_TAKEN))
        houses = shipping.instructions(case, order, target)
        also = f", and to be shipped by {', '.join(w.target for w in houses)}" if houses else ""
        return Decision(
            applied=True,
            reason=f"to be created at {target}{also}",
            know=again(know, REQUESTED),
            wishes=(wish("create"), *houses),
        )
    if before.state == NOT_TAKEN:
        return recorded("an order that is not taken", know)
    if order.cancelled_at is not None:
        if before.state == CANCELLED:
            return recorded("cancelled already", know)
        houses = shipping.instructions(case, order, target, verb="cancel")
        if not rules.can(target, "order.cancel"):
            return Decision(
                applied=True,
                reason=f"cancelled after it was given to {target}",
                know=again(know, CANCELLED),
                wishes=houses,
                exception=RejectedError(
                    f"order {order.number} was cancelled at {envelope.connection} after it was "
                    f"given to {target}, and the connector of {target} cannot cancel",
                    reason="order_cancelled",
                ),
            )
        return Decision(
            applied=True,
            reason=f"to be cancelled at {target}",
            know=again(know, CANCELLED),
            wishes=(wish("cancel"), *houses),
        )
    if before.digest == know.digest:
        return recorded(UNCHANGED, know)
    if rules.can(target, "order.update"):
        return Decision(
            applied=True,
            reason=f"to be updated at {target}",
            know=know,
            wishes=(wish("update", f"{case.moment}:{know.digest}"),),
        )
    return Decision(
        applied=True,
        reason=f"edited after it was given to {target}",
        know=know,
        exception=RejectedError(
            f"order {order.number} was edited at {envelope.connection} after it was given to "
            f"{target}, and the connector of {target} cannot take edits",
            reason="order_edited",
        ),
    )


_LINE = {"line_id", "sku", "ordered", "cancelled", "unit_price", "discounts", "taxes"}
_MATTER: Any = {
    "lines": {"__all__": _LINE},
    "shipping": True,
    "totals": True,
    "currency": True,
    "shipping_address": True,
    "billing_address": True,
}


def order_digest(order: Order) -> str:
    """Stands for what the executing system must know: goods, prices, addresses, totals."""
    return fingerprint(jsontext.canonical(order.model_dump(mode="json", include=_MATTER)))

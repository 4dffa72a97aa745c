"""What follows from one event: a pure function of the event, what is known, and the rules.

fact + known + rules → Decision: applied or ignored with a reason, new knowledge, commands
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from crossdock import jsontext
from crossdock.canonical import Entity, Fulfillment, InventoryLevel, Order
from crossdock.errors import RejectedError, UnavailableError
from crossdock.events import Envelope
from crossdock.identity import command_id, entity_id, fingerprint

from crossdock_stages.ledger.things import Known
from crossdock_stages.rules import DOMAINS, Domain, Rules

REQUESTED, SUBMITTED, CANCELLED, NOT_TAKEN = "requested", "submitted", "cancelled", "not_taken"
UNCHANGED = "nothing that matters to others changed"


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A command to be sent: to whom, what, about which entity, in which sequence."""

    target: str
    type: str
    id: str
    data: Entity
    entity_id: str
    key: str
    refs: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What follows. `error` sends the event itself to recovery instead."""

    applied: bool
    reason: str = ""
    know: Known | None = None
    wishes: tuple[Wish, ...] = ()
    exception: RejectedError | None = None


Knowledge = Mapping[str, Known]


def subjects(envelope: Envelope, data: Entity) -> tuple[str, ...]:
    """The entities whose knowledge a judgement on this event needs."""
    if isinstance(data, Fulfillment) and data.order.id:
        return (envelope.subject, data.order.id)
    return (envelope.subject,)


def judge(envelope: Envelope, data: Entity, known: Knowledge, rules: Rules) -> Decision:
    """The decision on one event.

    UnavailableError: what it names is not known yet; the event must wait.
    """
    if envelope.name == "order.submitted":
        return _submitted(envelope, known)
    domain = rules.domain(envelope.kind)
    if domain is None:
        name = DOMAINS.get(envelope.kind, envelope.kind)
        return Decision(applied=False, reason=f"no domain {name} in this deployment")
    if envelope.connection not in domain.sources:
        return Decision(
            applied=False,
            reason=(
                f"evidence only: {envelope.connection} does not own "
                f"{DOMAINS[envelope.kind]}, {' and '.join(domain.sources) or 'nobody'} does"
            ),
        )
    before = known.get(envelope.subject)
    if before is not None and envelope.revision < before.revision:
        return Decision(
            applied=False,
            reason=f"late news: revision {envelope.revision} is older than {before.revision}",
        )
    if isinstance(data, Order):
        return _order(envelope, data, before, domain, rules)
    if isinstance(data, Fulfillment):
        return _fulfillment(envelope, data, before, known, domain)
    if isinstance(data, InventoryLevel):
        return _inventory(envelope, data, before, domain)
    return _publish(envelope, data, before, domain, rules)


def _submitted(envelope: Envelope, known: Knowledge) -> Decision:
    before = known.get(envelope.subject)
    if before is None:
        return Decision(applied=False, reason="an order we know nothing of")
    if before.state == CANCELLED:
        return Decision(applied=True, reason=f"accepted by {envelope.connection}, then cancelled")
    return Decision(
        applied=True,
        reason=f"accepted by {envelope.connection} as {envelope.native}",
        know=replace(before, state=SUBMITTED),
    )


def _order(
    envelope: Envelope, order: Order, before: Known | None, domain: Domain, rules: Rules
) -> Decision:
    target = domain.execute
    now_known = Known(
        id=envelope.subject,
        kind="order",
        connection=envelope.connection,
        native_id=envelope.native,
        revision=envelope.revision,
        digest=order_digest(order),
        state=before.state if before else "",
        label=order.number[:255],
    )
    if target is None:
        return Decision(applied=True, reason="recorded; no system executes orders", know=now_known)

    def wish(verb: str, key: str = "") -> Wish:
        refs = [order.id or envelope.subject]
        if order.customer and order.customer.id:
            refs.append(order.customer.id)
        return Wish(
            target=target,
            type=f"order.{verb}",
            id=command_id(target, f"order.{verb}", key or envelope.subject),
            data=order,
            entity_id=envelope.subject,
            key=envelope.subject,
            refs=tuple(refs),
        )

    if before is None:
        if order.cancelled_at is not None:
            reason = f"cancelled before it reached {target}"
            return Decision(applied=True, reason=reason, know=replace(now_known, state=NOT_TAKEN))
        if order.test and rules.production:
            reason = "a test order, and this is production"
            return Decision(applied=True, reason=reason, know=replace(now_known, state=NOT_TAKEN))
        return Decision(
            applied=True,
            reason=f"to be created at {target}",
            know=replace(now_known, state=REQUESTED),
            wishes=(wish("create"),),
        )
    if before.state == NOT_TAKEN:
        return Decision(applied=True, reason="an order that is not taken", know=now_known)
    if order.cancelled_at is not None:
        if before.state == CANCELLED:
            return Decision(applied=True, reason="cancelled already", know=now_known)
        if not rules.can(target, "order.cancel"):
            return Decision(
                applied=True,
                reason=f"cancelled after it was given to {target}",
                know=replace(now_known, state=CANCELLED),
                exception=RejectedError(
                    f"order {order.number} was cancelled at {envelope.connection} after it was "
                    f"given to {target}, and the connector of {target} cannot cancel",
                    reason="order_cancelled",
                ),
            )
        return Decision(
            applied=True,
            reason=f"to be cancelled at {target}",
            know=replace(now_known, state=CANCELLED),
            wishes=(wish("cancel"),),
        )
    if before.digest == now_known.digest:
        return Decision(applied=True, reason=UNCHANGED, know=now_known)
    if rules.can(target, "order.update"):
        return Decision(
            applied=True,
            reason=f"to be updated at {target}",
            know=now_known,
            wishes=(wish("update", f"{envelope.subject}:{envelope.revision}:{now_known.digest}"),),
        )
    return Decision(
        applied=True,
        reason=f"edited after it was given to {target}",
        know=now_known,
        exception=RejectedError(
            f"order {order.number} was edited at {envelope.connection} after it was given to "
            f"{target}, and the connector of {target} cannot take edits",
            reason="order_edited",
        ),
    )


def order_digest(order: Order) -> str:
    """Stands for what the executing system must know: goods, prices, addresses, totals."""
    matter = order.model_dump(
        mode="json",
        include={
            "lines": {
                "__all__": {
                    "line_id",
                    "sku",
                    "ordered",
                    "cancelled",
                    "unit_price",
                    "discounts",
                    "taxes",
                }
            },
            "shipping": True,
            "totals": True,
            "currency": True,
            "shipping_address": True,
            "billing_address": True,
        },
    )
    return fingerprint(jsontext.canonical(matter))


def _fulfillment(
    envelope: Envelope,
    data: Fulfillment,
    before: Known | None,
    known: Knowledge,
    domain: Domain,
) -> Decision:
    order_id = data.order.id or ""
    order = known.get(order_id)
    if order is None:
        if not order_id or _native_only(envelope, data):
            return Decision(applied=False, reason="belongs to an order that was not captured here")
        raise UnavailableError(
            f"fulfillment {data.number or envelope.native} names order {order_id}, "
            "which is not known yet",
            outcome="not_sent",
        )
    matter = {
        "lines": [line.model_dump(mode="json") for line in data.lines],
        "tracking": [t.model_dump(mode="json") for t in data.tracking],
        "cancelled": data.cancelled_at is not None,
    }
    mark = fingerprint(jsontext.canonical(matter))
    now_known = Known(
        id=envelope.subject,
        kind="fulfillment",
        connection=envelope.connection,
        native_id=envelope.native,
        revision=envelope.revision,
        digest=mark,
        state="told",
        label=(data.number or "")[:255],
    )
    if before is not None and before.digest == mark:
        return Decision(applied=True, reason=UNCHANGED, know=replace(now_known, state=before.state))
    told = before is not None and before.state == "told"
    if data.cancelled_at is not None and not told:
        reason = f"cancelled before {order.connection} was told"
        return Decision(applied=True, reason=reason, know=replace(now_known, state=NOT_TAKEN))
    if told:
        what = "cancelled" if data.cancelled_at else "changed"
        return Decision(
            applied=True,
            reason=f"{what} after it was told",
            know=now_known,
            exception=RejectedError(
                f"fulfillment {data.number or envelope.native} of order {order.label} was {what} "
                f"at {envelope.connection} after {order.connection} was told",
                reason="fulfillment_changed",
            ),
        )
    targets = [name for name in domain.publish_to if name == order.connection]
    if not targets:
        reason = f"order {order.label} came from {order.connection}, which is not told of shipments"
        return Decision(applied=True, reason=reason, know=now_known)
    return Decision(
        applied=True,
        reason=f"to be told to {', '.join(targets)}",
        know=now_known,
        wishes=tuple(
            Wish(
                target=target,
                type="fulfillment.create",
                id=command_id(target, "fulfillment.create", envelope.subject),
                data=data,
                entity_id=envelope.subject,
                key=order_id,
                refs=(envelope.subject, order_id),
            )
            for target in targets
        ),
    )


def _native_only(envelope: Envelope, data: Fulfillment) -> bool:
    """The source named the order by its own id alone: it does not carry ours."""
    native = data.order.native_id
    return native is not None and data.order.id == entity_id(envelope.connection, "order", native)


def _inventory(
    envelope: Envelope, data: InventoryLevel, before: Known | None, domain: Domain
) -> Decision:
    mark = fingerprint(jsontext.canonical([data.sku, data.location, data.unit, str(data.sellable)]))
    now_known = Known(
        id=envelope.subject,
        kind="inventory",
        connection=envelope.connection,
        native_id=envelope.native,
        revision=envelope.revision,
        digest=mark,
        label=f"{data.sku} at {data.location}"[:255],
    )
    if before is not None and before.digest == mark:
        return Decision(applied=True, reason="the sellable quantity is the same", know=now_known)
    return _tell(envelope, data, now_known, domain, f"{envelope.revision}:{mark}")


def _publish(
    envelope: Envelope, data: Entity, before: Known | None, domain: Domain, rules: Rules
) -> Decision:
    mark = fingerprint(data.model_copy(update={"updated_at": None}).dump())
    now_known = Known(
        id=envelope.subject,
        kind=envelope.kind,
        connection=envelope.connection,
        native_id=envelope.native,
        revision=envelope.revision,
        digest=mark,
    )
    if before is not None and before.digest == mark:
        return Decision(applied=True, reason="nothing changed", know=now_known)
    unable = [t for t in domain.publish_to if not rules.can(t, f"{envelope.kind}.publish")]
    able = replace(domain, publish_to=tuple(t for t in domain.publish_to if t not in unable))
    if not able.publish_to:
        return Decision(applied=True, reason="recorded; nobody is told", know=now_known)
    return _tell(envelope, data, now_known, able, f"{envelope.revision}:{mark}")


def _tell(envelope: Envelope, data: Entity, now_known: Known, domain: Domain, key: str) -> Decision:
    """Publish one entity to everybody in the domain's list."""
    verb = f"{envelope.kind}.publish"
    targets = [target for target in domain.publish_to if target != envelope.connection]
    return Decision(
        applied=True,
        reason=f"to be told to {', '.join(targets)}" if targets else "recorded; nobody is told",
        know=now_known,
        wishes=tuple(
            Wish(
                target=target,
                type=verb,
                id=command_id(target, verb, f"{envelope.subject}:{key}"),
                data=data,
                entity_id=envelope.subject,
                key=envelope.subject,
                refs=(envelope.subject,),
            )
            for target in targets
        ),
    )

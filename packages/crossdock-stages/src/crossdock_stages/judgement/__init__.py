"""What follows from one event: a pure function of the event, what is known, and the rules.

fact + known + rules → Decision: applied or ignored with a reason, new knowledge, commands
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

from crossdock.canonical import (
    Cancellation,
    Entity,
    EntityRef,
    Exchange,
    Fulfillment,
    Hold,
    InventoryLevel,
    Order,
    Payment,
    PaymentTransaction,
    Payout,
    PriceList,
    Promise,
    Refund,
    Return,
    ReturnReceipt,
    Settlement,
)
from crossdock.events import Envelope

from crossdock_stages.book import Book
from crossdock_stages.judgement import (
    booking,
    exchanges,
    fulfillments,
    goods,
    holds,
    orders,
    paying,
    prices,
    publishing,
)
from crossdock_stages.judgement.basis import (
    CANCELLED,
    HELD,
    NOT_TAKEN,
    REQUESTED,
    SUBMITTED,
    UNCHANGED,
    Case,
    Decision,
    Knowledge,
    Tie,
    Wish,
    content_mark,
    evidence,
    recorded,
)
from crossdock_stages.judgement.checks import Twin, twin_key
from crossdock_stages.judgement.holds import OURSELVES
from crossdock_stages.judgement.orders import is_checked, order_digest
from crossdock_stages.rules import DOMAINS, Domain, Rules
from crossdock_stages.stock import Shortage

__all__ = [
    "CANCELLED",
    "HELD",
    "NOT_TAKEN",
    "REQUESTED",
    "SUBMITTED",
    "UNCHANGED",
    "Decision",
    "Knowledge",
    "Tie",
    "Twin",
    "Wish",
    "digest_of",
    "goods",
    "is_checked",
    "judge",
    "order_digest",
    "subjects",
    "twin_key",
]

_BY_ENTITY: dict[type[Entity], Callable[[Case, Entity], Decision]] = {
    Order: orders.judge,  # type: ignore[dict-item]
    Fulfillment: fulfillments.judge,  # type: ignore[dict-item]
    InventoryLevel: publishing.inventory,  # type: ignore[dict-item]
    Return: booking.returned,  # type: ignore[dict-item]
    ReturnReceipt: booking.receipt,  # type: ignore[dict-item]
    PriceList: prices.price_list,  # type: ignore[dict-item]
    Exchange: booking.exchange,  # type: ignore[dict-item]
    Refund: paying.refund,  # type: ignore[dict-item]
    Payment: paying.payment,  # type: ignore[dict-item]
    PaymentTransaction: paying.transaction,  # type: ignore[dict-item]
    Payout: paying.payout,  # type: ignore[dict-item]
    Cancellation: holds.asked_to_cancel,  # type: ignore[dict-item]
    Promise: booking.promise,  # type: ignore[dict-item]
    Settlement: booking.settlement,  # type: ignore[dict-item]
}


def digest_of(data: Entity) -> str:
    """What `Known.digest` is once this is decided on."""
    if isinstance(data, Order):
        return order_digest(data)
    if isinstance(data, Fulfillment):
        return fulfillments.fulfillment_digest(data)
    if isinstance(data, InventoryLevel):
        return publishing.level_digest(data)
    if isinstance(data, Return):
        return booking.return_mark(data)
    return content_mark(data)


def subjects(envelope: Envelope, data: Entity) -> tuple[str, ...]:
    """The entities whose knowledge a judgement on this event needs."""
    ids = [envelope.subject]
    for name in ("order", "return_ref", "price_list"):
        ref = vars(data).get(name)  # asking a model for what is no field of it is slow
        if isinstance(ref, EntityRef) and ref.id:
            ids.append(ref.id)
    return (*ids, *exchanges.subjects(envelope, data))


def judge(
    envelope: Envelope,
    data: Entity,
    known: Knowledge,
    rules: Rules,
    twins: tuple[Twin, ...] = (),
    shortages: tuple[Shortage, ...] = (),
    places: Mapping[str, Mapping[str, Decimal]] | None = None,
    *,
    text: bytes = b"",
    tie: Tie | None = None,
) -> Decision:
    """The decision on one event.

    `twins` are other orders that might be the same purchase, `shortages` what is missing for it,
    `places` where lines are that the first place of the rule has not got, `text` is `data` as it
    was told, where nothing of it was changed or left out since, `tie` what a payment service's
    news belongs to.

    UnavailableError: what it names is not known yet; the event must wait.
    """
    if envelope.name == "order.submitted":
        return orders.submitted(envelope, known)
    if envelope.kind == "drift" and envelope.connection == OURSELVES:
        return recorded("a field never seen before; `crossdock drift` tells them all")
    domain = rules.domain(envelope.kind)
    if domain is None:
        name = rules.named(envelope.kind)
        return evidence(f"no domain {name} in this deployment")
    domain = _part(envelope, data, known, rules, domain)
    case = Case(
        envelope=envelope,
        known=known,
        rules=rules,
        domain=domain,
        twins=twins,
        shortages=shortages,
        places=places or {},
        text=text,
        tie=tie,
    )
    if isinstance(data, Hold):
        if envelope.connection not in (OURSELVES, *domain.reviewers):
            return evidence(
                f"evidence only: {envelope.connection} is no reviewer of orders; "
                f"{' and '.join(domain.reviewers) or 'nobody'} is"
            )
        verb = holds.released if envelope.name == "hold.released" else holds.placed
        return verb(case, data)
    if isinstance(data, Cancellation) and envelope.connection in domain.reviewers:
        return holds.declined(case, data)
    if envelope.name == "inventory.shortfall_detected" and envelope.connection == OURSELVES:
        return recorded("more is promised than lies there; channels are told what is left")
    if not _counts(case, data, domain, rules):
        owners = _owners(envelope.kind, domain, rules)
        return evidence(
            f"evidence only: {envelope.connection} does not own "
            f"{rules.named(envelope.kind)}, {' and '.join(owners) or 'nobody'} does"
        )
    before = case.before
    # clocks of two systems are never compared: only its origin's news has a place in its sequence
    comparable = before is not None and before.connection == envelope.connection
    if before is not None and comparable and envelope.revision < before.revision:
        return evidence(f"late news: revision {envelope.revision} is older than {before.revision}")
    return _BY_ENTITY.get(type(data), publishing.anything)(case, data)


def _part(
    envelope: Envelope, data: Entity, known: Knowledge, rules: Rules, domain: Domain
) -> Domain:
    """The part of the domain that this news is of: by its place, its channel and its region.

    What belongs to an order is of the channel that sold it and of the region that it goes to,
    whoever speaks; payments go where their order was given.
    """
    place = vars(data).get("location")
    if envelope.kind in {"price", "price_list"}:
        region = prices.region_of(envelope, data, known, rules)
        return domain.part(location=place, channel=envelope.connection, region=region)
    ref = vars(data).get("order")
    order = known.get(ref.id or "") if isinstance(ref, EntityRef) else None
    if order is None or not domain.overrides:
        region = rules.region_at(place)
        return domain.part(location=place, channel=envelope.connection, region=region)
    book = Book.load(order.facts)
    region = book.region or rules.region_at(place)
    domain = domain.part(location=place, channel=order.connection, region=region)
    if book.execute and DOMAINS[envelope.kind] == "orders":
        domain = replace(domain, execute=book.execute)
    return domain


def _owners(kind: str, domain: Domain, rules: Rules) -> tuple[str, ...]:
    """Whose word counts on this kind, in this part of the domain."""
    owners = domain.capture or ((domain.owner,) if domain.owner else ())
    if kind == "return_receipt":  # the channel's word until the goods are there, then the house's
        houses = rules.domains.get("fulfillment")
        owners += houses.sources if houses else ()
        owners += (domain.execute,) if domain.execute else ()
    if kind == "payment_transaction":  # a service's own, or what a channel tells of it
        owners += rules.payers
    if kind == "promise":  # who sells promises, and who ships
        owners += rules.channels
    if kind == "product":
        owners += tuple(domain.field_owners().values())
    return tuple(dict.fromkeys(owners))


def _counts(case: Case, data: Entity, domain: Domain, rules: Rules) -> bool:
    """Whether the connection that spoke may say this."""
    speaker = case.envelope.connection
    if speaker in _owners(case.envelope.kind, domain, rules):
        return True
    if not isinstance(data, Fulfillment):
        return False
    if (data.order.id or "") not in case.known and speaker in rules.domains["fulfillment"].sources:
        fulfillments.order_of(case, data)  # whose it is is told by the order, which may come yet
    return fulfillments.by_marketplace(case, data) or fulfillments.was_instructed(case, data)

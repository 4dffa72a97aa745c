"""Shipments: told to where the order came from, and booked where it is executed."""

from decimal import Decimal

from crossdock.canonical import Fulfillment
from crossdock.errors import RejectedError, UnavailableError
from crossdock.events import Envelope
from crossdock.identity import entity_id

from crossdock_stages.book import ZERO, Book, Part, part_key
from crossdock_stages.judgement import orders
from crossdock_stages.judgement.basis import (
    NOT_TAKEN,
    UNCHANGED,
    Case,
    Decision,
    again,
    evidence,
    mark_of,
    plain,
    recorded,
)
from crossdock_stages.judgement.contradictions import in_fulfillment
from crossdock_stages.judgement.stopping import executor
from crossdock_stages.ledger.things import Known
from crossdock_stages.values import changed

TOLD = "told"


def judge(case: Case, data: Fulfillment) -> Decision:
    """A shipment as the house that ships states it now.

    UnavailableError: it names an order of ours that is not known yet.
    """
    envelope = case.envelope
    if case.before is not None and case.before.connection != envelope.connection:
        return recorded(f"an echo: {envelope.connection} booked what {case.before.connection} told")
    order = order_of(case, data)
    if order is None:
        return evidence("belongs to an order that was not captured here")
    before = case.before
    mark = fulfillment_digest(data)
    know = case.learnt(mark, state=TOLD, label=data.number or "")
    if before is not None and before.digest == mark:
        return recorded(UNCHANGED, again(know, before.state))
    told = before is not None and before.state == TOLD
    if data.cancelled_at is not None and not told:
        return recorded(f"cancelled before {order.connection} was told", again(know, NOT_TAKEN))
    book = Book.load(order.facts)
    found = list(
        in_fulfillment(
            data,
            envelope.subject,
            book,
            house=envelope.connection,
            channel=order.connection,
            state=order.state,
        )
    )
    if found:
        return orders.contradicted(case, order, book, found)
    return orders.with_order(
        case, order, _booked(order, book, data, envelope), _told(case, data, order, know, book)
    )


def _told(case: Case, data: Fulfillment, order: Known, know: Known, book: Book) -> Decision:
    envelope, before, mark = case.envelope, case.before, know.digest
    told = before is not None and before.state == TOLD
    targets = targets_of(case, order, data, book)
    if not targets:
        reason = f"order {order.label} came from {order.connection}, which is not told of shipments"
        return Decision(applied=True, reason=reason, know=know)
    verb = "create"
    if told:
        verb = "cancel" if data.cancelled_at else "update"
        unable = [t for t in targets if not case.rules.can(t, f"fulfillment.{verb}")]
        if unable:
            what = "cancelled" if data.cancelled_at else "changed"
            return Decision(
                applied=True,
                reason=f"{what} after it was told",
                know=know,
                exception=RejectedError(
                    f"fulfillment {data.number or envelope.native} of order {order.label} was "
                    f"{what} at {envelope.connection} after {' and '.join(unable)} was told",
                    reason="fulfillment_changed",
                ),
            )
    key = "" if verb == "create" else f"{case.moment}:{mark}"
    return Decision(
        applied=True,
        reason=f"to be told to {', '.join(targets)}",
        know=know,
        wishes=tuple(
            case.wish(
                target,
                f"fulfillment.{verb}",
                data,
                key=key,
                queue=order.id,
                refs=(order.id,),
            )
            for target in targets
        ),
    )


def _booked(order: Known, book: Book, data: Fulfillment, envelope: Envelope) -> Known:
    """The order as it is known with this shipment."""
    lines: dict[str, Decimal] = {}
    parts: dict[str, Decimal] = {}
    for line in data.lines:
        sold = book.lines.get(line.line_id)
        if sold is None or not sold.is_part(line.sku):
            lines[line.line_id] = lines.get(line.line_id, ZERO) + line.quantity
        else:
            key = part_key(line.line_id, line.sku or "")
            parts[key] = parts.get(key, ZERO) + line.quantity
    place = book.place_of(envelope.connection, data.location)
    part = Part(envelope.connection, data.number or envelope.native, lines, parts, place)
    book = book.with_part("shipped", envelope.subject, None if data.cancelled_at else part)
    return changed(order, facts=book.without_holds_of(envelope.subject).dump())


def fulfillment_digest(data: Fulfillment) -> str:
    """Stands for what others must know of a shipment."""
    told = plain(data, {"lines", "tracking"})
    return mark_of({**told, "cancelled": data.cancelled_at is not None})


def targets_of(case: Case, order: Known, data: Fulfillment, book: Book) -> list[str]:
    """The channel that sold it and the system that executes it, as far as they are to be told.

    What a marketplace shipped the executing system must book, also where it is the owner of all
    other shipments and so on nobody's list.
    """
    execute = executor(case, order, book)
    wanted = (order.connection, execute)
    told = [
        name
        for name in case.domain.publish_to
        if name in wanted and name != case.envelope.connection
    ]
    if execute and execute not in told and by_marketplace(case, data):
        told += [execute] if case.rules.can(execute, "fulfillment.create") else []
    return told


def order_of(case: Case, data: Fulfillment) -> Known | None:
    """The order it belongs to; None when that was never ours."""
    order_id = data.order.id or ""
    order = case.known.get(order_id)
    if order is None and order_id and not _native_only(case, data):
        raise UnavailableError(
            f"fulfillment {data.number or case.envelope.native} names order {order_id}, "
            "which is not known yet",
            outcome="not_sent",
        )
    return order


def by_marketplace(case: Case, data: Fulfillment) -> bool:
    """Whether a marketplace tells what its own hands shipped of an order that it captured.

    It owns these shipments, whoever owns the others.
    """
    order = case.known.get(data.order.id or "")
    if order is None or order.connection != case.envelope.connection:
        return False
    own = Book.load(order.facts).foreign
    return bool(data.lines) and all(line.line_id in own for line in data.lines)


def was_instructed(case: Case, data: Fulfillment) -> bool:
    """Whether the house that speaks was asked to ship a part of this order: from the place that it
    names, or from any where it names none."""
    order = case.known.get(data.order.id or "")
    if order is None:
        return False
    book = Book.load(order.facts)
    if data.location is not None:
        asked = book.instructions.get(data.location)
        return asked is not None and asked.house == case.envelope.connection
    # also who was called off: what had left by then is no less true
    houses = {one.house for one in book.instructions.values()} | book.called_off
    return case.envelope.connection in houses


def _native_only(case: Case, data: Fulfillment) -> bool:
    """The source named the order by its own id alone: it does not carry ours."""
    native = data.order.native_id
    speaker = case.envelope.connection
    return native is not None and data.order.id == entity_id(speaker, "order", native)

"""What warehouses say, in canonical events. Pure: no network, no clock, no chance.

A record is what `records` makes of a document. A plain EDI file can be read, too; then nothing is
known of what was asked, and an order is named by the warehouse's word for it alone.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

import crossdock
from crossdock.canonical import (
    Entity,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    GoodsReceipt,
    GoodsReceiptLine,
    InventoryLevel,
    InventoryMovement,
    Package,
    Tracking,
)
from crossdock.errors import ContractError, RejectedError
from crossdock.jsontext import shorten
from crossdock.reading import Shape

from crossdock_x12_wms import acknowledging, files, reading_edifact, reading_x12, records
from crossdock_x12_wms.advices import ZERO, Adjustment, Counted, Receipt, Shipment, Shipped, Stock
from crossdock_x12_wms.envelopes import Document, Group, Interchange
from crossdock_x12_wms.records import Answers, Asked, AskedLine, Record
from crossdock_x12_wms.rules import UNITS, Rules

RECORD = Shape(Record)
OVERDUE = Shape(Answers)
EXTENSION = "org.x12"
EXTENSION_EDIFACT = "org.unece.edifact"
Events = Iterator[crossdock.Event[Entity]]


def translate(raw: crossdock.Raw) -> Events:
    """The events of one document; see the module.

    RejectedError: a person must read it: a short shipment, a refused or missing acknowledgement.
    """
    if raw.topic == records.OVERDUE:
        raise _overdue(OVERDUE.read(raw))
    if raw.topic and raw.topic not in _TOPICS:
        raise crossdock.Ignore(f"{shorten(raw.topic)} is none of {', '.join(sorted(_TOPICS))}")
    is_record = raw.data.lstrip()[:1] == b"{"
    record = RECORD.read(raw) if is_record else Record(text=files.decode(raw.data))
    rules = Rules.of(record.get("rules") or {}, raw.topic)
    found = files.interchanges(record["text"])
    if not found:
        raise ContractError("/text: expected a document, found none", pointer="/text", value="")
    for one in found:
        for group in one.groups:
            for document in group.documents:
                _sound(one, document, rules)
                yield from _events(raw.topic, record, one, group, document, rules)
        if not any(group.documents for group in one.groups):
            _sound(one, None, rules)
            raise crossdock.Ignore(f"interchange {one.control} has no document")
    if raw.topic == records.UNREADABLE:
        parties = f"from {found[0].sender} to {found[0].receiver}"
        raise ContractError(
            f"/ISA: expected an interchange between the configured partners, found one {parties}",
            pointer="/ISA" if found[0].syntax == "x12" else "/UNB",
            value=parties,
        )


def _sound(one: Interchange, document: Document | None, rules: Rules) -> None:
    """ContractError for envelopes that contradict what is in them, unless they are taken so."""
    faults = list(one.serious)
    if document is not None:
        told = acknowledging.faults(document)
        faults += [f for f in told if f.code != "unknown"]
    faults = rules.unforgiven(faults)
    if faults:
        words = "; ".join(fault.words for fault in faults[:5])
        if not words.startswith("/"):
            words = f"/{one.syntax}: {words}"
        where = words.partition(":")[0]
        raise ContractError(shorten(words, 1_500), pointer=where, value=faults[0].code)


def _events(
    topic: str, record: Record, one: Interchange, group: Group, document: Document, rules: Rules
) -> Events:
    if acknowledging.is_answer(document):
        _answered(document, record.get("answers") or [])
    reader = _READERS.get(document.type)
    if reader is None:
        known = ", ".join(sorted(_READERS))
        raise crossdock.Ignore(f"{shorten(document.type)} is none of the documents read: {known}")
    asked = record.get("asked") or None
    revision = _revision(one, group)
    if topic == records.SHORT:
        raise _short(records.shipment(document, rules), asked)
    extension = EXTENSION if one.syntax == "x12" else EXTENSION_EDIFACT
    yield from reader(document, rules, asked, revision, extension)


def _revision(one: Interchange, group: Group) -> str:
    """How new: the group's time, then the control number; both only grow."""
    day = "".join(filter(str.isascii, filter(str.isdigit, group.date or one.date)))[:8]
    time = "".join(filter(str.isascii, filter(str.isdigit, group.time or one.time)))[:6]
    control = "".join(filter(str.isascii, filter(str.isdigit, one.control)))[-9:]
    day = f"20{day}" if len(day) == 6 else day
    return f"{day}{time.ljust(6, '0')}.{control.zfill(9)}"


def _shipped(
    document: Document, rules: Rules, asked: Asked | None, revision: str, extension: str
) -> Events:
    told = records.shipment(document, rules)
    left = [line for line in told.lines if line.shipped > 0]
    if not left and not told.cancelled:
        raise crossdock.Ignore(f"{document.type} {told.number}: nothing has left")
    order = _order(told, asked)
    pairs = shared(left, _lines(asked))
    parcels = [p for p in told.parcels if any(line.parcel == p.id for line in left)]
    numbers = [p.tracking for p in parcels if p.tracking] or list(told.tracking)
    tracking = tuple(Tracking(number=n, carrier=told.carrier) for n in dict.fromkeys(numbers))
    shipment = Fulfillment(
        order=order,
        number=told.number,
        location=rules.location,
        lines=tuple(_merged([_line(id_, line, n) for id_, line, n in pairs])),
        tracking=tracking or ((Tracking(carrier=told.carrier),) if told.carrier else ()),
        shipped_at=told.shipped_at,
        cancelled_at=told.shipped_at if told.cancelled else None,
        fulfillment_order=EntityRef(id=asked["id"]) if asked else None,
        packages=tuple(EntityRef(native_id=parcel.id) for parcel in parcels),
        source_status=" ".join(dict.fromkeys(line.status for line in told.lines if line.status))
        or told.purpose
        or None,
        extensions=_kept(told, extension),
    )
    type_ = "fulfillment.cancelled" if told.cancelled else "fulfillment.shipped"
    yield crossdock.Event(
        type=type_,
        data=shipment,
        native_id=told.number,
        revision=revision,
        occurred_at=told.shipped_at,
    )
    for parcel in parcels:
        inside = [line for line in left if line.parcel == parcel.id]
        lines = shared(inside, _lines(asked))
        package = Package(
            fulfillment=EntityRef(native_id=told.number),
            order=order,
            sscc=parcel.sscc,
            tracking_number=parcel.tracking,
            carrier=told.carrier,
            lines=tuple(_line(id_, line, n) for id_, line, n in lines),
        )
        yield crossdock.Event(
            type="package.tracked",
            data=package,
            native_id=parcel.id,
            revision=revision,
            occurred_at=told.shipped_at,
        )


def _lines(asked: Asked | None) -> Sequence[AskedLine]:
    return (asked.get("lines") or []) if asked else []


def _order(told: Shipment, asked: Asked | None) -> EntityRef:
    id_ = asked.get("order") if asked else None
    return EntityRef(id=id_ or None, native_id=told.order_number)


def _kept(told: Shipment, extension: str) -> dict[str, dict[str, object]]:
    """What has no canonical place: purchase order, short lines, what was leniently taken."""
    short = [
        {"sku": line.sku, "missing": f"{line.short:f}", "status": line.status}
        for line in told.lines
        if line.short
    ]
    kept: dict[str, object] = {
        "purpose": told.purpose,
        "purchase_order": told.purchase_order,
        "routing": told.routing,
        "short": short,
        "notes": list(told.notes),
    }
    kept = {name: value for name, value in kept.items() if value}
    return {extension: kept} if kept else {}


Part = tuple[str, Shipped, Decimal]


def shared(left: Sequence[Shipped], lines: Sequence[AskedLine]) -> list[Part]:
    """Which order line each quantity belongs to: by SKU, filling lines of one SKU in sequence.

    What nobody asked for has its SKU for a line id, so that decide names it; what is too much
    stays with the last line of its SKU.
    """
    room = {line["line_id"]: _room(line) for line in lines}
    parts: list[Part] = []
    for line in left:
        same = [one for one in lines if one["sku"] == line.sku]
        for one in same:
            _in_its_unit(line, one)
        fit = [one["line_id"] for one in same]
        rest = line.shipped
        for place, line_id in enumerate(fit):
            takes = rest if place == len(fit) - 1 else min(rest, room[line_id])
            if takes > 0:
                room[line_id] -= takes
                rest -= takes
                parts.append((line_id, line, takes))
        if not fit:
            parts.append((line.sku, line, rest))
    return parts


def _in_its_unit(line: Shipped, asked: AskedLine) -> None:
    """Twelve cases are not twelve pieces."""
    unit = asked.get("unit") or line.unit
    if line.unit not in {unit, UNITS.get(unit)}:
        raise ContractError(
            f"{line.at}: {line.shipped:f} {line.unit} of {line.sku} left, and it was asked for in "
            f"{unit}; where that is the same, say so under `units` of the partner",
            pointer=line.at,
            value=line.unit,
        )


def _room(line: AskedLine) -> Decimal:
    text = line["quantity"]
    return Decimal(text) if text.replace(".", "", 1).isdecimal() and text.isascii() else ZERO


def _line(line_id: str, line: Shipped, quantity: Decimal) -> FulfillmentLine:
    return FulfillmentLine(
        line_id=line_id, sku=line.sku, quantity=quantity, unit=line.unit, lot=line.lot
    )


def _merged(lines: Sequence[FulfillmentLine]) -> list[FulfillmentLine]:
    """One line for each line, SKU, unit and lot, however many parcels it went into."""
    sums: dict[tuple[str, str | None, str, str | None], FulfillmentLine] = {}
    for line in lines:
        key = (line.line_id, line.sku, line.unit, line.lot)
        before = sums[key].quantity if key in sums else ZERO
        sums[key] = line.model_copy(update={"quantity": before + line.quantity})
    return list(sums.values())


def _received(
    document: Document, rules: Rules, asked: Asked | None, revision: str, extension: str
) -> Events:
    reader = reading_x12.receipt if document.type == "944" else reading_edifact.receipt
    told: Receipt = reader(document, rules)
    transfer = EntityRef(id=asked["id"], native_id=told.reference) if asked else None
    data = GoodsReceipt(
        number=told.number,
        location=rules.location,
        received_at=told.received_at,
        transfer=transfer,
        lines=tuple(
            GoodsReceiptLine(
                line_id=str(place),
                sku=line.sku,
                unit=line.unit,
                received=line.received,
                accepted=line.received - line.damaged,
                rejected=line.damaged,
                reject_reason=line.reason,
                lot=line.lot,
            )
            for place, line in enumerate(told.lines, 1)
        ),
        extensions={extension: {"reference": told.reference}} if told.reference else {},
    )
    yield crossdock.Event(
        type="goods_receipt.recorded",
        data=data,
        native_id=told.number,
        revision=revision,
        occurred_at=told.received_at,
    )


def _counted(
    document: Document, rules: Rules, asked: Asked | None, revision: str, extension: str
) -> Events:
    reader = reading_x12.stock if document.type == "846" else reading_edifact.stock
    told: Stock = reader(document, rules)
    levels: dict[tuple[str, str], Counted] = {}
    for line in told.lines:  # lots of one article are one level
        before = levels.get((line.sku, line.place))
        amounts = (*before.amounts, *line.amounts) if before else line.amounts
        levels[line.sku, line.place] = replace(line, amounts=amounts)
    if not levels:
        raise crossdock.Ignore(f"{document.type} {told.number} counts nothing")
    for line in levels.values():
        yield crossdock.Event(
            type="inventory.level_changed",
            data=_level(line, told, rules, extension),
            native_id=f"{line.sku}@{line.place}",
            revision=revision,
            occurred_at=told.as_of,
        )


def _level(line: Counted, told: Stock, rules: Rules, extension: str) -> InventoryLevel:
    sums: dict[str, Decimal] = {}
    others: dict[str, Decimal] = {}
    for code, amount in line.amounts:
        bucket = rules.bucket(code)
        into, name = (others, code or "?") if bucket is None else (sums, bucket)
        into[name] = into.get(name, ZERO) + amount
    if not sums:
        raise ContractError(
            f"{line.at}: expected a quantity on hand or available of {line.sku}, found "
            f"{', '.join(others) or 'none'}; name its code under `stock` of the partner",
            pointer=line.at,
            value=", ".join(others),
        )
    finer = sum((sums.get(name, ZERO) for name in _FINER), ZERO)
    on_hand, available = sums.get("on_hand"), sums.get("available")
    reserved = ZERO
    if on_hand is not None and available is not None:
        reserved = on_hand - available - finer
        if reserved < 0 and (on_hand >= 0 or finer):
            raise ContractError(
                f"{line.at}: {available} of {line.sku} available and {finer} set aside are more "
                f"than the {on_hand} on hand",
                pointer=line.at,
                value=str(available),
            )
    elif on_hand is not None and finer:
        available = on_hand - finer
    return InventoryLevel(
        sku=line.sku,
        location=line.place,
        unit=line.unit,
        on_hand=on_hand,
        available=available,
        reserved=reserved,
        as_of=told.as_of,
        sub_buckets={code: amount for code, amount in others.items() if amount >= 0},
        extensions={extension: {"report": told.number}},
        **{name: sums[name] for name in _FINER if name in sums and on_hand is not None},
    )


_FINER = ("committed", "safety", "quality_control", "damaged")


def _adjusted(
    document: Document, rules: Rules, asked: Asked | None, revision: str, extension: str
) -> Events:
    told: Adjustment = reading_x12.adjustment(document, rules)
    for place, line in enumerate(told.lines, 1):
        data = InventoryMovement(
            sku=line.sku,
            location=rules.location,
            quantity=line.quantity,
            unit=line.unit,
            reason=line.reason,
            occurred_at=told.at,
            lot=line.lot,
            extensions={extension: {"reason": line.code, "number": told.number}},
        )
        yield crossdock.Event(
            type="inventory_movement.recorded",
            data=data,
            native_id=f"{told.number}:{place}",
            revision=revision,
            occurred_at=told.at,
        )


Reader = Callable[[Document, Rules, "Asked | None", str, str], Events]
_READERS: dict[str, Reader] = {
    "945": _shipped,
    "856": _shipped,
    "DESADV": _shipped,
    "944": _received,
    "RECADV": _received,
    "846": _counted,
    "INVRPT": _counted,
    "947": _adjusted,
}
_TOPICS = frozenset({*_READERS, "997", "CONTRL", "TA1", records.SHORT, records.UNREADABLE})


def _answered(document: Document, answers: Sequence[Answers]) -> None:
    """An acknowledgement: a reason to do nothing, or a case for a person."""
    said = list(acknowledging.verdicts(document))
    if not said:
        raise ContractError(
            f"/{document.type}: expected what it acknowledges, found nothing",
            pointer=f"/{document.type}",
            value="nothing",
        )
    known = {one["control"]: one for one in answers}
    words = []
    for verdict in said:
        ours = known.get(verdict.control)
        what = f"{ours['document']} {ours['number']}" if ours else "something we did not send"
        words.append(f"{what} (control number {verdict.control}): {shorten(verdict.words, 600)}")
    refused = [text for text, verdict in zip(words, said, strict=True) if not verdict.accepted]
    if refused:
        raise RejectedError(
            f"{document.type} refuses {'; '.join(refused)[:1_500]}", reason="document_refused"
        )
    raise crossdock.Ignore(f"{document.type} acknowledges {'; '.join(words)[:1_500]}")


def _short(told: Shipment, asked: Asked | None) -> RejectedError | crossdock.Ignore:
    lines = records.short_lines(told)
    if not lines:
        return crossdock.Ignore(f"shipment {told.number} is complete")
    number = asked["number"] if asked else told.order_number
    return RejectedError(
        f"order {number}: shipment {told.number} is short and nothing says that the rest follows: "
        f"{'; '.join(lines)[:1_500]}",
        reason="short_shipped",
    )


def _overdue(one: Answers) -> RejectedError:
    sent = f", sent at {one['sent_at']}" if one.get("sent_at") else ""
    return RejectedError(
        f"{one['document']} {one['number']} (control number {one['control']}{sent}) is not "
        "acknowledged in time: ask the warehouse whether it has it",
        reason="unacknowledged",
    )

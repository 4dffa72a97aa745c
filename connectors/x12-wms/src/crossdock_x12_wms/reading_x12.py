"""X12 documents of warehouses into advices. Pure.

Layouts: ASC X12 004010 and 005010 (the fields read here are the same), held to the documents in
tests/documents. 945 W06 W27 LX MAN W12 W03 · 944 W17 W07 W13 W14 · 846 BIA LIN QTY · 947 W15 W19 ·
856 BSN HL TD5 REF PRF MAN LIN SN1.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from crossdock_x12_wms.advices import (
    ZERO,
    Adjustment,
    Counted,
    Moved,
    Parcel,
    Receipt,
    Shipment,
    Shipped,
    Stock,
    Taken,
)
from crossdock_x12_wms.envelopes import Document, Segment, required, wrong
from crossdock_x12_wms.rules import Rules, amount, contradiction, maybe

_TRACKING = frozenset({"2I", "CN", "BM"})
"""Qualifiers (element 128) of N9 and REF under which carriers' numbers stand, the best first."""
_REASONS = {
    **dict.fromkeys(("AU", "AV", "07", "52"), "damage"),
    **dict.fromkeys(("AA", "51", "56", "57"), "count"),
    **dict.fromkeys(("AX", "AW"), "expiry"),
    **dict.fromkeys(("AY", "03", "04"), "receipt"),
    **dict.fromkeys(("AR", "53", "54"), "sale"),
    **dict.fromkeys(("AK",), "transfer"),
    **dict.fromkeys(("AT",), "production"),
}
"""Element 181, quantity or status adjustment reason; anything else is an adjustment."""


def _pairs(one: Segment, *first: int) -> Iterator[tuple[str, str]]:
    return ((one.get(at), one.get(at + 1)) for at in first)


def _lin(rules: Rules, one: Segment) -> str:
    return rules.sku(one, _pairs(one, *range(2, 32, 2)), 3)


def shipment(document: Document, rules: Rules) -> Shipment:
    """A 945. ContractError: its figures contradict each other, or it has no number of its own."""
    head = document.need("W06")
    references = {one.get(1): one.get(2) for one in document.all("N9", "REF") if one.get(2)}
    number = head.get(4) or head.get(5) or references.get("BM") or references.get("SI") or ""
    if not number:
        raise wrong(
            head, 4, "a shipment number, for without it a resend looks like a second one", ""
        )
    carrier = document.first("W27")
    parcels: dict[str, Parcel] = {}
    lines: list[Shipped] = []
    parcel = ""
    for one in document.segments:
        if one.tag == "LX":
            parcel = ""
        elif one.tag == "MAN":
            parcel = _man(one, parcels, parcel)
        elif one.tag in {"N9", "REF"} and one.get(1) == "2I" and parcel:
            parcels[parcel] = _tracked(parcels[parcel], one.get(2))
        elif one.tag == "W12":
            lines.append(_w12(one, rules, parcel))
    notes = _total(document, "W03", sum((line.shipped for line in lines), ZERO), rules)
    return Shipment(
        number=number,
        order_number=required(head, 2, "the depositor's order number"),
        purchase_order=head.get(6) or None,
        shipped_at=_dated(document, rules) or rules.moment(head, 3),
        carrier=(carrier.get(2) or carrier.get(3)) if carrier is not None else None,
        routing=carrier.get(3) or None if carrier is not None else None,
        tracking=tuple(v for q, v in references.items() if q in _TRACKING and not parcels),
        parcels=tuple(parcels.values()),
        lines=tuple(lines),
        purpose=head.get(1),
        notes=notes,
    )


def _dated(document: Document, rules: Rules) -> datetime | None:
    """G62 11: the day it was shipped."""
    one = document.first("G62", "11")
    return None if one is None else rules.moment(one, 2, one.get(4))


def _man(one: Segment, parcels: dict[str, Parcel], before: str) -> str:
    """MAN 01/02 and 04/05: GM is an SSCC, CP a carrier's number, the others are ids."""
    key = ""
    for qualifier, value in _pairs(one, 1, 4):
        if not value:
            continue
        if qualifier == "CP" and (key or before) in parcels:
            key = key or before
            parcels[key] = _tracked(parcels[key], value)
            continue
        key = key or value
        sscc = value[-18:] if qualifier in {"GM", "SM"} and value.isdigit() else None
        tracking = value if qualifier == "CP" else None
        parcels.setdefault(key, Parcel(id=key, sscc=sscc, tracking=tracking))
    return key or before


def _tracked(parcel: Parcel, number: str) -> Parcel:
    return Parcel(id=parcel.id, sscc=parcel.sscc, tracking=number or parcel.tracking)


def _w12(one: Segment, rules: Rules, parcel: str) -> Shipped:
    ordered, shipped, difference = maybe(one, 2), maybe(one, 3) or ZERO, one.get(4)
    if ordered is not None and difference:
        stated = abs(amount(one, 4, signed=True))
        if abs(ordered - shipped) != stated:
            words = f"{ordered} ordered less {shipped} shipped is not {difference}"
            raise contradiction(one, 4, words, difference)
    return Shipped(
        sku=rules.sku(one, [*_pairs(one, 7), ("UP", one.get(6))], 8),
        unit=rules.unit(one, 5),
        shipped=shipped,
        ordered=ordered,
        status=one.get(1),
        lot=one.get(9) or None,
        parcel=parcel,
        at=one.at(),
    )


def _total(document: Document, tag: str, found: Decimal, rules: Rules) -> tuple[str, ...]:
    """The trailer's total must be that of the lines; where told to be lenient, it is noted."""
    end = document.first(tag)
    said = maybe(end, 1) if end is not None else None
    if end is None or said is None or said == found:
        return ()
    words = f"{tag} says {said} in all, the lines come to {found}"
    if not rules.lenient:
        raise contradiction(end, 1, words, said)
    return (words,)


def ship_notice(document: Document, rules: Rules) -> Shipment:
    """An 856: the tree is built from HL02, not from the sequence of lines."""
    head = document.need("BSN")
    levels: dict[str, tuple[str, str]] = {}
    orders: dict[str, str] = {}
    packs: dict[str, str] = {}
    parcels: dict[str, Parcel] = {}
    lines: list[Shipped] = []
    node, sku = "", ""
    tracking: list[str] = []
    carrier = routing = None
    for one in document.segments:
        if one.tag == "HL":
            node, sku = one.get(1), ""
            levels[node] = (one.get(2), one.get(3))
        elif one.tag == "PRF":
            orders[node] = one.get(1)
        elif one.tag == "REF" and one.get(1) in _TRACKING - {"BM"}:
            tracking.append(one.get(2))
        elif one.tag == "TD5":
            carrier, routing = one.get(3) or carrier, one.get(5) or routing
        elif one.tag == "MAN":
            packs[node] = _man(one, parcels, packs.get(node, ""))
        elif one.tag == "LIN":
            sku = _lin(rules, one)
        elif one.tag == "SN1" and sku:
            lines.append(
                Shipped(
                    sku=sku,
                    unit=rules.unit(one, 3),
                    shipped=amount(one, 2),
                    ordered=maybe(one, 5),
                    status=one.get(8),
                    parcel=_above(node, levels, packs),
                    at=one.at(),
                )
            )
    named = sorted(set(filter(None, orders.values())))
    if len(named) != 1:
        raise wrong(head, 2, "a shipment for one order (PRF)", ", ".join(named) or "none")
    return Shipment(
        number=required(head, 2, "a shipment number"),
        order_number=named[0],
        shipped_at=rules.moment(head, 3, head.get(4)[:4]),
        carrier=carrier,
        routing=routing,
        tracking=tuple(dict.fromkeys(filter(None, tracking))),
        parcels=tuple(parcels.values()),
        lines=tuple(lines),
        purpose=head.get(1),
        cancelled=head.get(1) == "01",
    )


def _above(node: str, levels: dict[str, tuple[str, str]], packs: dict[str, str]) -> str:
    """The parcel of a node or of the nearest node above it; a circle ends."""
    for _ in range(len(levels)):
        if node in packs:
            return packs[node]
        node = levels.get(node, ("", ""))[0]
    return ""


def receipt(document: Document, rules: Rules) -> Receipt:
    """A 944. W07 counts all that came; W13 01 says how much of it is damaged."""
    head = document.need("W17")
    lines: list[Taken] = []
    for one in document.segments:
        if one.tag == "W07":
            pairs = [*_pairs(one, 4, 6), ("UP", one.get(3))]
            lines.append(
                Taken(
                    sku=rules.sku(one, pairs, 5),
                    unit=rules.unit(one, 2),
                    received=amount(one, 1),
                    lot=one.get(8) or None,
                )
            )
        elif one.tag == "W13" and lines and one.get(3) == "01":
            last, damaged = lines[-1], lines[-1].damaged + amount(one, 1)
            if damaged > last.received:
                words = f"{damaged} damaged of {last.received} received"
                raise contradiction(one, 1, words, damaged)
            lines[-1] = Taken(
                sku=last.sku,
                unit=last.unit,
                received=last.received,
                damaged=damaged,
                reason="damaged",
                lot=last.lot,
            )
    _total(document, "W14", sum((line.received for line in lines), ZERO), rules)
    if not lines:
        raise wrong(head, 1, "something that was received (W07)", "nothing")
    return Receipt(
        number=head.get(3) or required(head, 4, "a number of the receipt"),
        reference=head.get(4) or None,
        received_at=rules.moment(head, 2),
        lines=tuple(lines),
    )


def stock(document: Document, rules: Rules) -> Stock:
    """An 846: for each LIN its QTYs."""
    head = document.need("BIA")
    place = _warehouse(document)
    found: list[tuple[Segment, str, list[tuple[str, Decimal]], str, str | None]] = []
    for one in document.segments:
        if one.tag == "LIN":
            lot = dict(_pairs(one, *range(2, 32, 2))).get("LT")
            found.append((one, _lin(rules, one), [], "EA", lot))
        elif one.tag == "QTY" and found:
            line, sku, amounts, unit, lot = found[-1]
            amounts.append((one.get(1), amount(one, 2, signed=True)))
            unit = rules.unit(one, 3) if one.get(3) else unit
            found[-1] = (line, sku, amounts, unit, lot)
    return Stock(
        number=required(head, 3, "a reference"),
        as_of=rules.moment(head, 4, head.get(5)),
        lines=tuple(
            Counted(
                sku=sku,
                unit=unit,
                place=rules.place(place),
                amounts=tuple(amounts),
                lot=lot,
                at=line.at(),
            )
            for line, sku, amounts, unit, lot in found
        ),
    )


def _warehouse(document: Document) -> str:
    """The code of the place: N1 with WH, SF or LW."""
    for name in ("WH", "SF", "LW"):
        one = document.first("N1", name)
        if one is not None:
            return one.get(4) or one.get(2)
    return ""


def adjustment(document: Document, rules: Rules) -> Adjustment:
    """A 947: W19 02 is signed."""
    head = document.need("W15")
    lines = [
        Moved(
            sku=rules.sku(one, [*_pairs(one, 5, 7), ("UP", one.get(4))], 6),
            unit=rules.unit(one, 3),
            quantity=amount(one, 2, signed=True),
            code=required(one, 1, "a reason"),
            reason=_REASONS.get(one.get(1), "adjustment"),
            lot=one.get(9) or None,
        )
        for one in document.all("W19")
    ]
    if not lines:
        raise wrong(head, 1, "something that was adjusted (W19)", "nothing")
    return Adjustment(
        number=head.get(2) or required(head, 3, "a number of the adjustment"),
        at=rules.moment(head, 1),
        lines=tuple(lines),
    )

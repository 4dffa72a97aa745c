"""EDIFACT messages of warehouses into advices. Pure.

Layouts: UN/EDIFACT D.96A (DESADV, INVRPT) and D.01B (RECADV), held to the documents in
tests/documents. The fields read here stand at the same places in both directories.
"""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from crossdock_x12_wms.advices import (
    ZERO,
    Counted,
    Parcel,
    Receipt,
    Shipment,
    Shipped,
    Stock,
    Taken,
)
from crossdock_x12_wms.envelopes import Document, Segment, required, wrong
from crossdock_x12_wms.rules import Rules, amount, contradiction, moment

_CANCEL = "1"
_PLACES = frozenset({"18", "14", "11"})
"""LOC 3227: warehouse, location of goods, place of discharge."""
_RECEIVED = ("48", "194", "46")
_FORMS = {"102": (8, 0), "203": (8, 4), "204": (8, 6), "101": (6, 0), "201": (6, 4)}
"""DTM 2379: how many digits are the day, and how many the time."""


def _when(document: Document, rules: Rules, *kinds: str) -> datetime | None:
    """The first DTM of these kinds that there is."""
    for kind in kinds:
        one = next((s for s in document.all("DTM") if s.get(1) == kind), None)
        if one is None:
            continue
        text = one.get(1, 2)
        days, hours = _FORMS.get(one.get(1, 3), (8, 0))
        found = moment(text[:days], text[days : days + hours], rules.zone)
        if found is None:
            raise wrong(one, 1, "a date of the form 102 or 203", text)
        return found
    return None


def _reference(document: Document, *kinds: str) -> str:
    for kind in kinds:
        for one in document.all("RFF"):
            if one.get(1) == kind and one.get(1, 2):
                return one.get(1, 2)
    return ""


def _blocks(document: Document) -> Iterator[tuple[Segment, list[Segment], list[Segment]]]:
    """Each LIN with what belongs to it, and the segments of the pack before it."""
    pack: list[Segment] = []
    line: Segment | None = None
    inner: list[Segment] = []
    for one in document.segments:
        if one.tag in {"LIN", "CPS", "UNS", "CNT", "UNT"}:
            if line is not None:
                yield line, inner, pack
            line, inner = (one, []) if one.tag == "LIN" else (None, [])
            if one.tag == "CPS":
                pack = [one]
        elif line is not None:
            inner.append(one)
        elif pack:
            pack.append(one)


def _sku(line: Segment, inner: list[Segment], rules: Rules) -> str:
    pairs = [(line.get(3, 2), line.get(3))]
    for one in inner:
        if one.tag == "PIA":
            pairs += [(one.get(at, 2), one.get(at)) for at in range(2, 7)]
    return rules.sku(line, pairs, 3)


def _amounts(inner: list[Segment]) -> dict[str, tuple[Segment, Decimal]]:
    return {one.get(1): (one, amount(one, 1, 2, signed=True)) for one in inner if one.tag == "QTY"}


def _unit(inner: list[Segment], rules: Rules) -> str:
    one = next((s for s in inner if s.tag == "QTY" and s.get(1, 3)), None)
    return "EA" if one is None else rules.unit(one, 1, 3)


def _lot(inner: list[Segment]) -> str | None:
    for one in inner:
        if one.tag == "RFF" and one.get(1) == "BT":
            return one.get(1, 2) or None
        if one.tag == "GIN" and one.get(1) == "BX":
            return one.get(2) or None
        if one.tag == "PIA" and one.get(2, 2) == "NB":
            return one.get(2) or None
    return None


def shipment(document: Document, rules: Rules) -> Shipment:
    """A DESADV. Packs are CPS levels; QTY 12 is what left, QTY 21 what was ordered."""
    head = document.need("BGM")
    parcels: dict[str, Parcel] = {}
    lines = [
        _despatched(line, inner, rules, _parcel(pack, parcels))
        for line, inner, pack in _blocks(document)
    ]
    carriage = document.first("TDT")
    number = _reference(document, "CN", "AAS")
    order = _reference(document, "ON", "CO", "SS")
    if not order:
        raise wrong(head, 2, "the number of the order (RFF+ON)", "")
    return Shipment(
        number=required(head, 2, "the number of the despatch"),
        order_number=order,
        shipped_at=_when(document, rules, "11", "137"),
        carrier=(carriage.get(5) or carriage.get(5, 4)) or None if carriage else None,
        tracking=(number,) if number else (),
        parcels=tuple(parcels.values()),
        lines=tuple(lines),
        purpose=head.get(3),
        cancelled=head.get(3) == _CANCEL,
    )


def _parcel(pack: list[Segment], parcels: dict[str, Parcel]) -> str:
    """The pack's own number (GIN+BJ, or RFF+CN for the carrier's); "" when it has none."""
    sscc = next((s.get(2) for s in pack if s.tag == "GIN" and s.get(1) in {"BJ", "AW"}), "")
    tracking = next((s.get(1, 2) for s in pack if s.tag == "RFF" and s.get(1) == "CN"), "")
    key = sscc or tracking
    if key:
        good = sscc if len(sscc) == 18 and sscc.isdigit() else None
        parcels.setdefault(key, Parcel(id=key, sscc=good, tracking=tracking or None))
    return key


def _despatched(line: Segment, inner: list[Segment], rules: Rules, parcel: str) -> Shipped:
    amounts = _amounts(inner)
    left = amounts.get("12")
    if left is None:
        raise wrong(line, 1, "a quantity despatched (QTY+12)", "")
    if left[1] < 0:
        raise wrong(left[0], 1, "a quantity of 0 or more", left[1])
    ordered = amounts.get("21")
    varied = next((s for s in inner if s.tag == "QVR"), None)
    backorder = "BP" if "83" in amounts else ""
    return Shipped(
        sku=_sku(line, inner, rules),
        unit=_unit(inner, rules),
        shipped=left[1],
        ordered=ordered[1] if ordered else None,
        status=varied.get(2) if varied is not None else backorder,
        lot=_lot(inner),
        parcel=parcel,
        at=line.at(),
    )


def receipt(document: Document, rules: Rules) -> Receipt:
    """A RECADV. QTY 48 or 194 came; 124 is damaged, 195 was not accepted."""
    head = document.need("BGM")
    lines: list[Taken] = []
    for line, inner, _ in _blocks(document):
        amounts = _amounts(inner)
        came = next((amounts[code] for code in _RECEIVED if code in amounts), None)
        if came is None:
            raise wrong(line, 1, "a quantity received (QTY+48 or 194)", "")
        bad = sum((amounts[code][1] for code in ("124", "195") if code in amounts), ZERO)
        if not ZERO <= bad <= came[1]:
            words = f"{bad} damaged or refused of {came[1]} received"
            raise contradiction(came[0], 1, words, bad)
        lines.append(
            Taken(
                sku=_sku(line, inner, rules),
                unit=_unit(inner, rules),
                received=came[1],
                damaged=bad,
                reason="damaged" if bad else None,
                lot=_lot(inner),
            )
        )
    if not lines:
        raise wrong(head, 1, "something that was received (LIN)", "nothing")
    received_at = _when(document, rules, "50", "137")
    if received_at is None:
        raise wrong(head, 2, "the day it was received (DTM+50)", "")
    return Receipt(
        number=required(head, 2, "the number of the receipt"),
        reference=_reference(document, "AAK", "DQ", "ON", "ALO") or None,
        received_at=received_at,
        lines=tuple(lines),
    )


def stock(document: Document, rules: Rules) -> Stock:
    """An INVRPT: for each LIN its QTYs; the place by NAD+WH or LOC."""
    head = document.need("BGM")
    place = next((s.get(2) for s in document.all("NAD") if s.get(1) in {"WH", "GY"}), "")
    as_of = _when(document, rules, "366", "90", "137")
    if as_of is None:
        raise wrong(head, 2, "the moment it was counted (DTM+366 or 137)", "")
    lines = [
        Counted(
            sku=_sku(line, inner, rules),
            unit=_unit(inner, rules),
            place=rules.place(where),
            amounts=tuple(amounts),
            lot=_lot(inner),
            at=line.at(),
        )
        for line, inner, _ in _blocks(document)
        for where, amounts in _by_place(inner, place).items()
    ]
    return Stock(number=required(head, 2, "a reference"), as_of=as_of, lines=tuple(lines))


def _by_place(inner: list[Segment], place: str) -> dict[str, list[tuple[str, Decimal]]]:
    """Quantities by where they lie: a LOC before the first QTY is of them all, else of its own."""
    found: list[tuple[str, tuple[str, Decimal]]] = []
    for one in inner:
        if one.tag == "QTY":
            found.append((place, (one.get(1), amount(one, 1, 2, signed=True))))
        elif one.tag == "LOC" and one.get(1) in _PLACES and one.get(2):
            if found:
                found[-1] = (one.get(2), found[-1][1])
            else:
                place = one.get(2)
    parts: dict[str, list[tuple[str, Decimal]]] = {} if found else {place: []}
    for where, told in found:
        parts.setdefault(where, []).append(told)
    return parts

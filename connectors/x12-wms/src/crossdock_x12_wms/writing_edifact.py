"""Our messages in EDIFACT: ORDERS, DESADV, and CONTRL around what `acknowledging` says. Pure.

Layouts: UN/EDIFACT D.96A, held to the ORDERS in tests/documents and to the D.96A schema of DESADV.
"""

from collections.abc import Sequence
from datetime import datetime

from crossdock.canonical import Address

from crossdock_x12_wms import edifact
from crossdock_x12_wms.config import Partner, X12WmsConfig
from crossdock_x12_wms.edifact import Line
from crossdock_x12_wms.writing import Wish, amount, checked, encoded, folded, unit_of

_SYNTAX = {"ascii": "UNOB", "latin-1": "UNOC", "utf-8": "UNOW"}


def interchange(
    partner: Partner, number: int, at: datetime, type_: str, body: Sequence[Line]
) -> bytes:
    """One message in its own interchange. `type_` comes with its version."""
    head = edifact.Head(
        sender=(partner.us.qualifier, partner.us.id),
        receiver=(partner.them.qualifier, partner.them.id),
        syntax=_SYNTAX[partner.encoding],
        test=partner.test,
        by=partner.separators,
        newlines=partner.newlines,
    )
    return encoded(edifact.write(head, number, at, [(type_, body)]), partner.encoding)


def ship_order(wish: Wish, config: X12WmsConfig) -> list[Line]:
    """An ORDERS; BGM 1225 is 9 for a new one and 1 for one that is cancelled."""
    partner = config.partner
    lines: list[Line] = [
        ["BGM", "220", wish.number, "1" if wish.cancel else "9"],
        _dated("137", wish.at),
    ]
    if wish.due is not None:
        lines.append(_dated("10", wish.due))
    if wish.note:
        lines.append(["FTX", "DEL", "", "", folded(wish.note, 5, 70)])
    lines.append(["RFF", ("CR", wish.title[:35])])
    lines += _parties(partner)
    if _code(config):
        lines.append(["NAD", "WH", (_code(config), "", "92")])
    if wish.ship_to is not None:
        lines += _address(wish.ship_to)
    if wish.service:
        lines.append(["TDT", "20", "", "30", "", ["", "", "", wish.service[:35]]])
    lines += _articles(wish, partner, "21")
    return [*lines, ["UNS", "S"], ["CNT", ("2", str(len(wish.lines)))]]


def transfer_notice(wish: Wish, config: X12WmsConfig) -> list[Line]:
    """A DESADV to the warehouse: what is on its way."""
    lines: list[Line] = [
        ["BGM", "351", wish.number, "9"],
        _dated("137", wish.at),
    ]
    if wish.due is not None:
        lines.append(_dated("17", wish.due))
    lines.append(["RFF", ("CR", wish.title[:35])])
    lines += [
        *_parties(config.partner),
        ["NAD", "DP", (_code(config) or config.location[:17], "", "92")],
        ["NAD", "SF", (wish.origin[:17], "", "92")],
        ["CPS", "1"],
    ]
    lines += _articles(wish, config.partner, "12")
    return [*lines, ["CNT", ("2", str(len(wish.lines)))]]


def _dated(kind: str, at: datetime) -> Line:
    return ["DTM", (kind, f"{at:%Y%m%d}", "102")]


def _parties(partner: Partner) -> list[Line]:
    return [
        ["NAD", "BY", (partner.us.id[:17], "", "92"), "", partner.us.name[:35]],
        ["NAD", "SU", (partner.them.id[:17], "", "92"), "", partner.them.name[:35]],
    ]


def _code(config: X12WmsConfig) -> str:
    """The warehouse's own code of the place; "" where it has told none."""
    codes = {ours: theirs for theirs, ours in config.partner.places.items()}
    return codes.get(config.location, "")[:17]


def _address(to: Address) -> list[Line]:
    names = [n for n in (to.company, to.full_name) if n] or ["-"]
    name = [piece for n in names for piece in folded(n, 2, 35)][:5]
    streets = [piece for line in to.lines for piece in folded(line, 3, 35)][:3]
    lines: list[Line] = [
        [
            *("NAD", "DP", "", "", name, streets, (to.locality or "")[:35]),
            (to.region or "")[:9],
            checked("postal code", to.postal_code or "", 9),
            to.country or "",
        ]
    ]
    if to.phone or to.email:
        lines.append(["CTA", "DL", ("", (to.full_name or "")[:35])])
        numbers = ((to.phone, "TE"), (to.email, "EM"))
        lines += [["COM", (value[:70], kind)] for value, kind in numbers if value]
    return lines


def _articles(wish: Wish, partner: Partner, quantity: str) -> list[Line]:
    lines: list[Line] = []
    by = partner.article or "SA"
    for place, (sku, much, unit) in enumerate(wish.lines, 1):
        lines.append(["LIN", str(place), "", (checked("SKU", sku, 35), by)])
        lines.append(["QTY", (quantity, amount(much), unit_of(unit, partner))])
    return lines

"""What both syntaxes need to write a document: our numbers, names, and the charset. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import crossdock
from crossdock.canonical import Address, FulfillmentOrder, Transfer
from crossdock.errors import RejectedError
from crossdock.identity import digest

from crossdock_x12_wms.config import Partner, X12WmsConfig
from crossdock_x12_wms.records import Asked, AskedLine

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
MAX_NUMBER = 22
"""Depositor order number (element 285): at most 22 characters; EDIFACT has room for 35."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """One command as both syntaxes need it."""

    document: str
    """`940`, `943`: the X12 name of what is wished, whatever syntax it is written in."""
    number: str
    """Our number of it, by which the warehouse answers."""
    cancel: bool
    at: datetime
    """When it was wished: the document's own date, the same at every try."""
    title: str
    """What people call the order or the transfer."""
    lines: tuple[tuple[str, Decimal, str], ...]
    """SKU, quantity, unit."""
    ship_to: Address | None = None
    service: str = ""
    note: str = ""
    due: datetime | None = None
    origin: str = ""
    """Where a transfer comes from."""

    @property
    def total(self) -> Decimal:
        """All quantities together, as W76 and W03 want it."""
        return sum((quantity for _, quantity, _ in self.lines), Decimal(0))


def number_of(title: str, entity_id: str) -> str:
    """Our number of an instruction: the order's, and four signs that tell it from others of it."""
    mark = digest(entity_id)[:4].upper()
    plain = re.sub(r"[^A-Z0-9-]", "", title.upper())[: MAX_NUMBER - 5]
    return f"{plain}-{mark}" if plain else digest(entity_id)[:MAX_NUMBER].upper()


def name_of(command: crossdock.Command[Any]) -> tuple[str, str]:
    """The document that carries a command out, and our number in it: the same at every try."""
    data = command.data
    if isinstance(data, FulfillmentOrder):
        return "940", number_of(data.number or data.order.native_id or "", command.entity_id)
    return "943", number_of(getattr(data, "number", None) or "", command.entity_id)


def wish_of(command: crossdock.Command[Any], config: X12WmsConfig) -> Wish:
    """RejectedError: it is none that a warehouse can be asked, or it has nothing to move."""
    data = command.data
    if isinstance(data, FulfillmentOrder):
        return _to_ship(command, data)
    if isinstance(data, Transfer):
        return _to_come(command, data, config)
    raise RejectedError(f"{command.type} carries {type(data).__name__}", reason="unsupported")


def _to_ship(command: crossdock.Command[Any], data: FulfillmentOrder) -> Wish:
    cancel = command.type == "fulfillment_order.cancel"
    title = data.number or data.order.native_id or ""
    lines = tuple(
        (_sku(line.sku, title, line.line_id), line.requested if cancel else open_, line.unit)
        for line in data.lines
        if (open_ := line.requested - line.cancelled - line.shipped) > 0 or cancel
    )
    if not lines:
        raise RejectedError(f"order {title}: nothing is left to ship", reason="unsupported")
    if not cancel and data.ship_to is None and data.method == "shipping":
        raise RejectedError(
            f"order {title} has no address to ship to; correct it, then retry", reason="no_address"
        )
    return Wish(
        document="940",
        number=name_of(command)[1],
        cancel=cancel,
        at=data.requested_at,
        title=title,
        lines=lines,
        ship_to=data.ship_to,
        service=data.service or "",
        note=data.gift_message or "",
        due=data.ship_by,
    )


def _to_come(command: crossdock.Command[Any], data: Transfer, config: X12WmsConfig) -> Wish:
    if data.to_location != config.location:
        raise RejectedError(
            f"transfer {data.number} goes to {data.to_location}, and this warehouse is "
            f"{config.location}; book it there by hand",
            reason="unsupported",
        )
    if data.cancelled_at is not None:
        raise RejectedError(
            f"transfer {data.number} was cancelled, which a stock transfer notice cannot say; "
            "tell the warehouse",
            reason="unsupported",
        )
    lines = tuple(
        (line.sku, amount, line.unit)
        for line in data.lines
        if (amount := line.shipped or line.requested - line.cancelled) > 0
    )
    if not lines:
        raise RejectedError(f"transfer {data.number} moves nothing", reason="unsupported")
    return Wish(
        document="943",
        number=name_of(command)[1],
        cancel=False,
        at=data.shipped_at or data.expected_at or data.updated_at or _LONG_AGO,
        title=data.number,
        lines=lines,
        due=data.expected_at,
        origin=data.from_location,
    )


def _sku(sku: str | None, title: str, line_id: str) -> str:
    if not sku:
        raise RejectedError(
            f"order {title}, line {line_id} has no SKU; a warehouse picks by SKU", reason="no_sku"
        )
    return sku


def asked_of(command: crossdock.Command[Any]) -> Asked:
    """What the answers to this command will need to know."""
    data = command.data
    if isinstance(data, FulfillmentOrder):
        lines = [
            AskedLine(
                line_id=line.line_id,
                sku=line.sku or "",
                quantity=f"{line.requested:f}",
                unit=line.unit,
            )
            for line in data.lines
        ]
        return Asked(
            kind="fulfillment_order",
            id=command.entity_id,
            number=data.number or "",
            order=data.order.id or "",
            lines=lines,
        )
    return Asked(kind=command.type.partition(".")[0], id=command.entity_id, number=data.number)


def checked(what: str, value: str, most: int) -> str:
    """A value that must not be shortened. RejectedError when it does not fit."""
    if len(value) > most:
        raise RejectedError(
            f"{what} {value[:60]!r} has {len(value)} characters, the document has room for {most}",
            reason="too_long",
        )
    return value


_UNITS = {
    "KGM": "KG",
    "GRM": "GR",
    "LBR": "LB",
    "LTR": "LT",
    "MTR": "MR",
    "C62": "EA",
    "H87": "EA",
}
"""UN/ECE Rec 20 to X12 element 355, where they differ."""


def unit_of(unit: str, partner: Partner) -> str:
    """The partner's word for a unit. RejectedError when X12 has no room for it."""
    theirs = next((word for word, ours in partner.units.items() if ours == unit), None)
    if partner.syntax == "edifact":
        return theirs or ("PCE" if unit == "EA" else unit)
    return checked("unit", theirs or _UNITS.get(unit, unit), 2)


def amount(value: Decimal) -> str:
    """A quantity as text: exactly, without an exponent and without needless zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def folded(text: str, least: int, most: int) -> list[str]:
    """A text in at most `least` pieces of `most` characters, cut at blanks where there are any."""
    pieces: list[str] = []
    rest = " ".join(text.split())
    while rest and len(pieces) < least:
        cut = len(rest) if len(rest) <= most else rest.rfind(" ", 0, most + 1)
        cut = most if cut <= 0 else cut
        pieces.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    return pieces


def encoded(text: str, encoding: str) -> bytes:
    """The bytes. Marks come off letters that the charset lacks; RejectedError for what is left."""
    try:
        return text.encode(encoding)
    except UnicodeEncodeError:
        pass
    out: list[str] = []
    for sign in text:
        if _fits(sign, encoding):
            out.append(sign)
            continue
        plain = _PLAIN.get(sign) or "".join(
            part for part in unicodedata.normalize("NFKD", sign) if not unicodedata.combining(part)
        )
        if not _fits(plain, encoding):
            raise RejectedError(
                f"{sign!r} (U+{ord(sign):04X}) cannot be written in {encoding}, which the "
                "warehouse reads; agree on charset utf-8, or correct the address, then retry",
                reason="charset",
            )
        out.append(plain)
    return "".join(out).encode(encoding)


_PLAIN = {
    "Ł": "L",
    "ł": "l",
    "Ø": "O",
    "ø": "o",
    "Đ": "D",
    "đ": "d",
    "ß": "ss",
    "ı": "i",
    "Æ": "AE",
    "æ": "ae",
    "Œ": "OE",
    "œ": "oe",
    "\u2019": "'",
    "\u2018": "'",
    "\u2013": "-",
    "\u2014": "-",
    "\u201c": '"',
    "\u201d": '"',
    "\u201e": '"',
    "\u20ac": "EUR",
}


def _fits(text: str, encoding: str) -> bool:
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True

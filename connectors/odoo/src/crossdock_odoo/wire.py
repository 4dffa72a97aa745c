"""Reading what came over Odoo's wire: each reader takes a value and the pointer to it. Pure.

Numbers arrive as binary floats, `false` stands for null, times are UTC text without a zone
(recordings, flow 17). What is none of that is a ContractError that names the pointer.
"""

from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import crossdock
from crossdock.jsontext import shorten

STAMP = "%Y-%m-%d %H:%M:%S"
_PLACES = Decimal("0.000001")


def bad(pointer: str, expected: str, value: object) -> crossdock.ContractError:
    """The error about a value."""
    return crossdock.ContractError(
        f"{pointer}: must be {expected}, found {shorten(value)}",
        pointer=pointer,
        value=shorten(value),
    )


def object_of(value: Any, pointer: str) -> dict[str, Any]:
    """An object."""
    if not isinstance(value, dict):
        raise bad(pointer, "an object", value)
    return value


def list_of(value: Any, pointer: str) -> list[Any]:
    """A list."""
    if not isinstance(value, list):
        raise bad(pointer, "a list", value)
    return value


def text_of(value: Any, pointer: str) -> str | None:
    """Odoo says `false` where a text is empty."""
    if value is None or value is False or value == "":
        return None
    if not isinstance(value, str):
        raise bad(pointer, "text or false", value)
    return value


def id_of(value: Any, pointer: str) -> int:
    """The database id of a record."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**63:
        raise bad(pointer, "the id of a record", value)
    return value


def number_of(value: Any, pointer: str) -> Decimal:
    """A float of Odoo's without its noise: six decimal places."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad(pointer, "a number", value)
    try:
        exact = Decimal(repr(value)).quantize(_PLACES)
        plain_number = exact.is_finite()  # NaN quantizes to NaN
    except InvalidOperation:
        plain_number = False
    if not plain_number:
        raise bad(pointer, "a finite number of at most 18 digits", value)
    return plain(exact)


def plain(value: Decimal) -> Decimal:
    """Without trailing zeros and without an exponent."""
    text = f"{value:f}"
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text) + 0


def moment_of(value: Any, pointer: str) -> datetime:
    """A time."""
    if not isinstance(value, str):
        raise bad(pointer, "a time such as 2026-11-23 03:16:04", value)
    try:
        return datetime.strptime(value[:19], STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise bad(pointer, "a time such as 2026-11-23 03:16:04", value) from None


def day_of(value: Any, pointer: str) -> date | None:
    """A day; None where it is empty."""
    text = text_of(value, pointer)
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise bad(pointer, "a day such as 2026-11-23", value) from None

"""The external ids we leave in Odoo, and back.

An external id is `module.name`. The module is our namespace. An order's name is its canonical id;
a line's is that id, `_`, and the source's line id with all but letters, digits and `-` written as
`_xx` (hexadecimal UTF-8). What is ours alone starts with two underscores, which no line id can.
"""

import re

_PLAIN = re.compile(r"[A-Za-z0-9-]*")
_CODED = re.compile(r"(?:[A-Za-z0-9-]|_[0-9a-f]{2})+")
_BYTE = re.compile(r"_([0-9a-f]{2})")


def encode(line_id: str) -> str:
    """A line id as part of an external id; `decode` is the inverse."""
    if _PLAIN.fullmatch(line_id):
        return line_id
    return "".join(
        c if _PLAIN.fullmatch(c) else "".join(f"_{byte:02x}" for byte in c.encode())
        for c in line_id
    )


def decode(text: str) -> str | None:
    """None when `encode` cannot have made it."""
    if not _CODED.fullmatch(text):
        return None
    if "_" not in text:
        return text
    raw = _BYTE.sub(lambda match: chr(int(match[1], 16)), text)
    try:
        return raw.encode("latin-1").decode("utf-8")
    except (UnicodeDecodeError, UnicodeEncodeError):
        return None


def line_name(order_id: str, line_id: str) -> str:
    """The name of an order line's external id."""
    return f"{order_id}_{encode(line_id)}"


def own_name(order_id: str, what: str, number: int = 0) -> str:
    """The name of a line that is ours alone: `ship`, `disc`."""
    return f"{order_id}__{what}_{number}"


def line_id_of(order_id: str, name: str) -> str | None:
    """The source's line id in the name of an external id; None when it is no line of that order."""
    prefix = f"{order_id}_"
    return decode(name[len(prefix) :]) if name.startswith(prefix) else None

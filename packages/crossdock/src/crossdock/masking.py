"""A value of a field that nobody knows yet, as it may be shown to people who may not see the order.

Nobody can say of an unknown field whether it is personal. So a value is shown only when its form is
that of an enumeration, an amount, a time or a flag, and nothing on the way to it is called as
personal data or secrets are; of any other its form is shown: `Ada Byron, 12` is `Xxx Xxxxx, 99`.
"""

import re
from collections.abc import Mapping
from typing import Any

from crossdock import jsontext
from crossdock.jsontext import steps

LONGEST = 200
"""Of a sample, in characters."""
MOST_WITHIN = 20
"""Members or elements of a sample that are shown."""
NAME = re.compile(r"(?!([^0-9]*[0-9]){6})[A-Za-z_$][A-Za-z0-9_$.: /-]{0,63}")
"""What a member of an object is called, where it is not called by an id, an address or a number."""
_OPEN = re.compile(
    r"[A-Z][A-Z_]{0,39}|[a-z][a-z_]{0,39}|-?[0-9]{1,9}(\.[0-9]{1,6})?"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]{5,16}(Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)
_PRIVATE = re.compile(
    r"name|mail|phone|fax|mobile|address|street|city|zip|post|province|region|birth|gender|sex|age$"
    r"|person|customer|buyer|recipient|contact|user|login|owner|author|^by$|_by$|first|last|company"
    r"|note|message|comment|text|remark|card|iban|account|bank|tax|vat|latitude|longitude|geo"
    r"|^ip$|_ip$|ip_|browser|device|token|secret|password|key|auth|sign|cookie|session|licen|passport",
    re.IGNORECASE,
)
_MASK = str.maketrans(
    {chr(code): "9" for code in range(ord("0"), ord("9") + 1)}
    | {chr(code): "x" for code in range(ord("a"), ord("z") + 1)}
    | {chr(code): "X" for code in range(ord("A"), ord("Z") + 1)}
)


def sample_of(value: Any, field: str) -> str:
    """The value at this pointer as JSON, at most LONGEST characters; see the module's docstring."""
    shown = jsontext.dump(_shown(value, steps(field)[-3:])).decode()
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"


def type_of(value: Any) -> str:
    """JSON's word for what kind of value this is, `text` for a string."""
    kinds: Mapping[type, str] = {
        str: "text",
        bool: "boolean",
        dict: "object",
        list: "list",
        type(None): "null",
    }
    return kinds.get(type(value), "number")


def _shown(value: Any, way: list[str]) -> Any:
    if isinstance(value, dict):
        few = list(value.items())[:MOST_WITHIN]
        return {_key(key): _shown(inner, [*way, key]) for key, inner in few}
    if isinstance(value, list):
        return [_shown(inner, way) for inner in value[:MOST_WITHIN]]
    if value is None or isinstance(value, bool):
        return value
    text = str(value)[:LONGEST]
    if _OPEN.fullmatch(text) and not any(map(_PRIVATE.search, way)):
        return value
    return "".join(map(_masked, text))


def _key(key: str) -> str:
    """One that is no name is data itself."""
    return key if NAME.fullmatch(key) else "".join(map(_masked, key[:64]))


def _masked(one: str) -> str:
    """Letters and digits of any script lose themselves; what stands between them stays."""
    plain = one.translate(_MASK)
    return "x" if plain == one and one.isalnum() and one not in "xX9" else plain

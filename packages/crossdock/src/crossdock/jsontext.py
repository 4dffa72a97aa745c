"""JSON as it may be trusted: bounded, finite, and without text that no database can store.

`json.loads` accepts NaN, lone surrogates and any depth, and fails by RecursionError at about
1,000 levels of nesting; each of these is a crash a stranger could cause. This module answers every
such text with a ContractError and everything else with the value.
"""

import json
from typing import Any

from crossdock.errors import ContractError

MAX_DEPTH = 64
"""Deeper JSON is refused. The deepest vendor sample seen nests 9 levels."""


def parse(data: bytes | str, *, what: str = "the body") -> Any:
    """The value in `data`; integers stay exact at any size, floats are binary.

    ContractError: not UTF-8, not JSON, deeper than MAX_DEPTH, NaN or Infinity, an integer of more
    than 4,300 digits, a NUL or a lone surrogate in any text.
    """
    try:
        text = data if isinstance(data, str) else data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ContractError(
            f"{what} is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}",
            parts={"offset": error.start},
        ) from None
    text = text.removeprefix("\ufeff")
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise ContractError(
            f"{what} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}",
            parts={"line": error.lineno, "column": error.colno},
        ) from None
    except RecursionError:
        raise ContractError(f"{what} nests deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise ContractError(f"{what} is not JSON we accept: {error}") from None
    if _too_deep(value):
        raise ContractError(f"{what} nests deeper than {MAX_DEPTH} levels")
    # in bytes only escapes can smuggle in a surrogate or a NUL; a str may hold a surrogate itself
    if "\\u" in text or isinstance(data, str):
        _refuse_unstorable(value, "", what)
    return value


def dump(value: Any) -> bytes:
    """Compact UTF-8 JSON with the keys in the order given. ValueError for NaN and Infinity."""
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str
    ).encode("utf-8")


def canonical(value: Any) -> bytes:
    """The same bytes for the same value, whatever the order of its keys: for fingerprints."""
    return json.dumps(
        value,
        ensure_ascii=False,
        allow_nan=False,
        separators=(",", ":"),
        sort_keys=True,
        default=str,
    ).encode("utf-8", "surrogatepass")


def shorten(value: object, limit: int = 80) -> str:
    """A value as an error message may show it: never longer than `limit` characters."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def pointer(*parts: object) -> str:
    """The JSON pointer (RFC 6901) made of these keys and indexes."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise ValueError(f"{text[:40]} is larger than any number we can hold")
    return value


def _too_deep(value: Any) -> bool:
    """Level by level, so that no recursion is needed to find that there is too much of it."""
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            child
            for node in level
            if isinstance(node, (dict, list))
            for child in (node.values() if isinstance(node, dict) else node)
        ]
        if not level:
            return False
    return True


def _refuse_unstorable(value: Any, at: str, what: str) -> None:
    if isinstance(value, str):
        bad = next((c for c in value if c == "\x00" or "\ud800" <= c <= "\udfff"), None)
        if bad is not None:
            raise ContractError(
                f"{what} holds the character U+{ord(bad):04X} at {at or '/'}: "
                "no database can store it",
                pointer=at,
                value=shorten(value),
            )
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_unstorable(key, at, what)  # such a key has no pointer: its object is named
            _refuse_unstorable(item, at + pointer(key), what)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            _refuse_unstorable(item, at + pointer(index), what)

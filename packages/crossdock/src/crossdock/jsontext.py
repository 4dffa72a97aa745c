"""JSON as it may be trusted: bounded, finite, and without text that no database can store.

`json.loads` accepts NaN, lone surrogates and any depth, and fails by RecursionError at about
1,000 levels of nesting; each of these is a crash a stranger could cause. This module answers every
such text with a ContractError and everything else with the value.
"""

import json
import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from crossdock.errors import ContractError
from crossdock.structs import msgspec

_loads: Callable[[bytes], Any] | None
_dumps: Callable[..., bytes] | None
try:
    from orjson import OPT_SORT_KEYS as _SORTED
    from orjson import dumps as _dumps
    from orjson import loads as _loads
except ImportError:  # the extra `fast` is not installed
    _loads = _dumps = None
    _SORTED = 0

_MISSING: Any = object()
_MANY_DIGITS = re.compile(rb"[0-9]{19,}").finditer
_DIGITS_ALIKE = bytes(48 if 48 <= byte <= 57 else 32 for byte in range(256))
_NINETEEN = b"0" * 19
_ALL_BUT_MARKS = bytes(set(range(256)) - set(b'{}[]"'))

MAX_DEPTH = 64
"""Deeper JSON is refused. The deepest vendor sample seen nests 9 levels."""


def parse(data: bytes | str, *, what: str = "the body") -> Any:
    """The value in `data`; integers stay exact at any size, floats are binary.

    ContractError: not UTF-8, not JSON, deeper than MAX_DEPTH, NaN or Infinity, an integer of more
    than 4,300 digits, a NUL or a lone surrogate in any text.
    """
    value = _quickly(data) if isinstance(data, bytes) else _MISSING
    if value is _MISSING:
        value = _carefully(data, what)
        # in bytes only escapes can smuggle in a surrogate or NUL; a str may hold a surrogate itself
        suspect = isinstance(data, str) or b"\\u" in data
    else:
        # orjson refuses lone surrogates by itself; one byte is found ten times as fast as six
        suspect = b"\\" in data and b"\\u0000" in data
    if not (isinstance(data, bytes) and _surely_shallow(data)) and _too_deep(value):
        raise ContractError(f"{what} nests deeper than {MAX_DEPTH} levels")
    if suspect:
        _refuse_unstorable(value, "", what)
    return value


def glance(data: bytes, *names: str, what: str = "the body") -> Any:
    """Of the object in `data` the fields of these names, as `parse` gives them, at a third of it.

    All of it is seen to be JSON that is not too deep; texts and numbers that are passed over are
    judged by whoever reads them. Anything but an object comes whole. ContractError as of `parse`.
    """
    found = _passing_over(data, names) if msgspec is not None else None
    if found is None:
        value = parse(data, what=what)
        if value.__class__ is not dict:
            return value
        found = {name: value[name] for name in names if name in value}
    return found


def parse_own(data: bytes) -> Any:
    """The value in what `dump_quickly` wrote, without integers beyond 64 bits.

    Nothing is looked for that strangers might have put in.
    """
    return json.loads(data) if _loads is None else _loads(data)


def dump(value: Any) -> bytes:
    """Compact UTF-8 JSON with the keys in the order given. ValueError for NaN and Infinity."""
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=str
    ).encode("utf-8")


def dump_quickly(value: Any) -> bytes:
    """As `dump`, where nobody minds that NaN becomes null and a time its RFC 3339 text.

    ValueError for what JSON cannot carry.
    """
    if _dumps is not None:
        try:
            return _dumps(value)
        except TypeError:  # an integer beyond 64 bits, a Decimal, a lone surrogate
            pass
    return dump(value)


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


def canonical_quickly(value: Any) -> bytes:
    """As `canonical`, for a value without floats, which have more than one spelling."""
    if _dumps is not None:
        try:
            return _dumps(value, option=_SORTED)
        except TypeError:  # an integer beyond 64 bits, a lone surrogate
            pass
    return canonical(value)


def shorten(value: object, limit: int = 80) -> str:
    """A value as an error message may show it: never longer than `limit` characters."""
    text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def pointer(*parts: object) -> str:
    """The JSON pointer (RFC 6901) made of these keys and indexes."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def steps(pointer: str) -> list[str]:
    """The keys and indexes of a JSON pointer (RFC 6901)."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def at(value: Any, pointer: str) -> Any:
    """What a JSON pointer leads to within `value`; None where it leads nowhere."""
    for name in steps(pointer):
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def _quickly(data: bytes) -> Any:
    """With orjson, where it says the same as `json` does; `_MISSING` where it may not.

    It makes a float of an integer beyond 64 bits, and its error messages are not ours.
    """
    if _loads is None or _has_long_number(data):
        return _MISSING
    try:
        return _loads(data)
    except ValueError:
        return _MISSING


def _passing_over(data: bytes, names: tuple[str, ...]) -> dict[str, Any] | None:
    """These fields; None where `parse` may say anything else of them, or of the whole."""
    if (b"\\" in data and b"\\u0000" in data) or not _surely_shallow(data):
        return None
    try:
        values = _reader_of(names).decode(data)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    pairs = zip(names, msgspec.structs.astuple(values), strict=True)
    return {name: value for name, value in pairs if value is not msgspec.UNSET}


@lru_cache(100)
def _reader_of(names: tuple[str, ...]) -> Any:
    fields = [(f"field_{at}", object, msgspec.UNSET) for at in range(len(names))]
    spelt = {field[0]: name for field, name in zip(fields, names, strict=True)}
    return msgspec.json.Decoder(msgspec.defstruct("Glance", fields, rename=spelt))


def _has_long_number(data: bytes) -> bool:
    """Whether 19 digits stand where a number may begin, and not within some token or text."""
    if _NINETEEN not in data.translate(_DIGITS_ALIKE):  # ten times as fast as the pattern
        return False
    for found in _MANY_DIGITS(data):
        before = data[: found.start()][-2:].removesuffix(b"-")
        if not before or before[-1:] in b":,[ \t\r\n":
            return True
    return False


def _carefully(data: bytes | str, what: str) -> Any:
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
    return value


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise ValueError(f"{text[:40]} is larger than any number we can hold")
    return value


def _surely_shallow(data: bytes) -> bool:
    """Whether the brackets of this valid JSON alone tell that it is not too deep.

    A text that holds a bracket makes it unsure, and so do more than 32 levels. Looking at the bytes
    costs a third of looking at the values.
    """
    if b"\\" in data:
        data = data.replace(b"\\\\", b"").replace(b'\\"', b"")
    # of a text without brackets two quotes are left; a quote that stays belongs to one with some
    marks = data.translate(None, _ALL_BUT_MARKS).replace(b'""', b"")
    if b'"' in marks:
        return False
    for _ in range(MAX_DEPTH // 2):  # each turn takes two levels at most
        if not marks:
            return True
        marks = marks.replace(b"{}", b"").replace(b"[]", b"")
    return not marks


def _too_deep(value: Any) -> bool:
    """Level by level, so that no recursion is needed to find that there is too much of it."""
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(MAX_DEPTH):
        # only the parser's own types come here, so that identity tells, at half the time
        level = [
            child
            for node in level
            for child in (node.values() if node.__class__ is dict else node)
            if child.__class__ is dict or child.__class__ is list
        ]
        if not level:
            return False
    return bool(level)


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

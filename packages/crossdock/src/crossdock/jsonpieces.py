"""Pieces of JSON as the bytes they are: a page of records is divided without being parsed.

A poll hands each record on as bytes, so making values of a page and writing them again is work for
nothing, and three quarters of what such a poll costs. msgspec skips values instead; it is part of
the extra `fast`, and whatever it does not take is for `crossdock.jsontext` to read or to refuse.
"""

from collections.abc import Callable
from typing import Any

from crossdock.structs import msgspec

_members: Callable[[bytes], dict[str, Any]] | None = None
_elements: Callable[[bytes], list[Any]] | None = None
if msgspec is not None:
    _members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
    _elements = msgspec.json.Decoder(list[msgspec.Raw]).decode


def members(data: bytes) -> dict[str, bytes] | None:
    """Each member of an object; what is within them is hardly checked. None: parse it instead."""
    found = _divided(_members, data)
    return None if found is None else dict(zip(found, map(bytes, found.values()), strict=True))


def elements(data: bytes) -> list[bytes] | None:
    """Each element of a list; what is within them is hardly checked. None: parse it instead."""
    found = _divided(_elements, data)
    return None if found is None else list(map(bytes, found))


def _divided(divide: Callable[[bytes], Any] | None, data: bytes) -> Any:
    if divide is None:
        return None
    try:
        return divide(data)
    except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
        return None

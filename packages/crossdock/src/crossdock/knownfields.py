"""Which fields of a payload are known, and which were never seen before. Pure but for its memory.

Every message is asked, so the question must cost next to nothing: the known fields become a
msgspec type that forbids all others, and reading the bytes by it answers in a hundredth of the
time that walking the document takes. Only a payload that does not fit is walked. msgspec is part of
the extra `fast`; without it every payload is walked.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from crossdock import jsontext
from crossdock.errors import ContractError
from crossdock.jsontext import pointer, steps
from crossdock.masking import NAME
from crossdock.structs import msgspec

DEEPEST = 16
"""What lies deeper is not looked at."""
MOST_FIELDS = 5_000
"""A topic with more has keys that are data: it is not looked at any more."""
ANYTHING = "**"
"""As the last part of a pattern: whatever lies there is known."""


@dataclass(frozen=True)
class Unknown:
    """A field that was not known, as a pattern (`/lines/*/gift`), with the first value there.

    `told` when it is news: its object was known and had other fields. What lies within it, and
    what fills a place that was empty so far, is to be known from now on without a word.
    """

    field: str
    value: Any
    told: bool


class KnownFields:
    """The fields of one kind of payload, as patterns (`crossdock.fieldpaths`)."""

    def __init__(self, fields: Iterable[str] = ()) -> None:
        self._tree: dict[str, Any] = {}
        self._reader: Any = None
        self._count = 0
        self.learn(fields)

    def learn(self, fields: Iterable[str]) -> None:
        """From now on these are known."""
        for place in fields:
            node = self._tree
            for part in steps(place)[:DEEPEST]:
                if part not in node:
                    node[part] = {}
                    self._count += 1
                    self._reader = None
                node = node[part]

    def unknown(self, data: bytes) -> list[Unknown]:
        """What of this payload is not known, each field once. What is no JSON has no fields."""
        if self._count > MOST_FIELDS or data[:1] not in {b"{", b"["} or self._fits(data):
            return []
        try:
            value = jsontext.parse(data)
        except (ContractError, RecursionError):
            return []
        found: dict[str, Unknown] = {}
        for one in _unknown(self._tree, value, "", 0):
            found.setdefault(one.field, one)
        return [*found.values()]

    def _fits(self, data: bytes) -> bool:
        """Whether nothing is unknown, as far as that can be seen quickly."""
        if msgspec is None:
            return False
        if self._reader is None:
            self._reader = msgspec.json.Decoder(_type(self._tree))
        try:
            self._reader.decode(data)
        except (ValueError, RecursionError):  # msgspec's own errors are ValueErrors
            return False
        return True


def _unknown(node: dict[str, Any], value: Any, at: str, depth: int) -> Iterator[Unknown]:
    if ANYTHING in node or depth >= DEEPEST:
        return
    if isinstance(value, dict):
        for key, inner in value.items():
            place = at + pointer(key)
            below = node.get(key)
            if below is None and ("*" in node or not NAME.fullmatch(key)):
                place, below = f"{at}/*", node.get("*")  # its keys are data
            if below is None:
                yield Unknown(place, inner, told=bool(node))
                yield from _within({}, inner, place, depth + 1)
            else:
                yield from _unknown(below, inner, place, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            if isinstance(inner, dict | list):
                yield from _unknown(node.get("*", {}), inner, f"{at}/*", depth + 1)


def _within(node: dict[str, Any], value: Any, at: str, depth: int) -> Iterator[Unknown]:
    """What lies within a field that was told, or in a place that was empty: not worth a word."""
    for one in _unknown(node, value, at, depth):
        yield Unknown(one.field, one.value, told=False)


_PLAIN: Any = str | int | float | bool | None


def _type(node: dict[str, Any]) -> Any:
    """What msgspec takes for this place: as little as is needed to see that a field is unknown."""
    if ANYTHING in node:
        return msgspec.Raw
    named = {key: below for key, below in node.items() if key != "*"}
    record = _record(named)
    if "*" in node:
        item = _type(node["*"])
        return _PLAIN | (record if named else _of(dict, str, item)) | _of(list, item)
    return _PLAIN | record | _of(list, _PLAIN | _record({}) | _of(list, _PLAIN))


def _of(container: Any, *parts: Any) -> Any:
    """`list[item]`, of values."""
    return container[parts]


def _record(named: dict[str, dict[str, Any]]) -> Any:
    """An object with these members, each of which may be missing, and no other."""
    members = [
        (f"m{number}", _type(below), msgspec.field(name=key, default=None))
        for number, (key, below) in enumerate(named.items())
    ]
    return msgspec.defstruct("Record", members, forbid_unknown_fields=True, gc=False)

"""What a stranger might write: values, and documents with one place changed."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

from crossdock.jsontext import dump_quickly

Path = tuple[Any, ...]

TEXTS: tuple[str, ...] = (
    "",
    " ",
    "\u202eevil\u202c",
    "\ufeffx",
    "a\tb\nc",
    "'; DROP TABLE orders;--",
    "<script>alert(1)</script>",
    "${jndi:ldap://x}",
    "../../etc/passwd",
    "{{7*7}}",
    "١٢٣",
    "𝟙𝟚",
    "ﬁ" * 50,
    "👩‍👩‍👧‍👦" * 20,
    "a" * 20_000,
    "NaN",
    "null",
    "-0",
    "1e400",
    "0x10",
    "1,5",
    " 12.5 ",
)
NUMBERS: tuple[Any, ...] = (
    0,
    -1,
    10**17,
    2**63,
    10**400,
    -(10**40),
    0.1,
    1e308,
    5e-324,
    -0.0,
    True,
)
TIMES: tuple[str, ...] = (
    "0000-00-00",
    "0001-01-01T00:00:00+14:00",
    "9999-12-31T23:59:59-12:00",
    "2026-02-30T00:00:00Z",
    "2026-06-30T23:59:60Z",
    "2026-11-23T24:00:00Z",
    "2026-11-23",
    "yesterday",
    "1700000000",
    "2026-11-23T10:00:00+99:99",
)
SHAPES: tuple[Any, ...] = (None, [], {}, [None], [[]], {"a": 1}, "x", 7, 1.5, False)
BODIES: tuple[bytes, ...] = (
    b"",
    b" ",
    b"null",
    b"[]",
    b"{}",
    b"0",
    b'"x"',
    b"not json",
    b"{",
    b"\xff\xfe\x00",
    b'{"a": NaN}',
    b'{"a": 1e999}',
    b'{"a": "\\u0000"}',
    b'{"a": "\\ud800"}',
    b"[" * 5_000 + b"]" * 5_000,
    b'{"id": ' + b"9" * 5_000 + b"}",
    b"<html><body>502 Bad Gateway</body></html>",
    b"%PDF-1.7",
)
"""What may stand where a JSON object is expected."""


def paths(value: Any, at: Path = ()) -> Iterator[Path]:
    """Every place in a document but its root, outermost first."""
    steps = (
        value.items()
        if isinstance(value, dict)
        else enumerate(value)
        if isinstance(value, list)
        else ()
    )
    for key, inner in steps:
        yield (*at, key)
        yield from paths(inner, (*at, key))


def leaves(value: Any) -> Iterator[tuple[Path, Any]]:
    """Every text, number, boolean and null, with its place."""
    for path in paths(value):
        found = at(value, path)
        if not isinstance(found, dict | list):
            yield path, found


def at(value: Any, path: Path) -> Any:
    """What stands there."""
    for step in path:
        value = value[step]
    return value


def replaced(value: Any, path: Path, by: Any) -> Any:
    """A copy with another value at one place; what is not on the way there is shared."""
    made, holder = _along(value, path)
    holder[path[-1]] = by
    return made


def without(value: Any, path: Path) -> Any:
    """A copy without that place; what is not on the way there is shared."""
    made, holder = _along(value, path)
    del holder[path[-1]]
    return made


def _along(value: Any, path: Path) -> tuple[Any, Any]:
    """The document and the holder of this place, copied from the root down to there."""
    made = holder = copy.copy(value)
    for step in path[:-1]:
        holder[step] = copy.copy(holder[step])
        holder = holder[step]
    return made, holder


def writer(value: Any, path: Path) -> Callable[[Any], bytes]:
    """Writes the document as JSON with any value at one place; the rest is written once."""
    mark = "\u2063kit\u2063"  # invisible separators: in no sample
    before, _, after = encoded(replaced(value, path, mark)).partition(encoded(mark))
    return lambda by: before + encoded(by) + after


def thinned(found: list[Path], most: int) -> list[Path]:
    """At most so many, evenly spread, each shape of place (indexes aside) at least once."""
    kinds: dict[Path, Path] = {}
    for path in found:
        kinds.setdefault(tuple("#" if isinstance(s, int) else s for s in path), path)
    chosen = list(kinds.values())
    step = max(1, -(-len(chosen) // most))
    return chosen[::step]


def encoded(value: Any) -> bytes:
    """As JSON; none of the values here is one that JSON cannot have."""
    return dump_quickly(value)

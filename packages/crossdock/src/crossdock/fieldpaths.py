"""The fields of a JSON document, as patterns: `/line_items/*/price`. Pure.

`*` stands for any element of a list, and for any key of an object whose keys are data (an id, a
locale). For mapping coverage and for schema drift.
"""

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from crossdock.jsontext import pointer

MAX_DEPTH = 12
"""A schema that contains itself is followed so far."""


def fields(value: Any, at: str = "") -> Iterator[tuple[str, Any]]:
    """Every field with its value, containers included, lists by `*`. Repeats for each element."""
    if isinstance(value, dict):
        for key, inner in value.items():
            place = at + pointer(key)
            yield place, inner
            yield from fields(inner, place)
    elif isinstance(value, list):
        for inner in value:
            yield from fields(inner, f"{at}/*")


def leaves(value: Any) -> dict[str, Any]:
    """Every field that holds no other, with the first value found there that is not null."""
    found: dict[str, Any] = {}
    for place, inner in [*fields(value)]:
        if isinstance(inner, dict) and inner:
            continue
        if isinstance(inner, list) and any(isinstance(one, dict | list) for one in inner):
            continue
        if found.get(place) is None:
            found[place] = inner
    return found


def schema_fields(document: Mapping[str, Any], root: str = "") -> dict[str, str]:
    """The leaves of a JSON Schema or of an OpenAPI component, with their types.

    `root` is a JSON pointer into the document (`#/components/schemas/Order`); references within
    the document are followed, `allOf`, `oneOf` and `anyOf` are joined.
    """
    found: dict[str, str] = {}

    def walk(node: Any, at: str, trail: tuple[str, ...]) -> None:
        if not isinstance(node, Mapping) or len(trail) > MAX_DEPTH:
            return
        reference = node.get("$ref")
        if isinstance(reference, str):
            if reference in trail:
                found.setdefault(at or "/", "object")
                return
            walk(resolve(document, reference), at, (*trail, reference))
            return
        parts = [
            part
            for word in ("allOf", "oneOf", "anyOf")
            for part in node.get(word, ())
            if part != {"type": "null"}
        ]
        for part in parts:
            walk(part, at, trail)
        properties = node.get("properties")
        if isinstance(properties, Mapping):
            for name, inner in properties.items():
                walk(inner, at + pointer(name), trail)
        elif isinstance(node.get("items"), Mapping):
            walk(node["items"], f"{at}/*", trail)
        elif not parts and at:
            kind = node.get("type", "any")
            kinds = [kind] if isinstance(kind, str) else [one for one in kind if one != "null"]
            found.setdefault(at, kinds[0] if kinds else "null")

    walk(resolve(document, root), "", (root,))
    return {place.removesuffix("/*") or place: kind for place, kind in found.items()}


def resolve(document: Mapping[str, Any], reference: str) -> Any:
    """What a pointer names within the document. KeyError when it names nothing."""
    node: Any = document
    for part in reference.lstrip("#").strip("/").split("/"):
        if part:
            node = node[part.replace("~1", "/").replace("~0", "~")]
    return node


def covers(pattern: str, place: str) -> bool:
    """Whether a pattern names this field: `/customer/**` also everything below `/customer`."""
    if pattern.endswith("/**"):
        top = pattern.removesuffix("/**")
        return place == top or covers_exactly(top + "/*", place[: _cut(place, top)])
    return pattern == place


def covers_exactly(pattern: str, place: str) -> bool:
    """Part by part; `*` in the pattern fits any part."""
    wanted, found = pattern.split("/"), place.split("/")
    return len(wanted) == len(found) and all(
        one == other or one == "*" or fnmatchcase(other, one)
        for one, other in zip(wanted, found, strict=True)
    )


def _cut(place: str, top: str) -> int:
    """Where the part after `top`'s depth ends."""
    parts = place.split("/")
    return len("/".join(parts[: top.count("/") + 2]))

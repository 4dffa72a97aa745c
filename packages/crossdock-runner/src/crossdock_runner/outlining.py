"""A schema for a person who writes a mapping: a line for each field, no shared codes."""

from collections.abc import Iterator, Mapping
from typing import Any

_MOST_WORDS = 25
"""Longer lists of values (currencies, countries) are told by the name of the list alone."""


def outline(schema: Mapping[str, Any]) -> Iterator[str]:
    """`name * type: what it is` for the entity, then for each object that its fields use.

    `*`: must be there.
    """
    yield f"{schema['title']} {schema.get('x-version', '')}: {schema.get('description', '')}"
    known = schema.get("$defs", {})
    waiting, told = [schema], set[str]()
    while waiting:
        part = waiting.pop(0)
        if part is not schema:
            yield f"\n{part['title']}: {part.get('description', '')}"
        for name, field in part["properties"].items():
            must = " *" if name in part.get("required", ()) else ""
            yield f"  {name}{must} {_type(field, known)}: {field.get('description', '')}"
            for used in _refs(field):
                if used not in told and "properties" in known[used]:
                    waiting.append({**known[used], "title": used})
                told.add(used)


def _type(field: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    if "$ref" in field:
        name = _name(field)
        values = _values(known[name])
        return f"{name} ({values})" if values else name
    for several in ("anyOf", "oneOf", "allOf"):
        if several in field:
            return " or ".join(dict.fromkeys(_type(one, known) for one in field[several]))
    if field.get("type") == "array":
        return f"list of {_type(field.get('items', {}), known)}"
    return _values(field) or str(field.get("type", "anything"))


def _values(field: Mapping[str, Any]) -> str:
    values = field.get("enum") or field.get("x-values") or ()
    return " | ".join(map(str, values)) if len(values) <= _MOST_WORDS else ""


def _name(field: Mapping[str, Any]) -> str:
    return str(field["$ref"]).rsplit("/", 1)[-1]


def _refs(field: Any) -> Iterator[str]:
    if isinstance(field, Mapping):
        if "$ref" in field:
            yield _name(field)
        for value in field.values():
            yield from _refs(value)
    elif isinstance(field, list):
        for value in field:
            yield from _refs(value)

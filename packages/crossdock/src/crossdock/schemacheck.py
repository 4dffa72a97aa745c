"""Whether a JSON Schema can be used at all, before anything is judged by it."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from crossdock import schemas
from crossdock.faults import MAX_FAULTS, Fault, explain, show
from crossdock.jsontext import pointer

_IN_PLACE_ONE = ("not", "if", "then", "else")

_DATA = frozenset({"const", "enum", "default", "examples"})

_IN_PLACE_MANY = ("allOf", "anyOf", "oneOf")


def schema_faults(schema: Any) -> Iterator[Fault]:
    """What is wrong with a JSON Schema of draft 2020-12, before it is used on anything.

    Beyond the metaschema: a `$ref` that leads nowhere or out of the file (nothing is fetched), a
    chain of references that returns to itself without looking at any part of the document, a
    pattern that is no regular expression.
    """
    from jsonschema import Draft202012Validator

    dialect = schema.get("$schema", schemas.DIALECT) if isinstance(schema, dict) else None
    if isinstance(schema, dict) and dialect != schemas.DIALECT:
        yield Fault(
            pointer="/$schema", rule="$schema", expected=schemas.DIALECT, found=show(dialect)
        )
        return
    if not _follows_the_metaschema(schema):
        careful = Draft202012Validator(Draft202012Validator.META_SCHEMA)
        for error in islice(careful.iter_errors(schema), MAX_FAULTS):
            yield from explain(error)
        return
    if not isinstance(schema, dict):
        return
    targets: dict[str, list[str]] = {}
    nodes = dict(_nodes(schema))
    base = str(schema.get("$id", ""))
    anchors = {
        f"#{node[word]}": at
        for at, node in nodes.items()
        for word in ("$anchor", "$dynamicAnchor")
        if isinstance(node.get(word), str)
    }
    for at, node in nodes.items():
        targets[at] = [at + pointer(word) for word in _IN_PLACE_ONE if word in node]
        for word in _IN_PLACE_MANY:
            many = node.get(word)
            targets[at] += [at + pointer(word, n) for n in range(len(many or ()))]
        for word in ("$ref", "$dynamicRef"):
            name = node.get(word)
            if not isinstance(name, str):
                continue
            local = name.removeprefix(base) if base else name
            aim = anchors.get(local, local.removeprefix("#"))
            if aim not in nodes or (local and not local.startswith("#")):
                yield Fault(
                    pointer=at + pointer(word),
                    rule=word,
                    expected="must lead to a schema in the same file; nothing is fetched",
                    found=show(name),
                )
            else:
                targets[at].append(aim)
        if isinstance(node.get("pattern"), str):
            try:
                re.compile(node["pattern"])
            except re.error as error:
                yield Fault(
                    pointer=at + "/pattern",
                    rule="pattern",
                    expected=f"must be a regular expression: {error}",
                    found=show(node["pattern"]),
                )
    cycle = _cycle(targets)
    if cycle:
        yield Fault(
            pointer=cycle[0],
            rule="$ref",
            expected="must come to an end",
            found=" → ".join(f"#{at}" for at in cycle[:6])[:300],
            advice="these references go round without entering any part of a document",
        )


def _follows_the_metaschema(schema: Any) -> bool:
    try:
        import jsonschema_rs
    except ImportError:  # the extra `fast` is not installed
        from jsonschema import Draft202012Validator

        return Draft202012Validator(Draft202012Validator.META_SCHEMA).is_valid(schema)
    return bool(jsonschema_rs.Draft202012Validator(_metaschema()).is_valid(schema))


@lru_cache(maxsize=1)
def _metaschema() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator.META_SCHEMA


def _nodes(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in the file by its pointer; more than the schemas, which does no harm."""
    waiting: list[tuple[str, Any]] = [("", schema)]
    while waiting:
        at, node = waiting.pop()
        if isinstance(node, dict):
            yield at, node
            waiting += [
                (at + pointer(key), child) for key, child in node.items() if key not in _DATA
            ]
        elif isinstance(node, list):
            waiting += [(at + pointer(key), child) for key, child in enumerate(node)]


def _cycle(targets: Mapping[str, list[str]]) -> list[str]:
    """A way that returns to itself, or nothing. Iterative: chains may be long."""
    done: set[str] = set()
    for start in targets:
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            at, leaving = stack.pop()
            if leaving:
                path.pop()
                on_path.discard(at)
                done.add(at)
            elif at in on_path:
                return [*path[path.index(at) :], at]
            elif at not in done and at in targets:
                path.append(at)
                on_path.add(at)
                stack.append((at, True))
                stack += [(aim, False) for aim in targets[at]]
    return []

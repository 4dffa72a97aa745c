"""Changes of schemas, each with a label that does not come from the rules.

A change carries witnesses: values that one schema accepts and the other refuses. jsonschema is
asked whether they do. Narrowing (old accepts, new refuses) is breaking for producers, widening
(new accepts, old refuses) for consumers. Changes of meaning, which no instance can show, carry
their label by construction.
"""

import copy
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from crossdock.canonical import samples

Json = dict[str, Any]


@dataclass(frozen=True)
class Change:
    """A changed node. `tries` are values for its place; `label` is set where none can show it."""

    name: str
    node: Any
    tries: tuple[Any, ...] = ()
    label: str = ""


@dataclass
class Mutation:
    """A changed schema with values that may tell it from the old one.

    The values belong to `part` of both: the root, or the shared definition the change is in. What
    holds for a definition holds wherever it is used.
    """

    name: str
    schema: Json
    part: str
    values: list[Any] = field(default_factory=list)
    label: str = ""


def mutations(schema: Json, document: Json) -> Iterator[Mutation]:
    """Every change at every place of `schema` that `document` has a value for, each place once."""
    seen: set[str] = set()
    for path, place, node, base in places(schema, document):
        if str(place) in seen:
            continue
        seen.add(str(place))
        whole = samples.at(document, path[:base])
        inner = path[base:]
        part = f"#/$defs/{place[1]}" if place[:1] == ("$defs",) else "#"
        for change in _changes(node, samples.at(document, path)):
            if part != "#" and change.name in {"default-added", "null-allowed"}:
                continue  # what stands beside the reference may speak louder
            changed = copy.deepcopy(schema)
            if place:
                samples.at(changed, place[:-1])[place[-1]] = change.node
            else:
                changed = change.node
            name = f"{'/'.join(map(str, place))}: {change.name}"
            mutation = Mutation(name, changed, part, [whole], change.label)
            for tried in change.tries:
                value = copy.deepcopy(whole)
                if inner:
                    samples.at(value, inner[:-1])[inner[-1]] = tried
                else:
                    value = tried
                mutation.values.append(value)
            yield mutation


def places(schema: Json, document: Any) -> Iterator[tuple[Any, Any, Json, int]]:
    """Path in the document, path in the schema, node, and the length of the path to the part."""
    waiting: list[Any] = [((), (), schema, document, 0)]
    while waiting:
        path, place, node, value, base = waiting.pop(0)
        if "anyOf" in node:
            yield path, place, node, base
            node = node["anyOf"][0]
            place = (*place, "anyOf", 0)
        while "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            place, node, base = ("$defs", name), schema["$defs"][name], len(path)
        yield path, place, node, base
        if isinstance(value, dict):
            for key, item in value.items():
                if key in node.get("properties", {}):
                    inner = node["properties"][key]
                    waiting.append(((*path, key), (*place, "properties", key), inner, item, base))
        elif isinstance(value, list) and "items" in node:
            for index, item in enumerate(value[:1]):
                waiting.append(((*path, index), (*place, "items"), node["items"], item, base))


def _changes(node: Json, value: Any) -> Iterator[Change]:
    yield from _meanings(node)
    if "anyOf" in node:
        yield from _alternatives(node)
        return
    kind = node.get("type")
    kinds = set(kind) if isinstance(kind, list) else {kind}
    if "string" in kinds:
        yield from _strings(node, value)
    elif "integer" in kinds:
        yield from _integers(node, value)
    elif "boolean" in kinds:
        yield _with(node, "const-added", (not value,), const=value)
    elif "array" in kinds:
        yield from _arrays(node, value)
    elif "object" in kinds and "properties" in node:
        yield from _objects(node, value)
    if kind is not None:
        yield from _types(node, kinds, value)
    yield _with(node, "all-of-added", allOf=[{"const": "never this"}])
    yield _with(node, "not-added", label="unknown", **{"not": {"const": "never so"}})
    yield _with(node, "if-added", label="unknown", **{"if": {"const": 1}, "then": {"const": 1}})
    yield _with(node, "odd-keyword", label="unknown", **{"x-unheard-of": 1})


def _with(
    node: Json, name: str, tries: tuple[Any, ...] = (), label: str = "", **more: Any
) -> Change:
    return Change(name, {**node, **more}, tries, label)


def _without(
    node: Json, name: str, *keys: str, tries: tuple[Any, ...] = (), label: str = ""
) -> Change:
    return Change(name, {k: v for k, v in node.items() if k not in keys}, tries, label)


def _meanings(node: Json) -> Iterator[Change]:
    yield _with(node, "title", label="compatible", title="Another title")
    yield _with(node, "description", label="compatible", description="Other words.")
    yield _with(node, "comment", label="compatible", **{"$comment": "for maintainers"})
    yield _with(node, "deprecated", label="compatible", deprecated=True)
    yield _with(node, "examples", label="compatible", examples=["x"])
    yield _with(node, "unit", label="breaking", **{"x-unit": "minor units"})
    yield _with(node, "read-only", label="unknown", readOnly=True)
    if node.get("x-pii"):
        yield _without(node, "pii-unmarked", "x-pii", label="breaking")
    else:
        yield _with(node, "pii-marked", label="compatible", **{"x-pii": True})
    if "default" in node:
        yield _with(node, "default-changed", label="breaking", default="another")
        yield _without(node, "default-removed", "default", label="breaking")
    else:
        yield _with(node, "default-added", label="unknown", default="a default")
    if "x-values" in node:
        words = node["x-values"]
        yield _with(node, "word-documented", label="compatible", **{"x-values": [*words, "new"]})
        yield _with(node, "word-undocumented", label="unknown", **{"x-values": words[1:]})
    if "x-semantics" in node:
        yield _with(node, "semantics", label="unknown", **{"x-semantics": "0" * 16})
        yield _with(node, "address", label="breaking", **{"$id": node["$id"] + ".v9"})
        yield _with(node, "minor-version", label="compatible", **{"x-version": "1.99"})


def _strings(node: Json, value: str) -> Iterator[Change]:
    free = "enum" not in node and "pattern" not in node
    if free:
        least = node.get("minLength", 0)
        yield _with(node, "max-length-lowered", ("abcdef",), maxLength=3)
        yield _with(node, "min-length-raised", ("a",), minLength=2)
        if least:
            yield _without(node, "min-length-dropped", "minLength", tries=("",))
        if "maxLength" in node:
            longer = "x" * (node["maxLength"] + 1)
            yield _with(node, "max-length-raised", (longer,), maxLength=node["maxLength"] + 5)
            yield _without(node, "max-length-dropped", "maxLength", tries=(longer,))
        yield _with(node, "pattern-added", ("a",), pattern="^zz")
        yield _with(node, "enum-added", ("a", "zz"), enum=["zz"])
        yield _with(node, "format-added", ("abc",), format="date")
        yield _with(node, "const-added", ("a",), const="zz")
    if "enum" in node:
        yield _with(node, "enum-value-added", ("brand_new",), enum=[*node["enum"], "brand_new"])
        gone = node["enum"][-1]
        yield _with(node, "enum-value-removed", (gone,), enum=node["enum"][:-1])
        yield _without(node, "enum-dropped", "enum", tries=("brand_new",))
    if "pattern" in node:
        yield _without(node, "pattern-dropped", "pattern", "format", tries=("no! such",))
        yield _with(node, "pattern-changed", label="unknown", pattern="^[a-c]+$")
    yield _with(node, "encoding", label="unknown", contentEncoding="base64")


def _integers(node: Json, value: int) -> Iterator[Change]:
    low, high = node.get("minimum"), node.get("maximum")
    if low is not None:
        yield _with(node, "minimum-raised", (low,), minimum=low + 1)
        yield _with(node, "minimum-lowered", (low - 1,), minimum=low - 1)
        yield _without(node, "minimum-dropped", "minimum", tries=(low - 1,))
        yield _with(node, "exclusive-minimum", (low,), exclusiveMinimum=low)
    if high is not None:
        yield _with(node, "maximum-lowered", (high,), maximum=high - 1)
        yield _with(node, "maximum-raised", (high + 1,), maximum=high + 1)
        yield _without(node, "maximum-dropped", "maximum", tries=(high + 1,))
        yield _with(node, "exclusive-maximum", (high,), exclusiveMaximum=high)
    yield _with(node, "multiple-of", (1, 2, 3), multipleOf=2)
    half = (low or 0) + 0.5
    wider = ["number", "null"] if isinstance(node["type"], list) else "number"
    yield _with(node, "to-number", (half, (low or 0) + 1.5), type=wider)


def _arrays(node: Json, value: list[Any]) -> Iterator[Change]:
    yield (
        _with(node, "max-items-lowered", maxItems=0, minItems=0)
        if not node.get("minItems")
        else _with(node, "min-items-lowered", ([],), minItems=0)
    )
    yield _with(node, "min-items-raised", (value[:1],), minItems=len(value) + 1)
    yield _with(node, "unique-items", ([value[0], value[0]],), uniqueItems=True)
    yield _without(node, "items-dropped", "items", tries=([[None]],))
    yield _with(node, "prefix-items", label="unknown", prefixItems=[{"type": "null"}])
    yield _with(node, "contains", label="unknown", contains={"type": "null"})


def _objects(node: Json, value: Json) -> Iterator[Change]:
    properties = node["properties"]
    required = node.get("required", [])
    text = {"type": "string"}
    plus = {**properties, "brand_new": text}
    yield _with(
        node,
        "property-added",
        ({**value, "brand_new": 7}, {**value, "brand_new": "x"}),
        properties=plus,
    )
    yield _with(node, "property-added-required", properties=plus, required=[*required, "brand_new"])
    for name in list(properties)[:8]:
        rest = {key: item for key, item in properties.items() if key != name}
        still = [key for key in required if key != name]
        odd = tuple({**value, name: item} for item in (3.25, [[None]], {"x": [None]}))
        without = {key: item for key, item in value.items() if key != name}
        yield Change(
            f"{name}-removed",
            {**node, "properties": rest, "required": still},
            (*odd, without),
        )
        if name in required:
            yield _with(node, f"{name}-optional", (without,), required=still)
        else:
            yield _with(node, f"{name}-required", (without,), required=[*required, name])
    extra = {**value, "of_ones_own": 1}
    if node.get("additionalProperties") is False:
        yield _without(node, "opened", "additionalProperties", tries=(extra,))
    else:
        yield _with(node, "closed", (extra,), additionalProperties=False)
    yield _with(node, "max-properties", maxProperties=0)
    yield _with(node, "min-properties", minProperties=len(value) + 1)
    yield _with(node, "property-names", propertyNames={"maxLength": 1})
    optional = [key for key in value if key not in required]
    if len(value) > 1 and optional:
        given = next(key for key in value if key != optional[0])
        without = {key: item for key, item in value.items() if key != optional[0]}
        yield _with(
            node, "dependent-required", (without,), dependentRequired={given: [optional[0]]}
        )


def _types(node: Json, kinds: set[Any], value: Any) -> Iterator[Change]:
    if "null" in kinds:
        (other,) = kinds - {"null"}
        yield _with(node, "null-refused", (None,), type=other)
    elif "enum" not in node:
        yield _with(node, "null-allowed", (None,), type=[*kinds, "null"])
    others = [kind for kind in ("string", "boolean", "array") if kind not in kinds]
    strange = {"string": "x", "boolean": True, "array": [[None]]}
    if "enum" not in node:
        yield _with(node, "type-widened", (strange[others[0]],), type=[*kinds, others[0]])
        yield _with(node, "type-changed", (strange[others[0]],), type=others[0])
        yield _without(node, "type-dropped", "type", tries=(strange[others[0]],))


def _alternatives(node: Json) -> Iterator[Change]:
    branches = node["anyOf"]
    yield _with(node, "null-branch-removed", (None,), anyOf=branches[:1])
    yield _with(node, "branch-added", (7,), anyOf=[*branches, {"type": "integer"}])
    yield _without(node, "branches-dropped", "anyOf", tries=(7, True))

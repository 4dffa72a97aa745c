"""The published JSON Schemas, made from the canonical models. Pure: models in, documents out.

Every entity has two profiles of one schema (JSON Schema 2020-12). The *producer* profile is closed:
unknown fields, unknown words of a vocabulary, unknown codes and null are refused, so that a sender
learns of a slip at once. The *consumer* profile is open: it accepts what a later minor version may
bring, so that a reader who checks with it never has to stop for an addition.
"""

import ast
import difflib
import hashlib
import inspect
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from crossdock.canonical import ENTITIES, RETIRED
from crossdock.canonical.entity import Entity
from crossdock.canonical.values import Limit, Model
from crossdock.errors import ContractError

BASE = "https://schemas.crossdock.dev"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
Profile = Literal["producer", "consumer"]
PROFILES: tuple[Profile, ...] = ("producer", "consumer")
FILES: dict[Profile, str] = {"producer": "schema.json", "consumer": "schema.consumer.json"}
MINORS: dict[tuple[str, int], int] = {}
"""(kind, major) to its minor version; 0 where nothing is said. Raised with each addition."""

Json = dict[str, Any]


def models() -> list[type[Entity]]:
    """Every published model: present majors and retired ones, by kind and major."""
    found = [*ENTITIES.values(), *RETIRED.values()]
    return sorted(found, key=lambda model: (model.kind, model.major))


def model_named(name: str) -> type[Entity]:
    """The model of `order`, `Order`, `order/v1` or `crossdock.order.placed.v1`.

    ContractError: there is none of that name.
    """
    known = {f"{model.kind}/v{model.major}": model for model in models()}
    event = re.fullmatch(r"crossdock\.([a-z_]+)\.[a-z_]+\.v([0-9]+)", name)
    wanted = f"{event[1]}/v{event[2]}" if event else name
    if wanted in ENTITIES:
        return ENTITIES[wanted]
    if wanted in known:
        return known[wanted]
    by_class = {model.__name__.lower(): model for model in ENTITIES.values()}
    plain = re.sub("[^a-z]", "", name.lower())
    if plain in by_class:
        return by_class[plain]
    within = [of for of, model in ENTITIES.items() if plain in map(str.lower, _parts(model))]
    if within:
        raise ContractError(
            f"{name!r} is no entity but a part of one; it is shown within {', '.join(within)}"
        )
    near = difflib.get_close_matches(name, [*ENTITIES, *known], 1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ContractError(f"there is no schema {name!r}; {hint}known: {', '.join(known)}")


def _parts(model: type[Entity]) -> Iterator[str]:
    return (cls.__name__ for cls in _classes(model))


def version(model: type[Entity]) -> str:
    """`major.minor` of its published schema."""
    return f"{model.major}.{MINORS.get((model.kind, model.major), 0)}"


def schema_id(kind: str, major: int, profile: Profile = "producer") -> str:
    """Where the schema lies for ever."""
    return f"{BASE}/{kind}/v{major}/{FILES[profile]}"


def schema_of(model: type[Entity], profile: Profile = "producer") -> Json:
    """The JSON Schema of one entity, complete in itself. Made anew at each call."""
    raw = model.model_json_schema(
        ref_template="#/$defs/{model}",
        schema_generator=_Producer if profile == "producer" else _Consumer,
    )
    defs: Json = raw.pop("$defs", {})
    classes = {cls.__name__: cls for cls in _classes(model)}
    shared: Json = {}
    body = _finish(raw, profile, shared)
    parts = {name: _finish(part, profile, shared) for name, part in defs.items()}
    _describe(body, model)
    for name, part in parts.items():
        if name in classes:
            _describe(part, classes[name])
    body.pop("title", None)
    description = body.pop("description")
    return {
        "$schema": DIALECT,
        "$id": schema_id(model.kind, model.major, profile),
        "title": title(model),
        "description": description,
        "x-kind": model.kind,
        "x-version": version(model),
        "x-profile": profile,
        "x-semantics": semantics(model),
        **body,
        "$defs": dict(sorted({**parts, **shared}.items())),
    }


def title(model: type[Model]) -> str:
    """`InventoryLevel` as a person writes it: `Inventory level`."""
    words = re.sub(r"V[0-9]+$", "", model.__name__)
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", words).capitalize()


def semantics(model: type[Entity]) -> str:
    """A mark of what the entity means: its own description and its invariants, as a hash.

    Where it changes, a person must say whether the meaning changed (docs/guides/schemas.md).
    """
    matter = [inspect.getdoc(model) or ""]
    for cls in sorted(_classes(model), key=lambda one: one.__name__):
        matter += [f"{cls.__name__}: {limit}" for limit in _limits(cls)]
    return hashlib.sha256("\n".join(matter).encode()).hexdigest()[:16]


class _Producer(GenerateJsonSchema):
    """Null is no value: what is not known is left out."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Only a default that says something is told: no null, no empty list, object or model."""
        default = schema.get("default")
        if isinstance(default, BaseModel) or default in (None, (), {}):
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)


class _Consumer(_Producer):
    """Null is read as absent."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return {"x-nullable": self.generate_inner(schema["schema"])}


def _finish(node: Any, profile: Profile, shared: Json) -> Any:
    """pydantic's schema in our form: shared types as $defs, vocabularies closed or open."""
    if isinstance(node, list):
        return [_finish(item, profile, shared) for item in node]
    if not isinstance(node, dict):
        return node
    node = dict(node)
    if "x-def" in node:
        return _share(node, profile, shared)
    if "x-nullable" in node:
        inner = _finish(node.pop("x-nullable"), profile, shared)
        rest = _finish(node, profile, shared)
        if isinstance(inner.get("type"), str) and "enum" not in inner:
            return {**inner, "type": [inner["type"], "null"], **rest}
        return {"anyOf": [inner, {"type": "null"}], **rest}
    made: Json = {}
    for key, value in node.items():
        if key == "properties":
            made[key] = {name: _field(item, profile, shared) for name, item in value.items()}
        elif key == "default":
            made[key] = value
        else:
            made[key] = _finish(value, profile, shared)
    if profile == "consumer" and made.get("additionalProperties") is False:
        del made["additionalProperties"]
    if profile == "producer" and "x-values" in made:
        made["enum"] = made.pop("x-values")
        made.pop("minLength", None)
        made.pop("maxLength", None)
    return made


def _field(node: Json, profile: Profile, shared: Json) -> Json:
    made: Json = _finish(node, profile, shared)
    made.pop("title", None)
    return made


def _share(node: Json, profile: Profile, shared: Json) -> Json:
    name, meaning = node.pop("x-def"), node.pop("x-def-description")
    own = {key: node.pop(key) for key in _OF_THE_TYPE if key in node}
    known = own.pop("x-codes", None)
    if known is not None and profile == "producer":
        own.pop("pattern")
        own["enum"] = known
    shared[name] = {"description": meaning, **own}
    return {"$ref": f"#/$defs/{name}", **node}


_OF_THE_TYPE = ("type", "format", "pattern", "propertyNames", "x-check", "x-codes")


def _describe(node: Json, model: type[Model]) -> None:
    """Descriptions from docstrings, invariants from limits."""
    doc = inspect.getdoc(model)
    if doc:
        node["description"] = _one_paragraph(doc)
    told = field_docs(model)
    for name, field in node.get("properties", {}).items():
        if name in told:
            field["description"] = told[name]
    if rules := [str(limit) for limit in _limits(model)]:
        node["x-invariants"] = rules


def _limits(model: type[Model]) -> tuple[Limit, ...]:
    found: tuple[Limit, ...] = getattr(model, "limits", ())
    return found


def _one_paragraph(text: str) -> str:
    return " ".join(text.split())


def field_docs(model: type[Model]) -> dict[str, str]:
    """What the docstrings under the fields say, those of base classes included."""
    told: dict[str, str] = {}
    for cls in reversed(model.__mro__):
        if issubclass(cls, Model) and cls is not Model:
            told |= _docs_of_module(inspect.getfile(cls)).get(cls.__name__, {})
    return told


@cache
def _docs_of_module(path: str) -> dict[str, dict[str, str]]:
    tree = ast.parse(Path(path).read_text(encoding="utf-8"))
    found: dict[str, dict[str, str]] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            pairs = zip(node.body, node.body[1:], strict=False)
            found[node.name] = {
                field.target.id: _one_paragraph(doc.value.value)
                for field, doc in pairs
                if isinstance(field, ast.AnnAssign)
                and isinstance(field.target, ast.Name)
                and isinstance(doc, ast.Expr)
                and isinstance(doc.value, ast.Constant)
                and isinstance(doc.value.value, str)
            }
    return found


def _classes(model: type[Model], seen: set[type[Model]] | None = None) -> set[type[Model]]:
    """The model and every model it is made of."""
    seen = set() if seen is None else seen
    if model not in seen:
        seen.add(model)
        for field in model.model_fields.values():
            for part in _named(field.annotation):
                _classes(part, seen)
    return seen


def _named(annotation: Any) -> Iterator[type[Model]]:
    if isinstance(annotation, type) and issubclass(annotation, Model):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _named(argument)

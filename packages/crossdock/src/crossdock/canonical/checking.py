"""Checking JSON values against an entity without making the entity (decision 0015).

Most of what parsing costs is the making of models: an order of five lines has 45 of them. Whoever
only passes a document on needs none, so here the entity's own validator is turned into one over
plain objects: the same fields, the same leaves, the same limits of counters. `canonical.wires` is
asked first and quicker; this one judges what that refuses, and where msgspec is not installed.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel
from pydantic_core import SchemaValidator, core_schema

from crossdock.canonical.values import Counted, breach


class _NeedsModelError(Exception):
    """A model has a check of its own, which wants an instance."""


@functools.cache
def checker(model: type[BaseModel]) -> Callable[[Any], Any] | None:
    """Raises ValidationError for a JSON value that is none of `model`; made at its first use.

    None: `model` has checks that want instances; parse instead. The words of its errors are for
    nobody: ask the model what is wrong. Unknown fields pass.
    """
    model.model_rebuild()
    try:
        schema = SchemaValidator(_plain(model.__pydantic_core_schema__))
    except _NeedsModelError:
        return None
    return functools.partial(schema.validate_python, extra="ignore")


def _plain(node: Any) -> Any:
    """The same schema with JSON objects where models were, and for JSON alone."""
    if isinstance(node, list | tuple):
        return type(node)(_plain(item) for item in node)
    if not isinstance(node, dict):
        return node
    kind = node.get("type")
    if kind == "custom-error":
        return _plain(node["schema"])
    if kind == "json-or-python":
        return _plain(node["json_schema"])
    if kind == "model":
        return _object(node)
    if kind == "function-after" and node["schema"]["type"] == "model":
        cls = node["schema"]["cls"]
        if not issubclass(cls, Counted) or set(_after(cls)) != {"_counters_agree"}:
            raise _NeedsModelError
        inner = _object(node["schema"], ref=node.get("ref"))
        return core_schema.no_info_after_validator_function(
            _counters(cls), inner, ref=inner.pop("ref", None)
        )
    return {key: value if key in _OPAQUE else _plain(value) for key, value in node.items()}


_OPAQUE = {"cls", "config", "default", "expected", "function", "metadata", "serialization"}


def _object(model: Mapping[str, Any], ref: str | None = None) -> Any:
    fields = {}
    for name, field in model["schema"]["fields"].items():
        inner = field["schema"]
        optional = inner["type"] == "default"
        fields[name] = core_schema.typed_dict_field(
            _plain(inner["schema"] if optional else inner), required=not optional
        )
    return core_schema.typed_dict_schema(fields, ref=ref or model.get("ref"))


def _after(cls: type[BaseModel]) -> Any:
    return cls.__pydantic_decorators__.model_validators


def _counters(cls: type[Counted]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """`Counted`'s own rule, for an object that names only what was counted."""
    counted = frozenset(name for limit in cls.limits for name in limit.parts)

    def agree(given: dict[str, Any]) -> dict[str, Any]:
        if counted.isdisjoint(given):
            return given
        for limit in cls.limits:
            small = sum(given.get(name, 0) for name in limit.parts)
            large = sum(given.get(name, 0) for name in limit.wholes)
            if small > large:
                raise breach(limit, small, large)
        return given

    return agree

"""Reading an entity from JSON quicker than its own validator does, where both come to the same.

Of the 45 models in an order of five lines 11 point to a product, a variant or a customer, and a
shop has the same ones all day. So the entity's own validator is turned into one that gives those
from memory, which may be done for they are frozen; that reads times without Python, as far as they
are in UTC, as we write them; and that keeps no words for people (decision 0015).

It may refuse what the model would take, never the other way round: whoever uses it asks the model
when it refuses, and lets the model say what is wrong.
"""

import functools
from collections.abc import Callable
from datetime import datetime
from operator import itemgetter
from typing import Any

from pydantic import BaseModel
from pydantic_core import SchemaValidator, core_schema

from crossdock.canonical.checking import OPAQUE
from crossdock.canonical.texts import UTC_PATTERN, reads_instants
from crossdock.canonical.values import EntityRef

REMEMBERED = 4_096
"""How many references are kept: some three megabytes. Then all are forgotten at once."""

_ABSENT = object()
_NAMES = tuple(EntityRef.model_fields)


@functools.cache
def reader(model: type[BaseModel]) -> Callable[[bytes], Any]:
    """Makes a `model` of JSON bytes, or raises ValidationError: then ask the model itself."""
    model.model_rebuild()
    # else pydantic-core takes the validator each model has already, whatever the schema says
    schema = SchemaValidator(_quick(model.__pydantic_core_schema__), _use_prebuilt=False)
    return functools.partial(schema.validate_json, extra="ignore")


def _quick(node: Any) -> Any:
    if isinstance(node, list | tuple):
        return type(node)(_quick(item) for item in node)
    if not isinstance(node, dict):
        return node
    kind = node.get("type")
    if kind == "custom-error":
        return _quick(node["schema"])
    if kind == "json-or-python":
        return _quick(node["json_schema"])
    if kind == "model" and node["cls"] is EntityRef:
        return _remembered(node.get("ref"))
    if kind == "function-after" and reads_instants(node["function"]["function"]):
        text = core_schema.str_schema(strict=True, pattern=UTC_PATTERN)
        return core_schema.no_info_after_validator_function(
            datetime.fromisoformat, text, ref=node.get("ref")
        )
    return {key: value if key in OPAQUE else _quick(value) for key, value in node.items()}


class _Known(dict[tuple[object, ...], EntityRef]):
    """The values of a reference's fields to the reference."""

    def __missing__(self, values: tuple[object, ...]) -> EntityRef:
        given = zip(_NAMES, values, strict=True)
        made = EntityRef.model_validate({name: at for name, at in given if at is not _ABSENT})
        if len(self) >= REMEMBERED:
            self.clear()
        self[values] = made
        return made


_known = _Known()


def _remembered(ref: str | None) -> Any:
    """Two calls that run no Python when the reference is known; else its own validator is asked."""
    text = core_schema.nullable_schema(core_schema.str_schema(strict=True, max_length=255))
    field = core_schema.typed_dict_field(core_schema.with_default_schema(text, default=_ABSENT))
    values = core_schema.no_info_after_validator_function(
        itemgetter(*_NAMES), core_schema.typed_dict_schema(dict.fromkeys(_NAMES, field))
    )
    return core_schema.no_info_after_validator_function(_known.__getitem__, values, ref=ref)

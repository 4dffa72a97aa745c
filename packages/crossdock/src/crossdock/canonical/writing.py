"""Writing an entity much quicker than its own serializer, as the very same bytes.

A function that is written for each model puts what is not at its default into a dict, and msgspec
makes bytes of the whole (decision 0015; `canonical.wires` is the way back). Of a sum and a line:

    def write(s):
        d = s.__dict__
        o = {'sku': d['sku'], 'price': {'amount': str((own := d['price'].__dict__)['amount']), …}}
        if (v := d['cancelled']) is not default and v != default:
            o['cancelled'] = str(v)
        return o

Whoever uses it asks the model's own serializer when it raises one of UNWRITTEN: a value is not of
its field's type, as `model_copy(update=…)` may leave it. Without msgspec (extra `fast`) there is
none.
"""

import functools
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from crossdock import structs
from crossdock.canonical.texts import reads_instants
from crossdock.canonical.wires import plain_fields
from crossdock.structs import Code, UnknownError, only

UNWRITTEN = (AttributeError, KeyError, TypeError, ValueError, RecursionError)
"""What is raised for values that no field of this type has."""


@functools.cache
def writer(model: type[BaseModel]) -> Callable[[Any], bytes] | None:
    """Made at its first use. None: msgspec is not there, or `model` has what is not known here."""
    msgspec = structs.msgspec
    if msgspec is None:
        return None
    model.model_rebuild()
    schema: Any = model.__pydantic_core_schema__
    try:
        code = _Writer(schema, msgspec.Raw)
        name = code.whole(schema)
    except UnknownError:
        return None
    write, encode = code.named(name), msgspec.json.encode

    def dump(value: Any) -> bytes:
        data: bytes = encode(write(value))
        return data

    return dump


class _Writer:
    """Writes the functions of one entity and of the models within it."""

    def __init__(self, schema: Mapping[str, Any], raw: Any) -> None:
        known = schema["definitions"] if schema["type"] == "definitions" else ()
        self._definitions = {one["ref"]: one for one in known}
        self._models: dict[type[BaseModel], str] = {}
        self._code = Code(raw=raw, to_json=to_json, utc=UTC)

    def named(self, name: str) -> Callable[[Any], Any]:
        """A function that was written."""
        function: Callable[[Any], Any] = self._code.names[name]
        return function

    def whole(self, schema: Any) -> str:
        """The name of the function of the whole entity."""
        return self._code.written("write", [f"return {self._said(schema).replace('@', 's')}"])

    def _said(self, node: Any) -> str:
        """The expression for a value of this schema, `@`, as msgspec is to have it."""
        match node["type"]:
            case "definitions" | "custom-error" | "function-after" if "serialization" not in node:
                return self._said(node["schema"])
            case "definition-ref":
                return self._said(self._definitions[node["schema_ref"]])
            case "json-or-python" if "serialization" in node:
                said = self._told(node["serialization"])
                inner = node["json_schema"]
                if inner["type"] == "function-after" and reads_instants(
                    inner["function"]["function"]
                ):
                    return f"(@ if @.tzinfo is utc else {said})"  # msgspec writes it the same
                return said
            case "str" | "int" | "bool" | "literal" if "serialization" not in node:
                return "@"
            case "any" if "serialization" not in node:
                return _AS_IT_CAME
            case "dict":
                return self._mapping(node)
            case "tuple":
                return self._items(node)
            case "model":
                return self._model(node)
            case kind:
                raise UnknownError(kind)

    def _told(self, how: Mapping[str, Any]) -> str:
        """What the schema itself says of how its JSON is made."""
        if how.get("when_used") == "json":
            if how["type"] == "to-string":
                return "str(@)"
            if how["type"] == "function-plain" and how.keys() <= {*_PLAIN}:
                return self._code.named("function", how["function"]) + "(@)"
        raise UnknownError(how["type"])

    def _mapping(self, node: Any) -> str:
        only(node, "keys_schema", "values_schema", "strict")
        value = self._said(node["values_schema"])
        if "serialization" in node or self._said(node["keys_schema"]) != "@":
            raise UnknownError
        if node["values_schema"]["type"] == "any":
            return _AS_IT_CAME
        return "@" if value == "@" else f"{{k: {value.replace('@', 'x')} for k, x in @.items()}}"

    def _items(self, node: Any) -> str:
        only(node, "items_schema", "variadic_item_index", "min_length", "max_length", "fail_fast")
        if "serialization" in node or node.get("variadic_item_index") != 0:
            raise UnknownError
        (inner,) = node["items_schema"]
        item = self._said(inner)
        return "@" if item == "@" else f"[{item.replace('@', 'x')} for x in @]"

    def _model(self, node: Any) -> str:
        cls = node["cls"]
        if cls not in self._models:
            if "serialization" in node or "serialization" in node["schema"]:
                raise UnknownError
            self._models[cls] = self._function(plain_fields(node))
        return self._models[cls]

    def _function(self, fields: Mapping[str, Any]) -> str:
        """The expression for a model with these fields."""
        if small := self._small(fields):
            return small
        always: list[str] = []
        sometimes: list[str] = []
        for name, field in fields.items():
            schema = field["schema"]
            if schema["type"] == "default":
                only(schema, "schema", "default")
                sometimes += self._optional(name, schema["schema"], schema["default"])
                continue
            said = self._said(schema).replace("@", f"d[{name!r}]")
            if sometimes:  # the order of the fields is the order in the bytes
                sometimes.append(f"o[{name!r}] = {said}")
            else:
                always.append(f"{name!r}: {said}")
        lines = ["d = s.__dict__", f"o = {{{', '.join(always)}}}", *sometimes, "return o"]
        return f"{self._code.written('write', lines)}(@)"

    def _small(self, fields: Mapping[str, Any]) -> str:
        """A model of few plain fields, sums above all: written without a call of a function."""
        if any(field["schema"]["type"] in _LARGE for field in fields.values()):
            return ""
        said = {name: self._said(field["schema"]) for name, field in fields.items()}
        own = self._code.named("own", None)  # a name for its values
        taken = [f"({own} := @.__dict__)", *[own] * (len(fields) - 1)]
        values = [
            f"{name!r}: {one.replace('@', f'{at}[{name!r}]')}"
            for at, (name, one) in zip(taken, said.items(), strict=True)
        ]
        return f"{{{', '.join(values)}}}"

    def _optional(self, name: str, schema: Any, default: Any) -> list[str]:
        """The lines for a field that is left out at its default."""
        if schema["type"] == "nullable":
            only(schema, "schema")
            if default is not None or "serialization" in schema:
                raise UnknownError
            schema = schema["schema"]
        known = self._code.named("default", default)
        differs = f"(v := d[{name!r}]) is not {known}"
        if default is None:
            differs = f"(v := d[{name!r}]) is not None"
        elif isinstance(default, BaseModel):  # as pydantic compares, without its Python
            differs += f" and v.__dict__ != {self._code.named('default', default.__dict__)}"
        else:
            differs += f" and v != {known}"
        return [f"if {differs}:", f" o[{name!r}] = {self._said(schema).replace('@', 'v')}"]


_PLAIN = ("type", "function", "return_schema", "when_used")
_AS_IT_CAME = "raw(to_json(@, inf_nan_mode='null'))"
"""What may be anything: pydantic's way to write a float is not msgspec's."""
_LARGE = ("default", "tuple", "dict")

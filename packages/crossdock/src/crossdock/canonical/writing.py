"""Writing an entity much quicker than its own serializer, as the very same bytes.

A function that is written for each model puts its values into a struct of msgspec, except those at
their defaults, and msgspec makes bytes of the whole (decision 0015; `canonical.wires` is the way
back). Of a line with its price it would be

    def write(s):
        d = s.__dict__
        return Line(
            d['sku'],
            Sum(str((own := d['price'].__dict__)['amount']), own['currency']),
            unset if (v := d['cancelled']) is default or v == default else str(v),
        )

Whoever uses it asks the model's own serializer when it raises one of UNWRITTEN: something had to be
made of a value that is not of its field's type, as `model_copy(update=…)` may leave it. Where
nothing is made of it, nothing is noticed, and msgspec writes it in its own way: bytes in a text as
base64, True in a whole number as true, a dict without asking what its keys are.

Without msgspec (extra `fast`) there is none.
"""

import functools
from collections.abc import Callable, Mapping
from datetime import UTC
from typing import Any

from pydantic import BaseModel
from pydantic_core import to_json

from crossdock import structs
from crossdock.canonical.texts import reads_instants
from crossdock.canonical.wires import but_null, plain_fields
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
        write = _Writer(schema, msgspec).whole(schema)
    except UnknownError:
        return None
    encode = msgspec.json.encode

    def dump(value: Any) -> bytes:
        data: bytes = encode(write(value))
        return data

    return dump


class _Writer:
    """Writes the functions of one entity and of the models within it."""

    def __init__(self, schema: Mapping[str, Any], msgspec: Any) -> None:
        known = schema["definitions"] if schema["type"] == "definitions" else ()
        self._definitions = {one["ref"]: one for one in known}
        self._defstruct = msgspec.defstruct
        self._models: dict[type[BaseModel], str] = {}
        self._code = Code(raw=msgspec.Raw, to_json=to_json, utc=UTC, unset=msgspec.UNSET)

    def whole(self, schema: Any) -> Callable[[Any], Any]:
        """The function of the whole entity."""
        name = self._code.written("write", [f"return {self._said(schema).replace('@', 's')}"])
        function: Callable[[Any], Any] = self._code.names[name]
        return function

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
            self._models[cls] = ""  # as long as it is being written
            self._models[cls] = self._function(plain_fields(node))
        if not self._models[cls]:
            raise UnknownError(f"{cls.__name__} within itself")
        return self._models[cls]

    def _function(self, fields: Mapping[str, Any]) -> str:
        """The expression for a model with these fields."""
        if small := self._small(fields):
            return small
        values = [self._value(name, field["schema"]) for name, field in fields.items()]
        made = self._named_struct(fields)
        lines = ["d = s.__dict__", f"return {made}({', '.join(values)})"]
        return f"{self._code.written('write', lines)}(@)"

    def _named_struct(self, fields: Mapping[str, Any]) -> str:
        """A struct of these fields; it leaves out `unset`, and None where that is the default."""
        members = [
            (name, Any, None if _default(field["schema"]) is None else _NEVER)
            for name, field in fields.items()
        ]
        made = self._defstruct("Written", members, omit_defaults=True, gc=False)
        return self._code.named("made", made)

    def _small(self, fields: Mapping[str, Any]) -> str:
        """A model of few plain fields, sums above all: written without a call of a function."""
        if any(field["schema"]["type"] in _LARGE for field in fields.values()):
            return ""
        own = self._code.named("own", None)  # a name for its values
        taken = [f"({own} := @.__dict__)", *[own] * (len(fields) - 1)]
        values = [
            self._said(field["schema"]).replace("@", f"{at}[{name!r}]")
            for at, (name, field) in zip(taken, fields.items(), strict=True)
        ]
        return f"{self._named_struct(fields)}({', '.join(values)})"

    def _value(self, name: str, schema: Any) -> str:
        """The expression for a field of `d`."""
        value = f"d[{name!r}]"
        if schema["type"] != "default":
            return self._said(schema).replace("@", value)
        only(schema, "schema", "default")
        default = schema["default"]
        said = self._said(but_null(schema["schema"], default)).replace("@", "v")
        if default is None:
            return value if said == "v" else f"None if (v := {value}) is None else {said}"
        known = self._code.named("default", default)
        same = f"(v := {value}) is {known}"
        if isinstance(default, BaseModel):  # as pydantic compares, without its Python
            same += f" or v.__dict__ == {self._code.named('default', default.__dict__)}"
        else:
            same += f" or v == {known}"
        return f"unset if {same} else {said}"


def _default(schema: Any) -> Any:
    return schema["default"] if schema["type"] == "default" else _NEVER


_NEVER = object()
_PLAIN = ("type", "function", "return_schema", "when_used")
_AS_IT_CAME = "raw(to_json(@, inf_nan_mode='null'))"
"""What may be anything: pydantic's way to write a float is not msgspec's."""
_LARGE = ("default", "tuple", "dict")

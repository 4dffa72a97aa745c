"""Reading and checking an entity much quicker than its own validator, where both come to the same.

msgspec reads the bytes into one struct for each model, which costs less than `json.loads`. A
function that is written for each model does what msgspec does not, decimals, times, patterns,
counters, and puts the values into the model (decision 0015). Of a sum with a default it would be

    def make(s):
        d = template.copy()
        d['amount'] = amounts[s.amount]
        if (v := s.currency) is not None:
            d['currency'] = v
        m = new(Sum)
        put(m, d)
        return m

It may refuse what the model would take, never the other way round: unknown fields, null where that
is the default. Whoever uses it asks the model when it refuses, and lets the model say what is
wrong. Without msgspec (extra `fast`) there is none.
"""

import functools
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel

from crossdock import structs
from crossdock.canonical.texts import UTC_PATTERN, read_instead, reads_instants
from crossdock.canonical.values import Counted, EntityRef
from crossdock.structs import REFUSED, Code, Leaf, UnknownError, bounded, only, struct

__all__ = ["REFUSED", "REMEMBERED", "Wire", "wire"]

REMEMBERED = 4_096
"""How many references are kept: some three megabytes. Then all are forgotten at once."""


class Wire(NamedTuple):
    """An entity as it travels. Both raise one of REFUSED for what they do not take."""

    read: Callable[[bytes], Any]
    """Makes the entity of its bytes."""
    check: Callable[[Any], object]
    """Looks whether JSON values are such an entity."""


@functools.cache
def wire(model: type[BaseModel]) -> Wire | None:
    """Made at its first use. None: msgspec is not there, or `model` has what no wire knows."""
    msgspec = structs.msgspec
    if msgspec is None:
        return None
    model.model_rebuild()
    schema: Any = model.__pydantic_core_schema__
    writer = _Writer(schema)
    try:
        make, check, type_ = writer.whole(schema)
    except UnknownError:
        return None
    decode, convert = msgspec.json.Decoder(type_).decode, msgspec.convert

    def read(data: bytes) -> Any:
        return make(decode(data))

    def checked(document: Any) -> object:
        return check(convert(document, type_))

    return Wire(read, checked)


_tuple: Any = tuple
_list: Any = list
_dict: Any = dict


class _Writer:
    """Writes the functions of one entity and of the models within it."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        known = schema["definitions"] if schema["type"] == "definitions" else ()
        self._definitions = {one["ref"]: one for one in known}
        self._leaves: dict[type[BaseModel], Leaf | None] = {}
        self._code = Code(
            new=object.__new__,
            put=vars(BaseModel)["__dict__"].__set__,
        )

    def whole(self, schema: Any) -> tuple[Callable[[Any], Any], Callable[[Any], object], Any]:
        """The functions of the whole entity, and its struct."""
        leaf = self.leaf(schema)
        make = self._code.written("make", [f"return {leaf.made('s')}"])
        check = self._code.written("check", [leaf.check.format("s") or "pass"])
        return self._code.names[make], self._code.names[check], leaf.type

    def leaf(self, node: Any) -> Leaf:
        """What becomes of a value of this schema."""
        node = self._meant(node)
        match node["type"]:
            case "model":
                return self._model(node)
            case "function-after":
                inner = self._meant(node["schema"])
                if inner["type"] in {"model", "function-after"}:
                    return self._model(node)
                return self._called(_function(node), self.leaf(inner))
            case "str":
                only(node, "strict", "min_length", "max_length", "pattern")
                form = self._code.matching(node["pattern"]) if "pattern" in node else ""
                return Leaf(bounded(str, node), form, form)
            case "int":
                only(node, "ge", "le")
                return Leaf(bounded(int, node))
            case "bool" | "any" as kind:
                only(node)
                return Leaf(bool if kind == "bool" else Any)
            case "literal":
                only(node, "expected")
                return Leaf(Literal[tuple(node["expected"])])
            case "dict":
                return self._mapping(node)
            case "tuple":
                return self._items(node)
            case kind:
                raise UnknownError(kind)

    def _meant(self, node: Any) -> Any:
        """Nothing but JSON comes here, and no words are kept."""
        while True:
            match node["type"]:
                case "definitions" | "custom-error":
                    node = node["schema"]
                case "definition-ref":
                    node = self._definitions[node["schema_ref"]]
                case "json-or-python":
                    node = node["json_schema"]
                case _:
                    return node

    def _items(self, node: Any) -> Leaf:
        only(node, "items_schema", "variadic_item_index", "min_length", "max_length", "fail_fast")
        if node.get("variadic_item_index") != 0 or len(node["items_schema"]) != 1:
            raise UnknownError
        item = self.leaf(node["items_schema"][0])
        if not item.make:
            return Leaf(bounded(_tuple[item.type, ...], node))
        make = f"tuple([{item.made('x')} for x in {{0}}])"
        if item.make.endswith("({0})") and item.make[:-5].isidentifier():
            make = f"tuple(map({item.make[:-5]}, {{0}}))"  # without a function around each item
        return Leaf(bounded(_list[item.type], node), make, self._each(item, "{0}"))

    def _mapping(self, node: Any) -> Leaf:
        only(node, "keys_schema", "values_schema", "strict")
        key, value = self.leaf(node["keys_schema"]), self.leaf(node["values_schema"])
        if key.make:
            raise UnknownError
        type_ = _dict[key.type, value.type]
        if not value.make:
            return Leaf(type_)
        make = self._code.written(
            "make", [f"return {{k: {value.made('x')} for k, x in s.items()}}"]
        )
        return Leaf(type_, f"{make}({{0}})", self._each(value, "{0}.values()"))

    def _each(self, item: Leaf, items: str) -> str:
        if not item.check:
            return ""
        check = item.check
        if check.startswith("for "):  # one line holds one loop
            check = f"{self._code.written('check', [check.format('s')])}({{0}})"
        return f"for x in {items}: {check.format('x')}"

    def _called(self, function: Callable[..., Any], inner: Leaf) -> Leaf:
        """A value that `function` makes of what msgspec reads, or refuses."""
        if inner.make:
            raise UnknownError
        if reads_instants(function):
            quick = self._code.named("quick", datetime.fromisoformat)
            slow, match = self._code.named("slow", function), self._code.named("match", _in_utc)
            made = f"({quick}({{0}}) if {match}({{0}}) else {slow}({{0}}))"
            return Leaf(inner.type, made, made)
        leaf = self._code.called(function, inner.type)
        if quicker := read_instead(function):
            return leaf._replace(make=self._code.called(quicker, inner.type).make)
        return leaf

    def _model(self, node: Any) -> Leaf:
        after = []
        while node["type"] == "function-after":
            after.append(_function(node))
            node = self._meant(node["schema"])
        cls = node["cls"]
        if cls not in self._leaves:
            self._leaves[cls] = None  # as long as it is being written
            self._leaves[cls] = self._struct(cls, plain_fields(node), after)
        leaf = self._leaves[cls]
        if leaf is None:
            raise UnknownError(f"{cls.__name__} within itself")
        return leaf

    def _struct(
        self, cls: type[BaseModel], fields: Mapping[str, Any], after: Sequence[Callable[..., Any]]
    ) -> Leaf:
        members: list[tuple[Any, ...]] = []
        template: dict[str, Any] = {}
        needed: dict[str, Leaf] = {}
        make: list[str] = []
        seen: dict[str, list[str]] = {}
        for name, field in fields.items():
            schema, template[name] = field["schema"], None
            if schema["type"] == "default":
                only(schema, "schema", "default")
                template[name] = default = schema["default"]
                leaf = self.leaf(but_null(schema["schema"], default))
                if leaf.type is Any:
                    raise UnknownError("null that is stated is none that is absent")
                members.append((name, leaf.type, None))  # no type here takes null
                given = f"if (v := s.{name}) is not None:"
                make += [given, *self._optional(name, leaf, default)]
                if leaf.check:
                    seen[name] = [given, f" {leaf.check.format('v')}"]
            else:
                leaf = self.leaf(schema)
                members.append((name, leaf.type))
                needed[name] = leaf
                if leaf.check:
                    seen[name] = [leaf.check.format(f"s.{name}")]
        type_ = struct(cls.__name__, members, closed=True)
        if cls is EntityRef:
            values = ", ".join(f"{{0}}.{name}" for name in fields)
            return Leaf(type_, f"{self._code.named('known', _known)}[({values})]")
        model = self._code.named("model", cls)
        if len(needed) == len(template) and not after:
            return self._small(type_, model, needed, self._checking([*chain(*seen.values())]))
        for name, leaf in needed.items():
            if leaf.lines:
                make += [f"v = s.{name}", *(line.format("v") for line in leaf.lines)]
            make.append(f"d[{name!r}] = {'n' if leaf.lines else leaf.made(f's.{name}')}")
        d = self._code.named("template", template)
        make = [f"d = {d}.copy()", *make, f"m = new({model})", "put(m, d)"]
        if any("t = True" in line for line in make):  # else all that was stated is another value
            make = ["t = False", *make, f"if t: {self._code.named('tell', _telling(fields))}(m, s)"]
        asked, counters = _when_asked(cls)
        make += [f"{asked} m = {self._code.named('after', function)}(m)" for function in after]
        maker = self._code.written("make", [*make, "return m"])
        if after:  # the model must say; where it need not be asked, no counter is there
            seen = {name: lines for name, lines in seen.items() if name not in counters}
            seen = {"": [f"{asked} return {maker}(s)"], **seen}
        check = [*chain(*seen.values())]
        return Leaf(type_, f"{maker}({{0}})", self._checking(check))

    def _small(self, type_: Any, model: str, fields: Mapping[str, Leaf], check: str) -> Leaf:
        """A model of few fields, none of them optional: sums, above all."""
        values = [f"{name!r}: {leaf.made(f'{{0}}.{name}')}" for name, leaf in fields.items()]
        lines = (f"n = new({model})", f"put(n, {{{{{', '.join(values)}}}}})")
        maker = self._code.written("make", [*(line.format("s") for line in lines), "return n"])
        return Leaf(type_, f"{maker}({{0}})", check, lines)

    def _checking(self, lines: Sequence[str]) -> str:
        if len(lines) == 1 and lines[0].startswith("known"):  # a sum has nothing but its amount
            return lines[0].replace("[s.", "[{0}.")
        return f"{self._code.written('check', lines)}({{0}})" if lines else ""

    def _optional(self, name: str, leaf: Leaf, default: Any) -> list[str]:
        """The lines for `v`, which is stated; `t` when it is the default all the same."""
        target = f" d[{name!r}] ="
        made = "n" if leaf.lines else leaf.made("v")
        if default is None:  # null is refused already
            return [*(f" {line.format('v')}" for line in leaf.lines), f"{target} {made}"]
        if default is False or default in ((), {}):
            return [" if not v: t = True", f"{target} {made}"]
        if isinstance(default, BaseModel):
            same = f"w.__dict__ == {self._code.named('default', default.__dict__)}"
        else:
            same = f"w == {self._code.named('default', default)}"
        return [f"{target} w = {leaf.made('v')}", f" if {same}: t = True"]


_in_utc = re.compile(UTC_PATTERN, re.ASCII).fullmatch


def _telling(names: Iterable[str]) -> Callable[[Any, Any], None]:
    """A function that tells a model what was stated, where its values do not (`values.Model`)."""

    def tell(model: Any, stated: Any) -> None:
        told = {name for name in names if getattr(stated, name) is not None}
        object.__setattr__(model, "__pydantic_fields_set__", told)

    return tell


def _when_asked(cls: type[BaseModel]) -> tuple[str, Iterable[str]]:
    """When a model has to judge itself, and what is absent else: no counters, no disagreement."""
    validators = cls.__pydantic_decorators__.model_validators
    if not issubclass(cls, Counted) or set(validators) != {"_counters_agree"}:
        return "if True:", ()
    counters = dict.fromkeys(name for limit in cls.limits for name in limit.parts)
    return f"if {' or '.join(f's.{name} is not None' for name in counters)}:", counters


class _Known(dict[tuple[object, ...], EntityRef]):
    """The values of a reference's fields to the reference."""

    def __missing__(self, values: tuple[object, ...]) -> EntityRef:
        given = zip(EntityRef.model_fields, values, strict=True)
        made = EntityRef.model_validate({name: at for name, at in given if at is not None})
        if len(self) >= REMEMBERED:
            self.clear()
        self[values] = made
        return made


_known = _Known()


def _function(node: Mapping[str, Any]) -> Callable[..., Any]:
    only(node, "function", "schema")
    if node["function"]["type"] != "no-info":
        raise UnknownError
    function: Callable[..., Any] = node["function"]["function"]
    return function


def plain_fields(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a model that is nothing but its fields."""
    only(node, "cls", "schema", "config", "custom_init", "root_model")
    config = node.get("config") or {}
    only(node["schema"], "fields", "model_name", "computed_fields")
    if (
        not config.keys() <= {"title", "extra_fields_behavior", "validate_default"}
        or config.get("extra_fields_behavior") == "allow"
        or config.get("validate_default")
        or node.get("custom_init")
        or node.get("root_model")
        or node["cls"].__private_attributes__
    ):
        raise UnknownError
    fields: Mapping[str, Any] = node["schema"]["fields"]
    for field in fields.values():
        only(field, "schema")
    return fields


def but_null(node: Any, default: Any) -> Any:
    """What may be stated where None is the default."""
    if node["type"] == "nullable" and default is None:
        only(node, "schema")
        if "serialization" in node:
            raise UnknownError("null that is written in a way of its own")
        return node["schema"]
    return node

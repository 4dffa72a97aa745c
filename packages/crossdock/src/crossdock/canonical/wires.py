"""Reading and checking an entity much quicker than its own validator, where both come to the same.

msgspec reads the bytes into one struct for each model, which costs less than `json.loads`. A
function that is written for each model does what msgspec does not, decimals, times, patterns,
counters, and puts the values into the model (decision 0015). Of a sum with a default it would be

    def make(s):
        d = template.copy()
        d['amount'] = amounts[s.amount]
        if (v := s.currency) is not absent:
            d['currency'] = w = v
            if w == default: stated()
        m = new(Sum)
        put(m, d)
        return m

It may refuse what the model would take, never the other way round: unknown fields, times that are
not in UTC, what is stated although it is the default. Whoever uses it asks the model when it
refuses, and lets the model say what is wrong. Without msgspec (extra `fast`) there is none.
"""

import functools
import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple, NoReturn

from pydantic import BaseModel

from crossdock.canonical.texts import UTC_PATTERN, reads_instants
from crossdock.canonical.values import Counted, EntityRef

msgspec: Any
try:
    import msgspec
except ImportError:  # the extra `fast` is not installed
    msgspec = None

REMEMBERED = 4_096
"""How many references are kept: some three megabytes. Then all are forgotten at once."""

REFUSED = (ValueError, RecursionError)
"""What a wire raises for what it does not take: msgspec's and pydantic's errors are ValueErrors."""


class Wire(NamedTuple):
    """An entity as it travels. Both raise one of REFUSED for what they do not take."""

    read: Callable[[bytes], Any]
    """Makes the entity of its bytes."""
    check: Callable[[Any], object]
    """Looks whether JSON values are such an entity."""


@functools.cache
def wire(model: type[BaseModel]) -> Wire | None:
    """Made at its first use. None: msgspec is not there, or `model` has what no wire knows."""
    if msgspec is None:
        return None
    model.model_rebuild()
    schema: Any = model.__pydantic_core_schema__
    writer = _Writer(schema)
    try:
        whole = writer.leaf(schema)
    except _UnknownError:
        return None
    make, check = writer.names[whole.make], writer.names[whole.check]
    decode, convert = msgspec.json.Decoder(whole.type).decode, msgspec.convert

    def read(data: bytes) -> Any:
        return make(decode(data))

    def checked(document: Any) -> object:
        return check(convert(document, whole.type))

    return Wire(read, checked)


class _UnknownError(Exception):
    """A schema that no wire knows."""


class _Leaf(NamedTuple):
    """A kind of value: its type for msgspec, and what is called to make the model's value of that.

    `check` is called instead where the value is not wanted. A `table` is looked up in, not called.
    """

    type: Any
    make: str = ""
    check: str = ""
    table: bool = False

    def made(self, value: str) -> str:
        """The expression for the model's value."""
        if not self.make:
            return value
        return f"{self.make}[{value}]" if self.table else f"{self.make}({value})"

    def checked(self, value: str) -> str:
        """The expression that raises what msgspec does not."""
        return f"{self.check}[{value}]" if self.table else f"{self.check}({value})"


_ABSENT = object()
_tuple: Any = tuple
_list: Any = list
_dict: Any = dict


class _Writer:
    """Writes the functions of one entity and of the models within it."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        known = schema["definitions"] if schema["type"] == "definitions" else ()
        self._definitions = {one["ref"]: one for one in known}
        self._leaves: dict[type[BaseModel], _Leaf] = {}
        self._numbers = itertools.count()
        self.names: dict[str, Any] = {
            "absent": _ABSENT,
            "new": object.__new__,
            "put": vars(BaseModel)["__dict__"].__set__,
            "stated": _stated,
        }

    def leaf(self, node: Any) -> _Leaf:
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
                _only(node, "strict", "min_length", "max_length", "pattern")
                text = _Leaf(_bounded(str, node))
                return self._called(_matching(node["pattern"]), text) if "pattern" in node else text
            case "int":
                _only(node, "ge", "le")
                return _Leaf(_bounded(int, node))
            case "bool" | "any" as kind:
                _only(node)
                return _Leaf(bool if kind == "bool" else Any)
            case "literal":
                _only(node, "expected")
                return _Leaf(Literal[tuple(node["expected"])])
            case "dict":
                return self._mapping(node)
            case "tuple":
                return self._items(node)
            case kind:
                raise _UnknownError(kind)

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

    def _items(self, node: Any) -> _Leaf:
        _only(node, "items_schema", "variadic_item_index", "min_length", "max_length", "fail_fast")
        if node.get("variadic_item_index") != 0 or len(node["items_schema"]) != 1:
            raise _UnknownError
        item = self.leaf(node["items_schema"][0])
        if not item.make:
            return _Leaf(_bounded(_tuple[item.type, ...], node))
        check = [f"for x in s: {item.checked('x')}"] if item.check else []
        return _Leaf(
            _bounded(_list[item.type], node),
            self._written("make", [f"return tuple([{item.made('x')} for x in s])"]),
            self._written("check", check) if check else "",
        )

    def _mapping(self, node: Any) -> _Leaf:
        _only(node, "keys_schema", "values_schema", "strict")
        key, value = self.leaf(node["keys_schema"]), self.leaf(node["values_schema"])
        if key.make:
            raise _UnknownError
        type_ = _dict[key.type, value.type]
        if not value.make:
            return _Leaf(type_)
        check = [f"for x in s.values(): {value.checked('x')}"] if value.check else []
        return _Leaf(
            type_,
            self._written("make", [f"return {{k: {value.made('x')} for k, x in s.items()}}"]),
            self._written("check", check) if check else "",
        )

    def _called(self, function: Callable[..., Any], inner: _Leaf) -> _Leaf:
        """A value that `function` makes of what msgspec reads, or refuses."""
        if inner.make:
            raise _UnknownError
        if reads_instants(function):
            function = _instant
        known = getattr(function, "__self__", None)
        if isinstance(known, dict) and function == known.__getitem__:
            name = self._named("known", known)
            return _Leaf(inner.type, name, name, table=True)
        name = self._named("function", function)
        return _Leaf(inner.type, name, name)

    def _model(self, node: Any) -> _Leaf:
        after = []
        while node["type"] == "function-after":
            after.append(_function(node))
            node = self._meant(node["schema"])
        cls = node["cls"]
        if cls not in self._leaves:
            self._leaves[cls] = self._struct(cls, _fields(node), after)
        return self._leaves[cls]

    def _struct(
        self, cls: type[BaseModel], fields: Mapping[str, Any], after: Sequence[Callable[..., Any]]
    ) -> _Leaf:
        members: list[tuple[Any, ...]] = []
        template: dict[str, Any] = {}
        needed: dict[str, str] = {}
        make: list[str] = []
        check: list[str] = []
        for name, field in fields.items():
            schema, template[name] = field["schema"], None
            if schema["type"] == "default":
                _only(schema, "schema", "default")
                template[name] = default = schema["default"]
                leaf = self.leaf(_but_null(schema["schema"], default))
                members.append((name, leaf.type, _ABSENT))
                given = f"if (v := s.{name}) is not absent:"
                make += [given, f" d[{name!r}] = w = {leaf.made('v')}", *self._same(default)]
                check += [given, f" {leaf.checked('v')}"] if leaf.check else []
            else:
                leaf = self.leaf(schema)
                members.append((name, leaf.type))
                needed[name] = leaf.made(f"s.{name}")
                check += [leaf.checked(f"s.{name}")] if leaf.check else []
        type_ = msgspec.defstruct(
            cls.__name__, members, kw_only=True, forbid_unknown_fields=True, gc=False
        )
        if cls is EntityRef:
            known = self._named("known", _known)
            values = ", ".join(f"s.{name}" for name in fields)
            return _Leaf(type_, self._written("make", [f"return {known}[({values})]"]))
        d = f"{self._named('template', template)}.copy()"
        if len(needed) == len(template):
            d = f"{{{', '.join(f'{name!r}: {value}' for name, value in needed.items())}}}"
        else:
            make += [f"d[{name!r}] = {value}" for name, value in needed.items()]
        make = [f"d = {d}", *make, f"m = new({self._named('model', cls)})", "put(m, d)"]
        asked = _when_asked(cls)
        make += [f"{asked} m = {self._named('after', function)}(m)" for function in after]
        maker = self._written(f"make_{cls.__name__}_", [*make, "return m"])
        if after:
            check = [f"{asked} return {maker}(s)", *check]
        return _Leaf(type_, maker, self._written("check", check) if check else "")

    def _same(self, default: Any) -> list[str]:
        """Refuses what is stated though it is the default: `model_fields_set` could not tell."""
        if default is None:
            return []  # null is refused already
        if isinstance(default, bool):
            return [f" if {'w' if default else 'not w'}: stated()"]
        if isinstance(default, BaseModel):
            return [f" if w.__dict__ == {self._named('default', default.__dict__)}: stated()"]
        return [f" if w == {self._named('default', default)}: stated()"]

    def _named(self, stem: str, value: Any) -> str:
        name = f"{stem}{next(self._numbers)}"
        self.names[name] = value
        return name

    def _written(self, stem: str, lines: Sequence[str]) -> str:
        name = f"{stem}{next(self._numbers)}"
        source = "\n ".join([f"def {name}(s):", *lines])
        exec(source, self.names)  # noqa: S102 - names of our own models; as dataclasses does it
        return name


def _stated() -> NoReturn:
    raise ValueError("it states what is the default")


def _when_asked(cls: type[BaseModel]) -> str:
    """Counters that are not given agree."""
    validators = cls.__pydantic_decorators__.model_validators
    if not issubclass(cls, Counted) or set(validators) != {"_counters_agree"}:
        return "if True:"
    counters = dict.fromkeys(name for limit in cls.limits for name in limit.parts)
    return f"if {' or '.join(f's.{name} is not absent' for name in counters)}:"


_in_utc = re.compile(UTC_PATTERN, re.ASCII).fullmatch


def _instant(text: str) -> datetime:
    if not _in_utc(text):
        raise ValueError("not in UTC")
    return datetime.fromisoformat(text)


def _matching(pattern: str) -> Callable[[str], str]:
    match = re.compile(pattern, re.ASCII).fullmatch

    def matching(text: str) -> str:
        if not match(text):
            raise ValueError("another pattern")
        return text

    return matching


class _Known(dict[tuple[object, ...], EntityRef]):
    """The values of a reference's fields to the reference."""

    def __missing__(self, values: tuple[object, ...]) -> EntityRef:
        given = zip(EntityRef.model_fields, values, strict=True)
        made = EntityRef.model_validate({name: at for name, at in given if at is not _ABSENT})
        if len(self) >= REMEMBERED:
            self.clear()
        self[values] = made
        return made


_known = _Known()


def _only(node: Mapping[str, Any], *known: str) -> None:
    """Whatever else a schema may ask for is not known here."""
    if not node.keys() <= {"type", "ref", "metadata", "serialization", *known}:
        raise _UnknownError(node["type"])


def _bounded(type_: Any, node: Mapping[str, Any]) -> Any:
    bounds = {key: node[key] for key in ("min_length", "max_length", "ge", "le") if key in node}
    return Annotated[type_, msgspec.Meta(**bounds)] if bounds else type_


def _function(node: Mapping[str, Any]) -> Callable[..., Any]:
    _only(node, "function", "schema")
    if node["function"]["type"] != "no-info":
        raise _UnknownError
    function: Callable[..., Any] = node["function"]["function"]
    return function


def _fields(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields of a model that is nothing but its fields."""
    _only(node, "cls", "schema", "config", "custom_init", "root_model")
    config = node.get("config") or {}
    _only(node["schema"], "fields", "model_name", "computed_fields")
    if (
        not config.keys() <= {"title", "extra_fields_behavior", "validate_default"}
        or config.get("extra_fields_behavior") == "allow"
        or config.get("validate_default")
        or node.get("custom_init")
        or node.get("root_model")
        or node["cls"].__private_attributes__
    ):
        raise _UnknownError
    fields: Mapping[str, Any] = node["schema"]["fields"]
    for field in fields.values():
        _only(field, "schema")
    return fields


def _but_null(node: Any, default: Any) -> Any:
    """What may be stated where None is the default."""
    if node["type"] == "nullable" and default is None:
        _only(node, "schema")
        return node["schema"]
    return node

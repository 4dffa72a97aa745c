"""Records: a vendor's JSON with its fields as attributes, for shapes that are read most often.

A record is declared as a `TypedDict` of `crossdock.reading` is; what is missing or null is None:

    class Line(Record):
        id: NumericId
        sku: Text | None = None

    LINE = Shape(Line)
    LINE.read(raw).sku

Where msgspec is installed (extra `fast`) the bytes are read into structs that have the same
attributes, at less than half the cost of dicts, and using an attribute costs a tenth of `get`.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, cast, get_args, get_origin, get_type_hints

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema
from typing_extensions import dataclass_transform

from crossdock import structs
from crossdock.canonical.decimals import AMOUNT_PATTERN, AMOUNTS
from crossdock.structs import Code, Leaf, UnknownError, bounded, only, struct

_list: Any = list


@dataclass_transform(kw_only_default=True, eq_default=False)
class Record:
    """See the module's docstring. None is the only default there is."""

    def __init_subclass__(cls) -> None:
        """TypeError for anything but fields: what is read is made by another class."""
        fields = inspect.get_annotations(cls)
        for name in vars(cls):
            if name not in fields and not name.startswith("__"):
                raise TypeError(
                    f"{cls.__name__}.{name}: a Record has fields and nothing else; write a function"
                )

    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.typed_dict_schema(
            {
                name: core_schema.typed_dict_field(
                    handler.generate_schema(hint), required=not hasattr(cls, name)
                )
                for name, hint in _fields(cast("Any", cls)).items()
            },
            cls_name=cls.__name__,
        )


@functools.cache
def _fields(cls: Any) -> dict[str, Any]:
    return get_type_hints(cls, include_extras=True)


@functools.cache
def record_of(cls: Any) -> Callable[[dict[str, Any]], Record]:
    """Makes a record, and those within it, of a dict that pydantic has checked."""
    inner: dict[str, Callable[[Any], Any]] = {}
    for name, hint in _fields(cls).items():
        hint = _but_null(hint)
        if _is_record(hint):
            inner[name] = record_of(hint)
        elif get_origin(hint) is list and _is_record(get_args(hint)[0]):
            inner[name] = _several(record_of(get_args(hint)[0]))

    def made(checked: dict[str, Any]) -> Record:
        found = dict(checked)
        for name, make in inner.items():
            if found.get(name) is not None:
                found[name] = make(found[name])
        record: Record = cls(**found)
        return record

    return made


def _several(make: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    return lambda values: [make(value) for value in values]


def _is_record(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, Record)


def _but_null(hint: Any) -> Any:
    if get_origin(hint) not in {Union, UnionType}:
        return hint
    one, *more = [given for given in get_args(hint) if given is not NoneType]
    return hint if more else one


def quick_reader(cls: type[Record]) -> Callable[[bytes], Any] | None:
    """Makes such a record of bytes, or raises one of `structs.REFUSED`: then ask pydantic.

    None: msgspec is not there, or the record has what is not known here. What a shape does not name
    is skipped: it must be JSON in UTF-8, and may nest as deep as Python's own recursion goes.
    """
    if structs.msgspec is None:
        return None
    writer = _Writer()
    try:
        leaf = writer.leaf(cls)
    except UnknownError:
        return None
    decode = structs.msgspec.json.Decoder(leaf.type).decode
    see = writer.code.names[
        writer.code.written("see", [leaf.check.format("s") or "pass", "return s"])
    ]

    def read(data: bytes) -> Any:
        data.isascii() or data.decode()  # msgspec skips text without looking at it
        return see(decode(data))

    return read


class _Writer:
    """Writes what is to be done to a struct that msgspec has read."""

    def __init__(self) -> None:
        self.code = Code()
        self._leaves: dict[Any, Leaf] = {}

    def leaf(self, hint: Any) -> Leaf:
        """What becomes of a value of this type; a `check` is there only to raise."""
        hint = _but_null(hint)
        if hint is Any:
            return Leaf(Any)
        if _is_record(hint):
            if hint not in self._leaves:
                self._leaves[hint] = self._record(hint)
            return self._leaves[hint]
        if get_origin(hint) is Annotated:
            for extra in hint.__metadata__:
                if hasattr(extra, "schema"):
                    return self._value(extra.schema)
        raise UnknownError(hint)

    def _value(self, node: Mapping[str, Any]) -> Leaf:
        match node["type"]:
            case "bool":
                only(node, "strict")
                return Leaf(bool)
            case "int":
                only(node, "strict", "ge", "le")
                return Leaf(bounded(int, node))
            case "str" if node.get("coerce_numbers_to_str"):
                only(node, "coerce_numbers_to_str", "pattern")
                text = self._matching(node["pattern"])
                number = bounded(int, {"ge": 0, "le": 2**63 - 1})
                return Leaf(number | str, f"str({{0}}) if type({{0}}) is int else {text}")
            case "str":
                only(node, "strict", "max_length", "pattern")
                text = self._matching(node["pattern"]) if "pattern" in node else ""
                return Leaf(bounded(str, node), check=text)
            case "union":
                only(node, "choices", "mode")
                number, word = node["choices"]
                if (number["type"], word["type"]) != ("float", "str"):
                    raise UnknownError
                only(number, "strict", "allow_inf_nan", "gt", "lt")
                either = self._value(word)
                seen = f"type({{0}}) is float or {either.check}" if either.check else ""
                return Leaf(bounded(float, number) | either.type, check=seen)
            case kind:
                raise UnknownError(kind)

    def _matching(self, pattern: str) -> str:
        if pattern == AMOUNT_PATTERN:  # the check of what is made of it will ask for it again
            return self.code.named("amounts", AMOUNTS) + "[{0}]"
        return self.code.matching(pattern)

    def _record(self, cls: Any) -> Leaf:
        members: list[tuple[Any, ...]] = []
        lines: list[str] = []
        for name, hint in _fields(cls).items():
            inner = _but_null(hint)
            if get_origin(inner) is list:
                type_, more = self._items(name, get_args(inner)[0])
            else:
                type_, more = self._field(name, inner, nullable=inner is not hint)
            lines += more
            if inner is not hint:
                type_ = type_ | None
            members.append((name, type_, None) if hasattr(cls, name) else (name, type_))
        type_ = struct(cls.__name__, members, closed=False)
        if not lines:
            return Leaf(type_)
        return Leaf(type_, check=f"{self.code.written('see', lines)}({{0}})")

    def _field(self, name: str, hint: Any, *, nullable: bool) -> tuple[Any, list[str]]:
        """The type of a field, and the lines that see to it."""
        leaf = self.leaf(hint)
        value, guard = f"s.{name}", ""
        if nullable:
            value, guard = "v", f"if (v := s.{name}) is not None: "
        if leaf.make:
            return leaf.type, [f"{guard}s.{name} = {leaf.made(value)}"]
        return leaf.type, [guard + leaf.check.format(value)] if leaf.check else []

    def _items(self, name: str, hint: Any) -> tuple[Any, list[str]]:
        item, nullable = self.leaf(hint), _but_null(hint) is not hint
        type_ = _list[item.type | None if nullable else item.type]
        if not item.make and not item.check:
            return type_, []
        if nullable or item.make:
            raise UnknownError("a list of what may be null, or is made into something else")
        return type_, [f"if v := s.{name}:", f" for x in v: {item.check.format('x')}"]

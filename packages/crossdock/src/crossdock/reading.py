"""Vendors' JSON read by its declared shape: one call checks all that a mapping will look at.

A shape is a TypedDict that names the fields a mapping reads, and no others. pydantic checks it in
one go from the bytes, which is several times as quick as careful reading in Python, and a fault is
told with the vendor's own JSON pointer:

    class Line(TypedDict, total=False):
        id: Required[NumericId]
        sku: Text | None

    LINE = Shape(Line)
    line = LINE.read(raw)  # ContractError: "orders/create/id: expected a numeric id, found ''"

Fields that are not named are not looked at. A shape that is read often is better a `Record`, see
`crossdock.records`; it is quicker. `total=False` says that any may be missing; give
`| None` where the vendor may write null, and `Required` where the field must be there.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Generic, Required, TypeVar, cast

from pydantic import GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import CoreSchema, SchemaValidator, core_schema
from typing_extensions import TypedDict

from crossdock import jsontext
from crossdock.canonical.decimals import AMOUNT_PATTERN
from crossdock.errors import ContractError
from crossdock.events import Raw, moment_of, since_1970
from crossdock.records import Record, quick_reader, record_of
from crossdock.structs import REFUSED

__all__ = [
    "Amount",
    "Count",
    "Flag",
    "Moment",
    "Number",
    "NumericId",
    "Ratio",
    "Record",
    "Required",
    "Shape",
    "Text",
    "TypedDict",
    "Whole",
    "fault",
    "moment_of",
    "pattern",
    "since_1970",
]

T = TypeVar("T")


class _Leaf:
    """One kind of value, and the words for what is expected."""

    def __init__(self, schema: CoreSchema, words: str) -> None:
        self.schema: Any = {**schema, "metadata": {"words": words}}

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return cast("CoreSchema", self.schema)


def pattern(regex: str, words: str) -> Any:
    """Text of this form, for `Annotated[str, pattern(…)]`; `words` say what is expected."""
    return _Leaf(core_schema.str_schema(strict=True, pattern=regex), words)


Text = Annotated[
    str,
    _Leaf(
        core_schema.str_schema(strict=True, max_length=10_000), "text of at most 10,000 characters"
    ),
]
"""Text of at most 10,000 characters; it may be empty."""

Flag = Annotated[bool, _Leaf(core_schema.bool_schema(strict=True), "true or false")]

Count = Annotated[
    int,
    _Leaf(
        core_schema.int_schema(strict=True, ge=0, le=10**9),
        "a whole number from 0 to 1,000,000,000",
    ),
]

Whole = Annotated[
    int,
    _Leaf(
        core_schema.int_schema(strict=True, ge=1 - 10**18, le=10**18 - 1),
        "a whole number of at most 18 digits",
    ),
]
"""A whole number with its sign: money in minor units, a count since 1970."""

NumericId = Annotated[
    str,
    _Leaf(
        core_schema.str_schema(coerce_numbers_to_str=True, pattern="^[0-9]{1,20}$"), "a numeric id"
    ),
]
"""A whole number, or its digits as text; read as text."""

Amount = Annotated[str, pattern(AMOUNT_PATTERN, 'an amount such as "12.30", of at most six places')]
"""Money as decimal text: a `str`, to be compared as `Decimal(value)`. A vendor that sends more than
six places: `Number`, and `Money.nearest`."""

Ratio = Annotated[
    float | str,
    _Leaf(
        core_schema.union_schema(
            [
                core_schema.float_schema(strict=True, allow_inf_nan=False, gt=-1e6, lt=1e6),
                core_schema.str_schema(
                    strict=True, pattern=r"^-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,12})?$"
                ),
            ],
            mode="left_to_right",
        ),
        "a ratio such as 0.19",
    ),
]
"""A ratio as JSON number or decimal text: a `float` or a `str`, as it was sent."""

_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,40})?")


def _number(value: object) -> Decimal:
    """A JSON number by its shortest digits, or decimal text.

    A fraction of 10^12 or more may have lost digits on its way through a float: it is refused.
    """
    if isinstance(value, float) and abs(value) >= 1e12:
        raise ValueError
    plain = isinstance(value, int | float) and not isinstance(value, bool)
    text = repr(value) if plain else value
    if isinstance(value, Decimal):
        text = f"{value:f}"
    if isinstance(text, str) and "e" in text and plain:
        text = f"{Decimal(text):f}"
    if not isinstance(text, str) or not _DECIMAL.fullmatch(text):
        raise ValueError
    return Decimal(text)


Number = Annotated[
    Decimal,
    _Leaf(
        core_schema.no_info_plain_validator_function(_number),
        "a number such as 12.3 (a fraction below 10^12), or decimal text of at most 18 digits "
        "before the point and 40 after it",
    ),
]
"""A JSON number, or decimal text, as a `Decimal`: money of a vendor that sends numbers, or more
places than money has (thirds of a cent); `Money.nearest` makes money of those."""

Moment = Annotated[
    str,
    pattern(
        r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$",
        "a time such as 2026-01-31T12:00:00-05:00",
    ),
]
"""An ISO 8601 time with its offset, as text; whether the day exists is not checked.

`moment_of(value)` makes a datetime of it, and checks.
"""


_BACKSLASH = ord("\\")  # looking for one byte costs a twentieth of looking for six


class Shape(Generic[T]):
    """What a payload must look like; see the module's docstring. Made at its first use."""

    def __init__(self, type_: type[T]) -> None:
        self.type = type_

    def read(self, raw: Raw) -> T:
        """The payload of one record. ContractError names topic, JSON pointer and value."""
        if _BACKSLASH in raw.data and rb"\u0000" in raw.data:
            return self.of(raw.body, raw.topic)  # where `jsontext` finds and names it
        if self._quickest is not None:
            try:
                return cast("T", self._quickest(raw.data))
            except REFUSED:
                pass
        try:
            return self._made(self._quick.validate_json(raw.data))
        except ValidationError:
            return self.of(raw.body, raw.topic)

    def of(self, value: object, topic: str) -> T:
        """The same for a JSON value that is there already."""
        try:
            return self._made(self._quick.validate_python(value))
        except ValidationError:
            pass
        try:
            return self._made(self._worded.validate_python(value))
        except ValidationError as error:
            raise _told(error, topic) from None

    @cached_property
    def _quickest(self) -> Callable[[bytes], Any] | None:
        return quick_reader(self.type) if issubclass(self.type, Record) else None

    @cached_property
    def _made(self) -> Callable[[Any], T]:
        """A record of what pydantic has checked; a TypedDict is one already."""
        made: Any = _same
        if issubclass(self.type, Record):
            made = record_of(cast("Any", self.type))
        return cast("Callable[[Any], T]", made)

    @cached_property
    def _schema(self) -> Any:
        return TypeAdapter(self.type).core_schema

    @cached_property
    def _quick(self) -> SchemaValidator:
        return SchemaValidator(self._schema)

    @cached_property
    def _worded(self) -> SchemaValidator:
        """The same with our words at every leaf; they would cost a tenth of reading."""
        return SchemaValidator(_with_words(self._schema))


def _same(value: Any) -> Any:
    return value


def fault(topic: str, at: str, expected: str, found: object) -> ContractError:
    """The error for a value that only the mapping can judge; `at` is its JSON pointer."""
    shown = jsontext.shorten(found)
    return ContractError(
        f"{topic}{at or '/'}: expected {expected}, found {shown}", pointer=at, value=shown
    )


def _with_words(node: Any) -> Any:
    if isinstance(node, list | tuple):
        return type(node)(_with_words(item) for item in node)
    if not isinstance(node, dict):
        return node
    words = (node.get("metadata") or {}).get("words") if "type" in node else None
    if words:
        return core_schema.custom_error_schema(
            node,
            custom_error_type="shape",
            custom_error_message=words,
        )
    return {
        key: value if key in {"cls", "metadata"} else _with_words(value)
        for key, value in node.items()
    }


_STRUCTURE = {"missing": "a value", "dict_type": "an object", "list_type": "a list"}


def _told(error: ValidationError, topic: str) -> ContractError:
    first = error.errors(include_url=False, include_context=False)[0]
    at = jsontext.pointer(*first["loc"])
    expected = _STRUCTURE.get(first["type"], first["msg"])
    if first["type"] == "missing":
        return ContractError(
            f"{topic}{at}: expected {expected}, found nothing", pointer=at, value="nothing"
        )
    return fault(topic, at, expected, first["input"])

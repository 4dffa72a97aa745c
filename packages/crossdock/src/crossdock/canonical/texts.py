"""What a canonical field may hold as text: times, codes, identifiers, open words, extensions."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Annotated, Any, NoReturn, Self

from pydantic import (
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from crossdock.canonical import codes
from crossdock.jsontext import MAX_DEPTH
from crossdock.structs import msgspec

INSTANT_PATTERN = (
    r"^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""RFC 3339 with capital T and Z, and always with a zone."""
UTC_PATTERN = INSTANT_PATTERN[: INSTANT_PATTERN.index("(Z|")] + "Z$"
"""The same as Crossdock itself writes it: in UTC."""

DATE_PATTERN = r"^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"


class _TimeText:
    """A moment or a day: text in JSON; in Python the value, or such text."""

    def __init__(
        self, type_: type[date], pattern: str, name: str, format_: str, meaning: str
    ) -> None:
        self.type = type_
        self.pattern = pattern
        self.name = name
        self.format = format_
        self.meaning = meaning
        self._match = re.compile(pattern, re.ASCII).fullmatch

    def _from_text(self, text: str) -> date:
        if not self._match(text) or text.endswith("\n"):
            raise PydanticCustomError("time", "{fault}", {"fault": self._fault(text)})
        try:
            value = self.type.fromisoformat(text)
        except ValueError:
            raise PydanticCustomError(
                "time", "{text} is no day of the calendar", {"text": repr(text)}
            ) from None
        return _to_utc(value) if isinstance(value, datetime) else value

    def _fault(self, text: str) -> str:
        if self.type is date:
            return f"{text[:40]!r} is no date: write 2026-01-31"
        if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{5,8}(\.[0-9]+)?", text):
            return (
                "a time without a zone says nothing: write 2026-01-31T12:00:00Z or give an offset"
            )
        return f"{text[:40]!r} is no time of RFC 3339: write 2026-01-31T12:00:00Z"

    def _from_python(self, value: Any) -> date:
        if isinstance(value, str):
            return self._from_text(value)
        if self.type is datetime and isinstance(value, datetime):
            return _to_utc(value)
        if self.type is date and isinstance(value, date) and not isinstance(value, datetime):
            return value
        raise PydanticCustomError(
            "time",
            "must be a {type} or text such as {example}, not {found}",
            {
                "type": self.type.__name__,
                "example": "2026-01-31T12:00:00Z" if self.type is datetime else "2026-01-31",
                "found": type(value).__name__,
            },
        )

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(
                self._from_text, core_schema.str_schema(strict=True)
            ),
            python_schema=core_schema.no_info_plain_validator_function(self._from_python),
            serialization=core_schema.plain_serializer_function_ser_schema(
                _iso, return_schema=core_schema.str_schema(), when_used="json"
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "string",
            "format": self.format,
            "pattern": self.pattern,
            "x-def": self.name,
            "x-def-description": self.meaning,
        }


def reads_instants(function: object) -> bool:
    """Whether this validator of a schema makes an Instant of text."""
    owner = getattr(function, "__self__", None)
    return isinstance(owner, _TimeText) and owner.type is datetime


def _to_utc(value: datetime) -> datetime:
    if value.tzinfo is UTC:
        return value
    if value.tzinfo is None:
        raise PydanticCustomError(
            "time",
            "a time without a zone says nothing: write 2026-01-31T12:00:00Z or give an offset",
        )
    if not 1000 <= value.year <= 2999:
        raise PydanticCustomError("time", "the year must be between 1000 and 2999")
    return value.astimezone(UTC)


def rfc3339(moment: datetime) -> str:
    """An aware moment as Crossdock writes it: in UTC, with Z, and microseconds if it has any."""
    return _written(moment if moment.tzinfo is UTC else moment.astimezone(UTC))


def _with_z(moment: datetime) -> str:
    return f"{moment.isoformat()[:-6]}Z"


_written: Callable[[datetime], str]
_written = _with_z if msgspec is None else msgspec.to_builtins  # the same, at an eighth of the cost


def _iso(value: date) -> str:
    return rfc3339(value) if isinstance(value, datetime) else value.isoformat()


Instant = Annotated[
    datetime,
    _TimeText(
        datetime,
        INSTANT_PATTERN,
        "Instant",
        "date-time",
        "A moment of RFC 3339 with a capital T and always a zone; Crossdock writes UTC (Z).",
    ),
]
"""An aware moment, kept in UTC, written as RFC 3339."""

Day = Annotated[
    date,
    _TimeText(date, DATE_PATTERN, "Day", "date", "A day of the calendar, such as 2026-01-31."),
]
"""A day without a time, in the calendar of whoever states it."""


class _CodeText:
    """Text of a code list. The producer profile names every code, the consumer profile its form."""

    def __init__(
        self, name: str, pattern: str, known: frozenset[str], message: str, meaning: str
    ) -> None:
        self.name = name
        self.pattern = pattern
        self.known = known
        self.message = message
        self.meaning = meaning

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.custom_error_schema(
            core_schema.literal_schema(sorted(self.known)),
            custom_error_type=self.name.lower(),
            custom_error_message=self.message,
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": self.pattern,
            "x-codes": sorted(self.known),
            "x-def": self.name,
            "x-def-description": self.meaning,
        }


Currency = Annotated[
    str,
    _CodeText(
        "Currency",
        "^[A-Z]{3}$",
        frozenset(codes.CURRENCIES),
        "is no currency code of ISO 4217: write USD, EUR …",
        "ISO 4217 alphabetic code.",
    ),
]
"""ISO 4217 alphabetic code."""

Country = Annotated[
    str,
    _CodeText(
        "Country",
        "^[A-Z]{2}$",
        codes.COUNTRIES,
        "is no country code of ISO 3166-1 alpha-2: write US, DE, GB (not UK) …",
        "ISO 3166-1 alpha-2 code; also AC, TA and XK, which addresses carry.",
    ),
]
"""ISO 3166-1 alpha-2 code."""


class Vocabulary:
    """An open vocabulary: text with documented values. Unknown ones pass when read.

    The producer profile closes it: there, what fits none of the values is `other`, and the
    source's own word stands in `source_status` or in `extensions`.
    """

    def __init__(self, words: str) -> None:
        given = words.split()
        self.values = given if "other" in given else [*given, "other"]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.str_schema(strict=True, min_length=1, max_length=100)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "minLength": 1, "maxLength": 100, "x-values": self.values}


class _CheckedDigits:
    """A GS1 key: digits of fixed lengths, the last of which checks the others (modulo 10)."""

    def __init__(self, name: str, lengths: tuple[int, ...], meaning: str) -> None:
        self.name = name
        self.lengths = lengths
        self.meaning = meaning
        self.pattern = "^(" + "|".join(f"[0-9]{{{length}}}" for length in lengths) + ")$"

    def check(self, text: str) -> str:
        """The same text; the fault names the digit that would be right."""
        if not (text.isascii() and text.isdigit() and len(text) in self.lengths):
            raise PydanticCustomError(
                "gs1",
                "{text} is no {name}: it has {lengths} digits",
                {
                    "text": repr(text[:40]),
                    "name": self.name,
                    "lengths": ", ".join(map(str, self.lengths)),
                },
            )
        right = check_digit(text[:-1])
        if text[-1] != right:
            raise PydanticCustomError(
                "gs1",
                "{name} {text} has the check digit {wrong}, it must be {right}: "
                "one of its digits is mistyped",
                {"name": self.name, "text": text, "wrong": text[-1], "right": right},
            )
        return text

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            self.check, core_schema.str_schema(strict=True)
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": self.pattern,
            "x-check": "gs1-modulo-10",
            "x-def": self.name,
            "x-def-description": self.meaning,
        }


def check_digit(digits: str) -> str:
    """The digit that follows `digits` in a GTIN, GLN or SSCC.

    GS1 General Specifications, 7.9.1: from the right, the weights are 3, 1, 3, 1 …
    """
    total = sum(
        int(digit) * (3 if index % 2 == 0 else 1) for index, digit in enumerate(reversed(digits))
    )
    return str(-total % 10)


Gtin = Annotated[
    str,
    _CheckedDigits("GTIN", (8, 12, 13, 14), "GS1 trade item number with a right check digit."),
]
"""Global Trade Item Number: what EAN and UPC barcodes carry."""

Gln = Annotated[str, _CheckedDigits("GLN", (13,), "GS1 location number with a right check digit.")]
"""Global Location Number: a place or a legal entity."""

Sscc = Annotated[
    str,
    _CheckedDigits("SSCC", (18,), "GS1 serial shipping container code with a right check digit."),
]
"""Serial Shipping Container Code: one parcel or pallet."""

Unit = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,3}$")]
"""UN/ECE Recommendation 20 code: EA each, KGM kilogram, MTR metre, LTR litre."""

Text = Annotated[str, StringConstraints(max_length=10_000)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Url = Annotated[str, StringConstraints(min_length=1, max_length=2_048)]
"""An absolute address, as the source gave it."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


MANY_KEYS = 1_000
"""So many keys of extensions are remembered as good; then all are forgotten at once."""


class _JsonValues:
    """Reverse-domain keys to JSON values, kept as they came."""

    pattern = r"^[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)+$"

    def __init__(self) -> None:
        self._match = re.compile(self.pattern, re.ASCII).fullmatch
        self._known: set[str] = set()

    def read(self, value: dict[str, Any]) -> Mapping[str, Any]:
        """The same check for what msgspec has read: JSON without NaN, and hardly ever deep."""
        for key, item in value.items():
            if key not in self._known or item.__class__ is not dict:
                self._check(value)
                if len(self._known) >= MANY_KEYS:
                    self._known.clear()
                self._known.add(key)
            elif any(inner.__class__ is dict or inner.__class__ is list for inner in item.values()):
                self._check(value)
        return value

    def _check(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        for key, item in value.items():
            if not self._match(key) or key.endswith("\n"):
                raise PydanticCustomError(
                    "extension",
                    "the extension {key} needs a reverse-domain key such as com.acme.loyalty",
                    {"key": repr(key[:60])},
                )
            if not _is_flat_text(item):
                _json_only(item, MAX_DEPTH - 1)
        return value

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            self._check,
            core_schema.dict_schema(core_schema.str_schema(strict=True), core_schema.any_schema()),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "object",
            "propertyNames": {"pattern": self.pattern},
            "x-def": "Extensions",
            "x-def-description": (
                "Reverse-domain keys to JSON values: what has no canonical place "
                "(com.acme.loyalty). Unknown ones are preserved; the core never requires one."
            ),
        }


def read_instead(function: object) -> Callable[[Any], Any] | None:
    """The quicker check of extensions, where this validator of a schema is the one for them."""
    owner = getattr(function, "__self__", None)
    return owner.read if isinstance(owner, _JsonValues) else None


def _is_flat_text(value: Any) -> bool:
    """An object of texts, as extensions are nearly always."""
    return value.__class__ is dict and {*map(type, value), *map(type, value.values())} <= _TEXT


_TEXT = {str}


def _json_only(value: Any, depth: int) -> None:
    """Refuse what JSON cannot carry; also ends at a cycle, for a cycle has no depth."""
    if value is None or isinstance(value, (str, bool, int)):
        return
    if depth == 0:
        raise PydanticCustomError("extension", "extensions nest too deep, or in a circle")
    if isinstance(value, float):
        if value - value != 0:
            raise PydanticCustomError(
                "extension", "an extension holds NaN or Infinity, which JSON has not: leave it out"
            )
    elif value.__class__ is dict or isinstance(value, Mapping):  # the latter is a slow question
        for key, item in value.items():
            if not isinstance(key, str):
                raise PydanticCustomError("extension", "a key within extensions is no text")
            if item.__class__ is not str:
                _json_only(item, depth - 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _json_only(item, depth - 1)
    else:
        raise PydanticCustomError(
            "extension",
            "extensions hold JSON values alone, not {type}: write amounts and times as text",
            {"type": type(value).__name__},
        )


Extensions = Annotated[Mapping[str, Any], _JsonValues()]
"""Reverse-domain keys to JSON values: what has no canonical place (`com.acme.loyalty`)."""


class _Nothing(dict[str, Any]):
    """An empty mapping that stays empty, so that one can stand in every entity that has none."""

    def __hash__(self) -> int:  # type: ignore[override]
        return 0

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("entities are frozen: make another with model_copy(update=…)")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse

    def __reduce__(self) -> str:
        return "NOTHING"

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self


NOTHING = _Nothing()
"""The default of every mapping: immutable, as everything canonical is."""

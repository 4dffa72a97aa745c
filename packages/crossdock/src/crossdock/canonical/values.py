"""The values every entity is made of: money, quantities, times, codes, addresses, references.

Decimals are text with a JSON pattern of our own. pydantic's bare `Decimal` publishes a pattern that
its own output (`"1E+3"`) breaks, and digit limits on a field cost about 30 % of parsing time. A
decimal once read is remembered (decision 0012), for the same quantities, rates and prices come by
all day; so its pattern is checked when it is first met.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from crossdock.canonical import codes
from crossdock.jsontext import MAX_DEPTH

AMOUNT_PATTERN = r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,6})?$"
"""At most 18 digits before and 6 after the point; no exponent, no leading zeros, no plus."""

COUNT_PATTERN = r"^(0|[1-9][0-9]{0,17})(\.[0-9]{1,6})?$"
"""The same without a sign."""

QUANTITY_PATTERN = AMOUNT_PATTERN
RATE_PATTERN = r"^-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,12})?$"

INSTANT_PATTERN = (
    r"^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""RFC 3339 with capital T and Z, and always with a zone."""

DATE_PATTERN = r"^[12][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"

REMEMBERED = 8_192
"""How many decimals of one kind are kept: about one megabyte. Then all are forgotten at once."""


class _Remembered(dict[str, Decimal]):
    """Text to Decimal; text that breaks the pattern is never remembered."""

    def __init__(self, pattern: str, name: str) -> None:
        self.name = name
        self.signed = pattern.startswith("^-?")
        self.places = 12 if pattern == RATE_PATTERN else 6
        self._match = re.compile(pattern, re.ASCII).fullmatch

    def __missing__(self, text: str) -> Decimal:
        if not self._match(text) or text.endswith("\n"):
            raise PydanticCustomError("decimal", "{fault}", {"fault": self._fault(text)})
        if len(self) >= REMEMBERED:
            self.clear()
        value = self[text] = Decimal(text)
        return value

    def _fault(self, text: str) -> str:
        """Why, and the right form."""
        shown = f"{self.name} {text[:40]!r}"
        plain = text.strip()
        if plain.lstrip("+-").casefold() in {"nan", "inf", "infinity", "snan"}:
            return f"{shown} is no number: leave the field out when it is not known"
        if not self.signed and plain.startswith("-"):
            return f"{shown} must be 0 or more"
        found = re.fullmatch(r"[+-]?[0-9]+(?:\.([0-9]+))?", plain)
        if found and len(found[1] or "") > self.places:
            return f"{shown} has {len(found[1])} digits after the point, at most {self.places}"
        if "," in plain:
            return f"{shown} holds a comma: write 1234.56"
        if re.fullmatch(r"[+-]?[0-9.]+[eE][+-]?[0-9]+", plain):
            return f"{shown} has an exponent: write 1000, not 1E+3"
        whole = 6 if self.places == 12 else 18
        return (
            f"{shown} is not a plain decimal: at most {whole} digits before and {self.places} "
            "after the point, no plus, no leading zeros, such as 12.30"
        )


class _DecimalText:
    """A Decimal in Python, a decimal string in JSON. Floats and exponents are refused."""

    def __init__(self, pattern: str, name: str, meaning: str) -> None:
        self.pattern = pattern
        self.name = name
        self.meaning = meaning
        self._known = _Remembered(pattern, name.lower())

    def _from_python(self, value: Any) -> Decimal:
        if isinstance(value, str):
            text = value
        elif isinstance(value, Decimal):
            # an exponent as large as 1e999999999 would be written out before it could be refused
            text = format(value, "f") if abs(value.adjusted()) < 100 else str(value)
        elif isinstance(value, int) and not isinstance(value, bool):
            if abs(value) >= 10**18:
                raise PydanticCustomError("decimal", "more than 18 digits before the point")
            text = str(value)
        else:
            raise PydanticCustomError(
                "decimal",
                "{name} must be a Decimal, an int or a decimal string, not {type}: "
                "write Decimal('12.30') or '12.30'",
                {"name": self._known.name, "type": type(value).__name__},
            )
        return self._known[text]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        known: Callable[[str], Decimal] = self._known.__getitem__
        return core_schema.json_or_python_schema(
            json_schema=core_schema.no_info_after_validator_function(
                known, core_schema.str_schema(strict=True)
            ),
            python_schema=core_schema.no_info_plain_validator_function(self._from_python),
            serialization=core_schema.plain_serializer_function_ser_schema(
                _plain, return_schema=core_schema.str_schema(), when_used="json"
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {
            "type": "string",
            "pattern": self.pattern,
            "x-def": self.name,
            "x-def-description": self.meaning,
        }


def _plain(value: Decimal) -> str:
    return format(value, "f")


Amount = Annotated[
    Decimal,
    _DecimalText(
        AMOUNT_PATTERN,
        "Amount",
        "A decimal as text: at most 18 digits before the point and 6 after it, without exponent, "
        "plus sign or leading zeros.",
    ),
]
"""A sum of money, in the currency beside it."""

Quantity = Annotated[
    Decimal,
    _DecimalText(
        QUANTITY_PATTERN,
        "Quantity",
        "A count or measure as decimal text, in the `unit` that stands beside it; may be negative.",
    ),
]
"""A count or measure, in the `unit` that stands beside it (UN/ECE Recommendation 20)."""

Count = Annotated[
    Decimal,
    _DecimalText(
        COUNT_PATTERN,
        "Count",
        "A count or measure as decimal text, 0 or more, in the `unit` that stands beside it.",
    ),
]
"""A quantity that cannot be negative."""

Rate = Annotated[
    Decimal,
    _DecimalText(RATE_PATTERN, "Rate", "A plain ratio as decimal text: 0.19 is nineteen per cent."),
]
"""A plain ratio: 0.19 is nineteen per cent."""


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


def _iso(value: date) -> str:
    text = value.isoformat()
    return text[:-6] + "Z" if text.endswith("+00:00") else text


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


class _JsonValues:
    """Reverse-domain keys to JSON values, kept as they came."""

    pattern = r"^[a-z0-9][a-z0-9_-]*(\.[a-z0-9_-]+)+$"

    def __init__(self) -> None:
        self._match = re.compile(self.pattern, re.ASCII).fullmatch

    def _check(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        for key in value:
            if not self._match(key) or key.endswith("\n"):
                raise PydanticCustomError(
                    "extension",
                    "the extension {key} needs a reverse-domain key such as com.acme.loyalty",
                    {"key": repr(key[:60])},
                )
        _json_only(value, MAX_DEPTH)
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


def _json_only(value: Any, depth: int) -> None:
    """Refuse what JSON cannot carry; also ends at a cycle, for a cycle has no depth."""
    if isinstance(value, str | bool | int) or value is None:
        return
    if depth == 0:
        raise PydanticCustomError("extension", "extensions nest too deep, or in a circle")
    if isinstance(value, float):
        if value - value != 0:
            raise PydanticCustomError(
                "extension", "an extension holds NaN or Infinity, which JSON has not: leave it out"
            )
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise PydanticCustomError("extension", "a key within extensions is no text")
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

MANY = 10_000
"""How many items a list may have."""

PII: dict[str, Any] = {"x-pii": True}
"""Marks a field as personal data: redacted in logs, encrypted at rest, erased on request."""


class Model(BaseModel):
    """What all canonical values share: frozen, keyword-only, nothing unknown when built.

    `Entity.parse` reads bytes from the bus and tolerates what a newer producer added. A field's
    docstring is its description in the published schema; `crossdock.schemas` reads it from the
    source when it is asked, for reading it at every import costs a sixth of a second.
    """

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        validate_default=False,
        defer_build=True,
    )

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Lists have at most MANY items and end at their first fault: no document is a burden."""
        schema = handler(source)
        inner: Any = schema
        while inner["type"] in {"function-after", "model"}:
            inner = inner["schema"]
        for field in inner.get("fields", {}).values():
            value: Any = field["schema"]
            while value["type"] in {"default", "nullable"}:
                value = value["schema"]
            if value["type"] == "tuple":
                value.setdefault("max_length", MANY)
                value["fail_fast"] = True
        return schema


RemittedBy = Annotated[str, Vocabulary("merchant marketplace")]
TaxType = Annotated[str, Vocabulary("vat gst sales use excise duty environmental")]
TaxRounding = Annotated[str, Vocabulary("item line total")]


class Limit(NamedTuple):
    """An invariant of counters: the sum of `parts` is never more than the sum of `wholes`."""

    parts: tuple[str, ...]
    wholes: tuple[str, ...]

    def __str__(self) -> str:
        return f"{' + '.join(self.parts)} ≤ {' + '.join(self.wholes)}"


def limits(*rules: str) -> tuple[Limit, ...]:
    """Limits from text such as `cancelled + shipped <= ordered`, wholes before their own parts."""
    made = []
    for rule in rules:
        small, large = (
            tuple(name.strip() for name in side.split("+")) for side in rule.split("<=")
        )
        made.append(Limit(small, large))
    return tuple(made)


class Counted(Model):
    """A value whose counters keep `limits`; a breach names both sums."""

    limits: ClassVar[tuple[Limit, ...]]

    @model_validator(mode="after")
    def _counters_agree(self) -> Self:
        given = self.__dict__
        for limit in self.limits:
            parts = [given[name] for name in limit.parts]
            if not any(parts):
                continue  # counters are never negative, so nothing is never too much
            small = sum(parts)
            large = sum([given[name] for name in limit.wholes])
            if small > large:
                raise breach(limit, small, large)
        return self


def breach(limit: Limit, small: object, large: object) -> PydanticCustomError:
    """What to raise when counters break a limit."""
    return PydanticCustomError(
        "counters",
        "{parts} is {small}, more than {wholes}, which is {large}",
        {
            "parts": " + ".join(limit.parts),
            "small": str(small),
            "wholes": " + ".join(limit.wholes),
            "large": str(large),
        },
    )


class Money(Model):
    """An amount in one currency. Exact: it is never a binary float."""

    amount: Amount
    """At most six places; totals sit on the currency's own exponent (JPY 0, EUR 2, KWD 3)."""
    currency: Currency
    """What the amount is in."""

    def __add__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(amount=self.amount + other.amount, currency=self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(amount=self.amount - other.amount, currency=self.currency)

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise ValueError(
                f"cannot combine {self.currency} and {other.currency}: convert one of them first"
            )


class Ref(Model):
    """What some system calls this thing. (connection, kind, value) is unique."""

    connection: Id
    """The connection, as named in the deployment."""
    kind: Id
    """What the value names there: `order`, `line`, `number` …"""
    value: Id
    """The name itself, as that system writes it."""
    url: Url | None = None
    """Where a person can look at it there."""


class EntityRef(Model):
    """A pointer from one entity to another: ours, the vendor's, or both.

    A connector gives what it knows; translate fills `id` from `native_id` where `id` is missing.
    """

    id: Id | None = None
    """Canonical id."""
    native_id: Id | None = None
    """The id in the system that spoke."""


class Address(Model):
    """A postal address. `country` and `region` are codes; the vendor's lines are kept as given."""

    full_name: Text | None = Field(default=None, json_schema_extra=PII)
    """Who receives there."""
    company: Text | None = Field(default=None, json_schema_extra=PII)
    """The organisation, where there is one."""
    lines: tuple[Text, ...] = Field(default=(), json_schema_extra=PII)
    """Street and further lines, in the order written."""
    postal_code: Text | None = Field(default=None, json_schema_extra=PII)
    """Postal or ZIP code, as written."""
    locality: Text | None = Field(default=None, json_schema_extra=PII)
    """City or town."""
    region: Text | None = None
    """State or province: the part of ISO 3166-2 after the country (`KY`), where there is one."""
    country: Country | None = None
    """Where it is."""
    phone: Text | None = Field(default=None, json_schema_extra=PII)
    """For the carrier; E.164 (`+15025550100`) where the source has it so."""
    email: Text | None = Field(default=None, json_schema_extra=PII)
    """For the carrier's notices."""


class TaxLine(Model):
    """One tax as the source stated it; nothing is recomputed."""

    title: Text
    """What the source calls it: `KY State Tax`, `USt 19%`."""
    rate: Rate | None = None
    """The tax divided by `base`."""
    amount: Money
    """The tax itself."""
    included: bool = False
    """True when the price it belongs to already contains it."""
    remitted_by: RemittedBy = "merchant"
    """Who pays it to the authority."""
    jurisdiction: Text | None = None
    """Whose tax it is: ISO 3166-1, ISO 3166-2 (`US-KY`), or the tax engine's own name."""
    type: TaxType | None = None
    """The kind of tax."""
    base: Money | None = None
    """What the rate was applied to."""
    rounding: TaxRounding | None = None
    """At which level the source rounded."""
    exemption: Text | None = None
    """Why nothing is due: the certificate or the article of the law."""
    engine_ref: Id | None = None
    """The tax engine's own id of the calculation."""


class Discount(Model):
    """A discount as allocated to the line or shipping line that carries it."""

    amount: Money
    """What is taken off; positive."""
    code: Text | None = None
    """What the customer typed."""
    title: Text | None = None
    """What the customer saw."""
    promotion: EntityRef | None = None
    """The promotion it comes from."""


class MoneyPair(Model):
    """One sum in two currencies: what the buyer saw and what the merchant books."""

    presentment: Money
    """What the buyer saw."""
    settlement: Money
    """What the merchant receives."""
    rate: Rate | None = None
    """Settlement divided by presentment."""
    rate_source: Text | None = None
    """Who stated the rate."""
    rate_at: Instant | None = None
    """When the rate was taken."""


class Measure(Model):
    """A size or weight with its own unit."""

    value: Count
    """How much."""
    unit: Unit
    """In what: KGM, GRM, CMT, LTR …"""

"""The values every entity is made of: money, quantities, addresses, references.

Amounts and quantities are decimal strings with a JSON pattern of our own. pydantic's bare
`Decimal` publishes a pattern that its own output (`"1E+3"`) breaks, and digit limits on a field
cost about 30 % of parsing time; one pattern check on the text costs neither.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

AMOUNT_PATTERN = r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,6})?$"
"""At most 18 digits before and 6 after the point; no exponent, no leading zeros, no plus."""

QUANTITY_PATTERN = AMOUNT_PATTERN


class _DecimalText:
    """A Decimal in Python, a decimal string in JSON. Floats and exponents are refused."""

    def __init__(self, pattern: str, title: str) -> None:
        self.pattern = pattern
        self.title = title
        self._match = re.compile(pattern).fullmatch

    def _from_python(self, value: Any) -> Decimal:
        if isinstance(value, str):
            text = value
        elif isinstance(value, Decimal):
            text = format(value, "f")
        elif isinstance(value, int) and not isinstance(value, bool):
            text = str(value)
        else:
            raise ValueError(
                f"{self.title} must be a Decimal, an int or a decimal string, "
                f"not {type(value).__name__}: write Decimal('12.30') or '12.30'"
            )
        if not self._match(text):
            raise ValueError(
                f"{self.title} {text[:40]!r} is not a plain decimal of at most "
                "18 digits before and 6 after the point"
            )
        return Decimal(text)

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        from_json = core_schema.no_info_after_validator_function(
            Decimal, core_schema.str_schema(pattern=self.pattern, strict=True)
        )
        return core_schema.json_or_python_schema(
            json_schema=from_json,
            python_schema=core_schema.no_info_plain_validator_function(self._from_python),
            serialization=core_schema.plain_serializer_function_ser_schema(
                _plain, return_schema=core_schema.str_schema(), when_used="json"
            ),
        )

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "pattern": self.pattern}


def _plain(value: Decimal) -> str:
    return format(value, "f")


Amount = Annotated[Decimal, _DecimalText(AMOUNT_PATTERN, "amount")]
Quantity = Annotated[Decimal, _DecimalText(QUANTITY_PATTERN, "quantity")]
"""A count or measure, in the `unit` that stands beside it (UN/ECE Recommendation 20)."""

Rate = Annotated[Decimal, _DecimalText(r"^-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,12})?$", "rate")]
"""A plain ratio: 0.19 is nineteen per cent."""


def _to_utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError(
            "a time without a zone says nothing: write 2026-01-31T12:00:00Z or give an offset"
        )
    return value.astimezone(UTC)


Instant = Annotated[datetime, AfterValidator(_to_utc)]
"""An aware moment, kept in UTC, written as RFC 3339."""

Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
"""ISO 4217 alphabetic code."""

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
"""ISO 3166-1 alpha-2 code."""

Unit = Annotated[str, StringConstraints(pattern=r"^[A-Z0-9]{2,3}$")]
"""UN/ECE Recommendation 20 code: EA each, KGM kilogram, MTR metre, LTR litre."""

Text = Annotated[str, StringConstraints(max_length=10_000)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class Model(BaseModel):
    """What all canonical values share: frozen, keyword-only, nothing unknown when built.

    `parse` reads bytes from the bus and tolerates what a newer producer added.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", validate_default=False, use_attribute_docstrings=True
    )


class Money(Model):
    """An amount in one currency. Exact: it is never a binary float."""

    amount: Amount
    """Decimal text, at most six places; totals sit on the currency's own exponent."""
    currency: Currency

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

    full_name: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    company: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    lines: tuple[Text, ...] = Field(default=(), json_schema_extra={"x-pii": True})
    """Street and further lines, in the order written."""
    postal_code: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    locality: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    """City or town."""
    region: Text | None = None
    """State or province: the part of ISO 3166-2 after the country (`KY`), where there is one."""
    country: Country | None = None
    phone: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    email: Text | None = Field(default=None, json_schema_extra={"x-pii": True})


class TaxLine(Model):
    """One tax as the source stated it; nothing is recomputed."""

    title: Text
    rate: Rate | None = None
    amount: Money
    included: bool = False
    """True when the price it belongs to already contains it."""
    remitted_by: str = "merchant"
    """Who pays it to the authority: `merchant` or `marketplace`; open vocabulary."""


class Discount(Model):
    """A discount as allocated to the line or shipping line that carries it."""

    amount: Money
    code: Text | None = None
    title: Text | None = None


Extensions = Mapping[str, Any]
"""Reverse-domain keys to JSON values: what has no canonical place (`com.acme.loyalty`)."""

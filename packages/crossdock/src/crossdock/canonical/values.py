"""The values every entity is made of: money, references, addresses, taxes, discounts."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, NamedTuple, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from crossdock.canonical.codes import CURRENCIES
from crossdock.canonical.decimals import (
    AMOUNT_PATTERN,
    COUNT_PATTERN,
    QUANTITY_PATTERN,
    RATE_PATTERN,
    REMEMBERED,
    Amount,
    Count,
    Quantity,
    Rate,
)
from crossdock.canonical.texts import (
    DATE_PATTERN,
    INSTANT_PATTERN,
    NOTHING,
    Country,
    Currency,
    Day,
    Extensions,
    Gln,
    Gtin,
    Id,
    Instant,
    Sha256,
    Sscc,
    Text,
    Unit,
    Url,
    Vocabulary,
    check_digit,
)
from crossdock.errors import ContractError
from crossdock.jsontext import shorten

__all__ = [
    "AMOUNT_PATTERN",
    "COUNT_PATTERN",
    "DATE_PATTERN",
    "INSTANT_PATTERN",
    "MANY",
    "NOTHING",
    "PII",
    "QUANTITY_PATTERN",
    "RATE_PATTERN",
    "REMEMBERED",
    "Address",
    "Amount",
    "Count",
    "Counted",
    "Country",
    "Currency",
    "Day",
    "Discount",
    "EntityRef",
    "Extensions",
    "Gln",
    "Gtin",
    "Id",
    "Instant",
    "Limit",
    "Measure",
    "Model",
    "Money",
    "MoneyPair",
    "Quantity",
    "Rate",
    "Ref",
    "RemittedBy",
    "Sha256",
    "Sscc",
    "TaxLine",
    "TaxRounding",
    "TaxType",
    "Text",
    "Unit",
    "Url",
    "Vocabulary",
    "breach",
    "check_digit",
    "limits",
]

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

    if not TYPE_CHECKING:  # else mypy takes every name for an attribute

        def __getattr__(self, name: str) -> Any:
            """What pydantic keeps beside the fields is made when it is first asked for.

            `canonical.wires` leaves it out: it is a third of what making a model costs, and hardly
            ever asked for.
            """
            make = _BESIDE.get(name)
            if make is None:
                return super().__getattr__(name)
            value = make(self)
            object.__setattr__(self, name, value)
            return value

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


def _told(value: Model) -> set[str]:
    """The fields that were given: wires tell it themselves where a default was stated."""
    given = value.__dict__
    fields = type(value).__pydantic_fields__
    return {
        name
        for name, field in fields.items()
        if name in given and (field.is_required() or given[name] != field.default)
    }


_BESIDE: dict[str, Callable[[Model], Any]] = {
    "__pydantic_fields_set__": _told,
    "__pydantic_extra__": lambda _: None,
    "__pydantic_private__": lambda _: None,
}

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


def _places(currency: str, given: int | None) -> int:
    places = CURRENCIES.get(currency) if given is None else given
    if places is None:
        shown = shorten(currency)
        raise ContractError(
            f"{shown} is no currency of ISO 4217 that has a smallest unit", value=shown
        )
    return places


def _unfit(found: object, expected: str) -> ContractError:
    shown = shorten(found)
    return ContractError(f"expected {expected}, found {shown}", value=shown)


class Money(Model):
    """An amount in one currency. Exact: it is never a binary float."""

    amount: Amount
    """At most six places; totals sit on the currency's own exponent (JPY 0, EUR 2, KWD 3)."""
    currency: Currency
    """What the amount is in."""

    @classmethod
    def of_minor(
        cls, amount: int | str | Decimal, currency: str, places: int | None = None
    ) -> Self:
        """The money that a whole number of smallest units is: 1250 of EUR is 12.50, of JPY 1250.

        `places` where the vendor's differ from ISO 4217: 2 where it counts hundredths of every
        currency. ContractError for text that is no number, and for a currency without a
        smallest unit, such as gold.
        """
        digits = _places(currency, places)
        try:
            scaled = Decimal(amount).scaleb(-digits)
        except InvalidOperation:
            raise _unfit(amount, "a whole number of smallest units") from None
        return cls(amount=scaled, currency=currency)

    @classmethod
    def nearest(cls, amount: Decimal, currency: str) -> Self:
        """The money of a sum with more places than six, such as a tax worked out by division:
        rounded to six, halves to even. ContractError where it is too large for that."""
        try:
            rounded = round(amount, 6)
        except InvalidOperation:
            raise _unfit(amount, "an amount of at most 18 digits before the point") from None
        return cls(amount=amount if amount == rounded else rounded, currency=currency)

    def in_minor(self, places: int | None = None) -> int:
        """The other way round, for what is sent. ContractError where it is no whole number."""
        scaled = self.amount.scaleb(_places(self.currency, places))
        if scaled != int(scaled):
            found = f"{self.amount:f} {self.currency}"
            raise ContractError(f"{found} is no whole number of its smallest unit", value=found)
        return int(scaled)

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

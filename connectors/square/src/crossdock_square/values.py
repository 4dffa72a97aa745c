"""Square's values as the canonical ones: money, quantities, units, times."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

from crossdock.canonical import Money
from crossdock.canonical.codes import CURRENCIES
from crossdock.reading import Text, TypedDict, fault, pattern
from pydantic import Field

MARK = "com.squareup"
"""The key of what has no canonical place."""

Minor = Annotated[int, Field(strict=True, ge=-(10**15), le=10**15)]
"""Money in the smallest unit of its currency; may be negative."""
Version = Annotated[int, Field(strict=True, ge=0, le=10**18)]
Decimals = Annotated[
    str, pattern(r"^(0|[1-9][0-9]{0,11})(\.[0-9]{1,5})?$", 'a quantity such as "1.5"')
]
Signed = Annotated[
    str, pattern(r"^-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,5})?$", 'a quantity such as "-1.5"')
]
Percentage = Annotated[
    str, pattern(r"^(0|[1-9][0-9]{0,3})(\.[0-9]{1,8})?$", 'a percentage such as "7.25"')
]
Id = Annotated[str, pattern(r"^\S.{0,190}$", "an id of at most 191 characters")]
Currency = Annotated[str, pattern(r"^[A-Z]{3}$", "a currency such as USD")]


class Cash(TypedDict):
    """Square's Money."""

    amount: Minor
    currency: Currency


def money(topic: str, at: str, given: Cash) -> Money:
    """Exact, by the number of places of its currency (ISO 4217)."""
    places = CURRENCIES.get(given["currency"])
    if places is None:
        raise fault(topic, f"{at}/currency", "a currency of ISO 4217", given["currency"])
    return Money(amount=Decimal(given["amount"]).scaleb(-places), currency=given["currency"])


def moment(topic: str, at: str, text: str) -> datetime:
    """A time that is on the calendar. ContractError names it where it is not."""
    try:
        found = datetime.fromisoformat(text)
        found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise fault(topic, at, "a time that exists", text) from None
    return found


class Unit(TypedDict, total=False):
    """The kinds of unit; exactly one is given."""

    weight_unit: Text | None
    length_unit: Text | None
    area_unit: Text | None
    volume_unit: Text | None
    generic_unit: Text | None
    time_unit: Text | None


_UNITS = {
    "UNIT": "EA",
    "IMPERIAL_WEIGHT_OUNCE": "ONZ",
    "IMPERIAL_POUND": "LBR",
    "METRIC_MILLIGRAM": "MGM",
    "METRIC_GRAM": "GRM",
    "METRIC_KILOGRAM": "KGM",
    "IMPERIAL_INCH": "INH",
    "IMPERIAL_FOOT": "FOT",
    "IMPERIAL_YARD": "YRD",
    "METRIC_MILLIMETER": "MMT",
    "METRIC_CENTIMETER": "CMT",
    "METRIC_METER": "MTR",
    "METRIC_SQUARE_METER": "MTK",
    "METRIC_MILLILITER": "MLT",
    "METRIC_LITER": "LTR",
    "GENERIC_HOUR": "HUR",
    "GENERIC_MINUTE": "MIN",
    "GENERIC_DAY": "DAY",
}
"""Square's word to UN/ECE Recommendation 20; the others are `EA`, their word kept beside."""


def unit(given: Unit | None) -> tuple[str, str]:
    """The canonical unit, and Square's own word where there is no canonical one."""
    words = [word for word in (given or {}).values() if isinstance(word, str)]
    if not words:
        return "EA", ""
    return _UNITS.get(words[0], "EA"), "" if words[0] in _UNITS else words[0]

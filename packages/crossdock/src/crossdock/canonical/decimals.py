"""Decimals as text: amounts, quantities, counts, rates.

They have a JSON pattern of our own. pydantic's bare `Decimal` publishes a pattern that its own
output (`"1E+3"`) breaks, and digit limits on a field cost about 30 % of parsing time. A decimal
once read is remembered (decision 0012), for the same quantities, rates and prices come by all day;
so its pattern is checked when it is first met.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

AMOUNT_PATTERN = r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,6})?$"
"""At most 18 digits before and 6 after the point; no exponent, no leading zeros, no plus."""

COUNT_PATTERN = r"^(0|[1-9][0-9]{0,17})(\.[0-9]{1,6})?$"
"""The same without a sign."""

QUANTITY_PATTERN = AMOUNT_PATTERN
RATE_PATTERN = r"^-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,12})?$"


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


AMOUNTS = _Remembered(AMOUNT_PATTERN, "amount")
"""Text to the Decimal; looking up text that is no amount raises a ValueError."""


class _DecimalText:
    """A Decimal in Python, a decimal string in JSON. Floats and exponents are refused."""

    def __init__(
        self, pattern: str, name: str, meaning: str, known: _Remembered | None = None
    ) -> None:
        self.pattern = pattern
        self.name = name
        self.meaning = meaning
        self._known = _Remembered(pattern, name.lower()) if known is None else known

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
            # str() writes an exponent below 0.000001 only, for what was read has none of its own
            serialization=core_schema.plain_serializer_function_ser_schema(
                _plain, return_schema=core_schema.str_schema(), when_used="json"
            )
            if self.pattern == RATE_PATTERN
            else core_schema.to_string_ser_schema(when_used="json"),
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
    text = str(value)
    return text if "E" not in text else format(value, "f")


Amount = Annotated[
    Decimal,
    _DecimalText(
        AMOUNT_PATTERN,
        "Amount",
        "A decimal as text: at most 18 digits before the point and 6 after it, without exponent, "
        "plus sign or leading zeros.",
        AMOUNTS,
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

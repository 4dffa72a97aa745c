"""Reading JSON that a stranger wrote: each step checks, and each fault says where and what.

Both webhook bodies and GraphQL answers are read through `Obj`, so that nothing a sender can write
ends in anything but a value or a ContractError.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NoReturn

from crossdock import ContractError
from crossdock.canonical import Money
from crossdock.jsontext import shorten

_AMOUNT = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,6})?", re.ASCII)
_RATE = re.compile(r"-?(0|[1-9][0-9]{0,5})(\.[0-9]{1,12})?", re.ASCII)
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})",
    re.ASCII,
)
_GID_TAIL = re.compile(r"gid://shopify/[A-Za-z]+/([0-9]{1,20})(\?.{0,200})?", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,20}", re.ASCII)
_MAX_ID: Final = 10**20
_MAX_TEXT: Final = 10_000
_NONE: Final = object()


class Obj:
    """One JSON object, with its topic and its JSON pointer for messages."""

    __slots__ = ("data", "pointer", "topic")

    def __init__(self, topic: str, data: Any, pointer: str = "") -> None:
        self.topic = topic
        self.pointer = pointer
        if not isinstance(data, dict):
            self.fail("", "an object", data)
        self.data: dict[str, Any] = data

    def fail(self, key: str, expected: str, value: object = _NONE) -> NoReturn:
        """ContractError: the value at `key` is not what is expected."""
        pointer = f"{self.pointer}/{key}" if key else self.pointer
        found = "nothing" if value is _NONE else shorten(value)
        raise ContractError(
            f"{self.topic}{pointer or '/'}: expected {expected}, found {found}",
            pointer=pointer,
            value=found,
        )

    def need(self, key: str, expected: str) -> Any:
        """The value at `key`, which must be there and not null."""
        value = self.data.get(key)
        if value is None:
            self.fail(key, expected, value if key in self.data else _NONE)
        return value

    def text(self, key: str) -> str | None:
        """Text of at most 10,000 characters; null, missing and empty are None."""
        value = self.data.get(key)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self.fail(key, "text", value)
        if len(value) > _MAX_TEXT:
            self.fail(key, f"at most {_MAX_TEXT} characters", value)
        return value

    def need_text(self, key: str) -> str:
        """Text that must be there and not empty."""
        value = self.text(key)
        if value is None:
            self.fail(key, "text", self.data.get(key, _NONE))
        return value

    def flag(self, key: str) -> bool:
        """true or false; null and missing are False."""
        value = self.data.get(key)
        if value is None:
            return False
        if not isinstance(value, bool):
            self.fail(key, "true or false", value)
        return value

    def count(self, key: str, default: int | None = None) -> int:
        """A whole number from 0 to 10^9; `default` stands for null and missing."""
        value = self.data.get(key)
        if value is None and default is not None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 10**9:
            self.fail(key, "a whole number from 0 to 1,000,000,000", self.data.get(key, _NONE))
        return value

    def whole(self, key: str) -> int:
        """A whole number of either sign, at most 10^12 away from 0."""
        value = self.data.get(key)
        if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 10**12:
            self.fail(key, "a whole number", self.data.get(key, _NONE))
        return value

    def moment(self, key: str) -> datetime | None:
        """An ISO 8601 time with its offset, turned to UTC."""
        value = self.data.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            self.fail(key, "a time such as 2026-01-31T12:00:00-05:00", value)
        try:
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(key, "a time that exists", value)

    def need_moment(self, key: str) -> datetime:
        """A time that must be there."""
        value = self.moment(key)
        if value is None:
            self.fail(key, "a time", self.data.get(key, _NONE))
        return value

    def amount(self, key: str) -> Decimal | None:
        """A decimal string, as Shopify writes money."""
        value = self.data.get(key)
        if value is None:
            return None
        if not isinstance(value, str) or not _AMOUNT.fullmatch(value):
            self.fail(key, 'an amount such as "12.30"', value)
        return Decimal(value)

    def money(self, key: str, currency: str) -> Money | None:
        """A decimal string in a currency known from elsewhere."""
        amount = self.amount(key)
        return None if amount is None else Money(amount=amount, currency=currency)

    def need_money(self, key: str, currency: str) -> Money:
        """As `money`, and it must be there."""
        money = self.money(key, currency)
        if money is None:
            self.fail(key, 'an amount such as "12.30"', self.data.get(key, _NONE))
        return money

    def money_of_set(self, key: str, side: str, currency: str) -> Money | None:
        """`{key: {side: {amount, currency_code}}}`; the currency must be the one expected."""
        pair = self.object(key)
        money = None if pair is None else pair.object(side)
        if money is None:
            return None
        code = money.need_text("currency_code")
        if code != currency:
            money.fail("currency_code", f"{currency}, the order's own", code)
        return money.need_money("amount", currency)

    def currency(self, key: str) -> str | None:
        """Three capital letters."""
        value = self.text(key)
        if value is not None and not re.fullmatch("[A-Z]{3}", value):
            self.fail(key, "an ISO 4217 code such as USD", value)
        return value

    def country(self, key: str) -> str | None:
        """Two capital letters."""
        value = self.text(key)
        if value is not None and not re.fullmatch("[A-Z]{2}", value):
            self.fail(key, "an ISO 3166 code such as US", value)
        return value

    def rate(self, key: str) -> Decimal | None:
        """A ratio; Shopify writes it as a JSON number."""
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            self.fail(key, "a ratio such as 0.19", value)
        if isinstance(value, float):
            finite = abs(value) < 10**6
            text = format(Decimal(repr(value)), "f") if finite else ""
        elif isinstance(value, int):
            text = str(value) if abs(value) < 10**6 else ""
        else:
            text = value
        if not _RATE.fullmatch(text):
            self.fail(key, "a ratio such as 0.19", value)
        return Decimal(text)

    def number(self, key: str) -> str | None:
        """A numeric id as text."""
        value = self.data.get(key)
        if value is None:
            return None
        if isinstance(value, str) and _DIGITS.fullmatch(value):
            return value
        if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < _MAX_ID:
            self.fail(key, "a numeric id", value)
        return str(value)

    def id(self, key: str = "id") -> str | None:
        """The exact numeric id: the tail of `admin_graphql_api_id` where there is one.

        Shopify's published samples have rounded numbers beside exact gids (real/README.md, 15a).
        """
        gid = self.data.get("admin_graphql_api_id")
        if gid is None:
            return self.number(key)
        match = _GID_TAIL.fullmatch(gid) if isinstance(gid, str) else None
        if match is None:
            self.fail("admin_graphql_api_id", "an id such as gid://shopify/Order/123", gid)
        return match[1]

    def need_id(self, key: str = "id") -> str:
        """As `id`, and it must be there."""
        value = self.id(key)
        if value is None:
            self.fail(key, "a numeric id", self.data.get(key, _NONE))
        return value

    def object(self, key: str) -> "Obj | None":
        """An object, or None for null and missing."""
        value = self.data.get(key)
        return None if value is None else Obj(self.topic, value, f"{self.pointer}/{key}")

    def need_object(self, key: str) -> "Obj":
        """An object that must be there."""
        return Obj(self.topic, self.need(key, "an object"), f"{self.pointer}/{key}")

    def array(self, key: str) -> list[Any]:
        """A list; null and missing are empty."""
        value = self.data.get(key)
        if value is None:
            return []
        if not isinstance(value, list):
            self.fail(key, "a list", value)
        return value

    def objects(self, key: str) -> "Iterator[Obj]":
        """The objects of a list."""
        for index, item in enumerate(self.array(key)):
            yield Obj(self.topic, item, f"{self.pointer}/{key}/{index}")

    def objects_or_null(self, key: str) -> "Iterator[Obj | None]":
        """The objects of a list that may hold nulls."""
        for index, item in enumerate(self.array(key)):
            yield None if item is None else Obj(self.topic, item, f"{self.pointer}/{key}/{index}")

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts of a list; nulls and empty texts are left out."""
        found = []
        for index, item in enumerate(self.array(key)):
            if item is None or item == "":
                continue
            if not isinstance(item, str) or len(item) > _MAX_TEXT:
                self.fail(f"{key}/{index}", f"text of at most {_MAX_TEXT} characters", item)
            found.append(item)
        return tuple(found)

    def tags(self, key: str = "tags") -> tuple[str, ...]:
        """Shopify writes tags as one text, parted by commas."""
        text = self.text(key) or ""
        return tuple(tag.strip() for tag in text.split(",") if tag.strip())

"""The smaller parts of a Shopify order, as canonical documents: money, taxes, people, ids. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from crossdock.canonical import Address
from crossdock.reading import fault

from crossdock_shopify.order_shapes import (
    Allocation,
    Application,
    LineId,
    MoneySet,
    Named,
    Person,
    Tax,
)
from crossdock_shopify.reading import Obj

EXTENSION = "com.shopify"
Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class About:
    """What every part of one order must know."""

    topic: str
    currency: str
    included: bool
    cancelled: bool
    applications: list[Application]


def moment(body: Mapping[str, Any], key: str, topic: str) -> datetime:
    """The time at `key` in UTC. ContractError: it is missing, or no time that exists."""
    text = body.get(key)
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC)
    except (ValueError, OverflowError):
        raise fault(topic, f"/{key}", "a time that exists", text) from None


def rfc3339(value: datetime) -> str:
    """A time in UTC, as the canonical language writes it."""
    return value.isoformat()[:-6] + "Z"


def native_id(given: LineId | Mapping[str, Any], topic: str, at: str = "") -> str:
    """The exact numeric id: the tail of `admin_graphql_api_id` where there is one.

    Shopify's published samples have rounded numbers beside exact gids (real/README.md, 15a).
    """
    gid = given.get("admin_graphql_api_id")
    if gid:
        return str(gid).rpartition("/")[2].partition("?")[0]
    number = given.get("id")
    if number is None:
        raise fault(topic, f"{at}/id", "a numeric id", None)
    return str(number)


def full_name(person: Obj) -> str | None:
    """First and last name, as far as they are given."""
    parts = [part for key in ("first_name", "last_name") if (part := person.text(key))]
    return " ".join(parts)[:10_000] or None


def name_of(given: Mapping[str, Any]) -> str | None:
    parts = [part for part in (given.get("first_name"), given.get("last_name")) if part]
    return " ".join(parts)[:10_000] or None


def person(given: Person | None) -> Document | None:
    """A REST-shaped address."""
    if given is None:
        return None
    get = given.get
    return only_given(
        full_name=get("name") or name_of(given),
        company=get("company"),
        lines=[line for line in (get("address1"), get("address2")) if line],
        postal_code=get("zip"),
        locality=get("city"),
        region=get("province_code") or get("province"),
        country=get("country_code"),
        phone=get("phone"),
    )


def address(given: Obj | None) -> Address | None:
    """The same as a model, for the topics that are read by `Obj`."""
    if given is None:
        return None
    return Address(
        full_name=given.text("name") or full_name(given),
        company=given.text("company"),
        lines=tuple(line for key in ("address1", "address2") if (line := given.text(key))),
        postal_code=given.text("zip"),
        locality=given.text("city"),
        region=given.text("province_code") or given.text("province"),
        country=given.country("country_code"),
        phone=given.text("phone"),
    )


def only_given(**fields: Any) -> Document:
    return {key: value for key, value in fields.items() if value}


def money(amount: str, currency: str) -> Document:
    return {"amount": amount, "currency": currency}


def summed(amount: Decimal, currency: str, topic: str, at: str) -> Document:
    """A sum of amounts that each fit; the sum must fit too."""
    if abs(amount) >= 10**18:
        raise fault(topic, at, "amounts whose sum has at most 18 digits", str(amount))
    return money(format(amount, "f"), currency)


def side(pair: MoneySet | None, side: str, currency: str, topic: str, at: str) -> str | None:
    """The amount on one side of a pair; its currency must be the one expected."""
    found: Any = (pair or {}).get(side)
    if found is None:
        return None
    if found["currency_code"] != currency:
        at = f"{at}/{side}/currency_code"
        raise fault(topic, at, f"{currency}, the order's own", found["currency_code"])
    return str(found["amount"])


def named(items: list[Named] | None) -> list[Document]:
    return [
        {"name": item.get("name") or "", "value": _scalar(item.get("value"))}
        for item in items or ()
    ]


def _scalar(value: object) -> str:
    """A property's value is text nearly always; a number or a flag is kept as text."""
    if isinstance(value, int) and abs(value) >= 10**50:
        return ""
    if isinstance(value, str):
        return value[:10_000]
    return str(value)[:100] if isinstance(value, bool | int | float) else ""


def allocated(given: list[Allocation] | None, about: About) -> list[Document]:
    found = []
    for item in given or ():
        index = item["discount_application_index"]
        known = about.applications[index] if index < len(about.applications) else Application()
        found.append(
            only_given(
                amount=money(item["amount"], about.currency),
                code=known.get("code"),
                title=known.get("title") or known.get("description"),
            )
        )
    return found


def tax_lines(given: Iterable[Tax] | None, about: About) -> list[Document]:
    found = []
    for item in given or ():
        tax: Document = {"title": item.get("title") or "tax"}
        if (rate := item.get("rate")) is not None:
            tax["rate"] = rate if isinstance(rate, str) else _plain(rate)
        tax["amount"] = {"amount": item["price"], "currency": about.currency}
        if about.included:
            tax["included"] = True
        if item.get("channel_liable"):
            tax["remitted_by"] = "marketplace"
        found.append(tax)
    return found


def _plain(rate: float) -> str:
    """0.19 as it is written; 1e-05 without its exponent, 7.0 as 7."""
    text = repr(rate)
    if text.endswith(".0"):
        return text[:-2]
    return format(Decimal(text), "f") if "e" in text else text

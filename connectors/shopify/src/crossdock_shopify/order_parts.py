"""The smaller parts of a Shopify order, as canonical documents: money, taxes, people, ids. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from crossdock.canonical import Address
from crossdock.frozen import made_at_once
from crossdock.jsontext import pointer
from crossdock.reading import fault

from crossdock_shopify.order_shapes import (
    Allocation,
    Application,
    Buyer,
    LineId,
    MoneySet,
    Named,
    Person,
    Side,
    Tax,
)
from crossdock_shopify.reading import Obj

EXTENSION = "com.shopify"
Document = dict[str, Any]


@made_at_once
@dataclass(frozen=True, kw_only=True)
class About:
    """What every part of one order must know."""

    topic: str
    currency: str
    included: bool
    cancelled: bool
    applications: list[Application]


def moment(text: str | None, key: str, topic: str) -> datetime:
    """The time that stands at `key`, in UTC. ContractError: it is missing, or does not exist."""
    try:
        return datetime.fromisoformat(text or "").astimezone(UTC)
    except (ValueError, OverflowError):
        raise fault(topic, f"/{key}", "a time that exists", text) from None


def native_id(given: LineId, topic: str, *at: object) -> str:
    """The exact numeric id: the tail of `admin_graphql_api_id` where there is one.

    Shopify's published samples have rounded numbers beside exact gids (real/README.md, 15a).
    `at` is the way to what is given, for a fault.
    """
    if gid := given.admin_graphql_api_id:
        return gid.rpartition("/")[2].partition("?")[0]
    if given.id is None:
        raise fault(topic, pointer(*at, "id"), "a numeric id", None)
    return given.id


def full_name(person: Obj) -> str | None:
    """First and last name, as far as they are given."""
    parts = [part for key in ("first_name", "last_name") if (part := person.text(key))]
    return " ".join(parts)[:10_000] or None


def name_of(given: Person | Buyer) -> str | None:
    first, last = given.first_name, given.last_name
    return (f"{first} {last}"[:10_000] if first and last else first or last) or None


def person(given: Person | None) -> Document | None:
    """A REST-shaped address."""
    if given is None:
        return None
    found: Document = {}
    if name := given.name or name_of(given):
        found["full_name"] = name
    if given.company:
        found["company"] = given.company
    if given.address1 or given.address2:
        found["lines"] = [line for line in (given.address1, given.address2) if line]
    if given.zip:
        found["postal_code"] = given.zip
    if given.city:
        found["locality"] = given.city
    if region := given.province_code or given.province:
        found["region"] = region
    if given.country_code:
        found["country"] = given.country_code
    if given.phone:
        found["phone"] = given.phone
    return found


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


def side(found: Side | None, currency: str, topic: str, *at: object) -> str | None:
    """The amount on one side of a pair; its currency must be the one expected."""
    if found is None:
        return None
    if found.currency_code != currency:
        where = pointer(*at, "currency_code")
        raise fault(topic, where, f"{currency}, the order's own", found.currency_code)
    return found.amount


def shop_side(pair: MoneySet | None, currency: str, topic: str, *at: object) -> str | None:
    """The amount in the shop's currency, which is the order's own."""
    return side(pair.shop_money, currency, topic, *at, "shop_money") if pair else None


def named(items: list[Named] | None) -> list[Document]:
    return [{"name": item.name or "", "value": _scalar(item.value)} for item in items or ()]


def _scalar(value: object) -> str:
    """A property's value is text nearly always; a number or a flag is kept as text."""
    if isinstance(value, int) and abs(value) >= 10**50:
        return ""
    if isinstance(value, str):
        return value[:10_000]
    return str(value)[:100] if isinstance(value, bool | int | float) else ""


def allocated(given: list[Allocation], about: About) -> list[Document]:
    found = []
    for item in given:
        index = item.discount_application_index
        known = about.applications[index] if index < len(about.applications) else Application()
        found.append(
            only_given(
                amount=money(item.amount, about.currency),
                code=known.code,
                title=known.title or known.description,
            )
        )
    return found


def tax_lines(given: list[Tax], about: About) -> list[Document]:
    found = []
    currency, included = about.currency, about.included
    for item in given:
        tax: Document = {"title": item.title or "tax"}
        if (rate := item.rate) is not None:
            tax["rate"] = rate if isinstance(rate, str) else _plain(rate) if rate else "0"
        tax["amount"] = {"amount": item.price, "currency": currency}
        if included:
            tax["included"] = True
        if item.channel_liable:
            tax["remitted_by"] = "marketplace"
        found.append(tax)
    return found


@lru_cache(1_024)  # there are few rates, and a float takes long to write
def _plain(rate: float) -> str:
    """0.19 as it is written; 1e-05 without its exponent, 7.0 as 7."""
    text = repr(rate)
    if text.endswith(".0"):
        return text[:-2]
    return format(Decimal(text), "f") if "e" in text else text

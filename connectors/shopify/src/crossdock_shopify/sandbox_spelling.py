"""What all GraphQL nodes of the pretended shop share: pages, the search, GraphQL's spelling."""

import re
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from crossdock_shopify.sandbox_shop import gid, time_text

Node = dict[str, Any]
IN_BULK: ContextVar[bool] = ContextVar("in_bulk", default=False)
"""In a bulk operation connections have no page size: they are whole."""
_PAGE = 250
_TERM = re.compile(r"(created_at|updated_at|id):(>=|<=|>|<)?'?([0-9TZ:+.\-]+)'?")


def listed(
    arguments: Mapping[str, Any],
    things: Sequence[Any],
    show: Callable[[Any], Any],
    times: Callable[[Any], tuple[datetime, datetime]],
) -> Node:
    """What the search finds, oldest change first when sorted so."""
    terms = _TERM.findall(str(arguments.get("query") or ""))
    kept = [thing for thing in things if _fits(times(thing), terms)]
    if arguments.get("sortKey") == "UPDATED_AT":
        kept.sort(key=lambda thing: times(thing)[1])
    elif arguments.get("sortKey") == "CREATED_AT":
        kept.sort(key=lambda thing: times(thing)[0])
    return connection(kept, arguments, show)


def _fits(times: tuple[datetime, datetime], terms: Sequence[tuple[str, str, str]]) -> bool:
    for key, sign, value in terms:
        if key == "id":
            continue
        have = times[0] if key == "created_at" else times[1]
        bound = datetime.fromisoformat(value)
        good = {">=": have >= bound, ">": have > bound, "<": have < bound, "<=": have <= bound}
        if not good.get(sign, have == bound):
            return False
    return True


def connection(
    things: Sequence[Any],
    arguments: Mapping[str, Any],
    show: Callable[[Any], Any] = lambda thing: thing,
) -> Node:
    """A page, with opaque cursors that count; only what is on it is shown."""
    after = arguments.get("after")
    first = arguments.get("first") or (len(things) or 1 if IN_BULK.get() else _PAGE)
    start = int(after) if isinstance(after, str) and after.isdecimal() else 0
    page = [show(thing) for thing in things[start : start + first]]
    end = start + len(page)
    return {
        "nodes": page,
        "edges": [{"node": node, "cursor": str(start + i + 1)} for i, node in enumerate(page)],
        "pageInfo": {
            "hasNextPage": end < len(things),
            "hasPreviousPage": start > 0,
            "startCursor": str(start + 1) if page else None,
            "endCursor": str(end) if page else None,
        },
    }


def camel(key: str) -> str:
    """`total_price` as `totalPrice`."""
    head, *tail = key.split("_")
    return head + "".join(part.capitalize() for part in tail)


def upper(word: str | None) -> str | None:
    """A word of a webhook, in GraphQL's capitals."""
    return None if word is None else word.upper()


def utc(text: str | None) -> str | None:
    """A time with the shop's offset, in UTC."""
    if text is None:
        return None
    return time_text(datetime.fromisoformat(text).astimezone(UTC))


def graphql_amount(text: str) -> str:
    """GraphQL writes 10.00 as 10.0."""
    plain = format(Decimal(text).normalize(), "f")
    return plain if "." in plain else f"{plain}.0"


def bag(pair: Mapping[str, Any]) -> Node:
    """A `…_set` of a webhook as a MoneyBag."""
    return {
        side: {
            "amount": graphql_amount(pair[key]["amount"]),
            "currencyCode": pair[key]["currency_code"],
        }
        for side, key in (("shopMoney", "shop_money"), ("presentmentMoney", "presentment_money"))
    }


def bag_of(amount: str, currency: str) -> Node:
    """One sum in one currency as a MoneyBag."""
    money = {"amount": graphql_amount(amount), "currencyCode": currency}
    return {"shopMoney": money, "presentmentMoney": money}


def ref(kind: str, number: int | None) -> Node | None:
    """A thing of which only the id is told."""
    return {"id": gid(kind, number)} if number else None


def address_node(given: Mapping[str, Any] | None) -> Node | None:
    """An address of a webhook as a MailingAddress."""
    if given is None:
        return None
    told = {camel(key): value for key, value in given.items()}
    return told | {"id": gid("MailingAddress", 1), "countryCodeV2": given.get("country_code")}

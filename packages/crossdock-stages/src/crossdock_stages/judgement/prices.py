"""Prices by region: told to whom the region sells by, in its currency and with its taxes.

A price belongs to the region of its price list, and that to the region of its countries. A price
without a list is the standard price, of no region.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from crossdock.canonical import Entity, Price, PriceList
from crossdock.errors import RejectedError, UnavailableError
from crossdock.events import Envelope

from crossdock_stages.judgement.basis import (
    Case,
    Decision,
    Knowledge,
    content_mark,
    recorded,
)
from crossdock_stages.rules import Rules

INCLUDED, ON_TOP = "included", "on_top"


def region_of(envelope: Envelope, data: Entity, known: Knowledge, rules: Rules) -> str | None:
    """The region that a price or a price list is for.

    UnavailableError: where prices are parted by region, its price list must be known first.
    """
    if isinstance(data, PriceList):
        return next((rules.region_of(country) for country in data.countries), None)
    if not isinstance(data, Price) or data.price_list is None:
        return None
    before = known.get(data.price_list.id or "")
    if before is not None:
        region: str | None = _facts_of(data, known).get("region")
        return region
    domain = rules.domains.get("pricing")
    if domain is not None and any(one.region for one in domain.overrides):
        raise UnavailableError(
            f"price {envelope.native} of {data.sku} names price list "
            f"{data.price_list.native_id or data.price_list.id}, which is not known yet",
            outcome="not_sent",
        )
    return None


def price_list(case: Case, data: PriceList) -> Decision:
    """What holds for its prices is kept; it is refused where it is not what its region sells by."""
    regions = {case.rules.region_of(country) for country in data.countries}
    parted = any(one.region for one in case.rules.domains["pricing"].overrides)
    wrong = list(_not_of_its_region(case, data.currency, f"price list {data.name}"))
    if parted and len(regions) > 1:
        named = " and ".join(sorted(one or "no region" for one in regions))
        words = f"{case.envelope.connection} says that price list {data.name} is for {named}"
        wrong.append(("two_regions", f"{words}: prices are parted by region here"))
    tax = INCLUDED if data.includes_tax else ON_TOP
    if case.domain.tax is not None and case.domain.tax != tax:
        wrong.append(
            (
                "other_taxes",
                f"{case.envelope.connection} says that taxes are {tax.replace('_', ' ')} in price "
                f"list {data.name}, and by the deployment they are "
                f"{case.domain.tax.replace('_', ' ')} where it holds",
            )
        )
    if wrong:
        return _refused(wrong)
    facts = {
        "name": data.name,
        "region": next(iter(regions), None),
        "currency": data.currency,
        "channels": list(data.channels),
    }
    know = replace(case.learnt(content_mark(data), label=data.name), facts=json.dumps(facts))
    if case.before is not None and case.before.digest == know.digest:
        return recorded("nothing changed", know)
    settles = (case.envelope.subject,)
    return replace(recorded("recorded; its prices are told one by one", know), settles=settles)


def checked(case: Case, data: Price) -> Decision | None:
    """The refusal of a price that cannot be right; None for all others."""
    what = f"price {data.amount.amount} {data.amount.currency} of {data.sku}"
    currency = data.amount.currency
    wrong = list(_not_of_its_region(case, currency, what))
    facts = _facts_of(data, case.known)
    if facts and facts["currency"] != currency:
        wrong.append(
            (
                "two_currencies",
                f"{case.envelope.connection} says {what}, and that price list {facts['name']} is "
                f"in {facts['currency']}",
            )
        )
    for name, money in (("crossed out", data.compare_at), ("the lowest", data.lowest_30d)):
        if money is not None and money.currency != currency:
            wrong.append(
                (
                    "two_currencies",
                    f"{case.envelope.connection} says {what}, and that {money.amount} "
                    f"{money.currency} is {name}",
                )
            )
    return _refused(wrong) if wrong else None


def targets(case: Case, data: Price) -> tuple[str, ...]:
    """Who is told: the region's list, less the channels that the price list does not hold for."""
    channels = _facts_of(data, case.known).get("channels")
    return tuple(
        name
        for name in case.domain.publish_to
        if not channels or name in channels or name not in case.rules.channels
    )


def _not_of_its_region(case: Case, currency: str, what: str) -> Iterator[tuple[str, str]]:
    wanted = case.domain.currency
    if wanted is not None and wanted != currency:
        yield (
            "other_currency",
            f"{case.envelope.connection} says {what} in {currency}, and by the deployment it is "
            f"sold in {wanted} there",
        )


def _refused(wrong: list[tuple[str, str]]) -> Decision:
    why = "; ".join(words for _, words in wrong)
    return Decision(
        applied=False,
        reason=f"held: {why}"[:2000],
        exception=RejectedError(f"nobody is told: {why}", reason=wrong[0][0]),
        held=True,
    )


def _facts_of(data: Price, known: Knowledge) -> dict[str, Any]:
    before = known.get(data.price_list.id or "") if data.price_list is not None else None
    return dict(json.loads(before.facts)) if before is not None and before.facts else {}

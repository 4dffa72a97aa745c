"""Prices by region, through the stage on a real ledger: routed, and refused in other money."""

from collections.abc import Callable
from typing import Any

import pytest
from crossdock.canonical import EntityRef, Money, Price, PriceList
from crossdock.events import COMMAND_TYPES
from crossdock.identity import entity_id
from crossdock_stages.ledger import Ledger, settling
from crossdock_stages.rules import Domain, Override, Rules

RULES = Rules(
    domains={
        "orders": Domain(capture=("web_eu", "web_us", "mail"), execute="erp"),
        "pricing": Domain(
            owner="erp",
            publish_to=("web_eu", "mail", "dwh"),
            currency="EUR",
            tax="included",
            overrides=(
                Override(region="us", currency="USD", tax="on_top", publish_to=("web_us",)),
                Override(region="uk", owner="erp_uk", currency="GBP"),
            ),
        ),
    },
    handles=dict.fromkeys(("web_eu", "web_us", "mail", "dwh"), frozenset(COMMAND_TYPES)),
    regions={"eu": ("DE", "FR"), "us": ("US",), "uk": ("GB",)},
)


def listing(name: str, currency: str, *countries: str, **fields: Any) -> PriceList:
    return PriceList(name=name, currency=currency, countries=countries, **fields)


def price(amount: str, currency: str, of: str = "", by: str = "erp", **fields: Any) -> Price:
    ref = EntityRef(id=entity_id(by, "price_list", of), native_id=of) if of else None
    money = Money(amount=amount, currency=currency)
    return Price(sku="MUG", amount=money, price_list=ref, **fields)


@pytest.fixture
async def here(sqlite_ledger: Ledger, at_desk: Callable[..., Any]) -> Any:
    made = at_desk(sqlite_ledger, RULES)
    us = listing("America", "USD", "US")
    eu = listing("Europe", "EUR", "DE", "FR", includes_tax=True)
    await made.tell("price_list.changed", us, "erp", "US")
    await made.tell("price_list.changed", eu, "erp", "EU")
    assert await made.cases() == []
    return made


async def codes(here: Any) -> list[str]:
    return [case.code for case in await here.cases()]


@pytest.mark.parametrize(
    ("told", "targets"),
    [
        (price("5", "EUR"), ["web_eu", "mail", "dwh"]),
        (price("5", "EUR", "EU"), ["web_eu", "mail", "dwh"]),
        (price("6", "USD", "US"), ["web_us"]),
    ],
    ids=["standard", "europe", "america"],
)
async def test_a_price_is_told_where_its_region_is_sold(
    here: Any, told: Price, targets: list[str]
) -> None:
    await here.tell("price.changed", told, "erp", "P")
    assert await here.asked() == [f"price.publish at {name}" for name in targets]


async def test_a_list_may_hold_for_some_channels_only(here: Any) -> None:
    some = listing("Mail", "EUR", "DE", includes_tax=True, channels=("mail",))
    await here.tell("price_list.changed", some, "erp", "M")
    await here.tell("price.changed", price("4", "EUR", "M"), "erp", "P")
    assert await here.asked() == ["price.publish at mail", "price.publish at dwh"]


@pytest.mark.parametrize(
    ("wrong", "code", "words", "right"),
    [
        (
            price("5", "EUR", "US"),
            "other_currency",
            "erp says price 5 EUR of MUG in EUR, and by the deployment it is sold in USD there",
            price("6", "USD", "US"),
        ),
        (
            price("5", "USD"),
            "other_currency",
            "erp says price 5 USD of MUG in USD, and by the deployment it is sold in EUR there",
            price("5", "EUR"),
        ),
        (
            price("5", "EUR", "EU", compare_at=Money(amount="9", currency="USD")),
            "two_currencies",
            "erp says price 5 EUR of MUG, and that 9 USD is crossed out",
            price("5", "EUR", "EU"),
        ),
    ],
    ids=["of a region", "standard", "crossed out"],
)
async def test_a_price_in_other_money_is_told_to_nobody_until_it_is_right(
    here: Any, wrong: Price, code: str, words: str, right: Price
) -> None:
    news = await here.tell("price.changed", wrong, "erp", "P")
    assert await here.outcome(news) == "held"
    assert await here.asked() == []
    (case,) = await here.cases()
    assert case.code == code
    assert words in case.message
    await here.tell("price.changed", right, "erp", "P")
    assert await here.asked() != []
    assert await codes(here) == []


@pytest.mark.parametrize(
    ("wrong", "code", "words"),
    [
        (listing("A", "EUR", "US"), "other_currency", "it is sold in USD there"),
        (listing("A", "USD", "US", includes_tax=True), "other_taxes", "they are on top where"),
        (listing("A", "EUR", "DE"), "other_taxes", "taxes are on top in price list A"),
        (listing("A", "EUR", "DE", "US", includes_tax=True), "two_regions", "is for eu and us"),
    ],
    ids=["currency", "taxes included", "taxes on top", "two regions"],
)
async def test_a_list_that_is_not_what_its_region_sells_by_is_refused(
    here: Any, wrong: PriceList, code: str, words: str
) -> None:
    await here.tell("price_list.changed", wrong, "erp", "A")
    (case,) = await here.cases()
    assert case.code == code
    assert words in case.message


async def test_a_price_waits_for_its_list_and_a_person_may_have_it_tried_again(here: Any) -> None:
    await here.tell("price.changed", price("7", "USD", "L"), "erp", "P")
    assert await here.asked() == []
    await here.tell("price_list.changed", listing("L", "USD", "US"), "erp", "L")
    await here.sweep()
    assert await here.asked() == ["price.publish at web_us"]
    await here.tell("price.changed", price("8", "EUR", "L"), "erp", "Q")
    await here.tell("price_list.changed", listing("L", "EUR", "DE", includes_tax=True), "erp", "L")
    cases = await here.cases()
    await here.ledger.write(lambda tx: settling.retry(tx, cases, 1.0))
    await here.sweep()
    assert await here.asked() == [f"price.publish at {name}" for name in ("web_eu", "mail", "dwh")]
    assert await codes(here) == []


async def test_a_region_may_have_an_owner_of_its_own(here: Any) -> None:
    kingdom = listing("Kingdom", "GBP", "GB", includes_tax=True)
    news = await here.tell("price_list.changed", kingdom, "erp", "K")
    assert await here.outcome(news) == "ignored", "it is not its to say"
    await here.tell("price_list.changed", kingdom, "erp_uk", "K")
    await here.tell("price.changed", price("5", "GBP", "K", by="erp_uk"), "erp_uk", "P")
    assert (await here.asked())[0] == "price.publish at web_eu"

"""Exchanges: new goods wait for what comes back, by the rule; on a real ledger."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from crossdock.canonical import (
    EntityRef,
    Exchange,
    Fulfillment,
    FulfillmentLine,
    Money,
    Order,
    PaymentSummary,
    Refund,
    Return,
    ReturnLine,
    ReturnReceipt,
    ReturnReceiptLine,
)
from crossdock.events import COMMAND_TYPES
from crossdock.identity import entity_id
from crossdock_stages.ledger import Ledger, settling
from crossdock_stages.ledger.audit import audit
from crossdock_stages.rules import Domain, Rules

MakeOrder = Callable[..., Order]
DAY = datetime(2026, 1, 2, tzinfo=UTC)
FIRST, NEW = entity_id("web", "order", "1"), entity_id("web", "order", "2")
BACK = entity_id("web", "return", "R1")
RULES = Rules(
    domains={
        "orders": Domain(capture=("web",), execute="erp"),
        "fulfillment": Domain(owner="dc1", publish_to=("erp", "web")),
        "returns": Domain(capture=("web",), execute="erp"),
    },
    handles=dict.fromkeys(("web", "erp", "dc1"), frozenset(COMMAND_TYPES)),
)
GIVEN = ["order.create at erp", "fulfillment_order.create at dc1"]


def euros(amount: str) -> Money:
    return Money(amount=amount, currency="EUR")


def back(received: int = 0, **fields: Any) -> Return:
    line = ReturnLine(line_id="1", requested=2, authorised=2, received=received)
    return Return(
        order=EntityRef(id=FIRST),
        number="R1",
        requested_at=DAY,
        authorised_at=DAY,
        lines=(line,),
        **fields,
    )


def exchange(**fields: Any) -> Exchange:
    return Exchange(
        **{
            "order": EntityRef(id=FIRST),
            "return_ref": EntityRef(id=BACK),
            "new_order": EntityRef(id=NEW),
            "opened_at": DAY,
            **fields,
        }
    )


def receipt(quantity: int) -> ReturnReceipt:
    line = ReturnReceiptLine(
        line_id="1", quantity=quantity, condition="new", disposition="restock", restocked=quantity
    )
    return ReturnReceipt(
        order=EntityRef(id=FIRST),
        return_ref=EntityRef(id=BACK),
        location="DC1",
        received_at=DAY,
        lines=(line,),
    )


def under(rule: str) -> Rules:
    returns = replace(RULES.domains["returns"], exchanges=rule)
    return replace(RULES, domains={**RULES.domains, "returns": returns})


class Shop:
    """A first order that was sold and shipped, and what is told of its exchange."""

    def __init__(self, here: Any, make_order: MakeOrder) -> None:
        self.here = here
        self.make_order = make_order

    async def begin(self) -> None:
        await self.here.tell("order.placed", self.make_order("1"))
        line = FulfillmentLine(line_id="1", quantity=5)
        gone = Fulfillment(order=EntityRef(id=FIRST), number="F1", lines=(line,))
        await self.here.tell("fulfillment.shipped", gone, "dc1", "F1")
        await self.here.asked()

    async def returned(self, **fields: Any) -> None:
        name = fields.pop("name", "return.authorised")
        await self.here.tell(name, back(**fields), native="R1")

    async def exchanged(self, name: str = "exchange.opened", **fields: Any) -> None:
        await self.here.tell(name, exchange(**fields), native="E1")

    async def ordered(self, **fields: Any) -> None:
        await self.here.tell("order.placed", self.make_order("2", **fields), native="2")

    async def asked(self, about: str = "") -> list[str]:
        """What follows, after what Crossdock told itself was heard."""
        await self.here.hear()
        return [one for one in await self.here.asked() if not one.startswith("return")]

    async def codes(self) -> list[str]:
        return [case.code for case in await self.here.cases()]


@pytest.fixture
async def shop(ledger: Ledger, at_desk: Callable[..., Any], make_order: MakeOrder) -> Shop:
    made = Shop(at_desk(ledger, RULES), make_order)
    await made.begin()
    return made


@pytest.fixture
async def judged(
    sqlite_ledger: Ledger, at_desk: Callable[..., Any], make_order: MakeOrder
) -> Callable[[str], Any]:
    async def make(rule: str) -> Shop:
        made = Shop(at_desk(sqlite_ledger, under(rule)), make_order)
        await made.begin()
        return made

    return make


@pytest.mark.parametrize("first", ["exchange", "order"])
async def test_the_new_order_waits_until_what_comes_back_is_here(shop: Shop, first: str) -> None:
    await shop.returned()
    if first == "exchange":
        await shop.exchanged()
        await shop.ordered()
        assert await shop.asked() == []
    else:
        await shop.ordered()
        assert await shop.asked() == GIVEN
        await shop.exchanged()
        assert await shop.asked() == ["order.hold at erp", "fulfillment_order.cancel at dc1"]
    assert await shop.codes() == [], "it ends by itself"
    await shop.returned(received=1)
    assert await shop.asked() == [], "a part is not all"
    await shop.returned(received=2)
    gone_on = ["order.release at erp", GIVEN[1]] if first == "order" else GIVEN
    assert await shop.asked() == gone_on
    assert await shop.here.ledger.read(audit) == []


async def test_what_a_house_took_in_counts_too(shop: Shop) -> None:
    await shop.returned()
    await shop.exchanged()
    await shop.ordered()
    await shop.here.tell("return_receipt.recorded", receipt(1), "dc1", "X1")
    assert await shop.asked() == []
    await shop.here.tell("return_receipt.recorded", receipt(1), "dc1", "X2")
    assert await shop.asked() == GIVEN


async def test_what_is_here_already_is_not_waited_for(shop: Shop) -> None:
    await shop.returned(received=2)
    await shop.exchanged()
    await shop.ordered()
    assert await shop.asked() == GIVEN


@pytest.mark.parametrize(
    ("rule", "fields"),
    [("agreed", {}), ("received", {"ship_first": True}), ("received", {"new_order": None})],
    ids=["by the rule", "this one leaves first", "nothing is ordered yet"],
)
async def test_new_goods_may_leave_at_once(
    judged: Callable[[str], Any], rule: str, fields: dict[str, Any]
) -> None:
    shop = await judged(rule)
    await shop.returned()
    await shop.exchanged(**fields)
    await shop.ordered()
    assert await shop.asked() == GIVEN


async def test_they_may_have_to_be_looked_at_first(judged: Callable[[str], Any]) -> None:
    shop = await judged("inspected")
    await shop.returned()
    await shop.exchanged()
    await shop.ordered()
    await shop.returned(received=2)
    assert await shop.asked() == []
    await shop.returned(received=2, inspected_at=DAY)
    assert await shop.asked() == GIVEN


async def test_a_person_may_let_it_go(shop: Shop) -> None:
    await shop.returned()
    await shop.exchanged()
    await shop.ordered()
    await shop.here.release(NEW, "exchange")
    assert await shop.asked() == GIVEN
    await shop.returned(received=2)
    assert await shop.asked() == []


@pytest.mark.parametrize("given", [False, True])
async def test_an_exchange_that_is_called_off_cancels_its_new_order(
    shop: Shop, *, given: bool
) -> None:
    await shop.returned()
    if given:
        await shop.exchanged(ship_first=True)
    else:
        await shop.exchanged()
    await shop.ordered()
    await shop.asked()
    await shop.exchanged("exchange.closed", cancelled_at=DAY)
    stop = ["order.hold at erp", "fulfillment_order.cancel at dc1"] if given else []
    assert await shop.asked() == [*stop, "order.cancel at web"]


async def test_an_order_that_comes_after_its_exchange_was_called_off_is_a_persons(
    shop: Shop,
) -> None:
    await shop.returned()
    await shop.exchanged("exchange.closed", cancelled_at=DAY)
    await shop.ordered()
    assert await shop.asked() == []
    assert await shop.codes() == ["exchange_cancelled"]
    cases = await shop.here.cases()
    await shop.here.ledger.write(lambda tx: settling.resolve(tx, cases, "sell it", 1.0))
    await shop.here.sweep()
    assert await shop.asked() == GIVEN


async def test_a_return_that_is_called_off_is_a_persons(shop: Shop) -> None:
    await shop.returned()
    await shop.exchanged()
    await shop.ordered()
    await shop.returned(name="return.cancelled", cancelled_at=DAY)
    assert await shop.codes() == ["exchange_without_return"]
    assert await shop.asked() == []


class TestDifference:
    async def test_what_is_to_be_paid_back_must_be_told(self, shop: Shop) -> None:
        await shop.here.tell(
            "order.updated", shop.make_order("1", payment=PaymentSummary(captured=euros("50")))
        )
        await shop.returned()
        await shop.exchanged()
        await shop.exchanged("exchange.closed", closed_at=DAY, difference=euros("-10"))
        (case,) = await shop.here.cases()
        assert case.code == "exchange_difference"
        assert "10 EUR were to be paid back, and refunds of 0 EUR are told" in case.message

    async def test_what_was_paid_back_is_booked_and_no_case(self, shop: Shop) -> None:
        await shop.here.tell(
            "order.updated", shop.make_order("1", payment=PaymentSummary(captured=euros("50")))
        )
        await shop.returned()
        await shop.exchanged()
        refund = Refund(
            order=EntityRef(id=FIRST),
            return_ref=EntityRef(id=BACK),
            state="succeeded",
            amount=euros("10"),
            requested_at=DAY,
        )
        await shop.here.tell("refund.succeeded", refund, native="M1")
        await shop.exchanged("exchange.closed", closed_at=DAY, difference=euros("-10"))
        assert "refund.create at erp" in await shop.asked()
        assert await shop.codes() == []

    async def test_what_is_to_be_paid_must_be_paid(self, shop: Shop) -> None:
        await shop.returned()
        await shop.exchanged()
        await shop.ordered(payment=PaymentSummary(captured=euros("1")))
        await shop.exchanged("exchange.closed", closed_at=DAY, difference=euros("5"))
        (case,) = await shop.here.cases()
        assert case.code == "exchange_difference"
        assert "5 EUR were to be paid, and 1 are with order #2" in case.message
        assert await shop.asked() == GIVEN, "both sides are done: it waits for nothing more"

    async def test_in_other_money_it_contradicts_the_order(self, shop: Shop) -> None:
        await shop.returned()
        await shop.exchanged(difference=Money(amount="5", currency="USD"))
        (case,) = await shop.here.cases()
        assert (case.code, case.held) == ("two_currencies", True)
        assert "web says that 5 USD are the difference of exchange E1" in case.message
        await shop.exchanged(difference=euros("5"))
        assert await shop.codes() == []

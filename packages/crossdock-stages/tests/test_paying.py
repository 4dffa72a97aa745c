"""Payment services: whose order a payment is of, and a wished refund that is paid once."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from crossdock.canonical import (
    EntityRef,
    Money,
    Order,
    Payment,
    PaymentSummary,
    PaymentTransaction,
    Payout,
    Ref,
    Refund,
    RefundLine,
)
from crossdock.events import COMMAND_TYPES, Envelope
from crossdock.identity import entity_id
from crossdock_stages.book import Book, read
from crossdock_stages.harness import Item
from crossdock_stages.ledger import Ledger, desk, things
from crossdock_stages.ledger.tables import cross_references, inbox, outbox, waiting
from crossdock_stages.ledger.things import CrossReference
from crossdock_stages.rules import Domain, Rules

MakeOrder = Callable[..., Order]
DAY = datetime(2026, 1, 2, tzinfo=UTC)
ORDER = entity_id("web", "order", "1")
WISH = entity_id("web", "refund", "R1")
ALL = frozenset(COMMAND_TYPES)


def rules(**more: Any) -> Rules:
    payments = {"capture": ("pay", "pal"), "refund_for": ("web",), **more.pop("payments", {})}
    base: dict[str, Any] = {
        "domains": {
            "orders": Domain(capture=("web", "shop2"), execute="erp"),
            "returns": Domain(capture=("web",), execute="erp"),
            "settlement": Domain(capture=("amazon",), execute="erp"),
            "payments": Domain(**payments),
        },
        "handles": {"erp": ALL, "pay": frozenset({"refund.create"}), "pal": frozenset()},
    }
    return Rules(**{**base, **more})


def euros(amount: str) -> Money:
    return Money(amount=amount, currency="EUR")


def named(native: str | None, by: str = "pay") -> EntityRef:
    """As translate fills a reference in: under an id of the speaker's own."""
    return EntityRef(id=entity_id(by, "order", native), native_id=native) if native else EntityRef()


def charge(order: EntityRef | None, captured: str = "50.00", **more: Any) -> Payment:
    money = euros(captured)
    given: dict[str, Any] = {"method": "card", "currency": "EUR", "captured": money, **more}
    return Payment(order=order, **given)


def refund(amount: str = "20.00", state: str = "pending", **more: Any) -> Refund:
    given = {"order": EntityRef(id=ORDER, native_id="1"), "requested_at": DAY, **more}
    return Refund(state=state, amount=euros(amount), **given)


def given_back(amount: str = "20.00", state: str = "succeeded", **more: Any) -> Refund:
    """As the payment service tells it: it knows the payment, and no order."""
    back = {"order": EntityRef(), "payment": EntityRef(native_id="ch_1"), **more}
    return refund(amount, state, **back)


@dataclass
class World:
    """The stage with a shop that sold order 1, number #1, for 50.00."""

    here: Any
    make_order: MakeOrder
    answered: set[str] = field(default_factory=set)

    async def sold(self, number: str = "1", by: str = "web", **more: Any) -> None:
        order = self.make_order(number, payment=PaymentSummary(captured=euros("50.00")), **more)
        await self.here.tell("order.placed", order, by, number)
        await self.here.asked()

    async def taken(self, order: EntityRef | None, native: str = "ch_1", **more: Any) -> str:
        return str(await self.here.tell("payment.captured", charge(order, **more), "pay", native))

    async def wished(self, data: Refund | None = None, native: str = "R1") -> str:
        return str(await self.here.tell("refund.pending", data or refund(), "web", native))

    async def told(self, data: Refund, native: str = "re_1", by: str = "pay") -> str:
        return str(await self.here.tell(f"refund.{data.state}", data, by, native))

    async def receipt(self, native: str = "re_1", wish: str = WISH) -> None:
        """The service's answer to what it was asked."""
        row = CrossReference("pay", "refund", native, wish)
        await self.here.ledger.write(lambda tx: things.refer(tx, [row], 1.0))

    async def called_once(self) -> None:
        """What waits is looked at again, once."""
        due = await self.here.ledger.write(lambda tx: desk.due(tx, 10.0**12, 0.0))
        for one in due:
            item = Item(Envelope.read(one.headers), one.body, one.address, retry=True)
            await self.here.stage.process([item])

    async def book(self) -> Book:
        _, book, _ = await self.here.order()
        known: Book = book
        assert known == read(known.dump()), "what is written of it is what is known"
        return known

    async def asked(self) -> list[str]:
        return list(await self.here.asked())

    async def commands(self, target: str) -> list[Refund]:
        rows = await self.here.rows(outbox)
        return [
            Refund.parse(row.body)
            for row in rows
            if (row.connection, row.type) == (target, "refund.create")
        ]

    async def waits(self) -> list[str]:
        return [row.reason for row in await self.here.rows(waiting)]

    async def reason(self, news: str) -> str:
        (row,) = [row for row in await self.here.rows(inbox) if row.event_id == news]
        return f"{row.outcome}: {row.reason}"

    async def codes(self) -> list[str]:
        return [case.code for case in await self.here.cases()]


@pytest.fixture
def world(sqlite_ledger: Ledger, at_desk: Any, make_order: MakeOrder) -> World:
    return World(at_desk(sqlite_ledger, rules()), make_order)


# whose order it is


@pytest.mark.parametrize("name", ["1", "#1"])
async def test_the_name_that_the_channel_gives_the_order(world: World, name: str) -> None:
    await world.sold()
    await world.taken(named(name))
    assert await world.asked() == ["payment.create at erp"]
    (paid,) = (await world.book()).payments.values()
    assert (paid.by, paid.native, paid.order) == ("pay", "ch_1", name)


async def test_our_own_id_of_the_order_that_is_told_back(world: World) -> None:
    await world.sold()
    await world.taken(EntityRef(id=ORDER))
    assert await world.asked() == ["payment.create at erp"]


async def test_a_transaction_of_the_channel_names_the_payment(world: World) -> None:
    await world.sold()
    deed = PaymentTransaction(
        payment=EntityRef(native_id="7"),
        order=EntityRef(id=ORDER, native_id="1"),
        type="sale",
        state="succeeded",
        amount=euros("50.00"),
        occurred_at=DAY,
        provider_id="pi_1",
    )
    await world.taken(None, refs=(Ref(connection="pay", kind="payment", value="pi_1"),))
    assert "names no order" in (await world.waits())[0]
    await world.here.tell("payment_transaction.recorded", deed, "web", "7")
    await world.here.sweep()
    assert await world.asked() == ["payment.create at erp"]
    assert await world.waits() == []


async def test_what_names_two_orders_or_none_waits_until_one_fits(world: World) -> None:
    await world.sold()
    await world.sold("1", by="shop2")
    await world.taken(named("#1"))
    await world.taken(named("77"), "ch_2")
    assert await world.asked() == []
    waits = await world.waits()
    assert len(waits) == 2
    assert all("it waits for one that does" in one for one in waits)
    await world.sold("77")
    await world.called_once()
    assert await world.asked() == ["payment.create at erp"]
    (left,) = await world.waits()
    assert "names order '#1'" in left


async def test_money_of_another_currency_is_held(world: World) -> None:
    await world.sold()
    pounds = Money(amount="50.00", currency="GBP")
    data = Payment(order=named("1"), method="card", currency="GBP", captured=pounds)
    await world.here.tell("payment.captured", data, "pay", "ch_1")
    assert await world.codes() == ["two_currencies"]


async def test_the_same_money_told_again_is_booked_once(world: World) -> None:
    await world.sold()
    await world.taken(named("1"))
    await world.taken(named("1"), refunded=euros("20.00"))
    assert await world.asked() == ["payment.create at erp"]
    assert await world.codes() == []
    await world.taken(named("1"), captured="60.00")
    assert await world.codes() == ["payment_changed"]


# a refund is wished, paid and booked


async def test_a_wish_is_paid_where_the_money_came_from_and_booked_once(world: World) -> None:
    await world.sold()
    await world.taken(named("#1"))
    await world.asked()
    line = RefundLine(line_id="1", amount=euros("20.00"))
    await world.wished(refund(lines=(line,), reason="return"))
    assert await world.asked() == ["refund.create at pay"]
    (asked,) = await world.commands("pay")
    assert asked.state == "pending"
    assert asked.order == EntityRef(id=ORDER, native_id="#1")
    assert asked.payment == EntityRef(id=entity_id("pay", "payment", "ch_1"), native_id="ch_1")
    (row,) = [row for row in await world.here.rows(outbox) if row.connection == "pay"]
    assert entity_id("pay", "payment", "ch_1") in row.headers
    await world.wished()  # told again
    await world.receipt()
    await world.told(given_back(state="pending"))
    assert await world.asked() == []
    assert (await world.book()).wished() == 20
    await world.told(given_back())
    await world.told(given_back())
    assert await world.asked() == ["refund.create at erp"]
    booked = (await world.commands("erp"))[-1]
    assert (booked.state, booked.order.id, booked.lines) == ("succeeded", ORDER, (line,))
    assert booked.payment == EntityRef(id=entity_id("pay", "payment", "ch_1"), native_id="ch_1")
    assert (booked.reason, booked.refs) == (
        "return",
        (Ref(connection="web", kind="refund", value="R1"),),
    )
    book = await world.book()
    assert (book.refunds(), book.wishes) == (20, {})
    assert await world.codes() == []


@pytest.mark.parametrize("how", ["told back", "of the same amount"])
async def test_the_service_is_quicker_than_its_receipt(world: World, how: str) -> None:
    """A lost answer: what it did is told before anybody knows what it calls it."""
    await world.sold()
    await world.taken(named("1"))
    await world.wished()
    await world.asked()
    own = {"refs": (Ref(connection="crossdock", kind="refund", value=WISH),)}
    await world.told(given_back(**(own if how == "told back" else {})))
    assert await world.asked() == ["refund.create at erp"]
    assert (await world.book()).wishes == {}
    await world.receipt()
    await world.told(given_back())
    assert await world.asked() == []
    (ref,) = [
        r
        for r in await world.here.rows(cross_references)
        if r.kind == "refund" and r.connection == "pay"
    ]
    assert (ref.native_id, ref.canonical_id) == ("re_1", WISH)


async def test_of_two_equal_wishes_none_is_taken_for_the_other(world: World) -> None:
    """Nor is a failure taken for one: the money may be on its way still."""
    await world.sold()
    await world.taken(named("1"))
    await world.wished()
    await world.told(given_back(state="failed"), "re_0")
    assert (await world.book()).wished() == 20, "another one may have failed"
    await world.wished(refund(), "R2")
    await world.told(given_back(), "re_2")
    assert (await world.book()).wished() == 40
    await world.receipt()
    await world.told(given_back(), "re_1")
    assert (await world.book()).wished() == 20


async def test_a_receipt_that_comes_after_the_first_news_ties_it(world: World) -> None:
    """A service may tell its refund as pending before its answer is written down."""
    await world.sold()
    await world.taken(named("1"))
    await world.wished()
    await world.told(given_back(state="pending"))
    await world.receipt()
    await world.told(given_back(state="failed"))
    assert (await world.book()).wishes == {}
    assert await world.codes() == ["refund_failed"]


async def test_late_receipts_tell_equal_wishes_apart(world: World) -> None:
    await world.sold()
    await world.taken(named("1"))
    await world.wished()
    await world.wished(refund(), "R2")
    for own, wish in (("re_1", "R1"), ("re_2", "R2")):
        await world.told(given_back(state="pending"), own)
        await world.receipt(own, entity_id("web", "refund", wish))
        await world.told(given_back(), own)
    book = await world.book()
    assert (book.refunds(), book.wishes) == (40, {})
    await world.wished(refund("5.00"), "R3")
    assert await world.codes() == []


async def test_what_was_given_back_before_answers_no_later_wish(world: World) -> None:
    await world.sold()
    await world.taken(named("1"))
    await world.told(given_back(), "re_0")
    await world.wished()
    await world.told(given_back(), "re_0")  # told again
    assert (await world.book()).wished() == 20


async def test_what_has_succeeded_is_never_paid(world: World) -> None:
    """What the channel paid by other means is booked, as ever."""
    await world.sold()
    await world.taken(named("1"))
    await world.asked()
    await world.here.tell("refund.succeeded", refund(state="succeeded"), "web", "R1")
    assert await world.asked() == ["refund.create at erp"]
    await world.wished()
    assert await world.asked() == []


async def test_the_channels_word_on_what_the_service_pays_is_only_recorded(world: World) -> None:
    await world.sold()
    await world.taken(named("1"))
    await world.wished()
    await world.asked()
    news = await world.here.tell("refund.succeeded", refund(state="succeeded"), "web", "R1")
    assert await world.asked() == []
    assert "the payment service's word on it counts" in await world.reason(news)
    await world.told(given_back())
    assert await world.asked() == ["refund.create at erp"]


@pytest.mark.parametrize(
    ("amount", "state"), [("20.00", "failed"), ("15.00", "pending")], ids=["called off", "changed"]
)
async def test_a_wish_that_changes_after_it_was_asked_for(
    world: World, amount: str, state: str
) -> None:
    await world.sold()
    await world.taken(named("1"))
    await world.wished()
    await world.asked()
    await world.here.tell(f"refund.{state}", refund(amount, state), "web", "R1")
    assert await world.asked() == []
    assert await world.codes() == ["refund_changed"]


async def test_what_a_wish_reserved_is_free_when_it_is_called_off(world: World) -> None:
    await world.sold()
    await world.taken(named("1"))
    await world.wished(refund("50.00"))
    await world.wished(refund("50.00"), "R2")
    assert await world.codes() == ["refund_above_captured"]
    await world.here.tell("refund.failed", refund("50.00", "failed"), "web", "R1")
    await world.here.sweep()
    assert await world.codes() == ["refund_changed"]
    book = await world.book()
    assert (list(book.wishes), book.holds) == ([entity_id("web", "refund", "R2")], {})
    assert len(await world.commands("pay")) == 2
    await world.receipt()
    await world.told(given_back("50.00"))  # the first is paid all the same
    book = await world.book()
    assert (book.refunds(), book.wished()) == (50, 50)
    (booked,) = await world.commands("erp")
    assert booked.refs == (Ref(connection="web", kind="refund", value="R1"),)


@pytest.mark.parametrize("why", ["no_payment", "refund_above_captured"])
async def test_a_wish_that_waits_may_be_called_off(world: World, why: str) -> None:
    """Nobody was asked to pay it: nobody lacks money."""
    await world.sold()
    data = refund("60.00" if why == "refund_above_captured" else "20.00")
    await world.wished(data)
    assert await world.codes() == [why]
    off = data.model_copy(update={"state": "failed"})
    news = await world.here.tell("refund.failed", off, "web", "R1")
    assert await world.codes() == []
    assert "called off before anybody was asked" in await world.reason(news)
    book = await world.book()
    assert (book.wishes, book.holds) == ({}, {})
    await world.taken(named("1"))
    await world.here.sweep()
    assert await world.commands("pay") == []
    await world.wished()  # and wished again
    assert len(await world.commands("pay")) == 1


async def test_a_wish_that_waits_may_succeed_by_other_means(world: World) -> None:
    await world.sold()
    await world.wished()
    await world.here.tell("refund.succeeded", refund(state="succeeded"), "web", "R1")
    book = await world.book()
    assert (book.wishes, book.refunds(), await world.codes()) == ({}, 20, [])


async def test_what_failed_leaves_its_money_to_those_that_wait_for_it(world: World) -> None:
    await world.sold()
    await world.taken(named("1"))
    await world.wished(refund("50.00"))
    await world.wished(refund("30.00"), "R2")
    await world.receipt()
    await world.told(given_back("50.00", "failed"))
    await world.here.sweep()
    assert await world.codes() == ["refund_failed"]
    assert [str(one.amount.amount) for one in await world.commands("pay")] == ["50.00", "30.00"]


async def test_what_the_service_could_not_pay_is_a_persons(world: World) -> None:
    await world.sold()
    await world.taken(named("1"))
    await world.wished()
    await world.receipt()
    await world.told(given_back(state="failed", failure="account closed"))
    assert await world.codes() == ["refund_failed"]
    assert (await world.book()).wishes == {}
    assert "refund.create at erp" not in await world.asked()


async def test_a_refund_that_nobody_wished_is_booked(world: World) -> None:
    """Somebody gave money back at the service itself."""
    await world.sold()
    await world.taken(named("1"))
    await world.asked()
    await world.told(given_back("7.00"))
    assert await world.asked() == ["refund.create at erp"]


async def test_more_than_was_wished_is_booked_and_told(world: World) -> None:
    await world.sold()
    await world.taken(named("1"))
    await world.wished()
    await world.asked()
    await world.receipt()
    await world.told(given_back("21.00"))
    assert await world.asked() == ["refund.create at erp"]
    assert await world.codes() == ["refund_changed"]


async def test_no_more_is_asked_than_was_taken(world: World) -> None:
    await world.sold()
    await world.taken(named("1"))
    await world.wished(refund("30.00"))
    await world.asked()
    await world.wished(refund("30.00"), "R2")
    assert "refund.create at pay" not in await world.asked()
    (case,) = await world.here.cases()
    assert case.code == "refund_above_captured"
    assert "60.00 EUR shall be refunded in all" in case.message


async def test_a_wish_waits_at_the_desk_until_a_payment_is_told(world: World) -> None:
    await world.sold()
    await world.wished()
    (case,) = await world.here.cases()
    assert (case.code, "no payment of it is told" in case.message) == ("no_payment", True)
    assert await world.asked() == []
    await world.taken(named("1"))
    await world.here.sweep()
    assert await world.asked() == ["payment.create at erp", "refund.create at pay"]
    assert await world.codes() == []


async def test_each_wish_goes_back_to_a_payment_that_still_has_so_much(world: World) -> None:
    await world.sold()
    await world.taken(named("1"), captured="25.00")
    await world.taken(named("1"), "ch_2", captured="25.00")
    await world.wished()
    await world.wished(refund(), "R2")
    paid = [one.payment.native_id for one in await world.commands("pay") if one.payment]
    assert paid == ["ch_1", "ch_2"]
    await world.told(given_back(payment=EntityRef(native_id="ch_2")), "re_2")
    assert list((await world.book()).wishes) == [WISH], "its payment tells it from the other"
    await world.receipt()
    await world.told(given_back(payment=None, order=named("1")))
    assert (await world.book()).wishes == {}
    await world.wished(refund("10.00"), "R3")
    (case,) = await world.here.cases()
    assert (case.code, "of 25.00, of which 5.00 is left" in case.message) == ("no_payment", True)


def test_a_book_that_an_earlier_release_wrote_is_read() -> None:
    wrote = '{"refunded": {"a": ["pay", "7.00"]}, "wishes": {"b": ["", "20.00"]}}'
    book = read(wrote)
    assert (book.refunded["a"].payment, book.refunds(), book.wishes["b"].by) == ("", 7, "")


@pytest.mark.parametrize("who", ["pal", "small"])
async def test_who_cannot_pay_it_is_not_asked(world: World, who: str) -> None:
    """Another service without refunds, or a payment that is too small: by hand."""
    await world.sold()
    if who == "pal":
        await world.here.tell("payment.captured", charge(named("1", "pal")), "pal", "P-1")
    else:
        await world.taken(named("1"), captured="10.00")
    await world.asked()
    await world.wished()
    assert await world.asked() == []
    (case,) = await world.here.cases()
    assert "its payments are " in case.message


async def test_an_erp_that_books_is_not_asked_to_pay(
    sqlite_ledger: Ledger, at_desk: Any, make_order: MakeOrder
) -> None:
    both = rules(payments={"capture": ("pay", "erp")})
    world = World(at_desk(sqlite_ledger, both), make_order)
    await world.sold()
    await world.here.tell("payment.captured", charge(named("1", "erp")), "erp", "BANK1")
    await world.wished()
    assert await world.asked() == []
    assert await world.codes() == ["no_payment"]


async def test_who_may_speak(world: World) -> None:
    await world.sold()
    await world.taken(named("1"))
    await world.asked()
    news = await world.here.tell("payment.captured", charge(named("1", "web")), "web", "P1")
    assert "web does not own payments, pay and pal does" in await world.reason(news)
    news = await world.told(refund(state="succeeded"), "R9", by="shop2")
    assert "shop2 does not own payments" in await world.reason(news)
    news = await world.told(refund(), "R9", by="shop2")
    assert await world.asked() == []


async def test_a_wish_of_no_order_is_a_persons(world: World) -> None:
    await world.wished(refund(order=EntityRef()))
    assert await world.codes() == ["unknown_order"]


async def test_payouts_are_recorded_and_a_failed_one_is_told_once(world: World) -> None:
    def paid_out(state: str) -> Payout:
        return Payout(number="po_1", amount=euros("900.00"), state=state)

    news = await world.here.tell("payout.initiated", paid_out("in_transit"), "pay", "po_1")
    assert "the statement that it pays is what is booked" in await world.reason(news)
    await world.here.tell("payout.failed", paid_out("failed"), "pay", "po_1")
    await world.here.tell("payout.failed", paid_out("failed"), "pay", "po_1")
    assert await world.codes() == ["payout_failed"]
    news = await world.here.tell("payout.received", paid_out("paid"), "amazon", "A1")
    assert (await world.reason(news)).startswith("applied")


async def test_the_ledger_on_either_database(
    ledger: Ledger, at_desk: Any, make_order: MakeOrder
) -> None:
    world = World(at_desk(ledger, rules()), make_order)
    await world.sold()
    await world.taken(named("#1"))
    await world.wished()
    await world.receipt()
    await world.told(given_back())
    assert await world.asked() == [
        "payment.create at erp",
        "refund.create at pay",
        "refund.create at erp",
    ]

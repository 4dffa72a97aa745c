"""The life of an order: checks, holds, edits, cancellations, contradictions."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from crossdock.canonical import (
    Address,
    Cancellation,
    Discount,
    Entity,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    Hold,
    LineComponent,
    Money,
    Order,
    OrderLine,
    PaymentSummary,
    Refund,
    Return,
    ReturnLine,
    ShippingLine,
    TaxLine,
    Totals,
)
from crossdock.checks import Verdict
from crossdock.events import COMMAND_TYPES, Envelope
from crossdock.identity import entity_id
from crossdock_stages import judgement, lifecycle
from crossdock_stages.book import Book
from crossdock_stages.judgement import CANCELLED, HELD, NOT_TAKEN, REQUESTED, Decision, checks
from crossdock_stages.judgement.checks import Twin
from crossdock_stages.ledger.things import Known
from crossdock_stages.rules import Domain, Override, Place, Rules
from crossdock_stages.values import changed

MakeOrder = Callable[..., Order]
DAY = datetime(2026, 1, 2, tzinfo=UTC)
ORDER = entity_id("web", "order", "1")
ALL = frozenset(COMMAND_TYPES)
ADDRESS = Address(lines=("High St 1",), locality="Berlin", country="DE")
CARRIAGE = ShippingLine(title="Standard", price=Money(amount="0", currency="EUR"))


def euros(amount: str) -> Money:
    return Money(amount=amount, currency="EUR")


def paid(amount: str = "50.00", **more: str) -> PaymentSummary:
    rest = {name: euros(value) for name, value in more.items()}
    return PaymentSummary(captured=euros(amount), **rest)


def rules(*names: str, handles: Mapping[str, frozenset[str]] | None = None, **orders: Any) -> Rules:
    return Rules(
        domains={
            "orders": Domain(capture=("web",), execute="erp", checks=names, **orders),
            "fulfillment": Domain(owner="dc1", publish_to=("erp", "web")),
            "returns": Domain(capture=("web",), execute="erp"),
        },
        handles=handles or dict.fromkeys(("web", "erp", "dc1"), ALL),
    )


class Life:
    """One order as decide would follow it: news in, knowledge kept, what was asked remembered."""

    def __init__(self, under: Rules) -> None:
        self.rules = under
        self.known: dict[str, Known] = {}
        self.asked: list[str] = []
        self.clock = 0

    def tell(
        self,
        name: str,
        data: Entity,
        *,
        by: str = "web",
        native: str = "1",
        twins: tuple[Twin, ...] = (),
    ) -> Decision:
        self.clock += 1
        kind = name.partition(".")[0]
        envelope = Envelope(
            id=f"evt_{self.clock}",
            source="s",
            type=f"crossdock.{name}.v1",
            time="",
            subject=entity_id(by, kind, native),
            key="",
            connection=by,
            revision=f"{self.clock:020d}",
            native=native,
            landing="lnd",
        )
        got = judgement.judge(envelope, data, self.known, self.rules, twins)
        for one in (got.know, *got.also):
            if one is not None:
                self.known[one.id] = one
        self.asked += [f"{wish.type} at {wish.target}" for wish in got.wishes]
        return got

    def ship(self, quantity: int, native: str = "F1", **fields: Any) -> Decision:
        line = FulfillmentLine(
            line_id=fields.pop("line", "1"), quantity=quantity, sku=fields.pop("sku", None)
        )
        name = "fulfillment.cancelled" if fields.get("cancelled_at") else "fulfillment.shipped"
        data = Fulfillment(order=EntityRef(id=ORDER), lines=(line,), number=native, **fields)
        return self.tell(name, data, by="dc1", native=native)

    def release(self, reason: str, by: str = "crossdock") -> Decision:
        data = Hold(order=EntityRef(id=ORDER), reason=reason, placed_at=DAY, released_by="anna")
        return self.tell("hold.released", data, by=by, native=f"H{self.clock}")

    @property
    def order(self) -> Known:
        return self.known[ORDER]

    @property
    def book(self) -> Book:
        return Book.load(self.order.facts)

    def new_asks(self) -> list[str]:
        out, self.asked = self.asked, []
        return out


def outcomes(decision: Decision) -> dict[str, str]:
    return {verdict.check: verdict.outcome for verdict in decision.verdicts}


class TestChecks:
    def test_all_are_asked_in_sequence_and_explain_themselves(self, make_order: MakeOrder) -> None:
        life = Life(rules("duplicate", "payment", "tax", "shipping"))
        got = life.tell("order.placed", make_order())
        assert list(outcomes(got)) == ["duplicate", "payment", "tax", "shipping"]
        assert outcomes(got)["payment"] == "hold"
        assert outcomes(got)["shipping"] == "review"
        assert all(verdict.reason for verdict in got.verdicts)
        assert life.order.state == HELD
        assert life.asked == []
        assert got.exception is not None
        assert got.exception.reason == "no_address"
        assert got.held

    def test_it_goes_on_by_itself_when_all_pass(self, make_order: MakeOrder) -> None:
        life = Life(rules("payment", "shipping"))
        life.tell("order.placed", make_order())
        good = make_order(payment=paid(), shipping_address=ADDRESS, shipping=(CARRIAGE,))
        got = life.tell("order.updated", good)
        assert life.new_asks() == ["order.create at erp", "fulfillment_order.create at dc1"]
        assert got.went_on == ORDER, "its cases on the desk are settled"
        assert set(outcomes(got).values()) == {"pass"}
        assert life.book.holds == {}

    def test_waiting_for_money_needs_no_person(self, make_order: MakeOrder) -> None:
        got = Life(rules("payment")).tell("order.placed", make_order())
        assert got.exception is None
        assert "0 of 50.00 EUR are paid" in got.reason

    @pytest.mark.parametrize(
        ("summary", "outcome"),
        [
            (paid("50"), "pass"),
            (PaymentSummary(authorised=euros("50")), "pass"),
            (paid("49.99"), "hold"),
            (PaymentSummary(), "hold"),
            (paid("50", refunded="50"), "review"),
        ],
    )
    def test_payment(self, make_order: MakeOrder, summary: PaymentSummary, outcome: str) -> None:
        got = checks.payment(make_order(payment=summary), checks.Evidence())
        assert got.outcome == outcome

    @pytest.mark.parametrize(
        ("fields", "code"),
        [
            ({}, ""),
            ({"total": "50.01"}, ""),
            ({"total": "51.00"}, "total_differs"),
            ({"total": "59.50", "tax": "9.50"}, ""),
            ({"total": "50.00", "tax": "9.50", "included": True}, ""),
            ({"total": "59.50", "tax": "9.50", "named": "8.00"}, "tax_differs"),
        ],
    )
    def test_tax(self, make_order: MakeOrder, fields: dict[str, Any], code: str) -> None:
        tax = euros(fields["tax"]) if "tax" in fields else None
        named = fields.get("named", fields.get("tax"))
        order = make_order(
            totals=Totals(total=euros(fields.get("total", "50.00")), tax=tax),
            taxes=(TaxLine(title="VAT", amount=euros(named)),) if named else (),
            prices_include_tax=fields.get("included", False),
        )
        assert checks.tax(order, checks.Evidence()).code == code

    def test_duties_are_handed_on_as_they_were_given(self, make_order: MakeOrder) -> None:
        vat = TaxLine(title="VAT", amount=euros("9.50"), type="vat", remitted_by="merchant")
        duty = TaxLine(title="Duty", amount=euros("4.00"), type="duty", remitted_by="marketplace")
        totals = Totals(total=euros("63.50"), tax=euros("13.50"))
        order = make_order(totals=totals, taxes=(vat, duty))
        got = Life(rules("tax")).tell("order.placed", order)
        assert outcomes(got) == {"tax": "pass"}
        (told,) = [wish.data for wish in got.wishes if wish.type == "order.create"]
        assert isinstance(told, Order)
        assert told.taxes == (vat, duty)

    def test_a_gift_card_needs_no_carriage(self, make_order: MakeOrder) -> None:
        (line,) = make_order().lines
        card = line.model_copy(update={"nature": "gift_card", "requires_shipping": False})
        got = checks.shipping(make_order(lines=(card,)), checks.Evidence())
        assert got.outcome == "pass"

    @pytest.mark.parametrize(
        ("minutes", "same_number", "outcome"),
        [(3, False, "review"), (30, False, "pass"), (9999, True, "review")],
    )
    def test_duplicates(
        self, make_order: MakeOrder, minutes: int, same_number: bool, outcome: str
    ) -> None:
        order = make_order(email="a@example.org")
        twin = Twin("ord_2", "#2", "web", order.placed_at + timedelta(minutes=minutes), same_number)
        got = checks.duplicate(order, checks.Evidence(twins=(twin,)))
        assert got.outcome == outcome

    def test_who_buys_the_same_is_known_by_goods_buyer_and_address(
        self, make_order: MakeOrder
    ) -> None:
        one = judgement.twin_key(make_order("1", email="A@example.org"))
        assert one == judgement.twin_key(make_order("2", email="a@example.org"))
        assert one != judgement.twin_key(make_order("2", email="a@example.org", ordered=4))
        assert judgement.twin_key(make_order()) == ""

    def test_a_plugin_may_review_and_decline(self, make_order: MakeOrder) -> None:
        answers = iter(["review", "decline"])

        def score(order: Order) -> Verdict:
            return Verdict("acme", next(answers), f"{order.number} looks odd", "odd")  # type: ignore[arg-type]

        under = replace(rules("acme"), checks={"acme": score})
        life = Life(under)
        got = life.tell("order.placed", make_order())
        assert got.exception is not None
        assert got.exception.reason == "odd"
        got = life.tell("order.updated", make_order(note="x"))
        assert life.new_asks() == ["order.cancel at web"]
        assert life.order.state == NOT_TAKEN

    def test_a_declined_order_that_nobody_can_cancel_is_told_to_a_person(
        self, make_order: MakeOrder
    ) -> None:
        under = replace(
            rules("acme", handles={"erp": ALL}),
            checks={"acme": lambda order: Verdict("acme", "decline", "no", "no")},
        )
        got = Life(under).tell("order.placed", make_order())
        assert got.exception is not None
        assert got.exception.reason == "declined"

    def test_a_reviewer_gives_its_word_later(self, make_order: MakeOrder) -> None:
        life = Life(rules("fraud", reviewers=("risk",)))
        got = life.tell("order.placed", make_order())
        assert (life.order.state, got.exception) == (HELD, None)
        assert "waits for the word of risk" in got.reason
        stranger = life.release("fraud", by="stranger")
        assert not stranger.applied
        life.release("fraud", by="risk")
        assert life.new_asks()[0] == "order.create at erp"
        more = life.tell("order.updated", make_order(ordered=4, totals=Totals(total=euros("40"))))
        assert more.applied, "it is not asked again"

    def test_a_reviewer_may_hold_what_was_given_already(self, make_order: MakeOrder) -> None:
        life = Life(rules(reviewers=("risk",)))
        life.tell("order.placed", make_order())
        life.new_asks()
        data = Hold(order=EntityRef(id=ORDER), reason="fraud", placed_at=DAY)
        life.tell("hold.placed", data, by="risk", native="H")
        assert life.new_asks() == ["order.hold at erp", "fulfillment_order.cancel at dc1"]
        life.tell("order.updated", make_order(ordered=4))
        assert life.new_asks() == [], "edits are kept until it goes on"
        life.release("fraud", by="risk")
        assert life.new_asks() == [
            "order.release at erp",
            "order.update at erp",
            "fulfillment_order.create at dc1",
        ]

    def test_what_its_channel_holds_waits_for_its_word(self, make_order: MakeOrder) -> None:
        life = Life(rules("payment"))
        held = make_order(payment=paid(), holds=("fraud", "address"))
        got = life.tell("order.placed", held)
        assert outcomes(got) == {"channel": "hold", "payment": "pass"}
        assert "web says that it must not be shipped yet: fraud, address" in got.reason
        assert (life.order.state, life.new_asks(), got.exception) == (HELD, [], None)
        life.tell("order.updated", make_order(payment=paid()))
        assert life.new_asks()[0] == "order.create at erp"

    def test_its_channel_may_hold_what_was_given_already(self, make_order: MakeOrder) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order())
        life.new_asks()
        held = make_order(ordered=4, holds=("address",))
        life.tell("order.updated", held)
        assert life.new_asks() == ["order.hold at erp", "fulfillment_order.cancel at dc1"]
        life.tell("order.updated", held)
        assert life.new_asks() == [], "it is stopped once"
        life.tell("order.updated", make_order(ordered=4))
        assert life.new_asks() == [
            "order.release at erp",
            "order.update at erp",
            "fulfillment_order.create at dc1",
        ]
        mute = Life(rules(handles={"erp": frozenset({"order.create"})}))
        mute.tell("order.placed", make_order())
        got = mute.tell("order.updated", held)
        assert got.exception is not None
        assert got.exception.reason == "not_stopped"

    def test_a_person_may_pass_over_its_channels_hold(self, make_order: MakeOrder) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order(holds=("fraud",)))
        life.release("channel")
        assert life.new_asks()[0] == "order.create at erp"
        life.tell("order.updated", make_order(holds=("fraud",), note="x"))
        assert life.new_asks() == []
        life.tell("order.updated", make_order())
        life.tell("order.updated", make_order(holds=("address",)))
        assert "order.hold at erp" in life.new_asks(), "another hold is another matter"

    def test_a_house_that_was_stopped_is_asked_anew_each_time(self, make_order: MakeOrder) -> None:
        life = Life(rules(reviewers=("risk",)))
        ids = [wish.id for wish in life.tell("order.placed", make_order()).wishes]
        for _ in range(2):
            data = Hold(order=EntityRef(id=ORDER), reason="fraud", placed_at=DAY)
            ids += [w.id for w in life.tell("hold.placed", data, by="risk", native="H").wishes]
            ids += [wish.id for wish in life.release("fraud", by="risk").wishes]
        assert life.new_asks().count("fulfillment_order.create at dc1") == 3
        assert len(ids) == len(set(ids)) == 10, "no two of these are the same command"

    def test_who_cannot_be_stopped_is_named(self, make_order: MakeOrder) -> None:
        able = {name: ALL - {"order.hold", "fulfillment_order.cancel"} for name in ("erp", "dc1")}
        life = Life(rules(reviewers=("risk",), handles={**able, "web": ALL}))
        life.tell("order.placed", make_order())
        data = Hold(order=EntityRef(id=ORDER), reason="fraud", placed_at=DAY)
        got = life.tell("hold.placed", data, by="risk", native="H")
        assert got.exception is not None
        assert got.exception.reason == "not_stopped"
        assert "the connector of erp and dc1 cannot stop it" in str(got.exception)

    @pytest.mark.parametrize("given", [False, True])
    def test_a_reviewer_may_decline_however_late(self, make_order: MakeOrder, given: bool) -> None:
        life = Life(rules(*(() if given else ("fraud",)), reviewers=("risk",)))
        life.tell("order.placed", make_order())
        life.new_asks()
        data = Cancellation(order=EntityRef(id=ORDER), reason="fraud", requested_at=DAY)
        got = life.tell("cancellation.requested", data, by="risk", native="C")
        assert "risk declined it: fraud" in got.reason
        if not given:
            assert (life.new_asks(), life.order.state) == (["order.cancel at web"], NOT_TAKEN)
            return
        assert life.new_asks() == [
            "order.hold at erp",
            "fulfillment_order.cancel at dc1",
            "order.cancel at web",
        ]
        life.tell("order.cancelled", make_order(cancelled_at=DAY))
        assert life.new_asks() == ["order.cancel at erp"]
        assert life.order.state == CANCELLED
        again = life.tell("cancellation.requested", data, by="risk", native="C2")
        assert again.reason.endswith("is cancelled already")

    def test_declined_after_it_has_left_is_a_persons_work(self, make_order: MakeOrder) -> None:
        life = Life(rules(reviewers=("risk",)))
        life.tell("order.placed", make_order())
        life.ship(2)
        data = Cancellation(order=EntityRef(id=ORDER), reason="fraud", requested_at=DAY)
        got = life.tell("cancellation.requested", data, by="risk", native="C")
        assert got.exception is not None
        assert got.exception.reason == "declined"
        assert "after a part of it has left" in str(got.exception)
        assert life.asked[-2:] == ["order.hold at erp", "fulfillment_order.cancel at dc1"]

    def test_a_customers_wish_to_cancel_is_answered_by_a_person(
        self, make_order: MakeOrder
    ) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order())
        life.new_asks()
        data = Cancellation(order=EntityRef(id=ORDER), reason="customer", requested_at=DAY)
        got = life.tell("cancellation.requested", data, native="C")
        assert got.exception is not None
        assert "customer asks web to cancel order #1 (customer)" in str(got.exception)
        assert life.new_asks() == []
        again = life.tell("cancellation.requested", data, native="C")
        assert (again.exception, again.reason) == (None, "nothing changed")

    def test_what_still_stands_in_the_way_is_told(self, make_order: MakeOrder) -> None:
        life = Life(rules("tax", "shipping"))
        life.tell("order.placed", make_order(totals=Totals(total=euros("99"))))
        got = life.release("tax")
        assert "it still waits: there is no delivery address" in got.reason
        life.release("shipping")
        assert life.new_asks()[0] == "order.create at erp"
        assert life.book.passed == {"tax": "anna", "shipping": "anna"}

    def test_cancelled_while_it_waited(self, make_order: MakeOrder) -> None:
        life = Life(rules("payment"))
        life.tell("order.placed", make_order())
        got = life.tell("order.cancelled", make_order(cancelled_at=DAY))
        assert (life.order.state, life.asked, got.went_on) == (NOT_TAKEN, [], ORDER)


class TestEdits:
    def test_a_partial_cancellation_is_told_to_all_who_know(self, make_order: MakeOrder) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order())
        life.new_asks()
        (line,) = make_order().lines
        less = make_order(lines=(line.model_copy(update={"cancelled": Decimal(2)}),))
        life.tell("order.updated", less)
        assert life.new_asks() == [
            "order.update at erp",
            "fulfillment_order.cancel at dc1",
            "fulfillment_order.create at dc1",
        ]

    def test_what_has_left_is_not_instructed_again(self, make_order: MakeOrder) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order())
        life.ship(2)
        (line,) = make_order().lines
        less = make_order(lines=(line.model_copy(update={"cancelled": Decimal(1)}),))
        got = life.tell("order.updated", less)
        (create,) = [wish for wish in got.wishes if wish.type == "fulfillment_order.create"]
        assert [line.requested for line in create.data.lines] == [2]  # type: ignore[attr-defined]

    def test_an_edit_back_and_forth_gives_new_instructions(self, make_order: MakeOrder) -> None:
        life = Life(rules())
        ids = [
            wish.entity_id
            for pieces in (5, 4, 5, 4)
            for wish in life.tell("order.updated", make_order(ordered=pieces)).wishes
            if wish.type == "fulfillment_order.create"
        ]
        assert len(set(ids)) == 4

    def test_a_house_that_cannot_change_is_named(self, make_order: MakeOrder) -> None:
        handles = {"erp": ALL, "web": ALL, "dc1": frozenset({"fulfillment_order.create"})}
        life = Life(rules(handles=handles))
        life.tell("order.placed", make_order())
        got = life.tell("order.updated", make_order(ordered=4))
        assert got.exception is not None
        assert "given to dc1" in str(got.exception)
        got = life.tell("order.cancelled", make_order(ordered=4, cancelled_at=DAY))
        assert got.exception is not None
        assert "given to dc1" in str(got.exception)
        assert "order.cancel at erp" in life.asked

    def test_cancelled_before_shipping(self, make_order: MakeOrder) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order())
        life.new_asks()
        life.tell("order.cancelled", make_order(cancelled_at=DAY))
        assert life.new_asks() == ["order.cancel at erp", "fulfillment_order.cancel at dc1"]
        assert life.order.state == CANCELLED

    def test_split_shipments_and_their_cancellation(self, make_order: MakeOrder) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order())
        life.ship(2, "F1")
        life.ship(3, "F2")
        assert life.book.shipped_of("1") == 5
        life.ship(3, "F2", cancelled_at=DAY)
        assert life.book.shipped_of("1") == 2
        assert life.ship(3, "F3").applied


class TestContradictions:
    def held(self, life: Life, got: Decision, code: str, *words: str) -> None:
        """The order waits, a person sees both sources, and nothing of the news is applied."""
        assert got.held
        assert not got.applied
        assert got.exception is not None
        assert got.exception.reason == code
        for word in words:
            assert word in str(got.exception)
        assert code in life.book.holds
        assert {verdict.check for verdict in got.verdicts} == {"contradiction"}

    def test_shipped_more_than_ordered(self, make_order: MakeOrder) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order())
        life.ship(3, "F1")
        got = life.ship(3, "F2")
        self.held(
            life, got, "shipped_more_than_ordered", "dc1 shipped 3", "after 3", "web says 5 ordered"
        )
        assert life.book.shipped_of("1") == 3, "not half applied"
        assert "fulfillment.create at web" not in [w.type for w in got.wishes]

    def test_it_is_stopped_at_every_target(self, make_order: MakeOrder) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order())
        life.new_asks()
        life.ship(9)
        assert life.new_asks() == ["order.hold at erp", "fulfillment_order.cancel at dc1"]
        life.ship(9, "F2")
        assert life.new_asks() == [], "once"
        for reason in list(life.book.holds):
            assert life.new_asks() == [], "each is answered for itself"
            life.release(reason)
        assert life.new_asks() == ["order.release at erp", "fulfillment_order.create at dc1"]

    def test_who_cannot_be_stopped_is_named_in_its_case(self, make_order: MakeOrder) -> None:
        able = {
            "erp": ALL - {"order.hold"},
            "dc1": ALL - {"fulfillment_order.cancel"},
            "web": ALL,
        }
        life = Life(rules(handles=able))
        life.tell("order.placed", make_order())
        got = life.ship(9)
        assert "erp and dc1 cannot be told to wait: ask by hand" in str(got.exception)

    def test_a_house_that_has_shipped_all_of_it_is_not_called_off(
        self, make_order: MakeOrder
    ) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order(payment=paid("50")))
        life.ship(5)
        life.new_asks()
        data = Refund(
            order=EntityRef(id=ORDER), state="succeeded", amount=euros("51"), requested_at=DAY
        )
        got = life.tell("refund.succeeded", data, native="R1")
        assert life.new_asks() == ["order.hold at erp"]
        assert "by hand" not in str(got.exception)

    def test_what_its_channel_puts_right_goes_on_everywhere(self, make_order: MakeOrder) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order())
        dollars = Totals(total=Money(amount="50", currency="USD"))
        life.tell("order.updated", make_order(totals=dollars))
        life.new_asks()
        got = life.tell("order.updated", make_order())
        assert got.went_on == ORDER, "its case is settled"
        assert life.new_asks() == ["order.release at erp", "fulfillment_order.create at dc1"]

    def test_who_was_given_it_is_who_is_told_also_by_region(self, make_order: MakeOrder) -> None:
        far = Override(region="us", execute="erp_us")
        life = Life(
            Rules(
                domains={
                    "orders": Domain(capture=("web",), execute="erp", overrides=(far,)),
                    "fulfillment": Domain(owner="dc1", publish_to=("erp", "erp_us", "web")),
                },
                handles=dict.fromkeys(("web", "erp", "erp_us", "dc1"), ALL),
                regions={"us": ("US",), "eu": ("DE",)},
            )
        )
        abroad = ADDRESS.model_copy(update={"country": "US"})
        life.tell("order.placed", make_order(shipping_address=abroad))
        assert "order.create at erp_us" in life.new_asks()
        life.ship(1)
        assert "fulfillment.create at erp_us" in life.new_asks()
        life.ship(9, "F2")
        assert "order.hold at erp_us" in life.new_asks()
        life.release("shipped_more_than_ordered")
        life.new_asks()
        life.tell("order.updated", make_order(shipping_address=ADDRESS))
        assert "order.update at erp_us" in life.new_asks(), "it moved; who has it is the same"

    def test_a_house_that_was_called_off_is_still_believed(self, make_order: MakeOrder) -> None:
        life = Life(
            Rules(
                domains={
                    "orders": Domain(capture=("web",), execute="erp"),
                    "fulfillment": Domain(
                        owner="dc1",
                        publish_to=("erp", "web"),
                        overrides=(Override(location="DC2", owner="dc2"),),
                    ),
                },
                handles=dict.fromkeys(("web", "erp", "dc1", "dc2"), ALL),
                places=(Place(name="DC2"),),
            )
        )
        life.tell("order.placed", make_order())
        life.tell("order.cancelled", make_order(cancelled_at=DAY))
        line = FulfillmentLine(line_id="1", quantity=5)
        late = Fulfillment(order=EntityRef(id=ORDER), lines=(line,), number="F1")
        got = life.tell("fulfillment.shipped", late, by="dc2", native="F1")
        self.held(life, got, "shipped_after_cancellation", "dc2 says F1 has left")

    def test_news_that_agrees_later_is_looked_at_again(self, make_order: MakeOrder) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order())
        life.ship(7, "F1")
        got = life.tell("order.updated", make_order(ordered=7, totals=Totals(total=euros("70"))))
        assert got.look_again == (entity_id("dc1", "fulfillment", "F1"),)
        assert not [one for one in got.wishes if one.type == "order.update"], "it is still held"
        life.new_asks()
        good = life.ship(7, "F1")
        assert good.applied
        assert life.book.holds == {}
        assert life.new_asks() == [
            "fulfillment.create at erp",
            "fulfillment.create at web",
            "order.release at erp",
            "order.update at erp",
        ], "and the edit that was kept takes effect"

    def test_refund_above_captured(self, make_order: MakeOrder) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order(payment=paid("50")))

        def refund(amount: str, native: str) -> Decision:
            data = Refund(
                order=EntityRef(id=ORDER),
                state="succeeded",
                amount=euros(amount),
                requested_at=DAY,
            )
            return life.tell("refund.succeeded", data, native=native)

        assert refund("30", "R1").applied
        got = refund("20.01", "R2")
        self.held(life, got, "refund_above_captured", "50.01 EUR were refunded", "50 EUR were")
        assert life.book.refunds() == 30
        wrong = make_order("2", payment=paid("50", refunded="60"))
        got = Life(rules()).tell("order.placed", wrong)
        assert got.held

    def test_cancelled_after_delivery_and_after_shipping(self, make_order: MakeOrder) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order())
        life.ship(2)
        got = life.tell("order.cancelled", make_order(cancelled_at=DAY))
        self.held(life, got, "cancelled_after_shipping", "web leaves 0", "dc1 (F1) shipped 2")
        assert "order.cancel at erp" not in life.asked
        (line,) = make_order().lines
        arrived = line.model_copy(update={"shipped": Decimal(5), "delivered": Decimal(5)})
        life = Life(rules())
        life.tell("order.placed", make_order(lines=(arrived,)))
        got = life.tell("order.cancelled", make_order(lines=(arrived,), cancelled_at=DAY))
        self.held(life, got, "cancelled_after_delivery", "was delivered")

    def test_what_is_left_may_be_cancelled_after_a_part_has_left(
        self, make_order: MakeOrder
    ) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order())
        life.ship(2)
        (line,) = make_order().lines
        rest = line.model_copy(update={"cancelled": Decimal(3)})
        got = life.tell("order.updated", make_order(lines=(rest,)))
        assert got.applied
        assert not got.held

    def test_shipped_after_cancellation(self, make_order: MakeOrder) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order())
        life.tell("order.cancelled", make_order(cancelled_at=DAY))
        got = life.ship(1)
        self.held(
            life, got, "shipped_after_cancellation", "dc1 says F1 has left", "cancelled at web"
        )

    @pytest.mark.parametrize(
        ("fields", "code"),
        [({"sku": "CUP"}, "unknown_sku"), ({"line": "9"}, "unknown_line")],
    )
    def test_unknown_goods(self, make_order: MakeOrder, fields: dict[str, Any], code: str) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order())
        self.held(life, life.ship(1, **fields), code, "dc1 shipped", "web sold")

    def test_two_currencies(self, make_order: MakeOrder) -> None:
        dollars = Totals(total=Money(amount="50", currency="USD"))
        life = Life(rules())
        got = life.tell("order.placed", make_order(totals=dollars))
        self.held(life, got, "two_currencies", "EUR", "USD")
        assert life.order.state == HELD
        life.tell("order.updated", make_order())
        assert life.new_asks()[0] == "order.create at erp", "corrected at the channel"

    @pytest.mark.parametrize(
        ("where", "names"),
        [
            (lambda one, usd: {"taxes": (TaxLine(title="VAT", amount=usd),)}, "a tax"),
            (lambda one, usd: {"totals": Totals(total=euros("50"), tax=usd)}, "its tax"),
            (lambda one, usd: {"totals": Totals(total=euros("50"), discount=usd)}, "its discount"),
            (lambda one, usd: {"payment": PaymentSummary(authorised=usd)}, "was authorised"),
            (lambda one, usd: {"lines": (changed(one, refunded=usd),)}, "given back for line 1"),
            (
                lambda one, usd: {"lines": (changed(one, discounts=(Discount(amount=usd),)),)},
                "a discount of line 1",
            ),
            (
                lambda one, usd: {
                    "shipping": (changed(CARRIAGE, discounts=(Discount(amount=usd),)),)
                },
                "a discount of carriage",
            ),
        ],
    )
    def test_two_currencies_anywhere_in_an_order(
        self, make_order: MakeOrder, where: Callable[..., dict[str, Any]], names: str
    ) -> None:
        usd = Money(amount="1", currency="USD")
        life = Life(rules())
        got = life.tell("order.placed", make_order(**where(make_order().lines[0], usd)))
        self.held(life, got, "two_currencies", names, "EUR", "USD")
        assert life.new_asks() == []

    def test_a_person_may_let_it_go_on(self, make_order: MakeOrder) -> None:
        life = Life(rules())
        dollars = Totals(total=Money(amount="50", currency="USD"))
        life.tell("order.placed", make_order(totals=dollars))
        life.release("two_currencies")
        assert life.new_asks()[0] == "order.create at erp"

    def test_more_comes_back_than_was_sold(self, make_order: MakeOrder) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order())

        def back(quantity: int, native: str) -> Decision:
            data = Return(
                order=EntityRef(id=ORDER),
                number=native,
                requested_at=DAY,
                authorised_at=DAY,
                lines=(ReturnLine(line_id="1", requested=quantity),),
            )
            return life.tell("return.authorised", data, native=native)

        assert back(3, "R1").applied, "a partial return"
        self.held(life, back(3, "R2"), "returned_more_than_ordered", "after 3", "5 were sold")

    def test_the_status_may_not_go_back(self, make_order: MakeOrder) -> None:
        life = Life(rules())
        life.tell("order.placed", make_order(payment=paid()))
        got = life.tell("order.updated", make_order())
        self.held(life, got, "payment_went_back", "pending", "paid")

    def test_bundles_leave_whole_or_by_component_and_are_summed(
        self, make_order: MakeOrder
    ) -> None:
        parts = (LineComponent(sku="MUG", quantity=2), LineComponent(sku="TEA", quantity=1))
        (line,) = make_order().lines
        bundle = line.model_copy(update={"sku": "SET", "components": parts})
        life = Life(rules())
        life.tell("order.placed", make_order(lines=(bundle,)))
        assert life.ship(4, "F1", sku="MUG").applied
        assert (life.book.shipped_of("1"), life.book.left_of("1")) == (0, 2), "two are begun"
        assert life.ship(1, "F2", sku="TEA").applied
        assert (life.book.shipped_of("1"), life.book.left_of("1")) == (1, 2)
        assert life.ship(3, "F3", sku="SET").applied, "three whole ones"
        assert life.book.shipped_of("1") == 4
        assert Book.load(life.book.dump()) == life.book
        got = life.ship(1, "F4", sku="MUG")
        self.held(life, got, "shipped_more_than_ordered", "dc1 shipped 1 of MUG", "web sold 10")
        assert not life.ship(1, "F5", sku="CUP").applied

    def test_a_bundle_that_is_begun_cannot_be_cancelled_away(self, make_order: MakeOrder) -> None:
        parts = (LineComponent(sku="MUG", quantity=2), LineComponent(sku="TEA", quantity=1))
        (line,) = make_order().lines
        bundle = line.model_copy(update={"sku": "SET", "components": parts})
        life = Life(rules())
        life.tell("order.placed", make_order(lines=(bundle,)))
        assert life.ship(1, "F1", sku="MUG").applied
        off = bundle.model_copy(update={"cancelled": Decimal(5)})
        got = life.tell("order.updated", make_order(lines=(off,)))
        self.held(life, got, "cancelled_after_shipping", "dc1 (F1) shipped 1", "web leaves 0")


class TestLifecycle:
    def test_the_tables_are_closed(self) -> None:
        for table in lifecycle.TRANSITIONS.values():
            for after in table.values():
                assert after <= set(table)

    def test_nothing_leads_out_of_cancelled(self) -> None:
        assert lifecycle.TRANSITIONS["order"]["cancelled"] == frozenset()


def test_a_book_is_what_it_was_after_reading_it_again(make_order: MakeOrder) -> None:
    life = Life(rules(reviewers=("risk",)))
    parts = (LineComponent(sku="TEA", quantity=1),)
    line = OrderLine(
        line_id="2", ordered=1, unit_price=euros("0"), components=parts, fulfilled_by="supplier"
    )
    life.tell("order.placed", make_order(lines=(*make_order().lines, line), payment=paid()))
    life.ship(1)
    life.ship(9, "F2")
    data = Hold(order=EntityRef(id=ORDER), reason="fraud", placed_at=DAY)
    life.tell("hold.placed", data, by="risk", native="H")
    assert life.order.state == REQUESTED
    assert Book.load(life.book.dump()) == life.book
    assert Book.load("") == Book()

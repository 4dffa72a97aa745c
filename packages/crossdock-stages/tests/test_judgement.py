"""What follows from one event: the whole table, without a bus or a ledger."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from crossdock.canonical import (
    Entity,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    InventoryLevel,
    Order,
    Product,
    samples,
)
from crossdock.errors import UnavailableError
from crossdock.events import Envelope
from crossdock.identity import entity_id
from crossdock_stages import judgement
from crossdock_stages.judgement import CANCELLED, NOT_TAKEN, REQUESTED, SUBMITTED, Decision
from crossdock_stages.judgement.basis import mark_of
from crossdock_stages.ledger.things import Known
from crossdock_stages.rules import Domain, Rules

MakeOrder = Callable[..., Order]
GONE = datetime(2026, 1, 2, tzinfo=UTC)
ORDER = entity_id("web", "order", "1")


def rules(**fields: Any) -> Rules:
    domains = {
        "orders": Domain(capture=("web", "amazon"), execute="erp"),
        "inventory": Domain(owner="erp", publish_to=("web", "amazon", "erp")),
        "fulfillment": Domain(owner="erp", publish_to=("web",)),
        "catalog": Domain(owner="erp", publish_to=("web", "amazon")),
    }
    handles = {
        "erp": frozenset({"order.create", "order.cancel"}),
        "web": frozenset({"product.publish"}),
    }
    return Rules(**{"domains": domains, "handles": handles, **fields})


def envelope(name: str = "order.placed", **fields: str) -> Envelope:
    connection = fields.get("connection", "web")
    kind = name.partition(".")[0]
    base = {
        "id": "evt_1",
        "source": "s",
        "type": f"crossdock.{name}.v1",
        "time": "",
        "subject": entity_id(connection, kind, "1"),
        "key": "",
        "connection": connection,
        "revision": "5",
        "native": "1",
        "landing": "lnd_1",
    }
    return Envelope(**{**base, **fields})


def known(data: Entity | None = None, **fields: str) -> Known:
    digest = judgement.order_digest(data) if isinstance(data, Order) else "d"
    base = {
        "id": ORDER,
        "kind": "order",
        "connection": "web",
        "native_id": "1",
        "revision": "3",
        "digest": digest,
        "state": REQUESTED,
        "label": "#1",
    }
    return Known(**{**base, **fields})


def judge(
    wrapping: Envelope, data: Entity, *knowledge: Known, under: Rules | None = None
) -> Decision:
    return judgement.judge(wrapping, data, {one.id: one for one in knowledge}, under or rules())


def asks(decision: Decision) -> list[str]:
    return [f"{wish.type} at {wish.target}" for wish in decision.wishes]


class TestWhoseWordCounts:
    def test_no_domain(self, make_order: MakeOrder) -> None:
        got = judge(envelope(), make_order(), under=rules(domains={}))
        assert (got.applied, got.know) == (False, None)
        assert "no domain orders" in got.reason

    @pytest.mark.parametrize("who", ["erp", "stranger"])
    def test_who_does_not_own_it_gives_evidence_only(self, make_order: MakeOrder, who: str) -> None:
        got = judge(envelope(connection=who), make_order())
        assert (got.applied, asks(got), got.know) == (False, [], None)
        assert f"evidence only: {who} does not own orders, web and amazon does" in got.reason

    def test_late_news_is_not_applied(self, make_order: MakeOrder) -> None:
        got = judge(envelope(revision="2"), make_order(ordered=9), known(make_order()))
        assert (got.applied, got.know) == (False, None)
        assert "late news: revision 2 is older than 3" in got.reason

    def test_the_same_revision_again_is_news_if_it_says_something_else(
        self, make_order: MakeOrder
    ) -> None:
        got = judge(envelope(revision="3"), make_order(ordered=9), known(make_order()))
        assert got.applied


class TestOrders:
    def test_a_new_one_is_created(self, make_order: MakeOrder) -> None:
        got = judge(envelope(), make_order())
        assert asks(got) == ["order.create at erp"]
        assert got.know is not None
        assert (got.know.state, got.know.label, got.know.revision) == (REQUESTED, "#1", "5")
        assert got.wishes[0].key == got.wishes[0].entity_id == ORDER

    def test_nobody_executes(self, make_order: MakeOrder) -> None:
        domains = {"orders": Domain(capture=("web",))}
        got = judge(envelope(), make_order(), under=rules(domains=domains))
        assert (got.applied, asks(got)) == (True, [])

    def test_cancelled_before_it_was_known(self, make_order: MakeOrder) -> None:
        got = judge(envelope(), make_order(cancelled_at=GONE))
        assert asks(got) == []
        assert got.know is not None
        assert got.know.state == NOT_TAKEN
        later = judge(envelope(revision="6"), make_order(), got.know)
        assert asks(later) == []

    @pytest.mark.parametrize("state", [REQUESTED, SUBMITTED])
    def test_cancelled_after_it_was_given(self, make_order: MakeOrder, state: str) -> None:
        got = judge(
            envelope("order.cancelled"),
            make_order(cancelled_at=GONE),
            known(make_order(), state=state),
        )
        assert asks(got) == ["order.cancel at erp"]
        assert got.know is not None
        again = judge(
            envelope("order.updated", revision="6"), make_order(cancelled_at=GONE), got.know
        )
        assert (asks(again), again.applied) == ([], True)

    @pytest.mark.parametrize("field", ["note", "tags", "source_status", "email"])
    def test_what_does_not_matter_to_the_erp_changes_nothing(
        self, make_order: MakeOrder, field: str
    ) -> None:
        value = {"tags": ("vip",), "source_status": {"a": "b"}}.get(field, "new")
        got = judge(envelope("order.updated"), make_order(**{field: value}), known(make_order()))
        assert (asks(got), got.exception, got.reason) == ([], None, judgement.UNCHANGED)
        assert got.know is not None
        assert got.know.state == REQUESTED

    def test_an_edit_that_cannot_be_told_goes_to_the_desk(self, make_order: MakeOrder) -> None:
        got = judge(envelope("order.updated"), make_order(ordered=9), known(make_order()))
        assert asks(got) == []
        assert got.exception is not None
        assert got.exception.reason == "order_edited"
        assert "#1" in str(got.exception)
        assert "erp" in str(got.exception)

    def test_an_edit_back_and_forth_is_told_each_time(self, make_order: MakeOrder) -> None:
        able = rules(handles={"erp": frozenset({"order.create", "order.update"})})
        ids = set()
        before = known(make_order())
        for revision, pieces in (("4", 9), ("5", 5), ("6", 9), ("7", 5)):
            got = judge(
                envelope("order.updated", revision=revision),
                make_order(ordered=pieces),
                before,
                under=able,
            )
            assert asks(got) == ["order.update at erp"]
            assert got.know is not None
            before = got.know
            ids.add(got.wishes[0].id)
        assert len(ids) == 4

    def test_a_test_order_is_taken_unless_this_is_production(self, make_order: MakeOrder) -> None:
        assert asks(judge(envelope(), make_order(test=True))) == ["order.create at erp"]
        got = judge(envelope(), make_order(test=True), under=rules(production=True))
        assert asks(got) == []
        assert got.know is not None
        assert got.know.state == NOT_TAKEN

    def test_the_same_news_asks_the_same(self, make_order: MakeOrder) -> None:
        one, two = judge(envelope(), make_order()), judge(envelope(), make_order())
        assert one.wishes[0].id == two.wishes[0].id

    def test_submitted(self, make_order: MakeOrder) -> None:
        news = envelope("order.submitted", connection="erp", subject=ORDER, native="S1", landing="")
        got = judge(news, make_order(), known(make_order()))
        assert got.know is not None
        assert got.know.state == SUBMITTED
        cancelled = judge(news, make_order(), known(make_order(), state=CANCELLED))
        assert (cancelled.applied, cancelled.know) == (True, None)
        assert not judge(news, make_order()).applied


class TestFulfillments:
    def shipped(
        self, order_id: str | None = ORDER, native: str | None = None, **fields: Any
    ) -> Fulfillment:
        line = FulfillmentLine(line_id="1", quantity=fields.pop("quantity", 1))
        return Fulfillment(order=EntityRef(id=order_id, native_id=native), lines=(line,), **fields)

    def news(self, **fields: str) -> Envelope:
        return envelope("fulfillment.shipped", **{"connection": "erp", **fields})

    def test_it_is_told_to_where_the_order_came_from(self, make_order: MakeOrder) -> None:
        got = judge(self.news(), self.shipped(), known(make_order()))
        assert asks(got) == ["fulfillment.create at web"]
        assert got.wishes[0].key == ORDER
        assert ORDER in got.wishes[0].refs

    def test_a_source_that_is_not_told(self, make_order: MakeOrder) -> None:
        got = judge(self.news(), self.shipped(), known(make_order(), connection="amazon"))
        assert (asks(got), got.applied) == ([], True)

    def test_an_order_that_is_not_known_yet_is_waited_for(self) -> None:
        with pytest.raises(UnavailableError, match="not known yet") as caught:
            judge(self.news(), self.shipped())
        assert caught.value.outcome == "not_sent"

    def test_an_order_that_was_never_ours_is_ignored(self) -> None:
        native_only = self.shipped(entity_id("erp", "order", "S1"), "S1")
        for data in (native_only, self.shipped(None, "S1")):
            assert not judge(self.news(), data).applied

    def test_again_and_changed_and_cancelled(self, make_order: MakeOrder) -> None:
        first = judge(self.news(), self.shipped(), known(make_order()))
        assert first.know is not None
        same = judge(self.news(revision="6"), self.shipped(), known(make_order()), first.know)
        assert (asks(same), same.exception) == ([], None)
        for data in (self.shipped(quantity=2), self.shipped(cancelled_at=GONE)):
            got = judge(self.news(revision="6"), data, known(make_order()), first.know)
            assert asks(got) == []
            assert got.exception is not None
            assert got.exception.reason == "fulfillment_changed"

    def test_cancelled_before_anybody_was_told_is_no_matter(self, make_order: MakeOrder) -> None:
        got = judge(self.news(), self.shipped(cancelled_at=GONE), known(make_order()))
        assert (asks(got), got.exception, got.applied) == ([], None, True)
        assert got.know is not None
        for revision in ("6", "7"):
            still = judge(
                self.news(revision=revision),
                self.shipped(cancelled_at=GONE),
                known(make_order()),
                got.know,
            )
            assert still.exception is None
        shipped = judge(self.news(revision="8"), self.shipped(), known(make_order()), got.know)
        assert asks(shipped) == ["fulfillment.create at web"]


class TestPublishing:
    def level(self, on_hand: int = 5, **fields: Any) -> InventoryLevel:
        return InventoryLevel(sku="MUG", location="WH", on_hand=on_hand, **fields)

    def news(self, revision: str = "5") -> Envelope:
        return envelope("inventory.level_changed", connection="erp", revision=revision)

    def test_everybody_but_the_speaker_is_told(self) -> None:
        got = judge(self.news(), self.level())
        assert asks(got) == ["inventory.publish at web", "inventory.publish at amazon"]

    def test_the_same_quantity_is_not_told_again(self) -> None:
        first = judge(self.news(), self.level())
        assert first.know is not None
        got = judge(self.news("6"), self.level(on_hand=7, reserved=2, incoming=4), first.know)
        assert (asks(got), got.applied) == ([], True)
        assert len(asks(judge(self.news("7"), self.level(6), first.know))) == 2

    @pytest.mark.parametrize(
        ("level", "code", "words"),
        [
            ({"on_hand": -3}, "negative_stock", "erp says that -3 of MUG at WH lie there"),
            ({"available": -2}, "oversold", "2 more were sold by web"),
            ({"on_hand": 1, "reserved": 4}, "oversold", "-3 of MUG at WH may be sold"),
        ],
    )
    def test_less_than_nothing_is_one_case_until_it_is_put_right(
        self, level: dict[str, int], code: str, words: str
    ) -> None:
        def say(revision: str, *before: Known, **fields: Any) -> Decision:
            data = InventoryLevel(sku="MUG", location="WH", **fields)
            return judge(self.news(revision), data, *before)

        first = say("1", **level)
        assert first.know is not None
        assert first.exception is not None
        assert (first.applied, first.exception.reason) == (True, code)
        assert words in str(first.exception)
        assert asks(first)[0] == "inventory.publish at web", "others are told nevertheless"
        second = say("2", first.know, on_hand=-9)
        assert second.know is not None
        assert second.case_id == first.case_id != ""
        good = say("3", second.know, on_hand=4)
        assert good.know is not None
        assert (good.exception, good.over) == (None, first.case_id)
        assert say("4", good.know, on_hand=5).over == ""

    def test_up_and_down_again_is_told_each_time(self) -> None:
        seen: list[str] = []
        before: list[Known] = []
        for revision, quantity in (("1", 5), ("2", 6), ("3", 5), ("4", 6)):
            got = judge(self.news(revision), self.level(quantity), *before)
            assert got.know is not None
            before = [got.know]
            seen += [wish.id for wish in got.wishes]
        assert len(set(seen)) == len(seen) == 8

    def test_a_product_back_and_forth_is_told_each_time(self) -> None:
        seen: list[str] = []
        before: list[Known] = []
        for revision, name in (("1", "a"), ("2", "b"), ("3", "a"), ("4", "b")):
            news = envelope("product.changed", connection="erp", revision=revision)
            got = judge(news, Product(name=name), *before)
            assert asks(got) == ["product.publish at web"], "amazon cannot be told of products"
            assert got.know is not None
            before = [got.know]
            seen += [wish.id for wish in got.wishes]
        assert len(set(seen)) == 4

    def test_a_product_that_only_says_another_time_is_unchanged(self) -> None:
        news = envelope("product.changed", connection="erp")
        first = judge(news, Product(name="a"))
        assert first.know is not None
        got = judge(news, Product(name="a", updated_at=GONE), first.know)
        assert asks(got) == []


@pytest.mark.parametrize("full", [True, False])
def test_an_orders_digest_is_the_one_that_ledgers_hold(full: bool) -> None:
    """Another one would tell every executing system of every order anew."""
    order = Order.model_validate(samples.build(Order, full=full))
    line = {"line_id", "sku", "ordered", "cancelled", "unit_price", "discounts", "taxes"}
    whole = {"shipping", "totals", "currency", "shipping_address", "billing_address"}
    matter = order.model_dump(
        mode="json", include={"lines": {"__all__": line}, **dict.fromkeys(whole, True)}
    )
    assert judgement.order_digest(order) == mark_of(matter)

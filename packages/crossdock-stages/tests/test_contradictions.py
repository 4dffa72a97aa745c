"""Facts that cannot both be true, through the stage on a real ledger.

Each is held with a verdict that names both sources, nothing of it is applied, and a later fact that
settles it lets it go on.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from crossdock.canonical import (
    Entity,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    InventoryLevel,
    LineComponent,
    Money,
    Order,
    PaymentSummary,
    Product,
    Refund,
    Totals,
    Variant,
)
from crossdock.events import COMMAND_TYPES
from crossdock.identity import entity_id
from crossdock_stages.judgement import REQUESTED
from crossdock_stages.ledger import Ledger, settling
from crossdock_stages.ledger import orders as order_book
from crossdock_stages.ledger.audit import audit
from crossdock_stages.ledger.impact import impacts
from crossdock_stages.ledger.tables import entities
from crossdock_stages.rules import Domain, Place, Rules
from crossdock_stages.topology import Topology

MakeOrder = Callable[..., Order]
AtDesk = Callable[..., Any]
DAY = datetime(2026, 1, 2, tzinfo=UTC)
ORDER = entity_id("web", "order", "1")
TOPOLOGY = Topology(environment="test", lanes=1)
RULES = Rules(
    domains={
        "orders": Domain(capture=("web",), execute="erp"),
        "fulfillment": Domain(owner="dc1", publish_to=("erp", "web")),
        "returns": Domain(capture=("web",), execute="erp"),
        "catalog": Domain(owner="erp", publish_to=()),
        "inventory": Domain(owner="erp", publish_to=()),
    },
    handles=dict.fromkeys(("web", "erp", "dc1"), frozenset(COMMAND_TYPES)),
)
STOPPED = ["order.hold at erp", "fulfillment_order.cancel at dc1"]
GONE_ON = ["order.release at erp", "fulfillment_order.create at dc1"]


def money(amount: str, currency: str = "EUR") -> Money:
    return Money(amount=amount, currency=currency)


@pytest.fixture
def here(ledger: Ledger, at_desk: AtDesk) -> Any:
    return at_desk(ledger, RULES)


def of(make_order: MakeOrder, **fields: Any) -> Order:
    base = {"payment": PaymentSummary(captured=money("50")), "totals": Totals(total=money("50"))}
    return make_order(**{**base, **fields})


def line_of(make_order: MakeOrder, **fields: Any) -> Any:
    (line,) = make_order().lines
    return line.model_copy(update=fields)


def product(*skus: str, native: str = "P1") -> Product:
    variants = tuple(Variant(variant_id=sku, sku=sku) for sku in skus)
    return Product(name=native, variants=variants)


def shipment(quantity: int) -> Fulfillment:
    line = FulfillmentLine(line_id="1", quantity=quantity)
    return Fulfillment(order=EntityRef(id=ORDER), number="F1", lines=(line,))


def refund(amount: str, currency: str = "EUR") -> Refund:
    return Refund(
        order=EntityRef(id=ORDER),
        state="succeeded",
        amount=money(amount, currency),
        requested_at=DAY,
    )


@dataclass(frozen=True)
class Told:
    """One piece of news."""

    name: str
    data: Callable[[MakeOrder], Entity]
    by: str = "web"
    native: str = "1"


@dataclass(frozen=True)
class Scene:
    """What is true first, what contradicts it, the words for both sources, and what settles it."""

    wrong: Told
    code: str
    words: tuple[str, ...]
    right: Told
    first: tuple[Told, ...] = ()
    asked: tuple[str, ...] = (*STOPPED,)
    """What follows at once from the contradiction."""
    then: tuple[str, ...] = (*GONE_ON,)
    """What follows when it is settled."""


def level(on_hand: str) -> Callable[[MakeOrder], Entity]:
    return lambda _: InventoryLevel(sku="MUG", location="WH", on_hand=on_hand)


def arrived(make_order: MakeOrder, **fields: Any) -> Order:
    """As the channel shows it when all of it was delivered."""
    line = line_of(make_order, shipped=Decimal(5), delivered=Decimal(5))
    return of(make_order, lines=(line,), **fields)


SCENES = {
    "shipped more than ordered": Scene(
        Told("fulfillment.shipped", lambda _: shipment(7), "dc1", "F1"),
        "shipped_more_than_ordered",
        ("dc1 shipped 7", "web says 5 ordered"),
        Told("order.updated", lambda make: of(make, ordered=7)),
        then=(
            "fulfillment.create at erp",
            "fulfillment.create at web",
            "order.release at erp",
            "order.update at erp",
        ),
    ),
    "refund above captured": Scene(
        Told("refund.succeeded", lambda _: refund("60"), native="R1"),
        "refund_above_captured",
        ("web says 60 EUR were refunded", "web says 50 EUR were captured"),
        Told("order.updated", lambda make: of(make, payment=PaymentSummary(captured=money("60")))),
        then=("refund.create at erp", *GONE_ON),
    ),
    "cancelled after delivery": Scene(
        Told("order.cancelled", lambda make: arrived(make, cancelled_at=DAY)),
        "cancelled_after_delivery",
        ("web leaves 0 of line 1", "dc1 (F1) shipped 5"),
        Told("order.updated", arrived),
        first=(
            Told("fulfillment.shipped", lambda _: shipment(5), "dc1", "F1"),
            Told("order.updated", arrived),
        ),
        asked=("order.hold at erp",),
        then=("order.release at erp",),
    ),
    "two currencies": Scene(
        Told("order.updated", lambda make: of(make, totals=Totals(total=money("50", "USD")))),
        "two_currencies",
        ("web says the order is in EUR", "its total is 50 USD"),
        Told("order.updated", of),
    ),
    "a refund in other money": Scene(
        Told("refund.succeeded", lambda _: refund("10", "USD"), native="R1"),
        "two_currencies",
        ("web refunded 10 USD", "web says the order is in EUR"),
        Told("refund.succeeded", lambda _: refund("10"), native="R1"),
        then=("refund.create at erp", *GONE_ON),
    ),
    "unknown SKU in an edit": Scene(
        Told(
            "order.updated",
            lambda make: of(
                make,
                lines=(
                    *make().lines,
                    line_of(make, line_id="2", sku="GHOST"),
                ),
            ),
        ),
        "unknown_sku",
        ("web sold 5 of SKU GHOST with line 2", "erp, which owns the catalogue, has told of no"),
        Told("product.changed", lambda _: product("GHOST", native="P2"), "erp", "P2"),
        then=("order.release at erp", "order.update at erp", GONE_ON[1]),
    ),
}


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
async def test_what_contradicts_is_held_everywhere_and_goes_on_when_it_is_settled(
    here: Any, make_order: MakeOrder, scene: Scene
) -> None:
    known = Told("product.changed", lambda _: product("MUG", "CUP"), "erp", "P1")
    placed = Told("order.placed", of)
    for told in (known, placed, *scene.first):
        await here.tell(told.name, told.data(make_order), told.by, told.native)
    state, before, body = await here.order()
    assert state == REQUESTED
    await here.asked()

    wrong = scene.wrong
    news = await here.tell(wrong.name, wrong.data(make_order), wrong.by, wrong.native)
    assert await here.outcome(news) == "held"
    (case,) = await here.cases()
    assert (case.code, case.held) == (scene.code, True)
    ((_, _, verdicts),) = await here.ledger.read(
        lambda tx: [row for row in order_book.verdicts_of(tx, [ORDER]) if row[1] == news]
    )
    assert [(one.check, one.code) for one in verdicts] == [("contradiction", scene.code)]
    for words in scene.words:
        assert words in case.message
        assert words in verdicts[0].reason
    state, held, same = await here.order()
    assert (state, list(held.holds), same) == (REQUESTED, [scene.code], body)
    assert (held.lines, held.shipped, held.refunded, held.captured) == (
        before.lines,
        before.shipped,
        before.refunded,
        before.captured,
    ), "nothing of it is applied"
    assert await here.asked() == list(scene.asked)

    right = scene.right
    await here.tell(right.name, right.data(make_order), right.by, right.native)
    await here.sweep()
    _, book, _ = await here.order()
    assert book.holds == {}
    assert await here.cases() == []
    assert await here.asked() == list(scene.then)
    assert await here.ledger.read(audit) == []


async def test_two_that_contradict_alike_must_both_be_settled(
    here: Any, make_order: MakeOrder
) -> None:
    await here.tell("order.placed", of(make_order))
    await here.tell("refund.succeeded", refund("60"), native="R1")
    await here.tell("refund.succeeded", refund("70"), native="R2")
    assert len((await here.order())[1].holds) == 2
    await here.tell("refund.succeeded", refund("1"), native="R2")
    assert [case.message.split()[6] for case in await here.cases()] == ["60"]
    assert "order.release at erp" not in await here.asked(), "the first is still there"
    await here.tell("refund.succeeded", refund("2"), native="R1")
    assert await here.cases() == []
    assert "order.release at erp" in await here.asked()


class TestUnknownSku:
    async def test_a_new_order_waits_for_the_catalogue(
        self, here: Any, make_order: MakeOrder
    ) -> None:
        await here.tell("product.changed", product("CUP"), "erp", "P1")
        news = await here.tell("order.placed", of(make_order))
        assert await here.outcome(news) == "held"
        (case,) = await here.cases()
        assert case.code == "unknown_sku"
        assert (
            "web sold 5 of SKU MUG with line 1, and erp, which owns the catalogue" in case.message
        )
        assert await here.asked() == []
        await here.tell("product.changed", product("TEA", native="P3"), "erp", "P3")
        await here.sweep()
        assert len(await here.cases()) == 1, "that was another one"
        await here.tell("product.changed", product("MUG", native="P2"), "erp", "P2")
        await here.sweep()
        assert await here.cases() == []
        assert await here.asked() == ["order.create at erp", "fulfillment_order.create at dc1"]

    async def test_before_the_owner_has_told_of_anything_nothing_is_known(
        self, here: Any, make_order: MakeOrder
    ) -> None:
        await here.tell("order.placed", of(make_order))
        assert "order.create at erp" in await here.asked()

    async def test_a_person_may_let_it_go_on(self, here: Any, make_order: MakeOrder) -> None:
        await here.tell("product.changed", product("CUP"), "erp", "P1")
        await here.tell("order.placed", of(make_order))
        cases = await here.cases()
        await here.ledger.write(lambda tx: settling.resolve(tx, cases, "made to order", 1.0))
        await here.sweep()
        assert "order.create at erp" in await here.asked()

    async def test_what_was_removed_is_told_so(self, here: Any, make_order: MakeOrder) -> None:
        await here.tell("product.changed", product("MUG", "CUP"), "erp", "P1")
        await here.tell("product.changed", product("CUP"), "erp", "P1")
        await here.tell("order.placed", of(make_order))
        (case,) = await here.cases()
        assert "erp, which owns the catalogue, has removed it" in case.message

    async def test_what_was_sold_before_it_was_removed_is_carried_out(
        self, here: Any, make_order: MakeOrder
    ) -> None:
        await here.tell("product.changed", product("MUG"), "erp", "P1")
        await here.tell("order.placed", of(make_order))
        await here.tell("product.removed", product("MUG"), "erp", "P1")
        await here.tell("order.updated", of(make_order, ordered=4))
        assert await here.cases() == []

    async def test_a_sku_that_moved_to_another_product_is_there(
        self, here: Any, make_order: MakeOrder
    ) -> None:
        await here.tell("product.changed", product("MUG", "CUP"), "erp", "P1")
        await here.tell("product.changed", product("MUG", native="P2"), "erp", "P2")
        await here.tell("product.changed", product("CUP"), "erp", "P1")
        await here.tell("order.placed", of(make_order))
        assert await here.cases() == []

    async def test_of_a_bundle_the_parts_must_be_there(
        self, here: Any, make_order: MakeOrder
    ) -> None:
        await here.tell("product.changed", product("CUP"), "erp", "P1")
        parts = (LineComponent(sku="CUP", quantity=1), LineComponent(sku="GHOST", quantity=1))
        await here.tell(
            "order.placed", of(make_order, lines=(line_of(make_order, components=parts),))
        )
        (case,) = await here.cases()
        assert "SKU GHOST" in case.message
        assert "SKU CUP" not in case.message

    @pytest.mark.parametrize(
        "fields",
        [{"nature": "gift_card"}, {"fulfilled_by": "marketplace"}],
        ids=["gift card", "a marketplace's own"],
    )
    async def test_what_our_hands_do_not_carry_is_no_matter(
        self, here: Any, make_order: MakeOrder, fields: dict[str, Any]
    ) -> None:
        await here.tell("product.changed", product("CUP"), "erp", "P1")
        await here.tell("order.placed", of(make_order, lines=(line_of(make_order, **fields),)))
        assert await here.cases() == []

    async def test_an_owner_that_tells_only_of_changes_rules_nothing_out(
        self, ledger: Ledger, at_desk: AtDesk, make_order: MakeOrder
    ) -> None:
        partly = Domain(owner="erp", complete=False)
        here = at_desk(
            ledger, Rules(domains={**RULES.domains, "catalog": partly}, handles=RULES.handles)
        )
        await here.tell("product.changed", product("CUP"), "erp", "P1")
        await here.tell("order.placed", of(make_order))
        assert await here.cases() == []

    async def test_a_ledger_that_has_older_products_waits_until_all_are_told_again(
        self, here: Any, make_order: MakeOrder
    ) -> None:
        await here.tell("product.changed", product("MUG"), "erp", "P1")

        def forget(tx: sa.Connection) -> None:  # as a ledger was before SKUs were kept
            tx.execute(entities.delete().where(entities.c.kind.in_(("sku", "catalogue"))))
            tx.execute(entities.update().values(state="", facts=""))

        await here.ledger.write(forget)
        await here.tell("product.changed", product("CUP", native="P2"), "erp", "P2")
        await here.tell("order.placed", of(make_order))
        assert await here.cases() == []
        await here.tell("product.changed", product("MUG"), "erp", "P1")
        await here.tell(
            "order.placed", of(make_order, lines=(line_of(make_order, sku="X"),)), native="2"
        )
        assert [case.code for case in await here.cases()] == ["unknown_sku"]


class TestHeldLong:
    async def test_what_is_told_again_and_again_of_a_held_order_does_not_grow(
        self, here: Any, make_order: MakeOrder
    ) -> None:
        """Each reason to wait told all reasons before it, its own too: twice as long each time."""
        await here.tell("product.changed", product("CUP"), "erp", "P1")
        await here.tell("order.placed", of(make_order))
        for number in range(24):
            part = shipment(1).model_copy(update={"tracking_url": f"https://t.example/{number}"})
            await here.tell("fulfillment.shipped", part, "dc1", f"F{number % 3}")
        kept = sa.select(entities.c.facts).where(entities.c.id == ORDER)
        facts = await here.ledger.read(lambda tx: tx.execute(kept).scalar())
        assert len(facts) < 5_000
        assert "web sold 5 of SKU MUG" in facts


class TestNegativeStock:
    async def test_an_order_of_what_cannot_be_there_is_held_until_it_is_put_right(
        self, here: Any, make_order: MakeOrder
    ) -> None:
        await here.tell("inventory.level_changed", level("-3")(make_order), "erp", "L1")
        news = await here.tell("order.placed", of(make_order))
        assert await here.outcome(news) == "held"
        codes = {case.code: case.message for case in await here.cases()}
        assert set(codes) == {"negative_stock"}
        (case,) = [case for case in await here.cases() if case.held]
        assert "web sold 5 of SKU MUG with line 1, and erp says that -3 lie at WH" in case.message
        assert await here.asked() == []
        both = await here.cases()
        hangs = await here.ledger.read(lambda tx: impacts(tx, both))
        assert {hangs[one.id].people for one in both} == {1}, "of the goods: who waits for them"
        await here.tell("inventory.level_changed", level("9")(make_order), "erp", "L1")
        await here.sweep()
        assert await here.cases() == []
        assert await here.asked() == ["order.create at erp", "fulfillment_order.create at dc1"]

    async def test_only_the_place_that_ships_matters(
        self, ledger: Ledger, at_desk: AtDesk, make_order: MakeOrder
    ) -> None:
        places = (Place(name="DC1"), Place(name="WH"))
        here = at_desk(ledger, Rules(domains=RULES.domains, handles=RULES.handles, places=places))
        await here.tell("inventory.level_changed", level("-3")(make_order), "erp", "L1")
        await here.tell("order.placed", of(make_order))
        assert "order.create at erp" in await here.asked()

"""Stock: what is set aside, what channels are told, and what happens when there is too little."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from crossdock.bus import Bus
from crossdock.canonical import (
    Address,
    Entity,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    FulfillmentOrder,
    InventoryLevel,
    LineComponent,
    Money,
    Order,
    PaymentSummary,
    Promise,
)
from crossdock.events import Envelope
from crossdock.identity import entity_id
from crossdock_stages import pace, stockkeeper
from crossdock_stages.book import Book
from crossdock_stages.calls import Target
from crossdock_stages.decide import Decide
from crossdock_stages.deliver import Deliver
from crossdock_stages.harness import House, Item
from crossdock_stages.ledger import Ledger, desk, settling, stockbook, traffic
from crossdock_stages.ledger.impact import impacts
from crossdock_stages.ledger.stockbook import Spotted
from crossdock_stages.ledger.tables import allotments, landing, offers, outbox, reservations
from crossdock_stages.rules import Domain, Override, Place, Rules
from crossdock_stages.stock import (
    Policy,
    Position,
    Reservation,
    available,
    lag_buffer,
    share_out,
    wanted,
)
from crossdock_stages.stockkeeper import Stockkeeper
from crossdock_stages.stockroom import Stockroom
from crossdock_stages.topology import Topology
from hypothesis import given
from hypothesis import strategies as st

MakeOrder = Callable[..., Order]
TOPOLOGY = Topology(environment="test", lanes=1)
D = Decimal


def rules(*checks: str, **inventory: Any) -> Rules:
    base: dict[str, Any] = {"owner": "erp", "publish_to": ("web", "shop"), "reserve_s": 3600.0}
    return Rules(
        domains={
            "orders": Domain(capture=("web", "shop"), execute="erp", checks=checks),
            "inventory": Domain(**{**base, **inventory}),
            "fulfillment": Domain(owner="erp", publish_to=("web", "shop")),
        },
        handles={"erp": frozenset({"order.create", "order.update", "order.cancel"})},
    )


class TestNumbers:
    @pytest.mark.parametrize(
        ("left", "policy", "buffer", "told"),
        [
            ("10", Policy(), "0", "10"),
            ("10", Policy(safety=D(3)), "0", "7"),
            ("10", Policy(safety=D(3)), "2", "5"),
            ("10", Policy(share=D("0.3")), "0", "3"),
            ("9", Policy(share=D("0.5")), "0", "4"),
            ("10", Policy(cap=D(4)), "0", "4"),
            ("2", Policy(safety=D(3)), "0", "0"),
            ("-5", Policy(), "0", "0"),
        ],
    )
    def test_what_may_be_promised(self, left: str, policy: Policy, buffer: str, told: str) -> None:
        assert available(D(left), policy, D(buffer)) == D(told)

    def test_bundles_take_their_components_in_sum(self, make_order: MakeOrder) -> None:
        (line,) = make_order().lines
        parts = (LineComponent(sku="MUG", quantity=2), LineComponent(sku="TEA", quantity=1))
        lines = (
            line.model_copy(update={"sku": "SET", "components": parts, "ordered": D(3)}),
            line.model_copy(update={"line_id": "2", "ordered": D(1)}),
            line.model_copy(update={"line_id": "3", "nature": "gift_card"}),
            line.model_copy(update={"line_id": "4", "fulfilled_by": "marketplace"}),
        )
        found = wanted(make_order(lines=lines), Book())
        sums = {sku: sum(q for _, _, q in rows) for sku, rows in found.items()}
        assert sums == {"MUG": 7, "TEA": 3}

    def test_two_lines_of_one_thing_cannot_both_have_the_last(self, make_order: MakeOrder) -> None:
        (line,) = make_order(ordered=3).lines
        needs = [(line, "MUG", D(3)), (line.model_copy(update={"line_id": "2"}), "MUG", D(3))]
        shared, missing = share_out(needs, {"WH": D(4)})
        assert missing == 2
        assert sum(q for _, _, q in shared) == 6, "what is missing is promised, so never again"

    def test_the_fullest_place_comes_after_the_wished_one(self, make_order: MakeOrder) -> None:
        (line,) = make_order().lines
        wished = line.model_copy(update={"location": "A"})
        left = {"A": D(2), "B": D(1), "C": D(9)}
        assert share_out([(wished, "MUG", D(5))], left)[0] == [("1", "A", 2), ("1", "C", 3)]

    @given(
        left=st.dictionaries(st.sampled_from("ABC"), st.integers(-3, 20), min_size=1),
        asked=st.lists(st.integers(1, 9), min_size=1, max_size=5),
    )
    def test_nothing_is_promised_twice(self, left: dict[str, int], asked: list[int]) -> None:
        class Line:
            location = None

            def __init__(self, number: int) -> None:
                self.line_id = str(number)

        needs: Any = [(Line(n), "MUG", D(q)) for n, q in enumerate(asked)]
        amounts = {place: D(q) for place, q in left.items()}
        shared, missing = share_out(needs, amounts)
        there = sum(max(q, D(0)) for q in amounts.values())
        assert missing == max(D(0), sum(asked) - there)
        assert sum(q for _, _, q in shared) == sum(asked)

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["set", "end", "figure"]),
                st.sampled_from("ab"),
                st.integers(1, 9),
                st.sampled_from([0.0, 5.0, 15.0]),
            ),
            max_size=12,
        )
    )
    def test_the_sum_that_is_kept_is_the_sum_of_what_is_there(
        self, steps: list[tuple[str, str, int, float]]
    ) -> None:
        room = Stockroom(rules(), rules().domains["inventory"], now=20.0)
        spot = ("MUG", "WH")

        def figure(sellable: int, at: float) -> None:
            position = Position(sellable=D(sellable), counts_orders=True, received_at=at)
            room.spots[spot] = Spotted(
                sku="MUG", location="WH", entity_id="l", owner="erp", unit="EA", position=position
            )
            room._aside.pop(spot, None)

        figure(50, 0.0)
        for verb, order, quantity, at in steps:
            row = Reservation(
                order_id=order,
                line_id="1",
                sku="MUG",
                location="WH",
                quantity=D(quantity),
                created_at=0.0,
                expires_at=99.0,
                taken_at=at,
            )
            if verb == "set":
                room._set(row)
            elif verb == "end":
                room.end(room._of(order))
            else:
                figure(50 + quantity, at)
            position = room.spots[spot].position
            for but in ("", "a"):
                others = [
                    one.quantity
                    for one in room.reservations.values()
                    if one.order_id != but and one.counts(position, room.now, room.settle_s)
                ]
                assert room.left(spot, but) == position.sellable - sum(others)

    def test_the_buffer_is_what_is_probably_sold_meanwhile(self) -> None:
        assert lag_buffer(D(60), 600, 15) == 2
        assert lag_buffer(D(0), 600, 15) == 0
        assert lag_buffer(D(1), 600, 1) == 1, "rounded up"


@pytest.fixture
def house(ledger: Ledger) -> House:
    return House(bus=Bus("nats://127.0.0.1:1"), ledger=ledger)


class Shop:
    """Tells the stage what happened, and looks at what followed."""

    def __init__(self, house: House, under: Rules) -> None:
        self.house = house
        self.stage = Decide(house, TOPOLOGY, under)
        self.clock = 0

    async def tell(
        self, data: Entity, name: str, native: str = "1", by: str = "web", at: float | None = None
    ) -> list[str]:
        """What was asked: `verb at target`, with the figure where stock is told."""
        self.clock += 1
        own = entity_id(by, data.kind, native) if name != "order.submitted" else native
        landing_id = f"lnd_{self.clock}"
        await self.house.ledger.write(lambda tx: self._land(tx, landing_id, at or time.time()))
        envelope = Envelope(
            id=f"evt_{name}_{native}_{self.clock}",
            source="s",
            type=f"crossdock.{name}.v1",
            subject=own,
            key=own,
            time="",
            connection=by,
            revision=f"{self.clock:020d}",
            native=native[:20],
            landing=landing_id,
        )
        message = TOPOLOGY.event(envelope, data.dump())
        item = Item(Envelope.read(message.headers), message.body, message.address)
        out = []
        for sent in await self.stage.process([item]):
            made = Envelope.read(sent.headers)
            figure = ""
            if made.name == "inventory.publish":
                figure = f" {InventoryLevel.parse(sent.body).available}"
            out.append(f"{made.name} at {made.connection}{figure}")
        return out

    def _land(self, tx: sa.Connection, landing_id: str, at: float) -> None:
        tx.execute(
            landing.insert().values(
                id=landing_id,
                connection="x",
                topic="t",
                entity_key=landing_id,
                delivery_id=landing_id,
                road="webhook",
                headers="{}",
                body=b"",
                fingerprint="",
                received_at=at,
                published_at=at,
                state="translated",
                events="[]",
                settled=True,
            )
        )

    async def level(self, available: int, *, at: float | None = None, **fields: Any) -> list[str]:
        data = InventoryLevel(sku="MUG", location="WH", available=available, **fields)
        return await self.tell(data, "inventory.level_changed", "L1", "erp", at)

    async def carried_out(self) -> None:
        """Every command was answered."""

        def work(tx: sa.Connection) -> None:
            tx.execute(outbox.update().values(state="done", closed_at=time.time()))

        await self.house.ledger.write(work)

    async def rows(self, table: sa.Table) -> Sequence[Any]:
        return await self.house.ledger.read(lambda tx: tx.execute(sa.select(table)).all())


async def test_an_order_is_taken_off_at_every_channel_the_moment_it_lands(
    house: House, make_order: MakeOrder
) -> None:
    shop = Shop(house, rules())
    first = await shop.level(10)
    assert sorted(first) == ["inventory.publish at shop 10", "inventory.publish at web 10"]
    await shop.carried_out()
    got = await shop.tell(make_order(), "order.placed")
    # web too: a figure of ours on its way may have overwritten what it took off itself
    assert sorted(got) == [
        "inventory.publish at shop 5",
        "inventory.publish at web 5",
        "order.create at erp",
    ]
    (row,) = await shop.rows(reservations)
    assert (row.sku, row.location, row.quantity) == ("MUG", "WH", "5")


async def test_only_changes_are_told_and_they_are_told_together(
    house: House, make_order: MakeOrder
) -> None:
    shop = Shop(house, rules())
    await shop.level(10)
    assert await shop.level(9) == [], "both are still being told 10"
    assert await shop.level(8) == []
    await shop.carried_out()
    keeper = Stockkeeper(house, TOPOLOGY, rules())
    told = await house.ledger.write(lambda tx: keeper._round(tx, time.time(), measure=False))
    figures = [InventoryLevel.parse(send.body).available for send in told]
    assert figures == [8, 8], "9 was never told"
    await shop.carried_out()
    assert await shop.level(8) == []
    assert not await house.ledger.read(lambda tx: keeper._anything(tx, time.time()))


async def test_what_the_owner_has_taken_counts_until_its_next_figure(
    house: House, make_order: MakeOrder
) -> None:
    shop = Shop(house, rules())
    start = time.time()
    await shop.level(10, at=start - 10)
    order = make_order()
    await shop.tell(order, "order.placed")
    await shop.carried_out()
    subject = entity_id("web", "order", "1")
    await shop.tell(order, "order.submitted", subject, "erp")
    (row,) = await shop.rows(reservations)
    assert row.taken_at > 0
    assert await shop.level(10, at=start - 5) == [], "that figure is older: it is still taken off"
    assert await shop.level(5, at=time.time() + 1) == [], "the owner has taken it off itself"
    assert await shop.rows(reservations) == []
    paid = make_order(note="x")
    assert await shop.tell(paid, "order.updated") == [], "and it is not set aside again"
    assert await shop.rows(reservations) == []


@pytest.mark.parametrize("what", ["a bundle", "executed by region"])
async def test_what_the_owner_counts_is_not_set_aside_again(
    house: House, make_order: MakeOrder, what: str
) -> None:
    base = rules()
    us = Override(region="us", execute="erp")
    under = replace(
        base,
        domains={
            **base.domains,
            "orders": Domain(capture=("web", "shop"), execute="erp_eu", overrides=(us,)),
        },
        regions={"us": ("US",)},
    )
    shop = Shop(house, base if what == "a bundle" else under)
    await shop.level(10, at=time.time() - 10)
    (line,) = make_order().lines
    if what == "a bundle":
        parts = (LineComponent(sku="MUG", quantity=1),)
        line = line.model_copy(update={"sku": "BOX", "components": parts})
    order = make_order(lines=(line,), shipping_address=Address(country="US"))
    await shop.tell(order, "order.placed")
    await shop.carried_out()
    await shop.tell(order, "order.submitted", entity_id("web", "order", "1"), "erp")
    assert await shop.level(5, at=time.time() + 1) == []
    assert await shop.rows(reservations) == []
    noted = order.model_copy(update={"note": "x"})
    assert await shop.tell(noted, "order.updated") == []
    assert await shop.rows(reservations) == []


async def test_an_owner_that_counts_what_lies_there_keeps_it_until_it_has_left(
    house: House, make_order: MakeOrder
) -> None:
    shop = Shop(house, rules())
    data = InventoryLevel(sku="MUG", location="WH", on_hand=10)
    await shop.tell(data, "inventory.level_changed", "L1", "erp", time.time() - 60)
    order = make_order()
    await shop.tell(order, "order.placed")
    subject = entity_id("web", "order", "1")
    await shop.tell(order, "order.submitted", subject, "erp")
    line = FulfillmentLine(line_id="1", quantity=2)
    part = Fulfillment(order=EntityRef(id=subject), lines=(line,))
    await shop.tell(part, "fulfillment.shipped", "F1", "erp")
    rows = {row.line_id: row for row in await shop.rows(reservations)}
    assert rows["1"].quantity == "3"
    assert rows["1"].taken_at == 0
    (left,) = [row for name, row in rows.items() if name != "1"]
    assert D(left.quantity) == 2
    assert left.taken_at > 0
    later = data.model_copy(update={"on_hand": D(8)})
    await shop.tell(later, "inventory.level_changed", "L1", "erp", time.time() + 1)
    assert [row.line_id for row in await shop.rows(reservations)] == ["1"]


def till_sale(make_order: MakeOrder, **fields: Any) -> Order:
    """One MUG, sold at a till and gone with the customer when we hear of it."""
    (line,) = make_order(ordered=1).lines
    gone = {"shipped": D(1), "delivered": D(1), "fulfilled_by": "store", "location": "WH"}
    return make_order(
        lines=(line.model_copy(update={**gone, "requires_shipping": False}),), **fields
    )


@pytest.mark.parametrize("owner", ["erp", "dc1"])
@pytest.mark.parametrize("figure", ["available", "on_hand"])
async def test_a_sale_at_the_till_is_taken_off_once(
    house: House, make_order: MakeOrder, figure: str, owner: str
) -> None:
    """Also where a warehouse counts, which never hears of till sales."""
    shop = Shop(house, rules(owner=owner))
    start = time.time()

    async def says(quantity: int, at: float) -> list[str]:
        """The owner, that so much may be sold, or that so much lies there."""
        data = InventoryLevel.model_validate({"sku": "MUG", "location": "WH", figure: quantity})
        return await shop.tell(data, "inventory.level_changed", "L1", owner, at)

    await says(10, start - 10)
    await shop.carried_out()
    got = await shop.tell(till_sale(make_order), "order.updated", by="shop")
    assert "order.create at erp" in got
    assert "inventory.publish at web 9" in got
    await shop.carried_out()
    assert await says(10, start - 5) == [], "the owner does not know of it yet: still taken off"
    subject = entity_id("shop", "order", "1")
    await shop.tell(till_sale(make_order), "order.submitted", subject, "erp")
    assert await says(9, time.time() + 1) == [], "now it does: 9 is 9, and not 8"
    assert await shop.rows(reservations) == []
    again = till_sale(make_order, note="the till tells it a second time")
    assert await shop.tell(again, "order.updated", by="shop") == []
    assert await shop.rows(reservations) == [], "nothing is set aside for what is gone"
    assert {row.wanted for row in await shop.rows(offers)} == {"9"}


async def test_what_has_left_the_till_does_not_wait_for_stock(
    house: House, make_order: MakeOrder
) -> None:
    """The figures were wrong, and a person hears of it; but the sale is a sale."""
    shop = Shop(house, rules("stock"))
    await shop.level(0)
    await shop.carried_out()
    got = await shop.tell(till_sale(make_order), "order.updated", by="shop")
    assert "order.create at erp" in got
    assert "inventory.shortfall_detected at crossdock" in got


async def test_what_is_picked_up_later_stays_set_aside_until_the_owner_ships_it(
    house: House, make_order: MakeOrder
) -> None:
    """The owner was given an order to hand over; only its own news says that it has booked it."""
    shop = Shop(house, rules())
    data = InventoryLevel(sku="MUG", location="WH", on_hand=10)
    await shop.tell(data, "inventory.level_changed", "L1", "erp", time.time() - 60)
    gone = till_sale(make_order)
    (line,) = gone.lines
    waits = line.model_copy(update={"shipped": D(0), "delivered": D(0)})
    order = gone.model_copy(update={"lines": (waits,)})
    await shop.tell(order, "order.updated", by="shop")
    subject = entity_id("shop", "order", "1")
    await shop.tell(order, "order.submitted", subject, "erp")
    await shop.tell(data, "inventory.level_changed", "L1", "erp", time.time() + 1)
    await shop.tell(gone, "order.updated", by="shop")
    (row,) = await shop.rows(reservations)
    assert (row.quantity, row.taken_at) == ("1", 0)


async def test_a_cancelled_order_gives_its_stock_back(house: House, make_order: MakeOrder) -> None:
    shop = Shop(house, rules())
    await shop.level(10)
    await shop.carried_out()
    await shop.tell(make_order(), "order.placed")
    await shop.carried_out()
    gone = make_order(cancelled_at="2026-01-02T00:00:00Z")
    got = await shop.tell(gone, "order.cancelled")
    assert "inventory.publish at shop 10" in got
    assert await shop.rows(reservations) == []


async def test_policies_are_those_of_the_channel(house: House) -> None:
    overrides = (Override(channel="shop", safety_stock=D(4), cap=D(5)),)
    shop = Shop(house, rules(safety_stock=D(1), overrides=overrides))
    assert set(await shop.level(10)) == {
        "inventory.publish at shop 5",
        "inventory.publish at web 9",
    }


async def test_a_shortfall_is_an_event_and_a_case_never_a_silent_cap(
    house: House, make_order: MakeOrder
) -> None:
    shop = Shop(house, rules())
    await shop.level(3)
    await shop.carried_out()
    got = await shop.tell(make_order(), "order.placed")
    assert "order.create at erp" in got
    assert "inventory.shortfall_detected at crossdock" in got
    assert "inventory.publish at shop 0" in got
    (case,) = await house.ledger.read(lambda tx: settling.cases(tx, "exceptions"))
    assert case.code == "oversold"
    assert "5 of MUG are wanted and 3 are there" in case.message
    (row,) = [one for one in await shop.rows(offers) if one.channel == "shop"]
    assert row.wanted == "0"


async def test_how_many_orders_need_what_is_not_there_is_told_with_its_case(
    house: House, make_order: MakeOrder
) -> None:
    shop = Shop(house, rules())
    await shop.level(9)
    for native in ("1", "2"):
        await shop.tell(make_order(native, ordered=2), "order.placed", native)
    missing = InventoryLevel(sku="MUG", location="WH", available=9, on_hand=-1)
    await shop.tell(missing, "inventory.level_changed", "L1", "erp")
    found = await house.ledger.read(lambda tx: settling.cases(tx, "exceptions"))
    hangs = await house.ledger.read(lambda tx: impacts(tx, found))
    assert [(one.code, hangs[one.id].people) for one in found] == [("negative_stock", 2)]


async def test_a_line_ships_from_the_first_place_of_the_rule_that_has_all_of_it(
    house: House, make_order: MakeOrder
) -> None:
    base = rules()
    under = replace(
        base,
        domains={**base.domains, "fulfillment": Domain(owner="dc1", publish_to=("web",))},
        handles={**base.handles, "dc1": frozenset({"fulfillment_order.create"})},
        places=(Place(name="WH", region="eu"), Place(name="WH2", region="eu")),
        regions={"eu": ("DE",)},
    )
    shop = Shop(house, under)
    await shop.level(3)
    level = InventoryLevel(sku="MUG", location="WH2", available=9)
    await shop.tell(level, "inventory.level_changed", "L2", "erp")
    order = make_order(shipping_address=Address(country="DE"))
    await shop.tell(order, "order.placed")
    (row,) = await shop.rows(reservations)
    assert (row.location, row.quantity) == ("WH2", "5"), "set aside where it ships from"

    async def instructions() -> list[str]:
        rows = [row for row in await shop.rows(outbox) if row.type == "fulfillment_order.create"]
        return [FulfillmentOrder.parse(bytes(row.body)).location for row in rows]

    assert await instructions() == ["WH2"]
    await shop.level(50)
    paid = PaymentSummary(captured=Money(amount="50.00", currency="EUR"))
    await shop.tell(order.model_copy(update={"payment": paid}), "order.paid")
    assert await instructions() == ["WH2"], "it stays where it was instructed"
    await shop.tell(make_order("2", shipping_address=Address(country="DE")), "order.placed", "2")
    assert await instructions() == ["WH2", "WH"]


async def test_the_owners_word_of_an_oversale_is_one_case_with_the_newest_figure(
    house: House,
) -> None:
    under = replace(rules(), domains={**rules().domains, "inventory": Domain(owner="erp")})
    shop = Shop(house, under)
    for figure in (-1, -4):
        await shop.level(figure)
    (case,) = await house.ledger.read(lambda tx: settling.cases(tx, "exceptions"))
    assert (case.code, case.label) == ("oversold", "MUG at WH")
    assert "4 more were sold by web" in case.message
    assert not settling.can_retry(case)
    await shop.level(2)
    assert await house.ledger.read(lambda tx: settling.cases(tx, "exceptions")) == []


async def test_with_the_check_of_stock_it_is_held_and_goes_on_when_goods_arrive(
    house: House, make_order: MakeOrder
) -> None:
    under = rules("stock")
    shop = Shop(house, under)
    await shop.level(3)
    await shop.carried_out()
    got = await shop.tell(make_order(), "order.placed")
    assert "order.create at erp" not in got
    assert await shop.rows(reservations) == [], "a part of it helps nobody"
    (case,) = await house.ledger.read(lambda tx: settling.cases(tx, "exceptions"))
    assert (case.code, case.held) == ("oversold", True)
    await shop.level(3, incoming=9)
    keeper = Stockkeeper(house, TOPOLOGY, under)
    assert await house.ledger.read(keeper._waiting) is None
    await shop.level(8)
    await shop.carried_out()
    sends = await house.ledger.write(lambda tx: keeper._round(tx, time.time(), measure=False))
    (release,) = [send for send in sends if send.type == "hold.released"]
    item = Item(Envelope.read(release.message.headers), release.body, release.message.address)
    assert item.envelope.time.endswith("Z")
    names = [Envelope.read(m.headers).name for m in await shop.stage.process([item])]
    assert "order.create" in names
    (row,) = await shop.rows(reservations)
    assert row.quantity == "5"
    assert await house.ledger.read(lambda tx: settling.cases(tx, "exceptions")) == []


async def test_a_sku_that_the_owner_never_told_of_is_held_until_it_does(
    house: House, make_order: MakeOrder
) -> None:
    under = rules("stock")
    shop = Shop(house, under)
    got = await shop.tell(make_order(), "order.placed")
    assert got == []
    (case,) = await house.ledger.read(lambda tx: settling.cases(tx, "exceptions"))
    assert case.code == "unknown_sku"
    assert "web sold MUG, and the owner has told of no such SKU" in case.message
    await shop.level(8)
    keeper = Stockkeeper(house, TOPOLOGY, under)
    assert await house.ledger.read(keeper._waiting) == entity_id("web", "order", "1")
    plain = Shop(house, rules())
    plain.clock = 50
    cup = make_order("2").lines[0].model_copy(update={"sku": "CUP"})
    got = await plain.tell(make_order("2", lines=(cup,)), "order.placed", "2")
    assert got == ["order.create at erp"], "without the check nobody stops it"


async def test_a_backorder_waits_without_a_person(house: House, make_order: MakeOrder) -> None:
    shop = Shop(house, rules("stock"))
    await shop.level(3, incoming=10)
    await shop.tell(make_order(), "order.placed")
    assert await house.ledger.read(lambda tx: settling.cases(tx, "exceptions")) == []


@pytest.mark.parametrize(("days", "waits"), [(30, True), (-1, False)], ids=["later", "now"])
async def test_a_preorder_waits_for_its_goods_without_a_person(
    house: House, make_order: MakeOrder, days: int, *, waits: bool
) -> None:
    under = rules("stock")
    shop = Shop(house, under)
    await shop.level(3)
    order = make_order()
    await shop.tell(order, "order.placed")
    subject = entity_id("web", "order", "1")
    said = Promise(
        order=EntityRef(id=subject),
        deliver_from=order.placed_at + timedelta(days=days),
        made_at=order.placed_at,
    )
    await shop.tell(said, "promise.made", "P1")

    async def called() -> list[str]:
        due = await house.ledger.write(lambda tx: desk.due(tx, 10.0**12, 0.0))
        out = []
        for one in due:
            envelope = Envelope.read(one.headers)
            item = Item(envelope, one.body, one.address, retry=True)
            out += [Envelope.read(m.headers).name for m in await shop.stage.process([item])]
        return out

    assert await called() == []
    cases = await house.ledger.read(lambda tx: settling.cases(tx, "exceptions"))
    assert [case.code for case in cases] == ([] if waits else ["oversold"])
    await shop.level(8)
    await shop.carried_out()
    keeper = Stockkeeper(house, TOPOLOGY, under)
    sends = await house.ledger.write(lambda tx: keeper._round(tx, time.time(), measure=False))
    (release,) = [send for send in sends if send.type == "hold.released"]
    item = Item(Envelope.read(release.message.headers), release.body, release.message.address)
    names = [Envelope.read(m.headers).name for m in await shop.stage.process([item])]
    assert "order.create" in names, "the goods are there"


async def test_reservations_of_orders_that_wait_lapse(house: House, make_order: MakeOrder) -> None:
    under = rules("payment")
    shop = Shop(house, under)
    await shop.level(10)
    await shop.carried_out()
    await shop.tell(make_order(), "order.placed")
    await shop.carried_out()
    (row,) = await shop.rows(reservations)
    assert 3500 < row.expires_at - time.time() <= 3600
    keeper = Stockkeeper(house, TOPOLOGY, under)
    later = time.time() + 3700
    sends = await house.ledger.write(lambda tx: keeper._round(tx, later, measure=False))
    assert await shop.rows(reservations) == []
    assert {InventoryLevel.parse(send.body).available for send in sends} == {D(10)}


async def test_a_channel_that_has_answered_is_told_the_newest_figure_at_once(
    house: House, make_order: MakeOrder, vendor: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stockkeeper is woken by the answer; its clock would come round in a minute only."""
    monkeypatch.setattr(stockkeeper, "EVERY_S", 60.0)
    under = rules()
    shop = Shop(house, under)
    await shop.level(10)
    await shop.tell(make_order(), "order.placed")
    keeper = Stockkeeper(house, TOPOLOGY, under)
    told = asyncio.Event()

    async def once() -> int:
        rows = await house.ledger.read(lambda tx: stockbook.to_tell(tx, 10))
        if rows:
            told.set()
        return len(rows)

    keeper.once = once  # type: ignore[method-assign]
    running = asyncio.create_task(keeper.run())
    await asyncio.sleep(0.1)
    assert not told.is_set(), "both are being told the first figure"
    lines = await house.ledger.read(lambda tx: traffic.unanswered(tx, before=time.time() + 1))
    messages = [one.send.message for one in lines if one.send.connection == "web"]
    items = [Item(Envelope.read(one.headers), one.body, one.address) for one in messages]
    await Deliver(house, TOPOLOGY, Target(name="web", port=vendor)).process(items)
    await asyncio.wait_for(told.wait(), 20.0)
    running.cancel()


async def test_what_is_nearly_sold_out_does_not_stand_behind_all_the_others(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "AT_ONCE", 5)
    under = rules(publish_to=("web",))
    shop, keeper = Shop(house, under), Stockkeeper(house, TOPOLOGY, under)

    async def level(sku: str, amount: int) -> list[str]:
        data = InventoryLevel(sku=sku, location="WH", available=amount)
        return await shop.tell(data, "inventory.level_changed", sku, "erp")

    async def told(after: int) -> list[str]:
        rows = [
            r for r in await shop.rows(outbox) if r.type == "inventory.publish" and r.seq > after
        ]
        figures = [InventoryLevel.parse(row.body) for row in sorted(rows, key=lambda row: row.seq)]
        return [f"{one.sku} {one.available}" for one in figures]

    for at in range(30):  # a whole stock is counted anew, and the channel is slow
        await level(f"S{at:02}", 100)
    assert len(await told(0)) == 5, "no more are on their way than it can be asked at once"
    assert await level("S29", 1) == []
    assert await level("S03", 2) == []
    last = max(row.seq for row in await shop.rows(outbox))
    assert not await house.ledger.read(lambda tx: keeper._anything(tx, time.time()))
    await shop.carried_out()
    house.pace.told("web", -5)
    assert await house.ledger.read(lambda tx: keeper._anything(tx, time.time()))
    await house.ledger.write(lambda tx: keeper._round(tx, time.time(), measure=False))
    first = await told(last)
    assert (len(first), first[:2]) == (5, ["S29 1", "S03 2"])
    for _ in range(10):
        await shop.carried_out()  # where another runner had the answers, they are counted
        await house.ledger.write(lambda tx: keeper._round(tx, time.time(), measure=False))
    assert len(await told(0)) == 31, "each was told, once or with its newest figure"


async def test_pieces_of_ones_own_are_kept_by_each_database(
    house: House, make_order: MakeOrder
) -> None:
    under = rules(allocation="exclusive", order_lag_s=0.0)
    shop, keeper = Shop(house, under), Stockkeeper(house, TOPOLOGY, under)

    async def keep(after_s: float) -> list[str]:
        now = time.time() + after_s
        sends = await house.ledger.write(lambda tx: keeper._round(tx, now, measure=True))
        await shop.carried_out()
        return [f"{one.connection} {InventoryLevel.parse(one.body).available}" for one in sends]

    assert set(await shop.level(10)) == {
        "inventory.publish at shop 5",
        "inventory.publish at web 5",
    }
    await shop.carried_out()
    assert await keep(1.0) == []
    got = await shop.tell(make_order(), "order.placed")
    assert set(got) == {"order.create at erp", "inventory.publish at shop 0"}, "it never sold any"
    assert {row.channel: (row.most, row.bound) for row in await shop.rows(allotments)} == {
        "shop": ("5", "0"),
        "web": ("0", ""),
    }, "told 0, and it may still sell five"
    assert await keep(2.0) == [], "it has not answered"
    assert set(await keep(3.0)) == {"web 4", "shop 1"}


async def test_the_lag_buffer_follows_what_is_sold(house: House, make_order: MakeOrder) -> None:
    under = rules(lag_buffer=True)
    shop = Shop(house, under)
    await shop.level(1000)
    for number in range(30):
        await shop.tell(make_order(str(number)), "order.placed", str(number))
    await shop.carried_out()
    keeper = Stockkeeper(house, TOPOLOGY, under)
    now = time.time()
    buffers = await house.ledger.read(lambda tx: keeper._buffers(tx, now))
    assert set(buffers) == {("web", "MUG"), ("shop", "MUG")}
    keeper._propagation = lambda tx, channel, now: 12.0  # type: ignore[method-assign]
    slow = await house.ledger.read(lambda tx: keeper._buffers(tx, now))
    assert slow["web", "MUG"] == 3, "150 in ten minutes, twelve seconds behind"
    sends = await house.ledger.write(lambda tx: keeper._round(tx, now, measure=True))
    assert {InventoryLevel.parse(send.body).available for send in sends} == {D(847)}


async def test_a_buffer_that_comes_as_stock_comes_back_is_taken_off_again(
    house: House, make_order: MakeOrder, monkeypatch: pytest.MonkeyPatch
) -> None:
    under = rules("payment", lag_buffer=True, reserve_s=60.0, publish_to=("web",))
    shop, keeper = Shop(house, under), Stockkeeper(house, TOPOLOGY, under)
    monkeypatch.setattr(keeper, "_propagation", lambda tx, channel, now: 1.0)
    await shop.level(10)
    await shop.tell(make_order(ordered=1), "order.placed")
    await shop.carried_out()

    async def told(later_s: float, *, measure: bool = True) -> list[Decimal | None]:
        now = time.time() + later_s
        sends = await house.ledger.write(lambda tx: keeper._round(tx, now, measure=measure))
        await shop.carried_out()
        return [InventoryLevel.parse(send.body).available for send in sends]

    assert await told(0, measure=False) == [D(9)], "what is set aside"
    assert await told(61) == [], "it lapses, and what is sold meanwhile is kept back instead"
    assert await told(700) == [D(10)]


async def test_news_that_comes_twice_takes_stock_once(house: House, make_order: MakeOrder) -> None:
    shop = Shop(house, rules())
    await shop.level(10)
    await shop.tell(make_order(), "order.placed")
    await shop.tell(make_order(), "order.updated")
    (row,) = await shop.rows(reservations)
    assert row.quantity == "5"


async def test_of_a_thousand_buyers_for_a_hundred_exactly_a_hundred_get_it(
    house: House, make_order: MakeOrder
) -> None:
    under = rules("stock")
    shop = Shop(house, under)
    await shop.level(100)
    await shop.carried_out()
    items = []
    for number in range(1000):
        by = ("web", "shop")[number % 2]
        own = entity_id(by, "order", str(number))
        envelope = Envelope(
            id=f"evt_{number}",
            source="s",
            type="crossdock.order.placed.v1",
            subject=own,
            key=own,
            time="",
            connection=by,
            revision="1",
            native=str(number),
        )
        message = TOPOLOGY.event(envelope, make_order(str(number), ordered=1).dump())
        items.append(Item(Envelope.read(message.headers), message.body, message.address))
    sold = 0
    for start in range(0, 1000, 100):
        sent = await shop.stage.process(items[start : start + 100])
        sold += sum(Envelope.read(m.headers).name == "order.create" for m in sent)
    assert sold == 100
    cases = await house.ledger.read(lambda tx: settling.cases(tx, "exceptions"))
    assert len(cases) == 900
    assert {case.code for case in cases} == {"oversold"}

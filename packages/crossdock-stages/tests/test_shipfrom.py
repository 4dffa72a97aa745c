"""Ship-from by rule: whole where it can be, split by the rule; alone and at the stage."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from crossdock.canonical import (
    Address,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    FulfillmentOrder,
    InventoryLevel,
    Order,
)
from crossdock.events import COMMAND_TYPES
from crossdock.identity import entity_id
from crossdock_stages.book import Book, Part
from crossdock_stages.ledger import Ledger
from crossdock_stages.ledger.audit import audit
from crossdock_stages.ledger.tables import outbox, reservations
from crossdock_stages.rules import Domain, Override, Place, Rules
from crossdock_stages.shipfrom import Need, Rule, choose, refit
from hypothesis import given
from hypothesis import strategies as st

MakeOrder = Callable[..., Order]
D = Decimal
ORDER = entity_id("web", "order", "1")
ALL = ("A", "B", "C")


def stock(**left: int) -> dict[str, dict[str, Decimal]]:
    """One SKU by place."""
    return {"MUG": {place: D(amount) for place, amount in left.items()}}


def chosen(needs: list[int], left: Any, rule: Rule, used: tuple[str, ...] = ()) -> dict[str, Any]:
    told = [Need(str(n), "MUG", D(amount)) for n, amount in enumerate(needs, 1)]
    return {
        line: {place: int(amount) for place, amount in at.items()}
        for line, at in choose(told, left, ALL, rule, used).items()
    }


class TestChoice:
    @pytest.mark.parametrize(
        ("needs", "left", "rule", "found"),
        [
            ([5], stock(A=9, B=9), Rule(), {"1": {"A": 5}}),
            ([5], stock(A=3, B=9), Rule(), {"1": {"B": 5}}),
            ([5], stock(A=3, B=4), Rule(), {}),
            ([5, 5], stock(A=5, B=9), Rule(), {"1": {"A": 5}, "2": {"B": 5}}),
            ([5, 5], stock(A=5, B=9), Rule(split="never"), {}),
            ([5, 5], stock(A=5, B=10), Rule(split="never"), {"1": {"B": 5}, "2": {"B": 5}}),
            ([5, 5], stock(A=5, B=10), Rule(split="quantity"), {"1": {"B": 5}, "2": {"B": 5}}),
            ([5], stock(A=3, B=4), Rule(split="quantity"), {"1": {"B": 4, "A": 1}}),
            ([9], stock(A=3, B=4, C=2), Rule(split="quantity"), {"1": {"B": 4, "A": 3, "C": 2}}),
            ([9], stock(A=3, B=4, C=2), Rule(split="quantity", parcels=2), {}),
            ([7], stock(A=3, B=4, C=2), Rule(split="quantity", parcels=2), {"1": {"B": 4, "A": 3}}),
            ([9], stock(A=3, B=4), Rule(split="quantity"), {}),
            ([4, 4], stock(A=4, B=5), Rule(parcels=1), {"1": {"A": 4}}),
        ],
    )
    def test_by_the_rule(
        self, needs: list[int], left: Any, rule: Rule, found: dict[str, Any]
    ) -> None:
        assert chosen(needs, left, rule) == found

    def test_who_ships_anyway_comes_first_where_parcels_count(self) -> None:
        left = stock(A=5, B=5)
        assert chosen([2], left, Rule(parcels=2), ("B",)) == {"1": {"B": 2}}
        assert chosen([2], left, Rule(), ("B",)) == {"1": {"A": 2}}

    @given(
        st.lists(st.integers(1, 9), min_size=1, max_size=4),
        st.dictionaries(st.sampled_from(ALL), st.integers(-3, 9)),
        st.sampled_from(["never", "line", "quantity"]),
        st.one_of(st.none(), st.integers(1, 3)),
    )
    def test_no_more_than_there_is_and_never_half_a_line(
        self, needs: list[int], left: dict[str, int], split: str, parcels: int | None
    ) -> None:
        found = chosen(needs, stock(**left), Rule(split=split, parcels=parcels))
        places: set[str] = set()
        for line, at in found.items():
            assert sum(at.values()) == needs[int(line) - 1]
            places |= set(at)
        for place in places:
            assert sum(at.get(place, 0) for at in found.values()) <= left[place]
        assert parcels is None or len(places) <= parcels
        if split != "quantity":
            assert all(len(at) == 1 for at in found.values())


class TestEdits:
    @pytest.mark.parametrize(
        ("wanted", "left", "fitted"),
        [
            (10, {}, {"A": 6, "B": 4}),
            (8, {}, {"A": 6, "B": 2}),
            (5, {}, {"A": 5}),
            (5, {"B": 3}, {"A": 2, "B": 3}),
            (12, {}, {"A": 8, "B": 4}),
        ],
    )
    def test_less_comes_off_the_last_place_and_never_what_has_left(
        self, wanted: int, left: dict[str, int], fitted: dict[str, int]
    ) -> None:
        gone = {place: D(amount) for place, amount in left.items()}
        assert refit({"A": D(6), "B": D(4)}, D(wanted), gone) == fitted

    def test_a_book_knows_from_where_it_left(self) -> None:
        split = {"1": {"A": D(6), "B": D(4)}}
        gone = {
            "f1": Part("dc2", "F1", {"1": D(3)}, place="B"),
            "f2": Part("dc1", "F2", {"1": D(2)}),
            "f3": Part("dc2", "F3", {"1": D(2)}, place="B"),
        }
        book = Book(splits=split, shipped=gone)
        assert book.left_from("1") == {"A": D(3), "B": D(4)}, "what B had not, A did"
        text = book.dump()
        assert json.loads(text)["shipped"]["f1"] == ["dc2", "F1", {"1": "3"}, {}, "B"]
        assert Book.load(text + " ").left_from("1") == book.left_from("1")


def rules(**rule: Any) -> Rules:
    return Rules(
        domains={
            "orders": Domain(capture=("web",), execute="erp", checks=("stock",)),
            "inventory": Domain(owner="wms", publish_to=(), reserve_s=3600.0),
            "fulfillment": Domain(
                owner="dc1",
                publish_to=("erp", "web"),
                overrides=(Override(location="B", owner="dc2"),),
                ship=Rule(**rule),
            ),
        },
        handles=dict.fromkeys(("web", "erp", "dc1", "dc2"), frozenset(COMMAND_TYPES)),
        places=(Place(name="A"), Place(name="B")),
    )


class Floor:
    """Two houses with six and four of a thing, and what they are asked."""

    def __init__(self, here: Any) -> None:
        self.here = here
        self.read = 0

    async def counts(self, **there: int) -> None:
        for place, amount in there.items():
            level = InventoryLevel(sku="MUG", location=place, available=amount)
            await self.here.tell("inventory.level_changed", level, "wms", place)

    async def instructions(self) -> list[str]:
        """What the houses were asked since the last time."""
        rows = sorted(await self.here.rows(outbox), key=lambda row: row.seq)
        new, self.read = rows[self.read :], len(rows)
        out = []
        for row in new:
            if row.type == "fulfillment_order.create":
                data = FulfillmentOrder.parse(bytes(row.body))
                lines = ", ".join(f"{line.requested:f} of {line.sku}" for line in data.lines)
                out.append(f"{row.connection} ships {lines} from {data.location}")
            elif row.type == "fulfillment_order.cancel":
                place = FulfillmentOrder.parse(bytes(row.body)).location
                out.append(f"{row.connection} is called off at {place}")
        return out

    async def aside(self) -> dict[str, int]:
        rows = await self.here.rows(reservations)
        out: dict[str, int] = {}
        for row in rows:
            if "~" not in row.line_id:
                out[row.location] = out.get(row.location, 0) + int(Decimal(row.quantity))
        return out

    async def ships(self, by: str, quantity: int, number: str, place: str | None = None) -> None:
        line = FulfillmentLine(line_id="1", quantity=quantity)
        data = Fulfillment(order=EntityRef(id=ORDER), number=number, lines=(line,), location=place)
        await self.here.tell("fulfillment.shipped", data, by, number)


@pytest.fixture
def floor(ledger: Ledger, at_desk: Callable[..., Any]) -> Floor:
    return Floor(at_desk(ledger, rules(split="quantity")))


def order(make_order: MakeOrder, ordered: int = 10, **fields: Any) -> Order:
    return make_order(ordered=ordered, shipping_address=Address(country="DE"), **fields)


async def test_what_no_place_has_whole_is_split_over_places(
    floor: Floor, make_order: MakeOrder
) -> None:
    await floor.counts(A=6, B=5)
    await floor.here.tell("order.placed", order(make_order))
    assert await floor.instructions() == ["dc1 ships 6 of MUG from A", "dc2 ships 4 of MUG from B"]
    assert await floor.aside() == {"A": 6, "B": 4}

    await floor.ships("dc2", 3, "F1")
    _, book, _ = await floor.here.order()
    assert book.left_from("1") == {"A": D(0), "B": D(3)}, "it names no place, and ships from one"
    assert book.open_of("1") == 7
    assert await floor.aside() == {"A": 6, "B": 1}
    await floor.ships("dc1", 6, "F2", "A")
    await floor.ships("dc2", 1, "F3", "B")
    _, book, _ = await floor.here.order()
    assert (book.shipped_of("1"), book.holds) == (10, {}), "counters are summed over the places"
    assert await floor.aside() == {}
    assert await floor.instructions() == []
    assert await floor.here.ledger.read(audit) == []


async def test_a_part_that_is_cancelled_comes_off_the_last_place(
    floor: Floor, make_order: MakeOrder
) -> None:
    await floor.counts(A=6, B=5)
    await floor.here.tell("order.placed", order(make_order))
    await floor.instructions()
    (line,) = order(make_order).lines

    async def cancelled(amount: int) -> None:
        less = line.model_copy(update={"cancelled": D(amount)})
        await floor.here.tell("order.updated", order(make_order, lines=(less,)))

    await floor.ships("dc2", 1, "F1")
    await cancelled(2)
    assert await floor.instructions() == ["dc2 is called off at B", "dc2 ships 1 of MUG from B"]
    assert await floor.aside() == {"A": 6, "B": 1}
    await cancelled(5)
    assert await floor.instructions() == [
        "dc1 is called off at A",
        "dc1 ships 4 of MUG from A",
        "dc2 is called off at B",
    ]
    assert await floor.aside() == {"A": 4}
    await floor.ships("dc1", 4, "F2")
    _, book, _ = await floor.here.order()
    assert (book.open_of("1"), book.holds) == (0, {})


async def test_a_whole_order_is_called_off_at_each_of_its_places(
    floor: Floor, make_order: MakeOrder
) -> None:
    await floor.counts(A=6, B=5)
    await floor.here.tell("order.placed", order(make_order))
    await floor.instructions()
    gone = datetime(2026, 1, 2, tzinfo=UTC)
    await floor.here.tell("order.cancelled", order(make_order, cancelled_at=gone))
    assert await floor.instructions() == ["dc1 is called off at A", "dc2 is called off at B"]
    assert await floor.aside() == {}


async def test_what_was_held_for_want_of_stock_is_placed_when_it_goes_on(
    floor: Floor, make_order: MakeOrder
) -> None:
    await floor.counts(A=6, B=1)
    await floor.here.tell("order.placed", order(make_order))
    assert [case.code for case in await floor.here.cases()] == ["oversold"]
    await floor.counts(B=4)
    await floor.here.release(ORDER, "stock")
    assert await floor.instructions() == ["dc1 ships 6 of MUG from A", "dc2 ships 4 of MUG from B"]
    assert await floor.aside() == {"A": 6, "B": 4}


async def test_one_place_is_preferred_where_it_has_all_of_it(
    floor: Floor, make_order: MakeOrder
) -> None:
    await floor.counts(A=6, B=10)
    await floor.here.tell("order.placed", order(make_order))
    assert await floor.instructions() == ["dc2 ships 10 of MUG from B"]


@pytest.mark.parametrize("rule", [{"split": "line"}, {"split": "quantity", "max": 1}])
async def test_without_leave_to_split_it_stays_at_one_place(
    sqlite_ledger: Ledger,
    at_desk: Callable[..., Any],
    make_order: MakeOrder,
    rule: dict[str, Any],
) -> None:
    floor = Floor(at_desk(sqlite_ledger, rules(split=rule["split"], parcels=rule.get("max"))))
    await floor.counts(A=6, B=5)
    await floor.here.tell("order.placed", order(make_order))
    assert await floor.instructions() == ["dc1 ships 10 of MUG from A"]


async def test_a_tills_own_name_of_a_place_is_ours(
    sqlite_ledger: Ledger, at_desk: Callable[..., Any], make_order: MakeOrder
) -> None:
    under = replace(rules(), theirs={"web": {"L77": "B"}})
    floor = Floor(at_desk(sqlite_ledger, under))
    await floor.counts(A=9, B=9)
    (line,) = order(make_order).lines
    sold = line.model_copy(update={"location": "L77", "ordered": D(2)})
    await floor.here.tell("order.placed", order(make_order, lines=(sold,)))
    assert await floor.aside() == {"B": 2}, "not at the first place of the rule"
    assert await floor.instructions() == ["dc2 ships 2 of MUG from B"]
    (row,) = [one for one in await floor.here.rows(outbox) if one.type == "order.create"]
    assert Order.parse(bytes(row.body)).lines[0].location == "B", "others are told our name too"

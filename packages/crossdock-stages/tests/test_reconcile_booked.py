"""Returns, refunds, statements and prices compared, totals of orders, and copies told again."""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from crossdock.canonical import (
    ENTITIES,
    EntityRef,
    InventoryLevel,
    Money,
    Order,
    Price,
    Refund,
    Return,
    ReturnLine,
    Settlement,
    Totals,
)
from crossdock.connector import Config, Connector, Context, Register, Window
from crossdock.errors import RejectedError
from crossdock.events import COMMAND_TYPES, Event, Raw
from crossdock.identity import entity_id
from crossdock_stages import reconcile
from crossdock_stages.ledger import Ledger
from crossdock_stages.ledger.tables import cross_references, outbox
from crossdock_stages.ledger.tables import landing as landing_table
from crossdock_stages.reconcile import Report
from crossdock_stages.rules import Domain, Rules
from crossdock_stages.topology import Topology

MakeOrder = Callable[..., Order]
DAY = datetime(2026, 1, 2, tzinfo=UTC)
RULES = Rules(
    domains={
        "orders": Domain(capture=("web",), execute="erp"),
        "returns": Domain(capture=("web",), execute="erp"),
        "pricing": Domain(owner="pim", publish_to=("web",)),
        "settlement": Domain(capture=("web",), execute="erp"),
        "inventory": Domain(owner="dc1", publish_to=("erp",)),
    },
    handles=dict.fromkeys(("web", "erp"), frozenset(COMMAND_TYPES)),
)
NAMES = {
    "return": "return.authorised",
    "refund": "refund.succeeded",
    "settlement": "settlement.closed",
    "price": "price.changed",
    "order": "order.updated",
    "inventory": "inventory.level_changed",
}


def record(kind: str, native: str, data: Any, revision: int = 1) -> Raw:
    body = {"kind": kind, "id": native, "rev": revision, "data": data.dump().decode()}
    return Raw("thing", body, key=native, delivery_id=f"{native}-{revision}")


def _translate(raw: Raw) -> Iterator[Event[Any]]:
    body = raw.body
    data = ENTITIES[body["kind"]].parse(body["data"].encode())
    name = NAMES[body["kind"]]
    yield Event(type=name, data=data, native_id=body["id"], revision=body["rev"])


class Holds:
    """A system that says what it holds, by kind; what it does not know it refuses to say."""

    def __init__(self) -> None:
        self.records: dict[str, list[Raw]] = {}

    async def snapshot(self, window: Window) -> AsyncIterator[Raw]:
        if window.kind not in self.records:
            raise RejectedError(f"it has no {window.kind}", reason="not_handled")
        for raw in self.records[window.kind]:
            yield raw


@asynccontextmanager
async def _open(config: Config, context: Context) -> AsyncIterator[Holds]:
    yield Holds()


def teller() -> Connector:
    register = Register()
    register("teller", config=Config, open=_open, translate=_translate)
    return register.connectors["teller"]


class World:
    """The stage, and who can be asked what he holds."""

    def __init__(self, here: Any) -> None:
        self.here = here
        self.ports = {name: Holds() for name in ("web", "erp", "pim", "dc1")}

    async def compare(self, domain: str) -> Report:
        connectors = dict.fromkeys(self.ports, teller())
        return await reconcile.compare(domain, RULES, self.ports, connectors, self.here.ledger)

    async def tells(self, kind: str, native: str, data: Any, by: str = "web") -> None:
        """It is heard of, with the revision that the snapshot will show."""
        await self.here.tell(NAMES[kind], data, by, native)

    async def done(self, kind: str, native: str, name: str | None) -> None:
        """The ERP has carried out its command, under a name of its own."""
        own = entity_id("web", kind, native)

        def work(tx: Any) -> None:
            tx.execute(outbox.update().where(outbox.c.entity_id == own).values(state="done"))
            if name is not None:
                row = {"connection": "erp", "kind": kind, "native_id": name}
                tx.execute(cross_references.insert(), [{**row, "canonical_id": own, "at": 1.0}])

        await self.here.ledger.write(work)


def found(report: Report) -> list[tuple[str, str, str]]:
    return [(one.kind, one.connection, one.repair) for one in report.differences]


@pytest.fixture
def world(ledger: Ledger, at_desk: Callable[..., Any]) -> World:
    return World(at_desk(ledger, RULES))


def euros(amount: str) -> Money:
    return Money(amount=amount, currency="EUR")


def back(received: int = 0) -> Return:
    line = ReturnLine(line_id="1", requested=2, authorised=2, received=received)
    return Return(
        order=EntityRef(native_id="1"),
        number="R1",
        requested_at=DAY,
        authorised_at=DAY,
        lines=(line,),
    )


def refund(amount: str = "5") -> Refund:
    return Refund(
        order=EntityRef(native_id="1"),
        state="succeeded",
        amount=euros(amount),
        requested_at=DAY,
    )


def statement(total: str = "5") -> Settlement:
    return Settlement(
        number="S1",
        channel="web",
        period_start=DAY,
        period_end=DAY,
        closed_at=DAY,
        currency="EUR",
        total=euros(total),
    )


def price(amount: str) -> Price:
    return Price(sku="A", amount=euros(amount))


CASES = {
    "return": ("returns", "web", "R1", back(), back(2)),
    "refund": ("returns", "web", "M1", refund(), refund("6")),
    "settlement": ("settlement", "web", "S1", statement(), statement("6")),
    "price": (
        "pricing",
        "pim",
        "P1",
        Price(sku="A", amount=euros("5")),
        Price(sku="A", amount=euros("6")),
    ),
}


@pytest.mark.parametrize("kind", CASES)
async def test_what_never_came_or_came_no_further_is_landed(
    world: World, make_order: MakeOrder, kind: str
) -> None:
    domain, by, native, first, later = CASES[kind]
    await world.here.tell("order.placed", make_order("1"))
    holds = world.ports[by].records
    holds |= {"return": [], "refund": []}
    holds[kind] = [record(kind, native, first, 90)]
    report = await world.compare(domain)
    assert found(report) == [("missing", by, "land")]
    assert "its news never came" in report.differences[0].cause
    counts = await world.here.ledger.write(lambda tx: reconcile.apply(tx, report, time.time()))
    assert counts["land"] == 1
    (row,) = await world.here.rows(landing_table)
    assert (row.connection, row.road) == (by, "reconcile")
    await world.here.ledger.write(
        lambda tx: tx.execute(landing_table.update().values(settled=True))
    )
    world.here.clock = 89
    names: dict[str, Any] = {"id": entity_id(by, kind, native)}  # as translate fills them in
    if kind in {"return", "refund"}:
        names["order"] = EntityRef(id=entity_id("web", "order", "1"), native_id="1")
    await world.tells(kind, native, first.model_copy(update=names), by)
    assert found(await world.compare(domain)) == []
    holds[kind] = [record(kind, native, later, 91)]
    assert found(await world.compare(domain)) == [("outdated", by, "land")]


@pytest.mark.parametrize(
    ("kind", "domain"), [("return", "returns"), ("refund", "returns"), ("settlement", "settlement")]
)
async def test_what_its_book_has_not_got_is_told_with_its_cause(
    world: World, make_order: MakeOrder, kind: str, domain: str
) -> None:
    _, _, native, data, _ = CASES[kind]
    await world.here.tell("order.placed", make_order("1"))
    if kind != "settlement":
        data = data.model_copy(update={"order": EntityRef(id=entity_id("web", "order", "1"))})
    await world.tells(kind, native, data)
    holds = world.ports["erp"].records
    holds |= {"return": [], "refund": [], "settlement": []}
    (one,) = (await world.compare(domain)).differences
    assert (one.kind, one.repair, one.cause) == ("not_booked", "none", "it is on its way")
    await world.done(kind, native, None)
    (one,) = (await world.compare(domain)).differences
    assert (one.domain, one.kind, one.repair) == (domain, "not_booked", "person")
    await world.done(kind, native, "B7")
    (one,) = (await world.compare(domain)).differences
    assert (one.kind, one.repair) == ("vanished", "person")
    assert "erp had it as B7" in one.cause
    holds[kind] = [record(kind, "B7", data)]
    assert found(await world.compare(domain)) == []


async def test_who_cannot_say_it_is_named(world: World) -> None:
    report = await world.compare("returns")
    assert report.skipped == [
        "web cannot say what it holds: it has no return",
        "web cannot say what it holds: it has no refund",
        "erp cannot say what it holds: it has no return",
        "erp cannot say what it holds: it has no refund",
    ]


@pytest.mark.parametrize(("total", "differs"), [("50.01", False), ("49", True)])
async def test_totals_of_orders_are_compared_within_rounding(
    world: World, make_order: MakeOrder, total: str, *, differs: bool
) -> None:
    await world.here.tell("order.placed", make_order("1"))
    await world.done("order", "1", "SO1")
    world.ports["web"].records["order"] = []
    theirs = make_order("1", totals=Totals(total=euros(total)))
    world.ports["erp"].records["order"] = [record("order", "SO1", theirs)]
    told = (await world.compare("orders")).differences
    assert bool(told) is differs
    for one in told:
        assert (one.kind, one.repair) == ("differs", "person")
        assert (one.there, one.here) == ("a total of 49 EUR", "a total of 50.00 EUR")
        assert "changed by hand" in one.cause


async def test_a_copy_of_stock_is_told_the_owners_word_again(world: World) -> None:
    def level(on_hand: int) -> InventoryLevel:
        return InventoryLevel(sku="A", location="WH", on_hand=on_hand)

    await world.tells("inventory", "L1", level(7), "dc1")
    own = entity_id("dc1", "inventory", "L1")
    await world.here.ledger.write(lambda tx: tx.execute(outbox.update().values(state="done")))
    world.ports["dc1"].records["inventory"] = [record("inventory", "L1", level(7), 1)]
    world.ports["erp"].records["inventory"] = [record("inventory", "Q1", level(9))]
    report = await world.compare("inventory")
    assert found(report) == [("copy", "erp", "tell")]
    assert "moved or counted there" in report.differences[0].cause

    async def repair() -> int:
        told = await world.here.ledger.write(
            lambda tx: reconcile.apply(tx, report, time.time(), Topology())
        )
        return int(told["tell"])

    assert await repair() == 1
    rows = sorted(await world.here.rows(outbox), key=lambda row: row.seq)
    assert [(row.type, row.connection, row.entity_id) for row in rows] == [
        ("inventory.publish", "erp", own)
    ] * 2
    assert InventoryLevel.parse(bytes(rows[1].body)).on_hand == 7
    assert await repair() == 0, "it is on its way"
    assert found(await world.compare("inventory")) == [("copy", "erp", "none")]

"""Comparing what systems hold with what the ledger knows: each difference with its cause."""

import os
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from crossdock.bus import Bus
from crossdock.canonical import InventoryLevel, Order
from crossdock.connector import Connector, Window
from crossdock.errors import RejectedError
from crossdock.events import Envelope, Raw
from crossdock.identity import entity_id
from crossdock_stages import reconcile
from crossdock_stages.decide import Decide
from crossdock_stages.harness import House, Item
from crossdock_stages.ledger import Ledger, landing, settling
from crossdock_stages.ledger.audit import audit
from crossdock_stages.ledger.landing import Landed
from crossdock_stages.ledger.tables import (
    cross_references,
    entities,
    offers,
    outbox,
)
from crossdock_stages.ledger.tables import landing as landing_table
from crossdock_stages.reconcile import Report
from crossdock_stages.rules import Domain, Rules
from crossdock_stages.topology import Topology
from crossdock_stages.translate import Translate

MakeOrder = Callable[..., Order]
DAY = int(os.environ.get("CROSSDOCK_SILENCE_ORDERS", "240"))
"""Orders of the day with an hour of silence."""
TOPOLOGY = Topology(environment="test", lanes=1)


def rules(**inventory: Any) -> Rules:
    base: dict[str, Any] = {"owner": "erp", "publish_to": ("web",)}
    return Rules(
        domains={
            "orders": Domain(capture=("web",), execute="erp"),
            "inventory": Domain(**{**base, **inventory}),
        },
        handles={"erp": frozenset({"order.create"}), "web": frozenset({"inventory.publish"})},
    )


class Holder:
    """A system that says what it holds: facts in the dialect of the fake shop."""

    def __init__(self, *facts: dict[str, Any]) -> None:
        self.facts = list(facts)

    async def snapshot(self, window: Window) -> AsyncIterator[Raw]:
        for fact in self.facts:
            is_stock = str(fact.get("fact", "")).startswith("inventory")
            if is_stock == (window.kind == "inventory"):
                yield Raw("facts", [fact], key=str(fact["id"]))


class House8:
    """A line of stages without a bus, and the systems around it."""

    def __init__(self, ledger: Ledger, shop: Connector, under: Rules) -> None:
        self.house = House(bus=Bus("nats://127.0.0.1:1"), ledger=ledger)
        self.ledger = ledger
        self.rules = under
        self.connectors = {"web": shop, "erp": shop}
        self.translate = Translate(self.house, TOPOLOGY, self.connectors)
        self.decide = Decide(self.house, TOPOLOGY, under)
        self.ports: dict[str, object] = {"web": Holder(), "erp": Holder()}
        self.number = 0

    async def hears(self, *facts: Any, by: str = "web", go: bool = True) -> None:
        """A webhook with these facts, taken through the line."""
        self.number += 1
        row = Landed(
            id=landing.new_id(time.time()),
            connection=by,
            topic="facts",
            entity_key=str(facts[0]["id"]) if isinstance(facts[0], dict) else "k",
            delivery_id=f"d{self.number}",
            road="webhook",
            headers={},
            body=Raw("facts", list(facts)).data,
            received_at=time.time(),
        )
        await self.ledger.write(lambda tx: landing.land(tx, [row]))
        if go:
            await self.run(row)

    async def run(self, *rows: Landed) -> None:
        raws = [TOPOLOGY.raw(row) for row in rows]
        events = await self.translate.process(
            [Item(Envelope.read(m.headers), m.body, m.address) for m in raws]
        )
        items = [Item(Envelope.read(m.headers), m.body, m.address) for m in events]
        if items:
            await self.decide.process(items)

    async def hears_all(self, facts: Sequence[tuple[str, dict[str, Any]]]) -> None:
        """Webhooks of one fact each, a hundred at a time through the line."""
        for start in range(0, len(facts), 100):
            rows = []
            for by, fact in facts[start : start + 100]:
                self.number += 1
                row = Landed(
                    id=landing.new_id(time.time()),
                    connection=by,
                    topic="facts",
                    entity_key=str(fact["id"]),
                    delivery_id=f"d{self.number}",
                    road="webhook",
                    headers={},
                    body=Raw("facts", [fact]).data,
                    received_at=time.time(),
                )
                rows.append(row)
            await self.ledger.write(lambda tx, r=rows: landing.land(tx, r))  # type: ignore[misc]
            await self.run(*rows)

    async def run_landed(self) -> int:
        """What the sweeper would send: everything that is landed and not yet decided on."""
        found = await self.ledger.write(lambda tx: landing.unsettled(tx, before=time.time() + 60))
        for start in range(0, len(found), 100):
            await self.run(*(one.row for one in found[start : start + 100]))
        return len(found)

    async def compare(self, domain: str) -> Report:
        return await reconcile.compare(domain, self.rules, self.ports, self.connectors, self.ledger)

    async def apply(self, report: Report) -> dict[str, int]:
        return await self.ledger.write(lambda tx: reconcile.apply(tx, report, time.time()))

    async def change(self, statement: Any) -> None:
        await self.ledger.write(lambda tx: tx.execute(statement))

    async def rows(self, table: sa.Table) -> Sequence[Any]:
        return await self.ledger.read(lambda tx: tx.execute(sa.select(table)).all())


def order(number: str, **fields: Any) -> dict[str, Any]:
    return {"fact": "order.placed", "id": number, **fields}


def level(sku: str, on_hand: int, rev: int = 1) -> dict[str, Any]:
    return {"fact": "inventory.level_changed", "id": sku, "on_hand": on_hand, "rev": rev}


@pytest.fixture
def world(ledger: Ledger, shop: Connector) -> House8:
    return House8(ledger, shop, rules())


def found(report: Report) -> dict[str, tuple[str, str]]:
    return {one.label: (one.kind, one.repair) for one in report.differences}


async def test_what_agrees_is_no_difference(world: House8) -> None:
    await world.hears(order("1"))
    await world.hears(level("MUG", 5), by="erp")
    world.ports = {"web": Holder(order("1")), "erp": Holder(level("MUG", 5))}
    orders, stock = await world.compare("orders"), await world.compare("inventory")
    assert (stock.compared, stock.equal, stock.differences) == (1, 1, [])
    assert [one.kind for one in orders.differences] == ["not_executed"], "erp does not hold it"
    assert orders.differences[0].cause == "it is on its way"


async def test_an_hour_without_webhooks_is_repaired_without_a_person(world: House8) -> None:
    await world.hears(order("1"))
    await world.hears(level("MUG", 5), by="erp")
    lost = [order(str(n)) for n in range(2, 12)]
    world.ports = {
        "web": Holder(order("1"), *lost),
        "erp": Holder(level("MUG", 3, rev=2), level("TEA", 9)),
    }
    orders, stock = await world.compare("orders"), await world.compare("inventory")
    assert orders.classes() == {"missing": 10, "not_executed": 1}
    assert stock.classes() == {"outdated": 1, "missing": 1}
    assert all("never came" in one.cause for one in stock.differences)
    assert (await world.apply(orders))["land"] == 10
    assert (await world.apply(orders))["land"] == 0, "once"
    assert (await world.apply(stock))["land"] == 2
    assert await world.run_landed() == 12
    again = await world.compare("inventory")
    assert again.differences == []
    again = await world.compare("orders")
    assert {one.kind for one in again.differences} == {"not_executed"}
    creates = [row for row in await world.rows(outbox) if row.type == "order.create"]
    assert len(creates) == len({row.entity_id for row in creates}) == 11
    await world.hears(order("5"))
    after = [row for row in await world.rows(outbox) if row.type == "order.create"]
    assert len(after) == 11, "the webhook that comes a day late does nothing"
    assert await world.ledger.read(audit) == []


async def test_a_day_with_an_hour_of_silence_is_whole_after_one_cycle(
    sqlite_ledger: Ledger, shop: Connector
) -> None:
    """All webhooks off for an hour, 1 % dropped, 1 % a day late (`nox -s silence`: a long day)."""
    chance, world = random.Random(8), House8(sqlite_ledger, shop, rules())
    cancelled = {n for n in range(DAY) if chance.random() < 0.1}
    counts = {n: chance.randrange(2, 9) for n in range(DAY // 10)}
    sold: list[tuple[float, str, dict[str, Any]]] = []
    for n in range(DAY):
        at = 24 * n / DAY
        sold.append((at, "web", order(str(n))))
        if n in cancelled:
            again = {"fact": "order.cancelled", "id": str(n), "rev": 2}
            sold.append((min(at + chance.random() * 6, 23.9), "web", again))
    for n, count in counts.items():
        figures = sorted(chance.random() * 24 for _ in range(count))
        sold += [(at, "erp", level(f"S{n}", rev, rev)) for rev, at in enumerate(figures, 1)]
    heard, late = [], []
    for at, by, fact in sorted(sold, key=lambda one: one[0]):
        fate = chance.random()
        if not 12 <= at < 13 and fate >= 0.01:
            (late if fate < 0.02 else heard).append((by, fact))
    await world.hears_all(heard)
    now = time.time()

    def given(tx: sa.Connection) -> None:
        """The ERP has done whatever it was asked."""
        tx.execute(outbox.update().values(state="done"))
        asked = tx.execute(sa.select(outbox.c.entity_id).where(outbox.c.type == "order.create"))
        named = sa.select(cross_references).where(cross_references.c.connection == "erp")
        known = {row.canonical_id for row in tx.execute(named)}
        numbers = {entity_id("web", "order", str(n)): n for n in range(DAY)}
        new = [(one, numbers[one]) for one in asked.scalars() if one not in known]
        rows = [("erp", "order", f"S{n}", own, now) for own, n in new]
        names = ("connection", "kind", "native_id", "canonical_id", "at")
        if rows:
            values = [dict(zip(names, row, strict=True)) for row in rows]
            tx.execute(cross_references.insert(), values)

    def told(n: int, prefix: str = "") -> dict[str, Any]:
        if n in cancelled:
            return {"fact": "order.cancelled", "id": f"{prefix}{n}", "rev": 2}
        return order(f"{prefix}{n}")

    world.ports = {
        "web": Holder(*(told(n) for n in range(DAY))),
        "erp": Holder(
            *(told(n, "S") for n in range(DAY)),
            *(level(f"S{n}", count, count) for n, count in counts.items()),
        ),
    }
    await world.ledger.write(given)
    before = [await world.compare("orders"), await world.compare("inventory")]
    found = sum(len(one.differences) for one in before if one.domain == "inventory") + sum(
        one.connection == "web" for one in before[0].differences
    )
    assert found > 0
    for report in before:
        await world.apply(report)
    landed = 0
    while more := await world.run_landed():
        landed += more
    await world.ledger.write(given)
    after = [await world.compare("orders"), await world.compare("inventory")]
    assert [one.differences for one in after] == [[], []]
    await world.hears_all(late)
    await world.ledger.write(given)
    again = [await world.compare("orders"), await world.compare("inventory")]
    assert [one.differences for one in again] == [[], []]
    creates = [row.entity_id for row in await world.rows(outbox) if row.type == "order.create"]
    assert len(creates) == len(set(creates)), "nothing is doubled"
    gaps = await world.ledger.read(audit)
    assert {gap.what for gap in gaps} <= {"done, yet without a receipt"}, "done as told by `given`"
    print(  # noqa: T201
        f"\n{DAY} orders, {len(counts)} things, {len(sold)} webhooks in a day, {len(heard)} came, "
        f"{len(late)} a day late: {found} differences found, {landed} records landed, "
        f"0 differences after one cycle, 0 doubled of {len(creates)} orders asked for"
    )


async def test_each_cause_is_told_apart(world: House8) -> None:
    await world.hears(order("2"), go=False)
    await world.hears({"fact": "order.exploded", "id": "3"})
    bad = order("5", note="new", rev=2)
    await world.hears(order("5"))
    world.ports["web"] = Holder(order("1"), order("2"), order("3"), bad, order("4", note=7))
    report = await world.compare("orders")
    causes = {one.label: one.cause for one in report.differences if one.connection == "web"}
    assert "its news never came" in causes["#1"]
    assert "landed and not yet decided on" in causes["#2"]
    assert "could not be read" in causes["#3"]
    assert "cannot be mapped" in causes["4"]
    assert "#5" not in causes, "a note is nothing that matters to others"
    kinds = found(report)
    assert kinds["#1"] == ("missing", "land")
    assert kinds["#2"] == ("missing", "none")
    assert kinds["4"] == ("unreadable", "person")


async def test_an_order_that_is_held_waits_for_its_person(ledger: Ledger, shop: Connector) -> None:
    base = rules()
    checked = Domain(capture=("web",), execute="erp", checks=("shipping",))
    held = Rules(domains={**base.domains, "orders": checked}, handles=base.handles)
    world = House8(ledger, shop, held)
    await world.hears(order("1"))
    world.ports["web"] = Holder(order("1"))
    report = await world.compare("orders")
    assert report.differences == []
    world.ports["web"] = Holder({"fact": "order.cancelled", "id": "1", "rev": 2})
    (one,) = (await world.compare("orders")).differences
    assert (one.kind, one.repair) == ("outdated", "land"), "its newest news never came"


async def test_what_the_executing_system_lacks(world: House8) -> None:
    for number in ("1", "2", "3"):
        await world.hears(order(number))
    ids = {n: entity_id("web", "order", n) for n in "123"}
    now = time.time()
    for n, native in (("1", "S1"), ("2", "S2")):
        await world.change(outbox.update().where(outbox.c.entity_id == ids[n]).values(state="done"))
        await world.change(
            cross_references.insert().values(
                connection="erp", kind="order", native_id=native, canonical_id=ids[n], at=now
            )
        )
    await world.change(
        outbox.update().where(outbox.c.entity_id == ids["3"]).values(state="exception")
    )
    world.ports["erp"] = Holder(order("S1"))
    world.ports["web"] = Holder(order("1"), order("2"), order("3"))
    report = await world.compare("orders")
    kinds = {one.label: (one.kind, one.repair) for one in report.differences}
    assert kinds == {"#2": ("vanished", "person"), "#3": ("not_executed", "none")}
    assert (await world.apply(report))["person"] == 1
    assert (await world.apply(report))["person"] == 1
    (case,) = await world.ledger.read(lambda tx: settling.cases(tx, "exceptions"))
    assert case.code == "reconcile_vanished"
    assert "S2" in case.message
    assert case.label == "#2"


async def test_a_channel_that_shows_something_else_is_told_again(
    ledger: Ledger, shop: Connector
) -> None:
    world = House8(ledger, shop, rules(reserve_s=3600.0))
    await world.hears(level("MUG", 5), by="erp")
    await world.change(outbox.update().values(state="done"))
    world.ports = {"web": Holder(level("MUG", 7)), "erp": Holder(level("MUG", 5))}
    report = await world.compare("inventory")
    (one,) = report.differences
    assert (one.kind, one.there, one.here, one.repair) == ("shown", "7", "5", "tell")
    assert (await world.apply(report))["tell"] == 1
    (row,) = await world.rows(offers)
    assert row.dirty
    report = await world.compare("inventory")
    assert report.differences == [], "it is not known what it was told: it will be told"


async def test_who_cannot_be_asked_is_named(world: House8) -> None:
    world.ports = {"web": object(), "erp": object()}
    report = await world.compare("orders")
    assert len(report.skipped) == 2
    assert "Snapshots" in report.skipped[0]


class Silent(Holder):
    """It can say what it holds, but not of this kind."""

    async def snapshot(self, window: Window) -> AsyncIterator[Raw]:
        for raw in self.facts:
            yield Raw("facts", [raw], key="k")
        raise RejectedError(f"it can say what it shipped, not {window.kind}", reason="not_handled")


async def test_who_cannot_say_this_is_left_out_and_named(world: House8) -> None:
    world.ports["erp"] = Silent()
    report = await world.compare("inventory")
    (skipped,) = report.skipped
    assert skipped == "erp cannot say what it holds: it can say what it shipped, not inventory"
    world.ports["erp"] = Silent(*[level(f"S{n}", n) for n in range(500)])
    with pytest.raises(RejectedError, match="what it shipped"):
        await world.compare("inventory")  # half of it is worse than nothing


async def test_pages_are_compared_one_by_one(world: House8) -> None:
    many = [level(f"S{n}", n) for n in range(1203)]
    await world.hears(*many[:600], by="erp")
    world.ports["erp"] = Holder(*many)
    report = await world.compare("inventory")
    assert (report.compared, report.equal) == (1203, 600)
    assert report.classes() == {"missing": 603}
    assert len(await world.rows(entities)) == 600
    assert (InventoryLevel.kind,) == reconcile.KINDS["inventory"]
    assert len(await world.rows(landing_table)) == 1

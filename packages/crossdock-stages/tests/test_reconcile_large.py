"""Many orders and positions in three systems, with every class of difference among them.

`nox -s reconcile_large` compares 100,000 orders and 100,000 positions (docs/quality/decide.md). A
shop, an ERP and a warehouse say what they hold in one small dialect; the ledger was written by the
real stage. Each class of difference is put in with the cause that must be found.
"""

import os
import resource
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from crossdock.bus import Bus
from crossdock.canonical import (
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    InventoryLevel,
    Money,
    Order,
    OrderLine,
    Totals,
)
from crossdock.connector import Config, Connector, Register, Window
from crossdock.errors import ContractError
from crossdock.events import COMMAND_TYPES, Event, Raw
from crossdock.identity import entity_id
from crossdock_stages import reconcile
from crossdock_stages.decide import Decide
from crossdock_stages.harness import House, Item
from crossdock_stages.ledger import Ledger, desk, landing, open_ledger
from crossdock_stages.ledger.desk import Stuck
from crossdock_stages.ledger.landing import Landed
from crossdock_stages.ledger.tables import cross_references, outbox
from crossdock_stages.ledger.tables import landing as landing_table
from crossdock_stages.reconcile import Difference, Report
from crossdock_stages.rules import Domain, Rules
from crossdock_stages.topology import Topology
from crossdock_stages.translate import say

SIZE = int(os.environ.get("CROSSDOCK_RECONCILE_SIZE", "400"))
EACH = max(1, SIZE // 2000)
"""How often each class of difference is put in."""
DAY = datetime(2026, 1, 1, tzinfo=UTC)
TOPOLOGY = Topology(environment="test", lanes=1)
NOW = time.time()
RULES = Rules(
    domains={
        "orders": Domain(capture=("web",), execute="erp"),
        "fulfillment": Domain(owner="dc1", publish_to=("erp", "web")),
        "inventory": Domain(owner="dc1", publish_to=("web", "erp"), reserve_s=86_400.0),
    },
    handles=dict.fromkeys(("web", "erp", "dc1"), frozenset(COMMAND_TYPES)),
)
PRICE = Money(amount="10.00", currency="EUR")


def translate(raw: Raw) -> Iterator[Event[Any]]:
    said: Any = raw.body
    number, revision = said["id"], said.get("rev", 1)
    if said.get("bad"):
        raise ContractError("no such currency", pointer="/currency", value="XXX")
    if raw.topic == "level":
        level = InventoryLevel(sku=said["sku"], location="DC1", on_hand=said["count"])
        yield Event(type="inventory.level_changed", data=level, native_id=number, revision=revision)
    elif raw.topic == "parcel":
        ref = EntityRef(id=ours(said["order"]))
        line = FulfillmentLine(line_id="1", quantity=said["count"])
        parcel = Fulfillment(order=ref, number=number, lines=(line,))
        yield Event(type="fulfillment.shipped", data=parcel, native_id=number, revision=revision)
    else:
        count = said.get("count", 3)
        lines = tuple(
            OrderLine(
                line_id=str(at + 1),
                sku=f"P{at}",
                ordered=count if at == 0 else 1,
                shipped=said.get("shipped", 0) if at == 0 else 0,
                unit_price=PRICE,
            )
            for at in range(2)
        )
        order = Order(
            number=said["number"],
            placed_at=DAY,
            currency="EUR",
            lines=lines,
            totals=Totals(total=PRICE),
            cancelled_at=DAY if said.get("off") else None,
        )
        yield Event(type="order.updated", data=order, native_id=number, revision=revision)


def ours(number: int) -> str:
    return entity_id("web", "order", f"W{number}")


def position(number: int) -> str:
    return entity_id("dc1", "inventory", f"D{number}")


@dataclass
class System:
    """What one system holds: the same for every number, but for what was changed."""

    name: str
    makes: Callable[[str, int], dict[str, Any]]
    changed: dict[tuple[str, int], dict[str, Any] | None] = field(default_factory=dict)
    more: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def holds(self, topic: str, number: int) -> dict[str, Any] | None:
        change = self.changed.get((topic, number), {})
        return None if change is None else {**self.makes(topic, number), **change}

    async def snapshot(self, window: Window) -> AsyncIterator[Raw]:
        topic = {"inventory": "level", "fulfillment": "parcel"}.get(window.kind, window.kind)
        for number in range(SIZE):
            said = self.holds(topic, number)
            if said is not None and (topic != "parcel" or number % 10 == 0):
                yield Raw(topic, said, key=said["id"])
        for kind, said in self.more:
            if kind == topic:
                yield Raw(kind, said, key=said["id"])


def in_web(topic: str, number: int) -> dict[str, Any]:
    if topic == "level":
        return {"id": f"V{number}", "sku": f"S{number}", "count": number % 50}
    shipped = 2 if number % 10 == 0 else 0
    return {"id": f"W{number}", "number": f"#{number}", "shipped": shipped}


def in_erp(topic: str, number: int) -> dict[str, Any]:
    if topic == "level":
        return {"id": f"Q{number}", "sku": f"S{number}", "count": number % 50}
    return {"id": f"E{number}", "number": f"#{number}"}


def in_dc1(topic: str, number: int) -> dict[str, Any]:
    if topic == "level":
        return {"id": f"D{number}", "sku": f"S{number}", "count": number % 50}
    return {"id": f"F{number}", "order": number, "count": 2}


Expected = dict[tuple[str, str, str], tuple[str, str]]
"""(kind, connection, label) to (what the cause must say, the repair)."""


class World:
    def __init__(self, ledger: Ledger) -> None:
        register = Register()
        register("dialect", config=Config, open=lambda *_: None, translate=translate)  # type: ignore[arg-type]
        self.connector: Connector = register.connectors["dialect"]
        self.ledger = ledger
        self.stage = Decide(House(bus=Bus("nats://127.0.0.1:1"), ledger=ledger), TOPOLOGY, RULES)
        self.web, self.erp = System("web", in_web), System("erp", in_erp)
        self.dc1 = System("dc1", in_dc1)
        self.expected: Expected = {}
        self.orders = iter(number for number in range(SIZE) if number % 10)
        self.shipped = iter(number for number in range(SIZE) if number % 10 == 0)
        self.spots = iter(range(SIZE))
        self.unheard: set[tuple[str, int]] = set()

    def expect(self, kind: str, system: str, label: str, cause: str, repair: str) -> None:
        self.expected[kind, system, label] = (cause, repair)

    async def hears(self, by: str, raws: list[Raw]) -> None:
        items = []
        for raw in raws:
            for one in say(by, self.connector, raw, source="", mode=""):
                envelope = replace(one.envelope, landing="")
                items.append(Item(envelope, one.body, f"xd.events.{envelope.name}.0"))
        await self.stage.process(items)

    async def fill(self) -> None:
        """All news comes, but what is to be missing; all that was asked is done."""
        for by, system, topic, step in (
            ("web", self.web, "order", 1),
            ("dc1", self.dc1, "level", 1),
            ("dc1", self.dc1, "parcel", 10),
        ):
            wanted = [n for n in range(0, SIZE, step) if (topic, n) not in self.unheard]
            for start in range(0, len(wanted), 200):
                raws = [
                    Raw(topic, system.makes(topic, n), key=system.makes(topic, n)["id"])
                    for n in wanted[start : start + 200]
                ]
                await self.hears(by, raws)
        await self.run(outbox.update().values(state="done"))
        pairs = (
            sa.select(
                sa.literal("erp"),
                sa.literal("order"),
                sa.func.replace(sa.text("entities.native_id"), "W", "E"),
                outbox.c.entity_id,
                sa.literal(NOW),
            )
            .select_from(
                outbox.join(
                    sa.table("entities", sa.column("id")), sa.text("entities.id = outbox.entity_id")
                )
            )
            .where(outbox.c.type == "order.create", outbox.c.connection == "erp")
        )
        names = ["connection", "kind", "native_id", "canonical_id", "at"]
        await self.run(cross_references.insert().from_select(names, pairs))

    async def run(self, statement: Any) -> None:
        await self.ledger.write(lambda tx: tx.execute(statement))

    async def state(self, type_: str, target: str, entity: str, state: str) -> None:
        await self.run(
            outbox.update()
            .where(outbox.c.type == type_, outbox.c.connection == target)
            .where(outbox.c.entity_key == entity)
            .values(state=state)
        )

    async def unpair(self, number: int) -> None:
        await self.run(
            cross_references.delete().where(
                cross_references.c.canonical_id == ours(number),
                cross_references.c.connection == "erp",
            )
        )

    # what is put in before the news comes

    def prepare(self) -> None:
        """News that never comes, or not so far."""
        self.never = [next(self.orders) for _ in range(EACH)]
        self.landed = [next(self.orders) for _ in range(EACH)]
        self.dead = [next(self.orders) for _ in range(EACH)]
        for number in (*self.never, *self.landed, *self.dead):
            self.unheard.add(("order", number))
            self.erp.changed["order", number] = None
        self.no_level = [next(self.spots) for _ in range(EACH)]
        for number in self.no_level:
            self.unheard.add(("level", number))
            self.web.changed["level", number] = self.erp.changed["level", number] = None
            self.expect("missing", "dc1", f"S{number} at DC1", "never came", "land")
        self.no_parcel = [next(self.shipped) for _ in range(EACH)]
        for number in self.no_parcel:
            self.unheard.add(("parcel", number))
            self.web.changed["order", number] = {"shipped": 0}
            self.expect("missing", "dc1", f"F{number}", "never came", "land")

    # what is put in after it

    async def inject(self) -> None:
        """Every class; see the causes."""
        for number in self.never:
            self.expect("missing", "web", f"#{number}", "never came", "land")
        for numbers, state, cause in (
            (self.landed, "landed", "landed and not yet decided"),
            (self.dead, "dead", "could not be read"),
        ):
            for number in numbers:
                await self.land(number, state)
                self.expect("missing", "web", f"#{number}", cause, "none")
        for _ in range(EACH):
            await self.channel_news()
            await self.executing()
            await self.contents()
            await self.parcels()
            await self.figures()

    async def land(self, number: int, state: str) -> None:
        row = Landed(
            id=landing.new_id(NOW),
            connection="web",
            topic="order",
            entity_key=f"W{number}",
            delivery_id=f"d{number}",
            road="webhook",
            headers={},
            body=b"{}",
            received_at=NOW,
        )
        await self.ledger.write(lambda tx: landing.land(tx, [row]))
        if state == "dead":
            one = landing_table.c.id == row.id
            await self.run(landing_table.update().where(one).values(state="dead", settled=True))

    async def channel_news(self) -> None:
        number = next(self.orders)
        self.web.changed["order", number] = {"rev": 2, "count": 5}
        self.expect("outdated", "web", f"#{number}", "a change never came", "land")

        number = next(self.shipped)  # two have left, and the channel says one was wanted
        change = {"rev": 2, "count": 1, "shipped": 1}
        self.web.changed["order", number] = change
        await self.hears("web", [Raw("order", {**in_web("order", number), **change})])
        told = outbox.update().where(outbox.c.connection.in_(("web", "erp", "dc1")))
        await self.run(told.where(outbox.c.entity_key == ours(number)).values(state="done"))
        self.expect("outdated", "web", f"#{number}", "waits at the exception desk", "none")

        number = next(self.orders)
        self.web.changed["order", number] = {"rev": 2, "count": 5}
        stuck = Stuck(
            stage="decide",
            message_id=f"w{number}",
            connection="web",
            entity_key=ours(number),
            address="a",
            headers={},
            body=b"{}",
            code="unavailable",
            reason="r",
        )
        await self.ledger.write(lambda tx: desk.park(tx, [stuck], NOW))
        self.expect("outdated", "web", f"#{number}", "it waits", "none")

        number = next(self.orders)
        self.web.changed["order", number] = {"bad": True}
        self.expect("unreadable", "web", f"W{number}", "cannot be mapped", "person")

    async def executing(self) -> None:
        for state, cause, repair in (
            ("open", "on its way", "none"),
            ("exception", "refused", "none"),
            ("dead", "dead letter", "none"),
            ("done", "without a name", "person"),
        ):
            number = next(self.orders)
            await self.state("order.create", "erp", ours(number), state)
            await self.unpair(number)
            self.erp.changed["order", number] = None
            self.expect("not_executed", "erp", f"#{number}", cause, repair)
        number = next(self.orders)
        self.erp.changed["order", number] = None
        self.expect("vanished", "erp", f"#{number}", "deleted there", "person")

    async def contents(self) -> None:
        number = next(self.orders)
        self.erp.changed["order", number] = {"count": 1}
        self.expect("differs", "erp", f"#{number}", "changed by hand", "person")
        number = next(self.orders)
        self.erp.changed["order", number] = {"off": True}
        self.expect("differs", "erp", f"#{number}", "cancelled by hand", "person")
        for state, cause in (("open", "on its way"), ("exception", "refused the change")):
            number = next(self.orders)
            self.web.changed["order", number] = {"rev": 2, "count": 4}
            await self.hears(
                "web", [Raw("order", {**in_web("order", number), "rev": 2, "count": 4})]
            )
            await self.state("order.update", "erp", ours(number), state)
            self.expect("differs", "erp", f"#{number}", cause, "none")
        number = next(self.orders)
        self.web.changed["order", number] = {"rev": 2, "off": True}
        await self.hears("web", [Raw("order", {**in_web("order", number), "rev": 2, "off": True})])
        await self.state("order.cancel", "erp", ours(number), "exception")
        self.expect("differs", "erp", f"#{number}", "refused the change", "none")
        number = next(self.orders)
        self.erp.more.append(("order", {"id": f"E{number}b", "number": f"#{number}"}))
        self.expect("doubled", "erp", f"#{number}", "a second time", "person")

    async def parcels(self) -> None:
        number = next(self.orders)
        self.web.changed["order", number] = {"shipped": 1}
        self.expect("shipped", "web", f"#{number}", "no house has told", "person")
        for state, cause, repair in (
            ("open", "being told", "none"),
            ("exception", "refused the shipment", "none"),
            ("done", "took the shipment back", "person"),
        ):
            number = next(self.shipped)
            await self.state("fulfillment.create", "web", ours(number), state)
            self.web.changed["order", number] = {"shipped": 0}
            self.expect("shipped", "web", f"#{number}", cause, repair)

    async def figures(self) -> None:
        number = next(self.spots)
        self.dc1.changed["level", number] = {"rev": 2, "count": 77}
        self.expect("outdated", "dc1", f"S{number} at DC1", "a change never came", "land")
        for state, cause, repair in (
            ("done", "changed it there", "tell"),
            ("open", "on its way", "none"),
            ("exception", "refused the figure", "none"),
        ):
            number = next(self.spots)
            await self.state("inventory.publish", "web", position(number), state)
            self.web.changed["level", number] = {"count": 88}
            self.expect("shown", "web", f"S{number} at DC1", cause, repair)
        number = next(self.spots)
        self.web.changed["level", number] = None
        self.expect("unlisted", "web", f"S{number} at DC1", "off its list", "person")
        for state, cause, repair in (
            ("done", "moved or counted there", "tell"),
            ("open", "on its way", "none"),
            ("dead", "dead letter", "none"),
        ):
            number = next(self.spots)
            await self.state("inventory.publish", "erp", position(number), state)
            self.erp.changed["level", number] = {"count": 99}
            self.expect("copy", "erp", f"S{number} at DC1", cause, repair)

    async def compare(self) -> list[Report]:
        ports = {"web": self.web, "erp": self.erp, "dc1": self.dc1}
        connectors = dict.fromkeys(ports, self.connector)
        return [
            await reconcile.compare(domain, RULES, ports, connectors, self.ledger)
            for domain in ("orders", "inventory", "fulfillment")
        ]


@pytest.mark.timeout(6000)
@pytest.mark.usefixtures("seldom_garbage")
async def test_every_class_of_difference_is_found_among_many(tmp_path: Path) -> None:
    async with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        world = World(ledger)
        made = time.process_time()
        world.prepare()
        await world.fill()
        await world.inject()
        made = time.process_time() - made
        wall, cpu = time.perf_counter(), time.process_time()
        reports = await world.compare()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        found: dict[tuple[str, str, str], Difference] = {
            (one.kind, one.connection, one.label): one
            for report in reports
            for one in report.differences
        }
        right = [
            key
            for key, (cause, repair) in world.expected.items()
            if key in found and cause in found[key].cause and found[key].repair == repair
        ]
        compared = sum(report.compared for report in reports)
        classes = {(key[0], why) for key, why in world.expected.items()}
        print(  # noqa: T201
            f"\n{SIZE} orders and {SIZE} positions in three systems, {compared} records: "
            f"{len(world.expected)} differences of {len(classes)} classes, {len(found)} found, "
            f"{len(set(found) - set(world.expected))} false, {len(right)} with the right cause; "
            f"{wall:.1f} s, {cpu:.1f} s of CPU (and {made:.0f} s to make them), "
            f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
        )
        assert len(classes) >= 20
        assert set(found) - set(world.expected) == set(), "a false one"
        assert set(world.expected) - set(found) == set(), "not found"
        assert sum(len(report.differences) for report in reports) == len(found), "each once"
        wrong = {key: found[key].cause for key in world.expected if key not in right}
        assert wrong == {}

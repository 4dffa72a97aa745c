"""Real ledgers: a SQLite file, and a PostgreSQL server started for the session."""

import asyncio
import gc
import json
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from crossdock.bus import Bus, Embedded, Outgoing, embedded_server
from crossdock.canonical import (
    Entity,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    Hold,
    InventoryLevel,
    Money,
    Order,
    OrderLine,
    Totals,
)
from crossdock.connector import Config, Connector, Context, Ignore, Register
from crossdock.errors import ContractError, UnavailableError
from crossdock.events import Command, Envelope, Event, Raw, Receipt
from crossdock.identity import entity_id
from crossdock_stages.book import Book
from crossdock_stages.decide import Decide
from crossdock_stages.harness import House, Item
from crossdock_stages.ledger import Ledger, desk, open_ledger, settling
from crossdock_stages.ledger.tables import entities, inbox, metadata, outbox
from crossdock_stages.rules import Rules
from crossdock_stages.topology import Topology

Eventually = Callable[..., Awaitable[Any]]


@pytest.fixture
def seldom_garbage() -> Iterator[None]:
    """Python's collector as the runner sets it, for what is measured."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


@pytest.fixture
def eventually() -> Eventually:
    """Wait until a condition holds, looking often; fails after a generous time."""

    async def wait(condition: Callable[[], Any], within_s: float = 60.0) -> Any:
        deadline = time.monotonic() + within_s
        while True:
            found = condition()
            if isinstance(found, Awaitable):
                found = await found
            if found:
                return found
            assert time.monotonic() < deadline, f"not within {within_s} s"
            await asyncio.sleep(0.02)

    return wait


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/ledger.db"
    return str(request.getfixturevalue("postgres_server"))


@pytest.fixture
async def ledger(ledger_url: str) -> AsyncIterator[Ledger]:
    """An empty ledger, on each database in turn."""
    async with open_ledger(ledger_url) as made:
        if ledger_url.startswith("postgresql"):
            names = ", ".join(metadata.tables)
            await made.write(lambda tx: tx.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY"))
        yield made


@pytest.fixture
async def sqlite_ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as made:
        yield made


@pytest.fixture
def nats_server(tmp_path: Path) -> Iterator[Embedded]:
    with embedded_server(tmp_path / "nats") as server:
        yield server


class Vendor:
    """A vendor in plain Python: remembers what it was asked, and fails as it is told.

    `faults` are raised one after the other; with `done_first` the effect happens nevertheless, as
    when an answer is lost. `watch` is called at the very moment of an `apply`.
    """

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str, int]] = []
        self.made: dict[str, Receipt] = {}
        self.faults: deque[Exception] = deque()
        self.done_first = False
        self.watch: Callable[[Command[Any]], Awaitable[None]] | None = None

    async def apply(self, command: Command[Any]) -> Receipt:
        self.asked.append(("apply", command.type, command.entity_id, command.attempt))
        if self.watch is not None:
            await self.watch(command)
        if self.faults and not self.done_first:
            raise self.faults.popleft()
        assert command.id not in self.made, "the effect happened twice"
        receipt = Receipt(native_id=f"N{len(self.made) + 1}", extra_ids={"1": "L1"})
        self.made[command.id] = receipt
        if self.faults:
            raise self.faults.popleft()
        return receipt

    async def find(self, command: Command[Any]) -> Receipt | None:
        self.asked.append(("find", command.type, command.entity_id, command.attempt))
        return self.made.get(command.id)

    def verbs(self) -> list[str]:
        return [f"{how} {verb}" for how, verb, _, _ in self.asked]


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


def order(number: str = "1", **fields: Any) -> Order:
    """An order of one line, five pieces."""
    price = Money(amount="10.00", currency="EUR")
    line = OrderLine(line_id="1", sku="MUG", ordered=fields.pop("ordered", 5), unit_price=price)
    base = {
        "number": f"#{number}",
        "placed_at": datetime(2026, 1, 1, tzinfo=UTC),
        "currency": "EUR",
        "lines": (line,),
        "totals": Totals(total=Money(amount="50.00", currency="EUR")),
    }
    return Order(**{**base, **fields})


def _translate(raw: Raw) -> Iterator[Event[Any]]:
    """The dialect of the fake shop: a list of facts, or a word that tells what shall go wrong."""
    body = raw.body
    if body == "bug":
        raise ZeroDivisionError("a fault of the connector")
    if body == "away":
        raise UnavailableError("translate must not ask anybody", outcome="failed")
    if body == "ignore":
        raise Ignore("nobody needs this")
    if not isinstance(body, list):
        raise ContractError("facts must be a list", pointer="/", value=body)
    for fact in body:
        kind, number, revision = fact["fact"], fact["id"], fact.get("rev", 1)
        if kind == "inventory.level_changed":
            level = InventoryLevel(sku=number, location="WH", on_hand=fact["on_hand"])
            yield Event(type=kind, data=level, native_id=number, revision=revision)
        elif kind == "fulfillment.shipped":
            ref = EntityRef(native_id=fact["order"])
            line = FulfillmentLine(line_id="1", quantity=1)
            data = Fulfillment(order=ref, lines=(line,))
            yield Event(type=kind, data=data, native_id=number, revision=revision)
        else:
            cancelled = datetime(2026, 1, 2, tzinfo=UTC) if kind == "order.cancelled" else None
            tags = ("x" * 9_000,) * fact.get("tags", 0)
            data = order(number, note=fact.get("note"), cancelled_at=cancelled, tags=tags)
            yield Event(type=kind, data=data, native_id=number, revision=revision)


@asynccontextmanager
async def _open(config: Config, context: Context) -> AsyncIterator[Vendor]:
    yield Vendor()


@pytest.fixture
def make_order() -> Callable[..., Order]:
    return order


@pytest.fixture
def shop() -> Connector:
    register = Register()
    register("shop", config=Config, open=_open, translate=_translate)
    return register.connectors["shop"]


AT_DESK = Topology(environment="test", lanes=1)


class Desk:
    """The stage with a ledger, and what can be seen of it from outside."""

    def __init__(self, ledger: Ledger, rules: Rules) -> None:
        self.ledger = ledger
        self.stage = Decide(House(bus=Bus("nats://127.0.0.1:1"), ledger=ledger), AT_DESK, rules)
        self.clock = 0
        self.seen = 0
        self.heard: set[str] = set()

    async def tell(self, name: str, data: Entity, by: str = "web", native: str = "1") -> str:
        """The id of the news."""
        self.clock += 1
        own = entity_id(by, data.kind, native)
        envelope = Envelope(
            id=f"evt_{self.clock}",
            source="s",
            type=f"crossdock.{name}.v{data.major}",
            subject=own,
            key=own,
            time="",
            connection=by,
            revision=f"{self.clock:020d}",
            native=native,
        )
        message = AT_DESK.event(envelope, data.dump())
        await self.stage.process(
            [Item(Envelope.read(message.headers), message.body, message.address)]
        )
        return envelope.id

    async def hear(self) -> None:
        """Bring what Crossdock told itself, as the bus would."""
        for row in sorted(await self.rows(outbox), key=lambda row: row.seq):
            if not row.connection and row.id not in self.heard:
                self.heard.add(row.id)
                headers = json.loads(row.headers)
                item = Item(Envelope.read(headers), bytes(row.body), row.address)
                await self.stage.process([item])

    async def release(self, order_id: str, reason: str) -> None:
        """A person's word that one reason to wait is no reason."""
        moment = datetime(2026, 1, 3, tzinfo=UTC)
        data = Hold(
            order=EntityRef(id=order_id), reason=reason, placed_at=moment, released_by="anna"
        )
        await self.tell("hold.released", data, "crossdock", f"H{self.clock}")

    async def sweep(self) -> None:
        """Call what waits, until nothing does."""
        while due := await self.ledger.write(lambda tx: desk.due(tx, 10.0**12, 0.0)):
            for one in due:
                message = Outgoing(
                    address=one.address, body=one.body, headers=one.headers, id=one.message_id
                )
                envelope = Envelope.read(message.headers)
                await self.stage.process(
                    [Item(envelope, message.body, message.address, retry=True)]
                )

    async def rows(self, table: sa.Table) -> Sequence[Any]:
        return await self.ledger.read(lambda tx: tx.execute(sa.select(table)).all())

    async def asked(self) -> list[str]:
        """What was asked since the last time."""
        rows = sorted(await self.rows(outbox), key=lambda row: row.seq)
        new, self.seen = rows[self.seen :], len(rows)
        return [f"{row.type} at {row.connection}" for row in new if row.connection]

    async def order(self) -> tuple[str, Book, bytes]:
        (row,) = [
            row for row in await self.rows(entities) if row.id == entity_id("web", "order", "1")
        ]
        return row.state, Book.load(row.facts), bytes(row.body)

    async def cases(self) -> list[settling.Case]:
        return await self.ledger.read(lambda tx: settling.cases(tx, "exceptions"))

    async def outcome(self, news: str) -> str:
        (row,) = [row for row in await self.rows(inbox) if row.event_id == news]
        return str(row.outcome)


@pytest.fixture
def at_desk() -> Callable[[Ledger, Rules], Desk]:
    return Desk

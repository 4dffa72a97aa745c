"""The whole line on a real bus and a real ledger: nothing is lost, nothing happens twice."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from crossdock.bus import Bus, Embedded, Outgoing, embedded_server
from crossdock.connector import Connector, Request
from crossdock.errors import AuthError, ContractError, UnavailableError
from crossdock.events import Raw
from crossdock_stages.decide import Decide
from crossdock_stages.deliver import Deliver, Target
from crossdock_stages.harness import House, Item, Stage, Worker
from crossdock_stages.intake import Intake
from crossdock_stages.ledger import Ledger, landing, open_ledger
from crossdock_stages.ledger.audit import audit
from crossdock_stages.ledger.journey import Account, account, journey
from crossdock_stages.ledger.tables import cursors, dead_letters, exceptions, outbox
from crossdock_stages.ledger.tables import landing as landing_table
from crossdock_stages.rules import Domain, Rules
from crossdock_stages.sweeper import Sweeper
from crossdock_stages.topology import COMMANDS, EVENTS, RAW, Topology
from crossdock_stages.translate import Translate

Eventually = Callable[..., Awaitable[Any]]
LANES = 2
RULES = Rules(
    domains={"orders": Domain(capture=("web",), execute="erp")},
    handles={"erp": frozenset({"order.create", "order.cancel"})},
)


class Shop:
    """The shop's webhooks: a body is genuine unless it says that it is forged."""

    def receive(self, request: Request) -> Raw:
        if request.body == b"forged":
            raise AuthError("the signature is wrong")
        if request.body == b"unreadable":
            raise ContractError("no message", pointer="/x")
        return Raw(
            "facts",
            data=request.body,
            key=request.headers.get("key", ""),
            delivery_id=request.headers.get("delivery", ""),
            headers=request.headers,
        )


class Flaky:
    """A ledger that fails as often as it is told, before anything is done."""

    def __init__(self, ledger: Ledger) -> None:
        self.inner, self.url, self.failures = ledger, ledger.url, 0

    def _maybe(self) -> None:
        if self.failures:
            self.failures -= 1
            raise UnavailableError("the ledger failed: a test", outcome="failed")

    async def write(self, work: Any) -> Any:
        self._maybe()
        return await self.inner.write(work)

    async def read(self, work: Any) -> Any:
        self._maybe()
        return await self.inner.read(work)


class Line:
    """All stages wired as the runner does it; each is started when a test says so."""

    def __init__(self, bus: Bus, ledger: Ledger, shop: Connector, vendor: Any) -> None:
        self.house = House(bus=bus, ledger=Flaky(ledger))
        self.topology = Topology(environment="test", lanes=LANES)
        self.intake = Intake(self.house, self.topology)
        self.sweeper = Sweeper(self.house, self.topology)
        self.stages: dict[str, tuple[Stage, Any]] = {
            "translate": (
                Translate(self.house, self.topology, {"web": shop}),
                self.topology.translate_lanes(),
            ),
            "decide": (Decide(self.house, self.topology, RULES), self.topology.decide_lanes()),
            "deliver": (
                Deliver(self.house, self.topology, Target(name="erp", port=vendor)),
                self.topology.deliver_lanes("erp"),
            ),
        }
        self.tasks: list[asyncio.Task[None]] = []
        self.workers: list[Worker] = []

    async def declare(self) -> None:
        lanes = [lane for _, lanes in self.stages.values() for lane in lanes]
        await self.house.bus.declare(self.topology.streams(), lanes)

    def start(self, *names: str) -> None:
        for name in names or ("translate", "decide", "deliver", "relay", "waiting"):
            if name == "relay":
                self.tasks.append(asyncio.create_task(self.intake.relay()))
            elif name == "waiting":
                self.tasks.append(asyncio.create_task(self._call()))
            else:
                stage, lanes = self.stages[name]
                for lane in lanes:
                    worker = Worker(stage, self.house.bus.lane(lane), self.house)
                    self.workers.append(worker)
                    self.tasks.append(asyncio.create_task(worker.run()))

    async def _call(self) -> None:
        while True:
            try:
                await self.sweeper.call_waiting()
            except UnavailableError:
                self.house.meters.add("test.swept_in_vain")
            await asyncio.sleep(0.05)

    async def stop(self) -> None:
        for worker in self.workers:
            worker.stop()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def send(self, facts: Any, delivery: str, key: str = "") -> Any:
        body = facts if isinstance(facts, bytes) else json.dumps(facts).encode()
        headers = {"delivery": delivery, "key": key}
        return await self.intake.webhook("web", Shop(), Request(headers=headers, body=body))

    async def orders(self, numbers: Iterable[int], **fields: Any) -> None:
        for n in numbers:
            fact = {"fact": "order.placed", "id": str(n), **fields}
            await self.send([fact], f"d{n}", key=str(n))

    async def books(self) -> Account:
        flaky = self.house.ledger
        assert isinstance(flaky, Flaky)
        books = await flaky.inner.read(account)
        assert await flaky.inner.read(audit) == []
        return books

    async def rows(self, table: sa.Table) -> Sequence[Any]:
        flaky = self.house.ledger
        assert isinstance(flaky, Flaky)
        return await flaky.inner.read(lambda tx: tx.execute(sa.select(table)).all())

    async def age(self) -> None:
        """As if a minute had passed since everything was published."""

        def work(tx: sa.Connection) -> None:
            for table in (landing_table, outbox):
                tx.execute(table.update().values(published_at=table.c.published_at - 60))

        await self.house.ledger.write(work)

    async def purge(self, stream: str) -> int:
        answer = await self.house.bus._api(f"STREAM.PURGE.{stream}")
        return int(answer["purged"])


@asynccontextmanager
async def opened(url: str, ledger: Ledger, shop: Connector, vendor: Any) -> AsyncIterator[Line]:
    async with Bus(url) as bus:
        line = Line(bus, ledger, shop, vendor)
        await line.declare()
        try:
            yield line
        finally:
            await line.stop()


@pytest.fixture
async def line(
    nats_server: Embedded, sqlite_ledger: Ledger, shop: Connector, vendor: Any
) -> AsyncIterator[Line]:
    async with opened(nats_server.url, sqlite_ledger, shop, vendor) as made:
        yield made


def created(vendor: Any) -> list[str]:
    return sorted(
        entity for how, verb, entity, _ in vendor.asked if (how, verb) == ("apply", "order.create")
    )


async def test_orders_arrive_once(line: Line, vendor: Any, eventually: Eventually) -> None:
    line.start()
    await line.orders(range(60))
    await line.orders(range(0, 60, 3))  # the shop sends some again
    await eventually(lambda: len(vendor.made) == 60)
    await eventually(lambda: _quiet(line))
    assert len(set(created(vendor))) == len(created(vendor)) == 60
    books = await line.books()
    assert (books.accepted, books.decided, books.commands_done) == (60, 60, 60)
    found = await line.house.ledger.read(lambda tx: journey(tx, "#7"))
    assert found is not None
    assert {"intake", "decide", "deliver"} <= {step.stage for step in found.steps}


async def _quiet(line: Line) -> bool:
    """Nothing is on its way: no command, and no outcome that decide has not heard of."""
    said = {row.state for row in await line.rows(outbox)}
    return (await line.books()).quiet and "open" not in said


async def test_a_large_order_travels_by_claim_check(
    line: Line, vendor: Any, eventually: Eventually
) -> None:
    tags: list[int] = []

    async def watch(command: Any) -> None:
        tags.append(len(command.data.tags))

    vendor.watch = watch
    line.start()
    facts = [{"fact": "order.placed", "id": "1", "tags": 70, "pad": "x" * 600_000}]
    await line.send(facts, "d1", key="1")
    await eventually(lambda: _quiet(line))
    assert tags == [70]
    books = await line.books()
    assert (books.decided, books.commands_done, books.dead_letters) == (1, 1, 0)
    assert {row.state for row in await line.rows(outbox)} == {"done"}


async def test_a_large_order_that_waits_keeps_its_body(
    line: Line, vendor: Any, eventually: Eventually
) -> None:
    vendor.faults.extend([UnavailableError("away")] * 2)
    line.start()
    await line.send([{"fact": "order.placed", "id": "1", "tags": 70}], "d1", key="1")
    await eventually(lambda: _quiet(line))
    assert len(vendor.made) == 1


async def test_every_stream_may_be_purged_and_everything_arrives_once(
    line: Line, vendor: Any, eventually: Eventually
) -> None:
    bus = line.house.bus

    async def holds(stream: str, count: int) -> None:
        async def check() -> bool:
            return await bus.depth(stream) == count

        await eventually(check)

    line.start("relay")
    await line.orders(range(20))
    await line.intake.drained()
    assert await line.purge(RAW) == 20
    assert await line.sweeper.find_lost() == 0, "what is young is on its way"
    await line.age()
    assert await line.sweeper.find_lost() == 20
    assert await line.sweeper.find_lost() == 0, "it was sent just now"

    line.start("translate")
    await holds(EVENTS, 20)
    await holds(RAW, 0)
    assert await line.purge(EVENTS) == 20
    await line.age()
    assert await line.sweeper.find_lost() == 20
    await holds(EVENTS, 20)

    line.start("decide")
    await holds(COMMANDS, 20)
    await holds(EVENTS, 0)
    assert await line.purge(COMMANDS) == 20
    await line.age()
    assert await line.sweeper.find_lost() == 20

    line.start("deliver")
    await eventually(lambda: _quiet(line))
    await line.age()
    assert await line.sweeper.find_lost() == 0, "all is done"
    assert len(created(vendor)) == len(set(created(vendor))) == 20
    assert (await line.books()).decided == 20


async def test_a_sweeper_that_sends_what_is_not_lost_does_no_harm(
    line: Line, vendor: Any, eventually: Eventually
) -> None:
    line.start()
    await line.orders(range(10))
    for _ in range(5):
        await line.age()
        await line.sweeper.find_lost()
    await eventually(lambda: _quiet(line))
    assert len(created(vendor)) == len(set(created(vendor))) == 10


async def test_what_the_bus_still_holds_though_it_was_acknowledged_hides_no_loss(
    sqlite_ledger: Ledger,
    shop: Connector,
    vendor: Any,
    eventually: Eventually,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Read by its age alone, an acknowledged message would stand before a lost one for ever."""
    monkeypatch.setattr("crossdock_stages.sweeper.GRACE_S", 0.2)
    with embedded_server(tmp_path / "bus") as server:
        async with Bus(server.url) as bus:
            line = Line(bus, sqlite_ledger, shop, vendor)
            streams = line.topology.streams()
            keeps = [replace(one, retention="limits") for one in streams]  # as a killed server may
            await bus.declare(keeps, [lane for _, lanes in line.stages.values() for lane in lanes])
            line.start("relay", "translate", "decide", "deliver")
            await line.orders(range(5))
            await eventually(lambda: _quiet(line))
            assert await bus.depth(RAW) == 5, "acknowledged, and still there"
            line.tasks[0].cancel()  # the relay, so that what comes now is as good as lost
            await line.orders([9])
            await asyncio.sleep(0.5)
            assert await line.sweeper.find_lost() == 1
            await eventually(lambda: _quiet(line))
            await line.stop()
    assert len(vendor.made) == 6


async def test_a_relay_that_never_ran_is_made_up_for(
    line: Line, vendor: Any, eventually: Eventually
) -> None:
    line.start("translate", "decide", "deliver")
    await line.orders(range(5))
    await line.age()
    assert await line.sweeper.find_lost() == 5
    await eventually(lambda: _quiet(line))
    assert len(vendor.made) == 5


async def test_a_ledger_that_fails_for_a_while_costs_nothing(
    line: Line, vendor: Any, eventually: Eventually
) -> None:
    await line.orders(range(10))
    flaky = line.house.ledger
    assert isinstance(flaky, Flaky)
    line.start()
    for _ in range(4):
        flaky.failures = 3
        await eventually(lambda: flaky.failures == 0)
    await eventually(lambda: _quiet(line))
    given_back = sum(v for k, v in line.house.meters.counts.items() if k.endswith("given_back"))
    assert given_back + line.house.meters["test.swept_in_vain"] > 0
    assert len(created(vendor)) == len(set(created(vendor))) == 10


async def test_an_intake_whose_ledger_fails_accepts_nothing(line: Line) -> None:
    flaky = line.house.ledger
    assert isinstance(flaky, Flaky)
    flaky.failures = 1
    with pytest.raises(UnavailableError):
        await line.orders([1])
    assert (await line.books()).accepted == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"ce-id": "x"},
        {"ce-id": "x", "ce-source": "s"},
        {"ce-id": "%ff%fe", "junk": "y" * 5_000},
    ],
    ids=["none", "one", "two", "junk"],
)
@pytest.mark.parametrize("stream", ["raw.web", "events.order.placed", "commands.erp.order.create"])
async def test_poison_is_a_dead_letter_and_the_line_goes_on(
    line: Line, vendor: Any, eventually: Eventually, headers: dict[str, str], stream: str
) -> None:
    poison = Outgoing(address=f"xd.{stream}.0", body=b"\x00\xff", headers=headers, id="poison")
    await line.house.bus.publish([poison])
    line.start()
    await line.orders(range(4))
    await eventually(lambda: _quiet(line))
    assert len(vendor.made) == 4
    (letter,) = await line.rows(dead_letters)
    assert bytes(letter.body) == b"\x00\xff"
    assert "ce-" in letter.reason


@pytest.mark.parametrize("name", ["translate", "decide", "deliver"])
async def test_a_message_of_a_stranger_is_a_dead_letter(
    line: Line, vendor: Any, eventually: Eventually, name: str
) -> None:
    address = {
        "translate": "xd.raw.web.0",
        "decide": "xd.events.order.placed.1",
        "deliver": "xd.commands.erp.order.create.1",
    }[name]
    headers = {
        "ce-id": "foreign",
        "ce-source": "x",
        "ce-type": "crossdock.order.placed.v1",
        "ce-dataref": "claim:never-kept",
        "ce-vendorheaders": "{",
    }
    await line.house.bus.publish(
        [Outgoing(address=address, body=b"[" * 100_000, headers=headers, id="foreign")]
    )
    line.start()
    await line.orders(range(2))

    async def buried() -> Any:
        return await line.rows(dead_letters)

    await eventually(buried)
    await eventually(lambda: _quiet(line))
    assert len(vendor.made) == 2


class TestIntake:
    async def test_forged_is_refused_and_leaves_nothing(self, line: Line) -> None:
        with pytest.raises(AuthError):
            await line.send(b"forged", "d1")
        assert (await line.books()).accepted == 0
        assert not await line.rows(dead_letters)

    async def test_genuine_but_unreadable_is_kept_with_its_bytes(self, line: Line) -> None:
        answers = [await line.send(b"unreadable", "d1") for _ in range(2)]
        assert answers[0] == answers[1]
        (letter,) = await line.rows(dead_letters)
        assert (bytes(letter.body), letter.pointer) == (b"unreadable", "/x")
        assert letter.id == answers[0].id

    async def test_one_delivery_with_two_bodies_is_on_the_desk(self, line: Line) -> None:
        first = await line.send([1], "d1")
        same = await line.send([1], "d1")
        other = await line.send([2], "d1")
        assert [a.verdict for a in (first, same, other)] == ["new", "duplicate", "conflict"]
        assert first.id == same.id == other.id
        (found,) = await line.rows(exceptions)
        assert found.code == "delivery_conflict"
        assert bytes(found.body) == b"[2]"

    async def test_credentials_in_headers_are_not_kept(self, line: Line) -> None:
        headers = {
            "authorization": "Bearer hush",
            "cookie": "hush",
            "x-shop-hmac-sha256": "hush",
            "x-signature": "hush",
            "x-topic": "orders",
            "x-odd": "h\xe4h",
            "x-long": "y" * 9_000,
        }
        await line.intake.webhook("web", Shop(), Request(headers=headers, body=b"[]"))
        (row,) = await line.rows(landing_table)
        assert json.loads(row.headers) == {"x-topic": "orders"}

    async def test_long_keys_and_ids_are_cut_to_fit(self, line: Line) -> None:
        await line.send([], "d" * 1_000, key="k" * 1_000)
        (row,) = await line.rows(landing_table)
        assert len(row.delivery_id) <= 255
        assert len(f"web:{row.entity_key}") <= 255

    async def test_polling_resumes_where_it_was(self, line: Line, eventually: Eventually) -> None:
        asked: list[str | None] = []

        class Polled:
            async def poll(self, cursor: str | None) -> AsyncIterator[Raw]:
                asked.append(cursor)
                start = int(cursor or 0)
                for number in range(start, min(start + 3, 7)):
                    fact = [{"fact": "order.placed", "id": str(number)}]
                    yield Raw(
                        "facts",
                        fact,
                        key=str(number),
                        delivery_id=f"p{number}",
                        cursor=str(number + 1),
                    )
                if start == 3:
                    raise UnavailableError("cut in the middle of the road")

        task = asyncio.create_task(line.intake.poll("web", Polled(), every_s=0.01))
        try:
            await eventually(lambda: "7" in asked)
        finally:
            task.cancel()
        assert asked[:2] == [None, "3"]
        assert (await line.books()).accepted == 7
        (cursor,) = await line.rows(cursors)
        assert cursor.cursor == "7"
        found = await line.house.ledger.read(lambda tx: landing.read_cursor(tx, "web"))
        assert found == "7"


async def test_the_ledger_may_be_postgresql(
    nats_server: Embedded,
    postgres_server: str,
    shop: Connector,
    vendor: Any,
    eventually: Eventually,
) -> None:
    async with open_ledger(postgres_server) as ledger:
        names = "landing, inbox, outbox, entities, effects, waiting, cross_references"
        await ledger.write(lambda tx: tx.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY"))
        async with opened(nats_server.url, ledger, shop, vendor) as line:
            vendor.faults.extend([UnavailableError("away")] * 3)
            line.start()
            await line.orders(range(20))
            await line.send([{"fact": "order.placed", "id": "large", "tags": 70}], "large", key="l")
            await eventually(lambda: _quiet(line))
            assert len(vendor.made) == 21


async def test_an_item_is_the_message_it_came_from(line: Line) -> None:
    envelope = {"ce-id": "1", "ce-source": "s", "ce-type": "t", "ce-dataref": "claim:1"}
    from crossdock.events import Envelope

    made = Item(Envelope.read(envelope), b"the claimed body", "address")
    assert made.message.body == b""
    assert made.message.headers["ce-dataref"] == "claim:1"


class Cursed(Translate):
    """A stage with a fault of ours: one payload ends every batch it is in."""

    async def process(self, items: Sequence[Item]) -> Iterable[Outgoing]:
        if any(b"curse" in item.body for item in items):
            raise ZeroDivisionError("a fault of ours")
        return await super().process(items)


async def test_a_fault_of_ours_ends_one_message_and_not_its_batch(
    line: Line, shop: Connector, vendor: Any, eventually: Eventually
) -> None:
    cursed = Cursed(line.house, line.topology, {"web": shop})
    line.stages["translate"] = (cursed, line.topology.translate_lanes())
    await line.orders(range(6))
    await line.send([{"fact": "order.placed", "id": "7", "pad": "curse"}], "d7", key="7")
    line.start()
    await eventually(lambda: _quiet(line))
    assert len(created(vendor)) == len(set(created(vendor))) == 6
    (dead,) = await line.rows(dead_letters)
    assert "a fault of ours" in dead.reason
    assert b"curse" in dead.body
    assert (await line.books()).dead == 1

"""The whole life of an order, as chance has it, while the line crashes, repeats and is away.

The real stage on a real SQLite ledger; the channel, the house, the person at the desk and the
systems that are asked are played here. What must hold is checked after each step. The long form
is `nox -s life` (docs/quality/decide.md).
"""

import asyncio
import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import sqlalchemy as sa
from crossdock.bus import Bus, Outgoing
from crossdock.canonical import (
    Entity,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    Hold,
    Money,
    Order,
    OrderLine,
    Payment,
    PaymentSummary,
    Ref,
    Refund,
    Totals,
)
from crossdock.errors import UnavailableError
from crossdock.events import COMMAND_TYPES, EVENT_TYPES, Envelope
from crossdock.identity import entity_id
from crossdock_stages.book import Book, read
from crossdock_stages.decide import Decide
from crossdock_stages.harness import House, Item
from crossdock_stages.judgement import CANCELLED, HELD, NOT_TAKEN, REQUESTED, SUBMITTED
from crossdock_stages.judgement.orders import order_digest
from crossdock_stages.ledger import desk, settling
from crossdock_stages.ledger.store import sqlite_driver
from crossdock_stages.ledger.tables import (
    dead_letters,
    entities,
    exceptions,
    inbox,
    metadata,
    outbox,
    waiting,
)
from crossdock_stages.rules import Domain, Rules
from crossdock_stages.topology import Topology
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

T = TypeVar("T")
DAY = datetime(2026, 1, 1, tzinfo=UTC)
ORDER = entity_id("web", "order", "1")
EXAMPLES = int(os.environ.get("CROSSDOCK_LIFE_EXAMPLES", "12"))
SHRINKS = bool(os.environ.get("CROSSDOCK_LIFE_SHRINK"))
STEPS = int(os.environ.get("CROSSDOCK_LIFE_STEPS", "25"))
RULES = Rules(
    domains={
        "orders": Domain(
            capture=("web",),
            execute="erp",
            checks=("duplicate", "payment"),
            reviewers=("risk",),
        ),
        "fulfillment": Domain(owner="dc1", publish_to=("erp", "web")),
        "returns": Domain(capture=("web",), execute="erp"),
    },
    handles=dict.fromkeys(("web", "erp", "dc1"), frozenset(COMMAND_TYPES)),
)


def _empty() -> sqlite3.Connection:
    """A ledger without a row, to be copied: making its tables takes longer than most steps."""
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    metadata.create_all(engine)
    with engine.connect() as tx:
        return sqlite_driver(tx)


EMPTY = _empty()


class CrashError(Exception):
    pass


class FlakyLedger:
    """A real SQLite database in memory whose transactions fail as they are told."""

    url = "sqlite://"

    def __init__(self) -> None:
        self.engine = sa.create_engine(
            "sqlite://", poolclass=sa.pool.StaticPool, connect_args={"check_same_thread": False}
        )
        with self.engine.connect() as tx:
            EMPTY.backup(sqlite_driver(tx))
        self.fault = ""

    async def write(self, work: Callable[[sa.Connection], T]) -> T:
        fault, self.fault = self.fault, ""
        if fault == "away":
            raise UnavailableError("the ledger is away", outcome="not_sent")
        with self.engine.begin() as tx:
            answer = work(tx)
            if fault == "before":
                raise CrashError
        if fault == "after":
            raise CrashError
        return answer

    async def read(self, work: Callable[[sa.Connection], T]) -> T:
        with self.engine.connect() as tx:
            return work(tx)

    def ask(self, work: Callable[[sa.Connection], T]) -> T:
        with self.engine.begin() as tx:
            return work(tx)


class Life(RuleBasedStateMachine):
    """What the channel sold and said, what the house shipped, and what was made of it."""

    table = RULES

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.ledger = FlakyLedger()
        house = House(bus=Bus("nats://127.0.0.1:1"), ledger=self.ledger)
        self.stage = Decide(house, Topology(environment="test", lanes=1), self.table)
        self.clock = 0
        self.sent: list[Item] = []
        self.ordered = {"1": 5, "2": 3}
        self.cancelled = {"1": 0, "2": 0}
        self.captured = Decimal(0)
        self.off = False
        self.told_order: Order | None = None
        self.shipped: Counter[str] = Counter()
        self.shipments = 0
        self.refunds = 0
        self.applied_at_erp: list[str] = []
        self.active: dict[str, str] = {}

    def teardown(self) -> None:
        try:
            self.calm()
        finally:
            self.loop.close()
            self.ledger.engine.dispose()

    # what happens

    def order(self) -> Order:
        price = Money(amount="10.00", currency="EUR")
        lines = tuple(
            OrderLine(
                line_id=line,
                sku=f"SKU{line}",
                ordered=self.ordered[line],
                cancelled=self.ordered[line] if self.off else self.cancelled[line],
                unit_price=price,
            )
            for line in self.ordered
        )
        total = Money(amount="80.00", currency="EUR")
        captured = Money(amount=str(self.captured), currency="EUR")
        return Order(
            number="#1",
            placed_at=DAY,
            currency="EUR",
            lines=lines,
            totals=Totals(total=total),
            payment=PaymentSummary(captured=captured),
            cancelled_at=DAY if self.off else None,
        )

    def news(self, name: str, data: Entity, by: str, native: str) -> Item:
        self.clock += 1
        kind = name.partition(".")[0]
        own = entity_id(by, kind, native)
        envelope = Envelope(
            id=f"evt_{name}_{native}_{self.clock}",
            source="s",
            type=f"crossdock.{name}.v{EVENT_TYPES[name].major}",
            subject=own,
            key=ORDER,
            time="",
            connection=by,
            revision=f"{self.clock:020d}",
            native=native,
            landing=f"lnd_{self.clock}",
        )
        return Item(envelope, data.dump(), f"xd.events.{name}.0")

    def work(self, *items: Item) -> bool:
        """Whether the stage got through; if not, the bus has the news and brings it again."""
        try:
            self.loop.run_until_complete(self.stage.process(items))
        except (CrashError, UnavailableError):
            return False
        return True

    def tell(self, item: Item) -> None:
        self.sent.append(item)
        if not self.work(item):
            assert self.work(item), "redelivered"

    def tell_order(self, name: str = "order.updated") -> None:
        self.told_order = self.order()
        self.tell(self.news(name, self.told_order, "web", "1"))

    @initialize()
    def placed(self) -> None:
        self.tell_order("order.placed")

    @rule()
    def pays(self) -> None:
        self.captured = Decimal(80)
        self.tell_order("order.paid")

    @precondition(lambda self: not self.off)
    @rule(line=st.sampled_from(["1", "2"]), change=st.integers(-2, 3))
    def edits(self, line: str, change: int) -> None:
        self.ordered[line] = max(1, self.cancelled[line], self.ordered[line] + change)
        self.tell_order()

    @precondition(lambda self: not self.off)
    @rule(line=st.sampled_from(["1", "2"]))
    def cancels_a_part(self, line: str) -> None:
        self.cancelled[line] = min(self.ordered[line], self.cancelled[line] + 1)
        self.tell_order()

    @precondition(lambda self: not self.off)
    @rule()
    def cancels(self) -> None:
        self.off = True
        self.tell_order("order.cancelled")

    @rule(line=st.sampled_from(["1", "2", "9"]), quantity=st.integers(1, 4))
    def ships(self, line: str, quantity: int) -> None:
        self.shipments += 1
        data = Fulfillment(
            order=EntityRef(id=ORDER),
            number=f"F{self.shipments}",
            lines=(FulfillmentLine(line_id=line, quantity=quantity),),
        )
        self.tell(self.news("fulfillment.shipped", data, "dc1", f"F{self.shipments}"))

    @precondition(lambda self: self.shipments > 0)
    @rule(data=st.data())
    def takes_a_shipment_back(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(1, self.shipments))
        line = FulfillmentLine(line_id="1", quantity=1)
        gone = Fulfillment(
            order=EntityRef(id=ORDER), number=f"F{number}", lines=(line,), cancelled_at=DAY
        )
        self.tell(self.news("fulfillment.cancelled", gone, "dc1", f"F{number}"))

    @rule(amount=st.integers(1, 60), state=st.sampled_from(["pending", "succeeded", "failed"]))
    def refunds_money(self, amount: int, state: str) -> None:
        self.refunds += 1
        data = Refund(
            order=EntityRef(id=ORDER),
            state=state,
            amount=Money(amount=str(amount), currency="EUR"),
            requested_at=DAY,
        )
        name = {"pending": "refund.pending", "succeeded": "refund.succeeded"}.get(
            state, "refund.failed"
        )
        self.tell(self.news(name, data, "web", f"R{self.refunds}"))

    @rule(verb=st.sampled_from(["placed", "released"]))
    def reviewer_speaks(self, verb: str) -> None:
        data = Hold(order=EntityRef(id=ORDER), reason="fraud", placed_at=DAY)
        self.tell(self.news(f"hold.{verb}", data, "risk", f"H{self.clock}"))

    # what goes wrong

    @rule(fault=st.sampled_from(["before", "after", "away"]))
    def next_transaction_fails(self, fault: str) -> None:
        self.ledger.fault = fault

    @precondition(lambda self: bool(self.sent))
    @rule(data=st.data())
    def comes_again(self, data: st.DataObject) -> None:
        some = data.draw(st.lists(st.sampled_from(range(len(self.sent))), max_size=5))
        self.work(*(self.sent[index] for index in some))

    # what people and the line do

    @rule(how=st.sampled_from(["retry", "resolve"]), data=st.data())
    def person_acts(self, how: str, data: st.DataObject) -> None:
        open_cases = [
            case
            for case in self.ledger.ask(lambda tx: settling.cases(tx, "exceptions"))
            if how == "resolve" or settling.can_retry(case)
        ]
        if not open_cases:
            return
        case = open_cases[data.draw(st.integers(0, len(open_cases) - 1))]
        now = 1000.0 + self.clock

        def work(tx: sa.Connection) -> None:
            if how == "retry":
                settling.retry(tx, [case], now)
            else:
                settling.resolve(tx, [case], "it is well", now)

        self.ledger.ask(work)

    @rule()
    def sweeper_calls(self) -> None:
        for due in self.ledger.ask(lambda tx: desk.due(tx, 10.0**12, 0.0)):
            message = Outgoing(
                address=due.address, body=due.body, headers=due.headers, id=due.message_id
            )
            envelope = Envelope.read(message.headers)
            item = Item(envelope, due.body, due.address, retry=True)
            if not self.work(item):
                self.work(item)

    @rule()
    def commands_are_carried_out(self) -> None:
        """ERP and house do what they are asked, in the order of asking; nonsense is refused."""
        rows = self.ledger.ask(
            lambda tx: tx.execute(
                sa.select(outbox).where(outbox.c.state == "open").order_by(outbox.c.seq)
            ).all()
        )
        for row in rows:
            self.carry_out(row)
        ids = [row.id for row in rows]
        self.ledger.ask(
            lambda tx: tx.execute(outbox.update().where(outbox.c.id.in_(ids)).values(state="done"))
        )

    def carry_out(self, row: Any) -> None:
        verb = row.type
        if row.connection == "erp" and verb.startswith("order."):
            done = self.applied_at_erp
            if verb == "order.create":
                assert "order.create" not in done, "created twice"
            else:
                assert "order.create" in done, f"{verb} of an order that is not there"
            if verb in {"order.update", "order.hold", "order.release"}:
                assert "order.cancel" not in done, f"{verb} after it was cancelled"
            if verb == "order.cancel":
                assert verb not in done, "cancelled twice"
            if verb == "order.hold":
                assert done.count("order.hold") == done.count("order.release"), "held twice"
            if verb == "order.release":
                assert done.count("order.hold") == done.count("order.release") + 1
            done.append(verb)
        if verb == "fulfillment_order.create":
            assert not self.active, "two instructions for one place"
            self.active[row.entity_id] = row.id
        if verb == "fulfillment_order.cancel":
            assert row.entity_id in self.active, "calls off what was never asked"
            del self.active[row.entity_id]

    # what must hold after each step

    def rows(self, table: sa.Table) -> list[Any]:
        """All of them; as text, for this is asked after every step."""
        return list(self.ledger.ask(lambda tx: tx.exec_driver_sql(f"SELECT * FROM {table}").all()))

    @invariant()
    def every_news_is_somewhere_once(self) -> None:
        seen = {row.event_id: row.outcome for row in self.rows(inbox)}
        cases = {row.message_id: row.state for row in self.rows(exceptions)}
        waits = {row.message_id for row in self.rows(waiting)}
        assert not self.rows(dead_letters), "nothing here is unreadable"
        for item in self.sent:
            where = (item.id in seen) + (item.id in waits and item.id not in seen)
            assert where == 1, item.id
            if seen.get(item.id) == "held":
                assert item.id in cases, "held, and nobody is told"
        assert all(row.reason for row in self.rows(inbox) if row.outcome != "applied")

    @invariant()
    def nothing_contradictory_is_applied(self) -> None:
        (row,) = [one for one in self.rows(entities) if one.kind == "order"] or [None]
        if row is None:
            return
        book = Book.load(row.facts)
        assert book == read(row.facts), "what is remembered of it is what is written"
        for line_id, line in book.lines.items():
            # unless a person said that it is well so
            let = any(code.startswith("cancelled_after") for code in book.passed)
            assert let or book.shipped_of(line_id) <= line.ordered - line.cancelled
        assert all(key in book.lines for part in book.shipped.values() for key in part.lines)
        assert book.refunds() <= (book.captured or 0)

    @invariant()
    def who_waits_asks_for_nothing_new(self) -> None:
        (row,) = [one for one in self.rows(entities) if one.kind == "order"] or [None]
        sends = Counter(one.type for one in self.rows(outbox))
        assert sends["order.create"] <= 1
        assert sends["order.cancel"] <= 1
        if row is not None and row.state == HELD:
            assert sends["order.create"] == 0, "held before it was given to anybody"

    def calm(self) -> None:
        """When all is quiet, the ERP has what the channel said last, or a person knows why not."""
        self.ledger.fault = ""
        for _ in range(len(self.sent) + 3):  # each call lets one of an entity's queue go on
            self.sweeper_calls()
            self.commands_are_carried_out()
            if not self.rows(waiting):
                break
        assert not self.rows(waiting)
        found = [one for one in self.rows(entities) if one.kind == "order"]
        if not found or self.told_order is None:
            return
        (row,) = found
        open_cases = [one for one in self.rows(exceptions) if one.state == "open"]
        book = Book.load(row.facts)
        if book.holds and book.stopped and row.state in {REQUESTED, SUBMITTED}:
            assert not self.active, "it waits, and a house is asked to ship it"
            assert self.applied_at_erp.count("order.hold") > self.applied_at_erp.count(
                "order.release"
            ), "it waits, and the executing system goes on"
        if open_cases or book.holds or row.state in {NOT_TAKEN, CANCELLED}:
            return
        resolved = [one for one in self.rows(exceptions) if one.resolution.endswith("it is well")]
        if not resolved:
            assert row.digest == order_digest(self.told_order)
            assert self.applied_at_erp.count("order.create") == 1


class PaidLife(Life):
    """The same where a payment service took the money, and pays what the channel wishes back."""

    table = replace(
        RULES,
        domains={**RULES.domains, "payments": Domain(capture=("pay",), refund_for=("web",))},
        handles={**RULES.handles, "pay": frozenset({"refund.create"})},
    )

    def __init__(self) -> None:
        super().__init__()
        self.paid: dict[str, Refund] = {}
        self.settled: dict[str, str] = {}

    @initialize()
    def placed(self) -> None:
        """Paid at once, so that most lives come as far as paying back."""
        self.captured = Decimal(80)
        super().placed()

    @rule(amount=st.sampled_from([5, 30]) | st.integers(1, 20))
    def the_shop_wishes_a_refund(self, amount: int) -> None:
        self.refunds_money(amount, "pending")

    @rule(native=st.sampled_from(["ch_1", "ch_2"]), named=st.sampled_from(["1", "#1"]))
    def the_service_takes_money(self, native: str, named: str) -> None:
        money = Money(amount="80.00", currency="EUR")
        ref = EntityRef(id=entity_id("pay", "order", named), native_id=named)
        data = Payment(order=ref, method="card", currency="EUR", captured=money)
        self.tell(self.news("payment.captured", data, "pay", native))

    @precondition(lambda self: self.paid)
    @rule(
        data=st.data(),
        state=st.sampled_from(["pending", "succeeded", "succeeded", "failed"]),
        by_name=st.booleans(),
    )
    def the_service_tells_of_a_refund(self, data: st.DataObject, state: str, by_name: bool) -> None:
        """Of one that it was asked for: its receipt is not heard of, as when answers are lost."""
        wish = data.draw(st.sampled_from(sorted(self.paid)))
        if state != "pending":
            self.settled.setdefault(wish, state)
        self.tell_of(wish, self.settled.get(wish, state), by_name=by_name)

    def tell_of(self, wish: str, state: str, *, by_name: bool) -> None:
        asked = self.paid[wish]
        ours = (Ref(connection="crossdock", kind="refund", value=wish),)
        told = Refund(
            order=EntityRef(),
            payment=asked.payment and EntityRef(native_id=asked.payment.native_id),
            refs=ours if by_name else (),
            state=state,
            amount=asked.amount,
            requested_at=DAY,
        )
        self.tell(self.news(f"refund.{state}", told, "pay", f"re_{wish}"))

    def carry_out(self, row: Any) -> None:
        super().carry_out(row)
        if (row.type, row.connection) == ("refund.create", "pay"):
            assert row.entity_id not in self.paid, "paid twice"
            refund = Refund.parse(row.body)
            assert refund.state == "pending", "paid again"
            self.paid[row.entity_id] = refund

    @invariant()
    def no_more_is_paid_than_was_taken(self) -> None:
        asked = [
            one
            for one in self.rows(outbox)
            if (one.type, one.connection) == ("refund.create", "pay")
        ]
        assert len({one.entity_id for one in asked}) == len(asked), "asked twice"
        failed = {wish for wish, state in self.settled.items() if state == "failed"}
        money = (
            Refund.parse(one.body).amount.amount for one in asked if one.entity_id not in failed
        )
        assert sum(money) <= self.captured

    @invariant()
    def what_went_is_booked_once(self) -> None:
        """And nothing is booked that is not sure to have gone."""
        booked = [
            one
            for one in self.rows(outbox)
            if (one.type, one.connection) == ("refund.create", "erp")
        ]
        assert len({one.entity_id for one in booked}) == len(booked), "booked twice"
        assert all(Refund.parse(one.body).state == "succeeded" for one in booked)


Life.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    deadline=None,
    phases=(Phase.generate, Phase.shrink) if SHRINKS else (Phase.generate,),
    suppress_health_check=list(HealthCheck),
)
TestLife = Life.TestCase
PaidLife.TestCase.settings = Life.TestCase.settings
TestPaidLife = PaidLife.TestCase

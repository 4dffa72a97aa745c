"""Each piece on offer in one place only: by numbers, and by chance on a real ledger."""

import asyncio
import contextlib
import os
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from crossdock.bus import Bus, Outgoing
from crossdock.canonical import Entity, InventoryLevel, Money, Order, OrderLine, Totals
from crossdock.events import Envelope, Raw
from crossdock.identity import entity_id
from crossdock_stages.allocation import Allotment, Stand, apportion, moves
from crossdock_stages.decide import Decide
from crossdock_stages.harness import House, Item
from crossdock_stages.ledger import allotments as book
from crossdock_stages.ledger import stockbook, traffic
from crossdock_stages.ledger.store import sqlite_driver
from crossdock_stages.ledger.tables import allotments, metadata, outbox
from crossdock_stages.pace import Pace
from crossdock_stages.reconcile.shown import shown
from crossdock_stages.rules import Domain, Override, Rules
from crossdock_stages.stockkeeper import Stockkeeper
from crossdock_stages.topology import Topology
from crossdock_stages.translate import Meant
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

T = TypeVar("T")
D = Decimal
EXAMPLES = int(os.environ.get("CROSSDOCK_ALLOCATION_EXAMPLES", "40"))
PHASES = (Phase.generate, Phase.shrink) if os.environ.get("SHRINK") else (Phase.generate,)
EPOCH = 1_800_000_000.0
DAY = datetime(2026, 1, 1, tzinfo=UTC)
CHANNELS = ("a", "b", "c")
WAIT_S = 10.0
TOPOLOGY = Topology(environment="test", lanes=1)


def stand(channel: str, most: int = 0, least: int | None = None, **more: Any) -> Stand:
    values: dict[str, Any] = {"limit": D(1000), "weight": 1.0, **more}
    return Stand(channel=channel, most=D(most), least=D(most if least is None else least), **values)


class TestNumbers:
    @given(
        total=st.integers(-5, 60),
        parts=st.dictionaries(
            st.sampled_from("abcde"),
            st.tuples(st.floats(0, 9), st.integers(0, 30)),
            min_size=1,
        ),
    )
    def test_parts_are_whole_within_limits_and_all_of_it(
        self, total: int, parts: dict[str, tuple[float, int]]
    ) -> None:
        weights = {name: weight for name, (weight, _) in parts.items()}
        limits = {name: D(limit) for name, (_, limit) in parts.items()}
        found = apportion(D(total), weights, limits)
        assert all(0 <= found[name] <= limits[name] for name in parts)
        assert all(part == int(part) for part in found.values())
        possible = sum(limit for weight, limit in parts.values() if weight > 0)
        assert sum(found.values()) == max(0, min(total, possible))

    def test_by_demand_and_the_rest_to_the_largest_part(self) -> None:
        limits = dict.fromkeys("abc", D(99))
        assert apportion(D(10), {"a": 3.0, "b": 1.0, "c": 1.0}, limits) == {"a": 6, "b": 2, "c": 2}
        assert apportion(D(1), {"a": 1.0, "b": 2.0, "c": 1.0}, limits) == {"a": 0, "b": 1, "c": 0}

    def test_at_first_everything_is_shared_out(self) -> None:
        found, hungry = moves(D(10), [stand("a"), stand("b", weight=4.0)])
        assert (found, hungry) == ({"a": 2, "b": 8}, False)

    def test_a_sale_tells_nobody(self) -> None:
        assert moves(D(9), [stand("a", 4), stand("b", 5)]) == ({}, False)

    def test_what_is_missing_is_taken_back_from_as_few_as_possible_at_once(self) -> None:
        three = [stand("a", 3), stand("b", 5), stand("c", 9)]
        assert moves(D(13), three)[0] == {"b": 0}, "the least that is enough"
        assert moves(D(3), three)[0] == {"b": 0, "c": 0}
        told = [stand("a", 3), stand("b", 5, 0, bound=D(0)), stand("c", 9)]
        assert moves(D(13), told)[0] == {}, "it is being taken back already"

    def test_pieces_move_from_who_will_not_sell_them_in_time(self) -> None:
        slow = stand("a", 10, cover_s=1000.0, move_s=20.0)
        assert moves(D(10), [slow, stand("b")]) == ({"a": 0}, True)
        quick = replace(slow, cover_s=30.0)
        assert moves(D(10), [quick, stand("b")]) == ({}, True), "it is sooner sold than moved"
        gone = replace(slow, most=D(10), least=D(0), bound=D(0))
        assert moves(D(10), [gone, stand("b")]) == ({}, True), "and not before it has settled"
        assert moves(D(10), [replace(gone, most=D(0), bound=None), stand("b")])[0] == {
            "a": 5,
            "b": 5,
        }

    def test_pieces_that_a_channel_may_not_have_any_more_are_asked_for(self) -> None:
        """It shows nothing by our count, and may show some: told 0, so that we are sure."""
        sure = stand("a", 4, 0, idle_s=100.0, move_s=20.0, cover_s=5.0)
        assert moves(D(4), [sure]) == ({"a": 0}, True)
        assert moves(D(4), [replace(sure, idle_s=5.0)]) == ({}, True)

    def test_a_figure_costs_all_of_itself_until_it_is_settled(self) -> None:
        row = Allotment(most=D(4), least=D(4)).told(D(6), 1)
        assert (row.most, row.least) == (10, 6), "it may sell what it showed before, too"
        row = row.sold(D(3), 0.0)
        assert (row.most, row.least) == (7, 3)
        assert row.settled().most == 6, "perhaps these three were sold from the former figure"
        assert row.returned(D(2)).settled().most == 8


class CrashError(Exception):
    pass


def _empty() -> sqlite3.Connection:
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    metadata.create_all(engine)
    with engine.connect() as tx:
        return sqlite_driver(tx)


EMPTY = _empty()


class FlakyLedger:
    """A real SQLite database in memory; a crash rolls back, or comes after the commit."""

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


def rules(allocation: str = "exclusive", **more: Any) -> Rules:
    stock = Domain(
        owner="erp",
        publish_to=CHANNELS,
        reserve_s=86_400.0,
        allocation=allocation,  # type: ignore[arg-type]
        order_lag_s=WAIT_S,
        **more,
    )
    return Rules(
        domains={"orders": Domain(capture=CHANNELS, execute="erp"), "inventory": stock},
        handles={"erp": frozenset({"order.create", "order.update", "order.cancel"})},
    )


@dataclass
class Play:
    """Three channels, two runners on one ledger, and everything in between."""

    under: Rules = field(default_factory=rules)
    ledger: FlakyLedger = field(default_factory=FlakyLedger)
    now: float = EPOCH
    there: int = 0
    shown: dict[str, int] = field(default_factory=lambda: dict.fromkeys(CHANNELS, 0))
    under_way: dict[str, list[tuple[str, int]]] = field(
        default_factory=lambda: {name: [] for name in CHANNELS}
    )
    unanswered: list[tuple[float, str]] = field(default_factory=list)
    news: list[tuple[float, str, int, Item]] = field(default_factory=list)
    """(when it happened, channel, how many it took off there, the event)."""
    sold: int = 0
    orders: dict[str, list[int]] = field(default_factory=lambda: {name: [] for name in CHANNELS})
    number: int = 0
    fewer: bool = False

    def __post_init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        lag_s = dict.fromkeys(CHANNELS, WAIT_S)
        self.runners = []
        for _ in range(2):
            house = House(
                bus=Bus("nats://127.0.0.1:1"),
                ledger=self.ledger,
                clock=lambda: self.now,
                pace=Pace(lag_s=lag_s),
            )
            keeper = Stockkeeper(house, TOPOLOGY, self.under)
            keeper._propagation = lambda tx, channel, now: WAIT_S  # type: ignore[method-assign]
            self.runners.append((Decide(house, TOPOLOGY, self.under), keeper))

    def event(self, data: Entity, name: str, native: str, by: str) -> Item:
        self.number += 1
        own = entity_id(by, data.kind, native)
        envelope = Envelope(
            id=f"evt_{self.number}",
            source="s",
            type=f"crossdock.{name}.v1",
            subject=own,
            key=own,
            time="",
            connection=by,
            revision=f"{self.number:020d}",
            native=native,
        )
        return Item(envelope, data.dump(), "xd.events.x.0")

    def order(self, number: int, *, cancelled: bool = False) -> Order:
        price = Money(amount="1.00", currency="EUR")
        line = OrderLine(line_id="1", sku="MUG", ordered=1, unit_price=price)
        return Order(
            number=f"#{number}",
            placed_at=DAY,
            currency="EUR",
            lines=(line.model_copy(update={"cancelled": D(1)}) if cancelled else line,),
            totals=Totals(total=price),
            cancelled_at=DAY if cancelled else None,
        )

    def send(self, messages: Sequence[Outgoing]) -> None:
        for message in messages:
            made = Envelope.read(message.headers)
            if made.name == "inventory.publish":
                figure = int(InventoryLevel.parse(message.body).sellable or 0)
                self.under_way[made.connection].append((made.id, figure))

    # what may happen

    def level(self, there: int, runner: int = 0) -> None:
        self.fewer |= there < self.there
        self.there = there
        data = InventoryLevel(sku="MUG", location="WH", available=there)
        self.decide([self.event(data, "inventory.level_changed", "L", "erp")], runner)

    def decide(self, items: list[Item], runner: int) -> None:
        stage, _ = self.runners[runner]
        for _ in range(2):  # what was not acknowledged comes again
            try:
                self.send(list(self.loop.run_until_complete(stage.process(items))))
            except CrashError:
                continue
            return

    def keep(self, runner: int) -> None:
        _, keeper = self.runners[runner]

        async def once() -> list[Outgoing]:
            measure = keeper.measures(self.now)
            sends = await self.ledger.write(lambda tx: keeper._round(tx, self.now, measure=measure))
            return [send.message for send in sends]

        with contextlib.suppress(CrashError):  # the sweeper sends what it had committed
            self.send(self.loop.run_until_complete(once()))

    def sweep(self) -> None:
        """What is promised in the outbox and was lost on its way is sent again."""
        here = {command for rows in self.under_way.values() for command, _ in rows}
        here |= {command for _, command in self.unanswered}
        rows = self.loop.run_until_complete(
            self.ledger.read(lambda tx: traffic.unanswered(tx, before=1e12))
        )
        self.send([one.send.message for one in rows if one.send.message.id not in here])

    def buy(self, channel: str) -> None:
        if self.shown[channel] > 0:
            self.shown[channel] -= 1
            self.sold += 1
            self.number += 1
            self.orders[channel].append(self.number)
            native = str(self.number)
            item = self.event(self.order(self.number), "order.placed", native, channel)
            self.news.append((self.now, channel, 1, item))

    def cancel(self, channel: str) -> None:
        """The channel puts the piece back by itself."""
        if self.orders[channel]:
            number = self.orders[channel].pop(0)
            self.shown[channel] += 1
            self.sold -= 1
            data = self.order(number, cancelled=True)
            item = self.event(data, "order.cancelled", str(number), channel)
            self.news.append((self.now, channel, -1, item))

    def land(self, count: int, runner: int) -> None:
        items, self.news = self.news[:count], self.news[count:]
        if items:
            self.decide([item for *_, item in items], runner)

    def arrive(self, channel: str) -> None:
        if self.under_way[channel]:
            command, figure = self.under_way[channel].pop(0)
            self.shown[channel] = figure
            self.unanswered.append((self.now, command))

    def answer(self) -> None:
        if self.unanswered:
            _, command = self.unanswered.pop(0)
            closed = {"state": "done", "closed_at": self.now}
            closing = outbox.update().where(outbox.c.id == command).values(closed)
            with self.ledger.engine.begin() as tx:
                tx.execute(closing)

    def wait(self, seconds: float, runner: int) -> None:
        """Time goes by, and orders do not come later than `order_lag` says."""
        self.now += seconds
        late = sum(at <= self.now - WAIT_S * 0.9 for at, *_ in self.news)
        self.land(late, runner)

    def rush(self, channel: str) -> None:
        """It sells all it shows, and we hear of it."""
        for _ in range(self.shown[channel]):
            self.buy(channel)
        self.land(len(self.news), 0)

    def settle(self, runner: int) -> None:
        """Everything under way arrives, and its time passes."""
        self.sweep()
        for name in CHANNELS:
            while self.under_way[name]:
                self.arrive(name)
        while self.unanswered:
            self.answer()
        self.keep(runner)
        self.wait(25.0, runner)
        self.keep(runner)

    # what must hold

    @property
    def told(self) -> dict[str, int]:
        """What channels are being told."""
        return {name: rows[0][1] for name, rows in self.under_way.items() if rows}

    def rows(self) -> dict[str, Any]:
        found = self.loop.run_until_complete(
            self.ledger.read(lambda tx: tx.execute(sa.select(allotments)).all())
        )
        return {row.channel: row for row in found}

    def check(self) -> None:
        most = {name: D(row.most) for name, row in self.rows().items()}
        for name in most:
            unheard = sum(count for _, channel, count, _ in self.news if channel == name)
            coming = max([figure for _, figure in self.under_way[name]], default=0)
            assert self.shown[name] + unheard <= most[name], f"{name} may sell more than thought"
            assert coming <= most[name]
        if not self.fewer:
            unheard = sum(count for *_, count, _ in self.news)
            assert sum(most.values()) + self.sold - unheard <= self.there, "promised twice"
            assert self.sold <= self.there, "sold twice"

    def calm(self) -> None:
        """In the end all that is left is on offer, if only buyers come."""
        self.ledger.fault = ""
        for _ in range(60):
            if self.sold == self.there and not self.news:
                break
            self.sweep()
            for name in CHANNELS:
                self.arrive(name)
                self.answer()
                self.buy(name)
            self.wait(WAIT_S * 1.5, 0)
            self.keep(0)
            self.check()
        if not self.fewer:
            assert self.sold == self.there, "pieces were left that nobody could buy"


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("buy"), st.sampled_from(CHANNELS)),
        st.tuples(st.just("buy"), st.just("a")),
        st.tuples(st.just("cancel"), st.sampled_from(CHANNELS)),
        st.tuples(st.just("land"), st.integers(1, 4), st.integers(0, 1)),
        st.tuples(st.just("arrive"), st.sampled_from(CHANNELS)),
        st.tuples(st.just("answer")),
        st.tuples(st.just("wait"), st.sampled_from([0.5, 3.0, 25.0]), st.integers(0, 1)),
        st.tuples(st.just("keep"), st.integers(0, 1)),
        st.tuples(st.just("sweep")),
        st.tuples(st.just("rush"), st.sampled_from(CHANNELS)),
        st.tuples(st.just("rush"), st.just("a")),
        st.tuples(st.just("settle"), st.integers(0, 1)),
        st.tuples(st.just("settle"), st.integers(0, 1)),
        st.tuples(st.just("more"), st.integers(1, 9), st.integers(0, 1)),
        st.tuples(st.just("fewer"), st.integers(1, 9)),
        st.tuples(st.just("crash"), st.sampled_from(["before", "after"])),
    ),
    min_size=10,
    max_size=60,
)


def played(play: Play, steps: Sequence[tuple[Any, ...]]) -> None:
    for verb, *more in steps:
        if verb == "more":
            play.level(play.there + more[0], more[1])
        elif verb == "fewer":
            play.level(max(play.there - more[0], 0))
        elif verb == "crash":
            play.ledger.fault = more[0]
        else:
            getattr(play, verb)(*more)
        play.check()


@pytest.mark.timeout(3000)
@settings(max_examples=EXAMPLES, deadline=None, phases=PHASES)
@given(there=st.integers(0, 12), steps=STEPS)
def test_nothing_is_on_offer_twice_whatever_comes_in_between(
    there: int, steps: list[tuple[Any, ...]]
) -> None:
    play = Play()
    try:
        play.level(there)
        played(play, steps)
        play.calm()
    finally:
        play.loop.close()
        play.ledger.engine.dispose()


def test_what_channels_show_of_their_own_pieces_is_between_two_figures() -> None:
    """A sale of theirs that has not arrived is no difference; more than they can have is one."""
    play = Play()
    play.level(9)
    for name in CHANNELS:
        play.arrive(name)
        play.answer()
    assert play.shown == {"a": 3, "b": 3, "c": 3}
    play.wait(WAIT_S, 0)
    play.keep(0)
    play.buy("a")
    play.land(1, 0)
    assert play.under_way == {name: [] for name in CHANNELS}, "it took it off by itself"
    found: list[tuple[str, str, str]] = []
    for says in (2, 7):
        data = InventoryLevel(sku="MUG", location="WH", available=says)
        item = play.event(data, "inventory.level_changed", "L", "a")
        said = [
            Meant(
                raw=Raw("level"),
                type="inventory.level_changed",
                connection="a",
                subject=item.envelope.subject,
                native="L",
                revision="",
                data=data,
            )
        ]
        with play.ledger.engine.begin() as tx:
            found += [(one.there, one.here, one.repair) for one in shown(tx, "a", said)]
    assert found == [("7", "2", "tell")]
    with play.ledger.engine.begin() as tx:
        book.shows(tx, "a", ("MUG", "WH"), D(7), play.now)
        stockbook.forget_told(tx, "a", [("MUG", "WH")])
    play.shown["a"] = 7
    play.keep(0)
    assert [figure for _, figure in play.under_way["a"]] == [0], "it has what others have"
    play.fewer = True  # what somebody put there cannot be known before
    play.calm()
    assert play.sold <= 9


def test_from_all_everywhere_to_exclusive_nobody_shows_anything_for_a_while() -> None:
    """A deployment is changed: whoever shows all of it is told 0 first, then its part."""
    play = Play(rules("shared"))
    play.level(9)
    for name in CHANNELS:
        play.arrive(name)
        play.answer()
    assert play.shown == dict.fromkeys(CHANNELS, 9)
    after = Play(rules(), play.ledger, play.now, 9, play.shown, number=play.number)
    after.level(9)
    after.keep(0)
    assert {name: rows[0][1] for name, rows in after.under_way.items()} == dict.fromkeys(
        CHANNELS, 0
    )
    after.calm()


def test_automatic_shares_while_there_is_plenty_and_parts_when_there_is_not() -> None:
    play = Play(rules("automatic"))
    play.level(60)
    assert play.told == dict.fromkeys(CHANNELS, 20), "nothing is known of demand yet"
    for name in CHANNELS:
        play.arrive(name)
        play.answer()
    play.wait(WAIT_S, 0)
    play.keep(0)
    for stage, _ in play.runners:
        stage.house.pace.sold = {"a": 0.3, "b": 0.1}
    play.level(61)
    assert play.told == dict.fromkeys(CHANNELS, 61), "0.4 a second, and 10 s until all know"
    for name in CHANNELS:
        play.arrive(name)
        play.answer()
    play.level(19)
    told = play.told
    assert sum(told.values()) <= 19 - 12, "so much is taken to be sold until all know"
    assert told["a"] >= told["b"] >= told["c"]


def test_limits_of_channels_hold_and_what_they_leave_goes_to_others() -> None:
    parts = (Override(channel="a", share=D("0.1")), Override(channel="b", cap=D(2)))
    play = Play(rules(safety_stock=D(1), overrides=parts))
    play.level(21)
    assert play.told == {"a": 1, "b": 2, "c": 17}

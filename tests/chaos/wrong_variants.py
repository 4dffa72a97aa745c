"""Variants of the line that are wrong on purpose, each in one way that has been seen in the wild.

A suite that has never failed proves nothing. Each variant names the story that finds it out, what
the judge must say then, and what rests in that story so that the other layer of defence does not
heal the harm.
"""

import asyncio
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest
import scenarios
from crossdock.bus import lane
from crossdock.bus.jetstream import Consumer
from crossdock.canonical import Fulfillment
from crossdock.errors import ContractError, TransientError, UnavailableError
from crossdock.events import Envelope
from crossdock_stages import deliver, harness, judgement, recovery, translate
from crossdock_stages.calls import Target
from crossdock_stages.decide import Decide
from crossdock_stages.deliver import Deliver
from crossdock_stages.harness import Worker
from crossdock_stages.intake import Intake
from crossdock_stages.judgement.basis import evidence
from crossdock_stages.ledger import desk, landing, things, traffic
from crossdock_stages.sweeper import Sweeper
from crossdock_stages.translate import Translate
from scenarios import Story, dying

Change = Callable[[pytest.MonkeyPatch], None]


def nothing(patch: pytest.MonkeyPatch) -> None:
    """Nothing rests."""


@dataclass(frozen=True)
class Sabotage:
    """One wrong variant."""

    name: str
    change: Change
    story: Story
    caught_as: str
    rests: Change = nothing


# acknowledging


def acknowledges_first(patch: pytest.MonkeyPatch) -> None:
    work = Worker._work

    async def first(self: Worker, deliveries: Any) -> None:
        await self.lane.ack(deliveries)
        await self.lane._link.client.flush()
        await work(self, deliveries)

    patch.setattr(Worker, "_work", first)


def buries_after_the_ack(patch: pytest.MonkeyPatch) -> None:
    open_ = Worker._open

    async def first(self: Worker, deliveries: Any) -> Any:
        for delivery in deliveries:
            try:
                Envelope.read(delivery.headers)
            except ContractError:
                self.lane._tell([delivery], b"+TERM")
                await self.lane._link.client.flush()
        return await open_(self, deliveries)

    patch.setattr(Worker, "_open", first)


def bare_nak(patch: pytest.MonkeyPatch) -> None:
    close = Deliver._close

    async def raising(self: Deliver, *given: Any) -> Any:
        for trouble in given[4]:
            if isinstance(trouble.error, TransientError):
                raise UnavailableError("again, at once", outcome="failed")
        return await close(self, *given)

    async def at_once(self: Worker, deliveries: Any, error: Exception) -> None:
        self.lane._tell(deliveries, b"-NAK")

    patch.setattr(Deliver, "_close", raising)
    patch.setattr(Worker, "_give_back", at_once)


def forgets_what_waits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk, "park", lambda tx, rows, now: None)


def batch_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(harness, "PATIENCE_WITH_OURSELVES", 10**9)


# knowing what was seen


def no_inbox(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(traffic, "already_seen", lambda tx, ids: set())


def inbox_in_memory(patch: pytest.MonkeyPatch) -> None:
    memory: dict[int, set[str]] = {}
    process = Decide.process

    async def remembering(self: Decide, items: Any) -> Any:
        mine = memory.setdefault(id(self), set())
        out = await process(self, [item for item in items if item.id not in mine])
        mine.update(item.id for item in items)
        return out

    patch.setattr(traffic, "already_seen", lambda tx, ids: set())
    patch.setattr(Decide, "process", remembering)


def random_event_ids(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(translate, "event_id", lambda *parts: f"evt_{uuid.uuid4().hex[:26]}")


def other_body_is_a_repetition(patch: pytest.MonkeyPatch) -> None:
    land = landing.land

    def swallowing(tx: Any, rows: Any) -> Any:
        return [
            (one, "duplicate" if verdict == "conflict" else verdict)
            for one, verdict in land(tx, rows)
        ]

    patch.setattr(landing, "land", swallowing)


# effects


def no_look_up(patch: pytest.MonkeyPatch) -> None:
    carry_out = Target.carry_out

    async def straight(self: Target, command: Any) -> Any:
        return await carry_out(self, replace(command, attempt=1))

    patch.setattr(Target, "carry_out", straight)


def intent_after_the_call(patch: pytest.MonkeyPatch) -> None:
    intend, close = Deliver._intend, Deliver._close

    async def later(self: Deliver, items: Any) -> None:
        return

    async def intending(self: Deliver, items: Any, went: Any, *given: Any) -> Any:
        await intend(self, went)
        return await close(self, items, went, *given)

    patch.setattr(Deliver, "_intend", later)
    patch.setattr(Deliver, "_close", intending)


def done_before_the_call(patch: pytest.MonkeyPatch) -> None:
    intend = traffic.intend

    def done(tx: Any, intents: Any, now: float) -> None:
        intend(tx, intents, now)
        traffic.close_outgoing(tx, [one.command_id for one in intents], "done", now)

    patch.setattr(traffic, "intend", done)


def receipts_are_lost(patch: pytest.MonkeyPatch) -> None:
    close = traffic.close_outgoing

    def losing(tx: Any, ids: Any, state: Any, now: float) -> None:
        if state != "done":
            close(tx, ids, state, now)

    patch.setattr(traffic, "receive", lambda tx, receipts, now: None)
    patch.setattr(traffic, "close_outgoing", losing)


def outbox_by_itself(patch: pytest.MonkeyPatch) -> None:
    add, process = traffic.add_outgoing, Decide.process
    later: list[Any] = []

    def put_off(tx: Any, rows: Any, now: float) -> None:
        later.extend(row for row in rows if row.connection)
        add(tx, [row for row in rows if not row.connection], now)

    async def then(self: Decide, items: Any) -> Any:
        out = await process(self, items)
        rows, later[:] = list(later), []
        if rows:
            await self.house.ledger.write(lambda tx: add(tx, rows, time.time()))
        return out

    patch.setattr(traffic, "add_outgoing", put_off)
    patch.setattr(Decide, "process", then)


# sequence


def followers_go_on(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deliver, "_rounds", lambda items, standings: [list(items)])
    patch.setattr(deliver, "_unblocked", lambda items, standings: (list(items), []))


def one_round(patch: pytest.MonkeyPatch) -> None:
    """One entity's commands in one batch, one after the other, their receipts together."""

    async def call(self: Deliver, items: Any, look: Any) -> Any:
        receipts, troubles = {}, []
        for item in items:
            answer = await self._carry_out(item, look)
            if isinstance(answer, Exception):
                troubles.append(item.trouble(error=answer, place=look.standings[item.id].seq))
            else:
                receipts[item.id] = answer
        return receipts, troubles

    patch.setattr(Deliver, "_call", call)
    followers_go_on(patch)


def revision_ignored(patch: pytest.MonkeyPatch) -> None:
    known = things.known

    def blank(*given: Any, **named: Any) -> Any:
        return {key: replace(one, revision="") for key, one in known(*given, **named).items()}

    patch.setattr(things, "known", blank)


def arrival_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(landing, "ahead", lambda tx, ids, stage: {})


def lane_without_a_pin(patch: pytest.MonkeyPatch) -> None:
    config = Consumer.config

    def shared(self: Consumer) -> dict[str, Any]:
        made = config(self)
        del made["priority_timeout"]
        return {**made, "priority_policy": "overflow"}

    patch.setattr(Consumer, "config", shared)
    patch.setattr(lane, "PULL_BATCH", 1)  # or it may happen that one runner is given all there is


def early_news_is_dropped(patch: pytest.MonkeyPatch) -> None:
    judge = judgement._BY_ENTITY[Fulfillment]

    def dropping(case: Any, data: Any) -> Any:
        try:
            return judge(case, data)
        except UnavailableError as error:
            return evidence(str(error))

    patch.setitem(judgement._BY_ENTITY, Fulfillment, dropping)


# the landing zone and the sweeper


def relay_without_landing(patch: pytest.MonkeyPatch) -> None:
    async def unlanded(self: Intake, row: Any) -> Any:
        return row.id, "new"

    patch.setattr(Intake, "_land_soon", unlanded)


def answers_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    land, kept = Intake._land_soon, set()

    async def soon(self: Intake, row: Any) -> Any:
        task = asyncio.ensure_future(land(self, row))
        kept.add(task)
        return row.id, "new"

    patch.setattr(Intake, "_land_soon", soon)


def cursor_before_the_records(patch: pytest.MonkeyPatch) -> None:
    land = Intake._land_polled

    async def cursor_first(self: Intake, connection: str, batch: Any, *given: Any) -> Any:
        cursor = batch[-1].cursor
        await self.house.ledger.write(lambda tx: landing.write_cursor(tx, connection, cursor))
        return await land(self, connection, batch, *given)

    patch.setattr(Intake, "_land_polled", cursor_first)


def no_sweeper(patch: pytest.MonkeyPatch) -> None:
    async def rests(self: Sweeper) -> int:
        return 0

    patch.setattr(Sweeper, "find_lost", rests)


def dead_letters_vanish(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(desk, "bury", lambda tx, rows, now: None)


# what rests in a story


def short_patience(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(recovery.settle.__kwdefaults__, "patience_s", 0.5)


def cursed(patch: pytest.MonkeyPatch) -> None:
    process = Translate.process

    async def raising(self: Translate, items: Any) -> Any:
        if any(b"curse" in item.body for item in items):
            raise ZeroDivisionError("a fault of ours")
        return await process(self, items)

    patch.setattr(Translate, "process", raising)


SABOTAGES: tuple[Sabotage, ...] = (
    Sabotage(
        "acknowledges before the transaction",
        acknowledges_first,
        dying("decide: before a commit #1", finds_lost=False),
        "orders lost",
    ),
    Sabotage(
        "dead letter after the ack",
        buries_after_the_ack,
        scenarios.a_strangers_message,
        "poison vanished",
    ),
    Sabotage(
        "bare nak instead of a waiting row",
        bare_nak,
        scenarios.away_for_good,
        "persons never told",
        short_patience,
    ),
    Sabotage(
        "forgets what waits",
        forgets_what_waits,
        scenarios.away_for_a_moment,
        "orders lost",
    ),
    Sabotage(
        "one bad message ends its batch for ever",
        batch_for_ever,
        scenarios.a_fault_of_ours,
        "orders lost",
        cursed,
    ),
    Sabotage("no inbox", no_inbox, scenarios.the_bus_repeats, "levels stale"),
    Sabotage("inbox in memory", inbox_in_memory, scenarios.the_bus_repeats, "levels stale"),
    Sabotage(
        "random event ids",
        random_event_ids,
        scenarios.the_bus_repeats_a_payload,
        "level inversions",
    ),
    Sabotage(
        "another body under one id is a repetition",
        other_body_is_a_repetition,
        scenarios.one_id_for_two_bodies,
        "conflicts swallowed",
    ),
    Sabotage("effect without a look-up", no_look_up, scenarios.answers_are_lost, "orders doubled"),
    Sabotage(
        "intent after the call",
        intent_after_the_call,
        dying("deliver erp: after a call #1"),
        "orders doubled",
    ),
    Sabotage(
        "done before the call",
        done_before_the_call,
        dying("deliver erp: before a call #1"),
        "orders lost",
    ),
    Sabotage("receipts are lost", receipts_are_lost, scenarios.plain, "never settled"),
    Sabotage(
        "outbox in a transaction of its own",
        outbox_by_itself,
        dying("decide: before a commit #2"),
        "orders lost",
    ),
    Sabotage(
        "followers are not held back",
        followers_go_on,
        scenarios.an_edit_fails_once,
        "order inversions",
    ),
    Sabotage("revision ignored", revision_ignored, scenarios.late_news, "orders stale"),
    Sabotage(
        "order of arrival ignored",
        arrival_ignored,
        scenarios.the_bus_loses_one,
        "levels stale",
    ),
    Sabotage(
        "lane without a pin",
        lane_without_a_pin,
        scenarios.two_runners_and_one_is_slow,
        "level inversions",
        arrival_ignored,
    ),
    Sabotage(
        "early news is dropped",
        early_news_is_dropped,
        scenarios.early_news,
        "shipments not told",
    ),
    Sabotage(
        "relay without landing",
        relay_without_landing,
        scenarios.the_bus_forgets,
        "orders lost",
    ),
    Sabotage(
        "2xx before the commit",
        answers_before_the_commit,
        scenarios.the_bus_is_away_and_we_die,
        "orders lost",
    ),
    Sabotage(
        "cursor before the records",
        cursor_before_the_records,
        dying("poll: after a commit #1"),
        "shipments not told",
    ),
    Sabotage("sweeper off", no_sweeper, scenarios.the_bus_forgets, "orders lost"),
    Sabotage("dead letters vanish", dead_letters_vanish, scenarios.poison, "poison vanished"),
)

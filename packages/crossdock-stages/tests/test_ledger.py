"""The ledger keeps its word, on SQLite and on PostgreSQL alike."""

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from crossdock.bus import Outgoing
from crossdock.errors import ConfigError, UnavailableError
from crossdock.events import Receipt
from crossdock_stages.ledger import Ledger, desk, landing, open_ledger, tables, things, traffic
from crossdock_stages.ledger.desk import Stuck
from crossdock_stages.ledger.journey import account, journey
from crossdock_stages.ledger.landing import Landed, Translated
from crossdock_stages.ledger.migrate import HEAD
from crossdock_stages.ledger.store import sqlite_driver
from crossdock_stages.ledger.tables import exceptions, metadata, outbox
from crossdock_stages.ledger.things import CrossReference, Known
from crossdock_stages.ledger.traffic import Intent, Seen, ToSend
from sqlalchemy.engine import Connection

LONG_AGO = 1_000.0


def row(delivery: str = "d1", body: bytes = b"{}", **fields: Any) -> Landed:
    base = {
        "id": landing.new_id(time.time()),
        "connection": "web",
        "topic": "orders/create",
        "entity_key": "7",
        "road": "webhook",
        "headers": {"a": "b"},
        "received_at": LONG_AGO,
    }
    return Landed(**{**base, "delivery_id": delivery, "body": body, **fields})


def seen(event: str, landing_id: str = "", **fields: Any) -> Seen:
    base = {
        "type": "order.placed",
        "entity_id": "ord_1",
        "entity_key": "ord_1",
        "connection": "web",
        "revision": "1",
        "outcome": "applied",
        "at": LONG_AGO,
    }
    return Seen(**{**base, "event_id": event, "landing_id": landing_id, **fields})


def send(command: str, key: str = "ord_1", connection: str = "erp", **fields: Any) -> ToSend:
    message = Outgoing(
        address="xd.commands.erp.order.create.0", body=b"{}", headers={"ce-id": command}, id=command
    )
    base = {
        "message": message,
        "connection": connection,
        "type": "order.create",
        "entity_id": key,
        "entity_key": key,
        "cause": "evt",
    }
    return ToSend(**{**base, **fields})


def stuck(message: str, key: str = "ord_1", **fields: Any) -> Stuck:
    base = {
        "stage": "decide",
        "connection": "web",
        "address": "xd.events.order.placed.0",
        "headers": {"ce-id": message},
        "body": b"body",
        "code": "unavailable",
        "reason": "away",
    }
    return Stuck(**{**base, "message_id": message, "entity_key": key, **fields})


async def all_of(ledger: Ledger, statement: Any) -> Sequence[Any]:
    return await ledger.read(lambda tx: tx.execute(statement).all())


class TestLanding:
    async def test_new_then_duplicate_then_conflict(self, ledger: Ledger) -> None:
        first, other = row(body=b"1"), row("d2", b"2")
        got = await ledger.write(lambda tx: landing.land(tx, [first, other]))
        assert got == [(first.id, "new"), (other.id, "new")]
        again, changed = row(body=b"1"), row(body=b"changed")
        got = await ledger.write(lambda tx: landing.land(tx, [again, changed]))
        assert got == [(first.id, "duplicate"), (first.id, "conflict")]
        kept = await ledger.read(lambda tx: landing.get(tx, first.id))
        assert kept is not None
        assert (kept.body, dict(kept.headers)) == (b"1", {"a": "b"})
        assert await ledger.read(lambda tx: landing.get(tx, "lnd_none")) is None

    async def test_twice_in_one_batch_is_a_duplicate(self, ledger: Ledger) -> None:
        one, two = row(body=b"1"), row(body=b"1")
        got = await ledger.write(lambda tx: landing.land(tx, [one, two]))
        assert got == [(one.id, "new"), (one.id, "duplicate")]

    async def test_connections_do_not_share_delivery_ids(self, ledger: Ledger) -> None:
        rows = [row(), row(connection="amazon")]
        got = await ledger.write(lambda tx: landing.land(tx, rows))
        assert [verdict for _, verdict in got] == ["new", "new"]

    async def test_any_bytes_are_kept(self, ledger: Ledger) -> None:
        nasty = row(body=bytes(range(256)))
        await ledger.write(lambda tx: landing.land(tx, [nasty]))
        kept = await ledger.read(lambda tx: landing.get(tx, nasty.id))
        assert kept is not None
        assert kept.body == bytes(range(256))

    async def test_many_at_once_land_once(self, ledger: Ledger) -> None:
        async def one(number: int) -> str:
            mine = row(f"d{number % 5}", b"same")
            ((_, verdict),) = await ledger.write(lambda tx: landing.land(tx, [mine]))
            return verdict

        verdicts = await asyncio.gather(*(one(number) for number in range(50)))
        assert sorted(verdicts) == ["duplicate"] * 45 + ["new"] * 5

    async def test_a_cursor_moves_but_never_to_nothing(self, ledger: Ledger) -> None:
        def move(cursor: str) -> Callable[[Connection], None]:
            return lambda tx: landing.write_cursor(tx, "web", cursor)

        assert await ledger.read(lambda tx: landing.read_cursor(tx, "web")) is None
        for cursor in ("1", "2", ""):
            await ledger.write(move(cursor))
        assert await ledger.read(lambda tx: landing.read_cursor(tx, "web")) == "2"
        assert await ledger.read(lambda tx: landing.read_cursor(tx, "web", "other")) is None


class TestSettling:
    async def unsettled(self, ledger: Ledger) -> list[str]:
        found = await ledger.write(lambda tx: landing.unsettled(tx, before=LONG_AGO + 1))
        return [one.row.delivery_id for one in found]

    async def land(self, ledger: Ledger, *rows: Landed) -> None:
        await ledger.write(lambda tx: landing.land(tx, rows))

    async def mark(self, ledger: Ledger, result: Translated) -> None:
        await ledger.write(lambda tx: landing.mark_translated(tx, [result]))

    async def test_what_landed_is_looked_for(self, ledger: Ledger) -> None:
        one = row()
        await self.land(ledger, one, row("later", received_at=LONG_AGO + 5))
        assert await self.unsettled(ledger) == ["d1"]
        await ledger.write(lambda tx: landing.republished(tx, [one.id], LONG_AGO + 9))
        assert await self.unsettled(ledger) == []

    @pytest.mark.parametrize("state", ["ignored", "dead"])
    async def test_what_says_nothing_is_settled(self, ledger: Ledger, state: Any) -> None:
        one = row()
        await self.land(ledger, one)
        await self.mark(ledger, Translated(landing_id=one.id, state=state, reason="so"))
        assert await self.unsettled(ledger) == []

    async def test_it_is_settled_with_the_last_of_its_events(self, ledger: Ledger) -> None:
        one, two = row("one"), row("two")
        await self.land(ledger, one, two)
        await self.mark(ledger, Translated(landing_id=one.id, state="translated", events=("e1",)))
        await self.mark(
            ledger, Translated(landing_id=two.id, state="translated", events=("e2", "e3"))
        )

        async def left() -> set[str]:
            query = sa.select(tables.landing.c.id).where(tables.landing.c.settled.is_(False))
            return set(await ledger.read(lambda tx: tx.execute(query).scalars().all()))

        await ledger.write(lambda tx: landing.settle_said(tx, [one.id, two.id, ""]))
        assert await left() == {two.id}
        await ledger.write(lambda tx: traffic.add_seen(tx, [seen("e2", two.id)]))
        await ledger.write(lambda tx: landing.settle_said(tx, [two.id]))
        assert await left() == {two.id}
        await ledger.write(lambda tx: desk.bury(tx, [stuck("e3")], LONG_AGO))
        await ledger.write(lambda tx: landing.settle_said(tx, [two.id]))
        assert await left() == set()

    async def test_what_decide_could_not_see_the_end_of_the_sweeper_settles(
        self, ledger: Ledger
    ) -> None:
        two = row("two")
        await self.land(ledger, two)
        await self.mark(
            ledger, Translated(landing_id=two.id, state="translated", events=("e2", "e3"))
        )
        await ledger.write(lambda tx: traffic.add_seen(tx, [seen("e2", two.id)]))
        assert await self.unsettled(ledger) == ["two"]
        await ledger.write(lambda tx: traffic.add_seen(tx, [seen("e3", two.id)]))
        assert await self.unsettled(ledger) == []
        books = await ledger.read(account)
        assert (books.accepted, books.decided) == (1, 1)

    async def test_what_waits_is_not_lost(self, ledger: Ledger) -> None:
        raw, event = row("raw"), row("event")
        await self.land(ledger, raw, event)
        await self.mark(ledger, Translated(landing_id=event.id, state="translated", events=("e1",)))
        await ledger.write(
            lambda tx: desk.park(tx, [stuck(raw.id, "k1"), stuck("e1", "k2")], LONG_AGO)
        )
        assert await self.unsettled(ledger) == []
        await ledger.write(lambda tx: desk.release(tx, "decide", [raw.id, "e1"]))
        assert sorted(await self.unsettled(ledger)) == ["event", "raw"]


class TestTraffic:
    async def test_an_event_is_seen_once(self, ledger: Ledger) -> None:
        await ledger.write(lambda tx: traffic.add_seen(tx, [seen("e1"), seen("e2")]))
        await ledger.write(lambda tx: traffic.add_seen(tx, [seen("e1", reason="other")]))
        got = await ledger.read(lambda tx: traffic.already_seen(tx, ["e1", "e3"]))
        assert got == {"e1"}

    async def test_a_message_is_promised_once(self, ledger: Ledger) -> None:
        for _ in range(2):
            await ledger.write(lambda tx: traffic.add_outgoing(tx, [send("c1"), send("c2")], 1.0))
        found = await ledger.read(lambda tx: traffic.unanswered(tx, before=2.0))
        assert [one.send.message.id for one in found] == ["c1", "c2"]
        await ledger.write(lambda tx: traffic.resent(tx, ["c1"], 5.0))
        await ledger.write(lambda tx: traffic.close_outgoing(tx, ["c2"], "done", 5.0))
        assert await ledger.read(lambda tx: traffic.unanswered(tx, before=2.0)) == []
        (again,) = await ledger.read(lambda tx: traffic.unanswered(tx, before=9.0))
        assert (again.send.message.id, again.publishes) == ("c1", 2)

    async def test_what_is_closed_stays_as_it_ended(self, ledger: Ledger) -> None:
        await ledger.write(lambda tx: traffic.add_outgoing(tx, [send("c1")], 1.0))
        for state in ("exception", "done"):
            await ledger.write(lambda tx, s=state: traffic.close_outgoing(tx, ["c1"], s, 2.0))
        assert [one.state for one in await all_of(ledger, sa.select(outbox))] == ["exception"]

    async def test_what_waits_is_not_unanswered(self, ledger: Ledger) -> None:
        await ledger.write(lambda tx: traffic.add_outgoing(tx, [send("c1")], 1.0))
        await ledger.write(lambda tx: desk.park(tx, [stuck("c1")], 1.0))
        assert await ledger.read(lambda tx: traffic.unanswered(tx, before=2.0)) == []

    async def test_a_body_too_large_to_travel_is_kept_and_not_sent(self, ledger: Ledger) -> None:
        message = Outgoing(address="a", body=b"", headers={"ce-dataref": "outbox:c1"}, id="c1")
        large = send("c1", message=message, body=b"x" * 1_000)
        await ledger.write(lambda tx: traffic.add_outgoing(tx, [large], 1.0))
        (found,) = await all_of(ledger, sa.select(outbox.c.body))
        assert bytes(found.body) == b"x" * 1_000
        (again,) = await ledger.read(lambda tx: traffic.unanswered(tx, before=2.0))
        assert again.send.message == message

    async def test_standings_name_the_nearest_open_command_before(self, ledger: Ledger) -> None:
        sends = [
            send("c1"),
            send("c2"),
            send("c3"),
            send("o1", "ord_2"),
            send("w1", connection="web"),
        ]
        await ledger.write(lambda tx: traffic.add_outgoing(tx, sends, 1.0))

        async def blocked() -> dict[str, str | None]:
            ids = ["c1", "c2", "c3", "o1", "unknown"]
            found = await ledger.read(lambda tx: traffic.standings(tx, "erp", ids))
            return {key: standing.blocked_by for key, standing in found.items()}

        assert await blocked() == {"c1": None, "c2": "c1", "c3": "c2", "o1": None}
        await ledger.write(lambda tx: traffic.close_outgoing(tx, ["c2"], "dead", 2.0))
        assert (await blocked())["c3"] == "c1"
        await ledger.write(lambda tx: traffic.close_outgoing(tx, ["c1"], "done", 2.0))
        assert (await blocked())["c3"] is None

    async def test_attempts_count_and_a_receipt_closes(self, ledger: Ledger) -> None:
        await ledger.write(lambda tx: traffic.add_outgoing(tx, [send("c1")], 1.0))
        intent = Intent(command_id="c1", connection="erp", type="order.create", entity_id="ord_1")
        for count in (1, 2):
            await ledger.write(lambda tx: traffic.intend(tx, [intent], 1.0))
            found = await ledger.read(lambda tx: traffic.standings(tx, "erp", ["c1"]))
            assert found["c1"].attempts == count
        receipt = Receipt(native_id="S1", note="nasty \x00 \ud800 " + "x" * 3_000)
        await ledger.write(lambda tx: traffic.receive(tx, {"c1": receipt}, 2.0))
        told = await ledger.read(lambda tx: journey(tx, "c1"))
        assert told is not None
        assert any("done as S1, 2 tries" in step.what for step in told.steps)


class TestWaitingRoom:
    async def due(self, ledger: Ledger, now: float) -> list[str]:
        found = await ledger.write(lambda tx: desk.due(tx, now, 60.0))
        return [one.message_id for one in found]

    async def test_only_the_head_of_each_queue_is_called(self, ledger: Ledger) -> None:
        rows = [
            stuck("a1", "a", next_at=10, place=1),
            stuck("a2", "a", next_at=0, place=2),
            stuck("b1", "b", next_at=5, place=3),
        ]
        await ledger.write(lambda tx: desk.park(tx, rows, 0.0))
        found = await ledger.read(lambda tx: desk.queues(tx, "decide", ["a", "b", "c"]))
        assert {key: [w.message_id for w in line] for key, line in found.items()} == {
            "a": ["a1", "a2"],
            "b": ["b1"],
        }
        assert await self.due(ledger, 6.0) == ["b1"]
        assert await self.due(ledger, 7.0) == [], "called already"
        assert await self.due(ledger, 11.0) == ["a1"]
        assert await self.due(ledger, 67.0) == ["b1"], "it did not come back, so it is called again"
        await ledger.write(lambda tx: desk.release(tx, "decide", ["a1"]))
        assert await self.due(ledger, 68.0) == ["a2"]

    async def test_a_look_costs_what_is_due_not_what_waits(self, sqlite_ledger: Ledger) -> None:
        """Four times a second each runner looks; 100,000 told again held up all by 340 ms."""

        def steps(tx: Connection) -> int:
            count = 0

            def step() -> int:
                nonlocal count
                count += 1
                return 0

            sqlite_driver(tx).set_progress_handler(step, 100)
            try:
                assert desk.any_due(tx, 7.0)
            finally:
                sqlite_driver(tx).set_progress_handler(None, 0)
            return count

        found = []
        for many in (10, 3_000):
            waits = [stuck(f"w{n}", f"k{n}", next_at=99, place=n) for n in range(many)]
            rows = [*waits, stuck("now", "now", next_at=5, place=1)]
            await sqlite_ledger.write(lambda tx, rows=rows: desk.park(tx, rows, 0.0))
            found.append(await sqlite_ledger.read(steps))
        assert found[1] <= found[0] + 2, found

    async def test_the_place_decides_not_the_arrival(self, ledger: Ledger) -> None:
        await ledger.write(lambda tx: desk.park(tx, [stuck("late", place=9)], 0.0))
        await ledger.write(lambda tx: desk.park(tx, [stuck("early", place=3)], 0.0))
        assert await self.due(ledger, 1.0) == ["early"]
        found = await ledger.read(lambda tx: desk.queues(tx, "decide", ["ord_1"]))
        assert [waiter.message_id for waiter in found["ord_1"]] == ["early", "late"]

    async def test_stages_have_rooms_of_their_own(self, ledger: Ledger) -> None:
        rows = [stuck("m", place=1), stuck("m", place=1, stage="deliver:x")]
        await ledger.write(lambda tx: desk.park(tx, rows, 0.0))
        assert len(await self.due(ledger, 1.0)) == 2
        assert not await ledger.read(lambda tx: desk.queues(tx, "translate", ["ord_1"]))

    async def test_parking_again_keeps_the_place_and_the_first_time(self, ledger: Ledger) -> None:
        await ledger.write(
            lambda tx: desk.park(tx, [stuck("m1", place=1), stuck("m2", place=2)], 7.0)
        )
        again = stuck("m1", attempts=3, next_at=99, reason="still away", place=50)
        await ledger.write(lambda tx: desk.park(tx, [again], 8.0))
        found = await ledger.read(lambda tx: desk.queues(tx, "decide", ["ord_1"]))
        head = found["ord_1"][0]
        assert (head.message_id, head.attempts, head.first_at) == ("m1", 3, 7.0)
        assert not await self.due(ledger, 50.0)
        assert not await ledger.read(lambda tx: desk.any_due(tx, 50.0)), "m2 only stands in line"

    async def test_the_target_is_back(self, ledger: Ledger) -> None:
        rows = [stuck("m1", "a", next_at=99), stuck("m2", "b", next_at=99, code="rate_limited")]
        await ledger.write(lambda tx: desk.park(tx, rows, 0.0))
        await ledger.write(lambda tx: desk.hurry(tx, "decide", 5.0))
        assert await self.due(ledger, 5.0) == ["m1"]


class TestDesk:
    async def test_exceptions_and_dead_letters_are_kept_once(self, ledger: Ledger) -> None:
        for reason in ("first", "second"):
            trouble = stuck("m1", entity_id="ord_1", reason=reason)
            await ledger.write(
                lambda tx, t=trouble: desk.open_exceptions(tx, [(t, "error", "do this")], 1.0)
            )
            await ledger.write(lambda tx, t=trouble: desk.bury(tx, [t], 1.0))
        books = await ledger.read(account)
        assert (books.exceptions, books.dead_letters) == (1, 1)
        (found,) = await all_of(ledger, sa.select(exceptions))
        assert (found.message, found.suggestion, bytes(found.body)) == (
            "second",
            "do this",
            b"body",
        )

    @pytest.mark.parametrize(
        "words", ["a\x00b", "\ud800", "x" * 5_000, "'; DROP TABLE landing;--", "👩‍👩‍👧"], ids=ascii
    )
    async def test_no_words_of_a_vendor_hurt(self, ledger: Ledger, words: str) -> None:
        trouble = stuck(
            "m1", code=words, reason=words, topic=words, pointer=words, headers={"a": words}
        )
        await ledger.write(lambda tx: desk.park(tx, [trouble], 1.0))
        await ledger.write(lambda tx: desk.bury(tx, [trouble], 1.0))
        await ledger.write(lambda tx: desk.open_exceptions(tx, [(trouble, "error", words)], 1.0))
        one = row()
        await ledger.write(lambda tx: landing.land(tx, [one]))
        result = Translated(landing_id=one.id, state="dead", reason=words)
        await ledger.write(lambda tx: landing.mark_translated(tx, [result]))


class TestThings:
    async def test_the_first_word_on_a_pair_stays(self, ledger: Ledger) -> None:
        for canonical in ("ord_1", "ord_2"):
            pair = CrossReference("erp", "order", "S1", canonical)
            await ledger.write(lambda tx, p=pair: things.refer(tx, [p], 1.0))
        wanted = [("erp", "order", "S1"), ("erp", "order", "S2")]
        assert await ledger.read(lambda tx: things.aliases(tx, wanted)) == {wanted[0]: "ord_1"}
        assert await ledger.read(lambda tx: things.native_ids(tx, "erp", ["ord_1"])) == {
            "ord_1": "S1"
        }
        assert await ledger.read(lambda tx: things.native_ids(tx, "web", ["ord_1"])) == {}
        assert await ledger.read(lambda tx: things.aliases(tx, [])) == {}

    async def test_knowledge_is_replaced_but_the_origin_stays(self, ledger: Ledger) -> None:
        def known(**fields: str) -> Known:
            base = {"id": "ord_1", "kind": "order", "connection": "web", "native_id": "7"}
            return Known(**{**base, "revision": "1", "digest": "d", **fields})

        await ledger.write(lambda tx: things.remember(tx, [known()], 1.0))
        newer = known(revision="2", state="submitted", connection="x", native_id="8")
        await ledger.write(lambda tx: things.remember(tx, [newer], 2.0))
        found = await ledger.read(lambda tx: things.known(tx, ["ord_1", "ord_2"]))
        assert found == {"ord_1": known(revision="2", state="submitted")}


class TestJourney:
    async def test_every_kind_of_reference_finds_it(self, ledger: Ledger) -> None:
        landed = row("delivery-9")
        known = Known(
            id="ord_1",
            kind="order",
            connection="web",
            native_id="450",
            revision="1",
            digest="d",
            label="#1001",
        )

        def fill(tx: Connection) -> None:
            landing.land(tx, [landed])
            landing.mark_translated(
                tx, [Translated(landing_id=landed.id, state="translated", events=("evt_1",))]
            )
            traffic.add_seen(tx, [seen("evt_1", landed.id)])
            things.remember(tx, [known], 1.0)
            things.refer(
                tx,
                [
                    CrossReference("web", "order", "450", "ord_1"),
                    CrossReference("erp", "order", "S00042", "ord_1"),
                    CrossReference("erp", "order.part", "line-3", "ord_1/1"),
                ],
                1.0,
            )
            traffic.add_outgoing(tx, [send("cmd_1")], 1.0)
            desk.park(tx, [stuck("cmd_1", reason="the ERP is away")], 1.0)

        await ledger.write(fill)
        references = [
            "ord_1",
            "#1001",
            "1001",
            "450",
            "S00042",
            "evt_1",
            "cmd_1",
            landed.id,
            "delivery-9",
        ]
        for reference in references:
            found = await ledger.read(lambda tx, r=reference: journey(tx, r))
            assert found is not None, reference
            assert found.entity_ids == ("ord_1",)
            assert found.label == "#1001"
            assert (found.open, found.waiting, found.dead) == (1, 1, 0)
            assert "the ERP is away" in [step.detail for step in found.steps]
            assert [step.stage for step in found.steps][:1] == ["decide"]
        for reference in ("line-3", "nothing", "", "%", "' OR 1=1"):
            assert await ledger.read(lambda tx, r=reference: journey(tx, r)) is None

    async def test_a_dead_letter_of_translate_is_told_by_its_landing(self, ledger: Ledger) -> None:
        landed = row()

        def fill(tx: Connection) -> None:
            landing.land(tx, [landed])
            landing.mark_translated(
                tx, [Translated(landing_id=landed.id, state="dead", reason="bad")]
            )
            desk.bury(tx, [stuck(landed.id, stage="translate")], 1.0)

        await ledger.write(fill)
        found = await ledger.read(lambda tx: journey(tx, landed.id))
        assert found is not None
        assert found.dead == 1
        assert any("dead" in step.what for step in found.steps)


class TestTransactions:
    async def test_a_failure_undoes_all_of_its_own_and_nothing_else(self, ledger: Ledger) -> None:
        def good(number: int) -> Callable[[Connection], int]:
            def work(tx: Connection) -> int:
                landing.land(tx, [row(f"good-{number}")])
                return number

            return work

        def bad(error: Exception | None) -> Callable[[Connection], None]:
            def work(tx: Connection) -> None:
                landing.land(tx, [row("bad")])
                if error is not None:
                    raise error
                tx.exec_driver_sql("SELECT no_such_column")

            return work

        answers = await asyncio.gather(
            ledger.write(good(1)),
            ledger.write(bad(RuntimeError("ours"))),
            ledger.write(good(2)),
            ledger.write(bad(None)),
            ledger.write(good(3)),
            return_exceptions=True,
        )
        assert answers[::2] == [1, 2, 3]
        assert isinstance(answers[1], RuntimeError)
        assert isinstance(answers[3], UnavailableError)
        assert answers[3].outcome == "failed"
        assert (await ledger.read(account)).accepted == 3

    async def test_who_stops_waiting_harms_nobody(self, ledger: Ledger) -> None:
        tasks = [
            asyncio.create_task(ledger.write(lambda tx, n=n: landing.land(tx, [row(f"d{n}")])))
            for n in range(20)
        ]
        reads = [asyncio.create_task(ledger.read(account)) for _ in range(20)]
        await asyncio.sleep(0)
        for task in [*tasks[::2], *reads[::2]]:
            task.cancel()
        await asyncio.gather(*tasks, *reads, return_exceptions=True)
        assert all(not task.cancelled() for task in tasks[1::2])
        async with asyncio.timeout(30):
            await ledger.write(lambda tx: landing.land(tx, [row("after")]))
            assert (await ledger.read(account)).accepted >= 11

    async def test_a_read_sees_one_moment(self, ledger: Ledger) -> None:
        loop = asyncio.get_running_loop()

        def work(tx: Connection) -> tuple[int, int]:
            before = account(tx).accepted
            writing = asyncio.run_coroutine_threadsafe(
                ledger.write(lambda tx: landing.land(tx, [row()])), loop
            )
            if ledger.url.startswith("sqlite"):  # PostgreSQL's work runs in this very loop
                writing.result(30)
            return before, account(tx).accepted

        before, after = await ledger.read(work)
        assert before == after == 0

    async def test_a_read_takes_no_lock_from_writers(self, sqlite_ledger: Ledger) -> None:
        loop = asyncio.get_running_loop()

        def work(tx: Connection) -> int:
            return (
                asyncio.run_coroutine_threadsafe(sqlite_ledger.read(account), loop)
                .result(20)
                .accepted
            )

        assert await sqlite_ledger.write(work) == 0

    async def test_a_closed_one_says_so_and_finishes_what_was_given(self, tmp_path: Path) -> None:
        async with open_ledger(f"sqlite:///{tmp_path}/l.db") as ledger:
            last = asyncio.create_task(ledger.read(account))
            await asyncio.sleep(0)
        assert (await last).accepted == 0
        async with asyncio.timeout(20):
            with pytest.raises(UnavailableError, match="the ledger is closed"):
                await ledger.read(account)
            with pytest.raises(UnavailableError, match="the ledger is closed"):
                await ledger.write(account)


class TestSchema:
    async def test_migrations_make_exactly_the_tables(self, ledger: Ledger) -> None:
        def work(tx: Connection) -> list[Any]:
            context = MigrationContext.configure(tx, opts={"compare_type": True})
            return list(compare_metadata(context, metadata))

        assert await ledger.write(work) == []

    def test_the_head_constant_is_the_newest_revision(self) -> None:
        config = Config()
        config.set_main_option("script_location", "crossdock_stages.ledger:migrations")
        assert ScriptDirectory.from_config(config).get_current_head() == HEAD

    async def test_opening_again_changes_nothing(self, ledger: Ledger, ledger_url: str) -> None:
        await ledger.write(lambda tx: landing.land(tx, [row()]))
        async with open_ledger(ledger_url) as again:
            assert (await again.read(account)).accepted == 1

    async def test_a_newer_ledger_is_refused(self, tmp_path: Any) -> None:
        url = f"sqlite:///{tmp_path}/l.db"
        async with open_ledger(url) as made:
            await made.write(
                lambda tx: tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
            )
        with pytest.raises(ConfigError, match=r"9999.*install the newer"):
            async with open_ledger(url):
                pass

    async def test_two_runners_may_make_an_empty_ledger_at_once(
        self, ledger: Ledger, ledger_url: str
    ) -> None:
        names = ", ".join([*metadata.tables, "alembic_version"])
        if ledger_url.startswith("postgresql"):
            await ledger.write(lambda tx: tx.exec_driver_sql(f"DROP TABLE {names}"))
        else:
            ledger_url = ledger_url.replace("ledger.db", "other.db")

        script = (
            "import asyncio, sys\n"
            "from crossdock_stages.ledger import open_ledger\n"
            "async def main():\n"
            "    async with open_ledger(sys.argv[1]): pass\n"
            "asyncio.run(main())\n"
        )
        runners = [
            await asyncio.create_subprocess_exec(sys.executable, "-c", script, ledger_url)
            for _ in range(3)
        ]
        assert await asyncio.gather(*(runner.wait() for runner in runners)) == [0, 0, 0]
        async with open_ledger(ledger_url) as made:
            assert (await made.read(account)).accepted == 0


class TestUrls:
    @pytest.mark.parametrize(
        "url", ["", "nonsense", "mysql://x/y", "sqlite://", "sqlite:///:memory:", "://hush@x"]
    )
    async def test_an_impossible_url_is_a_config_error(self, url: str) -> None:
        with pytest.raises(ConfigError) as caught:
            async with open_ledger(url):
                pass
        assert "hush" not in str(caught.value)

    @pytest.mark.parametrize("url", ["postgresql://hush:hush@127.0.0.1:1/x"])
    async def test_nobody_there_is_unavailable(self, url: str) -> None:
        with pytest.raises(UnavailableError) as caught:
            async with open_ledger(url):
                pass
        assert "hush" not in str(caught.value)

    async def test_a_refused_login_is_unavailable(self, postgres_server: str) -> None:
        for wrong in (
            postgres_server.replace("/postgres", "/nowhere"),
            postgres_server.replace("crossdock@", "nobody-we-know@"),
        ):
            with pytest.raises(UnavailableError):
                async with open_ledger(wrong):
                    pass

    async def test_a_file_that_is_no_database_is_unavailable(self, tmp_path: Any) -> None:
        (tmp_path / "l.db").write_bytes(b"no database" * 1_000)
        (tmp_path / "file").write_text("")
        for path in ("l.db", "file/l.db"):
            with pytest.raises(UnavailableError):
                async with open_ledger(f"sqlite:///{tmp_path}/{path}"):
                    pass

    async def test_a_file_locked_by_another_does_not_corrupt(self, tmp_path: Any) -> None:
        async with open_ledger(f"sqlite:///{tmp_path}/l.db") as mine:
            other = sqlite3.connect(tmp_path / "l.db", isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            writing = asyncio.create_task(mine.write(lambda tx: landing.land(tx, [row()])))
            assert (await mine.read(account)).accepted == 0
            assert not writing.done()
            other.execute("COMMIT")
            other.close()
            await writing
            assert json.loads(json.dumps((await mine.read(account)).accepted)) == 1

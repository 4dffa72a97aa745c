"""Each stage by itself, on a real ledger: what it writes, says, and never does twice."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from crossdock.bus import Bus, Outgoing
from crossdock.canonical import Order
from crossdock.connector import Connector
from crossdock.errors import (
    AuthError,
    ConflictError,
    RateLimitedError,
    RejectedError,
    UnavailableError,
)
from crossdock.events import Command, Envelope, Raw
from crossdock.identity import entity_id
from crossdock_stages.breath import SLICE_S
from crossdock_stages.decide import Decide
from crossdock_stages.deliver import Deliver, Target
from crossdock_stages.harness import House, Item
from crossdock_stages.ledger import Ledger, desk, landing, traffic
from crossdock_stages.ledger.audit import audit
from crossdock_stages.ledger.journey import Account, account
from crossdock_stages.ledger.landing import Landed
from crossdock_stages.ledger.tables import claims as claims_table
from crossdock_stages.ledger.tables import dead_letters, effects, exceptions, outbox, waiting
from crossdock_stages.ledger.tables import landing as landing_table
from crossdock_stages.rules import Domain, Rules
from crossdock_stages.topology import Topology
from crossdock_stages.translate import Translate

MakeOrder = Callable[..., Order]
AWAY = UnavailableError("away", outcome="unknown")
TOPOLOGY = Topology(environment="test", lanes=2)
RULES = Rules(
    domains={
        "orders": Domain(capture=("web",), execute="erp"),
        "inventory": Domain(owner="erp", publish_to=("web",)),
        "fulfillment": Domain(owner="erp", publish_to=("web",)),
    },
    handles={"erp": frozenset({"order.create", "order.cancel"}), "web": frozenset()},
)


@pytest.fixture
def house(sqlite_ledger: Ledger) -> House:
    """A house whose bus is never entered: stages by themselves publish nothing."""
    return House(bus=Bus("nats://127.0.0.1:1"), ledger=sqlite_ledger)


def item(message: Outgoing, *, retry: bool = False) -> Item:
    return Item(Envelope.read(message.headers), message.body, message.address, retry=retry)


async def rows(house: House, table: sa.Table) -> Sequence[Any]:
    return await house.ledger.read(lambda tx: tx.execute(sa.select(table)).all())


async def books(house: House) -> Account:
    return await house.ledger.read(account)


async def called(house: House) -> list[Item]:
    """What the sweeper would call when all waiting times were over."""
    found = await house.ledger.write(lambda tx: desk.due(tx, time.time() + 10**6, 0.0))
    return [
        item(
            Outgoing(address=d.address, body=d.body, headers=d.headers, id=d.message_id), retry=True
        )
        for d in found
    ]


class TestTranslate:
    @pytest.fixture
    def stage(self, house: House, shop: Connector) -> Translate:
        return Translate(house, TOPOLOGY, {"web": shop})

    async def land(self, house: House, *bodies: Any, key: str = "k") -> list[Item]:
        landed = [
            Landed(
                id=landing.new_id(1.0),
                connection="web",
                topic="facts",
                entity_key=key,
                delivery_id=f"{key}-{number}-{time.perf_counter_ns()}",
                road="webhook",
                headers={},
                body=body if isinstance(body, bytes) else json.dumps(body).encode(),
                received_at=1.0,
            )
            for number, body in enumerate(bodies)
        ]
        await house.ledger.write(lambda tx: landing.land(tx, landed))
        return [item(TOPOLOGY.raw(one)) for one in landed]

    async def test_facts_become_events(self, stage: Translate, house: House) -> None:
        items = await self.land(
            house,
            [{"fact": "order.placed", "id": "1"}, {"fact": "order.paid", "id": "1", "rev": 2}],
        )
        events = [Envelope.read(m.headers) for m in await stage.process(items)]
        assert [event.name for event in events] == ["order.placed", "order.paid"]
        assert {event.subject for event in events} == {entity_id("web", "order", "1")}
        assert [event.revision for event in events] == [f"{1:020d}", f"{2:020d}"]
        (row,) = await rows(house, landing_table)
        assert row.state == "translated"
        assert json.loads(row.events) == [event.id for event in events]
        assert not row.settled

    async def test_saying_it_twice_says_the_same(self, stage: Translate, house: House) -> None:
        items = await self.land(house, [{"fact": "order.placed", "id": "1"}])
        one, two = [await stage.process(items) for _ in range(2)]
        assert [m.id for m in one] == [m.id for m in two]

    async def test_the_same_news_by_two_roads_has_one_id(
        self, stage: Translate, house: House
    ) -> None:
        fact = [{"fact": "order.placed", "id": "1"}]
        items = await self.land(house, fact, fact)
        one, two = list(await stage.process(items))
        assert one.id == two.id

    @pytest.mark.parametrize(
        ("body", "state", "reason"),
        [
            ("ignore", "ignored", "nobody needs this"),
            ([], "ignored", "nothing of interest"),
            ({"no": "list"}, "dead", "facts must be a list"),
            (b"no json", "dead", "not JSON"),
            (b'"\\ud800"', "dead", "no database can store it"),
            ("bug", "dead", "ZeroDivisionError"),
            ([{"fact": "order.exploded", "id": "1"}], "dead", "no event type"),
            ([{"fact": "order.placed", "id": ""}], "dead", "native_id"),
            ([{"fact": "order.placed", "id": "x" * 300}], "dead", "300 characters"),
            ([{"fact": "order.placed", "id": "1", "rev": -1}], "dead", "revision"),
            ([{"fact": "order.placed", "id": "1", "note": 7}], "dead", "note"),
            ([{"fact": "order.placed"}], "dead", "KeyError"),
        ],
        ids=str,
    )
    async def test_what_says_nothing_or_cannot_be_read(
        self, stage: Translate, house: House, body: Any, state: str, reason: str
    ) -> None:
        items = await self.land(house, body, [{"fact": "order.placed", "id": "good"}])
        assert len(list(await stage.process(items))) == 1, "the good one beside it goes on"
        first = min(await rows(house, landing_table), key=lambda row: row.delivery_id)
        assert first.state == state
        assert reason in first.reason
        letters = await rows(house, dead_letters)
        assert len(letters) == (state == "dead")
        for letter in letters:
            assert reason in letter.reason
            assert bytes(letter.body) == items[0].body
        assert await house.ledger.read(audit) == []

    async def test_a_translation_that_asks_for_patience_waits_and_is_not_lost(
        self, stage: Translate, house: House
    ) -> None:
        items = await self.land(house, "away")
        assert list(await stage.process(items)) == []
        for _ in range(3):
            again = await called(house)
            assert len(again) == 1
            await stage.process(again)
        assert (await books(house)).in_flight == 1

    async def test_followers_stand_behind_what_waits(self, stage: Translate, house: House) -> None:
        (head,) = await self.land(house, "away")
        await stage.process([head])
        (follower,) = await self.land(house, [{"fact": "order.placed", "id": "1"}])
        (other,) = await self.land(house, [{"fact": "order.placed", "id": "2"}], key="other")
        assert len(list(await stage.process([follower, other]))) == 1
        assert [one.code for one in await rows(house, waiting)] == ["unavailable", "behind"]

    async def test_a_connection_that_is_gone_is_a_dead_letter(
        self, house: House, shop: Connector
    ) -> None:
        items = await self.land(house, [])
        await Translate(house, TOPOLOGY, {"amazon": shop}).process(items)
        (letter,) = await rows(house, dead_letters)
        assert "no connection 'web'" in letter.reason
        assert "amazon" in letter.reason

    async def test_what_a_connector_hands_to_a_person_stands_on_the_desk(
        self, house: House, shop: Connector
    ) -> None:
        """A privacy request: nothing follows from it by itself, and it is no dead letter."""

        def refuse(raw: Raw) -> Any:
            raise RejectedError("customer 7 asks", reason="privacy_data_request")

        stage = Translate(house, TOPOLOGY, {"web": replace(shop, translate=refuse)})
        assert list(await stage.process(await self.land(house, []))) == []
        (case,) = await rows(house, exceptions)
        assert (case.code, case.message) == ("privacy_data_request", "customer 7 asks")
        assert "then resolve" in case.suggestion
        assert await rows(house, dead_letters) == []
        assert await house.ledger.read(audit) == []

    async def test_others_have_their_turn_however_many_lanes_are_busy(
        self, house: House, shop: Any
    ) -> None:
        """A webhook waits for its answer on the same loop."""
        turn, met = 0, Counter[int]()

        async def others() -> None:
            nonlocal turn
            while True:
                turn += 1
                await asyncio.sleep(0)

        def translate(raw: Raw) -> Any:
            met[turn] += 1
            time.sleep(SLICE_S / 2)
            return shop.translate(raw)

        lanes = []
        for lane in range(3):
            facts = [[{"fact": "order.placed", "id": f"{lane}-{number}"}] for number in range(6)]
            lanes.append(await self.land(house, *facts))
        busy = asyncio.create_task(others())
        stage = Translate(house, TOPOLOGY, {"web": replace(shop, translate=translate)})
        said = await asyncio.gather(*(stage.process(items) for items in lanes))
        busy.cancel()
        assert sum(len(list(one)) for one in said) == met.total() == 18
        assert max(met.values()) <= 3

    async def test_a_large_event_stays_behind_its_claim(
        self, stage: Translate, house: House
    ) -> None:
        (one,) = await self.land(house, [{"fact": "order.placed", "id": "1", "tags": 70}])
        (message,) = list(await stage.process([one]))
        assert message.body == b""
        (kept,) = await rows(house, claims_table)
        assert message.headers["ce-dataref"] == f"claim:{kept.id}"
        assert len(Order.parse(bytes(kept.body)).tags) == 70


class TestDecide:
    @pytest.fixture
    def stage(self, house: House) -> Decide:
        return Decide(house, TOPOLOGY, RULES)

    def event(
        self, data: Any, name: str = "order.placed", native: str = "1", **fields: str
    ) -> Item:
        connection = fields.pop("connection", "web")
        own = entity_id(connection, data.kind, native)
        key = fields.pop("key", own)
        envelope = Envelope(
            id=f"evt_{name}_{native}_{fields.get('revision', '1')}",
            source="s",
            type=f"crossdock.{name}.v1",
            subject=own,
            key=key,
            time="",
            connection=connection,
            native=native,
            landing="lnd_1",
            revision=fields.pop("revision", "1"),
        )
        body = data if isinstance(data, bytes) else data.dump()
        return item(TOPOLOGY.event(envelope, body))

    async def test_an_order_becomes_a_command_once(
        self, stage: Decide, house: House, make_order: MakeOrder
    ) -> None:
        news = self.event(make_order())
        sent = list(await stage.process([news, news]))
        assert len(sent) == 1
        assert sent[0].address.startswith("xd.commands.erp.order.create.")
        assert list(await stage.process([news])) == []
        assert len(await rows(house, outbox)) == 1

    async def test_what_was_told_is_passed_on_as_it_is(
        self, stage: Decide, house: House, make_order: MakeOrder
    ) -> None:
        """Also what a newer minor says beyond our knowledge: whoever is told may know it."""
        body = make_order().dump().replace(b"{", b'{"of_tomorrow":1,', 1)
        (sent,) = list(await stage.process([replace(self.event(make_order()), body=body)]))
        assert sent.body == body
        (row,) = await rows(house, outbox)
        assert bytes(row.body) == body

    async def test_news_of_one_order_in_one_batch_is_judged_in_order(
        self, stage: Decide, make_order: MakeOrder
    ) -> None:
        cancelled = make_order(cancelled_at="2026-01-02T00:00:00Z")
        batch = [
            self.event(make_order()),
            self.event(cancelled, "order.cancelled", revision="2"),
            self.event(make_order(ordered=9), "order.updated", revision="1"),
        ]
        sent = [Envelope.read(m.headers).name for m in await stage.process(batch)]
        assert sent == ["order.create", "order.cancel"]

    async def test_what_cannot_be_read_is_a_dead_letter_and_hurts_nobody(
        self, stage: Decide, house: House, make_order: MakeOrder
    ) -> None:
        good, bad = self.event(make_order()), self.event(make_order("2"), native="2")
        odd = self.event(make_order("3"), native="3")
        year = b'{"updated_at":"0001-01-01T00:00:00+14:00"}'
        batch = [
            replace(bad, body=b"{}"),
            replace(odd, body=year),
            replace(
                self.event(make_order("4"), native="4"),
                envelope=replace(odd.envelope, id="evt_x", type="crossdock.order.exploded.v1"),
            ),
            good,
        ]
        assert len(list(await stage.process(batch))) == 1
        assert len(await rows(house, dead_letters)) == 3

    async def test_a_shipment_waits_for_its_order_and_then_goes_on(
        self, stage: Decide, house: House, make_order: MakeOrder
    ) -> None:
        from crossdock.canonical import EntityRef, Fulfillment, FulfillmentLine

        ours = entity_id("web", "order", "1")
        line = FulfillmentLine(line_id="1", quantity=1)
        shipped = Fulfillment(order=EntityRef(id=ours), lines=(line,))
        news = self.event(shipped, "fulfillment.shipped", connection="erp", key=ours)
        second = self.event(
            shipped.model_copy(update={"number": "2"}),
            "fulfillment.shipped",
            "2",
            connection="erp",
            key=ours,
        )
        assert list(await stage.process([news, second])) == []
        assert [one.code for one in await rows(house, waiting)] == ["unavailable", "unavailable"]
        assert len(list(await stage.process([self.event(make_order())]))) == 1, "it is not behind"
        sent = [Envelope.read(m.headers).name for m in await stage.process(await called(house))]
        assert sent == ["fulfillment.create", "fulfillment.create"]
        assert not await rows(house, waiting)

    async def test_an_edited_order_is_on_the_desk(
        self, stage: Decide, house: House, make_order: MakeOrder
    ) -> None:
        await stage.process([self.event(make_order())])
        edited = self.event(make_order(ordered=9), "order.updated", revision="2")
        await stage.process([edited])
        await stage.process([edited])
        (found,) = await rows(house, exceptions)
        assert (found.code, found.state) == ("order_edited", "open")
        assert "carry the change over" in found.suggestion

    async def test_a_large_command_keeps_its_body_in_the_outbox(
        self, stage: Decide, house: House, make_order: MakeOrder
    ) -> None:
        large = make_order(tags=tuple(["x" * 9_000] * 70))
        (sent,) = list(await stage.process([replace(self.event(large), body=large.dump())]))
        assert sent.body == b""
        assert sent.headers["ce-dataref"] == f"outbox:{sent.id}"
        (row,) = await rows(house, outbox)
        assert Order.parse(bytes(row.body)).tags == large.tags


class TestDeliver:
    @pytest.fixture
    def stage(self, house: House, vendor: Any) -> Deliver:
        return Deliver(house, TOPOLOGY, Target(name="erp", port=vendor))

    async def promise(
        self, house: House, data: Order, *verbs: str, native: str = "1"
    ) -> list[Item]:
        """What decide would have written; returns the commands as they would arrive."""
        own = entity_id("web", "order", native)
        sends = []
        for verb in verbs:
            envelope = Envelope(
                id=f"cmd_{verb}_{native}",
                source="s",
                type=f"crossdock.order.{verb}.v1",
                subject=own,
                key=own,
                time="",
                connection="erp",
                refs=own,
            )
            message = TOPOLOGY.command(envelope, data.dump(), "erp")
            sends.append(
                traffic.ToSend(
                    message=message,
                    connection="erp",
                    type=f"order.{verb}",
                    entity_id=own,
                    entity_key=own,
                    cause="evt",
                )
            )
        await house.ledger.write(lambda tx: traffic.add_outgoing(tx, sends, time.time()))
        return [item(send.message) for send in sends]

    async def test_a_command_is_carried_out_once_and_told(
        self, stage: Deliver, house: House, vendor: Any, make_order: MakeOrder
    ) -> None:
        (command,) = await self.promise(house, make_order(), "create")
        (news,) = list(await stage.process([command]))
        envelope = Envelope.read(news.headers)
        assert (envelope.name, envelope.native, envelope.connection) == (
            "order.submitted",
            "N1",
            "erp",
        )
        assert Order.parse(news.body).refs[-1].value == "N1"
        for _ in range(2):
            assert list(await stage.process([command, command])) == []
        assert vendor.verbs() == ["apply order.create"]
        (effect,) = await rows(house, effects)
        assert (effect.native_id, effect.attempts, effect.changed) == ("N1", 1, True)
        assert (await books(house)).commands_done == 1

    async def test_the_intent_is_on_disk_before_the_call(
        self, stage: Deliver, house: House, vendor: Any, make_order: MakeOrder
    ) -> None:
        found: list[Any] = []

        async def watch(command: Command[Any]) -> None:
            found.extend(await rows(house, effects))

        vendor.watch = watch
        await stage.process(await self.promise(house, make_order(), "create"))
        assert [(one.command_id, one.attempts, one.receipt_at) for one in found] == [
            ("cmd_create_1", 1, None)
        ]

    async def test_a_receipt_is_on_disk_before_the_next_command_of_its_entity(
        self, stage: Deliver, house: House, vendor: Any, make_order: MakeOrder
    ) -> None:
        """Else a crash between the two would carry out the first again, after the second."""
        found: list[list[tuple[str, bool]]] = []

        async def watch(command: Command[Any]) -> None:
            known = await rows(house, effects)
            found.append([(one.command_id, one.receipt_at is not None) for one in known])

        vendor.watch = watch
        create, cancel = await self.promise(house, make_order(), "create", "cancel")
        await stage.process([cancel, create])  # in whatever order they come
        assert found == [
            [("cmd_create_1", False)],
            [("cmd_create_1", True), ("cmd_cancel_1", False)],
        ]

    async def test_a_lost_answer_is_looked_up_not_repeated(
        self, stage: Deliver, house: House, vendor: Any, make_order: MakeOrder
    ) -> None:
        vendor.done_first = True
        vendor.faults.append(AWAY)
        (command,) = await self.promise(house, make_order(), "create")
        assert list(await stage.process([command])) == []
        assert len(list(await stage.process(await called(house)))) == 1
        assert vendor.verbs() == ["apply order.create", "find order.create"]
        assert len(vendor.made) == 1
        assert house.meters["deliver.found"] == 1

    async def test_a_crash_after_the_call_is_looked_up(
        self, stage: Deliver, house: House, vendor: Any, make_order: MakeOrder
    ) -> None:
        async def crash(command: Command[Any]) -> None:
            from crossdock.events import Receipt

            vendor.made[command.id] = Receipt(native_id="N1")
            raise asyncio.CancelledError

        vendor.watch = crash
        (command,) = await self.promise(house, make_order(), "create")
        with pytest.raises(asyncio.CancelledError):
            await stage.process([command])
        vendor.watch = None
        assert len(list(await stage.process([command]))) == 1
        assert vendor.verbs() == ["apply order.create", "find order.create"]

    async def test_what_waits_is_tried_again_in_order_with_followers_behind(
        self, stage: Deliver, house: House, vendor: Any, make_order: MakeOrder
    ) -> None:
        vendor.faults.extend([AWAY, AWAY])
        create, cancel = await self.promise(house, make_order(), "create", "cancel")
        (other,) = await self.promise(house, make_order("2"), "create", native="2")
        vendor.faults.clear()
        vendor.faults.append(AWAY)
        await stage.process([create, cancel, other])
        assert vendor.verbs().count("apply order.cancel") == 0
        await stage.process([create, cancel])  # the bus delivers again, uncalled
        assert len(vendor.asked) == 2
        for _ in range(3):
            await stage.process(await called(house))
        ours = entity_id("web", "order", "1")
        mine = [(how, verb) for how, verb, entity, _ in vendor.asked if entity == ours]
        assert mine == [
            ("apply", "order.create"),
            ("find", "order.create"),
            ("apply", "order.create"),
            ("apply", "order.cancel"),
        ]
        found = await books(house)
        assert found.commands_open == found.waiting == 0

    @pytest.mark.parametrize("together", [True, False])
    @pytest.mark.parametrize("trouble", [True, False])
    async def test_the_outbox_orders_what_the_bus_reversed(
        self,
        stage: Deliver,
        house: House,
        vendor: Any,
        make_order: MakeOrder,
        together: bool,
        trouble: bool,
    ) -> None:
        create, update, cancel = await self.promise(
            house, make_order(), "create", "update", "cancel"
        )
        if trouble:
            vendor.faults.extend([AWAY] * 3)
        if together:
            await stage.process([cancel, update, create])
        else:
            for one in (cancel, update, create):
                await stage.process([one])
        for _ in range(12):
            await stage.process(await called(house))
        applied = [verb for how, verb, _, _ in vendor.asked if how == "apply"]
        assert list(dict.fromkeys(applied)) == ["order.create", "order.update", "order.cancel"]
        assert len(applied) == 3 or trouble
        assert len(vendor.made) == 3
        found = await books(house)
        assert found.commands_open == found.waiting == 0

    @pytest.mark.parametrize(
        ("error", "tries", "where", "code"),
        [
            (RejectedError("the customer is blocked", reason="blocked"), 1, "exception", "blocked"),
            (ConflictError("it moved"), 3, "exception", "conflict"),
            (ZeroDivisionError("a bug"), 1, "dead", ""),
        ],
        ids=["rejected", "conflict", "bug"],
    )
    async def test_what_will_not_work_goes_to_a_person(
        self,
        stage: Deliver,
        house: House,
        vendor: Any,
        make_order: MakeOrder,
        error: Exception,
        tries: int,
        where: str,
        code: str,
    ) -> None:
        vendor.faults.extend([error] * 9)
        (command,) = await self.promise(house, make_order(), "create")
        await stage.process([command])
        for _ in range(6):
            again = await called(house)
            if again:
                await stage.process(again)
        assert vendor.verbs().count("apply order.create") == tries
        (row,) = await rows(house, outbox)
        assert row.state == where
        assert not await rows(house, waiting)
        if where == "exception":
            (found,) = await rows(house, exceptions)
            assert found.code == code
            assert str(error) in found.message
            assert found.suggestion
        else:
            (letter,) = await rows(house, dead_letters)
            assert "ZeroDivisionError" in letter.reason
        assert await house.ledger.read(audit) == []

    async def test_a_refused_credential_pauses_the_connection_and_tells_once(
        self, stage: Deliver, house: House, vendor: Any, make_order: MakeOrder
    ) -> None:
        vendor.faults.extend([AuthError("the key has expired")] * 2)
        one = await self.promise(house, make_order(), "create")
        two = await self.promise(house, make_order("2"), "create", native="2")
        await stage.process([*one, *two])
        (found,) = await rows(house, exceptions)
        assert (found.code, found.severity, found.connection) == ("auth", "critical", "erp")
        assert stage.target.breaker.probing
        assert stage.batch == 1
        assert stage.target.breaker.until - time.monotonic() > 50
        await stage.process(await called(house))
        assert not vendor.made, "nothing is sent to a connection that is paused"
        for _ in range(4):
            stage.target.breaker.until = 0.0  # the pause is over
            await stage.process(await called(house))
        assert len(vendor.made) == 2
        assert not stage.target.breaker.probing
        (found,) = await rows(house, exceptions)
        assert found.state == "resolved", "it works again: nobody need look at it"

    async def test_the_vendors_patience_is_kept(
        self, stage: Deliver, house: House, vendor: Any, make_order: MakeOrder
    ) -> None:
        vendor.faults.append(RateLimitedError("slowly", retry_after_s=30))
        await stage.process(await self.promise(house, make_order(), "create"))
        (row,) = await rows(house, waiting)
        assert 20 < row.next_at - time.time() < 40

    async def test_a_command_that_nobody_promised_is_a_dead_letter(
        self, stage: Deliver, house: House, vendor: Any, make_order: MakeOrder
    ) -> None:
        (command,) = await self.promise(house, make_order(), "create")
        foreign = replace(command, envelope=replace(command.envelope, id="cmd_foreign"))
        await stage.process([foreign])
        (letter,) = await rows(house, dead_letters)
        assert "not in the outbox" in letter.reason
        assert vendor.asked == []

    async def test_different_orders_go_side_by_side(
        self, stage: Deliver, house: House, vendor: Any, make_order: MakeOrder
    ) -> None:
        together = asyncio.Barrier(4)

        async def watch(_: Command[Any]) -> None:
            await together.wait()

        vendor.watch = watch
        commands: list[Item] = []
        for number in "1234":
            commands += await self.promise(house, make_order(number), "create", native=number)
        async with asyncio.timeout(20):
            await stage.process(commands)
        assert len(vendor.made) == 4

    async def test_a_large_outcome_keeps_its_body(
        self, stage: Deliver, house: House, vendor: Any, make_order: MakeOrder
    ) -> None:
        large = make_order(tags=tuple(["x" * 9_000] * 70))
        (command,) = await self.promise(house, large, "create")
        (news,) = list(await stage.process([replace(command, body=large.dump())]))
        assert news.body == b""
        assert news.headers["ce-dataref"].startswith("outbox:")
        (kept,) = [row for row in await rows(house, outbox) if row.type == "order.submitted"]
        assert Order.parse(bytes(kept.body)).refs[-1].value == "N1"

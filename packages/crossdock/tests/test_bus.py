"""What the bus does on a real server, in calm and in every kind of trouble we measured."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from crossdock.bus import (
    CLAIM_CHECK_BYTES,
    Ack,
    Bus,
    Consumer,
    Delivery,
    Embedded,
    Lane,
    Outgoing,
    Stream,
    jetstream,
)
from crossdock.bus.jetstream import ACK_WAIT_S
from crossdock.bus.link import Link
from crossdock.errors import ConfigError, CrossdockError, PermanentError, UnavailableError
from nats.aio.msg import Msg

Eventually = Callable[..., Awaitable[Any]]


class Place:
    """A stream of one test's own, with one lane."""

    def __init__(self, retention: str = "workqueue") -> None:
        self.name = f"T{uuid4().hex[:8]}"
        self.stream = Stream(
            name=self.name,
            subjects=(f"{self.name}.>",),
            retention=retention,
            max_bytes=32 * 1024 * 1024,
        )
        self.consumer = Consumer(stream=self.name, name=f"c-{self.name}", filter=f"{self.name}.*")

    async def declare(self, bus: Bus) -> None:
        await bus.declare([self.stream], [self.consumer])

    def message(self, number: int | str, **fields: Any) -> Outgoing:
        base = {"address": f"{self.name}.a", "body": str(number).encode(), "headers": {}}
        return Outgoing(**{**base, "id": f"{self.name}-{number}", **fields})

    def messages(self, *numbers: int) -> list[Outgoing]:
        return [self.message(number) for number in numbers]


class Hasty(Consumer):
    """A lane whose server waits a second for an acknowledgement."""

    def config(self) -> dict[str, Any]:
        return {**super().config(), "ack_wait": 1_000_000_000}


@pytest.fixture
def place() -> Place:
    return Place()


async def take(lane: Lane, count: int) -> list[Delivery]:
    """Wait for so many messages; acknowledges nothing."""
    out: list[Delivery] = []
    async with asyncio.timeout(50):
        while len(out) < count:
            out += await lane.batch(count=count - len(out), age_s=0)
    return out


def numbers(deliveries: list[Delivery]) -> list[int]:
    return [int(delivery.body) for delivery in deliveries]


def acks(answers: list[Ack | CrossdockError]) -> list[Ack]:
    assert all(isinstance(answer, Ack) for answer in answers), answers
    return [answer for answer in answers if isinstance(answer, Ack)]


class TestDeclare:
    async def test_twice_changes_nothing(self, bus: Bus, place: Place) -> None:
        await place.declare(bus)
        await bus.publish(place.messages(1))
        await place.declare(bus)
        assert await bus.depth(place.name) == 1

    async def test_a_differing_stream_is_refused(self, bus: Bus, place: Place) -> None:
        await place.declare(bus)
        other = replace(place.stream, retention="interest")
        with pytest.raises(ConfigError) as caught:
            await bus.declare([other], [])
        for word in (place.name, "retention", "'workqueue'", "'interest'", "drain"):
            assert word in str(caught.value)

    async def test_a_differing_consumer_is_refused(self, bus: Bus, place: Place) -> None:
        await place.declare(bus)
        other = Consumer(stream=place.name, name=place.consumer.name, filter=f"{place.name}.other")
        with pytest.raises(ConfigError, match="filter_subject"):
            await bus.declare([place.stream], [other])

    async def test_it_says_what_keeps_it_from_its_work(self, embedded: Embedded) -> None:
        """A connection alone is no bus: its stream may be gone, or made anew in another way."""
        place = Place()
        async with Bus(embedded.url) as bus:
            await place.declare(bus)
            assert await bus.trouble() == ""
            await bus._api(f"STREAM.DELETE.{place.name}")
            assert place.name in await bus.trouble()
            other = {**place.stream.config(), "max_age": 3_600_000_000_000}
            await bus._api(f"STREAM.CREATE.{place.name}", other)
            assert "max_age is 3600000000000 at the server" in await bus.trouble()
        assert "not connected" in await bus.trouble()

    async def test_a_server_that_does_not_answer_is_told(
        self, bus: Bus, place: Place, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await place.declare(bus)
        monkeypatch.setattr(jetstream, "TROUBLE_S", 0.05)

        async def silent(call: str, body: object = None) -> dict[str, Any]:
            await asyncio.sleep(60)
            return {}

        monkeypatch.setattr(bus, "_api", silent)
        assert bus.connected
        assert await bus.trouble() == "the bus does not answer"

    async def test_overlapping_streams_are_refused(self, bus: Bus, place: Place) -> None:
        await place.declare(bus)
        other = replace(place.stream, name=f"{place.name}X", subjects=(f"{place.name}.a",))
        with pytest.raises(ConfigError, match="cannot be made"):
            await bus.declare([other], [])


class TestPublish:
    async def test_many_are_acknowledged_in_order(self, bus: Bus, place: Place) -> None:
        await place.declare(bus)
        answers = acks(await bus.publish(place.messages(*range(1_000))))
        assert [answer.sequence for answer in answers] == list(range(1, 1_001))
        assert not any(answer.duplicate for answer in answers)
        assert await bus.publish([]) == []

    async def test_a_duplicate_is_reported(self, bus: Bus, place: Place) -> None:
        await place.declare(bus)
        await bus.publish(place.messages(1))
        (answer,) = acks(await bus.publish(place.messages(1)))
        assert answer.duplicate
        assert await bus.depth(place.name) == 1

    async def test_headers_arrive_as_they_were(self, bus: Bus, place: Place) -> None:
        await place.declare(bus)
        await bus.publish([place.message(1, headers={"ce-id": "a b", "ce-empty-ish": "%20"})])
        lane = bus.lane(place.consumer)
        await lane.start()
        (delivery,) = await take(lane, 1)
        assert delivery.headers["ce-id"] == "a b"
        assert delivery.headers["ce-empty-ish"] == "%20"
        assert delivery.headers["Nats-Msg-Id"] == f"{place.name}-1"
        assert (delivery.sequence, delivery.deliveries) == (1, 1)

    @pytest.mark.parametrize("big", ["body", "header", "id"])
    async def test_too_large_is_refused_and_the_connection_survives(
        self, bus: Bus, place: Place, big: str
    ) -> None:
        await place.declare(bus)
        half = 600 * 1024
        large = {
            "body": place.message("x", body=b"x" * 2 * half),
            "header": place.message("x", body=b"x" * half, headers={"ce-vendor": "x" * half}),
            "id": place.message("x", body=b"x" * half, id="x" * half),
        }[big]
        answers = await bus.publish([large, place.message(1)])
        assert isinstance(answers[0], PermanentError)
        assert "claim check" in str(answers[0])
        assert isinstance(answers[1], Ack)
        assert bus.reconnects == 0

    async def test_whatever_is_let_through_fits(self, bus: Bus, place: Place) -> None:
        await place.declare(bus)
        limit = 1024 * 1024
        for size in range(limit - 400, limit, 50):
            message = place.message(f"{size}{'x' * 40}", body=b"x" * size, headers={"ce-a": "b"})
            (answer,) = await bus.publish([message])
            assert isinstance(answer, Ack | PermanentError)
            if isinstance(answer, PermanentError):
                assert message.size > limit
        assert bus.reconnects == 0
        assert bus.connected

    async def test_an_address_that_nobody_keeps_is_kept_when_its_stream_comes(
        self, bus: Bus, place: Place
    ) -> None:
        sending = asyncio.create_task(bus.publish(place.messages(1)))
        await asyncio.sleep(0)
        await place.declare(bus)
        assert isinstance((await sending)[0], Ack)

    async def test_what_waits_when_the_bus_closes_is_told(self, embedded: Embedded) -> None:
        bus = Bus(embedded.url)
        async with bus:
            sending = asyncio.create_task(bus.publish(Place().messages(1)))
            await asyncio.sleep(0)
        (answer,) = await sending
        assert isinstance(answer, UnavailableError)
        assert answer.outcome == "unknown"


class TestOutage:
    async def test_nothing_acknowledged_is_lost_and_nothing_is_doubled(
        self, box: Any, place: Place
    ) -> None:
        async with Bus(box.url) as bus:
            await place.declare(bus)
            sent = [place.message(number) for number in range(3_000)]
            sending = [
                asyncio.create_task(bus.publish(sent[i : i + 100])) for i in range(0, 3_000, 100)
            ]
            await asyncio.wait(sending, return_when=asyncio.FIRST_COMPLETED)
            box.kill()
            box.start()
            answers = [answer for task in sending for answer in await task]
            acks(answers)
            assert await bus.depth(place.name) == 3_000

    async def test_what_is_sent_while_it_is_away_arrives_once(self, box: Any, place: Place) -> None:
        async with Bus(box.url) as bus:
            await place.declare(bus)
            box.kill()
            sending = asyncio.create_task(bus.publish(place.messages(*range(50))))
            done, _ = await asyncio.wait({sending}, timeout=0.5)
            assert not done
            box.start()
            acks(await sending)
            lane = bus.lane(place.consumer)
            await lane.start()
            assert sorted(numbers(await take(lane, 50))) == list(range(50))
            assert await bus.depth(place.name) == 50
            assert bus.reconnects >= 2

    async def test_a_patient_bus_begins_while_no_server_is_there(
        self, box: Any, place: Place
    ) -> None:
        box.kill()
        async with Bus(box.url, patient=True) as bus:
            await place.declare(bus)
            assert not bus.connected
            sending = asyncio.create_task(bus.publish(place.messages(1)))
            box.start()
            acks(await sending)
            assert await bus.depth(place.name) == 1
            assert bus._out.replacements == 0

    async def test_a_frozen_server_is_noticed_and_everything_goes_on(
        self, box: Any, place: Place
    ) -> None:
        async with Bus(box.url) as bus:
            await place.declare(bus)
            lane = bus.lane(place.consumer)
            await lane.start()
            box.freeze()
            sending = asyncio.create_task(bus.publish(place.messages(1)))
            done, _ = await asyncio.wait({sending}, timeout=3.0)
            assert not done
            box.thaw()
            acks(await sending)
            assert numbers(await take(lane, 1)) == [1]

    @pytest.mark.parametrize("how", ["store deleted", "stream deleted", "consumer deleted"])
    async def test_what_the_server_lost_is_declared_again(
        self, box: Any, place: Place, how: str, eventually: Eventually
    ) -> None:
        async with Bus(box.url) as bus:
            await place.declare(bus)
            lane = bus.lane(place.consumer)
            await lane.start()
            await bus.publish(place.messages(1))
            await lane.ack(await take(lane, 1))
            if how == "store deleted":
                box.kill()
                shutil.rmtree(box.store)
                box.start()
            else:
                call = f"STREAM.DELETE.{place.name}"
                if how == "consumer deleted":
                    call = f"CONSUMER.DELETE.{place.name}.{place.consumer.name}"
                async with Link(box.url, "vandal") as vandal:
                    await vandal.client.request(f"$JS.API.{call}", b"")
            acks(await bus.publish(place.messages(2)))
            assert numbers(await take(lane, 1)) == [2]

    async def test_a_missing_stream_is_not_asked_in_a_frenzy(self, box: Any, place: Place) -> None:
        async with Bus(box.url) as bus, Link(box.url, "vandal") as vandal:
            await place.declare(bus)
            lane = bus.lane(place.consumer)
            await bus.declare([], [])  # this bus no longer knows how to make it again
            asked = 0

            async def count(_: object) -> None:
                nonlocal asked
                asked += 1

            await vandal.client.request(f"$JS.API.STREAM.DELETE.{place.name}", b"")
            await vandal.client.subscribe("$JS.API.CONSUMER.MSG.NEXT.>", cb=count)
            await vandal.client.flush()
            await lane.start()
            await lane.batch(wait_s=1.0)
            assert asked < 40

    async def test_whoever_asks_ends_when_told_so_even_as_the_answer_comes(self, bus: Bus) -> None:
        asking = asyncio.create_task(bus.depth("T"))
        client = bus._out.client
        while not client._resp_map:
            await asyncio.sleep(0)
        (answer,) = client._resp_map.values()
        answer.set_result(Msg(client, data=b'{"state": {"messages": 1}}'))
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


class TestLink:
    async def test_a_client_that_closed_for_good_is_replaced(
        self, embedded: Embedded, place: Place, eventually: Eventually
    ) -> None:
        async with Bus(embedded.url) as bus:
            await place.declare(bus)
            lane = bus.lane(place.consumer)
            await lane.start()
            for link in (bus._out, bus._in):
                dead = link.client
                # nats-py counts the body alone; the server cuts the connection, the client closes
                big = {"x": "y" * 900_000}
                await dead.publish(f"{place.name}.a", b"x" * 900_000, headers=big)
                await eventually(lambda link=link: link.replacements)
                assert dead.is_closed
            acks(await bus.publish(place.messages(7)))
            assert numbers(await take(lane, 1)) == [7]
            await eventually(lambda: bus.connected)
            assert (bus._out.replacements, bus._in.replacements) == (1, 1)

    async def test_no_server_is_told_without_the_secret(self) -> None:
        with pytest.raises(UnavailableError, match=r"no bus at nats://127\.0\.0\.1:1") as caught:
            async with Link("nats://hush:hush@127.0.0.1:1", "test"):
                pass
        assert caught.value.outcome == "not_sent"
        assert "hush" not in str(caught.value)

    async def test_one_server_of_several_is_enough(self, embedded: Embedded) -> None:
        async with Link(f"nats://127.0.0.1:1,{embedded.url}", "test") as link:
            assert link.connected

    @pytest.mark.parametrize("url", ["", "nats://[", "nats://127.0.0.1:many", "http://x:1"])
    async def test_an_impossible_url_is_one_of_our_errors(self, url: str) -> None:
        with pytest.raises(UnavailableError, match="no bus at"):
            async with Link(url, "test"):
                pass

    def test_without_a_client_it_says_so(self) -> None:
        with pytest.raises(UnavailableError) as caught:
            _ = Link("nats://127.0.0.1:1", "test").client
        assert caught.value.outcome == "not_sent"


class TestLane:
    async def test_messages_come_in_order(self, bus: Bus, place: Place) -> None:
        await place.declare(bus)
        lane = bus.lane(place.consumer)
        await lane.start()
        await bus.publish(place.messages(*range(1_000)))
        got: list[int] = []
        while len(got) < 1_000:
            batch = await lane.batch(count=64)
            assert len(batch) <= 64
            got += numbers(batch)
            await lane.ack(batch)
        assert got == list(range(1_000))

    async def test_a_batch_is_bounded_by_size(self, bus: Bus, place: Place) -> None:
        await place.declare(bus)
        await bus.publish([place.message(n, body=b"x" * 1_000) for n in range(5)])
        lane = bus.lane(place.consumer)
        await lane.start()
        while lane.waiting < 5:
            await asyncio.sleep(0.01)
        assert len(await lane.batch(size=2_500)) == 2
        assert len(await lane.batch(size=10)) == 1
        assert len(await lane.batch()) == 2

    async def test_a_body_that_stayed_in_the_ledger_weighs_too(
        self, bus: Bus, place: Place
    ) -> None:
        """It is read by whoever takes the batch: a hundred of 4 MB each were taken at once."""
        await place.declare(bus)
        claimed = {"ce-id": "1", "ce-dataref": "landing:x"}
        await bus.publish([place.message(n, body=b"", headers=claimed) for n in range(6)])
        lane = bus.lane(place.consumer)
        await lane.start()
        while lane.waiting < 6:
            await asyncio.sleep(0.01)
        assert len(await lane.batch(size=3 * CLAIM_CHECK_BYTES)) == 2
        assert len(await lane.batch()) == 1

    async def test_silence_is_an_empty_batch(self, bus: Bus, place: Place) -> None:
        await place.declare(bus)
        lane = bus.lane(place.consumer)
        await lane.start()
        assert await lane.batch(wait_s=0.05) == []

    async def test_what_is_acknowledged_is_gone(
        self, bus: Bus, place: Place, eventually: Eventually
    ) -> None:
        await place.declare(bus)
        await bus.publish(place.messages(1, 2))
        lane = bus.lane(place.consumer)
        await lane.start()
        await lane.ack(await take(lane, 2))

        async def empty() -> bool:
            return await bus.depth(place.name) == 0

        await eventually(empty)

    async def test_one_client_has_the_lane_and_hands_it_over(
        self, embedded: Embedded, place: Place
    ) -> None:
        async with AsyncExitStack() as stack:
            buses = [await stack.enter_async_context(Bus(embedded.url)) for _ in range(2)]
            await place.declare(buses[0])
            lanes = [bus.lane(place.consumer) for bus in buses]
            for lane in lanes:
                await lane.start()
            await buses[0].publish(place.messages(*range(200)))
            got: list[int] = []
            owners = set()
            while len(got) < 200:
                for index, lane in enumerate(lanes):
                    batch = await lane.batch(wait_s=0.1)
                    if batch:
                        owners.add(index)
                        got += numbers(batch)
                        await lane.ack(batch)
            assert got == list(range(200))
            assert len(owners) == 1
            (owner,) = owners
            await lanes[owner].stop()
            await buses[0].publish(place.messages(*range(200, 220)))
            assert numbers(await take(lanes[1 - owner], 20)) == list(range(200, 220))

    async def test_who_leaves_a_lane_gives_back_what_it_was_given(
        self, embedded: Embedded, place: Place
    ) -> None:
        """Without it the next one would see it only when its time had run out."""
        async with AsyncExitStack() as stack:
            buses = [await stack.enter_async_context(Bus(embedded.url)) for _ in range(2)]
            await place.declare(buses[0])
            lanes = [bus.lane(place.consumer) for bus in buses]
            await lanes[0].start()
            await buses[0].publish(place.messages(*range(30)))
            await lanes[0].ack(await take(lanes[0], 3))
            while lanes[0].waiting < 27:
                await asyncio.sleep(0.01)
            await lanes[1].start()
            await lanes[0].stop()
            again = await take(lanes[1], 27)
            assert sorted(numbers(again)) == list(range(3, 30))
            assert {delivery.deliveries for delivery in again} == {2}
            await lanes[1].ack(again)
            await lanes[1].stop()
            await lanes[0].start()  # it may come back
            await buses[0].publish(place.messages(30, 31))
            assert numbers(await take(lanes[0], 2)) == [30, 31]

    async def test_what_is_not_acknowledged_comes_again(self, bus: Bus, place: Place) -> None:
        await place.declare(bus)
        await bus.publish(place.messages(1))
        lane = bus.lane(place.consumer)
        await lane.start()
        (first,) = await take(lane, 1)
        (second,) = await take(lane, 1)
        assert (first.deliveries, second.deliveries) == (1, 2)
        assert first.sequence == second.sequence

    async def test_what_waits_here_behind_a_slow_batch_is_not_given_out_again(
        self, bus: Bus, place: Place, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("crossdock.bus.lane.HOLD_S", 0.2)
        hasty = Hasty(**vars(place.consumer))
        await bus.declare([place.stream], [hasty])
        await bus.publish(place.messages(1, 2, 3))
        lane = bus.lane(hasty)
        await lane.start()
        await eventually(lambda: lane.waiting == 3)
        await asyncio.sleep(1.8)  # the ack wait is over
        batch = await take(lane, 3)
        assert [(int(one.body), one.deliveries) for one in batch] == [(1, 1), (2, 1), (3, 1)]
        await lane.ack(batch)
        assert await lane.batch(wait_s=0.6) == []

    async def test_what_comes_again_before_it_is_taken_waits_once(
        self, bus: Bus, place: Place, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As after a lost connection, or when this process stood still."""
        monkeypatch.setattr("crossdock.bus.lane.HOLD_S", 60)
        hasty = Hasty(**vars(place.consumer))
        await bus.declare([place.stream], [hasty])
        await bus.publish(place.messages(1, 2, 3))
        lane = bus.lane(hasty)
        await lane.start()
        await eventually(lambda: max((d.deliveries for d in lane._queue.values()), default=0) >= 2)
        batch = await take(lane, 3)
        assert numbers(batch) == [1, 2, 3]
        assert lane.waiting == 0

    async def test_progress_keeps_a_message_from_coming_again(self, bus: Bus, place: Place) -> None:
        await place.declare(bus)
        await bus.publish(place.messages(1))
        lane = bus.lane(place.consumer)
        await lane.start()
        batch = await take(lane, 1)
        for _ in range(4):
            await lane.in_progress(batch)
            assert await lane.batch(wait_s=ACK_WAIT_S / 3) == []
        await lane.ack(batch)

    async def test_what_is_given_back_comes_after_the_delay_we_asked_for(
        self, bus: Bus, place: Place
    ) -> None:
        await place.declare(bus)
        await bus.publish(place.messages(1))
        lane = bus.lane(place.consumer)
        await lane.start()
        clock = asyncio.get_running_loop().time
        before = clock()
        await lane.nak(await take(lane, 1), 0.6)
        (again,) = await take(lane, 1)
        assert clock() - before >= 0.6
        assert again.deliveries == 2

    async def test_what_was_acknowledged_and_is_still_held_is_neither_waited_for_nor_kept(
        self, bus: Bus
    ) -> None:
        """A killed server may keep such messages in a `workqueue`; `limits` always does."""
        place = Place("limits")
        await place.declare(bus)
        await bus.publish(place.messages(1, 2, 3))
        lane = bus.lane(place.consumer)
        await lane.start()
        one, two, three = await take(lane, 3)
        await lane.ack([one, two])
        async with asyncio.timeout(10):
            while await bus._floor(place.consumer) < 2:
                await asyncio.sleep(0.02)
        assert await bus.oldest(place.name, place.consumer.filter) is not None, "3 is being read"
        assert await bus.release() == 0, "only queues are meant to forget"
        bus._streams = (replace(place.stream, retention="workqueue"),)
        assert await bus.release() == 2
        await lane.ack([three])
        async with asyncio.timeout(10):
            while await bus.oldest(place.name, place.consumer.filter) is not None:
                await asyncio.sleep(0.02)
        assert await bus.depth(place.name) == 1
        assert await bus.oldest(place.name, f"{place.name}.>") is None
        assert await bus.release() == 1
        await bus.publish(place.messages(4))
        assert await bus.release() == 0, "what was not read stays"
        assert await bus.oldest(place.name, place.consumer.filter) is not None

    async def test_oldest_and_depth_know_what_is_there(self, bus: Bus, place: Place) -> None:
        await place.declare(bus)
        assert await bus.oldest(place.name, f"{place.name}.>") is None
        await bus.publish(place.messages(1))
        assert await bus.oldest(place.name, f"{place.name}.>") is not None
        assert await bus.oldest(place.name, f"{place.name}.other") is None
        assert await bus.depth(place.name) == 1
        assert await bus.depth("NO_SUCH_STREAM") == 0

"""Rows of the bus: acknowledged publishing, and pull with acknowledgement, 7 KB each.

The floor is a raw blocking socket with the bytes made beforehand. Both sides talk to the same
server and the same stream, which is emptied between measurements.
"""

import asyncio
import contextlib
import dataclasses
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crossdock.bus import Bus, Consumer, Outgoing, Stream, embedded_server
from crossdock.bus.lane import GROUP

from crossdock_runner import garbage
from crossdock_runner.bench import payloads
from crossdock_runner.bench.measure import (
    Absent,
    Clock,
    Goal,
    Measure,
    Row,
    Sample,
    cpu_s,
    in_child,
)
from crossdock_runner.bench.rawnats import RawNats, wire

STREAM = Stream(name="BENCH", subjects=("bench.>",), retention="limits")
CONSUMER = Consumer(stream="BENCH", name="bench", filter="bench.p")
WINDOW = 256
CHUNK = 1_000

PUBLISH = Row(
    name="publish",
    meaning="Publish 7 KB and have the server's acknowledgement, pipelined",
    unit="messages/s",
    cases={
        "ours": "Bus.publish, message id",
        "raw": "raw socket, 256 in flight, no id",
        "ours-envelope": "Bus.publish, whole envelope and id",
        "raw-envelope": "raw socket, 256 in flight, the same envelope and id",
        "nats-py": "nats-py publish_async, message id",
    },
    goals=(
        Goal(text="of the raw socket", case="ours", figure="per_s", versus="raw", at_least=0.45),
        Goal(
            text="of the raw socket sending the same envelope",
            case="ours-envelope",
            figure="per_s",
            versus="raw-envelope",
            at_least=0.40,
        ),
        Goal(
            text="of nats-py publish_async",
            case="ours",
            figure="per_s",
            versus="nats-py",
            at_least=1.25,
        ),
    ),
)
PULL = Row(
    name="pull",
    meaning="Pull 7 KB and acknowledge each",
    unit="messages/s",
    cases={
        "ours": "Bus.lane: batch of 100, ack each",
        "raw": "raw socket, two pulls of 100, ack each",
        "nats-py": "nats-py fetch(100), ack each",
        "limit": "raw socket as above, of a consumer pinned to one client, as our lanes are",
    },
    goals=(
        Goal(text="of the raw socket", case="ours", figure="per_s", versus="raw", at_least=0.45),
        Goal(
            text="of nats-py fetch(100)",
            case="ours",
            figure="per_s",
            versus="nats-py",
            at_least=2.0,
        ),
    ),
)


@dataclasses.dataclass(frozen=True)
class OnBus:
    """A row measured against one embedded server."""

    row: Row

    @contextlib.contextmanager
    def open(self, *, quick: bool) -> Iterator[Measure]:
        """See `Bench.open`."""
        count = 2_000 if quick else 20_000
        with (
            tempfile.TemporaryDirectory(prefix="crossdock-bench-") as folder,
            embedded_server(Path(folder)) as server,
        ):

            def measure(case: str) -> Sample:
                asyncio.run(_prepare(server.url))
                if self.row is PULL:
                    raw = RawNats(server.url)
                    raw.publish([wire("bench.p", payloads.body())] * count, WINDOW)
                    raw.close()
                before = cpu_s(server.pid)
                sample = in_child("bus", f"{self.row.name}.{case}", url=server.url, count=count)
                return dataclasses.replace(sample, server_cpu_s=cpu_s(server.pid) - before)

            yield measure


async def _prepare(url: str) -> None:
    async with Bus(url) as bus:
        await bus._api("STREAM.DELETE.BENCH")
        await bus.declare([STREAM], [])


def case(name: str, arguments: dict[str, Any]) -> Sample:
    """Runs in the child."""
    url, count = arguments["url"], arguments["count"]
    row, _, who = name.partition(".")
    if who.startswith("raw"):
        return _raw_publish(url, count, who) if row == "publish" else _raw_pull(url, count)
    if who == "limit":
        return _raw_pinned_pull(url, count)
    work = {
        "publish.ours": _our_publish,
        "publish.ours-envelope": _our_publish_envelope,
        "publish.nats-py": _their_publish,
        "pull.ours": _our_pull,
        "pull.nats-py": _their_pull,
    }[name]
    sample: Sample = _on_uvloop(work(url, count))
    return sample


def _on_uvloop(work: Any) -> Any:
    """As `crossdock run` does; the yardstick gets it as well."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


def _raw_publish(url: str, count: int, who: str) -> Sample:
    body, messages = payloads.body(), []
    headers = _envelope() if who == "raw-envelope" else None
    for number in range(count):
        if headers is not None:
            headers["Nats-Msg-Id"] = f"m{number}"
        messages.append(wire("bench.p", body, headers))
    raw, clock = RawNats(url), Clock()
    clock.begin()
    raw.publish(messages, WINDOW)
    return clock.end(count)


def _envelope() -> dict[str, str]:
    envelope, _ = payloads.canonical()
    headers: dict[str, str] = envelope.headers()
    return headers


async def _our_publish(url: str, count: int) -> Sample:
    return await _publish_with(url, count, {})


async def _our_publish_envelope(url: str, count: int) -> Sample:
    return await _publish_with(url, count, _envelope())


async def _publish_with(url: str, count: int, headers: dict[str, str]) -> Sample:
    body, clock = payloads.body(), Clock()
    async with Bus(url) as bus:
        garbage.tune()
        clock.begin()
        for start in range(0, count, CHUNK):
            answers = await bus.publish(
                Outgoing(address="bench.p", body=body, headers=headers, id=f"m{number}")
                for number in range(start, min(start + CHUNK, count))
            )
            for answer in answers:
                if isinstance(answer, Exception):
                    raise answer
        return clock.end(count)


async def _their_publish(url: str, count: int) -> Sample:
    import nats

    body, clock = payloads.body(), Clock()
    client = await nats.connect(url, pending_size=32 * 2**20)
    jetstream = client.jetstream(publish_async_max_pending=WINDOW)
    garbage.tune()
    clock.begin()
    futures = [
        await jetstream.publish_async("bench.p", body, headers={"Nats-Msg-Id": f"m{number}"})
        for number in range(count)
    ]
    await asyncio.gather(*futures)
    sample = clock.end(count)
    await client.close()
    return sample


async def _our_pull(url: str, count: int) -> Sample:
    clock = Clock()
    async with Bus(url) as bus:
        await bus.declare([STREAM], [CONSUMER])
        lane = bus.lane(CONSUMER)
        garbage.tune()
        clock.begin()
        await lane.start()
        got = 0
        while got < count:
            deliveries = await lane.batch()
            await lane.ack(deliveries)
            got += len(deliveries)
        await bus._in.client.flush()
        return clock.end(count)


def _raw_pull(url: str, count: int) -> Sample:
    asyncio.run(_plain_consumer(url))
    raw, clock = RawNats(url), Clock()
    clock.begin()
    raw.pull_and_ack("$JS.API.CONSUMER.MSG.NEXT.BENCH.plain", count)
    return clock.end(count)


def _raw_pinned_pull(url: str, count: int) -> Sample:
    """What the server makes of our own consumer: nobody who pulls from it is faster."""

    async def declare() -> None:
        async with Bus(url) as bus:
            await bus.declare([STREAM], [CONSUMER])

    asyncio.run(declare())
    raw, clock = RawNats(url), Clock()
    clock.begin()
    raw.pull_and_ack(f"$JS.API.CONSUMER.MSG.NEXT.BENCH.{CONSUMER.name}", count, group=GROUP)
    return clock.end(count)


async def _plain_consumer(url: str) -> None:
    """Without priority groups, which neither the socket nor nats-py speaks."""
    config = {
        "durable_name": "plain",
        "ack_policy": "explicit",
        "max_ack_pending": 20_000,
        "filter_subject": "bench.p",
    }
    async with Bus(url) as bus:
        answer = await bus._api(
            "CONSUMER.CREATE.BENCH.plain.bench.p",
            {"stream_name": "BENCH", "config": config, "action": "create"},
        )
    if "error" in answer:
        raise Absent(str(answer["error"]))


async def _their_pull(url: str, count: int) -> Sample:
    import nats

    await _plain_consumer(url)
    clock = Clock()
    client = await nats.connect(url)
    jetstream = client.jetstream()
    subscription = await jetstream.pull_subscribe_bind(consumer="plain", stream="BENCH")
    garbage.tune()
    clock.begin()
    got = 0
    while got < count:
        messages = await subscription.fetch(100, timeout=5)
        for message in messages:
            await message.ack()
        got += len(messages)
    await client.flush()
    sample = clock.end(count)
    await client.close()
    return sample


BENCHES = (OnBus(PUBLISH), OnBus(PULL))

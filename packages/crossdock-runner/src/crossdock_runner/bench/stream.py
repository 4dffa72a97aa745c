"""The row of a whole stage: consume, validate, publish, ledger, acknowledge.

Ours is the real harness with the smallest stage that does all of it: read a canonical order,
write it again, publish it, and keep its id in the ledger's inbox. The peer is a FastStream
subscriber on the same stream with the same model, doing the same without a ledger.
"""

import asyncio
import contextlib
import dataclasses
import os
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

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

LANES = 4
INSTALL = "not installed: uv sync --group bench, or pip install 'faststream[nats]>=0.7,<0.8'"

STAGE = Row(
    name="stage",
    meaning="Consume a canonical order, validate, publish, ledger, acknowledge",
    unit="orders/s",
    rounds=3,
    cases={
        "ours": "our harness, four lanes, ledger on disk",
        "ours-one-lane": "our harness, one lane, ledger on disk",
        "faststream": "FastStream subscriber and publisher, its defaults, no ledger",
        "faststream-tuned": "FastStream PullSub(batch=100), uvloop, gc tuned, no ledger",
        "limit": "the least that keeps the promise: read, bare sqlite3, publish, acknowledge "
        "(bench/leaststage.py)",
        "loaded": "bus, ledger and harness loaded, and the orders only read, checked and written",
    },
    goals=(
        Goal(
            text="× FastStream's defaults",
            case="ours",
            figure="per_s",
            versus="faststream",
            at_least=3.5,
        ),
        Goal(
            text="× FastStream tuned",
            case="ours",
            figure="per_s",
            versus="faststream-tuned",
            at_least=1.8,
        ),
        Goal(
            text="of FastStream's memory",
            case="ours",
            figure="rss_mb",
            versus="faststream",
            at_most=1.0,
        ),
    ),
)


class Staged:
    """Every case reads the same orders from its own consumers."""

    row = STAGE

    @contextlib.contextmanager
    def open(self, *, quick: bool) -> Iterator[Measure]:
        """See `Bench.open`."""
        count = 600 if quick else 8_000
        with tempfile.TemporaryDirectory(prefix="crossdock-bench-") as folder:
            from crossdock.bus import embedded_server

            with embedded_server(Path(folder) / "bus") as server:
                asyncio.run(_declare(server.url))
                orders = Path(folder) / "orders"
                _fill(server.url, count, orders)
                runs = iter(range(1_000_000))

                def measure(case: str) -> Sample:
                    asyncio.run(_declare_out(server.url))
                    before = cpu_s(server.pid)
                    number = next(runs)
                    ledger, consumer = f"{folder}/{number}.db", f"least-{number}"
                    if not case.startswith(
                        "faststream"
                    ):  # as a runner finds it, but for its first start
                        asyncio.run(_make_ledger(ledger))
                    if case == "limit":
                        asyncio.run(_declare(server.url, consumer))
                    sample = in_child(
                        "stream",
                        case,
                        url=server.url,
                        count=count,
                        ledger=ledger,
                        orders=str(orders),
                        consumer=consumer,
                    )
                    for file in Path(folder).glob(f"{Path(ledger).name}*"):
                        file.unlink()
                    return dataclasses.replace(sample, server_cpu_s=cpu_s(server.pid) - before)

                yield measure


def _streams() -> "tuple[Any, Any]":
    from crossdock.bus import Stream

    return (
        Stream(name="BENCH_IN", subjects=("bench.in.>",), retention="limits"),
        Stream(name="BENCH_OUT", subjects=("bench.out.>",), retention="limits"),
    )


async def _declare(url: str, *consumers: str) -> None:
    from crossdock.bus import Bus, Consumer

    wanted = [Consumer(stream="BENCH_IN", name=name, filter="bench.in.>") for name in consumers]
    async with Bus(url) as bus:
        await bus.declare(_streams(), wanted)


async def _declare_out(url: str) -> None:
    """Empty again, so that no case pays for what another left."""
    from crossdock.bus import Bus

    async with Bus(url) as bus:
        await bus._api("STREAM.DELETE.BENCH_OUT")
        await bus.declare(_streams(), [])


async def _make_ledger(file: str) -> None:
    from crossdock_stages.ledger import open_ledger

    async with open_ledger(f"sqlite:///{file}"):
        pass


def _fill(url: str, count: int, file: Path) -> None:
    """Into the stream; and into a file, for a case that reads no bus."""
    messages, bodies = [], []
    for number in range(count):
        envelope, body = payloads.canonical(number)
        bodies.append(body)
        headers = envelope.headers()
        headers["Nats-Msg-Id"] = envelope.id
        messages.append(wire(f"bench.in.{number % LANES}", body, headers))
    file.write_bytes(b"\n".join(bodies))
    raw = RawNats(url)
    raw.publish(messages, 256)
    raw.close()


def case(name: str, arguments: dict[str, Any]) -> Sample:
    """Runs in the child."""
    url, count = arguments["url"], int(arguments["count"])
    if name == "limit":
        from crossdock_runner.bench import leaststage

        return leaststage.measure(url, arguments["consumer"], arguments["ledger"], count)
    if name == "loaded":
        return asyncio.run(_loaded(Path(arguments["orders"]), arguments["ledger"]))
    if name.startswith("ours"):
        lanes = ["bench.in.>"] if "one" in name else [f"bench.in.{n}" for n in range(LANES)]
        work = _ours(url, count, lanes, arguments["ledger"])
    else:
        work = _faststream(url, count, tuned="tuned" in name)
        if "tuned" not in name:
            return asyncio.run(work)
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


async def _loaded(orders: Path, ledger_file: str) -> Sample:
    """What both sides must do with an order, with all loaded that the harness needs.

    No harness on this ledger can be smaller: it is open, and no message is held.
    """
    from crossdock.canonical import Order
    from crossdock_stages.ledger import open_ledger

    import_module("crossdock_stages.harness")
    clock, count = Clock(), 0
    async with open_ledger(f"sqlite:///{ledger_file}"):
        garbage.tune()
        clock.begin()
        with orders.open("rb") as lines:
            for body in lines:
                Order.parse(body).dump()
                count += 1
    return clock.end(count)


async def _ours(url: str, count: int, lanes: Sequence[str], ledger_file: str) -> Sample:
    from crossdock.bus import Bus, Consumer, Outgoing
    from crossdock.canonical import Order
    from crossdock_stages.harness import House, Item, Worker
    from crossdock_stages.ledger import open_ledger, traffic
    from crossdock_stages.ledger.traffic import Seen
    from sqlalchemy.engine import Connection

    clock, finished, done = Clock(), asyncio.Event(), 0

    class Smallest:
        """Read, write again, remember the id."""

        name = "bench"
        batch = 100

        def __init__(self, house: House) -> None:
            self.house = house

        async def ready(self) -> None:
            """Always."""

        async def give_up(self, item: Item, error: Exception) -> None:
            """See `Stage.give_up`; a bench that has faults has no figures."""
            raise error

        async def process(self, items: Sequence[Item]) -> Iterable[Outgoing]:
            """See `Stage.process`."""
            outgoing, seen, now = [], [], time.time()
            for item in items:
                envelope = item.envelope
                body = Order.parse(item.body).dump()
                outgoing.append(
                    Outgoing(
                        address="bench.out.o", body=body, headers=envelope.headers(), id=item.id
                    )
                )
                seen.append(
                    Seen(
                        event_id=item.id,
                        type=envelope.name,
                        entity_id=envelope.subject,
                        entity_key=envelope.key,
                        connection=envelope.connection,
                        revision=envelope.revision,
                        landing_id=envelope.landing,
                        outcome="applied",
                        at=now,
                    )
                )

            def work(tx: Connection) -> None:
                known = traffic.already_seen(tx, [one.event_id for one in seen])
                traffic.add_seen(tx, [one for one in seen if one.event_id not in known])

            await self.house.ledger.write(work)
            return outgoing

    consumers = [
        Consumer(stream="BENCH_IN", name=f"ours{os.getpid()}-{at}", filter=address)
        for at, address in enumerate(lanes)
    ]
    async with open_ledger(f"sqlite:///{ledger_file}") as ledger, Bus(url) as bus:
        await bus.declare(_streams(), consumers)
        house = House(bus=bus, ledger=ledger)
        stage = Smallest(house)
        workers = [Worker(stage, bus.lane(consumer), house) for consumer in consumers]
        garbage.tune()
        clock.begin()
        tasks = [asyncio.create_task(worker.run()) for worker in workers]
        while done < count:
            await asyncio.sleep(0.005)
            done = house.meters.counts["bench.messages"]
        sample = clock.end(count)
        finished.set()
        for worker in workers:
            worker.stop()
        await asyncio.gather(*tasks)
        for consumer in consumers:
            await bus._api(f"CONSUMER.DELETE.BENCH_IN.{consumer.name}")
    return sample


async def _faststream(url: str, count: int, *, tuned: bool) -> Sample:
    try:
        from faststream.nats import JStream, NatsBroker, PullSub
    except ImportError:
        raise Absent(INSTALL) from None
    from crossdock.canonical import Order

    broker: Any = NatsBroker(url, logger=None)
    incoming, out = JStream("BENCH_IN", declare=False), JStream("BENCH_OUT", declare=False)
    durable, finished, done = f"peer{os.getpid()}", asyncio.Event(), 0
    clock = Clock()

    def tick(times: int) -> None:
        nonlocal done
        done += times
        if done >= count:
            finished.set()

    async def one(order: Order) -> Order:
        tick(1)
        return order

    async def many(orders: list[Order]) -> None:
        await asyncio.gather(
            *(broker.publish(order, "bench.out.o", stream="BENCH_OUT") for order in orders)
        )
        tick(len(orders))

    if tuned:
        pull = PullSub(batch_size=100, batch=True)
        broker.subscriber("bench.in.>", stream=incoming, durable=durable, pull_sub=pull)(many)
        garbage.tune()
    else:
        handler = broker.publisher("bench.out.o", stream=out)(one)
        broker.subscriber("bench.in.>", stream=incoming, durable=durable)(handler)
    clock.begin()
    await broker.start()
    await finished.wait()
    sample = clock.end(count)
    await broker.stop()
    return sample


BENCHES = (Staged(),)

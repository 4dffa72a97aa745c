"""The row of the steps: where one order's CPU time goes on its way through the runner.

Every stage by itself, one after the other, on the real ledger and bus, with batches of 50: nothing
else competes for the interpreter, so this is what the line costs at least. The ERP is a function.
"""

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Awaitable, Iterator, Sequence
from pathlib import Path
from typing import Any

from crossdock_runner import garbage
from crossdock_runner.bench import payloads
from crossdock_runner.bench.load import SECRET, SHOP, signed
from crossdock_runner.bench.measure import (
    Goal,
    Measure,
    Row,
    Sample,
    in_child,
    own_rss_mb,
)

BATCH = 50
ORDERS = 600
STEPS = {
    "ours": "all of the steps below; HTTP in front of it is in the row `gateway`",
    "intake": "verify the webhook, land it, write its message",
    "translate": "vendor's bytes to a canonical event, note it in the ledger",
    "decide": "read it, judge, write knowledge and command",
    "deliver": "read the command, intent, receipt, write the news of it (the ERP answers at once)",
    "decide-submitted": "read that news and note it",
    "bus": "publish, pull and acknowledge its four messages",
}

ROW = Row(
    name="steps",
    meaning="CPU time of one order in the runner, step by step, nothing competing",
    unit="orders/s",
    shown="cpu_us",
    rounds=3,
    cases=STEPS,
    goals=(Goal(text="µs of CPU for an order", case="ours", figure="cpu_us", at_most=1_500.0),),
)


class StepByStep:
    """One child measures all steps; the figures are handed out case by case.

    As the server's time stands what the ledger's threads took of it.
    """

    row = ROW

    @contextlib.contextmanager
    def open(self, *, quick: bool) -> Iterator[Measure]:
        """See `Bench.open`."""
        figures: dict[str, Any] = {}

        def measure(case: str) -> Sample:
            if case == "ours":
                with tempfile.TemporaryDirectory(prefix="crossdock-bench-") as folder:
                    orders = 100 if quick else ORDERS
                    whole = in_child("steps", "all", folder=folder, orders=orders)
                figures.update(whole.more)
                return Sample(
                    count=1,
                    seconds=whole.seconds / whole.count,
                    cpu_s=whole.cpu_s / whole.count,
                    rss_mb=whole.rss_mb,
                    server_cpu_s=figures["ledger_us"] / 1e6,
                )
            cpu, ledger = figures[f"{case}_us"] / 1e6, figures[f"{case}_ledger_us"] / 1e6
            return Sample(count=1, seconds=cpu, cpu_s=cpu, server_cpu_s=ledger)

        yield measure


def case(name: str, arguments: dict[str, Any]) -> Sample:
    """Runs in the child."""
    work = _all(Path(arguments["folder"]), int(arguments["orders"]))
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)


class Watch:
    """CPU time of the process, and of it what other threads than this one used."""

    def __init__(self, orders: int) -> None:
        self.orders = orders
        self.figures: dict[str, float] = {}

    async def of(self, step: str, work: Awaitable[Any]) -> Any:
        """Wait for it and add its time to the step's."""
        process, thread = time.process_time(), time.thread_time()
        result = await work
        process, thread = time.process_time() - process, time.thread_time() - thread
        for name, seconds in ((f"{step}_us", process), (f"{step}_ledger_us", process - thread)):
            self.figures[name] = self.figures.get(name, 0.0) + seconds / self.orders * 1e6
        return result


async def _all(folder: Path, orders: int) -> Sample:
    from crossdock import plugins
    from crossdock.bus import Bus, Outgoing, embedded_server
    from crossdock.connector import Context, Request
    from crossdock.events import Command, Envelope, Receipt
    from crossdock_stages.calls import Target
    from crossdock_stages.decide import Decide
    from crossdock_stages.deliver import Deliver
    from crossdock_stages.harness import House, Item
    from crossdock_stages.intake import Intake
    from crossdock_stages.ledger import open_ledger
    from crossdock_stages.topology import Topology
    from crossdock_stages.translate import Translate

    from crossdock_runner import deployment

    class Erp:
        """Takes everything at once."""

        async def find(self, command: Command[Any]) -> Receipt | None:
            """Never asked: nothing is tried twice here."""
            return None

        async def apply(self, command: Command[Any]) -> Receipt:
            """See `Applies.apply`."""
            return Receipt(native_id=command.id[-9:])

        async def apply_many(self, commands: Sequence[Command[Any]]) -> list[Receipt]:
            """See `Applies.apply_many`."""
            return [await self.apply(command) for command in commands]

    file = folder / "deployment.yaml"
    file.write_text(_DEPLOYMENT)
    connector, topology = plugins.load(["shopify"])["shopify"], Topology()
    settings = {"shop": SHOP, "access_token": "bench", "webhook_secret": SECRET}
    watch = Watch(orders)
    async with contextlib.AsyncExitStack() as stack:
        server = stack.enter_context(embedded_server(folder / "bus"))
        ledger = await stack.enter_async_context(open_ledger(f"sqlite:///{folder}/ledger.db"))
        bus = await stack.enter_async_context(Bus(server.url))
        web = await stack.enter_async_context(
            connector.open(
                connector.config.model_validate(settings),
                Context(connection="web", environment="bench"),
            )
        )
        house = House(bus=bus, ledger=ledger)
        lanes = {
            "xd.raw": topology.translate_lanes(),
            "xd.events": topology.decide_lanes(),
            "xd.commands": topology.deliver_lanes("erp"),
        }
        await bus.declare(topology.streams(), [lane for some in lanes.values() for lane in some])
        readers = {name: [bus.lane(lane) for lane in some] for name, some in lanes.items()}
        for lane in (lane for some in readers.values() for lane in some):
            await lane.start()
        intake = Intake(house, topology)
        translate = Translate(house, topology, {"web": connector})
        decide = Decide(house, topology, deployment.load(file).rules)
        deliver = Deliver(house, topology, Target(name="erp", port=Erp()))
        requests = [_request(number, Request) for number in range(BATCH + orders)]

        async def hooks(numbers: range) -> list[Outgoing]:
            for at in range(numbers.start, numbers.stop, BATCH):
                some = requests[at : min(at + BATCH, numbers.stop)]
                await asyncio.gather(*(intake.webhook("web", web, one) for one in some))
            return [intake._relay.get_nowait() for _ in range(intake._relay.qsize())]

        async def over_the_bus(messages: Sequence[Outgoing]) -> list[Item]:
            for at in range(0, len(messages), BATCH):
                await bus.publish(messages[at : at + BATCH])
            kind, items = ".".join(messages[0].address.split(".")[:2]), list[Item]()
            while len(items) < len(messages):
                for lane in readers[kind]:
                    if lane.waiting or lane is readers[kind][0]:
                        got = await lane.batch(count=BATCH, age_s=0, wait_s=0.01)
                        items += [
                            Item(Envelope.read(one.headers), one.body, one.address) for one in got
                        ]
                        await lane.ack(got)
            return items

        async def through(stage: Any, items: Sequence[Item]) -> list[Outgoing]:
            out: list[Outgoing] = []
            for at in range(0, len(items), BATCH):
                out += await stage.process(items[at : at + BATCH])
            return out

        async def whole_way(numbers: range) -> None:
            messages = await watch.of("intake", hooks(numbers))
            for step, stage in (
                ("translate", translate),
                ("decide", decide),
                ("deliver", deliver),
                ("decide-submitted", decide),
            ):
                items = await watch.of("bus", over_the_bus(messages))
                messages = await watch.of(step, through(stage, items))

        await whole_way(range(BATCH))  # what is made at first use is not an order's cost
        watch.figures.clear()
        garbage.tune()
        wall, cpu = time.perf_counter(), time.process_time()
        await whole_way(range(BATCH, BATCH + orders))
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    ledger_us = sum(us for name, us in watch.figures.items() if name.endswith("_ledger_us"))
    return Sample(
        count=orders,
        seconds=wall,
        cpu_s=cpu,
        rss_mb=own_rss_mb(),
        more={**watch.figures, "ledger_us": ledger_us},
    )


def _request(number: int, make: Any) -> Any:
    body = payloads.vendor_bytes(number)
    head, _ = signed(body, SECRET, "/hooks/web")
    pairs = (line.partition(":") for line in head.decode().split("\r\n")[1:-1])
    headers = {name.lower(): value.strip() for name, _, value in pairs}
    headers["x-shopify-event-id"] = f"bench-{number}"
    url = "http://127.0.0.1/hooks/web"
    return make(path="/hooks/web", url=url, headers=headers, body=body)


_DEPLOYMENT = f"""\
crossdock: 1
environment: bench
bus: {{url: embedded}}
ledger: {{url: "sqlite:///ledger.db"}}
connections:
  web: {{connector: shopify, shop: {SHOP}, access_token: bench, webhook_secret: {SECRET}}}
  erp: {{connector: odoo, url: "http://127.0.0.1:1", database: bench, login: bench, api_key: bench}}
domains:
  orders: {{capture: [web], execute: erp}}
"""

BENCHES = (StepByStep(),)

"""Rows of the canonical language: what parsing and mapping cost beside `orjson.loads`."""

import contextlib
import dataclasses
import itertools
import time
from collections.abc import Callable, Iterator
from typing import Any

from crossdock_runner import garbage
from crossdock_runner.bench import payloads
from crossdock_runner.bench.measure import (
    Absent,
    Goal,
    Measure,
    Row,
    Sample,
    in_child,
    own_rss_mb,
)

PARSE = Row(
    name="parse",
    meaning="Read a five-line canonical order from bytes, every field checked",
    unit="orders/s",
    shown="cpu_us",
    cases={
        "ours": "Order.parse(bytes)",
        "orjson": "orjson.loads of the same bytes, nothing checked",
        "ours-new": "Order.parse(bytes) of 2,000 orders whose sums have nothing in common",
        "ours-dump": "order.dump() to bytes",
    },
    goals=(
        Goal(text="× orjson.loads", case="ours", figure="cpu_us", versus="orjson", at_most=4.0),
    ),
)
TRANSLATE = Row(
    name="translate",
    meaning="Vendor bytes (7 KB, five lines) to canonical bytes with ids, by the Shopify connector",
    unit="orders/s",
    shown="cpu_us",
    cases={
        "ours": "crossdock_stages.translate.say",
        "orjson": "orjson.loads of the vendor's bytes",
        "jsontext": "crossdock.jsontext.parse of the vendor's bytes",
    },
    goals=(
        Goal(text="× orjson.loads", case="ours", figure="cpu_us", versus="orjson", at_most=5.0),
    ),
)
LINES = Row(
    name="lines",
    meaning="How the cost of reading an order grows with its lines",
    unit="orders/s",
    shown="cpu_us",
    cases={"ours": "Order.parse of 5, 20, 100 and 1,000 lines"},
    goals=(
        Goal(
            text="cost of a line between 20 and 100 beside 5 to 20",
            case="ours",
            figure="line_us_20_100",
            versus="ours",
            versus_figure="line_us_5_20",
            at_most=1.3,
        ),
        Goal(
            text="cost of a line between 100 and 1,000 beside 5 to 20",
            case="ours",
            figure="line_us_100_1000",
            versus="ours",
            versus_figure="line_us_5_20",
            at_most=1.3,
        ),
        Goal(
            text="translate: cost of a line between 20 and 100 beside 5 to 20",
            case="ours",
            figure="translate_line_us_20_100",
            versus="ours",
            versus_figure="translate_line_us_5_20",
            at_most=1.3,
        ),
    ),
)


@dataclasses.dataclass(frozen=True)
class InProcess:
    """A row that needs nothing but a processor."""

    row: Row

    @contextlib.contextmanager
    def open(self, *, quick: bool) -> Iterator[Measure]:
        """See `Bench.open`."""
        budget_s = 0.15 if quick else 1.0

        def measure(case: str) -> Sample:
            return in_child("canonical", f"{self.row.name}.{case}", budget_s=budget_s)

        yield measure


def case(name: str, arguments: dict[str, Any]) -> Sample:
    """Runs in the child."""
    row, _, who = name.partition(".")
    budget_s = float(arguments["budget_s"])
    if row == "lines":
        return _lines(budget_s)
    return timed(_work(row, who), budget_s)


def _work(row: str, who: str) -> Callable[[], object]:
    if who == "orjson":
        try:
            import orjson
        except ImportError:
            raise Absent("pip install orjson") from None
        data = payloads.vendor_bytes() if row == "translate" else payloads.canonical()[1]
        return lambda: orjson.loads(data)
    if row == "translate":
        data = payloads.vendor_bytes()
        if who == "jsontext":
            from crossdock import jsontext

            return lambda: jsontext.parse(data)
        return _translating(data)
    from crossdock.canonical import Order

    body = payloads.canonical()[1]
    if who == "ours-dump":
        order = Order.parse(body)
        return order.dump
    if who == "ours-new":
        bodies = itertools.cycle([payloads.canonical(number)[1] for number in range(2_000)])
        return lambda: Order.parse(next(bodies))
    return lambda: Order.parse(body)


def _translating(data: bytes) -> Callable[[], object]:
    from crossdock import plugins
    from crossdock.events import Raw
    from crossdock_stages.translate import say

    connector = plugins.load(["shopify"])["shopify"]
    source = "crossdock://bench/web"
    return lambda: say("web", connector, Raw("orders/create", data=data), source=source)


def timed(work: Callable[[], object], budget_s: float) -> Sample:
    """CPU time of one call: the best of ten stretches, for only disturbance can add to it."""
    for _ in range(20):
        work()
    garbage.tune()
    started, times = time.process_time(), 5
    for _ in range(times):
        work()
    once = (time.process_time() - started) / times
    times = max(1, int(budget_s / 10 / once))
    best_cpu = best_wall = float("inf")
    for _ in range(10):
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(times):
            work()
        best_cpu = min(best_cpu, time.process_time() - cpu)
        best_wall = min(best_wall, time.perf_counter() - wall)
    return Sample(count=times, seconds=best_wall, cpu_s=best_cpu, rss_mb=own_rss_mb())


def _lines(budget_s: float) -> Sample:
    from crossdock.canonical import Order

    cost: dict[int, float] = {}
    translate: dict[int, float] = {}
    whole: Sample | None = None
    for lines in (5, 20, 100, 1000):
        body = payloads.canonical(1, lines)[1]
        sample = timed(lambda body=body: Order.parse(body), budget_s)  # type: ignore[misc]
        cost[lines] = sample.figures()["cpu_us"]
        whole = whole or sample
        if lines <= 100:
            work = _translating(payloads.vendor_bytes(1, lines))
            translate[lines] = timed(work, budget_s).figures()["cpu_us"]
    assert whole is not None
    more = {f"us_{lines}_lines": us for lines, us in cost.items()}
    for low, high in ((5, 20), (20, 100), (100, 1000)):
        more[f"line_us_{low}_{high}"] = (cost[high] - cost[low]) / (high - low)
        if high in translate:
            more[f"translate_line_us_{low}_{high}"] = (translate[high] - translate[low]) / (
                high - low
            )
    return dataclasses.replace(whole, more=more)


BENCHES = (InProcess(PARSE), InProcess(TRANSLATE), InProcess(LINES))

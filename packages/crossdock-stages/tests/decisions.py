"""How many events of orders' lives are decided on in a second, with the ledger on SQLite.

`nox -s decisions` prints what docs/quality/decide.md says. A life is four events of an order of
three lines: placed, paid, shipped by a house, updated; each brings its commands, inbox, outbox and
knowledge in transactions of 100 events. CPU time is that of the whole process, both threads.
"""

import asyncio
import gc
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from crossdock.bus import Bus
from crossdock.canonical import (
    Address,
    Entity,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    Money,
    Order,
    OrderLine,
    PaymentSummary,
    ShippingLine,
    Totals,
)
from crossdock.events import COMMAND_TYPES, Envelope
from crossdock.identity import entity_id
from crossdock_stages.decide import Decide
from crossdock_stages.harness import House, Item
from crossdock_stages.ledger import open_ledger
from crossdock_stages.rules import Domain, Rules
from crossdock_stages.topology import Topology

ORDERS = int(os.environ.get("CROSSDOCK_DECISIONS_ORDERS", "2500"))
BATCH = 100
DAY = datetime(2026, 1, 1, tzinfo=UTC)
CHECKS = ("duplicate", "payment", "tax", "shipping")


def euros(amount: str) -> Money:
    return Money(amount=amount, currency="EUR")


def news(name: str, data: Entity, by: str, native: str, revision: int) -> Item:
    own = entity_id(by, data.kind, native)
    envelope = Envelope(
        id=f"evt_{name}_{native}_{revision}",
        source="s",
        type=f"crossdock.{name}.v1",
        subject=own,
        key=own,
        time="",
        connection=by,
        revision=f"{revision:020d}",
        native=native,
        landing=f"lnd_{name}_{native}_{revision}",
    )
    return Item(envelope, data.dump(), f"xd.events.{name}.0")


def order(number: int, captured: str) -> Order:
    return Order(
        number=f"#{number}",
        placed_at=DAY,
        currency="EUR",
        lines=tuple(
            OrderLine(line_id=str(at), sku=f"S{at}", ordered=2, unit_price=euros("10.00"))
            for at in range(3)
        ),
        totals=Totals(total=euros("60.00")),
        payment=PaymentSummary(
            captured=euros(captured), authorised=euros("60.00"), methods=("visa",)
        ),
        email=f"b{number}@example.org",
        shipping=(ShippingLine(title="Standard", price=euros("0.00")),),
        shipping_address=Address(country="DE", locality="Bonn", lines=("Weg 1",)),
    )


def lives(first: int) -> Iterator[list[Item]]:
    """The events of BATCH orders, one kind after the other."""
    numbers = range(first, first + BATCH)
    yield [news("order.placed", order(n, "0.00"), "web", str(n), 1) for n in numbers]
    yield [news("order.paid", order(n, "60.00"), "web", str(n), 2) for n in numbers]
    lines = tuple(FulfillmentLine(line_id=str(at), sku=f"S{at}", quantity=2) for at in range(3))
    yield [
        news(
            "fulfillment.shipped",
            Fulfillment(
                order=EntityRef(id=entity_id("web", "order", str(n))), number=f"F{n}", lines=lines
            ),
            "dc1",
            f"F{n}",
            1,
        )
        for n in numbers
    ]
    yield [news("order.updated", order(n, "60.00"), "web", str(n), 3) for n in numbers]


@pytest.mark.timeout(600)
@pytest.mark.usefixtures("seldom_garbage")
@pytest.mark.parametrize("checks", [(), CHECKS], ids=["no checks", "four checks"])
def test_decisions(tmp_path: Path, checks: tuple[str, ...]) -> None:
    rules = Rules(
        domains={
            "orders": Domain(capture=("web",), execute="erp", checks=checks),
            "fulfillment": Domain(owner="dc1", publish_to=("erp", "web")),
        },
        handles=dict.fromkeys(("web", "erp", "dc1"), frozenset(COMMAND_TYPES)),
    )

    async def run() -> tuple[int, float, float]:
        async with open_ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
            house = House(bus=Bus("nats://127.0.0.1:1"), ledger=ledger)
            stage = Decide(house, Topology(environment="test", lanes=1), rules)
            for batch in lives(10**6):
                await stage.process(batch)
            batches = [batch for start in range(0, ORDERS, BATCH) for batch in lives(start)]
            gc.collect()
            sent = 0
            wall, cpu = time.perf_counter(), time.process_time()
            for batch in batches:
                sent += len(list(await stage.process(batch)))
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            assert sent == 4 * ORDERS, "created, instructed, told to channel and ERP"
            return len(batches) * BATCH, wall, cpu

    events, wall, cpu = asyncio.run(run())
    print(  # noqa: T201
        f"\n{', '.join(checks) or 'no checks'}: {events} events, {events / cpu:.0f} a second of "
        f"CPU time, {events / wall:.0f} by the clock"
    )

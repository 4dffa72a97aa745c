"""Held orders on a real ledger: what the desk shows, and what a person's word does."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from crossdock.bus import Bus, Outgoing
from crossdock.canonical import (
    Entity,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    Money,
    Order,
    Promise,
    Totals,
)
from crossdock.errors import ConfigError
from crossdock.events import Envelope
from crossdock.identity import entity_id
from crossdock_stages.decide import Decide
from crossdock_stages.harness import House, Item
from crossdock_stages.ledger import Ledger, desk, settling
from crossdock_stages.ledger.audit import audit
from crossdock_stages.ledger.impact import Impact, impacts
from crossdock_stages.ledger.journey import journey
from crossdock_stages.ledger.settling import Case
from crossdock_stages.ledger.tables import exceptions, inbox, outbox, waiting
from crossdock_stages.rules import Domain, Override, Rules
from crossdock_stages.topology import Topology

MakeOrder = Callable[..., Order]
ORDER = entity_id("web", "order", "1")
DAY = datetime(2026, 1, 2, tzinfo=UTC)
TOPOLOGY = Topology(environment="test", lanes=2)
RULES = Rules(
    domains={
        "orders": Domain(capture=("web",), execute="erp", checks=("duplicate", "tax")),
        "fulfillment": Domain(  # the ERP tells dc1 what to ship for this channel, and us what left
            owner="dc1",
            publish_to=("web",),
            overrides=(Override(channel="web", owner="erp"),),
        ),
    },
    handles={"erp": frozenset({"order.create", "order.update"})},
)


@pytest.fixture
def house(ledger: Ledger) -> House:
    return House(bus=Bus("nats://127.0.0.1:1"), ledger=ledger)


@pytest.fixture
def stage(house: House) -> Decide:
    return Decide(house, TOPOLOGY, RULES)


def event(
    data: Entity, name: str = "order.placed", native: str = "1", by: str = "web", revision: int = 1
) -> Item:
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
    )
    message = TOPOLOGY.event(envelope, data.dump())
    return Item(Envelope.read(message.headers), message.body, message.address)


async def rows(house: House, table: sa.Table) -> Sequence[Any]:
    return await house.ledger.read(lambda tx: tx.execute(sa.select(table)).all())


async def open_cases(house: House) -> list[Case]:
    return await house.ledger.read(lambda tx: settling.cases(tx, "exceptions"))


async def call(stage: Decide) -> list[str]:
    """Let the waiting room's due messages through the stage; what it asks for."""
    due = await stage.house.ledger.write(lambda tx: desk.due(tx, 10.0**12, 0.0))
    out: list[str] = []
    for one in due:
        message = Outgoing(
            address=one.address, body=one.body, headers=one.headers, id=one.message_id
        )
        item = Item(Envelope.read(message.headers), message.body, message.address, retry=True)
        out += [Envelope.read(m.headers).name for m in await stage.process([item])]
    return out


def wrong(make_order: MakeOrder, number: str = "1") -> Order:
    total = Totals(total=Money(amount="99.00", currency="EUR"))
    return make_order(number, totals=total)


async def test_an_order_that_is_held_and_goes_on_in_one_batch_is_no_case(
    stage: Decide, house: House, make_order: MakeOrder
) -> None:
    right = event(make_order("1"), "order.updated", revision=2)
    sent = await stage.process([event(wrong(make_order)), right])
    assert [Envelope.read(message.headers).name for message in sent] == ["order.create"]
    assert await open_cases(house) == []
    assert [one.outcome for one in await rows(house, inbox)] == ["held", "applied"]
    assert await house.ledger.read(audit) == []


async def test_a_held_order_is_on_the_desk_with_its_verdicts(
    stage: Decide, house: House, make_order: MakeOrder
) -> None:
    assert list(await stage.process([event(wrong(make_order))])) == []
    (case,) = await open_cases(house)
    assert (case.code, case.held, case.label) == ("total_differs", True, "#1")
    assert "99.00 EUR" in case.message
    assert "correct" in case.suggestion.lower()
    (seen,) = await rows(house, inbox)
    assert seen.outcome == "held"
    told = await house.ledger.read(lambda tx: journey(tx, "#1"))
    assert told is not None
    steps = [f"{step.stage} {step.what}" for step in told.steps]
    assert "check duplicate: pass" in steps
    assert "check tax: review" in steps
    assert await house.ledger.read(audit) == []


async def test_what_the_customer_was_promised_is_told_with_the_case(
    stage: Decide, house: House, make_order: MakeOrder
) -> None:
    total = Totals(total=Money(amount="51.00", currency="EUR"))
    promise = Promise(order=EntityRef(id=ORDER), deliver_by=DAY, made_at=DAY)
    news = [event(make_order(totals=total)), event(promise, "promise.made")]
    await stage.process(news)
    (case,) = await open_cases(house)
    hangs = await house.ledger.read(lambda tx: impacts(tx, [case]))
    assert hangs[case.id] == Impact(value="51.00 EUR", promised=DAY.isoformat(), people=1)


async def test_the_same_news_again_does_not_open_it_twice(
    stage: Decide, house: House, make_order: MakeOrder
) -> None:
    news = event(wrong(make_order))
    await stage.process([news])
    (case,) = await open_cases(house)
    await house.ledger.write(lambda tx: settling.resolve(tx, [case], "well", 5.0))
    await stage.process([news])
    assert await open_cases(house) == []


async def test_resolving_lets_it_go_on(stage: Decide, house: House, make_order: MakeOrder) -> None:
    await stage.process([event(wrong(make_order))])
    (case,) = await open_cases(house)
    await house.ledger.write(lambda tx: settling.resolve(tx, [case], "a known rounding", 5.0))
    assert await call(stage) == ["order.create"]
    assert await rows(house, waiting) == []
    sent = [row.type for row in await rows(house, outbox)]
    assert sent == ["order.create"]
    assert await house.ledger.read(audit) == []


async def test_retrying_judges_it_again(stage: Decide, house: House, make_order: MakeOrder) -> None:
    await stage.process([event(wrong(make_order))])
    (case,) = await open_cases(house)
    assert settling.can_retry(case)
    await house.ledger.write(lambda tx: settling.retry(tx, [case], 5.0))
    assert await call(stage) == []
    (again,) = await open_cases(house)
    assert again.id == case.id, "it is still wrong"
    tolerant = replace(
        RULES, domains={**RULES.domains, "orders": replace(RULES.domains["orders"], checks=())}
    )
    await house.ledger.write(lambda tx: settling.retry(tx, [again], 6.0))
    assert await call(Decide(house, TOPOLOGY, tolerant)) == ["order.create"]
    assert await open_cases(house) == []


async def test_corrected_at_the_channel_it_goes_on_and_its_case_is_closed(
    stage: Decide, house: House, make_order: MakeOrder
) -> None:
    await stage.process([event(wrong(make_order))])
    sent = await stage.process([event(make_order(), "order.updated", revision=2)])
    assert [Envelope.read(m.headers).name for m in sent] == ["order.create"]
    (row,) = await rows(house, exceptions)
    assert (row.state, row.resolution) == ("resolved", "crossdock: the order went on")
    (act,) = await house.ledger.read(lambda tx: settling.history(tx, row.id))
    assert (act.who, act.what, act.note) == ("crossdock", "resolve", "the order went on")


async def test_a_shipment_that_agrees_after_an_edit_is_applied_by_itself(
    stage: Decide, house: House, make_order: MakeOrder
) -> None:
    total = Totals(total=Money(amount="70.00", currency="EUR"))
    await stage.process([event(make_order())])
    line = FulfillmentLine(line_id="1", quantity=7)
    shipped = Fulfillment(order=EntityRef(id=ORDER), lines=(line,), number="F1")
    await stage.process([event(shipped, "fulfillment.shipped", "F1", "erp")])
    (case,) = await open_cases(house)
    assert case.code == "shipped_more_than_ordered"
    assert case.label == "#1", "it is told under the order's name"
    edited = make_order(ordered=7, totals=total)
    assert list(await stage.process([event(edited, "order.updated", revision=2)])) == []
    assert sorted(await call(stage)) == ["fulfillment.create", "order.update"]
    assert await open_cases(house) == []
    assert await house.ledger.read(audit) == []


async def test_one_sent_twice_is_found_even_within_one_batch(
    stage: Decide, house: House, make_order: MakeOrder
) -> None:
    one = event(make_order("1", email="a@example.org"))
    two = event(make_order("2", email="a@example.org"), native="2")
    sent = [Envelope.read(m.headers).name for m in await stage.process([one, two])]
    assert sent == ["order.create"], "the first is no duplicate of the second"
    (case,) = await open_cases(house)
    assert (case.code, case.label) == ("duplicate_order", "#2")


async def test_what_was_applied_cannot_be_tried_again(
    stage: Decide, house: House, make_order: MakeOrder
) -> None:
    unable = replace(RULES, handles={"erp": frozenset({"order.create"})})
    stage = Decide(house, TOPOLOGY, unable)
    await stage.process([event(make_order())])
    total = Totals(total=Money(amount="40.00", currency="EUR"))
    edited = make_order(ordered=4, totals=total)
    await stage.process([event(edited, "order.updated", revision=2)])
    (case,) = await open_cases(house)
    assert (case.code, case.held) == ("order_edited", False)
    with pytest.raises(ConfigError, match="resolve it with a reason"):
        await house.ledger.write(lambda tx: settling.retry(tx, [case], 5.0))

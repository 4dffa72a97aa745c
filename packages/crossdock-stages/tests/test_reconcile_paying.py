"""Payments, refunds and payouts compared: what services hold, and what they were asked to pay."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from crossdock.canonical import (
    ENTITIES,
    Entity,
    EntityRef,
    Money,
    Order,
    Payment,
    PaymentSummary,
    Payout,
    Refund,
)
from crossdock.connector import Config, Connector, Context, Register, Window
from crossdock.errors import RejectedError
from crossdock.events import COMMAND_TYPES, Event, Raw
from crossdock.identity import entity_id
from crossdock_stages import reconcile
from crossdock_stages.ledger import Ledger, things
from crossdock_stages.ledger.tables import outbox
from crossdock_stages.ledger.things import CrossReference
from crossdock_stages.reconcile import Report
from crossdock_stages.rules import Domain, Rules

DAY = datetime(2026, 1, 2, tzinfo=UTC)
ORDER = entity_id("web", "order", "1")
ALL = frozenset(COMMAND_TYPES)
RULES = Rules(
    domains={
        "orders": Domain(capture=("web",), execute="erp"),
        "returns": Domain(capture=("web",), execute="erp"),
        "payments": Domain(capture=("pay",), refund_for=("web",)),
    },
    handles={"erp": ALL, "pay": frozenset({"refund.create"})},
)
NAMES = {
    "order": "order.placed",
    "payment": "payment.captured",
    "refund": "refund.succeeded",
    "payout": "payout.initiated",
}


class Holds:
    """A system that says what it holds, by kind; what it does not know it refuses to say."""

    def __init__(self) -> None:
        self.records: dict[str, list[Raw]] = {}

    def puts(self, native: str, data: Entity, revision: int) -> None:
        body = {"kind": data.kind, "id": native, "rev": revision, "data": data.dump().decode()}
        raw = Raw("thing", body, key=native, delivery_id=f"{native}-{revision}")
        self.records.setdefault(data.kind, []).append(raw)

    async def snapshot(self, window: Window) -> AsyncIterator[Raw]:
        if window.kind not in self.records:
            raise RejectedError(f"it has no {window.kind}", reason="not_handled")
        for raw in self.records[window.kind]:
            yield raw


def _translate(raw: Raw) -> Iterator[Event[Any]]:
    body = raw.body
    data = ENTITIES[body["kind"]].parse(body["data"].encode())
    yield Event(type=NAMES[data.kind], data=data, native_id=body["id"], revision=body["rev"])


@asynccontextmanager
async def _open(config: Config, context: Context) -> AsyncIterator[Holds]:
    yield Holds()


def teller() -> Connector:
    register = Register()
    register("teller", config=Config, open=_open, translate=_translate)
    return register.connectors["teller"]


def euros(amount: str) -> Money:
    return Money(amount=amount, currency="EUR")


def refund(state: str = "pending", **more: Any) -> Refund:
    given = {"order": EntityRef(id=ORDER, native_id="1"), "requested_at": DAY, **more}
    return Refund(state=state, amount=euros("20.00"), **given)


CHARGE = Payment(
    order=EntityRef(native_id="1"), method="card", currency="EUR", captured=euros("50.00")
)
GIVEN = refund("succeeded", order=EntityRef(), payment=EntityRef(native_id="ch_1"))
PAYOUT = Payout(number="po_1", amount=euros("9.00"), state="in_transit")


class World:
    """A shop that sold an order, a payment service that took its money, and the comparison."""

    def __init__(self, here: Any) -> None:
        self.here = here
        self.ports = {name: Holds() for name in ("web", "erp", "pay")}

    async def tells(self, by: str, native: str, data: Entity, name: str = "") -> None:
        """It is heard of as translate says it, and the snapshot will show the same."""
        told = data.model_copy(update={"id": entity_id(by, data.kind, native)})
        ref = getattr(data, "order", None)
        if ref is not None and ref.native_id and not ref.id:
            own = EntityRef(id=entity_id(by, "order", ref.native_id), native_id=ref.native_id)
            told = told.model_copy(update={"order": own})
        await self.here.tell(name or NAMES[data.kind], told, by, native)
        self.ports[by].puts(native, data, self.here.clock)

    async def compare(self, domain: str) -> Report:
        connectors = dict.fromkeys(self.ports, teller())
        return await reconcile.compare(domain, RULES, self.ports, connectors, self.here.ledger)

    async def carried_out(self, target: str, kind: str, own: str, native: str) -> None:
        def work(tx: Any) -> None:
            which = outbox.update().where(outbox.c.connection == target, outbox.c.entity_id == own)
            tx.execute(which.values(state="done"))
            things.refer(tx, [CrossReference(target, kind, native, own)], 1.0)

        await self.here.ledger.write(work)


@pytest.fixture
async def world(ledger: Ledger, at_desk: Any, make_order: Callable[..., Order]) -> World:
    made = World(at_desk(ledger, RULES))
    order = make_order(payment=PaymentSummary(captured=euros("50.00")))
    await made.tells("web", "1", order)
    await made.tells("pay", "ch_1", CHARGE)
    await made.tells("web", "R1", refund(), "refund.pending")
    return made


def found(report: Report) -> list[tuple[str, str, str]]:
    return [(one.kind, one.connection, one.repair) for one in report.differences]


async def test_what_agrees(world: World) -> None:
    wish = entity_id("web", "refund", "R1")
    await world.carried_out("pay", "refund", wish, "re_1")
    await world.tells("pay", "re_1", GIVEN)
    await world.tells("pay", "po_1", PAYOUT)
    await world.carried_out("erp", "payment", entity_id("pay", "payment", "ch_1"), "17")
    world.ports["erp"].puts("17", CHARGE, 1)
    report = await world.compare("payments")
    assert (report.differences, report.skipped) == ([], [])
    assert report.compared == 5, "payment, refund, payout; what pay and erp were asked for"
    report = await world.compare("returns")
    assert "web" not in {one.connection for one in report.differences}


async def test_what_never_came_is_brought(world: World) -> None:
    world.ports["pay"].puts("re_1", GIVEN, 9)
    world.ports["pay"].puts("po_1", PAYOUT, 9)
    world.ports["pay"].puts("ch_2", CHARGE, 9)
    report = await world.compare("payments")
    assert found(report)[:3] == [("missing", "pay", "land")] * 3
    assert "not asked" not in "".join(report.skipped)


async def test_a_refund_that_was_asked_and_is_not_there(world: World) -> None:
    wish = entity_id("web", "refund", "R1")
    world.ports["pay"].records["refund"] = []
    (difference,) = [
        one for one in (await world.compare("payments")).differences if one.subject == wish
    ]
    assert difference.cause == "it is on its way"
    await world.carried_out("pay", "refund", wish, "re_1")
    (difference,) = [
        one for one in (await world.compare("payments")).differences if one.subject == wish
    ]
    assert (difference.kind, difference.repair) == ("vanished", "person")


async def test_who_cannot_say_it_is_named(world: World) -> None:
    report = await world.compare("payments")
    assert "pay cannot say what it holds: it has no payout" in report.skipped
    assert "erp cannot say what it holds: it has no payment" in report.skipped

"""What is not live: replays, and what is from before we came."""

import json
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import replace
from typing import Any

from crossdock.bus import Outgoing
from crossdock.connector import Connector
from crossdock.events import Command, Envelope, Event, Raw
from crossdock_stages import replay
from crossdock_stages.calls import Target
from crossdock_stages.decide import Decide
from crossdock_stages.deliver import Deliver
from crossdock_stages.harness import House, Item
from crossdock_stages.intake import Intake
from crossdock_stages.ledger import Ledger, desk, landing
from crossdock_stages.rules import Domain, Rules
from crossdock_stages.topology import Topology
from crossdock_stages.translate import Translate
from sqlalchemy.engine import Connection

TOPOLOGY = Topology(environment="test", lanes=2)
RULES = Rules(
    domains={"orders": Domain(capture=("web",), execute="erp")},
    handles={"erp": frozenset({"order.create"})},
)


class Tap:
    """A bus that only hears."""

    def __init__(self) -> None:
        self.heard: list[Outgoing] = []

    async def publish(self, messages: Iterable[Outgoing]) -> list[None]:
        new = list(messages)
        self.heard += new
        return [None] * len(new)


def items(messages: Iterable[Outgoing]) -> list[Item]:
    return [Item(Envelope.read(one.headers), one.body, one.address) for one in messages]


class Shop:
    """Polled, it tells of an order of today, and of one from before we came."""

    async def poll(self, cursor: str | None) -> AsyncIterator[Raw]:
        for number, past in (("1", False), ("2", True)):
            facts = json.dumps([{"fact": "order.placed", "id": number}]).encode()
            key = f"order:{number}"
            yield Raw("facts", data=facts, key=key, delivery_id=key, cursor=key, backfill=past)


async def test_a_backfill_has_its_own_lane_and_writes_to_no_customer(
    sqlite_ledger: Ledger, shop: Connector, vendor: Any
) -> None:
    tap = Tap()
    house = House(bus=tap, ledger=sqlite_ledger)  # type: ignore[arg-type]
    told: list[Command[Any]] = []

    async def watch(command: Command[Any]) -> None:
        told.append(command)

    vendor.watch = watch
    await Intake(house, TOPOLOGY)._poll_once("web", Shop())
    events = list(await Translate(house, TOPOLOGY, {"web": shop}).process(items(tap.heard)))
    commands = list(await Decide(house, TOPOLOGY, RULES).process(items(events)))
    await Deliver(house, TOPOLOGY, Target("erp", vendor)).process(items(commands))
    for messages in (tap.heard, events, commands):
        live, past = [one.address.rpartition(".")[2] for one in messages]
        assert (live in {"0", "1"}, past) == (True, "replay")
    assert {command.data.number: command.notify for command in told} == {"#1": True, "#2": False}


async def test_what_is_told_again_comes_due_bit_by_bit_so_that_what_is_live_never_waits(
    ledger: Ledger,
) -> None:
    landed = [
        landing.Landed(
            id=f"lnd_{n:04}",
            connection="web",
            topic="facts",
            entity_key=f"order:{n}",
            delivery_id=str(n),
            road="webhook",
            headers={},
            body=b"[]",
            received_at=float(n),
        )
        for n in range(600)
    ]
    await ledger.write(lambda tx: landing.land(tx, landed))
    wanted = replay.Selection(until=590.0)
    every = await ledger.read(lambda tx: replay.select(tx, wanted))
    assert every == [one.id for one in landed[:590]], "oldest first, all of them"
    began, before = time.time(), 0
    for start in range(0, len(every), replay.PART):
        part = every[start : start + replay.PART]
        chosen = await ledger.read(lambda tx, part=part: replay.load(tx, part))
        assert [kept.row.id for kept in chosen] == part

        def put(tx: Any, chosen: Any = chosen, before: int = before) -> int:
            return replay.apply(tx, chosen, TOPOLOGY, began=began, before=before)

        before += await ledger.write(put)
    assert before == len(every)

    async def due(after_s: float) -> list[str]:
        found = await ledger.write(lambda tx: desk.due(tx, began + after_s, 10.0**6))
        return [one.message_id for one in found]

    first = await due(0.25)
    assert first == every[: int(0.25 * replay.A_SECOND) + 1]
    assert len(first) < 200, "there is room for what is live in every look"
    rest = [one for step in range(1, 20) for one in await due(0.25 + step * 0.25)]
    assert first + rest == every


async def test_a_preview_tells_what_is_said_differently_field_by_field(
    ledger: Ledger, shop: Connector, vendor: Any
) -> None:
    """Yesterday's payload, today's mapping: nothing is sent, a person sees what would change."""
    tap = Tap()
    house = House(bus=tap, ledger=ledger)  # type: ignore[arg-type]
    await Intake(house, TOPOLOGY)._poll_once("web", Shop())
    events = list(await Translate(house, TOPOLOGY, {"web": shop}).process(items(tap.heard)))
    commands = list(await Decide(house, TOPOLOGY, RULES).process(items(events)))
    await Deliver(house, TOPOLOGY, Target("erp", vendor)).process(items(commands))

    def mended(raw: Raw) -> Iterator[Event[Any]]:
        for event in shop.translate(raw):
            lines = tuple(
                line.model_copy(update={"sku": "CUP"})
                for line in event.data.lines  # type: ignore[attr-defined]
            )
            data = event.data.model_copy(update={"lines": lines, "note": "as it should be"})
            yield replace(event, data=data)  # type: ignore[type-var]

    def look(tx: Connection, connector: Connector) -> list[replay.Outcome]:
        wanted = replay.select(tx, replay.Selection(connection="web"))
        return replay.preview(tx, replay.load(tx, wanted), {"web": connector}, RULES)

    same = await ledger.read(lambda tx: look(tx, shop))
    assert [one.kind for one in same] == ["same", "same"]
    now = await ledger.read(lambda tx: look(tx, replace(shop, translate=mended)))
    assert [one.kind for one in now] == ["different", "different"]
    for one in now:
        (words,) = one.said
        assert "/lines/0/sku was 'MUG', is 'CUP'" in words
        assert "/note was nothing, is 'as it should be'" in words
        assert "MUG'" not in words.replace("was 'MUG'", ""), "only what differs"
    assert len(tap.heard) == 2, "nothing was sent"

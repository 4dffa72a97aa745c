"""A field never seen before is told once, with its sample, as an event; nothing fails for it."""

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from crossdock.bus import Bus, Embedded
from crossdock.canonical import Drift, InventoryLevel
from crossdock.connector import Connector
from crossdock.events import Envelope, Event, Raw
from crossdock_stages import drift
from crossdock_stages.decide import Decide
from crossdock_stages.drift import LEARN_FROM, MOST_SIBLINGS
from crossdock_stages.harness import House, Item
from crossdock_stages.ledger import Ledger, fields, landing
from crossdock_stages.ledger.audit import audit
from crossdock_stages.ledger.landing import Landed
from crossdock_stages.ledger.traffic import unanswered
from crossdock_stages.rules import Rules
from crossdock_stages.topology import Topology
from crossdock_stages.translate import Translate

TOPOLOGY = Topology(environment="test", lanes=2)


def translate(raw: Raw) -> Iterator[Event[Any]]:
    """Every payload is a level; what else it has is nobody's business."""
    level = InventoryLevel(sku="A", location="WH", on_hand=1)
    yield Event(type="inventory.level_changed", data=level, native_id=str(raw.body["id"]))


@pytest.fixture
async def house(ledger: Ledger, nats_server: Embedded) -> Any:
    async with Bus(nats_server.url) as bus:
        yield House(bus=bus, ledger=ledger)


class Line:
    """Translate, given payloads of one topic."""

    def __init__(self, house: House, shop: Connector, fields: str | None = None) -> None:
        self.house = house
        self.shop = replace(shop, translate=translate, fields=fields)
        self.restart()

    def restart(self) -> None:
        """A new process knows what the ledger knows."""
        self.stage = Translate(self.house, TOPOLOGY, {"web": self.shop})

    async def send(self, *bodies: Any, topic: str = "orders", mode: str = "") -> list[Item]:
        """What is told of drift when these arrive in one batch."""
        landed = [
            Landed(
                id=landing.new_id(time.time()),
                connection="web",
                topic=topic,
                entity_key="",
                delivery_id=f"{topic}-{time.perf_counter_ns()}-{number}",
                road="webhook",
                headers={},
                body=json.dumps({"id": number, **body}).encode(),
                received_at=time.time(),
                mode=mode,
            )
            for number, body in enumerate(bodies)
        ]
        await self.house.ledger.write(lambda tx: landing.land(tx, landed))
        self.sent = [one.id for one in landed]
        out = await self.stage.process([_item(TOPOLOGY.raw(one)) for one in landed])
        return [one for one in map(_item, out) if one.envelope.name == "drift.found"]

    async def teach(self, body: Any = None) -> None:
        """As many payloads as a topic is learnt from."""
        assert await self.send(*[body or {"lines": [{"sku": "A"}]}] * LEARN_FROM) == []


def _item(message: Any) -> Item:
    return Item(Envelope.read(message.headers), message.body, message.address)


@pytest.fixture
def line(house: House, shop: Connector) -> Line:
    return Line(house, shop)


def told(items: list[Item]) -> dict[str, tuple[str, int]]:
    drifts = [Drift.parse(item.body) for item in items]
    return {one.pointer: (one.sample, one.count) for one in drifts}


async def test_a_new_field_is_told_once_with_its_sample(line: Line, house: House) -> None:
    await line.teach()
    new = {"lines": [{"sku": "A", "gift": True}]}
    (item,) = await line.send({}, new, new)
    found = Drift.parse(item.body)
    assert (found.connection, found.topic, found.pointer) == ("web", "orders", "/lines/*/gift")
    assert (found.sample, found.type, found.count) == ("true", "boolean", 2)
    assert found.payload == line.sent[1]
    assert item.envelope.type == "crossdock.drift.found.v1"
    assert item.envelope.time.endswith("Z")
    assert item.envelope.correlation == found.payload
    assert await line.send(new) == []
    assert house.meters["translate.drift"] == 1
    assert house.meters["translate.dead"] == 0
    (row,) = await house.ledger.read(lambda tx: fields.news(tx, 0))
    assert (row.field, row.landing_id, row.payloads) == (found.pointer, found.payload, 2)
    assert await house.ledger.read(lambda tx: fields.how_many(tx, 0)) == {"web": 1}


async def test_it_survives_a_restart_in_the_middle_of_learning_and_after(line: Line) -> None:
    half = [{"note": None}] * (LEARN_FROM // 2)
    assert await line.send(*half) == []
    line.restart()
    assert await line.send(*half, {"late": 1}) == []
    line.restart()
    assert told(await line.send({"tip": "2.00"})) == {"/tip": ('"2.00"', 1)}
    line.restart()
    assert await line.send({"tip": "3.00", "late": 2, "note": {"by": "ada"}}) == []


async def test_two_runners_tell_it_once(line: Line, house: House) -> None:
    await line.teach()
    other = Line(house, line.shop)
    assert await other.send({}) == []
    assert len(await line.send({"tip": "1.00"})) == 1
    assert await other.send({"tip": "1.00"}) == []


async def test_what_may_be_personal_is_shown_by_its_form(line: Line) -> None:
    await line.teach()
    new = {"giver": {"name": "Ada Byron", "speed": "EXPRESS"}}
    assert told(await line.send(new)) == {"/giver": ('{"name":"Xxx Xxxxx","speed":"EXPRESS"}', 1)}


async def test_each_topic_is_learnt_by_itself_and_a_replay_teaches_nothing(line: Line) -> None:
    await line.teach()
    assert await line.send({"other": 1}, topic="refunds") == []
    assert await line.send({"tip": 1}, mode="replay") == []
    assert told(await line.send({"tip": 1})) == {"/tip": ("1", 1)}


async def test_keys_that_are_data_are_told_by_one_word(line: Line, house: House) -> None:
    await line.teach({"prices": {"EUR": 1}})
    first = {f"p{chr(97 + n // 26)}{chr(97 + n % 26)}": n for n in range(MOST_SIBLINGS + 1)}
    assert told(await line.send({"prices": first})) == {"/prices/**": ("0", 1)}
    assert await line.send({"prices": {"zz": 1}}) == []
    line.restart()
    assert await line.send({"prices": {"zy": 1}}) == []


async def test_declared_fields_need_no_learning(
    house: House, shop: Connector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "acme_declares"
    package.mkdir()
    (package / "__init__.py").touch()
    declared = {"orders": ["/id", "/lines/*/sku", "/raw/**"], "orders/paid": "orders"}
    (package / "fields.json").write_text(json.dumps(declared))
    monkeypatch.syspath_prepend(tmp_path)
    line = Line(house, shop, fields="acme_declares:fields.json")
    known = {"lines": [{"sku": "A"}], "raw": {"any": [{"thing": 1}]}}
    assert await line.send(known) == []
    assert told(await line.send({**known, "tip": 1})) == {"/tip": ("1", 1)}
    assert told(await line.send({**known, "tip": 1}, topic="orders/paid")) == {"/tip": ("1", 1)}


async def test_the_event_is_decided_on_and_closed(line: Line, house: House) -> None:
    """It stands in the outbox until then, so a crash in between loses nothing."""
    await line.teach()
    (item,) = await line.send({"tip": 1})
    later = time.time() + 60
    waiting = await house.ledger.read(lambda tx: unanswered(tx, before=later))
    assert [one.send.message.id for one in waiting] == [item.id]
    await Decide(house, TOPOLOGY, Rules(domains={})).process([item])
    assert await house.ledger.read(lambda tx: unanswered(tx, before=later)) == []
    assert await house.ledger.read(audit) == []


async def test_too_many_topics_are_left_alone(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "MOST_TOPICS", 0)
    assert await line.send({"tip": 1}) == []

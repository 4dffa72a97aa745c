"""The ledger knows in which order news was received; what the bus brings too early waits for it."""

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from crossdock.bus import Bus, Outgoing
from crossdock.canonical import InventoryLevel
from crossdock.connector import Connector
from crossdock.events import Envelope
from crossdock_stages.decide import Decide
from crossdock_stages.harness import House, Item
from crossdock_stages.ledger import Ledger, desk, landing
from crossdock_stages.ledger.landing import Landed
from crossdock_stages.ledger.tables import landing as landing_table
from crossdock_stages.ledger.tables import outbox, waiting
from crossdock_stages.rules import Domain, Rules
from crossdock_stages.topology import Topology
from crossdock_stages.translate import Translate

TOPOLOGY = Topology(environment="test", lanes=2)
RULES = Rules(
    domains={
        "orders": Domain(capture=("web",), execute="erp"),
        "inventory": Domain(owner="web", publish_to=("erp",)),
        "fulfillment": Domain(owner="web", publish_to=("web",)),
    },
    handles={"erp": frozenset({"order.create", "inventory.publish"}), "web": frozenset()},
)
Line = Callable[..., Any]


class Half:
    """Translate and decide on a real ledger, without a bus: the test brings the messages."""

    def __init__(self, ledger: Ledger, shop: Connector) -> None:
        self.house = House(bus=Bus("nats://127.0.0.1:1"), ledger=ledger)
        self.translate = Translate(self.house, TOPOLOGY, {"web": shop})
        self.decide = Decide(self.house, TOPOLOGY, RULES)
        self.told = 0

    async def hear(self, *facts: dict[str, Any], key: str = "k") -> list[Item]:
        """One webhook a fact, landed in this order; the events they become."""
        rows = []
        for fact in facts:
            self.told += 1
            rows.append(
                Landed(
                    id=landing.new_id(time.time()),
                    connection="web",
                    topic="facts",
                    entity_key=key,
                    delivery_id=f"d{self.told}",
                    road="webhook",
                    headers={},
                    body=json.dumps([fact]).encode(),
                    received_at=float(self.told),
                )
            )
        await self.house.ledger.write(lambda tx: landing.land(tx, rows))
        raws = [_item(TOPOLOGY.raw(row)) for row in rows]
        return [_item(one) for one in await self.translate.process(raws)]

    async def decided(self, *items: Item) -> list[int]:
        """The levels that follow, in the order in which they are to be told."""
        sent = list(await self.decide.process(items))
        return [int(InventoryLevel.parse(one.body).on_hand) for one in sent]

    async def called(self) -> list[Item]:
        """What the sweeper calls once all waiting times are over."""
        due = await self.house.ledger.write(lambda tx: desk.due(tx, time.time() + 10**6, 0.0))
        return [
            _item(
                Outgoing(address=d.address, body=d.body, headers=d.headers, id=d.message_id),
                retry=True,
            )
            for d in due
        ]

    async def rows(self, table: sa.Table) -> Sequence[Any]:
        return await self.house.ledger.read(lambda tx: tx.execute(sa.select(table)).all())


def _item(message: Outgoing, *, retry: bool = False) -> Item:
    return Item(Envelope.read(message.headers), message.body, message.address, retry=retry)


def level(on_hand: int) -> dict[str, Any]:
    return {"fact": "inventory.level_changed", "id": "MUG", "on_hand": on_hand, "rev": None}


@pytest.fixture
def half(ledger: Ledger, shop: Connector) -> Half:
    return Half(ledger, shop)


async def test_news_that_overtook_waits_for_what_was_received_before_it(half: Half) -> None:
    first, second, third = await half.hear(level(5), level(7), level(9))
    assert await half.decided(second, third) == []
    (one, other) = await half.rows(waiting)
    assert "received earlier" in one.reason
    assert "earlier news" in other.reason
    assert await half.decided(first) == [], "it takes its place at the head of its queue"
    told = []
    for _ in range(3):
        told += await half.decided(*await half.called())
    assert told == [5, 7, 9]
    assert not await half.rows(waiting)
    assert await half.called() == []


async def test_what_comes_in_order_never_waits(half: Half) -> None:
    first, second, third = await half.hear(level(5), level(7), level(9))
    assert await half.decided(first) == [5]
    assert await half.decided(second, third) == [7, 9]
    assert await half.decided(first, second) == [], "repeated"
    assert not await half.rows(waiting)


async def test_other_entities_and_news_without_a_key_go_on(half: Half) -> None:
    await half.hear(level(5))
    (other,) = await half.hear({**level(3), "id": "TEE"}, key="another")
    assert await half.decided(other) == [3]
    _, without = await half.hear({**level(1), "id": "A"}, {**level(2), "id": "B"}, key="")
    assert await half.decided(without) == [2]


async def test_a_dead_letter_holds_up_nobody(half: Half) -> None:
    assert await half.hear({"fact": "inventory.level_changed", "id": ""}) == []
    (good,) = await half.hear(level(7))
    assert await half.decided(good) == [7]


async def test_a_source_without_revisions_may_go_back_and_forth(half: Half) -> None:
    for on_hand in (5, 7, 5, 7):
        assert await half.decided(*await half.hear(level(on_hand))) == [on_hand]
    assert len(await half.rows(outbox)) == 4


async def test_the_same_news_by_two_roads_does_not_wait_for_itself(half: Half) -> None:
    """One event of two rows travels once, and the bus may keep the copy that names the later."""
    same = {**level(5), "rev": 3}
    first, second = await half.hear(same, same)
    assert first.id == second.id
    assert first.envelope.landing != second.envelope.landing
    assert await half.decided(second) == [5]
    assert not await half.rows(waiting)
    earlier, _, again = await half.hear(
        {**level(7), "rev": 4}, {**level(9), "rev": 5}, {**level(9), "rev": 5}
    )
    assert await half.decided(again) == [], "what was really received earlier is still waited for"
    assert await half.decided(earlier) == []
    told = []
    for _ in range(3):
        told += await half.decided(*await half.called())
    assert told == [7, 9]


async def test_news_that_waits_for_later_news_does_not_hold_it_up(half: Half) -> None:
    """A parcel, told twice, before its order: all under one key of the source."""
    parcel = {"fact": "fulfillment.shipped", "id": "s1", "order": "1"}
    early = await half.hear(parcel, {**parcel, "rev": 2})
    for item in early:
        await half.decide.process([item])
    placed = await half.hear({"fact": "order.placed", "id": "1"})
    sent = list(await half.decide.process(placed))
    assert [Envelope.read(one.headers).name for one in sent] == ["order.create"]


async def test_what_said_several_things_is_settled_with_the_last_of_them(half: Half) -> None:
    row = Landed(
        id=landing.new_id(time.time()),
        connection="web",
        topic="facts",
        entity_key="k",
        delivery_id="both",
        road="webhook",
        headers={},
        body=json.dumps([level(1), {"fact": "order.placed", "id": "1"}]).encode(),
        received_at=1.0,
    )
    await half.house.ledger.write(lambda tx: landing.land(tx, [row]))
    raws = [_item(TOPOLOGY.raw(row))]
    one, two = [_item(said) for said in await half.translate.process(raws)]
    await half.decide.process([one])
    assert [told.settled for told in await half.rows(landing_table)] == [False]
    await half.decide.process([two])
    assert [told.settled for told in await half.rows(landing_table)] == [True]

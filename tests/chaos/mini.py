"""A shop and an ERP in plain Python, the sender's own list, and the judge of both.

What they hold lies outside the line under test and outlives each of its processes. Neither helps:
the ERP makes a second order of whatever it is asked for twice, and a source's levels have no
revision. So whatever is right in the end, the line has made right.
"""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from crossdock.canonical import (
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    InventoryLevel,
    Money,
    Order,
    OrderLine,
    Totals,
)
from crossdock.connector import Config, Connector, Context, Register, Request
from crossdock.errors import ContractError
from crossdock.events import Command, Event, Raw, Receipt
from crossdock.identity import entity_id

CALL_S = 0.002
"""How long a call takes: long enough for two to meet."""


def translate(raw: Raw) -> Iterator[Event[Any]]:
    """The dialect of both: one fact a message."""
    fact = raw.body
    if not isinstance(fact, dict) or "fact" not in fact:
        raise ContractError("a fact needs a name", pointer="/fact")
    if fact["fact"] == "order":
        number, version = str(fact["order"]), int(fact["version"])
        price = Money(amount="1.00", currency="EUR")
        order = Order(
            number=number,
            placed_at=datetime(2026, 1, 1, tzinfo=UTC),
            currency="EUR",
            lines=(OrderLine(line_id="1", sku="MUG", ordered=version, unit_price=price),),
            totals=Totals(total=price),
            note=f"v{version}",
        )
        kind = "order.placed" if version == 1 else "order.updated"
        yield Event(type=kind, data=order, native_id=number, revision=version)
    elif fact["fact"] == "shipment":
        yield Event(
            type="fulfillment.shipped",
            data=Fulfillment(
                order=EntityRef(id=fact["order_id"]),
                number=fact["shipment"],
                lines=(FulfillmentLine(line_id="1", quantity=1),),
            ),
            native_id=fact["shipment"],
            revision=1,
        )
    elif fact["fact"] == "level":
        level = InventoryLevel(sku=fact["sku"], location="WH", on_hand=fact["on_hand"])
        yield Event(type="inventory.level_changed", data=level, native_id=fact["sku"])


@asynccontextmanager
async def _never(config: Config, context: Context) -> AsyncIterator[object]:
    yield object()


def connector() -> Connector:
    """The dialect, registered as any connector is."""
    register = Register()
    register("mini", config=Config, open=_never, translate=translate)
    return register.connectors["mini"]


@dataclass
class Trouble:
    """Calls that go wrong: `error` is raised, after the effect when `done_first`.

    The next `count` that match; or of all of them this `share`.
    """

    error: Exception
    count: int = 1
    done_first: bool = False
    match: str = ""
    finds: bool = False
    """Whether a look-up goes wrong too."""
    share: float = 1.0
    chance: random.Random = field(default_factory=lambda: random.Random(0))

    def strikes(self, wish: str) -> bool:
        """Whether this call goes wrong."""
        if not self.count or self.match not in wish or self.chance.random() >= self.share:
            return False
        self.count -= 1
        return True


@dataclass
class Vendor:
    """One system: what it was told, in order, and how it misbehaves."""

    name: str
    records: list[dict[str, Any]] = field(default_factory=list)
    log: list[tuple[str, str, int]] = field(default_factory=list)
    """(wish, entity, version or figure) of every effect, in order."""
    news: list[dict[str, Any]] = field(default_factory=list)
    """What a poll finds, oldest first."""
    troubles: list[Trouble] = field(default_factory=list)
    calls: int = 0
    at_work: Counter[str] = field(default_factory=Counter)
    overlaps: int = 0

    async def apply(self, command: Command[Any]) -> Receipt:
        """Do it, whatever was done before."""
        self.calls += 1
        self.at_work[command.entity_id] += 1
        self.overlaps += self.at_work[command.entity_id] > 1
        try:
            await asyncio.sleep(CALL_S)
            trouble = next((t for t in self.troubles if t.strikes(command.type)), None)
            if trouble is not None and not trouble.done_first:
                raise trouble.error
            receipt = self._do(command)
            if trouble is not None:
                raise trouble.error
            return receipt
        finally:
            self.at_work[command.entity_id] -= 1

    async def apply_many(self, commands: Sequence[Command[Any]]) -> list[Receipt | Exception]:
        """Each by itself, in one call."""
        return await asyncio.gather(*map(self.apply, commands), return_exceptions=True)  # type: ignore[return-value]

    def _do(self, command: Command[Any]) -> Receipt:
        data = command.data
        if isinstance(data, Order):
            version = int((data.note or "v0")[1:])
            if command.type == "order.create":
                self.records.append({"ref": command.entity_id, "version": version})
            else:
                for record in self.records:
                    if record["ref"] == command.entity_id:
                        record["version"] = version
            self.log.append((command.type, command.entity_id, version))
        elif isinstance(data, Fulfillment):
            self.records.append({"ref": data.number, "order": data.order.id})
            self.log.append((command.type, data.order.id or "", len(self.log)))
        else:
            self.log.append((command.type, data.sku, int(data.on_hand)))
        return Receipt(native_id=f"{self.name}-{len(self.log)}")

    async def find(self, command: Command[Any]) -> Receipt | None:
        """What an earlier try left."""
        self.calls += 1
        await asyncio.sleep(CALL_S)
        for trouble in self.troubles:
            if trouble.finds and trouble.strikes(command.type):
                raise trouble.error
        data = command.data
        if isinstance(data, Order):
            version = int((data.note or "v0")[1:])
            mine = [r for r in self.records if r["ref"] == command.entity_id]
            there = bool(mine) and (command.type == "order.create" or mine[0]["version"] == version)
        elif isinstance(data, Fulfillment):
            there = any(r["ref"] == data.number for r in self.records)
        else:
            there = self.level(data.sku) == int(data.on_hand)
        return Receipt(native_id="found") if there else None

    def level(self, sku: str) -> int | None:
        """The figure it was told last."""
        return next((n for kind, key, n in reversed(self.log) if key == sku), None)

    async def poll(self, cursor: str | None) -> AsyncIterator[Raw]:
        """Its news after the cursor."""
        start = int(cursor or 0)
        for number, fact in enumerate(self.news[start:], start):
            key = str(fact.get("sku") or fact.get("shipment"))
            yield Raw(fact["fact"], fact, key=key, delivery_id=f"p{number}", cursor=str(number + 1))


class Hooks:
    """The shop's webhooks."""

    def receive(self, request: Request) -> Raw:
        """A body and its delivery id, as they are."""
        return Raw(
            "fact",
            data=request.body,
            key=request.headers.get("key", ""),
            delivery_id=request.headers["delivery"],
        )


@dataclass(frozen=True)
class Note:
    """One webhook of the sender's list."""

    delivery: str
    body: bytes
    key: str = ""

    @property
    def request(self) -> Request:
        """As it is sent, each time."""
        return Request(headers={"delivery": self.delivery, "key": self.key}, body=self.body)


@dataclass
class World:
    """Everybody outside: two vendors and what the sender means to say and has been promised."""

    shop: Vendor = field(default_factory=lambda: Vendor("shop"))
    erp: Vendor = field(default_factory=lambda: Vendor("erp"))
    to_say: list[Note] = field(default_factory=list)
    accepted: set[int] = field(default_factory=set)
    """Places in `to_say` that were answered with 2xx."""
    orders: dict[str, int] = field(default_factory=dict)
    """Each order's newest version."""
    levels: dict[str, list[int]] = field(default_factory=dict)
    """Each article's figures in the order in which they held."""
    shipments: dict[str, str] = field(default_factory=dict)
    """Shipment to order."""
    poison: list[bytes] = field(default_factory=list)
    """Bodies that cannot be read, and must be kept for a person."""
    conflicts: list[bytes] = field(default_factory=list)
    """Bodies that came under the delivery id of another."""
    for_people: bool = False
    """Whether a person must have been told of every order that did not arrive."""

    def say(self, fact: Any, *, delivery: str = "", key: str = "") -> None:
        """Put one webhook on the list."""
        body = fact if isinstance(fact, bytes) else json.dumps(fact).encode()
        self.to_say.append(Note(delivery or f"d{len(self.to_say)}", body, key))

    def order(self, number: int | str, *versions: int) -> None:
        """One order through these versions, told in this order."""
        for version in versions or (1,):
            fact = {"fact": "order", "order": str(number), "version": version}
            self.say(fact, key=str(number))
        self.orders[str(number)] = max(versions or (1,))

    def again(self, place: int) -> None:
        """The sender repeats itself, to the byte."""
        self.to_say.append(self.to_say[place])

    def level(self, sku: str, on_hand: int) -> None:
        """The ERP counts; a poll will find it."""
        self.erp.news.append({"fact": "level", "sku": sku, "on_hand": on_hand})
        self.levels.setdefault(sku, []).append(on_hand)

    def shipped(self, shipment: str, order: str) -> None:
        """The ERP ships; a poll will find it."""
        order_id = entity_id("web", "order", order)
        self.erp.news.append({"fact": "shipment", "shipment": shipment, "order_id": order_id})
        self.shipments[shipment] = order

    def judge(self, kept: Sequence[bytes], told: Sequence[str]) -> dict[str, int]:
        """What is wrong, by name.

        `kept` are the bodies on the desk or among the dead letters, `told` the orders on the desk.
        """
        faults: Counter[str] = Counter()
        faults["webhooks never accepted"] = len(self.to_say) - len(self.accepted)
        for number, newest in self.orders.items():
            ref = entity_id("web", "order", number)
            there = [r for r in self.erp.records if r["ref"] == ref]
            if self.for_people and not there:
                faults["persons never told"] += ref not in told
                continue
            faults["orders lost"] += not there
            faults["orders doubled"] += max(len(there) - 1, 0)
            faults["orders stale"] += any(r["version"] != newest for r in there)
        versions = [(key, n) for kind, key, n in self.erp.log if kind.startswith("order.")]
        faults["order inversions"] = _falls(versions)
        faults["overlaps"] = self.erp.overlaps + self.shop.overlaps
        told_of = Counter(r["ref"] for r in self.shop.records)
        faults["shipments not told"] = sum(one not in told_of for one in self.shipments)
        faults["shipments told twice"] = sum(told_of.values()) - len(told_of)
        for sku, figures in self.levels.items():
            said = [n for kind, key, n in self.shop.log if key == sku]
            faults["levels stale"] += not said or said[-1] != figures[-1]
            faults["level inversions"] += not _within(said, figures)
        faults["poison vanished"] = sum(body not in kept for body in self.poison)
        faults["conflicts swallowed"] = sum(body not in kept for body in self.conflicts)
        return {name: count for name, count in faults.items() if count}


def _falls(told: Sequence[tuple[str, int]]) -> int:
    newest: dict[str, int] = {}
    falls = 0
    for key, version in told:
        falls += version < newest.get(key, version)
        newest[key] = max(version, newest.get(key, version))
    return falls


def _within(said: Sequence[int], figures: Sequence[int]) -> bool:
    """Whether what was said is the sequence itself, some left out, none moved or repeated."""
    rest = iter(figures)
    return all(one in rest for one in said)

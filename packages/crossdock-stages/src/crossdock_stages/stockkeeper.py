"""STOCKKEEPER: what time alone changes about stock, and what could not be told at once.

Reservations lapse; channels whose figure changed while they were being told are told the newest,
nearly sold out first; orders that wait for goods go on when these have arrived; the lag buffer
follows demand and propagation as measured. Run it in every runner; several do no harm.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

import sqlalchemy as sa
from crossdock.bus import Outgoing
from crossdock.canonical import EntityRef, Hold, Order
from crossdock.canonical.texts import rfc3339
from crossdock.errors import CrossdockError
from crossdock.events import Envelope
from crossdock.identity import entity_id, event_id
from sqlalchemy.engine import Connection

from crossdock_stages.asking import ask
from crossdock_stages.book import ZERO, Book
from crossdock_stages.harness import House
from crossdock_stages.judgement.basis import HELD
from crossdock_stages.ledger import allotments, stockbook, things, traffic
from crossdock_stages.ledger.tables import effects, entities, offers, outbox, reservations
from crossdock_stages.ledger.traffic import ToSend
from crossdock_stages.pace import AT_ONCE as FIGURES_AT_ONCE
from crossdock_stages.rules import Rules
from crossdock_stages.stock import lag_buffer, skus_of
from crossdock_stages.stockroom import Stockroom
from crossdock_stages.topology import Topology

log = logging.getLogger("crossdock.stock")

EVERY_S = 0.25
"""So often it looks for what time alone has changed; at once when a channel has answered."""
AT_MOST_EVERY_S = 0.02
MEASURE_EVERY_S = 10.0
DEMAND_OVER_S = 600.0
AT_ONCE = 500
"""So many waiting orders and spots are looked at in one round."""


class Stockkeeper:
    """See the module's docstring."""

    def __init__(self, house: House, topology: Topology, rules: Rules) -> None:
        self.house = house
        self.topology = topology
        self.rules = rules
        self.inventory = rules.domains["inventory"]
        self._measured_at = 0.0
        self._held: dict[tuple[str, float], tuple[Order, Book]] = {}
        """Held orders by id and when they changed, so that they are read once."""

    async def run(self) -> None:
        """Keep stock for ever."""
        while True:
            try:
                await self.once()
            except CrossdockError as error:
                log.warning("keeping stock: %s", error)
            await asyncio.sleep(AT_MOST_EVERY_S)
            bell = self.house.pace.bell
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(bell.wait(), EVERY_S)
            bell.clear()

    async def once(self) -> int:
        """One round; how many messages followed."""
        now = self.house.clock()
        measure = self.measures(now)
        if not measure and not await self.house.ledger.read(lambda tx: self._anything(tx, now)):
            return 0
        sends = await self.house.ledger.write(lambda tx: self._round(tx, now, measure=measure))
        if sends:
            await self.house.bus.publish([send.message for send in sends])
            self.house.meters.add("stock.told", len(sends))
        return len(sends)

    def measures(self, now: float) -> bool:
        """Whether demand and propagation are to be measured again."""
        wanted = self.inventory.lag_buffer or self.inventory.allots
        return wanted and now >= self._measured_at + MEASURE_EVERY_S

    def _room(self, now: float) -> Stockroom:
        return Stockroom(self.rules, self.inventory, now, pace=self.house.pace)

    def _anything(self, tx: Connection, now: float) -> bool:
        settle_s = self._room(now).settle_s
        if stockbook.ending(tx, now, settle_s) or stockbook.to_tell(tx, 1, self._full(tx)):
            return True
        if self.inventory.allots and allotments.due(tx, now, 1):
            return True
        return self._waiting(tx) is not None

    def _full(self, tx: Connection) -> list[str]:
        """Channels to which enough figures are on their way, counted anew where it seems so."""
        if self.house.pace.full:
            self.house.pace.open = stockbook.being_told(tx)
        return self.house.pace.full

    def _round(self, tx: Connection, now: float, *, measure: bool) -> list[ToSend]:
        room = self._room(now)
        ended = stockbook.ending(tx, now, room.settle_s)
        late = stockbook.to_tell(tx, FIGURES_AT_ONCE, self._full(tx))
        skus = {row.sku for row in ended} | {offer.sku for offer in late}
        again = allotments.due(tx, now, AT_ONCE) if self.inventory.allots else []
        skus |= {sku for sku, _ in again}
        buffers = self._measured(tx, now) if measure else {}
        skus |= {sku for _, sku in buffers}
        room.load(tx, skus, (), also=ended)
        room.end([row for row in room.reservations.values() if row in ended])
        for key, offer in list(room.offers.items()):
            buffer = buffers.get((key[0], key[1]))
            if buffer is not None and buffer != offer.buffer:
                room.keep_back(key, buffer)
        for offer in late:
            room.touch((offer.sku, offer.location))
        for spot in again:
            room.touch(spot)
        sends = [ask(self.topology, wish, None, "stockkeeper") for wish in room.close(tx)]
        sends += self._arrived(tx, now)
        traffic.add_outgoing(tx, sends, now)
        return sends

    # orders that wait for goods

    def _waiting(self, tx: Connection) -> str | None:
        """The oldest order held for want of stock whose goods are there now.

        One only: what it takes is not set aside before it is judged.
        """
        query = (
            sa.select(entities.c.id, entities.c.updated_at)
            # in the statement itself, or the index of held orders could not be used
            .where(entities.c.state == sa.literal(HELD, literal_execute=True))
            .where(entities.c.kind == "order", entities.c.facts.like('%"holds"%"stock"%'))
            .order_by(entities.c.updated_at)
            .limit(AT_ONCE)
        )
        held = [(row.id, row.updated_at) for row in tx.execute(query)]
        if new := [key[0] for key in held if key not in self._held]:
            moments = dict(held)
            self._held |= {
                (one.id, moments[one.id]): (Order.parse(one.body), Book.load(one.facts))
                for one in things.known(tx, new).values()
                if one.body
            }
        self._held = {key: self._held[key] for key in held if key in self._held}
        orders = {key[0]: one for key, one in self._held.items() if "stock" in one[1].holds}
        room = self._room(time.time())
        skus = {sku for order, _ in orders.values() for sku in skus_of(order)}
        room.load(tx, skus, (), lock=False)
        return next(
            (
                order_id
                for order_id, (order, book) in orders.items()
                if room.spots and not room.shortages(order_id, order, book)
            ),
            None,
        )

    def _arrived(self, tx: Connection, now: float) -> list[ToSend]:
        order_id = self._waiting(tx)
        return [self._release(order_id, now)] if order_id else []

    def _release(self, order_id: str, now: float) -> ToSend:
        own = entity_id("crossdock", "hold", f"{order_id}:stock")
        moment = datetime.fromtimestamp(now, UTC)
        data = Hold(
            id=own,
            order=EntityRef(id=order_id),
            reason="stock",
            placed_at=moment,
            released_at=moment,
            released_by="crossdock: the goods are there",
        )
        body = data.dump()
        envelope = Envelope(
            id=event_id(own, "hold.released", "", f"{now:.0f}"),
            source=self.topology.source("crossdock"),
            type=f"crossdock.hold.released.v{Hold.major}",
            subject=own,
            key=order_id,
            time=rfc3339(moment),
            connection="crossdock",
        )
        message: Outgoing = self.topology.event(envelope, body)
        return ToSend(
            message=message,
            body=body,
            connection="",
            type="hold.released",
            entity_id=own,
            entity_key=order_id,
            cause="stockkeeper",
        )

    # demand and propagation

    def _measured(self, tx: Connection, now: float) -> Mapping[tuple[str, str], Decimal]:
        """How quick channels are and how much they sell; the lag buffers, where these are kept."""
        self._measured_at = now
        if self.inventory.allots:
            channels = [name for name in self.inventory.publish_to if name in self.rules.channels]
            pace = self.house.pace
            pace.lag_s = {name: self._propagation(tx, name, now) for name in channels}
            pace.sold = allotments.rates(tx, now)
        return self._buffers(tx, now) if self.inventory.lag_buffer else {}

    def _buffers(self, tx: Connection, now: float) -> Mapping[tuple[str, str], Decimal]:
        """(channel, SKU) to what is probably sold elsewhere until the channel knows."""
        sold: dict[str, Decimal] = {}
        query = sa.select(reservations.c.sku, reservations.c.quantity).where(
            reservations.c.created_at >= now - DEMAND_OVER_S
        )
        for sku, quantity in tx.execute(query):
            sold[sku] = sold.get(sku, ZERO) + Decimal(quantity)
        known = tx.execute(sa.select(offers.c.channel, offers.c.sku).distinct()).all()
        slow = {channel: self._propagation(tx, channel, now) for channel in {k[0] for k in known}}
        return {
            (channel, sku): lag_buffer(sold.get(sku, ZERO), DEMAND_OVER_S, slow[channel])
            for channel, sku in known
        }

    def _propagation(self, tx: Connection, channel: str, now: float) -> float:
        """Seconds from the decision to the channel's receipt, for 99 of 100 figures."""
        took: Sequence[float] = sorted(
            float(seconds)
            for seconds in tx.execute(
                sa.select(effects.c.receipt_at - outbox.c.created_at)
                .select_from(outbox.join(effects, effects.c.command_id == outbox.c.id))
                .where(outbox.c.connection == channel, outbox.c.type == "inventory.publish")
                .where(outbox.c.state == "done", outbox.c.published_at >= now - 3600)
                .where(effects.c.receipt_at.is_not(None), outbox.c.created_at >= now - 3600)
                .order_by(outbox.c.seq.desc())
                .limit(1000)
            ).scalars()
        )
        return took[min(len(took) - 1, int(len(took) * 0.99))] if took else 0.0

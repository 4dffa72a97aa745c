"""The stock that a batch of news touches, within decide's transaction.

Stock is set aside the moment an order lands, before the executing system knows of it; every
channel is told what is left. Numbers come from `stock`; this module brings them together with what
the ledger keeps, and writes down what follows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from crossdock.canonical import Entity, Fulfillment, Hold, InventoryLevel, Order
from crossdock.events import Envelope
from sqlalchemy.engine import Connection

from crossdock_stages.allotting import Allotting
from crossdock_stages.asking import figure
from crossdock_stages.book import ZERO, Book
from crossdock_stages.judgement.basis import CANCELLED, HELD, NOT_TAKEN, SUBMITTED, Decision, Wish
from crossdock_stages.ledger import allotments, stockbook
from crossdock_stages.ledger.stockbook import Offer, Spotted
from crossdock_stages.ledger.things import Known
from crossdock_stages.pace import Pace
from crossdock_stages.rules import Domain, Rules
from crossdock_stages.shipfrom import place_lines
from crossdock_stages.stock import (
    Position,
    Reservation,
    Shortage,
    Spot,
    available,
    counts,
    handed_over,
    leaving,
    share_out,
    skus_of,
    split_rows,
    wanted,
)

GIVEN_S = 30 * 86_400.0
"""How long stock stays set aside for an order that was given away; its end comes by news."""
SETTLE_S = 30.0
"""Within this time an owner tells what an order changed, where its domain has no `latency`."""

_Key = tuple[str, str, str, str]
"""Order, line, SKU, location: one reservation."""


@dataclass
class Stockroom:
    """One transaction's view of the stock it touches."""

    rules: Rules
    inventory: Domain
    now: float
    spots: dict[Spot, Spotted] = field(default_factory=dict)
    reservations: dict[_Key, Reservation] = field(default_factory=dict)
    offers: dict[tuple[str, str, str], Offer] = field(default_factory=dict)
    received: Mapping[str, float] = field(default_factory=dict)
    pace: Pace = field(default_factory=Pace)
    before: dict[str, Known] = field(default_factory=dict)
    """Orders as they were before the news at hand."""
    _at: dict[Spot, dict[_Key, Reservation]] = field(default_factory=dict)
    _by: dict[str, dict[_Key, Reservation]] = field(default_factory=dict)
    _others: dict[Spot, dict[float, Decimal]] = field(default_factory=dict)
    """What is set aside for orders that are not at hand, by when the owner took it over."""
    _aside: dict[Spot, Decimal] = field(default_factory=dict)
    """What is set aside at a spot in all, once it was asked for."""
    _put: dict[_Key, Reservation] = field(default_factory=dict)
    _gone: dict[_Key, Reservation] = field(default_factory=dict)
    _levels: set[Spot] = field(default_factory=set)
    _figures: dict[Spot, float] = field(default_factory=dict)
    _touched: set[Spot] = field(default_factory=set)
    _offered: set[tuple[str, str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.allotting = Allotting(self.rules, self.inventory, self.pace, self.now)

    @property
    def settle_s(self) -> float:
        """How soon the owner's figures tell what an order changed."""
        return self.inventory.latency_s or SETTLE_S

    def load(
        self,
        tx: Connection,
        skus: Iterable[str],
        orders: Iterable[str],
        *,
        also: Iterable[Reservation] = (),
        lock: bool = True,
    ) -> None:
        """Read what is known of these SKUs, and what these orders, or `also`, have set aside."""
        found = [*also, *stockbook.reserved(tx, set(orders))]
        names = {*skus, *(row.sku for row in found)}
        if not names:
            return
        self.spots = stockbook.positions(tx, names, lock=lock)
        if found and lock:  # they may have changed until it was ours
            ids = {row.order_id for row in found}
            found = [row for row in stockbook.reserved(tx, ids) if row.sku in names]
        self._others = stockbook.aside(tx, names, self.now)
        for row in found:
            self._add(row)
            sums = self._others.get((row.sku, row.location), {})
            if row.taken_at in sums and row.expires_at > self.now:  # no longer one of the others
                sums[row.taken_at] -= row.quantity
        self.offers = stockbook.offers_of(tx, names)
        if self.inventory.allots:
            self.allotting.rows = allotments.of(tx, names)

    # what orders take

    def shortages(self, order_id: str, order: Order, book: Book) -> tuple[Shortage, ...]:
        """What is missing for this order, if it came now."""
        out = []
        for sku, needs in wanted(order, book).items():
            left = self._left(sku, but=order_id)
            _, missing = share_out(needs, left)
            asked = sum((quantity for _, _, quantity in needs), ZERO)
            if not left:
                out.append(Shortage(sku, asked, ZERO, ZERO, known=False))
            elif missing:
                incoming = sum(
                    (s.position.incoming for (name, _), s in self.spots.items() if name == sku),
                    ZERO,
                )
                out.append(Shortage(sku, asked, asked - missing, incoming))
        return tuple(out)

    def places(self, order_id: str, order: Order, book: Book) -> dict[str, dict[str, Decimal]]:
        """Lines that do not ship whole from the first place of the rule; what `book` has stays."""
        prefer = self._prefer(order)
        fulfillment = self.rules.domains.get("fulfillment")
        if len(prefer) < 2 or fulfillment is None:
            return {}
        rows = [row for rows in wanted(order, book).values() for row in rows]
        rows = [row for row in rows if row[0].line_id not in book.lines]
        left = {sku: self._left(sku, but=order_id) for _, sku, _ in rows}
        used = book.places.values()
        return place_lines(order, rows, left, prefer, fulfillment.ship, used)

    def _prefer(self, order: Order) -> tuple[str, ...]:
        """The places that ship to where the order goes, in the order of the rule."""
        address = order.shipping_address
        country = address.country if address is not None else None
        return self.rules.ships_from(self.rules.region_of(country))

    def follow(
        self, envelope: Envelope, data: Entity, decision: Decision, known: Mapping[str, Known]
    ) -> tuple[Shortage, ...]:
        """Let stock follow a decision; what is promised beyond what lies there."""
        if isinstance(data, InventoryLevel):
            if decision.applied and envelope.name == "inventory.level_changed":
                self._figure(envelope, data)
        elif isinstance(data, Fulfillment):
            if decision.applied and data.cancelled_at is None:
                self._shipped(envelope, data, known.get(data.order.id or ""))
        elif envelope.name == "order.submitted":
            self._taken(envelope, data)
        elif isinstance(data, Order):
            return self._order(envelope.subject, data, known.get(envelope.subject))
        elif isinstance(data, Hold):
            order = known.get(data.order.id or "")
            given = next((w.data for w in decision.wishes if w.type == "order.create"), None)
            if order is not None and isinstance(given, Order):
                return self._order(order.id, given, order)
        return ()

    def _order(self, order_id: str, order: Order, now_known: Known | None) -> tuple[Shortage, ...]:
        if now_known is None:
            return ()
        book = Book.load(now_known.facts)
        short = self._taking(order_id, order, now_known, book)
        if self.inventory.allots:
            places: dict[str, list[str]] = {}
            for row in self._of(order_id):
                places.setdefault(row.sku, []).append(row.location)
            before = self.before.get(order_id)
            self._touched.update(
                self.allotting.news(now_known.connection, before, now_known, book, places)
            )
            self.before[order_id] = now_known
        return short

    def _taking(
        self, order_id: str, order: Order, now_known: Known, book: Book
    ) -> tuple[Shortage, ...]:
        mine = self._of(order_id)
        if now_known.state in {CANCELLED, NOT_TAKEN} or "stock" in book.holds:
            self._end(mine)
            return ()
        if now_known.state == SUBMITTED and self._owner_counts(order, now_known):
            return ()
        needs = wanted(order, book)
        if now_known.state == SUBMITTED:  # it is in the owner's figures, or will be in the next
            gone = {line.line_id for line in order.lines if handed_over(line)}
            needs = {
                sku: [row for row in rows if row[0].line_id not in gone]
                for sku, rows in needs.items()
            }
            mine = [row for row in mine if row.line_id not in gone]
        before: dict[tuple[str, str], Decimal] = {}
        for row in mine:
            if "~" not in row.line_id:
                key = (row.line_id, row.sku)
                before[key] = before.get(key, ZERO) + row.quantity
        now: dict[tuple[str, str], Decimal] = {}
        for sku, rows in needs.items():
            for line, _, quantity in rows:
                now[line.line_id, sku] = now.get((line.line_id, sku), ZERO) + quantity
        if before == now:
            self._extend(order_id, held=now_known.state == HELD)
            return ()
        short = self.shortages(order_id, order, book)
        self._end([row for row in mine if "~" not in row.line_id])
        keep_s = self.inventory.reserve_s if now_known.state == HELD else GIVEN_S
        for sku, rows in needs.items():
            left = self._left(sku, but=order_id)
            split = split_rows(rows, book)
            for _, place, quantity in split:
                left[place] = left.get(place, ZERO) - quantity
            rest = [row for row in rows if row[0].line_id not in book.splits]
            shared, _ = share_out(rest, left, self._prefer(order), book.places)
            for line_id, location, quantity in (*split, *shared):
                row = Reservation(
                    order_id=order_id,
                    line_id=line_id,
                    sku=sku,
                    location=location,
                    quantity=quantity,
                    created_at=self.now,
                    expires_at=self.now + keep_s,
                )
                self._set(row)
        return tuple(one for one in short if one.known)

    def _owner_counts(self, order: Order, known: Known) -> bool:
        """Whether the owner of the stock has this order, and leaves it out of its figures."""
        orders = self.rules.domains.get("orders")
        execute = Book.load(known.facts).execute
        if not execute and orders:
            execute = orders.part(channel=known.connection).execute or ""
        skus = skus_of(order)
        return any(
            spot.owner == execute and spot.position.counts_orders
            for (sku, _), spot in self.spots.items()
            if sku in skus
        )

    def _taken(self, envelope: Envelope, data: Entity) -> None:
        lines = data.lines if isinstance(data, Order) else ()
        gone = {line.line_id for line in lines if handed_over(line)}
        for row in self._of(envelope.subject):
            spot = self.spots.get((row.sku, row.location))
            here = spot is not None and spot.owner == envelope.connection
            counts = spot is not None and spot.position.counts_orders
            # what a till handed over lies nowhere any more, whoever counts there
            if row.line_id in gone or (here and counts):
                self._set(replace(row, taken_at=row.taken_at or self.now))

    def _shipped(self, envelope: Envelope, data: Fulfillment, order: Known | None) -> None:
        """What has left still counts until the owner's next figure leaves it out."""
        if order is None:
            return
        book = Book.load(order.facts)
        mark = envelope.subject[-12:]
        for line in data.lines:
            rows = [row for row in self._of(order.id) if row.line_id == line.line_id]
            sold = book.lines.get(line.line_id)
            part = sold is not None and sold.is_part(line.sku)
            if part:
                rows = [row for row in rows if row.sku == line.sku]
            if any(f"{line.line_id}~{mark}" == r.line_id for r in self._of(order.id)):
                continue  # told before
            place = data.location or book.place_of(envelope.connection, None)
            before = line.quantity + max(book.open_of(line.line_id), ZERO)
            for row, moved in leaving(rows, place, line.quantity, None if part else before):
                self._end([row])
                if row.quantity > moved:
                    self._set(replace(row, quantity=row.quantity - moved))
                self._set(
                    replace(
                        row,
                        line_id=f"{line.line_id}~{mark}",
                        quantity=moved,
                        taken_at=self.now,
                    )
                )

    # what owners say

    def _figure(self, envelope: Envelope, data: InventoryLevel) -> None:
        amount = data.sellable
        if amount is None:
            return
        at = self.received.get(envelope.landing, self.now)
        spot = (data.sku, data.location)
        self.spots[spot] = Spotted(
            sku=data.sku,
            location=data.location,
            entity_id=envelope.subject,
            owner=envelope.connection,
            unit=data.unit,
            position=Position(
                sellable=amount,
                counts_orders=data.available is not None or data.reserved != 0,
                received_at=at,
                incoming=data.incoming,
            ),
        )
        self._aside.pop(spot, None)  # what its figure leaves out has changed
        self._levels.add(spot)
        self._touched.add(spot)
        rows = self._at.get(spot, {}).values()
        self._end([row for row in rows if 0 < row.taken_at < at])
        self._figures[spot] = max(at, self._figures.get(spot, 0.0))

    # bookkeeping

    def _of(self, order_id: str) -> list[Reservation]:
        return list(self._by.get(order_id, {}).values())

    def _left(self, sku: str, but: str = "") -> dict[str, Decimal]:
        return {
            location: self.left((sku, location), but=but)
            for name, location in self.spots
            if name == sku
        }

    def left(self, spot: Spot, but: str = "") -> Decimal:
        """What the owner says, less what is set aside by others than the order `but`."""
        if spot not in self._aside:
            self._aside[spot] = self._counted(self._at.get(spot, {}).values()) + sum(
                quantity
                for taken_at, quantity in self._others.get(spot, {}).items()
                if counts(taken_at, self.spots[spot].position, self.now, self.settle_s)
            )
        own = [row for row in self._by.get(but, {}).values() if (row.sku, row.location) == spot]
        return self.spots[spot].position.sellable - self._aside[spot] + self._counted(own)

    def _counted(self, rows: Iterable[Reservation]) -> Decimal:
        """How much of these reservations the owner's figures do not leave out yet."""
        return sum(
            (
                row.quantity
                for row in rows
                if (spot := self.spots.get((row.sku, row.location))) is not None
                and row.counts(spot.position, self.now, self.settle_s)
            ),
            ZERO,
        )

    def _sum(self, row: Reservation, sign: int) -> None:
        """Keep the sum of a spot true, where it was asked for."""
        spot = (row.sku, row.location)
        if spot in self._aside:
            self._aside[spot] += sign * self._counted((row,))

    def _add(self, row: Reservation) -> _Key:
        key = row.key
        if before := self.reservations.get(key):
            self._sum(before, -1)
        self.reservations[key] = row
        self._sum(row, 1)
        self._at.setdefault((row.sku, row.location), {})[key] = row
        self._by.setdefault(row.order_id, {})[key] = row
        return key

    def _set(self, row: Reservation) -> None:
        key = self._add(row)
        self._put[key] = row
        self._gone.pop(key, None)
        self._touched.add((row.sku, row.location))

    def _end(self, rows: Iterable[Reservation]) -> None:
        for row in list(rows):
            key = row.key
            if before := self.reservations.pop(key, None):
                self._sum(before, -1)
            self._at.get((row.sku, row.location), {}).pop(key, None)
            self._by.get(row.order_id, {}).pop(key, None)
            self._put.pop(key, None)
            self._gone[key] = row
            self._touched.add((row.sku, row.location))

    def _extend(self, order_id: str, *, held: bool = False) -> None:
        if held:
            return
        for row in self._of(order_id):
            if row.expires_at < self.now + GIVEN_S / 2:
                self._set(replace(row, expires_at=self.now + GIVEN_S))

    def end(self, rows: Iterable[Reservation]) -> None:
        """These are set aside no longer."""
        self._end(rows)

    def keep_back(self, key: tuple[str, str, str], buffer: Decimal) -> None:
        """A channel's lag buffer is another one: kept also where what it is told stays the same, or
        it would not be known what to tell when the buffer goes."""
        self.offers[key] = replace(self.offers[key], buffer=buffer)
        self._offered.add(key)
        self.touch(key[1:])

    def touch(self, spot: Spot) -> None:
        """Look at this spot again: a buffer has changed, or a channel was not told."""
        self._touched.add(spot)

    # what channels are told

    def close(self, tx: Connection) -> list[Wish]:
        """Write everything down; what channels are to be told now."""
        wishes = self._offer()
        stockbook.put_positions(tx, [self.spots[spot] for spot in sorted(self._levels)])
        stockbook.forget_counted(tx, self._figures)
        stockbook.change_reservations(tx, list(self._put.values()), list(self._gone.values()))
        stockbook.put_offers(tx, [self.offers[key] for key in sorted(self._offered)])
        allotments.put(tx, self.allotting.changed)
        return wishes

    def _offer(self) -> list[Wish]:
        """The scarcest first: it is nearest to being sold twice."""
        wishes = []
        lefts = {spot: self.left(spot) for spot in self._touched if spot in self.spots}
        for spot, left in sorted(lefts.items(), key=lambda one: (one[1], one[0])):
            own = self._own(spot, left)
            amounts = self._shared(spot, left) if own is None else own
            for channel, amount in amounts.items():
                wish = self.tell(channel, spot, amount, own=own is not None)
                if wish is not None:
                    wishes.append(wish)
        return wishes

    def _own(self, spot: Spot, left: Decimal) -> dict[str, Decimal] | None:
        """Channels that are to be told of new pieces of their own; None where all share."""
        if not self.inventory.allots:
            return None
        channels = self.targets(spot)
        offers = {one: self.offers[one, *spot] for one in channels if (one, *spot) in self.offers}
        if not self.allotting.allots(spot, left, offers, channels):
            return None
        return self.allotting.figures(spot, left, offers, channels)

    def _shared(self, spot: Spot, left: Decimal) -> dict[str, Decimal]:
        """What all channels are to know, each by its policy."""
        out = {}
        for channel in self.targets(spot):
            offer = self.offers.get((channel, *spot))
            policy = self.allotting.part(spot, channel).policy
            out[channel] = available(left, policy, offer.buffer if offer else ZERO)
        return out

    def targets(self, spot: Spot) -> list[str]:
        """The selling connections that are told of a spot."""
        part = self.inventory.part(location=spot[1], region=self.rules.region_at(spot[1]))
        return [
            name
            for name in part.publish_to
            if name in self.rules.channels and name != self.spots[spot].owner
        ]

    def tell(self, channel: str, spot: Spot, amount: Decimal, *, own: bool) -> Wish | None:
        """The wish to tell a channel, where the figure is new and none is under way.

        Pieces of its `own` are told whatever it was told before: it has sold of them since. Where
        enough figures are on their way, the stockkeeper tells this one when it is its turn.
        """
        key = (channel, *spot)
        offer = self.offers.get(key) or stockbook.first_offer(channel, spot)
        if not own and offer.told is not None and amount == offer.wanted == offer.told:
            return None
        offer = replace(offer, wanted=amount, wanted_at=self.now)
        wish = None
        room = own or self.pace.has_room(channel)
        if (own or amount != offer.told) and not offer.open and room:
            self.pace.told(channel)
            wish = figure(offer, self.spots[spot])
            offer = replace(
                offer, told=amount, number=offer.number + 1, command_id=wish.id, open=True
            )
            if own:
                self.allotting.told(key, amount, offer.number)
        self.offers[key] = offer
        self._offered.add(key)
        return wish

"""Telling channels their allotments, within the transaction that looks at the stock.

`allocation` thinks; this module brings it what the ledger knows of one spot and writes down what
it says. A spot is looked at when its stock changes, and again when a telling has settled.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_CEILING, Decimal

from crossdock_stages import allocation
from crossdock_stages.allocation import AWAITED, NEVER, Allotment, Stand
from crossdock_stages.book import ZERO, Book
from crossdock_stages.judgement.basis import CANCELLED, NOT_TAKEN
from crossdock_stages.ledger.allotments import Key
from crossdock_stages.ledger.stockbook import Offer
from crossdock_stages.ledger.things import Known
from crossdock_stages.pace import Pace
from crossdock_stages.rules import Domain, Rules
from crossdock_stages.stock import Spot, available

Offers = Mapping[str, Offer]
"""Of one spot, by channel."""
LOOK_AGAIN_S = 10.0
"""How often a spot is looked at where somebody shows nothing and others have pieces."""


@dataclass
class Allotting:
    """The allotments that one transaction touches."""

    rules: Rules
    inventory: Domain
    pace: Pace
    now: float
    rows: dict[Key, Allotment] = field(default_factory=dict)
    changed: dict[Key, Allotment] = field(default_factory=dict)

    def part(self, spot: Spot, channel: str | None = None) -> Domain:
        """The domain as it holds there."""
        region = self.rules.region_at(spot[1])
        return self.inventory.part(location=spot[1], channel=channel, region=region)

    def _lag_s(self, channel: str) -> float:
        return max(self.pace.lag_s.get(channel, 0.0), 1.0)

    def wait_s(self, spot: Spot, channel: str) -> float:
        """How long after its receipt a figure is settled: it is shown, older orders have come."""
        return max(self.pace.lag_s.get(channel, 0.0), self.part(spot, channel).order_lag_s)

    def move_s(self, spot: Spot, channel: str) -> float:
        """How long until pieces taken from a channel are on offer elsewhere."""
        lag_s = self.pace.lag_s.get(channel, 0.0)
        return lag_s + self.wait_s(spot, channel) + max(self.pace.lag_s.values(), default=0.0)

    def put(self, key: Key, row: Allotment) -> None:
        """Keep it so."""
        if self.rows.get(key) != row:
            self.rows[key] = self.changed[key] = row

    # what channels sell

    def news(
        self,
        channel: str,
        before: Known | None,
        known: Known,
        book: Book,
        places: Mapping[str, Iterable[str]],
    ) -> list[Spot]:
        """An order of this channel has changed: what it took there, or what came to nothing.

        `places` are where the order's SKUs are set aside. What the channel counts is taken, whoever
        counts it here: also of orders that wait, and of those that the owner has counted. Answers
        the spots that this changes.
        """
        touched: list[Spot] = []
        was = _takes(before, Book.load(before.facts) if before else Book())
        now = _takes(known, book)
        for sku in sorted({*was, *now}):
            change = now.get(sku, ZERO) - was.get(sku, ZERO)
            keys = [key for key in self.rows if key[:2] == (channel, sku)]
            if not change or not keys:
                continue
            self.pace.count(channel, float(change), self.now)
            touched += [key[1:] for key in keys]
            first = set(places.get(sku, ()))
            keys.sort(key=lambda key: (key[2] not in first, -self.rows[key].most, key))
            if change < 0:
                self.put(keys[0], self.rows[keys[0]].returned(-change))
                continue
            for key in keys:
                part = change if key == keys[-1] else min(change, self.rows[key].most)
                if part > 0:
                    self.put(key, self.rows[key].sold(part, self.now))
                    change -= part
        return touched

    # what channels are told

    def allots(self, spot: Spot, left: Decimal, offers: Offers, targets: Sequence[str]) -> bool:
        """Whether the pieces of a spot are parted among the channels now."""
        part = self.part(spot)
        if part.allocation != "automatic" or len(targets) < 2:
            return part.allocation == "exclusive"
        for name in targets:
            self.put((name, *spot), self.rows.get((name, *spot), Allotment()))  # counts its sales
        told = {name: offers[name].number for name in targets if name in offers}
        parted = any(self.rows[name, *spot].number == number for name, number in told.items())
        rate = self.pace.rate(self.now)
        if rate is None:  # not measured yet: as it was, and with care where it was not
            return parted or not told
        slowest = max(self._lag_s(name) for name in targets)
        much = allocation.PLENTY * (2 if parted else 1)
        return float(left - part.safety_stock) < much * rate * slowest

    def figures(
        self, spot: Spot, left: Decimal, offers: Offers, targets: Sequence[str]
    ) -> dict[str, Decimal]:
        """What each channel is to be told of this spot now; and notes when to look again."""
        parts = {name: self.part(spot, name) for name in targets}
        kept = min((part.safety_stock for part in parts.values()), default=ZERO)
        rows: dict[str, Allotment] = {}
        stands = []
        for name in targets:
            offer = offers.get(name)
            rows[name], wrong = self._row(spot, name, offer)
            limit = available(left, parts[name].policy)
            stands.append(self._stand(spot, name, rows[name], offer, limit, wrong=wrong))
        found, hungry = allocation.moves(left - kept, stands)
        for name, row in rows.items():
            offer = offers.get(name)
            if name in found or (offer is not None and offer.open):
                due = AWAITED
            else:
                due = self._settles_at(spot, name, row, offer)
                due = min(due, self.now + LOOK_AGAIN_S) if hungry else due
            self.put((name, *spot), replace(row, due=due))
        return found

    def told(self, key: Key, figure: Decimal, number: int) -> None:
        """A channel is being told its figure."""
        self.put(key, self.rows[key].told(figure, number))

    def _row(self, spot: Spot, channel: str, offer: Offer | None) -> tuple[Allotment, bool]:
        """The allotment as it stands now, and whether the channel must be told in any case."""
        row = self.rows.get((channel, *spot), Allotment())
        if offer is None or offer.number == 0:
            return row, False
        if row.number != offer.number:  # it was told what all are told
            shown = offer.told or ZERO
            usual = self.pace.rate(self.now, channel)
            if self.part(spot).allocation == "automatic" and usual is not None:
                sells = Decimal(allocation.DURING_SWITCH * usual * self._lag_s(channel))
                shown = min(shown, sells.to_integral_value(ROUND_CEILING))
            row = replace(row, most=shown, least=ZERO, bound=None, number=offer.number)
            return row, True
        if row.bound is not None and self._settles_at(spot, channel, row, offer) <= self.now:
            row = row.settled()
        if offer.told is None:  # it was found to show something else
            return replace(row, least=ZERO), True
        return row, False

    def _settles_at(self, spot: Spot, channel: str, row: Allotment, offer: Offer | None) -> float:
        if row.bound is None or offer is None or offer.done_at is None:
            return NEVER
        return offer.done_at + self.wait_s(spot, channel)

    def _stand(
        self,
        spot: Spot,
        channel: str,
        row: Allotment,
        offer: Offer | None,
        limit: Decimal,
        *,
        wrong: bool,
    ) -> Stand:
        rate = row.rate(self.now)
        return Stand(
            channel=channel,
            most=row.most,
            least=row.least,
            bound=row.bound,
            weight=row.demand_now(self.now) + self._prior(spot, channel),
            cover_s=float(row.most) / rate if rate > 0 else math.inf,
            idle_s=self.now - row.demand_at,
            move_s=self.move_s(spot, channel),
            limit=limit,
            busy=offer is not None and offer.open,
            wrong=wrong,
        )

    def _prior(self, spot: Spot, channel: str) -> float:
        """Demand that is taken as known: in the ratio of what each channel sells of everything."""
        sold = self.pace.sold or {}
        whole = sum(sold.values())
        even = 1.0 / max(len(self.part(spot).publish_to), 1)
        # a tenth of it evenly, so that a channel that sold nothing yet can begin
        own = 0.9 * sold.get(channel, 0.0) / whole + 0.1 * even if whole > 0 else even
        return allocation.PRIOR * own


def _takes(known: Known | None, book: Book) -> dict[str, Decimal]:
    """What an order takes off at its channel, by SKU; of bundles their components."""
    out: dict[str, Decimal] = {}
    if known is None or known.state in {CANCELLED, NOT_TAKEN}:
        return out
    for line_id, line in book.lines.items():
        if line_id in book.foreign:
            continue
        whole = line.ordered - line.cancelled
        parts = line.per or {line.skus[0]: Decimal(1)}
        for sku, per in parts.items():
            if sku and whole > 0:
                out[sku] = out.get(sku, ZERO) + per * whole
    return out

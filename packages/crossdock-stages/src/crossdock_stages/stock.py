"""How much may be promised: positions, reservations and what each channel is told. No I/O.

may be promised = (what the owner says may be sold − what is set aside here) × share
                  − safety stock − lag buffer, at most the cap, at least 0
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from crossdock.canonical import Entity, InventoryLevel, Order, OrderLine

from crossdock_stages.book import ZERO as ZERO
from crossdock_stages.book import Book

Spot = tuple[str, str]
"""(SKU, location)."""

HANDS = frozenset({"merchant", "3pl", "store"})
"""Whose shipments take our stock; a marketplace and a supplier have their own."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """What one channel may promise of what there is.

    `share` is 0 to 1; `safety` and `cap` are quantities in the position's unit.
    """

    safety: Decimal = ZERO
    share: Decimal = Decimal(1)
    cap: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Position:
    """What the owner said last of one SKU at one place.

    `counts_orders`: its figure already leaves out the orders that it has taken.
    """

    sellable: Decimal
    counts_orders: bool
    received_at: float
    incoming: Decimal = ZERO


@dataclass(frozen=True, kw_only=True)
class Reservation:
    """So much set aside for one line of an order.

    `taken_at` is when the owner took it over, 0 before; `expires_at` when it lapses.
    """

    order_id: str
    line_id: str
    sku: str
    location: str
    quantity: Decimal
    created_at: float
    expires_at: float
    taken_at: float = 0.0

    @property
    def key(self) -> tuple[str, str, str, str]:
        """What there is one reservation for: order, line, SKU, location."""
        return (self.order_id, self.line_id, self.sku, self.location)

    def counts(self, position: Position, now: float, settle_s: float) -> bool:
        """Whether it still has to be left out of the owner's figure.

        From when the owner has it until the owner's next figure, or `settle_s`, within which the
        owner is expected to tell what changed.
        """
        return now < self.expires_at and counts(self.taken_at, position, now, settle_s)


def counts(taken_at: float, position: Position, now: float, settle_s: float) -> bool:
    """Whether what the owner took over then still has to be left out of its figure."""
    return not taken_at or (position.received_at <= taken_at and now < taken_at + settle_s)


@dataclass(frozen=True)
class Shortage:
    """More is wanted than there is."""

    sku: str
    wanted: Decimal
    there: Decimal
    incoming: Decimal
    known: bool = True
    """False when the owner has not told of this SKU at all."""


def available(left: Decimal, policy: Policy, buffer: Decimal = ZERO) -> Decimal:
    """What one channel may promise of `left`; whole units, never below 0."""
    share = (left * policy.share).to_integral_value(ROUND_FLOOR) if policy.share != 1 else left
    amount = max(share - policy.safety - buffer, ZERO)
    return min(amount, policy.cap) if policy.cap is not None else amount


def handed_over(line: OrderLine) -> bool:
    """Whether all of it had left the store when its channel told of it: a sale at a till.

    Nobody of ours ships it. Whoever takes the order is told that it has left, so the owner's next
    figure counts it, also where that counts what lies there.
    """
    left = line.ordered - line.cancelled
    return line.fulfilled_by == "store" and not line.requires_shipping and 0 < left <= line.shipped


def wanted(order: Order, book: Book) -> dict[str, list[tuple[OrderLine, str, Decimal]]]:
    """What an order still takes from stock: line, SKU, quantity; bundles by their components.

    Grouped by SKU, so that two lines of one thing cannot each be promised the same piece.
    """
    out: dict[str, list[tuple[OrderLine, str, Decimal]]] = {}
    for line in order.lines:
        if line.nature != "goods" or line.fulfilled_by not in HANDS:
            continue
        open_ = line.ordered - line.cancelled - book.shipped_of(line.line_id)
        if open_ <= 0:
            continue
        wanted = line.ordered - line.cancelled
        parts: dict[str, Decimal] = {}
        for part in line.components:
            parts[part.sku] = parts.get(part.sku, ZERO) + part.quantity
        rows = [
            (sku, per * wanted - book.left_of_part(line.line_id, sku, per))
            for sku, per in parts.items()
        ]
        for sku, quantity in rows or ([(line.sku, open_)] if line.sku else []):
            if quantity > 0:
                out.setdefault(sku, []).append((line, sku, quantity))
    return out


def share_out(
    needs: Sequence[tuple[OrderLine, str, Decimal]],
    left: Mapping[str, Decimal],
    prefer: Iterable[str] = (),
    named: Mapping[str, str] | None = None,
) -> tuple[list[tuple[str, str, Decimal]], Decimal]:
    """Set quantities of one SKU aside: (line id, location, quantity), and what is missing.

    The place that the line names comes first (or `named` by its id), then the preferred ones, then
    the fullest. What is
    missing is set aside at the first place nevertheless, so that it is never promised twice.
    """
    rest = dict(left)
    first = [*prefer, *sorted(rest, key=lambda place: (-rest[place], place))]
    out: list[tuple[str, str, Decimal]] = []
    missing = ZERO
    for line, _, quantity in needs:
        own = line.location or (named or {}).get(line.line_id)
        places = [place for place in dict.fromkeys((own, *first)) if place in rest]
        for place in places:
            take = min(quantity, max(rest[place], ZERO))
            if take > 0:
                out.append((line.line_id, place, take))
                rest[place] -= take
                quantity -= take
        if quantity > 0 and places:
            missing += quantity
            out.append((line.line_id, places[0], quantity))
            rest[places[0]] -= quantity
    return _together(out), missing


def split_rows(
    needs: Sequence[tuple[OrderLine, str, Decimal]], book: Book
) -> list[tuple[str, str, Decimal]]:
    """What of these is split over places and still to leave them: (line id, location, quantity)."""
    return [
        (line.line_id, place, open_)
        for line, _, _ in needs
        if line.line_id in book.splits
        for place, (_, open_) in book.portions(line.line_id, "").items()
        if open_ > 0
    ]


def leaving(
    rows: Sequence[Reservation], place: str, quantity: Decimal, before: Decimal | None
) -> list[tuple[Reservation, Decimal]]:
    """How much of these reservations of one line leaves with a shipment of `quantity`.

    `before` is how much of the line was open before it; None where `quantity` counts a bundle's
    component. What lies at `place` goes first.
    """
    out: list[tuple[Reservation, Decimal]] = []
    for sku in dict.fromkeys(row.sku for row in rows):
        own = [row for row in rows if row.sku == sku]
        rest = quantity
        if before is not None:
            rest = sum((row.quantity for row in own), ZERO) * quantity / before
        for row in sorted(own, key=lambda one: one.location != place):
            moved = min(row.quantity, rest)
            if moved > 0:
                out.append((row, moved))
                rest -= moved
    return out


def _together(rows: list[tuple[str, str, Decimal]]) -> list[tuple[str, str, Decimal]]:
    sums: dict[tuple[str, str], Decimal] = {}
    for line_id, place, quantity in rows:
        sums[line_id, place] = sums.get((line_id, place), ZERO) + quantity
    return [(line_id, place, quantity) for (line_id, place), quantity in sums.items()]


def lag_buffer(sold: Decimal, over_s: float, propagation_s: float) -> Decimal:
    """What is probably sold while news is on its way: demand times propagation, rounded up."""
    if over_s <= 0 or sold <= 0:
        return ZERO
    expected = sold * Decimal(str(propagation_s)) / Decimal(str(over_s))
    return expected.to_integral_value(ROUND_CEILING)


def skus_of(data: Entity) -> set[str]:
    """The SKUs whose stock an entity is about."""
    if isinstance(data, InventoryLevel):
        return {data.sku}
    if isinstance(data, Order):
        parts = {part.sku for line in data.lines for part in line.components}
        return parts | {line.sku for line in data.lines if line.sku}
    return set()

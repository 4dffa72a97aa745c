"""What is known of one order beyond its last snapshot: the facts that several systems told.

The channel tells what was bought and paid, houses tell what left, others tell what came back. The
book keeps each of them by source, so that a contradiction can name both sides.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any, Self

from crossdock import jsontext
from crossdock.canonical import Order, OrderLine
from crossdock.canonical.order import statuses

from crossdock_stages.values import changed

ZERO = Decimal(0)
REMEMBERED = 1_024
"""How many books are kept by their text, some 4 MB; then all are forgotten at once.

One judgement asks for a book several times, and the next news of an order is often near.
"""


@dataclass(frozen=True)
class Line:
    """One position as the channel states it; `skus` are its own (or empty), then its parts'.

    `per` is how much of each part is in one unit.
    """

    ordered: Decimal
    cancelled: Decimal
    skus: tuple[str, ...]
    per: Mapping[str, Decimal] = field(default_factory=dict)

    def is_part(self, sku: str | None) -> bool:
        """Whether this is a component of a bundle: it is not counted in units of the line."""
        return sku in self.skus[1:] and sku != self.skus[0]

    def fits(self, sku: str | None) -> bool:
        """Whether this SKU may leave for the line; what is not told fits."""
        return not sku or not any(self.skus) or sku in self.skus


@dataclass(frozen=True)
class Part:
    """So much of each line, told by one source: a shipment or a return.

    `parts` counts the components of bundles that left by themselves, by `part_key`.
    """

    by: str
    name: str
    lines: Mapping[str, Decimal]
    parts: Mapping[str, Decimal] = field(default_factory=dict)
    place: str = ""
    """Where it left from, where the order is split over places."""

    def touches(self, line_id: str) -> bool:
        """Whether anything of this line is in it."""
        inside = any(key.startswith(f"{line_id}+") for key in self.parts)
        return bool(self.lines.get(line_id)) or inside


def part_key(line_id: str, sku: str) -> str:
    """The name of one component of a bundle within its order."""
    return f"{line_id}+{sku}"


@dataclass(frozen=True)
class Hold:
    """Why an order waits: `about` is the entity whose news brought it up."""

    about: str
    why: str


MOST_WORDS = 1_000
"""Of one reason to wait; some repeat others, and would grow with each piece of news."""


@dataclass(frozen=True)
class Instruction:
    """A fulfilment order that a house was given."""

    id: str
    house: str
    mark: str


@dataclass(frozen=True)
class Paid:
    """A payment that a payment service told of."""

    by: str
    native: str
    """What the service calls it."""
    order: str
    """What the service calls the order."""
    captured: Decimal


@dataclass(frozen=True)
class Back:
    """Money that goes back, or shall."""

    by: str
    """Who says so; of a wish, who was asked to pay it (nobody yet: empty)."""
    amount: Decimal
    payment: str = ""
    """The payment that it goes back to, as far as that is told."""


@dataclass(frozen=True, kw_only=True)
class Book:
    """The facts of one order."""

    currency: str = ""
    captured: Decimal | None = None
    """What the channel says was taken; None where it does not say."""
    total: Decimal | None = None
    """What the channel says it costs."""
    axes: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, Line] = field(default_factory=dict)
    foreign: frozenset[str] = frozenset()
    shipped: Mapping[str, Part] = field(default_factory=dict)
    returned: Mapping[str, Part] = field(default_factory=dict)
    refunded: Mapping[str, Back] = field(default_factory=dict)
    payments: Mapping[str, Paid] = field(default_factory=dict)
    wishes: Mapping[str, Back] = field(default_factory=dict)
    """Refunds that are wished and not paid."""
    holds: Mapping[str, Hold] = field(default_factory=dict)
    passed: Mapping[str, str] = field(default_factory=dict)
    """Checks that a person or a reviewer let pass, and who."""
    instructions: Mapping[str, Instruction] = field(default_factory=dict)
    """By place."""
    places: Mapping[str, str] = field(default_factory=dict)
    """Lines that ship from another place than the first of the rule, for it had them all."""
    splits: Mapping[str, Mapping[str, Decimal]] = field(default_factory=dict)
    """Lines that no place has whole: how much of them ships from which."""
    stopped: int = 0
    """How often the houses were called off for a hold: tells the next instructions from those."""
    promised: str = ""
    """Until when the customer was told to have it, RFC 3339."""
    awaited: str = ""
    """Before which the customer was told not to expect it, RFC 3339: a preorder."""
    held_there: bool = False
    """Whether the executing system was asked to hold it."""
    called_off: frozenset[str] = frozenset()
    """Houses that were asked to ship and then not to."""
    execute: str = ""
    """The system it was given to, where parts of the domain have others."""
    region: str = ""
    """The region it goes to, where the deployment names regions."""

    def shipped_of(self, line_id: str) -> Decimal:
        """How much of a line has left, by all shipments together; of a bundle, what is complete."""
        if not self.shipped:
            return ZERO
        return self._whole(line_id) + self._bundles(line_id, ROUND_FLOOR, min)

    def left_of(self, line_id: str) -> Decimal:
        """The same, and bundles of which only a part has left count too."""
        if not self.shipped:
            return ZERO
        return self._whole(line_id) + self._bundles(line_id, ROUND_CEILING, max)

    def left_of_part(self, line_id: str, sku: str, per: Decimal) -> Decimal:
        """How much of a bundle's component has left, by itself and within the bundle."""
        key = part_key(line_id, sku)
        alone = sum((part.parts.get(key, ZERO) for part in self.shipped.values()), ZERO)
        return alone + per * self._whole(line_id)

    def _whole(self, line_id: str) -> Decimal:
        return sum((part.lines.get(line_id, ZERO) for part in self.shipped.values()), ZERO)

    def _bundles(self, line_id: str, rounding: str, of: Callable[..., Decimal]) -> Decimal:
        """Bundles that are complete, or begun, by the components that left by themselves."""
        line = self.lines.get(line_id)
        if line is None or not line.per or not any(one.parts for one in self.shipped.values()):
            return ZERO
        whole = self._whole(line_id)
        shares = (
            (self.left_of_part(line_id, sku, per) - per * whole) / per
            for sku, per in line.per.items()
        )
        return of(shares).to_integral_value(rounding)

    def open_of(self, line_id: str) -> Decimal:
        """How much of a line is still to be shipped."""
        line = self.lines.get(line_id)
        if line is None:
            return ZERO
        return line.ordered - line.cancelled - self.shipped_of(line_id)

    def left_from(self, line_id: str) -> dict[str, Decimal]:
        """How much of a split line has left each of its places.

        What a house told without a place counts for the first that still has some.
        """
        split = self.splits.get(line_id, {})
        gone = dict.fromkeys(split, ZERO)
        elsewhere = ZERO
        for part in self.shipped.values():
            quantity = part.lines.get(line_id, ZERO)
            if part.place in split:
                here = max(min(quantity, split[part.place] - gone[part.place]), ZERO)
                gone[part.place] += here
                quantity -= here
            elsewhere += quantity
        for place in split:
            here = min(elsewhere, split[place] - gone[place])
            gone[place] += here
            elsewhere -= here
        return gone

    def portions(self, line_id: str, place: str) -> Mapping[str, tuple[Decimal, Decimal]]:
        """Place to how much of a line ships from there in all, and how much of it still has to;
        `place` is where it ships from unless it is split."""
        split = self.splits.get(line_id)
        line = self.lines.get(line_id)
        if not split or line is None:
            whole = line.ordered - line.cancelled if line else ZERO
            return {place: (whole, self.open_of(line_id))}
        gone = self.left_from(line_id)
        return {one: (amount, amount - gone[one]) for one, amount in split.items()}

    def place_of(self, house: str, place: str | None) -> str:
        """Where a shipment of a split order left from: as it says, else where its house ships."""
        if not self.splits:
            return ""
        if place:
            return place
        there = [key for key, one in self.instructions.items() if one.house == house]
        return there[0] if len(there) == 1 else ""

    @property
    def anything_shipped(self) -> bool:
        """Whether anything has left."""
        return any(any(p.lines.values()) or any(p.parts.values()) for p in self.shipped.values())

    def refunds(self, but: str = "") -> Decimal:
        """What was given back by single refunds, one of them left out."""
        return sum((one.amount for key, one in self.refunded.items() if key != but), ZERO)

    def wished(self, but: str = "") -> Decimal:
        """What is to be given back and is not yet, one wish left out."""
        asked = (one.amount for key, one in self.wishes.items() if one.by and key != but)
        return sum(asked, ZERO)

    def without_wish(self, entity: str) -> Self:
        """The book without this wish, which is answered or called off."""
        wishes = {key: one for key, one in self.wishes.items() if key != entity}
        return changed(self, wishes=wishes)

    def left_of_payment(self, payment: str) -> Decimal:
        """How much of what was taken with it has not gone back, and shall not."""
        back = (*self.refunded.values(), *self.wishes.values())
        gone = sum((one.amount for one in back if one.payment == payment), ZERO)
        return self.payments[payment].captured - gone

    def with_order(self, order: Order, ours: Iterable[str], region: str = "") -> Self:
        """The book after the channel's newest snapshot; `ours` are the hands that we instruct."""
        hands = frozenset(ours)
        payment = order.payment
        return changed(
            self,
            currency=order.currency,
            captured=payment.captured.amount if payment.captured else None,
            total=order.totals.total.amount,
            region=region,
            axes=vars(statuses(order)),
            lines={line.line_id: _line(line) for line in order.lines},
            foreign=frozenset(
                line.line_id for line in order.lines if line.fulfilled_by not in hands
            ),
        )

    def with_part(self, kind: str, entity: str, part: Part | None) -> Self:
        """The book after a shipment (`shipped`) or a return (`returned`); None takes it out."""
        parts = {key: value for key, value in getattr(self, kind).items() if key != entity}
        if part is not None:
            parts[entity] = part
        return changed(self, **{kind: parts})

    def with_hold(self, code: str, hold: Hold | None) -> Self:
        """The book with, or without, this reason to wait."""
        holds = {key: value for key, value in self.holds.items() if key != code}
        if hold is not None:
            holds[code] = changed(hold, why=hold.why[:MOST_WORDS])
        return changed(self, holds=holds)

    def without_holds_of(self, about: str) -> Self:
        """The book without the reasons that this entity's news brought up."""
        if all(hold.about != about for hold in self.holds.values()):
            return self
        kept = {code: hold for code, hold in self.holds.items() if hold.about != about}
        return changed(self, holds=kept)

    def dump(self) -> str:
        """As JSON, without what is empty."""
        plain: dict[str, Any] = {
            "currency": self.currency,
            "axes": dict(self.axes),
            "lines": {
                key: [str(line.ordered), str(line.cancelled), *line.skus]
                for key, line in self.lines.items()
            },
        }
        bundles = {key: line.per for key, line in self.lines.items() if line.per}
        if bundles:
            plain["per"] = {
                key: {k: str(v) for k, v in per.items()} for key, per in bundles.items()
            }
        if self.captured is not None:
            plain["captured"] = str(self.captured)
        if self.total is not None:
            plain["total"] = str(self.total)
        if self.foreign:
            plain["foreign"] = sorted(self.foreign)
        for name in ("shipped", "returned"):
            parts = getattr(self, name)
            if parts:
                plain[name] = {
                    key: [
                        part.by,
                        part.name,
                        {k: str(v) for k, v in part.lines.items()},
                        *(
                            [{k: str(v) for k, v in part.parts.items()}]
                            if part.parts or part.place
                            else []
                        ),
                        *([part.place] if part.place else []),
                    ]
                    for key, part in parts.items()
                }
        if self.refunded:
            plain["refunded"] = _written(self.refunded)
        if self.payments:
            plain["payments"] = {
                key: [one.by, one.native, one.order, str(one.captured)]
                for key, one in self.payments.items()
            }
        if self.wishes:
            plain["wishes"] = _written(self.wishes)
        if self.holds:
            plain["holds"] = {key: [hold.about, hold.why] for key, hold in self.holds.items()}
        if self.passed:
            plain["passed"] = dict(self.passed)
        if self.instructions:
            plain["instructions"] = {
                key: [one.id, one.house, one.mark] for key, one in self.instructions.items()
            }
        if self.places:
            plain["places"] = dict(self.places)
        if self.splits:
            plain["splits"] = {
                key: {place: str(quantity) for place, quantity in split.items()}
                for key, split in self.splits.items()
            }
        if self.stopped:
            plain["stopped"] = self.stopped
        if self.promised:
            plain["promised"] = self.promised
        if self.awaited:
            plain["awaited"] = self.awaited
        if self.held_there:
            plain["held_there"] = True
        if self.called_off:
            plain["called_off"] = sorted(self.called_off)
        if self.execute:
            plain["execute"] = self.execute
        if self.region:
            plain["region"] = self.region
        text = jsontext.dump_quickly(plain).decode()
        _remember(text, self)
        return text

    @staticmethod
    def load(text: str) -> "Book":
        """What `dump` wrote; an empty text is an empty book."""
        book = _remembered.get(text)
        if book is None:
            book = read(text) if text else _EMPTY
            _remember(text, book)
        return book


_remembered: dict[str, Book] = {}


def _remember(text: str, book: Book) -> None:
    if len(_remembered) >= REMEMBERED:
        _remembered.clear()
    _remembered[text] = book


def read(text: str) -> Book:
    """`Book.load` from the text alone; what a later release wrote besides is left out."""
    plain = jsontext.parse_own(text.encode())
    per = plain.get("per", {})
    told: dict[str, Any] = {
        name: _READERS[name](value) if name in _READERS else value
        for name, value in plain.items()
        if name in _FIELDS
    }
    told["lines"] = {
        key: Line(Decimal(ordered), Decimal(cancelled), tuple(skus), _decimals(per.get(key)))
        for key, (ordered, cancelled, *skus) in plain.get("lines", {}).items()
    }
    return changed(_EMPTY, **told)


_EMPTY = Book()
_FIELDS = vars(_EMPTY).keys()


def _written(told: Mapping[str, Back]) -> dict[str, list[str]]:
    return {
        key: [one.by, str(one.amount), *([one.payment] if one.payment else [])]
        for key, one in told.items()
    }


def _backs(told: Mapping[str, Any]) -> dict[str, Back]:
    return {key: Back(by, Decimal(money), *more) for key, (by, money, *more) in told.items()}


def _parts(told: Mapping[str, Any]) -> dict[str, Part]:
    return {
        key: Part(by, label, _decimals(lines), _decimals(*more[:1]), *more[1:])
        for key, (by, label, lines, *more) in told.items()
    }


_READERS: Mapping[str, Callable[[Any], Any]] = {
    "captured": Decimal,
    "total": Decimal,
    "foreign": frozenset,
    "called_off": frozenset,
    "splits": lambda told: {key: _decimals(split) for key, split in told.items()},
    "shipped": _parts,
    "returned": _parts,
    "refunded": _backs,
    "wishes": _backs,
    "payments": lambda told: {
        key: Paid(by, native, order, Decimal(money))
        for key, (by, native, order, money) in told.items()
    },
    "holds": lambda told: {key: Hold(*hold) for key, hold in told.items()},
    "instructions": lambda told: {key: Instruction(*one) for key, one in told.items()},
}
"""What is not in the text as it is in the book."""


def _line(line: OrderLine) -> Line:
    if not line.components:
        return Line(line.ordered, line.cancelled, (line.sku or "",))
    skus = (line.sku or "", *(part.sku for part in line.components))
    per: dict[str, Decimal] = {}
    for part in line.components:
        per[part.sku] = per.get(part.sku, ZERO) + part.quantity
    return Line(line.ordered, line.cancelled, skus, {k: v for k, v in per.items() if v > 0})


def _decimals(told: Mapping[str, str] | None = None) -> dict[str, Decimal]:
    return {key: Decimal(value) for key, value in told.items()} if told else {}

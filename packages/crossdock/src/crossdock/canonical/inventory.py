"""How much of a thing lies where, what moved it, and what is promised."""

from decimal import Decimal
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from crossdock.canonical.entity import Entity
from crossdock.canonical.values import (
    NOTHING,
    Count,
    Counted,
    Day,
    EntityRef,
    Id,
    Instant,
    Model,
    Quantity,
    Text,
    Unit,
    Vocabulary,
    limits,
)

_ZERO = Decimal(0)
_BUCKETS = ("committed", "safety", "quality_control", "damaged")


class Incoming(Model):
    """What is on its way, and until when."""

    quantity: Count
    """How much."""
    expected_at: Instant | None = None
    """When it should arrive."""
    source: EntityRef | None = None
    """The purchase order, transfer or inbound shipment it comes with."""


class InventoryLevel(Entity):
    """The stock of one SKU at one location, as one system states it at one moment.

    `on_hand` is parted into buckets. A source that states any of the finer ones (`committed`,
    `safety`, `quality_control`, `damaged`) states all: then on_hand = available + reserved +
    committed + safety + quality_control + damaged.
    """

    kind: ClassVar[str] = "inventory"

    sku: Text
    """What is counted."""
    location: Id
    """The deployment's own name of the place, such as a warehouse code."""
    item: EntityRef | None = None
    """The vendor's record of the stocked thing, when it has one."""
    unit: Unit = "EA"
    """The unit of every quantity here."""
    on_hand: Quantity | None = None
    """What lies there, promised or not; negative where more was booked out than lay there."""
    reserved: Quantity = _ZERO
    """The part of `on_hand` promised to orders."""
    available: Quantity | None = None
    """What may still be sold: `on_hand` less `reserved`, where the source states no other rule."""
    incoming: Quantity = _ZERO
    """What is on its way, in sum."""
    as_of: Instant | None = None
    """The moment the figures are true for, by the source's clock."""
    committed: Count = _ZERO
    """The part being picked and packed."""
    safety: Count = _ZERO
    """The part kept back on purpose."""
    quality_control: Count = _ZERO
    """The part being examined; a marketplace's `researching` counts here."""
    damaged: Count = _ZERO
    """The part that cannot be sold."""
    in_transit_out: Count = _ZERO
    """What left for another location and has not arrived; no part of `on_hand`."""
    sub_buckets: dict[str, Count] = NOTHING
    """The source's own finer buckets by its own names (`researching`, `customer_damaged`)."""
    incoming_on: tuple[Incoming, ...] = ()
    """`incoming` in detail."""
    lot: Text | None = None
    """Where stock is stated lot by lot: the lot."""
    owner: EntityRef | None = None
    """Whose goods they are, where not the merchant's."""
    authority: Id | None = None
    """The connection whose word this is, where it is passed on by another."""

    @property
    def sellable(self) -> Decimal | None:
        """`available` if stated, else on hand less reserved; None when the source told neither."""
        if self.available is not None:
            return self.available
        return None if self.on_hand is None else self.on_hand - self.reserved

    @model_validator(mode="after")
    def _buckets_add_up(self) -> Self:
        given = self.__dict__
        if given["on_hand"] is None or given["available"] is None:
            return self
        finer = [given[name] for name in _BUCKETS]
        if not any(finer):
            return self
        total = self.available + self.reserved + sum(finer, _ZERO)  # type: ignore[operator]
        if total != self.on_hand:
            raise PydanticCustomError(
                "buckets",
                "on_hand is {on_hand}, but available + reserved + committed + safety + "
                "quality_control + damaged is {total}",
                {"on_hand": str(self.on_hand), "total": str(total)},
            )
        return self


class InventoryMovement(Entity):
    """One change of stock, with its reason. Never altered; a wrong one is reversed."""

    kind: ClassVar[str] = "inventory_movement"

    sku: Text
    """What moved."""
    location: Id
    """Where; the deployment's own name of the place."""
    quantity: Quantity
    """The signed change of `bucket`: negative is out."""
    unit: Unit = "EA"
    """The unit of `quantity`."""
    bucket: Annotated[
        str,
        Vocabulary("available reserved committed safety quality_control damaged in_transit_out"),
    ] = "available"
    """Which part of the stock changed."""
    reason: Annotated[
        str,
        Vocabulary(
            "sale return receipt transfer adjustment count damage theft expiry production reversal"
        ),
    ]
    """Why."""
    occurred_at: Instant
    """When, by the source's clock."""
    document: EntityRef | None = None
    """What caused it: an order, a return, a receipt, a count."""
    reverses: EntityRef | None = None
    """The movement that this one undoes."""
    lot: Text | None = None
    """The lot that moved."""
    serials: tuple[Text, ...] = ()
    """The serial numbers that moved."""
    by: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    """Who booked it."""


class ReservationLine(Model):
    """So much of one SKU set aside."""

    line_id: Id
    """Stable within the reservation; an order line's `line_id` where there is one."""
    sku: Text
    """What is set aside."""
    quantity: Count
    """How much."""
    unit: Unit = "EA"
    """The unit of `quantity`."""
    location: Id | None = None
    """Where; empty: wherever it lies."""


class Reservation(Entity):
    """Stock set aside for somebody until a given moment."""

    kind: ClassVar[str] = "reservation"

    key: Id
    """The asker's own key: asking twice with one key reserves once."""
    lines: tuple[ReservationLine, ...] = Field(min_length=1)
    """What is set aside."""
    state: Annotated[str, Vocabulary("requested confirmed rejected released expired consumed")]
    """Where it stands; a fact of whoever holds the stock."""
    order: EntityRef | None = None
    """The order it is for."""
    expires_at: Instant | None = None
    """When it lapses; empty: never."""
    rejected_reason: Text | None = None
    """Why it was refused."""


class Availability(Entity):
    """How much of one SKU one channel may promise: derived, never counted.

    The sellable stock less safety stock less a buffer for news that is still on its way.
    """

    kind: ClassVar[str] = "availability"

    sku: Text
    """What may be sold."""
    channel: Id
    """The connection it is promised through."""
    quantity: Count
    """How much may be promised."""
    unit: Unit = "EA"
    """The unit of all quantities here."""
    safety: Count = _ZERO
    """What was kept back on purpose."""
    lag_buffer: Count = _ZERO
    """What was kept back because news takes time: propagation p99 times rate of demand."""
    locations: tuple[Id, ...] = ()
    """The places it was summed over."""
    calculated_at: Instant
    """When it was derived."""
    published_at: Instant | None = None
    """When the channel confirmed it."""
    available_from: Day | None = None
    """For what is sold before it arrives."""


class StockCountLine(Model):
    """What was counted of one SKU."""

    sku: Text
    """What was counted."""
    expected: Quantity | None = None
    """What the books said."""
    counted: Count
    """What lay there."""
    unit: Unit = "EA"
    """The unit of both."""
    lot: Text | None = None
    """The lot, where stock is counted by lot."""

    @property
    def difference(self) -> Decimal | None:
        """What to book: counted less expected; None when the books were not told."""
        return None if self.expected is None else self.counted - self.expected


class StockCount(Entity):
    """Somebody went and counted."""

    kind: ClassVar[str] = "stock_count"

    location: Id
    """Where; the deployment's own name of the place."""
    counted_at: Instant
    """When; stock that moved later is not in it."""
    lines: tuple[StockCountLine, ...] = Field(min_length=1)
    """What was found."""
    complete: bool = False
    """Whether everything at the location was counted: what is not listed is then 0."""
    by: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    """Who counted."""
    reason: Annotated[str, Vocabulary("cycle annual spot dispute")] | None = None
    """Why it was counted."""


class Lot(Counted, Entity):
    """Goods made together: they expire together and are recalled together."""

    kind: ClassVar[str] = "lot"
    limits: ClassVar = limits("quarantined <= quantity")

    number: Text
    """What is printed on the goods."""
    sku: Text
    """What they are."""
    produced_on: Day | None = None
    """Day of production."""
    best_before: Day | None = None
    """Quality is promised until this day."""
    expires_on: Day | None = None
    """Must not be sold after this day."""
    quantity: Count = _ZERO
    """How much of it is on hand in all places."""
    quarantined: Count = _ZERO
    """How much of that must not be sold."""
    unit: Unit = "EA"
    """The unit of both."""
    supplier: EntityRef | None = None
    """Who made or delivered it."""
    recalled_at: Instant | None = None
    """When it was called back."""
    recall_reason: Text | None = None
    """Why."""

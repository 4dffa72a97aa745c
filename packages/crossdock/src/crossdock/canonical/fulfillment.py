"""Getting goods to the customer: instructions, shipments, parcels, promises."""

from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from crossdock.canonical.entity import Entity
from crossdock.canonical.order import FulfilledBy
from crossdock.canonical.values import (
    Address,
    Count,
    Counted,
    EntityRef,
    Id,
    Instant,
    Measure,
    Model,
    Money,
    Sscc,
    Text,
    Unit,
    Vocabulary,
    limits,
)

_ZERO = Decimal(0)


class FulfillmentLine(Model):
    """So much of one order line."""

    line_id: Id
    """The order line's `line_id`."""
    sku: Text | None = None
    """What left."""
    quantity: Count
    """How much of it."""
    unit: Unit = "EA"
    """The unit of `quantity`."""
    lot: Text | None = None
    """The lot that left."""
    serials: tuple[Text, ...] = ()
    """The serial numbers that left."""


class Tracking(Model):
    """How to follow one parcel."""

    number: Text | None = None
    """The carrier's number."""
    carrier: Text | None = None
    """Who carries it."""
    url: Text | None = None
    """Where the customer can follow it."""


class Fulfillment(Entity):
    """Goods that left for one order, together: a shipment."""

    kind: ClassVar[str] = "fulfillment"

    order: EntityRef
    """The order they are for."""
    number: Text | None = None
    """The shipper's own document number."""
    location: Id | None = None
    """Where it left from; the deployment's own name of the place."""
    lines: tuple[FulfillmentLine, ...]
    """What left."""
    tracking: tuple[Tracking, ...] = ()
    """How to follow it."""
    shipped_at: Instant | None = None
    """When it left."""
    cancelled_at: Instant | None = None
    """When it was undone: the goods did not leave."""
    source_status: Text | None = None
    """The vendor's word. Never taken as truth."""
    delivered_at: Instant | None = None
    """When all of it had arrived."""
    service: Text | None = None
    """The carrier's service: `ground`, `express` …"""
    fulfillment_order: EntityRef | None = None
    """The instruction it carries out."""
    packages: tuple[EntityRef, ...] = ()
    """Its parcels."""
    shipping_cost: Money | None = None
    """What the carrier charges us."""


class FulfillmentOrderLine(Counted):
    """So much of one order line to be shipped from one place."""

    limits: ClassVar = limits(
        "cancelled + shipped <= requested",
        "rejected <= requested",
        "allocated <= requested",
        "picked <= requested",
        "packed <= picked",
    )

    line_id: Id
    """The order line's `line_id`."""
    sku: Text | None = None
    """What to ship."""
    unit: Unit = "EA"
    """The unit of all counters."""
    requested: Count
    """How much to ship."""
    rejected: Count = _ZERO
    """How much the place cannot."""
    allocated: Count = _ZERO
    """How much has stock set aside."""
    picked: Count = _ZERO
    """How much is off the shelf."""
    packed: Count = _ZERO
    """How much is in parcels."""
    shipped: Count = _ZERO
    """How much has left."""
    cancelled: Count = _ZERO
    """How much need not be shipped any more."""


class FulfillmentOrder(Entity):
    """The instruction to one place to ship goods of one order."""

    kind: ClassVar[str] = "fulfillment_order"

    order: EntityRef
    """The order it is for."""
    number: Text | None = None
    """The place's own number of it."""
    location: Id
    """Who shall ship; the deployment's own name of the place."""
    fulfilled_by: FulfilledBy = "merchant"
    """Whose hands ship it."""
    lines: tuple[FulfillmentOrderLine, ...] = Field(min_length=1)
    """What to ship."""
    ship_to: Address | None = None
    """Where to; empty for pick-up."""
    method: Annotated[str, Vocabulary("shipping pickup local_delivery digital")] = "shipping"
    """How it gets to the customer."""
    service: Text | None = None
    """The carrier's service asked for."""
    requested_at: Instant
    """When it was asked."""
    accepted_at: Instant | None = None
    """When the place agreed."""
    rejected_at: Instant | None = None
    """When the place refused."""
    rejected_reason: Text | None = None
    """Why."""
    ship_by: Instant | None = None
    """When it must have left."""
    priority: int = Field(default=0, ge=0, le=100)
    """The larger, the sooner."""
    gift_message: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    """What to print and put in."""
    source_status: Text | None = None
    """The vendor's word. Never taken as truth."""


def fulfillment_order_status(order: FulfillmentOrder) -> str:
    """Where it stands, from its counters and times alone.

    `requested`, `accepted`, `rejected`, `allocated`, `picked`, `packed`, `partially_shipped`,
    `shipped` or `cancelled`.
    """
    lines = order.lines
    wanted = sum((line.requested - line.cancelled for line in lines), _ZERO)
    if wanted == 0:
        return "cancelled"
    shipped = sum((line.shipped for line in lines), _ZERO)
    if shipped >= wanted:
        return "shipped"
    if shipped > 0:
        return "partially_shipped"
    if order.rejected_at is not None:
        return "rejected"
    for counter in ("packed", "picked", "allocated"):
        if sum((getattr(line, counter) for line in lines), _ZERO) >= wanted:
            return counter
    return "requested" if order.accepted_at is None else "accepted"


class TrackingEvent(Model):
    """What the carrier said, once. Only ever added."""

    at: Instant
    """When it happened, by the carrier's clock."""
    status: Annotated[
        str,
        Vocabulary(
            "label_created picked_up in_transit out_for_delivery ready_for_pickup "
            "delivered failed_attempt exception returned_to_sender lost"
        ),
    ]
    """What happened."""
    text: Text | None = None
    """The carrier's own words."""
    place: Text | None = None
    """Where, in the carrier's words."""


class Package(Entity):
    """One parcel, pallet or envelope, and its journey."""

    kind: ClassVar[str] = "package"

    fulfillment: EntityRef | None = None
    """The shipment it belongs to."""
    order: EntityRef | None = None
    """The order it is for."""
    sscc: Sscc | None = None
    """Serial Shipping Container Code on its label."""
    tracking_number: Text | None = None
    """The carrier's number."""
    carrier: Text | None = None
    """Who carries it."""
    weight: Measure | None = None
    """Packed."""
    length: Measure | None = None
    """Longest side."""
    width: Measure | None = None
    """Second side."""
    height: Measure | None = None
    """Third side."""
    lines: tuple[FulfillmentLine, ...] = ()
    """What is in it."""
    events: tuple[TrackingEvent, ...] = ()
    """Its journey, oldest first."""


def package_status(package: Package) -> str:
    """The latest that the carrier said; `unknown` when it said nothing."""
    if not package.events:
        return "unknown"
    return max(package.events, key=lambda event: event.at).status


class Promise(Entity):
    """What the customer was told about when the goods come."""

    kind: ClassVar[str] = "promise"

    order: EntityRef
    """The order."""
    line_ids: tuple[Id, ...] = ()
    """The lines it is about; empty: the whole order."""
    method: Annotated[str, Vocabulary("shipping pickup local_delivery digital")] = "shipping"
    """How they come."""
    ship_by: Instant | None = None
    """They leave no later."""
    deliver_from: Instant | None = None
    """They arrive no sooner."""
    deliver_by: Instant | None = None
    """They arrive no later."""
    made_at: Instant
    """When it was said."""
    replaces: EntityRef | None = None
    """The promise that it takes the place of."""
    reason: Text | None = None
    """Why it changed."""
    text: Text | None = None
    """The words the customer read."""

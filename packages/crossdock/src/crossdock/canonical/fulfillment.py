"""A shipment: what left, in which parcels, for which order."""

from typing import ClassVar

from crossdock.canonical.entity import Entity
from crossdock.canonical.values import EntityRef, Id, Instant, Model, Quantity, Text, Unit


class FulfillmentLine(Model):
    """So much of one order line."""

    line_id: Id
    """The order line's `line_id`."""
    sku: Text | None = None
    quantity: Quantity
    unit: Unit = "EA"


class Tracking(Model):
    """How to follow one parcel."""

    number: Text | None = None
    carrier: Text | None = None
    url: Text | None = None


class Fulfillment(Entity):
    """Goods that left for one order, together."""

    kind: ClassVar[str] = "fulfillment"

    order: EntityRef
    number: Text | None = None
    """The shipper's own document number."""
    location: Id | None = None
    """Where it left from; the deployment's own name of the place."""
    lines: tuple[FulfillmentLine, ...]
    tracking: tuple[Tracking, ...] = ()
    shipped_at: Instant | None = None
    cancelled_at: Instant | None = None
    source_status: Text | None = None
    """The vendor's word. Never taken as truth."""

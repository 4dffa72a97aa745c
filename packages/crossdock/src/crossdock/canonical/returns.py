"""Goods that come back: the return, what was received, and the exchange for something else."""

from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from crossdock.canonical.entity import Entity
from crossdock.canonical.fulfillment import Tracking
from crossdock.canonical.values import (
    Address,
    Count,
    Counted,
    EntityRef,
    Id,
    Instant,
    Money,
    Text,
    Unit,
    Vocabulary,
    limits,
)

_ZERO = Decimal(0)

ReturnReason = Annotated[
    str,
    Vocabulary(
        "unwanted wrong_item defective damaged_in_transit not_as_described too_late size colour"
    ),
]
Disposition = Annotated[str, Vocabulary("restock quarantine scrap vendor refurbish")]


class ReturnLine(Counted):
    """So much of one order line that comes back."""

    limits: ClassVar = limits("declined + authorised <= requested", "received <= requested")

    line_id: Id
    """The order line's `line_id`."""
    sku: Text | None = None
    """What comes back."""
    unit: Unit = "EA"
    """The unit of all counters."""
    requested: Count
    """How much the customer wants to give back."""
    authorised: Count = _ZERO
    """How much we agreed to take."""
    declined: Count = _ZERO
    """How much we refused."""
    received: Count = _ZERO
    """How much arrived; each `ReturnReceipt` adds to it."""
    reason: ReturnReason | None = None
    """Why."""
    note: Text | None = None
    """What the customer wrote about it."""


class Return(Entity):
    """A customer gives goods back: what is asked, what is agreed, what has arrived.

    Where it stands follows from counters and times (`return_status`). Money is in `Refund`.
    """

    kind: ClassVar[str] = "return"
    major: ClassVar[int] = 2

    order: EntityRef
    """The order the goods came from."""
    number: Text
    """What the customer writes on the parcel: the RMA number."""
    lines: tuple[ReturnLine, ...] = Field(min_length=1)
    """What comes back."""
    requested_at: Instant
    """When the customer asked."""
    authorised_at: Instant | None = None
    """When we agreed."""
    declined_at: Instant | None = None
    """When we refused all of it."""
    decline_reason: Text | None = None
    """Why."""
    shipped_at: Instant | None = None
    """When the customer handed it to a carrier."""
    received_at: Instant | None = None
    """When the last of it arrived."""
    inspected_at: Instant | None = None
    """When condition and disposition were decided."""
    closed_at: Instant | None = None
    """When nothing more is to be done."""
    cancelled_at: Instant | None = None
    """When the customer changed their mind."""
    return_to: Id | None = None
    """Where it goes; the deployment's own name of the place."""
    ship_from: Address | None = None
    """Where it is fetched from."""
    tracking: tuple[Tracking, ...] = ()
    """How to follow it."""
    expected_refund: Money | None = None
    """What the customer was told they will get."""
    keep_goods: bool = False
    """The customer is refunded and keeps the goods: nothing will arrive."""
    source_status: Text | None = None
    """The vendor's word. Never taken as truth."""


def return_status(given: Return) -> str:
    """`requested`, `authorised`, `declined`, `in_transit`, `partially_received`, `received`,
    `inspected`, `cancelled` or `closed`: from counters and times alone."""
    if given.cancelled_at is not None:
        return "cancelled"
    if given.closed_at is not None:
        return "closed"
    if given.inspected_at is not None:
        return "inspected"
    wanted = sum((line.requested - line.declined for line in given.lines), _ZERO)
    if wanted == 0 or given.declined_at is not None:
        return "declined"
    received = sum((line.received for line in given.lines), _ZERO)
    if received > 0:
        return "received" if received >= wanted else "partially_received"
    if given.shipped_at is not None:
        return "in_transit"
    agreed = given.authorised_at is not None or any(line.authorised for line in given.lines)
    return "authorised" if agreed else "requested"


class ReturnReceiptLine(Counted):
    """So much of one return line that arrived, in which condition, and what becomes of it."""

    limits: ClassVar = limits("restocked + written_off <= quantity")

    line_id: Id
    """The order line's `line_id`."""
    sku: Text | None = None
    """What arrived; it may differ from what was announced."""
    unit: Unit = "EA"
    """The unit of all counters."""
    quantity: Count
    """How much arrived."""
    condition: Annotated[str, Vocabulary("new opened used damaged defective wrong_item missing")]
    """In what state."""
    disposition: Disposition
    """What becomes of it."""
    restocked: Count = _ZERO
    """How much is for sale again."""
    written_off: Count = _ZERO
    """How much is lost."""
    serials: tuple[Text, ...] = ()
    """Serial numbers that arrived."""


class ReturnReceipt(Entity):
    """Returned goods taken in and judged."""

    kind: ClassVar[str] = "return_receipt"

    return_ref: EntityRef | None = None
    """The return it answers; empty when goods came unannounced."""
    order: EntityRef | None = None
    """The order the goods came from."""
    location: Id
    """Where; the deployment's own name of the place."""
    received_at: Instant
    """When."""
    lines: tuple[ReturnReceiptLine, ...] = Field(min_length=1)
    """What came."""
    by: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    """Who judged it."""


class Exchange(Entity):
    """Goods given back for other goods: a return and a new order, tied together."""

    kind: ClassVar[str] = "exchange"

    order: EntityRef
    """The first order."""
    return_ref: EntityRef
    """What comes back."""
    new_order: EntityRef | None = None
    """What goes out instead; empty until it is placed."""
    difference: Money | None = None
    """What the customer pays in addition; negative is paid to them."""
    opened_at: Instant
    """When it was agreed."""
    closed_at: Instant | None = None
    """When both sides were done."""
    cancelled_at: Instant | None = None
    """When it was called off."""
    ship_first: bool = False
    """Whether the new goods leave before the old ones arrive."""

"""Places, and goods on their way to them: transfers, purchases, inbound shipments, receipts."""

from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from crossdock.canonical.entity import Entity
from crossdock.canonical.values import (
    Address,
    Count,
    Counted,
    Currency,
    Day,
    EntityRef,
    Gln,
    Id,
    Instant,
    Model,
    Money,
    Sscc,
    TaxLine,
    Text,
    Unit,
    Vocabulary,
    limits,
)

_ZERO = Decimal(0)


class Location(Entity):
    """A place where stock lies: a warehouse, a shop, a marketplace's centre, a supplier's yard."""

    kind: ClassVar[str] = "location"

    code: Id
    """The deployment's own name of the place; what `location` says everywhere."""
    name: Text | None = None
    """What people call it."""
    type: Annotated[str, Vocabulary("warehouse store marketplace 3pl supplier transit virtual")] = (
        "warehouse"
    )
    """What kind of place it is."""
    operator: EntityRef | None = None
    """Who runs it."""
    address: Address | None = None
    """Where it is."""
    gln: Gln | None = None
    """Its Global Location Number."""
    timezone: Text | None = None
    """IANA name such as `Europe/Berlin`: whose calendar its days are."""
    active: bool = True
    """Whether stock there counts."""
    ships: bool = True
    """Whether orders are shipped from there."""
    pickup: bool = False
    """Whether customers may collect there."""
    multi_channel: bool = True
    """For a marketplace's place: whether its stock may serve other channels."""


class TransferLine(Counted):
    """So much of one SKU under way between two places."""

    limits: ClassVar = limits(
        "cancelled + shipped <= requested", "received + damaged + lost <= shipped"
    )

    line_id: Id
    """Stable within the transfer."""
    sku: Text
    """What is moved."""
    unit: Unit = "EA"
    """The unit of all counters."""
    requested: Count
    """How much should move."""
    cancelled: Count = _ZERO
    """How much no longer should."""
    shipped: Count = _ZERO
    """How much left."""
    received: Count = _ZERO
    """How much arrived whole."""
    damaged: Count = _ZERO
    """How much arrived broken."""
    lost: Count = _ZERO
    """How much will not arrive."""


class Transfer(Entity):
    """Stock moved from one of our places to another."""

    kind: ClassVar[str] = "transfer"

    number: Text
    """What people call it."""
    from_location: Id
    """Where it leaves; the deployment's own name of the place."""
    to_location: Id
    """Where it goes; the deployment's own name of the place."""
    lines: tuple[TransferLine, ...] = Field(min_length=1)
    """What moves."""
    shipped_at: Instant | None = None
    """When the first of it left."""
    expected_at: Instant | None = None
    """When it should arrive."""
    received_at: Instant | None = None
    """When the last of it arrived."""
    cancelled_at: Instant | None = None
    """When it was called off."""
    reason: Annotated[str, Vocabulary("replenishment balancing return_to_vendor repair")] | None = (
        None
    )
    """Why."""
    source_status: Text | None = None
    """The vendor's word. Never taken as truth."""


class PurchaseOrderLine(Counted):
    """So much of one SKU bought from a supplier."""

    limits: ClassVar = limits("cancelled <= ordered", "confirmed <= ordered")

    line_id: Id
    """Stable within the purchase order."""
    sku: Text
    """Our SKU."""
    supplier_sku: Text | None = None
    """The supplier's own."""
    unit: Unit = "EA"
    """The unit of all counters and of `unit_cost`."""
    ordered: Count
    """How much we asked for."""
    confirmed: Count = _ZERO
    """How much the supplier promised."""
    cancelled: Count = _ZERO
    """How much was called off."""
    received: Count = _ZERO
    """How much arrived; may be more than ordered."""
    invoiced: Count = _ZERO
    """How much the supplier charged."""
    unit_cost: Money | None = None
    """For one `unit`, without tax."""
    expected_on: Day | None = None
    """When it should arrive."""
    taxes: tuple[TaxLine, ...] = ()
    """For the whole line."""


class PurchaseOrder(Entity):
    """What we buy from a supplier."""

    kind: ClassVar[str] = "purchase_order"

    number: Text
    """Our number of it."""
    supplier: EntityRef
    """From whom."""
    placed_at: Instant
    """When we asked."""
    currency: Currency
    """Of every amount here."""
    ship_to: Id
    """Where it shall arrive; the deployment's own name of the place."""
    lines: tuple[PurchaseOrderLine, ...] = Field(min_length=1)
    """What we buy."""
    total: Money | None = None
    """What we expect to pay."""
    confirmed_at: Instant | None = None
    """When the supplier agreed."""
    closed_at: Instant | None = None
    """When nothing more is expected."""
    cancelled_at: Instant | None = None
    """When it was called off."""
    incoterm: Text | None = None
    """Incoterms 2020 code such as `DAP`."""
    source_status: Text | None = None
    """The vendor's word. Never taken as truth."""


class InboundLine(Model):
    """So much of one SKU announced."""

    line_id: Id
    """Stable within the inbound shipment."""
    sku: Text
    """What comes."""
    quantity: Count
    """How much is said to come."""
    unit: Unit = "EA"
    """The unit of `quantity`."""
    purchase_line_id: Id | None = None
    """The purchase order line it answers."""
    lot: Text | None = None
    """The lot, where the supplier tells."""
    expires_on: Day | None = None
    """Must not be sold after this day."""
    sscc: Sscc | None = None
    """The parcel or pallet it is in."""


class InboundShipment(Entity):
    """Goods announced to one of our places, before they arrive: a dispatch advice."""

    kind: ClassVar[str] = "inbound_shipment"

    number: Text
    """The sender's number of it."""
    to_location: Id
    """Where it comes to; the deployment's own name of the place."""
    supplier: EntityRef | None = None
    """Who sends it."""
    purchase_order: EntityRef | None = None
    """What it answers."""
    lines: tuple[InboundLine, ...] = Field(min_length=1)
    """What comes."""
    shipped_at: Instant | None = None
    """When it left."""
    expected_at: Instant | None = None
    """When it should arrive."""
    arrived_at: Instant | None = None
    """When it stood at the gate."""
    carrier: Text | None = None
    """Who brings it."""
    tracking_number: Text | None = None
    """The carrier's number."""
    cancelled_at: Instant | None = None
    """When it was called off."""


class GoodsReceiptLine(Counted):
    """So much of one SKU taken in."""

    limits: ClassVar = limits("accepted + rejected <= received")

    line_id: Id
    """Stable within the receipt."""
    sku: Text
    """What came."""
    unit: Unit = "EA"
    """The unit of all counters."""
    received: Count
    """How much came off the truck."""
    accepted: Count = _ZERO
    """How much of it is good."""
    rejected: Count = _ZERO
    """How much of it goes back or to scrap."""
    reject_reason: Text | None = None
    """Why."""
    lot: Text | None = None
    """The lot printed on it."""
    expires_on: Day | None = None
    """Must not be sold after this day."""
    serials: tuple[Text, ...] = ()
    """Serial numbers, one for each piece."""


class GoodsReceipt(Entity):
    """Goods taken in at one of our places: what really came."""

    kind: ClassVar[str] = "goods_receipt"

    number: Text
    """The warehouse's number of it."""
    location: Id
    """Where; the deployment's own name of the place."""
    received_at: Instant
    """When."""
    lines: tuple[GoodsReceiptLine, ...] = Field(min_length=1)
    """What came."""
    inbound_shipment: EntityRef | None = None
    """The announcement it answers."""
    purchase_order: EntityRef | None = None
    """What was ordered."""
    transfer: EntityRef | None = None
    """The transfer it ends."""
    by: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    """Who took it in."""

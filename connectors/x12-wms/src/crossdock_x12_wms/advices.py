"""What warehouses tell, in neither syntax: values between the readers and the canonical events."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

ZERO = Decimal(0)


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """One package. `id` is what the warehouse calls it."""

    id: str
    sscc: str | None = None
    tracking: str | None = None


@dataclass(frozen=True, kw_only=True)
class Shipped:
    """So much of one SKU that left, or should have."""

    sku: str
    unit: str
    shipped: Decimal
    ordered: Decimal | None = None
    status: str = ""
    """The code of the line: element 368, or EDIFACT 4221."""
    lot: str | None = None
    parcel: str = ""
    """The id of the parcel that it is in."""
    at: str = ""
    """Where it stands in the document."""

    @property
    def short(self) -> Decimal:
        """How much is missing."""
        return max((self.ordered or ZERO) - self.shipped, ZERO)


@dataclass(frozen=True, kw_only=True)
class Shipment:
    """945, 856, DESADV: what left for one order. Without lines the document cannot be told."""

    number: str
    order_number: str
    purchase_order: str | None = None
    shipped_at: datetime | None = None
    carrier: str | None = None
    routing: str | None = None
    """The carrier or the way, in words."""
    tracking: tuple[str, ...] = ()
    """Numbers for the shipment as a whole."""
    parcels: tuple[Parcel, ...] = ()
    lines: tuple[Shipped, ...] = ()
    purpose: str = ""
    cancelled: bool = False
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Taken:
    """So much of one SKU taken in; `damaged` is a part of `received`."""

    sku: str
    unit: str
    received: Decimal
    damaged: Decimal = ZERO
    reason: str | None = None
    lot: str | None = None


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """944, RECADV: what really came."""

    number: str
    reference: str | None
    received_at: datetime
    lines: tuple[Taken, ...]


@dataclass(frozen=True, kw_only=True)
class Counted:
    """What lies there of one SKU, by bucket."""

    sku: str
    unit: str
    place: str
    amounts: tuple[tuple[str, Decimal], ...]
    """The warehouse's quantity code with its amount."""
    lot: str | None = None
    at: str = ""


@dataclass(frozen=True, kw_only=True)
class Stock:
    """846, INVRPT."""

    number: str
    as_of: datetime
    lines: tuple[Counted, ...]


@dataclass(frozen=True, kw_only=True)
class Moved:
    """One adjustment, signed."""

    sku: str
    unit: str
    quantity: Decimal
    code: str
    reason: str
    lot: str | None = None


@dataclass(frozen=True, kw_only=True)
class Adjustment:
    """947."""

    number: str
    at: datetime
    lines: tuple[Moved, ...]

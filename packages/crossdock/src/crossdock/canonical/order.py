"""An order: who bought what, for how much, and how far it has come.

An order's status is not stored: it follows from the counters of its lines and from the amounts of
its payment (`statuses`). What the vendor calls the status is kept beside, in `source_status`.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import ClassVar, Self

from pydantic import Field, model_validator

from crossdock.canonical.entity import Entity
from crossdock.canonical.values import (
    Address,
    Currency,
    Discount,
    EntityRef,
    Extensions,
    Id,
    Instant,
    Model,
    Money,
    Quantity,
    TaxLine,
    Text,
    Unit,
)

_ZERO = Decimal(0)


class OrderLine(Model):
    """One position. The counters are quantities in `unit`; each is the sum of its event log."""

    line_id: Id
    """Stable within the order: the source's own id of the line."""
    sku: Text | None = None
    title: Text | None = None
    product: EntityRef | None = None
    variant: EntityRef | None = None
    nature: str = "goods"
    """`goods`, `service`, `digital`, `gift_card`, `tip`; open vocabulary."""
    requires_shipping: bool = True
    fulfilled_by: str = "merchant"
    """`merchant`, `marketplace`, `3pl`, `store`, `supplier`; open vocabulary."""
    unit: Unit = "EA"
    ordered: Quantity
    cancelled: Quantity = _ZERO
    allocated: Quantity = _ZERO
    shipped: Quantity = _ZERO
    delivered: Quantity = _ZERO
    return_requested: Quantity = _ZERO
    return_received: Quantity = _ZERO
    restocked: Quantity = _ZERO
    written_off: Quantity = _ZERO
    refunded: Money | None = None
    unit_price: Money
    """For one `unit`, before discounts, as the channel stated it."""
    discounts: tuple[Discount, ...] = ()
    """For the whole line."""
    taxes: tuple[TaxLine, ...] = ()
    """For the whole line."""
    extensions: Extensions = Field(default_factory=dict)

    @property
    def current(self) -> Decimal:
        """What the customer is still to have: ordered, less cancelled and given back."""
        return self.ordered - self.cancelled - self.return_received

    @property
    def open(self) -> Decimal:
        """What is still to be shipped."""
        return self.ordered - self.cancelled - self.shipped

    @model_validator(mode="after")
    def _counters_agree(self) -> Self:
        if self.ordered < 0:
            raise ValueError(f"line {self.line_id}: ordered is {self.ordered}, must be 0 or more")
        if self.cancelled > self.ordered:
            raise ValueError(
                f"line {self.line_id}: cancelled {self.cancelled} exceeds ordered {self.ordered}"
            )
        if self.shipped > self.ordered - self.cancelled:
            raise ValueError(
                f"line {self.line_id}: shipped {self.shipped} exceeds "
                f"ordered less cancelled {self.ordered - self.cancelled}"
            )
        return self


class ShippingLine(Model):
    """What the customer pays for carriage."""

    line_id: Id | None = None
    title: Text | None = None
    code: Text | None = None
    price: Money
    discounts: tuple[Discount, ...] = ()
    taxes: tuple[TaxLine, ...] = ()


class Totals(Model):
    """The source's own totals. Facts: recomputing them is a check, not a correction."""

    subtotal: Money | None = None
    """Lines after line discounts, before shipping; tax included only if prices include it."""
    discount: Money | None = None
    shipping: Money | None = None
    tax: Money | None = None
    total: Money


class PaymentSummary(Model):
    """How much money has moved."""

    authorised: Money | None = None
    captured: Money | None = None
    refunded: Money | None = None
    methods: tuple[Text, ...] = ()


class Order(Entity):
    """A confirmed purchase."""

    kind: ClassVar[str] = "order"

    number: Text
    """What the customer calls it: `#1001`."""
    placed_at: Instant
    currency: Currency
    """Of every amount here; `presentment` holds what the customer saw where that differs."""
    presentment: Totals | None = None
    prices_include_tax: bool = False
    lines: tuple[OrderLine, ...]
    shipping: tuple[ShippingLine, ...] = ()
    taxes: tuple[TaxLine, ...] = ()
    totals: Totals
    payment: PaymentSummary = Field(default_factory=PaymentSummary)
    customer: EntityRef | None = None
    customer_name: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    email: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    phone: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    billing_address: Address | None = None
    shipping_address: Address | None = None
    cancelled_at: Instant | None = None
    cancel_reason: Text | None = None
    closed_at: Instant | None = None
    note: Text | None = None
    tags: tuple[Text, ...] = ()
    test: bool = False
    """Placed with a test gateway: never to be shipped."""
    sales_channel: Text | None = None
    """The source's own word for where it was sold: `web`, `pos` …"""
    source_status: Mapping[str, Text] = Field(default_factory=dict)
    """The vendor's words, by axis. Never taken as truth."""


class Statuses(Model):
    """The four axes, derived."""

    order: str
    payment: str
    fulfillment: str
    returns: str


def statuses(order: Order) -> Statuses:
    """Where the order stands, from its counters and amounts alone."""
    lines = order.lines
    ordered = sum((line.ordered for line in lines), _ZERO)
    cancelled = sum((line.cancelled for line in lines), _ZERO)
    shippable = [line for line in lines if line.requires_shipping]
    wanted = sum((line.ordered - line.cancelled for line in shippable), _ZERO)
    shipped = sum((line.shipped for line in shippable), _ZERO)
    delivered = sum((line.delivered for line in shippable), _ZERO)
    if order.cancelled_at is not None or (ordered > 0 and cancelled == ordered):
        state = "cancelled"
    elif order.closed_at is not None:
        state = "closed"
    elif cancelled > 0:
        state = "partially_cancelled"
    else:
        state = "open"
    if wanted == 0:
        fulfillment = "not_required"
    elif delivered >= wanted:
        fulfillment = "delivered"
    elif shipped >= wanted:
        fulfillment = "shipped"
    elif shipped > 0:
        fulfillment = "partially_shipped"
    else:
        fulfillment = "unfulfilled"
    return Statuses(
        order=state,
        payment=_payment_status(order.payment, order.totals.total),
        fulfillment=fulfillment,
        returns=_return_status(lines),
    )


def _payment_status(payment: PaymentSummary, total: Money) -> str:
    captured = payment.captured.amount if payment.captured else _ZERO
    refunded = payment.refunded.amount if payment.refunded else _ZERO
    authorised = payment.authorised.amount if payment.authorised else _ZERO
    if refunded > 0:
        return "refunded" if refunded >= captured else "partially_refunded"
    if captured > 0:
        return "paid" if captured >= total.amount else "partially_paid"
    if authorised > 0:
        return "authorised"
    return "free" if total.amount == 0 else "pending"


def _return_status(lines: tuple[OrderLine, ...]) -> str:
    requested = sum((line.return_requested for line in lines), _ZERO)
    received = sum((line.return_received for line in lines), _ZERO)
    if requested == 0 and received == 0:
        return "none"
    if received == 0:
        return "requested"
    return "received" if received >= requested else "partially_received"

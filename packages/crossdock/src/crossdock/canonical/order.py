"""An order: who bought what, for how much, and how far it has come.

An order's status is not stored: it follows from the counters of its lines and from the amounts of
its payment (`statuses`). What the vendor calls the status is kept beside, in `source_status`.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from crossdock.canonical.entity import Entity
from crossdock.canonical.values import (
    NOTHING,
    PII,
    Address,
    Count,
    Counted,
    Currency,
    Discount,
    EntityRef,
    Extensions,
    Gtin,
    Id,
    Instant,
    Model,
    Money,
    TaxLine,
    Text,
    Unit,
    Vocabulary,
    breach,
    limits,
)

_ZERO = Decimal(0)
_COUNTED = frozenset(
    {"cancelled", "shipped", "delivered", "return_received", "restocked", "written_off"}
)
"""The counters that limits bind; a line that names none of them breaks none."""


LineNature = Annotated[str, Vocabulary("goods service digital gift_card tip fee deposit")]
FulfilledBy = Annotated[str, Vocabulary("merchant marketplace 3pl store supplier")]


class LineComponent(Model):
    """One thing inside a bundle that was sold as one line."""

    sku: Text
    """The component's SKU; stock is taken from it, not from the bundle."""
    variant: EntityRef | None = None
    """The component as a variant, where it is one."""
    quantity: Count
    """How much of it is in one unit of the line."""
    unit: Unit = "EA"
    """The unit of `quantity`."""


class OrderLine(Counted):
    """One position. The counters are quantities in `unit`; each is the sum of its event log."""

    limits: ClassVar = limits(
        "cancelled <= ordered",
        "shipped + cancelled <= ordered",
        "delivered <= shipped",
        "return_received + cancelled <= ordered",
        "restocked + written_off <= return_received",
    )

    line_id: Id
    """Stable within the order: the source's own id of the line."""
    sku: Text | None = None
    """The merchant's stock keeping unit."""
    title: Text | None = None
    """What the customer saw."""
    product: EntityRef | None = None
    """The product sold."""
    variant: EntityRef | None = None
    """The variant sold."""
    nature: LineNature = "goods"
    """What is sold. A gift card takes no stock and bears no tax: it is a liability."""
    requires_shipping: bool = True
    """False for what is not carried anywhere."""
    fulfilled_by: FulfilledBy = "merchant"
    """Whose hands ship it. What a marketplace fulfils is neither reserved nor picked by us."""
    unit: Unit = "EA"
    """The unit of all counters and of `unit_price`."""
    ordered: Count
    """How much was bought; it never changes."""
    cancelled: Count = _ZERO
    """How much of it is no longer wanted, before shipping."""
    allocated: Count = _ZERO
    """How much has stock set aside for it."""
    shipped: Count = _ZERO
    """How much has left."""
    delivered: Count = _ZERO
    """How much has arrived at the customer."""
    return_requested: Count = _ZERO
    """How much the customer asked to give back."""
    return_received: Count = _ZERO
    """How much came back."""
    restocked: Count = _ZERO
    """How much of that is for sale again."""
    written_off: Count = _ZERO
    """How much of that is lost."""
    refunded: Money | None = None
    """What was given back for this line."""
    unit_price: Money
    """For one `unit`, before discounts, as the channel stated it."""
    discounts: tuple[Discount, ...] = ()
    """For the whole line."""
    taxes: tuple[TaxLine, ...] = ()
    """For the whole line."""
    gtin: Gtin | None = None
    """The barcode's number, where the channel states it."""
    components: tuple[LineComponent, ...] = ()
    """What is in a bundle, for one unit of the line."""
    location: Id | None = None
    """From where the channel wants it shipped; the deployment's own name of the place."""
    extensions: Extensions = NOTHING
    """What has no canonical place."""

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
        """The same as in Counted, spelt out where it is cheap: this runs for every line read."""
        if _COUNTED.isdisjoint(self.__pydantic_fields_set__):
            return self
        given = self.__dict__
        cancelled, shipped, ordered = given["cancelled"], given["shipped"], given["ordered"]
        if cancelled is _ZERO:
            good = shipped is _ZERO or shipped <= ordered
        else:
            good = cancelled + shipped <= ordered
        if (
            good
            and (given["delivered"] is _ZERO)
            and (given["return_received"] is _ZERO)
            and (given["restocked"] is _ZERO)
            and (given["written_off"] is _ZERO)
        ):
            return self
        for limit in self.limits:
            small = sum([given[name] for name in limit.parts])
            large = sum([given[name] for name in limit.wholes])
            if small > large:
                what = breach(limit, small, large)
                raise PydanticCustomError(
                    "counters",
                    "line {line}: {fault}",
                    {"line": self.line_id, "fault": what.message()},
                )
        return self


class ShippingLine(Model):
    """What the customer pays for carriage."""

    line_id: Id | None = None
    """The source's own id of it."""
    title: Text | None = None
    """What the customer chose: `Standard, 2 to 4 days`."""
    code: Text | None = None
    """The source's code of the service."""
    price: Money
    """Before discounts."""
    discounts: tuple[Discount, ...] = ()
    """What is taken off the carriage."""
    taxes: tuple[TaxLine, ...] = ()
    """Taxes on the carriage."""


class Totals(Model):
    """The source's own totals. Facts: recomputing them is a check, not a correction."""

    subtotal: Money | None = None
    """Lines after line discounts, before shipping; tax included only if prices include it."""
    discount: Money | None = None
    """All discounts together; positive."""
    shipping: Money | None = None
    """All carriage together, after discounts."""
    tax: Money | None = None
    """All taxes together, whether included in prices or not."""
    total: Money
    """What the customer owed when the order was placed; later changes do not rewrite it."""


class PaymentSummary(Model):
    """How much money has moved."""

    authorised: Money | None = None
    """Promised by the customer's bank."""
    captured: Money | None = None
    """Taken."""
    refunded: Money | None = None
    """Given back; pending refunds do not count."""
    methods: tuple[Text, ...] = ()
    """The source's names of how it was paid: `visa`, `paypal`, `gift_card` …"""


class Order(Entity):
    """A confirmed purchase: what was bought, for how much, by whom, and how far it has come.

    Its status is not stored but follows from the counters of its lines and from the amounts of its
    payment; what the source calls the status is kept in `source_status`.
    """

    kind: ClassVar[str] = "order"

    number: Text
    """What the customer calls it: `#1001`."""
    placed_at: Instant
    """When the customer placed it."""
    currency: Currency
    """Of every amount here; `presentment` holds what the customer saw where that differs."""
    presentment: Totals | None = None
    """The totals in the currency the customer saw."""
    prices_include_tax: bool = False
    """Whether unit prices contain the taxes of their lines."""
    lines: tuple[OrderLine, ...]
    """What was bought."""
    shipping: tuple[ShippingLine, ...] = ()
    """What carriage costs."""
    taxes: tuple[TaxLine, ...] = ()
    """Taxes stated for the whole order, in sum; lines may carry the same ones in detail."""
    totals: Totals
    """The source's own totals."""
    payment: PaymentSummary = PaymentSummary()
    """How much money has moved."""
    customer: EntityRef | None = None
    """Who bought."""
    customer_name: Text | None = Field(default=None, json_schema_extra=PII)
    """The name of who bought."""
    email: Text | None = Field(default=None, json_schema_extra=PII)
    """Where news of this order goes."""
    phone: Text | None = Field(default=None, json_schema_extra=PII)
    """For questions about this order."""
    billing_address: Address | None = None
    """Whom the invoice names."""
    shipping_address: Address | None = None
    """Where the goods go."""
    cancelled_at: Instant | None = None
    """When the whole order was cancelled."""
    cancel_reason: Text | None = None
    """The source's word for why."""
    closed_at: Instant | None = None
    """When nothing more was to be done."""
    note: Text | None = None
    """What the customer wrote."""
    tags: tuple[Text, ...] = ()
    """The merchant's own labels."""
    test: bool = False
    """Placed with a test gateway: never to be shipped."""
    sales_channel: Text | None = None
    """The source's own word for where it was sold: `web`, `pos` …"""
    source_status: Mapping[str, Text] = NOTHING
    """The vendor's words, by axis. Never taken as truth."""
    purchase_order_number: Text | None = None
    """The buyer's own number, of business customers."""
    organization: EntityRef | None = None
    """The organisation the customer buys for."""
    holds: tuple[Text, ...] = ()
    """Why it must not be shipped yet: `fraud`, `address`, `payment` …; empty when nothing holds."""


class Statuses(Model):
    """The four axes, derived."""

    order: str
    """`open`, `partially_cancelled`, `cancelled`, `closed`."""
    payment: str
    """`free`, `pending`, `authorised`, `partially_paid`, `paid`, `partially_refunded`,
    `refunded`."""
    fulfillment: str
    """`not_required`, `unfulfilled`, `partially_shipped`, `shipped`, `delivered`."""
    returns: str
    """`none`, `requested`, `partially_received`, `received`."""


def statuses(order: Order) -> Statuses:
    """Where the order stands, from its counters and amounts alone."""
    lines = order.lines
    ordered = cancelled = wanted = shipped = delivered = _ZERO
    for line in lines:
        ordered += line.ordered
        cancelled += line.cancelled
        if line.requires_shipping:
            wanted += line.ordered - line.cancelled
            shipped += line.shipped
            delivered += line.delivered
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
    requested = received = _ZERO
    for line in lines:
        requested += line.return_requested
        received += line.return_received
    if requested == 0 and received == 0:
        return "none"
    if received == 0:
        return "requested"
    return "received" if received >= requested else "partially_received"

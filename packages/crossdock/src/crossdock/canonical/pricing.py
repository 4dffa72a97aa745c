"""What it costs and where it is offered: offers, price lists, prices, promotions."""

from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from crossdock.canonical.entity import Entity
from crossdock.canonical.order import FulfilledBy
from crossdock.canonical.values import (
    Count,
    Country,
    Currency,
    EntityRef,
    Id,
    Instant,
    Money,
    Rate,
    Text,
    Unit,
    Url,
    Vocabulary,
)


class Offer(Entity):
    """A variant as offered in one channel by one party's hands: what a listing is.

    One product may be offered twice in one channel, shipped by the merchant and by the marketplace.
    """

    kind: ClassVar[str] = "offer"

    sku: Text
    """The seller's SKU in this channel."""
    channel: Id
    """The connection it is offered through, as named in the deployment."""
    variant: EntityRef | None = None
    """What is offered."""
    listing_id: Id | None = None
    """The channel's own id of the listing, such as an ASIN."""
    title: Text | None = None
    """What the channel shows."""
    url: Url | None = None
    """Where customers find it."""
    fulfilled_by: FulfilledBy = "merchant"
    """Whose hands ship it."""
    condition: Annotated[str, Vocabulary("new refurbished used damaged")] = "new"
    """In what state it is sold."""
    state: Annotated[str, Vocabulary("draft submitted live suppressed rejected ended")] = "draft"
    """How far publication has come."""
    issues: tuple[Text, ...] = ()
    """Why the channel rejects or hides it, in its own words."""
    price: Money | None = None
    """What one `unit` costs there now."""
    unit: Unit = "EA"
    """In what it is sold."""
    handling_days: int | None = Field(default=None, ge=0, le=365)
    """Days from order to hand-over."""


class PriceList(Entity):
    """A set of prices for one audience: a channel, a group of customers, a region."""

    kind: ClassVar[str] = "price_list"

    name: Text
    """What the merchant calls it."""
    currency: Currency
    """Of every price in it."""
    includes_tax: bool = False
    """Whether its prices contain tax."""
    channels: tuple[Id, ...] = ()
    """Connections it holds for; empty: all."""
    customer_groups: tuple[Text, ...] = ()
    """Groups it holds for; empty: everybody."""
    countries: tuple[Country, ...] = ()
    """Countries it holds for; empty: all."""
    valid_from: Instant | None = None
    """From when it holds; empty: at once."""
    valid_until: Instant | None = None
    """Until when, this moment excluded; empty: for ever."""
    priority: int = Field(default=0, ge=-1_000_000, le=1_000_000)
    """Where several hold, the largest wins."""


class Price(Entity):
    """What one SKU costs in one price list, from one quantity upwards."""

    kind: ClassVar[str] = "price"

    sku: Text
    """What is priced."""
    price_list: EntityRef | None = None
    """The list it belongs to; empty: the standard price."""
    amount: Money
    """For one `unit`."""
    compare_at: Money | None = None
    """The crossed-out price for one `unit`."""
    unit: Unit = "EA"
    """In what it is sold."""
    min_quantity: Count = Decimal(1)
    """From how many on it holds: a quantity break."""
    valid_from: Instant | None = None
    """From when it holds; empty: at once."""
    valid_until: Instant | None = None
    """Until when, this moment excluded; empty: for ever."""
    lowest_30d: Money | None = None
    """The lowest price of the 30 days before a reduction (Directive 98/6/EC, article 6a)."""


class Promotion(Entity):
    """A rule by which customers pay less. What it took off one line is told there."""

    kind: ClassVar[str] = "promotion"

    name: Text
    """What the merchant calls it."""
    codes: tuple[Text, ...] = ()
    """What customers type; empty: it applies by itself."""
    method: Annotated[str, Vocabulary("percentage amount fixed_price buy_x_get_y free_shipping")]
    """How it reduces."""
    target: Annotated[str, Vocabulary("order line shipping")] = "order"
    """What it reduces."""
    percentage: Rate | None = None
    """0.10 is ten per cent; for `percentage`."""
    amount: Money | None = None
    """What is taken off, or the fixed price."""
    starts_at: Instant | None = None
    """From when it holds."""
    ends_at: Instant | None = None
    """Until when, this moment excluded."""
    usage_limit: int | None = Field(default=None, ge=1, le=1_000_000_000)
    """How often it may be used in all."""
    used: int = Field(default=0, ge=0, le=1_000_000_000)
    """How often it was used."""
    combinable: bool = False
    """Whether it adds up with others."""

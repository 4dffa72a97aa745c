"""`domains:` of deployment.yaml: as it is written, and the table that decide reads.

What such a table may not say is in `governance`.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

from cronsim import CronSim, CronSimError
from crossdock_stages.allocation import Allocation
from crossdock_stages.rules import Domain, Override, Place
from crossdock_stages.shipfrom import Rule
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,31}$")]
Word = Annotated[str, StringConstraints(pattern=r"^\S(.{0,62}\S)?$")]
CurrencyCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
Tax = Literal["included", "on_top"]
CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]

_SPAN = re.compile(r"^([1-9][0-9]{0,5})(s|m|h|d)$")
_SIZES = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_SPANS = {"hourly": 3600, "daily": 86_400}


def seconds(text: str) -> float:
    """`30s`, `5m`, `2h`, `1d`, `hourly`, `daily` in seconds. ValueError tells what is allowed."""
    found = _SPAN.match(text)
    if found:
        return float(int(found[1]) * _SIZES[found[2]])
    if text in _SPANS:
        return float(_SPANS[text])
    raise ValueError("a time is written like 30s, 5m, 2h, 1d, hourly or daily")


def _span(text: str) -> str:
    seconds(text)
    return text


def _cron(text: str) -> str:
    try:
        CronSim(text, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(
            f'a schedule has five cron fields in UTC, like "*/30 * * * *": {error}'
        ) from error
    return text


Amount = Annotated[Decimal, Field(ge=0, le=1_000_000_000, allow_inf_nan=False)]
Share = Annotated[str, StringConstraints(pattern=r"^(100|[1-9]?[0-9])%$")]
Span = Annotated[str, AfterValidator(_span)]
Cron = Annotated[str, AfterValidator(_cron)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class LocationConfig(_Part):
    """A place where goods lie."""

    region: Name | None = None
    """The region it is in; it is tried first for orders of that region."""
    ships_for: tuple[Name, ...] = ()
    """Regions it ships to; empty: all."""


class OverrideConfig(_Part):
    """What differs for a part of a domain. At least one selector, at least one difference."""

    location: Word | None = None
    """Only for this place."""
    channel: Name | None = None
    """Only for this selling connection."""
    region: Name | None = None
    """Only for orders that go to this region."""
    fields: tuple[Name, ...] = ()
    """Only for these fields of a product; needs `owner`."""
    owner: Name | None = None
    """Whose word is final here."""
    execute: Name | None = None
    """Where it becomes work here."""
    publish_to: tuple[Name, ...] | None = None
    """Who is told here."""
    latency: Span | None = None
    """How soon they should know."""
    checks: tuple[Name, ...] | None = None
    """The checks of orders here."""
    safety_stock: Amount | None = None
    """How much is kept back here."""
    share: Share | None = None
    """Which share of the stock is promised here: `30%`."""
    cap: Amount | None = None
    """How much is promised here at most."""
    currency: CurrencyCode | None = None
    """What is sold in here."""
    tax: Tax | None = None
    """Whether taxes are included in prices here, or come on top."""
    allocation: Allocation | None = None
    """Whether each piece is on offer in one channel only, here."""
    order_lag: Span | None = None
    """How late orders of this channel may come."""


class _DomainConfig(_Part):
    latency: Span | None = None
    """How soon others should know: `30s`, `5m`, `2h`, `hourly`, `daily`. An objective."""
    reconcile: Cron | None = None
    """When it is compared: five cron fields, in UTC."""
    overrides: tuple[OverrideConfig, ...] = ()
    """What differs for a field group, a location, a channel or a region; later ones win."""


class OrdersConfig(_DomainConfig):
    """The domain of orders."""

    capture: tuple[Name, ...] = Field(min_length=1)
    """The channels whose orders count."""
    execute: Name
    """Where they become work."""
    checks: tuple[Name, ...] = ()
    """What an order must pass before it becomes work, in sequence."""
    reviewers: tuple[Name, ...] = ()
    """Connections that may place and release holds: a fraud service, for instance."""


class ReturnsConfig(_DomainConfig):
    """The domain of returns and refunds."""

    capture: tuple[Name, ...] = Field(min_length=1)
    """The channels whose returns and refunds count."""
    execute: Name
    """Where they are booked."""
    exchanges: Literal["agreed", "received", "inspected"] = "received"
    """When the new goods of an exchange leave: at once, or when the old ones are here or judged."""


class SettlementConfig(_DomainConfig):
    """The domain of marketplaces' statements."""

    sources: tuple[Name, ...] = Field(min_length=1)
    """Whose statements count."""
    book: Name
    """Where they are booked."""


class PaymentsConfig(_DomainConfig):
    """The domain of money, where payment services tell of it."""

    sources: tuple[Name, ...] = Field(min_length=1)
    """Whose word on payments, refunds and payouts counts: the payment services, and channels that
    are paid without one."""
    refund_for: tuple[Name, ...] = ()
    """Connections whose pending refunds are wishes: paid by the service that took the money."""


class OwnedConfig(_DomainConfig):
    """Any other domain: one owner, and who is told."""

    owner: Name
    """The system of record: its word is final."""
    publish_to: tuple[Name, ...] = ()
    """Who is told what it says."""


class FulfillmentConfig(OwnedConfig):
    """The domain of shipments."""

    split: Literal["never", "line", "quantity"] = "line"
    """How an order may be parted over places: never, by its lines, or also within a line."""
    max_parcels: Annotated[int, Field(ge=1, le=100)] | None = None
    """How many places may ship of one order at most."""


class CatalogConfig(OwnedConfig):
    """The domain of products."""

    complete: bool = True
    """Whether the owner tells of everything there is, so that an order for a SKU it has not told of
    is held; `false` where it tells only of what changes."""


class PricingConfig(OwnedConfig):
    """The domain of prices."""

    currency: CurrencyCode | None = None
    """What is sold in; a price in another one is refused. Left out: whatever the owner says."""
    tax: Tax | None = None
    """Whether taxes are included in prices, or come on top; a price list that says otherwise is
    refused. Left out: as the owner says."""


class InventoryConfig(OwnedConfig):
    """The domain of stock."""

    reserve: Span | None = None
    """How long stock is set aside for an order that waits; with it, channels are told what is left
    once orders are taken off, the moment they land."""
    safety_stock: Amount = Decimal(0)
    """How much is never promised, of each SKU at each place."""
    share: Share = "100%"
    """Which share of the stock a channel may promise."""
    cap: Amount | None = None
    """How much a channel may promise at most, of each SKU at each place."""
    allocation: Allocation = "shared"
    """`shared`: all that is left is on offer in every channel. `exclusive`: each piece in one only,
    moved when it is sure that it cannot be sold twice. `automatic`: exclusive where there is little
    beside what is sold while news is on its way."""
    order_lag: Span = "10s"
    """How late orders of a channel may come: so long its pieces wait before they go elsewhere."""
    lag_buffer: bool = False
    """Keep back what is probably sold elsewhere while news is on its way, as measured."""


class DomainsConfig(_Part):
    """Who owns what. A domain left out is not exchanged at all."""

    orders: OrdersConfig | None = None
    inventory: InventoryConfig | None = None
    fulfillment: FulfillmentConfig | None = None
    returns: ReturnsConfig | None = None
    catalog: CatalogConfig | None = None
    pricing: PricingConfig | None = None
    customers: OwnedConfig | None = None
    payments: PaymentsConfig | None = None
    settlement: SettlementConfig | None = None

    def written(self) -> Iterator[tuple[str, Any]]:
        """The domains that are there, by name."""
        for name in type(self).model_fields:
            part = getattr(self, name)
            if part is not None:
                yield name, part


def governed(config: DomainsConfig) -> dict[str, Domain]:
    """The table as decide reads it."""
    return {name: _domain(part) for name, part in config.written()}


def _domain(part: Any) -> Domain:
    common: dict[str, Any] = {
        "latency_s": seconds(part.latency) if part.latency else None,
        "reconcile": part.reconcile,
        "overrides": tuple(_override(one) for one in part.overrides),
    }
    if isinstance(part, SettlementConfig):
        return Domain(capture=part.sources, execute=part.book, **common)
    if isinstance(part, PaymentsConfig):
        return Domain(capture=part.sources, refund_for=part.refund_for, **common)
    if isinstance(part, FulfillmentConfig):
        common["ship"] = Rule(split=part.split, parcels=part.max_parcels)
    if isinstance(part, PricingConfig):
        common |= {"currency": part.currency, "tax": part.tax}
    if isinstance(part, CatalogConfig):
        common["complete"] = part.complete
    if isinstance(part, InventoryConfig):
        common |= {
            "reserve_s": seconds(part.reserve) if part.reserve else 0.0,
            "safety_stock": part.safety_stock,
            "share": _fraction(part.share),
            "cap": part.cap,
            "lag_buffer": part.lag_buffer,
            "allocation": part.allocation,
            "order_lag_s": seconds(part.order_lag),
        }
    if isinstance(part, OwnedConfig):
        return Domain(owner=part.owner, publish_to=part.publish_to, **common)
    if isinstance(part, OrdersConfig):
        common |= {"checks": part.checks, "reviewers": part.reviewers}
    if isinstance(part, ReturnsConfig):
        common["exchanges"] = part.exchanges
    return Domain(capture=part.capture, execute=part.execute, **common)


def _override(one: OverrideConfig) -> Override:
    values = one.model_dump(exclude={"latency", "share", "order_lag"})
    return Override(
        **values,
        latency_s=seconds(one.latency) if one.latency else None,
        share=_fraction(one.share) if one.share else None,
        order_lag_s=seconds(one.order_lag) if one.order_lag else None,
    )


def _fraction(share: str) -> Decimal:
    return Decimal(share.removesuffix("%")) / 100


def places(locations: Mapping[str, LocationConfig]) -> tuple[Place, ...]:
    """The locations as decide reads them, in the order of the file."""
    return tuple(
        Place(name=name, region=one.region, ships_for=one.ships_for)
        for name, one in locations.items()
    )

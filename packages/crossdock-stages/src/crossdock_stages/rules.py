"""Who owns what, who is told, and how fast: the table of domains as a value.

Every question decide asks is answered here, so that ownership can be read, checked and tested
without a bus or a ledger.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from crossdock.checks import Check

from crossdock_stages.allocation import Allocation
from crossdock_stages.shipfrom import WHOLE_LINES, Rule
from crossdock_stages.stock import ZERO, Policy

DOMAINS: Mapping[str, str] = {
    "product": "catalog",
    "bundle": "catalog",
    "category": "catalog",
    "media": "catalog",
    "stock_item": "catalog",
    "inventory": "inventory",
    "inventory_movement": "inventory",
    "stock_count": "inventory",
    "lot": "inventory",
    "location": "inventory",
    "transfer": "inventory",
    "inbound_shipment": "inventory",
    "goods_receipt": "inventory",
    "order": "orders",
    "payment": "orders",
    "payment_transaction": "orders",
    "hold": "orders",
    "order_edit": "orders",
    "cancellation": "orders",
    "gift_card": "orders",
    "dispute": "orders",
    "fulfillment": "fulfillment",
    "fulfillment_order": "fulfillment",
    "package": "fulfillment",
    "promise": "fulfillment",
    "return": "returns",
    "return_receipt": "returns",
    "refund": "returns",
    "exchange": "returns",
    "price": "pricing",
    "price_list": "pricing",
    "promotion": "pricing",
    "customer": "customers",
    "organization": "customers",
    "settlement": "settlement",
    "settlement_line": "settlement",
    "payout": "settlement",
}
"""Which domain governs which kind of entity."""

BOOKED = frozenset({"orders", "returns", "settlement"})
"""Domains whose facts come from several sources and are booked in one system."""

MONEY = frozenset({"payment", "refund", "payout", "dispute"})
"""Kinds on which only payment services' word counts, where the deployment names them."""


@dataclass(frozen=True, kw_only=True)
class Override:
    """What differs for a part of a domain. A selector that is None fits everything.

    `fields` are fields of the entity (catalog only): `owner` then owns these and no others.
    What is None in the lower half stays as the domain has it.
    """

    location: str | None = None
    channel: str | None = None
    region: str | None = None
    fields: tuple[str, ...] = ()

    owner: str | None = None
    execute: str | None = None
    publish_to: tuple[str, ...] | None = None
    latency_s: float | None = None
    checks: tuple[str, ...] | None = None
    safety_stock: Decimal | None = None
    share: Decimal | None = None
    cap: Decimal | None = None
    allocation: Allocation | None = None
    order_lag_s: float | None = None
    currency: str | None = None
    tax: str | None = None

    def fits(self, location: str | None, channel: str | None, region: str | None) -> bool:
        """Whether every selector that is set has this value."""
        return (
            self.location in (None, location)
            and self.channel in (None, channel)
            and self.region in (None, region)
        )


_SETTABLE = (
    "owner",
    "execute",
    "publish_to",
    "latency_s",
    "checks",
    "safety_stock",
    "share",
    "cap",
    "allocation",
    "order_lag_s",
    "currency",
    "tax",
)


@dataclass(frozen=True, kw_only=True)
class Domain:
    """One governed area.

    `owner` is the system of record; `capture` lists the channels whose facts count instead (in
    settlement they are called sources); `execute` is where these become work or are booked;
    `publish_to` lists who is told what the owner says. `latency_s` is how soon they should know.
    """

    owner: str | None = None
    capture: tuple[str, ...] = ()
    execute: str | None = None
    publish_to: tuple[str, ...] = ()
    latency_s: float | None = None
    checks: tuple[str, ...] = ()
    reviewers: tuple[str, ...] = ()
    """Connections that may place and release holds on orders."""
    refund_for: tuple[str, ...] = ()
    """Payments: connections whose pending refunds are wishes."""
    reconcile: str | None = None
    """A cron expression in UTC."""
    safety_stock: Decimal = ZERO
    share: Decimal = Decimal(1)
    cap: Decimal | None = None
    currency: str | None = None
    """Pricing: what is sold in; None: whatever the owner says."""
    tax: str | None = None
    """Pricing: whether taxes are `included` in prices or come `on_top`; None: either."""
    ship: Rule = WHOLE_LINES
    """Fulfilment: how an order may be parted over places."""
    exchanges: str = "received"
    """Returns: when the new goods of an exchange leave: agreed, received, inspected."""
    complete: bool = True
    """Catalogue: whether a SKU that the owner has not told of does not exist."""
    allocation: Allocation = "shared"
    """Whether all that is left is on offer everywhere, or each piece in one channel only."""
    order_lag_s: float = 10.0
    """How late orders of a channel may come: so long is waited before its pieces go elsewhere."""
    lag_buffer: bool = False
    """Whether channels are told less while news is on its way, by what was measured."""
    reserve_s: float = 0.0
    """How long stock is set aside for an order that was not given to anybody; 0: never."""
    overrides: tuple[Override, ...] = ()

    @property
    def policy(self) -> Policy:
        """What a channel may promise of the stock in this part of the domain."""
        return Policy(safety=self.safety_stock, share=self.share, cap=self.cap)

    @property
    def sources(self) -> tuple[str, ...]:
        """The connections whose word counts here, parts of the domain included."""
        parts = [o.owner for o in self.overrides if o.owner]
        whole = self.capture or ((self.owner,) if self.owner else ())
        return tuple(dict.fromkeys((*whole, *parts)))

    @property
    def all_checks(self) -> frozenset[str]:
        """Every check that any part of the domain asks for."""
        parts = (o.checks for o in self.overrides if o.checks)
        return frozenset(self.checks).union(*parts)

    @property
    def allots(self) -> bool:
        """Whether any part of the stock may be on offer in one channel only."""
        parts = (self.allocation, *(one.allocation for one in self.overrides))
        return any(one not in (None, "shared") for one in parts)

    def part(
        self, *, location: str | None = None, channel: str | None = None, region: str | None = None
    ) -> "Domain":
        """The domain as it holds for one place, channel and region; later overrides win."""
        if not self.overrides:
            return self
        changes: dict[str, object] = {}
        for override in self.overrides:
            if not override.fields and override.fits(location, channel, region):
                for name in _SETTABLE:
                    value = getattr(override, name)
                    if value is not None:
                        changes[name] = value
        return replace(self, **changes) if changes else self  # type: ignore[arg-type]

    def field_owners(self) -> dict[str, str]:
        """Fields of the entity that somebody else than `owner` owns, and who."""
        return {name: o.owner for o in self.overrides if o.owner is not None for name in o.fields}


@dataclass(frozen=True, kw_only=True)
class Place:
    """A location as the deployment names it: who ships from there, and for which region."""

    name: str
    region: str | None = None
    ships_for: tuple[str, ...] = ()
    """Regions it ships to; empty: all."""


@dataclass(frozen=True, kw_only=True)
class Rules:
    """The whole table, and what each connection can be asked to do.

    `regions` maps a region to its countries (ISO 3166-1 alpha-2), `places` lists the locations in
    the order in which they are tried.
    """

    domains: Mapping[str, Domain]
    handles: Mapping[str, frozenset[str]] = field(default_factory=dict)
    production: bool = False
    regions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    places: tuple[Place, ...] = ()
    checks: Mapping[str, Check] = field(default_factory=dict)
    """The checks that plugins bring, by name."""
    theirs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Connection to what it calls our places: its own name to ours (its `locations`)."""

    def domain(self, kind: str) -> Domain | None:
        """The domain that governs entities of this kind; None when the deployment has none.

        Of money it is the one where that is booked, with those whose word on money counts.
        """
        domain = self.domains.get(DOMAINS.get(kind, ""))
        if not self.payers or kind not in MONEY:
            return domain
        told = {
            "refund": (*self.payers, *self.refund_for),
            "payout": (*self.payers, *(domain.capture if domain else ())),
        }.get(kind, self.payers)
        return replace(domain or Domain(), capture=told)

    def named(self, kind: str) -> str:
        """What the domain that says whose word on this kind counts is called."""
        return "payments" if self.payers and kind in MONEY else DOMAINS.get(kind, kind)

    @property
    def payers(self) -> tuple[str, ...]:
        """Whose word on money counts, where the deployment says so: the payment services."""
        payments = self.domains.get("payments")
        return payments.capture if payments else ()

    @property
    def refund_for(self) -> tuple[str, ...]:
        """Connections whose pending refunds are wishes, paid where the money was taken."""
        payments = self.domains.get("payments")
        return payments.refund_for if payments else ()

    def can(self, connection: str | None, command: str) -> bool:
        """Whether this connection's connector handles this command."""
        return connection is not None and command in self.handles.get(connection, frozenset())

    def able(self, connections: Iterable[str], command: str) -> tuple[str, ...]:
        """Those of these connections that handle this command."""
        return tuple(name for name in connections if self.can(name, command))

    @property
    def channels(self) -> tuple[str, ...]:
        """The connections that sell."""
        orders = self.domains.get("orders")
        return orders.capture if orders else ()

    @property
    def keeps_stock(self) -> bool:
        """Whether stock is set aside for orders, and channels are told what is left."""
        inventory = self.domains.get("inventory")
        return inventory is not None and inventory.reserve_s > 0

    def region_of(self, country: str | None) -> str | None:
        """The first region that has this country."""
        if country is None or not self.regions:
            return None
        return next((name for name, codes in self.regions.items() if country in codes), None)

    def region_at(self, location: str | None) -> str | None:
        """The region a place is in."""
        return next((one.region for one in self.places if one.name == location), None)

    def ships_from(self, region: str | None) -> tuple[str, ...]:
        """The places that ship to this region, its own first, else in the order of the table."""
        if not self.places:
            return ()
        fit = [p for p in self.places if not p.ships_for or region in p.ships_for]
        return tuple(p.name for p in sorted(fit, key=lambda p: p.region != region))

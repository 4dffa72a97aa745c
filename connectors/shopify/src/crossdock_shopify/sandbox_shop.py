"""The pretended shop: its goods, places, orders and all that happened to them.

Everything lives in dicts in memory. How GraphQL sees it is in `sandbox_graph`, what may be done to
it in `sandbox_effects`, `sandbox_money` and `sandbox_goods`.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from crossdock.testing.catalog import CATALOG

LOCATION = 24826418
"""The first location's numeric id, that of Shopify's sample bodies."""
SECOND = 24826419
"""A second place, where nothing lies until a test puts it there."""
_GONE = frozenset({"CANCELLED", "ERROR", "FAILURE"})
Tell = Callable[[str, str, dict[str, Any]], None]


def gid(kind: str, number: int) -> str:
    """`gid://shopify/Order/1`."""
    return f"gid://shopify/{kind}/{number}"


def now() -> datetime:
    """The present second; Shopify's times have no more."""
    return datetime.now(UTC).replace(microsecond=0)


def time_text(moment: datetime) -> str:
    """A time as the Admin API writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def now_text() -> str:
    """The present moment as Shopify writes it."""
    return time_text(now())


def number_in(wanted: object, kind: str) -> int:
    """The number in a gid of this kind, or -1."""
    prefix, text = f"gid://shopify/{kind}/", str(wanted)
    tail = text.removeprefix(prefix)
    return int(tail) if text.startswith(prefix) and tail.isascii() and tail.isdecimal() else -1


@dataclass
class Line:
    """One order line. `removed` is what is no longer wanted of it."""

    id: int
    sku: str
    title: str
    quantity: int
    price: Decimal
    data: dict[str, Any] = field(default_factory=dict)
    removed: int = 0


@dataclass
class FulfillmentOrderLine:
    """So much of a line that one place shall ship."""

    id: int
    line: Line
    total: int
    remaining: int


@dataclass
class FulfillmentOrder:
    """The instruction to one place."""

    id: int
    location: int
    lines: list[FulfillmentOrderLine]
    updated: datetime
    request_status: str = "UNSUBMITTED"
    cancelled: bool = False
    holds: list[dict[str, Any]] = field(default_factory=list)

    @property
    def open(self) -> bool:
        """Whether something of it is still to be shipped."""
        return not self.cancelled and any(line.remaining for line in self.lines)

    @property
    def status(self) -> str:
        """In Shopify's word."""
        if self.cancelled:
            return "CANCELLED"
        if not self.open:
            return "CLOSED"
        return "ON_HOLD" if self.holds else "OPEN"


@dataclass
class ReturnLine:
    """So much of one fulfilled line that comes back, and what became of it."""

    id: int
    line: Line
    fulfillment_line: str
    quantity: int
    reason: str
    note: str
    reverse_id: int
    dispositions: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class ShopReturn:
    """A return."""

    id: int
    name: str
    status: str
    lines: list[ReturnLine]
    created: datetime
    closed: datetime | None = None
    decline: dict[str, Any] | None = None
    tracking: dict[str, Any] | None = None


@dataclass
class ShopOrder:
    """One order, and all that happened to it."""

    id: int
    name: str
    currency: str
    total: str
    lines: list[Line]
    facts: dict[str, Any]
    updated: datetime = field(default_factory=now)
    fulfillment_orders: list[FulfillmentOrder] = field(default_factory=list)
    fulfillments: list[dict[str, Any]] = field(default_factory=list)
    refunds: list[dict[str, Any]] = field(default_factory=list)
    returns: list[ShopReturn] = field(default_factory=list)
    transactions: list[dict[str, Any]] = field(default_factory=list)
    reach: dict[str, Any] = field(default_factory=dict)
    """What `orderUpdate` changed, by the names of a webhook's body."""
    cancelled_at: str | None = None
    cancel_reason: str | None = None
    staff_note: str | None = None

    def touch(self) -> None:
        """It changed just now."""
        self.updated = max(now(), self.updated)

    def live(self) -> list[dict[str, Any]]:
        """The fulfilments that hold goods."""
        return [row for row in self.fulfillments if row["status"] not in _GONE]

    def fulfilled(self, line_id: int) -> int:
        """How much of a line has left."""
        return sum(int(row["lines"].get(line_id, 0)) for row in self.live())

    def hold(self, reason: str = "OTHER", handle: str = "") -> None:
        """Somebody holds all that is still open."""
        for one in self.fulfillment_orders:
            if one.open:
                hold = {"id": one.id * 10 + len(one.holds), "reason": reason, "handle": handle}
                one.holds.append(hold)


@dataclass
class Shop:
    """The whole state. `echo` is told of each change: topic, key, and what it is about."""

    stock_each: int = 1000
    domain: str = "crossdock-demo.myshopify.com"
    currency: str = "USD"
    orders: dict[int, ShopOrder] = field(default_factory=dict)
    products: dict[int, dict[str, Any]] = field(default_factory=dict)
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    customers: dict[int, dict[str, Any]] = field(default_factory=dict)
    locations: dict[int, dict[str, Any]] = field(default_factory=dict)
    stock: dict[tuple[int, int], int] = field(default_factory=dict)
    """(item, location) to what is available there."""
    stock_times: dict[tuple[int, int], datetime] = field(default_factory=dict)
    subscriptions: dict[int, dict[str, Any]] = field(default_factory=dict)
    owners: dict[tuple[str, int], ShopOrder] = field(default_factory=dict)
    items: dict[int, dict[str, Any]] = field(default_factory=dict)
    replays: dict[str, tuple[object, dict[str, Any]]] = field(default_factory=dict)
    stock_updates: int = 0
    fulfillment_count: int = 0
    idempotent_replays: int = 0
    echo: Tell = lambda topic, key, facts: None
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(7_100_000_000_001))

    def __post_init__(self) -> None:
        self.locations = {
            LOCATION: {"name": "Main warehouse", "active": True},
            SECOND: {"name": "Second warehouse", "active": True},
        }
        for index, item in enumerate(CATALOG):
            self.add_variant(item.sku, item.name, item.price, 8_000_000_000_000 + index * 10)

    def add_variant(self, sku: str, name: str, price: Decimal, number: int) -> None:
        """One product with one variant, stocked at the first location."""
        self.set_stock(number + 2, LOCATION, self.stock_each)
        variant = {
            "product": number,
            "variant": number + 1,
            "item": number + 2,
            "sku": sku,
            "name": name,
            "price": f"{price:.2f}",
            "compare_at": None,
            "barcode": None,
            "options": {"Title": "Default Title"},
            "tracked": True,
            "requires_shipping": True,
            "weight": None,
        }
        self.variants[sku] = self.items[number + 2] = variant
        self.products[number] = {
            "id": number,
            "title": name,
            "handle": f"product-{number}",
            "body_html": "",
            "vendor": "Acme",
            "product_type": "",
            "status": "ACTIVE",
            "tags": [],
            "options": ["Title"],
            "variants": [variant],
            "updated": now(),
        }

    def set_stock(self, item: int, location: int, available: int) -> None:
        """So much is available there from now on."""
        self.stock[item, location] = available
        self.stock_times[item, location] = now()

    def sell(self, sku: str, quantity: int, location: int = LOCATION) -> None:
        """Somebody bought it elsewhere."""
        item = self.variants[sku]["item"]
        self.set_stock(item, location, self.stock[item, location] - quantity)

    def variant_of(self, item: int) -> dict[str, Any] | None:
        """The variant of an inventory item."""
        return self.items.get(item)

    def committed(self, item: int, location: int) -> int:
        """What open fulfilment orders of a place still want."""
        row = self.variant_of(item)
        return sum(
            line.remaining
            for order in self.orders.values()
            for one in order.fulfillment_orders
            if one.location == location and one.open
            for line in one.lines
            if row is not None and line.line.sku == row["sku"]
        )

    def plan(self, order: ShopOrder, places: dict[int, int] | None = None) -> None:
        """Make the order's fulfilment orders, one for each place; `places`: line id to location."""
        groups: dict[int, list[Line]] = {}
        for line in order.lines:
            groups.setdefault((places or {}).get(line.id, LOCATION), []).append(line)
        for index, (location, lines) in enumerate(sorted(groups.items())):
            order.fulfillment_orders.append(
                FulfillmentOrder(
                    id=self.own(order, "FulfillmentOrder", order.id + 1 + index),
                    location=location,
                    lines=[
                        FulfillmentOrderLine(line.id + 100, line, line.quantity, line.quantity)
                        for line in lines
                    ],
                    updated=order.updated,
                )
            )

    def own(self, order: ShopOrder, kind: str, number: int) -> int:
        """Remember that this thing is of this order; its number again."""
        self.owners[kind, number] = order
        return number

    def find_order(self, number: int, kind: str) -> ShopOrder | None:
        """The order that something belongs to, by the number of that thing."""
        return self.owners.get((kind, number))

    def report(self) -> dict[str, Any]:
        """The truth, for a demo or a test to compare with."""
        return {
            "orders": {str(order.id): _order_report(order) for order in self.orders.values()},
            "stock": {
                sku: self.stock.get((row["item"], LOCATION), 0)
                for sku, row in self.variants.items()
            },
            "stock_updates": self.stock_updates,
            "fulfillments": self.fulfillment_count,
            "idempotent_replays": self.idempotent_replays,
        }


def _order_report(order: ShopOrder) -> dict[str, Any]:
    return {
        "name": order.name,
        "currency": order.currency,
        "total": order.total,
        "cancelled": order.cancelled_at is not None,
        "lines": {str(line.id): line.quantity for line in order.lines},
        "skus": {str(line.id): line.sku for line in order.lines},
        "fulfilled": {str(line.id): order.fulfilled(line.id) for line in order.lines},
        "fulfillments": [
            {
                "id": str(row["id"]),
                "status": row["status"],
                "location": row["location"],
                "tracking": row["tracking"],
                "lines": {str(line): quantity for line, quantity in row["lines"].items()},
            }
            for row in order.fulfillments
        ],
        "refunds": [
            {"id": str(row["id"]), "amount": row["amount"], "lines": row["quantities"]}
            for row in order.refunds
        ],
        "returns": [
            {
                "id": str(one.id),
                "status": one.status,
                "lines": {str(line.line.id): line.quantity for line in one.lines},
                "disposed": [
                    [str(line.line.id), item["type"], item["quantity"]]
                    for line in one.lines
                    for item in line.dispositions
                ],
            }
            for one in order.returns
        ],
    }

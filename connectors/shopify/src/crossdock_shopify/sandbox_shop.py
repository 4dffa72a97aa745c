"""The pretended shop: its goods, orders, fulfilments and stock, and how GraphQL sees them.

Everything lives in dicts in memory. Resolvers return dicts; a dict's callables take the arguments
of the field, as graphql-core's default resolver has it.
"""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from crossdock.testing.catalog import CATALOG

LOCATION = 24826418
"""The one location's numeric id, that of Shopify's sample bodies."""
Resolver = Callable[..., Any]


def gid(kind: str, number: int) -> str:
    """`gid://shopify/Order/1`."""
    return f"gid://shopify/{kind}/{number}"


def now_text() -> str:
    """The present moment as Shopify writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Line:
    """One order line; `remaining` is what its fulfilment order can still ship."""

    id: int
    fo_line_id: int
    sku: str
    title: str
    quantity: int
    price: Decimal
    remaining: int
    data: dict[str, Any] = field(default_factory=dict)


@dataclass
class ShopOrder:
    """One order, and all that was shipped for it."""

    id: int
    name: str
    currency: str
    total: str
    lines: list[Line]
    facts: dict[str, Any]
    location: int = LOCATION
    fulfillments: list[dict[str, Any]] = field(default_factory=list)
    held: bool = False
    cancelled_at: str | None = None

    @property
    def fo_id(self) -> int:
        """The id of its one fulfilment order."""
        return self.id + 1


@dataclass
class Shop:
    """The whole state. `echo` is told of each fulfilment and each change of stock."""

    stock_each: int = 1000
    domain: str = "crossdock-demo.myshopify.com"
    orders: dict[int, ShopOrder] = field(default_factory=dict)
    variants: dict[str, dict[str, Any]] = field(default_factory=dict)
    stock: dict[int, int] = field(default_factory=dict)
    shipments: dict[int, tuple[ShopOrder, dict[str, Any]]] = field(default_factory=dict)
    replays: dict[str, tuple[object, dict[str, Any]]] = field(default_factory=dict)
    stock_updates: int = 0
    fulfillment_count: int = 0
    idempotent_replays: int = 0
    echo: Callable[[str, str, dict[str, Any]], None] = lambda topic, key, facts: None
    ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(7_100_000_000_001))

    def __post_init__(self) -> None:
        for index, item in enumerate(CATALOG):
            self.add_variant(item.sku, item.name, item.price, 8_000_000_000_000 + index * 10)

    def add_variant(self, sku: str, name: str, price: Decimal, number: int) -> None:
        """One product with one variant, stocked at the one location."""
        self.stock[number + 2] = self.stock_each
        self.variants[sku] = {
            "product": number,
            "variant": number + 1,
            "item": number + 2,
            "name": name,
            "price": price,
            "tracked": True,
        }

    def sku_of(self, item: int) -> str:
        """The SKU of an inventory item."""
        return next(sku for sku, row in self.variants.items() if row["item"] == item)

    def report(self) -> dict[str, Any]:
        """The truth, for a demo or a test to compare with."""
        return {
            "orders": {str(order.id): _order_report(order) for order in self.orders.values()},
            "stock": {sku: self.stock[row["item"]] for sku, row in self.variants.items()},
            "stock_updates": self.stock_updates,
            "fulfillments": self.fulfillment_count,
            "idempotent_replays": self.idempotent_replays,
        }

    # What GraphQL asks for

    def root(self) -> dict[str, Resolver]:
        """The fields of QueryRoot that the sandbox answers."""
        return {
            "shop": lambda info: self._shop(),
            "nodes": lambda info, **a: [self._node(each) for each in a["ids"]],
            "location": lambda info, **a: self._node(a.get("id") or gid("Location", LOCATION)),
            "order": lambda info, **a: self._order(a["id"]),
            "fulfillment": lambda info, **a: self._fulfillment(a["id"]),
            "fulfillmentOrder": lambda info, **a: self._fulfillment_order(a["id"]),
            "productVariants": lambda info, **a: self._variants(a),
            "inventoryItem": lambda info, **a: self._item(a["id"]),
        }

    def _shop(self) -> dict[str, Any]:
        return {
            "id": gid("Shop", 548380009),
            "name": "Crossdock Demo",
            "myshopifyDomain": self.domain,
            "currencyCode": "USD",
            "email": "owner@example.com",
        }

    def _node(self, wanted: str) -> dict[str, Any] | None:
        if wanted == gid("Location", LOCATION):
            return {
                "__typename": "Location",
                "id": wanted,
                "name": "Main warehouse",
                "isActive": True,
            }
        return None

    def _order(self, wanted: str) -> dict[str, Any] | None:
        order = self.orders.get(number_in(wanted, "Order"))
        if order is None:
            return None
        return {
            "id": gid("Order", order.id),
            "legacyResourceId": str(order.id),
            "name": order.name,
            "cancelledAt": order.cancelled_at,
            "fulfillments": lambda info, **a: [
                self.fulfillment_node(order, row) for row in order.fulfillments[: a.get("first")]
            ],
            "fulfillmentOrders": lambda info, **a: connection([self._fo_node(order)], a),
        }

    def _fo_node(self, order: ShopOrder) -> dict[str, Any]:
        open_ = any(line.remaining for line in order.lines) and order.cancelled_at is None
        status = "ON_HOLD" if open_ and order.held else "OPEN" if open_ else "CLOSED"
        return {
            "id": gid("FulfillmentOrder", order.fo_id),
            "status": status,
            "requestStatus": "UNSUBMITTED",
            "orderName": order.name,
            "assignedLocation": {
                "name": "Main warehouse",
                "countryCode": "US",
                "location": self._node(gid("Location", order.location)),
            },
            "lineItems": lambda info, **a: connection(
                [
                    {
                        "id": gid("FulfillmentOrderLineItem", line.fo_line_id),
                        "remainingQuantity": line.remaining if open_ else 0,
                        "totalQuantity": line.quantity,
                        "sku": line.sku,
                        "productTitle": line.title,
                        "requiresShipping": True,
                        "lineItem": _line_item(line),
                    }
                    for line in order.lines
                ],
                a,
            ),
        }

    def _fulfillment_order(self, wanted: str) -> dict[str, Any] | None:
        order = self.orders.get(number_in(wanted, "FulfillmentOrder") - 1)
        return None if order is None else self._fo_node(order)

    def _fulfillment(self, wanted: str) -> dict[str, Any] | None:
        found = self.shipments.get(number_in(wanted, "Fulfillment"))
        return None if found is None else self.fulfillment_node(*found)

    def fulfillment_node(self, order: ShopOrder, row: dict[str, Any]) -> dict[str, Any]:
        """One fulfilment as GraphQL sees it."""
        lines = {line.id: line for line in order.lines}
        return {
            "id": gid("Fulfillment", row["id"]),
            "legacyResourceId": str(row["id"]),
            "name": row["name"],
            "status": row["status"],
            "createdAt": row["created_at"],
            "updatedAt": row["created_at"],
            "totalQuantity": sum(row["lines"].values()),
            "trackingInfo": lambda info, **a: [
                {"number": number, "company": row["company"], "url": None}
                for number in row["tracking"][: a.get("first")]
            ],
            "fulfillmentLineItems": lambda info, **a: connection(
                [
                    {
                        "id": gid("FulfillmentLineItem", line_id),
                        "quantity": quantity,
                        "lineItem": _line_item(lines[line_id]),
                    }
                    for line_id, quantity in row["lines"].items()
                ],
                a,
            ),
        }

    def _variants(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        query = str(arguments.get("query") or "")
        wanted = query.removeprefix("sku:").strip('"').replace('\\"', '"').replace("\\\\", "\\")
        if query.startswith("sku:"):  # found by word, so look-alikes come too, as at the real one
            rows = [
                (s, r) for s, r in self.variants.items() if s.lower().startswith(wanted.lower())
            ]
        else:
            rows = list(self.variants.items())
        nodes = [
            {
                "id": gid("ProductVariant", row["variant"]),
                "sku": sku,
                "title": row["name"],
                "price": str(row["price"]),
                "inventoryItem": self._item(gid("InventoryItem", row["item"])),
            }
            for sku, row in rows
        ]
        return connection(nodes, arguments)

    def _item(self, wanted: str) -> dict[str, Any] | None:
        number = number_in(wanted, "InventoryItem")
        if number not in self.stock:
            return None
        sku = self.sku_of(number)
        return {
            "id": wanted,
            "sku": sku,
            "tracked": self.variants[sku]["tracked"],
            "inventoryLevel": lambda info, **a: self._level(number, a["locationId"]),
        }

    def _level(self, item: int, location: str) -> dict[str, Any] | None:
        if location != gid("Location", LOCATION):
            return None
        return {
            "id": f"{gid('InventoryLevel', LOCATION)}?inventory_item_id={item}",
            "quantities": lambda info, **a: [
                {
                    "id": f"gid://shopify/InventoryQuantity/{item}",
                    "name": name,
                    "quantity": quantity,
                }
                for name, quantity in (("available", self.stock[item]), ("incoming", 0))
                if name in a["names"]
            ],
        }


def connection(nodes: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """A page, with opaque cursors that count."""
    after, first = arguments.get("after"), arguments.get("first") or 250
    start = int(after) if isinstance(after, str) and after.isdecimal() else 0
    page = list(nodes[start : start + first])
    end = start + len(page)
    return {
        "nodes": page,
        "edges": [{"node": node, "cursor": str(start + i + 1)} for i, node in enumerate(page)],
        "pageInfo": {
            "hasNextPage": end < len(nodes),
            "hasPreviousPage": start > 0,
            "startCursor": str(start + 1) if page else None,
            "endCursor": str(end) if page else None,
        },
    }


def number_in(wanted: object, kind: str) -> int:
    """The number in a gid of this kind, or -1."""
    prefix, text = f"gid://shopify/{kind}/", str(wanted)
    tail = text.removeprefix(prefix)
    return int(tail) if text.startswith(prefix) and tail.isascii() and tail.isdecimal() else -1


def _line_item(line: Line) -> dict[str, Any]:
    return {
        "id": gid("LineItem", line.id),
        "sku": line.sku,
        "name": line.title,
        "title": line.title,
        "quantity": line.quantity,
    }


def _order_report(order: ShopOrder) -> dict[str, Any]:
    return {
        "name": order.name,
        "currency": order.currency,
        "total": order.total,
        "lines": {str(line.id): line.quantity for line in order.lines},
        "skus": {str(line.id): line.sku for line in order.lines},
        "fulfilled": {str(line.id): line.quantity - line.remaining for line in order.lines},
        "fulfillments": [
            {
                "id": str(row["id"]),
                "tracking": row["tracking"],
                "lines": {str(line): quantity for line, quantity in row["lines"].items()},
            }
            for row in order.fulfillments
        ],
    }

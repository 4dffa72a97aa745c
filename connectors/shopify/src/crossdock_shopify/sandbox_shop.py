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
_MAX_QUANTITY = 1_000_000_000
_REASONS = frozenset(
    {
        "correction",
        "cycle_count_available",
        "damaged",
        "movement_created",
        "movement_updated",
        "movement_received",
        "movement_canceled",
        "other",
        "promotion",
        "quality_control",
        "received",
        "reservation_created",
        "reservation_deleted",
        "reservation_updated",
        "restock",
        "safety_stock",
        "shrinkage",
    }
)
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
        """The fields of QueryRoot and Mutation that the sandbox answers."""
        return {
            "shop": lambda info: self._shop(),
            "nodes": lambda info, **a: [self._node(each) for each in a["ids"]],
            "location": lambda info, **a: self._node(a.get("id") or gid("Location", LOCATION)),
            "order": lambda info, **a: self._order(a["id"]),
            "fulfillment": lambda info, **a: self._fulfillment(a["id"]),
            "fulfillmentOrder": lambda info, **a: self._fulfillment_order(a["id"]),
            "productVariants": lambda info, **a: self._variants(a),
            "inventoryItem": lambda info, **a: self._item(a["id"]),
            "fulfillmentCreate": lambda info, **a: self.fulfillment_create(a["fulfillment"]),
            "inventorySetQuantities": lambda info, **a: self.inventory_set(a["input"]),
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
        order = self.orders.get(_number(wanted, "Order"))
        if order is None:
            return None
        return {
            "id": gid("Order", order.id),
            "legacyResourceId": str(order.id),
            "name": order.name,
            "cancelledAt": order.cancelled_at,
            "fulfillments": lambda info, **a: [
                self._fulfillment_node(order, row) for row in order.fulfillments[: a.get("first")]
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
        order = self.orders.get(_number(wanted, "FulfillmentOrder") - 1)
        return None if order is None else self._fo_node(order)

    def _fulfillment(self, wanted: str) -> dict[str, Any] | None:
        number = _number(wanted, "Fulfillment")
        for order in self.orders.values():
            for row in order.fulfillments:
                if row["id"] == number:
                    return self._fulfillment_node(order, row)
        return None

    def _fulfillment_node(self, order: ShopOrder, row: dict[str, Any]) -> dict[str, Any]:
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
        number = _number(wanted, "InventoryItem")
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

    # What GraphQL changes

    def fulfillment_create(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """One fulfilment, or Shopify's objection and nothing changed."""
        taken: dict[int, int] = {}
        order: ShopOrder | None = None
        for index, part in enumerate(given["lineItemsByFulfillmentOrder"]):
            where = ["fulfillment", "lineItemsByFulfillmentOrder", str(index)]
            found = self.orders.get(_number(part["fulfillmentOrderId"], "FulfillmentOrder") - 1)
            if found is None or (order is not None and found is not order):
                return _refused("Fulfillment order does not exist.", where)
            order = found
            if order.held or order.cancelled_at or not any(x.remaining for x in order.lines):
                state = "on_hold" if order.held else "closed"
                return _refused(
                    f"Fulfillment order {order.fo_id} has an unfulfillable status= {state}.", where
                )
            by_id = {line.fo_line_id: line for line in order.lines}
            wanted = part.get("fulfillmentOrderLineItems") or [
                {"id": gid("FulfillmentOrderLineItem", x.fo_line_id), "quantity": x.remaining}
                for x in order.lines
                if x.remaining
            ]
            for item in wanted:
                line = by_id.get(_number(item["id"], "FulfillmentOrderLineItem"))
                if line is None:
                    return _refused("Fulfillment order line item does not exist.", where)
                taken[line.id] = taken.get(line.id, 0) + item["quantity"]
                if item["quantity"] <= 0 or taken[line.id] > line.remaining:
                    return _refused(
                        "Invalid fulfillment order line item quantity requested.", where
                    )
        if order is None:
            return _refused("Line items by fulfillment order can't be blank.", ["fulfillment"])
        return {"fulfillment": self._ship(order, taken, given), "userErrors": []}

    def _ship(
        self, order: ShopOrder, taken: dict[int, int], given: Mapping[str, Any]
    ) -> dict[str, Any]:
        for line in order.lines:
            line.remaining -= taken.get(line.id, 0)
        tracking = given.get("trackingInfo") or {}
        numbers = list(tracking.get("numbers") or [])
        if not numbers and tracking.get("number"):
            numbers = [tracking["number"]]
        row = {
            "id": next(self.ids),
            "name": f"{order.name}.{len(order.fulfillments) + 1}",
            "status": "SUCCESS",
            "created_at": now_text(),
            "tracking": numbers,
            "company": tracking.get("company"),
            "urls": list(tracking.get("urls") or []),
            "notified": given.get("notifyCustomer", False),
            "lines": taken,
        }
        order.fulfillments.append(row)
        self.fulfillment_count += 1
        self.echo("fulfillments/create", f"order:{order.id}", {"order": order, "row": row})
        return self._fulfillment_node(order, row)

    def inventory_set(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Set all the quantities given, or none of them."""
        if given["name"] not in {"available", "on_hand"}:
            return _stock_refused(
                "INVALID_NAME", "The quantity name must be 'available'.", ["name"]
            )
        if given["reason"] not in _REASONS:
            return _stock_refused("INVALID_REASON", "The specified reason is invalid.", ["reason"])
        if "://" not in str(given.get("referenceDocumentUri") or "x://"):
            message = "The specified reference document is invalid."
            return _stock_refused("INVALID_REFERENCE_DOCUMENT", message, ["referenceDocumentUri"])
        changes: list[tuple[int, int]] = []
        for index, row in enumerate(given["quantities"]):
            where = ["input", "quantities", str(index)]
            item = _number(row["inventoryItemId"], "InventoryItem")
            fault = self._stock_fault(item, row)
            if fault is not None:
                return _stock_refused(*fault, where)
            changes.append((item, row["quantity"]))
        if len({item for item, _ in changes}) != len(changes):
            message = "The combination of inventoryItemId and locationId must be unique."
            return _stock_refused(
                "NO_DUPLICATE_INVENTORY_ITEM_ID_GROUP_ID_PAIR", message, ["input"]
            )
        for item, quantity in changes:
            self.stock[item] = quantity
            self.stock_updates += 1
            facts = {"item": item, "available": quantity}
            self.echo("inventory_levels/update", f"inventory:{item}", facts)
        group = {"id": gid("InventoryAdjustmentGroup", next(self.ids)), "reason": given["reason"]}
        return {"inventoryAdjustmentGroup": group, "userErrors": []}

    def _stock_fault(self, item: int, row: Mapping[str, Any]) -> tuple[str, str] | None:
        if item not in self.stock:
            return "INVALID_INVENTORY_ITEM", "The specified inventory item could not be found."
        if row["locationId"] != gid("Location", LOCATION):
            return "INVALID_LOCATION", "The specified location could not be found."
        if row["quantity"] < 0:
            return "INVALID_QUANTITY_NEGATIVE", "The quantity can't be negative."
        if row["quantity"] > _MAX_QUANTITY:
            return "INVALID_QUANTITY_TOO_HIGH", "The total quantity is too high."
        expected = row["changeFromQuantity"]
        if expected is not None and expected != self.stock[item]:
            return (
                "CHANGE_FROM_QUANTITY_STALE",
                "The changeFromQuantity value does not match persisted value.",
            )
        return None


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


def _number(wanted: object, kind: str) -> int:
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


def _refused(message: str, where: list[str]) -> dict[str, Any]:
    return {"fulfillment": None, "userErrors": [{"field": where, "message": message}]}


def _stock_refused(code: str, message: str, where: list[str]) -> dict[str, Any]:
    error = {"code": code, "field": where, "message": message}
    return {"inventoryAdjustmentGroup": None, "userErrors": [error]}


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

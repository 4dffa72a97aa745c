"""One pretended seller account: orders, listings, stock at Amazon, money; and what it tells."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from crossdock.testing.catalog import CATALOG

from crossdock_amazon.sandbox_models import notification_faults
from crossdock_amazon.sandbox_shapes import (
    MARKETPLACE,
    SELLER,
    change_summary,
    metadata,
    money,
    order_item,
    stamp,
    summary,
    transaction,
)

_NAMES = ("Ana Torres", "Ben Okafor", "Chiara Rossi", "David Lindqvist", "Emi Sato", "Zoë O’Brien")


@dataclass
class Account:
    """Everything in memory. `tell` is given each notification as text."""

    tell: Callable[[str], object]
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    listings: dict[str, dict[str, int]] = field(default_factory=dict)
    """SKU to its quantity by fulfilment channel."""
    fba: dict[str, dict[str, Any]] = field(default_factory=dict)
    transactions: list[dict[str, Any]] = field(default_factory=list)
    groups: dict[str, dict[str, Any]] = field(default_factory=dict)
    ignore_stock: bool = False
    """Accept stock figures and do nothing, as Amazon does with a listing that has errors."""
    _numbers: Any = field(default_factory=lambda: count(1))

    def __post_init__(self) -> None:
        for item in CATALOG:
            self.listings[item.sku] = {"DEFAULT": 0}
        for number, item in enumerate(CATALOG[:4]):
            self.fba[item.sku] = summary(item.sku, item.name, 40 + number)

    def sell(
        self,
        lines: Mapping[str, int],
        *,
        by_amazon: bool = False,
        status: str = "UNSHIPPED",
        at: datetime | None = None,
        order_id: str | None = None,
        buyer: str = "Ana Torres",
        tax: bool = False,
    ) -> dict[str, Any]:
        """Somebody buys; returns the order."""
        number = next(self._numbers)
        moment = at or datetime.now(UTC)
        order_id = order_id or f"114-{number:07d}-{7_000_000 + number:07d}"
        items = [
            order_item(f"{order_id.replace('-', '')[-11:]}{place:03d}", sku, many, tax)
            for place, (sku, many) in enumerate(lines.items(), 1)
        ]
        total = sum(float(item["proceeds"]["proceedsTotal"]["amount"]) for item in items)
        order = {
            "orderId": order_id,
            "createdTime": stamp(moment),
            "lastUpdatedTime": stamp(moment),
            "programs": ["PRIME"] if by_amazon else [],
            "salesChannel": {
                "channelName": "AMAZON",
                "marketplaceId": MARKETPLACE,
                "marketplaceName": "Amazon.com",
            },
            "buyer": {
                "buyerName": buyer,
                "buyerEmail": f"b{number}@marketplace.amazon.com",
            },
            "recipient": {
                "deliveryAddress": {
                    "name": buyer,
                    "addressLine1": f"{100 + number} Main Street",
                    "city": "Seattle",
                    "stateOrRegion": "WA",
                    "postalCode": "98101",
                    "countryCode": "US",
                    "phone": "+1 206 555 0100",
                    "addressType": "RESIDENTIAL",
                }
            },
            "proceeds": {"grandTotal": money(f"{total:.2f}")},
            "fulfillment": {
                "fulfillmentStatus": status,
                "fulfilledBy": "AMAZON" if by_amazon else "MERCHANT",
                "fulfillmentServiceLevel": "STANDARD",
                "shipByWindow": {
                    "earliestDateTime": stamp(moment),
                    "latestDateTime": stamp(moment + timedelta(days=2)),
                },
            },
            "orderItems": items,
        }
        self.orders[order_id] = order
        self.notify(order)
        return order

    def sell_many(
        self, orders: int, seed: int, by: str, *, tax: bool = False
    ) -> list[dict[str, Any]]:
        """A day's business; what Amazon fulfils has left at once."""
        chance = random.Random(seed)  # noqa: S311 - goods, no secret
        made = []
        for number in range(orders):
            amazon = by == "amazon" or (by == "mixed" and number % 3 == 2)
            goods = list(CATALOG[:4] if amazon else CATALOG)
            chosen = chance.sample(goods, chance.randint(1, 3))
            lines = {item.sku: chance.randint(1, 3) for item in chosen}
            buyer = f"{chance.choice(_NAMES)} {seed}-{number}"
            order = self.sell(lines, by_amazon=amazon, buyer=buyer, tax=tax)
            if amazon:
                self.ship_by_amazon(order["orderId"])
            made.append(order)
        return made

    def touch(
        self, order_id: str, *, at: datetime | None = None, why: str = "OrderStatusChange"
    ) -> dict[str, Any]:
        """It changed now, or then; it is told."""
        order = self.orders[order_id]
        order["lastUpdatedTime"] = stamp(at or datetime.now(UTC))
        self.notify(order, why)
        return order

    def ship_by_amazon(self, order_id: str) -> dict[str, Any]:
        """Amazon's hands ship all of it, out of what lies there."""
        order = self.orders[order_id]
        for item in order["orderItems"]:
            many = item["quantityOrdered"]
            item["fulfillment"] = {"quantityFulfilled": many, "quantityUnfulfilled": 0}
            stock = self.fba.get(item["product"]["sellerSku"])
            if stock is not None:
                details = stock["inventoryDetails"]
                details["fulfillableQuantity"] = max(details["fulfillableQuantity"] - many, 0)
                stock["lastUpdatedTime"] = stamp(datetime.now(UTC))
        order["fulfillment"]["fulfillmentStatus"] = "SHIPPED"
        return self.touch(order_id)

    def confirm(self, order_id: str, package: Mapping[str, Any]) -> str:
        """A merchant's package has left; what is wrong with that, or nothing."""
        order = self.orders[order_id]
        if order["fulfillment"]["fulfilledBy"] == "AMAZON":
            return "Amazon fulfills this order"
        items = {item["orderItemId"]: item for item in order["orderItems"]}
        for one in package["orderItems"]:
            item = items.get(one["orderItemId"])
            if item is None:
                return f"order item {one['orderItemId']} is not in the order"
            if one["quantity"] > item["fulfillment"]["quantityUnfulfilled"]:
                return f"quantity {one['quantity']} is more than is left"
        if not str(package["packageReferenceId"]).isdigit():
            return "packageReferenceId must be a positive number"
        for one in package["orderItems"]:
            told = items[one["orderItemId"]]["fulfillment"]
            told["quantityFulfilled"] += one["quantity"]
            told["quantityUnfulfilled"] -= one["quantity"]
        order.setdefault("packages", []).append(
            {
                "packageReferenceId": package["packageReferenceId"],
                "packageStatus": {"status": "SHIPPED"},
                "carrier": package.get("carrierName") or package["carrierCode"],
                "shipTime": package["shipDate"],
                "trackingNumber": package["trackingNumber"],
                "packageItems": [
                    {"orderItemId": one["orderItemId"], "quantity": one["quantity"]}
                    for one in package["orderItems"]
                ],
            }
        )
        left = sum(item["fulfillment"]["quantityUnfulfilled"] for item in items.values())
        status = "PARTIALLY_SHIPPED" if left else "SHIPPED"
        order["fulfillment"]["fulfillmentStatus"] = status
        self.touch(order_id)
        return ""

    def cancel(self, order_id: str, by: str = "BUYER") -> None:
        """The order is cancelled as a whole."""
        order = self.orders[order_id]
        order["fulfillment"]["fulfillmentStatus"] = "CANCELLED"
        for item in order["orderItems"]:
            item["fulfillment"]["quantityUnfulfilled"] = 0
            told = item.setdefault("cancellation", {})
            told["cancellationExecution"] = {"cancelledBy": by, "cancelReason": "no longer needed"}
        self.touch(order_id)

    def ask_to_cancel(self, order_id: str, reason: str) -> None:
        """The buyer asks; the status stays what it is."""
        for item in self.orders[order_id]["orderItems"]:
            item["cancellation"] = {
                "cancellationRequest": {"requester": "BUYER", "cancelReason": reason}
            }
        self.touch(order_id, why="BuyerRequestedChange")

    def settle(self) -> str:
        """Every shipped order that was not charged yet is, and the statement is closed."""
        number = f"group-{len(self.groups) + 1}"
        now = datetime.now(UTC) - timedelta(minutes=10)
        done = {one["relatedIdentifiers"][0]["relatedIdentifierValue"] for one in self.transactions}
        total = 0.0
        for order in self.orders.values():
            if order["orderId"] in done or order["fulfillment"]["fulfillmentStatus"] != "SHIPPED":
                continue
            charged = transaction(order, number, now)
            self.transactions.append(charged)
            total += charged["totalAmount"]["currencyAmount"]
        self.groups[number] = {
            "FinancialEventGroupId": number,
            "ProcessingStatus": "Closed",
            "FundTransferStatus": "Succeeded",
            "OriginalTotal": {"CurrencyCode": "USD", "CurrencyAmount": round(total, 2)},
            "BeginningBalance": {"CurrencyCode": "USD", "CurrencyAmount": 0.0},
            "FinancialEventGroupStart": stamp(now - timedelta(days=14)),
            "FinancialEventGroupEnd": stamp(now),
        }
        return number

    def notify(self, order: Mapping[str, Any], why: str = "OrderStatusChange") -> None:
        """ORDER_CHANGE, by Amazon's own schema."""
        number = next(self._numbers)
        items = order["orderItems"]
        body = {
            "NotificationVersion": "1.0",
            "NotificationType": "ORDER_CHANGE",
            "PayloadVersion": "1.0",
            "EventTime": order["lastUpdatedTime"],
            "Payload": {
                "OrderChangeNotification": {
                    "NotificationLevel": "OrderLevel",
                    "SellerId": SELLER,
                    "AmazonOrderId": order["orderId"],
                    "OrderChangeType": why,
                    "OrderChangeTrigger": {
                        "TimeOfOrderChange": order["lastUpdatedTime"],
                        "ChangeReason": "Buyer Requested Cancel" if "Buyer" in why else why,
                    },
                    "Summary": change_summary(order, items),
                }
            },
            "NotificationMetadata": metadata(number, order["lastUpdatedTime"]),
        }
        self._send("OrderChangeNotification", body)

    def notify_stock(self, sku: str) -> None:
        """LISTINGS_ITEM_MFN_QUANTITY_CHANGE, by Amazon's own schema."""
        now = stamp(datetime.now(UTC))
        body = {
            "NotificationVersion": "1.0",
            "NotificationType": "LISTINGS_ITEM_MFN_QUANTITY_CHANGE",
            "PayloadVersion": "1.0",
            "EventTime": now,
            "Payload": {
                "SellerId": SELLER,
                "FulfillmentChannelCode": "DEFAULT",
                "Sku": sku,
                "Quantity": self.listings[sku].get("DEFAULT", 0),
            },
            "NotificationMetadata": metadata(next(self._numbers), now),
        }
        self._send("ListingsItemMfnQuantityChange", body)

    def _send(self, schema: str, body: dict[str, Any]) -> None:
        faults = notification_faults(schema, body)
        if faults:
            raise AssertionError(f"the sandbox made a notification that is none: {faults[:3]}")
        self.tell(json.dumps(body))

"""What the pretended Amazon's account looks like in its answers: plain values, made of others."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from crossdock.testing.catalog import CATALOG

SELLER = "A3TH9S8BH6GOGM"
MARKETPLACE = "ATVPDKIKX0DER"
_STATUS_V0 = {
    "PENDING": "Pending",
    "UNSHIPPED": "Unshipped",
    "PARTIALLY_SHIPPED": "PartiallyShipped",
    "SHIPPED": "Shipped",
    "CANCELLED": "Canceled",
}


def stamp(moment: datetime) -> str:
    """As Amazon writes times."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_v0(order: Mapping[str, Any]) -> dict[str, Any]:
    """The same order in the words of API v0."""
    status = order["fulfillment"]["fulfillmentStatus"]
    amazon = order["fulfillment"]["fulfilledBy"] == "AMAZON"
    total = order["proceeds"]["grandTotal"]
    return {
        "AmazonOrderId": order["orderId"],
        "PurchaseDate": order["createdTime"],
        "LastUpdateDate": order["lastUpdatedTime"],
        "OrderStatus": _STATUS_V0[status],
        "FulfillmentChannel": "AFN" if amazon else "MFN",
        "SalesChannel": order["salesChannel"]["marketplaceName"],
        "MarketplaceId": MARKETPLACE,
        "OrderTotal": {"CurrencyCode": total["currencyCode"], "Amount": total["amount"]},
    }


def items_v0(order: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Its items; v0's price is for the whole line."""
    return [
        {
            "ASIN": item["product"]["asin"],
            "SellerSKU": item["product"]["sellerSku"],
            "OrderItemId": item["orderItemId"],
            "Title": item["product"]["title"],
            "QuantityOrdered": item["quantityOrdered"],
            "QuantityShipped": item["fulfillment"]["quantityFulfilled"],
            "ItemPrice": {
                "CurrencyCode": "USD",
                "Amount": item["proceeds"]["breakdowns"][0]["subtotal"]["amount"],
            },
        }
        for item in order["orderItems"]
    ]


def address_v0(order: Mapping[str, Any]) -> dict[str, Any]:
    """Where it goes."""
    told = order["recipient"]["deliveryAddress"]
    return {
        "AmazonOrderId": order["orderId"],
        "ShippingAddress": {
            "Name": told["name"],
            "AddressLine1": told["addressLine1"],
            "City": told["city"],
            "StateOrRegion": told["stateOrRegion"],
            "PostalCode": told["postalCode"],
            "CountryCode": told["countryCode"],
        },
    }


def money(amount: str) -> dict[str, str]:
    """An amount of dollars."""
    return {"amount": amount, "currencyCode": "USD"}


def order_item(item_id: str, sku: str, many: int, tax: bool) -> dict[str, Any]:
    """One position of an order; with `tax`, what Amazon collects and pays itself."""
    goods = next(one for one in CATALOG if one.sku == sku)
    price = goods.price * many
    due = (price * 8 / 100).quantize(goods.price) if tax else goods.price * 0
    breakdowns: list[dict[str, Any]] = [{"type": "ITEM", "subtotal": money(f"{price:.2f}")}]
    item: dict[str, Any] = {
        "orderItemId": item_id,
        "quantityOrdered": many,
        "product": {
            "asin": f"B0{sum(map(ord, sku)):08d}",
            "title": goods.name,
            "sellerSku": sku,
            "price": {"unitPrice": money(f"{goods.price:.2f}")},
        },
        "proceeds": {"proceedsTotal": money(f"{price + due:.2f}"), "breakdowns": breakdowns},
        "fulfillment": {"quantityFulfilled": 0, "quantityUnfulfilled": many},
    }
    if tax:
        breakdowns.append({"type": "TAX", "subtotal": money(f"{due:.2f}")})
        item["tax"] = {"taxCollections": [{"model": "MARKETPLACE_FACILITATOR"}]}
    return item


def summary(sku: str, name: str, many: int) -> dict[str, Any]:
    """Stock of one SKU in all of Amazon's buckets."""
    return {
        "asin": f"B0{many:08d}",
        "fnSku": f"X00{many:07d}",
        "sellerSku": sku,
        "condition": "NewItem",
        "inventoryDetails": {
            "fulfillableQuantity": many,
            "inboundWorkingQuantity": 0,
            "inboundShippedQuantity": 5,
            "inboundReceivingQuantity": 0,
            "reservedQuantity": {
                "totalReservedQuantity": 3,
                "pendingCustomerOrderQuantity": 2,
                "pendingTransshipmentQuantity": 1,
                "fcProcessingQuantity": 0,
            },
            "researchingQuantity": {
                "totalResearchingQuantity": 1,
                "researchingQuantityBreakdown": [
                    {"name": "researchingQuantityInShortTerm", "quantity": 1},
                    {"name": "researchingQuantityInMidTerm", "quantity": 0},
                    {"name": "researchingQuantityInLongTerm", "quantity": 0},
                ],
            },
            "unfulfillableQuantity": {
                "totalUnfulfillableQuantity": 2,
                "customerDamagedQuantity": 2,
                "warehouseDamagedQuantity": 0,
                "distributorDamagedQuantity": 0,
                "carrierDamagedQuantity": 0,
                "defectiveQuantity": 0,
                "expiredQuantity": 0,
            },
        },
        "lastUpdatedTime": "2026-01-01T00:00:00Z",
        "productName": name,
        "totalQuantity": many + 11,
        "stores": [],
    }


def transaction(order: Mapping[str, Any], group: str, now: datetime) -> dict[str, Any]:
    """Sales and Amazon's commission of 15 %, item by item."""
    items, total = [], 0.0
    for item in order["orderItems"]:
        price = float(item["proceeds"]["breakdowns"][0]["subtotal"]["amount"])
        fee = -round(price * 0.15, 2)
        net = round(price + fee, 2)
        total += net
        items.append(
            {
                "description": item["product"]["title"],
                "totalAmount": _currency(net),
                "contexts": [
                    {
                        "contextType": "ProductContext",
                        "sku": item["product"]["sellerSku"],
                        "asin": item["product"]["asin"],
                        "quantityShipped": item["quantityOrdered"],
                    }
                ],
                "breakdowns": [
                    _charge("ProductCharges", price, _charge("OurPricePrincipal", price)),
                    _charge("AmazonFees", fee, _charge("Commission", fee)),
                ],
            }
        )
    return {
        "sellingPartnerMetadata": {"sellingPartnerId": SELLER, "marketplaceId": MARKETPLACE},
        "relatedIdentifiers": [
            {"relatedIdentifierName": "ORDER_ID", "relatedIdentifierValue": order["orderId"]},
            {
                "relatedIdentifierName": "FINANCIAL_EVENT_GROUP_ID",
                "relatedIdentifierValue": group,
            },
        ],
        "transactionType": "Shipment",
        "transactionId": f"t-{order['orderId']}",
        "transactionStatus": "RELEASED",
        "description": "Order Payment",
        "postedDate": stamp(now),
        "totalAmount": _currency(round(total, 2)),
        "items": items,
    }


def _currency(amount: float) -> dict[str, Any]:
    return {"currencyAmount": amount, "currencyCode": "USD"}


def _charge(name: str, amount: float, *inner: dict[str, Any]) -> dict[str, Any]:
    return {
        "breakdownType": name,
        "breakdownAmount": _currency(amount),
        "breakdowns": list(inner),
    }


def _left(one: Mapping[str, Any]) -> bool:
    told = one["fulfillment"]
    return bool(told["quantityUnfulfilled"]) or not told["quantityFulfilled"]


def change_summary(order: Mapping[str, Any], items: list[dict[str, Any]]) -> dict[str, Any]:
    """What ORDER_CHANGE tells of an order."""
    shipped = sum(one["fulfillment"]["quantityFulfilled"] for one in items)
    left = sum(one["fulfillment"]["quantityUnfulfilled"] for one in items)
    status = _STATUS_V0[order["fulfillment"]["fulfillmentStatus"]]
    return {
        "MarketplaceId": MARKETPLACE,
        "OrderStatus": status,
        "PurchaseDate": order["createdTime"],
        "DestinationPostalCode": order["recipient"]["deliveryAddress"]["postalCode"],
        "FulfillmentType": "AFN" if order["fulfillment"]["fulfilledBy"] == "AMAZON" else "MFN",
        "OrderType": "StandardOrder",
        "NumberOfItemsShipped": shipped,
        "NumberOfItemsUnshipped": left,
        "EarliestDeliveryDate": order["createdTime"],
        "LatestDeliveryDate": order["createdTime"],
        "EarliestShipDate": order["createdTime"],
        "LatestShipDate": order["createdTime"],
        "CancelNotifyDate": order["lastUpdatedTime"],
        "OrderPrograms": [],
        "ShippingPrograms": [],
        "OrderItems": [
            {
                "OrderItemId": one["orderItemId"],
                "SellerSKU": one["product"]["sellerSku"],
                "SupplySourceId": "",
                "OrderItemStatus": "Unshipped" if _left(one) else "Shipped",
                "Quantity": one["quantityOrdered"],
                "QuantityShipped": one["fulfillment"]["quantityFulfilled"],
                "IsBuyerRequestedCancel": "cancellationRequest" in one.get("cancellation", {}),
                "ItemEarliestDeliveryDate": order["createdTime"],
                "ItemLatestDeliveryDate": order["createdTime"],
            }
            for one in items
        ],
    }


def metadata(number: int, at: str) -> dict[str, str]:
    """Who was notified, by which notification."""
    return {
        "ApplicationId": "amzn1.sellerapps.app.sandbox",
        "SubscriptionId": "sandbox-subscription",
        "PublishTime": at,
        "NotificationId": f"sandbox-notification-{number}",
    }

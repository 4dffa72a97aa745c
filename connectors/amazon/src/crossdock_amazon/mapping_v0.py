"""Old orders, of API v0: said in the words of API 2026-01-01, then mapped as all others. Pure.

A record holds what four operations answered: `order`, `items` (all pages), `address`, `buyer`.
v0 prices are for the whole line. Source: models/orders-api-model/ordersV0.json.
"""

from collections.abc import Mapping
from typing import Any

import crossdock
from crossdock import jsontext
from crossdock.identity import fingerprint
from crossdock.reading import Amount, Count, Moment, Required, Shape, Text, TypedDict

from crossdock_amazon import mapping_orders, shapes

TOPIC = "order/v0"
Word = Text | None

_STATUSES = {
    "Pending": "PENDING",
    "PendingAvailability": "PENDING_AVAILABILITY",
    "Unshipped": "UNSHIPPED",
    "InvoiceUnconfirmed": "UNSHIPPED",
    "PartiallyShipped": "PARTIALLY_SHIPPED",
    "Shipped": "SHIPPED",
    "Canceled": "CANCELLED",
    "Unfulfillable": "UNFULFILLABLE",
}
_CHANNELS = {"MFN": "MERCHANT", "AFN": "AMAZON"}


class Money(TypedDict, total=False):
    CurrencyCode: Word
    Amount: Amount | None


class Address(TypedDict, total=False):
    Name: Word
    CompanyName: Word
    AddressLine1: Word
    AddressLine2: Word
    AddressLine3: Word
    City: Word
    County: Word
    District: Word
    StateOrRegion: Word
    Municipality: Word
    PostalCode: Word
    CountryCode: Word
    Phone: Word


class Head(TypedDict, total=False):
    """The order itself."""

    AmazonOrderId: Required[Text]
    SellerOrderId: Word
    PurchaseDate: Required[Moment]
    LastUpdateDate: Required[Moment]
    OrderStatus: Required[Text]
    FulfillmentChannel: Word
    SalesChannel: Word
    OrderTotal: Money | None
    PaymentMethodDetails: list[Text] | None
    MarketplaceId: Word
    ShipmentServiceLevelCategory: Word
    EarliestShipDate: Word
    LatestShipDate: Word
    EarliestDeliveryDate: Word
    LatestDeliveryDate: Word
    ReplacedOrderId: Word
    IsPrime: bool | None
    IsBusinessOrder: bool | None


class Cancel(TypedDict, total=False):
    IsBuyerRequestedCancel: Any
    BuyerCancelReason: Word


class Collection(TypedDict, total=False):
    Model: Word
    ResponsibleParty: Word


class Gift(TypedDict, total=False):
    """Wrapping, as the buyer's wish."""

    GiftWrapPrice: Money | None
    GiftWrapTax: Money | None


class Item(TypedDict, total=False):
    """One position; its prices are for all of it."""

    ASIN: Word
    OrderItemId: Required[Text]
    SellerSKU: Word
    Title: Word
    QuantityOrdered: Required[Count]
    QuantityShipped: Count | None
    ItemPrice: Money | None
    ItemTax: Money | None
    ShippingPrice: Money | None
    ShippingTax: Money | None
    ShippingDiscount: Money | None
    PromotionDiscount: Money | None
    PromotionIds: list[Text] | None
    CODFee: Money | None
    CODFeeDiscount: Money | None
    TaxCollection: Collection | None
    BuyerRequestedCancel: Cancel | None
    SerialNumbers: list[Text] | None
    BuyerInfo: Gift | None


class Recipient(TypedDict, total=False):
    ShippingAddress: Address | None
    BuyerCompanyName: Word


class Buyer(TypedDict, total=False):
    BuyerName: Word
    BuyerEmail: Word
    PurchaseOrderNumber: Word


class Record(TypedDict, total=False):
    """What was read of one order."""

    order: Required[Head]
    items: Required[list[Item]]
    address: Recipient | None
    buyer: Buyer | None


RECORD = Shape(Record)


def record(body: Mapping[str, Any], place: str) -> crossdock.Raw:
    """The four answers as one record."""
    raw = crossdock.Raw(TOPIC, data=jsontext.dump(body))
    order = body.get("order")
    named = order.get("AmazonOrderId") if isinstance(order, dict) else None
    order_id = named if isinstance(named, str) else "unreadable"
    raw.key = mapping_orders.key_of(order_id)[:180]
    raw.delivery_id = f"{TOPIC}:{order_id}:{fingerprint(raw.data)[:32]}"[:255]
    raw.headers = {"x-fba-location": place} if place else {}
    return raw


def in_new_words(raw: crossdock.Raw) -> shapes.Order:
    """The same order as API 2026-01-01 would tell it."""
    told = RECORD.read(raw)
    head, buyer = told["order"], told.get("buyer") or {}
    recipient = told.get("address") or {}
    programs = [name for name, flag in (("PRIME", head.get("IsPrime")),) if flag]
    programs += ["AMAZON_BUSINESS"] if head.get("IsBusinessOrder") else []
    order = {
        "orderId": head["AmazonOrderId"],
        "orderAliases": _aliases(head),
        "createdTime": head["PurchaseDate"],
        "lastUpdatedTime": head["LastUpdateDate"],
        "programs": programs,
        "associatedOrders": _replaced(head),
        "salesChannel": {
            "channelName": "AMAZON",
            "marketplaceId": head.get("MarketplaceId"),
            "marketplaceName": head.get("SalesChannel"),
        },
        "buyer": {
            "buyerName": buyer.get("BuyerName"),
            "buyerEmail": buyer.get("BuyerEmail"),
            "buyerCompanyName": recipient.get("BuyerCompanyName"),
            "buyerPurchaseOrderNumber": buyer.get("PurchaseOrderNumber"),
        },
        "recipient": {"deliveryAddress": _address(recipient.get("ShippingAddress"))},
        "proceeds": {"grandTotal": _money(head.get("OrderTotal"))},
        "payment": {
            "paymentExecutions": [
                {"paymentMethod": word} for word in head.get("PaymentMethodDetails") or ()
            ]
        },
        "fulfillment": {
            "fulfillmentStatus": _STATUSES.get(head["OrderStatus"], head["OrderStatus"]),
            "fulfilledBy": _CHANNELS.get(head.get("FulfillmentChannel") or "", "MERCHANT"),
            "fulfillmentServiceLevel": head.get("ShipmentServiceLevelCategory"),
            "shipByWindow": _window(head.get("EarliestShipDate"), head.get("LatestShipDate")),
            "deliverByWindow": _window(
                head.get("EarliestDeliveryDate"), head.get("LatestDeliveryDate")
            ),
        },
        "orderItems": [_item(item) for item in told["items"]],
    }
    return shapes.ORDER.of(order, raw.topic)


def _item(item: Item) -> dict[str, Any]:
    gift = item.get("BuyerInfo") or Gift()
    breakdowns = [
        {"type": kind, "subtotal": money}
        for kind, money in (
            ("ITEM", _money(item.get("ItemPrice"))),
            ("SHIPPING", _money(item.get("ShippingPrice"))),
            ("COD_FEE", _money(item.get("CODFee"))),
            ("GIFT_WRAP", _money(gift.get("GiftWrapPrice"))),
        )
        if money is not None
    ]
    breakdowns += _detailed(
        "TAX",
        ITEM=item.get("ItemTax"),
        SHIPPING=item.get("ShippingTax"),
        GIFT_WRAP=gift.get("GiftWrapTax"),
    )
    breakdowns += _detailed(
        "DISCOUNT",
        ITEM=item.get("PromotionDiscount"),
        SHIPPING=item.get("ShippingDiscount"),
        COD_FEE=item.get("CODFeeDiscount"),
    )
    shipped = item.get("QuantityShipped")
    collection = item.get("TaxCollection")
    asked = item.get("BuyerRequestedCancel") or {}
    request = str(asked.get("IsBuyerRequestedCancel") or "").lower() == "true"
    found: dict[str, Any] = {
        "orderItemId": item["OrderItemId"],
        "quantityOrdered": item["QuantityOrdered"],
        "product": {
            "asin": item.get("ASIN"),
            "title": item.get("Title"),
            "sellerSku": item.get("SellerSKU"),
            "serialNumbers": item.get("SerialNumbers"),
        },
        "proceeds": {"breakdowns": breakdowns},
        "promotion": {
            "breakdowns": [{"promotionId": one} for one in item.get("PromotionIds") or ()]
        },
        "fulfillment": {} if shipped is None else {"quantityFulfilled": shipped},
    }
    if collection:
        one = {
            "model": _upper(collection.get("Model")),
            "responsibleParty": collection.get("ResponsibleParty"),
        }
        found["tax"] = {"taxCollections": [one]}
    if request:
        found["cancellation"] = {
            "cancellationRequest": {
                "requester": "BUYER",
                "cancelReason": asked.get("BuyerCancelReason"),
            }
        }
    return found


def _detailed(kind: str, **parts: Money | None) -> list[dict[str, Any]]:
    """One breakdown with its parts; each is a breakdown of its own, so that sums stay exact."""
    return [
        {
            "type": kind,
            "subtotal": money,
            "detailedBreakdowns": [{"subtype": name, "value": money}],
        }
        for name, part in parts.items()
        if (money := _money(part)) is not None
    ]


def _money(told: Money | None) -> dict[str, str] | None:
    amount, currency = (told or {}).get("Amount"), (told or {}).get("CurrencyCode")
    return {"amount": amount, "currencyCode": currency} if amount and currency else None


def _upper(model: str | None) -> str | None:
    return "MARKETPLACE_FACILITATOR" if model == "MarketplaceFacilitator" else model


def _address(told: Address | None) -> dict[str, Any] | None:
    if not told:
        return None
    return {
        "name": told.get("Name"),
        "companyName": told.get("CompanyName"),
        "addressLine1": told.get("AddressLine1"),
        "addressLine2": told.get("AddressLine2"),
        "addressLine3": told.get("AddressLine3"),
        "city": told.get("City"),
        "districtOrCounty": told.get("District") or told.get("County"),
        "municipality": told.get("Municipality"),
        "stateOrRegion": told.get("StateOrRegion"),
        "postalCode": told.get("PostalCode"),
        "countryCode": told.get("CountryCode"),
        "phone": told.get("Phone"),
    }


def _window(earliest: str | None, latest: str | None) -> dict[str, str] | None:
    told = {"earliestDateTime": earliest, "latestDateTime": latest}
    return {key: value for key, value in told.items() if value} or None


def _aliases(head: Head) -> list[dict[str, str]]:
    own = head.get("SellerOrderId")
    if not own or own == head["AmazonOrderId"]:
        return []
    return [{"aliasId": own, "aliasType": "SELLER_ORDER_ID"}]


def _replaced(head: Head) -> list[dict[str, str]]:
    replaced = head.get("ReplacedOrderId")
    return [{"orderId": replaced, "associationType": "REPLACEMENT_ORIGINAL_ID"}] if replaced else []

# ruff: noqa: N815 - field names are the vendor's
"""Orders of API 2026-01-01 as far as a mapping looks at them; all else stays in the raw record.

Source: models/orders-api-model/orders_2026-01-01.json of amzn/selling-partner-api-models.
"""

from typing import Any

from crossdock.reading import Amount, Count, Moment, Required, Shape, Text, TypedDict

Word = Text | None
Loose = Any
"""Kept as it comes, under extensions."""


class Money(TypedDict):
    """An amount as decimal text."""

    amount: Amount
    currencyCode: Text


class Detail(TypedDict, total=False):
    """A part of a tax or of a discount."""

    subtype: Word
    value: Money | None


class Breakdown(TypedDict, total=False):
    """One sort of money of an item."""

    type: Required[Text]
    subtotal: Required[Money]
    detailedBreakdowns: list[Detail] | None


class Proceeds(TypedDict, total=False):
    """What an item brings."""

    proceedsTotal: Money | None
    breakdowns: list[Breakdown] | None


class OrderBreakdown(TypedDict, total=False):
    """One sort of money of the order; only what belongs to no item is read."""

    type: Required[Text]
    status: Word
    subtotal: Required[Money]


class OrderProceeds(TypedDict, total=False):
    """What the order brings."""

    grandTotal: Money | None
    breakdowns: list[OrderBreakdown] | None


class Price(TypedDict, total=False):
    """For one piece."""

    unitPrice: Money | None
    priceDesignation: Word


class Product(TypedDict, total=False):
    """What was bought."""

    asin: Word
    title: Word
    sellerSku: Word
    condition: Loose
    price: Price | None
    serialNumbers: list[Text] | None
    customization: Loose


class Promotion(TypedDict, total=False):
    promotionId: Word


class Promotions(TypedDict, total=False):
    breakdowns: list[Promotion] | None


class Request(TypedDict, total=False):
    """Somebody asks to cancel an item."""

    requester: Word
    cancelReason: Word


class Execution(TypedDict, total=False):
    """An item was cancelled."""

    cancelledBy: Word
    cancelReason: Word


class Cancellation(TypedDict, total=False):
    cancellationRequest: Request | None
    cancellationExecution: Execution | None


class ItemFulfillment(TypedDict, total=False):
    """How far an item has come."""

    quantityFulfilled: Count | None
    quantityUnfulfilled: Count | None
    picking: Loose
    packing: Loose
    shipping: Loose


class Collection(TypedDict, total=False):
    """Who pays a tax to the authority."""

    model: Word
    responsibleParty: Word


class ItemTax(TypedDict, total=False):
    taxCalculationBreakdowns: Loose
    taxCollections: list[Collection] | None


class Item(TypedDict, total=False):
    """One position."""

    orderItemId: Required[Text]
    quantityOrdered: Required[Count]
    measurement: Loose
    associatedOrderItems: Loose
    programs: Loose
    product: Required[Product]
    proceeds: Proceeds | None
    expense: Loose
    promotion: Promotions | None
    cancellation: Cancellation | None
    fulfillment: ItemFulfillment | None
    tax: ItemTax | None


class Address(TypedDict, total=False):
    """A postal address."""

    name: Word
    companyName: Word
    addressLine1: Word
    addressLine2: Word
    addressLine3: Word
    city: Word
    districtOrCounty: Word
    stateOrRegion: Word
    municipality: Word
    postalCode: Word
    countryCode: Word
    phone: Word


class Preference(TypedDict, total=False):
    """Where the buyer wants it put."""

    dropOffLocation: Word
    addressInstruction: Word
    deliveryTime: Loose
    deliveryCapabilities: Loose


class Recipient(TypedDict, total=False):
    deliveryAddress: Address | None
    deliveryPreference: Preference | None


class Buyer(TypedDict, total=False):
    buyerName: Word
    buyerEmail: Word
    buyerCompanyName: Word
    buyerPurchaseOrderNumber: Word


class Channel(TypedDict, total=False):
    channelName: Word
    marketplaceId: Word
    marketplaceName: Word


class Registration(TypedDict, total=False):
    """Who is registered for tax."""

    entityType: Word
    legalName: Word
    taxRegistrationType: Word
    taxRegistrationNumber: Word
    taxRegistrationAddress: Address | None
    taxRegistrationAttributes: Loose


class OrderTax(TypedDict, total=False):
    taxRegistrations: list[Registration] | None
    taxInvoicing: Loose


class Payment(TypedDict, total=False):
    paymentMethod: Word
    cardBrand: Word


class Payments(TypedDict, total=False):
    paymentExecutions: list[Payment] | None


class OrderFulfillment(TypedDict, total=False):
    """Who ships, and how far it is."""

    fulfillmentStatus: Required[Text]
    fulfilledBy: Word
    fulfillmentServiceLevel: Word
    shipByWindow: Loose
    deliverByWindow: Loose
    labelPrintingWindow: Loose


class PackageStatus(TypedDict, total=False):
    status: Required[Text]
    detailedStatus: Word


class PackageItem(TypedDict):
    orderItemId: Text
    quantity: Count


class Package(TypedDict, total=False):
    """One parcel of a merchant-fulfilled order."""

    packageReferenceId: Required[Text]
    createdTime: Moment | None
    packageStatus: PackageStatus | None
    carrier: Word
    shipTime: Moment | None
    shippingService: Word
    trackingNumber: Word
    packageItems: list[PackageItem] | None


class Order(TypedDict, total=False):
    """One order."""

    orderId: Required[Text]
    orderAliases: Loose
    createdTime: Required[Moment]
    lastUpdatedTime: Required[Moment]
    programs: list[Text] | None
    associatedOrders: Loose
    salesChannel: Required[Channel]
    buyer: Buyer | None
    recipient: Recipient | None
    proceeds: OrderProceeds | None
    payment: Payments | None
    tax: OrderTax | None
    fulfillment: Required[OrderFulfillment]
    orderItems: Required[list[Item]]
    packages: list[Package] | None


class Head(TypedDict):
    """Whose news it is, and how new."""

    orderId: Text
    lastUpdatedTime: Moment


ORDER = Shape(Order)
HEAD = Shape(Head)

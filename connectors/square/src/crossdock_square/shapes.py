"""What is read of Square's records; fields that are not named are ignored with a reason.

Source: Square's OpenAPI, version 2025-08-20 (vendor/ORIGIN.md).
"""

from typing import Any

from crossdock.reading import Flag, Moment, Required, Shape, Text, TypedDict

from crossdock_square.values import Cash, Decimals, Id, Percentage, Unit, Version

Words = dict[str, Any]
"""SKU by catalogue id; what is no text is none."""


def sku_of(words: Words | None, catalogue: str | None) -> str | None:
    """What the merchant calls an article, where it is known and not empty."""
    found = (words or {}).get(catalogue or "")
    return found if isinstance(found, str) and 0 < len(found) <= 10_000 else None


class Source(TypedDict, total=False):
    name: Text | None


class QuantityUnit(TypedDict, total=False):
    measurement_unit: Unit | None


class Modifier(TypedDict, total=False):
    name: Text | None
    quantity: Decimals | None
    base_price_money: Cash | None


class AppliedTax(TypedDict, total=False):
    tax_uid: Required[Text]
    applied_money: Cash | None


class AppliedDiscount(TypedDict, total=False):
    discount_uid: Required[Text]
    applied_money: Cash | None


class Line(TypedDict, total=False):
    uid: Id | None
    name: Text | None
    quantity: Required[Decimals]
    quantity_unit: QuantityUnit | None
    note: Text | None
    catalog_object_id: Id | None
    variation_name: Text | None
    item_type: Text | None
    modifiers: list[Modifier] | None
    applied_taxes: list[AppliedTax] | None
    applied_discounts: list[AppliedDiscount] | None
    base_price_money: Cash | None


class Tax(TypedDict, total=False):
    uid: Text | None
    name: Text | None
    type: Text | None
    percentage: Percentage | None
    applied_money: Cash | None


class Discount(TypedDict, total=False):
    uid: Text | None
    name: Text | None


class Charge(TypedDict, total=False):
    uid: Id | None
    name: Text | None
    applied_money: Cash | None
    amount_money: Cash | None
    applied_taxes: list[AppliedTax] | None


class Address(TypedDict, total=False):
    address_line_1: Text | None
    address_line_2: Text | None
    address_line_3: Text | None
    locality: Text | None
    administrative_district_level_1: Text | None
    postal_code: Text | None
    country: Text | None


class Recipient(TypedDict, total=False):
    customer_id: Id | None
    display_name: Text | None
    email_address: Text | None
    phone_number: Text | None
    address: Address | None


class Details(TypedDict, total=False):
    recipient: Recipient | None
    note: Text | None
    shipping_note: Text | None


class Entry(TypedDict, total=False):
    line_item_uid: Required[Text]
    quantity: Required[Decimals]


class Fulfilment(TypedDict, total=False):
    uid: Text | None
    type: Text | None
    state: Text | None
    entries: list[Entry] | None
    pickup_details: Details | None
    shipment_details: Details | None
    delivery_details: Details | None


class Card(TypedDict, total=False):
    card_brand: Text | None
    last_4: Text | None


class CardDetails(TypedDict, total=False):
    status: Text | None
    card: Card | None


class Tender(TypedDict, total=False):
    type: Text | None
    amount_money: Cash | None
    card_details: CardDetails | None


class Order(TypedDict, total=False):
    id: Required[Id]
    location_id: Text | None
    reference_id: Text | None
    source: Source | None
    customer_id: Id | None
    line_items: list[Line] | None
    taxes: list[Tax] | None
    discounts: list[Discount] | None
    service_charges: list[Charge] | None
    fulfillments: list[Fulfilment] | None
    tenders: list[Tender] | None
    state: Text | None
    version: Version | None
    ticket_name: Text | None
    total_money: Required[Cash]
    total_tax_money: Cash | None
    total_discount_money: Cash | None
    total_tip_money: Cash | None
    net_amount_due_money: Cash | None
    created_at: Required[Moment]
    updated_at: Required[Moment]
    closed_at: Moment | None


class OrderRecord(TypedDict, total=False):
    """An order as the poller lands it: with SKUs by catalogue id, and our name of the place."""

    order: Required[Order]
    skus: Words | None
    place: Required[Id]


class ReturnLine(TypedDict, total=False):
    uid: Id | None
    source_line_item_uid: Id | None
    quantity: Required[Decimals]
    quantity_unit: QuantityUnit | None
    catalog_object_id: Id | None
    note: Text | None


class Amounts(TypedDict, total=False):
    total_money: Cash | None


class OrderReturn(TypedDict, total=False):
    uid: Text | None
    source_order_id: Id | None
    return_line_items: list[ReturnLine] | None
    return_amounts: Amounts | None


class Head(TypedDict, total=False):
    id: Required[Id]
    state: Text | None
    created_at: Required[Moment]
    updated_at: Required[Moment]


class ReturnRecord(TypedDict, total=False):
    """One of an order's returns. `id` is the order's, and the return's where there are several."""

    id: Required[Id]
    order: Required[Head]
    returned: Required[OrderReturn]
    skus: Words | None
    place: Required[Id]


class PaymentRefund(TypedDict, total=False):
    id: Required[Id]
    status: Text | None
    unlinked: Flag | None
    destination_type: Text | None
    amount_money: Required[Cash]
    payment_id: Id | None
    reason: Text | None
    created_at: Required[Moment]
    updated_at: Moment | None


class Sold(TypedDict, total=False):
    order_id: Id | None


class RefundRecord(TypedDict, total=False):
    """A refund with the payment it belongs to, for only that names the order that was paid."""

    refund: Required[PaymentRefund]
    payment: Sold | None


ORDER = Shape(OrderRecord)
RETURN = Shape(ReturnRecord)
REFUND = Shape(RefundRecord)

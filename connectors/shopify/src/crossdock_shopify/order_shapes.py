"""What of an order's body is read, and of which form it is (webhooks 2026-07, REST-shaped).

https://shopify.dev/docs/api/webhooks. Every field may be null or missing but those marked Required.
"""

from typing import Annotated, Any

from crossdock.reading import (
    Amount,
    Count,
    Flag,
    Moment,
    NumericId,
    Ratio,
    Required,
    Shape,
    Text,
    TypedDict,
    pattern,
)

Gid = Annotated[
    str,
    pattern(
        r"^gid://shopify/[A-Za-z]+/[0-9]{1,20}(\?.{0,200})?$",
        "an id such as gid://shopify/Order/123",
    ),
]
Currency = Annotated[str, pattern("^[A-Z]{3}$", "an ISO 4217 code such as USD")]
Country = Annotated[str, pattern("^([A-Z]{2})?$", "an ISO 3166 code such as US")]


class Side(TypedDict):
    """One side of a pair of sums."""

    amount: Amount
    currency_code: Currency


class MoneySet(TypedDict, total=False):
    """A sum in the shop's currency and in the customer's."""

    shop_money: Side | None
    presentment_money: Side | None


class Tax(TypedDict, total=False):
    """One tax of a line, of carriage or of the order."""

    title: Text | None
    rate: Ratio | None
    price: Required[Amount]
    channel_liable: Flag | None


class Allocation(TypedDict, total=False):
    """A discount's part that falls on one line."""

    amount: Required[Amount]
    discount_application_index: Required[Count]


class Application(TypedDict, total=False):
    """A discount as it was given."""

    code: Text | None
    title: Text | None
    description: Text | None


class Named(TypedDict, total=False):
    """A property of a line or a note of an order; its value is text nearly always."""

    name: Text | None
    value: Any


class LineId(TypedDict, total=False):
    """Which line is meant."""

    id: NumericId | None
    admin_graphql_api_id: Gid | None


class Line(LineId, total=False):
    """One position."""

    sku: Text | None
    name: Text | None
    title: Text | None
    product_id: NumericId | None
    variant_id: NumericId | None
    quantity: Required[Count]
    current_quantity: Count | None
    requires_shipping: Flag | None
    gift_card: Flag | None
    tip: Any
    tip_payment_gateway: Text | None
    fulfillment_service: Text | None
    price: Required[Amount]
    tax_lines: list[Tax] | None
    discount_allocations: list[Allocation] | None
    properties: list[Named] | None


class Shipping(LineId, total=False):
    """Carriage."""

    title: Text | None
    code: Text | None
    price: Required[Amount]
    tax_lines: list[Tax] | None
    discount_allocations: list[Allocation] | None
    is_removed: Flag | None


class Person(TypedDict, total=False):
    """A postal address."""

    name: Text | None
    first_name: Text | None
    last_name: Text | None
    company: Text | None
    address1: Text | None
    address2: Text | None
    zip: Text | None
    city: Text | None
    province: Text | None
    province_code: Text | None
    country_code: Country | None
    phone: Text | None


class Buyer(LineId, total=False):
    """Who bought."""

    first_name: Text | None
    last_name: Text | None
    phone: Text | None


class Fulfilled(LineId, total=False):
    """So much of a line in one fulfilment."""

    quantity: Required[Count]


class Fulfilment(TypedDict, total=False):
    """Goods that left, or were to leave."""

    status: Text | None
    line_items: list[Fulfilled] | None


class Refunded(TypedDict, total=False):
    """So much of a line that was refunded."""

    quantity: Required[Count]
    restock_type: Text | None
    line_item: LineId | None
    line_item_id: NumericId | None
    subtotal_set: MoneySet | None


class Transaction(TypedDict, total=False):
    """Money that moved."""

    kind: Text | None
    status: Text | None
    amount: Amount | None
    currency: Currency | None


class Refund(TypedDict, total=False):
    """One refund."""

    refund_line_items: list[Refunded] | None
    transactions: list[Transaction] | None


class Code(TypedDict, total=False):
    """A discount code that was typed."""

    code: Text | None


class Body(LineId, total=False):
    """An order."""

    name: Text | None
    currency: Required[Currency]
    presentment_currency: Currency | None
    taxes_included: Flag | None
    processed_at: Moment | None
    created_at: Moment | None
    updated_at: Required[Moment]
    cancelled_at: Moment | None
    closed_at: Moment | None
    line_items: Required[list[Line]]
    shipping_lines: list[Shipping] | None
    tax_lines: list[Tax] | None
    discount_applications: list[Application] | None
    subtotal_price: Amount | None
    total_discounts: Amount | None
    total_tax: Amount | None
    total_price: Required[Amount]
    total_shipping_price_set: MoneySet | None
    total_outstanding: Amount | None
    current_total_price: Amount | None
    total_tip_received: Amount | None
    financial_status: Text | None
    fulfillment_status: Text | None
    payment_gateway_names: list[Text | None] | None
    fulfillments: list[Fulfilment] | None
    refunds: list[Refund] | None
    customer: Buyer | None
    email: Text | None
    contact_email: Text | None
    phone: Text | None
    billing_address: Person | None
    shipping_address: Person | None
    cancel_reason: Text | None
    note: Text | None
    tags: Text | None
    test: Flag | None
    source_name: Text | None
    po_number: Text | None
    confirmation_number: Text | None
    customer_locale: Text | None
    source_identifier: Text | None
    note_attributes: list[Named] | None
    discount_codes: list[Code] | None
    tax_exempt: Flag | None


class Shown(TypedDict, total=False):
    """The same order's totals as the customer saw them; read only where the currency differs."""

    subtotal_price_set: MoneySet | None
    total_discounts_set: MoneySet | None
    total_shipping_price_set: MoneySet | None
    total_tax_set: MoneySet | None
    total_price_set: MoneySet | None


ORDER = Shape(Body)
SHOWN = Shape(Shown)

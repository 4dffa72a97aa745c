"""What of an order's body is read, and of which form it is (webhooks 2026-07, REST-shaped).

https://shopify.dev/docs/api/webhooks. A field that has no None may neither be null nor missing.
Fields stand in the order in which Shopify sends them (samples/), for the next one is looked for
where the last one was found.
"""

from typing import Annotated, Any

from crossdock.reading import (
    Amount,
    Count,
    Flag,
    Moment,
    NumericId,
    Ratio,
    Record,
    Shape,
    Text,
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


class Side(Record):
    """One side of a pair of sums."""

    amount: Amount
    currency_code: Currency


class MoneySet(Record):
    """A sum in the shop's currency and in the customer's."""

    presentment_money: Side | None = None
    shop_money: Side | None = None


class Tax(Record):
    """One tax of a line, of carriage or of the order."""

    price: Amount
    rate: Ratio | None = None
    title: Text | None = None
    channel_liable: Flag | None = None


class Allocation(Record):
    """A discount's part that falls on one line."""

    amount: Amount
    discount_application_index: Count


class Application(Record):
    """A discount as it was given."""

    code: Text | None = None
    description: Text | None = None
    title: Text | None = None


class Named(Record):
    """A property of a line or a note of an order; its value is text nearly always."""

    name: Text | None = None
    value: Any = None


class LineId(Record):
    """Which line is meant."""

    id: NumericId | None = None
    admin_graphql_api_id: Gid | None = None


class Line(LineId):
    """One position."""

    current_quantity: Count | None = None
    fulfillment_service: Text | None = None
    gift_card: Flag | None = None
    name: Text | None = None
    price: Amount
    product_id: NumericId | None = None
    properties: list[Named] | None = None
    quantity: Count
    requires_shipping: Flag | None = None
    sku: Text | None = None
    tip: Any = None
    tip_payment_gateway: Text | None = None
    title: Text | None = None
    variant_id: NumericId | None = None
    tax_lines: list[Tax] | None = None
    discount_allocations: list[Allocation] | None = None


class Shipping(LineId):
    """Carriage."""

    code: Text | None = None
    is_removed: Flag | None = None
    price: Amount
    title: Text | None = None
    tax_lines: list[Tax] | None = None
    discount_allocations: list[Allocation] | None = None


class Person(Record):
    """A postal address."""

    first_name: Text | None = None
    address1: Text | None = None
    phone: Text | None = None
    city: Text | None = None
    zip: Text | None = None
    province: Text | None = None
    last_name: Text | None = None
    address2: Text | None = None
    company: Text | None = None
    name: Text | None = None
    country_code: Country | None = None
    province_code: Text | None = None


class Buyer(LineId):
    """Who bought."""

    first_name: Text | None = None
    last_name: Text | None = None
    phone: Text | None = None


class Fulfilled(LineId):
    """So much of a line in one fulfilment."""

    quantity: Count


class Fulfilment(Record):
    """Goods that left, or were to leave."""

    line_items: list[Fulfilled] | None = None
    status: Text | None = None


class Refunded(Record):
    """So much of a line that was refunded."""

    line_item: LineId | None = None
    line_item_id: NumericId | None = None
    quantity: Count
    restock_type: Text | None = None
    subtotal_set: MoneySet | None = None


class Transaction(Record):
    """Money that moved."""

    amount: Amount | None = None
    currency: Currency | None = None
    kind: Text | None = None
    status: Text | None = None


class Refund(Record):
    """One refund."""

    refund_line_items: list[Refunded] | None = None
    transactions: list[Transaction] | None = None


class Code(Record):
    """A discount code that was typed."""

    code: Text | None = None


class Body(LineId):
    """An order."""

    cancel_reason: Text | None = None
    cancelled_at: Moment | None = None
    closed_at: Moment | None = None
    confirmation_number: Text | None = None
    contact_email: Text | None = None
    created_at: Moment | None = None
    currency: Currency
    current_total_price: Amount | None = None
    customer_locale: Text | None = None
    discount_codes: list[Code] | None = None
    email: Text | None = None
    financial_status: Text | None = None
    fulfillment_status: Text | None = None
    name: Text | None = None
    note: Text | None = None
    note_attributes: list[Named] | None = None
    payment_gateway_names: list[Text | None] | None = None
    phone: Text | None = None
    po_number: Text | None = None
    presentment_currency: Currency | None = None
    processed_at: Moment | None = None
    source_identifier: Text | None = None
    source_name: Text | None = None
    subtotal_price: Amount | None = None
    tags: Text | None = None
    tax_exempt: Flag | None = None
    tax_lines: list[Tax] | None = None
    taxes_included: Flag | None = None
    test: Flag | None = None
    total_discounts: Amount | None = None
    total_outstanding: Amount | None = None
    total_price: Amount
    total_shipping_price_set: MoneySet | None = None
    total_tax: Amount | None = None
    total_tip_received: Amount | None = None
    updated_at: Moment
    billing_address: Person | None = None
    customer: Buyer | None = None
    discount_applications: list[Application] | None = None
    fulfillments: list[Fulfilment] | None = None
    line_items: list[Line]
    refunds: list[Refund] | None = None
    shipping_address: Person | None = None
    shipping_lines: list[Shipping] | None = None


class Shown(Record):
    """The same order's totals as the customer saw them; read only where the currency differs."""

    subtotal_price_set: MoneySet | None = None
    total_discounts_set: MoneySet | None = None
    total_price_set: MoneySet | None = None
    total_shipping_price_set: MoneySet | None = None
    total_tax_set: MoneySet | None = None


ORDER = Shape(Body)
SHOWN = Shape(Shown)

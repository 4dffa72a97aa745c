"""What an order of Vendure's says, in canonical events. Pure: no network, no clock, no chance.

Money is whole minor units, always two places whatever the currency (`MoneyStrategy.precision`,
default 2). A line's quantity is what is still wanted, `orderPlacedQuantity` what was bought.
"""
# ruff: noqa: N815 - fields have the vendor's own names

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import crossdock
from crossdock.canonical import (
    Address,
    Discount,
    Entity,
    EntityRef,
    Money,
    Order,
    OrderLine,
    PaymentSummary,
    Refund,
    ShippingLine,
    TaxLine,
    Totals,
)
from crossdock.jsontext import shorten
from crossdock.reading import Count, Moment, Ratio, Required, Shape, Text, TypedDict, fault, pattern
from pydantic import Field

TOPIC = "order"
THIN = "event"
"""A webhook: what happened to which thing; the thing itself is read by the poll."""
ID = Annotated[str, pattern(r"^[!-~]{1,64}$", "an id")]
Minor = Annotated[int, Field(strict=True, gt=-(10**13), lt=10**13)]
"""Whole minor units."""
SCALE = -2
REFUND_SAYS = {
    "Pending": ("refund.pending", "pending"),
    "Settled": ("refund.succeeded", "succeeded"),
    "Failed": ("refund.failed", "failed"),
}


class Where(TypedDict, total=False):
    """A postal address."""

    fullName: Text | None
    company: Text | None
    streetLine1: Text | None
    streetLine2: Text | None
    city: Text | None
    province: Text | None
    postalCode: Text | None
    countryCode: Text | None
    phoneNumber: Text | None


class Variant(TypedDict):
    """What was bought."""

    id: ID
    sku: Text
    name: Text


class Line(TypedDict):
    """One position."""

    id: ID
    quantity: Count
    orderPlacedQuantity: Count
    unitPrice: Minor
    linePrice: Minor
    proratedLinePrice: Minor
    lineTax: Minor
    taxRate: Ratio
    productVariant: Variant


class Method(TypedDict):
    """How it is carried."""

    code: Text
    name: Text


class Carriage(TypedDict):
    """What carriage costs."""

    id: ID
    price: Minor
    discountedPrice: Minor
    discountedPriceWithTax: Minor
    shippingMethod: Method


class Back(TypedDict):
    """Money given back."""

    id: ID
    total: Minor
    state: Text
    reason: Text | None
    transactionId: Text | None
    createdAt: Moment
    updatedAt: Moment


class Paid(TypedDict):
    """One payment."""

    id: ID
    method: Text
    amount: Minor
    state: Text
    updatedAt: Moment
    refunds: list[Back]


class Buyer(TypedDict):
    """Who bought."""

    id: ID
    emailAddress: Text
    firstName: Text
    lastName: Text
    phoneNumber: Text | None


class Tax(TypedDict):
    """The taxes of one rate."""

    description: Text
    taxRate: Ratio
    taxBase: Minor
    taxTotal: Minor


class Sent(TypedDict):
    """One fulfilment; ours are known by `method`."""

    id: ID
    state: Text
    method: Text
    updatedAt: Moment


class Head(TypedDict):
    """Whose news it is, and how new."""

    id: ID
    updatedAt: Moment


class Body(Head, total=False):
    """One order."""

    code: Required[Text]
    state: Required[Text]
    orderPlacedAt: Required[Moment | None]
    currencyCode: Required[Text]
    totalWithTax: Required[Minor]
    subTotal: Required[Minor]
    shipping: Required[Minor]
    couponCodes: list[Text]
    taxSummary: Required[list[Tax]]
    customer: Buyer | None
    shippingAddress: Where | None
    billingAddress: Where | None
    shippingLines: Required[list[Carriage]]
    lines: Required[list[Line]]
    payments: list[Paid] | None
    fulfillments: list[Sent] | None


HEAD = Shape(Head)
BODY = Shape(Body)


def translate(raw: crossdock.Raw) -> Iterator[crossdock.Event[Entity]]:
    """The order as it stands, and each of its refunds."""
    if raw.topic == THIN:
        raise crossdock.Ignore("it names what changed; the poll reads that")
    if raw.topic != TOPIC:
        raise crossdock.Ignore(f"topic {shorten(raw.topic)} is not {TOPIC}")
    body = BODY.read(raw)
    if body["orderPlacedAt"] is None:
        raise crossdock.Ignore(f"a basket ({shorten(body['state'])}), not placed yet")
    yield crossdock.Event(
        type="order.updated",
        data=_order(body, body["orderPlacedAt"]),
        native_id=body["id"],
        revision=max(map(_revision, _moments(body, body["orderPlacedAt"]))),
    )
    for payment in body.get("payments") or []:
        for back in payment["refunds"]:
            if back["state"] in REFUND_SAYS:
                yield _refund(body, payment, back)


def _moments(body: Body, placed_at: str) -> Iterator[str]:
    """An order's own time does not move when it is placed, paid, shipped or refunded (seen with
    3.7.3): those of its parts do."""
    yield placed_at
    yield body["updatedAt"]
    for payment in body.get("payments") or []:
        yield payment["updatedAt"]
        yield from (back["updatedAt"] for back in payment["refunds"])
    yield from (sent["updatedAt"] for sent in body.get("fulfillments") or [])


def _revision(moment: str) -> str:
    """ContractError: the calendar has no such day."""
    try:
        return crossdock.revision_of(datetime.fromisoformat(moment))
    except (ValueError, OverflowError):
        raise fault(TOPIC, "/updatedAt", "a time such as 2026-01-31T12:00:00Z", moment) from None


def _order(body: Body, placed_at: str) -> Order:
    def money(minor: int) -> Money:
        return Money(amount=Decimal(minor).scaleb(SCALE), currency=body["currencyCode"])

    buyer = body.get("customer")
    cancelled = body["state"] == "Cancelled"
    given: dict[str, Any] = {
        "number": body["code"],
        "placed_at": placed_at,
        "updated_at": body["updatedAt"],
        "currency": body["currencyCode"],
        "lines": tuple(_line(line, money) for line in body["lines"]),
        "shipping": tuple(_carriage(one, money) for one in body["shippingLines"]),
        "taxes": tuple(
            TaxLine(
                title=one["description"],
                rate=_rate(one["taxRate"]),
                amount=money(one["taxTotal"]),
                base=money(one["taxBase"]),
            )
            for one in body["taxSummary"]
        ),
        "totals": Totals(
            subtotal=money(body["subTotal"]),
            shipping=money(body["shipping"]),
            tax=money(sum(one["taxTotal"] for one in body["taxSummary"])),
            total=money(body["totalWithTax"]),
        ),
        "payment": _payment(body.get("payments") or [], money),
        "shipping_address": _address(body.get("shippingAddress")),
        "billing_address": _address(body.get("billingAddress")),
        "cancelled_at": body["updatedAt"] if cancelled else None,
        "tags": tuple(body.get("couponCodes") or ()),
        "source_status": {"order": body["state"]},
    }
    if buyer is not None:
        given |= {
            "customer": EntityRef(native_id=buyer["id"]),
            "customer_name": f"{buyer['firstName']} {buyer['lastName']}".strip() or None,
            "email": buyer["emailAddress"] or None,
            "phone": buyer["phoneNumber"],
        }
    return Order(**given)


def _line(line: Line, money: Any) -> OrderLine:
    off = line["linePrice"] - line["proratedLinePrice"]
    variant = line["productVariant"]
    tax = TaxLine(title="tax", rate=_rate(line["taxRate"]), amount=money(line["lineTax"]))
    ordered = max(line["orderPlacedQuantity"], line["quantity"])
    return OrderLine(
        line_id=line["id"],
        sku=variant["sku"],
        title=variant["name"],
        variant=EntityRef(native_id=variant["id"]),
        ordered=Decimal(ordered),
        cancelled=Decimal(ordered - line["quantity"]),
        unit_price=money(line["unitPrice"]),
        discounts=(Discount(amount=money(off)),) if off > 0 else (),
        taxes=(tax,) if line["lineTax"] else (),
    )


def _carriage(one: Carriage, money: Any) -> ShippingLine:
    off = one["price"] - one["discountedPrice"]
    tax = one["discountedPriceWithTax"] - one["discountedPrice"]
    return ShippingLine(
        line_id=one["id"],
        title=one["shippingMethod"]["name"],
        code=one["shippingMethod"]["code"],
        price=money(one["price"]),
        discounts=(Discount(amount=money(off)),) if off > 0 else (),
        taxes=(TaxLine(title="tax", amount=money(tax)),) if tax else (),
    )


def _payment(payments: list[Paid], money: Any) -> PaymentSummary:
    def held(*states: str) -> int:
        return sum(one["amount"] for one in payments if one["state"] in states)

    back = sum(
        one["total"] for paid in payments for one in paid["refunds"] if one["state"] == "Settled"
    )
    return PaymentSummary(
        authorised=money(held("Authorized", "Settled")),
        captured=money(held("Settled")),
        refunded=money(back),
        methods=tuple(dict.fromkeys(one["method"] for one in payments)),
    )


def _rate(percent: float | str) -> Decimal:
    return Decimal(str(percent)).scaleb(-2)


def _address(given: Where | None) -> Address | None:
    if given is None or not any(given.values()):
        return None
    lines = (given.get("streetLine1"), given.get("streetLine2"))
    return Address(
        full_name=given.get("fullName") or None,
        company=given.get("company") or None,
        lines=tuple(line for line in lines if line),
        postal_code=given.get("postalCode") or None,
        locality=given.get("city") or None,
        region=given.get("province") or None,
        country=given.get("countryCode") or None,
        phone=given.get("phoneNumber") or None,
    )


def _refund(body: Body, payment: Paid, back: Back) -> crossdock.Event[Entity]:
    type_, state = REFUND_SAYS[back["state"]]
    amount = Money(amount=Decimal(back["total"]).scaleb(SCALE), currency=body["currencyCode"])
    data = Refund(
        order=EntityRef(native_id=body["id"]),
        payment=EntityRef(native_id=payment["id"]),
        state=state,
        amount=amount,
        requested_at=back["createdAt"],
        settled_at=back["updatedAt"] if state != "pending" else None,
        extensions={
            "io.vendure": {
                key: value
                for key, value in (
                    ("reason", back["reason"]),
                    ("transaction", back["transactionId"]),
                )
                if value
            }
        }
        if back["reason"] or back["transactionId"]
        else {},
    )
    revision = _revision(back["updatedAt"])
    return crossdock.Event(type=type_, data=data, native_id=back["id"], revision=revision)

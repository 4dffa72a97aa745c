"""What a Shopify order says, as a canonical document. Pure.

A document holds what the published schema of Order has, in the order of its fields, and leaves
out whatever is nothing or at its default. Orders are most of all news, and making models of them is
most of what translating them would cost; so the body is checked by its shape and the document by
the schema.

- `captured` is `current_total_price` less `total_outstanding` plus what was refunded: Shopify's own
  balance turned round. `authorised` is the total while `financial_status` is `authorized`.
  `refunded` sums the successful refund transactions.
"""

from datetime import datetime
from decimal import Decimal

from crossdock import Raw
from crossdock.canonical.texts import rfc3339
from crossdock.reading import fault

from crossdock_shopify.order_lines import order_lines
from crossdock_shopify.order_parts import (
    EXTENSION,
    About,
    Document,
    allocated,
    moment,
    money,
    name_of,
    named,
    native_id,
    person,
    shop_side,
    side,
    summed,
    tax_lines,
)
from crossdock_shopify.order_shapes import SHOWN, Body, MoneySet, Refund, Shipping

_ZERO = Decimal(0)


def order(body: Body, raw: Raw, updated_at: datetime) -> Document:
    """One order, whole. ContractError names the first value that contradicts the others."""
    about = About(
        topic=raw.topic,
        currency=body.currency,
        included=bool(body.taxes_included),
        cancelled=body.cancelled_at is not None,
        applications=body.discount_applications or [],
    )
    found: Document = {"updated_at": rfc3339(updated_at)}
    if extensions := _extensions(body):
        found["extensions"] = extensions
    found["number"] = body.name or native_id(body, raw.topic)
    if body.processed_at:
        placed_at = moment(body.processed_at, "processed_at", raw.topic)
    else:
        placed_at = moment(body.created_at, "created_at", raw.topic)
    found["placed_at"] = rfc3339(placed_at)
    found["currency"] = about.currency
    if presentment := _presentment(body, raw):
        found["presentment"] = presentment
    if about.included:
        found["prices_include_tax"] = True
    refunds = body.refunds or []
    found["lines"] = order_lines(body, refunds, about)
    if body.shipping_lines and (shipping := _shippings(body.shipping_lines, about)):
        found["shipping"] = shipping
    if body.tax_lines:
        found["taxes"] = tax_lines(body.tax_lines, about)
    found["totals"] = _totals(body, about)
    if payment := _payment(body, refunds, about):
        found["payment"] = payment
    _add_people(found, body, raw.topic)
    if about.cancelled:
        found["cancelled_at"] = rfc3339(moment(body.cancelled_at, "cancelled_at", raw.topic))
    if body.cancel_reason:
        found["cancel_reason"] = body.cancel_reason
    if body.closed_at:
        found["closed_at"] = rfc3339(moment(body.closed_at, "closed_at", raw.topic))
    if body.note:
        found["note"] = body.note
    if body.tags and (tags := [tag for part in body.tags.split(",") if (tag := part.strip())]):
        found["tags"] = tags
    if body.test:
        found["test"] = True
    if body.source_name:
        found["sales_channel"] = body.source_name
    if status := _source_status(body):
        found["source_status"] = status
    return found


def _add_people(found: Document, body: Body, topic: str) -> None:
    """Who bought, and where invoice and goods go."""
    customer, billing = body.customer, person(body.billing_address)
    if customer:
        found["customer"] = {"native_id": native_id(customer, topic, "customer")}
    name = (name_of(customer) if customer else None) or (billing and billing.get("full_name"))
    if name:
        found["customer_name"] = name
    if email := body.email or body.contact_email:
        found["email"] = email
    if phone := body.phone or (customer.phone if customer else None):
        found["phone"] = phone
    if billing:
        found["billing_address"] = billing
    if shipping := person(body.shipping_address):
        found["shipping_address"] = shipping


def _source_status(body: Body) -> Document:
    found: Document = {}
    if body.financial_status:
        found["payment"] = body.financial_status
    if body.fulfillment_status:
        found["fulfillment"] = body.fulfillment_status
    return found


def _shippings(lines: list[Shipping], about: About) -> list[Document]:
    return [
        _shipping(line, index, about) for index, line in enumerate(lines) if not line.is_removed
    ]


def _shipping(line: Shipping, index: int, about: About) -> Document:
    found: Document = {}
    if line.id is not None or line.admin_graphql_api_id:
        found["line_id"] = native_id(line, about.topic, "shipping_lines", index)
    if line.title:
        found["title"] = line.title
    if line.code:
        found["code"] = line.code
    found["price"] = money(line.price, about.currency)
    if line.discount_allocations:
        found["discounts"] = allocated(line.discount_allocations, about)
    if line.tax_lines:
        found["taxes"] = tax_lines(line.tax_lines, about)
    return found


def _totals(body: Body, about: About) -> Document:
    pair, currency = body.total_shipping_price_set, about.currency
    found: Document = {}
    if body.subtotal_price:
        found["subtotal"] = {"amount": body.subtotal_price, "currency": currency}
    if body.total_discounts:
        found["discount"] = {"amount": body.total_discounts, "currency": currency}
    if shipping := shop_side(pair, currency, about.topic, "total_shipping_price_set"):
        found["shipping"] = {"amount": shipping, "currency": currency}
    if body.total_tax:
        found["tax"] = {"amount": body.total_tax, "currency": currency}
    found["total"] = {"amount": body.total_price, "currency": currency}
    return found


def _presentment(body: Body, raw: Raw) -> Document | None:
    currency = body.presentment_currency
    if currency is None or currency == body.currency:
        return None
    shown = SHOWN.read(raw)
    found = {}
    for key, name in _SETS.items():
        pair: MoneySet | None = getattr(shown, name)
        at = (name, "presentment_money")
        amount = side(pair.presentment_money, currency, raw.topic, *at) if pair else None
        if amount is not None:
            found[key] = money(amount, currency)
    return found if "total" in found else None


_SETS = {
    "subtotal": "subtotal_price_set",
    "discount": "total_discounts_set",
    "shipping": "total_shipping_price_set",
    "tax": "total_tax_set",
    "total": "total_price_set",
}


def _payment(body: Body, refunds: list[Refund], about: About) -> Document:
    total, outstanding, status = body.total_price, body.total_outstanding, body.financial_status
    refunded = _refunded(refunds, about) if refunds else None
    found: Document = {}
    if status == "authorized":
        found["authorised"] = money(total, about.currency)
    if outstanding is not None:
        current = Decimal(body.current_total_price or total)
        net = max(current - Decimal(outstanding) + (refunded or _ZERO), _ZERO)
        found["captured"] = summed(net, about.currency, about.topic, "/total_outstanding")
    elif status == "paid":
        found["captured"] = money(total, about.currency)
    if refunded is not None:
        found["refunded"] = summed(refunded, about.currency, about.topic, "/refunds")
    if methods := [name for name in body.payment_gateway_names or () if name]:
        found["methods"] = methods
    return found


def _refunded(refunds: list[Refund], about: About) -> Decimal | None:
    """Successful refunds in the shop's currency; None when there are none."""
    total: Decimal | None = None
    for r, refund in enumerate(refunds):
        for i, item in enumerate(refund.transactions or ()):
            if item.kind != "refund" or item.status != "success":
                continue
            if item.currency not in {None, about.currency}:
                continue
            if item.amount is None:
                at = f"/refunds/{r}/transactions/{i}/amount"
                raise fault(about.topic, at, 'an amount such as "12.30"', None)
            total = (total or _ZERO) + Decimal(item.amount)
    return total


def _extensions(body: Body) -> Document | None:
    """What is of value and has no canonical place. All of it text, so that it survives any hop."""
    found: Document = {}
    current, total = body.current_total_price, body.total_price
    if current and current != total and Decimal(current) != Decimal(total):
        found["current_total_price"] = current
    tip = body.total_tip_received
    if tip and Decimal(tip):
        found["total_tip_received"] = tip
    if body.po_number:
        found["po_number"] = body.po_number
    if body.confirmation_number:
        found["confirmation_number"] = body.confirmation_number
    if body.customer_locale:
        found["customer_locale"] = body.customer_locale
    if body.source_identifier:
        found["source_identifier"] = body.source_identifier
    if body.note_attributes:
        found["note_attributes"] = named(body.note_attributes)
    if codes := [item.code for item in body.discount_codes or () if item.code]:
        found["discount_codes"] = codes
    if body.tax_exempt:
        found["tax_exempt"] = True
    return {EXTENSION: found} if found else None

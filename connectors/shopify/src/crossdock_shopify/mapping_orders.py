"""What a Shopify order says, as a canonical document. Pure.

A document holds what the published schema of Order has, in the order of its fields, and leaves
out whatever is nothing or at its default. Orders are most of all news, and making models of them is
most of what translating them would cost; so the body is checked by its shape and the document by
the schema.

- `captured` is `current_total_price` less `total_outstanding` plus what was refunded: Shopify's own
  balance turned round. `authorised` is the total while `financial_status` is `authorized`.
  `refunded` sums the successful refund transactions.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from crossdock import Raw
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
    only_given,
    person,
    rfc3339,
    side,
    summed,
    tax_lines,
)
from crossdock_shopify.order_shapes import SHOWN, Body, Refund, Shipping

_ZERO = Decimal(0)


def order(body: Body, raw: Raw) -> Document:
    """One order, whole. ContractError names the first value that contradicts the others."""
    about = About(
        topic=raw.topic,
        currency=body["currency"],
        included=bool(body.get("taxes_included")),
        cancelled=body.get("cancelled_at") is not None,
        applications=body.get("discount_applications") or [],
    )
    placed = "processed_at" if body.get("processed_at") else "created_at"
    customer = body.get("customer")
    billing = person(body.get("billing_address"))
    refunds = body.get("refunds") or []
    document = {
        "updated_at": rfc3339(moment(body, "updated_at", raw.topic)),
        "extensions": _extensions(body),
        "number": body.get("name") or native_id(body, raw.topic),
        "placed_at": rfc3339(moment(body, placed, raw.topic)),
        "currency": about.currency,
        "presentment": _presentment(body, raw),
        "prices_include_tax": about.included,
        "lines": order_lines(body, refunds, about),
        "shipping": [
            _shipping(line, f"/shipping_lines/{index}", about)
            for index, line in enumerate(body.get("shipping_lines") or ())
            if not line.get("is_removed")
        ],
        "taxes": tax_lines(body.get("tax_lines"), about),
        "totals": _totals(body, about),
        "payment": _payment(body, refunds, about),
        "customer": {"native_id": native_id(customer, raw.topic, "/customer")}
        if customer
        else None,
        "customer_name": (name_of(customer) if customer else None)
        or (billing or {}).get("full_name"),
        "email": body.get("email") or body.get("contact_email"),
        "phone": body.get("phone") or (customer or {}).get("phone"),
        "billing_address": billing,
        "shipping_address": person(body.get("shipping_address")),
        "cancelled_at": rfc3339(moment(body, "cancelled_at", raw.topic))
        if about.cancelled
        else None,
        "cancel_reason": body.get("cancel_reason"),
        "closed_at": rfc3339(moment(body, "closed_at", raw.topic))
        if body.get("closed_at")
        else None,
        "note": body.get("note"),
        "tags": [tag for part in (body.get("tags") or "").split(",") if (tag := part.strip())],
        "test": body.get("test"),
        "sales_channel": body.get("source_name"),
        "source_status": only_given(
            payment=body.get("financial_status"), fulfillment=body.get("fulfillment_status")
        ),
    }
    return {key: value for key, value in document.items() if value or key == "lines"}


def _shipping(line: Shipping, at: str, about: About) -> Document:
    known = line.get("id") is not None or line.get("admin_graphql_api_id")
    return only_given(
        line_id=native_id(line, about.topic, at) if known else None,
        title=line.get("title"),
        code=line.get("code"),
        price=money(line["price"], about.currency),
        discounts=allocated(line.get("discount_allocations"), about),
        taxes=tax_lines(line.get("tax_lines"), about),
    )


def _totals(body: Body, about: About) -> Document:
    pair = body.get("total_shipping_price_set")
    at = "/total_shipping_price_set"
    amounts = {
        "subtotal": body.get("subtotal_price"),
        "discount": body.get("total_discounts"),
        "shipping": side(pair, "shop_money", about.currency, about.topic, at),
        "tax": body.get("total_tax"),
        "total": body["total_price"],
    }
    return {
        key: {"amount": amount, "currency": about.currency}
        for key, amount in amounts.items()
        if amount
    }


def _presentment(body: Body, raw: Raw) -> Document | None:
    currency = body.get("presentment_currency")
    if currency is None or currency == body["currency"]:
        return None
    shown: Mapping[str, Any] = SHOWN.read(raw)
    found = {}
    for key, name in _SETS.items():
        amount = side(shown.get(name), "presentment_money", currency, raw.topic, f"/{name}")
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
    total, outstanding = body["total_price"], body.get("total_outstanding")
    status = body.get("financial_status")
    refunded = _refunded(refunds, about) if refunds else None
    captured: Document | None = None
    if outstanding is None:
        captured = money(total, about.currency) if status == "paid" else None
    else:
        current = Decimal(body.get("current_total_price") or total)
        net = max(current - Decimal(outstanding) + (refunded or _ZERO), _ZERO)
        captured = summed(net, about.currency, about.topic, "/total_outstanding")
    return only_given(
        authorised=money(total, about.currency) if status == "authorized" else None,
        captured=captured,
        refunded=None
        if refunded is None
        else summed(refunded, about.currency, about.topic, "/refunds"),
        methods=[name for name in body.get("payment_gateway_names") or () if name],
    )


def _refunded(refunds: list[Refund], about: About) -> Decimal | None:
    """Successful refunds in the shop's currency; None when there are none."""
    total: Decimal | None = None
    for r, refund in enumerate(refunds):
        for i, item in enumerate(refund.get("transactions") or ()):
            if item.get("kind") != "refund" or item.get("status") != "success":
                continue
            if item.get("currency") not in {None, about.currency}:
                continue
            amount = item.get("amount")
            if amount is None:
                at = f"/refunds/{r}/transactions/{i}/amount"
                raise fault(about.topic, at, 'an amount such as "12.30"', None)
            total = (total or _ZERO) + Decimal(amount)
    return total


def _extensions(body: Body) -> Document | None:
    """What is of value and has no canonical place. All of it text, so that it survives any hop."""
    found: Document = {}
    current, total = body.get("current_total_price"), body["total_price"]
    if current and current != total and Decimal(current) != Decimal(total):
        found["current_total_price"] = current
    tip = body.get("total_tip_received")
    if tip and Decimal(tip):
        found["total_tip_received"] = tip
    for key in ("po_number", "confirmation_number", "customer_locale", "source_identifier"):
        if text := body.get(key):
            found[key] = text
    if notes := named(body.get("note_attributes")):
        found["note_attributes"] = notes
    if codes := [code for item in body.get("discount_codes") or () if (code := item.get("code"))]:
        found["discount_codes"] = codes
    if body.get("tax_exempt"):
        found["tax_exempt"] = True
    return {EXTENSION: found} if found else None

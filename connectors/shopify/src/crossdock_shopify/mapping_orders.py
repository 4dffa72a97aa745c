"""What a Shopify order says, in the canonical language. Pure.

Counters come from the logs in the payload, never from a status word:

- `shipped`: quantities in `fulfillments` that are not cancelled, in error or failed.
- what is no longer wanted is `quantity` less `current_quantity`. The part that `refunds` name as
  `return`, as far as it was shipped, is `return_received` and `restocked`; the rest is
  `cancelled`, as far as it was not shipped. An order with `cancelled_at` has all that was not
  shipped cancelled.
- `captured` is `current_total_price` less `total_outstanding` plus what was refunded: Shopify's own
  balance turned round. `authorised` is the total while `financial_status` is `authorized`.
  `refunded` sums the successful refund transactions.
"""

from decimal import Decimal
from typing import Any

from crossdock.canonical import (
    Address,
    Discount,
    EntityRef,
    Money,
    Order,
    OrderLine,
    PaymentSummary,
    ShippingLine,
    TaxLine,
    Totals,
)

from crossdock_shopify.reading import Obj

EXTENSION = "com.shopify"
NOT_SHIPPED = frozenset({"cancelled", "error", "failure"})
"""Fulfilments in these states hold no goods of the order."""
_ZERO = Decimal(0)


def order(body: Obj) -> Order:
    """One order, whole. ContractError names the first value that is not as Shopify promises."""
    currency = body.currency("currency") or body.fail("currency", "a currency", None)
    included = body.flag("taxes_included")
    applications = [_application(item) for item in body.objects("discount_applications")]
    cancelled_at = body.moment("cancelled_at")
    customer = body.object("customer")
    billing = address(body.object("billing_address"))
    return Order(
        number=body.text("name") or body.need_id(),
        placed_at=body.moment("processed_at") or body.need_moment("created_at"),
        updated_at=body.need_moment("updated_at"),
        currency=currency,
        presentment=_presentment(body, currency),
        prices_include_tax=included,
        lines=_lines(body, currency, included, applications, cancelled_at is not None),
        shipping=tuple(
            _shipping(line, currency, included, applications)
            for line in body.objects("shipping_lines")
            if not line.flag("is_removed")
        ),
        taxes=_taxes(body, currency, included),
        totals=Totals(
            subtotal=body.money("subtotal_price", currency),
            discount=body.money("total_discounts", currency),
            shipping=body.money_of_set("total_shipping_price_set", "shop_money", currency),
            tax=body.money("total_tax", currency),
            total=body.need_money("total_price", currency),
        ),
        payment=_payment(body, currency),
        customer=EntityRef(native_id=customer.need_id()) if customer else None,
        customer_name=(full_name(customer) if customer else None)
        or (billing.full_name if billing else None),
        email=body.text("email") or body.text("contact_email"),
        phone=body.text("phone") or (customer.text("phone") if customer else None),
        billing_address=billing,
        shipping_address=address(body.object("shipping_address")),
        cancelled_at=cancelled_at,
        cancel_reason=body.text("cancel_reason"),
        closed_at=body.moment("closed_at"),
        note=body.text("note"),
        tags=body.tags(),
        test=body.flag("test"),
        sales_channel=body.text("source_name"),
        source_status={
            axis: word
            for axis, key in (
                ("payment", "financial_status"),
                ("fulfillment", "fulfillment_status"),
            )
            if (word := body.text(key)) is not None
        },
        extensions=_extensions(body, currency),
    )


def full_name(person: Obj) -> str | None:
    """First and last name, as far as they are given."""
    parts = [part for key in ("first_name", "last_name") if (part := person.text(key))]
    return " ".join(parts)[:10_000] or None


def address(given: Obj | None) -> Address | None:
    """A REST-shaped address."""
    if given is None:
        return None
    return Address(
        full_name=given.text("name") or full_name(given),
        company=given.text("company"),
        lines=tuple(line for key in ("address1", "address2") if (line := given.text(key))),
        postal_code=given.text("zip"),
        locality=given.text("city"),
        region=given.text("province_code") or given.text("province"),
        country=given.country("country_code"),
        phone=given.text("phone"),
    )


def shipped_by_line(body: Obj) -> dict[str, int]:
    """Line id to quantity, over all fulfilments that hold goods."""
    shipped: dict[str, int] = {}
    for fulfilment in body.objects("fulfillments"):
        if (fulfilment.text("status") or "") in NOT_SHIPPED:
            continue
        for line in fulfilment.objects("line_items"):
            line_id = line.need_id()
            shipped[line_id] = shipped.get(line_id, 0) + line.count("quantity")
    return shipped


def _lines(
    body: Obj,
    currency: str,
    included: bool,
    applications: list[tuple[str | None, str | None]],
    order_cancelled: bool,
) -> tuple[OrderLine, ...]:
    shipped = shipped_by_line(body)
    refunds = _refunds_by_line(body, currency)
    body.need("line_items", "a list")
    return tuple(
        _line(
            line,
            currency,
            included,
            applications,
            shipped.get(line.need_id(), 0),
            refunds.get(line.need_id()),
            order_cancelled,
        )
        for line in body.objects("line_items")
    )


def _line(
    line: Obj,
    currency: str,
    included: bool,
    applications: list[tuple[str | None, str | None]],
    shipped: int,
    refund: "_LineRefund | None",
    order_cancelled: bool,
) -> OrderLine:
    ordered = line.count("quantity")
    if shipped > ordered:
        line.fail("quantity", f"at least {shipped}, the quantity in fulfillments", ordered)
    refund = refund or _LineRefund()
    removed = ordered - line.count("current_quantity", max(ordered - refund.quantity, 0))
    if removed < 0:
        line.fail("current_quantity", f"at most {ordered}, the quantity", line.data)
    returned = min(refund.returned, shipped, removed)
    cancelled = ordered - shipped if order_cancelled else min(removed - returned, ordered - shipped)
    product, variant = line.number("product_id"), line.number("variant_id")
    return OrderLine(
        line_id=line.need_id(),
        sku=line.text("sku"),
        title=line.text("name") or line.text("title"),
        product=EntityRef(native_id=product) if product else None,
        variant=EntityRef(native_id=variant) if variant else None,
        nature=_nature(line),
        requires_shipping=line.flag("requires_shipping"),
        fulfilled_by=_fulfilled_by(line),
        ordered=Decimal(ordered),
        cancelled=Decimal(cancelled),
        shipped=Decimal(shipped),
        return_received=Decimal(returned),
        restocked=Decimal(returned),
        refunded=refund.money,
        unit_price=line.need_money("price", currency),
        discounts=_discounts(line, currency, applications),
        taxes=_taxes(line, currency, included),
        extensions=_line_extensions(line),
    )


class _LineRefund:
    """What `refunds` say of one line."""

    __slots__ = ("money", "quantity", "returned")

    def __init__(self) -> None:
        self.quantity = 0
        self.returned = 0
        self.money: Money | None = None


def _refunds_by_line(body: Obj, currency: str) -> dict[str, _LineRefund]:
    found: dict[str, _LineRefund] = {}
    for refund in body.objects("refunds"):
        for item in refund.objects("refund_line_items"):
            inner = item.object("line_item")
            line_id = inner.need_id() if inner else item.number("line_item_id")
            if line_id is None:
                item.fail("line_item_id", "a numeric id", None)
            entry = found.setdefault(line_id, _LineRefund())
            quantity = item.count("quantity")
            entry.quantity += quantity
            if item.text("restock_type") == "return":
                entry.returned += quantity
            money = item.money_of_set("subtotal_set", "shop_money", currency)
            if money is not None:
                entry.money = money if entry.money is None else _sum(item, entry.money, money)
    return found


def _nature(line: Obj) -> str:
    if line.flag("gift_card"):
        return "gift_card"
    if line.data.get("tip") is not None or line.text("tip_payment_gateway") is not None:
        return "tip"
    return "goods" if line.flag("requires_shipping") else "digital"


def _fulfilled_by(line: Obj) -> str:
    service = line.text("fulfillment_service")
    return "merchant" if service in {None, "manual", "gift_card"} else "3pl"


def _line_extensions(line: Obj) -> dict[str, Any]:
    properties = [
        {"name": item.text("name") or "", "value": _scalar(item)}
        for item in line.objects("properties")
    ]
    found: dict[str, Any] = {}
    if properties:
        found["properties"] = properties
    if (service := line.text("fulfillment_service")) not in {None, "manual"}:
        found["fulfillment_service"] = service
    return {EXTENSION: found} if found else {}


def _scalar(item: Obj) -> str:
    """A property's value is text nearly always; a number or a flag is kept as text."""
    value = item.data.get("value")
    if isinstance(value, bool | int | float):
        return str(value)[:100] if not isinstance(value, int) or abs(value) < 10**50 else ""
    return item.text("value") or ""


def _application(item: Obj) -> tuple[str | None, str | None]:
    """The code and the title of one discount."""
    return item.text("code"), item.text("title") or item.text("description")


def _discounts(
    carrier: Obj, currency: str, applications: list[tuple[str | None, str | None]]
) -> tuple[Discount, ...]:
    found = []
    for item in carrier.objects("discount_allocations"):
        index = item.count("discount_application_index")
        code, title = applications[index] if index < len(applications) else (None, None)
        found.append(Discount(amount=item.need_money("amount", currency), code=code, title=title))
    return tuple(found)


def _taxes(carrier: Obj, currency: str, included: bool) -> tuple[TaxLine, ...]:
    return tuple(
        TaxLine(
            title=item.text("title") or "tax",
            rate=item.rate("rate"),
            amount=item.need_money("price", currency),
            included=included,
            remitted_by="marketplace" if item.flag("channel_liable") else "merchant",
        )
        for item in carrier.objects("tax_lines")
    )


def _shipping(
    line: Obj, currency: str, included: bool, applications: list[tuple[str | None, str | None]]
) -> ShippingLine:
    return ShippingLine(
        line_id=line.id(),
        title=line.text("title"),
        code=line.text("code"),
        price=line.need_money("price", currency),
        discounts=_discounts(line, currency, applications),
        taxes=_taxes(line, currency, included),
    )


def _presentment(body: Obj, currency: str) -> Totals | None:
    shown = body.currency("presentment_currency")
    if shown is None or shown == currency:
        return None
    side = "presentment_money"
    total = body.money_of_set("total_price_set", side, shown)
    if total is None:
        return None
    return Totals(
        subtotal=body.money_of_set("subtotal_price_set", side, shown),
        discount=body.money_of_set("total_discounts_set", side, shown),
        shipping=body.money_of_set("total_shipping_price_set", side, shown),
        tax=body.money_of_set("total_tax_set", side, shown),
        total=total,
    )


def _payment(body: Obj, currency: str) -> PaymentSummary:
    total = body.need_money("total_price", currency)
    outstanding = body.money("total_outstanding", currency)
    current = body.money("current_total_price", currency) or total
    status = body.text("financial_status")
    refunded = _refunded(body, currency)
    if outstanding is None:
        captured = total if status == "paid" else None
    else:
        net = current.amount - outstanding.amount + (refunded.amount if refunded else _ZERO)
        captured = _money(body, "total_outstanding", max(net, _ZERO), currency)
    return PaymentSummary(
        authorised=total if status == "authorized" else None,
        captured=captured,
        refunded=refunded,
        methods=body.texts("payment_gateway_names"),
    )


def _refunded(body: Obj, currency: str) -> Money | None:
    """Successful refunds in the shop's currency; None when there are none."""
    total: Money | None = None
    for refund in body.objects("refunds"):
        for item in refund.objects("transactions"):
            if item.text("kind") != "refund" or item.text("status") != "success":
                continue
            if item.currency("currency") not in {None, currency}:
                continue
            money = item.need_money("amount", currency)
            total = money if total is None else _sum(item, total, money)
    return total


def _sum(where: Obj, one: Money, other: Money) -> Money:
    return _money(where, "amount", one.amount + other.amount, one.currency)


def _money(where: Obj, key: str, amount: Decimal, currency: str) -> Money:
    """A sum of amounts that each fit; the sum must fit too."""
    if abs(amount) >= 10**18:
        where.fail(key, "amounts whose sum has at most 18 digits", str(amount))
    return Money(amount=amount, currency=currency)


def _extensions(body: Obj, currency: str) -> dict[str, Any]:
    """What is of value and has no canonical place. All of it text, so that it survives any hop."""
    found: dict[str, Any] = {}
    current = body.money("current_total_price", currency)
    if current is not None and current.amount != body.need_money("total_price", currency).amount:
        found["current_total_price"] = format(current.amount, "f")
    tip = body.amount("total_tip_received")
    if tip:
        found["total_tip_received"] = format(tip, "f")
    for key in ("po_number", "confirmation_number", "customer_locale", "source_identifier"):
        if (text := body.text(key)) is not None:
            found[key] = text
    notes = [
        {"name": item.text("name") or "", "value": _scalar(item)}
        for item in body.objects("note_attributes")
    ]
    if notes:
        found["note_attributes"] = notes
    if codes := [code for item in body.objects("discount_codes") if (code := item.text("code"))]:
        found["discount_codes"] = codes
    if body.flag("tax_exempt"):
        found["tax_exempt"] = True
    return {EXTENSION: found} if found else {}

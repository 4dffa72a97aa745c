"""The lines of a Shopify order, as canonical documents: what was bought, and how far it has come.

Counters come from the logs in the payload, never from a status word:

- `shipped`: quantities in `fulfillments` that are not cancelled, in error or failed.
- what is no longer wanted is `quantity` less `current_quantity`. The part that `refunds` name as
  `return`, as far as it was shipped, is `return_received` and `restocked`; the rest is
  `cancelled`, as far as it was not shipped. An order with `cancelled_at` has all that was not
  shipped cancelled.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from crossdock.reading import fault

from crossdock_shopify.order_parts import (
    EXTENSION,
    About,
    Document,
    allocated,
    named,
    native_id,
    only_given,
    shop_side,
    summed,
    tax_lines,
)
from crossdock_shopify.order_shapes import Body, Line, LineId, Refund

NOT_SHIPPED = frozenset({"cancelled", "error", "failure"})
"""Fulfilments in these states hold no goods of the order."""


def order_lines(body: Body, refunds: list[Refund], about: About) -> list[Document]:
    shipped = _shipped(body, about) if body.fulfillments else {}
    refunded = _refunded_lines(refunds, about) if refunds else {}
    log = _Log(shipped, refunded) if shipped or refunded or about.cancelled else None
    return [_line(line, index, log, about) for index, line in enumerate(body.line_items)]


class _Log(NamedTuple):
    """What happened to an order's lines since it was placed, by line id."""

    shipped: dict[str, int]
    refunded: "dict[str, _LineRefund]"


def _line(line: Line, index: int, log: _Log | None, about: About) -> Document:
    """One position, field by field: this runs more often than anything else here."""
    line_id = native_id(line, about.topic, "line_items", index)
    found: Document = {"line_id": line_id}
    if line.sku:
        found["sku"] = line.sku
    if title := line.name or line.title:
        found["title"] = title
    if line.product_id:
        found["product"] = {"native_id": line.product_id}
    if line.variant_id:
        found["variant"] = {"native_id": line.variant_id}
    if line.gift_card:
        found["nature"] = "gift_card"
    elif line.tip is not None or line.tip_payment_gateway:
        found["nature"] = "tip"
    elif not line.requires_shipping:
        found["nature"] = "digital"
    if not line.requires_shipping:
        found["requires_shipping"] = False
    service = line.fulfillment_service or "manual"
    if service not in _OWN_HANDS:
        found["fulfilled_by"] = "3pl"
    ordered = line.quantity
    if log is None and line.current_quantity == ordered:
        found["ordered"] = str(ordered)
    else:
        found.update(_counters(line, line_id, index, log or _NOTHING, about))
    found["unit_price"] = {"amount": line.price, "currency": about.currency}
    if line.discount_allocations:
        found["discounts"] = allocated(line.discount_allocations, about)
    if line.tax_lines:
        found["taxes"] = tax_lines(line.tax_lines, about)
    if service != "manual" or line.properties:
        found["extensions"] = _line_extensions(line, service)
    return found


_OWN_HANDS = frozenset({"manual", "gift_card"})


def _counters(line: Line, line_id: str, index: int, log: _Log, about: About) -> Document:
    """How far the line has come, from the logs."""
    ordered, current = line.quantity, line.current_quantity
    shipped = log.shipped.get(line_id, 0)
    refund = log.refunded.get(line_id, _NO_REFUND)
    at = f"/line_items/{index}"
    if shipped > ordered:
        what = f"at least {shipped}, the quantity in fulfillments"
        raise fault(about.topic, f"{at}/quantity", what, ordered)
    if current is None:
        current = max(ordered - refund.quantity, 0)
    if current > ordered:
        what = f"at most {ordered}, the quantity"
        raise fault(about.topic, f"{at}/current_quantity", what, current)
    found: Document = {"ordered": str(ordered)}
    removed, left = ordered - current, ordered - shipped
    returned = min(refund.returned, shipped, removed)
    cancelled = left if about.cancelled else min(removed - returned, left)
    for name, count in (
        ("cancelled", cancelled),
        ("shipped", shipped),
        ("return_received", returned),
        ("restocked", returned),
    ):
        if count:
            found[name] = str(count)
    if refund.amount is not None:
        found["refunded"] = summed(refund.amount, about.currency, about.topic, at)
    return found


@dataclass(slots=True)
class _LineRefund:
    """What `refunds` say of one line."""

    quantity: int = 0
    returned: int = 0
    amount: Decimal | None = None


_NO_REFUND = _LineRefund()
_NOTHING = _Log({}, {})


def _shipped(body: Body, about: About) -> dict[str, int]:
    """Line id to quantity, over all fulfilments that hold goods."""
    shipped: dict[str, int] = {}
    for f, fulfilment in enumerate(body.fulfillments or ()):
        if fulfilment.status in NOT_SHIPPED:
            continue
        for i, line in enumerate(fulfilment.line_items or ()):
            line_id = native_id(line, about.topic, "fulfillments", f, "line_items", i)
            shipped[line_id] = shipped.get(line_id, 0) + line.quantity
    return shipped


def _refunded_lines(refunds: list[Refund], about: About) -> dict[str, _LineRefund]:
    found: dict[str, _LineRefund] = {}
    for r, refund in enumerate(refunds):
        for i, item in enumerate(refund.refund_line_items or ()):
            at = ("refunds", r, "refund_line_items", i)
            inner = item.line_item or LineId(id=item.line_item_id)
            entry = found.setdefault(native_id(inner, about.topic, *at), _LineRefund())
            entry.quantity += item.quantity
            if item.restock_type == "return":
                entry.returned += item.quantity
            pair = item.subtotal_set
            amount = shop_side(pair, about.currency, about.topic, *at, "subtotal_set")
            if amount is not None:
                entry.amount = (entry.amount or Decimal(0)) + Decimal(amount)
    return found


def _line_extensions(line: Line, service: str) -> Document:
    found = only_given(
        properties=named(line.properties),
        fulfillment_service=None if service == "manual" else service,
    )
    return {EXTENSION: found}

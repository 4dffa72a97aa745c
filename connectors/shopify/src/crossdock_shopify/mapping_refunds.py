"""What Shopify says of money given back. Pure.

A refund's `state` follows from its transactions, not from a word; without any it gave no money
back and says nothing. The amounts of its lines hold the tax: Shopify states `subtotal` and
`total_tax` apart and not whether the one contains the other, so whichever sum the transactions
prove is taken, and the sum of both where neither is proven.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from crossdock import Event, Ignore, Raw, revision_of
from crossdock.canonical import EntityRef, Money, Refund, RefundLine
from crossdock.canonical.entity import Entity

from crossdock_shopify.marks import command_in, without_mark
from crossdock_shopify.order_parts import EXTENSION
from crossdock_shopify.reading import Obj

_ZERO = Decimal(0)
_MOST = Decimal(10) ** 18
_STATES = {"success": "succeeded", "pending": "pending", "awaiting_response": "pending"}


def refund_events(body: Obj, raw: Raw) -> Iterator[Event[Entity]]:
    """`refund.succeeded`, `refund.pending` or `refund.failed`."""
    data = refund(body)
    mark = command_in(body.text("note"))
    if mark and data.state != "failed":
        raise Ignore(f"echo: this refund was made by our own command {mark}")
    yield Event(
        type=f"refund.{data.state}",
        data=data,
        native_id=body.need_id(),
        revision=revision_of(data.requested_at),
        occurred_at=data.requested_at,
    )


@dataclass(frozen=True)
class _Line:
    line_id: str
    quantity: int
    subtotal: Decimal
    tax: Decimal


def refund(body: Obj) -> Refund:
    """One refund of `refunds/create`, or of an order's `refunds`."""
    state, currency, amount = _moved(body)
    order_id = body.number("order_id")
    if order_id is None:
        body.fail("order_id", "a numeric id", None)
    side = _side(body, currency)
    lines = (
        [_line(item, side, currency) for item in body.objects("refund_line_items")] if side else []
    )
    carriage, carriage_tax = _carriage(body, side, currency)
    goods = sum((line.subtotal for line in lines), _ZERO)
    taxes = sum((line.tax for line in lines), _ZERO)
    whole = goods + taxes + carriage + carriage_tax
    within = whole != amount and goods + carriage == amount  # the subtotals contain the taxes
    requested_at = body.need_moment("created_at")
    return_ref = body.object("return")
    note = without_mark(body.text("note"))
    given = carriage if within else carriage + carriage_tax
    return Refund(
        order=EntityRef(native_id=order_id),
        return_ref=EntityRef(native_id=return_ref.need_id()) if return_ref else None,
        state=state,
        amount=_money(body, amount, currency),
        lines=tuple(
            RefundLine(
                line_id=line.line_id,
                quantity=Decimal(line.quantity),
                amount=_money(body, line.subtotal + (_ZERO if within else line.tax), currency),
                tax=_money(body, line.tax, currency) if line.tax else None,
            )
            for line in _merged(lines)
        ),
        shipping=_money(body, given, currency) if given else None,
        reason="return" if return_ref else None,
        requested_at=requested_at,
        settled_at=None if state == "pending" else requested_at,
        failure=_failure(body) if state == "failed" else None,
        extensions={EXTENSION: {"note": note}} if note else {},
    )


def _moved(body: Obj) -> tuple[str, str, Decimal]:
    """State, currency and sum of the transactions that give money back."""
    sums: dict[str, Decimal] = {}
    currency = ""
    for item in body.objects("transactions"):
        if item.text("kind") != "refund":
            continue
        state = _STATES.get(item.text("status") or "", "failed")
        own = item.currency("currency") or _currency_of_sets(body)
        if own is None:
            item.fail("currency", "a currency", None)
        if currency and own != currency:
            item.fail("currency", f"{currency}, as in the refund's other transactions", own)
        currency = own
        amount = item.amount("amount")
        if amount is None or amount < 0:
            item.fail("amount", 'an amount such as "12.30"', item.data.get("amount"))
        sums[state] = sums.get(state, _ZERO) + amount
    for state in ("pending", "succeeded", "failed"):
        if sums.get(state):
            moved = sum((v for k, v in sums.items() if k != "failed"), _ZERO)
            return state, currency, moved or sums[state]
    raise Ignore("this refund moved no money: orders/updated brings its effect on the order")


def _currency_of_sets(body: Obj) -> str | None:
    """The shop's own currency, for transactions that name none, as Shopify's sample has them."""
    for owner in (body, *body.objects("refund_line_items"), *body.objects("refund_shipping_lines")):
        for key in ("total_duties_set", "subtotal_set", "subtotal_amount_set"):
            pair = owner.object(key)
            money = pair.object("shop_money") if pair else None
            if money is not None:
                return money.currency("currency_code")
    return None


def _side(body: Obj, currency: str) -> str | None:
    """In which of its two currencies Shopify's sets speak the refund's own; None: in neither."""
    for item in (*body.objects("refund_line_items"), *body.objects("refund_shipping_lines")):
        pair = item.object("subtotal_set") or item.object("subtotal_amount_set")
        if pair is None:
            continue
        for side in ("shop_money", "presentment_money"):
            money = pair.object(side)
            if money is not None and money.text("currency_code") == currency:
                return side
        return None
    return "shop_money"


def _line(item: Obj, side: str, currency: str) -> _Line:
    inner = item.object("line_item")
    line_id = inner.need_id() if inner else item.number("line_item_id")
    if line_id is None:
        item.fail("line_item_id", "a numeric id", None)
    subtotal = item.money_of_set("subtotal_set", side, currency)
    tax = item.money_of_set("total_tax_set", side, currency)
    return _Line(
        line_id,
        item.count("quantity"),
        subtotal.amount if subtotal else _ZERO,
        tax.amount if tax else _ZERO,
    )


def _merged(lines: list[_Line]) -> list[_Line]:
    """One for each order line: Shopify may refund a line in portions, by how it was restocked."""
    found: dict[str, _Line] = {}
    for line in lines:
        before = found.get(line.line_id)
        found[line.line_id] = (
            line
            if before is None
            else _Line(
                line.line_id,
                before.quantity + line.quantity,
                before.subtotal + line.subtotal,
                before.tax + line.tax,
            )
        )
    return list(found.values())


def _carriage(body: Obj, side: str | None, currency: str) -> tuple[Decimal, Decimal]:
    price = tax = _ZERO
    if side is None:
        return price, tax
    for item in body.objects("refund_shipping_lines"):
        amount = item.money_of_set("subtotal_amount_set", side, currency)
        taxes = item.money_of_set("tax_amount_set", side, currency)
        price += amount.amount if amount else _ZERO
        tax += taxes.amount if taxes else _ZERO
    return price, tax


def _failure(body: Obj) -> str | None:
    for item in body.objects("transactions"):
        if said := (item.text("message") or item.text("error_code")):
            return said
    return None


def _money(where: Obj, amount: Decimal, currency: str) -> Money:
    if abs(amount) >= _MOST:
        where.fail("transactions", "amounts whose sum has at most 18 digits", str(amount))
    return Money(amount=amount, currency=currency)

"""Facts that cannot both be true: each names the contradiction and both of its sources."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from crossdock.canonical import Fulfillment, Money, Order, Refund, Return

from crossdock_stages import lifecycle
from crossdock_stages.book import ZERO, Book
from crossdock_stages.judgement.basis import CANCELLED, HELD, NOT_TAKEN


@dataclass(frozen=True)
class Contradiction:
    """`code` is a stable word; `why` a sentence with the values and who said them."""

    code: str
    why: str


def in_order(
    order: Order, book: Book, speaker: str, now: Mapping[str, str]
) -> Iterator[Contradiction]:
    """What a channel's snapshot says against itself, its earlier word, or the houses' word.

    `now` is where the order stands by this snapshot, axis by axis.
    """
    yield from _currencies(order, book, speaker)
    yield from _money(order, speaker)
    cancelled = order.cancelled_at is not None
    for line in order.lines:
        left = book.left_of(line.line_id)
        kept = ZERO if cancelled and line.cancelled == 0 else line.ordered - line.cancelled
        if left > kept:
            delivered = book.axes.get("fulfillment") == "delivered" or line.delivered > 0
            yield _cancelled_too_late(line.line_id, kept, left, delivered, book, speaker)
    there = {line.line_id for line in order.lines}
    for line_id, sold in book.lines.items():
        if line_id not in there and book.left_of(line_id) > 0:
            yield Contradiction(
                "line_vanished",
                f"line {line_id} is no longer in the order by {speaker}, but "
                f"{_houses(book, line_id)} shipped {book.left_of(line_id)} of "
                f"{sold.ordered} ordered",
            )
    if cancelled and book.axes.get("fulfillment") == "delivered" and not book.anything_shipped:
        yield Contradiction(
            "cancelled_after_delivery",
            f"{speaker} says cancelled at {order.cancelled_at:%Y-%m-%d %H:%M}, and said before "
            "that all of it was delivered",
        )
    for move in lifecycle.moves(book.axes, now):
        if not move.allowed:
            yield Contradiction(
                f"{move.axis}_went_back",
                f"{speaker} says the {move.axis} is {move.after}, and said before that it is "
                f"{move.before}: one cannot follow the other",
            )


def _cancelled_too_late(
    line_id: str, kept: Decimal, left: Decimal, delivered: bool, book: Book, speaker: str
) -> Contradiction:
    code = "cancelled_after_delivery" if delivered else "cancelled_after_shipping"
    return Contradiction(
        code,
        f"{speaker} leaves {kept} of line {line_id} to be shipped, but "
        f"{_houses(book, line_id)} shipped {left}",
    )


def _currencies(order: Order, book: Book, speaker: str) -> Iterator[Contradiction]:
    currency = order.currency
    for what, line, money in _amounts(order):
        if money is not None and money.currency != currency:
            name = f"{what} {line}" if line else what
            yield Contradiction(
                "two_currencies",
                f"{speaker} says the order is in {currency}, and that {name} is "
                f"{money.amount} {money.currency}",
            )
            return
    if book.currency and book.currency != order.currency:
        yield Contradiction(
            "two_currencies",
            f"{speaker} says the order is in {order.currency}, and said before that it is in "
            f"{book.currency}",
        )


def _amounts(order: Order) -> Iterator[tuple[str, str, Money | None]]:
    """Every amount of an order that is in its currency, with its name and that of its line; what
    the customer saw is not in it."""
    for line in order.lines:
        yield "the price of line", line.line_id, line.unit_price
        yield "what was given back for line", line.line_id, line.refunded
        for off in line.discounts:
            yield "a discount of line", line.line_id, off.amount
        for tax in line.taxes:
            yield "a tax of line", line.line_id, tax.amount
    for carriage in order.shipping:
        yield "the price of carriage", "", carriage.price
        for off in carriage.discounts:
            yield "a discount of carriage", "", off.amount
        for tax in carriage.taxes:
            yield "a tax of carriage", "", tax.amount
    for tax in order.taxes:
        yield "a tax", "", tax.amount
    totals, payment = order.totals, order.payment
    yield "its total", "", totals.total
    yield "its subtotal", "", totals.subtotal
    yield "its discount", "", totals.discount
    yield "its carriage", "", totals.shipping
    yield "its tax", "", totals.tax
    yield "what was authorised", "", payment.authorised
    yield "what was captured", "", payment.captured
    yield "what was refunded", "", payment.refunded


def _money(order: Order, speaker: str) -> Iterator[Contradiction]:
    if order.payment.captured is None or order.payment.refunded is None:
        return
    captured, refunded = order.payment.captured.amount, order.payment.refunded.amount
    if refunded > captured:
        yield Contradiction(
            "refund_above_captured",
            f"{speaker} says {refunded} {order.currency} were refunded, and that "
            f"{captured} {order.currency} were captured",
        )


def in_fulfillment(
    data: Fulfillment, entity: str, book: Book, *, house: str, channel: str, state: str
) -> Iterator[Contradiction]:
    """What a house's shipment says against what the channel sold."""
    if data.cancelled_at is not None or not book.lines:
        return
    name = data.number or "a shipment"
    if state in {CANCELLED, NOT_TAKEN}:
        yield Contradiction(
            "shipped_after_cancellation",
            f"{house} says {name} has left, and the order was cancelled at {channel} or not taken",
        )
        return
    if state == HELD:
        waits = "; ".join(
            # what it says itself, each time longer, is no reason
            hold.why
            for code, hold in book.holds.items()
            if not code.startswith("shipped_while_held")
        )
        yield Contradiction(
            "shipped_while_held",
            f"{house} says {name} has left, and the order of {channel} was given to nobody, for "
            f"it waits: {waits}",
        )
        return
    here: dict[str, Decimal] = {}
    parts: dict[tuple[str, str], Decimal] = {}
    for line in data.lines:
        sold = book.lines.get(line.line_id)
        if sold is None:
            yield Contradiction(
                "unknown_line",
                f"{house} shipped {line.quantity} of line {line.line_id} with {name}, and "
                f"{channel} sold no such line; it sold: {', '.join(book.lines) or 'nothing'}",
            )
            continue
        if not sold.fits(line.sku):
            yield Contradiction(
                "unknown_sku",
                f"{house} shipped SKU {line.sku} for line {line.line_id} with {name}, and "
                f"{channel} sold {' + '.join(filter(None, sold.skus))}",
            )
            continue
        if sold.is_part(line.sku):
            part = (line.line_id, line.sku or "")
            parts[part] = parts.get(part, ZERO) + line.quantity
            continue
        here[line.line_id] = here.get(line.line_id, ZERO) + line.quantity
    others = book.with_part("shipped", entity, None)
    for line_id, quantity in here.items():
        sold = book.lines[line_id]
        total = quantity + others.left_of(line_id)
        if total > sold.ordered - sold.cancelled:
            before = others.left_of(line_id)
            earlier = f" after {before} by {_houses(others, line_id)}" if before else ""
            less = f" less {sold.cancelled} cancelled" if sold.cancelled else ""
            yield Contradiction(
                "shipped_more_than_ordered",
                f"{house} shipped {quantity} of line {line_id} with {name}{earlier}, and "
                f"{channel} says {sold.ordered} ordered{less}",
            )

    for (line_id, sku), quantity in parts.items():
        sold = book.lines[line_id]
        per = sold.per.get(sku, ZERO)
        before = others.left_of_part(line_id, sku, per) + per * here.get(line_id, ZERO)
        wanted = per * (sold.ordered - sold.cancelled)
        if per and before + quantity > wanted:
            yield Contradiction(
                "shipped_more_than_ordered",
                f"{house} shipped {quantity} of {sku} for line {line_id} with {name}"
                f"{f' after {before}' if before else ''}, and {channel} sold {wanted} of it: "
                f"{per} in each of {sold.ordered - sold.cancelled}",
            )


def in_return(
    data: Return, entity: str, book: Book, *, speaker: str, channel: str
) -> Iterator[Contradiction]:
    """More comes back than was bought."""
    if data.cancelled_at is not None or data.declined_at is not None or not book.lines:
        return
    for line in data.lines:
        sold = book.lines.get(line.line_id)
        if sold is None:
            yield Contradiction(
                "unknown_line",
                f"{speaker} says line {line.line_id} comes back with {data.number}, and "
                f"{channel} sold no such line",
            )
            continue
        earlier = sum(
            (
                part.lines.get(line.line_id, ZERO)
                for key, part in book.returned.items()
                if key != entity
            ),
            ZERO,
        )
        wanted = line.requested - line.declined
        if wanted + earlier > sold.ordered - sold.cancelled:
            yield Contradiction(
                "returned_more_than_ordered",
                f"{speaker} says {wanted} of line {line.line_id} come back with {data.number}"
                f"{f' after {earlier}' if earlier else ''}, and {channel} says "
                f"{sold.ordered - sold.cancelled} were sold",
            )


def in_refund(
    data: Refund, entity: str, book: Book, *, speaker: str, channel: str, wished: bool = False
) -> Iterator[Contradiction]:
    """More is given back than was taken, or in other money; `wished`: or shall be."""
    if book.currency and data.amount.currency != book.currency:
        yield Contradiction(
            "two_currencies",
            f"{speaker} refunded {data.amount.amount} {data.amount.currency}, and {channel} says "
            f"the order is in {book.currency}",
        )
        return
    total = data.amount.amount + book.refunds(but=entity)
    said = f"{total} {data.amount.currency} were refunded in all"
    if wished:
        total += book.wished(but=entity)
        said = f"{total} {data.amount.currency} shall be refunded in all"
    moved = wished or data.state == "succeeded"
    if moved and book.captured is not None and total > book.captured:
        yield Contradiction(
            "refund_above_captured",
            f"{speaker} says {said}, and {channel} says {book.captured} {book.currency} "
            "were captured",
        )


def _houses(book: Book, line_id: str) -> str:
    parts = [part for part in book.shipped.values() if part.touches(line_id)]
    return " and ".join(f"{part.by} ({part.name})" for part in parts) or "nobody"

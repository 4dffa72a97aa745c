"""Orders in the words of ACP, the Agentic Commerce Protocol (2026-04-17), and back.

An ACP order counts whole things: `ordered`, `current` (ordered less cancelled and given back) and
`fulfilled` (our `shipped`). Shipments are objects with a state and a log; every other change is an
adjustment, whose numbers are positive. The order itself names no currency and no time: who reads
one must bring them. The members of an ACP order are closed: there is no room for extensions.

`status` is derived from our counters and is not read back, for every word of it is open.

Source: agentic-commerce-protocol, spec/2026-04-17 (tests/neighbours/schemas/ORIGIN.md).
"""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Any

from crossdock.canonical import (
    Address,
    Fulfillment,
    Order,
    OrderLine,
    statuses,
)
from crossdock.canonical.texts import rfc3339
from crossdock.neighbours.acp_lost import DISCOUNT, LOST, LOST_BACK, LOST_WHEN, is_double
from crossdock.neighbours.acp_reading import AcpOrder, from_acp
from crossdock.neighbours.exact import (
    is_uri,
    minor_units,
    misfit,
    steps,
)

__all__ = ["DISCOUNT", "LOST", "LOST_BACK", "LOST_WHEN", "AcpOrder", "from_acp", "to_acp"]

_STATUS = {"delivered": "completed", "shipped": "shipped", "partially_shipped": "processing"}


def to_acp(
    order: Order,
    fulfillments: Iterable[Fulfillment] = (),
    *,
    checkout_session_id: str,
    permalink_url: str,
) -> dict[str, Any]:
    """The order as ACP tells it, valid against ACP's schema.

    `checkout_session_id` and `permalink_url` (an absolute URI) are the storefront's; ACP requires
    them. ContractError names by pointer what ACP has no room for: an amount finer than the
    smallest coin or in another currency, a quantity that is not whole, a fulfilment of another
    order.
    """
    if order.id is None:
        raise misfit("/id", None, "an order needs its canonical id")
    if not is_uri(permalink_url):
        raise misfit("/permalink_url", permalink_url, "must be an absolute URI")
    lines = [(f"/lines/{index}", line) for index, line in enumerate(order.lines) if line.ordered]
    if len({line.line_id for _, line in lines}) < len(lines):
        raise misfit("/lines", [line.line_id for _, line in lines], "line ids must differ")
    document: dict[str, Any] = {
        "type": "order",
        "id": order.id,
        "checkout_session_id": checkout_session_id,
        "order_number": order.number,
        "permalink_url": permalink_url,
        "status": _status(order),
        "line_items": [_line(line, order.currency, at) for at, line in lines],
        "fulfillments": list(_fulfillments(order, tuple(fulfillments))),
        "adjustments": _adjustments(order),
        "totals": _totals(order),
    }
    if order.purchase_order_number is not None:
        document["client_reference_id"] = order.purchase_order_number
    return document


def _status(order: Order) -> str:
    axes = statuses(order)
    if axes.order == "cancelled":
        return "canceled"
    if order.holds:
        return "manual_review"
    return _STATUS.get(axes.fulfillment, "completed" if axes.order == "closed" else "confirmed")


def _line(line: OrderLine, currency: str, at: str) -> dict[str, Any]:
    price = minor_units(line.unit_price, currency, f"{at}/unit_price", 0)
    ordered = steps(line.ordered, 0, f"{at}/ordered", 1)
    current = steps(line.current, 0, f"{at}/ordered")
    shipped = steps(line.shipped, 0, f"{at}/shipped")
    if current == 0:
        status = "removed"
    elif shipped == current:
        status = "fulfilled"
    else:
        status = "partial" if shipped else "processing"
    item: dict[str, Any] = {
        "id": line.line_id,
        "title": line.title if line.title is not None else line.sku or line.line_id,
        "quantity": {"ordered": ordered, "current": current, "fulfilled": shipped},
        "unit_price": price,
        "subtotal": price * ordered,
        "status": status,
    }
    if line.sku is not None:
        item["product_id"] = line.sku
    totals = [
        _total(
            "items_discount",
            minor_units(discount.amount, currency, f"{at}/discounts/{index}/amount", 0),
            DISCOUNT if discount.title is None else discount.title,
        )
        for index, discount in enumerate(line.discounts)
    ]
    for index, tax in enumerate(line.taxes):
        if not tax.included:
            amount = minor_units(tax.amount, currency, f"{at}/taxes/{index}/amount", 0)
            entry = _total("tax", amount, tax.title)
            if tax.jurisdiction is not None and tax.rate is not None and is_double(tax.rate):
                entry["breakdown"] = [
                    {
                        "jurisdiction": tax.jurisdiction,
                        "rate": float(tax.rate),
                        "amount": amount,
                    }
                ]
            totals.append(entry)
    if totals:
        item["totals"] = totals
    return item


def _total(type_: str, amount: int, text: str) -> dict[str, Any]:
    return {"type": type_, "display_text": text, "amount": amount}


def _fulfillments(order: Order, sent: tuple[Fulfillment, ...]) -> Iterable[dict[str, Any]]:
    known = {line.line_id: line for line in order.lines if line.ordered}
    destination = _destination(order.shipping_address)
    seen: set[str] = set()
    for index, fulfillment in enumerate(sent):
        at = f"/fulfillments/{index}"
        if fulfillment.id is None or fulfillment.id in seen:
            raise misfit(f"{at}/id", fulfillment.id, "needs a canonical id of its own")
        seen.add(fulfillment.id)
        if fulfillment.order.id != order.id:
            raise misfit(f"{at}/order/id", fulfillment.order.id, f"must be {order.id}")
        portions = []
        for number, line in enumerate(fulfillment.lines):
            here = f"{at}/lines/{number}"
            count = steps(line.quantity, 0, f"{here}/quantity")
            if count and line.line_id not in known:
                raise misfit(f"{here}/line_id", line.line_id, "must be a line of the order")
            if count:
                portions.append({"id": line.line_id, "quantity": count})
        moments = {
            "shipped": fulfillment.shipped_at,
            "delivered": fulfillment.delivered_at,
            "canceled": fulfillment.cancelled_at,
        }
        events = [
            {"id": f"{fulfillment.id}:{word}", "type": word, "occurred_at": rfc3339(moment)}
            for word, moment in moments.items()
            if moment is not None
        ]
        carried = [known[str(portion["id"])].requires_shipping for portion in portions]
        document: dict[str, Any] = {
            "id": fulfillment.id,
            "type": "shipping" if any(carried) or not carried else "digital",
            "status": events[-1]["type"] if events else "pending",
            "line_items": portions,
            "events": events,
        }
        for parcel in fulfillment.tracking[:1]:
            url = parcel.url if is_uri(parcel.url) else None
            follow = {
                "tracking_number": parcel.number,
                "tracking_url": url,
                "carrier": parcel.carrier,
            }
            document |= {key: value for key, value in follow.items() if value is not None}
        if destination is not None:
            document["destination"] = destination
        yield document


def _destination(address: Address | None) -> dict[str, str] | None:
    """None when a part is missing that ACP requires."""
    if address is None or not address.lines:
        return None
    required = {
        "name": address.full_name,
        "line_one": address.lines[0],
        "city": address.locality,
        "state": address.region,
        "country": address.country,
        "postal_code": address.postal_code,
    }
    optional = {
        "line_two": "\n".join(address.lines[1:]) if len(address.lines) > 1 else None,
        "company": address.company,
    }
    parts = {key: value for key, value in required.items() if value is not None}
    if len(parts) < len(required):
        return None
    return parts | {key: value for key, value in optional.items() if value is not None}


def _adjustments(order: Order) -> list[dict[str, Any]]:
    changed = rfc3339(order.updated_at or order.cancelled_at or order.placed_at)

    def adjustment(name: str, type_: str, status: str = "completed") -> dict[str, Any]:
        return {
            "id": f"{order.id}:{name}",
            "type": type_,
            "occurred_at": changed,
            "status": status,
        }

    def portions(much: Callable[[OrderLine], Decimal]) -> list[dict[str, Any]]:
        counted = [
            (line.line_id, steps(much(line), 0, f"/lines/{index}"))
            for index, line in enumerate(order.lines)
        ]
        return [{"id": name, "quantity": count} for name, count in counted if count]

    adjustments = []
    if order.cancelled_at is not None:
        whole = adjustment("cancelled", "cancellation")
        whole["occurred_at"] = rfc3339(order.cancelled_at)
        if order.cancel_reason is not None:
            whole["description"] = order.cancel_reason
        adjustments.append(whole)
    logs: tuple[tuple[str, str, str, Callable[[OrderLine], Decimal]], ...] = (
        ("cancelled-lines", "cancellation", "completed", lambda line: line.cancelled),
        ("returned", "return", "completed", lambda line: line.return_received),
        (
            "return-requested",
            "return",
            "pending",
            lambda line: max(Decimal(0), line.return_requested - line.return_received),
        ),
    )
    for name, type_, status, much in logs:
        found = portions(much)
        if found:
            adjustments.append({**adjustment(name, type_, status), "line_items": found})
    if order.payment.refunded is not None and order.payment.refunded.amount:
        amount = minor_units(order.payment.refunded, order.currency, "/payment/refunded", 0)
        money = {"amount": amount, "currency": order.currency.lower()}
        adjustments.append({**adjustment("refunded", "refund"), **money})
    return adjustments


def _totals(order: Order) -> list[dict[str, Any]]:
    totals, currency = order.totals, order.currency
    tax = None if order.prices_include_tax else totals.tax
    stated = (
        ("subtotal", "Subtotal", totals.subtotal, "/totals/subtotal"),
        ("fulfillment", "Shipping", totals.shipping, "/totals/shipping"),
        ("tax", "Tax", tax, "/totals/tax"),
        ("total", "Total", totals.total, "/totals/total"),
        ("amount_refunded", "Refunded", order.payment.refunded, "/payment/refunded"),
    )
    return [
        _total(type_, minor_units(money, currency, at), text)
        for type_, text, money, at in stated
        if money is not None
    ]

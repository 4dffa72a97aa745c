"""Orders in the words of ACP, the Agentic Commerce Protocol (2026-04-17), and back.

An ACP order counts whole things: `ordered`, `current` (ordered less cancelled and given back) and
`fulfilled` (our `shipped`). Shipments are objects with a state and a log; every other change is an
adjustment, whose numbers are positive. The order itself names no currency and no time: who reads
one must bring them. The members of an ACP order are closed: there is no room for extensions.

`status` is derived from our counters and is not read back, for every word of it is open.

Source: agentic-commerce-protocol, spec/2026-04-17 (tests/neighbours/schemas/ORIGIN.md).
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from crossdock.canonical import (
    Address,
    Discount,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    Money,
    Order,
    OrderLine,
    PaymentSummary,
    TaxLine,
    Totals,
    Tracking,
    statuses,
)
from crossdock.canonical.entity import contract_error
from crossdock.neighbours.exact import (
    instant,
    is_uri,
    major_units,
    maybe,
    minor_units,
    misfit,
    need,
    objects,
    recount,
    rfc3339,
    steps,
)
from crossdock.neighbours.losses import Condition

DISCOUNT = "Discount"
"""What stands for a discount without a title, for ACP requires one."""

_CLOSED = "the members of an ACP order are closed"
_CHECKOUT = "the agent knows the buyer from the checkout"
_OWN = "the merchant's own concern"
_TOTAL = "ACP's totals have a text, an amount, and for taxes a jurisdiction and a rate"

LOST: dict[str, str] = {
    "/order/refs": "what other systems call it is no matter of the agent",
    "/order/updated_at": "ACP orders have no time of change",
    "/order/placed_at": "ACP orders have no time of purchase; who reads one must bring it",
    "/order/extensions": _CLOSED,
    "/order/presentment": "the currency is that of the checkout",
    "/order/prices_include_tax": "ACP states what is charged, not how prices are quoted",
    "/order/shipping": "ACP states the sum, as the total of type fulfillment",
    "/order/taxes": "ACP states the sum, as the total of type tax",
    "/order/totals/discount": "discounts of lines are told as items_discount",
    "/order/totals/tax": "when prices include it: it would count twice",
    "/order/payment/authorised": "paying is a matter of the checkout",
    "/order/payment/captured": "paying is a matter of the checkout",
    "/order/payment/methods": "paying is a matter of the checkout",
    "/order/customer": _CHECKOUT,
    "/order/customer_name": _CHECKOUT,
    "/order/email": _CHECKOUT,
    "/order/phone": _CHECKOUT,
    "/order/organization": _CHECKOUT,
    "/order/billing_address": "paying is a matter of the checkout",
    "/order/shipping_address": (
        "when nothing is being fulfilled, for ACP addresses shipments; and when name, street, "
        "city, state, country or code is missing, for ACP requires all of them"
    ),
    "/order/shipping_address/phone": "ACP's addresses have none",
    "/order/shipping_address/email": "ACP's addresses have none",
    "/order/shipping_address/lines": "when one after the first breaks: it comes back as two",
    "/order/cancel_reason": "when the order as a whole is not cancelled: no adjustment bears it",
    "/order/closed_at": "ACP derives from quantities what is done",
    "/order/note": "it was said to the merchant",
    "/order/tags": "the merchant's own labels",
    "/order/test": "ACP has no test orders: do not send them",
    "/order/sales_channel": "the source's own word",
    "/order/source_status": "the source's own words",
    "/order/holds": "told as the status manual_review, not by their names",
    "/order/lines/*": "when nothing of it was ordered: ACP counts from one",
    "/order/lines/*/title": "when it is the SKU or the line's id: these stand for a missing one",
    "/order/lines/*/product": "ACP names what is sold by one id, our SKU",
    "/order/lines/*/variant": "ACP names what is sold by one id, our SKU",
    "/order/lines/*/gtin": "ACP names what is sold by one id, our SKU",
    "/order/lines/*/nature": _CLOSED,
    "/order/lines/*/requires_shipping": "ACP tells it of shipments, not of lines",
    "/order/lines/*/unit": "ACP counts things: the title must say of what",
    "/order/lines/*/fulfilled_by": _OWN,
    "/order/lines/*/location": _OWN,
    "/order/lines/*/allocated": _OWN,
    "/order/lines/*/delivered": "ACP tells it of shipments, not of lines",
    "/order/lines/*/return_requested": "when no more than came back: only open requests are told",
    "/order/lines/*/restocked": _OWN,
    "/order/lines/*/written_off": _OWN,
    "/order/lines/*/refunded": "refunds are told once, for the order",
    "/order/lines/*/components": "ACP would make each a line",
    "/order/lines/*/extensions": _CLOSED,
    "/order/lines/*/discounts/*/title": f"when it is {DISCOUNT!r}: that stands for a missing one",
    "/order/lines/*/discounts/*/code": _TOTAL,
    "/order/lines/*/discounts/*/promotion": _TOTAL,
    "/order/lines/*/taxes/*": "when the price contains it: it would count twice",
    "/order/lines/*/taxes/*/rate": (
        "when there is no jurisdiction with it, or no double number equals it"
    ),
    "/order/lines/*/taxes/*/jurisdiction": (
        "when there is no rate with it that a double number equals"
    ),
    "/order/lines/*/taxes/*/remitted_by": _TOTAL,
    "/order/lines/*/taxes/*/type": _TOTAL,
    "/order/lines/*/taxes/*/base": _TOTAL,
    "/order/lines/*/taxes/*/rounding": _TOTAL,
    "/order/lines/*/taxes/*/exemption": _TOTAL,
    "/order/lines/*/taxes/*/engine_ref": _TOTAL,
    "/fulfillments/*/refs": "what other systems call it is no matter of the agent",
    "/fulfillments/*/updated_at": "ACP's events have the time of the fact alone",
    "/fulfillments/*/extensions": _CLOSED,
    "/fulfillments/*/order/native_id": "the order is named by its canonical id",
    "/fulfillments/*/number": _CLOSED,
    "/fulfillments/*/location": _OWN,
    "/fulfillments/*/source_status": "the source's own word",
    "/fulfillments/*/service": _CLOSED,
    "/fulfillments/*/fulfillment_order": _OWN,
    "/fulfillments/*/packages": _CLOSED,
    "/fulfillments/*/shipping_cost": _OWN,
    "/fulfillments/*/lines/*": "when its quantity is zero: ACP counts from one",
    "/fulfillments/*/lines/*/sku": "the order's line says it, and is believed",
    "/fulfillments/*/lines/*/unit": "ACP counts things",
    "/fulfillments/*/lines/*/lot": _CLOSED,
    "/fulfillments/*/lines/*/serials": _CLOSED,
    "/fulfillments/*/tracking/*": "when it is not the first, or says nothing: ACP has one",
    "/fulfillments/*/tracking/*/url": "when it is no absolute URI",
}
"""What ACP cannot be told: pointer into {"order": …, "fulfillments": […]} to the reason."""

LOST_BACK: dict[str, str] = {
    "/type": "written always",
    "/order_number": "when it is missing: the id is the number then",
    "/status": "derived anew",
    "/estimated_delivery": "promises are not kept",
    "/confirmation": "confirming is the storefront's",
    "/support": "the merchant's own, not the order's",
    "/line_items/*/description": "an order is not a catalogue",
    "/line_items/*/image_url": "an order is not a catalogue",
    "/line_items/*/url": "an order is not a catalogue",
    "/line_items/*/subtotal": "worked out anew",
    "/line_items/*/totals": "discounts and taxes are kept, sums are worked out anew",
    "/line_items/*/status": "derived anew",
    "/fulfillments/*/status": "derived anew from the events shipped, delivered and canceled",
    "/fulfillments/*/type": "derived anew: digital is not kept apart",
    "/fulfillments/*/destination": "one address is kept, of the first that has one",
    "/fulfillments/*/estimated_delivery": "promises are not kept",
    "/fulfillments/*/digital_delivery": "keys and links are not kept",
    "/fulfillments/*/description": "our shipments have no words",
    "/fulfillments/*/events": "the times of shipped, delivered and canceled are kept",
    "/adjustments": (
        "what was cancelled, given back and refunded is kept in sum; the log of it is not"
    ),
    "/totals": "subtotal, line discounts, fulfilment, tax, refunds and total are kept",
}
"""What we cannot be told: pointer into the ACP document to the reason."""

_STATUS = {"delivered": "completed", "shipped": "shipped", "partially_shipped": "processing"}


@dataclass(frozen=True, kw_only=True)
class AcpOrder:
    """What an ACP document says."""

    order: Order
    fulfillments: tuple[Fulfillment, ...]
    checkout_session_id: str
    permalink_url: str


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


def from_acp(document: Mapping[str, Any], *, currency: str, placed_at: datetime) -> AcpOrder:
    """What an ACP order says. ACP states neither currency nor time: they come from elsewhere.

    ContractError names by pointer what is missing, of the wrong type or not canonical.
    """
    try:
        return _read(document, currency, placed_at)
    except ValidationError as error:
        raise contract_error("order", error) from None


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
            if tax.jurisdiction is not None and tax.rate is not None and _is_double(tax.rate):
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


def _is_double(number: Decimal) -> bool:
    """Whether a JSON number, as most programs read it, can say exactly this."""
    return Decimal(repr(float(number))) == number


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


def _read(document: Mapping[str, Any], currency: str, placed_at: datetime) -> AcpOrder:
    name = need(document, "id", str, "")
    number = maybe(document, "order_number", str, "")
    adjustments = list(objects(document, "adjustments", ""))
    shipments = list(objects(document, "fulfillments", ""))
    cancelled = _of(adjustments, "cancellation", "completed")
    returned = _counts(_of(adjustments, "return", "completed"))
    requested = _counts(_of(adjustments, "return", "pending"))
    lines = tuple(
        _read_line(item, at, currency, returned, requested)
        for at, item in objects(document, "line_items", "")
    )
    sums = _sums(document)
    refunds = [
        need(item, "amount", int, at)
        for at, item in _of(adjustments, "refund", "completed")
        if "amount" in item
    ]
    if "amount_refunded" not in sums and refunds:
        sums["amount_refunded"] = sum(refunds)
    money = {type_: major_units(sums[type_], currency, "/totals") for type_ in sums}
    if "total" not in money:
        raise misfit("/totals", sorted(money), "needs an entry of type total")
    whole = [(at, item) for at, item in cancelled if "line_items" not in item][:1]
    order = Order(
        id=name,
        number=name if number is None else number,
        placed_at=placed_at,
        currency=currency,
        lines=lines,
        totals=Totals(
            subtotal=money.get("subtotal"),
            discount=money.get("discount"),
            shipping=money.get("fulfillment"),
            tax=money.get("tax"),
            total=money["total"],
        ),
        payment=PaymentSummary(refunded=money.get("amount_refunded")),
        shipping_address=_read_address(shipments),
        purchase_order_number=maybe(document, "client_reference_id", str, ""),
        cancelled_at=instant(whole[0][1], "occurred_at", whole[0][0]) if whole else None,
        cancel_reason=maybe(whole[0][1], "description", str, whole[0][0]) if whole else None,
    )
    known = {line.line_id: line for line in lines}
    return AcpOrder(
        order=order,
        fulfillments=tuple(_read_fulfillment(item, at, name, known) for at, item in shipments),
        checkout_session_id=need(document, "checkout_session_id", str, ""),
        permalink_url=need(document, "permalink_url", str, ""),
    )


Found = tuple[str, dict[str, Any]]
"""An object of the document, after its pointer."""


def _of(found: Iterable[Found], type_: str, status: str) -> list[Found]:
    return [
        (at, item)
        for at, item in found
        if item.get("type") == type_ and item.get("status") == status
    ]


def _counts(found: Iterable[Found]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for at, item in found:
        for here, portion in objects(item, "line_items", at):
            line_id = need(portion, "id", str, here)
            counts[line_id] = counts.get(line_id, 0) + abs(need(portion, "quantity", int, here))
    return counts


def _sums(document: Mapping[str, Any]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for at, entry in objects(document, "totals", ""):
        type_ = need(entry, "type", str, at)
        sums[type_] = sums.get(type_, 0) + need(entry, "amount", int, at)
    return sums


def _read_line(
    item: Mapping[str, Any],
    at: str,
    currency: str,
    returned: Mapping[str, int],
    requested: Mapping[str, int],
) -> OrderLine:
    line_id = need(item, "id", str, at)
    quantity = need(item, "quantity", dict, at)
    price = need(item, "unit_price", int, at)
    shipped = maybe(quantity, "fulfilled", int, f"{at}/quantity") or 0
    ordered, cancelled, received = recount(
        need(quantity, "ordered", int, f"{at}/quantity"),
        need(quantity, "current", int, f"{at}/quantity"),
        shipped,
        returned.get(line_id, 0),
    )
    title = need(item, "title", str, at)
    sku = maybe(item, "product_id", str, at)
    discounts, taxes = [], []
    for here, entry in objects(item, "totals", at):
        type_ = need(entry, "type", str, here)
        amount = major_units(need(entry, "amount", int, here), currency, f"{here}/amount")
        text = need(entry, "display_text", str, here)
        if type_ in {"items_discount", "discount"}:
            title_ = None if text == DISCOUNT else text
            discounts.append(Discount(amount=amount, title=title_))
        elif type_ == "tax":
            taxes.append(_read_tax(entry, here, text, amount))
    return OrderLine(
        line_id=line_id,
        sku=sku,
        title=None if title in {sku, line_id} else title,
        ordered=Decimal(ordered),
        cancelled=Decimal(cancelled),
        shipped=Decimal(shipped),
        return_requested=Decimal(received + requested.get(line_id, 0)),
        return_received=Decimal(received),
        unit_price=major_units(price, currency, f"{at}/unit_price"),
        discounts=tuple(discounts),
        taxes=tuple(taxes),
    )


def _read_tax(entry: Mapping[str, Any], at: str, title: str, amount: Money) -> TaxLine:
    parts = list(objects(entry, "breakdown", at))
    if len(parts) != 1:  # of several, none is the whole tax
        return TaxLine(title=title, amount=amount)
    here, part = parts[0]
    rate = need(part, "rate", (int, float), here)
    return TaxLine(
        title=title,
        amount=amount,
        jurisdiction=need(part, "jurisdiction", str, here),
        rate=Decimal(repr(rate)),
    )


def _read_address(shipments: Iterable[Found]) -> Address | None:
    for at, shipment in shipments:
        place = maybe(shipment, "destination", dict, at)
        if place is not None:
            here = f"{at}/destination"
            more = maybe(place, "line_two", str, here)
            return Address(
                full_name=need(place, "name", str, here),
                company=maybe(place, "company", str, here),
                lines=(
                    need(place, "line_one", str, here),
                    *(more.split("\n") if more is not None else ()),
                ),
                postal_code=need(place, "postal_code", str, here),
                locality=need(place, "city", str, here),
                region=need(place, "state", str, here),
                country=need(place, "country", str, here),
            )
    return None


def _read_fulfillment(
    item: Mapping[str, Any], at: str, order_id: str, lines: Mapping[str, OrderLine]
) -> Fulfillment:
    portions = []
    for here, portion in objects(item, "line_items", at):
        line_id = need(portion, "id", str, here)
        if line_id not in lines:
            raise misfit(f"{here}/id", line_id, "must be a line of the order")
        count = need(portion, "quantity", int, here)
        sku = lines[line_id].sku
        portions.append(FulfillmentLine(line_id=line_id, sku=sku, quantity=Decimal(count)))
    moments: dict[str, datetime] = {}
    for here, event in objects(item, "events", at):
        moments.setdefault(need(event, "type", str, here), instant(event, "occurred_at", here))
    parcel = Tracking(
        number=maybe(item, "tracking_number", str, at),
        carrier=maybe(item, "carrier", str, at),
        url=maybe(item, "tracking_url", str, at),
    )
    return Fulfillment(
        id=need(item, "id", str, at),
        order=EntityRef(id=order_id),
        lines=tuple(portions),
        tracking=() if parcel == Tracking() else (parcel,),
        shipped_at=moments.get("shipped"),
        delivered_at=moments.get("delivered"),
        cancelled_at=moments.get("canceled"),
    )


def _told(tax: Mapping[str, Any]) -> bool:
    rate = tax.get("rate")
    return rate is not None and tax.get("jurisdiction") is not None and _is_double(rate)


def _no_address(value: Any, key: Any, above: Any) -> bool:
    required = ("full_name", "locality", "region", "country", "postal_code", "lines")
    complete = all(value.get(part) is not None for part in required) and value["lines"]
    return not (above[0].get("fulfillments") and complete)


LOST_WHEN: dict[str, Condition] = {
    "/order/totals/tax": lambda value, key, above: bool(above[1].get("prices_include_tax")),
    "/order/shipping_address": _no_address,
    "/order/shipping_address/lines": lambda value, key, above: any(
        "\n" in line for line in value[1:]
    ),
    "/order/cancel_reason": lambda value, key, above: above[1].get("cancelled_at") is None,
    "/order/lines/*": lambda value, key, above: value["ordered"] == 0,
    "/order/lines/*/title": (
        lambda value, key, above: value in {above[3].get("sku"), above[3]["line_id"]}
    ),
    "/order/lines/*/return_requested": (
        lambda value, key, above: value <= above[3].get("return_received", 0)
    ),
    "/order/lines/*/discounts/*/title": lambda value, key, above: value == DISCOUNT,
    "/order/lines/*/taxes/*": lambda value, key, above: bool(value.get("included")),
    "/order/lines/*/taxes/*/rate": lambda value, key, above: not _told(above[5]),
    "/order/lines/*/taxes/*/jurisdiction": lambda value, key, above: not _told(above[5]),
    "/fulfillments/*/lines/*": lambda value, key, above: value["quantity"] == 0,
    "/fulfillments/*/tracking/*": (
        lambda value, key, above: (
            key > 0 or not ({"number", "carrier"} & value.keys() or is_uri(value.get("url")))
        )
    ),
    "/fulfillments/*/tracking/*/url": lambda value, key, above: not is_uri(value),
}
"""When a pointer of LOST is lost, if not always."""

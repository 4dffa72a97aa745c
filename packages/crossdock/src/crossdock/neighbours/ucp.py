"""Orders in the words of UCP, the Universal Commerce Protocol (dev.ucp.shopping.order), and back.

A UCP order is a confirmed checkout with three logs: what was promised (`fulfillment.expectations`),
what went out (`fulfillment.events`), what changed afterwards (`adjustments`). It says neither when
the order was placed nor who bought: the platform knows that from the checkout.

What UCP counts in a line: `original` is our `ordered`; `total` is what the buyer still wants, that
is ordered less cancelled and given back; `fulfilled` is our `shipped`. Quantities are whole steps
of a decimal fraction of a unit. UCP's totals add up to the last one, so its subtotal stands before
the discounts of lines, and taxes within prices are not told. Adjustments and deliveries need a
time; where the order does not know it, the time of its last change is given.

Source: Universal-Commerce-Protocol/ucp, schemas of 2026 (tests/neighbours/schemas/ORIGIN.md).
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
)
from crossdock.canonical.entity import contract_error
from crossdock.neighbours.exact import (
    EXTENSION,
    instant,
    is_uri,
    major_units,
    maybe,
    minor_units,
    misfit,
    need,
    objects,
    places,
    recount,
    rfc3339,
    steps,
)
from crossdock.neighbours.losses import Condition

VERSION = "2026-04-08"
"""The version of the protocol that we say we speak."""

LOST: dict[str, str] = {
    "/order/refs": "what other systems call it is no matter of the buyer's platform",
    "/order/updated_at": "UCP orders have no time of change",
    "/order/placed_at": "UCP orders have no time of purchase; who reads one must bring it",
    "/order/presentment": "UCP orders have one currency, that of the checkout",
    "/order/prices_include_tax": "UCP states what is charged, not how prices are quoted",
    "/order/shipping": "UCP states the sum, as the total of type fulfillment",
    "/order/taxes": "UCP states the sum, as the total of type tax",
    "/order/totals/discount": "UCP's totals add up; discounts of lines are told as items_discount",
    "/order/totals/tax": "when prices include it: UCP's totals add up, it would count twice",
    "/order/payment/authorised": "paying is a matter of the checkout",
    "/order/payment/captured": "paying is a matter of the checkout",
    "/order/payment/methods": "paying is a matter of the checkout",
    "/order/payment/refunded": "when it is zero: a refund of nothing is no adjustment",
    "/order/customer": "the platform knows the buyer from the checkout",
    "/order/customer_name": "the platform knows the buyer from the checkout",
    "/order/email": "the platform knows the buyer from the checkout",
    "/order/phone": "the platform knows the buyer from the checkout",
    "/order/organization": "the platform knows the buyer from the checkout",
    "/order/billing_address": "paying is a matter of the checkout",
    "/order/shipping_address/company": "UCP's addresses have none",
    "/order/shipping_address/email": "UCP's addresses have none",
    "/order/shipping_address/lines": "when one after the first breaks: it comes back as two",
    "/order/cancel_reason": "when the order as a whole is not cancelled: no adjustment bears it",
    "/order/closed_at": "UCP derives from quantities what is done",
    "/order/note": "it was said to the merchant",
    "/order/tags": "the merchant's own labels",
    "/order/test": "UCP has no test orders: do not send them",
    "/order/sales_channel": "the source's own word",
    "/order/source_status": "the source's own words",
    "/order/purchase_order_number": "UCP orders have no number of the buyer's own",
    "/order/holds": "the merchant's own concern",
    "/order/lines/*/sku": "when it is what stands for a missing one: urn:crossdock:line:<line_id>",
    "/order/lines/*/title": "when it is the SKU or the line's id: these stand for a missing one",
    "/order/lines/*/product": "UCP names what is sold by one id, our SKU",
    "/order/lines/*/variant": "UCP names what is sold by one id, our SKU",
    "/order/lines/*/gtin": "UCP names what is sold by one id, our SKU",
    "/order/lines/*/nature": "UCP's lines have no kinds",
    "/order/lines/*/requires_shipping": "when nothing was ordered: a promise begins at one step",
    "/order/lines/*/fulfilled_by": "the merchant's own concern",
    "/order/lines/*/location": "the merchant's own concern",
    "/order/lines/*/allocated": "the merchant's own concern",
    "/order/lines/*/return_requested": "when no more than came back: only open requests are told",
    "/order/lines/*/restocked": "the merchant's own concern",
    "/order/lines/*/written_off": "the merchant's own concern",
    "/order/lines/*/refunded": "refunds are told once, for the order",
    "/order/lines/*/components": "UCP would make each a line with a price",
    "/order/lines/*/discounts/*": "when it is zero: UCP's discounts are below zero",
    "/order/lines/*/discounts/*/code": "UCP's totals have a text and an amount",
    "/order/lines/*/discounts/*/promotion": "UCP's totals have a text and an amount",
    "/order/lines/*/taxes/*": "when the price contains it: UCP's totals add up",
    "/order/lines/*/taxes/*/rate": "UCP's totals have a text and an amount",
    "/order/lines/*/taxes/*/remitted_by": "UCP's totals have a text and an amount",
    "/order/lines/*/taxes/*/jurisdiction": "UCP's totals have a text and an amount",
    "/order/lines/*/taxes/*/type": "UCP's totals have a text and an amount",
    "/order/lines/*/taxes/*/base": "UCP's totals have a text and an amount",
    "/order/lines/*/taxes/*/rounding": "UCP's totals have a text and an amount",
    "/order/lines/*/taxes/*/exemption": "UCP's totals have a text and an amount",
    "/order/lines/*/taxes/*/engine_ref": "UCP's totals have a text and an amount",
    "/order/lines/*/delivered": "when shipments tell as much or more: their deliveries count",
    "/fulfillments/*/refs": "what other systems call it is no matter of the buyer's platform",
    "/fulfillments/*/updated_at": "UCP's events have the time of the fact alone",
    "/fulfillments/*/order/native_id": "the order is named by its canonical id",
    "/fulfillments/*/number": "UCP's events have no document number",
    "/fulfillments/*/location": "the merchant's own concern",
    "/fulfillments/*/source_status": "the source's own word",
    "/fulfillments/*/service": "UCP's events name the carrier, not its service",
    "/fulfillments/*/fulfillment_order": "the merchant's own concern",
    "/fulfillments/*/packages": "UCP's events know no parcels",
    "/fulfillments/*/shipping_cost": "the merchant's own concern",
    "/fulfillments/*/lines/*/lot": "UCP's events count, they do not name",
    "/fulfillments/*/lines/*/serials": "UCP's events count, they do not name",
    "/fulfillments/*/lines/*": "when its quantity is zero: UCP counts from one step",
    "/fulfillments/*/lines/*/sku": "the order's line says it, and is believed",
    "/fulfillments/*/tracking/*": "when it is not the first, or says nothing: an event has one",
    "/fulfillments/*/tracking/*/url": "when it is no absolute URI",
}
"""What UCP cannot be told: pointer into {"order": …, "fulfillments": […]} to the reason."""

LOST_BACK: dict[str, str] = {
    "/ucp": "the envelope is written anew",
    "/label": "when it is missing: the id is the number then",
    "/line_items/*/parent_id": "our lines are not nested",
    "/line_items/*/item/image_url": "an order is not a catalogue",
    "/line_items/*/item/unit_price": "the price per other unit is not kept",
    "/line_items/*/item/quantity_unit": "unit and decimal places are kept, its words are not",
    "/line_items/*/quantity": "the quantities are kept, the step they are counted in is our own",
    "/line_items/*/totals": "discounts and taxes are kept, sums are worked out anew",
    "/fulfillment/expectations": (
        "the first address and what needs no carriage are kept; promises, times and words are not"
    ),
    "/fulfillment/events/*": (
        "when it is neither processing nor shipped; of deliveries the sum is kept, of those that "
        "we ourselves wrote the time, as of cancellations"
    ),
    "/fulfillment/events/*/occurred_at": "the moment is kept, and written in UTC",
    "/fulfillment/events/*/description": "our shipments have no words",
    "/fulfillment/events/*/line_items": "the quantities are kept, the step is our own",
    "/adjustments": (
        "what was cancelled, given back and refunded is kept in sum; the log of it is not"
    ),
    "/totals": "subtotal, line discounts, fulfilment, tax, total are kept; words and fees are not",
    "/policies": "they are the checkout's",
    "/messages": "they are the answer's, not the order's",
    "/attribution": "it is the platform's",
}
"""What we cannot be told: pointer into the UCP document to the reason."""

_LABELS = {
    "EA": "each",
    "C62": "piece",
    "KGM": "kg",
    "GRM": "g",
    "MTR": "m",
    "LTR": "l",
    "LBR": "lb",
}


@dataclass(frozen=True, kw_only=True)
class UcpOrder:
    """What a UCP document says."""

    order: Order
    fulfillments: tuple[Fulfillment, ...]
    checkout_id: str
    permalink_url: str


def to_ucp(
    order: Order,
    fulfillments: Iterable[Fulfillment] = (),
    *,
    checkout_id: str,
    permalink_url: str,
    version: str = VERSION,
) -> dict[str, Any]:
    """The order as UCP tells it, valid against UCP's schema.

    `checkout_id` and `permalink_url` (an absolute URI) are the storefront's; UCP requires them.
    ContractError names by pointer what UCP has no room for: an amount finer than the smallest coin
    or in another currency, a missing subtotal, a fulfilment of another order.
    """
    if order.id is None:
        raise misfit("/id", None, "an order needs its canonical id")
    if not is_uri(permalink_url):
        raise misfit("/permalink_url", permalink_url, "must be an absolute URI")
    sent = tuple(fulfillments)
    scales = _scales(order, sent)
    changed = rfc3339(order.updated_at or order.cancelled_at or order.placed_at)
    document: dict[str, Any] = {
        "ucp": {
            "version": version,
            "capabilities": {"dev.ucp.shopping.order": [{"version": version}]},
        },
        "id": order.id,
        "label": order.number,
        "checkout_id": checkout_id,
        "permalink_url": permalink_url,
        "line_items": [
            _line(line, scales[line.line_id], order.currency, f"/lines/{index}")
            for index, line in enumerate(order.lines)
        ],
        "fulfillment": {
            "expectations": _expectations(order, scales),
            "events": [
                *_events(order, sent, scales, changed),
                *_delivered(order, sent, scales, changed),
            ],
        },
        "adjustments": _adjustments(order, scales, changed),
        "currency": order.currency,
        "totals": _totals(order),
    }
    document.update(order.extensions)
    return document


def from_ucp(document: Mapping[str, Any], *, placed_at: datetime) -> UcpOrder:
    """What a UCP order says. UCP does not say when it was placed: `placed_at` comes from elsewhere.

    ContractError names by pointer what is missing, of the wrong type or not canonical.
    """
    try:
        return _read(document, placed_at)
    except ValidationError as error:
        raise contract_error("order", error) from None


def _scales(order: Order, fulfillments: tuple[Fulfillment, ...]) -> dict[str, int]:
    """Decimal places of each line's quantities, by line id."""
    sent: dict[str, list[Decimal]] = {line.line_id: [] for line in order.lines}
    if len(sent) < len(order.lines):
        raise misfit("/lines", [line.line_id for line in order.lines], "line ids must differ")
    units = {line.line_id: line.unit for line in order.lines}
    seen: set[str] = set()
    for index, fulfillment in enumerate(fulfillments):
        at = f"/fulfillments/{index}"
        if fulfillment.id is None or fulfillment.id in seen:
            raise misfit(f"{at}/id", fulfillment.id, "needs a canonical id of its own")
        seen.add(fulfillment.id)
        if fulfillment.order.id != order.id:
            raise misfit(f"{at}/order/id", fulfillment.order.id, f"must be {order.id}")
        for number, line in enumerate(fulfillment.lines):
            here = f"{at}/lines/{number}"
            if line.line_id not in sent:
                raise misfit(f"{here}/line_id", line.line_id, "must be a line of the order")
            if line.unit != units[line.line_id]:
                raise misfit(f"{here}/unit", line.unit, f"must be {units[line.line_id]}")
            sent[line.line_id].append(line.quantity)
    scales = {}
    for index, bought in enumerate(order.lines):
        counted = (bought.ordered, bought.cancelled, bought.shipped, bought.delivered)
        returned = (bought.return_requested, bought.return_received)
        scale = places([*counted, *returned, *sent[bought.line_id]])
        if scale and bought.unit == "C62":
            raise misfit(f"/lines/{index}/unit", "C62", "UCP counts C62 in whole pieces alone")
        scales[bought.line_id] = scale
    return scales


def _line(line: OrderLine, scale: int, currency: str, at: str) -> dict[str, Any]:
    price = minor_units(line.unit_price, currency, f"{at}/unit_price", 0)
    ordered = steps(line.ordered, scale, f"{at}/ordered")
    total = steps(line.current, scale, f"{at}/ordered")
    shipped = steps(line.shipped, scale, f"{at}/shipped")
    sku = _no_sku(line.line_id) if line.sku is None else line.sku
    title = line.title if line.title is not None else line.sku or line.line_id
    item: dict[str, Any] = {"id": sku, "title": title, "price": price}
    if scale or line.unit != "EA":
        label = _LABELS.get(line.unit, line.unit)
        item["quantity_unit"] = {"unit": line.unit, "scale": scale, "display_text": label}
    entries = [
        *_discount_entries(line.discounts, currency, at),
        *_tax_entries(line.taxes, currency, at),
    ]
    gross, rest = divmod(price * ordered, 10**scale)
    if not rest:  # a sum that would have to be rounded is the merchant's to state, not ours
        due = gross + sum(entry["amount"] for entry in entries)
        entries = [
            {"type": "subtotal", "amount": gross},
            *entries,
            {"type": "total", "amount": due},
        ]
    if total == 0:
        status = "removed"
    elif shipped == total:
        status = "fulfilled"
    else:
        status = "partial" if shipped else "processing"
    return {
        "id": line.line_id,
        "item": item,
        "quantity": {"original": ordered, "total": total, "fulfilled": shipped},
        "totals": entries,
        "status": status,
        **line.extensions,
    }


def _no_sku(line_id: str) -> str:
    return f"urn:crossdock:line:{line_id}"


def _discount_entries(
    discounts: tuple[Discount, ...], currency: str, at: str
) -> list[dict[str, Any]]:
    entries = []
    for index, discount in enumerate(discounts):
        amount = minor_units(discount.amount, currency, f"{at}/discounts/{index}/amount", 0)
        if amount:
            entries.append(_entry("items_discount", -amount, discount.title))
    return entries


def _tax_entries(taxes: tuple[TaxLine, ...], currency: str, at: str) -> list[dict[str, Any]]:
    return [
        _entry("tax", minor_units(tax.amount, currency, f"{at}/taxes/{index}/amount", 0), tax.title)
        for index, tax in enumerate(taxes)
        if not tax.included
    ]


def _entry(type_: str, amount: int, text: str | None = None) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": type_, "amount": amount}
    if text is not None:
        entry["display_text"] = text
    return entry


def _expectations(order: Order, scales: Mapping[str, int]) -> list[dict[str, Any]]:
    def portion(requires_shipping: bool) -> list[dict[str, Any]]:
        return _portions(
            order,
            scales,
            lambda line: (
                line.ordered if line.requires_shipping is requires_shipping else Decimal(0)
            ),
        )

    carried, digital = portion(True), portion(False)
    expectations = []
    if carried or order.shipping_address is not None:
        expectations.append(
            {
                "id": f"{order.id}:shipping",
                "line_items": carried,
                "method_type": "shipping",
                "destination": _destination(order.shipping_address or Address()),
            }
        )
    if digital:
        expectations.append(
            {
                "id": f"{order.id}:digital",
                "line_items": digital,
                "method_type": "digital",
                "destination": {},
            }
        )
    return expectations


def _portions(
    order: Order,
    scales: Mapping[str, int],
    much: Callable[[OrderLine], Decimal],
    sign: int = 1,
) -> list[dict[str, Any]]:
    """Which lines and how much of them, leaving out those of which there is nothing."""
    counted = [
        (line.line_id, steps(much(line), scales[line.line_id], f"/lines/{index}"))
        for index, line in enumerate(order.lines)
    ]
    return [{"id": name, "quantity": sign * count} for name, count in counted if count]


def _destination(address: Address) -> dict[str, str]:
    first, _, last = (
        address.full_name.rpartition(" ")
        if address.full_name is not None and " " in address.full_name
        else (address.full_name, "", None)
    )
    lines = address.lines
    parts = {
        "first_name": first,
        "last_name": last,
        "street_address": lines[0] if lines else None,
        "extended_address": "\n".join(lines[1:]) if len(lines) > 1 else None,
        "postal_code": address.postal_code,
        "address_locality": address.locality,
        "address_region": address.region,
        "address_country": address.country,
        "phone_number": address.phone,
    }
    return {key: value for key, value in parts.items() if value is not None}


def _events(
    order: Order, fulfillments: tuple[Fulfillment, ...], scales: Mapping[str, int], changed: str
) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = []
    for index, fulfillment in enumerate(fulfillments):
        portions = [
            {"id": line.line_id, "quantity": count}
            for number, line in enumerate(fulfillment.lines)
            if (
                count := steps(
                    line.quantity,
                    scales[line.line_id],
                    f"/fulfillments/{index}/lines/{number}/quantity",
                )
            )
        ]
        event: dict[str, Any] = {
            "id": fulfillment.id,
            "occurred_at": changed,
            "type": "processing",
            "line_items": portions,
        }
        if fulfillment.shipped_at is not None:
            event |= {"occurred_at": rfc3339(fulfillment.shipped_at), "type": "shipped"}
        for parcel in fulfillment.tracking[:1]:
            url = parcel.url if is_uri(parcel.url) else None
            follow = {
                "tracking_number": parcel.number,
                "tracking_url": url,
                "carrier": parcel.carrier,
            }
            event |= {key: value for key, value in follow.items() if value is not None}
        events.append({**event, **fulfillment.extensions})
        for word, moment in (
            ("delivered", fulfillment.delivered_at),
            ("canceled", fulfillment.cancelled_at),
        ):
            if moment is not None:
                events.append(
                    {
                        "id": f"{fulfillment.id}:{word}",
                        "occurred_at": rfc3339(moment),
                        "type": word,
                        "line_items": portions,
                    }
                )
    return events


def _delivered(
    order: Order, fulfillments: Iterable[Fulfillment], scales: Mapping[str, int], changed: str
) -> list[dict[str, Any]]:
    """What arrived beyond the shipments that tell it themselves."""
    told: dict[str, Decimal] = {}
    for fulfillment in fulfillments:
        for line in fulfillment.lines if fulfillment.delivered_at else ():
            told[line.line_id] = told.get(line.line_id, Decimal(0)) + line.quantity
    portions = _portions(
        order,
        scales,
        lambda line: max(Decimal(0), line.delivered - told.get(line.line_id, Decimal(0))),
    )
    event = {
        "id": f"{order.id}:delivered",
        "occurred_at": changed,
        "type": "delivered",
        "line_items": portions,
    }
    return [event] if portions else []


def _adjustments(order: Order, scales: Mapping[str, int], changed: str) -> list[dict[str, Any]]:
    def adjustment(name: str, type_: str, status: str = "completed") -> dict[str, Any]:
        return {
            "id": f"{order.id}:{name}",
            "type": type_,
            "occurred_at": changed,
            "status": status,
        }

    adjustments = []
    if order.cancelled_at is not None:
        whole = adjustment("cancelled", "cancellation")
        whole["occurred_at"] = rfc3339(order.cancelled_at)
        if order.cancel_reason is not None:
            whole["description"] = order.cancel_reason
        adjustments.append(whole)
    for name, type_, status, much in (
        ("cancelled-lines", "cancellation", "completed", lambda line: line.cancelled),
        ("returned", "return", "completed", lambda line: line.return_received),
        (
            "return-requested",
            "return",
            "pending",
            lambda line: max(Decimal(0), line.return_requested - line.return_received),
        ),
    ):
        portions = _portions(order, scales, much, -1)
        if portions:
            adjustments.append({**adjustment(name, type_, status), "line_items": portions})
    if order.payment.refunded is not None:
        amount = minor_units(order.payment.refunded, order.currency, "/payment/refunded", 0)
        if amount:
            refund = adjustment("refunded", "refund")
            adjustments.append({**refund, "totals": [_entry("total", -amount)]})
    return adjustments


def _totals(order: Order) -> list[dict[str, Any]]:
    totals, currency = order.totals, order.currency
    if totals.subtotal is None:
        raise misfit("/totals/subtotal", None, "UCP requires it")
    discount = -sum(
        entry["amount"]
        for index, line in enumerate(order.lines)
        for entry in _discount_entries(line.discounts, currency, f"/lines/{index}")
    )
    subtotal = minor_units(totals.subtotal, currency, "/totals/subtotal") + discount
    if subtotal < 0:
        raise misfit("/totals/subtotal", f"{totals.subtotal.amount:f}", "must be 0 or more")
    entries = [_entry("subtotal", subtotal)]
    if discount:
        entries.append(_entry("items_discount", -discount))
    if totals.shipping is not None:
        amount = minor_units(totals.shipping, currency, "/totals/shipping", 0)
        entries.append(_entry("fulfillment", amount))
    if totals.tax is not None and not order.prices_include_tax:
        entries.append(_entry("tax", minor_units(totals.tax, currency, "/totals/tax", 0)))
    entries.append(_entry("total", minor_units(totals.total, currency, "/totals/total")))
    return entries


def _read(document: Mapping[str, Any], placed_at: datetime) -> UcpOrder:
    name = need(document, "id", str, "")
    label = maybe(document, "label", str, "")
    currency = need(document, "currency", str, "")
    log = maybe(document, "fulfillment", dict, "") or {}
    promises = list(objects(log, "expectations", "/fulfillment"))
    events = list(objects(log, "events", "/fulfillment"))
    adjustments = list(objects(document, "adjustments", ""))
    reader = _LineReader(
        currency=currency,
        digital=_counts(item for item in promises if item[1].get("method_type") == "digital"),
        cancelled=_counts(_of(adjustments, "cancellation")),
        returned=_counts(_of(adjustments, "return")),
        requested=_counts(_of(adjustments, "return", "pending")),
        delivered=_counts(_of(events, "delivered", None)),
    )
    lines, scales = [], {}
    for at, item in objects(document, "line_items", ""):
        line, scale = reader.read(item, at)
        lines.append(line)
        scales[line.line_id] = scale
    whole = [item for item in _of(adjustments, "cancellation") if "line_items" not in item[1]][:1]
    order = Order(
        id=name,
        number=name if label is None else label,
        placed_at=placed_at,
        currency=currency,
        lines=tuple(lines),
        totals=_read_totals(document, currency),
        payment=PaymentSummary(refunded=_refunded(adjustments, currency)),
        shipping_address=_read_address(promises),
        cancelled_at=instant(whole[0][1], "occurred_at", whole[0][0]) if whole else None,
        cancel_reason=maybe(whole[0][1], "description", str, whole[0][0]) if whole else None,
        extensions=_extensions(document),
    )
    return UcpOrder(
        order=order,
        fulfillments=tuple(
            _read_events(events, name, {line.line_id: line for line in lines}, scales)
        ),
        checkout_id=need(document, "checkout_id", str, ""),
        permalink_url=need(document, "permalink_url", str, ""),
    )


Found = tuple[str, dict[str, Any]]
"""An object of the document, after its pointer."""


def _of(found: Iterable[Found], type_: str, status: str | None = "completed") -> list[Found]:
    return [
        (at, item)
        for at, item in found
        if item.get("type") == type_ and (status is None or item.get("status") == status)
    ]


def _counts(found: Iterable[Found]) -> dict[str, int]:
    """How many steps of each line these speak of, whatever their sign."""
    counts: dict[str, int] = {}
    for at, item in found:
        for here, portion in objects(item, "line_items", at):
            line_id = need(portion, "id", str, here)
            counts[line_id] = counts.get(line_id, 0) + abs(need(portion, "quantity", int, here))
    return counts


@dataclass(frozen=True, kw_only=True)
class _LineReader:
    """Reads lines, given what the logs say of each, in steps."""

    currency: str
    digital: Mapping[str, int]
    cancelled: Mapping[str, int]
    returned: Mapping[str, int]
    requested: Mapping[str, int]
    delivered: Mapping[str, int]

    def read(self, item: Mapping[str, Any], at: str) -> tuple[OrderLine, int]:
        """The line, and the decimal places its quantities are counted in."""
        line_id = need(item, "id", str, at)
        product = need(item, "item", dict, at)
        quantity = need(item, "quantity", dict, at)
        descriptor = maybe(product, "quantity_unit", dict, f"{at}/item") or {}
        here = f"{at}/item/quantity_unit"
        unit = maybe(descriptor, "unit", str, here) or "EA"
        scale = maybe(descriptor, "scale", int, here) or 0
        if not 0 <= scale <= 6:
            raise misfit(f"{here}/scale", scale, "quantities have 0 to 6 decimal places here")
        total = need(quantity, "total", int, f"{at}/quantity")
        shipped = need(quantity, "fulfilled", int, f"{at}/quantity")
        original = maybe(quantity, "original", int, f"{at}/quantity")
        if original is None:
            original = total + self.cancelled.get(line_id, 0) + self.returned.get(line_id, 0)
        returned = self.returned.get(line_id, 0)
        ordered, cancelled, returned = recount(original, total, shipped, returned)

        def much(count: int) -> Decimal:
            return Decimal(count).scaleb(-scale)

        sku = need(product, "id", str, f"{at}/item")
        title = need(product, "title", str, f"{at}/item")
        price = need(product, "price", int, f"{at}/item")
        line = OrderLine(
            line_id=line_id,
            sku=None if sku == _no_sku(line_id) else sku,
            title=None if title in {sku, line_id} else title,
            requires_shipping=line_id not in self.digital,
            unit=unit,
            ordered=much(ordered),
            cancelled=much(cancelled),
            shipped=much(shipped),
            delivered=much(min(shipped, self.delivered.get(line_id, 0))),
            return_requested=much(returned + self.requested.get(line_id, 0)),
            return_received=much(returned),
            unit_price=major_units(price, self.currency, f"{at}/item/price"),
            discounts=tuple(
                Discount(amount=amount, title=text)
                for _, amount, text in self._entries(item, at, "items_discount", "discount")
            ),
            taxes=tuple(
                TaxLine(title=text or "", amount=amount)
                for _, amount, text in self._entries(item, at, "tax")
            ),
            extensions=_extensions(item),
        )
        return line, scale

    def _entries(
        self, item: Mapping[str, Any], at: str, *types: str
    ) -> Iterable[tuple[str, Money, str | None]]:
        """The totals of these types; a discount's amount is positive."""
        for here, entry in objects(item, "totals", at):
            type_ = entry.get("type")
            if type_ in types:
                amount = need(entry, "amount", int, here)
                amount = -amount if type_ != "tax" else amount
                money = major_units(amount, self.currency, f"{here}/amount")
                yield here, money, maybe(entry, "display_text", str, here)


def _read_totals(document: Mapping[str, Any], currency: str) -> Totals:
    sums: dict[str, int] = {}
    for at, entry in objects(document, "totals", ""):
        type_ = need(entry, "type", str, at)
        sums[type_] = sums.get(type_, 0) + need(entry, "amount", int, at)

    def money(*types: str, sign: int = 1) -> Money | None:
        if types[0] not in sums:
            return None
        total = sum(sums.get(type_, 0) for type_ in types)
        return major_units(sign * total, currency, "/totals")

    total = money("total")
    if total is None:
        raise misfit("/totals", sorted(sums), "needs an entry of type total")
    return Totals(
        subtotal=money("subtotal", "items_discount"),
        discount=money("items_discount", "discount", sign=-1) or money("discount", sign=-1),
        shipping=money("fulfillment"),
        tax=money("tax"),
        total=total,
    )


def _refunded(adjustments: list[Found], currency: str) -> Money | None:
    amounts = [
        need(entry, "amount", int, here)
        for at, item in _of(adjustments, "refund")
        for here, entry in objects(item, "totals", at)
        if entry.get("type") == "total"
    ]
    return major_units(-sum(amounts), currency, "/adjustments") if amounts else None


def _read_address(promises: list[Found]) -> Address | None:
    for at, promise in promises:
        if promise.get("method_type") == "digital":
            continue
        place = maybe(promise, "destination", dict, at) or {}
        here = f"{at}/destination"

        def part(key: str, place: dict[str, Any] = place, here: str = here) -> str | None:
            return maybe(place, key, str, here)

        names = [name for name in (part("first_name"), part("last_name")) if name is not None]
        street, more = part("street_address"), part("extended_address")
        address = Address(
            full_name=" ".join(names) if names else None,
            lines=tuple(
                ([street] if street is not None or more is not None else [])
                + (more.split("\n") if more is not None else [])
            ),
            postal_code=part("postal_code"),
            locality=part("address_locality"),
            region=part("address_region"),
            country=part("address_country"),
            phone=part("phone_number"),
        )
        if address != Address():
            return address
    return None


def _read_events(
    events: list[Found], order_id: str, lines: Mapping[str, OrderLine], scales: Mapping[str, int]
) -> Iterable[Fulfillment]:
    later = {
        need(event, "id", str, at): instant(event, "occurred_at", at)
        for word in ("delivered", "canceled")
        for at, event in _of(events, word, None)
    }
    for at, event in events:
        type_ = need(event, "type", str, at)
        if type_ not in {"processing", "shipped"}:
            continue
        name = need(event, "id", str, at)
        portions = []
        for here, portion in objects(event, "line_items", at):
            line_id = need(portion, "id", str, here)
            if line_id not in lines:
                raise misfit(f"{here}/id", line_id, "must be a line of the order")
            count = need(portion, "quantity", int, here)
            portions.append(
                FulfillmentLine(
                    line_id=line_id,
                    sku=lines[line_id].sku,
                    quantity=Decimal(count).scaleb(-scales[line_id]),
                    unit=lines[line_id].unit,
                )
            )
        parcel = Tracking(
            number=maybe(event, "tracking_number", str, at),
            carrier=maybe(event, "carrier", str, at),
            url=maybe(event, "tracking_url", str, at),
        )
        yield Fulfillment(
            id=name,
            order=EntityRef(id=order_id),
            lines=tuple(portions),
            tracking=() if parcel == Tracking() else (parcel,),
            shipped_at=instant(event, "occurred_at", at) if type_ == "shipped" else None,
            delivered_at=later.get(f"{name}:delivered"),
            cancelled_at=later.get(f"{name}:canceled"),
            extensions=_extensions(event),
        )


def _extensions(item: Mapping[str, Any]) -> dict[str, Any]:
    """UCP's own way of extending: members with reverse-domain names."""
    return {key: value for key, value in item.items() if EXTENSION(key)}


def _delivered_by_shipments(value: Any, key: Any, above: Any) -> bool:
    told = sum(
        line["quantity"]
        for fulfillment in above[0].get("fulfillments", ())
        for line in fulfillment["lines"]
        if fulfillment.get("delivered_at") and line["line_id"] == above[3]["line_id"]
    )
    return bool(told and told >= value)


LOST_WHEN: dict[str, Condition] = {
    "/order/totals/tax": lambda value, key, above: bool(above[1].get("prices_include_tax")),
    "/order/payment/refunded": lambda value, key, above: value["amount"] == 0,
    "/order/shipping_address/lines": lambda value, key, above: any(
        "\n" in line for line in value[1:]
    ),
    "/order/cancel_reason": lambda value, key, above: above[1].get("cancelled_at") is None,
    "/order/lines/*/sku": lambda value, key, above: value == _no_sku(above[3]["line_id"]),
    "/order/lines/*/title": (
        lambda value, key, above: (
            value in {above[3].get("sku"), above[3]["line_id"]}
            or ("sku" not in above[3] and value == _no_sku(above[3]["line_id"]))
        )
    ),
    "/order/lines/*/requires_shipping": lambda value, key, above: above[3]["ordered"] == 0,
    "/order/lines/*/return_requested": (
        lambda value, key, above: value <= above[3].get("return_received", 0)
    ),
    "/order/lines/*/delivered": _delivered_by_shipments,
    "/order/lines/*/discounts/*": lambda value, key, above: value["amount"]["amount"] == 0,
    "/order/lines/*/taxes/*": lambda value, key, above: bool(value.get("included")),
    "/fulfillments/*/lines/*": lambda value, key, above: value["quantity"] == 0,
    "/fulfillments/*/tracking/*": (
        lambda value, key, above: (
            key > 0 or not ({"number", "carrier"} & value.keys() or is_uri(value.get("url")))
        )
    ),
    "/fulfillments/*/tracking/*/url": lambda value, key, above: not is_uri(value),
}
"""When a pointer of LOST is lost, if not always."""

LOST_BACK_WHEN: dict[str, Condition] = {
    "/fulfillment/events/*": (
        lambda value, key, above: value["type"] not in {"processing", "shipped"}
    ),
}
"""When a pointer of LOST_BACK is lost, if not always and not for being missing."""

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
from decimal import Decimal
from typing import Any

from crossdock.canonical import (
    Address,
    Discount,
    Fulfillment,
    Order,
    OrderLine,
    TaxLine,
)
from crossdock.canonical.texts import rfc3339
from crossdock.neighbours.exact import (
    is_uri,
    minor_units,
    misfit,
    places,
    steps,
)
from crossdock.neighbours.ucp_lost import LOST, LOST_BACK, LOST_BACK_WHEN, LOST_WHEN, no_sku
from crossdock.neighbours.ucp_reading import UcpOrder, from_ucp

__all__ = [
    "LOST",
    "LOST_BACK",
    "LOST_BACK_WHEN",
    "LOST_WHEN",
    "VERSION",
    "UcpOrder",
    "from_ucp",
    "to_ucp",
]

VERSION = "2026-04-08"
"""The version of the protocol that we say we speak."""

_LABELS = {
    "EA": "each",
    "C62": "piece",
    "KGM": "kg",
    "GRM": "g",
    "MTR": "m",
    "LTR": "l",
    "LBR": "lb",
}


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
    sku = no_sku(line.line_id) if line.sku is None else line.sku
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

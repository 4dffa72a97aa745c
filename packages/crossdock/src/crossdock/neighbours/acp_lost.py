"""What ACP cannot be told of an order, and what we do not keep of its documents."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from crossdock.neighbours.exact import is_uri
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


def is_double(number: Decimal) -> bool:
    """Whether a JSON number, as most programs read it, can say exactly this."""
    return Decimal(repr(float(number))) == number


def _told(tax: Mapping[str, Any]) -> bool:
    rate = tax.get("rate")
    return rate is not None and tax.get("jurisdiction") is not None and is_double(rate)


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

"""What UCP cannot be told of an order, and what we do not keep of its documents."""

from typing import Any

from crossdock.neighbours.exact import is_uri
from crossdock.neighbours.losses import Condition


def no_sku(line_id: str) -> str:
    return f"urn:crossdock:line:{line_id}"


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
    "/order/lines/*/sku": lambda value, key, above: value == no_sku(above[3]["line_id"]),
    "/order/lines/*/title": (
        lambda value, key, above: (
            value in {above[3].get("sku"), above[3]["line_id"]}
            or ("sku" not in above[3] and value == no_sku(above[3]["line_id"]))
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

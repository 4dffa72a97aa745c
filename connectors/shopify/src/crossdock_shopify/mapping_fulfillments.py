"""What Shopify says of shipments and of instructions to ship. Pure."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from crossdock import Event, Ignore, Raw, revision_of
from crossdock.canonical import (
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    FulfillmentOrder,
    FulfillmentOrderLine,
    Package,
    Tracking,
    TrackingEvent,
)
from crossdock.canonical.entity import Entity

from crossdock_shopify import graphql_shapes
from crossdock_shopify.order_lines import NOT_SHIPPED
from crossdock_shopify.order_parts import EXTENSION, address
from crossdock_shopify.reading import Obj

_TRACKED = {
    "label_purchased": "label_created",
    "label_printed": "label_created",
    "confirmed": "label_created",
    "carrier_picked_up": "picked_up",
    "picked_up": "delivered",
    "in_transit": "in_transit",
    "out_for_delivery": "out_for_delivery",
    "ready_for_pickup": "ready_for_pickup",
    "attempted_delivery": "failed_attempt",
    "delivered": "delivered",
    "delayed": "exception",
    "failure": "exception",
}
"""Shopify's word of a fulfilment event to ours; `picked_up` is a customer who fetched it."""
_METHODS = {
    "SHIPPING": "shipping",
    "LOCAL": "local_delivery",
    "PICK_UP": "pickup",
    "PICKUP_POINT": "pickup",
    "RETAIL": "pickup",
    "NONE": "digital",
}


def fulfillment_events(body: Obj, raw: Raw, *, fact: str = "") -> Iterator[Event[Entity]]:
    """The shipment, and its parcel's journey where it is told.

    `fact` is what the topic says; without it (a record read from Shopify) it follows from the
    times: a fulfilment never changed since it was made has just been shipped.
    """
    updated_at = body.need_moment("updated_at")
    created_at = body.moment("created_at")
    status = body.text("status")
    order_id, location = body.number("order_id"), body.number("location_id")
    if order_id is None:
        body.fail("order_id", "a numeric id", None)
    body.need("line_items", "a list")
    delivered_at = _delivered_at(body)
    data = Fulfillment(
        order=EntityRef(native_id=order_id),
        number=body.text("name"),
        location=place_of(raw, location),
        updated_at=updated_at,
        lines=tuple(_line(line) for line in body.objects("line_items")),
        tracking=tracking(body),
        shipped_at=created_at,
        delivered_at=delivered_at,
        cancelled_at=updated_at if status == "cancelled" else None,
        source_status=status,
        extensions={EXTENSION: {"location_id": location}} if location else {},
    )
    if status in NOT_SHIPPED:
        type_ = "fulfillment.cancelled"
    elif delivered_at is not None:
        type_ = "fulfillment.delivered"
    else:
        type_ = f"fulfillment.{fact or ('shipped' if created_at == updated_at else 'updated')}"
    yield Event(
        type=type_,
        data=data,
        native_id=body.need_id(),
        revision=revision_of(updated_at),
        occurred_at=delivered_at if type_ == "fulfillment.delivered" else updated_at,
    )
    yield from _journey(body, data)


def _delivered_at(body: Obj) -> Any:
    """When it arrived: stated, or the time of the shipment's last change if it has by then."""
    stated = body.moment("delivered_at")
    if stated is not None or body.text("shipment_status") != "delivered":
        return stated
    return body.need_moment("updated_at")


def _journey(body: Obj, data: Fulfillment) -> Iterator[Event[Entity]]:
    steps = []
    for event in body.objects("events"):
        word = event.text("status") or ""
        place = [text for key in ("city", "province", "country") if (text := event.text(key))]
        steps.append(
            TrackingEvent(
                at=event.need_moment("happened_at"),
                status=_TRACKED.get(word, "other"),
                text=event.text("message") or word or None,
                place=", ".join(place)[:10_000] or None,
            )
        )
    if not steps:
        return
    steps.sort(key=lambda step: step.at)
    parcel = data.tracking[0] if data.tracking else None
    yield Event(
        type="package.tracked",
        data=Package(
            fulfillment=EntityRef(native_id=body.need_id()),
            order=data.order,
            tracking_number=parcel.number if parcel else None,
            carrier=parcel.carrier if parcel else None,
            lines=data.lines,
            events=tuple(steps),
        ),
        native_id=body.need_id(),
        revision=revision_of(steps[-1].at),
        occurred_at=steps[-1].at,
    )


def _line(line: Obj) -> FulfillmentLine:
    return FulfillmentLine(
        line_id=line.need_id(), sku=line.text("sku"), quantity=Decimal(line.count("quantity"))
    )


def tracking(body: Obj) -> tuple[Tracking, ...]:
    """Numbers and addresses of a REST-shaped fulfilment, one for each parcel."""
    numbers = body.texts("tracking_numbers")
    urls = body.texts("tracking_urls")
    if not numbers and (single := body.text("tracking_number")):
        numbers = (single,)
    if not urls and (single := body.text("tracking_url")):
        urls = (single,)
    carrier = body.text("tracking_company")
    return tuple(
        Tracking(
            number=numbers[i] if i < len(numbers) else None,
            carrier=carrier,
            url=urls[i] if i < len(urls) else None,
        )
        for i in range(max(len(numbers), len(urls)))
    )


def place_of(raw: Raw, location: str | None) -> str | None:
    """Our name of a Shopify location, as `webhooks` and `details` noted it beside the record."""
    if location is None:
        return None
    for pair in raw.headers.get(PLACES_HEADER, "").split():
        number, _, code = pair.partition("=")
        if number == location and code:
            return code
    return None


PLACES_HEADER = "x-crossdock-places"
"""`number=code` of the configured locations that a record names, parted by blanks."""


def fulfillment_order_events(node: Obj, raw: Raw) -> Iterator[Event[Entity]]:
    """The instruction to one place. Shopify's holds stand in the extensions."""
    updated_at = node.need_moment("updatedAt")
    status, answer = node.text("status"), node.text("requestStatus")
    cancelled = status == "CANCELLED"
    assigned = node.need_object("assignedLocation")
    location = assigned.object("location")
    number = graphql_shapes.gid_number(location, "id") if location else None
    lines = [
        _order_line(line, cancelled) for line in node.need_object("lineItems").objects("nodes")
    ]
    if not lines:
        raise Ignore(f"{node.need_text('id')}: nothing is left in this fulfilment order")
    destination = node.object("destination")
    method = node.object("deliveryMethod")
    holds = [
        {"reason": hold.text("reason") or "", "notes": hold.text("reasonNotes") or ""}
        for hold in node.objects("fulfillmentHolds")
    ]
    created_at = node.need_moment("createdAt")
    data = FulfillmentOrder(
        order=EntityRef(native_id=graphql_shapes.gid_number(node, "orderId")),
        number=node.text("orderName"),
        location=place_of(raw, number) or number or assigned.need_text("name")[:255],
        lines=tuple(lines),
        ship_to=_destination(destination) if destination else None,
        method=_METHODS.get((method.text("methodType") or "") if method else "SHIPPING", "other"),
        service=method.text("serviceCode") if method else None,
        requested_at=created_at,
        accepted_at=updated_at if answer == "ACCEPTED" or status == "IN_PROGRESS" else None,
        rejected_at=updated_at if answer == "REJECTED" else None,
        ship_by=node.moment("fulfillBy"),
        source_status=" ".join(word for word in (status, answer) if word) or None,
        updated_at=updated_at,
        extensions={
            EXTENSION: {
                **({"location_id": number} if number else {}),
                **({"holds": holds} if holds else {}),
            }
        }
        if number or holds
        else {},
    )
    if cancelled:
        fact = "cancelled"
    elif data.rejected_at is not None:
        fact = "rejected"
    else:
        fact = "accepted" if data.accepted_at is not None else "requested"
    native_id = graphql_shapes.gid_number(node, "id")
    if native_id is None:
        node.fail("id", "an id such as gid://shopify/FulfillmentOrder/123", None)
    yield Event(
        type=f"fulfillment_order.{fact}",
        data=data,
        native_id=native_id,
        revision=revision_of(updated_at),
        occurred_at=updated_at,
    )


def _order_line(line: Obj, cancelled: bool) -> FulfillmentOrderLine:
    total, remaining = line.count("totalQuantity"), line.count("remainingQuantity")
    if remaining > total:
        line.fail("remainingQuantity", f"at most {total}, the totalQuantity", remaining)
    line_id = graphql_shapes.gid_number(line.need_object("lineItem"), "id")
    if line_id is None:
        line.fail("lineItem/id", "an id such as gid://shopify/LineItem/123", None)
    return FulfillmentOrderLine(
        line_id=line_id,
        sku=line.text("sku"),
        requested=Decimal(total),
        shipped=Decimal(0 if cancelled else total - remaining),
        cancelled=Decimal(total if cancelled else 0),
    )


def _destination(node: Obj) -> Any:
    shape = graphql_shapes.address(node)
    found = address(Obj(node.topic, shape, node.pointer))
    return found.model_copy(update={"email": node.text("email")}) if found else None

"""What has left: the parcels of a merchant-fulfilled order, and what Amazon shipped. Pure."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal

from crossdock.canonical import EntityRef, Fulfillment, FulfillmentLine, Tracking
from crossdock.reading import fault

from crossdock_amazon import shapes
from crossdock_amazon.moments import moment

BY_AMAZON = "AMAZON"
"""The number of the one shipment that stands for all that Amazon's hands shipped of an order."""
_EVENTS = {
    "SHIPPED": "fulfillment.shipped",
    "IN_TRANSIT": "fulfillment.shipped",
    "DELIVERED": "fulfillment.delivered",
    "UNDELIVERABLE": "fulfillment.failed",
    "CANCELLED": "fulfillment.cancelled",
}


def shipments(
    topic: str, order: shapes.Order, updated: datetime, fba_location: str
) -> Iterator[tuple[str, Fulfillment]]:
    """Event type and shipment. A parcel that is PENDING has not left."""
    fulfillment = order["fulfillment"]
    if fulfillment.get("fulfilledBy") == "AMAZON":
        if fulfillment["fulfillmentStatus"] == "SHIPPED":
            shipment = _by_amazon(order, updated, fba_location)
            if shipment.lines:
                yield "fulfillment.shipped", shipment
        return
    skus = {item["orderItemId"]: item["product"].get("sellerSku") for item in order["orderItems"]}
    for number, package in enumerate(order.get("packages") or ()):
        status = status_of(package)
        type_ = _EVENTS.get(status)
        if type_ is None:
            continue
        at = f"/packages/{number}"
        lines = []
        for index, item in enumerate(package.get("packageItems") or ()):
            if item["orderItemId"] not in skus:
                raise fault(
                    topic,
                    f"{at}/packageItems/{index}/orderItemId",
                    "one of the order's own items",
                    item["orderItemId"],
                )
            lines.append(
                FulfillmentLine(
                    line_id=item["orderItemId"],
                    sku=skus[item["orderItemId"]] or None,
                    quantity=Decimal(item["quantity"]),
                )
            )
        yield type_, _parcel(topic, at, order, package, status, tuple(lines), updated)


def _by_amazon(order: shapes.Order, updated: datetime, place: str) -> Fulfillment:
    """All that Amazon shipped; it tells no parcels of its own."""
    lines = []
    for item in order["orderItems"]:
        told = (item.get("fulfillment") or {}).get("quantityFulfilled")
        many = item["quantityOrdered"] if told is None else told
        if many:
            lines.append(
                FulfillmentLine(
                    line_id=item["orderItemId"],
                    sku=item["product"].get("sellerSku") or None,
                    quantity=Decimal(many),
                    serials=tuple(item["product"].get("serialNumbers") or ()),
                )
            )
    return Fulfillment(
        order=EntityRef(native_id=order["orderId"]),
        number=BY_AMAZON,
        location=place,
        lines=tuple(lines),
        shipped_at=updated,
        source_status="SHIPPED",
        service=order["fulfillment"].get("fulfillmentServiceLevel") or None,
    )


def _parcel(
    topic: str,
    at: str,
    order: shapes.Order,
    package: shapes.Package,
    status: str,
    lines: tuple[FulfillmentLine, ...],
    updated: datetime,
) -> Fulfillment:
    number, carrier = package.get("trackingNumber"), package.get("carrier")
    told = package.get("packageStatus")
    detailed = told.get("detailedStatus") if told else None
    return Fulfillment(
        order=EntityRef(native_id=order["orderId"]),
        number=package["packageReferenceId"],
        lines=lines,
        tracking=(Tracking(number=number or None, carrier=carrier or None),)
        if number or carrier
        else (),
        shipped_at=_when(topic, f"{at}/shipTime", package.get("shipTime"))
        or _when(topic, f"{at}/createdTime", package.get("createdTime")),
        cancelled_at=updated if status == "CANCELLED" else None,
        delivered_at=updated if status == "DELIVERED" else None,
        source_status=f"{status} ({detailed})" if detailed else status,
        service=package.get("shippingService") or None,
    )


def status_of(package: shapes.Package) -> str:
    """Amazon's word for where it is; a parcel without one has not left."""
    told = package.get("packageStatus")
    return told["status"] if told else "PENDING"


def _when(topic: str, at: str, text: str | None) -> datetime | None:
    return moment(topic, at, text) if text else None

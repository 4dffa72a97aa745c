"""What Shopify says of goods that come back: one Return as read from the Admin API. Pure.

The webhooks of returns carry ids only, and `returns/process` nothing at all; so a return is always
read whole. It has no time of change of its own: its revision is the latest of its own times, of
its dispositions' and of its order's.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from crossdock import Event, Ignore, Raw, revision_of
from crossdock.canonical import (
    EntityRef,
    Return,
    ReturnLine,
    ReturnReceipt,
    ReturnReceiptLine,
    Tracking,
)
from crossdock.canonical.entity import Entity

from crossdock_shopify.graphql_shapes import gid_number
from crossdock_shopify.mapping_fulfillments import place_of
from crossdock_shopify.marks import command_in, without_mark
from crossdock_shopify.order_parts import EXTENSION
from crossdock_shopify.reading import Obj

_REASONS = {
    "COLOR": "colour",
    "DEFECTIVE": "defective",
    "NOT_AS_DESCRIBED": "not_as_described",
    "SIZE_TOO_LARGE": "size",
    "SIZE_TOO_SMALL": "size",
    "STYLE": "unwanted",
    "UNWANTED": "unwanted",
    "WRONG_ITEM": "wrong_item",
}
REASONS_BACK = {
    "colour": "COLOR",
    "defective": "DEFECTIVE",
    "damaged_in_transit": "DEFECTIVE",
    "not_as_described": "NOT_AS_DESCRIBED",
    "unwanted": "UNWANTED",
    "wrong_item": "WRONG_ITEM",
}
"""Our reason to Shopify's; what is not here is OTHER."""
_DISPOSITIONS = {
    "RESTOCKED": "restock",
    "NOT_RESTOCKED": "scrap",
    "PROCESSING_REQUIRED": "quarantine",
    "MISSING": "scrap",
}
DISPOSITIONS_BACK = {
    "restock": "RESTOCKED",
    "scrap": "NOT_RESTOCKED",
    "vendor": "NOT_RESTOCKED",
    "quarantine": "PROCESSING_REQUIRED",
    "refurbish": "PROCESSING_REQUIRED",
}
"""What becomes of goods, to Shopify's word."""
_FACTS = {
    "REQUESTED": "requested",
    "OPEN": "authorised",
    "DECLINED": "declined",
    "CANCELED": "cancelled",
    "CLOSED": "closed",
}


@dataclass(frozen=True)
class _Disposed:
    """So much of one line that was judged on arrival."""

    id: str
    line_id: str
    sku: str | None
    type: str
    quantity: int
    at: datetime
    location: str | None


def return_events(node: Obj, raw: Raw) -> Iterator[Event[Entity]]:
    """The return, and what was taken in of it, each disposition a receipt."""
    disposed = list(_disposed(node))
    lines, mark = _lines(node, disposed)
    if not lines:
        raise Ignore(f"{node.need_text('id')}: no line of this return names what comes back")
    status = node.text("status") or ""
    if mark and status == "OPEN" and not disposed:
        raise Ignore(f"echo: this return was made by our own command {mark}")
    order = node.need_object("order")
    order_id, native_id = gid_number(order, "id"), gid_number(node, "id")
    if order_id is None or native_id is None:
        node.fail("id", "an id such as gid://shopify/Return/123", None)
    created_at, closed_at = node.need_moment("createdAt"), node.moment("closedAt")
    approved_at = node.moment("requestApprovedAt")
    moments = (created_at, closed_at, approved_at, order.moment("updatedAt"))
    latest = max(
        *(moment for moment in moments if moment is not None),
        *(item.at for item in disposed),
        created_at,
    )
    awaited = sum(line.authorised for line in lines)
    received = sum(line.received for line in lines)
    tracking = tuple(_tracking(node))
    decline = node.object("decline")
    data = Return(
        order=EntityRef(native_id=order_id),
        number=node.text("name") or native_id,
        lines=lines,
        requested_at=created_at,
        authorised_at=(approved_at or created_at) if status in {"OPEN", "CLOSED"} else None,
        declined_at=latest if status == "DECLINED" else None,
        decline_reason=(decline.text("note") or decline.text("reason")) if decline else None,
        received_at=max(item.at for item in disposed) if disposed and received >= awaited else None,
        closed_at=closed_at,
        cancelled_at=latest if status == "CANCELED" else None,
        tracking=tracking,
        source_status=status or None,
        updated_at=latest,
    )
    fact = _FACTS.get(status, "requested")
    if fact == "authorised" and received:
        fact = "received"
    elif fact == "authorised" and tracking:
        fact = "in_transit"
    revision = revision_of(latest)
    yield Event(
        type=f"return.{fact}", data=data, native_id=native_id, revision=revision, occurred_at=latest
    )
    for item in disposed:
        yield _receipt(item, order_id, native_id, raw)


def _lines(node: Obj, disposed: list[_Disposed]) -> tuple[tuple[ReturnLine, ...], str | None]:
    """One for each order line, and the mark of the command of ours that made the return."""
    status = node.text("status")
    found: dict[str, dict[str, object]] = {}
    mark = None
    for item in node.need_object("returnLineItems").objects("nodes"):
        shipped = item.object("fulfillmentLineItem")
        if shipped is None:
            continue  # goods that Shopify cannot tie to an order line
        line = shipped.need_object("lineItem")
        line_id = gid_number(line, "id")
        if line_id is None:
            line.fail("id", "an id such as gid://shopify/LineItem/123", None)
        quantity = item.count("quantity")
        words = item.text("returnReasonNote")
        mark = mark or command_in(words)
        before = found.setdefault(
            line_id,
            {
                "sku": line.text("sku"),
                "quantity": 0,
                "reason": _REASONS.get(item.text("returnReason") or ""),
                "note": item.text("customerNote") or without_mark(words),
            },
        )
        before["quantity"] = int(str(before["quantity"])) + quantity
    arrived: dict[str, int] = {}
    for one in disposed:
        if one.type != "MISSING":
            arrived[one.line_id] = arrived.get(one.line_id, 0) + one.quantity
    lines = []
    for line_id, facts in found.items():
        wanted = int(str(facts["quantity"]))
        lines.append(
            ReturnLine(
                line_id=line_id,
                sku=facts["sku"],
                requested=Decimal(wanted),
                authorised=Decimal(wanted if status in {"OPEN", "CLOSED"} else 0),
                declined=Decimal(wanted if status == "DECLINED" else 0),
                received=Decimal(min(arrived.get(line_id, 0), wanted)),
                reason=facts["reason"],
                note=facts["note"],
            )
        )
    return tuple(lines), mark


def _disposed(node: Obj) -> Iterator[_Disposed]:
    orders = node.object("reverseFulfillmentOrders")
    for reverse in orders.objects("nodes") if orders else ():
        for item in reverse.need_object("lineItems").objects("nodes"):
            shipped = item.object("fulfillmentLineItem")
            if shipped is None:
                continue
            line = shipped.need_object("lineItem")
            line_id = gid_number(line, "id")
            for one in item.objects("dispositions"):
                location = one.object("location")
                own_id = gid_number(one, "id")
                if own_id is None or line_id is None:
                    one.fail("id", "an id", None)
                yield _Disposed(
                    own_id,
                    line_id,
                    line.text("sku"),
                    one.need_text("type"),
                    one.count("quantity"),
                    one.need_moment("createdAt"),
                    gid_number(location, "id") if location else None,
                )


def _receipt(item: _Disposed, order_id: str, return_id: str, raw: Raw) -> Event[Entity]:
    """Shopify does not tell in what state goods were, only what became of them."""
    missing = item.type == "MISSING"
    place = place_of(raw, item.location)
    return Event(
        type="return_receipt.recorded",
        data=ReturnReceipt(
            return_ref=EntityRef(native_id=return_id),
            order=EntityRef(native_id=order_id),
            location=place or item.location or "unknown",
            received_at=item.at,
            lines=(
                ReturnReceiptLine(
                    line_id=item.line_id,
                    sku=item.sku,
                    quantity=Decimal(item.quantity),
                    condition="missing" if missing else "other",
                    disposition=_DISPOSITIONS.get(item.type, "other"),
                    restocked=Decimal(item.quantity if item.type == "RESTOCKED" else 0),
                ),
            ),
            extensions={EXTENSION: {"disposition": item.type}},
        ),
        native_id=item.id,
        revision=revision_of(item.at),
        occurred_at=item.at,
    )


def _tracking(node: Obj) -> Iterator[Tracking]:
    orders = node.object("reverseFulfillmentOrders")
    for reverse in orders.objects("nodes") if orders else ():
        deliveries = reverse.object("reverseDeliveries")
        for delivery in deliveries.objects("nodes") if deliveries else ():
            parcel = delivery.object("deliverable")
            told = parcel.object("tracking") if parcel else None
            if told and (told.text("number") or told.text("url")):
                yield Tracking(
                    number=told.text("number"),
                    carrier=told.text("carrierName"),
                    url=told.text("url"),
                )

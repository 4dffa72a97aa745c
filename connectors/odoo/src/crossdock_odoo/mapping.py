"""What one polled record of Odoo's says, in canonical events. Pure.

The records are those that `crossdock_odoo.polling`, `snapshots` and `documents` compose; what is
told by which topic is in BUILD.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import crossdock
from crossdock.canonical import (
    Entity,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    InventoryLevel,
    Tracking,
)
from crossdock.canonical.entity import contract_error
from crossdock.jsontext import shorten
from pydantic import ValidationError

from crossdock_odoo.externalids import line_id_of
from crossdock_odoo.mapping_documents import (
    MOVE,
    PAYMENT,
    RECEIPT,
    document_event,
    money_event,
    receipt_event,
)
from crossdock_odoo.mapping_orders import ORDER, order_event
from crossdock_odoo.wire import STAMP as STAMP
from crossdock_odoo.wire import bad, id_of, list_of, moment_of, number_of, object_of, text_of
from crossdock_odoo.wire import plain as plain

PICKING = "stock.picking"
LEVEL = "stock.level"


def translate(raw: crossdock.Raw) -> Iterator[crossdock.Event[Entity]]:
    """One event for each record; a topic that is not in BUILD is ignored with that reason."""
    build = BUILD.get(raw.topic)
    if build is None:
        raise crossdock.Ignore(f"topic {shorten(raw.topic)} is none of {', '.join(sorted(BUILD))}")
    try:
        yield build(object_of(raw.body, ""))
    except ValidationError as error:
        raise contract_error(raw.topic, error) from None


def _shipment(body: dict[str, Any]) -> crossdock.Event[Entity]:
    """A done delivery. The order is ours when it carries an external id in our namespace."""
    picking = object_of(body.get("picking"), "/picking")
    order = object_of(body.get("order"), "/order")
    external = text_of(order.get("external"), "/order/external")
    revision = moment_of(picking.get("write_date"), "/picking/write_date")
    lines = tuple(
        _line(object_of(line, f"/lines/{index}"), external, f"/lines/{index}")
        for index, line in enumerate(list_of(body.get("lines"), "/lines"))
    )
    if not lines:
        raise crossdock.Ignore("the delivery moved nothing")
    tracking = Tracking(
        number=text_of(picking.get("tracking"), "/picking/tracking"),
        carrier=text_of(picking.get("carrier"), "/picking/carrier"),
        url=text_of(picking.get("tracking_url"), "/picking/tracking_url"),
    )
    told = tracking.number or tracking.carrier or tracking.url
    done = picking.get("date_done")
    data = Fulfillment(
        order=EntityRef(id=external, native_id=str(id_of(order.get("id"), "/order/id"))),
        number=text_of(picking.get("name"), "/picking/name"),
        location=text_of(picking.get("warehouse"), "/picking/warehouse"),
        lines=lines,
        tracking=(tracking,) if told else (),
        shipped_at=moment_of(done, "/picking/date_done") if done else None,
        updated_at=revision,
        source_status=text_of(picking.get("state"), "/picking/state"),
    )
    return crossdock.Event(
        type="fulfillment.shipped",
        data=data,
        native_id=str(id_of(picking.get("id"), "/picking/id")),
        revision=crossdock.revision_of(revision),
        occurred_at=data.shipped_at or revision,
    )


def _line(line: dict[str, Any], order: str | None, pointer: str) -> FulfillmentLine:
    """A line without an external id of ours was added in Odoo: `odoo:<id of the order line>`."""
    name = text_of(line.get("external"), f"{pointer}/external")
    known = line_id_of(order, name) if order and name else None
    native = line.get("sale_line_id") or f"move:{line.get('move_id')}"
    return FulfillmentLine(
        line_id=known or f"odoo:{shorten(native, 60)}".replace("'", ""),
        sku=text_of(line.get("sku"), f"{pointer}/sku"),
        quantity=number_of(line.get("quantity"), f"{pointer}/quantity"),
    )


def _level(body: dict[str, Any]) -> crossdock.Event[Entity]:
    """The stock of one product in one warehouse, all its quants summed."""
    sku = text_of(body.get("sku"), "/sku")
    if not sku:
        raise crossdock.Ignore(
            f"product {shorten(body.get('product_id'))} has no internal reference, hence no SKU"
        )
    warehouse = text_of(body.get("warehouse"), "/warehouse")
    if not warehouse:
        raise bad("/warehouse", "the short name of a warehouse", body.get("warehouse"))
    on_hand = number_of(body.get("on_hand"), "/on_hand")
    reserved = number_of(body.get("reserved"), "/reserved")
    written = moment_of(body.get("write_date"), "/write_date")
    data = InventoryLevel(
        sku=sku,
        location=warehouse,
        item=EntityRef(native_id=str(id_of(body.get("product_id"), "/product_id"))),
        on_hand=on_hand,
        reserved=reserved,
        available=max(on_hand - reserved, Decimal(0)),
        as_of=written,
        updated_at=written,
    )
    return crossdock.Event(
        type="inventory.level_changed",
        data=data,
        native_id=f"{sku}@{warehouse}",
        revision=crossdock.revision_of(written),
        occurred_at=written,
    )


def _order(body: dict[str, Any]) -> crossdock.Event[Entity]:
    """A sales order, told by a snapshot."""
    for index, line in enumerate(list_of(body.get("lines"), "/lines")):
        object_of(line, f"/lines/{index}")
    return order_event(body)


BUILD = {
    PICKING: _shipment,
    LEVEL: _level,
    ORDER: _order,
    MOVE: document_event,
    PAYMENT: money_event,
    RECEIPT: receipt_event,
}
"""Topics, and how each is read."""

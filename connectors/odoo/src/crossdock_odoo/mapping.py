"""What one polled record of Odoo's says, in canonical events. Pure.

The records are those that `crossdock_odoo.polling` composes; topics `stock.picking`,
`stock.level` and `sale.order`. Numbers arrive as binary floats, `false` stands for null, times are
UTC text without a zone (recordings, flow 17).
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
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
from crossdock_odoo.mapping_orders import ORDER, order_event

PICKING = "stock.picking"
LEVEL = "stock.level"
STAMP = "%Y-%m-%d %H:%M:%S"
_PLACES = Decimal("0.000001")


def translate(raw: crossdock.Raw) -> Iterator[crossdock.Event[Entity]]:
    """Shipments, stock levels, orders; any other topic is ignored with that reason."""
    build = {PICKING: _shipment, LEVEL: _level, ORDER: _order}.get(raw.topic)
    if build is None:
        raise crossdock.Ignore(f"topic {shorten(raw.topic)} is none of {PICKING}, {LEVEL}, {ORDER}")
    try:
        yield build(_object(raw.body, ""))
    except ValidationError as error:
        raise contract_error(raw.topic, error) from None


def _shipment(body: dict[str, Any]) -> crossdock.Event[Entity]:
    """A done delivery. The order is ours when it carries an external id in our namespace."""
    picking = _object(body.get("picking"), "/picking")
    order = _object(body.get("order"), "/order")
    external = _text(order.get("external"), "/order/external")
    revision = _moment(picking.get("write_date"), "/picking/write_date")
    lines = tuple(
        _line(_object(line, f"/lines/{index}"), external, f"/lines/{index}")
        for index, line in enumerate(_list(body.get("lines"), "/lines"))
    )
    if not lines:
        raise crossdock.Ignore("the delivery moved nothing")
    tracking = Tracking(
        number=_text(picking.get("tracking"), "/picking/tracking"),
        carrier=_text(picking.get("carrier"), "/picking/carrier"),
        url=_text(picking.get("tracking_url"), "/picking/tracking_url"),
    )
    told = tracking.number or tracking.carrier or tracking.url
    done = picking.get("date_done")
    data = Fulfillment(
        order=EntityRef(id=external, native_id=str(_id(order.get("id"), "/order/id"))),
        number=_text(picking.get("name"), "/picking/name"),
        location=_text(picking.get("warehouse"), "/picking/warehouse"),
        lines=lines,
        tracking=(tracking,) if told else (),
        shipped_at=_moment(done, "/picking/date_done") if done else None,
        updated_at=revision,
        source_status=_text(picking.get("state"), "/picking/state"),
    )
    return crossdock.Event(
        type="fulfillment.shipped",
        data=data,
        native_id=str(_id(picking.get("id"), "/picking/id")),
        revision=crossdock.revision_of(revision),
        occurred_at=data.shipped_at or revision,
    )


def _line(line: dict[str, Any], order: str | None, pointer: str) -> FulfillmentLine:
    """A line without an external id of ours was added in Odoo: `odoo:<id of the order line>`."""
    name = _text(line.get("external"), f"{pointer}/external")
    known = line_id_of(order, name) if order and name else None
    native = line.get("sale_line_id") or f"move:{line.get('move_id')}"
    return FulfillmentLine(
        line_id=known or f"odoo:{shorten(native, 60)}".replace("'", ""),
        sku=_text(line.get("sku"), f"{pointer}/sku"),
        quantity=_quantity(line.get("quantity"), f"{pointer}/quantity"),
    )


def _level(body: dict[str, Any]) -> crossdock.Event[Entity]:
    """The stock of one product in one warehouse, all its quants summed."""
    sku = _text(body.get("sku"), "/sku")
    if not sku:
        raise crossdock.Ignore(
            f"product {shorten(body.get('product_id'))} has no internal reference, hence no SKU"
        )
    warehouse = _text(body.get("warehouse"), "/warehouse")
    if not warehouse:
        raise _bad("/warehouse", "the short name of a warehouse", body.get("warehouse"))
    on_hand = _quantity(body.get("on_hand"), "/on_hand")
    reserved = _quantity(body.get("reserved"), "/reserved")
    written = _moment(body.get("write_date"), "/write_date")
    data = InventoryLevel(
        sku=sku,
        location=warehouse,
        item=EntityRef(native_id=str(_id(body.get("product_id"), "/product_id"))),
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
    for index, line in enumerate(_list(body.get("lines"), "/lines")):
        _object(line, f"/lines/{index}")
    return order_event(body, text=_text, number=_quantity, moment=_moment, record=_id)


def _bad(pointer: str, expected: str, value: object) -> crossdock.ContractError:
    return crossdock.ContractError(
        f"{pointer}: must be {expected}, found {shorten(value)}",
        pointer=pointer,
        value=shorten(value),
    )


def _object(value: Any, pointer: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _bad(pointer, "an object", value)
    return value


def _list(value: Any, pointer: str) -> list[Any]:
    if not isinstance(value, list):
        raise _bad(pointer, "a list", value)
    return value


def _text(value: Any, pointer: str) -> str | None:
    """Odoo says `false` where a text is empty."""
    if value is None or value is False or value == "":
        return None
    if not isinstance(value, str):
        raise _bad(pointer, "text or false", value)
    return value


def _id(value: Any, pointer: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**63:
        raise _bad(pointer, "the id of a record", value)
    return value


def _quantity(value: Any, pointer: str) -> Decimal:
    """A float of Odoo's without its noise: six decimal places."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _bad(pointer, "a number", value)
    try:
        exact = Decimal(repr(value)).quantize(_PLACES)
        plain_number = exact.is_finite()  # NaN quantizes to NaN
    except InvalidOperation:
        plain_number = False
    if not plain_number:
        raise _bad(pointer, "a finite number of at most 18 digits", value)
    return plain(exact)


def plain(value: Decimal) -> Decimal:
    """Without trailing zeros and without an exponent."""
    text = f"{value:f}"
    return Decimal(text.rstrip("0").rstrip(".") if "." in text else text) + 0


def _moment(value: Any, pointer: str) -> datetime:
    if not isinstance(value, str):
        raise _bad(pointer, "a time such as 2026-11-23 03:16:04", value)
    try:
        return datetime.strptime(value[:19], STAMP).replace(tzinfo=UTC)
    except ValueError:
        raise _bad(pointer, "a time such as 2026-11-23 03:16:04", value) from None

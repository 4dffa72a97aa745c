"""What a sales order of Odoo's says, as a canonical order. Pure; for snapshots."""

from decimal import Decimal
from typing import Any

import crossdock
from crossdock.canonical import Entity, Money, Order, OrderLine, ShippingLine, Totals

from crossdock_odoo.externalids import line_id_of
from crossdock_odoo.wire import id_of, moment_of, number_of, text_of

ORDER = "sale.order"


def order_event(body: dict[str, Any]) -> crossdock.Event[Entity]:
    """A sales order, with lines that are goods and lines that are carriage."""
    external = text_of(body.get("external"), "/external")
    currency = text_of(body.get("currency"), "/currency") or ""
    written = moment_of(body.get("write_date"), "/write_date")

    def money(value: Any, pointer: str) -> Money:
        return Money(amount=number_of(value, pointer), currency=currency)

    lines: list[OrderLine] = []
    shipping: list[ShippingLine] = []
    for index, line in enumerate(body.get("lines") or ()):
        at = f"/lines/{index}"
        name = text_of(line.get("external"), f"{at}/external")
        known = line_id_of(external, name) if external and name else None
        line_id = known or f"odoo:{id_of(line.get('id'), f'{at}/id')}"
        price = money(line.get("price_unit"), f"{at}/price_unit")
        title = text_of(line.get("name"), f"{at}/name")
        if line.get("is_delivery"):
            shipping.append(ShippingLine(line_id=line_id, title=title, price=price))
            continue
        quantity = number_of(line.get("product_uom_qty"), f"{at}/product_uom_qty")
        shipped = number_of(line.get("qty_delivered"), f"{at}/qty_delivered")
        lines.append(
            OrderLine(
                line_id=line_id,
                sku=text_of(line.get("sku"), f"{at}/sku"),
                title=title,
                ordered=max(quantity, shipped, Decimal(0)),
                shipped=max(shipped, Decimal(0)),
                unit_price=price,
            )
        )
    state = text_of(body.get("state"), "/state") or ""
    name = text_of(body.get("name"), "/name") or ""
    data = Order(
        number=text_of(body.get("client_order_ref"), "/client_order_ref") or name,
        placed_at=moment_of(body.get("date_order"), "/date_order"),
        currency=currency,
        lines=tuple(lines),
        shipping=tuple(shipping),
        totals=Totals(
            total=money(body.get("amount_total"), "/amount_total"),
            tax=money(body.get("amount_tax"), "/amount_tax"),
        ),
        cancelled_at=written if state == "cancel" else None,
        source_status={"order": state},
        updated_at=written,
    )
    return crossdock.Event(
        type="order.cancelled" if state == "cancel" else "order.updated",
        data=data,
        native_id=str(id_of(body.get("id"), "/id")),
        revision=crossdock.revision_of(written),
        occurred_at=written,
    )

"""What Odoo holds now, told as the same events as news of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import crossdock
import pytest
from crossdock.testing.catalog import CATALOG
from crossdock_odoo import translate
from crossdock_odoo.sandbox import OdooSandbox
from crossdock_odoo.sandbox_control import ship


async def _events(odoo: Any, kind: str, **window: Any) -> list[crossdock.Event[Any]]:
    asked = crossdock.Window(kind=kind, **window)
    return [event async for raw in odoo.snapshot(asked) for event in translate(raw)]


async def test_stock_of_the_whole_catalogue(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    tote = box.store.by("product.product", "default_code", "TOTE")[0]["id"]
    mug = box.store.by("product.product", "default_code", "MUG-BLUE")[0]["id"]
    for quant in box.store.by("stock.quant", "product_id", mug):
        box.store.put("stock.quant", quant["id"], None)
    place = box.store.by("stock.quant", "product_id", tote)[0]["location_id"]
    second = {"product_id": tote, "location_id": place, "quantity": -4.0}
    box.store.insert("stock.quant", second)
    async with connect(box, page_size=2) as odoo:
        await odoo.apply(command(order()))
        events = await _events(odoo, "inventory")
    levels = {event.data.sku: event.data for event in events}
    assert levels.keys() == {item.sku for item in CATALOG}
    assert (levels["TOTE"].on_hand, levels["TOTE"].reserved) == (999_996, 3)
    assert levels["MUG-BLUE"].on_hand == 0


async def test_orders_and_deliveries_of_a_window(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    now = datetime.now(UTC)
    async with connect(box) as odoo:
        for number in (1, 2, 3):
            await odoo.apply(command(order(number)))
        ship(box, two_parcels=0, seed=1, limit=1)
        await odoo.apply(command(order(3), "order.cancel"))
        window = {"since": now - timedelta(minutes=1), "until": now + timedelta(minutes=1)}
        orders = await _events(odoo, "order", **window)
        shipments = await _events(odoo, "fulfillment", **window)
        later = await _events(odoo, "order", since=now + timedelta(minutes=1))
        with pytest.raises(crossdock.RejectedError):
            await _events(odoo, "horoscope")
    assert [(event.type, event.native_id) for event in orders] == [
        ("order.updated", "1"),
        ("order.updated", "2"),
        ("order.cancelled", "3"),
    ]
    first = orders[0].data
    assert (first.number, first.currency, str(first.totals.total.amount)) == ("#1", "USD", "69.84")
    goods = {line.line_id: (line.sku, line.ordered, line.shipped) for line in first.lines}
    assert goods["gid://shop/LineItem/2"] == ("TOTE", 3, 3)
    assert first.shipping[0].price.amount == order().shipping[0].price.amount
    assert [event.data.order.id for event in shipments] == [order(1).id]
    assert later == []

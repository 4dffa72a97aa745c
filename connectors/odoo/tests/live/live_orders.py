"""Orders against a real Odoo: created once, confirmed, shipped, cancelled, told."""

import asyncio
from decimal import Decimal
from typing import Any

import crossdock
import pytest
from crossdock.canonical import OrderLine
from crossdock_odoo import translate


async def test_it_answers(lab: Any, connect: Any) -> None:
    async with connect() as odoo:
        with lab.step("probe"):
            health = await odoo.probe()
    assert health.version.startswith("Odoo ")
    assert not [note for note in health.notes if note.startswith("cannot")]


async def test_an_order_is_created_confirmed_and_found(lab: Any, connect: Any) -> None:
    order = lab.order()
    async with connect() as odoo:
        with lab.step("order.create, cold"):
            receipt = await odoo.apply(lab.command(order))
        again = await odoo.apply(lab.command(order))
        found = await odoo.find(lab.command(order))
        (row,) = await odoo.rpc.read(
            "sale.order",
            [int(receipt.native_id)],
            ["state", "client_order_ref", "amount_total", "currency_id", "origin", "picking_ids"],
        )
    assert receipt == again == found
    assert receipt.extra_ids.keys() == {"1", "gid://shop/LineItem/2"}
    assert "total 69.84 USD" in receipt.note
    assert "channel" not in receipt.note
    assert (row["state"], row["client_order_ref"]) == ("sale", order.number)
    assert row["origin"] == "crossdock 2026-11-20 14:03:22 UTC"
    assert len(row["picking_ids"]) == 1


async def test_another_currency_by_its_pricelist(lab: Any, connect: Any) -> None:
    order = lab.order(currency="EUR")
    async with connect() as odoo:
        receipt = await odoo.apply(lab.command(order))
        (row,) = await odoo.rpc.read("sale.order", [int(receipt.native_id)], ["currency_id"])
        (currency,) = await odoo.rpc.read("res.currency", [row["currency_id"]], ["name"])
    assert currency["name"] == "EUR"
    assert "total 69.84 EUR" in receipt.note


async def test_cancel_and_what_has_left_is_not_cancelled(lab: Any, connect: Any) -> None:
    first, second = lab.order(), lab.order()
    async with connect() as odoo:
        for order in (first, second):
            await odoo.apply(lab.command(order))
        with lab.step("order.cancel"):
            receipt = await odoo.apply(lab.command(first, "order.cancel"))
        assert receipt.changed
        assert not (await odoo.apply(lab.command(first, "order.cancel"))).changed
        native = await odoo.orders.look(second.id)
        (row,) = await odoo.rpc.read("sale.order", [native], ["picking_ids"])
        answer = await odoo.rpc.call("stock.picking", "button_validate", ids=row["picking_ids"])
        assert answer is True
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(lab.command(second, "order.cancel"))
    assert caught.value.reason == "already_shipped"


async def test_polls_tell_shipments_and_stock(lab: Any, connect: Any) -> None:
    order = lab.order()
    async with connect(overlap_s=0) as odoo:
        with lab.step("poll, cold, all stock", 40):
            raws = [raw async for raw in odoo.poll(None)]
        cursor = raws[-1].cursor
        receipt = await odoo.apply(lab.command(order))
        (row,) = await odoo.rpc.read("sale.order", [int(receipt.native_id)], ["picking_ids"])
        await odoo.rpc.call(
            "stock.picking",
            "write",
            ids=row["picking_ids"],
            vals={"carrier_tracking_ref": "1Z999"},
        )
        await odoo.rpc.call("stock.picking", "button_validate", ids=row["picking_ids"])
        await asyncio.sleep(1.1)
        with lab.step("poll, warm"):
            raws = [raw async for raw in odoo.poll(cursor)]
    events = [event for raw in raws for event in translate(raw)]
    (shipped,) = [
        event
        for event in events
        if event.type == "fulfillment.shipped" and event.data.order.id == order.id
    ]
    assert {line.line_id: line.quantity for line in shipped.data.lines} == {
        "1": 2,
        "gid://shop/LineItem/2": 3,
    }
    assert shipped.data.tracking[0].number == "1Z999"
    levels = {event.data.sku: event.data for event in events if event.kind == "inventory"}
    assert levels.keys() >= {line.sku for line in order.lines}
    assert all(level.reserved >= 0 for level in levels.values())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"lines": (), "shipping": ()}, "empty_order"),
        ({"currency": "CHF"}, "no_pricelist"),
    ],
)
async def test_bad_orders_are_named(lab: Any, connect: Any, change: Any, reason: str) -> None:
    async with connect() as odoo:
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(lab.command(lab.order(**change)))
    assert caught.value.reason == reason
    assert "Traceback" not in str(caught.value)


async def test_an_unknown_sku_is_named(lab: Any, connect: Any) -> None:
    order = lab.order()
    line = order.lines[0].model_copy(update={"sku": "NO-SUCH-THING"})
    assert isinstance(line, OrderLine)
    async with connect() as odoo:
        with pytest.raises(crossdock.RejectedError, match="NO-SUCH-THING") as caught:
            await odoo.apply(lab.command(order.model_copy(update={"lines": (line,)})))
    assert caught.value.reason == "unknown_sku"


async def test_a_wrong_key_and_a_wrong_database(lab: Any, connect: Any) -> None:
    async with connect(api_key="0" * 40) as odoo:
        with pytest.raises(crossdock.AuthError):
            await odoo.apply(lab.command(lab.order()))
    async with connect(database="nosuchdb") as odoo:
        with pytest.raises(crossdock.AuthError, match="nosuchdb"):
            await odoo.apply(lab.command(lab.order()))


async def test_one_by_one(lab: Any, connect: Any) -> None:
    orders = [lab.order() for _ in range(10)]
    async with connect() as odoo:
        await odoo.apply(lab.command(lab.order()))
        with lab.step("order.create, one by one", len(orders)):
            for order in orders:
                receipt = await odoo.apply(lab.command(order))
                assert Decimal(receipt.note.split("total ")[1].split()[0]) == Decimal("69.84")

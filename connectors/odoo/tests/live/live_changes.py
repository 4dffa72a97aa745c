"""Edits, counts and shipments done elsewhere, against a real Odoo."""

import asyncio
from decimal import Decimal
from typing import Any

import crossdock
import pytest
from crossdock.canonical import (
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    InventoryLevel,
    Tracking,
)
from crossdock.identity import entity_id

TOTE = "gid://shop/LineItem/2"


async def _lines(odoo: Any, receipt: crossdock.Receipt) -> list[dict[str, Any]]:
    return await odoo.rpc.search_read(
        "sale.order.line",
        [["order_id", "=", int(receipt.native_id)]],
        ["product_uom_qty", "qty_delivered", "price_unit", "product_id"],
        order="id",
    )


async def _moves(odoo: Any, receipt: crossdock.Receipt) -> dict[int, float]:
    """What leaves or left, by product."""
    rows = await odoo.rpc.search_read(
        "stock.move",
        [["sale_line_id.order_id", "=", int(receipt.native_id)], ["state", "!=", "cancel"]],
        ["product_id", "product_uom_qty"],
    )
    found: dict[int, float] = {}
    for row in rows:
        found[row["product_id"]] = found.get(row["product_id"], 0) + row["product_uom_qty"]
    return {product: quantity for product, quantity in found.items() if quantity}


def _with(order: Any, *lines: Any) -> Any:
    return order.model_copy(update={"lines": tuple(lines)})


async def test_an_edit_after_import(lab: Any, connect: Any) -> None:
    order = lab.order()
    mug, tote = order.lines
    other = mug.model_copy(update={"line_id": "3", "sku": lab.sku(999), "ordered": Decimal(1)})
    more = _with(
        order,
        mug.model_copy(update={"ordered": Decimal(5)}),
        tote.model_copy(update={"cancelled": Decimal(2)}),
        other,
    )
    less = _with(order, mug, tote.model_copy(update={"cancelled": Decimal(3)}), other)
    async with connect() as odoo:
        receipt = await odoo.apply(lab.command(order))
        assert await odoo.find(lab.command(more, "order.update")) is None
        with lab.step("order.update"):
            edited = await odoo.apply(lab.command(more, "order.update"))
        again = await odoo.apply(lab.command(more, "order.update"))
        assert (edited.changed, again.changed) == (True, False)
        assert (await odoo.find(lab.command(more, "order.update"))) is not None
        assert edited.extra_ids.keys() == {"1", TOTE, "3"}
        assert await _moves(odoo, receipt) == {
            lab.products[mug.sku]: 5.0,
            lab.products[tote.sku]: 1.0,
            lab.products[other.sku]: 1.0,
        }
        await odoo.apply(lab.command(less, "order.update"))
        assert await _moves(odoo, receipt) == {
            lab.products[mug.sku]: 2.0,
            lab.products[other.sku]: 1.0,
        }


async def test_an_edit_below_what_has_left_is_refused(lab: Any, connect: Any) -> None:
    order = lab.order()
    mug, tote = order.lines
    fewer = _with(order, mug.model_copy(update={"cancelled": Decimal(1)}), tote)
    async with connect() as odoo:
        receipt = await odoo.apply(lab.command(order))
        (row,) = await odoo.rpc.read("sale.order", [int(receipt.native_id)], ["picking_ids"])
        await odoo.rpc.call("stock.picking", "button_validate", ids=row["picking_ids"])
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(lab.command(fewer, "order.update"))
    assert caught.value.reason == "already_shipped"


async def test_another_address_reaches_the_delivery(lab: Any, connect: Any) -> None:
    order = lab.order()
    there = order.shipping_address.model_copy(update={"lines": ("9 Elsewhere St",)})
    moved = order.model_copy(update={"shipping_address": there})
    async with connect() as odoo:
        receipt = await odoo.apply(lab.command(order))
        await odoo.apply(lab.command(moved, "order.update"))
        (row,) = await odoo.rpc.read(
            "sale.order", [int(receipt.native_id)], ["picking_ids", "partner_shipping_id"]
        )
        (picking,) = await odoo.rpc.read("stock.picking", row["picking_ids"], ["partner_id"])
        (partner,) = await odoo.rpc.read("res.partner", [picking["partner_id"]], ["street"])
    assert picking["partner_id"] == row["partner_shipping_id"]
    assert partner["street"] == "9 Elsewhere St"


def _shipment(lab: Any, order: Any, number: str, quantities: dict[str, int]) -> Fulfillment:
    return Fulfillment(
        id=entity_id(lab.prefix, "fulfillment", f"{order.number}/{number}"),
        order=EntityRef(id=order.id),
        number=number,
        location=lab.warehouse,
        lines=tuple(
            FulfillmentLine(line_id=line, quantity=Decimal(many))
            for line, many in quantities.items()
        ),
        tracking=(Tracking(number=f"1Z{number}", carrier="UPS"),),
        shipped_at="2026-11-23T10:00:00Z",
    )


async def test_two_shipments_done_elsewhere(lab: Any, connect: Any) -> None:
    order = lab.order()
    first = _shipment(lab, order, "A", {"1": 2, TOTE: 1})
    second = _shipment(lab, order, "B", {TOTE: 2})
    third = _shipment(lab, order, "C", {"1": 1})
    async with connect() as odoo:
        receipt = await odoo.apply(lab.command(order))
        wish = lab.command(first, "fulfillment.create")
        assert await odoo.find(wish) is None
        with lab.step("fulfillment.create, partial"):
            booked = await odoo.apply(wish)
        assert "backorder" in booked.note
        found = await odoo.find(wish)
        again = await odoo.apply(wish)
        assert booked.native_id == again.native_id == found.native_id
        delivered = [row["qty_delivered"] for row in await _lines(odoo, receipt)]
        assert delivered[:2] == [2.0, 1.0]
        racing = lab.command(second, "fulfillment.create")
        await asyncio.gather(*(odoo.apply(racing) for _ in range(3)), return_exceptions=True)
        last = await odoo.apply(racing)
        assert last.native_id != booked.native_id
        delivered = [row["qty_delivered"] for row in await _lines(odoo, receipt)]
        assert delivered[:2] == [2.0, 3.0]
        pickings = await odoo.rpc.read(
            "stock.picking",
            [int(booked.native_id), int(last.native_id)],
            ["state", "carrier_tracking_ref"],
        )
        assert [row["state"] for row in pickings] == ["done", "done"]
        assert [row["carrier_tracking_ref"] for row in pickings] == ["1ZA", "1ZB"]
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(lab.command(third, "fulfillment.create"))
    assert caught.value.reason == "not_expected"


def _level(lab: Any, sku: str, on_hand: Any, **more: Any) -> InventoryLevel:
    return InventoryLevel(
        id=entity_id(lab.prefix, "inventory", sku),
        sku=sku,
        location=lab.warehouse,
        on_hand=None if on_hand is None else Decimal(on_hand),
        **more,
    )


async def test_counts_are_written(lab: Any, connect: Any) -> None:
    skus = [lab.sku(number) for number in range(30, 40)]
    async with connect() as odoo:
        with lab.step("inventory.publish, a batch", 10):
            answers = await odoo.apply_many(
                [lab.command(_level(lab, sku, 500), "inventory.publish") for sku in skus]
            )
        assert [answer.changed for answer in answers] == [True] * 10
        again = await odoo.apply(lab.command(_level(lab, skus[0], 500), "inventory.publish"))
        assert not again.changed
        quants = await odoo.rpc.search_read(
            "stock.quant",
            [
                ["product_id", "in", [lab.products[sku] for sku in skus]],
                ["location_id.usage", "=", "internal"],
            ],
            ["quantity"],
        )
        assert sum(row["quantity"] for row in quants) == 5000
        mars = _level(lab, skus[2], 7).model_copy(update={"location": "MARS"})
        levels = [
            _level(lab, skus[1], 7),
            _level(lab, "NOPE", 7),
            mars,
            _level(lab, f"{lab.prefix}-SHIP", 7),
            _level(lab, skus[3], None, available=9),
        ]
        wrong = await odoo.apply_many([lab.command(each, "inventory.publish") for each in levels])
    assert [getattr(answer, "reason", "") for answer in wrong[:3]] == [
        "",
        "unknown_sku",
        "unknown_location",
    ]
    assert isinstance(wrong[3], crossdock.RejectedError)
    assert isinstance(wrong[4], crossdock.Receipt)

"""Stock that is gone is told as 0, whether Odoo kept a row of it or not."""

from typing import Any

import crossdock
import pytest
from crossdock_odoo import sandbox_seed
from crossdock_odoo.mapping import LEVEL, translate
from crossdock_odoo.sandbox import OdooSandbox
from crossdock_odoo.sandbox_control import count, ship


async def _levels(odoo: Any, cursor: str | None) -> tuple[list[Any], str | None]:
    raws: list[crossdock.Raw] = [raw async for raw in odoo.poll(cursor)]
    events = [event for raw in raws if raw.topic == LEVEL for event in translate(raw)]
    return events, raws[-1].cursor if raws else cursor


def _quants(box: OdooSandbox, sku: str) -> list[dict[str, Any]]:
    product = box.store.by("product.product", "default_code", sku)[0]["id"]
    rows: list[dict[str, Any]] = box.store.by("stock.quant", "product_id", product)
    return rows


async def test_the_last_piece_leaves_and_odoo_deletes_the_quant(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    count(box, "MUG-BLUE", 2)
    async with connect(box) as odoo:
        box.offset_s += 2
        _, cursor = await _levels(odoo, None)
        await odoo.apply(command(order()))
        box.offset_s += 2
        ship(box, two_parcels=0, seed=1)
        (quant,) = _quants(box, "MUG-BLUE")
        assert quant["quantity"] == 0
        box.store.put("stock.quant", quant["id"], None)
        box.offset_s += 2
        events, cursor = await _levels(odoo, cursor)
        told = {event.data.sku: (int(event.data.on_hand), event.data.location) for event in events}
        assert told["MUG-BLUE"] == (0, "WH")
        assert told["TOTE"] == (999_997, "WH")
        box.offset_s += 200
        assert (await _levels(odoo, cursor))[0] == []


async def test_what_is_left_is_as_new_as_the_move_that_left_it(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    """One of two quants is deleted; the sum must not look older than the one told before."""
    count(box, "MUG-BLUE", 2)
    product = _quants(box, "MUG-BLUE")[0]["product_id"]
    shelf = {"name": "A", "complete_name": "WH/A", "usage": "internal", "warehouse_id": 1}
    elsewhere = box.store.insert("stock.location", shelf)["id"]
    quant = {"product_id": product, "location_id": elsewhere, "quantity": 5.0}
    box.store.insert("stock.quant", quant)
    async with connect(box) as odoo:
        box.offset_s += 2
        events, cursor = await _levels(odoo, None)
        (before,) = (event for event in events if event.data.sku == "MUG-BLUE")
        await odoo.apply(command(order()))
        box.offset_s += 2
        ship(box, two_parcels=0, seed=1)
        (gone,) = (row for row in _quants(box, "MUG-BLUE") if row["location_id"] != elsewhere)
        box.store.put("stock.quant", gone["id"], None)
        box.offset_s += 2
        events, _ = await _levels(odoo, cursor)
    (after,) = (event for event in events if event.data.sku == "MUG-BLUE")
    assert (before.data.on_hand, after.data.on_hand) == (7, 5)
    assert after.revision > before.revision


async def test_what_is_not_counted_is_not_told(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    product = _quants(box, "MUG-BLUE")[0]["product_id"]
    kind = {"detailed_type": "consu"} if box.version < 18 else {"is_storable": False}
    box.store.update("product.product", product, **kind)
    async with connect(box) as odoo:
        box.offset_s += 2
        _, cursor = await _levels(odoo, None)
        await odoo.apply(command(order()))
        ship(box, two_parcels=0, seed=1)
        for quant in _quants(box, "MUG-BLUE"):
            box.store.put("stock.quant", quant["id"], None)
        box.offset_s += 2
        events, _ = await _levels(odoo, cursor)
    assert {event.data.sku for event in events} == {"TOTE"}


@pytest.mark.parametrize("sweep_s", [60, 0])
async def test_a_quant_deleted_without_any_move(
    sweep_s: int, box: OdooSandbox, connect: Any
) -> None:
    async with connect(box, sweep_s=sweep_s, overlap_s=0, page_size=3) as odoo:
        box.offset_s += 2
        _, cursor = await _levels(odoo, None)
        (quant,) = _quants(box, "TOTE")
        box.store.put("stock.quant", quant["id"], None)
        box.offset_s += 30
        assert (await _levels(odoo, cursor))[0] == []  # no sweep is due yet
        box.offset_s += 60
        events, cursor = await _levels(odoo, cursor)
        assert [(e.data.sku, e.data.location, int(e.data.on_hand)) for e in events] == (
            [("TOTE", "WH", 0)] if sweep_s else []
        )
        box.offset_s += 90
        assert (await _levels(odoo, cursor))[0] == []


async def test_lots_and_shelves_are_summed_by_warehouse(box: OdooSandbox, connect: Any) -> None:
    """On hand, reserved and free of a product tracked by lot, in two warehouses."""
    (quant,) = _quants(box, "TOTE")
    product, stock = quant["product_id"], quant["location_id"]
    box.store.update("product.product", product, tracking="lot")
    box.store.put("stock.quant", quant["id"], None)
    east = sandbox_seed.warehouse(box.store, box.methods.stock, "EAST", "East")
    for lot, location, quantity, reserved in (
        ("A", stock, 10.0, 4.0),
        ("B", stock, 5.5, 0.0),
        ("A", east, 3.0, 3.0),
    ):
        number = box.store.insert("stock.lot", {"name": lot, "product_id": product})["id"]
        row = {"product_id": product, "location_id": location, "lot_id": number}
        box.store.insert(
            "stock.quant", {**row, "quantity": quantity, "reserved_quantity": reserved}
        )
    async with connect(box, warehouses=["WH", "EAST"]) as odoo:
        box.offset_s += 2
        events, _ = await _levels(odoo, None)
        snapshot = [
            next(translate(raw)).data
            async for raw in odoo.snapshot(crossdock.Window(kind="inventory"))
        ]
    for levels in ([event.data for event in events], snapshot):
        told = {
            level.location: tuple(map(float, (level.on_hand, level.reserved, level.available)))
            for level in levels
            if level.sku == "TOTE"
        }
        assert told == {"WH": (15.5, 4.0, 11.5), "EAST": (3.0, 3.0, 0.0)}

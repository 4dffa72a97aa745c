"""Polling tells every shipment and every stock level, and tells each as the same news again."""

import json
from collections.abc import Iterator
from typing import Any

import crossdock
import pytest
from crossdock_odoo import mapping
from crossdock_odoo.mapping import LEVEL, PICKING
from crossdock_odoo.polling import Cursor
from crossdock_odoo.sandbox import OdooSandbox
from crossdock_odoo.sandbox_control import count, report, ship


def translate(raw: crossdock.Raw) -> Iterator[crossdock.Event[Any]]:
    """The events of one record."""
    yield from mapping.translate(raw)


async def _all(odoo: Any, cursor: str | None) -> list[crossdock.Raw]:
    return [raw async for raw in odoo.poll(cursor)]


async def test_partial_shipments_are_two_fulfillments(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    async with connect(box) as odoo:
        await odoo.apply(command(order()))
        ship(box, two_parcels=1, seed=1)
        ship(box, two_parcels=1, seed=1)
        box.offset_s += 2
        raws = await _all(odoo, None)
    parcels = [next(translate(raw)) for raw in raws if raw.topic == PICKING]
    assert [event.data.order.id for event in parcels] == [order().id] * 2
    assert [
        {line.line_id: int(line.quantity) for line in event.data.lines} for event in parcels
    ] == [{"866550311766439020": 2}, {"gid://shop/LineItem/2": 3}]
    assert len({event.data.tracking[0].number for event in parcels}) == 2
    assert {raw.key for raw in raws if raw.topic == PICKING} == {f"order:{order().id}"}


async def test_the_first_poll_tells_the_whole_stock_and_the_next_what_changed(
    box: OdooSandbox, connect: Any
) -> None:
    async with connect(box) as odoo:
        box.offset_s += 2
        first = await _all(odoo, None)
        assert len(first) == 12
        assert await _all(odoo, first[-1].cursor) == []
        count(box, "MUG-BLUE", 7)
        assert await _all(odoo, first[-1].cursor) == []  # this second is not closed yet
        box.offset_s += 2
        (raw,) = await _all(odoo, first[-1].cursor)
    (event,) = translate(raw)
    assert (event.data.sku, event.data.location, event.data.on_hand) == ("MUG-BLUE", "WH", 7)
    assert raw.key == "stock:MUG-BLUE@WH"


async def test_what_was_given_but_not_stored_is_given_again(connect: Any) -> None:
    box = OdooSandbox()
    async with connect(box) as odoo:
        box.offset_s += 2
        first = await _all(odoo, None)
        half = await _all(odoo, first[5].cursor)
    assert {raw.delivery_id for raw in half} == {raw.delivery_id for raw in first[6:]}


async def test_another_process_is_given_the_same_news_with_the_same_ids(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    async with connect(box) as odoo:
        await odoo.apply(command(order()))
        ship(box, two_parcels=0, seed=1)
        box.offset_s += 2
        first = await _all(odoo, None)
    async with connect(box) as odoo:
        again = await _all(odoo, first[-1].cursor)
    assert {raw.delivery_id for raw in again} <= {raw.delivery_id for raw in first}
    assert [raw.topic for raw in again].count(PICKING) == 1


async def test_several_quants_make_one_level(connect: Any) -> None:
    box = OdooSandbox()
    mug = box.store.by("product.product", "default_code", "MUG-BLUE")[0]["id"]
    location = box.store.by("stock.quant", "product_id", mug)[0]["location_id"]
    row = {"product_id": mug, "location_id": location, "quantity": -3.0, "reserved_quantity": 2.0}
    box.store.insert("stock.quant", row)
    async with connect(box) as odoo:
        box.offset_s += 2
        raws = await _all(odoo, None)
    (event,) = (e for raw in raws for e in translate(raw) if e.data.sku == "MUG-BLUE")
    assert (event.data.on_hand, event.data.reserved) == (999_997, 2)


class BusySandbox(OdooSandbox):
    """While it is being read, somebody ships and counts."""

    busy = False

    def run(self, model: str, method: str, *args: Any, **named: Any) -> Any:
        answer = super().run(model, method, *args, **named)
        if self.busy and method in ("search_read", "read"):
            self.busy = False
            ship(self, two_parcels=0.5, seed=3, limit=2)
            count(self, "LAMP-OAK", float(self.calls.total()))
            # a late edit of a delivery that is done moves it out of the window being read
            done = [p for p in self.store.tables["stock.picking"].rows.values() if p["date_done"]]
            self.store.write("stock.picking", [done[0]["id"]], {"carrier_tracking_ref": "LATE"})
            self.busy = True
        return answer


@pytest.mark.parametrize("version", [19, 18])
async def test_nothing_is_lost_while_writes_go_on(
    version: int, connect: Any, order: Any, command: Any
) -> None:
    box = BusySandbox(version=version)
    async with connect(box, page_size=3, overlap_s=2) as odoo:
        for number in range(12):
            await odoo.apply(command(order(number)))
        cursor: str | None = None
        given: list[crossdock.Raw] = []
        box.offset_s += 1
        for _ in range(8):
            box.busy = True
            for raw in await _all(odoo, cursor):
                given.append(raw)
                cursor = raw.cursor
            box.offset_s += 1
        box.busy = False
        ship(box, two_parcels=0, seed=3)
        for _ in range(2):
            box.offset_s += 3
            for raw in await _all(odoo, cursor):
                given.append(raw)
                cursor = raw.cursor
    made = report(box)
    done = {str(p["id"]) for p in made["pickings"] if p["state"] == "done"}
    events = [event for raw in given for event in translate(raw)]
    assert done == {event.native_id for event in events if event.type == "fulfillment.shipped"}
    levels = {e.data.sku: e.data for e in events if e.type == "inventory.level_changed"}
    told = {sku: (float(level.on_hand), float(level.reserved)) for sku, level in levels.items()}
    held = {sku: (at["WH"]["on_hand"], at["WH"]["reserved"]) for sku, at in made["stock"].items()}
    assert told == held
    late = [e for e in events if e.data.kind == "fulfillment" and e.native_id == "1"]
    assert late[-1].data.tracking[0].number == "LATE"


async def test_a_foreign_cursor_is_refused(connect: Any) -> None:
    async with connect(OdooSandbox()) as odoo:
        for text in ("{}", "[2,null,null,'']", json.dumps([1, 5, None, ""]), "no"):
            with pytest.raises(crossdock.ContractError):
                await _all(odoo, text)
    assert Cursor.parse(Cursor(shipments="a", last="b").dump()) == Cursor(shipments="a", last="b")


async def test_a_level_of_a_product_in_one_of_two_warehouses(connect: Any) -> None:
    box = OdooSandbox()
    from crossdock_odoo import sandbox_seed

    east = sandbox_seed.warehouse(box.store, box.methods.stock, "EAST", "East")
    tote = box.store.by("product.product", "default_code", "TOTE")[0]["id"]
    quant = {"product_id": tote, "location_id": east, "quantity": 4.0}
    box.store.insert("stock.quant", quant)
    async with connect(box, warehouses=["EAST"]) as odoo:
        box.offset_s += 2
        raws = await _all(odoo, None)
    assert [(raw.topic, raw.body["warehouse"], raw.body["on_hand"]) for raw in raws] == [
        (LEVEL, "EAST", 4.0)
    ]

"""Edits, counts and shipments done elsewhere reach Odoo once."""

import asyncio
from collections.abc import Callable
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
from crossdock_odoo.sandbox import Misbehaviour, OdooSandbox
from crossdock_odoo.sandbox_control import report, ship

MUG, TOTE = "866550311766439020", "gid://shop/LineItem/2"


def _wish(data: Any, type_: str, attempt: int = 1) -> crossdock.Command[Any]:
    return crossdock.Command(
        id=f"cmd_{type_}_{data.id}", type=type_, data=data, entity_id=data.id, attempt=attempt
    )


def _with(order: Any, *lines: Any) -> Any:
    return order.model_copy(update={"lines": tuple(lines)})


def _wanted(box: OdooSandbox) -> dict[str, float]:
    """What leaves or left, by SKU."""
    found: dict[str, float] = {}
    for move in box.store.tables["stock.move"].rows.values():
        if move["state"] != "cancel" and move["product_uom_qty"]:
            sku = box.store.row("product.product", move["product_id"])["default_code"]
            found[sku] = found.get(sku, 0) + move["product_uom_qty"]
    return found


def _edits(order: Any) -> tuple[Any, Any]:
    mug, tote = order.lines
    other = mug.model_copy(update={"line_id": "3", "sku": "CAP-BLACK", "ordered": Decimal(1)})
    more = _with(
        order,
        mug.model_copy(update={"ordered": Decimal(5)}),
        tote.model_copy(update={"cancelled": Decimal(2)}),
        other,
    )
    return more, _with(order, mug, tote.model_copy(update={"cancelled": Decimal(3)}), other)


@pytest.fixture
def sku() -> Callable[[OdooSandbox], str]:
    """A third product of the catalogue."""

    def find(box: OdooSandbox) -> str:
        rows = box.store.tables["product.product"].rows.values()
        return next(
            row["default_code"]
            for row in rows
            if row["default_code"] not in ("MUG-BLUE", "TOTE", "SHIPPING", "DISCOUNT")
        )

    return find


async def test_an_edit_after_import(
    box: OdooSandbox, connect: Any, order: Any, command: Any, sku: Any
) -> None:
    more, less = _edits(order())
    third = sku(box)
    more, less = (
        _with(each, *each.lines[:2], each.lines[2].model_copy(update={"sku": third}))
        for each in (more, less)
    )
    async with connect(box) as odoo:
        await odoo.apply(command(order()))
        assert await odoo.find(_wish(more, "order.update")) is None
        edited = await odoo.apply(_wish(more, "order.update"))
        again = await odoo.apply(_wish(more, "order.update"))
        assert (edited.changed, again.changed) == (True, False)
        assert await odoo.find(_wish(more, "order.update")) is not None
        assert edited.extra_ids.keys() == {MUG, TOTE, "3"}
        assert _wanted(box) == {"MUG-BLUE": 5, "TOTE": 1, third: 1}
        await odoo.apply(_wish(less, "order.update"))
        assert _wanted(box) == {"MUG-BLUE": 2, third: 1}
        swapped = more.lines[0].model_copy(update={"sku": third})
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(_wish(_with(more, swapped), "order.update"))
    assert caught.value.reason == "product_changed"


async def test_an_edit_loses_its_answer_at_any_call(connect: Any, order: Any, command: Any) -> None:
    mug, tote = order().lines
    more = _with(order(), mug.model_copy(update={"ordered": Decimal(5)}), tote)
    for n in range(20):
        box = OdooSandbox()
        async with connect(box) as odoo:
            await odoo.apply(command(order()))
            box.faults.append(Misbehaviour("lost_answer", 1, after=n))
            try:
                await odoo.apply(_wish(more, "order.update"))
            except crossdock.UnavailableError:
                wish = _wish(more, "order.update", 2)
                assert await odoo.find(wish) or await odoo.apply(wish)
        assert _wanted(box) == {"MUG-BLUE": 5, "TOTE": 3}
        if box.faults and box.faults[0].count:
            break
    assert n >= 6


async def test_what_has_left_cannot_be_taken_back(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    mug, tote = order().lines
    async with connect(box) as odoo:
        await odoo.apply(command(order()))
        ship(box, two_parcels=0, seed=1)
        for lines in (
            (mug.model_copy(update={"cancelled": Decimal(1)}), tote),
            (tote,),
        ):
            with pytest.raises(crossdock.RejectedError) as caught:
                await odoo.apply(_wish(_with(order(), *lines), "order.update"))
            assert caught.value.reason == "already_shipped"
        never = await odoo.apply(_wish(order(2), "order.update"))
    assert never == crossdock.Receipt(changed=False, note="was never created in Odoo")


async def test_another_address_reaches_the_delivery(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    there = order().shipping_address.model_copy(update={"lines": ("9 Elsewhere St",)})
    async with connect(box) as odoo:
        await odoo.apply(command(order()))
        moved = order(shipping_address=there)
        await odoo.apply(_wish(moved, "order.update"))
        assert await odoo.find(_wish(moved, "order.update"))
    (picking,) = box.store.tables["stock.picking"].rows.values()
    partners = box.store.tables["res.partner"].rows
    assert partners[picking["partner_id"]]["street"] == "9 Elsewhere St"


def _shipment(order: Any, number: str, quantities: dict[str, int]) -> Fulfillment:
    return Fulfillment(
        id=entity_id("dc1", "fulfillment", f"{order.number}/{number}"),
        order=EntityRef(id=order.id),
        number=number,
        location="WH",
        lines=tuple(
            FulfillmentLine(line_id=line, quantity=Decimal(many))
            for line, many in quantities.items()
        ),
        tracking=(Tracking(number=f"1Z{number}", carrier="UPS"),),
    )


async def test_shipments_done_elsewhere(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    first = _shipment(order(), "A", {MUG: 2, TOTE: 1})
    second = _shipment(order(), "B", {TOTE: 2})
    async with connect(box) as odoo:
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(_wish(first, "fulfillment.create"))
        assert caught.value.reason == "unknown_order"
        await odoo.apply(command(order()))
        wish = _wish(first, "fulfillment.create")
        assert await odoo.find(wish) is None
        booked = await odoo.apply(wish)
        assert "backorder" in booked.note
        assert (await odoo.find(wish)).native_id == (await odoo.apply(wish)).native_id
        racing = _wish(second, "fulfillment.create")
        await asyncio.gather(*(odoo.apply(racing) for _ in range(3)), return_exceptions=True)
        last = await odoo.apply(racing)
        assert last.native_id != booked.native_id
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(_wish(_shipment(order(), "C", {MUG: 1}), "fulfillment.create"))
    assert caught.value.reason == "not_expected"
    made = report(box)
    assert [(each["state"], each["tracking"]) for each in made["pickings"]] == [
        ("done", "1ZA"),
        ("done", "1ZB"),
    ]
    assert made["stock"]["TOTE"]["WH"] == {"on_hand": 999_997.0, "reserved": 0.0}
    delivered = {line["sku"]: line["delivered"] for line in made["orders"][0]["lines"]}
    assert (delivered["MUG-BLUE"], delivered["TOTE"]) == (2, 3)


async def test_a_shipment_loses_its_answer_at_any_call(
    connect: Any, order: Any, command: Any
) -> None:
    shipment = _shipment(order(), "A", {MUG: 2, TOTE: 1})
    for n in range(20):
        box = OdooSandbox()
        async with connect(box) as odoo:
            await odoo.apply(command(order()))
            box.faults.append(Misbehaviour("lost_answer", 1, after=n))
            try:
                await odoo.apply(_wish(shipment, "fulfillment.create"))
            except crossdock.UnavailableError:
                wish = _wish(shipment, "fulfillment.create", 2)
                assert await odoo.find(wish) or await odoo.apply(wish)
        assert report(box)["stock"]["TOTE"]["WH"]["on_hand"] == 999_999.0
        assert [each["state"] for each in report(box)["pickings"]] == ["done", "assigned"]
        if box.faults and box.faults[0].count:
            break
    assert n >= 8


async def test_a_lot_is_asked_for(connect: Any, order: Any, command: Any) -> None:
    box = OdooSandbox()
    mug = box.store.by("product.product", "default_code", "MUG-BLUE")[0]["id"]
    box.store.update("product.product", mug, tracking="lot")
    async with connect(box) as odoo:
        await odoo.apply(command(order()))
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(_wish(_shipment(order(), "A", {MUG: 1}), "fulfillment.create"))
    assert caught.value.reason == "lot_required"


def _level(sku: str, on_hand: int | None, **more: Any) -> InventoryLevel:
    return InventoryLevel(
        id=entity_id("dc1", "inventory", sku),
        sku=sku,
        location=more.pop("location", "WH"),
        on_hand=None if on_hand is None else Decimal(on_hand),
        **more,
    )


async def test_counts_are_written(box: OdooSandbox, connect: Any, order: Any, command: Any) -> None:
    levels = [
        _level("MUG-BLUE", 70),
        _level("TOTE", None, available=Decimal(9)),
        _level("NOPE", 7),
        _level("TOTE", 7, location="MARS"),
        _level("TOTE", None),
        _level("SHIPPING", 1),
    ]
    async with connect(box) as odoo:
        await odoo.apply(command(order()))
        answers = await odoo.apply_many([_wish(each, "inventory.publish") for each in levels])
        again = await odoo.apply(_wish(levels[0], "inventory.publish", 2))
        assert await odoo.find(_wish(levels[0], "inventory.publish", 2)) is None
    assert [getattr(answer, "reason", None) for answer in answers[2:4]] == [
        "unknown_sku",
        "unknown_location",
    ]
    assert isinstance(answers[4], crossdock.ContractError)
    assert isinstance(answers[5], crossdock.RejectedError)
    assert answers[0].changed
    assert not again.changed
    stock = report(box)["stock"]
    assert stock["MUG-BLUE"]["WH"] == {"on_hand": 70.0, "reserved": 2.0}
    assert stock["TOTE"]["WH"] == {"on_hand": 12.0, "reserved": 3.0}


async def test_goods_that_move_while_they_are_counted(connect: Any) -> None:
    class Busy(OdooSandbox):
        times = 1

        def run(self, model: str, method: str, *args: Any, **named: Any) -> Any:
            if method == "action_apply_inventory" and self.times:
                self.times -= 1
                return {"res_model": "stock.inventory.conflict", "type": "ir.actions.act_window"}
            return super().run(model, method, *args, **named)

    box = Busy()
    async with connect(box) as odoo:
        assert (await odoo.apply(_wish(_level("TOTE", 5), "inventory.publish"))).changed
        box.times = 9
        with pytest.raises(crossdock.UnavailableError, match="moved 3 times"):
            await odoo.apply(_wish(_level("TOTE", 6), "inventory.publish"))
    assert report(box)["stock"]["TOTE"]["WH"]["on_hand"] == 5.0

"""Holding, releasing, cancelling, and totals made equal, against a real Odoo."""

from decimal import Decimal
from typing import Any

import crossdock
import pytest
from crossdock.canonical import Money, Totals


async def _order(odoo: Any, native: str) -> dict[str, Any]:
    (row,) = await odoo.rpc.read(
        "sale.order", [int(native)], ["state", "picking_ids", "amount_total"]
    )
    return row


async def _pickings(odoo: Any, native: str) -> list[str]:
    row = await _order(odoo, native)
    rows = await odoo.rpc.read("stock.picking", row["picking_ids"], ["state"])
    return sorted(found["state"] for found in rows)


async def test_an_order_is_held_and_released(lab: Any, connect: Any) -> None:
    order = lab.order()
    hold, release = lab.command(order, "order.hold"), lab.command(order, "order.release")
    async with connect() as odoo:
        made = await odoo.apply(lab.command(order))
        with lab.step("order.hold"):
            await odoo.apply(hold)
        assert (await _order(odoo, made.native_id))["state"] == "draft"
        assert await _pickings(odoo, made.native_id) == ["cancel"]
        assert await odoo.find(hold) is not None
        assert not (await odoo.apply(hold)).changed
        await odoo.apply(lab.command(order, "order.update"))
        assert (await _order(odoo, made.native_id))["state"] == "draft"
        with lab.step("order.release"):
            released = await odoo.apply(release)
        assert released.extra_ids == made.extra_ids
        assert (await _order(odoo, made.native_id))["state"] == "sale"
        assert await _pickings(odoo, made.native_id) == ["assigned", "cancel"]
        assert await odoo.find(release) is not None
        assert not (await odoo.apply(release)).changed


async def test_what_has_partly_left_is_held_and_released(lab: Any, connect: Any) -> None:
    order = lab.order()
    async with connect() as odoo:
        made = await odoo.apply(lab.command(order))
        row = await _order(odoo, made.native_id)
        moves = await odoo.rpc.search_read(
            "stock.move", [["picking_id", "in", row["picking_ids"]]], ["product_uom_qty"]
        )
        commands = [[1, move["id"], {"quantity": 1.0, "picked": True}] for move in moves[:1]] + [
            [1, move["id"], {"picked": False}] for move in moves[1:]
        ]
        await odoo.rpc.call(
            "stock.picking", "write", ids=row["picking_ids"], vals={"move_ids": commands}
        )
        await odoo.rpc.call(
            "stock.picking",
            "button_validate",
            ids=row["picking_ids"],
            context={"skip_backorder": True, "skip_sms": True},
        )
        held = await odoo.apply(lab.command(order, "order.hold"))
        assert "reserve nothing" in held.note
        assert await _pickings(odoo, made.native_id) == ["confirmed", "done"]
        await odoo.apply(lab.command(order, "order.release"))
        assert await _pickings(odoo, made.native_id) == ["assigned", "done"]


async def test_cancelling_before_and_after_shipping(lab: Any, connect: Any) -> None:
    """Up to 18, Odoo answers a wizard and cancels nothing unless the context says not to."""
    before, after = lab.order(), lab.order()
    async with connect() as odoo:
        first = await odoo.apply(lab.command(before))
        cancel = lab.command(before, "order.cancel")
        assert await odoo.find(cancel) is None
        assert (await odoo.apply(cancel)).changed
        assert (await _order(odoo, first.native_id))["state"] == "cancel"
        assert await _pickings(odoo, first.native_id) == ["cancel"]
        assert not (await odoo.apply(cancel)).changed
        assert await odoo.find(cancel) is not None
        second = await odoo.apply(lab.command(after))
        row = await _order(odoo, second.native_id)
        await odoo.rpc.call(
            "stock.picking", "button_validate", ids=row["picking_ids"], context={"skip_sms": True}
        )
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(lab.command(after, "order.cancel"))
        assert caught.value.reason == "already_shipped"
        assert (await _order(odoo, second.native_id))["state"] == "sale"


async def test_totals_are_compared(lab: Any, connect: Any) -> None:
    def total(amount: str) -> Totals:
        return Totals(total=Money(amount=Decimal(amount), currency="USD"))

    near, far = lab.order(totals=total("69.80")), lab.order(totals=total("60.00"))
    async with connect(max_total_difference="0.05", adjust_totals=True) as odoo:
        done, refused = await odoo.apply_many([lab.command(near), lab.command(far)])
        assert isinstance(refused, crossdock.RejectedError)
        assert refused.reason == "total_differs"
        assert (await _order(odoo, done.native_id))["amount_total"] == 69.8
        assert not (await odoo.apply(lab.command(near, "order.update"))).changed

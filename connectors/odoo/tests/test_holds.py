"""Orders held back and let go: quotations, confirmed ones, and what has partly left."""

from collections.abc import Callable
from typing import Any

import crossdock
import pytest
from crossdock.canonical import Order
from crossdock_odoo import sandbox_control
from crossdock_odoo.sandbox import Misbehaviour, OdooSandbox


def reserved(box: OdooSandbox) -> float:
    return sum(row["reserved_quantity"] for row in box.store.tables["stock.quant"].rows.values())


def state(box: OdooSandbox) -> str:
    return str(box.store.row("sale.order", 1)["state"])


async def test_a_confirmed_order_is_taken_back_and_let_go(
    box: OdooSandbox,
    connect: Callable[..., Any],
    order: Callable[..., Order],
    command: Callable[..., Any],
) -> None:
    hold, release = command(order(), "order.hold"), command(order(), "order.release")
    async with connect(box) as odoo:
        first = await odoo.apply(command(order()))
        assert await odoo.find(hold) is None
        held = await odoo.apply(hold)
        assert (state(box), reserved(box)) == ("draft", 0.0)
        assert await odoo.find(hold) is not None
        assert not (await odoo.apply(hold)).changed
        edited = await odoo.apply(command(order(), "order.update"))
        assert (state(box), "quotation" in edited.note) == ("draft", True)
        assert await odoo.find(release) is None
        released = await odoo.apply(release)
        assert await odoo.find(release) is not None
        assert await odoo.find(hold) is None
        again = await odoo.apply(release)
    assert (held.changed, released.changed, again.changed) == (True, True, False)
    assert released.extra_ids == first.extra_ids
    assert (state(box), reserved(box)) == ("sale", 5.0)
    pickings = box.store.tables["stock.picking"].rows.values()
    assert [row["state"] for row in pickings] == ["cancel", "assigned"]


async def test_what_has_partly_left_reserves_nothing_while_held(
    box: OdooSandbox,
    connect: Callable[..., Any],
    order: Callable[..., Order],
    command: Callable[..., Any],
) -> None:
    async with connect(box) as odoo:
        await odoo.apply(command(order()))
        sandbox_control.ship(box, two_parcels=1, seed=1)
        open_ = reserved(box)
        held = await odoo.apply(command(order(), "order.hold"))
        assert (state(box), reserved(box)) == ("sale", 0.0)
        assert "reserve nothing" in held.note
        await odoo.apply(command(order(), "order.release"))
    assert reserved(box) == open_ > 0


async def test_a_reason_of_its_own_keeps_an_order(
    connect: Callable[..., Any], order: Callable[..., Order], command: Callable[..., Any]
) -> None:
    box, suspect = OdooSandbox(), order(holds=("fraud",))
    async with connect(box) as odoo:
        await odoo.apply(command(suspect))
        await odoo.apply(command(suspect, "order.hold"))
        kept = await odoo.apply(command(suspect, "order.release"))
        assert (state(box), kept.changed) == ("draft", True)
        await odoo.apply(command(order(), "order.release"))
        assert state(box) == "sale"
        box.run("sale.order", "action_cancel", [1])
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(command(order(), "order.hold"))
    assert caught.value.reason == "order_is_cancel"


@pytest.mark.parametrize(
    "call",
    ["sale.order/action_cancel", "sale.order/action_draft", "ir.model.data/create",
     "sale.order/action_confirm", "ir.model.data/unlink"],
)  # fmt: skip
async def test_a_lost_answer_neither_loses_nor_ships_an_order(
    box: OdooSandbox,
    connect: Callable[..., Any],
    order: Callable[..., Order],
    command: Callable[..., Any],
    call: str,
) -> None:
    async with connect(box) as odoo:
        await odoo.apply(command(order()))
        for type_, wanted in (("order.hold", "draft"), ("order.release", "sale")):
            box.faults.append(Misbehaviour(kind="lost_answer", count=1, match=call))
            for attempt in (1, 2):
                try:
                    if attempt == 1 or await odoo.find(command(order(), type_, attempt)) is None:
                        await odoo.apply(command(order(), type_, attempt))
                except crossdock.UnavailableError:
                    continue
            box.faults.clear()
            assert state(box) == wanted
            assert await odoo.find(command(order(), type_, 3)) is not None


async def test_a_hold_that_odoo_refuses_leaves_no_mark(
    connect: Callable[..., Any], order: Callable[..., Order], command: Callable[..., Any]
) -> None:
    box = OdooSandbox()
    async with connect(box) as odoo:
        await odoo.apply(command(order()))
        box.store.begin()
        box.store.update("sale.order", 1, locked=True)
        with pytest.raises(crossdock.RejectedError, match="locked"):
            await odoo.apply(command(order(), "order.hold"))
        assert (state(box), reserved(box)) == ("sale", 5.0)
        assert not (await odoo.apply(command(order(), "order.update"))).changed

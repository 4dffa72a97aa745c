"""Holding an order back, and letting it go. Community Odoo has no hold; a quotation is one.

Nobody picks a quotation, no scheduler reserves for it. So an order that is to wait is kept as one:
not confirmed yet, or taken back by cancelling and drafting it when nothing of it has left. What has
partly left, or is being picked, cannot be taken back: there the open deliveries give back what they
reserve, and Odoo may reserve again.

A mark on the order says that it is held, so that an edit that comes meanwhile does not confirm it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import crossdock
from crossdock.canonical import Order

from crossdock_odoo import marks
from crossdock_odoo.externalids import own_name
from crossdock_odoo.orders import CONFIRMED, DRAFT, Orders, is_held

PICKING = "stock.picking"


@dataclass(frozen=True)
class Holds:
    """What `apply` and `find` do with `order.hold` and `order.release`."""

    orders: Orders

    async def hold(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Nothing of it shall leave until it is released.

        RejectedError: it is cancelled, or Odoo does not give it back (a locked order).
        """
        order = _order(command)
        native = await self.orders.look(command.entity_id)
        if native is None:
            return crossdock.Receipt(changed=False, note="was never created in Odoo")
        state = await self.orders.state(native)
        before = await is_marked(self.orders, command.entity_id)
        if before and command.attempt > 1 and state["state"] == "cancel":
            await _draft(self.orders, native)  # an earlier try of ours ended between the two
            state = await self.orders.state(native)
        if state["state"] not in CONFIRMED | DRAFT:
            self.orders.refuse_unless_confirmed(order, state)
        if not before:
            await marks.claim(
                self.orders.rpc,
                self.orders.namespace,
                _name(command.entity_id),
                "sale.order",
                native,
            )
        try:
            how = await hold_back(self.orders, native, state)
        except crossdock.RejectedError:
            if not before:
                await self._unmark(command.entity_id)  # it is not held, and shall not look so
            raise
        return crossdock.Receipt(
            native_id=str(native), changed=bool(how) or not before, note=_note(state, how)
        )

    async def release(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Confirm it, or reserve again; unless the order itself names a reason to wait."""
        order = _order(command)
        native = await self.orders.look(command.entity_id)
        if native is None:
            return crossdock.Receipt(changed=False, note="was never created in Odoo")
        state = await self.orders.state(native)
        marked = await is_marked(self.orders, command.entity_id)
        changed = marked
        if not is_held(order):
            if state["state"] in DRAFT:
                await self.orders.confirm(order, native, state["state"])
                changed = True
            elif marked:
                await reserve(self.orders, native)
        if marked:
            await self._unmark(command.entity_id)
        state = await self.orders.state(native)
        self.orders.refuse_unless_confirmed(order, state)
        lines = await self.orders.lines(command.entity_id, state["order_line"], ())
        receipt = self.orders.receipt(order, native, state, lines)
        return crossdock.Receipt(
            native_id=receipt.native_id,
            changed=changed,
            note=f"{receipt.note}, released",
            extra_ids=receipt.extra_ids,
        )

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """The receipt of an order that is held, or is not."""
        native = await self.orders.look(command.entity_id)
        if native is None:
            return None
        state = await self.orders.state(native)
        marked = await is_marked(self.orders, command.entity_id)
        if command.type == "order.release":
            done = state["state"] in CONFIRMED or is_held(command.data)
            if marked or not done:
                return None
            return crossdock.Receipt(native_id=str(native), note=f"{state['name']}, released")
        if not marked or state["state"] not in DRAFT:
            return None  # what reserves may have been reserved again: `apply` gives it back
        return crossdock.Receipt(native_id=str(native), note=_note(state, "a quotation"))

    async def _unmark(self, order_id: str) -> None:
        rpc = self.orders.rpc
        rows = await rpc.search_read(
            "ir.model.data",
            [
                ["module", "=", self.orders.namespace],
                ["name", "=", _name(order_id)],
                ["model", "=", "sale.order"],
            ],
            ["res_id"],
        )
        if rows:
            await rpc.call("ir.model.data", "unlink", ids=[row["id"] for row in rows])


async def is_marked(orders: Orders, order_id: str) -> bool:
    """Whether somebody asked for this order to be held."""
    found = await marks.marked(orders.rpc, orders.namespace, _name(order_id), "sale.order")
    return found is not None


async def hold_back(orders: Orders, native: int, state: Mapping[str, Any]) -> str:
    """Keep the rest of an order from leaving; how, in a word. Nothing for what is a quotation."""
    if state["state"] in DRAFT:
        return ""
    rpc = orders.rpc
    rows = await rpc.search_read(
        "stock.move",
        [
            ["sale_line_id", "in", state["order_line"]],
            ["state", "!=", "cancel"],
            ["picking_id.picking_type_id.code", "=", "outgoing"],
        ],
        ["picking_id", "state", "picked", "quantity"],
    )
    begun = [row for row in rows if row["state"] == "done" or row["picked"]]
    if begun:
        open_ = {row["picking_id"] for row in rows if row["state"] != "done" and row["quantity"]}
        if not open_:
            return ""
        await rpc.call(PICKING, "do_unreserve", ids=sorted(open_))
        return "its open deliveries reserve nothing"
    try:
        await rpc.call(
            "sale.order", "action_cancel", ids=[native], context={"disable_cancel_warning": True}
        )
    except crossdock.RejectedError:
        if (await orders.state(native))["state"] != "cancel":
            raise
    await _draft(orders, native)
    return "a quotation again"


async def _draft(orders: Orders, native: int) -> None:
    try:
        await orders.rpc.call("sale.order", "action_draft", ids=[native])
    except crossdock.RejectedError:
        if (await orders.state(native))["state"] not in DRAFT:
            raise


async def reserve(orders: Orders, native: int) -> None:
    """Open deliveries take again what they need."""
    rows = await orders.rpc.search_read(
        PICKING,
        [
            ["sale_id", "=", native],
            ["state", "not in", ["done", "cancel"]],
            ["picking_type_id.code", "=", "outgoing"],
        ],
        ["state"],
    )
    if rows:
        await orders.rpc.call(PICKING, "action_assign", ids=[row["id"] for row in rows])


def _order(command: crossdock.Command[Any]) -> Order:
    if not isinstance(command.data, Order):
        raise crossdock.ContractError(f"{command.type} needs an Order")
    return command.data


def _name(order_id: str) -> str:
    return own_name(order_id, "hold")


def _note(state: Mapping[str, Any], how: str) -> str:
    return f"{state['name']}, held" + (f": {how}" if how else "")

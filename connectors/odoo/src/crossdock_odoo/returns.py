"""Goods that are to come back: an announced return becomes the return picking of the delivery.

Odoo makes it by its own wizard, `stock.return.picking` (recordings, flow 10), which does not know
external ids. So that a lost answer makes no second one, the wizard is told to write the return's
id into the tracking reference, in the same transaction; the picking is then claimed by a mark, and
gets the real tracking number. What bears the id and is not claimed was left by a call whose answer
was lost: it is claimed instead of making another, or cancelled when there is one. Nothing has
moved by then, for goods move when they are received (`crossdock_odoo.receipts`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import crossdock
from crossdock.canonical import Return

from crossdock_odoo import marks
from crossdock_odoo.delivered import Delivered, by_line, delivered, exact, order_of, spread
from crossdock_odoo.externalids import own_name
from crossdock_odoo.orders import Orders

PICKING = "stock.picking"
TRACKING = "carrier_tracking_ref"
OPEN = ("draft", "waiting", "confirmed", "partially_available", "assigned")


@dataclass(frozen=True)
class Returns:
    """What `apply` and `find` do with `return.create` and `return.cancel`."""

    orders: Orders

    async def create(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Expect back what was agreed. RejectedError: the customer has not got it from us."""
        asked = command.data
        if not isinstance(asked, Return):
            raise crossdock.ContractError("return.create needs a Return")
        wanted = agreed(asked)
        if asked.keep_goods or not wanted or asked.cancelled_at is not None:
            why = "the customer keeps the goods" if asked.keep_goods else "nothing is to come back"
            return crossdock.Receipt(changed=False, note=f"{asked.number}: {why}")
        order_id, native = await order_of(self.orders, command, asked.order, "return")
        out = await delivered(self.orders, order_id, native)
        made = await self._standing(command.entity_id, out)
        left = _less(wanted, out, made)
        if left:
            out, made = await self._heal(command, out, made, wanted)
            left = _less(wanted, out, made)
        plan, too_much = spread(left, out.moves)
        if too_much:
            raise self._not_delivered(asked, out, wanted, too_much)
        for picking, quantities in plan.items():
            if picking in made:
                raise crossdock.RejectedError(
                    f"return {asked.number}: stock.picking {made[picking]}, which we made for it, "
                    "was cancelled or reduced in Odoo. Create the return there by hand, or cancel "
                    "it at the channel",
                    reason="return_changed",
                    parts={"native_id": made[picking]},
                )
            name = own_name(command.entity_id, "return", picking)
            made[picking] = await self.expect(command.entity_id, name, picking, quantities)
        return await self._receipt(asked, made, changed=bool(plan))

    async def cancel(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Nothing is to come back after all. RejectedError: some of it has."""
        asked = command.data
        if not isinstance(asked, Return):
            raise crossdock.ContractError("return.cancel needs a Return")
        _, made = await self._made(command, asked)
        rows = await self.orders.rpc.read(PICKING, sorted(made.values()) or [0], ["state", "name"])
        done = [row["name"] for row in rows if row["state"] == "done"]
        if done:
            raise crossdock.RejectedError(
                f"return {asked.number}: {', '.join(done)} has arrived already, so it cannot be "
                "cancelled. Send the goods out again in Odoo",
                reason="already_received",
                parts={"pickings": done},
            )
        open_ = [row["id"] for row in rows if row["state"] in OPEN]
        if open_:
            await self.orders.rpc.call(PICKING, "action_cancel", ids=open_)
        note = f"{asked.number}: cancelled" if open_ else f"{asked.number}: nothing was open"
        native = str(min(made.values())) if made else None
        return crossdock.Receipt(native_id=native, changed=bool(open_), note=note)

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """The receipt of a return that is expected whole, or cancelled whole."""
        asked = command.data
        try:
            out, made = await self._made(command, asked)
        except crossdock.RejectedError:
            return None  # without the order there is nothing of it, either
        if command.type == "return.cancel":
            rows = await self.orders.rpc.read(PICKING, sorted(made.values()) or [0], ["state"])
            if rows and all(row["state"] == "cancel" for row in rows):
                return await self._receipt(asked, made, changed=True)
            return None
        wanted = agreed(asked)
        if not wanted or not made or _less(wanted, out, made):
            return None
        return await self._receipt(asked, made, changed=True)

    async def expect(
        self, stamp: str, name: str, picking: int, quantities: Mapping[int, Decimal]
    ) -> int:
        """The return picking of a delivery for these quantities by move, claimed under `name`."""
        rpc = self.orders.rpc
        version = await rpc.version()
        (wizard,) = await rpc.call(
            "stock.return.picking",
            "create",
            vals_list=[{"picking_id": picking}],
            context={"active_id": picking, "active_ids": [picking], "active_model": PICKING},
        )
        (row,) = await rpc.read("stock.return.picking", [wizard], ["product_return_moves"])
        lines = await rpc.read(
            "stock.return.picking.line", row["product_return_moves"], ["move_id", "quantity"]
        )
        groups: dict[Decimal, list[int]] = {}
        for line in lines:  # 17 proposes all, later ones nothing
            quantity = quantities.get(line["move_id"], Decimal(0))
            if exact(line["quantity"]) != quantity:
                groups.setdefault(quantity, []).append(line["id"])
        for quantity, ids in groups.items():
            await rpc.call(
                "stock.return.picking.line", "write", ids=ids, vals={"quantity": float(quantity)}
            )
        stamped = await self.orders.has_tracking()
        answer = await rpc.call(
            "stock.return.picking",
            "action_create_returns" if version.major >= 18 else "create_returns",
            ids=[wizard],
            context={f"default_{TRACKING}": stamp} if stamped else {},
        )
        made = answer.get("res_id") if isinstance(answer, dict) else None
        if not isinstance(made, int):
            raise crossdock.RejectedError(
                f"the return wizard of Odoo for stock.picking {picking} made no return. "
                "Create it in Odoo by hand",
                reason="no_return",
                parts={"picking": picking},
            )
        return await self._claim(name, made)

    async def _claim(self, name: str, made: int) -> int:
        rpc = self.orders.rpc
        claimed = await marks.claim(rpc, self.orders.namespace, name, PICKING, made)
        if claimed != made:
            await rpc.call(PICKING, "action_cancel", ids=[made])
        elif await self.orders.has_tracking():
            await rpc.call(PICKING, "write", ids=[made], vals={TRACKING: False})
        return claimed

    async def _made(
        self, command: crossdock.Command[Any], asked: Return
    ) -> tuple[Delivered, dict[int, int]]:
        order_id, native = await order_of(self.orders, command, asked.order, "return")
        out = await delivered(self.orders, order_id, native)
        return out, await self._standing(command.entity_id, out)

    async def _standing(self, return_id: str, out: Delivered) -> dict[int, int]:
        """Return pickings of this return by the delivery they reverse; cancelled ones, too."""
        rpc = self.orders.rpc
        if not out.pickings:
            return {}
        rows = await rpc.search_read(PICKING, [["return_id", "in", out.pickings]], ["return_id"])
        names = await marks.all_names(
            rpc, self.orders.namespace, PICKING, [row["id"] for row in rows]
        )
        sources = {row["id"]: row["return_id"] for row in rows}
        return {
            sources[record]: record
            for record, name in names
            if name == own_name(return_id, "return", sources[record])
        }

    async def _heal(
        self,
        command: crossdock.Command[Any],
        out: Delivered,
        made: dict[int, int],
        wanted: Mapping[str, Decimal],
    ) -> tuple[Delivered, dict[int, int]]:
        """Claim what a lost answer left; cancel what is left twice."""
        strays = await self.strays(command.entity_id, out, command.attempt, wanted)
        made = dict(made)
        for stray, source in strays.items():
            if source in made:
                await self.orders.rpc.call(PICKING, "action_cancel", ids=[stray])
            else:
                name = own_name(command.entity_id, "return", source)
                made[source] = await self._claim(name, stray)
        if strays:
            order_id, native = await order_of(self.orders, command, command.data.order, "return")
            out = await delivered(self.orders, order_id, native)
        return out, made

    async def strays(
        self, stamp: str, out: Delivered, attempt: int, wanted: Mapping[str, Decimal]
    ) -> dict[int, int]:
        """Open returns that a lost answer of ours left, by id, with the delivery they reverse.

        Without the module stock_delivery there is no tracking reference to write an id into: then
        those nobody has claimed, that bring back exactly what is wanted, after a first try.
        """
        if not out.pickings:
            return {}
        rpc = self.orders.rpc
        domain: list[Any] = [["return_id", "in", out.pickings], ["state", "in", list(OPEN)]]
        stamped = await self.orders.has_tracking()
        if stamped:
            domain.append([TRACKING, "=", stamp])
        elif attempt == 1:
            return {}
        rows = await rpc.search_read(PICKING, domain, ["return_id"], order="id")
        taken = await marks.names(rpc, self.orders.namespace, PICKING, [r["id"] for r in rows])
        free = {row["id"]: row["return_id"] for row in rows if row["id"] not in taken}
        if stamped:
            return free
        return {
            stray: source
            for stray, source in free.items()
            if by_line((m.line, m.expected) for m in out.backward if m.picking == stray) == wanted
        }

    def _not_delivered(
        self,
        asked: Return,
        out: Delivered,
        wanted: Mapping[str, Decimal],
        too_much: Mapping[str, Decimal],
    ) -> crossdock.RejectedError:
        has = by_line((move.line, move.out) for move in out.moves)
        told = ", ".join(
            f"{line}: {wanted.get(line, many):f} of {has.get(line, Decimal(0)):f}"
            for line, many in too_much.items()
        )
        return crossdock.RejectedError(
            f"return {asked.number}: more is to come back than {out.name} has delivered and not "
            f"yet taken back (asked, of what is out, by line: {told}). Book the delivery first, or "
            "correct the return",
            reason="not_delivered",
            parts={"native_id": out.order, "lines": sorted(too_much)},
        )

    async def _receipt(
        self, asked: Return, made: Mapping[int, int], *, changed: bool
    ) -> crossdock.Receipt:
        rpc = self.orders.rpc
        ids = sorted(made.values())
        rows = await rpc.read(PICKING, ids, ["name", "state"])
        tracking = ", ".join(parcel.number for parcel in asked.tracking if parcel.number)
        if tracking and await self.orders.has_tracking():
            open_ = [row["id"] for row in rows if row["state"] in OPEN]
            if open_ and changed:
                await rpc.call(PICKING, "write", ids=open_, vals={TRACKING: tracking})
        told = ", ".join(f"{row['name']} {row['state']}" for row in rows)
        return crossdock.Receipt(
            native_id=str(ids[0]), changed=changed, note=f"{asked.number}: {told}"
        )


def agreed(asked: Return) -> dict[str, Decimal]:
    """What is to come back, by line: what was authorised, else what was asked and not declined."""
    pairs = (
        (line.line_id, line.authorised or line.requested - line.declined) for line in asked.lines
    )
    return {line: many for line, many in by_line(pairs).items() if many > 0}


def _less(
    wanted: Mapping[str, Decimal], out: Delivered, made: Mapping[int, int]
) -> dict[str, Decimal]:
    """What no return picking of this return, nor a backorder of one, expects or has brought."""
    ours = set(made.values())
    there = by_line(
        (move.line, move.arrived if move.state == "done" else move.expected)
        for move in out.backward
        if out.roots.get(move.picking) in ours
    )
    left = {line: many - there.get(line, Decimal(0)) for line, many in wanted.items()}
    return {line: many for line, many in left.items() if many > 0}

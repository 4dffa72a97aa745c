"""A shipment done elsewhere, booked into Odoo's delivery of the order.

Once: the delivery is claimed by an external id of ours (unique in Odoo) before anything is booked,
so a second try finds the same one, and what is already done stays so. Quantities and tracking are
one write; `button_validate` then leaves what is missing in a backorder (recordings, flow 08).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import crossdock
from crossdock.canonical import Fulfillment

from crossdock_odoo.externalids import line_id_of
from crossdock_odoo.mapping import plain
from crossdock_odoo.orders import Orders
from crossdock_odoo.pickings import is_done, validate

OPEN = ("draft", "waiting", "confirmed", "partially_available", "assigned")


@dataclass(frozen=True)
class Shipping:
    """What `apply` and `find` do with `fulfillment.create`."""

    orders: Orders

    async def create(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Book what left. RejectedError: Odoo does not expect it to leave."""
        shipment = command.data
        if not isinstance(shipment, Fulfillment):
            raise crossdock.ContractError("fulfillment.create needs a Fulfillment")
        if not shipment.lines:
            raise crossdock.ContractError("fulfillment.create: the shipment has no lines")
        picking = await self._claimed(command.entity_id)
        if picking is not None and await is_done(self.orders.rpc, picking):
            return await self._receipt(picking, changed=False)
        order_id, native = await self._order(command, shipment)
        moves = await self._moves(order_id, native)
        if picking is None:
            picking = self._choose(shipment, moves)
            picking = await self._claim(command.entity_id, picking)
        await self._book(shipment, picking, [m for m in moves if m["picking_id"] == picking])
        await validate(self.orders.rpc, picking, "the shipment")
        return await self._receipt(picking, changed=True)

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """The receipt of a shipment that is booked."""
        picking = await self._claimed(command.entity_id)
        if picking is None or not await is_done(self.orders.rpc, picking):
            return None
        return await self._receipt(picking, changed=True)

    async def _claimed(self, shipment_id: str) -> int | None:
        rows = await self.orders.rpc.search_read(
            "ir.model.data",
            [
                ["module", "=", self.orders.namespace],
                ["name", "=", shipment_id],
                ["model", "=", "stock.picking"],
            ],
            ["res_id"],
        )
        return rows[0]["res_id"] if rows else None

    async def _claim(self, shipment_id: str, picking: int) -> int:
        """Whoever claims first decides; the others book into the same delivery."""
        mark = {
            "module": self.orders.namespace,
            "name": shipment_id,
            "model": "stock.picking",
            "res_id": picking,
            "noupdate": True,
        }
        try:
            await self.orders.rpc.call("ir.model.data", "create", vals_list=[mark])
        except crossdock.RejectedError:
            claimed = await self._claimed(shipment_id)
            if claimed is None:
                raise
            return claimed
        return picking

    async def _order(
        self, command: crossdock.Command[Any], shipment: Fulfillment
    ) -> tuple[str, int]:
        order_id = shipment.order.id or ""
        native = await self.orders.look(order_id) if order_id else None
        told = command.native_id(order_id) or shipment.order.native_id
        if native is None and told and told.isdigit():
            native = int(told)
        if native is None:
            raise crossdock.RejectedError(
                f"the order {order_id or told} of this shipment is not in Odoo. Retry when it is",
                reason="unknown_order",
                parts={"order": order_id},
            )
        return order_id, native

    async def _moves(self, order_id: str, native: int) -> list[dict[str, Any]]:
        """What is still to leave, each with our id of its line."""
        rpc = self.orders.rpc
        state = await self.orders.state(native)
        moves = await rpc.search_read(
            "stock.move",
            [
                ["sale_line_id", "in", state["order_line"]],
                ["state", "in", list(OPEN)],
                ["picking_id.picking_type_id.code", "=", "outgoing"],
            ],
            [
                "picking_id",
                "product_id",
                "product_uom_qty",
                "quantity",
                "sale_line_id",
                "location_id",
                "location_dest_id",
            ],
            order="picking_id, id",
        )
        lines = sorted({move["sale_line_id"] for move in moves})
        names = await rpc.search_read(
            "ir.model.data",
            [
                ["module", "=", self.orders.namespace],
                ["model", "=", "sale.order.line"],
                ["res_id", "in", lines],
            ],
            ["name", "res_id"],
        )
        ours = {row["res_id"]: line_id_of(order_id, row["name"]) for row in names}
        for move in moves:
            native_line = move["sale_line_id"]
            move["line"] = ours.get(native_line) or f"odoo:{native_line}"
        return moves

    def _choose(self, shipment: Fulfillment, moves: Sequence[Mapping[str, Any]]) -> int:
        """The first delivery that expects all of it."""
        for picking in dict.fromkeys(move["picking_id"] for move in moves):
            here = _open_by_line([move for move in moves if move["picking_id"] == picking])
            if all(here.get(line, Decimal(0)) >= many for line, many in _asked(shipment).items()):
                return int(picking)
        expected = _open_by_line(moves)
        asked = ", ".join(
            f"{line}: {many:f} of {expected.get(line, Decimal(0)):f}"
            for line, many in _asked(shipment).items()
        )
        raise crossdock.RejectedError(
            "no open delivery in Odoo expects this shipment to leave (left, of expected, by line: "
            f"{asked}). If it was booked in Odoo by hand, resolve this; else correct the delivery",
            reason="not_expected",
            parts={"shipment": shipment.id},
        )

    async def _book(
        self, shipment: Fulfillment, picking: int, moves: Sequence[Mapping[str, Any]]
    ) -> None:
        """What left is picked, the rest is not; the same again if written twice."""
        left = _asked(shipment)
        lots = await self._lots(shipment, moves)
        commands: list[Any] = []
        for move in moves:
            part = min(left.get(move["line"], Decimal(0)), _exact(move["product_uom_qty"]))
            left[move["line"]] = left.get(move["line"], Decimal(0)) - part
            values: dict[str, Any] = {"quantity": float(part), "picked": part > 0}
            if move["id"] in lots and part:
                values = {"picked": True, "move_line_ids": _lot_lines(move, lots[move["id"]], part)}
            elif not part:
                values = {"picked": False}
            commands.append([1, move["id"], values])
        vals: dict[str, Any] = {"move_ids": commands}
        tracking = ", ".join(parcel.number for parcel in shipment.tracking if parcel.number)
        if tracking and await self.orders.has_tracking():
            vals["carrier_tracking_ref"] = tracking
        await self.orders.rpc.call("stock.picking", "write", ids=[picking], vals=vals)

    async def _lots(
        self, shipment: Fulfillment, moves: Sequence[Mapping[str, Any]]
    ) -> dict[int, int]:
        """The lot by move, where a product is tracked. RejectedError: none is told, or unknown."""
        rpc = self.orders.rpc
        wanted = [move for move in moves if move["line"] in _asked(shipment)]
        products = await rpc.read(
            "product.product",
            sorted({move["product_id"] for move in wanted}) or [0],
            ["tracking", "default_code"],
        )
        tracked = {row["id"]: row for row in products if row["tracking"] != "none"}
        told = {line.line_id: getattr(line, "lot", None) for line in shipment.lines}
        lots: dict[int, int] = {}
        for move in wanted:
            product = tracked.get(move["product_id"])
            if product is None:
                continue
            lot = told.get(move["line"])
            found = await rpc.search_read(
                "stock.lot",
                [["product_id", "=", product["id"]], ["name", "=", lot or False]],
                ["name"],
                limit=1,
            )
            if not found:
                said = f"Odoo knows no lot {lot!r} of it" if lot else "the shipment names no lot"
                raise crossdock.RejectedError(
                    f"{product['default_code']} is tracked by lot in Odoo, and {said}. "
                    "Validate the delivery in Odoo by hand, with its lots",
                    reason="lot_required",
                    parts={"sku": product["default_code"], "lot": lot},
                )
            lots[move["id"]] = found[0]["id"]
        return lots

    async def _receipt(self, picking: int, *, changed: bool) -> crossdock.Receipt:
        rows = await self.orders.rpc.read("stock.picking", [picking], ["name", "backorder_ids"])
        note = f"{rows[0]['name']}, done"
        if rows[0]["backorder_ids"]:
            note += ", the rest waits in a backorder"
        return crossdock.Receipt(native_id=str(picking), changed=changed, note=note)


def _asked(shipment: Fulfillment) -> dict[str, Decimal]:
    asked: dict[str, Decimal] = {}
    for line in shipment.lines:
        asked[line.line_id] = asked.get(line.line_id, Decimal(0)) + line.quantity
    return asked


def _open_by_line(moves: Sequence[Mapping[str, Any]]) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for move in moves:
        found[move["line"]] = found.get(move["line"], Decimal(0)) + _exact(move["product_uom_qty"])
    return found


def _exact(value: float) -> Decimal:
    return plain(Decimal(repr(value)).quantize(Decimal("0.000001")))


def _lot_lines(move: Mapping[str, Any], lot: int, quantity: Decimal) -> list[Any]:
    line = {
        "product_id": move["product_id"],
        "lot_id": lot,
        "quantity": float(quantity),
        "location_id": move["location_id"],
        "location_dest_id": move["location_dest_id"],
        "picking_id": move["picking_id"],
    }
    return [[5, 0, 0], [0, 0, line]]

"""An order that changed after it reached Odoo: quantities, lines added and removed, address, hold.

A quotation is written anew. Of a confirmed order only the lines that differ are written, in one
`load` keyed on external ids, so that a second try changes nothing; what is no longer wanted gets
quantity 0, for Odoo keeps the lines of a confirmed order (recordings 09/08 to 10).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import crossdock
from crossdock.canonical import Order
from crossdock.jsontext import shorten

from crossdock_odoo import saleorder
from crossdock_odoo.holds import hold_back, is_marked
from crossdock_odoo.loading import load
from crossdock_odoo.mapping import plain
from crossdock_odoo.orders import DRAFT, STATE, Orders, is_held
from crossdock_odoo.preparing import Prepared

Row = dict[str, str]


@dataclass(frozen=True)
class Edits:
    """What `apply` and `find` do with `order.update`."""

    orders: Orders

    async def update(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Bring Odoo's order to what the channel says now. RejectedError: goods have left."""
        order = command.data
        if not isinstance(order, Order) or not order.id:
            raise crossdock.ContractError("order.update needs an Order with its canonical id")
        orders, order_id = self.orders, order.id
        native = await orders.look(order_id)
        if native is None:
            return crossdock.Receipt(changed=False, note="was never created in Odoo")
        if not is_held(order) and await is_marked(orders, order_id):
            order = order.model_copy(update={"holds": ("held by order.hold",)})
        state = await self._state(native)
        if state["state"] == "cancel":
            orders.refuse_unless_confirmed(order, state)
        if state["state"] in DRAFT:
            return await self._draft(order, native)
        rows, contacts = await self._difference(order, state)
        moved = state["partner_shipping_id"] != contacts.get("ship_to", 0)
        if rows:
            if state["locked"]:
                raise crossdock.RejectedError(
                    f"{state['name']} is locked in Odoo. Unlock it there, then retry",
                    reason="locked",
                    parts={"native_id": native},
                )
            await load(orders.rpc, "sale.order", rows)
        await self._deliveries(order, native, contacts["ship_to"] if moved else None)
        held = ""
        if is_held(order):
            held = await hold_back(orders, native, await orders.state(native))
        elif rows:
            await orders.adjust(order, await orders.state(native))
        state = await orders.state(native)
        lines = await orders.lines(order_id, state["order_line"], ())
        what = f"{len(rows)} lines changed" if rows else "nothing to change"
        what += f", held: {held}" if held else ""
        return crossdock.Receipt(
            native_id=str(native),
            changed=bool(rows or held),
            note=f"{state['name']}, {what}, total {state['amount_total']:.2f}",
            extra_ids=lines,
        )

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """None when something is left to be changed."""
        native = await self.orders.look(command.entity_id)
        if native is None:
            return None
        state = await self._state(native)
        if state["state"] in DRAFT or state["state"] == "cancel" or is_held(command.data):
            return None
        if (await self._difference(command.data, state))[0]:
            return None
        return await self.update(command)

    async def _state(self, native: int) -> dict[str, Any]:
        fields = [*STATE, "locked", "partner_shipping_id", "partner_invoice_id"]
        rows = await self.orders.rpc.read("sale.order", [native], fields)
        return rows[0] if rows else await self.orders.state(native)

    async def _draft(self, order: Order, native: int) -> crossdock.Receipt:
        """Write it anew, take away lines of ours that are wanted no more, confirm unless held."""
        orders = self.orders
        _, names = await orders.load(order)
        ours = await self._ours((await orders.state(native))["order_line"])
        gone = [record for name, record in ours.items() if name not in names]
        if gone:
            await orders.rpc.call("sale.order.line", "unlink", ids=gone)
        return await orders.confirm(order, native, "draft", names)

    async def _ours(self, lines: Sequence[int]) -> dict[str, int]:
        """Ids of those lines that we wrote, by the name of their external id."""
        rows = await self.orders.rpc.search_read(
            "ir.model.data",
            [
                ["module", "=", self.orders.namespace],
                ["model", "=", "sale.order.line"],
                ["res_id", "in", list(lines)],
            ],
            ["name", "res_id"],
        )
        return {row["name"]: row["res_id"] for row in rows}

    async def _difference(
        self, order: Order, state: Mapping[str, Any]
    ) -> tuple[list[Row], dict[str, int]]:
        """Rows for `load` of what differs in a confirmed order; and where it goes."""
        orders = self.orders
        ready = await orders.preparer.prepare(order, empty=True)
        who = ready.parties
        ids = await orders.contacts(who.rows)
        places = {"ship_to": who.ship_to, "invoice_to": who.invoice_to}
        contacts = {what: ids[who.rows[place]["id"]] for what, place in places.items()}
        ours = await self._ours(state["order_line"])
        tax_field = ready.names.tax_field
        fields = ["product_id", "name", "product_uom_qty", "price_unit", "qty_delivered"]
        found = await orders.rpc.read(
            "sale.order.line", sorted(ours.values()) or [0], [*fields, tax_field, "is_delivery"]
        )
        now = {row["id"]: row for row in found}
        rows: list[Row] = []
        full = [row for row in _rows(ready) if "order_line/id" in row]
        for position, row in zip(ready.lines, full, strict=True):
            line = now.get(ours.get(position.name, 0))
            if line is None:
                rows.append(row)
                continue
            self._refuse_impossible(order, state, position, line, ready.names)
            if _differs(position, row, line, tax_field):
                rows.append(row)
        wanted = {position.name for position in ready.lines}
        wanted.add(saleorder.difference_name(order.id or ""))
        for name, record in ours.items():
            line = now.get(record)
            if name not in wanted and line is not None and line["product_uom_qty"]:
                if line["qty_delivered"]:
                    raise _left(order, state, line, Decimal(0))
                rows.append(self._emptied(name, line, tax_field))
        head = {"id": f"{orders.namespace}.{order.id}"}
        for field in ("partner_shipping_id", "partner_invoice_id"):
            target = contacts["ship_to" if "shipping" in field else "invoice_to"]
            if state[field] != target:
                head[f"{field}/.id"] = str(target)
        if not rows and len(head) == 1:
            return [], contacts
        first, *rest = rows or [{}]
        return [{**head, **first}, *rest], contacts

    def _refuse_impossible(
        self,
        order: Order,
        state: Mapping[str, Any],
        position: saleorder.Position,
        line: Mapping[str, Any],
        names: saleorder.Names,
    ) -> None:
        if position.quantity < _number(line["qty_delivered"]):
            raise _left(order, state, line, position.quantity)
        if line["product_id"] != names.products[position.sku]:
            raise crossdock.RejectedError(
                f"{state['name']}, line {position.text!r}: the product was changed to "
                f"{position.sku!r}, and Odoo keeps that of a confirmed line. Set its quantity to 0 "
                "in Odoo and add a line there",
                reason="product_changed",
                parts={"native_id": state["id"], "sku": position.sku},
            )

    def _emptied(self, name: str, line: Mapping[str, Any], tax_field: str) -> Row:
        """All cells, for an empty one would be written as empty."""
        return {
            "order_line/id": f"{self.orders.namespace}.{name}",
            "order_line/product_id/.id": str(line["product_id"]),
            "order_line/name": str(line["name"]),
            "order_line/product_uom_qty": "0",
            "order_line/price_unit": f"{_number(line['price_unit']):f}",
            "order_line/discount": "0",
            f"order_line/{tax_field}/.id": ",".join(map(str, line[tax_field])),
            "order_line/is_delivery": "1" if line["is_delivery"] else "0",
        }

    async def _deliveries(self, order: Order, native: int, ship_to: int | None) -> None:
        """Open deliveries follow the address, and take what they need."""
        rpc = self.orders.rpc
        open_ = await rpc.search_read(
            "stock.picking",
            [
                ["sale_id", "=", native],
                ["state", "not in", ["done", "cancel"]],
                ["picking_type_id.code", "=", "outgoing"],
            ],
            ["state"],
        )
        ids = [row["id"] for row in open_]
        if ids and ship_to is not None:
            await rpc.call("stock.picking", "write", ids=ids, vals={"partner_id": ship_to})
        waiting = [row["id"] for row in open_ if row["state"] == "confirmed"]
        if waiting and not is_held(order):
            await rpc.call("stock.picking", "action_assign", ids=waiting)


def _rows(ready: Prepared) -> Sequence[Row]:
    """The lines' cells alone."""
    contacts = {row["id"]: 0 for row in ready.parties.rows}
    return [
        {column: cell for column, cell in row.items() if column.startswith("order_line/")}
        for row in ready.rows(contacts)
    ]


def _differs(
    position: saleorder.Position, row: Row, line: Mapping[str, Any], tax_field: str
) -> bool:
    taxes = sorted(str(tax) for tax in line[tax_field])
    return (
        position.quantity != _number(line["product_uom_qty"])
        or position.price != _number(line["price_unit"])
        or taxes != sorted(filter(None, row[f"order_line/{tax_field}/.id"].split(",")))
    )


def _number(value: float) -> Decimal:
    return plain(Decimal(repr(value)).quantize(Decimal("0.0000000001")))


def _left(
    order: Order, state: Mapping[str, Any], line: Mapping[str, Any], wanted: Decimal
) -> crossdock.RejectedError:
    return crossdock.RejectedError(
        f"{state['name']}, our order {order.number}: {_number(line['qty_delivered']):f} of "
        f"{shorten(line['name'])} have left, and {wanted:f} are wanted now. "
        "Create a return in Odoo",
        reason="already_shipped",
        parts={"native_id": state["id"], "line": line["id"]},
    )

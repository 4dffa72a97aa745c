"""What of an order has left, what has come back, what is on its way back. Only read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import crossdock
from crossdock.canonical import EntityRef

from crossdock_odoo import marks
from crossdock_odoo.externalids import line_id_of
from crossdock_odoo.mapping import plain
from crossdock_odoo.orders import Orders


@dataclass(frozen=True, kw_only=True)
class Move:
    """One done move of a delivery."""

    id: int
    picking: int
    product: int
    line: str
    """The line's id at the channel, or `odoo:<id>`."""
    quantity: Decimal
    back: Decimal
    """What of it came back or is expected back."""

    @property
    def out(self) -> Decimal:
        """What the customer still has."""
        return self.quantity - self.back


@dataclass(frozen=True, kw_only=True)
class Backward:
    """A move of a return: goods on their way back, or back."""

    id: int
    picking: int
    product: int
    line: str
    expected: Decimal
    arrived: Decimal
    state: str
    source: int
    destination: int
    origin: int
    """The move of the delivery that it reverses."""


@dataclass(frozen=True, kw_only=True)
class Delivered:
    """One order: its deliveries that left, and their returns."""

    order: int
    name: str
    moves: tuple[Move, ...]
    backward: tuple[Backward, ...]
    roots: Mapping[int, int]
    """Returns to the one that they are a backorder of, or to themselves."""

    @property
    def pickings(self) -> list[int]:
        """Deliveries that left."""
        return sorted({move.picking for move in self.moves})

    @property
    def returns(self) -> list[int]:
        """Pickings that bring something back."""
        return sorted({move.picking for move in self.backward})


async def order_of(
    orders: Orders, command: crossdock.Command[Any], order: EntityRef | None, what: str
) -> tuple[str, int]:
    """Canonical and database id of the order meant. RejectedError: Odoo does not have it."""
    order_id = (order.id if order else None) or ""
    native = await orders.look(order_id) if order_id else None
    told = command.native_id(order_id) or (order.native_id if order else None)
    if native is None and told and told.isdigit():
        native = int(told)
    if native is None:
        raise crossdock.RejectedError(
            f"the order {order_id or told or '(none is named)'} of this {what} is not in Odoo. "
            "Retry when it is",
            reason="unknown_order",
            parts={"order": order_id},
        )
    return order_id, native


async def delivered(orders: Orders, order_id: str, native: int) -> Delivered:
    """What left, what came back, our names of the lines; up to six calls."""
    rpc = orders.rpc
    state = await orders.state(native)
    rows = await rpc.search_read(
        "stock.move",
        [
            ["sale_line_id", "in", state["order_line"]],
            ["state", "=", "done"],
            ["picking_id.picking_type_id.code", "=", "outgoing"],
        ],
        ["picking_id", "product_id", "quantity", "sale_line_id"],
        order="picking_id, id",
    )
    told = await rpc.search_read(
        "stock.move",
        [
            ["origin_returned_move_id", "in", [row["id"] for row in rows]],
            ["state", "!=", "cancel"],
        ],
        [
            "picking_id",
            "product_id",
            "quantity",
            "product_uom_qty",
            "state",
            "location_id",
            "location_dest_id",
            "origin_returned_move_id",
        ],
        order="picking_id, id",
    )
    names = await marks.names(
        rpc, orders.namespace, "sale.order.line", [row["sale_line_id"] for row in rows]
    )
    lines: dict[int, str] = {}
    for row in rows:
        sale_line = row["sale_line_id"]
        known = line_id_of(order_id, names[sale_line]) if sale_line in names else None
        lines[row["id"]] = known or f"odoo:{sale_line}"
    backward = [_backward(row, lines) for row in told]
    back: dict[int, Decimal] = {}
    for move in backward:
        moved = move.arrived if move.state == "done" else move.expected
        back[move.origin] = back.get(move.origin, Decimal(0)) + moved
    chain = (
        await rpc.read(
            "stock.picking", sorted({row["picking_id"] for row in told}), ["backorder_id"]
        )
        if told
        else []
    )
    before = {row["id"]: row["backorder_id"] for row in chain}
    moves = tuple(
        Move(
            id=row["id"],
            picking=row["picking_id"],
            product=row["product_id"],
            line=lines[row["id"]],
            quantity=exact(row["quantity"]),
            back=back.get(row["id"], Decimal(0)),
        )
        for row in rows
    )
    return Delivered(
        order=native,
        name=str(state["name"]),
        moves=moves,
        backward=tuple(backward),
        roots={picking: _root(picking, before) for picking in before},
    )


def _root(picking: int, before: Mapping[int, int]) -> int:
    seen = {picking}
    while before.get(picking) and before[picking] not in seen:
        picking = before[picking]
        seen.add(picking)
    return picking


def _backward(row: Mapping[str, Any], lines: Mapping[int, str]) -> Backward:
    return Backward(
        id=row["id"],
        picking=row["picking_id"],
        product=row["product_id"],
        line=lines[row["origin_returned_move_id"]],
        expected=exact(row["product_uom_qty"]),
        arrived=exact(row["quantity"]),
        state=row["state"],
        source=row["location_id"],
        destination=row["location_dest_id"],
        origin=row["origin_returned_move_id"],
    )


def spread(
    wanted: Mapping[str, Decimal], moves: Sequence[Move]
) -> tuple[dict[int, dict[int, Decimal]], dict[str, Decimal]]:
    """Which delivery brings back how much: quantities by picking and move; and what is too much."""
    left = {line: many for line, many in wanted.items() if many > 0}
    found: dict[int, dict[int, Decimal]] = {}
    for move in moves:
        part = min(left.get(move.line, Decimal(0)), move.out)
        if part > 0:
            left[move.line] -= part
            found.setdefault(move.picking, {})[move.id] = part
    return found, {line: many for line, many in left.items() if many > 0}


def by_line(pairs: Iterable[tuple[str, Decimal]]) -> dict[str, Decimal]:
    """Sums."""
    found: dict[str, Decimal] = {}
    for line, many in pairs:
        found[line] = found.get(line, Decimal(0)) + many
    return found


def exact(value: float) -> Decimal:
    """A quantity without the noise of floats."""
    return plain(Decimal(repr(value)).quantize(Decimal("0.000001")))

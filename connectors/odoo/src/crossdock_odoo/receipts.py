"""Goods that came back: booked into their return picking, each piece to where it belongs.

`restocked` goes where Odoo's return goes, or to the stock of the warehouse named; `written_off`
is taken in and then scrapped; the rest goes by its disposition: `restock` and `scrap` likewise,
any other to the location of `return_locations`. Scrapped pieces are taken in at the location for
`scrap` where one is configured, else for a moment into stock.

Once: the picking is claimed by a mark before it is booked, what is done is never booked again, and
a scrap is one `load` with an external id.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import crossdock
from crossdock.canonical import ReturnReceipt

from crossdock_odoo import marks
from crossdock_odoo.delivered import Backward, Delivered, by_line, delivered, order_of, spread
from crossdock_odoo.dispositions import SCRAP, Dispositions, Part, by_lot, parts_of
from crossdock_odoo.externalids import own_name
from crossdock_odoo.orders import Orders
from crossdock_odoo.pickings import validate
from crossdock_odoo.returns import OPEN, PICKING, Returns


@dataclass(frozen=True)
class Receipts:
    """What `apply` and `find` do with `return_receipt.create`."""

    returns: Returns

    @property
    def _orders(self) -> Orders:
        return self.returns.orders

    @property
    def _pieces(self) -> Dispositions:
        return Dispositions(self._orders)

    async def create(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Book what came. RejectedError: more than is out, or nowhere to put it."""
        came = command.data
        if not isinstance(came, ReturnReceipt):
            raise crossdock.ContractError("return_receipt.create needs a ReturnReceipt")
        parts = parts_of(came)
        if not parts:
            return crossdock.Receipt(changed=False, note="nothing arrived")
        places = await self._pieces.places(came, parts)
        order_id, native = await order_of(self._orders, command, came.order, "return")
        out = await delivered(self._orders, order_id, native)
        await self._same_products(came, out)
        taken = await self._taken(command.entity_id, out)
        booked = await self._booked(taken, out)
        changed = False
        left = _minus(by_line((part.line, part.quantity) for part in parts), booked)
        if left:
            return_id = (came.return_ref.id if came.return_ref else None) or ""
            await self._room(command, return_id, left, taken, out)
            out = await delivered(self._orders, order_id, native)
            ours = await self._pickings(command.entity_id, return_id, out)
            for picking in self._choose(left, ours.union(taken), taken, out):
                moves = [move for move in out.backward if move.picking == picking]
                name = own_name(command.entity_id, "receipt", picking)
                await marks.claim(self._orders.rpc, self._orders.namespace, name, PICKING, picking)
                parts_here = _take(parts, booked, moves)
                await self._book(picking, moves, parts_here, places)
                booked = by_line(
                    [*booked.items(), *((part.line, part.quantity) for _, part in parts_here)]
                )
                taken.append(picking)
                changed = True
        scrapped = await self._pieces.scrap(command, parts, places, out)
        return await self._receipt(taken, parts, changed=changed or scrapped)

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """The receipt of goods that are booked whole, and scrapped where they were to be."""
        came = command.data
        parts = parts_of(came)
        try:
            order_id, native = await order_of(self._orders, command, came.order, "return")
        except crossdock.RejectedError:
            return None
        out = await delivered(self._orders, order_id, native)
        taken = await self._taken(command.entity_id, out)
        booked = await self._booked(taken, out)
        if not parts or _minus(by_line((part.line, part.quantity) for part in parts), booked):
            return None
        for number, part in enumerate(parts):
            if part.place == SCRAP:
                scrap = await self._pieces.scrap_record(command.entity_id, number)
                if scrap is None or scrap["state"] != "done":
                    return None
        return await self._receipt(taken, parts, changed=True)

    async def _taken(self, receipt_id: str, out: Delivered) -> list[int]:
        """Pickings claimed for this receipt."""
        named = await marks.all_names(
            self._orders.rpc, self._orders.namespace, PICKING, out.returns
        )
        return [
            picking for picking, name in named if name == own_name(receipt_id, "receipt", picking)
        ]

    async def _booked(self, taken: Sequence[int], out: Delivered) -> dict[str, Decimal]:
        """What of this receipt is done, by line."""
        return by_line(
            (move.line, move.arrived)
            for move in out.backward
            if move.picking in taken and move.state == "done"
        )

    async def _room(
        self,
        command: crossdock.Command[Any],
        return_id: str,
        left: Mapping[str, Decimal],
        taken: Sequence[int],
        out: Delivered,
    ) -> None:
        """Returns for what came unannounced. RejectedError: the customer has not got it from us."""
        ours = await self._pickings(command.entity_id, return_id, out)
        expected = by_line(
            (move.line, move.expected)
            for move in out.backward
            if move.state in OPEN and (move.picking in taken or move.picking in ours)
        )
        missing = _minus(left, expected)
        strays = (
            await self.returns.strays(command.entity_id, out, command.attempt, dict(missing))
            if missing
            else {}
        )
        for stray, source in strays.items():
            name = own_name(command.entity_id, "return", source)
            await marks.claim(self._orders.rpc, self._orders.namespace, name, PICKING, stray)
            brought = by_line((m.line, m.expected) for m in out.backward if m.picking == stray)
            missing = _minus(missing, brought)
        plan, too_much = spread(missing, out.moves)
        if too_much:
            told = ", ".join(f"{line}: {many:f}" for line, many in too_much.items())
            raise crossdock.RejectedError(
                f"more came back of {out.name} than was delivered and not yet taken back (too "
                f"much, by line: {told}). Count again, or take it in with a receipt in Odoo",
                reason="not_delivered",
                parts={"native_id": out.order, "lines": sorted(too_much)},
            )
        for picking, quantities in plan.items():
            name = own_name(command.entity_id, "return", picking)
            await self.returns.expect(command.entity_id, name, picking, quantities)

    async def _pickings(self, receipt_id: str, return_id: str, out: Delivered) -> set[int]:
        """Open returns that this receipt may be booked into: those of its announcement, else all
        that no announcement of another return has claimed."""
        named = await marks.names(self._orders.rpc, self._orders.namespace, PICKING, out.returns)
        found = set()
        for picking in out.returns:
            name = named.get(out.roots.get(picking, picking), "")
            mine = (f"{receipt_id}__return_", f"{return_id or receipt_id}__return_")
            if not name or name.startswith(mine):
                found.add(picking)
        return found

    def _choose(
        self, left: Mapping[str, Decimal], ours: set[int], taken: Sequence[int], out: Delivered
    ) -> list[int]:
        """Open returns in the order of booking: those begun, then the oldest, as far as needed."""
        open_ = [move for move in out.backward if move.state in OPEN and move.picking in ours]
        pickings = list(dict.fromkeys(move.picking for move in open_))
        pickings.sort(key=lambda picking: (picking not in taken, picking))
        chosen: list[int] = []
        rest = dict(left)
        for picking in pickings:
            here = by_line((m.line, m.expected) for m in open_ if m.picking == picking)
            if any(rest.get(line, Decimal(0)) > 0 for line in here):
                chosen.append(picking)
                rest = _minus(rest, here)
        return chosen

    async def _book(
        self,
        picking: int,
        moves: Sequence[Backward],
        parts: Sequence[tuple[Backward, Part]],
        places: Mapping[str, int | None],
    ) -> None:
        """Quantities and places in one write, then validate; the rest stays in a backorder."""
        rpc = self._orders.rpc
        lots = await self._pieces.lots_of(moves, parts)
        commands: list[Any] = []
        for move in moves:
            here = [part for of, part in parts if of.id == move.id]
            if not here:
                commands.append([1, move.id, {"picked": False}])
                continue
            plain_ = all(places.get(part.place) in (None, move.destination) for part in here)
            if plain_ and not lots.get(move.id):
                quantity = sum((part.quantity for part in here), Decimal(0))
                commands.append([1, move.id, {"quantity": float(quantity), "picked": True}])
                continue
            lines = [
                [
                    0,
                    0,
                    {
                        "product_id": move.product,
                        "quantity": float(quantity),
                        "location_id": move.source,
                        "location_dest_id": places.get(part.place) or move.destination,
                        "picking_id": picking,
                        "picked": True,
                        **({"lot_id": lot} if lot else {}),
                    },
                ]
                for part in here
                for quantity, lot in by_lot(part, lots.get(move.id, {}))
            ]
            commands.append([1, move.id, {"picked": True, "move_line_ids": [[5, 0, 0], *lines]}])
        await rpc.call(PICKING, "write", ids=[picking], vals={"move_ids": commands})
        await validate(rpc, picking, "the return")

    async def _same_products(self, came: ReturnReceipt, out: Delivered) -> None:
        """RejectedError: something else came than was sold with that line."""
        products = {move.line: move.product for move in out.moves}
        rows = await self._orders.rpc.read(
            "product.product", sorted(set(products.values())) or [0], ["default_code"]
        )
        skus = {row["id"]: row["default_code"] for row in rows}
        for line in came.lines:
            sold = skus.get(products.get(line.line_id, 0))
            if line.sku and sold and line.sku != sold:
                raise crossdock.RejectedError(
                    f"line {line.line_id}: {line.sku} came back, and {sold} was sold. Take it in "
                    "with a receipt in Odoo",
                    reason="other_product",
                    parts={"sku": line.sku, "sold": sold},
                )

    async def _receipt(
        self, taken: Sequence[int], parts: Sequence[Part], *, changed: bool
    ) -> crossdock.Receipt:
        rows = await self._orders.rpc.read(PICKING, sorted(taken), ["name"])
        places = by_line((part.place, part.quantity) for part in parts)
        told = ", ".join(f"{many:f} {place}" for place, many in places.items())
        return crossdock.Receipt(
            native_id=str(min(taken)),
            changed=changed,
            note=f"{', '.join(row['name'] for row in rows)} done: {told}",
        )


def _take(
    parts: Sequence[Part], booked: Mapping[str, Decimal], moves: Sequence[Backward]
) -> list[tuple[Backward, Part]]:
    """Which move takes which pieces: those not booked yet, as far as the move expects them."""
    skip = dict(booked)
    room = {move.id: move.expected for move in moves}
    found: list[tuple[Backward, Part]] = []
    for part in parts:
        before = min(skip.get(part.line, Decimal(0)), part.quantity)
        skip[part.line] = skip.get(part.line, Decimal(0)) - before
        left = part.quantity - before
        for move in moves:
            here = min(left, room[move.id]) if move.line == part.line else Decimal(0)
            if here > 0:
                left -= here
                room[move.id] -= here
                found.append(
                    (
                        move,
                        Part(
                            line=part.line,
                            quantity=here,
                            place=part.place,
                            serials=part.serials,
                        ),
                    )
                )
    return found


def _minus(wanted: Mapping[str, Decimal], there: Mapping[str, Decimal]) -> dict[str, Decimal]:
    left = {line: many - there.get(line, Decimal(0)) for line, many in wanted.items()}
    return {line: many for line, many in left.items() if many > 0}

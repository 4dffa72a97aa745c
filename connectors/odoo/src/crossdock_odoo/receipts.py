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
from crossdock.canonical import ReturnReceipt, ReturnReceiptLine

from crossdock_odoo import marks
from crossdock_odoo.delivered import Backward, Delivered, by_line, delivered, order_of, spread
from crossdock_odoo.externalids import own_name
from crossdock_odoo.loading import load
from crossdock_odoo.orders import Orders
from crossdock_odoo.returns import OPEN, PICKING, Returns

STOCK, SCRAP = "restock", "scrap"


@dataclass(frozen=True, kw_only=True)
class Part:
    """So much of one line that goes to one place."""

    line: str
    quantity: Decimal
    place: str
    """A disposition: STOCK and SCRAP, or one that has a location."""
    serials: tuple[str, ...] = ()


@dataclass(frozen=True)
class Receipts:
    """What `apply` and `find` do with `return_receipt.create`."""

    returns: Returns

    @property
    def _orders(self) -> Orders:
        return self.returns.orders

    async def create(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Book what came. RejectedError: more than is out, or nowhere to put it."""
        came = command.data
        if not isinstance(came, ReturnReceipt):
            raise crossdock.ContractError("return_receipt.create needs a ReturnReceipt")
        parts = parts_of(came)
        if not parts:
            return crossdock.Receipt(changed=False, note="nothing arrived")
        places = await self._places(came, parts)
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
        scrapped = await self._scrap(command, parts, places, out)
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
                scrap = await self._scrap_record(command.entity_id, number)
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
        lots = await self._lots(moves, parts)
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
                for quantity, lot in _by_lot(part, lots.get(move.id, {}))
            ]
            commands.append([1, move.id, {"picked": True, "move_line_ids": [[5, 0, 0], *lines]}])
        await rpc.call(PICKING, "write", ids=[picking], vals={"move_ids": commands})
        answer: Any = None
        try:
            answer = await rpc.call(
                PICKING,
                "button_validate",
                ids=[picking],
                context={"skip_backorder": True, "skip_sms": True},
            )
        except crossdock.RejectedError:
            if not await self._is_done(picking):
                raise
        if not await self._is_done(picking):
            wizard = answer.get("res_model") if isinstance(answer, dict) else answer
            raise crossdock.RejectedError(
                f"stock.picking {picking} is not done after it was validated; Odoo asks for "
                f"{wizard}. Validate the return in Odoo by hand",
                reason="not_validated",
                parts={"native_id": picking},
            )

    async def _is_done(self, picking: int) -> bool:
        rows = await self._orders.rpc.read(PICKING, [picking], ["state"])
        return bool(rows) and rows[0]["state"] == "done"

    async def _lots(
        self, moves: Sequence[Backward], parts: Sequence[tuple[Backward, Part]]
    ) -> dict[int, dict[str, int]]:
        """Lots by serial number, for moves of products that are tracked."""
        rpc = self._orders.rpc
        products = sorted({move.product for move in moves})
        rows = await rpc.read("product.product", products, ["tracking", "default_code"])
        tracked = {row["id"]: row["default_code"] for row in rows if row["tracking"] != "none"}
        lots: dict[int, dict[str, int]] = {}
        for move, part in parts:
            if move.product not in tracked:
                continue
            found = await rpc.search_read(
                "stock.lot",
                [["product_id", "=", move.product], ["name", "in", list(part.serials)]],
                ["name"],
            )
            known = {row["name"]: row["id"] for row in found}
            unknown = [serial for serial in part.serials if serial not in known]
            if unknown or not part.serials:
                said = (
                    f"Odoo knows no lot {', '.join(unknown)} of it" if unknown else "none is told"
                )
                raise crossdock.RejectedError(
                    f"{tracked[move.product]} is tracked by lot in Odoo, and {said}. Validate the "
                    "return in Odoo by hand, with its lots",
                    reason="lot_required",
                    parts={"sku": tracked[move.product]},
                )
            lots.setdefault(move.id, {}).update(known)
        return lots

    async def _places(self, came: ReturnReceipt, parts: Sequence[Part]) -> dict[str, int | None]:
        """The location of each disposition; None: where Odoo's return goes."""
        config = self._orders.rpc.config
        master = self._orders.master
        stocks = await master.stock_locations()
        home = stocks[came.location][1] if came.location in stocks else None
        places: dict[str, int | None] = {STOCK: home}
        for place in dict.fromkeys(part.place for part in parts):
            told = config.return_locations.get(place)
            if told is not None:
                places[place] = await self._location(place, told)
            elif place == SCRAP:
                places[place] = home
            elif place != STOCK:
                raise crossdock.RejectedError(
                    f"goods came back with the disposition {place!r}, and no location of Odoo's is "
                    f"configured for it. Write return_locations: {{{place}: <name of a location>}}",
                    reason="no_location",
                    parts={"disposition": place},
                )
        return places

    async def _location(self, place: str, told: int | str) -> int:
        field = "id" if isinstance(told, int) else "complete_name"
        rows = await self._orders.rpc.search_read(
            "stock.location", [[field, "=", told]], ["usage"], limit=1
        )
        if not rows:
            raise crossdock.ConfigError(
                f"return_locations: {place} is {told!r}, which is no location of Odoo's. Write its "
                'full name, such as "WH/Quarantine", or its database id'
            )
        return int(rows[0]["id"])

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

    async def _scrap_record(self, receipt_id: str, number: int) -> dict[str, Any] | None:
        name = own_name(receipt_id, "scrap", number)
        rpc = self._orders.rpc
        record = await marks.marked(rpc, self._orders.namespace, name, "stock.scrap")
        rows = await rpc.read("stock.scrap", [record], ["state", "name"]) if record else []
        return rows[0] if rows else None

    async def _scrap(
        self,
        command: crossdock.Command[Any],
        parts: Sequence[Part],
        places: Mapping[str, int | None],
        out: Delivered,
    ) -> bool:
        """Take out of stock what is lost; whether anything was done."""
        rpc = self._orders.rpc
        done = False
        for number, part in enumerate(parts):
            if part.place != SCRAP:
                continue
            record = await self._scrap_record(command.entity_id, number)
            if record is None:
                move = next(m for m in out.backward if m.line == part.line)
                row = {
                    "id": f"{self._orders.namespace}."
                    f"{own_name(command.entity_id, 'scrap', number)}",
                    "product_id/.id": str(move.product),
                    "scrap_qty": f"{part.quantity:f}",
                    "location_id/.id": str(places[SCRAP] or move.destination),
                    "origin": out.name,
                }
                (made,) = await load(rpc, "stock.scrap", [row])
                record = {"id": made, "state": "draft", "name": ""}
            if record["state"] == "done":
                continue
            try:
                await rpc.call("stock.scrap", "action_validate", ids=[record["id"]])
            except crossdock.RejectedError:
                again = await self._scrap_record(command.entity_id, number)
                if again is None or again["state"] != "done":
                    raise
            again = await self._scrap_record(command.entity_id, number)
            if again is None or again["state"] != "done":
                raise crossdock.RejectedError(
                    f"{(again or record)['name']} is not done after it was validated: Odoo finds "
                    f"less than {part.quantity:f} to scrap. Validate it in Odoo by hand",
                    reason="not_scrapped",
                    parts={"native_id": record["id"]},
                )
            done = True
        return done

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


def parts_of(came: ReturnReceipt) -> list[Part]:
    """Each line cut by where its pieces go; what did not arrive is left out."""
    return [part for line in came.lines if line.condition != "missing" for part in _cut(line)]


def _cut(line: ReturnReceiptLine) -> list[Part]:
    rest = line.quantity - line.restocked - line.written_off
    pieces = ((line.restocked, STOCK), (line.written_off, SCRAP), (rest, line.disposition))
    sums = by_line((place, many) for many, place in pieces if many > 0)
    return [
        Part(line=line.line_id, quantity=many, place=place, serials=line.serials)
        for place, many in sums.items()
    ]


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


def _by_lot(part: Part, lots: Mapping[str, int]) -> list[tuple[Decimal, int | None]]:
    """One piece for each serial number; all for a single lot."""
    if not lots:
        return [(part.quantity, None)]
    ids = [lots[serial] for serial in part.serials]
    if len(ids) == 1:
        return [(part.quantity, ids[0])]
    return [(Decimal(1), lot) for lot in ids[: int(part.quantity)]]


def _minus(wanted: Mapping[str, Decimal], there: Mapping[str, Decimal]) -> dict[str, Decimal]:
    left = {line: many - there.get(line, Decimal(0)) for line, many in wanted.items()}
    return {line: many for line, many in left.items() if many > 0}

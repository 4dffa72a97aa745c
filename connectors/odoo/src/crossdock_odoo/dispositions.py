"""Where returned pieces go, by their disposition; and taking out of stock what is scrapped.

A scrap is one `load` with an external id, then `action_validate`, judged by the state read back.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import crossdock
from crossdock.canonical import ReturnReceipt, ReturnReceiptLine

from crossdock_odoo import marks
from crossdock_odoo.delivered import Backward, Delivered, by_line
from crossdock_odoo.externalids import own_name
from crossdock_odoo.loading import load
from crossdock_odoo.orders import Orders

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
class Dispositions:
    """Places, lots and scraps in one Odoo."""

    orders: Orders

    async def places(self, came: ReturnReceipt, parts: Sequence[Part]) -> dict[str, int | None]:
        """The location of each disposition; None: where Odoo's return goes."""
        config = self.orders.rpc.config
        master = self.orders.master
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
        rows = await self.orders.rpc.search_read(
            "stock.location", [[field, "=", told]], ["usage"], limit=1
        )
        if not rows:
            raise crossdock.ConfigError(
                f"return_locations: {place} is {told!r}, which is no location of Odoo's. Write its "
                'full name, such as "WH/Quarantine", or its database id'
            )
        return int(rows[0]["id"])

    async def lots_of(
        self, moves: Sequence[Backward], parts: Sequence[tuple[Backward, Part]]
    ) -> dict[int, dict[str, int]]:
        """Lots by serial number, for moves of products that are tracked."""
        rpc = self.orders.rpc
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

    async def scrap_record(self, receipt_id: str, number: int) -> dict[str, Any] | None:
        name = own_name(receipt_id, "scrap", number)
        rpc = self.orders.rpc
        record = await marks.marked(rpc, self.orders.namespace, name, "stock.scrap")
        rows = await rpc.read("stock.scrap", [record], ["state", "name"]) if record else []
        return rows[0] if rows else None

    async def scrap(
        self,
        command: crossdock.Command[Any],
        parts: Sequence[Part],
        places: Mapping[str, int | None],
        out: Delivered,
    ) -> bool:
        """Take out of stock what is lost; whether anything was done."""
        rpc = self.orders.rpc
        done = False
        for number, part in enumerate(parts):
            if part.place != SCRAP:
                continue
            record = await self.scrap_record(command.entity_id, number)
            if record is None:
                move = next(m for m in out.backward if m.line == part.line)
                row = {
                    "id": f"{self.orders.namespace}.{own_name(command.entity_id, 'scrap', number)}",
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
                again = await self.scrap_record(command.entity_id, number)
                if again is None or again["state"] != "done":
                    raise
            again = await self.scrap_record(command.entity_id, number)
            if again is None or again["state"] != "done":
                raise crossdock.RejectedError(
                    f"{(again or record)['name']} is not done after it was validated: Odoo finds "
                    f"less than {part.quantity:f} to scrap. Validate it in Odoo by hand",
                    reason="not_scrapped",
                    parts={"native_id": record["id"]},
                )
            done = True
        return done


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


def by_lot(part: Part, lots: Mapping[str, int]) -> list[tuple[Decimal, int | None]]:
    """One piece for each serial number; all for a single lot."""
    if not lots:
        return [(part.quantity, None)]
    ids = [lots[serial] for serial in part.serials]
    if len(ids) == 1:
        return [(part.quantity, ids[0])]
    return [(Decimal(1), lot) for lot in ids[: int(part.quantity)]]

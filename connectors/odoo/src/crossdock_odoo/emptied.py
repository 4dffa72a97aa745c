"""Stock that left no row behind: Odoo deletes quants that fell to zero.

Two ways to see it. What left a place in the window of a poll is told by its done move lines, in the
transaction that emptied the quant; so its level is told even when no quant is left, and with that
time when only older quants are. And every `sweep_s` the set of all (product, warehouse) that have
quants is compared with the one before: what is gone without any move is told as 0, too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from crossdock_odoo.masterdata import MasterData
from crossdock_odoo.rpc import Rpc

LEFT: list[Any] = [["state", "=", "done"], ["location_id.usage", "=", "internal"]]
"""Move lines that took something from one of our shelves."""
INTERNAL: list[Any] = [["location_id.usage", "=", "internal"]]

Place = tuple[int, str]
"""Product id, and the short name of a warehouse."""
Body = dict[str, Any]


@dataclass
class Sweep:
    """Which places had quants at the last sweep of this process."""

    rpc: Rpc
    master: MasterData
    _known: set[Place] | None = None
    _last: str = ""
    _houses: dict[int, int] = field(default_factory=dict)

    async def gone(self, now: str, due: str) -> list[Place]:
        """Places that have none any more; `due` is the time before which it is not asked.

        The first sweep of a process finds nothing: it has nothing to compare with.
        """
        if not self.rpc.config.sweep_s or (self._known is not None and self._last > due):
            return []
        places = await self._places()
        before, self._known, self._last = self._known, places, now
        return sorted((before or set()) - places)

    async def _places(self) -> set[Place]:
        codes = {native: code for code, native in (await self.master.warehouses()).items()}
        found: set[Place] = set()
        last, size = 0, self.rpc.config.page_size
        while True:
            page = await self.rpc.search_read(
                "stock.quant",
                [*INTERNAL, ["id", ">", last]],
                ["product_id", "warehouse_id"],
                order="id",
                limit=size,
            )
            found |= {
                (row["product_id"], codes[row["warehouse_id"]])
                for row in page
                if row["warehouse_id"] in codes
            }
            if len(page) < size:
                return found
            last = page[-1]["id"]

    async def left(self, rows: Iterable[Mapping[str, Any]]) -> dict[Place, str]:
        """When something last left each place, by the move lines of a window."""
        lines = list(rows)
        await self._know({row["location_id"] for row in lines})
        codes = {native: code for code, native in (await self.master.warehouses()).items()}
        found: dict[Place, str] = {}
        for row in lines:
            code = codes.get(self._houses.get(row["location_id"], 0))
            if code is not None:
                place = (row["product_id"], code)
                found[place] = max(found.get(place, ""), row["write_date"])
        return found

    async def _know(self, locations: set[int]) -> None:
        """The warehouse of each location, kept as ids (0: of none)."""
        missing = sorted(locations - self._houses.keys())
        if missing:
            rows = await self.rpc.read("stock.location", missing, ["warehouse_id"])
            self._houses |= dict.fromkeys(missing, 0)
            self._houses |= {row["id"]: row["warehouse_id"] or 0 for row in rows}


def as_of(bodies: Iterable[Body], product: int, sku: Any, left: Mapping[Place, str]) -> list[Body]:
    """The levels of a product with the places it left: none below the time of the last move."""
    found = {body["warehouse"]: dict(body) for body in bodies}
    for (owner, code), written in left.items():
        if owner != product:
            continue
        body = found.setdefault(code, empty(product, sku, code, written))
        body["write_date"] = max(body["write_date"], written)
    return [found[code] for code in sorted(found)]


def empty(product: int, sku: Any, warehouse: str, written: str) -> Body:
    """The level of a place without quants."""
    return {
        "product_id": product,
        "sku": sku,
        "warehouse": warehouse,
        "on_hand": 0.0,
        "reserved": 0.0,
        "write_date": written,
    }

"""Stock that another system counted: written into Odoo as an inventory count.

A count sets and never adds, so a second try is harmless. Quants are created in `inventory_mode`
with a counted quantity, then applied together: Odoo makes the stock moves (recordings, flow 11).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import crossdock
from crossdock.canonical import InventoryLevel

from crossdock_odoo.mapping import plain
from crossdock_odoo.masterdata import MasterData
from crossdock_odoo.rpc import Rpc

AT_ONCE = 250
TRIES = 3
Answer = crossdock.Receipt | crossdock.CrossdockError


@dataclass
class Count:
    """One level on its way."""

    level: InventoryLevel
    product: int = 0
    location: int = 0
    answer: Answer | None = None


@dataclass(frozen=True)
class Counts:
    """What `apply` does with `inventory.publish`."""

    rpc: Rpc
    master: MasterData

    async def publish(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """One level."""
        (answer,) = await self.publish_many([command])
        if isinstance(answer, crossdock.CrossdockError):
            raise answer
        return answer

    async def publish_many(self, commands: Sequence[crossdock.Command[Any]]) -> list[Answer]:
        """One answer for each, in order."""
        counts: list[Count] = []
        for command in commands:
            if not isinstance(command.data, InventoryLevel):
                raise crossdock.ContractError("inventory.publish needs an InventoryLevel")
            counts.append(Count(command.data))
        for start in range(0, len(counts), AT_ONCE):
            await self._some(counts[start : start + AT_ONCE])
        return [count.answer or _nothing(count) for count in counts]

    async def _some(self, counts: Sequence[Count]) -> None:
        """All in one transaction; by halves where Odoo refuses."""
        try:
            await self._prepare(counts)
            await self._set([count for count in counts if count.answer is None])
        except crossdock.RejectedError as error:
            left = [count for count in counts if count.answer is None]
            if len(left) <= 1:
                for count in left:
                    count.answer = error
            else:
                await self._some(left[: len(left) // 2])
                await self._some(left[len(left) // 2 :])
        except crossdock.CrossdockError as error:
            for count in counts:
                count.answer = count.answer or error

    async def _prepare(self, counts: Sequence[Count]) -> None:
        houses = await self.master.stock_locations()
        products = await self.master.products(count.level.sku for count in counts)
        for count in counts:
            level = count.level
            if level.on_hand is None and level.available is None:
                count.answer = crossdock.ContractError(
                    f"inventory.publish {level.sku}: neither on_hand nor available is stated"
                )
            elif level.sku not in products:
                count.answer = await self.master.no_product(level.sku, "inventory.publish")
            elif level.location not in houses:
                count.answer = crossdock.RejectedError(
                    f"Odoo has no warehouse {level.location!r}; it has {', '.join(houses)}. "
                    "Give the location the short name of a warehouse",
                    reason="unknown_location",
                    parts={"location": level.location},
                )
            else:
                count.product, count.location = products[level.sku], houses[level.location][1]

    async def _set(self, counts: Sequence[Count]) -> None:
        """Count what differs; read again where somebody moved the same goods meanwhile."""
        for _ in range(TRIES):
            wanted = await self._differing([count for count in counts if count.answer is None])
            if not wanted:
                return
            quants = await self.rpc.call(
                "stock.quant",
                "create",
                vals_list=[
                    {
                        "product_id": count.product,
                        "location_id": count.location,
                        "inventory_quantity": float(quantity),
                    }
                    for count, quantity in wanted
                ],
                context={"inventory_mode": True},
            )
            answer = await self.rpc.call("stock.quant", "action_apply_inventory", ids=quants)
            if not isinstance(answer, dict):  # a dictionary is a wizard, and nothing done
                for (count, _), quant in zip(wanted, quants, strict=True):
                    count.answer = crossdock.Receipt(
                        native_id=str(quant), note=f"{count.level.sku} counted"
                    )
                return
        for count in counts:
            count.answer = count.answer or crossdock.UnavailableError(
                f"{count.level.sku}: its stock moved {TRIES} times while it was being counted",
                outcome="failed",
            )

    async def _differing(self, counts: Sequence[Count]) -> list[tuple[Count, Decimal]]:
        """What to write into the stock location's own quant: the level less what lies in shelves
        below it. Levels that are right already are answered."""
        if not counts:
            return []
        houses = await self.master.stock_locations()
        traced = await self._traced({count.product for count in counts})
        warehouse = {location: house for house, location in houses.values()}
        rows = await self.rpc.search_read(
            "stock.quant",
            [
                ["product_id", "in", sorted({count.product for count in counts})],
                ["location_id.usage", "=", "internal"],
            ],
            [
                "product_id",
                "location_id",
                "warehouse_id",
                "quantity",
                "reserved_quantity",
                "lot_id",
            ],
        )
        wanted: list[tuple[Count, Decimal]] = []
        for count in counts:
            here = [
                row
                for row in rows
                if row["product_id"] == count.product
                and row["warehouse_id"] == warehouse[count.location]
            ]
            total = _sum(here, "quantity")
            level = count.level
            asked = level.on_hand
            if asked is None:  # what may be sold, and what Odoo has promised lies there, too
                asked = (level.available or Decimal(0)) + _sum(here, "reserved_quantity")
            if total == asked:
                count.answer = crossdock.Receipt(
                    changed=False, note=f"{level.sku} is {asked:f} already"
                )
            elif count.product in traced or any(row["lot_id"] for row in here):
                count.answer = crossdock.RejectedError(
                    f"{level.sku} is tracked by lot or serial number in Odoo, so a sum cannot be "
                    f"counted into it: there are {total:f}, told were {asked:f}. Count it lot by "
                    "lot in Odoo",
                    reason="tracked_by_lot",
                    parts={"sku": level.sku},
                )
            else:
                elsewhere = [row for row in here if row["location_id"] != count.location]
                wanted.append((count, asked - _sum(elsewhere, "quantity")))
        return wanted

    async def _traced(self, products: set[int]) -> set[int]:
        """Those of which every piece belongs to a lot or has a number of its own."""
        rows = await self.rpc.search_read(
            "product.product",
            [["id", "in", sorted(products)], ["tracking", "in", ["lot", "serial"]]],
            ["tracking"],
        )
        return {row["id"] for row in rows}


def _sum(rows: Sequence[dict[str, Any]], field: str) -> Decimal:
    found = sum((Decimal(repr(row[field])) for row in rows), Decimal(0))
    return plain(found.quantize(Decimal("0.000001")))


def _nothing(count: Count) -> crossdock.UnavailableError:
    return crossdock.UnavailableError(f"{count.level.sku} was not counted", outcome="failed")

"""The figures of the connector beside yardsticks of the same run, on a real Odoo."""

import statistics
import time
from typing import Any

import crossdock
from crossdock_odoo import translate

PRODUCTS = 1000


async def _thousand(lab: Any, odoo: Any) -> None:
    """1,000 products with stock, in a second warehouse of this run."""
    major = (await odoo.rpc.version()).major
    stored = {"is_storable": True} if major >= 18 else {"detailed_type": "product"}
    made: list[int] = []
    with lab.step("products created by hand, 250 at once", PRODUCTS):
        for start in range(0, PRODUCTS, 250):
            made += await odoo.rpc.call(
                "product.product",
                "create",
                vals_list=[
                    {"name": f"{lab.prefix} {n}", "default_code": f"{lab.prefix}-K{n}", **stored}
                    for n in range(start, start + 250)
                ],
            )
    commands = []
    from crossdock.canonical import InventoryLevel

    for n in range(PRODUCTS):
        sku = f"{lab.prefix}-K{n}"
        level = InventoryLevel(id=f"inv_{sku}", sku=sku, location=lab.warehouse, on_hand=n + 1)
        commands.append(lab.command(level, "inventory.publish"))
    with lab.step("inventory.publish, 1,000 counts", PRODUCTS):
        answers = await odoo.apply_many(commands)
    assert all(isinstance(answer, crossdock.Receipt) for answer in answers)
    with lab.step("… again: nothing to change", PRODUCTS):
        answers = await odoo.apply_many(commands)
    assert not any(answer.changed for answer in answers)


async def test_stock_of_a_thousand_products(lab: Any, connect: Any) -> None:
    async with connect() as odoo:
        await _thousand(lab, odoo)
        house = (await odoo.poller.master.warehouses())[lab.warehouse]
        major = (await odoo.rpc.version()).major
        context = {"warehouse_id" if major >= 18 else "warehouse": house}
        stored = ["is_storable", "=", True] if major >= 18 else ["detailed_type", "=", "product"]
        domain = [["default_code", "=like", f"{lab.prefix}-K%"], stored]
        bulk: list[float] = []
        ours: list[float] = []
        for _ in range(7):
            start = time.perf_counter()
            rows = await odoo.rpc.search_read(
                "product.product",
                domain,
                ["default_code", "qty_available", "free_qty"],
                context=context,
            )
            bulk.append(time.perf_counter() - start)
            ids = [row["id"] for row in rows]
            start = time.perf_counter()
            products = await odoo.rpc.search_read(
                "product.product", domain, ["default_code", "write_date"], order="id", limit=1000
            )
            levels = await odoo.poller.levels(
                [row["id"] for row in products],
                {row["id"]: row["default_code"] for row in products},
            )
            ours.append(time.perf_counter() - start)
        told = {row["default_code"]: row["qty_available"] for row in rows}
        got = {body["sku"]: body["on_hand"] for found in levels.values() for body in found}
        assert len(ids) == PRODUCTS
        assert got == told
        single, pages = statistics.median(bulk), statistics.median(ours)
        lab.steps.append(("stock of 1,000 products, one bulk call", PRODUCTS, single, "median"))
        lab.steps.append(
            ("stock of 1,000 products, a page of ours", PRODUCTS, pages, f"{pages / single:.2f} ×")
        )
        start = time.perf_counter()
        events = [
            event
            async for raw in odoo.snapshot(crossdock.Window(kind="inventory"))
            for event in translate(raw)
        ]
        seconds = time.perf_counter() - start
        lab.steps.append(("snapshot of stock, translated", len(events), seconds, ""))
        assert len(events) >= PRODUCTS
    assert pages <= 1.3 * single

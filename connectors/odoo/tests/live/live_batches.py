"""Batches against a real Odoo, beside what one by one and a loop written by hand reach."""

import asyncio
import os
import time
from typing import Any

import crossdock

MANY = int(os.environ.get("CROSSDOCK_TEST_ODOO_ORDERS", "150"))
ONE_BY_ONE = MANY // 7


async def by_hand(lab: Any, odoo: Any, orders: list[Any]) -> None:
    """What a person would write for a one-off import: create all, confirm all; no second try."""
    rpc = odoo.rpc
    master = odoo.orders.master
    tax = next(iter((await master.taxes([(19, False)])).values()))
    shipping = await master.products([f"{lab.prefix}-SHIP"])
    fixed = {
        "pricelist_id": await master.pricelist("USD"),
        "warehouse_id": (await master.warehouses())[lab.warehouse],
    }
    for start in range(0, len(orders), 50):
        part = orders[start : start + 50]
        buyers = await rpc.call(
            "res.partner",
            "create",
            vals_list=[{"name": order.customer_name, "email": order.email} for order in part],
        )
        await rpc.call(
            "res.partner",
            "create",
            vals_list=[
                {
                    "name": order.shipping_address.full_name,
                    "type": "delivery",
                    "parent_id": buyer,
                    "street": order.shipping_address.lines[0],
                    "city": order.shipping_address.locality,
                }
                for order, buyer in zip(part, buyers, strict=True)
            ],
        )
        taxes = {await rpc.fields.name("sale.order.line", "tax_ids"): [[6, 0, [tax]]]}
        ids = await rpc.call(
            "sale.order",
            "create",
            vals_list=[
                {
                    "partner_id": buyer,
                    "client_order_ref": order.number,
                    **fixed,
                    "order_line": [
                        *(
                            [
                                0,
                                0,
                                {
                                    "product_id": lab.products[line.sku],
                                    "product_uom_qty": float(line.ordered),
                                    "price_unit": float(line.unit_price.amount),
                                    **taxes,
                                },
                            ]
                            for line in order.lines
                        ),
                        [
                            0,
                            0,
                            {
                                "product_id": shipping[f"{lab.prefix}-SHIP"],
                                "price_unit": 4.99,
                                **taxes,
                            },
                        ],
                    ],
                }
                for order, buyer in zip(part, buyers, strict=True)
            ],
        )
        await rpc.call("sale.order", "action_confirm", ids=ids)


async def test_batches_are_faster(lab: Any, connect: Any) -> None:
    rates: dict[str, list[float]] = {}

    def rate(name: str, count: int, start: float) -> None:
        seconds = time.perf_counter() - start
        rates.setdefault(name, []).append(count / seconds)
        lab.steps.append((f"orders {name}", count, seconds, ""))

    async with connect() as odoo:
        await odoo.apply_many([lab.command(lab.order()) for _ in range(MANY // 3)])  # warms it
        for _ in range(2):
            orders = [lab.order() for _ in range(ONE_BY_ONE)]
            start = time.perf_counter()
            for order in orders:
                await odoo.apply(lab.command(order))
            rate("one by one", len(orders), start)
            orders = [lab.order() for _ in range(MANY)]
            start = time.perf_counter()
            await by_hand(lab, odoo, orders)
            rate("by a loop of batches written by hand", len(orders), start)
            orders = [lab.order() for _ in range(MANY)]
            start = time.perf_counter()
            answers = await odoo.apply_many([lab.command(order) for order in orders])
            rate("by apply_many", len(orders), start)
            assert all(isinstance(answer, crossdock.Receipt) for answer in answers)
            assert all("total 69.84 USD" in answer.note for answer in answers)
            assert len({answer.native_id for answer in answers}) == len(orders)
    best = {name: max(found) for name, found in rates.items()}
    hand = best["by apply_many"] / best["by a loop of batches written by hand"]
    single = best["by apply_many"] / best["one by one"]
    lab.steps.append(("ratio to one by one / to the loop", 0, 0.0, f"{single:.2f} / {hand:.2f}"))
    assert single >= 3
    assert hand >= 0.9


async def test_one_bad_order_harms_no_other(lab: Any, connect: Any) -> None:
    orders = [lab.order() for _ in range(12)]
    bad = orders[5].lines[0].model_copy(update={"sku": "NO-SUCH-THING"})
    orders[5] = orders[5].model_copy(update={"lines": (bad,)})
    orders[9] = orders[9].model_copy(update={"currency": "CHF"})
    async with connect() as odoo:
        answers = await odoo.apply_many([lab.command(order) for order in orders])
        again = await odoo.apply_many([lab.command(order, attempt=2) for order in orders])
    wrong = {i: answer for i, answer in enumerate(answers) if not hasattr(answer, "native_id")}
    assert wrong.keys() == {5, 9}
    assert [wrong[5].reason, wrong[9].reason] == ["unknown_sku", "no_pricelist"]
    good = [answer for i, answer in enumerate(answers) if i not in wrong]
    assert good == [answer for i, answer in enumerate(again) if i not in wrong]


async def test_what_odoo_refuses_is_found_by_halves(lab: Any, connect: Any) -> None:
    """Cancelled between writing and confirming: only Odoo can tell, and it refuses them all."""
    orders = [lab.order() for _ in range(8)]
    async with connect() as odoo:
        held = [order.model_copy(update={"note": "x"}) for order in orders]
        batch = odoo.batches
        jobs = await batch._write([_job(lab, order) for order in held])
        await odoo.rpc.call("sale.order", "action_cancel", ids=[jobs[3].native])
        await batch._confirm(jobs)
    assert [isinstance(job.answer, crossdock.Receipt) for job in jobs] == [
        number != 3 for number in range(8)
    ]
    assert jobs[3].answer.reason == "order_is_cancel"


def _job(lab: Any, order: Any) -> Any:
    from crossdock_odoo.batches import Job

    return Job(lab.command(order), order, order.id)


async def test_two_connectors_race_on_the_same_orders(lab: Any, connect: Any) -> None:
    orders = [lab.order() for _ in range(200)]
    async with connect() as one, connect() as other:
        with lab.step("two workers race on the same 200 orders", 400):
            first, second = await asyncio.gather(
                _until_done(lab, one, orders), _until_done(lab, other, list(reversed(orders)))
            )
        count = await one.rpc.call(
            "sale.order",
            "search_count",
            domain=[["client_order_ref", "in", [order.number for order in orders]]],
        )
        confirmed = await one.rpc.call(
            "sale.order",
            "search_count",
            domain=[
                ["client_order_ref", "in", [order.number for order in orders]],
                ["state", "=", "sale"],
            ],
        )
        pickings = await one.rpc.call(
            "stock.picking",
            "search_count",
            domain=[["sale_id.client_order_ref", "in", [order.number for order in orders]]],
        )
    assert (count, confirmed, pickings) == (200, 200, 200)
    assert {a.native_id for a in first} == {a.native_id for a in second}


async def _until_done(lab: Any, odoo: Any, orders: list[Any]) -> list[crossdock.Receipt]:
    """As `deliver` does: what failed for the moment is looked for, then tried again."""
    done: dict[str, crossdock.Receipt] = {}
    attempt = 1
    while len(done) < len(orders):
        todo = []
        for order in orders:
            if order.id not in done:
                wish = lab.command(order, attempt=attempt)
                found = await odoo.find(wish) if attempt > 1 else None
                if found:
                    done[order.id] = found
                else:
                    todo.append(wish)
        for wish, answer in zip(todo, await odoo.apply_many(todo), strict=True):
            if isinstance(answer, crossdock.Receipt):
                done[wish.entity_id] = answer
            elif not isinstance(answer, crossdock.TransientError):
                raise answer
        attempt += 1
        assert attempt < 30
    return [done[order.id] for order in orders]

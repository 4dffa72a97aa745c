"""Answers lost after the commit: nothing is doubled, nothing is missing."""

import importlib.util
import os
from pathlib import Path
from typing import Any

import crossdock

WANTED = int(os.environ.get("CROSSDOCK_TEST_ODOO_LOST", "100"))
AT_ONCE = 5


def _proxy() -> Any:
    path = Path(__file__).with_name("proxy.py")
    spec = importlib.util.spec_from_file_location("crossdock_odoo_live_proxy", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


async def test_lost_answers_double_nothing(lab: Any, connect: Any) -> None:
    proxy = _proxy()
    losses = proxy.Losses(WANTED)
    orders: list[Any] = []
    receipts: dict[str, crossdock.Receipt] = {}
    async with proxy.losing(lab.url, losses) as url, connect(url=url) as odoo:
        with lab.step(f"orders while {WANTED} answers are lost", 0):
            while losses.lost < WANTED:
                some = [lab.order() for _ in range(AT_ONCE)]
                orders += some
                await _deliver(lab, odoo, some, receipts)
    lab.steps.append(("… orders made", len(orders), 0.0, f"{losses.lost} answers lost"))
    async with connect() as odoo:
        numbers = [order.number for order in orders]
        made = await odoo.rpc.search_read(
            "sale.order",
            [["client_order_ref", "in", numbers]],
            ["client_order_ref", "state", "picking_ids", "order_line", "amount_total"],
        )
    assert sorted(row["client_order_ref"] for row in made) == sorted(numbers)
    assert {row["state"] for row in made} == {"sale"}
    assert {len(row["picking_ids"]) for row in made} == {1}
    assert {row["amount_total"] for row in made} == {69.84}
    by_number = {row["client_order_ref"]: str(row["id"]) for row in made}
    assert {order.number: receipts[order.id].native_id for order in orders} == by_number


async def _deliver(lab: Any, odoo: Any, orders: list[Any], receipts: dict[str, Any]) -> None:
    """As `deliver` does: an intent without a receipt is looked up before it is tried again.

    Half of the orders go one by one, half together.
    """
    answer: object = None
    for attempt in range(1, 60):
        todo = []
        for number, order in enumerate(orders):
            if order.id in receipts:
                continue
            wish = lab.command(order, attempt=attempt)
            try:
                found = await odoo.find(wish) if attempt > 1 else None
                if found is None and number < 2:
                    found = await odoo.apply(wish)
            except crossdock.UnavailableError as error:
                answer = error
                continue
            if found is not None:
                receipts[order.id] = found
            else:
                todo.append(wish)
        for wish, answer in zip(todo, await odoo.apply_many(todo), strict=True):
            if isinstance(answer, crossdock.Receipt):
                receipts[wish.entity_id] = answer
            else:
                assert isinstance(answer, crossdock.UnavailableError), answer
        if all(order.id in receipts for order in orders):
            return
    raise AssertionError(f"60 attempts were not enough: {answer!r}")

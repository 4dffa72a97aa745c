"""Every way in which the sandbox misbehaves, and what the connector makes of it."""

import time
from decimal import Decimal
from typing import Any

import crossdock
import pytest
from crossdock.canonical import InventoryLevel
from crossdock_odoo.sandbox import FAULTS, Misbehaviour, OdooSandbox
from crossdock_odoo.sandbox_control import report

HEALED = {"slow", "filtered", "wizard"}
"""Faults that an order does not even notice, at this call."""


@pytest.mark.parametrize("kind", FAULTS)
async def test_an_order_survives_every_fault(
    kind: str, connect: Any, order: Any, command: Any
) -> None:
    box = OdooSandbox()
    async with connect(box) as odoo:
        await odoo.apply(command(order(1)))
        box.faults.append(Misbehaviour(kind, 1, seconds=0.01, match="action_confirm"))
        wish = command(order(2))
        try:
            await odoo.apply(wish)
            assert kind in HEALED
        except (crossdock.TransientError, crossdock.AuthError):
            assert kind not in HEALED
            again = command(order(2), attempt=2)
            assert await odoo.find(again) or await odoo.apply(again)
    assert [sale["state"] for sale in report(box)["orders"]] == ["sale", "sale"]


@pytest.mark.parametrize("version", [19, 18, 17])
@pytest.mark.parametrize("kind", ["serialization_failure", "lock_timeout", "lost_answer"])
@pytest.mark.parametrize("call", ["sale.order/load", "res.partner/load", "stock.quant/"])
async def test_collisions_and_lost_answers_at_every_write(
    call: str, kind: str, version: int, connect: Any, order: Any, command: Any
) -> None:
    """`load` tells a collision in its own words, with `ids: false`; a count is set, not added."""
    box = OdooSandbox(version=version)
    level = InventoryLevel(sku="TOTE", location="WH", on_hand=Decimal(7))
    count = crossdock.Command(
        id="c", type="inventory.publish", data=level, entity_id="inv_1", attempt=1
    )
    box.faults.append(Misbehaviour(kind, 1, match=call))
    async with connect(box) as odoo:
        for attempt in (1, 2):
            wishes = [command(order(1), attempt=attempt), command(order(2), attempt=attempt)]
            answers = await odoo.apply_many([*wishes, count])
            assert all(
                isinstance(answer, crossdock.Receipt | crossdock.TransientError)
                for answer in answers
            )
    assert all(isinstance(answer, crossdock.Receipt) for answer in answers)
    told = report(box)
    assert [sale["state"] for sale in told["orders"]] == ["sale", "sale"]
    assert told["partners"] == 3  # a customer with two addresses
    assert told["stock"]["TOTE"]["WH"]["on_hand"] == 7


async def test_a_wizard_is_no_cancellation(connect: Any, order: Any, command: Any) -> None:
    box = OdooSandbox()
    async with connect(box) as odoo:
        await odoo.apply(command(order()))
        box.faults.append(Misbehaviour("wizard", 1, match="action_cancel"))
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(command(order(), "order.cancel"))
    assert caught.value.reason == "not_cancelled"


async def test_products_that_a_record_rule_hides_are_named(
    connect: Any, order: Any, command: Any
) -> None:
    box = OdooSandbox()
    box.faults.append(Misbehaviour("filtered", 9, match="product.product/search_read"))
    async with connect(box) as odoo:
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(command(order()))
    assert caught.value.reason == "unknown_sku"
    assert report(box)["orders"] == []


async def test_latency_is_as_measured_when_asked_for(
    connect: Any, order: Any, command: Any
) -> None:
    box = OdooSandbox()
    async with connect(box) as odoo:
        await odoo.apply(command(order(1)))
        box.latency = 0.2
        start = time.perf_counter()
        await odoo.apply(command(order(2)))
        assert time.perf_counter() - start > 0.2 * 0.35

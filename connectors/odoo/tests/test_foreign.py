"""What a marketplace ships reaches Odoo as shipped, and sets nothing of ours aside."""

from decimal import Decimal
from typing import Any

import crossdock
import pytest
from crossdock.canonical import (
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    Money,
    TaxLine,
    Totals,
)
from crossdock_odoo.sandbox import OdooSandbox
from crossdock_odoo.sandbox_control import report
from crossdock_odoo.sandbox_seed import warehouse


def by_marketplace(order: Any, **more: Any) -> Any:
    """The order, shipped by a marketplace out of its own centre."""
    lines = tuple(
        line.model_copy(update={"fulfilled_by": "marketplace", "location": "FBA", **more})
        for line in order.lines
    )
    return order.model_copy(update={"lines": lines})


async def test_it_ships_from_its_own_warehouse_and_reserves_nothing_of_ours(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    before = report(box)["stock"]
    box.store.begin()
    warehouse(box.store, box.methods.stock, "FBA", "Amazon")
    sold = by_marketplace(order())
    shipment = Fulfillment(
        id="ful_fba",
        order=EntityRef(id=sold.id),
        location="FBA",
        lines=tuple(
            FulfillmentLine(line_id=line.line_id, quantity=line.ordered) for line in sold.lines
        ),
    )
    async with connect(box, warehouses=("WH",)) as odoo:
        await odoo.apply(command(sold))
        middle = report(box)["stock"]
        wish: crossdock.Command[Any] = crossdock.Command(
            id="cmd_f", type="fulfillment.create", data=shipment, entity_id="ful_fba"
        )
        await odoo.apply(wish)
    after = report(box)
    for stock in (middle, after["stock"]):
        assert {sku: places["WH"] for sku, places in stock.items()} == {
            sku: places["WH"] for sku, places in before.items()
        }
    (picking,) = after["pickings"]
    assert picking["state"] == "done"
    assert [line["delivered"] for line in after["orders"][0]["lines"]][:2] == [2, 3]


async def test_without_that_warehouse_it_is_refused_and_nothing_is_written(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    async with connect(box) as odoo:
        with pytest.raises(crossdock.RejectedError, match="short name 'FBA'") as caught:
            await odoo.apply(command(by_marketplace(order())))
        assert caught.value.reason == "foreign_place"
        with pytest.raises(crossdock.RejectedError, match="None"):
            await odoo.apply(command(by_marketplace(order(), location=None)))
        sold = by_marketplace(order())
        ours = sold.lines[0].model_copy(update={"fulfilled_by": "merchant"})
        mixed = sold.model_copy(update={"lines": (ours, *sold.lines[1:])})
        with pytest.raises(crossdock.RejectedError, match="Enter it by hand"):
            await odoo.apply(command(mixed))
        assert report(box)["orders"] == []
        box.store.begin()
        warehouse(box.store, box.methods.stock, "FBA", "Amazon")
        await odoo.apply(command(by_marketplace(order())))
    assert report(box)["orders"][0]["amount_total"] == float(Decimal("69.84"))


@pytest.mark.parametrize("included", [False, True])
async def test_tax_that_the_marketplace_remits_is_not_ours(
    included: bool, box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    """No rate is told of it, and none is needed."""
    sold = order()
    tax = TaxLine(
        title="Tax",
        amount=Money(amount="2.00", currency="USD"),
        included=included,
        remitted_by="marketplace",
    )
    line = sold.lines[0].model_copy(update={"taxes": (tax,), "discounts": ()})
    total = Decimal("25.00") if included else Decimal("27.00")
    sold = sold.model_copy(
        update={
            "lines": (line,),
            "shipping": (),
            "totals": Totals(total=Money(amount=total, currency="USD")),
        }
    )
    async with connect(box, max_total_difference="0") as odoo:
        receipt = await odoo.apply(command(sold))
    (made,) = report(box)["orders"]
    assert made["amount_total"] == float(total - 2)
    assert "the channel says" not in receipt.note

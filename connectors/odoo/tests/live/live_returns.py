"""Returns with disposition, against a real Odoo."""

from decimal import Decimal
from typing import Any

from crossdock.canonical import (
    EntityRef,
    Return,
    ReturnLine,
    ReturnReceipt,
    ReturnReceiptLine,
    Tracking,
)
from crossdock.identity import entity_id

TOTE = "gid://shop/LineItem/2"
AT = "2026-11-23T10:00:00Z"


def _return(lab: Any, order: Any, quantities: dict[str, int], number: str = "RMA") -> Return:
    return Return(
        id=entity_id(lab.prefix, "return", f"{order.number}/{number}"),
        order=EntityRef(id=order.id),
        number=f"{number}-{order.number}",
        requested_at=AT,
        tracking=(Tracking(number="1ZBACK"),),
        lines=tuple(
            ReturnLine(line_id=line, requested=Decimal(many)) for line, many in quantities.items()
        ),
    )


def _receipt(lab: Any, order: Any, asked: Any, number: str, *lines: Any) -> ReturnReceipt:
    return ReturnReceipt(
        id=entity_id(lab.prefix, "return_receipt", f"{order.number}/{number}"),
        return_ref=EntityRef(id=asked.id) if asked else None,
        order=EntityRef(id=order.id),
        location=lab.warehouse,
        received_at=AT,
        lines=tuple(
            ReturnReceiptLine(
                line_id=line, quantity=Decimal(many), disposition=place, condition="opened"
            )
            for line, many, place in lines
        ),
    )


async def shipped(lab: Any, odoo: Any, order: Any) -> int:
    """Created and shipped; the database id."""
    receipt = await odoo.apply(lab.command(order))
    (row,) = await odoo.rpc.read("sale.order", [int(receipt.native_id)], ["picking_ids"])
    await odoo.rpc.call(
        "stock.picking", "button_validate", ids=row["picking_ids"], context={"skip_sms": True}
    )
    return int(receipt.native_id)


async def _on_hand(odoo: Any, product: int, location: int) -> float:
    rows = await odoo.rpc.search_read(
        "stock.quant", [["product_id", "=", product], ["location_id", "=", location]], ["quantity"]
    )
    return sum(row["quantity"] for row in rows)


async def _delivered(odoo: Any, order: int) -> list[float]:
    rows = await odoo.rpc.search_read(
        "sale.order.line", [["order_id", "=", order]], ["qty_delivered"], order="id"
    )
    return [row["qty_delivered"] for row in rows]


async def test_a_return_in_parts(lab: Any, connect: Any) -> None:
    order = lab.order()
    asked = _return(lab, order, {"1": 2, TOTE: 1})
    first = _receipt(lab, order, asked, "a", ("1", 1, "restock"))
    second = _receipt(lab, order, asked, "b", ("1", 1, "restock"), (TOTE, 1, "restock"))
    async with connect() as odoo:
        native = await shipped(lab, odoo, order)
        before = await _on_hand(odoo, lab.products[order.lines[0].sku], lab.location)
        wish = lab.command(asked, "return.create")
        assert await odoo.find(wish) is None
        with lab.step("return.create"):
            expected = await odoo.apply(wish)
        again, found = await odoo.apply(wish), await odoo.find(wish)
        assert (again.changed, again.native_id) == (False, expected.native_id)
        assert found is not None
        (picking,) = await odoo.rpc.read(
            "stock.picking",
            [int(expected.native_id)],
            ["state", "carrier_tracking_ref", "return_id", "picking_type_code"],
        )
        assert picking["state"] == "assigned"
        assert picking["carrier_tracking_ref"] == "1ZBACK"
        assert picking["picking_type_code"] == "incoming"
        with lab.step("return_receipt.create, partial"):
            booked = await odoo.apply(lab.command(first, "return_receipt.create"))
        assert booked.native_id == expected.native_id
        assert (await _delivered(odoo, native))[:2] == [1.0, 3.0]
        rest = await odoo.apply(lab.command(second, "return_receipt.create"))
        assert rest.native_id != booked.native_id
        for told in (first, second):
            wish = lab.command(told, "return_receipt.create", 2)
            assert await odoo.find(wish) is not None
            assert not (await odoo.apply(wish)).changed
        assert (await _delivered(odoo, native))[:2] == [0.0, 2.0]
        after = await _on_hand(odoo, lab.products[order.lines[0].sku], lab.location)
        assert after == before + 2


async def test_dispositions(lab: Any, connect: Any) -> None:
    order = lab.order()
    came = _receipt(
        lab, order, None, "a", ("1", 1, "restock"), ("1", 1, "quarantine"), (TOTE, 2, "scrap")
    )
    mug, tote = (lab.products[line.sku] for line in order.lines)
    async with connect() as odoo:
        made = await odoo.rpc.call(
            "stock.location",
            "create",
            vals_list=[{"name": f"{lab.prefix} Quarantine", "location_id": lab.location,
                        "usage": "internal"}],
        )  # fmt: skip
        native = await shipped(lab, odoo, order)
        mugs = await _on_hand(odoo, mug, lab.location)
        totes = await _on_hand(odoo, tote, lab.location)
    async with connect(return_locations={"quarantine": made[0]}) as odoo:
        wish = lab.command(came, "return_receipt.create")
        with lab.step("return_receipt.create, unannounced"):
            booked = await odoo.apply(wish)
        assert not (await odoo.apply(wish)).changed
        assert await odoo.find(wish) is not None
        assert "2 scrap" in booked.note
        assert await _on_hand(odoo, mug, lab.location) == mugs + 1
        assert await _on_hand(odoo, mug, made[0]) == 1
        assert await _on_hand(odoo, tote, lab.location) == totes
        assert (await _delivered(odoo, native))[:2] == [0.0, 1.0]


async def test_a_return_is_called_off(lab: Any, connect: Any) -> None:
    order = lab.order()
    asked = _return(lab, order, {"1": 1})
    async with connect() as odoo:
        await shipped(lab, odoo, order)
        made = await odoo.apply(lab.command(asked, "return.create"))
        assert (await odoo.apply(lab.command(asked, "return.cancel"))).changed
        (row,) = await odoo.rpc.read("stock.picking", [int(made.native_id)], ["state"])
        assert row["state"] == "cancel"

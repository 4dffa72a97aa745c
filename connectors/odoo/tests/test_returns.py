"""Goods that come back: announced, received in parts, restocked, set aside, scrapped; once."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import crossdock
import pytest
from crossdock.canonical import (
    EntityRef,
    Order,
    Return,
    ReturnLine,
    ReturnReceipt,
    ReturnReceiptLine,
    Tracking,
)
from crossdock.identity import entity_id
from crossdock_odoo import sandbox_control
from crossdock_odoo.sandbox import Misbehaviour, OdooSandbox

MUG, TOTE = "866550311766439020", "gid://shop/LineItem/2"
AT = "2026-11-23T10:00:00Z"


def returned(order: Order, number: str = "RMA-1", **lines: Any) -> Return:
    """Mugs and totes that are to come back."""
    asked = {MUG: lines.pop("mug", 0), TOTE: lines.pop("tote", 0)}
    values: dict[str, Any] = {
        "id": entity_id("web", "return", f"{order.number}/{number}"),
        "order": EntityRef(id=order.id),
        "number": number,
        "requested_at": AT,
        "lines": tuple(
            ReturnLine(line_id=line, requested=Decimal(many), authorised=Decimal(many))
            for line, many in asked.items()
            if many
        ),
    }
    return Return(**{**values, **lines})


def received(asked: Return | None, order: Order, number: str, *lines: Any) -> ReturnReceipt:
    """(line, quantity, disposition) of what arrived, with more fields behind."""
    return ReturnReceipt(
        id=entity_id("dc1", "return_receipt", number),
        return_ref=EntityRef(id=asked.id) if asked else None,
        order=EntityRef(id=order.id),
        location="WH",
        received_at=AT,
        lines=tuple(
            ReturnReceiptLine(
                line_id=line,
                quantity=Decimal(many),
                disposition=disposition,
                condition=more.pop("condition", "opened"),
                **more,
            )
            for line, many, disposition, *rest in lines
            for more in [dict(rest[0]) if rest else {}]
        ),
    )


def wish(data: Any, type_: str, attempt: int = 1) -> crossdock.Command[Any]:
    return crossdock.Command(
        id=f"cmd_{data.id}", type=type_, data=data, entity_id=data.id, attempt=attempt
    )


def on_hand(box: OdooSandbox, sku: str, location: str = "WH/Stock") -> float:
    store = box.store
    (product,) = store.by("product.product", "default_code", sku)
    return sum(
        quant["quantity"]
        for quant in store.by("stock.quant", "product_id", product["id"])
        if store.row("stock.location", quant["location_id"])["complete_name"] == location
    )


def incoming(box: OdooSandbox) -> list[dict[str, Any]]:
    rows = box.store.tables["stock.picking"].rows.values()
    return [row for row in rows if box.methods.stock.returns.arrives(row)]


def quarantine(box: OdooSandbox) -> None:
    box.store.begin()
    box.store.insert(
        "stock.location",
        {
            "name": "Quarantine",
            "complete_name": "WH/Quarantine",
            "usage": "internal",
            "warehouse_id": 1,
        },
    )


async def shipped(box: OdooSandbox, odoo: Any, order: Order, *, twice: bool = False) -> None:
    await odoo.apply(wish(order, "order.create"))
    sandbox_control.ship(box, two_parcels=1 if twice else 0, seed=1)
    if twice:
        sandbox_control.ship(box, two_parcels=0, seed=1)


async def test_a_return_is_expected_received_in_parts_and_counted(
    box: OdooSandbox, connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    bought = order()
    asked = returned(bought, mug=2, tote=1, tracking=(Tracking(number="1ZBACK"),))
    async with connect(box) as odoo:
        await shipped(box, odoo, bought)
        before = on_hand(box, "MUG-BLUE")
        expected = await odoo.apply(wish(asked, "return.create"))
        (picking,) = incoming(box)
        assert (str(picking["id"]), picking["state"]) == (expected.native_id, "assigned")
        assert picking["carrier_tracking_ref"] == "1ZBACK"
        again = await odoo.apply(wish(asked, "return.create", 2))
        assert (again.native_id, again.changed) == (expected.native_id, False)
        first = received(asked, bought, "1", (MUG, 1, "restock"))
        booked = await odoo.apply(wish(first, "return_receipt.create"))
        assert booked.native_id == expected.native_id
        assert on_hand(box, "MUG-BLUE") == before + 1
        second = received(asked, bought, "2", (MUG, 1, "restock"), (TOTE, 1, "restock"))
        assert await odoo.find(wish(second, "return_receipt.create")) is None
        rest = await odoo.apply(wish(second, "return_receipt.create"))
        assert rest.native_id != booked.native_id
        for told in (first, second):
            found = await odoo.find(wish(told, "return_receipt.create"))
            once_more = await odoo.apply(wish(told, "return_receipt.create", 2))
            assert found is not None
            assert (once_more.native_id, once_more.changed) == (found.native_id, False)
        assert on_hand(box, "MUG-BLUE") == before + 2
        lines = box.store.by("sale.order.line", "order_id", 1)
        assert [line["qty_delivered"] for line in lines[:2]] == [0.0, 2.0]
        assert (await odoo.apply(wish(asked, "return.create", 3))).changed is False
    assert [row["state"] for row in incoming(box)] == ["done", "done"]


async def test_dispositions(
    box: OdooSandbox, connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    bought = order()
    quarantine(box)
    came = received(
        None,
        bought,
        "1",
        (MUG, 2, "quarantine", {"restocked": Decimal(1)}),
        (TOTE, 3, "scrap", {"written_off": Decimal(1), "restocked": Decimal(1)}),
    )
    where = {"quarantine": "WH/Quarantine"}
    async with connect(box, return_locations=where) as odoo:
        await shipped(box, odoo, bought)
        mugs, totes = on_hand(box, "MUG-BLUE"), on_hand(box, "TOTE")
        booked = await odoo.apply(wish(came, "return_receipt.create"))
        again = await odoo.apply(wish(came, "return_receipt.create", 2))
    assert (booked.changed, again.changed) == (True, False)
    assert "2 scrap" in booked.note
    assert on_hand(box, "MUG-BLUE") == mugs + 1
    assert on_hand(box, "MUG-BLUE", "WH/Quarantine") == 1
    assert on_hand(box, "TOTE") == totes + 1
    scraps = box.store.tables["stock.scrap"].rows.values()
    assert [(row["scrap_qty"], row["state"]) for row in scraps] == [(2.0, "done")]


async def test_a_disposition_without_a_place_is_told_before_anything_is_written(
    connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    box, bought = OdooSandbox(), order()
    came = received(None, bought, "1", (MUG, 1, "vendor"))
    async with connect(box) as odoo:
        await shipped(box, odoo, bought)
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(wish(came, "return_receipt.create"))
    assert caught.value.reason == "no_location"
    assert incoming(box) == []


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("stock.return.picking/action_create_returns", "lost_answer"),
        ("stock.return.picking/action_create_returns", "worker_restart"),
        ("ir.model.data/create", "lost_answer"),
        ("stock.return.picking/create", "lost_answer"),
        ("stock.picking/write", "lost_answer"),
    ],
)
async def test_a_lost_answer_makes_no_second_return(
    connect: Callable[..., Any], order: Callable[..., Order], call: str, kind: str
) -> None:
    box, bought = OdooSandbox(), order()
    asked = returned(bought, mug=1)
    other = returned(bought, "RMA-2", mug=1)
    async with connect(box) as odoo:
        await shipped(box, odoo, bought)
        box.faults.append(Misbehaviour(kind=kind, count=1, match=call))
        with pytest.raises(crossdock.UnavailableError):
            await odoo.apply(wish(asked, "return.create"))
        between = await odoo.apply(wish(other, "return.create"))
        found = await odoo.find(wish(asked, "return.create", 2))
        done = found or await odoo.apply(wish(asked, "return.create", 2))
    assert done.native_id != between.native_id
    open_ = [row for row in incoming(box) if row["state"] != "cancel"]
    assert {str(row["id"]) for row in open_} == {done.native_id, between.native_id}


@pytest.mark.parametrize(
    "call",
    [
        "stock.picking/button_validate",
        "stock.picking/write",
        "stock.scrap/load",
        "stock.scrap/action_validate",
        "action_create_returns",
        "ir.model.data/create",
    ],
)
async def test_a_lost_answer_takes_nothing_in_twice(
    connect: Callable[..., Any], order: Callable[..., Order], call: str
) -> None:
    box, bought = OdooSandbox(), order()
    came = received(None, bought, "1", (MUG, 2, "restock"), (TOTE, 3, "scrap"))
    async with connect(box) as odoo:
        await shipped(box, odoo, bought)
        mugs, totes = on_hand(box, "MUG-BLUE"), on_hand(box, "TOTE")
        box.faults.append(Misbehaviour(kind="lost_answer", count=1, match=call))
        with pytest.raises(crossdock.UnavailableError):
            await odoo.apply(wish(came, "return_receipt.create"))
        if await odoo.find(wish(came, "return_receipt.create", 2)) is None:
            await odoo.apply(wish(came, "return_receipt.create", 2))
        assert await odoo.find(wish(came, "return_receipt.create", 3)) is not None
    assert (on_hand(box, "MUG-BLUE"), on_hand(box, "TOTE")) == (mugs + 2, totes)


async def test_goods_of_two_deliveries_come_back_together(
    box: OdooSandbox, connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    bought = order()
    asked = returned(bought, mug=2, tote=3)
    async with connect(box) as odoo:
        await shipped(box, odoo, bought, twice=True)
        await odoo.apply(wish(asked, "return.create"))
        assert len(incoming(box)) == 2
        came = received(asked, bought, "1", (MUG, 2, "restock"), (TOTE, 3, "restock"))
        await odoo.apply(wish(came, "return_receipt.create"))
    assert [row["state"] for row in incoming(box)] == ["done", "done"]
    lines = box.store.by("sale.order.line", "order_id", 1)
    assert [line["qty_delivered"] for line in lines[:2]] == [0.0, 0.0]


async def test_what_is_not_out_cannot_come_back(
    connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    box, bought = OdooSandbox(), order()
    async with connect(box) as odoo:
        with pytest.raises(crossdock.RejectedError) as unknown:
            await odoo.apply(wish(returned(bought, mug=1), "return.create"))
        await odoo.apply(wish(bought, "order.create"))
        with pytest.raises(crossdock.RejectedError) as early:
            await odoo.apply(wish(returned(bought, mug=1), "return.create"))
        sandbox_control.ship(box, two_parcels=0, seed=1)
        with pytest.raises(crossdock.RejectedError) as much:
            await odoo.apply(wish(returned(bought, mug=3), "return.create"))
        came = received(None, bought, "1", (MUG, 3, "restock"))
        with pytest.raises(crossdock.RejectedError) as counted:
            await odoo.apply(wish(came, "return_receipt.create"))
        wrong = received(None, bought, "2", (MUG, 1, "restock", {"sku": "TOTE"}))
        with pytest.raises(crossdock.RejectedError) as other:
            await odoo.apply(wish(wrong, "return_receipt.create"))
    reasons = [e.value.reason for e in (unknown, early, much, counted, other)]
    assert reasons == [
        "unknown_order", "not_delivered", "not_delivered", "not_delivered", "other_product",
    ]  # fmt: skip
    assert incoming(box) == []


async def test_a_return_is_called_off(
    box: OdooSandbox, connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    bought = order()
    asked = returned(bought, mug=2)
    async with connect(box) as odoo:
        await shipped(box, odoo, bought)
        await odoo.apply(wish(asked, "return.create"))
        assert (await odoo.apply(wish(asked, "return.cancel"))).changed
        assert await odoo.find(wish(asked, "return.cancel")) is not None
        assert not (await odoo.apply(wish(asked, "return.cancel", 2))).changed
        assert [row["state"] for row in incoming(box)] == ["cancel"]
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(wish(asked, "return.create", 2))
        kept = returned(bought, "RMA-9", mug=1, keep_goods=True)
        assert not (await odoo.apply(wish(kept, "return.create"))).changed
    assert caught.value.reason == "return_changed"


async def test_three_at_once_make_one_return(
    box: OdooSandbox, connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    bought = order()
    asked = returned(bought, mug=1)
    async with connect(box) as odoo:
        await shipped(box, odoo, bought)
        made = await asyncio.gather(*(odoo.apply(wish(asked, "return.create")) for _ in range(3)))
    assert len({receipt.native_id for receipt in made}) == 1
    assert [row["state"] for row in incoming(box) if row["state"] != "cancel"] == ["assigned"]


async def test_serial_numbers_are_told_with_tracked_goods(
    connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    box, bought = OdooSandbox(), order()
    async with connect(box) as odoo:
        await shipped(box, odoo, bought)
        box.store.begin()
        (mug,) = box.store.by("product.product", "default_code", "MUG-BLUE")
        box.store.update("product.product", mug["id"], tracking="serial")
        lots = [
            box.store.insert("stock.lot", {"name": name, "product_id": mug["id"]})["id"]
            for name in ("SN1", "SN2")
        ]
        for serials, reason in (((), "lot_required"), (("SN1", "SN9"), "lot_required")):
            came = received(None, bought, "1", (MUG, 2, "restock", {"serials": serials}))
            with pytest.raises(crossdock.RejectedError) as caught:
                await odoo.apply(wish(came, "return_receipt.create"))
            assert caught.value.reason == reason
        came = received(None, bought, "1", (MUG, 2, "restock", {"serials": ("SN1", "SN2")}))
        await odoo.apply(wish(came, "return_receipt.create", 2))
    (picking,) = incoming(box)
    lines = box.store.by("stock.move.line", "picking_id", picking["id"])
    assert [(line["lot_id"], line["quantity"]) for line in lines] == [(lots[0], 1), (lots[1], 1)]

"""Orders of a till are sold once, paid, and never rewritten."""

import asyncio
from decimal import Decimal
from typing import Any

import crossdock
import pytest
from crossdock.canonical import (
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    Money,
    PaymentSummary,
    Refund,
)
from crossdock_odoo.sandbox import Misbehaviour, OdooSandbox

TILLS = {"tills": {"pos": "Shop"}}


@pytest.fixture(params=[19, 18])
def box(request: pytest.FixtureRequest) -> OdooSandbox:
    """A sandbox of each version that syncs till orders."""
    return OdooSandbox(version=request.param)


def _paid(amount: str = "69.84", method: str = "cash") -> PaymentSummary:
    return PaymentSummary(captured=Money(amount=Decimal(amount), currency="USD"), methods=(method,))


def _sales(box: OdooSandbox) -> list[dict[str, Any]]:
    return list(box.store.tables["pos.order"].rows.values())


@pytest.fixture
def sale(order: Any) -> Any:
    """An order of the till."""

    def make(number: int = 1, **more: Any) -> Any:
        return order(number, **{"sales_channel": "pos", "payment": _paid(), **more})

    return make


async def test_a_sale_is_paid_and_its_goods_are_gone(
    box: OdooSandbox, connect: Any, sale: Any, order: Any, command: Any
) -> None:
    tote = box.store.by("product.product", "default_code", "TOTE")[0]["id"]
    before = box.store.by("stock.quant", "product_id", tote)[0]["quantity"]
    async with connect(box, **TILLS) as odoo:
        first = await odoo.apply(command(sale()))
        assert await odoo.apply(command(sale(), attempt=2)) == first
        assert await odoo.apply(command(sale())) == first
        assert await odoo.find(command(sale())) == first
        answers = await odoo.apply_many([command(sale(2)), command(order(3)), command(sale(1))])
    rows = _sales(box)
    assert [row["pos_reference"] for row in rows] == ["#1", "#2"]
    assert {(r["state"], r["amount_total"], r["amount_paid"]) for r in rows} == {
        ("paid", 69.84, 69.84)
    }
    assert rows[0]["amount_tax"] == 11.15
    assert first.native_id == f"pos.order,{rows[0]['id']}"
    assert set(first.extra_ids) == {"866550311766439020", "gid://shop/LineItem/2"}
    assert [answer.native_id for answer in answers] == ["pos.order,2", "1", "pos.order,1"]
    assert len(box.store.tables["sale.order"].rows) == 1
    assert box.store.by("stock.quant", "product_id", tote)[0]["quantity"] == before - 6
    assert len(box.store.tables["pos.session"].rows) == 1
    assert box.store.row("res.partner", rows[0]["partner_id"])["name"] == "Ada Byron"
    (payment,) = box.store.by("pos.payment", "pos_order_id", 1)
    assert box.store.display("pos.payment.method", payment["payment_method_id"]) == "Cash"


async def test_the_channel_decides(box: OdooSandbox, connect: Any, sale: Any, command: Any) -> None:
    async with connect(box) as odoo:
        receipt = await odoo.apply(command(sale()))
    assert receipt.native_id == "1"
    assert _sales(box) == []


async def test_a_till_order_is_not_rewritten(
    box: OdooSandbox, connect: Any, sale: Any, command: Any
) -> None:
    async with connect(box, **TILLS) as odoo:
        for type_ in ("order.update", "order.cancel"):
            assert not (await odoo.apply(command(sale(), type_))).changed
        receipt = await odoo.apply(command(sale()))
        assert not (await odoo.apply(command(sale(), "order.update"))).changed
        line = sale().lines[0].model_copy(update={"cancelled": Decimal(1)})
        for wish in (
            command(sale(), "order.cancel"),
            command(sale(lines=(line, sale().lines[1])), "order.update"),
        ):
            with pytest.raises(crossdock.RejectedError, match="at the till") as caught:
                await odoo.apply(wish)
            assert caught.value.reason == "till_order"
        shipment = Fulfillment(
            order=EntityRef(id=sale().id, native_id=receipt.native_id),
            lines=(FulfillmentLine(line_id="1", quantity=Decimal(1)),),
        )
        wish = crossdock.Command(
            id="c", type="fulfillment.create", data=shipment, entity_id="ful_1"
        )
        assert "left with the sale" in (await odoo.apply(wish)).note
        hold = command(sale(), "order.hold")
        back = Refund(
            order=EntityRef(id=sale().id, native_id=receipt.native_id),
            amount=Money(amount=Decimal("1.00"), currency="USD"),
            state="succeeded",
            requested_at="2026-11-23T00:00:00Z",
        )
        refund = crossdock.Command(id="r", type="refund.create", data=back, entity_id="rfd_1")
        for wish in (hold, refund):
            with pytest.raises(crossdock.RejectedError, match="sold at a till") as caught:
                await odoo.apply(wish)
            assert caught.value.reason == "till_order"


BAD = {
    "not_paid": {"payment": _paid("1.00")},
    "no_payment_method": {"payment": _paid(method="cheque")},
    "till_currency": {"currency": "EUR"},
}


@pytest.mark.parametrize("reason", BAD)
async def test_what_a_till_refuses(
    reason: str, box: OdooSandbox, connect: Any, sale: Any, command: Any
) -> None:
    more: dict[str, Any] = BAD[reason]
    if "currency" in more:
        dumped = sale().model_dump_json().replace('"USD"', '"EUR"')
        bad = type(sale()).model_validate_json(dumped)
    else:
        bad = sale(**more)
    async with connect(box, **TILLS) as odoo:
        refused, made = await odoo.apply_many([command(bad), command(sale(2))])
    assert refused.reason == reason
    assert made.native_id == "pos.order,1"
    assert len(_sales(box)) == 1


async def test_a_till_that_is_not_there_or_being_closed(
    box: OdooSandbox, connect: Any, sale: Any, command: Any
) -> None:
    async with connect(box, tills={"pos": "Nowhere"}) as odoo:
        with pytest.raises(crossdock.ConfigError, match="'Nowhere'"):
            await odoo.apply(command(sale()))
    async with connect(box, tills={"pos": 1}, till_payments={"visa": "Card"}) as odoo:
        await odoo.apply(command(sale(payment=_paid(method="visa"))))
        box.store.update("pos.session", 1, state="closing_control")
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(command(sale(2)))
        assert caught.value.reason == "till_not_open"
        box.store.update("pos.session", 1, state="closed")
        await odoo.apply(command(sale(2)))
    assert [row["session_id"] for row in _sales(box)] == [1, 2]


async def test_17_has_no_till_orders(connect: Any, sale: Any, command: Any) -> None:
    async with connect(OdooSandbox(version=17), **TILLS) as odoo:
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(command(sale()))
    assert caught.value.reason == "no_till_orders"


@pytest.mark.parametrize("step", range(20))
async def test_a_lost_answer_at_any_call_sells_once(
    step: int, box: OdooSandbox, connect: Any, sale: Any, command: Any
) -> None:
    box.faults.append(Misbehaviour("lost_answer", 1, after=step))
    async with connect(box, **TILLS) as odoo:
        for attempt in (1, 2, 3):
            try:
                await odoo.apply(command(sale(), attempt=attempt))
            except crossdock.UnavailableError:
                box.offset_s += 1000  # an earlier call has surely ended by then
    assert [row["state"] for row in _sales(box)] == ["paid"]
    assert len(box.store.tables["pos.session"].rows) == 1


async def test_a_claim_without_an_order_is_waited_for(
    connect: Any, sale: Any, command: Any
) -> None:
    """18: somebody else claimed the order a moment ago, and has not sold it yet."""
    box = OdooSandbox(version=18)
    mark = {"module": "crossdock", "name": f"{sale().id}__till", "model": "pos.order", "res_id": 0}
    box.run("ir.model.data", "create", vals_list=[mark])
    async with connect(box, **TILLS) as odoo:
        with pytest.raises(crossdock.UnavailableError, match="may still be at work") as caught:
            await odoo.apply(command(sale()))
        assert caught.value.outcome == "failed"
        box.offset_s += 1000
        await odoo.apply(command(sale(), attempt=2))
    assert len(_sales(box)) == 1


async def test_two_connections_race(
    box: OdooSandbox, connect: Any, sale: Any, command: Any
) -> None:
    async with connect(box, **TILLS) as one, connect(box, **TILLS) as other:
        wishes = [command(sale(number)) for number in range(6)]
        pairs = [(port, wish) for wish in wishes for port in (one, other)]
        await asyncio.gather(*(port.apply(wish) for port, wish in pairs), return_exceptions=True)
        for wish in wishes:
            if await one.find(wish) is None:
                box.offset_s += 1000
                await one.apply(wish)
    assert sorted(row["pos_reference"] for row in _sales(box)) == [f"#{n}" for n in range(6)]

"""Order, partial shipment, refund and stock, with a real storefront: `nox -s live_vendure`."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from crossdock import Command
from crossdock.canonical import EntityRef, Money, Refund
from crossdock_vendure.queries import ORDER

if TYPE_CHECKING:
    from vendure_line import Line

pytest_plugins = ["vendure_line"]
pytestmark = pytest.mark.timeout(300)
SKU = "TEE-S"
REFUND = """mutation R($input: RefundOrderInput!) { refundOrder(input: $input) {
  __typename ... on Refund { id state } ... on ErrorResult { errorCode message } } }"""
SETTLE = """mutation T($input: SettleRefundInput!) { settleRefund(input: $input) {
  __typename ... on Refund { id state } ... on ErrorResult { errorCode message } } }"""


async def order(line: "Line", number: str) -> dict[str, Any]:
    """As Vendure has it now."""
    return dict((await line.shop.ask(ORDER, id=number))["order"])


async def test_a_life_of_an_order(line: "Line") -> None:
    shop = line.shop

    # stock: what lies in the ERP is for sale in the shop
    async def for_sale() -> bool:
        on_hand, allocated = await shop.stock(SKU)
        return on_hand - allocated > 0

    await line.until("stock at the shop", for_sale)
    await line.erp.post("/_sandbox/stock", json={"sku": SKU, "on_hand": 41})

    async def forty_one() -> bool:
        return await shop.stock(SKU) == (41, 0)

    await line.until("41 pieces at the shop", forty_one)

    # order
    found = await shop.ask(
        "query F($sku: String!) { productVariants(options: {filter: {sku: {eq: $sku}}}) "
        "{ items { id } } }",
        sku=SKU,
    )
    bought = await shop.buy(found["productVariants"]["items"][0]["id"], 3)
    assert bought["state"] == "PaymentSettled"

    async def in_erp() -> Any:
        report = (await line.erp.get("/_sandbox/report")).json()
        return [one for one in report["orders"] if one["client_order_ref"] == bought["code"]]

    (sale,) = await line.until("the order in the ERP", in_erp)
    assert sale["state"] == "sale"

    # a partial shipment, then the rest
    await line.erp.post("/_sandbox/ship", json={"two_parcels": 1, "seed": 1})

    async def partly() -> Any:
        now = await order(line, bought["id"])
        return now if now["state"] == "PartiallyShipped" else None

    now = await line.until("a partial shipment at the shop", partly)
    (first,) = now["fulfillments"]
    assert first["lines"] == [{"orderLineId": now["lines"][0]["id"], "quantity": 1}]
    assert first["trackingCode"].startswith("1Z")
    await line.erp.post("/_sandbox/ship", json={"two_parcels": 0, "seed": 1})

    async def whole() -> Any:
        now = await order(line, bought["id"])
        return now if now["state"] == "Shipped" else None

    now = await line.until("the rest at the shop", whole)
    assert sorted(one["lines"][0]["quantity"] for one in now["fulfillments"]) == [1, 2]

    # nothing is lost, nothing is dead, nobody must look
    async def quiet() -> Any:
        told = await line.status()
        return told if told["account"]["quiet"] else None

    told = (await line.until("a quiet line", quiet))["account"]
    assert (told["difference"], told["dead_letters"], told["exceptions"]) == (0, 0, 0)

    # a refund told to the shop, twice: it is made once
    amount = Money(amount=Decimal("10.00"), currency="USD")
    data = Refund(
        order=EntityRef(id="ord_1"),
        state="succeeded",
        amount=amount,
        requested_at=datetime.now(UTC),
    )
    wish = Command(
        id="cmd_refund",
        type="refund.create",
        data=data,
        entity_id="rfd_live",
        native_ids={"ord_1": bought["id"]},
    )
    receipt = await shop.port.apply(wish)
    assert (await shop.port.apply(wish)).native_id == receipt.native_id
    (paid,) = (await order(line, bought["id"]))["payments"]
    assert [(one["total"], one["state"]) for one in paid["refunds"]] == [(1000, "Settled")]

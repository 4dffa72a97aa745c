"""Answers lost after the commit: nothing is doubled, nothing is missing."""

import importlib.util
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import crossdock
from crossdock.canonical import (
    EntityRef,
    Money,
    Payment,
    Refund,
    RefundLine,
    Return,
    ReturnLine,
    ReturnReceipt,
    ReturnReceiptLine,
    Settlement,
    SettlementSum,
)
from crossdock.identity import entity_id

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


TOTE = "gid://shop/LineItem/2"
DAY = "2026-11-20T10:00:00Z"
DOCUMENTS = (
    "create", "write", "load", "unlink", "action_create_returns", "create_returns",
    "button_validate", "action_validate", "action_post", "js_assign_outstanding_line",
    "create_invoices", "action_cancel", "action_draft", "action_confirm",
)  # fmt: skip


def _story(lab: Any, order: Any) -> list[tuple[str, Any]]:
    """What follows the delivery of an order, command by command."""

    def usd(amount: str) -> Money:
        return Money(amount=Decimal(amount), currency="USD")

    def named(kind: str) -> str:
        return entity_id(lab.prefix, kind, f"{order.number}/lost")

    of = EntityRef(id=order.id)
    asked = Return(
        id=named("return"),
        order=of,
        number=f"RMA-{order.number}",
        requested_at=DAY,
        lines=(ReturnLine(line_id="1", requested=Decimal(2)),),
    )
    came = ReturnReceipt(
        id=named("return_receipt"),
        return_ref=EntityRef(id=asked.id),
        order=of,
        location=lab.warehouse,
        received_at=DAY,
        lines=(
            ReturnReceiptLine(
                line_id="1", quantity=Decimal(2), condition="new", disposition="restock"
            ),
            ReturnReceiptLine(
                line_id=TOTE, quantity=Decimal(1), condition="damaged", disposition="scrap"
            ),
        ),
    )
    paid = Payment(
        id=named("payment"),
        order=of,
        method="card",
        currency="USD",
        captured=usd("69.84"),
        authorised_at=DAY,
    )
    back = Refund(
        id=named("refund"),
        order=of,
        state="succeeded",
        reason="return",
        amount=usd("29.75"),
        requested_at=DAY,
        settled_at=DAY,
        lines=(RefundLine(line_id="1", quantity=Decimal(2), amount=usd("29.75")),),
    )
    told = Settlement(
        id=named("settlement"),
        number=f"S-{order.number}",
        channel="amazon",
        period_start=DAY,
        period_end=DAY,
        currency="USD",
        sums=(
            SettlementSum(category="sales", amount=usd("69.84")),
            SettlementSum(category="fees", amount=usd("-9.84")),
        ),
        total=usd("60.00"),
    )
    return [
        ("payment.create", paid),
        ("return.create", asked),
        ("return_receipt.create", came),
        ("refund.create", back),
        ("settlement.create", told),
    ]


async def _carry_out(lab: Any, odoo: Any, type_: str, data: Any) -> None:
    for attempt in range(1, 60):
        wish = lab.command(data, type_, attempt)
        try:
            if attempt > 1 and await odoo.find(wish) is not None:
                return
            await odoo.apply(wish)
        except crossdock.UnavailableError:
            continue
        return
    raise AssertionError(f"60 attempts were not enough for {type_}")


async def test_lost_answers_double_no_document(lab: Any, connect: Any) -> None:
    """Held, released, shipped, paid, returned, refunded, settled, half of the answers lost."""
    wanted = max(WANTED // 5, 20)
    proxy = _proxy()
    losses = proxy.Losses(wanted, writes=proxy.calls(*DOCUMENTS))
    async with connect() as odoo:
        rows = await odoo.rpc.search_read("account.journal", [["type", "=", "bank"]], ["code"])
        accounts = await odoo.rpc.search_read(
            "account.account", [["account_type", "in", ["income", "expense"]]], ["code"], limit=1
        )
    account = accounts[0]["code"]
    config = {
        "payment_journals": {"*": rows[0]["code"]},
        "settlement_accounts": {"other": account, "payout": account},
        "invoices": "create",
    }
    orders: list[Any] = []
    async with proxy.losing(lab.url, losses) as url, connect(url=url, **config) as odoo:
        with lab.step(f"documents while {wanted} answers are lost", 0):
            while losses.lost < wanted:
                order = lab.order()
                orders.append(order)
                for type_ in ("order.create", "order.hold", "order.release"):
                    await _carry_out(lab, odoo, type_, order)
                await _ship(lab, connect, order)
                for type_, data in _story(lab, order):
                    await _carry_out(lab, odoo, type_, data)
    lab.steps.append(("… orders with their documents", len(orders), 0.0, f"{losses.lost} lost"))
    async with connect() as odoo:
        for order in orders:
            await _counted_once(odoo, order)


async def _ship(lab: Any, connect: Any, order: Any) -> None:
    async with connect() as odoo:
        native = await odoo.orders.look(order.id)
        pickings = await odoo.rpc.search_read(
            "stock.picking", [["sale_id", "=", native], ["state", "=", "assigned"]], ["state"]
        )
        assert len(pickings) == 1
        await odoo.rpc.call(
            "stock.picking",
            "button_validate",
            ids=[pickings[0]["id"]],
            context={"skip_sms": True},
        )


async def _counted_once(odoo: Any, order: Any) -> None:
    rpc = odoo.rpc
    native = await odoo.orders.look(order.id)
    lines = await rpc.search_read(
        "sale.order.line", [["order_id", "=", native]], ["qty_delivered"], order="id"
    )
    assert [line["qty_delivered"] for line in lines][:2] == [0.0, 2.0]
    moves = await rpc.search_read(
        "stock.move",
        [
            ["sale_line_id", "in", [line["id"] for line in lines]],
            ["picking_id.picking_type_id.code", "=", "incoming"],
            ["state", "!=", "cancel"],
        ],
        ["quantity", "state"],
    )
    assert sorted((move["quantity"], move["state"]) for move in moves) == [
        (1.0, "done"),
        (2.0, "done"),
    ]
    documents = await rpc.search_read(
        "account.move",
        [["line_ids.sale_line_ids.order_id", "=", native]],
        ["move_type", "state", "amount_total", "payment_state"],
        order="id",
    )
    told = [
        (row["move_type"], row["state"], row["amount_total"], row["payment_state"])
        for row in documents
    ]
    assert told == [
        ("out_invoice", "posted", 69.84, "paid"),
        ("out_refund", "posted", 29.75, "paid"),
    ]
    entries = await rpc.search_read(
        "account.move", [["ref", "=", f"Settlement amazon S-{order.number}"]], ["state"]
    )
    assert [row["state"] for row in entries] == ["posted"]
    scraps = await rpc.search_read(
        "stock.scrap", [["origin", "=", await _name(rpc, native)]], ["state"]
    )
    assert [row["state"] for row in scraps] == ["done"]


async def _name(rpc: Any, native: int) -> str:
    (row,) = await rpc.read("sale.order", [native], ["name"])
    return str(row["name"])

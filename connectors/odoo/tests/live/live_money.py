"""Credit notes, payments and settlements, against a real Odoo."""

import asyncio
import datetime
from decimal import Decimal
from typing import Any

import crossdock
import pytest
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
from crossdock_odoo import translate

TOTE = "gid://shop/LineItem/2"
AT = f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}T10:00:00Z"


def money(amount: str, currency: str = "USD") -> Money:
    return Money(amount=Decimal(amount), currency=currency)


async def ship(odoo: Any, native: int) -> None:
    (row,) = await odoo.rpc.read("sale.order", [native], ["picking_ids"])
    await odoo.rpc.call(
        "stock.picking", "button_validate", ids=row["picking_ids"], context={"skip_sms": True}
    )


async def invoiced(odoo: Any, native: int) -> int:
    """Odoo's people press Create Invoice, then Confirm."""
    wizard = await odoo.rpc.call(
        "sale.advance.payment.inv",
        "create",
        vals_list=[{"advance_payment_method": "delivered", "sale_order_ids": [[6, 0, [native]]]}],
    )
    made = await odoo.rpc.call("sale.advance.payment.inv", "create_invoices", ids=wizard)
    await odoo.rpc.call("account.move", "action_post", ids=[made["res_id"]])
    return int(made["res_id"])


async def bank(odoo: Any) -> str:
    rows = await odoo.rpc.search_read("account.journal", [["type", "=", "bank"]], ["code"])
    return str(rows[0]["code"])


def refund(lab: Any, order: Any, amount: str, *lines: tuple[str, int, str], **more: Any) -> Refund:
    values: dict[str, Any] = {
        "id": entity_id(lab.prefix, "refund", f"{order.number}/{amount}"),
        "order": EntityRef(id=order.id),
        "state": "succeeded",
        "amount": money(amount),
        "requested_at": AT,
        "settled_at": AT,
        "lines": tuple(
            RefundLine(line_id=line, quantity=Decimal(many) if many else None, amount=money(sum_))
            for line, many, sum_ in lines
        ),
    }
    return Refund(**{**values, **more})


def payment(lab: Any, order: Any, captured: str = "69.84") -> Payment:
    return Payment(
        id=entity_id(lab.prefix, "payment", order.number),
        order=EntityRef(id=order.id),
        method="card",
        currency="USD",
        captured=money(captured),
        authorised_at=AT,
    )


async def sold(odoo: Any, native: int) -> list[tuple[float, float]]:
    rows = await odoo.rpc.search_read(
        "sale.order.line",
        [["order_id", "=", native]],
        ["qty_invoiced", "qty_to_invoice"],
        order="id",
    )
    return [(row["qty_invoiced"], row["qty_to_invoice"]) for row in rows]


@pytest.mark.parametrize("policy", ["order", "delivery"])
async def test_refunds_under_both_policies(lab: Any, connect: Any, policy: str) -> None:
    order = lab.order()
    mug = lab.products[order.lines[0].sku]
    first = refund(lab, order, "14.88", ("1", 1, "14.88"), reason="return")
    second = refund(lab, order, "22.77", (TOTE, 2, "22.77"), reason="goodwill")
    third = refund(lab, order, "5.00", reason="goodwill")
    asked = Return(
        id=entity_id(lab.prefix, "return", order.number),
        order=EntityRef(id=order.id),
        number="RMA",
        requested_at=AT,
        lines=(ReturnLine(line_id="1", requested=Decimal(1)),),
    )
    came = ReturnReceipt(
        id=entity_id(lab.prefix, "return_receipt", order.number),
        return_ref=EntityRef(id=asked.id),
        order=EntityRef(id=order.id),
        location=lab.warehouse,
        received_at=AT,
        lines=(
            ReturnReceiptLine(
                line_id="1", quantity=Decimal(1), condition="new", disposition="restock"
            ),
        ),
    )
    async with connect() as odoo:
        for line in order.lines:
            product = lab.products[line.sku]
            await odoo.rpc.call(
                "product.product", "write", ids=[product], vals={"invoice_policy": policy}
            )
        receipt = await odoo.apply(lab.command(order))
        native = int(receipt.native_id)
        await ship(odoo, native)
        invoice = await invoiced(odoo, native)
        before = await sold(odoo, native)
        with lab.step("refund.create"):
            booked = await odoo.apply(lab.command(first, "refund.create"))
        again = await odoo.apply(lab.command(first, "refund.create", 2))
        assert (again.changed, again.native_id) == (False, booked.native_id)
        assert await odoo.find(lab.command(first, "refund.create")) is not None
        (note,) = await odoo.rpc.read(
            "account.move",
            [int(booked.native_id)],
            ["move_type", "state", "amount_total", "amount_tax", "reversed_entry_id"],
        )
        assert (note["move_type"], note["state"]) == ("out_refund", "posted")
        assert (note["amount_total"], note["amount_tax"]) == (14.88, 2.38)
        assert note["reversed_entry_id"] == invoice
        await odoo.apply(lab.command(asked, "return.create"))
        await odoo.apply(lab.command(came, "return_receipt.create"))
        (row,) = await odoo.rpc.read("sale.order", [native], ["invoice_ids", "invoice_status"])
        assert note["id"] in row["invoice_ids"]
        after = await sold(odoo, native)
        # refunded and back: nothing is left to be invoiced or credited again
        assert [due for _, due in after[:2]] == [0.0, 0.0], (before, after)
        for given in (second, third):
            made = await odoo.apply(lab.command(given, "refund.create"))
            (note,) = await odoo.rpc.read("account.move", [int(made.native_id)], ["amount_total"])
            assert note["amount_total"] == float(given.amount.amount)
        assert (await sold(odoo, native))[:2] == after[:2]
        await odoo.rpc.call("product.product", "write", ids=[mug], vals={"invoice_policy": "order"})


async def test_payments_settle_the_invoice_and_the_credit_note(lab: Any, connect: Any) -> None:
    order = lab.order()
    async with connect() as odoo:
        journal = await bank(odoo)
    async with connect(payment_journals={"*": journal}, invoices="create") as odoo:
        receipt = await odoo.apply(lab.command(order))
        await ship(odoo, int(receipt.native_id))
        part = lab.command(payment(lab, order, "20.00"), "payment.create")
        whole = lab.command(payment(lab, order), "payment.create")
        await odoo.apply(part)
        assert await odoo.find(part) is not None
        assert await odoo.find(whole) is None
        with lab.step("payment.create"):
            paid = await odoo.apply(whole)
        assert not (await odoo.apply(whole)).changed
        documents = await odoo.rpc.search_read(
            "account.move",
            [["line_ids.sale_line_ids.order_id", "=", int(receipt.native_id)]],
            ["payment_state", "amount_total"],
        )
        assert [(row["payment_state"], row["amount_total"]) for row in documents] == [
            ("paid", 69.84)
        ], paid
        given = refund(
            lab, order, "69.84", payment=EntityRef(id=payment(lab, order).id), reason="return"
        )
        with lab.step("refund.create with payment"):
            booked = await odoo.apply(lab.command(given, "refund.create"))
        assert await odoo.find(lab.command(given, "refund.create")) is not None
        assert not (await odoo.apply(lab.command(given, "refund.create", 2))).changed
        (note,) = await odoo.rpc.read(
            "account.move", [int(booked.native_id)], ["payment_state", "amount_total"]
        )
        assert (note["payment_state"], note["amount_total"]) == ("paid", 69.84)


def statement(lab: Any, number: str, total: str, currency: str = "USD", **sums: str) -> Settlement:
    return Settlement(
        id=entity_id(lab.prefix, "settlement", number),
        number=f"{lab.prefix}-{number}",
        channel="amazon",
        period_start=AT,
        period_end=AT,
        currency=currency,
        sums=tuple(
            SettlementSum(category=name, amount=money(amount, currency))
            for name, amount in sums.items()
        ),
        total=money(total, currency),
    )


async def _accounts(odoo: Any) -> dict[str, Any]:
    rows = await odoo.rpc.search_read("account.account", [], ["code", "account_type"], order="code")

    def of(kind: str) -> str:
        return str(next(row["code"] for row in rows if row["account_type"] == kind))

    return {
        "sales": of("income"),
        "fees": of("expense"),
        "other": of("expense"),
        "payout": of("asset_current"),
    }


async def test_documents_are_told(lab: Any, connect: Any) -> None:
    """Snapshots of a window, and a poll; a receipt that people booked is told, ours is not."""
    start = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=2)
    order = lab.order()
    given = refund(lab, order, "14.88", ("1", 1, "14.88"), reason="return")
    asked = Return(
        id=entity_id(lab.prefix, "return", order.number),
        order=EntityRef(id=order.id),
        number="RMA",
        requested_at=AT,
        lines=(ReturnLine(line_id="1", requested=Decimal(1)),),
    )
    kinds = ("invoice", "credit_note", "payment", "return_receipt")
    async with connect() as odoo:
        journal = await bank(odoo)
    async with connect(payment_journals={"*": journal}, poll_documents=kinds) as odoo:
        raws = [raw async for raw in odoo.poll(None)]
        cursor = raws[-1].cursor
        receipt = await odoo.apply(lab.command(order))
        await ship(odoo, int(receipt.native_id))
        await invoiced(odoo, int(receipt.native_id))
        await odoo.apply(lab.command(payment(lab, order), "payment.create"))
        back = await odoo.apply(lab.command(asked, "return.create"))
        await odoo.rpc.call(
            "stock.picking",
            "button_validate",
            ids=[int(back.native_id)],
            context={"skip_sms": True},
        )
        await odoo.apply(lab.command(given, "refund.create"))
        await asyncio.sleep(2)
        found = {}
        for kind in kinds:
            window = crossdock.Window(kind=kind, since=start)
            with lab.step(f"snapshot of {kind}, a window"):
                events = [event async for raw in odoo.snapshot(window) for event in translate(raw)]
            found[kind] = [
                event.data
                for event in events
                if getattr(event.data, "order", None) is None or event.data.order.id == order.id
            ]
        (invoice,), (note,), (came,) = (
            found[kind] for kind in ("invoice", "credit_note", "return_receipt")
        )
        assert found["payment"]
        assert (str(invoice.total.amount), str(invoice.paid.amount)) == ("69.84", "69.84")
        assert invoice.lines[0].order_line_id == "1"
        assert (str(note.total.amount), note.refund.id) == ("14.88", given.id)
        assert (came.return_ref.id, str(came.lines[0].restocked)) == (asked.id, "1")
        raws = [raw async for raw in odoo.poll(cursor)]
        topics = [raw.topic for raw in raws]
        assert {"account.move", "account.payment", "stock.receipt"} <= set(topics)


async def test_settlements(lab: Any, connect: Any) -> None:
    told = statement(
        lab, "S1", "76.55", sales="100.10", refunds="-10.00", fees="-15.05", advertising="1.50"
    )
    euro = statement(lab, "S2", "85.04", "EUR", sales="100.10", fees="-15.05", tax="-0.01")
    async with connect() as odoo:
        accounts = await _accounts(odoo)
        await _euro_rate(odoo)
    async with connect(settlement_accounts=accounts) as odoo:
        with lab.step("settlement.create"):
            booked = await odoo.apply(lab.command(told, "settlement.create"))
        again = await odoo.apply(lab.command(told, "settlement.create", 2))
        assert (again.changed, again.native_id) == (False, booked.native_id)
        assert await odoo.find(lab.command(told, "settlement.create")) is not None
        foreign = await odoo.apply(lab.command(euro, "settlement.create"))
        for receipt, total in ((booked, "76.55"), (foreign, "85.04")):
            lines = await odoo.rpc.search_read(
                "account.move.line",
                [["move_id", "=", int(receipt.native_id)]],
                ["balance", "amount_currency", "parent_state"],
            )
            assert all(line["parent_state"] == "posted" for line in lines)
            assert round(sum(line["balance"] for line in lines), 2) == 0
            assert round(sum(line["amount_currency"] for line in lines), 2) == 0
            assert float(total) in {line["amount_currency"] for line in lines}


async def _euro_rate(odoo: Any) -> None:
    """So that cents are left over."""
    (euro,) = await odoo.rpc.search_read("res.currency", [["name", "=", "EUR"]], ["name"])
    day = AT[:10]
    there = await odoo.rpc.search_read(
        "res.currency.rate", [["currency_id", "=", euro["id"]], ["name", "=", day]], ["rate"]
    )
    if not there:
        values = {"currency_id": euro["id"], "name": day, "rate": 0.9137}
        await odoo.rpc.call("res.currency.rate", "create", vals_list=[values])


async def test_a_closed_period_has_a_name(lab: Any, connect: Any) -> None:
    """The lock lies in 2020, where this database has booked nothing."""
    old = statement(lab, "S3", "10.00", sales="10.00")
    old = old.model_copy(
        update={"period_end": old.period_end.replace(year=2019), "period_start": old.period_start}
    )
    async with connect() as odoo:
        accounts = await _accounts(odoo)
    async with connect(settlement_accounts=accounts) as odoo:
        rpc = odoo.rpc
        told = await rpc.call("sale.order", "default_get", fields=["company_id"])
        company = told["company_id"]
        await rpc.call(
            "res.company", "write", ids=[company], vals={"fiscalyear_lock_date": "2019-12-31"}
        )
        try:
            with pytest.raises(crossdock.RejectedError) as caught:
                await odoo.apply(lab.command(old, "settlement.create"))
        finally:
            await rpc.call(
                "res.company", "write", ids=[company], vals={"fiscalyear_lock_date": False}
            )
        assert caught.value.reason == "closed_period", str(caught.value)
        assert (await odoo.apply(lab.command(old, "settlement.create", 2))).changed

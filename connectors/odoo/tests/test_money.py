"""Credit notes under both invoicing policies, payments, settlements; once, and to the cent."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import crossdock
import pytest
from crossdock.canonical import (
    EntityRef,
    Order,
    Payment,
    Refund,
    RefundLine,
    Settlement,
    SettlementSum,
)
from crossdock.identity import entity_id
from crossdock_odoo import sandbox_control
from crossdock_odoo.sandbox import Misbehaviour, OdooSandbox

from .conftest import money

MUG, TOTE = "866550311766439020", "gid://shop/LineItem/2"
AT = "2026-11-23T10:00:00Z"
JOURNALS = {"*": "BNK1"}


def wish(data: Any, type_: str, attempt: int = 1) -> crossdock.Command[Any]:
    return crossdock.Command(
        id=f"cmd_{data.id}", type=type_, data=data, entity_id=data.id, attempt=attempt
    )


def refund(order: Order, amount: str, *lines: tuple[str, int, str], **more: Any) -> Refund:
    """(line, quantity or 0, amount) of what is given back."""
    values: dict[str, Any] = {
        "id": entity_id("web", "refund", f"{order.number}/{amount}"),
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


def payment(order: Order, captured: str | None = "69.84", **more: Any) -> Payment:
    values: dict[str, Any] = {
        "id": entity_id("web", "payment", order.number),
        "order": EntityRef(id=order.id),
        "method": "card",
        "provider": "stripe",
        "currency": "USD",
        "captured": money(captured) if captured else None,
        "authorised_at": AT,
    }
    return Payment(**{**values, **more})


def policy(box: OdooSandbox, told: str) -> None:
    box.store.begin()
    for row in list(box.store.tables["product.product"].rows.values()):
        box.store.update("product.product", row["id"], invoice_policy=told)


def moves(box: OdooSandbox, kind: str, state: str = "posted") -> list[dict[str, Any]]:
    rows = box.store.tables["account.move"].rows.values()
    return [row for row in rows if (row["move_type"], row["state"]) == (kind, state)]


def sold(box: OdooSandbox) -> list[tuple[float, float]]:
    """(invoiced, still to invoice) of the order's lines."""
    return [
        (line["qty_invoiced"], box.store.value("sale.order.line", line, "qty_to_invoice"))
        for line in box.store.by("sale.order.line", "order_id", 1)
    ]


async def bought(box: OdooSandbox, odoo: Any, order: Order, *, invoiced: bool = True) -> None:
    await odoo.apply(wish(order, "order.create"))
    sandbox_control.ship(box, two_parcels=0, seed=1)
    if invoiced:
        box.store.begin()
        wizard = box.run(
            "sale.advance.payment.inv",
            "create",
            vals_list=[{"advance_payment_method": "delivered", "sale_order_ids": [[6, 0, [1]]]}],
        )
        made = box.run("sale.advance.payment.inv", "create_invoices", wizard)
        box.run("account.move", "action_post", [made["res_id"]])


@pytest.mark.parametrize("told", ["order", "delivery"])
async def test_a_refund_of_returned_goods(
    box: OdooSandbox, connect: Callable[..., Any], order: Callable[..., Order], told: str
) -> None:
    """The credit note has the line's taxes; nothing is left to be invoiced or credited again."""
    policy(box, told)
    given = refund(order(), "14.88", (MUG, 1, "14.88"), reason="return")
    async with connect(box) as odoo:
        await bought(box, odoo, order())
        booked = await odoo.apply(wish(given, "refund.create"))
        again = await odoo.apply(wish(given, "refund.create", 2))
        found = await odoo.find(wish(given, "refund.create"))
    (note,) = moves(box, "out_refund")
    assert (booked.native_id, note["amount_total"], note["amount_tax"]) == (
        str(note["id"]), 14.88, 2.38,
    )  # fmt: skip
    assert (again.changed, again.native_id) == (False, booked.native_id)
    assert found is not None
    assert note["reversed_entry_id"] == moves(box, "out_invoice")[0]["id"]
    assert note["id"] in box.store.value(
        "sale.order", box.store.row("sale.order", 1), "invoice_ids"
    )
    # as delivered, Odoo waits for the mug to come back; as ordered, it must not invoice it again
    assert sold(box)[0] == ((1.0, 1.0) if told == "delivery" else (2.0, 0.0))


async def test_a_return_that_came_first_is_credited_once(
    connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    box = OdooSandbox()
    async with connect(box) as odoo:
        await bought(box, odoo, order())
        box.store.begin()
        box.store.update("sale.order.line", 1, qty_delivered=1.0)
        assert sold(box)[0] == (2.0, -1.0)
        given = refund(order(), "14.88", (MUG, 1, "14.88"))
        await odoo.apply(wish(given, "refund.create"))
    assert sold(box)[0] == (1.0, 0.0)


@pytest.mark.parametrize(
    ("amount", "lines", "more"),
    [
        ("69.84", (), {}),  # all of it, no line named
        ("5.00", (), {"reason": "goodwill"}),
        ("20.82", ((MUG, 1, "14.88"),), {"shipping": money("5.94")}),
        ("12.38", ((MUG, 1, "14.88"),), {"fee": money("2.50")}),
        ("22.77", ((TOTE, 2, "22.77"),), {"reason": "return"}),
        ("0.01", ((TOTE, 0, "0.01"),), {"reason": "price_match"}),
        ("10.00", ((TOTE, 3, "10.00"),), {}),
    ],
)
async def test_credit_notes_come_to_the_cent(
    box: OdooSandbox,
    connect: Callable[..., Any],
    order: Callable[..., Order],
    amount: str,
    lines: Any,
    more: Any,
) -> None:
    async with connect(box) as odoo:
        await bought(box, odoo, order())
        await odoo.apply(wish(refund(order(), amount, *lines, **more), "refund.create"))
    (note,) = moves(box, "out_refund")
    assert note["amount_total"] == float(amount)


async def test_what_is_not_booked_says_why(
    connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    box, here = OdooSandbox(), order()
    async with connect(box) as odoo:
        await bought(box, odoo, here, invoiced=False)
        failed = await odoo.apply(wish(refund(here, "5.00", state="failed"), "refund.create"))
        assert (failed.changed, "failed" in failed.note) == (False, True)
        for given, reason in (
            (refund(here, "5.00", state="pending"), "refund_pending"),
            (refund(here, "5.00"), "not_invoiced"),
        ):
            with pytest.raises(crossdock.RejectedError) as caught:
                await odoo.apply(wish(given, "refund.create"))
            assert caught.value.reason == reason
        await bought(box, odoo, order(2))
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(wish(refund(order(3), "5.00"), "refund.create"))
        assert caught.value.reason == "unknown_order"
        assert "empty" in (await odoo.apply(wish(payment(here), "payment.create"))).note
    assert moves(box, "out_refund") == moves(box, "out_refund", "draft") == []


async def test_a_refund_in_another_currency_is_for_a_person(
    connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    box = OdooSandbox()
    async with connect(box) as odoo:
        await bought(box, odoo, order())
        given = refund(order(), "5.00").model_copy(update={"amount": money("5.00", "EUR")})
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(wish(given, "refund.create"))
    assert caught.value.reason == "currency_differs"


async def test_somebody_elses_credit_note_is_not_doubled(
    connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    box = OdooSandbox()
    async with connect(box) as odoo:
        await bought(box, odoo, order())
        box.store.begin()
        box.store.update("sale.order.line", 1, qty_delivered=1.0)
        wizard = box.run(
            "sale.advance.payment.inv",
            "create",
            vals_list=[{"advance_payment_method": "delivered", "sale_order_ids": [[6, 0, [1]]]}],
        )
        box.run("sale.advance.payment.inv", "create_invoices", wizard)
        given = refund(order(), "14.88", (MUG, 1, "14.88"))
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(wish(given, "refund.create"))
    assert caught.value.reason == "credited_elsewhere"


async def test_payments_are_registered_and_settle_the_invoice(
    box: OdooSandbox, connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    here = order()
    async with connect(box, payment_journals=JOURNALS) as odoo:
        await bought(box, odoo, here)
        first = payment(here, "20.00")
        part = await odoo.apply(wish(first, "payment.create"))
        (invoice,) = moves(box, "out_invoice")
        assert (invoice["payment_state"], invoice["amount_residual"]) == ("partial", 49.84)
        assert await odoo.find(wish(first, "payment.create")) is not None
        assert await odoo.find(wish(payment(here), "payment.create")) is None
        whole = await odoo.apply(wish(payment(here), "payment.create"))
        again = await odoo.apply(wish(payment(here), "payment.create", 2))
        assert (whole.native_id, again.changed) == (part.native_id, False)
        (invoice,) = moves(box, "out_invoice")
        assert (invoice["payment_state"], invoice["amount_residual"]) == ("paid", 0.0)
        given = refund(here, "69.84", payment=EntityRef(id=payment(here).id))
        booked = await odoo.apply(wish(given, "refund.create"))
        assert await odoo.find(wish(given, "refund.create")) is not None
        assert not (await odoo.apply(wish(given, "refund.create", 2))).changed
    rows = list(box.store.tables["account.payment"].rows.values())
    assert [(row["payment_type"], row["amount"]) for row in rows] == [
        ("inbound", 20.0), ("inbound", 49.84), ("outbound", 69.84),
    ]  # fmt: skip
    assert "paid by" in booked.note
    (note,) = moves(box, "out_refund")
    assert note["payment_state"] == "paid"


async def test_a_payment_before_the_invoice_waits_for_it(
    box: OdooSandbox, connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    here = order()
    async with connect(box, payment_journals=JOURNALS) as odoo:
        await odoo.apply(wish(here, "order.create"))
        early = await odoo.apply(wish(payment(here), "payment.create"))
        assert moves(box, "out_invoice") == []
        await bought(box, odoo, here)
        late = await odoo.apply(wish(payment(here), "payment.create", 2))
    assert (early.changed, late.changed) == (True, True)
    (invoice,) = moves(box, "out_invoice")
    assert invoice["payment_state"] == "paid"


async def test_invoices_are_made_where_the_configuration_says_so(
    box: OdooSandbox, connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    here = order()
    async with connect(box, payment_journals=JOURNALS, invoices="create") as odoo:
        await bought(box, odoo, here, invoiced=False)
        await odoo.apply(wish(payment(here), "payment.create"))
        await odoo.apply(wish(payment(here), "payment.create", 2))
    (invoice,) = moves(box, "out_invoice")
    assert (invoice["amount_total"], invoice["payment_state"]) == (69.84, "paid")


@pytest.mark.parametrize(
    "call",
    [
        "account.payment/load",
        "account.payment/action_post",
        "account.move/js_assign",
        "account.move/load",
        "account.move/action_post",
        "sale.advance.payment.inv/create_invoices",
    ],
)
@pytest.mark.parametrize("version", [19, 17])
async def test_lost_answers_book_nothing_twice(
    connect: Callable[..., Any], order: Callable[..., Order], call: str, version: int
) -> None:
    box, here = OdooSandbox(version=version), order()
    steps = [
        (payment(here), "payment.create"),
        (refund(here, "14.88", (MUG, 1, "14.88")), "refund.create"),
    ]
    async with connect(box, payment_journals=JOURNALS, invoices="create") as odoo:
        await bought(box, odoo, here, invoiced=False)
        lost = 0
        for data, type_ in steps:
            box.faults.append(Misbehaviour(kind="lost_answer", count=1, match=call))
            for attempt in range(1, 5):
                try:
                    if await odoo.find(wish(data, type_, attempt)) is None or attempt == 1:
                        await odoo.apply(wish(data, type_, attempt))
                    break
                except crossdock.UnavailableError:
                    lost += 1
            box.faults.clear()
        assert lost
    assert len(moves(box, "out_invoice")) == len(moves(box, "out_refund")) == 1
    rows = list(box.store.tables["account.payment"].rows.values())
    assert [row["amount"] for row in rows] == [69.84, 14.88]
    assert all(row["state"] != "draft" and row["move_id"] for row in rows)
    documents = [*moves(box, "out_invoice"), *moves(box, "out_refund")]
    assert [row["payment_state"] for row in documents] == ["paid", "paid"]


def statement(total: str, number: str = "S-1", currency: str = "USD", **sums: str) -> Settlement:
    return Settlement(
        id=entity_id("amazon", "settlement", number),
        number=number,
        channel="amazon",
        period_start="2026-11-01T00:00:00Z",
        period_end="2026-11-15T00:00:00Z",
        currency=currency,
        sums=tuple(
            SettlementSum(category=category, amount=money(amount, currency))
            for category, amount in sums.items()
        ),
        total=money(total, currency),
    )


ACCOUNTS = {"sales": "400000", "refunds": "400100", "fees": "620000", "other": "690000",
            "payout": "101410"}  # fmt: skip


def entry_lines(box: OdooSandbox, entry: dict[str, Any]) -> dict[str, tuple[float, float]]:
    store = box.store
    return {
        store.row("account.account", line["account_id"])["code"]: (line["debit"], line["credit"])
        for line in store.by("account.move.line", "move_id", entry["id"])
    }


async def test_a_settlement_is_one_balanced_entry(
    box: OdooSandbox, connect: Callable[..., Any]
) -> None:
    told = statement("76.55", sales="100.10", refunds="-10.00", fees="-15.05", advertising="1.50")
    async with connect(box, settlement_accounts=ACCOUNTS) as odoo:
        booked = await odoo.apply(wish(told, "settlement.create"))
        again = await odoo.apply(wish(told, "settlement.create", 2))
        found = await odoo.find(wish(told, "settlement.create"))
        other = statement("90.10", sales="100.10", refunds="-10.00")
        changed = await odoo.apply(wish(other, "settlement.create"))
    (entry,) = moves(box, "entry")
    assert booked.native_id == again.native_id == str(entry["id"])
    assert (booked.changed, again.changed) == (True, False)
    assert found is not None
    assert "statement now says" in changed.note
    assert entry["date"] == "2026-11-15"
    assert entry_lines(box, entry) == {
        "400000": (0.0, 100.1),
        "400100": (10.0, 0.0),
        "620000": (15.05, 0.0),
        "690000": (0.0, 1.5),
        "101410": (76.55, 0.0),
    }


async def test_a_settlement_in_another_currency_balances_in_both(
    box: OdooSandbox, connect: Callable[..., Any]
) -> None:
    told = statement("85.04", currency="EUR", sales="100.10", fees="-15.05", tax="-0.01")
    async with connect(box, settlement_accounts=ACCOUNTS) as odoo:
        await odoo.apply(wish(told, "settlement.create"))
    (entry,) = moves(box, "entry")
    lines = box.store.by("account.move.line", "move_id", entry["id"])
    assert round(sum(line["amount_currency"] for line in lines), 2) == 0
    assert round(sum(line["balance"] for line in lines), 2) == 0
    assert {line["amount_currency"] for line in lines} == {-100.1, 15.05, 0.01, 85.04}


async def test_settlements_that_cannot_be_booked(connect: Callable[..., Any]) -> None:
    box = OdooSandbox()
    wrong = statement("85.00", sales="100.10", fees="-15.05")
    good = statement("85.05", sales="100.10", fees="-15.05")
    async with connect(box, settlement_accounts={"sales": "400000"}) as odoo:
        reasons = []
        for told in (wrong, good):
            with pytest.raises(crossdock.RejectedError) as caught:
                await odoo.apply(wish(told, "settlement.create"))
            reasons.append(caught.value.reason)
    assert reasons == ["not_balanced", "no_account"]
    async with connect(box, settlement_accounts={**ACCOUNTS, "fees": "999999"}) as odoo:
        with pytest.raises(crossdock.ConfigError, match="settlement_accounts: fees"):
            await odoo.apply(wish(good, "settlement.create"))
    box.store.begin()
    box.store.update("res.company", 1, fiscalyear_lock_date="2026-11-30")
    async with connect(box, settlement_accounts=ACCOUNTS) as odoo:
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(wish(good, "settlement.create"))
        assert caught.value.reason == "closed_period"
        assert "closed up to 2026-11-30" in str(caught.value)
        assert moves(box, "entry") == moves(box, "entry", "draft") == []
    async with connect(box, settlement_accounts=ACCOUNTS, closed_period="shift") as odoo:
        later = statement("85.05", "S-2", sales="100.10", fees="-15.05")
        assert "2026-12-01" in (await odoo.apply(wish(later, "settlement.create"))).note
    async with connect(box, settlement_accounts=ACCOUNTS) as odoo:
        box.store.begin()
        box.store.update("res.company", 1, fiscalyear_lock_date="2026-10-31")
        assert (await odoo.apply(wish(good, "settlement.create", 2))).changed
    assert len(moves(box, "entry")) == 2


async def test_nothing_is_booked_into_a_closed_period(
    connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    box, here = OdooSandbox(), order()
    async with connect(box, payment_journals=JOURNALS) as odoo:
        await bought(box, odoo, here)
        box.store.begin()
        box.store.update("res.company", 1, hard_lock_date="2026-11-23")
        for data, type_ in (
            (payment(here), "payment.create"),
            (refund(here, "5.00"), "refund.create"),
        ):
            with pytest.raises(crossdock.RejectedError) as caught:
                await odoo.apply(wish(data, type_))
            assert caught.value.reason == "closed_period"
    assert not box.store.tables["account.payment"].rows
    assert moves(box, "out_refund", "draft") == []


@pytest.mark.parametrize("call", ["account.move/load", "account.move/action_post"])
async def test_a_lost_answer_books_no_settlement_twice(
    connect: Callable[..., Any], call: str
) -> None:
    box, told = OdooSandbox(), statement("85.05", sales="100.10", fees="-15.05")
    async with connect(box, settlement_accounts=ACCOUNTS) as odoo:
        box.faults.append(Misbehaviour(kind="lost_answer", count=1, match=call))
        with pytest.raises(crossdock.UnavailableError):
            await odoo.apply(wish(told, "settlement.create"))
        if await odoo.find(wish(told, "settlement.create", 2)) is None:
            await odoo.apply(wish(told, "settlement.create", 2))
    assert len(moves(box, "entry")) == 1
    assert moves(box, "entry", "draft") == []

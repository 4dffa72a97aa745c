"""Invoices, credit notes, payments and returns as snapshots and polls tell them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import crossdock
import pytest
from crossdock.canonical import CreditNote, Invoice, Order, Payment, ReturnReceipt
from crossdock_odoo import translate
from crossdock_odoo.client import HANDLES
from crossdock_odoo.sandbox import OdooSandbox

from .test_money import JOURNALS, MUG, TOTE, bought, payment, refund, wish
from .test_returns import received, returned

KINDS = ("invoice", "credit_note", "payment", "return_receipt")


async def told(odoo: Any, kind: str, **window: Any) -> list[crossdock.Event[Any]]:
    raws = [raw async for raw in odoo.snapshot(crossdock.Window(kind=kind, **window))]
    return [event for raw in raws for event in translate(raw)]


async def history(box: OdooSandbox, odoo: Any, order: Order) -> None:
    """Sold, shipped, invoiced, paid, partly returned and refunded."""
    await bought(box, odoo, order)
    await odoo.apply(wish(payment(order), "payment.create"))
    await odoo.apply(wish(returned(order, mug=1), "return.create"))
    (picking,) = [
        row
        for row in box.store.tables["stock.picking"].rows.values()
        if box.methods.stock.returns.arrives(row)
    ]
    box.run("stock.picking", "button_validate", [picking["id"]])
    await odoo.apply(wish(refund(order, "14.88", (MUG, 1, "14.88")), "refund.create"))


async def test_snapshots_tell_documents(
    box: OdooSandbox, connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    here = order()
    async with connect(box, payment_journals=JOURNALS) as odoo:
        await history(box, odoo, here)
        found = {kind: await told(odoo, kind) for kind in KINDS}
        soon = datetime.now(UTC) + timedelta(hours=1)
        assert [await told(odoo, kind, since=soon) for kind in KINDS] == [[], [], [], []]
        with pytest.raises(crossdock.RejectedError, match="credit_note"):
            await told(odoo, "payout")
    ((invoice,), (note,), (paid,), (came,)) = (found[kind] for kind in KINDS)
    assert [event.type for event in (invoice, note, paid, came)] == [
        "invoice.posted", "credit_note.posted", "payment.captured", "return_receipt.recorded",
    ]  # fmt: skip
    assert isinstance(invoice.data, Invoice)
    assert invoice.data.order is not None
    assert invoice.data.order.id == here.id
    assert str(invoice.data.total.amount) == str(invoice.data.paid.amount) == "69.84"
    lines = [(line.order_line_id, line.sku) for line in invoice.data.lines]
    rest = [] if box.version >= 19 else [(None, "DISCOUNT")]  # what two digits cannot express
    assert lines == [(MUG, "MUG-BLUE"), (TOTE, "TOTE"), *rest, (None, "SHIPPING")]
    assert isinstance(note.data, CreditNote)
    assert str(note.data.total.amount) == "14.88"
    assert note.data.refund is not None
    assert note.data.refund.id == refund(here, "14.88").id
    assert note.data.invoice is not None
    assert note.data.invoice.native_id == invoice.native_id
    assert note.data.order is not None
    assert note.data.order.id == here.id
    assert isinstance(paid.data, Payment)
    assert paid.data.captured is not None
    assert (str(paid.data.captured.amount), paid.data.provider) == ("69.84", "BNK1")
    assert isinstance(came.data, ReturnReceipt)
    assert came.data.return_ref is not None
    assert came.data.return_ref.id == returned(here, mug=1).id
    (line,) = came.data.lines
    assert (line.line_id, line.sku, str(line.restocked)) == (MUG, "MUG-BLUE", "1")


async def test_polls_tell_documents_once_where_they_are_asked_for(
    connect: Callable[..., Any], order: Callable[..., Order]
) -> None:
    box, here = OdooSandbox(), order()
    topics = ("account.move", "account.payment", "stock.receipt")

    async def poll(odoo: Any, cursor: str | None) -> tuple[list[crossdock.Raw], str | None]:
        raws = [raw async for raw in odoo.poll(cursor)]
        last = raws[-1].cursor if raws else cursor
        return [raw for raw in raws if raw.topic in topics], last

    async with connect(box, payment_journals=JOURNALS, poll_documents=KINDS) as odoo:
        first, cursor = await poll(odoo, None)
        assert first == []
        await history(box, odoo, here)
        box.offset_s = 5
        second, _ = await poll(odoo, cursor)
        again, later = await poll(odoo, cursor)  # what was not stored is told again
        assert [raw.topic for raw in second] == [
            "account.move", "account.move", "account.payment", "stock.receipt",
        ]  # fmt: skip
        assert [raw.delivery_id for raw in again] == [raw.delivery_id for raw in second]
        box.offset_s = 10
        third, _ = await poll(odoo, later)
        assert third == []
        mine = received(None, here, "9", (TOTE, 1, "restock"))
        await odoo.apply(wish(mine, "return_receipt.create"))
        box.offset_s = 15
        fourth, _ = await poll(odoo, later)
        assert [raw.topic for raw in fourth] == []  # we booked it ourselves
    async with connect(box) as odoo:
        assert (await poll(odoo, None))[0] == []


async def test_every_registered_command_is_carried_out(connect: Callable[..., Any]) -> None:
    async with connect(OdooSandbox()) as odoo:
        assert set(odoo.wishes) == set(HANDLES)

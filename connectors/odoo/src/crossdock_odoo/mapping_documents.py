"""What Odoo's documents say: invoices, credit notes, payments, goods that came back. Pure."""

from decimal import Decimal
from typing import Any

import crossdock
from crossdock.canonical import (
    CreditNote,
    Discount,
    Entity,
    EntityRef,
    Invoice,
    InvoiceLine,
    Money,
    Payment,
    ReturnReceipt,
    ReturnReceiptLine,
)

from crossdock_odoo.externalids import line_id_of
from crossdock_odoo.wire import (
    bad,
    day_of,
    id_of,
    list_of,
    moment_of,
    number_of,
    object_of,
    plain,
    text_of,
)

MOVE = "account.move"
PAYMENT = "account.payment"
RECEIPT = "stock.receipt"


def document_event(body: dict[str, Any]) -> crossdock.Event[Entity]:
    """`invoice.posted`, `invoice.cancelled` or `credit_note.posted`."""
    move = object_of(body.get("move"), "/move")
    kind, state = text_of(move.get("move_type"), "/move/move_type"), move.get("state")
    number = text_of(move.get("name"), "/move/name")
    if state not in ("posted", "cancel") or number in (None, "/"):
        raise crossdock.Ignore(f"the document is {state} and was never posted")
    if kind not in ("out_invoice", "out_refund") or (kind == "out_refund" and state == "cancel"):
        raise crossdock.Ignore(f"a document of type {kind} that is {state} is told by no event")
    currency = text_of(move.get("currency"), "/move/currency") or ""
    order = _order(body)
    written = moment_of(move.get("write_date"), "/move/write_date")
    lines = tuple(
        _line(object_of(line, f"/lines/{index}"), order, currency, f"/lines/{index}")
        for index, line in enumerate(list_of(body.get("lines"), "/lines"))
    )
    if not lines:
        raise crossdock.Ignore("the document charges nothing")
    total = _money(move.get("amount_total"), currency, "/move/amount_total")
    owed = number_of(move.get("amount_residual"), "/move/amount_residual")
    issued = day_of(move.get("invoice_date"), "/move/invoice_date")
    shared: dict[str, Any] = {
        "number": number,
        "order": order,
        "issued_on": issued or written.date(),
        "currency": currency,
        "lines": lines,
        "tax": _money(move.get("amount_tax"), currency, "/move/amount_tax"),
        "total": total,
        "updated_at": written,
    }
    type_ = "invoice.posted" if state == "posted" else "invoice.cancelled"
    data: Entity
    if kind == "out_refund":
        type_ = "credit_note.posted"
        told = text_of(move.get("external"), "/move/external")
        reverses = move.get("reversed_entry_id")
        data = CreditNote(
            **shared,
            invoice=EntityRef(native_id=str(reverses)) if reverses else None,
            refund=EntityRef(id=told) if told else None,
            reason=text_of(move.get("ref"), "/move/ref"),
        )
    else:
        data = Invoice(
            **shared,
            customer=EntityRef(native_id=str(id_of(move.get("partner_id"), "/move/partner_id"))),
            due_on=day_of(move.get("invoice_date_due"), "/move/invoice_date_due"),
            paid=Money(amount=total.amount - owed, currency=currency),
            cancelled_at=written if state == "cancel" else None,
        )
    return crossdock.Event(
        type=type_,
        data=data,
        native_id=str(id_of(move.get("id"), "/move/id")),
        revision=crossdock.revision_of(written),
        occurred_at=written,
    )


def _order(body: dict[str, Any]) -> EntityRef | None:
    told = body.get("order")
    if not told:
        return None
    order = object_of(told, "/order")
    return EntityRef(
        id=text_of(order.get("external"), "/order/external"),
        native_id=str(id_of(order.get("id"), "/order/id")),
    )


def _line(line: dict[str, Any], order: EntityRef | None, currency: str, at: str) -> InvoiceLine:
    quantity = number_of(line.get("quantity"), f"{at}/quantity")
    price = number_of(line.get("price_unit"), f"{at}/price_unit")
    if quantity < 0:
        quantity, price = -quantity, -price
    share = number_of(line.get("discount"), f"{at}/discount")
    off = plain((price * quantity * share / 100).quantize(Decimal("0.01")))
    name = text_of(line.get("external"), f"{at}/external")
    known = line_id_of(order.id, name) if order and order.id and name else None
    return InvoiceLine(
        line_id=str(id_of(line.get("id"), f"{at}/id")),
        order_line_id=known,
        sku=text_of(line.get("sku"), f"{at}/sku"),
        title=text_of(line.get("name"), f"{at}/name"),
        quantity=quantity,
        unit_price=Money(amount=price, currency=currency),
        discounts=(Discount(amount=Money(amount=off, currency=currency)),) if off else (),
        total=_money(line.get("price_subtotal"), currency, f"{at}/price_subtotal"),
        account=text_of(line.get("account"), f"{at}/account"),
    )


def money_event(body: dict[str, Any]) -> crossdock.Event[Entity]:
    """`payment.captured`: money of a customer that Odoo has registered."""
    state = text_of(body.get("state"), "/state")
    if state not in ("posted", "in_process", "paid"):
        raise crossdock.Ignore(f"the payment is {state}")
    currency = text_of(body.get("currency"), "/currency") or ""
    written = moment_of(body.get("write_date"), "/write_date")
    data = Payment(
        method="other",
        order=_order(body),
        provider=text_of(body.get("journal"), "/journal"),
        currency=currency,
        captured=_money(body.get("amount"), currency, "/amount"),
        source_status=state,
        updated_at=written,
    )
    return crossdock.Event(
        type="payment.captured",
        data=data,
        native_id=str(id_of(body.get("id"), "/id")),
        revision=crossdock.revision_of(written),
        occurred_at=written,
    )


def receipt_event(body: dict[str, Any]) -> crossdock.Event[Entity]:
    """`return_receipt.recorded`: goods of a customer that somebody took in, in Odoo."""
    picking = object_of(body.get("picking"), "/picking")
    order = _order(body)
    lines = tuple(
        _arrived(object_of(line, f"/lines/{index}"), order, f"/lines/{index}")
        for index, line in enumerate(list_of(body.get("lines"), "/lines"))
    )
    if not lines:
        raise crossdock.Ignore("the return brought nothing")
    warehouse = text_of(picking.get("warehouse"), "/picking/warehouse")
    if warehouse is None:
        raise bad("/picking/warehouse", "the short name of a warehouse", picking.get("warehouse"))
    returned = text_of(body.get("return"), "/return")
    written = moment_of(picking.get("write_date"), "/picking/write_date")
    done = picking.get("date_done")
    data = ReturnReceipt(
        return_ref=EntityRef(id=returned) if returned else None,
        order=order,
        location=warehouse,
        received_at=moment_of(done, "/picking/date_done") if done else written,
        lines=lines,
        updated_at=written,
    )
    return crossdock.Event(
        type="return_receipt.recorded",
        data=data,
        native_id=str(id_of(picking.get("id"), "/picking/id")),
        revision=crossdock.revision_of(written),
        occurred_at=data.received_at,
    )


def _arrived(line: dict[str, Any], order: EntityRef | None, at: str) -> ReturnReceiptLine:
    """Odoo does not say in which state goods came: only where they were put."""
    quantity = number_of(line.get("quantity"), f"{at}/quantity")
    name = text_of(line.get("external"), f"{at}/external")
    known = line_id_of(order.id, name) if order and order.id and name else None
    disposition = text_of(line.get("disposition"), f"{at}/disposition") or "restock"
    native = line.get("sale_line_id") or f"move:{line.get('move_id')}"
    return ReturnReceiptLine(
        line_id=known or f"odoo:{native}"[:60],
        sku=text_of(line.get("sku"), f"{at}/sku"),
        quantity=quantity,
        condition="other",
        disposition=disposition,
        restocked=quantity if disposition == "restock" else Decimal(0),
    )


def _money(value: Any, currency: str, pointer: str) -> Money:
    return Money(amount=number_of(value, pointer), currency=currency)

"""Reading an ACP order: what it says, in canonical words."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import ValidationError

from crossdock.canonical import (
    Address,
    Discount,
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    Money,
    Order,
    OrderLine,
    PaymentSummary,
    TaxLine,
    Totals,
    Tracking,
)
from crossdock.canonical.entity import contract_error
from crossdock.neighbours.acp_lost import DISCOUNT
from crossdock.neighbours.exact import (
    instant,
    major_units,
    maybe,
    misfit,
    need,
    objects,
    recount,
)


@dataclass(frozen=True, kw_only=True)
class AcpOrder:
    """What an ACP document says."""

    order: Order
    fulfillments: tuple[Fulfillment, ...]
    checkout_session_id: str
    permalink_url: str


def from_acp(document: Mapping[str, Any], *, currency: str, placed_at: datetime) -> AcpOrder:
    """What an ACP order says. ACP states neither currency nor time: they come from elsewhere.

    ContractError names by pointer what is missing, of the wrong type or not canonical.
    """
    try:
        return _read(document, currency, placed_at)
    except ValidationError as error:
        raise contract_error("order", error) from None


def _read(document: Mapping[str, Any], currency: str, placed_at: datetime) -> AcpOrder:
    name = need(document, "id", str, "")
    number = maybe(document, "order_number", str, "")
    adjustments = list(objects(document, "adjustments", ""))
    shipments = list(objects(document, "fulfillments", ""))
    cancelled = _of(adjustments, "cancellation", "completed")
    returned = _counts(_of(adjustments, "return", "completed"))
    requested = _counts(_of(adjustments, "return", "pending"))
    lines = tuple(
        _read_line(item, at, currency, returned, requested)
        for at, item in objects(document, "line_items", "")
    )
    sums = _sums(document)
    refunds = [
        need(item, "amount", int, at)
        for at, item in _of(adjustments, "refund", "completed")
        if "amount" in item
    ]
    if "amount_refunded" not in sums and refunds:
        sums["amount_refunded"] = sum(refunds)
    money = {type_: major_units(sums[type_], currency, "/totals") for type_ in sums}
    if "total" not in money:
        raise misfit("/totals", sorted(money), "needs an entry of type total")
    whole = [(at, item) for at, item in cancelled if "line_items" not in item][:1]
    order = Order(
        id=name,
        number=name if number is None else number,
        placed_at=placed_at,
        currency=currency,
        lines=lines,
        totals=Totals(
            subtotal=money.get("subtotal"),
            discount=money.get("discount"),
            shipping=money.get("fulfillment"),
            tax=money.get("tax"),
            total=money["total"],
        ),
        payment=PaymentSummary(refunded=money.get("amount_refunded")),
        shipping_address=_read_address(shipments),
        purchase_order_number=maybe(document, "client_reference_id", str, ""),
        cancelled_at=instant(whole[0][1], "occurred_at", whole[0][0]) if whole else None,
        cancel_reason=maybe(whole[0][1], "description", str, whole[0][0]) if whole else None,
    )
    known = {line.line_id: line for line in lines}
    return AcpOrder(
        order=order,
        fulfillments=tuple(_read_fulfillment(item, at, name, known) for at, item in shipments),
        checkout_session_id=need(document, "checkout_session_id", str, ""),
        permalink_url=need(document, "permalink_url", str, ""),
    )


Found = tuple[str, dict[str, Any]]
"""An object of the document, after its pointer."""


def _of(found: Iterable[Found], type_: str, status: str) -> list[Found]:
    return [
        (at, item)
        for at, item in found
        if item.get("type") == type_ and item.get("status") == status
    ]


def _counts(found: Iterable[Found]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for at, item in found:
        for here, portion in objects(item, "line_items", at):
            line_id = need(portion, "id", str, here)
            counts[line_id] = counts.get(line_id, 0) + abs(need(portion, "quantity", int, here))
    return counts


def _sums(document: Mapping[str, Any]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for at, entry in objects(document, "totals", ""):
        type_ = need(entry, "type", str, at)
        sums[type_] = sums.get(type_, 0) + need(entry, "amount", int, at)
    return sums


def _read_line(
    item: Mapping[str, Any],
    at: str,
    currency: str,
    returned: Mapping[str, int],
    requested: Mapping[str, int],
) -> OrderLine:
    line_id = need(item, "id", str, at)
    quantity = need(item, "quantity", dict, at)
    price = need(item, "unit_price", int, at)
    shipped = maybe(quantity, "fulfilled", int, f"{at}/quantity") or 0
    ordered, cancelled, received = recount(
        need(quantity, "ordered", int, f"{at}/quantity"),
        need(quantity, "current", int, f"{at}/quantity"),
        shipped,
        returned.get(line_id, 0),
    )
    title = need(item, "title", str, at)
    sku = maybe(item, "product_id", str, at)
    discounts, taxes = [], []
    for here, entry in objects(item, "totals", at):
        type_ = need(entry, "type", str, here)
        amount = major_units(need(entry, "amount", int, here), currency, f"{here}/amount")
        text = need(entry, "display_text", str, here)
        if type_ in {"items_discount", "discount"}:
            title_ = None if text == DISCOUNT else text
            discounts.append(Discount(amount=amount, title=title_))
        elif type_ == "tax":
            taxes.append(_read_tax(entry, here, text, amount))
    return OrderLine(
        line_id=line_id,
        sku=sku,
        title=None if title in {sku, line_id} else title,
        ordered=Decimal(ordered),
        cancelled=Decimal(cancelled),
        shipped=Decimal(shipped),
        return_requested=Decimal(received + requested.get(line_id, 0)),
        return_received=Decimal(received),
        unit_price=major_units(price, currency, f"{at}/unit_price"),
        discounts=tuple(discounts),
        taxes=tuple(taxes),
    )


def _read_tax(entry: Mapping[str, Any], at: str, title: str, amount: Money) -> TaxLine:
    parts = list(objects(entry, "breakdown", at))
    if len(parts) != 1:  # of several, none is the whole tax
        return TaxLine(title=title, amount=amount)
    here, part = parts[0]
    rate = need(part, "rate", (int, float), here)
    return TaxLine(
        title=title,
        amount=amount,
        jurisdiction=need(part, "jurisdiction", str, here),
        rate=Decimal(repr(rate)),
    )


def _read_address(shipments: Iterable[Found]) -> Address | None:
    for at, shipment in shipments:
        place = maybe(shipment, "destination", dict, at)
        if place is not None:
            here = f"{at}/destination"
            more = maybe(place, "line_two", str, here)
            return Address(
                full_name=need(place, "name", str, here),
                company=maybe(place, "company", str, here),
                lines=(
                    need(place, "line_one", str, here),
                    *(more.split("\n") if more is not None else ()),
                ),
                postal_code=need(place, "postal_code", str, here),
                locality=need(place, "city", str, here),
                region=need(place, "state", str, here),
                country=need(place, "country", str, here),
            )
    return None


def _read_fulfillment(
    item: Mapping[str, Any], at: str, order_id: str, lines: Mapping[str, OrderLine]
) -> Fulfillment:
    portions = []
    for here, portion in objects(item, "line_items", at):
        line_id = need(portion, "id", str, here)
        if line_id not in lines:
            raise misfit(f"{here}/id", line_id, "must be a line of the order")
        count = need(portion, "quantity", int, here)
        sku = lines[line_id].sku
        portions.append(FulfillmentLine(line_id=line_id, sku=sku, quantity=Decimal(count)))
    moments: dict[str, datetime] = {}
    for here, event in objects(item, "events", at):
        moments.setdefault(need(event, "type", str, here), instant(event, "occurred_at", here))
    parcel = Tracking(
        number=maybe(item, "tracking_number", str, at),
        carrier=maybe(item, "carrier", str, at),
        url=maybe(item, "tracking_url", str, at),
    )
    return Fulfillment(
        id=need(item, "id", str, at),
        order=EntityRef(id=order_id),
        lines=tuple(portions),
        tracking=() if parcel == Tracking() else (parcel,),
        shipped_at=moments.get("shipped"),
        delivered_at=moments.get("delivered"),
        cancelled_at=moments.get("canceled"),
    )

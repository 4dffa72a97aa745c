"""Orders: what was sold, at the till or to be picked up, delivered or shipped.

A sale at the till is over when Square tells of it: the customer has left with the goods. It is told
so: by the store's own hands, to be carried nowhere, shipped and delivered on arrival.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crossdock import Event, Fact, Ignore, Raw, revision_of
from crossdock.canonical import (
    Address,
    Discount,
    EntityRef,
    Order,
    OrderLine,
    PaymentSummary,
    TaxLine,
    Totals,
)
from crossdock.canonical import Money as Amount
from crossdock.canonical.codes import COUNTRIES
from crossdock.jsontext import shorten
from crossdock.reading import fault

from crossdock_square import shapes
from crossdock_square.values import MARK, Cash, moment, money, unit

_ZERO = Decimal(0)
_DONE, _OFF = "COMPLETED", "CANCELED"
_CARRIED = frozenset({"SHIPMENT", "DELIVERY"})


@dataclass(frozen=True)
class _Reading:
    """One order under reading."""

    topic: str
    record: shapes.OrderRecord

    @property
    def order(self) -> shapes.Order:
        return self.record["order"]

    @property
    def currency(self) -> str:
        return self.order["total_money"]["currency"]

    def cash(self, given: Cash | None, *path: object) -> Amount | None:
        """An amount at its place in the order."""
        at = "".join(f"/{step}" for step in ("order", *path))
        return None if given is None else money(self.topic, at, given)

    def need(self, given: Cash | None, *path: object) -> Amount:
        found = self.cash(given, *path)
        return Amount(amount=_ZERO, currency=self.currency) if found is None else found


def translate(raw: Raw) -> Iterator[Fact]:
    """`order.updated`, or `order.cancelled`; a tab that is still open is no sale yet."""
    record = shapes.ORDER.read(raw)
    order = record["order"]
    state = order.get("state") or ""
    if state == "DRAFT":
        raise Ignore("a draft: nothing was ordered yet")
    if state == "OPEN" and not order.get("fulfillments"):
        raise Ignore("an open tab: nothing was paid and nothing has left yet")
    if not order.get("line_items") and not order.get("service_charges"):
        raise Ignore("an order without sold lines; its returns are records of their own")
    changed = moment(raw.topic, "/order/updated_at", order["updated_at"])
    moment(raw.topic, "/order/created_at", order["created_at"])
    off = state == _OFF
    yield Event(
        type="order.cancelled" if off else "order.updated",
        data=_order(_Reading(raw.topic, record)),
        native_id=order["id"],
        revision=revision_of(changed),
        occurred_at=changed,
    )


def _order(read: _Reading) -> Order:
    order = read.order
    fulfilments = order.get("fulfillments") or []
    recipient = next(filter(None, map(_recipient, fulfilments)), shapes.Recipient())
    off = order.get("state") == _OFF
    taxes = order.get("taxes") or []
    given: dict[str, Any] = {
        "number": order["id"],
        "placed_at": order["created_at"],
        "updated_at": order["updated_at"],
        "currency": read.currency,
        "prices_include_tax": bool(taxes) and all(t.get("type") == "INCLUSIVE" for t in taxes),
        "lines": tuple(_lines(read)),
        "taxes": tuple(
            _tax(one, read.need(one.get("applied_money"), "taxes", n))
            for n, one in enumerate(taxes)
        ),
        "totals": Totals(
            total=read.need(order["total_money"], "total_money"),
            tax=read.cash(order.get("total_tax_money"), "total_tax_money"),
            discount=read.cash(order.get("total_discount_money"), "total_discount_money"),
        ),
        "payment": _payment(read),
        "customer_name": recipient.get("display_name"),
        "email": recipient.get("email_address"),
        "phone": recipient.get("phone_number"),
        "shipping_address": _address(recipient) if _carried(fulfilments) else None,
        "cancelled_at": (order.get("closed_at") or order["updated_at"]) if off else None,
        "closed_at": order.get("closed_at") if order.get("state") == _DONE else None,
        "note": next((note for one in fulfilments if (note := _note(one))), None),
        "sales_channel": (_source(order) if fulfilments else None) or "pos",
        "source_status": _words(order, fulfilments),
        "extensions": _extensions(order),
    }
    customer = order.get("customer_id") or recipient.get("customer_id")
    if customer:
        given["customer"] = EntityRef(native_id=customer)
    return Order(**given)


def _words(order: shapes.Order, fulfilments: list[shapes.Fulfilment]) -> dict[str, str]:
    found = {"order": order.get("state") or "unknown"}
    states = [f"{one.get('type') or '?'} {one.get('state') or '?'}" for one in fulfilments]
    return found | ({"fulfillment": ", ".join(states)[:1000]} if states else {})


def _source(order: shapes.Order) -> str | None:
    return (order.get("source") or {}).get("name")


def _extensions(order: shapes.Order) -> dict[str, Any]:
    names = ("reference_id", "ticket_name", "location_id", "version")
    told: dict[str, Any] = {name: value for name in names if (value := order.get(name)) is not None}
    if _source(order):
        told["source"] = _source(order)
    return {MARK: told} if told else {}


# lines


def _lines(read: _Reading) -> Iterator[OrderLine]:
    """What was bought, then charges and the tip: they are in the total, so they are lines too."""
    order = read.order
    left, hands = _left(read), _hands(order)
    skus = read.record.get("skus") or {}
    for n, line in enumerate(order.get("line_items") or []):
        yield _line(read, n, line, skus, left, hands)
    for n, charge in enumerate(order.get("service_charges") or []):
        amount = charge.get("applied_money") or charge.get("amount_money")
        yield OrderLine(
            line_id=charge.get("uid") or f"service_charge:{n}",
            title=charge.get("name"),
            nature="fee",
            requires_shipping=False,
            ordered=Decimal(1),
            unit_price=read.need(amount, "service_charges", n, "applied_money"),
            taxes=_line_taxes(read, charge.get("applied_taxes"), "service_charges", n),
        )
    tip = read.cash(order.get("total_tip_money"), "total_tip_money")
    if tip is not None and tip.amount > 0:
        yield OrderLine(
            line_id="tip",
            title="Tip",
            nature="tip",
            requires_shipping=False,
            ordered=Decimal(1),
            unit_price=tip,
        )


def _line(
    read: _Reading,
    n: int,
    line: shapes.Line,
    skus: shapes.Words,
    left: Mapping[str, Decimal],
    hands: str,
) -> OrderLine:
    line_id = line.get("uid") or f"line:{n}"
    ordered = Decimal(line["quantity"])
    measure, word = unit((line.get("quantity_unit") or {}).get("measurement_unit"))
    catalogue = line.get("catalog_object_id")
    gone = min(left.get(line_id, left.get("", _ZERO)), ordered)
    title = " – ".join(filter(None, (line.get("name"), line.get("variation_name"))))
    given: dict[str, Any] = {
        "line_id": line_id,
        "sku": shapes.sku_of(skus, catalogue),
        "title": title or None,
        "nature": "gift_card" if line.get("item_type") == "GIFT_CARD" else "goods",
        "requires_shipping": hands == "merchant",
        "fulfilled_by": hands,
        "unit": measure,
        "ordered": ordered,
        "shipped": gone,
        "delivered": gone if hands == "store" else _ZERO,
        "unit_price": _price(read, n, line),
        "discounts": _discounts(read, n, line),
        "taxes": _line_taxes(read, line.get("applied_taxes"), "line_items", n),
        "location": read.record["place"],
        "extensions": _line_extensions(line, word),
    }
    if catalogue:
        given["variant"] = EntityRef(native_id=catalogue)
    return OrderLine(**given)


def _line_extensions(line: shapes.Line, unit_word: str) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if line.get("note"):
        told["note"] = line["note"]
    if unit_word:
        told["unit"] = unit_word
    if line.get("item_type") not in {None, "ITEM", "GIFT_CARD"}:
        told["item_type"] = line["item_type"]
    names = [one.get("name") for one in line.get("modifiers") or [] if one.get("name")]
    if names:
        told["modifiers"] = names
    return {MARK: told} if told else {}


def _price(read: _Reading, n: int, line: shapes.Line) -> Amount:
    """For one unit, what was chosen with it (modifiers) included."""
    price = read.need(line.get("base_price_money"), "line_items", n, "base_price_money")
    total = price.amount
    for m, one in enumerate(line.get("modifiers") or []):
        extra = read.cash(one.get("base_price_money"), "line_items", n, "modifiers", m)
        if extra is None:
            continue
        if extra.currency != price.currency:
            at = f"/order/line_items/{n}/modifiers/{m}/base_price_money/currency"
            raise fault(read.topic, at, price.currency, extra.currency)
        total += extra.amount * Decimal(one.get("quantity") or 1)
    if abs(total) >= 10**18:
        raise fault(read.topic, f"/order/line_items/{n}", "a price of at most 18 digits", total)
    fine = total.as_tuple().exponent
    total = total if isinstance(fine, int) and fine >= -6 else round(total, 6)
    return Amount(amount=total, currency=price.currency)


def _discounts(read: _Reading, n: int, line: shapes.Line) -> tuple[Discount, ...]:
    names = {one.get("uid"): one.get("name") for one in read.order.get("discounts") or []}
    return tuple(
        Discount(
            amount=read.need(one.get("applied_money"), "line_items", n, "applied_discounts", d),
            title=names.get(one["discount_uid"]),
        )
        for d, one in enumerate(line.get("applied_discounts") or [])
    )


def _line_taxes(
    read: _Reading, applied: list[shapes.AppliedTax] | None, where: str, n: int
) -> tuple[TaxLine, ...]:
    known = {one.get("uid"): one for one in read.order.get("taxes") or []}
    return tuple(
        _tax(
            known.get(one["tax_uid"]) or {"name": one["tax_uid"]},
            read.need(one.get("applied_money"), where, n, "applied_taxes", t),
        )
        for t, one in enumerate(applied or [])
    )


def _tax(one: shapes.Tax, amount: Amount) -> TaxLine:
    percentage = one.get("percentage")
    return TaxLine(
        title=one.get("name") or one.get("uid") or "tax",
        rate=Decimal(percentage) / 100 if percentage else None,
        amount=amount,
        included=one.get("type") == "INCLUSIVE",
    )


# who hands it over, and how much of it is gone


def _hands(order: shapes.Order) -> str:
    """Goods to be carried are the merchant's work; all others change hands in the store."""
    return "merchant" if _carried(order.get("fulfillments") or []) else "store"


def _carried(fulfilments: list[shapes.Fulfilment]) -> bool:
    return any(one.get("type") in _CARRIED for one in fulfilments)


def _left(read: _Reading) -> dict[str, Decimal]:
    """How much of each line is gone; under the empty name, of every line not named."""
    order = read.order
    fulfilments = order.get("fulfillments") or []
    everything = Decimal(10**12)
    if not fulfilments:
        return {"": everything} if order.get("state") == _DONE else {}
    found: dict[str, Decimal] = {}
    for one in fulfilments:
        if one.get("state") != _DONE:
            continue
        entries = one.get("entries")
        if not entries:  # it applies to the whole order
            return {"": everything}
        for entry in entries:
            before = found.get(entry["line_item_uid"], _ZERO)
            found[entry["line_item_uid"]] = before + Decimal(entry["quantity"])
    return found


def _details(one: shapes.Fulfilment) -> shapes.Details:
    return (
        one.get("shipment_details")
        or one.get("delivery_details")
        or one.get("pickup_details")
        or shapes.Details()
    )


def _recipient(one: shapes.Fulfilment) -> shapes.Recipient:
    return _details(one).get("recipient") or shapes.Recipient()


def _note(one: shapes.Fulfilment) -> str | None:
    return _details(one).get("shipping_note") or _details(one).get("note")


def _address(recipient: shapes.Recipient) -> Address | None:
    given = recipient.get("address")
    if not given:
        return None
    lines = (given.get("address_line_1"), given.get("address_line_2"), given.get("address_line_3"))
    country = given.get("country")
    return Address(
        full_name=recipient.get("display_name"),
        lines=tuple(line for line in lines if line),
        postal_code=given.get("postal_code"),
        locality=given.get("locality"),
        region=given.get("administrative_district_level_1"),
        country=country if country in COUNTRIES else None,
        phone=recipient.get("phone_number"),
        email=recipient.get("email_address"),
    )


# money


def _payment(read: _Reading) -> PaymentSummary:
    """What was taken: the total less what is still due. Refunds are told by themselves."""
    order = read.order
    tenders = order.get("tenders") or []
    methods: dict[str, None] = {}
    for one in tenders:
        card = (one.get("card_details") or {}).get("card") or {}
        methods[(card.get("card_brand") or one.get("type") or "other").lower()] = None
    due = read.cash(order.get("net_amount_due_money"), "net_amount_due_money")
    total = read.need(order["total_money"], "total_money")
    authorised = captured = None
    if due is not None:
        _same(read, "net_amount_due_money", due, total)
        captured = Amount(amount=max(total.amount - due.amount, _ZERO), currency=total.currency)
    elif tenders:
        held, taken = _ZERO, _ZERO
        for n, one in enumerate(tenders):
            amount = read.need(one.get("amount_money"), "tenders", n, "amount_money")
            _same(read, f"tenders/{n}/amount_money", amount, total)
            status = (one.get("card_details") or {}).get("status")
            held += amount.amount if status == "AUTHORIZED" else _ZERO
            taken += amount.amount if status in {None, "CAPTURED"} else _ZERO
        captured = Amount(amount=taken, currency=total.currency)
        authorised = Amount(amount=held, currency=total.currency) if held else None
    return PaymentSummary(authorised=authorised, captured=captured, methods=tuple(methods))


def _same(read: _Reading, where: str, one: Amount, total: Amount) -> None:
    if one.currency != total.currency:
        at = f"/order/{where}/currency"
        raise fault(read.topic, at, f"{total.currency}, as the total", shorten(one.currency))

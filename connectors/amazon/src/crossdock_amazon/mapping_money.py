"""What an item costs: its price, discounts, carriage and taxes, out of Amazon's breakdowns. Pure.

Whether prices contain the tax is stated nowhere. It follows from which sum comes to the total that
Amazon gives: that with the tax, or that without.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from crossdock.canonical import Discount, Money, ShippingLine, TaxLine
from crossdock.reading import fault

from crossdock_amazon import shapes

ZERO = Decimal(0)
PLACES = Decimal("0.000001")
"""Canonical money has at most six places."""
CHARGES = {
    "SHIPPING": "Shipping",
    "GIFT_WRAP": "Gift wrap",
    "COD_FEE": "Cash on delivery",
    "OTHER": "Other",
}
"""What is paid beside the goods; each becomes a line of carriage."""
FACILITATOR = "MARKETPLACE_FACILITATOR"


@dataclass(frozen=True)
class Parts:
    """The sums of one item by sort; discounts positive."""

    item: Decimal | None
    charges: dict[str, Decimal] = field(default_factory=dict)
    discounts: dict[str, Decimal] = field(default_factory=dict)
    taxes: dict[str, Decimal] = field(default_factory=dict)

    @property
    def without_tax(self) -> Decimal:
        """All but taxes."""
        paid = (self.item or ZERO) + sum(self.charges.values(), ZERO)
        return paid - sum(self.discounts.values(), ZERO)

    @property
    def tax(self) -> Decimal:
        """All taxes."""
        return sum(self.taxes.values(), ZERO)


def parts_of(item: shapes.Item) -> Parts:
    """Sort an item's breakdowns; a sort we do not know is a charge by its own name."""
    found = Parts(item=None)
    total: Decimal | None = None
    for one in (item.get("proceeds") or {}).get("breakdowns") or ():
        amount = Decimal(one["subtotal"]["amount"])
        kind = one["type"]
        if kind == "ITEM":
            total = (total or ZERO) + amount
        elif kind == "DISCOUNT":
            _spread(found.discounts, one, abs(amount), signed=False)
        elif kind == "TAX":
            _spread(found.taxes, one, amount, signed=True)
        else:
            found.charges[kind] = found.charges.get(kind, ZERO) + amount
    return Parts(total, found.charges, found.discounts, found.taxes)


def _spread(into: dict[str, Decimal], one: shapes.Breakdown, amount: Decimal, signed: bool) -> None:
    """By what it is for, where that is told and comes to the whole."""
    details = [
        (detail.get("subtype") or "ITEM", Decimal(value["amount"]))
        for detail in one.get("detailedBreakdowns") or ()
        if (value := detail.get("value")) is not None
    ]
    pairs = [(name, part if signed else abs(part)) for name, part in details]
    if not pairs or sum((part for _, part in pairs), ZERO) != amount:
        pairs = [("ITEM", amount)]
    for name, part in pairs:
        if part:
            place = name if name in CHARGES else "ITEM"
            into[place] = into.get(place, ZERO) + part


def tax_included(order: shapes.Order, parts: Sequence[Parts]) -> bool:
    """Whether prices contain the taxes, by the first total that tells."""
    pairs: list[tuple[Decimal, Decimal, Decimal]] = []
    for item, one in zip(order["orderItems"], parts, strict=True):
        total = (item.get("proceeds") or {}).get("proceedsTotal")
        if total is not None:
            pairs.append((Decimal(total["amount"]), one.without_tax, one.tax))
    grand = (order.get("proceeds") or {}).get("grandTotal")
    if grand is not None:
        whole = sum((one.without_tax for one in parts), ZERO)
        pairs.append((Decimal(grand["amount"]), whole, sum((one.tax for one in parts), ZERO)))
    for stated, without, tax in pairs:
        if tax and stated in (without, without + tax):
            return stated == without
    return False


def unit_price(item: shapes.Item, parts: Parts, currency: str, at: str) -> Money:
    """For one piece: what the line comes to, by its quantity; as stated, where that agrees.

    A quotient that does not end is cut to six places; the exact sum stands under extensions.
    """
    stated = ((item["product"].get("price") or {}).get("unitPrice")) or None
    quantity = Decimal(item["quantityOrdered"])
    if stated is not None:
        price = Decimal(stated["amount"])
        if parts.item is None or not quantity or price * quantity == parts.item:
            return Money(amount=price, currency=stated["currencyCode"])
    if parts.item is None:
        return Money(amount=ZERO, currency=currency)
    if not quantity:
        return Money(amount=parts.item.quantize(PLACES).normalize() + ZERO, currency=currency)
    quotient = (parts.item / quantity).quantize(PLACES)
    if quotient < 0:
        raise fault("order", at, "a price of 0 or more", str(quotient))
    return Money(amount=_plain(quotient), currency=currency)


def discounts(amount: Decimal, item: shapes.Item, currency: str) -> tuple[Discount, ...]:
    """What is taken off, by the promotions that are named."""
    if not amount:
        return ()
    named = [
        name
        for one in (item.get("promotion") or {}).get("breakdowns") or ()
        if (name := one.get("promotionId"))
    ]
    code = ", ".join(named)[:200] or None
    return (Discount(amount=Money(amount=amount, currency=currency), code=code),)


def tax_line(amount: Decimal, item: shapes.Item, currency: str, included: bool) -> TaxLine:
    """One tax; Amazon states no rate, but who pays it to the authority."""
    collections = (item.get("tax") or {}).get("taxCollections") or ()
    ours = not any(one.get("model") == FACILITATOR for one in collections)
    party = next((name for one in collections if (name := one.get("responsibleParty"))), None)
    return TaxLine(
        title=f"Tax ({party})"[:200] if party else "Tax",
        amount=Money(amount=amount, currency=currency),
        included=included,
        remitted_by="merchant" if ours else "marketplace",
    )


def carriage(
    order: shapes.Order, parts: Sequence[Parts], currency: str, included: bool
) -> tuple[ShippingLine, ...]:
    """What is paid beside the goods, over all items, by sort; and the tip for the driver."""
    level = order["fulfillment"].get("fulfillmentServiceLevel")
    kinds = dict.fromkeys(kind for one in parts for kind in one.charges)
    found = []
    for kind in kinds:
        price = sum((one.charges.get(kind, ZERO) for one in parts), ZERO)
        off = sum((one.discounts.get(kind, ZERO) for one in parts), ZERO)
        taxes = [
            tax_line(one.taxes[kind], item, currency, included)
            for item, one in zip(order["orderItems"], parts, strict=True)
            if kind in one.taxes
        ]
        if not price and not taxes:
            continue
        found.append(
            ShippingLine(
                line_id=kind[:60],
                title=CHARGES.get(kind, kind)[:200],
                code=level if kind == "SHIPPING" else None,
                price=Money(amount=price, currency=currency),
                discounts=(Discount(amount=Money(amount=off, currency=currency)),) if off else (),
                taxes=tuple(taxes),
            )
        )
    for one in (order.get("proceeds") or {}).get("breakdowns") or ():
        if one["type"] == "DELIVERY_TIP" and one.get("status") != "PENDING":
            tip = Money(amount=Decimal(one["subtotal"]["amount"]), currency=currency)
            found.append(ShippingLine(line_id="DELIVERY_TIP", title="Delivery tip", price=tip))
    return tuple(found)


def homeless(parts: Parts, kinds: Iterable[str]) -> tuple[Decimal, Decimal]:
    """Discount and tax of the goods, with those of charges that no line of carriage bears."""
    own = {"ITEM"} | (set(CHARGES) - set(kinds))
    off = sum((amount for kind, amount in parts.discounts.items() if kind in own), ZERO)
    tax = sum((amount for kind, amount in parts.taxes.items() if kind in own), ZERO)
    return off, tax


def _plain(value: Decimal) -> Decimal:
    """Without zeros at the end, and without an exponent."""
    found = value.normalize()
    return found.quantize(Decimal(1)) if found == found.to_integral_value() else found

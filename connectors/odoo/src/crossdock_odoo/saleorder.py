"""A canonical order as the rows of one `load` into sale.order. Pure.

Odoo computes its own totals, so what the channel charged is written as unit prices without
discount: the net amount of a line divided by its quantity. Where the quotient does not multiply
back to the exact amount at the precision Odoo keeps, the line has the full or a near price, and a
second line of quantity 1 carries the rest, with the same taxes and an external id of its own.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from html import escape
from typing import NamedTuple

import crossdock
from crossdock.canonical import Discount, Order, OrderLine, ShippingLine, TaxLine

from crossdock_odoo.externalids import line_name, own_name
from crossdock_odoo.mapping import plain

FREE_DIGITS = 10
"""Digits of a unit price where Odoo keeps all (19); a double carries 15 to 17 in all."""

NOTHING = Decimal(0)
ZERO_DECIMALS = frozenset(
    [
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    ]
)
THREE_DECIMALS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])


@dataclass(frozen=True, kw_only=True)
class Names:
    """What is called how in this Odoo, and which records stand for what."""

    namespace: str
    tax_field: str
    price_digits: int
    """Decimal places that Odoo keeps of a unit price."""
    products: Mapping[str, int]
    taxes: Mapping[tuple[Decimal, bool], int]
    shipping_product: str
    discount_product: str


@dataclass(frozen=True, kw_only=True)
class Heading:
    """The database ids that the order itself points at."""

    partner: int
    invoice_to: int
    ship_to: int
    pricelist: int
    warehouse: int | None
    company: int | None


class Position(NamedTuple):
    """One line as Odoo is to hold it. `name` is that of its external id, without the module."""

    name: str
    sku: str
    text: str
    quantity: Decimal
    price: Decimal
    taxes: tuple[TaxLine, ...]
    delivery: bool = False


@lru_cache(maxsize=256)
def unit_of(currency: str) -> Decimal:
    """The smallest amount in a currency (ISO 4217): 0.01."""
    places = 0 if currency in ZERO_DECIMALS else 3 if currency in THREE_DECIMALS else 2
    return Decimal(1).scaleb(-places)


def positions(
    order: Order, order_id: str, *, digits: int, shipping: str, discount: str
) -> list[Position]:
    """Goods, carriage, and the rests that a unit price cannot express.

    RejectedError: a line has no SKU. Quantities are what is still wanted: ordered less cancelled.
    """
    found: list[Position] = []
    unit = unit_of(order.currency)
    for line in order.lines:
        quantity = line.ordered - line.cancelled
        if quantity <= 0:
            continue
        if not line.sku:
            raise crossdock.RejectedError(
                f"order {order.number}, line {line.line_id} ({line.title or 'no title'}) has no "
                "SKU. Give its product a SKU in the shop and the same internal reference in Odoo",
                reason="no_sku",
                parts={"line_id": line.line_id},
            )
        name = line_name(order_id, line.line_id)
        net = _net(line, quantity).quantize(unit, ROUND_HALF_UP)
        list_price = line.unit_price.amount if line.discounts else None
        taxes = own_taxes(line.taxes)
        price, rest = unit_price(net, quantity, digits, unit, taxes=taxes, first=list_price)
        found.append(
            Position(
                name=name,
                sku=line.sku,
                text=line.title or line.sku,
                quantity=quantity,
                price=price,
                taxes=taxes,
            )
        )
        if rest:
            found.append(
                Position(
                    name=f"{order_id}__disc_{name[len(order_id) + 1 :]}",
                    sku=discount,
                    text=_rest_text(line, discount_shown=price == list_price),
                    quantity=Decimal(1),
                    price=rest,
                    taxes=taxes,
                )
            )
    for number, carriage in enumerate(order.shipping):
        charged = carriage.price.amount - _sum(carriage.discounts)
        charged -= remitted(carriage.taxes, included=True)
        found.append(
            Position(
                name=own_name(order_id, "ship", number),
                sku=shipping,
                text=_shipping_text(carriage),
                quantity=Decimal(1),
                price=charged.quantize(unit, ROUND_HALF_UP),
                taxes=own_taxes(carriage.taxes),
                delivery=True,
            )
        )
    return found


def own_taxes(taxes: Sequence[TaxLine]) -> tuple[TaxLine, ...]:
    """Those that the merchant owes: what a marketplace remits itself is not in these books."""
    return tuple([tax for tax in taxes if tax.remitted_by != "marketplace"])


def remitted(taxes: Sequence[TaxLine], *, included: bool | None = None) -> Decimal:
    """What a marketplace remits itself; of prices that contain it, of others, or both."""
    found = NOTHING
    for tax in taxes:
        if tax.remitted_by == "marketplace" and included in (None, tax.included):
            found += tax.amount.amount
    return found


def owed(order: Order) -> Decimal:
    """What the order comes to for the merchant: the channel's total less what it remits itself."""
    goods = sum([remitted(line.taxes) for line in order.lines], NOTHING)
    carriage = sum([remitted(line.taxes) for line in order.shipping], NOTHING)
    return order.totals.total.amount - goods - carriage


def unit_price(
    net: Decimal,
    quantity: Decimal,
    digits: int,
    unit: Decimal,
    *,
    taxes: Sequence[TaxLine] = (),
    first: Decimal | None = None,
) -> tuple[Decimal, Decimal]:
    """A unit price of at most `digits` places, and the rest: price × quantity + rest = net.

    Where there is a rest, the price is the one nearest to `first` or to the quotient whose two
    lines, taxed and rounded one by one as Odoo does, come to the tax of the whole.
    """
    step = Decimal(1).scaleb(-digits)
    folded = (net / quantity).quantize(step, ROUND_HALF_UP)
    if (folded * quantity).quantize(unit, ROUND_HALF_UP) == net:
        return plain(folded), Decimal(0)
    wanted = line_tax(net, taxes, unit)
    tried = [folded + step * shift for shift in (0, -1, 1, -2, 2, -3, 3)]
    if first is not None:
        tried.insert(0, first.quantize(step, ROUND_HALF_UP))
    pairs = [(price, net - (price * quantity).quantize(unit, ROUND_HALF_UP)) for price in tried]
    for price, rest in pairs:
        if line_tax(net - rest, taxes, unit) + line_tax(rest, taxes, unit) == wanted:
            return plain(price), plain(rest)
    return plain(pairs[0][0]), plain(pairs[0][1])


def line_tax(amount: Decimal, taxes: Sequence[TaxLine], unit: Decimal) -> Decimal:
    """What Odoo computes for one line: each tax rounded by itself, half up."""
    rates = [(tax.rate, tax.included) for tax in taxes if tax.rate is not None]
    base = amount / (1 + sum((rate for rate, included in rates if included), Decimal(0)))
    return sum(((base * rate).quantize(unit, ROUND_HALF_UP) for rate, _ in rates), Decimal(0))


def tax_key(tax: TaxLine, order: Order, where: str) -> tuple[Decimal, bool] | None:
    """(percentage, included) of a tax; None for one that is nothing. RejectedError: no rate."""
    if tax.rate is None:
        if tax.amount.amount == 0:
            return None
        raise crossdock.RejectedError(
            f"order {order.number}, {where}: the tax {tax.title!r} of {tax.amount.amount} "
            f"{tax.amount.currency} has no rate, so no tax in Odoo can stand for it",
            reason="tax_without_rate",
        )
    return _percent(tax.rate), tax.included


@lru_cache(maxsize=256)
def _percent(rate: Decimal) -> Decimal:
    return plain(rate * 100)


def rows(
    order: Order, lines: Sequence[Position], heading: Heading, names: Names
) -> list[dict[str, str]]:
    """One row for the order and its first line, continuation rows for the others."""
    order_id = order.id or ""
    head = {
        "id": f"{names.namespace}.{order_id}",
        "client_order_ref": order.number,
        "partner_id/.id": str(heading.partner),
        "partner_invoice_id/.id": str(heading.invoice_to),
        "partner_shipping_id/.id": str(heading.ship_to),
        "pricelist_id/.id": str(heading.pricelist),
        "origin": origin(order),
    }
    if heading.warehouse is not None:
        head["warehouse_id/.id"] = str(heading.warehouse)
    if heading.company is not None:
        head["company_id/.id"] = str(heading.company)
    if order.note:
        head["note"] = escape(order.note)
    table = []
    for index, line in enumerate(lines):
        taxes = [names.taxes[key] for tax in line.taxes if (key := tax_key(tax, order, line.text))]
        row = dict(head) if index == 0 else {}
        row |= {
            "order_line/id": f"{names.namespace}.{line.name}",
            "order_line/product_id/.id": str(names.products[line.sku]),
            "order_line/name": line.text,
            "order_line/product_uom_qty": f"{line.quantity:f}",
            "order_line/price_unit": f"{line.price:f}",
            "order_line/discount": "0",
            f"order_line/{names.tax_field}/.id": ",".join(str(tax) for tax in taxes),
            "order_line/is_delivery": "1" if line.delivery else "0",
        }
        table.append(row)
    return table or [head]


def difference_name(order_id: str) -> str:
    """The name of the line that makes a total equal."""
    return own_name(order_id, "diff")


def difference_row(
    order: Order, amount: Decimal, *, namespace: str, product: int, tax_field: str
) -> dict[str, str]:
    """That line, added to an order that is there: no taxes, so that it changes the total alone."""
    order_id = order.id or ""
    return {
        "id": f"{namespace}.{order_id}",
        "order_line/id": f"{namespace}.{difference_name(order_id)}",
        "order_line/product_id/.id": str(product),
        "order_line/name": "Difference to the total of the channel",
        "order_line/product_uom_qty": "1",
        "order_line/price_unit": f"{amount:f}",
        "order_line/discount": "0",
        f"order_line/{tax_field}/.id": "",
        "order_line/is_delivery": "0",
    }


def origin(order: Order) -> str:
    """Where and when it was placed: Odoo replaces its own `date_order` at confirmation."""
    return f"{order.sales_channel or 'crossdock'} {order.placed_at:%Y-%m-%d %H:%M:%S} UTC"


def _net(line: OrderLine, quantity: Decimal) -> Decimal:
    """What the customer pays for `quantity`: a discount counts for the whole line ordered."""
    discount = _sum(line.discounts) + remitted(line.taxes, included=True)
    if quantity != line.ordered:
        discount = discount * quantity / line.ordered
    return line.unit_price.amount * quantity - discount


def _sum(discounts: Sequence[Discount]) -> Decimal:
    return sum([discount.amount.amount for discount in discounts], NOTHING)


def _rest_text(line: OrderLine, *, discount_shown: bool) -> str:
    codes = [d.title or d.code for d in line.discounts if d.title or d.code]
    what = line.title or line.sku or line.line_id
    why = ", ".join(str(code) for code in codes) if discount_shown else "Rounding"
    return f"{why or 'Discount'}: {what}"


def _shipping_text(carriage: ShippingLine) -> str:
    return carriage.title or carriage.code or "Shipping"

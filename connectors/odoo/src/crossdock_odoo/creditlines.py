"""What a refund gives back, as lines of a credit note. Pure.

Each refunded line is credited with the taxes and the account of the invoice line it corrects. What
is left of the refund (goodwill, a restocking fee that is kept) is spread over the taxes of the
invoice in proportion to what was charged with each, as a general reduction of the price.

Whether a credited quantity is *linked* to the order line decides what Odoo wants to invoice next:
it counts invoiced less credited against what was ordered or delivered, by the product's invoicing
policy. Linked where that side falls as well (a return of a product invoiced as delivered, a
cancellation of one invoiced as ordered); not linked where it does not, or Odoo would invoice again
what was just refunded.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal

import crossdock
from crossdock.canonical import Money, Refund, RefundLine, TaxLine

from crossdock_odoo.saleorder import unit_price

Taxes = tuple[tuple[int, Decimal, bool], ...]
"""(id, rate, included in the price) of each tax of a line."""


@dataclass(frozen=True, kw_only=True)
class Charged:
    """One line of a posted invoice."""

    id: int
    move: int
    line: str
    """The order line it charges, by its id at the channel; empty for what is ours alone."""
    sale_line: int
    product: int
    account: int
    text: str
    quantity: Decimal
    total: Decimal
    taxes: Taxes
    delivery: bool = False
    policy: str = "order"
    """The product's invoicing policy: `order` or `delivery`."""
    to_invoice: Decimal = Decimal(0)
    """What Odoo wants to invoice next of the order line; negative: to credit."""


@dataclass(frozen=True, kw_only=True)
class Credit:
    """One line of a credit note. `name` is that of its external id, without the refund's."""

    name: str
    product: int
    account: int
    text: str
    quantity: Decimal
    price: Decimal
    taxes: Taxes
    sale_line: int | None = None


def lines_of(
    refund: Refund,
    charged: Sequence[Charged],
    *,
    digits: int,
    unit: Decimal,
    filler: int,
) -> list[Credit]:
    """The lines; they come to the refund's amount but for rounding of taxes.

    `filler` is the product of what belongs to no line. RejectedError: a line was not invoiced.
    """
    found: list[Credit] = []
    for number, line in enumerate(refund.lines):
        found += _of_line(refund, line, number, charged, digits, unit)
    shipping = refund.shipping.amount if refund.shipping else Decimal(0)
    given = sum((line.amount.amount for line in refund.lines), Decimal(0)) + shipping
    if shipping:
        carriage = next((line for line in charged if line.delivery), None) or charged[0]
        found.append(
            Credit(
                name="ship",
                product=carriage.product if carriage.delivery else filler,
                account=carriage.account,
                text=carriage.text if carriage.delivery else "Shipping",
                quantity=Decimal(1),
                price=_net(shipping, carriage.taxes, unit),
                taxes=carriage.taxes,
            )
        )
    rest = refund.amount.amount - given
    if rest:
        found += _spread(refund, rest, charged, unit, filler)
    return found


def _of_line(
    refund: Refund,
    line: RefundLine,
    number: int,
    charged: Sequence[Charged],
    digits: int,
    unit: Decimal,
) -> list[Credit]:
    of = next((found for found in charged if found.line == line.line_id), None)
    if of is None:
        raise crossdock.RejectedError(
            f"line {line.line_id} of the refund is on no posted invoice of the order. Invoice it "
            "in Odoo and retry, or write the credit note there by hand and resolve this",
            reason="not_invoiced",
            parts={"line": line.line_id},
        )
    quantity = line.quantity or Decimal(1)
    net = _net(line.amount.amount, of.taxes, unit, line.tax)
    price, rest = unit_price(net, quantity, digits, unit, taxes=_tax_lines(of.taxes, line.amount))
    base = Credit(
        name=f"line_{number}",
        product=of.product,
        account=of.account,
        text=of.text,
        quantity=quantity,
        price=price,
        taxes=of.taxes,
    )
    linked = _linked(refund, line, of)
    found: list[Credit] = []
    if linked:
        found.append(replace(base, quantity=linked, sale_line=of.sale_line))
    if quantity > linked:
        name = f"{base.name}_more" if linked else base.name
        found.append(replace(base, name=name, quantity=quantity - linked))
    if rest:
        found.append(replace(base, name=f"{base.name}_rest", quantity=Decimal(1), price=rest))
    return found


def _linked(refund: Refund, line: RefundLine, of: Charged) -> Decimal:
    """How much of a credited quantity Odoo shall count as no longer invoiced."""
    if not line.quantity:
        return Decimal(0)
    returned = refund.return_ref is not None or refund.reason == "return"
    falls = returned if of.policy == "delivery" else refund.reason == "cancellation"
    waits = max(-of.to_invoice, Decimal(0))
    return line.quantity if falls else min(line.quantity, waits)


def _spread(
    refund: Refund, rest: Decimal, charged: Sequence[Charged], unit: Decimal, filler: int
) -> list[Credit]:
    """A sum over the taxes of an invoice, in proportion; the last takes what rounding leaves."""
    of_lines = {line.line_id for line in refund.lines}
    concerned = [line for line in charged if line.line in of_lines] or list(charged)
    groups: dict[Taxes, Decimal] = {}
    first: dict[Taxes, Charged] = {}
    for line in concerned:
        groups[line.taxes] = groups.get(line.taxes, Decimal(0)) + line.total
        first.setdefault(line.taxes, line)
    whole = sum(groups.values(), Decimal(0))
    if whole <= 0:
        groups = dict.fromkeys(groups, Decimal(1))
        whole = Decimal(len(groups))
    text = "Restocking fee" if rest < 0 else f"Refund: {refund.reason or 'goodwill'}"
    left = rest
    found: list[Credit] = []
    for number, (taxes, share) in enumerate(groups.items(), 1):
        part = (rest * share / whole).quantize(unit, ROUND_DOWN) if number < len(groups) else left
        left -= part
        if part:
            found.append(
                Credit(
                    name=f"rest_{number}",
                    product=filler,
                    account=first[taxes].account,
                    text=text,
                    quantity=Decimal(1),
                    price=_net(part, taxes, unit),
                    taxes=taxes,
                )
            )
    return found


def difference(amount: Decimal, filler: int, account: int) -> Credit:
    """The line that makes a total equal: a cent that taxes were rounded to the other side."""
    return Credit(
        name="difference",
        product=filler,
        account=account,
        text="Rounding",
        quantity=Decimal(1),
        price=amount,
        taxes=(),
    )


def rows(
    head: Mapping[str, str], lines: Sequence[Credit], prefix: str, trace: tuple[int, str]
) -> list[dict[str, str]]:
    """For `load` into account.move: a row for the head and the first line, one for each other.

    The last line is a note that carries no money; through it the order shows the credit note.
    """
    found = [
        {
            "invoice_line_ids/id": f"{prefix}__{line.name}",
            "invoice_line_ids/display_type": "product",
            "invoice_line_ids/product_id/.id": str(line.product),
            "invoice_line_ids/account_id/.id": str(line.account),
            "invoice_line_ids/name": line.text,
            "invoice_line_ids/quantity": f"{line.quantity:f}",
            "invoice_line_ids/price_unit": f"{line.price:f}",
            "invoice_line_ids/tax_ids/.id": ",".join(str(tax) for tax, _, _ in line.taxes),
            "invoice_line_ids/sale_line_ids/.id": str(line.sale_line or ""),
        }
        for line in lines
    ]
    sale_line, text = trace
    found.append(
        {
            "invoice_line_ids/id": f"{prefix}__note",
            "invoice_line_ids/display_type": "line_note",
            "invoice_line_ids/name": text,
            "invoice_line_ids/quantity": "0",
            "invoice_line_ids/sale_line_ids/.id": str(sale_line),
        }
    )
    found[0] = {**head, **found[0]}
    return found


def _net(gross: Decimal, taxes: Taxes, unit: Decimal, tax: Money | None = None) -> Decimal:
    """What to write as price so that, taxes added, it comes to `gross`: of the two candidates by
    the cent the one that does."""
    on_top = [rate for _, rate, included in taxes if not included]
    if not on_top:
        return gross
    if tax is not None and len(on_top) == len(taxes):
        net = gross - tax.amount
        if _gross(net, taxes, unit) == gross:
            return net
    base = (gross / (1 + sum(on_top, Decimal(0)))).quantize(unit, ROUND_HALF_UP)
    for net in (base, base - unit, base + unit):
        if _gross(net, taxes, unit) == gross:
            return net
    return base


def _gross(net: Decimal, taxes: Taxes, unit: Decimal) -> Decimal:
    inside = sum((rate for _, rate, included in taxes if included), Decimal(0))
    base = net / (1 + inside)
    return net + sum(
        (
            (base * rate).quantize(unit, ROUND_HALF_UP)
            for _, rate, included in taxes
            if not included
        ),
        Decimal(0),
    )


def _tax_lines(taxes: Taxes, money: Money) -> tuple[TaxLine, ...]:
    """Rates alone: nobody reads the amount of such a tax."""
    nothing = Money(amount=Decimal(0), currency=money.currency)
    return tuple(
        TaxLine(title="tax", rate=rate, amount=nothing, included=included)
        for _, rate, included in taxes
    )

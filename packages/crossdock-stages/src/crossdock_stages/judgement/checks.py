"""The checks of an order before it becomes work: each one's verdict, in sequence, explained.

duplicate · payment · tax · shipping · fraud, and those of plugins. All are asked, so that a
person sees everything that is in the way at once.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from crossdock.canonical import Money, Order
from crossdock.canonical.order import statuses
from crossdock.checks import Check, Verdict
from crossdock.identity import digest

from crossdock_stages.book import ZERO
from crossdock_stages.stock import Shortage, handed_over

TWIN_WITHIN = timedelta(minutes=10)
"""Two orders of the same goods by the same buyer within this time look like one sent twice."""

_MINOR: Mapping[str, int] = {
    "JPY": 0,
    "KRW": 0,
    "VND": 0,
    "CLP": 0,
    "ISK": 0,
    "HUF": 2,
} | dict.fromkeys(("BHD", "KWD", "OMR", "TND", "JOD"), 3)
"""Decimal places of currencies that do not have two (ISO 4217)."""


@dataclass(frozen=True)
class Twin:
    """Another order that might be the same purchase."""

    id: str
    label: str
    connection: str
    placed_at: datetime | None
    same_number: bool


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a check may look at besides the order itself."""

    twins: tuple[Twin, ...] = ()
    passed: Mapping[str, str] = field(default_factory=dict)
    reviewers: tuple[str, ...] = ()
    channel: str = ""
    plugins: Mapping[str, Check] = field(default_factory=dict)
    shortages: tuple[Shortage, ...] = ()
    awaited: str = ""
    """Before which the customer was told not to expect it, RFC 3339."""


def run(names: Iterable[str], order: Order, evidence: Evidence) -> tuple[Verdict, ...]:
    """Every check's verdict, in the order of the table."""
    return tuple(_one(name, order, evidence) for name in names)


def _one(name: str, order: Order, evidence: Evidence) -> Verdict:
    who = evidence.passed.get(name)
    if who is not None:
        return Verdict(name, "pass", f"let pass by {who}")
    plugin = evidence.plugins.get(name)
    if plugin is not None:
        return plugin(order)
    return BUILT_IN[name](order, evidence)


def duplicate(order: Order, evidence: Evidence) -> Verdict:
    """The same number under another id, or the same goods for the same buyer minutes apart."""
    for twin in evidence.twins:
        if twin.same_number:
            return Verdict(
                "duplicate",
                "review",
                f"{twin.connection} has another order {twin.label} ({twin.id})",
                "duplicate_order",
            )
        if twin.placed_at and abs(order.placed_at - twin.placed_at) <= TWIN_WITHIN:
            minutes = abs(order.placed_at - twin.placed_at).total_seconds() / 60
            return Verdict(
                "duplicate",
                "review",
                f"the same goods, buyer and address as {twin.label} from {twin.connection}, "
                f"{minutes:.0f} minutes apart",
                "duplicate_order",
            )
    return Verdict("duplicate", "pass", "no other order is like it")


def twin_key(order: Order) -> str:
    """Equal for two orders that look like one sent twice; empty where the buyer is not told."""
    buyer = (order.customer.id if order.customer else "") or (order.email or "").lower()
    if not buyer:
        return ""
    goods = sorted(f"{line.sku or line.title}×{line.ordered.normalize():f}" for line in order.lines)
    address = order.shipping_address.model_dump_json() if order.shipping_address else ""
    total = order.totals.total
    return digest(buyer, *goods, address, f"{total.amount.normalize():f}", total.currency)


def payment(order: Order, evidence: Evidence) -> Verdict:
    """Paid, promised by a bank, or free."""
    status = statuses(order).payment
    if status in {"paid", "authorised", "free"}:
        return Verdict("payment", "pass", f"it is {status}")
    if status in {"pending", "partially_paid"}:
        taken = order.payment.captured.amount if order.payment.captured else ZERO
        reason = f"{taken} of {_shown(order.totals.total)} are paid; it waits for the rest"
        return Verdict("payment", "hold", reason, "unpaid")
    return Verdict("payment", "review", f"the money was given back: {status}", "refunded")


def stock(order: Order, evidence: Evidence) -> Verdict:
    """All of it is there, and not promised to others."""
    short = evidence.shortages
    if not short:
        return Verdict("stock", "pass", "all of it is there")
    if all(handed_over(line) for line in order.lines if line.nature == "goods"):
        return Verdict("stock", "pass", "it has left the store already")
    unknown = [one.sku for one in short if not one.known]
    if unknown:
        what = (
            f"{evidence.channel} sold {', '.join(unknown)}, and the owner has told of no such SKU"
        )
        return Verdict("stock", "review", what, "unknown_sku")
    what = "; ".join(f"{s.wanted} of {s.sku} are wanted and {s.there} are there" for s in short)
    if all(s.incoming >= s.wanted - s.there for s in short):
        return Verdict("stock", "hold", f"{what}; the rest is on its way", "backorder")
    if evidence.awaited and datetime.fromisoformat(evidence.awaited) > order.placed_at:
        told = f"{what}; the customer was told not to expect it before {evidence.awaited}"
        return Verdict("stock", "hold", told, "preorder")
    return Verdict("stock", "review", what, "oversold")


def rounding(order: Order) -> Decimal:
    """By how much its total may be off: half a unit of the last place for each addend."""
    places = _MINOR.get(order.currency, 2)
    addends = 2 * len(order.lines) + 2 * len(order.shipping) + len(order.taxes) + 2
    return Decimal(addends) * Decimal(10) ** -places / 2


def tax(order: Order, evidence: Evidence) -> Verdict:
    """The totals add up, by a rounding of half a unit of the last place for each addend."""
    allowed = rounding(order)
    lines = sum((line.ordered * line.unit_price.amount for line in order.lines), ZERO)
    off = sum((d.amount.amount for line in order.lines for d in line.discounts), ZERO)
    carriage = sum((one.price.amount for one in order.shipping), ZERO)
    carriage -= sum((d.amount.amount for one in order.shipping for d in one.discounts), ZERO)
    stated = sum((one.amount.amount for one in order.taxes), ZERO)
    detailed = sum((t.amount.amount for line in order.lines for t in line.taxes), ZERO)
    detailed += sum((t.amount.amount for one in order.shipping for t in one.taxes), ZERO)
    taxes = order.totals.tax.amount if order.totals.tax else stated or detailed
    if order.totals.tax and (stated or detailed):
        named = stated or detailed
        if abs(named - taxes) > allowed:
            reason = f"the taxes named come to {named}, the order says {taxes} {order.currency}"
            return Verdict("tax", "review", reason, "tax_differs")
    included = sum((one.amount.amount for one in order.taxes if one.included), ZERO)
    on_top = ZERO if order.prices_include_tax else taxes - included
    total = lines - off + carriage + on_top
    difference = order.totals.total.amount - total
    if abs(difference) > allowed:
        kind = "included" if order.prices_include_tax else "on top"
        reason = (
            f"lines {lines} - discounts {off} + carriage {carriage}, tax {taxes} {kind}, come to "
            f"{total}; the order says {order.totals.total.amount} {order.currency} "
            f"(a difference of {difference}, {allowed} allowed for rounding)"
        )
        return Verdict("tax", "review", reason, "total_differs")
    return Verdict("tax", "pass", f"the totals add up within {abs(difference)} {order.currency}")


def shipping(order: Order, evidence: Evidence) -> Verdict:
    """What must be carried has an address and a way to get there."""
    carried = [line for line in order.lines if line.requires_shipping and line.open > 0]
    if not carried:
        return Verdict("shipping", "pass", "nothing has to be carried")
    address = order.shipping_address
    if address is None:
        return Verdict("shipping", "review", "there is no delivery address", "no_address")
    missing = [name for name in ("country", "locality", "lines") if not getattr(address, name)]
    if missing:
        reason = f"the delivery address lacks {', '.join(missing)}"
        return Verdict("shipping", "review", reason, "bad_address")
    if not order.shipping:
        return Verdict("shipping", "review", "no way of shipping was chosen", "no_shipping_method")
    method = order.shipping[0].title or order.shipping[0].code or "the stated way"
    return Verdict("shipping", "pass", f"by {method} to {address.country}")


def fraud(order: Order, evidence: Evidence) -> Verdict:
    """Waits for the word of a reviewer; where a plugin is called `fraud`, that is asked instead."""
    waits = " or ".join(evidence.reviewers)
    return Verdict("fraud", "hold", f"waits for the word of {waits}", "fraud_review")


BUILT_IN: Mapping[str, Callable[[Order, Evidence], Verdict]] = {
    "duplicate": duplicate,
    "payment": payment,
    "stock": stock,
    "tax": tax,
    "shipping": shipping,
    "fraud": fraud,
}
"""By the name in `checks:`."""


def _shown(money: Money) -> str:
    return f"{money.amount} {money.currency}"

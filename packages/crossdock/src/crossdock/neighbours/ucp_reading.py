"""Reading a UCP order: what its lines and logs say, in canonical words."""

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
from crossdock.neighbours.exact import (
    EXTENSION,
    instant,
    major_units,
    maybe,
    misfit,
    need,
    objects,
    recount,
)
from crossdock.neighbours.ucp_lost import no_sku


@dataclass(frozen=True, kw_only=True)
class UcpOrder:
    """What a UCP document says."""

    order: Order
    fulfillments: tuple[Fulfillment, ...]
    checkout_id: str
    permalink_url: str


def from_ucp(document: Mapping[str, Any], *, placed_at: datetime) -> UcpOrder:
    """What a UCP order says. UCP does not say when it was placed: `placed_at` comes from elsewhere.

    ContractError names by pointer what is missing, of the wrong type or not canonical.
    """
    try:
        return _read(document, placed_at)
    except ValidationError as error:
        raise contract_error("order", error) from None


def _read(document: Mapping[str, Any], placed_at: datetime) -> UcpOrder:
    name = need(document, "id", str, "")
    label = maybe(document, "label", str, "")
    currency = need(document, "currency", str, "")
    log = maybe(document, "fulfillment", dict, "") or {}
    promises = list(objects(log, "expectations", "/fulfillment"))
    events = list(objects(log, "events", "/fulfillment"))
    adjustments = list(objects(document, "adjustments", ""))
    reader = _LineReader(
        currency=currency,
        digital=_counts(item for item in promises if item[1].get("method_type") == "digital"),
        cancelled=_counts(_of(adjustments, "cancellation")),
        returned=_counts(_of(adjustments, "return")),
        requested=_counts(_of(adjustments, "return", "pending")),
        delivered=_counts(_of(events, "delivered", None)),
    )
    lines, scales = [], {}
    for at, item in objects(document, "line_items", ""):
        line, scale = reader.read(item, at)
        lines.append(line)
        scales[line.line_id] = scale
    whole = [item for item in _of(adjustments, "cancellation") if "line_items" not in item[1]][:1]
    order = Order(
        id=name,
        number=name if label is None else label,
        placed_at=placed_at,
        currency=currency,
        lines=tuple(lines),
        totals=_read_totals(document, currency),
        payment=PaymentSummary(refunded=_refunded(adjustments, currency)),
        shipping_address=_read_address(promises),
        cancelled_at=instant(whole[0][1], "occurred_at", whole[0][0]) if whole else None,
        cancel_reason=maybe(whole[0][1], "description", str, whole[0][0]) if whole else None,
        extensions=_extensions(document),
    )
    return UcpOrder(
        order=order,
        fulfillments=tuple(
            _read_events(events, name, {line.line_id: line for line in lines}, scales)
        ),
        checkout_id=need(document, "checkout_id", str, ""),
        permalink_url=need(document, "permalink_url", str, ""),
    )


Found = tuple[str, dict[str, Any]]
"""An object of the document, after its pointer."""


def _of(found: Iterable[Found], type_: str, status: str | None = "completed") -> list[Found]:
    return [
        (at, item)
        for at, item in found
        if item.get("type") == type_ and (status is None or item.get("status") == status)
    ]


def _counts(found: Iterable[Found]) -> dict[str, int]:
    """How many steps of each line these speak of, whatever their sign."""
    counts: dict[str, int] = {}
    for at, item in found:
        for here, portion in objects(item, "line_items", at):
            line_id = need(portion, "id", str, here)
            counts[line_id] = counts.get(line_id, 0) + abs(need(portion, "quantity", int, here))
    return counts


@dataclass(frozen=True, kw_only=True)
class _LineReader:
    """Reads lines, given what the logs say of each, in steps."""

    currency: str
    digital: Mapping[str, int]
    cancelled: Mapping[str, int]
    returned: Mapping[str, int]
    requested: Mapping[str, int]
    delivered: Mapping[str, int]

    def read(self, item: Mapping[str, Any], at: str) -> tuple[OrderLine, int]:
        """The line, and the decimal places its quantities are counted in."""
        line_id = need(item, "id", str, at)
        product = need(item, "item", dict, at)
        quantity = need(item, "quantity", dict, at)
        descriptor = maybe(product, "quantity_unit", dict, f"{at}/item") or {}
        here = f"{at}/item/quantity_unit"
        unit = maybe(descriptor, "unit", str, here) or "EA"
        scale = maybe(descriptor, "scale", int, here) or 0
        if not 0 <= scale <= 6:
            raise misfit(f"{here}/scale", scale, "quantities have 0 to 6 decimal places here")
        total = need(quantity, "total", int, f"{at}/quantity")
        shipped = need(quantity, "fulfilled", int, f"{at}/quantity")
        original = maybe(quantity, "original", int, f"{at}/quantity")
        if original is None:
            original = total + self.cancelled.get(line_id, 0) + self.returned.get(line_id, 0)
        returned = self.returned.get(line_id, 0)
        ordered, cancelled, returned = recount(original, total, shipped, returned)

        def much(count: int) -> Decimal:
            return Decimal(count).scaleb(-scale)

        sku = need(product, "id", str, f"{at}/item")
        title = need(product, "title", str, f"{at}/item")
        price = need(product, "price", int, f"{at}/item")
        line = OrderLine(
            line_id=line_id,
            sku=None if sku == no_sku(line_id) else sku,
            title=None if title in {sku, line_id} else title,
            requires_shipping=line_id not in self.digital,
            unit=unit,
            ordered=much(ordered),
            cancelled=much(cancelled),
            shipped=much(shipped),
            delivered=much(min(shipped, self.delivered.get(line_id, 0))),
            return_requested=much(returned + self.requested.get(line_id, 0)),
            return_received=much(returned),
            unit_price=major_units(price, self.currency, f"{at}/item/price"),
            discounts=tuple(
                Discount(amount=amount, title=text)
                for _, amount, text in self._entries(item, at, "items_discount", "discount")
            ),
            taxes=tuple(
                TaxLine(title=text or "", amount=amount)
                for _, amount, text in self._entries(item, at, "tax")
            ),
            extensions=_extensions(item),
        )
        return line, scale

    def _entries(
        self, item: Mapping[str, Any], at: str, *types: str
    ) -> Iterable[tuple[str, Money, str | None]]:
        """The totals of these types; a discount's amount is positive."""
        for here, entry in objects(item, "totals", at):
            type_ = entry.get("type")
            if type_ in types:
                amount = need(entry, "amount", int, here)
                amount = -amount if type_ != "tax" else amount
                money = major_units(amount, self.currency, f"{here}/amount")
                yield here, money, maybe(entry, "display_text", str, here)


def _read_totals(document: Mapping[str, Any], currency: str) -> Totals:
    sums: dict[str, int] = {}
    for at, entry in objects(document, "totals", ""):
        type_ = need(entry, "type", str, at)
        sums[type_] = sums.get(type_, 0) + need(entry, "amount", int, at)

    def money(*types: str, sign: int = 1) -> Money | None:
        if types[0] not in sums:
            return None
        total = sum(sums.get(type_, 0) for type_ in types)
        return major_units(sign * total, currency, "/totals")

    total = money("total")
    if total is None:
        raise misfit("/totals", sorted(sums), "needs an entry of type total")
    return Totals(
        subtotal=money("subtotal", "items_discount"),
        discount=money("items_discount", "discount", sign=-1) or money("discount", sign=-1),
        shipping=money("fulfillment"),
        tax=money("tax"),
        total=total,
    )


def _refunded(adjustments: list[Found], currency: str) -> Money | None:
    amounts = [
        need(entry, "amount", int, here)
        for at, item in _of(adjustments, "refund")
        for here, entry in objects(item, "totals", at)
        if entry.get("type") == "total"
    ]
    return major_units(-sum(amounts), currency, "/adjustments") if amounts else None


def _read_address(promises: list[Found]) -> Address | None:
    for at, promise in promises:
        if promise.get("method_type") == "digital":
            continue
        place = maybe(promise, "destination", dict, at) or {}
        here = f"{at}/destination"

        def part(key: str, place: dict[str, Any] = place, here: str = here) -> str | None:
            return maybe(place, key, str, here)

        names = [name for name in (part("first_name"), part("last_name")) if name is not None]
        street, more = part("street_address"), part("extended_address")
        address = Address(
            full_name=" ".join(names) if names else None,
            lines=tuple(
                ([street] if street is not None or more is not None else [])
                + (more.split("\n") if more is not None else [])
            ),
            postal_code=part("postal_code"),
            locality=part("address_locality"),
            region=part("address_region"),
            country=part("address_country"),
            phone=part("phone_number"),
        )
        if address != Address():
            return address
    return None


def _read_events(
    events: list[Found], order_id: str, lines: Mapping[str, OrderLine], scales: Mapping[str, int]
) -> Iterable[Fulfillment]:
    later = {
        need(event, "id", str, at): instant(event, "occurred_at", at)
        for word in ("delivered", "canceled")
        for at, event in _of(events, word, None)
    }
    for at, event in events:
        type_ = need(event, "type", str, at)
        if type_ not in {"processing", "shipped"}:
            continue
        name = need(event, "id", str, at)
        portions = []
        for here, portion in objects(event, "line_items", at):
            line_id = need(portion, "id", str, here)
            if line_id not in lines:
                raise misfit(f"{here}/id", line_id, "must be a line of the order")
            count = need(portion, "quantity", int, here)
            portions.append(
                FulfillmentLine(
                    line_id=line_id,
                    sku=lines[line_id].sku,
                    quantity=Decimal(count).scaleb(-scales[line_id]),
                    unit=lines[line_id].unit,
                )
            )
        parcel = Tracking(
            number=maybe(event, "tracking_number", str, at),
            carrier=maybe(event, "carrier", str, at),
            url=maybe(event, "tracking_url", str, at),
        )
        yield Fulfillment(
            id=name,
            order=EntityRef(id=order_id),
            lines=tuple(portions),
            tracking=() if parcel == Tracking() else (parcel,),
            shipped_at=instant(event, "occurred_at", at) if type_ == "shipped" else None,
            delivered_at=later.get(f"{name}:delivered"),
            cancelled_at=later.get(f"{name}:canceled"),
            extensions=_extensions(event),
        )


def _extensions(item: Mapping[str, Any]) -> dict[str, Any]:
    """UCP's own way of extending: members with reverse-domain names."""
    return {key: value for key, value in item.items() if EXTENSION(key)}

"""Who ships what: the instructions to warehouses that own the fulfilment of an order."""

from collections.abc import Iterator

from crossdock.canonical import EntityRef, FulfillmentOrder, FulfillmentOrderLine, Order, OrderLine
from crossdock.identity import command_id, entity_id

from crossdock_stages.judgement.basis import Case, Wish
from crossdock_stages.rules import Domain, Rules

OURS = frozenset({"merchant", "3pl", "store"})
"""Hands that we instruct; a marketplace and a supplier look after themselves."""


def region_of(order: Order, rules: Rules) -> str | None:
    """The region an order goes to, by the country of its address."""
    address = order.shipping_address
    return rules.region_of(address.country) if address is not None else None


def place_of(line: OrderLine, region: str | None, rules: Rules) -> str | None:
    """From where a line is shipped: the channel's wish, else the first place for the region."""
    return line.location or next(iter(rules.ships_from(region)), None)


def ours(line: OrderLine) -> bool:
    """Whether we have to ship this line."""
    return line.requires_shipping and line.fulfilled_by in OURS and line.open > 0


def instructions(
    case: Case, order: Order, execute: str, verb: str = "create", round_: str = ""
) -> tuple[Wish, ...]:
    """One fulfilment order for each place whose house is not the executing system itself.

    `round_` tells a later instruction about the same order from an earlier one.
    """
    fulfillment = case.rules.domains.get("fulfillment")
    if fulfillment is None:
        return ()
    return tuple(_wishes(case, order, execute, verb, round_, fulfillment))


def _wishes(
    case: Case, order: Order, execute: str, verb: str, round_: str, fulfillment: Domain
) -> Iterator[Wish]:
    region = region_of(order, case.rules)
    by_place: dict[str | None, list[OrderLine]] = {}
    for line in order.lines:
        wanted = line.requires_shipping if verb == "cancel" else ours(line)
        if wanted and line.fulfilled_by in OURS:
            by_place.setdefault(place_of(line, region, case.rules), []).append(line)
    order_id = case.envelope.subject
    for place, lines in by_place.items():
        house = fulfillment.part(
            location=place, channel=case.envelope.connection, region=region
        ).owner
        if house is None or house == execute:
            continue
        if not case.rules.can(house, f"fulfillment_order.{verb}"):
            continue
        location = place or house
        own_id = entity_id("crossdock", "fulfillment_order", f"{order_id}:{location}:{round_}")
        yield Wish(
            target=house,
            type=f"fulfillment_order.{verb}",
            id=command_id(house, f"fulfillment_order.{verb}", own_id),
            data=FulfillmentOrder(
                id=own_id,
                order=EntityRef(id=order_id, native_id=case.envelope.native or None),
                number=order.number,
                location=location,
                lines=tuple(
                    FulfillmentOrderLine(
                        line_id=line.line_id,
                        sku=line.sku,
                        unit=line.unit,
                        requested=line.ordered,
                        cancelled=line.ordered if verb == "cancel" else line.cancelled,
                    )
                    for line in lines
                ),
                ship_to=order.shipping_address,
                service=order.shipping[0].code or order.shipping[0].title
                if order.shipping
                else None,
                requested_at=order.placed_at,
            ),
            entity_id=own_id,
            key=order_id,
            refs=(own_id, order_id),
        )

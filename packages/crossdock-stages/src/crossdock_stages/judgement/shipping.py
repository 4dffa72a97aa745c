"""Who ships what: the instructions to warehouses that own the fulfilment of an order."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from decimal import Decimal

from crossdock.canonical import EntityRef, FulfillmentOrder, FulfillmentOrderLine, Order, OrderLine
from crossdock.identity import command_id, entity_id

from crossdock_stages.book import ZERO, Book, Instruction
from crossdock_stages.judgement.basis import Case, Wish, mark_of, plain
from crossdock_stages.rules import Domain, Rules
from crossdock_stages.shipfrom import refit
from crossdock_stages.values import changed

OURS = frozenset({"merchant", "3pl", "store"})
"""Hands that we instruct; a marketplace and a supplier look after themselves."""


def region_of(order: Order, rules: Rules) -> str | None:
    """The region an order goes to, by the country of its address."""
    address = order.shipping_address
    return rules.region_of(address.country) if address is not None else None


def carried(line: OrderLine) -> bool:
    """Whether we have to carry this line; a gift card or a service is not carried."""
    return line.requires_shipping and line.fulfilled_by in OURS


@dataclass(frozen=True)
class _Portion:
    """So much of a line ships from one place, and so much of that has not left yet."""

    line: OrderLine
    amount: Decimal
    open: Decimal


@dataclass(frozen=True)
class Instructed:
    """What the houses are asked, the book after it, the houses that cannot take a change, and those
    that cannot be asked to ship at all."""

    wishes: tuple[Wish, ...]
    book: Book
    unable: tuple[str, ...] = ()
    untold: tuple[str, ...] = ()


def placed(case: Case, book: Book, earlier: Book, *, fresh: bool) -> Book:
    """The book with where its lines ship from; what was placed before stays, as far as it fits.

    `fresh`: nobody was given anything yet, so all of it may still be chosen.
    """
    chosen = {k: at for k, at in case.places.items() if fresh or k not in earlier.lines}
    splits = {
        key: fitted
        for key, split in book.splits.items()
        if key not in chosen
        and (line := book.lines.get(key)) is not None
        and (fitted := refit(split, line.ordered - line.cancelled, book.left_from(key)))
    }
    if not chosen and splits == book.splits:
        return book
    whole = {key: next(iter(at)) for key, at in chosen.items() if len(at) == 1}
    splits |= {key: dict(at) for key, at in chosen.items() if len(at) > 1}
    return changed(book, places={**book.places, **whole}, splits=splits)


def instruct(case: Case, order: Order, book: Book, execute: str) -> Instructed:
    """One fulfilment order for each place whose house is not the executing system itself.

    An instruction that no longer fits is called off and given anew, for what has not left yet.
    """
    fulfillment = case.rules.domains.get("fulfillment")
    if fulfillment is None:
        return Instructed((), book)
    wanted, untold = _by_place(case, order, book, fulfillment, execute)
    wishes: list[Wish] = []
    unable: list[str] = []
    given = dict(book.instructions)
    for place in [place for place in given if place not in wanted]:  # its lines went elsewhere
        if case.rules.can(given[place].house, "fulfillment_order.cancel"):
            wishes.append(_cancel(case, order, place, given.pop(place)))
        else:
            unable.append(given[place].house)
    for place, (house, portions) in wanted.items():
        mark = _mark(order, portions)
        old = given.get(place)
        if old is not None and old.mark == mark:
            continue
        if old is not None:
            if not case.rules.can(old.house, "fulfillment_order.cancel"):
                unable.append(old.house)
                continue
            wishes.append(_cancel(case, order, place, old))
            del given[place]
        if any(one.open > 0 for one in portions):
            again = f":{book.stopped}" if book.stopped else ""
            wish = _create(case, order, place, house, portions, mark + again)
            wishes.append(wish)
            given[place] = Instruction(wish.entity_id, house, mark)
    if wishes:
        book = changed(book, instructions=given)
    return Instructed(tuple(wishes), book, tuple(unable), untold)


def _by_place(
    case: Case, order: Order, book: Book, fulfillment: Domain, execute: str
) -> tuple[dict[str, tuple[str, list[_Portion]]], tuple[str, ...]]:
    """Place to its house and the lines that ship from there, but for the executing system's own;
    and houses that must ship something and cannot be asked to."""
    region = region_of(order, case.rules)
    first = next(iter(case.rules.ships_from(region)), None)
    out: dict[str, tuple[str, list[_Portion]]] = {}
    untold: dict[str, None] = {}
    houses: dict[str, str | None] = {}
    channel = case.envelope.connection
    for line in order.lines:
        if not carried(line):
            continue
        at = line.location or book.places.get(line.line_id) or first
        for place, (amount, open_) in book.portions(line.line_id, at or "").items():
            if place not in houses:
                part = fulfillment.part(location=place or None, channel=channel, region=region)
                houses[place] = part.owner
            house = houses[place]
            if house is None or house == execute:
                continue
            if case.rules.can(house, "fulfillment_order.create"):
                portion = _Portion(line, amount, max(open_, ZERO))
                out.setdefault(place or house, (house, []))[1].append(portion)
            elif open_ > 0:
                untold[house] = None
    return out, tuple(untold)


def still_to_ship(case: Case, order: Order, book: Book) -> frozenset[str]:
    """Places that were instructed and of whose lines not all has left."""
    fulfillment = case.rules.domains.get("fulfillment")
    if fulfillment is None:
        return frozenset()
    places, _ = _by_place(case, order, book, fulfillment, "")
    return frozenset(
        place
        for place in book.instructions
        if place not in places or any(one.open > 0 for one in places[place][1])
    )


def call_off(
    case: Case, order: Order, book: Book, places: Collection[str] | None = None
) -> tuple[tuple[Wish, ...], Book]:
    """Tell every house that it need not ship, or those of some places; who cannot be told keeps
    its instruction, for a person must tell it."""
    able = {
        place: one
        for place, one in book.instructions.items()
        if (places is None or place in places)
        and case.rules.can(one.house, "fulfillment_order.cancel")
    }
    left = {key: one for key, one in book.instructions.items() if key not in able}
    wishes = tuple(_cancel(case, order, place, one) for place, one in able.items())
    gone = book.called_off | {one.house for one in able.values()}
    return wishes, changed(book, instructions=left, called_off=gone)


def _mark(order: Order, portions: Sequence[_Portion]) -> str:
    address = order.shipping_address
    return mark_of(
        [
            plain(address) if address else None,
            [[one.line.line_id, one.line.sku, str(one.amount)] for one in portions],
        ]
    )[:32]


def _create(
    case: Case,
    order: Order,
    place: str,
    house: str,
    portions: Sequence[_Portion],
    mark: str,
) -> Wish:
    order_id = case.envelope.subject
    # the revision tells an edit back and forth apart from the first instruction
    own_id = entity_id(
        "crossdock", "fulfillment_order", f"{order_id}:{place}:{case.envelope.revision}:{mark}"
    )
    data = FulfillmentOrder.model_validate(  # all of it at once takes half the time
        {
            "id": own_id,
            "order": {"id": order_id, "native_id": case.envelope.native or None},
            "number": order.number,
            "location": place,
            "lines": tuple(
                {
                    "line_id": one.line.line_id,
                    "sku": one.line.sku,
                    "unit": one.line.unit,
                    "requested": one.open,
                }
                for one in portions
                if one.open > 0
            ),
            "ship_to": order.shipping_address,
            "service": _service(order),
            "requested_at": order.placed_at,
        }
    )
    return _wish(case, house, "create", own_id, data)


def _cancel(case: Case, order: Order, place: str, given: Instruction) -> Wish:
    data = FulfillmentOrder(
        id=given.id,
        order=EntityRef(id=case.envelope.subject, native_id=case.envelope.native or None),
        number=order.number,
        location=place,
        lines=tuple(
            FulfillmentOrderLine(
                line_id=line.line_id,
                sku=line.sku,
                unit=line.unit,
                requested=line.ordered,
                cancelled=line.ordered,
            )
            for line in order.lines
        ),
        requested_at=order.placed_at,
    )
    return _wish(case, given.house, "cancel", given.id, data)


def _wish(case: Case, house: str, verb: str, own_id: str, data: FulfillmentOrder) -> Wish:
    order_id = case.envelope.subject
    return Wish(
        target=house,
        type=f"fulfillment_order.{verb}",
        id=command_id(house, f"fulfillment_order.{verb}", own_id),
        data=data,
        entity_id=own_id,
        key=order_id,
        refs=(own_id, order_id),
    )


def _service(order: Order) -> str | None:
    return (order.shipping[0].code or order.shipping[0].title) if order.shipping else None

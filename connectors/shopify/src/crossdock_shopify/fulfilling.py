"""Telling a shop what was shipped.

A shop ships by fulfilment orders, one set for each location, while we know order lines; so the
wanted quantities are spread over the open fulfilment orders, and each location becomes one
fulfilment. `fulfillmentCreate` takes no idempotency key, hence `done`: what of a command is there
already is read from the order's own fulfilments. How one of ours is known:

- with tracking numbers: it has exactly these numbers;
- without: it has no number either, and holds only wanted lines in at most the wanted quantities.

So two shipments of one order with equal tracking (or both without, and alike) cannot be told
apart. That matters only when an answer was lost; give tracking numbers and it never happens.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crossdock import Command, Receipt, RejectedError, UnavailableError
from crossdock.canonical import EntityRef, Fulfillment

from crossdock_shopify import queries
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.echoes import Echoes, shipment_look
from crossdock_shopify.graphql import GraphQL, next_page, user_errors
from crossdock_shopify.reading import Obj

ORDER_GID = "gid://shopify/Order/"
_LINE_GID = "gid://shopify/LineItem/"
_VOID = frozenset({"CANCELLED", "ERROR", "FAILURE"})
_OPEN = frozenset({"OPEN", "IN_PROGRESS"})
Quantities = dict[str, int]


def tail(gid: str) -> str:
    """`gid://shopify/Fulfillment/12` → `12`."""
    return gid.rpartition("/")[2].partition("?")[0]


@dataclass
class Done:
    """What of a wanted shipment the shop already has."""

    rest: Quantities
    ids: list[str] = field(default_factory=list)
    lines: dict[str, str] = field(default_factory=dict)
    """Line id to the fulfilment that holds it."""


@dataclass(frozen=True)
class _Portion:
    """So much of one line that one fulfilment order can still ship."""

    fulfillment_order: str
    fo_line: str
    line_id: str
    location: str
    remaining: int


@dataclass(frozen=True)
class Fulfilling:
    """The command `fulfillment.create`, for one shop."""

    config: ShopifyConfig
    graphql: GraphQL
    echoes: Echoes

    async def apply(self, command: Command[Fulfillment]) -> Receipt:
        """Create what is still missing: one fulfilment for each location."""
        order_id, wanted = order_number(command), _wanted(command)
        done = Done(dict(wanted))
        if command.attempt > 1:
            done = await self._done(order_id, command.data, wanted)
            if not done.rest:
                return _receipt(done, "an earlier try had created it")
        name, portions, held = await self._open_portions(order_id)
        short = _shortfalls(done.rest, portions)
        if short:
            return await self._refuse(order_id, name, command.data, wanted, short, held)
        preferred = self.config.locations.get(command.data.location or "", "")
        for lines in _by_location(done.rest, portions, preferred):
            gid = await self._create(command, order_id, name, lines, done)
            done.ids.append(tail(gid))
            done.lines |= {portion.line_id: tail(gid) for portion, _ in lines}
        return _receipt(done, f"{len(done.ids)} fulfilment(s) of {name}")

    async def find(self, command: Command[Fulfillment]) -> Receipt | None:
        """The fulfilments an earlier try left, once they hold all that was wanted."""
        done = await self._done(order_number(command), command.data, _wanted(command))
        return None if done.rest else _receipt(done, "found at the shop")

    async def _done(self, order_id: str, data: Fulfillment, wanted: Quantities) -> Done:
        numbers = _numbers(data)
        done = Done(dict(wanted))
        for fulfilment in await self.fulfillments(order_id):
            if not _same_parcels(_numbers_of(fulfilment), numbers):
                continue
            gid = fulfilment.need_text("id")
            lines = await self._lines_of(gid)
            fits = all(wanted.get(line, 0) >= quantity for line, quantity in lines.items())
            shared = [line for line in lines if line in done.rest]
            if not shared or not (numbers or fits):
                continue
            done.ids.append(tail(gid))
            for line in shared:
                done.lines[line] = tail(gid)
                left = done.rest.pop(line) - lines[line]
                if left > 0:
                    done.rest[line] = left
        return done

    async def fulfillments(self, order_id: str) -> list[Obj]:
        """Those that hold goods."""
        answer = await self.graphql.run(queries.FULFILLMENTS, {"id": ORDER_GID + order_id})
        order = _order(answer.data, order_id)
        return [item for item in order.objects("fulfillments") if item.text("status") not in _VOID]

    async def _lines_of(self, gid: str) -> Quantities:
        lines: Quantities = {}
        after: str | None = None
        while True:
            answer = await self.graphql.run(queries.FULFILLMENT_LINES, {"id": gid, "after": after})
            page = answer.data.need_object("fulfillment").need_object("fulfillmentLineItems")
            for node in page.objects("nodes"):
                line_id = tail(node.need_object("lineItem").need_text("id"))
                lines[line_id] = lines.get(line_id, 0) + node.count("quantity", 0)
            after = next_page(page)
            if after is None:
                return lines

    async def _open_portions(self, order_id: str) -> tuple[str, list[_Portion], list[_Portion]]:
        """The order's name, what may be shipped now, and what is on hold or scheduled."""
        portions: list[_Portion] = []
        held: list[_Portion] = []
        after: str | None = None
        while True:
            answer = await self.graphql.run(
                queries.FULFILLMENT_ORDERS, {"id": ORDER_GID + order_id, "after": after}
            )
            order = _order(answer.data, order_id)
            page = order.need_object("fulfillmentOrders")
            for node in page.objects("nodes"):
                into = portions if node.text("status") in _OPEN else held
                into.extend(await self._portions(node))
            after = next_page(page)
            if after is None:
                return order.text("name") or order_id, portions, held

    async def _portions(self, node: Obj) -> list[_Portion]:
        gid = node.need_text("id")
        location = node.need_object("assignedLocation").object("location")
        place = location.need_text("id") if location else ""
        page = node.need_object("lineItems")
        found: list[_Portion] = []
        while True:
            for line in page.objects("nodes"):
                line_id = tail(line.need_object("lineItem").need_text("id"))
                remaining = line.count("remainingQuantity")
                if remaining:
                    found.append(_Portion(gid, line.need_text("id"), line_id, place, remaining))
            after = next_page(page)
            if after is None:
                return found
            answer = await self.graphql.run(
                queries.FULFILLMENT_ORDER_LINES, {"id": gid, "after": after}
            )
            page = answer.data.need_object("fulfillmentOrder").need_object("lineItems")

    async def _create(
        self,
        command: Command[Fulfillment],
        order_id: str,
        name: str,
        lines: list[tuple[_Portion, int]],
        done: Done,
    ) -> str:
        grouped: dict[str, list[dict[str, object]]] = {}
        goods: Quantities = {}
        for portion, quantity in lines:
            goods[portion.line_id] = goods.get(portion.line_id, 0) + quantity
            item = {"id": portion.fo_line, "quantity": quantity}
            grouped.setdefault(portion.fulfillment_order, []).append(item)
        fulfilment: dict[str, object] = {
            "lineItemsByFulfillmentOrder": [
                {"fulfillmentOrderId": gid, "fulfillmentOrderLineItems": items}
                for gid, items in grouped.items()
            ],
            "notifyCustomer": self.config.notify_customers and command.notify,
        }
        if tracking := tracking_input(command.data):
            fulfilment["trackingInfo"] = tracking
        look = shipment_look(order_id, goods, _numbers(command.data), cancelled=False)
        self.echoes.expect(look, command.id)
        answer = await self.graphql.run(queries.FULFILLMENT_CREATE, {"fulfillment": fulfilment})
        payload = answer.data.object("fulfillmentCreate")
        if payload is None:
            raise UnavailableError(f"order {name}: no word on the fulfilment", outcome="unknown")
        if errors := user_errors(payload):
            self.echoes.forget(look)
            before = f"; created before: {', '.join(done.ids)}" if done.ids else ""
            raise RejectedError(
                f"order {name}: Shopify refuses the fulfilment: "
                f"{'; '.join(words for _, words in errors)}{before}",
                reason="fulfillment_refused",
                parts={"created": list(done.ids)},
            )
        return payload.need_object("fulfillment").need_text("id")

    async def _refuse(
        self,
        order_id: str,
        name: str,
        data: Fulfillment,
        wanted: Quantities,
        short: Mapping[str, tuple[int, int]],
        held: list[_Portion],
    ) -> Receipt:
        """More is wanted than is left: say so, unless all of it is fulfilled already."""
        shipped: Quantities = {}
        numbers: set[str] = set()
        for fulfilment in await self.fulfillments(order_id):
            numbers |= _numbers_of(fulfilment)
            for line, quantity in (await self._lines_of(fulfilment.need_text("id"))).items():
                shipped[line] = shipped.get(line, 0) + quantity
        gone = all(
            shipped.get(line, 0) >= quantity and short.get(line, (0, 1))[1] == 0
            for line, quantity in wanted.items()
        )
        if gone and _numbers(data) <= numbers:
            note = f"order {name}: the shop had these lines fulfilled already, by another hand"
            return Receipt(changed=False, note=note)
        words = "; ".join(
            f"line {line}: {asked} wanted, {left} left to fulfil"
            for line, (asked, left) in short.items()
        )
        if gone:
            missing = ", ".join(sorted(_numbers(data) - numbers))
            raise RejectedError(
                f"order {name} is fulfilled already, by another hand and without the tracking "
                f"number {missing}: add it to the fulfilment in Shopify ({words})",
                reason="already_fulfilled",
            )
        on_hold = sum(portion.remaining for portion in held if portion.line_id in short)
        hint = f" ({on_hold} of these are on hold or scheduled)" if on_hold else ""
        raise RejectedError(f"order {name}: {words}{hint}", reason="quantity_not_open")


def order_number(command: Command[Any]) -> str:
    """Shopify's number of the order that a command's entity is about.

    RejectedError: it is not known here.
    """
    order: EntityRef = command.data.order
    found = command.native_id(order.id) or order.native_id
    if not found or not found.isascii() or not found.isdecimal():
        raise RejectedError(
            f"{command.type} {command.id}: Shopify's id of order {order.id or 'without id'} "
            f"is not known here (found {found!r}); was it placed in this shop?",
            reason="order_unknown",
        )
    return found


def _wanted(command: Command[Fulfillment]) -> Quantities:
    wanted: Quantities = {}
    for line in command.data.lines:
        whole = int(line.quantity)
        if whole != line.quantity or whole < 0:
            raise RejectedError(
                f"fulfillment.create {command.id}, line {line.line_id}: quantity is "
                f"{line.quantity}, but Shopify ships whole pieces",
                reason="fractional_quantity",
            )
        if whole:
            wanted[line.line_id] = wanted.get(line.line_id, 0) + whole
    if not wanted:
        raise RejectedError(
            f"fulfillment.create {command.id}: no line has a quantity", reason="nothing_shipped"
        )
    return wanted


def _shortfalls(rest: Quantities, portions: list[_Portion]) -> dict[str, tuple[int, int]]:
    """Line id to (wanted, open) where more is wanted than open."""
    left: Quantities = {}
    for portion in portions:
        left[portion.line_id] = left.get(portion.line_id, 0) + portion.remaining
    return {
        line: (asked, left.get(line, 0))
        for line, asked in rest.items()
        if asked > left.get(line, 0)
    }


def _by_location(
    rest: Quantities, portions: list[_Portion], preferred: str
) -> list[list[tuple[_Portion, int]]]:
    """Spread the quantities over the portions, those at the preferred location first."""
    open_ = dict(rest)
    groups: dict[str, list[tuple[_Portion, int]]] = {}
    for portion in sorted(portions, key=lambda p: p.location != preferred):
        take = min(open_.get(portion.line_id, 0), portion.remaining)
        if take:
            open_[portion.line_id] -= take
            groups.setdefault(portion.location, []).append((portion, take))
    return list(groups.values())


def tracking_input(data: Fulfillment) -> dict[str, object]:
    """A `FulfillmentTrackingInput`, one number and address for each parcel."""
    numbers = [item.number for item in data.tracking if item.number]
    urls = [item.url for item in data.tracking if item.url]
    company = next((item.carrier for item in data.tracking if item.carrier), None)
    given = {"numbers": numbers, "urls": urls, "company": company}
    return {key: value for key, value in given.items() if value}


def _numbers(data: Fulfillment) -> set[str]:
    return {item.number for item in data.tracking if item.number}


def _numbers_of(fulfilment: Obj) -> set[str]:
    return {n for item in fulfilment.objects("trackingInfo") if (n := item.text("number"))}


def _same_parcels(found: set[str], wanted: set[str]) -> bool:
    """Equal; of a shipment of very many parcels we are shown the first ones only."""
    return found == wanted or (len(found) >= queries.PARCELS_SHOWN and found < wanted)


def _order(data: Obj, order_id: str) -> Obj:
    order = data.object("order")
    if order is None:
        raise RejectedError(
            f"the shop has no order {order_id}, or this app may not read it "
            "(orders older than 60 days need the scope read_all_orders)",
            reason="order_not_found",
        )
    return order


def _receipt(done: Done, note: str) -> Receipt:
    several = len(set(done.ids)) > 1
    return Receipt(native_id=done.ids[0], note=note, extra_ids=done.lines if several else {})


async def read_order(graphql: GraphQL, query: str, number: str) -> Obj:
    """The order that `query` asks for by its number. RejectedError: the shop has none."""
    answer = await graphql.run(query, {"id": ORDER_GID + number})
    order = answer.data.object("order")
    if order is None:
        raise RejectedError(
            f"the shop has no order {number}, or this app may not read it",
            reason="order_not_found",
        )
    return order

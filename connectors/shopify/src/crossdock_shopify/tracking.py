"""Changing what was shipped: new tracking numbers, and a shipment that did not leave after all.

One shipment of ours may be several fulfilments at Shopify, one for each location. We know the
number of the first; the others are those of the same order that hold wanted lines under the same
tracking numbers. Setting tracking is absolute and cancelling final, so both may be repeated.
"""

from dataclasses import dataclass

from crossdock import Command, Receipt, RejectedError, UnavailableError
from crossdock.canonical import Fulfillment

from crossdock_shopify import queries_write
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.details import Details
from crossdock_shopify.echoes import Echoes, shipment_look
from crossdock_shopify.fulfilling import Fulfilling, order_number, tail, tracking_input
from crossdock_shopify.graphql import GraphQL, user_errors
from crossdock_shopify.reading import Obj

_GONE = frozenset({"CANCELLED", "ERROR", "FAILURE"})


@dataclass(frozen=True)
class _Shipped:
    """One fulfilment as it is at the shop."""

    gid: str
    status: str
    numbers: frozenset[str]
    company: str | None
    urls: frozenset[str]
    lines: dict[str, int]


@dataclass(frozen=True)
class Tracking:
    """The commands `fulfillment.update` and `fulfillment.cancel`, for one shop."""

    config: ShopifyConfig
    graphql: GraphQL
    details: Details
    fulfilling: Fulfilling
    echoes: Echoes

    async def apply(self, command: Command[Fulfillment]) -> Receipt:
        """Set the tracking of every fulfilment of this shipment, or cancel them all."""
        found = await self._ours(command)
        if command.type == "fulfillment.cancel":
            return await self._cancel(command, found)
        return await self._update(command, found)

    async def find(self, command: Command[Fulfillment]) -> Receipt | None:
        """Whether the shop has it as wanted; who did it does not matter."""
        found = await self._ours(command)
        if command.type == "fulfillment.cancel":
            done = all(one.status in _GONE for one in found)
        else:
            done = all(_is_so(one, command.data) for one in found if one.status not in _GONE)
        return Receipt(native_id=tail(found[0].gid), note="found so at the shop") if done else None

    async def _update(self, command: Command[Fulfillment], found: list[_Shipped]) -> Receipt:
        live = [one for one in found if one.status not in _GONE]
        data, order_id = command.data, order_number(command)
        if not live:
            raise RejectedError(
                f"fulfilment {tail(found[0].gid)} is cancelled at the shop: no tracking for it",
                reason="fulfillment_cancelled",
            )
        self._same_goods(command, live)
        changed = [one for one in live if not _is_so(one, data)]
        for one in changed:
            numbers = {item.number for item in data.tracking if item.number}
            look = shipment_look(order_id, one.lines, numbers, cancelled=False)
            self.echoes.expect(look, command.id)
            answer = await self.graphql.run(
                queries_write.TRACKING_UPDATE,
                {
                    "id": one.gid,
                    "tracking": tracking_input(data),
                    "notify": self.config.notify_customers and command.notify,
                },
            )
            accepted(answer.data, "fulfillmentTrackingInfoUpdate", f"fulfilment {tail(one.gid)}")
        native_id = tail(live[0].gid)
        if not changed:
            return Receipt(native_id=native_id, changed=False, note="the tracking was so already")
        return Receipt(native_id=native_id, note=f"tracking of {len(changed)} fulfilment(s) set")

    def _same_goods(self, command: Command[Fulfillment], live: list[_Shipped]) -> None:
        """Goods of a fulfilment cannot be changed at Shopify, only cancelled and shipped anew."""
        there: dict[str, int] = {}
        for one in live:
            for line, quantity in one.lines.items():
                there[line] = there.get(line, 0) + quantity
        wanted: dict[str, int] = {}
        for item in command.data.lines:
            wanted[item.line_id] = wanted.get(item.line_id, 0) + int(item.quantity)
        differs = [
            f"line {line}: {wanted.get(line, 0)} wanted, {there.get(line, 0)} there"
            for line in sorted(set(there) | set(wanted))
            if there.get(line, 0) != wanted.get(line, 0)
        ]
        if differs:
            raise RejectedError(
                f"fulfilment {tail(live[0].gid)}: Shopify cannot change what was shipped "
                f"({'; '.join(differs)}); cancel it and ship anew",
                reason="shipped_goods_differ",
            )

    async def _cancel(self, command: Command[Fulfillment], found: list[_Shipped]) -> Receipt:
        live = [one for one in found if one.status not in _GONE]
        native_id, order_id = tail(found[0].gid), order_number(command)
        for one in live:
            self.echoes.expect(
                shipment_look(order_id, one.lines, one.numbers, cancelled=True), command.id
            )
            answer = await self.graphql.run(queries_write.FULFILLMENT_CANCEL, {"id": one.gid})
            accepted(answer.data, "fulfillmentCancel", f"fulfilment {tail(one.gid)}")
        if not live:
            return Receipt(native_id=native_id, changed=False, note="was cancelled already")
        return Receipt(native_id=native_id, note=f"{len(live)} fulfilment(s) cancelled")

    async def _ours(self, command: Command[Fulfillment]) -> list[_Shipped]:
        """The fulfilments of this shipment, the one we know first."""
        number = command.native_id(command.data.id or command.entity_id)
        if not number or not number.isascii() or not number.isdecimal():
            raise RejectedError(
                f"{command.type} {command.id}: Shopify's number of this shipment is not known here "
                f"(found {number!r}); was it told to this shop?",
                reason="fulfillment_unknown",
            )
        gid = f"gid://shopify/Fulfillment/{number}"
        first = await self._one(gid)
        if first is None:
            raise RejectedError(
                f"the shop has no fulfilment {number}, or this app may not read it",
                reason="fulfillment_not_found",
            )
        wanted = {line.line_id for line in command.data.lines}
        if not wanted - set(first.lines):
            return [first]
        found = [first]
        for other in await self.fulfilling.fulfillments(order_number(command)):
            gid = other.need_text("id")
            one = await self._one(gid) if gid != first.gid else None
            if one and one.numbers == first.numbers and wanted & set(one.lines):
                found.append(one)
        return found

    async def _one(self, gid: str) -> _Shipped | None:
        nodes = [raw async for raw in self.details.read("Fulfillment", [gid])]
        if not nodes:
            return None
        node = Obj("Fulfillment", nodes[0].body)
        lines: dict[str, int] = {}
        for item in node.need_object("fulfillmentLineItems").objects("nodes"):
            line = tail(item.need_object("lineItem").need_text("id"))
            lines[line] = lines.get(line, 0) + item.count("quantity", 0)
        told = list(node.objects("trackingInfo"))
        return _Shipped(
            gid,
            node.text("status") or "",
            frozenset(number for item in told if (number := item.text("number"))),
            next((name for item in told if (name := item.text("company"))), None),
            frozenset(url for item in told if (url := item.text("url"))),
            lines,
        )


def _is_so(one: _Shipped, data: Fulfillment) -> bool:
    """Whether Shopify has this tracking; it adds addresses of its own for carriers it knows."""
    wanted = tracking_input(data)
    urls = {item.url for item in data.tracking if item.url}
    numbers = {item.number for item in data.tracking if item.number}
    carrier = wanted.get("company")
    return one.numbers == numbers and urls <= one.urls and carrier in {None, one.company}


def accepted(data: Obj, mutation: str, what: str) -> Obj:
    """The payload. RejectedError in Shopify's words; UnavailableError where there is none."""
    payload = data.object(mutation)
    if payload is None:
        raise UnavailableError(f"{what}: no word on it from Shopify", outcome="unknown")
    if errors := user_errors(payload):
        code = next((code.lower() for code, _ in errors if code), f"{mutation}_refused".lower())
        raise RejectedError(
            f"{what}: Shopify refuses: {'; '.join(words for _, words in errors)}", reason=code
        )
    return payload

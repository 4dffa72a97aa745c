"""Goods that come back: `return.create`, `return.cancel` and `return_receipt.create`.

A return at Shopify is of fulfilled lines, so what may be returned is read first and the wanted
quantities spread over it. Shopify takes no idempotency key here: the note of the first returned
line carries our mark. Taking goods in (a disposition) leaves no room for a mark; an earlier try is
known by the quantities that are disposed already, so two receipts of one return with equal lines,
the second with a lost answer, cannot be told apart.
"""

from dataclasses import dataclass
from typing import Any

from crossdock import Command, Receipt, RejectedError
from crossdock.canonical import Return, ReturnReceipt

from crossdock_shopify import queries_write
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.details import Details
from crossdock_shopify.fulfilling import ORDER_GID, order_number, tail
from crossdock_shopify.graphql import GraphQL
from crossdock_shopify.mapping_returns import DISPOSITIONS_BACK, REASONS_BACK
from crossdock_shopify.marks import command_in, marked
from crossdock_shopify.reading import Obj
from crossdock_shopify.tracking import accepted

_RETURN_GID = "gid://shopify/Return/"
_OVER = frozenset({"CANCELED", "DECLINED", "CLOSED"})


@dataclass(frozen=True)
class Returning:
    """The commands about returns, for one shop. `namespace` is the prefix of our marks."""

    config: ShopifyConfig
    graphql: GraphQL
    details: Details
    namespace: str

    async def apply(self, command: Command[Any]) -> Receipt:
        """Make, call off, or take in."""
        match command.type:
            case "return.create":
                return await self._create(command)
            case "return.cancel":
                return await self._cancel(command)
            case _:
                return await self._receive(command)

    async def find(self, command: Command[Any]) -> Receipt | None:
        """What an earlier try left."""
        match command.type:
            case "return.create":
                return await self._made(command)
            case "return.cancel":
                found = await self._status(command)
                return _over(found) if found.text("status") in _OVER else None
            case _:
                _, short = await self._open_lines(command)
                return None if short is None else _taken_in(command, self._number(command))

    async def _create(self, command: Command[Return]) -> Receipt:
        if command.attempt > 1 and (done := await self._made(command)):
            return done
        data = command.data
        order_gid = ORDER_GID + order_number(command)
        wanted = {
            line.line_id: _whole(command, line.line_id, line.requested) for line in data.lines
        }
        facts = {line.line_id: line for line in data.lines}
        items: list[dict[str, Any]] = []
        async for page in self.graphql.pages(
            queries_write.RETURNABLE, {"id": order_gid}, "returnableFulfillments"
        ):
            for node in page.objects("nodes"):
                for item in node.need_object("returnableFulfillmentLineItems").objects("nodes"):
                    shipped = item.need_object("fulfillmentLineItem")
                    line = tail(shipped.need_object("lineItem").need_text("id"))
                    take = min(wanted.get(line, 0), item.count("quantity"))
                    if take <= 0:
                        continue
                    wanted[line] -= take
                    reason = REASONS_BACK.get(facts[line].reason or "", "OTHER")
                    note = facts[line].note or data.number
                    items.append(
                        {
                            "fulfillmentLineItemId": shipped.need_text("id"),
                            "quantity": take,
                            "returnReason": reason,
                            "returnReasonNote": note[:255]
                            if items
                            else marked(note, self.namespace, command.id),
                        }
                    )
        short = [
            f"line {line}: {left} more than can be returned"
            for line, left in wanted.items()
            if left
        ]
        if short or not items:
            raise RejectedError(
                f"return {data.number}: {'; '.join(short) or 'no line has a quantity'}",
                reason="quantity_not_returnable",
            )
        given = {
            "orderId": order_gid,
            "returnLineItems": items,
            "requestedAt": data.requested_at.isoformat(),
        }
        answer = await self.graphql.run(queries_write.RETURN_CREATE, {"input": given})
        payload = accepted(answer.data, "returnCreate", f"return {data.number}")
        made = payload.need_object("return")
        return Receipt(native_id=tail(made.need_text("id")), note=f"return {made.text('name')}")

    async def _made(self, command: Command[Return]) -> Receipt | None:
        async for page in self.graphql.pages(
            queries_write.ORDER_RETURN_NOTES,
            {"id": ORDER_GID + order_number(command)},
            "order",
            "returns",
        ):
            for node in page.objects("nodes"):
                for line in node.need_object("returnLineItems").objects("nodes"):
                    if command_in(line.text("returnReasonNote")) == command.id:
                        return Receipt(
                            native_id=tail(node.need_text("id")), note="found at the shop"
                        )
        return None

    def _number(self, command: Command[Any]) -> str:
        data = command.data
        if isinstance(data, ReturnReceipt):
            ref = data.return_ref
            number = ref and (command.native_id(ref.id) or ref.native_id)
        else:
            number = command.native_id(data.id or command.entity_id)
        if not number or not number.isascii() or not number.isdecimal():
            raise RejectedError(
                f"{command.type} {command.id}: Shopify's number of this return is not known here "
                f"(found {number!r})",
                reason="return_unknown",
            )
        return str(number)

    async def _status(self, command: Command[Any]) -> Obj:
        number = self._number(command)
        answer = await self.graphql.run(queries_write.RETURN_STATUS, {"id": _RETURN_GID + number})
        found = answer.data.object("return")
        if found is None:
            raise RejectedError(f"the shop has no return {number}", reason="return_not_found")
        return found

    async def _cancel(self, command: Command[Return]) -> Receipt:
        """A return that was only asked for is declined, an agreed one cancelled."""
        found = await self._status(command)
        gid, status = found.need_text("id"), found.text("status")
        if status in _OVER:
            return _over(found)
        notify = self.config.notify_customers and command.notify
        what = f"return {found.text('name') or tail(gid)}"
        if status == "REQUESTED":
            given = {
                "id": gid,
                "declineReason": "OTHER",
                "declineNote": command.data.decline_reason,
                "notifyCustomer": notify,
            }
            answer = await self.graphql.run(queries_write.RETURN_DECLINE, {"input": given})
            accepted(answer.data, "returnDeclineRequest", what)
            return Receipt(native_id=tail(gid), note=f"{what} declined")
        answer = await self.graphql.run(queries_write.RETURN_CANCEL, {"id": gid, "notify": notify})
        accepted(answer.data, "returnCancel", what)
        return Receipt(native_id=tail(gid), note=f"{what} cancelled")

    async def _receive(self, command: Command[ReturnReceipt]) -> Receipt:
        number = self._number(command)
        lines, short = await self._open_lines(command)
        if short is not None:
            if command.attempt > 1:
                return _taken_in(command, number)
            raise RejectedError(f"return {number}: {short}", reason="quantity_not_open")
        answer = await self.graphql.run(queries_write.DISPOSE, {"inputs": lines})
        accepted(answer.data, "reverseFulfillmentOrderDispose", f"return {number}")
        return Receipt(native_id=number, note=f"{len(lines)} line(s) taken in")

    async def _open_lines(
        self, command: Command[ReturnReceipt]
    ) -> tuple[list[dict[str, Any]], str | None]:
        """What to dispose of, or what more is wanted than is still awaited."""
        number = self._number(command)
        found = await self.details.return_(_RETURN_GID + number)
        if found is None:
            raise RejectedError(f"the shop has no return {number}", reason="return_not_found")
        data = command.data
        awaited: dict[str, list[tuple[str, int]]] = {}
        for reverse in (
            Obj("Return", found).need_object("reverseFulfillmentOrders").objects("nodes")
        ):
            for item in reverse.need_object("lineItems").objects("nodes"):
                shipped = item.object("fulfillmentLineItem")
                if shipped is None:
                    continue
                line_id = tail(shipped.need_object("lineItem").need_text("id"))
                gone = sum(one.count("quantity") for one in item.objects("dispositions"))
                left = item.count("totalQuantity") - gone
                awaited.setdefault(line_id, []).append((item.need_text("id"), left))
        lines: list[dict[str, Any]] = []
        for line in data.lines:
            rest = _whole(command, line.line_id, line.quantity)
            for gid, left in awaited.get(line.line_id, []):
                take = min(rest, left)
                if take > 0:
                    rest -= take
                    lines.append(
                        self._disposition(data, line.disposition, line.condition, gid, take)
                    )
            if rest:
                open_ = sum(left for _, left in awaited.get(line.line_id, []))
                return [], f"line {line.line_id}: {line.quantity} came, {open_} still awaited"
        return lines, None

    def _disposition(
        self, data: ReturnReceipt, disposition: str, condition: str, gid: str, quantity: int
    ) -> dict[str, Any]:
        kind = "MISSING" if condition == "missing" else DISPOSITIONS_BACK.get(disposition)
        given: dict[str, Any] = {
            "reverseFulfillmentOrderLineItemId": gid,
            "quantity": quantity,
            "dispositionType": kind or "PROCESSING_REQUIRED",
        }
        if kind == "RESTOCKED":
            location = self.config.locations.get(data.location)
            if location is None:
                known = ", ".join(sorted(self.config.locations)) or "none"
                raise RejectedError(
                    f"location {data.location!r} has no Shopify location; write it under "
                    f"`locations:` of this connection (known there: {known})",
                    reason="location_unknown",
                )
            given["locationId"] = location
        return given


def _over(found: Obj) -> Receipt:
    status = (found.text("status") or "").lower()
    return Receipt(
        native_id=tail(found.need_text("id")), changed=False, note=f"the return is {status} already"
    )


def _taken_in(command: Command[Any], number: str) -> Receipt:
    return Receipt(native_id=number, changed=False, note="taken in by an earlier try")


def _whole(command: Command[Any], line: str, quantity: Any) -> int:
    if quantity != int(quantity):
        raise RejectedError(
            f"{command.type} {command.id}, line {line}: quantity is {quantity}, "
            "but Shopify counts whole pieces",
            reason="fractional_quantity",
        )
    return int(quantity)

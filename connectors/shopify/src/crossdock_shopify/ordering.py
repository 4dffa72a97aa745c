"""What may be done to an order after it was placed: cancel, change, hold and release.

Shopify lets an app change how an order is reached (address, e-mail, phone, note, tags, purchase
order number). What was bought is changed by an order edit, which a person must agree with the
customer: such a wish is refused with the lines that differ. All of it is absolute, and what is so
already is left alone, so that it may be repeated.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crossdock import Command, Receipt, RejectedError, UnavailableError
from crossdock.canonical import Address, Order

from crossdock_shopify import queries_write
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.echoes import Echoes, change_look
from crossdock_shopify.fulfilling import ORDER_GID, read_order
from crossdock_shopify.graphql import GraphQL
from crossdock_shopify.marks import command_in, marked
from crossdock_shopify.reading import Obj
from crossdock_shopify.tracking import accepted

_CANCEL = {
    "customer": "CUSTOMER",
    "stock": "INVENTORY",
    "inventory": "INVENTORY",
    "fraud": "FRAUD",
    "payment": "DECLINED",
    "declined": "DECLINED",
    "staff": "STAFF",
}
_HOLDS = {
    "fraud": "HIGH_RISK_OF_FRAUD",
    "payment": "AWAITING_PAYMENT",
    "address": "INCORRECT_ADDRESS",
    "stock": "INVENTORY_OUT_OF_STOCK",
}
_HOLDABLE = frozenset({"OPEN", "ON_HOLD", "SCHEDULED"})
_HANDLE = 64
"""Characters that a hold's handle may have."""


@dataclass(frozen=True)
class Ordering:
    """The commands about orders, for one shop. `namespace` is the prefix of our marks."""

    config: ShopifyConfig
    graphql: GraphQL
    echoes: Echoes
    namespace: str

    async def apply(self, command: Command[Order]) -> Receipt:
        """Carry it out, unless it is so already."""
        match command.type:
            case "order.cancel":
                return await self._cancel(command)
            case "order.update":
                return await self._update(command)
            case "order.hold":
                return await self._hold(command)
            case _:
                return await self._release(command)

    async def find(self, command: Command[Order]) -> Receipt | None:
        """Whether the order is as wanted; who made it so does not matter."""
        number = _number(command)
        match command.type:
            case "order.cancel":
                state = await self._state(number)
                done = state.text("cancelledAt") is not None
            case "order.update":
                done = not _changes(command.data, await self._state(number))
            case "order.hold":
                done = all(ours or not may for _, ours, may in await self._held(number))
            case _:
                done = not any(ours for _, ours, _ in await self._held(number))
        return Receipt(native_id=number, note="found so at the shop") if done else None

    async def _state(self, number: str) -> Obj:
        return await read_order(self.graphql, queries_write.ORDER_STATE, number)

    async def _cancel(self, command: Command[Order]) -> Receipt:
        """Shopify cancels in a job of its own: its word comes back as `orders/cancelled`."""
        number = _number(command)
        state = await self._state(number)
        if state.text("cancelledAt") is not None:
            return Receipt(native_id=number, changed=False, note="was cancelled already")
        if command_in(_staff_note(state)) == command.id:
            return Receipt(native_id=number, changed=False, note="is being cancelled")
        look = f"order:{number}:cancelled"
        self.echoes.expect(look, command.id)
        reason = _CANCEL.get(command.data.cancel_reason or "", "OTHER")
        answer = await self.graphql.run(
            queries_write.ORDER_CANCEL,
            {
                "id": ORDER_GID + number,
                "reason": reason,
                "refund": {"originalPaymentMethodsRefund": self.config.cancel_refunds},
                "restock": True,
                "note": marked(command.data.note, self.namespace, command.id),
                "notify": self.config.notify_customers and command.notify,
            },
        )
        payload = answer.data.object("orderCancel")
        if payload is None:
            raise UnavailableError(
                f"order {number}: no word on its cancellation", outcome="unknown"
            )
        errors = [item.text("message") or "" for item in payload.objects("orderCancelUserErrors")]
        if errors:
            self.echoes.forget(look)
            raise RejectedError(
                f"order {state.text('name')}: Shopify does not cancel it: {'; '.join(errors)}",
                reason="cancel_refused",
            )
        return Receipt(native_id=number, note=f"{state.text('name')} is being cancelled")

    async def _update(self, command: Command[Order]) -> Receipt:
        number = _number(command)
        state = await self._state(number)
        self._same_goods(command.data, state)
        changes = _changes(command.data, state)
        if not changes:
            return Receipt(native_id=number, changed=False, note="nothing differs")
        given = {"id": ORDER_GID + number, **changes}
        answer = await self.graphql.run(queries_write.ORDER_UPDATE, {"input": given})
        payload = accepted(answer.data, "orderUpdate", f"order {state.text('name')}")
        updated_at = payload.need_object("order").need_text("updatedAt")
        self.echoes.expect(change_look("order", number, updated_at), command.id)
        return Receipt(native_id=number, note=f"changed: {', '.join(sorted(changes))}")

    def _same_goods(self, data: Order, state: Obj) -> None:
        """Refuse a change of goods. Of more than 250 lines the first ones are compared."""
        page = state.need_object("lineItems")
        there = {
            node.need_text("id").rpartition("/")[2]: node.count("currentQuantity")
            for node in page.objects("nodes")
        }
        more = page.need_object("pageInfo").flag("hasNextPage")
        wanted = {line.line_id: line.current for line in data.lines}
        differs = [
            f"line {line}: {wanted[line]} wanted, {there[line]} there"
            for line in sorted(set(wanted) & set(there))
            if Decimal(there[line]) != wanted[line]
        ]
        if not more:
            differs += [f"line {line} is not there" for line in sorted(set(wanted) - set(there))]
        if differs:
            raise RejectedError(
                f"order {state.text('name')}: what was bought would change ({'; '.join(differs)}); "
                "edit the order in Shopify, with the customer's consent",
                reason="order_edit_needed",
            )

    async def _hold(self, command: Command[Order]) -> Receipt:
        """Hold every fulfilment order that is still open; one hold of ours on each."""
        number = _number(command)
        held = 0
        reason = next((_HOLDS[word] for word in command.data.holds if word in _HOLDS), "OTHER")
        for gid, ours, may in await self._held(number):
            if ours or not may:
                continue
            answer = await self.graphql.run(
                queries_write.HOLD,
                {
                    "id": gid,
                    "hold": {
                        "reason": reason,
                        "reasonNotes": ", ".join(command.data.holds) or "held",
                        "handle": self._handle(number),
                    },
                },
            )
            accepted(answer.data, "fulfillmentOrderHold", f"order {command.data.number}")
            held += 1
        return Receipt(native_id=number, changed=held > 0, note=f"{held} fulfilment order(s) held")

    async def _release(self, command: Command[Order]) -> Receipt:
        """Release the holds that are ours, and no other's."""
        number = _number(command)
        released = 0
        for gid, ours, _ in await self._held(number):
            if not ours:
                continue
            answer = await self.graphql.run(queries_write.RELEASE_HOLD, {"id": gid, "holds": ours})
            accepted(answer.data, "fulfillmentOrderReleaseHold", f"order {command.data.number}")
            released += len(ours)
        return Receipt(native_id=number, changed=released > 0, note=f"{released} hold(s) released")

    async def _held(self, number: str) -> list[tuple[str, list[str], bool]]:
        """Each fulfilment order: its id, our holds on it, and whether it can be held."""
        found = []
        async for page in self.graphql.pages(
            queries_write.HOLDS, {"id": ORDER_GID + number}, "order", "fulfillmentOrders"
        ):
            for node in page.objects("nodes"):
                ours = [
                    hold.need_text("id")
                    for hold in node.objects("fulfillmentHolds")
                    if hold.text("handle") == self._handle(number)
                ]
                found.append((node.need_text("id"), ours, node.text("status") in _HOLDABLE))
        if not found:
            raise RejectedError(
                f"the shop has no order {number}, or nothing of it is left to ship",
                reason="order_not_found",
            )
        return found

    def _handle(self, number: str) -> str:
        return f"{self.namespace}-{number}"[:_HANDLE]


def _number(command: Command[Order]) -> str:
    number = command.native_id(command.data.id or command.entity_id)
    if not number or not number.isascii() or not number.isdecimal():
        raise RejectedError(
            f"{command.type} {command.id}: Shopify's number of order {command.data.number} is not "
            f"known here (found {number!r}); was it placed in this shop?",
            reason="order_unknown",
        )
    return number


def _staff_note(state: Obj) -> str | None:
    cancellation = state.object("cancellation")
    return cancellation.text("staffNote") if cancellation else None


def _changes(data: Order, state: Obj) -> dict[str, Any]:
    """What of the order's reach differs; what we do not know is left as it is."""
    return dict(_differing(data, state))


def _differing(data: Order, state: Obj) -> Iterator[tuple[str, Any]]:
    for key, value in (
        ("note", data.note),
        ("email", data.email),
        ("phone", data.phone),
        ("poNumber", data.purchase_order_number),
    ):
        if value is not None and value != state.text(key):
            yield key, value
    if data.tags and set(data.tags) != set(state.texts("tags")):
        yield "tags", list(data.tags)
    if data.shipping_address is not None:
        wanted = address_input(data.shipping_address)
        there = state.object("shippingAddress")
        keys = {"countryCode": "countryCodeV2"}
        known = {key: there.text(keys.get(key, key)) if there else None for key in wanted}
        if wanted != known:
            yield "shippingAddress", wanted


def address_input(address: Address) -> dict[str, str | None]:
    """A `MailingAddressInput`. The last word of the name is taken for the last name."""
    first, _, last = (address.full_name or "").rpartition(" ")
    return {
        "firstName": first or None,
        "lastName": last or None,
        "company": address.company,
        "address1": address.lines[0] if address.lines else None,
        "address2": ", ".join(address.lines[1:]) or None,
        "zip": address.postal_code,
        "city": address.locality,
        "provinceCode": address.region,
        "countryCode": address.country,
        "phone": address.phone,
    }

"""Giving money back: `refund.create`.

A refund at Shopify names the transactions that it gives back of: so what was captured is read
first, and the amount spread over it, oldest first. The idempotency key is the command's; and the
refund's note carries our mark, by which an earlier try is found in every API version.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from crossdock import Command, Receipt, RejectedError, UnavailableError
from crossdock.canonical import Refund

from crossdock_shopify import queries_write
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.fulfilling import order_number, read_order, tail
from crossdock_shopify.graphql import GraphQL, user_errors
from crossdock_shopify.graphql_shapes import rest_amount
from crossdock_shopify.marks import command_in, marked
from crossdock_shopify.reading import Obj

_KEYS = uuid.UUID("0d7b3c52-2a7e-5a4e-8f6f-6a1f0c0b9a11")
_TAKEN = frozenset({"SALE", "CAPTURE"})
_ZERO = Decimal(0)


@dataclass(frozen=True)
class Refunding:
    """The command `refund.create`, for one shop. `namespace` is the prefix of our marks."""

    config: ShopifyConfig
    graphql: GraphQL
    namespace: str

    async def apply(self, command: Command[Refund]) -> Receipt:
        """Make the refund, unless an earlier try did."""
        order = await self._order(command)
        if command.attempt > 1 and (done := _made(order, command)):
            return done
        variables = {
            "input": self._input(command, order),
            "key": str(uuid.uuid5(_KEYS, command.id)),
        }
        answer = await self.graphql.run(queries_write.REFUND_CREATE, variables)
        payload = answer.data.object("refundCreate")
        if payload is None:
            raise UnavailableError("no word on the refund from Shopify", outcome="unknown")
        if errors := user_errors(payload):
            raise RejectedError(
                f"order {order.text('name')}: Shopify refuses the refund: "
                f"{'; '.join(words for _, words in errors)}",
                reason="refund_refused",
            )
        made = payload.need_object("refund")
        return Receipt(
            native_id=tail(made.need_text("id")),
            note=f"{command.data.amount.amount} {command.data.amount.currency} given back",
        )

    async def find(self, command: Command[Refund]) -> Receipt | None:
        """The refund whose note carries this command's mark."""
        return _made(await self._order(command), command)

    async def _order(self, command: Command[Refund]) -> Obj:
        return await read_order(self.graphql, queries_write.ORDER_MONEY, order_number(command))

    def _input(self, command: Command[Refund], order: Obj) -> dict[str, Any]:
        data = command.data
        given: dict[str, Any] = {
            "orderId": order.need_text("id"),
            "note": marked(_note(data), self.namespace, command.id),
            "notify": self.config.notify_customers and command.notify,
            "transactions": list(_transactions(command, order)),
        }
        lines = [
            {
                "lineItemId": f"gid://shopify/LineItem/{line.line_id}",
                "quantity": _whole(command, line.line_id, line.quantity),
                "restockType": "NO_RESTOCK",
            }
            for line in data.lines
            if line.quantity
        ]
        if lines:
            given["refundLineItems"] = lines
        if data.shipping is not None and data.shipping.amount:
            given["shipping"] = {"amount": _text(data.shipping.amount, data.amount.currency)}
        if order.text("currencyCode") != order.text("presentmentCurrencyCode"):
            given["currency"] = data.amount.currency
        return given


def _made(order: Obj, command: Command[Refund]) -> Receipt | None:
    for refund in order.objects("refunds"):
        if command_in(refund.text("note")) == command.id:
            return Receipt(native_id=tail(refund.need_text("id")), note="found at the shop")
    return None


def _note(data: Refund) -> str:
    note = data.extensions.get("com.shopify", {})
    words = note.get("note") if isinstance(note, dict) else None
    return words if isinstance(words, str) else (data.reason or "")


def _whole(command: Command[Refund], line: str, quantity: Decimal | None) -> int:
    if quantity is None or quantity != int(quantity):
        raise RejectedError(
            f"{command.type} {command.id}, line {line}: quantity is {quantity}, "
            "but Shopify counts whole pieces",
            reason="fractional_quantity",
        )
    return int(quantity)


def _transactions(command: Command[Refund], order: Obj) -> Iterator[dict[str, Any]]:
    """The amount, spread over what was captured and not yet given back, oldest first.

    In the order's own currency the shop's side counts, in the customer's the presentment side.
    """
    wanted = command.data.amount
    shown = order.text("presentmentCurrencyCode")
    if wanted.currency not in {order.text("currencyCode"), shown}:
        raise RejectedError(
            f"order {order.text('name')} is in {order.text('currencyCode')} "
            f"(shown in {shown}), not in {wanted.currency}",
            reason="currency_differs",
        )
    if order.text("currencyCode") != shown and wanted.currency != shown:
        raise RejectedError(
            f"order {order.text('name')} was paid in {shown}: Shopify refunds in what the customer "
            f"paid, not in {wanted.currency}; state the amount in {shown}",
            reason="currency_differs",
        )
    side = "presentmentMoney" if wanted.currency == shown else "shopMoney"
    left: dict[str, Decimal] = {}
    gateways: dict[str, str] = {}
    for item in order.objects("transactions"):
        if item.text("status") != "SUCCESS":
            continue
        gid, kind = item.need_text("id"), item.text("kind")
        amount = item.need_object("amountSet").need_object(side).amount("amount") or _ZERO
        parent = item.object("parentTransaction")
        if kind in _TAKEN:
            left[gid] = left.get(gid, _ZERO) + amount
            gateways[gid] = item.text("gateway") or ""
        elif kind == "REFUND" and parent is not None:
            of = parent.need_text("id")
            left[of] = left.get(of, _ZERO) - amount
    rest = wanted.amount
    for gid, gateway in gateways.items():
        take = min(rest, max(left[gid], _ZERO))
        if take > 0:
            rest -= take
            yield {
                "orderId": order.need_text("id"),
                "parentId": gid,
                "gateway": gateway,
                "kind": "REFUND",
                "amount": _text(take, wanted.currency),
            }
    if rest > 0:
        raise RejectedError(
            f"order {order.text('name')}: {wanted.amount} {wanted.currency} wanted back, but only "
            f"{wanted.amount - rest} of what was captured is left",
            reason="more_than_captured",
        )


def _text(amount: Decimal, currency: str) -> str:
    return rest_amount(amount, currency)

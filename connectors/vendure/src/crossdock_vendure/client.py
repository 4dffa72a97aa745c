"""One Vendure server's Admin API: what may be asked of it and told to it.

A failed command is HTTP 200 with an ErrorResult in its union; `_call` makes our errors of those, as
of GraphQL's own. Nothing there takes an idempotency key, so each write looks first for the mark
that an earlier try of it left.
"""
# ruff: noqa: N815 - fields have the vendor's own names

import base64
import binascii
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import crossdock
from crossdock.canonical import Fulfillment, InventoryLevel, Refund
from crossdock.errors import AuthError, ContractError, RejectedError
from crossdock.http import Http, Token, TokenAuth
from crossdock.identity import fingerprint
from crossdock.jsontext import dump, shorten
from crossdock.reading import Count, Moment, Shape, Text, TypedDict

from crossdock_vendure import queries
from crossdock_vendure.config import VendureConfig
from crossdock_vendure.mapping import BODY, HEAD, ID, THIN, TOPIC, Body, Paid

TOLERANCE_S = 300
BEGINNING = "2000-01-01T00:00:00.000Z"
END = "2999-01-01T00:00:00.000Z"
CLOCKS = ("updatedAt", "orderPlacedAt")
HANDLER = "manual-fulfillment"
MOST_NOTED = 1_000
DONE = frozenset({"Shipped", "Delivered"})


class _Made(TypedDict):
    """What a command answers with."""

    id: ID
    state: Text


class _Level(TypedDict):
    """Stock of a variant at one location."""

    stockLocationId: ID
    stockOnHand: int
    stockAllocated: Count


class _Variant(TypedDict):
    """What has stock."""

    id: ID
    stockLevels: list[_Level]


class _Variants(TypedDict):
    """What a SKU finds."""

    items: list[_Variant]


class _Orders(TypedDict):
    """One page; the orders' own fields are for `translate`."""

    items: list[dict[str, Any]]


class _Clocked(TypedDict, total=False):
    """The times by which orders are read; both are there in what was asked by them."""

    updatedAt: Moment
    orderPlacedAt: Moment


class _Thin(TypedDict, total=False):
    """What the plug-in posts."""

    event: Text
    order: ID | None


MADE, VARIANTS, ORDERS = Shape(_Made), Shape(_Variants), Shape(_Orders)
THINLY, CLOCKED = Shape(_Thin), Shape(_Clocked)


@dataclass(frozen=True)
class Vendure:
    """The ports."""

    config: VendureConfig
    http: Http
    context: crossdock.Context
    noted: dict[str, None] = field(default_factory=dict)
    """Orders that a webhook named: the next poll reads them first. Lost with the process; then the
    poll by time of change finds them (docs/decisions/0021-thin-webhooks.md)."""

    async def probe(self) -> crossdock.Health:
        """Who we are there, and in which channel."""
        data = await self._call(queries.ME, "Me")
        me = data.get("me")
        if not isinstance(me, dict):
            raise AuthError(f"{self.http.name}: nobody is logged in; check username and password")
        return crossdock.Health(notes=(f"as {shorten(me.get('identifier'))}",))

    def receive(self, request: crossdock.Request) -> crossdock.Raw:
        """One webhook of the plug-in: Standard Webhooks, verified over its bytes."""
        message_id = self._verified(request)
        thin = THINLY.read(crossdock.Raw("the message", data=request.body))
        if "event" not in thin:  # a plug-in of one's own may post whole orders
            raw = crossdock.Raw(TOPIC, data=request.body, delivery_id=message_id)
            raw.key = f"order:{HEAD.read(raw)['id']}"
            return raw
        order = thin.get("order")
        if order and len(self.noted) < MOST_NOTED:
            self.noted[order] = None
        key = f"order:{order}" if order else f"event:{fingerprint(request.body)[:32]}"
        return crossdock.Raw(THIN, data=request.body, key=key, delivery_id=message_id)

    def _verified(self, request: crossdock.Request) -> str:
        message_id = request.headers.get("webhook-id", "")
        stamp = request.headers.get("webhook-timestamp", "")
        if not (0 < len(message_id) <= 200 and message_id.isascii() and message_id.isprintable()):
            raise AuthError("the header webhook-id is missing or no id")
        if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 12):
            raise AuthError("the header webhook-timestamp is missing or no number")
        right = sign(
            self.config.webhook_secret.get_secret_value(), message_id, int(stamp), request.body
        ).encode()
        given = request.headers.get("webhook-signature", "")[:2000].split(" ")
        if not any(hmac.compare_digest(right, one.encode("utf-8", "replace")) for one in given):
            raise AuthError("the header webhook-signature is missing or does not fit the body")
        if abs(self.context.now().timestamp() - int(stamp)) > TOLERANCE_S:
            raise AuthError(f"the message is more than {TOLERANCE_S} s off our clock")
        return message_id

    async def poll(self, cursor: str | None) -> AsyncIterator[crossdock.Raw]:
        """Orders that webhooks named; then those changed, and those placed, since the cursor.

        Both, for an order's `updatedAt` does not move when it is placed or paid (mapping).
        """
        places = _places(cursor)
        for number in list(self.noted):
            data = await self._call(queries.ORDER, "Order", id=number)
            self.noted.pop(number, None)
            if isinstance(data.get("order"), dict):
                yield _record(data["order"], json.dumps(places))
        for name in CLOCKS:
            async for order in self._since(name, places[name]):
                places[name] = order[name]
                yield _record(order, json.dumps(places))

    async def _since(self, name: str, since: str) -> AsyncIterator[dict[str, Any]]:
        skip = 0
        while True:
            page = await self._page(name, since, END, skip)
            for order in page:
                yield order
            if len(page) < self.config.page_size:
                return
            # several share a moment: begin anew at the last one's, and go on within it if need be
            last = page[-1][name]
            since, skip = (last, 0) if last != since else (since, skip + len(page))

    async def snapshot(self, window: crossdock.Window) -> AsyncIterator[crossdock.Raw]:
        """Every order changed in the window."""
        if window.kind != TOPIC:
            raise RejectedError(f"there are orders, no {shorten(window.kind)}", reason="kind")
        since = _text(window.since) if window.since else BEGINNING
        # between is inclusive, until is not
        until = _text(window.until - timedelta(milliseconds=1)) if window.until else END
        skip = 0
        while page := await self._page("updatedAt", since, until, skip):
            for order in page:
                yield _record(order, None)
            skip += len(page)

    async def _page(self, name: str, since: str, until: str, skip: int) -> list[dict[str, Any]]:
        options = {
            "filter": {name: {"between": {"start": since, "end": until}}},
            "sort": {name: "ASC", "id": "ASC"},
            "take": self.config.page_size,
            "skip": skip,
        }
        data = await self._call(queries.ORDERS, "Orders", options=options)
        page = ORDERS.of(data.get("orders"), "orders")["items"]
        for order in page:
            CLOCKED.of({name: order.get(name)}, TOPIC)
        return page

    async def apply(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Carry out one command once."""
        match command.data:
            case Fulfillment() if command.type == "fulfillment.create":
                return await self._ship(command, command.data)
            case Refund() if command.type == "refund.create":
                return await self._give_back(command, command.data)
            case InventoryLevel() if command.type == "inventory.publish":
                return await self._stock(command.data)
        raise RejectedError(
            "Vendure is told fulfillment.create, refund.create and inventory.publish, "
            f"not {command.type}",
            reason="not_handled",
        )

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """What an earlier try finished; what it left half-way, `apply` goes on with."""
        if not isinstance(command.data, Fulfillment | Refund):
            return None  # stock is set, never added: setting it again changes nothing
        order = await self._order(command)
        if isinstance(command.data, Fulfillment):
            mark = _method(command, command.data)
            for sent in order.get("fulfillments") or []:
                if sent["method"] == mark and sent["state"] in DONE:
                    return crossdock.Receipt(native_id=sent["id"])
            return None
        for paid in order.get("payments") or []:
            for back in paid["refunds"]:
                if command.entity_id in (back["reason"] or "") and back["state"] == "Settled":
                    return crossdock.Receipt(native_id=back["id"])
        return None

    async def _ship(self, command: crossdock.Command[Any], data: Fulfillment) -> crossdock.Receipt:
        order = await self._order(command)
        mark = _method(command, data)
        there = [one for one in order.get("fulfillments") or [] if one["method"] == mark]
        if there:
            number, state = there[0]["id"], there[0]["state"]
        else:
            codes = ", ".join(one.number for one in data.tracking if one.number)
            words = {"method": mark, "trackingCode": codes}
            lines = [
                {"orderLineId": line.line_id, "quantity": _whole(line.quantity)}
                for line in data.lines
            ]
            arguments = [{"name": name, "value": value} for name, value in words.items()]
            made = await self._do(
                queries.FULFIL,
                "Fulfil",
                "addFulfillmentToOrder",
                input={
                    "lines": lines,
                    "handler": {"code": HANDLER, "arguments": arguments},
                },
            )
            number, state = made["id"], made["state"]
        if state not in DONE:
            await self._do(
                queries.MOVE_ON,
                "MoveOn",
                "transitionFulfillmentToState",
                id=number,
                state="Shipped",
            )
        return crossdock.Receipt(native_id=number, changed=not there)

    async def _give_back(self, command: crossdock.Command[Any], data: Refund) -> crossdock.Receipt:
        order = await self._order(command)
        payments = order.get("payments") or []
        found = [
            back
            for paid in payments
            for back in paid["refunds"]
            if command.entity_id in (back["reason"] or "")
        ]
        if found:
            number, state = found[0]["id"], found[0]["state"]
        else:
            wanted = _minor(data.amount.amount)
            paid = next((one for one in payments if _left(one) >= wanted), None)
            if paid is None:
                raise RejectedError(
                    f"order {order['code']} has no settled payment of which {data.amount.amount} "
                    f"{data.amount.currency} can still be given back",
                    reason="nothing_to_refund",
                )
            made = await self._do(
                queries.REFUND,
                "Refund",
                "refundOrder",
                input={
                    "lines": [],
                    "shipping": 0,
                    "adjustment": 0,
                    "amount": wanted,
                    "paymentId": paid["id"],
                    "reason": f"{data.reason or 'refund'} ({command.entity_id})",
                },
            )
            number, state = made["id"], made["state"]
        if state == "Pending" and data.state == "succeeded":
            given = {"id": number, "transactionId": command.entity_id}
            await self._do(queries.SETTLE, "Settle", "settleRefund", input=given)
        return crossdock.Receipt(native_id=number, changed=not found)

    async def _stock(self, level: InventoryLevel) -> crossdock.Receipt:
        place = self.config.locations.get(level.location)
        if place is None:
            raise RejectedError(
                f"location {level.location} is none of {', '.join(self.config.locations)}; "
                "add it to `locations` with the id of Vendure's stock location",
                reason="unknown_location",
            )
        data = await self._call(queries.VARIANT, "Variant", sku=level.sku)
        variants = VARIANTS.of(data.get("productVariants"), "productVariants")["items"]
        if len(variants) != 1:
            found = "no variant has" if not variants else f"{len(variants)} variants have"
            raise RejectedError(f"{found} the SKU {shorten(level.sku)}", reason="sku")
        held = [one for one in variants[0]["stockLevels"] if one["stockLocationId"] == place]
        # what Vendure sells is on hand less allocated; we are told what may be sold
        sellable = level.sellable or Decimal(0)
        on_hand = _whole(sellable) + (held[0]["stockAllocated"] if held else 0)
        number = variants[0]["id"]
        receipt = crossdock.Receipt(native_id=f"{number}@{place}")
        if held and held[0]["stockOnHand"] == on_hand:
            return crossdock.Receipt(native_id=receipt.native_id, changed=False)
        level_input = {"stockLocationId": place, "stockOnHand": on_hand}
        given = [{"id": number, "stockLevels": [level_input]}]
        await self._call(queries.STOCK, "Stock", input=given)
        return receipt

    async def _order(self, command: crossdock.Command[Any]) -> Body:
        """The order that a command is about, as it stands now."""
        ref = command.data.order
        number = command.native_id(ref.id)
        if number is None:
            raise RejectedError(
                f"{command.type}: Vendure does not know order {ref.id}", reason="unknown_order"
            )
        data = await self._call(queries.ORDER, "Order", id=number)
        if data.get("order") is None:
            raise RejectedError(f"Vendure has no order {number}", reason="unknown_order")
        return BODY.of(data["order"], TOPIC)

    async def _do(self, document: str, name: str, root: str, **variables: Any) -> _Made:
        """A command whose answer is a union with ErrorResults."""
        data = await self._call(document, name, **variables)
        answer = data.get(root)
        if isinstance(answer, dict) and "errorCode" in answer:
            raise RejectedError(
                f"{root}: {shorten(answer.get('message'), 300)}",
                reason=str(answer["errorCode"])[:60].lower(),
            )
        return MADE.of(answer, root)

    async def _call(self, document: str, name: str, **variables: Any) -> dict[str, Any]:
        body = {"operationName": name, "query": document, "variables": variables}
        # a query may be repeated; a mutation is looked for first when its answer was lost
        answer = await self.http.post("", json=body, idempotent=document.startswith("query"))
        return _data(answer.json(), f"{name} at {self.http.name}", answer.request_id)


def _data(told: Any, what: str, request_id: str | None = None) -> dict[str, Any]:
    """The data of a GraphQL answer. Its errors come with HTTP 200."""
    if not isinstance(told, dict):
        raise ContractError(f"{what}: expected an object, found {shorten(told)}")
    errors = told.get("errors")
    if isinstance(errors, list) and errors:
        first = errors[0] if isinstance(errors[0], dict) else {}
        extensions = first.get("extensions")
        code = str(extensions.get("code")) if isinstance(extensions, dict) else "error"
        words = f"{what}: {shorten(first.get('message'), 300)} ({code[:60]})"
        if code in {"FORBIDDEN", "UNAUTHENTICATED"}:
            raise AuthError(f"{words}; check username, password and role", request_id=request_id)
        if code == "INTERNAL_SERVER_ERROR":
            raise crossdock.UnavailableError(words, outcome="unknown", request_id=request_id)
        raise RejectedError(words, reason=code[:60].lower(), request_id=request_id)
    data = told.get("data")
    if not isinstance(data, dict):
        raise ContractError(f"{what}: expected data, found {shorten(data)}", request_id=request_id)
    return data


def sign(secret: str, message_id: str, timestamp: int, body: bytes) -> str:
    """A Standard Webhooks signature, as the plug-in makes it."""
    plain = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(plain, validate=True)
    except (binascii.Error, ValueError):
        key = plain.encode("utf-8", "surrogatepass")
    mac = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, "sha256")
    return f"v1,{base64.b64encode(mac).decode()}"


def _record(order: Mapping[str, Any], cursor: str | None) -> crossdock.Raw:
    """Times of SQLite are whole seconds, so the content joins the id of the news."""
    head = HEAD.of(order, TOPIC)
    mark = fingerprint(dump(order))[:32]
    return crossdock.Raw(
        TOPIC,
        order,
        key=f"order:{head['id']}",
        delivery_id=f"order:{head['id']}:{mark}",
        cursor=cursor,
    )


def _places(cursor: str | None) -> dict[str, str]:
    """Where reading by each clock was left. ContractError: this is no cursor of ours."""
    if cursor is None:
        return dict.fromkeys(CLOCKS, BEGINNING)
    try:
        places = CLOCKED.of(json.loads(cursor), "the cursor")
    except (ValueError, RecursionError, ContractError):
        places = {}
    if set(places) != set(CLOCKS):
        raise ContractError(f"the cursor {shorten(cursor)} is none of ours; begin anew without it")
    return {name: str(place) for name, place in places.items()}


def _method(command: crossdock.Command[Any], data: Fulfillment) -> str:
    """What the customer sees as the carrier; it is our mark, for the shipper's number is in it."""
    carrier = next((one.carrier for one in data.tracking if one.carrier), None)
    return f"{carrier or 'Shipment'} ({data.number or command.entity_id})"


def _whole(quantity: Decimal) -> int:
    if quantity != int(quantity):
        raise RejectedError(f"Vendure counts whole pieces, not {quantity}", reason="fraction")
    return int(quantity)


def _minor(amount: Decimal) -> int:
    return _whole(amount.scaleb(2))


def _left(paid: Paid) -> int:
    back = sum(one["total"] for one in paid["refunds"] if one["state"] != "Failed")
    return paid["amount"] - back if paid["state"] == "Settled" else 0


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


@asynccontextmanager
async def open_vendure(config: VendureConfig, context: crossdock.Context) -> AsyncIterator[Vendure]:
    """Nothing is sent until a port is used; then a session is opened first."""

    async def login(http: Http) -> Token:
        given = {"username": config.username, "password": config.password.get_secret_value()}
        body = {"operationName": "Login", "query": queries.LOGIN, "variables": given}
        answer = await http.post("", json=body, authenticated=False, idempotent=True)
        told = _data(answer.json(), f"login at {http.name}").get("login")
        token = answer.headers.get("vendure-auth-token")
        if not isinstance(told, dict) or "errorCode" in told or not token:
            raise AuthError(f"{http.name}: Vendure does not let {config.username} in")
        return Token(value=str(token))

    async with context.http(base_url=str(config.url), auth=TokenAuth(login)) as http:
        yield Vendure(config, http, context)

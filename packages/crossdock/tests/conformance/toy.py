"""A connector that does everything right, small enough to be done wrong in a hundred ways."""

import hashlib
import hmac
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import crossdock
from crossdock.canonical import Entity, Money, Order, OrderLine, Totals
from crossdock.http import Http, by_cursor
from crossdock.jsontext import shorten
from crossdock.reading import Amount, Count, Moment, NumericId, Shape, Text, TypedDict
from pydantic import Field, HttpUrl, SecretStr


class ToyConfig(crossdock.Config):
    """One account."""

    url: HttpUrl
    """The address."""
    token: SecretStr = Field(min_length=1)
    """Who we are."""
    webhook_secret: SecretStr = Field(min_length=1)
    """What webhooks are signed with."""
    page_size: int = Field(default=100, ge=1)
    """Records read at once."""


class Head(TypedDict):
    id: Text
    version: Count
    updated_at: Moment


class Body(Head):
    number: NumericId
    status: Text
    placed_at: Moment
    currency: Text
    total: Amount


class Page(TypedDict):
    items: list[Head]


class Made(TypedDict):
    id: Text


class Found(TypedDict):
    items: list[Made]


HEAD, BODY, PAGE, MADE, FOUND = Shape(Head), Shape(Body), Shape(Page), Shape(Made), Shape(Found)


def translate(raw: crossdock.Raw) -> Iterator[crossdock.Event[Entity]]:
    if raw.topic != "order":
        raise crossdock.Ignore(f"topic {shorten(raw.topic)} is not order")
    body = BODY.read(raw)
    yield crossdock.Event(
        type="order.updated", data=entity(body), native_id=body["id"], revision=body["version"]
    )


def entity(body: Any) -> Order:
    total = Money(amount=body["total"], currency=body["currency"])
    line = OrderLine(line_id="1", ordered="1", unit_price=total)
    return Order(
        number=str(body["number"]),
        placed_at=body["placed_at"],
        updated_at=body["updated_at"],
        currency=body["currency"],
        lines=(line,),
        totals=Totals(total=total),
        source_status={"order": body["status"]},
    )


def sign(secret: str, body: bytes) -> str:
    return hmac.digest(secret.encode(), body, hashlib.sha256).hex()


@dataclass(frozen=True)
class Toy:
    config: ToyConfig
    http: Http

    async def probe(self) -> crossdock.Health:
        MADE.of((await self.http.get("me")).json(), "me")
        return crossdock.Health(rate_budget=0.5)

    def verify(self, request: crossdock.Request) -> None:
        expected = sign(self.config.webhook_secret.get_secret_value(), request.body)
        given = request.headers.get("x-signature", "")
        if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace")):
            raise crossdock.AuthError("the signature does not fit")

    def receive(self, request: crossdock.Request) -> crossdock.Raw:
        self.verify(request)
        raw = crossdock.Raw(request.headers.get("x-topic", ""), data=request.body)
        head = HEAD.read(raw)
        raw.key = f"order:{head['id']}"
        raw.delivery_id = f"{raw.topic}:{head['id']}:{head['version']}"
        return raw

    def record(self, head: Any, body: Any) -> crossdock.Raw:
        return crossdock.Raw(
            "order",
            body,
            key=f"order:{head['id']}",
            delivery_id=f"order:{head['id']}:{head['version']}",
            cursor=head["updated_at"],
        )

    async def poll(self, cursor: str | None) -> AsyncIterator[crossdock.Raw]:
        params = {"limit": str(self.config.page_size)} | ({"since": cursor} if cursor else {})
        async for page in by_cursor(
            self.http, "orders", following="/next", param="page", params=params
        ):
            body = page.json()
            for head, one in zip(PAGE.of(body, "order")["items"], body["items"], strict=True):
                yield self.record(head, one)

    async def snapshot(self, window: crossdock.Window) -> AsyncIterator[crossdock.Raw]:
        if window.kind != "order":
            raise crossdock.RejectedError(f"no snapshot of {window.kind}: there is order")
        async for raw in self.poll(None):
            at = raw.body["updated_at"]
            if window.since is not None and at < crossdock.revision_of(window.since):
                continue
            if window.until is not None and at >= crossdock.revision_of(window.until):
                continue
            yield raw

    async def apply(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        if command.type != "refund.create":
            raise crossdock.RejectedError(f"handles refund.create, not {command.type}")
        return await self.make(command)

    async def make(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        body = self.body(command)
        answer = await self.http.post("refunds", json=body, idempotency_key=command.id)
        return crossdock.Receipt(native_id=MADE.of(answer.json(), "refunds")["id"])

    def body(self, command: crossdock.Command[Any]) -> dict[str, Any]:
        amount = command.data.amount
        return {
            "reference": command.entity_id,
            "amount": f"{amount.amount:f}",
            "reason": command.data.reason or "",
        }

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        answer = await self.http.get("refunds", params={"reference": command.entity_id})
        found = FOUND.of(answer.json(), "refunds")["items"]
        return crossdock.Receipt(native_id=found[0]["id"]) if found else None

    async def apply_many(
        self, commands: Sequence[crossdock.Command[Any]]
    ) -> Sequence[crossdock.Receipt | crossdock.CrossdockError]:
        answers: list[crossdock.Receipt | crossdock.CrossdockError] = []
        for command in commands:
            try:
                answers.append(await self.apply(command))
            except crossdock.CrossdockError as error:
                answers.append(error)
        return answers


@asynccontextmanager
async def open_toy(config: ToyConfig, context: crossdock.Context) -> AsyncIterator[Toy]:
    headers = {"Authorization": f"Bearer {config.token.get_secret_value()}"}
    async with context.http(base_url=str(config.url), headers=headers) as http:
        yield Toy(config, http)

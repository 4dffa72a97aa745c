"""One Http Wms account: what may be asked of it and told to it.

No `try` is needed here: `context.http` turns every failure into an error that says what to do next
(docs/guides/faults.md of Crossdock).
"""

import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import crossdock
from crossdock.http import Call, Http, by_cursor
from crossdock.reading import Shape, Text, TypedDict

from crossdock_http_wms.config import HttpWmsConfig
from crossdock_http_wms.mapping import HEAD, TOPIC, Head


class _Made(TypedDict):
    """What has an id, as far as we read it."""

    id: Text


class _Found(TypedDict):
    """What a search by reference answers."""

    items: list[_Made]


class _Page(TypedDict):
    """One page of records; their own fields are for `translate`."""

    items: list[Head]


PAGE = Shape(_Page)
FOUND = Shape(_Found)
MADE = Shape(_Made)


@dataclass(frozen=True)
class Signed:
    """Signs each request: HMAC-SHA256 over method, URL and body. FILL IN: the vendor's own rule."""

    config: HttpWmsConfig

    async def headers(self, http: Http, call: Call) -> Mapping[str, str]:
        secret = self.config.signing_secret.get_secret_value().encode()
        covered = f"{call.method} {call.url}\n".encode() + call.body
        signature = hmac.digest(secret, covered, hashlib.sha256).hex()
        return {"X-Key-Id": self.config.key_id, "X-Signature": signature}

    def refused(self, sent: Mapping[str, str]) -> bool:
        return False


def sign(secret: str, body: bytes) -> str:
    """What Http Wms writes into the signature header. FILL IN: the vendor's own rule."""
    return hmac.digest(secret.encode(), body, hashlib.sha256).hex()


@dataclass(frozen=True)
class HttpWms:
    """The ports. A connector has a port by having its method; take out what you do not serve."""

    config: HttpWmsConfig
    http: Http

    async def probe(self) -> crossdock.Health:
        """Ask for something cheap that needs the credential."""
        answer = await self.http.get("me")
        account = MADE.of(answer.json(), "me")["id"]
        return crossdock.Health(notes=(f"account {account}",))

    def receive(self, request: crossdock.Request) -> crossdock.Raw:
        """One webhook: verified over its bytes before anything is parsed."""
        secret = self.config.webhook_secret.get_secret_value()
        given = request.headers.get("x-http-wms-signature", "")
        if not hmac.compare_digest(sign(secret, request.body).encode(), given.encode()):
            raise crossdock.AuthError("the webhook's signature is missing or does not fit its body")
        raw = crossdock.Raw(
            request.headers.get("x-http-wms-topic", ""), data=request.body
        )
        head = HEAD.read(raw)
        raw.key = f"{TOPIC}:{head['id']}"
        raw.delivery_id = f"{raw.topic}:{head['id']}:{head['version']}"
        return raw

    async def poll(self, cursor: str | None) -> AsyncIterator[crossdock.Raw]:
        """Records changed at or after the cursor, oldest first; what overlaps has a known id."""
        params = {"limit": str(self.config.page_size)} | ({"since": cursor} if cursor else {})
        async for page in by_cursor(
            self.http, "levels", following="/next", param="page", params=params
        ):
            body = page.json()
            for head, record in zip(PAGE.of(body, TOPIC)["items"], body["items"], strict=True):
                yield crossdock.Raw(
                    TOPIC,
                    record,
                    key=f"{TOPIC}:{head['id']}",
                    delivery_id=f"{TOPIC}:{head['id']}:{head['version']}",
                    cursor=head["updated_at"],
                )

    async def apply(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Carry out one command once. FILL IN: one branch for each that you handle."""
        if command.type != "fulfillment_order.create":
            raise crossdock.RejectedError(
                f"Http Wms handles fulfillment_order.create, not {command.type}", reason="not_handled"
            )
        body = {"reference": command.entity_id, **_body(command)}
        # the key makes a repetition harmless; without such keys, look before you write
        answer = await self.http.post("jobs", json=body, idempotency_key=command.id)
        return crossdock.Receipt(native_id=MADE.of(answer.json(), "jobs")["id"])

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """What an earlier try left, known by our reference."""
        answer = await self.http.get("jobs", params={"reference": command.entity_id})
        found = FOUND.of(answer.json(), "jobs")["items"]
        return crossdock.Receipt(native_id=found[0]["id"]) if found else None


def _body(command: crossdock.Command[Any]) -> dict[str, Any]:
    """The wish in the vendor's words. FILL IN: everything the vendor wants to know."""
    data = command.data
    lines = [{"sku": line.sku, "quantity": f"{line.requested:f}"} for line in data.lines]
    return {"warehouse": data.location, "lines": lines}


@asynccontextmanager
async def open_crossdock_http_wms(
    config: HttpWmsConfig, context: crossdock.Context
) -> AsyncIterator[HttpWms]:
    """Nothing is sent until a port is used."""
    async with context.http(base_url=str(config.url), auth=Signed(config)) as http:
        yield HttpWms(config, http)

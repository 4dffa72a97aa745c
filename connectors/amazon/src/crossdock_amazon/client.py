"""One Amazon account: what may be asked of it and told to it.

No `try` is needed here: `context.http` turns every failure into an error that says what to do next
(docs/guides/faults.md of Crossdock).
"""

import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import crossdock
from crossdock.http import Http, TokenAuth, by_cursor, oauth
from crossdock.reading import Shape, Text, TypedDict

from crossdock_amazon.config import AmazonConfig
from crossdock_amazon.mapping import HEAD, TOPIC, Head


class _Made(TypedDict):
    """What has an id, as far as we read it."""

    id: Text


class _Page(TypedDict):
    """One page of records; their own fields are for `translate`."""

    items: list[Head]


PAGE = Shape(_Page)
MADE = Shape(_Made)


def sign(secret: str, body: bytes) -> str:
    """What Amazon writes into the signature header. FILL IN: the vendor's own rule."""
    return hmac.digest(secret.encode(), body, hashlib.sha256).hex()


@dataclass(frozen=True)
class Amazon:
    """The ports. A connector has a port by having its method; take out what you do not serve."""

    config: AmazonConfig
    http: Http

    async def probe(self) -> crossdock.Health:
        """Ask for something cheap that needs the credential."""
        answer = await self.http.get("me")
        account = MADE.of(answer.json(), "me")["id"]
        return crossdock.Health(notes=(f"account {account}",))

    def receive(self, request: crossdock.Request) -> crossdock.Raw:
        """One webhook: verified over its bytes before anything is parsed."""
        secret = self.config.webhook_secret.get_secret_value()
        given = request.headers.get("x-amazon-signature", "")
        if not hmac.compare_digest(sign(secret, request.body).encode(), given.encode()):
            raise crossdock.AuthError("the webhook's signature is missing or does not fit its body")
        raw = crossdock.Raw(
            request.headers.get("x-amazon-topic", ""), data=request.body
        )
        head = HEAD.read(raw)
        raw.key = f"{TOPIC}:{head['id']}"
        raw.delivery_id = f"{raw.topic}:{head['id']}:{head['version']}"
        return raw

    async def poll(self, cursor: str | None) -> AsyncIterator[crossdock.Raw]:
        """Records changed at or after the cursor, oldest first; what overlaps has a known id."""
        params = {"limit": str(self.config.page_size)} | ({"since": cursor} if cursor else {})
        async for page in by_cursor(
            self.http, "orders", following="/next", param="page", params=params
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
        if command.type != "inventory.publish":
            raise crossdock.RejectedError(
                f"Amazon handles inventory.publish, not {command.type}", reason="not_handled"
            )
        # it sets and never adds, so a second try is harmless
        level = command.data
        available = "0" if level.available is None else f"{level.available:f}"
        body = {"sku": level.sku, "location": level.location, "available": available}
        answer = await self.http.put("stock", json=body)
        return crossdock.Receipt(native_id=MADE.of(answer.json(), "stock")["id"])

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """Nothing to look for: setting the same stock again changes nothing."""
        return None


@asynccontextmanager
async def open_crossdock_amazon(
    config: AmazonConfig, context: crossdock.Context
) -> AsyncIterator[Amazon]:
    """Nothing is sent until a port is used."""
    secret = config.client_secret.get_secret_value()
    auth = TokenAuth(oauth("oauth/token", client_id=config.client_id, client_secret=secret))
    async with context.http(base_url=str(config.url), auth=auth) as http:
        yield Amazon(config, http)

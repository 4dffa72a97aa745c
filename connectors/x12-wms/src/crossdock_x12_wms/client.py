"""One X12 Wms account: what may be asked of it and told to it.

No `try` is needed here: `context.http` turns every failure into an error that says what to do next
(docs/guides/faults.md of Crossdock).
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import crossdock
from crossdock.http import Http, by_cursor
from crossdock.reading import Shape, Text, TypedDict

from crossdock_x12_wms.config import X12WmsConfig
from crossdock_x12_wms.mapping import TOPIC, Head


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
class X12Wms:
    """The ports. A connector has a port by having its method; take out what you do not serve."""

    config: X12WmsConfig
    http: Http

    async def probe(self) -> crossdock.Health:
        """Ask for something cheap that needs the credential."""
        answer = await self.http.get("me")
        account = MADE.of(answer.json(), "me")["id"]
        return crossdock.Health(notes=(f"account {account}",))

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
                f"X12 Wms handles fulfillment_order.create, not {command.type}", reason="not_handled"
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
async def open_crossdock_x12_wms(
    config: X12WmsConfig, context: crossdock.Context
) -> AsyncIterator[X12Wms]:
    """Nothing is sent until a port is used."""
    headers = {"X-Api-Key": config.token.get_secret_value()}
    async with context.http(base_url=str(config.url), headers=headers) as http:
        yield X12Wms(config, http)

"""One Square merchant: webhooks, what is read, what is told, and whether it is there."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from crossdock import Command, Context, Health, Http, Raw, Receipt, RejectedError, Request, Window
from crossdock.jsontext import shorten
from crossdock.reading import Required, Shape, Text, TypedDict

from crossdock_square import calls, webhooks
from crossdock_square.cataloguing import Cataloguing
from crossdock_square.config import SquareConfig
from crossdock_square.polling import Poller
from crossdock_square.reading import Found, Reading
from crossdock_square.refunding import Refunding
from crossdock_square.stocking import Stocking
from crossdock_square.topics import CHANGE
from crossdock_square.values import Id

HANDLES = ("inventory.publish", "product.publish", "refund.create")
SNAPSHOTS = ("order", "refund", "product", "inventory")
"""The kinds that can be asked for as a whole."""
_EVER = datetime.fromisoformat("2009-01-01T00:00:00Z")
"""Before Square's first sale."""


class _Location(TypedDict, total=False):
    id: Required[Id]
    name: Text | None
    status: Text | None
    merchant_id: Text | None


class _Locations(TypedDict, total=False):
    locations: list[_Location]


LOCATIONS = Shape(_Locations)


@dataclass(frozen=True)
class Square:
    """All six ports."""

    config: SquareConfig
    http: Http
    reading: Reading
    poller: Poller
    stocking: Stocking
    cataloguing: Cataloguing
    refunding: Refunding
    now: Callable[[], datetime]

    def receive(self, request: Request) -> Raw:
        """One webhook, verified before it is parsed; what it only names the next poll reads."""
        raw = webhooks.receive(self.config, request)
        self.poller.hear(raw.topic)
        return raw

    def poll(self, cursor: str | None) -> AsyncIterator[Raw]:
        """What changed, by family."""
        return self.poller.poll(cursor)

    async def apply(self, command: Command[Any]) -> Receipt:
        """Carry out one command once."""
        if command.type == "inventory.publish":
            return await self.stocking.publish(command)
        if command.type == "product.publish":
            return await self.cataloguing.publish(command)
        if command.type == "refund.create":
            return await self.refunding.create(command)
        raise RejectedError(
            f"Square carries out {', '.join(HANDLES)}, not {shorten(command.type)}; a sale made at "
            "the till cannot be changed by anybody",
            reason="not_handled",
        )

    async def find(self, command: Command[Any]) -> Receipt | None:
        """What an earlier try left."""
        if command.type == "inventory.publish":
            return await self.stocking.find(command)
        if command.type == "product.publish":
            return await self.cataloguing.find(command)
        if command.type == "refund.create":
            return await self.refunding.find(command)
        return None

    async def snapshot(self, window: Window) -> AsyncIterator[Raw]:
        """Everything of a kind; `since` and `until` by the time of change, but for levels."""
        since, until = window.since or _EVER, window.until
        if window.kind not in SNAPSHOTS:
            raise RejectedError(
                f"Square can be asked for all of {', '.join(SNAPSHOTS)}, "
                f"not of {shorten(window.kind)}",
                reason="unknown_kind",
            )
        async for found in self._all(window.kind, since, until):
            if found.raw.topic != CHANGE:
                yield found.raw

    def _all(self, kind: str, since: datetime, until: datetime | None) -> AsyncIterator[Found]:
        if kind == "order":
            return self.reading.orders(since, until)
        if kind == "refund":
            return self.reading.refunds(since, until)
        if kind == "product":
            return self.reading.catalog(since - timedelta(milliseconds=1), until)
        return self.reading.counts()

    async def probe(self) -> Health:
        """Whose account it is, and whether every place of ours is one of its."""
        answer = await calls.ask(self.http, "/v2/locations")
        found = {one["id"]: one for one in LOCATIONS.of(answer, "locations").get("locations") or []}
        notes = [f"Square-Version {self.config.square_version}"]
        notes += sorted({f"merchant {one.get('merchant_id') or '?'}" for one in found.values()})
        for ours, theirs in self.config.locations.items():
            one = found.get(theirs)
            if one is None:
                notes.append(f"{ours}: the merchant has no location {theirs}")
            elif one.get("status") != "ACTIVE":
                notes.append(f"{ours}: {one.get('name')} is {one.get('status')}")
            else:
                notes.append(f"{ours}: {one.get('name')}")
        return Health(version=self.config.square_version, notes=tuple(notes))


@asynccontextmanager
async def open_square(config: SquareConfig, context: Context) -> AsyncIterator[Square]:
    """Nothing is sent until a port is used."""
    headers = {
        "Authorization": f"Bearer {config.access_token.get_secret_value()}",
        "Square-Version": config.square_version,
    }
    async with context.http(
        base_url=config.url, headers=headers, max_connections=config.max_connections
    ) as http:
        reading = Reading(config, http)
        yield Square(
            config,
            http,
            reading,
            Poller(config, reading, context.now),
            Stocking(config, http, context.now),
            Cataloguing(http),
            Refunding(http),
            context.now,
        )

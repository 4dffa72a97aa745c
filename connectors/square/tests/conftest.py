"""What the tests share: a served sandbox and a connector that speaks to it."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from decimal import Decimal
from typing import Any

import pytest
from crossdock import Command, Context, Event, Http, Ignore, Raw
from crossdock.canonical import InventoryLevel
from crossdock.testing.catalog import WAREHOUSE
from crossdock.testing.sandbox import serve
from crossdock_square.client import Square, open_square
from crossdock_square.config import SquareConfig
from crossdock_square.mapping import translate
from crossdock_square.sandbox import SquareSandbox


class Bench:
    """A served sandbox and a connector opened on it."""

    def __init__(self, box: SquareSandbox, url: str, square: Square, http: Http) -> None:
        self.box = box
        self.url = url
        self.square = square
        self.http = http
        self.cursor: str | None = None

    async def poll(self) -> list[Raw]:
        """What a poll tells, from where the last one ended."""
        found = [raw async for raw in self.square.poll(self.cursor)]
        self.cursor = found[-1].cursor if found else self.cursor
        return found

    async def said(self, topic: str) -> list[Event[Any]]:
        """The events of what a poll tells under this topic."""
        return [e for raw in await self.poll() if raw.topic == topic for e in events(raw)]

    def level(self, sku: str, available: int, number: int = 1, attempt: int = 1) -> Command[Any]:
        """A wish to tell this much."""
        data = InventoryLevel(
            id=f"inv_{sku}", sku=sku, location=WAREHOUSE, available=Decimal(available)
        )
        return Command(
            id=f"cmd_{sku}_{number}",
            type="inventory.publish",
            data=data,
            entity_id=f"inv_{sku}",
            attempt=attempt,
        )

    @property
    def counts(self) -> list[tuple[str, str]]:
        """The physical counts in Square's ledger: place and quantity."""
        rows = [change.get("physical_count") for change in self.box.account.ledger]
        return [(one["location_id"], one["quantity"]) for one in rows if one]


def events(raw: Raw) -> list[Event[Any]]:
    """What a record says; nothing where it is ignored."""
    found: list[Any] = []
    try:
        found += translate(raw)
    except Ignore:
        return []
    return found


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        box = SquareSandbox(stock_each=10)
        url = await stack.enter_async_context(serve(box.app))
        stack.push_async_callback(box.aclose)
        given = {**box.connection(url), "sweep_every_s": 0, "page_size": 50}
        given.pop("connector")
        config = SquareConfig.model_validate(given)
        opened = open_square(config, Context(connection="till"))
        square = await stack.enter_async_context(opened)
        http = await stack.enter_async_context(Http(name="driver", base_url=url))
        yield Bench(box, url, square, http)
        assert box.broken == [], "an answer of the sandbox is none that Square documents"

"""`crossdock drift`: fields that a vendor began to send.

The line notes each when it comes (`crossdock_stages.drift`); here they are read. With `--payloads`
the whole landing zone is read instead: it answers for any time, tells the value as it was, and in
how many payloads the field has been since.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from crossdock import jsontext
from crossdock.errors import ContractError
from crossdock.fieldpaths import leaves
from crossdock_stages.ledger import fields, open_ledger
from crossdock_stages.ledger.tables import landing
from sqlalchemy.engine import Connection

from crossdock_runner import deployment as deployments
from crossdock_runner.output import complain, print_json, say

PAGE = 1000
"""Payloads in memory at a time."""


@dataclass(frozen=True)
class Landed:
    """One payload of the landing zone."""

    id: str
    connection: str
    topic: str
    at: float
    body: bytes


@dataclass
class Field:
    """A field of a connection's topic, with where it was seen first."""

    connection: str
    topic: str
    field: str
    first_seen: float
    landing_id: str
    sample: Any
    before: int = 0
    """How many payloads of this topic came without it at first."""
    seen: int = 1
    of: int = 0
    """How many payloads of this topic there are since it was seen first."""


class Search:
    """Sees payloads in the order of their landing; keeps field names, not payloads.

    A topic that begins after `since` is new altogether and no drift. What is not JSON has no
    fields.
    """

    def __init__(self, since: float) -> None:
        self._since = since
        self._known: dict[tuple[str, str], dict[str, Field]] = {}
        self._count: dict[tuple[str, str], int] = {}
        self._old: set[tuple[str, str]] = set()

    def see(self, one: Landed) -> None:
        """Note what this payload has."""
        key = (one.connection, one.topic)
        if one.at < self._since:
            self._old.add(key)
        fields = self._known.setdefault(key, {})
        count = self._count[key] = self._count.get(key, 0) + 1
        for place, value in _leaves(one.body):
            field = fields.get(place)
            if field is None:
                fields[place] = Field(*key, place, one.at, one.id, value, before=count - 1)
            else:
                field.seen += 1

    def found(self) -> list[Field]:
        """Fields seen first at or after `since`, in topics known before; oldest first."""
        found = []
        for key in self._old:
            for field in self._known[key].values():
                if field.first_seen >= self._since:
                    field.of = self._count[key] - field.before
                    found.append(field)
        return sorted(found, key=lambda field: (field.first_seen, field.field))


def _leaves(body: bytes) -> Iterator[tuple[str, Any]]:
    try:
        yield from leaves(jsontext.parse(body)).items()
    except ContractError:
        return


def tell_drift(rows: Sequence[dict[str, Any]], *, since: datetime, as_json: bool) -> int:
    """Exit code 0, also when there is drift: it is news, not a failure."""
    if as_json:
        print_json({"since": since.isoformat(), "fields": rows})
        return 0
    for row in rows:
        say(f"{row['connection']}  {row['topic']}  {row['field']}")
        say(f"    first seen {row['first_seen']} in {row['landing_id']}")
        often = f"in {row['seen']} of {row['of']} since; " if "of" in row else ""
        say(f"    {often}as {row['sample']}")
    if not rows:
        say(f"no field was seen first since {since.isoformat()}")
    return 0


def _row(field: Field) -> dict[str, Any]:
    moment = datetime.fromtimestamp(field.first_seen, UTC)
    return {
        "connection": field.connection,
        "topic": field.topic,
        "field": field.field,
        "first_seen": moment.isoformat(timespec="seconds"),
        "landing_id": field.landing_id,
        "seen": field.seen,
        "of": field.of,
        "sample": jsontext.shorten(field.sample),
    }


def drift_of(
    file: Path,
    *,
    connection: str | None,
    topic: str | None,
    since: str | None,
    payloads: bool,
    as_json: bool,
) -> int:
    """Read what was noted, or the payloads, and tell. Exit code 2 when `since` is no time."""
    try:
        moment = datetime.fromisoformat(since) if since else datetime.now(UTC) - timedelta(days=7)
    except ValueError as error:
        complain(f"a time must read 2026-01-31T12:00:00Z: {error}")
        return 2
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    if payloads:
        found = asyncio.run(_landed(file, connection, topic, moment.timestamp()))
        return tell_drift([_row(field) for field in found], since=moment, as_json=as_json)
    noted = asyncio.run(_noted(file, moment.timestamp()))
    rows = [
        _noted_row(one)
        for one in noted
        if connection in {None, one.connection} and topic in {None, one.topic}
    ]
    return tell_drift(rows, since=moment, as_json=as_json)


async def _noted(file: Path, since: float) -> list[fields.Field]:
    deployment = deployments.load(file)
    async with open_ledger(deployment.ledger_url, create=False) as ledger:
        return await ledger.read(lambda tx: fields.news(tx, since))


def _noted_row(one: fields.Field) -> dict[str, Any]:
    moment = datetime.fromtimestamp(one.at, UTC)
    return {
        "connection": one.connection,
        "topic": one.topic,
        "field": one.field,
        "first_seen": moment.isoformat(timespec="seconds"),
        "landing_id": one.landing_id,
        "payloads": one.payloads,
        "sample": one.sample,
    }


async def _landed(
    file: Path, connection: str | None, topic: str | None, since: float
) -> list[Field]:
    deployment = deployments.load(file)
    search = Search(since)
    last = ""
    async with open_ledger(deployment.ledger_url, create=False) as ledger:
        while True:
            page = await ledger.read(partial(_page, connection=connection, topic=topic, after=last))
            for one in page:
                search.see(one)
            if len(page) < PAGE:
                return search.found()
            last = page[-1].id


def _page(tx: Connection, *, connection: str | None, topic: str | None, after: str) -> list[Landed]:
    """The next payloads in the order of landing; their ids sort by time."""
    query = (
        sa.select(
            landing.c.id,
            landing.c.connection,
            landing.c.topic,
            landing.c.received_at,
            landing.c.body,
        )
        .where(landing.c.id > after)
        .order_by(landing.c.id)
        .limit(PAGE)
    )
    if connection:
        query = query.where(landing.c.connection == connection)
    if topic:
        query = query.where(landing.c.topic == topic)
    return [Landed(*row) for row in tx.execute(query)]

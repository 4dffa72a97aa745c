"""News that no webhook brought, or only named: the port Polls.

Each poll reads, in this order: what thin webhooks named since the last one; the backfill, when one
is asked for and under way; and every `sweep_every_s` what changed by `updated_at`, whoever told it
or not, and whether our webhook subscriptions are still there. So a thin webhook is a wake-up and
the reading is the truth: losing the wake-up (a crash, another runner) costs time, never news.

The cursor says until when each family was read. It is stored with records, so the very first poll
gives one that only says where the sweep begins; a sweep that finds nothing keeps its place in
memory, and after a restart reads a longer window again.
"""

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from crossdock import AuthError, ContractError, Raw, jsontext
from crossdock.identity import fingerprint

from crossdock_shopify import topics
from crossdock_shopify.bulk import Backfill
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.details import Details
from crossdock_shopify.reading import Obj
from crossdock_shopify.subscriptions import Watchdog
from crossdock_shopify.sweeping import Sweeping, mark_of, text

_NODES_OF_WEBHOOKS = {"order": "Order", "product": "Product"}
_MOST_WANTED = 10_000
PAST_S = 30.0
"""So long one poll reads the past; the next goes on there, after it has looked at the present."""


@dataclass(frozen=True)
class Cursor:
    """Where reading stands. `begun` is when it began; the backfill ends there."""

    begun: str
    read: dict[str, str] = field(default_factory=dict)
    """Family to the time before which everything was given."""
    backfill: int = 0
    """Bytes of the bulk operation's result that were given; -1 when it is done."""
    count: int = 0
    """Makes each text another, so that we know what was stored."""

    def dump(self) -> str:
        """The opaque text."""
        return json.dumps(
            [2, self.begun, self.read, self.backfill, self.count], separators=(",", ":")
        )

    @classmethod
    def parse(cls, given: str | None) -> "Cursor | None":
        """None: nothing was read yet. ContractError: it is none of ours."""
        if given is None:
            return None
        match jsontext.parse(given.encode(), what="the cursor"):
            case [2, str() as begun, dict() as read, int() as backfill, int() as count] if all(
                _is_time(moment) for moment in (begun, *read.values())
            ):
                return cls(begun, read, backfill, count)
        raise ContractError(
            f"the cursor {jsontext.shorten(given)} is none of Shopify's; clear it to begin anew"
        )

    def at(self, family: str, moment: datetime) -> "Cursor":
        """The same, with this family read up to there."""
        return replace(self, read={**self.read, family: text(moment)})


@dataclass
class Poller:
    """One connection's reading. `now` is the present in UTC, `clock` only grows."""

    config: ShopifyConfig
    details: Details
    sweeping: Sweeping
    backfill: Backfill
    watchdog: Watchdog
    now: Callable[[], datetime]
    clock: Callable[[], float] = time.monotonic
    _wanted: dict[tuple[str, str], None] = field(default_factory=dict)
    _quiet: dict[str, datetime] = field(default_factory=dict)
    """Until when a family had nothing to tell, after what the cursor says."""
    _read: list[tuple[str, str, datetime | None]] = field(default_factory=list)
    """What this poll has told, until we know that it was stored."""
    _last: str = ""
    _count: int = 0
    _sweep_at: float = 0.0
    _watch_at: float = 0.0

    def hear(self, topic: str, key: str, body: Any) -> None:
        """A webhook came: note what it only names, and what need not be read again."""
        for wanted in topics.named(topic, body):
            if len(self._wanted) < _MOST_WANTED:
                self._wanted[wanted] = None
        kind, _, number = key.partition(":")
        node = _NODES_OF_WEBHOOKS.get(kind)
        if node and topics.family_of(topic) in {"orders", "products"} and number:
            try:
                updated_at = Obj(topic, body).moment("updated_at")
            except ContractError:
                return
            if self.sweeping.told.settles(updated_at):
                self.sweeping.told.note(node, number, updated_at)

    async def poll(self, given: str | None) -> AsyncIterator[Raw]:
        """See `Polls.poll`."""
        cursor = Cursor.parse(given)
        self._remember(given)
        async for raw in self._news(cursor):
            place = Cursor.parse(raw.cursor) or Cursor(text(self.now()))
            self._last = raw.cursor = replace(place, count=self._count).dump()
            self._count += 1
            yield raw

    def _remember(self, given: str | None) -> None:
        """What the last poll told need not be read again, if it was stored to its last record."""
        if given is not None and given == self._last:
            for mark in self._read:
                self.sweeping.told.note(*mark)
        self._read.clear()
        self._last = ""

    def _note(self, raw: Raw) -> None:
        mark = mark_of(raw)
        if self.sweeping.told.settles(mark[2]):
            self._read.append(mark)

    async def _news(self, cursor: Cursor | None) -> AsyncIterator[Raw]:
        if cursor is None:
            cursor = Cursor(text(self.now()))
            yield _marker(topics.START, {"sweep": "begins"}, cursor)
        async for raw in self._named():
            raw.cursor = cursor.dump()
            yield raw
        if self.config.backfill_since is not None and cursor.backfill >= 0:
            begun = datetime.fromisoformat(cursor.begun)
            end = self.clock() + PAST_S
            async with aclosing(self.backfill.read(begun, cursor.backfill)) as past:
                async for raw, place in past:
                    cursor = replace(cursor, backfill=place)
                    raw.cursor, raw.backfill = cursor.dump(), True
                    yield raw
                    async for news in self._named():  # what is live does not wait for the past
                        news.cursor = cursor.dump()
                        yield news
                    if self.clock() >= end:
                        break
        if self.clock() >= self._sweep_at:
            # only a sweep that came to its end lets the next one wait
            async for raw in self._sweep(cursor):
                cursor = Cursor.parse(raw.cursor) or cursor
                yield raw
            self._sweep_at = self.clock() + self.config.sweep_every_s
        if self.clock() >= self._watch_at:
            for finding in await self.watchdog.look():
                yield _marker(topics.SUBSCRIPTIONS, finding, cursor, self.now())
            self._watch_at = self.clock() + self.config.watch_every_s

    async def _named(self) -> AsyncIterator[Raw]:
        while self._wanted:
            kind = next(iter(self._wanted))[0]
            gids = [gid for node, gid in self._wanted if node == kind][:60]
            async for raw in self.details.read(kind, gids):
                self._note(raw)
                yield raw
            for gid in gids:
                self._wanted.pop((kind, gid), None)

    async def _sweep(self, cursor: Cursor) -> AsyncIterator[Raw]:
        denied: AuthError | None = None
        for family in self.config.sweep:
            until = self.now().replace(microsecond=0)
            since = self._since(cursor, family)
            held: Raw | None = None
            try:  # open at its end: what changes while we read is at the end of the list
                async for raw, reached in self.sweeping.changed(family, since, None):
                    if held is not None:
                        yield held
                    if reached is not None:
                        cursor = cursor.at(family, reached)
                    raw.cursor = cursor.dump()
                    self._note(raw)
                    held = raw
            except AuthError as error:
                # a missing right to one family must not keep the others from being read
                denied = denied or error
                continue
            if held is None:
                self._quiet[family] = until
                continue
            cursor = cursor.at(family, until)
            held.cursor = cursor.dump()
            self._quiet.pop(family, None)
            yield held
        if denied is not None:
            raise denied

    def _since(self, cursor: Cursor, family: str) -> datetime:
        told = cursor.read.get(family, cursor.begun)
        since = max(datetime.fromisoformat(told), self._quiet.get(family, _LONG_AGO))
        return since - timedelta(seconds=self.config.overlap_s)


_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _marker(topic: str, body: Any, cursor: Cursor, now: datetime | None = None) -> Raw:
    """A record of our own: that reading began, what the watchdog found (once a day)."""
    data = jsontext.dump(body)
    day = f":{now:%Y-%m-%d}" if now else ""
    return Raw(
        topic,
        data=data,
        key=topic,
        delivery_id=f"{topic}:{fingerprint(data)[:24]}{day}",
        cursor=cursor.dump(),
    )

"""News, by four roads in one poll: the queue, the sweep of orders, stock at Amazon, money.

The queue tells at once and may lose nothing, but says little: what it names is read singly. The
sweep finds what no notification told; Amazon's rates keep it sparse. A message is deleted only at
a poll whose cursor proves that its record was stored; a cursor of another process proves nothing,
and then SQS gives the message again when its time of hiding is over.
"""

import json
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import crossdock
from crossdock import AuthError, RateLimitedError, Raw, RejectedError, jsontext

from crossdock_amazon import mapping_notifications, mapping_orders, marks
from crossdock_amazon.api import Api
from crossdock_amazon.backfill import DONE, Backfill
from crossdock_amazon.reading import Reading, text
from crossdock_amazon.sqs import Message, Queue
from crossdock_amazon.verifying import Verifier

log = logging.getLogger("crossdock.amazon")

SHORTEST_S = 10.0
"""So long the queue is read in one poll, if there is so much; what is left waits for the next."""
AGAIN_S = 60.0
"""A family that was refused is asked again after this."""


@dataclass(frozen=True)
class Cursor:
    """Where reading stands. `begun` is when it began."""

    begun: str
    read: dict[str, str] = field(default_factory=dict)
    """Family to the time before which everything was given."""
    page: str = ""
    """Amazon's own token of the next page of a sweep that is under way."""
    until: str = ""
    """How far that sweep will have read."""
    backfill: str = ""
    """Until when old orders were given; `done` at the end."""
    run: str = ""
    """Which opened connection wrote this."""
    count: int = 0
    """How many records it had given then."""

    def dump(self) -> str:
        """The opaque text."""
        plain = [1, self.begun, self.read, self.page, self.until, self.backfill, self.run]
        return json.dumps([*plain, self.count], separators=(",", ":"))

    @classmethod
    def parse(cls, given: str | None) -> "Cursor | None":
        """None: nothing was read yet. ContractError: it is none of ours."""
        if given is None:
            return None
        match jsontext.parse(given.encode(), what="the cursor"):
            case [
                1,
                str() as begun,
                dict() as read,
                str() as page,
                str() as until,
                str() as backfill,
                str() as run,
                int() as count,
            ] if all(
                _is_time(one) for one in (begun, *read.values(), until or begun)
            ) and _is_place(backfill):
                return cls(begun, read, page, until, backfill, run, count)
        raise crossdock.ContractError(
            f"the cursor {jsontext.shorten(given)} is none of Amazon's; clear it to begin anew"
        )

    def at(self, family: str, moment: str) -> "Cursor":
        """The same, with this family read up to there."""
        return replace(self, read={**self.read, family: moment})


@dataclass
class Poller:
    """One connection's reading. `now` is the present in UTC, `clock` only grows."""

    api: Api
    queue: Queue | None
    reading: Reading
    verifier: Verifier
    backfill: Backfill
    now: Callable[[], datetime]
    clock: Callable[[], float] = time.monotonic
    _run: str = field(default_factory=lambda: secrets.token_hex(6))
    _count: int = 0
    _handles: list[tuple[int, list[str]]] = field(default_factory=list)
    """Receipt handles, each with the count of the last record that its messages asked for."""
    _next: dict[str, float] = field(default_factory=dict)
    """Family to when it is due."""
    _backfilled: bool = False
    _read_to_its_end: str = ""
    """The token of a page that was the last one of its sweep, and had nothing to store it with."""
    _quiet: dict[str, str] = field(default_factory=dict)
    """Until when a family had nothing to tell, after what the cursor says."""

    async def poll(self, given: str | None) -> AsyncIterator[Raw]:
        """See `Polls.poll`."""
        cursor = Cursor.parse(given)
        await self._acknowledge(cursor)
        async for raw in self._news(cursor):
            place = Cursor.parse(raw.cursor) or Cursor(text(self.now()))
            self._count += 1
            raw.cursor = replace(place, run=self._run, count=self._count).dump()
            yield raw

    async def _acknowledge(self, cursor: Cursor | None) -> None:
        """Delete the messages whose records were stored: those up to the cursor's count."""
        if cursor is None or cursor.run != self._run or self.queue is None:
            self._handles.clear()
            return
        stored = [one for one in self._handles if one[0] <= cursor.count]
        self._handles = [one for one in self._handles if one[0] > cursor.count]
        handles = [handle for _, batch in stored for handle in batch]
        if handles:
            await self.queue.delete(handles)

    async def _news(self, cursor: Cursor | None) -> AsyncIterator[Raw]:
        if cursor is None:
            cursor = Cursor(text(self.now()))
            yield Raw(
                marks.START,
                {"reading": "begins"},
                key=marks.START,
                delivery_id=marks.START,
                cursor=cursor.dump(),
            )
        async for raw in self._told():
            raw.cursor = cursor.dump()
            yield raw
        denied: crossdock.CrossdockError | None = None
        for family, every_s, read in (
            ("checks", 0, self._checks),
            ("orders", self.api.config.sweep_every_s, self._orders),
            ("inventory", self.api.config.fba_inventory_every_s, self._inventory),
            ("finances", self.api.config.finances_every_s, self._finances),
            ("backfill", 0, self._backfill),
        ):
            if every_s < 0 or self.clock() < self._next.get(family, 0.0):
                continue
            try:
                async for raw in read(cursor):
                    cursor = Cursor.parse(raw.cursor) or cursor
                    yield raw
            except RateLimitedError as error:
                if error.parts.get("bucket") not in self.reading.slow:
                    raise
                # its budget is used up: the other families and the queue must not wait for that
                log.info("%s: %s", family, error)
                self._next[family] = self.clock() + error.retry_after_s
            except (AuthError, RejectedError) as error:
                # a missing role for one family must not keep the others from being read
                denied = denied or error
                self._next[family] = self.clock() + AGAIN_S
            else:
                self._next[family] = self.clock() + every_s
        if denied is not None:
            raise denied

    async def _told(self) -> AsyncIterator[Raw]:
        """What the queue holds, each message with what it asks to be read."""
        seen: set[str] = set()
        # within their time of hiding, or they come again before they can be acknowledged
        end = self.clock() + max(self.api.config.visibility_s / 3, SHORTEST_S)
        while self.queue is not None and self.clock() < end:
            batch = await self.queue.receive()
            fresh = [one for one in batch if one.id not in seen]
            if not fresh:
                return
            seen |= {one.id for one in fresh}
            async for raw in self._answered(fresh):
                yield raw
            # the records are given with counts up to this one; so far, none of them is stored
            self._handles.append((self._count, [one.handle for one in batch]))

    async def _answered(self, batch: list[Message]) -> AsyncIterator[Raw]:
        wanted: dict[mapping_notifications.Wanted, None] = {}
        for message in batch:
            raw, asked = mapping_notifications.record(message.body, message.id)
            yield raw
            wanted[asked] = None
        skus = [one.id for one in wanted if one.kind == "inventory"]
        listings = [one.id for one in wanted if one.kind == "listing"]
        for one in wanted:
            if one.kind == "order":
                yield await self._order(one.id)
            elif one.kind == "finances":
                self._next.pop("finances", None)
        async for raw in self.reading.inventory(skus=skus):
            yield raw
        async for raw in self.reading.listings(listings):
            yield raw

    async def _order(self, order_id: str) -> Raw:
        """One order as it is now; one that Amazon does not give is a case for a person."""
        try:
            order = await self.api.order(order_id)
        except RejectedError as error:
            if error.parts.get("status") not in {400, 404}:
                raise
            return mapping_orders.missing(order_id, error)
        return mapping_orders.record(order, place=self.api.config.fba_location)

    async def _checks(self, cursor: Cursor) -> AsyncIterator[Raw]:
        async for raw in self.verifier.due():
            raw.cursor = cursor.dump()
            yield raw

    async def _orders(self, cursor: Cursor) -> AsyncIterator[Raw]:
        """The sweep: a page after the other, resumable at each."""
        since = self._since(cursor, "orders")
        held: Raw | None = None
        until = cursor.until
        page = cursor.page if cursor.page != self._read_to_its_end else ""
        async for records, told_until, following in self.reading.changed(since, page or None):
            until = until or told_until
            for raw in records:
                if held is not None:
                    yield held
                raw.cursor = cursor.dump()
                held = raw
            cursor = replace(cursor, page=following, until=until if following else "")
            if held is not None:
                held.cursor = cursor.dump()
        if held is None:
            self._quiet["orders"] = until
            self._read_to_its_end = page
        else:
            held.cursor = replace(cursor.at("orders", until), page="", until="").dump()
            yield held

    async def _inventory(self, cursor: Cursor) -> AsyncIterator[Raw]:
        until = text(self.now())
        since = self._since(cursor, "inventory")
        async for raw in self._whole(
            cursor, "inventory", until, self.reading.inventory(since=since)
        ):
            yield raw

    async def _finances(self, cursor: Cursor) -> AsyncIterator[Raw]:
        until = text(self.now() - timedelta(minutes=3))
        since = min(self._since(cursor, "finances"), until)
        async for raw in self._whole(cursor, "finances", until, self.reading.money(since, until)):
            yield raw

    async def _whole(
        self, cursor: Cursor, family: str, until: str, records: AsyncIterator[Raw]
    ) -> AsyncIterator[Raw]:
        """Only the last record moves the cursor: an interrupted reading begins anew."""
        held: Raw | None = None
        async for raw in records:
            if held is not None:
                yield held
            raw.cursor = cursor.dump()
            held = raw
        if held is None:
            self._quiet[family] = until
            return
        held.cursor = cursor.at(family, until).dump()
        self._quiet.pop(family, None)
        yield held

    async def _backfill(self, cursor: Cursor) -> AsyncIterator[Raw]:
        """Old orders, a window after the other."""
        if self.api.config.backfill_since is None or cursor.backfill == DONE or self._backfilled:
            return
        begin = cursor.backfill or text(self.api.config.backfill_since)
        async for raw, place in self.backfill.read(begin, cursor.begun):
            if place:
                cursor = replace(cursor, backfill=place)
            if raw is None:
                self._backfilled = True  # nothing to store it with: asked once more after a restart
                return
            raw.cursor, raw.backfill = cursor.dump(), True
            yield raw

    def _since(self, cursor: Cursor, family: str) -> str:
        told = max(cursor.read.get(family, cursor.begun), self._quiet.get(family, ""))
        reach = timedelta(seconds=self.api.config.overlap_s)
        return text(datetime.fromisoformat(told) - reach)


def _is_place(value: str) -> bool:
    """Where the reading of old orders stands: a time, and how many after it were given."""
    time_, _, given = value.partition("|")
    return value in {"", DONE} or (_is_time(time_) and (not given or given.isdecimal()))


def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        return datetime.fromisoformat(value).tzinfo == UTC
    except ValueError:
        return False

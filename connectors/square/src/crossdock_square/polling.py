"""Reading what changed, whoever told of it or not: the port Polls.

A thin webhook is a wake-up and the reading is the truth: losing the wake-up (a crash, another
runner) costs time, never news. The cursor says until when each family was read, by Square's clock.
"""

import json
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from crossdock import AuthError, ContractError, Raw, jsontext

from crossdock_square import topics
from crossdock_square.config import Family, SquareConfig
from crossdock_square.reading import Found, Reading, raw_of

_SORTED = frozenset({"orders", "refunds"})
"""Families that come oldest change first; of others the cursor moves at their end alone."""


@dataclass(frozen=True)
class Cursor:
    """Where reading stands: since when, and each family up to which change."""

    begun: str
    read: dict[str, str] = field(default_factory=dict)
    came: str = ""
    """When we came, where that is later than `begun`: what changed before is from the past."""

    def dump(self) -> str:
        """The opaque text."""
        plain = [1, self.begun, self.read, *([self.came] if self.came else ())]
        return json.dumps(plain, separators=(",", ":"), sort_keys=True)

    @classmethod
    def parse(cls, given: str | None) -> "Cursor | None":
        """None: nothing was read yet. ContractError: it is none of ours."""
        if given is None:
            return None
        match jsontext.parse(given.encode("utf-8", "replace"), what="the cursor"):
            case [1, str() as begun, dict() as read] if all(map(_is_time, (begun, *read.values()))):
                return cls(begun, read)
            case [1, str() as begun, dict() as read, str() as came] if all(
                map(_is_time, (begun, came, *read.values()))
            ):
                return cls(begun, read, came)
        raise ContractError(
            f"the cursor {jsontext.shorten(given)} is none of Square's; clear it to begin anew"
        )

    def at(self, family: str, moment: str) -> "Cursor":
        """The same, with this family read up to there; never back."""
        before = self.read.get(family)
        if before and datetime.fromisoformat(before) >= datetime.fromisoformat(moment):
            return self
        return replace(self, read={**self.read, family: moment})

    def is_past(self, moment: str) -> bool:
        """Whether something of this time is from before we came."""
        came = self.came
        return bool(came) and datetime.fromisoformat(moment) < datetime.fromisoformat(came)


@dataclass
class Poller:
    """One connection's reading. `now` is the present in UTC, `clock` only grows."""

    config: SquareConfig
    reading: Reading
    now: Callable[[], datetime]
    clock: Callable[[], float] = time.monotonic
    _due: dict[str, float] = field(default_factory=dict)

    def hear(self, topic: str) -> None:
        """A webhook came: its family is read with the next poll."""
        family = topics.WAKES.get(topic)
        if family:
            self._due[family] = 0.0

    async def poll(self, given: str | None) -> AsyncIterator[Raw]:
        """See `Polls.poll`. A missing right to one family keeps no other from being read."""
        cursor = Cursor.parse(given)
        if cursor is None:
            now = self.now().astimezone(UTC).isoformat()
            since = self.config.since
            cursor = Cursor(now)
            if since is not None:
                cursor = Cursor(since.astimezone(UTC).isoformat(), came=now)
            first = raw_of(topics.BEGAN, topics.BEGAN, {"reading": "begins"})
            first.cursor = cursor.dump()
            yield first
        denied: AuthError | None = None
        for family in self.config.sweep:
            if self.clock() < self._due.get(family, 0.0):
                continue
            due = self._due[family] = self.clock() + self.config.sweep_every_s
            done = False
            try:
                async for raw, place in self._sweep(family, cursor):
                    cursor = place
                    raw.cursor = cursor.dump()
                    yield raw
                done = True
            except AuthError as error:
                denied = denied or error
            finally:
                if not done and self._due.get(family) == due:
                    self._due[family] = 0.0
        if denied is not None:
            raise denied

    async def _sweep(self, family: Family, cursor: Cursor) -> AsyncIterator[tuple[Raw, Cursor]]:
        reached = cursor.read.get(family, cursor.begun)
        since = datetime.fromisoformat(reached) - timedelta(seconds=self.config.overlap_s)
        if family in _SORTED:
            async for found in self._changed(family, since):
                cursor = cursor.at(family, found.at)
                found.raw.backfill = cursor.is_past(found.at)
                yield found.raw, cursor
            return
        rows = [found async for found in self._changed(family, since)]
        rows.sort(key=lambda found: datetime.fromisoformat(found.at))
        for n, found in enumerate(rows):
            last = n == len(rows) - 1
            found.raw.backfill = cursor.is_past(found.at)
            yield found.raw, cursor.at(family, found.at) if last else cursor

    def _changed(self, family: Family, since: datetime) -> AsyncIterator[Found]:
        read = {
            "orders": self.reading.orders,
            "refunds": self.reading.refunds,
            "catalog": self.reading.catalog,
            "inventory": self.reading.inventory,
        }
        return read[family](since)


def _is_time(value: object) -> bool:
    if not isinstance(value, str):
        return False
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return False
    return found.tzinfo is not None and 1970 < found.year < 9999

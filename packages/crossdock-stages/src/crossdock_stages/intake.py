"""INTAKE: verify, land, answer; then tell the line.

What was answered with 2xx is on disk. The bus is told afterwards: if it is away, the sweeper tells
it later.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from crossdock.bus import Outgoing
from crossdock.connector import Polls, Request, Webhooks
from crossdock.errors import (
    AuthError,
    ContractError,
    CrossdockError,
    RateLimitedError,
    TransientError,
    UnavailableError,
)
from crossdock.events import Raw
from crossdock.identity import digest, fingerprint
from sqlalchemy.engine import Connection

from crossdock_stages import recovery
from crossdock_stages.harness import House
from crossdock_stages.ledger import desk, landing
from crossdock_stages.ledger.desk import Stuck
from crossdock_stages.ledger.landing import Landed, Verdict
from crossdock_stages.ledger.store import Soon
from crossdock_stages.topology import BACKFILL, Topology

log = logging.getLogger("crossdock.intake")

RELAY_QUEUE = 5_000
RELAY_BATCH = 200
LAND_BATCH = 100
LAND_S = 4.0
"""A sender waits so long at most: one that gives up by itself (Shopify: 5 s) learns nothing."""
DOOR = 5_000
"""So many may wait to be landed; a ledger that stands still must not fill our memory."""
POLL_BATCH = 200
POLL_BYTES = 4 * 1024 * 1024
POLL_AGE_S = 2.0
"""What a poll tells is landed when it is so many records, so many bytes, or so old."""
POLL_PATIENCE_S = 15 * 60.0
"""So long polling may fail for a passing reason before a person is told."""
KEEP_KEY = 190
"""With the connection before it, a key must fit the ledger's column of 255."""
KEEP_HEADERS_BYTES = 8 * 1024


@dataclass(frozen=True)
class Accepted:
    """What was done with one webhook: the landing id that stands for its news, and how."""

    id: str
    verdict: Verdict


@dataclass
class _Spell:
    """A time in which polling one connection fails."""

    failures: int = 0
    since: float = 0.0
    told: str = ""
    """The kind of error that a person was told of."""


class Intake:
    """Lands what vendors say, by webhook or by poll, and relays it to the bus."""

    def __init__(self, house: House, topology: Topology) -> None:
        self.house = house
        self.topology = topology
        self._relay: asyncio.Queue[Outgoing] = asyncio.Queue(RELAY_QUEUE)
        self._door: list[tuple[Landed, asyncio.Future[tuple[str, Verdict]]]] = []
        self._lander: asyncio.Task[None] | None = None

    async def webhook(self, connection: str, port: Webhooks, request: Request) -> Accepted:
        """Verify, land, and queue for the bus.

        AuthError: not genuine, nothing was stored. UnavailableError: the ledger could not take
        it, so the sender must try again. A genuine request that cannot be read is kept as a dead
        letter with its bytes; that is `accepted` too, for sending it again would change nothing.
        """
        meters = self.house.meters
        try:
            raw = port.receive(request)
        except AuthError:
            meters.add("intake.refused")
            raise
        except ContractError as error:
            meters.add("intake.unreadable")
            return await self._bury(connection, request, error)
        row = _row(connection, raw, "webhook")
        row_id, verdict = await self._land_soon(row)
        meters.add(f"intake.{verdict}")
        if verdict == "new":
            try:
                self._relay.put_nowait(self.topology.raw(row))
            except asyncio.QueueFull:
                meters.add("intake.left_to_sweeper")
        return Accepted(row_id, verdict)

    async def _land_soon(self, row: Landed) -> tuple[str, Verdict]:
        """Land it together with whatever else has come by the time the ledger is free."""
        if len(self._door) >= DOOR:
            self._door = [one for one in self._door if not one[1].done()]
            if len(self._door) >= DOOR:
                raise UnavailableError(f"{DOOR} wait for the ledger already", outcome="not_sent")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[tuple[str, Verdict]] = loop.create_future()
        self._door.append((row, answer))
        if self._lander is None:
            self._lander = asyncio.create_task(self._empty_door(), name="land")
        timer = loop.call_later(LAND_S, _too_late, answer)
        try:
            return await answer
        finally:
            timer.cancel()

    async def _empty_door(self) -> None:
        try:
            while self._door:
                batch, self._door = self._door[:LAND_BATCH], self._door[LAND_BATCH:]
                waited_for = [one for one in batch if not one[1].done()]
                if waited_for:
                    await self._land_batch(waited_for)
        finally:
            self._lander = None

    async def _land_batch(
        self, batch: Sequence[tuple[Landed, "asyncio.Future[tuple[str, Verdict]]"]]
    ) -> None:
        """Never raises: whoever waits for a row is told how it ended."""
        rows = [row for row, _ in batch]
        try:
            verdicts = await self.house.ledger.write(Soon(lambda tx: self._land(tx, rows)))
        except BaseException as error:
            if isinstance(error, Exception) and len(batch) > 1:
                # one of them may be the cause: each for itself, so that it harms no other
                await asyncio.gather(*(self._land_batch([one]) for one in batch))
                return
            for _, answer in batch:
                if not answer.done():
                    answer.set_exception(error)
            if not isinstance(error, Exception):
                raise
            return
        for (_, answer), verdict in zip(batch, verdicts, strict=True):
            if not answer.done():
                answer.set_result(verdict)

    def _land(self, tx: Connection, rows: Sequence[Landed]) -> list[tuple[str, Verdict]]:
        verdicts = landing.land(tx, rows)
        conflicts = [
            _conflict(row, before)
            for row, (before, verdict) in zip(rows, verdicts, strict=True)
            if verdict == "conflict"
        ]
        desk.open_exceptions(tx, conflicts, time.time())
        return verdicts

    async def _bury(self, connection: str, request: Request, error: ContractError) -> Accepted:
        now = time.time()
        mark = digest(connection, fingerprint(request.body))
        stuck = Stuck(
            stage="intake",
            message_id=mark,
            connection=connection,
            entity_key="",
            topic="",
            address="",
            headers=_bounded(request.headers),
            body=request.body,
            code="contract",
            reason=str(error),
            pointer=error.pointer,
        )
        burying = asyncio.ensure_future(
            self.house.ledger.write(lambda tx: desk.bury(tx, [stuck], now))
        )
        if not (await asyncio.wait({burying}, timeout=LAND_S))[0]:
            raise _stands_still()
        burying.result()
        return Accepted("dead_" + digest("intake", mark), "new")

    async def relay(self) -> None:
        """Publish what was landed, for ever. Run it as a task; several do no harm."""
        while True:
            batch = [await self._relay.get()]
            while len(batch) < RELAY_BATCH and not self._relay.empty():
                batch.append(self._relay.get_nowait())
            await self._publish(batch)
            for _ in batch:
                self._relay.task_done()

    async def _publish(self, batch: Sequence[Outgoing]) -> None:
        for answer in await self.house.bus.publish(batch):
            if isinstance(answer, CrossdockError):
                self.house.meters.add("intake.left_to_sweeper")
                log.info("%s; the sweeper will send it", answer)

    async def drained(self) -> None:
        """Return when all that was accepted has been handed to the bus or left to the sweeper."""
        await self._relay.join()

    async def poll(self, connection: str, port: Polls, *, every_s: float) -> None:
        """Ask one vendor for news, for ever, resuming where the ledger says we were."""
        spell: _Spell | None = _Spell()  # who polled before us may have left a case open
        while True:
            try:
                await self._poll_once(connection, port)
                if spell is not None:
                    await self._polled_again(connection)
                    spell = None
                await asyncio.sleep(every_s)
            except RateLimitedError as error:
                await asyncio.sleep(error.retry_after_s)
            except CrossdockError as error:
                spell = spell or _Spell()
                await self._poll_failed(connection, error, spell)

    async def _poll_failed(self, connection: str, error: CrossdockError, spell: "_Spell") -> None:
        """Wait; and tell a person of what does not pass by itself, or does not pass."""
        now = time.time()
        spell.failures += 1
        spell.since = spell.since or now
        passing = isinstance(error, TransientError)
        delay_s = recovery.backoff(spell.failures)
        self.house.meters.add("intake.poll_failed")
        log.warning("polling %s: %s; again in %.1f s", connection, error, delay_s)
        lasts = now - spell.since >= POLL_PATIENCE_S
        if (lasts or not passing) and spell.told != error.code:
            case = _not_polled(connection, error)
            with contextlib.suppress(CrossdockError):  # the ledger is away: told the next time
                await self.house.ledger.write(lambda tx: desk.open_exceptions(tx, [case], now))
                spell.told = error.code
        await asyncio.sleep(min(delay_s if passing else max(delay_s, 5.0), 30.0))

    async def _polled_again(self, connection: str) -> None:
        """The case that was opened closes by itself."""
        now, name = time.time(), f"poll:{connection}"
        await self.house.ledger.write(
            lambda tx: desk.settle(tx, "connection", [name], "it is polled again", now)
        )

    async def _poll_once(self, connection: str, port: Polls) -> None:
        cursor = await self.house.ledger.read(lambda tx: landing.read_cursor(tx, connection))
        batch: list[Raw] = []
        size, land_at = 0, 0.0
        records = port.poll(cursor)
        try:
            async for raw in records:
                if not batch:
                    size, land_at = 0, time.monotonic() + POLL_AGE_S
                batch.append(raw)
                size += len(raw.data)
                full = len(batch) >= POLL_BATCH or size >= POLL_BYTES
                if full or time.monotonic() >= land_at:
                    await self._land_polled(connection, batch)
                    batch = []
        except CrossdockError:
            if batch:  # what was told before the road was cut need not be asked again
                await self._land_polled(connection, batch)
            raise
        finally:
            with contextlib.suppress(AttributeError):
                await records.aclose()  # type: ignore[attr-defined]
        if batch:
            await self._land_polled(connection, batch)

    async def _land_polled(self, connection: str, batch: Sequence[Raw]) -> None:
        """The records and the cursor after them, in one transaction."""
        rows = [_row(connection, raw, "poll") for raw in batch]
        cursor = next((raw.cursor for raw in reversed(batch) if raw.cursor), None)

        def work(tx: Connection) -> list[tuple[str, Verdict]]:
            verdicts = self._land(tx, rows)
            if cursor:
                landing.write_cursor(tx, connection, cursor)
            return verdicts

        verdicts = await self.house.ledger.write(work)
        fresh = [row for row, (_, verdict) in zip(rows, verdicts, strict=True) if verdict == "new"]
        self.house.meters.add("intake.polled", len(rows))
        self.house.meters.add("intake.new", len(fresh))
        await self._publish([self.topology.raw(row) for row in fresh])


def _too_late(answer: "asyncio.Future[tuple[str, Verdict]]") -> None:
    if not answer.done():
        answer.set_exception(_stands_still())


def _stands_still() -> UnavailableError:
    """What was given to the ledger may be kept all the same.

    The sender comes again with the same id, and the sweeper tells the line.
    """
    return UnavailableError(f"the ledger did not answer within {LAND_S:.0f} s", outcome="unknown")


def _row(connection: str, raw: Raw, road: str) -> Landed:
    now = time.time()
    mark = fingerprint(raw.data)
    delivery_id = raw.delivery_id or f"{raw.topic}:{mark}"
    if len(delivery_id) > 255:
        delivery_id = digest(delivery_id)
    return Landed(
        id=landing.new_id(now),
        connection=connection,
        topic=raw.topic[:128],
        entity_key=raw.key[:KEEP_KEY],
        delivery_id=delivery_id,
        road=road,
        headers=_bounded(raw.headers),
        body=raw.data,
        received_at=now,
        fingerprint=mark,
        mode=BACKFILL if raw.backfill else "",
    )


@lru_cache(1_000)
def _is_secret(name: str) -> bool:
    return any(word in name for word in ("authorization", "cookie", "hmac", "signature"))


def _bounded(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers worth keeping: printable, no credentials, 8 KiB in all."""
    kept: dict[str, str] = {}
    room = KEEP_HEADERS_BYTES
    for name, value in headers.items():
        room -= len(name) + len(value)
        if not _is_secret(name) and room > 0 and value.isprintable() and value.isascii():
            kept[name] = value
    return kept


def _not_polled(connection: str, error: CrossdockError) -> tuple[Stuck, str, str]:
    auth = isinstance(error, AuthError)
    stuck = Stuck(
        stage="connection",
        message_id=f"poll:{connection}",
        connection=connection,
        entity_key="",
        topic="",
        address="",
        headers={},
        body=b"",
        code="auth" if auth else "poll_failed",
        reason=f"{connection} cannot be polled, so its news does not come: {error}",
    )
    code = "auth" if auth else "poll_failed"
    return stuck, "critical" if auth else "error", recovery.SUGGESTIONS[code]


def _conflict(row: Landed, before: str) -> tuple[Stuck, str, str]:
    stuck = Stuck(
        stage="intake",
        message_id=digest(row.connection, row.delivery_id, row.fingerprint),
        connection=row.connection,
        entity_key=row.entity_key,
        topic=row.topic,
        address="",
        headers=row.headers,
        body=row.body,
        code="delivery_conflict",
        reason=(
            f"{row.connection} sent delivery {row.delivery_id} twice with different bodies; "
            f"the first is {before}, the second is kept here and was not processed"
        ),
    )
    return stuck, "warning", recovery.SUGGESTIONS["delivery_conflict"]

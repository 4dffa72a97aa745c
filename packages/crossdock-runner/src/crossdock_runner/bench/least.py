"""The limit of the gateway row: the least that can be said to keep the promise.

The same server without our gateway, stages and ledger code: it compares the HMAC, takes the
fingerprint, finds the order's id by msgspec, which passes over everything else, writes the row into
the landing table by the bare sqlite3 module (`synchronous=FULL`, as many as wait in one commit),
answers, and publishes the body with three headers. Whatever a gateway of this promise does, it does
this too.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from crossdock_runner.bench.load import SECRET

INTO = (
    "INSERT INTO landing (id, connection, topic, entity_key, delivery_id, road, headers, body, "
    "fingerprint, received_at, published_at, state, settled) VALUES "
)
ROW = "(?, 'web', 'orders/create', ?, ?, 'webhook', '{}', ?, ?, ?, ?, 'landed', 0)"
BATCH = 64
Message = MutableMapping[str, Any]
Row = tuple[str, str, str, bytes, str, float, float]


class Writer:
    """One thread that commits whatever waits."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._waiting: list[tuple[Row, asyncio.Future[None]]] = []
        self._there = threading.Event()
        self._loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, daemon=True).start()

    def land(self, row: Row) -> "asyncio.Future[None]":
        """Done when it is on disk."""
        future = self._loop.create_future()
        self._waiting.append((row, future))
        self._there.set()
        return future

    def _run(self) -> None:
        database = sqlite3.connect(self._file, isolation_level=None)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=FULL")
        database.execute("PRAGMA wal_autocheckpoint=4000")
        while self._there.wait():
            self._there.clear()
            batch, self._waiting = self._waiting, []
            if not batch:  # it was taken with the one before, just before it was told of
                continue
            database.execute("BEGIN IMMEDIATE")
            # in one statement: between two the interpreter's lock is given away and waited for
            text = INTO + ", ".join([ROW] * len(batch))
            database.execute(text, [value for row, _ in batch for value in row])
            database.execute("COMMIT")
            self._loop.call_soon_threadsafe(_landed, [future for _, future in batch])


def _landed(futures: "list[asyncio.Future[None]]") -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def make_app(file: Path, bus: Any) -> Callable[..., Awaitable[None]]:
    """An ASGI application; `bus` is our own, for its publisher is near the raw socket."""
    import msgspec
    from crossdock.bus import Outgoing

    order: Any = msgspec.json.Decoder(msgspec.defstruct("Order", [("id", int)]))

    writer, key = Writer(file), SECRET.encode()
    relayed: asyncio.Queue[Outgoing] = asyncio.Queue()

    async def relay() -> None:
        while True:
            batch = [await relayed.get()]
            while len(batch) < BATCH and not relayed.empty():
                batch.append(relayed.get_nowait())
            await bus.publish(batch)

    tasks = [asyncio.create_task(relay())]

    async def app(
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        assert tasks
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = dict(scope["headers"])
        mark = base64.b64encode(hmac.digest(key, body, "sha256"))
        good = hmac.compare_digest(mark, headers[b"x-shopify-hmac-sha256"])
        if good:
            now, native_id = time.time(), str(order.decode(body).id)
            row_id, delivery = secrets.token_hex(14), headers[b"x-shopify-event-id"].decode()
            fingerprint = hashlib.sha256(body).hexdigest()
            await writer.land((row_id, native_id, delivery, body, fingerprint, now, now))
            told = {"ce-id": row_id, "ce-subject": native_id, "ce-type": "crossdock.raw.landed.v1"}
            relayed.put_nowait(Outgoing(address="xd.raw.web.0", body=body, headers=told, id=row_id))
        length = [(b"content-length", b"0")]
        status = 202 if good else 401
        await send({"type": "http.response.start", "status": status, "headers": length})
        await send({"type": "http.response.body", "body": b""})

    return app

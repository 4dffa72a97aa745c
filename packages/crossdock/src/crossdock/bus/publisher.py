"""Acknowledged publishing, pipelined: one inbox, one number for each message, a bounded window.

Every awaited ack has a deadline and is resent with the same `Nats-Msg-Id`, so a lost answer can
only make a duplicate that the server or the inbox drops. nats-py's `publish_async` is not used: its
future never resolves after the server was killed (measured, research/reliability.md 2b).
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from crossdock.bus.link import Link
from crossdock.errors import CrossdockError, PermanentError, UnavailableError

try:
    from orjson import loads as _loads
except ImportError:  # the extra `fast` is not installed
    _loads = json.loads  # type: ignore[assignment]

MSG_ID = "Nats-Msg-Id"
WINDOW = 256
ACK_DEADLINE_S = 2.0
"""After this long without an ack a message is sent again."""
GIVE_UP_S = 20.0
"""After this long `publish` fails; the ledger still has the message, and the sweeper sends it."""


@dataclass(frozen=True, slots=True)
class Ack:
    """The server stored it (or had it already) under this sequence number of the stream."""

    stream: str
    sequence: int
    duplicate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """One message to publish; `id` becomes its `Nats-Msg-Id`."""

    address: str
    body: bytes
    headers: Mapping[str, str]
    id: str

    @property
    def size(self) -> int:
        """Bytes that count against the server's max_payload: body, headers and their framing."""
        headers = sum(map(len, self.headers)) + sum(map(len, self.headers.values()))
        return len(self.body) + headers + 4 * len(self.headers) + len(self.id) + 64


@dataclass(slots=True)
class _Pending:
    message: Outgoing
    future: "asyncio.Future[Ack | CrossdockError]"
    first_at: float
    sent_at: float


class Publisher:
    """Give it a Link; `publish` many at once. `missing` is called when no stream listens."""

    def __init__(self, link: Link, missing: Callable[[], None] = lambda: None) -> None:
        self._link = link
        self._missing = missing
        self._pending: dict[str, _Pending] = {}
        self._room: deque[asyncio.Future[None]] = deque()
        self._count = 0
        self._prefix = ""
        self._resender: asyncio.Task[None] | None = None
        link.on_fresh.append(self._bind)
        link.on_again.append(self._resend_all)

    async def _bind(self, client: Client) -> None:
        self._prefix = client.new_inbox() + "."
        await client.subscribe(self._prefix + "*", cb=self._answered)
        if self._resender is None:
            self._resender = asyncio.create_task(self._resend_late(), name="publisher resend")
        await self._resend_all(client)

    async def close(self) -> None:
        """Stop resending and fail what is still waiting."""
        if self._resender is not None:
            self._resender.cancel()
        for token in list(self._pending):
            self._settle(token, UnavailableError("the bus was closed", outcome="unknown"))

    async def publish(self, messages: Iterable[Outgoing]) -> list[Ack | CrossdockError]:
        """Send all, wait for every ack; one answer for each, in order.

        UnavailableError: not confirmed within GIVE_UP_S (it may still be stored).
        PermanentError: larger than the server's max_payload.
        """
        futures = [await self._send(message) for message in messages]
        # one after the other: those that are done cost no turn of the loop, as `gather` would
        return [await future for future in futures]

    async def _send(self, message: Outgoing) -> "asyncio.Future[Ack | CrossdockError]":
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Ack | CrossdockError] = loop.create_future()
        while len(self._pending) >= WINDOW:
            room: asyncio.Future[None] = loop.create_future()
            self._room.append(room)
            await room
        self._count += 1
        token = str(self._count)
        now = time.monotonic()
        pending = self._pending[token] = _Pending(message, future, now, now)
        await self._put(token, pending)
        return future

    async def _put(self, token: str, pending: _Pending) -> None:
        message = pending.message
        try:
            client = self._link.client
            if (size := message.size) > client.max_payload:
                # nats-py counts the body alone and the server then cuts the connection for good
                self._settle(
                    token,
                    PermanentError(
                        f"message {message.id} has {size} bytes with headers, "
                        f"the bus takes {client.max_payload}: send a claim check"
                    ),
                )
                return
            headers = {**message.headers, MSG_ID: message.id}
            await client.publish(message.address, message.body, self._prefix + token, headers)
        except (UnavailableError, nats.errors.Error, OSError):
            return  # the resender tries again until GIVE_UP_S

    async def _answered(self, msg: Msg) -> None:
        token = msg.subject[len(self._prefix) :]
        pending = self._pending.get(token)
        if pending is None:
            return
        if msg.headers and msg.headers.get("Status") == "503":
            self._missing()  # no stream listens there (yet); it is sent again when declared
            return
        answer = _loads(msg.data)
        error = answer.get("error")
        if error is None:
            self._settle(
                token, Ack(answer["stream"], answer["seq"], answer.get("duplicate", False))
            )
        elif error.get("code", 500) >= 500:
            return  # full or not ready: sent again until GIVE_UP_S
        else:
            self._settle(
                token,
                PermanentError(
                    f"the bus refuses message {pending.message.id} at "
                    f"{pending.message.address}: {error.get('description')}",
                    parts={"err_code": error.get("err_code")},
                ),
            )

    def _settle(self, token: str, answer: Ack | CrossdockError) -> None:
        pending = self._pending.pop(token, None)
        if pending is None:
            return
        if not pending.future.done():
            pending.future.set_result(answer)
        while self._room and len(self._pending) < WINDOW:
            room = self._room.popleft()
            if not room.done():
                room.set_result(None)
                break

    async def _resend_all(self, _: Client) -> None:
        for token, pending in list(self._pending.items()):
            pending.sent_at = time.monotonic()
            await self._put(token, pending)

    async def _resend_late(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            now = time.monotonic()
            for token, pending in list(self._pending.items()):
                if now - pending.first_at > GIVE_UP_S:
                    self._settle(
                        token,
                        UnavailableError(
                            f"the bus did not confirm message {pending.message.id} "
                            f"within {GIVE_UP_S:.0f} s",
                            outcome="unknown",
                        ),
                    )
                elif now - pending.sent_at > ACK_DEADLINE_S:
                    pending.sent_at = now
                    await self._put(token, pending)

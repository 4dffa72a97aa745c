"""Acknowledged publishing, pipelined: one inbox, one number for each message, a bounded window.

Every awaited ack has a deadline and is resent with the same `Nats-Msg-Id`, so a lost answer can
only make a duplicate that the server or the inbox drops. nats-py's `publish_async` is not used: its
future never resolves after the server was killed (measured, research/reliability.md 2b).
"""

import asyncio
import json
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from crossdock.bus.link import Link
from crossdock.bus.wire import FastClient, header_block
from crossdock.errors import CrossdockError, PermanentError, UnavailableError
from crossdock.frozen import made_at_once

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


class Ack(NamedTuple):
    """The server stored it (or had it already) under this sequence number of the stream."""

    stream: str
    sequence: int
    duplicate: bool


@made_at_once
@dataclass(frozen=True, kw_only=True)
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


class _Batch:
    """The answers to the messages of one `publish`."""

    def __init__(self, count: int) -> None:
        self.answers: list[Ack | CrossdockError | None] = [None] * count
        self.left = count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answer(self, at: int, answer: Ack | CrossdockError) -> None:
        self.answers[at] = answer
        self.left -= 1
        if not self.left and not self.done.done():
            self.done.set_result(None)


@dataclass(slots=True)
class _Pending:
    message: Outgoing
    batch: _Batch
    at: int
    first_at: float
    sent_at: float


class Publisher:
    """Give it a Link; `publish` many at once. `missing` is called when no stream listens."""

    def __init__(self, link: Link, missing: Callable[[], None] = lambda: None) -> None:
        self._link = link
        self._missing = missing
        self._pending: dict[bytes, _Pending] = {}
        self._room: list[asyncio.Future[None]] = []
        self._count = 0
        self._prefix = b""
        self._resender: asyncio.Task[None] | None = None
        link.on_fresh.append(self._bind)
        link.on_again.append(self._resend_all)

    async def _bind(self, client: Client) -> None:
        assert isinstance(client, FastClient)
        self._prefix = f"{client.new_inbox()}.".encode()
        await client.subscribe_direct(f"{self._prefix.decode()}*", self._answered, self._refused)
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
        waiting = deque(enumerate(messages))
        if not waiting:
            return []
        batch = _Batch(len(waiting))
        while waiting:
            while (room := WINDOW - len(self._pending)) <= 0:
                free = asyncio.get_running_loop().create_future()
                self._room.append(free)
                await free
            now = time.monotonic()
            tokens = []
            for _ in range(min(room, len(waiting))):
                at, message = waiting.popleft()
                self._count += 1
                token = b"%d" % self._count
                self._pending[token] = _Pending(message, batch, at, now, now)
                tokens.append(token)
            self._put(tokens)
        await batch.done
        return batch.answers  # type: ignore[return-value]  # all are there

    def _put(self, tokens: Sequence[bytes]) -> None:
        """Write these; whatever cannot go now is sent by the resender, until GIVE_UP_S."""
        try:
            client = self._link.client
            commands = []
            for token in tokens:
                message = self._pending[token].message
                if (command := _command(message, self._prefix + token)) is None:
                    self._settle(token, _unsayable(message))
                elif len(command) > client.max_payload and message.size > client.max_payload:
                    # nats-py counts the body alone and the server then cuts the connection for good
                    answer = PermanentError(
                        f"message {message.id} has {message.size} bytes with headers, "
                        f"the bus takes {client.max_payload}: send a claim check"
                    )
                    self._settle(token, answer)
                else:
                    commands.append(command)
            if client.is_connected:
                client.write_soon(commands)
        except (UnavailableError, nats.errors.Error, OSError):
            return

    def _answered(self, subject: bytes, _: bytes, head: bytes, body: bytes) -> bool:
        """The server's word on one message, as `Sink`; what is unusual takes the long way."""
        if head:
            return False
        answer = _loads(body)
        token = subject[len(self._prefix) :]
        if "error" not in answer:
            ack = Ack(answer["stream"], answer["seq"], answer.get("duplicate", False))
            self._settle(token, ack)
        elif (pending := self._pending.get(token)) is not None:
            error = answer["error"]
            if error.get("code", 500) < 500:  # else full or not ready: sent again
                self._settle(token, _refusal(pending.message, error))
        return True

    async def _refused(self, msg: Msg) -> None:
        """An answer with headers: 503, no stream listens there (yet)."""
        if msg.headers and msg.headers.get("Status") == "503":
            self._missing()  # it is sent again when the stream is declared
        else:
            self._answered(msg.subject.encode(), b"", b"", msg.data)

    def _settle(self, token: bytes, answer: Ack | CrossdockError) -> None:
        pending = self._pending.pop(token, None)
        if pending is None:
            return
        pending.batch.answer(pending.at, answer)
        # by halves, so that the next are written together
        if self._room and len(self._pending) <= WINDOW // 2:
            for room in self._room:
                if not room.done():
                    room.set_result(None)
            self._room.clear()

    async def _resend_all(self, _: Client) -> None:
        now = time.monotonic()
        for pending in self._pending.values():
            pending.sent_at = now
        self._put(list(self._pending))

    async def _resend_late(self) -> None:
        while True:
            await asyncio.sleep(0.25)
            now = time.monotonic()
            late = []
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
                    late.append(token)
            self._put(late)


def _command(message: Outgoing, reply: bytes) -> bytes | None:
    """The whole publish as it travels; None when address or headers cannot be written."""
    head, address = header_block({**message.headers, MSG_ID: message.id}), message.address
    if head is None or not address or " " in address or not address.isprintable():
        return None
    return b"HPUB %b %b %d %d\r\n%b%b\r\n" % (
        address.encode(),
        reply,
        len(head),
        len(head) + len(message.body),
        head,
        message.body,
    )


def _unsayable(message: Outgoing) -> PermanentError:
    return PermanentError(
        f"message {message.id} to {message.address!r} cannot be written: an address holds no "
        "blanks, a header's name is a token and its value one line"
    )


def _refusal(message: Outgoing, error: Mapping[str, Any]) -> PermanentError:
    return PermanentError(
        f"the bus refuses message {message.id} at {message.address}: {error.get('description')}",
        parts={"err_code": error.get("err_code")},
    )

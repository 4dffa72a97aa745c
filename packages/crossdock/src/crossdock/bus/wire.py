"""nats-py's client with its dearest loops made short: reading messages, headers, and writing.

A message of ours has about sixteen headers. nats-py matches, strips, translates and encodes each by
itself: 12 µs a message on the way out, 8 µs on the way in (docs/quality/performance.md). Here a
whole block is made and checked at once, and whatever is not plain is left to nats-py. Were its
methods renamed, they would simply not be replaced; test_wire.py holds both to the same bytes.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any

import nats.errors
from nats.aio.client import Client, Srv
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.aio.transport import TcpTransport
from nats.protocol import command

from crossdock.bus.frames import Frames, Sink

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch
_KNOWN_NAMES: set[str] = set()
"""Header names found to be tokens, as HTTP has them."""
_REMEMBERED = 1_000
FIRST_LINE = b"NATS/1.0\r\n"
READ_BYTES = 256 * 1024
"""At once, at most, as uvloop reads; nats-py takes 32 KB."""


def header_block(headers: Mapping[str, str]) -> bytes | None:
    """The headers as they travel; None when any of them needs nats-py's own care."""
    if not _all_tokens(headers):
        return None
    text = "\r\n".join(map(": ".join, headers.items()))
    if text.isascii():
        data = text.encode()
        if data.translate(None, _VISIBLE) == (b" \r\n" * len(headers))[:-2]:  # no value has blanks
            return b"%b%b\r\n\r\n" % (FIRST_LINE, data)
    text = "\r\n".join([f"{name}: {value.strip()}" for name, value in headers.items()])
    if text.count("\n") != len(headers) - 1 or text.count("\r") != len(headers) - 1:
        return None
    try:
        return b"%b%b\r\n\r\n" % (FIRST_LINE, text.encode())
    except UnicodeEncodeError:  # half of a surrogate pair
        return None


def read_headers(raw: bytes) -> dict[str, str] | None:
    """A received block without its first line; None when it holds anything unusual."""
    lines = raw.count(b"\r\n") - 1
    if raw.translate(None, _VISIBLE) == b" \r\n" * lines + b"\r\n":  # no value holds a blank
        parts = raw.decode("ascii").split()
        if len(parts) == 2 * lines:
            try:
                return dict(
                    zip(map(_BEFORE_VALUES.__getitem__, parts[::2]), parts[1::2], strict=True)
                )
            except KeyError:
                return None
    return _read_one_by_one(raw)


def _read_one_by_one(raw: bytes) -> dict[str, str] | None:
    text = raw.decode("latin-1")
    if ":  " in text or " \r" in text or not text.endswith("\r\n\r\n"):
        return None
    lines = [line.split(": ", 1) for line in text[:-4].split("\r\n")]
    if any(len(pair) != 2 for pair in lines):
        return None
    headers = dict(lines)
    if not "".join(map("".join, lines)).isprintable() or not raw.isascii():
        return None
    return headers if _all_tokens(headers) else None


class _Names(dict[str, str]):
    """A name as it stands before its value, with the colon, to the name."""

    def __missing__(self, text: str) -> str:
        name = text[:-1]
        if text[-1] != ":" or not _TOKEN(name):
            raise KeyError(text)
        if len(self) < _REMEMBERED:
            self[text] = name
        return name


_BEFORE_VALUES = _Names()
_VISIBLE = bytes(range(ord("!"), ord("~") + 1))


def _all_tokens(headers: Mapping[str, str]) -> bool:
    if not _KNOWN_NAMES.issuperset(headers):
        for name in headers:
            if name not in _KNOWN_NAMES:
                if not _TOKEN(name):
                    return False
                if len(_KNOWN_NAMES) < _REMEMBERED:
                    _KNOWN_NAMES.add(name)
    return True


class _Transport(TcpTransport):
    """Whatever has come is taken at once: each read is a task switch, and tears a message."""

    async def read(self, buffer_size: int) -> Any:
        return await super().read(max(buffer_size, READ_BYTES))


class FastClient(Client):
    """The client with all of these replaced, and a way to write many commands at once."""

    def __init__(self) -> None:
        super().__init__()
        self.direct: dict[int, Sink] = {}
        """What is called at once for the messages of a subscription, by its number."""
        self._ps = Frames(self)

    async def subscribe_direct(
        self, subject: str, sink: Sink, cb: Callable[[Msg], Awaitable[None]]
    ) -> Subscription:
        """As `subscribe` without bounds; `cb` gets only what `sink` does not want."""
        subscription = await self.subscribe(
            subject, cb=cb, pending_msgs_limit=-1, pending_bytes_limit=-1
        )
        self.direct[subscription._id] = sink
        return subscription

    async def _connect_to_server(self, s: Srv) -> None:
        if not self._transport and s.uri.scheme not in {"ws", "wss"}:
            self._transport = _Transport()  # type: ignore[no-untyped-call]
        await super()._connect_to_server(s)

    def _remove_sub(self, sid: int, max_msgs: int = 0) -> None:
        self.direct.pop(sid, None)
        super()._remove_sub(sid, max_msgs)

    def write_soon(self, commands: Iterable[bytes]) -> None:
        """Send whole commands behind what waits already; kept while the server is away.

        nats.errors.Error when the client is closed or too much waits.
        """
        if self.is_closed:
            raise nats.errors.ConnectionClosedError
        if self._pending_data_size > self._max_pending_size:
            raise nats.errors.OutboundBufferLimitError
        before = len(self._pending)
        self._pending.extend(commands)
        self._pending_data_size += sum(map(len, self._pending[before:]))
        self.stats["out_msgs"] += len(self._pending) - before
        if self.is_connected and self._flush_queue is not None and self._flush_queue.empty():
            self._flush_queue.put_nowait(asyncio.get_running_loop().create_future())

    def publish_to_each(self, subjects: Sequence[bytes], payload: bytes) -> None:
        """One short thing to addresses that the server itself gave us; see `write_soon`."""
        tail = b" %d\r\n%b\r\n" % (len(payload), payload)
        if subjects:
            self.write_soon([b"".join([b"PUB %b%b" % (to, tail) for to in subjects])])

    @staticmethod
    def _parse_header_lines(raw: bytes) -> dict[str, str]:
        headers = read_headers(raw)
        if headers is None:
            headers = Client._parse_header_lines(raw)
        return headers

    async def _send_publish(
        self,
        subject: str,
        reply: str,
        payload: bytes,
        payload_size: int,
        headers: dict[str, Any] | None,
    ) -> None:
        block = header_block(headers) if headers and subject else None
        if block is None:
            await super()._send_publish(subject, reply, payload, payload_size, headers)
            return
        self.stats["out_msgs"] += 1
        self.stats["out_bytes"] += payload_size
        await self._send_command(command.hpub_cmd(subject, reply, block, payload))
        if self._flush_queue is not None and self._flush_queue.empty():
            await self._flush_pending()

"""nats-py's protocol parser, with a short way for the messages that come by the thousand.

nats-py takes one message out of its buffer at a time by regular expressions, awaits twice, puts it
into a queue and wakes a task: 15 µs a message (docs/quality/performance.md). Here all whole
messages of a read are taken at once, and those of a subscription in `direct` are handed to a plain
function. Everything else goes nats-py's own way: other subscriptions, what such a function does
not want, and every line that is no message (INFO, PING, -ERR …).

Source: docs.nats.io, "Client protocol", MSG and HMSG. Characterised against a real server in
test_frames.py.
"""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from nats.errors import ProtocolError
from nats.protocol.parser import Parser

if TYPE_CHECKING:
    from crossdock.bus.wire import FastClient

log = logging.getLogger("crossdock.bus")

Sink = Callable[[bytes, bytes, bytes, bytes], bool]
"""Is given address, reply, header block and body; False leaves the message to nats-py."""


class Frames(Parser):
    """Reads `MSG subject sid [reply] size` and `HMSG subject sid [reply] head-size size`."""

    def __init__(self, client: "FastClient") -> None:
        self._client = client
        super().__init__(client)

    def reset(self) -> None:
        """Forget what was read, for a new connection."""
        super().reset()
        self._held: list[bytes] = []
        """The beginning of a frame that is not whole, as it came."""
        self._missing = 0
        """So many bytes at least until it may be whole."""

    async def parse(self, data: bytes = b"") -> None:
        """Take every whole frame; keep the rest for the next read."""
        held = self._held
        if held:
            held.append(data)
            self._missing -= len(data)
            if self._missing > 0:
                return
            data = b"".join(held)
            held.clear()
        at, end = 0, len(data)
        while at < end:
            line_end = data.find(b"\r\n", at)
            if line_end < 0:
                self._missing = 1
                break
            is_message = data.startswith((b"MSG ", b"HMSG "), at)
            if is_message:
                words = data[at:line_end].split()
                following = line_end + 4 + _size(words)
                if following > end:
                    self._missing = following - end
                    break
                await self._message(words, data[line_end + 2 : following - 2])
            else:
                following = line_end + 2
                await super().parse(data[at:following])
            if self._held is not held:  # the connection was given up while we were at it
                return
            at = following
        if at < end:
            held.append(data[at:])

    async def _message(self, words: list[bytes], content: bytes) -> None:
        try:
            cut = int(words[-2]) if words[0] == b"HMSG" else 0
            reply = words[3] if len(words) > (5 if cut else 4) else b""
            subject, sid = words[1], int(words[2])
        except (ValueError, IndexError):
            raise ProtocolError(f"nats: malformed {words!r}") from None
        head, body = (content[:cut], content[cut:]) if cut else (b"", content)
        client = self._client
        sink = client.direct.get(sid)
        if sink is not None and _taken(sink, subject, reply, head, body):
            client.stats["in_msgs"] += 1
            client.stats["in_bytes"] += len(body)
        else:
            await client._process_msg(sid, subject, reply, body, head)


def _size(words: list[bytes]) -> int:
    try:
        return int(words[-1])
    except ValueError:
        raise ProtocolError(f"nats: malformed {words!r}") from None


def _taken(sink: Sink, subject: bytes, reply: bytes, head: bytes, body: bytes) -> bool:
    try:
        return sink(subject, reply, head, body)
    except Exception:
        # an error that reached nats-py's read loop would end it, and the connection were deaf
        log.exception("a message on %r could not be taken", subject)
        return True

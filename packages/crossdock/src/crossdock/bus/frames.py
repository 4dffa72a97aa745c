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

_PREFIXES = (b"MSG ", b"HMSG ")
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
        client, find, prefixes = self._client, data.find, _PREFIXES
        at, end = 0, len(data)
        while at < end:
            line_end = find(b"\r\n", at)
            if line_end < 0:
                self._missing = 1
                break
            if data.startswith(prefixes, at):
                words = data[at:line_end].split()
                begin = line_end + 2
                following = begin + _size(words) + 2
                if following > end:
                    self._missing = following - end
                    break
                cut, subject, sid, reply = _understood(words)
                head = data[begin : begin + cut] if cut else b""
                body = data[begin + cut : following - 2]
                sink = client.direct.get(sid)
                if sink is not None and _taken(sink, subject, reply, head, body):
                    client.stats["in_msgs"] += 1
                    client.stats["in_bytes"] += len(body)
                else:
                    await client._process_msg(sid, subject, reply, body, head)
            else:
                following = line_end + 2
                await super().parse(data[at:following])
            if self._held is not held:  # the connection was given up while we were at it
                return
            at = following
        if at < end:
            held.append(data[at:])


def _understood(words: list[bytes]) -> tuple[int, bytes, int, bytes]:
    """Size of the header block, address, number of the subscription, and reply of a message."""
    try:
        cut = int(words[-2]) if words[0] == b"HMSG" else 0
        reply = words[3] if len(words) > (5 if cut else 4) else b""
        return cut, words[1], int(words[2]), reply
    except (ValueError, IndexError):
        raise ProtocolError(f"nats: malformed {words!r}") from None


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

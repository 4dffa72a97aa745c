"""What uvicorn's server lacks: an end to patience with strangers, and answers in one piece.

uvicorn on httptools takes a head of any size, for any time. Nothing of a request is verified before
its head is whole, so this is open to everybody who reaches the port. Bodies have limits of their
own in the gateway. On h11 uvicorn bounds the size itself.

uvicorn writes the head of an answer and its body one by one, and uvloop makes a system call of
each, which wakes the sender twice.
"""

import asyncio
from typing import Any

HEAD_BYTES = 64 * 1024
HEAD_S = 15.0

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: application/problem+json\r\nconnection: close\r\n\r\n"
    b'{"type":"https://crossdock.dev/problems/head-too-large",'
    b'"title":"The headers are too large","status":431}'
)


class _Together:
    """A transport whose writes of one turn of the loop leave together."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._held: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._held:
            self._loop.call_soon(self._flush)
        self._held.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        held, self._held = self._held, []
        if held and not self._transport.is_closing():  # else nobody is there any more
            self._transport.write(b"".join(held))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def protocol() -> Any:
    """What uvicorn's setting `http` shall be."""
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        return "auto"

    class Door(HttpToolsProtocol):
        _head = 0
        """How much has come of a head that is not whole; -1 when no head is awaited."""
        _since = 0.0
        """When that head was first awaited."""
        _look: asyncio.TimerHandle | None = None
        """One for the connection's whole life: made anew for each request it would cost more."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(_Together(transport, self.loop))  # type: ignore[arg-type]
            self._await_head()
            self._look = self.loop.call_later(HEAD_S, self._look_at_head)

        def connection_lost(self, exc: Exception | None) -> None:
            if self._look is not None:
                self._look.cancel()
            super().connection_lost(exc)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._await_head()

        def on_headers_complete(self) -> None:
            self._head = -1
            super().on_headers_complete()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._head < 0 or self.transport.is_closing():
                return
            self._head += len(data)
            if self._head > HEAD_BYTES:
                before = getattr(self, "cycle", None)
                if before is None or before.response_complete:
                    self.transport.write(_TOO_LARGE)
                self.transport.close()

        def _await_head(self) -> None:
            self._head = 0
            self._since = self.loop.time()

        def _look_at_head(self) -> None:
            left = HEAD_S
            if self._head >= 0:
                left = self._since + HEAD_S - self.loop.time()
            if left > 0:
                self._look = self.loop.call_later(left, self._look_at_head)
            else:
                self.transport.close()

    return Door

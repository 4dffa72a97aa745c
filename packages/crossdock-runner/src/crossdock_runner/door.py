"""What uvicorn's server lacks: an end to patience with strangers, and haste where all has come.

uvicorn on httptools takes a head of any size, for any time. Nothing of a request is verified before
its head is whole, so this is open to everybody who reaches the port. Bodies have limits of their
own in the gateway. On h11 uvicorn bounds the size itself.

uvicorn writes the head of an answer and its body one by one, and uvloop makes a system call of
each, which wakes the sender twice.

Most webhooks come whole in one read. The application finds such a body in its scope as `WHOLE`, and
needs neither wait for it nor bound its time; a request that comes in pieces goes uvicorn's own way.
"""

import asyncio
from typing import Any
from urllib.parse import unquote

HEAD_BYTES = 64 * 1024
HEAD_S = 15.0
WHOLE = "crossdock.whole"
"""The key of a scope's `extensions` under which the body lies that has come with its head."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-type: application/problem+json\r\nconnection: close\r\n\r\n"
    b'{"type":"https://crossdock.dev/problems/head-too-large",'
    b'"title":"The headers are too large","status":431}'
)


_PLAIN_NAMES = frozenset({b"content-length", b"content-type", b"retry-after"})
"""Headers of an answer that mean nothing to whoever writes them."""


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
        import httptools
        from uvicorn.protocols.http.httptools_impl import (
            STATUS_LINE,
            HttpToolsProtocol,
            RequestResponseCycle,
        )
    except ImportError:
        return "auto"

    class Whole(RequestResponseCycle):
        """One request that has come whole, answered in one piece."""

        _start: Any = None
        """The beginning of an answer whose body has not come yet."""

        async def send(self, message: Any) -> None:
            if message["type"] == "http.response.start" and not self.response_started:
                self._start = message
                return
            if self._start is not None:
                start, self._start = self._start, None
                if self._said(start, message):
                    return
                await super().send(start)
            await super().send(message)

        def _said(self, start: Any, message: Any) -> bool:
            """Whether it was plain enough to be written at once."""
            body, names = message.get("body", b""), [name for name, _ in start["headers"]]
            lines = [b"%b: %b" % pair for pair in (*self.default_headers, *start["headers"])]
            told = b"content-length: %d" % len(body)
            if (
                message.get("more_body")
                or self.scope["method"] == "HEAD"
                or told not in lines
                or not _PLAIN_NAMES.issuperset(names)
                or not b"".join(lines).decode("latin-1").isprintable()
                or self.flow.write_paused
                or self.disconnected
            ):
                return False
            if not self.keep_alive:
                lines.append(b"connection: close")
            lines += b"", body
            self.response_started = self.response_complete = True
            self.transport.write(STATUS_LINE[start["status"]] + b"\r\n".join(lines))
            self.message_event.set()
            if not self.keep_alive:
                self.transport.close()
            self.on_response()
            return True

    class Door(HttpToolsProtocol):
        _pieces: list[bytes] | None = None
        """The body so far of a request that may come whole."""
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
            before = getattr(self, "cycle", None)
            if (
                (before is not None and not before.response_complete)
                or self.expect_100_continue
                or self.parser.should_upgrade()
                or self.parser.get_http_version() != "1.1"
                or self.access_log
                or self.root_path
                or self.limit_concurrency is not None
            ):
                super().on_headers_complete()
            else:
                httptools.parse_url(self.url)  # here, where a fault is answered with 400
                self._pieces = []

        def on_body(self, body: bytes) -> None:
            if self._pieces is None:
                super().on_body(body)
            else:
                self._pieces.append(body)

        def on_message_complete(self) -> None:
            if self._pieces is None:
                super().on_message_complete()
                return
            body, self._pieces = b"".join(self._pieces), None
            url, scope = httptools.parse_url(self.url), self.scope
            path = url.path.decode("ascii")
            scope["method"] = self.parser.get_method().decode("ascii")
            scope["path"] = unquote(path) if "%" in path else path
            scope["raw_path"] = url.path
            scope["query_string"] = url.query or b""
            scope["extensions"] = {WHOLE: body}  # type: ignore[dict-item]
            self.cycle = Whole(
                scope=scope,
                transport=self.transport,
                flow=self.flow,
                logger=self.logger,
                access_logger=self.access_logger,
                access_log=False,
                default_headers=self.server_state.default_headers,
                message_event=asyncio.Event(),
                expect_100_continue=False,
                keep_alive=self.parser.should_keep_alive(),
                on_response=self.on_response_complete,
            )
            self.cycle.body = body  # type: ignore[assignment]  # it only becomes bytes again
            self.cycle.more_body = False
            self.cycle.message_event.set()
            self._start_asgi_task(self.cycle, self.app)

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._pieces is not None and not self.transport.is_closing():  # there is more of it
                pieces, self._pieces = self._pieces, None
                super().on_headers_complete()
                for piece in pieces:
                    super().on_body(piece)
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

"""HTTP/1.1 beneath httpx: connections of one client, kept alive and shared by its calls.

httpx's own way down (httpcore, anyio, h11) takes half of what a call costs: some thirty awaits,
two system calls and a dozen objects for timers, locks and traces. Here a call that finds a
connection is one write and one wait, and httptools (llhttp) reads the answer. Where httptools is
not installed, or a proxy is configured, httpx keeps its own transport.

What the caller does: the time limit of the whole call (`connect` and `pool` are heeded here), the
limit of the body's size, redirects, encodings.
"""

import asyncio
import re
import select
import ssl
from collections import deque
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any

import httptools
import httpx

from crossdock.http.dialing import dial

KEPT_S = 5.0
"""How long an idle connection may wait for the next call; httpx's figure."""
MOST_HEAD = 100 * 1024
"""Bytes of the head of an answer; h11's figure."""
MOST_UNREAD = 256 * 1024
"""Bytes of a body that wait for their reader before the vendor is made to wait."""

Origin = tuple[str, bytes, int]
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(rb"([\x21-\x7e\x80-\xff]([\x20-\x7e\x80-\xff\t]*[\x21-\x7e\x80-\xff])?)?")
_TARGET = re.compile(rb"[\x21-\x7e]+")
_PORTS = {"http": 80, "https": 443}


class Transport(httpx.AsyncBaseTransport):
    """At most `most` calls at once, and as many connections; further calls wait in their order."""

    def __init__(self, *, trust: ssl.SSLContext, most: int) -> None:
        self._trust = trust
        self._most = most
        self._places = asyncio.Semaphore(most)
        self._busy: set[_Connection] = set()
        self._idle: dict[_Connection, Origin] = {}
        """The one that waits longest first."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it; the answer's head, and a body that is still to be read and closed."""
        origin, message = _origin(request.url), _written(request)
        timeouts: dict[str, float | None] = request.extensions.get("timeout", {})
        await self._enter(timeouts.get("pool"))
        connection: _Connection | None = None
        try:
            connection = self._waiting(origin)
            if connection is None:
                self._make_room()
                connection = await self._connect(origin, timeouts.get("connect"))
            self._busy.add(connection)
            await connection.ask(message, bodiless=request.method == "HEAD")
        except BaseException:
            self._leave(connection, None)
            raise
        return httpx.Response(
            connection.status,
            headers=connection.headers,
            stream=_Answer(self, connection, origin),
            extensions={"http_version": b"HTTP/1.1"},
        )

    async def aclose(self) -> None:
        """Close all connections."""
        for connection in [*self._idle, *self._busy]:
            connection.close()
        self._idle.clear()
        self._busy.clear()
        await asyncio.sleep(0)  # so that they are closed when the loop ends next

    async def _enter(self, timeout_s: float | None) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        try:
            async with asyncio.timeout(timeout_s):
                await self._places.acquire()
        except TimeoutError as error:
            raise httpx.PoolTimeout("all connections are in use") from error

    def _leave(self, connection: "_Connection | None", origin: Origin | None) -> None:
        """Give the place back; the connection too, where `origin` says that it is whole."""
        if connection is not None:
            self._busy.discard(connection)
            if origin is not None and connection.reusable:
                connection.rest()
                self._idle[connection] = origin
            else:
                connection.close()
        self._places.release()

    def _waiting(self, origin: Origin) -> "_Connection | None":
        """The connection that was used last, for it is least likely to be closed over there."""
        for connection, known in reversed(list(self._idle.items())):
            if not connection.fresh:
                del self._idle[connection]
                connection.close()
            elif known == origin:
                del self._idle[connection]
                return connection
        return None

    def _make_room(self) -> None:
        while len(self._idle) + len(self._busy) >= self._most and self._idle:
            connection = next(iter(self._idle))
            del self._idle[connection]
            connection.close()

    async def _connect(self, origin: Origin, timeout_s: float | None) -> "_Connection":
        scheme, host, port = origin
        name = host.decode("ascii").strip("[]")
        trust = self._trust if scheme == "https" else None
        try:
            async with asyncio.timeout(timeout_s):
                return await dial(_Connection, name, port, trust)
        except TimeoutError as error:
            raise httpx.ConnectTimeout(f"no connection within {timeout_s} s") from error
        except OSError as error:  # ssl.SSLError and socket.gaierror are some
            raise httpx.ConnectError(str(error)) from error


class _Answer(httpx.AsyncByteStream):
    """The body of an answer; closing it gives the connection back."""

    def __init__(self, pool: Transport, connection: "_Connection", origin: Origin) -> None:
        self._pool = pool
        self._connection = connection
        self._origin = origin
        self._closed = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self._connection.read():
            yield chunk

    async def aclose(self) -> None:
        if not self._closed:
            self._closed = True
            self._pool._leave(self._connection, self._origin)


class _Connection(asyncio.Protocol):
    """One connection: a question, its answer, and the next."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: list[tuple[bytes, bytes]] = []
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._chunks: deque[bytes] = deque()
        self._unread = self._head = 0
        self._paused = self._bodiless = self._until_closed = self._surplus = False
        self._asked = self._headed = self._complete = self._keeps = False
        self._error: httpx.TransportError | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._since = 0.0

    # what the pool asks for

    async def ask(self, message: bytes, *, bodiless: bool) -> None:
        """Send a question and wait for the head of its answer."""
        self.status, self.headers = 0, []
        self._unread = self._head = 0
        self._bodiless = bodiless
        self._asked = True
        self._headed = self._complete = self._keeps = False
        self._until_closed = self._surplus = False
        self._transport.write(message)
        while not self._headed:
            await self._more()

    async def read(self) -> bytes:
        """The next piece of the body; empty at its end."""
        while not self._chunks:
            if self._complete:
                return b""
            await self._more()
        chunk = self._chunks.popleft()
        self._unread -= len(chunk)
        if self._paused and self._unread < MOST_UNREAD:
            self._paused = False
            self._transport.resume_reading()
        return chunk

    @property
    def reusable(self) -> bool:
        """Whether question and answer went over whole, and both sides keep the connection."""
        return (
            self._complete
            and self._keeps
            and self._error is None
            and not self._transport.is_closing()
            and not self._transport.get_write_buffer_size()
        )

    def rest(self) -> None:
        """The answer was read, or nobody wants the rest of it: wait for the next question."""
        self._asked = False
        self._since = self._loop.time()
        self._chunks.clear()
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    @property
    def fresh(self) -> bool:
        """Whether it may be used again: nothing came meanwhile, not even the other side's end."""
        return (
            self._error is None
            and not self._transport.is_closing()
            and self._loop.time() - self._since < KEPT_S
            and not self._poll.poll(0)
        )

    def close(self) -> None:
        """Whatever is under way is lost."""
        if self._complete and not self._transport.get_write_buffer_size():
            self._transport.close()
        else:
            self._transport.abort()

    async def _more(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # what the loop tells

    def connection_made(self, transport: Any) -> None:
        self._transport: asyncio.Transport = transport
        self._poll = select.poll()
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN)

    def data_received(self, data: bytes) -> None:
        if not self._asked:
            self._fail("it spoke without having been asked")
            return
        if not self._headed:
            self._head += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(f"its answer cannot be read: {error}")
        if not self._headed and self._head > MOST_HEAD:
            self._fail(f"the head of its answer is larger than {MOST_HEAD} bytes")
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._headed and self._until_closed and exc is None:
            self._complete = True
        elif not self._complete:
            told = f": {exc}" if exc is not None and str(exc) else ""
            self._fail(f"it closed the connection before the whole answer was there{told}")
        self._error = self._error or httpx.ReadError("the connection is closed")
        self._wake()

    def _fail(self, why: str) -> None:
        self._error = self._error or httpx.RemoteProtocolError(why)
        self._keeps = False
        self._transport.abort()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # what the parser tells

    def on_message_begin(self) -> None:
        if self._headed:  # another answer behind the one that was asked for
            self._surplus, self._keeps = True, False

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._headed:  # what follows a body in chunks is of no use to anybody
            self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        if self._surplus:
            return
        self.status = self._parser.get_status_code()
        if self.status < 200:
            if self.status == 101:
                self._fail("it changes the protocol, which nobody asked for")
            self.headers = []
            return
        self._headed = True
        self._keeps = self._parser.should_keep_alive()
        names = {name.lower(): value for name, value in self.headers}
        chunked = b"chunked" in names.get(b"transfer-encoding", b"").lower()
        self._until_closed = not chunked and b"content-length" not in names
        if self._bodiless:  # the parser does not know that, and would wait for a body
            self._complete, self._keeps = True, False

    def on_body(self, body: bytes) -> None:
        if self._bodiless or self._surplus:
            return
        self._chunks.append(body)
        self._unread += len(body)
        if self._unread > MOST_UNREAD and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._headed:
            self._complete = True


def _origin(url: httpx.URL) -> Origin:
    scheme = url.scheme
    if scheme not in _PORTS or not url.raw_host:
        raise httpx.UnsupportedProtocol("the address must begin with http:// or https://")
    return scheme, url.raw_host, url.port or _PORTS[scheme]


def _written(request: httpx.Request) -> bytes:
    """The whole request. LocalProtocolError, without its words: something that cannot be sent."""
    method, target = request.method.encode("ascii"), request.url.raw_path
    if not (_TOKEN.fullmatch(method) and _TARGET.fullmatch(target)):
        raise httpx.LocalProtocolError("an illegal method or address")
    lines = [b"%s %s HTTP/1.1" % (method, target)]
    for name, value in request.headers.raw:
        if not (_named(name) and _VALUE.fullmatch(value)):
            raise httpx.LocalProtocolError("an illegal header")
        lines.append(b"%s: %s" % (name, value))
    return b"\r\n".join(lines) + b"\r\n\r\n" + request.content


@lru_cache(maxsize=1024)
def _named(name: bytes) -> bool:
    return _TOKEN.fullmatch(name) is not None

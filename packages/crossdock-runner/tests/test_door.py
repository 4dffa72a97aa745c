"""Strangers who never finish the head of a request, and requests that come in one piece."""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
from crossdock.sockets import listen
from crossdock.testing.sandbox import serve
from crossdock_runner import door
from crossdock_runner.bootstrap import _serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route


async def _echo(request: Request) -> PlainTextResponse:
    return PlainTextResponse(str(len(await request.body())))


@pytest.fixture
async def port() -> AsyncIterator[int]:
    app = Starlette(routes=[Route("/", _echo, methods=["POST"])])
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="error", lifespan="off", http=door.protocol())
    )
    sock = listen()
    task = asyncio.create_task(_serve(server, sock))
    yield sock.getsockname()[1]
    server.should_exit = True
    await task
    sock.close()


def post(body: bytes, *more: str) -> bytes:
    lines = ["POST / HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *more]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


async def test_a_head_without_end_is_refused(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nX-A: ")
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < 50_000_000:
            writer.write(b"y" * 100_000)
            await writer.drain()
            sent += 100_000
    assert sent < 20_000_000  # what the kernel's buffers hold
    writer.close()


async def test_large_headers_are_answered(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nX-A: " + b"y" * (door.HEAD_BYTES + 1))
    assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")
    writer.close()


async def test_a_head_that_takes_too_long_is_cut(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "HEAD_S", 0.3)
    for start in (b"", b"POST / HT"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(start)
        since = time.monotonic()
        assert await asyncio.wait_for(reader.read(), 10) == b""
        assert time.monotonic() - since > 0.2
        writer.close()


async def test_bodies_and_later_requests_are_not_counted_as_heads(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(door, "HEAD_S", 1.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for size in (door.HEAD_BYTES * 5, 0, 3):
        request = post(b"z" * size, "X-A: " + "y" * 40_000)
        writer.write(request[:-2] if size else request)
        if size:
            await asyncio.sleep(1.2)  # a body may be slower than a head
            writer.write(request[-2:])
        assert b" 200 " in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
        assert await reader.readexactly(len(str(size))) == str(size).encode()
    writer.close()


class Wire(asyncio.Transport):
    """Writes down what leaves."""

    def __init__(self) -> None:
        super().__init__()
        self.left: list[bytes] = []
        self.gone = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.gone
        self.left.append(bytes(data))

    def is_closing(self) -> bool:
        return self.gone

    def close(self) -> None:
        self.gone = True


async def test_an_answer_leaves_in_one_piece() -> None:
    wire = Wire()
    together = door._Together(wire, asyncio.get_running_loop())
    for _ in range(2):
        together.write(b"head ")
        together.write(b"body ")
        await asyncio.sleep(0)
    assert wire.left == [b"head body ", b"head body "]
    together.write(b"last")
    together.close()
    assert (wire.left[-1], wire.gone) == (b"last", True)
    together.write(b"too late")
    await asyncio.sleep(0)
    assert wire.left[-1] == b"last"


async def _strange(scope: Any, receive: Any, send: Any) -> None:
    """An application that does what the path says, and tells what it was told."""
    path, start = scope["path"], {"type": "http.response.start", "status": 200, "headers": []}
    if path == "/early":
        raise ValueError("before anything was said")
    body, messages, more = b"", 0, True
    while more:
        message = await receive()
        body, messages, more = body + message["body"], messages + 1, message["more_body"]
    whole = scope.get("extensions", {}).get(door.WHOLE)
    assert whole is None or (whole == body and messages == 1)
    names = ("method", "path", "raw_path", "query_string", "http_version", "headers")
    said = repr([scope[name] for name in names] + [body]).encode()
    length = (b"content-length", b"%d" % len(said))
    if path == "/late":
        await send({**start, "headers": [length]})
        raise ValueError("between head and body")
    if path == "/silent":
        return
    if path == "/chunked":
        await send(start)
        await send({"type": "http.response.body", "body": said, "more_body": True})
        await send({"type": "http.response.body", "body": b"end"})
    elif path == "/close":
        await send({**start, "headers": [length, (b"connection", b"close")]})
        await send({"type": "http.response.body", "body": said})
    elif path == "/short":
        await send({**start, "headers": [(b"content-length", b"99999")]})
        await send({"type": "http.response.body", "body": said})
    elif path == "/lines":
        await send({**start, "headers": [length, (b"content-type", b"a\r\nx: y")]})
        await send({"type": "http.response.body", "body": said})
    else:
        await send({**start, "status": 202, "headers": [length, (b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": said})


async def _answers(http: Any, pieces: list[bytes]) -> bytes:
    async with serve(_strange, http=http) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)
        writer.write(b"GET /last HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
        try:
            async with asyncio.timeout(10):
                said = await reader.read()
        except ConnectionError:
            said = b"reset"
        writer.close()
    return re.sub(rb"date: [^\r]*\r\n", b"", said)


def _asked(path: str, body: bytes = b"", method: str = "POST", **headers: str) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


CHUNKS = b"POST /x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n"


@pytest.mark.parametrize(
    "pieces",
    [
        [_asked("/hooks/web?a=%20b", b"body")],
        [_asked("/a%20b/%C3%A4", b"body")],
        [_asked("/x", b"body")[:-2], b"dy"],
        [_asked("/x", b"body")[:30], _asked("/x", b"body")[30:]],
        [_asked("/x", b"1") + _asked("/y", b"2") + _asked("/chunked", b"3")],
        [_asked("/x", b"1") + _asked("/y", b"22")[:-1], b"2"],
        [CHUNKS + b"0\r\n\r\n"],
        [CHUNKS, b"0\r\n\r\n"],
        [CHUNKS + b"zz\r\n"],
        [_asked("/x", method="HEAD")],
        [_asked("/x", method="HEAD"), _asked("/y", b"1")],
        [_asked("/x", b"body", Expect="100-continue")],
        [_asked("/x", b"body", Connection="upgrade", Upgrade="h2c")],
        [_asked("/x", b"body", Connection="close")],
        [b"GET /x HTTP/1.0\r\n\r\n"],
        [b"GET http://[ HTTP/1.1\r\nhost: x\r\n\r\n"],
        [b"GET x HTTP/1.1\r\nhost: x\r\n\r\n"],
        [b"no HTTP\r\n\r\n"],
        *([_asked(path, b"body")] for path in ("/chunked", "/close", "/short", "/lines")),
        *([_asked(path, b"body")] for path in ("/early", "/silent")),
    ],
    ids=lambda pieces: repr(b"|".join(pieces))[2:70],
)
async def test_what_comes_whole_is_answered_as_uvicorn_does(pieces: list[bytes]) -> None:
    assert await _answers(door.protocol(), pieces) == await _answers("httptools", pieces)


async def test_a_fault_before_the_body_is_told_instead_of_half_an_answer() -> None:
    said = await _answers(door.protocol(), [_asked("/late", b"body")])
    assert said.startswith(b"HTTP/1.1 500 ")


async def test_only_what_comes_whole_is_told_to_be_whole() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope.get("extensions", {}).get(door.WHOLE))
        await _strange(scope, receive, send)

    async with serve(app, http=door.protocol()) as url:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        for pieces in ([_asked("/x", b"body")], [_asked("/x", b"body")[:-2], b"dy"]):
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.05)
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.partition(b"content-length: ")[2].split()[0]))
        writer.close()
    assert seen == [b"body", None]

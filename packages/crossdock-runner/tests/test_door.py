"""Strangers who never finish the head of a request."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import pytest
import uvicorn
from crossdock.sockets import listen
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

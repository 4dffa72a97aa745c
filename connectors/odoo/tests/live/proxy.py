"""A loopback proxy that loses answers: the server has done its work, the caller never hears."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

WRITES = (b"/load ", b"/action_confirm ", b'"load",[', b'"action_confirm",[')
"""Calls with an effect, as JSON-2 and `/jsonrpc` name them."""


def calls(*methods: str) -> tuple[bytes, ...]:
    """These methods, in both spellings."""
    return tuple(
        text.encode() for method in methods for text in (f"/{method} HTTP", f'"{method}",[')
    )


@dataclass
class Losses:
    """How many answers of writing calls are to be lost, and which share of them."""

    wanted: int
    share: float = 0.5
    writes: tuple[bytes, ...] = WRITES
    lost: int = 0
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    def due(self, request: bytes) -> bool:
        """Whether the answer to this is to be lost."""
        if (
            not any(method in request for method in self.writes)
            or self.lost >= self.wanted
            or self.dice.random() >= self.share
        ):
            return False
        self.lost += 1
        return True


async def _head(reader: asyncio.StreamReader) -> tuple[bytes, int]:
    """The head of a message and the length of its body; -1: until the connection closes."""
    head = await reader.readuntil(b"\r\n\r\n")
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return head, int(value)
    return head, -1


@asynccontextmanager
async def losing(url: str, losses: Losses) -> AsyncIterator[str]:
    """Serve `url` on a port of our own; one connection to the server for each request."""
    target = urlsplit(url)

    async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head, length = await _head(reader)
        body = await reader.readexactly(max(length, 0))
        theirs, ours = await asyncio.open_connection(target.hostname, target.port)
        try:
            ours.write(head + body)
            await ours.drain()
            answer, size = await _head(theirs)
            if losses.due(head + body):
                writer.transport.abort()
                return
            rest = await (theirs.read() if size < 0 else theirs.readexactly(size))
            writer.write(answer + rest)
            await writer.drain()
        finally:
            ours.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await exchange(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()

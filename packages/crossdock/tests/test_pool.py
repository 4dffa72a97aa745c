"""A vendor that is slow for a while does not use up the places of its connection pool for good."""

import asyncio
from collections import Counter

from crossdock.errors import UnavailableError
from crossdock.http import Http

PLACES = 4


async def test_a_pool_is_whole_again_after_many_calls_gave_up() -> None:
    slow = True

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                if slow:
                    await asyncio.sleep(0.2)
                writer.write(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    seen: Counter[str] = Counter()

    async def call(http: Http, timeout_s: float) -> None:
        try:
            await http.get("/x", timeout_s=timeout_s)
            seen["answered"] += 1
        except UnavailableError:
            seen["given up"] += 1

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with Http(name="slow", base_url=url, max_connections=PLACES) as http:
        for _ in range(8):
            await asyncio.gather(*(call(http, 0.05) for _ in range(8 * PLACES)))
        assert seen["given up"] > 8 * PLACES
        slow = False
        seen.clear()
        await asyncio.gather(*(call(http, 20.0) for _ in range(8 * PLACES)))
    server.close()
    assert seen == {"answered": 8 * PLACES}

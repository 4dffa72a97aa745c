"""The load generator of the gateway row: webhooks over plain sockets, from a process of its own.

Bound to loopback, a bounded number of connections, one request under way on each. Closed loop:
the next request follows the answer. Paced: requests are due at fixed moments, and the latency
counts from the moment a request was due, so that a slow server cannot hide behind its own delay.
"""

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlsplit

from crossdock_runner.bench.measure import Clock, Sample, percentile

SECRET = "bench-webhook-secret"  # noqa: S105 - of a pretended shop on loopback
SHOP = "bench.myshopify.com"


def signed(body: bytes, secret: str, path: str, shop: str = SHOP) -> tuple[bytes, bytes]:
    """What stands before and after the one header that differs from request to request."""
    mark = base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
        f"x-shopify-topic: orders/create\r\nx-shopify-hmac-sha256: {mark}\r\n"
        f"x-shopify-shop-domain: {shop}\r\nx-shopify-api-version: 2026-04\r\n"
        f"content-length: {len(body)}\r\nx-shopify-event-id: "
    )
    return head.encode(), b"\r\n\r\n" + body


class Load:
    """Requests and how they were answered."""

    def __init__(self, requests: Callable[[int], bytes], limit: int | None = None) -> None:
        self.requests = requests
        self.limit = limit
        self.sent = 0
        self.done = 0
        self.refused = 0
        self.latencies: list[float] = []
        self.finished = asyncio.Event()
        self.idle: deque[_Client] = deque()
        self.due: deque[float] = deque()
        self.closed_loop = True

    def take(self) -> bytes | None:
        """The next request, or None when there is none to send."""
        if self.limit is not None and self.sent >= self.limit:
            return None
        self.sent += 1
        return self.requests(self.sent - 1)

    def answered(self, client: "_Client", status: bytes, since: float) -> None:
        """One answer came."""
        self.done += 1
        self.latencies.append(time.perf_counter() - since)
        if status != b"202":
            self.refused += 1
        if self.due:
            client.send(self.due.popleft())
        elif self.closed_loop and client.send(time.perf_counter()):
            pass
        else:
            self.idle.append(client)
        if self.limit is not None and self.done >= self.limit:
            self.finished.set()


class _Client(asyncio.Protocol):
    """One connection with at most one request under way."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._transport: Any = None
        self._buffer = b""
        self._since = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def send(self, since: float) -> bool:
        request = self._load.take()
        if request is None:
            return False
        self._since = since
        self._transport.write(request)
        return True

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._buffer[:end].lower()
        at = head.find(b"content-length:")
        size = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._buffer) < end + 4 + size:
            return
        self._buffer = b""
        self._load.answered(self, head[9:12], self._since)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.refused += 1  # none of our servers hangs up on a client that behaves


async def drive(
    load: Load,
    url: str,
    *,
    connections: int,
    seconds: float | None = None,
    rate: float | None = None,
) -> None:
    """Send for `seconds`, or until the load's limit is answered; `rate` a second, or flat out."""
    loop, parts = asyncio.get_running_loop(), urlsplit(url)
    host, port = parts.hostname or "127.0.0.1", parts.port or 80
    clients = []
    for _ in range(connections):
        _, client = await loop.create_connection(lambda: _Client(load), host, port)
        clients.append(client)
    load.closed_loop = rate is None
    started = time.perf_counter()
    if rate is None:
        for client in clients:
            client.send(time.perf_counter())
        if seconds is None:
            await load.finished.wait()
        else:
            await asyncio.sleep(seconds)
            load.limit = load.sent
    else:
        load.idle.extend(clients)
        assert seconds is not None
        for number in range(int(seconds * rate)):
            due = started + number / rate
            delay = due - time.perf_counter()
            if delay > 0:
                await asyncio.sleep(delay)
            if load.idle:
                load.idle.popleft().send(due)
            else:
                load.due.append(due)
    if seconds is not None:
        deadline = time.perf_counter() + 10
        while load.done < load.sent and time.perf_counter() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    load.limit = 0
    done = load.done
    for client in clients:
        if client._transport is not None:
            client.connection_lost = lambda exc: None  # type: ignore[method-assign]
            client._transport.abort()
    load.done = done


def same_order(bodies: Sequence[bytes], path: str) -> Callable[[int], bytes]:
    """Signed requests that go round these bodies, each with a delivery id of its own."""
    parts = [signed(body, SECRET, path) for body in bodies]
    run = secrets.token_hex(6).encode()

    def request(number: int) -> bytes:
        head, tail = parts[number % len(parts)]
        return b"%b%b-%d%b" % (head, run, number, tail)

    return request


def case(name: str, arguments: dict[str, Any]) -> Sample:
    """Runs in the child: `closed` or `paced`."""
    from crossdock_runner.bench import payloads

    bodies = [payloads.vendor_bytes(number) for number in range(200)]
    path = "/hooks/web"
    rate = float(arguments["rate"]) if name == "paced" else None

    async def work() -> Sample:
        warm = Load(same_order(bodies, path))
        await drive(warm, arguments["url"], connections=16, seconds=0.3)
        load, clock = Load(same_order(bodies, path)), Clock()
        clock.begin()
        await drive(
            load,
            arguments["url"],
            connections=int(arguments["connections"]),
            seconds=float(arguments["seconds"]),
            rate=rate,
        )
        return clock.end(
            load.done,
            refused=load.refused + warm.refused,
            p50_ms=percentile(load.latencies, 0.5) * 1e3,
            p99_ms=percentile(load.latencies, 0.99) * 1e3,
            worst_ms=max(load.latencies, default=0.0) * 1e3,
        )

    try:
        import uvloop
    except ImportError:
        return asyncio.run(work())
    return uvloop.run(work())

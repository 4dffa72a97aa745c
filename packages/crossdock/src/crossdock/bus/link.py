"""A NATS client that is never silently dead.

nats-py closes a client for good on most `-ERR` answers and on oversized headers, even when told to
reconnect for ever; the next call then fails although the process looks healthy (measured:
research/reliability.md 2b). A Link owns one client and replaces it when that happens.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import nats.errors
from nats.aio.client import Client

from crossdock.bus.wire import FastClient
from crossdock.errors import AuthError, UnavailableError

log = logging.getLogger("crossdock.bus")

PING_INTERVAL_S = 5
MAX_PENDING_PINGS = 2
CONNECT_S = 5.0
"""A first connection that takes longer has failed; nats-py itself would try for ever."""
PATIENT_S = 2.0
"""So long a patient link waits for its first connection before it lets its owner go on."""

Hook = Callable[[Client], Awaitable[None]]


class Link:
    """One supervised connection: `on_fresh` for each new client, `on_again` after reconnects.

    A `patient` one may be entered while no server is there; it connects when one is.
    """

    def __init__(
        self, url: str, name: str, *, credentials: str | None = None, patient: bool = False
    ) -> None:
        self._url = url
        self._name = name
        self._credentials = credentials
        self._patient = patient
        self._client: FastClient | None = None
        self._closing = False
        self._supervisor: asyncio.Task[None] | None = None
        self._gone = asyncio.Event()
        self._there = asyncio.Event()
        self.on_fresh: list[Hook] = []
        self.on_again: list[Hook] = []
        self.reconnects = 0
        self.replacements = 0

    @property
    def client(self) -> FastClient:
        """The present client. UnavailableError (`not_sent`) while there is none."""
        if self._client is None or self._client.is_closed:
            raise UnavailableError("the bus is not connected", outcome="not_sent")
        return self._client

    @property
    def connected(self) -> bool:
        """Whether the client believes it has a server; trust it no longer than a ping (10 s)."""
        return self._client is not None and self._client.is_connected

    async def __aenter__(self) -> Self:
        if self._patient:
            self._gone.set()
        else:
            await self._connect()
        self._supervisor = asyncio.create_task(self._supervise(), name=f"link {self._name}")
        if self._patient:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._there.wait(), PATIENT_S)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closing = True
        if self._supervisor is not None:
            self._supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._supervisor
        if self._client is not None and not self._client.is_closed:
            # a client whose server is away may stumble over its own lost connection
            with contextlib.suppress(nats.errors.Error, OSError, RuntimeError):
                await self._client.close()

    async def _connect(self) -> None:
        client, first, said = FastClient(), True, ""

        async def failed(error: Exception) -> None:
            nonlocal said
            said = f"{type(error).__name__}: {error}"
            log.info("%s: %s", self._name, said)
            if first and "authorization" in str(error).lower():
                raise AuthError(f"the bus refuses the credentials of {self._name}") from error

        async def closed() -> None:
            if client is self._client and not self._closing:
                self._gone.set()

        try:
            async with asyncio.timeout(CONNECT_S):
                await client.connect(
                    [part.strip() for part in self._url.split(",")],
                    name=self._name,
                    user_credentials=self._credentials,
                    allow_reconnect=True,
                    max_reconnect_attempts=-1,
                    reconnect_time_wait=0.25,  # type: ignore[arg-type]  # it is a sleep
                    connect_timeout=5,
                    ping_interval=PING_INTERVAL_S,
                    max_outstanding_pings=MAX_PENDING_PINGS,
                    pending_size=32 * 1024 * 1024,
                    flush_timeout=5,
                    error_cb=failed,
                    closed_cb=closed,
                    reconnected_cb=self._reconnected,
                )
        except (OSError, nats.errors.Error, AuthError) as error:
            with contextlib.suppress(AssertionError):  # what was never opened
                await client.close()
            if isinstance(error, AuthError):
                raise
            raise UnavailableError(
                f"no bus at {_without_secret(self._url)}: {said or error}", outcome="not_sent"
            ) from error
        first = False
        self._client = client
        for hook in self.on_fresh:
            await hook(client)
        self._there.set()

    async def _supervise(self) -> None:
        while True:
            await self._gone.wait()
            self._gone.clear()
            delay = 0.25
            while not self._closing:
                first = self._client is None
                try:
                    await self._connect()
                except (UnavailableError, AuthError, nats.errors.Error, OSError) as error:
                    log.warning("%s: %s; trying again in %.1f s", self._name, error, delay)
                    await asyncio.sleep(delay)
                    delay = min(delay * 2, 5.0)
                else:
                    if first:
                        break
                    self.replacements += 1
                    log.warning("%s: the client had closed for good and was replaced", self._name)
                    break

    async def _reconnected(self) -> None:
        self.reconnects += 1
        if self._client is not None:
            for hook in self.on_again:
                await hook(self._client)


def _without_secret(url: str) -> str:
    parts = (part.strip().rpartition("://") for part in url.split(","))
    return ",".join(scheme + mark + rest.rpartition("@")[2] for scheme, mark, rest in parts)

"""Opening a connection to a name that has several addresses, of which some may not answer.

RFC 8305 ("happy eyeballs"): the next address is tried when one failed, or after a moment, and the
first that answers is taken. asyncio has it and uvloop has not.
"""

import asyncio
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from itertools import chain, zip_longest
from typing import TypeVar

NEXT_AFTER_S = 0.25

P = TypeVar("P", bound=asyncio.Protocol)
Address = tuple[int, str]
"""Family and number."""


async def dial(make: Callable[[], P], host: str, port: int, trust: ssl.SSLContext | None) -> P:
    """A connected protocol, its TLS agreed upon where `trust` is given. OSError."""
    loop = asyncio.get_running_loop()
    name = host if trust is not None else None

    async def connect(address: str) -> tuple[asyncio.Transport, P]:
        return await loop.create_connection(make, address, port, ssl=trust, server_hostname=name)

    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    todo = deque(in_turn((int(one[0]), str(one[4][0])) for one in found))
    running: set[asyncio.Task[tuple[asyncio.Transport, P]]] = set()
    error = OSError("the name has no address")
    try:
        while todo or running:
            if todo:
                running.add(asyncio.create_task(connect(todo.popleft())))
            done, running = await asyncio.wait(
                running,
                timeout=NEXT_AFTER_S if todo else None,
                return_when=asyncio.FIRST_COMPLETED,
            )
            made: list[tuple[asyncio.Transport, P]] = []
            for task in done:
                try:
                    made.append(task.result())
                except OSError as failed:
                    error = failed
            for transport, _ in made[1:]:
                transport.abort()
            if made:
                return made[0][1]
    finally:
        for task in running:
            task.cancel()
    raise error


def in_turn(addresses: Iterable[Address]) -> list[str]:
    """Numbers without repetition, one of each family after the other, the resolver's first."""
    known = list(dict.fromkeys(addresses))
    first = [number for family, number in known if family == known[0][0]]
    others = [number for family, number in known if family != known[0][0]]
    return [number for number in chain.from_iterable(zip_longest(first, others)) if number]

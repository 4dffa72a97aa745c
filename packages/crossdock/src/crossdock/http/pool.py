"""Connections that httpcore forgets, taken out of its pool.

httpcore 1.0.9 gives a queued request a connection and wakes it. A request that gives up in that
very moment (its time is over, or it is cancelled) leaves the connection behind: it belongs to
nobody, is neither idle nor closed, and counts against the pool for ever. After a vendor had been
slow for a while every place was taken so, and each further call ended in PoolTimeout until the
process was started again (found by random kills; test_pool.py holds it).
"""

import contextlib
from typing import Any


async def forget_orphans(client: Any) -> int:
    """Drop and close every connection that no request holds and none will ever use; how many.

    `client` is an httpx.AsyncClient.
    """
    orphans: list[Any] = []
    for transport in (client._transport, *client._mounts.values()):
        pool: Any = getattr(transport, "_pool", None)
        if pool is None:
            continue
        held = {id(request.connection) for request in pool._requests}
        for connection in list(pool._connections):
            if id(connection) not in held and not (connection.is_idle() or connection.is_closed()):
                pool._connections.remove(connection)
                orphans.append(connection)
    for orphan in orphans:
        with contextlib.suppress(Exception):  # it is thrown away, however it ends
            await orphan.aclose()
    return len(orphans)

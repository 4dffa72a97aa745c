"""Sandboxes: servers that behave as a vendor does, as far as we use it.

A connector registers its sandbox as `module:callable`; the callable takes no arguments and returns
a `Sandbox`. Beside the vendor's own API the sandbox answers a few paths of its own under
`/_sandbox/`, by which a demo or a test plays the vendor's customers and staff and reads the truth.

Run some from the command line, in a process of their own (bind to loopback only):

    python -m crossdock.testing.sandbox shopify=0 erp:odoo=0

prints one JSON line with the URL of each, under a name of its own where one is given (`erp`), and
serves until it is told to end (SIGTERM), or until its standard input is closed when `--with-stdin`
is given.
"""

import argparse
import asyncio
import gc
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from importlib import import_module
from typing import Any, Protocol

from crossdock import plugins
from crossdock.errors import ConfigError
from crossdock.sockets import listen

AsgiApp = Callable[[Any, Any, Any], Any]
PARTING_S = 0.1
"""How long a sandbox that ends waits for answers that nobody will read."""


class Sandbox(Protocol):
    """One pretended vendor account."""

    @property
    def app(self) -> AsgiApp:
        """The ASGI application: the vendor's API, and `/_sandbox/…` for tests."""
        ...

    def connection(self, url: str) -> Mapping[str, object]:
        """What to write under `connections:` to speak to it at `url`, secrets in the clear."""
        ...


def make(name: str) -> Sandbox:
    """The sandbox of the connector `name`. ConfigError when it has none."""
    spec = plugins.load([name])[name].sandbox
    if spec is None:
        raise ConfigError(f"connector {name!r} has no sandbox")
    module, _, attribute = spec.partition(":")
    factory: Callable[[], Sandbox] = getattr(import_module(module), attribute)
    return factory()


@asynccontextmanager
async def serve(
    app: AsgiApp, port: int = 0, *, dated: bool = True, http: Any = "auto"
) -> AsyncIterator[str]:
    """Serve an ASGI application on loopback within this event loop; yields its URL.

    Each answer has the Date of this machine, unless the application is `dated` by itself (False).
    `http` is uvicorn's setting of that name.
    """
    import uvicorn

    sock = listen(port)
    config = uvicorn.Config(
        app, log_level="warning", lifespan="off", access_log=False, date_header=dated, http=http
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    try:
        await server.startup([sock])
        ticking = asyncio.create_task(server.main_loop())
        try:
            yield f"http://127.0.0.1:{sock.getsockname()[1]}"
        finally:
            ticking.cancel()
            await _stop(server)
    finally:
        sock.close()


async def _stop(server: Any) -> None:
    """At once. uvicorn's own way waits for a tick and for lingering answers: 150 ms each time,
    which is most of a short test."""
    for one in server.servers:
        one.close()
    for connection in list(server.server_state.connections):
        connection.transport.abort()
    running = set(server.server_state.tasks)
    if running:
        _, running = await asyncio.wait(running, timeout=PARTING_S)
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


async def _main(wanted: Iterable[tuple[str, str, int]], until_stdin_closes: bool) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if until_stdin_closes:
        await loop.connect_read_pipe(lambda: _StopAtEnd(stop), sys.stdin)
    boxes = {name: (make(connector), port) for name, connector, port in wanted}
    # what a pretended vendor remembers stays: going through it again and again took a seventh
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    ready: dict[str, object] = {}

    async def start(remaining: list[str]) -> None:
        if not remaining:
            print(json.dumps(ready), flush=True)  # noqa: T201 - the answer of this command
            await stop.wait()
            return
        box, port = boxes[remaining[0]]
        async with serve(box.app, port) as url:
            ready[remaining[0]] = {"url": url, "connection": dict(box.connection(url))}
            await start(remaining[1:])

    await start(list(boxes))


class _StopAtEnd(asyncio.Protocol):
    def __init__(self, stop: asyncio.Event) -> None:
        self._stop = stop

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop.set()

    def eof_received(self) -> bool | None:
        self._stop.set()
        return None


def main(arguments: list[str] | None = None) -> None:
    """The command line described above."""
    parser = argparse.ArgumentParser(prog="crossdock.testing.sandbox", description=__doc__)
    parser.add_argument(
        "wanted", nargs="+", metavar="[NAME:]CONNECTOR=PORT", help="port 0: a free one"
    )
    parser.add_argument("--with-stdin", action="store_true", help="end when stdin is closed")
    options = parser.parse_args(arguments)
    wanted = []
    for item in options.wanted:
        what, _, port = item.partition("=")
        name, _, connector = what.rpartition(":")
        wanted.append((name or connector, connector, int(port or 0)))
    _on_the_fastest_loop(_main(wanted, options.with_stdin))


def _on_the_fastest_loop(work: Coroutine[Any, Any, None]) -> None:
    """uvloop's where it is installed: a sandbox shares its machine with what it is to load."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


if __name__ == "__main__":
    main()

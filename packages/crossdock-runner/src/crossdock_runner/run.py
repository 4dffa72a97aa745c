"""`crossdock run`: one deployment, until told to stop."""

import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

from crossdock_runner import deployment as deployments
from crossdock_runner.bootstrap import assemble
from crossdock_runner.output import complain


def run_deployment(file: Path, *, verbose: bool) -> int:
    """Exit code 0 after a clean stop, 1 when the file or the start fails."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
    for chatty in ("alembic", "httpx"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    deployment = deployments.load(file)
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.run(_run(deployment))
    return asyncio.run(_run(deployment))


async def _run(deployment: deployments.Deployment) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with assemble(deployment) as line:
        names = ", ".join(deployment.connections)

        def ready(url: str) -> None:
            complain(f"crossdock runs {deployment.path} ({names}); webhooks at {url}/hooks/…")

        await line.run(stop, ready)
    complain("crossdock has stopped; everything accepted is in the ledger")
    return 0

"""`crossdock run`: one deployment, until told to stop."""

import asyncio
import contextlib
import logging
import signal
import sys
from pathlib import Path

from crossdock_runner import deployment as deployments
from crossdock_runner.bootstrap import assemble
from crossdock_runner.options import Role
from crossdock_runner.output import complain


def run_deployment(
    file: Path, *, only: Role | None = None, port: int | None = None, verbose: bool = False
) -> int:
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

        return uvloop.run(_run(deployment, only, port))
    return asyncio.run(_run(deployment, only, port))


async def _run(deployment: deployments.Deployment, only: Role | None, port: int | None) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with assemble(deployment, only, port) as line:
        names = ", ".join(deployment.connections)
        part = f"the {only} of " if only else ""

        def ready(url: str) -> None:
            where = (
                f"health at {url}/health/ready"
                if only == "stages"
                else f"webhooks at {url}/hooks/…"
            )
            complain(f"crossdock runs {part}{deployment.path} ({names}); {where}")

        await line.run(stop, ready)
    complain("crossdock has stopped; everything accepted is in the ledger")
    return 0

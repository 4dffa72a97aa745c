"""A deployment in a folder with its vendors pretended: for demo, tests and benchmarks.

Three processes: the sandboxes (they are the vendors, and the truth), the runner (`crossdock run`,
with its nats-server as a child), and whoever made the site, which drives and judges.
"""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml
from crossdock.errors import CrossdockError, UnavailableError
from crossdock.http import Http
from crossdock.sockets import listen

START_S = 90.0
Connections = Mapping[str, dict[str, Any]]
"""What each sandbox wants written under `connections:`, by the name of the connection."""


SHOP_AND_ERP = {"web": "shopify", "erp": "odoo"}


def shop_and_erp(connections: Connections) -> dict[str, Any]:
    """The smallest line: one shop, one ERP that owns stock and fulfilment."""
    return {
        "connections": {
            "web": connections["web"],
            "erp": {**connections["erp"], "poll_every_s": 1},
        },
        "domains": {
            "orders": {"capture": ["web"], "execute": "erp"},
            "inventory": {"owner": "erp", "publish_to": ["web"]},
            "fulfillment": {"owner": "erp", "publish_to": ["web"]},
        },
    }


class _Quoting(yaml.SafeDumper):
    """Quotes what begins like a number: a secret such as 0b15… must not look like one."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = '"' if text[:1].isdigit() else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Quoting.add_representer(str, _text)


class Site:
    """One deployment: its sandboxes, its runner, and how to reach them.

    `vendors` says which connector's sandbox stands for which connection, `compose` writes
    connections and domains with what the sandboxes tell of themselves, `adjust` has the last word.
    """

    def __init__(
        self,
        folder: Path,
        *,
        vendors: Mapping[str, str] = SHOP_AND_ERP,
        compose: Callable[[Connections], dict[str, Any]] = shop_and_erp,
        adjust: Callable[[dict[str, Any]], None] = lambda _: None,
    ) -> None:
        self.folder = folder
        self.vendors = vendors
        self.compose = compose
        self.adjust = adjust
        self.file = folder / "deployment.yaml"
        self.boxes: dict[str, str] = {}
        self.gateway = ""
        self._sandboxes: subprocess.Popen[bytes] | None = None
        self.runner: subprocess.Popen[bytes] | None = None
        self.starts = 0

    def start_sandboxes(self) -> None:
        """Start the vendors and write the deployment that speaks to them."""
        log = (self.folder / "sandboxes.log").open("ab")
        wanted = [f"{name}:{connector}" for name, connector in self.vendors.items()]
        self._sandboxes = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "crossdock.testing.sandbox", *wanted, "--with-stdin"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )
        assert self._sandboxes.stdout is not None
        line = self._sandboxes.stdout.readline()
        if not line:
            text = (self.folder / "sandboxes.log").read_text(errors="replace")[-2000:]
            raise UnavailableError(f"the sandboxes did not start: {text}", outcome="failed")
        ready = json.loads(line)
        self.boxes = {name: box["url"] for name, box in ready.items()}
        with contextlib.closing(listen()) as free:
            port = free.getsockname()[1]
        self.gateway = f"http://127.0.0.1:{port}"
        deployment = {
            "crossdock": 1,
            "environment": "demo",
            "bus": {"url": "embedded"},
            "ledger": {"url": "sqlite:///var/ledger.db"},
            "gateway": {"port": port},
            **self.compose({name: box["connection"] for name, box in ready.items()}),
        }
        self.adjust(deployment)
        self.file.write_text(yaml.dump(deployment, Dumper=_Quoting, sort_keys=False))
        self.file.chmod(0o600)

    def start_runner(self) -> None:
        """Start (or start again) `crossdock run` on this site's state."""
        log = (self.folder / "runner.log").open("ab")
        command = [sys.executable, "-m", "crossdock_runner.cli", "run", str(self.file), "-v"]
        self.runner = subprocess.Popen(  # noqa: S603 - ourselves
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        self.starts += 1

    def kill_runner(self) -> None:
        """SIGKILL: no warning, no clean-up."""
        assert self.runner is not None
        self.runner.kill()
        self.runner.wait()

    def stop_runner(self) -> None:
        """SIGTERM: it finishes what is at hand; killed when that takes longer than 30 s."""
        if self.runner is not None and self.runner.poll() is None:
            self.runner.send_signal(signal.SIGTERM)
            try:
                self.runner.wait(30)
            except subprocess.TimeoutExpired:
                self.kill_runner()

    async def ready(self) -> None:
        """Wait until the runner says it is ready. UnavailableError with the end of its log."""
        deadline = time.monotonic() + START_S
        async with Http(name="runner", base_url=self.gateway, timeout_s=2) as http:
            while time.monotonic() < deadline:
                assert self.runner is not None
                if self.runner.poll() is not None:
                    break
                with contextlib.suppress(CrossdockError):
                    await http.get("/health/ready")
                    return
                await asyncio.sleep(0.05)
        text = (self.folder / "runner.log").read_text(errors="replace")[-2000:]
        raise UnavailableError(f"the runner did not become ready: {text}", outcome="failed")

    def stop(self) -> None:
        """End what was started, the runner gently."""
        self.stop_runner()
        if self._sandboxes is not None:
            for pipe in (self._sandboxes.stdin, self._sandboxes.stdout):
                if pipe is not None:
                    pipe.close()
            try:
                self._sandboxes.wait(5)
            except subprocess.TimeoutExpired:
                self._sandboxes.kill()
                self._sandboxes.wait()

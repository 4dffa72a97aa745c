"""Every deployment in docs/examples is good as it stands, and runs against pretended vendors."""

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from crossdock_runner.demo import play
from crossdock_runner.judging import Roles
from crossdock_runner.site import Connections, Site

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "docs/examples").glob("*.yaml"))
SECRET = re.compile(r"\$\{secret:env/([A-Z0-9_]+)\}")
KEPT = {
    "location",
    "locations",
    "channels",
    "tills",
    "till_payments",
    "settlement_journal",
    "settlement_accounts",
}
"""What an example says of a connection that holds for the pretended vendor, too."""
ORDERS = {"shopify": 6, "amazon": 6, "square": 3}


def secrets(text: str) -> dict[str, str]:
    """Something for each secret; those of Standard Webhooks have a form, and must differ."""
    return {
        name: f"whsec_{'ab' if 'WEBHOOK' in name else 'cd'}{'A' * 30}"
        if "DC_EU" in name
        else "secret"
        for name in SECRET.findall(text)
    }


def test_there_are_five_typical_retailers() -> None:
    assert len(EXAMPLES) >= 5
    shown = (ROOT / "docs/examples/README.md").read_text()
    assert {one.name for one in EXAMPLES} == set(re.findall(r"\(([a-z0-9-]+\.yaml)\)", shown))


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda one: one.stem)
def test_it_is_good_as_it_stands(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "crossdock_runner.cli", "check", str(file)],
        env={**os.environ, **secrets(file.read_text())},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def composed(example: dict[str, Any], pretended: Connections) -> dict[str, Any]:
    """The example with the pretended vendors' addresses and secrets."""
    connections = {}
    for name, own in example["connections"].items():
        made = {**pretended[name], **{key: own[key] for key in KEPT & set(own)}}
        if own["connector"] != "square":
            made["poll_every_s"] = 1
        for native in pretended[name].get("locations", {}).values():
            # the pretended shop has one place, which stands for each of the example's
            made["locations"] = dict.fromkeys(own["locations"], native)
        connections[name] = made
    kept = {key: example[key] for key in ("regions", "locations", "domains") if key in example}
    return {"connections": connections, **kept}


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda one: one.stem)
def test_it_runs(file: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """A few orders at every channel: each is in the ERP once, shipped and told."""
    example = yaml.safe_load(file.read_text())

    def adjust(deployment: dict[str, Any]) -> None:
        # so long what left is set aside where the owner has no newer figure; a test has no minutes
        deployment["domains"]["inventory"]["latency"] = "5s"
        if "ledger" in example:
            deployment["ledger"] = {"url": request.getfixturevalue("postgres_database")}

    site = Site(
        tmp_path,
        vendors={name: one["connector"] for name, one in example["connections"].items()},
        compose=lambda pretended: composed(example, pretended),
        adjust=adjust,
    )
    roles = Roles.of(example["domains"])
    sales = {name: ORDERS[example["connections"][name]["connector"]] for name in roles.channels}
    try:
        site.start_sandboxes()
        site.start_runner()
        verdict, _ = asyncio.run(play(site, roles, sales, seed=7))
        log = (tmp_path / "runner.log").read_text(errors="replace")[-3000:]
    finally:
        site.stop()
    assert verdict.complete, f"{verdict}\n{log}"
    assert verdict.total("sold") == sum(sales.values())
    assert verdict.exceptions == verdict.dead_letters == 0

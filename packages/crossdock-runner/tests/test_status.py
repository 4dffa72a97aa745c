"""`crossdock status`: what each connection waits for, told from the ledger alone."""

import json
import subprocess
import sys
from pathlib import Path

import yaml
from crossdock.rates import Ask, Reading
from crossdock_stages.ledger import budgets, open_ledger

DEPLOYMENT = {
    "crossdock": 1,
    "connections": {
        "web": {
            "connector": "shopify",
            "shop": "https://shop.example",
            "access_token": "not-a-real-one",
            "webhook_secret": "not-a-real-one",
        }
    },
}


def status(file: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "crossdock_runner.cli", "status", "-d", str(file), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


async def test_it_says_why_a_connection_waits(tmp_path: Path) -> None:
    file = tmp_path / "deployment.yaml"
    file.write_text(yaml.safe_dump(DEPLOYMENT))
    nothing = status(file)
    assert nothing.returncode == 1
    assert "nothing ran here yet" in nothing.stderr

    refused = Ask(reading=Reading(capacity=40, rate_per_s=2, refused=True, retry_after_s=600))
    async with open_ledger(f"sqlite:///{tmp_path}/var/ledger.db") as ledger:
        await ledger.write(lambda tx: budgets.exchange(tx, "web", "", refused))
        await ledger.write(
            lambda tx: budgets.pause(
                tx, "gone", kind="away", pause_s=30, opened=2, reason="no connection"
            )
        )
    told = json.loads(status(file, "--json").stdout)
    web = told["connections"]["web"]
    assert web["state"] == "waiting"
    assert web["reason"].startswith("rate budget used up until ")
    assert web["budgets"]["default"]["capacity"] == 40
    assert told["connections"]["gone"]["reason"].endswith("no connection")
    assert told["account"]["accepted"] == 0

    shown = status(file).stdout
    assert "web  waiting" in shown
    assert "rate budget used up until " in shown
    assert "of 40 left, 2/s" in shown

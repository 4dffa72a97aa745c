"""The main job, as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.timeout(300)  # a busy machine may need it; 30 s is usual


def crossdock(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crossdock_runner.cli", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=280)


def test_demo_accounts_for_every_order(tmp_path: Path) -> None:
    done = crossdock("demo", "--orders", "60", "--json", "--state", str(tmp_path))
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["orders_sent"] == seen["orders_in_erp"] == 60
    assert seen["lost"] == seen["duplicates_in_erp"] == 0
    assert seen["exceptions"] == seen["dead_letters"] == 0
    assert {name: one["sold"] for name, one in seen["channels"].items()} == {
        "web": 30,
        "amazon": 15,
        "till": 15,
    }
    assert seen["pieces_told"] == seen["pieces_booked"] == seen["pieces_shipped"] > 60
    assert seen["stock_differences"] == seen["wrongly_shipped"] == seen["wrongly_told"] == 0
    assert seen["orders_per_second"] > 0
    assert seen["account_difference"] == 0

    deployment = str(tmp_path / "deployment.yaml")
    told = crossdock("trace", "#1001", "-d", deployment, "--json")
    assert told.returncode == 0, told.stderr
    journey = json.loads(told.stdout)
    whats = [step["what"] for step in journey["steps"]]
    assert any(what.startswith("order.create at erp: done") for what in whats)
    assert any(what.startswith("fulfillment.create at web: done") for what in whats)
    assert journey["waiting"] == journey["open"] == 0

    by_native = next(
        name["native_id"]
        for name in journey["names"]
        if name["connection"] == "web" and name["kind"] == "order"
    )
    again = crossdock("trace", by_native, "-d", deployment)
    assert again.returncode == 0
    assert "#1001" in again.stdout
    assert "all done" in again.stdout

    unknown = crossdock("trace", "nobody", "-d", deployment)
    assert unknown.returncode == 1
    assert "nothing of 'nobody'" in unknown.stderr
    assert unknown.stdout == ""

    checked = crossdock("check", deployment)
    assert checked.returncode == 0
    gone = crossdock("check", deployment, "--live", "--json")
    assert gone.returncode == 1, "the sandboxes are gone, so nobody is there"
    assert {probe["ok"] for probe in json.loads(gone.stdout)["connections"]} == {False}


def test_a_person_reads_a_plain_summary() -> None:
    done = crossdock("demo", "--orders", "3")
    assert done.returncode == 0, done.stderr
    assert "3 orders were sold: 3 at web" in done.stdout
    assert "Every order is accounted for." in done.stdout

"""The command as a person or a script runs it: exit codes, and JSON that is only JSON."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from crossdock_runner import deployment
from crossdock_stages.ledger import landing, open_ledger, things, traffic
from crossdock_stages.ledger.landing import Landed, Translated
from crossdock_stages.ledger.things import Known
from crossdock_stages.ledger.traffic import Seen
from sqlalchemy.engine import Connection

Run = Callable[..., Any]
Write = Callable[[str], Path]


def clean(done: Any, code: int) -> Any:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


class TestCheck:
    def test_a_good_deployment(self, run: Run, good: Path) -> None:
        done = clean(run("check", str(good)), 0)
        assert "good. 2 connections, 1 domains" in done.stdout
        assert json.loads(clean(run("check", str(good), "--json"), 0).stdout)["ok"] is True

    def test_a_bad_one_lists_every_fault_on_stderr(self, run: Run, write: Write) -> None:
        bad = write("crossdock: 1\nconections: {}\nbus: {lanes: NO}\n")
        done = clean(run("check", str(bad)), 1)
        assert done.stdout == ""
        assert f"{bad}:2:1: conections: there is no such key" in done.stderr
        assert "3 to mend" in done.stderr or "to mend" in done.stderr
        document = json.loads(clean(run("check", str(bad), "--json"), 1).stdout)
        assert document["ok"] is False
        assert {"line", "column", "key", "message"} == set(document["faults"][0])

    def test_one_that_is_not_there(self, run: Run) -> None:
        assert "cannot be read" in clean(run("check", "nowhere.yaml"), 1).stderr
        assert json.loads(run("check", "nowhere.yaml", "--json").stdout)["ok"] is False

    @pytest.mark.parametrize(("url", "code"), [("", 0), ("away", 1)])
    def test_live_asks_every_connection(self, run: Run, good: Path, url: str, code: int) -> None:
        good.write_text(good.read_text().replace("acme-erp}", f'acme-erp, url: "{url}"}}'))
        done = clean(run("check", str(good), "--live", "--json"), code)
        probes = {one["connection"]: one for one in json.loads(done.stdout)["connections"]}
        assert probes["web"]["ok"] is True
        assert probes["erp"]["ok"] is (code == 0)
        told = clean(run("check", str(good), "--live"), code).stdout
        assert ("NOT there. the ERP is away" in told) == (code == 1)


class TestConnectors:
    def test_lists_what_is_installed(self, run: Run) -> None:
        document = json.loads(clean(run("connectors", "--json"), 0).stdout)
        rows = {row["name"]: row for row in document["connectors"]}
        assert rows["acme-shop"]["ports"] == ["Webhooks", "Translates", "Probes"]
        assert rows["acme-erp"]["handles"] == ["order.cancel", "order.create"]
        assert rows["acme-erp"]["plugin"] == "crossdock_acme 1.0"
        assert "acme-shop  Acme" in clean(run("connectors"), 0).stdout

    def test_one_that_cannot_be_loaded_does_not_hide_the_others(self, run: Run, acme: Path) -> None:
        broken = acme / "crossdock_broken-1.0.dist-info"
        broken.mkdir()
        (broken / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: crossdock-broken\nVersion: 1.0\n"
        )
        (broken / "entry_points.txt").write_text("[crossdock]\nbroken = crossdock_is_not_there\n")
        try:
            done = clean(run("connectors", "--json"), 0)
        finally:
            for file in broken.iterdir():
                file.unlink()
            broken.rmdir()
        rows = {row["name"]: row for row in json.loads(done.stdout)["connectors"]}
        assert "ModuleNotFoundError" in rows["broken"]["error"]
        assert rows["acme-shop"]["error"] is None


class TestTranslate:
    def test_events_as_json_and_for_people(self, run: Run, tmp_path: Path) -> None:
        (tmp_path / "order.json").write_text('{"id": 7, "note": "ä"}', encoding="utf-8")
        done = clean(run("translate", "acme-shop", "order.json", "--topic", "order", "--json"), 0)
        (event,) = json.loads(done.stdout)["events"]
        assert event["type"] == "crossdock.order.placed.v1"
        assert event["data"]["note"] == "ä"
        assert event["specversion"] == "1.0"
        unpaid, verdict = event["checks"]
        assert unpaid.startswith("check payment: it would wait: 0 of ")
        assert verdict.endswith("a person would have to look: there is no delivery address")
        shown = clean(run("translate", "acme-shop", "order.json"), 0).stdout
        assert "order.placed  ord_" in shown
        assert f"    {verdict}" in shown

    def test_stdin_is_a_dash(self, run: Run) -> None:
        done = clean(run("translate", "acme-shop", "-", "--json", stdin='{"id": 7}'), 0)
        assert len(json.loads(done.stdout)["events"]) == 1

    def test_what_says_nothing_is_no_failure(self, run: Run) -> None:
        done = clean(run("translate", "acme-shop", "-", "--topic", "ping", "--json", stdin="{}"), 0)
        assert json.loads(done.stdout) == {"events": [], "ignored": "a ping says nothing"}

    @pytest.mark.parametrize(
        "body", ["no json", "[]", "[" * 5_000, '{"id": "\\ud800"}', '{"id": ""}']
    )
    def test_what_cannot_be_read_is_1(self, run: Run, body: str) -> None:
        done = clean(run("translate", "acme-shop", "-", "--json", stdin=body), 1)
        assert json.loads(done.stdout)["error"]
        assert done.stderr

    def test_a_fault_of_the_mapping_is_told_with_its_line(self, run: Run) -> None:
        words = ("translate", "acme-shop", "-", "--topic", "bug")
        told = clean(run(*words, stdin="{}"), 1).stderr
        assert told.startswith("a fault in the mapping of acme-shop: AttributeError: ")
        assert "raw.nothing_of_the_kind" in told
        assert "typer" not in told
        document = json.loads(clean(run(*words, "--json", stdin="{}"), 1).stdout)
        assert "nothing_of_the_kind" in document["error"]

    def test_used_wrongly_is_2(self, run: Run, tmp_path: Path) -> None:
        assert "no file" in clean(run("translate", "acme-shop", "none.json"), 2).stderr
        (tmp_path / "f").write_text("{}")
        assert (
            "Name=Value" in clean(run("translate", "acme-shop", "f", "--header", "odd"), 2).stderr
        )
        clean(run("translate"), 2)
        clean(run("no-such-command"), 2)

    def test_an_unknown_connector_is_1(self, run: Run) -> None:
        assert "did you mean" in clean(run("translate", "acme-shp", "-", stdin="{}"), 1).stderr


class TestTrace:
    def fill(self, good: Path) -> None:
        row = Landed(
            id="lnd_1",
            connection="web",
            topic="order",
            entity_key="7",
            delivery_id="d-7",
            road="webhook",
            headers={},
            body=b"{}",
            received_at=1.0,
        )

        def work(tx: Connection) -> None:
            landing.land(tx, [row])
            said = Translated(landing_id="lnd_1", state="translated", events=("evt_7",))
            landing.mark_translated(tx, [said])
            things.remember(
                tx,
                [
                    Known(
                        id="ord_7",
                        kind="order",
                        connection="web",
                        native_id="7",
                        revision="1",
                        digest="d",
                        label="#1007",
                    )
                ],
                1.0,
            )
            seen = Seen(
                event_id="evt_7",
                type="order.placed",
                entity_id="ord_7",
                entity_key="ord_7",
                connection="web",
                revision="1",
                landing_id="lnd_1",
                outcome="applied",
                reason="to be created at erp",
                at=2.0,
            )
            traffic.add_seen(tx, [seen])

        async def write() -> None:
            async with open_ledger(deployment.load(good).ledger_url) as ledger:
                await ledger.write(work)

        asyncio.run(write())

    def test_tells_the_journey(self, run: Run, good: Path) -> None:
        self.fill(good)
        done = clean(run("trace", "1007", "-d", str(good), "--json"), 0)
        document = json.loads(done.stdout)
        assert document["found"] is True
        assert document["entity_ids"] == ["ord_7"]
        assert [step["stage"] for step in document["steps"]] == ["intake", "decide"]
        told = clean(run("trace", "d-7", "-d", str(good)), 0).stdout
        assert "#1007" in told
        assert "to be created at erp" in told
        assert "all done" in told

    @pytest.mark.parametrize("reference", ["nothing", "%", "' OR 1=1 --", "ä👍"])
    def test_what_is_not_known_is_1(self, run: Run, good: Path, reference: str) -> None:
        none = clean(run("trace", reference, "-d", str(good), "--json"), 1)
        assert "there is no ledger" in json.loads(none.stdout)["error"]
        asyncio.run(_made(deployment.load(good).ledger_url))
        done = clean(run("trace", reference, "-d", str(good), "--json"), 1)
        assert json.loads(done.stdout) == {"reference": reference, "found": False}

    def test_a_broken_deployment_is_1(self, run: Run, write: Write) -> None:
        done = clean(run("trace", "x", "-d", str(write("crossdock: 9\n"))), 1)
        assert "allowed: 1" in done.stderr
        assert done.stdout == ""


async def _made(url: str) -> None:
    async with open_ledger(url):
        pass


def test_run_refuses_a_broken_deployment(run: Run, write: Write) -> None:
    assert "is missing" in clean(run("run", str(write("crossdock: 1\n"))), 1).stderr


def test_a_command_of_its_own_process(acme: Path, good: Path) -> None:
    command = [sys.executable, "-m", "crossdock_runner.cli", "check", str(good), "--json"]
    env = {**os.environ, "PYTHONPATH": str(acme)}
    done = clean(subprocess.run(command, capture_output=True, text=True, env=env), 0)
    assert json.loads(done.stdout)["ok"] is True


def test_help_is_0_and_names_every_command() -> None:
    command = [sys.executable, "-m", "crossdock_runner.cli", "--help"]
    done = clean(subprocess.run(command, capture_output=True, text=True), 0)
    for command in ("demo", "run", "check", "translate", "connectors", "trace"):
        assert command in done.stdout


def test_version_is_that_of_the_package() -> None:
    command = [sys.executable, "-m", "crossdock_runner.cli", "--version"]
    done = clean(subprocess.run(command, capture_output=True, text=True), 0)
    assert done.stdout == f"crossdock {version('crossdock-runner')}\n"


@pytest.mark.parametrize("part", ["gateway", "stages"])
def test_parts_of_a_deployment_cannot_share_an_embedded_bus(
    run: Run, good: Path, part: str
) -> None:
    done = run("run", str(good), "--only", part)
    assert done.returncode == 1
    assert f"--only {part} with bus.url embedded" in done.stderr
    assert "nats://host:4222" in done.stderr

"""The desk from the command line."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from crossdock_runner import deployment
from crossdock_stages.ledger import desk, open_ledger
from crossdock_stages.ledger.desk import Stuck


def _bury(file: Path, *stuck: Stuck) -> None:
    async def work() -> None:
        async with open_ledger(deployment.load(file).ledger_url) as ledger:
            await ledger.write(lambda tx: desk.bury(tx, stuck, 1000.0))

    asyncio.run(work())


def _dead(stage: str, address: str) -> Stuck:
    return Stuck(
        stage=stage,
        message_id=f"of {stage}",
        connection="web",
        entity_key="order:1",
        address=address,
        headers={},
        body=b"{}",
        code="contract",
        reason="unreadable",
    )


def test_all_means_all_that_can_be_tried_again(run: Callable[..., Any], good: Path) -> None:
    _bury(good, _dead("intake", ""), _dead("decide", "xd.events.order.placed.0"))
    done = run("dead", "retry", "--all", "-d", str(good), "--json")
    assert done.returncode == 0, done.stderr
    assert [case["stage"] for case in json.loads(done.stdout)["cases"]] == ["decide"]
    assert "1 cannot be tried again" in done.stderr
    left = json.loads(run("dead", "-d", str(good), "--json").stdout)["cases"]
    assert [case["stage"] for case in left] == ["intake"]
    assert run("dead", "retry", left[0]["id"], "-d", str(good)).returncode == 1


def _order_body(total: str) -> bytes:
    return json.dumps({"totals": {"total": {"amount": total, "currency": "EUR"}}}).encode()


def _open(file: Path) -> None:
    cases = [
        ("connection", "auth:erp", "auth", "critical", b""),
        ("deliver:x", "cmd_1", "rejected", "warning", _order_body("10.00")),
        ("deliver:x", "cmd_2", "rejected", "error", _order_body("99.00")),
    ]

    async def work() -> None:
        async with open_ledger(deployment.load(file).ledger_url) as ledger:
            rows = [
                (
                    Stuck(
                        stage=stage,
                        message_id=message,
                        connection="erp",
                        entity_key=f"ord_{message}",
                        address="xd.commands.erp.order.create.0",
                        headers={},
                        body=body,
                        code=code,
                        reason="the ERP said no",
                    ),
                    severity,
                    "look",
                )
                for stage, message, code, severity, body in cases
            ]
            await ledger.write(lambda tx: desk.open_exceptions(tx, rows, 1000.0))
            waits = [_dead("deliver:x", "a"), _dead("deliver:x", "b")]
            parked = [
                Stuck(
                    **{
                        **vars(one),
                        "connection": "erp",
                        "entity_key": f"k{n}",
                        "message_id": f"m{n}",
                    }
                )
                for n, one in enumerate(waits)
            ]
            await ledger.write(lambda tx: desk.park(tx, parked, 1000.0))

    asyncio.run(work())


def test_the_worst_comes_first_with_what_hangs_on_it(run: Callable[..., Any], good: Path) -> None:
    _open(good)
    told = json.loads(run("exceptions", "list", "-d", str(good), "--json").stdout)["cases"]
    assert [case["severity"] for case in told] == ["critical", "error", "warning"]
    assert told[0]["impact"]["people"] == 2, "two messages wait for the connection"
    assert told[1]["impact"]["value"] == "99.00 EUR"
    text = run("exceptions", "list", "-d", str(good)).stdout
    assert "2 wait" in text
    assert "99.00 EUR" in text
    only = run("exceptions", "list", "--severity", "warning", "-d", str(good), "--json")
    assert [case["message_id"] for case in json.loads(only.stdout)["cases"]] == ["cmd_1"]
    assert run("exceptions", "list", "--severity", "bad", "-d", str(good)).returncode == 2


def test_what_people_did_is_kept(run: Callable[..., Any], good: Path) -> None:
    _open(good)
    done = run("exceptions", "assign", "--all", "--owner", "anna", "-d", str(good), "--json")
    cases = json.loads(done.stdout)["cases"]
    assert len(cases) == 3
    mine = run("exceptions", "list", "--owner", "anna", "-d", str(good), "--json")
    assert len(json.loads(mine.stdout)["cases"]) == 3
    assert (
        json.loads(run("exceptions", "list", "--owner", "ben", "-d", str(good), "--json").stdout)[
            "cases"
        ]
        == []
    )
    one = cases[0]["id"]
    run("exceptions", "resolve", one, "--reason", "renewed the key", "-d", str(good))
    shown = run("exceptions", "show", one, "-d", str(good), "--json")
    (seen,) = json.loads(shown.stdout)["cases"]
    assert [(act["what"], act["note"]) for act in seen["history"]] == [
        ("assign", "anna"),
        ("resolve", "renewed the key"),
    ]
    assert all(act["who"] for act in seen["history"])
    text = run("exceptions", "show", one, "-d", str(good)).stdout
    assert "resolve: renewed the key" in text


def test_what_was_resolved_can_be_looked_at(run: Callable[..., Any], good: Path) -> None:
    _open(good)
    (case, *_) = json.loads(run("exceptions", "-d", str(good), "--json").stdout)["cases"]
    run("exceptions", "assign", case["id"], "--owner", "anna", "-d", str(good))
    assert "owner       anna" in run("exceptions", "show", case["id"], "-d", str(good)).stdout
    run("exceptions", "resolve", case["id"], "--reason", "renewed", "-d", str(good))
    text = run("exceptions", "list", "--state", "resolved", "-d", str(good)).stdout
    assert "renewed" in text
    assert "1 resolved" in text
    every = run("exceptions", "list", "--state", "all", "-d", str(good), "--json").stdout
    assert len(json.loads(every)["cases"]) == 3
    for wrong in (("list", "--state", "old"), ("resolve", "--all", "--state", "resolved")):
        assert run("exceptions", *wrong, "--reason", "x", "-d", str(good)).returncode == 2


def test_a_case_that_comes_back_says_so(run: Callable[..., Any], good: Path) -> None:
    _open(good)
    run("exceptions", "resolve", "--all", "--reason", "done", "-d", str(good))
    _open(good)
    shown = json.loads(run("exceptions", "show", "--all", "-d", str(good), "--json").stdout)
    for case in shown["cases"]:
        assert [act["what"] for act in case["history"]] == ["resolve", "open again"]
        assert case["history"][1]["who"] == "crossdock"
        assert case["resolution"] == "", "it is not resolved"

"""`crossdock validate`: files, folders, stdin and JSON Lines of any size."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from crossdock.validation import MAX_DOCUMENT

ROOT = Path(__file__).parents[3]
VALID = ROOT / "canonical/order/v1/examples/valid/minimal.json"
ORDER: dict[str, Any] = json.loads(VALID.read_text(encoding="utf-8"))
LINE = json.dumps(ORDER).encode() + b"\n"
BAD = json.dumps({**ORDER, "number": 7}).encode() + b"\n"


def crossdock(*words: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "crossdock_runner.cli", "validate", *words]
    return subprocess.run(command, input=data, capture_output=True, timeout=100)


def test_files_by_their_place_are_good_or_not() -> None:
    good = crossdock(str(VALID))
    assert (good.returncode, good.stdout) == (0, b"1 documents, 0 with faults\n")
    bad = crossdock(str(VALID.parents[1] / "invalid/country-uk-country.json"))
    assert bad.returncode == 1
    assert b"/billing_address/country" in bad.stdout
    assert b"Write GB" in bad.stdout


def test_all_that_is_published_gets_the_verdict_its_folder_says() -> None:
    run = crossdock("--json", str(ROOT / "canonical"))
    report = json.loads(run.stdout)
    wrong = {Path(entry["document"]) for entry in report["faults"]}
    expected = {
        path
        for folder in ("invalid", "refused")
        for path in (ROOT / "canonical").glob(f"*/v*/examples/{folder}/*.json")
    }
    assert wrong == expected
    assert report["truncated"] is False
    assert run.returncode == 1


def test_the_report_for_machines_has_pointer_expected_found_and_advice() -> None:
    run = crossdock("--json", "--as", "order", "-", data=BAD)
    report = json.loads(run.stdout)
    assert run.returncode == 1
    assert report["faults"][0]["faults"] == [
        {
            "pointer": "/number",
            "rule": "type",
            "expected": "must be text",
            "found": "7",
            "advice": 'write "7"',
        }
    ]


@pytest.mark.parametrize("words", [(), ("--format", "jsonl")])
def test_lines_are_told_by_number(words: tuple[str, ...]) -> None:
    run = crossdock("--as", "order", *words, "-", data=LINE + b"\n" + BAD + LINE)
    assert run.returncode == 1
    assert b"-:3  order/v1\n  /number: must be text" in run.stdout
    assert run.stdout.endswith(b"3 documents, 1 with faults\n")


def test_a_pretty_document_is_one_document() -> None:
    data = json.dumps(ORDER, indent=2).encode()
    run = crossdock("--as", "order", "-", data=data)
    assert (run.returncode, run.stdout) == (0, b"1 documents, 0 with faults\n")


def test_a_line_without_end_is_refused_and_the_next_is_read() -> None:
    long = b'{"number":"' + b"x" * (2 * MAX_DOCUMENT) + b'"}\n'
    run = crossdock("--as", "order", "--format", "jsonl", "-", data=long + BAD + LINE)
    assert run.stdout.count(b"has more than 4194304 bytes") == 1
    assert b"-:2  order/v1\n  /number" in run.stdout
    assert run.stdout.endswith(b"3 documents, 2 with faults\n")


def test_events_bring_their_schema(tmp_path: Path) -> None:
    event = {
        "specversion": "1.0",
        "id": "1",
        "source": "s",
        "type": "crossdock.order.placed.v1",
        "data": {**ORDER, "currency": "UK"},
    }
    file = tmp_path / "events.ndjson"
    file.write_bytes(json.dumps(event).encode() + b"\n")
    run = crossdock(str(file))
    assert run.returncode == 1
    assert b"/data/currency" in run.stdout


def test_ones_own_schema(tmp_path: Path) -> None:
    schema = tmp_path / "loyalty.json"
    schema.write_text('{"type": "object", "required": ["points"]}')
    assert crossdock("--schema", str(schema), "-", data=b'{"points": 3}').returncode == 0
    assert crossdock("--schema", str(schema), "-", data=b"{}").returncode == 1
    schema.write_text('{"$ref": "#"}')
    circle = crossdock("--schema", str(schema), "-", data=b"{}")
    assert circle.returncode == 2
    assert b"must come to an end" in circle.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere.json"], b"there is no file nowhere.json"),
        (["--as", "ordre", "-"], b"there is no schema 'ordre'"),
        (["--profile", "reader", "-"], b"write producer or consumer"),
        (["--format", "xml", "-"], b"write auto, json, jsonl"),
        (["--as", "order", "--schema", "x", "-"], b"exclude each other"),
        (["-"], b"--as order/v1"),
    ],
)
def test_used_wrongly_is_two(words: list[str], said: bytes) -> None:
    run = crossdock(*words, data=LINE)
    assert run.returncode == 2
    assert said in run.stderr
    assert run.stdout == b""


_MEASURE = """
import resource, sys
from crossdock_runner.cli import app
try:
    app(["validate", "--as", "order", "--format", "jsonl", "-"])
except SystemExit as end:
    code = end.code
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(code, peak * (1 if sys.platform == "darwin" else 1024), file=sys.stderr)
"""


def _peak(megabytes: int) -> int:
    """Peak memory, in bytes, of reading so many megabytes; one line in fifty is wrong."""
    lines = (LINE * 49 + BAD) * 20
    env = {**os.environ, "PYTHONIOENCODING": "utf-8"}
    with subprocess.Popen(
        [sys.executable, "-c", _MEASURE],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=env,
    ) as run:
        assert run.stdin is not None
        assert run.stderr is not None
        for _ in range(megabytes * 2**20 // len(lines)):
            run.stdin.write(lines)
        run.stdin.close()
        code, peak = run.stderr.read().split()
    assert code == b"1"
    return int(peak)


def test_memory_does_not_grow_with_the_stream() -> None:
    """50 MB need no more than 1 MB does, give or take 8 MB (300 MB: docs/guides/partners.md)."""
    assert _peak(50) - _peak(1) < 8 * 2**20

"""`crossdock bench`: its document has every figure, and its picture shows every goal."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from crossdock.errors import ConfigError
from crossdock_runner.bench import command, markdown
from crossdock_runner.bench.chart import draw
from crossdock_runner.bench.command import benches, run_bench
from crossdock_runner.bench.measure import Absent, Goal, Row, Sample


def test_one_cheap_row_as_json(tmp_path: Path) -> None:
    chart, page = tmp_path / "chart.svg", tmp_path / "page.md"
    page.write_text(f"before\n{markdown.BEGIN}\nold\n{markdown.END}\nafter\n")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "crossdock_runner.cli", "bench", "--json", "--quick"),
            *("--only", "start", "--chart", str(chart), "--page", str(page)),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    document = json.loads(done.stdout)
    assert document["machine"]["cores"] == os.cpu_count()
    assert {"python", "versions", "drift", "load_before"} <= document["machine"].keys()
    (row,) = document["rows"]
    assert row["name"] == "start"
    for case in row["cases"].values():
        assert {"per_s", "us", "cpu_us", "server_cpu_us", "rss_mb"} <= case["figures"].keys()
        assert {"median", "spread"} == case["figures"]["cpu_us"].keys()
    ratio = row["goals"][1]
    assert ratio["versus"] == "python"
    assert ratio["lowest"] <= ratio["value"] <= ratio["highest"]
    assert ratio["reached"] == (ratio["value"] <= ratio["bound"])
    ElementTree.fromstring(chart.read_text())
    text = page.read_text()
    assert text.startswith(f"before\n{markdown.BEGIN}\n")
    assert text.endswith(f"{markdown.END}\nafter\n")
    assert "old" not in text
    shown = row["cases"]["ours"]["figures"]["per_s"]["median"]
    assert f"| start | crossdock --help | {markdown._number(shown)} starts/s |" in text
    assert f": {ratio['value']:g} ({ratio['lowest']:g} to {ratio['highest']:g})" in text


def test_a_page_without_marks_is_left_as_it_is(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    for text in ("no marks", markdown.BEGIN, markdown.END):
        page.write_text(text)
        with pytest.raises(ConfigError, match="to write between"):
            markdown.write_into(page, {})
        assert page.read_text() == text
    with pytest.raises(ConfigError, match="cannot be read"):
        markdown.write_into(tmp_path / "none.md", {})


def test_every_row_of_the_bench_is_whole() -> None:
    rows = {name: bench.row for name, bench in benches().items()}
    assert {"publish", "pull", "stage", "gateway", "line", "burst", "neighbours"} <= set(rows)
    for row in rows.values():
        assert "ours" in row.cases
        assert {goal.case for goal in row.goals} <= set(row.cases)
        assert {goal.versus for goal in row.goals if goal.versus} <= set(row.cases)


def test_an_unknown_row_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="no row 'speed'; there are: publish, pull"):
        run_bench(only=["speed"], rounds=1, quick=True, as_json=True, chart=None)


class Fixed:
    """A row whose figures are known: ours takes 2 µs a thing, theirs 1 µs; a third is absent."""

    row = Row(
        name="fixed",
        meaning="A row that is known",
        unit="things/s",
        cases={"ours": "us", "theirs": "them", "gone": "nobody", "limit": "whoever does the least"},
        goals=(
            Goal(text="of theirs", case="ours", figure="per_s", versus="theirs", at_least=0.45),
            Goal(text="× theirs", case="ours", figure="cpu_us", versus="theirs", at_most=1.5),
            Goal(text="of nobody", case="ours", figure="per_s", versus="gone", at_least=1.0),
        ),
    )

    def open(self, *, quick: bool) -> "Fixed":
        return self

    def __enter__(self) -> "Fixed":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def __call__(self, case: str) -> Sample:
        if case == "gone":
            raise Absent("pip install nobody")
        seconds = {"ours": 2e-6, "theirs": 1e-6, "limit": 1.6e-6}[case]
        return Sample(count=1, seconds=seconds, cpu_s=seconds, rss_mb=10.0)


def test_ratios_are_taken_round_by_round(capsys: pytest.CaptureFixture[str]) -> None:
    row = command.measure(Fixed(), 3, quick=True)
    half, twice, absent = row["goals"]
    assert (half["value"], half["reached"]) == (0.5, True)
    assert (twice["value"], twice["reached"]) == (2.0, False)
    assert absent["absent"] == "pip install nobody"
    assert row["cases"]["gone"]["absent"] == "pip install nobody"
    command.tell(row)
    shown = capsys.readouterr().out
    assert "✓ ours: 0.5 of theirs (0.5 to 0.5; wanted ≥ 0.45)" in shown
    assert "✗ ours: 2 × theirs" in shown
    machine = {"cores": 2, "processor": "a < b", "python": "3.11"}
    picture = draw({"rows": [row], "machine": machine, "measured_at": "2026-11-23"})
    assert len(ElementTree.fromstring(picture).findall(".//{*}rect")) == 3


def test_the_page_tells_what_the_least_that_anybody_must_do_comes_to() -> None:
    row = command.measure(Fixed(), 3, quick=True)
    told = list(markdown._limits({"rows": [row]}))
    assert told[2:] == ["| fixed | of theirs, ≥ 0.45 | 0.625 |"]
    del row["cases"]["limit"]
    assert not list(markdown._limits({"rows": [row]}))


def test_the_page_tells_what_is_left_for_the_runner() -> None:
    figures = {"cpu_us": 2000, "bus_cpu_us": 500, "server_cpu_us": 900, "load_cpu_us": 100}
    case = {"figures": {name: {"median": cost} for name, cost in figures.items()}}
    document = {"rows": [{"name": "line", "cases": {"ours": case}}], "machine": {"cores": 2}}
    *_, everything, others = markdown._whole(document)
    assert "at most 571 orders/s | 3,500 |" in everything
    assert "all but the runner: 1,333 orders/s, were it for nothing | 1,500 |" in others

"""The command: measure the rows that were asked for, in turn, and tell what they came to."""

import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

from crossdock.errors import ConfigError

from crossdock_runner.bench.measure import (
    Absent,
    Bench,
    Goal,
    Sample,
    machine,
    median,
    noise,
    spread,
)
from crossdock_runner.output import complain, print_json, say

MODULES = (
    "bus",
    "canonical",
    "ledger",
    "gateway",
    "stream",
    "line",
    "burst",
    "neighbours",
    "steps",
    "start",
    "batch",
)


def benches() -> dict[str, Bench]:
    """Every row by name, in the order of the table."""
    return {
        bench.row.name: bench
        for module in MODULES
        for bench in import_module(f"crossdock_runner.bench.{module}").BENCHES
    }


def run_bench(
    *,
    only: Sequence[str],
    rounds: int | None,
    quick: bool,
    as_json: bool,
    chart: Path | None,
    page: Path | None = None,
) -> int:
    """Exit code 0 when everything asked for was measured, whether or not it reached its goal."""
    known = benches()
    unknown = [name for name in only if name not in known]
    if unknown:
        raise ConfigError(f"no row {unknown[0]!r}; there are: {', '.join(known)}")
    chosen = [bench for name, bench in known.items() if not only or name in only]
    document: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": " ".join(["crossdock", *sys.argv[1:]]),
        "quick": quick,
        "machine": machine(),
        "rows": [],
    }
    started = time.perf_counter()
    noises = [noise()]
    failed = False
    for bench in chosen:
        default = 1 if quick else bench.row.rounds
        try:
            row = measure(bench, rounds or default, quick=quick)
        except Exception as error:  # noqa: BLE001 - the other rows are still worth having
            failed = True
            row = {"name": bench.row.name, "meaning": bench.row.meaning, "failed": str(error)}
        document["rows"].append(row)
        noises.append(noise())
        if not as_json:
            tell(row)
    document["machine"]["drift"] = round(spread(noises), 3)
    document["took_s"] = round(time.perf_counter() - started, 1)
    if as_json:
        print_json(document)
    if chart is not None:
        from crossdock_runner.bench.chart import draw

        chart.write_text(draw(document))
        complain(f"the chart is in {chart}")
    if page is not None:
        from crossdock_runner.bench.markdown import write_into

        write_into(page, document)
        complain(f"the tables are in {page}")
    return 1 if failed else 0


def measure(bench: Bench, rounds: int, *, quick: bool) -> dict[str, Any]:
    """Every case once in each round, in turn, so that the machine's drift hits all alike."""
    row = bench.row
    samples: dict[str, list[Sample]] = {name: [] for name in row.cases}
    absent: dict[str, str] = {}
    started = time.perf_counter()
    with bench.open(quick=quick) as measure_case:
        for _ in range(rounds):
            for name in row.cases:
                if name in absent:
                    continue
                try:
                    samples[name].append(measure_case(name))
                except Absent as reason:
                    absent[name] = str(reason)
    figures = {
        name: [sample.figures() for sample in taken] for name, taken in samples.items() if taken
    }
    return {
        "name": row.name,
        "meaning": row.meaning,
        "unit": row.unit,
        "shown": row.shown,
        "rounds": rounds,
        "took_s": round(time.perf_counter() - started, 1),
        "cases": {
            name: {
                "what": row.cases[name],
                "figures": {
                    figure: {
                        "median": _round(median([one[figure] for one in taken])),
                        "spread": round(spread([one[figure] for one in taken]), 3),
                    }
                    for figure in taken[0]
                },
            }
            for name, taken in figures.items()
        }
        | {name: {"what": row.cases[name], "absent": reason} for name, reason in absent.items()},
        "goals": [_judge(goal, figures, absent) for goal in row.goals],
    }


def _judge(
    goal: Goal, figures: Mapping[str, Sequence[Mapping[str, float]]], absent: Mapping[str, str]
) -> dict[str, Any]:
    """The median over the rounds of this figure, or of its ratio to the yardstick's, and so on."""
    bound = goal.at_least if goal.at_least is not None else goal.at_most
    told: dict[str, Any] = {
        "text": goal.text,
        "case": goal.case,
        "versus": goal.versus or None,
        "figure": goal.figure,
        "wanted": f"{'≥' if goal.at_least is not None else '≤'} {bound:g}",
        "bound": bound,
        "higher_is_better": goal.at_least is not None,
    }
    missing = [name for name in (goal.case, goal.versus) if name and name not in figures]
    if missing:
        return told | {"absent": "; ".join(absent.get(name, "not measured") for name in missing)}
    values = [one[goal.figure] for one in figures[goal.case]]
    if goal.versus:
        other = [one[goal.versus_figure or goal.figure] for one in figures[goal.versus]]
        values = [a / b for a, b in zip(values, other, strict=True) if b]
    middle = statistics.median(values)
    reached = middle >= bound if goal.at_least is not None else middle <= bound  # type: ignore[operator]
    return told | {
        "value": _round(middle),
        "lowest": _round(min(values)),
        "highest": _round(max(values)),
        "spread": round(spread(values), 3),
        "reached": reached,
    }


def tell(row: Mapping[str, Any]) -> None:
    """One row for a person."""
    say(f"{row['name']}: {row['meaning']}")
    if "failed" in row:
        say(f"    could not be measured: {row['failed']}")
        say()
        return
    lines = [("", "median", "spread", "cpu µs", "server µs", "MB")]
    for case in row["cases"].values():
        if "absent" in case:
            lines.append((case["what"], case["absent"], "", "", "", ""))
            continue
        figures = case["figures"]
        shown, unit = _shown(row, figures)
        lines.append(
            (
                case["what"],
                f"{_short(shown['median'])} {unit}",
                f"{shown['spread']:.0%}",
                _short(figures["cpu_us"]["median"]),
                _short(figures["server_cpu_us"]["median"]),
                _short(figures["rss_mb"]["median"]),
            )
        )
    widths = [max(len(line[at]) for line in lines) for at in range(6)]
    for line in lines:
        cells = [line[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
        say("    " + "  ".join(cells).rstrip())
    for goal in row["goals"]:
        if "absent" in goal:
            say(f"  – {goal['case']} {goal['text']}: {goal['absent']}")
            continue
        mark = "✓" if goal["reached"] else "✗"
        say(
            f"  {mark} {goal['case']}: {goal['value']:g} {goal['text']} "
            f"({goal['lowest']:g} to {goal['highest']:g}; wanted {goal['wanted']})"
        )
    say()


def _shown(row: Mapping[str, Any], figures: Mapping[str, Any]) -> tuple[Mapping[str, float], str]:
    units = {"cpu_us": "µs CPU", "ms": "ms", "us": "µs", "p99_ms": "ms at p99"}
    unit = units.get(row["shown"], row["unit"])
    return figures[row["shown"]], unit


def _short(value: float) -> str:
    if not value:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _round(value: float) -> float:
    return float(f"{value:.4g}")

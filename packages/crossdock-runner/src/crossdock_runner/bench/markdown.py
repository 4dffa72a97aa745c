"""The document of `--json` as the tables of a page, so that no figure is typed by hand."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from crossdock.errors import ConfigError

BEGIN, END = "<!-- figures: written by crossdock bench --page -->", "<!-- end of the figures -->"


def write_into(page: Path, document: Mapping[str, Any]) -> None:
    """Replace what stands between the page's two marks. ConfigError where they are missing."""
    try:
        text = page.read_text()
    except OSError as error:
        raise ConfigError(f"the page {page} cannot be read: {error.strerror}") from error
    head, found, rest = text.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not found or not ended:
        raise ConfigError(f"the page {page} has no lines {BEGIN!r} and {END!r} to write between")
    page.write_text(f"{head}{BEGIN}\n\n{tables(document)}\n{END}{tail}")


def tables(document: Mapping[str, Any]) -> str:
    """Where and when, what was reached, and every case."""
    parts = (_where, _goals, _limits, _cases, _steps, _whole)
    return "\n".join("\n".join([*part(document), ""]) for part in parts)


def _where(document: Mapping[str, Any]) -> Iterator[str]:
    machine = document["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    yield f"`{document['command']}`, begun {document['measured_at']}, {document['took_s']:.0f} s:"
    yield (
        f"{machine['cores']} cores ({machine['processor']}), {machine['system']}, "
        f"Python {machine['python']}; {versions}."
    )
    yield (
        f"Load average before: {machine['load_before']:g}. The speed of a fixed piece of Python "
        f"spread by {machine['drift']:.0%} of its median from row to row."
    )


def _goals(document: Mapping[str, Any]) -> Iterator[str]:
    yield "| row | goal | reached | rounds | spread |"
    yield "|---|---|---|---|---|"
    for row in document["rows"]:
        if "failed" in row:
            yield f"| {row['name']} | – | could not be measured: {_flat(row['failed'])} | | |"
            continue
        for goal in row["goals"]:
            what = f"{goal['case']}: {goal['text']}, {goal['wanted']}"
            if "absent" in goal:
                yield f"| {row['name']} | {what} | not measured: {_flat(goal['absent'])} | | |"
                continue
            verdict = "yes" if goal["reached"] else "**no**"
            yield (
                f"| {row['name']} | {what} | {verdict}: {goal['value']:g} "
                f"({goal['lowest']:g} to {goal['highest']:g}) | {row['rounds']} | "
                f"{goal['spread']:.0%} |"
            )


def _limits(document: Mapping[str, Any]) -> Iterator[str]:
    """What a row's case `limit`, which does the least that anybody must, comes to itself."""
    lines = []
    for row in document["rows"]:
        for goal in row.get("goals", ()):
            figures = _figures(document, row["name"], goal["figure"])
            other = figures.get(goal["versus"] or "")
            if "limit" in figures and other and goal["figure"] in {"per_s", "rss_mb"}:
                most = f"{figures['limit'] / other:.3g}"
                lines.append(f"| {row['name']} | {goal['text']}, {goal['wanted']} | {most} |")
    if lines:
        yield "| row | goal | its case *limit* |"
        yield "|---|---|---|"
        yield from lines


def _cases(document: Mapping[str, Any]) -> Iterator[str]:
    yield "| row | case | rate | spread | CPU µs | server CPU µs | p50 ms | p99 ms | MB |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in document["rows"]:
        for case in row.get("cases", {}).values():
            if "absent" in case:
                yield f"| {row['name']} | {case['what']} | {case['absent']} | | | | | | |"
                continue
            figures = case["figures"]
            rate = figures["per_s"]
            cells = [f"{_number(rate['median'])} {row['unit']}", f"{rate['spread']:.0%}"]
            cells += [
                _number(figures[name]["median"]) if name in figures else "–"
                for name in ("cpu_us", "server_cpu_us", "p50_ms", "p99_ms", "rss_mb")
            ]
            yield f"| {row['name']} | {case['what']} | {' | '.join(cells)} |"


def _steps(document: Mapping[str, Any]) -> Iterator[str]:
    """What each step of the runner costs, and what of it is reading, writing and the ledger."""
    cpu = _figures(document, "steps", "cpu_us")
    ledger = _figures(document, "steps", "server_cpu_us")
    if not cpu:
        return
    parse = _figures(document, "parse", "cpu_us")
    translate = _figures(document, "translate", "cpu_us")
    read, write = parse.get("ours"), parse.get("ours-dump")
    models = {
        "translate": translate.get("ours"),
        "decide": read and write and read + write,
        "deliver": read,
        "decide-submitted": read,
    }
    yield "| one order in the runner | CPU µs | of it the ledger's threads | canonical language |"
    yield "|---|---|---|---|"
    for case in cpu:
        model = models.get(case)
        cells = [cpu[case], ledger[case]]
        shown = [_number(cell) for cell in cells] + [_number(model) if model else "–"]
        name = "all of it" if case == "ours" else case
        yield f"| {name} | {' | '.join(shown)} |"


def _whole(document: Mapping[str, Any]) -> Iterator[str]:
    """What one order costs in every process, and what the cores can then do at most."""
    costs = {
        what: _figures(document, "line", figure).get("ours", 0.0)
        for what, figure in (
            ("runner", "cpu_us"),
            ("nats-server", "bus_cpu_us"),
            ("both sandboxes", "server_cpu_us"),
            ("load generator", "load_cpu_us"),
        )
    }
    whole = sum(costs.values())
    if not whole:
        return
    cores = document["machine"]["cores"]
    yield "| one order on the whole line | CPU µs | share |"
    yield "|---|---|---|"
    for what, cost in costs.items():
        yield f"| {what} | {_number(cost)} | {cost / whole:.0%} |"
    most = f"{cores * 1e6 / whole:,.0f} orders/s"
    yield f"| all, so {cores} cores can do at most {most} | {_number(whole)} | |"
    others = whole - costs["runner"]
    if others:
        most = f"{cores * 1e6 / others:,.0f} orders/s"
        yield f"| all but the runner: {most}, were it for nothing | {_number(others)} | |"


def _figures(document: Mapping[str, Any], row: str, figure: str) -> dict[str, float]:
    """A figure's median of every case of a row that was measured."""
    for one in document["rows"]:
        if one["name"] == row:
            return {
                name: case["figures"][figure]["median"]
                for name, case in one.get("cases", {}).items()
                if figure in case.get("figures", {})
            }
    return {}


def _number(value: float) -> str:
    if not value:
        return "–"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _flat(text: str) -> str:
    return " ".join(text.split()).replace("|", "/")[:200]

"""The tiers that README and reference show are those that the kit computed."""

import re
from pathlib import Path

import pytest
from crossdock.testing.conformance import TIERS, checks, chosen
from crossdock.testing.conformance.__main__ import subject_of
from crossdock.testing.conformance.quality import read

ROOT = Path(__file__).parents[2]
CONNECTORS = sorted(one.parents[1] for one in ROOT.glob("connectors/*/tests/test_conformance.py"))


def _block(file: Path) -> str:
    found = re.search(
        r"<!-- generated: quality -->\n(.*?)<!-- end -->", file.read_text(), re.DOTALL
    )
    assert found, f"{file.name} has no block <!-- generated: quality --> … <!-- end -->"
    return found[1]


def tiers_table() -> str:
    """For the README: what each quality.yaml records."""
    rows = ["| connector | tier | checks passed | known gaps |", "|---|---|---|---|"]
    for folder in CONNECTORS:
        quality = read(folder)
        assert quality is not None, f"{folder.name} has no quality.yaml"
        states = list(quality.states.values())
        rows.append(
            f"| [{quality.connector}](connectors/{folder.name}/README.md) "
            f"| {quality.tier or 'not yet'} | {states.count('passed')} | {states.count('gap')} |"
        )
    return "\n".join(rows) + "\n"


def checks_table() -> str:
    """For the reference: every check, by tier."""
    lines = []
    for tier in TIERS:
        lines += [f"### {tier}", "", "| check | why |", "|---|---|"]
        lines += [f"| `{one.id}` | {one.why} |" for one in checks().values() if one.tier == tier]
        lines.append("")
    return "\n".join(lines)


def test_the_readme_shows_what_was_computed() -> None:
    assert _block(ROOT / "README.md") == tiers_table()


def test_the_reference_lists_every_check() -> None:
    assert _block(ROOT / "docs/reference/quality.md").strip() == checks_table().strip()


@pytest.mark.parametrize("folder", CONNECTORS, ids=lambda folder: folder.name)
def test_quality_yaml_records_every_chosen_check(folder: Path) -> None:
    """And the tier in it follows from its lines; each line is held by the connector's own test."""
    quality = read(folder)
    assert quality is not None
    subject = subject_of(folder)
    assert set(quality.states) == {one.id for one in chosen(subject.features)}
    assert {id_ for id_, state in quality.states.items() if state == "gap"} == set(subject.gaps)
    text = next(folder.glob("src/*/quality.yaml")).read_text()
    assert f"\ntier: {quality.tier or 'none'}\n" in text

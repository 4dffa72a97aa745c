"""Is it told, to the people who will run it, what the connector needs and what it does?"""

import tomllib
from pathlib import Path

from crossdock.testing.conformance.bench import Case
from crossdock.testing.conformance.kit import Failed, NotForThis, check


def _home(case: Case) -> Path:
    home = case.subject.home
    if home is None:
        raise Failed("Subject.home is not set", "write home=Path(__file__).parents[1]")
    return home


def _readme(case: Case) -> str:
    file = _home(case) / "README.md"
    if not file.is_file():
        raise Failed("there is no README.md", "write one")
    return file.read_text("utf-8")


@check("docs.readme-shows-a-connection", "bronze")
def shows(case: Case) -> None:
    """An integrator copies the YAML first and reads afterwards."""
    text = _readme(case)
    if f"connector: {case.name}" not in text:
        raise Failed(
            f"README.md shows no `connector: {case.name}`", "show a connection as it is written"
        )


@check("docs.every-option-is-told", "silver")
def options(case: Case) -> None:
    """Each key of the config stands in the README."""
    text = _readme(case)
    silent = [name for name in case.connector.config.model_fields if name not in text]
    if silent:
        raise Failed(f"README.md is silent about {', '.join(silent)}", "add them to its table")


@check("docs.every-command-is-told", "silver", wants=lambda f: f.applies)
def commands(case: Case) -> None:
    """What it can be asked to do stands in the README."""
    text = _readme(case)
    silent = [name for name in sorted(case.connector.handles) if name not in text]
    if silent:
        raise Failed(f"README.md is silent about {', '.join(silent)}", "say what each one does")


@check("docs.every-event-is-told", "silver")
def events(case: Case) -> None:
    """What it tells, and from which of the vendor's words, stands in the README."""
    text = _readme(case)
    said = {name for sample in case.subject.samples for name in sample.says}
    silent = [name for name in sorted(said) if name not in text]
    if silent:
        raise Failed(f"README.md is silent about {', '.join(silent)}", "say what each one means")


@check("docs.limits-are-told", "gold")
def limits(case: Case) -> None:
    """What it cannot do is told before somebody relies on it."""
    words = ("cannot", "not yet", "known gaps", "limits", "does not")
    if not any(word in _readme(case).lower() for word in words):
        raise Failed("README.md tells no limit", "add a section on what it cannot do")


@check("docs.nothing-is-left-to-fill-in", "silver")
def filled_in(case: Case) -> None:
    """The template says FILL IN where only the author knows; what is left is the template's."""
    home = _home(case)
    files = [home / "README.md", *sorted(home.glob("src/**/*.py")), *home.glob("tests/**/*.md")]
    left = [
        str(file.relative_to(home))
        for file in files
        if file.is_file() and "FILL IN" in file.read_text("utf-8")
    ]
    if left:
        raise Failed(f"FILL IN is left in {', '.join(left)}", "fill it in, and take the words out")


@check("docs.samples-have-an-origin", "gold")
def origin(case: Case) -> None:
    """Payloads that were invented test our own imagination."""
    home = _home(case)
    files = [path for path in home.rglob("ORIGIN.md") if ".venv" not in path.parts]
    if not files:
        raise Failed(
            "no ORIGIN.md says where the samples are from",
            "record real payloads or take the vendor's own, and say from where, under what licence",
        )


@check("docs.changes-are-told", "gold")
def changelog(case: Case) -> None:
    """An integrator sees what an update brings."""
    if not (_home(case) / "CHANGELOG.md").is_file():
        raise Failed("there is no CHANGELOG.md", "write one")


@check("docs.package-is-described", "silver")
def described(case: Case) -> None:
    """The package says what it is, under what licence, and for which Python."""
    project = tomllib.loads((_home(case) / "pyproject.toml").read_text("utf-8"))["project"]
    absent = [
        key
        for key in ("description", "readme", "license", "requires-python", "entry-points")
        if not project.get(key)
    ]
    if absent:
        raise Failed(f"pyproject.toml has no {', '.join(absent)}", "add them under [project]")
    ours = [d for d in project.get("dependencies", ()) if d.startswith("crossdock")]
    if any(not d.startswith("crossdock[") and d.split(">")[0].strip() != "crossdock" for d in ours):
        raise Failed(f"it depends on {ours}", "a connector depends on `crossdock` alone")


@check("mapping.every-field-is-explained", "gold")
def explained(case: Case) -> None:
    """Each field of the vendor's schema is mapped, extended, or ignored with a reason."""
    if not case.subject.coverage:
        raise Failed(
            "there is no mapping coverage", "give Subject(coverage=…); see docs/guides/mapping.md"
        )
    said = []
    for coverage in case.subject.coverage:
        report = coverage.report()
        if report.unexplained:
            said.append(
                f"{report.name}: {len(report.unexplained)} of {report.fields} fields are "
                f"unexplained, such as {report.unexplained[:5]}"
            )
        if report.stale:
            said.append(
                f"{report.name}: {report.stale[:5]} are explained, but are no fields, or are mapped"
            )
    if said:
        raise Failed(
            "; ".join(said),
            "map what is unexplained, put it under extensions, give its reason in `ignored`, or, "
            "where changing it alone shows nothing, in `told` what it is used for; take out what "
            "names no field. `python -m crossdock.testing.coverage FOLDER` lists them all",
        )


@check("mapping.every-event-has-a-sample", "platinum")
def sampled(case: Case) -> None:
    """Every port that tells something is held by a sample or by the sandbox."""
    if not case.telling():
        raise NotForThis("it tells nothing")
    topics = {sample.topic for sample in case.subject.samples}
    text = _readme(case)
    silent = [topic for topic in sorted(topics) if topic not in text]
    if silent:
        raise Failed(
            f"README.md is silent about the topics {silent[:5]}",
            "name every topic of a sample there",
        )


@check("platinum.news-comes-by-two-roads", "platinum", wants=lambda f: f.webhooks)
def two_roads(case: Case) -> None:
    """Webhooks get lost; only a poll or a sweep finds what they missed."""
    if not case.features.polls:
        raise Failed("webhooks alone: what is missed is lost", "add poll as a sweeper")


@check("platinum.can-be-reconciled", "platinum", wants=lambda f: f.applies or f.polls)
def reconciled(case: Case) -> None:
    """Reconciliation makes every other mechanism forgivable; it needs snapshots."""
    if not case.features.snapshots:
        raise Failed("it has no snapshots", "write snapshot for the kinds it tells or is told")


@check("platinum.is-probed", "platinum")
def probed(case: Case) -> None:
    """A connection says by itself whether it is well."""
    if not case.features.probes:
        raise Failed("it has no probe", "write probe")


@check("platinum.webhooks-are-signed", "platinum", wants=lambda f: f.webhooks)
def signed(case: Case) -> None:
    """Unsigned webhooks can be forged by anybody who knows the address."""
    if not case.features.signed:
        raise Failed("the vendor does not sign", "read the entity back before believing it")

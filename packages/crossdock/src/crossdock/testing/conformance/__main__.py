"""`python -m crossdock.testing.conformance FOLDER`: examine a connector, tell what to do.

FOLDER is a connector's, with `tests/test_conformance.py` that holds `SUBJECT`.
"""

import argparse
import importlib.util
import json
import sys
from pathlib import Path

from crossdock.testing.conformance.kit import TIERS, checks
from crossdock.testing.conformance.quality import FILE, examine, file_of, read
from crossdock.testing.conformance.subject import Subject
from crossdock.testing.printing import until_nobody_reads


def subject_of(folder: Path) -> Subject:
    """The `SUBJECT` of tests/test_conformance.py in this folder."""
    file = folder / "tests" / "test_conformance.py"
    if not file.is_file():
        raise SystemExit(f"there is no {file}: it must hold SUBJECT = Subject(…)")
    sys.path.insert(0, str(file.parent))
    spec = importlib.util.spec_from_file_location(f"conformance_of_{folder.name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    subject = getattr(module, "SUBJECT", None)
    if not isinstance(subject, Subject):
        raise SystemExit(f"{file} holds no SUBJECT = Subject(…)")
    return subject


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 when nothing failed but known gaps, 1 otherwise."""
    parser = argparse.ArgumentParser(prog="crossdock.testing.conformance", description=__doc__)
    parser.add_argument("folder", nargs="?", default=".", type=Path)
    parser.add_argument("--only", action="append", default=[], help="this check; repeatable")
    parser.add_argument("--write", action="store_true", help=f"write {FILE}")
    parser.add_argument("--list", action="store_true", help="list all checks and why")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    options = parser.parse_args(arguments)
    if options.list:
        for one in checks().values():
            print(f"{one.id} ({one.tier}): {one.why}")  # noqa: T201 - the answer of this command
        return 0
    folder = options.folder.resolve()
    subject = subject_of(folder)
    quality, outcomes = examine(subject, options.only)
    bad = [o for o in outcomes if o.state == "failed" and o.check.id not in subject.gaps]
    if options.json:
        document = {
            "connector": quality.connector,
            "tier": quality.tier,
            "checks": {
                o.check.id: {
                    "tier": o.check.tier,
                    "state": quality.states[o.check.id],
                    "said": o.said,
                }
                for o in outcomes
            },
        }
        print(json.dumps(document, indent=1))  # noqa: T201 - the answer of this command
        return 1 if bad else 0
    told: dict[str, str] = {}
    for outcome in outcomes:
        if outcome.state == "failed":
            before = told.setdefault(outcome.said, outcome.check.id)
            mark = "gap " if outcome.check.id in subject.gaps else "FAIL"
            print(f"{mark} {outcome.check.id} ({outcome.check.tier})")  # noqa: T201
            said = f"as {before}" if before != outcome.check.id else outcome.said
            for line in f"{said}\nWhy: {outcome.check.why}".splitlines():
                print(f"     {line}")  # noqa: T201
    counts = [f"{sum(s == w for s in quality.states.values())} {w}" for w in ("passed", "none")]
    failed = len(bad)
    print(f"{quality.connector}: {', '.join(counts)}, {failed} failed")  # noqa: T201
    for outcome in outcomes:
        if outcome.state == "none":
            print(f"nothing to check: {outcome.check.id}: {outcome.said}")  # noqa: T201
    if not options.only:
        print(f"tier: {quality.tier or 'none yet'}")  # noqa: T201
        for tier in TIERS:
            missing = quality.missing(tier)
            if missing:
                print(f"for {tier}: {', '.join(missing)}")  # noqa: T201
                break
    if options.write and not options.only:
        file_of(folder).write_text(quality.dump(), "utf-8")
        print(f"written: {file_of(folder)}")  # noqa: T201
        if bad:
            print(  # noqa: T201
                f"it says `gap` of {failed} that failed here: mend them and write it anew, or list "
                "them in Subject.gaps with the reason; until then their tests stay red"
            )
        assert read(folder) is not None
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(until_nobody_reads(main))

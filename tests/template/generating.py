"""Making connectors from the template and examining them, without installing anything."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from crossdock_runner.creating import AUTHENTICATION, KINDS, NEWS, new_connector

_EXAMINE = """
import json, pathlib, sys
from crossdock.testing.conformance import examine
from crossdock.testing.conformance.__main__ import subject_of
only = json.loads(sys.argv[1])
for folder in sys.argv[2:]:
    subject = subject_of(pathlib.Path(folder))
    quality, outcomes = examine(subject, only)
    failed = {o.check.id: o.said for o in outcomes if quality.states[o.check.id] == "failed"}
    passed = sum(state == "passed" for state in quality.states.values())
    print(json.dumps({"name": quality.connector, "failed": failed, "passed": passed,
                      "tier": quality.tier}), flush=True)
"""


@dataclass(frozen=True)
class Answers:
    """What the template is told."""

    kind: str
    authentication: str
    news: str

    @property
    def name(self) -> str:
        """A connector's name that says them."""
        return f"x-{self.kind}-{self.authentication}-{self.news}"


EVERY = [Answers(*one) for one in itertools.product(KINDS, AUTHENTICATION, NEWS)]
EACH_KIND = [
    Answers(kind, AUTHENTICATION[i % len(AUTHENTICATION)], NEWS[i % len(NEWS)])
    for i, kind in enumerate(KINDS)
]


def generate(answers: Answers, output: Path) -> Path:
    """The package's folder; its entry point can be found with `src` on the path."""
    code = new_connector(
        answers.name,
        output=output,
        kind=answers.kind,
        authentication=answers.authentication,
        news=answers.news,
        no_input=True,
        as_json=True,
    )
    assert code == 0
    return findable(output / f"crossdock-{answers.name}")


def findable(folder: Path) -> Path:
    """What an installer writes, so that the entry point is found where `src` is on the path."""
    (package,) = [one for one in (folder / "src").iterdir() if one.suffix != ".dist-info"]
    name = folder.name.removeprefix("crossdock-")
    info = folder / "src" / f"{package.name}.dist-info"
    info.mkdir(exist_ok=True)
    metadata = f"Metadata-Version: 2.1\nName: crossdock-{name}\nVersion: 0.1.0\n"
    (info / "METADATA").write_text(metadata)
    (info / "entry_points.txt").write_text(f"[crossdock]\n{name} = {package.name}\n")
    return folder


def run(
    arguments: Sequence[str], folders: Iterable[Path], cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Python with the packages of these folders on its path."""
    path = os.pathsep.join(str(folder / "src") for folder in folders)
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=1200,
    )


def examine(folders: Sequence[Path], only: Sequence[str] = ()) -> list[dict[str, object]]:
    """What the kit finds in each of them, in one process."""
    done = run(["-c", _EXAMINE, json.dumps(list(only)), *map(str, folders)], folders)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]

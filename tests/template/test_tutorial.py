"""The tutorial is executed, step by step; and the smallest connector is what it says."""

import importlib.util
import os
import re
import resource
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytestmark = pytest.mark.timeout(900)

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^```([a-z ]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def _beside(name: str) -> ModuleType:
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


generating = _beside("generating")
MACHINE_TIME_S = 300.0
"""What the whole tutorial may take of a machine: CPU of all that it runs, about 40 s as seen."""


def _used_s() -> float:
    """CPU of all children so far."""
    told = resource.getrusage(resource.RUSAGE_CHILDREN)
    return told.ru_utime + told.ru_stime


class Reader:
    """Does what the page says, in its order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.done: list[str] = []

    def run(self, command: str, *, fails: bool) -> None:
        words = shlex.split(command, comments=True)
        if words[0] == "cd":
            self.folder /= words[1]
            return
        if words[:4] == ["python", "-m", "pip", "install"]:
            generating.findable(self.folder)  # as an installer would, without a network
            return
        if words[0] == "crossdock":
            words = [sys.executable, "-m", "crossdock_runner.cli", *words[1:]]
        elif words[0] == "python":
            words[0] = sys.executable
        if words[1:3] == ["-m", "pytest"]:
            words += ["-p", "no:cacheprovider", "-c", "pyproject.toml", "--rootdir=."]
        path = {**os.environ, "PYTHONPATH": str(self.folder / "src")}
        path["PYTHONDONTWRITEBYTECODE"] = "1"
        done = subprocess.run(
            words, cwd=self.folder, env=path, capture_output=True, text=True, timeout=800
        )
        said = f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        assert (done.returncode != 0) is fails, said
        self.done.append(done.stdout)

    def change(self, diff: str) -> None:
        head, *lines = diff.splitlines()
        file = self.folder / head.removeprefix("--- ")
        old = "".join(f"{line[1:]}\n" for line in lines if line[0] in " -")
        new = "".join(f"{line[1:]}\n" for line in lines if line[0] in " +")
        text = file.read_text()
        assert text.count(old) == 1, f"{file.name} has this {text.count(old)} times:\n{old}"
        file.write_text(text.replace(old, new))


def test_the_tutorial_step_by_step(tmp_path: Path) -> None:
    reader, before_s = Reader(tmp_path), _used_s()
    page = (ROOT / "docs/tutorial/first-connector.md").read_text()
    steps = FENCE.findall(page)
    assert len(steps) >= 12
    for language, body in steps:
        if language.startswith("sh"):
            for command in body.splitlines():
                reader.run(command, fails="fails" in language)
        else:
            assert language == "diff", language
            reader.change(body)
    told = "\n".join(reader.done)
    assert "order.updated" in told
    assert "What to do: " in told
    assert (reader.folder / "src/crossdock_acme/quality.yaml").read_text().count(": passed") > 100
    used_s = _used_s() - before_s
    sys.stdout.write(f"the tutorial took {used_s:.0f} s of CPU\n")
    assert used_s < MACHINE_TIME_S


def test_the_smallest_connector_has_at_most_60_lines_and_passes_the_kit(tmp_path: Path) -> None:
    page = (ROOT / "docs/tutorial/smallest.md").read_text()
    ((_, code),) = [one for one in FENCE.findall(page) if one[0] == "python"]
    assert len([line for line in code.splitlines() if line.strip()]) <= 60
    words = ["new", "connector", "nano", "--kind", "other", "--auth", "bearer"]
    words += ["--news", "polling", "--no-input", "--output", str(tmp_path)]
    subprocess.run([sys.executable, "-m", "crossdock_runner.cli", *words], check=True)
    folder = generating.findable(tmp_path / "crossdock-nano")
    package = folder / "src" / "crossdock_nano"
    for part in ("client.py", "config.py", "mapping.py"):
        (package / part).unlink()
    (package / "__init__.py").write_text(code)
    subject = folder / "tests" / "test_conformance.py"
    subject.write_text(subject.read_text().replace("crossdock_nano.mapping", "crossdock_nano"))
    (found,) = generating.examine([folder])
    assert found["failed"] == {}
    assert found["passed"] > 100

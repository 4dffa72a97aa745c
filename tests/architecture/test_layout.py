"""The promises of the folder tree itself."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


UNTRACKED = {
    ".git",
    ".tools",
    ".venv",
    ".nox",
    "var",
    "__pycache__",
    "node_modules",
    "dist",
    "build",
}


def tracked() -> list[Path]:
    """What git tracks; without git, what it would."""
    if shutil.which("git") and (ROOT / ".git").exists():
        done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
        return [ROOT / name for name in done.stdout.splitlines() if (ROOT / name).is_file()]
    found = []
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [f for f in folders if f not in UNTRACKED and not f.endswith("_cache")]
        found += [Path(folder, file) for file in files if file != "uv.lock"]
    return found


def test_pins_agree_and_name_no_address() -> None:
    pins = (ROOT / "constraints.txt").read_text().splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["uv"]["constraint-dependencies"] == pins
    assert not any("//" in pin or "@" in pin for pin in pins)


def test_every_dependency_has_a_reason() -> None:
    reasons = (ROOT / "docs/decisions/dependencies.md").read_text().lower()
    missing = []
    for file in [ROOT / "pyproject.toml", *ROOT.glob("*/*/pyproject.toml")]:
        data = tomllib.loads(file.read_text())
        project = data["project"]
        groups = [
            project.get("dependencies", []),
            *project.get("optional-dependencies", {}).values(),
        ]
        groups += data.get("dependency-groups", {}).values()
        for line in (line for group in groups for line in group):
            name = line.split(";")[0].split("[")[0]
            for sign in "<>=!~ ":
                name = name.split(sign)[0]
            if name.startswith(("crossdock", "types-")):
                continue
            if name.lower() not in reasons:
                missing.append(f"{name} ({file.relative_to(ROOT)})")
    assert not missing, f"add a line to docs/decisions/dependencies.md for {missing}"


def test_no_lock_file_and_no_machine_path() -> None:
    for path in tracked():
        assert path.name != "uv.lock"
        if path.suffix in {".py", ".md", ".toml", ".yaml", ".txt", ""}:
            text = path.read_text(errors="replace")
            for word in ("/" + "work/", "/" + "root/", "files.python" + "hosted"):
                assert word not in text, f"{path.relative_to(ROOT)} names {word}"


def test_no_module_is_a_hall() -> None:
    """Comfortable modules have 100 to 400 lines; over 500 the house needs another room."""
    tables = {"samples.py"}  # one value for each field of the language; nothing to read through
    large = {
        str(path.relative_to(ROOT)): lines
        for path in tracked()
        if path.suffix == ".py"
        and "src" in path.parts
        and path.name not in tables
        and (lines := len(path.read_text().splitlines())) > 500
    }
    assert not large


def test_only_the_composition_root_reads_the_environment() -> None:
    allowed = {"deployment.py", "embedded.py", "bootstrap.py"}
    allowed |= {"burst.py", "batch_peers.py"}  # of the bench: its long form, and a peer's settings
    offenders = [
        path.name
        for path in tracked()
        if path.suffix == ".py" and "src" in path.parts and "templates" not in path.parts
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    ]
    assert set(offenders) <= allowed


def test_help_is_answered_without_anything_heavy() -> None:
    code = (
        "import sys\n"
        "sys.argv = ['crossdock', '--help']\n"
        "from crossdock_runner.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'pydantic', 'nats', 'httpx', 'sqlalchemy', 'jsonschema', 'asyncio', 'yaml'}\n"
        "found = heavy & set(sys.modules)\n"
        "assert not found, found\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr

"""What `crossdock new connector` makes works untouched. Every combination: nox -s template."""

import importlib.util
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from crossdock_runner.creating import AUTHENTICATION, KINDS, NEWS, new_connector

pytestmark = pytest.mark.timeout(900)

ROOT = Path(__file__).parents[2]


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


generating = _beside("generating")
TELLING = (
    "plugin.ports-agree",
    "plugin.sandbox-starts",
    "webhook.genuine-is-accepted",
    "translate.samples-say-what-they-mean",
    "values.events-fit-the-published-schema",
    "values.money-is-exact",
    "poll.tells-every-change",
    "apply.changes-the-vendor",
    "apply.lost-answer-changes-once",
    "probe.notices-a-wrong-credential",
    "mapping.every-field-is-explained",
)
"""Checks that meet every file of the template."""


@pytest.fixture(scope="module")
def each_kind(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    output = tmp_path_factory.mktemp("generated")
    return [generating.generate(answers, output) for answers in generating.EACH_KIND]


def test_each_kind_works(each_kind: list[Path]) -> None:
    found = generating.examine(each_kind, TELLING)
    assert len(found) == len(KINDS)
    for one in found:
        assert one["failed"] == {}, one["name"]
        assert one["passed"] >= 8


def test_each_kind_says_what_it_is(each_kind: list[Path]) -> None:
    for folder in each_kind:
        project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
        name = folder.name.removeprefix("crossdock-")
        assert project["entry-points"]["crossdock"] == {name: f"crossdock_{name.replace('-', '_')}"}
        for file in ("README.md", "CHANGELOG.md", ".github/workflows/ci.yml"):
            assert (folder / file).is_file(), file
        assert "FILL IN" in (folder / "README.md").read_text()
        for file in folder.rglob("*"):
            assert "cookiecutter" not in file.name
            if file.suffix in {".py", ".md", ".yml", ".yaml", ".toml", ".json"}:
                assert "{%" not in file.read_text(), file
                assert "cookiecutter." not in file.read_text(), file


def test_an_authors_own_test_runs(each_kind: list[Path]) -> None:
    """The example of the guide on conformance, with the settings that the template makes."""
    guide = (ROOT / "docs/guides/conformance.md").read_text().partition("## Your own tests")[2]
    example = guide.partition("```python\n")[2].partition("```")[0]
    assert "\nasync def test_" in example
    folder = each_kind[0]
    own = folder / "tests/test_own.py"
    own.write_text(example)
    words = ["-q", "-p", "no:cacheprovider", "-c", "pyproject.toml", "--rootdir=."]
    done = generating.run(["-m", "pytest", *words, "tests/test_own.py"], [folder], cwd=folder)
    own.unlink()
    assert (done.returncode, "1 passed" in done.stdout) == (0, True), done.stdout + done.stderr


def test_what_is_made_is_clean(each_kind: list[Path]) -> None:
    """An author begins without a single complaint of ruff's (mypy's: nox -s template)."""
    # a package with one of these long names has imports that cannot be broken
    ruff = [Path(sys.executable).parent / "ruff", "check", "--no-cache", "--line-length", "106"]
    strict = ["--select", "E,F,W,B,UP,SIM,RET,PIE,S", "--ignore", "S101"]
    for rules in ([], strict):
        done = subprocess.run([*ruff, *rules, *each_kind], capture_output=True, text=True)
        assert done.returncode == 0, done.stdout[-3000:]


def test_the_smallest_rest_connector_with_sandbox_has_at_most_300_lines(
    each_kind: list[Path],
) -> None:
    """Source and sink, sandbox included, blank lines not counted."""
    for folder in each_kind:
        lines = [
            line
            for file in folder.glob("src/*/*.py")
            for line in file.read_text().splitlines()
            if line.strip()
        ]
        assert 100 < len(lines) <= 300, (folder.name, len(lines))


def test_the_command_refuses_what_it_cannot_make(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(name: str, **more: str) -> tuple[int, str]:
        answers = {"kind": None, "authentication": None, "news": None, **more}
        code = new_connector(name, output=tmp_path, no_input=True, as_json=True, **answers)
        said = capsys.readouterr()
        return code, said.out + said.err

    for name in ("Acme", "acme_pos", "-acme", "acme-", "1acme", "acme/../x", "a" * 60, "äcme", ""):
        code, words = told(name)
        assert code == 2, (name, words)
        assert "lower-case letters" in words
    code, words = told("acme", kind="shop")
    assert (code, "storefront, marketplace" in words) == (2, True)
    assert list(tmp_path.iterdir()) == []
    command = [sys.executable, "-m", "crossdock_runner.cli", "new", "connector", "acme"]
    done = subprocess.run(
        [*command, "--no-input", "--json"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["connector"] == "acme"
    code, words = told("acme")
    assert (code, "is there already" in words) == (2, True)


def test_the_title_is_spelt_as_the_vendor_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def make(title: str) -> int:
        answers = {"kind": None, "authentication": None, "news": None}
        return new_connector(
            "easypost", output=tmp_path, no_input=True, as_json=False, title=title, **answers
        )

    for wrong in ('Easy"Post', "{{ 1 }}", "", "9to5", "A" * 61):
        assert make(wrong) == 2
        assert "as in EasyPost" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    assert make("EasyPost & Co.") == 0
    package = tmp_path / "crossdock-easypost/src/crossdock_easypost"
    assert 'title="EasyPost & Co."' in (package / "__init__.py").read_text()
    assert "class EasyPostCo:" in (package / "client.py").read_text()


def test_the_template_also_works_with_plain_cookiecutter(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "cookiecutter"), "--no-input"]
    done = subprocess.run(
        [*command, "-o", str(tmp_path), str(ROOT / "templates" / "connector"), "name=plain-one"],
        capture_output=True,
        text=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "crossdock-plain-one/src/crossdock_plain_one/client.py").is_file()


def test_the_choices_of_command_and_template_agree() -> None:
    choices = json.loads((ROOT / "templates/connector/cookiecutter.json").read_text())
    assert tuple(choices["kind"]) == KINDS
    assert tuple(choices["authentication"]) == AUTHENTICATION
    assert tuple(choices["news"]) == NEWS


def test_the_template_is_in_the_wheel() -> None:
    """What is under src travels; a link to it at templates/connector is for plain cookiecutter."""
    inside = ROOT / "packages/crossdock-runner/src/crossdock_runner/templates/connector"
    assert not inside.is_symlink()
    assert (ROOT / "templates/connector").resolve() == inside.resolve()
    assert (inside / "cookiecutter.json").is_file()

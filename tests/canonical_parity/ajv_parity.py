"""Three validators, one verdict: plain ajv (npm), jsonschema and jsonschema-rs.

Run by the nox session `ajv`, and so by `.ci/run`; not by the ordinary test command, which must work
on a machine that has Python alone. Needs `node` and `npm`; ajv is installed once into var/ajv.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema_rs
import pytest
from crossdock import schemas, validation
from crossdock.schemas import PROFILES
from crossdock.testing import strategies
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

ROOT = Path(__file__).parents[2]
CANONICAL = ROOT / "canonical"
HERE = Path(__file__).parent / "ajv"
HOME = ROOT / "var" / "ajv"
GENERATED = 600

MISSING = (
    "this test needs node (18 or newer) and npm, and may not be skipped: on Debian "
    "`apt-get install -y nodejs npm`, then `python3 dev.py test -s ajv` again"
)


class Question(NamedTuple):
    """A document, the schema it is asked by, and where it comes from."""

    schema: str
    document: Any
    origin: str


@cache
def published() -> dict[str, dict[str, Any]]:
    """Every schema as it is committed, by its address."""
    found = [json.loads(path.read_bytes()) for path in CANONICAL.glob("*/v*/schema*.json")]
    return {schema["$id"]: schema for schema in found}


@cache
def installed() -> Path:
    """A folder with ajv in it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.fail(MISSING)
    wanted = (HERE / "package.json").read_bytes()
    HOME.mkdir(parents=True, exist_ok=True)
    shutil.copy(HERE / "judge.mjs", HOME / "judge.mjs")
    mark = HOME / "installed.json"
    if not mark.is_file() or mark.read_bytes() != wanted:
        (HOME / "package.json").write_bytes(wanted)
        words = ["install", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"]
        run = subprocess.run([npm, *words], cwd=HOME, capture_output=True, text=True, timeout=300)
        if run.returncode:
            pytest.fail(f"npm could not install ajv into {HOME}:\n{run.stdout}{run.stderr}"[:2_000])
        mark.write_bytes(wanted)
    return HOME


def ask_ajv(questions: list[Question]) -> list[tuple[bool, bool]]:
    """ajv's verdicts: as JSON Schema has it by default, and with formats asserted."""
    home = installed()
    lines = [json.dumps({"schema": schema}) for schema in published().values()]
    lines += [json.dumps({"id": one.schema, "document": one.document}) for one in questions]
    run = subprocess.run(
        ["node", "judge.mjs"],
        cwd=home,
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "NODE_NO_WARNINGS": "1"},
    )
    assert run.returncode == 0, run.stderr[:2_000]
    verdicts = [tuple(json.loads(line)) for line in run.stdout.splitlines()]
    assert len(verdicts) == len(questions)
    return verdicts


@cache
def careful(schema: str) -> Draft202012Validator:
    return Draft202012Validator(published()[schema])


@cache
def quick(schema: str) -> Any:
    return jsonschema_rs.Draft202012Validator(published()[schema])


def differences(questions: list[Question]) -> list[str]:
    found = []
    for one, (plain, _) in zip(questions, ask_ajv(questions), strict=True):
        python = careful(one.schema).is_valid(one.document)
        rust = quick(one.schema).is_valid(one.document)
        if not plain == python == rust:
            said = f"ajv {plain}, jsonschema {python}, jsonschema-rs {rust}"
            found.append(f"{one.origin}: {said} by {one.schema}")
    return found


def corpus() -> Iterator[Question]:
    for path in sorted(CANONICAL.glob("*/v*/examples/*/*.json")):
        kind, version = path.relative_to(CANONICAL).parts[:2]
        for profile in PROFILES:
            address = schemas.schema_id(kind, int(version[1:]), profile)
            yield Question(address, json.loads(path.read_bytes()), str(path.relative_to(ROOT)))


def test_the_corpus_gets_one_verdict_file_by_file() -> None:
    questions = list(corpus())
    assert len(questions) > 2_000
    assert differences(questions) == []


def test_the_verdict_on_the_corpus_is_what_the_folder_says() -> None:
    questions = [one for one in corpus() if one.schema.endswith("/schema.json")]
    wrong = [
        (one.origin, plain)
        for one, (plain, _) in zip(questions, ask_ajv(questions), strict=True)
        if plain != ("/invalid/" not in one.origin)
    ]
    assert wrong == []


def test_formats_refuse_nothing_that_crossdock_accepts() -> None:
    questions = [one for one in corpus() if one.schema.endswith("/schema.json")]
    for one, (plain, formal) in zip(questions, ask_ajv(questions), strict=True):
        if plain != formal:
            wanted = validation.contract(one.schema)
            data = json.dumps(one.document).encode()
            assert not validation.judge(data, wanted).good, f"{one.origin}: formats refuse it"


def generated() -> list[Question]:
    """Valid and nearly valid instances of every entity, the same in every run."""
    found: list[Question] = []

    @settings(
        max_examples=GENERATED,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        model = data.draw(st.sampled_from(schemas.models()))
        profile = data.draw(st.sampled_from(PROFILES))
        nearly = strategies.nearly_valid(model).map(lambda wrong: wrong.document)
        document = data.draw(
            strategies.documents(model) | strategies.documents(model, unknown_words=True) | nearly
        )
        wire = json.loads(json.dumps(document, default=str))
        address = schemas.schema_id(model.kind, model.major, profile)
        found.append(Question(address, wire, f"generated {model.kind} {len(found)}"))

    draw()
    return found


def test_generated_instances_get_one_verdict() -> None:
    questions = generated()
    assert len(questions) >= 300
    assert differences(questions) == []


def test_the_one_known_difference_is_pythons_dollar() -> None:
    """`$` of Python's `re` also stands before a last newline; ECMA-262 says it does not.

    jsonschema alone lets a newline after an amount pass. `crossdock validate` reads patterns as
    ECMA-262 does.
    """
    address = schemas.schema_id("price", 1)
    document = json.loads((CANONICAL / "price/v1/examples/valid/minimal.json").read_bytes())
    document["amount"]["amount"] += "\n"
    ((plain, _),) = ask_ajv([Question(address, document, "newline")])
    assert not plain
    assert not quick(address).is_valid(document)
    assert careful(address).is_valid(document)
    verdict = validation.judge(json.dumps(document).encode(), validation.contract("price"))
    assert [fault.pointer for fault in verdict.faults] == ["/amount/amount"]


def test_the_guide_for_partners_can_be_followed() -> None:
    """The script that docs/guides/partners.md tells to save gives the verdicts it promises."""
    guide = (ROOT / "docs/guides/partners.md").read_text(encoding="utf-8")
    (script,) = re.findall(r"```js\n(.*?)```", guide, re.DOTALL)
    file = installed() / "check.mjs"
    file.write_text(script, encoding="utf-8")
    schema = CANONICAL / "order/v1/schema.json"

    def check(folder: str) -> subprocess.CompletedProcess[str]:
        files = sorted((CANONICAL / "order/v1/examples" / folder).glob("*.json"))
        command = ["node", str(file), str(schema), *map(str, files)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    good, bad = check("valid"), check("invalid")
    assert (good.returncode, good.stderr) == (0, "")
    assert bad.returncode == 1
    assert ": good" not in bad.stdout
    assert "/billing_address/country must be equal to one of the allowed values" in bad.stdout

"""What is committed under canonical/ is what the models say, and says what its folders say."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from crossdock import compat, publish, schemas
from crossdock.canonical import ENTITIES, RETIRED
from crossdock.canonical.eventtypes import EVENTS
from crossdock.errors import ContractError

ROOT = Path(__file__).parents[2]
CANONICAL = ROOT / "canonical"
GOLDEN = CANONICAL / "golden"
FOLDERS = [f"{model.kind}/v{model.major}" for model in schemas.models()]
RENEW = "run: crossdock schema export canonical --reference docs/reference/schemas.html"


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def documents() -> dict[str, str]:
    return publish.documents()


def test_committed_files_are_what_the_models_say(documents: dict[str, str]) -> None:
    stale = [
        name
        for name, text in documents.items()
        if not (CANONICAL / name).exists() or (CANONICAL / name).read_text("utf-8") != text
    ]
    assert stale == [], RENEW
    there = {
        path.relative_to(CANONICAL).as_posix()
        for path in CANONICAL.rglob("*")
        if path.is_file() and GOLDEN not in path.parents
    }
    assert there - set(documents) == set(), RENEW


def test_the_reference_is_what_the_models_say_and_fetches_nothing() -> None:
    page = (ROOT / "docs/reference/schemas.html").read_text("utf-8")
    assert page == publish.reference(), RENEW
    assert not re.search(r"(?:src|href)=[\"'](?:https?:)?//", page)
    assert "<script" not in page
    assert "@import" not in page


@pytest.mark.parametrize("folder", FOLDERS)
def test_examples_say_what_their_folder_says(folder: str) -> None:
    model = schemas.model_named(folder)
    producer, consumer = (
        jsonschema.Draft202012Validator(read(CANONICAL / folder / schemas.FILES[profile]))
        for profile in schemas.PROFILES
    )
    valid = sorted((CANONICAL / folder / "examples/valid").glob("*.json"))
    assert len(valid) >= 2
    for path in valid:
        document = read(path)
        assert list(producer.iter_errors(document)) == [], path
        assert list(consumer.iter_errors(document)) == [], path
        model.parse(path.read_bytes())
    invalid = read(CANONICAL / folder / "examples/invalid.json")
    assert len(invalid) >= 5
    for name, said in invalid.items():
        path = CANONICAL / folder / "examples/invalid" / name
        errors = [
            ("".join(f"/{step}" for step in error.absolute_path), error.validator)
            for error in producer.iter_errors(read(path))
        ]
        assert errors == [(said["pointer"], said["keyword"])], path
    refused = CANONICAL / folder / "examples/refused.json"
    for name, said in (read(refused) if refused.exists() else {}).items():
        path = CANONICAL / folder / "examples/refused" / name
        assert list(producer.iter_errors(read(path))) == [], path
        with pytest.raises(ContractError) as caught:
            model.parse(path.read_bytes())
        assert caught.value.pointer == said["pointer"], path


def test_asyncapi_fits_its_own_schema() -> None:
    document = yaml.safe_load((CANONICAL / "asyncapi.yaml").read_text("utf-8"))
    checker = jsonschema.Draft7Validator(
        read(Path(__file__).parent / "standards/asyncapi-3.0.0.schema.json")
    )
    assert list(checker.iter_errors(document)) == []
    assert {channel["title"] for channel in document["channels"].values()} == set(EVENTS)
    for message in document["components"]["messages"].values():
        assert (CANONICAL / message["payload"]["schema"]["$ref"]).resolve().exists()
    broken = document | {"operations": {"x": {"action": "listen"}}}
    assert not checker.is_valid(broken)


def test_there_are_enough_entities_and_events() -> None:
    assert len(ENTITIES) >= 44
    assert len(EVENTS) >= 60
    assert {event.kind for event in EVENTS.values()} == set(ENTITIES)


def test_what_was_once_released_is_read_for_ever() -> None:
    known = read(GOLDEN / "SHA256.json")
    files = sorted(GOLDEN.glob("*.jsonl"))
    assert {path.name for path in files} == set(known), "golden files are added, never removed"
    seen = set()
    for path in files:
        data = path.read_bytes()
        assert hashlib.sha256(data).hexdigest() == known[path.name], "golden files never change"
        for line in data.decode("utf-8").splitlines():
            one = json.loads(line)
            if path.name.startswith("schemas"):
                continue
            body = json.dumps(one["document"]).encode()
            entity = ENTITIES[one["kind"]].parse(body, major=one["major"])
            assert type(entity).parse(entity.dump()) == entity
            seen.add((one["kind"], one["major"]))
    assert seen >= {(model.kind, model.major) for model in schemas.models()}
    assert seen >= set(RETIRED)


def test_no_released_schema_is_broken_without_a_new_major() -> None:
    """The gate of CI: a released schema may gain, and nothing else."""
    released: dict[str, Any] = {}
    for path in sorted(GOLDEN.glob("schemas-*.jsonl")):
        for line in path.read_text("utf-8").splitlines():
            schema = json.loads(line)
            released[schema["$id"]] = schema
    assert released
    accepted = read(GOLDEN / "accepted.json")
    faults = []
    for address, old in released.items():
        name = address.removeprefix(f"{schemas.BASE}/")
        path = CANONICAL / name
        if not path.exists():
            faults.append(f"{name}: no longer published")
            continue
        for finding in compat.diff(old, read(path), old["x-profile"]):
            mark = f"{name}{finding.pointer} {finding.rule.id}"
            if finding.rule.verdict != "compatible" and mark not in accepted:
                faults.append(f"{finding.rule.verdict}: {mark}: {finding.rule.reason}")
    assert not faults, "make a new major, or declare it in golden/accepted.json:\n" + "\n".join(
        faults
    )

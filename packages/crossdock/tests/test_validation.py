"""Every fault of a document at once: where, what was expected, what to write instead."""

import json
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from crossdock import schemas, validation
from crossdock.canonical import InventoryLevel
from crossdock.errors import ConfigError, ContractError
from crossdock.validation import MAX_DOCUMENT, MAX_FAULTS, contract, judge, own_contract

CANONICAL = Path(__file__).parents[3] / "canonical"
ORDER: dict[str, Any] = json.loads(
    (CANONICAL / "order/v1/examples/valid/minimal.json").read_text(encoding="utf-8")
)
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "evt_1",
    "source": "crossdock://demo/web",
    "type": "crossdock.order.placed.v1",
    "dataschema": "https://schemas.crossdock.dev/order/v1/schema.json",
    "data": ORDER,
}


def text(document: Any) -> bytes:
    return json.dumps(document).encode()


def faults(document: Any, name: str = "order", profile: Any = "producer") -> dict[str, str]:
    verdict = judge(text(document), contract(name, profile))
    return {fault.pointer: str(fault) for fault in verdict.faults}


def test_every_example_gets_the_verdict_its_folder_says_and_for_its_reason() -> None:
    seen = 0
    for path in CANONICAL.glob("*/v*/examples/*/*.json"):
        kind, version, _, folder = path.relative_to(CANONICAL).parts[:4]
        verdict = judge(path.read_bytes(), contract(f"{kind}/{version}"))
        seen += 1
        if folder == "valid":
            assert verdict.good, (path, verdict)
            continue
        index = json.loads(path.parent.with_suffix(".json").read_text(encoding="utf-8"))
        said = index[path.name]
        assert len(verdict.faults) == 1, (path, verdict)
        fault = verdict.faults[0]
        assert fault.pointer == said["pointer"] or fault.pointer.startswith(said["pointer"] + "/")
        if "keyword" in said and fault.rule != "propertyNames":
            assert fault.rule == said["keyword"], path
    assert seen > 1_000


def test_valid_examples_fit_the_consumer_profile_too() -> None:
    for path in CANONICAL.glob("*/v*/examples/valid/*.json"):
        kind, version = path.relative_to(CANONICAL).parts[:2]
        assert judge(path.read_bytes(), contract(f"{kind}/{version}", "consumer")).good, path


@pytest.mark.parametrize(
    ("change", "pointer", "words"),
    [
        ({"currency": "RMB"}, "/currency", "Write CNY"),
        ({"currency": "eur"}, "/currency", "Write EUR"),
        ({"billing_address": {"country": "UK"}}, "/billing_address/country", "Write GB"),
        ({"placed_at": "2026-01-31T12:00:00"}, "/placed_at", "write 2026-01-31T12:00:00Z"),
        ({"placed": "2026"}, "/placed", "Did you mean placed_at?"),
        ({"number": 7}, "/number", 'Write "7"'),
        ({"number": None}, "/number", "Leave it out"),
        ({"totals": {"total": {"amount": "1E+3", "currency": "EUR"}}}, "/totals/total/amount",
         "write 1000, not 1E+3"),
        ({"totals": {"total": {"amount": 12.3, "currency": "EUR"}}}, "/totals/total/amount",
         'Write "12.3"'),
        ({"totals": {"total": {"amount": "1,5", "currency": "EUR"}}}, "/totals/total/amount",
         "write 1234.56"),
        ({"totals": {"total": {"amount": "1.5\n", "currency": "EUR"}}}, "/totals/total/amount", ""),
        ({"extensions": {"loyalty": 1}}, "/extensions/loyalty", "com.acme.loyalty"),
    ],
)  # fmt: skip
def test_a_fault_says_what_to_write_instead(
    change: dict[str, Any], pointer: str, words: str
) -> None:
    found = faults({**ORDER, **change})
    assert list(found) == [pointer]
    assert words in found[pointer]


def test_all_faults_are_told_at_once() -> None:
    order = {**ORDER, "currency": "UK", "colour": 1, "number": 7}
    del order["lines"]
    assert set(faults(order)) == {"/currency", "/colour", "/number", "/lines"}


def test_a_consumer_takes_what_a_newer_version_may_bring_and_still_checks_the_rest() -> None:
    newer = {**ORDER, "new_field": {"x": 1}, "currency": "QQQ", "note": None}
    assert faults(newer, profile="consumer") == {}
    assert set(faults(newer)) == {"/new_field", "/currency", "/note"}
    line = {**ORDER["lines"][0], "ordered": "1", "cancelled": "2", "nature": "hologram"}
    assert list(faults({**newer, "lines": [line]}, profile="consumer")) == ["/lines/0"]


def test_very_many_faults_end_at_a_hundred() -> None:
    verdict = judge(text({**ORDER, "tags": list(range(9_000))}), contract("order"))
    assert (len(verdict.faults), verdict.more) == (MAX_FAULTS, True)


def test_an_event_is_judged_by_its_own_dataschema() -> None:
    assert judge(text(EVENT), None).contract == "order/v1"
    assert judge(text(EVENT), None).good
    wrong = judge(text({**EVENT, "data": {**ORDER, "number": 7}}), None)
    assert [fault.pointer for fault in wrong.faults] == ["/data/number"]


def test_an_event_without_dataschema_is_judged_by_its_type() -> None:
    event = {key: value for key, value in EVENT.items() if key != "dataschema"}
    assert judge(text(event), None).good
    opened = judge(text({**event, "data": {**ORDER, "new": 1}}), None, "consumer")
    assert opened.good


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"id": ""}, "/id"),
        ({"source": 7}, "/source"),
        ({"specversion": "0.3"}, "/specversion"),
        ({"type": "crossdock.order.plcaed.v1"}, "/type"),
        ({"dataschema": "https://schemas.crossdock.dev/ordre/v1/schema.json"}, "/dataschema"),
        ({"dataschema": "https://example.com/x"}, "/dataschema"),
    ],
)
def test_an_envelope_has_its_own_faults(change: dict[str, Any], pointer: str) -> None:
    verdict = judge(text({**EVENT, **change}), None)
    assert pointer in {fault.pointer for fault in verdict.faults}


def test_an_event_without_data_is_told() -> None:
    event = {key: value for key, value in EVENT.items() if key != "data"}
    assert [fault.pointer for fault in judge(text(event), None).faults] == ["/data"]


def test_what_nothing_names_is_an_error_of_use() -> None:
    with pytest.raises(ContractError, match="name the schema"):
        judge(text(ORDER), None)
    with pytest.raises(ContractError, match="there is no schema 'ordre'"):
        contract("ordre")


@pytest.mark.parametrize("name", ["inventory", "InventoryLevel", "inventory-level", "inventory/v1"])
def test_a_schema_is_found_by_the_name_of_its_class_too(name: str) -> None:
    assert schemas.model_named(name) is InventoryLevel
    with pytest.raises(ContractError, match="did you mean inventory"):
        schemas.model_named("inventori")
    with pytest.raises(ContractError, match=r"'address' is no entity .* shown within .*order"):
        schemas.model_named("address")


def test_quick_and_careful_agree_when_the_quick_one_is_not_installed() -> None:
    slow = contract("order")
    bare = validation.Contract(slow.name, slow.schema, slow.model, slow.profile)
    bare.__dict__["_quick"] = None
    for path in (CANONICAL / "order/v1/examples").glob("*/*.json"):
        value = json.loads(path.read_bytes())
        assert bare.accepts(value, path.read_bytes()) == slow.accepts(value, path.read_bytes())


HOSTILE: dict[str, bytes] = {
    "100,000 levels": b'{"extensions":{"a.b":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
    "100,000 levels, never closed": b"[" * 100_000,
    "100,000 objects in each other": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "65 levels": b"[" * 65 + b"]" * 65,
    "huge": b'{"number":"' + b"x" * (MAX_DOCUMENT + 1) + b'"}',
    "a number of 100,000 digits": b'{"number":' + b"9" * 100_000 + b"}",
    "NaN": b'{"number":NaN}',
    "Infinity": b'{"number":-Infinity}',
    "1e999": b'{"number":1e999}',
    "a lone surrogate": b'{"number":"\\ud800"}',
    "NUL": b'{"number":"\\u0000"}',
    "not UTF-8": b'{"number":"\xff"}',
    "a key twice": b'{"number":"1","number":"2"}',
    "a key twice, deep": b'{"lines":[{"x":{"sku":"1","sku":"1"}}]}',
    "a key twice, spelt differently": b'{"number":"1","n\\u0075mber":"2"}',
    "nothing": b"",
    "half": b'{"number":',
    "two documents": b"{}{}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_one_clear_error_in_a_tenth_of_a_second(name: str) -> None:
    data = HOSTILE[name]
    wanted = contract("order")
    judge(text(ORDER), wanted)
    taken = []
    for _ in range(3):
        started = time.process_time()
        verdict = judge(data, wanted)
        taken.append(time.process_time() - started)
    (fault,) = verdict.faults
    assert fault.rule == "json"
    assert len(str(fault)) < 500
    assert min(taken) < 0.1, f"{min(taken) * 1000:.0f} ms"


def test_hostile_text_leaves_no_memory_behind() -> None:
    wanted = contract("order")
    for data in HOSTILE.values():
        judge(data, wanted)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(3):
        for data in HOSTILE.values():
            judge(data, wanted)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 200_000


def test_a_key_that_stands_twice_is_named_by_its_pointer() -> None:
    with pytest.raises(ContractError) as caught:
        validation.read(HOSTILE["a key twice, deep"])
    assert caught.value.pointer == "/lines/0/x/sku"
    assert "the key 'sku' twice" in caught.value.message


CHAIN = {f"s{n}": {"$ref": f"#/$defs/s{n + 1}"} for n in range(5_000)}
BAD_SCHEMAS: list[tuple[str, Any, str]] = [
    ("a reference to itself", {"$ref": "#"}, "must come to an end"),
    (
        "a circle of two",
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        "must come to an end",
    ),
    (
        "a circle through allOf and if",
        {"allOf": [{"if": {"$ref": "#/$defs/a"}}], "$defs": {"a": {"anyOf": [{"$ref": "#"}]}}},
        "must come to an end",
    ),
    ("a reference to nowhere", {"$ref": "#/$defs/x"}, "must lead to a schema in the same file"),
    (
        "a reference to the net",
        {"$ref": "https://example.com/schema.json"},
        "nothing is fetched",
    ),
    ("a type that is none", {"type": "strin"}, "is no usable schema"),
    ("a pattern that is none", {"pattern": "("}, "must be a regular expression"),
    ("another dialect", {"$schema": "http://json-schema.org/draft-07/schema#"}, "2020-12"),
    ("no schema", ["x"], "is no usable schema"),
    (
        "a circle of 5,000",
        {"$ref": "#/$defs/s0", "$defs": {**CHAIN, "s5000": {"$ref": "#/$defs/s0"}}},
        "must come to an end",
    ),
]


@pytest.mark.parametrize(
    ("schema", "words"), [bad[1:] for bad in BAD_SCHEMAS], ids=[bad[0] for bad in BAD_SCHEMAS]
)
def test_a_schema_that_cannot_work_is_refused_before_use(schema: Any, words: str) -> None:
    taken = []
    for _ in range(3):
        started = time.process_time()
        with pytest.raises(ConfigError) as caught:
            own_contract(schema, "mine.json")
        taken.append(time.process_time() - started)
    assert min(taken) < 0.1, f"{min(taken) * 1000:.0f} ms"
    assert words in caught.value.message
    assert len(caught.value.message) < 1_000


def test_a_schema_that_describes_a_tree_is_no_circle() -> None:
    tree = {
        "type": "object",
        "properties": {"children": {"type": "array", "items": {"$ref": "#"}}, "name": True},
        "required": ["name"],
    }
    wanted = own_contract(tree, "tree.json")
    assert judge(b'{"name":1,"children":[{"name":2}]}', wanted).good
    wrong = judge(b'{"name":1,"children":[{}]}', wanted)
    assert [fault.pointer for fault in wrong.faults] == ["/children/0/name"]


def test_every_published_schema_is_sound() -> None:
    for path in CANONICAL.glob("*/v*/schema*.json"):
        assert not list(validation.schema_faults(json.loads(path.read_bytes()))), path

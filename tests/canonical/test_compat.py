"""The rules of compatibility against changes whose labels come from instances, not from rules."""

import copy

import jsonschema_rs
import pytest
from crossdock import compat, schemas
from crossdock.canonical import samples
from crossdock.compatrules import RULES
from hypothesis import settings
from mutations import mutations

FEW = ("lot", "media", "price", "settlement")
MANY = (*FEW, "customer", "inventory", "offer", "order", "payment", "product", "return")
LONG = settings.get_current_profile_name() == "canonical"
KINDS = MANY if LONG else FEW


def verdicts(schema: samples.Json, part: str, values: list[object]) -> list[bool]:
    """Which values fit a part of a schema."""
    whole = schema if part == "#" else {"$ref": part, "$defs": schema["$defs"]}
    validator = jsonschema_rs.Draft202012Validator(whole, validate_formats=True)
    return [validator.is_valid(value) for value in values]


@pytest.mark.parametrize("profile", schemas.PROFILES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_labelled_change_is_classified_right(kind: str, profile: schemas.Profile) -> None:
    model = schemas.model_named(kind)
    old = schemas.schema_of(model, profile)
    document = samples.build(model, full=True)
    faults = []
    for mutation in mutations(old, document):
        label = mutation.label
        if not label:
            before = verdicts(old, mutation.part, mutation.values)
            after = verdicts(mutation.schema, mutation.part, mutation.values)
            pairs = list(zip(before, after, strict=True))
            narrows, widens = (True, False) in pairs, (False, True) in pairs
            if not narrows and not widens:
                faults.append(f"{mutation.name}: no instance tells the schemas apart")
            broken = narrows if profile == "producer" else widens
            label = "breaking" if broken else "compatible"
        findings = compat.diff(old, mutation.schema, profile)
        verdict = compat.overall(finding.rule.verdict for finding in findings)
        if verdict != label or not (findings or label == "compatible"):
            told = [(finding.pointer, finding.rule.id) for finding in findings]
            faults.append(f"{mutation.name}: {verdict}, but it is {label}; {told}")
    assert not faults, "\n".join(faults)


def test_there_are_a_thousand_changes() -> None:
    """Counted anew, for the tests above may have run in another process."""
    made = 0
    for kind in KINDS:
        model = schemas.model_named(kind)
        document = samples.build(model, full=True)
        for profile in schemas.PROFILES:
            made += sum(1 for _ in mutations(schemas.schema_of(model, profile), document))
    assert made >= 1_000


def test_rules_are_many_and_each_has_a_reason() -> None:
    names = {name for name, _ in RULES}
    assert len(names) >= 60
    assert all(rule.reason for rule in RULES.values())


@pytest.mark.parametrize("profile", schemas.PROFILES)
def test_a_schema_may_follow_itself(profile: schemas.Profile) -> None:
    for model in schemas.models():
        schema = schemas.schema_of(model, profile)
        assert compat.diff(schema, copy.deepcopy(schema), profile) == []


def test_return_2_could_not_have_been_a_minor_version_of_return_1() -> None:
    for profile in schemas.PROFILES:
        old, new = (
            schemas.schema_of(schemas.model_named(f"return/v{major}"), profile) for major in (1, 2)
        )
        findings = compat.diff(old, new, profile)
        assert compat.overall(finding.rule.verdict for finding in findings) == "breaking"


@pytest.mark.parametrize(
    ("old", "new", "rule"),
    [
        ({"multipleOf": 2}, {"multipleOf": 4}, "multiple-of-coarser"),
        ({"multipleOf": 4}, {"multipleOf": 2}, "multiple-of-finer"),
        ({"multipleOf": 4}, {"multipleOf": 3}, "multiple-of-changed"),
        ({"const": 1}, {"const": 2}, "const-changed"),
        ({"format": "date"}, {"format": "time"}, "format-changed"),
        ({"format": "date"}, {}, "format-removed"),
        ({"allOf": [{"minimum": 1}]}, {}, "condition-removed"),
        ({"uniqueItems": True}, {}, "unique-items-removed"),
        ({"oneOf": [{"const": 1}]}, {"oneOf": [{"const": 2}]}, "one-of-changed"),
        ({"dependentRequired": {"a": ["b"]}}, {}, "dependent-required-removed"),
        ({"patternProperties": {"^a": {}}}, {}, "pattern-properties-removed"),
        ({"properties": {"a": True}}, {"properties": {"a": False}}, "schema-forbids"),
        ({"properties": {"a": False}}, {"properties": {"a": True}}, "schema-allows"),
        ({"x-key": "order"}, {"x-key": "customer"}, "key-changed"),
        ({"x-authority": "erp"}, {"x-authority": "web"}, "authority-changed"),
        ({"x-delivery": "snapshot"}, {"x-delivery": "delta"}, "delivery-changed"),
        ({"x-invariants": ["a ≤ b"]}, {"x-invariants": []}, "invariant-removed"),
        (
            {"anyOf": [{"minimum": 1}, {"maximum": 9}]},
            {"anyOf": [{"minimum": 2}, {"maximum": 9}]},
            "branch-changed",
        ),
    ],
)
def test_rules_for_what_our_own_schemas_do_not_use(
    old: samples.Json, new: samples.Json, rule: str
) -> None:
    assert [finding.rule.id for finding in compat.diff(old, new)] == [rule]


def test_a_change_in_a_definition_that_names_itself_ends() -> None:
    old = {
        "$ref": "#/$defs/Tree",
        "$defs": {"Tree": {"properties": {"next": {"$ref": "#/$defs/Tree"}, "n": {"maximum": 5}}}},
    }
    new = copy.deepcopy(old)
    new["$defs"]["Tree"]["properties"]["n"]["maximum"] = 4  # type: ignore[index]
    assert [finding.rule.id for finding in compat.diff(old, new)] == ["maximum-lowered"]

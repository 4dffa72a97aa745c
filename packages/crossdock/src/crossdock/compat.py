"""May this schema follow that one without a new major version? Pure.

Existing checkers refuse harmless additions or cannot say why (research/pains.md 16). This one walks
both schemas, names every change by a rule (`crossdock.compatrules`) and takes the rule's verdict.
It decides what can be decided by looking at keywords; containment of patterns and of overlapping
alternatives it calls unknown.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from crossdock import jsontext
from crossdock.compatrules import RULES, Rule, Verdict

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Finding:
    """One change: where in the schema, and which rule speaks to it."""

    pointer: str
    rule: Rule
    before: Any = None
    after: Any = None

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "pointer": self.pointer,
            "rule": self.rule.id,
            "profile": self.rule.profile,
            "verdict": self.rule.verdict,
            "reason": self.rule.reason,
            "before": jsontext.shorten(self.before),
            "after": jsontext.shorten(self.after),
        }


def diff(old: Json | bool, new: Json | bool, profile: str = "producer") -> list[Finding]:
    """Every change from `old` to `new`, in the order of the schema."""
    return list(_Walk(old, new, profile).node(old, new, ""))


def removed_schema(name: str) -> Finding:
    """What to say of a schema that is no longer published."""
    return Finding("", RULES["schema-removed", "producer"], before=name)


def overall(verdicts: Iterable[str]) -> Verdict:
    """The worst of all."""
    given = set(verdicts)
    if "breaking" in given:
        return "breaking"
    return "unknown" if "unknown" in given else "compatible"


_PLAIN = {
    "title": "title-changed",
    "description": "description-changed",
    "examples": "examples-changed",
    "$comment": "comment-changed",
    "deprecated": "deprecated-changed",
    "x-version": "version-changed",
    "x-profile": "profile-changed",
    "$id": "id-changed",
    "$schema": "dialect-changed",
    "x-semantics": "semantics-changed",
    "x-unit": "unit-changed",
    "x-check": "check-changed",
    "x-key": "key-changed",
    "x-authority": "authority-changed",
    "x-delivery": "delivery-changed",
    "x-kind": "kind-changed",
    "readOnly": "read-write-changed",
    "writeOnly": "read-write-changed",
    "contentEncoding": "content-changed",
    "contentMediaType": "content-changed",
    "contentSchema": "content-changed",
    "not": "negation-changed",
    "if": "if-changed",
    "then": "if-changed",
    "else": "if-changed",
    "dependentSchemas": "if-changed",
    "unevaluatedProperties": "unevaluated-changed",
    "unevaluatedItems": "unevaluated-changed",
    "contains": "contains-changed",
    "minContains": "contains-changed",
    "maxContains": "contains-changed",
    "prefixItems": "tuple-changed",
    "oneOf": "one-of-changed",
}
"""Keywords whose every change falls under one rule."""

_WALKED = {"properties", "items", "additionalProperties", "anyOf"}
"""Keywords within which changes are looked for one by one."""

_FLOORS = {
    "minLength": "min-length",
    "minItems": "min-items",
    "minProperties": "min-properties",
    "minimum": "minimum",
    "exclusiveMinimum": "exclusive-minimum",
}
_CEILINGS = {
    "maxLength": "max-length",
    "maxItems": "max-items",
    "maxProperties": "max-properties",
    "maximum": "maximum",
    "exclusiveMaximum": "exclusive-maximum",
}
_NO_FLOOR = {"minLength": 0, "minItems": 0, "minProperties": 0}


class _Walk:
    def __init__(self, old: Json | bool, new: Json | bool, profile: str) -> None:
        self.profile = profile
        self.defs = (_defs(old), _defs(new))
        self.same = self.defs[0] == self.defs[1]
        self.seen: set[tuple[str, str]] = set()

    def say(self, pointer: str, rule: str, before: Any = None, after: Any = None) -> Finding:
        return Finding(pointer, RULES[rule, self.profile], before, after)

    def node(self, old: Any, new: Any, pointer: str) -> Iterator[Finding]:
        """Changes between two (sub)schemas."""
        pair = (_reference(old), _reference(new))
        if pair != ("", ""):
            if pair in self.seen and all(pair):
                old, new = _beside(old), _beside(new)
            else:
                self.seen.add(pair)
                old, new = self._resolve(old, 0), self._resolve(new, 1)
        if old == new and (self.same or isinstance(old, bool)):
            return
        if isinstance(old, bool) or isinstance(new, bool):
            yield from self._booleans(old, new, pointer)
            return
        for keyword in dict.fromkeys([*old, *new]):
            if keyword in {"$defs", "$ref"} or self._equal(keyword, old, new):
                continue
            yield from self._keyword(keyword, old, new, pointer)

    def _equal(self, keyword: str, old: Json, new: Json) -> bool:
        """Equal text may still mean another thing, where a definition it names has changed."""
        if keyword not in old or keyword not in new or old[keyword] != new[keyword]:
            return False
        if self.same:
            return True
        if keyword in _WALKED:
            return not isinstance(old[keyword], Mapping | list)
        return bool(self._whole(old[keyword], 0, ()) == self._whole(new[keyword], 1, ()))

    def _whole(self, value: Any, side: int, above: tuple[str, ...]) -> Any:
        """The value with what its references name written out; a cycle ends at its own name."""
        if isinstance(value, list):
            return [self._whole(item, side, above) for item in value]
        if not isinstance(value, Mapping):
            return value
        name = _reference(value)
        made = {key: self._whole(item, side, above) for key, item in value.items()}
        if name and name not in above:
            target = self.defs[side].get(name.rpartition("/")[2], {})
            made["$ref"] = self._whole(target, side, (*above, name))
        return made

    def _resolve(self, node: Any, side: int) -> Any:
        depth = 0
        while isinstance(node, Mapping) and "$ref" in node and depth < 20:
            target = self.defs[side].get(node["$ref"].rpartition("/")[2], {})
            if isinstance(target, bool):
                return target
            node = {**target, **_beside(node)}
            depth += 1
        return node

    def _booleans(self, old: Any, new: Any, pointer: str) -> Iterator[Finding]:
        if new is False or (old is True and new != {}):
            yield self.say(pointer, "schema-forbids", old, new)
        elif old is False or (new is True and old != {}):
            yield self.say(pointer, "schema-allows", old, new)

    def _keyword(self, keyword: str, old: Json, new: Json, pointer: str) -> Iterator[Finding]:
        before, after = old.get(keyword), new.get(keyword)
        special = _SPECIAL.get(keyword)
        if special is not None:
            yield from special(self, old, new, pointer)
        elif keyword in _PLAIN:
            yield self.say(f"{pointer}/{keyword}", _PLAIN[keyword], before, after)
        elif keyword in _FLOORS:
            yield from self._bound(keyword, _FLOORS[keyword], before, after, pointer, floor=True)
        elif keyword in _CEILINGS:
            yield from self._bound(keyword, _CEILINGS[keyword], before, after, pointer, floor=False)
        else:
            yield self.say(f"{pointer}/{keyword}", "keyword-unknown", before, after)

    def _bound(
        self, keyword: str, rule: str, before: Any, after: Any, pointer: str, *, floor: bool
    ) -> Iterator[Finding]:
        none = _NO_FLOOR.get(keyword)
        before, after = none if before is None else before, none if after is None else after
        if before == after:
            return
        if before is None or after is None:
            tighter = before is None
        else:
            tighter = after > before if floor else after < before
        end = (
            ("raised" if tighter else "lowered") if floor else ("lowered" if tighter else "raised")
        )
        yield self.say(f"{pointer}/{keyword}", f"{rule}-{end}", before, after)

    def properties(self, old: Json, new: Json, pointer: str) -> Iterator[Finding]:
        before, after = old.get("properties", {}), new.get("properties", {})
        demanded = set(new.get("required", ()))
        for name in dict.fromkeys([*before, *after]):
            where = f"{pointer}/properties/{jsontext.pointer(name)[1:]}"
            if name not in after:
                yield self.say(where, "property-removed", before[name])
            elif name not in before:
                need = "required" if name in demanded else "optional"
                yield self.say(where, f"property-added-{need}", None, after[name])
            else:
                yield from self.node(before[name], after[name], where)

    def required(self, old: Json, new: Json, pointer: str) -> Iterator[Finding]:
        before, after = old.get("required", ()), new.get("required", ())
        known = old.get("properties", {})
        remaining = new.get("properties", {})
        for name in sorted({*before} ^ {*after}):
            if name in after and (name in known or name not in remaining):
                yield self.say(f"{pointer}/required", "property-required", None, name)
            elif name in before and (name in remaining or name not in known):
                yield self.say(f"{pointer}/required", "property-optional", name, None)

    def additional(self, old: Json, new: Json, pointer: str) -> Iterator[Finding]:
        before, after = (side.get("additionalProperties", True) for side in (old, new))
        where = f"{pointer}/additionalProperties"
        was_open, is_open = before in (True, {}), after in (True, {})
        if (was_open and not is_open) or (after is False and before is not False):
            yield self.say(where, "properties-closed", before, after)
        elif (is_open and not was_open) or (before is False and after is not False):
            yield self.say(where, "properties-opened", before, after)
        else:
            yield from self.node(before, after, where)

    def type(self, old: Json, new: Json, pointer: str) -> Iterator[Finding]:
        where = f"{pointer}/type"
        before, after = _types(old.get("type")), _types(new.get("type"))
        shown = (old.get("type"), new.get("type"))
        if not before:
            yield self.say(where, "type-added", *shown)
        elif not after:
            yield self.say(where, "type-removed", *shown)
        elif before == after:
            return
        elif before - after == {"null"} and after < before:
            yield self.say(where, "null-refused", *shown)
        elif after - before == {"null"} and before < after:
            yield self.say(where, "null-allowed", *shown)
        elif after < before:
            yield self.say(where, "type-narrowed", *shown)
        elif before < after:
            yield self.say(where, "type-widened", *shown)
        else:
            yield self.say(where, "type-changed", *shown)

    def enum(self, old: Json, new: Json, pointer: str) -> Iterator[Finding]:
        where = f"{pointer}/enum"
        if "enum" not in old:
            yield self.say(where, "enum-added", None, new["enum"])
        elif "enum" not in new:
            yield self.say(where, "enum-removed", old["enum"], None)
        else:
            yield from self._words(old["enum"], new["enum"], where, "enum-value")

    def vocabulary(self, old: Json, new: Json, pointer: str) -> Iterator[Finding]:
        before, after = old.get("x-values", []), new.get("x-values", [])
        yield from self._words(before, after, f"{pointer}/x-values", "vocabulary-value")

    def _words(self, before: Any, after: Any, where: str, rule: str) -> Iterator[Finding]:
        for word in before:
            if word not in after:
                yield self.say(where, f"{rule}-removed", word, None)
        for word in after:
            if word not in before:
                yield self.say(where, f"{rule}-added", None, word)

    def invariants(self, old: Json, new: Json, pointer: str) -> Iterator[Finding]:
        before, after = old.get("x-invariants", []), new.get("x-invariants", [])
        yield from self._words(before, after, f"{pointer}/x-invariants", "invariant")

    def multiple(self, old: Json, new: Json, pointer: str) -> Iterator[Finding]:
        where = f"{pointer}/multipleOf"
        before, after = old.get("multipleOf"), new.get("multipleOf")
        if before is None or after is None:
            end = "added" if before is None else "removed"
        elif before % after == 0:
            end = "finer"
        elif after % before == 0:
            end = "coarser"
        else:
            end = "changed"
        yield self.say(where, f"multiple-of-{end}", before, after)

    def unique(self, old: Json, new: Json, pointer: str) -> Iterator[Finding]:
        before, after = (bool(side.get("uniqueItems")) for side in (old, new))
        if before != after:
            end = "added" if after else "removed"
            yield self.say(f"{pointer}/uniqueItems", f"unique-items-{end}", before, after)

    def items(self, old: Json, new: Json, pointer: str) -> Iterator[Finding]:
        where = f"{pointer}/items"
        if "items" not in old:
            yield self.say(where, "items-added", None, new["items"])
        elif "items" not in new:
            yield self.say(where, "items-removed", old["items"], None)
        else:
            yield from self.node(old["items"], new["items"], where)

    def personal(self, old: Json, new: Json, pointer: str) -> Iterator[Finding]:
        before, after = (bool(side.get("x-pii")) for side in (old, new))
        if before != after:
            rule = "personal-marked" if after else "personal-unmarked"
            yield self.say(f"{pointer}/x-pii", rule, before, after)

    def any_of(self, old: Json, new: Json, pointer: str) -> Iterator[Finding]:
        where = f"{pointer}/anyOf"
        if "anyOf" not in old or "anyOf" not in new:
            end = "added" if "anyOf" not in old else "removed"
            yield self.say(where, f"branches-{end}", old.get("anyOf"), new.get("anyOf"))
            return
        gone = [one for one in old["anyOf"] if one not in new["anyOf"]]
        come = [one for one in new["anyOf"] if one not in old["anyOf"]]
        if not gone and not come:
            for one in old["anyOf"]:
                yield from self._branch(one, one, where, old["anyOf"])
        elif gone and come and len(gone) == len(come) == 1:
            if self._apart(old["anyOf"]) and self._apart(new["anyOf"], 1):
                yield from self._branch(gone[0], come[0], where, old["anyOf"])
            else:
                yield self.say(where, "branch-changed", gone, come)
        elif gone and come:
            yield self.say(where, "branch-changed", gone, come)
        else:
            rule = "branch-removed" if gone else "branch-added"
            for one in gone or come:
                yield self.say(where, rule, one if gone else None, one if come else None)

    def _branch(self, old: Any, new: Any, where: str, branches: Any) -> Iterator[Finding]:
        """Changes within one alternative; null is no news where another one allows it."""
        null_elsewhere = {"type": "null"} in branches
        for finding in self.node(old, new, where):
            known = finding.pointer == f"{where}/type" and finding.rule.id == "null-allowed"
            if not (known and null_elsewhere):
                yield finding

    def _apart(self, branches: Any, side: int = 0) -> bool:
        """Whether no value can fit two of the branches, told by their types."""
        met: set[str] = set()
        for branch in branches:
            resolved = self._resolve(branch, side)
            types = _types(resolved.get("type")) if isinstance(resolved, Mapping) else set()
            if not types or types & met:
                return False
            met |= types
        return True

    def all_of(self, old: Json, new: Json, pointer: str) -> Iterator[Finding]:
        where = f"{pointer}/allOf"
        before, after = old.get("allOf", []), new.get("allOf", [])
        for one in before:
            if one not in after:
                yield self.say(where, "condition-removed", one, None)
        for one in after:
            if one not in before:
                yield self.say(where, "condition-added", None, one)

    def dependent(self, old: Json, new: Json, pointer: str) -> Iterator[Finding]:
        where = f"{pointer}/dependentRequired"
        before = _demands(old.get("dependentRequired", {}))
        after = _demands(new.get("dependentRequired", {}))
        for one in sorted(before - after):
            yield self.say(where, "dependent-required-removed", one, None)
        for one in sorted(after - before):
            yield self.say(where, "dependent-required-added", None, one)


def _presence(keyword: str, rule: str) -> Callable[[_Walk, Json, Json, str], Iterator[Finding]]:
    """A keyword that is added, removed or changed as a whole."""

    def say(walk: _Walk, old: Json, new: Json, pointer: str) -> Iterator[Finding]:
        end = "added" if keyword not in old else "removed" if keyword not in new else "changed"
        where = f"{pointer}/{keyword}"
        yield walk.say(where, f"{rule}-{end}", old.get(keyword), new.get(keyword))

    return say


def _pattern_properties(walk: _Walk, old: Json, new: Json, pointer: str) -> Iterator[Finding]:
    end = "removed" if "patternProperties" not in new else "added"
    yield walk.say(f"{pointer}/patternProperties", f"pattern-properties-{end}")


_SPECIAL: dict[str, Callable[[_Walk, Json, Json, str], Iterator[Finding]]] = {
    "properties": _Walk.properties,
    "required": _Walk.required,
    "additionalProperties": _Walk.additional,
    "type": _Walk.type,
    "enum": _Walk.enum,
    "x-values": _Walk.vocabulary,
    "x-invariants": _Walk.invariants,
    "x-pii": _Walk.personal,
    "multipleOf": _Walk.multiple,
    "uniqueItems": _Walk.unique,
    "items": _Walk.items,
    "anyOf": _Walk.any_of,
    "allOf": _Walk.all_of,
    "dependentRequired": _Walk.dependent,
    "const": _presence("const", "const"),
    "pattern": _presence("pattern", "pattern"),
    "format": _presence("format", "format"),
    "default": _presence("default", "default"),
    "propertyNames": _presence("propertyNames", "property-names"),
    "patternProperties": _pattern_properties,
}


def _defs(schema: Any) -> Mapping[str, Any]:
    found = schema.get("$defs", {}) if isinstance(schema, Mapping) else {}
    return found if isinstance(found, Mapping) else {}


def _reference(node: Any) -> str:
    return str(node.get("$ref", "")) if isinstance(node, Mapping) else ""


def _beside(node: Any) -> Any:
    """What stands beside a reference."""
    if not isinstance(node, Mapping):
        return node
    return {key: value for key, value in node.items() if key != "$ref"}


def _types(given: Any) -> set[str]:
    """As a set; a number may be an integer."""
    found = {given} if isinstance(given, str) else set(given or ())
    return found | {"integer"} if "number" in found else found


def _demands(given: Mapping[str, Any]) -> set[tuple[str, str]]:
    return {(name, other) for name, others in given.items() for other in others}

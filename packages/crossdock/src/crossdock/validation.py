"""What is wrong with a document, every fault at once: where, what was expected, what to write.

Pure: bytes in, faults out. A document is judged by the published JSON Schema and then by the rules
no schema can say (check digits, counters, the calendar). `Contract.accepts` answers yes or no with
the quickest validator installed (extra `fast`: jsonschema-rs); `Contract.faults` explains with
jsonschema, which comes with the extra `testing`.
"""

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import islice
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core.core_schema import ErrorType

from crossdock import jsontext, schemas
from crossdock.canonical.codes import COUNTRY_HINTS, CURRENCY_HINTS
from crossdock.canonical.entity import Entity
from crossdock.canonical.eventtypes import EVENTS
from crossdock.errors import ConfigError, ContractError
from crossdock.jsontext import pointer
from crossdock.schemas import Profile

MAX_DOCUMENT = 4 * 2**20
"""Bytes of one document. Larger ones are refused unread; a file of any size is JSON Lines."""

MAX_FAULTS = 100
"""Of one document; then it is told that there are more."""

_BUILT_IN = frozenset(get_args(ErrorType))
_OF_CODE_LISTS = frozenset({"country", "currency"})
_NAMES = {
    "string": "text",
    "object": "an object",
    "array": "an array",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "null",
}


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One thing that is wrong. `rule` is the schema's keyword, or the name of our own rule."""

    pointer: str
    rule: str
    expected: str
    found: str
    advice: str = ""

    def __str__(self) -> str:
        told = f"{self.pointer or '/'}: {self.expected}; found {self.found}"
        return f"{told}. {self.advice[:1].upper()}{self.advice[1:]}" if self.advice else told


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What became of one document. No faults: it is good."""

    contract: str
    faults: tuple[Fault, ...] = ()
    more: bool = False

    @property
    def good(self) -> bool:
        return not self.faults


class Contract:
    """One schema to judge by. Made once, used for many documents; safe to share."""

    def __init__(
        self, name: str, schema: Mapping[str, Any], model: type[Entity] | None, profile: Profile
    ) -> None:
        self.name = name
        self.schema = schema
        self.model = model
        self.profile = profile

    def accepts(self, value: Any, data: bytes) -> bool:
        """Yes or no, quickly. `data` is the JSON text of `value`."""
        if self._quick is not None and not self._quick.is_valid(value):
            return False
        if self._quick is None and next(self._careful.iter_errors(value), None) is not None:
            return False
        return not self._broken_rules(data)

    def faults(self, value: Any, data: bytes, at: str = "") -> Iterator[Fault]:
        """Every fault, the schema's first; `at` is where in the document this value stands."""
        told = {pointer(*found["loc"]): found for found in self._broken_rules(data)}
        seen: set[tuple[str, str]] = set()
        try:
            for error in self._careful.iter_errors(value):
                for fault in _explain(error):
                    if (fault.pointer, fault.rule) in seen:
                        continue
                    seen.add((fault.pointer, fault.rule))
                    said = told.get(fault.pointer)
                    if said is not None and said["type"] not in _BUILT_IN and not fault.advice:
                        fault = replace(fault, advice=said["msg"])
                    yield replace(fault, pointer=at + fault.pointer)
        except RecursionError:
            raise ConfigError(f"the schema {self.name} refers to itself without end") from None
        places = {where for where, _ in seen}
        for where, said in told.items():
            if said["type"] in _BUILT_IN and any(one.startswith(f"{where}/") for one in told):
                continue  # a list is called too short when one of its elements is wrong
            if not any(_within(where, one) or _within(one, where) for one in places):
                yield Fault(
                    pointer=at + where,
                    rule=str(said["type"]),
                    expected=str(said["msg"]),
                    found=show(said["input"]),
                )

    @cached_property
    def _careful(self) -> Any:
        return _validator()(self.schema)

    @cached_property
    def _quick(self) -> Any:
        try:
            import jsonschema_rs
        except ImportError:  # the extra `fast` is not installed
            return None
        return jsonschema_rs.Draft202012Validator(dict(self.schema), validate_formats=False)

    def _broken_rules(self, data: bytes) -> list[Any]:
        """What the model finds. As a consumer: only what no newer minor version could allow."""
        if self.model is None:
            return []
        extra = "forbid" if self.profile == "producer" else "ignore"
        try:
            self.model.model_validate_json(data, extra=extra)  # type: ignore[arg-type]
        except ValidationError as error:
            found: list[Any] = error.errors(include_url=False, include_context=False)
            if self.profile == "producer":
                return found
            return [one for one in found if one["type"] not in _BUILT_IN | _OF_CODE_LISTS]
        return []


@lru_cache(maxsize=256)
def contract(name: str, profile: Profile = "producer") -> Contract:
    """The contract of `order`, `order/v1`, an event type or a schema's address.

    ContractError when there is none, naming what there is.
    """
    if name.startswith(f"{schemas.BASE}/"):
        folder, _, file = name.removeprefix(f"{schemas.BASE}/").rpartition("/")
        sides = {file_: side for side, file_ in schemas.FILES.items()}
        if file not in sides:
            raise ContractError(f"there is no schema at {name}")
        return contract(folder, sides[file])
    model = schemas.model_named(name)
    full = f"{model.kind}/v{model.major}"
    if full != name:
        return contract(full, profile)
    return Contract(full, schemas.schema_of(model, profile), model, profile)


def own_contract(schema: Any, name: str) -> Contract:
    """A contract from somebody's own schema. ConfigError names what is wrong with it."""
    faults = list(schema_faults(schema))
    if faults:
        raise ConfigError(f"{name} is no usable schema: {faults[0]}")
    return Contract(name, schema, None, "producer")


def read(data: bytes, *, what: str = "the document") -> Any:
    """The value of a JSON text, refused where two readers could understand it differently.

    ContractError: more than MAX_DOCUMENT bytes, whatever `crossdock.jsontext.parse` refuses, and a
    key that stands twice in one object.
    """
    if len(data) > MAX_DOCUMENT:
        raise ContractError(
            f"{what} has more than {MAX_DOCUMENT} bytes: split it, or write JSON Lines"
        )
    value = jsontext.parse(data, what=what)
    twice: list[tuple[dict[str, Any], str]] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) < len(pairs) and not twice:
            seen: set[str] = set()
            key = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
            twice.append((made, key))
        return made

    again = json.loads(data, object_pairs_hook=unique)
    if twice:
        where = _find(again, twice[0][0]) + pointer(twice[0][1])
        raise ContractError(
            f"{what} has the key {jsontext.shorten(twice[0][1])} twice in one object, "
            f"at {where[:200]}: readers differ in which they keep",
            pointer=where,
        )
    return value


def judge(data: bytes, wanted: Contract | None, profile: Profile | None = None) -> Verdict:
    """The verdict on one document; without a contract it must be a CloudEvent that names one.

    ContractError: it is no CloudEvent, so that nothing says what it should be.
    """
    try:
        value = read(data)
    except ContractError as error:
        fault = Fault(
            pointer=error.pointer,
            rule="json",
            expected="JSON that every reader understands alike",
            found=error.message,
        )
        return Verdict(contract=wanted.name if wanted else "", faults=(fault,))
    if is_event(value):
        return _judge_event(value, wanted, profile)
    if wanted is None:
        raise ContractError("nothing says what it should be: name the schema")
    if wanted.accepts(value, data):
        return Verdict(contract=wanted.name)
    return _limited(wanted, wanted.faults(value, data))


def is_event(value: Any) -> bool:
    """Whether it is a CloudEvent in structured mode."""
    return isinstance(value, dict) and "specversion" in value and "type" in value


def show(value: object) -> str:
    """A value as a message shows it; of large ones the size."""
    if isinstance(value, str):
        return jsontext.shorten(value[:100])
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    if isinstance(value, list | tuple):
        return f"an array of {len(value)}"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return jsontext.shorten(value)


def _within(inner: str, outer: str) -> bool:
    return inner == outer or inner.startswith(f"{outer}/")


def _limited(wanted: Contract, found: Iterable[Fault]) -> Verdict:
    faults: list[Fault] = []
    for fault in found:
        if len(faults) == MAX_FAULTS:
            return Verdict(contract=wanted.name, faults=tuple(faults), more=True)
        faults.append(fault)
    return Verdict(contract=wanted.name, faults=tuple(faults))


def _judge_event(
    event: dict[str, Any], wanted: Contract | None, profile: Profile | None
) -> Verdict:
    faults = list(_envelope_faults(event))
    for attribute in ("dataschema", "type"):
        name = event.get(attribute)
        if wanted is None and isinstance(name, str):
            try:
                wanted = contract(name, profile or "producer")
            except ContractError as error:
                if attribute == "dataschema" or "dataschema" not in event:
                    faults.append(
                        Fault(
                            pointer=pointer(attribute),
                            rule=attribute,
                            expected="a published schema or event type",
                            found=show(name),
                            advice=error.message[:300],
                        )
                    )
    if wanted is not None and profile is not None and wanted.model is not None:
        wanted = contract(wanted.name, profile)
    if wanted is None:
        return Verdict(contract="", faults=tuple(faults))
    if "data" not in event:
        faults.append(
            Fault(pointer="/data", rule="required", expected="the entity itself", found="nothing")
        )
        return Verdict(contract=wanted.name, faults=tuple(faults))
    data = jsontext.dump(event["data"])
    if not faults and wanted.accepts(event["data"], data):
        return Verdict(contract=wanted.name)
    inner = _limited(wanted, wanted.faults(event["data"], data, "/data"))
    return replace(inner, faults=(*faults, *inner.faults))


def _envelope_faults(event: Mapping[str, Any]) -> Iterator[Fault]:
    """CloudEvents 1.0.2, required attributes."""
    for name in ("id", "source", "type"):
        value = event.get(name)
        if not isinstance(value, str) or not value:
            yield Fault(
                pointer=pointer(name),
                rule="cloudevents",
                expected="text that is not empty",
                found=show(value) if name in event else "nothing",
            )
    if event.get("specversion") != "1.0":
        yield Fault(
            pointer="/specversion",
            rule="cloudevents",
            expected='"1.0"',
            found=show(event.get("specversion")),
        )
    type_ = event.get("type")
    fact = type_.removeprefix("crossdock.").rpartition(".v")[0] if isinstance(type_, str) else ""
    if isinstance(type_, str) and type_.startswith("crossdock.") and fact not in EVENTS:
        known = [event.type for event in EVENTS.values()]
        near = difflib.get_close_matches(type_[:100], known, 1, 0.5)
        yield Fault(
            pointer="/type",
            rule="cloudevents",
            expected="an event type that is published",
            found=show(type_),
            advice=f"did you mean {near[0]}?" if near else "",
        )


@lru_cache(maxsize=1)
def _validator() -> Any:
    """Draft 2020-12 with the patterns of ECMA-262: `$` is the end, not also before a newline."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError as SchemaFault
    from jsonschema.validators import extend

    def pattern(validator: Any, wanted: str, instance: Any, schema: Any) -> Iterator[SchemaFault]:
        if isinstance(instance, str) and not _ecma(wanted).search(instance):
            yield SchemaFault(f"{show(instance)} does not match")

    return extend(Draft202012Validator, {"pattern": pattern})  # type: ignore[no-untyped-call]


@lru_cache(maxsize=512)
def _ecma(wanted: str) -> re.Pattern[str]:
    ends = wanted.endswith("$") and not wanted.endswith("\\$")
    return re.compile(wanted[:-1] + r"\Z" if ends else wanted, re.ASCII)


def _explain(error: Any) -> Iterator[Fault]:
    """One fault of the schema in our words."""
    where = pointer(*error.absolute_path)
    keyword, wanted, found, schema = (
        error.validator,
        error.validator_value,
        error.instance,
        error.schema,
    )
    if keyword == "required":
        for name in wanted:
            if name not in found:
                part = schema.get("properties", {}).get(name, {})
                yield Fault(
                    pointer=where + pointer(name),
                    rule=keyword,
                    expected="is required",
                    found="nothing",
                    advice=part.get("description", "") if isinstance(part, dict) else "",
                )
    elif keyword == "additionalProperties" and wanted is False:
        names = list(schema.get("properties", {}))
        for name in [name for name in found if name not in names][: MAX_FAULTS + 1]:
            near = difflib.get_close_matches(name[:60], names, 1, 0.6)
            instead = (
                "put it under extensions by a reverse-domain key" if "extensions" in names else ""
            )
            yield Fault(
                pointer=where + pointer(name),
                rule=keyword,
                expected="no such field is known",
                found=show(found[name]),
                advice=f"did you mean {near[0]}?"
                if near
                else f"leave it out{', or ' * bool(instead)}{instead}",
            )
    elif keyword in {"anyOf", "oneOf"} and error.context:
        inner = [one for one in error.context if one.schema_path[0] == 0]
        for one in inner or error.context[:1]:
            yield from _explain(one)
    elif keyword == "propertyNames" or (
        error.parent is None and "propertyNames" in error.schema_path
    ):
        yield Fault(
            pointer=where + pointer(show(found)[1:-1] if isinstance(found, str) else ""),
            rule="propertyNames",
            expected="a reverse-domain key such as com.acme.loyalty",
            found=show(found),
        )
    else:
        yield Fault(
            pointer=where,
            rule=keyword,
            expected=_expected(keyword, wanted, schema, "$ref" in list(error.schema_path)[-2:]),
            found=show(found),
            advice=_advice(keyword, wanted, found),
        )


def _expected(keyword: str, wanted: Any, schema: Any, named: bool) -> str:
    if keyword == "type":
        kinds = [wanted] if isinstance(wanted, str) else wanted
        return "must be " + " or ".join(_NAMES.get(kind, kind) for kind in kinds)
    if keyword == "enum":
        words = [str(word) for word in wanted[:12]]
        return "must be one of " + ", ".join(words) + (" …" if len(wanted) > len(words) else "")
    if keyword == "pattern":
        # a named type says in words what its pattern means, a field's description what it is for
        described = schema.get("description", "") if named else ""
        return str(described).rstrip(".") or f"must match {wanted}"
    sayings = {
        "const": f"must be {show(wanted)}",
        "minLength": f"must have at least {wanted} characters",
        "maxLength": f"must have at most {wanted} characters",
        "minItems": f"must have at least {wanted} elements",
        "maxItems": f"must have at most {wanted} elements",
        "minimum": f"must be {wanted} or more",
        "maximum": f"must be {wanted} or less",
        "uniqueItems": "must not have an element twice",
        "maxProperties": f"must have at most {wanted} members",
    }
    return sayings.get(keyword, f"must satisfy {keyword}: {jsontext.shorten(wanted)}")


def _advice(keyword: str, wanted: Any, found: Any) -> str:
    if keyword == "type" and wanted == "string" and isinstance(found, int | float | bool):
        return f'write "{json.dumps(found)}"'
    if keyword == "type" and found is None:
        return "leave it out when it is not known"
    if keyword == "enum" and isinstance(found, str):
        hint = (COUNTRY_HINTS | CURRENCY_HINTS).get(found)
        if hint and (hint in wanted or len(hint) > 3):
            return f"write {hint}"
        words = [str(word) for word in wanted]
        if found.upper() in words:
            return f"write {found.upper()}"
        near = difflib.get_close_matches(found[:60], words, 1, 0.6)
        if near:
            return f"did you mean {near[0]}?"
        if "other" in words:
            return "write other, and keep the source's own word in source_status or extensions"
    return ""


def _find(node: Any, wanted: Any) -> str:
    """The pointer of this very object."""
    waiting: list[tuple[Any, str]] = [(node, "")]
    while waiting:
        here, at = waiting.pop()
        if here is wanted:
            return at
        if isinstance(here, dict):
            waiting += [(child, at + pointer(key)) for key, child in here.items()]
        elif isinstance(here, list):
            waiting += [(child, at + pointer(key)) for key, child in enumerate(here)]
    return ""


# --- somebody's own schemas ------------------------------------------------------------------

_IN_PLACE_ONE = ("not", "if", "then", "else")
_DATA = frozenset({"const", "enum", "default", "examples"})
_IN_PLACE_MANY = ("allOf", "anyOf", "oneOf")


def schema_faults(schema: Any) -> Iterator[Fault]:
    """What is wrong with a JSON Schema of draft 2020-12, before it is used on anything.

    Beyond the metaschema: a `$ref` that leads nowhere or out of the file (nothing is fetched), a
    chain of references that returns to itself without looking at any part of the document, a
    pattern that is no regular expression.
    """
    from jsonschema import Draft202012Validator

    dialect = schema.get("$schema", schemas.DIALECT) if isinstance(schema, dict) else None
    if isinstance(schema, dict) and dialect != schemas.DIALECT:
        yield Fault(
            pointer="/$schema", rule="$schema", expected=schemas.DIALECT, found=show(dialect)
        )
        return
    if not _follows_the_metaschema(schema):
        careful = Draft202012Validator(Draft202012Validator.META_SCHEMA)
        for error in islice(careful.iter_errors(schema), MAX_FAULTS):
            yield from _explain(error)
        return
    if not isinstance(schema, dict):
        return
    targets: dict[str, list[str]] = {}
    nodes = dict(_nodes(schema))
    base = str(schema.get("$id", ""))
    anchors = {
        f"#{node[word]}": at
        for at, node in nodes.items()
        for word in ("$anchor", "$dynamicAnchor")
        if isinstance(node.get(word), str)
    }
    for at, node in nodes.items():
        targets[at] = [at + pointer(word) for word in _IN_PLACE_ONE if word in node]
        for word in _IN_PLACE_MANY:
            many = node.get(word)
            targets[at] += [at + pointer(word, n) for n in range(len(many or ()))]
        for word in ("$ref", "$dynamicRef"):
            name = node.get(word)
            if not isinstance(name, str):
                continue
            local = name.removeprefix(base) if base else name
            aim = anchors.get(local, local.removeprefix("#"))
            if aim not in nodes or (local and not local.startswith("#")):
                yield Fault(
                    pointer=at + pointer(word),
                    rule=word,
                    expected="must lead to a schema in the same file; nothing is fetched",
                    found=show(name),
                )
            else:
                targets[at].append(aim)
        if isinstance(node.get("pattern"), str):
            try:
                re.compile(node["pattern"])
            except re.error as error:
                yield Fault(
                    pointer=at + "/pattern",
                    rule="pattern",
                    expected=f"must be a regular expression: {error}",
                    found=show(node["pattern"]),
                )
    cycle = _cycle(targets)
    if cycle:
        yield Fault(
            pointer=cycle[0],
            rule="$ref",
            expected="must come to an end",
            found=" → ".join(f"#{at}" for at in cycle[:6])[:300],
            advice="these references go round without entering any part of a document",
        )


def _follows_the_metaschema(schema: Any) -> bool:
    try:
        import jsonschema_rs
    except ImportError:  # the extra `fast` is not installed
        from jsonschema import Draft202012Validator

        return Draft202012Validator(Draft202012Validator.META_SCHEMA).is_valid(schema)
    return bool(jsonschema_rs.Draft202012Validator(_metaschema()).is_valid(schema))


@lru_cache(maxsize=1)
def _metaschema() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator.META_SCHEMA


def _nodes(schema: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object in the file by its pointer; more than the schemas, which does no harm."""
    waiting: list[tuple[str, Any]] = [("", schema)]
    while waiting:
        at, node = waiting.pop()
        if isinstance(node, dict):
            yield at, node
            waiting += [
                (at + pointer(key), child) for key, child in node.items() if key not in _DATA
            ]
        elif isinstance(node, list):
            waiting += [(at + pointer(key), child) for key, child in enumerate(node)]


def _cycle(targets: Mapping[str, list[str]]) -> list[str]:
    """A way that returns to itself, or nothing. Iterative: chains may be long."""
    done: set[str] = set()
    for start in targets:
        path: list[str] = []
        on_path: set[str] = set()
        stack: list[tuple[str, bool]] = [(start, False)]
        while stack:
            at, leaving = stack.pop()
            if leaving:
                path.pop()
                on_path.discard(at)
                done.add(at)
            elif at in on_path:
                return [*path[path.index(at) :], at]
            elif at not in done and at in targets:
                path.append(at)
                on_path.add(at)
                stack.append((at, True))
                stack += [(aim, False) for aim in targets[at]]
    return []

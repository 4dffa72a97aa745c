"""What is wrong with a document, every fault at once: where, what was expected, what to write.

Pure: bytes in, faults out. A document is judged by the published JSON Schema and then by the rules
no schema can say (check digits, counters, the calendar). `Contract.accepts` answers yes or no with
the quickest validator installed (extra `fast`: jsonschema-rs); `Contract.faults` explains with
jsonschema, which comes with the extra `testing`.
"""

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core.core_schema import ErrorType

from crossdock import jsontext, schemas
from crossdock.canonical.entity import Entity
from crossdock.canonical.eventtypes import EVENTS
from crossdock.errors import ConfigError, ContractError
from crossdock.faults import MAX_FAULTS, Fault, explain, show, validator
from crossdock.jsontext import pointer
from crossdock.schemacheck import schema_faults
from crossdock.schemas import Profile

__all__ = [
    "MAX_DOCUMENT",
    "MAX_FAULTS",
    "Contract",
    "Fault",
    "Verdict",
    "contract",
    "is_event",
    "judge",
    "own_contract",
    "read",
    "schema_faults",
    "show",
]

MAX_DOCUMENT = 4 * 2**20
"""Bytes of one document. Larger ones are refused unread; a file of any size is JSON Lines."""

_BUILT_IN = frozenset(get_args(ErrorType))

_OF_CODE_LISTS = frozenset({"country", "currency"})


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
                for fault in explain(error):
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
        return validator()(self.schema)

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

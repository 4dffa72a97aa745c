"""Amazon's own models: which operation a request is, whether it may be so, and the answer too.

The files in vendor/models are Swagger 2.0; a request or an answer that does not satisfy them is
refused here, so that what the sandbox takes and gives is what Amazon publishes.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.resources import files
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

_MODELS = files("crossdock_amazon").joinpath("vendor", "models")
_PAIRS = files("crossdock_amazon").joinpath("vendor", "pairs")
_NOTIFICATIONS = files("crossdock_amazon").joinpath("vendor", "notifications")


@dataclass(frozen=True)
class Operation:
    """One operation of one model."""

    model: str
    id: str
    method: str
    path: str
    parameters: tuple[Mapping[str, Any], ...] = field(repr=False)
    responses: Mapping[str, Any] = field(repr=False)
    definitions: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """As in the table of rates."""
        return f"{self.model}.{self.id}"

    @cached_property
    def pattern(self) -> "re.Pattern[str]":
        """What paths it answers."""
        parts = re.split(r"\{(\w+)\}", self.path)
        text = "".join(
            f"(?P<{part}>[^/]+)" if number % 2 else re.escape(part)
            for number, part in enumerate(parts)
        )
        return re.compile(text)

    def faults(self, given: Mapping[str, str], body: Any) -> Iterator[str]:
        """What is wrong with a request: parameters of path and query, and the body."""
        known = {one["name"]: one for one in self.parameters if one["in"] in {"path", "query"}}
        for name, text in given.items():
            if name not in known:
                yield f"unknown parameter {name}"
                continue
            yield from _wrong(known[name], text)
        for name, one in known.items():
            if one.get("required") and name not in given:
                yield f"parameter {name} is missing"
        for one in self.parameters:
            if one["in"] == "body":
                if body is None:
                    yield "the body is missing"
                else:
                    yield from self._against(one["schema"], body)

    def answer_faults(self, status: int, body: Any) -> Iterator[str]:
        """What is wrong with an answer."""
        schema = self.responses.get(str(status))
        if str(status) not in self.responses:
            yield f"{self.name} has no status {status}"
        elif schema:
            yield from self._against(schema, body)

    def _against(self, schema: Mapping[str, Any], value: Any) -> Iterator[str]:
        validator = _validator(self.model, json.dumps(schema, sort_keys=True))
        yield from map(_told, validator.iter_errors(value))


def _told(error: jsonschema_rs.ValidationError) -> str:
    return f"/{'/'.join(map(str, error.instance_path))}: {error.message}"


@cache
def _validator(model: str, schema: str) -> jsonschema_rs.Draft7Validator:
    definitions = _model(model)["definitions"]
    return jsonschema_rs.Draft7Validator(
        {**json.loads(schema), "definitions": definitions}, validate_formats=True
    )


def _wrong(parameter: Mapping[str, Any], text: str) -> Iterator[str]:
    values = text.split(",") if parameter.get("type") == "array" else [text]
    inner = parameter.get("items", parameter) if parameter.get("type") == "array" else parameter
    if len(values) > parameter.get("maxItems", 10_000):
        yield f"{parameter['name']} has {len(values)} values, at most {parameter['maxItems']}"
    for value in values:
        if inner.get("enum") and value not in inner["enum"]:
            yield f"{parameter['name']}: {value!r} is none of {inner['enum']}"
        if inner.get("type") == "integer" and not re.fullmatch(r"-?[0-9]{1,9}", value):
            yield f"{parameter['name']}: {value!r} is no whole number"
        if inner.get("type") == "boolean" and value not in {"true", "false"}:
            yield f"{parameter['name']}: {value!r} is neither true nor false"
        if inner.get("format") == "date-time" and not _TIME.fullmatch(value):
            yield f"{parameter['name']}: {value!r} is no time in ISO 8601"


_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d))?")


@cache
def _model(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_MODELS.joinpath(f"{name}.json").read_text("utf-8"))
    return found


@cache
def operations() -> tuple[Operation, ...]:
    """All of all models, those with fewer placeholders first."""
    found = [
        Operation(
            model,
            operation["operationId"],
            method.upper(),
            path,
            tuple(operation["parameters"]),
            operation["responses"],
            _model(model)["definitions"],
        )
        for model in sorted(one.name.removesuffix(".json") for one in _MODELS.iterdir())
        for path, methods in _model(model)["paths"].items()
        for method, operation in methods.items()
    ]
    return tuple(sorted(found, key=lambda one: one.path.count("{")))


def operation_for(method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """The operation that a request is, and the parameters in its path."""
    for one in operations():
        if one.method == method and (match := one.pattern.fullmatch(path)):
            return one, {name: unquote(value) for name, value in match.groupdict().items()}
    return None


@cache
def pairs() -> tuple[dict[str, Any], ...]:
    """Every static sandbox pair, each with the name of its model."""
    return tuple(
        {"model": file.name.removesuffix(".json"), **pair}
        for file in sorted(_PAIRS.iterdir(), key=lambda one: one.name)
        for pair in json.loads(file.read_text("utf-8"))
    )


def static_answer(
    operation: Operation, given: Mapping[str, str], body: Any
) -> tuple[int, Any] | None:
    """What Amazon's static sandbox answers: of the pairs that fit, the one that asks for most."""
    best: tuple[int, dict[str, Any]] | None = None
    for pair in pairs():
        if pair["model"] != operation.model or pair["operationId"] != operation.id:
            continue
        wanted = pair["request"]["parameters"]
        if all(_fits(name, told, given, body) for name, told in wanted.items()):
            asked = sum("value" in told for told in wanted.values())
            if best is None or asked > best[0]:
                best = asked, pair
    return None if best is None else (int(best[1]["status"]), best[1].get("response"))


def _fits(name: str, told: Mapping[str, Any], given: Mapping[str, str], body: Any) -> bool:
    if "value" not in told:
        return True
    if name in {"body", "payload"}:
        return bool(body == told["value"])
    return given.get(name) == as_text(told["value"])


def as_text(value: Any) -> str:
    """A parameter as it stands in a URL."""
    if isinstance(value, list):
        return ",".join(map(as_text, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


@cache
def notification_schema(name: str) -> dict[str, Any]:
    """Amazon's schema of a notification, by its file's name."""
    found: dict[str, Any] = json.loads(_NOTIFICATIONS.joinpath(f"{name}.json").read_text("utf-8"))
    return found


def notification_faults(name: str, body: Any) -> list[str]:
    """What is wrong with a notification, by Amazon's own schema."""
    return [_told(error) for error in _notification_validator(name).iter_errors(body)]


@cache
def _notification_validator(name: str) -> jsonschema_rs.Draft7Validator:
    schema = {k: v for k, v in notification_schema(name).items() if k not in {"$id", "$schema"}}
    return jsonschema_rs.Draft7Validator(_without_ids(schema))


def _without_ids(node: Any) -> Any:
    """The files give each property an `$id` that is no reference."""
    if isinstance(node, dict):
        return {
            key: _without_ids(value)
            for key, value in node.items()
            if not (key == "$id" and isinstance(value, str))
        }
    return [_without_ids(one) for one in node] if isinstance(node, list) else node

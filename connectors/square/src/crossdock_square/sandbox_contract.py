"""Square's own OpenAPI over every request and every answer of the sandbox.

Closed: a field that Square does not document is refused (`UNKNOWN_BODY_PARAMETER`), and never told.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import jsonschema_rs

_COMPONENTS = "#/components/schemas/"


@dataclass(frozen=True)
class Operation:
    """One operation, with what it is given and gives."""

    id: str
    path: str
    parameters: Mapping[str, Mapping[str, Any]]
    asked: "jsonschema_rs.Draft202012Validator | None"
    told: "jsonschema_rs.Draft202012Validator"

    def faults(self, query: Mapping[str, str], body: Any) -> list[str]:
        """What is wrong with a request."""
        found = [f"unknown parameter {name}" for name in query if name not in self.parameters]
        for name, text in query.items():
            kind = self.parameters.get(name, {}).get("schema", {}).get("type")
            if kind == "integer" and not re.fullmatch(r"-?[0-9]{1,9}", text):
                found.append(f"{name}: {text!r} is no whole number")
        return found + (_faults(self.asked, body) if self.asked else [])

    def answer_faults(self, body: Any) -> list[str]:
        """What is wrong with an answer."""
        return _faults(self.told, body)


def _faults(validator: "jsonschema_rs.Draft202012Validator", body: Any) -> list[str]:
    errors = [*validator.iter_errors(body)]
    return [f"/{'/'.join(map(str, one.instance_path))}: {one.message}"[:300] for one in errors[:5]]


@cache
def document() -> dict[str, Any]:
    """The trimmed OpenAPI."""
    text = (files("crossdock_square") / "vendor" / "openapi.json").read_text("utf-8")
    found: dict[str, Any] = json.loads(text)
    return found


@cache
def operations() -> dict[tuple[str, str], Operation]:
    """By method and path, as Square writes it (`/v2/orders/{order_id}`)."""
    found = {}
    for path, methods in document()["paths"].items():
        for method, given in methods.items():
            asked = given.get("requestBody", {}).get("content", {}).get("application/json")
            told = given["responses"]["200"]["content"]["application/json"]
            found[method.upper(), path] = Operation(
                id=given["operationId"],
                path=path,
                parameters={one["name"]: one for one in given.get("parameters", ())},
                asked=validator(json.dumps(asked["schema"])) if asked else None,
                told=validator(json.dumps(told["schema"])),
            )
    return found


@cache
def validator(schema: str) -> "jsonschema_rs.Draft202012Validator":
    """For one schema of the document, given as JSON."""
    whole = {**_strict(json.loads(schema)), "components": {"schemas": _components()}}
    return jsonschema_rs.Draft202012Validator(whole)


@cache
def _components() -> dict[str, Any]:
    return {name: _strict(one) for name, one in document()["components"]["schemas"].items()}


def _strict(node: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema, objects closed."""
    if isinstance(node, list):
        return [_strict(one) for one in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        inner: dict[str, Any] = {"$ref": node["$ref"]}
        return {"anyOf": [inner, {"type": "null"}]} if node.get("nullable") else inner
    made = {
        key: {name: _strict(one) for name, one in value.items()}
        if key == "properties"
        else _strict(value)
        for key, value in node.items()
        if key not in {"nullable", "readOnly", "default", "deprecated"}
    }
    if "properties" in made and "additionalProperties" not in made:
        made["additionalProperties"] = False
    return {"anyOf": [made, {"type": "null"}]} if node.get("nullable") else made

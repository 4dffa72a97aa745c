"""A sandbox held to its vendor's OpenAPI: every request and every answer is compared with it.

    self.app = HeldTo(Starlette(routes=[…]), json.loads(OPENAPI), below="/v2")

notes in `self.app.faults` what does not fit: an operation, a parameter or a member that the vendor
does not document, a value of another type. A test looks at the end: `assert box.app.faults == []`.
OpenAPI 3.0 and 3.1 as JSON; nothing is fetched, so every `$ref` must lead into the document.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

from crossdock import fieldpaths
from crossdock.testing.sandbox import AsgiApp

OWN = "/_sandbox/"
"""Paths of the sandbox's own, which no vendor documents."""
_METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}
_COMBINED = ("allOf", "oneOf", "anyOf")
_NOT_JSON_SCHEMA = {"nullable", "discriminator", "xml", "externalDocs", "example", "readOnly"}


@dataclass(frozen=True)
class _Operation:
    """One operation of the document."""

    name: str
    path: re.Pattern[str]
    given: Mapping[str, Any]
    parameters: Mapping[str, Mapping[str, Any]]


class HeldTo:
    """An ASGI application with its vendor's word beside it; see the module's docstring.

    `below` is the part of the path that stands before the document's own. Members that the vendor
    does not document are faults, unless `closed` is False. A status that it does not document, a
    body that is no JSON, and one that the sandbox did not read, are not looked at.
    """

    def __init__(
        self, app: AsgiApp, document: Mapping[str, Any], *, below: str = "", closed: bool = True
    ) -> None:
        self.app = app
        self.document = document
        self.below = below.rstrip("/")
        self.closed = closed
        self.faults: list[str] = []
        self._validators: dict[str, Any] = {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Pass on what comes and goes, and look at it afterwards."""
        if scope["type"] != "http" or scope["path"].startswith(OWN):
            await self.app(scope, receive, send)
            return
        asked, told, status = bytearray(), bytearray(), 0
        whole = False

        async def hear() -> Any:
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def say(message: Any) -> None:
            nonlocal status, whole
            status = message.get("status", status)
            told.extend(message.get("body", b""))
            whole = message["type"].endswith("body") and not message.get("more_body", False)
            await send(message)

        await self.app(scope, hear, say)
        if whole:
            query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
            method, path = scope["method"], scope["path"].removeprefix(self.below)
            self.faults += self.compare(method, path, [*query], bytes(asked), status, bytes(told))

    def compare(
        self, method: str, path: str, query: list[str], asked: bytes, status: int, told: bytes
    ) -> list[str]:
        """What does not fit in one exchange. What was refused (400 and above) may be wrong."""
        operation = self._operation(method, path)
        if operation is None:
            return [] if status >= 400 else [f"{method} {path}: the vendor documents no such thing"]
        found = []
        if status < 400:
            known = {name for name, one in operation.parameters.items() if one["in"] == "query"}
            needed = {n for n in known if operation.parameters[n].get("required")}
            found += [
                f"parameter {name!r} is not documented" for name in query if name not in known
            ]
            found += [f"parameter {name!r} is missing" for name in sorted(needed - set(query))]
            body = self._resolved(operation.given.get("requestBody", {}))
            found += [f"asked {one}" for one in self._body(body, asked)]
        answers = operation.given.get("responses", {})
        answer = answers.get(str(status), answers.get(f"{status // 100}XX", {}))
        found += [f"{status} told {one}" for one in self._body(self._resolved(answer), told)]
        return [f"{operation.name}: {one}" for one in found]

    def _body(self, content: Mapping[str, Any], data: bytes) -> list[str]:
        schema = _json(content).get("schema")
        if schema is None or not data:
            return []
        try:
            value = json.loads(data)
        except ValueError:
            return []
        errors = sorted(self._validator(schema).iter_errors(value), key=lambda one: str(one.path))
        return [
            f"/{'/'.join(map(str, one.absolute_path))}: {one.message[:200]}" for one in errors[:5]
        ]

    def _operation(self, method: str, path: str) -> _Operation | None:
        fits = [
            one
            for one in self._operations.get(method.lower(), ())
            if one.path.fullmatch(path.rstrip("/") or "/")
        ]
        return min(fits, key=lambda one: one.name.count("{"), default=None)

    @cached_property
    def _operations(self) -> dict[str, list[_Operation]]:
        found: dict[str, list[_Operation]] = {}
        for path, item in self.document.get("paths", {}).items():
            parts = re.split(r"\{[^}]*\}", path.rstrip("/") or "/")
            pattern = re.compile("[^/]+".join(map(re.escape, parts)))
            for method, given in self._resolved(item).items():
                if method not in _METHODS:
                    continue
                every = [*item.get("parameters", ()), *given.get("parameters", ())]
                named = {one["name"]: one for one in map(self._resolved, every)}
                name = f"{method.upper()} {path}"
                found.setdefault(method, []).append(_Operation(name, pattern, given, named))
        return found

    def _resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in node:
            node = fieldpaths.resolve(self.document, node["$ref"])
        return node

    def _validator(self, schema: Mapping[str, Any]) -> Any:
        from jsonschema import Draft202012Validator

        text = json.dumps(schema, sort_keys=True)
        if text not in self._validators:
            whole = {**self._plain(schema, close=self.closed), "components": self._components}
            self._validators[text] = Draft202012Validator(whole)
        return self._validators[text]

    @cached_property
    def _components(self) -> dict[str, Any]:
        schemas = self.document.get("components", {}).get("schemas", {})
        return {"schemas": {name: self._plain(one, close=False) for name, one in schemas.items()}}

    def _plain(self, node: Any, *, close: bool) -> Any:
        """OpenAPI 3.0 as JSON Schema; closed where an object stands, not in a part of one."""
        if not isinstance(node, dict):
            return node
        made: dict[str, Any] = {}
        for key, value in node.items():
            if key in _NOT_JSON_SCHEMA:
                continue
            if key == "properties":
                made[key] = {n: self._plain(one, close=self.closed) for n, one in value.items()}
            elif key in _COMBINED:
                made[key] = [self._plain(one, close=False) for one in value]
            elif key in {"items", "additionalProperties"}:
                made[key] = self._plain(value, close=self.closed)
            else:
                made[key] = value
        if close and any(key in self._resolved(node) for key in ("properties", *_COMBINED)):
            made["unevaluatedProperties"] = False
        if node.get("nullable"):
            return {"anyOf": [made, {"type": "null"}]}
        return made


def _json(content: Mapping[str, Any]) -> Mapping[str, Any]:
    kinds: Mapping[str, Any] = content.get("content", {})
    return next((one for kind, one in kinds.items() if "json" in kind), {})

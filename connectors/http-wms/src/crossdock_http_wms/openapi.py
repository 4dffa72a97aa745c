"""The protocol as an OpenAPI 3.1 document, made from `messages` and the published schemas.

    python -m crossdock_http_wms.openapi           # prints it
    python -m crossdock_http_wms.openapi --write   # writes openapi.json beside this file

What a warehouse sends is held to the producer profile (closed: a slip is found at once); what it
reads has the consumer profile (open: an addition of ours never stops it).
"""

import json
import sys
from pathlib import Path
from typing import Any

from crossdock import schemas
from crossdock.canonical import Entity
from crossdock.schemas import Profile

from crossdock_http_wms.messages import ASKS, LISTS, MESSAGES, Ask, Message

FILE = Path(__file__).parent / "openapi.json"
VERSION = "1.0"
Json = dict[str, Any]

_ABOUT = """\
What a warehouse (a WMS of one's own, a 3PL) answers, and what it tells, so that Crossdock can \
give it orders to ship and hear what became of them. Bodies are the canonical entities of \
https://schemas.crossdock.dev. Every request, in both directions, is signed as Standard Webhooks \
prescribes: webhook-id, webhook-timestamp, webhook-signature over id.timestamp.body. In our calls \
the id begins with the method and the target (path and query): compare them with what arrived.\
"""
_ID = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Our id of the thing: the same at each try.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[A-Za-z0-9_.:-]+$"},
}
_OWN_ID: Json = {"type": "string", "minLength": 1, "maxLength": 128}
_MOMENT = {"type": "string", "format": "date-time"}


def document() -> Json:
    """The whole document; made anew at each call."""
    parts = _Parts()
    paths: Json = {"/": {"get": _about()}}
    for name in LISTS:
        paths[f"/{name}"] = {"get": _listing(name)}
    for ask in ASKS.values():
        if ask.verb == "put":
            paths[f"/{ask.path}/{{id}}"] = _thing(ask, parts)
        else:
            paths[f"/{ask.path}/{{id}}/cancel"] = {"post": _calling_off(ask, parts)}
    for message in MESSAGES.values():
        parts.found[message.name] = _message(message, parts)
    for name, kinds in LISTS.items():
        items = [_to(one.name) for one in MESSAGES.values() if one.kind in kinds and one.list]
        parts.found[f"page.{name}"] = _page(items)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Crossdock warehouse protocol",
            "version": VERSION,
            "description": _ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "https://wms.example.com/crossdock/v1"}],
        "security": [{"standardWebhooks": []}],
        "paths": paths,
        "webhooks": {one.name: {"post": _hook(one)} for one in MESSAGES.values()},
        "components": {
            "securitySchemes": {"standardWebhooks": _SIGNED},
            "responses": _RESPONSES,
            "schemas": dict(sorted({**_OWN_SCHEMAS, **parts.found}.items())),
        },
    }


class _Parts:
    """The entities' schemas, each with its parts, under names that do not collide."""

    def __init__(self) -> None:
        self.found: Json = {}

    def entity(self, model: type[Entity], profile: Profile) -> Json:
        """A reference to it."""
        name = _named(model.kind, profile)
        if name not in self.found:
            schema = schemas.schema_of(model, profile)
            for key in ("$schema", "$id", "x-semantics"):
                del schema[key]
            for part, body in schema.pop("$defs").items():
                self._keep(_named(part, profile), _pointed(body, profile))
            self._keep(name, _pointed(schema, profile))
        return _to(name)

    def _keep(self, name: str, body: Json) -> None:
        if self.found.setdefault(name, body) != body:
            raise ValueError(f"two schemas are called {name}")


def _named(name: str, profile: Profile) -> str:
    return name if profile == "producer" else f"{name}.read"


def _pointed(node: Any, profile: Profile) -> Any:
    """The same with references to where the parts now are."""
    if isinstance(node, list):
        return [_pointed(one, profile) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: _pointed(value, profile) for key, value in node.items()}
    ref = made.get("$ref")
    if isinstance(ref, str):
        made["$ref"] = _to(_named(ref.removeprefix("#/$defs/"), profile))["$ref"]
    return made


def _to(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(schema: Json) -> Json:
    return {"application/json": {"schema": schema}}


def _answers(good: Json, *statuses: int) -> Json:
    named = {str(one): {"$ref": f"#/components/responses/{one}"} for one in (401, *statuses)}
    return {**good, **named}


def _about() -> Json:
    return {
        "operationId": "about",
        "summary": "Who is there",
        "description": "Asked by `crossdock check --live`.",
        "responses": _answers({"200": {"description": "You.", "content": _json(_to("About"))}}),
    }


def _listing(name: str) -> Json:
    def query(name: str, schema: Json, description: str) -> Json:
        return {"name": name, "in": "query", "schema": schema, "description": description}

    moment = "Only what changed {}; a time with its zone."
    page = {"description": "One page.", "content": _json(_to(f"page.{name}"))}
    return {
        "operationId": f"list-{name}",
        "summary": f"The {name.replace('-', ' ')} as they stand, least recently changed first",
        "description": "A thing that changes again moves to the end: then no page skips it.",
        "parameters": [
            query("after", {"type": "string", "pattern": "^[0-9]{1,12}$"}, "A `next` of yours."),
            query(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": 500, "default": 100},
                "Items on a page, at most.",
            ),
            query("since", _MOMENT, moment.format("at this time or later")),
            query("until", _MOMENT, moment.format("before this time")),
        ],
        "responses": _answers({"200": page}, 400),
    }


def _thing(ask: Ask, parts: _Parts) -> Json:
    title = schemas.title(ask.model).lower()
    held = _json(_to("Held"))
    good = {
        "200": {"description": "It was there, and is now as told.", "content": held},
        "201": {"description": "It is new.", "content": held},
    }
    return {
        "parameters": [_ID],
        "put": {
            "operationId": ask.command,
            "summary": f"Take this {title}, or change it",
            "description": (
                "May come more than once: the same id is the same thing. 409 once it can no "
                "longer be changed."
            ),
            "requestBody": {
                "required": True,
                "content": _json(parts.entity(ask.model, "consumer")),
            },
            "responses": _answers(good, 400, 409, 415, 422),
        },
        "get": {
            "operationId": f"{ask.kind}.find",
            "summary": f"Whether you have this {title}",
            "description": "Asked when an answer of yours was lost.",
            "responses": _answers({"200": {"description": "You do.", "content": held}}, 404, 422),
        },
    }


def _calling_off(ask: Ask, parts: _Parts) -> Json:
    good = {"200": {"description": "It is off.", "content": _json(_to("Held"))}}
    return {
        "parameters": [_ID],
        "operationId": ask.command,
        "summary": f"Call this {schemas.title(ask.model).lower()} off",
        "description": "May come more than once. 409 when it is too late.",
        "requestBody": {"required": True, "content": _json(parts.entity(ask.model, "consumer"))},
        "responses": _answers(good, 400, 404, 409, 415, 422),
    }


def _message(message: Message, parts: _Parts) -> Json:
    data = parts.entity(message.model, "producer")
    told: Json = {}
    if message.needs or message.excludes:
        told["allOf"] = [data]
        if message.needs:
            told["anyOf"] = [{"required": [name]} for name in message.needs]
        if message.excludes:
            told["not"] = {"anyOf": [{"required": [name]} for name in message.excludes]}
    return {
        "type": "object",
        "description": message.meaning,
        "properties": {
            "type": {"const": message.name},
            "id": {**_OWN_ID, "description": "Your own id of the thing."},
            "revision": {
                "type": "integer",
                "minimum": 0,
                "maximum": 10**18 - 1,
                "description": "Grows with each change of the thing: late news never wins.",
            },
            "timestamp": {**_MOMENT, "description": "When it happened."},
            "version": {
                "type": "integer",
                "minimum": 1,
                "maximum": message.model.major,
                "default": message.model.major,
                "description": "The major version of the schema of `data`.",
            },
            "data": told or data,
        },
        "required": ["type", "id", "revision", "timestamp", "data"],
    }


def _page(items: list[Json]) -> Json:
    return {
        "type": "object",
        "properties": {
            "items": {"type": "array", "items": {"oneOf": items}},
            "next": {"type": "string", "description": "The place behind the last item."},
            "more": {"type": "boolean", "description": "Whether there is more behind it now."},
        },
        "required": ["items", "next", "more"],
    }


def _hook(message: Message) -> Json:
    return {
        "operationId": message.name,
        "summary": message.meaning,
        "description": (
            "POST it to `/hooks/<connection>` of Crossdock, signed with the webhook secret; the "
            "same webhook-id at each try. Anything but 2xx: again, later."
        ),
        "requestBody": {"required": True, "content": _json(_to(message.name))},
        "responses": {
            "202": {
                "description": (
                    "Kept for good. What is signed but no message is kept as a dead letter, with "
                    "the pointer to what is wrong."
                )
            },
            "401": {"description": "Not signed as agreed."},
            "503": {"description": "Not now: again after Retry-After."},
        },
    }


_SIGNED = {
    "type": "apiKey",
    "in": "header",
    "name": "webhook-signature",
    "description": (
        "Standard Webhooks: `v1,` and the base64 of HMAC-SHA256 over `webhook-id`, a dot, "
        "`webhook-timestamp` (seconds since 1970), a dot, and the body; several parted by spaces."
    ),
}


def _problem(meaning: str) -> Json:
    return {
        "description": meaning,
        "content": {"application/problem+json": {"schema": _to("Problem")}},
    }


_RESPONSES = {
    "400": _problem("Cannot be read."),
    "401": _problem("Not signed by us, or too old."),
    "404": _problem("You have no such thing."),
    "409": _problem("Too late; say why in `detail`, a person reads it."),
    "415": _problem("Not application/json."),
    "422": _problem("Does not fit; say what in `detail` and `faults`."),
}
_OWN_SCHEMAS: Json = {
    "About": {
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "What people call the warehouse."},
            "protocol": {"const": "1"},
        },
        "required": ["name", "protocol"],
    },
    "Held": {
        "type": "object",
        "properties": {
            "id": {**_OWN_ID, "description": "Your own number of it."},
            "cancelled": {"type": "boolean", "default": False},
        },
        "required": ["id"],
    },
    "Problem": {
        "type": "object",
        "description": "RFC 9457; what stands here is shown to the operator.",
        "properties": {
            "status": {"type": "integer"},
            "title": {"type": "string"},
            "detail": {"type": "string"},
            "faults": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "pointer": {"type": "string"},
                        "expected": {"type": "string"},
                        "found": {"type": "string"},
                    },
                },
            },
        },
        "required": ["status", "detail"],
    },
}


def text() -> str:
    """As it is committed."""
    return f"{json.dumps(document(), indent=1, ensure_ascii=False)}\n"


def main(arguments: list[str] | None = None) -> None:
    """The command line described above."""
    given = sys.argv[1:] if arguments is None else arguments
    if "--write" in given:
        FILE.write_text(text(), encoding="utf-8")
    else:
        print(text(), end="")  # noqa: T201 - the answer of this command


if __name__ == "__main__":
    main()

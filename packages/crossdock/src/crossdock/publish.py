"""Everything that is published: schemas, examples, AsyncAPI, an index, an HTML reference. Pure.

`documents()` gives path and text of every file under `canonical/`; what is committed there must be
equal to it, byte for byte (tests/canonical/test_published.py).
"""

import hashlib
import html
import json
from typing import Any

from crossdock import schemas
from crossdock.canonical import DOMAINS, samples
from crossdock.canonical.entity import Entity
from crossdock.canonical.eventtypes import EVENTS, EventType
from crossdock.schemas import FILES, PROFILES, Json

CHANGES: dict[tuple[str, int], tuple[tuple[str, str], ...]] = {
    ("return", 1): (("1.0", "First release. Superseded by version 2; still read."),),
    ("return", 2): (
        (
            "2.0",
            "The answer and the reason are given line by line. `quantity` of a line is now "
            "`requested`; `authorised` and `declined` are quantities; `decided_at` became "
            "`authorised_at` or `declined_at`; `refund_amount` became `expected_refund`; `note` "
            "moved to the line. New: times of shipping, inspection and cancellation, `return_to`, "
            "`ship_from`, `tracking`, `keep_goods`. Version 1 is brought up on reading and nothing "
            "of it is lost; going back loses what version 1 has no place for.",
        ),
    ),
}
"""(kind, major) to (version, what changed), newest first."""


def documents() -> dict[str, str]:
    """Path under `canonical/` to text."""
    found: dict[str, str] = {}
    for model in schemas.models():
        folder = f"{model.kind}/v{model.major}"
        for profile in PROFILES:
            found[f"{folder}/{FILES[profile]}"] = pretty(with_examples(model, profile))
        found[f"{folder}/CHANGELOG.md"] = _changelog(model)
        for name, document in samples.valid(model).items():
            found[f"{folder}/examples/valid/{name}.json"] = pretty(document)
        invalid: Json = {}
        refused: Json = {}
        for one in samples.wrong(model, schemas.schema_of(model)):
            said = {"reason": one.reason, "pointer": one.pointer}
            if one.keyword:
                sort, told = invalid, {**said, "keyword": one.keyword}
            else:
                sort, told = refused, {**said, "rule": one.rule}
            sort[f"{one.name}.json"] = told
            where = "invalid" if one.keyword else "refused"
            found[f"{folder}/examples/{where}/{one.name}.json"] = pretty(one.document)
        found[f"{folder}/examples/invalid.json"] = pretty(invalid)
        if refused:
            found[f"{folder}/examples/refused.json"] = pretty(refused)
    found["asyncapi.yaml"] = yaml(asyncapi())
    found["README.md"] = _index(found)
    return found


def with_examples(model: type[Entity], profile: schemas.Profile) -> Json:
    """The schema as published: with the smallest example inside."""
    schema = schemas.schema_of(model, profile)
    defs = schema.pop("$defs")
    return {**schema, "examples": [samples.valid(model)["minimal"]], "$defs": defs}


def pretty(document: Any) -> str:
    """JSON as it is committed."""
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _changelog(model: type[Entity]) -> str:
    lines = [f"# {schemas.title(model)}, version {model.major}", ""]
    for number, text in CHANGES.get((model.kind, model.major), (("1.0", "First release."),)):
        lines += [f"## {number}", "", text, ""]
    return "\n".join(lines)


_HEADERS: dict[str, tuple[str, str]] = {
    "ce-specversion": ("1.0", "CloudEvents version; always 1.0."),
    "ce-id": ("evt_0123456789abcdefghjkmnpqrs", "The same news has the same id by every road."),
    "ce-source": ("/crossdock/demo/web", "Deployment and connection that speaks."),
    "ce-type": ("crossdock.order.placed.v1", "What happened, with the major version of the body."),
    "ce-subject": ("ord_0123456789abcdefghjkmnpqrs", "Canonical id of the entity."),
    "ce-time": ("2026-01-31T12:00:00Z", "When it happened."),
    "ce-dataschema": (
        "https://schemas.crossdock.dev/order/v1/schema.json",
        "Where the schema of the body lies.",
    ),
    "ce-partitionkey": ("ord_0123456789abcdefghjkmnpqrs", "Entity whose sequence it belongs to."),
    "ce-connection": ("web", "The connection that speaks."),
    "ce-revision": ("2026-01-31T12:00:00.000000Z", "The source's own revision; larger is newer."),
    "ce-nativeid": ("820982911946154508", "What the source calls the entity."),
    "ce-landing": ("lnd_01", "Row of the raw payload it came from."),
    "ce-causationid": ("evt_0123456789abcdefghjkmnpqrs", "The message that caused it."),
    "ce-correlationid": ("lnd_01", "All that follows from one piece of news shares it."),
    "ce-dataref": ("claim:evt_0123456789abcdefghjkmnpqrs", "Where a body too large to travel is."),
    "content-type": ("application/json", "Of the body."),
}
_REQUIRED_HEADERS = ["ce-specversion", "ce-id", "ce-source", "ce-type", "content-type"]


def asyncapi() -> Json:
    """AsyncAPI 3.0: every event with its address on the bus, its headers and its body."""
    channels: Json = {}
    operations: Json = {}
    messages: Json = {}
    for event in EVENTS.values():
        key = event.name.replace(".", "_")
        messages[key] = _message(event)
        channels[key] = {
            "address": f"xd.events.{event.name}.{{partition}}",
            "title": event.name,
            "description": event.meaning,
            "parameters": {"partition": {"$ref": "#/components/parameters/partition"}},
            "messages": {key: {"$ref": f"#/components/messages/{key}"}},
        }
        operations[f"receive_{key}"] = {
            "action": "receive",
            "channel": {"$ref": f"#/channels/{key}"},
            "summary": event.meaning,
            "messages": [{"$ref": f"#/channels/{key}/messages/{key}"}],
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Crossdock canonical events",
            "version": "1.0.0",
            "description": (
                "Facts about commerce in one language. CloudEvents 1.0 in binary mode: attributes "
                "are NATS headers, the body is the whole entity after the fact. Apply the largest "
                "revision from the system of record; never compare the clocks of two systems."
            ),
            "license": {
                "name": "Apache-2.0",
                "url": "https://www.apache.org/licenses/LICENSE-2.0",
            },
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {
            "parameters": {
                "partition": {
                    "description": "Lane, from 0: a hash of ce-partitionkey. One entity keeps one."
                }
            },
            "messageTraits": {"cloudEvent": {"headers": {"$ref": "#/components/schemas/headers"}}},
            "messages": messages,
            "schemas": {
                "headers": {
                    "type": "object",
                    "required": _REQUIRED_HEADERS,
                    "properties": {
                        name: {"type": "string", "description": meaning, "examples": [example]}
                        for name, (example, meaning) in _HEADERS.items()
                    },
                }
            },
        },
    }


def _message(event: EventType) -> Json:
    model = event.entity
    return {
        "name": event.type,
        "title": event.name,
        "summary": event.meaning,
        "contentType": "application/json",
        "traits": [{"$ref": "#/components/messageTraits/cloudEvent"}],
        "payload": {
            "schemaFormat": "application/schema+json;version=draft-2020-12",
            "schema": {"$ref": f"./{model.kind}/v{model.major}/{FILES['consumer']}"},
        },
        "x-key": event.key,
        "x-authority": event.authority,
        "x-delivery": "snapshot",
    }


def yaml(value: Any, indent: int = 0) -> str:
    """Block-style YAML 1.2 whose scalars are JSON, so that nothing can be misread."""
    pad = "  " * indent
    if isinstance(value, dict) and value:
        out = ""
        for key, item in value.items():
            name = key if key.replace("_", "").isalnum() and not key.isdigit() else json.dumps(key)
            if isinstance(item, dict | list) and item:
                out += f"{pad}{name}:\n{yaml(item, indent + 1)}"
            else:
                out += f"{pad}{name}: {json.dumps(item, ensure_ascii=False)}\n"
        return out
    if isinstance(value, list) and value:
        out = ""
        for item in value:
            if isinstance(item, dict | list) and item:
                first = yaml(item, indent + 1)
                out += f"{pad}- {first[len(pad) + 2 :]}"
            else:
                out += f"{pad}- {json.dumps(item, ensure_ascii=False)}\n"
        return out
    return json.dumps(value, ensure_ascii=False) + "\n"


def events_of(kind: str) -> list[EventType]:
    """The events that carry an entity."""
    return [event for event in EVENTS.values() if event.kind == kind]


def _index(found: dict[str, str]) -> str:
    lines = [
        "# The canonical language",
        "",
        "What Crossdock says and understands, as published contracts. How to use them:",
        "[docs/guides/schemas.md](../docs/guides/schemas.md). To browse them:",
        "[docs/reference/schemas.html](../docs/reference/schemas.html). Generated by",
        "`crossdock schema export canonical`; do not edit by hand.",
        "",
        "| in each folder | what it is |",
        "|---|---|",
        "| `schema.json` | producer profile, closed: check what you send |",
        "| `schema.consumer.json` | consumer profile, open: check what you read |",
        "| `examples/valid/` | fit both profiles |",
        "| `examples/invalid/` | break the producer profile in one way; `examples/invalid.json` "
        "names pointer and keyword |",
        "| `examples/refused/` | fit the schema, yet are refused: "
        "`examples/refused.json` says why |",
        "| `CHANGELOG.md` | what changed from version to version |",
        "",
        "`asyncapi.yaml` describes every event; `golden/` keeps every example ever released, and "
        "all of them can be read for ever.",
        "",
    ]
    for domain, models in DOMAINS.items():
        lines += [f"## {domain.capitalize()}", "", "| entity | version | what it is | events |"]
        lines += ["|---|---|---|---|"]
        for model in models:
            first = schemas.schema_of(model)["description"].partition(". ")[0].rstrip(".")
            facts = ", ".join(event.name.partition(".")[2] for event in events_of(model.kind))
            folder = f"{model.kind}/v{model.major}"
            lines.append(
                f"| [{model.kind}]({folder}/) | {schemas.version(model)} | {first} | {facts} |"
            )
        lines.append("")
    retired = [
        m for m in schemas.models() if m not in {one for ms in DOMAINS.values() for one in ms}
    ]
    lines += ["## Earlier versions, still read", ""]
    lines += [f"- [{m.kind} {schemas.version(m)}]({m.kind}/v{m.major}/)" for m in retired]
    digest = hashlib.sha256()
    for path in sorted(found):
        digest.update(path.encode() + b"\0" + found[path].encode())
    lines += ["", f"SHA-256 over all files: `{digest.hexdigest()}`", ""]
    return "\n".join(lines)


def reference() -> str:
    """docs/reference/schemas.html: everything on one page, with nothing fetched from elsewhere."""
    toc, body = [], []
    for domain, models in DOMAINS.items():
        links = " ".join(f'<a href="#{m.kind}">{m.kind}</a>' for m in models)
        toc.append(f"<p><b>{domain}</b> {links}</p>")
        body.append(f"<h2>{domain.capitalize()}</h2>")
        body += [_entity_html(model) for model in models]
    return _PAGE.replace("{{toc}}", "\n".join(toc)).replace("{{body}}", "\n".join(body))


def _entity_html(model: type[Entity]) -> str:
    schema = schemas.schema_of(model)
    parts = [
        f'<section id="{model.kind}"><h3>{html.escape(schema["title"])} '
        f"<small>{model.kind} {schema['x-version']}</small></h3>",
        f"<p>{_text(schema['description'])}</p>",
        f"<p><code>{schema['$id']}</code></p>",
    ]
    rows = "".join(
        f"<tr><td><code>{event.type}</code></td><td>{_text(event.meaning)}</td>"
        f"<td>{_text(event.authority)}</td></tr>"
        for event in events_of(model.kind)
    )
    parts.append(f"<table><tr><th>event<th>meaning<th>told by</tr>{rows}</table>")
    parts.append(_fields_html(model.kind, schema))
    shared: Json = {}
    for name, part in schema["$defs"].items():
        if "properties" in part:
            shared[name] = part
    for name, part in shared.items():
        parts.append(
            f'<details><summary id="{model.kind}-{name}">{name}</summary>'
            f"<p>{_text(part.get('description', ''))}</p>{_fields_html(model.kind, part)}</details>"
        )
    for name, document in samples.valid(model).items():
        text = html.escape(json.dumps(document, indent=2, ensure_ascii=False))
        parts.append(f"<details><summary>example: {name}</summary><pre>{text}</pre></details>")
    return "\n".join(parts) + "</section>"


def _fields_html(kind: str, node: Json) -> str:
    required = set(node.get("required", ()))
    rows = []
    for name, field in node["properties"].items():
        marks = " <b>required</b>" if name in required else ""
        marks += ' <span class="pii">personal</span>' if field.get("x-pii") else ""
        default = json.dumps(field["default"]) if "default" in field else ""
        words = ", ".join(field.get("enum", ()))
        about = _text(field.get("description", "")) + (f"<br><i>{words}</i>" if words else "")
        rows.append(
            f"<tr><td><code>{name}</code>{marks}</td><td>{_type(kind, field)}</td>"
            f"<td>{html.escape(default)}</td><td>{about}</td></tr>"
        )
    rules = "".join(f"<li><code>{html.escape(r)}</code></li>" for r in node.get("x-invariants", ()))
    always = f"<p>Always:</p><ul>{rules}</ul>" if rules else ""
    head = "<tr><th>field<th>type<th>default<th>meaning</tr>"
    return f"<table>{head}{''.join(rows)}</table>{always}"


def _type(kind: str, field: Json) -> str:
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f'<a href="#{kind}-{name}">{name}</a>'
    if field.get("type") == "array":
        return f"list of {_type(kind, field['items'])}"
    return str(field.get("type", "any"))


def _text(text: str) -> str:
    """Escaped, with `code` set as code."""
    pieces = html.escape(text).split("`")
    return "".join(
        f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces)
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Crossdock: the canonical language</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
td,th{border:1px solid #ccc;padding:.25rem .5rem;text-align:left;vertical-align:top}
th{background:#f2f2f2}code{font-size:.9em}pre{background:#f6f6f6;padding:.75rem;overflow:auto}
small{color:#666;font-weight:normal}.pii{color:#8a1c1c;font-size:.85em}
summary{cursor:pointer;font-weight:600;margin:.3rem 0}section{margin:2rem 0}
@media(prefers-color-scheme:dark){body{background:#161616;color:#ddd}th,pre{background:#262626}
a{color:#8ab4f8}td,th{border-color:#444}.pii{color:#f28b82}}
</style></head><body>
<h1>The canonical language</h1>
<p>Generated from the models by <code>crossdock schema export</code>. The closed producer profile is
shown; the consumer profile accepts unknown fields and unknown words. How to use both:
<a href="../guides/schemas.md">the guide for partners</a>.</p>
{{toc}}
{{body}}
</body></html>
"""

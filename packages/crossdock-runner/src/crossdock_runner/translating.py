"""`crossdock translate`: what does this payload say? Offline, for authors and for the curious."""

import sys
import traceback
from pathlib import Path
from typing import Any

from crossdock import jsontext, plugins
from crossdock.canonical import Order
from crossdock.connector import Ignore
from crossdock.errors import ContractError
from crossdock.events import Raw
from crossdock_stages.judgement.checks import Evidence, run
from crossdock_stages.translate import Said
from crossdock_stages.translate import say as events_of

from crossdock_runner.output import complain, print_json, say


def translate_file(
    connector_name: str, file: Path, *, topic: str, headers: list[str], as_json: bool
) -> int:
    """Exit code 0 when it could be read (also when it says nothing), 1 when it cannot be mapped."""
    connector = plugins.load([connector_name])[connector_name]
    if str(file) == "-":
        data = sys.stdin.buffer.read()
    elif file.is_file():
        data = file.read_bytes()
    else:
        complain(f"there is no file {file}")
        return 2
    fields: dict[str, str] = {}
    for header in headers:
        name, found, value = header.partition("=")
        if not found:
            complain(f"--header {header!r}: write it as Name=Value")
            return 2
        fields[name.strip().lower()] = value.strip()
    raw = Raw(topic, data=data, headers=fields)
    try:
        said = events_of(
            connector_name, connector, raw, source=f"crossdock://offline/{connector_name}"
        )
    except Ignore as reason:
        if as_json:
            print_json({"events": [], "ignored": str(reason)})
        else:
            say(f"no events: {reason}")
        return 0
    except ContractError as error:
        if as_json:
            print_json({"events": [], "error": error.message, "pointer": error.pointer})
        complain(str(error))
        return 1
    except Exception as error:  # noqa: BLE001 - the author's own fault is told, not ours
        where = "".join(traceback.format_list(traceback.extract_tb(error.__traceback__)[-3:]))
        fault = f"{type(error).__name__}: {error}"
        if as_json:
            print_json({"events": [], "error": fault, "pointer": None})
        complain(f"a fault in the mapping of {connector_name}: {fault}\n{where}".rstrip())
        return 1
    if as_json:
        print_json({"events": [_event(one) for one in said]})
        return 0
    for one in said:
        say(f"{one.envelope.name}  {one.envelope.subject}  revision {one.envelope.revision}")
        say(jsontext.dump(jsontext.parse(one.body)).decode())
        for verdict in _verdicts(one):
            say(f"    {verdict}")
    return 0


def _verdicts(one: Said) -> list[str]:
    """What the line's own checks would say to an order, where they were switched on."""
    if one.envelope.kind != "order":
        return []
    found = run(("payment", "tax", "shipping"), Order.parse(one.body), Evidence())
    then = {"hold": "it would wait"}
    return [
        f"check {verdict.check}: {then.get(verdict.outcome, 'a person would have to look')}: "
        f"{verdict.reason}"
        for verdict in found
        if verdict.outcome != "pass"
    ]


def _event(one: Said) -> dict[str, Any]:
    envelope = one.envelope
    return {
        "specversion": "1.0",
        "id": envelope.id,
        "source": envelope.source,
        "type": envelope.type,
        "subject": envelope.subject,
        "time": envelope.time,
        "dataschema": envelope.schema,
        "revision": envelope.revision,
        "checks": _verdicts(one),
        "data": jsontext.parse(one.body),
    }

"""A schema's findings in words: where, what was expected, what was found, what to write."""

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from crossdock import jsontext
from crossdock.canonical.codes import COUNTRY_HINTS, CURRENCY_HINTS
from crossdock.jsontext import pointer

MAX_FAULTS = 100
"""Of one document; then it is told that there are more."""

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


@lru_cache(maxsize=1)
def validator() -> Any:
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


def explain(error: Any) -> Iterator[Fault]:
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
            yield from explain(one)
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

"""Mapping coverage: what becomes of each field of a vendor's schema.

Nothing is claimed: each field of a sample is changed, and what changes in the events tells where
it went. A field that changes nothing must be ignored with a reason, or be shown to matter.

    ORDERS = Coverage(
        name="orders/create",
        samples=[ORDER],
        schema=fieldpaths.schema_fields(OPENAPI, "#/components/schemas/Order"),
        ignored={"/client_details/**": "the browser's, not the order's"},
    )

`python -m crossdock.testing.coverage FOLDER` prints the report of a connector; with `--write` it
also writes the fields of each topic beside the connector's modules (`fields.json`), by which the
line knows a field that is none of them (`Register(fields=…)`). With `--skeleton` it prints only
what is unexplained, as a mapping to be filled with reasons.
"""

import copy
import json
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any

from crossdock import fieldpaths, jsontext, plugins
from crossdock.connector import Connector, Ignore, Translates
from crossdock.errors import ContractError, RejectedError
from crossdock.testing.conformance import hostile
from crossdock.testing.conformance.subject import Sample
from crossdock.testing.printing import grouped, until_nobody_reads

_OTHERS: Mapping[str, tuple[Any, ...]] = {
    "str": (
        "kit-other",
        "12.34",
        "7",
        "2001-02-03T04:05:06Z",
        "2001-02-03 04:05:06",
        "Sat, 03 Feb 2001 04:05:06 +0000",
        "EUR",
        "DE",
        "cancelled",
        "",
        None,
    ),
    "bool": (True, False, None),
    "int": (4, 987654321, 0, None, "7"),
    "float": (4.5, 0.0, None, "7.5"),
    "NoneType": (
        "kit-other",
        "2001-02-03T04:05:06Z",
        "12.34",
        7,
        True,
        ["kit-other"],
        {"kit": "other"},
    ),
    "list": (["kit-other"], [{"kit": "other"}], None),
    "dict": ({"kit": "other"}, None),
}
_BY_TYPE: Mapping[str, tuple[Any, ...]] = {
    "string": _OTHERS["str"],
    "number": (4.5, 7, "7.5"),
    "integer": (7, 987654321, "7"),
    "boolean": (True, False),
    "array": _OTHERS["list"],
    "object": _OTHERS["dict"],
}


_WHOLE = re.compile(r"(/(\*|[^*/]+))+/\*\*")
"""A pattern for all that lies below a place."""
_REFUSED = ("(refused when wrong)",)


class UntranslatableError(Exception):
    """A sample that translate fails on as it stands; the message names both."""


@dataclass(frozen=True)
class CoverageReport:
    """What became of the fields of one schema, each by its pattern."""

    name: str
    mapped: Mapping[str, tuple[str, ...]]
    """Field to the canonical places that it changes; `(refused)` where a wrong value is refused."""
    extended: Mapping[str, tuple[str, ...]]
    told: Mapping[str, str]
    """Field to the author's word on what it is used for, where changing it alone shows nothing."""
    ignored: Mapping[str, str]
    unexplained: Sequence[str]
    stale: Sequence[str]
    """Patterns in `ignored` or `told` that name no field, or one that is mapped."""

    @property
    def checked(self) -> int:
        """How many of `mapped` show in no event: a wrong value is refused, another one is not."""
        return sum(to == _REFUSED for to in self.mapped.values())

    @property
    def explained(self) -> list[str]:
        """Those of which it is known what becomes of them."""
        return [*self.mapped, *self.extended, *self.told, *self.ignored]

    @property
    def fields(self) -> int:
        """How many there are."""
        return len(self.explained) + len(self.unexplained)

    def table(self) -> str:
        """As Markdown."""
        rows = [
            *(
                (place, "checked" if to == _REFUSED else "mapped", ", ".join(to))
                for place, to in self.mapped.items()
            ),
            *((place, "extended", ", ".join(to)) for place, to in self.extended.items()),
            *((place, "mapped", why) for place, why in self.told.items()),
            *((place, "ignored", why) for place, why in self.ignored.items()),
            *((place, "**unexplained**", "") for place in self.unexplained),
        ]
        lines = [f"| {place} | {what} | {where} |" for place, what, where in sorted(rows)]
        return "\n".join([f"| {self.name} | | where, or why not |", "|---|---|---|", *lines])


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """One vendor schema, and the words about those fields that are not mapped."""

    name: str
    samples: Sequence[Sample]
    """Of this schema; the richer, the more is seen by itself."""
    translate: Translates
    schema: Mapping[str, str] | None = None
    """Field patterns with JSON types (`fieldpaths.schema_fields`);
    None: the fields of the samples."""
    ignored: Mapping[str, str] = field(default_factory=dict)
    """Pattern (`/a/b`, `/lines/*/x`, `/client_details/**`) to the reason why it is left out."""
    told: Mapping[str, str] = field(default_factory=dict)
    """Pattern to what it is used for, where changing it alone shows nothing."""
    also: Sequence[str] = ()
    """Topics whose body is of the same schema, beside those of the samples."""

    def known(self) -> set[str]:
        """Every field that the schema or a sample has, as patterns."""
        found = {place for place in self.ignored if _WHOLE.fullmatch(place)}
        for sample in self.samples:
            found.update(fieldpaths.leaves(sample.raw().body))
        return found | set(self.schema or ())

    def report(self) -> CoverageReport:
        """Change every field in turn and see. Computed once."""
        return self._report

    @cached_property
    def _report(self) -> CoverageReport:
        parsed = [(sample, sample.raw().body) for sample in self.samples]
        bodies = [(sample, body, self._first(sample, body)) for sample, body in parsed]
        places: dict[str, str] = {}
        for _, body in parsed:
            for place, value in fieldpaths.leaves(body).items():
                places.setdefault(place, type(value).__name__)
        if self.schema is not None:
            places = {place: places.get(place, kind) for place, kind in self.schema.items()}
        mapped: dict[str, tuple[str, ...]] = {}
        extended: dict[str, tuple[str, ...]] = {}
        told: dict[str, str] = {}
        ignored: dict[str, str] = {}
        unexplained: list[str] = []
        used: set[str] = set()
        for place, kind in sorted(places.items()):
            few = self._word(self.ignored, place) is not None
            moved = self._moved(bodies, place, kind, few=few)
            plain = tuple(one for one in moved if not one.startswith("/extensions"))
            word = self._word(self.told, place)
            reason = self._word(self.ignored, place)
            if plain:
                mapped[place] = plain[:3]
            elif moved:
                extended[place] = moved[:3]
            elif word:
                told[place] = self.told[word]
                used.add(word)
            elif reason:
                ignored[place] = self.ignored[reason]
                used.add(reason)
            else:
                unexplained.append(place)
        stale = [one for one in (*self.told, *self.ignored) if one not in used]
        return CoverageReport(self.name, mapped, extended, told, ignored, unexplained, stale)

    def _word(self, words: Mapping[str, str], place: str) -> str | None:
        return next((one for one in words if fieldpaths.covers(one, place)), None)

    def _moved(
        self,
        bodies: Sequence[tuple[Sample, Any, "_Facts"]],
        place: str,
        kind: str,
        *,
        few: bool,
    ) -> tuple[str, ...]:
        """Where the events change when this field does, over all samples and other values.

        `few` values where nothing is expected to move.
        """
        for sample, body, before in bodies:
            for path in _paths(body, place):
                refused = False
                there = _there(body, path)
                old = hostile.at(body, path) if there else None
                others = _OTHERS.get(type(old).__name__, ()) if there else _BY_TYPE.get(kind, ())
                for other in (others or _BY_TYPE["string"])[: 4 if few else None]:
                    if there and other == old and type(other) is type(old):
                        continue
                    after = self._told(sample, _with(body, path, other))
                    if after == before:
                        continue
                    moved = _differences(_places(before), _places(after))
                    if moved and moved != _REFUSED:
                        return moved
                    refused = refused or bool(moved)
                if refused:  # by every other value that says anything
                    return _REFUSED
        return ()

    def _first(self, sample: Sample, body: Any) -> "_Facts":
        """What translate makes of a sample as it stands, which must be no fault."""
        try:
            told = self._told(sample, body)
            if told == "(refused)" and sample.says:
                list(self.translate(sample.raw()))
        except Exception as error:
            raise UntranslatableError(
                f"coverage {self.name!r}: sample {str(sample)!r} cannot be translated: "
                f"{type(error).__name__}: {error}"
            ) from error
        return told

    def _told(self, sample: Sample, body: Any) -> "_Facts":
        """What translate makes of it."""
        try:
            return [
                (e.type, e.native_id, e.revision, e.occurred_at, e.data.dump())
                for e in self.translate(sample.raw(jsontext.dump_quickly(body)))
            ]
        except Ignore:
            return "(ignored)"
        except (ContractError, RejectedError, ValueError):
            return "(refused)"


_Facts = list[tuple[str, str, Any, Any, bytes]] | str
"""Of each event its type, native id, revision, time and entity; or a word for none at all."""


def _places(facts: _Facts) -> dict[str, Any]:
    """Canonical places with their values, over all events."""
    if isinstance(facts, str):
        return {facts: True}
    found: dict[str, Any] = {}
    for type_, native_id, revision, occurred_at, data in facts:
        found[f"({type_})"] = True
        found["(native id)"] = native_id
        found["(revision)"] = revision
        found["(occurred_at)"] = occurred_at
        for place, value in fieldpaths.fields(jsontext.parse(data)):
            if isinstance(value, list):  # `fields` has no place for the plain values in it
                value = [one for one in value if not isinstance(one, dict | list)]
            if not isinstance(value, dict):
                found.setdefault(place, []).append(value)
    return found


def _paths(body: Any, place: str) -> list[hostile.Path]:
    """Where a pattern points in a document: the first three of each list. May not be there yet."""
    found: list[tuple[Any, hostile.Path]] = [(body, ())]
    parts = [one.replace("~1", "/").replace("~0", "~") for one in place.split("/")[1:]]
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        nearer: list[tuple[Any, hostile.Path]] = []
        for value, path in found:
            if part == "*" and isinstance(value, list):
                nearer += [(one, (*path, i)) for i, one in enumerate(value[:3])]
            elif part == "*" and isinstance(value, dict):
                nearer += [(one, (*path, key)) for key, one in [*value.items()][:3]]
            elif isinstance(value, dict) and (part in value or last):
                nearer.append((value.get(part), (*path, part)))
            elif isinstance(value, dict) and value.get(part) is None:
                nearer.append(({}, (*path, part)))
        found = nearer
    return [path for _, path in found if path]


def _there(body: Any, path: hostile.Path) -> bool:
    try:
        hostile.at(body, path)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def _with(body: Any, path: hostile.Path, value: Any) -> Any:
    """A copy with this value there, objects on the way made as needed; the rest is shared."""
    made = node = copy.copy(body)
    for step in path[:-1]:
        there = node.get(step) if isinstance(node, dict) else node[step]
        node[step] = copy.copy(there) if isinstance(there, dict | list) else {}
        node = node[step]
    node[path[-1]] = value
    return made


def _differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[str, ...]:
    if "(refused)" in after and "(refused)" not in before:
        return _REFUSED
    if "(ignored)" in after and "(ignored)" not in before:
        return ("(decides whether it is told)",)
    return tuple(sorted(key for key in {*before, *after} if before.get(key) != after.get(key)))


def reports(folder: Path) -> Iterator[CoverageReport]:
    """Of the connector in this folder, as its tests/test_conformance.py declares."""
    from crossdock.testing.conformance.__main__ import subject_of

    for coverage in subject_of(folder).coverage:
        yield coverage.report()


def known_fields(coverages: Sequence[Coverage]) -> dict[str, list[str] | str]:
    """The fields of each topic; for a topic with the body of another, that topic's name."""
    found: dict[str, set[str]] = {}
    for one in coverages:
        for topic in {*(sample.topic for sample in one.samples), *one.also}:
            found.setdefault(topic, set()).update(one.known())
    told: dict[str, list[str] | str] = {}
    for topic, fields in sorted(found.items()):
        twin = next((name for name in told if found[name] == fields), None)
        told[topic] = twin if twin is not None else sorted(fields)
    return told


def write_known_fields(folder: Path) -> Path:
    """Write fields.json of the connector in this folder; where it is."""
    from crossdock.testing.conformance.__main__ import subject_of

    (package,) = (one.parent for one in folder.glob("src/*/__init__.py"))
    file = package / "fields.json"
    told = known_fields(subject_of(folder).coverage)
    file.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return file


def translate_of(name: str) -> Translates:
    """A registered connector's translate."""
    connector: Connector = plugins.load([name])[name]
    return connector.translate


def _told_by(folder: Path) -> list[CoverageReport] | None:
    """The reports; None, and a word about it, when a sample cannot be translated."""
    try:
        return list(reports(folder))
    except UntranslatableError as error:
        cause = error.__cause__ or error
        frames = list(traceback.walk_tb(cause.__traceback__))
        near = [one for one in frames if folder in Path(one[0].f_code.co_filename).parents]
        at = f"\n  at {near[-1][0].f_code.co_filename}:{near[-1][1]}" if near else ""
        print(  # noqa: T201
            f"{error}{at}\n  mend translate, or the sample; "
            "`crossdock translate` shows one payload alone",
            file=sys.stderr,
        )
        return None


def main(arguments: list[str] | None = None) -> int:
    """Print the tables; exit code 1: a field is unexplained; 2: a sample cannot be translated."""
    given = sys.argv[1:] if arguments is None else arguments
    folders = [one for one in given if one not in {"--write", "--skeleton"}]
    bad = 0
    for folder in folders or ["."]:
        if "--write" in given:
            print(f"written: {write_known_fields(Path(folder).resolve())}\n")  # noqa: T201
        told = _told_by(Path(folder).resolve())
        if told is None:
            return 2
        for report in told:
            bad += len(report.unexplained) + len(report.stale)
            if "--skeleton" in given:
                left = dict.fromkeys(grouped(report.unexplained, report.explained), "")
                print(f"{report.name}\n{json.dumps(left, indent=4)}")  # noqa: T201
                continue
            print(report.table())  # noqa: T201 - the answer of this command
            print(  # noqa: T201
                f"\n{report.fields} fields: {len(report.mapped) + len(report.told)} mapped "
                f"({report.checked} of them only checked), {len(report.extended)} extended, "
                f"{len(report.ignored)} ignored, "
                f"{len(report.unexplained)} unexplained\n"
            )
            for stale in report.stale:
                print(f"stale: {stale} names no field, or one that is mapped")  # noqa: T201
    return 1 if bad else 0


if __name__ == "__main__":
    # a subject knows this module by its name, so its errors are that module's, not the script's
    raise SystemExit(until_nobody_reads(import_module("crossdock.testing.coverage").main))

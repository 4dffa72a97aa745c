"""`crossdock validate`: is this payload what the contract says? Any number of files, of any size.

JSON Lines are read line by line in constant memory: a line is bounded, faults are told as they are
found, and of the report for machines at most `KEPT` documents with faults are held.
"""

import hashlib
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from crossdock import jsontext, validation
from crossdock.errors import ConfigError, ContractError
from crossdock.schemas import PROFILES, Profile
from crossdock.validation import MAX_DOCUMENT, Contract, Fault, Verdict

from crossdock_runner.output import complain, print_json, say

KEPT = 1_000
"""Of documents with faults, how many the JSON report describes; all are counted."""

FORMATS = ("auto", "json", "jsonl")
_LINES = {".jsonl", ".ndjson"}
_PLACE = re.compile(r"([a-z_]+/v[0-9]+)/(?:schema|examples/)")


@dataclass
class _Report:
    as_json: bool
    documents: int = 0
    faulty: int = 0
    kept: list[dict[str, Any]] = field(default_factory=list)

    def add(self, where: str, verdict: Verdict) -> None:
        self.documents += 1
        if verdict.good:
            return
        self.faulty += 1
        if not self.as_json:
            say(f"{where}  {verdict.contract}".rstrip())
            for fault in verdict.faults:
                say(f"  {fault}")
            if verdict.more:
                say(f"  and more: only {len(verdict.faults)} are told")
        elif len(self.kept) < KEPT:
            self.kept.append(
                {
                    "document": where,
                    "contract": verdict.contract,
                    "faults": [asdict(fault) for fault in verdict.faults],
                    "more": verdict.more,
                }
            )


def validate_files(
    files: list[str],
    *,
    name: str | None,
    schema: Path | None,
    profile: str | None,
    format_: str,
    as_json: bool,
) -> int:
    """Exit code 0 when all are good, 1 when any is not, 2 when it was asked wrongly."""
    if profile is not None and profile not in PROFILES:
        complain(f"there is no profile {profile!r}; write producer or consumer")
        return 2
    if format_ not in FORMATS:
        complain(f"there is no format {format_!r}; write {', '.join(FORMATS)}")
        return 2
    if name is not None and schema is not None:
        complain("--as and --schema exclude each other: the one is ours, the other your own")
        return 2
    side: Profile | None = "consumer" if profile == "consumer" else None
    side = "producer" if profile == "producer" else side
    report = _Report(as_json)
    try:
        wanted = _wanted(name, schema, side)
        for path in _expand(files):
            _one_file(path, wanted, side, format_, report)
    except (ConfigError, ContractError) as error:
        complain(error.message)
        return 2
    if as_json:
        print_json(
            {
                "good": report.faulty == 0,
                "documents": report.documents,
                "faulty": report.faulty,
                "truncated": report.faulty > len(report.kept),
                "faults": report.kept,
            }
        )
    else:
        say(f"{report.documents} documents, {report.faulty} with faults")
    return 1 if report.faulty else 0


def _wanted(name: str | None, schema: Path | None, side: Profile | None) -> Contract | None:
    if name is not None:
        return validation.contract(name, side or "producer")
    if schema is None:
        return None
    if not schema.is_file():
        raise ConfigError(f"there is no file {schema}")
    with schema.open("rb") as stream:
        data = stream.read(MAX_DOCUMENT + 1)
    return validation.own_contract(validation.read(data, what=str(schema)), str(schema))


def _expand(files: list[str]) -> Iterator[str]:
    """Folders stand for the JSON files in them."""
    for name in files:
        path = Path(name)
        if name != "-" and path.is_dir():
            found = sorted(str(one) for one in path.rglob("*") if one.suffix in {".json", *_LINES})
            if not found:
                raise ConfigError(f"there are no .json or .jsonl files in {name}")
            yield from found
        elif name == "-" or path.is_file():
            yield name
        else:
            raise ConfigError(f"there is no file {name}")


def _one_file(
    name: str, wanted: Contract | None, side: Profile | None, format_: str, report: _Report
) -> None:
    if name == "-":
        _stream(sys.stdin.buffer, "-", wanted, side, format_, report)
        return
    path = Path(name)
    if wanted is None:
        if path.resolve().parent.name == "golden":
            _golden(path, report)
            return
        place = _PLACE.search(path.resolve().as_posix())
        if place is not None:
            if path.name.startswith("schema") or path.parent.name == "examples":
                _own_files(path, report)
                return
            wanted = validation.contract(place[1], side or "producer")
    if format_ == "auto" and path.suffix in _LINES:
        format_ = "jsonl"
    with path.open("rb") as stream:
        _stream(stream, name, wanted, side, format_, report)


def _own_files(path: Path, report: _Report) -> None:
    """A published schema, or the index of examples: judged as what they are."""
    value = validation.read(path.read_bytes(), what=str(path))
    if path.name.startswith("schema"):
        faults = tuple(validation.schema_faults(value))
        report.add(str(path), Verdict(contract="JSON Schema 2020-12", faults=faults))
        return
    missing = tuple(
        Fault(
            pointer=f"/{name}",
            rule="index",
            expected="must be an example beside it, with reason and pointer",
            found=validation.show(entry),
        )
        for name, entry in value.items()
        if not (path.with_suffix("") / name).is_file() or not {"reason", "pointer"} <= set(entry)
    )
    report.add(str(path), Verdict(contract="index of examples", faults=missing))


def _golden(path: Path, report: _Report) -> None:
    """What was ever released: documents and schemas, a line each, and the hashes of the files."""
    if path.suffix not in _LINES:
        value = validation.read(path.read_bytes(), what=str(path))
        hashes = value if path.name == "SHA256.json" else {}
        wrong = tuple(
            Fault(
                pointer=f"/{name}",
                rule="sha256",
                expected=f"{name} must be as it was released",
                found="another content",
            )
            for name, digest in hashes.items()
            if not (path.parent / name).is_file()
            or hashlib.sha256((path.parent / name).read_bytes()).hexdigest() != digest
        )
        report.add(str(path), Verdict(contract="of the golden corpus", faults=wrong))
        return
    with path.open("rb") as stream:
        for number, line in enumerate(iter(lambda: stream.readline(MAX_DOCUMENT + 1), b""), 1):
            where = f"{path}:{number}"
            one = validation.read(line, what=where)
            if "document" in one:
                wanted = validation.contract(f"{one['kind']}/v{one['major']}", "consumer")
                report.add(where, validation.judge(jsontext.dump(one["document"]), wanted))
            else:
                schema = one.get("schema", one)
                faults = tuple(validation.schema_faults(schema))
                report.add(where, Verdict(contract="JSON Schema 2020-12", faults=faults))


def _stream(
    stream: BinaryIO,
    name: str,
    wanted: Contract | None,
    side: Profile | None,
    format_: str,
    report: _Report,
) -> None:
    first = stream.readline(MAX_DOCUMENT + 1) if format_ == "auto" else b""
    if format_ == "auto" and _is_whole(first):
        number, rest = 2, stream.readline(MAX_DOCUMENT + 1)
        while rest and not rest.strip():
            number, rest = number + 1, stream.readline(MAX_DOCUMENT + 1)
        _judge(first, f"{name}:1" if rest else name, wanted, side, report)
        _lines(stream, name, wanted, side, report, rest, number)
    elif format_ == "jsonl":
        _lines(stream, name, wanted, side, report, stream.readline(MAX_DOCUMENT + 1), 1)
    else:
        data = first + stream.read(max(0, MAX_DOCUMENT + 1 - len(first)))
        _judge(data, name, wanted, side, report)


def _is_whole(line: bytes) -> bool:
    """Whether the first line is a JSON document of its own, so that more lines are more of them."""
    if not line.endswith(b"\n") or not line.strip():
        return False
    try:
        validation.read(line)
    except ContractError:
        return False
    return True


def _lines(
    stream: BinaryIO,
    name: str,
    wanted: Contract | None,
    side: Profile | None,
    report: _Report,
    line: bytes,
    number: int,
) -> None:
    while line:
        if line.strip():
            _judge(line, f"{name}:{number}", wanted, side, report)
        while len(line) > MAX_DOCUMENT and not line.endswith(b"\n"):
            line = stream.readline(MAX_DOCUMENT + 1)  # the rest of a line that is too long
        line = stream.readline(MAX_DOCUMENT + 1)
        number += 1


def _judge(
    data: bytes, where: str, wanted: Contract | None, side: Profile | None, report: _Report
) -> None:
    try:
        verdict = validation.judge(data, wanted, side)
    except ContractError as error:
        known = "--as order/v1, or send CloudEvents with a dataschema"
        raise ContractError(f"{where}: {error.message} by {known}") from None
    report.add(where, verdict)

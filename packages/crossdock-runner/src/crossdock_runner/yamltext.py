"""YAML as an integrator means it: positions kept, nothing clever, nothing silently misread.

Refused with line and column: aliases and anchors, tags, duplicate keys, more than one document,
and the words that YAML 1.1 reads as something else (`NO`, `on`, `012`). Plain `true`, `false`,
`null` and decimal numbers are what they look like; everything else is text.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_BYTES = 1024 * 1024
MAX_DEPTH = 32
MAX_DIGITS = 40

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Mark:
    """A place in the file, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True)
class Fault:
    """One thing wrong, fit to be printed: where, what, and what to write instead."""

    path: Path
    message: str
    mark: Mark | None = None

    @property
    def key(self) -> str:
        """`domains.orders.capture[1]`."""
        text = ""
        for part in self.path:
            text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
        return text


@dataclass
class Document:
    """The value of a file, and where each part of it stands."""

    value: Any = None
    marks: dict[Path, Mark] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def mark(self, path: Path) -> Mark | None:
        """The place of the nearest part that is written down."""
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks.get(path)


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_OLD_BOOLEANS = {"y", "n", "yes", "no", "on", "off"}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+([eE][-+]?[0-9]+)?")
_ODD_NUMBER = re.compile(
    r"[-+]?0[0-9]+|0[xob][0-9a-fA-F]+|[-+]?[0-9][0-9_]*_[0-9_]*|[0-9]+(:[0-5]?[0-9])+"
)


def read(text: str) -> Document:
    """Parse; every fault found is in `faults`, and `value` is as much as could be read."""
    document = Document()
    if len(text.encode("utf-8", "replace")) > MAX_BYTES:
        document.faults.append(Fault((), f"the file is larger than {MAX_BYTES} bytes"))
        return document
    try:
        _refuse_sharing(text, document)
        if document.faults:
            return document
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        document.faults.append(_syntax(error))
        return document
    if node is None:
        document.faults.append(Fault((), "the file is empty"))
        return document
    document.value = _value(node, (), document)
    return document


def _syntax(error: yaml.YAMLError) -> Fault:
    place = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return Fault((), f"not YAML: {problem}", None if place is None else _mark(place))


def _mark(place: Any) -> Mark:
    return Mark(place.line + 1, place.column + 1)


def _refuse_sharing(text: str, document: Document) -> None:
    """Look at the events first: an alias must be refused before anything is built from it."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        mark = _mark(event.start_mark)
        if isinstance(event, yaml.AliasEvent):
            message = f"the alias *{event.anchor} is not allowed here: write the value out"
            document.faults.append(Fault((), message, mark))
        elif getattr(event, "anchor", None):
            message = "anchors are not allowed here: write the value where it is used"
            document.faults.append(Fault((), message, mark))
        tag = getattr(event, "tag", None)
        if tag:
            message = f"the tag {tag} is not allowed here: write the plain value"
            document.faults.append(Fault((), message, mark))
        if isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            depth += 1
            if depth == MAX_DEPTH + 1:
                document.faults.append(Fault((), f"nests deeper than {MAX_DEPTH} levels", mark))
                return
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            depth -= 1


def _value(node: yaml.Node, path: Path, document: Document) -> Any:
    mark = _mark(node.start_mark)
    document.marks.setdefault(path, mark)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, i), document) for i, item in enumerate(node.value)]
    return _scalar(node, path, document, mark)


def _mapping(node: yaml.MappingNode, path: Path, document: Document) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key_node, value_node in node.value:
        mark = _mark(key_node.start_mark)
        if not isinstance(key_node, yaml.ScalarNode):
            document.faults.append(Fault(path, "a key must be a word", mark))
            continue
        key = key_node.value
        if key in out:
            first = document.marks[*path, key]
            message = f"the key is written twice; it stands on line {first.line} already"
            document.faults.append(Fault((*path, key), message, mark))
            continue
        document.marks[*path, key] = mark
        out[key] = _value(value_node, (*path, key), document)
    return out


def _scalar(node: Any, path: Path, document: Document, mark: Mark) -> Any:
    text: str = node.value
    if node.style in {"'", '"', "|", ">"}:
        return text
    if text in {"", "~", "null"}:
        return None
    if text in {"true", "false"}:
        return text == "true"
    if text.lower() in _OLD_BOOLEANS | {"true", "false", "null"}:
        message = f"{text!r} is read as a truth value by some and as a word by others: "
        message += f"write true, false, or '{text}' in quotes"
        document.faults.append(Fault(path, message, mark))
        return text
    if _ODD_NUMBER.fullmatch(text):
        message = f"{text!r} is read as different numbers by different readers: "
        message += f"write a plain decimal number, or '{text}' in quotes"
        document.faults.append(Fault(path, message, mark))
        return text
    if len(text) > MAX_DIGITS and (_INTEGER.fullmatch(text) or _FLOAT.fullmatch(text)):
        message = f"a number of {len(text)} characters: write it in quotes if text is meant"
        document.faults.append(Fault(path, message, mark))
        return text
    if _INTEGER.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    return text

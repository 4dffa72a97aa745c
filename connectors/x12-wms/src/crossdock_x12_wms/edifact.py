"""EDIFACT: text into interchanges, and back. Pure.

Facts (ISO 9735, and the documents in tests/documents): an UNA may announce other separators than
`:+.? '`; `?` releases the sign after it; UNT counts the segments of its message, UNH and itself
included; UNZ counts messages, or groups where there are any.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from crossdock.errors import ContractError
from crossdock.jsontext import shorten

from crossdock_x12_wms.envelopes import Document, Fault, Group, Interchange, Segment, Separators

DEFAULT = Separators("+", ":", "'", release="?")
_BLANKS = " \t\r\n"


def read(text: str) -> list[Interchange]:
    """Every interchange of a file. ContractError when something stands outside of any."""
    found: list[Interchange] = []
    at = 0
    while (at := _skip(text, at)) < len(text):
        if not text.startswith(("UNA", "UNB"), at):
            shown = shorten(text[at : at + 20])
            raise ContractError(
                f"/{at}: expected UNA or UNB at character {at + 1}, found {shown}",
                pointer=f"/{at}",
                value=shown,
            )
        found.append(_interchange(text, at))
        at = found[-1].end
    return found


def separators(text: str, at: int = 0) -> tuple[Separators, int]:
    """The signs, and where the segments begin. ContractError: an UNA that announces nonsense."""
    if not text.startswith("UNA", at):
        return DEFAULT, at
    signs = text[at + 3 : at + 9]
    component, element, _, release, repetition, segment = list(signs.ljust(6)[:6])
    if len(signs) < 6 or len({component, element, segment}) < 3 or any(s.isalnum() for s in signs):
        raise ContractError(
            f"/{at}/UNA: expected six separators, found {shorten(signs)}",
            pointer=f"/{at}/UNA",
            value=shorten(signs),
        )
    return Separators(element, component, segment, release.strip(), repetition.strip()), at + 9


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at


def split(text: str, sign: str, release: str) -> list[str]:
    """Parted at each sign that is not released; releases stay in the parts."""
    if not release or release not in text:
        return text.split(sign)
    parts: list[str] = []
    begin = at = 0
    while at < len(text):
        if text[at] == release:
            at += 2
            continue
        if text[at] == sign:
            parts.append(text[begin:at])
            begin = at + 1
        at += 1
    return [*parts, text[begin:]]


def unreleased(text: str, release: str) -> str:
    """A value without its release characters."""
    if not release or release not in text:
        return text
    signs = iter(text)
    return "".join([next(signs, "") if sign == release else sign for sign in signs])


def released(text: str, by: Separators) -> str:
    """A value in which every sign with a meaning is released, without control characters."""
    special = {by.element, by.component, by.segment, by.release} - {""}
    kept = (sign if sign.isprintable() else " " for sign in text)
    return "".join(by.release + sign if sign in special else sign for sign in kept).strip()


def _end_of(text: str, at: int, by: Separators) -> int:
    """Where the terminator of the segment at `at` stands; -1 when it does not end."""
    if not by.release:
        return text.find(by.segment, at)
    found = _body(by.segment, by.release).match(text, at)
    end = found.end() if found else at
    return end if text[end : end + 1] == by.segment else -1


@lru_cache(16)
def _body(segment: str, release: str) -> re.Pattern[str]:
    """Everything before a terminator that is not released."""
    end, mark = re.escape(segment), re.escape(release)
    return re.compile(f"(?:[^{end}{mark}]|{mark}.)*", re.DOTALL)


def _segments(text: str, at: int, by: Separators) -> Iterator[Segment]:
    number = 0
    while (at := _skip(text, at)) < len(text):
        end = _end_of(text, at, by)
        stop = len(text) if end < 0 else end
        raw = text[at:stop].rstrip(_BLANKS)
        if number and (raw.startswith("UNA") or raw.split(by.element)[0] == "UNB"):
            return
        tag, *values = split(raw, by.element, by.release)
        number += 1
        yield Segment(
            tag.strip(),
            tuple(_components(value, by) for value in values),
            number,
            at,
            min(stop + 1, len(text)),
        )
        if tag.strip() == "UNZ":
            return
        at = stop + 1


def _components(value: str, by: Separators) -> tuple[str, ...]:
    parts = split(value, by.component, by.release)
    return tuple(unreleased(part, by.release) for part in parts)


def _interchange(text: str, start: int) -> Interchange:
    by, at = separators(text, start)
    parts = list(_segments(text, at, by))
    if not parts or parts[0].tag != "UNB":
        raise ContractError(
            f"/{start}: expected UNB, found {shorten(text[at : at + 20])}",
            pointer=f"/{start}",
            value=shorten(text[at : at + 20]),
        )
    head = parts[0]
    documents, faults = _documents(parts[1:])
    ends = [one for one in parts if one.tag == "UNZ"]
    groups = sum(one.tag == "UNG" for one in parts)
    if not ends:
        faults.append(Fault("unended", f"interchange {head.get(5)} has no UNZ"))
    else:
        faults += _agree(ends[0], "UNZ", groups or len(documents), head.get(5))
    group = Group(
        id="",
        control=head.get(5),
        documents=tuple(documents),
        date=head.get(4),
        time=head.get(4, 2),
    )
    return Interchange(
        syntax="edifact",
        sender=head.get(2),
        sender_qualifier=head.get(2, 2),
        receiver=head.get(3),
        receiver_qualifier=head.get(3, 2),
        control=head.get(5),
        date=head.get(4),
        time=head.get(4, 2),
        separators=by,
        groups=(group,),
        faults=tuple(faults),
        start=start,
        end=parts[-1].end,
        test=head.get(11) == "1",
        heads=(head,),
    )


def _documents(parts: Sequence[Segment]) -> tuple[list[Document], list[Fault]]:
    documents: list[Document] = []
    faults: list[Fault] = []
    opened: list[Segment] = []

    def close(end: Segment | None) -> None:
        head = opened[0]
        what = f"{head.get(2)} {head.get(1)}"
        told = [Fault("unended", f"{head.at()}: {what} has no UNT")]
        if end is not None:
            told = _agree(end, "UNT", len(opened), head.get(1))
        version = ":".join(filter(None, (head.get(2, place) for place in (2, 3, 4, 5))))
        documents.append(Document(head.get(2), head.get(1), version, tuple(opened), tuple(told)))
        opened.clear()

    for one in parts:
        if opened and one.tag in {"UNH", "UNZ", "UNE", "UNG"}:
            close(None)
        if one.tag == "UNH":
            opened.append(one)
        elif opened:
            opened.append(one)
            if one.tag == "UNT":
                close(one)
        elif one.tag not in {"UNZ", "UNG", "UNE"}:
            faults.append(
                Fault("outside", f"{one.at()}: {shorten(one.tag)} stands outside of any message")
            )
    if opened:
        close(None)
    return documents, faults


def _agree(end: Segment, tag: str, count: int, control: str) -> list[Fault]:
    faults: list[Fault] = []
    said, repeated = end.get(1), end.get(2)
    what = "segments" if tag == "UNT" else "messages or groups"
    if not said.isdecimal() or int(said[:9]) != count:
        words = f"{end.at(1)}: {tag} says {shorten(said)} {what}, there are {count}"
        faults.append(Fault("count", words, tag))
    if repeated != control:
        words = f"{end.at(2)}: {tag} repeats {shorten(repeated)} instead of {shorten(control)}"
        faults.append(Fault("control", words, tag))
    return faults


Line = Sequence[str | Sequence[str]]
"""A segment to write: its tag and its elements; an element may be several components."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """Who writes to whom, and how."""

    sender: tuple[str, str]
    """Qualifier and identifier (UNB S002)."""
    receiver: tuple[str, str]
    syntax: str = "UNOC"
    test: bool = False
    by: Separators = DEFAULT
    newlines: bool = False


def write(
    head: Head, number: int, at: datetime, documents: Sequence[tuple[str, Iterable[Line]]]
) -> str:
    """One interchange. Each document is its type with version, `ORDERS:D:96A:UN`, and its body."""
    by = head.by
    control = str(number)
    lines: list[Line] = [
        [
            *("UNB", (head.syntax, "3"), (head.sender[1], head.sender[0])),
            *((head.receiver[1], head.receiver[0]), (f"{at:%y%m%d}", f"{at:%H%M}"), control),
            *(["", "", "", "", "", "1"] if head.test else []),
        ]
    ]
    for place, (type_, body) in enumerate(documents, 1):
        segments = list(body)
        lines += [
            ["UNH", str(place), type_.split(":")],
            *segments,
            ["UNT", str(len(segments) + 2), str(place)],
        ]
    lines.append(["UNZ", str(len(documents)), control])
    end = by.segment + ("\n" if head.newlines else "")
    una = "UNA" + by.component + by.element + "." + (by.release or " ") + (by.repetition or " ")
    return una + end + "".join(_line(one, by) + end for one in lines)


def _line(line: Line, by: Separators) -> str:
    values: list[str] = []
    for value in line:
        parts = [released(p, by) for p in ([value] if isinstance(value, str) else value)]
        while parts and not parts[-1]:
            parts.pop()
        values.append(by.component.join(parts))
    while values and not values[-1]:
        values.pop()
    return by.element.join(values)

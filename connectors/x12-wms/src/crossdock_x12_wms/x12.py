"""X12: text into interchanges, and back. Pure.

Facts (ASC X12.5, X12.6, and the documents in tests/documents): the ISA announces the separators;
padded it has 106 characters, but some partners do not pad it, so the sixteenth element separator
is looked for, not character 105. Terminators are `~`, a newline, or both. X12 has no release
character: what looks like a separator within a value becomes a blank when we write.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from crossdock.errors import ContractError
from crossdock.jsontext import shorten

from crossdock_x12_wms.envelopes import (
    Document,
    Fault,
    Group,
    Interchange,
    Segment,
    Separators,
)

GROUPS = {
    "846": "IB",
    "850": "PO",
    "856": "SH",
    "940": "OW",
    "943": "AR",
    "944": "RE",
    "945": "SW",
    "947": "AW",
    "997": "FA",
}
"""Functional identifier (element 479) of each transaction set that we write."""

DEFAULT = Separators("*", ">", "~", repetition="^")
_BLANKS = " \t\r\n"


def read(text: str) -> list[Interchange]:
    """Every interchange of a file. ContractError when something stands outside of any."""
    found: list[Interchange] = []
    at = 0
    while (at := _skip(text, at)) < len(text):
        if not text.startswith("ISA", at):
            raise ContractError(
                f"/{at}: expected ISA at character {at + 1}, found {shorten(text[at : at + 20])}",
                pointer=f"/{at}",
                value=shorten(text[at : at + 20]),
            )
        found.append(_interchange(text, at))
        at = found[-1].end
    return found


def separators(text: str, at: int = 0) -> Separators:
    """What the ISA at this offset announces, padded to 106 characters or not.

    ContractError: it is cut off before it has announced them.
    """
    element = text[at + 3 : at + 4]
    place = at + 3
    for _ in range(15):
        place = text.find(element, place + 1) if element else -1
        if place < 0 or place - at > 200:
            raise ContractError(
                f"/{at}/ISA: expected 16 elements, found {shorten(text[at : at + 106])}",
                pointer=f"/{at}/ISA",
                value=shorten(text[at : at + 106]),
            )
    component, segment = text[place + 1 : place + 2], text[place + 2 : place + 3]
    if not segment or len({element, component, segment}) < 3 or segment.isalnum():
        raise ContractError(
            f"/{at}/ISA/16: expected a component separator and a terminator, found "
            f"{shorten(text[place + 1 : place + 3])}",
            pointer=f"/{at}/ISA/16",
            value=shorten(text[place + 1 : place + 3]),
        )
    repetition = text[at:place].split(element)[11]
    usable = len(repetition) == 1 and not repetition.isalnum()
    return Separators(element, component, segment, repetition=repetition if usable else "")


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _BLANKS:
        at += 1
    return at


def _segments(text: str, at: int, by: Separators) -> Iterator[Segment]:
    """From the ISA at `at` to the IEA, to the next ISA, or to the end."""
    number = 0
    while (at := _skip(text, at)) < len(text):
        end = text.find(by.segment, at)
        stop = len(text) if end < 0 else end
        if number and text.startswith(f"ISA{by.element}", at):
            return
        raw = text[at:stop].rstrip(_BLANKS)
        values = raw.split(by.element)
        number += 1
        whole = values[0] == "ISA"  # its last element is the component separator itself
        yield Segment(
            values[0].strip(),
            tuple((v,) if whole else tuple(v.split(by.component)) for v in values[1:]),
            number,
            at,
            min(stop + 1, len(text)),
        )
        if values[0] == "IEA":
            return
        at = stop + 1


def _interchange(text: str, start: int) -> Interchange:
    by = separators(text, start)
    parts = list(_segments(text, start, by))
    head = parts[0]
    reading = _Reading()
    for one in parts[1:]:
        reading.take(one)
    reading.finish(head)
    return Interchange(
        syntax="x12",
        sender=head.get(6),
        receiver=head.get(8),
        sender_qualifier=head.get(5),
        receiver_qualifier=head.get(7),
        control=head.get(13),
        date=head.get(9),
        time=head.get(10),
        separators=by,
        groups=tuple(reading.groups),
        faults=tuple(reading.faults),
        start=start,
        end=parts[-1].end,
        test=head.get(15) == "T",
        heads=(head, *reading.heads),
    )


class _Reading:
    """Segments into groups and documents, and what does not fit."""

    def __init__(self) -> None:
        self.groups: list[Group] = []
        self.heads: list[Segment] = []
        self.faults: list[Fault] = []
        self._group: Segment | None = None
        self._documents: list[Document] = []
        self._open: list[Segment] = []
        self._ended = False

    def take(self, one: Segment) -> None:
        if self._open:
            self._open.append(one)
            if one.tag == "SE":
                self._close_document(one)
            elif one.tag in {"GE", "IEA", "ST"}:
                self._open.pop()
                self._close_document(None)
                self.take(one)
        elif one.tag == "TA1":
            self._notice(one)
        elif one.tag == "GS":
            if self._group is not None:
                self._close_group(None)
            self._group = one
            self.heads.append(one)
        elif one.tag == "ST":
            self._open = [one]
        elif one.tag == "GE":
            self._close_group(one)
        elif one.tag == "IEA":
            self._ended = True
            self._trailer = one
        else:
            self.faults.append(
                Fault("outside", f"{one.at()}: {shorten(one.tag)} stands outside of any document")
            )

    def finish(self, head: Segment) -> None:
        if self._open:
            self._close_document(None)
        if self._group is not None:
            self._close_group(None)
        if not self._ended:
            self.faults.append(Fault("unended", f"interchange {head.get(13)} has no IEA"))
            return
        self.faults += _agree(
            self._trailer, "IEA", len([g for g in self.groups if g.id]), head.get(13), "groups"
        )

    def _notice(self, one: Segment) -> None:
        notice = Document("TA1", one.get(1), "", (one,))
        self.groups.append(Group("", "", (notice,)))

    def _close_document(self, end: Segment | None) -> None:
        head, count = self._open[0], len(self._open)
        faults = [Fault("unended", f"{head.at()}: {head.get(1)} {head.get(2)} has no SE")]
        if end is not None:
            faults = _agree(end, "SE", count, head.get(2), "segments")
        version = self._group.get(8) if self._group is not None else ""
        self._documents.append(
            Document(head.get(1), head.get(2), version, tuple(self._open), tuple(faults))
        )
        self._open = []

    def _close_group(self, end: Segment | None) -> None:
        head = self._group
        if head is None:
            self.faults.append(Fault("outside", "a GE without a GS"))
            return
        faults = [Fault("unended", f"{head.at()}: group {head.get(6)} has no GE")]
        if end is not None:
            faults = _agree(end, "GE", len(self._documents), head.get(6), "documents")
        self.groups.append(
            Group(
                id=head.get(1),
                control=head.get(6),
                documents=tuple(self._documents),
                faults=tuple(faults),
                version=head.get(8),
                date=head.get(4),
                time=head.get(5),
            )
        )
        self._group, self._documents = None, []


def _agree(end: Segment, tag: str, count: int, control: str, what: str) -> list[Fault]:
    """A trailer must say the count and repeat the control number of its header."""
    faults: list[Fault] = []
    said, repeated = end.get(1), end.get(2)
    if not said.isdecimal() or int(said[:9]) != count:
        words = f"{end.at(1)}: {tag} says {shorten(said)} {what}, there are {count}"
        faults.append(Fault("count", words, tag))
    if repeated != control:
        words = f"{end.at(2)}: {tag} repeats {shorten(repeated)} instead of {shorten(control)}"
        faults.append(Fault("control", words, tag))
    return faults


Line = Sequence[str]
"""A segment to write: its tag and its elements."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """Who writes to whom, and how."""

    sender: tuple[str, str]
    """Qualifier and identifier (ISA05, ISA06)."""
    receiver: tuple[str, str]
    sender_group: str = ""
    """Application sender's code (GS02), where it is not the identifier."""
    receiver_group: str = ""
    version: str = "004010"
    test: bool = False
    by: Separators = DEFAULT
    newlines: bool = False
    """A newline after each terminator."""


def write(
    head: Head, number: int, at: datetime, documents: Sequence[tuple[str, Iterable[Line]]]
) -> str:
    """One interchange with one group. `number` is its control number, and the group's.

    Its documents must all be of one functional group.
    """
    by = head.by
    kind = documents[0][0]
    release = head.version[:5]
    eleven = by.repetition if release >= "00402" else "U"
    isa = [
        *("ISA", "00", " " * 10, "00", " " * 10),
        *(head.sender[0], head.sender[1].ljust(15)[:15]),
        *(head.receiver[0], head.receiver[1].ljust(15)[:15]),
        *(f"{at:%y%m%d}", f"{at:%H%M}", eleven, release, f"{number:09d}", "0"),
        *("T" if head.test else "P", by.component),
    ]
    lines: list[Line] = [
        [
            *("GS", GROUPS[kind], head.sender_group or head.sender[1]),
            *(head.receiver_group or head.receiver[1], f"{at:%Y%m%d}", f"{at:%H%M%S}"),
            *(str(number), "X", head.version),
        ]
    ]
    for place, (type_, body) in enumerate(documents, 1):
        segments = list(body)
        control = f"{place:04d}"
        lines += [["ST", type_, control], *segments, ["SE", str(len(segments) + 2), control]]
    lines += [["GE", str(len(documents)), str(number)], ["IEA", "1", f"{number:09d}"]]
    end = by.segment + ("\n" if head.newlines and by.segment != "\n" else "")
    return end.join([by.element.join(isa), *(_line(one, by) for one in lines)]) + end


def _line(line: Line, by: Separators) -> str:
    taken = {by.element, by.component, by.segment, by.repetition} - {""}
    values = [clean(value, taken) for value in line]
    while values and not values[-1]:
        values.pop()
    return by.element.join(values)


def clean(value: str, taken: Iterable[str]) -> str:
    """A value without control characters and separators, which X12 cannot release."""
    out = re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", value)
    for sign in taken:
        out = out.replace(sign, " ")
    return out.strip()

"""What X12 and EDIFACT have in common: segments, documents and their envelopes. Pure values.

Both syntaxes are read into the same `Interchange`; what differs is told in `x12` and `edifact`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from crossdock.errors import ContractError
from crossdock.jsontext import shorten

Syntax = Literal["x12", "edifact"]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Separators:
    """The signs that part an interchange; `release` and `repetition` may be empty."""

    element: str
    component: str
    segment: str
    release: str = ""
    repetition: str = ""


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment. `number` counts from 1 within its interchange; `start`, `end` are offsets."""

    tag: str
    elements: tuple[tuple[str, ...], ...]
    number: int = 0
    start: int = 0
    end: int = 0

    def get(self, element: int, component: int = 1) -> str:
        """The value of an element, counted from 1 as the standards do; "" when it is not there."""
        if not 0 < element <= len(self.elements):
            return ""
        parts = self.elements[element - 1]
        return parts[component - 1].strip() if 0 < component <= len(parts) else ""

    def at(self, element: int = 0) -> str:
        """Where a value stands, as a pointer: `/9/W12/03` is the third element of segment 9."""
        return f"/{self.number}/{self.tag}" + (f"/{element:02d}" if element else "")


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with an envelope. `code` is a word of ours; `acks` has the standards' codes."""

    code: Literal["unended", "count", "control", "outside", "unknown", "incomplete"]
    words: str
    segment: str = ""


@dataclass(frozen=True, slots=True)
class Document:
    """One transaction set or message, from ST to SE, from UNH to UNT."""

    type: str
    control: str
    version: str
    segments: tuple[Segment, ...]
    faults: tuple[Fault, ...] = ()

    def all(self, *tags: str) -> Iterator[Segment]:
        """Every segment with one of these tags."""
        return (one for one in self.segments if one.tag in tags)

    def first(self, tag: str, qualifier: str = "") -> Segment | None:
        """The first segment with this tag (and this value in its first element)."""
        return next((s for s in self.all(tag) if qualifier in ("", s.get(1))), None)

    def need(self, tag: str) -> Segment:
        """ContractError when there is none."""
        found = self.first(tag)
        if found is None:
            raise ContractError(
                f"{self.type} {self.control}: expected a segment {tag}, found none",
                pointer=f"/{tag}",
                value="nothing",
            )
        return found


@dataclass(frozen=True, slots=True)
class Group:
    """A functional group. EDIFACT mostly has none; then it stands for the interchange."""

    id: str
    control: str
    documents: tuple[Document, ...]
    faults: tuple[Fault, ...] = ()
    version: str = ""
    date: str = ""
    time: str = ""


@dataclass(frozen=True, slots=True)
class Interchange:
    """One envelope with all that is in it."""

    syntax: Syntax
    sender: str
    receiver: str
    control: str
    date: str
    time: str
    separators: Separators
    groups: tuple[Group, ...]
    start: int
    end: int
    test: bool = False
    faults: tuple[Fault, ...] = ()
    heads: tuple[Segment, ...] = field(default=(), repr=False)
    """Its header, and the headers of its groups, for texts cut out of it."""
    sender_qualifier: str = ""
    receiver_qualifier: str = ""

    @property
    def ended(self) -> bool:
        """Whether its trailer is there."""
        return not any(fault.code == "unended" for fault in self.faults)

    @property
    def serious(self) -> tuple[Fault, ...]:
        """Faults of the envelopes, for which nothing in them can be trusted."""
        return self.faults + tuple(fault for group in self.groups for fault in group.faults)


def required(segment: Segment, element: int, what: str, component: int = 1) -> str:
    """A value that must be there. ContractError names its place."""
    found = segment.get(element, component)
    if not found:
        raise ContractError(
            f"{segment.at(element)}: expected {what}, found nothing",
            pointer=segment.at(element),
            value="nothing",
        )
    return found


def wrong(segment: Segment, element: int, expected: str, found: object) -> ContractError:
    """The error for a value that cannot be read."""
    shown = shorten(found)
    where = segment.at(element)
    return ContractError(f"{where}: expected {expected}, found {shown}", pointer=where, value=shown)


def only(found: Sequence[T], what: str) -> T:
    """The one there is. ContractError when there are none or several."""
    if len(found) != 1:
        raise ContractError(
            f"/: expected one {what}, found {len(found)}", pointer="/", value=len(found)
        )
    return found[0]

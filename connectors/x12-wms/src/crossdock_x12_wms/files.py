"""A file's bytes: which syntax, is it whole, and each document with its own envelope. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from crossdock.errors import ContractError
from crossdock.jsontext import shorten

from crossdock_x12_wms import edifact, x12
from crossdock_x12_wms.envelopes import Document, Group, Interchange

_LONGEST_HEADER = 200
_UNFINISHED = (".tmp", ".part", ".partial", ".filepart", ".writing", "~")
"""How names end that are still being written; hidden ones are, too."""


def is_named_whole(name: str) -> bool:
    """Whether a partner that writes under another name first is done with this file."""
    return not name.startswith((".", "~")) and not name.lower().endswith(_UNFINISHED)


def decode(data: bytes) -> str:
    """UTF-8 where it is; else Latin-1, which has a character for every byte."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def interchanges(text: str) -> list[Interchange]:
    """Every interchange of a file. ContractError when it is neither X12 nor EDIFACT."""
    start = text.lstrip()[:3]
    if start == "ISA":
        return x12.read(text)
    if start in {"UNA", "UNB"}:
        return edifact.read(text)
    raise ContractError(
        f"/0: expected ISA, UNA or UNB, found {shorten(text[:40])}; this is no EDI file",
        pointer="/0",
        value=shorten(text[:40]),
    )


def is_whole(data: bytes) -> bool:
    """Whether nothing more need be awaited: the last interchange has its trailer, or it is no EDI.

    A file that begins as EDI and has no IEA or UNZ yet is still being written.
    """
    text = decode(data)
    start = text.lstrip()[:3]
    if not start or any(start != name and name.startswith(start) for name in ("ISA", "UNA", "UNB")):
        return False
    if start not in {"ISA", "UNA", "UNB"}:
        return True
    try:
        found = interchanges(text)
    except ContractError as error:
        # the header of its last interchange may be half-written; anything before it is just wrong
        at = error.pointer.split("/")[1]
        return not at.isdecimal() or len(text) - int(at) > _LONGEST_HEADER
    last = found[-1] if found else None
    if last is None or not last.ended:
        return False
    # a trailer without its terminator is all there when it repeats what its header says
    return text[last.end - 1] == last.separators.segment or not last.faults


@dataclass(frozen=True)
class Cut:
    """One document cut out of a file: a whole interchange of its own, in the sender's own bytes."""

    text: str
    interchange: Interchange
    group: Group
    document: Document

    @property
    def id(self) -> str:
        """Equal for two deliveries of the same: parties, interchange, group and document number."""
        one = self.interchange
        numbers = (one.control, self.group.control, self.document.control)
        return ":".join((one.sender, one.receiver, self.document.type, *numbers))


def cuts(text: str, interchange: Interchange) -> Iterator[Cut]:
    """Each document of an interchange, so that one bad document holds up no other.

    Its segments and headers are the sender's own text; trailers are made for what they then hold.
    """
    alone = sum(len(group.documents) for group in interchange.groups) == 1
    for group in interchange.groups:
        for document in group.documents:
            if alone:
                whole = text[interchange.start : interchange.end]
            else:
                whole = _enveloped(text, interchange, group, document)
            yield Cut(whole, interchange, group, document)


def _enveloped(text: str, one: Interchange, group: Group, document: Document) -> str:
    body = text[document.segments[0].start : document.segments[-1].end]
    head = text[one.start : one.heads[0].end]
    by = one.separators
    if one.syntax == "edifact":
        return head + body + by.segment.join((f"UNZ{by.element}1{by.element}{one.control}", ""))
    opening = next((h for h in one.heads[1:] if h.get(6) == group.control), None)
    groups = ""
    if opening is not None:
        head += text[opening.start : opening.end]
        groups = f"GE{by.element}1{by.element}{group.control}{by.segment}"
    count = "1" if opening is not None else "0"
    return head + body + groups + f"IEA{by.element}{count}{by.element}{one.control}{by.segment}"

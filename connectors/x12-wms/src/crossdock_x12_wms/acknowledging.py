"""Acknowledgements of syntax: 997 and CONTRL, what we answer and what we are answered. Pure.

They say whether a document could be read, not whether it will be done. Codes: ASC X12 elements 715
to 718, 720; UN/EDIFACT 0083 and 0085 (syntax 3).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from crossdock_x12_wms.envelopes import Document, Fault, Group, Interchange

_X12 = ("846", "856", "944", "945", "947", "997", "TA1")
READ = frozenset({*_X12, "DESADV", "INVRPT", "RECADV", "CONTRL"})
"""Transaction sets and messages that we read."""
OPENING = {
    "846": "BIA",
    "856": "BSN",
    "944": "W17",
    "945": "W06",
    "947": "W15",
    "DESADV": "BGM",
    "INVRPT": "BGM",
    "RECADV": "BGM",
}
"""The segment without which a document says nothing."""
_ANSWERS = frozenset({"997", "TA1", "CONTRL"})
_AK5 = {"unended": "2", "control": "3", "count": "4", "unknown": "1", "incomplete": "5"}
_UCM = {"unended": "13", "control": "28", "count": "29", "unknown": "15", "incomplete": "13"}
_AK9 = {"unended": "3", "control": "4", "count": "5"}
_WORDS = {
    "1": "transaction set not supported",
    "2": "its trailer is missing",
    "3": "control numbers of header and trailer differ",
    "4": "the number of segments is wrong",
    "5": "one or more segments are in error",
}
_AK304 = {
    "1": "unknown segment",
    "2": "unexpected segment",
    "3": "mandatory segment is missing",
    "4": "the loop occurs too often",
    "5": "the segment occurs too often",
    "6": "the segment is not in this transaction set",
    "7": "the segment is out of sequence",
    "8": "it has elements in error",
}
_AK403 = {
    "1": "mandatory element is missing",
    "2": "a condition between elements is broken",
    "3": "too many elements",
    "4": "element too short",
    "5": "element too long",
    "6": "invalid character",
    "7": "invalid code value",
    "8": "invalid date",
    "9": "invalid time",
    "10": "exclusion condition violated",
}


def faults(document: Document, known: frozenset[str] = READ) -> tuple[Fault, ...]:
    """All that is wrong with a document's syntax; only `known` ones can be read."""
    found = list(document.faults)
    opening = OPENING.get(document.type)
    if document.type not in known:
        found.append(Fault("unknown", f"{document.type} is none of the documents read here"))
    elif opening is not None and document.first(opening) is None:
        found.append(Fault("incomplete", f"{document.type} has no {opening}", opening))
    return tuple(found)


def is_answer(document: Document) -> bool:
    """Whether it is itself an acknowledgement; those are never acknowledged."""
    return document.type in _ANSWERS


def answer_x12(group: Group, known: frozenset[str] = READ) -> list[list[str]]:
    """The body of a 997 for a functional group."""
    version = [group.version] if group.version >= "00501" else []
    lines = [["AK1", group.id, group.control, *version]]
    good = 0
    for document in group.documents:
        lines.append(["AK2", document.type, document.control])
        found = faults(document, known)
        lines += [
            ["AK3", fault.segment, "2", "", "3"] for fault in found if fault.code == "incomplete"
        ]
        codes = [_AK5[f.code] for f in found if f.code in _AK5][:5]
        lines.append(["AK5", "R", *codes] if codes else ["AK5", "A"])
        good += not codes
    count = str(len(group.documents))
    serious = [_AK9[f.code] for f in group.faults if f.code in _AK9][:5]
    verdict = "A" if good == len(group.documents) and not serious else "P" if good else "R"
    lines.append(["AK9", verdict, count, count, str(good), *serious])
    return lines


def answer_edifact(
    one: Interchange, known: frozenset[str] = READ
) -> list[list[str | Sequence[str]]]:
    """The body of a CONTRL for an interchange."""
    documents = [d for group in one.groups for d in group.documents]
    refused = bool(one.faults)
    uci: list[str | Sequence[str]] = [
        *("UCI", one.control, (one.sender, one.sender_qualifier)),
        *((one.receiver, one.receiver_qualifier), "4" if refused else "7"),
    ]
    if refused:
        return [[*uci, _UCM.get(one.faults[0].code, "12")]]
    lines: list[list[str | Sequence[str]]] = [uci]
    for document in documents:
        head = document.segments[0]
        names = tuple(head.get(2, place) for place in (1, 2, 3, 4, 5))
        codes = [_UCM.get(fault.code, "12") for fault in faults(document, known)][:1]
        lines.append(["UCM", document.control, names, *(["4", *codes] if codes else ["7"])])
    return lines


@dataclass(frozen=True)
class Verdict:
    """What a partner says of something we sent. `control` is our control number."""

    control: str
    accepted: bool
    words: str


def verdicts(document: Document) -> Iterator[Verdict]:
    """What an acknowledgement says, one verdict for each group or interchange that it answers."""
    if document.type == "997":
        yield from _of_997(document)
    elif document.type == "CONTRL":
        yield from _of_contrl(document)
    elif document.type == "TA1":
        head = document.segments[0]
        code, note = head.get(4), head.get(5)
        yield Verdict(_plain(head.get(1)), code in {"A", "E"}, f"TA1 {code} with note {note}")


def _of_997(document: Document) -> Iterator[Verdict]:
    control = ""
    words: list[str] = []
    for one in document.segments:
        if one.tag == "AK1":
            control, words = _plain(one.get(2)), []
        elif one.tag == "AK3":
            said = _AK304.get(one.get(4), f"code {one.get(4)}")
            words.append(f"segment {one.get(2)} {one.get(1)}: {said}")
        elif one.tag == "AK4":
            said = _AK403.get(one.get(3), f"code {one.get(3)}")
            value = f", found {one.get(4)}" if one.get(4) else ""
            words.append(f"element {one.get(1)}: {said}{value}")
        elif one.tag == "AK5" and one.get(1) not in {"A", ""}:
            codes = [one.get(place) for place in range(2, 7) if one.get(place)]
            words += [_WORDS.get(code, f"code {code}") for code in codes]
        elif one.tag == "AK9":
            codes = [one.get(place) for place in range(5, 10) if one.get(place)]
            words += [f"group code {code}" for code in codes]
            said = "; ".join(dict.fromkeys(words)) or "without a reason"
            yield Verdict(control, one.get(1) in {"A", "E"}, f"{one.get(1)}: {said}")


def _of_contrl(document: Document) -> Iterator[Verdict]:
    head = document.first("UCI")
    if head is None:
        return
    answers = [(head, 4, 5), *((one, 3, 4) for one in document.all("UCM", "UCF"))]
    bad = [
        f"{one.tag} {one.get(1)} action 4, error {one.get(error) or 'not told'}"
        for one, action, error in answers
        if one.get(action) == "4"
    ]
    words = "; ".join(bad) or f"action {head.get(4)}"
    yield Verdict(_plain(head.get(1)), not bad, words)


def _plain(control: str) -> str:
    """A control number without the zeros before it."""
    return control.lstrip("0") or control

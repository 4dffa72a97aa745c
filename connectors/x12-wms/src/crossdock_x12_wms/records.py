"""From a partner's file to records: one for each document, so that a bad one holds up no other.

A record is JSON: `text`, the document in the sender's own words; `rules`, how this partner is read;
and what we asked, where the document answers something: so that `translate` needs nothing else.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Annotated

from crossdock.errors import ContractError
from crossdock.identity import fingerprint
from crossdock.reading import Required, Text, TypedDict, pattern

from crossdock_x12_wms import acknowledging, files, reading_edifact, reading_x12
from crossdock_x12_wms.advices import Shipment
from crossdock_x12_wms.envelopes import Document
from crossdock_x12_wms.rules import Rules, Told

UNREADABLE = "unreadable"
SHORT = "short"
SHIPMENTS = frozenset({"945", "856", "DESADV"})
OVERDUE = "overdue"
BACKORDER = frozenset({"BP", "BK", "BO", "BM", "OF", "FS", "PR", "SS"})
"""Codes (368, 4221) by which a warehouse says that the rest will follow."""

Body = Annotated[str, pattern(r"^[\s\S]*$", "the text of a document")]


class AskedLine(TypedDict, total=False):
    """A line as we asked for it."""

    line_id: Required[Text]
    sku: Required[Text]
    quantity: Required[Text]
    unit: Text


class Asked(TypedDict, total=False):
    """What we asked of the warehouse, as far as its answer needs it."""

    kind: Required[Text]
    id: Required[Text]
    """Canonical id of the fulfilment order or transfer."""
    number: Required[Text]
    """What people call it: the order's number."""
    order: Text
    """Canonical id of the order."""
    lines: list[AskedLine]


class Answers(TypedDict, total=False):
    """The document of ours that an acknowledgement, or its absence, is about."""

    document: Required[Text]
    number: Required[Text]
    control: Required[Text]
    sent_at: Text


class Record(TypedDict, total=False):
    """One document as it is landed."""

    text: Required[Body]
    rules: Told
    asked: Asked | None
    answers: list[Answers]


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A record before it is known what we asked."""

    topic: str
    text: str
    key: str
    delivery_id: str
    answers_to: str = ""
    """Our number that the document names."""
    controls: tuple[str, ...] = ()
    """Control numbers of ours that it acknowledges."""
    sent: tuple[str, str] = ("", "")
    """Date and time of its group."""


def shipment(document: Document, rules: Rules) -> Shipment:
    """What a 945, 856 or DESADV says."""
    readers = {"945": reading_x12.shipment, "856": reading_x12.ship_notice}
    return readers.get(document.type, reading_edifact.shipment)(document, rules)


def short_lines(told: Shipment) -> tuple[str, ...]:
    """Lines of which something is missing and nobody says that it will follow, in words."""
    return tuple(
        f"{line.sku}: {line.shipped:f} of {line.ordered:f}"
        + (f" (status {line.status})" if line.status else "")
        for line in told.lines
        if line.short and line.status not in BACKORDER and line.ordered is not None
    )


def drafts(data: bytes, rules: Rules, *, us: str = "", them: str = "") -> Iterator[Draft]:
    """The records of one file. What cannot be taken apart is one record, whole.

    `us` and `them` are the identifiers that an interchange must bear; "" takes any.
    """
    text = files.decode(data)
    try:
        found = files.interchanges(text)
    except ContractError:
        yield _whole(text)
        return
    if not found:
        yield _whole(text)
    for one in found:
        ours = us in ("", one.receiver) and them in ("", one.sender)
        spoilt = rules.unforgiven(one.serious)
        documents = [d for group in one.groups for d in group.documents]
        if not ours or spoilt or not documents:
            yield _whole(text[one.start : one.end])
            continue
        for cut in files.cuts(text, one):
            yield from _of(cut, rules)


def _whole(text: str) -> Draft:
    mark = fingerprint(text.encode())[:32]
    return Draft(
        topic=UNREADABLE, text=text, key=f"{UNREADABLE}:{mark}", delivery_id=f"{UNREADABLE}:{mark}"
    )


def _of(cut: files.Cut, rules: Rules) -> Iterator[Draft]:
    document = cut.document
    number = names(document)
    own = Draft(
        topic=document.type,
        text=cut.text,
        key=f"{document.type}:{number or document.control}"[:180],
        delivery_id=cut.id,
        answers_to=number,
        controls=tuple(dict.fromkeys(v.control for v in acknowledging.verdicts(document))),
        sent=(cut.group.date or cut.interchange.date, cut.group.time or cut.interchange.time),
    )
    yield own
    if document.type in SHIPMENTS and _is_short(document, rules):
        yield replace(own, topic=SHORT, delivery_id=f"{SHORT}:{cut.id}")


def _is_short(document: Document, rules: Rules) -> bool:
    try:
        return bool(short_lines(shipment(document, rules)))
    except ContractError:
        return False  # its own record tells what is wrong with it


def shipment_number(document: Document) -> str:
    """The warehouse's own number of a shipment."""
    tag, element = {"945": ("W06", 4), "856": ("BSN", 2), "DESADV": ("BGM", 2)}[document.type]
    head = document.first(tag)
    return head.get(element) if head is not None else ""


def names(document: Document) -> str:
    """The number by which a document says what it is about: ours where it answers something."""
    places: Mapping[str, tuple[str, int]] = {
        "945": ("W06", 2),
        "944": ("W17", 4),
        "846": ("BIA", 3),
        "947": ("W15", 2),
        "INVRPT": ("BGM", 2),
    }
    if document.type == "856":
        return next((one.get(1) for one in document.all("PRF") if one.get(1)), "")
    if document.type in {"DESADV", "RECADV"}:
        wanted = ("ON", "CO", "AAK", "DQ", "ALO")
        found = {one.get(1): one.get(1, 2) for one in document.all("RFF")}
        return next((found[name] for name in wanted if found.get(name)), "")
    tag, element = places.get(document.type, ("", 0))
    head = document.first(tag) if tag else None
    return head.get(element) if head is not None else ""

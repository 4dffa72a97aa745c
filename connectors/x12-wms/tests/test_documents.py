"""The published documents, and the two syntaxes: what is written reads as it was meant."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import crossdock
import pytest
from crossdock.errors import ContractError, RejectedError
from crossdock_x12_wms import edifact, files, records, x12
from crossdock_x12_wms.envelopes import Separators
from crossdock_x12_wms.mapping import translate
from crossdock_x12_wms.rules import Rules
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

DOCUMENTS = Path(__file__).parent / "documents"
SAMPLES = Path(__file__).parent / "samples"
ALL = sorted([*DOCUMENTS.glob("*.edi"), *DOCUMENTS.glob("*.txt"), *SAMPLES.glob("*.edi")])
NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
KNOWN_FAULTS = {
    "940-warehouse-order.x12-types.edi": ["IEA repeats", "GE repeats"],
    "945-warehouse-advice.x12-types.edi": ["SE says '12' segments, there are 16"],
}


def text_of(name: str) -> str:
    return files.decode((DOCUMENTS / name).read_bytes())


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_every_document_is_read_whole(path: Path) -> None:
    """Each segment is at its place, and what is wrong is exactly what ORIGIN.md says."""
    data = path.read_bytes()
    assert files.is_whole(data)
    text = files.decode(data)
    found = files.interchanges(text)
    documents = [d for one in found for group in one.groups for d in group.documents]
    assert documents
    faults = [f.words for one in found for f in one.serious]
    faults += [f.words for d in documents for f in d.faults]
    wanted = KNOWN_FAULTS.get(path.name, [])
    assert len(faults) == len(wanted)
    assert all(words in fault for words, fault in zip(wanted, faults, strict=True))
    for document in documents:
        for segment in document.segments:
            assert text[segment.start :].startswith(segment.tag)


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_cut_off_anywhere_it_is_not_whole(path: Path) -> None:
    """No beginning of a file is taken for the file, but for a trailer without its terminator."""
    data = path.read_bytes().rstrip()
    several = len(files.interchanges(files.decode(data)))
    step = 1 + len(data) // 700
    ends = sorted({*range(0, len(data), step), *range(len(data) - 60, len(data))})
    wholes = [end for end in ends if end >= 0 and files.is_whole(data[:end])]
    inner = [end for end in wholes if end < len(data) - 1]
    # a file of several interchanges may be cut exactly between two of them
    assert len(inner) <= 4 * (several - 1)
    for end in range(0, len(data), 11):
        try:
            list(translate(crossdock.Raw("", data=data[:end])))
        except (ContractError, crossdock.Ignore):
            continue


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.name)
def test_documents_of_a_file_are_cut_apart_without_a_loss(path: Path) -> None:
    """Each piece is an interchange of its own, with exactly the sender's segments."""
    text = files.decode(path.read_bytes())
    for one in files.interchanges(text):
        for cut in files.cuts(text, one):
            (again,) = files.interchanges(cut.text)
            (group,) = (g for g in again.groups if g.documents)
            (document,) = group.documents
            assert [(s.tag, s.elements) for s in document.segments] == [
                (s.tag, s.elements) for s in cut.document.segments
            ]
            assert (again.sender, again.receiver, again.control) == (
                one.sender,
                one.receiver,
                one.control,
            )


def test_the_945_is_read_though_it_is_not_padded() -> None:
    (one,) = files.interchanges(text_of("945-warehouse-advice.x12-types.edi"))
    assert (one.sender, one.receiver, one.control) == ("YOUR-ID-HERE", "WAQE", "043000123")
    told = records.shipment(one.groups[0].documents[0], Rules())
    assert (told.number, told.order_number, told.purchase_order) == ("BOL12345", "IF102", "PO9865")
    assert told.carrier == "NPLT"
    (line,) = told.lines
    assert (line.sku, line.shipped, line.ordered, line.lot, line.status) == (
        "123456789",
        Decimal(3000),
        Decimal(3000),
        "LOT12314",
        "CC",
    )


def test_the_940_declares_a_backslash() -> None:
    (one,) = files.interchanges(text_of("940-warehouse-order.x12-types.edi"))
    assert one.separators == Separators("*", "\\", "~")
    assert [s.tag for s in one.groups[0].documents[0].segments][:3] == ["ST", "W05", "N1"]


def test_the_856s_tree_is_built_from_its_parents() -> None:
    text = text_of("997-855-856-810.short-ship.mock-edi.edi")
    cut = next(
        cut
        for one in files.interchanges(text)
        for cut in files.cuts(text, one)
        if cut.document.type == "856"
    )
    told = records.shipment(cut.document, Rules())
    assert (told.number, told.order_number) == ("SHP8000003", "4500000099")
    assert [(line.sku, line.shipped, line.ordered) for line in told.lines] == [
        ("WIDGET-001", 80, 100),
        ("WIDGET-002", 8, 10),
    ]
    assert records.short_lines(told) == ("WIDGET-001: 80 of 100", "WIDGET-002: 8 of 10")


def test_recadv_releases_an_apostrophe_and_names_articles_by_pia() -> None:
    (one,) = files.interchanges(text_of("recadv.smooks.txt"))
    document = one.groups[0].documents[0]
    supplier = document.first("NAD", "SU")
    assert supplier is not None
    assert supplier.get(4) == "CSP test d'This is also a test section"
    assert document.version == "D:01B:UN:EAN007"


PLAIN = st.text(
    st.characters(min_codepoint=33, max_codepoint=0x17F, exclude_characters="*~>^\x7f"),
    min_size=1,
    max_size=12,
).filter(lambda text: not any("\x7f" <= sign <= "\x9f" for sign in text) and text.strip() == text)
HOSTILE = st.text(
    st.characters(min_codepoint=32, max_codepoint=0x17F), min_size=1, max_size=12
).filter(lambda text: text.strip() == text and text.isprintable())


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(PLAIN, PLAIN), min_size=1, max_size=4), st.booleans())
def test_x12_reads_what_it_wrote(values: list[tuple[str, str]], newlines: bool) -> None:
    head = x12.Head(sender=("ZZ", "A"), receiver=("01", "B"), newlines=newlines, version="005010")
    body = [["N9", one, "", two] for one, two in values]
    (one,) = x12.read(x12.write(head, 42, NOON, [("940", body)]))
    (group,) = one.groups
    (document,) = group.documents
    assert not one.serious
    assert not document.faults
    assert (one.sender, one.receiver_qualifier, one.control) == ("A", "01", "000000042")
    assert one.separators.repetition == "^"
    assert [(s.get(1), s.get(3)) for s in document.segments[1:-1]] == values


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(HOSTILE, HOSTILE), min_size=1, max_size=4), st.booleans())
def test_edifact_reads_what_it_wrote_whatever_it_is(
    values: list[tuple[str, str]], own: bool
) -> None:
    """Every sign with a meaning is released, under the usual separators and under others."""
    by = Separators("|", ";", "#", release="!") if own else edifact.DEFAULT
    head = edifact.Head(sender=("14", "A"), receiver=("ZZ", "B"), by=by)
    body: list[Any] = [["FTX", one, (two, "x", one)] for one, two in values]
    (one,) = edifact.read(edifact.write(head, 42, NOON, [("ORDERS:D:96A:UN", body)]))
    (document,) = one.groups[0].documents
    assert not one.serious
    assert not document.faults
    assert one.separators.element == by.element
    assert [(s.get(1), s.get(2), s.get(2, 3)) for s in document.segments[1:-1]] == [
        (one, two, one) for one, two in values
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ISA", "expected 16 elements"),
        ("ISA*00*", "expected 16 elements"),
        ("hello", "this is no EDI file"),
        ("UNA:+.? 'UNH+1'", "expected UNB"),
        ("UNAabcdef", "expected six separators"),
        ("ISA*00**00**ZZ*A*ZZ*B*260101*0000*U*00401*1*0*P*AB", "component separator"),
        (x12.write(x12.Head(sender=("ZZ", "A"), receiver=("ZZ", "B")), 1, NOON, [("945", [])])
         + "garbage", "expected ISA at character"),
    ],
)  # fmt: skip
def test_what_is_no_interchange_is_told(text: str, words: str) -> None:
    with pytest.raises(ContractError, match=words) as told:
        files.interchanges(text)
    assert told.value.pointer


def test_two_interchanges_are_parted_though_the_first_has_no_end() -> None:
    text = text_of("997-855-856-810.mock-edi.edi").replace("IEA*1*000000001~\n", "")
    found = files.interchanges(text)
    assert [one.ended for one in found] == [False, True, True, True]


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from([path for path in ALL if path.parent == SAMPLES]),
    st.integers(0, 10_000),
    st.integers(0, 12),
    st.sampled_from(["", "*", "~", "'", "+", "?", "9" * 30, "-", "\u202e", "\x00", "ISA", "1E9"]),
)
def test_whatever_is_damaged_ends_in_our_words(
    path: Path, place: int, length: int, by: str
) -> None:
    """A piece of a good document is replaced by something else: events, or an error of ours."""
    text = path.read_text("utf-8")
    at = place % len(text)
    damaged = text[:at] + by + text[at + length :]
    for draft in records.drafts(damaged.encode(), Rules()):
        raw = crossdock.Raw(draft.topic, {"text": draft.text, "rules": {"location": "X"}})
        try:
            for event in translate(raw):
                assert type(event.data).parse(event.data.dump()) == event.data
        except (ContractError, RejectedError, crossdock.Ignore, ValidationError):
            continue

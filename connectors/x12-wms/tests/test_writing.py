"""What we write: laid out as the published documents, never silently shortened or garbled."""

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from crossdock import Command
from crossdock.canonical import Address, TransferLine
from crossdock.errors import RejectedError
from crossdock_x12_wms import edifact, files, writing, writing_edifact, writing_x12
from crossdock_x12_wms.envelopes import Document
from pydantic import ValidationError

DOCUMENTS = Path(__file__).parent / "documents"


def document(data: bytes) -> Document:
    """The one in an interchange, which must be without a fault."""
    (one,) = files.interchanges(files.decode(data))
    assert not one.serious
    (found,) = (document for group in one.groups for document in group.documents)
    assert not found.faults
    return found


def written(edi: Any, command: Command[Any], **partner: Any) -> Document:
    """A command as the warehouse reads it."""
    config = edi.config(**partner)
    wish = writing.wish_of(command, config)
    if config.partner.syntax == "x12":
        make = writing_x12.ship_order if wish.document == "940" else writing_x12.transfer_notice
        body: Any = make(wish, config)
        at = edi.noon
        return document(writing_x12.interchange(config.partner, 12, at, wish.document, body))
    kind = "ORDERS" if wish.document == "940" else "DESADV"
    made = writing_edifact.ship_order if kind == "ORDERS" else writing_edifact.transfer_notice
    lines = made(wish, config)
    type_ = f"{kind}:D:96A:UN"
    return document(writing_edifact.interchange(config.partner, 12, edi.noon, type_, lines))


ORDER = ("ST", "W05", "N1", "N2", "N3", "N4", "PER", "N9", "G62", "NTE", "W66", "LX", "W01", "W76")


@pytest.mark.parametrize("version", ["004010", "004060", "005010", "004010UCS", 5010])
def test_a_940_is_laid_out_as_the_published_one(edi: Any, version: Any) -> None:
    found = written(edi, edi.order(gift_message="with love", service="ground"), version=version)
    theirs = document_of("940-warehouse-order.x12-types.edi")
    tags = [one.tag for one in found.segments]
    assert set(tags) <= {one.tag for one in theirs.segments} | {"N2", "PER"}
    head = [tag for tag in dict.fromkeys(tags) if tag in ORDER]
    assert head == [tag for tag in ORDER if tag in head]
    assert found.version == {5010: "005010"}.get(version, version)
    assert (found.need("W05").get(1), found.need("W05").get(3)) == ("N", "#1001")
    assert [(one.get(1), one.get(4), one.get(5)) for one in found.all("W01")] == [
        ("3", "SK", "MUG-WHITE"),
        ("2", "SK", "TEE-S"),
    ]
    assert found.need("W76").get(1) == "5"
    assert [one.get(2) for one in found.all("NTE")] == ["with love"]


def document_of(name: str) -> Document:
    (one,) = files.interchanges((DOCUMENTS / name).read_text("utf-8"))
    return one.groups[0].documents[0]


def test_a_943_is_laid_out_as_the_published_one(edi: Any) -> None:
    found = written(edi, edi.moving(expected_at=edi.noon))
    theirs = [one.tag for one in document_of("943-stock-transfer.stupidedi.edi").segments]
    ours = [one.tag for one in found.segments]
    assert [tag for tag in dict.fromkeys(theirs) if tag != "W27"] == list(dict.fromkeys(ours))
    assert (found.need("W04").get(1), found.need("W04").get(5)) == ("40", "MUG-WHITE")
    assert found.need("W03").get(1) == "40"


def test_orders_is_laid_out_as_the_one_that_a_peer_took(edi: Any) -> None:
    edi.speaks("edifact")
    found = written(edi, edi.order())
    theirs = document_of("orders.sent-to-mock-edi.edi")
    assert {"BGM", "DTM", "NAD", "LIN", "QTY", "UNS", "CNT"} <= {one.tag for one in found.segments}
    for tag in ("BGM", "UNS"):
        assert len(found.need(tag).elements) == len(theirs.need(tag).elements)
    assert [one.get(3) for one in found.all("LIN")] == ["MUG-WHITE", "TEE-S"]
    delivery = found.first("NAD", "DP")
    assert delivery is not None
    assert (delivery.get(4), delivery.get(8), delivery.get(9)) == ("Alex Doe", "78701", "US")
    called_off = written(edi, edi.cancelled(edi.order()))
    assert [one.need("BGM").get(3) for one in (found, called_off)] == ["9", "1"]
    assert found.need("BGM").get(2) == called_off.need("BGM").get(2)


def test_a_transfer_in_edifact_is_a_despatch_advice(edi: Any) -> None:
    edi.speaks("edifact")
    found = written(edi, edi.moving(expected_at=edi.noon))
    assert [one.get(1, 2) for one in found.all("QTY")] == ["40"]
    assert found.need("BGM").get(1) == "351"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"to_location": "DC7"}, "goes to DC7, and this warehouse is DC1"),
        ({"cancelled_at": "2026-11-28T12:00:00Z"}, "was cancelled"),
        ({"lines": (TransferLine(line_id="1", sku="A", requested=Decimal(0)),)}, "moves nothing"),
    ],
)
def test_a_transfer_that_cannot_be_told(edi: Any, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(RejectedError, match=words):
        writing.wish_of(edi.moving(**changes), edi.config())


def test_separators_within_a_value_become_blanks_in_x12_and_are_released_in_edifact(
    edi: Any,
) -> None:
    to = Address(full_name="O'Neil*~>+:?", lines=("1 Main St",), country="US", postal_code="1")
    order = edi.order(ship_to=to)
    (name,) = (one.get(2) for one in written(edi, order).all("N1") if one.get(1) == "ST")
    assert name == "O'Neil   +:?"
    edi.speaks("edifact")
    delivery = written(edi, order).first("NAD", "DP")
    assert delivery is not None
    assert delivery.get(4) == "O'Neil*~>+:?"


def test_other_separators_and_a_newline(edi: Any) -> None:
    signs = {"element": "|", "component": ":", "segment": "\n"}
    found = written(edi, edi.order(), **signs)
    assert found.need("W05").get(1) == "N"
    edi.speaks("edifact")
    assert written(edi, edi.order(), element="|", segment="#").need("BGM").get(1) == "220"


def test_a_long_address_is_folded_and_a_long_postal_code_refused(edi: Any) -> None:
    street = "The Old Warehouse at the End of the Very Long Road beside the River, Building 7"
    to = Address(full_name="A", lines=(street,), country="GB", postal_code="SW1A 1AA")
    found = written(edi, edi.order(ship_to=to))
    told = [one.get(at) for one in found.all("N3") for at in (1, 2) if one.get(at)]
    assert " ".join(told) == street
    assert max(map(len, told)) <= 55
    with pytest.raises(RejectedError, match="has 16 characters"):
        written(edi, edi.order(ship_to=to.model_copy(update={"postal_code": "1" * 16})))


@pytest.mark.parametrize(
    ("text", "encoding", "wanted"),
    [
        ("Zoë Łódź", "latin-1", "Zoë Lódz".encode("latin-1")),
        ("Straße €5 – “hi”", "ascii", b'Strasse EUR5 - "hi"'),
        ("报文", "utf-8", "报文".encode()),
    ],
)
def test_letters_that_the_charset_lacks_lose_their_marks(
    text: str, encoding: str, wanted: bytes
) -> None:
    assert writing.encoded(text, encoding) == wanted


def test_letters_that_have_no_plain_form_are_refused_by_name() -> None:
    with pytest.raises(RejectedError, match=r"U\+62A5.*charset utf-8"):
        writing.encoded("报文", "latin-1")


def test_numbers_tell_instructions_of_one_order_apart() -> None:
    one, two = (writing.number_of("#1001", entity) for entity in ("fuo_1", "fuo_2"))
    assert one != two
    assert one.startswith("1001-")
    assert writing.number_of("#1001", "fuo_1") == one
    assert len(writing.number_of("x" * 99, "fuo_1")) == writing.MAX_NUMBER
    assert len(writing.number_of("\u4f60", "fuo_1")) == writing.MAX_NUMBER


def test_quantities_are_exact(edi: Any) -> None:
    many = (("1", "A", "0.125"), ("2", "B", "1000000"), ("3", "C", "1E+2"))
    found = written(edi, edi.order(lines=many))
    assert [one.get(1) for one in found.all("W01")] == ["0.125", "1000000", "100"]


def test_only_what_is_left_is_asked_for(edi: Any) -> None:
    command = edi.order()
    first, second = command.data.lines
    lines = (
        first.model_copy(update={"cancelled": Decimal(3)}),
        second.model_copy(update={"shipped": Decimal(1)}),
    )
    left = replace(command, data=command.data.model_copy(update={"lines": lines}))
    assert [(s.get(5), s.get(1)) for s in written(edi, left).all("W01")] == [("TEE-S", "1")]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "ftp://x"}, "write sftp"),
        ({"url": "sftp://user:secret@h/x"}, "password"),
        ({"url": "sftp://user@h/x"}, "host_key"),
        ({"partner": {"us": {"id": "A"}, "them": {"id": "B"}, "version": "003040"}}, "004010"),
        ({"partner": {"us": {"id": "A" * 16}, "them": {"id": "B"}}}, "15 of id"),
        ({"partner": {"us": {"id": "A"}, "them": {"id": "B"}, "element": "~"}}, "are the same"),
        ({"partner": {"us": {"id": "A"}, "them": {"id": "B"}, "stock": {"1": "x"}}}, "no bucket"),
        (
            {
                "partner": {
                    "syntax": "edifact",
                    "us": {"id": "A"},
                    "them": {"id": "B"},
                    "version": "96A",
                }
            },
            "D:96A:UN",
        ),
    ],
)
def test_a_partner_that_cannot_be_is_refused(edi: Any, changes: dict[str, Any], words: str) -> None:
    good = edi.config()
    told = {"url": good.url, "location": "DC1", "partner": {"us": {"id": "A"}, "them": {"id": "B"}}}
    with pytest.raises(ValidationError, match=words) as no:
        type(good).model_validate(told | changes)
    assert "secret" not in str(no.value)


def test_an_interchange_says_that_it_is_a_test(edi: Any) -> None:
    config = edi.config(test=True)
    data = writing_x12.interchange(config.partner, 1, edi.noon, "997", [["AK1", "SW", "1"]])
    assert files.interchanges(data.decode())[0].test
    head = edifact.Head(sender=("14", "A"), receiver=("14", "B"), test=True)
    text = edifact.write(head, 1, edi.noon, [("CONTRL:D:3:UN", [])])
    assert files.interchanges(text)[0].test


D96A: dict[str, Any] = json.loads((DOCUMENTS / "d96a.json").read_text("utf-8"))
CODED = {
    "BGM": [("1001", 1, 1), ("1225", 3, 1)],
    "DTM": [("2005", 1, 1), ("2379", 1, 3)],
    "RFF": [("1153", 1, 1)],
    "NAD": [("3035", 1, 1)],
    "QTY": [("6063", 1, 1)],
    "LIN": [("7143", 3, 2)],
    "LOC": [("3227", 1, 1)],
    "QVR": [("4221", 2, 1)],
}
"""Segment to the data elements whose codes it holds, with their places."""


def taken(tags: list[str], nodes: list[Any], at: int = 0) -> int:
    """How far the segments follow this structure: groups begin with their own first segment."""
    for tag, least, most, *inner in nodes:
        count = 0
        while count < most and at < len(tags) and tags[at] == tag:
            at = taken(tags, inner[0], at) if inner else at + 1
            count += 1
        assert count >= least, f"{tag} is missing before {tags[at : at + 3]}"
    return at


def follows_d96a(document: Document) -> None:
    """Every segment is at a place that the directory has, with codes that it has."""
    inner = document.segments[1:-1]
    tags = [one.tag for one in inner]
    end = taken(tags, D96A["structure"][document.type])
    assert tags[end:] == [], f"{tags[end]} is not expected there"
    for one in inner:
        for name, element, component in CODED.get(one.tag, []):
            code = one.get(element, component)
            assert code in {"", *D96A["codes"][name]}, (
                f"{one.at(element)}: {code} is none of {name}"
            )


def test_what_we_and_the_sandbox_write_follows_the_directory(edi: Any) -> None:
    """DESADV and INVRPT against the published D.96A structure and code lists."""
    edi.speaks("edifact")
    follows_d96a(written(edi, edi.moving(expected_at=edi.noon)))
    samples = Path(__file__).parent / "samples"
    for path in sorted([*samples.glob("DESADV*"), *samples.glob("INVRPT*")]):
        follows_d96a(document(path.read_bytes()))
    theirs = (DOCUMENTS / "contrl-ordrsp-desadv-invoic.mock-edi.edi").read_text("utf-8")
    (peers,) = (
        cut.document
        for one in files.interchanges(theirs)
        for cut in files.cuts(theirs, one)
        if cut.document.type == "DESADV"
    )
    follows_d96a(peers)

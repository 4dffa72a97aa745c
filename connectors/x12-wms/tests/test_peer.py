"""A live EDI peer that is none of ours: `mock-edi` plays the other side of an order to its invoice.

It is a supplier and no warehouse, so it has no 940; envelopes, acknowledgements, ship notices and
what we write of ORDERS are the same.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from crossdock import Raw
from crossdock.connector import Ignore
from crossdock.errors import RejectedError
from crossdock_x12_wms import acknowledging, files, records, writing, writing_edifact, x12
from crossdock_x12_wms.config import X12WmsConfig
from crossdock_x12_wms.mapping import translate
from crossdock_x12_wms.rules import Rules
from mockedi.testing import Mock

PO = "4500000042"
ORDER_850 = [
    ["BEG", "00", "SA", PO, "", "20261128"],
    ["N1", "ST", "Acme DC", "92", "DC01"],
    ["N3", "1 Main St"],
    ["N4", "Austin", "TX", "78701", "US"],
    ["PO1", "1", "100", "EA", "12.50", "", "VP", "WIDGET-001"],
    ["PO1", "2", "10", "EA", "13.75", "", "VP", "WIDGET-002"],
    ["CTT", "2"],
]


@pytest.fixture
def mock() -> Iterator[Any]:
    """The peer, on a port of its own."""
    with Mock.start() as peer:
        yield peer


def answers(peer: Any, partner: str) -> dict[str, Raw]:
    """Everything that it sent, as the poll would land it, by document."""
    peer.settle()
    found: dict[str, Raw] = {}
    for row in peer.mailbox(partner):
        (one,) = files.interchanges(row["payload"])
        assert not one.serious
        for draft in records.drafts(row["payload"].encode(), Rules(location="DC1")):
            body = {"text": draft.text, "rules": {"location": "DC1"}}
            found[draft.topic] = Raw(draft.topic, body, key=draft.key)
    return found


def accepted(summary: dict[str, Any]) -> None:
    """It took the document, and found nothing to say about its syntax."""
    assert summary["accepted"]
    for one in summary["transactionSets"]:
        assert one["accepted"]
        assert one["findings"] == [], one["findings"]


@pytest.mark.parametrize("newlines", [False, True])
def test_x12_from_order_to_invoice(mock: Any, edi: Any, newlines: bool) -> None:
    """Our envelope around an 850 is accepted; its 997, 856 and 810 are read."""
    head = x12.Head(sender=("ZZ", "ACME"), receiver=("ZZ", "MOCKEDI"), newlines=newlines)
    accepted(mock.send(x12.write(head, 101, edi.noon, [("850", ORDER_850)])))
    told = answers(mock, "ACME")
    assert {"997", "855", "856", "810"} <= set(told)
    with pytest.raises(Ignore, match=r"control number 101"):
        list(translate(told["997"]))
    for topic in ("855", "810"):
        with pytest.raises(Ignore, match="is none of"):
            list(translate(told[topic]))
    (event,) = translate(told["856"])
    assert event.type == "fulfillment.shipped"
    assert event.data.order.native_id == PO
    assert {line.sku: line.quantity for line in event.data.lines} == {
        "WIDGET-001": 100,
        "WIDGET-002": 10,
    }
    assert event.data.tracking[0].number


def test_edifact_from_order_to_invoice(mock: Any, edi: Any) -> None:
    """The ORDERS that a European warehouse gets of us; its CONTRL, DESADV and INVOIC are read."""
    config = X12WmsConfig.model_validate(
        {
            "url": str(edi.root),
            "location": "DC1",
            "partner": {
                "syntax": "edifact",
                "us": {"id": "EURODIS", "qualifier": "14"},
                "them": {"id": "MOCKEDI", "qualifier": "14"},
                "article": "VP",
            },
        }
    )
    command = edi.order("PO-7781", lines=(("1", "WIDGET-001", "60"), ("2", "WIDGET-002", "12")))
    wish = writing.wish_of(command, config)
    lines = writing_edifact.ship_order(wish, config)
    type_ = "ORDERS:D:96A:UN"
    data = writing_edifact.interchange(config.partner, 201, edi.noon, type_, lines)
    accepted(mock.send(data.decode("latin-1")))
    told = answers(mock, "EURODIS")
    assert {"CONTRL", "ORDRSP", "DESADV", "INVOIC"} <= set(told)
    with pytest.raises(Ignore, match=r"control number 201"):
        list(translate(told["CONTRL"]))
    (event,) = translate(told["DESADV"])
    assert event.type == "fulfillment.shipped"
    assert event.data.order.native_id == wish.number
    assert {line.sku: line.quantity for line in event.data.lines} == {
        "WIDGET-001": 60,
        "WIDGET-002": 12,
    }


def test_our_answers_are_accepted_by_it(mock: Any, edi: Any) -> None:
    """Its own documents, answered by us: what is outstanding there becomes acknowledged."""
    head = x12.Head(sender=("ZZ", "ACME"), receiver=("ZZ", "MOCKEDI"))
    mock.send(x12.write(head, 101, edi.noon, [("850", ORDER_850)]))
    mock.settle()
    rows = mock.mailbox("ACME", leave=False)
    before = len(mock.unacknowledged())
    number = 102
    for row in rows:
        (one,) = files.interchanges(row["payload"])
        for group in one.groups:
            if group.id != "FA":
                body = acknowledging.answer_x12(group, frozenset({"855", "856", "810"}))
                accepted(mock.send(x12.write(head, number, edi.noon, [("997", body)])))
                number += 1
    assert before >= 3
    assert mock.unacknowledged() == []


def test_what_it_refuses_is_a_case(mock: Any, edi: Any) -> None:
    """A wrong count: its 997 says so, and we tell a person in words."""
    head = x12.Head(sender=("ZZ", "ACME"), receiver=("ZZ", "MOCKEDI"))
    text = x12.write(head, 101, edi.noon, [("850", ORDER_850)]).replace("SE*9*", "SE*8*")
    assert not mock.send(text)["accepted"]
    with pytest.raises(RejectedError, match="the number of segments is wrong"):
        list(translate(answers(mock, "ACME")["997"]))

"""What warehouses say, in canonical events; and what they say that cannot be."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import crossdock
import pytest
from crossdock.canonical import Fulfillment, GoodsReceipt, InventoryLevel, InventoryMovement
from crossdock.connector import Ignore
from crossdock.errors import ContractError, RejectedError
from crossdock_x12_wms import edifact, x12
from crossdock_x12_wms.mapping import translate

HERE = Path(__file__).parent
LINES = [
    {"line_id": "line-1", "sku": "MUG-WHITE", "quantity": "3"},
    {"line_id": "line-2", "sku": "TEE-S", "quantity": "2"},
]
ASKED = {
    "kind": "fulfillment_order",
    "id": "fuo_1",
    "number": "1001",
    "order": "ord_1",
    "lines": LINES,
}
HEAD = ["W06", "F", "1001-A7F3", "20261128", "BOL1", "", "1001"]


def raw(type_: str, body: list[Any], topic: str = "", **more: Any) -> crossdock.Raw:
    """A record of one document with this body."""
    from datetime import UTC, datetime

    noon = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
    if type_.isdecimal():
        head = x12.Head(sender=("ZZ", "A"), receiver=("ZZ", "B"))
        text = x12.write(head, 7, noon, [(type_, body)])
    else:
        made = edifact.Head(sender=("ZZ", "A"), receiver=("ZZ", "B"))
        text = edifact.write(made, 7, noon, [(f"{type_}:D:96A:UN", body)])
    rules = {"location": "DC1", **more.pop("rules", {})}
    return crossdock.Raw(topic or type_, {"text": text, "rules": rules, **more})


def said(one: crossdock.Raw) -> list[Any]:
    return [event.data for event in translate(one)]


def sample(name: str, topic: str, **more: Any) -> crossdock.Raw:
    text = (HERE / "samples" / name).read_text("utf-8")
    return crossdock.Raw(topic, {"text": text, "rules": {"location": "DC1"}, **more})


def w12(sku: str, shipped: str, ordered: str = "", status: str = "CC") -> list[str]:
    return ["W12", status, ordered, shipped, "", "EA", "", "SK", sku]


@pytest.mark.parametrize("name", ["945-two-parcels.edi", "DESADV-two-parcels.edi"])
def test_two_parcels_of_one_order(name: str) -> None:
    shipment, *parcels = said(sample(name, name.split("-")[0], asked=ASKED))
    assert isinstance(shipment, Fulfillment)
    assert shipment.order.id == "ord_1"
    assert shipment.fulfillment_order is not None
    assert shipment.fulfillment_order.id == "fuo_1"
    assert {(line.line_id, line.quantity) for line in shipment.lines} == {
        ("line-1", Decimal(3)),
        ("line-2", Decimal(2)),
    }
    assert [t.number for t in shipment.tracking] == [p.tracking_number for p in parcels]
    assert [[line.sku for line in parcel.lines] for parcel in parcels] == [["MUG-WHITE"], ["TEE-S"]]
    assert [ref.native_id for ref in shipment.packages] == [
        event.native_id for event in list(translate(sample(name, name.split("-")[0])))[1:]
    ]


@pytest.mark.parametrize("name", ["945-short.edi", "DESADV-short.edi"])
def test_a_short_line_ships_what_left_and_stands_at_the_desk(name: str) -> None:
    shipment = said(sample(name, name.split("-")[0], asked=ASKED))[0]
    assert {line.sku: line.quantity for line in shipment.lines} == {"MUG-WHITE": 3, "TEE-S": 1}
    (kept,) = shipment.extensions.values()
    assert kept["short"][0] | {"status": ""} == {"sku": "TEE-S", "missing": "1", "status": ""}
    with pytest.raises(RejectedError, match=r"order 1001.*TEE-S: 1 of 2") as case:
        list(translate(sample(name, "short", asked=ASKED)))
    assert case.value.reason == "short_shipped"


@pytest.mark.parametrize("code", ["BP", "BO", "BK"])
def test_a_short_line_with_a_backorder_is_no_case(code: str) -> None:
    body = [HEAD, w12("TEE-S", "1", "2", code)]
    assert len(said(raw("945", body, asked=ASKED))) == 1
    with pytest.raises(Ignore, match="complete"):
        list(translate(raw("945", body, topic="short", asked=ASKED)))


def test_lines_of_one_sku_are_filled_in_sequence_and_the_rest_is_told() -> None:
    lines = [
        {"line_id": "a", "sku": "TEE-S", "quantity": "2"},
        {"line_id": "b", "sku": "TEE-S", "quantity": "3"},
    ]
    for left, wanted in (("1", {"a": 1}), ("4", {"a": 2, "b": 2}), ("9", {"a": 2, "b": 7})):
        (data,) = said(raw("945", [HEAD, w12("TEE-S", left)], asked=ASKED | {"lines": lines}))
        assert {line.line_id: line.quantity for line in data.lines} == wanted


def test_cases_are_not_pieces() -> None:
    lines = [{"line_id": "a", "sku": "TEE-S", "quantity": "12", "unit": "EA"}]
    asked = ASKED | {"lines": lines}
    body = [HEAD, ["W12", "CC", "", "12", "", "CA", "", "SK", "TEE-S"]]
    with pytest.raises(ContractError, match="12 CA of TEE-S left, and it was asked for in EA"):
        list(translate(raw("945", body, asked=asked)))
    (data,) = said(raw("945", body, asked=asked, rules={"units": {"CA": "EA"}}))
    assert [(line.quantity, line.unit) for line in data.lines] == [(12, "EA")]
    body[1][5] = "EA"
    lines[0]["unit"] = "C62"
    assert said(raw("945", body, asked=asked))[0].lines[0].quantity == 12


def test_what_nobody_asked_for_keeps_its_sku_so_that_decide_names_it() -> None:
    (data,) = said(raw("945", [HEAD, w12("STRANGE", "1")], asked=ASKED))
    assert [(line.line_id, line.sku) for line in data.lines] == [("STRANGE", "STRANGE")]
    (alone,) = said(raw("945", [HEAD, w12("TEE-S", "1")]))
    assert (alone.order.id, alone.order.native_id) == (None, "1001-A7F3")


def test_nothing_left_is_no_shipment() -> None:
    with pytest.raises(Ignore, match="nothing has left"):
        list(translate(raw("945", [HEAD, w12("TEE-S", "0", "2", "IC")], asked=ASKED)))


@pytest.mark.parametrize("name", ["944-damaged.edi", "RECADV-damaged.edi"])
def test_damaged_pieces_are_rejected(name: str) -> None:
    asked = {"kind": "transfer", "id": "trf_1", "number": "TR7"}
    (data,) = said(sample(name, name.split("-")[0], asked=asked))
    assert isinstance(data, GoodsReceipt)
    assert data.transfer is not None
    assert (data.transfer.id, data.location) == ("trf_1", "DC1")
    (line,) = data.lines
    assert (line.received, line.accepted, line.rejected) == (40, 36, 4)
    assert line.reject_reason == "damaged"


def test_stock_by_bucket_place_and_lot() -> None:
    body = [
        ["BIA", "00", "MM", "R1", "20261128", "1200"],
        ["N1", "WH", "", "92", "W-9"],
        ["LIN", "1", "SK", "MUG", "LT", "L1"],
        ["QTY", "17", "60", "EA"],
        ["QTY", "33", "50"],
        ["LIN", "2", "SK", "MUG", "LT", "L2"],
        ["QTY", "17", "40"],
        ["QTY", "33", "30"],
        ["QTY", "QH", "12"],
        ["QTY", "7Z", "3"],
    ]
    (level,) = said(raw("846", body, rules={"places": {"W-9": "DC9"}, "zone": "America/Chicago"}))
    assert isinstance(level, InventoryLevel)
    assert (level.location, level.on_hand, level.available) == ("DC9", 100, 80)
    assert (level.quality_control, level.reserved) == (12, 8)
    assert level.sub_buckets == {"7Z": 3}
    assert level.as_of is not None
    assert level.as_of.isoformat() == "2026-11-28T18:00:00+00:00"


def test_quantities_of_one_article_at_two_places() -> None:
    body = [
        ["BGM", "35", "I1", "9"],
        ["DTM", ("366", "20261128", "102")],
        ["LIN", "1", "", ("MUG", "SA")],
        ["QTY", ("145", "5", "PCE")],
        ["LOC", "18", "W-1"],
        ["QTY", ("145", "7", "PCE")],
        ["LOC", "18", "W-2"],
    ]
    levels = said(raw("INVRPT", body, rules={"places": {"W-1": "DC1", "W-2": "DC2"}}))
    assert [(one.location, one.on_hand) for one in levels] == [("DC1", 5), ("DC2", 7)]


def test_an_adjustment_is_a_movement_with_its_reason() -> None:
    body = [
        ["W15", "20261128", "ADJ1"],
        ["W19", "AU", "-2", "EA", "", "SK", "MUG"],
        ["W19", "AA", "5", "EA", "", "SK", "TEE"],
        ["W19", "ZZ", "1.5", "KG", "", "SK", "TEA"],
    ]
    found = said(raw("947", body))
    assert all(isinstance(one, InventoryMovement) for one in found)
    assert [(one.sku, one.quantity, one.reason) for one in found] == [
        ("MUG", Decimal(-2), "damage"),
        ("TEE", Decimal(5), "count"),
        ("TEA", Decimal("1.5"), "adjustment"),
    ]


def test_a_despatch_that_is_cancelled() -> None:
    body = [
        ["BGM", "351", "D1", "1"],
        ["DTM", ("11", "20261128", "102")],
        ["RFF", ("ON", "1001-A7F3")],
        ["CPS", "1"],
        ["LIN", "1", "", ("TEE-S", "SA")],
        ["QTY", ("12", "1", "PCE")],
    ]
    (event,) = translate(raw("DESADV", body, asked=ASKED))
    assert (event.type, event.native_id) == ("fulfillment.cancelled", "D1")
    assert event.data.cancelled_at is not None


CASES: dict[str, tuple[str, list[Any], str]] = {
    "no number of its own": ("945", [["W06", "F", "1", "20261128"]], "a shipment number"),
    "no order": ("945", [["W06", "F", "", "20261128", "B"]], "/W06/02: expected the depositor"),
    "no such day": ("945", [["W06", "F", "1", "20261399", "B"]], "expected a date"),
    "no quantity": ("945", [HEAD, w12("A", "x")], "/W12/03: expected a quantity, found 'x'"),
    "less than nothing": ("945", [HEAD, w12("A", "-1")], "expected a quantity of 0 or more"),
    "no article": ("945", [HEAD, w12("", "1")], "/W12/08: expected the id of an article"),
    "no such unit": (
        "945",
        [HEAD, ["W12", "CC", "1", "1", "", "e!", "", "SK", "A"]],
        "expected a unit",
    ),
    "a difference that is none": (
        "945",
        [HEAD, ["W12", "CP", "5", "3", "1", "EA", "", "SK", "A"]],
        "5 ordered less 3 shipped is not 1",
    ),
    "a total that is none": (
        "945",
        [HEAD, w12("A", "3"), ["W03", "4"]],
        "W03 says 4 in all, the lines come to 3",
    ),
    "more damaged than came": (
        "944",
        [["W17", "F", "20261128", "R", "T"], ["W07", "1", "EA", "", "SK", "A"],
         ["W13", "2", "EA", "01"]],
        "2 damaged of 1 received",
    ),
    "a receipt of nothing": ("944", [["W17", "F", "20261128", "R", "T"]], "something that was rec"),
    "more available than there is": (
        "846",
        [["BIA", "00", "MM", "R", "20261128"], ["LIN", "1", "SK", "A"], ["QTY", "17", "5"],
         ["QTY", "33", "6"]],
        "more than the 5 on hand",
    ),
    "no quantity we know": (
        "846",
        [["BIA", "00", "MM", "R", "20261128"], ["LIN", "1", "SK", "A"], ["QTY", "7Z", "5"]],
        "name its code under `stock`",
    ),
    "an adjustment without a reason": (
        "947",
        [["W15", "20261128", "ADJ"], ["W19", "", "1", "EA", "", "SK", "A"]],
        "expected a reason",
    ),
    "two orders in one notice": (
        "856",
        [["BSN", "00", "S", "20261128", "1200"], ["HL", "1", "", "O"], ["PRF", "1"],
         ["HL", "2", "", "O"], ["PRF", "2"]],
        "a shipment for one order",
    ),
    "a despatch of no order": ("DESADV", [["BGM", "351", "D", "9"]], "the number of the order"),
    "a despatch of no quantity": (
        "DESADV",
        [["BGM", "351", "D", "9"], ["RFF", ("ON", "1")], ["LIN", "1", "", ("A", "SA")]],
        "a quantity despatched",
    ),
    "a receipt of no day": (
        "RECADV",
        [["BGM", "632", "R", "9"], ["LIN", "1", "", ("A", "SA")], ["QTY", ("48", "1")]],
        "the day it was received",
    ),
    "a count without its time": ("INVRPT", [["BGM", "35", "I", "9"]], "the moment it was counted"),
    "nothing at all": ("945", [], "945 has no W06"),
    "an answer to nothing": ("997", [], "expected what it acknowledges"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_what_cannot_be_is_told_with_its_place(name: str) -> None:
    type_, body, words = CASES[name]
    with pytest.raises(ContractError) as told:
        list(translate(raw(type_, body)))
    assert words in told.value.message
    assert told.value.pointer


def test_leniently_a_wrong_total_is_noted() -> None:
    (data,) = said(
        raw("945", [HEAD, w12("A", "3"), ["W03", "4"]], rules={"lenient": True}, asked=ASKED)
    )
    assert data.extensions["org.x12"]["notes"] == ["W03 says 4 in all, the lines come to 3"]


@pytest.mark.parametrize(
    ("rules", "words"),
    [({"zone": "Mars/Olympus"}, "/rules/zone"), ({"stock": {"1": "attic"}}, "/rules/stock/1")],
)
def test_rules_that_are_none_are_told(rules: dict[str, Any], words: str) -> None:
    with pytest.raises(ContractError, match=words):
        list(translate(raw("945", [HEAD, w12("A", "1")], rules=rules)))


def test_acknowledgements_are_read_to_the_element() -> None:
    body = [
        ["AK1", "OW", "12"],
        ["AK2", "940", "0001"],
        ["AK3", "W01", "9", "", "8"],
        ["AK4", "3", "355", "7", "QQ"],
        ["AK5", "R", "5"],
        ["AK9", "R", "1", "1", "0"],
    ]
    about = [{"document": "940", "number": "1001-A7F3", "control": "12"}]
    with pytest.raises(RejectedError) as no:
        list(translate(raw("997", body, answers=about)))
    assert "940 1001-A7F3 (control number 12)" in no.value.message
    assert "segment 9 W01: it has elements in error" in no.value.message
    assert "element 3: invalid code value, found QQ" in no.value.message
    told = [["UCI", "12", ("A", "ZZ"), ("B", "ZZ"), "4", "29"]]
    with pytest.raises(RejectedError, match=r"CONTRL refuses 940 1001-A7F3.*error 29"):
        list(translate(raw("CONTRL", told, answers=about)))


def test_a_whole_file_can_be_translated_offline() -> None:
    """`crossdock translate x12-wms FILE`, without a record around it."""
    for path in sorted((HERE / "samples").glob("*.edi")):
        events = list(translate(crossdock.Raw("", data=path.read_bytes())))
        assert events, path.name
    assert json.loads((HERE / "samples" / "overdue.json").read_text())["document"] == "940"

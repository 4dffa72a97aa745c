"""Stock and shipments to EPCIS 2.0 and back: valid by GS1's schema, and nothing lost unsaid."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from crossdock.canonical import (
    EntityRef,
    Fulfillment,
    FulfillmentLine,
    InventoryLevel,
    Ref,
    Tracking,
)
from crossdock.canonical.inventory import Incoming, InventoryMovement
from crossdock.canonical.values import Money
from crossdock.errors import ContractError
from crossdock.neighbours.epcis import LOST, LOST_BACK, LOST_WHEN, Item, from_epcis, to_epcis
from crossdock.neighbours.exact import is_uri
from crossdock.neighbours.losses import marks, without
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator, FormatChecker

SCHEMA = json.loads((Path(__file__).parent / "schemas/epcis/EPCIS-JSON-Schema.json").read_text())
formats = FormatChecker([])
formats.checks("uri")(lambda value: not isinstance(value, str) or ":" in value)
formats.checks("date-time", ValueError)(
    lambda value: not isinstance(value, str) or bool(datetime.fromisoformat(value).tzinfo)
)
VALIDATOR = Draft7Validator(SCHEMA, format_checker=formats)

BASE = "https://id.acme.example/xd"
GTINS = {"MUG": "4006381333931"}
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
ident = st.text("abcXYZ019:-_#/ %é", min_size=1, max_size=8)
maybe = st.none() | text
skus = st.sampled_from(["MUG", "TEE-S", "a/b lot", "50% off"]) | text.filter(bool)
moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))
counts = st.sampled_from([Decimal(0)]) | st.decimals(0, 10**9, places=3)
signed = st.decimals(-(10**9), 10**9, places=3)
refs = st.builds(EntityRef, id=st.none() | ident, native_id=st.none() | ident)
names = st.lists(st.builds(Ref, connection=ident, kind=ident, value=ident), max_size=1).map(tuple)
extensions = st.sampled_from([{}, {"com.acme.x": 1}])
units = st.sampled_from(["EA", "KGM"])
serials = st.lists(text, max_size=2, unique=True).map(tuple)

REASONS = [
    "sale", "return", "receipt", "transfer", "adjustment", "count", "damage", "theft", "expiry",
    "production", "reversal", "other", "gift",
]  # fmt: skip

levels = st.builds(
    InventoryLevel,
    refs=names,
    updated_at=st.none() | moments,
    extensions=extensions,
    sku=skus,
    location=ident,
    item=st.none() | refs,
    unit=units,
    on_hand=signed,
    reserved=signed,
    available=st.none(),
    incoming=signed,
    as_of=moments,
    committed=counts,
    safety=counts,
    quality_control=counts,
    damaged=counts,
    in_transit_out=counts,
    sub_buckets=st.just({}) | st.just({"researching": Decimal(1)}),
    incoming_on=st.lists(st.builds(Incoming, quantity=counts), max_size=1).map(tuple),
    lot=maybe,
    owner=st.none() | refs,
    authority=st.none() | ident,
) | st.builds(
    InventoryLevel, sku=skus, location=ident, available=signed, reserved=signed, as_of=moments
)
movements = st.builds(
    InventoryMovement,
    refs=names,
    updated_at=st.none() | moments,
    extensions=extensions,
    sku=skus,
    location=ident,
    quantity=signed,
    unit=units,
    bucket=st.sampled_from(["available", "reserved", "damaged", "safety", "elsewhere", "a/b"]),
    reason=st.sampled_from(REASONS),
    occurred_at=moments,
    document=st.none() | refs,
    reverses=st.none() | refs,
    lot=maybe,
    serials=serials,
    by=maybe,
)
lines = st.builds(
    FulfillmentLine,
    line_id=ident,
    sku=skus,
    quantity=counts,
    unit=units,
    lot=maybe,
    serials=serials,
)
shipments = st.builds(
    Fulfillment,
    refs=names,
    updated_at=moments,
    extensions=extensions,
    order=st.builds(EntityRef, id=ident, native_id=st.none() | ident),
    number=maybe,
    location=st.none() | ident,
    lines=st.lists(lines, min_size=1, max_size=3, unique_by=lambda line: (line.sku, line.lot)).map(
        tuple
    ),
    tracking=st.lists(st.builds(Tracking, number=text), max_size=1).map(tuple),
    shipped_at=st.none() | moments,
    delivered_at=st.none() | moments,
    cancelled_at=st.none() | moments,
    source_status=maybe,
    service=maybe,
    fulfillment_order=st.none() | refs,
    packages=st.lists(refs, max_size=1).map(tuple),
    shipping_cost=st.none() | st.just(Money(amount=Decimal(1), currency="EUR")),
)
items = st.lists(levels | movements | shipments, max_size=4).map(
    lambda found: [item.model_copy(update={"id": f"id-{n}"}) for n, item in enumerate(found)]
)


def told(found: Any) -> dict[str, Any]:
    """Items or facts as one document, what is at its default left out."""
    if isinstance(found, list):
        kinds = {
            "levels": InventoryLevel,
            "movements": InventoryMovement,
            "fulfillments": Fulfillment,
        }
        parts = {
            name: [item for item in found if isinstance(item, kind)] for name, kind in kinds.items()
        }
    else:
        parts = {name: getattr(found, name) for name in ("levels", "movements", "fulfillments")}
    return {
        name: [_compact(item.model_dump(exclude_defaults=True)) for item in part]
        for name, part in parts.items()
    }


def _compact(node: Any) -> Any:
    if isinstance(node, dict):
        pairs = ((key, _compact(value)) for key, value in node.items())
        return {key: value for key, value in pairs if value not in (None, {}, [])}
    return [_compact(value) for value in node] if isinstance(node, list | tuple) else node


def compared(first: Any, second: Any, lost: Any) -> tuple[Any, Any]:
    gone = marks(first, lost, LOST_WHEN) | marks(second, lost, LOST_WHEN)
    return _compact(without(first, gone)), _compact(without(second, gone))


def trip(found: list[Item]) -> tuple[Any, Any]:
    document = json.loads(json.dumps(to_epcis(found, base=BASE, created_at=NOW, gtins=GTINS)))
    back = from_epcis(document, base=BASE, gtins=GTINS)
    assert not back.ignored
    return told(found), told(back)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(items)
def test_what_is_not_listed_comes_back_equal(found: list[Item]) -> None:
    document = json.loads(json.dumps(to_epcis(found, base=BASE, created_at=NOW, gtins=GTINS)))
    for fault in VALIDATOR.iter_errors(document):
        pytest.fail(f"{fault.json_path}: {fault.message}")
    for event in document["epcisBody"]["eventList"]:
        for portion in event["quantityList"]:
            assert is_uri(portion["epcClass"])
    first, second = compared(*trip(found), LOST)
    assert second == first


def ful(**changes: Any) -> Fulfillment:
    given_: dict[str, Any] = {
        "id": "ful_1",
        "refs": (Ref(connection="wms", kind="s", value="1"),),
        "updated_at": NOW,
        "extensions": {"com.acme.x": 1},
        "order": EntityRef(id="ord_1", native_id="1"),
        "number": "S-1",
        "location": "WH",
        "lines": (
            FulfillmentLine(line_id="1", sku="MUG", quantity=Decimal(2)),
            FulfillmentLine(line_id="2", sku="MUG", quantity=Decimal("1.5"), serials=("s",)),
        ),
        "tracking": (Tracking(number="1Z"),),
        "shipped_at": NOW,
        "source_status": "gone",
        "service": "ground",
        "fulfillment_order": EntityRef(id="ffo_1"),
        "packages": (EntityRef(id="pkg_1"),),
        "shipping_cost": Money(amount=Decimal(1), currency="EUR"),
    }
    return Fulfillment(**given_ | changes)


WITNESS: list[Item] = [
    InventoryLevel(
        id="inv_1",
        refs=(Ref(connection="wms", kind="s", value="1"),),
        updated_at=NOW,
        extensions={"com.acme.x": 1},
        sku="MUG",
        location="WH",
        item=EntityRef(id="var_1"),
        on_hand=Decimal(3),
        as_of=NOW,
        sub_buckets={"researching": Decimal(1)},
        incoming_on=(Incoming(quantity=Decimal(1)),),
        owner=EntityRef(id="org_1"),
        authority="wms",
    ),
    InventoryMovement(
        id="mov_1",
        refs=(Ref(connection="wms", kind="s", value="1"),),
        updated_at=NOW,
        extensions={"com.acme.x": 1},
        sku="MUG",
        location="WH",
        quantity=Decimal(-3),
        reason="sale",
        occurred_at=NOW,
        document=EntityRef(id="ord_1", native_id="1"),
        reverses=EntityRef(id="mov_0", native_id="0"),
        by="Ada",
    ),
    ful(),
]


def test_every_field_that_is_listed_really_is_lost() -> None:
    there, back = trip(WITNESS)
    for pointer in LOST:
        others = [other for other in LOST if other != pointer]
        first, second = compared(there, back, others)
        assert first != second, f"{pointer} survives: take it from the list"
    assert {pointer for pointer, why in LOST.items() if why.startswith("when ")} == set(LOST_WHEN)


def test_a_shipment_in_gs1s_words() -> None:
    document = to_epcis([ful()], base=BASE, created_at=NOW, gtins=GTINS)
    (event,) = document["epcisBody"]["eventList"]
    assert event["type"] == "ObjectEvent"
    assert (event["action"], event["bizStep"], event["disposition"]) == (
        "OBSERVE",
        "shipping",
        "in_transit",
    )
    assert event["quantityList"] == [
        {"epcClass": "https://id.gs1.org/01/04006381333931", "quantity": 2},
        {"epcClass": "https://id.gs1.org/01/04006381333931", "quantity": 1.5},
    ]
    assert event["bizTransactionList"][0] == {
        "type": "po",
        "bizTransaction": f"{BASE}/order/ord_1",
    }


def test_a_weighed_thing_bears_its_unit() -> None:
    line = FulfillmentLine(line_id="1", sku="TEE-S", quantity=Decimal("1.5"), unit="KGM")
    document = to_epcis([ful(lines=(line,))], base=BASE, created_at=NOW)
    assert document["epcisBody"]["eventList"][0]["quantityList"] == [
        {"epcClass": f"{BASE}/sku/TEE-S", "quantity": 1.5, "uom": "KGM"}
    ]


def events_of(*found: Item) -> list[dict[str, Any]]:
    body: dict[str, Any] = to_epcis(found, base=BASE, created_at=NOW)["epcisBody"]
    return list(body["eventList"])


def test_a_cancelled_shipment_is_the_same_event_declared_wrong() -> None:
    (before,) = events_of(ful())
    (after,) = events_of(ful(cancelled_at=NOW))
    declared = after.pop("errorDeclaration")
    assert after == before
    assert declared == {"declarationTime": "2026-03-01T12:00:00Z", "reason": "did_not_occur"}


def test_before_it_leaves_a_shipment_is_a_transaction() -> None:
    (event,) = to_epcis([ful(shipped_at=None)], base=BASE, created_at=NOW)["epcisBody"]["eventList"]
    assert (event["type"], event["action"], event["bizStep"]) == (
        "TransactionEvent",
        "ADD",
        "picking",
    )


def test_event_ids_are_the_same_for_the_same_fact_and_differ_for_others() -> None:
    found = [ful(delivered_at=NOW), ful(id="ful_2"), *WITNESS[:2]]
    ids = [event["eventID"] for event in events_of(*found)]
    assert ids == [event["eventID"] for event in events_of(*found)]
    assert len(set(ids)) == len(ids) == 5


@pytest.mark.parametrize(
    ("item", "pointer"),
    [
        (ful(id=None), "/0/id"),
        (ful(order=EntityRef(native_id="1")), "/0/order/id"),
        (ful(lines=()), "/0/lines"),
        (ful(lines=(FulfillmentLine(line_id="1", quantity=Decimal(1)),)), "/0/lines/0/sku"),
        (
            ful(
                lines=(
                    FulfillmentLine(
                        line_id="1", sku="A", quantity=Decimal("123456789012345678.000001")
                    ),
                )
            ),
            "/0/lines/0/quantity",
        ),
        (
            ful(lines=(FulfillmentLine(line_id="1", sku="A", quantity=1, serials=("x", "x")),)),
            "/0/lines",
        ),
        (ful(shipped_at=None, updated_at=None), "/0/shipped_at"),
        (InventoryLevel(id="i", sku="A", location="W", on_hand=Decimal(1)), "/0/as_of"),
        (InventoryLevel(id="i", sku="A", location="W", as_of=NOW), "/0/on_hand"),
    ],
)
def test_what_an_event_cannot_do_without_is_named(item: Item, pointer: str) -> None:
    with pytest.raises(ContractError) as caught:
        to_epcis([item], base=BASE, created_at=NOW)
    assert caught.value.pointer == pointer


@pytest.mark.parametrize("base", ["acme", "https://id.gs1.org/x", "", "https://a b"])
def test_a_base_that_is_not_ones_own_is_refused(base: str) -> None:
    with pytest.raises(ContractError, match="must be an absolute URI of your own"):
        to_epcis([], base=base, created_at=NOW)


def test_events_of_others_are_set_aside_with_the_reason() -> None:
    document = {
        "@context": ["https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": "2026-03-01T12:00:00Z",
        "epcisBody": {
            "eventList": [
                {
                    "type": "AggregationEvent",
                    "eventID": "urn:uuid:1",
                    "eventTime": "2026-03-01T12:00:00Z",
                    "eventTimeZoneOffset": "+01:00",
                    "action": "ADD",
                    "childEPCs": ["urn:epc:id:sgtin:4012345.011111.987"],
                },
                {
                    "type": "ObjectEvent",
                    "eventID": "urn:uuid:2",
                    "eventTime": "2026-03-01T12:00:00Z",
                    "eventTimeZoneOffset": "+01:00",
                    "action": "OBSERVE",
                    "bizStep": "shipping",
                    "quantityList": [
                        {"epcClass": "urn:epc:class:lgtin:4012345.022222.87545", "quantity": 5}
                    ],
                },
            ]
        },
    }
    assert not list(VALIDATOR.iter_errors(document))
    facts = from_epcis(document, base=BASE)
    assert facts.ignored == {
        "urn:uuid:1": "AggregationEvent tells nothing of stock or shipments",
        "urn:uuid:2": "it names goods by identifiers of others",
    }


def test_a_strangers_nonsense_is_a_contract_error() -> None:
    document = json.loads(json.dumps(to_epcis(WITNESS, base=BASE, created_at=NOW, gtins=GTINS)))
    junk = [None, True, 1.5, -1, 10**30, "", "\x00", [], [None], {}, {"id": 7}, [[{}]], "2026-99"]
    longest = 0
    for path in _paths(document, ()):
        for value in junk:
            try:
                from_epcis(_put(document, path, value), base=BASE, gtins=GTINS)
            except ContractError as error:
                longest = max(longest, len(str(error)))
    assert 0 < longest < 500


def _paths(node: Any, at: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    pairs: Any = ()
    if isinstance(node, dict):
        pairs = node.items()
    elif isinstance(node, list):
        pairs = enumerate(node)
    below = [path for key, child in pairs for path in _paths(child, (*at, key))]
    return [at, *below] if at else below


def _put(node: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[path[0]] = _put(node[path[0]], path[1:], value)
    return copy


def test_every_part_that_we_list_as_not_kept_really_is_not() -> None:
    document = json.loads(json.dumps(to_epcis(WITNESS, base=BASE, created_at=NOW)))
    events = document["epcisBody"]["eventList"]
    events[0] |= {
        "recordTime": "2026-03-02T00:00:00Z",
        "eventTimeZoneOffset": "+01:00",
        "certificationInfo": "https://example.com/cert",
        "sensorElementList": [{"sensorReport": [{"type": "Temperature", "value": 3}]}],
    }
    document |= {
        "id": "https://example.com/doc",
        "instanceIdentifier": "7",
        "sender": "a",
        "receiver": "b",
        "epcisHeader": {"epcisMasterData": {"vocabularyList": []}},
    }
    foreign = {**events[-1], "eventID": "urn:uuid:9", "bizStep": "loading"}
    document["epcisBody"]["eventList"] = [*events, foreign]
    assert not list(VALIDATOR.iter_errors(document))
    read = from_epcis(document, base=BASE)
    assert set(read.ignored) == {"urn:uuid:9"}
    found = [*read.levels, *read.movements, *read.fulfillments]
    later = datetime(2026, 4, 1, tzinfo=UTC)
    again = json.loads(json.dumps(to_epcis(found, base=BASE, created_at=later)))

    def equal(lost: list[str]) -> bool:
        when = {
            "/epcisBody/eventList/*": lambda value, key, above: value["eventID"] in read.ignored
        }
        return bool(
            without(document, marks(document, lost, when))
            == without(again, marks(again, lost, when))
        )

    assert equal(list(LOST_BACK))
    for pointer in LOST_BACK:
        assert not equal([other for other in LOST_BACK if other != pointer]), pointer

"""The conformance kit examines this connector.

pytest                                           # one test for each check
python -m crossdock.testing.conformance .        # everything at once, and the tier
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import crossdock
from crossdock import Command
from crossdock.canonical import (
    Address,
    EntityRef,
    FulfillmentOrder,
    FulfillmentOrderLine,
    Transfer,
    TransferLine,
)
from crossdock.testing.conformance import Features, Sample, Subject, conformance
from crossdock.testing.coverage import Coverage, CoverageReport
from crossdock_x12_wms import edifact, files
from crossdock_x12_wms.config import X12WmsConfig
from crossdock_x12_wms.envelopes import Interchange, Segment, Separators
from crossdock_x12_wms.mapping import translate
from crossdock_x12_wms.sandbox import Job, X12WmsSandbox
from crossdock_x12_wms.writing import wish_of
from crossdock_x12_wms.writing_x12 import interchange, ship_order

HERE = Path(__file__).parent
NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
SHIPPED = ("fulfillment.shipped", "package.tracked", "package.tracked")
ASKED = {
    "kind": "fulfillment_order",
    "id": "fuo_1",
    "number": "1001",
    "order": "ord_1",
    "lines": [
        {"line_id": "line-1", "sku": "MUG-WHITE", "quantity": "3"},
        {"line_id": "line-2", "sku": "TEE-S", "quantity": "2"},
    ],
}
TRANSFER = {"kind": "transfer", "id": "trf_1", "number": "TR7"}
ABOUT = {"document": "940", "number": "1001-A7F3", "control": "12"}
SAYS: Mapping[str, tuple[str, str, tuple[str, ...], Mapping[str, Any]]] = {
    "samples/945-two-parcels.edi": ("945", "", SHIPPED, {"asked": ASKED}),
    "samples/945-short.edi": ("945", "", SHIPPED[:2], {"asked": ASKED}),
    "documents/945-warehouse-advice.x12-types.edi": ("945", "", SHIPPED[:1], {}),
    "documents/856-ship-notice-4060.x12-types.edi": ("856", "", SHIPPED[:1], {}),
    "samples/944-damaged.edi": ("944", "", ("goods_receipt.recorded",), {"asked": TRANSFER}),
    "documents/944-stock-receipt.stupidedi.edi": ("944", "", ("goods_receipt.recorded",), {}),
    "samples/846.edi": ("846", "", ("inventory.level_changed",) * 2, {}),
    "samples/947.edi": ("947", "", ("inventory_movement.recorded",), {}),
    "documents/997-855-856-810.mock-edi.edi": ("997", "997", (), {"answers": [ABOUT]}),
    "samples/DESADV-two-parcels.edi": ("DESADV", "", SHIPPED, {"asked": ASKED}),
    "samples/RECADV-damaged.edi": ("RECADV", "", ("goods_receipt.recorded",), {"asked": TRANSFER}),
    "documents/recadv.smooks.txt": ("RECADV", "", ("goods_receipt.recorded",), {}),
    "samples/INVRPT.edi": ("INVRPT", "", ("inventory.level_changed",) * 2, {}),
    "documents/contrl-ordrsp-desadv-invoic.mock-edi.edi": (
        "CONTRL",
        "CONTRL",
        (),
        {"answers": [ABOUT]},
    ),
}
"""File to topic, the one document wanted where it has several, events, and what is known beside."""
MEANS = {
    "samples/945-two-parcels.edi": "2026-11-28T00:00:00Z",
    "documents/856-ship-notice-4060.x12-types.edi": "2011-12-06T14:24:00Z",
    "samples/944-damaged.edi": "2026-11-28T00:00:00Z",
    "samples/846.edi": "2026-11-28T12:00:00Z",
    "samples/947.edi": "2026-11-28T00:00:00Z",
}
"""EDI's days and hours have no zone: the partner's, UTC unless its rules say otherwise."""


def sample(name: str) -> Sample:
    """A document as the poll lands it."""
    topic, wanted, says, known = SAYS[name]
    text = files.decode((HERE / name).read_bytes())
    if wanted:
        found = (cut for one in files.interchanges(text) for cut in files.cuts(text, one))
        text = next(cut.text for cut in found if cut.document.type == wanted)
    rules = {"location": "DC1", "lenient": name.startswith("documents/945")}
    one = record(topic, says, text=text, rules=rules, **known)
    return replace(one, means=(MEANS[name],) if name in MEANS else ())


def record(topic: str, says: tuple[str, ...], **body: Any) -> Sample:
    """One record."""
    return Sample(topic=topic, data=json.dumps(body).encode(), says=says)


def short() -> Sample:
    """The case that stands beside a short shipment."""
    text = files.decode((HERE / "samples/945-short.edi").read_bytes())
    return record("short", (), text=text, rules={"location": "DC1"}, asked=ASKED)


def unreadable() -> Sample:
    """A file of somebody else."""
    return record("unreadable", (), text=files.decode((HERE / "samples/846.edi").read_bytes()))


def overdue() -> Sample:
    """What nobody has acknowledged."""
    return Sample(topic="overdue", data=(HERE / "samples/overdue.json").read_bytes())


def newer() -> Sample:
    """The count a minute later."""
    one = sample("samples/846.edi")
    body = json.loads(one.data)
    body["text"] = body["text"].replace("20261128*120004", "20261128*120104")
    return Sample(topic=one.topic, data=json.dumps(body).encode(), says=one.says)


def change(box: X12WmsSandbox, number: int) -> str:
    """The warehouse counts the number-th article, or ships a number-th order (again)."""
    if number % 2 == 0:
        job = box.warehouse.jobs.setdefault(f"SOLD-{number}", sold(number))
        box.warehouse.ship(job.number, shipment=f"BOL-{number}")
        return f"945:{job.number}"
    box.warehouse.count({f"SKU-{number}": str(number)}, number=f"INV-{number}")
    return f"846:INV-{number}"


def sold(number: int) -> Job:
    """An order that somebody else gave to the warehouse."""
    return Job(f"SOLD-{number}", "940", {"MUG-WHITE": Decimal(number)})


def holds(box: X12WmsSandbox, kind: str) -> set[str]:
    """Every shipment, by the warehouse's number of it."""
    assert kind == "fulfillment"
    numbers = (job.number for job in box.warehouse.jobs.values() if job.shipments)
    return {f"945:BOL-{number.removeprefix('SOLD-')}" for number in numbers}


def ship(_: X12WmsSandbox, number: int) -> Command[Any]:
    """The number-th order to ship, each of an order of its own."""
    lines = (
        FulfillmentOrderLine(line_id="1", sku="MUG-WHITE", requested=Decimal(number)),
        FulfillmentOrderLine(line_id="2", sku="TEE-S", requested=Decimal("1.5"), unit="KGM"),
    )
    address = Address(
        full_name="Zoë Müller",
        company="Müller & Co",
        lines=("12 Main St", "Suite 4"),
        locality="Austin",
        region="TX",
        postal_code="78701",
        country="US",
        phone="+15125550100",
        email="zoe@shop.example",
    )
    data = FulfillmentOrder(
        order=EntityRef(id=f"ord_{number}"),
        number=f"#{1000 + number}",
        location="DC1",
        lines=lines,
        ship_to=address,
        service="ground",
        requested_at=NOON,
        gift_message="Happy birthday",
    )
    return Command(
        id=f"cmd_{number}",
        type="fulfillment_order.create",
        data=data,
        entity_id=f"fuo_{number}",
    )


def call_off(box: X12WmsSandbox, number: int) -> Command[Any]:
    """The number-th order was given to the warehouse before; now it need not ship."""
    told = ship(box, number)
    given = {key: value for key, value in box.connection("").items() if key != "connector"}
    config = X12WmsConfig.model_validate(given)
    body = ship_order(wish_of(told, config), config)
    data = interchange(config.partner, 900_000 + number, NOON, "940", body)
    (box.warehouse.root / "to-warehouse" / f"before-{number}.edi").write_bytes(data)
    box.warehouse.read()
    return Command(
        id=f"cmd_off_{number}",
        type="fulfillment_order.cancel",
        data=told.data,
        entity_id=told.entity_id,
    )


def transfer(_: X12WmsSandbox, number: int) -> Command[Any]:
    """The number-th transfer to the warehouse."""
    data = Transfer(
        number=f"TR{number}",
        from_location="DC2",
        to_location="DC1",
        lines=(TransferLine(line_id="1", sku="MUG-WHITE", requested=Decimal(number)),),
        expected_at=NOON,
    )
    return Command(
        id=f"cmd_t{number}", type="transfer.create", data=data, entity_id=f"trf_{number}"
    )


def effects(box: X12WmsSandbox) -> object:
    """What the warehouse was asked to do, once it has read its files."""
    box.warehouse.read()
    jobs = [
        (job.number, job.kind, sorted(job.lines.items()), job.name, job.postal_code, job.cancelled)
        for job in box.warehouse.jobs.values()
        if not job.number.startswith("SOLD-")
    ]
    return sorted(jobs), sorted(box.warehouse.documents)


def spelled(sample: Sample) -> Sample:
    """The same record with each segment as an object of its elements, sorted by tag."""
    record = json.loads(sample.data)
    (one,) = files.interchanges(record["text"])
    parts: dict[str, list[dict[str, str]]] = {}
    for segment in segments(one):
        parts.setdefault(segment.tag, []).append(dict(_elements(segment)))
    return Sample(topic=sample.topic, data=json.dumps(parts).encode(), says=sample.says)


def segments(one: Interchange) -> Iterator[Segment]:
    """Headers and documents; trailers are made."""
    yield from one.heads
    for group in one.groups:
        for document in group.documents:
            yield from document.segments


def _elements(segment: Segment) -> Iterator[tuple[str, str]]:
    for number, parts in enumerate(segment.elements, 1):
        for place, value in enumerate(parts, 1):
            if value and segment.tag not in {"SE", "UNT"}:
                name = f"{number:02d}" if len(parts) == 1 else f"{number:02d}-{place}"
                yield name, value


def reading(sample: Sample) -> Callable[[crossdock.Raw], Any]:
    """`translate` for what `spelled` made of this sample."""
    record = json.loads(sample.data)

    def read(raw: crossdock.Raw) -> Any:
        text = _text(record["text"], raw.body)
        return translate(crossdock.Raw(raw.topic, {**record, "text": text}))

    return read


def _text(template: str, parts: dict[str, Any]) -> str:
    (one,) = files.interchanges(template)
    turn: dict[str, int] = {}
    by = one.separators
    lines = []
    for segment in segments(one):
        place = turn[segment.tag] = turn.get(segment.tag, -1) + 1
        values = dict(_elements(segment)) | parts[segment.tag][place]
        elements = []
        for number, components in enumerate(segment.elements, 1):
            told = [
                _value(values.get(f"{number:02d}-{at}", ""), by)
                for at in range(1, len(components) + 1)
            ]
            if len(components) == 1:
                old = components[0] if segment.tag in {"SE", "UNT"} else ""
                told = [_value(values.get(f"{number:02d}", old), by)]
            elements.append(by.component.join(told))
        lines.append(by.element.join([segment.tag, *elements]))
    end = [f"GE{by.element}1{by.element}{one.groups[0].control}"] if one.groups[0].id else []
    name = "IEA" if one.syntax == "x12" else "UNZ"
    lines += [*end, f"{name}{by.element}1{by.element}{one.control}"]
    una = "UNA:+.? '" if by == edifact.DEFAULT else ""
    return una + by.segment.join([*lines, ""])


def _value(value: Any, by: Separators) -> str:
    text = "" if value is None else str(value)
    return edifact.released(text, by) if by.release else text


WORDS: Mapping[str, str] = json.loads((HERE / "coverage.json").read_text("utf-8"))
"""Why an element is not mapped, by pattern, for all documents together."""


class ByElement(Coverage):
    """Coverage of one document; that each word is needed by some document has its own test."""

    def report(self) -> CoverageReport:
        """See `Coverage`."""
        return replace(super().report(), stale=())


def coverages() -> list[Coverage]:
    """What becomes of each element of each document."""
    told = [(name.partition("/")[2], sample(name)) for name in SAYS]
    return [
        ByElement(name=name, samples=[spelled(one)], translate=reading(one), ignored=WORDS)
        for name, one in told
        if one.says
    ]


def test_every_word_about_an_element_is_needed() -> None:
    """A reason for an element that is mapped everywhere, or is nowhere, misleads."""
    needed = {why for one in SUBJECT.coverage for why in one.report().ignored.values()}
    assert [pattern for pattern, why in WORDS.items() if why not in needed] == []


SUBJECT = Subject(
    connector="x12-wms",
    home=HERE.parent,
    features=Features(
        polls=True, applies=True, probes=True, snapshots=("fulfillment",), http=False
    ),
    samples=[*map(sample, SAYS), short(), unreadable(), overdue()],
    newer=[sample("samples/846.edi"), newer()],
    change=change,
    commands={
        "fulfillment_order.create": ship,
        "fulfillment_order.cancel": call_off,
        "transfer.create": transfer,
    },
    effects=effects,
    holds=holds,
    coverage=coverages(),
)
test_conformance = conformance(SUBJECT)

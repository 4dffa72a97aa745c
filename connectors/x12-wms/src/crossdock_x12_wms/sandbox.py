"""A pretended warehouse that speaks X12 (or EDIFACT) over a folder. Start it alone:

    python -m crossdock.testing.sandbox x12-wms=0

It does nothing by itself: a demo or a test tells it to read its orders, to ship, to take in, to
count, by methods here or by `POST /_sandbox/…`. What it writes is held to the documents in
tests/documents; what it reads, it judges as a warehouse does: duplicates by control number.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crossdock_x12_wms import acknowledging, edifact, files, x12
from crossdock_x12_wms.envelopes import Document, Interchange, Separators

US, THEM = "SHOPCO", "DC1WHS"
READS = frozenset({"940", "943", "997", "ORDERS", "DESADV", "CONTRL"})
"""What a warehouse reads."""
OUT, IN = "to-warehouse", "from-warehouse"


@dataclass
class Job:
    """An order to ship, or a transfer to expect, as it was read."""

    number: str
    kind: str
    lines: dict[str, Decimal]
    name: str = ""
    postal_code: str = ""
    title: str = ""
    cancelled: bool = False
    shipments: int = 0


@dataclass
class Warehouse:
    """One warehouse at one folder. `syntax` is what it speaks."""

    root: Path
    syntax: str = "x12"
    version: str = "004010"
    by: Separators | None = None
    acknowledges: bool = True
    now: datetime = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
    jobs: dict[str, Job] = field(default_factory=dict)
    documents: list[tuple[str, str, str]] = field(default_factory=list)
    """What it carried out: document, our number, and N, F …"""
    seen: set[tuple[str, str, str]] = field(default_factory=set)
    duplicates: int = 0
    answers: list[Document] = field(default_factory=list)
    """997 and CONTRL that it was sent."""
    control: int = 0

    def __post_init__(self) -> None:
        for name in (OUT, IN, "fetched"):
            (self.root / name).mkdir(parents=True, exist_ok=True)

    def read(self) -> int:
        """Fetch every file, carry it out once, acknowledge it; how many were fetched."""
        fetched = 0
        for path in sorted((self.root / OUT).iterdir()):
            if path.is_dir() or not files.is_named_whole(path.name):
                continue
            text = files.decode(path.read_bytes())
            path.rename(self.root / "fetched" / path.name)
            fetched += 1
            for one in files.interchanges(text):
                self._interchange(one)
        return fetched

    def _interchange(self, one: Interchange) -> None:
        mark = (one.sender, one.receiver, one.control)
        if mark in self.seen:
            self.duplicates += 1
            return
        self.seen.add(mark)
        documents = [document for group in one.groups for document in group.documents]
        for document in documents:
            if acknowledging.is_answer(document):
                self.answers.append(document)
            elif not document.faults:
                self._job(document)
        if self.acknowledges and not all(map(acknowledging.is_answer, documents)):
            self.acknowledge(one)

    def _job(self, document: Document) -> None:
        head = document.segments[1]
        edi = document.type in {"ORDERS", "DESADV"}
        number, word = head.get(2), head.get(3) if edi else head.get(1)
        self.documents.append((document.type, number, word))
        if word in {"F", "1"}:
            self.jobs[number].cancelled = True
            return
        job = Job(number, "940" if document.type in {"940", "ORDERS"} else "943", {})
        sku = ""
        for one in document.segments:
            if one.tag in {"W01", "W04"}:
                job.lines[one.get(5)] = job.lines.get(one.get(5), Decimal(0)) + Decimal(one.get(1))
            elif one.tag == "LIN":
                sku = one.get(3)
            elif one.tag == "QTY" and sku:
                job.lines[sku] = job.lines.get(sku, Decimal(0)) + Decimal(one.get(1, 2))
            elif one.tag == "N1" and one.get(1) == "ST":
                job.name = one.get(2)
            elif one.tag == "N4":
                job.postal_code = one.get(3)
            elif one.tag == "NAD" and one.get(1) == "DP":
                job.name, job.postal_code = one.get(4), one.get(8)
            elif one.tag in {"N9", "RFF"} and one.get(1) in {"CO", "CR"}:
                job.title = one.get(2) or one.get(1, 2)
        self.jobs[number] = job

    def acknowledge(self, one: Interchange, *, refuse: str = "") -> None:
        """A 997 or CONTRL for an interchange; with `refuse`, an AK5 code, a refusal."""
        if one.syntax == "edifact":
            self.send("CONTRL", acknowledging.answer_edifact(one, READS))
            return
        for group in one.groups:
            body = acknowledging.answer_x12(group, READS)
            if refuse:
                body = [
                    ["AK1", group.id, group.control],
                    ["AK2", group.documents[0].type, group.documents[0].control],
                    ["AK5", "R", refuse],
                    ["AK9", "R", "1", "1", "0"],
                ]
            self.send("997", body)

    def open_orders(self) -> list[str]:
        """Numbers of orders of which nothing has left, in the sequence they came."""
        return [
            job.number
            for job in self.jobs.values()
            if job.kind == "940" and not job.cancelled and not job.shipments
        ]

    def ship(
        self,
        number: str,
        *,
        short: Mapping[str, str] | None = None,
        parcels: int = 1,
        status: str = "",
        shipment: str = "",
    ) -> str:
        """Ship an order: all of it, or less of what `short` names; its shipment number."""
        job = self.jobs[number]
        job.shipments += 1
        mark = shipment or f"BOL{number}{job.shipments:02d}"
        lines = []
        for place, (sku, wanted) in enumerate(job.lines.items()):
            left = Decimal((short or {}).get(sku, wanted))
            lines.append((sku, wanted, left, place % parcels))
        if self.syntax == "edifact":
            self.send("DESADV", self._desadv(job, mark, lines, parcels, status))
        else:
            self.send("945", self._945(job, mark, lines, parcels, status))
        return mark

    def _945(self, job: Job, mark: str, lines: Any, parcels: int, status: str) -> list[list[str]]:
        body = [
            ["W06", "F", job.number, f"{self.now:%Y%m%d}", mark, "", job.title],
            ["N1", "ST", job.name or "CUSTOMER"],
            ["N1", "SF", "", "92", "DC1"],
            ["G62", "11", f"{self.now:%Y%m%d}"],
            ["W27", "M", "UPSN", "United Parcel Service", "PP"],
        ]
        for parcel in range(parcels):
            body += [["LX", str(parcel + 1)], ["MAN", "GM", f"{mark}-{parcel}", "", "CP", ""]]
            body[-1][5] = f"1Z{mark}{parcel}"
            for sku, wanted, left, place in lines:
                if place == parcel:
                    code = status or ("CC" if left == wanted else "CP")
                    less = f"{wanted - left:f}" if wanted != left else "0"
                    body.append(
                        ["W12", code, f"{wanted:f}", f"{left:f}", less, "EA", "", "SK", sku]
                    )
        total = sum((left for _, _, left, _ in lines), Decimal(0))
        return [*body, ["W03", f"{total:f}"]]

    def _desadv(self, job: Job, mark: str, lines: Any, parcels: int, status: str) -> list[Any]:
        day = f"{self.now:%Y%m%d}"
        body: list[Any] = [
            ["BGM", "351", mark, "9"],
            ["DTM", ("137", day, "102")],
            ["DTM", ("11", day, "102")],
            ["RFF", ("ON", job.number)],
            ["TDT", "20", "", "", "", ("DHL", "", "", "DHL Paket")],
        ]
        for parcel in range(parcels):
            body += [["CPS", str(parcel + 1)], ["PAC", "1", "", ("CT", "", "", "Carton")]]
            body += [["PCI", "34"], ["RFF", ("CN", f"JJD{mark}{parcel}")]]
            for sku, wanted, left, place in lines:
                if place == parcel:
                    body += [
                        ["LIN", str(place + 1), "", (sku, "SA")],
                        ["QTY", ("12", f"{left:f}", "PCE")],
                        ["QTY", ("21", f"{wanted:f}", "PCE")],
                    ]
                    if status:
                        body.append(["QVR", (f"{left - wanted:f}", "21"), status])
        return body

    def receive(self, number: str, *, damaged: Mapping[str, str] | None = None) -> str:
        """Take in a transfer, of which some may be damaged; the receipt's number."""
        job = self.jobs[number]
        job.shipments += 1
        mark = f"WR{number}{job.shipments:02d}"
        bad = {sku: Decimal(much) for sku, much in (damaged or {}).items()}
        day = f"{self.now:%Y%m%d}"
        if self.syntax == "edifact":
            lines: list[Any] = [
                ["BGM", "632", mark, "9"],
                ["DTM", ("137", day, "102")],
                ["DTM", ("50", day, "102")],
                ["RFF", ("AAK", number)],
                ["CPS", "1"],
            ]
            for place, (sku, much) in enumerate(job.lines.items(), 1):
                lines += [
                    ["LIN", str(place), "", (sku, "SA")],
                    ["QTY", ("48", f"{much:f}", "PCE")],
                ]
                if sku in bad:
                    lines.append(["QTY", ("124", f"{bad[sku]:f}", "PCE")])
            self.send("RECADV", lines)
            return mark
        body = [["W17", "F", day, mark, number], ["N1", "WH", "DC1", "92", "DC1"]]
        for sku, much in job.lines.items():
            body.append(["W07", f"{much:f}", "EA", "", "SK", sku])
            if sku in bad:
                body.append(["W13", f"{bad[sku]:f}", "EA", "01"])
        total = sum(job.lines.values(), Decimal(0))
        self.send("944", [*body, ["W14", f"{total:f}"]])
        return mark

    def count(self, stock: Mapping[str, str], *, number: str = "") -> str:
        """Say how much of each SKU lies there and may be sold."""
        mark = number or f"INV{self.control + 1:06d}"
        if self.syntax == "edifact":
            lines: list[Any] = [
                ["BGM", "35", mark, "9"],
                ["DTM", ("137", f"{self.now:%Y%m%d%H%M}", "203")],
            ]
            for place, (sku, much) in enumerate(stock.items(), 1):
                lines += [["LIN", str(place), "", (sku, "SA")], ["QTY", ("145", much, "PCE")]]
            self.send("INVRPT", lines)
            return mark
        body = [["BIA", "00", "MM", mark, f"{self.now:%Y%m%d}", f"{self.now:%H%M}"]]
        for place, (sku, much) in enumerate(stock.items(), 1):
            body += [["LIN", str(place), "SK", sku], ["QTY", "17", much, "EA"]]
        self.send("846", [*body, ["CTT", str(len(stock))]])
        return mark

    def adjust(self, sku: str, quantity: str, code: str = "AU") -> str:
        """Book so much in or out, for a reason of element 181 (AU: damaged in facility)."""
        mark = f"ADJ{self.control + 1:06d}"
        day = f"{self.now:%Y%m%d}"
        self.send("947", [["W15", day, mark], ["W19", code, quantity, "EA", "", "SK", sku]])
        return mark

    def send(self, type_: str, body: Any) -> Path:
        """Write one document to our partner, whole, under its own control number."""
        self.control += 1
        self.now += timedelta(seconds=1)
        if type_.isdecimal():
            head = x12.Head(
                sender=("ZZ", THEM),
                receiver=("ZZ", US),
                version=self.version,
                by=self.by or x12.DEFAULT,
            )
            text = x12.write(head, self.control, self.now, [(type_, body)])
        else:
            release = "D:3:UN" if type_ == "CONTRL" else "D:96A:UN"
            made = edifact.Head(
                sender=("ZZ", THEM), receiver=("ZZ", US), by=self.by or edifact.DEFAULT
            )
            text = edifact.write(made, self.control, self.now, [(f"{type_}:{release}", body)])
        return self.drop(f"{type_}-{self.control:06d}.edi", text.encode())

    def drop(self, name: str, data: bytes) -> Path:
        """Put these bytes where we look, as a partner does who renames when it is done."""
        path = self.root / IN / name
        hidden = path.with_name(f".{name}.part")
        hidden.write_bytes(data)
        return hidden.rename(path)


def connection_of(house: Warehouse) -> dict[str, object]:
    """What to write under `connections:` to exchange files with this warehouse."""
    return {
        "connector": "x12-wms",
        "url": str(house.root),
        "location": "DC1",
        "partner": {
            "syntax": house.syntax,
            "us": {"id": US, "name": "Shop Company"},
            "them": {"id": THEM, "name": "Warehouse One"},
        },
    }


class X12WmsSandbox:
    """One warehouse in a temporary folder, and a few addresses to drive it from outside."""

    def __init__(self, syntax: str = "x12") -> None:
        self._home = tempfile.TemporaryDirectory(prefix="crossdock-edi-")
        self.warehouse = Warehouse(Path(self._home.name), syntax)
        post = ["POST"]
        self.app = Starlette(
            routes=[
                Route("/_sandbox/read", self._read, methods=post),
                Route("/_sandbox/ship", self._ship, methods=post),
                Route("/_sandbox/receive", self._receive, methods=post),
                Route("/_sandbox/count", self._count, methods=post),
                Route("/_sandbox/adjust", self._adjust, methods=post),
                Route("/_sandbox/state", self._state),
            ]
        )

    async def aclose(self) -> None:
        """Take the folder away."""
        self._home.cleanup()

    def connection(self, url: str) -> Mapping[str, object]:
        """What to write under `connections:`; files are exchanged in a folder, not at `url`."""
        return connection_of(self.warehouse)

    async def _read(self, request: Request) -> Response:
        return JSONResponse({"fetched": self.warehouse.read()})

    async def _ship(self, request: Request) -> Response:
        """`{"number": …}` or nothing: whatever is read and has not left yet."""
        told = json.loads(await request.body() or b"{}")
        self.warehouse.read()
        wanted = [told.pop("number")] if "number" in told else self.warehouse.open_orders()
        return JSONResponse({"shipped": [self.warehouse.ship(one, **told) for one in wanted]})

    async def _receive(self, request: Request) -> Response:
        told = json.loads(await request.body())
        return JSONResponse({"receipt": self.warehouse.receive(**told)})

    async def _count(self, request: Request) -> Response:
        return JSONResponse({"count": self.warehouse.count(json.loads(await request.body()))})

    async def _adjust(self, request: Request) -> Response:
        told = json.loads(await request.body())
        return JSONResponse({"adjustment": self.warehouse.adjust(**told)})

    async def _state(self, request: Request) -> Response:
        house = self.warehouse
        jobs = {
            job.number: {
                "kind": job.kind,
                "title": job.title,
                "lines": {sku: f"{much:f}" for sku, much in job.lines.items()},
                "cancelled": job.cancelled,
                "shipments": job.shipments,
            }
            for job in house.jobs.values()
        }
        told = {"jobs": jobs, "duplicates": house.duplicates, "answers": len(house.answers)}
        return JSONResponse(told)

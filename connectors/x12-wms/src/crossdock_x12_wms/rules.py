"""How one partner's documents are to be read: what `poll` puts into each record, for `translate`.

Nothing is looked up while a document is read: no clock, no configuration, no time zone of the host.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from zoneinfo import ZoneInfo

from crossdock.errors import ContractError
from crossdock.reading import Flag, Text, TypedDict, fault

from crossdock_x12_wms.envelopes import Fault, Segment, wrong

SKUS = ("SK", "VN", "VP", "BP", "IN", "SA", "VC", "BO", "UK", "UP", "EN", "UA", "UI")
"""Qualifiers of element 235 (or EDIFACT 7143) under which a SKU is looked for, the best first."""
UNITS: Mapping[str, str] = {
    "PCE": "EA",
    "C62": "EA",
    "H87": "EA",
    "PC": "EA",
    "PCS": "EA",
    "KG": "KGM",
    "GR": "GRM",
    "LB": "LBR",
    "LT": "LTR",
    "MR": "MTR",
}
"""Units as they are told (X12 355, EDIFACT 6411) to UN/ECE Rec 20, with pieces as EA."""
STOCK: Mapping[str, str] = {
    "17": "on_hand",
    "145": "on_hand",
    "33": "available",
    "QC": "committed",
    "QH": "quality_control",
    "124": "damaged",
}
"""Quantity codes (X12 673, EDIFACT 6063) and the canonical bucket that each means."""
BUCKETS = frozenset({"on_hand", "available", "committed", "safety", "quality_control", "damaged"})
_NUMBER = re.compile(r"[+-]?(\d{1,15}(\.\d{0,6})?|\.\d{1,6})")


class Told(TypedDict, total=False):
    """Rules as they stand in a record; what is left out has its default."""

    location: Text
    places: dict[str, Text]
    zone: Text
    units: dict[str, Text]
    skus: list[Text]
    stock: dict[str, Text]
    lenient: Flag


@dataclass(frozen=True)
class Rules:
    """See the module. `location` is ours where the document names none that is in `places`."""

    location: str = "warehouse"
    places: Mapping[str, str] = field(default_factory=dict)
    zone: tzinfo = UTC
    units: Mapping[str, str] = field(default_factory=dict)
    skus: tuple[str, ...] = SKUS
    stock: Mapping[str, str] = field(default_factory=dict)
    lenient: bool = False

    @classmethod
    def of(cls, told: Told, topic: str) -> "Rules":
        """ContractError when the zone or a bucket is unknown."""
        name = told.get("zone", "UTC")
        stock = told.get("stock", {})
        for code, bucket in stock.items():
            if bucket not in BUCKETS:
                expected = f"one of {', '.join(sorted(BUCKETS))}"
                raise fault(topic, f"/rules/stock/{code}", expected, bucket)
        return cls(
            location=told.get("location", "warehouse") or "warehouse",
            places=told.get("places", {}),
            zone=_zone(name, topic),
            units=told.get("units", {}),
            skus=tuple(told.get("skus", ())) or SKUS,
            stock=stock,
            lenient=told.get("lenient", False),
        )

    def unforgiven(self, faults: Sequence[Fault]) -> list[Fault]:
        """Faults of envelopes that count here. Nothing forgives an end that is missing."""
        forgiven = {"count", "control"} if self.lenient else set()
        return [fault for fault in faults if fault.code not in forgiven]

    def unit(self, segment: Segment, element: int, component: int = 1) -> str:
        """Our unit for theirs; pieces where none is told."""
        code = segment.get(element, component)
        unit = self.units.get(code) or UNITS.get(code) or code or "EA"
        if not re.fullmatch(r"[A-Z0-9]{2,3}", unit):
            raise wrong(segment, element, "a unit of two or three letters", code)
        return unit

    def place(self, code: str) -> str:
        """Our location for their code."""
        return self.places.get(code, self.location)

    def bucket(self, code: str) -> str | None:
        """The canonical bucket of a quantity code; None when it is none that we know."""
        return self.stock.get(code) or STOCK.get(code)

    def sku(self, segment: Segment, pairs: Iterable[tuple[str, str]], element: int) -> str:
        """The id under the best qualifier. ContractError when there is none at all."""
        found = {qualifier: value for qualifier, value in pairs if value}
        best = next((found[name] for name in self.skus if name in found), None)
        sku = best or next(iter(found.values()), "")
        if not sku:
            raise wrong(segment, element, "the id of an article", "")
        return sku

    def moment(
        self, segment: Segment, element: int, time: str = "", *, text: str | None = None
    ) -> datetime:
        """CCYYMMDD or YYMMDD, with HHMM[SS] where told, in the partner's zone."""
        day = segment.get(element) if text is None else text
        found = moment(day, time, self.zone)
        if found is None:
            raise wrong(segment, element, "a date such as 20260131", f"{day} {time}".strip())
        return found


def _zone(name: str, topic: str) -> tzinfo:
    if name in {"UTC", "Z", ""}:
        return UTC
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise fault(topic, "/rules/zone", "a zone such as America/Chicago", name) from None


def moment(day: str, time: str, zone: tzinfo) -> datetime | None:
    """None when these digits are no date and time."""
    day, time = day.strip(), time.strip()[:6]
    if len(day) == 6:
        day = f"20{day}"
    form = {0: "", 4: "%H%M", 6: "%H%M%S"}.get(len(time))
    if form is None or len(day) != 8 or not (day + time).isascii() or not (day + time).isdigit():
        return None
    try:
        found = datetime.strptime(day + time, "%Y%m%d" + form).replace(tzinfo=zone)
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def amount(segment: Segment, element: int, component: int = 1, *, signed: bool = False) -> Decimal:
    """A quantity, exactly as written. ContractError when it is none, or negative unasked."""
    text = segment.get(element, component)
    if not _NUMBER.fullmatch(text) or not text.isascii():
        raise wrong(segment, element, "a quantity", text or "nothing")
    found = Decimal(text)
    if found < 0 and not signed:
        raise wrong(segment, element, "a quantity of 0 or more", text)
    return found


def maybe(segment: Segment, element: int, component: int = 1) -> Decimal | None:
    """A quantity where there is one."""
    return amount(segment, element, component) if segment.get(element, component) else None


def contradiction(segment: Segment, element: int, words: str, value: object) -> ContractError:
    """Two values of one document cannot both be true."""
    where = segment.at(element)
    return ContractError(f"{where}: {words}", pointer=where, value=str(value))

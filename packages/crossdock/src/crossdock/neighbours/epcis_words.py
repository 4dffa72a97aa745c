"""The words and names of EPCIS and CBV that we use, and what does not survive the journey."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from crossdock.canonical import Fulfillment, InventoryLevel
from crossdock.canonical.inventory import InventoryMovement
from crossdock.neighbours.exact import (
    is_uri,
    misfit,
)
from crossdock.neighbours.losses import Condition

Item = InventoryLevel | InventoryMovement | Fulfillment

DIGITAL_LINK = "https://id.gs1.org/01/"

_OWN = "a word between the parties, not a fact about goods"

_REF = "entities are named by their canonical ids"

_TIME = "an event has the time of the fact alone"

_REFS = "what other systems call it is no fact about goods"

_EXTENSIONS = "extensions of EPCIS need a namespace of their own"

LOST: dict[str, str] = {
    "/levels/*/refs": _REFS,
    "/levels/*/updated_at": _TIME,
    "/levels/*/extensions": _EXTENSIONS,
    "/levels/*/item": "what is counted is named by its SKU or GTIN",
    "/levels/*/sub_buckets": "the source's own words",
    "/levels/*/incoming_on": "what is expected is no event yet; its sum is told",
    "/levels/*/owner": "EPCIS tells owners when they change",
    "/levels/*/authority": _OWN,
    "/movements/*/refs": _REFS,
    "/movements/*/updated_at": _TIME,
    "/movements/*/extensions": _EXTENSIONS,
    "/movements/*/document/native_id": _REF,
    "/movements/*/reverses/native_id": _REF,
    "/movements/*/by": "events do not name persons",
    "/fulfillments/*/refs": _REFS,
    "/fulfillments/*/updated_at": "when it has left: the event has that time then",
    "/fulfillments/*/extensions": _EXTENSIONS,
    "/fulfillments/*/order/native_id": _REF,
    "/fulfillments/*/number": "the despatch is named by its canonical id",
    "/fulfillments/*/tracking": "events tell what moved, not how to follow it",
    "/fulfillments/*/source_status": "the source's own word",
    "/fulfillments/*/service": _OWN,
    "/fulfillments/*/fulfillment_order": _OWN,
    "/fulfillments/*/packages": "parcels would be aggregation events",
    "/fulfillments/*/shipping_cost": _OWN,
    "/fulfillments/*/lines/*/line_id": "EPCIS knows classes of goods; read back, it is the SKU",
    "/fulfillments/*/lines/*/serials": "when two lines are of one class: the first has them all",
}
"""What EPCIS cannot be told: pointer into {"levels", "movements", "fulfillments"} to the reason."""

LOST_BACK: dict[str, str] = {
    "/id": "the document's own name",
    "/creationDate": "the document's own time",
    "/instanceIdentifier": _OWN,
    "/sender": _OWN,
    "/receiver": _OWN,
    "/epcisHeader": "master data come as products and locations",
    "/epcisBody/eventList/*": "when it is none of the events described above: see `ignored`",
    "/epcisBody/eventList/*/recordTime": "the repository's own time",
    "/epcisBody/eventList/*/eventTimeZoneOffset": "times are kept in UTC",
    "/epcisBody/eventList/*/certificationInfo": _OWN,
    "/epcisBody/eventList/*/sensorElementList": "there are no sensors here",
}
"""What we cannot be told: pointer into the EPCIS document to the reason."""


def _class_of(line: Mapping[str, Any]) -> tuple[Any, Any]:
    return line.get("sku"), line.get("lot")


LOST_WHEN: dict[str, Condition] = {
    "/fulfillments/*/updated_at": lambda value, key, above: "shipped_at" in above[2],
    "/fulfillments/*/lines/*/serials": lambda value, key, above: (
        sum(_class_of(line) == _class_of(above[4]) for line in above[3]) > 1
    ),
}
"""When a pointer of LOST is lost, if not always."""

DISPOSITIONS = {
    "available": "sellable_accessible",
    "reserved": "reserved",
    "damaged": "damaged",
    "in_transit_out": "in_transit",
}
"""Buckets for which CBV has a word."""

REASONS: dict[str, tuple[str, str | None]] = {
    "sale": ("retail_selling", "retail_sold"),
    "return": ("receiving", "returned"),
    "receipt": ("receiving", "in_progress"),
    "transfer": ("transporting", "in_transit"),
    "count": ("cycle_counting", None),
    "damage": ("inspecting", "damaged"),
    "expiry": ("inspecting", "expired"),
    "theft": ("removing", "stolen"),
    "production": ("commissioning", "active"),
}
"""Reasons of a movement for which CBV has words: business step and disposition."""

BUCKETS = (
    "on_hand",
    "available",
    "reserved",
    "committed",
    "safety",
    "quality_control",
    "damaged",
    "in_transit_out",
    "incoming",
)


@dataclass(frozen=True)
class Names:
    """URIs of things, and things of URIs."""

    base: str
    gtins: Mapping[str, str]
    skus: Mapping[str, str]

    @classmethod
    def of(cls, base: str, gtins: Mapping[str, str]) -> "Names":
        base = base.rstrip("/")
        if not is_uri(base) or base.startswith(("https://ns.gs1.org", "https://id.gs1.org")):
            raise misfit("base", base, "must be an absolute URI of your own")
        padded = {sku: gtin.zfill(14) for sku, gtin in gtins.items()}
        return cls(base, padded, {gtin: sku for sku, gtin in padded.items()})

    def name(self, kind: str, value: str) -> str:
        return f"{self.base}/{kind}/{quote(value, safe='')}"

    def value(self, kind: str, uri: object) -> str | None:
        """What `name` was given, or None where the URI is none of that kind."""
        start = f"{self.base}/{kind}/"
        if not isinstance(uri, str) or not uri.startswith(start) or "/" in uri[len(start) :]:
            return None
        return unquote(uri[len(start) :])

    def product(self, sku: str, lot: str | None) -> str:
        gtin = self.gtins.get(sku)
        if gtin is not None:
            return DIGITAL_LINK + gtin + ("" if lot is None else f"/10/{quote(lot, safe='')}")
        name = self.name("sku", sku)
        return name if lot is None else f"{name}/lot/{quote(lot, safe='')}"

    def serial(self, product: str, serial: str) -> str:
        word = "21" if product.startswith(DIGITAL_LINK) else "serial"
        return f"{product}/{word}/{quote(serial, safe='')}"

    def goods(self, uri: str) -> tuple[str, str | None] | None:
        """SKU and lot of a class of goods."""
        if uri.startswith(DIGITAL_LINK):
            gtin, _, lot = uri[len(DIGITAL_LINK) :].partition("/10/")
            sku = self.skus.get(gtin)
            tail = lot if "/10/" in uri else None
        else:
            start = f"{self.base}/sku/"
            name, mark, lot = uri.removeprefix(start).partition("/lot/")
            sku = self.value("sku", start + name) if uri.startswith(start) else None
            tail = lot if mark else None
        if sku is None or (tail is not None and "/" in tail):
            return None
        return sku, None if tail is None else unquote(tail)

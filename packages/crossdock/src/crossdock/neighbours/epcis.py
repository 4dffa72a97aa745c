"""Stock and shipments as GS1 EPCIS 2.0 events: what, when, where and why, and back.

- A stock level becomes one ObjectEvent for each bucket that is not empty: observed, business step
  stock_taking, the bucket as disposition.
- A movement becomes one ObjectEvent: observed, its reason as business step and disposition, its
  location as destination (in) or source (out), for EPCIS counts are not signed.
- A shipment becomes an ObjectEvent: observed, shipping, in transit; a second one, arriving, when it
  was delivered. Before it leaves it is a TransactionEvent that adds the goods to the order. When it
  was cancelled, its event bears an error declaration: it did not occur.

What the Core Business Vocabulary has a word for is said in that word; the rest are URIs under
`base`, an address or URN of yours, as the CBV provides for. Trade items are GS1 Digital Links where
their GTIN is told. Event ids derive from ours: the same fact has the same id.

Source: GS1 EPCIS 2.0 and CBV 2.0 (tests/neighbours/schemas/ORIGIN.md).
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote, unquote

from pydantic import ValidationError

from crossdock.canonical import EntityRef, Fulfillment, FulfillmentLine, InventoryLevel
from crossdock.canonical.entity import contract_error
from crossdock.canonical.inventory import InventoryMovement
from crossdock.neighbours.exact import (
    MAX_INTEGER,
    instant,
    is_uri,
    maybe,
    misfit,
    need,
    objects,
    rfc3339,
)
from crossdock.neighbours.losses import Condition

Item = InventoryLevel | InventoryMovement | Fulfillment

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"
DIGITAL_LINK = "https://id.gs1.org/01/"

_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://schemas.crossdock.dev/epcis")

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

LOST_WHEN: dict[str, Condition] = {
    "/fulfillments/*/updated_at": lambda value, key, above: "shipped_at" in above[2],
    "/fulfillments/*/lines/*/serials": lambda value, key, above: (
        sum(_class_of(line) == _class_of(above[4]) for line in above[3]) > 1
    ),
}
"""When a pointer of LOST is lost, if not always."""


def _class_of(line: Mapping[str, Any]) -> tuple[Any, Any]:
    return line.get("sku"), line.get("lot")


_DISPOSITIONS = {
    "available": "sellable_accessible",
    "reserved": "reserved",
    "damaged": "damaged",
    "in_transit_out": "in_transit",
}
"""Buckets for which CBV has a word."""

_REASONS: dict[str, tuple[str, str | None]] = {
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

_BUCKETS = (
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


@dataclass(frozen=True, kw_only=True)
class EpcisFacts:
    """What an EPCIS document says; `ignored` names the events that are none of ours, and why."""

    levels: tuple[InventoryLevel, ...]
    movements: tuple[InventoryMovement, ...]
    fulfillments: tuple[Fulfillment, ...]
    ignored: Mapping[str, str]


def to_epcis(
    items: Iterable[Item],
    *,
    base: str,
    created_at: datetime,
    gtins: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """An EPCIS 2.0 document that tells these facts, valid against GS1's schema.

    `base` is the start of your own identifiers, such as `https://id.acme.example`; `gtins` maps
    SKUs to GTINs. ContractError names by pointer what an event cannot do without: a canonical id,
    a time, a SKU, a quantity that a double number holds exactly.
    """
    names = _Names.of(base, gtins or {})
    events: list[dict[str, Any]] = []
    for index, item in enumerate(items):
        at = f"/{index}"
        if item.id is None:
            raise misfit(f"{at}/id", None, "needs its canonical id")
        if not isinstance(item, Fulfillment) and not item.sku:
            raise misfit(f"{at}/sku", item.sku, "EPCIS names goods by their class")
        if isinstance(item, InventoryLevel):
            events += _level_events(item, names, at)
        elif isinstance(item, InventoryMovement):
            events.append(_movement_event(item, names, at))
        else:
            events += _shipment_events(item, names, at)
    return {
        "@context": [CONTEXT],
        "type": "EPCISDocument",
        "schemaVersion": "2.0",
        "creationDate": rfc3339(created_at),
        "epcisBody": {"eventList": events},
    }


def from_epcis(
    document: Mapping[str, Any], *, base: str, gtins: Mapping[str, str] | None = None
) -> EpcisFacts:
    """What an EPCIS document says of stock and shipments, by the same `base` and `gtins`.

    Events of other kinds, or of other parties' vocabularies, are in `ignored`. ContractError names
    by pointer what is missing, of the wrong type or not canonical.
    """
    try:
        return _Reader(_Names.of(base, gtins or {})).read(document)
    except ValidationError as error:
        raise contract_error("epcis", error) from None


@dataclass(frozen=True)
class _Names:
    """URIs of things, and things of URIs."""

    base: str
    gtins: Mapping[str, str]
    skus: Mapping[str, str]

    @classmethod
    def of(cls, base: str, gtins: Mapping[str, str]) -> "_Names":
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


def _event(
    type_: str, kind: str, id_: str, step: str, moment: datetime, **more: Any
) -> dict[str, Any]:
    name = uuid.uuid5(_SPACE, f"{kind}\n{id_}\n{step}")
    return {
        "type": type_,
        "eventID": f"urn:uuid:{name}",
        "eventTime": rfc3339(moment),
        "eventTimeZoneOffset": "+00:00",
        **{key: value for key, value in more.items() if value is not None},
    }


def _portion(
    names: _Names, sku: str, lot: str | None, unit: str, quantity: Decimal, at: str
) -> Any:
    portion: dict[str, Any] = {
        "epcClass": names.product(sku, lot),
        "quantity": _number(quantity, at),
    }
    if unit != "EA":
        portion["uom"] = unit
    return portion


def _number(quantity: Decimal, at: str) -> int | float:
    """A JSON number that says exactly this. ContractError when there is none."""
    if quantity == quantity.to_integral_value() and abs(quantity) <= MAX_INTEGER:
        return int(quantity)
    number = float(quantity)
    if Decimal(repr(number)) != quantity:
        raise misfit(at, f"{quantity:f}", "EPCIS quantities are JSON numbers of about 15 digits")
    return number


def _deed(names: _Names, kind: str, id_: str, type_: str | None = None) -> dict[str, str]:
    """An entry of a bizTransactionList."""
    return {
        "type": type_ or names.name("transaction", kind),
        "bizTransaction": names.name(kind, id_),
    }


def _level_events(level: InventoryLevel, names: _Names, at: str) -> list[dict[str, Any]]:
    assert level.id is not None
    if level.as_of is None:
        raise misfit(f"{at}/as_of", None, "EPCIS events need a time")
    events = []
    for bucket in _BUCKETS:
        quantity: Decimal | None = getattr(level, bucket)
        if quantity is None or (not quantity and bucket not in {"on_hand", "available"}):
            continue
        word = _DISPOSITIONS.get(bucket) or names.name("disposition", bucket)
        events.append(
            _event(
                "ObjectEvent",
                "level",
                level.id,
                f"{rfc3339(level.as_of)} {bucket}",
                level.as_of,
                action="OBSERVE",
                bizStep="stock_taking",
                disposition=None if bucket == "on_hand" else word,
                readPoint={"id": names.name("location", level.location)},
                bizLocation={"id": names.name("location", level.location)},
                bizTransactionList=[_deed(names, "inventory", level.id)],
                quantityList=[
                    _portion(names, level.sku, level.lot, level.unit, quantity, f"{at}/{bucket}")
                ],
            )
        )
    if not events:
        raise misfit(f"{at}/on_hand", None, "the level states no quantity")
    return events


def _movement_event(movement: InventoryMovement, names: _Names, at: str) -> dict[str, Any]:
    assert movement.id is not None
    place = names.name("location", movement.location)
    step, disposition = _REASONS.get(movement.reason, (names.name("reason", movement.reason), None))
    out = movement.quantity < 0
    deeds = [_deed(names, "inventory_movement", movement.id)]
    for kind, ref in (("document", movement.document), ("reverses", movement.reverses)):
        if ref is not None and ref.id is not None:
            deeds.append(_deed(names, kind, ref.id))
    bucket = _DISPOSITIONS.get(movement.bucket) or names.name("disposition", movement.bucket)
    return _event(
        "ObjectEvent",
        "movement",
        movement.id,
        "",
        movement.occurred_at,
        action="OBSERVE",
        bizStep=step,
        disposition=disposition,
        persistentDisposition=(
            None if movement.bucket == "available" else {"unset" if out else "set": [bucket]}
        ),
        readPoint={"id": place},
        bizTransactionList=deeds,
        epcList=_serials(names, [(movement.sku, movement.lot, movement.serials)], f"{at}/serials"),
        quantityList=[
            _portion(
                names,
                movement.sku,
                movement.lot,
                movement.unit,
                abs(movement.quantity),
                f"{at}/quantity",
            )
        ],
        sourceList=[{"type": "location", "source": place}] if out else None,
        destinationList=None if out else [{"type": "location", "destination": place}],
    )


def _serials(
    names: _Names, goods: Iterable[tuple[str, str | None, tuple[str, ...]]], at: str
) -> list[str] | None:
    found = [
        names.serial(names.product(sku, lot), serial)
        for sku, lot, serials in goods
        for serial in serials
    ]
    if len(set(found)) < len(found):
        raise misfit(at, found, "a serial number is named twice")
    return found or None


def _shipment_events(shipment: Fulfillment, names: _Names, at: str) -> list[dict[str, Any]]:
    assert shipment.id is not None
    if shipment.order.id is None:
        raise misfit(f"{at}/order/id", None, "needs the order's canonical id")
    if not shipment.lines:
        raise misfit(f"{at}/lines", (), "EPCIS events need goods")
    portions, serials = [], []
    for number, line in enumerate(shipment.lines):
        here = f"{at}/lines/{number}"
        if not line.sku:
            raise misfit(
                f"{here}/sku", line.sku, "EPCIS names goods by their class: it needs a SKU"
            )
        portions.append(
            _portion(names, line.sku, line.lot, line.unit, line.quantity, f"{here}/quantity")
        )
        serials.append((line.sku, line.lot, line.serials))
    place = None if shipment.location is None else {"id": names.name("location", shipment.location)}
    common: dict[str, Any] = {
        "bizTransactionList": [
            _deed(names, "order", shipment.order.id, "po"),
            _deed(names, "fulfillment", shipment.id, "desadv"),
        ],
        "epcList": _serials(names, serials, f"{at}/lines"),
        "quantityList": portions,
    }
    if shipment.cancelled_at is not None:
        common["errorDeclaration"] = {
            "declarationTime": rfc3339(shipment.cancelled_at),
            "reason": "did_not_occur",
        }
    events = []
    if shipment.shipped_at is not None:
        events.append(
            _event(
                "ObjectEvent",
                "fulfillment",
                shipment.id,
                "shipping",
                shipment.shipped_at,
                action="OBSERVE",
                bizStep="shipping",
                disposition="in_transit",
                readPoint=place,
                **common,
            )
        )
    else:
        if shipment.updated_at is None:
            raise misfit(
                f"{at}/shipped_at", None, "EPCIS events need a time, here or in updated_at"
            )
        events.append(
            _event(
                "TransactionEvent",
                "fulfillment",
                shipment.id,
                "picking",
                shipment.updated_at,
                action="ADD",
                bizStep="picking",
                disposition="in_progress",
                readPoint=place,
                **common,
            )
        )
    if shipment.delivered_at is not None:
        events.append(
            _event(
                "ObjectEvent",
                "fulfillment",
                shipment.id,
                "arriving",
                shipment.delivered_at,
                action="OBSERVE",
                bizStep="arriving",
                disposition="in_progress",
                **common,
            )
        )
    return events


@dataclass
class _Reader:
    """Reads one document, gathering what several events say of one thing."""

    names: _Names
    levels: dict[str, dict[str, Any]] = field(default_factory=dict)
    movements: list[InventoryMovement] = field(default_factory=list)
    shipments: dict[str, dict[str, Any]] = field(default_factory=dict)
    ignored: dict[str, str] = field(default_factory=dict)

    def read(self, document: Mapping[str, Any]) -> EpcisFacts:
        body = need(document, "epcisBody", dict, "")
        for at, event in objects(body, "eventList", "/epcisBody"):
            reason = self._event(event, at)
            if reason:
                self.ignored[str(event.get("eventID") or at)] = reason
        return EpcisFacts(
            levels=tuple(InventoryLevel(**found) for found in self.levels.values()),
            movements=tuple(self.movements),
            fulfillments=tuple(Fulfillment(**found) for found in self.shipments.values()),
            ignored=self.ignored,
        )

    def _event(self, event: Mapping[str, Any], at: str) -> str:
        """Take it in, or say why not."""
        type_ = need(event, "type", str, at)
        if type_ not in {"ObjectEvent", "TransactionEvent"}:
            return f"{type_[:40]} tells nothing of stock or shipments"
        deeds: dict[str, str] = {}
        for here, deed in objects(event, "bizTransactionList", at):
            uri = need(deed, "bizTransaction", str, here)
            kinds = ("inventory", "inventory_movement", "document", "reverses", "order")
            for kind in (*kinds, "fulfillment"):
                value = self.names.value(kind, uri)
                if value:
                    deeds[kind] = value
        goods = self._goods(event, at)
        if goods is None:
            return "it names goods by identifiers of others"
        moment = instant(event, "eventTime", at)
        step = maybe(event, "bizStep", str, at)
        if "inventory" in deeds and step == "stock_taking":
            return self._level(event, at, deeds["inventory"], goods, moment)
        if "inventory_movement" in deeds:
            return self._movement(event, at, deeds, goods, moment)
        if {"order", "fulfillment"} <= deeds.keys():
            return self._shipment(event, at, deeds, goods, moment)
        return "it names neither stock nor shipment of ours"

    def _goods(self, event: Mapping[str, Any], at: str) -> list[dict[str, Any]] | None:
        goods: list[dict[str, Any]] = []
        classes: list[str] = []
        for here, portion in objects(event, "quantityList", at):
            uri = need(portion, "epcClass", str, here)
            found = self.names.goods(uri)
            if found is None:
                return None
            classes.append(uri)
            quantity = need(portion, "quantity", (int, float), here)
            if quantity != quantity or abs(quantity) >= 10**18:
                raise misfit(f"{here}/quantity", quantity, "must be a number below 10^18")
            goods.append(
                {
                    "sku": found[0],
                    "lot": found[1],
                    "unit": maybe(portion, "uom", str, here) or "EA",
                    "quantity": Decimal(repr(quantity)),
                    "serials": (),
                }
            )
        for index, uri in enumerate(maybe(event, "epcList", list, at) or []):
            if not isinstance(uri, str):
                raise misfit(f"{at}/epcList/{index}", uri, "must be text")
            product, _, serial = uri.rpartition("/")
            product = product.rpartition("/")[0]
            if product not in classes:
                return None
            owner = goods[classes.index(product)]
            owner["serials"] = (*owner["serials"], unquote(serial))
        return goods or None

    def _place(self, event: Mapping[str, Any], at: str) -> str | None:
        place = maybe(event, "readPoint", dict, at)
        return self.names.value("location", place.get("id")) if place else None

    def _bucket(self, word: object) -> str | None:
        known = {word: bucket for bucket, word in _DISPOSITIONS.items()}
        return known.get(str(word)) or self.names.value("disposition", word)

    def _level(
        self,
        event: Mapping[str, Any],
        at: str,
        id_: str,
        goods: list[dict[str, Any]],
        moment: datetime,
    ) -> str:
        word = maybe(event, "disposition", str, at)
        bucket = "on_hand" if word is None else self._bucket(word)
        place = self._place(event, at)
        if bucket not in _BUCKETS or place is None:
            return "it counts in words or at places of others"
        level = self.levels.setdefault(id_, {"id": id_})
        level |= {"sku": goods[0]["sku"], "lot": goods[0]["lot"], "unit": goods[0]["unit"]}
        level |= {"location": place, "as_of": moment, bucket: goods[0]["quantity"]}
        return ""

    def _movement(
        self,
        event: Mapping[str, Any],
        at: str,
        deeds: Mapping[str, str],
        goods: list[dict[str, Any]],
        moment: datetime,
    ) -> str:
        words = (maybe(event, "bizStep", str, at), maybe(event, "disposition", str, at))
        known = {said: reason for reason, said in _REASONS.items()}
        reason = known.get(words) or self.names.value("reason", words[0])  # type: ignore[arg-type]
        place = self._place(event, at)
        out = bool(maybe(event, "sourceList", list, at))
        lasting = maybe(event, "persistentDisposition", dict, at)
        bucket: str | None = "available"
        if lasting is not None:
            said = maybe(lasting, "unset" if out else "set", list, f"{at}/persistentDisposition")
            bucket = self._bucket(said[0]) if said else None
        if not reason or place is None or bucket is None:
            return "it moves in words or at places of others"
        self.movements.append(
            InventoryMovement(
                id=deeds["inventory_movement"],
                sku=goods[0]["sku"],
                location=place,
                quantity=-goods[0]["quantity"] if out else goods[0]["quantity"],
                unit=goods[0]["unit"],
                bucket=bucket,
                reason=reason,
                occurred_at=moment,
                document=EntityRef(id=deeds["document"]) if "document" in deeds else None,
                reverses=EntityRef(id=deeds["reverses"]) if "reverses" in deeds else None,
                lot=goods[0]["lot"],
                serials=goods[0]["serials"],
            )
        )
        return ""

    def _shipment(
        self,
        event: Mapping[str, Any],
        at: str,
        deeds: Mapping[str, str],
        goods: list[dict[str, Any]],
        moment: datetime,
    ) -> str:
        step = maybe(event, "bizStep", str, at)
        moments = {"shipping": "shipped_at", "picking": "updated_at", "arriving": "delivered_at"}
        if step not in moments:
            return f"the business step {str(step)[:40]} is none of a shipment's here"
        shipment = self.shipments.setdefault(deeds["fulfillment"], {"id": deeds["fulfillment"]})
        shipment["order"] = EntityRef(id=deeds["order"])
        shipment[moments[step]] = moment
        place = self._place(event, at)
        if place is not None:
            shipment["location"] = place
        wrong = maybe(event, "errorDeclaration", dict, at)
        if wrong is not None:
            shipment["cancelled_at"] = instant(wrong, "declarationTime", f"{at}/errorDeclaration")
        shipment["lines"] = tuple(FulfillmentLine(line_id=line["sku"], **line) for line in goods)
        return ""

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
from datetime import datetime
from decimal import Decimal
from typing import Any

from crossdock.canonical import Fulfillment, InventoryLevel
from crossdock.canonical.inventory import InventoryMovement
from crossdock.canonical.texts import rfc3339
from crossdock.neighbours.epcis_reading import EpcisFacts, from_epcis
from crossdock.neighbours.epcis_words import (
    BUCKETS,
    DISPOSITIONS,
    LOST,
    LOST_BACK,
    LOST_WHEN,
    REASONS,
    Item,
    Names,
)
from crossdock.neighbours.exact import (
    MAX_INTEGER,
    misfit,
)

__all__ = [
    "LOST",
    "LOST_BACK",
    "LOST_WHEN",
    "EpcisFacts",
    "Item",
    "from_epcis",
    "to_epcis",
]

CONTEXT = "https://ref.gs1.org/standards/epcis/2.0.0/epcis-context.jsonld"

_SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://schemas.crossdock.dev/epcis")


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
    names = Names.of(base, gtins or {})
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


def _portion(names: Names, sku: str, lot: str | None, unit: str, quantity: Decimal, at: str) -> Any:
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


def _deed(names: Names, kind: str, id_: str, type_: str | None = None) -> dict[str, str]:
    """An entry of a bizTransactionList."""
    return {
        "type": type_ or names.name("transaction", kind),
        "bizTransaction": names.name(kind, id_),
    }


def _level_events(level: InventoryLevel, names: Names, at: str) -> list[dict[str, Any]]:
    assert level.id is not None
    if level.as_of is None:
        raise misfit(f"{at}/as_of", None, "EPCIS events need a time")
    events = []
    for bucket in BUCKETS:
        quantity: Decimal | None = getattr(level, bucket)
        if quantity is None or (not quantity and bucket not in {"on_hand", "available"}):
            continue
        word = DISPOSITIONS.get(bucket) or names.name("disposition", bucket)
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


def _movement_event(movement: InventoryMovement, names: Names, at: str) -> dict[str, Any]:
    assert movement.id is not None
    place = names.name("location", movement.location)
    step, disposition = REASONS.get(movement.reason, (names.name("reason", movement.reason), None))
    out = movement.quantity < 0
    deeds = [_deed(names, "inventory_movement", movement.id)]
    for kind, ref in (("document", movement.document), ("reverses", movement.reverses)):
        if ref is not None and ref.id is not None:
            deeds.append(_deed(names, kind, ref.id))
    bucket = DISPOSITIONS.get(movement.bucket) or names.name("disposition", movement.bucket)
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
    names: Names, goods: Iterable[tuple[str, str | None, tuple[str, ...]]], at: str
) -> list[str] | None:
    found = [
        names.serial(names.product(sku, lot), serial)
        for sku, lot, serials in goods
        for serial in serials
    ]
    if len(set(found)) < len(found):
        raise misfit(at, found, "a serial number is named twice")
    return found or None


def _shipment_events(shipment: Fulfillment, names: Names, at: str) -> list[dict[str, Any]]:
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

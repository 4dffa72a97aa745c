"""Reading EPCIS events: what they say of stock and shipments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError

from crossdock.canonical import EntityRef, Fulfillment, FulfillmentLine, InventoryLevel
from crossdock.canonical.entity import contract_error
from crossdock.canonical.inventory import InventoryMovement
from crossdock.neighbours.epcis_words import BUCKETS, DISPOSITIONS, REASONS, Names
from crossdock.neighbours.exact import (
    instant,
    maybe,
    misfit,
    need,
    objects,
)


@dataclass(frozen=True, kw_only=True)
class EpcisFacts:
    """What an EPCIS document says; `ignored` names the events that are none of ours, and why."""

    levels: tuple[InventoryLevel, ...]
    movements: tuple[InventoryMovement, ...]
    fulfillments: tuple[Fulfillment, ...]
    ignored: Mapping[str, str]


def from_epcis(
    document: Mapping[str, Any], *, base: str, gtins: Mapping[str, str] | None = None
) -> EpcisFacts:
    """What an EPCIS document says of stock and shipments, by the same `base` and `gtins`.

    Events of other kinds, or of other parties' vocabularies, are in `ignored`. ContractError names
    by pointer what is missing, of the wrong type or not canonical.
    """
    try:
        return _Reader(Names.of(base, gtins or {})).read(document)
    except ValidationError as error:
        raise contract_error("epcis", error) from None


@dataclass
class _Reader:
    """Reads one document, gathering what several events say of one thing."""

    names: Names
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
        known = {word: bucket for bucket, word in DISPOSITIONS.items()}
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
        if bucket not in BUCKETS or place is None:
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
        known = {said: reason for reason, said in REASONS.items()}
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

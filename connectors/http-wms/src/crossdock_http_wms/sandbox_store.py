"""A pretended warehouse: what it was asked, what lies on its shelves, what it has told. No HTTP.

The methods that drive it play its staff: `ship`, `short_ship`, `reject`, `receive`, `take_back`,
`count`, `adjust`, `track`. Each tells what follows, in the order in which it happened.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from crossdock.canonical import Entity

from crossdock_http_wms.config import ListName
from crossdock_http_wms.messages import LIST_OF, LISTS

Json = dict[str, Any]
ZERO = Decimal(0)


class Refused(Exception):  # noqa: N818 - an answer of the protocol
    """The warehouse says no: a status and its words."""

    def __init__(self, status: int, detail: str, faults: Iterable[Mapping[str, Any]] = ()) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.faults = tuple(faults)


@dataclass
class Asked:
    """One thing that it was asked, under the asker's id."""

    id: str
    number: str
    body: Json
    cancelled: bool = False
    shipped: dict[str, Decimal] = field(default_factory=dict)
    rejected: dict[str, Decimal] = field(default_factory=dict)
    answered: Json = field(default_factory=dict)
    """What the house has said of it: when it agreed or refused, and why."""

    @property
    def held(self) -> Json:
        """As it is answered."""
        return {"id": self.number, "cancelled": self.cancelled}


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass
class Warehouse:
    """One house in memory."""

    clock: Callable[[], datetime] = _now
    stock: dict[tuple[str, str], Decimal] = field(default_factory=dict)
    asked: dict[str, dict[str, Asked]] = field(default_factory=dict)
    """By collection, then by the asker's id."""
    told: list[Json] = field(default_factory=list)
    """Every message, in sequence."""
    places: dict[ListName, dict[tuple[str, str], tuple[int, Json]]] = field(
        default_factory=lambda: {name: {} for name in LISTS}
    )
    """By list: the present state of each thing, and its place, which moves with each change."""
    _numbers: int = 0
    _revisions: dict[tuple[str, str], int] = field(default_factory=dict)

    # what it is asked

    def put(self, path: str, own_id: str, entity: Entity) -> tuple[Asked, bool]:
        """Make it, or replace it as long as nothing was done for it; whether it is new."""
        shelf = self.asked.setdefault(path, {})
        body = _document(entity)
        before = shelf.get(own_id)
        if before is not None and before.body == body and not before.cancelled:
            return before, False
        if before is not None and before.cancelled:
            raise Refused(409, f"{own_id} was called off; ask under another id")
        if before is not None and before.shipped:
            raise Refused(409, f"{own_id} has left in part already; it can no longer be changed")
        number = before.number if before is not None else self._number(path[:2].upper())
        shelf[own_id] = Asked(own_id, number, body)
        if path == "fulfillment-orders":
            self._answer(shelf[own_id], "accepted", accepted_at=self._stamp())
        return shelf[own_id], before is None

    def find(self, path: str, own_id: str) -> Asked:
        """Refused 404: it was never asked."""
        found = self.asked.get(path, {}).get(own_id)
        if found is None:
            raise Refused(404, f"there is no {own_id} in {path}")
        return found

    def cancel(self, path: str, own_id: str) -> Asked:
        """Call it off. Refused 409: it has left."""
        one = self.find(path, own_id)
        if one.shipped:
            raise Refused(409, f"{own_id} has left already; too late to call it off")
        if not one.cancelled:
            one.cancelled = True
            if path == "fulfillment-orders":
                self._answer(one, "cancelled")
        return one

    def page(
        self,
        name: ListName,
        after: int,
        limit: int,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Json:
        """What changed behind that place, oldest change first."""
        rows = [
            (place, message)
            for place, message in sorted(self.places[name].values(), key=lambda row: row[0])
            if place > after and _within(message, since, until)
        ]
        last = rows[:limit][-1][0] if rows else after
        return {
            "items": [message for _, message in rows[:limit]],
            "next": str(last),
            "more": len(rows) > limit,
        }

    # what its staff do

    def ship(
        self,
        own_id: str,
        lines: Mapping[str, str | int | Decimal] | None = None,
        packages: int = 1,
        carrier: str = "UPS",
    ) -> Json:
        """Send so much of each line, by default all that is open, in so many parcels."""
        one = self.find("fulfillment-orders", own_id)
        if one.cancelled:
            raise Refused(409, f"{own_id} was called off")
        given = {key: Decimal(value) for key, value in (lines or self._open(one)).items()}
        skus = {line["line_id"]: line.get("sku") for line in one.body["lines"]}
        number = self._number("SH")
        data = {
            "order": one.body["order"],
            "number": number,
            "location": one.body["location"],
            "lines": [
                {"line_id": line, "sku": skus[line], "quantity": f"{amount:f}"}
                for line, amount in given.items()
                if amount > 0
            ],
            "tracking": [
                {"number": f"1Z{number}{parcel}", "carrier": carrier}
                for parcel in range(1, packages + 1)
            ],
            "shipped_at": self._stamp(),
            "fulfillment_order": {"id": own_id, "native_id": one.number},
        }
        if not data["lines"]:
            raise Refused(409, f"nothing of {own_id} is open")
        for line, amount in given.items():
            one.shipped[line] = one.shipped.get(line, ZERO) + amount
        message = self.tell("fulfillment.shipped", number, data)
        for line, amount in given.items():
            if skus[line]:
                self._move(skus[line], one.body["location"], -amount)
        return message

    def short_ship(
        self, own_id: str, missing: Mapping[str, str | int | Decimal], reason: str = "not on shelf"
    ) -> Json:
        """Send all but what is missing, and say that the rest will not be sent."""
        one = self.find("fulfillment-orders", own_id)
        short = {line: Decimal(amount) for line, amount in missing.items()}
        left = self._open(one)
        going = {line: amount - short.get(line, ZERO) for line, amount in left.items()}
        if any(amount > 0 for amount in going.values()):
            self.ship(own_id, going)
        one.rejected.update(short)
        return self._answer(one, "rejected", rejected_at=self._stamp(), rejected_reason=reason)

    def reject(self, own_id: str, reason: str = "unknown article") -> Json:
        """Refuse all of it."""
        one = self.find("fulfillment-orders", own_id)
        return self.short_ship(own_id, self._open(one), reason)

    def receive(
        self, location: str, lines: Mapping[str, str | int], transfer: str | None = None
    ) -> Json:
        """Goods come in, by SKU, perhaps those of a transfer that was announced."""
        number = self._number("GR")
        data: Json = {
            "number": number,
            "location": location,
            "received_at": self._stamp(),
            "lines": [
                {
                    "line_id": str(index),
                    "sku": sku,
                    "received": str(amount),
                    "accepted": str(amount),
                }
                for index, (sku, amount) in enumerate(lines.items(), 1)
            ],
        }
        if transfer is not None:
            data["transfer"] = {"id": self.find("transfers", transfer).id}
        message = self.tell("goods_receipt.recorded", number, data)
        for sku, amount in lines.items():
            self._move(sku, location, Decimal(amount))
        return message

    def take_back(self, return_id: str, disposition: str = "restock") -> Json:
        """What a customer sent back has come, all of it as new."""
        one = self.find("returns", return_id)
        location = one.body.get("return_to") or "WH"
        number = self._number("RR")
        lines = [
            {
                "line_id": line["line_id"],
                "sku": line.get("sku"),
                "quantity": line["requested"],
                "condition": "new",
                "disposition": disposition,
                "restocked": line["requested"] if disposition == "restock" else None,
            }
            for line in one.body["lines"]
        ]
        data = {
            "return_ref": {"id": return_id},
            "order": one.body["order"],
            "location": location,
            "received_at": self._stamp(),
            "lines": [_without_none(line) for line in lines],
        }
        message = self.tell("return_receipt.recorded", number, data)
        if disposition == "restock":
            for line in lines:
                if line["sku"]:
                    self._move(line["sku"], location, Decimal(line["quantity"]))
        return message

    def count(self, location: str, counted: Mapping[str, str | int]) -> Json:
        """Somebody went and counted: the books follow."""
        number = self._number("CO")
        lines = [
            {
                "sku": sku,
                "expected": f"{self.stock.get((sku, location), ZERO):f}",
                "counted": str(amount),
            }
            for sku, amount in counted.items()
        ]
        data = {"location": location, "counted_at": self._stamp(), "lines": lines}
        message = self.tell("stock_count.completed", number, data)
        for sku, amount in counted.items():
            self._set(sku, location, Decimal(amount))
        return message

    def adjust(self, sku: str, location: str, by: str | int, reason: str = "damage") -> Json:
        """So much more or less, for a reason."""
        number = self._number("MV")
        data = {
            "sku": sku,
            "location": location,
            "quantity": str(by),
            "reason": reason,
            "occurred_at": self._stamp(),
        }
        message = self.tell("inventory_movement.recorded", number, data)
        self._move(sku, location, Decimal(by))
        return message

    def track(self, parcel: str, order: Mapping[str, str], status: str = "in_transit") -> Json:
        """The carrier says something about a parcel."""
        event = {"at": self._stamp(), "status": status}
        data = {"order": dict(order), "tracking_number": parcel, "events": [event]}
        return self.tell("package.tracked", parcel, data)

    def tell(self, type_: str, native_id: str, data: Mapping[str, Any]) -> Json:
        """One message: kept, and the state of its thing in its list."""
        kind = type_.partition(".")[0]
        thing = (kind, native_id)
        revision = self._revisions.get(thing, 0) + 1
        self._revisions[thing] = revision
        message = {
            "type": type_,
            "id": native_id,
            "revision": revision,
            "timestamp": self._stamp(),
            "data": _without_none(data),
        }
        self.told.append(message)
        name = LIST_OF.get(kind)
        if name is not None:
            self.places[name][thing] = (len(self.told), message)
        return message

    # within

    def _open(self, one: Asked) -> dict[str, Decimal]:
        return {
            line["line_id"]: Decimal(line["requested"])
            - Decimal(line.get("cancelled", 0))
            - one.rejected.get(line["line_id"], ZERO)
            - one.shipped.get(line["line_id"], ZERO)
            for line in one.body["lines"]
        }

    def _answer(self, one: Asked, fact: str, **times: str) -> Json:
        """Tell how the fulfilment order stands."""
        one.answered.update(times)
        lines = []
        for line in one.body["lines"]:
            counters = {"shipped": one.shipped, "rejected": one.rejected}
            stands = {
                name: f"{amounts[line['line_id']]:f}"
                for name, amounts in counters.items()
                if line["line_id"] in amounts
            }
            if one.cancelled:
                stands["cancelled"] = line["requested"]
            lines.append({**line, **stands})
        data = {**one.body, **one.answered, "lines": lines}
        return self.tell(f"fulfillment_order.{fact}", one.number, data)

    def _move(self, sku: str, location: str, by: Decimal) -> None:
        self._set(sku, location, self.stock.get((sku, location), ZERO) + by)

    def _set(self, sku: str, location: str, on_hand: Decimal) -> None:
        self.stock[sku, location] = on_hand
        data = {"sku": sku, "location": location, "on_hand": f"{on_hand:f}"}
        self.tell("inventory.level_changed", f"{sku}@{location}", {**data, "as_of": self._stamp()})

    def _number(self, prefix: str) -> str:
        self._numbers += 1
        return f"{prefix}-{self._numbers}"

    def _stamp(self) -> str:
        return self.clock().isoformat().replace("+00:00", "Z")


def _document(entity: Entity) -> Json:
    return entity.model_dump(mode="json", exclude_defaults=True)


def _without_none(data: Mapping[str, Any]) -> Json:
    return {
        key: [_without_none(one) if isinstance(one, dict) else one for one in value]
        if isinstance(value, list)
        else value
        for key, value in data.items()
        if value is not None
    }


def _within(message: Json, since: datetime | None, until: datetime | None) -> bool:
    if since is None and until is None:
        return True
    at = datetime.fromisoformat(message["timestamp"])
    return (since is None or at >= since) and (until is None or at < until)

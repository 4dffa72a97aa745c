"""Telling Square how much there is: `inventory.publish` as a physical count.

A sale at the till has lowered Square's own count already, so a figure of ours is a count, never an
adjustment: telling 9 after Square went from 10 to 9 changes nothing. The count is made for the
present moment, for what is left by our figure has the sale in it: dated back, Square would take
the sales since then off a second time. `ignore_unchanged_counts` is switched off: it compares with
the last *physical* count, not with what is left since, and so would drop a figure that is needed.

A repeated try must not undo a sale made in between, so the command stands at the count as its
reference, and the key makes Square do it once.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import ROUND_FLOOR, Decimal
from typing import Any

from crossdock import Command, Http, Receipt, RejectedError
from crossdock.canonical import InventoryLevel
from crossdock.jsontext import shorten
from crossdock.reading import Required, Shape, Text, TypedDict

from crossdock_square import articles, calls
from crossdock_square.config import SquareConfig
from crossdock_square.mapping_goods import FOR_SALE, OURS
from crossdock_square.values import Id, Signed

_FINEST = Decimal("0.00001")
_LOOK_BACK = timedelta(days=3)


class _Count(TypedDict, total=False):
    state: Text
    quantity: Required[Signed]


class _Counts(TypedDict, total=False):
    counts: list[_Count]


class _Entry(TypedDict, total=False):
    id: Required[Id]
    reference_id: Text | None


class _Change(TypedDict, total=False):
    physical_count: _Entry | None


class _Changes(TypedDict, total=False):
    changes: list[_Change]


_COUNTS, _CHANGES = Shape(_Counts), Shape(_Changes)


class Stocking:
    """Publishes counts to one merchant."""

    def __init__(self, config: SquareConfig, http: Http, now: Callable[[], datetime]) -> None:
        self.config = config
        self.http = http
        self.now = now

    async def publish(self, command: Command[InventoryLevel]) -> Receipt:
        """Set what is for sale; nothing is written where Square has that figure already."""
        level = command.data
        location, quantity = self._where(level), _figure(level)
        article = await articles.only(self.http, level.sku)
        own = f"{article}:{location}"
        if command.attempt > 1 and await self._entry(command, article, location):
            return Receipt(native_id=own, changed=False, note="an earlier try had counted it")
        before = await self._count(article, location)
        if before == quantity:
            return Receipt(native_id=own, changed=False, note=f"Square has {quantity:f} already")
        count = {
            "reference_id": _reference(command),
            "catalog_object_id": article,
            "state": FOR_SALE,
            "location_id": location,
            "quantity": f"{quantity:f}",
            "occurred_at": _stamp(self.now()),
        }
        body = {
            "idempotency_key": command.id[:128],
            "changes": [{"type": "PHYSICAL_COUNT", "physical_count": count}],
            "ignore_unchanged_counts": False,
        }
        try:
            await calls.change(self.http, "/v2/inventory/changes/batch-create", body)
        except calls.KeyReusedError:
            return Receipt(native_id=own, changed=False, note="an earlier try had counted it")
        was = "none" if before is None else f"{before:f}"
        return Receipt(native_id=own, note=f"counted {quantity:f} where Square had {was}")

    async def find(self, command: Command[InventoryLevel]) -> Receipt | None:
        """The count that an earlier try made, by its reference."""
        location = self._where(command.data)
        found = await articles.variations(self.http, command.data.sku)
        if len(found) != 1:
            return None  # then `apply` says why not
        article = found[0]["id"]
        if not await self._entry(command, article, location):
            return None
        return Receipt(native_id=f"{article}:{location}", note="an earlier try had counted it")

    def _where(self, level: InventoryLevel) -> str:
        location = self.config.locations.get(level.location)
        if location is None:
            known = ", ".join(sorted(self.config.locations))
            raise RejectedError(
                f"the place {shorten(level.location)} is none of this connection's `locations` "
                f"({known}): add Square's location for it, or do not publish it here",
                reason="unknown_location",
            )
        return location

    async def _count(self, article: str, location: str) -> Decimal | None:
        body = {"catalog_object_ids": [article], "location_ids": [location], "states": [FOR_SALE]}
        answer = await calls.search(self.http, "/v2/inventory/counts/batch-retrieve", body)
        for one in _COUNTS.of(answer, "counts").get("counts") or []:
            if one.get("state") == FOR_SALE:
                return Decimal(one["quantity"])
        return None

    async def _entry(self, command: Command[Any], article: str, location: str) -> bool:
        """Whether our count stands in the ledger."""
        body: dict[str, Any] = {
            "catalog_object_ids": [article],
            "location_ids": [location],
            "types": ["PHYSICAL_COUNT"],
            "updated_after": _stamp(self.now() - _LOOK_BACK),
        }
        async for page in calls.pages(self.http, "/v2/inventory/changes/batch-retrieve", body):
            for one in _CHANGES.of(page, "changes").get("changes") or []:
                entry = one.get("physical_count")
                if entry and entry.get("reference_id") == _reference(command):
                    return True
        return False


def _reference(command: Command[Any]) -> str:
    return f"{OURS}{command.id}"[:255]


def _figure(level: InventoryLevel) -> Decimal:
    """Never below zero, at most five places, rounded down: Square keeps no more."""
    sellable = level.sellable
    if sellable is None:
        raise RejectedError(
            f"the stock of {shorten(level.sku)} says neither what is available nor what lies there",
            reason="no_quantity",
        )
    return max(sellable, Decimal(0)).quantize(_FINEST, ROUND_FLOOR).normalize() + 0


def _stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

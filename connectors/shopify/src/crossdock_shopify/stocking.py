"""Telling a shop how much of a thing it may sell.

It sets `available`, never adds, and only if the shop still has the figure we just read
(`changeFromQuantity`; in 2025-10 `compareQuantity`): a sale in between makes Shopify refuse, we
read again and decide again. The idempotency key names command, old and new figure, so that a
repeated try is replayed by Shopify, not done again. Below zero there is nothing to sell: negative
figures are sent as 0.
"""

import uuid
from dataclasses import dataclass, field

from crossdock import Command, ConflictError, Receipt, RejectedError, UnavailableError
from crossdock.canonical import InventoryLevel

from crossdock_shopify import queries, versions
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.echoes import Echoes, stock_look
from crossdock_shopify.fulfilling import tail
from crossdock_shopify.graphql import GraphQL, user_errors
from crossdock_shopify.reading import Obj

TRIES = 5
_KEYS = uuid.UUID("5f1c0b6e-3f5d-5a0e-9a52-6f1b0c1d7e3a")
_STALE = frozenset({"CHANGE_FROM_QUANTITY_STALE", "COMPARE_QUANTITY_STALE"})
_MAX_PAGES = 8


@dataclass(frozen=True)
class Stocking:
    """The command `inventory.publish`, for one shop."""

    config: ShopifyConfig
    graphql: GraphQL
    echoes: Echoes
    items: dict[str, str] = field(default_factory=dict)
    """SKU to inventory item, as looked up; forgotten when Shopify no longer knows the item."""

    async def apply(self, command: Command[InventoryLevel]) -> Receipt:
        """Set what is sellable. ConflictError after TRIES changes by other hands in between."""
        level = command.data
        wanted, location = _wanted(level), self._location(level)
        salt = 0
        for _ in range(TRIES):
            item, now = await self._available(level.sku, location)
            native_id = f"{tail(item)}:{tail(location)}"
            if now == wanted:
                return Receipt(native_id=native_id, changed=False, note=f"was {wanted} already")
            codes = await self._set(command, item, location, now, wanted, salt)
            if not codes:
                return Receipt(native_id=native_id, note=f"{level.sku}: {now} → {wanted}")
            if "IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED" in codes:
                salt += 1
        raise ConflictError(
            f"{level.sku} at {level.location}: the shop's figure changed {TRIES} times under us"
        )

    async def find(self, command: Command[InventoryLevel]) -> Receipt | None:
        """Whether the level is what was wanted; who set it cannot be told, and does not matter."""
        level = command.data
        wanted, location = _wanted(level), self._location(level)
        item, now = await self._available(level.sku, location)
        if now != wanted:
            return None
        return Receipt(native_id=f"{tail(item)}:{tail(location)}", note=f"is {wanted} at the shop")

    def _location(self, level: InventoryLevel) -> str:
        gid = self.config.locations.get(level.location)
        if gid is None:
            known = ", ".join(sorted(self.config.locations)) or "none"
            raise RejectedError(
                f"{level.sku}: location {level.location!r} has no Shopify location; write it under "
                f"`locations:` of this connection (known there: {known})",
                reason="location_unknown",
            )
        return gid

    async def _item(self, sku: str) -> str:
        known = self.items.get(sku)
        if known is not None:
            return known
        found: dict[str, bool] = {}
        after: str | None = None
        quoted = sku.replace("\\", "\\\\").replace('"', '\\"')
        for _ in range(_MAX_PAGES):
            answer = await self.graphql.run(
                queries.VARIANTS_BY_SKU, {"query": f'sku:"{quoted}"', "after": after}
            )
            page = answer.data.need_object("productVariants")
            for node in page.objects("nodes"):
                if node.text("sku") == sku:  # the search also finds look-alikes
                    item = node.need_object("inventoryItem")
                    found[item.need_text("id")] = item.flag("tracked")
            info = page.need_object("pageInfo")
            after = info.text("endCursor") if info.flag("hasNextPage") else None
            if after is None:
                break
        if len(found) != 1:
            raise RejectedError(
                f"the shop has {len(found) or 'no'} items with SKU {sku!r}; one must have it",
                reason="sku_ambiguous" if found else "sku_unknown",
            )
        gid, tracked = next(iter(found.items()))
        if not tracked:
            raise RejectedError(
                f"SKU {sku!r}: the shop does not track its stock; switch `Track quantity` on",
                reason="not_tracked",
            )
        self.items[sku] = gid
        return gid

    async def _available(self, sku: str, location: str) -> tuple[str, int]:
        """The inventory item, and its figure; a remembered item that is gone is looked up anew."""
        stocked, item = await self._read(sku, location)
        if stocked is None:
            self.items.pop(sku, None)
            stocked, item = await self._read(sku, location)
        if stocked is None:
            raise ConflictError(
                f"SKU {sku!r}: the shop changed its inventory item while we read it"
            )
        level = stocked.object("inventoryLevel")
        if level is None:
            raise RejectedError(
                f"SKU {sku!r} is not stocked at {location}; stock it there in Shopify first",
                reason="not_stocked_at_location",
            )
        figures = {row.text("name"): row for row in level.objects("quantities")}
        available = figures.get("available")
        if available is None:
            level.fail("quantities", "the quantity named available", sorted(map(str, figures)))
        return item, available.whole("quantity")

    async def _read(self, sku: str, location: str) -> tuple[Obj | None, str]:
        """The item as it is now; None when it is gone or has another SKU by now."""
        item = await self._item(sku)
        answer = await self.graphql.run(
            queries.INVENTORY_LEVEL, {"item": item, "location": location}
        )
        stocked = answer.data.object("inventoryItem")
        if stocked is None or stocked.text("sku") != sku:
            return None, item
        return stocked, item

    async def _set(
        self,
        command: Command[InventoryLevel],
        item: str,
        location: str,
        now: int,
        wanted: int,
        salt: int,
    ) -> set[str]:
        """The codes for which reading again may help; none when it is set."""
        key = uuid.uuid5(_KEYS, f"{command.id}|{location}|{now}|{wanted}|{salt}")
        look = stock_look(f"{tail(item)}:{tail(location)}", wanted)
        self.echoes.expect(look, command.id)
        version = self.graphql.version
        rows = [
            {
                "inventoryItemId": item,
                "locationId": location,
                "quantity": wanted,
                **versions.stock_row(version, now),
            }
        ]
        given = {
            "name": "available",
            "reason": "correction",
            "referenceDocumentUri": f"gid://crossdock/InventoryPublish/{command.id}",
            "quantities": rows,
            **versions.stock_input(version, rows),
        }
        answer = await self.graphql.run(queries.INVENTORY_SET, {"input": given, "key": str(key)})
        payload = answer.data.object("inventorySetQuantities")
        if payload is None:
            raise UnavailableError(f"{command.data.sku}: no word on the stock", outcome="unknown")
        errors = user_errors(payload)
        if errors:
            self.echoes.forget(look)
        codes = {code for code, _ in errors}
        if "IDEMPOTENCY_CONCURRENT_REQUEST" in codes:
            raise UnavailableError(
                f"{command.data.sku}: Shopify still works on an earlier try", outcome="unknown"
            )
        if codes and codes <= _STALE | {"IDEMPOTENCY_PREVIOUS_ATTEMPT_FAILED"}:
            return codes
        if errors:
            raise RejectedError(
                f"{command.data.sku} at {command.data.location}: Shopify refuses: "
                f"{'; '.join(words for _, words in errors)}",
                reason=next((code.lower() for code in sorted(codes) if code), "inventory_refused"),
            )
        return set()


def _wanted(level: InventoryLevel) -> int:
    sellable = level.sellable
    if sellable is None:
        raise RejectedError(
            f"{level.sku} at {level.location}: the level states neither available nor on_hand",
            reason="quantity_unknown",
        )
    if sellable != int(sellable):
        raise RejectedError(
            f"{level.sku} at {level.location}: {sellable} {level.unit} cannot be published, "
            "for Shopify counts whole pieces",
            reason="fractional_quantity",
        )
    return max(int(sellable), 0)

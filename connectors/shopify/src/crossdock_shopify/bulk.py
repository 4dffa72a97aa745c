"""The backfill: all orders of a period by one bulk operation, read as it lies, resumable.

Shopify runs the query by itself and offers the result as a file of JSON lines, a parent before its
children (`groupObjects`). The file is fetched in ranges of bytes, and every record's place is the
number of bytes that end with it: whoever comes back reads on exactly there. An operation under way
is found again by its query, so neither its id nor a restart matters.
https://shopify.dev/docs/api/usage/bulk-operations/queries
"""

import json
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crossdock import AuthError, ContractError, Raw, UnavailableError, jsontext

from crossdock_shopify import queries_read, queries_write, topics
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.details import Details
from crossdock_shopify.graphql import GraphQL, user_errors
from crossdock_shopify.reading import Obj
from crossdock_shopify.sweeping import text

DONE = -1
RANGE_BYTES = 4 * 1024 * 1024
MOST_A_LINE_BYTES = 8 * 1024 * 1024
_UNDER_WAY = frozenset({"CREATED", "RUNNING", "CANCELING"})
_LAST_PAGE = {"hasNextPage": False, "endCursor": None}


@dataclass
class Backfill:
    """One shop's orders of the past."""

    config: ShopifyConfig
    graphql: GraphQL
    details: Details
    range_bytes: int = RANGE_BYTES
    _operation: str = ""
    _ended: str = ""
    """An operation that failed: told once, then another is begun."""

    async def read(self, until: datetime, place: int) -> AsyncGenerator[tuple[Raw, int], None]:
        """Orders created before `until`, from `place` on, each with the place after it.

        Nothing while the operation is under way: the next poll looks again. The last pair has
        the place DONE.
        """
        since = self.config.backfill_since
        if since is None:
            return
        query = queries_read.bulk_orders(text(since), text(until))
        operation = await self._find(query)
        if operation is None:
            return
        status = operation.text("status") or ""
        if status != "COMPLETED":
            self._ended, self._operation = operation.need_text("id"), ""
            code = operation.text("errorCode") or status
            if code == "ACCESS_DENIED":
                raise AuthError("the bulk operation of the backfill: access denied; see its scopes")
            raise UnavailableError(
                f"the bulk operation of the backfill ended with {code}; it is started again",
                outcome="failed",
            )
        url = operation.text("url")
        if url is not None:  # without one the period has no orders
            async for raw, end in self._orders(url, place):
                yield raw, end
        count = operation.text("objectCount") or "0"
        done = jsontext.dump({"since": text(since), "until": text(until), "objects": count})
        key = topics.BACKFILL_DONE
        yield Raw(key, data=done, key=key, delivery_id=f"{key}:{text(since)}:{text(until)}"), DONE

    async def _find(self, query: str) -> Obj | None:
        """The operation when it has ended; None while one is under way, or was just begun."""
        if self._operation:
            answer = await self.graphql.run(queries_read.BULK_BY_ID, {"id": self._operation})
            found = answer.data.object("node")
        else:
            answer = await self.graphql.run(queries_read.BULK_NOW, {})
            found = answer.data.object("currentBulkOperation")
        if found is not None and found.text("id") == self._ended:
            found = None
        if found is not None and _same(found.text("query"), query):
            self._operation = found.need_text("id")
            status = found.text("status")
            if status in _UNDER_WAY:
                return None
            if status == "COMPLETED" or found.text("errorCode"):
                return found
        elif found is not None and found.text("status") in _UNDER_WAY:
            return None  # another job of this app: one at a time
        answer = await self.graphql.run(queries_write.BULK_RUN, {"query": query})
        payload = answer.data.need_object("bulkOperationRunQuery")
        if errors := user_errors(payload):
            words = "; ".join(said for _, said in errors)
            raise UnavailableError(f"the backfill cannot begin: {words}", outcome="failed")
        self._operation = payload.need_object("bulkOperation").need_text("id")
        return None

    async def _orders(self, url: str, place: int) -> AsyncIterator[tuple[Raw, int]]:
        node: dict[str, Any] | None = None
        end = place
        async for line, after in self._lines(url, place):
            try:
                item = jsontext.parse(line, what="a line of the bulk operation's result")
            except ContractError as error:
                raise UnavailableError(f"{error.message}; the file is read again") from None
            parent = item.pop("__parentId", None) if isinstance(item, dict) else None
            if parent is None:
                if node is not None:
                    yield await self._record(node), end
                node = _order(item)
            elif node is None or parent != node.get("id"):
                raise UnavailableError("the bulk operation's result is not grouped by its parents")
            else:
                node[_home(item)]["nodes"].append(item)
            end = after
        if node is not None:
            yield await self._record(node), end

    async def _record(self, node: dict[str, Any]) -> Raw:
        whole = await self.details.complete_order(Obj("Order", node))
        return await self.details.record("Order", whole)

    async def _lines(self, url: str, place: int) -> AsyncIterator[tuple[bytes, int]]:
        """Each line, and the number of bytes of the file that end with it."""
        kept = b""
        while True:
            first = place + len(kept)
            response = await self.graphql.http.get(
                url,
                headers={"range": f"bytes={first}-{first + self.range_bytes - 1}"},
                authenticated=False,
                accept={416},
            )
            if response.status == 416:
                chunk = b""
            elif response.status == 206:
                chunk = response.content
            else:  # a server that knows no ranges gives all of it
                chunk = response.content[first:]
            whole = response.status != 206 or len(chunk) < self.range_bytes
            *lines, kept = (kept + chunk).split(b"\n")
            for line in lines:
                place += len(line) + 1
                if line:
                    yield line, place
            if whole:
                if kept:
                    yield kept, place + len(kept)
                return
            if len(kept) > MOST_A_LINE_BYTES:
                raise UnavailableError("a line of the bulk operation's result is too long")


def _same(one: str | None, other: str) -> bool:
    return (one or "").split() == other.split()


def _order(item: Any) -> dict[str, Any]:
    """A parent, with room for its children, in the form of a reading by id."""
    if not isinstance(item, dict):
        raise UnavailableError(
            f"a line of the bulk operation is no object: {json.dumps(item)[:80]}"
        )
    for key in ("lineItems", "discountApplications"):
        item[key] = {"nodes": [], "pageInfo": dict(_LAST_PAGE)}
    item["shippingLines"] = {"nodes": []}
    return item


def _home(item: dict[str, Any]) -> str:
    """Which connection of its order a child belongs to."""
    kind = str(item.pop("__typename", ""))
    if kind == "LineItem":
        return "lineItems"
    return "shippingLines" if kind == "ShippingLine" else "discountApplications"

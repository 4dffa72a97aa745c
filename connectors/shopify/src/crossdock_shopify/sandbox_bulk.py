"""Bulk operations of the pretended shop: a query run whole, offered as a file of JSON lines.

An operation is CREATED, then RUNNING for some looks at it, then COMPLETED; one at a time. The file
is served in ranges of bytes, as Shopify's storage does.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLSchema, execute_sync, parse, validate

from crossdock_shopify.sandbox_shop import Shop, gid, now_text, number_in
from crossdock_shopify.sandbox_spelling import IN_BULK

_UNDER_WAY = frozenset({"CREATED", "RUNNING", "CANCELING"})
_RANGE = re.compile(r"bytes=([0-9]{1,12})-([0-9]{0,12})")


@dataclass
class Operation:
    """One bulk query."""

    id: int
    query: str
    created: str
    looks: int
    status: str = "CREATED"
    error: str | None = None
    result: bytes = b""
    objects: int = 0


@dataclass
class Bulk:
    """The bulk operations of one shop. `looks`: how often one is seen under way."""

    shop: Shop
    looks: int = 1
    fail_with: str | None = None
    """The error code of the next operation, which then fails."""
    base_url: str = ""
    last: Operation | None = None
    ran: int = 0

    def run(self, schema: GraphQLSchema, root: Mapping[str, Any], query: str) -> dict[str, Any]:
        """`bulkOperationRunQuery`."""
        if self.last is not None and self.last.status in _UNDER_WAY:
            message = "A bulk query operation for this app and shop is already in progress"
            return _refused("OPERATION_IN_PROGRESS", message)
        document = parse(query)
        if faults := validate(schema, document):
            return _refused("INVALID", faults[0].message)
        self.ran += 1
        operation = Operation(next(self.shop.ids), query, now_text(), self.looks)
        token = IN_BULK.set(True)
        try:
            answer = execute_sync(schema, document, root_value=root)
        finally:
            IN_BULK.reset(token)
        lines = list(_lines(answer.data or {}))
        operation.objects = len(lines)
        operation.result = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
        operation.error, self.fail_with = self.fail_with, None
        self.last = operation
        return {"bulkOperation": self.node(operation), "userErrors": []}

    def current(self) -> dict[str, Any] | None:
        """`currentBulkOperation`."""
        return None if self.last is None else self._looked_at(self.last)

    def by_id(self, wanted: str) -> dict[str, Any] | None:
        """`node(id:)` of a bulk operation."""
        if self.last is None or number_in(wanted, "BulkOperation") != self.last.id:
            return None
        return self._looked_at(self.last)

    def _looked_at(self, operation: Operation) -> dict[str, Any]:
        if operation.status in _UNDER_WAY:
            operation.status = "RUNNING"
            operation.looks -= 1
            if operation.looks < 0:
                operation.status = "FAILED" if operation.error else "COMPLETED"
        return self.node(operation)

    def node(self, operation: Operation) -> dict[str, Any]:
        """As GraphQL sees it."""
        done = operation.status == "COMPLETED"
        url = f"{self.base_url}/_sandbox/bulk/{operation.id}.jsonl"
        return {
            "__typename": "BulkOperation",
            "id": gid("BulkOperation", operation.id),
            "status": operation.status,
            "errorCode": operation.error if operation.status == "FAILED" else None,
            "createdAt": operation.created,
            "completedAt": operation.created if done else None,
            "objectCount": str(operation.objects),
            "url": url if done and operation.result else None,
            "partialDataUrl": None,
            "query": operation.query,
            "type": "QUERY",
        }

    def download(self, number: int, wanted: str) -> tuple[int, bytes, dict[str, str]]:
        """Status, bytes and headers of a range of the file (RFC 9110 14)."""
        if self.last is None or self.last.id != number:
            return 404, b"", {}
        whole = self.last.result
        match = _RANGE.fullmatch(wanted)
        if match is None:
            return 200, whole, {}
        first = int(match[1])
        last = min(int(match[2] or len(whole) - 1), len(whole) - 1)
        if first >= len(whole):
            return 416, b"", {"content-range": f"bytes */{len(whole)}"}
        return 206, whole[first : last + 1], {"content-range": f"bytes {first}-{last}/{len(whole)}"}


def _lines(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Each parent, then its children, which name it in `__parentId`."""
    for page in data.values():
        for edge in page["edges"]:
            node = edge["node"]
            children = {k: v for k, v in node.items() if isinstance(v, dict) and "edges" in v}
            yield {key: value for key, value in node.items() if key not in children}
            for page_of in children.values():
                for child in page_of["edges"]:
                    yield {**child["node"], "__parentId": node["id"]}


def _refused(code: str, message: str) -> dict[str, Any]:
    error = {"code": code, "field": ["query"], "message": message}
    return {"bulkOperation": None, "userErrors": [error]}

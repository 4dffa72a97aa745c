"""A pretended Square, as far as we use it. Start it alone:

    python -m crossdock.testing.sandbox square=0

FILL IN: hold it to what the vendor publishes. What it accepts, the vendor must accept: validate
both directions against the vendor's OpenAPI, replay recorded exchanges.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Handler = Callable[[Request], Awaitable[Response]]


class SquareSandbox:
    """One account in memory. Tests look at `records` and `stock`."""

    secret = "sandbox-secret-7f3a"  # what proves who we are
    webhook_secret = "sandbox-hook-secret-22c1"  # what webhooks are signed with

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.stock: dict[str, dict[str, Any]] = {}
        self.changes = count(1)
        self.app = Starlette(
            routes=[
                Route("/me", self._guarded(self._me)),
                Route("/orders", self._guarded(self._list)),
                Route("/stock", self._guarded(self._set), methods=["PUT"]),
            ]
        )

    def connection(self, url: str) -> Mapping[str, object]:
        """What to write under `connections:`, secrets in the clear."""
        return {
            "connector": "square",
            "url": url,
            "token": self.secret,
            "webhook_secret": self.webhook_secret,
        }

    def put(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Somebody makes or changes a record: its version grows, and its time."""
        number = next(self.changes)
        # three changes share each moment, as happens to every vendor
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number // 3)
        stamp = moment.isoformat().replace("+00:00", "Z")
        made = {**record, "version": number, "updated_at": stamp}
        self.records[record["id"]] = made
        return made

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            if not await self._genuine(request):
                return JSONResponse({"error": "who are you?"}, 401)
            return await handler(request)

        return guarded

    async def _genuine(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {self.secret}"

    async def _me(self, request: Request) -> Response:
        return JSONResponse({"id": "sandbox"})

    async def _list(self, request: Request) -> Response:
        """Pages by (time, id): a record that changes meanwhile moves to the end, none is skipped."""
        given = request.query_params
        ordered = sorted(self.records.values(), key=lambda one: (one["updated_at"], one["id"]))
        after = tuple(given.get("page", "").split("|")) if "page" in given else None
        rows = [
            one
            for one in ordered
            if one["updated_at"] >= given.get("since", "")
            and (after is None or (one["updated_at"], one["id"]) > after)
        ]
        size = int(given.get("limit", "100"))
        last = rows[:size][-1] if len(rows) > size else None
        following = f"{last['updated_at']}|{last['id']}" if last else None
        return JSONResponse({"items": rows[:size], "next": following})

    async def _set(self, request: Request) -> Response:
        body = json.loads(await request.body())
        name = f"{body['sku']}@{body['location']}"
        self.stock[name] = body
        return JSONResponse({"id": name})

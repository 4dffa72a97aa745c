"""A pretended Square: the vendor's published OpenAPI over one merchant in memory.

Every request and every answer is held against Square's own schemas (vendor/openapi.json), closed:
what is accepted here, Square documents. It checks token and version, honours idempotency keys and
their lengths, versions of catalogue objects, cursors that belong to their query, counts that are
neither old nor of tomorrow, and drops unchanged counts by default, as the real one does.

Beside that, for demos and tests: `POST /_sandbox/sell`, `POST /_sandbox/return`,
`GET /_sandbox/report` (README.md).
"""

import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from crossdock.testing.catalog import WAREHOUSE
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crossdock_square import sandbox_answers
from crossdock_square.sandbox_account import LOCATION, Account
from crossdock_square.sandbox_answers import Refused
from crossdock_square.sandbox_contract import Operation, operations
from crossdock_square.sandbox_courier import Courier, Sale

_VERSION = re.compile(r"20[0-9]{2}-[01][0-9]-[0-3][0-9]")


class SquareSandbox:
    """One pretended merchant. Tests look into `account`; `broken` must stay empty."""

    def __init__(self, *, stock_each: int = 1000) -> None:
        self.access_token = f"EAAA{secrets.token_hex(24)}"
        self.webhook_key = secrets.token_hex(16)
        self.account = Account(stock_each=stock_each)
        self.courier = Courier(self.account, self.webhook_key)
        self.replays: dict[str, Any] = {}
        self.broken: list[str] = []
        """Answers of ours that Square's schemas refuse."""
        routes = [
            Route(operation.path, self._endpoint(operation), methods=[method])
            for (method, _), operation in operations().items()
        ]
        self.app = Starlette(
            routes=[
                *routes,
                Route("/_sandbox/sell", self._sell, methods=["POST"]),
                Route("/_sandbox/return", self._return, methods=["POST"]),
                Route("/_sandbox/report", self._report, methods=["GET"]),
            ]
        )

    def connection(self, url: str) -> Mapping[str, object]:
        """What to write under `connections:`, secrets in the clear."""
        return {
            "connector": "square",
            "url": url,
            "access_token": self.access_token,
            "webhook_key": self.webhook_key,
            "locations": {WAREHOUSE: LOCATION},
        }

    async def aclose(self) -> None:
        """Stop selling and close the courier's connections."""
        await self.courier.aclose()

    # the vendor's API

    def _endpoint(self, operation: Operation) -> Any:
        async def answer(request: Request) -> Response:
            headers = {"X-Request-Id": secrets.token_hex(8)}
            try:
                body = self._answer(operation, request, await request.body())
            except Refused as no:
                return JSONResponse(no.body, no.status, headers)
            found = operation.answer_faults(body)
            if found:
                self.broken += [f"{operation.id}: {fault}" for fault in found]
                return JSONResponse({"errors": []}, 500, headers)
            return JSONResponse(body, headers=headers)

        return answer

    def _answer(self, operation: Operation, request: Request, data: bytes) -> Any:
        token = request.headers.get("authorization", "")
        if not hmac.compare_digest(token.encode(), f"Bearer {self.access_token}".encode()):
            raise Refused(401, "UNAUTHORIZED", "This request could not be authorized.")
        if not _VERSION.fullmatch(request.headers.get("square-version", "")):
            raise Refused(400, "INVALID_SQUARE_VERSION_FORMAT", "Square-Version is YYYY-MM-DD.")
        body: Any = None
        if operation.asked is not None:
            try:
                body = json.loads(data)
            except ValueError:
                raise Refused(400, "EXPECTED_JSON_BODY", "The body is not JSON.") from None
        query = dict(request.query_params)
        found = operation.faults(query, body)
        if found:
            raise Refused(400, "BAD_REQUEST", found[0])
        given = {**query, **request.path_params, **(body or {})}
        return sandbox_answers.once(self.account, self.replays, operation.id, given)

    # control

    async def _sell(self, request: Request) -> Response:
        given = await request.json()
        known = {one.name for one in fields(Sale)}
        if unknown := sorted(set(given) - known):
            return JSONResponse({"error": f"unknown {unknown}; known: {sorted(known)}"}, 400)
        self.courier.sell(Sale(**given))
        return JSONResponse({"selling": True}, 202)

    async def _return(self, request: Request) -> Response:
        given = await request.json()
        order = self.account.orders.get(given.get("order", ""))
        if order is None:
            return JSONResponse({"error": "unknown order"}, 404)
        back = self.account.take_back(
            order, given["goods"], receipt=bool(given.get("receipt", True))
        )
        return JSONResponse({"order": back["id"]}, 202)

    async def _report(self, request: Request) -> Response:
        return JSONResponse(self.report())

    def report(self) -> dict[str, Any]:
        """What really happened here."""
        account = self.account
        return {
            "selling": self.courier.selling > 0,
            "orders": {
                own: {
                    one["catalog_object_id"]: one["quantity"]
                    for one in account.orders[own]["line_items"]
                }
                for own in self.courier.sold
            },
            "deliveries": self.courier.report(),
            "returns": sum(1 for one in account.orders.values() if one.get("returns")),
            "refunds": {own: one["status"] for own, one in account.refunds.items()},
            "stock": {
                one["item_variation_data"]["sku"]: f"{account.for_sale(sku):f}"
                for one in account.variations()
                if (sku := one["item_variation_data"].get("sku"))
            },
            "counts": sum(1 for one in account.ledger if one["type"] == "PHYSICAL_COUNT"),
            "broken": self.broken,
        }

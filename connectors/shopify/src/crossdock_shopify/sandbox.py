"""A pretended Shopify: the vendor's own GraphQL schema over a shop in memory.

Every document is parsed, validated and executed against the SDL that Shopify published for the
version in the path (2025-10 to 2026-10), so what the sandbox accepts, that version accepts. As the
real one it checks the access token, charges by cost, honours `@idempotent`, compares before it sets
stock, runs bulk operations, and tells of changes by signed webhooks. A version that it does not
know is answered by the oldest, as Shopify does.

Beside that, for demos and tests: `POST /_sandbox/sell`, `GET /_sandbox/report`,
`POST /_sandbox/faults` (README.md).
"""

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from crossdock.testing.catalog import WAREHOUSE
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    execute_sync,
    extend_schema,
    get_directive_values,
    parse,
    validate,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crossdock_shopify import (
    sandbox_cost,
    sandbox_effects,
    sandbox_goods,
    sandbox_graph,
    sandbox_money,
)
from crossdock_shopify.sandbox_bulk import Bulk
from crossdock_shopify.sandbox_hooks import Courier, Sale
from crossdock_shopify.sandbox_shop import LOCATION, Shop, gid
from crossdock_shopify.versions import VERSIONS

WHOLE = "2026-07"
"""The version whose whole schema is known; the others lack some types, see schema/ORIGIN.md."""
_IDEMPOTENT_FROM, _REQUIRED_FROM = "2026-01", "2026-04"
_KINDS = ("down", "slow", "lost_answer", "error500", "throttle")
_CUT = "crossdock.cut"
Send = Callable[[Any], Awaitable[None]]


@cache
def schema(version: str = WHOLE) -> GraphQLSchema:
    """Built once; the vendor's files have two deprecation slips that a strict check refuses."""
    folder = files("crossdock_shopify") / "schema"
    text = (folder / f"admin-{version}.commerce.graphql").read_text("utf-8")
    built = build_schema(text, assume_valid=True)
    if version != WHOLE:
        extras = parse((folder / "extras.graphql").read_text("utf-8"))
        built = extend_schema(built, extras, assume_valid=True)
    built.extensions["version"] = version
    return built


@dataclass(frozen=True)
class _Prepared:
    """A document that passed, or what is wrong with it."""

    document: DocumentNode
    operation: OperationDefinitionNode | None
    errors: tuple[dict[str, Any], ...]
    cost: int


@lru_cache(maxsize=512)
def _prepare(text: str, version: str) -> _Prepared:
    try:
        document = parse(text)
    except GraphQLError as error:
        return _Prepared(DocumentNode(definitions=()), None, (_said(error),), 0)
    own = schema(version)
    errors = tuple(_said(error) for error in validate(own, document))
    operations = [d for d in document.definitions if isinstance(d, OperationDefinitionNode)]
    if errors or len(operations) != 1:
        return _Prepared(document, None, errors or ({"message": "One operation only"},), 0)
    return _Prepared(document, operations[0], (), sandbox_cost.requested(own, operations[0]))


def _said(error: GraphQLError) -> dict[str, Any]:
    return dict(error.formatted)


@dataclass
class Fault:
    """So many matching calls go wrong, or all of them for a while."""

    kind: str
    count: int = 1
    seconds: float = 0.0
    match: str = ""
    until: float = 0.0


@dataclass(frozen=True)
class _App:
    """Keeps the server's own `send` within reach, to cut a connection by."""

    inner: Starlette

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        scope[_CUT] = send
        await self.inner(scope, receive, send)


class ShopifySandbox:
    """One pretended shop. `restore_rate` is generous; a standard plan restores 100 a second."""

    def __init__(
        self,
        *,
        maximum_available: float = 20_000.0,
        restore_rate: float = 20_000.0,
        stock_each: int = 1000,
        api_version: str = WHOLE,
    ) -> None:
        self.access_token = f"shpat_{secrets.token_hex(16)}"
        self.webhook_secret = secrets.token_hex(32)
        self.bucket = sandbox_cost.Bucket(maximum_available, restore_rate)
        self.shop = Shop(stock_each=stock_each)
        self.courier = Courier(self.shop, self.webhook_secret, api_version)
        self.shop.echo = self.courier.echo
        self.faults: list[Fault] = []
        self.throttled = 0
        self.forced_version: str | None = None
        self.bulk = Bulk(self.shop)
        self._root = self._resolvers()
        self._starlette = Starlette(
            routes=[
                Route("/admin/api/{version}/graphql.json", self._graphql, methods=["POST"]),
                Route("/_sandbox/bulk/{number:int}.jsonl", self._download, methods=["GET"]),
                Route("/_sandbox/sell", self._sell, methods=["POST"]),
                Route("/_sandbox/report", self._report, methods=["GET"]),
                Route("/_sandbox/faults", self._add_fault, methods=["POST"]),
            ]
        )

    @property
    def app(self) -> "_App":
        """The ASGI application."""
        return _App(self._starlette)

    def connection(self, url: str) -> Mapping[str, object]:
        """What to write under `connections:`, secrets in the clear."""
        return {
            "connector": "shopify",
            "shop": url,
            "access_token": self.access_token,
            "webhook_secret": self.webhook_secret,
            "locations": {WAREHOUSE: gid("Location", LOCATION)},
        }

    async def aclose(self) -> None:
        """Stop selling and close the courier's connections."""
        await self.courier.aclose()

    # The vendor's API

    def _resolvers(self) -> dict[str, Any]:
        shop = self.shop
        node = sandbox_graph.root(shop)["node"]
        return sandbox_graph.root(shop) | {
            "node": lambda info, **a: self.bulk.by_id(a["id"]) or node(info, **a),
            "currentBulkOperation": lambda info, **a: self.bulk.current(),
            "bulkOperationRunQuery": lambda info, **a: self.bulk.run(
                info.schema, self._root, a["query"]
            ),
            "publicApiVersions": lambda info: [
                {"handle": version, "displayName": version, "supported": True}
                for version in VERSIONS
            ],
            "fulfillmentCreate": lambda info, **a: sandbox_effects.fulfillment_create(
                shop, a["fulfillment"]
            ),
            "fulfillmentTrackingInfoUpdate": lambda info, **a: sandbox_effects.tracking_update(
                shop, a
            ),
            "fulfillmentCancel": lambda info, **a: sandbox_effects.fulfillment_cancel(shop, a),
            "fulfillmentOrderHold": lambda info, **a: sandbox_money.hold(shop, a),
            "fulfillmentOrderReleaseHold": lambda info, **a: sandbox_money.release_hold(shop, a),
            "orderCancel": lambda info, **a: sandbox_money.order_cancel(shop, a),
            "orderUpdate": lambda info, **a: sandbox_money.order_update(shop, a["input"]),
            "returnCreate": lambda info, **a: sandbox_money.return_create(shop, a["returnInput"]),
            "returnCancel": lambda info, **a: sandbox_money.return_cancel(shop, a),
            "returnDeclineRequest": lambda info, **a: sandbox_money.return_decline(
                shop, a["input"]
            ),
            "reverseFulfillmentOrderDispose": lambda info, **a: sandbox_money.dispose(
                shop, a["dispositionInputs"]
            ),
            "productSet": lambda info, **a: sandbox_goods.product_set(shop, a),
            "productUpdate": lambda info, **a: sandbox_goods.product_update(shop, a["product"]),
            "productVariantsBulkUpdate": lambda info, **a: sandbox_goods.variants_update(shop, a),
            "productVariantsBulkCreate": lambda info, **a: sandbox_goods.variants_create(shop, a),
            "webhookSubscriptionCreate": lambda info, **a: sandbox_goods.subscribe(shop, a),
            "inventorySetQuantities": lambda info, **a: self._once(
                info, a["input"], sandbox_effects.inventory_set, "inventoryAdjustmentGroup"
            ),
            "refundCreate": lambda info, **a: self._once(
                info, a["input"], sandbox_money.refund_create, "refund"
            ),
        }

    async def _download(self, request: Request) -> Response:
        """The result of a bulk operation; its address is its own key, no token is asked for."""
        fault = self._fault_for("bulk download")
        if fault is not None and fault.kind in {"down", "lost_answer"}:
            return await self._cut(request)
        wanted = request.headers.get("range", "")
        status, body, headers = self.bulk.download(request.path_params["number"], wanted)
        return Response(body, status, headers, media_type="application/jsonl")

    async def _graphql(self, request: Request) -> Response:
        asked = request.path_params["version"]
        version = self.forced_version or (asked if asked in VERSIONS else VERSIONS[0])
        self.bulk.base_url = str(request.base_url).rstrip("/")
        headers = {"X-Shopify-API-Version": version, "X-Request-Id": secrets.token_hex(8)}
        given = request.headers.get("x-shopify-access-token", "")
        if not secrets.compare_digest(given.encode(), self.access_token.encode()):
            words = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return JSONResponse({"errors": words}, 401, headers)
        try:
            body = json.loads(await request.body())
            text, variables = body["query"], body.get("variables") or {}
        except (ValueError, KeyError, TypeError):
            return JSONResponse({"errors": {"query": "Required parameter missing"}}, 400, headers)
        fault = self._fault_for(text)
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        elif fault is not None and fault.kind == "down":
            return await self._cut(request)
        elif fault is not None and fault.kind == "error500":
            return Response("Internal Server Error", 500, headers)
        prepared = _prepare(text, version)
        throttle = fault is not None and fault.kind == "throttle"
        answer = self._answer(prepared, version, variables, throttle)
        if fault is not None and fault.kind == "lost_answer":
            return await self._cut(request)
        return JSONResponse(answer, headers=headers)

    def _answer(
        self, prepared: _Prepared, version: str, variables: dict[str, Any], throttle: bool
    ) -> dict[str, Any]:
        if prepared.operation is None:
            return {"errors": list(prepared.errors)}
        ids = variables.get("ids")
        asked = prepared.cost * (len(ids) if isinstance(ids, list) and ids else 1)
        if asked > sandbox_cost.MAX_QUERY_COST:
            message = f"Query cost is {asked}, which exceeds the single query max cost limit"
            extensions = {"code": "MAX_COST_EXCEEDED", "cost": asked}
            return {"errors": [{"message": message, "extensions": extensions}]}
        cost: dict[str, Any] = {"requestedQueryCost": asked, "actualQueryCost": None}
        if throttle or self.bucket.available() < asked:
            self.throttled += 1
            cost["throttleStatus"] = self.bucket.status()
            error = {"message": "Throttled", "extensions": {"code": "THROTTLED"}}
            return {"errors": [error], "extensions": {"cost": cost}}
        result = execute_sync(
            schema(version), prepared.document, root_value=self._root, variable_values=variables
        )
        mutation = prepared.operation.operation.value == "mutation"
        actual = sandbox_cost.MUTATION_COST if mutation else sandbox_cost.actual(result.data)
        self.bucket.take(actual)
        cost |= {"actualQueryCost": actual, "throttleStatus": self.bucket.status()}
        answer: dict[str, Any] = {"data": result.data, "extensions": {"cost": cost}}
        if result.errors:
            answer["errors"] = [_said(error) for error in result.errors]
        return answer

    def _once(
        self, info: GraphQLResolveInfo[Any], given: Any, work: Any, key_of_result: str
    ) -> dict[str, Any]:
        """As Shopify: `@idempotent` unknown in 2025-10, optional in 2026-01, required since."""
        directive = info.schema.get_directive("idempotent")
        version = info.schema.extensions["version"]
        if version >= _IDEMPOTENT_FROM and info.field_name == "inventorySetQuantities":
            for row in given["quantities"]:
                if "changeFromQuantity" not in row and "compareQuantity" not in row:
                    raise GraphQLError(
                        "The changeFromQuantity argument must be given, if only as null",
                        extensions={"code": "INVALID_FIELD_ARGUMENTS"},
                    )
        values = (
            get_directive_values(directive, info.field_nodes[0], info.variable_values)
            if directive
            else None
        )
        key = str(values["key"]).strip() if values else ""
        if not key:
            if version < _REQUIRED_FROM:
                done: dict[str, Any] = work(self.shop, given)
                return done
            raise GraphQLError(
                "The @idempotent directive is required for this mutation but was not provided.",
                extensions={"code": "BAD_REQUEST"},
            )
        earlier = self.shop.replays.get(key)
        if earlier is not None:
            if earlier[0] != given:
                code = "IDEMPOTENCY_KEY_PARAMETER_MISMATCH"
                words = "The same idempotency key cannot be used with different parameters."
                errors = [{"code": code, "field": None, "message": words}]
                return {key_of_result: None, "userErrors": errors}
            self.shop.idempotent_replays += 1
            return earlier[1]
        payload: dict[str, Any] = work(self.shop, given)
        if not payload["userErrors"]:
            self.shop.replays[key] = (given, payload)
        return payload

    # Faults

    def _fault_for(self, text: str) -> Fault | None:
        now = time.monotonic()
        for fault in self.faults:
            if fault.match not in text:
                continue
            if fault.until and now > fault.until:
                self.faults.remove(fault)
                return self._fault_for(text)
            if fault.until == 0.0:
                fault.count -= 1
                if fault.count <= 0:
                    self.faults.remove(fault)
            return fault
        return None

    async def _cut(self, request: Request) -> Response:
        """Close the connection without an answer; a server that is not uvicorn answers 503."""
        cycle = getattr(request.scope[_CUT], "__self__", None)
        transport = getattr(cycle, "transport", None)
        if transport is not None:
            transport.abort()
            for _ in range(3):  # until the server has noticed, so that it logs nothing
                await asyncio.sleep(0)
        return Response(status_code=503)

    # Control

    async def _sell(self, request: Request) -> Response:
        given = await request.json()
        known = {f.name for f in fields(Sale)}
        if unknown := sorted(set(given) - known):
            return JSONResponse({"error": f"unknown {unknown}; known: {sorted(known)}"}, 400)
        self.courier.sell(Sale(**given))
        return JSONResponse({"selling": True}, 202)

    async def _report(self, request: Request) -> Response:
        return JSONResponse(self.report())

    def report(self) -> dict[str, Any]:
        """What really happened here."""
        return {
            "selling": self.courier.selling > 0,
            "deliveries": self.courier.report(),
            "throttled": self.throttled,
            **self.shop.report(),
        }

    async def _add_fault(self, request: Request) -> Response:
        given = await request.json()
        if given.get("kind") not in _KINDS:
            return JSONResponse({"error": f"kind must be one of {_KINDS}"}, 400)
        fault = Fault(
            kind=given["kind"],
            count=int(given.get("count") or 1),
            seconds=float(given.get("seconds") or 0.0),
            match=str(given.get("match") or ""),
        )
        if fault.seconds and fault.kind != "slow" and "count" not in given:
            fault.until = time.monotonic() + fault.seconds
        self.faults.append(fault)
        return JSONResponse({"faults": len(self.faults)}, 202)

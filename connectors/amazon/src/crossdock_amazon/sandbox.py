"""A pretended Amazon, as far as we use it, held to Amazon's own models. Start it alone:

    python -m crossdock.testing.sandbox amazon=0

It serves Login with Amazon, the Selling Partner API with its rates, an SQS queue of its own, and
under `/static` the answers of Amazon's static sandbox. Paths under `/_sandbox/` sell and tell.
"""

import json
import time
from collections.abc import Awaitable, Callable, Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crossdock_amazon import sandbox_models
from crossdock_amazon.sandbox_account import Account
from crossdock_amazon.sandbox_models import Operation
from crossdock_amazon.sandbox_operations import KNOWN, PRIVATE_TOKEN, Operations, refusal
from crossdock_amazon.sandbox_shapes import MARKETPLACE, SELLER
from crossdock_amazon.sandbox_sqs import ACCOUNT, NAME, REGION, SandboxQueue

RATES: dict[str, Any] = json.loads(
    files("crossdock_amazon").joinpath("vendor", "rates.json").read_text("utf-8")
)


class AmazonSandbox:
    """One account in memory. Tests look at `account` and `queue`."""

    client_id = "amzn1.application-oa2-client.sandbox"
    client_secret = "sandbox-client-secret-7f3a"  # noqa: S105 - of a sandbox
    refresh_token = "Atzr|sandbox-refresh-token-91bd"  # noqa: S105 - of a sandbox
    access_token = "Atza|sandbox-access-token-22c1"  # noqa: S105 - of a sandbox
    private_token = PRIVATE_TOKEN
    aws_access_key_id = "AKIASANDBOX0EXAMPLE"
    aws_secret_access_key = "sandbox-aws-secret-key-8c4f"  # noqa: S105 - of a sandbox

    def __init__(self, *, behind_s: float = 120.0, plan: float = 1.0) -> None:
        """`behind_s`: how long a change is not found by a search; `plan`: this account's rates,
        in multiples of the published ones."""
        self.plan = plan
        self.queue = SandboxQueue(self.aws_access_key_id, self.aws_secret_access_key)
        self.account = Account(self.queue.put)
        self.operations = Operations(self.account, behind_s)
        self.throttled = 0
        self.calls: dict[str, int] = {}
        self._buckets: dict[str, tuple[float, float]] = {}
        control = {
            "sell": self._sell,
            "cancel": self._cancel,
            "ask_cancel": self._ask_cancel,
            "ship": self._ship,
            "settle": self._settle,
            "notify": self._notify,
        }
        self.app = Starlette(
            routes=[
                *(
                    Route(f"/_sandbox/{name}", _control(act), methods=["POST"])
                    for name, act in control.items()
                ),
                Route("/_sandbox/report", self._report),
                Route("/auth/o2/token", self._token, methods=["POST"]),
                Route("/static/{path:path}", self._static, methods=_METHODS),
                Route("/", self._sqs, methods=["POST"]),
                Route("/{path:path}", self._api, methods=_METHODS),
            ]
        )

    def expire(self) -> None:
        """The access token's hour is over; the next one is another."""
        self.access_token += "-next"

    def connection(self, url: str) -> Mapping[str, object]:
        """What to write under `connections:`, secrets in the clear."""
        return {
            "connector": "amazon",
            "url": url,
            "token_url": f"{url}/auth/o2/token",
            "client_id": self.client_id,
            "client_secret": self.client_secret,
            "refresh_token": self.refresh_token,
            "seller_id": SELLER,
            "marketplaces": [MARKETPLACE],
            "queue_url": f"{url}/{ACCOUNT}/{NAME}",
            "queue_region": REGION,
            "aws_access_key_id": self.aws_access_key_id,
            "aws_secret_access_key": self.aws_secret_access_key,
        }

    # --- Login with Amazon, the queue, the static sandbox ----------------------------------------

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        if form.get("grant_type") != "refresh_token":
            return JSONResponse({"error": "unsupported_grant_type"}, 400)
        given = (form.get("client_id"), form.get("client_secret"))
        if given != (self.client_id, self.client_secret):
            told = {"error": "invalid_client", "error_description": "Client authentication failed"}
            return JSONResponse(told, 401)
        if form.get("refresh_token") != self.refresh_token:
            told = {
                "error": "invalid_grant",
                "error_description": "The request has an invalid grant",
            }
            return JSONResponse(told, 400)
        return JSONResponse(
            {
                "access_token": self.access_token,
                "token_type": "bearer",
                "expires_in": 3600,
                "refresh_token": self.refresh_token,
            }
        )

    async def _sqs(self, request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        host = headers.get("host", "")
        status, body = self.queue.answer(headers, await request.body(), host)
        return JSONResponse(body, status, media_type="application/x-amz-json-1.0")

    async def _static(self, request: Request) -> Response:
        """Amazon's static sandbox: the published pairs, and nothing else."""
        found = sandbox_models.operation_for(request.method, f"/{request.path_params['path']}")
        if found is None:
            return JSONResponse(refusal("NotFound", "no such operation"), 404)
        operation, in_path = found
        content = await request.body()
        body = json.loads(content) if content else None
        answer = sandbox_models.static_answer(operation, {**in_path, **request.query_params}, body)
        if answer is None:
            told = refusal("InvalidInput", "Could not match input arguments")
            return JSONResponse(told, 400)
        status, told = answer
        return Response(status_code=204) if status == 204 else JSONResponse(told, status)

    # --- the Selling Partner API -----------------------------------------------------------------

    async def _api(self, request: Request) -> Response:
        found = sandbox_models.operation_for(request.method, request.url.path)
        if found is None or found[0].name not in KNOWN:
            return JSONResponse(refusal("NotFound", f"no operation {request.url.path}"), 404)
        operation, in_path = found
        if not self._genuine(request, operation):
            shown = request.headers.get("x-amz-access-token", "")
            gone = shown and self.access_token.startswith(shown)
            why = "The access token you provided has expired." if gone else "Access is denied."
            return JSONResponse(refusal("Unauthorized", why), 403)
        headers = {"x-amzn-RequestId": f"sandbox-{sum(self.calls.values())}"}
        rate, allowed = self._allowed(operation)
        if rate:
            headers["x-amzn-RateLimit-Limit"] = f"{rate:.9g}"
        if not allowed:
            self.throttled += 1
            told = refusal("QuotaExceeded", "You exceeded your quota for the requested resource.")
            return JSONResponse(told, 429, headers=headers)
        content = await request.body()
        try:
            body = json.loads(content) if content else None
        except ValueError:
            return JSONResponse(refusal("InvalidInput", "the body is no JSON"), 400)
        given = {**request.query_params, **in_path}
        faults = list(operation.faults(given, body))
        if faults:
            told = refusal("InvalidInput", "; ".join(faults[:3])[:400])
            return JSONResponse(told, 400, headers=headers)
        self.calls[operation.name] = self.calls.get(operation.name, 0) + 1
        status, told = self.operations.answer(operation.name, given, body)
        wrong = [] if status == 204 else list(operation.answer_faults(status, told))
        if wrong:
            raise AssertionError(f"the sandbox's answer to {operation.name} is none: {wrong[:3]}")
        if status == 204:
            return Response(status_code=204, headers=headers)
        return JSONResponse(told, status, headers=headers)

    def _genuine(self, request: Request, operation: Operation) -> bool:
        given = request.headers.get("x-amz-access-token", "")
        if operation.name in _PRIVATE:
            return given == self.private_token
        return given in {self.access_token, self.private_token}

    def _allowed(self, operation: Operation) -> tuple[float, bool]:
        """The rate in force, and whether its bucket holds a permit."""
        told = RATES[operation.model][operation.id]
        if told["rate_per_second"] is None:
            return 0.0, True
        rate, burst = told["rate_per_second"] * self.plan, told["burst"] * self.plan
        now = time.monotonic()
        left, at = self._buckets.get(operation.name, (burst, now))
        left = min(burst, left + (now - at) * rate)
        self._buckets[operation.name] = (left - 1 if left >= 1 else left, now)
        return rate, left >= 1

    # --- what only a sandbox has -----------------------------------------------------------------

    def _sell(self, told: Mapping[str, Any]) -> Any:
        made = self.account.sell_many(
            int(told.get("orders", 1)),
            int(told.get("seed", 1)),
            str(told.get("by", "mixed")),
            tax=bool(told.get("tax", False)),
        )
        return {"orders": [one["orderId"] for one in made]}

    def _cancel(self, told: Mapping[str, Any]) -> Any:
        self.account.cancel(str(told["order"]))
        return {}

    def _ask_cancel(self, told: Mapping[str, Any]) -> Any:
        self.account.ask_to_cancel(str(told["order"]), str(told.get("reason", "changed my mind")))
        return {}

    def _ship(self, told: Mapping[str, Any]) -> Any:
        self.account.ship_by_amazon(str(told["order"]))
        return {}

    def _settle(self, _: Mapping[str, Any]) -> Any:
        return {"statement": self.account.settle()}

    def _notify(self, told: Mapping[str, Any]) -> Any:
        """Any text into the queue, whatever it is."""
        return {"message": self.queue.put(str(told["body"]))}

    async def _report(self, _: Request) -> Response:
        orders = [
            {
                "id": one["orderId"],
                "by": one["fulfillment"]["fulfilledBy"],
                "status": one["fulfillment"]["fulfillmentStatus"],
                "items": {
                    item["product"]["sellerSku"]: item["quantityOrdered"]
                    for item in one["orderItems"]
                },
                "shipped": sum(
                    item["fulfillment"]["quantityFulfilled"] for item in one["orderItems"]
                ),
                "packages": len(one.get("packages", [])),
            }
            for one in self.account.orders.values()
        ]
        return JSONResponse(
            {
                "orders": orders,
                "stock": self.account.listings,
                "fba": {
                    sku: one["inventoryDetails"]["fulfillableQuantity"]
                    for sku, one in self.account.fba.items()
                },
                "queue": {"waiting": len(self.queue.kept), "deleted": self.queue.deleted},
                "throttled": self.throttled,
                "calls": self.calls,
            }
        )


_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
_PRIVATE = frozenset({"ordersV0.getOrderAddress", "ordersV0.getOrderBuyerInfo"})
"""Only by a restricted data token."""


def _control(
    act: Callable[[Mapping[str, Any]], Any],
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        content = await request.body()
        return JSONResponse(act(json.loads(content) if content else {}), 202)

    return answer

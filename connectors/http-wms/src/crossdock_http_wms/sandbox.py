"""A pretended warehouse that speaks the protocol, strictly: what it accepts, yours may accept.

    python -m crossdock.testing.sandbox http-wms=0

Beside the protocol: `POST /_sandbox/hooks {"url": …}` says where its messages go,
`POST /_sandbox/do {"what": "ship", …}` plays its staff (`sandbox_store`), `GET /_sandbox/report`
tells the truth.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, get_args

from crossdock import jsontext
from crossdock.errors import ContractError, CrossdockError
from crossdock.http import Http
from crossdock.identity import fingerprint
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from crossdock_http_wms.config import ListName
from crossdock_http_wms.messages import ASKS, LISTS
from crossdock_http_wms.sandbox_store import Refused, Warehouse
from crossdock_http_wms.signing import sign, verify

Handler = Callable[[Request], Awaitable[Response]]
DRIVEN = frozenset(
    {"ship", "short_ship", "reject", "receive", "take_back", "count", "adjust", "track"}
)
MODELS = {ask.path: ask.model for ask in ASKS.values()}
CANCELLED = frozenset(ask.path for ask in ASKS.values() if ask.verb == "cancel")
ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
MAX_LIMIT = 500
SECRETS = {
    "what Crossdock signs with": "whsec_Y3Jvc3Nkb2NrLXNhbmRib3gtc2lnbi0x",
    "what we sign with": "whsec_Y3Jvc3Nkb2NrLXNhbmRib3gtaG9vay0x",
}
RETRY_S = 0.2
MOST_TRIES = 50


class HttpWmsSandbox:
    """One warehouse. Tests look at `house` and `told`."""

    name = "Pretended warehouse"
    signing_secret = SECRETS["what Crossdock signs with"]
    webhook_secret = SECRETS["what we sign with"]

    def __init__(self) -> None:
        self.house = Warehouse()
        self.hooks_url = ""
        self.delivered = 0
        self._courier: asyncio.Task[None] | None = None
        put = [
            Route(f"/{path}/{{id}}", self._guarded(self._thing), methods=["PUT", "GET"])
            for path in MODELS
        ]
        cancel = [
            Route(f"/{path}/{{id}}/cancel", self._guarded(self._cancel), methods=["POST"])
            for path in sorted(CANCELLED)
        ]
        lists = [Route(f"/{name}", self._guarded(self._list)) for name in LISTS]
        self.app = Starlette(
            routes=[
                Route("/", self._guarded(self._about)),
                *lists,
                *cancel,
                *put,
                Route("/_sandbox/hooks", self._hooks, methods=["POST"]),
                Route("/_sandbox/do", self._do, methods=["POST"]),
                Route("/_sandbox/report", self._report),
            ]
        )

    def connection(self, url: str) -> Mapping[str, object]:
        """What to write under `connections:`, secrets in the clear."""
        return {
            "connector": "http-wms",
            "url": url,
            "signing_secret": self.signing_secret,
            "webhook_secret": self.webhook_secret,
        }

    def signed(self, body: bytes) -> dict[str, str]:
        """The headers of one message; its id is the same at each try."""
        message_id = f"msg_{fingerprint(body)[:32]}"
        return sign(self.webhook_secret, message_id, int(time.time()), body)

    # the protocol

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            try:
                await self._genuine(request)
                answer = await handler(request)
            except Refused as no:
                return _problem(no)
            self._send_what_was_told()
            return answer

        return guarded

    async def _genuine(self, request: Request) -> None:
        """Signed by Crossdock, now, for this address. Refused 401: anything else."""
        body = await request.body()
        try:
            call = verify([self.signing_secret], request.headers, body, time.time())
        except CrossdockError as error:
            raise Refused(401, error.message) from None
        raw = request.scope["raw_path"].decode("latin-1")
        target = f"{raw}?{request.url.query}" if request.url.query else raw
        if call.split(" ")[:2] != [request.method, target]:
            raise Refused(401, f"signed for {call[:200]}, sent to {request.method} {target[:200]}")

    async def _about(self, request: Request) -> Response:
        return JSONResponse({"name": self.name, "protocol": "1"})

    async def _thing(self, request: Request) -> Response:
        path, own_id = _addressed(request)
        if request.method == "GET":
            return JSONResponse(self.house.find(path, own_id).held)
        one, new = self.house.put(path, own_id, await _entity(request, path))
        return JSONResponse(one.held, 201 if new else 200)

    async def _cancel(self, request: Request) -> Response:
        path, own_id = _addressed(request)
        await _entity(request, path)
        return JSONResponse(self.house.cancel(path, own_id).held)

    async def _list(self, request: Request) -> Response:
        given = request.query_params
        name: ListName = request.url.path.strip("/")  # type: ignore[assignment]
        page = self.house.page(
            name,
            _number(given, "after", 0, 10**12),
            _number(given, "limit", 100, MAX_LIMIT, least=1),
            _moment(given, "since"),
            _moment(given, "until"),
        )
        return JSONResponse(page)

    # its staff, and the truth

    async def _hooks(self, request: Request) -> Response:
        self.hooks_url = jsontext.parse(await request.body())["url"]
        self._send_what_was_told()
        return JSONResponse({})

    async def _do(self, request: Request) -> Response:
        told = jsontext.parse(await request.body())
        what = told.pop("what", "")
        if what not in DRIVEN:
            return _problem(Refused(422, f"what is one of {', '.join(sorted(DRIVEN))}"))
        try:
            message = getattr(self.house, what)(**told)
        except Refused as no:
            return _problem(no)
        except (TypeError, KeyError, ArithmeticError) as error:
            return _problem(Refused(422, f"{what}: {type(error).__name__}: {error}"))
        self._send_what_was_told()
        return JSONResponse(message)

    async def _report(self, request: Request) -> Response:
        house = self.house
        return JSONResponse(
            {
                "asked": {
                    path: {
                        one.id: {
                            **one.held,
                            "order": one.body.get("number"),
                            "lines": one.body.get("lines"),
                            "shipped": {line: f"{n:f}" for line, n in one.shipped.items()},
                        }
                        for one in shelf.values()
                    }
                    for path, shelf in house.asked.items()
                },
                "stock": {f"{sku}@{place}": f"{n:f}" for (sku, place), n in house.stock.items()},
                "told": len(house.told),
                "delivered": self.delivered,
            }
        )

    # its messages

    def _send_what_was_told(self) -> None:
        if self.hooks_url and (self._courier is None or self._courier.done()):
            self._courier = asyncio.create_task(self._courier_run())

    async def _courier_run(self) -> None:
        """One after the other, each until it is taken; as many tries as a test has patience for."""
        async with Http(name="crossdock", base_url=self.hooks_url, timeout_s=15.0) as http:
            while self.delivered < len(self.house.told):
                body = jsontext.dump(self.house.told[self.delivered])
                for attempt in range(1, MOST_TRIES + 1):
                    headers = {"content-type": "application/json", **self.signed(body)}
                    try:
                        await http.post(self.hooks_url, content=body, headers=headers)
                        break
                    except CrossdockError:
                        if attempt == MOST_TRIES:
                            return
                        await asyncio.sleep(RETRY_S)
                self.delivered += 1


def _addressed(request: Request) -> tuple[str, str]:
    path = request.url.path.strip("/").partition("/")[0]
    own_id = request.path_params["id"]
    if not ID.fullmatch(own_id):
        raise Refused(422, "an id has 1 to 128 letters, digits, or of _ . : -")
    return path, own_id


async def _entity(request: Request, path: str) -> Any:
    """The body as the entity of this collection. Refused: 415, 400 or 422, with every fault."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise Refused(415, "send application/json")
    body = await request.body()
    try:
        jsontext.parse(body)
    except ContractError as error:
        raise Refused(400, error.message) from None
    try:
        return MODELS[path].parse(body)
    except ContractError as error:
        raise Refused(422, error.message, error.parts.get("faults", ())) from None  # type: ignore[arg-type]


def _number(given: Mapping[str, str], name: str, default: int, most: int, least: int = 0) -> int:
    text = given.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and least <= int(text) <= most):
        raise Refused(400, f"{name} is a whole number from {least} to {most}")
    return int(text)


def _moment(given: Mapping[str, str], name: str) -> datetime | None:
    text = given.get(name)
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise Refused(400, f"{name} is a time with its zone, such as 2026-01-31T12:00:00Z")
    return at


def _problem(no: Refused) -> Response:
    """RFC 9457."""
    body: dict[str, Any] = {"status": no.status, "title": _TITLES[no.status], "detail": no.detail}
    if no.faults:
        body["faults"] = [dict(one) for one in no.faults]
    return JSONResponse(body, no.status, media_type="application/problem+json")


_TITLES = {
    400: "Cannot be read",
    401: "Not signed by Crossdock",
    404: "Not here",
    409: "Too late",
    415: "Not JSON",
    422: "Does not fit its schema",
}
assert set(LISTS) == set(get_args(ListName))

"""The HTTP face of a runner: webhooks in, health and figures out.

    POST /hooks/<connection>   202 accepted · 401 not genuine · 413 too large · 503 try again
    GET  /health/live          the process answers
    GET  /health/ready         200 when ledger and bus do their work, else 503 with the reason
    GET  /status               counters, the account of everything accepted, which connection waits
                               for what, and how many fields each began to send this week, as JSON;
                               with ?audit=1 checked by id: `difference` must be 0

Problems are RFC 9457 documents. Nothing a stranger sends may end in a 5xx or a stack trace.
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import Any

from crossdock import connector as ports
from crossdock.errors import AuthError, CrossdockError, UnavailableError
from crossdock_stages.harness import House
from crossdock_stages.intake import Intake
from crossdock_stages.ledger import budgets, fields
from crossdock_stages.ledger.audit import audit
from crossdock_stages.ledger.journey import account
from crossdock_stages.ledger.landing import write_cursor
from crossdock_stages.sharing import standing
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from crossdock_runner.deployment import GatewayConfig
from crossdock_runner.door import WHOLE

log = logging.getLogger("crossdock.gateway")

RETRY_AFTER_S = 5
READY_S = 2.0
WEEK_S = 7 * 86_400
BODY_TIMEOUT_S = 30.0
HOOKS = "/hooks/"
_START, _BODY = "http.response.start", "http.response.body"
_JSON = (b"content-type", b"application/json")
PROBLEMS = "https://crossdock.dev/problems/"


def make_app(
    house: House, intake: Intake, hooks: Mapping[str, ports.Webhooks], config: GatewayConfig
) -> ASGIApp:
    """The ASGI application; `hooks` are the connections that take webhooks."""
    gateway = _Gateway(house, intake, hooks, config)
    rest = Starlette(
        routes=[
            Route("/hooks/{connection}", _only_posts, methods=["POST"]),
            Route("/health/live", gateway.live),
            Route("/health/ready", gateway.ready),
            Route("/status", gateway.status),
        ],
        exception_handlers={404: _not_found, 405: _not_allowed, Exception: _our_fault},
    )
    rest.router.redirect_slashes = False  # a sender that follows no redirect would lose its news

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        """Webhooks come by the thousand: they pass by Starlette's router and middleware."""
        name = scope["path"].removeprefix(HOOKS) if scope["type"] == "http" else "/"
        if "/" in name or scope["method"] != "POST":
            await rest(scope, receive, send)
            return
        try:
            answer = await gateway.hook(name, scope, receive)
        except Exception as error:  # noqa: BLE001 - told, and answered with 503
            answer = await _our_fault(Request(scope), error)
        if isinstance(answer, bytes):
            length = (b"content-length", b"%d" % len(answer))
            await send({"type": _START, "status": 202, "headers": [length, _JSON]})
            await send({"type": _BODY, "body": answer})
        else:
            await answer(scope, receive, send)

    return app


async def _only_posts(_: Request) -> Response:
    """Stands in the router so that another method is answered with 405."""
    return problem(404, "no-such-connection", "No connection of that name takes webhooks")


def problem(status: int, kind: str, title: str, detail: str = "", **more: Any) -> Response:
    """An RFC 9457 document; `kind` is the last part of its type."""
    body = {"type": PROBLEMS + kind, "title": title, "status": status, **more}
    if detail:
        body["detail"] = detail
    return JSONResponse(body, status, media_type="application/problem+json")


async def _not_found(request: Request, _: Exception) -> Response:
    return problem(
        404, "not-found", "There is nothing here", f"path {request.scope['path']!r}"[:200]
    )


async def _not_allowed(request: Request, _: Exception) -> Response:
    return problem(405, "method", "This path does not take that method", request.method[:20])


async def _our_fault(request: Request, error: Exception) -> Response:
    log.error("a request failed by a fault of ours", exc_info=error)
    answer = problem(503, "fault", "We failed; nothing was stored. Please send it again")
    answer.headers["retry-after"] = str(RETRY_AFTER_S)
    return answer


class _Gateway:
    def __init__(
        self,
        house: House,
        intake: Intake,
        hooks: Mapping[str, ports.Webhooks],
        config: GatewayConfig,
    ) -> None:
        self.house = house
        self.intake = intake
        self.hooks = hooks
        self.config = config
        self._asking: asyncio.Future[None] | None = None

    async def hook(self, name: str, scope: Scope, receive: Receive) -> Response | bytes:
        """The body of a 202, or an answer of another kind."""
        port = self.hooks.get(name)
        if port is None:
            return problem(404, "no-such-connection", "No connection of that name takes webhooks")
        headers = {  # of a header that comes twice the first counts
            key.decode("latin-1"): value.decode("latin-1")
            for key, value in reversed(scope["headers"])
        }
        if headers.get("content-encoding", "identity") != "identity":
            return problem(415, "encoding", "Send the body without content-encoding")
        try:
            body = scope.get("extensions", {}).get(WHOLE)
            if body is None or len(body) > self.config.max_body_bytes:
                body = await self._body(receive, headers.get("content-length", ""))
        except TimeoutError:
            self.house.meters.add("intake.slow")
            return problem(408, "slow", "The body took too long to arrive")
        except ClientDisconnect:
            self.house.meters.add("intake.cut")
            return problem(400, "cut", "The body did not arrive whole")
        if body is None:
            self.house.meters.add("intake.too_large")
            limit = self.config.max_body_bytes
            return problem(413, "too-large", "The body is too large", max_body_bytes=limit)
        asked = ports.Request(
            method=scope["method"],
            path=scope["path"],
            url=self._url(scope, headers.get("host", "")),
            query=dict(Request(scope).query_params) if scope["query_string"] else {},
            headers=headers,
            body=body,
        )
        try:
            accepted = await self.intake.webhook(name, port, asked)
        except AuthError as error:
            return problem(401, "not-genuine", "The request is not genuine", str(error))
        except UnavailableError as error:
            log.warning("a webhook was refused: %s", error)
            answer = problem(503, "unavailable", "It cannot be stored now; send it again later")
            answer.headers["retry-after"] = str(RETRY_AFTER_S)
            return answer
        return b'{"id":"%b","status":"%b"}' % (accepted.id.encode(), accepted.verdict.encode())

    async def _body(self, receive: Receive, declared: str) -> bytes | None:
        """The whole body, or None as soon as it is larger than allowed."""
        limit = self.config.max_body_bytes
        if declared.isascii() and declared.isdigit() and int(declared[:12]) > limit:
            return None
        async with asyncio.timeout(BODY_TIMEOUT_S):
            chunks: list[bytes] = []
            size, more = 0, True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnect
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > limit:
                    return None
                chunks.append(chunk)
                more = message.get("more_body", False)
            return b"".join(chunks)

    def _url(self, scope: Scope, host: str) -> str:
        """As the sender wrote it, as far as a proxy in front does not hide it."""
        base = self.config.public_url or f"{scope['scheme']}://{host}"
        query = scope["query_string"].decode("latin-1")
        return f"{base.rstrip('/')}{scope['path']}{'?' if query else ''}{query}"

    async def live(self, _: Request) -> Response:
        return JSONResponse({"live": True})

    async def ready(self, _: Request) -> Response:
        reasons = []
        if trouble := await self.house.bus.trouble():
            reasons.append(f"{trouble}; webhooks are still accepted")
        if trouble := await self._ledger_trouble():
            reasons.append(trouble)
        return JSONResponse({"ready": not reasons, "reasons": reasons}, 503 if reasons else 200)

    async def _ledger_trouble(self) -> str:
        """Only a write shows that the disk is not full, the file not read-only, the database alive.

        One question at a time: whoever asks while it stands still waits for the same answer.
        """
        if self._asking is None:
            mark = f"{time.time():.0f}"
            asking = self.house.ledger.write(lambda tx: write_cursor(tx, "", mark, "ready"))
            self._asking = asyncio.ensure_future(asking)
        asked = self._asking
        if not (await asyncio.wait({asked}, timeout=READY_S))[0]:
            return f"the ledger does not answer within {READY_S:.0f} s"
        if self._asking is asked:
            self._asking = None
        error = asked.exception()
        if error is not None and not isinstance(error, CrossdockError):
            raise error
        return "" if error is None else str(error)

    async def status(self, request: Request) -> Response:
        books = await self.house.ledger.read(account)
        board = await self.house.ledger.read(budgets.look)
        fresh = await self.house.ledger.read(lambda tx: fields.how_many(tx, time.time() - WEEK_S))
        more: dict[str, Any] = {}
        if "audit" in request.query_params:
            gaps = await self.house.ledger.read(audit)
            more = {"difference": len(gaps), "gaps": [vars(gap) for gap in gaps[:20]]}
        return JSONResponse(
            {
                "account": {**vars(books), "quiet": books.quiet, **more},
                "counts": dict(self.house.meters.counts),
                "bus": {"connected": self.house.bus.connected},
                "connections": standing(board),
                "drift": fresh,
            }
        )

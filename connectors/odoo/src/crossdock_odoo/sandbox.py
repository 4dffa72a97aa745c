"""A pretended Odoo 19, 18 or 17: one database in memory, both APIs, and controls for tests.

Answers are held to exchanges recorded from real servers; see tests/test_sandbox_recordings.py for
what is compared and what is known to differ. Not modelled: users and their rights, companies,
invoices, returns, the till, variants, other units than pieces.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from crossdock_odoo import sandbox_control, sandbox_seed
from crossdock_odoo.sandbox_errors import OdooFault, unprocessable
from crossdock_odoo.sandbox_faults import FAULTS, Cut, Misbehaviour, measured_s, records_of
from crossdock_odoo.sandbox_methods import Methods
from crossdock_odoo.sandbox_store import Store

__all__ = ["FAULTS", "Misbehaviour", "OdooSandbox"]
NOT_FOUND = "Did you mean POST /json/2/<model>/<method>?"


@dataclass
class OdooSandbox:
    """One pretended server with one database."""

    version: int = 19
    database: str = "demo"
    login: str = "admin"
    api_key: str = "0d00c0ffee5ea1ed0d00c0ffee5ea1ed0d00c0ff"
    seed: bool = True
    faults: list[Misbehaviour] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    offset_s: float = 0.0
    """How far this server's clock is off, for tests."""
    latency: float = 0.0
    """1: calls take as long as was measured on real servers; 0: no longer than they do here."""

    def __post_init__(self) -> None:
        self.store = Store(self.version, self._clock)
        self.methods = Methods(self.store)
        self.worker = asyncio.Semaphore(2)
        if self.seed:
            self.store.begin()
            sandbox_seed.demo(self.store, self.methods.stock)
        self.app = Starlette(
            routes=[
                Route("/web/version", self._web_version),
                Route("/json/2/{path:path}", self._json2, methods=["GET", "POST"]),
                Route("/jsonrpc", self._jsonrpc, methods=["POST"]),
                *sandbox_control.routes(self),
            ]
        )

    def connection(self, url: str) -> Mapping[str, object]:
        """What to write under `connections:`."""
        return {
            "connector": "odoo",
            "url": url,
            "database": self.database,
            "login": self.login,
            "api_key": self.api_key,
            "warehouses": ["WH"] if self.seed else [],
        }

    def run(
        self,
        model: str,
        method: str,
        ids: list[int] | None = None,
        context: Mapping[str, Any] | None = None,
        **named: Any,
    ) -> Any:
        """One call as one transaction."""
        self.calls[f"{model}.{method}"] += 1
        self.store.begin()
        try:
            answer = self.methods.call(model, method, ids, context or {}, named)
        except OdooFault:
            self.store.rollback()
            raise
        if method == "load" and answer["ids"] is False:
            self.store.rollback()
        return answer

    def _clock(self) -> datetime:
        return datetime.fromtimestamp(datetime.now(UTC).timestamp() + self.offset_s, UTC)

    async def _web_version(self, request: Request) -> Response:
        if self.version < 19:
            return HTMLResponse("<!DOCTYPE html>\n<title>404 Not Found</title>", status_code=404)
        info = [self.version, 0, 0, "final", 0, ""]
        return JSONResponse({"version_info": info, "version": f"{self.version}.0"})

    async def _json2(self, request: Request) -> Response:
        model, _, method = request.path_params["path"].partition("/")
        try:
            answer = await self._one(request, model, method)
        except OdooFault as fault:
            return JSONResponse(fault.body(), status_code=fault.status)
        return answer if isinstance(answer, Response) else _json(answer)

    async def _one(self, request: Request, model: str, method: str) -> Any:
        if self.version < 19 or request.method != "POST" or not method:
            raise OdooFault("werkzeug.exceptions.NotFound", NOT_FOUND)
        if "json" not in request.headers.get("content-type", ""):
            return HTMLResponse("<!doctype html>\n<title>415</title>", status_code=415)
        if request.headers.get("x-odoo-database", self.database) != self.database:
            return HTMLResponse("<!DOCTYPE html>\n<title>404 Not Found</title>", status_code=404)
        bearer = request.headers.get("authorization", "")
        unauthorized = "werkzeug.exceptions.Unauthorized"
        if not bearer:
            said = "User not authenticated, use an API Key with a Bearer Authorization header."
            raise OdooFault(unauthorized, said)
        if bearer.partition(" ")[2] != self.api_key:
            raise OdooFault(unauthorized, "Invalid apikey")
        named = _parsed(await request.body())
        if model not in self.store.tables:
            message = f"the model '{model}' does not exist"
            raise OdooFault("werkzeug.exceptions.NotFound", message)
        ids = named.pop("ids", None)
        context = named.pop("context", {})
        if ids is not None and method in self.methods.model_methods:
            raise unprocessable(f"cannot call {model}.{method} with ids")
        return await self._call(model, method, ids, context, named)

    async def _call(
        self, model: str, method: str, ids: Any, context: Any, named: dict[str, Any]
    ) -> Any:
        """The call, with whatever misbehaviour is due."""
        fault = self._due(f"{model}/{method}")
        if fault is not None and fault.kind in ("down", "access_denied"):
            return self._refuse(fault)
        if fault is not None and fault.kind in ("serialization_failure", "lock_timeout"):
            return _collide(fault, method)
        if fault is not None and fault.kind == "worker_restart":
            return Cut()
        if fault is not None and (instead := fault.instead(method)) is not None:
            return instead
        try:
            answer = self.run(model, method, ids, context, **named)
            if self.latency:
                async with self.worker:  # two workers, as measured
                    spent = measured_s(model, method, records_of(answer, ids))
                    await asyncio.sleep(self.latency * spent)
        except OdooFault as error:
            if error.name == "unknown.method":
                name = "werkzeug.exceptions.NotFound"
                if self.version < 19:
                    name = "builtins.AttributeError"
                raise OdooFault(name, error.message) from None
            raise
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        if fault is not None and fault.kind == "lost_answer":
            return Cut()
        return answer

    def _due(self, call: str) -> Misbehaviour | None:
        for fault in self.faults:
            if fault.match in call and fault.count > 0:
                if fault.after > 0:
                    fault.after -= 1
                    continue
                fault.count -= 1
                return fault
        self.faults = [fault for fault in self.faults if fault.count > 0]
        return None

    def _refuse(self, fault: Misbehaviour) -> Response:
        if fault.kind == "down":
            return HTMLResponse("<h1>503 Service Unavailable</h1>", status_code=503)
        if self.version >= 19:
            raise OdooFault("werkzeug.exceptions.Unauthorized", "Invalid apikey")
        raise OdooFault("odoo.exceptions.AccessDenied", "Access Denied")

    async def _jsonrpc(self, request: Request) -> Response:
        try:
            body = json.loads(await request.body())
            params = body["params"]
            service, method, args = params["service"], params["method"], params["args"]
        except (ValueError, KeyError, TypeError):
            return HTMLResponse("Bad Request", status_code=400)
        head = {"jsonrpc": "2.0", "id": body.get("id")}
        try:
            answer = await self._service(service, method, args)
        except OdooFault as fault:
            code = 0 if self.version >= 19 else 200
            error = {"code": code, "message": "Odoo Server Error", "data": fault.body()}
            return JSONResponse({**head, "error": error})
        if isinstance(answer, Response):
            return answer
        return _json(head if answer is None else {**head, "result": answer})

    async def _service(self, service: str, method: str, args: list[Any]) -> Any:
        if service == "common" and method == "version":
            return {
                "server_version": f"{self.version}.0",
                "server_version_info": [self.version, 0, 0, "final", 0, ""],
                "server_serie": f"{self.version}.0",
                "protocol_version": 1,
            }
        if service not in ("common", "object"):
            raise OdooFault("builtins.KeyError", service)
        if args[0] != self.database:
            raise OdooFault(
                "psycopg2.OperationalError",
                'connection to server at "127.0.0.1", port 5432 failed: FATAL:  database '
                f'"{args[0]}" does not exist\n',
            )
        if service == "common":
            good = args[1:3] == [self.login, self.api_key]
            return self.store.uid if good else False
        _, uid, key, model, name, *rest = args
        if uid not in self.store.tables["res.users"].rows:
            message = f"Record does not exist or has been deleted.\n(Record: res.users({uid},), "
            raise OdooFault("odoo.exceptions.MissingError", f"{message}User: {uid})")
        if key != self.api_key:
            raise OdooFault("odoo.exceptions.AccessDenied", "Access Denied")
        if model not in self.store.tables:
            message = f"Object {model} doesn't exist"
            raise OdooFault("odoo.exceptions.UserError", message)
        if method == "execute":  # the oldest form: arguments by position alone
            return await self._execute(model, name, list(rest), {})
        positional = list(rest[0]) if rest else []
        named = dict(rest[1]) if len(rest) > 1 else {}
        return await self._execute(model, name, positional, named)

    async def _execute(
        self, model: str, method: str, positional: list[Any], named: dict[str, Any]
    ) -> Any:
        """`execute_kw`: ids first for methods on records, then arguments by position."""
        context = named.pop("context", {})
        ids = None
        if method not in self.methods.model_methods and positional:
            ids = positional.pop(0)
        order = {
            "write": ["vals"],
            "create": ["vals_list"],
            "read": ["fields"],
            "search_read": ["domain", "fields", "offset", "limit", "order"],
        }
        names = order.get(method, ["domain"])
        named |= dict(zip(names, positional, strict=False))
        single = method == "create" and isinstance(named.get("vals_list"), dict)
        answer = await self._call(model, method, ids, context, named)
        return answer[0] if single and isinstance(answer, list) else answer


def _parsed(body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        value = json.loads(body)
    except ValueError as error:
        message = f"could not parse the body as json: {error}"
        raise OdooFault("werkzeug.exceptions.BadRequest", message) from None
    return value if isinstance(value, dict) else {}


def _collide(fault: Misbehaviour, method: str) -> Any:
    """Two transactions met and this one lost; `load` says so in its own way."""
    name, words = "SerializationFailure", "could not serialize access due to concurrent update\n"
    if fault.kind == "lock_timeout":
        name, words = "LockNotAvailable", "could not obtain lock on row in relation\n"
    if method == "load":
        where = {"rows": {"from": 0, "to": 0}, "record": 0, "type": "error", "message": words}
        return {"ids": False, "messages": [where], "nextrow": 0}
    raise OdooFault(f"psycopg2.errors.{name}", words)


def _json(value: Any) -> Response:
    """As JSON-2 writes it: `null` for None."""
    return Response(json.dumps(value, ensure_ascii=False), media_type="application/json")

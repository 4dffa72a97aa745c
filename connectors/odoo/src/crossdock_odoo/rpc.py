"""Calling Odoo: the External JSON-2 API (19 and later) and `/jsonrpc` (17, 18) as one function.

Sources: odoo 19.0 documentation "External JSON-2 API", 18.0 "External RPC API", and the
exchanges recorded from real servers in tests/recordings (flows 01 and 13).
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import crossdock
from crossdock.http import Response, error_for, excerpt

from crossdock_odoo.config import OdooConfig
from crossdock_odoo.versions import BY_POSITION, Fields, Version, parse_version

APPLICATION_STATUSES = frozenset(range(400, 600)) - {408, 425, 429, 502, 503, 504}
"""Odoo answers these itself, with a body that says more than the status."""


READS = frozenset({"search_read", "read", "search_count", "fields_get", "default_get"})
"""Methods that change nothing: asked again here, so that an order whose fifth call failed need not
begin anew. What writes is tried again by the caller alone, who knows what it may have done."""
READ_TRIES = 3
READ_PAUSE_S = 0.05


@dataclass(frozen=True, kw_only=True)
class Fault:
    """An error as Odoo words it: the name of the exception, and its message."""

    name: str
    message: str

    @property
    def short(self) -> str:
        """`UserError` for `odoo.exceptions.UserError`."""
        return self.name.rpartition(".")[2] or "error"


NOTHING_DONE = {
    "SerializationFailure",
    "DeadlockDetected",
    "LockNotAvailable",
    "LockError",
    "ConcurrencyError",
    "TransactionRollback",
    "QueryCanceled",
    "PoolError",
}
"""The transaction was rolled back and may be tried again."""
WHO_KNOWS = {"OperationalError", "InterfaceError", "AdminShutdown", "ConnectionException"}
"""The server lost its database, before or after the commit."""
NOT_US = {"AccessDenied", "Unauthorized", "SessionExpiredException"}
"""The credential is wrong or has expired."""


def error_of(fault: Fault, what: str) -> crossdock.CrossdockError:
    """Classified by name alone: statuses mislead (500 is a typo) and messages are translated.

    AccessError is a RejectedError: a record rule may hide one order and not the next, and only a
    rejection keeps the others going. That the user lacks a right altogether is told by `probe`.
    The traceback that Odoo sends as `debug` is never kept.
    """
    said = excerpt(fault.message.encode("utf-8", "replace"))
    message = f"{what}: {fault.short}: {said}"
    parts = {"name": fault.name}
    if fault.short in NOT_US:
        return crossdock.AuthError(
            f"{message}. Check `database`, `login` and `api_key`; the key may have expired",
            parts=parts,
        )
    if fault.short in NOTHING_DONE:
        return crossdock.UnavailableError(message, outcome="failed", parts=parts)
    if fault.short in WHO_KNOWS:
        return crossdock.UnavailableError(message, outcome="unknown", parts=parts)
    return crossdock.RejectedError(message, reason=fault.short, parts=parts)


@dataclass
class Rpc:
    """One database as one user. Asks the server for its version before the first call."""

    http: crossdock.Http
    config: OdooConfig
    _version: Version | None = None
    _uid: int | None = None

    def __post_init__(self) -> None:
        self._lock = asyncio.Lock()
        self.fields = Fields(self._fields_get)

    def context(self) -> dict[str, Any]:
        """Sent with every call: what a user's own settings would otherwise decide."""
        context: dict[str, Any] = {"lang": "en_US", "tz": "UTC"}
        if self.config.company is not None:
            context["allowed_company_ids"] = [self.config.company]
        return context

    async def version(self) -> Version:
        """Asked once; no credential needed. ConfigError for an Odoo older than 17."""
        if self._version is None:
            async with self._lock:
                if self._version is None:
                    self._version = await self._ask_version()
        return self._version

    async def call(
        self,
        model: str,
        method: str,
        *,
        ids: Sequence[int] | None = None,
        context: Mapping[str, Any] | None = None,
        **arguments: Any,
    ) -> Any:
        """Call a public method; on records when `ids` is given.

        One call is one transaction. An empty `ids` is refused here, for Odoo would answer
        `true` and do nothing (recordings, 13-errors/34).
        """
        if ids is not None and not ids:
            raise ValueError(f"{model}.{method} was called on no records")
        version = await self.version()
        whole = {**self.context(), **(context or {})}
        speak = self._json2 if version.json2 else self._jsonrpc
        for again in range(READ_TRIES if method in READS else 1):
            if again:
                await asyncio.sleep(READ_PAUSE_S * again)
            try:
                return await speak(model, method, ids, {**arguments, "context": whole})
            except crossdock.UnavailableError as error:
                last = error
        raise last

    async def search_read(
        self, model: str, domain: list[Any], fields: Sequence[str], **options: Any
    ) -> list[dict[str, Any]]:
        """Records as dictionaries; many2one fields as plain ids (`load=""`)."""
        rows = await self.call(
            model, "search_read", domain=domain, fields=list(fields), load="", **options
        )
        return _rows(rows, f"{model}.search_read")

    async def read(
        self, model: str, ids: Sequence[int], fields: Sequence[str]
    ) -> list[dict[str, Any]]:
        """As `search_read`; ids that do not exist are left out by Odoo."""
        rows = await self.call(model, "read", ids=ids, fields=list(fields), load="")
        return _rows(rows, f"{model}.read")

    async def _fields_get(self, model: str, names: list[str]) -> Mapping[str, Any]:
        told = await self.call(model, "fields_get", allfields=names, attributes=["type"])
        if not isinstance(told, dict):
            raise crossdock.ContractError(f"{model}.fields_get answered no fields")
        return told

    async def _ask_version(self) -> Version:
        answer = await self.http.get("web/version", accept=APPLICATION_STATUSES)
        if answer.status == 200:
            told = answer.json()
            info = told.get("version_info") if isinstance(told, dict) else None
        else:
            told = await self._service("common", "version", [])
            info = told.get("server_version_info") if isinstance(told, dict) else None
        return parse_version(info, self.http.name)

    async def _json2(
        self, model: str, method: str, ids: Sequence[int] | None, arguments: dict[str, Any]
    ) -> Any:
        if ids is not None:
            arguments["ids"] = list(ids)
        answer = await self.http.post(
            f"json/2/{model}/{method}",
            json=arguments,
            headers={
                "authorization": f"bearer {self.config.api_key.get_secret_value()}",
                "x-odoo-database": self.config.database,
            },
            accept=APPLICATION_STATUSES,
        )
        what = f"{model}.{method} at {self.http.name}"
        if answer.status < 400:
            return answer.json()
        fault = _fault(_json_or_none(answer))
        if fault is None and answer.status == 404:
            raise self._no_database(what)
        raise error_for(answer, what) if fault is None else error_of(fault, what)

    def _no_database(self, what: str) -> crossdock.AuthError:
        """19 answers a page for a database it does not serve; before, PostgreSQL says so."""
        database = self.config.database
        return crossdock.AuthError(
            f"{what}: there is no database {database!r}. Write the name of an existing one in "
            "`database` (Odoo matches it with its db_filter)",
            parts={"database": database},
        )

    async def _jsonrpc(
        self, model: str, method: str, ids: Sequence[int] | None, arguments: dict[str, Any]
    ) -> Any:
        uid = await self._login()
        positional: list[Any] = [] if ids is None else [list(ids)]
        if method in BY_POSITION and BY_POSITION[method] in arguments:
            positional.append(arguments.pop(BY_POSITION[method]))
        key = self.config.api_key.get_secret_value()
        return await self._service(
            "object",
            "execute_kw",
            [self.config.database, uid, key, model, method, positional, arguments],
            what=f"{model}.{method}",
        )

    async def _login(self) -> int:
        if self._uid is not None:
            return self._uid
        if not self.config.login:
            raise crossdock.ConfigError(
                f"{self.http.name} is older than Odoo 19: write `login`, whose key it is"
            )
        key = self.config.api_key.get_secret_value()
        uid = await self._service(
            "common", "authenticate", [self.config.database, self.config.login, key, {}]
        )
        if not isinstance(uid, int) or isinstance(uid, bool):
            raise crossdock.AuthError(
                f"{self.http.name} does not know {self.config.login!r} with this key in database "
                f"{self.config.database!r}"
            )
        self._uid = uid
        return uid

    async def _service(self, service: str, method: str, args: list[Any], what: str = "") -> Any:
        body = {
            "jsonrpc": "2.0",
            "method": "call",
            "id": 1,
            "params": {"service": service, "method": method, "args": args},
        }
        answer = await self.http.post("jsonrpc", json=body, accept=APPLICATION_STATUSES)
        what = f"{what or f'{service}.{method}'} at {self.http.name}"
        told = _json_or_none(answer)
        if answer.status >= 400 or not isinstance(told, dict):
            raise error_for(answer, what)
        if "error" in told:
            error = told["error"]
            data = error.get("data") if isinstance(error, dict) else None
            fault = _fault(data) or Fault(name="odoo.error", message="an error without a name")
            missing = f'database "{self.config.database}" does not exist'
            if fault.short == "OperationalError" and missing in fault.message:
                raise self._no_database(what)
            raise error_of(fault, what)
        return told.get("result")  # a method that returns None leaves the key out


def _fault(body: Any) -> Fault | None:
    if not isinstance(body, dict) or not isinstance(body.get("name"), str):
        return None
    return Fault(name=body["name"], message=str(body.get("message", "")))


def _json_or_none(answer: Response) -> Any:
    try:
        return answer.json()
    except crossdock.ContractError:
        return None


def _rows(value: Any, what: str) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise crossdock.ContractError(f"{what} answered no list of records")
    return value

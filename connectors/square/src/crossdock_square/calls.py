"""Asking Square: one place for its addresses, its idempotency keys and its words for no.

Square answers `{"errors": [{"category", "code", "detail", "field"}]}` beside a status; a few codes
mean more than their status says.
"""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import quote

from crossdock import ConflictError, Http, RateLimitedError, RejectedError
from crossdock.http import Response
from crossdock.http.answers import error_for
from crossdock.http.paging import walk
from crossdock.jsontext import shorten
from crossdock.reading import Shape, Text, TypedDict

REUSED = "IDEMPOTENCY_KEY_REUSED"
_CONFLICTS = frozenset({"CONFLICT", "VERSION_MISMATCH"})
_LIMITED = frozenset({"RATE_LIMITED"})
_SEEN = frozenset({400, 404, 409, 422})


class _Error(TypedDict, total=False):
    code: Text
    detail: Text
    field: Text


class _Errors(TypedDict, total=False):
    errors: list[_Error]


class Cursor(TypedDict, total=False):
    """Where the next page begins, if there is one."""

    cursor: Text | None


_ERRORS = Shape(_Errors)
_CURSOR = Shape(Cursor)


class KeyReusedError(Exception):
    """This idempotency key was used before, with another body: an earlier try came through."""


async def one(http: Http, what: str, own: str) -> Any:
    """Read one thing by its id."""
    return await ask(http, f"/v2/{what}/{quote(own, safe='')}")


async def ask(http: Http, path: str, params: Mapping[str, str] | None = None) -> Any:
    """Read something."""
    answer = await http.get(path, params=params, accept=_SEEN)
    return _good(answer, path)


async def search(http: Http, path: str, body: Mapping[str, Any]) -> Any:
    """Read by a body; it changes nothing, so it may be repeated."""
    answer = await http.post(path, json=body, idempotent=True, accept=_SEEN)
    return _good(answer, path)


async def change(http: Http, path: str, body: Mapping[str, Any]) -> Any:
    """Change something under the `idempotency_key` in the body.

    KeyReusedError: an earlier try with this key had another body.
    """
    answer = await http.post(path, json=body, idempotent=True, accept=_SEEN)
    return _good(answer, path)


async def pages(http: Http, path: str, body: Mapping[str, Any]) -> AsyncIterator[Any]:
    """Every page of a search; the cursor belongs to its query, so the query stays the same."""

    async def page_at(cursor: str | None) -> Any:
        return await search(http, path, {**body, "cursor": cursor} if cursor else body)

    async for page in walk(page_at, lambda found: _next(found, path), what=f"pages of {path}"):
        yield page


async def listed(http: Http, path: str, params: Mapping[str, str]) -> AsyncIterator[Any]:
    """Every page of a list."""

    async def page_at(cursor: str | None) -> Any:
        return await ask(http, path, {**params, "cursor": cursor} if cursor else params)

    async for page in walk(page_at, lambda found: _next(found, path), what=f"pages of {path}"):
        yield page


def _next(page: Any, path: str) -> str | None:
    return _CURSOR.of(page, path).get("cursor")


def _good(answer: Response, path: str) -> Any:
    if answer.status < 300:
        return answer.json()
    told = _ERRORS.of(answer.json(), path).get("errors")
    if not told or not told[0].get("code"):
        raise error_for(answer, path)
    first = told[0]
    code, field = first.get("code") or "", first.get("field") or ""
    detail = answer.redact(shorten(first.get("detail") or ""))
    where = f" ({shorten(field)})" if field else ""
    words = answer.redact(f"{path}: Square says {code[:80]}{where}: {detail}")
    more: dict[str, Any] = {"request_id": answer.request_id, "parts": {"status": answer.status}}
    if code == REUSED:
        raise KeyReusedError(words)
    if code in _LIMITED:
        raise RateLimitedError(words, retry_after_s=5.0, **more)
    if code in _CONFLICTS or answer.status == 409:
        raise ConflictError(words, **more)
    raise RejectedError(words, reason=code.lower()[:80], **more)

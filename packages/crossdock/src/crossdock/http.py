"""The HTTP client that connectors are given. Its failures are already ours.

The only module that imports httpx (import-linter keeps it so), for httpx may be replaced by its
continuation one day (research note on httpx2) and connectors must not notice.
"""

import re
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from types import TracebackType
from typing import Any, Literal, Self

import httpx

from crossdock import jsontext
from crossdock.errors import (
    AuthError,
    ConflictError,
    CrossdockError,
    PermanentError,
    RateLimitedError,
    RejectedError,
    UnavailableError,
)

REQUEST_ID_HEADERS = (
    "x-request-id",
    "x-amzn-requestid",
    "request-id",
    "x-correlation-id",
    "traceparent",
)
DEFAULT_RETRY_AFTER_S = 2.0
MAX_RESPONSE_BYTES = 64 * 1024 * 1024


class Response:
    """An answer with a status below 400, or one that the caller asked to see."""

    def __init__(self, status: int, headers: Mapping[str, str], content: bytes, what: str) -> None:
        self.status = status
        self.headers = headers
        self.content = content
        self._what = what

    def json(self) -> Any:
        """The body as JSON, parsed by `crossdock.jsontext`: ContractError when it is none."""
        return jsontext.parse(self.content, what=f"the answer to {self._what}")

    @property
    def request_id(self) -> str | None:
        """The other side's id of this request, when it gave one."""
        return next((self.headers[h] for h in REQUEST_ID_HEADERS if h in self.headers), None)


class Http:
    """One vendor, one connection pool. Enter it with `async with`.

    Every call ends in a Response or in one of our errors, never in one of httpx:

    | what happened                           | error |
    |-----------------------------------------|-------|
    | no connection could be made             | UnavailableError, outcome `not_sent` |
    | time-out or cut while waiting           | UnavailableError, outcome `unknown`  |
    | 401, 403                                | AuthError |
    | 408, 425, 429 (Retry-After is obeyed)   | RateLimitedError |
    | 409, 412                                | ConflictError |
    | 400, 404, 410, 413, 422, other 4xx, 3xx | RejectedError |
    | 500                                     | UnavailableError, outcome `unknown` |
    | 502, 503, 504                           | the same; with Retry-After RateLimitedError |
    """

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 30.0,
        max_connections: int = 20,
    ) -> None:
        self.name = name
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers=dict(headers or {}),
            timeout=httpx.Timeout(timeout_s, connect=min(timeout_s, 10.0)),
            limits=httpx.Limits(
                max_connections=max_connections, max_keepalive_connections=max_connections
            ),
            follow_redirects=False,
        )

    async def __aenter__(self) -> Self:
        await self._client.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._client.__aexit__(kind, error, trace)

    async def get(self, path: str, **options: Any) -> Response:
        """GET; see `request`."""
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> Response:
        """POST; see `request`."""
        return await self.request("POST", path, **options)

    async def put(self, path: str, **options: Any) -> Response:
        """PUT; see `request`."""
        return await self.request("PUT", path, **options)

    async def request(
        self,
        method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"],
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        accept: frozenset[int] | set[int] = frozenset(),
    ) -> Response:
        """Send one request; never retried here, for only the caller knows whether that is safe.

        `accept` lists statuses of 400 and above that the caller wants as a Response, because the
        vendor says in the body what they mean.
        """
        what = f"{method} {path} at {self.name}"
        sent_headers = dict(headers or {})
        if json is not None:
            content = jsontext.dump(json)
            sent_headers.setdefault("content-type", "application/json")
        try:
            request = self._client.build_request(
                method,
                path,
                params=params,
                content=content,
                headers=sent_headers,
                timeout=self._client.timeout if timeout_s is None else timeout_s,
            )
            answer = await self._client.send(request, stream=True)
            try:
                body = await _bounded(answer, what)
            finally:
                await answer.aclose()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise UnavailableError(
                f"{what}: no connection ({_reason(error)})", outcome="not_sent"
            ) from error
        except httpx.InvalidURL as error:
            raise PermanentError(f"{what}: {error}") from error
        except httpx.HTTPError as error:
            raise UnavailableError(
                f"{what}: no whole answer ({_reason(error)}); it may or may not have been done",
                outcome="unknown",
            ) from error
        response = Response(answer.status_code, answer.headers, body, what)
        if answer.status_code < 300 or answer.status_code in accept:
            return response
        raise error_for(response, what)


def error_for(response: Response, what: str) -> CrossdockError:
    """The error that a status stands for, with the vendor's words shortened and cleaned."""
    status, request_id = response.status, response.request_id
    said = excerpt(response.content)
    message = f"{what}: HTTP {status}{': ' + said if said else ''}"
    parts = {"status": status}
    retry_after = retry_after_s(response.headers)
    if status in {401, 403}:
        return AuthError(message, request_id=request_id, parts=parts)
    if status in {408, 425, 429} or (status in {502, 503, 504} and retry_after is not None):
        return RateLimitedError(
            message,
            retry_after_s=DEFAULT_RETRY_AFTER_S if retry_after is None else retry_after,
            request_id=request_id,
            parts=parts,
        )
    if status in {409, 412}:
        return ConflictError(message, request_id=request_id, parts=parts)
    if status >= 500:
        return UnavailableError(message, outcome="unknown", request_id=request_id, parts=parts)
    return RejectedError(message, reason=f"http_{status}", request_id=request_id, parts=parts)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """`Retry-After` in seconds (RFC 9110 10.2.3: number or date), at most an hour; else None."""
    value = headers.get("retry-after")
    if not value:
        return None
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", value, re.ASCII):
        return min(float(value), 3600.0)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return min(max((moment - datetime.now(UTC)).total_seconds(), 0.0), 3600.0)


_MARKUP = re.compile(
    r"<(script|style)\b.*?(</\1\s*>|\Z)|</?[a-z!][^<>]*(>|\Z)", re.DOTALL | re.IGNORECASE
)
_TRACEBACK = re.compile(r"Traceback\s*\(most recent call last\).*", re.DOTALL)


def excerpt(content: bytes, limit: int = 300) -> str:
    """What a body says, for a message: one line of at most `limit`, no tags, no tracebacks."""
    text = content[:4096].decode("utf-8", "replace")
    text = _TRACEBACK.sub(" ", " ".join(_MARKUP.sub(" ", text).split())).strip()
    text = "".join(c if c.isprintable() else "�" for c in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"


async def _bounded(answer: httpx.Response, what: str) -> bytes:
    chunks: list[bytes] = []
    size = 0
    stream: AsyncIterator[bytes] = answer.aiter_bytes()
    async for chunk in stream:
        size += len(chunk)
        if size > MAX_RESPONSE_BYTES:
            raise PermanentError(
                f"{what}: the answer is larger than {MAX_RESPONSE_BYTES} bytes; ask for less"
            )
        chunks.append(chunk)
    return b"".join(chunks)


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__

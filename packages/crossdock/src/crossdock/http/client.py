"""One vendor's HTTP, one connection pool.

The only module that imports httpx (import-linter keeps it so), for httpx may be replaced by its
continuation one day (research note on httpx2) and connectors must not notice.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Mapping
from functools import cache, lru_cache
from types import TracebackType
from typing import Any, Literal, NamedTuple, Self
from urllib.parse import urlencode

import httpx

from crossdock import jsontext, rates
from crossdock.errors import (
    ContractError,
    CrossdockError,
    PermanentError,
    RateLimitedError,
    RejectedError,
    UnavailableError,
)
from crossdock.http.answers import Headers, Response, error_for
from crossdock.http.auth import Auth, Call
from crossdock.http.bodies import ENCODINGS, MAX_RESPONSE_BYTES, Body
from crossdock.http.pool import forget_orphans
from crossdock.http.redaction import Redactor
from crossdock.http.retrying import ONCE, SAFE_METHODS, Retry
from crossdock.pacing import Pacer
from crossdock.rates import Limit, Reading

log = logging.getLogger("crossdock.http")
for _chatty in ("httpx", "httpcore"):
    # they log whole URLs and headers, credentials included; what is worth saying we say ourselves
    logging.getLogger(_chatty).setLevel(logging.WARNING)

IDEMPOTENCY_HEADER = "Idempotency-Key"
MOST_REDIRECTS = 5
CONNECT_S = 10.0

Method = Literal["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]


class Http:
    """One vendor, one connection pool. Enter it with `async with`.

    Every call ends in a Response or in one of our errors, never in one of httpx:

    | what happened                              | error |
    |--------------------------------------------|-------|
    | no connection could be made                | UnavailableError, outcome `not_sent` |
    | time-out, cut, or unreadable answer        | UnavailableError, outcome `unknown`  |
    | the rate budget is used up, nothing sent   | RateLimitedError, `parts["bucket"]` |
    | 401 (after a new token, once), 403         | AuthError |
    | 408, 425, 429 (Retry-After is obeyed)      | RateLimitedError |
    | 409, 412                                   | ConflictError |
    | 400, 404, 410, 413, 422, other 4xx, 3xx    | RejectedError |
    | 500                                        | UnavailableError, outcome `unknown` |
    | 502, 503, 504                              | the same; with Retry-After RateLimitedError |
    | the answer is too large                    | PermanentError |

    Configured `headers` and `auth` go to `base_url`'s own origin (scheme, host, port) and to no
    other, whatever a path, a link or a redirect says. `limits` are what the vendor documents, by
    bucket; answers correct them. `secrets` are never shown.
    """

    def __init__(
        self,
        *,
        name: str,
        base_url: str,
        headers: Mapping[str, str] | None = None,
        auth: Auth | None = None,
        timeout_s: float = 30.0,
        max_connections: int = 20,
        max_bytes: int = MAX_RESPONSE_BYTES,
        retry: Retry = ONCE,
        limits: Mapping[str, Limit] | None = None,
        pacer: Pacer | None = None,
        redact: Redactor | None = None,
        idempotency_header: str = IDEMPOTENCY_HEADER,
    ) -> None:
        self.name = name
        self.redact = redact or Redactor()
        self.pacer = pacer or Pacer(name)
        self.pacer.declare(limits or {})
        self._headers = _by_name(headers or {})
        for header, value in self._headers.items():
            if _is_secret(header):
                self.redact.add(value.partition(" ")[2] or value)
        self._auth = auth
        self._retry = retry
        self._max_bytes = max_bytes
        self._idempotency_header = idempotency_header
        self._timeout_s = timeout_s
        try:
            self._client = httpx.AsyncClient(
                base_url=base_url,
                verify=_trust(),
                headers={"user-agent": "crossdock", "accept-encoding": ENCODINGS},
                limits=httpx.Limits(
                    max_connections=max_connections, max_keepalive_connections=max_connections
                ),
                follow_redirects=False,
            )
        except httpx.InvalidURL as error:
            raise PermanentError(f"{name}: the address cannot be used: {error}") from error
        self._address = lru_cache(maxsize=256)(self._addressed)
        self._origin = _origin(self._client.base_url)

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

    def __repr__(self) -> str:
        return f"Http({self.name!r}, {self.redact(str(self._client.base_url))!r})"

    def owns(self, url: str) -> bool:
        """Whether credentials may be sent there: it is `base_url`'s own origin."""
        try:
            return _origin(httpx.URL(url)) == self._origin
        except httpx.InvalidURL:
            return False

    async def get(self, path: str, **options: Any) -> Response:
        """GET; see `request`."""
        return await self.request("GET", path, **options)

    async def post(self, path: str, **options: Any) -> Response:
        """POST; the body is `json=`, `form=` or `content=`. See `request`."""
        return await self.request("POST", path, **options)

    async def put(self, path: str, **options: Any) -> Response:
        """PUT; the body is `json=`, `form=` or `content=`. See `request`."""
        return await self.request("PUT", path, **options)

    async def patch(self, path: str, **options: Any) -> Response:
        """PATCH; the body is `json=`, `form=` or `content=`. See `request`."""
        return await self.request("PATCH", path, **options)

    async def delete(self, path: str, **options: Any) -> Response:
        """DELETE; see `request`."""
        return await self.request("DELETE", path, **options)

    async def request(
        self,
        method: Method,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float | None = None,
        max_bytes: int | None = None,
        accept: frozenset[int] | set[int] = frozenset(),
        bucket: str = "",
        cost: float = 1.0,
        idempotency_key: str | None = None,
        idempotent: bool = False,
        authenticated: bool = True,
        follow: bool = False,
        retry: Retry | None = None,
    ) -> Response:
        """Send one request within `timeout_s`, the last byte of the answer included.

        The body is `json`, or `form` (x-www-form-urlencoded), or `content` (bytes as they are).
        `accept` lists statuses of 400 and above that the caller wants as a Response, because the
        vendor says in the body what they mean. `bucket` and `cost` say what the call takes of
        which rate budget. It is repeated only as `retry` allows: safe methods, calls with an
        `idempotency_key`, and those that the caller calls `idempotent` for another reason; any
        other only when it certainly did nothing. `follow` lets a GET or HEAD follow redirects,
        without credentials when they lead to another host.
        """
        what = f"{method} {self.redact.address(path)} at {self.name}"
        call_headers = _by_name(headers or {})
        try:
            if json is not None:
                content = jsontext.dump(json)
                call_headers.setdefault("content-type", "application/json")
            elif form is not None:
                content = urlencode(form).encode()
                call_headers.setdefault("content-type", "application/x-www-form-urlencoded")
        except ValueError as error:  # NaN, a lone surrogate
            reason = self.redact(str(error))
            raise ContractError(f"{what}: the body cannot be written: {reason}") from None
        if idempotency_key is not None:
            call_headers[self._idempotency_header.lower()] = _checked(idempotency_key)
        retry = retry or self._retry
        safe = idempotent or idempotency_key is not None or method in SAFE_METHODS
        attempt, waited_s = 0, 0.0
        while True:
            attempt += 1
            try:
                return await self._paced(
                    what,
                    _Sending(method, path, params, content, call_headers),
                    timeout_s=timeout_s or self._timeout_s,
                    most=max_bytes or self._max_bytes,
                    accept=accept,
                    bucket=bucket,
                    cost=cost,
                    authenticated=authenticated,
                    follow=follow and method in {"GET", "HEAD"},
                )
            except CrossdockError as error:
                pause_s = retry.pause_s(error, attempt=attempt, safe=safe, waited_s=waited_s)
                if pause_s is None:
                    raise
                log.info("%s; again in %.1f s", error, pause_s)
            waited_s += pause_s
            await asyncio.sleep(pause_s)

    async def learn(self, reading: Reading | None, bucket: str = "", paid: float = 1.0) -> None:
        """Tell the rate budget what a body said of it (`crossdock.rates.read_cost`).

        Headers are read by the client itself. `paid` is the `cost` that the call was given.
        """
        await self.pacer.learn(reading, bucket, paid)

    async def _paced(
        self,
        what: str,
        sending: "_Sending",
        *,
        timeout_s: float,
        most: int,
        accept: frozenset[int] | set[int],
        bucket: str,
        cost: float,
        authenticated: bool,
        follow: bool,
    ) -> Response:
        """One attempt, with a second when a new token may help."""
        renewed = False
        while True:
            await self.pacer.take(bucket, cost)
            response, sent = await self._once(what, sending, timeout_s, most, authenticated, follow)
            reading = rates.read_headers(response.headers, response.status, time.time())
            await self.pacer.learn(reading, bucket)
            if response.status < 300 or response.status in accept:
                return response
            error = error_for(response, what)
            if isinstance(error, RateLimitedError):
                error.parts["bucket"] = bucket
            again = response.status == 401 and sent and not renewed
            if not (again and self._auth is not None and self._auth.refused(sent)):
                raise error
            renewed = True

    async def _once(
        self,
        what: str,
        sending: "_Sending",
        timeout_s: float,
        most: int,
        authenticated: bool,
        follow: bool,
    ) -> tuple[Response, Mapping[str, str]]:
        """Send it, read it; the answer, and the credentials that went with it."""
        started = time.perf_counter()
        try:
            own = authenticated and ("://" not in sending.path or self.owns(sending.path))
            sent: Mapping[str, str] = {}
            if own and self._auth is not None:
                sent = _by_name(await self._auth.headers(self, self._call(sending)))
            request = self._build(sending, {**self._headers, **sent} if own else {})
            try:
                async with asyncio.timeout(timeout_s):
                    answer = await self._send(request, timeout_s)
                    for _ in range(MOST_REDIRECTS if follow else 0):
                        if answer.next_request is None:
                            break
                        await answer.aclose()
                        request = self._redirected(answer.next_request, what, sending, sent)
                        answer = await self._send(request, timeout_s)
                    try:
                        body = Body(what, answer.headers.get("content-encoding", ""), most)
                        content = await body.read(answer.aiter_raw())
                    finally:
                        await answer.aclose()
            except BaseException:
                await forget_orphans(self._client)
                raise
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise UnavailableError(
                f"{what}: no connection ({self._reason(error)})", outcome="not_sent"
            ) from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.LocalProtocolError) as error:
            # the cause is left out: its words may be a credential with a newline at its end
            raise PermanentError(f"{what}: {self._reason(error)}") from None
        except UnicodeError:
            # its own words would show the value, which may be a credential
            raise PermanentError(
                f"{what}: an address or a header holds characters that cannot be sent; "
                "look at the configured credentials and at the parameters of this call"
            ) from None
        except TimeoutError as error:
            raise UnavailableError(
                f"{what}: no whole answer within {timeout_s:g} s; it may or may not have been done",
                outcome="unknown",
            ) from error
        except httpx.HTTPError as error:
            raise UnavailableError(
                f"{what}: no whole answer ({self._reason(error)}); "
                "it may or may not have been done",
                outcome="unknown",
            ) from error
        response = Response(
            answer.status_code,
            Headers.of_raw(answer.headers.raw),
            content,
            what,
            url=str(answer.url),
            redact=self.redact,
        )
        if log.isEnabledFor(logging.DEBUG):
            took_ms = (time.perf_counter() - started) * 1e3
            log.debug(
                "%s: %d, %d bytes, %.0f ms, request id %s",
                what,
                response.status,
                len(content),
                took_ms,
                response.request_id,
            )
        return response, sent

    def _build(self, sending: "_Sending", headers: Mapping[str, str]) -> httpx.Request:
        """`headers` are what every call carries to our own origin; the call's own win."""
        return self._client.build_request(
            sending.method,
            self._address(sending.path),
            params=sending.params,
            content=sending.content,
            headers={**headers, **sending.headers} if headers else sending.headers,
        )

    def _addressed(self, path: str) -> httpx.URL:
        """The whole address of a path; parsing one and joining it takes a tenth of a call."""
        return self._client.build_request("GET", path).url

    def _call(self, sending: "_Sending") -> Call:
        url = self._build(sending, {}).url
        return Call(
            method=sending.method,
            url=str(url),
            body=sending.content or b"",
            headers=sending.headers,
        )

    async def _send(self, request: httpx.Request, timeout_s: float) -> httpx.Response:
        # below the whole time, so that a pool that is full is not taken for a silent vendor
        before_s = min(timeout_s * 0.9, CONNECT_S)
        request.extensions["timeout"] = {
            "connect": before_s,
            "pool": before_s,
            "read": timeout_s,
            "write": timeout_s,
        }
        return await self._client.send(request, stream=True)

    def _redirected(
        self,
        following: httpx.Request,
        what: str,
        sending: "_Sending",
        sent: Mapping[str, str],
    ) -> httpx.Request:
        """The next hop; to another origin nothing of ours goes along."""
        url = following.url
        if self._origin[0] == "https" and url.scheme != "https":
            raise RejectedError(
                f"{what}: redirected from https to {url.scheme}; not followed",
                reason="redirect_downgrade",
            )
        own = _origin(url) == self._origin
        headers = {**self._headers, **sent, **sending.headers} if own else {}
        return self._client.build_request(following.method, url, headers=headers)

    def _reason(self, error: Exception) -> str:
        text = self.redact(str(error))
        return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _by_name(headers: Mapping[str, str]) -> dict[str, str]:
    """One name has one case, so that a call's header replaces the configured one."""
    return {name.lower(): value for name, value in headers.items()}


class _Sending(NamedTuple):
    """One request, as it is sent however often."""

    method: str
    path: str
    params: Mapping[str, str] | None
    content: bytes | None
    headers: Mapping[str, str]


@cache
def _trust() -> ssl.SSLContext:
    """Whom we believe over TLS: one context for the process, for reading the authorities' file
    costs 30 ms of CPU each time, and a connection is opened often (reloads, probes, tests)."""
    return httpx.create_ssl_context()


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    port = url.port if url.port is not None else {"http": 80, "https": 443}.get(url.scheme)
    return url.scheme, url.host, port


def _is_secret(header: str) -> bool:
    name = header.lower()
    words = ("auth", "token", "key", "secret", "cookie", "password", "signature")
    return any(word in name for word in words)


def _checked(key: str) -> str:
    """draft-ietf-httpapi-idempotency-key-header-07 quotes the key; vendors take it bare."""
    if not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
        raise PermanentError(
            f"an idempotency key is 1 to 255 printable ASCII characters; this one has {len(key)}"
        )
    return key

"""One call to the Admin GraphQL API: sent once, and its every failure one of our errors.

| what Shopify answered                               | error |
|-----------------------------------------------------|-------|
| THROTTLED (HTTP 200 or 429; sources disagree)       | RateLimitedError, by cost and restoreRate |
| ACCESS_DENIED, UNAUTHORIZED, HTTP 401 and 403       | AuthError |
| INTERNAL_SERVER_ERROR, TIMEOUT, no JSON, no `data`  | UnavailableError, outcome `unknown` |
| any other entry in `errors`                         | RejectedError, its code in `reason` |

Sources: https://shopify.dev/docs/api/usage/limits, .../api/admin-graphql#status-and-error-codes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from crossdock import (
    AuthError,
    ContractError,
    Http,
    RateLimitedError,
    RejectedError,
    UnavailableError,
)
from crossdock.http import DEFAULT_RETRY_AFTER_S, Response, excerpt, retry_after_s

from crossdock_shopify.reading import Obj

_MAX_WAIT_S = 60.0
_AUTH = frozenset({"ACCESS_DENIED", "UNAUTHORIZED", "FORBIDDEN"})
_PASSING = frozenset({"INTERNAL_SERVER_ERROR", "TIMEOUT", "SERVICE_UNAVAILABLE"})


@dataclass(frozen=True)
class Answer:
    """What came back: `data`, and what Shopify says of cost and version."""

    data: Obj
    cost: Mapping[str, Any]
    version: str

    @property
    def rate_budget(self) -> float | None:
        """The share of the rate limit that is left, 0 to 1."""
        most = _number(self.cost, "throttleStatus", "maximumAvailable")
        left = _number(self.cost, "throttleStatus", "currentlyAvailable")
        return None if not most or left is None else min(max(left / most, 0.0), 1.0)


@dataclass(frozen=True)
class GraphQL:
    """One shop's endpoint."""

    http: Http
    path: str

    async def run(self, document: str, variables: Mapping[str, object]) -> Answer:
        """Send one document. Never retried here."""
        response = await self.http.post(
            self.path, json={"query": document, "variables": variables}, accept={429}
        )
        what = f"{_name(document)} at {self.http.name}"
        body = _json(response, what)
        extensions = body.get("extensions")
        cost = extensions.get("cost") if isinstance(extensions, dict) else None
        costs: Mapping[str, Any] = cost if isinstance(cost, dict) else {}
        errors = body.get("errors")
        if errors or response.status == 429:
            _raise(what, response, errors, costs)
        if not isinstance(body.get("data"), dict):
            raise UnavailableError(
                f"{what}: the answer holds neither data nor errors; it may have been done",
                outcome="unknown",
                request_id=response.request_id,
            )
        return Answer(
            Obj(f"the answer to {what}", body["data"]),
            costs,
            response.headers.get("x-shopify-api-version", ""),
        )


def user_errors(payload: Obj) -> list[tuple[str, str]]:
    """Code (empty where the mutation has none) and words of each of Shopify's objections."""
    return [
        (item.text("code") or "", _words(item.text("message"), item.texts("field")))
        for item in payload.objects("userErrors")
    ]


def _words(message: str | None, field: tuple[str, ...]) -> str:
    where = f" ({'.'.join(field)})" if field else ""
    return f"{message or 'no words'}{where}"


def _json(response: Response, what: str) -> dict[str, Any]:
    try:
        body = response.json()
    except ContractError as error:
        if response.status == 429:
            return {}
        raise UnavailableError(
            f"{what}: {error.message}; it says {excerpt(response.content, 120)!r}",
            outcome="unknown",
            request_id=response.request_id,
        ) from None
    if not isinstance(body, dict):
        raise UnavailableError(
            f"{what}: the answer is no object", outcome="unknown", request_id=response.request_id
        )
    return body


def _raise(what: str, response: Response, errors: object, cost: Mapping[str, Any]) -> None:
    entries = errors if isinstance(errors, list) else [errors]
    codes = [code for entry in entries if (code := _code(entry))]
    said = "; ".join(_message(entry) for entry in entries[:3] if entry)
    request_id = response.request_id
    if "THROTTLED" in codes or response.status == 429:
        raise RateLimitedError(
            f"{what}: throttled by Shopify",
            retry_after_s=_wait_s(cost, response.headers),
            request_id=request_id,
            parts={"cost": dict(cost)},
        )
    if any(code in _AUTH for code in codes):
        raise AuthError(f"{what}: {said}", request_id=request_id)
    if any(code in _PASSING for code in codes):
        raise UnavailableError(f"{what}: {said}", outcome="unknown", request_id=request_id)
    raise RejectedError(
        f"{what}: {said}",
        reason=codes[0].lower() if codes else "graphql_error",
        request_id=request_id,
    )


def _code(entry: object) -> str:
    extensions = entry.get("extensions") if isinstance(entry, dict) else None
    code = extensions.get("code") if isinstance(extensions, dict) else None
    if isinstance(code, str):
        return code[:100]
    return "THROTTLED" if _message(entry).lower() == "throttled" else ""


def _message(entry: object) -> str:
    message = entry.get("message") if isinstance(entry, dict) else entry
    return excerpt(str(message).encode("utf-8", "replace"))


def _wait_s(cost: Mapping[str, Any], headers: Mapping[str, str]) -> float:
    """How long until the bucket holds what the query asked for."""
    wanted = _number(cost, "requestedQueryCost")
    left = _number(cost, "throttleStatus", "currentlyAvailable")
    rate = _number(cost, "throttleStatus", "restoreRate")
    if wanted is not None and left is not None and rate is not None and rate > 0:
        return min(max((wanted - left) / rate, 0.1), _MAX_WAIT_S)
    told = retry_after_s(headers)
    return DEFAULT_RETRY_AFTER_S if told is None else told


def _number(mapping: Mapping[str, Any], *path: str) -> float | None:
    value: Any = mapping
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    fits = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
    return float(value) if fits else None


def _name(document: str) -> str:
    """`mutation CrossdockInventorySet`, from the document's first line."""
    return document.strip().partition("(")[0].partition("{")[0].strip()

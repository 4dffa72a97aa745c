"""One call to the Admin GraphQL API: sent once, and its every failure one of our errors.

| what Shopify answered                               | error |
|-----------------------------------------------------|-------|
| THROTTLED (HTTP 200 or 429; sources disagree)       | RateLimitedError, by cost and restoreRate |
| ACCESS_DENIED, UNAUTHORIZED, HTTP 401 and 403       | AuthError |
| INTERNAL_SERVER_ERROR, TIMEOUT, no JSON, no `data`  | UnavailableError, outcome `unknown` |
| any other entry in `errors`                         | RejectedError, its code in `reason` |

Every answer's cost is told to the connection's rate budget, and a document that was sent before
takes from it what Shopify asked for it then; so calls wait here instead of being refused there.
Queries may be repeated by the HTTP client, mutations never.

Sources: https://shopify.dev/docs/api/usage/limits, .../api/admin-graphql#status-and-error-codes.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from crossdock import (
    AuthError,
    ContractError,
    Http,
    RateLimitedError,
    RejectedError,
    UnavailableError,
    rates,
)
from crossdock.http import DEFAULT_RETRY_AFTER_S, Response, excerpt, retry_after_s

from crossdock_shopify import versions
from crossdock_shopify.reading import Obj

MOST_A_QUERY_MAY_COST = 1000.0
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
    """One shop's endpoint, in one version of the API."""

    http: Http
    version: str
    asked: dict[str, float] = field(default_factory=dict)
    """What Shopify asked for each document, by its name, when it was sent last."""
    served: list[str] = field(default_factory=lambda: [""])
    """The version that answered last: another one than asked means that ours has ended."""

    @property
    def path(self) -> str:
        """Where documents are sent."""
        return f"/admin/api/{self.version}/graphql.json"

    async def run(self, document: str, variables: Mapping[str, object]) -> Answer:
        """Send one document, as this version understands it."""
        text = versions.fitted(document, self.version)
        name = _name(text)
        paid = self.asked.get(name, 1.0)
        response = await self.http.post(
            self.path,
            json={
                "query": text,
                "variables": versions.fitted_variables(dict(variables), self.version),
            },
            accept={429},
            cost=paid,
            idempotent=name.startswith("query"),
        )
        what = f"{name} at {self.http.name}"
        body = _json(response, what)
        extensions = body.get("extensions")
        cost = extensions.get("cost") if isinstance(extensions, dict) else None
        costs: Mapping[str, Any] = cost if isinstance(cost, dict) else {}
        errors = body.get("errors")
        # of a 429 the client has told the budget already, by its headers
        throttled = response.status != 429 and _throttled(errors)
        await self.http.learn(rates.read_cost(costs, refused=throttled), paid=paid)
        if (wanted := _number(costs, "requestedQueryCost")) is not None:
            self.asked[name] = min(max(wanted, 1.0), MOST_A_QUERY_MAY_COST)
        if errors or response.status == 429:
            _raise(what, response, errors, costs)
        if not isinstance(body.get("data"), dict):
            raise UnavailableError(
                f"{what}: the answer holds neither data nor errors; it may have been done",
                outcome="unknown",
                request_id=response.request_id,
            )
        self.served[0] = response.headers.get("x-shopify-api-version", "")
        return Answer(Obj(f"the answer to {what}", body["data"]), costs, self.served[0])

    async def pages(
        self, document: str, variables: Mapping[str, object], *path: str
    ) -> AsyncIterator[Obj]:
        """Every page of one connection, which stands at `path` in the answer.

        Nothing when what holds the connection is not there (any more).
        """
        after: str | None = None
        while True:
            answer = await self.run(document, {**variables, "after": after})
            page: Obj | None = answer.data
            for key in path:
                page = page.object(key) if page is not None else None
            if page is None:
                return
            yield page
            after = next_page(page)
            if after is None:
                return

    async def rest_of(
        self, first: Obj, document: str, variables: Mapping[str, object], *path: str
    ) -> list[dict[str, Any]]:
        """All nodes of a connection whose first page is known, as Shopify wrote them."""
        nodes = [node.data for node in first.objects("nodes")]
        after = next_page(first)
        while after is not None:
            answer = await self.run(document, {**variables, "after": after})
            page = answer.data
            for key in path:
                page = page.need_object(key)
            nodes += [node.data for node in page.objects("nodes")]
            after = next_page(page)
        return nodes


def next_page(page: Obj) -> str | None:
    """Where a connection goes on; None at its end."""
    info = page.need_object("pageInfo")
    return info.need_text("endCursor") if info.flag("hasNextPage") else None


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


def _throttled(errors: object) -> bool:
    entries = errors if isinstance(errors, list) else [errors]
    return any(_code(entry) == "THROTTLED" for entry in entries if entry)


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

# ruff: noqa: N815 - field names are the vendor's
"""Amazon's Selling Partner API: one call for each operation that is used, each with its budget.

Errors come as `{"errors": [{"code", "message", "details"}]}`; their words are kept. Paths and
parameters are those of amzn/selling-partner-api-models at 34dc93fe45f3.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import crossdock
from crossdock.http import Http, Response, Token, TokenAuth, oauth, walk
from crossdock.reading import Count, Shape, Text, TypedDict

from crossdock_amazon.config import AmazonConfig

INCLUDED = (
    "BUYER,RECIPIENT,PROCEEDS,EXPENSE,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,TAX,PAYMENT"
)
"""Everything but FULFILLMENT_ORDERS, which are Amazon's own plans for EasyShip."""


class _Restricted(TypedDict, total=False):
    restrictedDataToken: Text
    expiresIn: Count | None


RESTRICTED = Shape(_Restricted)


@dataclass(frozen=True)
class Api:
    """The operations. `private` carries a restricted data token, `http` the plain one."""

    config: AmazonConfig
    http: Http
    private: Http
    tokens: tuple[TokenAuth, ...] = ()
    """What gives those tokens."""

    async def order(self, order_id: str) -> Any:
        """One order as it is now. RejectedError: there is none."""
        http = self.private if self.config.restricted_data else self.http
        answer = await self.call(
            "orders_2026-01-01.getOrder",
            "GET",
            f"orders/2026-01-01/orders/{quote(order_id, safe='')}",
            params={"includedData": INCLUDED},
            http=http,
        )
        return _dict(answer).get("order")

    def orders(self, params: Mapping[str, str]) -> AsyncIterator[Any]:
        """Pages of orders (`searchOrders`)."""
        http = self.private if self.config.restricted_data else self.http
        given = {
            "marketplaceIds": ",".join(self.config.marketplaces),
            "includedData": INCLUDED,
            "maxResultsPerPage": str(self.config.page_size),
            **params,
        }
        return self.pages(
            "orders_2026-01-01.searchOrders",
            "orders/2026-01-01/orders",
            given,
            token=("pagination", "nextToken"),
            param="paginationToken",
            http=http,
        )

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Any = None,
        http: Http | None = None,
        idempotent: bool = False,
    ) -> Response:
        """One call within its operation's budget; a refusal in Amazon's own words."""
        http = http or self.http
        renewed = False
        while True:
            answer = await http.request(
                method,  # type: ignore[arg-type]
                path,
                params=params,
                json=body,
                accept={400, 403, 404, 409, 413, 415, 422},
                bucket=operation,
                idempotent=idempotent,
            )
            if answer.status < 400:
                return answer
            error = refused(operation, answer)
            # Amazon tells an expired token by 403, as it does a missing right
            if renewed or answer.status != 403 or "expired" not in error.message.lower():
                raise error
            renewed = True
            for token in self.tokens:
                token.expired()

    async def pages(
        self,
        operation: str,
        path: str,
        params: Mapping[str, str],
        *,
        token: tuple[str, ...],
        param: str,
        http: Http | None = None,
        alone: bool = False,
    ) -> AsyncIterator[Any]:
        """Each page's JSON. `token` leads to the next one's, sent back as `param`; `alone`: the
        older operations take it without the other parameters."""

        async def ask(cursor: str | None) -> Any:
            given = dict(params) if cursor is None or not alone else {}
            if cursor is not None:
                given[param] = cursor
            return _dict(await self.call(operation, "GET", path, params=given, http=http))

        def following(page: Any) -> str | None:
            for name in token:
                page = page.get(name) if isinstance(page, dict) else None
            return page if isinstance(page, str) and page else None

        async for page in walk(ask, following, what=f"pages of {operation}"):
            yield page


def login(config: AmazonConfig) -> TokenAuth:
    """Access tokens by Login with Amazon: an hour each, renewed before they expire."""
    fetch = oauth(
        str(config.token_url),
        client_id=config.client_id,
        client_secret=config.client_secret.get_secret_value(),
        refresh_token=config.refresh_token.get_secret_value(),
    )
    return TokenAuth(fetch, header="x-amz-access-token", scheme="")


def restricted(config: AmazonConfig, http: Http) -> TokenAuth:
    """Restricted data tokens for names and addresses of orders, of any order for an hour each."""
    resources: list[dict[str, Any]] = [
        {"method": "GET", "path": "/orders/v0/orders/{orderId}/address"},
        {"method": "GET", "path": "/orders/v0/orders/{orderId}/buyerInfo"},
    ]
    if config.restricted_data:
        elements = ["buyerInfo", "shippingAddress", "buyerTaxInformation"]
        resources += [
            {"method": "GET", "path": path, "dataElements": elements}
            for path in ("/orders/2026-01-01/orders", "/orders/2026-01-01/orders/{orderId}")
        ]

    async def fetch(_: Http) -> Token:
        answer = await http.post(
            "tokens/2021-03-01/restrictedDataToken",
            json={"restrictedResources": resources},
            bucket="tokens_2021-03-01.createRestrictedDataToken",
            idempotent=True,
        )
        told = RESTRICTED.of(answer.json(), "restricted data token")
        value = told.get("restrictedDataToken")
        if not value:
            raise crossdock.ContractError("the restricted data token's answer has no token")
        return Token(value=value, expires_in_s=told.get("expiresIn"))

    return TokenAuth(fetch, header="x-amz-access-token", scheme="")


def refused(operation: str, answer: Response) -> crossdock.CrossdockError:
    """What a status of 400 and above means, with Amazon's code and words."""
    code, words = _told(answer)
    message = f"{operation}: HTTP {answer.status}: {code}: {words}"
    request_id = answer.request_id
    parts = {"status": answer.status, "operation": operation, "code": code}
    if answer.status == 403:
        return crossdock.AuthError(
            f"{message}. Check the application's roles and the seller's authorisation",
            request_id=request_id,
            parts=parts,
        )
    if answer.status == 409:
        return crossdock.ConflictError(message, request_id=request_id, parts=parts)
    return crossdock.RejectedError(
        message, reason=f"http_{answer.status}", request_id=request_id, parts=parts
    )


def _told(answer: Response) -> tuple[str, str]:
    """The code and the words of the first error; those of the body where there is none."""
    try:
        told = answer.json()
    except (crossdock.ContractError, crossdock.UnavailableError) as error:
        return "no JSON", error.message[:300]
    errors = told.get("errors") if isinstance(told, dict) else None
    first: Any = errors[0] if isinstance(errors, list) and errors else told
    if not isinstance(first, dict):
        return "unexplained", answer.redact(str(told)[:300])
    said = [str(first[name]) for name in ("message", "details") if first.get(name)]
    more = f" (and {len(errors) - 1} more)" if isinstance(errors, list) and len(errors) > 1 else ""
    text = "; ".join(dict.fromkeys(said)) or str(told)
    return str(first.get("code") or "unexplained")[:80], answer.redact(text[:300]) + more


def _dict(answer: Response) -> dict[str, Any]:
    told = answer.json()
    if not isinstance(told, dict):
        raise crossdock.ContractError(f"Amazon's answer is no object but {str(told)[:80]}")
    return told


def rows(page: Any, *path: str, what: str) -> list[dict[str, Any]]:
    """The records of a page. ContractError: they are no list of objects."""
    found: Any = page
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if found is None:
        return []
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise crossdock.ContractError(f"{what}: /{'/'.join(path)} is no list of objects")
    return found


def csv(values: Sequence[str]) -> str:
    """A list as a parameter (Swagger's `csv`)."""
    return ",".join(values)

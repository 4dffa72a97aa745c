"""Who we say we are: headers that belong to a call, and tokens that are renewed in time."""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from crossdock.errors import (
    AuthError,
    ContractError,
    CrossdockError,
    RateLimitedError,
    RejectedError,
    UnavailableError,
)

if TYPE_CHECKING:
    from crossdock.http.client import Http

EARLY_S = 60.0
"""A token is renewed so long before it expires, or at nine tenths of a short life."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A request about to be sent, for those whose credential covers it (signatures)."""

    method: str
    url: str
    body: bytes = field(repr=False, default=b"")
    headers: Mapping[str, str] = field(repr=False, default_factory=dict)
    """What this one call carries beside ours, names in lower case: its idempotency key, say."""


class Auth(Protocol):
    """Adds credentials to the calls to `base_url`'s own origin; never to any other."""

    async def headers(self, http: "Http", call: Call) -> Mapping[str, str]:
        """The headers to add. Called once for each attempt, several at a time."""
        ...

    def refused(self, sent: Mapping[str, str]) -> bool:
        """The vendor answered 401 to these headers. True: others may help, try once more."""
        ...


@dataclass(frozen=True, kw_only=True)
class Token:
    """What a token endpoint gave; `expires_in_s` None: until it is refused."""

    value: str = field(repr=False)
    expires_in_s: float | None = None


Fetch = Callable[["Http"], Awaitable[Token]]


class TokenAuth:
    """A token that is fetched when first needed, renewed before it expires, and after a 401 once.

    However many calls need it at a time, one fetch is under way; all get its token or its error.
    """

    def __init__(
        self, fetch: Fetch, *, header: str = "Authorization", scheme: str = "Bearer"
    ) -> None:
        self._fetch = fetch
        self._header = header.lower()
        self._prefix = f"{scheme} " if scheme else ""
        self._token: Token | None = None
        self._renew_at = 0.0
        self._under_way: asyncio.Task[None] | None = None

    async def headers(self, http: "Http", call: Call) -> Mapping[str, str]:
        """See `Auth`. AuthError: no token is given to us; UnavailableError: not now."""
        if self._token is None or time.monotonic() >= self._renew_at:
            if self._under_way is None:
                self._under_way = asyncio.create_task(self._renew(http), name="renew token")
                # when all who wait have gone (a connection closed), nobody is left to be told
                self._under_way.add_done_callback(_looked_at)
            # whoever gives up waiting must not end it for the others
            await asyncio.shield(self._under_way)
        assert self._token is not None
        return {self._header: self._prefix + self._token.value}

    def refused(self, sent: Mapping[str, str]) -> bool:
        """See `Auth`. A token that is no longer ours was renewed by somebody already."""
        token = self._token
        if token is not None and sent.get(self._header) == self._prefix + token.value:
            self._token = None
        return True

    def expired(self) -> None:
        """Fetch anew at the next call: some vendors tell an expired token by another status."""
        self._token = None

    async def _renew(self, http: "Http") -> None:
        try:
            token = await self._fetch(http)
        except (RejectedError, AuthError) as error:
            raise AuthError(
                f"{http.name}: the token cannot be renewed: {error.message}. "
                "Check the credentials it is made from",
                request_id=error.request_id,
                parts=error.parts,
            ) from error
        except RateLimitedError:
            raise
        except CrossdockError as error:
            raise UnavailableError(
                f"{http.name}: the token cannot be renewed now: {error.message}; "
                "the call itself was not sent",
                outcome="not_sent",
                request_id=error.request_id,
            ) from error
        finally:
            self._under_way = None
        http.redact.add(token.value)
        life_s = token.expires_in_s
        early_s = 0.0 if life_s is None else min(EARLY_S, life_s / 10)
        self._renew_at = float("inf") if life_s is None else time.monotonic() + life_s - early_s
        self._token = token

    def __repr__(self) -> str:
        return f"TokenAuth({self._header!r}, {'a token' if self._token else 'no token yet'})"


def _looked_at(task: "asyncio.Task[None]") -> None:
    """Its error was told to whoever waited, if anybody did."""
    if not task.cancelled():
        task.exception()


def oauth(
    url: str,
    *,
    client_id: str,
    client_secret: str,
    refresh_token: str | None = None,
    scope: str | None = None,
    **more: str,
) -> Fetch:
    """Fetch tokens by OAuth 2.0 (RFC 6749): client credentials (4.4), or a refresh token (6).

    A new refresh token in the answer replaces the one before for as long as the process lives;
    after a restart the configured one is used again, so that a vendor that makes each valid once
    needs its own `fetch` with a place to keep it.
    """
    current = refresh_token

    async def fetch(http: "Http") -> Token:
        nonlocal current
        form = {"client_id": client_id, "client_secret": client_secret, **more}
        if current is None:
            form["grant_type"] = "client_credentials"
        else:
            form |= {"grant_type": "refresh_token", "refresh_token": current}
        if scope is not None:
            form["scope"] = scope
        http.redact.add(client_secret)
        if current is not None:
            http.redact.add(current)
        answer = await http.post(
            url, form=form, authenticated=False, bucket="oauth", idempotent=True
        )
        told = answer.json()
        value = told.get("access_token") if isinstance(told, dict) else None
        if not isinstance(value, str) or not value:
            raise ContractError(f"{http.name}: the token endpoint's answer has no access_token")
        renewed = told.get("refresh_token")
        if current is not None and isinstance(renewed, str) and renewed:
            current = renewed
            http.redact.add(renewed)
        life_s = told.get("expires_in")
        if isinstance(life_s, str) and life_s.isascii() and life_s.isdigit():
            life_s = int(life_s[:9])
        fits = isinstance(life_s, int | float) and not isinstance(life_s, bool) and life_s > 0
        return Token(value=value, expires_in_s=float(life_s) if fits else None)

    return fetch


def basic(user: str, password: str) -> dict[str, str]:
    """The header of HTTP Basic authentication (RFC 7617), for `headers=`."""
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}

"""A pretended {{ cookiecutter.title }}, as far as we use it. Start it alone:

    python -m crossdock.testing.sandbox {{ cookiecutter.name }}=0

FILL IN: hold it to what the vendor publishes. What it accepts, the vendor must accept: validate
both directions against the vendor's OpenAPI, replay recorded exchanges.
"""

{% if cookiecutter.authentication == "hmac" -%}
import hashlib
import hmac
{% endif -%}
import json
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

{% if cookiecutter.authentication == "basic" -%}
from crossdock.http import basic
{% endif -%}
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Handler = Callable[[Request], Awaitable[Response]]


def made_up(what: str) -> str:
    """A secret of the pretended vendor's; the same each time."""
    return f"sandbox-{what}-7f3a"


class {{ cookiecutter.__class }}Sandbox:
    """One account in memory. Tests look at `records` and `{{ cookiecutter.__made }}`."""
{% if cookiecutter.authentication == "basic" %}
    user = "integration"
{%- elif cookiecutter.authentication == "oauth2" %}
    client_id = "app-1"
{%- elif cookiecutter.authentication == "hmac" %}
    key_id = "key-1"
{%- endif %}
    secret = made_up("secret")  # what proves who we are
{%- if cookiecutter.authentication == "oauth2" %}
    token = made_up("token")  # what the secret is exchanged for
{%- endif %}
{%- if cookiecutter.news != "polling" %}
    webhook_secret = made_up("hook-secret")  # what webhooks are signed with
{%- endif %}

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.{{ cookiecutter.__made }}: dict[str, dict[str, Any]] = {}
{%- if cookiecutter.__made != "stock" %}
        self.keys: dict[str, str] = {}
{%- endif %}
        self.changes = count(1)
        self.app = Starlette(
            routes=[
                Route("/me", self._guarded(self._me)),
                Route("/{{ cookiecutter.__record }}s", self._guarded(self._list)),
{%- if cookiecutter.__made == "stock" %}
                Route("/stock", self._guarded(self._set), methods=["PUT"]),
{%- else %}
                Route("/{{ cookiecutter.__made }}", self._guarded(self._make), methods=["POST"]),
                Route("/{{ cookiecutter.__made }}", self._guarded(self._find), methods=["GET"]),
{%- endif %}
{%- if cookiecutter.authentication == "oauth2" %}
                Route("/oauth/token", self._token, methods=["POST"]),
{%- endif %}
            ]
        )

    def connection(self, url: str) -> Mapping[str, object]:
        """What to write under `connections:`, secrets in the clear."""
        return {
            "connector": "{{ cookiecutter.name }}",
            "url": url,
{%- if cookiecutter.authentication == "basic" %}
            "user": self.user,
            "password": self.secret,
{%- elif cookiecutter.authentication == "oauth2" %}
            "client_id": self.client_id,
            "client_secret": self.secret,
{%- elif cookiecutter.authentication == "hmac" %}
            "key_id": self.key_id,
            "signing_secret": self.secret,
{%- else %}
            "token": self.secret,
{%- endif %}
{%- if cookiecutter.news != "polling" %}
            "webhook_secret": self.webhook_secret,
{%- endif %}
        }

    def put(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Somebody makes or changes a record: its version grows, and its time."""
        number = next(self.changes)
        # three changes share each moment, as happens to every vendor
        moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number // 3)
        stamp = moment.isoformat().replace("+00:00", "Z")
        made = {**record, "version": number, "updated_at": stamp}
        self.records[record["id"]] = made
        return made

    def _guarded(self, handler: Handler) -> Handler:
        async def guarded(request: Request) -> Response:
            if not await self._genuine(request):
                return JSONResponse({"error": "who are you?"}, 401)
            return await handler(request)

        return guarded

    async def _genuine(self, request: Request) -> bool:
{%- if cookiecutter.authentication == "bearer" %}
        return request.headers.get("authorization") == f"Bearer {self.secret}"
{%- elif cookiecutter.authentication == "api-key" %}
        return request.headers.get("x-api-key") == self.secret
{%- elif cookiecutter.authentication == "basic" %}
        wanted = basic(self.user, self.secret)["Authorization"]
        return request.headers.get("authorization") == wanted
{%- elif cookiecutter.authentication == "oauth2" %}
        return request.headers.get("authorization") == f"Bearer {self.token}"

    async def _token(self, request: Request) -> Response:
        form = dict(pair.split("=") for pair in (await request.body()).decode().split("&"))
        if (form.get("client_id"), form.get("client_secret")) != (self.client_id, self.secret):
            return JSONResponse({"error": "invalid_client"}, 401)
        return JSONResponse(
            {"access_token": self.token, "token_type": "Bearer", "expires_in": 3600}
        )
{%- else %}
        covered = f"{request.method} {request.url}\n".encode() + await request.body()
        signature = hmac.digest(self.secret.encode(), covered, hashlib.sha256).hex()
        return request.headers.get("x-signature") == signature
{%- endif %}

    async def _me(self, request: Request) -> Response:
        return JSONResponse({"id": "sandbox"})

    async def _list(self, request: Request) -> Response:
        """Pages by (time, id): what changes meanwhile moves to the end, nothing is skipped."""
        given = request.query_params
        ordered = sorted(self.records.values(), key=lambda one: (one["updated_at"], one["id"]))
        after = tuple(given.get("page", "").split("|")) if "page" in given else None
        rows = [
            one
            for one in ordered
            if one["updated_at"] >= given.get("since", "")
            and (after is None or (one["updated_at"], one["id"]) > after)
        ]
        size = int(given.get("limit", "100"))
        last = rows[:size][-1] if len(rows) > size else None
        following = f"{last['updated_at']}|{last['id']}" if last else None
        return JSONResponse({"items": rows[:size], "next": following})
{% if cookiecutter.__made == "stock" %}
    async def _set(self, request: Request) -> Response:
        body = json.loads(await request.body())
        name = f"{body['sku']}@{body['location']}"
        self.stock[name] = body
        return JSONResponse({"id": name})
{%- else %}
    async def _make(self, request: Request) -> Response:
        """The same idempotency key again gives the same answer, and nothing new."""
        body = json.loads(await request.body())  # before anything is noted: the client may go away
        key = request.headers.get("idempotency-key", "")
        if key not in self.keys:
            self.keys[key] = f"{{ cookiecutter.__made }}-{len(self.{{ cookiecutter.__made }}) + 1}"
            self.{{ cookiecutter.__made }}[self.keys[key]] = body
{%- if cookiecutter.__made == "refunds" %}
            if paid := self.records.get(body["payment"]):
                back = {**body, "id": self.keys[key], "status": "succeeded", "at": paid["updated_at"]}
                self.put({**paid, "refunds": [*paid["refunds"], back]})
{%- endif %}
        return JSONResponse({"id": self.keys[key]}, 201)

    async def _find(self, request: Request) -> Response:
        wanted = request.query_params.get("reference")
        found = [
            {"id": id_}
            for id_, one in self.{{ cookiecutter.__made }}.items()
            if one["reference"] == wanted
        ]
        return JSONResponse({"items": found})
{%- endif %}

"""One {{ cookiecutter.title }} account: what may be asked of it and told to it.

No `try` is needed here: `context.http` turns every failure into an error that says what to do next
(docs/guides/faults.md of Crossdock).
"""
{% if cookiecutter.news != "polling" or cookiecutter.authentication == "hmac" %}
import hashlib
import hmac
{%- endif %}
from collections.abc import AsyncIterator{{ ", Mapping" if cookiecutter.authentication == "hmac" }}
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import crossdock
{%- if cookiecutter.authentication == "hmac" %}
from crossdock.http import Call, Http{{ ", by_cursor" if cookiecutter.news != "webhooks" }}
{%- elif cookiecutter.authentication == "oauth2" %}
from crossdock.http import Http, TokenAuth, {{ "by_cursor, " if cookiecutter.news != "webhooks" }}oauth
{%- elif cookiecutter.authentication == "basic" %}
from crossdock.http import Http, basic{{ ", by_cursor" if cookiecutter.news != "webhooks" }}
{%- else %}
from crossdock.http import Http{{ ", by_cursor" if cookiecutter.news != "webhooks" }}
{%- endif %}
from crossdock.reading import Shape, Text, TypedDict

from {{ cookiecutter.__package }} import mapping
from {{ cookiecutter.__package }}.config import {{ cookiecutter.__class }}Config


class _Made(TypedDict):
    """What has an id, as far as we read it."""

    id: Text

{% if cookiecutter.__made != "stock" %}
class _Found(TypedDict):
    """What a search by reference answers."""

    items: list[_Made]

{% endif %}
{%- if cookiecutter.__made != "stock" %}
FOUND = Shape(_Found)
{%- endif %}
MADE = Shape(_Made)
{% if cookiecutter.authentication == "hmac" %}

@dataclass(frozen=True)
class Signed:
    """Signs each request: HMAC-SHA256 over method, URL and body. FILL IN: the vendor's own rule."""

    config: {{ cookiecutter.__class }}Config

    async def headers(self, http: Http, call: Call) -> Mapping[str, str]:
        secret = self.config.signing_secret.get_secret_value().encode()
        covered = f"{call.method} {call.url}\n".encode() + call.body
        signature = hmac.digest(secret, covered, hashlib.sha256).hex()
        return {"X-Key-Id": self.config.key_id, "X-Signature": signature}

    def refused(self, sent: Mapping[str, str]) -> bool:
        return False
{% endif %}
{%- if cookiecutter.news != "polling" %}

def sign(secret: str, body: bytes) -> str:
    """What {{ cookiecutter.title }} writes into the header. FILL IN: the vendor's own rule."""
    return hmac.digest(secret.encode(), body, hashlib.sha256).hex()
{% endif %}

@dataclass(frozen=True)
class {{ cookiecutter.__class }}:
    """The ports. A connector has a port by having its method; take out what you do not serve."""

    config: {{ cookiecutter.__class }}Config
    http: Http

    async def probe(self) -> crossdock.Health:
        """Ask for something cheap that needs the credential."""
        answer = await self.http.get("me")
        account = MADE.of(answer.json(), "me")["id"]
        return crossdock.Health(notes=(f"account {account}",))
{% if cookiecutter.news != "polling" %}
    def receive(self, request: crossdock.Request) -> crossdock.Raw:
        """One webhook: verified over its bytes before anything is parsed."""
        secret = self.config.webhook_secret.get_secret_value()
        given = request.headers.get("x-{{ cookiecutter.name }}-signature", "")
        if not hmac.compare_digest(sign(secret, request.body).encode(), given.encode()):
            raise crossdock.AuthError("the webhook's signature is missing or does not fit its body")
        raw = crossdock.Raw(
            request.headers.get("x-{{ cookiecutter.name }}-topic", ""), data=request.body
        )
        head = mapping.HEAD.read(raw)
        raw.key = f"{mapping.TOPIC}:{head['id']}"
        raw.delivery_id = f"{raw.topic}:{head['id']}:{head['version']}"
        return raw
{% endif %}
{%- if cookiecutter.news != "webhooks" %}
    async def poll(self, cursor: str | None) -> AsyncIterator[crossdock.Raw]:
        """Records changed at or after the cursor, oldest first; what overlaps has a known id."""
        params = {"limit": str(self.config.page_size)} | ({"since": cursor} if cursor else {})
        async for page in by_cursor(
            self.http, "{{ cookiecutter.__record }}s", following="/next", param="page", params=params
        ):
            for record in page.records("/items"):  # each as it was sent; the page is not parsed
                raw = crossdock.Raw(mapping.TOPIC, data=record)
                head = mapping.HEAD.read(raw)
                raw.key = f"{mapping.TOPIC}:{head['id']}"
                raw.delivery_id = f"{raw.key}:{head['version']}"
                raw.cursor = head["updated_at"]
                yield raw
{% endif %}
    async def apply(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Carry out one command once. FILL IN: one branch for each that you handle."""
        if command.type != "{{ cookiecutter.__command }}":
            raise crossdock.RejectedError(
                f"{{ cookiecutter.title }} handles {{ cookiecutter.__command }}, not {command.type}",
                reason="not_handled",
            )
{%- if cookiecutter.__made == "stock" %}
        # it sets and never adds, so a second try is harmless
        level = command.data
        available = "0" if level.available is None else f"{level.available:f}"
        body = {"sku": level.sku, "location": level.location, "available": available}
        answer = await self.http.put("stock", json=body)
        return crossdock.Receipt(native_id=MADE.of(answer.json(), "stock")["id"])

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """Nothing to look for: setting the same stock again changes nothing."""
        return None
{%- else %}
        body = {"reference": command.entity_id, **_body(command)}
        # the key makes a repetition harmless; without such keys, look before you write
        answer = await self.http.post("{{ cookiecutter.__made }}", json=body, idempotency_key=command.id)
        return crossdock.Receipt(native_id=MADE.of(answer.json(), "{{ cookiecutter.__made }}")["id"])

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """What an earlier try left, known by our reference."""
        answer = await self.http.get("{{ cookiecutter.__made }}", params={"reference": command.entity_id})
        found = FOUND.of(answer.json(), "{{ cookiecutter.__made }}")["items"]
        return crossdock.Receipt(native_id=found[0]["id"]) if found else None


def _body(command: crossdock.Command[Any]) -> dict[str, Any]:
    """The wish in the vendor's words. FILL IN: everything the vendor wants to know."""
    data = command.data
{%- if cookiecutter.__made == "refunds" %}
    if data.state != "pending":  # it would be paid a second time
        raise crossdock.RejectedError(f"a refund that is {data.state}", reason="not_pending")
    payment, money = data.payment.native_id, data.amount
    return {"payment": payment, "amount": f"{money.amount:f}", "currency": money.currency}
{%- elif cookiecutter.__made == "jobs" %}
    lines = [{"sku": line.sku, "quantity": f"{line.requested:f}"} for line in data.lines]
    return {"warehouse": data.location, "lines": lines}
{%- else %}
    return {"lines": [{"sku": line.sku, "quantity": f"{line.quantity:f}"} for line in data.lines]}
{%- endif %}
{%- endif %}


@asynccontextmanager
async def open_{{ cookiecutter.__open }}(
    config: {{ cookiecutter.__class }}Config, context: crossdock.Context
) -> AsyncIterator[{{ cookiecutter.__class }}]:
    """Nothing is sent until a port is used."""
{%- if cookiecutter.authentication == "bearer" %}
    headers = {"Authorization": f"Bearer {config.token.get_secret_value()}"}
    async with context.http(base_url=str(config.url), headers=headers) as http:
{%- elif cookiecutter.authentication == "api-key" %}
    headers = {"X-Api-Key": config.token.get_secret_value()}
    async with context.http(base_url=str(config.url), headers=headers) as http:
{%- elif cookiecutter.authentication == "basic" %}
    headers = basic(config.user, config.password.get_secret_value())
    async with context.http(base_url=str(config.url), headers=headers) as http:
{%- elif cookiecutter.authentication == "oauth2" %}
    secret = config.client_secret.get_secret_value()
    auth = TokenAuth(oauth("oauth/token", client_id=config.client_id, client_secret=secret))
    async with context.http(base_url=str(config.url), auth=auth) as http:
{%- else %}
    async with context.http(base_url=str(config.url), auth=Signed(config)) as http:
{%- endif %}
        yield {{ cookiecutter.__class }}(config, http)

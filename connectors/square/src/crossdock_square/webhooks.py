"""Is this webhook genuine, and whose sequence does it belong to?

Signature: base64(HMAC-SHA256(signature key, notification URL + raw body)), the URL as it was
registered, to the letter. Source: square-python-sdk, webhooks_helper.
"""

import base64
import hmac
from typing import Any

from crossdock import AuthError, ContractError, Raw, Request
from crossdock.jsontext import shorten
from crossdock.reading import Required, Shape, Text, TypedDict

from crossdock_square import topics
from crossdock_square.config import SquareConfig
from crossdock_square.mapping import ELSEWHERE
from crossdock_square.values import Id

_HEADER = "x-square-hmacsha256-signature"


class _Data(TypedDict, total=False):
    id: Required[Id]
    object: dict[str, Any] | None


class _Head(TypedDict, total=False):
    type: Required[Id]
    event_id: Required[Id]
    data: Required[_Data]


class _Owned(TypedDict, total=False):
    location_id: Text | None
    order_id: Id | None


HEAD = Shape(_Head)
_OWNED = Shape(_Owned)


def sign(key: str, url: str, body: bytes) -> str:
    """What Square writes into the signature header."""
    digest = hmac.digest(key.encode(), url.encode("utf-8", "surrogatepass") + body, "sha256")
    return base64.b64encode(digest).decode("ascii")


def receive(config: SquareConfig, request: Request) -> Raw:
    """One webhook, verified before it is parsed.

    AuthError: the signature is missing or does not fit. ContractError: genuine, but no event.
    """
    given = request.headers.get(_HEADER)
    if not given:
        raise AuthError(f"the webhook has no signature: {_HEADER} is missing")
    url = config.hooks_url or request.url
    expected = sign(config.webhook_key.get_secret_value(), url, request.body)
    if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogatepass")):
        raise AuthError(
            "the webhook's signature does not fit its body, our webhook_key and the address "
            f"{shorten(url)}; where a proxy rewrites addresses, write the one registered with "
            "Square as hooks_url"
        )
    raw = Raw("webhook", data=request.body)
    head = HEAD.read(raw)
    raw.topic = head["type"]
    if not raw.topic.isascii() or not raw.topic.isprintable():
        raise ContractError(f"the event's type is not printable ASCII: {shorten(raw.topic)}")
    raw.delivery_id = f"{raw.topic}:{head['event_id']}"
    raw.key = _key(raw.topic, head["data"])
    owned = _inner(raw.topic, head["data"])
    place = owned.get("location_id")
    if place and place not in config.places:
        raw.headers[ELSEWHERE] = place[:100]
    return raw


def _key(topic: str, data: _Data) -> str:
    """Payments stand in their order's sequence, everything else in its own."""
    kind = topic.partition(".")[0]
    if topic in topics.PAYMENTS:
        order = _inner(topic, data).get("order_id")
        return f"order:{order}" if order else f"payment:{data['id']}"
    return f"{kind}:{data['id']}"


def _inner(topic: str, data: _Data) -> _Owned:
    """The thing itself, within the event's only key of `object`."""
    for value in (data.get("object") or {}).values():
        if isinstance(value, dict):
            return _OWNED.of(value, topic)
    return _Owned()

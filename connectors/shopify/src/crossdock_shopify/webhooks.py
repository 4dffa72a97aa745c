"""Is this webhook genuine, and whose sequence does it belong to?

Signature: base64(HMAC-SHA256(client secret, raw body)). It covers the body alone: topic, ids and
shop travel in headers that nobody signs, so the body's own ids decide wherever both speak.
Sources: https://shopify.dev/docs/apps/build/webhooks, shopify-app-js docs/reference/webhooks.
"""

import base64
import hashlib
import hmac

from crossdock import AuthError, ContractError, Raw, Request
from crossdock.identity import fingerprint

from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.mapping import entity_key

_SIGNATURES = ("x-shopify-hmac-sha256", "shopify-hmac-sha256")
_PUBLIC_DOMAIN = ".myshopify.com"


def sign(secret: str, body: bytes) -> str:
    """What Shopify writes into the signature header."""
    return base64.b64encode(hmac.digest(secret.encode(), body, hashlib.sha256)).decode("ascii")


def receive(config: ShopifyConfig, request: Request) -> Raw:
    """One webhook, verified before it is parsed.

    AuthError: signature missing or wrong, or signed for another shop of the same app.
    ContractError: genuine, but without a topic, not JSON, or with an id that is none.
    """
    _verify(config.webhook_secret.get_secret_value(), request)
    _same_shop(config.domain, request)
    topic = _header(request, "topic")
    if not topic:
        raise ContractError("the webhook names no topic: X-Shopify-Topic is missing")
    raw = Raw(topic, data=request.body, headers=_kept(request))
    raw.key = entity_key(topic, raw.body)
    raw.delivery_id = _delivery_id(topic, raw.key, request)
    return raw


def _verify(secret: str, request: Request) -> None:
    given = [request.headers[name] for name in _SIGNATURES if name in request.headers]
    if not given:
        raise AuthError("the webhook has no signature: X-Shopify-Hmac-Sha256 is missing")
    expected = sign(secret, request.body).encode("ascii")
    genuine = [
        hmac.compare_digest(expected, value.encode("utf-8", "surrogatepass")) for value in given
    ]
    if not all(genuine):
        raise AuthError("the webhook's signature does not fit its body and our webhook_secret")


def _same_shop(domain: str, request: Request) -> None:
    """The secret is the app's: another shop's webhooks carry good signatures too."""
    sender = _header(request, "shop-domain").lower()
    if sender and domain.endswith(_PUBLIC_DOMAIN) and sender != domain:
        raise AuthError(f"the webhook is from shop {sender[:100]!r}; this connection is {domain}")


def _delivery_id(topic: str, key: str, request: Request) -> str:
    """Equal for two deliveries of the same news.

    Shopify says to use the Event-Id, which is the merchant's action and repeats over topics and
    subscriptions. One action may touch many entities, so the entity's key joins it.
    """
    event = _header(request, "event-id") or _header(request, "webhook-id")
    return f"{topic}:{event or fingerprint(request.body)}:{key}"


def _header(request: Request, name: str) -> str:
    """A header of either family, the older one first; printable ASCII of at most 200 characters."""
    value = request.headers.get(f"x-shopify-{name}") or request.headers.get(f"shopify-{name}") or ""
    value = value.strip()
    if not value.isascii() or not value.isprintable() or len(value) > 200:
        raise ContractError(
            f"the header X-Shopify-{name} is not short printable ASCII: {value!r:.80}"
        )
    return value


def _kept(request: Request) -> dict[str, str]:
    """The headers worth keeping beside the body; never the signature."""
    names = ("topic", "webhook-id", "event-id", "triggered-at", "api-version", "shop-domain")
    return {f"x-shopify-{name}": value for name in names if (value := _header(request, name))}

"""Is this webhook genuine, and whose sequence does it belong to?

Signature: base64(HMAC-SHA256(client secret, raw body)). It covers the body alone: topic, ids and
shop travel in headers that nobody signs, so the body's own ids decide wherever both speak.
Sources: https://shopify.dev/docs/apps/build/webhooks, shopify-app-js docs/reference/webhooks.
"""

import base64
import hmac
from typing import Any

from crossdock import AuthError, ContractError, Raw, Request
from crossdock.identity import fingerprint

from crossdock_shopify import echoes
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.details import Details, fulfillment_look
from crossdock_shopify.mapping_fulfillments import PLACES_HEADER
from crossdock_shopify.mapping_goods import CURRENCY_HEADER
from crossdock_shopify.reading import Obj
from crossdock_shopify.topics import entity_key, family_of

_SIGNATURES = ("x-shopify-hmac-sha256", "shopify-hmac-sha256")
_KEPT_WHOLE = frozenset({"orders", "products"})
"""Families whose webhooks bring all there is to know: at the door their ids and times are read."""
_PUBLIC_DOMAIN = ".myshopify.com"


def sign(secret: str, body: bytes) -> str:
    """What Shopify writes into the signature header."""
    return base64.b64encode(hmac.digest(secret.encode(), body, "sha256")).decode("ascii")


def receive(config: ShopifyConfig, request: Request) -> tuple[Raw, Any]:
    """One webhook, verified before it is parsed, and as much of its body as is read at the door.

    AuthError: signature missing or wrong, or signed for another shop of the same app.
    ContractError: genuine, but without a topic, not JSON, or with an id that is none.
    """
    _verify(config.webhook_secret.get_secret_value(), request)
    _same_shop(config.domain, request)
    topic = _header(request, "topic")
    if not topic:
        raise ContractError("the webhook names no topic: X-Shopify-Topic is missing")
    raw = Raw(topic, data=request.body, headers=_kept(request))
    whole = topic == "orders/edited" or family_of(topic) not in _KEPT_WHOLE
    body = raw.body if whole else raw.glance("id", "admin_graphql_api_id", "updated_at")
    raw.key = entity_key(topic, body)
    raw.delivery_id = _delivery_id(topic, raw.key, request)
    return raw, body


def beside(topic: str, body: Any, details: Details) -> dict[str, str]:
    """Headers for what the body does not say and translating needs.

    Our name of a location, the shop's currency, and that it is an echo of what we did.
    """
    found: dict[str, str] = {}
    family = family_of(topic)
    try:
        read = Obj(topic, body)
        if family == "fulfillments":
            number = read.number("location_id")
            if number in details.codes:
                found[PLACES_HEADER] = f"{number}={details.codes[number]}"
            command = details.echoes.match(fulfillment_look(read))
            kind = "fulfillment"
        elif topic == "orders/cancelled":
            command, kind = details.echoes.match(f"order:{read.id()}:cancelled"), "order"
        elif topic in {"orders/updated", "products/update", "products/create"}:
            if family == "products" and details.currency:
                found[CURRENCY_HEADER] = details.currency
            updated_at = read.moment("updated_at")
            moment = f"{updated_at:%Y-%m-%dT%H:%M:%SZ}" if updated_at else ""
            kind = "order" if family == "orders" else "product"
            command = details.echoes.match(echoes.change_look(kind, read.id() or "", moment))
        else:
            return found
        if command:
            found |= echoes.header({f"{kind}/{read.need_id()}": command})
    except ContractError:
        pass  # `translate` will say what is wrong with it
    return found


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

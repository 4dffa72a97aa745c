"""What an integrator writes to connect one shop."""

import re
from functools import cached_property
from typing import Literal
from urllib.parse import urlsplit

from crossdock import Config
from pydantic import AwareDatetime, Field, SecretStr, field_validator

from crossdock_shopify.versions import Version

_DOMAIN = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+")
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_LOCATION = re.compile(r"(gid://shopify/Location/)?([0-9]{1,20})")
LOCATION_GID = "gid://shopify/Location/"
_TOPIC = re.compile(r"[A-Z][A-Z0-9_]{2,99}")
Family = Literal["orders", "fulfillment_orders", "inventory", "products", "customers"]


class ShopifyConfig(Config):
    """One shop, seen through one app."""

    shop: str
    """`acme.myshopify.com`, or a whole base URL; plain http only to this machine."""
    access_token: SecretStr = Field(min_length=1)
    """The app's Admin API token for this shop."""
    webhook_secret: SecretStr = Field(min_length=1)
    """The app's client secret: Shopify signs webhooks with it."""
    api_version: Version = "2026-07"
    """The Admin API version asked for; every document is tested against each of these."""
    locations: dict[str, str] = Field(default_factory=dict)
    """Our name of a place to Shopify's location: `{WH: gid://shopify/Location/1}` or `{WH: 1}`."""
    notify_customers: bool = True
    """Whether Shopify mails the customer when we tell it of a shipment."""
    max_connections: int = Field(default=20, ge=1, le=200)
    """Connections to the shop that may be open at once."""
    sweep: tuple[Family, ...] = (
        "orders",
        "fulfillment_orders",
        "inventory",
        "products",
        "customers",
    )
    """What is read by its time of change, beside webhooks; leave out what the app may not read."""
    sweep_every_s: float = Field(default=300.0, ge=0.0, le=86_400.0)
    """How often; the shorter, the more of the rate limit it takes. 0: with every poll."""
    overlap_s: float = Field(default=120.0, ge=0.0, le=86_400.0)
    """How far each sweep reaches back behind the last: for clocks and for the search index."""
    backfill_since: AwareDatetime | None = None
    """Orders created since then are read once by a bulk operation; none: only from now on."""
    watch_subscriptions: bool = True
    """Whether to look after the webhook subscriptions."""
    watch_every_s: float = Field(default=3600.0, ge=1.0, le=86_400.0)
    """How often."""
    hooks_url: str | None = None
    """Where Shopify reaches this connection's webhooks; with it, missing ones are made again."""
    topics: tuple[str, ...] = ()
    """Webhook topics to subscribe to, such as ORDERS_CREATE; empty: all that are understood."""
    cancel_refunds: bool = False
    """Whether Shopify pays back when we cancel an order; else a refund must be asked for."""

    @field_validator("shop")
    @classmethod
    def _base_url(cls, value: str) -> str:
        text = value.strip().rstrip("/").lower()
        if "://" not in text:
            text = f"https://{text}"
        parts = urlsplit(text)
        host = parts.hostname or ""
        if parts.scheme not in {"http", "https"} or parts.path or parts.query or parts.fragment:
            raise ValueError("write the shop's domain alone, such as acme.myshopify.com")
        if parts.username is not None or parts.password is not None:
            raise ValueError("no user name or password belongs in `shop`: use access_token")
        if host not in _LOOPBACK and not _DOMAIN.fullmatch(host):
            raise ValueError(f"{host!r} is no domain; write it as in acme.myshopify.com")
        if parts.scheme == "http" and host not in _LOOPBACK:
            raise ValueError("the access token must not travel over plain http; write https://")
        return text

    @field_validator("locations", mode="before")
    @classmethod
    def _gids(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {code: _gid(code, location) for code, location in value.items()}

    @field_validator("hooks_url")
    @classmethod
    def _hooks(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value.strip())
        local = (parts.hostname or "") in _LOOPBACK
        if parts.scheme != "https" and not (parts.scheme == "http" and local):
            raise ValueError(
                "write the public https address, such as https://acme.example/hooks/web"
            )
        return value.strip()

    @field_validator("topics")
    @classmethod
    def _topic_words(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for topic in value:
            if not _TOPIC.fullmatch(topic):
                raise ValueError(
                    f"{topic!r} is no webhook topic as the Admin API spells it, "
                    "such as ORDERS_CREATE"
                )
        return value

    @cached_property
    def domain(self) -> str:
        """The shop's host name."""
        return urlsplit(self.shop).hostname or ""


def _gid(code: object, location: object) -> str:
    text = str(location) if isinstance(location, int) else location
    match = _LOCATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or isinstance(location, bool):
        raise ValueError(
            f"location {code!r}: {location!r} is no Shopify location id; "
            f"write {LOCATION_GID}123 or 123"
        )
    return LOCATION_GID + match[2]

"""Only what Shopify signed for this shop comes in."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable

import pytest
from crossdock import AuthError, ContractError, Raw, Request
from crossdock_shopify import topics, webhooks
from crossdock_shopify.config import ShopifyConfig
from crossdock_shopify.webhooks import sign

SECRET = "hush-☃"
BODY = b'{"id": 5, "admin_graphql_api_id": "gid://shopify/Order/5"}'
CONFIG = ShopifyConfig(shop="acme.myshopify.com", access_token="t", webhook_secret=SECRET)
GOOD = sign(SECRET, BODY)


def request(body: bytes = BODY, **headers: str) -> Request:
    sent = {"x-shopify-topic": "orders/create", "x-shopify-hmac-sha256": sign(SECRET, body)}
    sent |= {key.replace("_", "-"): value for key, value in headers.items()}
    return Request(headers={key: value for key, value in sent.items() if value}, body=body)


def receive(config: ShopifyConfig, asked: Request) -> Raw:
    return webhooks.receive(config, asked)[0]


def mac(secret: bytes, body: bytes, digest: str = "sha256") -> bytes:
    return hmac.digest(secret, body, digest)


FORGERIES = {
    "nothing": "",
    "spaces": "   ",
    "text": "no signature",
    "the secret": SECRET,
    "hex": mac(SECRET.encode(), BODY).hex(),
    "other secret": sign("hush", BODY),
    "no secret": sign("", BODY),
    "other body": sign(SECRET, BODY + b" "),
    "no body": sign(SECRET, b""),
    "sha1": base64.b64encode(mac(SECRET.encode(), BODY, "sha1")).decode(),
    "sha512": base64.b64encode(mac(SECRET.encode(), BODY, "sha512")).decode(),
    "plain hash": base64.b64encode(hashlib.sha256(BODY).digest()).decode(),
    "secret + body hash": base64.b64encode(
        hashlib.sha256(SECRET.encode() + BODY).digest()
    ).decode(),
    "urlsafe": base64.urlsafe_b64encode(mac(SECRET.encode(), b"?" + BODY)).decode(),
    "cut": GOOD[:-1],
    "cut by a byte": GOOD[:-4] + "==",
    "without padding": GOOD.rstrip("="),
    "more padding": GOOD + "=",
    "leading space": " " + GOOD,
    "trailing newline": GOOD + "\n",
    "trailing NUL": GOOD + "\x00",
    "stray base64 characters": GOOD[:10] + "!!" + GOOD[10:],
    "stray newline inside": GOOD[:10] + "\n" + GOOD[10:],
    "quoted": f'"{GOOD}"',
    "sha256= prefix": f"sha256={GOOD}",
    "two": f"{GOOD},{GOOD}",
    "doubled": GOOD + GOOD,
    "other case": GOOD.swapcase(),
    "last bits": GOOD[:-2] + ("A" if GOOD[-2] != "A" else "B") + "=",
    "non-ASCII": "é" + GOOD[1:],
    "latin-1 bytes": "".join(chr(b) for b in mac(SECRET.encode(), BODY)),
    "full width": "".join(chr(ord(c) + 0xFEE0) if c.isalnum() else c for c in GOOD),
    "surrogate": "\udce9" + GOOD[1:],
    "very long": GOOD * 10_000,
    "base64 of base64": base64.b64encode(GOOD.encode()).decode(),
}


@pytest.mark.parametrize("forged", FORGERIES.values(), ids=FORGERIES.keys())
@pytest.mark.parametrize("header", ["x-shopify-hmac-sha256", "shopify-hmac-sha256"])
def test_forgeries_are_refused(forged: str, header: str) -> None:
    headers = {"x-shopify-topic": "orders/create", header: forged}
    with pytest.raises(AuthError):
        receive(CONFIG, Request(headers=headers, body=BODY))


def test_a_missing_signature_is_refused() -> None:
    with pytest.raises(AuthError, match="no signature"):
        receive(CONFIG, Request(headers={"x-shopify-topic": "orders/create"}, body=BODY))


def test_a_good_signature_beside_a_bad_one_is_refused() -> None:
    with pytest.raises(AuthError):
        receive(CONFIG, request(shopify_hmac_sha256="bad"))


def test_the_signature_is_checked_before_the_body_is_read() -> None:
    with pytest.raises(AuthError):
        receive(CONFIG, request(b"{", x_shopify_hmac_sha256="bad"))
    with pytest.raises(ContractError, match="not JSON"):
        receive(CONFIG, request(b"{"))


def test_another_shop_of_the_same_app_is_refused() -> None:
    with pytest.raises(AuthError, match=r"other\.myshopify\.com"):
        receive(CONFIG, request(x_shopify_shop_domain="other.myshopify.com"))
    assert receive(CONFIG, request(x_shopify_shop_domain="ACME.myshopify.com")).key == "order:5"


@pytest.mark.parametrize("prefix", ["x-shopify-", "shopify-"])
def test_both_families_of_headers(prefix: str) -> None:
    headers = {
        f"{prefix}topic": "orders/create",
        f"{prefix}hmac-sha256": GOOD,
        f"{prefix}event-id": "e-1",
        f"{prefix}webhook-id": "w-1",
    }
    raw = receive(CONFIG, Request(headers=headers, body=BODY))
    assert (raw.topic, raw.key, raw.data) == ("orders/create", "order:5", BODY)
    assert raw.delivery_id == "orders/create:e-1:order:5"
    assert raw.headers["x-shopify-webhook-id"] == "w-1"
    assert not any("hmac" in name for name in raw.headers)


def test_a_delivery_is_known_by_event_then_by_webhook_then_by_content() -> None:
    ids = [
        receive(CONFIG, made).delivery_id
        for made in (
            request(x_shopify_event_id="e", x_shopify_webhook_id="w"),
            request(x_shopify_event_id="e", x_shopify_webhook_id="w2"),
            request(x_shopify_webhook_id="w"),
            request(),
            request(BODY + b" "),
        )
    ]
    assert ids[0] == ids[1]
    assert len(set(ids)) == 4


def test_one_action_may_touch_many_entities() -> None:
    """A bulk action has one Event-Id for all; each entity's news must be kept."""
    other = BODY.replace(b"5", b"6")
    first, second = (
        receive(CONFIG, request(body, x_shopify_event_id="e")) for body in (BODY, other)
    )
    assert first.delivery_id != second.delivery_id


@pytest.mark.parametrize(
    ("topic", "body", "key"),
    [
        ("orders/paid", {"id": 7}, "order:7"),
        ("orders/edited", {"order_edit": {"id": 1, "order_id": 7}}, "order:7"),
        ("fulfillments/create", {"id": 9, "order_id": 7}, "order:7"),
        ("refunds/create", {"id": 9, "order_id": 7}, "order:7"),
        ("products/delete", {"id": 8}, "product:8"),
        ("customers/update", {"id": 8}, "customer:8"),
        ("inventory_levels/update", {"inventory_item_id": 3, "location_id": 4}, "inventory:3:4"),
        ("shop/redact", {"shop_id": 954889}, "shop"),
        ("orders/create", {"id": "odd"}, "order"),
        ("orders/create", {}, "order"),
    ],
)
def test_news_of_one_entity_share_a_key(topic: str, body: dict[str, object], key: str) -> None:
    raw = receive(CONFIG, request(json.dumps(body).encode(), x_shopify_topic=topic))
    assert raw.key == key


@pytest.mark.parametrize("topic", ["", "orders/cré", "x" * 300, "a\tb"])
def test_a_topic_that_is_none_is_no_message(topic: str) -> None:
    with pytest.raises(ContractError):
        receive(CONFIG, request(x_shopify_topic=topic))


@pytest.mark.parametrize("body", [b"[]", b"7", b"null", b'"x"', b"\xff", b"", b'{"a":"\\ud800"}'])
def test_a_signed_body_that_is_no_object_is_no_message(body: bytes) -> None:
    with pytest.raises(ContractError):
        receive(CONFIG, request(body))


def test_ids_come_from_the_gid(recording: Callable[[str], Raw]) -> None:
    raw = receive(CONFIG, request(recording("orders/create").data))
    assert raw.key == "order:820982911946154508"


@pytest.mark.parametrize("name", ["orders.create", "products.update", "orders.updated"])
def test_what_is_read_at_the_door_says_as_much_as_the_whole(
    recording: Callable[[str], Raw], name: str
) -> None:
    topic = name.replace(".", "/")
    whole = recording("orders.create" if name == "orders.updated" else name)
    asked = request(whole.data, x_shopify_topic=topic)
    raw, seen = webhooks.receive(CONFIG, asked)
    assert len(seen) <= 3 < len(whole.body)
    assert raw.key == topics.entity_key(topic, whole.body)
    assert "body" not in vars(raw)  # it was not read whole, which is most of a webhook's cost

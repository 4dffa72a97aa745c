"""What an integrator may write, and what is refused."""

from typing import Any

import pytest
from crossdock import plugins
from crossdock_shopify.config import ShopifyConfig
from pydantic import ValidationError


def config(**changes: Any) -> ShopifyConfig:
    given = {"shop": "acme.myshopify.com", "access_token": "t", "webhook_secret": "s"} | changes
    return ShopifyConfig.model_validate(given)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("acme.myshopify.com", "https://acme.myshopify.com"),
        (" ACME.myshopify.com/ ", "https://acme.myshopify.com"),
        ("https://acme.myshopify.com", "https://acme.myshopify.com"),
        ("http://127.0.0.1:8123", "http://127.0.0.1:8123"),
    ],
)
def test_a_shop_is_a_domain_or_a_base_url(written: str, meant: str) -> None:
    assert config(shop=written).shop == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        "acme",
        "http://acme.myshopify.com",
        "https://a.b/admin",
        "ftp://a.b",
        "https://u:p@a.b",
        "a b.c",
    ],
)
def test_no_shop(written: str) -> None:
    with pytest.raises(ValidationError):
        config(shop=written)


@pytest.mark.parametrize("written", ["gid://shopify/Location/12", "12", 12])
def test_a_location_is_a_gid_or_a_number(written: object) -> None:
    assert config(locations={"WH": written}).locations == {"WH": "gid://shopify/Location/12"}


@pytest.mark.parametrize("written", ["", "WH", "gid://shopify/Order/1", -1, True, None, 1.5])
def test_no_location(written: object) -> None:
    with pytest.raises(ValidationError):
        config(locations={"WH": written})


@pytest.mark.parametrize("key", ["webhook_secret", "access_token"])
def test_an_empty_secret_would_let_anyone_in(key: str) -> None:
    with pytest.raises(ValidationError):
        config(**{key: ""})


def test_secrets_are_masked() -> None:
    assert "hush" not in repr(config(access_token="hush", webhook_secret="hush"))


def test_it_is_found_by_its_name_and_offers_its_ports() -> None:
    connector = plugins.load(["shopify"])["shopify"]
    assert connector.ports == {
        "Webhooks",
        "Polls",
        "Translates",
        "Applies",
        "Snapshots",
        "Probes",
    }
    assert len(connector.handles) == 14
    assert {"refund.create", "return.create", "product.publish"} < connector.handles


@pytest.mark.parametrize(
    "written", [{"hooks_url": "http://acme.example/hooks"}, {"topics": ["orders/create"]}]
)
def test_no_address_and_no_topic(written: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        config(**written)


def test_versions_are_those_we_know() -> None:
    assert config(api_version="2025-10").api_version == "2025-10"
    with pytest.raises(ValidationError):
        config(api_version="2024-01")

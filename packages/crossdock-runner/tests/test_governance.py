"""Tables of domains that could not be kept are refused, each with its reason."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from crossdock.connector import Config, Connector, Context, Register
from crossdock.errors import ConfigError
from crossdock_runner import deployment, governance, governing
from crossdock_runner.domains import DomainsConfig, LocationConfig, seconds
from crossdock_stages.rules import Domain, Override
from crossdock_stages.shipfrom import Rule

EVERYTHING = (
    "order.create",
    "return.create",
    "settlement.create",
    "inventory.publish",
    "fulfillment.create",
    "product.publish",
    "price.publish",
    "customer.publish",
)


class Whole:
    def poll(self, cursor: str | None) -> Iterator[Any]:
        yield

    def snapshot(self, window: Any) -> Iterator[Any]:
        yield


class Mute:
    async def apply(self, command: Any) -> Any: ...
    async def find(self, command: Any) -> Any: ...


@asynccontextmanager
async def open_whole(config: Config, context: Context) -> AsyncIterator[Whole]:
    yield Whole()


@asynccontextmanager
async def open_mute(config: Config, context: Context) -> AsyncIterator[Mute]:
    yield Mute()


def connectors() -> dict[str, Connector]:
    register = Register()

    def translate(raw: Any) -> Iterator[Any]:
        yield

    register("whole", config=Config, open=open_whole, translate=translate, handles=EVERYTHING)
    register("mute", config=Config, open=open_mute, translate=translate)
    made = register.connectors
    return dict.fromkeys(("erp", "web", "amazon", "dc1", "dc2", "pim"), made["whole"]) | {
        "mute": made["mute"]
    }


def findings(text: str) -> dict[str, str]:
    given = yaml.safe_load(text)
    there = connectors()
    table = governance.Table(
        DomainsConfig.model_validate(given),
        list(there),
        there,
        {"eu": ("DE", "FR"), "us": ("US",), "asia": ("JP",)},
        {"DC1": LocationConfig(region="eu"), "DC2": LocationConfig(region="us")},
    )
    return {".".join(map(str, path)): message for path, message in table.findings()}


ORDERS = "orders: {capture: [web, amazon], execute: erp}\n"

GOOD = (
    ORDERS
    + """
inventory: {owner: dc1, publish_to: [erp, web, amazon], latency: 30s, reconcile: "*/30 * * * *",
            reserve: 1d, allocation: automatic, lag_buffer: true,
            overrides: [{location: DC2, owner: dc2, allocation: exclusive},
                        {channel: amazon, latency: 5m, order_lag: 2m}]}
fulfillment: {owner: dc1, publish_to: [erp, web, amazon], overrides: [{region: us, owner: dc2}]}
returns: {capture: [web], execute: erp}
catalog: {owner: erp, publish_to: [web], overrides: [{fields: [description, media], owner: pim}]}
pricing: {owner: erp, publish_to: [web]}
customers: {owner: erp, publish_to: [web]}
settlement: {sources: [amazon], book: erp}
"""
)


def test_a_table_that_can_be_kept() -> None:
    assert findings(GOOD) == {}


@pytest.mark.parametrize(
    ("table", "at", "why"),
    [
        ("pricing: {owner: mute}", "owner", "neither webhooks nor polling"),
        ("pricing: {owner: erp, publish_to: [mute]}", "publish_to.0", "cannot carry out price"),
        ("pricing: {owner: erp, publish_to: [web, web]}", "publish_to.1", "twice"),
        ("pricing: {owner: erp, publish_to: [erp]}", "publish_to.0", "in a circle"),
        ("returns: {capture: [web], execute: web}", "execute", "in a circle"),
        (ORDERS + "returns: {capture: [dc1], execute: erp}", "capture.0", "captures no orders"),
        ("returns: {capture: [web], execute: mute}", "execute", "cannot carry out return.create"),
        ("settlement: {sources: [amazon], book: amazon}", "book", "in a circle"),
        ("settlement: {sources: [amazon], book: er}", "book", "did you mean 'erp'?"),
        ('catalog: {owner: erp, reconcile: "0 3 * * *"}', "reconcile", "cannot be compared yet"),
        ('inventory: {owner: mute, reconcile: "0 3 * * *"}', "reconcile", "port Snapshots"),
        ("inventory: {owner: dc1, overrides: [{owner: dc2}]}", "overrides.0", "names no part"),
        (
            "inventory: {owner: dc1, overrides: [{location: DC2}]}",
            "overrides.0",
            "changes nothing",
        ),
        (
            "inventory: {owner: dc1, overrides: "
            "[{location: DC2, owner: dc2}, {location: DC2, owner: erp}]}",
            "overrides.1.owner",
            "two owners for the same part of inventory: 'dc2' and 'erp'",
        ),
        (
            "catalog: {owner: erp, overrides: "
            "[{fields: [brand, media], owner: pim}, {fields: [media], owner: dc1}]}",
            "overrides.1.owner",
            "two owners",
        ),
        (
            "inventory: {owner: dc1, overrides: [{location: DC9, owner: dc2}]}",
            "overrides.0.location",
            "allowed: DC1, DC2",
        ),
        (
            "inventory: {owner: dc1, overrides: [{region: mars, owner: dc2}]}",
            "overrides.0.region",
            "no region",
        ),
        (
            ORDERS + "inventory: {owner: dc1, overrides: [{channel: dc2, latency: 5s}]}",
            "overrides.0.channel",
            "no selling channel",
        ),
        (
            "inventory: {owner: dc1, overrides: [{location: DC2, execute: erp}]}",
            "overrides.0.execute",
            "has no `execute`",
        ),
        (
            "inventory: {owner: dc1, overrides: [{fields: [sku], owner: pim}]}",
            "overrides.0.fields",
            "only catalog",
        ),
        (
            "catalog: {owner: erp, overrides: [{fields: [descripton], owner: pim}]}",
            "overrides.0.fields.0",
            "did you mean 'description'?",
        ),
        (
            "catalog: {owner: erp, overrides: [{fields: [media], latency: 5s}]}",
            "overrides.0.fields",
            "needs its `owner`",
        ),
        (
            "pricing: {owner: erp, overrides: [{channel: web, owner: dc1}]}",
            "overrides.0.channel",
            "pricing is not parted by channel; it can be by: region",
        ),
        (
            "inventory: {owner: erp, overrides: [{region: us, currency: USD}]}",
            "overrides.0.currency",
            "inventory has no `currency`",
        ),
        (
            "pricing: {owner: erp, overrides: [{region: mars, currency: USD}]}",
            "overrides.0.region",
            "'mars' is no region",
        ),
        (
            ORDERS + "catalog: {owner: erp, overrides: [{channel: web, owner: dc1}]}",
            "overrides.0.channel",
            "it can be by: fields",
        ),
        (
            "orders: {capture: [web], execute: erp, checks: [stock]}",
            "checks.0",
            "needs `inventory.reserve`",
        ),
        ("inventory: {owner: dc1, safety_stock: 2}", "safety_stock", "needs `reserve`"),
        ("inventory: {owner: dc1, reserve: 1d}", "reserve", "no orders are captured"),
        ("inventory: {owner: dc1, allocation: exclusive}", "allocation", "needs `reserve`"),
        (
            ORDERS + "inventory: {owner: dc1, publish_to: [web, amazon, erp], reserve: 1d,"
            " overrides: [{channel: web, allocation: exclusive}]}",
            "overrides.0.allocation",
            "cannot differ by channel",
        ),
        (
            ORDERS + "inventory: {owner: dc1, publish_to: [web, erp], reserve: 1d,"
            " allocation: automatic}",
            "allocation",
            "and web is all that is told of stock",
        ),
        (
            ORDERS + "inventory: {owner: dc1, publish_to: [web, amazon], reserve: 1d,"
            " allocation: exclusive, lag_buffer: true}",
            "lag_buffer",
            "leave one of them out",
        ),
        (
            ORDERS + "inventory: {owner: dc1, publish_to: [web, amazon], reserve: 1d,"
            " overrides: [{channel: amazon, order_lag: 5m}]}",
            "overrides.0.order_lag",
            "needs `allocation: exclusive`",
        ),
        (
            "orders: {capture: [web], execute: erp, checks: [paymnt]}",
            "checks.0",
            "did you mean 'payment'?",
        ),
        (
            "orders: {capture: [web], execute: erp, checks: [tax, tax]}",
            "checks.1",
            "twice",
        ),
        (
            "orders: {capture: [web], execute: erp, checks: [fraud]}",
            "checks.0",
            "nobody judges fraud",
        ),
        (
            "orders: {capture: [web], execute: erp, reviewers: [mute]}",
            "reviewers.0",
            "neither webhooks nor polling",
        ),
        (
            "orders: {capture: [web], execute: erp, overrides: [{region: us, checks: [x]}]}",
            "overrides.0.checks.0",
            "is no check",
        ),
        (
            "orders: {capture: [web], execute: erp, overrides: [{region: us, execute: web}]}",
            "overrides.0.execute",
            "in a circle",
        ),
        (
            "inventory: {owner: dc1, overrides: [{location: DC2, owner: dc2, publish_to: [dc2]}]}",
            "overrides.0.publish_to.0",
            "in a circle",
        ),
        (
            ORDERS + "inventory: {owner: dc1, overrides: [{channel: web, safety_stock: 5}]}",
            "overrides.0.safety_stock",
            "needs `reserve`",
        ),
        (
            ORDERS + "inventory: {owner: dc1, overrides: [{channel: amazon, owner: amazon}]}",
            "overrides.0.owner",
            "stock lies at places, not in channels",
        ),
        (
            ORDERS + "inventory: {owner: dc1, overrides: [{channel: amazon, publish_to: [web]}]}",
            "overrides.0.publish_to",
            "stock lies at places, not in channels",
        ),
        (
            "inventory: {owner: dc1, overrides: [{region: asia, owner: dc2}]}",
            "overrides.0.region",
            "no location is in 'asia'",
        ),
        (
            "inventory: {owner: dc1, overrides: [{region: eu, location: DC2, owner: dc2}]}",
            "overrides.0.region",
            "'DC2' is in us: nothing is in both",
        ),
        (
            "orders: {capture: [web], execute: erp, overrides: "
            "[{region: us, execute: dc1}, {region: us, execute: dc2}]}",
            "overrides.1.execute",
            "two systems that book it for the same part of orders: 'dc1' and 'dc2'",
        ),
        (
            ORDERS + "settlement: {sources: [amazon], book: erp, overrides: "
            "[{channel: web, execute: dc1}]}",
            "overrides.0.channel",
            "no source of statements; allowed: amazon",
        ),
    ],
)
def test_what_cannot_be_kept_is_refused_with_the_reason(table: str, at: str, why: str) -> None:
    found = findings(table)
    domain = list(yaml.safe_load(table))[-1]
    assert why in found.get(f"domains.{domain}.{at}", ""), found


def test_fraud_is_judged_by_reviewers_or_a_plugin() -> None:
    assert (
        findings("orders: {capture: [web], execute: erp, checks: [fraud], reviewers: [pim]}") == {}
    )
    config = DomainsConfig.model_validate(
        {"orders": {"capture": ["web"], "execute": "erp", "checks": ["fraud", "acme"]}}
    )
    there = connectors()
    table = governance.Table(config, list(there), there, {}, {}, {"fraud", "acme"})
    assert table.findings() == []


def test_a_country_has_one_region_and_a_place_a_known_one() -> None:
    table = governance.Table(
        DomainsConfig(),
        [],
        {},
        {"eu": ("DE",), "dach": ("DE", "CH")},
        {"DC1": LocationConfig(region="ue", ships_for=("us",))},
    )
    found = {".".join(map(str, path)): message for path, message in table.findings()}
    assert "'eu' already" in found["regions.dach.0"]
    assert "allowed: dach, eu" in found["locations.DC1.region"]
    assert "no region" in found["locations.DC1.ships_for.0"]


@pytest.mark.parametrize(
    ("text", "value"),
    [("30s", 30), ("5m", 300), ("2h", 7200), ("1d", 86_400), ("hourly", 3600), ("daily", 86_400)],
)
def test_spans(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize(
    ("line", "key", "says"),
    [
        ("latency: 30", "latency", "string"),
        ("latency: soon", "latency", "30s, 5m"),
        ("latency: 0s", "latency", "30s, 5m"),
        ('reconcile: "* * *"', "reconcile", "five cron fields"),
        ('reconcile: "61 * * * *"', "reconcile", "five cron fields"),
        ("overrides: [{locaton: DC2, owner: web}]", "overrides[0].locaton", "'location'"),
        ("owner: [web, erp]", "owner", "string"),
        ("share: 0.5", "share", "string"),
        ("share: 150%", "share", "must match"),
        ("safety_stock: -1", "safety_stock", "greater"),
    ],
)
def test_what_cannot_be_read_names_its_place(
    write: Callable[[str], Path], line: str, key: str, says: str
) -> None:
    owner = "" if line.startswith("owner") else "owner: web, "
    path = write(
        "crossdock: 1\nconnections:\n  web: {connector: acme-shop, secret: abcd}\n"
        f"  erp: {{connector: acme-erp}}\ndomains:\n  inventory: {{{owner}{line}}}\n"
    )
    with pytest.raises(deployment.DeploymentError) as caught:
        deployment.load(path)
    found = {fault.key: fault.message for fault in caught.value.faults}
    assert says in found[f"domains.inventory.{key}"], found


def test_the_table_is_shown(run: Callable[..., Any], good: Path) -> None:
    told = run("domains", str(good))
    assert told.returncode == 0, told.stderr
    assert "orders" in told.stdout
    assert "captured by web" in told.stdout
    assert '"measured": null' in run("domains", str(good), "--json").stdout


def test_how_stock_is_kept_is_shown_with_its_exceptions() -> None:
    inventory = Domain(
        owner="dc1",
        publish_to=("web", "amazon"),
        reserve_s=3600,
        safety_stock=Decimal(2),
        share=Decimal("0.5"),
        cap=Decimal(20),
        allocation="exclusive",
        overrides=(Override(channel="amazon", publish_to=()),),
    )
    lines = governing._lines(inventory)
    assert lines[2:] == [
        ("set aside", "for 3600 s"),
        ("kept back", "2"),
        ("share", "50%"),
        ("at most", "20"),
        ("pieces", "exclusive, orders up to 10 s late"),
        ("except", "channel amazon, publish_to none"),
    ]
    shipping = Domain(owner="dc1", ship=Rule(split="quantity", parcels=2))
    assert ("parted by", "quantity, 2 parcels") in governing._lines(shipping)
    orders = Domain(capture=("web",), execute="erp", reviewers=("risk",))
    assert ("reviewed by", "risk") in governing._lines(orders)


def paying(text: str) -> dict[str, str]:
    """The same with a payment service and a shop whose connectors say what they tell of."""
    register = Register()
    common: dict[str, Any] = {"config": Config, "open": open_whole, "translate": lambda raw: ()}
    register("stripe", handles=("refund.create",), tells=("payment", "refund", "payout"), **common)
    register("shop", tells=("order", "refund"), **common)
    register("books", handles=(*EVERYTHING, "refund.create"), tells=("payment",), **common)
    there = {
        "pay": register.connectors["stripe"],
        "pay2": register.connectors["stripe"],
        "web": register.connectors["shop"],
        "erp": register.connectors["books"],
    }
    config = DomainsConfig.model_validate(yaml.safe_load(text))
    table = governance.Table(config, list(there), there, {}, {})
    return {".".join(map(str, path)): message for path, message in table.findings()}


SHOP = "orders: {capture: [web], execute: erp}\nreturns: {capture: [web], execute: erp}\n"


def test_who_is_paid_and_who_pays_back() -> None:
    assert paying(SHOP + "payments: {sources: [pay, pay2, erp], refund_for: [web]}") == {}
    assert paying(SHOP + "payments: {sources: [erp]}") == {}


@pytest.mark.parametrize(
    ("table", "at", "why"),
    [
        ("orders: {capture: [web, pay], execute: erp}", "orders.capture.1", "tells of no order"),
        (SHOP + "settlement: {sources: [pay], book: erp}", "sources.0", "no settlement; it tells"),
        ("inventory: {owner: web}", "inventory.owner", "tells of no inventory"),
        ("orders: {capture: [web], execute: erp, reviewers: [pay]}", "reviewers.0", "hold or can"),
        ("payments: {sources: [pay]}", "payments", "no orders are captured here"),
        (SHOP + "payments: {sources: [web]}", "ok", ""),
        (SHOP + "payments: {sources: [pay, pay]}", "sources.1", "twice"),
        (SHOP + "payments: {sources: [nobody]}", "sources.0", "is no connection"),
        (SHOP + "payments: {sources: [pay], refund_for: [pay2, erp]}", "refund_for.1", "no refund"),
        (SHOP + "payments: {sources: [pay, pay2], refund_for: [pay2]}", "refund_for.0", "second"),
        (SHOP + "payments: {sources: [erp], refund_for: [web]}", "refund_for", "nobody can be"),
        (
            SHOP + "payments: {sources: [pay], overrides: [{channel: web, execute: erp}]}",
            "overrides.0.execute",
            "payments has no `execute`",
        ),
    ],
)
def test_what_money_cannot_be_governed_by(table: str, at: str, why: str) -> None:
    found = paying(table)
    if not why:
        assert found == {}
        return
    (there,) = [message for path, message in found.items() if path.endswith(at)]
    assert why in there


def test_what_a_connector_tells_of_is_a_kind_of_ours() -> None:
    register = Register()
    with pytest.raises(ConfigError, match="tells \\['charge'\\], of which there is no event"):
        register("x", config=Config, open=open_whole, translate=lambda raw: (), tells=("charge",))

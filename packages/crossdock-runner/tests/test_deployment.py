"""deployment.yaml: every fault at once, each with its place and its remedy, never with a secret."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crossdock.connector import Config
from crossdock_runner import deployment
from crossdock_runner.deployment import DeploymentError

Write = Callable[[str], Path]


def faults(path: Path) -> list[tuple[int | None, str, str]]:
    with pytest.raises(DeploymentError) as caught:
        deployment.load(path)
    error = caught.value
    for fault in error.faults:
        assert str(path) in str(error)
        assert fault.message in str(error)
    return [(f.mark.line if f.mark else None, f.key, f.message) for f in error.faults]


def test_a_good_one_is_resolved(good: Path) -> None:
    made = deployment.load(good)
    assert set(made.connections) == {"web", "erp"}
    assert made.environment == "test"
    assert made.ledger_url == f"sqlite:///{good.parent}/var/ledger.db"
    assert made.bus_store == good.parent / "var" / "nats"
    assert made.rules.domains["orders"].sources == ("web",)
    assert made.rules.can("erp", "order.create")
    assert not made.rules.production
    assert "hush-hush" not in repr(made)


def test_all_faults_at_once_in_order_of_lines(write: Write) -> None:
    path = write(
        "crossdock: 2\n"
        "enviroment: test\n"
        "gateway: {port: 99999}\n"
        "connections:\n"
        "  web: {connector: acme-shp}\n"
        "  erp: {connector: acme-erp, colour: red}\n"
        "  Till: {connector: acme-shop, secret: abcd}\n"
        "domains:\n"
        "  orders: {capture: [wbe], execute: erp}\n"
        "  inventory: {owner: erp, publish_to: [web, erp]}\n"
        "  weather: {owner: erp}\n"
    )
    got = faults(path)
    lines = [line for line, _, _ in got]
    assert lines == sorted(lines, key=lambda line: line or 0)
    messages = {key: message for _, key, message in got}
    assert "allowed: 1" in messages["crossdock"]
    assert "did you mean 'environment'?" in messages["enviroment"]
    assert "65535" in messages["gateway.port"]
    assert "99999" in messages["gateway.port"]
    assert "did you mean 'acme-shop'?" in messages["connections.web.connector"]
    assert "no such key" in messages["connections.erp.colour"]
    assert any("must match" in m and "Till" in m for m in messages.values())
    assert {1, 2, 3, 5, 6, 7, 11} <= set(lines)


@pytest.mark.parametrize(
    ("domains", "key", "says"),
    [
        (
            "orders: {capture: [wbe], execute: erp}",
            "domains.orders.capture[0]",
            "did you mean 'web'?",
        ),
        ("orders: {capture: [web], execute: web}", "domains.orders.execute", "in a circle"),
        (
            "orders: {capture: [erp], execute: erp}",
            "domains.orders.capture[0]",
            "cannot be a source",
        ),
        ("orders: {capture: [web]}", "domains.orders.execute", "is missing"),
        (
            "inventory: {owner: web, publish_to: [erp]}",
            "domains.inventory.publish_to[0]",
            "cannot carry out inventory.publish; it can: order.cancel, order.create",
        ),
        ("inventory: {owner: web, publish_to: [web]}", "domains.inventory.publish_to[0]", "owns"),
        ("catalog: {owner: nobody}", "domains.catalog.owner", "allowed: erp, web"),
    ],
    ids=lambda value: value[:40],
)
def test_domains_are_checked_against_connections(
    write: Write, domains: str, key: str, says: str
) -> None:
    path = write(
        "crossdock: 1\nconnections:\n  web: {connector: acme-shop, secret: abcd}\n"
        f"  erp: {{connector: acme-erp}}\ndomains:\n  {domains}\n"
    )
    assert any(says in message for _, found, message in faults(path) if found == key)


@pytest.mark.parametrize(
    "setting",
    [
        "secret: hus",
        "secret: 7777777",
        "secret: [hushed]",
        "secret: abcd, pin: hus",
        "secret: abcd, pin: 7777777",
        'secret: abcd, page_size: "${secret:env/CANARY}"',
        'secret: abcd, region: "${secret:env/CANARY}"',
        'secret: abcd, domain: "${secret:env/CANARY}"',
        'secret: abcd, domain: "HUSHED ${secret:env/CANARY}"',
        'secret: abcd, domain: "https://user:hushed@acme"',
        'secret: abcd, domain: "hushed ${secret"',
    ],
)
def test_no_message_shows_a_secret(
    write: Write, monkeypatch: pytest.MonkeyPatch, setting: str
) -> None:
    monkeypatch.setenv("CANARY", "Canary-Hushed-7777777")
    path = write(f"crossdock: 1\nconnections:\n  web: {{connector: acme-shop, {setting}}}\n")
    for _, _, message in faults(path):
        for word in ("hushed", "'hus'", "7777777", "Canary-"):
            assert word not in message


@pytest.mark.parametrize(
    ("reference", "says"),
    [
        ("${secret:env/NOT_SET_ANYWHERE}", "NOT_SET_ANYWHERE is not set"),
        ("${secret:file/none.txt}", "none.txt"),
        ("${secret:file/binary}", "binary"),
        ("${secret:file/.}", "no readable text file"),
        ("${env:X}", "is no reference"),
        ("${secret:vault/x}", "is no reference"),
        ("${", "is no reference"),
    ],
)
def test_references_that_lead_nowhere(write: Write, reference: str, says: str) -> None:
    path = write(
        f'crossdock: 1\nconnections:\n  web: {{connector: acme-shop, secret: "{reference}"}}\n'
    )
    (path.parent / "binary").write_bytes(b"\xff\xfe")
    assert any(says in message and line == 3 for line, _, message in faults(path))


def test_a_secret_may_be_a_file_beside_the_deployment(write: Write) -> None:
    path = write(
        'crossdock: 1\nconnections:\n  web: {connector: acme-shop, secret: "${secret:file/s}"}\n'
    )
    (path.parent / "s").write_text("from-a-file\n")
    config = deployment.load(path).connections["web"].config
    assert config.secret.get_secret_value() == "from-a-file"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("- a\n", "must be a mapping"),
        ("words", "must be a mapping"),
        ("crossdock: 1\n", "is missing"),
        ("crossdock: 1\nconnections: 7\n", "connections"),
        ("crossdock: 1\nconnections: {web: 7}\n", "connections.web"),
        ("crossdock: 1\nconnections: {web: {}}\n", "name its connector"),
        ("crossdock: 1\nconnections: {web: {connector: 7}}\n", "name its connector"),
        ("crossdock: 1\nconnections: {web: {connector: acme-shop}}\n", "Signs the webhooks"),
        ("crossdock: 1\nconnections: {}\nbus: {url: [a]}\n", "bus.url"),
        ("crossdock: 1\nconnections: {}\nbus: {lanes: 99}\n", "found 99"),
        ("crossdock: 1\nconnections: {}\ndomains: {orders: 7}\n", "domains.orders"),
    ],
    ids=ascii,
)
def test_what_cannot_be_run(write: Write, text: str, says: str) -> None:
    path = write(text)
    assert any(says in f"{key} {message}" for _, key, message in faults(path))


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    for path in (tmp_path / "none.yaml", tmp_path):
        assert "cannot be read" in faults(path)[0][2]
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in faults(tmp_path / "binary.yaml")[0][2]


@pytest.mark.parametrize(
    ("part", "url", "allowed"),
    [
        ("bus", "http://x", "embedded, nats://…"),
        ("ledger", "mysql://user:hunter2@x/y", "sqlite:///…, postgresql://…"),
    ],
)
def test_an_address_nothing_can_open_is_refused_and_not_shown(
    write: Write, part: str, url: str, allowed: str
) -> None:
    with pytest.raises(deployment.DeploymentError) as caught:
        deployment.load(write(f"crossdock: 1\nconnections: {{}}\n{part}: {{url: '{url}'}}\n"))
    (fault,) = [fault for fault in caught.value.faults if fault.key == f"{part}.url"]
    assert allowed in fault.message
    assert url not in str(caught.value)


def test_a_connections_own_names_of_places_are_known_both_ways_they_are_written() -> None:
    class Places(Config):
        locations: dict[str, str]

    def setup(config: Config) -> deployment.ConnectionSetup:
        connector: Any = None  # whose it is does not matter
        return deployment.ConnectionSetup(
            name="till", connector=connector, config=config, poll_every_s=1.0
        )

    names = {"DC1": "gid://shop/Location/7", "WH": "WH"}
    told = deployment.their_places({"till": setup(Places(locations=names)), "erp": setup(Config())})
    assert told == {"till": {"gid://shop/Location/7": "DC1", "7": "DC1"}}

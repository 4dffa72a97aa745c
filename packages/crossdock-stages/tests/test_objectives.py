"""The latency objectives of domains: measured command by command, each against that of its part."""

from typing import Any

import sqlalchemy as sa
from crossdock.canonical import Address, InventoryLevel, Order
from crossdock_stages.ledger import Ledger
from crossdock_stages.ledger.objectives import by_name, measure
from crossdock_stages.ledger.tables import effects, entities, inbox, landing, outbox
from crossdock_stages.rules import Domain, Override, Place, Rules


def rules(*inventory: Override, orders: tuple[Override, ...] = ()) -> Rules:
    return Rules(
        domains={
            "orders": Domain(
                capture=("web", "amazon"), execute="erp", latency_s=5, overrides=orders
            ),
            "inventory": Domain(
                owner="dc1", publish_to=("web", "amazon"), latency_s=5, overrides=inventory
            ),
        },
        regions={"us": ("US",)},
        places=(Place(name="DC1"), Place(name="DC2", region="us")),
    )


async def told(ledger: Ledger, *rows: tuple[str, str, str, bytes, float]) -> None:
    """(type, target, who told it, body, seconds until the receipt)"""

    def work(tx: sa.Connection) -> None:
        for at, (type_, target, speaker, body, took) in enumerate(rows):
            same: dict[str, Any] = {"connection": target, "type": type_, "entity_id": f"e{at}"}
            tx.execute(
                landing.insert().values(
                    id=f"l{at}",
                    connection=speaker,
                    topic="t",
                    entity_key="k",
                    delivery_id=f"d{at}",
                    road="webhook",
                    headers="{}",
                    body=b"",
                    fingerprint="",
                    received_at=100.0,
                    published_at=100.0,
                    state="translated",
                    settled=True,
                )
            )
            tx.execute(
                inbox.insert().values(
                    event_id=f"v{at}",
                    type="x",
                    entity_id=f"e{at}",
                    entity_key=f"e{at}",
                    connection=speaker,
                    revision="",
                    landing_id=f"l{at}",
                    outcome="applied",
                    at=100.0,
                )
            )
            tx.execute(
                outbox.insert().values(
                    id=f"c{at}",
                    **same,
                    entity_key=f"e{at}",
                    address="a",
                    headers="{}",
                    body=body,
                    cause=f"v{at}",
                    created_at=100.0,
                    published_at=100.0,
                    state="done",
                )
            )
            tx.execute(
                effects.insert().values(
                    command_id=f"c{at}",
                    **same,
                    attempts=1,
                    intent_at=100.0,
                    receipt_at=100.0 + took,
                )
            )

    await ledger.write(work)


def level(place: str) -> bytes:
    return InventoryLevel(sku="MUG", location=place, available=1).dump()


async def test_each_is_measured_by_the_objective_of_its_part(ledger: Ledger) -> None:
    publish = "inventory.publish"
    await told(
        ledger,
        (publish, "web", "dc1", level("DC1"), 10),
        (publish, "amazon", "dc1", level("DC1"), 10),
        (publish, "web", "dc1", level("DC2"), 10),
    )

    async def within(*overrides: Override) -> float | None:
        table = rules(*overrides)
        found = await ledger.read(lambda tx: measure(tx, table, since=0))
        return by_name(found)["inventory"].within

    assert await within() == 0
    assert await within(Override(channel="amazon", latency_s=60)) == 1 / 3
    assert await within(Override(location="DC2", latency_s=60)) == 1 / 3
    assert await within(Override(region="us", latency_s=60)) == 1 / 3
    assert await within(Override(channel="web", latency_s=60)) == 2 / 3


async def test_orders_are_of_their_channel_and_region(ledger: Ledger, make_order: Any) -> None:
    order: Order = make_order(shipping_address=Address(country="US"))
    await told(
        ledger,
        ("order.create", "erp", "web", order.dump(), 10),
        ("order.create", "erp", "amazon", order.dump(), 10),
    )

    def know(tx: sa.Connection) -> None:
        for own, channel, facts in (("e0", "web", '{"region": "us"}'), ("e1", "amazon", "")):
            tx.execute(
                entities.insert().values(
                    id=own,
                    kind="order",
                    connection=channel,
                    native_id=own,
                    revision="",
                    digest="",
                    facts=facts,
                    body=b"",
                    updated_at=1.0,
                )
            )

    await ledger.write(know)
    for part in (Override(region="us", latency_s=60), Override(channel="amazon", latency_s=60)):
        table = rules(orders=(part,))
        (found,) = await ledger.read(lambda tx, t=table: measure(tx, t, since=0))  # type: ignore[misc]
        assert (found.domain, found.within) == ("orders", 0.5)

"""What no webhook brought is found, what one only named is read, and nothing is told twice."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from crossdock import AuthError, Ignore, Raw, RejectedError, Request, UnavailableError, Window
from crossdock.fieldpaths import leaves
from crossdock.jsontext import dump
from crossdock_shopify import polling, topics
from crossdock_shopify.mapping import translate
from crossdock_shopify.polling import Cursor
from crossdock_shopify.sandbox_hooks import echo_body
from crossdock_shopify.sandbox_shop import LOCATION, gid
from crossdock_shopify.webhooks import sign

Bench = Any
HOURS_AGO = (datetime.now(UTC) - timedelta(hours=3)).replace(microsecond=0)


def hook(bench: Bench, topic: str, body: Any) -> Request:
    data = dump(body)
    headers = {
        "x-shopify-topic": topic,
        "x-shopify-hmac-sha256": sign(bench.box.webhook_secret, data),
    }
    return Request(headers=headers, body=data)


def begun(hours: float = 1.0) -> str:
    """A cursor of a poller that began so long ago."""
    return Cursor(f"{datetime.now(UTC) - timedelta(hours=hours):%Y-%m-%dT%H:%M:%SZ}").dump()


def found(raws: list[Raw], topic: str) -> list[Raw]:
    return [raw for raw in raws if raw.topic == topic]


async def test_the_first_poll_says_where_it_begins_and_is_ignored_in_words(bench: Bench) -> None:
    first = (await bench.polled())[0]
    assert first.topic == topics.START
    assert Cursor.parse(first.cursor) is not None
    with pytest.raises(Ignore, match="until here everything was read"):
        list(translate(first))


async def test_an_order_whose_webhook_was_lost_is_found(bench: Bench) -> None:
    order = bench.place({"TEE-S": 3})
    raws = await bench.polled(begun())
    (raw,) = found(raws, "Order")
    (event,) = translate(raw)
    assert (event.type, event.native_id) == ("order.updated", str(order.id))
    assert raw.key == f"order:{order.id}"


async def test_an_order_whose_webhook_came_is_not_read_again(bench: Bench) -> None:
    order = bench.place({"TEE-S": 3})
    order.facts["placed"] = order.updated = order.updated - timedelta(seconds=9)
    body = echo_body(bench.box.shop, "orders/updated", {"order": order})
    bench.shop.receive(hook(bench, "orders/updated", body))
    assert found(await bench.polled(begun()), "Order") == []
    bench.shop.poller._sweep_at = 0.0
    order.updated += timedelta(seconds=2)
    assert found(await bench.polled(begun()), "Order")


async def test_a_thin_webhook_is_ignored_and_its_thing_read_by_the_next_poll(bench: Bench) -> None:
    await bench.polled()
    item = bench.box.shop.variants["TOTE"]["item"]
    body = {
        "inventory_item_id": item,
        "location_id": LOCATION,
        "available": 5,
        "admin_graphql_api_id": f"{gid('InventoryLevel', LOCATION)}?inventory_item_id={item}",
    }
    thin = bench.shop.receive(hook(bench, "inventory_levels/update", body))
    with pytest.raises(Ignore, match="the next poll reads the InventoryLevel"):
        list(translate(thin))
    (raw,) = await bench.polled(begun())
    (event,) = translate(raw)
    assert event.type == "inventory.level_changed"
    assert event.data.sku == "TOTE"
    assert raw.key == thin.key
    assert await bench.polled(begun()) == []


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        ("fulfillment_orders/placed_on_hold", "FulfillmentOrder"),
        ("fulfillment_orders/moved", "FulfillmentOrder"),
        ("fulfillment_orders/split", "FulfillmentOrder"),
        ("returns/approve", "Return"),
        ("reverse_deliveries/attach_deliverable", "Return"),
        ("reverse_fulfillment_orders/dispose", "ReverseFulfillmentOrder"),
        ("fulfillment_events/create", "Fulfillment"),
        ("inventory_levels/connect", "InventoryLevel"),
        ("fulfillment_holds/added", "FulfillmentOrder"),
    ],
)
def test_shopifys_own_thin_samples_name_what_to_read(topic: str, kind: str, recording: Any) -> None:
    named = topics.named(topic, recording(topic).body)
    assert named
    assert {one for one, _ in named} == {kind}


@pytest.mark.parametrize("body", [None, [], {}, {"id": 1}, {"a": {"b": "gid://shopify/Order/1"}}])
def test_a_thin_body_that_names_nothing_names_nothing(body: Any) -> None:
    assert topics.named("returns/process", body) == []


async def test_a_cursor_resumes_and_nothing_is_lost_over_a_restart(bench: Bench) -> None:
    cursor = begun()
    orders = [bench.place({"TOTE": 1}) for _ in range(3)]
    raws = found(await bench.polled(cursor), "Order")
    assert {raw.key for raw in raws} == {f"order:{order.id}" for order in orders}
    again = found(await bench.polled(cursor), "Order")
    assert again == [], "swept already, and within the interval"
    bench.shop.poller._sweep_at = 0.0
    bench.shop.poller.sweeping.told._times.clear()  # a restart
    twice = found(await bench.polled(raws[-1].cursor), "Order")
    assert {raw.delivery_id for raw in twice} == {raw.delivery_id for raw in raws}


async def test_what_was_told_and_not_stored_is_told_again(bench: Bench) -> None:
    """The ledger could not take the records: the next poll comes with the cursor of before."""
    order = bench.place({"TOTE": 1})
    order.facts["placed"] = order.updated = order.updated - timedelta(seconds=9)
    before = begun()
    assert found(await bench.polled(before), "Order")
    bench.shop.poller._sweep_at = 0.0
    raws = await bench.polled(before)
    assert [raw.key for raw in found(raws, "Order")] == [f"order:{order.id}"]
    bench.shop.poller._sweep_at = 0.0
    assert found(await bench.polled(raws[-1].cursor), "Order") == [], "now it was stored"


async def test_a_poll_that_is_cut_is_asked_again(bench: Bench) -> None:
    orders = [bench.place({"TOTE": 1}) for _ in range(4)]
    await bench.fault(kind="error500", match="CrossdockOrder(", count=50)
    with pytest.raises(UnavailableError):
        await bench.polled(begun())
    bench.box.faults.clear()
    raws = found(await bench.polled(begun()), "Order")
    assert len(raws) == len(orders)


async def test_a_missing_right_keeps_no_other_family_from_being_read(bench: Bench) -> None:
    """The shop denies its orders; stock and products are told, and then the lack."""
    bench.box._root["orders"] = denied
    raws: list[Raw] = []

    async def read() -> None:
        async for raw in bench.shop.poll(begun()):
            raws.append(raw)  # noqa: PERF401 - those before the fault count

    with pytest.raises(AuthError, match="Access denied for orders field"):
        await read()
    assert {"InventoryLevel", "Product"} <= {raw.topic for raw in raws}


def denied(info: Any, **arguments: Any) -> Any:
    from graphql import GraphQLError

    raise GraphQLError("Access denied for orders field.", extensions={"code": "ACCESS_DENIED"})


@pytest.mark.parametrize(
    "text", ["", "7", "[1]", "{}", '[2,"x",{},0,0]', '[2,"2026-01-01",{},0,0]']
)
async def test_a_strange_cursor_is_told(bench: Bench, text: str) -> None:
    from crossdock import ContractError

    with pytest.raises(ContractError, match="cursor"):
        await bench.polled(text)


# Echoes


async def test_our_own_shipment_and_stock_are_known_again_when_read(bench: Bench) -> None:
    order = bench.place({"TEE-S": 3})
    await bench.shop.apply(bench.ship(str(order.id), (3,), "T1"))
    await bench.shop.apply(bench.publish("TOTE", 7))
    raws = await bench.polled(begun())
    (raw,) = found(raws, "Order")
    assert {event.type for event in translate(raw)} == {"order.updated"}
    mine = [r for r in found(raws, "InventoryLevel") if b'"TOTE"' in r.data]
    with pytest.raises(Ignore, match="echo: this was done by our own command cmd_2"):
        list(translate(mine[0]))


async def test_what_others_do_is_no_echo(bench: Bench) -> None:
    await bench.shop.apply(bench.publish("TOTE", 7))
    bench.box.shop.sell("TOTE", 1)
    mine = [r for r in await bench.polled(begun()) if b'"TOTE"' in r.data and "Level" in r.topic]
    (event,) = translate(mine[0])
    assert int(event.data.available) == 6


async def test_an_echo_says_the_same_tomorrow(bench: Bench) -> None:
    """The mark is in the record, not in our memory: translating it again ignores it again."""
    order = bench.place({"TEE-S": 3})
    await bench.shop.apply(bench.ship(str(order.id), (3,), "T1"))
    facts = {"order": order, "row": order.fulfillments[0]}
    body = echo_body(bench.box.shop, "fulfillments/create", facts)
    raw = bench.shop.receive(hook(bench, "fulfillments/create", body))
    kept = Raw(raw.topic, data=raw.data, headers=raw.headers)
    for _ in range(2):
        with pytest.raises(Ignore, match="echo"):
            list(translate(kept))


# Backfill

BACKFILL = {"backfill_since": HOURS_AGO.isoformat(), "sweep": ["orders"]}


@pytest.mark.parametrize("bench", [BACKFILL], indirect=True)
async def test_a_backfill_brings_every_order_once_and_then_is_done(bench: Bench) -> None:
    orders = [bench.place({"TEE-S": 1 + i % 3, "TOTE": 1}) for i in range(25)]
    await bench.shop.apply(bench.ship(str(orders[3].id), (1,), "T1"))
    for order in orders:
        order.facts["placed"] -= timedelta(hours=2)
        order.updated = order.facts["placed"]
    cursor: str | None = None
    seen: dict[str, int] = {}
    for _ in range(6):
        for raw in await bench.polled(cursor):
            cursor = raw.cursor or cursor
            assert raw.backfill == (raw.topic in {"Order", topics.BACKFILL_DONE})
            if raw.topic == "Order":
                seen[raw.key] = seen.get(raw.key, 0) + 1
    assert seen == {f"order:{order.id}": 1 for order in orders}
    assert bench.box.bulk.ran == 1
    parsed = Cursor.parse(cursor)
    assert parsed is not None
    assert parsed.backfill == -1


@pytest.mark.parametrize("bench", [BACKFILL], indirect=True)
async def test_a_backfill_reads_an_order_as_a_reading_by_id_does(bench: Bench) -> None:
    order = bench.place({"TEE-S": 3, "MUG-BLUE": 2})
    await bench.shop.apply(bench.ship(str(order.id), (2, 0), "T1"))
    order.facts["placed"] -= timedelta(hours=2)
    bench.shop.details.echoes._until.clear()
    raws = [raw for _ in range(4) for raw in await bench.polled(begun(0.5))]
    (by_id,) = [raw async for raw in bench.shop.details.read("Order", [gid("Order", order.id)])]
    bulk = next(raw for raw in found(raws, "Order") if raw.backfill)  # the sweep told it, too
    assert facts_of(bulk) == facts_of(by_id)
    assert set(leaves(bulk.body)) == set(leaves(by_id.body)), "no field of ours is Shopify's news"


def facts_of(raw: Raw) -> list[Any]:
    return [(event.type, event.native_id, event.data.dump()) for event in translate(raw)]


@pytest.mark.parametrize("bench", [BACKFILL], indirect=True)
async def test_what_a_webhook_names_meanwhile_does_not_wait_for_the_past(bench: Bench) -> None:
    orders = [bench.place({"TEE-S": 1}) for _ in range(6)]
    for order in orders:
        order.facts["placed"] -= timedelta(hours=2)
        order.updated = order.facts["placed"]
    cursor, told = begun(0.5), []
    for _ in range(4):
        async for raw in bench.shop.poll(cursor):
            told.append(raw)
            if len(found(told, "Order")) == 2:
                item = bench.box.shop.variants["TOTE"]["item"]
                place = f"{gid('InventoryLevel', LOCATION)}?inventory_item_id={item}"
                thin = {"inventory_item_id": item, "admin_graphql_api_id": place}
                bench.shop.poller.hear(
                    "inventory_levels/update", f"inventory:{item}:{LOCATION}", thin
                )
        cursor = told[-1].cursor if told else cursor
    names = [raw.topic for raw in told if raw.topic in {"Order", "InventoryLevel"}]
    assert names.index("InventoryLevel") == 2, names
    assert not found(told, "InventoryLevel")[0].backfill


@pytest.mark.parametrize("bench", [BACKFILL], indirect=True)
async def test_a_long_past_is_read_in_parts_with_the_present_between(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "PAST_S", 0.0)
    orders = [bench.place({"TEE-S": 1}) for _ in range(4)]
    for order in orders:
        order.facts["placed"] -= timedelta(hours=2)
        order.updated = order.facts["placed"]
    cursor, parts = begun(0.5), []
    for _ in range(8):
        raws = await bench.polled(cursor)
        cursor = raws[-1].cursor if raws else cursor
        parts.append([raw.key for raw in found(raws, "Order")])
    assert [part for part in parts if part] == [[f"order:{order.id}"] for order in orders]


@pytest.mark.parametrize("bench", [BACKFILL], indirect=True)
async def test_a_cut_download_goes_on_where_it_was(bench: Bench) -> None:
    orders = [bench.place({"TEE-S": 1}) for _ in range(12)]
    for order in orders:
        order.facts["placed"] -= timedelta(hours=2)
        order.updated = order.facts["placed"]
    bench.shop.poller.backfill.range_bytes = 4_000
    cursor: str | None = begun(0.5)
    seen: list[str] = []
    for attempt in range(30):
        if attempt == 2:
            await bench.fault(kind="down", match="bulk download", count=9)
        try:
            async for raw in bench.shop.poll(cursor):
                if raw.topic == "Order":
                    seen.append(raw.key)
                    cursor = raw.cursor
                    if len(seen) in {3, 7}:
                        raise UnavailableError("we are cut, too")
        except UnavailableError:
            bench.box.faults.clear()
            continue
        if len(seen) >= len(orders):
            break
    assert seen == [f"order:{order.id}" for order in orders]


@pytest.mark.parametrize("bench", [BACKFILL], indirect=True)
async def test_a_failed_operation_is_told_and_begun_again(bench: Bench) -> None:
    bench.place({"TEE-S": 1}).facts["placed"] -= timedelta(hours=2)
    bench.box.bulk.fail_with = "INTERNAL_SERVER_ERROR"
    cursor = begun(0.5)
    for _ in range(2):
        await bench.polled(cursor)
    with pytest.raises(UnavailableError, match="INTERNAL_SERVER_ERROR; it is started again"):
        await bench.polled(cursor)
    raws = [raw for _ in range(4) for raw in await bench.polled(cursor)]
    assert found(raws, "Order")
    assert bench.box.bulk.ran == 2


@pytest.mark.parametrize("bench", [BACKFILL], indirect=True)
async def test_another_job_of_the_app_is_waited_for(bench: Bench) -> None:
    from crossdock_shopify.queries_write import BULK_RUN

    other = "{ products { edges { node { id } } } }"
    bench.box.bulk.looks = 3
    await bench.shop.graphql.run(BULK_RUN, {"query": other})
    await bench.polled(begun(0.5))
    assert bench.box.bulk.ran == 1


# Subscriptions

HOOKS = {"hooks_url": "https://acme.example/hooks/web"}


@pytest.mark.parametrize("bench", [HOOKS], indirect=True)
async def test_missing_subscriptions_are_made_again_and_told(bench: Bench) -> None:
    raws = await bench.polled(begun())
    (raw,) = found(raws, topics.SUBSCRIPTIONS)
    with pytest.raises(Ignore, match=r"made again: ORDERS_CREATE, "):
        list(translate(raw))
    there = bench.box.shop.subscriptions
    assert {row["uri"] for row in there.values()} == {HOOKS["hooks_url"]}
    bench.shop.poller._watch_at = 0.0
    assert found(await bench.polled(begun()), topics.SUBSCRIPTIONS) == []
    lost = next(number for number, row in there.items() if row["topic"] == "ORDERS_CREATE")
    del there[lost]
    bench.shop.poller._watch_at = 0.0
    (raw,) = found(await bench.polled(begun()), topics.SUBSCRIPTIONS)
    assert json.loads(raw.data)["gone"] == ["ORDERS_CREATE"]


@pytest.mark.parametrize("bench", [HOOKS], indirect=True)
async def test_a_subscription_that_cannot_be_made_is_for_a_person(bench: Bench) -> None:
    error = {"field": ["topic"], "message": "not allowed for this app"}
    bench.box._root["webhookSubscriptionCreate"] = lambda info, **a: {
        "webhookSubscription": None,
        "userErrors": [error],
    }
    (raw,) = found(await bench.polled(begun()), topics.SUBSCRIPTIONS)
    with pytest.raises(RejectedError, match="not allowed for this app") as caught:
        list(translate(raw))
    assert caught.value.reason == "webhook_subscriptions_missing"
    assert any("ORDERS_CREATE" in note for note in (await bench.shop.probe()).notes)


async def test_without_our_address_a_person_is_told_what_vanished(bench: Bench) -> None:
    there = bench.box.shop.subscriptions
    there[1] = {"topic": "ORDERS_CREATE", "uri": "https://acme.example/x"}
    assert found(await bench.polled(begun()), topics.SUBSCRIPTIONS) == []
    there.clear()
    bench.shop.poller._watch_at = 0.0
    (raw,) = found(await bench.polled(begun()), topics.SUBSCRIPTIONS)
    with pytest.raises(RejectedError, match="ORDERS_CREATE any more: hooks_url is not configured"):
        list(translate(raw))


# Snapshots


async def test_snapshots_hold_everything_of_a_kind(bench: Bench) -> None:
    orders = [bench.place({"TOTE": 1}) for _ in range(5)]
    held = {}
    for kind in ("order", "fulfillment_order", "inventory", "product", "customer"):
        held[kind] = [raw async for raw in bench.shop.snapshot(Window(kind=kind))]
        for raw in held[kind]:
            assert list(translate(raw))
    assert len(held["order"]) == len(held["fulfillment_order"]) == len(orders)
    assert len(held["inventory"]) == len(held["product"]) == len(bench.box.shop.variants)
    with pytest.raises(RejectedError, match="not of pigeon"):
        async for _ in bench.shop.snapshot(Window(kind="pigeon")):
            pass


async def test_a_snapshot_of_a_window_holds_what_changed_in_it(bench: Bench) -> None:
    old, new = bench.place({"TOTE": 1}), bench.place({"TOTE": 1})
    old.updated -= timedelta(days=2)
    window = Window(kind="order", since=datetime.now(UTC) - timedelta(days=1))
    keys = [raw.key async for raw in bench.shop.snapshot(window)]
    assert keys == [f"order:{new.id}"]


async def test_the_budget_is_obeyed_while_reading(bench: Bench) -> None:
    """A small bucket: reading waits for it and is never refused."""
    for _ in range(8):
        bench.place({"TOTE": 1})
    await bench.polled()  # learns what documents cost
    bench.shop.poller._sweep_at = 0.0
    bench.shop.poller.sweeping.told._times.clear()
    bench.box.bucket.maximum, bench.box.bucket.level = 2_000.0, 2_000.0
    bench.box.bucket.restore_rate = 4_000.0
    async with asyncio.timeout(30):
        raws = await bench.polled(begun())
    assert len(found(raws, "Order")) == 8
    assert bench.box.throttled == 0

"""One poll: the queue, the sweep, stock at Amazon, money, old orders; none holds up another."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from crossdock import AuthError, ContractError, Ignore, RejectedError
from crossdock_amazon.client import Amazon
from crossdock_amazon.mapping import translate
from crossdock_amazon.sandbox import AmazonSandbox
from crossdock_amazon.sandbox_operations import refusal

from conftest import Opened


async def polled(port: Amazon, cursor: str | None = None) -> list[str]:
    return [raw.topic async for raw in port.poll(cursor)]


async def test_the_sweep_finds_what_no_notification_told(
    box: AmazonSandbox, opened: Opened
) -> None:
    order = box.account.sell({"TEE-S": 1})
    box.queue.kept.clear()
    async with opened(fba_inventory_every_s=-1, finances_every_s=-1) as port:
        raws = [raw async for raw in port.poll(None)]
    assert [raw.key for raw in raws] == ["start", f"order:{order['orderId']}"]


async def test_a_change_of_the_last_two_minutes_comes_by_the_queue_alone(opened: Opened) -> None:
    box = AmazonSandbox(behind_s=120, plan=1e4)
    order = box.account.sell({"TEE-S": 1})
    import crossdock
    from crossdock.testing.sandbox import serve
    from crossdock_amazon.client import open_amazon
    from crossdock_amazon.config import AmazonConfig

    async with serve(box.app) as url:
        given = {k: v for k, v in box.connection(url).items() if k != "connector"}
        config = AmazonConfig.model_validate(given)
        async with open_amazon(config, crossdock.Context(connection="amazon")) as port:
            raws = [raw async for raw in port.poll(None)]
    found = [raw for raw in raws if raw.topic == "order"]
    assert [raw.key for raw in found] == [f"order:{order['orderId']}"]


async def test_the_sparse_sweep_keeps_within_the_published_rate(opened: Opened) -> None:
    """By default four searches an hour, where Amazon allows twenty."""
    from crossdock_amazon.config import AmazonConfig
    from crossdock_amazon.rates import LIMITS

    every_s = AmazonConfig.model_fields["sweep_every_s"].default
    assert LIMITS["orders_2026-01-01.searchOrders"].rate_per_s * every_s >= 5


async def test_a_search_without_budget_holds_nothing_up_and_goes_on_where_it_was(
    box: AmazonSandbox, opened: Opened
) -> None:
    begin = datetime.now(UTC) - timedelta(hours=1)
    for number in range(60):
        box.account.sell({"TOTE": 1}, at=begin + timedelta(seconds=number))
    box.queue.kept.clear()
    options = {"page_size": 2, "fba_inventory_every_s": -1, "finances_every_s": -1}
    async with opened(**options) as port:
        pacer = port.api.http.pacer
        box.plan = 1.0  # the published rates from here on: 20 searches at once
        raws = [raw async for raw in port.poll(None)]
        first = {raw.key for raw in raws if raw.topic == "order"}
        assert 0 < len(first) < 60
        late = box.account.sell({"TEE-S": 1})
        again = [raw async for raw in port.poll(raws[-1].cursor)]
        assert f"order:{late['orderId']}" in {raw.key for raw in again}  # by the queue
        assert box.throttled <= 1, "the budget is kept by us, not learnt by refusals"
        assert pacer is not None
    box.plan = 1e4
    box.throttled = 0
    box._buckets.clear()
    async with opened(**options) as port:
        calls = box.calls["orders_2026-01-01.searchOrders"]
        rest = [raw async for raw in port.poll(again[-1].cursor)]
        made = box.calls["orders_2026-01-01.searchOrders"] - calls
    assert len(first | {raw.key for raw in rest if raw.topic == "order"}) >= 60
    assert made < 30, "it went on at the page where it was"


async def test_stock_at_amazon_and_money(box: AmazonSandbox, opened: Opened) -> None:
    box.account.sell_many(3, 7, "amazon")
    statement = box.account.settle()
    async with opened() as port:
        raws = [raw async for raw in port.poll(None)]
    events = [
        event
        for raw in raws
        if raw.topic in {"inventory", "transaction", "statement"}
        for event in translate(raw)
    ]
    levels = [event.data for event in events if event.type == "inventory.level_changed"]
    assert {level.location for level in levels} == {"FBA"}
    lines = [event.data for event in events if event.type == "settlement_line.recorded"]
    (closed,) = [event.data for event in events if event.type == "settlement.closed"]
    assert closed.number == statement
    assert closed.channel == "amazon"
    assert sum(line.amount.amount for line in lines) == closed.total.amount
    assert sum(one.amount.amount for one in closed.sums) == closed.total.amount
    assert {one.category for one in closed.sums} == {"sales", "commissions"}
    assert {line.settlement.native_id for line in lines} == {statement}


async def test_old_orders_come_once_by_the_older_api(box: AmazonSandbox, opened: Opened) -> None:
    old = datetime.now(UTC) - timedelta(days=40)
    orders = [
        box.account.sell({"TEE-S": 2, "TOTE": 1}, at=old + timedelta(days=9 * n), status=status)
        for n, status in enumerate(("UNSHIPPED", "CANCELLED", "UNSHIPPED"))
    ]
    box.queue.kept.clear()
    async with opened(backfill_since=old - timedelta(days=1), overlap_s=0) as port:
        raws = [raw async for raw in port.poll(None)]
        found = [raw for raw in raws if raw.topic == "order/v0"]
        assert [raw.key for raw in found] == [f"order:{one['orderId']}" for one in orders]
        assert all(raw.backfill == (raw.topic == "order/v0") for raw in raws)
        assert "order/v0" not in await polled(port, raws[-1].cursor)
    (event,) = translate(found[0])
    assert event.data.shipping_address.lines == ("101 Main Street",)
    assert event.data.lines[0].unit_price.amount == event.data.lines[0].unit_price.amount
    assert "ordersV0.getOrderAddress" in box.calls
    assert "tokens_2021-03-01.createRestrictedDataToken" in box.calls


async def test_many_old_orders_come_in_parts_so_that_a_poll_ends_soon(
    box: AmazonSandbox, opened: Opened
) -> None:
    old = datetime.now(UTC) - timedelta(days=20)
    for number in range(45):
        box.account.sell({"TOTE": 1}, at=old + timedelta(hours=number * 9))
    box.queue.kept.clear()
    options = {"backfill_since": old - timedelta(days=1), "overlap_s": 0, "page_size": 4}
    parts, cursor = [], None
    for _ in range(4):
        async with opened(**options, fba_inventory_every_s=-1, finances_every_s=-1) as port:
            raws = [raw async for raw in port.poll(cursor)]
            cursor = raws[-1].cursor if raws else cursor
            parts.append([raw.key for raw in raws if raw.topic == "order/v0"])
    assert [len(part) for part in parts] == [20, 20, 5, 0]
    assert len({key for part in parts for key in part}) == 45


async def test_a_missing_role_does_not_keep_the_rest_from_being_read(
    box: AmazonSandbox, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = box.account.sell({"TEE-S": 1})
    answer = box.operations.answer

    def denied(name: str, given: object, body: object) -> object:
        if name.startswith("fba"):
            return 403, refusal("Unauthorized", "Access to requested resource is denied.")
        return answer(name, given, body)  # type: ignore[arg-type]

    monkeypatch.setattr(box.operations, "answer", denied)
    box.account.settle()
    topics: list[tuple[str, str]] = []

    async def read(port: Amazon) -> None:
        async for raw in port.poll(None):
            topics.append((raw.topic, raw.key))  # noqa: PERF401 - what came before the error counts

    async with opened() as port:
        with pytest.raises(AuthError, match=r"getInventorySummaries.*roles"):
            await read(port)
    assert ("order", f"order:{order['orderId']}") in topics
    assert "statement" in {topic for topic, _ in topics}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("no JSON at all", "is no JSON|not JSON|JSON"),
        ("{}", "notification's type"),
        ('{"NotificationType": "ORDER_CHANGE"}', "/Payload"),
        (
            '{"NotificationType": "ORDER_CHANGE", "Payload": {"OrderChangeNotification": 3}}',
            "object",
        ),
        (
            '{"NotificationType": "ORDER_CHANGE", '
            '"Payload": {"OrderChangeNotification": {"AmazonOrderId": ""}}}',
            "an order's id",
        ),
        ('{"NotificationType": 7}', "NotificationType"),
    ],
)
async def test_a_message_that_cannot_be_read_is_kept_and_holds_nothing_up(
    body: str, why: str, box: AmazonSandbox, opened: Opened
) -> None:
    box.queue.put(body)
    order = box.account.sell({"TEE-S": 1})
    async with opened(sweep_every_s=86_400) as port:
        raws = [raw async for raw in port.poll(None)]
        (bad,) = [raw for raw in raws if raw.topic == "notification/unreadable"]
        assert bad.data == body.encode()
        with pytest.raises(ContractError, match=why):
            list(translate(bad))
        assert f"order:{order['orderId']}" in {raw.key for raw in raws if raw.topic == "order"}
        _ = [raw async for raw in port.poll(raws[-1].cursor)]
    assert not box.queue.kept  # it is landed, so it need not come again


async def test_an_order_that_amazon_does_not_give_is_a_case_for_a_person(
    box: AmazonSandbox, opened: Opened
) -> None:
    gone = box.account.sell({"TEE-S": 1})
    del box.account.orders[gone["orderId"]]
    there = box.account.sell({"TEE-M": 1})
    async with opened() as port:
        raws = [raw async for raw in port.poll(None)]
    (missing,) = [raw for raw in raws if raw.topic == "order/missing"]
    with pytest.raises(RejectedError, match=f"{gone['orderId']} and does not give it") as caught:
        list(translate(missing))
    assert caught.value.reason == "order_missing"
    assert f"order:{there['orderId']}" in {raw.key for raw in raws}


async def test_news_out_of_order_ends_with_the_newest(box: AmazonSandbox, opened: Opened) -> None:
    """Whatever order the queue gives them in, the order is read as it is now."""
    order = box.account.sell({"TEE-S": 2})
    box.account.ask_to_cancel(order["orderId"], "too late")
    box.account.cancel(order["orderId"])
    bodies = [one.body for one in box.queue.kept.values()]
    box.queue.kept.clear()
    for body in reversed(bodies):
        box.queue.put(body)
    async with opened() as port:
        raws = [raw async for raw in port.poll(None)]
    events = [event for raw in raws if raw.topic == "order" for event in translate(raw)]
    assert {event.type for event in events} == {"order.cancelled"}
    told = [raw for raw in raws if raw.topic == "notification/ORDER_CHANGE"]
    assert len({raw.delivery_id for raw in told}) == 3
    for raw in told:
        with pytest.raises(Ignore, match="only names what changed"):
            list(translate(raw))


async def test_the_same_notification_twice_is_one_delivery(
    box: AmazonSandbox, opened: Opened
) -> None:
    box.account.sell({"TEE-S": 1})
    (kept,) = box.queue.kept.values()
    box.queue.put(kept.body)
    async with opened() as port:
        raws = [raw async for raw in port.poll(None)]
    told = [raw for raw in raws if raw.topic.startswith("notification/")]
    assert len(told) == 2
    assert len({raw.delivery_id for raw in told}) == 1


def test_listing_errors_go_to_a_person() -> None:
    from amazon_samples import notification, sample

    body = notification("ListingsItemIssuesChangeNotification")
    raw = sample("notification/LISTINGS_ITEM_ISSUES_CHANGE", body).raw()
    with pytest.raises(RejectedError, match=r"NLS-SHOES-03.*SEARCH_SUPPRESSED") as caught:
        list(translate(raw))
    assert caught.value.reason == "listing_issues"
    body["Payload"]["Severities"] = ["WARNING"]
    with pytest.raises(Ignore):
        list(translate(sample(raw.topic, json.loads(json.dumps(body))).raw()))

"""A sale at the till, from the till to what is told back; and everything that goes wrong there."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from crossdock import Command, ConflictError, Raw, RejectedError
from crossdock.canonical import EntityRef, InventoryLevel, Money, Refund
from crossdock.canonical.order import statuses
from crossdock_square import calls, stocking
from crossdock_square.mapping import translate
from crossdock_square.sandbox_account import ELSEWHERE, LOCATION

from .conftest import Bench


async def test_a_sale_is_told_as_paid_and_handed_over(bench: Bench) -> None:
    bench.box.account.sell({"TEE-S": 2, "MUG-BLUE": 1}, tip=150)
    (event,) = await bench.said("Order")
    order = event.data
    assert event.type == "order.updated"
    goods = [line for line in order.lines if line.nature == "goods"]
    assert [(line.sku, line.shipped, line.delivered) for line in goods] == [
        ("TEE-S", 2, 2),
        ("MUG-BLUE", 1, 1),
    ]
    assert {line.fulfilled_by for line in goods} == {"store"}
    assert {line.location for line in goods} == {"WH"}
    assert order.sales_channel == "pos"
    told = statuses(order)
    assert (told.order, told.payment, told.fulfillment) == ("closed", "paid", "not_required")
    sums = [line.ordered * line.unit_price.amount for line in order.lines]
    assert sum(sums) + order.totals.tax.amount == order.totals.total.amount, "the tip is a line"


async def test_the_till_has_taken_it_off_so_the_same_figure_writes_nothing(bench: Bench) -> None:
    account = bench.box.account
    account.sell({"TEE-S": 1})
    assert account.for_sale("TEE-S") == 9
    receipt = await bench.square.apply(bench.level("TEE-S", 9))
    assert not receipt.changed
    assert bench.counts == []
    assert account.for_sale("TEE-S") == 9, "and not 8"


async def test_a_figure_that_overtook_the_sale_is_put_right_by_the_next(bench: Bench) -> None:
    """10 was on its way when the till sold one; 9 follows."""
    account = bench.box.account
    account.sell({"TEE-S": 1})
    await bench.square.apply(bench.level("TEE-S", 10, 1))
    assert account.for_sale("TEE-S") == 10
    await bench.square.apply(bench.level("TEE-S", 9, 2))
    assert account.for_sale("TEE-S") == 9
    account.sell({"TEE-S": 1})
    await bench.square.apply(bench.level("TEE-S", 9, 3))
    assert account.for_sale("TEE-S") == 9, "an unchanged count is not dropped: one came back"
    assert [quantity for _, quantity in bench.counts] == ["10", "9", "9"]


async def test_a_second_try_does_not_undo_a_sale_made_in_between(bench: Bench) -> None:
    account = bench.box.account
    await bench.square.apply(bench.level("TEE-S", 7))
    account.sell({"TEE-S": 1})
    again = bench.level("TEE-S", 7, attempt=2)
    found = await bench.square.find(again)
    assert found is not None
    assert not (await bench.square.apply(again)).changed
    assert not (await bench.square.apply(bench.level("TEE-S", 7))).changed, "the key is known"
    assert account.for_sale("TEE-S") == 6
    assert len(bench.counts) == 1


async def test_a_count_dated_back_would_take_the_sale_off_twice(bench: Bench) -> None:
    """Why ours are of now: Square takes off what was sold after the count's own moment."""
    account = bench.box.account
    account.sell({"TEE-S": 1})
    count = {
        "catalog_object_id": account.variation("TEE-S")["id"],
        "location_id": LOCATION,
        "state": "IN_STOCK",
        "quantity": "9",
        "occurred_at": stocking._stamp(datetime.now(UTC) - timedelta(hours=1)),
    }
    body = {
        "idempotency_key": "k1",
        "changes": [{"type": "PHYSICAL_COUNT", "physical_count": count}],
    }
    await calls.change(bench.square.http, "/v2/inventory/changes/batch-create", body)
    assert account.for_sale("TEE-S") == 8


async def test_an_offline_sale_comes_late_with_its_own_time(bench: Bench) -> None:
    await bench.poll()
    bench.box.account.sell({"TOTE": 1}, offline=timedelta(hours=71))
    (event,) = await bench.said("Order")
    late = event.occurred_at - event.data.placed_at
    assert timedelta(hours=70) < late < timedelta(hours=72)


async def test_a_return_with_receipt_names_the_sale_and_its_line(bench: Bench) -> None:
    account = bench.box.account
    sale = account.sell({"TEE-S": 3})
    back = account.take_back(sale, {"TEE-S": 2})
    refund = next(one for one in account.refunds.values() if one["order_id"] == back["id"])
    account.settle(refund)
    told = await bench.poll()
    (returned,) = [e for raw in told if raw.topic == "Return" for e in translate(raw)]
    (money,) = [e for raw in told if raw.topic == "Refund" for e in translate(raw)]
    assert returned.data.order.native_id == sale["id"]
    (line,) = returned.data.lines
    assert (line.line_id, line.received, line.sku) == (sale["line_items"][0]["uid"], 2, "TEE-S")
    assert money.type == "refund.succeeded"
    assert money.data.order.native_id == sale["id"], "not Square's order of the return"
    keys = {raw.key for raw in told if raw.topic in {"Order", "Return", "Refund"}}
    assert keys == {f"order:{sale['id']}"}, "one sequence"


async def test_a_return_without_receipt_is_a_persons_case_and_holds_nothing_up(
    bench: Bench,
) -> None:
    account = bench.box.account
    sale = account.sell({"TEE-S": 3})
    account.take_back(sale, {"TEE-S": 1}, receipt=False)
    told = await bench.poll()
    (back,) = [raw for raw in told if raw.topic == "Return"]
    with pytest.raises(RejectedError, match=r"book '?1 of TEE-S'? at WH by hand") as caught:
        list(translate(back))
    assert caught.value.reason == "unlinked_return"
    assert [raw.key for raw in told if raw.topic == "Order"] == [f"order:{sale['id']}"]


async def test_other_places_are_not_read(bench: Bench) -> None:
    bench.box.account.sell({"TEE-S": 1}, location=ELSEWHERE)
    told = await bench.poll()
    assert [raw.topic for raw in told if raw.topic == "Order"] == []
    assert all(LOCATION in raw.key for raw in told if raw.topic == "InventoryCount")


async def test_the_ledger_tells_sales_and_counts_but_not_ours(bench: Bench) -> None:
    account = bench.box.account
    await bench.poll()
    account.sell({"TEE-S": 1})
    account.adjust(account.variation("TEE-S")["id"], LOCATION, "IN_STOCK", "WASTE", Decimal(2))
    account.adjust(account.variation("TEE-S")["id"], LOCATION, "SOLD", "NONE", Decimal(1))
    await bench.square.apply(bench.level("TEE-S", 3))
    told = await bench.poll()
    moves = []
    for raw in told:
        if raw.topic == "InventoryChange":
            try:
                moves += [(e.data.reason, e.data.quantity) for e in translate(raw)]
            except Exception as why:  # noqa: BLE001 - each reason is looked at
                moves.append((str(why)[:22], 0))
    assert sorted(moves) == [
        ("damage", -2),
        ("from 'SOLD' to 'NONE':", 0),
        ("our own count: nobody ", 0),
        ("sale", -1),
    ]
    (level,) = [
        e.data
        for raw in told
        if raw.topic == "InventoryCount"
        for e in translate(raw)
        if e.data.sku == "TEE-S"
    ]
    assert (level.available, level.sub_buckets) == (3, {"WASTE": 2})


async def test_a_webhook_has_its_family_read_at_once(bench: Bench) -> None:
    lazy = bench.square.config.model_copy(update={"sweep_every_s": 3600.0})
    bench.square.poller.config = lazy
    await bench.poll()
    bench.box.account.sell({"TEE-S": 1})
    assert await bench.poll() == []
    bench.square.poller.hear("order.updated")
    assert [raw.topic for raw in await bench.poll()] == ["Order"]


@pytest.mark.parametrize(
    ("sku", "place", "reason"),
    [
        ("NOT-THERE", "WH", "unknown_sku"),
        ("TEE", "WH", "unknown_sku"),  # Square's search finds parts of a SKU
        ("TWICE", "WH", "ambiguous_sku"),
        ("TEE-S", "MOON", "unknown_location"),
    ],
)
async def test_a_figure_that_has_no_place_is_refused_in_words(
    bench: Bench, sku: str, place: str, reason: str
) -> None:
    for _ in range(2):
        bench.box.account.put_item("Twice", [{"sku": "TWICE", "price": 100}])
    command = bench.level(sku, 1)
    data = InventoryLevel(sku=sku, location=place, available=Decimal(1))
    with pytest.raises(RejectedError) as caught:
        await bench.square.apply(Command(id="c", type=command.type, data=data, entity_id="e"))
    assert caught.value.reason == reason
    assert bench.counts == []


async def test_a_refund_is_spread_over_what_is_left_and_no_more(bench: Bench) -> None:
    account = bench.box.account
    sale = account.sell({"TEE-S": 1})
    payment = sale["tenders"][0]["payment_id"]
    account.give_back(payment, 2000, "goodwill")

    def wish(amount: str) -> Command[Refund]:
        data = Refund(
            order=EntityRef(id="ord_1"),
            state="succeeded",
            amount=Money(amount=Decimal(amount), currency="USD"),
            requested_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        return Command(
            id=f"c{amount}",
            type="refund.create",
            data=data,
            entity_id="rfd_1",
            native_ids={"ord_1": sale["id"]},
        )

    with pytest.raises(RejectedError, match="more than is left"):
        await bench.square.apply(wish("0.36"))
    await bench.square.apply(wish("0.35"))
    assert sale["total_money"]["amount"] == account.payments[payment]["refunded_money"]["amount"]
    with pytest.raises(RejectedError, match="cannot be told to Square"):
        await bench.square.apply(wish("0.001"))


async def test_an_item_that_changed_meanwhile_is_a_conflict(bench: Bench) -> None:
    account = bench.box.account
    item = next(iter(account.items.values()))
    stale = {**item, "version": item["version"] - 1}
    with pytest.raises(ConflictError, match="VERSION_MISMATCH"):
        await calls.change(
            bench.square.http, "/v2/catalog/object", {"idempotency_key": "k", "object": stale}
        )


async def test_the_sandbox_refuses_what_square_does_not_document(bench: Bench) -> None:
    with pytest.raises(RejectedError, match="BAD_REQUEST"):
        await calls.search(bench.square.http, "/v2/orders/search", {"locations": [LOCATION]})
    body = {"location_ids": [LOCATION], "cursor": "bm9uZQ=="}
    with pytest.raises(RejectedError, match="INVALID_CURSOR"):
        await calls.search(bench.square.http, "/v2/orders/search", body)


async def test_it_can_be_driven_from_outside(bench: Bench) -> None:
    """As a demo does: tills sell, also offline, and goods come back; the report tells the truth."""
    await bench.http.post("/_sandbox/sell", json={"orders": 6, "offline": 0.5, "returns": 0.5})
    for _ in range(200):
        report = (await bench.http.get("/_sandbox/report")).json()
        if not report["selling"]:
            break
        await asyncio.sleep(0.01)
    assert len(report["orders"]) == 6
    told: list[Raw] = await bench.poll()
    sold = [raw for raw in told if raw.topic == "Order"]
    assert len(sold) == 6
    assert report["returns"] == len([raw for raw in told if raw.topic == "Return"]) > 0
    answer = await bench.http.post("/_sandbox/sell", json={"price": 1}, accept={400})
    assert "price" in answer.json()["error"]


async def test_what_changed_before_we_came_is_from_the_past(bench: Bench) -> None:
    await bench.http.post("/_sandbox/sell", json={"orders": 2, "seed": 5})
    old = datetime.now(UTC) - timedelta(days=3)
    bench.square.poller.config = bench.square.config.model_copy(update={"since": old})
    bench.square.poller.now = lambda: datetime.now(UTC) + timedelta(hours=1)
    past = [raw for raw in await bench.poll() if raw.topic == "Order"]
    assert len(past) == 2
    assert all(raw.backfill for raw in past)

    bench.cursor = None
    bench.square.poller.now = lambda: datetime.now(UTC) - timedelta(hours=1)
    bench.square.poller._due.clear()
    live = [raw for raw in await bench.poll() if raw.topic == "Order"]
    assert len(live) == 2
    assert not any(raw.backfill for raw in live)

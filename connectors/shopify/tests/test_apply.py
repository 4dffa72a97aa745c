"""What we tell a shop happens there once, also when its answer is lost."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest
from crossdock import (
    AuthError,
    Command,
    ConflictError,
    RateLimitedError,
    RejectedError,
    UnavailableError,
)
from crossdock.canonical import Customer, EntityRef, Fulfillment, FulfillmentLine
from crossdock_shopify.client import open_shopify

Bench = Any  # the fixture's class lives in conftest, which importlib mode does not import


def shipped(bench: Bench, order: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = bench.box.report()["orders"][order]["fulfillments"]
    return found


async def test_a_shipment_is_created_with_its_tracking(bench: Bench) -> None:
    order = bench.order()
    receipt = await bench.shop.apply(bench.ship(order, (2, 2), "T1", "T2"))
    (made,) = shipped(bench, order)
    assert receipt.native_id == made["id"]
    assert receipt.changed
    assert made["tracking"] == ["T1", "T2"]
    assert list(made["lines"].values()) == [2, 2]
    rest = await bench.shop.apply(bench.ship(order, (1, 0), "T3"))
    assert rest.native_id != receipt.native_id


@pytest.mark.parametrize("tracking", [("T1",), ()])
async def test_a_lost_answer_leaves_one_shipment(bench: Bench, tracking: tuple[str, ...]) -> None:
    order = bench.order()
    await bench.fault(kind="lost_answer", match="fulfillmentCreate")
    command = bench.ship(order, (2, 2), *tracking)
    with pytest.raises(UnavailableError) as caught:
        await bench.shop.apply(command)
    assert caught.value.outcome == "unknown"
    found = await bench.shop.find(command)
    (made,) = shipped(bench, order)
    assert found is not None
    assert found.native_id == made["id"]
    again = await bench.shop.apply(bench.ship(order, (2, 2), *tracking, attempt=2))
    assert again.native_id == made["id"]
    assert len(shipped(bench, order)) == 1


@pytest.mark.parametrize("kind", ["down", "error500"])
async def test_a_call_that_did_nothing_is_found_to_have_done_nothing(
    bench: Bench, kind: str
) -> None:
    order = bench.order()
    await bench.fault(kind=kind, match="fulfillmentCreate")
    command = bench.ship(order, (1, 0), "T1")
    with pytest.raises(UnavailableError):
        await bench.shop.apply(command)
    assert await bench.shop.find(command) is None
    assert shipped(bench, order) == []


async def test_other_shipments_are_not_taken_for_ours(bench: Bench) -> None:
    order = bench.order()
    await bench.shop.apply(bench.ship(order, (1, 0), "T1"))
    assert await bench.shop.find(bench.ship(order, (1, 0), "T2")) is None
    assert await bench.shop.find(bench.ship(order, (1, 0))) is None
    assert await bench.shop.find(bench.ship(order, (2, 0), "T1")) is None
    assert await bench.shop.find(bench.ship(order, (1, 0), "T1")) is not None


async def test_a_half_done_shipment_is_completed_not_repeated(bench: Bench) -> None:
    order = bench.order()
    await bench.shop.apply(bench.ship(order, (3, 0), "T1"))
    command = bench.ship(order, (3, 2), "T1", attempt=2)
    assert await bench.shop.find(command) is None
    receipt = await bench.shop.apply(command)
    assert [list(made["lines"].values()) for made in shipped(bench, order)] == [[3], [2]]
    assert len(receipt.extra_ids) == 2


async def test_more_than_is_left_is_refused_with_line_and_numbers(bench: Bench) -> None:
    order = bench.order()
    with pytest.raises(
        RejectedError, match=rf"line {int(order) + 100}: 4 wanted, 3 left"
    ) as caught:
        await bench.shop.apply(bench.ship(order, (4, 0), "T1"))
    assert caught.value.reason == "quantity_not_open"
    assert shipped(bench, order) == []


async def test_lines_on_hold_are_told(bench: Bench) -> None:
    order = bench.order()
    bench.box.shop.orders[int(order)].hold()
    with pytest.raises(RejectedError, match=r"0 left to fulfil.*on hold or scheduled"):
        await bench.shop.apply(bench.ship(order, (1, 0), "T1"))


async def test_fulfilled_by_hand_with_the_same_tracking_is_nothing_to_do(bench: Bench) -> None:
    order = bench.order()
    await bench.shop.apply(bench.ship(order, (3, 2), "T1"))
    receipt = await bench.shop.apply(bench.ship(order, (3, 0), "T1"))
    assert not receipt.changed
    assert len(shipped(bench, order)) == 1


async def test_fulfilled_by_hand_without_our_tracking_is_for_a_person(bench: Bench) -> None:
    order = bench.order()
    await bench.shop.apply(bench.ship(order, (3, 2)))
    with pytest.raises(RejectedError, match="tracking number T9") as caught:
        await bench.shop.apply(bench.ship(order, (3, 0), "T9"))
    assert caught.value.reason == "already_fulfilled"


async def test_shopifys_own_objection_is_passed_on(bench: Bench) -> None:
    """Two shipments at once for the same goods: the shop takes one and refuses the other."""
    order = bench.order()
    results = await asyncio.gather(
        *(bench.shop.apply(bench.ship(order, (3, 0), f"T{i}")) for i in range(2)),
        return_exceptions=True,
    )
    (refused,) = [result for result in results if isinstance(result, RejectedError)]
    assert refused.reason in {"fulfillment_refused", "already_fulfilled"}
    assert len(shipped(bench, order)) == 1


@pytest.mark.parametrize("native", [None, "", "gid://shopify/Order/1", "٣"])
async def test_an_order_we_cannot_name_is_refused(bench: Bench, native: str | None) -> None:
    data = Fulfillment(
        order=EntityRef(id="ord_y", native_id=native or None),
        lines=(FulfillmentLine(line_id="1", quantity=Decimal(1)),),
    )
    command = Command(id="c", type="fulfillment.create", data=data, entity_id="f")
    with pytest.raises(RejectedError, match="ord_y") as caught:
        await bench.shop.apply(command)
    assert caught.value.reason == "order_unknown"


async def test_an_order_the_shop_does_not_know(bench: Bench) -> None:
    with pytest.raises(RejectedError, match="no order 12"):
        await bench.shop.apply(bench.ship("12", (1, 0)))


@pytest.mark.parametrize("quantity", ["0.5", "0"])
async def test_quantities_that_cannot_be_shipped(bench: Bench, quantity: str) -> None:
    data = Fulfillment(
        order=EntityRef(native_id="1"),
        lines=(FulfillmentLine(line_id="1", quantity=Decimal(quantity)),),
    )
    with pytest.raises(RejectedError):
        await bench.shop.apply(Command(id="c", type="fulfillment.create", data=data, entity_id="f"))


async def test_stock_is_set_and_not_added(bench: Bench) -> None:
    first = await bench.shop.apply(bench.publish("TOTE", 7))
    again = await bench.shop.apply(bench.publish("TOTE", 7))
    assert (first.changed, again.changed) == (True, False)
    assert bench.box.report()["stock"]["TOTE"] == 7
    assert bench.box.report()["stock_updates"] == 1
    found = await bench.shop.find(bench.publish("TOTE", 7))
    assert found is not None
    assert found.native_id == first.native_id
    assert await bench.shop.find(bench.publish("TOTE", 8)) is None


@pytest.mark.parametrize("level", [-3, 0])
async def test_below_zero_nothing_may_be_sold(bench: Bench, level: int) -> None:
    await bench.shop.apply(bench.publish("TOTE", level))
    assert bench.box.report()["stock"]["TOTE"] == 0


async def test_a_lost_answer_sets_stock_once(bench: Bench) -> None:
    await bench.fault(kind="lost_answer", match="inventorySetQuantities")
    command = bench.publish("TOTE", 7)
    with pytest.raises(UnavailableError):
        await bench.shop.apply(command)
    assert await bench.shop.find(command) is not None
    assert not (await bench.shop.apply(command)).changed
    assert bench.box.report()["stock_updates"] == 1


async def test_a_sale_after_a_lost_answer_is_not_undone(bench: Bench) -> None:
    """5 → 8 was set, its answer lost; three were sold. The repeated try is replayed, not done."""
    await bench.shop.apply(bench.publish("TOTE", 5, id="earlier"))
    await bench.fault(kind="lost_answer", match="inventorySetQuantities")
    command = bench.publish("TOTE", 8)
    with pytest.raises(UnavailableError):
        await bench.shop.apply(command)
    bench.box.shop.sell("TOTE", 3)
    assert await bench.shop.find(command) is None
    await bench.shop.apply(command)
    assert bench.box.report()["stock"]["TOTE"] == 5
    assert bench.box.report()["idempotent_replays"] == 1


async def test_a_sale_in_between_makes_us_read_again(bench: Bench) -> None:
    shop = bench.box.shop
    sales = iter(range(2))
    root = bench.box._root
    real = root["inventorySetQuantities"]

    def busy(info: Any, **arguments: Any) -> Any:
        if next(sales, None) is not None:
            shop.sell("TOTE", 1)
        return real(info, **arguments)

    root["inventorySetQuantities"] = busy
    receipt = await bench.shop.apply(bench.publish("TOTE", 7))
    assert receipt.changed
    assert receipt.note == "TOTE: 998 → 7"
    sales = iter(range(100))
    with pytest.raises(ConflictError, match=r"TOTE at WH.*5 times"):
        await bench.shop.apply(bench.publish("TOTE", 70, id="other"))


@pytest.mark.parametrize(
    ("sku", "available", "location", "reason"),
    [
        ("NO-SUCH", 1, "WH", "sku_unknown"),
        ("TEE", 1, "WH", "sku_unknown"),
        ('a"b\\c', 1, "WH", "sku_unknown"),
        ("TOTE", 1, "DC2", "location_unknown"),
        ("TOTE", Decimal("1.5"), "WH", "fractional_quantity"),
        ("TOTE", None, "WH", "quantity_unknown"),
        ("TOTE", 10**9 + 1, "WH", "invalid_quantity_too_high"),
    ],
)
async def test_stock_that_cannot_be_told(
    bench: Bench, sku: str, available: Any, location: str, reason: str
) -> None:
    with pytest.raises(RejectedError) as caught:
        await bench.shop.apply(bench.publish(sku, available, location=location))
    assert caught.value.reason == reason
    assert bench.box.report()["stock_updates"] == 0


async def test_an_unknown_location_is_told_with_the_key_to_fill_in(bench: Bench) -> None:
    with pytest.raises(RejectedError, match=r"'DC2'.*`locations:`.*known there: WH"):
        await bench.shop.apply(bench.publish("TOTE", 1, location="DC2"))


async def test_two_items_with_one_sku_are_for_a_person(bench: Bench) -> None:
    shop = bench.box.shop
    shop.add_variant("TOTE ", "Tote", Decimal(1), 9_000_000_000_000)
    shop.variants["TOTE\u00a0"] = shop.variants.pop("TOTE ")
    await bench.shop.apply(bench.publish("TOTE", 3))
    shop.variants["TEE-S"]["tracked"] = False
    with pytest.raises(RejectedError) as caught:
        await bench.shop.apply(bench.publish("TEE-S", 3))
    assert caught.value.reason == "not_tracked"


async def test_a_remembered_item_that_moved_is_looked_up_again(bench: Bench) -> None:
    shop = bench.box.shop
    await bench.shop.apply(bench.publish("TOTE", 3))
    moved = shop.variants.pop("TOTE")
    shop.variants["TOTE-OLD"] = moved | {"sku": "TOTE-OLD"}
    shop.items[moved["item"]] = shop.variants["TOTE-OLD"]
    shop.add_variant("TOTE", "Tote", Decimal(1), 9_000_000_000_000)
    await bench.shop.apply(bench.publish("TOTE", 4, id="next"))
    assert bench.box.report()["stock"]["TOTE"] == 4
    assert bench.box.report()["stock"]["TOTE-OLD"] == 3


async def test_a_command_it_does_not_know(bench: Bench) -> None:
    data = Customer(name="x")
    command = Command(id="c", type="customer.publish", data=data, entity_id="p")
    with pytest.raises(RejectedError, match=r"knows fulfillment\.create, .*, price\.publish"):
        await bench.shop.apply(command)


async def test_probe_tells_shop_version_and_budget(bench: Bench) -> None:
    health = await bench.shop.probe()
    assert (health.version, health.notes) == (
        "2026-07",
        ("Crossdock Demo (crossdock-demo.myshopify.com)",),
    )
    assert health.rate_budget is not None
    assert 0.9 < health.rate_budget <= 1


async def test_probe_tells_what_is_wrong(bench: Bench) -> None:
    from crossdock import Context

    bench.box.forced_version = "2026-01"
    config = bench.config(locations={"DC9": "99"})
    async with open_shopify(config, Context(connection="web")) as shop:
        notes = (await shop.probe()).notes
    assert "asked for API version 2026-07, answered by 2026-01" in notes[1]
    assert notes[2] == "location DC9: the shop has no location 99"


async def test_a_wrong_token_is_told(bench: Bench) -> None:
    from crossdock import Context

    config = bench.config(access_token="wrong")
    async with open_shopify(config, Context(connection="web")) as shop:
        with pytest.raises(AuthError, match="Invalid API key"):
            await shop.probe()


async def test_throttled_tells_how_long_to_wait(bench: Bench) -> None:
    bench.box.bucket.restore_rate = 100.0
    bench.box.bucket.take(20_000)
    with pytest.raises(RateLimitedError) as caught:
        await bench.shop.apply(bench.ship(bench.order(), (1, 0)))
    assert 3.0 < caught.value.retry_after_s < 5.0, "about 420 points at 100 a second"
    assert bench.box.report()["throttled"] == 1

"""What we ask a shop to do beyond shipping and stock: once each, also when an answer is lost."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from crossdock import Command, Ignore, RejectedError, UnavailableError
from crossdock.canonical import (
    Address,
    Entity,
    EntityRef,
    Measure,
    Money,
    Order,
    OrderLine,
    Price,
    Product,
    Refund,
    RefundLine,
    Return,
    ReturnLine,
    ReturnReceipt,
    ReturnReceiptLine,
    Totals,
    Variant,
)
from crossdock_shopify.mapping import translate
from crossdock_shopify.sandbox_shop import SECOND, ShopOrder, gid

Bench = Any
NOW = datetime(2026, 5, 1, tzinfo=UTC)


def usd(amount: str) -> Money:
    return Money(amount=Decimal(amount), currency="USD")


def command(type_: str, data: Entity, number: object = None, **more: Any) -> Command[Any]:
    ids = {"ord_x": str(number)} if number else {}
    return Command(
        id=more.pop("id", "cmd_7"),
        type=type_,
        data=data,
        entity_id=more.pop("entity_id", "ent_x"),
        native_ids=ids | more.pop("ids", {}),
        **more,
    )


# Shipments that change


async def test_a_shipment_from_two_places_is_one_fulfilment_for_each(bench: Bench) -> None:
    shop = bench.box.shop
    shop.set_stock(shop.variants["MUG-BLUE"]["item"], SECOND, 50)
    order = bench.place({"TEE-S": 3, "MUG-BLUE": 2}, {1: SECOND})
    receipt = await bench.shop.apply(bench.ship(str(order.id), (2, 2), "T1", "T2"))
    made = bench.box.report()["orders"][str(order.id)]["fulfillments"]
    assert [list(one["lines"].values()) for one in made] == [[2], [2]]
    assert {one["location"] for one in made} == {24826418, SECOND}
    assert len(receipt.extra_ids) == 2
    rest = await bench.shop.apply(bench.ship(str(order.id), (1, 0), "T3"))
    assert rest.changed
    assert bench.box.report()["orders"][str(order.id)]["fulfilled"] == {
        str(order.id + 100): 3,
        str(order.id + 101): 2,
    }


async def test_new_tracking_reaches_every_part_of_a_shipment(bench: Bench) -> None:
    shop = bench.box.shop
    shop.set_stock(shop.variants["MUG-BLUE"]["item"], SECOND, 50)
    order = bench.place({"TEE-S": 3, "MUG-BLUE": 2}, {1: SECOND})
    made = await bench.shop.apply(bench.ship(str(order.id), (3, 2), "T1"))
    change = bench.ship(
        str(order.id), (3, 2), "T8", "T9", type_="fulfillment.update", native=made.native_id
    )
    assert await bench.shop.find(change) is None
    receipt = await bench.shop.apply(change)
    assert receipt.note == "tracking of 2 fulfilment(s) set"
    rows = bench.box.report()["orders"][str(order.id)]["fulfillments"]
    assert [row["tracking"] for row in rows] == [["T8", "T9"], ["T8", "T9"]]
    assert not (await bench.shop.apply(change)).changed
    assert await bench.shop.find(change) is not None


async def test_goods_of_a_shipment_cannot_change(bench: Bench) -> None:
    order = bench.order()
    made = await bench.shop.apply(bench.ship(order, (3, 0), "T1"))
    change = bench.ship(order, (2, 0), "T1", type_="fulfillment.update", native=made.native_id)
    with pytest.raises(RejectedError, match=r"2 wanted, 3 there.*cancel it and ship anew"):
        await bench.shop.apply(change)


async def test_a_shipment_is_cancelled_once_and_its_goods_are_open_again(bench: Bench) -> None:
    order = bench.order()
    made = await bench.shop.apply(bench.ship(order, (3, 2), "T1"))
    wish = bench.ship(order, (3, 2), "T1", type_="fulfillment.cancel", native=made.native_id)
    await bench.fault(kind="lost_answer", match="fulfillmentCancel")
    with pytest.raises(UnavailableError):
        await bench.shop.apply(wish)
    assert await bench.shop.find(wish) is not None
    assert not (await bench.shop.apply(wish)).changed
    again = await bench.shop.apply(bench.ship(order, (3, 2), "T2"))
    assert again.changed


@pytest.mark.parametrize("type_", ["fulfillment.update", "fulfillment.cancel"])
@pytest.mark.parametrize(("native", "reason"), [(None, "unknown"), ("404", "not_found")])
async def test_a_shipment_that_the_shop_does_not_know(
    bench: Bench, type_: str, native: str | None, reason: str
) -> None:
    wish = bench.ship(bench.order(), (1, 0), "T1", type_=type_, native=native)
    with pytest.raises(RejectedError) as caught:
        await bench.shop.apply(wish)
    assert caught.value.reason == f"fulfillment_{reason}"


# Refunds


def refund(order: ShopOrder, amount: str, quantity: int = 0, **more: Any) -> Command[Any]:
    line = str(order.lines[0].id)
    data = Refund(
        id="rfd_x",
        order=EntityRef(id="ord_x"),
        state="succeeded",
        amount=usd(amount),
        lines=(RefundLine(line_id=line, quantity=Decimal(quantity), amount=usd(amount)),)
        if quantity
        else (),
        requested_at=NOW,
    )
    return command("refund.create", data, order.id, **more)


def refunds(bench: Bench, order: ShopOrder) -> Any:
    return bench.box.report()["orders"][str(order.id)]["refunds"]


@pytest.mark.parametrize("version", ["2025-10", "2026-01", "2026-07", "2026-10"])
async def test_a_refund_whose_answer_was_lost_is_made_once(bench: Bench, version: str) -> None:
    """In 2025-10 there is no idempotency key: the mark in the note is found."""
    from crossdock import Context
    from crossdock_shopify.client import open_shopify

    order = bench.place({"TEE-S": 3})
    config = bench.config(api_version=version)
    async with open_shopify(config, Context(connection="web")) as shop:
        await bench.fault(kind="lost_answer", match="refundCreate")
        with pytest.raises(UnavailableError):
            await shop.apply(refund(order, "18.50", 1))
        found = await shop.find(refund(order, "18.50", 1))
        again = await shop.apply(refund(order, "18.50", 1, attempt=2))
    (made,) = refunds(bench, order)
    assert made["amount"] == "18.50"
    assert found is not None
    assert found.native_id == again.native_id == made["id"]


async def test_our_own_refund_comes_back_as_an_echo(bench: Bench) -> None:
    from crossdock import Raw
    from crossdock_shopify.sandbox_orders import refund_body

    order = bench.place({"TEE-S": 3})
    await bench.shop.apply(refund(order, "18.50", 1))
    raw = Raw("refunds/create", refund_body(order, order.refunds[0]))
    with pytest.raises(Ignore, match="echo: this refund was made by our own command cmd_7"):
        list(translate(raw))
    note = order.refunds[0]["note"]
    order.refunds[0]["note"] = "goodwill"
    (event,) = translate(Raw("refunds/create", refund_body(order, order.refunds[0])))
    assert event.type == "refund.succeeded"
    assert note == "[crossdock cmd_7]"


async def test_no_more_is_given_back_than_was_taken(bench: Bench) -> None:
    order = bench.place({"TEE-S": 3})
    await bench.shop.apply(refund(order, "50.00"))
    with pytest.raises(RejectedError, match=r"18\.50 USD wanted back, but only 5\.50") as caught:
        await bench.shop.apply(refund(order, "18.50", 1, id="cmd_8"))
    assert caught.value.reason == "more_than_captured"
    assert len(refunds(bench, order)) == 1


async def test_another_currency_is_refused(bench: Bench) -> None:
    order = bench.place({"TEE-S": 3})
    wish = refund(order, "1.00")
    eur = wish.data.model_copy(update={"amount": Money(amount=Decimal(1), currency="EUR")})
    with pytest.raises(RejectedError, match=r"is in USD .*, not in EUR"):
        await bench.shop.apply(command("refund.create", eur, order.id))


# Returns


def back(order: ShopOrder, quantity: int, **more: Any) -> Command[Any]:
    data = Return(
        id="ret_x",
        order=EntityRef(id="ord_x"),
        number="RMA-1",
        lines=(
            ReturnLine(
                line_id=str(order.lines[0].id),
                requested=Decimal(quantity),
                authorised=Decimal(quantity),
                reason="defective",
            ),
        ),
        requested_at=NOW,
        authorised_at=NOW,
    )
    return command(more.pop("type_", "return.create"), data, order.id, **more)


def receipt(order: ShopOrder, quantity: int, number: str, **more: Any) -> Command[Any]:
    data = ReturnReceipt(
        return_ref=EntityRef(id="ret_x"),
        order=EntityRef(id="ord_x"),
        location=more.pop("location", "WH"),
        received_at=NOW,
        lines=(
            ReturnReceiptLine(
                line_id=str(order.lines[0].id),
                quantity=Decimal(quantity),
                condition="opened",
                disposition="restock",
                restocked=Decimal(quantity),
            ),
        ),
    )
    return command("return_receipt.create", data, order.id, ids={"ret_x": number}, **more)


def returns(bench: Bench, order: ShopOrder) -> Any:
    return bench.box.report()["orders"][str(order.id)]["returns"]


async def shipped(bench: Bench) -> ShopOrder:
    order: ShopOrder = bench.place({"TEE-S": 3})
    await bench.shop.apply(bench.ship(str(order.id), (3,), "T1"))
    return order


async def test_a_return_is_made_once_taken_in_once_and_its_stock_is_back(bench: Bench) -> None:
    order = await shipped(bench)
    await bench.fault(kind="lost_answer", match="returnCreate")
    with pytest.raises(UnavailableError):
        await bench.shop.apply(back(order, 2))
    made = await bench.shop.apply(back(order, 2, attempt=2))
    (there,) = returns(bench, order)
    assert (there["id"], there["status"]) == (made.native_id, "OPEN")
    assert (await bench.shop.find(back(order, 2))).native_id == made.native_id
    before = bench.box.report()["stock"]["TEE-S"]
    assert await bench.shop.find(receipt(order, 2, made.native_id)) is None
    await bench.fault(kind="lost_answer", match="reverseFulfillmentOrderDispose")
    with pytest.raises(UnavailableError):
        await bench.shop.apply(receipt(order, 2, made.native_id))
    assert await bench.shop.find(receipt(order, 2, made.native_id)) is not None
    assert not (await bench.shop.apply(receipt(order, 2, made.native_id, attempt=2))).changed
    (there,) = returns(bench, order)
    assert there["disposed"] == [[str(order.lines[0].id), "RESTOCKED", 2]]
    assert bench.box.report()["stock"]["TEE-S"] == before + 2


async def test_our_own_return_comes_back_as_an_echo_until_something_happens(bench: Bench) -> None:
    order = await shipped(bench)
    made = await bench.shop.apply(back(order, 2))
    gids = [gid("Return", int(made.native_id))]
    (raw,) = [raw async for raw in bench.shop.details.read("Return", gids)]
    with pytest.raises(Ignore, match="echo: this return was made by our own command cmd_7"):
        list(translate(raw))
    await bench.shop.apply(receipt(order, 1, made.native_id))
    (raw,) = [raw async for raw in bench.shop.details.read("Return", gids)]
    assert [event.type for event in translate(raw)] == [
        "return.received",
        "return_receipt.recorded",
    ]


async def test_more_than_was_shipped_cannot_come_back(bench: Bench) -> None:
    order = await shipped(bench)
    with pytest.raises(RejectedError, match="1 more than can be returned"):
        await bench.shop.apply(back(order, 4))
    made = await bench.shop.apply(back(order, 2))
    with pytest.raises(RejectedError, match="3 came, 2 still awaited"):
        await bench.shop.apply(receipt(order, 3, made.native_id))
    with pytest.raises(RejectedError, match="'DC9' has no Shopify location"):
        await bench.shop.apply(receipt(order, 1, made.native_id, location="DC9"))


@pytest.mark.parametrize(("status", "after"), [("OPEN", "CANCELED"), ("REQUESTED", "DECLINED")])
async def test_a_return_is_called_off(bench: Bench, status: str, after: str) -> None:
    order = await shipped(bench)
    made = await bench.shop.apply(back(order, 2))
    order.returns[0].status = status
    wish = back(order, 2, type_="return.cancel", ids={"ret_x": made.native_id})
    assert await bench.shop.find(wish) is None
    assert (await bench.shop.apply(wish)).changed
    assert returns(bench, order)[0]["status"] == after
    assert not (await bench.shop.apply(wish)).changed
    assert await bench.shop.find(wish) is not None


# Orders


def wish(order: ShopOrder, verb: str, **fields: Any) -> Command[Any]:
    lines = tuple(
        OrderLine(
            line_id=str(line.id),
            ordered=Decimal(line.quantity),
            unit_price=usd("1.00"),
            sku=line.sku,
        )
        for line in order.lines
    )
    data = Order(
        id="ord_x",
        number=order.name,
        placed_at=NOW,
        currency="USD",
        lines=fields.pop("lines", lines),
        totals=Totals(total=usd("1.00")),
        **fields,
    )
    return command(f"order.{verb}", data, order.id)


async def test_an_order_is_cancelled_once_and_its_stock_is_back(bench: Bench) -> None:
    before = bench.box.report()["stock"]["TEE-S"]
    order = bench.place({"TEE-S": 3})
    cancel = wish(order, "cancel", cancel_reason="stock")
    assert await bench.shop.find(cancel) is None
    await bench.fault(kind="lost_answer", match="orderCancel")
    with pytest.raises(UnavailableError):
        await bench.shop.apply(cancel)
    assert await bench.shop.find(cancel) is not None
    assert not (await bench.shop.apply(cancel)).changed
    assert bench.box.report()["stock"]["TEE-S"] == before
    assert refunds(bench, order) == [], "money goes back by refund.create alone"
    assert order.cancel_reason == "inventory"
    (raw,) = [raw async for raw in bench.shop.details.read("Order", [gid("Order", order.id)])]
    with pytest.raises(Ignore, match="cancelled by our own command cmd_7"):
        list(translate(raw))


@pytest.mark.parametrize("bench", [{"cancel_refunds": True}], indirect=True)
async def test_money_goes_back_with_a_cancellation_where_that_is_wanted(bench: Bench) -> None:
    order = bench.place({"TEE-S": 3})
    await bench.shop.apply(wish(order, "cancel"))
    assert [one["amount"] for one in refunds(bench, order)] == ["55.50"]


async def test_what_has_left_cannot_be_cancelled(bench: Bench) -> None:
    order = await shipped(bench)
    with pytest.raises(RejectedError, match="Cannot cancel an order that has been fulfilled"):
        await bench.shop.apply(wish(order, "cancel"))


async def test_how_an_order_is_reached_may_change(bench: Bench) -> None:
    order = bench.place({"TEE-S": 3})
    address = Address(
        full_name="Ada Lovelace", lines=("1 New St",), locality="Ottawa", region="ON", country="CA"
    )
    change = wish(order, "update", shipping_address=address, note="ring twice", tags=("vip",))
    assert await bench.shop.find(change) is None
    receipt = await bench.shop.apply(change)
    assert receipt.note == "changed: note, shippingAddress, tags"
    assert order.reach["shipping_address"]["city"] == "Ottawa"
    assert not (await bench.shop.apply(change)).changed
    assert await bench.shop.find(change) is not None


async def test_what_was_bought_is_not_changed_without_a_person(bench: Bench) -> None:
    order = bench.place({"TEE-S": 3})
    line = OrderLine(line_id=str(order.lines[0].id), ordered=Decimal(1), unit_price=usd("1.00"))
    with pytest.raises(RejectedError, match=r"1 wanted, 3 there") as caught:
        await bench.shop.apply(wish(order, "update", lines=(line,)))
    assert caught.value.reason == "order_edit_needed"


async def test_an_order_is_held_and_released_without_touching_others_holds(bench: Bench) -> None:
    order = bench.place({"TEE-S": 3})
    order.hold(handle="theirs")
    hold = wish(order, "hold", holds=("fraud",))
    assert await bench.shop.find(hold) is None
    assert (await bench.shop.apply(hold)).changed
    assert [one["reason"] for one in order.fulfillment_orders[0].holds] == [
        "OTHER",
        "HIGH_RISK_OF_FRAUD",
    ]
    assert not (await bench.shop.apply(hold)).changed
    with pytest.raises(RejectedError, match="on hold"):
        await bench.shop.apply(bench.ship(str(order.id), (1,), "T1"))
    release = wish(order, "release")
    assert (await bench.shop.apply(release)).changed
    assert [one["handle"] for one in order.fulfillment_orders[0].holds] == ["theirs"]
    assert await bench.shop.find(release) is not None


# Goods


def goods(*variants: Variant, **fields: Any) -> Command[Any]:
    data = Product(id="prd_0123456789ab", name="Wool Säck", variants=variants, **fields)
    return command("product.publish", data)


def variant(size: str, price: str = "12.00") -> Variant:
    return Variant(
        variant_id=size,
        sku=f"SACK-{size}",
        options={"Size": size},
        list_price=usd(price),
        barcode="4006381333931",
        weight=Measure(value=Decimal("1.5"), unit="KGM"),
    )


def product_of(bench: Bench, sku: str) -> Any:
    return bench.box.shop.products[bench.box.shop.variants[sku]["product"]]


async def test_a_product_is_made_once_under_its_own_handle(bench: Bench) -> None:
    publish = goods(variant("S"), variant("M"), tags=("wool",), brand="Acme")
    before = len(bench.box.shop.products)
    assert await bench.shop.find(publish) is None
    await bench.fault(kind="lost_answer", match="productSet")
    with pytest.raises(UnavailableError):
        await bench.shop.apply(publish)
    found = await bench.shop.find(publish)
    assert found is not None
    receipt = await bench.shop.apply(publish)
    assert (receipt.changed, receipt.native_id) == (False, found.native_id)
    assert len(bench.box.shop.products) == before + 1
    made = product_of(bench, "SACK-S")
    assert made["handle"] == "wool-sack-0123456789ab"
    assert [row["options"] for row in made["variants"]] == [{"Size": "S"}, {"Size": "M"}]
    assert made["variants"][0]["weight"] == {"value": 1.5, "unit": "KILOGRAMS"}


async def test_a_known_product_is_changed_where_it_differs_and_nothing_is_deleted(
    bench: Bench,
) -> None:
    await bench.shop.apply(goods(variant("S"), variant("M")))
    change = goods(variant("M", "14.00"), variant("L"), description="warm")
    receipt = await bench.shop.apply(change)
    assert receipt.note == "Wool Säck: descriptionHtml, 1 variant(s) changed, 1 variant(s) added"
    rows = product_of(bench, "SACK-S")["variants"]
    assert [(row["sku"], row["price"]) for row in rows] == [
        ("SACK-S", "12.00"),
        ("SACK-M", "14.00"),
        ("SACK-L", "12.00"),
    ]
    assert not (await bench.shop.apply(change)).changed


async def test_a_product_that_the_shop_had_is_known_by_its_sku(bench: Bench) -> None:
    before = len(bench.box.shop.products)
    data = Product(id="prd_y", name="Tote bag, big", sku="TOTE", list_price=usd("11.00"))
    await bench.shop.apply(command("product.publish", data))
    assert len(bench.box.shop.products) == before
    assert product_of(bench, "TOTE")["title"] == "Tote bag, big"
    assert bench.box.shop.variants["TOTE"]["price"] == "11.00"


async def test_our_own_product_comes_back_as_an_echo(bench: Bench) -> None:
    await bench.shop.apply(goods(variant("S")))
    number = product_of(bench, "SACK-S")["id"]
    gids = [gid("Product", number)]
    (raw,) = [raw async for raw in bench.shop.details.read("Product", gids)]
    with pytest.raises(Ignore, match="echo"):
        list(translate(raw))
    bench.box.shop.products[number]["updated"] += timedelta(seconds=5)
    (raw,) = [raw async for raw in bench.shop.details.read("Product", gids)]
    assert next(iter(translate(raw))).type == "product.changed"


async def test_a_price_is_set_where_it_differs(bench: Bench) -> None:
    publish = command("price.publish", Price(sku="TOTE", amount=usd("8.5"), compare_at=usd("9.9")))
    assert await bench.shop.find(publish) is None
    assert (await bench.shop.apply(publish)).changed
    row = bench.box.shop.variants["TOTE"]
    assert (row["price"], row["compare_at"]) == ("8.50", "9.90")
    assert not (await bench.shop.apply(publish)).changed
    assert await bench.shop.find(publish) is not None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"sku": "NO-SUCH"}, "sku_unknown"),
        ({"amount": Money(amount=Decimal(1), currency="EUR")}, "currency_differs"),
        ({"price_list": EntityRef(id="plt_1")}, "price_list_not_handled"),
        ({"min_quantity": Decimal(10)}, "quantity_break_not_handled"),
        ({"valid_from": datetime(2999, 1, 1, tzinfo=UTC)}, "price_not_yet_valid"),
        ({"valid_until": NOW - timedelta(days=999)}, "price_not_valid_any_more"),
    ],
)
async def test_prices_that_a_variant_has_no_place_for(
    bench: Bench, change: dict[str, Any], reason: str
) -> None:
    data = Price(**({"sku": "TOTE", "amount": usd("8.50")} | change))
    with pytest.raises(RejectedError) as caught:
        await bench.shop.apply(command("price.publish", data))
    assert caught.value.reason == reason


# Versions


@pytest.mark.parametrize("version", ["2025-10", "2026-01", "2026-04", "2026-07", "2026-10"])
async def test_every_version_ships_stocks_and_reads(bench: Bench, version: str) -> None:
    """Each against its own schema: what a version does not know, its sandbox refuses."""
    from crossdock import Context
    from crossdock_shopify.client import open_shopify

    order = bench.place({"TEE-S": 3})
    config = bench.config(api_version=version)
    async with open_shopify(config, Context(connection="web")) as shop:
        await shop.apply(bench.ship(str(order.id), (2,), "T1"))
        await shop.apply(bench.publish("TOTE", 7))
        raws = [raw async for raw in shop.details.read("Order", [gid("Order", order.id)])]
        made = await shop.apply(back(order, 1))
        read = [
            raw async for raw in shop.details.read("Return", [gid("Return", int(made.native_id))])
        ]
        health = await shop.probe()
    assert len(raws) == len(read) == 1
    assert health.version == version
    assert bench.box.report()["stock"]["TOTE"] == 7


@pytest.mark.parametrize("version", ["2025-10", "2026-01", "2026-10"])
async def test_stock_is_compared_before_it_is_set_in_every_version(
    bench: Bench, version: str
) -> None:
    from crossdock import Context
    from crossdock_shopify.client import open_shopify

    root = bench.box._root
    real, sales = root["inventorySetQuantities"], iter(range(2))

    def busy(info: Any, **arguments: Any) -> Any:
        if next(sales, None) is not None:
            bench.box.shop.sell("TOTE", 1)
        return real(info, **arguments)

    root["inventorySetQuantities"] = busy
    config = bench.config(api_version=version)
    async with open_shopify(config, Context(connection="web")) as shop:
        receipt = await shop.apply(bench.publish("TOTE", 7))
    assert receipt.note == "TOTE: 998 → 7"

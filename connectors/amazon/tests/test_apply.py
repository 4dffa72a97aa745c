"""What goes out: packages and stock, each once, each refused in words that say what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from crossdock import AuthError, Command, RejectedError, Window
from crossdock.canonical import EntityRef, Fulfillment, FulfillmentLine, InventoryLevel, Tracking
from crossdock_amazon.mapping import translate
from crossdock_amazon.marks import package_reference
from crossdock_amazon.sandbox import AmazonSandbox

from conftest import Opened


def shipment(
    order: dict[str, Any], *, many: int = 1, entity: str = "ful_1", number: str | None = "1Z1"
) -> Command[Any]:
    """`many` of the first item have left."""
    line = FulfillmentLine(line_id=order["orderItems"][0]["orderItemId"], quantity=Decimal(many))
    data = Fulfillment(
        id=entity,
        order=EntityRef(id="ord_1", native_id=order["orderId"]),
        lines=(line,),
        tracking=(Tracking(number=number, carrier="dhl-paket"),) if number else (),
        shipped_at=datetime(2026, 5, 1, 12, tzinfo=UTC),
    )
    return Command(id=f"cmd_{entity}", type="fulfillment.create", data=data, entity_id=entity)


def level(available: str | None, *, sku: str = "TEE-S", location: str = "WH") -> Command[Any]:
    """So much may be sold."""
    data = InventoryLevel(
        sku=sku, location=location, available=None if available is None else Decimal(available)
    )
    return Command(id="cmd_s", type="inventory.publish", data=data, entity_id="stock_1")


@contextmanager
def refused(reason: str, words: str) -> Iterator[None]:
    with pytest.raises(RejectedError, match=words) as caught:
        yield
    assert caught.value.reason == reason


async def test_a_part_and_then_the_rest(box: AmazonSandbox, opened: Opened) -> None:
    order = box.account.sell({"TEE-S": 3})
    async with opened(carriers={"dhl-paket": "DHL"}) as port:
        first = await port.apply(shipment(order, many=1))
        assert order["fulfillment"]["fulfillmentStatus"] == "PARTIALLY_SHIPPED"
        second = await port.apply(shipment(order, many=2, entity="ful_2"))
        assert first.native_id == f"{order['orderId']}:{package_reference('ful_1')}"
        assert second.native_id != first.native_id
        raws = [raw async for raw in port.poll(None)]
    assert order["fulfillment"]["fulfillmentStatus"] == "SHIPPED"
    assert [one["carrier"] for one in order["packages"]] == ["DHL", "DHL"]
    told = {e.native_id for raw in raws if raw.topic == "order" for e in translate(raw)}
    assert {first.native_id, second.native_id} <= told  # Amazon tells them under the same ids


async def test_a_carrier_that_amazon_does_not_know_goes_by_its_name(
    box: AmazonSandbox, opened: Opened
) -> None:
    order = box.account.sell({"TEE-S": 1})
    async with opened() as port:
        await port.apply(shipment(order))
    assert order["packages"][0]["carrier"] == "dhl-paket"


async def test_a_shipment_that_cannot_be_is_refused_in_words(
    box: AmazonSandbox, opened: Opened
) -> None:
    order = box.account.sell({"TEE-S": 2})
    other = box.account.sell({"TEE-S": 1}, by_amazon=True)
    async with opened() as port:
        with refused("not_expected", "3 of 2 open"):
            await port.apply(shipment(order, many=3))
        with refused("tracking_required", "takes none without"):
            await port.apply(shipment(order, number=None))
        with refused("fulfilled_by_amazon", "shipped by Amazon itself"):
            await port.apply(shipment(other))
        unknown = shipment(order)
        data = unknown.data.model_copy(update={"order": EntityRef(id="ord_9")})
        with refused("unknown_order", "never told by Amazon"):
            await port.apply(replace(unknown, data=data))
        box.account.cancel(order["orderId"])
        with refused("order_is_cancelled", "Stop the parcel"):
            await port.apply(shipment(order))
    assert "packages" not in order


async def test_stock_is_set_and_looked_at_later(box: AmazonSandbox, opened: Opened) -> None:
    async with opened(verify_after_s=0) as port:
        receipt = await port.apply(level("7.9"))
        assert receipt.native_id == "TEE-S@WH"
        assert "7 accepted" in receipt.note
        assert box.account.listings["TEE-S"]["DEFAULT"] == 7
        await port.apply(level("-3"))
        assert box.account.listings["TEE-S"]["DEFAULT"] == 0
        box.account.ignore_stock = True
        box.account.listings["TEE-S"]["DEFAULT"] = 50
        await port.apply(level("9"))
        raws = [raw async for raw in port.poll(None) if raw.topic == "stock_check"]
        assert [raw async for raw in port.poll(None) if raw.topic == "stock_check"] == []
    (check,) = raws  # one figure took the place of the others
    with pytest.raises(RejectedError, match=r"accepted 9 of TEE-S.*offers 50") as caught:
        list(translate(check))
    assert caught.value.reason == "stock_not_applied"


async def test_stock_that_cannot_be_set_is_refused_in_words(
    box: AmazonSandbox, opened: Opened
) -> None:
    async with opened() as port:
        with refused("unknown_location", "`channels` has WH"):
            await port.apply(level("1", location="ELSEWHERE"))
        with refused("not_ours_to_set", "Amazon's own word"):
            await port.apply(level("1", location="FBA"))
        with refused("no_quantity", "neither available nor on hand"):
            await port.apply(level(None))
        with refused("http_400", "SKU NONE not found"):
            await port.apply(level("1", sku="NONE"))


async def test_another_channels_figure_stays(box: AmazonSandbox, opened: Opened) -> None:
    box.account.listings["TEE-S"]["STORE-2"] = 4
    async with opened(channels={"WH": "DEFAULT", "SHOP": "STORE-2"}) as port:
        await port.apply(level("6"))
        assert box.account.listings["TEE-S"] == {"DEFAULT": 6, "STORE-2": 4}
        await port.apply(level("5", location="SHOP"))
        assert box.account.listings["TEE-S"] == {"DEFAULT": 6, "STORE-2": 5}
        raws = [raw async for raw in port.snapshot(Window(kind="inventory"))]
    keys = {raw.key for raw in raws}
    assert {"inventory:TEE-S@WH", "inventory:TEE-S@SHOP"} <= keys


async def test_a_refresh_token_that_was_withdrawn_is_a_credential_error(
    box: AmazonSandbox, opened: Opened
) -> None:
    async with opened(refresh_token="Atzr|somebody-elses") as port:
        with pytest.raises(AuthError, match="the token cannot be renewed"):
            await port.probe()


async def test_a_probe_tells_who_we_are(box: AmazonSandbox, opened: Opened) -> None:
    box.account.sell({"TEE-S": 1})
    async with opened(marketplaces=["ATVPDKIKX0DER", "A1PA6795UKMFR9"]) as port:
        health = await port.probe()
    assert health.notes == (
        "the account does not sell in marketplace A1PA6795UKMFR9",
        "1 notifications wait in the queue",
    )


async def test_a_token_that_expired_is_renewed_once(box: AmazonSandbox, opened: Opened) -> None:
    """Amazon says 403, not 401."""
    order = box.account.sell({"TEE-S": 1})
    async with opened() as port:
        await port.probe()
        box.expire()
        raws = [raw async for raw in port.poll(None)]
        assert f"order:{order['orderId']}" in {raw.key for raw in raws}


async def test_names_and_addresses_by_a_restricted_token(
    box: AmazonSandbox, opened: Opened
) -> None:
    box.account.sell({"TEE-S": 1})
    async with opened(restricted_data=True) as port:
        raws = [raw async for raw in port.poll(None) if raw.topic == "order"]
    assert raws
    assert box.calls["tokens_2021-03-01.createRestrictedDataToken"] == 1

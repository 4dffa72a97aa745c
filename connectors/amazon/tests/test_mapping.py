"""What Amazon's own payloads mean, and what becomes of those that contradict themselves."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from amazon_samples import (
    AT_AMAZON,
    CHECK,
    OLD,
    RICH,
    SAO_PAULO,
    SEATTLE,
    TOKYO,
    TURKEY,
    sample,
    told,
)
from crossdock import ContractError, Ignore, RejectedError
from crossdock.canonical.order import statuses
from crossdock_amazon import sandbox_models
from crossdock_amazon.mapping import translate
from crossdock_amazon.mapping_finance import sort_of
from crossdock_amazon.rates import LIMITS
from crossdock_amazon.sandbox import RATES


def changed(one: Any, **fields: Any) -> Any:
    """A sample's record with other values at its top."""
    return sample(one.topic, json.loads(one.data) | fields).raw()


def test_rates_are_those_that_amazon_publishes() -> None:
    for name, limit in LIMITS.items():
        model, _, operation = name.rpartition(".")
        told_ = RATES.get(model, {}).get(operation)
        if model == "sellers":  # the table has the two of sellers under their own version
            continue
        assert told_ is not None, name
        assert (told_["rate_per_second"], told_["burst"]) == (limit.rate_per_s, limit.capacity)


def test_samples_written_by_hand_fit_the_models() -> None:
    operations = {one.name: one for one in sandbox_models.operations()}
    order = {"order": told("rich")}
    search = operations["orders_2026-01-01.getOrder"]
    assert list(search.answer_faults(200, order)) == []
    money = operations["finances_2024-06-19.listTransactions"]
    both = {"payload": {"transactions": [told("transaction"), told("fee")]}}
    assert list(money.answer_faults(200, both)) == []
    page = {
        "payload": {
            "granularity": {"granularityType": "Marketplace", "granularityId": "ATVPDKIKX0DER"},
            "inventorySummaries": [told("summary")],
        }
    }
    stock = operations["fbaInventory.getInventorySummaries"]
    assert list(stock.answer_faults(200, page)) == []
    old = told("v0")
    for operation, payload in (
        ("getOrders", {"Orders": [old["order"]]}),
        ("getOrderItems", {"AmazonOrderId": "1", "OrderItems": old["items"]}),
        ("getOrderAddress", old["address"]),
        ("getOrderBuyerInfo", old["buyer"]),
    ):
        faults = operations[f"ordersV0.{operation}"].answer_faults(200, {"payload": payload})
        assert list(faults) == [], operation


def test_what_amazon_ships_comes_as_shipped_and_by_its_hands() -> None:
    order, shipment = (event.data for event in translate(TOKYO.raw()))
    assert {line.fulfilled_by for line in order.lines} == {"marketplace"}
    assert {line.location for line in order.lines} == {"FBA"}
    assert statuses(order).fulfillment == "shipped"
    assert order.totals.total.amount == Decimal(19940)
    assert order.currency == "JPY"
    assert [(line.line_id, line.quantity) for line in shipment.lines] == [
        (line.line_id, line.ordered) for line in order.lines
    ]
    assert shipment.location == "FBA"
    assert shipment.order.native_id == order.number


@pytest.mark.parametrize("status", ["UNSHIPPED", "PARTIALLY_SHIPPED", "UNFULFILLABLE"])
def test_amazons_order_is_not_told_before_it_has_left(status: str) -> None:
    body = json.loads(TOKYO.data)
    body["fulfillment"]["fulfillmentStatus"] = status
    with pytest.raises(Ignore, match=rf"shipped by Amazon and {status}"):
        list(translate(sample("order", body).raw()))


@pytest.mark.parametrize("status", ["PENDING", "PENDING_AVAILABILITY"])
def test_what_is_not_paid_for_is_no_sale(status: str) -> None:
    body = json.loads(SEATTLE.data)
    body["fulfillment"]["fulfillmentStatus"] = status
    with pytest.raises(Ignore, match="not paid for yet"):
        list(translate(sample("order", body).raw()))


def test_a_merchants_order_is_the_merchants() -> None:
    (event,) = translate(SEATTLE.raw())
    order = event.data
    (line,) = order.lines
    assert line.fulfilled_by == "merchant"
    assert line.location is None
    assert order.prices_include_tax is False
    assert line.taxes[0].amount.amount == Decimal("10.00")
    assert order.totals.total.amount == Decimal("49.99")
    assert statuses(order).payment == "authorised"
    assert order.tags == ("IN_STORE_PICK_UP",)


def test_a_business_order() -> None:
    order = next(iter(translate(SAO_PAULO.raw()))).data
    assert order.purchase_order_number == "PO-BR-2024-5678"
    assert order.payment.methods == ("CreditCard", "Visa")
    assert order.shipping_address.company == "Oliveira Tecnologia Ltda"


def test_money_is_apportioned() -> None:
    events = list(translate(RICH.raw()))
    order = events[0].data
    (line,) = order.lines
    assert [d.amount.amount for d in line.discounts] == [Decimal("4.00")]
    assert line.discounts[0].code == "WINTER"
    assert [t.amount.amount for t in line.taxes] == [Decimal("4.00")]
    assert line.taxes[0].remitted_by == "marketplace"
    shipping = {one.title: one for one in order.shipping}
    assert {title: one.price.amount for title, one in shipping.items()} == {
        "Shipping": Decimal("10.00"),
        "Gift wrap": Decimal("5.00"),
        "Delivery tip": Decimal("2.00"),
    }
    assert shipping["Shipping"].discounts[0].amount.amount == Decimal("1.00")
    assert shipping["Shipping"].taxes[0].amount.amount == Decimal("1.00")
    goods = line.unit_price.amount * 2 - Decimal(4) + sum(t.amount.amount for t in line.taxes)
    beside = sum(
        one.price.amount
        - sum(d.amount.amount for d in one.discounts)
        + sum(t.amount.amount for t in one.taxes)
        for one in order.shipping
    )
    assert goods + beside == order.totals.total.amount == Decimal("142.00")


def test_a_wish_to_cancel_is_a_wish() -> None:
    order, wish, _, shipment = (event.data for event in translate(RICH.raw()))
    assert order.cancelled_at is None
    assert wish.state == "requested"
    assert wish.order.native_id == order.number
    assert [(line.line_id, line.quantity) for line in wish.lines] == [
        (order.lines[0].line_id, Decimal(1))  # one of two has left
    ]
    assert wish.extensions["com.amazon"]["reasons"] == ["changed my mind", "BUYER"]
    assert shipment.tracking[0].number == "1Z999"


def test_what_the_buyer_was_promised_is_said_until_it_has_left() -> None:
    raw = SAO_PAULO.raw()
    order, promise = translate(raw)
    told = raw.body["fulfillment"]
    assert promise.data.order.native_id == order.native_id == promise.native_id
    latest = told["deliverByWindow"]["latestDateTime"]
    assert promise.data.deliver_by == datetime.fromisoformat(latest)
    assert promise.data.deliver_from is None, "how long carriage takes makes no preorder"
    assert promise.revision is None, "told again with each change of the order, it is no news"
    assert [event.type for event in translate(TOKYO.raw())][1:] == ["fulfillment.shipped"]


def test_old_orders_say_the_same_in_other_words() -> None:
    order = next(iter(translate(OLD.raw()))).data
    (line,) = order.lines
    assert line.unit_price.amount == Decimal("10.01")  # 30.03 for the line of three
    assert (line.ordered, line.shipped) == (Decimal(3), Decimal(1))
    assert order.totals.total.amount == Decimal("34.54")
    assert order.prices_include_tax is False
    assert order.tags == ("PRIME", "AMAZON_BUSINESS")
    assert order.extensions["com.amazon"]["orderAliases"][0]["aliasId"] == "SO-17"


def test_a_price_that_does_not_divide_is_kept_whole_beside() -> None:
    body = json.loads(TURKEY.data)
    item = body["orderItems"][0]
    item["quantityOrdered"] = 3
    item["fulfillment"] = {"quantityFulfilled": 3, "quantityUnfulfilled": 0}
    item["proceeds"]["breakdowns"][0]["subtotal"]["amount"] = "100.00"
    (event,) = translate(sample("order", body).raw())
    (line,) = event.data.lines
    assert line.unit_price.amount == Decimal("33.333333")
    assert line.extensions["com.amazon"]["itemTotal"] == "100.00"


def test_tax_within_the_price_is_known_by_the_sum() -> None:
    body = json.loads(TURKEY.data)
    body["orderItems"][0]["proceeds"]["breakdowns"].append(
        {"type": "TAX", "subtotal": {"amount": "20.83", "currencyCode": "TRY"}}
    )
    (event,) = translate(sample("order", body).raw())
    assert event.data.prices_include_tax is True
    assert event.data.lines[0].taxes[0].included is True
    assert event.data.totals.total.amount == Decimal("125.00")


def test_an_order_cancelled_before_it_had_a_price() -> None:
    body = json.loads(SEATTLE.data)
    del body["proceeds"]
    item = body["orderItems"][0]
    del item["proceeds"], item["product"]["price"]
    item["cancellation"] = {
        "cancellationExecution": {"cancelledBy": "BUYER", "cancelReason": "no longer needed"}
    }
    body["fulfillment"]["fulfillmentStatus"] = "CANCELLED"
    (event,) = translate(sample("order", body).raw())
    assert event.type == "order.cancelled"
    assert event.data.currency == "USD"  # of the marketplace
    assert event.data.cancel_reason == "BUYER: no longer needed"
    assert statuses(event.data).order == "cancelled"
    body["salesChannel"]["marketplaceId"] = "A0NOWHERE"
    with pytest.raises(ContractError, match=r"/proceeds/grandTotal.*A0NOWHERE"):
        list(translate(sample("order", body).raw()))


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        (lambda body: body["orderItems"][0].update(quantityOrdered=0), "/orderItems/0/fulfillment"),
        (
            lambda body: body["packages"][0]["packageItems"][0].update(orderItemId="other"),
            "/packages/0/packageItems/0/orderItemId",
        ),
        (lambda body: body.update(lastUpdatedTime="2025-02-30T00:00:00Z"), "/lastUpdatedTime"),
        (lambda body: body.pop("fulfillment"), "/fulfillment"),
        (
            lambda body: body["proceeds"]["grandTotal"].update(amount="12,50"),
            "/proceeds/grandTotal/amount",
        ),
        (lambda body: body.pop("orderItems"), "/orderItems"),
    ],
)
def test_what_contradicts_itself_is_refused_at_its_place(change: Any, pointer: str) -> None:
    body = json.loads(RICH.data)
    change(body)
    with pytest.raises(ContractError) as caught:
        list(translate(sample("order", body).raw()))
    assert caught.value.pointer == pointer


def test_what_lies_at_amazon_by_bucket() -> None:
    (event,) = translate(AT_AMAZON.raw())
    level = event.data
    assert (level.sku, level.location) == ("ECHO-POP-US-BLK", "FBA")
    assert level.available == 40
    assert level.reserved == 6
    assert level.quality_control == 3  # researching
    assert level.damaged == 21  # six sorts of unsellable
    assert level.on_hand == 70
    assert level.incoming == 8
    assert level.sub_buckets["expiredQuantity"] == 6
    assert level.sub_buckets["researchingQuantityInMidTerm"] == 2
    assert event.native_id == "ECHO-POP-US-BLK@FBA"


def test_lines_of_a_transaction_come_to_its_total() -> None:
    lines = [event.data for event in translate(sample("transaction", told("transaction")).raw())]
    assert sum(line.amount.amount for line in lines) == Decimal("33.49")
    assert [(line.type, line.category, str(line.amount.amount)) for line in lines] == [
        ("order", "ProductCharges/OurPricePrincipal", "39.99"),
        ("fee", "AmazonFees/Commission", "-6"),
        ("order", "Gift wrap", "1.5"),
        ("order", "Order Payment", "-2.00"),  # what the items leave of the total
    ]
    assert {line.order.native_id for line in lines} == {"114-9876543-1234567"}
    assert {line.settlement.native_id for line in lines} == {"20480001"}
    assert lines[0].order_line_id == "11498765431234"
    assert lines[0].quantity == 1


def test_deferred_money_waits() -> None:
    raw = changed(sample("transaction", told("transaction")), transactionStatus="DEFERRED")
    with pytest.raises(Ignore, match="told when it is released"):
        list(translate(raw))


def test_money_of_two_currencies_is_refused() -> None:
    body = told("transaction")
    body["totalAmount"]["currencyCode"] = "EUR"
    with pytest.raises(ContractError, match="one currency"):
        list(translate(sample("transaction", body).raw()))


@pytest.mark.parametrize(
    ("words", "sort"),
    [
        ("AmazonFees/Commission", "commissions"),
        ("FBA fees", "fulfilment_fees"),
        ("Product Charges", "sales"),
        ("Storage Fee", "storage_fees"),
        ("Something New", "adjustments"),
    ],
)
def test_sorts_of_money(words: str, sort: str) -> None:
    assert sort_of(words) == sort


@pytest.mark.parametrize(
    ("offered", "issues", "error", "why"),
    [
        (100, [], Ignore, "as accepted"),
        (98, [], Ignore, "fewer than the 100 accepted"),
        (120, [], RejectedError, "offers 120 by DEFAULT"),
        (
            98,
            [{"severity": "ERROR", "code": "90220", "message": "'size' is required"}],
            RejectedError,
            "'size' is required",
        ),
        (None, [], RejectedError, "offers nothing"),
    ],
)
def test_accepted_is_not_applied(
    offered: int | None, issues: list[Any], error: type[Exception], why: str
) -> None:
    item = {
        "issues": issues,
        "fulfillmentAvailability": []
        if offered is None
        else [{"fulfillmentChannelCode": "DEFAULT", "quantity": offered}],
    }
    with pytest.raises(error, match=why):
        list(translate(changed(CHECK, item=item)))

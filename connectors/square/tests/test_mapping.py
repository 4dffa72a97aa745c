"""What Square says, read: malformed, partial and unknown, each told in words."""

import copy
from collections.abc import Mapping
from typing import Any

import pytest
from crossdock import ContractError, Event, Ignore, Raw, RejectedError
from crossdock_square.mapping import translate

USD = "USD"
SALE: dict[str, Any] = {
    "order": {
        "id": "O1",
        "location_id": "L1",
        "state": "COMPLETED",
        "created_at": "2026-01-01T10:00:00Z",
        "updated_at": "2026-01-01T10:00:01.500Z",
        "total_money": {"amount": 1000, "currency": USD},
        "net_amount_due_money": {"amount": 0, "currency": USD},
        "line_items": [
            {
                "uid": "a",
                "quantity": "0.5",
                "name": "Beans",
                "catalog_object_id": "V1",
                "base_price_money": {"amount": 2000, "currency": USD},
                "quantity_unit": {"measurement_unit": {"weight_unit": "METRIC_KILOGRAM"}},
            }
        ],
    },
    "skus": {"V1": "BEANS"},
    "place": "STORE",
}


def changed(base: Mapping[str, Any], **at: Any) -> dict[str, Any]:
    """A copy with other values; `order__state` is /order/state, None as `...` takes it away."""
    made = copy.deepcopy(dict(base))
    for path, value in at.items():
        *way, last = [int(step) if step.isdecimal() else step for step in path.split("__")]
        node: Any = made
        for step in way:
            node = node[step]
        if value is ...:
            del node[last]
        else:
            node[last] = value
    return made


def says(topic: str, body: Any) -> list[Event[Any]]:
    found: list[Any] = list(translate(Raw(topic, body)))
    return found


def test_weighed_goods_keep_their_unit_and_fraction() -> None:
    (event,) = says("Order", SALE)
    (line,) = event.data.lines
    assert (f"{line.ordered}", line.unit, f"{line.unit_price.amount}") == ("0.5", "KGM", "20.00")
    assert event.revision == "2026-01-01T10:00:01.500000Z"


def test_yen_have_no_cents() -> None:
    yen = {"amount": 1000, "currency": "JPY"}
    body = changed(
        SALE,
        order__total_money=yen,
        order__net_amount_due_money=...,
        order__line_items__0__base_price_money=yen,
    )
    (event,) = says("Order", body)
    assert f"{event.data.totals.total.amount}" == "1000"


def test_what_was_chosen_with_it_is_in_the_price() -> None:
    milk = {"name": "Milk", "quantity": "2", "base_price_money": {"amount": 50, "currency": USD}}
    (event,) = says("Order", changed(SALE, order__line_items__0__modifiers=[milk]))
    (line,) = event.data.lines
    assert f"{line.unit_price.amount}" == "21.00"
    assert line.extensions["com.squareup"]["modifiers"] == ["Milk"]


def test_an_order_to_be_shipped_is_the_merchants_work_until_it_has_left() -> None:
    address = {"address_line_1": "1 Main", "country": "US"}
    waits = {
        "type": "SHIPMENT",
        "state": "PROPOSED",
        "shipment_details": {"recipient": {"display_name": "Jo", "address": address}},
    }
    body = changed(SALE, order__state="OPEN", order__fulfillments=[waits])
    (line,) = says("Order", body)[0].data.lines
    assert (line.fulfilled_by, line.requires_shipping, line.shipped) == ("merchant", True, 0)
    entry = {"line_item_uid": "a", "quantity": "0.2"}
    left = {**waits, "state": "COMPLETED", "entries": [entry]}
    (event,) = says("Order", changed(body, order__fulfillments=[left]))
    assert f"{event.data.lines[0].shipped}" == "0.2"
    assert event.data.shipping_address.country == "US"


def test_an_order_to_be_picked_up_is_the_stores() -> None:
    waits = {"type": "PICKUP", "state": "PREPARED", "pickup_details": {"note": "ring"}}
    (event,) = says("Order", changed(SALE, order__state="OPEN", order__fulfillments=[waits]))
    (line,) = event.data.lines
    assert (line.fulfilled_by, line.requires_shipping, line.shipped) == ("store", False, 0)
    assert event.data.note == "ring"
    assert event.data.source_status["fulfillment"] == "PICKUP PREPARED"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"order__state": "DRAFT"}, "a draft"),
        ({"order__state": "OPEN"}, "an open tab"),
        ({"order__line_items": []}, "without sold lines"),
    ],
)
def test_what_is_no_sale_is_left_out_with_its_reason(changes: Any, why: str) -> None:
    with pytest.raises(Ignore, match=why):
        says("Order", changed(SALE, **changes))


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        ({"order__total_money": ...}, "/order/total_money", "expected a value, found nothing"),
        ({"order__total_money__currency": "ZZZ"}, "/order/total_money/currency", "ISO 4217"),
        ({"order__line_items__0__quantity": "-1"}, "/order/line_items/0/quantity", "a quantity"),
        ({"order__updated_at": "2026-02-30T00:00:00Z"}, "/order/updated_at", "that exists"),
        (
            {"order__net_amount_due_money__currency": "EUR"},
            "/order/net_amount_due_money/currency",
            "USD, as the total",
        ),
    ],
)
def test_what_cannot_be_read_names_the_place_and_the_value(
    changes: Any, pointer: str, words: str
) -> None:
    with pytest.raises(ContractError, match=words) as caught:
        says("Order", changed(SALE, **changes))
    assert caught.value.pointer == pointer


def test_a_word_we_do_not_know_is_kept() -> None:
    (event,) = says("Order", changed(SALE, order__state="PARKED"))
    assert event.data.source_status == {"order": "PARKED"}
    assert event.data.lines[0].shipped == 0, "nobody said that it has left"


def test_unknown_inventory_states_are_kept_and_never_a_failure() -> None:
    at = "2026-01-01T10:00:00Z"
    states = {"IN_STOCK": "5", "SUPPORTED_BY_NEWER_VERSION": "2", "LENT": "1", "WASTE": "-3"}
    counts = [
        {"state": state, "quantity": quantity, "calculated_at": at}
        for state, quantity in states.items()
    ]
    body = {"id": "V1:L1", "sku": "BEANS", "place": "STORE", "counts": counts}
    (event,) = says("InventoryCount", body)
    assert event.data.available == 5
    assert event.data.sub_buckets == {"SUPPORTED_BY_NEWER_VERSION": 2, "LENT": 1}
    assert event.data.extensions["com.squareup"]["below_zero"] == {"WASTE": "-3"}


def test_a_refund_without_its_payment_is_a_persons_case() -> None:
    refund = {
        "id": "R1",
        "status": "COMPLETED",
        "unlinked": True,
        "amount_money": {"amount": 1000, "currency": USD},
        "created_at": "2026-01-01T10:00:00Z",
    }
    with pytest.raises(RejectedError, match=r"R1 of 10\.00 USD .* book it by hand") as caught:
        says("Refund", {"refund": refund})
    assert caught.value.reason == "unlinked_refund"


def test_a_failed_refund_says_so() -> None:
    refund = {
        "id": "R1",
        "status": "REJECTED",
        "amount_money": {"amount": 1000, "currency": USD},
        "created_at": "2026-01-01T10:00:00Z",
    }
    (event,) = says("Refund", {"refund": refund, "payment": {"order_id": "O1"}})
    assert (event.type, event.data.failure) == ("refund.failed", "Square says REJECTED")

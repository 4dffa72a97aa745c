"""Orders are told as documents: in the very form in which the model itself would write them."""

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from crossdock import ContractError, Raw, Statement
from crossdock.canonical import Order
from crossdock_shopify.mapping import translate

LINE = "gid://shopify/LineItem/487817672276298554"


def told(body: dict[str, Any], topic: str = "orders/updated") -> Statement:
    (fact,) = translate(Raw(topic, data=json.dumps(body).encode()))
    assert isinstance(fact, Statement)
    return fact


def canonical(fact: Statement) -> None:
    body = Order.write(fact.document)
    assert Order.parse(body).dump() == body


def variants(body: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The sample in the states that orders come in."""
    line = {"id": 1, "admin_graphql_api_id": LINE}
    money = {"amount": "89.99", "currency_code": "USD"}
    plain = body | {"cancelled_at": None, "financial_status": "paid", "total_outstanding": "0.00"}
    items = copy.deepcopy(plain["line_items"])
    items[0] |= {
        "quantity": 3,
        "current_quantity": 2,
        "tax_lines": [
            {"title": "VAT", "rate": 0.19, "price": "14.37", "channel_liable": False},
            {"title": None, "rate": 1e-05, "price": "0.01", "channel_liable": True},
            {"title": "Zero", "rate": 0, "price": "0.00"},
        ],
        "discount_allocations": [{"amount": "5.00", "discount_application_index": 0}],
        "properties": [{"name": "engraving", "value": 7}, {"name": None, "value": {"a": 1}}],
    }
    items[1] |= {"gift_card": True, "requires_shipping": False, "fulfillment_service": "gift_card"}
    items[2] |= {"requires_shipping": False, "fulfillment_service": "acme-3pl", "sku": ""}
    return {
        "sample": body,
        "paid": plain,
        "rich": plain
        | {
            "line_items": items,
            "taxes_included": True,
            "discount_applications": [{"type": "manual", "title": "Sorry"}],
            "note_attributes": [{"name": "gift", "value": True}],
            "discount_codes": [{"code": "TENOFF"}, {"code": ""}],
            "total_tip_received": "1.50",
            "closed_at": "2022-01-02T00:00:00.250+02:00",
            "fulfillment_status": "partial",
            "tags": " a ,, b ",
            "tax_exempt": True,
        },
        "shipped and returned": plain
        | {
            "line_items": items,
            "fulfillments": [{"status": "success", "line_items": [{**line, "quantity": 2}]}],
            "refunds": [
                {
                    "refund_line_items": [
                        {
                            "quantity": 1,
                            "restock_type": "return",
                            "line_item": line,
                            "subtotal_set": {"shop_money": money},
                        }
                    ],
                    "transactions": [
                        {
                            "kind": "refund",
                            "status": "success",
                            "amount": "89.99",
                            "currency": "USD",
                        }
                    ],
                }
            ],
        },
        "bare": {
            key: body[key]
            for key in ("id", "currency", "updated_at", "created_at", "line_items", "total_price")
        },
    }


STATES = ("sample", "paid", "rich", "shipped and returned", "bare")


@pytest.mark.parametrize("state", STATES)
def test_a_document_is_what_its_model_would_write(
    state: str, recording: Callable[[str], Raw]
) -> None:
    body = variants(json.loads(recording("orders/create").data))[state]
    canonical(told(body))


def test_odd_values_are_canonical_or_refused_with_a_pointer(
    recording: Callable[[str], Raw],
) -> None:
    """Any value of any field that is read, from a fixed seed."""
    chance = random.Random(20261123)
    states = variants(json.loads(recording("orders/create").data))
    odd: list[Any] = [None, "", 0, -1, 1.5, True, [], {}, [None], "x", "0", "-0.00", "1e3", "\x00"]
    odd += ["2022-02-30T00:00:00Z", "2022-01-01T00:00:00Z", 10**30, "🛒" * 50, float("nan")]
    refusals: list[ContractError] = []
    for _ in range(1_500):
        body = copy.deepcopy(states[chance.choice(STATES)])
        places = list(_places(body))
        for where, key in chance.sample(places, k=min(len(places), chance.choice([1, 1, 2, 4]))):
            where[key] = chance.choice(odd)
        try:
            canonical(told(body))
        except ContractError as error:
            refusals.append(error)
    assert 200 < len(refusals) < 1_400
    assert [e for e in refusals if not e.pointer and "is not JSON" not in e.message] == []


def _places(value: Any) -> Any:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)

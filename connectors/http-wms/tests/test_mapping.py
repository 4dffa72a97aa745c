"""Bad messages end in one sentence that names the place, the value and what to write."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from crossdock import Ignore, Raw
from crossdock.errors import ContractError
from crossdock_http_wms.mapping import translate

Body = dict[str, Any]


def shipped(**changes: Any) -> Body:
    data = {
        "order": {"id": "ord_1"},
        "number": "SH-1",
        "location": "DC1",
        "lines": [{"line_id": "L1", "sku": "TEE-S", "quantity": "2"}],
        "shipped_at": "2026-01-31T12:00:00Z",
    }
    head = {"id": "SH-1", "revision": 1, "timestamp": "2026-01-31T12:00:00+01:00"}
    return {"type": "fulfillment.shipped", **head, "data": {**data, **changes}}


def said(body: Any, topic: str = "fulfillment.shipped") -> Any:
    return list(translate(Raw(topic, data=json.dumps(body).encode())))


def test_a_shipment_is_told_as_it_is() -> None:
    (event,) = said(shipped())
    assert (event.type, event.native_id, event.revision) == ("fulfillment.shipped", "SH-1", 1)
    assert event.data.order.id == "ord_1"
    assert event.occurred_at.isoformat() == "2026-01-31T11:00:00+00:00"


@pytest.mark.parametrize(
    ("make", "pointer", "words"),
    [
        (lambda: shipped(cancelled_at="2026-02-01T00:00:00Z"), "/data/cancelled_at", "contradict"),
        (lambda: shipped(lines=[]), "/data/lines", "expected lines, as fulfillment.shipped says"),
        (lambda: shipped(order={}), "/data/order/id", "the id of the order, as it stood in"),
        (
            lambda: shipped(lines=[{"line_id": "L1", "quantity": 2}]),
            "/data/lines/0/quantity",
            'write "2"',
        ),
        (lambda: {**shipped(), "version": 2}, "/version", "a version of fulfillment up to 1"),
        (lambda: {**shipped(), "revision": "1"}, "/revision", "found '1'"),
        (
            lambda: {**shipped(), "timestamp": "2026-02-30T00:00:00Z"},
            "/timestamp",
            "expected a time such as",
        ),
        (lambda: {**shipped(), "type": "fulfillment.updated"}, "/type", "under which it was sent"),
        (lambda: {"type": "fulfillment.shipped"}, "/id", "found nothing"),
    ],
)
def test_bad_messages(make: Callable[[], Body], pointer: str, words: str) -> None:
    with pytest.raises(ContractError) as told:
        said(make())
    assert told.value.pointer == pointer
    assert words in str(told.value)
    assert len(str(told.value)) < 400


def test_counters_that_contradict_each_other() -> None:
    line = {"line_id": "L1", "requested": "2", "shipped": "3"}
    data = {
        "order": {"id": "ord_1"},
        "location": "DC1",
        "lines": [line],
        "requested_at": "2026-01-31T12:00:00Z",
        "accepted_at": "2026-01-31T12:00:00Z",
    }
    body = {**shipped(), "type": "fulfillment_order.accepted", "data": data}
    with pytest.raises(ContractError, match="is 3, more than requested, which is 2"):
        said(body, "fulfillment_order.accepted")


def test_an_item_that_is_no_message_is_refused_under_its_lists_name() -> None:
    with pytest.raises(ContractError, match="shipments"):
        said(["no message"], "shipments")


def test_types_of_a_newer_protocol_are_ignored_in_words() -> None:
    with pytest.raises(Ignore, match=r"'fulfillment.teleported' is none of"):
        said({**shipped(), "type": "fulfillment.teleported"}, "fulfillment.teleported")

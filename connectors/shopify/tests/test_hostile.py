"""Whatever a sender writes, translating ends in events, Ignore or ContractError: nothing else."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from crossdock import ContractError, Event, Ignore, Raw
from crossdock.canonical.entity import Entity
from crossdock.jsontext import dump
from crossdock_shopify.mapping import translate
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Paths = list[tuple[Any, ...]]
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**17, max_value=10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(
        ["", "0", "-0.00", "1e5", "12.30\n", "١٢", "9" * 40, "gid://shopify/Order/", "USD", "XXX"]
    )
    | st.sampled_from(["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "2022-02-30"])
)
anything = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def paths(value: Any, at: tuple[Any, ...] = ()) -> Paths:
    found = [at]
    if isinstance(value, dict):
        for key, item in value.items():
            found += paths(item, (*at, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            found += paths(item, (*at, index))
    return found


def outcome(raw: Raw) -> list[Event[Entity]]:
    """The events; none when it is refused in the proper words."""
    try:
        return list(translate(raw))
    except ContractError as error:
        ours = error.message.startswith(raw.topic + (error.pointer or "/"))
        if not ours and f"the {raw.topic} payload" not in error.message:
            raise
    except Ignore:
        pass
    return []


def rich(recording: Callable[[str], Raw], topic: str) -> Any:
    """The sample, with the parts that Shopify's sample leaves empty."""
    body = json.loads(recording(topic).data)
    if "line_items" in body and "fulfillments" in body:
        line = body["line_items"][0]
        body["fulfillments"] = [json.loads(recording("fulfillments/create").data)]
        refund = json.loads(recording("refunds/create").data)
        body["refunds"] = [refund]
        body["discount_applications"] = [{"code": "A", "title": "B"}]
        line["discount_allocations"] = [{"amount": "1.00", "discount_application_index": 0}]
        line["tax_lines"] = [{"title": "VAT", "rate": 0.19, "price": "1.00"}]
        line["properties"] = [{"name": "engraving", "value": "x"}]
        body["note_attributes"] = [{"name": "gift", "value": True}]
        body["discount_codes"] = [{"code": "A", "amount": "1.00", "type": "percentage"}]
    return body


@pytest.mark.parametrize(
    "topic",
    [
        "orders/create",
        "orders/cancelled",
        "fulfillments/create",
        "products/update",
        "customers/create",
    ],
)
@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_translate_is_total(
    data: st.DataObject, topic: str, recording: Callable[[str], Raw]
) -> None:
    body = copy.deepcopy(rich(recording, topic))
    for _ in range(data.draw(st.integers(1, 3))):
        path = data.draw(st.sampled_from(paths(body)))
        value = data.draw(anything)
        if not path:
            body = value
            continue
        at = body
        for step in path[:-1]:
            at = at[step]
        if data.draw(st.booleans()) and isinstance(at, dict):
            del at[path[-1]]
        else:
            at[path[-1]] = value
    raw = Raw(topic, data=dump(body))
    for event in outcome(raw):
        parsed = type(event.data).parse(event.data.dump())
        assert parsed == event.data


@pytest.mark.parametrize("topic", ["orders/create", "fulfillments/create", "products/update"])
def test_each_value_may_be_missing_null_or_of_another_type(
    topic: str, recording: Callable[[str], Raw]
) -> None:
    body = rich(recording, topic)
    tried = 0
    for path in paths(body)[1:]:
        at = body
        for step in path[:-1]:
            at = at[step]
        kept = at[path[-1]]
        for wrong in (None, 7, 1.5, -1, "x", [], {}, [None], {"a": 1}, True, 10**400):
            at[path[-1]] = wrong
            for event in outcome(Raw(topic, body)):
                event.data.dump()
            tried += 1
        at[path[-1]] = kept
    assert tried > 500

"""What a Shopify record says, in canonical events. Pure: no I/O, no clock, no connection.

Two dialects: webhook bodies are REST-shaped (snake_case, numeric ids beside a gid), as published
for API version 2026-07 (https://shopify.dev/docs/api/webhooks); what we read ourselves is GraphQL,
its topic is the name of its type (`Order`), and `graphql_shapes` turns it into the first. Every
native id is the numeric text, taken from the gid where there is one.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import NoReturn

from crossdock import ContractError, Fact, Ignore, Raw, RejectedError, Statement, revision_of
from crossdock.canonical.entity import contract_error
from pydantic import ValidationError

from crossdock_shopify import graphql_shapes, topics
from crossdock_shopify.echoes import ECHO_HEADER, echoed
from crossdock_shopify.mapping_fulfillments import fulfillment_events, fulfillment_order_events
from crossdock_shopify.mapping_goods import product_events, removed_events
from crossdock_shopify.mapping_inventory import item_events, level_events
from crossdock_shopify.mapping_orders import order
from crossdock_shopify.mapping_payments import dispute_events, transaction_events
from crossdock_shopify.mapping_people import (
    consent_events,
    customer_events,
    merged_events,
    privacy,
)
from crossdock_shopify.mapping_refunds import refund_events
from crossdock_shopify.mapping_returns import return_events
from crossdock_shopify.marks import command_in
from crossdock_shopify.order_parts import moment, native_id
from crossdock_shopify.order_shapes import ORDER, Body
from crossdock_shopify.reading import Obj

entity_key = topics.entity_key
Reader = Callable[[Obj, Raw], Iterable[Fact]]


def translate(raw: Raw) -> Iterator[Fact]:
    """Say what one record means.

    ContractError names topic, JSON pointer and value. Ignore tells why a record has no event:
    nothing of interest, ids only, or an echo of what we did ourselves. RejectedError: a privacy
    request, which a person must answer (`topics.PRIVACY`).
    """
    facts = iter((_order(raw, _ORDERS[raw.topic]),)) if raw.topic in _ORDERS else _facts(raw)
    return _by_others(facts, raw) if ECHO_HEADER in raw.headers else facts


def _by_others(facts: Iterable[Fact], raw: Raw) -> Iterator[Fact]:
    """Without what is news of our own doing."""
    ours, told = echoed(raw.headers[ECHO_HEADER]), 0
    for fact in facts:
        if f"{fact.kind}/{fact.native_id}" not in ours:
            told += 1
            yield fact
    if ours and not told:
        commands = ", ".join(sorted(set(ours.values())))
        raise Ignore(f"echo: this was done by our own command {commands}")


def _facts(raw: Raw) -> Iterator[Fact]:
    reader = _READERS.get(raw.topic)
    if reader is None:
        raise Ignore(topics.why_ignored(raw.topic))
    try:
        yield from reader(Obj(raw.topic, _unwrapped(raw)), raw)
    except ValidationError as error:  # a fault that no reader foresaw is still the sender's
        raise contract_error(raw.topic, error) from None


def _unwrapped(raw: Raw) -> object:
    """The body; of a sample as Shopify publishes them for a topic, the part that is the body.

    Its topic index wraps each sample as `{"name": "orders/create", …, "response": {…}}`.
    """
    body = raw.body
    if isinstance(body, dict) and body.get("name") == raw.topic and "response" in body:
        return body["response"]
    return body


def _order(raw: Raw, type_: str) -> Fact:
    """One of the topics that carry the whole order."""
    try:
        body = ORDER.read(raw)
    except ContractError:
        inner = _unwrapped(raw)
        if inner is raw.body:
            raise
        body = ORDER.of(inner, raw.topic)
    return _order_fact(body, raw, type_)


def _order_fact(body: Body, raw: Raw, type_: str) -> Fact:
    updated_at = moment(body.updated_at, "updated_at", raw.topic)
    document = order(body, raw, updated_at)
    told = document.get(_WHEN.get(type_, ""))
    return Statement(
        type=type_,
        document=document,
        native_id=native_id(body, raw.topic),
        revision=revision_of(updated_at),
        occurred_at=datetime.fromisoformat(told) if told else updated_at,
    )


def _read_order(node: Obj, raw: Raw) -> Iterator[Fact]:
    """An order as we read it: `orders/updated`, and what was shipped and refunded.

    So a webhook that never came is made up for, and one that did has told the same events.
    """
    body = _shaped(node, graphql_shapes.order)
    cancellation = node.object("cancellation")
    ours = command_in(cancellation.text("staffNote")) if cancellation else None
    if not ours:
        fact = "cancelled" if body.data["cancelled_at"] else "updated"
        yield _order_fact(ORDER.of(body.data, raw.topic), raw, f"order.{fact}")
    for item in body.objects("fulfillments"):
        yield from fulfillment_events(item, raw)
    for item in body.objects("refunds"):
        try:
            yield from refund_events(item, raw)
        except Ignore:
            continue  # it moved no money, or it was our own: the order is told all the same
    if ours and not body.array("fulfillments") and not body.array("refunds"):
        raise Ignore(f"echo: this order was cancelled by our own command {ours}")


def _watched(body: Obj, raw: Raw) -> NoReturn:
    """What the watchdog found: kept when it is mended, for a person when it is not."""
    gone, made = body.texts("gone"), body.texts("made_again")
    left = [topic for topic in gone if topic not in made]
    if not left:
        raise Ignore(f"webhook subscriptions were gone and are made again: {', '.join(made)}")
    faults = body.data.get("faults")
    told = faults.values() if isinstance(faults, dict) else ()
    said = "; ".join(str(words)[:200] for words in told) or body.text("why") or "make it again"
    raise RejectedError(
        f"Shopify has no webhook subscription for {', '.join(left)} any more: {said}. "
        "The sweep brings such news meanwhile",
        reason="webhook_subscriptions_missing",
    )


def _shaped(node: Obj, shape: Callable[[Obj], graphql_shapes.Body]) -> Obj:
    return Obj(node.topic, shape(node), node.pointer)


def _read(shape: Callable[[Obj], graphql_shapes.Body], reader: Reader) -> Reader:
    return lambda node, raw: reader(_shaped(node, shape), raw)


_WHEN = {"order.placed": "placed_at", "order.cancelled": "cancelled_at"}
_ORDERS = {
    "orders/create": "order.placed",
    "orders/updated": "order.updated",
    "orders/paid": "order.paid",
    "orders/cancelled": "order.cancelled",
    "orders/fulfilled": "order.updated",
    "orders/partially_fulfilled": "order.updated",
}
"""Topics that carry a whole order, and their events."""

_READERS: dict[str, Reader] = {
    "fulfillments/create": partial(fulfillment_events, fact="shipped"),
    "fulfillments/update": partial(fulfillment_events, fact="updated"),
    "refunds/create": refund_events,
    "order_transactions/create": transaction_events,
    "disputes/create": dispute_events,
    "disputes/update": dispute_events,
    "customers/create": customer_events,
    "customers/update": customer_events,
    "customers/enable": customer_events,
    "customers/disable": customer_events,
    "customers/merge": merged_events,
    "customers_email_marketing_consent/update": consent_events,
    "customers_marketing_consent/update": consent_events,
    "products/create": product_events,
    "products/update": product_events,
    "products/delete": removed_events,
    "inventory_items/create": item_events,
    "inventory_items/update": item_events,
    "Order": _read_order,
    "Fulfillment": _read(graphql_shapes.fulfillment, fulfillment_events),
    "FulfillmentOrder": fulfillment_order_events,
    "Return": return_events,
    "InventoryLevel": level_events,
    "Product": _read(graphql_shapes.product, product_events),
    "Customer": _read(graphql_shapes.customer, customer_events),
    topics.SUBSCRIPTIONS: _watched,
    **dict.fromkeys(topics.PRIVACY, privacy),
}
"""Topics of webhooks, and the types of what we read ourselves."""

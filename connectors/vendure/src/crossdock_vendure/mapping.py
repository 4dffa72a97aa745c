"""What Vendure says, in canonical events. Pure: no network, no clock, no chance.

A shape names the fields that are read, and what they must be; whatever else comes is refused with
a pointer to the value, or ignored where the vendor added a field.
"""

from collections.abc import Iterator

import crossdock
from crossdock.canonical import (
    Entity,
    Money,
    Order,
    OrderLine,
    Totals,
)
from crossdock.jsontext import shorten
from crossdock.reading import Amount, Count, Moment, Shape, Text, TypedDict

TOPIC = "order"


class Head(TypedDict):
    """What every record has: whose news it is, and how new. FILL IN: the vendor's names."""

    id: Text
    version: Count
    updated_at: Moment


class Line(TypedDict):
    """One position."""

    id: Text
    sku: Text
    title: Text
    quantity: Amount
    price: Amount


class Body(Head):
    """One order."""

    number: Text
    status: Text
    placed_at: Moment
    currency: Text
    total: Amount
    lines: list[Line]


HEAD = Shape(Head)
BODY = Shape(Body)


def translate(raw: crossdock.Raw) -> Iterator[crossdock.Event[Entity]]:
    """One event for each record; other topics are ignored with that reason."""
    if raw.topic != TOPIC:
        raise crossdock.Ignore(f"topic {shorten(raw.topic)} is not {TOPIC}")
    body = BODY.read(raw)
    yield crossdock.Event(
        type="order.updated",
        data=_entity(body),
        native_id=body["id"],
        revision=body["version"],
    )


def _entity(body: Body) -> Entity:
    """FILL IN: every field of the vendor's, or the reason why not (mapping coverage)."""
    currency = body["currency"]
    lines = tuple(
        OrderLine(
            line_id=line["id"],
            sku=line["sku"],
            title=line["title"],
            ordered=line["quantity"],
            unit_price=Money(amount=line["price"], currency=currency),
        )
        for line in body["lines"]
    )
    return Order(
        number=body["number"],
        placed_at=body["placed_at"],
        updated_at=body["updated_at"],
        currency=currency,
        lines=lines,
        totals=Totals(total=Money(amount=body["total"], currency=currency)),
        source_status={"order": body["status"]},
    )

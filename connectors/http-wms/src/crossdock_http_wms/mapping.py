"""What Http Wms says, in canonical events. Pure: no network, no clock, no chance.

A shape names the fields that are read, and what they must be; whatever else comes is refused with
a pointer to the value, or ignored where the vendor added a field.
"""

from collections.abc import Iterator

import crossdock
from crossdock.canonical import (
    Entity,
    InventoryLevel,
)
from crossdock.jsontext import shorten
from crossdock.reading import Amount, Count, Moment, Shape, Text, TypedDict

TOPIC = "level"


class Head(TypedDict):
    """What every record has: whose news it is, and how new. FILL IN: the vendor's names."""

    id: Text
    version: Count
    updated_at: Moment


class Body(Head):
    """The stock of one SKU in one place."""

    sku: Text
    warehouse: Text
    on_hand: Amount
    reserved: Amount


HEAD = Shape(Head)
BODY = Shape(Body)


def translate(raw: crossdock.Raw) -> Iterator[crossdock.Event[Entity]]:
    """One event for each record; other topics are ignored with that reason."""
    if raw.topic != TOPIC:
        raise crossdock.Ignore(f"topic {shorten(raw.topic)} is not {TOPIC}")
    body = BODY.read(raw)
    yield crossdock.Event(
        type="inventory.level_changed",
        data=_entity(body),
        native_id=body["id"],
        revision=body["version"],
    )


def _entity(body: Body) -> Entity:
    """FILL IN: every field of the vendor's, or the reason why not (mapping coverage)."""
    return InventoryLevel(
        sku=body["sku"],
        location=body["warehouse"],
        on_hand=body["on_hand"],
        reserved=body["reserved"],
        as_of=body["updated_at"],
        updated_at=body["updated_at"],
    )

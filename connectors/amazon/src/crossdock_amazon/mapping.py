"""What Amazon says, in canonical events. Pure: no network, no clock, no chance."""

from collections.abc import Iterator

import crossdock
from crossdock.canonical import Entity
from crossdock.jsontext import shorten

from crossdock_amazon import (
    mapping_finance,
    mapping_inventory,
    mapping_notifications,
    mapping_orders,
    mapping_v0,
    marks,
    shapes,
    verifying,
)


def translate(raw: crossdock.Raw) -> Iterator[crossdock.Event[Entity]]:
    """The events of one record, by its topic."""
    place = raw.headers.get("x-fba-location") or "FBA"
    if raw.topic.startswith(mapping_notifications.PREFIX):
        mapping_notifications.translate(raw)
    match raw.topic:
        case mapping_orders.TOPIC:
            yield from mapping_orders.events(raw, shapes.ORDER.read(raw), place)
        case mapping_v0.TOPIC:
            yield from mapping_orders.events(raw, mapping_v0.in_new_words(raw), place)
        case mapping_inventory.TOPIC:
            yield from mapping_inventory.at_amazon(raw)
        case mapping_inventory.LISTING:
            yield from mapping_inventory.offered(raw)
        case mapping_finance.TRANSACTION:
            yield from mapping_finance.lines(raw)
        case mapping_finance.STATEMENT:
            yield from mapping_finance.closed(raw)
        case verifying.TOPIC:
            verifying.translate(raw)
        case mapping_orders.MISSING:
            mapping_orders.refuse_missing(raw)
        case marks.START:
            raise crossdock.Ignore("reading begins here; orders that change from now on are told")
        case _:
            raise crossdock.Ignore(f"topic {shorten(raw.topic)} is none that is understood")

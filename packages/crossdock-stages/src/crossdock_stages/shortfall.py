"""The news that more is promised than lies there."""

from crossdock.canonical import InventoryLevel
from crossdock.events import Envelope, now_text
from crossdock.identity import entity_id, event_id

from crossdock_stages.ledger.traffic import ToSend
from crossdock_stages.stock import Shortage
from crossdock_stages.topology import Topology


def shortfall(topology: Topology, cause: Envelope, shortage: Shortage) -> ToSend:
    """The news that more of a SKU is promised than lies there: `available` is below 0."""
    own = entity_id("crossdock", "inventory", f"shortfall:{cause.subject}:{shortage.sku}")
    data = InventoryLevel(
        id=own,
        sku=shortage.sku,
        location="all",
        available=shortage.there - shortage.wanted,
        incoming=shortage.incoming,
    )
    name = "inventory.shortfall_detected"
    body = data.dump()
    envelope = Envelope(
        id=event_id(own, name, cause.id, ""),
        source=topology.source("crossdock"),
        type=f"crossdock.{name}.v{InventoryLevel.major}",
        subject=own,
        key=own,
        time=now_text(),
        connection="crossdock",
        cause=cause.id,
        correlation=cause.correlation,
        mode=cause.mode,
    )
    return ToSend(
        message=topology.event(envelope, body),
        body=body,
        connection="",
        type=name,
        entity_id=own,
        entity_key=own,
        cause=cause.id,
    )

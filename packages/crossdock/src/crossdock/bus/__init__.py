"""NATS JetStream as Crossdock uses it; nothing outside this package imports nats."""

from crossdock.bus.embedded import Embedded, embedded_server
from crossdock.bus.jetstream import Bus, Consumer, Stream
from crossdock.bus.lane import CLAIM_CHECK_BYTES, Delivery, Lane
from crossdock.bus.publisher import Ack, Outgoing

__all__ = [
    "CLAIM_CHECK_BYTES",
    "Ack",
    "Bus",
    "Consumer",
    "Delivery",
    "Embedded",
    "Lane",
    "Outgoing",
    "Stream",
    "embedded_server",
]

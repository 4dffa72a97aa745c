"""A wish as the message that asks for it."""

from collections.abc import Sequence
from datetime import UTC, datetime

from crossdock.canonical import Entity, EntityRef, Hold, InventoryLevel
from crossdock.events import Envelope, now_text
from crossdock.identity import command_id, entity_id, event_id

from crossdock_stages.judgement.basis import Wish
from crossdock_stages.ledger.stockbook import Offer, Spotted
from crossdock_stages.ledger.traffic import ToSend
from crossdock_stages.topology import Topology


def ask_all(
    topology: Topology,
    wishes: Sequence[Wish],
    cause: Envelope | None,
    because: str,
    written: tuple[Entity, bytes] | None = None,
) -> list[ToSend]:
    """The same for several wishes; what several targets are told is written out once.

    `written` is an entity that was written out before, with its bytes.
    """
    bodies: dict[int, bytes] = {id(written[0]): written[1]} if written else {}
    for wish in wishes:
        if id(wish.data) not in bodies:
            bodies[id(wish.data)] = wish.data.dump()
    return [ask(topology, one, cause, because, bodies[id(one.data)]) for one in wishes]


def ask(
    topology: Topology, wish: Wish, cause: Envelope | None, because: str, body: bytes | None = None
) -> ToSend:
    """The command for `wish`. `cause` is the event it follows from, None where time alone did it;
    `because` is what the outbox row names as its cause."""
    body = wish.data.dump() if body is None else body
    envelope = Envelope(
        id=wish.id,
        source=topology.source("crossdock"),
        type=f"crossdock.{wish.type}.v{wish.data.major}",
        subject=wish.entity_id,
        key=wish.key,
        time=now_text(),
        connection=wish.target,
        revision=cause.revision if cause else "",
        landing=cause.landing if cause else "",
        cause=cause.id if cause else "",
        correlation=cause.correlation if cause else "",
        refs=",".join(wish.refs),
        mode=cause.mode if cause else "",
    )
    return ToSend(
        message=topology.command(envelope, body, wish.target),
        body=body,
        connection=wish.target,
        type=wish.type,
        entity_id=wish.entity_id,
        entity_key=wish.key,
        cause=because,
    )


def let_go(topology: Topology, order_id: str, reason: str, by: str, cause: Envelope) -> ToSend:
    """The news that one reason for which an order waits is gone; `cause` is what settled it."""
    own = entity_id("crossdock", "hold", f"{order_id}:{reason}")
    moment = datetime.now(UTC)
    data = Hold(
        id=own,
        order=EntityRef(id=order_id),
        reason=reason,
        placed_at=moment,
        released_at=moment,
        released_by=by[:200],
    )
    body = data.dump()
    envelope = Envelope(
        id=event_id(own, "hold.released", "", cause.id),
        source=topology.source("crossdock"),
        type=f"crossdock.hold.released.v{Hold.major}",
        subject=own,
        key=order_id,
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
        type="hold.released",
        entity_id=own,
        entity_key=order_id,
        cause=cause.id,
    )


def figure(offer: Offer, there: Spotted) -> Wish:
    """Tell a channel how much there is to sell."""
    verb = "inventory.publish"
    return Wish(
        target=offer.channel,
        type=verb,
        id=command_id(offer.channel, verb, f"{there.entity_id}:#{offer.number + 1}"),
        data=InventoryLevel(
            id=there.entity_id,
            sku=there.sku,
            location=there.location,
            unit=there.unit,
            available=offer.wanted,
        ),
        entity_id=there.entity_id,
        key=there.entity_id,
        refs=(there.entity_id,),
    )

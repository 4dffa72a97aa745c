"""A batch of events as decide reads it: parsed, under our own ids, each in its own queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from crossdock.canonical import Entity, EntityRef, Order
from crossdock.errors import ContractError
from crossdock.events import EVENT_TYPES, Envelope
from sqlalchemy.engine import Connection

from crossdock_stages.breath import Breath
from crossdock_stages.harness import Item
from crossdock_stages.judgement.basis import Tie
from crossdock_stages.ledger import things
from crossdock_stages.recovery import Trouble


@dataclass(frozen=True)
class News:
    """One event, with everything it names under our own ids."""

    item: Item
    envelope: Envelope
    data: Entity
    text: bytes = b""
    """`data` as it was told, where nothing of that was changed."""
    tie: Tie | None = None
    """What a payment service's news belongs to (`ties`)."""


async def parse(
    items: Sequence[Item], breath: Breath
) -> tuple[list[tuple[Item, Entity]], list[Trouble]]:
    parsed: list[tuple[Item, Entity]] = []
    faults: list[Trouble] = []
    for item in items:
        await breath()
        model = EVENT_TYPES.get(item.envelope.name)
        try:
            if model is None:
                raise ContractError(f"there is no event type {item.envelope.type!r}")
            parsed.append((item, model.parse(item.body, major=item.envelope.major)))
        except Exception as error:  # noqa: BLE001 - recovery sorts it; one event only is hit
            faults.append(item.trouble(queue=queue_of(item), error=error))
    return parsed, faults


NOTHING: Mapping[str, Any] = {}
_OTHERS = {
    "order": "order",
    "return_ref": "return",
    "new_order": "order",
    "price_list": "price_list",
}
"""Fields by which an entity names another one, and of which kind that is."""
_TOLD_BACK = frozenset({"product", "fulfillment"})
"""Kinds of which one system's own record may be another's thing, made because we told it so."""


def resolve(
    tx: Connection,
    parsed: Sequence[tuple[Item, Entity]],
    theirs: Mapping[str, Mapping[str, str]] = NOTHING,
) -> list[News]:
    """Put our own ids where a source named a thing by its own, once the pair is known.

    That a connection's own thing is another system's thing is known from having told it so, and
    what it calls our places (`theirs`) from the deployment.
    """
    names: set[tuple[str, str, str]] = set()
    for item, data in parsed:
        speaker, told = item.envelope.connection, vars(data)  # asking a model for no field is slow
        for field_name, kind in _OTHERS.items():
            ref = told.get(field_name)
            if isinstance(ref, EntityRef) and ref.native_id:
                names.add((speaker, kind, ref.native_id))
        if item.envelope.kind in _TOLD_BACK:
            names.add((speaker, item.envelope.kind, item.envelope.native))
    found = things.aliases(tx, names)
    if found:
        news = [_resolved(item, data, found) for item, data in parsed]
    else:
        news = [News(item, item.envelope, data, _text(item, data)) for item, data in parsed]
    if not theirs:
        return news
    return [_at_our_places(one, theirs.get(one.envelope.connection, NOTHING)) for one in news]


def _resolved(item: Item, data: Entity, aliases: dict[tuple[str, str, str], str]) -> News:
    envelope, updates = item.envelope, {}
    for field_name, kind in _OTHERS.items():
        ref = getattr(data, field_name, None)
        if isinstance(ref, EntityRef) and ref.native_id:
            ours = aliases.get((envelope.connection, kind, ref.native_id))
            if ours and ours != ref.id:
                updates[field_name] = EntityRef(id=ours, native_id=ref.native_id)
    if envelope.kind in _TOLD_BACK:
        ours = aliases.get((envelope.connection, envelope.kind, envelope.native))
        if ours and ours != envelope.subject:
            envelope = replace(envelope, subject=ours)
    if updates:
        return News(item, envelope, data.model_copy(update=updates))
    return News(item, envelope, data, _text(item, data))


def _at_our_places(one: News, theirs: Mapping[str, str]) -> News:
    """The same under our names of places, where its source gave its own: a till's, for instance."""
    data = one.data
    told = vars(data) if theirs else NOTHING
    updates: dict[str, Any] = {}
    if (place := theirs.get(told.get("location") or "")) is not None:
        updates["location"] = place
    lines = data.lines if theirs and isinstance(data, Order) else ()
    if any((line.location or "") in theirs for line in lines):
        updates["lines"] = tuple(
            line.model_copy(update={"location": theirs.get(line.location or "", line.location)})
            for line in lines
        )
    if not updates:
        return one
    return replace(one, data=data.model_copy(update=updates), text=b"")


def _text(item: Item, data: Entity) -> bytes:
    """What was told, unless it was brought up from another major version."""
    return item.body if item.envelope.major == data.major else b""


def queue_of(item: Item) -> str:
    """News waits behind earlier news of its own subject only.

    A shipment that waits for its order must not hold up the very news it waits for.
    """
    return item.envelope.subject

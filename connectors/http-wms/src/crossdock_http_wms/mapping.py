"""What a warehouse's message says, in canonical events. Pure: no network, no clock, no chance.

The entity in `data` is canonical already: it is held to its schema (consumer profile: fields of a
newer version pass), and to what the message's own type claims of it.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import crossdock
from crossdock import jsontext
from crossdock.canonical import Entity, FulfillmentOrder
from crossdock.errors import ContractError, RejectedError
from crossdock.jsontext import shorten
from crossdock.reading import Moment, Required, Shape, TypedDict, fault, pattern
from pydantic import Field

from crossdock_http_wms.messages import LIST_OF, LISTS, MESSAGES, Message

NativeId = Annotated[str, pattern(r"^[!-~]([ -~]{0,126}[!-~])?$", "1 to 128 printable ASCII")]
"""The warehouse's own id of a thing."""
Type = Annotated[
    str, pattern(r"^[a-z_]{1,40}\.[a-z_]{1,40}$", "a type such as fulfillment.shipped")
]


class Head(TypedDict, total=False):
    """What every message has, beside `data`."""

    type: Required[Type]
    id: Required[NativeId]
    revision: Required[Annotated[int, Field(strict=True, ge=0, lt=10**18)]]
    timestamp: Required[Moment]
    version: Annotated[int, Field(strict=True, ge=1, le=99)]
    data: Required[dict[str, Any]]


HEAD = Shape(Head)


def address(head: Head) -> str:
    """Whose sequence the message belongs to: its order's, else the thing's own."""
    order = head["data"].get("order")
    order_id = order.get("id") if isinstance(order, dict) else None
    if isinstance(order_id, str) and 0 < len(order_id) <= 128:
        return f"order:{order_id}"
    return f"{head['type'].partition('.')[0]}:{head['id']}"


def translate(raw: crossdock.Raw) -> Iterator[crossdock.Event[Entity]]:
    """One event for each message; unknown types are ignored with that reason.

    RejectedError: the house will not ship something, and a person must settle that.
    """
    message = MESSAGES.get(raw.topic)
    if message is None and raw.topic not in LISTS:
        known = ", ".join(MESSAGES)
        raise crossdock.Ignore(f"type {shorten(raw.topic)} is none of {known}")
    head = HEAD.of(raw.body, raw.topic)
    if message is None or head["type"] != raw.topic:
        raise fault(raw.topic, "/type", "the type under which it was sent", head["type"])
    entity = _entity(head, message)
    if isinstance(entity, FulfillmentOrder) and message.name.endswith(".rejected"):
        raise _refused(head, entity)
    yield crossdock.Event(
        type=message.name,
        data=entity,
        native_id=head["id"],
        revision=head["revision"],
        occurred_at=_moment(message.name, head["timestamp"]),
    )


def _refused(head: Head, order: FulfillmentOrder) -> RejectedError:
    """What the house will not ship is nobody's fact: a person asks for it, or calls it off."""
    rest = [
        f"{line.rejected or line.requested - line.shipped:f} of {line.sku or line.line_id}"
        for line in order.lines
        if line.rejected or not any(one.rejected for one in order.lines)
    ]
    why = f": {order.rejected_reason}" if order.rejected_reason else ""
    return RejectedError(
        f"{order.location} will not ship {', '.join(rest)[:200]} of order "
        f"{order.number or order.order.id} (its {head['id']}){why[:200]}",
        reason="short_shipped",
        parts={"order": order.order.id, "native_id": head["id"]},
    )


def _moment(topic: str, text: str) -> datetime:
    """ContractError: the calendar has no such day."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise fault(topic, "/timestamp", "a time such as 2026-01-31T12:00:00Z", text) from None


def _entity(head: Head, message: Message) -> Entity:
    model = message.model
    major = head.get("version", model.major)
    if major > model.major:
        expected = f"a version of {model.kind} up to {model.major}"
        raise fault(message.name, "/version", expected, major)
    given = {name: value for name, value in head["data"].items() if name != "id"}
    if isinstance(extensions := given.get("extensions"), dict):
        # as unknown fields elsewhere: what is no name of an extension is let be
        given["extensions"] = {name: one for name, one in extensions.items() if "." in name}
    try:
        entity = model.parse(jsontext.dump(given), major=major)
    except ContractError as error:
        raise ContractError(
            f"{message.name}/data: {error.message}",
            pointer=f"/data{error.pointer}",
            value=error.value,
            parts=error.parts,
        ) from error
    except ValueError as error:  # a number that JSON cannot carry
        raise ContractError(f"{message.name}/data: {error}", pointer="/data") from None
    _agrees(entity, message)
    return entity


def _agrees(entity: Entity, message: Message) -> None:
    """ContractError when the type says one thing and the entity another."""
    held = {name for name in (*message.needs, *message.excludes) if getattr(entity, name)}
    held |= {name for name in message.needs if getattr(entity, name) == 0}
    if message.needs and not held.intersection(message.needs):
        wanted = " or ".join(message.needs)
        at = f"/data/{message.needs[0]}"
        raise fault(message.name, at, f"{wanted}, as {message.name} says", None)
    for name in message.excludes:
        if name in held:
            raise fault(
                message.name,
                f"/data/{name}",
                f"no {name} in {message.name}: the two contradict each other",
                str(getattr(entity, name)),
            )
    order = getattr(entity, "order", None)
    if LIST_OF.get(message.kind) in {"shipments", "fulfillment-orders"} and not (
        order and (order.id or order.native_id)
    ):
        expected = "the id of the order, as it stood in the fulfilment order"
        raise fault(message.name, "/data/order/id", expected, None)

"""The words of the protocol: which messages a warehouse sends, what we ask it, by which address.

The connector, the sandbox and the OpenAPI document are all made from these two tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from crossdock.canonical import ENTITIES, Entity
from crossdock.canonical.eventtypes import EVENTS
from crossdock.events import COMMAND_TYPES

from crossdock_http_wms.config import ListName


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message of a warehouse: one canonical event."""

    name: str
    """Its type: the event it means."""
    list: ListName | None = None
    """The list in which the thing stands afterwards; None: it is told by webhook alone."""
    needs: tuple[str, ...] = ()
    """Fields of the entity of which one at least must be there, or the message says nothing."""
    excludes: tuple[str, ...] = ()
    """Fields that would say the contrary."""

    @property
    def kind(self) -> str:
        """The entity's kind."""
        return self.name.partition(".")[0]

    @property
    def model(self) -> type[Entity]:
        """The entity."""
        return ENTITIES[self.kind]

    @property
    def meaning(self) -> str:
        """One sentence."""
        return EVENTS[self.name].meaning


MESSAGES: Mapping[str, Message] = {
    one.name: one
    for one in (
        Message(
            name="fulfillment.shipped",
            list="shipments",
            needs=("lines",),
            excludes=("cancelled_at",),
        ),
        Message(
            name="fulfillment.updated",
            list="shipments",
            needs=("lines",),
            excludes=("cancelled_at",),
        ),
        Message(name="fulfillment.cancelled", list="shipments", needs=("cancelled_at",)),
        Message(
            name="fulfillment.delivered",
            list="shipments",
            needs=("delivered_at",),
            excludes=("cancelled_at",),
        ),
        Message(
            name="fulfillment_order.accepted",
            list="fulfillment-orders",
            needs=("accepted_at",),
            excludes=("rejected_at",),
        ),
        Message(
            name="fulfillment_order.rejected", list="fulfillment-orders", needs=("rejected_at",)
        ),
        Message(name="fulfillment_order.picked", list="fulfillment-orders"),
        Message(name="fulfillment_order.packed", list="fulfillment-orders"),
        Message(name="fulfillment_order.cancelled", list="fulfillment-orders"),
        Message(name="goods_receipt.recorded", list="receipts"),
        Message(name="return_receipt.recorded", list="receipts"),
        Message(name="inventory.level_changed", list="stock", needs=("on_hand", "available")),
        Message(name="inventory_movement.recorded"),
        Message(name="stock_count.completed"),
        Message(name="package.tracked", needs=("events",)),
    )
}
"""What a warehouse tells, by its type."""

LISTS: Mapping[ListName, tuple[str, ...]] = {
    name: tuple(dict.fromkeys(one.kind for one in MESSAGES.values() if one.list == name))
    for name in ("shipments", "fulfillment-orders", "receipts", "stock")
}
"""Each list with the kinds of entity that stand in it."""

LIST_OF: Mapping[str, ListName] = {kind: name for name, kinds in LISTS.items() for kind in kinds}


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One thing that we ask of a warehouse."""

    command: str
    path: str
    """The collection: `fulfillment-orders`."""
    verb: str = "put"
    """`put`: make it or replace it under our id; `cancel`: call it off."""

    @property
    def kind(self) -> str:
        """The entity's kind."""
        return self.command.partition(".")[0]

    @property
    def model(self) -> type[Entity]:
        """The entity."""
        return COMMAND_TYPES[self.command]


ASKS: Mapping[str, Ask] = {
    one.command: one
    for one in (
        Ask(command="fulfillment_order.create", path="fulfillment-orders"),
        Ask(command="fulfillment_order.cancel", path="fulfillment-orders", verb="cancel"),
        Ask(command="transfer.create", path="transfers"),
        Ask(command="return.create", path="returns"),
        Ask(command="return.cancel", path="returns", verb="cancel"),
        Ask(command="product.publish", path="products"),
    )
}
"""What we ask, by the command."""

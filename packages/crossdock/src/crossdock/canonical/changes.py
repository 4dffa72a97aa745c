"""What happens to an order after it was placed: holds, edits, cancellations."""

from typing import Annotated, ClassVar

from pydantic import Field

from crossdock.canonical.entity import Entity
from crossdock.canonical.values import (
    Count,
    EntityRef,
    Id,
    Instant,
    Model,
    Money,
    Quantity,
    Text,
    Unit,
    Vocabulary,
)


class Hold(Entity):
    """A reason why an order must not go on yet, until somebody or something releases it."""

    kind: ClassVar[str] = "hold"

    order: EntityRef
    """The order that waits."""
    reason: Annotated[
        str, Vocabulary("fraud payment address stock tax duplicate customer_request manual")
    ]
    """Why."""
    line_ids: tuple[Id, ...] = ()
    """The lines that wait; empty: the whole order."""
    placed_at: Instant
    """Since when."""
    placed_by: Text | None = None
    """The check, connection or person that asked for it."""
    note: Text | None = None
    """What a person should know."""
    released_at: Instant | None = None
    """When it went on; empty: it still waits."""
    released_by: Text | None = None
    """Who let it go on."""


class OrderEditLine(Model):
    """What an edit changes in one line."""

    line_id: Id
    """The order line; a new id where the edit adds a line."""
    sku: Text | None = None
    """What the line sells; needed for a new line."""
    change: Quantity
    """By how much `ordered` less `cancelled` changes: negative takes away."""
    unit: Unit = "EA"
    """The unit of `change`."""
    unit_price: Money | None = None
    """For one `unit`; needed for a new line."""


class OrderEdit(Entity):
    """A change of what was bought, after the purchase, agreed with the customer."""

    kind: ClassVar[str] = "order_edit"

    order: EntityRef
    """The order that changes."""
    edited_at: Instant
    """When it was agreed."""
    lines: tuple[OrderEditLine, ...] = ()
    """What changes in quantity."""
    reason: Text | None = None
    """Why."""
    by: Text | None = Field(default=None, json_schema_extra={"x-pii": True})
    """Who asked for it."""
    total_change: Money | None = None
    """What the customer owes in addition; negative is owed to them."""
    state: Annotated[str, Vocabulary("requested applied rejected")] = "applied"
    """Whether the executing system has taken it."""


class CancellationLine(Model):
    """So much of one line that is no longer wanted."""

    line_id: Id
    """The order line."""
    quantity: Count
    """How much of it."""
    unit: Unit = "EA"
    """The unit of `quantity`."""


class Cancellation(Entity):
    """A wish to cancel, and what became of it: asking is not yet cancelling."""

    kind: ClassVar[str] = "cancellation"

    order: EntityRef
    """The order."""
    lines: tuple[CancellationLine, ...] = ()
    """What is cancelled; empty: all that has not left."""
    reason: Annotated[str, Vocabulary("customer stock fraud payment address duplicate marketplace")]
    """Why."""
    requested_at: Instant
    """When it was asked for."""
    requested_by: Annotated[str, Vocabulary("customer merchant marketplace system")] = "customer"
    """By whom."""
    state: Annotated[str, Vocabulary("requested accepted rejected")] = "requested"
    """What the executing system answered; a fact of that system."""
    decided_at: Instant | None = None
    """When it answered."""
    rejected_reason: Text | None = None
    """Why not."""
    restock: bool = True
    """Whether the goods go back on sale."""

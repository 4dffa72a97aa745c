"""Models of earlier majors, kept so that their schemas stay published and their bytes readable.

Nothing builds these any more: they describe what was once released. `upcast` brings their JSON to
the present major.
"""

from decimal import Decimal
from typing import Annotated, ClassVar

from pydantic import Field

from crossdock.canonical.entity import Entity
from crossdock.canonical.values import (
    Count,
    Counted,
    EntityRef,
    Id,
    Instant,
    Money,
    Text,
    Unit,
    Vocabulary,
    limits,
)

_ZERO = Decimal(0)


class ReturnLineV1(Counted):
    """So much of one order line that comes back."""

    limits: ClassVar = limits("received <= quantity")

    line_id: Id
    """The order line's `line_id`."""
    sku: Text | None = None
    """What comes back."""
    unit: Unit = "EA"
    """The unit of both quantities."""
    quantity: Count
    """How much the customer wants to give back."""
    received: Count = _ZERO
    """How much arrived."""


class ReturnV1(Entity):
    """A customer gives goods back. One reason and one answer for the whole return."""

    kind: ClassVar[str] = "return"
    major: ClassVar[int] = 1

    order: EntityRef
    """The order the goods came from."""
    number: Text
    """What the customer writes on the parcel: the RMA number."""
    lines: tuple[ReturnLineV1, ...] = Field(min_length=1)
    """What comes back."""
    reason: (
        Annotated[
            str,
            Vocabulary(
                "unwanted wrong_item defective damaged_in_transit not_as_described too_late"
            ),
        ]
        | None
    ) = None
    """Why, for all lines."""
    requested_at: Instant
    """When the customer asked."""
    authorised: bool | None = None
    """True: we agreed to all of it; false: we refused all of it; empty: not decided."""
    decided_at: Instant | None = None
    """When we answered."""
    received_at: Instant | None = None
    """When the last of it arrived."""
    closed_at: Instant | None = None
    """When nothing more is to be done."""
    refund_amount: Money | None = None
    """What the customer was told they will get."""
    note: Text | None = None
    """What the customer wrote."""
    source_status: Text | None = None
    """The vendor's word. Never taken as truth."""


RETIRED: dict[tuple[str, int], type[Entity]] = {("return", 1): ReturnV1}
"""(kind, major) to the model of that time."""

"""How much of a thing lies where."""

from decimal import Decimal
from typing import ClassVar

from crossdock.canonical.entity import Entity
from crossdock.canonical.values import EntityRef, Id, Instant, Quantity, Text, Unit


class InventoryLevel(Entity):
    """The stock of one SKU at one location, as one system states it at one moment."""

    kind: ClassVar[str] = "inventory"

    sku: Text
    location: Id
    """The deployment's own name of the place, such as a warehouse code."""
    item: EntityRef | None = None
    """The vendor's record of the stocked thing, when it has one."""
    unit: Unit = "EA"
    on_hand: Quantity | None = None
    """What lies there, promised or not."""
    reserved: Quantity = Decimal(0)
    """The part of `on_hand` promised to orders."""
    available: Quantity | None = None
    """What may still be sold: `on_hand` less `reserved`, where the source states no other rule."""
    incoming: Quantity = Decimal(0)
    as_of: Instant | None = None
    """The moment the figures are true for, by the source's clock."""

    @property
    def sellable(self) -> Decimal | None:
        """`available` if stated, else on hand less reserved; None when the source told neither."""
        if self.available is not None:
            return self.available
        return None if self.on_hand is None else self.on_hand - self.reserved

"""What is sold: a product and its variants."""

from typing import ClassVar

from pydantic import Field

from crossdock.canonical.entity import Entity
from crossdock.canonical.values import Extensions, Id, Model, Money, Text, Unit


class Variant(Model):
    """One thing a customer can buy; it has the SKU."""

    variant_id: Id
    """Stable within the product: the source's own id."""
    sku: Text | None = None
    barcode: Text | None = None
    title: Text | None = None
    options: dict[str, str] = Field(default_factory=dict)
    """Option name to value: `{"Size": "M"}`."""
    list_price: Money | None = None
    compare_at_price: Money | None = None
    unit: Unit = "EA"
    tracked: bool = True
    """Whether stock is counted for it."""
    extensions: Extensions = Field(default_factory=dict)


class Product(Entity):
    """A product with its variants; a simple product has exactly one."""

    kind: ClassVar[str] = "product"

    name: Text
    sku: Text | None = None
    """For a product without variants."""
    list_price: Money | None = None
    description: Text | None = None
    brand: Text | None = None
    category: Text | None = None
    status: str = "active"
    """`active`, `draft`, `archived`; open vocabulary."""
    tags: tuple[Text, ...] = ()
    variants: tuple[Variant, ...] = ()

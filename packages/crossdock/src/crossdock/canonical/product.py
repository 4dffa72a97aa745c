"""What is sold: products and variants, and the goods and bundles behind them."""

from typing import Annotated, ClassVar

from pydantic import Field

from crossdock.canonical.entity import Entity
from crossdock.canonical.values import (
    NOTHING,
    Count,
    Country,
    EntityRef,
    Extensions,
    Gtin,
    Id,
    Measure,
    Model,
    Money,
    Text,
    Unit,
    Url,
    Vocabulary,
)

ProductStatus = Annotated[str, Vocabulary("active draft archived unlisted discontinued")]


class Variant(Model):
    """One thing a customer can buy; it has the SKU."""

    variant_id: Id
    """Stable within the product: the source's own id."""
    sku: Text | None = None
    """The merchant's stock keeping unit."""
    barcode: Text | None = None
    """The barcode as the source wrote it, right or wrong."""
    title: Text | None = None
    """What tells it from its siblings: `Blue / M`."""
    options: dict[str, str] = NOTHING
    """Option name to value: `{"Size": "M"}`."""
    list_price: Money | None = None
    """For one `unit`, where no price list says otherwise."""
    compare_at_price: Money | None = None
    """The crossed-out price."""
    unit: Unit = "EA"
    """In what it is sold and counted."""
    tracked: bool = True
    """Whether stock is counted for it."""
    gtin: Gtin | None = None
    """The barcode's number, checked."""
    weight: Measure | None = None
    """Of one `unit`, packed."""
    requires_shipping: bool = True
    """False for services and downloads."""
    stock_item: EntityRef | None = None
    """The stocked thing it is served from."""
    media: tuple[EntityRef, ...] = ()
    """Its pictures."""
    extensions: Extensions = NOTHING
    """What has no canonical place."""


class Product(Entity):
    """A product with its variants; a simple product has exactly one, or none and its own SKU."""

    kind: ClassVar[str] = "product"

    name: Text
    """What customers call it."""
    sku: Text | None = None
    """For a product without variants."""
    list_price: Money | None = None
    """For a product without variants."""
    description: Text | None = None
    """What customers read about it; may hold HTML."""
    brand: Text | None = None
    """Whose make it is."""
    category: Text | None = None
    """The source's own word for the kind of thing."""
    status: ProductStatus = "active"
    """Whether it is on sale."""
    tags: tuple[Text, ...] = ()
    """The merchant's own labels."""
    variants: tuple[Variant, ...] = ()
    """Everything that can be bought of it."""
    categories: tuple[EntityRef, ...] = ()
    """The categories it is filed under."""
    media: tuple[EntityRef, ...] = ()
    """Its pictures, the first one foremost."""
    hs_code: Text | None = None
    """Harmonised System code for customs."""
    origin: Country | None = None
    """Where it was made."""
    tax_code: Text | None = None
    """The tax engine's class of goods."""


class StockItem(Entity):
    """A thing that lies on shelves and is counted; several variants may be served from one."""

    kind: ClassVar[str] = "stock_item"

    sku: Text
    """The stock keeping unit that stock is counted under."""
    name: Text | None = None
    """What the warehouse calls it."""
    gtin: Gtin | None = None
    """The barcode's number."""
    unit: Unit = "EA"
    """In what it is counted."""
    weight: Measure | None = None
    """Of one `unit`."""
    volume: Measure | None = None
    """Of one `unit`."""
    lot_tracked: bool = False
    """Whether every piece belongs to a lot."""
    serial_tracked: bool = False
    """Whether every piece has a serial number."""
    cost: Money | None = None
    """What one `unit` costs to buy."""
    hs_code: Text | None = None
    """Harmonised System code for customs."""
    origin: Country | None = None
    """Where it was made."""
    hazardous: bool = False
    """Whether carriers ask for papers."""


class Category(Entity):
    """A shelf in the catalogue: products are filed under it, and it may lie within another."""

    kind: ClassVar[str] = "category"

    name: Text
    """What customers read."""
    parent: EntityRef | None = None
    """The category it lies within."""
    path: tuple[Text, ...] = ()
    """Names from the top down to this one."""
    position: int | None = Field(default=None, ge=0, le=1_000_000)
    """Its place among its siblings, from 0."""
    taxonomy: Text | None = None
    """The published scheme it belongs to, such as `google_product_taxonomy`, if any."""
    visible: bool = True
    """Whether customers see it."""


class Media(Entity):
    """A picture, film or document that shows a product."""

    kind: ClassVar[str] = "media"

    url: Url
    """Where it can be fetched."""
    type: Annotated[str, Vocabulary("image video model_3d document")] = "image"
    """What it is."""
    alt: Text | None = None
    """What it shows, in words."""
    position: int | None = Field(default=None, ge=0, le=1_000_000)
    """Its place among the media of one product, from 0."""
    width_px: int | None = Field(default=None, ge=1, le=1_000_000)
    """Width in pixels."""
    height_px: int | None = Field(default=None, ge=1, le=1_000_000)
    """Height in pixels."""
    size_bytes: int | None = Field(default=None, ge=0, le=1_000_000_000_000)
    """Size in bytes."""
    content_type: Text | None = None
    """Media type such as `image/png`."""
    product: EntityRef | None = None
    """What it shows."""


class BundleComponent(Model):
    """One thing in a bundle."""

    sku: Text
    """The component's SKU."""
    variant: EntityRef | None = None
    """The component as a variant."""
    quantity: Count
    """How much of it one bundle holds."""
    unit: Unit = "EA"
    """The unit of `quantity`."""


class Bundle(Entity):
    """Several things sold as one: a bill of materials. It has no stock of its own.

    As many bundles are available as the scarcest component allows; demand is summed for each
    component before anything is promised.
    """

    kind: ClassVar[str] = "bundle"

    sku: Text
    """The SKU the bundle is sold under."""
    name: Text | None = None
    """What customers call it."""
    variant: EntityRef | None = None
    """The variant that customers buy."""
    components: tuple[BundleComponent, ...] = Field(min_length=1)
    """What is in it."""
    priced: Annotated[str, Vocabulary("as_whole by_component")] = "as_whole"
    """Whether revenue and tax belong to the bundle or are split over its components."""

"""The canonical language: the entities all systems are translated to and from."""

from crossdock.canonical.customer import Customer
from crossdock.canonical.entity import Entity
from crossdock.canonical.fulfillment import Fulfillment, FulfillmentLine, Tracking
from crossdock.canonical.inventory import InventoryLevel
from crossdock.canonical.order import (
    Order,
    OrderLine,
    PaymentSummary,
    ShippingLine,
    Statuses,
    Totals,
    statuses,
)
from crossdock.canonical.product import Product, Variant
from crossdock.canonical.values import (
    Address,
    Amount,
    Country,
    Currency,
    Discount,
    EntityRef,
    Instant,
    Model,
    Money,
    Quantity,
    Rate,
    Ref,
    TaxLine,
    Unit,
)

ENTITIES: dict[str, type[Entity]] = {
    model.kind: model for model in (Order, Product, InventoryLevel, Fulfillment, Customer)
}
"""Every entity by its kind."""

__all__ = [
    "ENTITIES",
    "Address",
    "Amount",
    "Country",
    "Currency",
    "Customer",
    "Discount",
    "Entity",
    "EntityRef",
    "Fulfillment",
    "FulfillmentLine",
    "Instant",
    "InventoryLevel",
    "Model",
    "Money",
    "Order",
    "OrderLine",
    "PaymentSummary",
    "Product",
    "Quantity",
    "Rate",
    "Ref",
    "ShippingLine",
    "Statuses",
    "TaxLine",
    "Totals",
    "Tracking",
    "Unit",
    "Variant",
    "statuses",
]

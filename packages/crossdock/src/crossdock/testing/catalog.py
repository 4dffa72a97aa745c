"""The goods that sandboxes sell, so that a shop and an ERP in one demo know the same things.

The first eight SKUs are those of Shopify's own sample order (webhooks 2026-07, orders/create).
"""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True)
class Item:
    """One thing that is stocked. `price` is without tax, in US dollars."""

    sku: str
    name: str
    price: Decimal
    barcode: str
    grams: int


def _item(sku: str, name: str, price: str, number: int, grams: int) -> Item:
    body = f"40{number:010d}"
    check = (10 - sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(body)) % 10) % 10
    return Item(sku, name, Decimal(price), f"{body}{check}", grams)


CATALOG: tuple[Item, ...] = (
    _item("SKU2006-001", "Aviator sunglasses", "89.99", 1, 100),
    _item("LENS-PROTECT-2YR", "Lens Protection Plan (2 Year)", "19.99", 2, 0),
    _item("CASE-LEATHER-PREM", "Premium Leather Case", "24.99", 3, 150),
    _item("SKU2006-020", "Mid-century lounger", "159.99", 4, 1000),
    _item("SKU2006-035", "Coffee table", "119.99", 5, 500),
    _item("MUG-BLUE", "Mug, blue", "12.50", 6, 350),
    _item("TEE-S", "T-shirt, S", "18.50", 7, 180),
    _item("TEE-M", "T-shirt, M", "18.50", 8, 190),
    _item("TEE-L", "T-shirt, L", "18.50", 9, 200),
    _item("TOTE", "Tote bag", "9.90", 10, 120),
    _item("LAMP-OAK", "Oak desk lamp", "74.00", 11, 1400),
    _item("PLANT-POT-3", "Set of three plant pots", "32.40", 12, 2100),
)
"""Everything on sale."""

WAREHOUSE = "WH"
"""The code of the one warehouse of the demo."""

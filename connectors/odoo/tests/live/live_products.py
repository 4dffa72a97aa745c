"""Products published to a real Odoo."""

from decimal import Decimal
from typing import Any

from crossdock.canonical import Money, Product, Variant
from crossdock.identity import entity_id


def _money(amount: str, currency: str = "USD") -> Money:
    return Money(amount=Decimal(amount), currency=currency)


async def test_products_are_published_once(lab: Any, connect: Any) -> None:
    taken = lab.sku(39)
    product = Product(
        id=entity_id(lab.prefix, "product", "tee"),
        name="Tee",
        variants=(
            Variant(
                variant_id="s",
                sku=f"{lab.prefix}-TEE-S",
                options={"Size": "S"},
                list_price=_money("25.50"),
                barcode=f"9{int(lab.prefix[3:], 16):08}1",
            ),
            Variant(
                variant_id="gid://m",
                sku=taken,
                options={"Size": "M"},
                list_price=_money("21.00", "EUR"),
            ),
        ),
    )
    async with connect() as odoo:
        wish = lab.command(product, "product.publish")
        with lab.step("product.publish, two variants", 2):
            first = await odoo.apply(wish)
        again = await odoo.apply(wish)
        assert first == again
        assert first.extra_ids["gid://m"] == str(lab.products[taken])
        rows = await odoo.rpc.read(
            "product.product",
            [int(native) for native in first.extra_ids.values()],
            ["name", "default_code", "list_price"],
        )
        assert [row["name"] for row in rows] == ["Tee (S)", taken]
        assert rows[0]["list_price"] == 25.5
        prices = await odoo.rpc.search_read(
            "product.pricelist.item",
            [["product_id", "=", lab.products[taken]]],
            ["fixed_price"],
        )
        assert [row["fixed_price"] for row in prices] == [21.0]

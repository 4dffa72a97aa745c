"""Products of another catalogue reach Odoo once, by SKU."""

from decimal import Decimal
from typing import Any

import crossdock
import pytest
from crossdock.canonical import Money, Product, Variant
from crossdock.identity import entity_id
from crossdock_odoo.sandbox import OdooSandbox


def _money(amount: str, currency: str = "USD") -> Money:
    return Money(amount=Decimal(amount), currency=currency)


def _wish(product: Product) -> crossdock.Command[Any]:
    return crossdock.Command(
        id=f"cmd_{product.id}", type="product.publish", data=product, entity_id=product.id or ""
    )


def _tee(*variants: Variant, **more: Any) -> Product:
    return Product(id=entity_id("web", "product", "1"), name="Tee", variants=variants, **more)


SMALL = Variant(
    variant_id="gid://s", sku="NEW-TEE-S", options={"Size": "S"}, list_price=_money("25.50")
)
TAKEN = Variant(
    variant_id="m", sku="TOTE", options={"Size": "M"}, list_price=_money("21.00", "EUR")
)


async def test_products_are_published_once(box: OdooSandbox, connect: Any) -> None:
    tote = box.store.by("product.product", "default_code", "TOTE")[0]
    count = len(box.store.tables["product.product"].rows)
    async with connect(box) as odoo:
        first = await odoo.apply(_wish(_tee(SMALL, TAKEN)))
        again = await odoo.apply(_wish(_tee(SMALL, TAKEN)))
    assert first == again
    assert first.extra_ids["m"] == str(tote["id"])
    rows = box.store.tables["product.product"].rows
    assert len(rows) == count + 1
    small, taken = rows[int(first.extra_ids["gid://s"])], rows[tote["id"]]
    assert (small["name"], small["list_price"]) == ("Tee (S)", 25.5)
    assert (taken["name"], taken["list_price"]) == (tote["name"], tote["list_price"])
    (item,) = box.store.tables["product.pricelist.item"].rows.values()
    assert (item["product_id"], item["fixed_price"]) == (tote["id"], 21.0)


async def test_a_simple_product_and_one_without_sku(box: OdooSandbox, connect: Any) -> None:
    simple = _tee(sku="TEE", list_price=_money("9.00"), status="archived")
    async with connect(box) as odoo:
        receipt = await odoo.apply(_wish(simple))
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(_wish(_tee()))
    assert caught.value.reason == "no_sku"
    row = box.store.tables["product.product"].rows[int(receipt.native_id or 0)]
    assert (row["name"], row["list_price"], row["active"]) == ("Tee", 9.0, False)

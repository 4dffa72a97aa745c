"""Products, prices and customers published to a real Odoo."""

from decimal import Decimal
from typing import Any

import crossdock
import pytest
from crossdock.canonical import EntityRef, Money, Product, Variant
from crossdock.identity import entity_id


def _money(amount: str, currency: str = "USD") -> Money:
    return Money(amount=Decimal(amount), currency=currency)


def _variant(lab: Any, size: str, color: str, **more: Any) -> Variant:
    return Variant(
        variant_id=f"gid://{size}-{color}",
        sku=f"{lab.prefix}-TEE-{size}-{color}",
        options={f"{lab.prefix} Size": size, f"{lab.prefix} Color": color},
        **{"list_price": _money("25.50"), **more},
    )


def _product(lab: Any, native: str, *variants: Variant, **more: Any) -> Product:
    return Product(
        id=entity_id(lab.prefix, "product", native), name="Tee", variants=variants, **more
    )


async def _read(odoo: Any, receipt: crossdock.Receipt, *fields: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = await odoo.rpc.read(
        "product.product", [int(native) for native in receipt.extra_ids.values()], fields
    )
    return rows


async def test_variants_of_one_product_share_a_template(lab: Any, connect: Any) -> None:
    first = (_variant(lab, "S", "red"), _variant(lab, "M", "red"))
    sparse = (*first, _variant(lab, "M", "blue", list_price=_money("27.00")))
    picture = EntityRef(native_id="https://cdn.example.com/tee.png")
    async with connect() as odoo:
        with lab.step("product.publish, two variants of one template", 2):
            made = await odoo.apply(
                lab.command(_product(lab, "tee", *first, media=(picture,)), "product.publish")
            )
        wish = lab.command(_product(lab, "tee", *sparse, media=(picture,)), "product.publish")
        more = await odoo.apply(wish)
        again = await odoo.apply(wish)
        assert more == again
        assert made.extra_ids.items() <= more.extra_ids.items()
        rows = await _read(odoo, more, "product_tmpl_id", "default_code", "list_price", "active")
        (template,) = {row["product_tmpl_id"] for row in rows}
        assert [row["default_code"] for row in rows] == [v.sku for v in sparse]
        assert {row["list_price"] for row in rows} == {25.5}
        (told,) = await odoo.rpc.read(
            "product.template", [template], ["name", "product_variant_count"]
        )
        assert (told["name"], told["product_variant_count"]) == ("Tee", 3)  # no blue S
        rules = await odoo.rpc.search_read(
            "product.pricelist.item",
            [["product_id", "in", [row["id"] for row in rows]]],
            ["product_id", "fixed_price"],
        )
        assert [(r["product_id"], r["fixed_price"]) for r in rules] == [(rows[2]["id"], 27.0)]
        links = await odoo.rpc.search_read(
            "product.document",
            [["res_model", "=", "product.template"], ["res_id", "=", template]],
            ["url"],
        )
        assert [link["url"] for link in links] == [picture.native_id]
        fewer = _product(lab, "tee", *first, status="archived")
        await odoo.apply(lab.command(fewer, "product.publish"))
        rows = await _read(odoo, more, "active")
        assert not any(row["active"] for row in rows)
        await odoo.apply(lab.command(_product(lab, "tee", *first), "product.publish"))
        rows = await _read(odoo, more, "active")
        assert [row["active"] for row in rows] == [True, True, False]


async def test_what_is_there_is_taken_over(lab: Any, connect: Any) -> None:
    """By SKU, also archived; by barcode where it has no SKU; never by another one's barcode."""
    barcode = f"9{int(lab.prefix[3:], 16):08}"
    async with connect() as odoo:
        archived, bare = await odoo.rpc.call(
            "product.product",
            "create",
            vals_list=[
                {"name": "Old", "default_code": f"{lab.prefix}-OLD", "active": False},
                {"name": "Bare", "barcode": f"{barcode}1"},
            ],
        )
        taken = lab.sku(39)
        product = _product(
            lab,
            "mix",
            Variant(variant_id="o", sku=f"{lab.prefix}-OLD", list_price=_money("3.00")),
            Variant(variant_id="b", sku=f"{lab.prefix}-BARE", barcode=f"{barcode}1"),
            Variant(variant_id="gid://t", sku=taken, list_price=_money("21.00", "EUR")),
            Variant(variant_id="n", sku=f"{lab.prefix}-NEW", title="New", barcode=f"{barcode}2"),
        )
        wish = lab.command(product, "product.publish")
        first = await odoo.apply(wish)
        again = await odoo.apply(wish)
        assert first == again
        assert [first.extra_ids[v] for v in ("o", "b", "gid://t")] == [
            str(archived),
            str(bare),
            str(lab.products[taken]),
        ]
        rows = await _read(odoo, first, "name", "default_code", "active", "list_price")
        assert [row["name"] for row in rows] == ["Old", "Bare", taken, "Tee (New)"]
        assert all(row["active"] for row in rows)
        assert [row["list_price"] for row in rows] == [3.0, 1.0, 10.0, 1.0]
        prices = await odoo.rpc.search_read(
            "product.pricelist.item",
            [["product_id", "=", lab.products[taken]]],
            ["fixed_price"],
        )
        assert [row["fixed_price"] for row in prices] == [21.0]
        other = _product(lab, "x", Variant(variant_id="x", sku="X", barcode=f"{barcode}2"))
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(lab.command(other, "product.publish"))
        assert caught.value.reason == "barcode_taken"

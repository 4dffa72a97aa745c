"""Products of another catalogue reach Odoo once: by SKU, as variants, with what differs."""

from decimal import Decimal
from typing import Any

import crossdock
import pytest
from crossdock.canonical import EntityRef, Measure, Money, Product, Variant
from crossdock.identity import entity_id
from crossdock_odoo.sandbox import Misbehaviour, OdooSandbox

BASIC = Variant(variant_id="b", sku="NEW-BASIC", options={"Title": "Default Title"})


def _money(amount: str, currency: str = "USD") -> Money:
    return Money(amount=Decimal(amount), currency=currency)


def _wish(product: Product) -> crossdock.Command[Any]:
    return crossdock.Command(
        id=f"cmd_{product.id}", type="product.publish", data=product, entity_id=product.id or ""
    )


def _tee(*variants: Variant, **more: Any) -> Product:
    return Product(id=entity_id("web", "product", "1"), name="Tee", variants=variants, **more)


def _variant(size: str, color: str, **more: Any) -> Variant:
    return Variant(
        variant_id=f"gid://{size}/{color}",
        options={"Size": size, "Color": color},
        **{"sku": f"TEE-{size}-{color}", "list_price": _money("25.50"), **more},
    )


def _rows(box: OdooSandbox, receipt: crossdock.Receipt) -> list[dict[str, Any]]:
    rows = box.store.tables["product.product"].rows
    return [rows[int(native)] for native in receipt.extra_ids.values()]


SPARSE = (_variant("S", "red"), _variant("M", "red"), _variant("M", "blue"))


async def test_variants_share_a_template_and_nothing_is_made_twice(
    box: OdooSandbox, connect: Any
) -> None:
    product = _tee(*SPARSE)
    async with connect(box) as odoo:
        first = await odoo.apply(_wish(product))
        counts = {model: len(table.rows) for model, table in box.store.tables.items()}
        again = await odoo.apply(_wish(product))
    assert first == again
    assert counts == {model: len(table.rows) for model, table in box.store.tables.items()}
    rows = _rows(box, first)
    (template,) = {row["product_tmpl_id"] for row in rows}
    made = box.store.by("product.product", "product_tmpl_id", template)
    assert [row["default_code"] for row in made] == [v.sku for v in SPARSE]  # no blue S
    shown = [box.store.display("product.product", row["id"]) for row in rows]
    assert shown[2] == "[TEE-M-blue] Tee (M, blue)"


async def test_a_variant_that_comes_later_and_one_that_goes(box: OdooSandbox, connect: Any) -> None:
    async with connect(box) as odoo:
        first = await odoo.apply(_wish(_tee(*SPARSE[:2])))
        more = await odoo.apply(_wish(_tee(*SPARSE)))
        fewer = await odoo.apply(_wish(_tee(*SPARSE[1:])))
        assert [row["active"] for row in _rows(box, more)] == [False, True, True]
        await odoo.apply(_wish(_tee(*SPARSE[1:], status="archived")))
        assert not any(row["active"] for row in _rows(box, more))
        await odoo.apply(_wish(_tee(*SPARSE)))
    assert first.extra_ids.items() <= more.extra_ids.items() >= fewer.extra_ids.items()
    assert all(row["active"] for row in _rows(box, more))


async def test_an_attribute_of_the_merchants_that_makes_all_combinations(
    box: OdooSandbox, connect: Any
) -> None:
    box.store.create("product.attribute", {"name": "Size", "create_variant": "always"})
    box.store.create("product.attribute", {"name": "Color", "create_variant": "no_variant"})
    box.store.create("product.attribute", {"name": "Color", "create_variant": "always"})
    async with connect(box) as odoo:
        receipt = await odoo.apply(_wish(_tee(*SPARSE)))
        assert await odoo.apply(_wish(_tee(*SPARSE))) == receipt
    template = _rows(box, receipt)[0]["product_tmpl_id"]
    made = box.store.by("product.product", "product_tmpl_id", template)
    assert len(made) == 4
    assert [row["default_code"] for row in made if not row["active"]] == [False]


async def test_prices_that_a_template_cannot_hold(box: OdooSandbox, connect: Any) -> None:
    dear = _variant("M", "blue", list_price=_money("27.00"))
    euro = _variant("L", "blue", list_price=_money("21.00", "EUR"))
    async with connect(box) as odoo:
        receipt = await odoo.apply(_wish(_tee(*SPARSE[:2], dear, euro)))
    rows = _rows(box, receipt)
    assert {row["list_price"] for row in rows} == {25.5}
    rules = box.store.tables["product.pricelist.item"].rows.values()
    assert [(r["product_id"], r["fixed_price"]) for r in rules] == [
        (rows[2]["id"], 27.0),
        (rows[3]["id"], 21.0),
    ]


async def test_a_currency_without_pricelist_is_told_before_anything_is_written(
    box: OdooSandbox, connect: Any
) -> None:
    count = len(box.store.tables["product.product"].rows)
    async with connect(box) as odoo:
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(_wish(_tee(sku="X", list_price=_money("1.00", "SEK"))))
    assert caught.value.reason == "no_pricelist"
    assert len(box.store.tables["product.product"].rows) == count


async def test_options_that_changed_are_for_a_person(box: OdooSandbox, connect: Any) -> None:
    other = Variant(variant_id="x", sku="TEE-X", options={"Size": "S", "Fit": "slim"})
    async with connect(box) as odoo:
        await odoo.apply(_wish(_tee(*SPARSE)))
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(_wish(_tee(other)))
    assert caught.value.reason == "options_changed"


async def test_what_is_there_is_taken_over(box: OdooSandbox, connect: Any) -> None:
    tote = box.store.by("product.product", "default_code", "TOTE")[0]
    mug = box.store.by("product.product", "default_code", "MUG-BLUE")[0]
    box.store.update("product.product", mug["id"], active=False)
    bare = box.store.create("product.product", {"name": "Bare", "barcode": "4006381333931"})
    product = _tee(
        Variant(variant_id="t", sku="TOTE", list_price=_money("21.00", "EUR")),
        Variant(variant_id="m", sku="MUG-BLUE", list_price=_money("3.00")),
        Variant(variant_id="b", sku="BARE", barcode="4006381333931"),
        Variant(variant_id="n", sku="NEW", title="New"),
    )
    async with connect(box) as odoo:
        first = await odoo.apply(_wish(product))
        assert await odoo.apply(_wish(product)) == first
        other = _tee(sku="OTHER").model_copy(update={"id": entity_id("web", "product", "2")})
        taken = Variant(variant_id="o", sku="OTHER", barcode="4006381333931")
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(_wish(other.model_copy(update={"variants": (taken,)})))
    assert caught.value.reason == "barcode_taken"
    rows = _rows(box, first)
    assert [row["id"] for row in rows[:3]] == [tote["id"], mug["id"], bare]
    assert [row["name"] for row in rows] == [tote["name"], mug["name"], "Bare", "Tee (New)"]
    assert [row["list_price"] for row in rows[:2]] == [tote["list_price"], 3.0]
    assert all(row["active"] for row in rows)
    assert rows[0]["barcode"] == tote["barcode"]


async def test_a_simple_product_and_one_without_sku(box: OdooSandbox, connect: Any) -> None:
    simple = _tee(BASIC, list_price=_money("9.00"), status="archived")
    heavy = BASIC.model_copy(update={"weight": Measure(value=Decimal(350), unit="GRM")})
    async with connect(box) as odoo:
        receipt = await odoo.apply(_wish(simple))
        await odoo.apply(_wish(simple.model_copy(update={"variants": (heavy,)})))
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(_wish(_tee()))
    assert caught.value.reason == "no_sku"
    (row,) = _rows(box, receipt)
    assert (row["name"], row["list_price"], row["active"]) == ("Tee", 9.0, False)
    assert row["weight"] == 0.35


async def test_two_variants_with_one_sku_and_hostile_options(
    box: OdooSandbox, connect: Any
) -> None:
    count = len(box.store.tables["product.product"].rows)
    odd = ["a,b", "1/2\n", "'; --", "=cmd()", "🦄" * 60]
    strange = [
        Variant(variant_id=f"v{n}", sku=f"ODD-{n}", options={"Größe / Size, cm": value})
        for n, value in enumerate(odd)
    ]
    async with connect(box) as odoo:
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(_wish(_tee(SPARSE[0], _variant("L", "red", sku=SPARSE[0].sku))))
        receipt = await odoo.apply(_wish(_tee(*strange)))
        assert await odoo.apply(_wish(_tee(*strange))) == receipt
    assert caught.value.reason == "ambiguous_sku"
    assert len(box.store.tables["product.product"].rows) == count + len(odd)
    values = box.store.tables["product.attribute.value"].rows.values()
    assert [value["name"] for value in values] == odd


async def test_pictures_are_links(box: OdooSandbox, connect: Any) -> None:
    urls = ["https://cdn.example.com/a.png", "https://cdn.example.com/b.png"]
    media = tuple(EntityRef(native_id=url) for url in [*urls, "gid://shopify/MediaImage/1"])
    links = box.store.tables["product.document"].rows
    async with connect(box) as odoo:
        for _ in range(2):
            await odoo.apply(_wish(_tee(sku="TEE", media=media)))
            assert [(row["name"], row["url"]) for row in links.values()] == list(
                zip(["a.png", "b.png"], urls, strict=True)
            )
        await odoo.apply(_wish(_tee(sku="TEE", media=media[1:])))
    assert [row["url"] for row in links.values()] == urls[1:]


@pytest.mark.parametrize("step", range(16))
async def test_a_lost_answer_at_any_call_makes_nothing_twice(step: int, connect: Any) -> None:
    box = OdooSandbox()
    box.store.create("product.attribute", {"name": "Size", "create_variant": "always"})
    picture = EntityRef(native_id="https://cdn.example.com/a.png")
    wish = _wish(
        _tee(*SPARSE[:2], _variant("M", "blue", list_price=_money("27")), media=(picture,))
    )
    async with connect(box) as odoo:
        box.faults.append(Misbehaviour("lost_answer", 1, after=step))
        for _ in range(3):
            try:
                receipt = await odoo.apply(wish)
            except crossdock.UnavailableError:
                continue
    rows = _rows(box, receipt)
    assert len({row["product_tmpl_id"] for row in rows}) == 1
    made = box.store.by("product.product", "product_tmpl_id", rows[0]["product_tmpl_id"])
    assert sorted(row["default_code"] for row in made if row["active"]) == sorted(
        v.sku for v in SPARSE
    )
    assert len(box.store.tables["product.document"].rows) == 1
    assert len(box.store.tables["product.pricelist.item"].rows) == 1

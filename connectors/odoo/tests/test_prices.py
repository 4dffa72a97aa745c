"""Prices reach products and pricelists, by the page, each once."""

from decimal import Decimal
from typing import Any

import crossdock
import pytest
from crossdock.canonical import EntityRef, Money, Price
from crossdock.identity import entity_id
from crossdock_odoo.sandbox import OdooSandbox


def _wish(
    native: str, sku: str, amount: str, currency: str = "USD", **more: Any
) -> crossdock.Command[Any]:
    price = Price(
        id=entity_id("pim", "price", native),
        sku=sku,
        amount=Money(amount=Decimal(amount), currency=currency),
        **more,
    )
    return crossdock.Command(
        id=f"cmd_{price.id}", type="price.publish", data=price, entity_id=price.id or ""
    )


def _rules(box: OdooSandbox) -> list[tuple[Any, ...]]:
    rows = box.store.tables["product.pricelist.item"].rows.values()
    return [(row["fixed_price"], row["min_quantity"], bool(row["date_end"])) for row in rows]


async def test_list_prices_and_rules(box: OdooSandbox, connect: Any) -> None:
    wishes = [
        _wish("1", "TOTE", "12.34"),
        _wish("2", "TOTE", "11.00", "EUR", min_quantity=Decimal(10)),
        _wish("3", "TOTE", "9.00", valid_until="2027-01-01T00:00:00Z"),
        _wish("4", "TOTE", "8.00", price_list=EntityRef(native_id="b2b")),
    ]
    async with connect(box, pricelists={"b2b": "Default USD"}) as odoo:
        first = await odoo.apply_many(wishes)
        assert await odoo.apply_many(wishes) == first
        alone = await odoo.apply(_wish("1", "TOTE", "12.50"))
    assert alone.native_id == first[0].native_id
    assert box.store.by("product.product", "default_code", "TOTE")[0]["list_price"] == 12.5
    assert _rules(box) == [(11.0, 10.0, False), (9.0, 0.0, True), (8.0, 0.0, False)]


async def test_a_bad_price_harms_no_other(box: OdooSandbox, connect: Any) -> None:
    mug = box.store.by("product.product", "default_code", "MUG-BLUE")[0]
    box.store.update("product.product", mug["id"], active=False)
    euro = {"price_list": EntityRef(native_id="usd-list")}
    wishes = [
        _wish("1", "NONE", "1.00"),
        _wish("2", "MUG-BLUE", "1.00"),
        _wish("3", "TOTE", "1.00", "SEK"),
        _wish("4", "TOTE", "1.00", price_list=EntityRef(native_id="b2b")),
        _wish("5", "TOTE", "1.00", "EUR", **euro),
        _wish("6", "TOTE", "7.00", min_quantity=Decimal(5)),
    ]
    async with connect(box, pricelists={"usd-list": "Default USD"}) as odoo:
        answers = await odoo.apply_many(wishes)
    assert [getattr(answer, "reason", None) for answer in answers] == [
        "unknown_sku",
        "archived_product",
        "no_pricelist",
        "unknown_price_list",
        "no_pricelist",
        None,
    ]
    assert _rules(box) == [(7.0, 5.0, False)]


async def test_a_variant_gets_a_rule_for_its_template_is_not_its_own(
    box: OdooSandbox, connect: Any
) -> None:
    tote = box.store.by("product.product", "default_code", "TOTE")[0]
    twin = {"default_code": "TOTE-2", "product_tmpl_id": tote["product_tmpl_id"]}
    box.store.create("product.product", twin)
    async with connect(box) as odoo:
        await odoo.apply(_wish("1", "TOTE-2", "7.00"))
    assert _rules(box) == [(7.0, 0.0, False)]
    assert box.store.row("product.product", tote["id"])["list_price"] == tote["list_price"]


async def test_what_is_no_price(connect: Any, order: Any, command: Any) -> None:
    async with connect(OdooSandbox()) as odoo:
        with pytest.raises(crossdock.ContractError, match="needs a Price"):
            await odoo.apply(command(order(), "price.publish"))

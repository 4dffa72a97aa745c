"""Bad input: each a named exception with what to do, the rest of the batch unharmed."""

import logging
from decimal import Decimal
from typing import Any

import crossdock
import pytest
from crossdock.canonical import Address, InventoryLevel, Money, TaxLine
from crossdock.identity import entity_id
from crossdock_odoo.sandbox import Misbehaviour, OdooSandbox
from crossdock_odoo.sandbox_control import report
from crossdock_odoo.sandbox_errors import OdooFault

ODD_TAX = TaxLine(
    title="?", rate=Decimal("0.123"), amount=Money(amount=Decimal("1.00"), currency="USD")
)
MOON = Address(full_name="M", lines=("1",)).model_copy(update={"country": "ZZ"})
STATE = Address(full_name="S", lines=("1",), country="US", region="QQ")

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "unknown_sku": ({"line": {"sku": "NONE"}}, "create the product with this as its internal"),
    "archived_product": ({"line": {"sku": "LAMP-OAK"}}, "unarchive it"),
    "no_sku": ({"line": {"sku": None}}, "Give its product a SKU"),
    "no_tax": ({"line": {"taxes": (ODD_TAX,)}}, "taxes: {"),
    "unknown_country": ({"shipping_address": MOON}, "or correct the address"),
    "unknown_state": ({"shipping_address": STATE}, "unknown_region"),
    "no_pricelist": ({"currency": "SEK"}, "create a pricelist in it"),
}


def _orders(order: Any) -> list[Any]:
    found = []
    for number, (more, _) in enumerate(BAD.values(), 10):
        good = order(number)
        if "line" in more:
            line = good.lines[0].model_copy(update=more["line"])
            good = good.model_copy(update={"lines": (line,)})
        elif "currency" in more:
            text = good.model_dump_json().replace('"USD"', f'"{more["currency"]}"')
            good = type(good).model_validate_json(text)
        else:
            good = good.model_copy(update=more)
        found.append(good)
    return found


def _archive(box: OdooSandbox) -> None:
    lamp = box.store.by("product.product", "default_code", "LAMP-OAK")[0]
    box.store.update("product.product", lamp["id"], active=False)


async def test_bad_orders_are_named_and_the_others_made(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    _archive(box)
    orders = [order(1), *_orders(order), order(2)]
    async with connect(box, unknown_region="reject") as odoo:
        answers = await odoo.apply_many([command(one) for one in orders])
        assert [getattr(a, "reason", None) for a in answers] == [None, *BAD, None]
        for bad, (reason, (_, advice)) in zip(answers[1:-1], BAD.items(), strict=True):
            assert isinstance(bad, crossdock.RejectedError)
            assert advice in str(bad), (reason, str(bad))
        for one, reason in zip(orders[1:-1], BAD, strict=True):
            with pytest.raises(crossdock.RejectedError) as caught:
                await odoo.apply(command(one))
            assert caught.value.reason == reason
    assert [made["state"] for made in report(box)["orders"]] == ["sale", "sale"]


async def test_a_product_tracked_by_lot_is_not_counted_as_a_sum(
    box: OdooSandbox, connect: Any
) -> None:
    """Also when there is none of it yet; what is right already is no fault."""
    _archive(box)
    for sku in ("TOTE", "MUG-BLUE"):
        product = box.store.by("product.product", "default_code", sku)[0]["id"]
        box.store.update("product.product", product, tracking="lot")
    (quant,) = box.store.by("stock.quant", "product_id", product)
    box.store.put("stock.quant", quant["id"], None)

    def level(sku: str, amount: int) -> crossdock.Command[Any]:
        data = InventoryLevel(sku=sku, location="WH", on_hand=Decimal(amount))
        return crossdock.Command(
            id=sku,
            type="inventory.publish",
            data=data,
            entity_id=entity_id("dc", "inventory", sku),
        )

    wishes = [level("TOTE", 1), level("MUG-BLUE", 3), level("NONE", 1), level("LAMP-OAK", 1)]
    wishes.append(level("TOTE", 1_000_000))
    async with connect(box) as odoo:
        answers = await odoo.apply_many(wishes)
    assert [getattr(a, "reason", None) for a in answers] == [
        "tracked_by_lot",
        "tracked_by_lot",
        "unknown_sku",
        "archived_product",
        None,
    ]
    assert not box.store.by("stock.quant", "product_id", product)


@pytest.mark.parametrize("config", [{"api_key": "wrong"}, {"database": "nowhere"}])
async def test_a_wrong_key_or_database_pauses_the_connection(
    config: Any, box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    async with connect(box, **config) as odoo:
        with pytest.raises(crossdock.AuthError) as caught:
            await odoo.apply(command(order()))
        answers = await odoo.apply_many([command(order(1)), command(order(2))])
        with pytest.raises(crossdock.AuthError):
            await odoo.probe()
    assert all(isinstance(answer, crossdock.AuthError) for answer in answers)
    words = "nowhere" if "database" in config else "key"
    assert words in str(caught.value)


async def test_a_key_that_expires_between_two_orders(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    async with connect(box) as odoo:
        await odoo.apply(command(order(1)))
        box.api_key = "another"
        with pytest.raises(crossdock.AuthError, match="may have expired"):
            await odoo.apply(command(order(2)))


class Leaking(OdooSandbox):
    """Every write fails, and the traceback tells what nobody should read."""

    def run(self, model: str, method: str, *args: Any, **named: Any) -> Any:
        if method in ("load", "create", "action_confirm", "sync_from_ui"):
            raise Leak("odoo.exceptions.UserError", "No.")
        return super().run(model, method, *args, **named)


class Leak(OdooFault):
    """An error whose `debug` holds paths and a password."""

    def body(self) -> dict[str, Any]:
        """As a server answers it."""
        secret = 'Traceback (most recent call last):\n  File "/opt/odoo/x.py"\npassword=hunter2\n'
        return {**super().body(), "debug": secret, "arguments": [secret]}


@pytest.mark.parametrize("version", [19, 18, 17])
async def test_a_servers_traceback_reaches_neither_logs_nor_messages(
    version: int, connect: Any, order: Any, command: Any, caplog: Any
) -> None:
    box = Leaking(version=version)
    level = InventoryLevel(sku="TOTE", location="WH", on_hand=Decimal(1))
    count = crossdock.Command(id="c", type="inventory.publish", data=level, entity_id="inv_1")
    with caplog.at_level(logging.DEBUG):
        async with connect(box) as odoo:
            answers = await odoo.apply_many([command(order()), count])
            with pytest.raises(crossdock.RejectedError) as caught:
                await odoo.apply(command(order()))
    errors = [*answers, caught.value]
    assert all(isinstance(error, crossdock.RejectedError) for error in errors)
    told = " ".join(
        [caplog.text, *(f"{e} {e!r} {e.parts} {e.__cause__} {e.__context__}" for e in errors)]
    )
    for secret in ("Traceback", "hunter2", "/opt/odoo"):
        assert secret not in told


async def test_rows_that_a_rule_hides_are_told_by_name_not_as_success(
    box: OdooSandbox, connect: Any, order: Any, command: Any
) -> None:
    """A record rule filters searches silently: what is not seen is refused, not written twice."""
    async with connect(box) as odoo:
        await odoo.apply(command(order()))
    box.faults.append(Misbehaviour("filtered", 99, match="res.country/search_read"))
    async with connect(box) as odoo:
        with pytest.raises(crossdock.RejectedError) as caught:
            await odoo.apply(command(order(2)))
    assert caught.value.reason == "unknown_country"
    assert len(report(box)["orders"]) == 1

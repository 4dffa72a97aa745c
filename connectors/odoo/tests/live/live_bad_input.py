"""Bad input at a real Odoo: each a named exception, the rest of the batch unharmed."""

import asyncio
import secrets
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any

import crossdock
import httpx
import pytest
from crossdock.canonical import Address, InventoryLevel, Money, TaxLine
from crossdock.identity import entity_id
from crossdock_odoo import open_odoo


def _line(order: Any, **more: Any) -> Any:
    return order.lines[0].model_copy(update=more)


def _bad(lab: Any) -> dict[str, Any]:
    """An order for each reason, wrong in one way."""
    order = lab.order()
    odd = TaxLine(
        title="?", rate=Decimal("0.123"), amount=Money(amount=Decimal("1.00"), currency="USD")
    )
    moon = Address(full_name="M", lines=("1",)).model_copy(update={"country": "ZZ"})
    state = Address(full_name="S", lines=("1",), country="US", region="QQ")
    other = type(order).model_validate_json(lab.order().model_dump_json().replace('"USD"', '"XAF"'))
    return {
        "unknown_sku": lab.order(lines=(_line(order, sku=f"{lab.prefix}-NONE"),)),
        "archived_product": lab.order(lines=(_line(order, sku=f"{lab.prefix}-ARCH"),)),
        "no_sku": lab.order(lines=(_line(order, sku=None),)),
        "no_tax": lab.order(lines=(_line(order, taxes=(odd,)),)),
        "unknown_country": lab.order(shipping_address=moon),
        "unknown_state": lab.order(shipping_address=state),
        "no_pricelist": other,
    }


async def test_bad_orders_are_named_and_the_others_made(lab: Any, connect: Any) -> None:
    async with connect(unknown_region="reject") as odoo:
        await odoo.rpc.call(
            "product.product",
            "create",
            vals_list=[{"name": "A", "default_code": f"{lab.prefix}-ARCH", "active": False}],
        )
        bad = _bad(lab)
        good = [lab.order() for _ in range(2)]
        orders = [good[0], *bad.values(), good[1]]
        answers = await odoo.apply_many([lab.command(order) for order in orders])
    reasons = [getattr(answer, "reason", None) for answer in answers]
    assert reasons == [None, *bad, None]
    for answer in answers[1:-1]:
        assert isinstance(answer, crossdock.RejectedError)
        assert "Traceback" not in str(answer)


async def test_a_product_tracked_by_lot_is_summed_and_not_counted(lab: Any, connect: Any) -> None:
    """And a quant that Odoo deletes is told as 0."""
    async with connect() as odoo:
        rpc = odoo.rpc
        name = await rpc.fields.name("product.product", "is_storable")
        stored = {name: True, "type": "consu"} if name == "is_storable" else {name: "product"}
        (lotted, last) = await rpc.call(
            "product.product",
            "create",
            vals_list=[
                {
                    "name": "L",
                    "default_code": f"{lab.prefix}-LOT",
                    "tracking": "lot",
                    **stored,
                },
                {"name": "Z", "default_code": f"{lab.prefix}-LAST", **stored},
            ],
        )
        lots = await rpc.call(
            "stock.lot",
            "create",
            vals_list=[{"name": f"{lab.prefix}{n}", "product_id": lotted} for n in (1, 2)],
        )
        values = [
            {
                "product_id": lotted,
                "location_id": lab.location,
                "lot_id": lot,
                "inventory_quantity": 2.5,
            }
            for lot in lots
        ]
        values.append({"product_id": last, "location_id": lab.location, "inventory_quantity": 1})
        quants = await rpc.call(
            "stock.quant", "create", vals_list=values, context={"inventory_mode": True}
        )
        await rpc.call("stock.quant", "action_apply_inventory", ids=quants)
        await asyncio.sleep(2)  # the second of these counts is closed then
        cursor = [raw.cursor async for raw in odoo.poll(None)][-1]

        def level(sku: str, amount: int) -> Any:
            data = InventoryLevel(
                id=entity_id(lab.prefix, "inventory", sku),
                sku=f"{lab.prefix}-{sku}",
                location=lab.warehouse,
                on_hand=Decimal(amount),
            )
            return lab.command(data, "inventory.publish")

        answers = await odoo.apply_many([level("LOT", 5), level("LAST", 1)])
        assert [answer.changed for answer in answers] == [False, False]
        answers = await odoo.apply_many([level("LOT", 7), level("LAST", 0), level("NONE", 1)])
        assert [getattr(answer, "reason", None) for answer in answers] == [
            "tracked_by_lot",
            None,
            "unknown_sku",
        ]
        await rpc.call("stock.quant", "action_view_inventory")  # deletes empty quants
        left = await rpc.search_read(
            "stock.quant",
            [["product_id", "=", last], ["location_id.usage", "=", "internal"]],
            ["quantity"],
        )
        assert left == []
        told = await _levels_after(odoo, cursor, f"{lab.prefix}-LAST")
    assert told[-1] == 0


async def _levels_after(odoo: Any, cursor: str | None, sku: str) -> list[int]:
    """The levels of one product, once the second of its last change is closed."""
    await asyncio.sleep(2)
    raws = [raw async for raw in odoo.poll(cursor)]
    return [
        int(raw.body["on_hand"])
        for raw in raws
        if raw.topic == "stock.level" and raw.body["sku"] == sku
    ]


async def _key(lab: Any, login: str, password: str) -> str:
    """An API key of another user, made as a person makes one in the browser."""
    async with httpx.AsyncClient(base_url=lab.url, timeout=60) as web:

        async def post(path: str, **params: Any) -> Any:
            body = {"jsonrpc": "2.0", "method": "call", "id": 1, "params": params}
            answer = (await web.post(path, json=body)).json()
            assert "error" not in answer, answer["error"]["data"]["name"]
            return answer.get("result")

        async def call(model: str, method: str, *args: Any, **named: Any) -> Any:
            return await post(
                f"/web/dataset/call_kw/{model}/{method}",
                model=model,
                method=method,
                args=list(args),
                kwargs=named,
            )

        await post("/web/session/authenticate", db=lab.database, login=login, password=password)
        values = {"name": "crossdock"}
        told = await call("res.users.apikeys.description", "fields_get", ["duration"])
        if told:
            values["duration"] = "1"
        (wish,) = await call("res.users.apikeys.description", "create", [values])
        action = await call("res.users.apikeys.description", "make_key", [wish])
        if action["res_model"] == "res.users.identitycheck":
            check = action["res_id"]
            secret = {"password": password, "auth_method": "password"}
            known = await call("res.users.identitycheck", "fields_get", list(secret))
            await call(
                "res.users.identitycheck",
                "write",
                [check],
                {name: value for name, value in secret.items() if name in known},
            )
            action = await call(
                "res.users.identitycheck", "run_check", [check], context={"password": password}
            )
        return str(action["context"]["default_key"])


@asynccontextmanager
async def _as(lab: Any, login: str, key: str, **more: Any) -> Any:
    context = crossdock.Context(connection="few", namespace=lab.namespace)
    async with open_odoo(lab.config(login=login, api_key=key, **more), context) as odoo:
        yield odoo


async def test_a_user_with_few_rights_and_one_whose_key_is_gone(lab: Any, connect: Any) -> None:
    password = secrets.token_urlsafe(16)
    login = f"{lab.prefix.lower()}@example.com"
    async with connect() as admin:
        groups = await admin.rpc.fields.name("res.users", "group_ids")
        (internal,) = await admin.rpc.search_read(
            "ir.model.data",
            [["module", "=", "base"], ["name", "=", "group_user"]],
            ["res_id"],
        )
        (user,) = await admin.rpc.call(
            "res.users",
            "create",
            vals_list=[
                {
                    "name": login,
                    "login": login,
                    "password": password,
                    groups: [[6, 0, [internal["res_id"]]]],
                }
            ],
        )
        key = await _key(lab, login, password)
        async with _as(lab, login, key) as few:
            notes = (await few.probe()).notes
            assert any("cannot read sale.order" in note for note in notes), notes
            assert any("cannot read ir.model.data" in note for note in notes), notes
            (answer,) = await few.apply_many([lab.command(lab.order())])
            assert isinstance(answer, crossdock.RejectedError)
            assert answer.reason == "AccessError"
            assert "traceback" not in str(answer).lower()
        await admin.rpc.call("res.users", "write", ids=[user], vals={"active": False})
        async with _as(lab, login, key) as gone:
            with pytest.raises(crossdock.AuthError, match=r"may have expired|does not know"):
                await gone.probe()
    async with _as(lab, lab.login, "0" * 40) as wrong:
        with pytest.raises(crossdock.AuthError):
            await wrong.apply(lab.command(lab.order()))
    async with _as(lab, lab.login, lab.key, database="nowhere") as wrong:
        with pytest.raises(crossdock.AuthError, match="no database 'nowhere'"):
            await wrong.apply(lab.command(lab.order()))

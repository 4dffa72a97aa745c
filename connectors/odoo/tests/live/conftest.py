"""The live suite: a real Odoo, named by the environment; see `nox -s live_odoo`.

Everything is made through the public API under a prefix of this run (`CDT1A2B3C-…`), in a warehouse
of its own, so that runs disturb neither each other nor what is there.
"""

import asyncio
import os
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import crossdock
import pytest
from crossdock.canonical import (
    Address,
    Discount,
    EntityRef,
    Money,
    Order,
    OrderLine,
    ShippingLine,
    TaxLine,
    Totals,
)
from crossdock.identity import entity_id
from crossdock_odoo import Odoo, OdooConfig, open_odoo

NAMES = ("URL", "DB", "LOGIN", "KEY")
STOCK = 100_000.0
SKUS = 40


@dataclass
class Lab:
    """One database, and what this run made in it."""

    url: str
    database: str
    login: str
    key: str = field(repr=False)
    prefix: str = field(default_factory=lambda: f"CDT{secrets.token_hex(3).upper()}")
    products: dict[str, int] = field(default_factory=dict)
    warehouse: str = ""
    location: int = 0
    version: str = ""
    steps: list[tuple[str, int, float, str]] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: iter(range(1, 1_000_000)))

    @property
    def namespace(self) -> str:
        """The module of the external ids of this run."""
        return f"crossdock_{self.prefix.lower()}"

    def config(self, **more: Any) -> OdooConfig:
        """The connection as a deployment would write it."""
        told: dict[str, Any] = {
            "url": self.url,
            "database": self.database,
            "login": self.login,
            "api_key": self.key,
            "warehouses": [self.warehouse] if self.warehouse else [],
            "shipping_product": f"{self.prefix}-SHIP",
            "discount_product": f"{self.prefix}-DISC",
            "taxes": {
                "0.19": f"{self.prefix} 19%",
                "0.19 included": f"{self.prefix} 19% incl.",
            }
            if self.products
            else {},
        }
        return OdooConfig(**{**told, **more})

    @asynccontextmanager
    async def connect(self, **more: Any) -> AsyncIterator[Odoo]:
        """An open connection."""
        context = crossdock.Context(connection="live", namespace=self.namespace)
        async with open_odoo(self.config(**more), context) as odoo:
            yield odoo

    def sku(self, number: int) -> str:
        """One of the goods of this run."""
        return f"{self.prefix}-{number % SKUS:03}"

    def order(self, number: int | None = None, **more: Any) -> Order:
        """Two lines, one discounted, carriage and two addresses: 69.84 in all."""
        number = next(self.numbers) if number is None else number
        home = {"locality": "Palo Alto", "region": "CA", "country": "US", "postal_code": "94301"}
        currency = more.get("currency", "USD")

        def money(text: str) -> Money:
            return Money(amount=Decimal(text), currency=currency)

        def tax(text: str) -> tuple[TaxLine, ...]:
            return (TaxLine(title="VAT", rate=Decimal("0.19"), amount=money(text)),)

        values: dict[str, Any] = {
            "id": entity_id(self.prefix, "order", str(number)),
            "number": f"{self.prefix}-{number}",
            "placed_at": "2026-11-20T14:03:22Z",
            "currency": "USD",
            "lines": (
                OrderLine(
                    line_id="1",
                    sku=self.sku(2 * number),
                    title="Mug",
                    ordered=Decimal(2),
                    unit_price=money("12.50"),
                    taxes=tax("4.75"),
                ),
                OrderLine(
                    line_id="gid://shop/LineItem/2",
                    sku=self.sku(2 * number + 1),
                    title="Tote",
                    ordered=Decimal(3),
                    unit_price=money("9.90"),
                    discounts=(Discount(amount=money("1.00"), code="HELLO"),),
                    taxes=tax("5.45"),
                ),
            ),
            "shipping": (ShippingLine(title="Standard", price=money("4.99"), taxes=tax("0.95")),),
            "totals": Totals(total=money("69.84")),
            "customer": EntityRef(id=entity_id(self.prefix, "customer", str(number % 50))),
            "customer_name": "Ada Byron",
            "email": "ada@example.com",
            "billing_address": Address(full_name="Ada Byron", lines=("1 Main St",), **home),
            "shipping_address": Address(full_name="Ada (work)", lines=("5 Mission St",), **home),
        }
        return Order(**{**values, **more})

    def command(
        self, data: Any, type_: str = "order.create", attempt: int = 1, **more: Any
    ) -> crossdock.Command[Any]:
        """A wish about an entity."""
        return crossdock.Command(
            id=f"cmd_{type_}_{data.id}",
            type=type_,
            data=data,
            entity_id=data.id or "",
            attempt=attempt,
            **more,
        )

    @contextmanager
    def step(self, name: str, count: int = 1, note: str = "") -> Iterator[None]:
        """Time what is inside, for the table at the end."""
        start = time.perf_counter()
        yield
        self.steps.append((name, count, time.perf_counter() - start, note))


async def _furnish(lab: Lab) -> None:
    """Warehouse, taxes, pricelists, products with stock."""
    async with lab.connect() as odoo:
        rpc = odoo.rpc
        version = await rpc.version()
        lab.version = version.text

        async def make(model: str, values: dict[str, Any]) -> int:
            answer = await rpc.call(model, "create", vals_list=[values])
            return int(answer[0])

        code = f"C{lab.prefix[3:7]}"
        house = await make("stock.warehouse", {"name": lab.prefix, "code": code})
        (row,) = await rpc.read("stock.warehouse", [house], ["lot_stock_id"])
        lab.warehouse, lab.location = code, row["lot_stock_id"]
        on_top = {"name": f"{lab.prefix} 19%", "amount": 19.0, "type_tax_use": "sale"}
        inside = {**on_top, "name": f"{lab.prefix} 19% incl."}
        if version.major >= 18:
            inside["price_include_override"] = "tax_included"
        else:
            inside["price_include"] = True
        await make("account.tax", on_top)
        await make("account.tax", inside)
        usd = await _currency(rpc, "USD")
        euro = await _currency(rpc, "EUR")
        for name, currency in (("USD", usd), ("EUR", euro)):
            lists = await rpc.search_read(
                "product.pricelist", [["currency_id", "=", currency]], ["name"], limit=1
            )
            if not lists:
                await make(
                    "product.pricelist", {"name": f"{lab.prefix} {name}", "currency_id": currency}
                )
        for sku in ("SHIP", "DISC"):
            await make(
                "product.product",
                {
                    "name": f"{lab.prefix} {sku}",
                    "default_code": f"{lab.prefix}-{sku}",
                    "type": "service",
                    "invoice_policy": "order",
                },
            )
        stored = (
            {"type": "consu", "is_storable": True}
            if version.major >= 18
            else {"detailed_type": "product"}
        )
        skus = [lab.sku(number) for number in range(SKUS)]
        ids = await rpc.call(
            "product.product",
            "create",
            vals_list=[
                {"name": sku, "default_code": sku, "list_price": 10.0, **stored} for sku in skus
            ],
        )
        lab.products = dict(zip(skus, ids, strict=True))
        await stock_up(rpc, ids, lab.location, STOCK)


async def stock_up(rpc: Any, products: list[int], location: int, quantity: float) -> None:
    """Count so much of each."""
    quants = await rpc.call(
        "stock.quant",
        "create",
        vals_list=[
            {"product_id": product, "location_id": location, "inventory_quantity": quantity}
            for product in products
        ],
        context={"inventory_mode": True},
    )
    await rpc.call("stock.quant", "action_apply_inventory", ids=quants)


async def _currency(rpc: Any, code: str) -> int:
    rows = await rpc.search_read(
        "res.currency", [["name", "=", code], ["active", "in", [True, False]]], ["active"]
    )
    if not rows[0]["active"]:
        await rpc.call("res.currency", "write", ids=[rows[0]["id"]], vals={"active": True})
    return int(rows[0]["id"])


LABS: list[Lab] = []


@pytest.fixture(scope="session")
def lab() -> Lab:
    """The database named by the environment, furnished once."""
    told = [os.environ.get(f"CROSSDOCK_TEST_ODOO_{name}", "") for name in NAMES]
    made = Lab(*told)
    asyncio.run(_furnish(made))
    LABS.append(made)
    return made


Connect = Callable[..., AbstractAsyncContextManager[Odoo]]


@pytest.fixture
def connect(lab: Lab) -> Connect:
    """`async with connect(**config) as odoo`."""
    return lab.connect


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table of steps and rates."""
    for lab in LABS:
        terminalreporter.write_line("")
        terminalreporter.write_line(f"Odoo {lab.version}, {lab.url}, prefix {lab.prefix}")
        for name, count, seconds, note in lab.steps:
            rate = f"{count / seconds:9.1f} /s" if seconds else ""
            terminalreporter.write_line(
                f"  {name:<52}{count:>6}{seconds:>9.2f} s {rate:>13}  {note}"
            )

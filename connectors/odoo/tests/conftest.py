"""What the tests of this connector share: sandboxes, open connections, an order."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import crossdock
import crossdock_odoo
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
from crossdock.testing.sandbox import serve
from crossdock_odoo.sandbox import OdooSandbox

RECORDINGS = Path(__file__).parent / "recordings"
Connect = Callable[..., AbstractAsyncContextManager[crossdock_odoo.Odoo]]


@pytest.fixture
def connect() -> Connect:
    """`async with connect(sandbox, **config) as odoo`."""

    @asynccontextmanager
    async def connected(box: OdooSandbox, **more: Any) -> AsyncIterator[crossdock_odoo.Odoo]:
        async with serve(box.app) as url:
            told = {**box.connection(url), **more}
            told.pop("connector")
            config = crossdock_odoo.OdooConfig(**told)
            async with crossdock_odoo.open_odoo(
                config, crossdock.Context(connection="erp")
            ) as odoo:
                yield odoo

    return connected


@pytest.fixture(params=[19, 18, 17])
def box(request: pytest.FixtureRequest) -> OdooSandbox:
    """A sandbox of each version."""
    return OdooSandbox(version=request.param)


def money(amount: str, currency: str = "USD") -> Money:
    """An amount."""
    return Money(amount=Decimal(amount), currency=currency)


def tax(rate: str, amount: str, *, included: bool = False) -> TaxLine:
    """A tax line."""
    return TaxLine(title="VAT", rate=Decimal(rate), amount=money(amount), included=included)


@pytest.fixture
def order() -> Callable[..., Order]:
    """An order with two lines, one of them discounted, carriage, and two addresses."""

    def make(number: int = 1, **more: Any) -> Order:
        home = {"locality": "Palo Alto", "region": "CA", "country": "US", "postal_code": "94301"}
        values: dict[str, Any] = {
            "id": entity_id("web", "order", str(number)),
            "number": f"#{number}",
            "placed_at": "2026-11-20T14:03:22Z",
            "currency": "USD",
            "lines": (
                OrderLine(
                    line_id="866550311766439020",
                    sku="MUG-BLUE",
                    title="Mug",
                    ordered=Decimal(2),
                    unit_price=money("12.50"),
                    taxes=(tax("0.19", "4.75"),),
                ),
                OrderLine(
                    line_id="gid://shop/LineItem/2",
                    sku="TOTE",
                    title="Tote",
                    ordered=Decimal(3),
                    unit_price=money("9.90"),
                    discounts=(Discount(amount=money("1.00"), code="HELLO"),),
                    taxes=(tax("0.19", "5.45"),),
                ),
            ),
            "shipping": (
                ShippingLine(title="Standard", price=money("4.99"), taxes=(tax("0.19", "0.95"),)),
            ),
            "totals": Totals(total=money("69.84")),
            "customer": EntityRef(id=entity_id("web", "customer", "7")),
            "customer_name": "Ada Byron",
            "email": "ada@example.com",
            "billing_address": Address(full_name="Ada Byron", lines=("1 Main St",), **home),
            "shipping_address": Address(full_name="Ada (work)", lines=("5 Mission St",), **home),
        }
        return Order(**{**values, **more})

    return make


@pytest.fixture
def command() -> Callable[..., crossdock.Command[Order]]:
    """A command about an order."""

    def make(
        order: Order, type_: str = "order.create", attempt: int = 1
    ) -> crossdock.Command[Order]:
        return crossdock.Command(
            id=f"cmd_{order.id}", type=type_, data=order, entity_id=order.id or "", attempt=attempt
        )

    return make


@pytest.fixture
def recording() -> Callable[[str], dict[str, Any]]:
    """One recorded exchange by its path under recordings/, without `.json`."""

    def read(path: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((RECORDINGS / f"{path}.json").read_text())
        return found

    return read

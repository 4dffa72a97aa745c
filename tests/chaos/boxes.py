"""The vendors of a chaos run, in a process of their own: the truth that everything is judged by.

Both sandboxes as they are, with stock enough for a long run, and beside them what an observer
standing in the shop would write down: every change of stock and every shipment, in the order in
which they arrived. Serves until standard input is closed; prints one JSON line with the addresses.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any

from crossdock.testing.sandbox import serve
from crossdock_odoo.sandbox import OdooSandbox
from crossdock_odoo.sandbox_control import count
from crossdock_shopify.sandbox import ShopifySandbox
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

STOCK = 1_000_000
"""Of every article, in the shop and in the warehouse."""


class Observer:
    """Writes down what reaches the shop, in order."""

    def __init__(self, shop: ShopifySandbox, erp: OdooSandbox) -> None:
        self.shop, self.erp = shop, erp
        self.stock: list[tuple[str, int]] = []
        self.parcels: list[tuple[str, str]] = []
        self._tell: Callable[[str, str, dict[str, Any]], None] = shop.shop.echo
        shop.shop.echo = self._seen

    def _seen(self, topic: str, key: str, facts: dict[str, Any]) -> None:
        if topic == "fulfillments/create":
            self.parcels.append((facts["order"].name, " ".join(facts["row"]["tracking"])))
        elif topic == "inventory_levels/update":
            variants = self.shop.shop.variants.items()
            sku = next(sku for sku, row in variants if row["item"] == facts["item"])
            self.stock.append((sku, facts["available"]))
        self._tell(topic, key, facts)

    async def progress(self, _: Request) -> JSONResponse:
        """Counts that cost nothing, for somebody who asks often."""
        tables = self.erp.store.tables
        shipped = sum(row["state"] == "done" for row in tables["stock.picking"].rows.values())
        return JSONResponse(
            {
                "selling": self.shop.courier.selling > 0,
                **self.shop.courier.report(),
                "sold": len(self.shop.shop.orders),
                "erp_orders": len(tables["sale.order"].rows),
                "pickings": len(tables["stock.picking"].rows),
                "shipped": shipped,
                "parcels": len(self.parcels),
                "stock_sets": len(self.stock),
            }
        )

    async def log(self, _: Request) -> JSONResponse:
        """Everything written down."""
        return JSONResponse({"stock": self.stock, "parcels": self.parcels, "start": STOCK})

    @property
    def app(self) -> Starlette:
        """Its two pages."""
        return Starlette(routes=[Route("/progress", self.progress), Route("/log", self.log)])


async def main() -> None:
    """See the module's docstring."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.run_in_executor(None, lambda: (sys.stdin.read(), loop.call_soon_threadsafe(stop.set)))
    shop, erp = ShopifySandbox(stock_each=STOCK), OdooSandbox()
    for sku in shop.shop.variants:
        count(erp, sku, STOCK)
    observer = Observer(shop, erp)
    async with (
        serve(shop.app) as shop_url,
        serve(erp.app) as erp_url,
        serve(observer.app) as observer_url,
    ):
        ready = {
            "shopify": {"url": shop_url, "connection": dict(shop.connection(shop_url))},
            "odoo": {"url": erp_url, "connection": dict(erp.connection(erp_url))},
            "observer": {"url": observer_url},
        }
        sys.stdout.write(json.dumps(ready) + "\n")
        sys.stdout.flush()
        await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())

"""What Odoo holds now: the stock of the whole catalogue, orders and deliveries of a window.

Stock is read in pages of products, each in two calls: the products, and all their quants, summed
by warehouse here. A product without quants has a level of 0 in every warehouse, so that what
Odoo deleted since the last poll is told, too.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import crossdock

from crossdock_odoo.documents import SOURCES
from crossdock_odoo.mapping import LEVEL, PICKING, STAMP
from crossdock_odoo.mapping_orders import ORDER
from crossdock_odoo.polling import DONE_DELIVERY, Poller

ORDER_FIELDS = (
    "name",
    "state",
    "client_order_ref",
    "date_order",
    "write_date",
    "currency_id",
    "amount_total",
    "amount_untaxed",
    "amount_tax",
    "order_line",
)
LINE_FIELDS = (
    "order_id",
    "product_id",
    "name",
    "product_uom_qty",
    "qty_delivered",
    "qty_invoiced",
    "price_unit",
    "is_delivery",
    "display_type",
)


@dataclass(frozen=True)
class Snapshots:
    """The kinds are `inventory`, `order`, `fulfillment` and those of `documents.SOURCES`; see
    `crossdock.Snapshots`."""

    poller: Poller

    async def snapshot(self, window: crossdock.Window) -> AsyncIterator[crossdock.Raw]:
        """Records of a kind; of all but `inventory` those written in [since, until)."""
        match window.kind:
            case "inventory":
                records = self._levels()
            case "order":
                records = self._orders(window)
            case "fulfillment":
                records = self._deliveries(window)
            case kind if kind in SOURCES:
                records = self._documents(window)
            case _:
                kinds = ", ".join(("inventory", "order", "fulfillment", *SOURCES))
                raise crossdock.RejectedError(
                    f"Odoo has snapshots of {kinds}, not of {window.kind}", reason="not_handled"
                )
        async for raw in records:
            yield raw

    async def _levels(self) -> AsyncIterator[crossdock.Raw]:
        rpc, master = self.poller.rpc, self.poller.master
        houses = sorted((await master.warehouses()).items())
        last = 0
        while True:
            products = await rpc.search_read(
                "product.product",
                [*await master.stored(), ["default_code", "!=", False], ["id", ">", last]],
                ["default_code", "write_date"],
                order="id",
                limit=rpc.config.page_size,
            )
            if not products:
                return
            ids = [row["id"] for row in products]
            skus = {row["id"]: row["default_code"] for row in products}
            levels = await self.poller.levels(ids, skus)
            for row in products:
                told = {body["warehouse"]: body for body in levels.get(row["id"], ())}
                for code, _ in houses:
                    body = told.get(code) or {
                        "product_id": row["id"],
                        "sku": row["default_code"],
                        "warehouse": code,
                        "on_hand": 0.0,
                        "reserved": 0.0,
                        "write_date": row["write_date"],
                    }
                    yield self._raw(LEVEL, f"{row['default_code']}@{code}", "stock", body)
            if len(products) < rpc.config.page_size:
                return
            last = ids[-1]

    async def _pages(
        self, model: str, domain: Sequence[Any], fields: Sequence[str], window: crossdock.Window
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """By id, of what was written in the window; both ends on whole seconds."""
        limits: list[Any] = []
        if window.since is not None:
            limits.append(["write_date", ">=", window.since.astimezone(UTC).strftime(STAMP)])
        if window.until is not None:
            limits.append(["write_date", "<", window.until.astimezone(UTC).strftime(STAMP)])
        size, last = self.poller.rpc.config.page_size, 0
        while True:
            page = await self.poller.rpc.search_read(
                model, [*domain, *limits, ["id", ">", last]], fields, order="id", limit=size
            )
            if page:
                yield page
            if len(page) < size:
                return
            last = page[-1]["id"]

    async def _orders(self, window: crossdock.Window) -> AsyncIterator[crossdock.Raw]:
        poller = self.poller
        domain: list[Any] = []
        if poller.rpc.config.company is not None:
            domain.append(["company_id", "=", poller.rpc.config.company])
        async for page in self._pages("sale.order", domain, ORDER_FIELDS, window):
            lines = await poller.rpc.search_read(
                "sale.order.line",
                [["order_id", "in", [row["id"] for row in page]]],
                LINE_FIELDS,
                order="order_id, id",
            )
            names = await poller.external_names(
                [row["id"] for row in page], [line["id"] for line in lines]
            )
            skus = await poller.skus(line["product_id"] for line in lines if line["product_id"])
            money = await poller.rpc.read(
                "res.currency", sorted({row["currency_id"] for row in page}), ["name"]
            )
            currencies = {row["id"]: row["name"] for row in money}
            by_order: dict[int, list[dict[str, Any]]] = {}
            for line in lines:
                if line["display_type"] or not line["product_id"]:
                    continue
                external = names.get(("sale.order.line", line["id"]), False)
                sku = skus.get(line["product_id"], False)
                by_order.setdefault(line["order_id"], []).append(
                    {**line, "external": external, "sku": sku}
                )
            for row in page:
                external = names.get(("sale.order", row["id"]), False)
                body = {
                    **row,
                    "external": external,
                    "currency": currencies[row["currency_id"]],
                    "lines": by_order.get(row["id"], []),
                }
                yield self._raw(ORDER, str(row["id"]), "order", body, str(external or ""))

    async def _deliveries(self, window: crossdock.Window) -> AsyncIterator[crossdock.Raw]:
        async for page in self._pages("stock.picking", DONE_DELIVERY, ["write_date"], window):
            bodies = await self.poller.picking_bodies([row["id"] for row in page])
            for native, body in bodies.items():
                order = body["order"]
                owner = order["external"] or str(order["id"])
                yield self._raw(PICKING, str(native), "order", body, owner)

    async def _documents(self, window: crossdock.Window) -> AsyncIterator[crossdock.Raw]:
        source, documents = SOURCES[window.kind], self.poller.documents
        domain = list(source.domain)
        if self.poller.rpc.config.company is not None:
            domain.append(["company_id", "=", self.poller.rpc.config.company])
        async for page in self._pages(source.model, domain, ["write_date"], window):
            bodies = await documents.bodies(window.kind, [row["id"] for row in page])
            for native, body in bodies.items():
                yield self._raw(source.topic, str(native), window.kind, body)

    def _raw(
        self, topic: str, native: str, kind: str, body: dict[str, Any], owner: str = ""
    ) -> crossdock.Raw:
        written = body.get("write_date") or body["picking"]["write_date"]
        return self.poller.raw(
            topic, body, key=f"{kind}:{owner or native}", native=native, written=written
        )

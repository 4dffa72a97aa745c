"""One open connection to one Odoo: the ports, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import crossdock

from crossdock_odoo.batches import Batches
from crossdock_odoo.config import OdooConfig
from crossdock_odoo.counts import Counts
from crossdock_odoo.edits import Edits
from crossdock_odoo.masterdata import MasterData
from crossdock_odoo.orders import Orders
from crossdock_odoo.polling import Poller
from crossdock_odoo.products import Products
from crossdock_odoo.rpc import Rpc
from crossdock_odoo.shipping import Shipping
from crossdock_odoo.snapshots import Snapshots

HANDLES = (
    "order.create",
    "order.update",
    "order.cancel",
    "inventory.publish",
    "fulfillment.create",
    "product.publish",
)
"""The commands that `apply` carries out."""

NEEDED = (
    "sale.order",
    "res.partner",
    "product.product",
    "product.pricelist",
    "account.tax",
    "stock.picking",
    "stock.quant",
    "ir.model.data",
)
"""Models that the integration user must be able to read; of the first two it writes, too."""


@dataclass(frozen=True)
class Odoo:
    """Writes sales orders, counts and shipments; tells shipments and stock."""

    rpc: Rpc
    orders: Orders
    batches: Batches
    edits: Edits
    counts: Counts
    shipping: Shipping
    products: Products
    poller: Poller
    snapshots: Snapshots

    async def probe(self) -> crossdock.Health:
        """Version, rights to read, and what the vendor has announced. Writes nothing."""
        version = await self.rpc.version()
        notes = [f"database {self.rpc.config.database}"]
        answers = await asyncio.gather(*(self._may_read(model) for model in NEEDED))
        notes += [note for note in answers if note]
        notes += version.notes()
        return crossdock.Health(version=f"Odoo {version.text}", notes=tuple(notes))

    async def _may_read(self, model: str) -> str:
        try:
            await self.rpc.call(model, "search_count", domain=[["id", "=", 0]])
        except crossdock.RejectedError as error:
            return f"cannot read {model}: {error.reason}. Give the integration user that right"
        return ""

    def poll(self, cursor: str | None) -> AsyncIterator[crossdock.Raw]:
        """Done deliveries and stock levels; see `crossdock_odoo.polling`."""
        return self.poller.poll(cursor)

    def snapshot(self, window: crossdock.Window) -> AsyncIterator[crossdock.Raw]:
        """Stock of the whole catalogue, orders, deliveries; see `crossdock_odoo.snapshots`."""
        return self.snapshots.snapshot(window)

    async def apply(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Any of HANDLES. Safe to call again in every half-way state."""
        match command.type:
            case "order.create":
                return await self.orders.create(command)
            case "order.update":
                return await self.edits.update(command)
            case "order.cancel":
                return await self.orders.cancel(command)
            case "inventory.publish":
                return await self.counts.publish(command)
            case "fulfillment.create":
                return await self.shipping.create(command)
            case "product.publish":
                return await self.products.publish(command)
        raise crossdock.RejectedError(
            f"Odoo handles {', '.join(HANDLES)}, not {command.type}", reason="not_handled"
        )

    async def apply_many(
        self, commands: Sequence[crossdock.Command[Any]]
    ) -> Sequence[crossdock.Receipt | crossdock.CrossdockError]:
        """Orders and counts in batches, all else one by one; see `AppliesMany` in the core."""
        answers: dict[int, crossdock.Receipt | crossdock.CrossdockError] = {}
        creates = [i for i, command in enumerate(commands) if command.type == "order.create"]
        told = await self.batches.create([commands[i] for i in creates])
        answers |= zip(creates, told, strict=True)
        levels = [i for i, command in enumerate(commands) if command.type == "inventory.publish"]
        counted = await self.counts.publish_many([commands[i] for i in levels])
        answers |= zip(levels, counted, strict=True)
        for index, command in enumerate(commands):
            if index not in answers:
                try:
                    answers[index] = await self.apply(command)
                except crossdock.CrossdockError as error:
                    answers[index] = error
        return [answers[index] for index in range(len(commands))]

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """The receipt of a command that is wholly done."""
        match command.type:
            case "order.create" | "order.cancel":
                return await self.orders.find(command)
            case "order.update":
                return await self.edits.find(command)
            case "fulfillment.create":
                return await self.shipping.find(command)
        return None  # what sets may be done again: `apply` finds nothing to do


@asynccontextmanager
async def open_odoo(config: OdooConfig, context: crossdock.Context) -> AsyncIterator[Odoo]:
    """Speaks to nobody yet: the version is asked for with the first call."""
    async with context.http(base_url=str(config.url), timeout_s=config.timeout_s) as http:
        rpc = Rpc(http, config)
        master = MasterData(rpc)
        orders = Orders(rpc, master, context.namespace)
        poller = Poller(rpc, master, context.namespace)
        yield Odoo(
            rpc=rpc,
            orders=orders,
            batches=Batches(orders),
            edits=Edits(orders),
            counts=Counts(rpc, master),
            shipping=Shipping(orders),
            products=Products(rpc, master, context.namespace),
            poller=poller,
            snapshots=Snapshots(poller),
        )

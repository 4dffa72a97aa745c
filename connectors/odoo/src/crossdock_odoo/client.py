"""One open connection to one Odoo: the ports, and nothing else."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import crossdock

from crossdock_odoo.batches import Batches
from crossdock_odoo.books import Books
from crossdock_odoo.config import OdooConfig
from crossdock_odoo.counts import Counts
from crossdock_odoo.customers import Customers
from crossdock_odoo.edits import Edits
from crossdock_odoo.holds import Holds
from crossdock_odoo.invoicing import Invoicing
from crossdock_odoo.masterdata import MasterData
from crossdock_odoo.orders import Orders
from crossdock_odoo.payments import Payments
from crossdock_odoo.polling import Poller
from crossdock_odoo.prices import Prices
from crossdock_odoo.products import Products
from crossdock_odoo.receipts import Receipts
from crossdock_odoo.refunds import Refunds
from crossdock_odoo.returns import Returns
from crossdock_odoo.rpc import Rpc
from crossdock_odoo.settlements import Settlements
from crossdock_odoo.shipping import Shipping
from crossdock_odoo.snapshots import Snapshots
from crossdock_odoo.tills import Tills

HANDLES = (
    "order.create",
    "order.update",
    "order.cancel",
    "order.hold",
    "order.release",
    "inventory.publish",
    "fulfillment.create",
    "return.create",
    "return.cancel",
    "return_receipt.create",
    "refund.create",
    "payment.create",
    "settlement.create",
    "product.publish",
    "price.publish",
    "customer.publish",
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


Apply = Callable[[crossdock.Command[Any]], Awaitable[crossdock.Receipt]]
Find = Callable[[crossdock.Command[Any]], Awaitable[crossdock.Receipt | None]]


class Wish(NamedTuple):
    """How one command is carried out, and how its receipt is found; what sets need not be found."""

    apply: Apply
    find: Find | None = None


@dataclass(frozen=True)
class Odoo:
    """Writes sales orders, counts and shipments; tells shipments and stock."""

    rpc: Rpc
    orders: Orders
    batches: Batches
    counts: Counts
    prices: Prices
    tills: Tills
    poller: Poller
    snapshots: Snapshots
    wishes: Mapping[str, Wish]
    """What `apply` and `find` do with each of HANDLES."""
    till_wishes: Mapping[str, Wish]
    """The same, for the orders of a till."""

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
        wish = self._wish(command)
        if wish is None:
            raise crossdock.RejectedError(
                f"Odoo handles {', '.join(HANDLES)}, not {command.type}", reason="not_handled"
            )
        return await wish.apply(command)

    def _wish(self, command: crossdock.Command[Any]) -> Wish | None:
        wish = self.wishes.get(command.type)
        if wish is None or not self.tills.concerns(command):
            return wish
        return self.till_wishes.get(command.type) or Wish(self.tills.refuse)

    async def apply_many(
        self, commands: Sequence[crossdock.Command[Any]]
    ) -> Sequence[crossdock.Receipt | crossdock.CrossdockError]:
        """Orders, counts and prices in batches, all else one by one; see `AppliesMany`."""
        answers: dict[int, crossdock.Receipt | crossdock.CrossdockError] = {}
        creates = [
            i
            for i, command in enumerate(commands)
            if command.type == "order.create" and not self.tills.concerns(command)
        ]
        told = await self.batches.create([commands[i] for i in creates])
        answers |= zip(creates, told, strict=True)
        levels = [i for i, command in enumerate(commands) if command.type == "inventory.publish"]
        counted = await self.counts.publish_many([commands[i] for i in levels])
        answers |= zip(levels, counted, strict=True)
        prices = [i for i, command in enumerate(commands) if command.type == "price.publish"]
        priced = await self.prices.publish_many([commands[i] for i in prices])
        answers |= zip(prices, priced, strict=True)
        for index, command in enumerate(commands):
            if index not in answers:
                try:
                    answers[index] = await self.apply(command)
                except crossdock.CrossdockError as error:
                    answers[index] = error
        return [answers[index] for index in range(len(commands))]

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """The receipt of a command that is wholly done."""
        wish = self._wish(command)
        if wish is None or wish.find is None:
            return None  # what sets may be done again: `apply` finds nothing to do
        return await wish.find(command)


@asynccontextmanager
async def open_odoo(config: OdooConfig, context: crossdock.Context) -> AsyncIterator[Odoo]:
    """Speaks to nobody yet: the version is asked for with the first call."""
    async with context.http(base_url=str(config.url), timeout_s=config.timeout_s) as http:
        rpc = Rpc(http, config)
        master = MasterData(rpc)
        orders = Orders(rpc, master, context.namespace)
        poller = Poller(rpc, master, context.namespace)
        edits = Edits(orders)
        holds = Holds(orders)
        counts = Counts(rpc, master)
        shipping = Shipping(orders)
        products = Products(rpc, master, context.namespace)
        prices = Prices(rpc, master, context.namespace)
        customers = Customers(rpc, master, context.namespace)
        tills = Tills(orders)
        returns = Returns(orders)
        receipts = Receipts(returns)
        books = Books(rpc)
        invoicing = Invoicing(orders, books)
        payments = Payments(invoicing)
        refunds = Refunds(invoicing, payments)
        settlements = Settlements(rpc, master, books, context.namespace)
        yield Odoo(
            rpc=rpc,
            orders=orders,
            batches=Batches(orders),
            counts=counts,
            prices=prices,
            tills=tills,
            poller=poller,
            snapshots=Snapshots(poller),
            wishes={
                "order.create": Wish(orders.create, orders.find),
                "order.update": Wish(edits.update, edits.find),
                "order.cancel": Wish(orders.cancel, orders.find),
                "order.hold": Wish(holds.hold, holds.find),
                "order.release": Wish(holds.release, holds.find),
                "inventory.publish": Wish(counts.publish),
                "fulfillment.create": Wish(shipping.create, shipping.find),
                "return.create": Wish(returns.create, returns.find),
                "return.cancel": Wish(returns.cancel, returns.find),
                "return_receipt.create": Wish(receipts.create, receipts.find),
                "refund.create": Wish(refunds.create, refunds.find),
                "payment.create": Wish(payments.create, payments.find),
                "settlement.create": Wish(settlements.create, settlements.find),
                "product.publish": Wish(products.publish),
                "price.publish": Wish(prices.publish),
                "customer.publish": Wish(customers.publish),
            },
            till_wishes={
                "order.create": Wish(tills.create, tills.find),
                "order.update": Wish(tills.update),
                "order.cancel": Wish(tills.cancel),
                "fulfillment.create": Wish(tills.handed_over),
                "payment.create": Wish(tills.handed_over),
                "order.release": Wish(tills.handed_over),
            },
        )

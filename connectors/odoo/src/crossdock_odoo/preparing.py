"""Everything an order needs to be known before it is written: looked up, nothing written yet."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import crossdock
from crossdock.canonical import Order

from crossdock_odoo import partners, saleorder
from crossdock_odoo.masterdata import MasterData, missing_taxes
from crossdock_odoo.places import place
from crossdock_odoo.rpc import Rpc

OURS = frozenset({"merchant", "3pl", "store"})
"""Hands whose shipments leave our own stock."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """An order as Odoo is to hold it."""

    order: Order
    lines: tuple[saleorder.Position, ...]
    names: saleorder.Names
    parties: partners.Parties
    pricelist: int
    warehouse: int | None
    company: int | None

    def rows(self, contacts: Mapping[str, int]) -> list[dict[str, str]]:
        """For `load`; `contacts` are the ids of partners by external id."""
        who = self.parties
        heading = saleorder.Heading(
            partner=contacts[who.rows[who.customer]["id"]],
            invoice_to=contacts[who.rows[who.invoice_to]["id"]],
            ship_to=contacts[who.rows[who.ship_to]["id"]],
            pricelist=self.pricelist,
            warehouse=self.warehouse,
            company=self.company,
        )
        return saleorder.rows(self.order, self.lines, heading, self.names)

    @property
    def line_names(self) -> list[str]:
        """The names of the lines' external ids, in the order in which Odoo numbers them."""
        return [line.name for line in self.lines]


@dataclass(frozen=True)
class Preparer:
    """Finds products, taxes, pricelist, warehouse and countries."""

    rpc: Rpc
    master: MasterData
    namespace: str

    async def warm(self, orders: Sequence[Order]) -> None:
        """Ask for the products of many orders at once; what is wrong is told order by order."""
        config = self.rpc.config
        skus = {line.sku for order in orders for line in order.lines if line.sku}
        try:
            await self.master.products(skus | {config.shipping_product, config.discount_product})
        except crossdock.RejectedError:
            return

    async def prepare(self, order: Order, *, empty: bool = False) -> Prepared:
        """RejectedError names the first thing that Odoo lacks, and what to do.

        `empty`: an order of which nothing is left is none of them.
        """
        digits = await self.master.price_digits()
        config = self.rpc.config
        lines = saleorder.positions(
            order,
            order.id or "",
            digits=digits,
            shipping=config.shipping_product,
            discount=config.discount_product,
        )
        if not lines and not empty:
            raise crossdock.RejectedError(
                f"order {order.number} has nothing to be delivered or charged", reason="empty_order"
            )
        names = saleorder.Names(
            namespace=self.namespace,
            tax_field=await self.rpc.fields.name("sale.order.line", "tax_ids"),
            price_digits=digits,
            products=await self._products(order, lines),
            taxes=await self._taxes(order, lines),
            shipping_product=config.shipping_product,
            discount_product=config.discount_product,
        )
        pricelist = await self.master.pricelist(order.currency)
        warehouse = await self._warehouse(order)
        places = {
            index: await place(self.master, address, f"order {order.number}")
            for index, address in enumerate(partners.addresses(order))
        }
        return Prepared(
            order=order,
            lines=tuple(lines),
            names=names,
            parties=partners.parties(order, self.namespace, places),
            pricelist=pricelist,
            warehouse=warehouse,
            company=config.company,
        )

    async def _warehouse(self, order: Order) -> int | None:
        """Out of whose stock it ships; None: Odoo picks one.

        What others ship (a marketplace, a supplier) must not set our own stock aside: it goes to
        the warehouse that stands for the place where their goods lie. RejectedError: none does.
        """
        theirs = [line for line in order.lines if line.fulfilled_by not in OURS]
        if not theirs:
            config = self.rpc.config
            if not config.warehouses:
                return None
            return (await self.master.warehouses())[config.warehouses[0]]
        hands = " and ".join(sorted({line.fulfilled_by for line in theirs}))
        places = {line.location for line in order.lines}
        place = next(iter(places)) if len(places) == 1 else None
        if len(theirs) < len(order.lines) or place is None:
            raise crossdock.RejectedError(
                f"order {order.number} is shipped by a {hands} from "
                f"{' and '.join(sorted(str(one) for one in places))}: Odoo has one warehouse for "
                "an order, and our own must set nothing aside for it. Enter it by hand",
                reason="foreign_place",
            )
        native = await self.master.warehouse(place)
        if native is None:
            raise crossdock.RejectedError(
                f"order {order.number} is shipped by a {hands} from {place!r}, and Odoo has no "
                f"warehouse of that short name. Create one with the short name {place!r} for the "
                "goods that lie there, then retry; our own must set nothing aside for it",
                reason="foreign_place",
                parts={"location": place},
            )
        return native

    async def _products(self, order: Order, lines: list[saleorder.Position]) -> Mapping[str, int]:
        products = await self.master.products(line.sku for line in lines)
        config = self.rpc.config
        for line in lines:
            if line.sku in products:
                continue
            reason = "unknown_sku"
            if line.sku == config.shipping_product and line.delivery:
                advice = "create a service product with it, or set `shipping_product`"
            elif line.sku == config.discount_product:
                advice = "create a service product with it, or set `discount_product`"
            elif await self.master.archived(line.sku):
                reason, advice = "archived_product", "its product is archived: unarchive it"
            else:
                advice = "create the product with this as its internal reference"
            raise crossdock.RejectedError(
                f"order {order.number}, line {line.text!r}: no active product in Odoo has the SKU "
                f"{line.sku!r}; {advice}, then retry. Nothing was created",
                reason=reason,
                parts={"sku": line.sku, "line": line.name},
            )
        return products

    async def _taxes(
        self, order: Order, lines: list[saleorder.Position]
    ) -> Mapping[tuple[Decimal, bool], int]:
        wanted = [
            key
            for line in lines
            for tax in line.taxes
            if (key := saleorder.tax_key(tax, order, line.text)) is not None
        ]
        found = await self.master.taxes(wanted) if wanted else {}
        error = missing_taxes(wanted, found, order.number)
        if error is not None:
            raise error
        return found

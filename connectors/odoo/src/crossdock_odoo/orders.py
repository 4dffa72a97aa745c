"""Sales orders: created once, cancelled unless goods have left.

Everything is keyed on external ids, so that any call may be repeated after any accident: the
partners by one `load`, the order with all its lines by another, each one transaction. What is not
repeatable, the two actions, is judged by the state that is read back (recordings 07, 09, 15).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import crossdock
from crossdock.canonical import Address, Order

from crossdock_odoo import partners, saleorder
from crossdock_odoo.externalids import line_id_of
from crossdock_odoo.loading import load
from crossdock_odoo.masterdata import MasterData, missing_taxes
from crossdock_odoo.rpc import Rpc

CONFIRMED = frozenset({"sale", "done"})
"""`done` is a locked order up to Odoo 16; later ones have `locked` beside."""
STATE = ["name", "state", "amount_total", "currency_id", "order_line"]


@dataclass(frozen=True)
class Orders:
    """What `apply` and `find` do with orders."""

    rpc: Rpc
    master: MasterData
    namespace: str

    async def create(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Create and confirm. Four calls for known products: partners, order, confirm, read back.

        A first attempt does not look first: the contract says that nothing is there. If something
        is, the external id finds it, or Odoo refuses and we look then.
        """
        order = command.data
        if not isinstance(order, Order) or not order.id:
            raise crossdock.ContractError("order.create needs an Order with its canonical id")
        native = await self.look(order.id) if command.attempt > 1 else None
        if native is not None:
            return await self._confirm(order, native, (await self._state(native))["state"])
        try:
            native, names = await self._load(order)
        except crossdock.RejectedError:
            native = await self.look(order.id)
            if native is None:
                raise
            return await self._confirm(order, native, (await self._state(native))["state"])
        return await self._confirm(order, native, "draft", names)

    async def cancel(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Cancel, unless something was shipped: Odoo itself would not mind (recordings 09/05)."""
        order_id = command.entity_id
        native = await self.look(order_id)
        if native is None:
            return crossdock.Receipt(changed=False, note="was never created in Odoo")
        state = await self._state(native)
        if state["state"] == "cancel":
            return self._cancelled(native, state, changed=False)
        await self._refuse_if_shipped(native, state, "Create a return in Odoo instead")
        try:
            await self.rpc.call(
                "sale.order",
                "action_cancel",
                ids=[native],
                context={"disable_cancel_warning": True},
            )
        except crossdock.RejectedError:
            if (await self._state(native))["state"] != "cancel":
                raise
        state = await self._state(native)
        if state["state"] != "cancel":
            raise crossdock.RejectedError(
                f"{state['name']} is still {state['state']} after it was to be cancelled. "
                "Cancel it in Odoo by hand",
                reason="not_cancelled",
            )
        await self._refuse_if_shipped(
            native, state, "It was shipped while it was being cancelled: create a return in Odoo"
        )
        return self._cancelled(native, state, changed=True)

    async def find(self, command: crossdock.Command[Any]) -> crossdock.Receipt | None:
        """The receipt of a command that is wholly done; None when `apply` has something to do."""
        native = await self.look(command.entity_id)
        if native is None:
            return None
        state = await self._state(native)
        if command.type == "order.cancel":
            return self._cancelled(native, state, False) if state["state"] == "cancel" else None
        if state["state"] not in CONFIRMED:
            return None
        lines = await self._lines(command.entity_id, state["order_line"], ())
        return self._receipt(command.data, native, state, lines)

    async def look(self, order_id: str) -> int | None:
        """The database id of an order by our external id."""
        rows = await self.rpc.search_read(
            "ir.model.data",
            [
                ["module", "=", self.namespace],
                ["name", "=", order_id],
                ["model", "=", "sale.order"],
            ],
            ["res_id"],
        )
        return rows[0]["res_id"] if rows else None

    async def _load(self, order: Order) -> tuple[int, list[str]]:
        """Write partners and order; what is missing in Odoo is told before anything is written.

        The order's id, and the names of the lines in the order in which Odoo numbers them.
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
        if not lines:
            raise crossdock.RejectedError(
                f"order {order.number} has nothing to be delivered or charged", reason="empty_order"
            )
        version = await self.rpc.version()
        names = saleorder.Names(
            namespace=self.namespace,
            tax_field=version.tax_field,
            price_digits=digits,
            products=await self._products(order, lines),
            taxes=await self._taxes(order, lines),
            shipping_product=config.shipping_product,
            discount_product=config.discount_product,
        )
        pricelist = await self.master.pricelist(order.currency)
        warehouse = None
        if config.warehouses:
            warehouse = (await self.master.warehouses())[config.warehouses[0]]
        places = {
            index: await self._place(order, address)
            for index, address in enumerate(partners.addresses(order))
        }
        who = partners.parties(order, self.namespace, places)
        ids = await load(self.rpc, "res.partner", who.rows)
        heading = saleorder.Heading(
            partner=ids[who.customer],
            invoice_to=ids[who.invoice_to],
            ship_to=ids[who.ship_to],
            pricelist=pricelist,
            warehouse=warehouse,
            company=config.company,
        )
        try:
            loaded = await load(
                self.rpc, "sale.order", saleorder.rows(order, lines, heading, names)
            )
        except crossdock.RejectedError:
            self.master.forget_products(line.sku for line in lines)
            raise
        return loaded[0], [line.name for line in lines]

    async def _products(self, order: Order, lines: list[saleorder.Position]) -> Mapping[str, int]:
        products = await self.master.products(line.sku for line in lines)
        config = self.rpc.config
        for line in lines:
            if line.sku in products:
                continue
            if line.sku == config.shipping_product and line.delivery:
                advice = "create a service product with it, or set `shipping_product`"
            elif line.sku == config.discount_product:
                advice = "create a service product with it, or set `discount_product`"
            else:
                advice = "create the product or unarchive it, with this as its internal reference"
            raise crossdock.RejectedError(
                f"order {order.number}, line {line.text!r}: no active product in Odoo has the SKU "
                f"{line.sku!r}; {advice}, then retry. Nothing was created",
                reason="unknown_sku",
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

    async def _place(self, order: Order, address: Address) -> partners.Place:
        if address.country is None:
            return partners.Place()
        country = await self.master.country(address.country)
        if country is None:
            raise crossdock.RejectedError(
                f"order {order.number}: Odoo knows no country {address.country!r}",
                reason="unknown_country",
                parts={"country": address.country},
            )
        state = None
        if address.region:
            state = await self.master.state(address.country, address.region)
        return partners.Place(country=country, state=state)

    async def _confirm(
        self, order: Order, native: int, state: str, names: Sequence[str] = ()
    ) -> crossdock.Receipt:
        """Confirm unless it is. A lost race looks like a business error: the state decides."""
        if state not in CONFIRMED and state != "cancel":
            try:
                await self.rpc.call("sale.order", "action_confirm", ids=[native])
            except crossdock.RejectedError:
                if (await self._state(native))["state"] in ("draft", "sent"):
                    raise
        found = await self._state(native)
        if found["state"] not in CONFIRMED:
            raise crossdock.RejectedError(
                f"{found['name']}, our order {order.number}, is {found['state']} in Odoo and not "
                "confirmed. Confirm it there, or cancel the order in the shop",
                reason=f"order_is_{found['state']}",
                parts={"native_id": native},
            )
        lines = await self._lines(order.id or "", found["order_line"], names)
        return self._receipt(order, native, found, lines)

    async def _state(self, native: int) -> dict[str, Any]:
        rows = await self.rpc.read("sale.order", [native], STATE)
        if not rows:
            raise crossdock.RejectedError(
                f"sale.order {native} was deleted in Odoo while we worked on it", reason="deleted"
            )
        return rows[0]

    async def _lines(
        self, order_id: str, natives: list[int], names: Sequence[str]
    ) -> dict[str, str]:
        """Our line ids to the ids of Odoo's lines.

        Lines just loaded are numbered in the order of their rows; else their external ids tell.
        """
        if len(names) != len(natives):
            rows = await self.rpc.search_read(
                "ir.model.data",
                [
                    ["module", "=", self.namespace],
                    ["model", "=", "sale.order.line"],
                    ["res_id", "in", natives],
                ],
                ["name", "res_id"],
            )
            pairs = [(row["name"], row["res_id"]) for row in rows]
        else:
            pairs = list(zip(names, sorted(natives), strict=True))
        known = ((line_id_of(order_id, name), native) for name, native in pairs)
        return {line: str(native) for line, native in known if line is not None}

    async def _refuse_if_shipped(self, native: int, state: Mapping[str, Any], advice: str) -> None:
        done = await self.rpc.search_read(
            "stock.picking",
            [
                ["sale_id", "=", native],
                ["state", "=", "done"],
                ["picking_type_id.code", "=", "outgoing"],
            ],
            ["name"],
        )
        if done:
            raise crossdock.RejectedError(
                f"{state['name']} has left already ({', '.join(row['name'] for row in done)}). "
                f"{advice}",
                reason="already_shipped",
                parts={"native_id": native, "pickings": [row["name"] for row in done]},
            )

    def _cancelled(self, native: int, state: Mapping[str, Any], changed: bool) -> crossdock.Receipt:
        return crossdock.Receipt(
            native_id=str(native), changed=changed, note=f"{state['name']}, cancelled"
        )

    def _receipt(
        self, order: Order, native: int, state: Mapping[str, Any], lines: Mapping[str, str]
    ) -> crossdock.Receipt:
        unit = Decimal(1).scaleb(-saleorder.decimals(order.currency))
        total = Decimal(repr(state["amount_total"])).quantize(unit, ROUND_HALF_UP)
        note = f"{state['name']}, total {total:f} {order.currency}"
        asked = order.totals.total.amount
        if abs(total - asked) > unit * max(len(order.lines) + len(order.shipping), 1):
            note += f"; the channel says {asked:f}: {total - asked:+f}"
        return crossdock.Receipt(native_id=str(native), note=note, extra_ids=lines)

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
from crossdock.canonical import Order

from crossdock_odoo import marks, saleorder
from crossdock_odoo.externalids import line_id_of
from crossdock_odoo.loading import load
from crossdock_odoo.masterdata import MasterData
from crossdock_odoo.preparing import Preparer
from crossdock_odoo.rpc import Rpc

CONFIRMED = frozenset({"sale", "done"})
"""`done` is a locked order up to Odoo 16; later ones have `locked` beside."""
DRAFT = frozenset({"draft", "sent"})
STATE = ["name", "state", "amount_total", "currency_id", "order_line"]


@dataclass(frozen=True)
class Orders:
    """What `apply` and `find` do with orders."""

    rpc: Rpc
    master: MasterData
    namespace: str

    @property
    def preparer(self) -> Preparer:
        """What is looked up before writing."""
        return Preparer(self.rpc, self.master, self.namespace)

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
            state = (await self.state(native))["state"]
            if state not in DRAFT:
                return await self.confirm(order, native, state)
        try:
            native, names = await self.load(order)
        except crossdock.RejectedError:
            native = await self.look(order.id)
            state = (await self.state(native))["state"] if native is not None else "draft"
            if native is None or state in DRAFT:
                raise
            return await self.confirm(order, native, state)
        return await self.confirm(order, native, "draft", names)

    async def cancel(self, command: crossdock.Command[Any]) -> crossdock.Receipt:
        """Cancel, unless something was shipped: Odoo itself would not mind (recordings 09/05)."""
        order_id = command.entity_id
        native = await self.look(order_id)
        if native is None:
            return crossdock.Receipt(changed=False, note="was never created in Odoo")
        state = await self.state(native)
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
            if (await self.state(native))["state"] != "cancel":
                raise
        state = await self.state(native)
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
        state = await self.state(native)
        if command.type == "order.cancel":
            return self._cancelled(native, state, False) if state["state"] == "cancel" else None
        if state["state"] not in CONFIRMED:
            return None
        lines = await self.lines(command.entity_id, state["order_line"], ())
        return self.receipt(command.data, native, state, lines)

    async def has_tracking(self) -> bool:
        """Whether deliveries have a tracking number: a field of the module stock_delivery."""
        return bool(await self.rpc.fields.having("stock.picking", ["carrier_tracking_ref"]))

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

    async def load(self, order: Order) -> tuple[int, list[str]]:
        """Write partners and order; what is missing in Odoo is told before anything is written.

        The order's id, and the names of the lines in the order in which Odoo numbers them.
        """
        ready = await self.preparer.prepare(order)
        contacts = await self.contacts(ready.parties.rows)
        try:
            loaded = await load(self.rpc, "sale.order", ready.rows(contacts))
        except crossdock.RejectedError:
            self.master.forget_products(line.sku for line in ready.lines)
            raise
        return loaded[0], ready.line_names

    async def contacts(self, rows: Sequence[Mapping[str, str]]) -> dict[str, int]:
        """Write the partners of an order; their ids by external id."""
        taken = await self.taken(rows)
        fresh = [row for row in rows if row["id"] not in taken]
        ids = await load(self.rpc, "res.partner", fresh) if fresh else []
        return taken | {row["id"]: found for row, found in zip(fresh, ids, strict=True)}

    async def taken(self, rows: Sequence[Mapping[str, str]]) -> dict[str, int]:
        """Customers whose contact was there before us: `customer.publish` alone writes to those."""
        cut = len(self.namespace) + 1
        names = sorted({row["id"][cut:] for row in rows if not row["parent_id/id"]})
        if not names or not await self.master.any_taken(self.namespace):
            return {}
        marks = await self.rpc.search_read(
            "ir.model.data",
            [
                ["module", "=", self.namespace],
                ["model", "=", "res.partner"],
                ["name", "in", names],
                ["noupdate", "=", True],
            ],
            ["name", "res_id"],
        )
        return {f"{self.namespace}.{mark['name']}": mark["res_id"] for mark in marks}

    async def confirm(
        self, order: Order, native: int, state: str, names: Sequence[str] = ()
    ) -> crossdock.Receipt:
        """Confirm unless it is. A lost race looks like a business error: the state decides."""
        if state in DRAFT:
            if self.checks_before or is_held(order):
                found = await self.state(native)
                self.check_total(order, found)
                await self.adjust(order, found)
            if not is_held(order):
                try:
                    await self.rpc.call("sale.order", "action_confirm", ids=[native])
                except crossdock.RejectedError:
                    if (await self.state(native))["state"] in DRAFT:
                        raise
        found = await self.state(native)
        self.refuse_unless_confirmed(order, found)
        lines = await self.lines(order.id or "", found["order_line"], names)
        return self.receipt(order, native, found, lines)

    @property
    def checks_before(self) -> bool:
        """Whether a total that differs keeps an order from being confirmed, or is made equal."""
        config = self.rpc.config
        return config.max_total_difference is not None or config.adjust_totals

    async def adjust(self, order: Order, state: Mapping[str, Any]) -> None:
        """Make Odoo's total equal by a line of its own, where the configuration says so and it
        differs by no more than it allows (else: by no more than rounding can do)."""
        row = await self.adjustment(order, state)
        if row is not None:
            await load(self.rpc, "sale.order", [row])

    async def adjustment(self, order: Order, state: Mapping[str, Any]) -> dict[str, str] | None:
        """The row of `load` for that line, or None; what the line said before is counted in."""
        config = self.rpc.config
        off = saleorder.owed(order) - total_of(order, state)
        if not config.adjust_totals or not off or abs(off) > self._adjustable(order):
            return None
        name = saleorder.difference_name(order.id or "")
        there = await marks.marked(self.rpc, self.namespace, name, "sale.order.line")
        if there is not None:
            (line,) = await self.rpc.read("sale.order.line", [there], ["price_subtotal"])
            off += Decimal(repr(line["price_subtotal"]))
        products = await self.master.products([config.discount_product])
        if config.discount_product not in products:
            raise crossdock.RejectedError(
                f"order {order.number} differs by {off:f} {order.currency}, and no active product "
                f"in Odoo has the SKU {config.discount_product!r} that `adjust_totals` writes it "
                "with. Create a service product with it, or set `discount_product`",
                reason="unknown_sku",
                parts={"sku": config.discount_product},
            )
        return saleorder.difference_row(
            order,
            off,
            namespace=self.namespace,
            product=products[config.discount_product],
            tax_field=await self.rpc.fields.name("sale.order.line", "tax_ids"),
        )

    def _adjustable(self, order: Order) -> Decimal:
        allowed = self.rpc.config.max_total_difference
        return self._rounding(order) if allowed is None else allowed

    def _rounding(self, order: Order) -> Decimal:
        """What rounding line by line can do."""
        unit = saleorder.unit_of(order.currency)
        return unit * max(len(order.lines) + len(order.shipping), 1)

    def check_total(self, order: Order, state: Mapping[str, Any]) -> None:
        """RejectedError `total_differs`: by more than the configuration allows."""
        allowed = self.rpc.config.max_total_difference
        total, asked = total_of(order, state), saleorder.owed(order)
        if allowed is not None and abs(total - asked) > allowed:
            raise crossdock.RejectedError(
                f"{state['name']}, our order {order.number}, comes to {total:f} {order.currency} "
                f"in Odoo, and the channel says {asked:f}: {total - asked:+f}, more than the "
                f"{allowed:f} of `max_total_difference`. It is left as a quotation. Correct taxes "
                "or products in Odoo and retry, or confirm it there by hand",
                reason="total_differs",
                parts={"native_id": state["id"], "total": f"{total:f}", "asked": f"{asked:f}"},
            )

    def refuse_unless_confirmed(self, order: Order, found: Mapping[str, Any]) -> None:
        """RejectedError: somebody cancelled it, or Odoo did not confirm it."""
        if found["state"] in CONFIRMED or (is_held(order) and found["state"] in DRAFT):
            return
        raise crossdock.RejectedError(
            f"{found['name']}, our order {order.number}, is {found['state']} in Odoo and not "
            "confirmed. Confirm it there, or cancel the order in the shop",
            reason=f"order_is_{found['state']}",
            parts={"native_id": found["id"]},
        )

    async def state(self, native: int) -> dict[str, Any]:
        """The order as it stands. RejectedError: it is gone."""
        rows = await self.rpc.read("sale.order", [native], STATE)
        if not rows:
            raise crossdock.RejectedError(
                f"sale.order {native} was deleted in Odoo while we worked on it", reason="deleted"
            )
        return rows[0]

    async def lines(
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

    def receipt(
        self, order: Order, native: int, state: Mapping[str, Any], lines: Mapping[str, str]
    ) -> crossdock.Receipt:
        """What `deliver` is told; a difference of totals in words."""
        total = total_of(order, state)
        note = f"{state['name']}, total {total:f} {order.currency}"
        if state["state"] in DRAFT:
            note += ", held as a quotation"
        asked = saleorder.owed(order)
        if abs(total - asked) > self._rounding(order):
            note += f"; the channel says {asked:f}: {total - asked:+f}"
        return crossdock.Receipt(native_id=str(native), note=note, extra_ids=lines)


def total_of(order: Order, state: Mapping[str, Any]) -> Decimal:
    """Odoo's total without the noise of floats."""
    unit = saleorder.unit_of(order.currency)
    return Decimal(repr(state["amount_total"])).quantize(unit, ROUND_HALF_UP)


def is_held(order: Order) -> bool:
    """Whether something keeps the order from being shipped: it stays a quotation."""
    return bool(getattr(order, "holds", ()))

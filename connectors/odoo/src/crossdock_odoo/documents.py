"""Documents as they are posted in Odoo: invoices, credit notes, payments, goods that came back.

For snapshots, and for polls where the configuration asks for them (`poll_documents`). Each record
has all that `translate` needs, read in a few calls for a page.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import crossdock

from crossdock_odoo import marks
from crossdock_odoo.mapping_documents import MOVE, PAYMENT, RECEIPT
from crossdock_odoo.masterdata import MasterData
from crossdock_odoo.rpc import Rpc

Body = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where the documents of one kind are."""

    topic: str
    model: str
    domain: tuple[Any, ...]


SOURCES: Mapping[str, Source] = {
    "invoice": Source(
        topic=MOVE,
        model=MOVE,
        domain=(["move_type", "=", "out_invoice"], ["state", "in", ["posted", "cancel"]]),
    ),
    "credit_note": Source(
        topic=MOVE,
        model=MOVE,
        domain=(["move_type", "=", "out_refund"], ["state", "=", "posted"]),
    ),
    "payment": Source(
        topic=PAYMENT,
        model=PAYMENT,
        domain=(
            ["payment_type", "=", "inbound"],
            ["partner_type", "=", "customer"],
            ["state", "not in", ["draft", "canceled", "cancelled", "rejected"]],
        ),
    ),
    "return_receipt": Source(
        topic=RECEIPT,
        model="stock.picking",
        domain=(
            ["state", "=", "done"],
            ["picking_type_id.code", "=", "incoming"],
            ["sale_id", "!=", False],
        ),
    ),
}
"""By kind of the canonical entity."""


@dataclass(frozen=True)
class Documents:
    """Reads what SOURCES names."""

    rpc: Rpc
    master: MasterData
    namespace: str

    async def bodies(self, kind: str, ids: Sequence[int]) -> dict[int, Body]:
        """All that `translate` needs of these records; those that are gone are left out."""
        if kind == "payment":
            return await self._payments(ids)
        if kind == "return_receipt":
            return await self._receipts(ids)
        return await self._moves(ids)

    async def _moves(self, ids: Sequence[int]) -> dict[int, Body]:
        rpc = self.rpc
        moves = await rpc.read(
            MOVE,
            ids,
            [
                "name",
                "move_type",
                "state",
                "invoice_date",
                "invoice_date_due",
                "amount_tax",
                "amount_total",
                "amount_residual",
                "ref",
                "partner_id",
                "reversed_entry_id",
                "currency_id",
                "write_date",
            ],
        )
        lines = await rpc.search_read(
            "account.move.line",
            [["move_id", "in", [row["id"] for row in moves]], ["display_type", "=", "product"]],
            [
                "move_id",
                "product_id",
                "name",
                "quantity",
                "price_unit",
                "discount",
                "price_subtotal",
                "account_id",
                "sale_line_ids",
            ],
            order="move_id, id",
        )
        notes = await rpc.search_read(
            "account.move.line",
            [["move_id", "in", [row["id"] for row in moves]], ["sale_line_ids", "!=", False]],
            ["move_id", "sale_line_ids"],
            order="move_id, id",
        )
        orders = await self._orders_of(notes)
        currencies = await self._named(
            "res.currency", (row["currency_id"] for row in moves), "name"
        )
        accounts = await self._named("account.account", (r["account_id"] for r in lines), "code")
        skus = await self._named(
            "product.product", (r["product_id"] for r in lines), "default_code"
        )
        sold = {line for row in lines for line in row["sale_line_ids"]}
        names = await marks.names(rpc, self.namespace, "sale.order.line", sold)
        ours = await marks.names(rpc, self.namespace, MOVE, [row["id"] for row in moves])
        by_move: dict[int, list[Body]] = {}
        for row in lines:
            body = {
                **row,
                "sku": skus.get(row["product_id"], False),
                "account": accounts.get(row["account_id"], False),
                "external": names.get(next(iter(row["sale_line_ids"]), 0), False),
            }
            by_move.setdefault(row["move_id"], []).append(body)
        return {
            row["id"]: {
                "move": {
                    **row,
                    "currency": currencies.get(row["currency_id"], False),
                    "external": ours.get(row["id"], False),
                },
                "order": orders.get(row["id"], False),
                "lines": by_move.get(row["id"], []),
                "write_date": row["write_date"],
            }
            for row in moves
        }

    async def _orders_of(self, rows: Sequence[Body]) -> dict[int, Body]:
        """The order behind each document, by what its lines charge."""
        sold = sorted({line for row in rows for line in row["sale_line_ids"]})
        if not sold:
            return {}
        lines = await self.rpc.read("sale.order.line", sold, ["order_id"])
        order_of = {line["id"]: line["order_id"] for line in lines}
        names = await marks.names(self.rpc, self.namespace, "sale.order", order_of.values())
        found: dict[int, Body] = {}
        for row in rows:
            order = next((order_of[line] for line in row["sale_line_ids"] if line in order_of), 0)
            if order:
                told = {"id": order, "external": names.get(order, False)}
                found.setdefault(row["move_id"], told)
        return found

    async def _payments(self, ids: Sequence[int]) -> dict[int, Body]:
        rows = await self.rpc.read(
            PAYMENT, ids, ["name", "state", "amount", "currency_id", "journal_id", "write_date"]
        )
        currencies = await self._named("res.currency", (row["currency_id"] for row in rows), "name")
        journals = await self._named("account.journal", (row["journal_id"] for row in rows), "code")
        return {
            row["id"]: {
                **row,
                "currency": currencies.get(row["currency_id"], False),
                "journal": journals.get(row["journal_id"], False),
            }
            for row in rows
        }

    async def _receipts(self, ids: Sequence[int]) -> dict[int, Body]:
        rpc = self.rpc
        pickings = await rpc.read(
            "stock.picking",
            ids,
            ["name", "date_done", "write_date", "sale_id", "picking_type_id", "return_id"],
        )
        moved = await rpc.search_read(
            "stock.move.line",
            [["picking_id", "in", [row["id"] for row in pickings]], ["state", "=", "done"]],
            ["picking_id", "move_id", "product_id", "quantity", "location_dest_id"],
            order="id",
        )
        moves = await rpc.read(
            "stock.move", sorted({row["move_id"] for row in moved}) or [0], ["sale_line_id"]
        )
        sold = {row["id"]: row["sale_line_id"] for row in moves}
        names = await marks.names(
            rpc, self.namespace, "sale.order.line", [line for line in sold.values() if line]
        )
        orders = await marks.names(
            rpc, self.namespace, "sale.order", [row["sale_id"] for row in pickings]
        )
        own = await marks.all_names(
            rpc, self.namespace, "stock.picking", [row["id"] for row in pickings]
        )
        returned = {
            picking: name.partition("__return_")[0] for picking, name in own if "__return_" in name
        }
        skus = await self._named(
            "product.product", (r["product_id"] for r in moved), "default_code"
        )
        kinds = await self._warehouses(pickings)
        places = await self._dispositions(row["location_dest_id"] for row in moved)
        lines: dict[int, list[Body]] = {}
        for row in moved:
            sale_line = sold.get(row["move_id"], False)
            lines.setdefault(row["picking_id"], []).append(
                {
                    "sale_line_id": sale_line,
                    "external": names.get(sale_line, False) if sale_line else False,
                    "move_id": row["move_id"],
                    "sku": skus.get(row["product_id"], False),
                    "quantity": row["quantity"],
                    "disposition": places.get(row["location_dest_id"], "restock"),
                }
            )
        return {
            row["id"]: {
                "picking": {**row, "warehouse": kinds.get(row["picking_type_id"], False)},
                "order": {"id": row["sale_id"], "external": orders.get(row["sale_id"], False)},
                "return": returned.get(row["id"], False),
                "lines": lines.get(row["id"], []),
                "write_date": row["write_date"],
            }
            for row in pickings
        }

    async def ours(self, pickings: Sequence[int]) -> set[int]:
        """Receipts that we booked ourselves: whoever asked for them knows."""
        named = await marks.all_names(self.rpc, self.namespace, "stock.picking", pickings)
        return {picking for picking, name in named if "__receipt_" in name}

    async def _warehouses(self, pickings: Sequence[Body]) -> dict[int, str]:
        types = sorted({row["picking_type_id"] for row in pickings})
        rows = await self.rpc.read("stock.picking.type", types or [0], ["warehouse_id"])
        houses = await self._named("stock.warehouse", (row["warehouse_id"] for row in rows), "code")
        return {row["id"]: houses[row["warehouse_id"]] for row in rows if row["warehouse_id"]}

    async def _dispositions(self, locations: Any) -> dict[int, str]:
        """What `return_locations` says of these places."""
        told = {place: what for what, place in self.rpc.config.return_locations.items()}
        names = await self._named("stock.location", locations, "complete_name")
        found = {number: told.get(number) or told.get(name) for number, name in names.items()}
        return {number: what for number, what in found.items() if what}

    async def _named(self, model: str, records: Any, field: str) -> dict[int, str]:
        wanted = sorted({record for record in records if record})
        rows = await self.rpc.read(model, wanted, [field]) if wanted else []
        return {row["id"]: row[field] for row in rows}


def source_of(kind: str) -> Source:
    """RejectedError: there is no such kind of document."""
    if kind not in SOURCES:
        raise crossdock.RejectedError(
            f"Odoo has documents of the kinds {', '.join(SOURCES)}, not {kind}",
            reason="not_handled",
        )
    return SOURCES[kind]

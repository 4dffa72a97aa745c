"""Deliveries and stock of the pretended Odoo, as recorded in flows 07, 08 and 11.

One step delivery from the warehouse's stock location. Quantities already reserved sit in
`stock.move.quantity`, so that validating without touching anything ships all that is reserved.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from crossdock_odoo.sandbox_errors import user_error
from crossdock_odoo.sandbox_returns import Returns
from crossdock_odoo.sandbox_store import Row, Store

NOTHING = "You cannot validate a transfer if no quantities are reserved."
OPEN = ("confirmed", "partially_available", "assigned")


class Stock:
    """Pickings, moves, reservations, quants."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.next_picking: dict[int, int] = {}
        self.customers = 0
        self.returns = Returns(store)
        store.after_write["stock.move"] = self._move_written
        store.computed["stock.quant", "available_quantity"] = lambda db, row: (
            row["quantity"] - row["reserved_quantity"]
        )
        store.computed["stock.quant", "warehouse_id"] = lambda db, row: db.row(
            "stock.location", row["location_id"]
        )["warehouse_id"]
        store.computed["stock.picking", "picking_type_code"] = lambda db, row: db.row(
            "stock.picking.type", row["picking_type_id"]
        )["code"]
        store.computed["stock.picking", "shipping_weight"] = self._weight
        store.computed["stock.picking", "carrier_tracking_url"] = _tracking_url
        store.computed["stock.picking", "products_availability_state"] = self._late
        store.computed["stock.picking", "products_availability"] = lambda db, row: {
            "late": "Not Available",
            "available": "Available",
        }.get(self._late(db, row), False)
        store.computed["stock.move", "forecast_availability"] = self._forecast
        store.computed["product.product", "qty_available"] = lambda db, row: self._on_hand(row)[0]
        store.computed["product.product", "free_qty"] = lambda db, row: (
            self._on_hand(row)[0] - self._on_hand(row)[1]
        )
        for name, sign in (
            ("virtual_available", 1.0),
            ("incoming_qty", 0.0),
            ("outgoing_qty", 0.0),
        ):
            store.computed["product.product", name] = lambda db, row, sign=sign: (  # type: ignore[misc]
                sign * self._on_hand(row)[0]
            )
        store.computed["stock.quant", "inventory_diff_quantity"] = lambda db, row: (
            row["inventory_quantity"] - row["quantity"] if row["inventory_quantity_set"] else 0.0
        )
        store.names["stock.move"] = self._move_name

    def deliver(self, order: Row, lines: Sequence[Row]) -> None:
        """The picking of a confirmed order, with what can be reserved reserved."""
        goods = [line for line in lines if self._stored(line) and line["product_uom_qty"] > 0]
        if goods:
            picking = self._picking(order)
            moves = [self._move(picking, line, line["product_uom_qty"]) for line in goods]
            for move in moves:
                self.reserve(move)
            self._settle(picking)

    def _stored(self, line: Row) -> bool:
        product = self.store.tables["product.product"].rows.get(line["product_id"])
        return bool(product and product["type"] in ("consu", "product"))

    def _picking(self, order: Row, backorder: int | bool = False, **more: Any) -> Row:
        warehouse = self.store.row("stock.warehouse", order["warehouse_id"])
        number = self.next_picking.get(warehouse["id"], 1)
        self.next_picking[warehouse["id"]] = number + 1
        return self.store.insert(
            "stock.picking",
            {
                "name": f"{warehouse['code']}/OUT/{number:05d}",
                "state": "confirmed",
                "origin": order["name"],
                "picking_type_id": warehouse["out_type_id"],
                "partner_id": order["partner_shipping_id"],
                "scheduled_date": self.store.now,
                "date_deadline": self.store.now,
                "location_id": warehouse["lot_stock_id"],
                "location_dest_id": self.customers,
                "sale_id": order["id"],
                "carrier_id": order["carrier_id"],
                "company_id": order["company_id"],
                "backorder_id": backorder,
                **more,
            },
        )

    def _move(self, picking: Row, line: Row, quantity: float) -> Row:
        product = self.store.row("product.product", line["product_id"])
        return self.store.insert(
            "stock.move",
            {
                "product_id": product["id"],
                "product_uom_qty": quantity,
                "product_uom": product["uom_id"],
                "state": "confirmed",
                "picking_id": picking["id"],
                "sale_line_id": line["id"],
                "location_id": picking["location_id"],
                "location_dest_id": picking["location_dest_id"],
                "date": self.store.now,
                "reference": picking["name"],
            },
        )

    def reserve(self, move: Row) -> None:
        """Take what is free, up to what the move wants; other orders keep what they have."""
        move = self.store.row("stock.move", move["id"])
        wanted = move["product_uom_qty"] - move["quantity"]
        taken = 0.0
        for quant in self._quants(move):
            part = min(wanted - taken, quant["quantity"] - quant["reserved_quantity"])
            if part > 0:
                taken += part
                held = quant["reserved_quantity"] + part
                self.store.update("stock.quant", quant["id"], reserved_quantity=held)
                self.store.insert(
                    "stock.move.line",
                    {
                        "move_id": move["id"],
                        "picking_id": move["picking_id"],
                        "product_id": move["product_id"],
                        "quantity": part,
                        "location_id": move["location_id"],
                        "location_dest_id": move["location_dest_id"],
                        "state": "assigned",
                        "date": self.store.now,
                    },
                )
        if taken:
            self._set_quantity(move, move["quantity"] + taken)

    def release(self, move: Row, quantity: float) -> None:
        """Give back reservations until the move holds `quantity`."""
        give = move["quantity"] - quantity
        for quant in self._quants(move):
            part = min(give, quant["reserved_quantity"])
            if part > 0:
                give -= part
                held = quant["reserved_quantity"] - part
                self.store.update("stock.quant", quant["id"], reserved_quantity=held)
        left = quantity
        for line in self.store.by("stock.move.line", "move_id", move["id"]):
            keep = min(left, line["quantity"])
            left -= keep
            if keep:
                self.store.update("stock.move.line", line["id"], quantity=keep)
            else:
                self.store.put("stock.move.line", line["id"], None)
        self._set_quantity(move, quantity)

    def _set_quantity(self, move: Row, quantity: float) -> None:
        state = "confirmed" if quantity <= 0 else "partially_available"
        if quantity >= move["product_uom_qty"] > 0:
            state = "assigned"
        self.store.update("stock.move", move["id"], quantity=quantity, state=state)

    def _quants(self, move: Row) -> list[Row]:
        rows = self.store.by("stock.quant", "product_id", move["product_id"])
        return [row for row in rows if row["location_id"] == move["location_id"]]

    def _settle(self, picking: Row) -> None:
        """A picking is assigned as soon as anything is reserved."""
        moves = self.store.by("stock.move", "picking_id", picking["id"])
        reserved = any(move["quantity"] > 0 for move in moves if move["state"] in OPEN)
        state = "assigned" if reserved else "confirmed"
        if all(move["state"] == "cancel" for move in moves):
            state = "cancel"
        self.store.update("stock.picking", picking["id"], state=state)

    def _move_written(self, ids: list[int], fields: set[str]) -> None:
        """Writing `quantity` moves the reservation with it."""
        for record in ids if "move_line_ids" in fields else ():
            lines = self.store.by("stock.move.line", "move_id", record)
            quantity = sum(line["quantity"] for line in lines)
            self.store.update("stock.move", record, quantity=quantity)
        for record in ids if "quantity" in fields else ():
            move = self.store.row("stock.move", record)
            lines = self.store.by("stock.move.line", "move_id", record)
            held = sum(line["quantity"] for line in lines)
            if move["state"] in OPEN and move["quantity"] < held:
                self.release({**move, "quantity": held}, move["quantity"])
        for record in ids if "picked" in fields else ():
            picked = self.store.row("stock.move", record)["picked"]
            for line in self.store.by("stock.move.line", "move_id", record):
                self.store.update("stock.move.line", line["id"], picked=picked)

    def unreserve(self, ids: Sequence[int]) -> None:
        """`do_unreserve`, which answers nothing."""
        for record in ids:
            picking = self.store.row("stock.picking", record)
            for move in self.store.by("stock.move", "picking_id", record):
                if move["state"] in OPEN:
                    self.release(move, 0.0)
            self._settle(picking)

    def assign(self, ids: Sequence[int]) -> bool:
        """`action_assign`."""
        for record in ids:
            for move in self.store.by("stock.move", "picking_id", record):
                if move["state"] in OPEN:
                    self.reserve(move)
            self._settle(self.store.row("stock.picking", record))
        return True

    def validate(self, ids: Sequence[int], context: Mapping[str, Any]) -> Any:
        """`button_validate`: true, or a wizard's dictionary and nothing done."""
        todo = [row for row in (self.store.row("stock.picking", i) for i in ids) if _open(row)]
        if self.store.version < 18 and not todo:
            raise user_error(f"{NOTHING} To force the transfer, encode quantities.")
        short = [picking for picking in todo if self._missing(picking)]
        if short and not context.get("skip_backorder"):
            numbers = [picking["id"] for picking in short]
            return {
                "name": "Create Backorder?",
                "type": "ir.actions.act_window",
                "view_mode": "form",
                "res_model": "stock.backorder.confirmation",
                "views": [[944, "form"]],
                "view_id": 944,
                "target": "new",
                "context": {
                    "button_validate_picking_ids": list(ids),
                    "default_show_transfers": False,
                    "default_pick_ids": [[4, number] for number in numbers],
                },
            }
        dropped = set(context.get("picking_ids_not_to_backorder") or ())
        for picking in todo:
            self.finish(picking, backorder=picking["id"] not in dropped)
        return True

    def _shipping(self, picking: Row) -> list[tuple[Row, float]]:
        """What would leave: the picked quantities, or all reserved ones when none is picked."""
        moves = [
            move
            for move in self.store.by("stock.move", "picking_id", picking["id"])
            if move["state"] in OPEN
        ]
        picked = any(move["picked"] for move in moves)
        return [(m, m["quantity"] if m["picked"] or not picked else 0.0) for m in moves]

    def _missing(self, picking: Row) -> bool:
        return any(leaving < move["product_uom_qty"] for move, leaving in self._shipping(picking))

    def finish(self, picking: Row, *, backorder: bool) -> None:
        """Goods leave; what is missing goes into a backorder or is dropped."""
        now = self.store.now
        rest: list[tuple[Row, float]] = []
        shipping = self._shipping(picking)
        if not any(leaving for _, leaving in shipping):
            raise user_error(NOTHING)
        if self.returns.arrives(picking):
            self.returns.finish(picking, shipping, backorder)
            return
        for move, leaving in shipping:
            if leaving < move["quantity"]:
                self.release(move, leaving)
            self._leave(move, leaving)
            missing = move["product_uom_qty"] - leaving
            wanted = leaving if missing > 0 and backorder else move["product_uom_qty"]
            if missing > 0 and backorder:
                rest.append((move, missing))
            state = "done" if leaving > 0 else "cancel"
            self.store.update(
                "stock.move", move["id"], state=state, picked=True, product_uom_qty=wanted, date=now
            )
        self.store.update("stock.picking", picking["id"], state="done", date_done=now)
        if rest:
            self._backorder(picking, rest)

    def _leave(self, move: Row, quantity: float) -> None:
        left = quantity
        for quant in self._quants(move):
            part = min(left, quant["reserved_quantity"])
            if part > 0:
                left -= part
                self.store.update(
                    "stock.quant",
                    quant["id"],
                    quantity=quant["quantity"] - part,
                    reserved_quantity=quant["reserved_quantity"] - part,
                )
        for line in self.store.by("stock.move.line", "move_id", move["id"]):
            self.store.update(
                "stock.move.line", line["id"], state="done", picked=True, date=self.store.now
            )
        ordered = self.store.tables["sale.order.line"].rows.get(move["sale_line_id"])
        if ordered and quantity:
            delivered = ordered["qty_delivered"] + quantity
            self.store.update("sale.order.line", ordered["id"], qty_delivered=delivered)

    def _backorder(self, picking: Row, rest: list[tuple[Row, float]]) -> None:
        order = self.store.row("sale.order", picking["sale_id"])
        follower = self._picking(
            order,
            picking["id"],
            scheduled_date=picking["scheduled_date"],
            carrier_id=picking["carrier_id"],
        )
        for move, missing in rest:
            line = self.store.row("sale.order.line", move["sale_line_id"])
            self.reserve(self._move(follower, line, missing))
        self._settle(follower)

    def line_changed(self, order: Row, line: Row) -> None:
        """A quantity of a confirmed order changed: its open moves follow."""
        moves = self.store.by("stock.move", "sale_line_id", line["id"])
        done = sum(
            -move["quantity"] if move["origin_returned_move_id"] else move["quantity"]
            for move in moves
            if move["state"] == "done"
        )
        wanted = line["product_uom_qty"] - done
        leaving = [move for move in moves if not move["origin_returned_move_id"]]
        for move in [move for move in leaving if move["state"] in OPEN]:
            share = max(min(wanted, move["product_uom_qty"]), 0.0)
            wanted -= share
            if share < move["product_uom_qty"]:
                self.release(move, min(share, move["quantity"]))
                self.store.update("stock.move", move["id"], product_uom_qty=share)
                if not share:
                    self.store.update("stock.move", move["id"], state="cancel")
                self._settle(self.store.row("stock.picking", move["picking_id"]))
        if wanted > 0 and self._stored(line):
            self.deliver(order, [{**line, "product_uom_qty": wanted}])

    def cancel_picking(self, picking: Row) -> None:
        """What has not left will not; what has left stays done."""
        if picking["state"] == "done":
            return
        for move in self.store.by("stock.move", "picking_id", picking["id"]):
            if move["state"] in OPEN:
                self.release(move, 0.0)
                self.store.update("stock.move", move["id"], state="cancel")
        self.store.update("stock.picking", picking["id"], state="cancel")

    def cancel(self, ids: Sequence[int]) -> bool:
        """`action_cancel` of a picking."""
        for record in ids:
            picking = self.store.row("stock.picking", record)
            if picking["state"] == "done":
                raise user_error(
                    "You cannot cancel a stock move that has been set to 'Done'. Create a return "
                    "in order to reverse the moves which took place."
                )
            self.cancel_picking(picking)
        return True

    def _on_hand(self, product: Row) -> tuple[float, float]:
        rows = [
            row
            for row in self.store.by("stock.quant", "product_id", product["id"])
            if self._counts(self.store.row("stock.location", row["location_id"]))
        ]
        quantity = sum(row["quantity"] for row in rows)
        return float(quantity), float(sum(row["reserved_quantity"] for row in rows))

    def _counts(self, location: Row) -> bool:
        """Ours, and asked for: an unknown key of the context is ignored (recordings 04/06)."""
        context, key = (
            self.store.context,
            "warehouse_id" if self.store.version >= 18 else "warehouse",
        )
        if key in context and location["warehouse_id"] != context[key]:
            return False
        if "location" in context and location["id"] != context["location"]:
            return False
        return bool(location["usage"] == "internal")

    def _weight(self, store: Store, row: Row) -> float:
        moves = store.by("stock.move", "picking_id", row["id"])
        return float(
            sum(
                store.row("product.product", move["product_id"])["weight"] * move["quantity"]
                for move in moves
            )
        )

    def _late(self, store: Store, row: Row) -> Any:
        if row["state"] in ("done", "cancel"):
            return False
        moves = store.by("stock.move", "picking_id", row["id"])
        short = any(move["quantity"] < move["product_uom_qty"] for move in moves)
        return "late" if short else "available"

    def _forecast(self, store: Store, row: Row) -> float:
        if row["state"] == "assigned":
            return float(row["quantity"])
        quants = self._quants(row)
        free = sum(quant["quantity"] - quant["reserved_quantity"] for quant in quants)
        return float(free - row["product_uom_qty"])

    def _move_name(self, store: Store, row: Row) -> str:
        if not row["picking_id"]:
            return str(row["reference"])
        picking = store.row("stock.picking", row["picking_id"])
        code = store.row("product.product", row["product_id"])["default_code"]
        ends = [
            store.row("stock.location", row[end])["name"]
            for end in ("location_id", "location_dest_id")
        ]
        return f"{picking['origin']}/{code}: {ends[0]}>{ends[1]}"


def _open(picking: Row) -> bool:
    return picking["state"] not in ("done", "cancel")


def _tracking_url(store: Store, row: Row) -> Any:
    carrier = store.tables["delivery.carrier"].rows.get(row["carrier_id"])
    if carrier is None or not carrier.get("tracking_url") or not row["carrier_tracking_ref"]:
        return False
    reference = str(row["carrier_tracking_ref"])
    return str(carrier.get("tracking_url")).replace("<shipmenttrackingnumber>", reference)

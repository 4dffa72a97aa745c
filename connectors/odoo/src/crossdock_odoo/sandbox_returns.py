"""Returns of the pretended Odoo: the wizard, taking goods in, scrapping; as recorded in flow 10.

The return type of a delivery's type is the receipts of its warehouse. Goods that come from a
customer need no reservation: a return is assigned as soon as it is confirmed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from crossdock_odoo.sandbox_errors import user_error
from crossdock_odoo.sandbox_store import Row, Store

OPEN = ("confirmed", "partially_available", "assigned")
NO_RETURN = "You may only return Done pickings."


class Returns:
    """What stock.return.picking and stock.scrap do, and receiving."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.next_receipt: dict[int, int] = {}
        self.delivered: Callable[[int], None] = lambda order: None
        """Called with an order of which something came back."""
        store.after_write["stock.return.picking"] = self._lines
        store.computed["stock.return.picking", "company_id"] = lambda db, row: db.row(
            "stock.picking", row["picking_id"]
        )["company_id"]
        store.computed["stock.return.picking.line", "move_quantity"] = lambda db, row: db.row(
            "stock.move", row["move_id"]
        )["quantity"]
        store.computed["stock.return.picking.line", "uom_id"] = lambda db, row: db.row(
            "stock.move", row["move_id"]
        )["product_uom"]
        store.defaults["stock.scrap"] = self._scrap_defaults

    def actions(self) -> dict[tuple[str, str], Any]:
        """Public methods, by model and name."""
        create = "action_create_returns" if self.store.version >= 18 else "create_returns"
        return {
            ("stock.return.picking", create): self.create_returns,
            ("stock.scrap", "action_validate"): self.scrap,
        }

    def _lines(self, ids: list[int], fields: set[str]) -> None:
        """The wizard's lines: 17 proposes what can be returned, later ones nothing."""
        for record in ids if "id" in fields else ():
            wizard = self.store.row("stock.return.picking", record)
            picking = self.store.row("stock.picking", wizard["picking_id"])
            if picking["state"] != "done":
                raise user_error(NO_RETURN)
            for move in self.store.by("stock.move", "picking_id", picking["id"]):
                if move["state"] != "done":
                    continue
                proposed = self._out(move) if self.store.version < 18 else 0.0
                self.store.insert(
                    "stock.return.picking.line",
                    {
                        "wizard_id": record,
                        "product_id": move["product_id"],
                        "move_id": move["id"],
                        "quantity": proposed,
                    },
                )

    def _out(self, move: Row) -> float:
        back = self.store.by("stock.move", "origin_returned_move_id", move["id"])
        taken = sum(row["quantity"] for row in back if row["state"] in ("assigned", "done"))
        return float(move["quantity"] - taken)

    def create_returns(self, ids: list[int], context: Mapping[str, Any]) -> dict[str, Any]:
        """The return picking; what the context gives as default fills fields that a copy leaves."""
        store = self.store
        wizard = store.row("stock.return.picking", ids[0])
        picking = store.row("stock.picking", wizard["picking_id"])
        lines = [
            line
            for line in store.by("stock.return.picking.line", "wizard_id", wizard["id"])
            if line["quantity"]
        ]
        if not lines:
            raise user_error("Please specify at least one non-zero quantity.")
        kind = store.row("stock.picking.type", picking["picking_type_id"])
        made = self._picking(
            store.row("stock.picking.type", kind["return_picking_type_id"]),
            picking,
            origin=f"Return of {picking['name']}",
            return_id=picking["id"],
            location_id=picking["location_dest_id"],
            location_dest_id=picking["location_id"],
            carrier_tracking_ref=context.get("default_carrier_tracking_ref", False),
        )
        for line in lines:
            self._move(made, store.row("stock.move", line["move_id"]), line["quantity"])
        view, more = "form", {}
        if store.version < 18:
            view = "form,tree,calendar"
            more = {"default_partner_id": picking["partner_id"]}
            names = ["draft", "assigned", "confirmed", "ready", "planning_issues", "available"]
            kind_id = made["picking_type_id"]
            more |= {"search_default_picking_type_id": kind_id}
            more |= {f"search_default_{name}": False for name in names}
        return {
            "name": "Returned Picking",
            "view_mode": view,
            "res_model": "stock.picking",
            "res_id": made["id"],
            "type": "ir.actions.act_window",
            "context": more,
        }

    def _picking(self, kind: Row, picking: Row, **more: Any) -> Row:
        house = self.store.row("stock.warehouse", kind["warehouse_id"])
        number = self.next_receipt.get(house["id"], 1)
        self.next_receipt[house["id"]] = number + 1
        return self.store.insert(
            "stock.picking",
            {
                "name": f"{house['code']}/IN/{number:05d}",
                "state": "assigned",
                "picking_type_id": kind["id"],
                "partner_id": picking["partner_id"],
                "scheduled_date": self.store.now,
                "sale_id": picking["sale_id"],
                "company_id": picking["company_id"],
                **more,
            },
        )

    def _move(self, picking: Row, origin: Row, quantity: float) -> Row:
        move = self.store.insert(
            "stock.move",
            {
                "product_id": origin["product_id"],
                "product_uom_qty": quantity,
                "quantity": quantity,
                "product_uom": origin["product_uom"],
                "state": "assigned",
                "picking_id": picking["id"],
                "sale_line_id": origin["sale_line_id"],
                "location_id": picking["location_id"],
                "location_dest_id": picking["location_dest_id"],
                "date": self.store.now,
                "reference": picking["name"],
                "origin_returned_move_id": origin["id"],
                "to_refund": True,
            },
        )
        self._line(move, quantity)
        return move

    def _line(self, move: Row, quantity: float) -> None:
        self.store.insert(
            "stock.move.line",
            {
                "move_id": move["id"],
                "picking_id": move["picking_id"],
                "product_id": move["product_id"],
                "quantity": quantity,
                "location_id": move["location_id"],
                "location_dest_id": move["location_dest_id"],
                "state": "assigned",
                "date": self.store.now,
            },
        )

    def arrives(self, picking: Row) -> bool:
        """Whether a picking takes in what a customer gives back."""
        kind = self.store.row("stock.picking.type", picking["picking_type_id"])
        return bool(kind["code"] == "incoming")

    def finish(self, picking: Row, arriving: Sequence[tuple[Row, float]], backorder: bool) -> None:
        """Goods arrive where their move lines say; what is missing is waited for or dropped."""
        store = self.store
        rest: list[tuple[Row, float]] = []
        for move, quantity in arriving:
            lines = store.by("stock.move.line", "move_id", move["id"])
            left = quantity
            for line in lines:
                part = min(left, line["quantity"])
                left -= part
                if not part:
                    store.put("stock.move.line", line["id"], None)
                    continue
                done = {"quantity": part, "state": "done", "picked": True, "date": store.now}
                store.update("stock.move.line", line["id"], **done)
                self.put_away(move["product_id"], line["location_dest_id"], part)
            missing = move["product_uom_qty"] - quantity
            wanted = quantity if missing > 0 and backorder else move["product_uom_qty"]
            if missing > 0 and backorder:
                rest.append((move, missing))
            state = "done" if quantity > 0 else "cancel"
            values = {"state": state, "quantity": quantity, "product_uom_qty": wanted}
            store.update("stock.move", move["id"], picked=True, date=store.now, **values)
            sold = store.tables["sale.order.line"].rows.get(move["sale_line_id"])
            if sold and quantity:
                delivered = sold["qty_delivered"] - quantity
                store.update("sale.order.line", sold["id"], qty_delivered=delivered)
                self.delivered(sold["order_id"])
        store.update("stock.picking", picking["id"], state="done", date_done=store.now)
        if rest:
            self._follow(picking, rest)

    def _follow(self, picking: Row, rest: list[tuple[Row, float]]) -> None:
        kind = self.store.row("stock.picking.type", picking["picking_type_id"])
        follower = self._picking(
            kind,
            picking,
            origin=picking["origin"],
            return_id=picking["return_id"],
            backorder_id=picking["id"],
            location_id=picking["location_id"],
            location_dest_id=picking["location_dest_id"],
        )
        for move, missing in rest:
            origin = self.store.row("stock.move", move["origin_returned_move_id"])
            self._move(follower, origin, missing)
            if self.store.row("stock.move", move["id"])["state"] == "cancel":
                self.store.put("stock.move", move["id"], None)

    def put_away(self, product: int, location: int, quantity: float) -> None:
        """More of it lies there."""
        for quant in self.store.by("stock.quant", "product_id", product):
            if quant["location_id"] == location:
                self.store.update("stock.quant", quant["id"], quantity=quant["quantity"] + quantity)
                return
        values = {"product_id": product, "location_id": location, "quantity": quantity}
        self.store.insert("stock.quant", values)

    def _scrap_defaults(self, row: Row) -> None:
        row["name"] = f"SP/{self.store.tables['stock.scrap'].next_id:05d}"
        row["state"] = "draft"

    def scrap(self, ids: list[int], context: Mapping[str, Any]) -> Any:
        """`action_validate`: true, or a wizard when there is less than is to be scrapped."""
        for record in ids:
            scrap = self.store.row("stock.scrap", record)
            if scrap["state"] == "done":
                continue
            quants = [
                quant
                for quant in self.store.by("stock.quant", "product_id", scrap["product_id"])
                if quant["location_id"] == scrap["location_id"]
            ]
            if sum(quant["quantity"] for quant in quants) < scrap["scrap_qty"]:
                return {
                    "res_model": "stock.warn.insufficient.qty.scrap",
                    "type": "ir.actions.act_window",
                }
            left = scrap["scrap_qty"]
            for quant in quants:
                part = min(left, quant["quantity"])
                left -= part
                self.store.update("stock.quant", quant["id"], quantity=quant["quantity"] - part)
            self.store.update("stock.scrap", record, state="done")
        return True

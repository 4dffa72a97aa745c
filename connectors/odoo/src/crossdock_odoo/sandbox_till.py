"""The till of the pretended Odoo 18 and 19: sessions, orders by uuid, their stock (flow 16)."""

from collections.abc import Mapping
from typing import Any

from crossdock_odoo.sandbox_errors import user_error, validation_error
from crossdock_odoo.sandbox_stock import Stock
from crossdock_odoo.sandbox_store import Row, Store

ORDER, SESSION, CONFIG = "pos.order", "pos.session", "pos.config"


class Till:
    """What the models of point_of_sale do beyond being records."""

    def __init__(self, store: Store, stock: Stock) -> None:
        self.store = store
        self.stock = stock
        self.next_order: dict[int, int] = {}
        store.computed[CONFIG, "current_session_id"] = lambda db, row: self._current(row)
        store.computed[CONFIG, "current_session_state"] = lambda db, row: (
            db.row(SESSION, current)["state"] if (current := self._current(row)) else False
        )
        store.defaults[CONFIG] = self._config_defaults
        store.names["pos.order.line"] = lambda db, row: db.display(
            "product.product", row["product_id"]
        )

    def actions(self) -> dict[tuple[str, str], Any]:
        """Public methods on records, by model and name."""
        found: dict[tuple[str, str], Any] = {
            (CONFIG, "open_ui"): self.open_ui,
        }
        if self.store.version >= 18:
            found[SESSION, "set_opening_control"] = self.set_opening_control
            found[ORDER, "sync_from_ui"] = self.sync_from_ui
            found[ORDER, "refund"] = self.refund
        return found

    def _current(self, config: Row) -> Any:
        open_ = [
            row["id"]
            for row in self.store.by(SESSION, "config_id", config["id"])
            if row["state"] != "closed"
        ]
        return open_[-1] if open_ else False

    def _config_defaults(self, row: Row) -> None:
        methods = self.store.tables["pos.payment.method"].rows
        row.setdefault("company_id", 1)
        row.setdefault("currency_id", 1)
        row.setdefault("payment_method_ids", list(methods))
        row.setdefault("warehouse_id", min(self.store.tables["stock.warehouse"].rows))
        kinds = self.store.tables["stock.picking.type"].rows.values()
        mine = [kind["id"] for kind in kinds if kind["name"] == "PoS Orders"]
        row.setdefault("picking_type_id", mine[0] if mine else False)

    def open_ui(self, ids: list[int], context: Mapping[str, Any]) -> dict[str, Any]:
        """A session that waits for its opening balance, unless there is one."""
        config = self.store.row(CONFIG, ids[0])
        if not self._current(config):
            number = self.store.tables[SESSION].next_id
            self.store.insert(
                SESSION,
                {
                    "name": {19: "/", 18: f"{config['name']}/00000"}.get(
                        self.store.version, f"POS/{number:05d}"
                    ),
                    "state": "opening_control",
                    "config_id": config["id"],
                    "payment_method_ids": config["payment_method_ids"],
                    "currency_id": config["currency_id"],
                },
                number,
            )
        back = "from_backend=True"
        url = {19: f"/pos/ui/{ids[0]}?{back}", 18: f"/pos/ui?config_id={ids[0]}&{back}"}
        where = url.get(self.store.version, f"/pos/ui?config_id={ids[0]}")
        return {"type": "ir.actions.act_url", "url": where, "target": "self"}

    def set_opening_control(
        self, ids: list[int], context: Mapping[str, Any], cashbox_value: float, notes: str
    ) -> None:
        """The session is open; nothing is answered."""
        for record in ids:
            session = self.store.row(SESSION, record)
            if session["state"] == "opening_control":
                config = self.store.row(CONFIG, session["config_id"])
                opened = len(self.store.by(SESSION, "config_id", config["id"]))
                name = config["name"] if self.store.version >= 19 else "POS"
                self.store.update(
                    SESSION,
                    record,
                    state="opened",
                    name=f"{name}/{opened:05d}",
                    start_at=self.store.now,
                    cash_register_balance_start=float(cashbox_value),
                )

    def sync_from_ui(
        self, ids: list[int], context: Mapping[str, Any], orders: list[dict[str, Any]]
    ) -> dict[str, Any]:
        """Create what is not there by `uuid`; all or nothing."""
        found = [self._sync(dict(order)) for order in orders]
        lines = [line for order in found for line in self._rows("pos.order.line", order)]
        payments = [row for order in found for row in self._rows("pos.payment", order)]
        answer: dict[str, Any] = {
            ORDER: [self._wire(ORDER, row) for row in found],
            SESSION: [],
            "pos.payment": [self._wire("pos.payment", row) for row in payments],
            "pos.order.line": [self._wire("pos.order.line", row) for row in lines],
            "pos.pack.operation.lot": [],
            "product.attribute.custom.value": [],
        }
        if self.store.version >= 19:
            answer["account.move"] = []
        return answer

    def _rows(self, model: str, order: Row) -> list[Row]:
        return self.store.by(
            model, "pos_order_id" if model == "pos.payment" else "order_id", order["id"]
        )

    def _wire(self, model: str, row: Row) -> dict[str, Any]:
        names = [*self.store.fields(model)]
        values = {name: self.store.value(model, row, name) for name in names}
        return {
            name: value.strftime("%Y-%m-%d %H:%M:%S") if hasattr(value, "strftime") else value
            for name, value in values.items()
        }

    def _sync(self, order: dict[str, Any]) -> Row:
        store = self.store
        there = store.by(ORDER, "uuid", order["uuid"])
        if there:
            return there[0]
        session = store.row(SESSION, order["session_id"])
        config = store.row(CONFIG, session["config_id"])
        number = self.next_order.get(config["id"], 1)
        self.next_order[config["id"]] = number + 1
        label = order.pop("name", False)
        if store.version >= 19:
            named = f"{config['name']} - {number:06d}"
            order.setdefault("pos_reference", f"260-{config['id']}-{number:06d}")
        else:
            named = f"{config['name']}/{number:04d}"
            order["pos_reference"] = label
        paid = sum(command[2]["amount"] for command in order["payment_ids"])
        if abs(order["amount_total"] - paid) >= 0.005:
            raise user_error(f"Order {named} is not fully paid.")
        content = {
            "company_id": 1,
            **order,
            "name": named,
            "state": "paid",
            "amount_paid": paid,
            "currency_id": config["currency_id"],
            "config_id": config["id"],
        }
        record = store.create(ORDER, content)
        row = store.row(ORDER, record)
        if store.version >= 19 and len(store.by(ORDER, "uuid", row["uuid"])) > 1:
            raise validation_error("An order with this uuid already exists")
        picking = self._picking(row, config)
        return store.update(ORDER, record, picking_ids=[picking] if picking else [])

    def _picking(self, order: Row, config: Row) -> int:
        """Goods leave at once."""
        store, stock = self.store, self.stock
        lines = [
            line
            for line in self._rows("pos.order.line", order)
            if store.row("product.product", line["product_id"])["type"] != "service"
        ]
        if not lines:
            return 0
        house = store.row("stock.warehouse", config["warehouse_id"])
        chosen = config["picking_type_id"] or house["out_type_id"]
        count = sum(
            row["picking_type_id"] == chosen for row in store.tables["stock.picking"].rows.values()
        )
        picking = store.insert(
            "stock.picking",
            {
                "name": f"{house['code']}/POS/{count + 1:05d}",
                "state": "done",
                "origin": order["name"],
                "picking_type_id": chosen,
                "partner_id": order["partner_id"],
                "location_id": house["lot_stock_id"],
                "location_dest_id": stock.customers,
                "scheduled_date": store.now,
                "date_done": store.now,
                "company_id": 1,
            },
        )
        for line in lines:
            stock.returns.put_away(line["product_id"], house["lot_stock_id"], -line["qty"])
        return int(picking["id"])

    def refund(self, ids: list[int], context: Mapping[str, Any]) -> dict[str, Any]:
        """A draft with negative quantities."""
        store = self.store
        order = store.row(ORDER, ids[0])
        same = ("session_id", "config_id", "partner_id", "company_id", "currency_id", "date_order")
        back = store.insert(
            ORDER,
            {
                **{name: order[name] for name in same},
                "name": f"{order['name']} REFUND",
                "pos_reference": self._refund_reference(order),
                "state": "draft",
                "amount_total": -order["amount_total"],
                "amount_tax": -order["amount_tax"],
                "refunded_order_id": order["id"],
            },
        )
        for line in self._rows("pos.order.line", order):
            kept = {k: v for k, v in line.items() if k not in ("id", "uuid", "display_name")}
            turned = {
                "order_id": back["id"],
                "qty": -line["qty"],
                "refunded_orderline_id": line["id"],
                "price_subtotal": -line["price_subtotal"],
                "price_subtotal_incl": -line["price_subtotal_incl"],
            }
            store.insert("pos.order.line", {**kept, **turned})
        return {
            "name": "Return Products",
            "view_mode": "form",
            "res_model": ORDER,
            "res_id": back["id"],
            "view_id": False,
            "context": {},
            "type": "ir.actions.act_window",
            "target": "current",
        }

    def _refund_reference(self, order: Row) -> Any:
        if self.store.version < 19:
            return order["pos_reference"]
        config = order["config_id"]
        number = self.next_order.get(config, 1)
        self.next_order[config] = number + 1
        return f"260-{config}-{number:06d}"

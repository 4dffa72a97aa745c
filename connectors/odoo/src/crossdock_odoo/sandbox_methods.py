"""The public methods of the pretended Odoo, by model: what both APIs call.

A method is called with the ids (none for model methods), the context, and its named arguments.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from crossdock_odoo import sandbox_counts, sandbox_load, sandbox_seed
from crossdock_odoo.sandbox_account import Account
from crossdock_odoo.sandbox_errors import (
    OdooFault,
    unprocessable,
    user_error,
    validation_error,
    value_error,
)
from crossdock_odoo.sandbox_payments import Payments
from crossdock_odoo.sandbox_products import Products
from crossdock_odoo.sandbox_sale import Sale
from crossdock_odoo.sandbox_search import search
from crossdock_odoo.sandbox_stock import Stock
from crossdock_odoo.sandbox_store import STAMP, Row, Store
from crossdock_odoo.sandbox_till import Till

Context = Mapping[str, Any]
RECORD_METHODS = {"read", "write", "unlink"}
UNIQUE_NAME = (
    "The operation cannot be completed: You cannot have multiple records with the same external ID "
    "in the same module!"
)


class Methods:
    """One database with its business models."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.stock = Stock(store)
        self.sale = Sale(store, self.stock)
        self.account = Account(store)
        self.payments = Payments(store, self.account)
        self.stock.returns.delivered = self.account.status
        store.names |= {
            "res.partner": _partner_name,
            "stock.location": lambda db, row: row["complete_name"],
            "product.pricelist": lambda db, row: (
                f"{row['name']} ({db.row('res.currency', row['currency_id'])['name']})"
            ),
            "stock.picking.type": lambda db, row: (
                f"{db.row('stock.warehouse', row['warehouse_id'])['name']}: {row['name']}"
            ),
            "res.country.state": lambda db, row: (
                f"{row['name']} ({db.row('res.country', row['country_id'])['code']})"
            ),
        }
        store.computed["res.partner", "commercial_partner_id"] = _commercial
        store.defaults["res.partner"] = _partner_defaults
        self.products = Products(store)
        self.till = Till(store, self.stock)
        for model in store.tables:
            store.computed[model, "display_name"] = lambda db, row, model=model: db.display(  # type: ignore[misc]
                model, row["id"]
            )
        self.actions: dict[tuple[str, str], Callable[[list[int], Context], Any]] = {
            ("sale.order", "action_confirm"): lambda ids, context: self.sale.confirm(ids),
            ("sale.order", "action_cancel"): self.sale.cancel,
            ("sale.order", "action_draft"): lambda ids, context: self.sale.draft(ids),
            ("stock.picking", "button_validate"): self.stock.validate,
            ("stock.picking", "action_assign"): lambda ids, context: self.stock.assign(ids),
            ("stock.picking", "do_unreserve"): lambda ids, context: self.stock.unreserve(ids),
            ("stock.picking", "action_cancel"): lambda ids, context: self.stock.cancel(ids),
            ("stock.quant", "action_apply_inventory"): lambda ids, context: sandbox_counts.apply(
                store, ids
            ),
            ("stock.backorder.confirmation", "process"): self._process,
            ("stock.backorder.confirmation", "process_cancel_backorder"): self._process_drop,
            **self.stock.returns.actions(),
            **self.till.actions(),
            **self.account.actions(),
            **self.payments.actions(),
        }
        self.model_methods: dict[str, Callable[..., Any]] = {
            "search": self._search,
            "search_count": self._search_count,
            "search_read": self._search_read,
            "create": self._create,
            "load": self._load,
            "fields_get": self._fields_get,
            "default_get": self._default_get,
            "name_search": self._name_search,
            "name_create": self._name_create,
        }

    def call(
        self,
        model: str,
        method: str,
        ids: list[int] | None,
        context: Context,
        named: dict[str, Any],
    ) -> Any:
        """Run one method. Faults are those of flow 13."""
        self.store.context = context
        language = context.get("lang") if self.store.version >= 18 else None
        if language and not search(self.store, "res.lang", [["code", "=", language]]):
            raise user_error(f"Invalid language code: {language}")
        if method.startswith("_"):
            raise OdooFault(
                "odoo.exceptions.AccessError",
                f"Private methods (such as '{model}.{method}') cannot be called remotely.",
            )
        if method in self.model_methods:
            function = self.model_methods[method]
            return self._bound(function, model, context, named, positional=(model, context))
        if method in RECORD_METHODS:
            for_ids: Callable[..., Any] = getattr(self, f"_{method}")
            return self._bound(
                for_ids, model, context, named, positional=(model, ids or [], context)
            )
        if (model, method) == ("res.users", "context_get"):
            return {"lang": "en_US", "tz": "Europe/Brussels", "uid": self.store.uid}
        if (model, method) == ("ir.config_parameter", "get_param"):
            rows = search(self.store, model, [["key", "=", named.get("key")]])
            return rows[0]["value"] if rows else False
        action = self.actions.get((model, method))
        if action is None:
            raise OdooFault("unknown.method", f"The method '{model}.{method}' does not exist")
        return action(list(ids or []), context, **named)

    def _bound(
        self,
        function: Callable[..., Any],
        model: str,
        context: Context,
        named: dict[str, Any],
        positional: tuple[Any, ...],
    ) -> Any:
        """The right words for arguments that do not fit."""
        signature = inspect.signature(function)
        known = list(signature.parameters)[len(positional) :]
        if function == self._search_read:
            for name in named:
                if name not in known:
                    raise OdooFault(
                        "builtins.TypeError",
                        f"BaseModel._read_format() got an unexpected keyword argument '{name}'",
                    )
        for name, parameter in list(signature.parameters.items())[len(positional) :]:
            if parameter.default is parameter.empty and name not in named:
                raise unprocessable(f"missing a required argument: '{name}'")
        for name in named:
            if name not in known:
                raise unprocessable(f"got an unexpected keyword argument '{name}'")
        return function(*positional, **named)

    def _search(
        self,
        model: str,
        context: Context,
        domain: list[Any],
        offset: int = 0,
        limit: int | None = None,
        order: str | None = None,
    ) -> list[int]:
        return [row["id"] for row in self._rows(model, context, domain, order, limit, offset)]

    def _search_count(
        self, model: str, context: Context, domain: list[Any], limit: int | None = None
    ) -> int:
        return len(self._rows(model, context, domain, "id", limit))

    def _search_read(
        self,
        model: str,
        context: Context,
        domain: list[Any] | None = None,
        fields: list[str] | None = None,
        offset: int = 0,
        limit: int | None = None,
        order: str | None = None,
        load: str | None = "_classic_read",
    ) -> list[dict[str, Any]]:
        self._check(model, fields)
        rows = self._rows(model, context, domain or [], order, limit, offset)
        return [self._format(model, row, fields, load) for row in rows]

    def _rows(
        self,
        model: str,
        context: Context,
        domain: list[Any],
        order: str | None,
        limit: int | None = None,
        offset: int = 0,
    ) -> list[Row]:
        active = bool(context.get("active_test", True))
        return search(self.store, model, domain, order or "", limit, offset, active)

    def _read(
        self,
        model: str,
        ids: list[int],
        context: Context,
        fields: list[str] | None = None,
        load: str | None = "_classic_read",
    ) -> list[dict[str, Any]]:
        self._check(model, fields)
        rows = self.store.tables[model].rows
        return [self._format(model, rows[i], fields, load) for i in ids if i in rows]

    def _check(self, model: str, fields: list[str] | None) -> None:
        for name in fields or ():
            if name not in self.store.fields(model):
                raise self.store.unknown(model, name)

    def _format(
        self, model: str, row: Row, fields: list[str] | None, load: str | None
    ) -> dict[str, Any]:
        """Values as they go over the wire (recordings, flow 17)."""
        types = self.store.fields(model)
        answer: dict[str, Any] = {"id": row["id"]}
        for name in fields or types:
            value = self.store.value(model, row, name)
            type_ = types[name]
            if type_.startswith("m2o:") and value and load:
                value = [value, self.store.display(type_.split(":")[1], value)]
            elif isinstance(value, datetime):
                value = value.strftime(STAMP)
            answer[name] = value
        return answer

    def _create(self, model: str, context: Context, vals_list: Any) -> list[int]:
        batch = vals_list if isinstance(vals_list, list) else [vals_list]
        return [self._create_one(model, context, dict(values)) for values in batch]

    def _create_one(self, model: str, context: Context, values: dict[str, Any]) -> int:
        store = self.store
        if model == "product.product" and values.get("barcode"):
            both = " and " if store.version >= 18 else ", "
            for found in store.by(model, "barcode", values["barcode"]):
                raise validation_error(
                    f'Barcode(s) already assigned:\n\n- Barcode "{values["barcode"]}" already '
                    f"assigned to product(s): {store.display(model, found['id'])}{both}"
                    f"{values.get('name')}\n\nNote: products that you don't have access to will "
                    "not be shown above."
                )
        if model == "stock.warehouse":
            codes = [row["code"] for row in store.tables[model].rows.values()]
            if values.get("code") in codes:
                raise validation_error(
                    "The operation cannot be completed: The short name of the warehouse must be "
                    "unique per company!"
                )
            place = sandbox_seed.warehouse(store, self.stock, values["code"], values["name"])
            return int(store.row("stock.location", place)["warehouse_id"])
        if model == "ir.model.data":
            target, name = values["model"], f"{values['module']}.{values['name']}"
            if store.by(model, "complete_name", name):
                raise validation_error(UNIQUE_NAME)
            made = sandbox_load.remember(store, target, values["res_id"], name)
            store.update(model, made, noupdate=bool(values.get("noupdate")))
            return made
        if model == "account.payment.register":
            values = {**self.payments.proposal(context), **values}
        if model == "stock.quant" and context.get("inventory_mode"):
            return sandbox_counts.count(store, values)
        return store.create(model, values)

    def _write(
        self,
        model: str,
        ids: list[int],
        context: Context,
        vals: dict[str, Any] | None = None,
        values: dict[str, Any] | None = None,
    ) -> bool:
        content = vals if vals is not None else values or {}
        if model == "res.partner" and content.get("parent_id") in ids:
            raise validation_error("You cannot create recursive Partner hierarchies.")
        return self.store.write(model, ids, content)

    def _unlink(self, model: str, ids: list[int], context: Context) -> bool:
        if model == "sale.order":
            return self.sale.unlink_orders(ids)
        if model == "sale.order.line":
            return self.sale.unlink_lines(ids)
        if model == "res.partner":
            used = self.store.tables["sale.order"].rows.values()
            if any(row["partner_id"] in ids for row in used):
                raise user_error("The partner cannot be deleted because it is used in Accounting")
        for record in ids:
            self.store.row(model, record)
            self.store.put(model, record, None)
        return True

    def _load(
        self, model: str, context: Context, fields: list[str], data: list[list[str]]
    ) -> dict[str, Any]:
        return sandbox_load.load(self.store, model, fields, data)

    def _fields_get(
        self,
        model: str,
        context: Context,
        allfields: list[str] | None = None,
        attributes: list[str] | None = None,
    ) -> dict[str, Any]:
        types = self.store.fields(model)
        names = [name for name in allfields or types if name in types]
        kinds = {"m2o": "many2one", "m2m": "many2many", "o2m": "one2many", "sel": "selection"}
        kinds |= {"bool": "boolean", "int": "integer"}
        answer = {}
        for name in names:
            kind, _, rest = types[name].partition(":")
            told = {"string": name, "type": kinds.get(kind, kind)}
            if kind in ("m2o", "m2m", "o2m"):
                told["relation"] = rest.partition(":")[0]
            answer[name] = told
        return answer

    def _default_get(self, model: str, context: Context, fields: list[str]) -> dict[str, Any]:
        now = self.store.now.strftime(STAMP)
        known: dict[str, Any] = {"date_order": now, "company_id": 1}
        return {name: known[name] for name in known if name in fields and model == "sale.order"}

    def _name_create(self, model: str, context: Context, name: str) -> list[Any]:
        made = self.store.create(model, {"name": name})
        return [made, self.store.display(model, made)]

    def _name_search(
        self, model: str, context: Context, name: str = "", limit: int = 100
    ) -> list[list[Any]]:
        shown = [
            [row["id"], self.store.display(model, row["id"])]
            for row in search(self.store, model, [["active", "=", True]])
        ]
        return sorted((x for x in shown if name in x[1]), key=lambda x: x[1])[:limit]

    def _process(self, ids: list[int], context: Context) -> bool:
        return self._finish(ids, backorder=True)

    def _process_drop(self, ids: list[int], context: Context) -> bool:
        return self._finish(ids, backorder=False)

    def _finish(self, ids: Sequence[int], *, backorder: bool) -> bool:
        for record in ids:
            for picking in self.store.row("stock.backorder.confirmation", record)["pick_ids"]:
                row = self.store.row("stock.picking", picking)
                if row["state"] not in ("done", "cancel"):
                    self.stock.finish(row, backorder=backorder)
        return True


def _partner_defaults(row: Row) -> None:
    row.setdefault("type", "contact")
    row.setdefault("lang", "en_US")
    row.setdefault("partner_share", True)


def _partner_name(store: Store, row: Row) -> str:
    if not row["parent_id"]:
        return str(row["name"])
    return f"{store.display('res.partner', row['parent_id'])}, {row['name']}"


def _commercial(store: Store, row: Row) -> int:
    return int(row["parent_id"] or row["id"])


__all__ = ["Methods", "value_error"]

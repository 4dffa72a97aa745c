"""`load` of the pretended Odoo: import by external id, as recorded in flows 05, 06 and 15.

Cells are text. A row whose cells outside of one2many columns are all empty continues the record
above it. `id` is the external id, `field/.id` a database id, `field/id` an external id. Whatever
goes wrong with one record saves none of them and answers `ids: false` with a message.
"""

from collections.abc import Sequence
from typing import Any

from crossdock_odoo.sandbox_errors import OdooFault
from crossdock_odoo.sandbox_search import search
from crossdock_odoo.sandbox_store import Store


class BadCell(Exception):  # noqa: N818 - becomes a message of the answer
    """One cell that means nothing."""

    def __init__(self, field: str, label: str, message: str, model: str = "") -> None:
        super().__init__(message)
        self.field, self.label, self.message, self.model = field, label, message, model


def load(store: Store, model: str, fields: list[str], data: list[list[str]]) -> dict[str, Any]:
    """All rows or none; the caller rolls back when `ids` is False."""
    columns = [tuple(field.split("/")) for field in fields]
    own = [
        index
        for index, column in enumerate(columns)
        if not store.fields(model).get(column[0], "").startswith("o2m:")
    ]
    spans: list[list[Sequence[str]]] = []
    for row in data:
        if spans and not any(row[index] for index in own):
            spans[-1].append(row)
        else:
            spans.append([row])
    ids: list[int] = []
    first = 0
    for number, span in enumerate(spans):
        where = {"rows": {"from": first, "to": first + len(span) - 1}, "record": number}
        try:
            ids.append(_record(store, model, columns, span))
        except BadCell as bad:
            return _refused(where, bad, store.version)
        except OdooFault as fault:
            message = {**where, "type": "error", "message": fault.message}
            return {"ids": False, "messages": [message], "nextrow": 0}
        first += len(span)
    return {"ids": ids, "messages": [], "nextrow": 0}


def _refused(where: dict[str, Any], bad: BadCell, version: int) -> dict[str, Any]:
    rows = "list" if version >= 18 else "tree"
    message = {
        "rows": where["rows"],
        "type": "error",
        "record": where["record"],
        "field": bad.field,
        "message": bad.message,
        "moreinfo": {
            "name": "Possible Values",
            "type": "ir.actions.act_window",
            "target": "new",
            "view_mode": f"{rows},form",
            "views": [[False, rows], [False, "form"]],
            "context": {"create": False},
            "help": "See all possible values",
            "res_model": bad.model,
        },
        "field_name": bad.label,
    }
    return {"ids": False, "messages": [message], "nextrow": 0}


def _record(
    store: Store, model: str, columns: list[tuple[str, ...]], span: list[Sequence[str]]
) -> int:
    values: dict[str, Any] = {}
    external = ""
    nested: dict[str, list[int]] = {}
    for index, column in enumerate(columns):
        cell = str(span[0][index])
        if column == ("id",):
            external = cell
        elif column == (".id",):
            values[".id"] = int(cell)
        else:
            type_ = store.fields(model).get(column[0])
            if type_ is None:
                raise store.unknown(model, column[0])
            if type_.startswith("o2m:"):
                nested.setdefault(column[0], []).append(index)
            else:
                values[column[0]] = _cell(store, column, type_, cell)
    lines: list[tuple[str, int, str, dict[str, Any]]] = []
    for field, indexes in nested.items():
        _, child, inverse = store.fields(model)[field].split(":")
        for row in span:
            if any(row[index] for index in indexes):
                inner = {columns[index][1:]: str(row[index]) for index in indexes}
                name = inner.pop(("id",), "")
                line = {
                    column[0]: _cell(store, column, _known(store, child, column[0]), cell)
                    for column, cell in inner.items()
                }
                lines.append((child, resolve(store, name) if name else 0, name, line))
                inverse_of = inverse
    record = resolve(store, external) if external else int(values.pop(".id", 0))
    values.pop(".id", None)
    if record:
        store.write(model, [record], values)
    else:
        record = store.create(model, values)
        if external:
            remember(store, model, record, external)
    for child, line_id, name, line in lines:
        if line_id:
            store.write(child, [line_id], line)
        else:
            created = store.create(child, {**line, inverse_of: record})
            if name:
                remember(store, child, created, name)
    return record


def _known(store: Store, model: str, field: str) -> str:
    type_ = store.fields(model).get(field)
    if type_ is None:
        raise store.unknown(model, field)
    return type_


def resolve(store: Store, external: str) -> int:
    """The record of an external id, or 0."""
    for row in store.by("ir.model.data", "complete_name", _complete(external)):
        if row["res_id"] in store.tables[row["model"]].rows:
            return int(row["res_id"])
    return 0


def remember(store: Store, model: str, record: int, external: str) -> int:
    """Write an external id: unique on module and name."""
    complete = _complete(external)
    module, _, name = complete.partition(".")
    if store.by("ir.model.data", "complete_name", complete):
        raise OdooFault(
            "psycopg2.errors.UniqueViolation",
            'duplicate key value violates unique constraint "ir_model_data_module_name_uniq_index"',
        )
    row = store.insert(
        "ir.model.data",
        {
            "module": module,
            "name": name,
            "complete_name": complete,
            "model": model,
            "res_id": record,
        },
    )
    return int(row["id"])


def _complete(external: str) -> str:
    return external if "." in external else f"__import__.{external}"


def _cell(store: Store, column: tuple[str, ...], type_: str, cell: str) -> Any:
    kind, _, rest = type_.partition(":")
    name = column[0]
    label = LABELS.get(name, name)
    if kind in ("m2o", "m2m"):
        found = [_reference(store, column, rest, part) for part in cell.split(",") if part]
        if kind == "m2m":
            return [[6, 0, found]]
        return found[0] if found else False
    if cell == "":
        return False
    if kind == "float":
        try:
            return float(cell)
        except ValueError:
            raise BadCell(
                name, label, f"'{cell}' does not seem to be a number for field '{label}'"
            ) from None
    if kind == "bool":
        if cell.lower() not in ("0", "1", "true", "false", "yes", "no"):
            raise BadCell(name, label, f"Unknown value '{cell}' for boolean field '{label}'")
        return cell.lower() in ("1", "true", "yes")
    if kind == "sel" and cell not in rest.split(","):
        raise BadCell(name, label, f"Value '{cell}' not found in selection field '{label}'")
    return cell


def _reference(store: Store, column: tuple[str, ...], model: str, cell: str) -> int:
    name, how = column[0], column[1] if len(column) > 1 else ""
    label = LABELS.get(name, name)
    found = 0
    if how == ".id":
        found = int(cell) if cell.isdigit() and int(cell) in store.tables[model].rows else 0
        what = "database id"
    elif how == "id":
        found, what = resolve(store, cell), "external id"
    else:
        rows = search(store, model, [["name", "=", cell]], limit=1)
        found, what = rows[0]["id"] if rows else 0, "name"
    if not found:
        message = f"No matching record found for {what} '{cell}' in field '{label}'"
        raise BadCell(name, label, message, model)
    return int(found)


LABELS = {
    "country_id": "Country",
    "state_id": "State",
    "partner_id": "Customer",
    "product_id": "Product",
    "pricelist_id": "Pricelist",
    "price_unit": "Unit Price",
    "product_uom_qty": "Quantity",
}
"""What a person calls the field."""

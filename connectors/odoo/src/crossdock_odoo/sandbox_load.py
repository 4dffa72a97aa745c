"""`load` of the pretended Odoo: import by external id, as recorded in flows 05, 06 and 15.

Cells are text. A row whose cells outside of one2many columns are all empty continues the record
above it. `id` is the external id, `field/.id` a database id, `field/id` an external id. Whatever
goes wrong with one record saves none of them and answers `ids: false` with a message.
"""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from crossdock_odoo.sandbox_errors import OdooFault
from crossdock_odoo.sandbox_search import search
from crossdock_odoo.sandbox_store import Store


class BadCell(Exception):  # noqa: N818 - becomes a message of the answer
    """One cell that means nothing."""

    def __init__(self, field: str, label: str, message: str, model: str = "") -> None:
        super().__init__(message)
        self.field, self.label, self.message, self.model = field, label, message, model


Convert = Callable[[str], Any]


class Columns:
    """How the columns of one table are read. A column that means nothing says so where it is
    read, for a message names the row."""

    def __init__(self, store: Store, model: str, names: list[str]) -> None:
        self.external: int | None = None
        self.number: int | None = None
        self.own: list[tuple[int, str, Convert]] = []
        self.nested: dict[str, list[int]] = {}
        self.columns = [tuple(name.split("/")) for name in names]
        for index, column in enumerate(self.columns):
            if column == ("id",):
                self.external = index
            elif column == (".id",):
                self.number = index
            elif store.tables[model].kinds.get(column[0], ("", ""))[0] == "o2m":
                self.nested.setdefault(column[0], []).append(index)
            else:
                self.own.append((index, column[0], _converter(store, model, column)))
        inner = {index for indexes in self.nested.values() for index in indexes}
        self.outer = [index for index in range(len(names)) if index not in inner]
        self.lines = [_Lines(store, model, self, field) for field in self.nested]


class _Lines:
    """The columns of one one2many field."""

    def __init__(self, store: Store, model: str, columns: Columns, field: str) -> None:
        _, self.model, self.inverse = store.fields(model)[field].split(":")
        self.indexes = columns.nested[field]
        self.external: int | None = None
        self.cells: list[tuple[int, str, Convert]] = []
        for index in self.indexes:
            column = columns.columns[index][1:]
            if column == ("id",):
                self.external = index
            else:
                self.cells.append((index, column[0], _converter(store, self.model, column)))


def load(store: Store, model: str, fields: list[str], data: list[list[str]]) -> dict[str, Any]:
    """All rows or none; the caller rolls back when `ids` is False."""
    columns = Columns(store, model, fields)
    spans: list[list[Sequence[str]]] = []
    for row in data:
        if spans and not any(map(row.__getitem__, columns.outer)):
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


def _record(store: Store, model: str, columns: Columns, span: list[Sequence[str]]) -> int:
    head = span[0]
    number = 0 if columns.number is None else int(head[columns.number])
    values = {name: convert(str(head[index])) for index, name, convert in columns.own}
    lines: list[tuple[_Lines, str, int, dict[str, Any]]] = []
    for of in columns.lines:
        for row in span:
            if any(map(row.__getitem__, of.indexes)):
                name = "" if of.external is None else str(row[of.external])
                line = {field: convert(str(row[index])) for index, field, convert in of.cells}
                lines.append((of, name, resolve(store, name) if name else 0, line))
    external = "" if columns.external is None else str(head[columns.external])
    record = resolve(store, external) if external else number
    if record:
        store.write(model, [record], values)
    else:
        record = store.create(model, values)
        if external:
            remember(store, model, record, external)
    for (of, there), some in groupby(lines, key=lambda line: (line[0], bool(line[2]))):
        if there:
            for _, _, line_id, line in some:
                store.write(of.model, [line_id], line)
        else:
            _create_lines(store, of, record, [(name, line) for _, name, _, line in some])
    return record


def _create_lines(
    store: Store, of: _Lines, record: int, lines: list[tuple[str, dict[str, Any]]]
) -> None:
    made = store.create_all(of.model, [{**line, of.inverse: record} for _, line in lines])
    for (name, _), line_id in zip(lines, made, strict=True):
        if name:
            remember(store, of.model, line_id, name)


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


def _converter(store: Store, model: str, column: tuple[str, ...]) -> Convert:
    """What makes a value of one cell of a column."""
    name = column[0]
    label = LABELS.get(name, name)
    kind, rest = store.tables[model].kinds.get(name, ("", ""))
    if not kind:

        def refuse(cell: str) -> Any:
            raise store.unknown(model, name)

        return refuse
    if kind in ("m2o", "m2m"):

        def one(cell: str) -> Any:
            found = [_reference(store, column, rest, part) for part in cell.split(",") if part]
            return found[0] if found else False

        def many(cell: str) -> Any:
            found = [_reference(store, column, rest, part) for part in cell.split(",") if part]
            return [[6, 0, found]]

        return one if kind == "m2o" else many
    if kind in ("float", "bool", "sel"):
        return lambda cell: _scalar(name, label, kind, rest, cell)
    return lambda cell: cell or False


def _scalar(name: str, label: str, kind: str, rest: str, cell: str) -> Any:
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
    if cell not in rest.split(","):
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

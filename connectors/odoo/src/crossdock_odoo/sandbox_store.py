"""The records of the pretended Odoo: tables in memory with indexes, transactions and searches."""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from crossdock_odoo.sandbox_errors import missing, validation_error, value_error
from crossdock_odoo.sandbox_models import INDEXED, ORDERS, REQUIRED, fields_of

STAMP = "%Y-%m-%d %H:%M:%S"
Row = dict[str, Any]
Compute = Callable[["Store", Row], Any]


class Table:
    """Rows of one model by id, with indexes, and a journal of writes for searches by time."""

    def __init__(self, model: str, fields: dict[str, str]) -> None:
        self.model = model
        self.fields = fields
        self.kinds = {name: _kind(type_) for name, type_ in fields.items()}
        """What a field holds (`m2o`), and the rest of its type (the model it points at)."""
        self.rows: dict[int, Row] = {}
        self.next_id = 1
        self._blank: Row = {name: empty(type_) for name, type_ in fields.items()}
        if "active" in fields:
            self._blank["active"] = True
        self._lists = [name for name, value in self._blank.items() if value == []]
        self.indexes: dict[str, dict[Any, dict[int, None]]] = {
            field: {} for field in INDEXED.get(model, ()) if field in fields
        }
        self.journal: list[tuple[datetime, int]] = []

    def put(self, record: int, row: Row | None) -> Row | None:
        """Replace a row (None: take it away); the row before."""
        before = self.rows.get(record)
        for field, index in self.indexes.items():
            if before is not None:
                old = before[field]
                if row is not None and row[field] == old:
                    continue
                index[old].pop(record, None)
            if row is not None:
                places = index.get(row[field])
                if places is None:
                    index[row[field]] = {record: None}
                else:
                    places[record] = None
        if row is None:
            self.rows.pop(record, None)
        else:
            self.rows[record] = row
            if before is None or before["write_date"] != row["write_date"]:
                self.journal.append((row["write_date"], record))
        return before

    def blank(self) -> Row:
        """A row in which nothing is written yet, its lists its own."""
        row = self._blank.copy()
        for name in self._lists:
            row[name] = []
        return row

    def written_since(self, moment: datetime) -> int:
        """How many writes there were at or after a time."""
        return len(self.journal) - bisect_left(self.journal, (moment, 0))

    def since(self, moment: datetime) -> set[int]:
        """Ids written at or after a time; some may have been written again or be gone."""
        start = bisect_left(self.journal, (moment, 0))
        return {record for _, record in self.journal[start:] if record in self.rows}


class Store:
    """One database. Every call runs between `begin` and `commit` or `rollback`."""

    def __init__(self, version: int, clock: Callable[[], datetime]) -> None:
        self.version = version
        self.clock = clock
        self.now = clock()
        self.uid = 2
        self.tables = {model: Table(model, fields) for model, fields in fields_of(version).items()}
        self.computed: dict[tuple[str, str], Compute] = {}
        self.names: dict[str, Compute] = {}
        self.defaults: dict[str, Callable[[Row], None]] = {}
        self.before_write: dict[str, Callable[[list[int], Mapping[str, Any]], None]] = {}
        self.after_write: dict[str, Callable[[list[int], set[str]], None]] = {}
        self.context: Mapping[str, Any] = {}
        """Of the call that runs: some computed fields look at it."""
        self._undo: list[tuple[Table, int, Row | None]] = []

    def begin(self) -> None:
        """The time of every write of a transaction is its start (README of the recordings)."""
        self.now = max(self.clock(), self.now)
        self._undo = []

    def rollback(self) -> None:
        """Take back every write since `begin`; ids once given stay given, as with sequences."""
        for table, record, before in reversed(self._undo):
            table.put(record, before)
        self._undo = []

    def put(self, model: str, record: int, row: Row | None) -> None:
        """Write one row, remembering what was there."""
        table = self.tables[model]
        self._undo.append((table, record, table.put(record, row)))

    def row(self, model: str, record: int) -> Row:
        """One row. MissingError when it is not there."""
        row = self.tables[model].rows.get(record)
        if row is None:
            raise missing(model, record, self.uid)
        return row

    def by(self, model: str, field: str, value: Any) -> list[Row]:
        """Rows by an indexed field, oldest id first."""
        table = self.tables[model]
        places = table.indexes[field].get(value)
        return [table.rows[record] for record in sorted(places)] if places else []

    def update(self, model: str, record: int, **values: Any) -> Row:
        """Write already clean values, moving `write_date`; nothing else follows from it."""
        row = self.row(model, record).copy()
        row.update(values)
        row["write_date"] = self.now
        self.put(model, record, row)
        return row

    def insert(self, model: str, values: Mapping[str, Any], record: int | None = None) -> Row:
        """A new row of already clean values; `record` forces an id, for seeding."""
        table = self.tables[model]
        number = table.next_id if record is None else record
        table.next_id = max(table.next_id, number + 1)
        row = table.blank()
        row.update(values)
        row["id"] = number
        row["create_date"] = row["write_date"] = self.now
        self._undo.append((table, number, table.put(number, row)))
        return row

    def create(self, model: str, values: Mapping[str, Any]) -> int:
        """What `create` does for one dictionary: checks, defaults, nested lines, totals."""
        return self.create_all(model, [values])[0]

    def create_all(self, model: str, many: Sequence[Mapping[str, Any]]) -> list[int]:
        """As `create` for many of one call: what follows from them is worked out once for all."""
        ids = [self._create_one(model, values) for values in many]
        if ids and model in self.after_write:
            self.after_write[model](ids, {name for values in many for name in values} | {"id"})
        return ids

    def _create_one(self, model: str, values: Mapping[str, Any]) -> int:
        clean, children = self._cleaned(model, values, "create")
        if model in self.defaults:
            self.defaults[model](clean)
        for name, (title, label) in REQUIRED.get(model, {}).items():
            if not clean.get(name):
                raise validation_error(self._required(model, name, title, label))
        record = int(self.insert(model, clean)["id"])
        for name, commands in children.items():
            self.command(model, record, self.fields(model)[name], commands)
        return record

    def write(self, model: str, ids: Sequence[int], values: Mapping[str, Any]) -> bool:
        """What `write` does."""
        fields = self.fields(model)
        for record in ids:
            self.row(model, record)
        if model in self.before_write:
            self.before_write[model](list(ids), values)
        clean, children = self._cleaned(model, values, "write")
        for record in ids:
            if clean:
                self.update(model, record, **clean)
            for name, commands in children.items():
                self.command(model, record, fields[name], commands)
        if model in self.after_write:
            self.after_write[model](list(ids), set(values))
        return True

    def command(self, model: str, record: int, type_: str, commands: Iterable[Any]) -> None:
        """x2many commands 0 create, 1 update, 2 delete, 4 link."""
        _, child, inverse = type_.split(":")
        for number, target, *rest in commands:
            if number == 0:
                self.create(child, {**rest[0], inverse: record})
            elif number == 1:
                self.write(child, [target], rest[0])
            elif number == 2:
                self.put(child, target, None)
            elif number == 4:
                self.write(child, [target], {inverse: record})
            elif number == 5:
                for row in self.by(child, inverse, record):
                    self.put(child, row["id"], None)
            else:
                raise value_error(f"Wrong x2many command {number}")

    def fields(self, model: str) -> dict[str, str]:
        """The fields of a model."""
        return self.tables[model].fields

    def _cleaned(
        self, model: str, values: Mapping[str, Any], action: str
    ) -> tuple[Row, dict[str, list[Any]]]:
        """Values as they are kept, and commands for nested lines by their field."""
        clean: Row = {}
        children: dict[str, list[Any]] = {}
        kinds = self.tables[model].kinds
        for name, value in values.items():
            kind = kinds.get(name)
            if kind is None:
                if self.version >= 19 and action == "create":
                    raise value_error(f"Invalid field '{name}' in '{model}'")
                raise self.unknown(model, name)
            if kind[0] == "o2m":
                children[name] = value or []
            else:
                clean[name] = self.clean(model, name, kind, value)
        return clean, children

    def unknown(self, model: str, name: str) -> Exception:
        """A field that is not there, in the words of this version."""
        on = "" if self.version >= 19 else "model "
        return value_error(f"Invalid field '{name}' on {on}'{model}'")

    def _required(self, model: str, name: str, title: str, label: str) -> str:
        if self.version >= 19:
            return (
                "The operation cannot be completed: Missing required value for the field "
                f"'{label}' ({name}).\nModel: '{title}' ({model})\n- create/update: a mandatory "
                "field is not set\n- delete: another model requires the record being deleted, you "
                "can archive it instead\n"
            )
        return (
            "The operation cannot be completed:\n- Create/update: a mandatory field is not set.\n"
            "- Delete: another model requires the record being deleted. If possible, archive it "
            f"instead.\n\nModel: {title} ({model})\nField: {label} ({name})\n"
        )

    def clean(self, model: str, name: str, type_: tuple[str, str], value: Any) -> Any:
        """A value as it is kept. ValueError, MissingError as recorded in flow 13."""
        kind, rest = type_
        if kind == "m2m":
            return self._many(value)
        if value is None or value is False:
            return False if kind not in ("float", "int") else 0
        if kind in ("char", "text"):
            return value
        if kind == "float":
            try:
                return float(value)
            except (TypeError, ValueError):
                raise value_error(f"could not convert string to float: {value!r}") from None
        if kind == "int":
            return int(value)
        if kind == "m2o":
            self.row(rest, int(value))
            return int(value)
        if kind == "sel" and value not in rest.split(","):
            raise value_error(f"Wrong value for {model}.{name}: {value!r}")
        if kind == "datetime":
            return parse_moment(value)
        if kind == "bool":
            return bool(value)
        return value

    def _many(self, value: Any) -> list[int]:
        ids: list[int] = []
        for item in value or []:
            if isinstance(item, int):
                ids.append(item)
            elif item[0] == 6:
                ids = list(item[2])
            elif item[0] == 4:
                ids.append(item[1])
            elif item[0] == 5:
                ids = []
        return ids

    def value(self, model: str, row: Row, field: str) -> Any:
        """A field as Python holds it; computed ones are computed."""
        if (model, field) in self.computed:
            return self.computed[model, field](self, row)
        type_ = self.tables[model].fields[field]
        if type_.startswith("o2m:"):
            _, child, inverse = type_.split(":")
            rows = self.by(child, inverse, row["id"])
            return [found["id"] for found in self.sorted(child, rows, "")]
        return row.get(field, False)

    def display(self, model: str, record: int) -> str:
        """The display name of a record."""
        row = self.row(model, record)
        if model in self.names:
            return str(self.names[model](self, row))
        return str(row.get("name") or f"{model},{record}")

    def sorted(self, model: str, rows: Iterable[Row], order: str) -> list[Row]:
        """Rows by an `order` text. ValueError for a field that is not stored."""
        found = list(rows)
        for part in reversed((order or ORDERS.get(model, "id")).split(",")):
            name, _, direction = part.strip().partition(" ")
            if name not in self.fields(model):
                raise value_error(f"Invalid field '{name}' on '{model}'")
            if (model, name) in self.computed and self.version < 18:
                continue  # 17 does not mind (recordings 17/17)
            if (model, name) in self.computed:
                raise value_error(f"Cannot convert {model}.{name} to SQL because it is not stored")
            found.sort(
                key=lambda row, name=name: _sortable(row.get(name)),  # type: ignore[misc]
                reverse=direction.lower() == "desc",
            )
        return found


def _kind(type_: str) -> tuple[str, str]:
    kind, _, rest = type_.partition(":")
    return kind, rest


def empty(type_: str) -> Any:
    """What a field holds before anything is written."""
    kind = type_.partition(":")[0]
    if kind in ("m2m", "o2m"):
        return []
    if kind == "float":
        return 0.0
    return 0 if kind == "int" else False


def parse_moment(value: Any) -> datetime:
    """`YYYY-MM-DD HH:MM:SS`, with microseconds in searches; nothing else is accepted."""
    if isinstance(value, datetime):
        return value
    text = str(value)
    form = STAMP if "." not in text else f"{STAMP}.%f"
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        form = "%Y-%m-%d"
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC)
    except ValueError as error:
        said = str(error)
        raise value_error(said) from None


def _sortable(value: Any) -> tuple[bool, Any]:
    """Empty values last, as PostgreSQL sorts NULL."""
    return (True, 0) if value is False or value is None else (False, value)

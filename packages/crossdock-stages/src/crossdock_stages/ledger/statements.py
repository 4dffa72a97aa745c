"""Statements that are made once and run by the thousand.

SQLAlchemy makes a statement, finds it in its cache, binds and wraps the result anew for every call:
most of the CPU time of a small transaction (docs/quality/performance.md). A Statement is written in
its Core language all the same, so that two databases agree on it; on SQLite its text is kept and
handed to the driver at once. On PostgreSQL SQLAlchemy runs it as ever.
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection
from sqlalchemy.sql.compiler import SQLCompiler

from crossdock_stages.ledger.store import inserting, sqlite_driver, told

MOST_ROWS = 64
"""In one INSERT, at most."""
STEP = 8
"""Above this an INSERT has a multiple of it as rows."""
Make = Callable[[Any], Any]
"""Is given the dialect's `insert` and returns the statement."""


class Statement:
    """One statement, for as many rows as are given; its values are named `sa.bindparam`s."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._made: dict[str, Any] = {}
        self._plan: _Plan | None = None

    def many(self, tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
        """Run it once for each row; all rows have the same keys."""
        if not rows:
            return
        if tx.dialect.name != "sqlite":
            tx.execute(self._for(tx), rows)
            return
        plan, driver = self._planned(tx, rows[0]), sqlite_driver(tx)
        with told(plan.text):
            if plan.places is None:
                driver.executemany(plan.text, map(plan.values, rows))
            for text, flat in plan.together(rows):
                driver.execute(text, flat)

    def rows(self, tx: Connection, **values: Any) -> Sequence[Any]:
        """Everything it finds."""
        if tx.dialect.name != "sqlite":
            return tx.execute(self._for(tx), values).all()
        return self._sqlite(tx, values).fetchall()

    def run(self, tx: Connection, **values: Any) -> None:
        """Run it once, for what it does."""
        if tx.dialect.name != "sqlite":
            tx.execute(self._for(tx), values)
        else:
            self._sqlite(tx, values)

    def _sqlite(self, tx: Connection, values: Mapping[str, Any]) -> sqlite3.Cursor:
        text, flat = self._planned(tx, values).spread(values)
        with told(text):
            return sqlite_driver(tx).execute(text, flat)

    def _for(self, tx: Connection) -> Any:
        name = tx.dialect.name
        if name not in self._made:
            self._made[name] = self._make(inserting(tx))
        return self._made[name]

    def _planned(self, tx: Connection, values: Mapping[str, Any]) -> "_Plan":
        if self._plan is None:
            made = self._for(tx).compile(dialect=tx.dialect, column_keys=list(values))
            self._plan = _plan(made, tx)
        return self._plan


def among(name: str) -> Any:
    """A value that is a list: `column.in_(among("ids"))`."""
    return sa.bindparam(name, expanding=True)


def found_otherwise(column: Any) -> Any:
    """A column that only picks among rows which another condition finds.

    Without statistics SQLite takes every equality for ten rows, and would rather read all that is
    open, which an outage makes many, than a hundred rows by their ids.
    """
    return sa.func.coalesce(column, column)


@dataclass(frozen=True)
class _Plan:
    """A statement's text for SQLite, and how its values follow each other."""

    text: str
    names: tuple[str, ...]
    fixed: Mapping[str, Any]
    """Values that stand in the statement itself."""
    cares: tuple[tuple[int, Callable[[Any], Any]], ...]
    """What the type of the value at a place does to it."""
    lists: frozenset[str]
    places: str | None
    """The `(?, …)` of an INSERT's one row, where no other values follow it."""
    pick: Callable[[Mapping[str, Any]], tuple[Any, ...]]
    """Of a row, the values that the text names."""

    def values(self, row: Mapping[str, Any]) -> list[Any]:
        """Of one row, in the order of the text."""
        if self.fixed:
            row = {**self.fixed, **row}
        out = list(self.pick(row))
        for at, care in self.cares:
            out[at] = care(out[at])
        return out

    def together(self, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, list[Any]]]:
        """Inserts of many rows at a time, of few different numbers, so that SQLite meets few texts.

        Between two rows of an `executemany`, and several times for each statement, the driver gives
        the interpreter away, and may wait 5 ms to have it back from a busy thread.
        """
        at, left = 0, len(rows) if self.places else 0
        while left:
            count = left if left < STEP else min(left - left % STEP, MOST_ROWS)
            assert self.places is not None
            text = self.text.replace(self.places, ", ".join([self.places] * count), 1)
            yield text, [value for row in rows[at : at + count] for value in self.values(row)]
            at, left = at + count, left - count

    def spread(self, row: Mapping[str, Any]) -> tuple[str, list[Any]]:
        """The text with as many places as the lists need, and all values.

        Lists are filled up to a power of two, so that SQLite meets few different texts.
        """
        text, flat = self.text, []
        for name, value in zip(self.names, self.values(row), strict=True):
            if name not in self.lists:
                flat.append(value)
                continue
            items = list(value) or [None]  # nothing equals NULL
            places = 1 << (len(items) - 1).bit_length()
            items += items[-1:] * (places - len(items))
            text = text.replace(f"__[POSTCOMPILE_{name}]", ", ".join("?" * places), 1)
            flat += items
        return text, flat


def _plan(made: Any, tx: Connection) -> _Plan:
    assert isinstance(made, SQLCompiler)
    names = tuple(made.positiontup or ())
    text, places = str(made), f"({', '.join('?' * len(names))})"
    kinds = [made.binds[name].type.dialect_impl(tx.dialect) for name in names]
    lists = frozenset(name for name in names if made.binds[name].expanding)
    cares = ((at, kind.bind_processor(tx.dialect)) for at, kind in enumerate(kinds))
    return _Plan(
        text=text,
        names=names,
        fixed={name: value for name, value in made.params.items() if value is not None},
        cares=tuple(
            (at, _each(care) if names[at] in lists else care)
            for at, care in cares
            if care is not None
        ),
        lists=lists,
        places=places if made.isinsert and f"VALUES {places}" in text else None,
        pick=itemgetter(*names) if len(names) > 1 else lambda row: tuple(row[n] for n in names),
    )


def _each(care: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    """The same for every item of a list."""
    return lambda items: [care(item) for item in items]

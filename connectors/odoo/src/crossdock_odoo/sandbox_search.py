"""Domains: Odoo's search conditions in prefix notation, with the indexes of the store."""

import operator as operators
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from itertools import chain, islice
from operator import itemgetter
from typing import Any

from crossdock_odoo.sandbox_errors import OdooFault, value_error
from crossdock_odoo.sandbox_models import ORDERS
from crossdock_odoo.sandbox_store import Row, Store, Table, parse_moment

Test = Callable[[Row], bool]
OPERATORS = {"=", "!=", "<", ">", "<=", ">=", "in", "not in", "like", "ilike", "=like", "=ilike"}


def search(
    store: Store,
    model: str,
    domain: list[Any],
    order: str = "",
    limit: int | None = None,
    offset: int = 0,
    active_test: bool = True,
) -> list[Row]:
    """The rows that fulfil a domain; archived ones only when asked for."""
    leaves = [leaf for leaf in domain if not isinstance(leaf, str)]
    test = _compile(store, model, list(domain))
    rows = list(_candidates(store, model, domain, leaves))
    hide = (
        active_test
        and "active" in store.fields(model)
        and all(str(leaf[0]) != "active" for leaf in leaves)
    )
    by_id = (order or ORDERS.get(model, "id")) == "id"
    if by_id:  # a page by id need not look at all rows
        above = 0
        if "|" not in domain and "!" not in domain:
            above = max((leaf[2] for leaf in leaves if list(leaf[:2]) == ["id", ">"]), default=0)
        rows = sorted((row for row in rows if row["id"] > above), key=itemgetter("id"))
    matching = (row for row in rows if test(row) and not (hide and not row["active"]))
    stop = None if limit is None else offset + limit
    if by_id:
        return list(islice(matching, offset, stop))
    return store.sorted(model, matching, order)[offset:stop]


def _candidates(store: Store, model: str, domain: list[Any], leaves: list[Any]) -> Iterable[Row]:
    """The smallest set of rows that one of the conditions joined by AND leaves over."""
    table = store.tables[model]
    if "|" in domain or "!" in domain:
        return list(table.rows.values())
    found = [one for one in (_narrowed(table, *leaf) for leaf in leaves) if one is not None]
    if not found:
        return list(table.rows.values())
    count, ids = min(found, key=itemgetter(0))
    if count > len(table.rows):
        return list(table.rows.values())
    return [table.rows[record] for record in dict.fromkeys(ids())]


def _narrowed(
    table: Table, name: str, operator: str, value: Any
) -> tuple[int, Callable[[], Iterable[int]]] | None:
    """At most how many rows a condition leaves over, and their ids; None: it must be tried."""
    index = table.indexes.get(name)
    if operator in ("=", "in") and (index is not None or name == "id"):
        wanted = dict.fromkeys(value if operator == "in" else [value])
        if index is None:
            return len(wanted), lambda: [record for record in wanted if record in table.rows]
        places = [index.get(one, {}) for one in wanted]
        return sum(map(len, places)), lambda: chain.from_iterable(places)
    if name == "write_date" and operator in (">=", ">"):
        moment = parse_moment(value).replace(microsecond=0)
        return table.written_since(moment), lambda: table.since(moment)
    return None


def _compile(store: Store, model: str, domain: list[Any]) -> Test:
    tests: list[Test] = []
    while domain:
        tests.append(_next(store, model, domain))
    return lambda row: all(test(row) for test in tests)


def _next(store: Store, model: str, domain: list[Any]) -> Test:
    part = domain.pop(0)
    if part == "!":
        inner = _next(store, model, domain)
        return lambda row: not inner(row)
    if part in ("&", "|"):
        left, right = _next(store, model, domain), _next(store, model, domain)
        if part == "&":
            return lambda row: left(row) and right(row)
        return lambda row: left(row) or right(row)
    return _leaf(store, model, tuple(part))


def _leaf(store: Store, model: str, leaf: tuple[Any, ...]) -> Test:
    name, operator, value = leaf
    head, _, tail = str(name).partition(".")
    type_ = store.fields(model).get(head)
    if type_ is None:
        where = "condition" if store.version >= 19 else "leaf"
        raise value_error(f"Invalid field {model}.{head} in {where} {_shown(leaf)}")
    if operator not in OPERATORS:
        if store.version >= 19:
            raise value_error(f"Invalid operator in condition {_shown(leaf)}")
        raise value_error(f"Invalid leaf {_shown(leaf)}")
    if tail:
        target = type_.split(":")[1]
        inner = _leaf(store, target, (tail, operator, value))
        rows = store.tables[target].rows

        def through(row: Row) -> bool:
            found = store.value(model, row, head)
            ids = found if isinstance(found, list) else [found] if found else []
            return any(inner(rows[record]) for record in ids if record in rows)

        return through
    compare = _comparison(store, type_, str(operator), value)
    stored = (model, head) not in store.computed and not type_.startswith("o2m:")
    if stored:
        return lambda row: compare(row.get(head, False))
    return lambda row: compare(store.value(model, row, head))


def _shown(leaf: tuple[Any, ...]) -> str:
    return repr(leaf)


def _comparison(store: Store, type_: str, operator: str, value: Any) -> Callable[[Any], bool]:
    if type_ in ("datetime", "date") and isinstance(value, str):
        return _by_time(store, operator, parse_moment(value))
    if operator in ("in", "not in"):
        wanted = set(value)
        if type_.startswith(("m2m:", "o2m:")):
            return lambda found: bool(wanted & set(found)) == (operator == "in")
        return lambda found: ((found or False) in wanted) == (operator == "in")
    if operator in ("=", "!="):
        same = operator == "="
        if type_.startswith(("m2m:", "o2m:")):
            return lambda found: ((value in found) if value else not found) == same
        if value in (False, None):
            return lambda found: (not found) == same
        return lambda found: (found == value) == same
    if operator.endswith("like"):
        return _by_pattern(operator, str(value))
    orders: dict[str, Callable[[Any], bool]] = {
        "<": lambda found: found < value,
        ">": lambda found: found > value,
        "<=": lambda found: found <= value,
        ">=": lambda found: found >= value,
    }
    if not isinstance(value, int | float):
        raise OdooFault("builtins.TypeError", f"cannot compare with {value!r}")
    return orders[operator]


TIMED: dict[str, Callable[[Any, Any], Any]] = {
    "=": operators.eq,
    "!=": operators.ne,
    "<": operators.lt,
    ">": operators.gt,
    "<=": operators.le,
    ">=": operators.ge,
}


def _by_time(store: Store, operator: str, moment: datetime) -> Callable[[Any], bool]:
    """19 compares whole seconds, 18 and before the microseconds that the wire never shows."""
    holds = TIMED[operator]
    if store.version < 19:
        return lambda found: bool(holds(found, moment)) if _is_time(found) else operator == "!="
    if operator in ("=", "!="):
        return lambda found: (
            bool(holds(found.replace(microsecond=0), moment))
            if _is_time(found)
            else operator == "!="
        )
    # a time's whole second is after a moment when the time is not before the second that follows
    follows = moment.replace(microsecond=0) + timedelta(seconds=1)
    if operator in (">", "<="):
        holds, bound = TIMED[">=" if operator == ">" else "<"], follows
    else:
        bound = follows if moment.microsecond else moment
    return lambda found: bool(holds(found, bound)) if _is_time(found) else False


def _is_time(found: Any) -> bool:
    return isinstance(found, datetime)


def _by_pattern(operator: str, value: str) -> Callable[[Any], bool]:
    text = value if operator.startswith("=") else f"%{value}%"
    parts = (
        ".*" if c == "%" else "." if c == "_" else re.escape(c[-1])
        for c in re.findall(r"\\.|.", text, re.DOTALL)
    )
    flags = re.DOTALL | (re.IGNORECASE if "ilike" in operator else 0)
    match = re.compile("".join(parts), flags).fullmatch
    return lambda found: bool(isinstance(found, str) and match(found))

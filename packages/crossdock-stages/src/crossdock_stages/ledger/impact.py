"""What hangs on a case at the desk: how much money, until when, and how many people wait."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from crossdock import jsontext
from crossdock.errors import ContractError
from sqlalchemy.engine import Connection

from crossdock_stages.book import Book
from crossdock_stages.ledger import orders
from crossdock_stages.ledger.finding import values_of
from crossdock_stages.ledger.settling import Case
from crossdock_stages.ledger.tables import entities, outbox, reservations, waiting

SEVERITIES = ("critical", "error", "warning", "info")


@dataclass(frozen=True, kw_only=True)
class Impact:
    """What a case costs while it is open.

    `value` is the order's total with its currency, `promised` what the customer was told (RFC
    3339), both empty where they are not known; `people` counts the orders that wait for it: of
    goods those that have some of them set aside, or are held for want of them.
    """

    value: str = ""
    promised: str = ""
    people: int = 0


def impacts(tx: Connection, found: Sequence[Case]) -> dict[str, Impact]:
    """By case id."""
    keys = {case.entity_key for case in found if case.entity_key}
    books = _books(tx, keys)
    bodies = _bodies(tx, keys)
    connections = {case.connection for case in found if case.stage == "connection"}
    behind = _waiting(tx)
    goods = _wanting(tx, [case for case in found if case.code in _OF_GOODS])
    out = {}
    for case in found:
        if case.connection in connections and case.stage == "connection":
            out[case.id] = Impact(people=len(behind.get(case.connection, ())))
            continue
        book = books.get(case.entity_key)
        value = _value(case.body) or _value(bodies.get(case.entity_key, b""))
        people = 1 if value or book is not None else len(goods.get(case.entity_id, ()))
        out[case.id] = Impact(
            value=value, promised=book.promised if book is not None else "", people=people
        )
    return out


def rank(case: Case, impact: Impact) -> tuple[int, int, str, float]:
    """The worst first: severity, then people, then the earliest promise, then the oldest."""
    severity = SEVERITIES.index(case.severity) if case.severity in SEVERITIES else 1
    return (severity, -impact.people, impact.promised or "9999", case.since)


def _books(tx: Connection, keys: set[str]) -> Mapping[str, Book]:
    out = {}
    for part in _parts(keys):
        query = sa.select(entities.c.id, entities.c.facts).where(
            entities.c.id.in_(part), entities.c.kind == "order"
        )
        for row in tx.execute(query):
            out[row.id] = Book.load(row.facts)
    return out


def _bodies(tx: Connection, keys: set[str]) -> Mapping[str, bytes]:
    """What the executing system was asked to create for these orders."""
    out = {}
    targets = values_of(tx, outbox.c.connection)
    for part in _parts(keys):
        query = sa.select(outbox.c.entity_id, outbox.c.body).where(
            outbox.c.connection.in_(targets),
            outbox.c.entity_key.in_(part),
            outbox.c.type == "order.create",
        )
        for row in tx.execute(query):
            out[row.entity_id] = bytes(row.body)
    return out


_OF_GOODS = frozenset({"oversold", "negative_stock"})


def _wanting(tx: Connection, found: Sequence[Case]) -> Mapping[str, set[str]]:
    """Position to the orders that need goods of it."""
    out: dict[str, set[str]] = {}
    for part in _parts({case.entity_id for case in found}):
        query = sa.select(entities.c.id, entities.c.label).where(
            entities.c.id.in_(part), entities.c.kind == "inventory"
        )
        for row in tx.execute(query):
            sku, _, place = row.label.rpartition(" at ")
            aside = sa.select(reservations.c.order_id).where(
                reservations.c.sku == sku, reservations.c.location == place
            )
            # as the verdict says it
            held = orders.held_for(tx, ("negative_stock",), [f"of SKU {sku} with line"])
            out[row.id] = {*tx.execute(aside).scalars(), *held}
    return out


def _waiting(tx: Connection) -> Mapping[str, set[str]]:
    """Connection to the entities whose messages wait for it."""
    out: dict[str, set[str]] = {}
    for row in tx.execute(sa.select(waiting.c.connection, waiting.c.entity_key).distinct()):
        out.setdefault(row.connection, set()).add(row.entity_key)
    return out


def _parts(keys: set[str]) -> list[list[str]]:
    ordered = sorted(keys)
    return [ordered[start : start + 500] for start in range(0, len(ordered), 500)]


def _value(body: bytes) -> str:
    try:
        document = jsontext.parse(body) if body else {}
        total = document["totals"]["total"] if "totals" in document else document["amount"]
        return f"{total['amount']} {total['currency']}"
    except (ContractError, LookupError, TypeError):
        return ""

"""Which fields each topic of each connection has had, and which of them were news."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from crossdock_stages.ledger.store import upsert
from crossdock_stages.ledger.tables import fields

Topic = tuple[str, str]
"""A connection and its word for what it sends."""
LONGEST = 255
"""A longer pattern has no place here."""
AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Field:
    """One field of one topic. `told` when it was news; else it was noted without a word."""

    connection: str
    topic: str
    field: str
    told: bool
    landing_id: str
    sample: str = ""
    payloads: int
    """How many payloads had it when it was noted; of the topic itself, how many taught it."""
    at: float


def known(tx: Connection, topics: Iterable[Topic]) -> dict[Topic, list[Field]]:
    """What is known of each of these, the topic itself (field "") included."""
    found: dict[Topic, list[Field]] = {}
    for connection, topic in topics:
        query = sa.select(fields).where(fields.c.connection == connection, fields.c.topic == topic)
        found[connection, topic] = [Field(**row._mapping) for row in tx.execute(query)]
    return found


def add(tx: Connection, rows: Sequence[Field]) -> set[tuple[str, str, str]]:
    """Note these; the keys of those that nobody had noted before."""
    mine: set[tuple[str, str, str]] = set()
    for start in range(0, len(rows), AT_ONCE):
        values = [vars(row) for row in rows[start : start + AT_ONCE]]
        insert = upsert(tx, fields).values(values).on_conflict_do_nothing()
        key = insert.returning(fields.c.connection, fields.c.topic, fields.c.field)
        mine.update((row.connection, row.topic, row.field) for row in tx.execute(key))
    return mine


def taught(tx: Connection, topic: Topic, payloads: int, now: float) -> None:
    """So many more payloads were looked at to learn what this topic has."""
    connection, name = topic
    insert = upsert(tx, fields).values(
        connection=connection,
        topic=name,
        field="",
        told=False,
        landing_id="",
        sample="",
        payloads=payloads,
        at=now,
    )
    tx.execute(
        insert.on_conflict_do_update(
            index_elements=["connection", "topic", "field"],
            set_={"payloads": fields.c.payloads + insert.excluded.payloads},
        )
    )


def news(tx: Connection, since: float, limit: int = 1000) -> list[Field]:
    """What was told at or after `since`, newest first."""
    query = (
        sa.select(fields)
        .where(fields.c.told.is_(True), fields.c.at >= since)
        .order_by(fields.c.at.desc(), fields.c.field)
        .limit(limit)
    )
    return [Field(**row._mapping) for row in tx.execute(query)]


def how_many(tx: Connection, since: float) -> dict[str, int]:
    """How many fields each connection began to send at or after `since`."""
    query = (
        sa.select(fields.c.connection, sa.func.count().label("n"))
        .where(fields.c.told.is_(True), fields.c.at >= since)
        .group_by(fields.c.connection)
    )
    return {row.connection: row.n for row in tx.execute(query)}
